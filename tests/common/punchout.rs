//! A shop to punch out to whose cart the test writes, the proxy before it, and a buyer's raw calls.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use punchout_proxy::config::{self, Plan};
use punchout_proxy::session::id::{SessionId, Token};

use super::{Answer, Head, Keep, Proxy, Shop, Wire, ok, plan_of};

pub const PASSWORD: &str = "et langt passord";
pub const HOOK: &str = "https://srm.acme.example/oci?session=1";

pub struct Punchout {
    pub shop: Shop,
    pub proxy: Proxy,
    /// The name of the one article in the cart, as HTML.
    pub article: Arc<Mutex<String>>,
}

impl Punchout {
    /// One worker before a shop; `change` may say otherwise.
    pub fn start(change: impl FnOnce(&mut Plan)) -> Self {
        Punchout::configured(|text| text, change)
    }

    /// The same with another `proxy.toml`.
    pub fn configured(text: impl FnOnce(String) -> String, change: impl FnOnce(&mut Plan)) -> Self {
        let (shop, article) = a_shop();
        let text = text(configuration(shop.address));
        let mut plan = plan_of(&text);
        change(&mut plan);
        Punchout { shop, proxy: Proxy::of(plan), article }
    }

    /// A catalog call by POST with these parameters.
    pub fn call(&self, parameters: &[(&str, &str)], more: &str) -> Answer {
        call(&self.proxy, parameters, more)
    }

    /// A session's cookies, as a Cookie field with its line end.
    pub fn enter(&self, parameters: &[(&str, &str)], more: &str) -> String {
        let usual = [("USERNAME", "acme"), ("PASSWORD", PASSWORD)];
        let hook = [("HOOK_URL", HOOK)];
        let hook = if parameters.iter().any(|(name, _)| *name == "HOOK_URL") { &hook[..0] } else { &hook[..] };
        let answer = self.call(&[&usual, hook, parameters].concat(), more);
        assert_eq!(answer.head.status(), 303, "{}", String::from_utf8_lossy(&answer.body));
        cookie_field(&answer)
    }

    pub fn ask(&self, method: &str, target: &str, more: &str) -> Answer {
        self.proxy.connect().ask(method, target, more).unwrap()
    }

    /// What the shop was asked for, but for signing in.
    pub fn targets(&self) -> Vec<String> {
        self.shop.targets()
    }
}

/// A catalog call by POST with these parameters.
pub fn call(proxy: &Proxy, parameters: &[(&str, &str)], more: &str) -> Answer {
    call_at(proxy.address, parameters, more)
}

/// The same to whoever listens there.
pub fn call_at(proxy: SocketAddr, parameters: &[(&str, &str)], more: &str) -> Answer {
    let form = parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let form = form.collect::<Vec<_>>().join("&");
    let mut wire = Wire::connect(proxy);
    wire.send(format!(
        "POST /oci HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\n{more}Content-Length: {}\r\n\r\n{form}",
        form.len()
    ))
    .unwrap();
    wire.answer("POST").unwrap()
}

/// The address of a page of ours as the pages of a session with these cookies, or with that root, have it.
pub fn own(page: &str, session: &str) -> String {
    let (root, id) = match session.strip_prefix("/_punchout/s/") {
        Some(token) => (session, Token::parse(token).unwrap().id()),
        None => {
            let value = session.split("punchout=").nth(1).unwrap().split([';', '\r']).next().unwrap();
            ("", SessionId::from_cookie(value).unwrap())
        }
    };
    format!("{root}/_punchout/{page}?key={}", id.page_key())
}

/// The root of the addresses in which a session goes on whose browser came back without a cookie.
pub fn root_of(arrived: &Answer) -> String {
    let page = text(arrived);
    let start = page.split("id=\"onward\" href=\"").nth(1).unwrap_or_else(|| panic!("{page}"));
    let root = start.split('"').next().unwrap().strip_suffix('/').unwrap().to_owned();
    let token = root.strip_prefix("/_punchout/s/").unwrap();
    assert_eq!(token.len(), 22, "{root}");
    root
}

/// The shop, and the name of the one article in its cart, as HTML.
pub fn a_shop() -> (Shop, Arc<Mutex<String>>) {
    let article: Arc<Mutex<String>> = Arc::new(Mutex::new("Drill".to_owned()));
    let shown = article.clone();
    let shop = Shop::start(move |wire, head| {
        // Let go of at once: a slow answer must not hold up the shop.
        let article = shown.lock().unwrap().clone();
        serve(wire, head, &article)
    });
    (shop, article)
}

/// `proxy.toml` for that shop, listening on a free port.
pub fn configuration(shop: SocketAddr) -> String {
    let hash = config::credentials::hash(PASSWORD);
    format!(
        r#"
listen = "127.0.0.1:0"
workers = 1
[shop]
origin = "http://{}"
[shop.sign_in]
page = "/login"
form = "form"
fields = {{ user = "{{username}}", pass = "{{password}}" }}
success = {{ element = "a[href='/logout']" }}
[shop.cart]
page = "/cart"
line = "tr.line"
name = "td.name"
sku = "td.sku"
quantity = "td.quantity"
price = "td.price"
currency = "NOK"
checkout = ["a.checkout"]
[shop.deny]
paths = ["/checkout/**", "/logout"]
[entry]
paths = ["/oci"]
[[buyer]]
name = "acme"
password_hash = "{hash}"
hooks = ["https://*.acme.example"]
accounts = {{ strategy = "shared", username = "shopper", password = "x" }}
form = {{ again = true }}
default_unit = "PCE"
"#,
        shop
    )
}

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What the browser sends back of an answer's cookies.
pub fn cookie_field(answer: &Answer) -> String {
    let pairs: Vec<_> = answer.head.all("set-cookie").iter().map(|line| line.split(';').next().unwrap()).collect();
    format!("Cookie: {}\r\n", pairs.join("; "))
}

pub fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn serve(wire: &mut Wire, head: &Head, article: &str) -> Keep {
    let (body, _) = wire.body(head, false)?;
    let page = |html: String| {
        let length = html.len();
        let label = if head.target().ends_with("?labelled") { "Content-Encoding: gzip\r\n" } else { "" };
        format!(
            "HTTP/1.1 200 OK\r\n{label}Content-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{html}"
        )
    };
    let path = head.target().split('?').next().unwrap_or_default();
    let is_head = head.method() == "HEAD";
    match (head.method(), path) {
        ("GET", "/login") => wire.send(page("<form method=post><input name=user><input name=pass></form>".into()))?,
        ("POST", "/login") => {
            let html = page("<a href='/logout'>bye</a>".into());
            wire.send(html.replacen("\r\n", "\r\nSet-Cookie: sid=session-1; Path=/; HttpOnly\r\n", 1))?;
        }
        (_, "/cart") => wire.send(page(format!(
            "<html><body><table><tr class=line><td class=name>{article}</td><td class=sku>A-1</td><td class=quantity>2</td>\
             <td class=price>12,50</td></tr></table><a class=checkout href='/checkout'>Checkout</a></body></html>"
        )))?,
        (_, "/promised") => wire.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"x\"\r\nDigest: sha-256=eA==\r\nContent-MD5: eA==\r\n\
             Transfer-Encoding: chunked\r\n\r\n4\r\n<p>o\r\n5\r\nne</p\r\n1\r\n>\r\n0\r\n\r\n",
        )?,
        (_, "/packed") => {
            // gzip of "<p>one</p>"
            const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xb3\x29\xb0\xcb\xcf\x4b\xb5\xd1\x2f\xb0\x03\0\xd8\0\xc1\x88\x0a\0\0\0";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: ";
            wire.send([format!("{head}{}\r\n\r\n", GZIP.len()).as_bytes(), GZIP].concat())?;
        }
        (_, "/promises") => {
            let promises = "ETag: \"x\"\r\nDigest: sha-256=eA==\r\nContent-MD5: eA==\r\nAccept-Ranges: bytes";
            let page = page("<html><body><a href='/checkout' class=checkout>x</a></body></html>".into());
            let page = page.replacen("\r\n", &format!("\r\n{promises}\r\n"), 1);
            let head = page.split_inclusive("\r\n\r\n").next().unwrap_or_default();
            wire.send(if is_head { head } else { &page })?;
        }
        (_, "/moved") => wire.send(
            "HTTP/1.1 302 Found\r\nLocation: http://shop.example/cart?a=/b\r\nRefresh: 5; url=/cart\r\n\
             Link: </a.css>; rel=preload\r\nSet-Cookie: moved=1; Path=/; HttpOnly\r\nContent-Length: 0\r\n\r\n",
        )?,
        (_, "/large") => {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 20971520\r\n\r\n")?;
            for _ in 0..320 {
                wire.send([b'x'; 64 << 10])?;
            }
        }
        _ => wire.send(ok([head.method().as_bytes(), b" ", head.target().as_bytes(), b" ", &body].concat()))?,
    }
    Ok(true)
}
