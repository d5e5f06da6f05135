//! Whatever befalls whichever call: the account ends as it would have ended anyway.
//!
//! [`scenes`] are what is brought about; a run without faults tells which calls that takes. Then every
//! call meets every fault that there is for it, and each run is judged by the one without faults:
//!
//! - the end is the same, field by field ([`end`] says what is left out), so that nothing has leaked and
//!   nothing is there twice;
//! - there is at most one more write for each fault, and none by a process that begins afterwards;
//! - nothing that is to stay was gone for a moment, and no role could do for a moment what neither the old
//!   nor the new state lets it do;
//! - two rounds after the fault all is done, and a process that is to stop stops.
//!
//! A case that fails prints the line that repeats it. `EVENKEEL_FAULTS=all` runs every case, otherwise a
//! part of them; `EVENKEEL_FAULT_PAIRS` is how many drawn pairs and triples there are.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

mod case;
mod deletions;
mod end;
mod fault;
mod scenes;
mod trial;
mod wire;

#[expect(dead_code, reason = "the scenarios use the rest")]
#[path = "../scenario/mod.rs"]
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use case::{Case, Planned, Trouble};
use fault::{AGES, Fault, Kind, Traits};
use trial::{Start, Trace};

/// As many failures as are worth reading.
const SHOWN: usize = 40;

/// A scene with its start world and the run without faults.
struct Stage {
    name: &'static str,
    start: Start,
    reference: Trace,
}

/// One runtime with a clock of its own, which runs as fast as nothing is left to do.
fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

fn stage(scene: &scenes::Scene) -> Stage {
    let start = in_virtual_time(scene.build());
    let reference = in_virtual_time(trial::run(&start, &trial::none()));
    Stage { name: scene.name, start, reference }
}

/// All of it, on all cores; in the order in which it was given.
fn on_all_cores<T: Sync, R: Send>(work: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some(one) = work.get(at) else { return };
            let result = of(one);
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(at, result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

/// The stages of all scenes, built once. What is wrong without a fault is no business of this matrix.
fn stages() -> &'static [Stage] {
    static STAGES: OnceLock<Vec<Stage>> = OnceLock::new();
    STAGES.get_or_init(|| {
        quiet_panics();
        let mut scenes = scenes::all();
        if let Ok(only) = env::var("EVENKEEL_FAULT_SCENES") {
            scenes.retain(|scene| only.split(',').any(|name| name == scene.name));
        }
        let stages = on_all_cores(&scenes, stage);
        for stage in &stages {
            let unfit = stage.reference.unfit();
            assert!(unfit.is_empty(), "{} without a fault: {}", stage.name, unfit.join("; "));
            assert!(!stage.reference.calls.is_empty());
        }
        stages
    })
}

/// A panic that was asked for is not worth a word.
fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some("a panic was injected") {
                usual(panic);
            }
        }));
    });
}

/// What became of a case: nothing to say, or the line that repeats it and why.
struct Verdict {
    scene: &'static str,
    label: String,
    /// How many faults befell a call.
    faults: usize,
    complaint: Option<String>,
    /// Whether the complaint is about what is not made up for.
    is_known: bool,
}

/// Faults that are not made up for: one makes forgotten that a revision or a policy's version was made,
/// or hides it, and then a look does not show it. It is made once more.
fn is_known(trace: &Trace, wrong: &[String]) -> bool {
    const LOOKS: [&str; 3] = ["DescribeTaskDefinition", "GetAccountAuthorizationDetails", "GetPolicy"];
    let met: Vec<(&str, Fault)> =
        trace.calls.iter().filter_map(|call| Some((call.operation.as_str(), call.fault?))).collect();
    let is_stale = |fault: &Fault| matches!(fault.kind, Kind::Stale(_));
    let unseen = met.iter().any(|(operation, fault)| is_stale(fault) && LOOKS.contains(operation));
    let other = met.iter().any(|(_, fault)| !is_stale(fault));
    let made = |text: &String| {
        text.starts_with("the end differs")
            && ["DescribeTaskDefinition {", "Version {"].iter().any(|one| text.contains(one))
    };
    unseen && other && wrong.len() == 1 && wrong.iter().all(made)
}

fn try_case(stages: &BTreeMap<&str, &Stage>, case: &Case) -> Verdict {
    let stage = stages.get(case.scenario.as_str()).expect("a scene of that name");
    let run = panic::catch_unwind(panic::AssertUnwindSafe(|| in_virtual_time(trial::run(&stage.start, &case.trouble))));
    let known = |wrong: &[String]| run.as_ref().is_ok_and(|trace| is_known(trace, wrong));
    let (faults, wrong, met) = match &run {
        Ok(trace) => {
            let met = trace.calls.iter().filter_map(|call| Some(format!("{} {}", call.operation, call.fault?)));
            let wrong = trace.complaints(&stage.reference, &stage.start, &case.trouble);
            (trace.faults(), wrong, met.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", "))
        }
        Err(_) => (0, vec!["the run itself panicked".to_owned()], String::new()),
    };
    if env::var_os("EVENKEEL_FAULT").is_some() {
        for call in run.iter().flat_map(|trace| &trace.calls) {
            let fault = call.fault.map(|fault| format!("  {fault}")).unwrap_or_default();
            println!("{:10.3} round {} {}{fault}", call.at.as_secs_f64() % 100_000.0, call.round, call.operation);
        }
    }
    let line = |wrong: Vec<String>| {
        format!(
            "EVENKEEL_FAULT={case} cargo test --test faults one_case -- --nocapture\n    {met}: {}",
            wrong.join("; ")
        )
    };
    let label = match &case.trouble {
        Trouble::Faults(faults) if faults.len() == 1 => {
            let label = faults[0].fault.to_string();
            label.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned()
        }
        Trouble::Faults(faults) => format!("{} faults", faults.len()),
        Trouble::Lag(lag) => format!("reads lag by {}", lag.age),
    };
    let is_known = known(&wrong);
    Verdict { scene: stage.name, label, faults, is_known, complaint: (!wrong.is_empty()).then(|| line(wrong)) }
}

/// Tries cases, prints a table of figures and fails if one of them does.
fn try_all(title: &str, stages: &[Stage], cases: &[Case], rows: impl Fn(&Verdict) -> String) {
    let by_name: BTreeMap<&str, &Stage> = stages.iter().map(|stage| (stage.name, stage)).collect();
    let began = Instant::now();
    let verdicts = on_all_cores(cases, |case| try_case(&by_name, case));
    let mut table: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for verdict in &verdicts {
        for row in [rows(verdict), format!("~ {}", verdict.label), "~~ all".to_owned()] {
            let (cases, faults, failures) = table.entry(row).or_default();
            *cases += 1;
            *faults += verdict.faults;
            *failures += usize::from(verdict.complaint.is_some());
        }
    }
    let calls = |row: &str| match by_name.get(row) {
        Some(stage) => stage.reference.calls.len().to_string(),
        None if row == "~~ all" => stages.iter().map(|stage| stage.reference.calls.len()).sum::<usize>().to_string(),
        None => String::new(),
    };
    let mut text = format!("\n{title}\n{:32} {:>6} {:>7} {:>7} {:>8}\n", "", "calls", "cases", "faults", "failures");
    for (row, (cases, faults, failures)) in table {
        let name = row.trim_start_matches(['~', ' ']);
        let _ = writeln!(text, "{name:32} {:>6} {cases:>7} {faults:>7} {failures:>8}", calls(&row));
    }
    let _ = writeln!(text, "{} s", began.elapsed().as_secs());
    let (known, unknown): (Vec<&Verdict>, Vec<&Verdict>) =
        verdicts.iter().filter(|verdict| verdict.complaint.is_some()).partition(|verdict| verdict.is_known);
    if !known.is_empty() {
        let _ = writeln!(text, "{} of these failures are what is not made up for", known.len());
    }
    let failures: Vec<&String> = unknown.iter().filter_map(|verdict| verdict.complaint.as_ref()).collect();
    for failure in failures.iter().take(SHOWN) {
        let _ = writeln!(text, "{failure}");
    }
    // Past the harness, which keeps the words of tests that pass to itself.
    let _ = std::io::stderr().write_all(text.as_bytes());
    assert!(failures.is_empty(), "{} of {} cases fail, see above", failures.len(), verdicts.len());
}

/// Whether a case is in the part that is run without being asked for more: each of `one_of`, another
/// part for another seed.
fn is_drawn(at: usize) -> bool {
    let all = env::var("EVENKEEL_FAULTS").is_ok_and(|which| which == "all");
    all || at % PART == usize::try_from(seed()).unwrap_or_default() % PART
}

/// One of so many cases is run by every `cargo test`.
const PART: usize = 8;

fn seed() -> u64 {
    env::var("EVENKEEL_FAULT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_default()
}

#[test]
fn whatever_befalls_one_call_the_account_ends_the_same() {
    let stages = stages();
    let mut cases = Vec::new();
    for stage in stages {
        for (index, call) in stage.reference.calls.iter().enumerate() {
            cases.extend(Fault::all(call.traits).into_iter().map(|fault| Case::single(stage.name, index, fault)));
        }
    }
    let all = cases.len();
    let mut at = 0..;
    cases.retain(|_| at.next().is_some_and(is_drawn));
    let title = format!("{} of {all} single faults in {} scenes", cases.len(), stages.len());
    try_all(&title, stages, &cases, |verdict| verdict.scene.to_owned());
}

/// Reads that lag behind in a way that is not made up for: of a rollout that was taken back, nobody
/// knows as long as ECS does not list it, so that it is begun again.
const NOT_MADE_UP_FOR: (&str, &str) = ("rolled-back", "ListServiceDeployments");

#[test]
fn reads_that_lag_behind_end_the_same() {
    let stages = stages();
    let mut cases = Vec::new();
    for stage in stages {
        let reads = stage.reference.calls.iter().filter(|call| !call.traits.write).map(|call| call.operation.as_str());
        let reads: BTreeSet<&str> = reads.collect();
        for age in AGES {
            cases.push(Case::lag(stage.name, age, None));
            let fair = reads.iter().filter(|read| (stage.name, **read) != NOT_MADE_UP_FOR);
            cases.extend(fair.map(|read| Case::lag(stage.name, age, Some(read))));
        }
    }
    try_all("lagging reads", stages, &cases, |verdict| verdict.scene.to_owned());
}

/// How many pairs and triples every `cargo test` draws.
const PAIRS: usize = 200;

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most.max(1) as u64).unwrap_or_default()
    }
}

/// Two or three faults, the later ones within as many calls again as the scene takes.
fn draw(dice: &mut Dice, stages: &[Stage]) -> Case {
    let stage = &stages[dice.below(stages.len())];
    let mut faults = Vec::new();
    let mut index = 0;
    for _ in 0..2 + dice.below(2) {
        index += dice.below(stage.reference.calls.len());
        // A call that is befallen is followed by others than without it: any call may come here.
        let call = Traits { write: dice.below(2) == 0, names: 2, writes_before: 10 };
        let all = Fault::all(call);
        faults.push(Planned { index, fault: all[dice.below(all.len())] });
        index += 1;
    }
    Case { scenario: stage.name.to_owned(), trouble: Trouble::Faults(faults) }
}

#[test]
fn whatever_befalls_two_or_three_calls_the_account_ends_the_same() {
    let stages = stages();
    let number = env::var("EVENKEEL_FAULT_PAIRS").ok().and_then(|number| number.parse().ok()).unwrap_or(PAIRS);
    let mut dice = Dice(seed());
    let cases: Vec<Case> = (0..number).map(|_| draw(&mut dice, stages)).collect();
    let title = format!("{number} pairs and triples, seed {}", seed());
    try_all(&title, stages, &cases, |verdict| verdict.scene.to_owned());
}

/// The case that a line of a failure names.
#[test]
fn one_case() {
    let Ok(case) = env::var("EVENKEEL_FAULT") else { return };
    let case: Case = case.parse().expect("a case");
    quiet_panics();
    let scenes = scenes::all();
    let scene = scenes.iter().find(|scene| scene.name == case.scenario).expect("a scene of that name");
    let stage = stage(scene);
    let verdict = try_case(&BTreeMap::from([(stage.name, &stage)]), &case);
    assert_eq!(verdict.complaint, None);
}
