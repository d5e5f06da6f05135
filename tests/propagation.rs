//! What was just made takes its time to be known everywhere. Each of AWS's words for that, each as long
//! as it may take: the daemon gets there by itself, soon after it is over, and makes nothing twice.
#![cfg(feature = "sandbox")]

#[expect(dead_code, reason = "other tests use the rest")]
mod scenario;

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel::sandbox::Sandbox;
use evenkeel::sandbox::fault::{Fault, FaultKind};
use evenkeel::sandbox::propagation::Delays;
use evenkeel::status::State;

use scenario::{INTERVAL, Running, cluster, manifest, role, seconds, service};

/// For how long it is not known yet, in seconds.
const DELAYS: [u64; 5] = [0, 2, 15, 60, 300];
/// How soon after that everything must be in sync, a rollout included.
const SOON: Duration = Duration::from_secs(15);

/// Who says what: the call, the error's code and its words.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "AddRoleToInstanceProfile",
        "InvalidParameterValue",
        "Value (task) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    ),
    (
        "AttachRolePolicy",
        "NoSuchEntity",
        "Policy arn:aws:iam::123456789012:policy/read does not exist or is not attachable.",
    ),
    (
        "CreateRole",
        "MalformedPolicyDocument",
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:role/first\"",
    ),
    (
        "CreateRole",
        "NoSuchEntity",
        "Scope ARN: arn:aws:iam::123456789012:policy/read does not exist or is not attachable.",
    ),
    ("CreateService", "ClusterNotFoundException", "Cluster not found."),
    ("CreateService", "ClientException", "The referenced cluster was inactive."),
    (
        "CreateService",
        "InvalidParameterException",
        "ECS was unable to assume the role that was provided for this service.",
    ),
    (
        "CreateService",
        "InvalidParameterException",
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
    ),
    (
        "CreateService",
        "InvalidParameterException",
        "Please verify that the ECS service role being passed has the proper permissions.",
    ),
    ("CreateService", "InvalidParameterException", "The target group does not have an associated load balancer."),
];

/// A service, and all that it needs.
fn manifests() -> String {
    let document = "{Version: \"2012-10-17\", Statement: {Effect: Allow, Action: \"s3:Get*\", Resource: \"*\"}}";
    let policy = manifest("Policy", "read", &format!("policyDocument: {document}"));
    let more = "managedPolicyArns: [{ref: read}]\npermissionsBoundary: {ref: read}\ninstanceProfile: true\n";
    let web = service("web", "shop/web:1", "", "").replace("  cpu:", "  taskRoleArn: {ref: task}\n    cpu:");
    [policy, role("task", more), cluster("shop"), web].concat()
}

fn is_in_sync(running: &Running) -> bool {
    let board = running.shared.board();
    !board.statuses.is_empty() && board.statuses.values().all(|status| status.state == State::InSync)
}

/// Waits until everything is in sync, and says how long that took.
async fn until_in_sync(running: &Running, most: Duration) -> Duration {
    let begun = tokio::time::Instant::now();
    while !is_in_sync(running) {
        assert!(begun.elapsed() <= most, "still {:?}", running.shared.board().statuses);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn each_of_awss_words_for_not_yet_is_waited_out_and_nothing_is_made_twice() {
    let mut wrong = Vec::new();
    for delay in DELAYS {
        for (operation, code, words) in WORDS {
            let refusal = FaultKind::Refuse { code, message: (*words).to_owned(), status: 400 };
            let fault = Fault { operation: (*operation).to_owned(), times: u32::MAX, kind: refusal };
            let complaint = waited_out(fault, delay).await.err();
            wrong.extend(complaint.map(|complaint| format!("{operation} {code} {words} for {delay} s: {complaint}")));
        }
    }
    println!("{} words, each for {DELAYS:?} s: waited out within {SOON:?}", WORDS.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn waited_out(fault: Fault, delay: u64) -> Result<(), String> {
    let sandbox = Sandbox::new();
    sandbox.inject(fault);
    let running = Running::begin(sandbox, INTERVAL, &[("all.yaml", &manifests())]).await;
    seconds(delay).await;
    running.sandbox.heal();
    let after = until_in_sync(&running, SOON * 60).await;
    if after > SOON {
        return Err(format!("in sync {after:?} later"));
    }
    let log = std::mem::take(&mut running.sandbox.state().log);
    let done = log.iter().filter(|line| line.error.is_none() && scenario::is_write(&line.operation));
    let mut once = BTreeSet::new();
    let twice: Vec<&str> = done.map(|line| line.operation.as_str()).filter(|name| !once.insert(*name)).collect();
    assert!(running.stop().await);
    if twice.is_empty() { Ok(()) } else { Err(format!("{} twice", twice.join(", "))) }
}

#[tokio::test(start_paused = true)]
async fn a_role_and_its_service_in_one_commit_end_in_sync_soon_after_iam_shows_the_role() {
    for delay in DELAYS.map(Duration::from_secs) {
        let passable = Delays { passable: delay, ..Delays::default() };
        let assumable = Delays { assumable: delay, ..Delays::default() };
        for (what, delays) in [("passable", passable), ("assumable", assumable)] {
            let sandbox = Sandbox::new();
            sandbox.state().propagation = delays;
            let running = Running::begin(sandbox, INTERVAL, &[("all.yaml", &manifests())]).await;
            until_in_sync(&running, delay + Duration::from_secs(60)).await;
            let visible = running.sandbox.state().iam.role("task").expect("made").created + delay;
            let after = running.sandbox.now().saturating_sub(visible);
            assert!(after <= SOON, "{what} after {delay:?}: in sync {after:?} later");
            assert_eq!(running.writes().iter().filter(|call| *call == "CreateRole").count(), 1);
        }
    }
}
