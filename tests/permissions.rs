//! The policy in `deploy/`, with those for what not everybody wants, is enough, nothing in it is too much,
//! and what it lacks is said by name.
//!
//! The simulated AWS judges every call by these policies, conditions included.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use evenkeel::load::{Desired, File, load};
use evenkeel::model::{Key, Kind};
use evenkeel::patience::Patience;
use evenkeel::sandbox::Sandbox;
use evenkeel::status::{Conclusion, State};
use evenkeel::value::Value;
use evenkeel::watch;
use tokio::time::Instant;

use scenario::{Lab, Running, annotated, conclusion, key, manifest, role, seconds, service};

/// Most actions that the daemon may need.
const ACTIONS_MAX: usize = 40;
/// The policies for what not everybody wants.
const OPTIONS: [&str; 2] = ["evenkeel-prune", "evenkeel-instance-profiles"];
/// Most actions that these have together.
const OPTIONAL_MAX: usize = 11;
/// Most characters of a managed policy, white space not counted (IAM quotas).
const CHARACTERS_MAX: usize = 6144;

const GROUP: &str = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:6c3b1f0a-52d4-4b7e-9a51-0f7d2c8e4b11:autoScalingGroupName/shop";

fn policy(action: &str) -> String {
    format!("{{Version: \"2012-10-17\", Statement: {{Effect: Allow, Action: \"{action}\", Resource: \"*\"}}}}")
}

/// One of everything.
fn shop() -> String {
    [
        manifest("AccountSettings", "account", "awsvpcTrunking: enabled"),
        manifest("Policy", "boundary", &format!("policyDocument: {}\ntags: {{team: shop}}", policy("s3:*"))),
        role("alone", "description: Nothing depends on it"),
        role(
            "task",
            &format!(
                "policyMode: exclusive\npermissionsBoundary: {{ref: boundary}}\ndescription: One\ninstanceProfile: true\n\
                 managedPolicyArns: [\"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess\"]\n\
                 inlinePolicies: {{read: {}}}\ntags: {{team: shop}}",
                policy("s3:GetObject")
            ),
        ),
        manifest("CapacityProvider", "ec2", &format!("autoScalingGroupProvider: {{autoScalingGroupArn: \"{GROUP}\"}}")),
        manifest(
            "Cluster",
            "shop",
            "settings: [{name: containerInsights, value: enabled}]\ncapacityProviders: [FARGATE, {ref: ec2}]",
        ),
        manifest("Cluster", "alone", "{}"),
        manifest(
            "TaskDefinition",
            "job",
            "taskRoleArn: {ref: task}\ncontainerDefinitions: [{name: job, image: \"shop/job:1\", memory: 64}]",
        ),
        service(
            "web",
            "shop/web:1",
            "",
            "desiredCount: 1\ntags: {team: shop}\n\
             monitoring: {metricConfigurations: [{metricNames: [CPUUtilization], resolutionSeconds: 20}]}",
        ),
    ]
    .concat()
}

/// The same with a change to everything that can be changed.
fn changed() -> String {
    let changes = [
        ("web:1", "web:2"),
        ("job:1", "job:2"),
        ("s3:GetObject", "s3:Get*"),
        ("s3:*", "s3:List*"),
        ("[FARGATE, {ref: ec2}]", "[FARGATE]"),
        ("value: enabled", "value: enhanced"),
        ("description: One", "description: Two"),
        ("ecs-tasks.", "ec2."),
        ("team: shop", "team: store"),
        ("AmazonSSMReadOnlyAccess", "AmazonS3ReadOnlyAccess"),
        ("desiredCount: 1", "desiredCount: 2"),
        ("shop\"}", "shop\", managedScaling: {status: ENABLED, targetCapacity: 90}}"),
    ];
    changes.iter().fold(shop(), |manifests, (from, to)| {
        assert!(manifests.contains(from), "{from}");
        manifests.replace(from, to)
    })
}

/// What the daemon finds, and what it is to make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Story {
    /// An empty account.
    Begin,
    /// An account in which everything is to be changed, and some was changed by others.
    Change,
}

const STORIES: [Story; 2] = [Story::Begin, Story::Change];

impl Story {
    fn manifests(self) -> String {
        match self {
            Self::Begin => shop(),
            Self::Change => changed(),
        }
    }

    /// The account as it is found.
    async fn sandbox(self) -> Arc<Sandbox> {
        let lab = Lab::new().await;
        if self == Self::Change {
            lab.settle(&shop()).await;
            lab.settle(&shop().replace("web:1", "web:0")).await;
            lab.settle(&shop()).await;
            let (iam, arn) = (lab.iam(), "arn:aws:iam::123456789012:policy/boundary");
            let document = policy("s3:Put*").replace("Version:", "\"Version\":");
            let document =
                document.replace("Statement:", "\"Statement\":").replace("Effect: Allow", "\"Effect\": \"Allow\"");
            let document = document.replace("Action:", "\"Action\":").replace("Resource:", "\"Resource\":");
            for _ in 0..4 {
                iam.create_policy_version().policy_arn(arn).policy_document(&document).send().await.expect("a version");
            }
            let put = iam.put_role_policy().role_name("task").policy_name("stray").policy_document(&document);
            put.send().await.expect("an inline policy");
            iam.delete_role_permissions_boundary().role_name("task").send().await.expect("no boundary");
            let remove = iam.remove_role_from_instance_profile().role_name("task").instance_profile_name("task");
            remove.send().await.expect("no role");
        }
        lab.sandbox
    }
}

/// A few passes by a daemon that has just begun, over more than five minutes, and how each resource is
/// doing after them.
async fn run(sandbox: &Arc<Sandbox>, manifests: &str) -> BTreeMap<Key, Conclusion> {
    let lab = Lab::over(Arc::clone(sandbox)).await;
    let (mut conclusions, mut patience) = (BTreeMap::new(), Patience::default());
    for wait in [1, 1, 10, 400, 10] {
        let pass = lab.pass(manifests).await;
        for key in pass.items.keys() {
            let judged = patience.judge(key, conclusion(&pass, key), Instant::now());
            conclusions.insert(key.clone(), judged);
        }
        seconds(wait).await;
    }
    conclusions
}

/// What `--prune` is to delete, one of each kind.
fn gone() -> String {
    let all = [
        manifest("Policy", "gone", &format!("policyDocument: {}", policy("s3:*"))),
        role(
            "gone",
            &format!(
                "instanceProfile: true\nmanagedPolicyArns: [{{ref: Policy/gone}}]\ninlinePolicies: {{read: {}}}",
                policy("s3:*")
            ),
        ),
        manifest(
            "CapacityProvider",
            "gone",
            &format!("autoScalingGroupProvider: {{autoScalingGroupArn: \"{GROUP}\"}}"),
        ),
        manifest("Cluster", "gone", "{}"),
        service("gone", "shop/web:1", "", "").replace("{ref: shop}", "{ref: gone}"),
    ];
    all.iter().map(|one| annotated(one, "evenkeel/deletion-policy: delete")).collect()
}

/// A daemon that prunes, half an hour after a file is gone, with this policy: what it says, and how
/// its declared resources are. Then the same with another policy.
async fn prune(policies: [&Value; 2]) -> (BTreeSet<String>, [String; 2], [Vec<String>; 2]) {
    let files = [("stay.yaml", manifest("Cluster", "stay", "{}")), ("gone.yaml", gone())];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let running = Running::pruning(Sandbox::new(), &files).await;
    std::fs::remove_file(running.directory.join("gone.yaml")).expect("the file");
    let (mut asked, mut said, mut deleted) = (BTreeSet::new(), [String::new(), String::new()], [vec![], vec![]]);
    for (n, policy) in policies.into_iter().enumerate() {
        running.sandbox.restrict(vec![policy.clone()]);
        running.calls();
        seconds(3600).await;
        let log = std::mem::take(&mut running.sandbox.state().log);
        let done = log.into_iter().filter(|line| line.error.is_none() && line.operation.starts_with("Delete"));
        deleted[n] = done.map(|line| line.operation).collect();
        asked.extend(running.sandbox.asked());
        let board = running.shared.board();
        let pruned = board.pruned.clone().unwrap_or_default();
        let orphans =
            pruned.orphans.iter().map(|orphan| format!("{}: {} {}\n", orphan.key, orphan.reason, orphan.message));
        let others = board.statuses.iter().filter(|(_, status)| status.state != State::InSync);
        let others = others.map(|(key, status)| format!("{key}: {} {}\n", status.reason, status.message));
        said[n] =
            orphans.chain(others).chain(pruned.obstacle.map(|(reason, why)| format!("{reason} {why}\n"))).collect();
    }
    (asked, said, deleted)
}

/// A policy in `deploy/` as it is in the simulated account.
async fn document(name: &str) -> Value {
    let lab = Lab::new().await;
    let folder = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    let read = |name: &str| watch::read(&folder(name)).expect("the folder").files;
    let files: Vec<File> = ["evenkeel", "options"].into_iter().flat_map(read).map(File::from).collect();
    let desired = load(&files, lab.reconciler.aws().account(), &Desired::default());
    desired.resources[&key(Kind::Policy, name)].spec["policyDocument"].clone()
}

/// Everything that the daemon's role can be given, as one policy.
async fn shipped() -> Value {
    let mut whole = document("evenkeel").await;
    for option in OPTIONS {
        let statements = document(option).await["Statement"].as_array().expect("statements").clone();
        whole["Statement"].as_array_mut().expect("statements").extend(statements);
    }
    whole
}

fn is_allowing(statement: &Value) -> bool {
    statement["Effect"] == "Allow"
}

fn actions_of(statement: &Value) -> Vec<String> {
    let text = |action: &Value| action.as_str().expect("text").to_owned();
    match &statement["Action"] {
        Value::Array(actions) => actions.iter().map(text).collect(),
        action => vec![text(action)],
    }
}

fn statements(document: &Value) -> &Vec<Value> {
    document["Statement"].as_array().expect("statements")
}

fn actions(document: &Value) -> BTreeSet<String> {
    statements(document).iter().filter(|statement| is_allowing(statement)).flat_map(actions_of).collect()
}

/// The policy without one action.
fn without(document: &Value, action: &str) -> Value {
    let mut document = document.clone();
    let statements = document["Statement"].as_array_mut().expect("statements");
    for statement in statements.iter_mut().filter(|statement| is_allowing(statement)) {
        let left: Vec<String> = actions_of(statement).into_iter().filter(|other| other != action).collect();
        statement["Action"] = left.into();
    }
    statements.retain(|statement| statement["Action"] != Value::Array(Vec::new()));
    document
}

/// The permissions that each story asks for, under the shipped policy.
async fn asked() -> BTreeMap<Story, BTreeSet<String>> {
    let mut asked = BTreeMap::new();
    for story in STORIES {
        let sandbox = story.sandbox().await;
        sandbox.restrict(vec![shipped().await]);
        let conclusions = run(&sandbox, &story.manifests()).await;
        let others: Vec<_> = conclusions.iter().filter(|(_, conclusion)| conclusion.state != State::InSync).collect();
        assert!(others.is_empty(), "{story:?} with the shipped policy: {others:#?}");
        let refused: Vec<_> = sandbox
            .state()
            .log
            .iter()
            .filter(|line| line.error.is_some_and(|code| code.contains("Denied")))
            .cloned()
            .collect();
        assert_eq!(refused, [], "{story:?}");
        asked.insert(story, sandbox.asked());
    }
    asked
}

#[tokio::test(start_paused = true)]
async fn the_shipped_policy_is_all_that_is_asked_for_and_nothing_else() {
    let document = shipped().await;
    let (pruning, said, _) = prune([&document, &document]).await;
    assert_eq!(said, ["", ""]);
    let asked: BTreeSet<String> = asked().await.into_values().flatten().chain(pruning).collect();
    // Asked about another copy of the daemon alone: tests/two_writers.rs has one.
    let asked = asked.into_iter().chain(["ecs:DescribeTasks".to_owned()]).collect::<BTreeSet<_>>();
    assert_eq!(asked, actions(&document), "left: asked for; right: allowed");
}

#[tokio::test(start_paused = true)]
async fn what_not_everybody_wants_takes_policies_of_its_own() {
    let (policy, mut more) = (document("evenkeel").await, BTreeSet::new());
    let chars = |document: &Value| document.to_string().chars().filter(|c| !c.is_whitespace()).count();
    for option in OPTIONS {
        let document = document(option).await;
        more.extend(actions(&document));
        assert!(chars(&document) <= CHARACTERS_MAX, "{option}");
    }
    let (count, optional) = (actions(&policy).len(), more.len());
    println!("{count} actions in {} characters, and {optional} optional ones", chars(&policy));
    println!("all of them are asked for, and no other");
    assert!(count <= ACTIONS_MAX && optional <= OPTIONAL_MAX && chars(&policy) <= CHARACTERS_MAX);
    assert!(actions(&policy).is_disjoint(&more));
    // Each option is enough for what it is for.
    let mut pruning = policy.clone();
    let more = document(OPTIONS[0]).await["Statement"].as_array().expect("statements").clone();
    pruning["Statement"].as_array_mut().expect("statements").extend(more);
    let (_, said, [deleted, _]) = prune([&pruning, &pruning]).await;
    assert_eq!((said, deleted.len()), ([String::new(), String::new()], 7));
    // Without the options nothing is lacking that does not need them.
    for story in STORIES {
        let sandbox = story.sandbox().await;
        sandbox.restrict(vec![policy.clone()]);
        let manifests = story.manifests();
        assert!(manifests.contains("  instanceProfile: true\n"));
        let conclusions = run(&sandbox, &manifests.replace("  instanceProfile: true\n", "")).await;
        let others: Vec<_> = conclusions.iter().filter(|(_, conclusion)| conclusion.state != State::InSync).collect();
        assert!(others.is_empty(), "{story:?}: {others:#?}");
        assert!(sandbox.asked().is_subset(&actions(&policy)), "{story:?}");
    }
}

/// What goes on without its action, and why.
const GOES_ON: &[(&str, &str)] = &[
    (
        "iam:CreateServiceLinkedRole",
        "where ECS may not make its role with the first cluster, the cluster is made all the same",
    ),
    (
        "ecs:DescribeServiceDeployments",
        "how a rollout ended is listed; described is how far it has come, and why it failed",
    ),
];

#[tokio::test(start_paused = true)]
async fn without_any_one_action_something_is_blocked_by_its_name_and_everything_else_goes_on() {
    let (document, asked) = (shipped().await, asked().await);
    let mut wrong = Vec::new();
    for action in actions(&document) {
        for story in STORIES.into_iter().filter(|story| asked[story].contains(&action)) {
            let sandbox = story.sandbox().await;
            sandbox.restrict(vec![without(&document, &action)]);
            let conclusions = run(&sandbox, &story.manifests()).await;
            let names = |conclusion: &Conclusion| conclusion.message.contains(&action);
            let goes_on = GOES_ON.iter().any(|(other, _)| *other == action);
            let blocked = conclusions.values().any(|one| one.state == State::Blocked && names(one));
            if blocked == goes_on {
                wrong.push(format!("{story:?} without {action}: {conclusions:#?}"));
            }
            // What neither was denied nor waits for what was is as declared.
            for (key, one) in &conclusions {
                if !(one.state == State::InSync || names(one) || ["NotReached", "WaitsFor"].contains(&one.reason)) {
                    wrong.push(format!("{story:?} without {action}: {key} is {one:#?}"));
                }
            }
            if !conclusions.values().any(|one| one.state == State::InSync) {
                wrong.push(format!("{story:?} without {action}: nothing goes on"));
            }
            sandbox.restrict(vec![document.clone()]);
            let healed = run(&sandbox, &story.manifests()).await;
            if let Some((key, one)) = healed.iter().find(|(_, one)| one.state != State::InSync) {
                wrong.push(format!("{story:?} with {action} again: {key} is {one:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An instance profile that has lost its role is found no more: it stays.
const LEFT_BEHIND: &str = "iam:DeleteInstanceProfile";

#[tokio::test(start_paused = true)]
async fn without_any_one_action_pruning_says_which_or_deletes_nothing_and_goes_on_once_it_is_allowed() {
    let document = shipped().await;
    let (asked, _, [all, _]) = prune([&document, &document]).await;
    assert_eq!(all.len(), 7, "{all:?}");
    let mut wrong = Vec::new();
    for action in asked.iter().filter(|action| *action != LEFT_BEHIND) {
        let (_, said, deleted) = prune([&without(&document, action), &document]).await;
        // What cannot be listed is said in the log; not everything that is read is needed here.
        let fine = said[0].contains(action.as_str()) || deleted[0].is_empty() || deleted[0] == all;
        if !fine || !said[1].is_empty() || deleted.concat().len() != all.len() {
            wrong.push(format!("without {action}: {said:#?} {deleted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
