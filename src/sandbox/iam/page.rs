//! Lists in pages: `MaxItems` and `Marker` in, `IsTruncated` and `Marker` out.

use super::error::validation;
use super::query::Query;
use super::{check, xml};
use crate::sandbox::ApiError;

const DEFAULT_ITEMS: u32 = 100;
const MAX_ITEMS: u32 = 1000;

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// What stands on this page.
    pub(super) items: Vec<T>,
    marker: Option<String>,
}

impl<T> Page<T> {
    /// Cuts the page that `query` asks for out of `items`, which come sorted by their keys.
    ///
    /// A marker says which key was the last, not how many went before: what is deleted between two
    /// pages shifts nothing.
    pub(super) fn cut(query: &Query, items: impl IntoIterator<Item = (String, T)>) -> Result<Self, ApiError> {
        let max = check::integer(query, "MaxItems", 1, MAX_ITEMS)?.unwrap_or(DEFAULT_ITEMS) as usize;
        let after = match query.get("Marker") {
            Some(marker) => Some(open(marker).ok_or_else(|| validation("Invalid Marker."))?),
            None => None,
        };
        let mut page = Self { items: Vec::new(), marker: None };
        let mut last = String::new();
        for (key, item) in items {
            if after.as_ref().is_some_and(|after| key <= *after) {
                continue;
            }
            if page.items.len() == max {
                page.marker = Some(seal(&last));
                break;
            }
            page.items.push(item);
            last = key;
        }
        Ok(page)
    }

    /// The elements that end every paged answer.
    pub(super) fn trailer(&self) -> String {
        let truncated = xml::text("IsTruncated", self.marker.is_some());
        truncated + &xml::optional("Marker", self.marker.as_deref())
    }
}

/// Hexadecimal: clients must not read anything into a marker, and names hold characters that XML minds.
fn seal(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn open(marker: &str) -> Option<String> {
    let digit = |n: u8| char::from(n).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = marker.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
            _ => None,
        })
        .collect();
    String::from_utf8(bytes?).ok()
}
