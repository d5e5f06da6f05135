//! From a path back to its place in the file.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::{MAX_DOCUMENTS, scan};
use crate::model::Position;
use crate::value::Segment;

/// Where the value at `path` stands, or with `key` the key of the last segment. A list item has no
/// key, so that its value is meant; the empty path is the whole document.
///
/// A value that comes from an alias stands where its anchor is: that is the text to change. A key
/// that is given twice means the first one. `None` when the document has no such path or the file
/// cannot be read up to there.
///
/// Reads the file again on every call: meant for messages, not for loops over every value.
#[must_use]
pub fn locate(bytes: &[u8], document: usize, path: &[Segment], key: bool) -> Option<Position> {
    let scanned = scan::scan(bytes).ok()?;
    let steps: Vec<_> = path
        .iter()
        .map(|segment| match segment {
            // An element named by its identity is not found, as no list has keys.
            Segment::Key(key) | Segment::Named(key) => Step::Key(key.as_str()),
            Segment::Index(index) => Step::Index(*index),
        })
        .collect();
    find(scanned.text, document, &steps, key)
}

/// Where each document stands, in one reading of the file; up to the first that cannot be read.
#[must_use]
pub fn starts(bytes: &[u8]) -> Vec<Position> {
    let Ok(scanned) = scan::scan(bytes) else { return Vec::new() };
    let documents = serde_yaml::Deserializer::from_str(scanned.text).take(MAX_DOCUMENTS);
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
    let found = Cell::new(false);
    let key = key && !matches!(steps.last(), None | Some(Step::Index(_)));
    let error = Seek { steps, key, found: &found }.deserialize(document).err()?;
    let place = error.location().filter(|_| found.get())?;
    Some(Position { line: place.line(), column: place.column() })
}

/// Follows the steps and fails on purpose at their end: an error is the only thing to which the
/// parser attaches a place.
struct Seek<'s, K> {
    steps: &'s [Step<K>],
    key: bool,
    found: &'s Cell<bool>,
}

impl<K: AsRef<str>> Seek<'_, K> {
    fn scalar<E: Error>(self) -> Result<(), E> {
        self.stop_here()
    }

    /// Fails when this is the place.
    fn stop_here<E: Error>(&self) -> Result<(), E> {
        if self.steps.is_empty() {
            self.found.set(true);
            return Err(E::custom("found"));
        }
        Ok(())
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
                    return Ok(());
                }
            }
            items.next_element_seed(Seek { steps: rest, key: self.key, found: self.found })?;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.stop_here()?;
        let Some((step, rest)) = self.steps.split_first() else { return Ok(()) };
        let stop = self.key && rest.is_empty();
        for entry in 0_usize.. {
            let Some(matches) = map.next_key_seed(KeyAt { step, entry, stop, found: self.found })? else { break };
            if matches {
                return map.next_value_seed(Seek { steps: rest, key: self.key, found: self.found });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<(), A::Error> {
        self.stop_here()?;
        let (IgnoredAny, content) = data.variant()?;
        content.newtype_variant_seed(self)
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
