//! Nothing is written twice: writes that do not show, several steps of which one fails, and plans that
//! name all that comes with a change.
#![cfg(feature = "sandbox")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use evenkeel::model::Kind;
use evenkeel::plan::{Rules, Written, plan};
use evenkeel::report::{plan_markdown, plan_text};
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::status::State;

use scenario::{Lab, annotated, calls, cluster, conclusion, key, manifest, role, service};

#[tokio::test(start_paused = true)]
async fn a_field_that_was_written_and_does_not_show_is_not_written_again_and_the_rest_goes_on() {
    let lab = Lab::new().await;
    let all = |count: &str, more: &str| {
        [cluster("shop"), service("web", "shop/web:1", "", &format!("desiredCount: {count}\n{more}"))].concat()
    };
    lab.settle(&all("1", "")).await;
    lab.swallow("UpdateService", 1);
    assert_eq!(calls(&lab.pass(&all("3", "")).await.outcomes), ["UpdateService"]);
    for _ in 0..3 {
        let pass = lab.pass(&all("3", "")).await;
        assert_eq!(calls(&pass.outcomes), [""; 0]);
        let said = conclusion(&pass, &key(Kind::Service, "web"));
        assert_eq!((said.state, said.reason), (State::Waiting, "NonConverging"));
        assert_eq!(
            said.message,
            "desiredCount was written as 3, and AWS shows 1; it is not written again until the manifest changes"
        );
    }
    let pass = lab.pass(&all("3", "healthCheckGracePeriodSeconds: 30\ntags: {team: shop}")).await;
    assert_eq!(calls(&pass.outcomes), ["UpdateService", "TagResource"]);
    assert_eq!(lab.service("shop", "web").await.desired_count(), 1, "only what had not been written");
    assert_eq!(lab.service("shop", "web").await.health_check_grace_period_seconds(), Some(30));
    lab.settle(&all("4", "healthCheckGracePeriodSeconds: 30\ntags: {team: shop}")).await;
    assert_eq!(lab.service("shop", "web").await.desired_count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_does_not_show_has_no_stand_in() {
    let lab = Lab::new().await;
    let all = |image: &str, tags: &str| {
        [
            cluster("shop"),
            service("web", image, "", "")
                .replace("  taskDefinition:\n", &format!("  taskDefinition:\n    tags: {{{tags}}}\n")),
        ]
        .concat()
    };
    lab.settle(&all("shop/web:1", "team: shop")).await;
    lab.swallow("RegisterTaskDefinition", 1);
    lab.pass(&all("shop/web:2", "team: web")).await;
    lab.calls();
    for _ in 0..3 {
        lab.pass(&all("shop/web:2", "team: web")).await;
    }
    assert_eq!(lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_undoes_a_change_at_once_is_not_fought() {
    let lab = Lab::new().await;
    let all = [cluster("shop"), service("web", "shop/web:1", "", "desiredCount: 1\n")].concat();
    lab.settle(&all).await;
    let mut writes = 0;
    for _ in 0..10 {
        let other = lab.ecs().update_service().cluster("shop").service("web").desired_count(5);
        other.send().await.expect("update");
        writes += lab.pass(&all).await.outcomes.len();
    }
    assert_eq!(writes, 1);
    let by_hand = lab.ecs().update_service().cluster("shop").service("web").desired_count(1);
    by_hand.send().await.expect("update");
    lab.settle(&all).await;
    // It was as declared for a while: what comes now is drift like any other.
    lab.ecs().update_service().cluster("shop").service("web").desired_count(5).send().await.expect("update");
    assert_eq!(lab.settle(&all).await, ["UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_does_not_show_is_not_registered_again() {
    let lab = Lab::new().await;
    let all = |image: &str| [cluster("shop"), service("web", image, "", "")].concat();
    lab.settle(&all("shop/web:1")).await;
    lab.swallow("RegisterTaskDefinition", 1);
    assert_eq!(calls(&lab.pass(&all("shop/web:2")).await.outcomes), ["RegisterTaskDefinition"]);
    let pass = lab.pass(&all("shop/web:2")).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    assert_eq!(conclusion(&pass, &key(Kind::TaskDefinition, "web")).reason, "NonConverging");
    assert_eq!(lab.running().await.container_definitions()[0].image().expect("image"), "shop/web:1");
}

#[tokio::test(start_paused = true)]
async fn a_trust_policy_that_names_somebody_who_was_recreated_is_written_once() {
    let lab = Lab::new().await;
    let trusted = role("trusted", "");
    let trusting = manifest(
        "Role",
        "trusting",
        r#"assumeRolePolicyDocument:
  Version: "2012-10-17"
  Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::123456789012:role/trusted"}, Action: "sts:AssumeRole"}
"#,
    );
    let all = [trusted, trusting].concat();
    for _ in 0..2 {
        lab.pass(&all).await;
    }
    lab.iam().delete_role().role_name("trusted").send().await.expect("delete");
    let plan = lab.plan(&all).await;
    let item = plan.items.iter().find(|item| item.key.name == "trusting").expect("planned");
    assert!(item.notes[0].contains("the principal was deleted or recreated"), "{:?}", item.notes);
    let mut writes = Vec::new();
    for _ in 0..5 {
        writes.extend(calls(&lab.pass(&all).await.outcomes));
    }
    let rewrites = writes.iter().filter(|call| *call == "UpdateAssumeRolePolicy").count();
    assert_eq!((rewrites, writes.iter().filter(|call| *call == "CreateRole").count()), (1, 1), "{writes:?}");
    assert!(lab.plan(&all).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn declaring_one_part_of_a_cluster_s_configuration_keeps_the_others() {
    let lab = Lab::new().await;
    let storage = "managedStorageConfiguration: {fargateEphemeralStorageKmsKeyId: key}";
    let with = |configuration: &str| manifest("Cluster", "shop", &format!("configuration: {{{configuration}}}"));
    lab.settle(&with(storage)).await;
    lab.settle(&with("executeCommandConfiguration: {logging: NONE}")).await;
    assert_eq!(lab.settle(&with(storage)).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_was_made_and_not_bound_is_bound_with_the_next_try() {
    let lab = Lab::new().await;
    lab.settle(&role("web", "")).await;
    let message = "The role with name web cannot be found.".to_owned();
    lab.inject("AddRoleToInstanceProfile", 1, FaultKind::Refuse { code: "NoSuchEntity", message, status: 404 });
    let all = role("web", "instanceProfile: true");
    assert_eq!(lab.pass(&all).await.outcomes.len(), 2);
    let again = calls(&lab.pass(&all).await.outcomes);
    assert!(again.contains(&"AddRoleToInstanceProfile".to_owned()), "{again:?}");
    assert_eq!(lab.settle(&all).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_tag_that_does_not_show_is_written_once() {
    let lab = Lab::new().await;
    lab.ecs().create_cluster().cluster_name("shop").send().await.expect("create");
    let all = manifest("Cluster", "shop", "{}");
    let lab = lab.adopting().await;
    lab.swallow("TagResource", 5);
    let mut writes = Vec::new();
    for _ in 0..5 {
        writes.extend(calls(&lab.pass(&all).await.outcomes));
    }
    assert_eq!(writes, ["TagResource"]);
    let pass = lab.pass(&all).await;
    assert_eq!(conclusion(&pass, &key(Kind::Cluster, "shop")).reason, "NonConverging");
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_new_revision_names_what_goes_away_too() {
    let lab = Lab::new().await;
    let all = |image: &str, more: &str| [cluster("shop"), service("web", image, more, "")].concat();
    lab.settle(&all("shop/web:1", "stopTimeout: 60")).await;
    let plan = lab.plan(&all("shop/web:2", "")).await;
    let item = plan.items.iter().find(|item| item.key == key(Kind::TaskDefinition, "web")).expect("planned");
    let paths: Vec<String> = item.changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, ["containerDefinitions[web].image", "containerDefinitions[web].stopTimeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_revision_with_a_field_less_that_does_not_show_is_not_registered_again() {
    let lab = Lab::new().await;
    let all = |image: &str, more: &str| [cluster("shop"), service("web", image, more, "")].concat();
    lab.settle(&all("shop/web:1", "stopTimeout: 60")).await;
    lab.swallow("RegisterTaskDefinition", 1);
    assert_eq!(calls(&lab.pass(&all("shop/web:2", "")).await.outcomes), ["RegisterTaskDefinition"]);
    assert_eq!(calls(&lab.pass(&all("shop/web:2", "")).await.outcomes), [""; 0]);
    assert_eq!(lab.running().await.revision(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_service_waits_for_a_revision_that_does_not_show() {
    let lab = Lab::new().await;
    let definition = |image: &str| {
        let spec = format!(
            "networkMode: awsvpc\nrequiresCompatibilities: [FARGATE]\ncpu: '256'\nmemory: '512'\n\
             containerDefinitions: [{{name: web, image: '{image}'}}]"
        );
        manifest("TaskDefinition", "web", &spec)
    };
    let web = "cluster: {ref: shop}\nlaunchType: FARGATE\ntaskDefinition: {ref: web}\n\
               networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
    lab.settle(&[cluster("shop"), definition("shop/web:1")].concat()).await;
    lab.swallow("RegisterTaskDefinition", 1);
    let all = [cluster("shop"), definition("shop/web:2"), manifest("Service", "web", web)].concat();
    let mut writes = Vec::new();
    for _ in 0..3 {
        writes.extend(calls(&lab.pass(&all).await.outcomes));
    }
    assert_eq!(writes, ["RegisterTaskDefinition"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_for_a_manifest_that_is_gone_is_forgotten() {
    let lab = Lab::new().await;
    let all =
        |count: &str| [cluster("shop"), service("web", "shop/web:1", "", &format!("desiredCount: {count}\n"))].concat();
    lab.settle(&all("1")).await;
    lab.swallow("UpdateService", 1);
    assert_eq!(calls(&lab.pass(&all("3")).await.outcomes), ["UpdateService"]);
    lab.pass(&cluster("shop")).await;
    assert_eq!(calls(&lab.pass(&all("3")).await.outcomes), ["UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_dropped_and_still_shows_is_no_change_of_the_document() {
    let lab = Lab::new().await;
    let all = |n: usize| {
        let document = format!(
            "policyDocument: {{Version: '2012-10-17', Statement: [{{Effect: Allow, Action: 's3:Get{n}', Resource: '*'}}]}}"
        );
        manifest("Policy", "web", &document)
    };
    for n in 0..5 {
        lab.settle(&all(n)).await;
    }
    let resources = lab.declared(&all(5));
    let due = resources.keys().cloned().collect();
    let world = lab.reconciler.aws().observe(&resources.values().collect::<Vec<_>>()).await;
    let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
    let first = plan(&resources, &world, &due, &rules, &Written::default());
    assert_eq!(first.items[0].steps.len(), 2);
    // Both calls were made, and the next look is at what was there before them.
    let written = Written::from([(first.items[0].key.clone(), first.items[0].changes.clone())]);
    let second = plan(&resources, &world, &due, &rules, &written);
    assert_eq!((second.items[0].steps.as_slice(), second.items[0].changes.as_slice()), (&[][..], &[][..]));
    assert_eq!(second.items[0].left.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_new_revision_names_the_tags_that_come_with_it() {
    let lab = Lab::new().await;
    let all = |image: &str, more: &str| [cluster("shop"), service("web", image, "", more)].concat();
    lab.settle(&all("shop/web:1", "")).await;
    let plan = lab.plan(&all("shop/web:2", "tags: {team: shop}")).await;
    let item = plan.items.iter().find(|item| item.key == key(Kind::Service, "web")).expect("planned");
    let paths: Vec<String> = item.changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, ["taskDefinition", "tags.team"]);
}

#[tokio::test(start_paused = true)]
async fn markup_in_what_is_left_is_no_markup_in_a_comment() {
    let lab = Lab::new().await;
    let all = |description: &str| {
        annotated(&role("web", &format!("description: '{description}'")), "evenkeel/ignore-fields: description")
    };
    lab.settle(&all("any * one *")).await;
    let plan = lab.plan(&all("<!-- `x`")).await;
    let text = plan_markdown(&plan, lab.reconciler.aws().account());
    assert!(text.contains(r"left: description is any \* one \*, declared \<!-- \`x\`; ignored"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_value_does_not_write_lines_of_its_own_into_a_plan() {
    let lab = Lab::new().await;
    lab.settle(&role("web", "description: before")).await;
    let plan = lab.plan(&role("web", r#"description: "x\n+ Role/forged\u0009y""#)).await;
    let text = anstream::adapter::strip_str(&plan_text(&plan, lab.reconciler.aws().account())).to_string();
    assert!(!text.contains("\n+ Role/forged"), "{text}");
}
