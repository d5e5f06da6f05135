//! What RegisterTaskDefinition refuses. The limits are documented, the wording is (from memory).

use serde_json::{Value, json};

use crate::sandbox::ApiError;
use crate::sandbox::ecs::input::{Input, check_client_name, text_of};
use crate::sandbox::ecs::{Map, client};

/// Fargate task sizes: CPU units, then first and last memory in MiB and the step between.
const FARGATE_SIZES: [(i64, i64, i64, i64); 8] = [
    (256, 512, 512, 512),
    (256, 1024, 2048, 1024),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// Health check numbers: least and most.
const HEALTH_CHECK_RANGES: [(&str, i64, i64); 4] =
    [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)];

/// Container members that Fargate knows nothing of.
const NOT_ON_FARGATE: [&str; 4] = ["links", "extraHosts", "dockerSecurityOptions", "disableNetworking"];

/// Whether Fargate offers a task of that size.
pub(super) fn is_fargate_size(cpu: i64, memory: i64) -> bool {
    let fits = |&(units, first, last, step): &(i64, i64, i64, i64)| {
        units == cpu && (first..=last).contains(&memory) && (memory - first) % step == 0
    };
    FARGATE_SIZES.iter().any(fits)
}

/// `256`, `0.25 vCPU`.
pub(super) fn cpu_units(text: &str) -> Option<i64> {
    scaled(text, "vcpu")
}

/// `512`, `0.5 GB`.
pub(super) fn mebibytes(text: &str) -> Option<i64> {
    scaled(text, "gb")
}

/// Both units are 1024 of the plain number; the fractions allowed are binary, so nothing is lost.
#[expect(clippy::cast_possible_truncation, reason = "checked to be a small whole number")]
fn scaled(text: &str, unit: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let Some(number) = text.strip_suffix(unit) else { return text.parse().ok() };
    let number = number.trim().parse::<f64>().ok()? * 1024.0;
    (number.fract() == 0.0 && number.abs() < 1e9).then_some(number as i64)
}

/// Checks a request as it came.
pub(super) fn check(input: &Input) -> Result<(), ApiError> {
    check_client_name("Family", input.text("family").unwrap_or_default())?;
    input
        .check_enums(&[
            ("networkMode", &["bridge", "host", "awsvpc", "none"]),
            ("pidMode", &["host", "task"]),
            ("ipcMode", &["host", "task", "none"]),
        ])
        .map_err(|error| client(error.message))?;
    let containers = input.list("containerDefinitions");
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    for kind in input.texts("requiresCompatibilities") {
        if !["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"].contains(&kind) {
            return Err(client(format!("Invalid requiresCompatibilities value: {kind}")));
        }
    }
    let mut names = Vec::new();
    for container in containers {
        let name = text_of(container, "name").unwrap_or_default();
        if names.contains(&name) {
            return Err(client(format!("Container names must be unique within a task definition: '{name}'.")));
        }
        names.push(name);
        check_container(input, container, name)?;
    }
    if containers.iter().all(|container| container.get("essential") == Some(&json!(false))) {
        return Err(client("Task definition must have at least one essential container."));
    }
    check_order(containers)?;
    if input.texts("requiresCompatibilities").contains(&"FARGATE") {
        check_fargate(input)?;
    }
    Ok(())
}

fn check_container(input: &Input, container: &Value, name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(client("Container.name should not be null or empty."));
    }
    check_client_name("Container.name", name)?;
    if text_of(container, "image").unwrap_or_default().is_empty() {
        return Err(client("Container.image should not be null or empty."));
    }
    let number = |member: &str| container.get(member).and_then(Value::as_i64);
    let wrong = |what: &str| Err(client(format!("Invalid setting for container '{name}'. {what}")));
    if input.get("memory").is_none() && number("memory").is_none() && number("memoryReservation").is_none() {
        return wrong("At least one of 'memory' or 'memoryReservation' must be specified.");
    }
    if number("memory").zip(number("memoryReservation")).is_some_and(|(hard, soft)| soft > hard) {
        return wrong("'memoryReservation' must not be greater than 'memory'.");
    }
    if number("memory").or(number("memoryReservation")).is_some_and(|memory| memory < 6) {
        return wrong("The minimum allowed memory is 6 MiB.");
    }
    check_ports(input, container, name)?;
    let volume = |volume: &Value| text_of(volume, "name").map(str::to_owned);
    let volumes: Vec<String> = input.list("volumes").iter().filter_map(volume).collect();
    for mount in list(container, "mountPoints") {
        let source = text_of(mount, "sourceVolume").unwrap_or_default();
        if !volumes.iter().any(|volume| volume == source) {
            return Err(client(format!("Unknown volume '{source}'.")));
        }
    }
    if let Some(check) = container.get("healthCheck") {
        if list(check, "command").is_empty() {
            return wrong("The health check command must not be empty.");
        }
        for (member, least, most) in HEALTH_CHECK_RANGES {
            let value = check.get(member).and_then(Value::as_i64);
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                return wrong(&format!("The health check {member} must be between {least} and {most}."));
            }
        }
    }
    if !list(container, "secrets").is_empty() && input.get("executionRoleArn").is_none() {
        let message =
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.";
        return Err(client(message));
    }
    Ok(())
}

fn check_ports(input: &Input, container: &Value, name: &str) -> Result<(), ApiError> {
    let mode = input.text("networkMode").unwrap_or("bridge");
    for mapping in list(container, "portMappings") {
        let port = |member: &str| mapping.get(member).and_then(Value::as_i64);
        if mode == "none" {
            return Err(client("Port mappings cannot be specified when networkMode=none."));
        }
        let given = [port("containerPort"), port("hostPort")];
        if given.iter().flatten().any(|port| !(0..=65_535).contains(port)) {
            return Err(client(format!("Invalid setting for container '{name}'. Ports must be between 0 and 65535.")));
        }
        let differ = port("hostPort").is_some_and(|host| Some(host) != port("containerPort"));
        if differ && matches!(mode, "awsvpc" | "host") {
            return Err(client(format!(
                "When networkMode={mode}, the host ports and container ports in port mappings must match."
            )));
        }
    }
    Ok(())
}

/// `dependsOn` names containers that are there, and HEALTHY ones that have a health check.
fn check_order(containers: &[Value]) -> Result<(), ApiError> {
    for container in containers {
        for dependency in list(container, "dependsOn") {
            let name = text_of(dependency, "containerName").unwrap_or_default();
            let found = containers.iter().find(|other| text_of(other, "name") == Some(name));
            let Some(found) = found else {
                return Err(client(format!("Container '{name}' in dependsOn is not in the task definition.")));
            };
            if text_of(dependency, "condition") == Some("HEALTHY") && found.get("healthCheck").is_none() {
                return Err(client(format!("Container '{name}' needs a health check to be waited for as HEALTHY.")));
            }
        }
    }
    Ok(())
}

fn check_fargate(input: &Input) -> Result<(), ApiError> {
    if input.text("networkMode") != Some("awsvpc") {
        return Err(client("Fargate only supports network mode ‘awsvpc’."));
    }
    for member in ["cpu", "memory"] {
        if input.get(member).is_none() {
            return Err(client(format!("Fargate requires that '{member}' be defined at the task level.")));
        }
    }
    if !input.list("placementConstraints").is_empty() {
        return Err(client("Fargate does not support placement constraints."));
    }
    for container in input.list("containerDefinitions") {
        if container.get("privileged") == Some(&json!(true)) {
            return Err(client("Fargate does not support privileged containers."));
        }
        if let Some(member) = NOT_ON_FARGATE.iter().find(|member| container.get(**member).is_some_and(is_set)) {
            return Err(client(format!("Fargate does not support '{member}'.")));
        }
        if input.get("executionRoleArn").is_none() {
            let needs = |what: &str| {
                Err(client(format!("Fargate requires task definition to have execution role ARN to support {what}.")))
            };
            if text_of(container, "image").is_some_and(|image| image.contains(".dkr.ecr.")) {
                return needs("ECR images");
            }
            if container.get("logConfiguration").and_then(|log| text_of(log, "logDriver")) == Some("awslogs") {
                return needs("log driver awslogs");
            }
        }
    }
    Ok(())
}

fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Bool(false)) && value.as_array().is_none_or(|list| !list.is_empty())
}

/// Checks sizes, which [`super::defaults::fill`] has made plain numbers.
pub(super) fn check_sizes(record: &Map) -> Result<(), ApiError> {
    let size = |member: &str| match record.get(member).and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => match text.parse::<i64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(client(format!("Invalid '{member}' setting for task."))),
        },
    };
    let (cpu, memory) = (size("cpu")?, size("memory")?);
    if cpu.is_some_and(|cpu| !(128..=196_608).contains(&cpu)) {
        return Err(client("Invalid 'cpu' setting for task. The value must be between 128 and 196608 CPU units."));
    }
    let fargate = record.get("requiresCompatibilities").and_then(Value::as_array);
    if fargate.is_some_and(|kinds| kinds.contains(&json!("FARGATE"))) {
        let (cpu, memory) = (cpu.unwrap_or_default(), memory.unwrap_or_default());
        if !is_fargate_size(cpu, memory) {
            return Err(client(format!(
                "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. \
                 See the Amazon ECS documentation for the valid values."
            )));
        }
    }
    let containers = record.get("containerDefinitions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let total = |member: &str| -> i64 {
        containers.iter().filter_map(|container| container.get(member).and_then(Value::as_i64)).sum()
    };
    for (member, limit) in [("cpu", cpu), ("memoryReservation", memory)] {
        if limit.is_some_and(|limit| total(member) > limit) {
            return Err(client(format!("The total '{member}' of all containers must not exceed that of the task.")));
        }
    }
    Ok(())
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
