//! Disasters of the manifest directory: whatever happens to it, nothing is deleted in AWS, nothing is
//! written that is not declared, and what is wrong is said.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[path = "directory/disasters.rs"]
mod disasters;
#[path = "directory/log.rs"]
mod log;
#[path = "directory/place.rs"]
mod place;
#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::load::{self, Desired, File};
use evenkeel::model::Kind;
use evenkeel::resource::Resource;
use evenkeel::sandbox::Sandbox;
use evenkeel::watch::{MAX_FILES, MAX_TOTAL_BYTES};
use evenkeel::yaml::MAX_FILE_BYTES;
use serde_json::Value;

use disasters::{Case, GIT_SYNC, KUBERNETES, PLAIN};
use place::{Layout, Place, sample};
use scenario::account::{account, differences};
use scenario::{INTERVAL, Lab, Running, key, role, seconds};

/// Long enough for two scans of the directory and a pass.
const WHILE: u64 = 65;

/// Calls that take something away.
fn takes_away(call: &str) -> bool {
    ["Delete", "Deregister", "Detach", "Remove", "Untag", "Stop"].iter().any(|verb| call.starts_with(verb))
}

/// A daemon over a directory that disasters happen to.
struct Ship {
    running: Running,
    place: Place,
    before: BTreeMap<String, Value>,
}

impl Ship {
    async fn new(layout: Layout) -> Self {
        let place = Place::new(layout);
        log::listen();
        let running = Running::watching(Sandbox::new(), (INTERVAL, true), &place.directory(), None).await;
        running.settle().await;
        assert_eq!(running.problems(), [""; 0]);
        assert_ne!(running.writes(), [""; 0]);
        let before = account(&running.sandbox).await;
        Self { running, place, before }
    }

    /// What is wrong, as people are told.
    fn said(&self) -> String {
        let mut said = self.running.problems();
        said.extend(self.running.shared.board().unreadable.clone());
        said.push(log::take());
        said.join("\n")
    }

    /// Lets a disaster happen, looks at what has become of the account, and puts everything back.
    async fn meets(&self, case: &Case) -> Result<(), String> {
        let check = |right: bool, what: String| if right { Ok(()) } else { Err(what) };
        log::take();
        (case.happens)(&self.place);
        seconds(WHILE).await;
        let (said, problems) = (self.said(), self.running.problems());
        for words in case.says {
            check(said.contains(words), format!("nobody said {words:?}:\n{said}"))?;
        }
        if case.says.is_empty() {
            let well = problems.is_empty() && self.running.shared.board().unreadable.is_none();
            check(well && !said.contains("no longer declared"), format!("something was wrong:\n{said}"))?;
        }
        let writes = self.running.writes();
        check(writes == case.writes, format!("{writes:?} were called:\n{said}"))?;
        self.place.restore();
        seconds(WHILE + INTERVAL.as_secs()).await;
        let (board, problems) = (self.running.board(), self.running.problems());
        let well = board.len() == 6 && board.iter().all(|line| line.ends_with(": in_sync"));
        check(well && problems.is_empty(), format!("put back: {problems:?}, {board:?}"))?;
        let writes = self.running.writes();
        check(writes == case.writes, format!("put back: {writes:?} were called"))?;
        let apart = differences(&self.before, &account(&self.running.sandbox).await);
        check(apart.is_empty(), format!("put back: {apart:?}"))
    }
}

async fn meets_all(layout: Layout, cases: &[Case]) {
    let mut ship = Ship::new(layout).await;
    let mut failed = Vec::new();
    for case in cases {
        if let Err(what) = ship.meets(case).await {
            failed.push(format!("{}: {what}", case.name));
            ship = Ship::new(layout).await;
        }
    }
    println!("{layout:?}: {} disasters", cases.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn nothing_that_happens_to_a_plain_directory_deletes_or_invents_anything() {
    assert!(PLAIN.len() + GIT_SYNC.len() + KUBERNETES.len() >= 60);
    meets_all(Layout::Plain, PLAIN).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_that_happens_to_a_checkout_of_git_sync_deletes_or_invents_anything() {
    meets_all(Layout::GitSync, GIT_SYNC).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_that_happens_to_a_volume_of_kubernetes_deletes_or_invents_anything() {
    meets_all(Layout::Kubernetes, KUBERNETES).await;
}

/// What a text declares when nothing was there before; nothing if it has problems.
fn declared(lab: &Lab, text: &[u8]) -> Option<BTreeMap<evenkeel::model::Key, Resource>> {
    let file = File { path: "all.yaml".into(), content: Ok(text.to_vec()) };
    let desired = load::load(&[file], lab.reconciler.aws().account(), &Desired::default());
    desired.problems.is_empty().then_some(desired.resources)
}

/// What the account calls a resource of the sample.
fn called(resource: &Resource) -> String {
    match &resource.identity {
        evenkeel::resource::Identity::Role { name } => format!("role {name}"),
        evenkeel::resource::Identity::Policy { arn } => format!("policy {arn}"),
        evenkeel::resource::Identity::Cluster { name } => format!("cluster {name}"),
        evenkeel::resource::Identity::Service { cluster, name } => format!("service {cluster}/{name}"),
        _ => format!("task definition {}", resource.key.name),
    }
}

/// A file that is cut off at any byte may be a valid one that declares less, or something else: what it
/// declares is brought about, and everything else stays as it is.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_cut_off_at_any_byte_deletes_nothing_and_changes_nothing_that_it_does_not_declare() {
    let whole = sample();
    assert!(whole.len() >= 750, "{} bytes", whole.len());
    let folder = tempfile::tempdir().expect("tempdir");
    let (hints, hinted) = tokio::sync::watch::channel(0_u64);
    let put = |text: &[u8]| {
        std::fs::write(folder.path().join("all.yaml"), text).expect("write");
        hints.send_modify(|count| *count += 1);
    };
    put(whole.as_bytes());
    let running = Running::watching(Sandbox::new(), (INTERVAL, true), folder.path(), Some(hinted)).await;
    running.settle().await;
    let lab = Lab::over(Arc::clone(&running.sandbox)).await;
    let (mut refused, mut fewer, mut others) = (0, 0, 0);
    let mut before = account(&running.sandbox).await;
    for end in 0..whole.len() {
        running.calls();
        let text = &whole.as_bytes()[..end];
        put(text);
        seconds(2).await;
        let calls = running.writes();
        assert!(!calls.iter().any(|call| takes_away(call)), "at {end}: {calls:?}");
        let resources = declared(&lab, text);
        if !calls.is_empty() {
            let after = account(&running.sandbox).await;
            let own: BTreeSet<String> = resources.iter().flatten().map(|(_, resource)| called(resource)).collect();
            for line in differences(&before, &after) {
                assert!(own.iter().any(|name| line.starts_with(name.as_str())), "at {end}: {line}, after {calls:?}");
            }
        }
        match resources {
            None => {
                assert_ne!(running.problems(), [""; 0], "at {end}: nobody said what is wrong");
                assert_eq!(calls, [""; 0], "at {end}");
                refused += 1;
            }
            Some(resources) if resources.len() < 4 => fewer += 1,
            Some(_) => others += usize::from(!calls.is_empty()),
        }
        put(whole.as_bytes());
        seconds(2).await;
        if !running.writes().is_empty() {
            running.settle().await;
            before = account(&running.sandbox).await;
        }
    }
    running.settle().await;
    assert_eq!(running.problems(), [""; 0]);
    assert!(running.board().iter().all(|line| line.ends_with(": in_sync")), "{:?}", running.board());
    println!("{} truncations: {refused} refused, {fewer} declare less, {others} something else", whole.len());
    assert!(refused > 0 && fewer > 0);
}

/// A copy that is under way, on a file system that tells of nothing.
#[tokio::test(start_paused = true)]
async fn half_a_file_that_a_scan_comes_upon_is_not_taken_for_the_whole() {
    let place = Place::new(Layout::Plain);
    let (running, _hints) = told(&place).await;
    let whole = place.read("shop/web.yaml");
    let half = whole.strip_suffix("5\n").expect("a number at the end");
    assert!(half.ends_with("desiredCount: 2"), "{half}");
    let scanned = running.shared.board().last_pass;
    for _ in 0..700 {
        place.write("shop/web.yaml", half);
        tokio::time::sleep(Duration::from_millis(300)).await;
        place.write("shop/web.yaml", &whole);
        tokio::time::sleep(Duration::from_millis(4850)).await;
    }
    assert_eq!(running.writes(), [""; 0]);
    assert_ne!(running.shared.board().last_pass, scanned);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_rewritten_all_the_time_is_taken_all_the_same() {
    let place = Place::new(Layout::Plain);
    let (running, hints) = told(&place).await;
    place.write("shop/more.yaml", role("more", ""));
    for n in 0..600 {
        place.write("shop/busy.yaml", format!("# {n}\n"));
        hints.send_modify(|count| *count += 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(running.writes(), ["CreateRole"]);
}

/// Runs a test of this file in another process, under other rights or limits. False: this machine
/// cannot do that.
fn elsewhere(test: &str, with: &[&str]) -> bool {
    let (program, arguments) = with.split_first().expect("a program");
    let this = std::env::current_exe().expect("a path");
    let mut command = Command::new(program);
    command.args(arguments).arg(this).args(["--ignored", "--exact", test, "--nocapture"]);
    let Ok(output) = command.output() else { return false };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // What could not even begin is nothing that the test has to say.
    if !said.contains(&format!("test {test}")) {
        println!("{with:?} does not work here: {said}");
        return false;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    true
}

#[test]
fn where_the_system_refuses_to_watch_scans_find_what_changes() {
    let limit = "echo 0 > /proc/sys/user/max_inotify_watches && exec \"$@\"";
    let with = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"];
    if elsewhere("a_directory_that_nobody_watches", &with) {
        println!("seen without a single watch");
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "runs under a limit of no watches, in another process"]
async fn a_directory_that_nobody_watches() {
    let place = Place::new(Layout::Plain);
    log::listen();
    let running = Running::watching(Sandbox::new(), (INTERVAL, true), &place.directory(), None).await;
    running.settle().await;
    assert!(log::take().contains("cannot watch the manifest directory"));
    assert_ne!(running.writes(), [""; 0]);
    place.write("iam/more.yaml", role("more", ""));
    seconds(35).await;
    assert_eq!(running.writes(), ["CreateRole"]);
    assert!(!log::take().contains("cannot watch the manifest directory"), "once is enough");
}

#[test]
fn what_may_not_be_read_is_said_and_changes_nothing() {
    // To root nothing is forbidden.
    let with = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if is_root {
        elsewhere("what_is_forbidden", &with);
    } else {
        elsewhere("what_is_forbidden", &["env"]);
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "runs in another process, and not as root"]
async fn what_is_forbidden() {
    meets_all(Layout::Plain, disasters::FORBIDDEN).await;
}

/// A daemon over a directory that it reads when it is told to.
async fn told(place: &Place) -> (Running, tokio::sync::watch::Sender<u64>) {
    let (hints, hinted) = tokio::sync::watch::channel(0);
    let running = Running::watching(Sandbox::new(), (INTERVAL, true), &place.directory(), Some(hinted)).await;
    running.settle().await;
    assert_ne!(running.writes(), [""; 0]);
    (running, hints)
}

/// There is a bound for every directory: at the bound it is read, beyond it that is said.
#[tokio::test(start_paused = true)]
async fn as_many_files_as_there_may_be_are_read_and_one_more_changes_nothing() {
    let place = Place::new(Layout::Plain);
    let (running, _hints) = told(&place).await;
    for n in place.files().len()..MAX_FILES - 1 {
        place.write(&format!("bulk/{}/{n}.yaml", n % 100), "");
    }
    place.write("bulk/last.yaml", role("last", ""));
    seconds(35).await;
    assert_eq!((running.writes(), running.problems()), (vec!["CreateRole".to_owned()], vec![]));
    place.write("bulk/one-more.yaml", role("one-more", ""));
    seconds(35).await;
    let unreadable = running.shared.board().unreadable.clone().expect("a refusal");
    assert!(unreadable.contains("more than 20000 manifest files"), "{unreadable}");
    assert_eq!(running.writes(), [""; 0]);
    assert!(running.shared.board().statuses.contains_key(&key(Kind::Role, "last")));
}

#[tokio::test(start_paused = true)]
async fn as_large_a_directory_as_there_may_be_is_read_and_one_byte_more_changes_nothing() {
    let place = Place::new(Layout::Plain);
    let (running, _hints) = told(&place).await;
    place.write("last.yaml", role("last", ""));
    let there: usize = place.files().iter().map(|(_, text)| text.len()).sum::<usize>() + role("last", "").len();
    let mut left = MAX_TOTAL_BYTES - there;
    for n in 0.. {
        let size = left.min(MAX_FILE_BYTES);
        place.write(&format!("bulk/{n}.yaml"), "#".repeat(size));
        left -= size;
        if left == 0 {
            break;
        }
    }
    seconds(35).await;
    assert_eq!((running.writes(), running.problems()), (vec!["CreateRole".to_owned()], vec![]));
    place.write("more.yaml", "#");
    seconds(35).await;
    let unreadable = running.shared.board().unreadable.clone().expect("a refusal");
    assert!(unreadable.contains("bytes together"), "{unreadable}");
    assert_eq!(running.writes(), [""; 0]);
}
