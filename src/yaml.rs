//! Strict reading of YAML (and so of JSON) files: every fault with its place, and never a guess.
//!
//! A manifest decides what is deleted and who may do what, so anything that two readers could
//! understand differently is refused: a key given twice, merge keys, tags, keys that are not text.
//! The limits are there because the parser underneath needs seconds or gigabytes for small hostile
//! files; `scan` refuses those before the parser sees them, the budget below does so while it reads.
//!
//! Pure: text in, values and faults out.

mod locate;
mod places;
mod read;
mod scan;

use std::fmt;

use crate::model::Position;
use crate::value::Value;
use serde::de::DeserializeSeed as _;

pub use locate::starts;
pub use places::{Wanted, locate_all};
use read::{Node, State};

/// Largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
/// Deepest nesting of maps and lists.
pub const MAX_DEPTH: usize = 64;
/// Most documents in one file, empty ones included.
pub const MAX_DOCUMENTS: usize = 1000;
/// Most values in one file once aliases are expanded; keys count too.
pub const MAX_NODES: usize = 120_000;
/// Most bytes of text in one file once aliases are expanded.
pub const MAX_TEXT_BYTES: usize = 2 * 1024 * 1024;
/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Most faults that are listed for one file; reading ends there.
pub const MAX_FAULTS: usize = 100;

/// How much may be read again to name the lines of first occurrences: keeps a file of nothing but
/// duplicates from costing more than a few parses.
const REREAD_BYTES: usize = 2 * MAX_FILE_BYTES;

/// How much may be read again to find the places of one file's problems.
const LOCATE_BYTES: usize = 2 * MAX_FILE_BYTES;

/// A document that was read without a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Position in the stream, from 0, counting empty documents.
    pub index: usize,
    /// What it says. Integers stay integers; keys keep the order of the file.
    pub value: Value,
}

/// Something that keeps a document, or the rest of a file, from being used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Position of the document in the stream, from 0.
    pub document: usize,
    /// Where it stands; missing only when the parser could not tell.
    pub at: Option<Position>,
    /// The path as `a.b[2].c`; empty when the fault is not at a value.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// All that a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// The documents without a fault, in the order of the file; empty ones are left out.
    pub documents: Vec<Document>,
    /// Every fault that was found, in the order of the file.
    pub faults: Vec<Fault>,
}

/// Reads every document of a file.
///
/// A document with a fault yields no value, whatever else it says. The rest of the file is given up
/// at a syntax error, at a map or list used as a key, and at a broken limit (values, text, documents,
/// faults), since what follows cannot be told apart from the damage; the documents before it are
/// kept. A file that is too large, not UTF-8, holds control characters, nests too deeply or is nothing
/// but values yields nothing but that fault.
///
/// Never panics and ends in time proportional to the size of the file, whatever the bytes.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    parse_as(bytes, false)
}

/// Reads a CloudFormation template as [`parse`] does a manifest, but for tags: each is the short form
/// of a function, and read as the long one, so that `!Sub x` and `{Fn::Sub: x}` are the same.
#[must_use]
pub fn parse_template(bytes: &[u8]) -> Parsed {
    parse_as(bytes, true)
}

fn parse_as(bytes: &[u8], short_forms: bool) -> Parsed {
    let scanned = match scan::scan(bytes) {
        Ok(scanned) => scanned,
        Err(fault) => return Parsed { documents: Vec::new(), faults: vec![*fault] },
    };
    let text = scanned.text;
    let mut parsed = Parsed::default();
    let mut state = State::new(REREAD_BYTES / text.len().max(1), short_forms);
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        if index == MAX_DOCUMENTS {
            state.faults.push(too_many_documents(index));
            break;
        }
        state.begin(index);
        state.faults.extend(scanned.tags.iter().filter(|tag| tag.document == index).cloned());
        let result = Node(&mut state).deserialize(document);
        let go_on = match &result {
            Ok(_) => true,
            Err(error) => state.conclude(error, text),
        };
        state.name_first_occurrences(text);
        match result {
            Ok(value) if state.faults.is_empty() && !value.is_null() => {
                parsed.documents.push(Document { index, value })
            }
            _ => {
                // Tags that only the scan sees come without their path, before the others.
                state.faults.sort_by_key(|fault| fault.at);
                parsed.faults.append(&mut state.faults);
            }
        }
        if !go_on {
            break;
        }
    }
    parsed.faults.append(&mut state.faults);
    limit_faults(&mut parsed.faults);
    parsed
}

fn too_many_documents(index: usize) -> Fault {
    Fault {
        document: index,
        at: None,
        path: String::new(),
        message: format!("more than {MAX_DOCUMENTS} documents in one file: the rest is not read"),
        hint: Some("split the file".into()),
    }
}

fn limit_faults(faults: &mut Vec<Fault>) {
    if let Some(first_unlisted) = faults.get(MAX_FAULTS).cloned() {
        faults.truncate(MAX_FAULTS);
        faults.push(Fault {
            path: String::new(),
            message: format!("more than {MAX_FAULTS} faults in this file: the rest is not listed"),
            hint: Some("fix those above first".into()),
            ..first_unlisted
        });
    }
}

#[cfg(test)]
mod tests;
