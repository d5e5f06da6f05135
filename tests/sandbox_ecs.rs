//! The simulated ECS, seen through the real SDK client on paused time.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, ClusterField, Compatibility, ContainerDefinition, Deployment,
    DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentLifecycleHook, DeploymentLifecycleHookAction,
    DeploymentLifecycleHookStage, DeploymentLifecycleHookStatus, DeploymentLifecycleHookTargetType,
    DeploymentLifecycleHookTimeoutConfiguration, DeploymentRolloutState, LaunchType, NetworkConfiguration, NetworkMode,
    PortMapping, Service, ServiceDeployment, ServiceDeploymentStatus, Tag,
};
use evenkeel::action::Action;
use evenkeel::aws::{Aws, loader};
use evenkeel::codec::encode;
use evenkeel::metrics::Metrics;
use evenkeel::sandbox::Sandbox;
use evenkeel::sandbox::connector::Connector;
use evenkeel::sandbox::fault::{Fault, FaultKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn client(sandbox: &Arc<Sandbox>) -> Client {
    let config = aws_sdk_ecs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(Connector(Arc::clone(sandbox)));
    Client::from_conf(config.build())
}

/// A client whose cluster `default` is there.
async fn with_cluster() -> (Arc<Sandbox>, Client) {
    let sandbox = Sandbox::new();
    let ecs = client(&sandbox);
    ecs.create_cluster().send().await.expect("create cluster");
    (sandbox, ecs)
}

async fn seconds(count: u64) {
    tokio::time::advance(Duration::from_secs(count)).await;
}

/// Registers a Fargate task definition and answers its ARN.
async fn register(ecs: &Client, image: &str) -> String {
    let port = PortMapping::builder().container_port(80).name("http").build();
    let container = ContainerDefinition::builder().name("web").image(image).port_mappings(port).build();
    let registered = ecs
        .register_task_definition()
        .family("web")
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .container_definitions(container)
        .send()
        .await
        .expect("register");
    registered.task_definition.and_then(|definition| definition.task_definition_arn).expect("ARN")
}

fn network() -> NetworkConfiguration {
    let vpc = AwsVpcConfiguration::builder().subnets("subnet-1").assign_public_ip(AssignPublicIp::Disabled);
    NetworkConfiguration::builder().awsvpc_configuration(vpc.build().expect("subnets")).build()
}

fn plain() -> DeploymentConfiguration {
    DeploymentConfiguration::builder().build()
}

fn breaker(rollback: bool) -> DeploymentConfiguration {
    let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(rollback).build();
    DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build()
}

async fn create(ecs: &Client, image: &str, count: i32, configuration: DeploymentConfiguration) -> Service {
    let definition = register(ecs, image).await;
    let created = ecs
        .create_service()
        .service_name("web")
        .task_definition(definition)
        .desired_count(count)
        .launch_type(LaunchType::Fargate)
        .network_configuration(network())
        .deployment_configuration(configuration)
        .send()
        .await;
    created.expect("create service").service.expect("service")
}

async fn service(ecs: &Client) -> Service {
    let described = ecs.describe_services().services("web").send().await.expect("describe services");
    described.services.unwrap_or_default().pop().expect("a service")
}

fn primary(service: &Service) -> &Deployment {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY")).expect("PRIMARY")
}

/// The service deployments, newest first.
async fn deployments(ecs: &Client) -> Vec<ServiceDeployment> {
    let listed = ecs.list_service_deployments().service("web").send().await.expect("list");
    let arns = listed.service_deployments().iter().filter_map(|brief| brief.service_deployment_arn.clone());
    let arns: Vec<String> = arns.collect();
    let described = ecs.describe_service_deployments().set_service_deployment_arns(Some(arns)).send().await;
    described.expect("describe").service_deployments.unwrap_or_default()
}

fn messages(service: &Service) -> Vec<&str> {
    service.events().iter().filter_map(|event| event.message()).collect()
}

/// Code and message of a refusal.
fn refusal<T: std::fmt::Debug, E: std::fmt::Debug, R: std::fmt::Debug>(
    result: Result<T, SdkError<E, R>>,
) -> (String, String)
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    let error = result.expect_err("the call should be refused");
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_new_service_goes_from_no_task_to_all_of_them() {
    let (_, ecs) = with_cluster().await;
    let created = create(&ecs, "shop/web:1", 3, plain()).await;
    assert_eq!((created.running_count, created.pending_count, created.desired_count), (0, 0, 3));
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::Pending));

    seconds(1).await;
    let starting = service(&ecs).await;
    assert_eq!((starting.running_count, starting.pending_count), (0, 3));
    assert_eq!(primary(&starting).rollout_state(), Some(&DeploymentRolloutState::InProgress));
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::InProgress));

    seconds(3).await;
    let running = service(&ecs).await;
    assert_eq!((running.running_count, running.pending_count), (3, 0));
    assert_eq!(primary(&running).rollout_state(), Some(&DeploymentRolloutState::Completed));
    assert_eq!(messages(&running)[0], "(service web) has reached a steady state.");
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::Successful));
    let tasks = ecs.list_tasks().service_name("web").send().await.expect("list tasks");
    assert_eq!(tasks.task_arns().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_crashing_image_trips_the_circuit_breaker_and_is_rolled_back() {
    let (_, ecs) = with_cluster().await;
    let good = create(&ecs, "shop/web:1", 2, breaker(true)).await;
    seconds(5).await;
    let bad = register(&ecs, "shop/web:crash").await;
    ecs.update_service().service("web").task_definition(&bad).send().await.expect("update");

    seconds(4).await;
    let failing = service(&ecs).await;
    assert_eq!(failing.task_definition(), Some(bad.as_str()));
    assert_eq!((primary(&failing).failed_tasks, failing.running_count), (2, 2), "the old tasks serve on");
    assert_eq!(failing.deployments().len(), 2);

    seconds(3).await;
    let back = service(&ecs).await;
    assert_eq!(back.task_definition(), good.task_definition());
    assert_eq!(primary(&back).id(), primary(&good).id());
    assert_eq!(primary(&back).rollout_state(), Some(&DeploymentRolloutState::Completed));
    let said = messages(&back);
    assert!(said.iter().any(|message| message.ends_with("deployment failed: tasks failed to start.")), "{said:?}");
    assert!(said.iter().any(|message| message.contains("rolling back to deployment ecs-svc/")), "{said:?}");

    let newest = deployments(&ecs).await.swap_remove(0);
    assert_eq!(newest.status(), Some(&ServiceDeploymentStatus::RollbackSuccessful));
    assert_eq!(
        newest.status_reason(),
        Some("Service deployment rolled back because the circuit breaker threshold was exceeded.")
    );
    let counts = newest.deployment_circuit_breaker.expect("circuit breaker");
    assert_eq!((counts.failure_count, counts.threshold), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn without_rollback_a_failed_deployment_stays_failed() {
    let (_, ecs) = with_cluster().await;
    create(&ecs, "shop/web:crash", 1, breaker(false)).await;
    seconds(1).await;
    for failed in 1..=3 {
        seconds(3).await;
        assert_eq!(primary(&service(&ecs).await).failed_tasks, failed);
    }
    seconds(3600).await;
    let failed = service(&ecs).await;
    assert_eq!(primary(&failed).rollout_state(), Some(&DeploymentRolloutState::Failed));
    assert_eq!(primary(&failed).failed_tasks, 3);
    assert_eq!((failed.running_count, failed.pending_count), (0, 0));
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_fails_has_nothing_to_go_back_to() {
    let (_, ecs) = with_cluster().await;
    create(&ecs, "shop/web:crash", 1, breaker(true)).await;
    seconds(60).await;
    let failed = service(&ecs).await;
    assert_eq!(primary(&failed).rollout_state(), Some(&DeploymentRolloutState::Failed));
    let deployment = deployments(&ecs).await.swap_remove(0);
    assert_eq!(deployment.status(), Some(&ServiceDeploymentStatus::RollbackFailed));
    assert_eq!(deployment.status_reason(), Some("No rollback candidate was found to run the rollback."));

    let good = register(&ecs, "shop/web:1").await;
    ecs.update_service().service("web").task_definition(good).send().await.expect("update");
    seconds(5).await;
    assert_eq!(primary(&service(&ecs).await).rollout_state(), Some(&DeploymentRolloutState::Completed));
}

#[tokio::test(start_paused = true)]
async fn without_a_circuit_breaker_a_crashing_deployment_never_ends() {
    let (_, ecs) = with_cluster().await;
    create(&ecs, "shop/web:crash", 1, plain()).await;
    seconds(24 * 3600).await;
    let stuck = service(&ecs).await;
    assert_eq!(primary(&stuck).rollout_state(), Some(&DeploymentRolloutState::InProgress));
    assert!(primary(&stuck).failed_tasks > 1000);
    assert!(stuck.events().len() <= 100);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_deployment_goes_back_to_the_last_one_that_completed() {
    let (_, ecs) = with_cluster().await;
    let good = create(&ecs, "shop/web:1", 1, plain()).await;
    seconds(5).await;
    let next = register(&ecs, "shop/web:2").await;
    ecs.update_service().service("web").task_definition(next).send().await.expect("update");
    let arn = deployments(&ecs).await.swap_remove(0).service_deployment_arn.expect("ARN");
    ecs.stop_service_deployment().service_deployment_arn(&arn).send().await.expect("stop");
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::RollbackRequested));
    ecs.stop_service_deployment().service_deployment_arn(&arn).send().await.expect("it goes on rolling back");
    seconds(5).await;
    assert_eq!(service(&ecs).await.task_definition(), good.task_definition());
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::RollbackSuccessful));
    let (code, _) = refusal(ecs.stop_service_deployment().service_deployment_arn(&arn).send().await);
    assert_eq!(code, "ConflictException");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_replaces_tasks_within_the_percentages() {
    let (_, ecs) = with_cluster().await;
    let tight = DeploymentConfiguration::builder().maximum_percent(100).minimum_healthy_percent(50).build();
    create(&ecs, "shop/web:1", 4, tight).await;
    seconds(5).await;
    let new = register(&ecs, "shop/web:2").await;
    ecs.update_service().service("web").task_definition(&new).send().await.expect("update");
    for _ in 0..40 {
        let now = service(&ecs).await;
        assert!(now.running_count >= 2 && now.running_count + now.pending_count <= 4, "{now:?}");
        seconds(1).await;
    }
    let done = service(&ecs).await;
    assert_eq!((done.deployments().len(), done.running_count), (1, 4));
    assert_eq!(primary(&done).task_definition(), Some(new.as_str()));
}

/// A configuration with a pause hook at these stages.
fn pausing(stages: &[DeploymentLifecycleHookStage], action: DeploymentLifecycleHookAction) -> DeploymentConfiguration {
    let timeout = DeploymentLifecycleHookTimeoutConfiguration::builder().timeout_in_minutes(10).action(action).build();
    let hook = DeploymentLifecycleHook::builder()
        .target_type(DeploymentLifecycleHookTargetType::Pause)
        .set_lifecycle_stages(Some(stages.to_vec()))
        .timeout_configuration(timeout);
    DeploymentConfiguration::builder().lifecycle_hooks(hook.build()).build()
}

/// The stage of the newest service deployment, and its last hook with its status.
async fn paused(ecs: &Client) -> (String, String, DeploymentLifecycleHookStatus) {
    let newest = deployments(ecs).await.swap_remove(0);
    let stage = newest.lifecycle_stage().expect("a stage").as_str().to_owned();
    let hook = newest.lifecycle_hook_details().last().expect("a hook").clone();
    (stage, hook.hook_id.expect("an id"), hook.status.expect("a status"))
}

#[tokio::test(start_paused = true)]
async fn a_pause_hook_holds_a_deployment_until_it_is_continued() {
    use DeploymentLifecycleHookStage::{PostScaleUp, PreScaleUp};
    let (_, ecs) = with_cluster().await;
    create(&ecs, "shop/web:1", 1, pausing(&[PreScaleUp, PostScaleUp], DeploymentLifecycleHookAction::Rollback)).await;
    seconds(5).await;
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::Successful), "the first one");
    let next = register(&ecs, "shop/web:2").await;
    ecs.update_service().service("web").task_definition(&next).send().await.expect("update");
    let go_on = async |id: &str| {
        let arn = deployments(&ecs).await.swap_remove(0).service_deployment_arn.expect("ARN");
        ecs.continue_service_deployment().service_deployment_arn(arn).hook_id(id).send().await
    };
    for (stage, running) in [("PRE_SCALE_UP", 0), ("POST_SCALE_UP", 1)] {
        seconds(300).await;
        let (at, id, status) = paused(&ecs).await;
        assert_eq!((at.as_str(), status), (stage, DeploymentLifecycleHookStatus::AwaitingAction));
        assert_eq!(primary(&service(&ecs).await).running_count, running);
        assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::InProgress));
        assert_eq!(refusal(go_on("another").await).0, "InvalidParameterException");
        go_on(&id).await.expect("continue");
        assert_eq!(paused(&ecs).await.2, DeploymentLifecycleHookStatus::Succeeded);
        assert_eq!(refusal(go_on(&id).await).0, "InvalidParameterException");
    }
    seconds(30).await;
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::Successful));
    assert_eq!(service(&ecs).await.task_definition(), Some(next.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_pause_hook_that_nobody_answers_times_out_as_it_says() {
    use DeploymentLifecycleHookAction::{Continue, Rollback};
    let ends =
        [(Continue, ServiceDeploymentStatus::Successful), (Rollback, ServiceDeploymentStatus::RollbackSuccessful)];
    for (action, end) in ends {
        let (_, ecs) = with_cluster().await;
        create(&ecs, "shop/web:1", 1, pausing(&[DeploymentLifecycleHookStage::PreScaleUp], action)).await;
        seconds(5).await;
        let next = register(&ecs, "shop/web:2").await;
        ecs.update_service().service("web").task_definition(next).send().await.expect("update");
        seconds(590).await;
        assert_eq!(paused(&ecs).await.2, DeploymentLifecycleHookStatus::AwaitingAction);
        seconds(60).await;
        assert_eq!(paused(&ecs).await.2, DeploymentLifecycleHookStatus::TimedOut);
        assert_eq!(deployments(&ecs).await[0].status(), Some(&end));
    }
}

#[tokio::test(start_paused = true)]
async fn only_rolling_fields_that_change_start_a_deployment() {
    let (_, ecs) = with_cluster().await;
    let created = create(&ecs, "shop/web:1", 1, plain()).await;
    let first = primary(&created).id().map(str::to_owned);
    let definition = created.task_definition().expect("task definition");
    let update = || ecs.update_service().service("web");
    update().desired_count(2).send().await.expect("scale");
    update().enable_execute_command(true).propagate_tags("SERVICE".into()).send().await.expect("update");
    update().task_definition(definition).network_configuration(network()).send().await.expect("the same again");
    assert_eq!(primary(&service(&ecs).await).id().map(str::to_owned), first);

    update().force_new_deployment(true).send().await.expect("force");
    assert_ne!(primary(&service(&ecs).await).id().map(str::to_owned), first);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_drains_then_fades_away() {
    let (_, ecs) = with_cluster().await;
    create(&ecs, "shop/web:1", 2, plain()).await;
    seconds(5).await;
    let (code, message) = refusal(ecs.delete_service().service("web").send().await);
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(message, "The service cannot be stopped while it is scaled above 0.");

    ecs.delete_service().service("web").force(true).send().await.expect("delete");
    assert_eq!(service(&ecs).await.status(), Some("DRAINING"));
    ecs.delete_service().service("web").send().await.expect("deleting twice is no error");
    assert!(ecs.list_services().send().await.expect("list").service_arns().is_empty());
    let (code, _) = refusal(ecs.update_service().service("web").desired_count(1).send().await);
    assert_eq!(code, "ServiceNotActiveException");
    let (_, message) = refusal(ecs.create_service().service_name("web").send().await);
    assert_eq!(message, "Unable to Start a service that is still Draining.");

    seconds(10).await;
    let gone = service(&ecs).await;
    assert_eq!((gone.status(), gone.running_count, gone.deployments().len()), (Some("INACTIVE"), 0, 0));

    seconds(3600).await;
    let forgotten = ecs.describe_services().services("web").send().await.expect("describe");
    assert_eq!(forgotten.failures()[0].reason(), Some("MISSING"));
}

#[tokio::test(start_paused = true)]
async fn descriptions_are_limited_and_lists_come_in_pages() {
    let (_, ecs) = with_cluster().await;
    let names = |count: usize| Some((0..count).map(|n| format!("n{n}")).collect::<Vec<_>>());
    let (code, _) = refusal(ecs.describe_services().set_services(names(11)).send().await);
    assert_eq!(code, "InvalidParameterException");
    let (code, _) = refusal(ecs.describe_clusters().set_clusters(names(101)).send().await);
    assert_eq!(code, "InvalidParameterException");
    let described = ecs.describe_services().set_services(names(10)).send().await.expect("ten");
    assert_eq!(described.failures().len(), 10);

    for name in names(25).unwrap_or_default() {
        ecs.create_cluster().cluster_name(name).send().await.expect("create");
    }
    let page = |token: Option<String>| ecs.list_clusters().max_results(10).set_next_token(token).send();
    let first = page(None).await.expect("first page");
    let second = page(first.next_token.clone()).await.expect("second page");
    assert_eq!((first.cluster_arns().len(), second.cluster_arns().len()), (10, 10));
    assert!(second.next_token.is_some());
    let last = first.cluster_arns().last().expect("a cluster");
    ecs.delete_cluster().cluster(last).send().await.expect("delete");
    let again = page(first.next_token).await.expect("second page again");
    assert_eq!(again.cluster_arns()[0], second.cluster_arns()[0], "a deletion between two pages skips nothing");
}

#[tokio::test(start_paused = true)]
async fn tags_show_only_when_asked_for_and_an_empty_list_is_refused() {
    let (_, ecs) = with_cluster().await;
    let arn = register(&ecs, "shop/web:1").await;
    let tag = Tag::builder().key("team").value("shop").build();
    ecs.tag_resource().resource_arn(&arn).tags(tag.clone()).send().await.expect("tag");
    let describe = || ecs.describe_task_definition().task_definition("web");
    assert!(describe().send().await.expect("describe").tags().is_empty());
    assert_eq!(describe().include("TAGS".into()).send().await.expect("describe").tags(), [tag]);

    let container = ContainerDefinition::builder().name("web").image("i").memory(64).build();
    let request = ecs.register_task_definition().family("web").container_definitions(container);
    let (code, message) = refusal(request.set_tags(Some(Vec::new())).send().await);
    assert_eq!((code.as_str(), message.as_str()), ("ClientException", "Tags can not be empty."));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_told_apart_by_the_client_token() {
    let (sandbox, ecs) = with_cluster().await;
    let definition = register(&ecs, "shop/web:1").await;
    let send = |token: &str| {
        let request = ecs.create_service().service_name("web").task_definition(&definition).desired_count(1);
        request.launch_type(LaunchType::Fargate).network_configuration(network()).client_token(token).send()
    };
    for kind in [FaultKind::DropBefore, FaultKind::DropAfter] {
        sandbox.inject(Fault { operation: "CreateService".into(), times: 1, kind });
    }
    assert!(matches!(send("a").await, Err(SdkError::DispatchFailure(_))));
    let nothing = ecs.describe_services().services("web").send().await.expect("describe");
    assert!(nothing.services().is_empty());
    assert!(matches!(send("a").await, Err(SdkError::DispatchFailure(_))));
    assert_eq!(service(&ecs).await.status(), Some("ACTIVE"));

    send("a").await.expect("the same token answers the service");
    assert_eq!(refusal(send("b").await).1, "Creation of service was not idempotent.");
}

#[tokio::test(start_paused = true)]
async fn faults_speak_the_language_of_ecs() {
    let (sandbox, ecs) = with_cluster().await;
    let refuse = FaultKind::Refuse { code: "AccessDeniedException", message: "no".into(), status: 400 };
    for kind in [FaultKind::Throttled, FaultKind::ServerError, refuse] {
        sandbox.inject(Fault { operation: "ListClusters".into(), times: 1, kind });
    }
    for expected in ["ThrottlingException", "ServerException", "AccessDeniedException"] {
        assert_eq!(refusal(ecs.list_clusters().send().await).0, expected);
    }
    ecs.list_clusters().send().await.expect("the faults are used up");
    let refused = sandbox.state().log.iter().filter(|line| line.error.is_some()).count();
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn the_loopback_server_hangs_up_on_a_dropped_call() {
    let sandbox = Sandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    tokio::spawn(evenkeel::sandbox::server::serve(Arc::clone(&sandbox), listener));
    sandbox.inject(Fault { operation: "*".into(), times: 1, kind: FaultKind::DropBefore });
    for (expected, what) in [("", "dropped"), ("HTTP/1.1 200 OK", "answered")] {
        let mut stream = TcpStream::connect(address).await.expect("connect");
        let target = "x-amz-target: AmazonEC2ContainerServiceV20141113.ListClusters";
        let request =
            format!("POST / HTTP/1.1\r\nhost: h\r\n{target}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
        stream.write_all(request.as_bytes()).await.expect("send");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("read");
        assert_eq!(answer.lines().next().unwrap_or_default(), expected, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn services_on_ec2_wait_for_an_instance() {
    let (_, ecs) = with_cluster().await;
    let container = ContainerDefinition::builder().name("web").image("i").memory(64).build();
    let request = ecs.register_task_definition().family("web").container_definitions(container);
    request.send().await.expect("register");
    let request = ecs.create_service().service_name("web").task_definition("web").desired_count(1);
    request.launch_type(LaunchType::Ec2).send().await.expect("create");
    seconds(60).await;
    let waiting = service(&ecs).await;
    assert_eq!((waiting.running_count, waiting.pending_count), (0, 0));
    assert!(messages(&waiting)[0].contains("was unable to place a task"));

    ecs.register_container_instance().send().await.expect("register an instance");
    seconds(4).await;
    assert_eq!(service(&ecs).await.running_count, 1);
}

/// A service looked at after each of `pauses` while a rollout fails, and once more 20 s after it began.
async fn looked_at(pauses: &[u64]) -> String {
    let (_, ecs) = with_cluster().await;
    create(&ecs, "shop/web:1", 3, breaker(true)).await;
    seconds(5).await;
    let bad = register(&ecs, "shop/web:crash").await;
    ecs.update_service().service("web").task_definition(bad).send().await.expect("update");
    for pause in pauses {
        tokio::time::advance(Duration::from_millis(*pause)).await;
        service(&ecs).await;
    }
    tokio::time::advance(Duration::from_millis(20_000 - pauses.iter().sum::<u64>())).await;
    let mut seen = service(&ecs).await;
    // Ids and times hang on the moment at which each of the two services was created.
    let of = |d: &Deployment| format!("{:?} {:?} {}/{}", d.status, d.rollout_state, d.running_count, d.failed_tasks);
    let rollouts: Vec<String> = seen.deployments().iter().map(of).collect();
    let events = seen.events.take().unwrap_or_default();
    let counts = (seen.running_count, seen.pending_count, events.len());
    format!("{:?} {counts:?} {rollouts:?}", seen.task_definition)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Time decides what a service looks like, not how often somebody has looked.
    #[test]
    fn looking_changes_nothing(pauses in prop::collection::vec(1_u64..2500, 0..8)) {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let often = runtime().expect("runtime").block_on(looked_at(&pauses));
        let once = runtime().expect("runtime").block_on(looked_at(&[]));
        prop_assert_eq!(often, once);
    }
}

/// An account that is asked in JSON: requests go through the SDK's own input types, answers through
/// its output types.
struct Account {
    aws: Aws,
    ecs: Client,
}

impl Account {
    /// One with a cluster `default` that has both Fargate providers, and a family `web`.
    async fn new() -> Self {
        let sandbox = Sandbox::new();
        let config = evenkeel::sandbox::client::point(loader(), &sandbox).load().await;
        let aws = Aws::connect(&config, &Arc::new(Metrics::new().expect("metrics"))).await.expect("connect");
        let account = Self { aws, ecs: client(&sandbox) };
        let cluster = json!({ "clusterName": "default", "capacityProviders": ["FARGATE_SPOT", "FARGATE"] });
        account.ok(Action::CreateCluster(cluster)).await;
        account.ok(Action::RegisterTaskDefinition(definition())).await;
        account
    }

    async fn ok(&self, action: Action) {
        self.aws.apply(&action).await.expect("accepted");
    }

    async fn refused(&self, action: Action) -> String {
        self.aws.apply(&action).await.expect_err("the call should be refused").to_string()
    }

    /// Creates the service `web` with these members beside those that it must have.
    async fn create(&self, change: Value) {
        self.ok(Action::CreateService(with(fargate_service(), change))).await;
    }

    async fn update(&self, change: Value) {
        self.ok(Action::UpdateService(with(json!({ "service": "web" }), change))).await;
    }

    async fn service(&self) -> Value {
        encode(&service(&self.ecs).await)
    }

    /// The PRIMARY deployment of the service.
    async fn primary(&self) -> Value {
        encode(primary(&service(&self.ecs).await))
    }

    /// The newest service revision.
    async fn revision(&self) -> Value {
        let arn = self.service().await["currentServiceRevisions"][0]["arn"].as_str().expect("ARN").to_owned();
        let described = self.ecs.describe_service_revisions().service_revision_arns(arn).send().await;
        encode(&described.expect("describe").service_revisions()[0])
    }

    async fn definition(&self) -> Value {
        let described = self.ecs.describe_task_definition().task_definition("web").send().await;
        encode(described.expect("describe").task_definition().expect("a definition"))
    }

    async fn cluster(&self, include: &[ClusterField]) -> Value {
        let call = self.ecs.describe_clusters().clusters("default").set_include(Some(include.to_vec()));
        encode(&call.send().await.expect("describe").clusters()[0])
    }
}

fn definition() -> Value {
    json!({
        "family": "web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "volumes": [{ "name": "data", "configuredAtLaunch": true }],
        "containerDefinitions": [{ "name": "web", "image": "web:1", "portMappings": [{ "containerPort": 80, "name": "http" }] }],
    })
}

fn fargate_service() -> Value {
    json!({
        "serviceName": "web", "taskDefinition": "web", "desiredCount": 1, "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
    })
}

/// `base` with the members of `change` laid over it; `null` takes a member away.
fn with(mut base: Value, change: Value) -> Value {
    for (member, value) in change.as_object().cloned().unwrap_or_default() {
        base[member] = value;
    }
    base.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    base
}

/// Every member of `expected` in `found`.
fn assert_within(found: &Value, expected: Value) {
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(found.get(member).unwrap_or(&Value::Null), value, "{member}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_declares_little_reads_back_with_every_default() {
    let account = Account::new().await;
    account.create(json!({})).await;
    let service = account.service().await;
    assert_within(
        &service,
        json!({
            "schedulingStrategy": "REPLICA", "propagateTags": "NONE", "enableECSManagedTags": false,
            "enableExecuteCommand": false, "healthCheckGracePeriodSeconds": 0, "platformVersion": "LATEST",
            "availabilityZoneRebalancing": "ENABLED", "deploymentController": { "type": "ECS" },
            "placementConstraints": [], "placementStrategy": [], "loadBalancers": [], "serviceRegistries": [],
            "roleArn": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-1"], "securityGroups": [], "assignPublicIp": "DISABLED" } },
        }),
    );
    assert_within(
        &service["deploymentConfiguration"],
        json!({
            "maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0,
            "deploymentCircuitBreaker": { "enable": false, "rollback": false, "resetOnHealthyTask": true,
                "thresholdConfiguration": { "type": "BOUNDED_PERCENT", "value": 50 } },
            "alarms": { "alarmNames": [], "enable": false, "rollback": false },
            "earlySuccessCriteria": { "enable": false, "healthyPercent": 100, "sourceServiceRevisionCleanup": "BLOCKING" },
        }),
    );
}

#[tokio::test(start_paused = true)]
async fn a_daemon_service_may_have_none_of_its_tasks_while_it_is_deployed() {
    let account = Account::new().await;
    let plain = json!({ "family": "agent", "containerDefinitions": [{ "name": "a", "image": "a:1", "memory": 64 }] });
    account.ok(Action::RegisterTaskDefinition(plain)).await;
    let daemon = json!({ "schedulingStrategy": "DAEMON", "taskDefinition": "agent", "launchType": "EC2",
        "desiredCount": null, "networkConfiguration": null });
    account.create(daemon).await;
    let service = account.service().await;
    assert_within(&service["deploymentConfiguration"], json!({ "maximumPercent": 100, "minimumHealthyPercent": 0 }));
    assert_eq!(service["availabilityZoneRebalancing"], "DISABLED");
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_inside_a_deployment_configuration_gets_the_leaves_that_it_lacks() {
    let account = Account::new().await;
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:check";
    let declared = json!({
        "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        "earlySuccessCriteria": { "enable": true, "healthyPercent": 100 },
        "lifecycleHooks": [{ "hookTargetArn": arn, "roleArn": "r", "lifecycleStages": ["POST_SCALE_UP"] },
            { "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": { "timeoutInMinutes": 5 } }],
    });
    account.create(json!({ "deploymentConfiguration": declared })).await;
    let configuration = account.service().await["deploymentConfiguration"].clone();
    assert_within(
        &configuration["deploymentCircuitBreaker"],
        json!({ "enable": true, "resetOnHealthyTask": true, "thresholdConfiguration": { "type": "BOUNDED_PERCENT", "value": 50 } }),
    );
    assert_within(&configuration["earlySuccessCriteria"], json!({ "sourceServiceRevisionCleanup": "BLOCKING" }));
    let hooks = &configuration["lifecycleHooks"];
    assert_within(
        &hooks[0],
        json!({ "targetType": "AWS_LAMBDA", "timeoutConfiguration": { "timeoutInMinutes": 1440, "action": "ROLLBACK" } }),
    );
    assert_eq!(hooks[1]["timeoutConfiguration"], json!({ "timeoutInMinutes": 5, "action": "ROLLBACK" }));
    let other = json!({ "strategy": "BLUE_GREEN" });
    let switch = json!({ "service": "web", "deploymentConfiguration": other });
    let refusal = account.refused(Action::UpdateService(switch)).await;
    assert!(refusal.contains("Early success criteria not supported for BLUE_GREEN deployment strategy"), "{refusal}");
    account.update(json!({ "deploymentConfiguration": { "earlySuccessCriteria": { "enable": false } } })).await;
    account.update(json!({ "deploymentConfiguration": other })).await;
}

#[tokio::test(start_paused = true)]
async fn steps_belong_to_their_strategy_and_go_with_it() {
    let account = Account::new().await;
    let of = |strategy: &str, member: &str| json!({ "deploymentConfiguration": { "strategy": strategy, member: {} } });
    let wrong = with(fargate_service(), of("LINEAR", "canaryConfiguration"));
    let refusal = account.refused(Action::CreateService(wrong)).await;
    assert!(refusal.contains("canaryConfiguration is only valid with the CANARY"), "{refusal}");
    account.create(of("LINEAR", "linearConfiguration")).await;
    let steps = account.service().await["deploymentConfiguration"]["linearConfiguration"].clone();
    assert_eq!(steps, json!({ "stepPercent": 10.0, "stepBakeTimeInMinutes": 6 }));
    account.update(of("CANARY", "canaryConfiguration")).await;
    let configuration = account.service().await["deploymentConfiguration"].clone();
    assert_eq!(configuration.get("linearConfiguration"), None);
    assert_eq!(configuration["canaryConfiguration"], json!({ "canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10 }));
}

#[tokio::test(start_paused = true)]
async fn connections_and_volumes_show_on_the_deployment_and_never_on_the_service() {
    let account = Account::new().await;
    let lattice = json!({ "roleArn": "r", "targetGroupArn": "tg", "portName": "http" });
    account
        .create(json!({
            "serviceConnectConfiguration": { "enabled": true, "namespace": "shop", "services": [{ "portName": "http" }] },
            "volumeConfigurations": [{ "name": "data", "managedEBSVolume": { "roleArn": "r", "sizeInGiB": 9 } }],
            "vpcLatticeConfigurations": [lattice],
        }))
        .await;
    let (service, primary) = (account.service().await, account.primary().await);
    for member in ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"] {
        assert_eq!(service.get(member), None, "{member}");
    }
    let connect = &primary["serviceConnectConfiguration"];
    assert_eq!(connect["namespace"], "shop", "in the form in which it was declared");
    assert_eq!(connect["services"][0]["discoveryName"], "http", "the name of the port");
    let volume = &primary["volumeConfigurations"][0]["managedEBSVolume"];
    assert_eq!(*volume, json!({ "roleArn": "r", "sizeInGiB": 9, "filesystemType": "xfs" }));
    assert_eq!(primary["vpcLatticeConfigurations"], json!([lattice]));
}

#[tokio::test(start_paused = true)]
async fn monitoring_and_gateway_connectors_are_in_the_service_revision_only() {
    let account = Account::new().await;
    let monitoring = |seconds: u32| json!({ "metricConfigurations": [{ "metricNames": ["CPUUtilization"], "resolutionSeconds": seconds }] });
    let connectors = json!([{ "portName": "http", "filters": { "accessTypes": ["PRIVATE"] } }]);
    account.create(json!({ "monitoring": monitoring(20), "gatewayConnectors": connectors })).await;
    for place in [account.service().await, account.primary().await] {
        assert_eq!((place.get("monitoring"), place.get("gatewayConnectors")), (None, None));
    }
    let first = account.revision().await;
    assert_within(&first, json!({ "monitoring": monitoring(20), "gatewayConnectors": connectors }));

    account.update(json!({ "monitoring": monitoring(60) })).await;
    let second = account.revision().await;
    assert_within(&second, json!({ "monitoring": monitoring(60), "gatewayConnectors": connectors }));
    account.update(json!({ "gatewayConnectors": [] })).await;
    assert_within(&account.revision().await, json!({ "monitoring": monitoring(60), "gatewayConnectors": [] }));

    let two = json!({ "service": "web", "gatewayConnectors": [{ "portName": "http" }, { "portName": "tls" }] });
    assert!(account.refused(Action::UpdateService(two)).await.contains("no more than one gateway connector"));
}

#[tokio::test(start_paused = true)]
async fn service_revisions_are_described_twenty_at_a_time() {
    let account = Account::new().await;
    account.create(json!({})).await;
    let arn = account.service().await["currentServiceRevisions"][0]["arn"].as_str().expect("ARN").to_owned();
    let describe = |count: usize| {
        account.ecs.describe_service_revisions().set_service_revision_arns(Some(vec![arn.clone(); count])).send()
    };
    describe(20).await.expect("twenty");
    assert_eq!(refusal(describe(21).await).0, "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_every_member_that_it_leaves_out() {
    let account = Account::new().await;
    let registry = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1";
    account
        .create(json!({
            "availabilityZoneRebalancing": "DISABLED", "propagateTags": "SERVICE", "enableECSManagedTags": true,
            "enableExecuteCommand": true, "healthCheckGracePeriodSeconds": 60,
            "loadBalancers": [{ "targetGroupArn": "targetgroup/web/1", "containerName": "web", "containerPort": 80 }],
            "serviceRegistries": [{ "registryArn": registry }],
            "serviceConnectConfiguration": { "enabled": true, "namespace": "shop" },
            "volumeConfigurations": [{ "name": "data", "managedEBSVolume": { "roleArn": "r", "sizeInGiB": 9 } }],
            "monitoring": { "metricConfigurations": [] },
            "deploymentConfiguration": { "maximumPercent": 150, "alarms": { "alarmNames": ["a"], "enable": true, "rollback": true } },
        }))
        .await;
    let members = |service: Value| {
        let changing = ["desiredCount", "deployments", "events", "currentServiceRevisions"];
        let kept = service.as_object().cloned().expect("a service").into_iter();
        kept.filter(|(member, _)| !changing.contains(&member.as_str())).collect::<Vec<_>>()
    };
    let (before, revision) = (members(account.service().await), account.revision().await);
    account.update(json!({ "desiredCount": 2 })).await;
    assert_eq!(members(account.service().await), before);
    assert_eq!(account.revision().await, revision);
}

#[tokio::test(start_paused = true)]
async fn an_update_clears_what_it_sends_empty() {
    let account = Account::new().await;
    account
        .create(json!({
            "loadBalancers": [{ "targetGroupArn": "targetgroup/web/1", "containerName": "web", "containerPort": 80 }],
            "serviceRegistries": [{ "registryArn": "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1" }],
            "serviceConnectConfiguration": { "enabled": true, "namespace": "shop", "services": [{ "portName": "http" }] },
            "deploymentConfiguration": { "lifecycleHooks": [{ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"] }] },
        }))
        .await;
    account
        .update(json!({
            "loadBalancers": [], "serviceRegistries": [], "serviceConnectConfiguration": { "enabled": false },
            "deploymentConfiguration": { "lifecycleHooks": [] },
        }))
        .await;
    let service = account.service().await;
    assert_within(&service, json!({ "loadBalancers": [], "serviceRegistries": [] }));
    assert_eq!(service["deploymentConfiguration"]["lifecycleHooks"], json!([]));
    assert_eq!(account.primary().await["serviceConnectConfiguration"], json!({ "enabled": false }));
}

#[tokio::test(start_paused = true)]
async fn another_capacity_provider_strategy_takes_a_forced_deployment_and_an_empty_one_goes_back() {
    let account = Account::new().await;
    account.create(json!({})).await;
    let spot = json!({ "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }] });
    let none = json!({ "capacityProviderStrategy": [] });
    let forced = |change: &Value| with(change.clone(), json!({ "forceNewDeployment": true }));
    let ending = "you must force a new deployment.";
    let unforced = Action::UpdateService(with(json!({ "service": "web" }), spot.clone()));
    assert!(account.refused(unforced).await.ends_with(ending));
    account.update(forced(&spot)).await;
    let filled = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0 }]);
    assert_within(&account.service().await, json!({ "launchType": null, "capacityProviderStrategy": filled }));
    account.update(spot).await;
    let unforced = Action::UpdateService(with(json!({ "service": "web" }), none.clone()));
    assert!(account.refused(unforced).await.ends_with(ending));
    account.update(forced(&none)).await;
    assert_within(&account.service().await, json!({ "launchType": "FARGATE", "capacityProviderStrategy": null }));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_names_no_place_gets_the_strategy_of_its_cluster() {
    let account = Account::new().await;
    let put = json!({ "cluster": "default", "capacityProviders": ["FARGATE_SPOT", "FARGATE"],
        "defaultCapacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 2 }, { "capacityProvider": "FARGATE" }] });
    account.ok(Action::PutClusterCapacityProviders(put)).await;
    let cluster = account.cluster(&[]).await;
    assert_eq!(cluster["capacityProviders"], json!(["FARGATE", "FARGATE_SPOT"]), "a set, which comes back sorted");
    let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 2, "base": 0 },
        { "capacityProvider": "FARGATE", "weight": 0, "base": 0 }]);
    assert_eq!(cluster["defaultCapacityProviderStrategy"], strategy, "which keeps its order");
    account.create(json!({ "launchType": null })).await;
    assert_within(&account.service().await, json!({ "launchType": null, "capacityProviderStrategy": strategy }));
}

#[tokio::test(start_paused = true)]
async fn fields_of_a_placement_strategy_come_back_in_one_spelling_and_in_their_order() {
    let account = Account::new().await;
    let plain = json!({ "family": "job", "containerDefinitions": [{ "name": "a", "image": "a:1", "memory": 64 }] });
    account.ok(Action::RegisterTaskDefinition(plain)).await;
    let strategy = json!([{ "type": "spread", "field": "host" }, { "type": "binpack", "field": "memory" },
        { "type": "binpack", "field": "Cpu" }, { "type": "spread", "field": "attribute:ecs.availability-zone" }]);
    let place = json!({ "taskDefinition": "job", "launchType": "EC2", "networkConfiguration": null, "placementStrategy": strategy });
    account.create(place).await;
    let fields: Vec<Value> = account.service().await["placementStrategy"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|s| s["field"].clone())
        .collect();
    assert_eq!(fields, ["instanceId", "MEMORY", "CPU", "attribute:ecs.availability-zone"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_reads_back_with_its_defaults_and_in_an_order_of_its_own() {
    let account = Account::new().await;
    let efs = json!({ "name": "shared", "efsVolumeConfiguration": { "fileSystemId": "fs-1" } });
    account
        .ok(Action::RegisterTaskDefinition(with(
            definition(),
            json!({
                "cpu": "1 vCPU", "memory": "2 GB", "volumes": [efs],
                "containerDefinitions": [
                    { "name": "web", "image": "web:1", "healthCheck": { "command": ["CMD", "true"] },
                      "portMappings": [{ "containerPort": 90 }, { "containerPort": 80, "protocol": "udp" }],
                      "volumesFrom": [{ "sourceContainer": "log" }, { "sourceContainer": "aid" }] },
                    { "name": "log", "image": "log:1" }, { "name": "aid", "image": "aid:1" },
                ],
            }),
        )))
        .await;
    let definition = account.definition().await;
    assert_within(
        &definition,
        json!({
            "cpu": "1024", "memory": "2048", "placementConstraints": [],
            "requiresCompatibilities": ["FARGATE"], "compatibilities": ["EC2", "FARGATE", "MANAGED_INSTANCES"],
            "volumes": [{ "name": "shared", "efsVolumeConfiguration": {
                "fileSystemId": "fs-1", "rootDirectory": "/", "transitEncryption": "DISABLED" } }],
        }),
    );
    let container = &definition["containerDefinitions"][0];
    assert_within(
        container,
        json!({
            "cpu": 0, "memory": null, "essential": true, "environment": [], "mountPoints": [], "systemControls": [],
            "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "udp" },
                { "containerPort": 90, "hostPort": 90, "protocol": "tcp" }],
            "volumesFrom": [{ "sourceContainer": "aid" }, { "sourceContainer": "log" }],
            "healthCheck": { "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 },
        }),
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_shows_tags_settings_and_configuration_only_when_asked() {
    let account = Account::new().await;
    let exec = json!({ "executeCommandConfiguration": {} });
    account.ok(Action::UpdateCluster(json!({ "cluster": "default", "configuration": exec }))).await;
    let tags = [("team".to_owned(), "shop".to_owned())].into_iter().collect();
    let arn = "arn:aws:ecs:us-east-1:123456789012:cluster/default".to_owned();
    account.ok(Action::TagResource { arn, tags }).await;
    let empty = json!({ "tags": [], "settings": [], "configuration": null });
    assert_within(&account.cluster(&[]).await, empty);
    let all = account.cluster(&[ClusterField::Tags, ClusterField::Settings, ClusterField::Configurations]).await;
    let expected = json!({
        "tags": [{ "key": "team", "value": "shop" }],
        "settings": [{ "name": "containerInsights", "value": "disabled" }],
        "configuration": { "executeCommandConfiguration": { "logging": "DEFAULT" } },
    });
    assert_within(&all, expected);
}

#[tokio::test(start_paused = true)]
async fn the_numbers_of_a_capacity_provider_are_those_of_the_documentation() {
    let account = Account::new().await;
    let group = json!({ "autoScalingGroupArn": "arn:asg", "managedScaling": { "status": "ENABLED" } });
    account.ok(Action::CreateCapacityProvider(json!({ "name": "asg", "autoScalingGroupProvider": group }))).await;
    let described = account.ecs.describe_capacity_providers().capacity_providers("asg").send().await;
    let provider = encode(&described.expect("describe").capacity_providers()[0]);
    assert_eq!(
        provider["autoScalingGroupProvider"],
        json!({
            "autoScalingGroupArn": "arn:asg", "managedDraining": "ENABLED", "managedTerminationProtection": "DISABLED",
            "managedScaling": { "status": "ENABLED", "targetCapacity": 100, "minimumScalingStepSize": 1,
                "maximumScalingStepSize": 10000, "instanceWarmupPeriod": 300 },
        })
    );
}

#[tokio::test(start_paused = true)]
async fn of_a_service_that_another_controller_rolls_out_only_some_members_can_be_changed() {
    const BOTH: [(&str, &[&str]); 2] = [("CODE_DEPLOY", &["deploymentConfiguration"]), ("EXTERNAL", &[])];
    for (controller, more) in BOTH {
        let account = Account::new().await;
        account.create(json!({ "deploymentController": { "type": controller } })).await;
        let update = |change: Value| Action::UpdateService(with(json!({ "service": "web" }), change));
        account
            .update(json!({
                "desiredCount": 2, "healthCheckGracePeriodSeconds": 30, "placementConstraints": [],
                "placementStrategy": [], "enableECSManagedTags": true, "propagateTags": "SERVICE",
            }))
            .await;
        assert_within(&account.service().await, json!({ "desiredCount": 2, "healthCheckGracePeriodSeconds": 30 }));
        for (member, value) in [
            ("taskDefinition", json!("web")),
            ("networkConfiguration", json!({ "awsvpcConfiguration": { "subnets": ["subnet-2"] } })),
            ("loadBalancers", json!([])),
            ("platformVersion", json!("1.4.0")),
            ("enableExecuteCommand", json!(true)),
            ("forceNewDeployment", json!(true)),
            ("deploymentConfiguration", json!({ "maximumPercent": 150 })),
        ] {
            if more.contains(&member) {
                account.update(json!({ member: value })).await;
                continue;
            }
            let refusal = account.refused(update(json!({ member: value }))).await;
            let end = format!("on services with a {controller} deployment controller.");
            assert!(refusal.contains(&end), "{member}: {refusal}");
        }
        let forced = account.refused(update(json!({ "forceNewDeployment": true }))).await;
        assert!(forced.contains("Cannot force a new deployment"), "{forced}");
        account.update(json!({ "forceNewDeployment": false })).await;
        account.update(json!({ "deploymentController": { "type": "ECS" } })).await;
        account.update(json!({ "enableExecuteCommand": true })).await;
    }
}
