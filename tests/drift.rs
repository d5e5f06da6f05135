//! Drift: every field of every kind that AWS lets anybody change is changed behind our back, and
//! everything disappears; each time exactly the calls follow that make it good, and none after them.
//!
//! `PROPTEST_CASES=N` draws N directories.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the laws use the rest")]
mod generate;
#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_ecs::types::ContainerDefinition;
use evenkeel::fields;
use evenkeel::load::{self, Desired, File};
use evenkeel::model::{Effect, KINDS, Key, Kind};
use evenkeel::resource::Resource;
use evenkeel::sandbox::{REGION, Sandbox};
use evenkeel::status::State;
use evenkeel::value::Value;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use generate::leaf::{change, leaves};
use generate::legal::{Place, split};
use generate::{Choices, directory, manifests, name_of};
use scenario::account::{account, differences};
use scenario::{INTERVAL, Lab, Running, cluster, manifest, role, seconds, service};

/// How many leaves of one kind are changed in each directory.
const ROUNDS: usize = 14;

/// The call that makes good what is wrong with a field: by AWS's documentation of the call.
const CALLS: &[(Kind, &str, &str)] = &[
    (Kind::AccountSettings, "", "PutAccountSettingDefault"),
    (Kind::Policy, "policyDocument", "CreatePolicyVersion"),
    (Kind::Policy, "tags", "TagPolicy"),
    (Kind::Role, "assumeRolePolicyDocument", "UpdateAssumeRolePolicy"),
    (Kind::Role, "description", "UpdateRole"),
    (Kind::Role, "maxSessionDuration", "UpdateRole"),
    (Kind::Role, "permissionsBoundary", "PutRolePermissionsBoundary"),
    (Kind::Role, "inlinePolicies", "PutRolePolicy"),
    (Kind::Role, "tags", "TagRole"),
    (Kind::Cluster, "tags", "TagResource"),
    (Kind::Cluster, "capacityProviders", "PutClusterCapacityProviders"),
    (Kind::Cluster, "defaultCapacityProviderStrategy", "PutClusterCapacityProviders"),
    (Kind::Cluster, "", "UpdateCluster"),
    (Kind::CapacityProvider, "tags", "TagResource"),
    (Kind::CapacityProvider, "", "UpdateCapacityProvider"),
    (Kind::TaskDefinition, "tags", "TagResource"),
    (Kind::Service, "tags", "TagResource"),
    (Kind::Service, "", "UpdateService"),
];

/// Fields that nobody can change behind our back, with the reason.
const FIXED: &[(Kind, &str, &str)] = &[
    (Kind::TaskDefinition, "", "a revision is never changed; a service can be told to run another one"),
    (Kind::Service, "taskDefinition", "the same, of the one inside a service"),
    (Kind::Role, "managedPolicyArns", "policies are attached and detached: see by_hand"),
    (Kind::Role, "instanceProfile", "profiles are bound and unbound: see by_hand"),
    (Kind::Role, "policyMode", "it is nowhere in AWS"),
];

fn is_below(pattern: &str, member: &str) -> bool {
    member.is_empty() || pattern == member || pattern.strip_prefix(member).is_some_and(|rest| rest.starts_with('.'))
}

fn call(kind: Kind, pattern: &str) -> &'static str {
    let row = CALLS.iter().find(|(of, member, _)| *of == kind && is_below(pattern, member));
    row.expect("a call for every field").2
}

fn is_fixed(kind: Kind, pattern: &str) -> bool {
    // Another key is another tag, beside the one that was there.
    let tag = is_below(pattern, "tags");
    fields::effect(kind, pattern) == Effect::Replaces
        || tag && pattern.ends_with("key")
        || !tag && FIXED.iter().any(|(of, member, _)| *of == kind && is_below(pattern, member))
}

/// What manifests declare, unless something is wrong with them.
fn declared(lab: &Lab, manifests: &str) -> Option<BTreeMap<Key, Resource>> {
    let file = File { path: PathBuf::from("all.yaml"), content: Ok(manifests.as_bytes().to_vec()) };
    let desired = load::load(&[file], lab.reconciler.aws().account(), &Desired::default());
    desired.problems.is_empty().then_some(desired.resources)
}

/// What was found out about fields.
#[derive(Default)]
struct Found {
    restored: BTreeSet<String>,
    fixed: BTreeSet<String>,
    refused: BTreeSet<String>,
    rounds: usize,
}

/// One leaf of every kind is changed by somebody who may do as we do, and everything is put right.
async fn round(lab: &Lab, directory: &Value, queues: &mut BTreeMap<Kind, Vec<Place>>, found: &mut Found) {
    let mut drifted = directory.clone();
    let mut expected: BTreeMap<Key, (&str, String)> = BTreeMap::new();
    for (kind, queue) in queues.iter_mut() {
        while let Some(place) = queue.pop() {
            let Some(changed) = change(&drifted, &place, &mut Choices::new(&[])) else { continue };
            let name = format!("{}.{}", kind.row().name, changed.pattern);
            if changed.inline || is_fixed(*kind, &changed.pattern) {
                found.fixed.insert(name);
                continue;
            }
            if declared(lab, &manifests(&changed.directory)).is_none() {
                continue;
            }
            expected.insert(Key::new(*kind, name_of(*kind)), (call(*kind, &changed.pattern), name));
            drifted = changed.directory;
            break;
        }
    }
    if expected.is_empty() {
        return;
    }
    let before = account(&lab.sandbox).await;
    let hand = Lab::over(Arc::clone(&lab.sandbox)).await;
    let pass = hand.pass(&manifests(&drifted)).await;
    for outcome in pass.outcomes.iter().filter(|outcome| outcome.result.is_err()) {
        // Whatever AWS does not do for anybody cannot happen behind our back.
        let (_, name) = expected.remove(&outcome.key).expect("ours");
        found.refused.insert(format!("{name}: {}", scenario::calls(std::slice::from_ref(outcome))[0]));
    }
    // Rollouts that somebody began come to their end.
    seconds(900).await;
    let there = account(&lab.sandbox).await;
    assert_ne!(differences(&before, &there), [""; 0], "nothing was changed: {expected:?}");
    let mut writes = lab.settle(&manifests(directory)).await;
    // AWS keeps five versions.
    writes.retain(|call| call != "DeletePolicyVersion");
    writes.sort();
    let mut calls: Vec<&str> = expected.values().map(|(call, _)| *call).collect();
    calls.sort_unstable();
    assert_eq!(writes, calls, "{expected:?}\n{}", differences(&before, &there).join("\n"));
    seconds(900).await;
    let mut apart = differences(&before, &account(&lab.sandbox).await);
    // What AWS adds to something while it is on stays when it is off again: nobody declares it.
    apart.retain(|line| !line.contains(": null and "));
    assert_eq!(apart, [""; 0], "{expected:?}");
    assert_eq!(lab.settle(&manifests(directory)).await, [""; 0], "{expected:?}");
    found.restored.extend(expected.into_values().map(|(_, name)| name));
    found.rounds += 1;
}

#[test]
fn every_field_that_can_be_changed_behind_our_back_is_put_right_with_one_call() {
    let cases = env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = vec(vec(any::<u8>(), 0..400), KINDS.len() + 2);
    let mut found = Found::default();
    for case in 0..cases {
        let choices = if case == 0 { Vec::new() } else { strategy.new_tree(&mut runner).expect("choices").current() };
        let directory = directory(&choices);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("runtime").block_on(async {
            let lab = Lab::over(Sandbox::roomy()).await;
            lab.settle(&manifests(&directory)).await;
            seconds(900).await;
            let mut queues: BTreeMap<Kind, Vec<Place>> = BTreeMap::new();
            for place in leaves(&directory) {
                queues.entry(split(&place).0).or_default().push(place);
            }
            for queue in queues.values_mut() {
                let step = queue.len().div_ceil(ROUNDS).max(1);
                *queue = queue.iter().skip(case % step).step_by(step).cloned().collect();
            }
            for _ in 0..ROUNDS {
                round(&lab, &directory, &mut queues, &mut found).await;
            }
        });
    }
    println!("{} fields were put right in {} rounds", found.restored.len(), found.rounds);
    println!("cannot be changed: {:?}", found.fixed);
    println!("AWS refuses: {:?}", found.refused);
    assert!(found.restored.len() >= 12 * cases.min(5), "only {:?}", found.restored);
    let kinds: BTreeSet<&str> = found.restored.iter().filter_map(|name| name.split('.').next()).collect();
    assert_eq!(kinds.len(), KINDS.len(), "{kinds:?}");
}

/// One of every kind.
fn everything() -> String {
    let policy =
        "policyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}";
    let task = "description: tasks
managedPolicyArns: [{ref: Policy/read}, 'arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess']
inlinePolicies: {logs: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'logs:PutLogEvents', Resource: '*'}]}}
permissionsBoundary: {ref: Policy/boundary}
policyMode: exclusive
instanceProfile: true
tags: {team: shop}";
    let fleet = "autoScalingGroupProvider: {autoScalingGroupArn: 'arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/fleet', managedDraining: ENABLED}";
    let job = "requiresCompatibilities: [FARGATE]
networkMode: awsvpc
cpu: '256'
memory: '512'
taskRoleArn: {ref: task}
containerDefinitions: [{name: job, image: 'shop/job:1'}]";
    [
        manifest("AccountSettings", "account", "containerInsights: enabled"),
        manifest("Policy", "read", policy),
        manifest("Policy", "boundary", policy),
        role("task", task),
        manifest("CapacityProvider", "fleet", fleet),
        cluster("shop"),
        manifest("TaskDefinition", "job", job),
        service("web", "shop/web:1", "", "desiredCount: 2\ntags: {team: shop}"),
    ]
    .concat()
}

/// A hand that changes something in the account.
type Hand = for<'a> fn(&'a Lab) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! hand {
    ($call:expr) => {
        |lab| Box::pin(async move { drop($call(lab).await.expect("done")) })
    };
}

const ARN: &str = "arn:aws:iam::123456789012:policy/read";
const AWS_OWN: &str = "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess";

/// What takes a call that no other field takes, or the absence of something: what happens, and what
/// must be called.
#[rustfmt::skip]
const BY_HAND: &[(&str, &[&str], Hand)] = &[
    ("a policy is detached", &["AttachRolePolicy"], hand!(|lab: &Lab| lab.iam().detach_role_policy().role_name("task").policy_arn(ARN).send())),
    ("a policy of AWS is detached", &["AttachRolePolicy"], hand!(|lab: &Lab| lab.iam().detach_role_policy().role_name("task").policy_arn(AWS_OWN).send())),
    ("a policy more is attached", &["DetachRolePolicy"], hand!(|lab: &Lab| lab.iam().attach_role_policy().role_name("task").policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send())),
    ("an inline policy is deleted", &["PutRolePolicy"], hand!(|lab: &Lab| lab.iam().delete_role_policy().role_name("task").policy_name("logs").send())),
    ("an inline policy more is put", &["DeleteRolePolicy"], hand!(|lab: &Lab| lab.iam().put_role_policy().role_name("task").policy_name("more").policy_document(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#).send())),
    ("the boundary is taken off", &["PutRolePermissionsBoundary"], hand!(|lab: &Lab| lab.iam().delete_role_permissions_boundary().role_name("task").send())),
    ("the role leaves its profile", &["CreateInstanceProfile", "AddRoleToInstanceProfile"], hand!(|lab: &Lab| lab.iam().remove_role_from_instance_profile().role_name("task").instance_profile_name("task").send())),
    ("a tag of a role is taken off", &["TagRole"], hand!(|lab: &Lab| lab.iam().untag_role().role_name("task").tag_keys("team").send())),
    ("the account's setting is taken back", &["PutAccountSettingDefault"], hand!(|lab: &Lab| lab.ecs().put_account_setting_default().name(aws_sdk_ecs::types::SettingName::ContainerInsights).value("disabled").send())),
    ("a tag of a service is taken off", &["TagResource"], hand!(|lab: &Lab| lab.ecs().untag_resource().resource_arn("arn:aws:ecs:us-east-1:123456789012:service/shop/web").tag_keys("team").send())),
    ("a service is told to run another revision", &["UpdateService"], hand!(|lab: &Lab| lab.ecs().update_service().cluster("shop").service("web").task_definition("job").send())),
    ("a service is scaled to nothing", &["UpdateService"], hand!(|lab: &Lab| lab.ecs().update_service().cluster("shop").service("web").desired_count(0).send())),
    ("the revision is deregistered", &["RegisterTaskDefinition"], hand!(|lab: &Lab| lab.ecs().deregister_task_definition().task_definition("job:1").send())),
];

#[tokio::test(start_paused = true)]
async fn what_is_taken_away_by_hand_is_back_within_an_interval() {
    for (what, calls, hand) in BY_HAND {
        let running = Running::start(&[("all.yaml", &everything())]).await;
        let lab = Lab::over(Arc::clone(&running.sandbox)).await;
        restored(&running, what, calls, hand(&lab)).await;
    }
    println!("{} hands", BY_HAND.len());
}

/// Something happens, and within an interval the calls are made, and no others after them.
async fn restored(running: &Running, what: &str, calls: &[&str], happens: impl Future<Output = ()>) {
    let before = account(&running.sandbox).await;
    running.writes();
    happens.await;
    running.writes();
    seconds(INTERVAL.as_secs() + 5).await;
    assert_eq!(running.writes(), calls, "{what}");
    seconds(10 * INTERVAL.as_secs()).await;
    assert_eq!(running.writes(), [""; 0], "{what}: afterwards");
    let board = running.board();
    assert!(board.iter().all(|line| line.ends_with(": in_sync")), "{what}: {board:?}");
    assert_eq!(differences(&before, &account(&running.sandbox).await), [""; 0], "{what}");
}

/// It carries no tag of ours: what somebody else has registered, somebody else may need.
#[tokio::test(start_paused = true)]
async fn a_newer_revision_that_is_nobodys_is_left_alone_and_that_is_said() {
    let running = Running::start(&[("all.yaml", &everything())]).await;
    running.writes();
    let lab = Lab::over(Arc::clone(&running.sandbox)).await;
    let container = ContainerDefinition::builder().name("a").image("theirs").memory(64).build();
    let register = lab.ecs().register_task_definition().family("job").container_definitions(container);
    register.send().await.expect("registered");
    running.writes();
    seconds(INTERVAL.as_secs() + 5).await;
    let job = running.shared.board().statuses[&Key::new(Kind::TaskDefinition, "job")].clone();
    assert_eq!((job.state, job.reason), (State::Blocked, "NotOurs"), "{}", job.message);
    lab.ecs().deregister_task_definition().task_definition("job:2").send().await.expect("deregistered");
    running.writes();
    seconds(600 + INTERVAL.as_secs()).await;
    assert_eq!(running.writes(), [""; 0]);
    assert!(running.board().iter().all(|line| line.ends_with(": in_sync")), "{:?}", running.board());
}

/// What of the sandbox is taken out from under it, and the calls that bring it back. A revision is
/// another one each time, so that a service is told of the new one.
type Gone = fn(&Sandbox);

#[rustfmt::skip]
const GONE: &[(&str, &[&str], Gone)] = &[
    ("the account's settings", &["PutAccountSettingDefault"], |sandbox| sandbox.state().ecs.region(REGION).settings = Default::default()),
    ("a cluster with its service", &["CreateCluster", "CreateService"], |sandbox| drop(sandbox.state().ecs.region(REGION).clusters.remove("shop"))),
    ("a service", &["CreateService"], |sandbox| { sandbox.state().ecs.region(REGION).clusters.values_mut().for_each(|cluster| cluster.services.clear()); }),
    ("a capacity provider", &["CreateCapacityProvider"], |sandbox| drop(sandbox.state().ecs.region(REGION).capacity_providers.remove("fleet"))),
    ("a task definition", &["RegisterTaskDefinition"], |sandbox| drop(sandbox.state().ecs.region(REGION).families.remove("job"))),
    ("all roles and policies", &["CreatePolicy", "CreatePolicy", "CreateRole", "PutRolePolicy", "AttachRolePolicy", "AttachRolePolicy", "CreateInstanceProfile", "AddRoleToInstanceProfile"], |sandbox| sandbox.state().iam = Default::default()),
    ("everything", &["PutAccountSettingDefault", "CreatePolicy", "CreatePolicy", "CreateRole", "PutRolePolicy", "AttachRolePolicy", "AttachRolePolicy", "CreateInstanceProfile", "AddRoleToInstanceProfile", "CreateCapacityProvider", "CreateCluster", "RegisterTaskDefinition", "RegisterTaskDefinition", "CreateService"], |sandbox| {
        let mut state = sandbox.state();
        state.iam = Default::default();
        *state.ecs.region(REGION) = Default::default();
    }),
];

#[tokio::test(start_paused = true)]
async fn every_kind_that_disappears_is_made_again_within_an_interval_and_once() {
    for (what, calls, gone) in GONE {
        let running = Running::start(&[("all.yaml", &everything())]).await;
        let before = account(&running.sandbox).await;
        running.writes();
        gone(&running.sandbox);
        seconds(INTERVAL.as_secs() + 30).await;
        let (mut made, mut calls) = (running.writes(), calls.to_vec());
        made.sort();
        calls.sort_unstable();
        assert_eq!(made, calls, "{what}");
        seconds(10 * INTERVAL.as_secs()).await;
        assert_eq!(running.writes(), [""; 0], "{what}: afterwards");
        let board = running.board();
        assert!(board.iter().all(|line| line.ends_with(": in_sync")), "{what}: {board:?}");
        let apart = differences(&before, &account(&running.sandbox).await);
        assert_eq!(apart, [""; 0], "{what}");
    }
}
