//! The permissions that IAM calls ask for (service authorization reference, IAM).

use super::query::Query;
use super::tags::Tags;
use super::{Keys, State};
use crate::sandbox::ACCOUNT;
use crate::sandbox::permissions::Asked;

/// Creations, which are taggings too when they carry tags.
const TAGGING: &[(&str, &str)] = &[
    ("CreateInstanceProfile", "iam:TagInstanceProfile"),
    ("CreatePolicy", "iam:TagPolicy"),
    ("CreateRole", "iam:TagRole"),
];

/// Everything that a call asks for.
pub(in crate::sandbox) fn asked(state: &State, operation: &str, query: &Query) -> Vec<Asked> {
    let (resource, tags) = resource(state, query);
    let mut keys = Keys::new();
    for (key, value) in tags.iter().flat_map(|tags| tags.pairs()) {
        keys.insert(format!("aws:resourcetag/{}", key.to_lowercase()), vec![value.clone()]);
    }
    let tags = query.tags("Tags");
    for (key, value) in &tags {
        keys.insert(format!("aws:requesttag/{}", key.to_lowercase()), vec![value.clone()]);
        keys.entry("aws:tagkeys".to_owned()).or_default().push(key.clone());
    }
    let role = query.get("RoleName").and_then(|name| state.role(name));
    let boundary = query.get("PermissionsBoundary").or_else(|| role.and_then(|role| role.boundary.as_deref()));
    let given = [
        ("iam:permissionsboundary", boundary),
        ("iam:policyarn", query.get("PolicyArn").filter(|_| query.get("RoleName").is_some())),
        ("iam:awsservicename", query.get("AWSServiceName")),
    ];
    keys.extend(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), vec![value?.to_owned()]))));
    let mut all = vec![Asked {
        action: format!("iam:{operation}"),
        resource: resource.clone(),
        keys: keys.clone(),
        optional: false,
    }];
    let tagging = TAGGING.iter().find(|(creation, _)| *creation == operation && !tags.is_empty());
    all.extend(tagging.map(|(_, action)| Asked { action: (*action).to_owned(), resource, keys, optional: false }));
    if operation == "AddRoleToInstanceProfile" {
        let arn =
            role.map_or_else(|| arn("role", "/", query.get("RoleName").unwrap_or_default()), |role| role.arn.clone());
        all.push(pass_role(arn, "ec2.amazonaws.com"));
    }
    all
}

/// That a role may be handed to a service.
pub(in crate::sandbox) fn pass_role(arn: String, service: &str) -> Asked {
    let keys = Keys::from([("iam:passedtoservice".to_owned(), vec![service.to_owned()])]);
    Asked { action: "iam:PassRole".to_owned(), resource: arn, keys, optional: false }
}

fn arn(kind: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{kind}{path}{name}")
}

/// What a call is about: its ARN, and the tags that it has.
fn resource(state: &State, query: &Query) -> (String, Option<Tags>) {
    let path = query.get("Path").unwrap_or("/");
    if let Some(name) = query.get("InstanceProfileName") {
        let profile = state.profiles.get(&super::key_of(name));
        let arn = profile.map_or_else(|| arn("instance-profile", path, name), |profile| profile.arn.clone());
        (arn, profile.map(|profile| profile.tags.clone()))
    } else if let Some(name) = query.get("RoleName") {
        let role = state.role(name);
        (role.map_or_else(|| arn("role", path, name), |role| role.arn.clone()), role.map(|role| role.tags.clone()))
    } else if let Some(arn) = query.get("PolicyArn") {
        (arn.to_owned(), state.policy(arn).map(|policy| policy.tags.clone()))
    } else if let Some(name) = query.get("PolicyName") {
        (arn("policy", path, name), None)
    } else {
        ("*".to_owned(), None)
    }
}
