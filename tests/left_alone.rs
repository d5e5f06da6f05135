//! Differences that are seen and left as they are: ignored fields, writes that do not show, what is
//! yet to be adopted.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::sync::Arc;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs::types::ContainerDefinition;
use evenkeel::aws::{Aws, loader};
use evenkeel::metrics::Metrics;
use evenkeel::model::Kind;
use evenkeel::plan::{Item, Rules, Verb};
use evenkeel::reconcile::Reconciler;
use evenkeel::report::plan_text;
use evenkeel::sandbox::client;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::status::State;

use scenario::{Lab, annotated, calls, cluster, conclusion, key, role, service};

/// AWS takes the next calls and does nothing: the SDK goes by the status alone.
fn swallow(lab: &Lab, operation: &str) {
    lab.inject(operation, 1, FaultKind::Refuse { code: "", message: String::new(), status: 200 });
}

fn left(item: &Item) -> Vec<String> {
    item.left.iter().map(|left| format!("{} {}", left.change.path, left.why.label())).collect()
}

/// What a pipeline does: another image in a new revision, which the service is told to run.
async fn deploy(lab: &Lab, image: &str) {
    let web = lab.service("shop", "web").await;
    let arn = web.task_definition().expect("arn");
    let answer = lab.ecs().describe_task_definition().task_definition(arn).send().await.expect("describe");
    let old = answer.task_definition.expect("a definition");
    let containers: Vec<ContainerDefinition> = old
        .container_definitions()
        .iter()
        .map(|container| {
            let mut container = container.clone();
            container.image = Some(image.to_owned());
            container
        })
        .collect();
    let register = lab.ecs().register_task_definition().family(old.family().expect("family"));
    let register = register.set_container_definitions(Some(containers)).set_network_mode(old.network_mode.clone());
    let register = register.set_requires_compatibilities(old.requires_compatibilities.clone());
    let answer = register.set_cpu(old.cpu.clone()).set_memory(old.memory.clone()).send().await.expect("register");
    let arn = answer.task_definition.and_then(|definition| definition.task_definition_arn).expect("arn");
    lab.ecs().update_service().cluster("shop").service("web").task_definition(arn).send().await.expect("update");
    scenario::seconds(600).await;
    lab.calls();
}

async fn running_image(lab: &Lab) -> String {
    let web = lab.service("shop", "web").await;
    let arn = web.task_definition().expect("arn");
    let answer = lab.ecs().describe_task_definition().task_definition(arn).send().await.expect("describe");
    let definition = answer.task_definition.expect("a definition");
    definition.container_definitions()[0].image().expect("image").to_owned()
}

#[tokio::test(start_paused = true)]
async fn an_image_that_a_pipeline_deploys_is_neither_reverted_nor_lost_with_the_next_change() {
    let lab = Lab::new().await;
    let all = |more: &str| {
        let web = service("web", "shop/web:1", more, "");
        let ignoring = annotated(&web, "evenkeel/ignore-fields: taskDefinition.containerDefinitions.*.image");
        [cluster("shop"), ignoring].concat()
    };
    lab.settle(&all("")).await;
    deploy(&lab, "shop/web:9").await;
    for lab in [Lab::over(Arc::clone(&lab.sandbox)).await, lab] {
        let pass = lab.pass(&all("")).await;
        assert_eq!(calls(&pass.outcomes), [""; 0]);
        let definition = &pass.items[&key(Kind::TaskDefinition, "web")];
        assert_eq!(
            (definition.verb, left(definition)),
            (Verb::Keep, vec!["containerDefinitions[web].image Ignored".into()])
        );
        assert_eq!(pass.items[&key(Kind::Service, "web")].verb, Verb::Keep);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_change_of_a_manifest_keeps_the_image_that_it_ignores() {
    let lab = Lab::new().await;
    let all = |more: &str| {
        let web = service("web", "shop/web:1", more, "");
        let ignoring = annotated(&web, "evenkeel/ignore-fields: taskDefinition.containerDefinitions.*.image");
        [cluster("shop"), ignoring].concat()
    };
    lab.settle(&all("")).await;
    deploy(&lab, "shop/web:9").await;
    // Somebody's experiment is the family's newest; what counts is what the service runs.
    let old = lab.service("shop", "web").await;
    deploy(&lab, "shop/web:experiment").await;
    let back = lab.ecs().update_service().cluster("shop").service("web");
    back.task_definition(old.task_definition().expect("arn")).send().await.expect("update");
    scenario::seconds(600).await;
    assert_eq!(lab.settle(&all("stopTimeout: 60")).await, ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(running_image(&lab).await, "shop/web:9");
    assert_eq!(lab.settle(&all("stopTimeout: 60")).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn with_its_task_definition_ignored_a_service_runs_what_it_was_told_to() {
    let lab = Lab::new().await;
    let web = |image: &str| {
        let web = annotated(&service("web", image, "", ""), "evenkeel/ignore-fields: 'taskDefinition, desiredCount'");
        [cluster("shop"), web].concat()
    };
    lab.settle(&web("shop/web:1")).await;
    deploy(&lab, "shop/web:9").await;
    assert_eq!(lab.settle(&web("shop/web:2")).await, [""; 0]);
    assert_eq!(running_image(&lab).await, "shop/web:9");
}

#[tokio::test(start_paused = true)]
async fn a_field_that_was_written_and_does_not_show_is_not_written_again_and_the_rest_goes_on() {
    let lab = Lab::new().await;
    let all = |count: &str, more: &str| {
        [cluster("shop"), service("web", "shop/web:1", "", &format!("desiredCount: {count}\n{more}"))].concat()
    };
    lab.settle(&all("1", "")).await;
    swallow(&lab, "UpdateService");
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
    swallow(&lab, "RegisterTaskDefinition");
    assert_eq!(calls(&lab.pass(&all("shop/web:2")).await.outcomes), ["RegisterTaskDefinition"]);
    let pass = lab.pass(&all("shop/web:2")).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    assert_eq!(conclusion(&pass, &key(Kind::TaskDefinition, "web")).reason, "NonConverging");
    assert_eq!(running_image(&lab).await, "shop/web:1");
}

#[tokio::test(start_paused = true)]
async fn a_number_of_tasks_that_the_autoscaler_owns_is_not_fought_over() {
    let lab = Lab::new().await;
    let all = |image: &str| [cluster("shop"), service("web", image, "", "desiredCount: 2\n")].concat();
    lab.settle(&all("shop/web:1")).await;
    let autoscaling = aws_sdk_applicationautoscaling::Client::new(&lab.config);
    let target = autoscaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let target = target.resource_id("service/shop/web").scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
    target.min_capacity(2).max_capacity(10).send().await.expect("register");
    lab.ecs().update_service().cluster("shop").service("web").desired_count(7).send().await.expect("scale out");
    scenario::seconds(600).await;
    let pass = lab.pass(&all("shop/web:1")).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    let said = conclusion(&pass, &key(Kind::Service, "web"));
    assert_eq!((said.state, said.reason), (State::InSync, "Autoscaled"));
    assert_eq!(
        said.message,
        "desiredCount is 7, declared 2; Application Auto Scaling keeps it between 2 and 10, so it is left alone: leave \
         it out of the manifest"
    );
    assert!(lab.plan(&all("shop/web:1")).await.is_empty());
    assert_eq!(lab.settle(&all("shop/web:2")).await, ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(lab.service("shop", "web").await.desired_count(), 7);
}

#[tokio::test(start_paused = true)]
async fn where_the_autoscaler_cannot_be_asked_only_the_number_of_tasks_is_left() {
    let lab = Lab::new().await;
    let all = |count: &str, more: &str| {
        [cluster("shop"), service("web", "shop/web:1", "", &format!("desiredCount: {count}\n{more}"))].concat()
    };
    lab.settle(&all("2", "")).await;
    let denied = FaultKind::Refuse { code: "AccessDeniedException", message: "not you".into(), status: 400 };
    lab.inject("DescribeScalableTargets", 1, denied);
    let pass = lab.pass(&all("3", "tags: {team: shop}")).await;
    assert_eq!(calls(&pass.outcomes), ["TagResource"]);
    lab.inject(
        "DescribeScalableTargets",
        1,
        FaultKind::Refuse { code: "AccessDeniedException", message: "not you".into(), status: 400 },
    );
    let said = conclusion(&lab.pass(&all("3", "tags: {team: shop}")).await, &key(Kind::Service, "web"));
    assert_eq!((said.state, said.reason), (State::Waiting, "CannotSee"));
    assert_eq!(lab.settle(&all("3", "tags: {team: shop}")).await, ["UpdateService"]);
}

/// The same account under other rules.
async fn adopting(lab: &Lab) -> Lab {
    let config = client::point(loader(), &lab.sandbox).load().await;
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let aws = Aws::connect(&config, &metrics).await.expect("connect");
    let rules = Rules { owner: "evenkeel".to_owned(), adopt: true };
    Lab { sandbox: Arc::clone(&lab.sandbox), config, reconciler: Reconciler::new(aws, rules, metrics) }
}

#[tokio::test(start_paused = true)]
async fn what_is_as_declared_and_nobodys_is_to_adopt_and_no_change() {
    let lab = Lab::new().await;
    lab.ecs().create_cluster().cluster_name("shop").send().await.expect("create");
    lab.ecs().create_cluster().cluster_name("other").send().await.expect("create");
    let bare = |name: &str| scenario::manifest("Cluster", name, "{}");
    let all = [bare("shop"), annotated(&bare("other"), "evenkeel/adoption: never")].concat();
    let plan = lab.plan(&all).await;
    assert!(plan.is_empty());
    let text = plan_text(&plan, lab.reconciler.aws().account());
    let text = anstream::adapter::strip_str(&text).to_string();
    assert!(text.contains("^ Cluster/shop  cluster shop (to adopt)"), "{text}");
    assert!(text.contains("Nothing to do: 2 resources are as declared, 2 of them to adopt."), "{text}");
    assert_eq!(lab.pass(&all).await.outcomes, []);
    let adopting = adopting(&lab).await;
    assert!(!adopting.plan(&all).await.is_empty(), "a tag is a change");
    assert_eq!(calls(&adopting.pass(&all).await.outcomes), ["TagResource"], "not of the one that says never");
    let items = adopting.pass(&all).await.items;
    assert_eq!(items[&key(Kind::Cluster, "shop")].verb, Verb::Keep);
    assert_eq!(items[&key(Kind::Cluster, "other")].verb, Verb::Adopt);
}

#[tokio::test(start_paused = true)]
async fn a_trust_policy_that_names_somebody_who_was_recreated_is_written_once() {
    let lab = Lab::new().await;
    let trusted = role("trusted", "");
    let trusting = scenario::manifest(
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
    let with =
        |configuration: &str| scenario::manifest("Cluster", "shop", &format!("configuration: {{{configuration}}}"));
    lab.settle(&with(storage)).await;
    lab.settle(&with("executeCommandConfiguration: {logging: NONE}")).await;
    assert_eq!(lab.settle(&with(storage)).await, [""; 0]);
}
