use super::*;
use crate::config::file::BuyerFile;

#[test]
fn every_profile_fits_a_buyer_and_names_its_evidence() {
    for (name, text) in PROFILES {
        let mut faults = Vec::new();
        Document::parse(text, &mut faults).read::<BuyerFile>(&[], &mut faults);
        assert_eq!(faults, [], "{name}");
        for (number, line) in text.lines().enumerate() {
            let is_value = line.contains(" = ") && !line.starts_with('#');
            // On the line itself, or on the comment right above it.
            let above = number.checked_sub(1).and_then(|above| text.lines().nth(above)).unwrap_or_default();
            let evidence = |line: &str| {
                let letters = line.trim_end().strip_suffix(')').and_then(|line| line.rsplit_once('('));
                letters.is_some_and(|(_, letters)| {
                    letters.split(", ").all(|one| ["S", "R", "R+", "V", "C", "M", "K"].contains(&one))
                })
            };
            assert!(!is_value || evidence(line) || above.starts_with('#') && evidence(above), "{name}: {line}");
        }
    }
}

fn plan(buyer: &str) -> Result<crate::config::Plan, Vec<String>> {
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"django-oscar\"\n\
         [[buyer]]\nname = \"acme\"\npassword = \"x\"\naccounts = [{{ username = \"a\", password = \"b\" }}]\n{buyer}"
    );
    let outcome = crate::config::read(&text, std::path::Path::new("."));
    outcome.plan.ok_or_else(|| outcome.faults.iter().map(ToString::to_string).collect())
}

#[test]
fn every_profile_makes_a_plan() {
    for (name, _) in PROFILES {
        let fields = "[buyer.fields]\nEXT_CATEGORY = \"31161504\"\n";
        let plan = plan(&format!("hooks = [\"https://a.example\"]\nprofile = \"{name}\"\n{fields}"));
        assert!(plan.is_ok(), "{name}: {plan:?}");
    }
    let without = plan("hooks = [\"https://a.example\"]\nprofile = \"visma-proceedo\"\n").unwrap_err();
    assert!(
        without.len() == 1 && without[0].contains("`EXT_CATEGORY` is required, and nothing fills it"),
        "{without:?}"
    );
}

#[test]
fn a_buyers_own_keys_win_one_by_one() {
    let plan =
        plan("profile = \"sap-ecc\"\n[buyer.form]\ncharset = \"utf-8\"\n[buyer.lengths]\nVENDORMAT = 22\n").unwrap();
    let buyer = plan.buyers.named("acme").unwrap();
    assert_eq!(buyer.form.charset, Some(crate::protocol::oci::Charset::Utf8), "the buyer's own");
    assert!(buyer.form.sap_fields, "the profile's, in the same table");
    let fit = |name: &str| buyer.mapping.limits().fit(&crate::protocol::oci::FieldName::parse(name).unwrap()).length;
    assert_eq!((fit("MATNR"), fit("VENDORMAT")), (Some(18), Some(22)));
    let hook = crate::protocol::oci::Hook::parse("sapevent:POST").unwrap();
    assert!(hook.allowed_by(&buyer.hooks).is_ok(), "the profile's hooks");
}

#[test]
fn an_unknown_profile_is_told_at_its_place() {
    let faults = plan("hooks = [\"https://a.example\"]\nprofile = \"sap-smr\"\n").unwrap_err();
    assert!(faults[0].starts_with("10:1: buyer[0].profile: there is no profile `sap-smr`"), "{faults:?}");
    assert!(faults[0].ends_with("did you mean `sap-srm`?"), "{faults:?}");
}
