//! What is ours and declared nowhere any more, through the real SDK against the simulated AWS, in
//! virtual time: what is deleted, when, in which order, and above all what is not.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "other tests use the rest")]
mod scenario;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_ecs::types::Tag;
use evenkeel::plan::{Itself, Rules};
use evenkeel::resource::Identity;
use evenkeel::sandbox::Sandbox;
use evenkeel::sandbox::fault::{Fault, FaultKind};
use evenkeel::status::Orphaned;
use evenkeel::watch::RELEASE_FILE;

use scenario::{INTERVAL, Lab, Running, annotated, cluster, manifest, role, seconds, service};

const GONE: &str = "evenkeel/deletion-policy: delete";

/// Long enough for something to be old enough, and for a handful of deletions one after the other.
async fn half_an_hour() {
    seconds(1800).await;
}

fn shop() -> String {
    cluster("shop")
}

/// Services `web-0` … of the cluster `shop`, each in a file of its own, and the cluster.
fn services(count: usize) -> Vec<(String, String)> {
    let one = |n: usize| (format!("web-{n}.yaml"), service(&format!("web-{n}"), "shop/web:1", "", ""));
    std::iter::once(("shop.yaml".to_owned(), shop())).chain((0..count).map(one)).collect()
}

fn files(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

fn remove(running: &Running, name: &str) {
    std::fs::remove_file(running.directory.join(name)).expect("remove");
}

fn orphans(running: &Running) -> Vec<Orphaned> {
    running.shared.board().pruned.clone().map(|pruned| pruned.orphans).unwrap_or_default()
}

fn said(running: &Running) -> Vec<String> {
    orphans(running).iter().map(|orphan| format!("{}: {}", orphan.key, orphan.reason)).collect()
}

fn blocked(running: &Running) -> Option<&'static str> {
    running.shared.board().pruned.as_ref().and_then(|pruned| pruned.obstacle.as_ref()).map(|(reason, _)| *reason)
}

async fn status(running: &Running, cluster: &str, name: &str) -> String {
    let lab = Lab::over(Arc::clone(&running.sandbox)).await;
    let answer = lab.ecs().describe_services().cluster(cluster).services(name).send().await.expect("describe");
    answer.services().first().and_then(|service| service.status()).unwrap_or("MISSING").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_manifest_is_gone_is_deleted_after_five_minutes_and_nothing_else_is() {
    let running = Running::pruning(Sandbox::new(), &files(&services(3))).await;
    running.calls();
    remove(&running, "web-1.yaml");
    seconds(240).await;
    assert_eq!(running.writes(), [""; 0], "it was declared until lately");
    assert_eq!(said(&running), ["Service/shop/web-1: Young"]);
    half_an_hour().await;
    assert_eq!(running.writes(), ["UpdateService", "DeleteService"]);
    assert_eq!(status(&running, "shop", "web-1").await, "INACTIVE");
    assert_eq!(said(&running), [""; 0]);
    assert_eq!(running.board().len(), 5, "{:?}", running.board());
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn without_being_told_to_prune_it_deletes_nothing_and_lists_nothing() {
    let running = Running::start(&files(&services(3))).await;
    running.calls();
    remove(&running, "web-1.yaml");
    half_an_hour().await;
    let calls: BTreeSet<String> = running.calls().into_iter().collect();
    assert!(!calls.contains("ListServices") && !calls.contains("DeleteService"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_comes_back_in_time_has_lost_nothing() {
    let all = services(3);
    let running = Running::pruning(Sandbox::new(), &files(&all)).await;
    running.calls();
    for _ in 0..3 {
        remove(&running, "web-1.yaml");
        seconds(200).await;
        running.write("web-1.yaml", &all[2].1);
        seconds(200).await;
    }
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_comes_back_while_everything_is_listed_has_lost_nothing() {
    let all = services(3);
    let folder = tempfile::tempdir().expect("tempdir");
    all.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).expect("write"));
    // Nobody says that the directory has changed: what is not read again is not known.
    let (_hints, hinted) = tokio::sync::watch::channel(0_u64);
    let running = Running::watching(Sandbox::new(), (INTERVAL, true), folder.path(), Some(hinted)).await;
    running.settle().await;
    remove(&running, "web-1.yaml");
    while said(&running) != ["Service/shop/web-1: Young"] {
        seconds(1).await;
    }
    seconds(280).await;
    running.sandbox.inject(Fault { operation: "ListServices".into(), times: 4, kind: FaultKind::Throttled });
    running.calls();
    while !running.calls().contains(&"ListClusters".to_owned()) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    running.write("web-1.yaml", &all[2].1);
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(status(&running, "shop", "web-1").await, "ACTIVE");
}

#[tokio::test(start_paused = true)]
async fn a_file_under_another_name_is_no_call_at_all() {
    let running = Running::pruning(Sandbox::new(), &files(&services(3))).await;
    running.calls();
    let file = |name: &str| running.directory.join(name);
    std::fs::create_dir(file("team")).expect("create");
    std::fs::rename(file("web-1.yaml"), file("team/renamed.yaml")).expect("rename");
    // Less than the interval of looks: what is called now is called because of the rename.
    seconds(45).await;
    assert_eq!(running.writes(), [""; 0]);
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(said(&running), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_emptied_directory_deletes_nothing_and_says_so() {
    let all = services(2);
    let running = Running::pruning(Sandbox::new(), &files(&all)).await;
    running.calls();
    all.iter().for_each(|(name, _)| remove(&running, name));
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(blocked(&running), Some("Empty"));
    assert!(running.shared.metrics.text().expect("text").contains("evenkeel_prune_blocked{reason=\"Empty\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_vanished_deletes_nothing() {
    let running = Running::pruning(Sandbox::new(), &files(&services(2))).await;
    running.calls();
    std::fs::remove_dir_all(&running.directory).expect("remove");
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn while_a_file_is_broken_nothing_is_deleted() {
    let all = services(4);
    let running = Running::pruning(Sandbox::new(), &files(&all)).await;
    running.calls();
    remove(&running, "web-1.yaml");
    running.write("web-2.yaml", "kind: [");
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(blocked(&running), Some("Problems"));
    running.write("web-2.yaml", &all[3].1);
    half_an_hour().await;
    assert_eq!(running.writes(), ["UpdateService", "DeleteService"]);
}

#[tokio::test(start_paused = true)]
async fn deletions_come_last_and_wait_until_what_is_declared_is_healthy() {
    let running = Running::pruning(Sandbox::new(), &files(&services(3))).await;
    running.calls();
    remove(&running, "web-1.yaml");
    running.write("web-3.yaml", &service("web-3", "shop/web:crash", "", ""));
    half_an_hour().await;
    assert!(!running.writes().contains(&"DeleteService".to_owned()));
    assert_eq!(blocked(&running), Some("Unsettled"));
    running.write("web-3.yaml", &service("web-3", "shop/web:2", "", ""));
    half_an_hour().await;
    assert_eq!(running.writes().last().map(String::as_str), Some("DeleteService"));
}

#[tokio::test(start_paused = true)]
async fn more_than_thirty_percent_are_refused_as_a_whole_until_a_person_names_them() {
    let running = Running::pruning(Sandbox::new(), &files(&services(4))).await;
    running.calls();
    for n in 0..3 {
        remove(&running, &format!("web-{n}.yaml"));
    }
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(blocked(&running), Some("Budget"));
    let pruned = running.shared.board().pruned.clone().expect("pruned");
    assert_eq!(pruned.to_release.len(), 3);
    let (_, why) = pruned.obstacle.expect("an obstacle");
    assert!(why.starts_with("3 of 4 resources of kind Service would be deleted"), "{why}");
    // One is named, two remain: that is within the budget.
    running.write(RELEASE_FILE, &format!("# the old shop\n{}\n", pruned.to_release[0]));
    half_an_hour().await;
    assert_eq!(running.writes().iter().filter(|call| *call == "DeleteService").count(), 3);
    assert_eq!(said(&running), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_role_goes_only_when_the_last_of_its_service_is_gone() {
    let all = [
        ("shop.yaml", annotated(&shop(), GONE)),
        (
            "role.yaml",
            annotated(
                &role("task", "instanceProfile: true\nmanagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess']"),
                GONE,
            ),
        ),
        (
            "web.yaml",
            service("web", "shop/web:1", "", "").replace("cpu: '256'", "cpu: '256'\n    taskRoleArn: {ref: task}"),
        ),
        ("kept.yaml", role("kept", "")),
    ];
    let all = all.map(|(name, text)| (name.to_owned(), text));
    let running = Running::pruning(Sandbox::new(), &files(&all)).await;
    running.calls();
    for name in ["shop.yaml", "role.yaml", "web.yaml"] {
        remove(&running, name);
    }
    half_an_hour().await;
    assert_eq!(
        running.writes(),
        [
            "UpdateService",
            "DeleteService",
            "DeleteCluster",
            "TagRole",
            "RemoveRoleFromInstanceProfile",
            "DeleteInstanceProfile",
            "DetachRolePolicy",
            "DeleteRole",
        ]
    );
    assert_eq!(said(&running), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_retained_stays_and_is_said_to() {
    let all = [
        ("shop.yaml", shop()),
        ("role.yaml", role("task", "")),
        ("web.yaml", annotated(&service("web", "shop/web:1", "", ""), "evenkeel/deletion-policy: retain")),
        ("kept.yaml", role("kept", "")),
    ];
    let all = all.map(|(name, text)| (name.to_owned(), text));
    let running = Running::pruning(Sandbox::new(), &files(&all)).await;
    running.calls();
    for name in ["shop.yaml", "role.yaml", "web.yaml"] {
        remove(&running, name);
    }
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(said(&running), ["Service/shop/web: Retained", "Cluster/shop: Retained", "Role/task: Retained"]);
    assert!(
        running.shared.metrics.text().expect("text").contains("evenkeel_orphans{kind=\"Role\",state=\"retained\"} 1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_deletion_policy_that_is_taken_out_of_the_manifest_counts_no_longer() {
    let kept = role("kept", "");
    let running =
        Running::pruning(Sandbox::new(), &[("role.yaml", &annotated(&role("task", ""), GONE)), ("kept.yaml", &kept)])
            .await;
    running.calls();
    running.write("role.yaml", &role("task", ""));
    running.settle().await;
    assert_eq!(running.writes(), ["TagRole"]);
    remove(&running, "role.yaml");
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(said(&running), ["Role/task: Retained"]);
}

#[tokio::test(start_paused = true)]
async fn another_process_goes_on_where_one_was_broken_off() {
    let sandbox = Sandbox::new();
    let all = services(3);
    let first = Running::pruning(Arc::clone(&sandbox), &files(&all)).await;
    remove(&first, "web-1.yaml");
    // Its service is scaled to nothing, and the process ends before it is deleted.
    sandbox.inject(Fault { operation: "DeleteService".into(), times: 1, kind: FaultKind::DropBefore });
    let mut reached = false;
    for _ in 0..120 {
        seconds(5).await;
        reached |= first.writes().contains(&"UpdateService".to_owned());
        if reached {
            break;
        }
    }
    assert!(reached && first.stop().await);
    let left: Vec<_> = all.into_iter().filter(|(name, _)| name != "web-1.yaml").collect();
    let second = Running::pruning(Arc::clone(&sandbox), &files(&left)).await;
    half_an_hour().await;
    assert_ne!(status(&second, "shop", "web-1").await, "ACTIVE");
    assert_eq!(said(&second), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_not_even_shown() {
    let sandbox = Sandbox::new();
    let theirs = Lab::owned(Arc::clone(&sandbox), "another").await;
    theirs.settle(&[cluster("theirs"), role("theirs", "")].concat()).await;
    let lab = Lab::over(Arc::clone(&sandbox)).await;
    lab.ecs().create_cluster().cluster_name("by-hand").send().await.expect("create");
    let running = Running::pruning(Arc::clone(&sandbox), &files(&services(2))).await;
    running.calls();
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(said(&running), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_made_anew_under_the_same_name_is_not_what_was_to_go() {
    let running = Running::pruning(Sandbox::new(), &files(&services(3))).await;
    remove(&running, "web-1.yaml");
    seconds(280).await;
    let lab = Lab::over(Arc::clone(&running.sandbox)).await;
    let (ecs, old) = (lab.ecs(), lab.service("shop", "web-1").await);
    ecs.delete_service().cluster("shop").service("web-1").force(true).send().await.expect("delete");
    seconds(5).await;
    while status(&running, "shop", "web-1").await != "INACTIVE" {
        seconds(5).await;
    }
    let create = ecs.create_service().cluster("shop").service_name("web-1").desired_count(1);
    let create = create.task_definition(old.task_definition().expect("arn")).launch_type("FARGATE".into());
    let owner = Tag::builder().key("evenkeel:owner").value("evenkeel").build();
    let create = create.set_network_configuration(old.network_configuration.clone()).tags(owner);
    create.send().await.expect("create");
    running.calls();
    seconds(200).await;
    assert_eq!(said(&running), ["Service/shop/web-1: Young"], "its time begins anew");
    assert!(!running.writes().contains(&"DeleteService".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_with_somebody_elses_service_in_it_is_not_deleted() {
    let sandbox = Sandbox::new();
    let kept = role("kept", "");
    let running =
        Running::pruning(Arc::clone(&sandbox), &[("shop.yaml", &annotated(&shop(), GONE)), ("kept.yaml", &kept)]).await;
    let theirs = Lab::owned(Arc::clone(&sandbox), "another").await;
    let web = service("theirs", "shop/web:1", "", "").replace("{ref: shop}", "shop");
    theirs.settle(&web).await;
    running.calls();
    remove(&running, "shop.yaml");
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(said(&running), ["Cluster/shop: InUse"]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_denied_is_said_tried_again_and_holds_up_no_other() {
    let running = Running::pruning(Sandbox::new(), &files(&services(8))).await;
    let denied = FaultKind::Refuse { code: "AccessDeniedException", message: "no".to_owned(), status: 400 };
    running.sandbox.inject(Fault { operation: "DeleteService".into(), times: 1, kind: denied });
    remove(&running, "web-1.yaml");
    remove(&running, "web-2.yaml");
    running.calls();
    seconds(400).await;
    assert_eq!(status(&running, "shop", "web-2").await, "INACTIVE");
    assert_eq!(said(&running), ["Service/shop/web-1: Failed"]);
    half_an_hour().await;
    assert_eq!(status(&running, "shop", "web-1").await, "INACTIVE");
}

#[tokio::test(start_paused = true)]
async fn while_what_is_ours_cannot_be_listed_in_full_nothing_is_deleted() {
    let running = Running::pruning(Sandbox::new(), &files(&services(3))).await;
    let denied = FaultKind::Refuse { code: "AccessDeniedException", message: "no".to_owned(), status: 400 };
    remove(&running, "web-1.yaml");
    running.sandbox.inject(Fault { operation: "ListServices".into(), times: 1_000_000, kind: denied });
    running.calls();
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    running.sandbox.heal();
    half_an_hour().await;
    assert_eq!(running.writes(), ["UpdateService", "DeleteService"]);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_delete_the_service_cluster_and_role_that_it_runs_on() {
    let rules = Rules {
        owner: "evenkeel".to_owned(),
        itself: Itself {
            roles: BTreeSet::from(["task".to_owned()]),
            service: Some(Identity::Service { cluster: "shop".into(), name: "web".into() }),
            cluster: Some(Identity::Cluster { name: "shop".into() }),
        },
        ..Rules::default()
    };
    let all = [
        ("shop.yaml", annotated(&shop(), GONE)),
        ("role.yaml", annotated(&role("task", ""), GONE)),
        ("web.yaml", service("web", "shop/web:1", "", "")),
        ("kept.yaml", role("kept", "")),
    ];
    let all = all.map(|(name, text)| (name.to_owned(), text));
    let running = Running::under(Sandbox::new(), rules, (INTERVAL, true), &files(&all)).await;
    running.settle().await;
    running.calls();
    for name in ["shop.yaml", "role.yaml", "web.yaml"] {
        remove(&running, name);
    }
    half_an_hour().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(said(&running), ["Service/shop/web: Itself", "Cluster/shop: Itself", "Role/task: Itself"]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_goes_once_nothing_has_it_any_more() {
    let document =
        "policyDocument: {Version: '2012-10-17', Statement: {Effect: Allow, Action: 's3:GetObject', Resource: '*'}}";
    let logs = annotated(&manifest("Policy", "logs", document), GONE);
    let with = role("task", "policyMode: exclusive\nmanagedPolicyArns: [{ref: Policy/logs}]");
    let running = Running::pruning(Sandbox::new(), &[("logs.yaml", &logs), ("task.yaml", &with)]).await;
    running.calls();
    let other = role("task", "managedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess']");
    running.write("task.yaml", &other);
    remove(&running, "logs.yaml");
    half_an_hour().await;
    assert_eq!(said(&running), ["Policy/logs: InUse"], "an additive role keeps what it has");
    running.calls();
    running.write("task.yaml", &role("task", "policyMode: exclusive\nmanagedPolicyArns: []"));
    half_an_hour().await;
    assert_eq!(running.writes(), ["DetachRolePolicy", "DetachRolePolicy", "DeletePolicy"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_moves_to_another_cluster_leaves_the_old_one_to_be_pruned() {
    let web = service("web", "shop/web:1", "", "");
    let running =
        Running::pruning(Sandbox::new(), &[("shop.yaml", &shop()), ("new.yaml", &cluster("new")), ("web.yaml", &web)])
            .await;
    running.calls();
    running.write("web.yaml", &web.replace("{ref: shop}", "{ref: new}"));
    seconds(120).await;
    assert_eq!(running.writes(), ["CreateService"], "the new one first");
    half_an_hour().await;
    assert_eq!(running.writes(), ["UpdateService", "DeleteService"]);
    assert_eq!(status(&running, "shop", "web").await, "INACTIVE");
    assert_eq!(status(&running, "new", "web").await, "ACTIVE");
}
