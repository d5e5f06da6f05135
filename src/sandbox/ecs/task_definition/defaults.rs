//! What ECS fills into a task definition that leaves it out.

use serde_json::{Value, json};

use crate::sandbox::ecs::Map;
use crate::sandbox::ecs::input::text_of;

use super::check;

/// Lists of a container that are answered even when they are empty.
const EMPTY_LISTS: [&str; 5] = ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"];

/// Lists of a container that come back in an order of ECS's own.
const UNORDERED: [&str; 3] = ["portMappings", "volumesFrom", "links"];

/// What a health check is when only its command is given.
const HEALTH_CHECK: [(&str, i64); 3] = [("interval", 30), ("timeout", 5), ("retries", 3)];

/// Fills the defaults in, and writes task sizes as the plain numbers that ECS keeps.
pub(super) fn fill(record: &mut Map) {
    let mode = record.entry("networkMode").or_insert_with(|| json!("bridge")).as_str().unwrap_or_default().to_owned();
    for list in ["volumes", "placementConstraints"] {
        record.entry(list).or_insert_with(|| json!([]));
    }
    for (member, parse) in [("cpu", check::cpu_units as fn(&str) -> Option<i64>), ("memory", check::mebibytes)] {
        if let Some(number) = record.get(member).and_then(Value::as_str).and_then(parse) {
            record.insert(member.into(), json!(number.to_string()));
        }
    }
    for container in objects(record, "containerDefinitions") {
        fill_container(container, &mode);
    }
    for volume in objects(record, "volumes") {
        fill_volume(volume);
    }
}

fn objects<'a>(record: &'a mut Map, list: &str) -> impl Iterator<Item = &'a mut Map> {
    record.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

fn fill_container(container: &mut Map, mode: &str) {
    container.entry("cpu").or_insert_with(|| json!(0));
    container.entry("essential").or_insert_with(|| json!(true));
    for list in EMPTY_LISTS {
        container.entry(list).or_insert_with(|| json!([]));
    }
    for mapping in objects(container, "portMappings") {
        mapping.entry("protocol").or_insert_with(|| json!("tcp"));
        // A mapping of a port range has no host port of its own.
        if let Some(port) = mapping.get("containerPort").cloned() {
            mapping.entry("hostPort").or_insert_with(|| if mode == "bridge" { json!(0) } else { port });
        }
    }
    // Lists in which the order means nothing do not keep it.
    for list in UNORDERED {
        if let Some(items) = container.get_mut(list).and_then(Value::as_array_mut) {
            items.sort_by_cached_key(identity);
        }
    }
    if let Some(check) = container.get_mut("healthCheck").and_then(Value::as_object_mut) {
        for (member, value) in HEALTH_CHECK {
            check.entry(member).or_insert_with(|| json!(value));
        }
    }
}

fn fill_volume(volume: &mut Map) {
    if volume.keys().all(|member| member == "name") {
        volume.insert("host".into(), json!({}));
    }
    // The encryption is documented and came back in aws-cloudformation/cloudformation-coverage-roadmap#1283,
    // the other two are (from memory). What ECS fills into an S3 Files volume is not known.
    if let Some(efs) = volume.get_mut("efsVolumeConfiguration").and_then(Value::as_object_mut) {
        efs.entry("transitEncryption").or_insert_with(|| json!("DISABLED"));
        efs.entry("rootDirectory").or_insert_with(|| json!("/"));
    }
    if let Some(docker) = volume.get_mut("dockerVolumeConfiguration").and_then(Value::as_object_mut) {
        docker.entry("scope").or_insert_with(|| json!("task"));
    }
}

/// The launch types that the definition could run on, whatever it requires.
pub(super) fn compatibilities(record: &Map) -> Value {
    let text = |member: &str| record.get(member).and_then(Value::as_str).unwrap_or_default();
    let awsvpc = text("networkMode") == "awsvpc";
    let size = (text("cpu").parse().unwrap_or_default(), text("memory").parse().unwrap_or_default());
    let mut kinds = vec!["EC2"];
    if awsvpc && check::is_fargate_size(size.0, size.1) {
        kinds.push("FARGATE");
    }
    if !awsvpc {
        kinds.push("EXTERNAL");
    }
    if awsvpc || text("networkMode") == "host" {
        kinds.push("MANAGED_INSTANCES");
    }
    json!(kinds)
}

/// What a container instance must offer. The conditions are (from memory) and not the whole list.
pub(super) fn requires_attributes(record: &Map) -> Value {
    let containers = record.get("containerDefinitions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let any = |test: &dyn Fn(&Value) -> bool| containers.iter().any(test);
    let driver = |c: &Value| c.get("logConfiguration").and_then(|l| text_of(l, "logDriver")) == Some("awslogs");
    let list = |c: &Value, member: &str| c.get(member).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let execution_role = record.contains_key("executionRoleArn");
    let table = [
        ("com.amazonaws.ecs.capability.docker-remote-api.1.18", true),
        ("com.amazonaws.ecs.capability.docker-remote-api.1.24", any(&|c| c.get("healthCheck").is_some())),
        ("com.amazonaws.ecs.capability.logging-driver.awslogs", any(&driver)),
        ("ecs.capability.execution-role-awslogs", execution_role && any(&driver)),
        ("ecs.capability.container-health-check", any(&|c| c.get("healthCheck").is_some())),
        ("ecs.capability.container-ordering", any(&|c| list(c, "dependsOn"))),
        ("ecs.capability.firelens.fluentbit", any(&|c| c.get("firelensConfiguration").is_some())),
        ("ecs.capability.secrets.ssm.environment-variables", any(&|c| list(c, "secrets"))),
        ("com.amazonaws.ecs.capability.task-iam-role", record.contains_key("taskRoleArn")),
        ("com.amazonaws.ecs.capability.privileged-container", any(&|c| c.get("privileged") == Some(&json!(true)))),
        ("ecs.capability.task-eni", record.get("networkMode") == Some(&json!("awsvpc"))),
    ];
    table.into_iter().filter(|(_, needed)| *needed).map(|(name, _)| json!({ "name": name })).collect()
}

/// What an element is sorted by: how a request wrote it, or what it left out, means nothing.
fn identity(item: &Value) -> Vec<String> {
    const TELLING: [&str; 5] = ["sourceContainer", "containerPort", "containerPortRange", "protocol", "hostPort"];
    match item {
        Value::Object(map) => {
            TELLING.iter().map(|name| map.get(*name).map(Value::to_string).unwrap_or_default()).collect()
        }
        text => vec![text.to_string()],
    }
}
