//! The guardrails `verbs` and `windows`, in virtual time: what may be done in AWS, and when.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "other tests use the rest")]
mod scenario;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::guard::{self, Guardrails};
use evenkeel::plan::Rules;
use evenkeel::sandbox::Sandbox;
use evenkeel::sandbox::fault::{Fault, FaultKind};

use scenario::{INTERVAL, Running, annotated, manifest, seconds, service};

const MINUTE: u64 = 60;
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;

fn rails(text: &str) -> Guardrails {
    let text = format!("apiVersion: evenkeel/v1alpha1\nkind: Guardrails\n{text}");
    guard::read(text.as_bytes(), Path::new("rails.yaml")).expect("guardrails")
}

async fn running(sandbox: &Arc<Sandbox>, rails: Guardrails, files: &[(&str, &str)]) -> Running {
    let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
    let running = Running::held(Arc::clone(sandbox), rules, (INTERVAL, true), files, rails).await;
    running.settle().await;
    running
}

fn role(name: &str, more: &str) -> String {
    manifest("Role", name, &format!("preset: task\n{more}"))
}

/// A time of the week so many minutes from now, as windows are written.
fn at(sandbox: &Sandbox, minutes: u64) -> String {
    let minute = (sandbox.now() + Duration::from_secs(minutes * MINUTE)).as_secs() / 60;
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let day = usize::try_from(minute / (24 * 60) % 7).expect("a day");
    format!("{}:{:02}:{:02}", days[day], minute / 60 % 24, minute % 60)
}

/// A window that opens in so many minutes, for as many.
fn window(sandbox: &Sandbox, opens: u64, lasts: u64) -> String {
    format!("{}-{}", at(sandbox, opens), at(sandbox, opens + lasts))
}

fn why(running: &Running, name: &str) -> String {
    let board = running.shared.board();
    let status = board.statuses.iter().find(|(key, _)| key.to_string() == name).expect("a status").1;
    format!("{} {}: {}", status.state, status.reason, status.message)
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_its_window_and_is_made_when_that_opens() {
    let sandbox = Sandbox::new();
    let opens = at(&sandbox, 30);
    // On every day: without the days of the week.
    let text = format!("{}-{}", &opens[4..], &at(&sandbox, 50)[4..]);
    let running =
        running(&sandbox, rails(&format!("rules: {{windows: '{text}'}}")), &[("a.yaml", &role("a", ""))]).await;
    let said = format!(
        "drifted WindowClosed: the guardrail `windows` allows changes only within {text} (UTC); it opens at {opens}"
    );
    assert_eq!(why(&running, "Role/a"), said);
    seconds(25 * MINUTE).await;
    assert_eq!(running.writes(), [""; 0]);
    let since = running.shared.board().statuses.values().find_map(|status| status.drifted_since);
    assert_eq!(since, None, "nobody is to be woken for what waits for the time");
    // No later than an interval after it has opened.
    seconds(4 * MINUTE).await;
    assert_eq!(running.writes(), ["CreateRole"]);
    assert_eq!(running.board(), ["Role/a: in_sync"]);
    // And what is as declared has nothing to wait for once it is closed again.
    seconds(30 * MINUTE).await;
    assert_eq!(running.board(), ["Role/a: in_sync"]);
    running.write("a.yaml", &role("a", "description: another"));
    running.settle().await;
    assert_eq!((running.writes(), running.board()), (Vec::new(), vec!["Role/a: drifted".to_owned()]));
    seconds(23 * 3600).await;
    assert_eq!(running.writes(), [""; 0]);
    seconds(3600).await;
    assert_eq!(running.writes(), ["UpdateRole"], "on the next day");
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_a_closing_window_cuts_off_goes_on_with_the_revision_that_is_there() {
    let sandbox = Sandbox::new();
    let main = scenario::cluster("shop");
    let web = |image: &str| service("web", image, "", "");
    let open = running(&sandbox, Guardrails::none(), &[("main.yaml", &main), ("web.yaml", &web("shop/web:1"))]).await;
    assert!(open.stop().await);
    // The task definition stands in a folder without the rule.
    let text = window(&sandbox, 30, 20);
    let task = "family: web
requiresCompatibilities: [FARGATE]
networkMode: awsvpc
cpu: '256'
memory: '512'
containerDefinitions:
  - {name: web, image: 'shop/web:2', portMappings: [{containerPort: 80, name: http}]}";
    let apart = web("shop/web:2");
    let (head, _) = apart.split_once("  taskDefinition:").expect("an inline task definition");
    let by_ref = format!("{head}  taskDefinition: {{ref: web}}\n");
    let files =
        [("main.yaml", &*main), ("task.yaml", &manifest("TaskDefinition", "web", task)), ("prod/web.yaml", &by_ref)];
    let running = running(&sandbox, rails(&format!("directories: {{prod: {{windows: '{text}'}}}}")), &files).await;
    assert_eq!(running.board(), ["Cluster/shop: in_sync", "TaskDefinition/web: in_sync", "Service/web: drifted"]);
    assert_eq!(running.writes(), ["RegisterTaskDefinition"], "{}", why(&running, "Service/web"));
    seconds(35 * MINUTE).await;
    assert_eq!(running.writes(), ["UpdateService"]);
    assert_eq!(running.board().last().map(String::as_str), Some("Service/web: in_sync"));
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn only_what_the_verbs_name_is_done() {
    let sandbox = Sandbox::new();
    let files = [("a.yaml", &*role("a", "")), ("new/b.yaml", &role("b", ""))];
    let rails = rails("rules: {verbs: [update, create]}\ndirectories: {new: {verbs: [update, delete]}}");
    let running = running(&sandbox, rails, &files).await;
    assert_eq!(running.writes(), ["CreateRole"]);
    let said = "blocked NotAllowed: the guardrail `verbs` allows no create here, only update; undo the change, or have the \
                file of --guardrails changed";
    assert_eq!(why(&running, "Role/b"), said);
    running.write("a.yaml", &role("a", "description: another"));
    running.settle().await;
    assert_eq!(running.writes(), ["UpdateRole"]);
    // What somebody else made is not taken over either.
    let adopted = annotated(&role("b", ""), "evenkeel/adoption: adopt");
    running.write("new/b.yaml", &adopted);
    let lab = scenario::Lab::over(Arc::clone(&sandbox)).await;
    lab.iam().create_role().role_name("b").assume_role_policy_document(TRUST).send().await.expect("a role");
    running.writes();
    running.settle().await;
    assert_eq!(running.writes(), [""; 0]);
    assert!(why(&running, "Role/b").contains("allows no adopt here"), "{}", why(&running, "Role/b"));
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_while_a_window_is_closed_or_without_the_verb() {
    let sandbox = Sandbox::new();
    let both = [role("a", ""), annotated(&role("b", ""), "evenkeel/deletion-policy: delete")].concat();
    let first = running(&sandbox, Guardrails::none(), &[("all.yaml", &both)]).await;
    assert!(first.stop().await);
    let deleted = |running: &Running| running.writes().iter().any(|call| call == "DeleteRole");
    let obstacle = |running: &Running| {
        running.shared.board().pruned.as_ref().and_then(|pruned| pruned.obstacle.clone()).map(|(_, why)| why)
    };
    let never =
        running(&sandbox, rails("rules: {verbs: [create, update, adopt]}"), &[("all.yaml", &role("a", ""))]).await;
    seconds(60 * MINUTE).await;
    assert!(!deleted(&never));
    assert_eq!(obstacle(&never).as_deref(), Some("the guardrail `verbs` has no `delete`"));
    assert!(never.stop().await);
    let (opens, text) = (at(&sandbox, 60), window(&sandbox, 60, 20));
    let closed = rails(&format!("directories: {{shop: {{windows: '{text}'}}}}"));
    let running = running(&sandbox, closed, &[("all.yaml", &role("a", ""))]).await;
    seconds(50 * MINUTE).await;
    assert!(!deleted(&running), "it may have been declared in that folder");
    assert_eq!(
        obstacle(&running).as_deref(),
        Some(&*format!(
            "no window of the guardrail `windows` is open, in one folder or another; all of them are at {opens} (UTC)"
        ))
    );
    seconds(20 * MINUTE).await;
    assert!(deleted(&running));
    assert!(running.stop().await);
}

/// What was made and does not show is looked for; what is left of it is no reason to write out of hours.
#[tokio::test(start_paused = true)]
async fn what_a_closing_window_leaves_half_made_is_made_whole_when_it_opens_again() {
    let sandbox = Sandbox::new();
    let opens = at(&sandbox, 10);
    let text = format!("{}-{}", &opens[4..], &at(&sandbox, 20)[4..]);
    let document =
        "{Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::a/*'}]}";
    let whole = role("a", &format!("inlinePolicies: {{one: {document}, two: {document}}}"));
    let rules = format!("rules: {{windows: '{text}'}}");
    let running = running(&sandbox, rails(&rules), &[("a.yaml", &whole)]).await;
    // Its first policy is taken and does not show; the second is throttled until the window is closed.
    let taken = FaultKind::Refuse { code: "", message: String::new(), status: 200 };
    for (times, kind) in [(1, taken), (1000, FaultKind::Throttled)] {
        sandbox.inject(Fault { operation: "PutRolePolicy".to_owned(), times, kind });
    }
    seconds(20 * MINUTE).await;
    assert_eq!(running.writes().iter().filter(|call| *call == "CreateRole").count(), 1);
    sandbox.heal();
    seconds(60 * MINUTE).await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(running.board(), ["Role/a: drifted"]);
    seconds(23 * 3600).await;
    assert_eq!(running.board(), ["Role/a: in_sync"]);
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_what_waits_for_its_window_waits_for_that_window() {
    let sandbox = Sandbox::new();
    let text = window(&sandbox, 60, 20);
    let (main, web) = (scenario::cluster("shop"), service("web", "shop/web:1", "", ""));
    let files = [("prod/main.yaml", &*main), ("web.yaml", &web)];
    let running = running(&sandbox, rails(&format!("directories: {{./prod: {{windows: '{text}'}}}}")), &files).await;
    seconds(30 * MINUTE).await;
    assert_eq!(running.writes(), [""; 0]);
    assert!(running.board().iter().all(|line| line.ends_with(": drifted")), "{:?}", running.board());
    seconds(40 * MINUTE).await;
    assert!(running.board().iter().all(|line| line.ends_with(": in_sync")), "{:?}", running.board());
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn windows_that_are_never_open_at_once_are_not_waited_for_in_silence() {
    let sandbox = Sandbox::new();
    let rules = "rules: {windows: '01:00-02:00'}\ndirectories: {prod: {windows: '02:00-03:00'}}";
    let running = running(&sandbox, rails(rules), &[("prod/a.yaml", &role("a", ""))]).await;
    let said = why(&running, "Role/a");
    assert!(said.starts_with("blocked NeverOpen: ") && said.contains("that is never while"), "{said}");
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn an_exception_is_for_its_manifest_and_verb() {
    let sandbox = Sandbox::new();
    let closed = window(&sandbox, 60, 20);
    let rules = format!("rules: {{windows: '{closed}', verbs: update}}");
    let urgent = "{manifest: Role/a, rules: [windows], reason: urgent}, {manifest: Role/a, rules: [verbs], only: [create], reason: urgent}";
    let files = [("a.yaml", &*role("a", "")), ("b.yaml", &role("b", ""))];
    let running = running(&sandbox, rails(&format!("{rules}\nexceptions: [{urgent}]")), &files).await;
    assert_eq!(running.writes(), ["CreateRole"]);
    assert_eq!(running.board(), ["Role/a: in_sync", "Role/b: blocked"]);
    assert!(running.stop().await);
}

/// A person who reviews a commit is told by `plan` what it widens, be it out of hours.
#[tokio::test(start_paused = true)]
async fn that_it_is_not_yet_time_hides_no_refusal() {
    let sandbox = Sandbox::new();
    let policy = |action: &str| {
        let document =
            format!("{{Version: '2012-10-17', Statement: [{{Effect: Allow, Action: '{action}', Resource: '*'}}]}}");
        manifest("Policy", "app", &format!("policyDocument: {document}"))
    };
    let first = running(&sandbox, Guardrails::none(), &[("policy.yaml", &policy("s3:GetObject"))]).await;
    assert!(first.stop().await);
    let closed = format!("rules: {{widening: false, windows: '{}'}}", window(&sandbox, 60, 20));
    let running = running(&sandbox, rails(&closed), &[("policy.yaml", &policy("s3:PutObject"))]).await;
    assert!(why(&running, "Policy/app").starts_with("blocked Widens: "), "{}", why(&running, "Policy/app"));
    running.write("policy.yaml", &annotated(&policy("s3:PutObject"), "evenkeel/allow-widening: 's3:PutObject'"));
    running.settle().await;
    assert!(why(&running, "Policy/app").starts_with("drifted WindowClosed: "), "{}", why(&running, "Policy/app"));
    assert!(running.stop().await);
}
