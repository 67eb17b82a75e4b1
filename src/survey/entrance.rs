//! Signing in on an unknown shop: the form, and the sign that it was let in.

use url::Url;

use super::links::by_address;
use super::markup::{Element, Markup, control_text, inside, told_of};
use super::selector;
use super::words::WORDS;

/// A sign-in form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundForm {
    /// Its selector, where other forms of the page have the same fields.
    pub form: Option<String>,
    /// The field for the account's name.
    pub user: String,
    /// The field for its password.
    pub password: String,
    /// The button's name, where it has one.
    pub submit: Option<String>,
}

/// The form with one password and a name before it, and the fewest fields besides: who registers fills in more.
pub fn find_sign_in(source: &str) -> Option<FoundForm> {
    let markup = Markup::parse(source);
    let forms: Vec<_> = markup.named("form").collect();
    let fitting = forms.iter().filter_map(|form| Some((*form, fields(*form)?)));
    let (form, (user, password, _)) = fitting.min_by_key(|(_, (_, _, count))| *count)?;
    let has_both = |other: &Element<'_>| {
        let names: Vec<_> = inside(*other).filter_map(|one| one.attr("name")).collect();
        names.contains(&user.as_str()) && names.contains(&password.as_str())
    };
    let first = forms.iter().find(|other| has_both(other));
    let needs_choice = first != Some(&form);
    let submit = inside(form).find(|one| is_submit(*one)).and_then(|one| one.attr("name"));
    Some(FoundForm {
        form: needs_choice.then(|| selector::of_one(&markup, form)).flatten(),
        user,
        password,
        submit: submit.filter(|name| !name.is_empty()).map(str::to_owned),
    })
}

/// Name, password, and how many fields a person sees.
fn fields(form: Element<'_>) -> Option<(String, String, usize)> {
    let (mut user, mut password, mut seen) = (None, None, 0);
    for input in inside(form).filter(|one| matches!(one.value().name(), "input" | "select" | "textarea")) {
        let kind = input.attr("type").unwrap_or("text").to_ascii_lowercase();
        match kind.as_str() {
            "password" if password.is_some() => return None,
            "password" => password = input.attr("name").map(str::to_owned),
            "text" | "email" | "tel" if password.is_none() => user = input.attr("name").map(str::to_owned),
            "hidden" | "submit" | "button" | "image" | "checkbox" => continue,
            _ => {}
        }
        seen += 1;
    }
    Some((user?, password?, seen))
}

fn is_submit(element: Element<'_>) -> bool {
    let kind = element.attr("type").map(str::to_ascii_lowercase);
    match element.value().name() {
        "button" => matches!(kind.as_deref(), None | Some("submit")),
        "input" => matches!(kind.as_deref(), Some("submit" | "image")),
        _ => false,
    }
}

/// Selectors of what shows only to somebody who is signed in: links and forms that sign out.
pub fn signs_of_success(source: &str) -> Vec<String> {
    let markup = Markup::parse(source);
    let mut found = Vec::new();
    for element in markup.all() {
        let tag = element.value().name();
        let (attribute, written) = match tag {
            "a" => ("href", element.attr("href")),
            "form" => ("action", element.attr("action")),
            _ => continue,
        };
        let Some(written) = written.filter(|written| !written.is_empty()) else { continue };
        let told = if tag == "a" { control_text(element) } else { format!("{written} {}", told_of(element)) };
        if WORDS.sign_out.is_match(&told) {
            found.extend(by_address(tag, attribute, written).filter(|one| WORDS.sign_out.is_match(one)));
            found.extend(selector::of_one(&markup, element));
        }
    }
    found.dedup();
    found
}

/// Where a person would look for something, by the words on links: the likeliest first, each once.
pub fn links_for(kind: Wanted, source: &str, page: &Url) -> Vec<Url> {
    let markup = Markup::parse(source);
    let words = match kind {
        Wanted::SignIn => &WORDS.sign_in,
        Wanted::Cart => &WORDS.cart,
    };
    let mut found: Vec<(usize, Url)> = Vec::new();
    for link in markup.named("a") {
        let Some(url) = link.attr("href").and_then(|href| page.join(href.trim()).ok()) else { continue };
        let address = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let matches =
            usize::from(words.is_match(&address)) + usize::from(words.is_match(&super::markup::text_of(link)));
        // What is put into the cart or taken out has its words too.
        let changes = kind == Wanted::Cart
            && (WORDS.remove.is_match(&address) || WORDS.add.is_match(&address) || WORDS.clear.is_match(&address));
        let leaves = kind == Wanted::SignIn && WORDS.sign_out.is_match(&control_text(link));
        if matches > 0
            && !changes
            && !leaves
            && url.host() == page.host()
            && !found.iter().any(|(_, known)| *known == url)
        {
            found.push((matches, url));
        }
    }
    found.sort_by_key(|(matches, _)| std::cmp::Reverse(*matches));
    found.into_iter().map(|(_, url)| url).collect()
}

/// What is looked for among links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Wanted {
    SignIn,
    Cart,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_signs_in_is_told_from_the_one_that_registers() {
        let page = "<form action=/search><input name=q></form>\
            <form id=register><input name=email><input name=first><input type=password name=pass><button name=reg>Go</button></form>\
            <form id=login><input type=hidden name=t value=1><input name=email><input type=password name=pass>\
            <input type=checkbox name=keep><button type=submit name=inn>Log in</button></form>";
        let found = find_sign_in(page).unwrap();
        let expected = FoundForm {
            form: Some("#login".into()),
            user: "email".into(),
            password: "pass".into(),
            submit: Some("inn".into()),
        };
        assert_eq!(found, expected);
        assert_eq!(find_sign_in("<form><input name=q></form>"), None);
    }

    #[test]
    fn a_sign_of_success_leads_out() {
        let signs = signs_of_success("<a href='/'>Shop</a><a class=ut href='/konto/logg-ut'>Logg ut</a>");
        assert_eq!(signs[0], "a[href$='/konto/logg-ut']");
        assert!(signs_of_success("<a href='/konto/logg-inn'>Logg inn</a>").is_empty());
    }

    #[test]
    fn links_are_found_by_address_and_text() {
        let page: Url = "http://shop.example/".parse().unwrap();
        let html = "<a href=/nyheter>Nytt</a><a href=/konto/logg-inn>Logg inn</a><a href=/konto/logg-ut>Logg ut</a>\
            <a href=/handlekurv>Handlekurv (0)</a><a href='/handlekurv/fjern?x'>Fjern</a>";
        let paths = |kind| links_for(kind, html, &page).iter().map(|url| url.path().to_owned()).collect::<Vec<_>>();
        assert_eq!(paths(Wanted::SignIn), ["/konto/logg-inn"]);
        assert_eq!(paths(Wanted::Cart), ["/handlekurv"]);
    }
}
