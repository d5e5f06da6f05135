//! What each kind's `spec` may hold, and the check of a document against it.
//!
//! The specs of ECS kinds are the SDK's own shapes; those of IAM kinds are written here.

use std::sync::LazyLock;

use aws_sdk_ecs::operation::create_capacity_provider::CreateCapacityProviderInput;
use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
use aws_sdk_ecs::operation::create_service::CreateServiceInput;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use aws_sdk_ecs::types::SettingName;
use serde_json::json;

use crate::codec;
use crate::codec::shape::{Shape, shape};
use crate::fields;
use crate::model::{API_VERSION, KINDS, Kind};
use crate::pattern::{Pattern, Step};
use crate::policy::{self, DocumentKind};
use crate::preset::PRESETS;
use crate::value::{FAULTS_MAX, Fault, Map, Path, Value, as_text, describe, did_you_mean, suggestion};

/// What is wrong with a resolved spec: all of it, unless there are more than `most` faults. `tags` and
/// references are gone from it.
#[must_use]
pub fn check(kind: Kind, spec: &Value, most: usize) -> Vec<Fault> {
    let mut faults = match kind {
        Kind::Cluster => decoded(spec, CreateClusterInput::deserialize, most),
        Kind::CapacityProvider => decoded(spec, CreateCapacityProviderInput::deserialize, most),
        Kind::TaskDefinition => decoded(spec, RegisterTaskDefinitionInput::deserialize, most),
        Kind::Service => decoded(spec, CreateServiceInput::deserialize, most),
        Kind::AccountSettings => check_settings(spec),
        Kind::Policy => {
            let mut faults = check_shape(&POLICY, spec);
            check_document(DocumentKind::Permissions, spec, &Path::default().key("policyDocument"), &mut faults);
            faults
        }
        Kind::Role => check_role(spec),
    };
    faults.truncate(most);
    faults
}

fn decoded<T>(spec: &Value, deserialize: codec::Deserialize<T>, most: usize) -> Vec<Fault> {
    codec::decode_to(spec, deserialize, most).err().unwrap_or_default()
}

fn structure(members: &[(&str, Shape, bool)]) -> Shape {
    let members =
        members.iter().map(|(name, shape, required)| ((*name).to_owned(), shape.clone(), *required)).collect();
    Shape::Structure { members, union: false }
}

static ROLE: LazyLock<Shape> = LazyLock::new(|| {
    structure(&[
        ("roleName", Shape::Text(None), false),
        ("path", Shape::Text(None), false),
        ("description", Shape::Text(None), false),
        ("maxSessionDuration", Shape::Integer, false),
        ("permissionsBoundary", Shape::Text(None), false),
        ("assumeRolePolicyDocument", Shape::Document, true),
        ("managedPolicyArns", Shape::List(Box::new(Shape::Text(None))), false),
        ("inlinePolicies", Shape::Map(Box::new(Shape::Document)), false),
        ("instanceProfile", Shape::Document, false),
        ("policyMode", Shape::Text(Some(&["additive", "exclusive"])), false),
    ])
});

static POLICY: LazyLock<Shape> = LazyLock::new(|| {
    structure(&[
        ("policyName", Shape::Text(None), false),
        ("path", Shape::Text(None), false),
        ("description", Shape::Text(None), false),
        ("policyDocument", Shape::Document, true),
    ])
});

fn check_role(spec: &Value) -> Vec<Fault> {
    let mut faults = check_shape(&ROLE, spec);
    if spec.get("assumeRolePolicyDocument").is_none() {
        let presets: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let hint = format!("write who may assume the role, or `preset:` with one of {}", presets.join(", "));
        faults.iter_mut().filter(|fault| fault.message.contains("`assumeRolePolicyDocument`")).for_each(|fault| {
            fault.hint = Some(hint.clone());
        });
    }
    let root = Path::default();
    check_document(DocumentKind::Trust, spec, &root.key("assumeRolePolicyDocument"), &mut faults);
    for (name, document) in spec.get("inlinePolicies").and_then(Value::as_object).into_iter().flatten() {
        if faults.len() >= FAULTS_MAX {
            break;
        }
        let at = root.key("inlinePolicies").key(name);
        faults.extend(document_faults(DocumentKind::Permissions, document, &at));
    }
    if let Some(seconds) = spec.get("maxSessionDuration").and_then(Value::as_i64) {
        // IAM API reference, CreateRole.
        if !(3600..=43200).contains(&seconds) {
            let message = format!("{seconds} is outside IAM's 3600 to 43200 seconds");
            faults.push(Fault { path: root.key("maxSessionDuration"), key: false, message, hint: None });
        }
    }
    if let Some(profile) = spec.get("instanceProfile").filter(|profile| !profile.is_boolean() && !profile.is_string()) {
        let message = format!("expected true or a name, found {}", describe(profile));
        faults.push(Fault { path: root.key("instanceProfile"), key: false, message, hint: None });
    }
    faults
}

fn check_document(kind: DocumentKind, spec: &Value, at: &Path, faults: &mut Vec<Fault>) {
    if let Some(document) = at.last_key().and_then(|member| spec.get(member)) {
        faults.extend(document_faults(kind, document, at));
    }
}

fn document_faults(kind: DocumentKind, document: &Value, at: &Path) -> Vec<Fault> {
    policy::check(document, kind)
        .into_iter()
        .map(|fault| Fault { path: fault.path.under(at), key: fault.key, message: fault.message, hint: fault.hint })
        .collect()
}

fn check_settings(spec: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, value) in spec.as_object().into_iter().flatten() {
        if faults.len() >= FAULTS_MAX {
            break;
        }
        let path = Path::default().key(name);
        if !SettingName::values().contains(&name.as_str()) {
            let (message, hint) = (format!("unknown setting `{name}`"), suggestion(name, SettingName::values()));
            faults.push(Fault { path: path.clone(), key: true, message, hint: Some(hint) });
        }
        if !value.is_string() {
            let message = format!("expected a string, found {}", describe(value));
            faults.push(Fault { path, key: false, message, hint: as_text(value) });
        }
    }
    faults
}

fn check_shape(shape: &Shape, value: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    walk(shape, value, &Path::default(), &mut faults);
    faults
}

fn walk(shape: &Shape, value: &Value, path: &Path, faults: &mut Vec<Fault>) {
    if faults.len() >= FAULTS_MAX {
        return;
    }
    let mut fault = |path: &Path, key: bool, message: String, hint: Option<String>| {
        faults.push(Fault { path: path.clone(), key, message, hint });
    };
    match (shape, value) {
        (Shape::Structure { members, .. }, Value::Object(map)) => {
            let known = || members.iter().map(|(name, ..)| name.as_str());
            for key in map.keys().filter(|key| !known().any(|name| name == *key)).take(FAULTS_MAX) {
                let hint = match did_you_mean(key, known()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("known here: {}", known().collect::<Vec<_>>().join(", ")),
                };
                fault(&path.key(key), true, format!("unknown field `{key}`"), Some(hint));
            }
            for (name, ..) in members.iter().filter(|(name, _, required)| *required && !map.contains_key(name)) {
                fault(path, false, format!("missing field `{name}`"), None);
            }
            for (name, shape, _) in members {
                if let Some(value) = map.get(name) {
                    walk(shape, value, &path.key(name), faults);
                }
            }
        }
        (Shape::List(inner), Value::Array(items)) => {
            items.iter().enumerate().for_each(|(index, item)| walk(inner, item, &path.index(index), faults));
        }
        (Shape::Map(inner), Value::Object(map)) => {
            map.iter().for_each(|(key, value)| walk(inner, value, &path.key(key), faults));
        }
        (Shape::Text(Some(known)), Value::String(text)) if !known.contains(&text.as_str()) => {
            fault(path, false, format!("there is no value `{text}`"), Some(suggestion(text, known)));
        }
        (Shape::Text(_), Value::String(_)) | (Shape::Document, _) => {}
        (Shape::Integer, Value::Number(number)) if number.is_i64() => {}
        (Shape::Boolean, Value::Bool(_)) | (Shape::Number, Value::Number(_)) => {}
        (shape, value) => fault(path, false, format!("expected {}, found {}", name_of(shape), describe(value)), None),
    }
}

fn name_of(shape: &Shape) -> &'static str {
    match shape {
        Shape::Structure { .. } | Shape::Map(_) => "a map",
        Shape::List(_) => "a list",
        Shape::Text(_) => "a string",
        Shape::Integer => "an integer",
        Shape::Number => "a number",
        Shape::Boolean => "a boolean",
        Shape::Document => "a value",
    }
}

/// Whether a pattern of paths leads to anything that a kind's spec can have.
///
/// # Errors
/// What is wrong with it, and what may have been meant.
pub fn check_pattern(kind: Kind, pattern: &Pattern) -> Result<(), (String, String)> {
    match pattern.0.first() {
        Some(Step::Named(member)) if member == "tags" => Ok(()),
        Some(Step::Named(member)) if kind == Kind::Service && member == "taskDefinition" => {
            follow(shape_of(Kind::TaskDefinition), &pattern.0[1..])
        }
        _ => follow(shape_of(kind), &pattern.0).map_err(|fault| match kind {
            Kind::Service if follow(shape_of(Kind::TaskDefinition), &pattern.0).is_ok() => {
                (fault.0, format!("for the task definition in a service, write `taskDefinition.{pattern}`"))
            }
            _ => fault,
        }),
    }
}

fn follow(shape: &Shape, steps: &[Step]) -> Result<(), (String, String)> {
    let Some((step, rest)) = steps.split_first() else { return Ok(()) };
    match (shape, step) {
        (Shape::Structure { members, .. }, Step::Named(name)) => {
            match members.iter().find(|(member, ..)| member == name) {
                Some((_, shape, _)) => follow(shape, rest),
                None => {
                    let known: Vec<&str> = members.iter().map(|(name, ..)| name.as_str()).collect();
                    Err((format!("there is no field `{name}`"), suggestion(name, &known)))
                }
            }
        }
        (Shape::Structure { members, .. }, Step::Any) => {
            let mut ways = members.iter().map(|(_, shape, _)| follow(shape, rest));
            let nothing = || (format!("there is nothing at `{}`", Pattern(steps.to_vec())), "correct the path".into());
            ways.find(Result::is_ok).unwrap_or_else(|| Err(nothing()))
        }
        (Shape::List(inner) | Shape::Map(inner), _) => follow(inner, rest),
        (Shape::Document, _) => Ok(()),
        _ => {
            let below = Pattern(steps.to_vec());
            Err((format!("there is nothing below it that could be called `{below}`"), "shorten the path".to_owned()))
        }
    }
}

/// A JSON Schema (2020-12) of manifests, for editors.
#[must_use]
pub fn json_schema() -> Value {
    let kinds = KINDS.iter().map(|row| {
        json!({
            "type": "object",
            "required": ["apiVersion", "kind", "metadata", "spec"],
            "additionalProperties": false,
            "properties": {
                "apiVersion": { "const": API_VERSION },
                "kind": { "const": row.name },
                "metadata": { "$ref": "#/$defs/metadata" },
                "spec": spec_schema(row.kind),
            },
        })
    });
    let text_map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Evenkeel manifest",
        "oneOf": kinds.collect::<Vec<_>>(),
        "$defs": {
            "metadata": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": { "name": { "type": "string" }, "labels": text_map, "annotations": text_map },
            },
            "ref": {
                "type": "object",
                "required": ["ref"],
                "additionalProperties": false,
                "properties": { "ref": { "type": "string", "description": "NAME or Kind/NAME of another manifest" } },
            },
            "tags": {
                "oneOf": [text_map, { "type": "array", "items": { "type": "object" } }],
            },
        },
    })
}

/// All that the spec of a kind can hold, in the order of the API.
#[must_use]
pub fn shape_of(kind: Kind) -> &'static Shape {
    static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| KINDS.iter().map(|row| walked(row.kind)).collect());
    &SHAPES[kind as usize]
}

fn walked(kind: Kind) -> Shape {
    match kind {
        Kind::AccountSettings => Shape::Map(Box::new(Shape::Text(None))),
        Kind::Policy => POLICY.clone(),
        Kind::Role => ROLE.clone(),
        Kind::Cluster => shape(CreateClusterInput::deserialize),
        Kind::CapacityProvider => shape(CreateCapacityProviderInput::deserialize),
        Kind::TaskDefinition => shape(RegisterTaskDefinitionInput::deserialize),
        Kind::Service => shape(CreateServiceInput::deserialize),
    }
}

fn spec_schema(kind: Kind) -> Value {
    if kind == Kind::AccountSettings {
        return json!({
            "type": "object",
            "propertyNames": { "enum": SettingName::values() },
            "additionalProperties": { "type": "string" },
        });
    }
    let mut schema = of_shape(shape_of(kind));
    let properties = &mut schema["properties"];
    properties["tags"] = json!({ "$ref": "#/$defs/tags" });
    match kind {
        Kind::Role => {
            properties["preset"] = json!({ "enum": PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>() });
        }
        Kind::Service => {
            let inline = spec_schema(Kind::TaskDefinition);
            properties["taskDefinition"] =
                json!({ "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/ref" }, inline] });
        }
        _ => {}
    }
    for (path, row) in fields::tables().filter(|table| table.kind == kind).flat_map(fields::Table::paths) {
        let pointer = format!("/{}", path.split('.').collect::<Vec<_>>().join("/properties/"));
        if row.clear.starts_with('{')
            && let Some(whole) = properties.pointer_mut(&pointer)
        {
            // An empty map stands for what clears it.
            *whole = json!({ "anyOf": [{ "type": "object", "maxProperties": 0 }, whole.take()] });
        }
    }
    // A manifest's own name, or a preset, fills what the API requires.
    if let Value::Object(schema) = &mut schema {
        schema.shift_remove("required");
    }
    schema
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Structure { members, union } => {
            let properties: Map<String, Value> =
                members.iter().map(|(name, shape, _)| (name.clone(), of_shape(shape))).collect();
            let required: Vec<&String> =
                members.iter().filter(|(.., required)| *required).map(|(name, ..)| name).collect();
            let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
            if !required.is_empty() {
                schema["required"] = json!(required);
            }
            if *union {
                schema["maxProperties"] = 1.into();
                schema["minProperties"] = 1.into();
            }
            schema
        }
        Shape::List(inner) => json!({ "type": "array", "items": of_shape(inner) }),
        // Labels and options: the keys are the team's own, and `ref` may be one of them.
        Shape::Map(inner) if matches!(**inner, Shape::Text(None)) => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Shape::Map(inner) => json!({ "type": "object", "additionalProperties": of_shape(inner) }),
        Shape::Text(Some(values)) => json!({ "enum": values }),
        // Wherever AWS takes a name or an ARN, a reference may stand.
        Shape::Text(None) => json!({ "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/ref" }] }),
        Shape::Integer => json!({ "type": "integer" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Document => json!({}),
    }
}
