//! Whatever somebody commits: no panic, no end of memory, and never nothing without a word.
//!
//! `corpus.rs` has the files, and what each has to come to. How long each takes and what it needs of
//! memory is measured by `cargo bench --bench hostile`, which a test cannot judge.

mod corpus;

use std::collections::BTreeSet;
use std::path::PathBuf;

use corpus::{Case, Ends, cases};
use evenkeel::load::{Desired, File, load};
use evenkeel::plain;
use evenkeel::resource::Account;

/// Longest text of a problem, in characters: path, message and hint, and the spelling of what does not show.
const PROBLEM_CHARS_MAX: usize = 4 * plain::MESSAGE_CHARS_MAX;
/// Most problems that are listed of a file, and one that says that there are more.
const PROBLEMS_MAX: usize = 101;

fn read(case: &Case) -> Desired {
    let file = |(path, content): &(String, Vec<u8>)| File { path: PathBuf::from(path), content: Ok(content.clone()) };
    let files: Vec<File> = case.files.iter().map(file).collect();
    load(&files, &Account::offline(None), &Desired::default())
}

/// What is not as it should be of a file.
fn wrong(case: &Case) -> Option<String> {
    let desired = read(case);
    let problems: Vec<String> = desired.problems.iter().map(ToString::to_string).collect();
    let shown = || problems.iter().take(3).map(|problem| problem.chars().take(300).collect()).collect::<Vec<String>>();
    if (problems.is_empty() && desired.resources.is_empty()) != matches!(case.ends, Ends::InNothing) {
        return Some(format!("{} resources, {:?}", desired.resources.len(), shown()));
    }
    if problems.len() > PROBLEMS_MAX * case.files.len() {
        return Some(format!("{} problems", problems.len()));
    }
    if let Some(long) = problems.iter().find(|problem| problem.chars().count() > PROBLEM_CHARS_MAX) {
        return Some(format!("a problem of {} characters: {:?}", long.len(), shown()));
    }
    if let Some(hidden) = problems.iter().find(|problem| !plain::is_line(problem)) {
        return Some(format!("not everything shows: {hidden:?}"));
    }
    if let Some(hidden) = desired.resources.keys().find(|key| !plain::is_line(&key.name)) {
        return Some(format!("a name of which not everything shows: {hidden:?}"));
    }
    match case.ends {
        Ends::Somehow | Ends::InNothing => None,
        Ends::As(resources) if problems.is_empty() && desired.resources.len() == resources => None,
        Ends::As(resources) => Some(format!("{} of {resources} resources: {:?}", desired.resources.len(), shown())),
        Ends::In(text) if problems.iter().any(|problem| problem.contains(text)) => None,
        Ends::In(text) => Some(format!("no problem says {text:?}: {:?}", shown())),
    }
}

#[test]
fn every_hostile_file_ends_in_problems_or_in_resources() {
    let cases = cases(false);
    let mut names = BTreeSet::new();
    let twice: Vec<&str> = cases.iter().map(|case| case.name.as_str()).filter(|name| !names.insert(*name)).collect();
    assert!(cases.len() >= 200 && twice.is_empty(), "{} cases, {twice:?}", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, wrong(case)?))).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
