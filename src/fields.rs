//! What AWS does to a value between write and read, as one table.
//!
//! A row says how a field is compared (a set, a list matched by identity, a number written as
//! text …), what AWS makes of it when it is absent, what is sent to clear it, and what changing it
//! does to running tasks. A field without a row is compared as it stands. A live field that the
//! manifest does not name is never compared, so that a default that AWS adds tomorrow is no
//! difference.
//!
//! The rows stand in one file per kind. Every list of the API has one, so that the meaning of its
//! order is somebody's decision. What each row comes to in practice is written in
//! `tests/fields/*.yaml`, and tried there both ways.

mod canonical;
mod cluster;
mod controller;
mod iam;
mod service;
mod task_definition;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use canonical::{DIGEST_VERSION, canonical, digest};
pub use controller::{CONTROLLERS, Controller, controller};

use crate::model::{Effect, KINDS, Kind};
use crate::policy;
use crate::value::{Path, Segment, Value};

/// Members whose values are never shown: what is put into environments, secrets, log options, and what
/// volume drivers are told, passwords of file servers for one.
pub const SECRET: &[&str] = &["environment", "secrets", "options", "secretOptions", "driverOpts"];

/// Whether what stands at a path must never be shown.
#[must_use]
pub fn is_secret(path: &Path) -> bool {
    path.0.iter().any(|segment| matches!(segment, Segment::Key(key) if SECRET.contains(&key.as_str())))
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it stands.
    Plain,
    /// A list whose order is meaning.
    Ordered,
    /// A list whose order and repetitions mean nothing.
    Set,
    /// A list in no order, whose elements are told apart by these members.
    Keyed(&'static [&'static str]),
    /// An element of which AWS exchanges two values (JSON pointers) as it goes along: see [`turned`].
    Swaps(&'static str, &'static str),
    /// A structure that means something by being there, even with nothing in it.
    Telling,
    /// CPU units as text: `0.25 vCPU` is `256`.
    Cpu,
    /// MiB as text: `1 GB` is `1024`.
    Memory,
    /// A name, or an ARN that ends in it.
    Name,
    /// An IAM policy document, equal by meaning.
    Policy,
    /// The field of a placement strategy: without case, and `host` is `instanceId`.
    Caseless,
    /// A name that AWS answers as an ARN of an id: the two cannot be compared without asking a third
    /// service, so a name is taken to be what is live. Two ARNs are compared.
    Resolved,
    /// A version: `LATEST`, once declared, stands for any that is live.
    Latest,
    /// Only AWS says it: no manifest can have it.
    Echo,
    /// Has a comparison of its own, or nothing in AWS to be compared with.
    Apart,
}

/// What a field is taken to be when it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Nothing.
    Nothing,
    /// This text.
    Text(&'static str),
    /// This number.
    Number(i64),
    /// This truth.
    Flag(bool),
    /// The value of the member beside it.
    Beside(&'static str),
    /// This, unless the `enable` beside it is true: then it has to be given.
    Off(&'static Absent),
    /// One of two, by whether a member at the top of the document is one of these.
    Where {
        /// The member.
        member: &'static str,
        /// Its values.
        is: &'static [&'static str],
        /// What it is then.
        then: &'static Absent,
        /// What it is else.
        otherwise: &'static Absent,
    },
}

/// One row.
#[derive(Debug)]
pub struct Field {
    /// Where, inside the structure of its table.
    pub path: &'static str,
    /// How it is compared.
    pub form: Form,
    /// What it is when AWS does not answer it, or a manifest leaves it out.
    pub absent: Absent,
    /// What an update carries to clear it, as JSON; `""`: nothing special, or nothing known. A map
    /// that a manifest leaves empty stands for it.
    pub clear: &'static str,
    /// What changing it does; `None`: what changing the field around it does.
    pub effect: Option<Effect>,
    /// Where the fact comes from.
    pub source: &'static str,
}

/// The rows of one structure.
#[derive(Debug)]
pub struct Table {
    /// The kind whose spec has it.
    pub kind: Kind,
    /// Where it stands: members joined by dots, `*` for every element of a list or value of a map.
    pub at: &'static str,
    /// Its rows.
    pub rows: &'static [Field],
}

/// The documentation of the API model that aws-sdk-ecs 1.157 ships.
const MODEL: &str = "ECS service model, 2026-11";
const LIVE: &str = "read off live answers by cdk-real-drift, noise.ts, 2026-08";
const TERRAFORM: &str = "terraform-provider-aws, container_definitions.go and service.go";
const ECSPRESSO: &str = "kayac/ecspresso, diff.go and its issues 894, 895, 936, 1082";
const IAM: &str = "IAM API reference and awspolicyequivalence";
const REVISION: &str = "ECS service model (ServiceRevision) and developer guide, service revisions";
const MEMORY: &str = "(from memory)";
const UNKNOWN: &str = "(not known)";

const fn row(
    path: &'static str,
    form: Form,
    absent: Absent,
    clear: &'static str,
    effect: Option<Effect>,
    source: &'static str,
) -> Field {
    Field { path, form, absent, clear, effect, source }
}

/// Every row, by kind and by its whole path.
static ROWS: LazyLock<Vec<HashMap<String, &'static Field>>> = LazyLock::new(|| {
    let of_kind = |kind| tables().filter(move |table| table.kind == kind).flat_map(Table::paths).collect();
    KINDS.iter().map(|row| of_kind(row.kind)).collect()
});

impl Table {
    /// The rows with their whole paths.
    pub fn paths(&self) -> impl Iterator<Item = (String, &'static Field)> {
        self.rows.iter().map(|field| (below(self.at, field.path), field))
    }
}

/// The table: all of it, in the order in which it is written.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    [iam::TABLES, cluster::TABLES, task_definition::TABLES, service::TABLES].into_iter().flatten()
}

/// The row of a field; `pattern` is its path with `*` for elements.
#[must_use]
pub fn lookup(kind: Kind, pattern: &str) -> Option<&'static Field> {
    ROWS.get(kind as usize)?.get(pattern).copied()
}

/// How a field is compared.
#[must_use]
pub fn form(kind: Kind, pattern: &str) -> Form {
    lookup(kind, pattern).map_or(Form::Plain, |field| field.form)
}

/// What a field of `document` is when it is not in `around`, the structure that would have it.
#[must_use]
pub fn absent(kind: Kind, pattern: &str, document: &Value, around: &Value) -> Option<Value> {
    let mut absent = lookup(kind, pattern)?.absent;
    while let Absent::Where { member, is, then, otherwise } = absent {
        let own = || self::absent(kind, member, &Value::Null, &Value::Null);
        let value = document.get(member).filter(|value| !value.is_null()).cloned().or_else(own);
        let met = value.as_ref().and_then(Value::as_str).is_some_and(|value| is.contains(&value));
        absent = if met { *then } else { *otherwise };
    }
    if let Absent::Off(off) = absent {
        absent = if around.get("enable") == Some(&Value::Bool(true)) { Absent::Nothing } else { *off };
    }
    match absent {
        Absent::Text(text) => Some(text.into()),
        Absent::Number(number) => Some(number.into()),
        Absent::Flag(flag) => Some(flag.into()),
        Absent::Beside(member) => around.get(member).cloned(),
        Absent::Nothing | Absent::Off(_) | Absent::Where { .. } => None,
    }
}

/// What changing the field does: its own row's word, else that of the nearest field around it.
#[must_use]
pub fn effect(kind: Kind, pattern: &str) -> Effect {
    let mut at = pattern;
    loop {
        if let Some(effect) = lookup(kind, at).and_then(|field| field.effect) {
            return effect;
        }
        match at.rfind('.') {
            Some(dot) => at = &at[..dot],
            None => return Effect::NoRestart,
        }
    }
}

/// The document with every map that is left empty, and so is to be cleared, written out as what
/// clears it.
#[must_use]
pub fn cleared(kind: Kind, document: &Value) -> Value {
    fn at(kind: Kind, pattern: &str, value: &Value) -> Value {
        match value {
            Value::Object(map) if map.is_empty() => {
                let clear = lookup(kind, pattern).map(|field| field.clear).unwrap_or_default();
                serde_json::from_str(clear).unwrap_or_else(|_| value.clone())
            }
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (key.clone(), at(kind, &member(kind, pattern, key), value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Array(items) => items.iter().map(|item| at(kind, &below(pattern, "*"), item)).collect(),
            other => other.clone(),
        }
    }
    at(kind, "", document)
}

/// The pattern one level down.
#[must_use]
pub fn below(pattern: &str, segment: &str) -> String {
    if pattern.is_empty() { segment.to_owned() } else { format!("{pattern}.{segment}") }
}

/// The pattern of a member: its own row's, or that of any value of the map.
#[must_use]
pub fn member(kind: Kind, pattern: &str, key: &str) -> String {
    let (own, any) = (below(pattern, key), below(pattern, "*"));
    if lookup(kind, &own).is_none() && lookup(kind, &any).is_some() { any } else { own }
}

/// The element's identity in a keyed list, for matching and for printing.
#[must_use]
pub fn identity(kind: Kind, pattern: &str, keys: &[&str], element: &Value) -> String {
    let element_pattern = below(pattern, "*");
    let parts = keys.iter().filter_map(|key| {
        let pattern = below(&element_pattern, key);
        let value = element.get(key).cloned().or_else(|| absent(kind, &pattern, &Value::Null, element))?;
        Some(match scalar(form(kind, &pattern), &value) {
            Value::String(text) => text,
            other => other.to_string(),
        })
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A value in the one spelling that stands for all spellings of its form.
#[must_use]
pub fn scalar(form: Form, value: &Value) -> Value {
    match (form, value) {
        (Form::Cpu, Value::String(text)) => units(text, "vcpu").into(),
        (Form::Memory, Value::String(text)) => units(text, "gb").into(),
        (Form::Cpu | Form::Memory, Value::Number(number)) => number.to_string().into(),
        (Form::Name, Value::String(text)) => text.rsplit('/').next().unwrap_or(text).into(),
        (Form::Caseless, Value::String(text)) if text.eq_ignore_ascii_case("host") => "instanceid".into(),
        (Form::Caseless, Value::String(text)) => text.to_lowercase().into(),
        (Form::Policy, document) => policy::canonical(document),
        // 1 and 1.0 are the same number.
        (_, Value::Number(number)) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and far below 2^53")]
            Some(n) if n.fract() == 0.0 && n.abs() < 1e15 => (n as i64).into(),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// `0.25 vCPU` or `1 GB` as a plain number: both units are 1024 of it. Anything else as it stands.
fn units(text: &str, unit: &str) -> String {
    let lower = text.trim().to_lowercase();
    match lower.strip_suffix(unit).map(str::trim).and_then(|number| number.parse::<f64>().ok()) {
        Some(number) => format!("{}", (number * 1024.0).round()),
        None => text.trim().to_owned(),
    }
}

/// Whether a value says nothing: AWS answers an empty list or map for what was never given.
#[must_use]
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        _ => false,
    }
}

/// What is declared, with every pair of values that AWS exchanges turned round where it is so in AWS.
#[must_use]
pub fn turned(kind: Kind, declared: &Value, live: &Value) -> Value {
    let mut turned = declared.clone();
    for (name, list) in turned.as_object_mut().into_iter().flatten() {
        let Form::Swaps(one, other) = form(kind, &below(&below("", name), "*")) else { continue };
        let pair = |element: &Value| Some((element.pointer(one)?.clone(), element.pointer(other)?.clone()));
        let there = live.get(name).and_then(Value::as_array).into_iter().flatten();
        let there: Vec<(Value, Value)> = there.filter_map(pair).collect();
        for element in list.as_array_mut().into_iter().flatten() {
            let Some((first, second)) = pair(element).filter(|(a, b)| there.contains(&(b.clone(), a.clone()))) else {
                continue;
            };
            for (pointer, value) in [(one, second), (other, first)] {
                if let Some(place) = element.pointer_mut(pointer) {
                    *place = value;
                }
            }
        }
    }
    turned
}
