//! What CreateService, UpdateService and RunTask refuse. Wording is (from memory) throughout.

use serde_json::{Value, json};

use crate::sandbox::ApiError;
use crate::sandbox::ecs::capacity_provider::check_strategy;
use crate::sandbox::ecs::input::{Input, text_of};
use crate::sandbox::ecs::task_definition::TaskDefinition;
use crate::sandbox::ecs::{Map, Region, client, invalid};

use super::defaults::launch_type;

/// Members that are enumerations.
const ENUMS: [(&str, &[&str]); 5] = [
    ("launchType", &["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"]),
    ("schedulingStrategy", &["REPLICA", "DAEMON"]),
    ("propagateTags", &["TASK_DEFINITION", "SERVICE", "NONE"]),
    ("availabilityZoneRebalancing", &["ENABLED", "DISABLED"]),
    ("sort", &["ASC", "DESC"]),
];

/// Fargate platform versions that exist.
const PLATFORM_VERSIONS: [&str; 6] = ["LATEST", "1.4.0", "1.3.0", "1.2.0", "1.1.0", "1.0.0"];

/// Numbers with the range in which they make sense.
const RANGES: [(&str, i64, i64); 2] =
    [("desiredCount", 0, i32::MAX as i64), ("healthCheckGracePeriodSeconds", 0, i32::MAX as i64)];

/// Checks members of a request that need nothing but the request.
pub(super) fn check_request(input: &Input) -> Result<(), ApiError> {
    input.check_enums(&ENUMS)?;
    let legal = |token: &str| token.len() <= 36 && token.chars().all(|c| c.is_ascii_graphic());
    if !input.text("clientToken").is_none_or(legal) {
        return Err(invalid("clientToken can contain up to 36 ASCII characters in the range of 33-126 (inclusive)."));
    }
    for (member, least, most) in RANGES {
        if input.integer(member).is_some_and(|value| !(least..=most).contains(&value)) {
            return Err(invalid(format!("{member} must be between {least} and {most}.")));
        }
    }
    for (member, most) in [("placementConstraints", 10), ("placementStrategy", 5)] {
        if input.list(member).len() > most {
            return Err(invalid(format!("{member} can have at most {most} elements.")));
        }
    }
    Ok(())
}

/// Checks what only a new service can get wrong.
pub(super) fn check_new(input: &Input, definition: Option<&TaskDefinition>) -> Result<(), ApiError> {
    let daemon = input.text("schedulingStrategy") == Some("DAEMON");
    if daemon && input.get("desiredCount").is_some() {
        return Err(daemon_is_not_scaled());
    }
    if !daemon && input.get("desiredCount").is_none() {
        return Err(invalid("desiredCount must be specified when the scheduling strategy is REPLICA."));
    }
    if input.get("role").is_some() {
        if input.list("loadBalancers").is_empty() {
            return Err(invalid("A role can only be specified for a service with load balancers."));
        }
        if definition.is_some_and(|definition| definition.text("networkMode") == "awsvpc") {
            return Err(invalid("You cannot specify an IAM role for services that require a service linked role."));
        }
    }
    Ok(())
}

/// DAEMON services take their count from the container instances.
pub(super) fn daemon_is_not_scaled() -> ApiError {
    invalid(
        "The daemon scheduling strategy does not support a desired count for services. Remove a desired count \
         value and try again",
    )
}

/// Checks a service as it is going to be.
pub(super) fn check_record(
    region: &Region,
    cluster: &str,
    definition: &TaskDefinition,
    record: &Map,
) -> Result<(), ApiError> {
    check_placement(region, cluster, definition, record)?;
    let list = |member: &str| record.get(member).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let daemon = record.get("schedulingStrategy") == Some(&json!("DAEMON"));
    if launch_type(record) == "FARGATE" {
        if daemon {
            return Err(invalid("The daemon scheduling strategy is not supported with the FARGATE launch type."));
        }
        for (member, what) in [("placementStrategy", "strategies"), ("placementConstraints", "constraints")] {
            if !list(member).is_empty() {
                return Err(invalid(format!("Placement {what} are not supported with FARGATE launch type.")));
            }
        }
    }
    check_percentages(record, daemon)?;
    check_deployment(record)?;
    for balancer in list("loadBalancers") {
        check_load_balancer(definition, balancer)?;
    }
    if list("serviceRegistries").len() > 1 {
        return Err(invalid("Service registries can have at most 1 element."));
    }
    if list("gatewayConnectors").len() > 1 {
        return Err(invalid("A service supports no more than one gateway connector."));
    }
    check_service_connect(definition, record)?;
    let launch_volume = |name: &str| {
        let volumes = definition.record.get("volumes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        volumes.iter().any(|v| text_of(v, "name") == Some(name) && v.get("configuredAtLaunch") == Some(&json!(true)))
    };
    for volume in list("volumeConfigurations") {
        let name = text_of(volume, "name").unwrap_or_default();
        if !launch_volume(name) {
            return Err(invalid(format!(
                "The volume '{name}' is not configured at launch in the task definition of the service."
            )));
        }
        if daemon {
            return Err(invalid("Volume configurations are not supported with the daemon scheduling strategy."));
        }
    }
    Ok(())
}

fn check_percentages(record: &Map, daemon: bool) -> Result<(), ApiError> {
    let percent = |member: &str| record.get("deploymentConfiguration").and_then(|c| c.get(member)?.as_i64());
    let (most, least) = (percent("maximumPercent").unwrap_or(200), percent("minimumHealthyPercent").unwrap_or(100));
    if most < 0 || least < 0 || least > 100 && !daemon || most > 2_000_000 {
        return Err(invalid("maximumPercent and minimumHealthyPercent must be within their valid ranges."));
    }
    if daemon && most != 100 {
        return Err(invalid("The daemon scheduling strategy requires a maximumPercent of 100."));
    }
    if most == 100 && least == 100 {
        return Err(invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    if most < least {
        return Err(invalid("maximumPercent must not be lower than minimumHealthyPercent."));
    }
    Ok(())
}

/// Members of a deployment configuration that are "only valid when the deployment strategy is" this one.
pub(super) const OF_ONE_STRATEGY: [(&str, &str); 2] =
    [("linearConfiguration", "LINEAR"), ("canaryConfiguration", "CANARY")];

/// What belongs to one deployment strategy only (documented). The first refusal is quoted in ecspresso#1082.
fn check_deployment(record: &Map) -> Result<(), ApiError> {
    let Some(configuration) = record.get("deploymentConfiguration") else { return Ok(()) };
    let strategy = text_of(configuration, "strategy").unwrap_or("ROLLING");
    let early = configuration.get("earlySuccessCriteria").filter(|early| early.get("enable") == Some(&json!(true)));
    if let Some(early) = early {
        if strategy != "ROLLING" {
            return Err(invalid(format!("Early success criteria not supported for {strategy} deployment strategy")));
        }
        let percent = |object: &Value, member: &str| object.get(member).and_then(Value::as_i64).unwrap_or(100);
        let healthy = percent(early, "healthyPercent");
        if !(percent(configuration, "minimumHealthyPercent")..=100).contains(&healthy) {
            return Err(invalid("healthyPercent must be between minimumHealthyPercent and 100."));
        }
    }
    for (member, of) in OF_ONE_STRATEGY {
        if configuration.get(member).is_some() && strategy != of {
            return Err(invalid(format!("{member} is only valid with the {of} deployment strategy.")));
        }
    }
    Ok(())
}

/// A capacity provider strategy is changed by a forced deployment only (pipe-cd/pipecd#6385 quotes the
/// refusal), and an empty list changes it too (aws/aws-cdk#34631).
pub(super) fn check_forced(old: &Map, new: &Map, input: &Input) -> Result<(), ApiError> {
    let same = old.get("capacityProviderStrategy") == new.get("capacityProviderStrategy");
    if same || input.flag("forceNewDeployment") {
        return Ok(());
    }
    Err(invalid(
        "When switching from launch type to capacity provider strategy on an existing service, or making a change to \
         a capacity provider strategy on a service that is already using one, you must force a new deployment.",
    ))
}

fn check_load_balancer(definition: &TaskDefinition, balancer: &Value) -> Result<(), ApiError> {
    let (group, classic) = (text_of(balancer, "targetGroupArn"), text_of(balancer, "loadBalancerName"));
    if group.is_some() == classic.is_some() {
        return Err(invalid("Exactly one of targetGroupArn and loadBalancerName must be specified."));
    }
    let name = text_of(balancer, "containerName").unwrap_or_default();
    let container = definition.containers().iter().find(|container| text_of(container, "name") == Some(name));
    let Some(container) = container else {
        return Err(invalid(format!("The container {name} does not exist in the task definition.")));
    };
    let port = balancer.get("containerPort").cloned().unwrap_or_default();
    let mappings = container.get("portMappings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !mappings.iter().any(|mapping| mapping.get("containerPort") == Some(&port)) {
        return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
    }
    // No load balancers are simulated: a target group exists unless its id is all zeros.
    match group {
        Some(arn) if arn.rsplit('/').next().is_some_and(|id| id.chars().all(|c| c == '0')) => {
            Err(invalid(format!("The target group with targetGroupArn {arn} does not exist.")))
        }
        _ => Ok(()),
    }
}

fn check_service_connect(definition: &TaskDefinition, record: &Map) -> Result<(), ApiError> {
    let Some(connect) = record.get("serviceConnectConfiguration") else { return Ok(()) };
    let mappings = definition.containers().iter().filter_map(|container| container.get("portMappings")?.as_array());
    let names: Vec<&str> = mappings.flatten().filter_map(|mapping| text_of(mapping, "name")).collect();
    for service in connect.get("services").and_then(Value::as_array).into_iter().flatten() {
        let port = text_of(service, "portName").unwrap_or_default();
        if !names.contains(&port) {
            return Err(invalid(format!("The portName {port} does not exist in the task definition.")));
        }
    }
    if connect.get("enabled") == Some(&json!(true)) && text_of(connect, "namespace").is_none() {
        return Err(invalid("A namespace is required when Service Connect is enabled and the cluster has no default."));
    }
    Ok(())
}

/// Whether tasks wait for a container instance to be registered.
#[must_use]
pub fn needs_instances(record: &Map) -> bool {
    !record.contains_key("capacityProviderStrategy") && matches!(launch_type(record), "EC2" | "EXTERNAL")
}

/// Checks where tasks are to run against what they need.
///
/// # Errors
/// As CreateService and RunTask refuse it.
pub fn check_placement(
    region: &Region,
    cluster: &str,
    definition: &TaskDefinition,
    record: &Map,
) -> Result<(), ApiError> {
    let strategy = record.get("capacityProviderStrategy").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !strategy.is_empty() && record.contains_key("launchType") {
        return Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ));
    }
    check_strategy(region, cluster, strategy)?;
    let launch_type = launch_type(record);
    if !launch_type.is_empty() && !definition.runs_on(launch_type) {
        return Err(client(format!("Task definition does not support launch_type {launch_type}.")));
    }
    if let Some(version) = record.get("platformVersion").and_then(Value::as_str) {
        if launch_type != "FARGATE" {
            return Err(invalid("The platform version must be null when specifying an EC2 launch type."));
        }
        if !PLATFORM_VERSIONS.contains(&version) {
            return Err(ApiError::new("PlatformUnknownException", "The specified platform does not exist."));
        }
    }
    check_network(definition, record)
}

fn check_network(definition: &TaskDefinition, record: &Map) -> Result<(), ApiError> {
    let network = record.get("networkConfiguration").and_then(|network| network.get("awsvpcConfiguration"));
    let awsvpc = definition.text("networkMode") == "awsvpc";
    let Some(network) = network else {
        let message = "Network Configuration must be provided when networkMode 'awsvpc' is specified.";
        return if awsvpc { Err(invalid(message)) } else { Ok(()) };
    };
    if !awsvpc {
        let message = "Network Configuration is not valid for the given networkMode of this task definition.";
        return Err(invalid(message));
    }
    let count = |member: &str| network.get(member).and_then(Value::as_array).map_or(0, Vec::len);
    match (count("subnets"), count("securityGroups")) {
        (0, _) => Err(invalid("subnets can not be empty.")),
        (17.., _) => Err(invalid("subnets can have at most 16 items.")),
        (_, 6..) => Err(invalid("securityGroups can have at most 5 items.")),
        _ => Ok(()),
    }
}
