//! Content-Security-Policy, opened just as far as a punchout needs: the return form's target, the buyer's frame, one
//! script of our own.
//!
//! A header may hold several policies, separated by commas, and there may be several headers: all of them apply, so each
//! is opened by itself (CSP Level 3, section 2.2). What need not change keeps its bytes. Only enforced policies are
//! meant to come here, not `Content-Security-Policy-Report-Only`.

use std::borrow::Cow;

/// What is to be permitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Sources that forms may be sent to: the origin of HOOK_URL, and `'self'` for our own return page.
    pub form_action: Vec<String>,
    /// Sources that may show the page in a frame: the origin of the procurement system.
    pub frame_ancestors: Vec<String>,
    /// The nonce that our own inline script carries.
    pub script_nonce: Option<String>,
}

impl Opening {
    /// `policies` (the value of one header, or the `content` of one `<meta>`) with this permitted.
    pub fn apply<'p>(&self, policies: &'p str) -> Cow<'p, str> {
        let mut policies = open_directive(policies, "form-action", &self.form_action);
        policies = onto(policies, |policies| open_directive(policies, "frame-ancestors", &self.frame_ancestors));
        match &self.script_nonce {
            Some(nonce) => onto(policies, |policies| allow_script(policies, nonce)),
            None => policies,
        }
    }
}

/// `policies` with `sources` added to every directive of this name. Where a policy does not have the directive there is
/// nothing to open: neither `form-action` nor `frame-ancestors` falls back to `default-src`.
pub fn open_directive<'p, S: AsRef<str>>(policies: &'p str, directive: &str, sources: &[S]) -> Cow<'p, str> {
    each_policy(policies, |policy| {
        let found = directives(policy).find(|(name, _)| name.eq_ignore_ascii_case(directive))?;
        with_sources(policy, found, sources.iter().map(AsRef::as_ref))
    })
}

/// `policies` with our own scripts permitted: those that carry `nonce` (without `'nonce-'`).
///
/// Where `'unsafe-inline'` is in force a nonce would switch it off, and the shop's own scripts with it. There `'self'` lets
/// our files in, and gives away nothing that inline scripts do not have already.
pub fn allow_script<'p>(policies: &'p str, nonce: &str) -> Cow<'p, str> {
    let nonce = format!("'nonce-{nonce}'");
    each_policy(policies, |policy| {
        let (name, value) = ["script-src-elem", "script-src", "default-src"]
            .iter()
            .find_map(|wanted| directives(policy).find(|(name, _)| name.eq_ignore_ascii_case(wanted)))?;
        let inline = value.split_ascii_whitespace().any(|source| source.eq_ignore_ascii_case("'unsafe-inline'"));
        let inline = inline && !value.split_ascii_whitespace().any(switches_inline_off);
        let source = if inline { "'self'" } else { nonce.as_str() };
        if inline && value.split_ascii_whitespace().any(|source| source == "*" || source.eq_ignore_ascii_case("'self'"))
        {
            return None;
        }
        if name.eq_ignore_ascii_case("default-src") {
            // the nonce belongs to scripts alone, so scripts get a directive of their own
            let sources = kept_sources(value).chain([source]).collect::<Vec<_>>().join(" ");
            let policy = policy.trim_end().trim_end_matches(';');
            return Some(format!("{policy}; script-src {sources}"));
        }
        with_sources(policy, (name, value), [source].into_iter())
    })
}

fn switches_inline_off(source: &str) -> bool {
    let source = source.to_ascii_lowercase();
    ["'nonce-", "'sha256-", "'sha384-", "'sha512-", "'strict-dynamic'"].iter().any(|start| source.starts_with(start))
}

/// Goes on with what an earlier step made of the policies.
fn onto<'p>(policies: Cow<'p, str>, step: impl Fn(&str) -> Cow<'_, str>) -> Cow<'p, str> {
    match step(&policies) {
        Cow::Borrowed(_) => policies,
        Cow::Owned(changed) => Cow::Owned(changed),
    }
}

fn each_policy<'p>(policies: &'p str, change: impl Fn(&str) -> Option<String>) -> Cow<'p, str> {
    let changed: Vec<Option<String>> = policies.split(',').map(change).collect();
    if changed.iter().all(Option::is_none) {
        return Cow::Borrowed(policies);
    }
    let parts = policies.split(',').zip(changed);
    Cow::Owned(parts.map(|(before, after)| after.unwrap_or_else(|| before.to_owned())).collect::<Vec<_>>().join(","))
}

/// The directives of one policy as (name, sources), as parts of `policy`. Of several with one name the first counts,
/// and that is the one which is found first here.
fn directives(policy: &str) -> impl Iterator<Item = (&str, &str)> {
    policy.split(';').filter_map(|directive| {
        let directive = directive.trim_ascii();
        let end = directive.find(|c: char| c.is_ascii_whitespace()).unwrap_or(directive.len());
        (end > 0).then(|| directive.split_at(end))
    })
}

/// The policy with the missing ones of `sources` behind those that the directive has; `None` when none is missing.
fn with_sources<'s>(
    policy: &str,
    (name, value): (&str, &str),
    sources: impl Iterator<Item = &'s str>,
) -> Option<String> {
    let has = |wanted: &str| value.split_ascii_whitespace().any(|source| source == wanted);
    let missing: Vec<&str> = sources.filter(|source| !has(source)).collect();
    if missing.is_empty() {
        return None;
    }
    // `name` and `value` are neighbours inside `policy`
    let start = name.as_ptr() as usize - policy.as_ptr() as usize;
    let end = start + name.len() + value.len();
    let sources = kept_sources(value).chain(missing).collect::<Vec<_>>().join(" ");
    Some(format!("{}{name} {sources}{}", &policy[..start], &policy[end..]))
}

/// `'none'` is void beside any other source, and a warning in the browser's console.
fn kept_sources(value: &str) -> impl Iterator<Item = &str> {
    value.split_ascii_whitespace().filter(|source| !source.eq_ignore_ascii_case("'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: &[&str] = &["https://srm.acme.example"];

    #[test]
    fn a_form_action_gets_the_hook_behind_its_own_sources() {
        assert_eq!(
            open_directive("default-src 'self'; form-action 'self'; img-src *", "form-action", HOOK),
            "default-src 'self'; form-action 'self' https://srm.acme.example; img-src *"
        );
        assert_eq!(open_directive("Form-Action 'none'", "form-action", HOOK), "Form-Action https://srm.acme.example");
        assert_eq!(open_directive("form-action;", "form-action", HOOK), "form-action https://srm.acme.example;");
    }

    #[test]
    fn every_policy_of_a_list_is_opened_and_only_the_first_directive_of_a_name() {
        assert_eq!(
            open_directive(
                "form-action 'self', img-src *, form-action a.example; form-action b.example",
                "form-action",
                HOOK
            ),
            "form-action 'self' https://srm.acme.example, img-src *, \
             form-action a.example https://srm.acme.example; form-action b.example"
        );
    }

    #[test]
    fn without_the_directive_or_with_the_source_in_it_nothing_changes() {
        for policy in ["default-src 'none'", "form-action https://srm.acme.example", "", ";;", "x-form-action 'none'"] {
            assert!(matches!(open_directive(policy, "form-action", HOOK), Cow::Borrowed(_)), "{policy}");
        }
    }

    #[test]
    fn a_nonce_goes_where_inline_scripts_are_ruled() {
        assert_eq!(allow_script("script-src 'self'", "abc"), "script-src 'self' 'nonce-abc'");
        assert_eq!(
            allow_script("script-src 'self'; script-src-elem 'none'", "abc"),
            "script-src 'self'; script-src-elem 'nonce-abc'"
        );
        assert_eq!(
            allow_script("default-src 'self' cdn.example;", "abc"),
            "default-src 'self' cdn.example; script-src 'self' cdn.example 'nonce-abc'"
        );
        assert_eq!(allow_script("img-src *", "abc"), "img-src *");
    }

    #[test]
    fn a_nonce_does_not_switch_unsafe_inline_off() {
        for policy in ["script-src 'unsafe-inline' 'self'", "default-src * 'unsafe-inline'"] {
            assert!(matches!(allow_script(policy, "abc"), Cow::Borrowed(_)), "{policy}");
        }
        assert_eq!(
            allow_script("script-src 'unsafe-inline' https://cdn.example", "abc"),
            "script-src 'unsafe-inline' https://cdn.example 'self'"
        );
        assert_eq!(
            allow_script("script-src 'unsafe-inline' 'nonce-x'", "abc"),
            "script-src 'unsafe-inline' 'nonce-x' 'nonce-abc'"
        );
    }

    #[test]
    fn an_opening_does_all_at_once() {
        let opening = Opening {
            form_action: vec!["'self'".into(), "https://h.example".into()],
            frame_ancestors: vec!["https://f.example".into()],
            script_nonce: Some("abc".into()),
        };
        assert_eq!(
            opening.apply("form-action 'none'; frame-ancestors 'self'; script-src 'self'"),
            "form-action 'self' https://h.example; frame-ancestors 'self' https://f.example; script-src 'self' 'nonce-abc'"
        );
        assert!(matches!(opening.apply("img-src *"), Cow::Borrowed(_)));
    }
}
