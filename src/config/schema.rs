//! What `proxy.toml` may say, as a JSON schema for editors: made from the types of [`super::file`], with the defaults of
//! `check --print` and the names that other tables of ours hold. What only `check` can tell (a file that is not there, a key
//! that needs another) is not in it.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use toml::Table;

use super::file::{BuyerFile, File, ShopFile};
use super::{effective, presets, profiles};
use crate::finding::KNOWN;
use crate::protocol::oci::fields::FIELDS;
use crate::protocol::oci::names::EntryNames;

/// The schema (draft 2020-12) of a whole file.
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.transforms.push(Box::new(as_toml_has_it));
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    schema["title"] = json!("proxy.toml of punchout-proxy");
    lay_defaults(&mut schema, &name::<File>(), table(effective::DEFAULTS));
    lay_defaults(&mut schema, &name::<BuyerFile>(), table(effective::BUYER_DEFAULTS));
    tell_names(&mut schema);
    schema
}

/// TOML has no null, and knows of no integer's width; and a reader of an editor's bubble has no links into our source.
fn as_toml_has_it(schema: &mut Schema) {
    transform_subschemas(&mut as_toml_has_it, schema);
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("format");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            object["type"] = only.clone();
        }
    }
    if let Some(Value::Array(ways)) = object.get_mut("anyOf") {
        ways.retain(|way| way.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = ways.as_slice() {
            let mut only = only.clone();
            object.remove("anyOf");
            object.append(&mut only);
        }
    }
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    };
    if object.get("default").is_some_and(is_nothing) {
        object.remove("default");
    }
    if let Some(Value::String(told)) = object.get_mut("description") {
        *told = told.replace("[`", "`").replace("`]", "`").replace('\n', " ");
    }
}

/// A text that is shipped with the program: the test below reads it.
fn table(text: &str) -> Table {
    toml::from_str(text).unwrap_or_default()
}

/// The name that a type has among the schema's definitions.
fn name<T: JsonSchema>() -> String {
    T::schema_name().into_owned()
}

/// Writes defaults, which are laid out as the type named `of`, beside their keys.
fn lay_defaults(schema: &mut Value, of: &str, defaults: Table) {
    for (key, default) in defaults {
        match (default, referred(schema, of, &key)) {
            (toml::Value::Table(inner), Some(table)) => lay_defaults(schema, &table, inner),
            (default, _) => {
                if let Some(key) = properties(schema, of).and_then(|keys| keys.get_mut(&key)) {
                    key["default"] = json!(default);
                }
            }
        }
    }
}

/// Which type a key of `of` has, where that is a table of ours.
fn referred(schema: &mut Value, of: &str, key: &str) -> Option<String> {
    let referred = properties(schema, of)?.get(key)?.get("$ref")?.as_str()?;
    Some(referred.strip_prefix("#/$defs/")?.to_owned())
}

/// The keys of one type.
fn properties<'s>(schema: &'s mut Value, of: &str) -> Option<&'s mut Map<String, Value>> {
    let whole = name::<File>() == of;
    let of = if whole { schema } else { schema.get_mut("$defs")?.get_mut(of)? };
    of.get_mut("properties")?.as_object_mut()
}

/// What an editor may offer: presets, profiles, codes, fields.
fn tell_names(schema: &mut Value) {
    let presets: Vec<_> = presets::PRESETS.iter().map(|(name, _)| *name).collect();
    let profiles: Vec<_> = profiles::PROFILES.iter().map(|(name, _)| *name).collect();
    let codes: Vec<_> = KNOWN.iter().map(|known| known.code).collect();
    let spelled = properties(schema, &name::<EntryNames>());
    let spelled: Vec<String> = spelled.map(|names| names.keys().cloned().collect()).unwrap_or_default();
    if let Some(shop) = properties(schema, &name::<ShopFile>()) {
        shop["preset"]["enum"] = json!(presets);
    }
    if let Some(buyer) = properties(schema, &name::<BuyerFile>()) {
        buyer["profile"]["enum"] = json!(profiles);
        buyer["findings"]["propertyNames"] = json!({ "enum": codes });
        buyer["names"]["propertyNames"] = json!({ "enum": spelled });
        // Others may be sent too.
        let source = buyer["fields"]["additionalProperties"].clone();
        buyer["fields"]["properties"] =
            FIELDS.iter().map(|field| (field.name.to_owned(), source.clone())).collect::<Map<_, _>>().into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every default below a table of them, with the schema of its key.
    fn held(schema: &mut Value, of: &str, defaults: Table, count: &mut usize) {
        for (key, default) in defaults {
            match (default, referred(schema, of, &key)) {
                (toml::Value::Table(inner), Some(table)) => held(schema, &table, inner, count),
                (default, _) => {
                    let told = &properties(schema, of).unwrap()[&key]["default"];
                    assert_eq!(told, &json!(default), "{of}.{key}");
                    *count += 1;
                }
            }
        }
    }

    #[test]
    fn every_default_stands_beside_its_key() {
        let (mut schema, mut count) = (schema(), 0);
        for (of, text) in [(name::<File>(), effective::DEFAULTS), (name::<BuyerFile>(), effective::BUYER_DEFAULTS)] {
            let defaults: Table = toml::from_str(text).unwrap();
            held(&mut schema, &of, defaults, &mut count);
        }
        assert!(count > 40, "{count}");
        assert_eq!(schema["$defs"]["EntryNames"]["properties"]["token"]["default"], json!(["TOKEN"]));
        assert_eq!(schema["$defs"]["CanaryFile"]["properties"]["format"]["default"], "form");
    }

    #[test]
    fn every_key_is_told_of_and_no_other_is_taken() {
        fn look(at: &str, schema: &Value, count: &mut usize) {
            if let Some(keys) = schema.get("properties").and_then(Value::as_object) {
                assert!(schema["additionalProperties"] != Value::Null, "{at} takes any key");
                for (key, value) in keys {
                    *count += 1;
                    let is_field = schema["additionalProperties"].is_object();
                    let told = value.get("description").and_then(Value::as_str).unwrap_or_default();
                    assert!(is_field || !told.is_empty(), "{at}.{key} is not told of");
                    assert!(!told.contains("[`") && !told.contains("::"), "{at}.{key}: {told}");
                }
            }
            match schema {
                Value::Object(parts) => parts.iter().for_each(|(key, part)| look(&format!("{at}/{key}"), part, count)),
                Value::Array(parts) => parts.iter().for_each(|part| look(at, part, count)),
                _ => {}
            }
        }
        let mut count = 0;
        look("", &schema(), &mut count);
        assert!(count > 250, "{count}");
    }
}
