//! What every request pays: `cargo bench --bench requests`. A visitor's request goes through the header editing twice,
//! the routing once and the catalog call's cheap test where it has a query.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use divan::{Bencher, black_box};
use http::{HeaderMap, Request, request};
use punchout_proxy::config::{self, Plan};
use punchout_proxy::exchange::Client;
use punchout_proxy::location::Target;
use punchout_proxy::protocol::oci::Entry;
use punchout_proxy::proxy::headers::{strip_hop_by_hop, toward_shop};
use punchout_proxy::proxy::route::{Claim, route};
use punchout_proxy::session::cookie;

fn main() {
    divan::main();
}

/// As Chromium asks for a page of a shop it has been to.
fn head(target: &str) -> request::Parts {
    let request = Request::get(target)
        .header("host", "shop.example")
        .header("connection", "keep-alive")
        .header("cache-control", "max-age=0")
        .header("sec-ch-ua", "\"Chromium\";v=\"142\", \"Not:A-Brand\";v=\"24\"")
        .header("sec-ch-ua-mobile", "?0")
        .header("sec-ch-ua-platform", "\"Windows\"")
        .header("upgrade-insecure-requests", "1")
        .header(
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
        )
        .header("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8")
        .header("sec-fetch-site", "same-origin")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("referer", "https://shop.example/catalogue/")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("accept-language", "nb-NO,nb;q=0.9,en;q=0.8")
        .header(
            "cookie",
            "_ga=GA1.2.1234567890.1700000000; csrftoken=AbCdEf0123456789; sessionid=0123456789abcdefghij; consent=yes",
        );
    request.body(()).unwrap().into_parts().0
}

fn plan() -> Plan {
    let text = "listen = \"127.0.0.1:0\"\n[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"django-oscar\"\n";
    config::read(text, Path::new(".")).plan.unwrap()
}

#[divan::bench]
fn strip_what_is_for_one_hop(bencher: Bencher) {
    let headers = head("/").headers;
    bencher.with_inputs(|| headers.clone()).bench_values(|mut headers: HeaderMap| {
        strip_hop_by_hop(&mut headers);
        headers
    });
}

#[divan::bench]
fn make_fields_fit_for_the_shop(bencher: Bencher) {
    let headers = head("/").headers;
    let client = Client::new("192.0.2.1:40000".parse().unwrap(), false, false);
    bencher.with_inputs(|| headers.clone()).bench_values(|mut headers: HeaderMap| {
        toward_shop(&mut headers, &client, true);
        headers
    });
}

#[divan::bench(args = ["/", "/catalogue/category/tools_3/?page=2&sort_by=price-asc&q=drill"])]
fn route_a_visitor(bencher: Bencher, target: &str) {
    let (plan, head) = (plan(), head(target));
    bencher.bench(|| route(black_box(&plan), black_box(&head), Claim::None));
}

#[divan::bench]
fn look_for_our_cookie(bencher: Bencher) {
    let headers = head("/").headers;
    bencher.bench(|| cookie::read(black_box(&headers), true));
}

#[divan::bench]
fn is_it_a_catalog_call(bencher: Bencher) {
    let names = plan().entry.names;
    let query = b"page=2&sort_by=price-asc&q=hydraulic%20sealing&utm_source=newsletter&utm_campaign=november";
    bencher.bench(|| Entry::looks_like(black_box(query), &names));
}

/// Sessions alone pay this.
#[divan::bench]
fn judge_a_session_request(bencher: Bencher) {
    let plan = plan();
    bencher.bench(|| {
        let target = Target::new(black_box("/catalogue/category/tools_3/"), black_box(Some("page=2")));
        plan.shop.policy.judge(&http::Method::GET, &target)
    });
}
