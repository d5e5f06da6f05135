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
    AssignPublicIp, AwsVpcConfiguration, Compatibility, ContainerDefinition, Deployment, DeploymentCircuitBreaker,
    DeploymentConfiguration, DeploymentRolloutState, LaunchType, NetworkConfiguration, NetworkMode, PortMapping,
    Service, ServiceDeployment, ServiceDeploymentStatus, Tag,
};
use evenkeel::sandbox::Sandbox;
use evenkeel::sandbox::connector::Connector;
use evenkeel::sandbox::fault::{Fault, FaultKind};
use proptest::prelude::*;
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
    assert_eq!(deployments(&ecs).await[0].status(), Some(&ServiceDeploymentStatus::RollbackInProgress));
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
