//! How long each hostile file takes, and what it needs of memory: `cargo bench --bench hostile`.
//!
//! Each is read by a process of its own, so that none finds the memory that another left behind. Ends
//! with 1 when one of them is over a limit. The time that is judged is the processor's: what passes on
//! the clock is shown beside it, and depends on what else the machine does. Linux only: memory and time
//! are those of `/proc/self/status` and `/proc/thread-self/schedstat`.
#![expect(clippy::expect_used, reason = "a bench that cannot run has nothing to say")]

#[path = "../tests/hostile/corpus.rs"]
#[expect(dead_code, reason = "what the files come to is the tests' business")]
mod corpus;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs};

use evenkeel::guard::Guardrails;
use evenkeel::load::{Desired, File, guarded};
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

/// Reads a directory as the daemon does, and prints microseconds of the processor, KiB, and microseconds
/// on the clock.
fn read(directory: &Path) -> ExitCode {
    let account = Account::offline(None);
    // What is made once, at the first manifest, is not the file's doing.
    let small = "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {name: a}\nspec: {}\n";
    let load = |files: &[File]| guarded(files, &account, &Guardrails::standard(), &Desired::default());
    drop(load(&[File { path: "a.yaml".into(), content: Ok(small.into()) }]));
    let (before, started, worked) = (memory("VmRSS:"), Instant::now(), processor());
    let snapshot = watch::read(directory).expect("a directory");
    let files: Vec<File> = snapshot.files.into_iter().map(File::from).collect();
    let desired = load(&files);
    let (passed, took) = (started.elapsed(), processor().saturating_sub(worked));
    let needed = memory("VmHWM:").saturating_sub(before);
    drop(desired);
    println!("{} {needed} {}", took.as_micros(), passed.as_micros());
    ExitCode::SUCCESS
}

/// How long this thread has had the processor; it is the only one.
fn processor() -> Duration {
    let status = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = status.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

fn memory(row: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(row)).expect("a row");
    line.trim().trim_end_matches(" kB").parse().expect("KiB")
}

struct Cost {
    name: String,
    files: u32,
    /// The processor's.
    time: Duration,
    memory: u64,
    clock: Duration,
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
    println!("over {TIME_MAX:?} of the processor or {} MiB a file: {over:?}", MEMORY_MAX_KIB / 1024);
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
    let [time, clock] = [numbers[0], numbers[2]].map(Duration::from_micros);
    Cost { name: case.name, files, time, memory: numbers[1], clock }
}

fn list(what: &str, costs: &[Cost]) {
    println!("{what}, by milliseconds of the processor, which are judged, those on the clock, and MiB:");
    let milliseconds = |time: &Duration| time.as_secs_f64() * 1000.0;
    for Cost { name, files, time, memory, clock } in costs.iter().take(LISTED) {
        let (time, clock, memory) = (milliseconds(time), milliseconds(clock), *memory as f64 / 1024.0);
        println!("{time:8.1} {clock:8.1} {memory:8.1}  {name} ({files})");
    }
}
