//! Writes our own pages to a folder, to look at them in a browser: `cargo run --example pages -- <folder>`.

use std::path::PathBuf;
use std::{env, fs, io};

use punchout_proxy::finding::{Finding, Severity, code};
use punchout_proxy::pages::{self, Ended, Language, Link, Nonce, Reader, texts};
use punchout_proxy::problem::{Kind, Problem};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args().nth(1).unwrap_or_else(|| "target/pages".into()));
    fs::create_dir_all(&folder)?;
    let nonce = Nonce::from_bytes([1; 16]);
    for language in Language::ALL {
        let reference = "01JDCQ8V4T6M2X7K";
        let contact = Some("innkjop@trondheim.example");
        let reader = Reader { language, reference, contact, wants_json: false, nonce: &nonce };
        let write = |name: &str, body: String| fs::write(folder.join(format!("{name}.{}.html", language.code())), body);

        for kind in Kind::ALL {
            let links = [Link::Again("/"), Link::Shop("/")];
            write(kind.code(), pages::problem(&Problem::new(kind, ""), &reader, &links).body)?;
        }
        let findings = [
            Finding::on_line(code::UNIT_UNKNOWN, Severity::Error, 2, ""),
            Finding::on_line(code::PRICE_UNREADABLE, Severity::Error, 11, ""),
        ];
        let names = ["Kulepenn", "Kopipapir A4 80 g/m², hvit & \"miljømerket\" <500 ark>, FSC-sertifisert"];
        write("cart-refused", pages::cart_refused(&findings, &names, &reader, &[Link::Cart("/basket/")]).body)?;
        write("returned", pages::session_over(Ended::Returned, &reader, &[]).body)?;
        write("left", pages::session_over(Ended::Left, &reader, &[]).body)?;
        let button = &texts::of(language).hand_over.button;
        let form = format!("<form method=\"post\" action=\"about:blank\"><button>{button}</button></form>");
        write("hand-over", pages::hand_over(&form, &nonce, None, language).body)?;
        write("onward", pages::onward("about:blank", &nonce, language).body.replace("<script", "<template"))?;
    }
    Ok(())
}
