//! What ECS fills into a service that leaves it out.

use serde_json::{Value, json};

use crate::sandbox::ecs::capacity_provider::{BUILT_IN, overlay, with_defaults};
use crate::sandbox::ecs::input::{tail, text_of};
use crate::sandbox::ecs::{Map, Region};
use crate::sandbox::{ACCOUNT, Context};

/// The role that reads back on a service that declares none.
fn service_linked_role() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
}

/// Members that only a request has, or that name the service in it.
const NOT_KEPT: [&str; 5] = ["cluster", "clientToken", "service", "forceNewDeployment", "tags"];

/// The record of a service that `request` declares.
pub(super) fn record(region: &Region, context: &Context, cluster: &str, request: &Map) -> Map {
    let mut record = request.clone();
    record.retain(|member, _| !NOT_KEPT.contains(&member.as_str()));
    let role = match record.shift_remove("role").as_ref().and_then(Value::as_str) {
        None => service_linked_role(),
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        Some(name) => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
    };
    let daemon = request.get("schedulingStrategy") == Some(&json!("DAEMON"));
    let members = [
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({ "type": "ECS" })),
        ("roleArn", json!(role)),
        ("createdAt", json!(context.epoch_seconds())),
        ("createdBy", json!(crate::sandbox::ecs::principal())),
        ("desiredCount", json!(0)),
        ("loadBalancers", json!([])),
        ("serviceRegistries", json!([])),
        ("placementConstraints", json!([])),
        ("placementStrategy", json!([])),
        ("healthCheckGracePeriodSeconds", json!(0)),
        ("enableECSManagedTags", json!(false)),
        ("propagateTags", json!("NONE")),
        ("enableExecuteCommand", json!(false)),
        // A new service is balanced unless it says otherwise; DAEMON has nothing to balance (from memory).
        ("availabilityZoneRebalancing", json!(if daemon { "DISABLED" } else { "ENABLED" })),
        ("status", json!("ACTIVE")),
    ];
    for (member, value) in members {
        record.entry(member).or_insert(value);
    }
    let mut deployment = deployment_configuration(daemon);
    if let Some(declared) = request.get("deploymentConfiguration") {
        overlay(&mut deployment, declared);
    }
    record.insert("deploymentConfiguration".into(), deployment);
    fill_placement(region, cluster, &mut record);
    fill_nested(region, cluster, &mut record);
    record
}

fn deployment_configuration(daemon: bool) -> Value {
    let (most, least) = if daemon { (100, 0) } else { (200, 100) };
    json!({
        "deploymentCircuitBreaker": {
            "enable": false,
            "rollback": false,
            "resetOnHealthyTask": true,
            "thresholdConfiguration": { "type": "BOUNDED_PERCENT", "value": 50 },
        },
        "maximumPercent": most,
        "minimumHealthyPercent": least,
        "alarms": { "alarmNames": [], "enable": false, "rollback": false },
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        // The leaves come back with `enable: false` (ecspresso#1082); that they do so on a service that
        // never named the object is (from memory).
        "earlySuccessCriteria": { "enable": false, "healthyPercent": 100, "sourceServiceRevisionCleanup": "BLOCKING" },
    })
}

/// Defaults inside a deployment configuration: those of hooks by ecspresso#1082, which read them off
/// live answers, the others by the model. Whether ECS echoes the model's is not known.
fn fill_deployment(configuration: &mut Map) {
    let hooks = configuration.get_mut("lifecycleHooks").and_then(Value::as_array_mut).into_iter().flatten();
    for hook in hooks.filter_map(Value::as_object_mut) {
        hook.entry("targetType").or_insert_with(|| json!("AWS_LAMBDA"));
        fill_member(hook, "timeoutConfiguration", &[("timeoutInMinutes", json!(1440)), ("action", json!("ROLLBACK"))]);
    }
    let steps = [
        ("linearConfiguration", [("stepPercent", json!(10.0)), ("stepBakeTimeInMinutes", json!(6))]),
        ("canaryConfiguration", [("canaryPercent", json!(5.0)), ("canaryBakeTimeInMinutes", json!(10))]),
    ];
    for (member, defaults) in steps {
        if configuration.contains_key(member) {
            fill_member(configuration, member, &defaults);
        }
    }
}

/// Fills an object inside another, which is made when it is not there.
fn fill_member(outer: &mut Map, member: &str, defaults: &[(&str, Value)]) {
    if let Some(inner) = outer.entry(member).or_insert_with(|| json!({})).as_object_mut() {
        for (name, value) in defaults {
            inner.entry(*name).or_insert_with(|| value.clone());
        }
    }
}

/// Where tasks run: "If no capacityProviderStrategy or launchType is specified, the
/// defaultCapacityProviderStrategy for the cluster is used"; without one it is EC2 *(from memory)*.
pub fn fill_placement(region: &Region, cluster: &str, record: &mut Map) {
    let strategy = |value: Option<&Value>| value.and_then(Value::as_array).filter(|list| !list.is_empty()).cloned();
    let external = record.get("deploymentController").and_then(|c| text_of(c, "type")) == Some("EXTERNAL");
    match strategy(record.get("capacityProviderStrategy")) {
        Some(declared) => {
            record.insert("capacityProviderStrategy".into(), with_defaults(&declared));
        }
        None => {
            record.shift_remove("capacityProviderStrategy");
            let of_cluster = region.clusters.get(cluster).and_then(|c| c.record.get("defaultCapacityProviderStrategy"));
            match strategy(of_cluster) {
                // The task sets of an external deployment say it themselves.
                _ if external || record.contains_key("launchType") => {}
                Some(default) => drop(record.insert("capacityProviderStrategy".into(), Value::Array(default))),
                None => drop(record.insert("launchType".into(), json!("EC2"))),
            }
        }
    }
    if launch_type(record) == "FARGATE" {
        record.entry("platformVersion").or_insert_with(|| json!("LATEST"));
        record.entry("platformFamily").or_insert_with(|| json!("Linux"));
    } else {
        record.shift_remove("platformFamily");
    }
}

/// The launch type that a service or a task runs on, by strategy if it has one.
#[must_use]
pub fn launch_type(record: &Map) -> &str {
    let fargate = |item: &Value| text_of(item, "capacityProvider").is_some_and(|name| BUILT_IN.contains(&tail(name)));
    match record.get("capacityProviderStrategy").and_then(Value::as_array) {
        Some(strategy) if strategy.iter().any(fargate) => "FARGATE",
        Some(strategy) if !strategy.is_empty() => "EC2",
        _ => record.get("launchType").and_then(Value::as_str).unwrap_or_default(),
    }
}

/// Defaults inside objects that the service declares.
pub(super) fn fill_nested(region: &Region, cluster: &str, record: &mut Map) {
    if let Some(configuration) = record.get_mut("deploymentConfiguration").and_then(Value::as_object_mut) {
        fill_deployment(configuration);
    }
    // "If you don't specify a security group, the default security group for the VPC is used": that
    // it does not show here is (from memory).
    let network = record.get_mut("networkConfiguration").and_then(|network| network.get_mut("awsvpcConfiguration"));
    if let Some(network) = network.and_then(Value::as_object_mut) {
        network.entry("securityGroups").or_insert_with(|| json!([]));
        network.entry("assignPublicIp").or_insert_with(|| json!("DISABLED"));
    }
    if let Some(connect) = record.get_mut("serviceConnectConfiguration").and_then(Value::as_object_mut) {
        let of_cluster = region.clusters.get(cluster).and_then(|c| c.record.get("serviceConnectDefaults"));
        if let (Some(namespace), Some(Value::Bool(true))) =
            (of_cluster.and_then(|d| d.get("namespace")), connect.get("enabled"))
        {
            connect.entry("namespace").or_insert_with(|| namespace.clone());
        }
        let services = connect.get_mut("services").and_then(Value::as_array_mut).into_iter().flatten();
        for service in services.filter_map(Value::as_object_mut) {
            let port = service.get("portName").cloned().unwrap_or_default();
            service.entry("discoveryName").or_insert(port);
        }
    }
    // The field of a placement strategy is read without regard to case and echoed in one form.
    let strategies = record.get_mut("placementStrategy").and_then(Value::as_array_mut).into_iter().flatten();
    for field in strategies.filter_map(|strategy| strategy.get_mut("field")) {
        let text = field.as_str().unwrap_or_default();
        match text.to_ascii_lowercase().as_str() {
            "host" | "instanceid" => *field = json!("instanceId"),
            "cpu" | "memory" => *field = json!(text.to_ascii_uppercase()),
            _ => {}
        }
    }
    // What else of a volume ECS fills in is not known: the rest reads back as it was sent. Of
    // `monitoring` and `gatewayConnectors`, which no public tool reads, nothing is filled in.
    let volumes = record.get_mut("volumeConfigurations").and_then(Value::as_array_mut).into_iter().flatten();
    for volume in volumes.filter_map(|volume| volume.get_mut("managedEBSVolume")?.as_object_mut()) {
        volume.entry("filesystemType").or_insert_with(|| json!("xfs"));
    }
}
