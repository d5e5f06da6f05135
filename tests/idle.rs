//! A day on which nothing happens: the daemon over every example, and not one write.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::fs;
use std::path::{Path, PathBuf};

use evenkeel::sandbox::Sandbox;

use scenario::{INTERVAL, Running, seconds};

const DAY: u64 = 24 * 3600;

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

async fn a_day_over(folder: &str) {
    let files = examples(folder);
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let running = Running::over(Sandbox::roomy(), &files).await;
    seconds(1800).await;
    let unsettled: Vec<String> = running.board().into_iter().filter(|line| !line.ends_with("in_sync")).collect();
    assert_eq!((unsettled, running.problems()), (vec![], vec![]), "{folder}");
    assert_ne!(running.writes(), [""; 0]);
    let (mut calls, mut writes) = (0, Vec::new());
    for _ in 0..24 {
        seconds(DAY / 24).await;
        let hour = running.calls();
        calls += hour.len();
        writes.extend(hour.into_iter().filter(|call| scenario::is_write(call)));
    }
    assert_eq!(writes, [""; 0], "{folder}");
    let passes = DAY / INTERVAL.as_secs();
    assert!(calls as u64 >= passes, "{calls} calls in {passes} passes: it did not look");
}

#[tokio::test(start_paused = true)]
async fn a_day_over_the_examples_writes_nothing() {
    a_day_over("manifests").await;
}

#[tokio::test(start_paused = true)]
async fn a_day_over_its_own_deployment_writes_nothing() {
    a_day_over("deploy/evenkeel").await;
}
