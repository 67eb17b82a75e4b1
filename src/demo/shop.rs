//! "Nordvik Verktøy": a webshop of 2006 that nobody dares to touch.
//!
//! It does what the shops of the field do to a proxy: a sign-in form whose token and cookie change at every visit, prices
//! that are agreed with the account, one cart per account on the server (so two browsers share it), a printed unit
//! price that is rounded, table cells that never end, a checkout link on every page and a checkout button with
//! `onclick` inside the cart form. And it really takes orders: that none arrives from a punchout session is for the
//! proxy to ensure and for [`Shop::orders`] to show.

mod basket;
mod pages;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode, header};
use serde_json::json;

pub use basket::{Basket, Order, OrderLine};

use self::pages::View;
use super::catalogue::{CATEGORIES, Category, PRODUCTS, Product};
use super::site::{self, Answer, Asked, Charset, Site};

/// The cookie of a visit.
const VISIT_COOKIE: &str = "NVSESJON";
/// The cookie that belongs to one showing of the sign-in form.
const SIGN_IN_COOKIE: &str = "NVINNLOGGING";
/// How many unused sign-in forms the shop remembers before it forgets them all.
const MOST_SIGN_IN_FORMS: usize = 10_000;

/// What differs from shop to shop, and so from test to test.
#[derive(Clone, Debug)]
pub struct ShopSettings {
    /// The visit's cookie is `SameSite=Strict` instead of `Lax`.
    pub strict_cookie: bool,
    /// The charset of pages and forms.
    pub charset: Charset,
    /// How the cart page is drawn.
    pub cart_page: CartPage,
    /// The cart form has a second submit button, `name="bestill_direkte"`, which orders with a POST to the cart's own
    /// address: denying the checkout's path is not enough then.
    pub quick_order: bool,
    /// Who may sign in.
    pub customers: Vec<Customer>,
}

impl Default for ShopSettings {
    fn default() -> Self {
        Self {
            strict_cookie: false,
            charset: Charset::Utf8,
            cart_page: CartPage::Table,
            quick_order: false,
            customers: vec![Customer::demo()],
        }
    }
}

/// How the cart page is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CartPage {
    /// The table that the demo's cart rules describe.
    #[default]
    Table,
    /// The same cart after "a small redesign": no selector of the demo's cart rules matches a line any more.
    Redesigned,
}

/// An account at the shop.
#[derive(Clone, Debug)]
pub struct Customer {
    /// What is typed at "E-post".
    pub email: String,
    /// What is typed at "Passord".
    pub password: String,
    /// The name that is shown when signed in.
    pub name: String,
}

impl Customer {
    /// The demo's one customer.
    pub fn demo() -> Self {
        Self {
            email: "innkjop@kunde.example".into(),
            password: "hammer og spiker".into(),
            name: "Fjordvik kommune".into(),
        }
    }
}

/// The shop: settings, and what happened since it opened.
#[derive(Debug)]
pub struct Shop {
    settings: ShopSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Token by the cookie it was given with; taken out by the first attempt.
    sign_in_forms: HashMap<String, String>,
    visits: HashMap<String, Visit>,
    /// By account: whoever signs in sees what the last one left.
    account_baskets: HashMap<String, Basket>,
    orders: Vec<Order>,
}

#[derive(Debug, Default)]
struct Visit {
    account: Option<String>,
    basket: Basket,
}

impl Shop {
    /// An open shop without visitors.
    pub fn new(settings: ShopSettings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// Every order placed since the shop opened.
    pub fn orders(&self) -> Vec<Order> {
        self.state().orders.clone()
    }

    /// What lies in the cart of an account, as slugs and quantities.
    pub fn account_basket(&self, email: &str) -> Basket {
        self.state().account_baskets.get(email).cloned().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, status: StatusCode, page: &str) -> Answer {
        let answer = site::html(status, self.settings.charset, page);
        let answer = site::with_header(answer, header::X_FRAME_OPTIONS, "SAMEORIGIN");
        let answer =
            site::with_header(answer, header::CONTENT_SECURITY_POLICY, "form-action 'self'; frame-ancestors 'self'");
        site::with_header(answer, header::CACHE_CONTROL, "private, no-cache")
    }

    fn visit_cookie(&self, id: &str) -> String {
        let same_site = if self.settings.strict_cookie { "Strict" } else { "Lax" };
        format!("{VISIT_COOKIE}={id}; Path=/; HttpOnly; SameSite={same_site}")
    }
}

impl Site for Shop {
    fn answer(&self, asked: &Asked) -> Answer {
        let mut state = self.state();
        let mut visit = Visiting {
            shop: self,
            id: asked.cookie(VISIT_COOKIE).filter(|id| state.visits.contains_key(*id)).map(str::to_owned),
            state: &mut state,
        };
        let charset = self.settings.charset;
        let query = Form(charset.read_form(asked.query.as_bytes()));
        let form = Form(if asked.method == Method::POST { charset.read_form(&asked.body) } else { Vec::new() });
        let reading = matches!(asked.method, Method::GET | Method::HEAD);

        match (reading, asked.path.as_str()) {
            (true, "/") => self.page(StatusCode::OK, &pages::front(&visit.view())),
            (true, "/stil.css") => {
                site::content(StatusCode::OK, "text/css; charset=utf-8", include_str!("assets/shop.css"))
            }
            (true, "/sok") => visit.search(query.value("q")),
            (true, "/konto/logg-inn") => visit.sign_in_page(None),
            (false, "/konto/logg-inn") => visit.sign_in(&form, asked.cookie(SIGN_IN_COOKIE)),
            (true, "/konto/logg-ut") => visit.sign_out(),
            (true, "/konto") => visit.account(),
            (true, "/handlekurv") => self.page(StatusCode::OK, &pages::cart(&visit.view())),
            (false, "/handlekurv/legg-til") => visit.add(&form),
            (false, "/handlekurv/oppdater") => visit.update(&form),
            (true, "/handlekurv/fjern") => visit.change(|basket| basket.set(query.value("vare"), None)),
            (true, "/handlekurv/tom") => visit.change(Basket::clear),
            (true, "/kasse") => visit.checkout(),
            (false, "/kasse/bestill") => visit.place_order(),
            (true, "/kasse/takk") => self.page(StatusCode::OK, &pages::thanks(&visit.view(), query.value("ordre"))),
            (true, "/_shop/orders") => {
                site::json(StatusCode::OK, &json!({ "count": visit.state.orders.len(), "orders": visit.state.orders }))
            }
            (true, path) => visit.shelf_or_product(path),
            (false, _) => self.page(StatusCode::METHOD_NOT_ALLOWED, &pages::not_found(&visit.view())),
        }
    }
}

/// The pairs of a form or a query.
struct Form(Vec<(String, String)>);

impl Form {
    /// The first value of that name; empty where there is none.
    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

/// One request of somebody in the shop.
struct Visiting<'a> {
    shop: &'a Shop,
    state: &'a mut State,
    /// `None` for who has no visit yet: a visit begins with the first thing worth remembering.
    id: Option<String>,
}

impl Visiting<'_> {
    fn account_name(&self) -> Option<&str> {
        self.id.as_ref().and_then(|id| self.state.visits.get(id)).and_then(|visit| visit.account.as_deref())
    }

    fn basket(&self) -> Option<&Basket> {
        match self.account_name() {
            Some(account) => self.state.account_baskets.get(account),
            None => self.id.as_ref().and_then(|id| self.state.visits.get(id)).map(|visit| &visit.basket),
        }
    }

    fn basket_mut(&mut self) -> &mut Basket {
        if let Some(account) = self.account_name().map(str::to_owned) {
            return self.state.account_baskets.entry(account).or_default();
        }
        let id = self.id.get_or_insert_with(site::random_id).clone();
        &mut self.state.visits.entry(id).or_default().basket
    }

    fn customer(&self) -> Option<&Customer> {
        let account = self.account_name()?;
        self.shop.settings.customers.iter().find(|customer| customer.email == account)
    }

    fn view(&self) -> View<'_> {
        View { settings: &self.shop.settings, customer: self.customer(), lines: self.lines() }
    }

    fn lines(&self) -> Vec<OrderLine> {
        self.basket().map(|basket| basket.lines(self.customer().is_some())).unwrap_or_default()
    }

    fn shelf_or_product(&self, path: &str) -> Answer {
        let category = |slug: &str| CATEGORIES.iter().find(|category: &&Category| category.slug == slug);
        let page = match path.trim_start_matches('/').split_once('/') {
            Some(("varer", slug)) => category(slug).map(|category| pages::shelf(&self.view(), category)),
            Some(("vare", slug)) => Product::find(slug).map(|product| pages::product(&self.view(), product)),
            _ => None,
        };
        match page {
            Some(page) => self.shop.page(StatusCode::OK, &page),
            None => self.shop.page(StatusCode::NOT_FOUND, &pages::not_found(&self.view())),
        }
    }

    fn search(&self, wanted: &str) -> Answer {
        let needle = wanted.trim().to_lowercase();
        let matches = |text: &str| text.to_lowercase().contains(&needle);
        let hits: Vec<&Product> = PRODUCTS
            .iter()
            .filter(|product| !needle.is_empty() && (matches(product.name) || matches(product.sku)))
            .collect();
        self.shop.page(StatusCode::OK, &pages::search(&self.view(), wanted, &hits))
    }

    /// The sign-in form with a token that is good for one attempt, with the cookie that came along.
    fn sign_in_page(&mut self, complaint: Option<&str>) -> Answer {
        let (cookie, token) = (site::random_id(), site::random_id());
        if self.state.sign_in_forms.len() >= MOST_SIGN_IN_FORMS {
            self.state.sign_in_forms.clear();
        }
        self.state.sign_in_forms.insert(cookie.clone(), token.clone());
        let answer = self.shop.page(StatusCode::OK, &pages::sign_in(&self.view(), &token, complaint));
        let cookie = format!("{SIGN_IN_COOKIE}={cookie}; Path=/konto; HttpOnly; SameSite=Lax");
        site::with_header(answer, header::SET_COOKIE, &cookie)
    }

    fn sign_in(&mut self, form: &Form, cookie: Option<&str>) -> Answer {
        let token = cookie.and_then(|cookie| self.state.sign_in_forms.remove(cookie));
        if token.as_deref() != Some(form.value("skjemanokkel")) {
            return self.shop.page(StatusCode::FORBIDDEN, &pages::stale_form(&self.view()));
        }
        let customers = &self.shop.settings.customers;
        let Some(customer) = customers
            .iter()
            .find(|customer| customer.email == form.value("epost") && customer.password == form.value("passord"))
        else {
            return self.sign_in_page(Some("Ukjent e-post eller feil passord."));
        };
        let brought = self.id.take().and_then(|id| self.state.visits.remove(&id)).map(|visit| visit.basket);
        let kept = self.state.account_baskets.entry(customer.email.clone()).or_default();
        kept.take_over(brought.unwrap_or_default());
        let id = site::random_id();
        let visit = Visit { account: Some(customer.email.clone()), basket: Basket::default() };
        self.state.visits.insert(id.clone(), visit);
        let answer = site::redirect(StatusCode::FOUND, "/konto");
        site::with_header(answer, header::SET_COOKIE, &self.shop.visit_cookie(&id))
    }

    fn sign_out(&mut self) -> Answer {
        if let Some(id) = self.id.take() {
            self.state.visits.remove(&id);
        }
        let gone = format!("{}; Max-Age=0", self.shop.visit_cookie(""));
        site::with_header(site::redirect(StatusCode::FOUND, "/"), header::SET_COOKIE, &gone)
    }

    fn account(&self) -> Answer {
        let Some(customer) = self.customer() else {
            return site::redirect(StatusCode::FOUND, "/konto/logg-inn");
        };
        let orders: Vec<&Order> = self.state.orders.iter().filter(|order| order.account == customer.email).collect();
        self.shop.page(StatusCode::OK, &pages::account(&self.view(), customer, &orders))
    }

    fn add(&mut self, form: &Form) -> Answer {
        let product = Product::find(form.value("vare"));
        let quantity = product.and_then(|product| basket::read_quantity(product, form.value("antall")));
        match (product, quantity) {
            (Some(product), Some(quantity)) => self.change(|basket| basket.add(product, quantity)),
            _ => self.shop.page(StatusCode::BAD_REQUEST, &pages::bad_quantity(&self.view())),
        }
    }

    fn update(&mut self, form: &Form) -> Answer {
        if self.shop.settings.quick_order && !form.value("bestill_direkte").is_empty() {
            return self.place_order();
        }
        self.change(|basket| {
            for (name, typed) in &form.0 {
                let slug = name.strip_prefix("antall[").and_then(|rest| rest.strip_suffix(']'));
                if let Some(product) = slug.and_then(Product::find) {
                    basket.set(product.slug, basket::read_quantity(product, typed));
                }
            }
        })
    }

    fn change(&mut self, change: impl FnOnce(&mut Basket)) -> Answer {
        change(self.basket_mut());
        let answer = site::redirect(StatusCode::FOUND, "/handlekurv");
        match &self.id {
            Some(id) => site::with_header(answer, header::SET_COOKIE, &self.shop.visit_cookie(id)),
            None => answer,
        }
    }

    fn checkout(&self) -> Answer {
        if self.customer().is_none() {
            return site::redirect(StatusCode::FOUND, "/konto/logg-inn");
        }
        if self.lines().is_empty() {
            return site::redirect(StatusCode::FOUND, "/handlekurv");
        }
        self.shop.page(StatusCode::OK, &pages::checkout(&self.view()))
    }

    fn place_order(&mut self) -> Answer {
        let Some(account) = self.account_name().map(str::to_owned) else {
            return site::redirect(StatusCode::FOUND, "/konto/logg-inn");
        };
        let lines = self.lines();
        if lines.is_empty() {
            return site::redirect(StatusCode::FOUND, "/handlekurv");
        }
        let number = 10_001 + self.state.orders.len();
        self.state.orders.push(Order::new(number, account, lines));
        self.basket_mut().clear();
        site::redirect(StatusCode::FOUND, &format!("/kasse/takk?ordre={number}"))
    }
}
