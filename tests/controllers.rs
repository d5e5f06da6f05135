//! Services that ECS does not roll out, and restarts that a manifest asks for.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::sync::Arc;

use aws_sdk_ecs::types::{
    ContainerDefinition, DeploymentController, DeploymentControllerType, LoadBalancer, StopServiceDeploymentStopType,
    Tag,
};
use evenkeel::model::Kind;
use evenkeel::plan::{Item, Verb};
use evenkeel::reconcile::Progress;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::status::State;
use tokio::sync::watch;

use scenario::{Lab, annotated, calls, cluster, conclusion, key, manifest, service};

const CODE_DEPLOY: &str = "deploymentController: {type: CODE_DEPLOY}\n\
    loadBalancers: [{targetGroupArn: blue, containerName: web, containerPort: 80}]\n";

/// The service `web` in the hands of CodeDeploy.
fn deployed(image: &str, more: &str) -> String {
    [cluster("shop"), service("web", image, "", &format!("{CODE_DEPLOY}{more}"))].concat()
}

fn left(item: &Item) -> Vec<String> {
    item.left.iter().map(|left| format!("{} {}", left.change.path, left.why.label())).collect()
}

async fn hand_over(lab: &Lab, to: DeploymentControllerType) {
    let controller = DeploymentController::builder().r#type(to).build().expect("a type");
    let call = lab.ecs().update_service().cluster("shop").service("web").deployment_controller(controller);
    call.send().await.expect("update");
}

/// What a deployment by CodeDeploy comes to: another revision behind the other target group.
async fn deploy(lab: &Lab, revision: &str, target_group: &str) {
    hand_over(lab, DeploymentControllerType::Ecs).await;
    let balancer = LoadBalancer::builder().target_group_arn(target_group).container_name("web").container_port(80);
    let call = lab.ecs().update_service().cluster("shop").service("web").load_balancers(balancer.build());
    call.task_definition(revision).send().await.expect("update");
    hand_over(lab, DeploymentControllerType::CodeDeploy).await;
    scenario::seconds(600).await;
    lab.calls();
}

#[tokio::test(start_paused = true)]
async fn of_a_service_that_codedeploy_rolls_out_ecs_is_told_what_it_takes_and_the_rest_is_left() {
    let lab = Lab::new().await;
    lab.settle(&deployed("shop/web:1", "desiredCount: 1")).await;
    let more = "desiredCount: 2\ndeploymentConfiguration: {maximumPercent: 150}\npropagateTags: SERVICE\n\
        enableExecuteCommand: true\ntags: {team: shop}";
    let changed = deployed("shop/web:2", more).replace("subnet-2", "subnet-3");
    let first = lab.pass(&changed).await;
    // CodeDeploy is given the revision to roll out, and nothing waits for it.
    assert_eq!(calls(&first.outcomes), ["RegisterTaskDefinition", "UpdateService", "TagResource"]);
    let service = lab.service("shop", "web").await;
    assert_eq!((service.desired_count(), service.task_definition().map(|arn| arn.ends_with("web:1"))), (2, Some(true)));
    assert_eq!(lab.revisions("web").await, ["web:1", "web:2"]);
    for lab in [Lab::over(Arc::clone(&lab.sandbox)).await, lab] {
        for _ in 0..2 {
            scenario::seconds(60).await;
            let pass = lab.pass(&changed).await;
            assert_eq!(calls(&pass.outcomes), [""; 0]);
            assert_eq!(pass.items[&key(Kind::TaskDefinition, "web")].verb, Verb::Keep);
            let web = key(Kind::Service, "web");
            let mut paths = left(&pass.items[&web]);
            paths.sort_unstable();
            assert_eq!(
                paths,
                [
                    "enableExecuteCommand Controller",
                    "networkConfiguration.awsvpcConfiguration.subnets Controller",
                    "taskDefinition Controller"
                ]
            );
            let said = conclusion(&pass, &web);
            assert_eq!((said.state, said.reason), (State::Blocked, "Controller"));
            for sentence in [
                "taskDefinition is web:1, declared web:2; CODE_DEPLOY rolls this service out, so that takes a CodeDeploy \
                 deployment, and is not sent",
                "enableExecuteCommand is false, declared true; CODE_DEPLOY rolls this service out, so ECS does not change \
                 that, nor does a CodeDeploy deployment",
            ] {
                assert!(said.message.contains(sentence), "{}", said.message);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn once_codedeploy_has_rolled_out_what_is_declared_nothing_is_left_whichever_target_group_has_the_traffic() {
    let lab = Lab::new().await;
    lab.settle(&deployed("shop/web:1", "")).await;
    lab.pass(&deployed("shop/web:2", "")).await;
    deploy(&lab, "web:2", "green").await;
    assert!(lab.plan(&deployed("shop/web:2", "")).await.is_empty());
    let pass = lab.pass(&deployed("shop/web:1", "")).await;
    assert_eq!(calls(&pass.outcomes), ["RegisterTaskDefinition"]);
    assert_eq!(left(&pass.items[&key(Kind::Service, "web")]), ["taskDefinition Controller"]);
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_is_refused_holds_up_no_change_that_ecs_takes() {
    let lab = Lab::new().await;
    lab.settle(&deployed("shop/web:1", "desiredCount: 1")).await;
    let denied = FaultKind::Refuse { code: "AccessDeniedException", message: "not you".into(), status: 400 };
    lab.inject("RegisterTaskDefinition", 1, denied);
    let made = calls(&lab.pass(&deployed("shop/web:2", "desiredCount: 2")).await.outcomes);
    assert_eq!(made.last().map(String::as_str), Some("UpdateService"), "{made:?}");
    assert_eq!(lab.service("shop", "web").await.desired_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_a_pipeline_registered_does_not_make_the_family_the_pipelines() {
    let lab = Lab::new().await;
    lab.settle(&deployed("shop/web:1", "")).await;
    let container = ContainerDefinition::builder().name("web").image("shop/web:9").memory(512).build();
    let call = lab.ecs().register_task_definition().family("web").container_definitions(container);
    call.send().await.expect("register");
    assert_eq!(calls(&lab.pass(&deployed("shop/web:2", "")).await.outcomes), ["RegisterTaskDefinition"]);
}

#[tokio::test(start_paused = true)]
async fn with_a_definition_of_its_own_and_that_field_ignored_a_service_of_codedeploy_is_in_sync() {
    let lab = Lab::new().await;
    let all = |image: &str| {
        let spec = format!(
            "requiresCompatibilities: [FARGATE]\nnetworkMode: awsvpc\ncpu: '256'\nmemory: '512'\n\
             containerDefinitions: [{{name: web, image: {image}, portMappings: [{{containerPort: 80}}]}}]"
        );
        let network = "networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
        let runs = "cluster: {ref: shop}\nlaunchType: FARGATE\ntaskDefinition: {ref: web}";
        let web = manifest("Service", "web", &format!("{runs}\n{network}\n{CODE_DEPLOY}"));
        let web = annotated(&web, "evenkeel/ignore-fields: taskDefinition");
        [cluster("shop"), manifest("TaskDefinition", "web", &spec), web].concat()
    };
    lab.settle(&all("shop/web:1")).await;
    assert_eq!(lab.settle(&all("shop/web:2")).await, ["RegisterTaskDefinition"]);
    let pass = lab.pass(&all("shop/web:2")).await;
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).state, State::InSync);
}

#[tokio::test(start_paused = true)]
async fn the_controller_in_aws_counts_and_another_one_is_set_before_what_it_refuses() {
    let lab = Lab::new().await;
    lab.settle(&deployed("shop/web:1", "")).await;
    let says_nothing = deployed("shop/web:2", "").replace(CODE_DEPLOY.lines().next().expect("a line"), "");
    let says_nothing = says_nothing.replace("loadBalancers", "# ");
    let pass = lab.pass(&says_nothing).await;
    assert_eq!(calls(&pass.outcomes), ["RegisterTaskDefinition"]);
    assert_eq!(left(&pass.items[&key(Kind::Service, "web")]), ["taskDefinition Controller"]);
    let ecs = deployed("shop/web:2", "").replace("CODE_DEPLOY", "ECS");
    assert_eq!(lab.settle(&ecs).await, ["UpdateService", "UpdateService"]);
    assert!(lab.service("shop", "web").await.task_definition().is_some_and(|arn| arn.ends_with("web:2")));
}

#[tokio::test(start_paused = true)]
async fn of_a_service_of_task_sets_less_is_sent_and_the_rest_takes_a_task_set() {
    let lab = Lab::new().await;
    let web = |more: &str| {
        let spec = format!("cluster: {{ref: shop}}\ndeploymentController: {{type: EXTERNAL}}\n{more}");
        [cluster("shop"), manifest("Service", "web", &spec)].concat()
    };
    lab.settle(&web("desiredCount: 1")).await;
    let more = "desiredCount: 2\nlaunchType: FARGATE\nplatformVersion: 1.4.0\n\
        deploymentConfiguration: {maximumPercent: 150}\nhealthCheckGracePeriodSeconds: 30";
    let pass = lab.pass(&web(more)).await;
    assert_eq!(calls(&pass.outcomes), ["UpdateService"]);
    let service = lab.service("shop", "web").await;
    assert_eq!((service.desired_count(), service.health_check_grace_period_seconds()), (2, Some(30)));
    let item = &lab.pass(&web(more)).await.items[&key(Kind::Service, "web")];
    assert_eq!(
        left(item),
        ["launchType Controller", "platformVersion Controller", "deploymentConfiguration.maximumPercent Controller"]
    );
    let said: Vec<String> = item.left.iter().map(ToString::to_string).collect();
    assert!(
        said[0].ends_with("EXTERNAL rolls this service out, so that takes a new task set, and is not sent"),
        "{said:?}"
    );
    assert!(said[2].ends_with("undo the change, or make the service anew"), "{said:?}");
}

/// A service that asks for a restart.
fn restarted(at: &str, image: &str, more: &str) -> String {
    let web = annotated(&service("web", image, "", more), &format!("evenkeel/restarted-at: \"{at}\""));
    [cluster("shop"), web].concat()
}

async fn primary(lab: &Lab) -> String {
    lab.service("shop", "web").await.deployments()[0].id().expect("an id").to_owned()
}

/// How many deployments the service has had.
async fn deployments(lab: &Lab) -> usize {
    let call = lab.ecs().list_service_deployments().cluster("shop").service("web");
    call.send().await.expect("list").service_deployments().len()
}

/// The tag that remembers the restart.
async fn remembered(lab: &Lab) -> Option<String> {
    let arn = lab.service("shop", "web").await.service_arn.expect("ARN");
    let answer = lab.ecs().list_tags_for_resource().resource_arn(arn).send().await.expect("tags");
    let tag = answer.tags().iter().find(|tag| tag.key() == Some("evenkeel:restarted-at"));
    tag.and_then(Tag::value).map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn with_each_new_value_of_restarted_at_the_tasks_are_replaced_once() {
    let lab = Lab::new().await;
    lab.settle(&restarted("2026-11-20T09:00:00Z", "shop/web:1", "")).await;
    assert_eq!(remembered(&lab).await.as_deref(), Some("2026-11-20T09:00:00Z"), "a new service just has it");
    for at in ["2026-11-21T09:00:00Z", "once more", "2026-11-20T09:00:00Z"] {
        let (before, count) = (primary(&lab).await, deployments(&lab).await);
        assert_eq!(lab.settle(&restarted(at, "shop/web:1", "")).await, ["TagResource", "UpdateService"]);
        assert_eq!(remembered(&lab).await.as_deref(), Some(at));
        assert_ne!(primary(&lab).await, before);
        let next = Lab::over(Arc::clone(&lab.sandbox)).await;
        assert_eq!(next.settle(&restarted(at, "shop/web:1", "")).await, [""; 0]);
        assert_eq!(deployments(&lab).await, count + 1);
    }
    let silent = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    assert_eq!(lab.settle(&silent).await, [""; 0], "no annotation, no restart");
}

#[tokio::test(start_paused = true)]
async fn a_restart_and_a_new_image_are_one_rollout() {
    let lab = Lab::new().await;
    lab.settle(&restarted("one", "shop/web:1", "")).await;
    let writes = lab.settle(&restarted("two", "shop/web:2", "tags: {team: shop}")).await;
    assert_eq!(writes, ["RegisterTaskDefinition", "TagResource", "UpdateService"]);
    assert_eq!(deployments(&lab).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_the_memory_of_a_restart_and_the_restart_costs_neither() {
    let lab = Lab::new().await;
    lab.settle(&restarted("one", "shop/web:1", "")).await;
    let resources = lab.declared(&restarted("two", "shop/web:1", ""));
    let (stop, stopped) = watch::channel(false);
    let mut crash = |progress: Progress<'_>| {
        if matches!(progress, Progress::Acted(_)) {
            stop.send_replace(true);
        }
    };
    let pass = lab.reconciler.pass(&resources, &resources.keys().cloned().collect(), &stopped, &mut crash).await;
    assert_eq!(calls(&pass.outcomes), ["TagResource"]);
    let next = Lab::over(Arc::clone(&lab.sandbox)).await;
    assert_eq!(next.settle(&restarted("two", "shop/web:1", "")).await, ["UpdateService"]);
    let third = Lab::over(Arc::clone(&lab.sandbox)).await;
    assert_eq!(third.settle(&restarted("two", "shop/web:1", "")).await, [""; 0]);
    assert_eq!(deployments(&lab).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_meets_a_fault_happens_once_all_the_same() {
    for operation in ["TagResource", "UpdateService"] {
        for kind in [FaultKind::DropAfter, FaultKind::DropBefore, FaultKind::ServerError, FaultKind::Throttled] {
            let lab = Lab::new().await;
            lab.settle(&restarted("one", "shop/web:1", "")).await;
            lab.inject(operation, 1, kind.clone());
            for _ in 0..4 {
                lab.pass(&restarted("two", "shop/web:1", "")).await;
            }
            assert_eq!(deployments(&lab).await, 2, "{operation} {kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_cannot_be_remembered_does_not_begin() {
    let lab = Lab::new().await;
    lab.settle(&restarted("one", "shop/web:1", "")).await;
    let denied = FaultKind::Refuse { code: "AccessDeniedException", message: "not you".into(), status: 400 };
    lab.inject("TagResource", 5, denied);
    for _ in 0..5 {
        let pass = lab.pass(&restarted("two", "shop/web:1", "")).await;
        assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).state, State::Blocked);
    }
    assert_eq!(deployments(&lab).await, 1);
    assert_eq!(lab.settle(&restarted("two", "shop/web:1", "")).await, ["TagResource", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_does_not_show_is_not_begun_again() {
    for operation in ["TagResource", "UpdateService"] {
        let lab = Lab::new().await;
        lab.settle(&restarted("one", "shop/web:1", "")).await;
        // AWS takes the call and does nothing.
        lab.inject(operation, 1, FaultKind::Refuse { code: "", message: String::new(), status: 200 });
        lab.pass(&restarted("two", "shop/web:1", "")).await;
        for _ in 0..3 {
            scenario::seconds(60).await;
            let pass = lab.pass(&restarted("two", "shop/web:1", "")).await;
            assert_eq!(calls(&pass.outcomes), [""; 0]);
            assert_eq!(left(&pass.items[&key(Kind::Service, "web")]), ["restarted-at NonConverging"]);
        }
        assert_eq!(lab.settle(&restarted("three", "shop/web:1", "")).await, ["TagResource", "UpdateService"]);
    }
}

const BREAKER: &str = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}";

#[tokio::test(start_paused = true)]
async fn a_restart_is_held_back_while_what_it_would_start_has_been_rolled_back() {
    let lab = Lab::new().await;
    lab.settle(&restarted("one", "shop/web:1", BREAKER)).await;
    lab.pass(&restarted("one", "shop/web:crash", BREAKER)).await;
    scenario::seconds(600).await;
    lab.calls();
    let pass = lab.pass(&restarted("two", "shop/web:crash", BREAKER)).await;
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "RolledBack");
    assert_eq!(lab.writes(), [""; 0]);
    // What runs may be restarted.
    assert_eq!(lab.settle(&restarted("two", "shop/web:1", BREAKER)).await, ["TagResource", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_somebody_rolled_back_is_not_begun_again() {
    let lab = Lab::new().await;
    lab.settle(&restarted("one", "shop/web:1", BREAKER)).await;
    let before = primary(&lab).await;
    lab.pass(&restarted("two", "shop/web:1", BREAKER)).await;
    let listed = lab.ecs().list_service_deployments().cluster("shop").service("web").send().await.expect("list");
    let newest = listed.service_deployments().iter().max_by_key(|one| one.created_at().copied()).expect("a deployment");
    let stop =
        lab.ecs().stop_service_deployment().service_deployment_arn(newest.service_deployment_arn().expect("ARN"));
    stop.stop_type(StopServiceDeploymentStopType::Rollback).send().await.expect("stop");
    scenario::seconds(600).await;
    assert_eq!(primary(&lab).await, before, "the old deployment is back");
    lab.calls();
    for lab in [Lab::over(Arc::clone(&lab.sandbox)).await, lab] {
        let pass = lab.pass(&restarted("two", "shop/web:1", BREAKER)).await;
        assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "RolledBack");
        assert_eq!(lab.writes(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_a_service_that_codedeploy_rolls_out_is_left_to_codedeploy() {
    let lab = Lab::new().await;
    lab.settle(&restarted("one", "shop/web:1", CODE_DEPLOY)).await;
    let pass = lab.pass(&restarted("two", "shop/web:1", CODE_DEPLOY)).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    assert_eq!(
        conclusion(&pass, &key(Kind::Service, "web")).message,
        "restarted-at is one, declared two; CODE_DEPLOY rolls this service out, so that takes a CodeDeploy deployment, \
         and is not sent"
    );
    assert_eq!(remembered(&lab).await.as_deref(), Some("one"), "it has not been restarted");
}
