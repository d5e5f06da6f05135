//! One leaf of a document changed, and the path at which that must show.

use evenkeel::codec::shape::Shape;
use evenkeel::fields::{self, Form, below, canonical};
use evenkeel::model::Kind;
use evenkeel::value::{Map, Path, Value};

use super::legal::{Place, allowed, documents, get, legal, set, split};
use super::{Choices, shape_of};

/// Leaves whose change the plan does not show at their path, with the reason.
const NOT_SHOWN: &[(Kind, &str, &str)] = &[
    (Kind::Cluster, "clusterName", "another name is another resource"),
    (Kind::CapacityProvider, "name", "another name is another resource"),
    (Kind::TaskDefinition, "family", "another name is another resource"),
    (Kind::Service, "serviceName", "another name is another resource"),
    (Kind::Service, "cluster", "another cluster is another resource"),
    (Kind::Role, "roleName", "another name is another resource"),
    (Kind::Role, "path", "whatever refers to the role changes with its ARN"),
    (Kind::Role, "policyMode", "it says what to do about others' policies, and is nowhere in AWS"),
    (Kind::Policy, "policyName", "another name is another resource"),
    (Kind::Policy, "path", "another ARN is another resource"),
];

/// A directory in which one leaf is another.
pub(crate) struct Changed {
    pub(crate) directory: Value,
    pub(crate) kind: Kind,
    /// Whether the leaf is in the service's inline task definition.
    pub(crate) inline: bool,
    /// The leaf's path with `*` for elements.
    pub(crate) pattern: String,
    /// Where the change must show.
    pub(crate) paths: Vec<Path>,
}

/// Every leaf that a manifest of the directory declares.
pub(crate) fn leaves(directory: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    for (kind, document) in documents() {
        let inline = vec!["Service".to_owned(), "taskDefinition".to_owned()];
        if let Some(value) = get(directory, &document) {
            collect(kind, "", value, &document, &mut found);
        }
        if kind == Kind::Service {
            found.retain(|place| !place.starts_with(&inline));
        }
    }
    found
}

fn collect(kind: Kind, pattern: &str, value: &Value, place: &Place, found: &mut Vec<Place>) {
    let with = |step: String| [place.as_slice(), &[step]].concat();
    match value {
        _ if fields::form(kind, pattern) == Form::Policy => found.push(place.clone()),
        Value::Object(map) if !map.contains_key("ref") => {
            map.iter().for_each(|(key, value)| {
                collect(kind, &fields::member(kind, pattern, key), value, &with(key.clone()), found)
            });
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, item)| collect(kind, &below(pattern, "*"), item, &with(at.to_string()), found)),
        _ => found.push(place.clone()),
    }
}

/// The directory with the leaf at `place` changed; nothing when there is no other legal value, or
/// the change means nothing or shows elsewhere.
pub(crate) fn change(directory: &Value, place: &Place, choices: &mut Choices) -> Option<Changed> {
    let (kind, document, rest) = split(place);
    let old = get(directory, place)?;
    let mut values = allowed(directory, place);
    if values.is_empty() {
        values = others(&shape_of(kind), rest, old);
    }
    values.retain(|value| value != old);
    let new = values.get(choices.choose(values.len()))?.clone();
    let mut changed = directory.clone();
    set(&mut changed, place, new);
    if legal(&changed, &[]) != changed {
        return None;
    }
    let (before, after) = (resolved(get(directory, document)?), resolved(get(&changed, document)?));
    let paths = planned_at(kind, &before, &after, rest)?;
    let inline = document.len() > 1;
    Some(Changed { kind, inline, pattern: pattern(kind, &before, rest), paths, directory: changed })
}

/// With the name in the place of every reference.
fn resolved(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("ref") {
            Some(name) => name.clone(),
            None => map.iter().map(|(key, value)| (key.clone(), resolved(value))).collect::<Map<_, _>>().into(),
        },
        Value::Array(items) => items.iter().map(resolved).collect(),
        other => other.clone(),
    }
}

/// The leaf's path as the table of fields would have it.
pub(crate) fn pattern(kind: Kind, document: &Value, rest: &[String]) -> String {
    let mut at = document;
    let mut pattern = String::new();
    for step in rest {
        pattern = if at.is_array() { below(&pattern, "*") } else { fields::member(kind, &pattern, step) };
        at = get(at, std::slice::from_ref(step)).unwrap_or(&Value::Null);
    }
    pattern
}

/// Other values of the same shape.
pub(crate) fn others(shape: &Shape, rest: &[String], old: &Value) -> Vec<Value> {
    match (shape, rest.split_first()) {
        (Shape::Structure { members, .. }, Some((step, rest))) => {
            match members.iter().find(|(name, ..)| name == step) {
                Some((_, shape, _)) => others(shape, rest, old),
                None => Vec::new(),
            }
        }
        (Shape::List(inner) | Shape::Map(inner), Some((_, rest))) => others(inner, rest, old),
        (Shape::Text(Some(known)), None) => known.iter().map(|value| Value::from(*value)).collect(),
        (_, _) => match old {
            Value::String(text) => vec![format!("{text}x").into()],
            Value::Bool(value) => vec![(!value).into()],
            Value::Number(number) => match number.as_i64() {
                Some(number) => vec![(number + 1).into()],
                None => vec![(number.as_f64().unwrap_or_default() + 1.0).into()],
            },
            _ => Vec::new(),
        },
    }
}

/// The same of a plan, which has rules of its own for some members.
fn planned_at(kind: Kind, before: &Value, after: &Value, rest: &[String]) -> Option<Vec<Path>> {
    let root = Path::default();
    match (kind, rest) {
        // Tags are a map, whatever the manifest writes; one that is no longer declared stays.
        (_, [tags, at, ..]) if tags == "tags" => {
            let key = after["tags"].get(at.parse::<usize>().ok()?)?.get("key")?.as_str()?;
            Some(vec![root.key("tags").key(key)])
        }
        (Kind::Role, [member]) if member == "instanceProfile" && after[member] == false => None,
        (Kind::Role, [member, ..]) if member == "managedPolicyArns" => {
            let attached = |document: &Value| Some(root.key(member).named(get(document, rest)?.as_str()?));
            let detached = attached(before).filter(|_| after.get("policyMode").is_some_and(|mode| mode == "exclusive"));
            Some(attached(after).into_iter().chain(detached).collect())
        }
        _ => shows_at(kind, before, after, rest),
    }
}

/// The paths of the differences between two documents that differ in one leaf; `None` when there
/// are to be none.
pub(crate) fn shows_at(kind: Kind, before: &Value, after: &Value, rest: &[String]) -> Option<Vec<Path>> {
    let pattern = pattern(kind, before, rest);
    let (old, new) = (get(before, rest)?, get(after, rest)?);
    let is_arn = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("arn:"));
    let hidden = NOT_SHOWN.iter().any(|(of, member, _)| *of == kind && *member == pattern)
        || match fields::form(kind, &pattern) {
            Form::Latest => new == "LATEST",
            Form::Resolved => !is_arn(old) || !is_arn(new),
            _ => false,
        };
    if hidden {
        return None;
    }
    if canonical(kind, before) == canonical(kind, after) {
        return None;
    }
    walk(kind, before, after, rest)
}

fn walk(kind: Kind, before: &Value, after: &Value, rest: &[String]) -> Option<Vec<Path>> {
    let (mut old, mut new, mut path, mut pattern) = (before, after, Path::default(), String::new());
    for step in rest {
        match (old, fields::form(kind, &pattern)) {
            (_, Form::Policy) | (Value::Array(_), Form::Set) => return Some(vec![path]),
            (Value::Array(_), Form::Keyed(keys)) => {
                let at = step.parse::<usize>().ok()?;
                let id = |list: &Value, at: usize| fields::identity(kind, &pattern, keys, &list[at]);
                let (was, is) = (id(old, at), id(new, at));
                let count = new.as_array().map_or(0, Vec::len);
                if (0..count).any(|other| other != at && id(new, other) == is) {
                    return None;
                }
                if was != is {
                    return Some(vec![path.named(is), path.named(was)]);
                }
                path = path.named(is);
                pattern = below(&pattern, "*");
            }
            (Value::Array(_), _) => {
                path = path.index(step.parse().ok()?);
                pattern = below(&pattern, "*");
            }
            _ => {
                path = path.key(step);
                pattern = fields::member(kind, &pattern, step);
            }
        }
        old = get(old, std::slice::from_ref(step))?;
        new = get(new, std::slice::from_ref(step))?;
    }
    Some(vec![path])
}
