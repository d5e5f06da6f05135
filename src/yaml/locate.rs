//! From a path back to its place in the file.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{LOCATE_BYTES, scan};
use crate::model::Position;
use crate::value::Segment;

/// A place to look for: that of a value, or with `key` that of the key of the last segment. A list
/// item has no key, so that its value is meant; the empty path is the whole document. A value that
/// comes from an alias stands where its anchor is: that is the text to change. A key that is given
/// twice means the first one.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Position of the document in the stream, from 0.
    pub document: usize,
    /// The way from its root.
    pub path: &'a [Segment],
    /// Whether the key of the last segment is meant, not its value.
    pub key: bool,
}

/// Where each of many values stands or, of one that is not written, the nearest value around it.
///
/// The parser tells one place for each reading of a document. So the file is read as often as the
/// document with the most wanted places has of them, not as often as there are places, and not
/// beyond a budget: past that, places are those of their documents.
#[must_use]
pub fn locate_all(bytes: &[u8], wanted: &[Wanted<'_>]) -> Vec<Option<Position>> {
    let mut places = vec![None; wanted.len()];
    let Ok(scanned) = scan::scan(bytes) else { return places };
    let mut open: BTreeMap<usize, VecDeque<usize>> = BTreeMap::new();
    for (number, wanted) in wanted.iter().enumerate() {
        open.entry(wanted.document).or_default().push_back(number);
    }
    let mut readings = LOCATE_BYTES / scanned.text.len().max(1);
    while let Some((last, _)) = open.last_key_value() {
        let exact = readings > 0;
        readings = readings.saturating_sub(1);
        // Bounded, since behind a broken document the parser's iterator goes on for ever.
        let documents = serde_yaml::Deserializer::from_str(scanned.text).take(last + 1);
        let mut left = BTreeMap::new();
        for (index, document) in documents.enumerate() {
            let Some(mut numbers) = open.remove(&index) else { continue };
            if !exact {
                let start = place::<String>(document, &[], false);
                numbers.into_iter().for_each(|number| places[number] = start);
            } else if let Some(number) = numbers.pop_front() {
                let Wanted { path, key, .. } = wanted[number];
                places[number] = seek(document, &to_steps(path), key, true);
                if !numbers.is_empty() {
                    left.insert(index, numbers);
                }
            }
        }
        // What is still open here is in documents that the file does not have.
        open = left;
    }
    places
}

/// Where each of the first `count` documents stands, in one reading of the file. None of them may be a
/// broken one: behind it the parser goes on in the middle of a list, and panics at its end.
#[must_use]
pub fn starts(bytes: &[u8], count: usize) -> Vec<Position> {
    let Ok(scanned) = scan::scan(bytes) else { return Vec::new() };
    let documents = serde_yaml::Deserializer::from_str(scanned.text).take(count);
    documents.map_while(|document| place::<String>(document, &[], false)).collect()
}

/// One step towards a place.
pub(super) enum Step<K> {
    /// The first member with this key.
    Key(K),
    /// The item of a list.
    Index(usize),
    /// The n-th entry of a map, whatever its key: finds each of two that share one.
    Entry(usize),
}

/// Stands for the number of the entry where a path leads through a tag.
pub(super) const TAG: usize = usize::MAX;

/// The long form of a tag that is a function of CloudFormation's.
pub(super) fn long_form(tag: &str) -> String {
    match tag {
        "Ref" | "Condition" => tag.to_owned(),
        name => format!("Fn::{name}"),
    }
}

pub(super) fn to_steps(path: &[Segment]) -> Vec<Step<&str>> {
    path.iter()
        .map(|segment| match segment {
            // An element named by its identity is not found, as no list has keys.
            Segment::Key(key) | Segment::Named(key) => Step::Key(key.as_str()),
            Segment::Index(index) => Step::Index(*index),
        })
        .collect()
}

/// The exact steps to a value, given the number of the entry at each level.
pub(super) fn steps(path: &[Segment], entries: &[usize]) -> Vec<Step<String>> {
    path.iter()
        .zip(entries)
        .map(|(segment, entry)| match segment {
            Segment::Key(_) | Segment::Named(_) => Step::Entry(*entry),
            Segment::Index(index) => Step::Index(*index),
        })
        .collect()
}

pub(super) fn find<K: AsRef<str>>(text: &str, document: usize, steps: &[Step<K>], key: bool) -> Option<Position> {
    let mut documents = serde_yaml::Deserializer::from_str(text);
    for _ in 0..document {
        // Read and thrown away rather than skipped: behind a broken document the parser's
        // iterator goes on for ever, with documents that are none.
        IgnoredAny::deserialize(documents.next()?).ok()?;
    }
    place(documents.next()?, steps, key)
}

fn place<K: AsRef<str>>(document: serde_yaml::Deserializer<'_>, steps: &[Step<K>], key: bool) -> Option<Position> {
    seek(document, steps, key, false)
}

/// With `nearest`, steps that lead nowhere end at the last value that they lead to.
fn seek<K: AsRef<str>>(
    document: serde_yaml::Deserializer<'_>,
    steps: &[Step<K>],
    key: bool,
    nearest: bool,
) -> Option<Position> {
    let found = Cell::new(false);
    let key = key && !matches!(steps.last(), None | Some(Step::Index(_)));
    let error = Seek { steps, key, nearest, found: &found }.deserialize(document).err()?;
    let place = error.location().filter(|_| found.get())?;
    Some(Position { line: place.line(), column: place.column() })
}

/// Follows the steps and fails on purpose at their end: an error is the only thing to which the
/// parser attaches a place.
struct Seek<'s, K> {
    steps: &'s [Step<K>],
    key: bool,
    nearest: bool,
    found: &'s Cell<bool>,
}

impl<K: AsRef<str>> Seek<'_, K> {
    fn scalar<E: Error>(self) -> Result<(), E> {
        self.stop_here()?;
        self.stop_short()
    }

    /// Fails when this is the place.
    fn stop_here<E: Error>(&self) -> Result<(), E> {
        if self.steps.is_empty() { self.stop() } else { Ok(()) }
    }

    /// Fails where the steps lead no further, if the nearest place will do.
    fn stop_short<E: Error>(&self) -> Result<(), E> {
        if self.nearest { self.stop() } else { Ok(()) }
    }

    fn stop<E: Error>(&self) -> Result<(), E> {
        self.found.set(true);
        Err(E::custom("found"))
    }
}

impl<'de, K: AsRef<str>> DeserializeSeed<'de> for Seek<'_, K> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, K: AsRef<str>> Visitor<'de> for Seek<'_, K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        self.scalar()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.scalar()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar()
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.scalar()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.stop_here()?;
        if let Some((Step::Index(index), rest)) = self.steps.split_first() {
            for _ in 0..*index {
                if items.next_element::<IgnoredAny>()?.is_none() {
                    return self.stop_short();
                }
            }
            let below = Seek { steps: rest, key: self.key, nearest: self.nearest, found: self.found };
            items.next_element_seed(below)?;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.stop_short()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.stop_here()?;
        let Some((step, rest)) = self.steps.split_first() else { return Ok(()) };
        let stop = self.key && rest.is_empty();
        for entry in 0_usize.. {
            let Some(matches) = map.next_key_seed(KeyAt { step, entry, stop, found: self.found })? else { break };
            if matches {
                let below = Seek { steps: rest, key: self.key, nearest: self.nearest, found: self.found };
                return map.next_value_seed(below);
            }
            map.next_value::<IgnoredAny>()?;
        }
        self.stop_short()
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<(), A::Error> {
        self.stop_here()?;
        let (tag, content) = data.variant::<String>()?;
        // A template's path names the function that a tag is short for; a manifest's knows no tags.
        let steps = match self.steps.split_first() {
            Some((Step::Key(key), below)) if key.as_ref() == long_form(&tag) => below,
            Some((Step::Entry(TAG), below)) => below,
            _ => self.steps,
        };
        content.newtype_variant_seed(Seek { steps, ..self })
    }
}

/// Tells whether a key is the one to follow; fails on purpose if the key itself is looked for.
struct KeyAt<'s, K> {
    step: &'s Step<K>,
    entry: usize,
    stop: bool,
    found: &'s Cell<bool>,
}

impl<'de, K: AsRef<str>> DeserializeSeed<'de> for KeyAt<'_, K> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<K: AsRef<str>> Visitor<'_> for KeyAt<'_, K> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        let matches = match self.step {
            Step::Key(wanted) => wanted.as_ref() == key,
            Step::Entry(number) => *number == self.entry,
            Step::Index(_) => false,
        };
        if matches && self.stop {
            self.found.set(true);
            return Err(E::custom("found"));
        }
        Ok(matches)
    }
}
