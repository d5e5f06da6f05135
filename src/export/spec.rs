//! From a live document to a spec: what each kind has beside its shape.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::SettingName;
use serde_json::json;

use super::names::tail;
use super::settings;
use super::writer::{Refer, write};
use crate::fields;
use crate::model::Kind;
use crate::resolve::FREE;
use crate::resource::Account;
use crate::schema;
use crate::value::{Map, Value};
use crate::world::Scaling;

/// The spec that declares exactly what is live. `refer` may put references in place of names.
pub(super) fn of(kind: Kind, live: &Value, refer: &Refer<'_>) -> Map<String, Value> {
    if kind == Kind::AccountSettings {
        return settings::touched(live, SettingName::values());
    }
    let document = prepared(kind, live);
    let mut spec = write(kind, schema::shape_of(kind), &document, refer);
    // The API's list form; tags are written as a map.
    spec.shift_remove("tags");
    if let Some(Value::String(cluster)) = spec.get_mut("cluster") {
        *cluster = tail(cluster).to_owned();
    }
    spec
}

/// The live document in the form in which a manifest says it.
fn prepared(kind: Kind, live: &Value) -> Value {
    let mut document = live.clone();
    let Some(members) = document.as_object_mut() else { return document };
    match kind {
        Kind::Role => {
            if let Some(profile) = instance_profile(live) {
                members.insert("instanceProfile".to_owned(), profile);
            }
        }
        Kind::Service => {
            let is_empty = |member: &str| live.get(member).and_then(Value::as_array).is_none_or(Vec::is_empty);
            if !is_empty("capacityProviderStrategy") {
                // CreateService takes one of the two.
                members.shift_remove("launchType");
            }
            if live.get("role").and_then(Value::as_str).is_some_and(|role| role.contains(":role/aws-service-role/")) {
                members.shift_remove("role");
            }
        }
        _ => {}
    }
    document
}

/// Whether the number of tasks is the manifest's: a DAEMON service has as many as there are instances,
/// and that of one with a scalable target is Application Auto Scaling's. Where nobody knows, it is written.
pub(super) fn counts_tasks(service: &Value, scaling: Option<&Scaling>) -> bool {
    let is_daemon = service.get("schedulingStrategy").is_some_and(|strategy| strategy == "DAEMON");
    !is_daemon && !matches!(scaling, Some(Scaling::Target { .. }))
}

/// The instance profile that a role's manifest declares; of several the one that is called like the
/// role, or else the first.
fn instance_profile(role: &Value) -> Option<Value> {
    let mut profiles = profiles(role);
    profiles.sort_unstable();
    let own = role.get("roleName").and_then(Value::as_str)?;
    match profiles.iter().find(|name| **name == own) {
        Some(_) => Some(true.into()),
        None => profiles.first().map(|name| (*name).into()),
    }
}

fn profiles(role: &Value) -> Vec<&str> {
    let profiles = role.get("instanceProfiles").and_then(Value::as_array);
    profiles.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The ARN that a reference to the instance profile of a role's manifest is written out as.
pub(super) fn profile_arn(role: &Value, account: &Account) -> Option<String> {
    let text = |member: &str| role.get(member).and_then(Value::as_str).unwrap_or_default();
    let profile = match instance_profile(role)? {
        Value::String(name) => name,
        _ => text("roleName").to_owned(),
    };
    Some(account.iam_arn(&format!("instance-profile{}{profile}", text("path"))))
}

/// Tags as manifests may have them: AWS's own and ours are nobody's to declare.
pub(super) fn tags(live: &BTreeMap<String, String>) -> BTreeMap<&String, &String> {
    let reserved = |key: &str| key.starts_with("aws:") || key.starts_with("evenkeel:");
    live.iter().filter(|(key, _)| !reserved(key)).collect()
}

/// What a manifest of this kind cannot say of what is live.
pub(super) fn remarks(kind: Kind, live: &Value) -> Vec<String> {
    let mut remarks = Vec::new();
    if kind == Kind::Role && profiles(live).len() > 1 {
        remarks.push(format!(
            "A manifest has one instance profile, and this role is in several: {}.",
            profiles(live).join(", ")
        ));
    }
    if let Some(controller) = fields::controller(live).filter(|_| kind == Kind::Service) {
        remarks.push(match controller.name {
            "CODE_DEPLOY" => "AWS CodeDeploy rolls this service out: its task sets and traffic are not in here.".into(),
            _ => "Another system rolls this service out: its task sets, with what they run, are not in here.".into(),
        });
        remarks.push(format!("Evenkeel changes these, and others take {}:", controller.deployment));
        remarks.extend(controller.updates.chunks(NAMES_A_LINE).map(|names| names.join(", ")));
    }
    remarks
}

/// How many names of members stand on one line of a remark.
const NAMES_A_LINE: usize = 4;

/// Why what is live cannot be written into a manifest so that it means the same.
pub(super) fn unwritable(kind: Kind, live: &Value, tags: &BTreeMap<String, String>) -> Option<String> {
    let mut spec = of(kind, live, &|_, _| None);
    spec.insert("tags".to_owned(), json!(self::tags(tags)));
    let documents = ["policyDocument", "assumeRolePolicyDocument"].into_iter().filter_map(|name| spec.get(name));
    let inline = spec.get("inlinePolicies").and_then(Value::as_object).into_iter().flatten().map(|(_, value)| value);
    if matches!(kind, Kind::Policy | Kind::Role) && documents.chain(inline).any(|document| !document.is_object()) {
        return Some("IAM answered a policy document that cannot be read".to_owned());
    }
    misread(&Value::Object(spec), "")
}

/// Why a value would be read as something else in a manifest.
fn misread(value: &Value, member: &str) -> Option<String> {
    match value {
        Value::String(text) if text.contains("${AWS::") => {
            Some(format!("`{member}` holds the text ${{AWS::, which a manifest would take for a variable"))
        }
        Value::Array(items) => items.iter().find_map(|item| misread(item, member)),
        Value::Object(map) if map.contains_key("ref") && !FREE.contains(&member) => {
            Some(format!("`{member}` holds the key ref, which a manifest would take for a reference"))
        }
        Value::Object(map) => map.iter().find_map(|(key, value)| misread(value, key)),
        _ => None,
    }
}
