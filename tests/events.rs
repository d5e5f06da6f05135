//! The system's word that the directory has changed is a hint: whether it comes not at all, over and
//! over, or at the wrong time, every change is brought about within one scan.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::load::{self, Desired, File};
use evenkeel::report::plan_text;
use evenkeel::sandbox::Sandbox;
use evenkeel::watch;
use tokio::sync::watch::Sender;

use scenario::{INTERVAL, Lab, Running, cluster, manifest, role, seconds, service};

/// The longest from a change to the end of the pass that brings it about, without a hint: a scan, the
/// quiet after it, and the pass.
const SCAN: u64 = 33;

/// How the system's word comes.
#[derive(Debug, Clone, Copy)]
enum Hints {
    Dropped,
    Repeated,
    Reordered,
}

const POLICY: &str =
    "policyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}";

fn put(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("create");
    fs::write(path, text).expect("write");
}

fn edit(folder: &Path, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join(name)).expect("text");
    assert!(text.contains(from), "{name} has no {from}: {text}");
    put(folder, name, text.replacen(from, to, 1));
}

fn rename(folder: &Path, from: &str, to: &str) {
    fs::create_dir_all(folder.join(to).parent().expect("a folder")).expect("create");
    fs::rename(folder.join(from), folder.join(to)).expect("rename");
}

/// One change of the directory after the other.
type Change = fn(&Path);

#[rustfmt::skip]
const CHANGES: &[(&str, Change)] = &[
    ("the first files", |f| { put(f, "shop.yaml", cluster("shop")); put(f, "spare.yaml", cluster("spare")); }),
    ("another file", |f| put(f, "web.yaml", service("web", "shop/web:1", "", "desiredCount: 1\n"))),
    ("a file in a new folder", |f| put(f, "iam/task.yaml", role("task", "description: one"))),
    ("a field", |f| edit(f, "iam/task.yaml", "one", "two")),
    ("an image", |f| edit(f, "web.yaml", "web:1", "web:2")),
    ("a number", |f| edit(f, "web.yaml", "desiredCount: 1", "desiredCount: 3")),
    ("a second document", |f| { let text = fs::read_to_string(f.join("iam/task.yaml")).expect("text"); put(f, "iam/task.yaml", text + &manifest("Policy", "read", POLICY)); }),
    ("a reference to it", |f| edit(f, "iam/task.yaml", "description: two", "description: two\n  managedPolicyArns: [{ref: read}]")),
    ("a file under another name", |f| rename(f, "web.yaml", "service.yaml")),
    ("a folder under another name", |f| rename(f, "iam", "access")),
    ("a file that goes", |f| fs::remove_file(f.join("spare.yaml")).expect("remove")),
    ("and comes back, changed", |f| put(f, "spare.yaml", cluster("spare").replace("enabled", "disabled"))),
    ("a file by a rename over it", |f| { put(f, "x", role("task", "description: three")); rename(f, "x", "access/task.yaml"); }),
    ("a link", |f| { rename(f, "service.yaml", ".store/web"); std::os::unix::fs::symlink(".store/web", f.join("linked.yaml")).expect("link"); }),
    ("what the link leads to", |f| edit(f, ".store/web", "desiredCount: 3", "desiredCount: 2")),
    ("a field that goes", |f| edit(f, ".store/web", "desiredCount: 2", "enableExecuteCommand: true")),
    ("three files at once", |f| (0..3).for_each(|n| put(f, &format!("more/{n}.yaml"), role(&format!("more-{n}"), "")))),
    ("a folder that goes", |f| fs::remove_dir_all(f.join("more")).expect("remove")),
    ("everything at once", |f| { edit(f, "spare.yaml", "disabled", "enabled"); edit(f, ".store/web", "web:2", "web:3"); edit(f, "access/task.yaml", "three", "four"); }),
    ("the whole directory, made again", |f| {
        fs::remove_dir_all(f).expect("remove");
        put(f, "all.yaml", [cluster("shop"), role("task", "description: five"), service("web", "shop/web:4", "", "")].concat());
    }),
];

/// Lets a change happen, and the system say of it what it likes.
async fn change(hints: &Sender<u64>, how: Hints, happens: impl Fn()) {
    let say = || hints.send_modify(|count| *count += 1);
    match how {
        Hints::Dropped => happens(),
        Hints::Repeated => {
            happens();
            for _ in 0..200 {
                say();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Hints::Reordered => {
            // The word for what is to come, and later that for what was before it.
            say();
            seconds(3).await;
            happens();
        }
    }
}

async fn every_change_is_brought_about(how: Hints) {
    let folder = tempfile::tempdir().expect("tempdir");
    let directory = folder.path().join("manifests");
    fs::create_dir(&directory).expect("create");
    let (hints, hinted) = tokio::sync::watch::channel(0_u64);
    let running = Running::watching(Sandbox::new(), (INTERVAL, true), &directory, Some(hinted)).await;
    seconds(7).await;
    let lab = Lab::over(Arc::clone(&running.sandbox)).await;
    for (what, happens) in CHANGES {
        change(&hints, how, || happens(&directory)).await;
        seconds(SCAN).await;
        let snapshot = watch::read(&directory).expect("a directory");
        let files: Vec<File> = snapshot.files.into_iter().map(File::from).collect();
        let desired = load::load(&files, lab.reconciler.aws().account(), &Desired::default());
        assert!(desired.problems.is_empty(), "{what}: {:?}", desired.problems);
        let plan = lab.reconciler.plan(&desired.resources, &desired.resources.keys().cloned().collect()).await;
        assert!(plan.is_empty(), "{how:?}, {what}: {}", plan_text(&plan, lab.reconciler.aws().account()));
        if matches!(how, Hints::Reordered) {
            hints.send_modify(|count| *count += 1);
        }
        // At another moment of the scan's round each time.
        seconds(4).await;
    }
    running.settle().await;
    running.writes();
    seconds(3600).await;
    assert_eq!(running.writes(), [""; 0]);
    println!("{how:?}: {} changes", CHANGES.len());
}

#[tokio::test(start_paused = true)]
async fn without_a_single_hint_every_change_is_brought_about_within_a_scan() {
    every_change_is_brought_about(Hints::Dropped).await;
}

#[tokio::test(start_paused = true)]
async fn with_hints_that_do_not_end_every_change_is_brought_about_once() {
    every_change_is_brought_about(Hints::Repeated).await;
}

#[tokio::test(start_paused = true)]
async fn with_hints_at_the_wrong_time_every_change_is_brought_about_within_a_scan() {
    every_change_is_brought_about(Hints::Reordered).await;
}
