//! Signing in, over real sockets, to shops in the shapes of those that were observed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scripted_shop;

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, ORIGIN, REFERER, USER_AGENT};
use punchout_proxy::problem::{Kind, Problem};
use punchout_proxy::secret::Secret;
use punchout_proxy::shop::{Account, Jar, SignIn, SignedIn, VisitLimits, sign_in};
use scripted_shop::{Answer, Asked, ScriptedShop, locally};

const USERNAME: &str = "acme-1@example.com";
const PASSWORD: &str = "blåbær & <jam>+\"1\"";

/// Signs in by `rules` and gives what came of it with the jar.
async fn attempt(shop: &ScriptedShop, rules: &str, password: &str) -> (Result<SignedIn, Problem>, Jar) {
    attempt_within(shop, rules, password, VisitLimits::default()).await
}

async fn attempt_within(
    shop: &ScriptedShop,
    rules: &str,
    password: &str,
    limits: VisitLimits,
) -> (Result<SignedIn, Problem>, Jar) {
    let rules = SignIn::compile(&toml::from_str(rules).unwrap()).unwrap();
    let account = Account { username: USERNAME.into(), password: Secret::new(password) };
    let mut visit = shop.visit(limits);
    let outcome = sign_in(&rules, &mut visit, &account).await;
    (outcome, visit.into_jar())
}

/// The problem of an attempt, having checked that it tells no secret.
fn problem(outcome: Result<SignedIn, Problem>) -> Problem {
    let problem = outcome.unwrap_err();
    for secret in [PASSWORD, "wrong-password", "token", "jam"] {
        assert!(!problem.to_string().contains(secret), "{problem}");
    }
    problem
}

fn lines(jar: &Jar) -> Vec<String> {
    jar.set_cookies().map(|line| line.to_str().unwrap().to_owned()).collect()
}

const DJANGO: &str = r#"
    page = "/accounts/login/"
    fields = { login-username = "{username}", login-password = "{password}" }
    submit = "login_submit"
    success.element = 'a[href$="/logout/"]'
"#;

/// A token in a hidden field and in a cookie, both new on every page; a second form that posts to the same URL; Origin
/// and Referer checked; an alert on every page.
fn django(asked: &Asked) -> Answer {
    thread_local!(static TOKEN: Cell<u32> = const { Cell::new(0) });
    let host = asked.header(HOST);
    let page = |body: &str| {
        let token = TOKEN.get() + 1;
        TOKEN.set(token);
        let csrf = format!("<input type='hidden' name='csrfmiddlewaretoken' value='f{token}'>");
        Answer::html(&format!(
            "<!doctype html><title>Oscar</title><noscript><div class='alert-danger'>No script</div></noscript>{}",
            body.replace("CSRF", &csrf)
        ))
        .cookie(&format!(
            "csrftoken=c{token}; expires=Mon, 22 Nov 2027 09:18:13 GMT; Max-Age=31449600; Path=/; SameSite=Lax"
        ))
    };
    let forms = "<form action='/accounts/login/' method='post' id='login_form'>CSRF
          <input type='email' name='login-username'><input type='password' name='login-password'>
          <input type='hidden' name='login-redirect_url' value=''>
          <a href='/password-reset/'>Forgotten?</a><button name='login_submit' type='submit' value='Log In'>Log In</button></form>
        <form action='/accounts/login/' method='post' id='register_form'>CSRF
          <input type='email' name='registration-email'><input type='password' name='registration-password1'>
          <button name='registration_submit' type='submit' value='Register'>Register</button></form>";
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/accounts/login/") => page(forms),
        ("POST", "/accounts/login/") => {
            let token = TOKEN.get();
            let expected = [
                ("csrfmiddlewaretoken", format!("f{token}")),
                ("login-username", USERNAME.to_owned()),
                ("login-password", PASSWORD.to_owned()),
                ("login-redirect_url", String::new()),
                ("login_submit", "Log In".to_owned()),
            ];
            let own = asked.header(ORIGIN) == format!("http://{host}")
                && asked.header(REFERER) == format!("http://{host}/accounts/login/");
            if !own || asked.cookie("csrftoken") != Some(format!("c{token}")) {
                return Answer::html("<title>403 Forbidden</title>").status(403);
            }
            let fields = asked.form();
            if fields.iter().map(|(name, value)| (name.as_str(), value.clone())).eq(expected) {
                Answer::redirect(302, "/accounts/profile/").cookie("sessionid=s1; HttpOnly; Path=/; SameSite=Lax")
            } else {
                page(&format!("<div class='alert alert-danger'>Oops</div>{forms}"))
            }
        }
        ("GET", "/accounts/profile/") if asked.cookie("sessionid").as_deref() == Some("s1") => {
            page("<ul><li><a href='/accounts/logout/'>Logout</a></ul>")
        }
        ("GET", "/accounts/profile/") => Answer::redirect(302, "/accounts/login/?next=/accounts/profile/"),
        _ => Answer::html("").status(404),
    }
}

#[test]
fn django_with_rotating_tokens_and_a_second_form() {
    locally(async {
        let shop = ScriptedShop::start(django).await;
        let (outcome, jar) = attempt(&shop, DJANGO, PASSWORD).await;
        let signed_in = outcome.unwrap();
        assert_eq!((signed_in.page.url.path(), signed_in.page.redirects), ("/accounts/profile/", 1));
        let lines = lines(&jar);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("csrftoken=c") && lines[0].ends_with("Max-Age=31449600; Path=/; SameSite=Lax"));
        assert_eq!(lines[1], "sessionid=s1; HttpOnly; Path=/; SameSite=Lax");

        let (outcome, _) = attempt(&shop, DJANGO, "wrong-password").await;
        let problem = problem(outcome);
        assert_eq!(problem.kind, Kind::SignInRefused);
        let expected = r#"no element matches `a[href$="/logout/"]`: after signing in, /accounts/login/ answered 200 with the title "Oscar""#;
        assert_eq!(problem.detail, expected);
    });
}

#[test]
fn the_shop_sees_the_buyers_browser() {
    locally(async {
        let shop = ScriptedShop::start(django).await;
        attempt(&shop, DJANGO, PASSWORD).await.0.unwrap();
        let asked = shop.asked.borrow();
        assert_eq!(asked.len(), 3);
        for request in asked.iter() {
            for (name, value) in [
                (HOST, shop.host.as_str()),
                (USER_AGENT, "Buyer/1.0 (Windows)"),
                (ACCEPT_LANGUAGE, "nb,en;q=0.5"),
                (ACCEPT_ENCODING, "identity"),
                ("x-forwarded-for".parse().unwrap(), "203.0.113.7, 10.0.0.1"),
                ("x-forwarded-proto".parse().unwrap(), "http"),
                ("x-forwarded-host".parse().unwrap(), "innkjop.example"),
            ] {
                assert_eq!(request.header(name), value);
            }
        }
        assert_eq!(asked[0].header(ORIGIN) + &asked[0].header(REFERER) + &asked[0].header(COOKIE), "");
        assert_eq!(asked[1].header(CONTENT_TYPE), "application/x-www-form-urlencoded");
        // The redirect after the form is a plain GET.
        assert_eq!((asked[2].method.as_str(), asked[2].body.len()), ("GET", 0));
        assert_eq!(asked[2].header(ORIGIN) + &asked[2].header(CONTENT_TYPE), "");
    });
}

#[test]
fn magento_that_answers_a_wrong_password_by_a_redirect() {
    const RULES: &str = r##"
        page = "/customer/account/login/"
        form = "#login-form"
        fields = { "login[username]" = "{username}", "login[password]" = "{password}" }
        success.not_redirect = "/customer/account/login/**"
        success.redirect = "/customer/account/"
    "##;
    locally(async {
        let shop = ScriptedShop::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/customer/account/login/") => Answer::html(
                "<title>Kunde&shy;inn&shy;logging</title><form action='/search'><input name=q></form>
                 <form action='http://ignored.example:81/customer/account/loginPost/' method=post id=login-form>
                 <input name=form_key type=hidden value=k9><table><tr><td><input name='login[username]'>
                 <tr><td><input name='login[password]' type=password></table><button type=submit name=send>",
            )
            .cookie("frontend=f1; path=/; domain=shop.example; secure; HttpOnly"),
            ("POST", "/customer/account/loginPost/") => {
                // A Secure cookie must come back, though we speak plain http to the shop.
                let right = asked.field("login[password]").as_deref() == Some(PASSWORD)
                    && asked.field("form_key").as_deref() == Some("k9")
                    && asked.cookie("frontend").as_deref() == Some("f1");
                Answer::redirect(302, if right { "/customer/account/?SID=token" } else { "/customer/account/login/" })
            }
            ("GET", "/customer/account/") => Answer::html("<title>Min konto</title>"),
            _ => Answer::html("").status(404),
        })
        .await;
        shop.known_as("ignored.example");
        assert_eq!(attempt(&shop, RULES, PASSWORD).await.0.unwrap().page.url.path(), "/customer/account/");
        let problem = problem(attempt(&shop, RULES, "wrong-password").await.0);
        assert_eq!(problem.kind, Kind::SignInRefused);
        assert!(problem.detail.contains("/customer/account/login/ answered 200"), "{problem}");
    });
}

#[test]
fn zen_cart_with_a_honeypot_and_a_new_session_cookie() {
    const RULES: &str = r#"
        page = "/index.php?main_page=login"
        fields = { email_address = "{username}", password = "{password}" }
        success.cookie = "zenid"
    "#;
    locally(async {
        let shop = ScriptedShop::start(|asked| match (asked.method.as_str(), asked.query.as_str()) {
            ("GET", "main_page=login") => Answer::html(
                "<form name='login' action='index.php?main_page=login&amp;action=process' method='post'>
                 <input type=hidden name=securityToken value='t&#47;1'>
                 <input type=text name=kx93d style='visibility:hidden; display:none' autocomplete=off>
                 <input name=email_address><input type=password name=password><input type=submit value='Sign In'></form>",
            )
            .cookie("zenid=before; path=/; HttpOnly"),
            ("POST", "main_page=login&action=process") => {
                let fields = asked.form();
                let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, ["securityToken", "kx93d", "email_address", "password"]);
                assert_eq!((fields[0].1.as_str(), fields[1].1.as_str()), ("t/1", ""));
                match fields[3].1 == PASSWORD {
                    true => Answer::redirect(302, "/index.php?main_page=account").cookie("zenid=after; path=/; HttpOnly"),
                    false => Answer::html("<div class=messageStackError>").cookie("zenid=before; path=/; HttpOnly"),
                }
            }
            _ => Answer::html(""),
        })
        .await;
        let (outcome, jar) = attempt(&shop, RULES, PASSWORD).await;
        outcome.unwrap();
        assert_eq!(lines(&jar), ["zenid=after; path=/; HttpOnly"]);
        let problem = problem(attempt(&shop, RULES, "wrong-password").await.0);
        assert_eq!(problem.kind, Kind::SignInRefused);
        assert!(problem.detail.starts_with("the cookie `zenid` was not set anew"), "{problem}");
    });
}

#[test]
fn cookies_of_many_kinds_reach_the_browser_unchanged() {
    const RULES: &str = r#"
        page = "/my-account/"
        fields = { username = "{username}", password = "{password}" }
        success.element = "a.logout"
        failure = "ul.woocommerce-error"
    "#;
    const SET: [&str; 7] = [
        "PrestaShop=anonymous; expires=Monday, 30-Nov-2026 09:18:13 UTC; path=/; HttpOnly",
        r#"wp="a\054\"b\""; path=/wp-admin; secure; HttpOnly; Priority=High"#,
        "wp_plugins=1; path=/wp-content/plugins; secure",
        "OCSESSID=o1; path=/; SameSite=Strict",
        "PrestaShop=customer; expires=Tuesday, 30-Nov-2027 09:18:13 UTC; path=/; HttpOnly",
        "guest_cart=; path=/; expires=Thu, 01-Jan-1970 00:00:01 GMT",
        "here=1; HttpOnly",
    ];
    locally(async {
        let shop = ScriptedShop::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/my-account/") if asked.cookie("PrestaShop").is_none() => Answer::html(
                "<form method=post class=login><input name=username><input name=password>
                 <button name=login value='Logg inn'></button></form>",
            )
            .cookie("guest_cart=3; path=/"),
            ("POST", "/my-account/") => {
                assert_eq!(asked.field("login").as_deref(), Some("Logg inn"));
                SET.iter().fold(Answer::redirect(302, ""), |answer, line| answer.cookie(line))
            }
            ("GET", "/my-account/") => {
                assert_eq!(asked.header(COOKIE), "here=1; PrestaShop=customer; OCSESSID=o1");
                Answer::html("<a class=logout href=?logout>")
            }
            _ => Answer::html("").status(404),
        })
        .await;
        let (outcome, jar) = attempt(&shop, RULES, PASSWORD).await;
        outcome.unwrap();
        let mut expected = vec![SET[5], SET[4], SET[1], SET[2], SET[3], "here=1; HttpOnly; Path=/my-account"];
        let mut lines = lines(&jar);
        expected.sort_unstable();
        lines.sort_unstable();
        assert_eq!(lines, expected);
    });
}

#[test]
fn opencart_whose_script_follows_an_address_in_json() {
    const RULES: &str = r##"
        page = "/index.php?route=account/login"
        form = "#form-login"
        fields = { email = "{username}", password = "{password}" }
        success.element = 'a[href*="account/logout"]'
    "##;
    locally(async {
        let shop = ScriptedShop::start(|asked| {
            let host = asked.header(HOST);
            match (asked.method.as_str(), asked.query.as_str()) {
                ("GET", "route=account/login") => Answer::html(&format!(
                    "<base href='http://{host}/nb/'><form id=form-login data-oc-toggle=ajax method=post
                     action='http://{host}/index.php?route=account/login.login&amp;login_token=token7'>
                     <input name=email><input name=password></form>"
                )),
                ("POST", "route=account/login.login&login_token=token7") => {
                    let right = asked.field("password").as_deref() == Some(PASSWORD);
                    let there = format!("http:\\/\\/{host}\\/index.php?route=account\\/account&customer_token=token8");
                    Answer::html(&match right {
                        true => format!("{{\"redirect\":\"{there}\"}}"),
                        false => "{\"error\":{\"warning\":\"No match\"}}".to_owned(),
                    })
                }
                ("GET", "route=account/account&customer_token=token8") => {
                    Answer::html("<a href='index.php?route=account/logout'>Logout</a>")
                }
                _ => Answer::redirect(302, "/index.php?route=account/login"),
            }
        })
        .await;
        attempt(&shop, RULES, PASSWORD).await.0.unwrap();
        assert_eq!(problem(attempt(&shop, RULES, "wrong-password").await.0).kind, Kind::SignInRefused);
    });
}

#[test]
fn evershop_that_takes_json() {
    const RULES: &str = r#"
        page = "/account/login"
        format = "json"
        action = "/customer/login"
        fields = { email = "{username}", password = "{password}" }
        success = { element = "a.logout", page = "/account" }
    "#;
    locally(async {
        let shop = ScriptedShop::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/account/login") => Answer::html("<div id=app></div>").cookie("sid=1; Path=/"),
            ("POST", "/customer/login") => {
                assert_eq!(asked.header(CONTENT_TYPE), "application/json");
                let sent: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
                match sent == serde_json::json!({"email": USERNAME, "password": PASSWORD}) {
                    true => Answer::html("{\"data\":{\"sid\":\"2\"}}").cookie("sid=2; Path=/"),
                    false => Answer::html("{\"error\":{\"message\":\"Invalid email or password\"}}").status(400),
                }
            }
            ("GET", "/account") if asked.cookie("sid").as_deref() == Some("2") => Answer::html("<a class=logout>"),
            _ => Answer::html("").status(404),
        })
        .await;
        attempt(&shop, RULES, PASSWORD).await.0.unwrap();
        let problem = problem(attempt(&shop, RULES, "wrong-password").await.0);
        assert_eq!(problem.kind, Kind::SignInRefused);
        assert_eq!(problem.detail, "the shop refused the form: after signing in, /customer/login answered 400");
    });
}

/// The plainest shop, for what can go wrong.
const PLAIN: &str = r#"
    page = "/login"
    fields = { u = "{username}", p = "{password}" }
    success.element = "a.logout"
"#;
const PLAIN_FORM: &str = "<title>Inn</title><form method=post action=/in><input name=u><input name=p></form>";

#[test]
fn an_old_shop_gets_the_password_in_its_own_charset() {
    locally(async {
        let form = |head: &'static str, meta: &str| {
            let page = format!("{meta}{}", PLAIN_FORM.replace("Inn", "Innlogging på siden"));
            let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(&page);
            Answer::bytes(bytes.into_owned()).content_type(head)
        };
        for (head, meta) in [
            ("text/html; charset=ISO-8859-1", ""),
            ("text/html", "<meta http-equiv=Content-Type content='text/html; charset=iso-8859-1'>"),
        ] {
            let shop = ScriptedShop::start(move |asked| match asked.path.as_str() {
                "/login" => form(head, meta),
                _ => {
                    let body = std::str::from_utf8(&asked.body).unwrap();
                    assert!(body.ends_with("&p=bl%E5b%E6r+%26+%3Cjam%3E%2B%221%22"), "{body}");
                    Answer::html("<a class=logout>")
                }
            })
            .await;
            attempt(&shop, PLAIN, PASSWORD).await.0.unwrap();
        }
    });
}

#[test]
fn pages_are_read_though_the_shop_compresses_unasked() {
    locally(async {
        let page = Rc::new(scripted_shop::gzip(PLAIN_FORM.as_bytes()).await);
        let bomb = Rc::new(scripted_shop::gzip(&vec![b' '; 3 << 20]).await);
        let shop = ScriptedShop::start(move |asked| match asked.path.as_str() {
            "/login" => Answer::bytes(page.to_vec()).header("content-encoding", "gzip"),
            _ => Answer::bytes(bomb.to_vec()).header("content-encoding", "gzip"),
        })
        .await;
        let problem = problem(attempt(&shop, PLAIN, PASSWORD).await.0);
        assert_eq!(shop.asked.borrow().len(), 2, "the form was read");
        assert_eq!(problem.kind, Kind::ShopPageTooLarge);
    });
}

#[test]
fn redirects_are_followed_within_the_shop_however_they_are_written() {
    locally(async {
        for (location, expected) in [
            ("/konto", "/konto"),
            ("konto?a=1#top", "/x/konto"),
            ("?a=1", "/x/in"),
            ("http://HOST/konto", "/konto"),
            ("//HOST/konto", "/konto"),
            ("http://127.0.0.1/konto", "/konto"),
            ("https://127.0.0.1:4443/konto", "/konto"),
            ("http://innkjop.example/konto", "/konto"),
            ("https://www.innkjop.example:8443/konto", "/konto"),
            ("/kategori/blåbær", "/kategori/bl%C3%A5b%C3%A6r"),
        ] {
            for status in [301, 302, 303] {
                let shop = ScriptedShop::start(move |asked| match asked.path.as_str() {
                    "/login" => Answer::html(&PLAIN_FORM.replace("/in", "/x/in")),
                    "/x/in" if asked.method == "POST" => {
                        Answer::redirect(status, &location.replace("HOST", &asked.header(HOST)))
                    }
                    path => {
                        assert_eq!((asked.method.as_str(), path), ("GET", expected));
                        Answer::html("<a class=logout>")
                    }
                })
                .await;
                shop.known_as("www.innkjop.example");
                attempt(&shop, PLAIN, PASSWORD).await.0.unwrap();
            }
        }
    });
}

#[test]
fn a_redirect_that_keeps_the_method_keeps_the_form() {
    locally(async {
        let shop = ScriptedShop::start(|asked| match asked.path.as_str() {
            "/login" => Answer::html(PLAIN_FORM),
            "/in" => Answer::redirect(307, "/nb/in"),
            _ => {
                assert_eq!((asked.method.as_str(), asked.field("p").as_deref()), ("POST", Some(PASSWORD)));
                Answer::html("<a class=logout>")
            }
        })
        .await;
        attempt(&shop, PLAIN, PASSWORD).await.0.unwrap();
    });
}

#[test]
fn nothing_is_sent_to_another_host() {
    locally(async {
        let shop = ScriptedShop::start(|asked| match asked.path.as_str() {
            "/login" => Answer::html(PLAIN_FORM),
            _ => Answer::redirect(302, "https://sso.example/start?code=token"),
        })
        .await;
        let refused = problem(attempt(&shop, PLAIN, PASSWORD).await.0);
        assert_eq!(refused.kind, Kind::SignInRefused);
        assert!(
            refused.detail.ends_with("/in answered 302 and leads to another host (sso.example/start)"),
            "{refused}"
        );

        let shop = ScriptedShop::start(|_| Answer::html(&PLAIN_FORM.replace("/in", "https://evil.example/in"))).await;
        let refused = problem(attempt(&shop, PLAIN, PASSWORD).await.0);
        assert_eq!((refused.kind, shop.asked.borrow().len()), (Kind::ShopBroken, 1));
    });
}

#[test]
fn redirects_in_a_circle_end() {
    locally(async {
        let shop = ScriptedShop::start(|asked| match asked.path.as_str() {
            "/login" => Answer::html(PLAIN_FORM),
            path => Answer::redirect(302, if path == "/in" { "/out" } else { "/in" }),
        })
        .await;
        let problem = problem(attempt(&shop, PLAIN, PASSWORD).await.0);
        assert_eq!((problem.kind, shop.asked.borrow().len()), (Kind::ShopBroken, 12));
    });
}

#[test]
fn a_shop_that_hangs_is_left_at_the_deadline() {
    locally(async {
        for hanging in ["/login", "/in"] {
            let shop = ScriptedShop::start(move |asked| match asked.path.as_str() {
                path if path == hanging => Answer::never(),
                _ => Answer::html(PLAIN_FORM),
            })
            .await;
            let limits = VisitLimits { deadline: Duration::from_millis(300), ..VisitLimits::default() };
            let start = Instant::now();
            let problem = problem(attempt_within(&shop, PLAIN, PASSWORD, limits).await.0);
            assert_eq!(problem.kind, Kind::ShopTimeout);
            assert!(problem.detail.contains(hanging), "{problem}");
            assert!(start.elapsed() < Duration::from_secs(5));
        }
    });
}

#[test]
fn a_page_without_the_form_is_described() {
    locally(async {
        for (status, page, expected) in [
            (
                503,
                "<title>Vi er\n straks  tilbake</title>",
                "503 with the title \"Vi er straks tilbake\": none of its 0 forms",
            ),
            (404, "", "404: none of its 0 forms has the fields `p`, `u`"),
            (200, "<form><input name=u></form>", "200: none of its 1 forms has the fields `p`, `u`"),
        ] {
            let shop = ScriptedShop::start(move |_| Answer::html(page).status(status)).await;
            let problem = problem(attempt(&shop, PLAIN, PASSWORD).await.0);
            assert_eq!(problem.kind, Kind::SignInFormMissing);
            assert!(problem.detail.starts_with(&format!("the sign-in page /login answered {expected}")), "{problem}");
        }
    });
}

#[test]
fn a_page_that_is_too_large_is_not_read() {
    locally(async {
        let shop = ScriptedShop::start(|_| Answer::html(&" ".repeat(3 << 20))).await;
        assert_eq!(problem(attempt(&shop, PLAIN, PASSWORD).await.0).kind, Kind::ShopPageTooLarge);
    });
}

#[test]
fn an_element_that_shows_to_everybody_is_no_sign_of_success() {
    locally(async {
        let shop = ScriptedShop::start(|_| Answer::html(&format!("<a class=logout hidden></a>{PLAIN_FORM}"))).await;
        let problem = problem(attempt(&shop, PLAIN, PASSWORD).await.0);
        assert_eq!((problem.kind, shop.asked.borrow().len()), (Kind::SignInRefused, 1));
        assert!(problem.detail.contains("`a.logout` proves nothing"), "{problem}");
    });
}

#[test]
fn a_shop_under_https_gets_its_secure_cookies_and_its_own_origin() {
    locally(async {
        let mut shop = ScriptedShop::start(|asked| match asked.path.as_str() {
            "/login" => Answer::html(PLAIN_FORM).cookie("__Host-csrf=1; Path=/; Secure; HttpOnly"),
            "/in" => {
                assert_eq!(asked.header(ORIGIN), "https://shop.example");
                assert_eq!(asked.header(REFERER), "https://shop.example/login");
                assert_eq!(asked.header(HOST), "shop.example");
                assert_eq!(asked.header("x-forwarded-proto".parse().unwrap()), "https");
                assert_eq!(asked.cookie("__Host-csrf").as_deref(), Some("1"));
                Answer::redirect(302, "https://shop.example/konto")
            }
            _ => Answer::html("<a class=logout>"),
        })
        .await;
        shop.browser.host = "shop.example".parse().unwrap();
        shop.browser.https = true;
        let page = attempt(&shop, PLAIN, PASSWORD).await.0.unwrap().page;
        assert_eq!(page.url.as_str(), "https://shop.example/konto");
    });
}
