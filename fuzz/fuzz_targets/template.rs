//! Any bytes as a CloudFormation template: faults, or manifests whose text is well formed.
#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;

use evenkeel::cloudformation::convert;
use evenkeel::export::stream_text;
use evenkeel::load::{Desired, File, load};
use evenkeel::resource::Account;
use evenkeel::yaml;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let notes = match convert(bytes, &BTreeMap::new()) {
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a word");
            faults
        }
        Ok(conversion) => {
            let text = stream_text(&conversion.documents);
            assert_eq!(yaml::parse(text.as_bytes()).faults, [], "{text}");
            let file = File { path: PathBuf::from("all.yaml"), content: Ok(text.into_bytes()) };
            let _ = load(&[file], &Account::offline(None), &Desired::default());
            assert!(!conversion.documents.is_empty() || !conversion.notes.is_empty(), "nothing, without a word");
            conversion.notes
        }
    };
    for note in notes {
        let shown = note.to_string();
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
});
