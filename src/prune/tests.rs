use serde_json::json;

use super::*;
use crate::guard::Hindrance;
use crate::model::Source;
use crate::resource::{Adoption, Allowance};
use crate::value::Path;
use crate::world::OWNER_TAG;

fn orphan(identity: Identity, document: serde_json::Value) -> Orphan {
    let tags = BTreeMap::from([(OWNER_TAG.to_owned(), "evenkeel".to_owned())]);
    let arn = format!("arn of {identity}");
    Orphan { identity, live: Live { arn, document, tags, phase: Phase::Steady }, created: "2026".to_owned() }
}

fn service(name: &str) -> Orphan {
    let identity = Identity::Service { cluster: "shop".into(), name: name.into() };
    orphan(identity, json!({ "desiredCount": 1, "schedulingStrategy": "REPLICA" }))
}

fn marked(mut orphan: Orphan, policy: &str) -> Orphan {
    orphan.live.tags.insert(DELETION_TAG.to_owned(), policy.to_owned());
    orphan
}

fn role(name: &str) -> Orphan {
    marked(orphan(Identity::Role { name: name.into() }, json!({})), "delete")
}

fn cluster(name: &str, document: serde_json::Value) -> Orphan {
    marked(orphan(Identity::Cluster { name: name.into() }, document), "delete")
}

/// A declared resource.
fn declared(identity: Identity, name: &str, spec: serde_json::Value) -> Resource {
    let key = Key::new(identity.kind(), name);
    Resource {
        manifest: key.clone(),
        key,
        source: Source { file: "all.yaml".into(), document: 0, line: 1 },
        origin: Path::default(),
        identity,
        needs: BTreeSet::new(),
        spec,
        tags: BTreeMap::new(),
        adoption: Adoption::Unsaid,
        deletion: None,
        ignored: Vec::new(),
        allowance: Allowance::default(),
        suspended: false,
        restarted_at: None,
        task_definition: None,
        digest: None,
        whole_digest: None,
    }
}

/// As many declared services as are needed for the budget not to matter.
fn many() -> BTreeMap<Key, Resource> {
    let one = |n: usize| {
        let name = format!("kept-{n}");
        let identity = Identity::Service { cluster: "other".into(), name: name.clone() };
        let resource = declared(identity, &name, json!({}));
        (resource.key.clone(), resource)
    };
    (0..20).map(one).collect()
}

/// What becomes of each, when everything is old enough and nothing is in the way.
fn pruned(orphans: &[Orphan], declared: &BTreeMap<Key, Resource>) -> Pruning {
    let estate = Estate { orphans: orphans.to_vec(), ..Estate::default() };
    let ages = orphans.iter().map(|orphan| (orphan.pin(), DELAY)).collect();
    let (rules, released) = (Rules::default(), BTreeSet::new());
    prune(&estate, &Situation { declared, rules: &rules, obstacle: None, ages: &ages, released: &released })
}

fn said(pruning: &Pruning) -> Vec<String> {
    let one = |item: &Item| match &item.held {
        Some(reason) => format!("{}: {}", item.key, reason.label()),
        None => format!("{}: {}", item.key, calls(item).join(", ")),
    };
    pruning.items.iter().map(one).collect()
}

fn calls(item: &Item) -> Vec<String> {
    item.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_service_is_scaled_to_nothing_and_deleted_never_by_force() {
    let pruning = pruned(&[service("web")], &many());
    assert_eq!(said(&pruning), ["Service/shop/web: ecs:UpdateService shop/web, ecs:DeleteService shop/web"]);
    let mut daemon = service("agent");
    daemon.live.document["schedulingStrategy"] = "DAEMON".into();
    assert_eq!(said(&pruned(&[daemon], &many())), ["Service/shop/agent: ecs:DeleteService shop/agent"]);
    let mut empty = service("web");
    empty.live.document["desiredCount"] = 0.into();
    assert_eq!(said(&pruned(&[empty], &many())), ["Service/shop/web: ecs:DeleteService shop/web"]);
}

#[test]
fn policies_roles_and_clusters_stay_unless_their_manifest_said_otherwise() {
    let kept = [
        orphan(Identity::Role { name: "task".into() }, json!({})),
        orphan(Identity::Policy { arn: "arn:aws:iam::1:policy/logs".into() }, json!({})),
        orphan(Identity::Cluster { name: "shop".into() }, json!({})),
        marked(service("web"), "retain"),
        marked(service("odd"), "perhaps"),
        marked(orphan(Identity::TaskDefinition { family: "web".into() }, json!({})), "delete"),
    ];
    let pruning = pruned(&kept, &many());
    assert!(pruning.items.iter().all(|item| item.verb == Verb::Retain && !item.acts()), "{:?}", said(&pruning));
    assert_eq!(pruning.obstacle, None);
}

#[test]
fn services_go_first_and_only_then_what_they_may_need() {
    let all = [role("task"), cluster("shop", json!({})), service("web"), cluster("empty", json!({}))];
    assert_eq!(
        said(&pruned(&all, &many())),
        [
            "Service/shop/web: ecs:UpdateService shop/web, ecs:DeleteService shop/web",
            "Cluster/empty: ecs:DeleteCluster empty",
            "Cluster/shop: WaitsFor",
            "Role/task: WaitsFor",
        ]
    );
    let kept = [role("task"), marked(service("web"), "retain")];
    assert_eq!(said(&pruned(&kept, &many())), ["Service/shop/web: Retained", "Role/task: InUse"]);
    let ages = [role("task").pin(), cluster("shop", json!({})).pin()].into_iter().map(|pin| (pin, DELAY)).collect();
    let estate = Estate {
        orphans: vec![role("task"), cluster("shop", json!({}))],
        draining: BTreeSet::from(["shop".to_owned()]),
        ..Estate::default()
    };
    let (declared, rules, released) = (many(), Rules::default(), BTreeSet::new());
    let situation = Situation { declared: &declared, rules: &rules, obstacle: None, ages: &ages, released: &released };
    assert_eq!(said(&prune(&estate, &situation)), ["Cluster/shop: Busy", "Role/task: Busy"]);
}

#[test]
fn a_role_is_emptied_before_it_is_deleted_and_strangers_profiles_stay() {
    let mut role = role("task");
    role.live.document = json!({
        "instanceProfiles": ["task", "theirs"],
        OWN_PROFILES: ["task"],
        "managedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "inlinePolicies": { "logs": {} },
    });
    let pruning = pruned(&[role], &many());
    assert_eq!(
        calls(&pruning.items[0]),
        [
            "iam:TagRole task",
            "iam:RemoveRoleFromInstanceProfile task task",
            "iam:DeleteInstanceProfile task",
            "iam:RemoveRoleFromInstanceProfile theirs task",
            "iam:DetachRolePolicy task arn:aws:iam::aws:policy/ReadOnlyAccess",
            "iam:DeleteRolePolicy task logs",
            "iam:DeleteRole task",
        ]
    );
}

#[test]
fn a_profile_that_a_deletion_left_behind_goes_with_the_role() {
    let mut role = role("task");
    role.live.document = json!({ "instanceProfiles": [], LEFT_PROFILES: ["machines"] });
    let pruning = pruned(&[role], &many());
    assert_eq!(calls(&pruning.items[0]), ["iam:DeleteInstanceProfile machines", "iam:DeleteRole task"]);
}

#[test]
fn what_is_in_use_stays_and_says_by_what() {
    let policy = |document| marked(orphan(Identity::Policy { arn: "arn:p".into() }, document), "delete");
    let versions = json!([
        { "versionId": "v2", "isDefaultVersion": true },
        { "versionId": "v1", "isDefaultVersion": false },
    ]);
    let why = |orphan: Orphan| pruned(&[orphan], &many()).items[0].held.as_ref().map(ToString::to_string);
    let prefix = "it is not deleted while it is in use: ";
    assert_eq!(
        why(policy(json!({ "attachmentCount": 2, "versions": versions }))),
        Some(format!("{prefix}2 roles, users or groups that it is attached to"))
    );
    let free = pruned(&[policy(json!({ "attachmentCount": 0, "versions": versions }))], &many());
    assert_eq!(calls(&free.items[0]), ["iam:DeletePolicyVersion arn:p v1", "iam:DeletePolicy arn:p"]);
    assert_eq!(
        why(cluster("shop", json!({ "activeServicesCount": 1, "runningTasksCount": 3 }))),
        Some(format!("{prefix}1 services in it, 3 tasks running in it"))
    );
    let mut external = service("web");
    external.live.document["deploymentController"] = json!({ "type": "EXTERNAL" });
    external.live.document["taskSets"] = json!([{}]);
    assert!(why(external).is_some_and(|why| why.contains("task sets")));
}

#[test]
fn what_something_declared_still_names_stays() {
    let name = |identity: Identity, spec: serde_json::Value| {
        let mut declared_ones = many();
        let resource = declared(identity, "user", spec);
        declared_ones.insert(resource.key.clone(), resource);
        declared_ones
    };
    let family = || Identity::TaskDefinition { family: "user".into() };
    let held = |orphan: &Orphan, declared: &BTreeMap<Key, Resource>| {
        pruned(std::slice::from_ref(orphan), declared).items[0].held.as_ref().map(Reason::label)
    };
    let role = role("task");
    let by_arn = name(family(), json!({ "taskRoleArn": role.live.arn }));
    let by_name = name(family(), json!({ "executionRoleArn": "task" }));
    let elsewhere = name(family(), json!({ "containerDefinitions": [{ "name": "task", "command": ["task"] }] }));
    assert_eq!(held(&role, &by_arn), Some("InUse"));
    assert_eq!(held(&role, &by_name), Some("InUse"));
    assert_eq!(held(&role, &elsewhere), None, "a container may be called like a role");
    let service = Identity::Service { cluster: "shop".into(), name: "web".into() };
    assert_eq!(held(&cluster("shop", json!({})), &name(service, json!({}))), Some("InUse"));
    let provider = orphan(Identity::CapacityProvider { name: "spot".into() }, json!({}));
    let strategy = json!({ "defaultCapacityProviderStrategy": [{ "capacityProvider": "spot" }] });
    assert_eq!(held(&provider, &name(Identity::Cluster { name: "other".into() }, strategy)), Some("InUse"));
}

#[test]
fn a_capacity_provider_goes_after_a_cluster_that_goes_and_before_its_own() {
    let provider = orphan(Identity::CapacityProvider { name: "spot".into() }, json!({}));
    let own = orphan(Identity::CapacityProvider { name: "spot".into() }, json!({ "cluster": "arn:aws:ecs:…/shop" }));
    let run = |orphans: Vec<Orphan>| {
        let ages = orphans.iter().map(|orphan| (orphan.pin(), DELAY)).collect();
        let providers = BTreeMap::from([("shop".to_owned(), BTreeSet::from(["spot".to_owned()]))]);
        let estate = Estate { orphans, providers, ..Estate::default() };
        let (declared, rules, released) = (many(), Rules::default(), BTreeSet::new());
        let situation =
            Situation { declared: &declared, rules: &rules, obstacle: None, ages: &ages, released: &released };
        said(&prune(&estate, &situation))
    };
    assert_eq!(run(vec![provider.clone()]), ["CapacityProvider/spot: InUse"]);
    assert_eq!(
        run(vec![provider, cluster("shop", json!({}))]),
        ["CapacityProvider/spot: WaitsFor", "Cluster/shop: ecs:DeleteCluster shop"]
    );
    assert_eq!(run(vec![own]), ["CapacityProvider/spot: ecs:DeleteCapacityProvider spot"]);
}

#[test]
fn of_each_kind_two_may_go_or_thirty_percent_and_else_nothing_does() {
    let run = |count: usize, declared: &BTreeMap<Key, Resource>| {
        pruned(&(0..count).map(|n| service(&format!("web-{n}"))).collect::<Vec<_>>(), declared)
    };
    let few: BTreeMap<Key, Resource> = many().into_iter().take(1).collect();
    assert_eq!(run(2, &few).obstacle, None, "two of three");
    let refused = run(3, &few);
    assert_eq!(refused.obstacle, Some(Obstacle::Budget { kind: Kind::Service, deletions: 3, owned: 4, budget: 2 }));
    assert!(refused.items.iter().all(|item| !item.acts()));
    assert_eq!(refused.to_release.len(), 3);
    assert_eq!(run(8, &many()).obstacle, None, "8 of 28 are less than 30 %");
    assert!(run(9, &many()).obstacle.is_some(), "9 of 29 are more");
}

#[test]
fn what_a_person_has_named_does_not_count_against_the_budget() {
    let orphans: Vec<Orphan> = (0..3).map(|n| service(&format!("web-{n}"))).collect();
    let few: BTreeMap<Key, Resource> = many().into_iter().take(1).collect();
    let estate = Estate { orphans: orphans.clone(), ..Estate::default() };
    let ages = orphans.iter().map(|orphan| (orphan.pin(), DELAY)).collect();
    let rules = Rules::default();
    let run = |released: BTreeSet<String>| {
        prune(&estate, &Situation { declared: &few, rules: &rules, obstacle: None, ages: &ages, released: &released })
    };
    assert_eq!(run(BTreeSet::from([orphans[0].pin()])).obstacle, None);
    let other = Orphan { created: "2027".to_owned(), ..orphans[0].clone() };
    assert!(run(BTreeSet::from([other.pin()])).obstacle.is_some(), "another of the same name is not what was named");
}

#[test]
fn one_kind_beyond_its_budget_stops_every_deletion() {
    let mut orphans: Vec<Orphan> = (0..3).map(|n| role(&format!("task-{n}"))).collect();
    orphans.push(service("web"));
    let pruning = pruned(&orphans, &many());
    assert!(matches!(pruning.obstacle, Some(Obstacle::Budget { kind: Kind::Role, .. })));
    assert!(pruning.items.iter().all(|item| matches!(item.held, Some(Reason::NotPruned(_)))));
}

#[test]
fn what_was_declared_until_lately_waits() {
    let estate = Estate { orphans: vec![service("web")], ..Estate::default() };
    let (declared, rules, released) = (many(), Rules::default(), BTreeSet::new());
    let held = |age: u64| {
        let ages = BTreeMap::from([(service("web").pin(), Duration::from_secs(age))]);
        let situation =
            Situation { declared: &declared, rules: &rules, obstacle: None, ages: &ages, released: &released };
        prune(&estate, &situation).items[0].held.clone()
    };
    assert_eq!(held(0), Some(Reason::Young(DELAY)));
    assert_eq!(held(299), Some(Reason::Young(Duration::from_secs(1))));
    assert_eq!(held(300), None);
}

#[test]
fn what_this_process_runs_on_is_never_deleted() {
    let rules = Rules {
        itself: crate::plan::Itself {
            roles: BTreeSet::from(["task".to_owned()]),
            service: Some(service("web").identity),
            cluster: Some(Identity::Cluster { name: "shop".into() }),
        },
        ..Rules::default()
    };
    let orphans = vec![service("web"), cluster("shop", json!({})), role("task")];
    let ages = orphans.iter().map(|orphan| (orphan.pin(), DELAY)).collect();
    let estate = Estate { orphans, ..Estate::default() };
    let (declared, released) = (many(), BTreeSet::new());
    let situation = Situation { declared: &declared, rules: &rules, obstacle: None, ages: &ages, released: &released };
    assert!(prune(&estate, &situation).items.iter().all(|item| matches!(item.held, Some(Reason::Itself(_)))));
}

#[test]
fn with_a_directory_that_is_only_observed_nothing_is_deleted() {
    let rules = Rules { modes: "apply,legacy=observe".parse().unwrap(), ..Rules::default() };
    let estate = Estate { orphans: vec![service("web")], ..Estate::default() };
    let ages = BTreeMap::from([(service("web").pin(), DELAY)]);
    let (declared, released) = (many(), BTreeSet::new());
    let situation = Situation { declared: &declared, rules: &rules, obstacle: None, ages: &ages, released: &released };
    assert_eq!(prune(&estate, &situation).obstacle, Some(Obstacle::Mode(Mode::Observe)));
}

#[test]
fn every_obstacle_has_its_word_in_the_table() {
    let all = [
        Obstacle::Empty,
        Obstacle::Problems(1),
        Obstacle::Unreadable,
        Obstacle::Unsettled(Key::new(Kind::Role, "task")),
        Obstacle::Mode(Mode::Plan),
        Obstacle::from(Hindrance::Never("for a reason".to_owned())),
        Obstacle::from(Hindrance::Until("another time".to_owned())),
        Obstacle::Budget { kind: Kind::Role, deletions: 3, owned: 3, budget: 2 },
    ];
    assert_eq!(all.map(|obstacle| obstacle.label()), *OBSTACLES);
}
