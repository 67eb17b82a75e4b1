//! Pages through which something goes on: the cart to the procurement system, the browser into the shop.

use http::StatusCode;

use super::html::{Html, document, safe_link};
use super::{Language, Nonce, Page, policy, texts};

/// Submits the page's only form. By the prototype, because a form field named `submit` would hide the form's own.
///
/// A one-time hook refuses a second post, and a slow hook tempts to a second click, so the button rests for four seconds
/// after each submission; then it is back, for the frame whose submission to `_top` the browser blocked, and
/// for the window into which another one opened. Disabled a moment late: the submitter's name and value would not be
/// sent otherwise. Language of 2009, for the browsers inside procurement systems.
const SUBMIT: &str = r#"(function () {
  var form = document.forms[0];
  var button = form.querySelector('button, input[type="submit"]');
  var sent = document.getElementById('punchout-script').getAttribute('data-sent');
  function tell() {
    if (sent && navigator.sendBeacon) navigator.sendBeacon(sent);
    sent = '';
  }
  function rest() {
    setTimeout(function () { if (button) button.disabled = true; }, 0);
    setTimeout(wake, 4000);
  }
  function wake() { if (button) button.disabled = false; }
  form.addEventListener('submit', rest);
  // The page goes away when the receiver's answer has come; it stays where that opens in another window.
  window.addEventListener('pagehide', tell);
  if (!/^_(self|top|parent)$/.test(form.target || '_self')) setTimeout(tell, 4000);
  window.addEventListener('pageshow', function (event) { if (event.persisted) wake(); });
  rest();
  HTMLFormElement.prototype.submit.call(form);
})();
"#;

/// Leaves no entry in the history: Back from the shop's first page would come here, and be sent forward again.
const GO_ON: &str = "location.replace(document.getElementById('onward').href);\n";

/// Our return page: `form` takes the cart to the procurement system. `form` is finished, escaped HTML with a visible
/// submit button, labelled [`texts::HandOver::button`], and an `accept-charset` of its own, for this page is UTF-8. What
/// must arrive stands in hidden inputs: a script's submission does not send the button.
///
/// `by_itself` is for hooks that a page can submit to by itself, and says where it tells that it did; `SAPEVENT:` is none,
/// because the procurement client's embedded browser takes only the person's own click.
pub fn hand_over(form: &str, nonce: &Nonce, by_itself: Option<&str>, language: Language) -> Page {
    let words = &texts::of(language).hand_over;
    let auto_submit = by_itself.is_some();
    let mut main = Html::new();
    if auto_submit {
        main.paragraph(&words.automatic);
        main.markup("<noscript>").paragraph(&words.without_script).markup("</noscript>\n");
    } else {
        main.paragraph(&words.by_hand);
    }
    main.ready_made(form).markup("\n");
    if let Some(sent) = by_itself {
        submit_by_itself(&mut main, nonce, sent);
    }
    // "Sending the cart" would not be true of a page that waits for a click.
    let title = if auto_submit { &words.title } else { &words.button };
    let body = document(language, nonce, title, Html::new(), main);
    Page::html(StatusCode::OK, body, policy(nonce, auto_submit))
}

/// The answer to a function that asks for one product's data: the form, and nothing to see. It is read by a program, or
/// submits itself in a frame that nobody sees.
pub fn offer(form: &str, nonce: &Nonce, by_itself: bool) -> Page {
    let mut page = Html::new();
    page.markup("<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title></title>\n</head>\n<body>\n");
    page.ready_made(form);
    if by_itself {
        submit_by_itself(&mut page, nonce, "");
    }
    page.markup("</body>\n</html>\n");
    Page::html(StatusCode::OK, page.into_text(), policy(nonce, by_itself))
}

/// The page of somebody who leaves without a cart: `form` tells the procurement system so, as in [`hand_over`].
pub fn left(form: &str, nonce: &Nonce, by_itself: bool, language: Language) -> Page {
    let words = &texts::of(language).session.left;
    let mut main = Html::new();
    main.paragraph(&words.advice).ready_made(form).markup("\n");
    if by_itself {
        // The session is over already.
        submit_by_itself(&mut main, nonce, "");
    }
    let body = document(language, nonce, &words.title, Html::new(), main);
    Page::html(StatusCode::OK, body, policy(nonce, by_itself))
}

fn submit_by_itself(main: &mut Html, nonce: &Nonce, sent: &str) {
    main.markup("<script id=\"punchout-script\"").attribute("nonce", nonce.as_str()).attribute("data-sent", sent);
    main.markup(">").markup(SUBMIT).markup("</script>\n");
}

/// A page that goes on to `address` by itself: with a script, without one, or at worst by a click. Unlike a redirect it
/// ends the chain that began at the procurement system, so that the shop's `SameSite=Strict` cookies are sent with what
/// follows. An address that is neither a path nor http(s) leads to `/`.
pub fn onward(address: &str, nonce: &Nonce, language: Language) -> Page {
    let words = &texts::of(language).onward;
    let address = safe_link(address).unwrap_or("/");
    let mut head = Html::new();
    head.markup("<noscript><meta http-equiv=\"refresh\"").attribute("content", &format!("0;url={address}"));
    head.markup("></noscript>\n");
    let mut main = Html::new();
    main.paragraph(&words.advice);
    main.markup("<p class=\"actions\"><a id=\"onward\"").attribute("href", address).markup(">").text(&words.button);
    main.markup("</a></p>\n<script").attribute("nonce", nonce.as_str()).markup(">").markup(GO_ON).markup("</script>\n");
    let body = document(language, nonce, &words.title, head, main);
    Page::html(StatusCode::OK, body, policy(nonce, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "<form action=\"https://srm.example/hook?a=1&amp;b=2\" method=\"post\" accept-charset=\"utf-8\">\
        <input type=\"hidden\" name=\"submit\" value=\"1\"><button>Send</button></form>";

    fn nonce() -> Nonce {
        Nonce::from_bytes([3; 16])
    }

    fn policy_of(page: &Page) -> &str {
        page.headers["content-security-policy"].to_str().unwrap()
    }

    #[test]
    fn the_form_is_passed_on_as_it_is_and_submitted_only_where_asked() {
        for language in Language::ALL {
            let words = &texts::of(language).hand_over;
            let automatic = hand_over(FORM, &nonce(), Some("/_punchout/sent"), language);
            assert!(automatic.body.contains(FORM) && automatic.body.contains(&words.without_script));
            let script =
                "<script id=\"punchout-script\" nonce=\"AwMDAwMDAwMDAwMDAwMDAw\" data-sent=\"/_punchout/sent\">";
            assert_eq!(automatic.body.matches(script).count(), 1);
            assert!(policy_of(&automatic).contains("script-src 'nonce-AwMDAwMDAwMDAwMDAwMDAw'"));

            let by_hand = hand_over(FORM, &nonce(), None, language);
            assert!(by_hand.body.contains(FORM) && by_hand.body.contains(&words.by_hand));
            assert!(by_hand.body.contains(&format!("<h1>{}</h1>", words.button)));
            assert!(!by_hand.body.contains("<script") && !by_hand.body.contains("<noscript"));
            assert!(!policy_of(&by_hand).contains("script-src"));

            for page in [automatic, by_hand] {
                assert_eq!(page.status, StatusCode::OK);
                assert_eq!(page.headers["cache-control"], "no-store");
                // Browsers hold it against the hook's redirects too.
                assert!(!policy_of(&page).contains("form-action"));
            }
        }
    }

    #[test]
    fn onward_names_the_address_escaped() {
        let page = onward("/start?a=1&b=\"<x>", &nonce(), Language::Nynorsk);
        assert!(page.body.contains("content=\"0;url=/start?a=1&amp;b=&quot;&lt;x&gt;\""), "{}", page.body);
        assert!(page.body.contains("id=\"onward\" href=\"/start?a=1&amp;b=&quot;&lt;x&gt;\""));
        assert!(page.body.contains("location.replace("));
    }

    #[test]
    fn onward_leads_nowhere_strange() {
        for address in
            ["javascript:alert(1)", "//evil.example", "/\\evil.example", "data:text/html,x", "/a\r\nX: y", ""]
        {
            let page = onward(address, &nonce(), Language::English);
            assert!(page.body.contains("id=\"onward\" href=\"/\""), "{address:?}");
            assert!(!page.body.contains("evil") && !page.body.contains("alert"));
        }
    }
}
