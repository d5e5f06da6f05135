//! From one way through a document to its place in the file.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::scan;
use crate::model::Position;
use crate::value::Segment;

/// Where each of the first `count` documents stands, in one reading of the file. None of them may be a
/// broken one: behind it the parser goes on in the middle of a list, and panics at its end.
#[must_use]
pub fn starts(bytes: &[u8], count: usize) -> Vec<Position> {
    let Ok(scanned) = scan::scan(bytes) else { return Vec::new() };
    let documents = serde_yaml::Deserializer::from_str(scanned.text).take(count);
    documents.map_while(start).collect()
}

/// Where a document stands.
pub(super) fn start(document: serde_yaml::Deserializer<'_>) -> Option<Position> {
    place(document, &[], false)
}

/// One step towards a place.
pub(super) enum Step {
    /// The first member with this key: what tests look for.
    #[cfg(test)]
    Key(String),
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

/// The exact steps to a value, given the number of the entry at each level.
pub(super) fn steps(path: &[Segment], entries: &[usize]) -> Vec<Step> {
    path.iter()
        .zip(entries)
        .map(|(segment, entry)| match segment {
            Segment::Key(_) | Segment::Named(_) => Step::Entry(*entry),
            Segment::Index(index) => Step::Index(*index),
        })
        .collect()
}

pub(super) fn find(text: &str, document: usize, steps: &[Step], key: bool) -> Option<Position> {
    let mut documents = serde_yaml::Deserializer::from_str(text);
    for _ in 0..document {
        // Read and thrown away rather than skipped: behind a broken document the parser's
        // iterator goes on for ever, with documents that are none.
        IgnoredAny::deserialize(documents.next()?).ok()?;
    }
    place(documents.next()?, steps, key)
}

fn place(document: serde_yaml::Deserializer<'_>, steps: &[Step], key: bool) -> Option<Position> {
    let found = Cell::new(false);
    let key = key && !matches!(steps.last(), None | Some(Step::Index(_)));
    let error = Seek { steps, key, found: &found }.deserialize(document).err()?;
    let place = error.location().filter(|_| found.get())?;
    Some(Position { line: place.line(), column: place.column() })
}

/// Follows the steps and fails on purpose at their end: an error is the only thing to which the
/// parser attaches a place.
struct Seek<'s> {
    steps: &'s [Step],
    key: bool,
    found: &'s Cell<bool>,
}

impl Seek<'_> {
    /// Fails when this is the place.
    fn stop_here<E: Error>(&self) -> Result<(), E> {
        if !self.steps.is_empty() {
            return Ok(());
        }
        self.found.set(true);
        Err(E::custom("found"))
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.stop_here()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.stop_here()?;
        if let Some((Step::Index(index), rest)) = self.steps.split_first() {
            for _ in 0..*index {
                if items.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(());
                }
            }
            let below = Seek { steps: rest, key: self.key, found: self.found };
            items.next_element_seed(below)?;
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
                let below = Seek { steps: rest, key: self.key, found: self.found };
                return map.next_value_seed(below);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<(), A::Error> {
        self.stop_here()?;
        let (_, content) = data.variant::<String>()?;
        let steps = match self.steps.split_first() {
            Some((Step::Entry(TAG), below)) => below,
            _ => self.steps,
        };
        content.newtype_variant_seed(Seek { steps, ..self })
    }
}

/// Tells whether a key is the one to follow; fails on purpose if the key itself is looked for.
struct KeyAt<'s> {
    step: &'s Step,
    entry: usize,
    stop: bool,
    found: &'s Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for KeyAt<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyAt<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        let matches = match (self.step, key) {
            #[cfg(test)]
            (Step::Key(wanted), key) => wanted == key,
            (Step::Entry(number), _) => *number == self.entry,
            (Step::Index(_), _) => false,
        };
        if matches && self.stop {
            self.found.set(true);
            return Err(E::custom("found"));
        }
        Ok(matches)
    }
}
