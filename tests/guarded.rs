//! Guardrails at work: what a manifest may not ask for never reaches AWS.
#![cfg(feature = "sandbox")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::path::Path;
use std::sync::Arc;

use evenkeel::guard::{self, Guardrails};
use evenkeel::plan::Rules;
use evenkeel::sandbox::Sandbox;

use scenario::{INTERVAL, Running, annotated, manifest, seconds};

fn role(policies: &str) -> String {
    manifest("Role", "app", &format!("preset: task\nmanagedPolicyArns: [{policies}]"))
}

fn policy(action: &str) -> String {
    let document =
        format!("{{Version: '2012-10-17', Statement: [{{Effect: Allow, Action: '{action}', Resource: '*'}}]}}");
    manifest("Policy", "app", &format!("policyDocument: {document}"))
}

const ADMIN: &str = "'arn:aws:iam::aws:policy/AdministratorAccess'";
const READ: &str = "'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess'";

async fn guarded(sandbox: &Arc<Sandbox>, files: &[(&str, &str)]) -> Running {
    held(sandbox, files, Guardrails::standard()).await
}

async fn held(sandbox: &Arc<Sandbox>, files: &[(&str, &str)], rails: Guardrails) -> Running {
    let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
    let running = Running::held(Arc::clone(sandbox), rules, (INTERVAL, true), files, rails).await;
    running.settle().await;
    running
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_breaks_a_guardrail_changes_nothing_and_is_told() {
    let files = [("role.yaml", &*role(READ)), ("policy.yaml", &*policy("s3:GetObject"))];
    let running = guarded(&Sandbox::new(), &files).await;
    assert_eq!(running.writes(), ["CreatePolicy", "CreateRole", "AttachRolePolicy"]);
    running.write("role.yaml", &role(&format!("{READ}, {ADMIN}")));
    running.write("policy.yaml", &policy("iam:*"));
    running.settle().await;
    assert_eq!(running.writes(), Vec::<String>::new());
    let problems = running.problems();
    assert!(
        problems.iter().any(|problem| problem.starts_with("role.yaml:") && problem.contains("`adminPolicies`")),
        "{problems:?}"
    );
    assert!(
        problems.iter().any(|problem| problem.starts_with("policy.yaml:") && problem.contains("`wildcards`")),
        "{problems:?}"
    );
    assert_eq!(running.board(), ["Policy/app: in_sync", "Role/app: in_sync"]);
    // Its last good version is defended as before.
    running.write("role.yaml", &role(READ));
    running.write("policy.yaml", &policy("s3:GetObject"));
    running.settle().await;
    assert_eq!((running.writes(), running.problems()), (Vec::new(), Vec::new()));
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_widens_a_role_behind_a_restart_is_not_written() {
    let sandbox = Sandbox::new();
    let role = role("{ref: app}, {ref: more}");
    let more = policy("ecs:RegisterTaskDefinition").replace("name: app", "name: more");
    let files = |update: &'static str| {
        [("role.yaml", role.clone()), ("more.yaml", more.clone()), ("policy.yaml", policy(update))]
    };
    let start = async |update: &'static str| {
        let files = files(update);
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        guarded(&sandbox, &files).await
    };
    let running = start("ecs:DescribeServices").await;
    assert_eq!(running.board().len(), 3, "{:?}", running.problems());
    assert!(running.stop().await);
    // Nobody remembers which of the three changed.
    let running = start("ecs:UpdateService").await;
    seconds(600).await;
    assert_eq!(running.writes(), Vec::<String>::new());
    assert_eq!(running.problems().len(), 3);
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_let_pass_what_a_commit_adds_without_naming_it() {
    let rails = "apiVersion: evenkeel/v1alpha1\nkind: Guardrails\nrules: {widening: false}\n";
    let rails = guard::read(rails.as_bytes(), Path::new("rails.yaml")).unwrap();
    let sandbox = Sandbox::new();
    let running = held(&sandbox, &[("policy.yaml", &policy("s3:GetObject"))], rails.clone()).await;
    assert_eq!(running.writes(), ["CreatePolicy"]);
    assert!(running.stop().await);
    let running = held(&sandbox, &[("policy.yaml", &policy("s3:PutObject"))], rails).await;
    seconds(600).await;
    assert_eq!((running.writes(), running.problems()), (Vec::new(), Vec::new()));
    assert_eq!(running.board(), ["Policy/app: blocked"]);
    running.write("policy.yaml", &annotated(&policy("s3:PutObject"), "evenkeel/allow-widening: 's3:PutObject'"));
    running.settle().await;
    assert_eq!(running.writes(), ["CreatePolicyVersion"]);
    assert_eq!(running.board(), ["Policy/app: in_sync"]);
    assert!(running.stop().await);
}
