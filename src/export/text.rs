//! Manifests as the YAML that a person would write: what other tools could take for a number, a date or
//! a boolean is in quotes, scripts are in blocks, short lists and references in one line.

use super::Document;
use crate::value::Value;

/// The longest list in one line, in bytes.
const LINE_MAX: usize = 60;

/// Words that YAML 1.1 or 1.2 reads as something else than text.
const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", ".nan"];

/// One document, with its remarks at the head.
#[must_use]
pub fn file_text(document: &Document) -> String {
    let mut text: String = document.remarks.iter().map(|remark| format!("# {remark}\n")).collect();
    block(&document.manifest, 0, &mut text);
    text
}

/// All documents as one stream.
#[must_use]
pub fn stream_text(documents: &[Document]) -> String {
    documents.iter().map(file_text).collect::<Vec<_>>().join("---\n")
}

/// A map or list, every entry on lines of its own. The first line's indent is there already when the
/// text does not end with a line.
fn block(value: &Value, indent: usize, text: &mut String) {
    let start = |text: &mut String| {
        if text.is_empty() || text.ends_with('\n') {
            text.push_str(&" ".repeat(indent));
        }
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                start(text);
                text.push_str(&line(key));
                text.push(':');
                entry(value, indent, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                start(text);
                text.push('-');
                match item {
                    Value::Object(map) if !map.is_empty() && flow(item).is_none() => {
                        text.push(' ');
                        block(item, indent + 2, text);
                    }
                    item => entry(item, indent, text),
                }
            }
        }
        _ => {}
    }
}

/// What follows a key or a dash: on the same line if it fits there, else below it.
fn entry(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::String(string) if is_script(string) => {
            text.push_str(if string.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in string.lines() {
                if !line.is_empty() {
                    text.push_str(&" ".repeat(indent + 2));
                }
                text.push_str(line);
                text.push('\n');
            }
        }
        value => match flow(value) {
            Some(flow) => {
                text.push(' ');
                text.push_str(&flow);
                text.push('\n');
            }
            None => {
                text.push('\n');
                block(value, indent + 2, text);
            }
        },
    }
}

/// A value that stands in one line.
fn flow(value: &Value) -> Option<String> {
    let is_plain = |item: &Value| item.as_str().is_some_and(|text| !text.contains([',', '[', ']', '{', '}', '\n']));
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(string) => Some(line(string)),
        Value::Array(items) if items.is_empty() => Some("[]".to_owned()),
        Value::Object(map) if map.is_empty() => Some("{}".to_owned()),
        Value::Object(map) => match (map.len(), map.get("ref")) {
            (1, Some(name)) if is_plain(name) => Some(format!("{{ref: {}}}", line(name.as_str()?))),
            _ => None,
        },
        Value::Array(items) if items.iter().all(is_plain) => {
            let items: Vec<String> = items.iter().filter_map(Value::as_str).map(line).collect();
            Some(format!("[{}]", items.join(", "))).filter(|list| list.len() <= LINE_MAX)
        }
        Value::Array(_) => None,
    }
}

/// A text in one line: bare where nobody could misread it.
fn line(string: &str) -> String {
    if is_bare(string) {
        return string.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in string.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

fn is_bare(string: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphanumeric() || "/_.$".contains(c);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_.$ :#-+*@=,()[]{}'\"<>?!;%^~|&".contains(c);
    // Numbers of every base, times and dates have no other characters.
    let of_numbers = |c: char| c.is_ascii_hexdigit() || "xoXOtTzZ_.:+- ".contains(c);
    let is_number = string.starts_with(|c: char| c.is_ascii_digit() || c == '.') && string.chars().all(of_numbers);
    string.starts_with(starts)
        && string.chars().all(allowed)
        && !string.contains([',', '[', ']', '{', '}', '#', '"', '\''])
        && !string.contains(": ")
        && !string.ends_with([' ', ':'])
        && !is_number
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(string))
}

/// Whether a text reads better as a block of lines, and is the same there.
fn is_script(string: &str) -> bool {
    let body = string.strip_suffix('\n').unwrap_or(string);
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.lines().all(|line| !line.ends_with(' ') && !line.starts_with('\t'))
        && string.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
}

/// Whether YAML takes a character as it stands, and shows it.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::yaml;

    fn written(value: &Value) -> String {
        let mut text = String::new();
        block(value, 0, &mut text);
        text
    }

    fn read(text: &str) -> Value {
        let parsed = yaml::parse(text.as_bytes());
        assert_eq!(parsed.faults, [], "{text}");
        parsed.documents.into_iter().next().map(|document| document.value).unwrap_or_default()
    }

    #[test]
    fn it_reads_as_if_somebody_had_written_it() {
        let value = json!({
            "Version": "2012-10-17", "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1", "cpu": "256",
            "role": { "ref": "app" }, "on": "off", "count": 2, "none": [], "all": "*", "action": "s3:Get*",
            "list": ["FARGATE", "FARGATE_SPOT"],
            "command": ["sh", "-c", "set -e\necho \"$HOME\"\n"],
            "items": [{ "name": "a", "more": { "b": ["x, y"] } }, { "ref": "b" }],
        });
        let text = r#"Version: "2012-10-17"
image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1
cpu: "256"
role: {ref: app}
"on": "off"
count: 2
none: []
all: "*"
action: s3:Get*
list: [FARGATE, FARGATE_SPOT]
command:
  - sh
  - "-c"
  - |
    set -e
    echo "$HOME"
items:
  - name: a
    more:
      b:
        - "x, y"
  - {ref: b}
"#;
        assert_eq!(written(&value), text);
        assert_eq!(read(text), value);
    }

    proptest! {
        // A failure prints its input; it is to become a test, not a line in a file of seeds.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Control characters aside, which no manifest may hold.
        #[test]
        fn every_text_is_read_back_as_it_was(
            key in "\\PC*",
            text in "[\\PC\n\r\t]*|[ \na:#-]{0,12}|[0-9:.eExo_+-]{1,8}|[a-zA-Z~.]{1,5}",
        ) {
            // The reader takes it for a merge, in quotes too.
            prop_assume!(key != "<<");
            let value = json!({ key: text, "list": [text, "short"], "deep": { "list": [{ "a": text, "ref": text }] } });
            prop_assert_eq!(read(&written(&value)), value);
        }
    }
}
