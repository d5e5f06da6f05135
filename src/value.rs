//! The tree that manifests, requests and answers are compared as, and paths into it.

use std::borrow::Borrow;
use std::fmt;

use crate::plain;

pub use serde_json::{Map, Value};

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A member of a map.
    Key(String),
    /// A position in a list, counted from 0.
    Index(usize),
    /// The list element whose identity (name, port, key …) has this value.
    Named(String),
}

/// Where a value stands inside a document; prints as `spec.containerDefinitions[0].image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Segment>);

impl Path {
    /// The path one map member further down.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// The path one list position further down.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The path of the list element with this identity.
    #[must_use]
    pub fn named(&self, name: impl Into<String>) -> Self {
        self.with(Segment::Named(name.into()))
    }

    /// This path with one more segment.
    #[must_use]
    pub fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// The path with `prefix` put before it.
    #[must_use]
    pub fn under(&self, prefix: &Path) -> Self {
        Self(prefix.0.iter().chain(&self.0).cloned().collect())
    }

    /// The name of the member that the path ends in or, in a list, of the list.
    #[must_use]
    pub fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            _ => None,
        })
    }
}

/// So that a set of paths can be asked for the beginning of one. Equal and ordered alike, as it is derived.
impl Borrow<[Segment]> for Path {
    fn borrow(&self) -> &[Segment] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if is_ambiguous(key) => write!(f, "[{key:?}]")?,
                Segment::Key(key) if n == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Named(name) => write!(f, "[{}]", plain::line(name))?,
            }
        }
        Ok(())
    }
}

/// How many faults of a file are looked for: one more than are listed, so as to know that there are
/// more. Each takes time and memory, and a file can have tens of thousands.
pub const FAULTS_MAX: usize = 101;

/// One thing that is wrong with a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where; the empty path is the whole tree.
    pub path: Path,
    /// Whether the fault is in the key of the last segment, not in its value.
    pub key: bool,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path != Path::default() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Whether a key would be misread between the dots of a path: `tags["evenkeel.io/team"]`.
fn is_ambiguous(key: &str) -> bool {
    key.is_empty() || key.contains(['.', '[', ']', '"']) || !plain::is_line(key)
}

impl FromIterator<Segment> for Path {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

/// What a person calls this kind of value: `a string`, `number 80`, `a list` …
#[must_use]
pub fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("boolean `{flag}`"),
        Value::Number(number) => format!("number `{number}`"),
        Value::String(text) if text.chars().count() <= 40 => format!("string \"{text}\""),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

/// The same tree with the keys of every map in order: equal trees print equally.
#[must_use]
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Whatever is longer, in bytes, is no slip of anything known.
const SLIP_BYTES_MAX: usize = 1024;

/// The known name that `wrong` was most likely meant to be.
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > SLIP_BYTES_MAX {
        return None;
    }
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// What to write in place of `wrong`: the likely name or, when none is, all of them.
#[must_use]
pub fn suggestion(wrong: &str, known: &[&str]) -> String {
    match did_you_mean(wrong, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}

/// How to write as text what was read as something else.
#[must_use]
pub fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("write \"\" for an empty text".to_owned()),
        // What is written may have been 1.10.
        Value::Number(number) if number.is_f64() => Some("put it in quotes".to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(format!("write \"{value}\"")),
        Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
