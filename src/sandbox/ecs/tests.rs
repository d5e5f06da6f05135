//! Rules of the simulated ECS, request by request.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Outcome, handle};
use crate::sandbox::{ApiError, Context, State};

/// An account with a cluster `default` in one Region, and a clock that only the test moves.
struct Account {
    state: State,
    now: u64,
    region: &'static str,
}

impl Account {
    fn new() -> Self {
        let mut account = Self { state: State::default(), now: 1_000_000, region: "us-east-1" };
        account.ok("CreateCluster", json!({ "capacityProviders": ["FARGATE", "FARGATE_SPOT"] }));
        account.ok("RegisterTaskDefinition", fargate());
        account
    }

    fn call(&mut self, operation: &str, input: Value) -> Outcome {
        let context = Context { now: Duration::from_secs(self.now), region: self.region.to_owned() };
        handle(&mut self.state, &context, operation, input)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap()
    }

    fn refused(&mut self, operation: &str, input: Value) -> ApiError {
        match self.call(operation, input.clone()) {
            Err(error) => error,
            Ok(answer) => panic!("{operation} accepted {input}: {answer}"),
        }
    }

    fn service(&mut self) -> Value {
        self.ok("DescribeServices", json!({ "services": ["web"] }))["services"][0].clone()
    }
}

/// A Fargate task definition of family `web`.
fn fargate() -> Value {
    json!({
        "family": "web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "containerDefinitions": [{ "name": "web", "image": "shop/web:1", "portMappings": [{ "containerPort": 80, "name": "http" }] }],
    })
}

/// A Fargate service `web` of it.
fn service() -> Value {
    json!({
        "serviceName": "web", "taskDefinition": "web", "desiredCount": 1, "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
    })
}

/// `base` with the members of `change` laid over it; `null` takes a member away.
fn with(mut base: Value, change: &Value) -> Value {
    for (member, value) in change.as_object().unwrap() {
        base[member] = value.clone();
    }
    base
}

#[test]
fn task_definitions_that_cannot_run_are_refused() {
    let container = |change: Value| json!({ "containerDefinitions": [with(fargate()["containerDefinitions"][0].clone(), &change)] });
    let cases = [
        (json!({ "family": "not a name" }), "Family contains invalid characters."),
        (json!({ "containerDefinitions": [] }), "Container list cannot be empty."),
        (json!({ "networkMode": "bridge" }), "Fargate only supports network mode ‘awsvpc’."),
        (json!({ "cpu": null }), "Fargate requires that 'cpu' be defined at the task level."),
        (json!({ "memory": "8192" }), "No Fargate configuration exists for given values: 256 CPU, 8192 memory."),
        (json!({ "tags": [] }), "Tags can not be empty."),
        (
            json!({ "requiresCompatibilities": [], "cpu": null, "memory": null }),
            "At least one of 'memory' or 'memoryReservation'",
        ),
        (container(json!({ "name": null })), "Container.name should not be null or empty."),
        (container(json!({ "image": "" })), "Container.image should not be null or empty."),
        (container(json!({ "essential": false })), "at least one essential container"),
        (container(json!({ "mountPoints": [{ "sourceVolume": "gone" }] })), "Unknown volume 'gone'."),
        (
            container(json!({ "portMappings": [{ "containerPort": 80, "hostPort": 81 }] })),
            "host ports and container ports in port mappings must match",
        ),
        (
            container(json!({ "healthCheck": { "command": ["CMD"], "interval": 1 } })),
            "interval must be between 5 and 300",
        ),
        (container(json!({ "secrets": [{ "name": "A", "valueFrom": "arn" }] })), "'executionRoleArn'"),
        (container(json!({ "privileged": true })), "privileged"),
        (container(json!({ "dependsOn": [{ "containerName": "x", "condition": "START" }] })), "'x' in dependsOn"),
        (container(json!({ "command": ["x".repeat(70_000)] })), "Max allowed length is '65536' bytes."),
    ];
    let mut account = Account::new();
    for (change, expected) in cases {
        let error = account.refused("RegisterTaskDefinition", with(fargate(), &change));
        assert_eq!(error.code, "ClientException", "{change}");
        assert!(error.message.contains(expected), "{change}: {}", error.message);
    }
}

#[test]
fn fargate_sizes_are_those_of_the_table() {
    let mut account = Account::new();
    for (cpu, memory, fits) in [
        ("256", "512", true),
        ("0.25 vCPU", "2 GB", true),
        ("256", "1536", false),
        ("512", "4096", true),
        ("1024", "9216", false),
        ("4 vCPU", "30GB", true),
        ("8192", "20480", true),
        ("8192", "18432", false),
        ("16384", "122880", true),
        ("300", "512", false),
    ] {
        let answer = account.call("RegisterTaskDefinition", with(fargate(), &json!({ "cpu": cpu, "memory": memory })));
        assert_eq!(answer.is_ok(), fits, "{cpu} {memory}: {answer:?}");
    }
}

#[test]
fn what_a_task_definition_leaves_out_is_filled_in() {
    let mut account = Account::new();
    let input = json!({ "family": "old", "containerDefinitions": [{
        "name": "a", "image": "i", "memory": 64, "portMappings": [{ "containerPort": 80 }], "healthCheck": { "command": ["CMD"] },
    }] });
    let registered = account.ok("RegisterTaskDefinition", input)["taskDefinition"].clone();
    assert_eq!(registered["networkMode"], "bridge");
    assert_eq!((&registered["volumes"], &registered["placementConstraints"]), (&json!([]), &json!([])));
    assert_eq!(
        registered["containerDefinitions"][0],
        json!({
            "name": "a", "image": "i", "memory": 64, "cpu": 0, "essential": true, "environment": [], "mountPoints": [],
            "volumesFrom": [], "systemControls": [],
            "portMappings": [{ "containerPort": 80, "hostPort": 0, "protocol": "tcp" }],
            "healthCheck": { "command": ["CMD"], "interval": 30, "timeout": 5, "retries": 3 },
        })
    );
}

#[test]
fn services_that_cannot_run_are_refused() {
    let target = |id: &str| format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/none/{id}");
    let balancer = |container: &str, port: u16, id: &str| json!({ "loadBalancers": [{ "targetGroupArn": target(id), "containerName": container, "containerPort": port }] });
    let percent = |most: u32, least: u32| json!({ "deploymentConfiguration": { "maximumPercent": most, "minimumHealthyPercent": least } });
    let strategy =
        |name: &str| json!({ "launchType": null, "capacityProviderStrategy": [{ "capacityProvider": name }] });
    let cases = [
        (json!({ "serviceName": "not a name" }), "Service name contains invalid characters."),
        (json!({ "cluster": "gone" }), "Cluster not found."),
        (json!({ "taskDefinition": "gone" }), "TaskDefinition not found."),
        (json!({ "desiredCount": null }), "desiredCount must be specified"),
        (json!({ "desiredCount": -1 }), "desiredCount must be between 0"),
        (json!({ "healthCheckGracePeriodSeconds": -1 }), "healthCheckGracePeriodSeconds must be between 0"),
        (json!({ "networkConfiguration": null }), "Network Configuration must be provided"),
        (json!({ "platformVersion": "0.1" }), "The specified platform does not exist."),
        (
            json!({ "schedulingStrategy": "DAEMON", "desiredCount": null }),
            "daemon scheduling strategy is not supported",
        ),
        (json!({ "schedulingStrategy": "SOMETIMES" }), "Member must satisfy enum value set: [REPLICA, DAEMON]"),
        (
            json!({ "capacityProviderStrategy": [{ "capacityProvider": "FARGATE" }] }),
            "both a launch type and capacity provider strategy",
        ),
        (strategy("nobody"), "'nobody' was not found"),
        (json!({ "placementStrategy": [{ "type": "random" }] }), "Placement strategies are not supported with FARGATE"),
        (json!({ "clientToken": "x".repeat(37) }), "clientToken"),
        (json!({ "role": "r" }), "with load balancers"),
        (
            json!({ "serviceConnectConfiguration": { "enabled": true, "namespace": "n", "services": [{ "portName": "p" }] } }),
            "The portName p",
        ),
        (json!({ "volumeConfigurations": [{ "name": "v" }] }), "'v' is not configured at launch"),
        (balancer("other", 80, "1"), "The container other does not exist in the task definition."),
        (balancer("web", 81, "1"), "The container web did not have a container port 81 defined."),
        (balancer("web", 80, "0000000000000000"), "does not exist."),
        (percent(100, 100), "cannot be 100 as this will block deployments."),
    ];
    let mut account = Account::new();
    for (change, expected) in cases {
        let error = account.refused("CreateService", with(service(), &change));
        assert!(error.message.contains(expected), "{change}: {}", error.message);
    }
    account.ok("CreateService", with(service(), &balancer("web", 80, "73e2d6bc24d8a067")));
}

#[test]
fn an_update_keeps_what_it_leaves_out_and_clears_what_is_empty() {
    let mut account = Account::new();
    let connect = json!({ "enabled": true, "namespace": "shop", "services": [{ "portName": "http" }] });
    let declared = json!({
        "serviceRegistries": [{ "registryArn": "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1" }],
        "deploymentConfiguration": { "maximumPercent": 150, "minimumHealthyPercent": 50 },
        "serviceConnectConfiguration": connect,
    });
    account.ok("CreateService", with(service(), &declared));
    account.now += 5;
    account.ok("UpdateService", json!({ "service": "web", "deploymentConfiguration": { "maximumPercent": 175 } }));
    let kept = account.service();
    assert_eq!(kept["serviceRegistries"], declared["serviceRegistries"]);
    assert_eq!(kept["deploymentConfiguration"]["maximumPercent"], 175);
    assert_eq!(kept["deploymentConfiguration"]["minimumHealthyPercent"], 50);
    assert_eq!(kept["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(kept.get("serviceConnectConfiguration"), None, "it shows on the deployment only");
    assert_eq!(kept["deployments"][0]["serviceConnectConfiguration"]["services"][0]["discoveryName"], "http");

    account.ok("UpdateService", json!({ "service": "web", "serviceRegistries": [] }));
    let cleared = account.service();
    assert_eq!(cleared["serviceRegistries"], json!([]));
    assert_eq!(cleared["deployments"].as_array().unwrap().len(), 2, "taking a registry away rolls");
    let by_namespace = account.ok("ListServicesByNamespace", json!({ "namespace": "shop" }));
    assert_eq!(by_namespace["serviceArns"].as_array().unwrap().len(), 1);
}

#[test]
fn a_strategy_and_a_launch_type_take_each_others_place() {
    let mut account = Account::new();
    account.ok("CreateService", service());
    let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }]);
    let update = json!({ "service": "web", "capacityProviderStrategy": strategy });
    assert!(account.refused("UpdateService", update.clone()).message.ends_with("you must force a new deployment."));
    account.ok("UpdateService", with(update, &json!({ "forceNewDeployment": true })));
    let on_spot = account.service();
    assert_eq!(on_spot.get("launchType"), None);
    assert_eq!(
        on_spot["capacityProviderStrategy"],
        json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0 }])
    );
    assert_eq!(on_spot["deployments"].as_array().unwrap().len(), 2);
    let in_use =
        json!({ "cluster": "default", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": [] });
    assert_eq!(account.refused("PutClusterCapacityProviders", in_use).code, "ResourceInUseException");
    let update = json!({ "service": "web", "capacityProviderStrategy": [], "forceNewDeployment": true });
    account.ok("UpdateService", update);
    let back = account.service();
    assert_eq!((back.get("capacityProviderStrategy"), &back["launchType"]), (None, &json!("FARGATE")));
}

#[test]
fn a_deregistered_definition_serves_on_but_takes_no_new_work() {
    let mut account = Account::new();
    account.ok("CreateService", service());
    account.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" }));
    account.ok("UpdateService", json!({ "service": "web", "desiredCount": 3 }));
    account.now += 5;
    assert_eq!(account.service()["runningCount"], 3);
    let again = json!({ "service": "web", "taskDefinition": "web:1" });
    assert_eq!(account.refused("UpdateService", again).message, "TaskDefinition is inactive");
    assert_eq!(account.refused("DescribeTaskDefinition", json!({ "taskDefinition": "web" })).code, "ClientException");
    let registered = account.ok("RegisterTaskDefinition", fargate());
    assert_eq!(registered["taskDefinition"]["revision"], 2, "numbers are never used again");
}

#[test]
fn a_deleted_cluster_is_still_described_and_its_name_can_be_used_again() {
    let mut account = Account::new();
    account.ok("CreateService", with(service(), &json!({ "desiredCount": 0 })));
    let delete = || json!({ "cluster": "default" });
    assert_eq!(account.refused("DeleteCluster", delete()).code, "ClusterContainsServicesException");
    account.ok("DeleteService", json!({ "service": "web" }));
    account.ok("DeleteCluster", delete());
    let described = account.ok("DescribeClusters", json!({}));
    assert_eq!(described["clusters"][0]["status"], "INACTIVE");
    assert_eq!(account.ok("ListClusters", json!({}))["clusterArns"], json!([]));
    assert_eq!(account.refused("CreateService", service()).message, "The referenced cluster was inactive.");
    account.ok("CreateCluster", json!({}));
    assert_eq!(account.ok("DescribeClusters", json!({}))["clusters"][0]["status"], "ACTIVE");
}

#[test]
fn the_circuit_breaker_waits_for_its_threshold() {
    let config = |kind: &str, value: u32| json!({ "type": kind, "value": value });
    for (count, threshold, expected) in [
        (1, Value::Null, 3),
        (7, Value::Null, 4),
        (1000, Value::Null, 200),
        (1, config("COUNT", 5), 5),
        (10, config("BOUNDED_PERCENT", 10), 3),
        (10, config("UNBOUNDED_PERCENT", 10), 1),
    ] {
        let mut account = Account::new();
        let breaker = json!({ "enable": true, "rollback": false, "thresholdConfiguration": threshold });
        let change =
            json!({ "desiredCount": count, "deploymentConfiguration": { "deploymentCircuitBreaker": breaker } });
        account.ok("CreateService", with(service(), &change));
        let listed = account.ok("ListServiceDeployments", json!({ "service": "web" }));
        let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
        let described = account.ok("DescribeServiceDeployments", json!({ "serviceDeploymentArns": [arn] }));
        let limit = &described["serviceDeployments"][0]["deploymentCircuitBreaker"]["threshold"];
        assert_eq!(limit, expected, "{count} {threshold}");
    }
}

#[test]
fn a_task_that_is_stopped_is_replaced() {
    let mut account = Account::new();
    account.ok("CreateService", service());
    account.now += 5;
    let tasks = account.ok("ListTasks", json!({ "serviceName": "web" }));
    account.ok("StopTask", json!({ "task": tasks["taskArns"][0], "reason": "because" }));
    account.now += 5;
    assert_eq!(account.service()["runningCount"], 1);
    let now = account.ok("ListTasks", json!({ "serviceName": "web" }));
    assert_ne!(now["taskArns"], tasks["taskArns"]);
    let stopped = account.ok("DescribeTasks", json!({ "tasks": tasks["taskArns"] }));
    assert_eq!(stopped["tasks"][0]["stoppedReason"], "because");
}

#[test]
fn a_run_task_token_gives_the_same_tasks_again() {
    let mut account = Account::new();
    let request = json!({ "taskDefinition": "web", "count": 2, "clientToken": "t", "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } } });
    account.ok("RunTask", request.clone());
    account.ok("RunTask", request);
    assert_eq!(account.ok("ListTasks", json!({}))["taskArns"].as_array().unwrap().len(), 2);
}

#[test]
fn tags_obey_their_limits() {
    let mut account = Account::new();
    let arn = "arn:aws:ecs:us-east-1:123456789012:cluster/default";
    let tag = |key: &str| json!({ "resourceArn": arn, "tags": [{ "key": key, "value": "v" }] });
    for key in ["", "aws:x", "AWS:x", "semi;colon"] {
        assert_eq!(account.refused("TagResource", tag(key)).code, "InvalidParameterException", "{key}");
    }
    for number in 0..50 {
        account.ok("TagResource", tag(&format!("k{number}")));
    }
    account.ok("TagResource", tag("k0"));
    account.refused("TagResource", tag("one too many"));
}

#[test]
fn regions_and_operations_keep_apart() {
    let mut account = Account::new();
    account.region = "eu-west-1";
    assert_eq!(account.ok("ListClusters", json!({}))["clusterArns"], json!([]));
    account.ok("CreateCluster", json!({}));
    assert_eq!(
        account.ok("ListClusters", json!({}))["clusterArns"],
        json!(["arn:aws:ecs:eu-west-1:123456789012:cluster/default"])
    );
    assert_eq!(account.refused("MakeCoffee", json!({})).code, "UnknownOperationException");
    assert_eq!(account.refused("ListClusters", json!([])).code, "SerializationException");
    assert_eq!(account.refused("ListClusters", json!({ "maxResults": 101 })).code, "InvalidParameterException");
    assert_eq!(account.refused("ListClusters", json!({ "nextToken": "x" })).code, "InvalidParameterException");
}
