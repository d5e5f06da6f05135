//! Any bytes as a file of manifests: it declares something or says why not, the same each time, and
//! a file that turns bad leaves in force what it declared before.
#![no_main]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::LazyLock;

use evenkeel::load::{Desired, File, load};
use evenkeel::report;
use evenkeel::resource::Account;
use evenkeel::yaml::{self, Parsed};
use libfuzzer_sys::fuzz_target;

const GOOD: &str = "\
apiVersion: evenkeel/v1alpha1
kind: Cluster
metadata: {name: before}
spec: {}
---
apiVersion: evenkeel/v1alpha1
kind: Role
metadata: {name: before}
spec: {preset: task}
";

static ACCOUNT: LazyLock<Account> = LazyLock::new(|| Account::offline(None));
static BEFORE: LazyLock<Desired> = LazyLock::new(|| read(GOOD.as_bytes(), &Desired::default()));

/// One input in so many is held to the laws that take further loads, so that millions can be read in an hour.
const SHARE: u64 = 8;

fuzz_target!(|bytes: &[u8]| {
    let fresh = read(bytes, &Desired::default());
    if fresh.problems.is_empty() && fresh.resources.is_empty() {
        assert_eq!(yaml::parse(bytes), Parsed::default(), "neither problems nor resources");
    }
    for problem in &fresh.problems {
        let shown = problem.to_string();
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    // By what it holds: an input that breaks a law does so each time.
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    if hasher.finish() % SHARE == 0 {
        further_laws(bytes, &fresh);
    }
});

fn further_laws(bytes: &[u8], fresh: &Desired) {
    let _ = (report::problems_text(&fresh.problems), report::problems_json(&fresh.problems));
    let again = read(bytes, fresh);
    // Of two that claim a name, the one that had it before may be told more of its own problems.
    assert_eq!((&again.resources, again.problems.is_empty()), (&fresh.resources, fresh.problems.is_empty()));
    let after = read(bytes, &BEFORE);
    if after.problems.is_empty() {
        assert_eq!(after.resources, fresh.resources);
    } else {
        assert_eq!(after.resources, BEFORE.resources);
    }
}

fn read(bytes: &[u8], before: &Desired) -> Desired {
    load(&[File { path: PathBuf::from("all.yaml"), content: Ok(bytes.to_vec()) }], &ACCOUNT, before)
}
