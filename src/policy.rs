//! IAM policy documents: when two mean the same, how they travel, and what is wrong with one.
//!
//! IAM hands a document back as it was written, or reordered, or with accounts turned into ARNs. A
//! comparison of texts would show a difference for ever, so documents are compared in a canonical
//! form. What that form leaves alone matters as much: a false "equal" would leave a permission in
//! place that git no longer declares.
//!
//! Pure: no I/O.

mod added;
mod check;
mod cover;
pub(crate) mod glob;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub use added::added;
pub use check::{DocumentKind, check};
pub use cover::{Turn, covers, turn};

/// The version that IAM assumes when a document names none. It has no policy variables.
pub const VERSION_WHEN_MISSING: &str = "2008-10-17";
/// The current version.
pub const VERSION: &str = "2012-10-17";

/// From here on a JSON number is read as a float, digits or not: 2⁶⁴.
const WHOLE_MAX: f64 = 18_446_744_073_709_551_616.0;

const DOCUMENT_ELEMENTS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_ELEMENTS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// Why a text is not a policy document.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    /// There is nothing in it.
    #[error("the policy document is empty")]
    Empty,
    /// A percent sign without two hexadecimal digits behind it.
    #[error(
        "the policy document is neither JSON nor percent-encoded JSON: `%` at byte {offset} is not followed by two hexadecimal digits"
    )]
    Escape {
        /// Where the percent sign stands, in bytes from 0.
        offset: usize,
    },
    /// The bytes behind the percent-encoding are not text.
    #[error("the policy document is not UTF-8 text once its percent-encoding is taken off")]
    NotText,
    /// Not JSON, or JSON with a key given twice.
    #[error("the policy document is not valid JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("the policy document is {0}, and a policy document is a map")]
    NotAMap(&'static str),
}

/// Canonical form: two documents mean the same to IAM exactly when these are equal.
///
/// Meant for comparing and hashing, not for sending: actions and condition keys come in lower case.
/// A value that is no policy document comes back much as it is, so that it differs from any that is.
#[must_use]
pub fn canonical(document: &Value) -> Value {
    let members = match document {
        Value::Object(members) => members,
        // IAM answers an absent document in either way.
        Value::Null => return Value::Object(Map::new()),
        other => return other.clone(),
    };
    if members.is_empty() {
        return Value::Object(Map::new());
    }
    let mut result = with_names(
        members,
        |name| element(name, &DOCUMENT_ELEMENTS),
        |name, value| match name {
            "Statement" => statements(value),
            _ => value.clone(),
        },
    );
    result.entry("Version").or_insert_with(|| VERSION_WHEN_MISSING.into());
    Value::Object(sorted(result))
}

/// Whether two documents mean the same to IAM.
#[must_use]
pub fn equal(a: &Value, b: &Value) -> bool {
    canonical(a) == canonical(b)
}

/// Reads a document from JSON, or from percent-encoded JSON (RFC 3986) as IAM answers it.
///
/// # Errors
/// When the text is neither, when a key is given twice, and when it is not an object.
pub fn parse(text: &str) -> Result<Value, PolicyError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(PolicyError::Empty);
    }
    // An encoded document starts with `%7B`; a plain one may well hold percent signs further on.
    let decoded = if text.starts_with('%') { percent_decoded(text)? } else { text.to_owned() };
    let mut json = serde_json::Deserializer::from_str(&decoded);
    let document = Strict
        .deserialize(&mut json)
        .and_then(|document| json.end().map(|()| document))
        .map_err(|error| PolicyError::NotJson(error.to_string()))?;
    if document.is_object() { Ok(document) } else { Err(PolicyError::NotAMap(what(&document))) }
}

/// Compact JSON as it is sent to IAM, elements in the order in which they were written.
#[must_use]
pub fn to_text(document: &Value) -> String {
    document.to_string()
}

/// The statements that only the one or only the other document has, when that is all they differ in.
#[must_use]
pub fn statements_apart<'v>(one: &'v Value, other: &'v Value) -> Option<(Vec<&'v Value>, Vec<&'v Value>)> {
    let (ones, others) = (items(member(one, "Statement")?), items(member(other, "Statement")?));
    let bare = |document: &Value| {
        let mut document = document.clone();
        document.as_object_mut()?.retain(|name, _| !name.eq_ignore_ascii_case("Statement"));
        Some(canonical(&document))
    };
    if bare(one)? != bare(other)? {
        return None;
    }
    let alone = |statement: &Value| canonical(&serde_json::json!({ "Statement": [statement] }));
    let apart = |these: &[&'v Value], those: &[&'v Value]| {
        let those: Vec<Value> = those.iter().map(|statement| alone(statement)).collect();
        these.iter().copied().filter(|statement| !those.contains(&alone(statement))).collect::<Vec<_>>()
    };
    let (gone, come) = (apart(&ones, &others), apart(&others, &ones));
    (!gone.is_empty() || !come.is_empty()).then_some((gone, come))
}

/// Unique ids (`AROA…` of a role, `AIDA…` of a user) that stand as principals, sorted.
///
/// IAM puts one in place of an ARN once that role or user is deleted. One created later under the
/// same name has another id, so the document must be written again to let it in.
#[must_use]
pub fn orphaned_principals(document: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    for statement in member(document, "Statement").map(items).unwrap_or_default() {
        for name in ["Principal", "NotPrincipal"] {
            let accounts = member(statement, name).and_then(|principal| principal.get("AWS"));
            found.extend(
                accounts
                    .map(items)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|item| item.as_str())
                    .filter(|text| is_unique_id(text)),
            );
        }
    }
    found.into_iter().map(Into::into).collect()
}

fn is_unique_id(text: &str) -> bool {
    (text.starts_with("AROA") || text.starts_with("AIDA"))
        && text.len() >= 16
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The list that a value is or stands for.
pub(crate) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        single => vec![single],
    }
}

/// The element of a document or statement, in whatever case it is written.
pub(crate) fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The official spelling of an element.
fn element(name: &str, known: &[&str]) -> String {
    known.iter().find(|known| known.eq_ignore_ascii_case(name)).map_or(name, |known| known).to_owned()
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// Renames the members of a map and rewrites their values. Two that would get one name keep their
/// own: merging them would call documents equal that are not.
fn with_names(
    members: &Map<String, Value>,
    rename: impl Fn(&str) -> String,
    rewrite: impl Fn(&str, &Value) -> Value,
) -> Map<String, Value> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for written in members.keys() {
        *uses.entry(rename(written)).or_default() += 1;
    }
    members
        .iter()
        .map(|(written, value)| {
            let name = rename(written);
            let rewritten = rewrite(&name, value);
            let unique = uses.get(&name) == Some(&1);
            (if unique { name } else { written.clone() }, rewritten)
        })
        .collect()
}

fn sorted(mut members: Map<String, Value>) -> Map<String, Value> {
    members.sort_keys();
    members
}

/// A list without order and duplicates: sorted by text.
fn set(items: impl Iterator<Item = Value>) -> Value {
    let mut items: Vec<_> = items.map(|item| (item.to_string(), item)).collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    items.dedup_by(|(a, _), (b, _)| a == b);
    items.into_iter().map(|(_, item)| item).collect()
}

fn set_of(value: &Value, rewrite: impl Fn(&Value) -> Value) -> Value {
    set(items(value).into_iter().map(rewrite))
}

fn statements(value: &Value) -> Value {
    set_of(value, |statement| match statement {
        Value::Object(members) => Value::Object(sorted(with_names(
            members,
            |name| element(name, &STATEMENT_ELEMENTS),
            |name, value| match name {
                "Effect" => effect(value),
                "Action" | "NotAction" => set_of(value, lower_case),
                "Resource" | "NotResource" => set_of(value, Value::clone),
                "Principal" | "NotPrincipal" => principal(name, value),
                "Condition" => condition(value),
                _ => value.clone(),
            },
        ))),
        other => other.clone(),
    })
}

fn effect(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => element(text, &["Allow", "Deny"]).into(),
        None => value.clone(),
    }
}

fn lower_case(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| text.to_ascii_lowercase().into())
}

fn principal(name: &str, value: &Value) -> Value {
    match value {
        // Everybody. Not so for NotPrincipal, where the two are not documented to be the same.
        Value::String(everybody) if everybody == "*" && name == "Principal" => serde_json::json!({"AWS": ["*"]}),
        Value::Object(kinds) => {
            let sets = kinds.iter().map(|(kind, who)| {
                let accounts = kind == "AWS";
                (kind.clone(), set_of(who, |item| if accounts { account(item) } else { item.clone() }))
            });
            Value::Object(sorted(sets.collect()))
        }
        other => other.clone(),
    }
}

/// `arn:aws:iam::123456789012:root` is what IAM makes of `123456789012`. The number is the common
/// form, since it does not tell the partition.
fn account(value: &Value) -> Value {
    let number = value.as_str().and_then(|text| {
        let rest = text.strip_prefix("arn:")?;
        let number = rest.split_once(":iam::")?.1.strip_suffix(":root")?;
        (number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| number.into())
    });
    number.unwrap_or_else(|| value.clone())
}

fn condition(value: &Value) -> Value {
    let Value::Object(operators) = value else { return value.clone() };
    let operators = operators.iter().map(|(operator, keys)| {
        let keys = match keys {
            // IAM documents the names of condition keys, tag keys included, as not case-sensitive.
            Value::Object(keys) => {
                Value::Object(sorted(with_names(keys, str::to_ascii_lowercase, |_, values| set_of(values, text_of))))
            }
            other => other.clone(),
        };
        (operator.clone(), keys)
    });
    Value::Object(sorted(operators.collect()))
}

fn text_of(value: &Value) -> Value {
    match value {
        Value::Bool(truth) => truth.to_string().into(),
        Value::Number(number) => number.to_string().into(),
        other => other.clone(),
    }
}

fn percent_decoded(text: &str) -> Result<String, PolicyError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut offset = 0;
    while let Some(byte) = text.as_bytes().get(offset) {
        if *byte == b'%' {
            let digits =
                text.get(offset + 1..offset + 3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(value.ok_or(PolicyError::Escape { offset })?);
            offset += 3;
        } else {
            bytes.push(*byte);
            offset += 1;
        }
    }
    String::from_utf8(bytes).map_err(|_| PolicyError::NotText)
}

/// Reads JSON like `Value` does, but refuses a key that is given twice: `Value` keeps the last one,
/// and nobody knows which one IAM would.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // A whole number of more digits than a float holds would be sent as another number.
        match Number::from_f64(value).filter(|_| value.abs() < WHOLE_MAX) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(E::custom(format!("the number {value:e} is out of range: if it is text, quote it"))),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` is given twice")));
            }
            members.insert(key, map.next_value_seed(Strict)?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests;
