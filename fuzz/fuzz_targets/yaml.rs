//! Any bytes as YAML: nothing is lost without a word, and what was understood is understood again
//! when it is written as JSON, which is YAML too.
#![no_main]

use evenkeel::model::Position;
use evenkeel::value::Value;
use evenkeel::yaml::{self, Parsed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let parsed = yaml::parse(bytes);
    let end = Position { line: bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 2, column: 1 };
    for fault in &parsed.faults {
        assert!(!fault.message.is_empty());
        assert!(fault.at.is_none_or(|at| at <= end && at.line > 0 && at.column > 0), "{fault:?}");
    }
    for document in &parsed.documents {
        let text = document.value.to_string();
        // Only where the same text is legal without quotes of YAML's own.
        if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')) {
            continue;
        }
        let again = yaml::parse(text.as_bytes());
        assert_eq!(again.faults, [], "{text}");
        assert_eq!(values(&again), [&document.value], "{text}");
    }
    let count = parsed.documents.last().map_or(0, |last| last.index + 1);
    assert_eq!(yaml::starts(bytes, count).len(), count);
    let _ = yaml::parse_template(bytes);
});

fn values(parsed: &Parsed) -> Vec<&Value> {
    parsed.documents.iter().map(|document| &document.value).collect()
}
