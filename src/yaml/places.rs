//! Where many values of a file stand, found in a few readings of it.
//!
//! The parser tells a place only in an error. One about a text, a number or a key leaves the parser
//! behind it, so that all of those are found in one reading. A map or list is told apart by leaving
//! some of it unread, which the parser complains of when it is behind it: those around others take a
//! reading more. Only an empty one ends the reading of its document.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::locate::{self, long_form};
use super::read::place_in;
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
/// Reads the file a few times, however many places are wanted, and not beyond a budget: past that,
/// places are those of their documents.
#[must_use]
pub fn locate_all(bytes: &[u8], wanted: &[Wanted<'_>]) -> Vec<Option<Position>> {
    let Ok(scanned) = scan::scan(bytes) else { return vec![None; wanted.len()] };
    locate_in(scanned.text, wanted).0
}

/// The places, and how many readings it took to find them.
pub(super) fn locate_in(text: &str, wanted: &[Wanted<'_>]) -> (Vec<Option<Position>>, usize) {
    let mut targets: Vec<Target<'_>> = wanted.iter().map(Target::new).collect();
    let mut open: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, wanted) in wanted.iter().enumerate() {
        open.entry(wanted.document).or_default().push(number);
    }
    let most = 1 + LOCATE_BYTES / text.len().max(1);
    let mut readings = 0;
    while let Some((last, _)) = open.last_key_value() {
        let exact = readings < most;
        readings += 1;
        // Bounded, since behind a broken document the parser's iterator goes on for ever.
        let documents = serde_yaml::Deserializer::from_str(text).take(last + 1);
        let mut left = BTreeMap::new();
        for (index, document) in documents.enumerate() {
            let Some(mut numbers) = open.remove(&index) else { continue };
            if exact {
                read(document, &mut targets, &numbers);
                numbers.retain(|number| targets[*number].at.is_none());
                if !numbers.is_empty() {
                    left.insert(index, numbers);
                }
            } else {
                let start = locate::start(document);
                numbers.into_iter().for_each(|number| targets[number].at = start);
            }
        }
        // What is still open here is in documents that the file does not have.
        open = left;
    }
    (targets.into_iter().map(|target| target.at).collect(), readings)
}

/// One reading of a document for the sake of some targets.
fn read(document: serde_yaml::Deserializer<'_>, targets: &mut [Target<'_>], numbers: &[usize]) {
    let mut search = Search { targets, told: Vec::new(), matched: Vec::new(), over: false };
    let result = Look { search: &mut search, numbers, depth: 0 }.deserialize(document);
    // An error that is not ours is the parser's, about a document that nothing is wanted of.
    let _ = search.settle(result);
}

/// What is left to find of something wanted.
struct Target<'w> {
    /// Cut short once it turns out that it leads nowhere.
    path: &'w [Segment],
    key: bool,
    at: Option<Position>,
}

impl<'w> Target<'w> {
    fn new(wanted: &Wanted<'w>) -> Self {
        let key = wanted.key && !matches!(wanted.path.last(), None | Some(Segment::Index(_)));
        Self { path: wanted.path, key, at: None }
    }
}

/// What one reading of a document shares.
struct Search<'t, 'w> {
    targets: &'t mut [Target<'w>],
    /// The targets that the error on its way out tells the place of.
    told: Vec<usize>,
    /// The targets at and below the value of the key that was read last.
    matched: Vec<usize>,
    /// Whether the parser is not behind what the error is about.
    over: bool,
}

impl<'w> Search<'_, 'w> {
    /// Fails on purpose: the parser adds the place.
    fn tell<E: Error>(&mut self, numbers: Vec<usize>) -> E {
        self.told = numbers;
        E::custom("found")
    }

    /// Takes the place from an error that was asked for; hands back one that must end the reading.
    fn settle<E: fmt::Display>(&mut self, result: Result<(), E>) -> Result<(), E> {
        let told = std::mem::take(&mut self.told);
        let Err(error) = result else { return Ok(()) };
        let at = place_in(&error.to_string());
        for number in &told {
            self.targets[*number].at = at;
        }
        if told.is_empty() || self.over { Err(error) } else { Ok(()) }
    }

    /// What leads on from a depth leads nowhere: the value there is the nearest.
    fn cut<'n>(&mut self, numbers: impl IntoIterator<Item = &'n usize>, depth: usize) {
        for number in numbers {
            let target = &mut self.targets[*number];
            if target.path.len() > depth {
                (target.path, target.key) = (&target.path[..depth], false);
            }
        }
    }

    /// The targets that lead on by a step that there can be, by that step, and those that are here.
    fn sort<K: Ord>(
        &mut self,
        numbers: &[usize],
        depth: usize,
        step: impl Fn(&'w Segment) -> Option<K>,
    ) -> (Vec<usize>, BTreeMap<K, Vec<usize>>) {
        let (mut here, mut below) = (Vec::new(), BTreeMap::<K, Vec<usize>>::new());
        for number in numbers {
            let path = self.targets[*number].path;
            match path.get(depth).and_then(&step) {
                Some(step) => below.entry(step).or_default().push(*number),
                None => here.push(*number),
            }
        }
        self.cut(&here, depth);
        (here, below)
    }
}

/// Looks at one value for the targets at it and below it.
struct Look<'s, 't, 'w> {
    search: &'s mut Search<'t, 'w>,
    numbers: &'s [usize],
    depth: usize,
}

impl<'t, 'w> Look<'_, 't, 'w> {
    fn scalar<E: Error>(self) -> Result<(), E> {
        self.search.cut(self.numbers, self.depth);
        Err(self.search.tell(self.numbers.to_vec()))
    }

    fn below<'b>(&'b mut self, numbers: &'b [usize]) -> Look<'b, 't, 'w> {
        Look { search: &mut *self.search, numbers, depth: self.depth + 1 }
    }

    /// Leaves a map or list of which nothing more is looked at, having asked whether there is more in
    /// it: of what is left the parser tells the place by itself. Otherwise the next reading does, which
    /// asks before anything is read, unless it is empty.
    fn leave<E: Error>(self, here: Vec<usize>, is_more: bool, is_empty: bool) -> Result<(), E> {
        if is_more {
            self.search.told = here;
        } else if is_empty {
            self.search.over = true;
            return Err(self.search.tell(here));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_, '_, '_> {
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

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let (here, mut open) = self.search.sort(self.numbers, self.depth, |segment| match segment {
            Segment::Index(index) => Some(*index),
            Segment::Key(_) | Segment::Named(_) => None,
        });
        for next in 0_usize.. {
            if open.is_empty() && !here.is_empty() {
                let is_more = items.next_element_seed(Unread)?.is_some();
                return self.leave(here, is_more, next == 0);
            }
            let wanted = open.remove(&next).unwrap_or_default();
            let is_more = if wanted.is_empty() {
                items.next_element::<IgnoredAny>()?.is_some()
            } else {
                let item = items.next_element_seed(self.below(&wanted));
                let is_more = !matches!(item, Ok(None));
                self.search.settle(item.map(drop))?;
                is_more
            };
            if !is_more {
                self.search.cut(wanted.iter().chain(open.values().flatten()), self.depth);
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let (here, mut open) = self.search.sort(self.numbers, self.depth, |segment| match segment {
            // An element named by its identity is not found, as no list has keys.
            Segment::Key(key) | Segment::Named(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        });
        for next in 0_usize.. {
            if open.is_empty() && !here.is_empty() {
                let is_more = map.next_key_seed(Unread)?.is_some();
                return self.leave(here, is_more, next == 0);
            }
            let key = map.next_key_seed(Key { search: &mut *self.search, open: &mut open, depth: self.depth });
            if matches!(key, Ok(None)) {
                self.search.cut(open.values().flatten(), self.depth);
                break;
            }
            self.search.settle(key.map(drop))?;
            let wanted = std::mem::take(&mut self.search.matched);
            if wanted.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                let value = map.next_value_seed(self.below(&wanted));
                self.search.settle(value)?;
            }
        }
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(mut self, data: A) -> Result<(), A::Error> {
        let (tag, content) = data.variant::<String>()?;
        // A template's path names the function that a tag is short for; a manifest's knows no tags.
        let function = long_form(&tag);
        let (here, below) = self.search.sort(self.numbers, self.depth, |segment| match segment {
            Segment::Key(key) if *key == function => Some(()),
            _ => None,
        });
        match below.get(&()) {
            None => content.newtype_variant::<IgnoredAny>().map(drop)?,
            Some(wanted) => {
                let value = content.newtype_variant_seed(self.below(wanted));
                self.search.settle(value)?;
            }
        }
        if here.is_empty() { Ok(()) } else { Err(self.search.tell(here)) }
    }
}

/// Tells that there is something, and leaves it to the parser.
struct Unread;

impl<'de> DeserializeSeed<'de> for Unread {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Ok(())
    }
}

/// Reads a key, and says which targets are at and below its value. Fails on purpose if it is itself
/// looked for.
struct Key<'s, 't, 'w> {
    search: &'s mut Search<'t, 'w>,
    open: &'s mut BTreeMap<&'w str, Vec<usize>>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        let numbers = self.open.remove(key).unwrap_or_default();
        let is_key = |number: &usize| {
            let target = &self.search.targets[*number];
            target.key && target.path.len() == self.depth + 1
        };
        let (here, below) = numbers.into_iter().partition(is_key);
        self.search.matched = below;
        if Vec::is_empty(&here) { Ok(()) } else { Err(self.search.tell(here)) }
    }
}
