//! Paging: `maxResults` and `nextToken`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::input::Input;
use super::{Map, Outcome, invalid};

/// How many entries a list operation answers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Page size when the request names none.
    pub default: usize,
    /// The largest `maxResults`.
    pub most: usize,
}

/// Ten unless asked, a hundred at most: ListServices and its like.
pub const TEN_OF_HUNDRED: Limits = Limits { default: 10, most: 100 };
/// A hundred: most lists.
pub const HUNDRED: Limits = Limits { default: 100, most: 100 };
/// Ten and no more: capacity providers and account settings.
pub const TEN: Limits = Limits { default: 10, most: 10 };

/// Cuts one page out of `items` and answers it under `member`.
///
/// The token holds the position *and* the last entry seen, so that an entry deleted between two
/// pages makes the next page begin where the last one ended, and none is skipped.
///
/// # Errors
/// When `maxResults` is out of range or the token is none of ours.
pub fn page(input: &Input, member: &str, items: Vec<Value>, limits: Limits) -> Outcome {
    let size = match input.integer("maxResults") {
        None => limits.default,
        Some(n) => usize::try_from(n)
            .ok()
            .filter(|n| (1..=limits.most).contains(n))
            .ok_or_else(|| invalid(format!("maxResults must be between 1 and {}.", limits.most)))?,
    };
    let start = match input.text("nextToken") {
        None => 0,
        Some(token) => start(token, &items).ok_or_else(|| invalid("Invalid token: the nextToken is not valid."))?,
    };
    let end = items.len().min(start + size);
    let mut answer = Map::new();
    if let Some(last) = items.get(end.wrapping_sub(1)).filter(|_| end < items.len()) {
        answer.insert("nextToken".to_owned(), json!(encode(&format!("{end}:{}", mark(last)))));
    }
    let page: Vec<Value> = items.into_iter().take(end).skip(start).collect();
    answer.insert(member.to_owned(), Value::Array(page));
    Ok(Value::Object(answer))
}

fn start(token: &str, items: &[Value]) -> Option<usize> {
    let text = decode(token)?;
    let (position, last) = text.split_once(':')?;
    let position: usize = position.parse().ok()?;
    let seen = |item: &Value| mark(item) == last;
    if items.get(position.checked_sub(1)?).is_some_and(seen) {
        return Some(position);
    }
    Some(items.iter().position(seen).map_or_else(|| items.len().min(position - 1), |found| found + 1))
}

/// What identifies an entry: an ARN, or whatever the object's first member says.
fn mark(item: &Value) -> String {
    match item {
        Value::String(text) => text.clone(),
        Value::Object(members) => members.values().next().map(Value::to_string).unwrap_or_default(),
        other => other.to_string(),
    }
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn decode(hex: &str) -> Option<String> {
    let digits: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes = digits.chunks(2).map(|pair| Some(pair.first()? * 16 + pair.get(1)?)).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}
