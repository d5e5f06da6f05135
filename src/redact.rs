//! What may be shown of a value: never what could be a secret, always its name.

use crate::fields::{SECRET, is_secret};
use crate::model::Change;
use crate::plain;
use crate::value::{Map, Value};

/// A change as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The values are not for everybody's eyes: only what became of them.
    Hidden(&'static str),
    /// Live and declared, whole: what is cut off could be the very difference.
    Values(String, String),
}

/// A change as it may be shown.
#[must_use]
pub fn shown(change: &Change) -> Shown {
    if is_secret(&change.path) {
        return Shown::Hidden(match (&change.from, &change.to) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        });
    }
    let text = |value: &Option<Value>| match value.as_ref().map(redacted) {
        None => "(none)".to_owned(),
        // An empty text would not be seen, and one with line breaks would look like a line of the plan.
        Some(Value::String(text)) if !text.is_empty() && plain::is_line(&text) => text,
        Some(other) => plain::json(other.to_string()),
    };
    Shown::Values(text(&change.from), text(&change.to))
}

/// The value with everything inside it hidden that may not be shown; names stay.
#[must_use]
pub fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                (key.clone(), if SECRET.contains(&key.as_str()) { names(value) } else { redacted(value) })
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        other => other.clone(),
    }
}

fn names(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            items.iter().map(|item| item.get("name").cloned().unwrap_or_else(|| "(hidden)".into())).collect()
        }
        Value::Object(map) => map.keys().cloned().collect(),
        _ => "(hidden)".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Effect;
    use crate::value::Path;

    #[test]
    fn of_an_environment_only_names_are_shown() {
        let path = Path::default().key("containerDefinitions").named("web");
        let change =
            |path: Path, from: Option<Value>, to: Option<Value>| Change { path, from, to, effect: Effect::NoRestart };
        let variable = path.key("environment").named("TOKEN");
        let shown_as = |from, to| shown(&change(variable.clone(), from, to));
        let value = || Some(json!({ "name": "TOKEN", "value": "canary" }));
        assert_eq!(shown_as(None, value()), Shown::Hidden("added"));
        assert_eq!(shown_as(value(), None), Shown::Hidden("removed"));
        assert_eq!(shown_as(value(), value()), Shown::Hidden("changed"));
        let whole =
            change(path, None, Some(json!({ "name": "web", "environment": [{ "name": "TOKEN", "value": "canary" }] })));
        assert_eq!(shown(&whole), Shown::Values("(none)".into(), r#"{"name":"web","environment":["TOKEN"]}"#.into()));
    }
}
