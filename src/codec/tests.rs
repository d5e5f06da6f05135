use aws_sdk_ecs::operation::create_capacity_provider::CreateCapacityProviderInput;
use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
use aws_sdk_ecs::operation::create_service::CreateServiceInput;
use aws_sdk_ecs::operation::put_account_setting_default::PutAccountSettingDefaultInput;
use aws_sdk_ecs::operation::put_cluster_capacity_providers::PutClusterCapacityProvidersInput;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use aws_sdk_ecs::operation::update_capacity_provider::UpdateCapacityProviderInput;
use aws_sdk_ecs::operation::update_cluster::UpdateClusterInput;
use aws_sdk_ecs::operation::update_service::UpdateServiceInput;
use serde_json::json;

use super::shape::{Shape, shape, walk};
use super::*;
use crate::value::{Map, sorted};

/// Calls `$check::<Input>(name, deserialize)` for every operation whose input a manifest can hold.
macro_rules! for_every_input {
    ($check:ident) => {
        $check::<RegisterTaskDefinitionInput>("RegisterTaskDefinition", RegisterTaskDefinitionInput::deserialize);
        $check::<CreateServiceInput>("CreateService", CreateServiceInput::deserialize);
        $check::<UpdateServiceInput>("UpdateService", UpdateServiceInput::deserialize);
        $check::<CreateClusterInput>("CreateCluster", CreateClusterInput::deserialize);
        $check::<UpdateClusterInput>("UpdateCluster", UpdateClusterInput::deserialize);
        $check::<PutClusterCapacityProvidersInput>(
            "PutClusterCapacityProviders",
            PutClusterCapacityProvidersInput::deserialize,
        );
        $check::<CreateCapacityProviderInput>("CreateCapacityProvider", CreateCapacityProviderInput::deserialize);
        $check::<UpdateCapacityProviderInput>("UpdateCapacityProvider", UpdateCapacityProviderInput::deserialize);
        $check::<PutAccountSettingDefaultInput>("PutAccountSettingDefault", PutAccountSettingDefaultInput::deserialize);
    };
}

/// A document with every member set; of a union the `variant`-th.
fn maximal(shape: &Shape, variant: usize) -> Value {
    match shape {
        Shape::Structure { members, union } => {
            let chosen: Vec<_> =
                if *union { vec![&members[variant % members.len()]] } else { members.iter().collect() };
            chosen
                .into_iter()
                .map(|(name, shape, _)| (name.clone(), maximal(shape, variant)))
                .collect::<Map<_, _>>()
                .into()
        }
        Shape::List(element) => json!([maximal(element, variant), maximal(element, variant)]),
        Shape::Map(value) => json!({ "one": maximal(value, variant), "two": maximal(value, variant) }),
        Shape::Text(Some(values)) => values[variant % values.len()].into(),
        Shape::Text(None) => format!("text {variant}").into(),
        Shape::Integer => 7.into(),
        Shape::Number => json!(2.5),
        Shape::Boolean => true.into(),
        Shape::Document => json!({ "free": ["form", 1, -2, 1.5, null, { "deep": true }] }),
    }
}

fn count(shape: &Shape) -> usize {
    match shape {
        Shape::Structure { members, .. } => members.iter().map(|(_, shape, _)| 1 + count(shape)).sum(),
        Shape::List(inner) | Shape::Map(inner) => count(inner),
        _ => 0,
    }
}

#[test]
fn a_maximal_document_of_every_input_round_trips_exactly() {
    fn check<T: SerializableStruct>(operation: &str, deserialize: Deserialize<T>) {
        let shape = shape(deserialize);
        assert!(count(&shape) >= 2, "{operation}: the walk found only {} members", count(&shape));
        // Enough variants that every enum value and every union member is seen once.
        for variant in 0..32 {
            let document = maximal(&shape, variant);
            let decoded = decode(&document, deserialize).unwrap_or_else(|faults| panic!("{operation}: {faults:#?}"));
            assert_eq!(sorted(&encode(&decoded)), sorted(&document), "{operation}, variant {variant}");
        }
    }
    for_every_input!(check);
}

#[test]
fn no_member_of_the_service_model_is_missing_from_the_walk() {
    // Counted from botocore's service model, less the three members that the SDK does not have yet
    // (trustedExecutionConfiguration, deregistrationDelay, nitroEnclavesEnabled). A drop means that
    // the walk lost something, a rise that the SDK grew and the tables want a look.
    fn members<T>(deserialize: Deserialize<T>) -> usize {
        count(&shape(deserialize))
    }
    assert_eq!(members(RegisterTaskDefinitionInput::deserialize), 166);
    assert_eq!(members(CreateServiceInput::deserialize), 164);
    assert_eq!(members(UpdateServiceInput::deserialize), 158);
    assert_eq!(members(CreateClusterInput::deserialize), 27);
    assert_eq!(members(UpdateClusterInput::deserialize), 19);
    assert_eq!(members(PutClusterCapacityProvidersInput::deserialize), 6);
    assert_eq!(members(CreateCapacityProviderInput::deserialize), 81);
    assert_eq!(members(UpdateCapacityProviderInput::deserialize), 75);
    assert_eq!(members(PutAccountSettingDefaultInput::deserialize), 2);
}

#[test]
fn every_enum_typed_member_of_every_input_is_in_the_table() {
    fn check<T: std::fmt::Debug>(operation: &str, deserialize: Deserialize<T>) {
        let (_, built) = walk(deserialize);
        let built = format!("{:?}", built.unwrap_or_else(|| panic!("{operation} could not be walked")));
        let missing: Vec<&str> = built
            .split("Unknown(UnknownVariantValue(\"")
            .skip(1)
            .filter_map(|rest| rest.split(['#', '"']).next())
            .filter(|slot| slot.split_once('.').is_none_or(|(s, m)| enums::values(s, m).is_none()))
            .collect();
        assert!(missing.is_empty(), "{operation}: add to codec/enums.rs: {missing:?}");
    }
    for_every_input!(check);
}

#[test]
fn an_unknown_value_of_every_enum_is_refused_with_the_known_ones() {
    fn spoil(shape: &Shape, value: &mut Value, spoiled: &mut usize) {
        match (shape, value) {
            (Shape::Structure { members, .. }, Value::Object(map)) => {
                for (name, shape, _) in members {
                    if let Some(value) = map.get_mut(name) {
                        spoil(shape, value, spoiled);
                    }
                }
            }
            (Shape::List(inner), Value::Array(items)) => items.iter_mut().for_each(|item| spoil(inner, item, spoiled)),
            (Shape::Map(inner), Value::Object(map)) => map.values_mut().for_each(|item| spoil(inner, item, spoiled)),
            (Shape::Text(Some(_)), value) => {
                *value = "no-such-value".into();
                *spoiled += 1;
            }
            _ => {}
        }
    }
    fn check<T: SerializableStruct>(operation: &str, deserialize: Deserialize<T>) {
        let shape = shape(deserialize);
        let mut document = maximal(&shape, 0);
        let mut spoiled = 0;
        spoil(&shape, &mut document, &mut spoiled);
        let faults = decode(&document, deserialize).err().unwrap_or_default();
        assert_eq!(faults.len(), spoiled, "{operation}: {faults:#?}");
        assert!(faults.iter().all(|fault| fault.hint.as_deref().is_some_and(|hint| hint.contains("known: "))));
    }
    for_every_input!(check);
}

#[test]
fn the_tables_are_sorted_and_name_members_that_exist() {
    assert!(required::REQUIRED.is_sorted_by_key(|(structure, _)| structure));
    assert!(required::members("LogConfiguration").contains(&"logDriver"));
    assert_eq!(enums::values("LogConfiguration", "logDriver").map(<[_]>::len), Some(8));
}

#[test]
fn every_missing_required_member_is_reported() {
    fn check<T: SerializableStruct>(operation: &str, deserialize: Deserialize<T>) {
        let Shape::Structure { members, .. } = shape(deserialize) else { panic!("{operation} is no structure") };
        let wanted: Vec<_> = members.iter().filter(|(.., required)| *required).map(|(name, ..)| name).collect();
        let faults = decode(&json!({}), deserialize).err().unwrap_or_default();
        for name in &wanted {
            let message = format!("missing field `{name}`");
            assert!(faults.iter().any(|fault| fault.message == message), "{operation}: {message} not in {faults:?}");
        }
    }
    for_every_input!(check);
}

#[test]
fn ten_mistakes_in_one_document_give_ten_faults() {
    let document = json!({
        "family": "web",
        "cpu": 256,
        "launchTipe": "FARGATE",
        "networkMode": "awsvcp",
        "containerDefinitions": [{
            "name": "web",
            "portMapings": [],
            "portMappings": [{ "containerPort": "eighty", "hotPort": 1 }],
            "logConfiguration": { "options": {} },
            "environment": [{ "name": "A", "value": 8080 }],
            "essential": "yes",
            "linuxParameters": { "tmpfs": {} },
        }],
    });
    let faults = decode(&document, RegisterTaskDefinitionInput::deserialize).unwrap_err();
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("{}: {} ({})", fault.path, fault.message, fault.hint.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        lines,
        [
            "cpu: expected a string, found number `256` (write \"256\")",
            "launchTipe: unknown field `launchTipe` (known here: containerDefinitions, cpu, enableFaultInjection, ephemeralStorage, executionRoleArn, family, inferenceAccelerators, ipcMode, memory, networkMode, pidMode, placementConstraints, proxyConfiguration, requiresCompatibilities, runtimePlatform, tags, taskRoleArn, volumes)",
            "networkMode: `networkMode` has no value `awsvcp` (did you mean `awsvpc`? known: awsvpc, bridge, host, none)",
            "containerDefinitions[0].portMapings: unknown field `portMapings` (did you mean `portMappings`?)",
            "containerDefinitions[0].portMappings[0].containerPort: expected a 32-bit integer, found string \"eighty\" (-)",
            "containerDefinitions[0].portMappings[0].hotPort: unknown field `hotPort` (did you mean `hostPort`?)",
            "containerDefinitions[0].logConfiguration: missing field `logDriver` (-)",
            "containerDefinitions[0].environment[0].value: expected a string, found a number (put it in quotes)",
            "containerDefinitions[0].essential: expected a boolean, found string \"yes\" (write true or false)",
            "containerDefinitions[0].linuxParameters.tmpfs: expected a list, found a map (-)",
        ]
    );
}
