//! A document without what says nothing, and the digest that it is remembered by.

use sha2::{Digest as _, Sha256};

use super::{Form, absent, below, form, identity, is_empty, member, scalar};
use crate::model::Kind;
use crate::value::{Map, Value, sorted};

/// Raised whenever the table changes how a task definition reduces.
pub const DIGEST_VERSION: &str = "v2";

/// What a revision's content is remembered as: 32 hexadecimal digits behind the version of this
/// table, so that a change of the table falls back on comparing content and restarts nobody.
#[must_use]
pub fn digest(kind: Kind, document: &Value) -> String {
    let hash = Sha256::digest(canonical(kind, document).to_string().as_bytes());
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{DIGEST_VERSION}:{hex}")
}

/// The document without what AWS adds or would fill in anyway, lists without meaning in their order
/// sorted. Documents that mean the same have the same.
#[must_use]
pub fn canonical(kind: Kind, document: &Value) -> Value {
    let mut reduced = Reducer { kind, document }.reduce("", document);
    reduced.sort_all_objects();
    reduced
}

struct Reducer<'a> {
    kind: Kind,
    document: &'a Value,
}

impl Reducer<'_> {
    fn reduce(&self, pattern: &str, value: &Value) -> Value {
        let form = form(self.kind, pattern);
        match (form, value) {
            (Form::Policy, _) => scalar(form, value),
            (_, Value::Object(map)) => map
                .iter()
                .filter_map(|(key, child)| Some((key.clone(), self.member(pattern, key, child, value)?)))
                .collect::<Map<_, _>>()
                .into(),
            (_, Value::Array(items)) => self.list(form, pattern, items),
            _ => scalar(form, value),
        }
    }

    /// A member, unless it says no more than its absence would.
    fn member(&self, pattern: &str, key: &str, value: &Value, around: &Value) -> Option<Value> {
        let pattern = member(self.kind, pattern, key);
        let form = form(self.kind, &pattern);
        if matches!(form, Form::Echo | Form::Apart) {
            return None;
        }
        let reduced = self.reduce(&pattern, value);
        if form == Form::Telling && !value.is_null() {
            return Some(reduced);
        }
        let absent = absent(self.kind, &pattern, self.document, around).map(|value| scalar(form, &value));
        (!is_empty(&reduced) && absent.as_ref() != Some(&reduced)).then_some(reduced)
    }

    fn list(&self, form: Form, pattern: &str, items: &[Value]) -> Value {
        let element = below(pattern, "*");
        let mut items: Vec<(String, String, Value)> = items
            .iter()
            .map(|item| {
                let reduced = self.reduce(&element, item);
                let identity = match form {
                    Form::Keyed(keys) => identity(self.kind, pattern, keys, item),
                    _ => String::new(),
                };
                (identity, sorted(&reduced).to_string(), reduced)
            })
            .collect();
        if matches!(form, Form::Set | Form::Keyed(_)) {
            items.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
            items.dedup_by(|a, b| form == Form::Set && a.1 == b.1);
        }
        items.into_iter().map(|(_, _, item)| item).collect()
    }
}
