//! The product pages of a cart's lines, asked for what the lines lack: several at a time, with the buyer's cookies, while the
//! cart page still streams past.
//!
//! What they say is remembered for all buyers, for it does not depend on who asks. What could not be read is not, and is a
//! finding on its line.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Method, StatusCode};
use tokio::time::Sleep;

use super::offers;
use crate::cart::Cart;
use crate::cart::articles::{Articles, ProductPage, Told};
use crate::cart::gathered::Gathered;
use crate::cart::read_html::Reader;
use crate::cart::rules::Rules;
use crate::config::Plan;
use crate::config::plan::{Details, Offers, ProductAddress};
use crate::exchange::Exchange;
use crate::finding::{Finding, Severity, code};
use crate::location::Target;
use crate::policy::Verdict;
use crate::problem::Problem;
use crate::session::Session;
use crate::shop::Visit;

/// Those of the cart page that a session's browser asks for with `headers`; none where nothing is looked for.
///
/// # Errors
/// A request without a usable Host.
pub async fn of_session(x: &Exchange, session: &Session, headers: &HeaderMap) -> Result<Option<ProductPages>, Problem> {
    if x.plan().shop.details.is_none() {
        return Ok(None);
    }
    let jar = super::jar_of(x, session, headers).await;
    let visit = super::visit(x, headers, session.accept_language.clone(), jar)?;
    Ok(ProductPages::begin(x.plan(), &visit))
}

/// The product pages of one cart.
pub struct ProductPages {
    plan: Arc<Plan>,
    details: Details,
    /// Whose cookies are sent.
    visit: Visit,
    asked: BTreeSet<ProductPage>,
    waiting: VecDeque<(ProductPage, ProductAddress)>,
    under_way: Vec<UnderWay>,
    /// How many the shop was asked for.
    sent: usize,
    articles: Articles,
    patience: Option<Pin<Box<Sleep>>>,
}

struct UnderWay {
    page: ProductPage,
    at: ProductAddress,
    answer: Pin<Box<dyn Future<Output = Told>>>,
}

impl ProductPages {
    /// For a cart that `visit`'s browser looks at; none where nothing is looked for.
    pub fn begin(plan: &Arc<Plan>, visit: &Visit) -> Option<ProductPages> {
        let details = plan.shop.details.clone()?;
        Some(ProductPages {
            plan: plan.clone(),
            visit: visit.beside(details.time),
            details,
            asked: BTreeSet::new(),
            waiting: VecDeque::new(),
            under_way: Vec::new(),
            sent: 0,
            articles: Articles::new(),
            patience: None,
        })
    }

    /// Cookies that came with the cart page.
    pub fn take_in(&mut self, headers: &HeaderMap, path: &str) {
        self.visit.take_in(headers, path);
    }

    /// Asks for pages, each once.
    fn ask(&mut self, pages: impl IntoIterator<Item = ProductPage>) {
        for page in pages {
            if self.asked.insert(page.clone()) {
                self.ask_once(page);
            }
        }
    }

    fn ask_once(&mut self, page: ProductPage) {
        let at = match self.locate(&page) {
            Ok(at) => at,
            Err(why) => return self.articles.put(page, Err(why)),
        };
        if let Some(article) = self.details.remembered.as_ref().and_then(|known| known.get(&at)) {
            return self.articles.put(page, Ok(article));
        }
        if self.sent >= self.details.most {
            let why = format!("more than {} product pages for one cart (`shop.details.pages`)", self.details.most);
            return self.articles.put(page, Err(why));
        }
        self.sent += 1;
        self.waiting.push_back((page, at));
    }

    /// Where a page is, if it is a page that a session may see.
    fn locate(&self, page: &ProductPage) -> Result<ProductAddress, String> {
        let from = &self.plan.shop.cart_address;
        let address = match page {
            ProductPage::Link(link) => self.visit.address_of(from, link),
            ProductPage::Sku(sku) => {
                let page = self.details.product.page(sku, 1).ok_or("no page can be asked for by its number")?;
                self.visit.address_of("/", &page)
            }
        };
        let address = address.ok_or("its address is not in the shop")?;
        if self.plan.shop.policy.judge(&Method::GET, &Target::of(&address)) != Verdict::Allow {
            let path = address.split('?').next().unwrap_or_default();
            return Err(format!("{path} is closed to punchout sessions"));
        }
        let browser = self.visit.browser();
        let host = String::from_utf8_lossy(browser.host.as_bytes()).into_owned();
        Ok(ProductAddress { host, language: browser.accept_language.clone(), address })
    }

    /// Goes on with what is under way. Ready when nothing is.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            while self.under_way.len() < self.details.at_a_time
                && let Some((page, at)) = self.waiting.pop_front()
            {
                let visit = self.visit.beside(self.details.time);
                let answer = Box::pin(article(self.details.product.clone(), visit, at.address.clone()));
                self.under_way.push(UnderWay { page, at, answer });
            }
            let before = self.under_way.len();
            let mut under_way = std::mem::take(&mut self.under_way);
            under_way.retain_mut(|one| match one.answer.as_mut().poll(cx) {
                Poll::Ready(told) => {
                    self.told(one, told);
                    false
                }
                Poll::Pending => true,
            });
            self.under_way = under_way;
            if self.under_way.is_empty() && self.waiting.is_empty() {
                return Poll::Ready(());
            }
            if self.under_way.len() == before {
                return Poll::Pending;
            }
        }
    }

    fn told(&mut self, one: &UnderWay, told: Told) {
        if let (Ok(article), Some(remembered)) = (&told, &self.details.remembered) {
            remembered.insert(one.at.clone(), article.clone());
        }
        self.articles.put(one.page.clone(), told);
    }

    /// The same, now that somebody waits: no longer than is configured.
    fn poll_to_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let time = self.details.time;
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        if patience.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let why = format!("it did not come within {time:?} (`shop.details.time`)");
        let late = self.under_way.drain(..).map(|one| one.page).chain(self.waiting.drain(..).map(|(page, _)| page));
        for page in late.collect::<Vec<_>>() {
            self.articles.put(page, Err(why.clone()));
        }
        Poll::Ready(())
    }

    /// What the product pages of a cart say.
    pub async fn of(mut self, cart: &Gathered) -> Articles {
        self.ask(cart.pages());
        poll_fn(|cx| self.poll_to_end(cx)).await;
        self.articles
    }
}

/// One product page.
async fn article(offers: Arc<Offers>, mut visit: Visit, address: String) -> Told {
    let opened = offers::open(&offers, &mut visit, &address).await;
    let opened = opened.map_err(|problem| format!("{}: {}", problem.kind.code(), problem.detail))?;
    let (gathered, page) = opened.ok_or("the shop has no such page")?;
    gathered.article().map(Arc::new).map_err(|why| format!("{}: {why}", page.describe()))
}

/// A cart page that is read as it streams past, with the product pages of its lines.
pub struct CartPage {
    reader: Reader,
    /// Lines up to this one have been asked about.
    asked: usize,
    pages: Option<ProductPages>,
    /// What its head says against it.
    doubt: Option<Finding>,
    /// All of it, once it has been read to its end.
    gathered: Option<Gathered>,
}

impl CartPage {
    /// A page at its beginning.
    pub fn begin(rules: &Arc<Rules>, pages: Option<ProductPages>, status: StatusCode) -> CartPage {
        let detail = || format!("the shop answered {status}");
        let doubt = (!status.is_success()).then(|| Finding::on_cart(code::CART_STATUS, Severity::Error, detail()));
        CartPage { reader: Reader::new(rules), asked: 0, pages, doubt, gathered: None }
    }

    /// What reads it as it streams past.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Whether anything may have to be waited for.
    pub fn waits(&self) -> bool {
        self.pages.is_some()
    }

    /// Goes on with the product pages. Ready when none is under way; at the cart page's end also when they have taken too long.
    pub fn poll(&mut self, cx: &mut Context<'_>, is_read: bool) -> Poll<()> {
        if is_read {
            self.end();
        }
        let Some(pages) = &mut self.pages else { return Poll::Ready(()) };
        if self.gathered.is_some() {
            return pages.poll_to_end(cx);
        }
        pages.ask(self.reader.pages(&mut self.asked));
        pages.poll(cx)
    }

    /// The cart ends here. Whether all is known that is looked for.
    pub fn is_known(&mut self) -> bool {
        self.end();
        self.pages.as_ref().is_none_or(|pages| pages.under_way.is_empty() && pages.waiting.is_empty())
    }

    fn end(&mut self) {
        if self.gathered.is_none() {
            let mut gathered = self.reader.gather();
            self.doubt.take().into_iter().for_each(|doubt| gathered.note(doubt));
            if let Some(pages) = &mut self.pages {
                pages.ask(gathered.pages());
            }
            self.gathered = Some(gathered);
        }
    }

    /// The cart, and what was looked up for it.
    pub fn finish(&mut self) -> (Cart, Articles) {
        self.end();
        let gathered = self.gathered.take().expect("it has just been gathered");
        let articles = self.pages.take().map(|pages| pages.articles).unwrap_or_default();
        (gathered.cart(&articles), articles)
    }
}
