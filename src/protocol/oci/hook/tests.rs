use proptest::prelude::*;

use super::*;

fn judge(rules: &[&str], hook: &str) -> Result<(), HookRefusal> {
    let rules: Vec<_> = rules.iter().map(|rule| HookRule::parse(rule).expect(rule)).collect();
    Hook::parse(hook)?.allowed_by(&rules)
}

const RULES: [&str; 6] = [
    "https://*.acme.example",
    "https://srm.other.example:8443/sap/bc/",
    "http://intranet.local:8000",
    "https://bücher.example",
    "https://[2001:db8::1]",
    "https://acme.example",
];

#[test]
fn allowed_hooks() {
    for hook in [
        "https://srm.acme.example/sap/bc/gui/sap/its/bbpsc01?sap-client=100&sap-sessionid=SID:ANON",
        "https://a.b.acme.example",
        "HTTPS://SRM.ACME.EXAMPLE/x",
        "https://srm.acme.example:443/",
        "https://acme.example/?u=https://evil.com/@x",
        "https://srm.other.example:8443/sap/bc",
        "https://srm.other.example:8443/sap/bc/x(bD1kZQ==)?a=../..",
        "https://srm.other.example:8443/x/../sap/bc/y",
        "https://srm.other.example:8443/s%61p/bc/y",
        "http://intranet.local:8000/oci",
        "https://xn--bcher-kva.example/",
        "https://BÜCHER.example/",
        "https://[2001:DB8:0::1]:443/x",
    ] {
        assert_eq!(judge(&RULES, hook), Ok(()), "{hook}");
    }
}

#[test]
fn a_hook_that_is_not_listed_tells_what_would_allow_it() {
    for (hook, rule) in [
        ("https://srm.new.example/sap?sap-sessionid=secret", "https://srm.new.example"),
        ("HTTP://Srm.New.Example:8000/x", "http://srm.new.example:8000"),
        ("https://bücher.new.example/", "https://xn--bcher-kva.new.example"),
        ("https://[2001:db8::2]:8443/x", "https://[2001:db8::2]:8443"),
        ("https://srm.other.example:8443/other/x?y", "https://srm.other.example:8443/other/x"),
        ("https://srm.other.example:8443/a*b/", "https://srm.other.example:8443"),
        ("https://srm.other.example:8443/sap/bc/%2fx", "https://srm.other.example:8443"),
        ("SAPEVENT:POST", "SAPEVENT:POST"),
    ] {
        let refusal = judge(&RULES, hook).unwrap_err();
        let told = Hook::parse(hook).unwrap().rule(refusal);
        assert_eq!(told, rule, "{hook}");
        assert_eq!(judge(&[&told], hook), Ok(()), "{hook}");
    }
}

#[test]
fn hostile_hooks() {
    use HookRefusal::*;
    for (hook, refusal) in [
        ("javascript:alert(1)", Scheme),
        ("JavaScript://acme.example/%0aalert(1)", Scheme),
        ("data:text/html,<script>", Scheme),
        ("//acme.example/", Scheme),
        ("/relative", Scheme),
        ("", Scheme),
        ("https:acme.example", Scheme),
        ("ftp://acme.example/", Scheme),
        ("https:///acme.example", NotUrl),
        ("https://", NotUrl),
        ("https://acme.example:99999/", NotUrl),
        ("https://srm.acme.example@evil.com/", Userinfo),
        ("https://user:pw@srm.acme.example/", Userinfo),
        ("https://@srm.acme.example/", Userinfo),
        ("https://evil.com\\@acme.example/", Backslash),
        ("https:\\\\acme.example/", Backslash),
        ("https://acme.example\t.evil.com/", ControlOrSpace),
        ("java\nscript:alert(1)", ControlOrSpace),
        ("https://acme.example/\r\nX: y", ControlOrSpace),
        (" https://acme.example/", ControlOrSpace),
        ("https://acme.example/\u{a0}", ControlOrSpace),
        ("https://acme.example/\u{2028}", ControlOrSpace),
        ("https://acme.example/\0", ControlOrSpace),
        ("https://acme.example/#/x", Fragment),
        ("https://evil.com#.acme.example", Fragment),
        ("https://acme.example.evil.com/", OriginNotListed),
        ("https://evil.com/https://acme.example", OriginNotListed),
        ("https://evil.com?.acme.example", OriginNotListed),
        ("https://evilacme.example/", OriginNotListed),
        ("https://acme.example:8443/", OriginNotListed),
        ("https://srm.acme.example:80/", OriginNotListed),
        ("http://srm.acme.example/", OriginNotListed),
        ("http://srm.acme.example:443/", OriginNotListed),
        ("https://intranet.local:8000/", OriginNotListed),
        ("http://intranet.local/", OriginNotListed),
        ("https://аcme.example/", OriginNotListed), // a Cyrillic а
        ("https://srm.acme.examp1e/", OriginNotListed),
        ("https://acme.example./", NotUrl),
        ("https://srm.acme.example./", NotUrl),
        ("https://.acme.example/", NotUrl),
        ("https://x..acme.example/", OriginNotListed),
        ("https://x;sandbox.acme.example/", NotUrl),
        ("https://x,y.acme.example/", NotUrl),
        ("https://evil.com%2f.acme.example/", NotUrl),
        ("https://s%72m.acme.example/", NotUrl),
        ("https://evil.com%00.acme.example/", NotUrl),
        ("https://[2001:db8::2]/", OriginNotListed),
        ("https://0x7f.1/", OriginNotListed),
        ("https://srm.other.example:8443/sap/bcx", PathNotListed),
        ("https://srm.other.example:8443/", PathNotListed),
        ("https://srm.other.example:8443/SAP/BC/", PathNotListed),
        ("https://srm.other.example:8443/sap/bc/../admin", PathNotListed),
        ("https://srm.other.example:8443/sap/bc/%2e%2e/admin", PathNotListed),
        ("https://srm.other.example:8443/sap/bc/.%2E/admin", PathNotListed),
        ("https://srm.other.example:8443/sap/bc/..%2fadmin", PathAmbiguous),
        ("https://srm.other.example:8443/sap/bc/..%5cadmin", PathAmbiguous),
        ("https://srm.other.example:8443/sap/bc/%252e%252e/admin", PathAmbiguous),
        ("https://srm.other.example:8443/sap/bc/..;/admin", PathAmbiguous),
        ("SAPEVENT:POST", SapEventNotListed),
        ("SAPEVENT:POST?x", Scheme),
    ] {
        assert_eq!(judge(&RULES, hook), Err(refusal), "{hook:?}");
    }
    assert_eq!(judge(&RULES, &format!("https://acme.example/{}", "x".repeat(MAX_HOOK))), Err(TooLong));
}

#[test]
fn sapevent_is_allowed_only_where_listed() {
    for hook in ["SAPEVENT:POST", "sapevent:post"] {
        assert_eq!(judge(&["SapEvent:Post"], hook), Ok(()), "{hook}");
    }
    assert_eq!(judge(&["SAPEVENT:POST"], "https://a.example/"), Err(HookRefusal::OriginNotListed));
}

#[test]
fn fullwidth_letters_are_the_letters_a_browser_makes_of_them() {
    assert_eq!(judge(&RULES, "https://ａcme.example/"), Ok(()));
    assert_eq!(Hook::parse("https://ａcme.example/").unwrap().form_action_source().unwrap(), "https://acme.example");
}

#[test]
fn rules_that_could_allow_too_much_are_refused() {
    for rule in [
        "",
        "*",
        "acme.example",
        "*.acme.example",
        "https://*",
        "https://*.example",
        "https://*acme.example",
        "https://srm.*.example",
        "https://*.*.acme.example",
        "https://*.127.0.0.1",
        "https://acme.example/*",
        "https://acme.example?x",
        "https://acme.example/#x",
        "https://u@acme.example",
        "https://acme.example.",
        "https://acme.example/a%2fb",
        "javascript://acme.example",
        "https://acme example",
    ] {
        assert!(HookRule::parse(rule).is_err(), "{rule}");
    }
}

#[test]
fn no_query_is_printed_and_the_text_is_kept() {
    let text = "HTTPS://Srm.Acme.example:8443/a/b?sap-sessionid=geheim&x=%7e";
    let hook = Hook::parse(text).unwrap();
    assert_eq!(hook.text(), text);
    assert_eq!(hook.to_string(), "https://srm.acme.example:8443/a/b");
    assert_eq!(format!("{hook:?}"), "Hook(https://srm.acme.example:8443/a/b)");
    assert_eq!(hook.form_action_source().as_deref(), Some("https://srm.acme.example:8443"));
    assert_eq!(Hook::parse("SAPEVENT:POST").unwrap().form_action_source(), None);
}

proptest! {
    /// Whatever a rule without a wildcard allows has, for the parser of browsers, the very origin of the rule.
    #[test]
    fn never_another_origin(
        start in "(https?:)?/{0,3}",
        middle in "[a-z.@:\\\\/?#%0-9é\t]{0,12}",
        host in "(acme\\.example)?",
        end in "[a-z.@:\\\\/?#%0-9]{0,12}",
    ) {
        let text = format!("{start}{middle}{host}{end}");
        if judge(&["https://acme.example"], &text).is_ok() {
            prop_assert_eq!(Url::parse(&text).unwrap().origin().ascii_serialization(), "https://acme.example");
        }
        if judge(&["https://*.acme.example"], &text).is_ok() {
            let url = Url::parse(&text).unwrap();
            prop_assert!(url.host_str().unwrap().ends_with(".acme.example") && url.scheme() == "https");
            prop_assert_eq!(url.port(), None);
        }
    }
}
