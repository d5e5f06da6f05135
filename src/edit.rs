//! Edits of a document at paths as [`crate::diff`] names them: list elements by what tells them apart.

use crate::fields::{self, Form, below};
use crate::model::Kind;
use crate::pattern::Pattern;
use crate::value::{Map, Path, Segment, Value};

/// The document with `value` at `path`; `None` takes away what is there.
pub fn put(kind: Kind, document: &mut Value, path: &Path, value: Option<&Value>) {
    put_at(kind, "", document, &path.0, value);
}

fn put_at(kind: Kind, pattern: &str, at: &mut Value, path: &[Segment], value: Option<&Value>) {
    let Some((segment, rest)) = path.split_first() else {
        *at = value.cloned().unwrap_or_default();
        return;
    };
    match segment {
        Segment::Key(key) => {
            if !at.is_object() {
                *at = Map::new().into();
            }
            let Some(map) = at.as_object_mut() else { return };
            match (rest.is_empty(), value) {
                (true, None) => drop(map.shift_remove(key)),
                _ => {
                    let pattern = fields::member(kind, pattern, key);
                    put_at(kind, &pattern, map.entry(key).or_insert(Value::Null), rest, value);
                }
            }
        }
        Segment::Named(name) => {
            let Some(items) = list(at) else { return };
            let found = items.iter().position(|item| element(kind, pattern, item).as_ref() == Some(name));
            put_element(kind, pattern, items, found, rest, value);
        }
        Segment::Index(index) => {
            let Some(items) = list(at) else { return };
            let found = Some(*index).filter(|index| *index < items.len());
            put_element(kind, pattern, items, found, rest, value);
        }
    }
}

fn put_element(
    kind: Kind,
    pattern: &str,
    items: &mut Vec<Value>,
    found: Option<usize>,
    rest: &[Segment],
    value: Option<&Value>,
) {
    match (found, value) {
        (Some(at), None) if rest.is_empty() => drop(items.remove(at)),
        (Some(at), _) => put_at(kind, &below(pattern, "*"), &mut items[at], rest, value),
        (None, Some(value)) if rest.is_empty() => items.push(value.clone()),
        (None, _) => {}
    }
}

/// The list at a place, which is made one if there is nothing.
fn list(at: &mut Value) -> Option<&mut Vec<Value>> {
    if at.is_null() {
        *at = Value::Array(Vec::new());
    }
    at.as_array_mut()
}

/// What an element of a list is named in a path, if it is told apart by anything but its place.
fn element(kind: Kind, pattern: &str, item: &Value) -> Option<String> {
    match (fields::form(kind, pattern), item) {
        (Form::Keyed(keys), _) => Some(fields::identity(kind, pattern, keys, item)),
        (Form::Set, Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// What is under with what is over it put on top, member by member.
#[must_use]
pub fn overlay(under: Option<&Value>, over: &Value) -> Value {
    match (under, over) {
        (Some(Value::Object(under)), Value::Object(over)) => {
            let mut map = under.clone();
            for (key, value) in over {
                let merged = overlay(under.get(key), value);
                map.insert(key.clone(), merged);
            }
            map.into()
        }
        _ => over.clone(),
    }
}

/// The document without what the patterns cover.
#[must_use]
pub fn without(kind: Kind, document: &Value, patterns: &[Pattern]) -> Value {
    if patterns.is_empty() { document.clone() } else { without_at(kind, "", &Path::default(), document, patterns) }
}

fn without_at(kind: Kind, pattern: &str, path: &Path, value: &Value, patterns: &[Pattern]) -> Value {
    let kept = |path: &Path| !patterns.iter().any(|pattern| pattern.covers(path));
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key, path.key(key), value))
            .filter(|(_, path, _)| kept(path))
            .map(|(key, path, value)| {
                (key.clone(), without_at(kind, &fields::member(kind, pattern, key), &path, value, patterns))
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                (element(kind, pattern, item).map_or(path.index(index), |name| path.named(name)), item)
            })
            .filter(|(path, _)| kept(path))
            .map(|(path, item)| without_at(kind, &below(pattern, "*"), &path, item, patterns))
            .collect(),
        other => other.clone(),
    }
}

/// The document with what the patterns cover as it is in `live`. An element of a list that is not live
/// stays as it is declared, unless the patterns cover all of it.
#[must_use]
pub fn keep(kind: Kind, document: &Value, live: &Value, patterns: &[Pattern]) -> Value {
    let keeper = Keeper { kind, patterns };
    keeper.value("", &Path::default(), Some(document), Some(live)).unwrap_or_default()
}

struct Keeper<'a> {
    kind: Kind,
    patterns: &'a [Pattern],
}

impl Keeper<'_> {
    fn covers(&self, path: &Path) -> bool {
        self.patterns.iter().any(|pattern| pattern.covers(path))
    }

    fn value(&self, pattern: &str, path: &Path, declared: Option<&Value>, live: Option<&Value>) -> Option<Value> {
        if self.covers(path) {
            return live.cloned();
        }
        let nothing = Map::new();
        match (declared?, live) {
            (Value::Object(map), Some(Value::Object(_)) | None) => {
                let there = live.and_then(Value::as_object).unwrap_or(&nothing);
                let keys = map.keys().chain(there.keys().filter(|key| !map.contains_key(*key)));
                let member = |key: &String| {
                    let pattern = fields::member(self.kind, pattern, key);
                    Some((key.clone(), self.value(&pattern, &path.key(key), map.get(key), there.get(key))?))
                };
                let kept: Map<_, _> = keys.filter_map(member).collect();
                // A map of which nothing is left is one that nobody has.
                (!kept.is_empty() || map.is_empty()).then(|| kept.into())
            }
            (Value::Array(items), Some(Value::Array(there))) => Some(self.items(pattern, path, items, there)),
            (declared, _) => Some(declared.clone()),
        }
    }

    fn items(&self, pattern: &str, path: &Path, declared: &[Value], live: &[Value]) -> Value {
        let at = |(index, item)| {
            (element(self.kind, pattern, item).map_or_else(|| path.index(index), |name| path.named(name)), item)
        };
        let declared: Vec<(Path, &Value)> = declared.iter().enumerate().map(at).collect();
        let live: Vec<(Path, &Value)> = live.iter().enumerate().map(at).collect();
        let kept = declared.iter().filter_map(|(path, item)| match live.iter().find(|(other, _)| other == path) {
            Some((_, there)) => self.value(&below(pattern, "*"), path, Some(item), Some(there)),
            None => (!self.covers(path)).then(|| (*item).clone()),
        });
        let more = live.iter().filter(|(path, _)| self.covers(path) && declared.iter().all(|(other, _)| other != path));
        kept.chain(more.map(|(_, item)| (*item).clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::diff;

    #[test]
    fn what_is_put_in_place_of_a_change_is_no_change_any_more() {
        let desired = json!({ "cpu": "512", "networkMode": "awsvpc", "containerDefinitions": [
            { "name": "web", "image": "web:2", "environment": [{ "name": "A", "value": "2" }], "command": ["a", "b"] },
            { "name": "new", "image": "new:1" },
        ] });
        let live = json!({ "cpu": "256", "containerDefinitions": [
            { "name": "old", "image": "old:1" },
            { "name": "web", "image": "web:1", "environment": [{ "name": "B", "value": "2" }], "command": ["a", "c"] },
        ] });
        let mut document = desired.clone();
        let changes = diff(Kind::TaskDefinition, &desired, &live);
        assert_eq!(changes.len(), 8);
        for change in changes {
            put(Kind::TaskDefinition, &mut document, &change.path, change.from.as_ref());
        }
        assert_eq!(diff(Kind::TaskDefinition, &document, &live), []);
    }

    #[test]
    fn what_a_pattern_covers_is_taken_out() {
        let document = json!({ "cpu": "256", "containerDefinitions": [
            { "name": "web", "image": "web:1", "cpu": 1 }, { "name": "log", "image": "log:1" } ] });
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Pattern>>();
        assert_eq!(
            without(Kind::TaskDefinition, &document, &patterns(&["containerDefinitions.*.image", "cpu"])),
            json!({ "containerDefinitions": [{ "name": "web", "cpu": 1 }, { "name": "log" }] })
        );
        assert_eq!(
            without(Kind::TaskDefinition, &document, &patterns(&["containerDefinitions.log"])),
            json!({ "cpu": "256", "containerDefinitions": [{ "name": "web", "image": "web:1", "cpu": 1 }] })
        );
    }
}
