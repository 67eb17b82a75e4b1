//! From a plan to a sheet: the catalog call, then what comes back ([`returned`]), then what can go wrong.

mod returned;

use super::paper::{Block, Paper, Text};
use super::words::{self, Words};
use crate::config::file::Embed;
use crate::config::plan::{Accounts, Buyer, Cancel, Plan};
use crate::finding::{KNOWN, Severity, code};
use crate::pages::{Language, texts};
use crate::problem::Kind;
use crate::protocol::oci::form::escaped;
use crate::protocol::oci::{Function, Target};
use crate::punchout::functions;

/// Functions of OCI, in the standard's order, and what the words call them.
const FUNCTIONS: [(Function, &str); 7] = [
    (Function::Shop, "Shop"),
    (Function::Detail, "Detail"),
    (Function::Validate, "Validate"),
    (Function::Sourcing, "Sourcing"),
    (Function::BackgroundSearch, "BackgroundSearch"),
    (Function::DownloadJson, "DownloadJson"),
    (Function::QuantityCheck, "QuantityCheck"),
];

/// What a buyer's system or its user never meets, or what tells of a broken program rather than of a set-up.
const NOT_TOLD: [Kind; 6] = [
    Kind::BadRequest,
    Kind::MethodNotAllowed,
    Kind::NotImplemented,
    Kind::RequestTimeout,
    Kind::NoSuchPage,
    Kind::CrossSite,
];

/// What only `lint` finds, in carts of other shops.
const OF_LINT: [&str; 4] = [code::LINE_GAP, code::FIELDS_UNEVEN, code::FIELD_TWICE, code::FIELD_UNKNOWN];

/// The password in samples.
const PASSWORD: &str = "********";

/// One sheet on its way.
struct Sheet<'p> {
    plan: &'p Plan,
    buyer: &'p Buyer,
    /// Scheme and host.
    shop: &'p str,
    language: Language,
    words: Words,
    paper: Paper,
}

/// One parameter of the call.
struct Parameter {
    name: String,
    sample: String,
    needed: bool,
    told: Text,
}

/// The sheet for `buyer`, who calls `shop` (scheme and host).
pub(super) fn sheet(plan: &Plan, buyer: &Buyer, shop: &str, language: Language) -> Paper {
    let words = words::of(language);
    let host = shop.split_once("://").map_or(shop, |(_, host)| host);
    let title = texts::fill(&words.title, &[("shop", host), ("buyer", &buyer.name)]).into_owned();
    let paper = Paper { title, blocks: Vec::new() };
    let mut sheet = Sheet { plan, buyer, shop, language, words, paper };
    sheet.paper.paragraph(Text::plain(&sheet.words.intro));
    sheet.contact();
    sheet.address();
    sheet.parameters();
    sheet.functions();
    sheet.fields();
    sheet.units();
    sheet.charset();
    sheet.hooks();
    sheet.window();
    sheet.visit();
    sheet.codes();
    sheet.paper
}

impl Sheet<'_> {
    fn contact(&mut self) {
        let words = &self.words.contact;
        self.paper.heading(&words.heading);
        self.paper.paragraph(match &self.plan.contact {
            Some(contact) => Text::filled(&words.text, &[("contact", Text::plain(contact))]),
            None => Text::plain(&words.none),
        });
    }

    fn call(&self) -> String {
        format!("{}{}enter", self.shop, self.plan.prefix)
    }

    fn address(&mut self) {
        let words = &self.words.address;
        let size = Text::plain(self.plan.entry.body_size.to_string());
        let row = |what: &str, value: Text| vec![Text::plain(what), value];
        let mut rows = vec![row(&words.address, Text::code(self.call()))];
        if !self.plan.entry.locations.is_empty() {
            let further = self.plan.entry.locations.iter().map(|location| format!("{}{location}", self.shop));
            rows.push(row(&words.further, Text::codes(further)));
        }
        rows.push(row(&words.method, Text::plain(&words.methods)));
        rows.push(row(&words.encoding, Text::filled(&words.encodings, &[("size", size)])));
        rows.push(row(&words.browser, Text::plain(&words.browsers)));
        self.paper.heading(&words.heading);
        self.paper.table(&words.head.each_ref().map(String::as_str), rows);
    }

    fn parameters(&mut self) {
        let parameters = self.parameters_of_the_call();
        let names = &self.plan.entry.names;
        let others = [&names.hook, &names.username, &names.password].into_iter().flat_map(|list| list.iter().skip(1));
        let also = Text::codes(others.cloned());
        let words = &self.words.parameter;
        let row = |parameter: &Parameter| {
            let needed = if parameter.needed { &self.words.yes } else { &self.words.no };
            let (name, sample) = (Text::code(&parameter.name), Text::code(&parameter.sample));
            vec![name, sample, Text::plain(needed), parameter.told.clone()]
        };
        self.paper.heading(&words.heading);
        self.paper.table(&words.head.each_ref().map(String::as_str), parameters.iter().map(row).collect());
        if !also.0.is_empty() {
            self.paper.paragraph(Text::filled(&words.also, &[("names", also)]));
        }
        let sample = sample_form(&self.call(), &parameters);
        self.paper.heading(&self.words.form.heading);
        self.paper.paragraph(Text::plain(&self.words.form.text));
        self.paper.blocks.push(Block::Code(sample));
    }

    fn parameters_of_the_call(&self) -> Vec<Parameter> {
        let (names, words) = (&self.plan.entry.names, &self.words.parameter);
        let of = |list: &[String], sample: String, needed: bool, told: &str| {
            let name = list.first()?.clone();
            Some(Parameter { name, sample, needed, told: Text::plain(told) })
        };
        let passthrough = self.buyer.passes_through();
        let (user, user_told, password_told) = if passthrough {
            (&words.username_passthrough_sample, &words.username_passthrough, &words.password_passthrough)
        } else {
            (&self.buyer.username, &words.username, &words.password)
        };
        let mut parameters: Vec<Parameter> = [
            of(&names.hook, self.sample_hook(), true, &words.hook),
            of(&names.username, user.clone(), true, user_told),
            of(&names.password, PASSWORD.to_owned(), true, password_told),
        ]
        .into_iter()
        .flatten()
        .collect();
        let target = Target::choose(self.buyer.form.target.as_ref(), None).to_string();
        for name in &names.echo {
            let sample = match name.to_ascii_lowercase().as_str() {
                "~okcode" => "ADDI".to_owned(),
                "~target" => target.clone(),
                "~caller" => "CTLG".to_owned(),
                // Others go back as well; nobody has to know of them.
                _ => continue,
            };
            parameters.extend(of(std::slice::from_ref(name), sample, false, &words.echo));
        }
        let used = self.buyer.mapping.parameters();
        parameters.extend(used.into_iter().map(|(name, fields)| Parameter {
            name: name.to_owned(),
            sample: String::new(),
            needed: false,
            told: Text::filled(&words.used, &[("fields", Text::codes(fields))]),
        }));
        for name in self.account_parameters() {
            let known = parameters.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&name));
            match known {
                Some(known) => known.needed = true,
                None => parameters.extend(of(std::slice::from_ref(&name), String::new(), true, &words.account)),
            }
        }
        parameters.extend(of(&names.return_target, target, false, &words.target));
        parameters.extend(of(&names.charset, self.charset_label().to_owned(), false, &words.charset));
        parameters.extend(of(&names.language, self.language.code().to_owned(), false, &words.language));
        parameters.extend(of(&names.cancel, String::new(), false, &words.cancel));
        parameters.extend(of(&names.function, String::new(), false, &words.function));
        parameters
    }

    /// Those by which a person's account in the shop is told.
    fn account_parameters(&self) -> Vec<String> {
        let Accounts::PerUser { username, password } = &self.buyer.accounts else { return Vec::new() };
        let mut names: Vec<String> = username
            .words()
            .chain(password.words())
            .filter_map(|word| word.strip_prefix("parameter."))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// An address that the first rule allows.
    fn sample_hook(&self) -> String {
        let Some(rule) = self.buyer.hooks.first().map(ToString::to_string) else {
            return "https://procurement.example/oci?session=1234".to_owned();
        };
        if rule.starts_with("SAPEVENT") {
            return rule;
        }
        let slash = if rule.split("://").nth(1).is_some_and(|rest| rest.contains('/')) { "" } else { "/oci" };
        format!("{}{slash}?session=1234", rule.replacen("*.", "procurement.", 1))
    }

    fn functions(&mut self) {
        let words = &self.words.function;
        let rows = FUNCTIONS.iter().map(|(function, name)| {
            let told = words.name.get(*name).map_or("", String::as_str);
            let offered =
                if functions::lacks(&self.plan.shop, function).is_none() { &self.words.yes } else { &self.words.no };
            vec![Text::code(function.as_str()), Text::plain(told), Text::plain(offered)]
        });
        self.paper.heading(&words.heading);
        self.paper.table(&words.head.each_ref().map(String::as_str), rows.collect());
        let code = Text::code(Kind::FunctionUnsupported.code());
        self.paper.paragraph(Text::filled(&words.refused, &[("code", code)]));
    }

    fn hooks(&mut self) {
        let words = &self.words.hook;
        self.paper.heading(&words.heading);
        if self.buyer.hooks.is_empty() {
            self.paper.paragraph(Text::plain(&words.none));
            return;
        }
        let code = Text::code(Kind::HookRefused.code());
        self.paper.paragraph(Text::filled(&words.text, &[("code", code)]));
        let rules = self.buyer.hooks.iter().map(|rule| Text::code(rule.to_string()));
        self.paper.blocks.push(Block::List(rules.collect()));
    }

    fn window(&mut self) {
        let words = &self.words.window;
        self.paper.heading(&words.heading);
        if self.buyer.embed == Embed::Iframe {
            let framed_by = &self.buyer.framed_by;
            self.paper.paragraph(Text::plain(if framed_by.is_empty() { &words.iframe_hooks } else { &words.iframe }));
            if !framed_by.is_empty() {
                self.paper.blocks.push(Block::List(framed_by.iter().map(Text::code).collect()));
            }
            self.paper.paragraph(Text::plain(&words.cookies));
        } else {
            self.paper.paragraph(Text::plain(&words.window));
        }
        let fixed = self.buyer.form.target.as_ref();
        let target = Text::code(Target::choose(fixed, None).as_str());
        let template = if fixed.is_some() { &words.target } else { &words.target_call };
        self.paper.paragraph(Text::filled(template, &[("target", target)]));
    }

    fn visit(&mut self) {
        let words = &self.words.session;
        let limits = &self.plan.session;
        let time = |time| Text::plain(humantime::format_duration(time).to_string());
        let at_once = match &self.buyer.accounts {
            Accounts::Pool(accounts) => {
                Text::filled(&words.pools, &[("number", Text::plain(accounts.len().to_string()))])
            }
            _ => Text::plain(&words.shared),
        };
        let parameter = self.plan.entry.names.cancel.first().map(Text::code).unwrap_or_default();
        let cancel = match &self.buyer.form.cancel {
            Cancel::Post => Text::filled(&words.cancel_post, &[("parameter", parameter)]),
            Cancel::Link(address) => {
                Text::filled(&words.cancel_link, &[("parameter", parameter), ("address", Text::code(address))])
            }
            Cancel::None => Text::filled(&words.cancel_none, &[("parameter", parameter)]),
        };
        let again = if self.buyer.form.again { &words.again_yes } else { &words.again_no };
        let rows = [
            (&words.idle, time(limits.idle)),
            (&words.longest, time(limits.longest)),
            (&words.pool, at_once),
            (&words.cancel, cancel),
            (&words.again, Text::plain(again)),
        ];
        let rows = rows.into_iter().map(|(what, value)| vec![Text::plain(what), value]);
        self.paper.heading(&words.heading);
        self.paper.table(&words.head.each_ref().map(String::as_str), rows.collect());
    }

    fn codes(&mut self) {
        let (words, told) = (&self.words.code, texts::of(self.language));
        let problems = Kind::ALL.into_iter().filter(|kind| !NOT_TOLD.contains(kind)).map(|kind| {
            let message = told.problem(kind);
            let status = kind.status().as_u16().to_string();
            let (code, title) = (Text::code(kind.code()), Text::plain(&message.title));
            vec![code, Text::plain(status), title, Text::plain(&message.advice)]
        });
        let grave = KNOWN
            .iter()
            .filter(|known| !OF_LINT.contains(&known.code) && self.buyer.severities.of(known) == Severity::Error);
        let findings = grave.map(|known| vec![Text::code(known.code), Text::plain(told.finding(known.code))]);
        self.paper.heading(&words.heading);
        self.paper.paragraph(Text::plain(&words.text));
        self.paper.table(&words.head.each_ref().map(String::as_str), problems.collect());
        let code = Text::code(Kind::CartRefused.code());
        self.paper.paragraph(Text::filled(&words.finding, &[("code", code)]));
        self.paper.table(&words.finding_head.each_ref().map(String::as_str), findings.collect());
    }
}

/// To be saved as a file and opened: what has a sample is sent.
fn sample_form(address: &str, parameters: &[Parameter]) -> String {
    let inputs = parameters.iter().filter(|parameter| parameter.needed || !parameter.sample.is_empty());
    let inputs: String = inputs
        .map(|one| format!("  <input name=\"{}\" value=\"{}\">\n", escaped(&one.name), escaped(&one.sample)))
        .collect();
    format!("<form method=\"post\" action=\"{}\">\n{inputs}  <button>OCI</button>\n</form>", escaped(address))
}
