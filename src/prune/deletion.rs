//! The calls that delete one resource, from whatever is left of it, and what keeps AWS from taking them.

use serde_json::json;

use super::{Estate, Orphan, tail};
use crate::action::Action;
use crate::model::{DeletionPolicy, Key, Kind};
use crate::plan::Reason;
use crate::resource::{Identity, Resource};
use crate::value::Value;
use crate::world::{LEAVES_PROFILE_TAG, Live};

/// The calls, in order. None where a kind is never deleted.
pub(super) fn steps(orphan: &Orphan) -> Vec<Action> {
    let live = &orphan.live;
    match &orphan.identity {
        Identity::Service { cluster, name } => service(live, cluster, name),
        Identity::CapacityProvider { name } => vec![Action::DeleteCapacityProvider { name: name.clone() }],
        Identity::Cluster { name } => vec![Action::DeleteCluster { cluster: name.clone() }],
        Identity::Role { name } => role(live, name),
        Identity::Policy { arn } => policy(live, arn),
        Identity::AccountSettings | Identity::TaskDefinition { .. } => Vec::new(),
    }
}

/// ECS deletes no REPLICA service that is to have tasks; one of the DAEMON strategy has no number of
/// its own (ECS API reference, DeleteService). Both calls at once: an autoscaler would fill up again
/// in between.
fn service(live: &Live, cluster: &str, name: &str) -> Vec<Action> {
    let daemon = live.document.get("schedulingStrategy").is_some_and(|strategy| strategy == "DAEMON");
    let mut steps = Vec::new();
    if !daemon && number(live, "desiredCount") != 0 {
        steps.push(Action::UpdateService(json!({ "cluster": cluster, "service": name, "desiredCount": 0 })));
    }
    steps.push(Action::DeleteService { cluster: cluster.to_owned(), service: name.to_owned() });
    steps
}

/// IAM deletes no role that is in an instance profile or has policies (IAM API reference, DeleteRole).
fn role(live: &Live, role: &str) -> Vec<Action> {
    let role = role.to_owned();
    let own = texts(&live.document, OWN_PROFILES);
    let mut steps = Vec::new();
    for profile in texts(&live.document, LEFT_PROFILES) {
        steps.push(Action::DeleteInstanceProfile { profile: profile.to_owned() });
    }
    for profile in texts(&live.document, "instanceProfiles").into_iter().map(str::to_owned) {
        let is_own = own.contains(&profile.as_str());
        if is_own && live.tags.get(LEAVES_PROFILE_TAG) != Some(&profile) {
            let tags = [(LEAVES_PROFILE_TAG.to_owned(), profile.clone())].into();
            steps.push(Action::TagRole { role: role.clone(), tags });
        }
        steps.push(Action::RemoveRoleFromInstanceProfile { profile: profile.clone(), role: role.clone() });
        if is_own {
            steps.push(Action::DeleteInstanceProfile { profile });
        }
    }
    let attached = texts(&live.document, "managedPolicyArns");
    steps.extend(attached.iter().map(|arn| Action::DetachRolePolicy { role: role.clone(), arn: (*arn).to_owned() }));
    let inline = live.document.get("inlinePolicies").and_then(Value::as_object);
    let inline = inline.into_iter().flatten();
    steps.extend(inline.map(|(name, _)| Action::DeleteRolePolicy { role: role.clone(), policy: name.clone() }));
    steps.push(Action::DeleteRole { role });
    steps
}

/// The member of a role's document that lists those of its instance profiles that carry our owner tag.
pub const OWN_PROFILES: &str = "ownInstanceProfiles";

/// The member that lists those which a deletion that broke off has taken the role out of already.
pub const LEFT_PROFILES: &str = "leftInstanceProfiles";

/// IAM deletes no policy that has other versions than its default (IAM API reference, DeletePolicy).
fn policy(live: &Live, arn: &str) -> Vec<Action> {
    let versions = live.document.get("versions").and_then(Value::as_array);
    let others = versions.into_iter().flatten().filter(|version| version["isDefaultVersion"] != true);
    let version = |version: &Value| version.get("versionId").and_then(Value::as_str).map(str::to_owned);
    let delete = |version| Action::DeletePolicyVersion { arn: arn.to_owned(), version };
    let mut steps: Vec<Action> = others.filter_map(version).map(delete).collect();
    steps.push(Action::DeletePolicy { arn: arn.to_owned() });
    steps
}

/// What still uses it, so that AWS would refuse, or somebody would miss it.
pub(super) fn in_use(orphan: &Orphan, estate: &Estate) -> Option<Reason> {
    let live = &orphan.live;
    let counted = |members: &[(&str, &str)]| {
        let there = members.iter().filter(|(member, _)| number(live, member) > 0);
        let all: Vec<String> = there.map(|(member, what)| format!("{} {what}", number(live, member))).collect();
        (!all.is_empty()).then(|| Reason::InUse(all.join(", ")))
    };
    match &orphan.identity {
        Identity::Service { .. } => {
            let external = live.document.pointer("/deploymentController/type").is_some_and(|kind| kind == "EXTERNAL");
            let sets = live.document.get("taskSets").and_then(Value::as_array).map_or(0, Vec::len);
            let why = "its task sets belong to another system, which has to delete them first";
            (external && sets > 0).then(|| Reason::InUse(why.to_owned()))
        }
        Identity::Cluster { .. } => counted(&[
            ("activeServicesCount", "services in it"),
            ("runningTasksCount", "tasks running in it"),
            ("pendingTasksCount", "tasks starting in it"),
            ("registeredContainerInstancesCount", "container instances registered in it"),
        ]),
        Identity::CapacityProvider { name } => used_provider(name, live, estate),
        Identity::Policy { .. } => counted(&[
            ("attachmentCount", "roles, users or groups that it is attached to"),
            ("permissionsBoundaryUsageCount", "roles or users that it bounds"),
        ]),
        Identity::Role { .. } | Identity::AccountSettings | Identity::TaskDefinition { .. } => None,
    }
}

/// A cluster that has the capacity provider. One that is to go as well goes first, unless the provider
/// is of that cluster alone: then the cluster could not (ECS API reference, DeleteCluster).
fn used_provider(name: &str, live: &Live, estate: &Estate) -> Option<Reason> {
    let own = live.document.get("cluster").and_then(Value::as_str).map(tail);
    let mut clusters = estate.providers.iter().filter(|(_, providers)| providers.contains(name));
    let (cluster, _) = clusters.find(|(cluster, _)| own != Some(cluster.as_str()))?;
    let goes = estate.orphans.iter().any(|orphan| {
        matches!(&orphan.identity, Identity::Cluster { name } if name == cluster)
            && orphan.deletion() == DeletionPolicy::Delete
    });
    Some(if goes {
        Reason::WaitsFor(Key::new(Kind::Cluster, cluster))
    } else {
        Reason::InUse(format!("the cluster {cluster} has it among its capacity providers"))
    })
}

/// Whether something declared names this resource: by its ARN anywhere, or by its name where nothing
/// but the name of such a resource can stand.
pub(super) fn names(resource: &Resource, identity: &Identity, arn: &str) -> bool {
    let is_cluster = matches!((&resource.identity, identity),
        (Identity::Service { cluster, .. }, Identity::Cluster { name }) if cluster == name);
    is_cluster || names_in(&resource.spec, "", identity, arn)
}

fn names_in(value: &Value, member: &str, identity: &Identity, arn: &str) -> bool {
    match value {
        Value::String(text) if !arn.is_empty() && text == arn => true,
        Value::String(text) => match identity {
            Identity::Role { name } => text == name && (member == "role" || member.ends_with("RoleArn")),
            Identity::CapacityProvider { name } => text == name && member.starts_with("capacityProvider"),
            _ => false,
        },
        Value::Array(items) => items.iter().any(|item| names_in(item, member, identity, arn)),
        Value::Object(map) => map.iter().any(|(member, value)| names_in(value, member, identity, arn)),
        _ => false,
    }
}

fn number(live: &Live, member: &str) -> i64 {
    live.document.get(member).and_then(Value::as_i64).unwrap_or_default()
}

fn texts<'a>(document: &'a Value, member: &str) -> Vec<&'a str> {
    let list = document.get(member).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}
