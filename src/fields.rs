//! What AWS does to a value between write and read, as one table.
//!
//! A row says how a field is compared (a set, a list matched by identity, a number written as
//! text …), which value AWS fills in when it is absent, and what changing it does to running tasks.
//! A field without a row is compared as it stands. A live field that the manifest does not name is
//! never compared, so that a default that AWS adds tomorrow is no difference.

use sha2::{Digest as _, Sha256};

use crate::model::{Effect, Kind};
use crate::policy;
use crate::value::{Path, Segment, Value, sorted};

/// Members whose values are never shown: what is put into environments, secrets and log options.
pub const SECRET: &[&str] = &["environment", "secrets", "options", "secretOptions"];

/// Whether what stands at a path must never be shown.
#[must_use]
pub fn is_secret(path: &Path) -> bool {
    path.0.iter().any(|segment| matches!(segment, Segment::Key(key) if SECRET.contains(&key.as_str())))
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it stands; a list keeps its order.
    Plain,
    /// A list whose order and repetitions mean nothing.
    Set,
    /// A list whose elements are told apart by these members.
    Keyed(&'static [&'static str]),
    /// CPU units as text: `0.25 vCPU` is `256`.
    Cpu,
    /// MiB as text: `1 GB` is `1024`.
    Memory,
    /// A name, or an ARN that ends in it.
    Name,
    /// An IAM policy document, equal by meaning.
    Policy,
    /// Text without case.
    Caseless,
    /// A name that AWS answers as an ARN of an id: the two cannot be compared without asking a third
    /// service, so a name is taken to be what is live. Two ARNs are compared.
    Resolved,
    /// A version: `LATEST`, once declared, stands for any that is live.
    Latest,
}

/// One row.
#[derive(Debug)]
pub struct Field {
    /// The kind whose spec has the field.
    pub kind: Kind,
    /// Where: members joined by dots, `*` for every element of a list or value of a map.
    pub path: &'static str,
    /// How it is compared.
    pub form: Form,
    /// What AWS answers when it was not given, as JSON; `""`: nothing.
    pub default: &'static str,
    /// What changing it does; `None`: what changing the field around it does.
    pub effect: Option<Effect>,
    /// Where the fact comes from.
    pub source: &'static str,
}

const MODEL: &str = "ECS service model, 2026-11";
const LIVE: &str = "read off live answers by cdk-real-drift, noise.ts, 2026-08";
const TERRAFORM: &str = "terraform-provider-aws, container_definitions.go and service.go";
const ECSPRESSO: &str = "kayac/ecspresso, diff.go";
const IAM: &str = "IAM API reference and awspolicyequivalence";
const REVISION: &str = "ECS service model (ServiceRevision) and developer guide, service revisions";
const MEMORY: &str = "(from memory)";

const fn field(
    kind: Kind,
    path: &'static str,
    form: Form,
    default: &'static str,
    effect: Option<Effect>,
    source: &'static str,
) -> Field {
    Field { kind, path, form, default, effect, source }
}

use Effect::{NewTasksOnly, NoRestart, Replaces, RollsAllTasks};
use Form::{Caseless, Cpu, Keyed, Latest, Memory, Name, Plain, Policy, Resolved, Set};
use Kind::{AccountSettings, CapacityProvider, Cluster, Role, Service, TaskDefinition};

const STRATEGY: Form = Keyed(&["capacityProvider"]);
const TARGET: Form = Keyed(&["targetGroupArn", "loadBalancerName", "containerName", "containerPort"]);

/// The table.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    field(AccountSettings, "", Plain, "", Some(NoRestart), MODEL),

    field(Kind::Policy, "path", Plain, "\"/\"", Some(Replaces), IAM),
    field(Kind::Policy, "description", Plain, "\"\"", Some(Replaces), IAM),
    field(Kind::Policy, "policyDocument", Policy, "", Some(NoRestart), IAM),

    field(Role, "path", Plain, "\"/\"", Some(Replaces), IAM),
    field(Role, "description", Plain, "\"\"", Some(NoRestart), IAM),
    field(Role, "maxSessionDuration", Plain, "3600", Some(NoRestart), IAM),
    field(Role, "assumeRolePolicyDocument", Policy, "", Some(NoRestart), IAM),
    field(Role, "inlinePolicies.*", Policy, "", Some(NoRestart), IAM),
    field(Role, "managedPolicyArns", Set, "", Some(NoRestart), IAM),

    field(Cluster, "clusterName", Name, "", Some(Replaces), MODEL),
    field(Cluster, "settings", Keyed(&["name"]), "", Some(NoRestart), MODEL),
    field(Cluster, "configuration.executeCommandConfiguration.logging", Plain, "\"DEFAULT\"", None, MODEL),
    field(Cluster, "capacityProviders", Set, "", Some(NoRestart), LIVE),
    field(Cluster, "defaultCapacityProviderStrategy", STRATEGY, "", Some(NoRestart), MODEL),
    field(Cluster, "defaultCapacityProviderStrategy.*.base", Plain, "0", None, MODEL),
    field(Cluster, "defaultCapacityProviderStrategy.*.weight", Plain, "0", None, MODEL),
    // The answer gives the namespace's ARN, whose tail is its id and not the name that was sent.
    field(Cluster, "serviceConnectDefaults.namespace", Resolved, "", Some(NoRestart), MODEL),

    field(CapacityProvider, "name", Plain, "", Some(Replaces), MODEL),
    field(CapacityProvider, "cluster", Name, "", Some(Replaces), MODEL),
    field(CapacityProvider, "autoScalingGroupProvider.autoScalingGroupArn", Plain, "", Some(Replaces), MODEL),
    field(CapacityProvider, "autoScalingGroupProvider.managedDraining", Plain, "\"ENABLED\"", None, MODEL),
    field(CapacityProvider, "autoScalingGroupProvider.managedTerminationProtection", Plain, "\"DISABLED\"", None, MODEL),
    field(CapacityProvider, "autoScalingGroupProvider.managedScaling.status", Plain, "\"DISABLED\"", None, MODEL),
    field(CapacityProvider, "autoScalingGroupProvider.managedScaling.targetCapacity", Plain, "100", None, MODEL),
    field(CapacityProvider, "autoScalingGroupProvider.managedScaling.minimumScalingStepSize", Plain, "1", None, MODEL),
    field(CapacityProvider, "autoScalingGroupProvider.managedScaling.maximumScalingStepSize", Plain, "10000", None, MODEL),
    field(CapacityProvider, "autoScalingGroupProvider.managedScaling.instanceWarmupPeriod", Plain, "300", None, MODEL),

    field(TaskDefinition, "", Plain, "", Some(NoRestart), MODEL),
    field(TaskDefinition, "networkMode", Plain, "\"bridge\"", None, MODEL),
    field(TaskDefinition, "cpu", Cpu, "", None, ECSPRESSO),
    field(TaskDefinition, "memory", Memory, "", None, ECSPRESSO),
    field(TaskDefinition, "taskRoleArn", Name, "", None, MODEL),
    field(TaskDefinition, "executionRoleArn", Name, "", None, MODEL),
    field(TaskDefinition, "requiresCompatibilities", Set, "", None, LIVE),
    field(TaskDefinition, "volumes", Keyed(&["name"]), "", None, TERRAFORM),
    field(TaskDefinition, "volumes.*.dockerVolumeConfiguration.scope", Plain, "\"task\"", None, TERRAFORM),
    field(TaskDefinition, "volumes.*.efsVolumeConfiguration.transitEncryption", Plain, "\"DISABLED\"", None, LIVE),
    field(TaskDefinition, "volumes.*.efsVolumeConfiguration.rootDirectory", Plain, "\"/\"", None, MEMORY),
    field(TaskDefinition, "runtimePlatform.operatingSystemFamily", Plain, "\"LINUX\"", None, MEMORY),
    field(TaskDefinition, "runtimePlatform.cpuArchitecture", Plain, "\"X86_64\"", None, MEMORY),
    field(TaskDefinition, "enableFaultInjection", Plain, "false", None, MODEL),
    field(TaskDefinition, "containerDefinitions", Keyed(&["name"]), "", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.cpu", Plain, "0", None, LIVE),
    field(TaskDefinition, "containerDefinitions.*.essential", Plain, "true", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.user", Plain, "\"\"", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.environment", Keyed(&["name"]), "", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.environmentFiles", Keyed(&["value"]), "", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.secrets", Keyed(&["name"]), "", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.portMappings", Keyed(&["containerPort", "containerPortRange", "protocol"]), "", None, LIVE),
    field(TaskDefinition, "containerDefinitions.*.portMappings.*.protocol", Plain, "\"tcp\"", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.portMappings.*.hostPort", Plain, "0", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.mountPoints", Keyed(&["containerPath"]), "", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.mountPoints.*.readOnly", Plain, "false", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.volumesFrom", Keyed(&["sourceContainer"]), "", None, LIVE),
    field(TaskDefinition, "containerDefinitions.*.links", Set, "", None, LIVE),
    field(TaskDefinition, "containerDefinitions.*.systemControls", Keyed(&["namespace"]), "", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.ulimits", Keyed(&["name"]), "", None, TERRAFORM),
    field(TaskDefinition, "containerDefinitions.*.healthCheck.interval", Plain, "30", None, MODEL),
    field(TaskDefinition, "containerDefinitions.*.healthCheck.timeout", Plain, "5", None, MODEL),
    field(TaskDefinition, "containerDefinitions.*.healthCheck.retries", Plain, "3", None, MODEL),
    field(TaskDefinition, "containerDefinitions.*.healthCheck.startPeriod", Plain, "0", None, MODEL),
    field(TaskDefinition, "containerDefinitions.*.versionConsistency", Plain, "\"enabled\"", None, MODEL),
    field(TaskDefinition, "containerDefinitions.*.stopTimeout", Plain, "30", None, MEMORY),
    field(TaskDefinition, "containerDefinitions.*.linuxParameters.capabilities.add", Set, "", None, LIVE),
    field(TaskDefinition, "containerDefinitions.*.linuxParameters.capabilities.drop", Set, "", None, LIVE),

    field(Service, "serviceName", Name, "", Some(Replaces), MODEL),
    field(Service, "cluster", Name, "", Some(Replaces), MODEL),
    field(Service, "launchType", Plain, "", Some(Replaces), MODEL),
    field(Service, "schedulingStrategy", Plain, "\"REPLICA\"", Some(Replaces), MODEL),
    field(Service, "role", Name, "", Some(Replaces), MODEL),
    field(Service, "deploymentController.type", Plain, "\"ECS\"", Some(NoRestart), LIVE),
    field(Service, "taskDefinition", Plain, "", Some(RollsAllTasks), MODEL),
    field(Service, "desiredCount", Plain, "", Some(NoRestart), MODEL),
    field(Service, "deploymentConfiguration", Plain, "", Some(NoRestart), MODEL),
    field(Service, "deploymentConfiguration.maximumPercent", Plain, "200", None, MODEL),
    field(Service, "deploymentConfiguration.minimumHealthyPercent", Plain, "100", None, MODEL),
    field(Service, "deploymentConfiguration.strategy", Plain, "\"ROLLING\"", None, MODEL),
    field(Service, "deploymentConfiguration.bakeTimeInMinutes", Plain, "0", None, MODEL),
    field(Service, "deploymentConfiguration.deploymentCircuitBreaker.enable", Plain, "false", None, ECSPRESSO),
    field(Service, "deploymentConfiguration.deploymentCircuitBreaker.rollback", Plain, "false", None, ECSPRESSO),
    field(Service, "deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask", Plain, "true", None, MODEL),
    field(Service, "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.type", Plain, "\"BOUNDED_PERCENT\"", None, MODEL),
    field(Service, "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.value", Plain, "50", None, MODEL),
    field(Service, "deploymentConfiguration.alarms.alarmNames", Set, "", None, ECSPRESSO),
    field(Service, "deploymentConfiguration.alarms.enable", Plain, "false", None, ECSPRESSO),
    field(Service, "deploymentConfiguration.alarms.rollback", Plain, "false", None, ECSPRESSO),
    field(Service, "networkConfiguration", Plain, "", Some(RollsAllTasks), MODEL),
    field(Service, "networkConfiguration.awsvpcConfiguration.subnets", Set, "", None, LIVE),
    field(Service, "networkConfiguration.awsvpcConfiguration.securityGroups", Set, "", None, LIVE),
    field(Service, "networkConfiguration.awsvpcConfiguration.assignPublicIp", Plain, "\"DISABLED\"", None, LIVE),
    field(Service, "loadBalancers", TARGET, "", Some(RollsAllTasks), MODEL),
    field(Service, "serviceRegistries", Keyed(&["registryArn"]), "", Some(RollsAllTasks), MODEL),
    // No trigger in the model, but AWS refuses the change without forceNewDeployment.
    field(Service, "capacityProviderStrategy", STRATEGY, "", Some(RollsAllTasks), TERRAFORM),
    field(Service, "capacityProviderStrategy.*.base", Plain, "0", None, MODEL),
    field(Service, "capacityProviderStrategy.*.weight", Plain, "0", None, MODEL),
    field(Service, "placementConstraints", Set, "", Some(NoRestart), MODEL),
    field(Service, "placementStrategy", Plain, "", Some(NoRestart), MODEL),
    field(Service, "placementStrategy.*.field", Caseless, "", None, LIVE),
    field(Service, "platformVersion", Latest, "\"LATEST\"", Some(RollsAllTasks), MODEL),
    field(Service, "healthCheckGracePeriodSeconds", Plain, "0", Some(NoRestart), MODEL),
    field(Service, "propagateTags", Plain, "\"NONE\"", Some(NewTasksOnly), MODEL),
    field(Service, "enableECSManagedTags", Plain, "false", Some(NewTasksOnly), MODEL),
    field(Service, "enableExecuteCommand", Plain, "false", Some(NewTasksOnly), MODEL),
    field(Service, "availabilityZoneRebalancing", Plain, "", Some(NoRestart), MODEL),
    field(Service, "serviceConnectConfiguration", Plain, "", Some(RollsAllTasks), MODEL),
    field(Service, "serviceConnectConfiguration.services", Keyed(&["portName"]), "", None, MODEL),
    field(Service, "serviceConnectConfiguration.namespace", Name, "", None, MODEL),
    field(Service, "volumeConfigurations", Keyed(&["name"]), "", Some(RollsAllTasks), MODEL),
    field(Service, "volumeConfigurations.*.managedEBSVolume.filesystemType", Plain, "\"xfs\"", None, LIVE),
    field(Service, "vpcLatticeConfigurations", Keyed(&["targetGroupArn"]), "", Some(RollsAllTasks), MODEL),
    // Nothing says that these two replace tasks; but they are in the service revision, which only a deployment makes.
    field(Service, "monitoring", Plain, "", Some(RollsAllTasks), REVISION),
    field(Service, "monitoring.metricConfigurations", Set, "", None, REVISION),
    field(Service, "monitoring.metricConfigurations.*.metricNames", Set, "", None, REVISION),
    field(Service, "gatewayConnectors", Keyed(&["portName"]), "", Some(RollsAllTasks), REVISION),
    field(Service, "gatewayConnectors.*.filters.accessTypes", Set, "", None, REVISION),
];

/// The row of a field; `pattern` is its path with `*` for elements.
#[must_use]
pub fn lookup(kind: Kind, pattern: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.kind == kind && field.path == pattern)
}

/// How a field is compared.
#[must_use]
pub fn form(kind: Kind, pattern: &str) -> Form {
    lookup(kind, pattern).map_or(Plain, |field| field.form)
}

/// What AWS fills in when the field is absent.
#[must_use]
pub fn default(kind: Kind, pattern: &str) -> Option<Value> {
    lookup(kind, pattern)
        .filter(|field| !field.default.is_empty())
        .and_then(|field| serde_json::from_str(field.default).ok())
}

/// What changing the field does: its own row's word, else that of the nearest field around it.
#[must_use]
pub fn effect(kind: Kind, pattern: &str) -> Effect {
    let mut at = pattern;
    loop {
        if let Some(effect) = lookup(kind, at).and_then(|field| field.effect) {
            return effect;
        }
        match at.rfind('.') {
            Some(dot) => at = &at[..dot],
            None if at.is_empty() => return NoRestart,
            None => at = "",
        }
    }
}

/// The pattern one level down.
#[must_use]
pub fn below(pattern: &str, segment: &str) -> String {
    if pattern.is_empty() { segment.to_owned() } else { format!("{pattern}.{segment}") }
}

/// The pattern of a map's member: its own row's, or that of any value of the map.
#[must_use]
pub fn member(kind: Kind, pattern: &str, key: &str) -> String {
    let own = below(pattern, key);
    let any = below(pattern, "*");
    if lookup(kind, &own).is_none() && lookup(kind, &any).is_some() { any } else { own }
}

/// The element's identity in a keyed list, for matching and for printing.
#[must_use]
pub fn identity(kind: Kind, pattern: &str, keys: &[&str], element: &Value) -> String {
    let element_pattern = below(pattern, "*");
    let parts = keys.iter().filter_map(|key| {
        let pattern = below(&element_pattern, key);
        let value = element.get(key).cloned().or_else(|| default(kind, &pattern))?;
        Some(match scalar(form(kind, &pattern), &value) {
            Value::String(text) => text,
            other => other.to_string(),
        })
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A value in the one spelling that stands for all spellings of its form.
#[must_use]
pub fn scalar(form: Form, value: &Value) -> Value {
    match (form, value) {
        (Cpu, Value::String(text)) => units(text, "vcpu", 1024.0).into(),
        (Memory, Value::String(text)) => units(text, "gb", 1024.0).into(),
        (Name, Value::String(text)) => text.rsplit('/').next().unwrap_or(text).into(),
        (Caseless, Value::String(text)) if text.eq_ignore_ascii_case("host") => "instanceid".into(),
        (Caseless, Value::String(text)) => text.to_lowercase().into(),
        (Policy, document) => policy::canonical(document),
        // 1 and 1.0 are the same number.
        (_, Value::Number(number)) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and far below 2^53")]
            Some(n) if n.fract() == 0.0 && n.abs() < 1e15 => (n as i64).into(),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// `0.25 vCPU` or `1 GB` as a plain number; anything else as it stands.
fn units(text: &str, unit: &str, factor: f64) -> String {
    let lower = text.trim().to_lowercase();
    match lower.strip_suffix(unit).map(str::trim).and_then(|number| number.parse::<f64>().ok()) {
        Some(number) => format!("{}", (number * factor).round()),
        None => text.trim().to_owned(),
    }
}

/// Whether a value says nothing: AWS answers an empty list or map for what was never given.
#[must_use]
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        _ => false,
    }
}

/// The document without what AWS would fill in anyway, lists without meaning in their order sorted.
#[must_use]
pub fn canonical(kind: Kind, document: &Value) -> Value {
    let mut canonical = reduce(kind, "", document);
    if kind == TaskDefinition && canonical.get("networkMode").and_then(Value::as_str) == Some("awsvpc") {
        // Under awsvpc the host port is the container port, whether it is written or not.
        for container in canonical["containerDefinitions"].as_array_mut().into_iter().flatten() {
            for mapping in container.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Value::Object(mapping) = mapping {
                    mapping.shift_remove("hostPort");
                }
            }
        }
    }
    sorted(&canonical)
}

fn reduce(kind: Kind, pattern: &str, value: &Value) -> Value {
    let form = form(kind, pattern);
    match (form, value) {
        (Policy, _) => scalar(form, value),
        (_, Value::Object(map)) => map
            .iter()
            .filter_map(|(key, value)| {
                let pattern = member(kind, pattern, key);
                let reduced = reduce(kind, &pattern, value);
                let default = default(kind, &pattern).map(|value| scalar(self::form(kind, &pattern), &value));
                (!is_empty(&reduced) && default.as_ref() != Some(&reduced)).then(|| (key.clone(), reduced))
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        (_, Value::Array(items)) => {
            let pattern_below = below(pattern, "*");
            let mut items: Vec<(String, Value)> = items
                .iter()
                .map(|item| {
                    let reduced = reduce(kind, &pattern_below, item);
                    let order = match form {
                        Keyed(keys) => identity(kind, pattern, keys, item),
                        _ => sorted(&reduced).to_string(),
                    };
                    (order, reduced)
                })
                .collect();
            if matches!(form, Set | Keyed(_)) {
                items.sort_by(|a, b| a.0.cmp(&b.0));
                items.dedup_by(|a, b| form == Set && a.0 == b.0);
            }
            items.into_iter().map(|(_, item)| item).collect()
        }
        _ => scalar(form, value),
    }
}

/// What a revision's content is remembered as: 32 hexadecimal digits behind the version of this
/// table, so that a change of the table falls back on comparing content and restarts nobody.
#[must_use]
pub fn digest(kind: Kind, document: &Value) -> String {
    let hash = Sha256::digest(canonical(kind, document).to_string().as_bytes());
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{DIGEST_VERSION}:{hex}")
}

/// Raised whenever [`FIELDS`] changes how a task definition reduces.
pub const DIGEST_VERSION: &str = "v1";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_default_is_json_and_no_field_has_two_rows() {
        let mut seen = std::collections::BTreeSet::new();
        for field in FIELDS {
            assert!(seen.insert((field.kind, field.path)), "{} {} twice", field.kind, field.path);
            assert!(field.default.is_empty() || serde_json::from_str::<Value>(field.default).is_ok(), "{}", field.path);
        }
    }

    #[test]
    fn a_nested_field_has_the_effect_of_the_field_around_it() {
        assert_eq!(effect(Service, "networkConfiguration.awsvpcConfiguration.subnets"), RollsAllTasks);
        assert_eq!(effect(Service, "deploymentConfiguration.maximumPercent"), NoRestart);
        assert_eq!(effect(Service, "noSuchField"), NoRestart);
        assert_eq!(effect(TaskDefinition, "containerDefinitions.*.image"), NoRestart);
    }

    #[test]
    fn what_aws_fills_in_does_not_change_the_digest() {
        let written = json!({
            "family": "web", "networkMode": "awsvpc", "cpu": "0.25 vCPU", "memory": "1 GB",
            "containerDefinitions": [{ "name": "web", "image": "web:1",
                "portMappings": [{ "containerPort": 80 }],
                "environment": [{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }] }],
        });
        let echoed = json!({
            "family": "web", "networkMode": "awsvpc", "cpu": "256", "memory": "1024", "volumes": [],
            "containerDefinitions": [{ "name": "web", "image": "web:1", "cpu": 0, "essential": true,
                "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "tcp" }],
                "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
                "mountPoints": [], "volumesFrom": [], "systemControls": [] }],
        });
        assert_eq!(digest(TaskDefinition, &written), digest(TaskDefinition, &echoed));
    }

    #[test]
    fn a_command_in_another_order_changes_the_digest() {
        let with = |command: Value| json!({ "containerDefinitions": [{ "name": "a", "command": command }] });
        assert_ne!(digest(TaskDefinition, &with(json!(["a", "b"]))), digest(TaskDefinition, &with(json!(["b", "a"]))));
    }
}
