use serde_json::json;

use super::*;
use crate::model::Effect::{NoRestart, RollsAllTasks};
use crate::model::Kind::{Service, TaskDefinition};

#[test]
fn no_field_has_two_rows_and_what_clears_is_json() {
    let mut seen = std::collections::BTreeSet::new();
    for table in tables() {
        for (path, field) in table.paths() {
            assert!(seen.insert((table.kind, path.clone())), "{} {path} twice", table.kind);
            assert!(field.clear.is_empty() || serde_json::from_str::<Value>(field.clear).is_ok(), "{path}");
            assert!(!field.source.is_empty(), "{path}");
        }
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
fn what_is_absent_may_depend_on_another_member_and_on_the_default_of_that() {
    let percent = |document: &Value| absent(Service, "deploymentConfiguration.maximumPercent", document, &Value::Null);
    assert_eq!(percent(&json!({})), Some(json!(200)));
    assert_eq!(percent(&json!({ "schedulingStrategy": null })), Some(json!(200)));
    assert_eq!(percent(&json!({ "schedulingStrategy": "DAEMON" })), Some(json!(100)));
    let host = |mode: Value| {
        let document = json!({ "networkMode": mode });
        absent(
            TaskDefinition,
            "containerDefinitions.*.portMappings.*.hostPort",
            &document,
            &json!({ "containerPort": 80 }),
        )
    };
    assert_eq!(host(json!("awsvpc")), Some(json!(80)));
    assert_eq!(host(json!("host")), Some(json!(80)));
    assert_eq!(host(json!("bridge")), Some(json!(0)));
    assert_eq!(host(json!(null)), Some(json!(0)), "bridge is the default");
}

#[test]
fn an_empty_map_is_written_out_as_what_clears_it_where_the_table_knows_that() {
    let declared = json!({
        "serviceConnectConfiguration": {},
        "networkConfiguration": {},
        "loadBalancers": [],
        "deploymentConfiguration": { "deploymentCircuitBreaker": {}, "earlySuccessCriteria": {}, "alarms": {} },
    });
    let written_out = json!({
        "serviceConnectConfiguration": { "enabled": false },
        "networkConfiguration": {},
        "loadBalancers": [],
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": { "enable": false, "rollback": false },
            "earlySuccessCriteria": { "enable": false },
            "alarms": {},
        },
    });
    assert_eq!(cleared(Service, &declared), written_out);
    assert_eq!(cleared(Service, &written_out), written_out);
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
        "revision": 3, "status": "ACTIVE", "compatibilities": ["EC2", "FARGATE"],
        "containerDefinitions": [{ "name": "web", "image": "web:1", "cpu": 0, "essential": true,
            "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "tcp" }],
            "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
            "mountPoints": [], "volumesFrom": [], "systemControls": [] }],
    });
    assert_eq!(digest(TaskDefinition, &written), digest(TaskDefinition, &echoed));
}

/// Whoever changes how a definition reduces sees this fail, and raises the version with it: the same
/// version may never mean two things.
#[test]
fn a_version_of_the_digest_stands_for_one_table_and_one_way_to_reduce() {
    let of_definitions = tables().filter(|table| table.kind == TaskDefinition).flat_map(Table::paths);
    let rows = of_definitions.map(|(path, row)| format!("{path} {:?} {:?}", row.form, row.absent));
    let rows: std::collections::BTreeSet<String> = rows.collect();
    assert_eq!(digest(Kind::AccountSettings, &json!({ "rows": rows })), "v2:b37f50f4cb3980f759b40d6915fa33b3");
    let everything = json!({
        "family": "web", "networkMode": "awsvpc", "cpu": "0.25 vCPU", "memory": "1 GB", "taskRoleArn": "task",
        "requiresCompatibilities": ["FARGATE", "EC2"], "placementConstraints": [{ "type": "memberOf", "expression": "a" }],
        "volumes": [{ "name": "v", "host": {} }, { "name": "e", "efsVolumeConfiguration": { "fileSystemId": "fs-1", "rootDirectory": "/" } }],
        "containerDefinitions": [{ "name": "web", "image": "web:1", "links": ["b", "a"], "command": ["b", "a"],
            "portMappings": [{ "containerPort": 80, "hostPort": 80 }, { "containerPort": 53, "protocol": "udp" }],
            "environmentFiles": [{ "value": "b", "type": "s3" }, { "value": "a", "type": "s3" }],
            "volumesFrom": [{ "sourceContainer": "b", "readOnly": false }, { "sourceContainer": "a" }],
            "healthCheck": { "command": ["CMD", "true"], "interval": 30 }, "privileged": false }],
    });
    assert_eq!(digest(TaskDefinition, &everything), "v2:c457042e1cd98c5f8b093e04a19710b3");
}

#[test]
fn a_command_in_another_order_changes_the_digest() {
    let with = |command: Value| json!({ "containerDefinitions": [{ "name": "a", "command": command }] });
    assert_ne!(digest(TaskDefinition, &with(json!(["a", "b"]))), digest(TaskDefinition, &with(json!(["b", "a"]))));
}
