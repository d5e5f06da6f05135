//! A day on which nothing happens: the daemon over every example, and not one write.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the laws use the rest")]
mod generate;
#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evenkeel::model::KINDS;
use evenkeel::sandbox::Sandbox;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use generate::{directory, manifests};
use scenario::{Running, seconds};

const DAY: u64 = 24 * 3600;
/// How often everything is looked at: 288 times in a day.
const INTERVAL: Duration = Duration::from_secs(300);

/// Drawn directories beside the examples; `EVENKEEL_DAYS` draws more.
const DAYS: usize = 4;

/// Every manifest below a folder of the repository, as name and text.
fn examples(folder: &str) -> Vec<(String, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    let name = |at: usize, path: &Path| format!("{at}-{}", path.file_name().expect("a name").to_string_lossy());
    let text = |path: &Path| fs::read_to_string(path).expect("text");
    files.iter().enumerate().map(|(at, path)| (name(at, path), text(path))).collect()
}

async fn a_day_over(what: &str, files: &[(String, String)]) {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let running = Running::begin(Sandbox::roomy(), INTERVAL, &files).await;
    seconds(3600).await;
    let unsettled: Vec<String> = running.board().into_iter().filter(|line| !line.ends_with("in_sync")).collect();
    assert_eq!((unsettled, running.problems()), (vec![], vec![]), "{what}");
    assert_ne!(running.writes(), [""; 0]);
    let size = running.shared.metrics.text().expect("metrics").len();
    let (mut calls, mut writes) = (0, Vec::new());
    for _ in 0..24 {
        seconds(DAY / 24).await;
        assert!(running.shared.is_alive(), "{what}");
        let hour = running.calls();
        calls += hour.len();
        writes.extend(hour.into_iter().filter(|call| scenario::is_write(call)));
    }
    assert_eq!(writes, [""; 0], "{what}");
    let passes = DAY / INTERVAL.as_secs();
    assert!(calls as u64 >= passes, "{what}: {calls} calls in {passes} passes: it did not look");
    // Numbers become longer.
    let now = running.shared.metrics.text().expect("metrics").len();
    assert!(now <= size + size / 50, "{what}: metrics of {size} and {now} bytes");
}

/// Directories that anybody could have, with one manifest of every kind.
#[test]
fn a_day_over_any_directory_writes_nothing() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = vec(vec(any::<u8>(), 0..400), KINDS.len() + 2);
    let days = std::env::var("EVENKEEL_DAYS").ok().and_then(|text| text.parse().ok()).unwrap_or(DAYS);
    for day in 0..days {
        let choices = strategy.new_tree(&mut runner).expect("choices").current();
        let text = manifests(&directory(&choices));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let files = [("all.yaml".to_owned(), text)];
        runtime.expect("runtime").block_on(a_day_over(&format!("day {day}"), &files));
    }
    println!("{days} days");
}

#[tokio::test(start_paused = true)]
async fn a_day_over_the_examples_writes_nothing() {
    a_day_over("manifests", &examples("manifests")).await;
}

#[tokio::test(start_paused = true)]
async fn a_day_over_its_own_deployment_writes_nothing() {
    a_day_over("deploy/evenkeel", &examples("deploy/evenkeel")).await;
}
