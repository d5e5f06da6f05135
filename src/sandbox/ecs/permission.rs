//! The permissions that ECS calls ask for (service authorization reference, Amazon ECS).

use serde_json::Value;

use super::input::{tail, text_of};
use super::{Context, Region, tags, to_arn};
use crate::sandbox::ACCOUNT;
use crate::sandbox::iam::Keys;
use crate::sandbox::iam::permission::pass_role;
use crate::sandbox::permissions::Asked;

/// Everything that a call asks for.
pub(in crate::sandbox) fn asked(region: &mut Region, context: &Context, operation: &str, input: &Value) -> Vec<Asked> {
    let resource = resource(context, operation, input);
    let mut keys = Keys::new();
    for (key, value) in pairs(&tags::of(region, &resource).unwrap_or_default()) {
        keys.insert(format!("aws:resourcetag/{}", key.to_lowercase()), vec![value]);
    }
    let given = pairs(input.get("tags").unwrap_or_default());
    for (key, value) in &given {
        keys.insert(format!("aws:requesttag/{}", key.to_lowercase()), vec![value.clone()]);
        keys.entry("aws:tagkeys".to_owned()).or_default().push(key.clone());
    }
    let mut all = vec![Asked {
        action: format!("ecs:{operation}"),
        resource: resource.clone(),
        keys: keys.clone(),
        optional: false,
    }];
    // Who creates with tags must be allowed to tag (ECS developer guide, tagging authorization).
    if operation != "TagResource" && !given.is_empty() {
        keys.insert("ecs:createaction".to_owned(), vec![operation.to_owned()]);
        all.push(Asked { action: "ecs:TagResource".to_owned(), resource, keys, optional: false });
    }
    roles(input, &mut all);
    all
}

fn pairs(tags: &Value) -> Vec<(String, String)> {
    let pair =
        |tag: &Value| Some((text_of(tag, "key")?.to_owned(), text_of(tag, "value").unwrap_or_default().to_owned()));
    tags.as_array().into_iter().flatten().filter_map(pair).collect()
}

/// The ARN of what a call is about.
fn resource(context: &Context, operation: &str, input: &Value) -> String {
    let member = |name: &str| text_of(input, name).unwrap_or_default();
    let cluster = match member("cluster") {
        "" => "default",
        cluster => tail(cluster),
    };
    match operation {
        "CreateCluster" => to_arn(context, "cluster", member("clusterName")),
        "DeleteCluster" | "PutClusterCapacityProviders" | "UpdateCluster" | "UpdateClusterSettings" => {
            to_arn(context, "cluster", cluster)
        }
        "CreateService" => to_arn(context, "service", &format!("{cluster}/{}", member("serviceName"))),
        "DeleteService" | "UpdateService" => {
            to_arn(context, "service", &format!("{cluster}/{}", tail(member("service"))))
        }
        "CreateCapacityProvider" | "UpdateCapacityProvider" => to_arn(context, "capacity-provider", member("name")),
        "DeleteCapacityProvider" => to_arn(context, "capacity-provider", member("capacityProvider")),
        "TagResource" | "UntagResource" => member("resourceArn").to_owned(),
        _ => "*".to_owned(),
    }
}

/// Each role that the input names is passed: those of a task to the task, all others to ECS.
fn roles(input: &Value, all: &mut Vec<Asked>) {
    match input {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(role) if name == "taskRoleArn" || name == "executionRoleArn" => {
                        all.push(pass_role(role_arn(role), "ecs-tasks.amazonaws.com"));
                    }
                    Some(role) if name == "role" || name.ends_with("oleArn") => {
                        all.push(pass_role(role_arn(role), "ecs.amazonaws.com"));
                    }
                    _ => roles(value, all),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| roles(item, all)),
        _ => {}
    }
}

fn role_arn(role: &str) -> String {
    if role.starts_with("arn:") { role.to_owned() } else { format!("arn:aws:iam::{ACCOUNT}:role/{role}") }
}
