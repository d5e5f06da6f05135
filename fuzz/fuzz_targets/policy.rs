//! Any text as one or two policy documents (U+001E stands between two): the laws of equality hold.
#![no_main]

use evenkeel::policy::{DocumentKind, canonical, check, equal, orphaned_principals, parse, statements_apart, to_text};
use evenkeel::value::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let documents: Vec<Value> = text.split('\u{1e}').take(2).filter_map(|text| parse(text).ok()).collect();
    for document in &documents {
        let form = canonical(document);
        assert_eq!(canonical(&form), form, "the canonical form is its own");
        assert!(equal(document, document) && equal(document, &form));
        assert_eq!(statements_apart(document, document), None);
        assert_eq!(parse(&to_text(document)).as_ref(), Ok(document), "what is sent is what was read");
        for kind in [DocumentKind::Trust, DocumentKind::Permissions] {
            let _ = check(document, kind);
        }
        let _ = orphaned_principals(document);
    }
    if let [one, other] = &documents[..] {
        assert_eq!(equal(one, other), equal(other, one));
        if equal(one, other) {
            assert_eq!(statements_apart(one, other), None);
        }
        let turned = |apart: Option<(Vec<&Value>, Vec<&Value>)>| apart.map(|(gone, come)| (gone.len(), come.len()));
        let back = turned(statements_apart(other, one)).map(|(gone, come)| (come, gone));
        assert_eq!(turned(statements_apart(one, other)), back);
    }
});
