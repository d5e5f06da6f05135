//! How long each hostile file takes, and what it needs of memory: `cargo bench --bench hostile`.
//!
//! Each is read by a process of its own, so that none finds the memory that another left behind. Ends
//! with 1 when one of them is over a limit. Linux only: the memory is that of `/proc/self/status`.
#![expect(clippy::expect_used, reason = "a bench that cannot run has nothing to say")]

#[path = "../tests/hostile/corpus.rs"]
#[expect(dead_code, reason = "what the files come to is the tests' business")]
mod corpus;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs};

use evenkeel::load::{Desired, File, load};
use evenkeel::resource::Account;
use evenkeel::watch;

const TIME_MAX: Duration = Duration::from_millis(500);
const MEMORY_MAX_KIB: u64 = 64 * 1024;
/// The directory that a process is to read.
const DIRECTORY: &str = "EVENKEEL_BENCH_DIRECTORY";
/// How many of the costliest are listed.
const LISTED: usize = 12;

fn main() -> ExitCode {
    match env::var_os(DIRECTORY) {
        Some(directory) => read(Path::new(&directory)),
        None => compare(),
    }
}

/// Reads a directory as the daemon does, and prints microseconds and KiB.
fn read(directory: &Path) -> ExitCode {
    let account = Account::offline(None);
    // What is made once, at the first manifest, is not the file's doing.
    let small = "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {name: a}\nspec: {}\n";
    let _ = load(&[File { path: "a.yaml".into(), content: Ok(small.into()) }], &account, &Desired::default());
    let (before, started) = (memory("VmRSS:"), Instant::now());
    let snapshot = watch::read(directory).expect("a directory");
    let files: Vec<File> = snapshot.files.into_iter().map(File::from).collect();
    let desired = load(&files, &account, &Desired::default());
    let took = started.elapsed();
    let needed = memory("VmHWM:").saturating_sub(before);
    println!("{} {needed} {}", took.as_micros(), desired.problems.len());
    ExitCode::SUCCESS
}

fn memory(row: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(row)).expect("a row");
    line.trim().trim_end_matches(" kB").parse().expect("KiB")
}

struct Cost {
    name: String,
    files: u32,
    time: Duration,
    memory: u64,
}

impl Cost {
    /// The limits are those of one file.
    fn is_over(&self) -> bool {
        self.time > TIME_MAX * self.files || self.memory > MEMORY_MAX_KIB * u64::from(self.files)
    }
}

fn compare() -> ExitCode {
    let cases = corpus::cases(true);
    let mut costs: Vec<Cost> = cases.into_iter().map(cost).collect();
    println!("{} files or directories", costs.len());
    costs.sort_by_key(|cost| std::cmp::Reverse(cost.time));
    list("longest", &costs);
    costs.sort_by_key(|cost| std::cmp::Reverse(cost.memory));
    list("largest", &costs);
    let over: Vec<&str> = costs.iter().filter(|cost| cost.is_over()).map(|cost| cost.name.as_str()).collect();
    println!("over {TIME_MAX:?} or {} MiB a file: {over:?}", MEMORY_MAX_KIB / 1024);
    if over.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn cost(case: corpus::Case) -> Cost {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, content) in &case.files {
        fs::write(directory.path().join(name), content).expect("a file");
    }
    let this = env::current_exe().expect("this program");
    let output = Command::new(this).env(DIRECTORY, directory.path()).output().expect("it runs");
    assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    let files = u32::try_from(case.files.len()).expect("a few");
    Cost { name: case.name, files, time: Duration::from_micros(numbers[0]), memory: numbers[1] }
}

fn list(what: &str, costs: &[Cost]) {
    println!("{what}:");
    for Cost { name, files, time, memory } in costs.iter().take(LISTED) {
        println!("{:8.1} ms {:8.1} MiB  {name} ({files})", time.as_secs_f64() * 1000.0, *memory as f64 / 1024.0);
    }
}
