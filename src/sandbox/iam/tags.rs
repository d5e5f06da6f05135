//! Tags: on roles, managed policies and instance profiles alike.

use std::collections::BTreeMap;

use super::error::{constraint, invalid_input, limit_exceeded};
use super::page::Page;
use super::query::Query;
use super::xml;
use crate::sandbox::ApiError;

const MAX_TAGS: usize = 50;

/// The tags of one resource, sorted by key. Keys are told apart regardless of case and kept as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, (String, String)>);

impl Tags {
    /// A tag's value; case in the key does not matter.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(&key.to_lowercase()).map(|(_, value)| value.as_str())
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.values()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tags that a request carries.
    pub(super) fn from_query(query: &Query) -> Result<Self, ApiError> {
        let given = query.tags("Tags");
        if given.len() > MAX_TAGS {
            let rule = format!("have length less than or equal to {MAX_TAGS}.");
            return Err(constraint(&format!("'[{} tags]'", given.len()), "tags", &rule));
        }
        let mut tags = Self::default();
        for (n, (key, value)) in given.into_iter().enumerate() {
            check(n + 1, &key, &value)?;
            if tags.0.insert(key.to_lowercase(), (key, value)).is_some() {
                return Err(invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
            }
        }
        Ok(tags)
    }

    /// Adds tags; those whose key is there already are replaced.
    pub(super) fn merge(&mut self, other: Self) -> Result<(), ApiError> {
        let new = other.0.keys().filter(|key| !self.0.contains_key(*key)).count();
        if self.0.len() + new > MAX_TAGS {
            // The wording is (from memory).
            return Err(limit_exceeded(format!("The number of tags has reached the maximum limit: {MAX_TAGS}")));
        }
        self.0.extend(other.0);
        Ok(())
    }

    /// Removes the tags that a request names; unknown keys do not matter.
    pub(super) fn remove(&mut self, query: &Query) {
        for key in query.list("TagKeys") {
            self.0.remove(&key.to_lowercase());
        }
    }

    pub(super) fn xml(&self) -> String {
        xml::list("Tags", self.0.values().map(tag))
    }

    /// The answer of `List…Tags`.
    pub(super) fn page(&self, query: &Query) -> Result<String, ApiError> {
        let page = Page::cut(query, self.0.iter().map(|(key, pair)| (key.clone(), pair)))?;
        Ok(xml::list("Tags", page.items.iter().map(|pair| tag(pair))) + &page.trailer())
    }
}

fn tag((key, value): &(String, String)) -> String {
    xml::text("Key", key) + &xml::text("Value", value)
}

fn check(n: usize, key: &str, value: &str) -> Result<(), ApiError> {
    // The wording is (from memory); that the prefix is reserved, whatever its case, is documented.
    if key.to_lowercase().starts_with("aws:") {
        return Err(invalid_input("aws: prefixed tag names are not allowed for external use."));
    }
    for (part, text, min, max) in [("key", key, 1, 128), ("value", value, 0, 256)] {
        let member = format!("tags.{n}.member.{part}");
        let length = text.chars().count();
        if length > max {
            return Err(constraint(&format!("'{text}'"), &member, &format!("have length less than or equal to {max}")));
        }
        if length < min {
            let rule = format!("have length greater than or equal to {min}");
            return Err(constraint(&format!("'{text}'"), &member, &rule));
        }
        if !text.chars().all(allowed) {
            let rule = "satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+";
            return Err(constraint(&format!("'{text}'"), &member, rule));
        }
    }
    Ok(())
}

fn allowed(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}
