//! The visitors that read one document, and what they share.

use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{Fault, MAX_DEPTH, MAX_FAULTS, MAX_KEY_BYTES, MAX_NODES, MAX_TEXT_BYTES, locate, scan};
use crate::model::Position;
use crate::value::{Path, Segment};

/// From here on a whole number has no room but in a float: 2⁶⁴.
const WHOLE_MAX: f64 = 18_446_744_073_709_551_616.0;

/// A fault on its way out of a visitor: the visitor knows the path, its caller learns the place.
struct Raised {
    path: String,
    message: String,
    hint: Option<String>,
    /// Whether the document cannot be read on after it.
    fatal: bool,
    /// The way to the first occurrence of a key that is given twice.
    first: Option<Vec<locate::Step>>,
}

/// What the visitors of one file share.
#[derive(Default)]
pub(super) struct State {
    document: usize,
    path: Vec<Segment>,
    /// Beside `path`: the number of the entry in its map, since a key that is given twice does not name one.
    entries: Vec<usize>,
    /// The key that was read last, also when it was refused.
    key: String,
    nodes: usize,
    text_bytes: usize,
    raised: Option<Raised>,
    pub(super) faults: Vec<Fault>,
    /// Faults recorded in the whole file.
    recorded: usize,
    /// Faults (by index) whose message still lacks the line of the first occurrence.
    firsts: Vec<(usize, Vec<locate::Step>)>,
    /// How many first occurrences may still be looked for.
    rereads: usize,
    /// Whether tags are short forms of CloudFormation's functions.
    short_forms: bool,
}

impl State {
    pub(super) fn new(rereads: usize, short_forms: bool) -> Self {
        Self { rereads, short_forms, ..Self::default() }
    }

    pub(super) fn begin(&mut self, document: usize) {
        self.document = document;
        self.path.clear();
        self.entries.clear();
        self.raised = None;
    }

    fn raise<E: serde::de::Error>(&mut self, message: impl Into<String>, hint: Option<&str>) -> E {
        self.raise_at(Path(self.path.clone()).to_string(), message.into(), hint.map(Into::into))
    }

    fn raise_at<E: serde::de::Error>(&mut self, path: String, message: String, hint: Option<String>) -> E {
        self.raised = Some(Raised { path, message, hint, fatal: false, first: None });
        E::custom("")
    }

    fn raise_fatal<E: serde::de::Error>(&mut self, message: String, hint: &str) -> E {
        let error = self.raise(message, Some(hint));
        if let Some(raised) = &mut self.raised {
            raised.fatal = true;
        }
        error
    }

    /// The path of the key that is being read.
    fn key_path(&self) -> String {
        let mut path = self.path.clone();
        path.push(Segment::Key(self.key.clone()));
        Path(path).to_string()
    }

    /// Counts one key or value against the budget. Aliases are expanded by the parser, so a small
    /// file can visit without end.
    fn spend<E: serde::de::Error>(&mut self, text_bytes: usize) -> Result<(), E> {
        self.nodes += 1;
        self.text_bytes = self.text_bytes.saturating_add(text_bytes);
        let excess = if self.nodes > MAX_NODES {
            scan::too_many()
        } else if self.text_bytes > MAX_TEXT_BYTES {
            format!("more than {MAX_TEXT_BYTES} bytes of text in one file")
        } else {
            return Ok(());
        };
        Err(self.raise_fatal(excess, scan::TOO_MANY_HINT))
    }

    fn check_depth<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.path.len() < MAX_DEPTH {
            return Ok(());
        }
        Err(self.raise_fatal(scan::too_deep(), scan::TOO_DEEP_HINT))
    }

    fn text<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        self.spend(text.len())?;
        match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            None => Ok(()),
            Some(c) => Err(self.raise(
                format!("holds the control character U+{:04X}", u32::from(c)),
                Some("take it out: no text in AWS may hold it"),
            )),
        }
    }

    /// Turns an error that a visitor below raised into a fault and lets the reading go on; hands
    /// back what must end it.
    ///
    /// The parser adds the place to an error only on its way out, and inside a visitor its error
    /// type is opaque. So the place is taken from the error's text, which ends in it.
    fn settle<E: fmt::Display>(&mut self, error: E) -> Result<(), E> {
        match self.raised.take() {
            // One more than is listed, so that the list can end in saying that there are more.
            Some(raised) if !raised.fatal && self.recorded <= MAX_FAULTS => {
                self.record(raised, place_in(&error.to_string()));
                Ok(())
            }
            other => {
                self.raised = other.map(|raised| Raised { fatal: true, ..raised });
                Err(error)
            }
        }
    }

    fn record(&mut self, raised: Raised, at: Option<Position>) {
        self.recorded += 1;
        if let Some(steps) = raised.first {
            self.firsts.push((self.faults.len(), steps));
        }
        let Raised { path, message, hint, .. } = raised;
        self.faults.push(Fault { document: self.document, at, path, message, hint });
    }

    /// Records the error that ended a document; says whether the documents after it can be trusted.
    pub(super) fn conclude(&mut self, error: &serde_yaml::Error, text: &str) -> bool {
        let at = error.location().map(|place| Position { line: place.line(), column: place.column() });
        let Some(raised) = self.raised.take() else {
            // Only the parser's own limit on aliases comes without a place: then the document's.
            let at = at.or_else(|| locate::find(text, self.document, &[], false));
            let fault = scan::syntax_fault(self.document, at, &error.to_string(), text);
            self.faults.push(fault);
            return false;
        };
        let go_on = !raised.fatal;
        self.record(raised, at);
        go_on
    }

    pub(super) fn name_first_occurrences(&mut self, text: &str) {
        for (fault, steps) in std::mem::take(&mut self.firsts) {
            if self.rereads == 0 {
                break;
            }
            self.rereads -= 1;
            let found = locate::find(text, self.document, &steps, true);
            if let (Some(at), Some(fault)) = (found, self.faults.get_mut(fault)) {
                fault.message.push_str(&format!("; the first is on line {}", at.line));
            }
        }
    }
}

/// The place that ends an error's text. The parser leaves out the very first place of a file.
pub(super) fn place_in(text: &str) -> Option<Position> {
    let Some((_, place)) = text.rsplit_once(" at line ") else {
        return Some(Position { line: 1, column: 1 });
    };
    let (line, column) = place.split_once(" column ")?;
    Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
}

/// Reads one value. Every error that it raises itself leaves the parser behind the value, so that
/// the caller can go on; errors in the middle of a value are fatal.
pub(super) struct Node<'s>(pub(super) &'s mut State);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Node<'_> {
    fn out_of_range<E: serde::de::Error>(self, number: impl fmt::Display) -> E {
        self.0.raise(format!("the number {number} is out of range"), Some("if it is text, quote it"))
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.0.spend(0)?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.0.spend(0)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.0.spend(0)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Value, E> {
        Err(self.out_of_range(value))
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Value, E> {
        Err(self.out_of_range(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.0.spend(0)?;
        match Number::from_f64(value) {
            // A whole number of so many digits is read as another one.
            Some(_) if value.abs() >= WHOLE_MAX => Err(self.out_of_range(format_args!("{value:e}"))),
            Some(number) => Ok(Value::Number(number)),
            None => Err(self
                .0
                .raise("not a finite number", Some("`.nan` and `.inf` are numbers in YAML: if it is text, quote it"))),
        }
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.text(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.0.spend(0)?;
        Ok(Value::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let state = self.0;
        state.spend(0)?;
        state.check_depth()?;
        let mut list = Vec::new();
        loop {
            let index = list.len();
            state.path.push(Segment::Index(index));
            state.entries.push(index);
            let item = match items.next_element_seed(Node(state)) {
                Ok(item) => item,
                // Keeps the place, so that the items behind it have the right index.
                Err(error) => state.settle(error).map(|()| Some(Value::Null))?,
            };
            state.path.pop();
            state.entries.pop();
            match item {
                Some(item) => list.push(item),
                // Where each list has one item, what is kept for three more is most of the memory.
                None => {
                    list.shrink_to_fit();
                    return Ok(Value::Array(list));
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let state = self.0;
        state.spend(0)?;
        state.check_depth()?;
        let mut members = Map::new();
        let mut numbers = Vec::new();
        for entry in 0_usize.. {
            let key = match map.next_key_seed(Key { state, members: &members, numbers: &numbers }) {
                Ok(None) => break,
                Ok(Some(key)) => Some(key),
                Err(error) => state.settle(error).map(|()| None)?,
            };
            state.path.push(Segment::Key(state.key.clone()));
            state.entries.push(entry);
            let value = match map.next_value_seed(Node(state)) {
                Ok(value) => value,
                Err(error) => state.settle(error).map(|()| Value::Null)?,
            };
            state.path.pop();
            state.entries.pop();
            if let Some(key) = key {
                members.insert(key, value);
                numbers.push(entry);
            }
        }
        // Made anew, it takes what it needs: as with lists.
        Ok(Value::Object(members.into_iter().collect()))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let state = self.0;
        let (tag, content) = data.variant::<String>()?;
        if state.short_forms {
            return function(state, &tag, content);
        }
        if let Err(error) = content.newtype_variant_seed(Node(state)) {
            state.settle(error)?;
        }
        Err(state.raise(scan::tag_message(&format!("!{tag}")), Some(scan::TAG_HINT)))
    }
}

/// Reads the short form of a function of CloudFormation's as the long one: `!Ref X` as `{Ref: X}`.
fn function<'de, A: VariantAccess<'de>>(state: &mut State, tag: &str, content: A) -> Result<Value, A::Error> {
    let name = locate::long_form(tag);
    state.spend(name.len())?;
    state.path.push(Segment::Key(name.clone()));
    state.entries.push(locate::TAG);
    let argument = match content.newtype_variant_seed(Node(state)) {
        Ok(argument) => argument,
        Err(error) => state.settle(error).map(|()| Value::Null)?,
    };
    state.path.pop();
    state.entries.pop();
    Ok(Value::Object(Map::from_iter([(name, argument)])))
}

/// Reads one key of a map: text that the map does not have yet.
struct Key<'s> {
    state: &'s mut State,
    members: &'s Map<String, Value>,
    /// The entry that each of `members` came from.
    numbers: &'s [usize],
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Key<'_> {
    fn refuse<E: serde::de::Error>(self, message: String, hint: &str) -> E {
        let path = self.state.key_path();
        self.state.raise_at(path, message, Some(hint.into()))
    }

    fn not_text<E: serde::de::Error>(self, key: String, what: &str) -> E {
        let hint = format!("quote it: \"{key}\"");
        let message = format!("the key {key} is {what}, and keys are text");
        self.state.key = key;
        self.refuse(message, &hint)
    }

    fn twice<E: serde::de::Error>(self, key: &str) -> E {
        let mut steps: Vec<_> = locate::steps(&self.state.path, &self.state.entries);
        // Looked for by its place in the map only now: a fault is rare, a key is not.
        let first = self.members.keys().position(|member| member == key).and_then(|at| self.numbers.get(at));
        steps.extend(first.map(|entry| locate::Step::Entry(*entry)));
        let state = self.state;
        let error = state.raise_at(
            state.key_path(),
            format!("the key `{key}` is given twice"),
            Some("keep one of the two: readers of YAML disagree on which one counts".into()),
        );
        if let Some(raised) = &mut state.raised {
            raised.first = Some(steps);
        }
        error
    }

    /// A map or list as a key cannot be skipped safely, so it ends the reading. What people mean
    /// by it is nearly always a template.
    fn complex<E: serde::de::Error>(self, what: &str) -> E {
        let message = format!("{what} stands where a key is expected, and keys are text");
        self.state.raise_fatal(
            message,
            "quote text that starts with `{` or `[`; render templates such as `{{ name }}` before committing",
        )
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        self.state.spend(key.len())?;
        if key.len() > MAX_KEY_BYTES {
            self.state.key = key.chars().take(32).chain(['…']).collect();
            return Err(self.refuse(format!("the key is longer than {MAX_KEY_BYTES} bytes"), "shorten it"));
        }
        key.clone_into(&mut self.state.key);
        if key == "<<" {
            return Err(self.refuse("merge keys (`<<`) are not supported".into(), "write the fields out"));
        }
        if let Some(c) = key.chars().find(|c| c.is_control()) {
            let message = format!("the key holds the control character U+{:04X}", u32::from(c));
            return Err(self.refuse(message, "take it out"));
        }
        if self.members.contains_key(key) {
            return Err(self.twice(key));
        }
        Ok(key.to_owned())
    }

    fn visit_bool<E: serde::de::Error>(self, key: bool) -> Result<String, E> {
        Err(self.not_text(key.to_string(), "a boolean"))
    }

    fn visit_i64<E: serde::de::Error>(self, key: i64) -> Result<String, E> {
        Err(self.not_text(key.to_string(), "a number"))
    }

    fn visit_u64<E: serde::de::Error>(self, key: u64) -> Result<String, E> {
        Err(self.not_text(key.to_string(), "a number"))
    }

    fn visit_i128<E: serde::de::Error>(self, key: i128) -> Result<String, E> {
        Err(self.not_text(key.to_string(), "a number"))
    }

    fn visit_u128<E: serde::de::Error>(self, key: u128) -> Result<String, E> {
        Err(self.not_text(key.to_string(), "a number"))
    }

    fn visit_f64<E: serde::de::Error>(self, key: f64) -> Result<String, E> {
        Err(self.not_text(key.to_string(), "a number"))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<String, E> {
        Err(self.not_text("null".into(), "empty"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.complex("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.complex("a map"))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<String, A::Error> {
        let (tag, content) = data.variant::<String>()?;
        content.newtype_variant::<IgnoredAny>()?;
        self.state.key = format!("!{tag}");
        Err(self.refuse(scan::tag_message(&format!("!{tag}")), scan::TAG_HINT))
    }
}
