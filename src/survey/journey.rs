//! The way through an unknown shop: in, an article into the cart, its page looked at, and the cart emptied again.

use http::Method;
use url::{Position, Url};

use super::Doubt;
use super::article::{find_add, find_empty, ways_to_empty};
use super::cart::{Article, FoundCart, currency_of, find_cart};
use super::checkout::FoundCheckout;
use super::entrance::{FoundForm, Wanted, find_sign_in, links_for, signs_of_success};
use super::keys::{Keys, list, quoted};
use super::platform::Platform;
use crate::config::file::File;
use crate::problem::Problem;
use crate::shop::{Account, Emptying, EmptyingSource, Form, FormChoice, Page, Press, SignIn, Visit, sign_in};

/// Where shops have their sign-in page, for those whose front page has no link to it.
const SIGN_IN_PAGES: [&str; 7] = [
    "/login",
    "/account/login",
    "/accounts/login/",
    "/user/login",
    "/customer/account/login/",
    "/my-account/",
    "/konto",
];
/// And their cart.
const CART_PAGES: [&str; 7] =
    ["/cart", "/cart/", "/basket/", "/handlekurv", "/checkout/cart/", "/warenkorb", "/varukorg"];
/// Most pages that are opened in search of one.
const MOST: usize = 12;

/// What is to be done in the shop.
pub struct Errand {
    /// Who signs in.
    pub account: Account,
    /// Path and query of an article's page.
    pub article: String,
    /// ISO 4217, where the page does not tell.
    pub currency: Option<String>,
    /// How an article gets into the cart, where no form of its page does it.
    pub add: Option<EmptyingSource>,
}

/// What `[shop]` is to say.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// A preset, which says all that the keys do not.
    pub preset: Option<String>,
    /// How an article gets into the cart, for the proof.
    pub add: Option<EmptyingSource>,
    /// `[shop.sign_in]`
    pub sign_in: Keys,
    /// `[shop.cart]`
    pub cart: Keys,
    /// `[shop.cart.clear]`
    pub clear: Keys,
    /// `[shop.deny]`
    pub deny: Keys,
    /// What a person should look at.
    pub doubts: Vec<Doubt>,
}

/// A visit, and a way to tell of its steps.
pub struct Walk<'w> {
    /// The stay in the shop; it begins with nobody signed in.
    pub visit: &'w mut Visit,
    /// Is told each step.
    pub tell: &'w dyn Fn(&str),
}

/// A draft for a shop of a known platform: the preset, and what it leaves open.
///
/// # Errors
/// A text for a person: why it is not of that platform after all.
pub async fn known(walk: Walk<'_>, platform: &Platform, errand: &Errand) -> Result<Draft, String> {
    let Walk { visit, tell } = walk;
    let file: File = toml::from_str(platform.text()).map_err(|error| error.to_string())?;
    let rules = file.shop.sign_in.as_ref().ok_or("its preset does not sign in")?;
    let rules = SignIn::compile(rules).map_err(|errors| errors.join("; "))?;
    sign_in(&rules, visit, &errand.account).await.map_err(told)?;
    tell("signed in as the preset says");
    let address = file.shop.cart.page.iter().next().unwrap_or("/").to_owned();
    add_article(visit, errand, platform.add.as_ref()).await?;
    let cart = visit.open(&address).await.map_err(told)?;
    if !platform.has_cart(&cart.text) {
        return Err("its cart page is not the one that the preset knows".to_owned());
    }
    let mut draft = Draft { preset: Some(platform.preset.clone()), add: platform.add.clone(), ..Draft::default() };
    let reads_json = file.shop.cart.source.is_some();
    match errand.currency.clone().or_else(|| currency_of(&cart.text)) {
        Some(currency) => draft.cart.add("currency", quoted(&currency), "what the amounts are in"),
        None if reads_json => {}
        None => draft.doubts.push(Doubt::new("shop.cart.currency", "the cart page does not tell it: --currency does")),
    }
    if let Some(Ok(emptying)) = file.shop.cart.clear.as_ref().map(Emptying::compile) {
        emptying.run(visit, &cart).await.map_err(told)?;
    }
    Ok(draft)
}

/// A draft for a shop of which nothing is known.
///
/// # Errors
/// A text for a person: how far it went, and what was not found there.
pub async fn unknown(walk: Walk<'_>, front: &Page, errand: &Errand) -> Result<Draft, String> {
    let Walk { visit, tell } = walk;
    let mut draft = Draft { add: errand.add.clone(), ..Draft::default() };
    let (entrance, inside) = enter(visit, front, errand, &mut draft).await?;
    tell(&format!("signed in at {}", entrance.path()));
    let (article, answer) = add_article(visit, errand, errand.add.as_ref()).await?;
    tell(&format!("put {} into the cart", article.url.path()));
    let (cart, found) = cart_page(visit, front, &answer, &article).await?;
    let many = if found.lines == 1 { "line" } else { "lines" };
    tell(&format!("found the cart at {}, {} {many}", cart.url.path(), found.lines));
    describe_cart(&cart, &found, errand, &mut draft);
    let open = [cart.url.clone(), entrance, article.url.clone(), front.url.clone()];
    close(&[front, &inside, &answer, &article, &cart], &open, &mut draft);
    empty(visit, &cart, &found, &mut draft).await?;
    Ok(draft)
}

fn told(problem: Problem) -> String {
    problem.to_string()
}

/// Finds the sign-in form, signs in, and finds the sign by which that is known.
async fn enter(visit: &mut Visit, front: &Page, errand: &Errand, draft: &mut Draft) -> Result<(Url, Page), String> {
    let (page, found) = sign_in_page(visit, front).await?;
    let answer = by_hand(visit, &page, &found, &errand.account).await?;
    let keys = &mut draft.sign_in;
    keys.add("page", quoted(address(&page.url)), "the page with the form");
    if let Some(form) = &found.form {
        keys.add("form", quoted(form), "another form there has the same fields");
    }
    let fields = [(&found.user, "{username}"), (&found.password, "{password}")];
    let fields: Vec<_> = fields.iter().map(|(name, text)| format!("{} = {}", quoted(name), quoted(text))).collect();
    keys.add("fields", format!("{{ {} }}", fields.join(", ")), "");
    if let Some(submit) = &found.submit {
        keys.add("submit", quoted(submit), "the button");
    }
    let sign_on = |page: &Page, before: &Page| {
        let is_new =
            |sign: &String| sign.parse().is_ok_and(|selector| page.holds(&selector) && !before.holds(&selector));
        signs_of_success(&page.text).into_iter().find(is_new)
    };
    if let Some(sign) = sign_on(&answer, &page) {
        keys.add("success", format!("{{ element = {} }}", quoted(&sign)), "shows only to who is signed in");
        return Ok((page.url, answer));
    }
    let start = visit.follow(&answer, address(&front.url)).await.map_err(told)?;
    if let Some(sign) = sign_on(&start, front) {
        let success = format!("{{ element = {}, page = {} }}", quoted(&sign), quoted(address(&front.url)));
        keys.add("success", success, "shows only to who is signed in");
        return Ok((page.url, start));
    }
    if find_sign_in(&answer.text).is_some() || answer.status.is_client_error() {
        return Err(format!("the shop did not let the account in: {}", answer.describe()));
    }
    let pattern = format!("{}**", address(&page.url));
    keys.add("success", format!("{{ not_redirect = {} }}", quoted(&pattern)), "");
    let text = "no link that signs out was found, the surest sign; it is taken for good that the shop leads elsewhere";
    draft.doubts.push(Doubt::new("shop.sign_in.success", text));
    Ok((page.url, answer))
}

async fn sign_in_page(visit: &mut Visit, front: &Page) -> Result<(Page, FoundForm), String> {
    if let Some(found) = find_sign_in(&front.text) {
        return Ok((front.clone(), found));
    }
    let links = links_for(Wanted::SignIn, &front.text, &front.url);
    let addresses = links.iter().map(|url| address(url).to_owned()).chain(SIGN_IN_PAGES.map(str::to_owned));
    let addresses: Vec<_> = addresses.take(MOST).collect();
    for wanted in &addresses {
        let page = visit.open(wanted).await.map_err(told)?;
        if let Some(found) = find_sign_in(&page.text).filter(|_| page.status.is_success()) {
            return Ok((page, found));
        }
    }
    Err(format!("no sign-in form was found; looked at {}", addresses.join(", ")))
}

async fn by_hand(visit: &mut Visit, page: &Page, found: &FoundForm, account: &Account) -> Result<Page, String> {
    let selector = found.form.as_ref().and_then(|form| Some((form.clone(), form.parse().ok()?)));
    let choice = FormChoice { selector, needs: vec![found.user.clone(), found.password.clone()] };
    let mut form = Form::find(page, &choice).map_err(|missing| missing.to_string())?;
    form.fill(&found.user, &account.username);
    form.fill(&found.password, account.password.expose());
    let press = found.submit.clone().map_or(Press::Default, Press::Named);
    let filled = form.submit(&press).map_err(|missing| missing.to_string())?;
    if filled.method == Method::GET {
        return Err("the sign-in form would send the password in an address".to_owned());
    }
    visit.submit(page, filled).await.map_err(told)
}

/// Puts the article into the cart: twice as many as the page proposes, so that arithmetic tells price from total.
///
/// # Errors
/// A text for a person.
pub async fn add_article(
    visit: &mut Visit,
    errand: &Errand,
    add: Option<&EmptyingSource>,
) -> Result<(Page, Page), String> {
    let page = visit.open(&errand.article).await.map_err(told)?;
    if !page.status.is_success() {
        return Err(format!("the article: {}", page.describe()));
    }
    if let Some(add) = errand.add.as_ref().or(add) {
        // A request for what is found on a page, or a form filled in: the same as emptying a cart.
        let add = Emptying::compile(add).map_err(|errors| errors.join("; "))?;
        add.run(visit, &page).await.map_err(told)?;
        return Ok((page.clone(), page));
    }
    let found = find_add(&page.text).ok_or_else(|| {
        format!("no form on {} puts the article into the cart: say with --add how a script does it", page.url.path())
    })?;
    let selector = found.form.parse().ok().map(|selector| (found.form.clone(), selector));
    let choice = FormChoice { selector, needs: Vec::new() };
    let mut form = Form::find(&page, &choice).map_err(|missing| missing.to_string())?;
    if let Some((name, proposed)) = &found.quantity {
        let twice = proposed.parse::<u32>().map_or(2, |proposed| proposed.max(1).saturating_mul(2));
        form.fill(name, &twice.to_string());
    }
    let press = found.submit.clone().map_or(Press::Default, Press::Named);
    let filled = form.submit(&press).map_err(|missing| missing.to_string())?;
    if found.quantity.is_none() {
        visit.submit(&page, filled.clone()).await.map_err(told)?;
    }
    let answer = visit.submit(&page, filled).await.map_err(told)?;
    Ok((page, answer))
}

async fn cart_page(
    visit: &mut Visit,
    front: &Page,
    answer: &Page,
    article: &Page,
) -> Result<(Page, FoundCart), String> {
    let wanted = Article { mark: mark_of(&article.url) };
    let links = [answer, article, front].map(|page| links_for(Wanted::Cart, &page.text, &page.url)).concat();
    let mut addresses: Vec<String> = links.iter().map(|url| address(url).to_owned()).collect();
    // Where the shop led to after adding is often the cart itself.
    if answer.redirects > 0 {
        addresses.insert(0, address(&answer.url).to_owned());
    }
    addresses.extend(CART_PAGES.map(str::to_owned));
    let mut seen: Vec<&str> = Vec::new();
    let mut second_best = None;
    for wanted_address in &addresses {
        if seen.contains(&wanted_address.as_str())
            || seen.len() == MOST
            || wanted_address.as_str() == address(&article.url)
        {
            continue;
        }
        seen.push(wanted_address);
        let page = visit.open(wanted_address).await.map_err(told)?;
        match find_cart(&page.text, Some(&wanted)) {
            Ok(found) if found.holds_article && page.status.is_success() => return Ok((page, found)),
            Ok(found) if page.status.is_success() => second_best = second_best.or(Some((page, found))),
            _ => {}
        }
    }
    second_best.ok_or_else(|| format!("no page has the article in a cart; looked at {}", seen.join(", ")))
}

/// What a link to the article has in its address.
fn mark_of(url: &Url) -> String {
    let pair =
        url.query().and_then(|query| query.split('&').rfind(|pair| pair.bytes().any(|one| one.is_ascii_digit())));
    pair.map_or_else(|| url.path().to_owned(), str::to_owned)
}

fn describe_cart(cart: &Page, found: &FoundCart, errand: &Errand, draft: &mut Draft) {
    draft.cart.add("page", quoted(address(&cart.url)), "where checkout begins");
    draft.cart.extend(&found.keys);
    let mut doubts = found.doubts.clone();
    if let Some(currency) = &errand.currency {
        draft.cart.add("currency", quoted(currency), "what the amounts are in");
        doubts.retain(|doubt| doubt.key != "shop.cart.currency");
    }
    draft.doubts.extend(doubts);
    let scripts = ["__NEXT_DATA__", "data-reactroot", "ng-version=", "__NUXT__", "wp-block-woocommerce"];
    if scripts.iter().any(|mark| cart.text.contains(mark)) {
        draft.cart.add("return", quoted("fresh"), "a script draws the page anew");
    }
}

/// The controls that lead to checkout, and what must be closed.
fn close(pages: &[&Page], open: &[Url], draft: &mut Draft) {
    let mut found = FoundCheckout::default();
    for page in pages {
        found.look(&page.text, &page.url, open);
    }
    if found.controls.is_empty() {
        let text = "no control that leads to checkout was found: name it, and its address in shop.deny.paths";
        draft.doubts.push(Doubt::new("shop.cart.checkout", text));
    } else {
        draft.cart.add("checkout", list(&found.controls), "on any page: these hand the cart over");
    }
    if !found.paths.is_empty() {
        draft.deny.add("paths", list(&found.paths), "");
    }
    if !found.forms.is_empty() {
        let one =
            |(path, field): &(String, String)| format!("{{ path = {}, field = {} }}", quoted(path), quoted(field));
        let forms: Vec<_> = found.forms.iter().map(one).collect();
        draft.deny.add("forms", format!("[{}]", forms.join(", ")), "buttons that order");
    }
    let text = "only addresses that its pages lead to are closed: add every other that places or pays an order";
    draft.doubts.push(Doubt::new("shop.deny.paths", text));
}

/// Tries the ways to empty the cart until one does, and looks at how the empty one says so.
async fn empty(visit: &mut Visit, cart: &Page, found: &FoundCart, draft: &mut Draft) -> Result<(), String> {
    for way in ways_to_empty(&cart.text, found.line()) {
        let Ok(source) = toml::from_str::<EmptyingSource>(&way.toml()) else { continue };
        let Ok(emptying) = Emptying::compile(&source) else { continue };
        let page = visit.open(address(&cart.url)).await.map_err(told)?;
        emptying.run(visit, &page).await.map_err(told)?;
        let after = visit.open(address(&cart.url)).await.map_err(told)?;
        if find_cart(&after.text, None).is_ok() {
            continue;
        }
        draft.clear = way;
        match find_empty(&after.text, &cart.text) {
            Some(empty) => draft.cart.add("empty", empty, "what an empty cart shows"),
            None => {
                let text =
                    "how an empty cart shows was not found: an empty one will be refused as one that cannot be read";
                draft.doubts.push(Doubt::new("shop.cart.empty", text));
            }
        }
        return Ok(());
    }
    let text = "no way to empty the cart was found: what one session leaves there, the next one finds. The article of this try still lies in it";
    draft.doubts.push(Doubt::new("shop.cart.clear", text));
    Ok(())
}

/// Path and query.
fn address(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}
