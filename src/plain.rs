//! Text that others wrote, on its way to a terminal, a log or a page.
//!
//! A manifest, a file's name or an answer of AWS's may hold what a terminal obeys, what ends a line of
//! a log, or what a reader does not see. Values keep all of it; what is shown of them does not.
//!
//! Pure: text in, text out.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// The longest message, in characters: room for every list of what is known.
pub const MESSAGE_CHARS_MAX: usize = 1000;
/// How much of a longer one is its end, where it says what is wrong with what it repeats.
const END_CHARS: usize = 400;

/// The text in one line in which every character shows: line ends, control characters, and those
/// without a shape of their own (directions, joiners, strange spaces) come as `\n` or `\u{202e}`.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if shows(c) { shown.push(c) } else { shown.extend(c.escape_debug()) }
    }
    Cow::Owned(shown)
}

/// Whether every character of a text shows, all in one line.
#[must_use]
pub fn is_line(text: &str) -> bool {
    text.chars().all(shows)
}

/// A path as [`line`] shows it.
#[must_use]
pub fn path(path: &Path) -> String {
    line(&path.display().to_string()).into_owned()
}

/// A message as [`line`] shows it, without the middle of one that repeats a text of any length.
#[must_use]
pub fn message(text: &str) -> String {
    let (start, end) = (MESSAGE_CHARS_MAX - END_CHARS, text.chars().count().saturating_sub(END_CHARS));
    if end <= start {
        return line(text).into_owned();
    }
    let at = |number: usize| text.char_indices().nth(number).map_or(text.len(), |(at, _)| at);
    format!("{}…{}", line(&text[..at(start)]), line(&text[at(end)..]))
}

/// JSON in which the characters that do not show are escaped, too: JSON itself escapes only those of ASCII.
#[must_use]
pub fn json(text: String) -> String {
    if text.chars().all(|c| shows(c) || c == '\n') {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if shows(c) || c == '\n' {
            escaped.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a text cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// Whether a character has a shape of its own, or belongs to the one before it.
fn shows(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library's table of what can be printed. It escapes what belongs to another character
    // only at the beginning of a text.
    let mut pair = [0; 5];
    pair[0] = b'a';
    let length = 1 + c.encode_utf8(&mut pair[1..]).len();
    std::str::from_utf8(&pair[..length]).is_ok_and(|pair| pair.escape_debug().count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_stays_as_it_is() {
        for text in ["", "web \"a\" 'b' \\n", "Zürich e\u{301} 東京 Ωμέγα → … 🚀", "אבג"] {
            assert_eq!(line(text), text);
            assert!(is_line(text));
        }
    }

    #[test]
    fn what_a_terminal_obeys_or_nobody_sees_is_spelt_out() {
        for (text, shown) in [
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\x1b[2J\x07\x7f", "\\u{1b}[2J\\u{7}\\u{7f}"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
            ("a\u{200b}\u{feff}\u{2028}\u{a0}\u{ad}", "a\\u{200b}\\u{feff}\\u{2028}\\u{a0}\\u{ad}"),
            ("\u{e0041}\u{fffe}", "\\u{e0041}\\u{fffe}"),
        ] {
            assert_eq!(line(text), shown);
            assert!(!is_line(text));
        }
    }

    #[test]
    fn of_a_long_message_the_middle_is_left_out() {
        assert_eq!(message(&"é".repeat(MESSAGE_CHARS_MAX)), "é".repeat(MESSAGE_CHARS_MAX));
        let long = format!("`{}` is no name\n", "é".repeat(5000));
        let shown = message(&long);
        assert!(shown.starts_with("`éé") && shown.contains("é…é") && shown.ends_with("é` is no name\\n"), "{shown}");
        assert_eq!(shown.chars().count(), MESSAGE_CHARS_MAX + 2);
    }

    #[test]
    fn json_means_the_same_when_everything_in_it_shows() {
        let value = serde_json::json!({ "a\u{9b}": ["\u{202e}b", "\u{e0041}", "\x1b", "ü\n"] });
        let text = json(format!("{value:#}"));
        assert!(text.chars().all(|c| shows(c) || c == '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
