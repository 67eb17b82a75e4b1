//! The way in, looked at as a buyer's browser comes: through the public address and whatever stands behind it.
//!
//! Nothing here needs a secret. A catalog call with credentials that are nobody's is refused with one code where it
//! arrived whole (`PO-ENTRY-REFUSED`) and with another where something took its body or query (`PO-ENTRY-INCOMPLETE`); a
//! session's cookie that is nobody's is answered with the cookie's end, which shows both ways that a cookie goes.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, DATE, HOST, LOCATION, SET_COOKIE, USER_AGENT,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use url::Url;

use super::{Check, Report, Verdict, certificate_of, clock};
use crate::config::Plan;
use crate::problem::{Kind, Problem};
use crate::session::cookie;
use crate::session::id::SessionId;
use crate::upstream::{Live, Origin, Pool, PoolLimits, RequestBody, Trust};

/// For an answer from there.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of one answer.
const MOST: usize = 2 << 20;
/// A call as procurement systems send it, with an address in it, at which firewalls look twice; `.invalid` is nobody's.
const CALL: &str = "USERNAME=punchout-proxy-doctor&PASSWORD=nobody&HOOK_URL=https%3A%2F%2Fdoctor.invalid%2Foci%3Fsession%3D1%26x%3D%252F&%7EOkCode=ADDI&%7ETARGET=_top&%7ECALLER=CTLG";

/// The public side of a proxy.
struct Front<'f> {
    plan: &'f Plan,
    pool: Rc<Pool>,
    https: bool,
}

/// An answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// The code of our own answer; `None` where something else answered.
    fn code(&self) -> Option<String> {
        let told: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(told.get("code")?.as_str()?.to_owned())
    }

    fn has_code(&self, kind: Kind) -> bool {
        self.code().as_deref() == Some(kind.code())
    }
}

/// Looks at the way in. Whether our proxy answered at all is the second value.
///
/// # Errors
/// An address that is none.
pub async fn look(plan: &Plan, public: &Url, trust: &Trust) -> Result<(Report, bool), String> {
    let mut report = Report::default();
    let server = server(public);
    let origin = Origin::trusting(&server, trust).map_err(|error| format!("{public}: {error}"))?;
    let mut asked = origin.clone();
    if let Some(check) = certificate_of("public-tls", &origin, "renew the certificate where TLS is ended").await {
        if check.verdict == Verdict::Fault {
            // What else is wrong there can be seen all the same.
            asked = Origin::trusting(&server, &Trust::DangerAnybody).map_err(|error| format!("{public}: {error}"))?;
        }
        report.checks.push(check);
    }
    let limits = PoolLimits { connect_timeout: PATIENCE, first_byte_timeout: PATIENCE, ..PoolLimits::default() };
    let front = Front { plan, pool: Pool::new(asked, limits, Live::new(2)), https: public.scheme() == "https" };
    let posted = front.entry(Method::POST).await;
    let there = match posted {
        Ok((check, answer)) => {
            report.checks.push(check);
            answer.code().is_some()
        }
        Err(problem) => {
            let advice = "is the proxy running, and does what stands in front of it lead to it?";
            report.checks.push(Check::fault("entry-post", format!("{origin}: {problem}"), advice));
            report.unreached(&["entry-get", "cookies", "shop-cookies", "frames", "public-clock"]);
            return Ok((report, false));
        }
    };
    match front.entry(Method::GET).await {
        Ok((check, answer)) => {
            report.checks.push(check);
            front.by_cookie(&answer, &mut report).await;
            Ok((report, there || answer.code().is_some()))
        }
        Err(problem) => {
            report.checks.push(Check::fault("entry-get", problem.to_string(), "a catalog call by GET is not answered"));
            report.unreached(&["cookies", "shop-cookies", "frames", "public-clock"]);
            Ok((report, there))
        }
    }
}

/// Whether a proxy of ours answers at an address, whatever its certificate.
pub async fn answers(plan: &Plan, public: &Url) -> bool {
    let Ok(origin) = Origin::trusting(&server(public), &Trust::DangerAnybody) else { return false };
    let pool = Pool::new(origin, PoolLimits::default(), Live::new(1));
    let front = Front { plan, pool, https: public.scheme() == "https" };
    let style = front.ask(Method::GET, &format!("{}bar.css", plan.prefix), "", None).await;
    style.is_ok_and(|answer| answer.status == StatusCode::OK && answer.body == crate::punchout::bar::STYLE)
}

fn server(public: &Url) -> Url {
    let mut server = public.clone();
    server.set_path("/");
    server.set_query(None);
    server.set_fragment(None);
    server
}

impl Front<'_> {
    async fn ask(&self, method: Method, target: &str, form: &str, cookie: Option<&str>) -> Result<Answer, Problem> {
        let internal = |error: http::Error| Problem::new(Kind::Internal, error.to_string());
        let mut request = Request::builder()
            .method(&method)
            .uri(target)
            .header(HOST, self.pool.origin().host_header())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "Mozilla/5.0 (punchout-proxy doctor)");
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let body = if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            RequestBody::bytes(form.to_owned())
        } else {
            RequestBody::Empty
        };
        let mut request = request.body(body).map_err(internal)?;
        if method == Method::POST {
            request.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(form.len()));
        }
        let (head, body) = self.pool.send(request).await?.into_parts();
        let body = body.read_all(MOST).await?;
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// A catalog call of nobody: does it arrive whole? And is it our proxy that answers?
    async fn entry(&self, method: Method) -> Result<(Check, Answer), Problem> {
        let enter = format!("{}enter", self.plan.prefix);
        let post = method == Method::POST;
        let answer = match post {
            true => self.ask(method, &enter, CALL, None).await?,
            false => self.ask(method, &format!("{enter}?{CALL}"), "", None).await?,
        };
        let (name, part) = if post { ("entry-post", "body") } else { ("entry-get", "query") };
        Ok((judge_entry(name, part, &enter, &answer), answer))
    }

    /// What a browser with a session's cookie meets. `entered` is what a catalog call by GET was answered.
    async fn by_cookie(&self, entered: &Answer, report: &mut Report) {
        let secure = self.https || self.plan.public.as_ref().is_some_and(|public| public.secure);
        let given = cookie::give(SessionId::random(), secure);
        let pair = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        let answer = match self.ask(Method::GET, "/", "", Some(pair)).await {
            Ok(answer) => answer,
            Err(problem) => {
                report.checks.push(Check::fault("cookies", problem.to_string(), "a page is not answered"));
                report.unreached(&["shop-cookies", "frames", "public-clock"]);
                return;
            }
        };
        report.checks.push(judge_cookies(&answer, &given));
        report.checks.extend(self.shop_cookies().await);
        // By an answer of our own: the shop's pages have a word of the shop's on frames, which sessions do not see.
        let own = if answer.code().is_some() { &answer } else { entered };
        report.checks.push(judge_frames(own, self.plan.buyers.any_framed()));
        let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
        report.checks.push(clock("public-clock", "the clock at the public address", date, SystemTime::now()));
    }

    /// Whether the shop's cookies come through: those of its sign-in page, asked for at the shop and through the front.
    async fn shop_cookies(&self) -> Option<Check> {
        let plan = self.plan;
        let page = plan.shop.sign_in.as_ref().map_or(plan.shop.start.as_str(), |rules| rules.page());
        let through = self.ask(Method::GET, page, "", None).await.ok()?;
        let pool = Pool::new(plan.origin.clone(), plan.pool.clone(), Live::new(1));
        let front = Front { plan, pool, https: self.https };
        // A shop that is down is told of elsewhere.
        let straight = front.ask(Method::GET, page, "", None).await.ok()?;
        let names = |answer: &Answer| -> Vec<String> {
            let lines = answer.headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
            lines.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned())).collect()
        };
        let (there, here) = (names(&straight), names(&through));
        let lost: Vec<_> = there.iter().filter(|name| !here.contains(name)).cloned().collect();
        Some(if there.is_empty() {
            Check::ok("shop-cookies", format!("the shop sets none on {page}"))
        } else if lost.is_empty() {
            Check::ok("shop-cookies", format!("{} came through", there.join(", ")))
        } else {
            let seen = format!("the shop sets {} on {page}, and it does not come through", lost.join(", "));
            Check::fault(
                "shop-cookies",
                seen,
                "let Set-Cookie of all names through; a cache in front must not take it away",
            )
        })
    }
}

fn judge_entry(name: &str, part: &str, enter: &str, answer: &Answer) -> Check {
    let status = answer.status.as_u16();
    if answer.has_code(Kind::EntryRefused) {
        return Check::ok(name, format!("a catalog call's {part} arrives whole"));
    }
    if answer.has_code(Kind::EntryTooMany) {
        return Check::warning(name, "too many failed calls from here, so it could not be seen", "wait a minute");
    }
    if answer.has_code(Kind::EntryIncomplete) {
        let seen = format!("the call reached the proxy without its {part}: something in front took it");
        return Check::fault(
            name,
            seen,
            format!("let the {part} of {enter} through: firewall, redirect, rewriting rules"),
        );
    }
    if answer.status.is_redirection() {
        let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
        let to = to.split('?').next().unwrap_or_default();
        let seen = format!("something in front answered {status} and leads to {to}: a call loses its {part} there");
        return Check::fault(name, seen, "give the buyer the address to which it leads, or let the proxy answer");
    }
    let seen = match answer.code() {
        Some(code) => format!("the proxy answered {status}, {code}"),
        None => format!("something else than this proxy answered {status} at {enter}"),
    };
    Check::fault(
        name,
        seen,
        format!("let {enter} through to the proxy, whatever is in the call: firewalls dislike HOOK_URL"),
    )
}

fn judge_cookies(answer: &Answer, given: &HeaderValue) -> Check {
    let line = given.to_str().unwrap_or_default();
    let name = line.split('=').next().unwrap_or_default();
    if !answer.has_code(Kind::SessionOver) {
        let seen =
            format!("lost: the cookie `{name}` does not reach the proxy (the answer is {})", answer.status.as_u16());
        let advice =
            "let the browser's Cookie through. Is `public` what visitors type, https or not? Does a cache answer?";
        return Check::fault("cookies", seen, advice);
    }
    let mut lines = answer.headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let Some(came) = lines.rfind(|line| line.split('=').next() == Some(name)) else {
        let seen = format!("lost: Set-Cookie of `{name}` does not come through");
        return Check::fault("cookies", seen, "let Set-Cookie through: without it a buyer has no session");
    };
    let has =
        |line: &str, attribute: &str| line.split(';').skip(1).any(|one| one.trim().eq_ignore_ascii_case(attribute));
    let kept = |attribute: &&str| has(line, attribute) && !has(came, attribute);
    let gone: Vec<_> =
        ["Secure", "HttpOnly", "SameSite=None", "SameSite=Lax", "Path=/"].into_iter().filter(kept).collect();
    if gone.is_empty() {
        return Check::ok("cookies", format!("`{name}` goes both ways as it is"));
    }
    let seen = format!("`{name}` comes through without {}", gone.join(", "));
    Check::fault(
        "cookies",
        seen,
        "nothing in front may rewrite cookies (proxy_cookie_flags, cookie policies of a firewall)",
    )
}

fn judge_frames(answer: &Answer, any_framed: bool) -> Check {
    let values = |name| answer.headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let framing = |policy: &&str| policy.contains("frame-ancestors");
    // Our own page says nothing of frames outside of a session.
    let mut added: Vec<_> = values(X_FRAME_OPTIONS).map(|value| format!("X-Frame-Options: {value}")).collect();
    added.extend(
        values(CONTENT_SECURITY_POLICY).filter(framing).map(|value| format!("Content-Security-Policy: {value}")),
    );
    match (added.is_empty(), any_framed) {
        (true, _) => Check::ok("frames", "nothing in front forbids frames"),
        (false, false) => Check::ok("frames", format!("{} is added in front; no buyer uses a frame", added.join(", "))),
        (false, true) => Check::fault(
            "frames",
            format!("{} is added in front: the buyer's frame stays empty", added.join(", ")),
            "leave this header to the proxy, which allows each buyer's frame alone (`framed_by`)",
        ),
    }
}
