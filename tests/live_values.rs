//! Where the live value of a field is, when DescribeServices does not answer it, or AWS moves it.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_applicationautoscaling as autoscaling;
use aws_sdk_applicationautoscaling::operation::deregister_scalable_target::DeregisterScalableTargetError;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs::types::{
    AdvancedConfiguration, DeploymentConfiguration, DeploymentStrategy, LoadBalancer, MetricConfiguration,
    MonitoringConfiguration,
};
use evenkeel::aws::{Aws, loader};
use evenkeel::metrics::Metrics;
use evenkeel::model::Kind;
use evenkeel::plan::{Verb, Why};
use evenkeel::sandbox::client;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::world::{Failure, Phase, Scaling};
use scenario::{Lab, annotated, calls, cluster, conclusion, key, service};

const CONNECTOR: &str = "gatewayConnectors: [{portName: http, filters: {accessTypes: [PUBLIC, PRIVATE]}}]";

fn monitoring(seconds: u32) -> String {
    format!("monitoring: {{metricConfigurations: [{{metricNames: [CPUUtilization], resolutionSeconds: {seconds}}}]}}")
}

/// `count` services, all with `more` in their specs.
fn services(count: usize, more: &str) -> String {
    let services = (0..count).map(|n| service(&format!("web-{n:02}"), "shop/web:1", "", more));
    [cluster("shop")].into_iter().chain(services).collect()
}

fn count(calls: &[String], name: &str) -> usize {
    calls.iter().filter(|call| *call == name).count()
}

fn refused(code: &'static str) -> FaultKind {
    FaultKind::Refuse { code, message: "no".to_owned(), status: 400 }
}

#[tokio::test(start_paused = true)]
async fn monitoring_and_gateway_connectors_are_compared_with_the_service_revision() {
    let lab = Lab::new().await;
    let of = |seconds: u32, connector: &str| {
        [cluster("shop"), service("web", "shop/web:1", "", &format!("{}\n{connector}", monitoring(seconds)))].concat()
    };
    lab.settle(&of(20, CONNECTOR)).await;
    assert!(lab.plan(&of(20, CONNECTOR)).await.is_empty());
    assert!(Lab::over(Arc::clone(&lab.sandbox)).await.plan(&of(20, CONNECTOR)).await.is_empty());
    let reordered = CONNECTOR.replace("[PUBLIC, PRIVATE]", "[PRIVATE, PUBLIC]");
    assert!(lab.plan(&of(20, &reordered)).await.is_empty());

    assert_eq!(lab.settle(&of(60, CONNECTOR)).await, ["UpdateService"]);
    let private = CONNECTOR.replace("[PUBLIC, PRIVATE]", "[PRIVATE]");
    assert_eq!(lab.settle(&of(60, &private)).await, ["UpdateService"]);
    assert!(lab.plan(&of(60, &private)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_resolution_that_somebody_else_set_is_seen_and_repaired() {
    let lab = Lab::new().await;
    let declared = [cluster("shop"), service("web", "shop/web:1", "", &monitoring(20))].concat();
    lab.settle(&declared).await;
    let metric = MetricConfiguration::builder().metric_names("CPUUtilization").resolution_seconds(60).build();
    let by_hand = MonitoringConfiguration::builder().metric_configurations(metric.unwrap()).build();
    lab.ecs().update_service().cluster("shop").service("web").monitoring(by_hand).send().await.unwrap();

    let plan = lab.plan(&declared).await;
    let item = plan.items.iter().find(|item| item.key.kind == Kind::Service).unwrap();
    let paths: Vec<String> = item.changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, ["monitoring.metricConfigurations"]);
    assert_eq!(lab.settle(&declared).await, ["UpdateService"]);
    assert!(lab.plan(&declared).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn service_revisions_are_read_once_in_twenties_and_only_for_those_who_declare_what_is_in_them() {
    let lab = Lab::new().await;
    let (with, without) = (services(25, CONNECTOR), services(25, ""));
    lab.settle(&with).await;
    let restarted = Lab::over(Arc::clone(&lab.sandbox)).await;
    for (manifests, reads) in [(&without, 0), (&with, 2), (&with, 0), (&without, 0)] {
        restarted.calls();
        assert!(restarted.plan(manifests).await.is_empty());
        assert_eq!(count(&restarted.calls(), "DescribeServiceRevisions"), reads);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_revision_cannot_be_read_is_left_alone_and_others_are_not() {
    let lab = Lab::new().await;
    let of = |image: &str| {
        let watched = service("watched", image, "", &monitoring(20));
        [cluster("shop"), service("web", image, "", ""), watched].concat()
    };
    lab.settle(&of("shop/web:1")).await;
    let lab = Lab::over(lab.sandbox).await;
    lab.inject("DescribeServiceRevisions", 1, refused("AccessDeniedException"));
    let pass = lab.pass(&of("shop/web:2")).await;
    let verb = |name: &str| pass.items[&key(Kind::Service, name)].verb;
    assert_eq!((verb("watched"), verb("web")), (Verb::Unknown, Verb::Update));
    assert!(lab.settle(&of("shop/web:2")).await.contains(&"UpdateService".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn after_a_rollback_the_older_revision_is_what_is_compared() {
    let lab = Lab::new().await;
    let of = |image: &str, seconds: u32| {
        let breaker = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}";
        [cluster("shop"), service("web", image, "", &format!("{}\n{breaker}", monitoring(seconds)))].concat()
    };
    lab.settle(&of("shop/web:1", 60)).await;
    lab.pass(&of("shop/web:crash", 20)).await;
    scenario::seconds(600).await;
    let pass = lab.pass(&of("shop/web:crash", 20)).await;
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "RolledBack");
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    assert_eq!(lab.settle(&of("shop/web:1", 60)).await, [""; 0]);
    let other = calls(&lab.pass(&of("shop/web:crash", 60)).await.outcomes);
    assert_eq!(other, ["UpdateService"], "not the rollout that failed");
    lab.settle(&of("shop/web:1", 60)).await;
    assert_eq!(lab.settle(&of("shop/web:1", 20)).await, ["UpdateService"]);
}

const BLUE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue/0123456789abcdef";
const GREEN: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green/123456789abcdef0";
const TEAL: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/teal/23456789abcdef01";

/// A service with native blue/green deployment.
fn blue_green(image: &str, blue: &str, green: &str) -> String {
    let more = format!(
        "deploymentConfiguration: {{strategy: BLUE_GREEN, bakeTimeInMinutes: 1}}
loadBalancers:
  - targetGroupArn: {blue}
    containerName: web
    containerPort: 80
    advancedConfiguration: {{alternateTargetGroupArn: {green}, roleArn: 'arn:aws:iam::123456789012:role/ecs'}}"
    );
    [cluster("shop"), service("web", image, "", &more)].concat()
}

/// Swaps the target groups of the service as ECS does: the sandbox rolls with every strategy.
async fn swap(lab: &Lab, serving: &str, idle: &str) {
    let advanced = AdvancedConfiguration::builder()
        .alternate_target_group_arn(idle)
        .role_arn("arn:aws:iam::123456789012:role/ecs")
        .build();
    let balancer = LoadBalancer::builder().target_group_arn(serving).container_name("web").container_port(80);
    let balancer = balancer.advanced_configuration(advanced).build();
    let configuration = DeploymentConfiguration::builder().strategy(DeploymentStrategy::BlueGreen).build();
    let update = lab.ecs().update_service().cluster("shop").service("web").load_balancers(balancer);
    update.deployment_configuration(configuration).send().await.expect("update");
}

#[tokio::test(start_paused = true)]
async fn target_groups_that_ecs_swapped_are_as_declared_and_a_third_one_is_not() {
    let lab = Lab::new().await;
    lab.settle(&blue_green("shop/web:1", BLUE, GREEN)).await;
    lab.writes();
    swap(&lab, GREEN, BLUE).await;
    lab.writes();
    // While the deployment runs, a target group that is neither is no difference either.
    for declared in [blue_green("shop/web:1", BLUE, GREEN), blue_green("shop/web:1", BLUE, TEAL)] {
        let pass = lab.pass(&declared).await;
        assert!(matches!(pass.items[&key(Kind::Service, "web")].phase, Phase::Moving(_)));
        assert_eq!(calls(&pass.outcomes), [""; 0]);
    }
    scenario::seconds(300).await;
    assert_eq!(lab.settle(&blue_green("shop/web:1", BLUE, GREEN)).await, [""; 0]);
    assert_eq!(lab.settle(&blue_green("shop/web:2", BLUE, GREEN)).await, ["RegisterTaskDefinition", "UpdateService"]);
    let live = lab.service("shop", "web").await;
    assert_eq!(live.load_balancers()[0].target_group_arn(), Some(GREEN), "ECS's choice stays");
    assert_eq!(lab.settle(&blue_green("shop/web:2", BLUE, TEAL)).await, ["UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_was_stopped_is_not_tried_again_with_swapped_target_groups_either() {
    let lab = Lab::new().await;
    lab.settle(&blue_green("shop/web:1", BLUE, GREEN)).await;
    swap(&lab, GREEN, BLUE).await;
    scenario::seconds(300).await;
    assert_eq!(calls(&lab.pass(&blue_green("shop/web:2", BLUE, GREEN)).await.outcomes).len(), 2);
    let deployment = lab.service("shop", "web").await.current_service_deployment.unwrap();
    lab.ecs().stop_service_deployment().service_deployment_arn(deployment).send().await.unwrap();
    scenario::seconds(300).await;
    let pass = lab.pass(&blue_green("shop/web:2", BLUE, GREEN)).await;
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "RolledBack");
    assert_eq!(calls(&pass.outcomes), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_ignored_beside_swapped_target_groups_is_left_alone() {
    let lab = Lab::new().await;
    lab.settle(&blue_green("shop/web:1", BLUE, GREEN)).await;
    swap(&lab, GREEN, BLUE).await;
    scenario::seconds(300).await;
    lab.writes();
    let other = blue_green("shop/web:1", BLUE, GREEN).replace("role/ecs", "role/other");
    let ignored = "evenkeel/ignore-fields: loadBalancers.*.advancedConfiguration.roleArn";
    let web = other.strip_prefix(&cluster("shop")).unwrap();
    let pass = lab.pass(&[cluster("shop"), annotated(web, ignored)].concat()).await;
    assert_eq!(lab.writes(), [""; 0], "{:?}", pass.items[&key(Kind::Service, "web")].changes);
    assert_eq!(pass.items[&key(Kind::Service, "web")].left.len(), 1);
}

fn autoscaler(lab: &Lab) -> autoscaling::Client {
    autoscaling::Client::new(&lab.config)
}

async fn register(lab: &Lab, name: &str, min: i32, max: i32) {
    let call = autoscaler(lab).register_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let call = call.resource_id(format!("service/shop/{name}"));
    let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
    call.min_capacity(min).max_capacity(max).send().await.expect("register");
}

async fn deregister(lab: &Lab, name: &str) -> Result<(), DeregisterScalableTargetError> {
    let call = autoscaler(lab).deregister_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
    let answer = call.resource_id(format!("service/shop/{name}")).send().await;
    answer.map(|_| ()).map_err(autoscaling::error::SdkError::into_service_error)
}

async fn scaling(lab: &Lab, manifests: &str) -> BTreeMap<String, Scaling> {
    let resources = lab.declared(manifests);
    let services: Vec<_> = resources.values().filter(|resource| resource.key.kind == Kind::Service).collect();
    let scaling = lab.reconciler.aws().scaling(&services).await;
    scaling.into_iter().map(|(key, scaling)| (key.name, scaling)).collect()
}

#[tokio::test(start_paused = true)]
async fn whose_a_number_of_tasks_is_is_known_for_every_service_that_is_asked_for() {
    let lab = Lab::new().await;
    let all = services(60, "desiredCount: 2");
    lab.settle(&all).await;
    register(&lab, "web-01", 2, 5).await;
    register(&lab, "web-59", 0, 3).await;
    lab.calls();
    let known = scaling(&lab, &all).await;
    assert_eq!(count(&lab.calls(), "DescribeScalableTargets"), 2, "fifty in a call");
    assert_eq!(known.len(), 60);
    assert_eq!(known["web-01"], Scaling::Target { min: 2, max: 5 });
    assert_eq!(known["web-59"], Scaling::Target { min: 0, max: 3 });
    assert_eq!(known.values().filter(|scaling| **scaling == Scaling::Free).count(), 58);

    lab.inject("DescribeScalableTargets", 1, refused("AccessDeniedException"));
    let known = scaling(&lab, &all).await;
    assert_eq!(known["web-00"], Scaling::Unknown(Failure::Denied("AccessDeniedException: no".to_owned())));
    assert_eq!(known["web-59"], Scaling::Target { min: 0, max: 3 }, "the second call was answered");
}

#[tokio::test(start_paused = true)]
async fn a_number_of_tasks_that_is_the_autoscalers_is_not_written_while_all_else_is() {
    let lab = Lab::new().await;
    let of = |image: &str| [cluster("shop"), service("web", image, "", "desiredCount: 2")].concat();
    lab.settle(&of("shop/web:1")).await;
    register(&lab, "web", 2, 5).await;
    lab.ecs().update_service().cluster("shop").service("web").desired_count(4).send().await.unwrap();
    assert_eq!(lab.settle(&of("shop/web:1")).await, [""; 0]);
    let resource = key(Kind::Service, "web");
    assert_eq!(lab.pass(&of("shop/web:1")).await.items[&resource].left[0].why, Why::Autoscaled { min: 2, max: 5 });
    assert_eq!(lab.settle(&of("shop/web:2")).await, ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(lab.service("shop", "web").await.desired_count(), 4);

    lab.inject("DescribeScalableTargets", 1, refused("AccessDeniedException"));
    assert_eq!(calls(&lab.pass(&of("shop/web:2")).await.outcomes), [""; 0], "whose it is cannot be told");
    deregister(&lab, "web").await.unwrap();
    assert_eq!(lab.settle(&of("shop/web:2")).await, ["UpdateService"]);
    assert_eq!(lab.service("shop", "web").await.desired_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_autoscaler_is_asked_only_where_a_service_has_another_number_of_tasks() {
    let lab = Lab::new().await;
    let asked = || count(&lab.calls(), "DescribeScalableTargets");
    let declared = services(3, "desiredCount: 2");
    lab.settle(&declared).await;
    assert_eq!(asked(), 0, "created as declared");
    assert!(lab.plan(&declared).await.is_empty());
    assert!(!lab.plan(&services(3, "desiredCount: 2\nenableExecuteCommand: true")).await.is_empty());
    assert_eq!(asked(), 0);
    for name in ["web-00", "web-02"] {
        lab.ecs().update_service().cluster("shop").service(name).desired_count(4).send().await.unwrap();
    }
    assert!(!lab.plan(&declared).await.is_empty());
    assert_eq!(asked(), 1);
    assert!(lab.plan(&services(3, "")).await.is_empty());
    assert_eq!(asked(), 0, "the manifests name no number");
}

#[tokio::test(start_paused = true)]
async fn calls_to_the_autoscaler_are_counted_as_all_others_are() {
    let lab = Lab::new().await;
    let metrics = Arc::new(Metrics::new().unwrap());
    let config = client::point(loader(), &lab.sandbox).load().await;
    let aws = Aws::connect(&config, &metrics).await.unwrap();
    let resources = lab.declared(&services(1, ""));
    let service = &resources[&key(Kind::Service, "web-00")];
    assert_eq!(aws.scaling(&[service]).await[&service.key], Scaling::Free);
    lab.inject("DescribeScalableTargets", 1, FaultKind::Throttled);
    assert_eq!(aws.scaling(&[service]).await[&service.key], Scaling::Free, "the SDK tries again");
    let text = metrics.text().unwrap();
    let counted = |line: &str| assert!(text.lines().any(|there| there == line), "{line}");
    let service = r#"service="application-auto-scaling""#;
    counted(&format!(r#"evenkeel_aws_calls_total{{operation="DescribeScalableTargets",result="ok",{service}}} 2"#));
    counted(&format!(r#"evenkeel_aws_calls_total{{operation="DescribeScalableTargets",result="error",{service}}} 1"#));
    counted(&format!("evenkeel_aws_throttled_total{{{service}}} 1"));
}

#[tokio::test(start_paused = true)]
async fn the_simulated_autoscaler_keeps_a_service_within_its_target() {
    let lab = Lab::new().await;
    lab.settle(&services(3, "desiredCount: 1")).await;
    register(&lab, "web-00", 2, 5).await;
    assert_eq!(lab.service("shop", "web-00").await.desired_count(), 2);
    register(&lab, "web-00", 0, 1).await;
    assert_eq!(lab.service("shop", "web-00").await.desired_count(), 1);
    register(&lab, "web-01", 1, 2).await;
    register(&lab, "web-02", 1, 2).await;

    let pages = autoscaler(&lab).describe_scalable_targets().service_namespace(ServiceNamespace::Ecs).max_results(2);
    let pages = pages.into_paginator().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let ids =
        |page: usize| pages[page].scalable_targets().iter().map(|target| target.resource_id()).collect::<Vec<_>>();
    assert_eq!(pages.len(), 2);
    assert_eq!((ids(0), ids(1)), (vec!["service/shop/web-00", "service/shop/web-01"], vec!["service/shop/web-02"]));

    deregister(&lab, "web-00").await.unwrap();
    let error = deregister(&lab, "web-00").await.unwrap_err();
    assert!(error.is_object_not_found_exception(), "{error:?}");
    lab.ecs().delete_service().cluster("shop").service("web-01").force(true).send().await.unwrap();
    let error = deregister(&lab, "web-01").await.unwrap_err();
    assert!(error.is_object_not_found_exception(), "a deleted service takes its target along: {error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_simulated_autoscaler_refuses_what_aws_refuses() {
    let lab = Lab::new().await;
    lab.settle(&services(1, "")).await;
    let call = || {
        let call = autoscaler(&lab).register_scalable_target().service_namespace(ServiceNamespace::Ecs);
        call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).resource_id("service/shop/web-00")
    };
    for refused in [
        call().resource_id("service/shop/nobody").min_capacity(1).max_capacity(2),
        call().resource_id("shop/web-00").min_capacity(1).max_capacity(2),
        call().min_capacity(1),
        call().min_capacity(3).max_capacity(2),
        call().min_capacity(-1).max_capacity(2),
        call().service_namespace(ServiceNamespace::Dynamodb).min_capacity(1).max_capacity(2),
    ] {
        let error = refused.send().await.unwrap_err().into_service_error();
        assert!(error.is_validation_exception(), "{error:?}");
    }
    let many = (0..51).map(|n| format!("service/shop/web-{n}")).collect();
    let read = || autoscaler(&lab).describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
    let error = read().set_resource_ids(Some(many)).send().await.unwrap_err().into_service_error();
    assert!(error.is_validation_exception(), "{error:?}");
    let error = read().next_token("x").send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_next_token_exception(), "{error:?}");
}
