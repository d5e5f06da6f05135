//! What the daemon can do: one variant, one AWS API call.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::model::Key;
use crate::value::{Path, Segment, Value};
use crate::world::{Failure, RESTARTED_TAG, restarted_at};

/// One call. Named after the operation; ECS requests are carried whole, in wire form.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "variants and members are AWS's own names")]
pub enum Action {
    CreatePolicy {
        name: String,
        path: String,
        description: Option<String>,
        document: Value,
        tags: BTreeMap<String, String>,
    },
    CreatePolicyVersion {
        arn: String,
        document: Value,
    },
    DeletePolicyVersion {
        arn: String,
        version: String,
    },
    DeletePolicy {
        arn: String,
    },
    TagPolicy {
        arn: String,
        tags: BTreeMap<String, String>,
    },
    CreateRole(Box<NewRole>),
    UpdateRole {
        role: String,
        description: String,
        max_session_duration: i32,
    },
    UpdateAssumeRolePolicy {
        role: String,
        document: Value,
    },
    PutRolePermissionsBoundary {
        role: String,
        arn: String,
    },
    PutRolePolicy {
        role: String,
        policy: String,
        document: Value,
    },
    DeleteRolePolicy {
        role: String,
        policy: String,
    },
    AttachRolePolicy {
        role: String,
        arn: String,
    },
    DetachRolePolicy {
        role: String,
        arn: String,
    },
    DeleteRole {
        role: String,
    },
    TagRole {
        role: String,
        tags: BTreeMap<String, String>,
    },
    CreateInstanceProfile {
        profile: String,
        path: String,
        tags: BTreeMap<String, String>,
    },
    AddRoleToInstanceProfile {
        profile: String,
        role: String,
    },
    RemoveRoleFromInstanceProfile {
        profile: String,
        role: String,
    },
    DeleteInstanceProfile {
        profile: String,
    },
    PutAccountSettingDefault {
        name: String,
        value: String,
    },
    CreateCluster(Value),
    UpdateCluster(Value),
    PutClusterCapacityProviders(Value),
    DeleteCluster {
        cluster: String,
    },
    CreateCapacityProvider(Value),
    UpdateCapacityProvider(Value),
    DeleteCapacityProvider {
        name: String,
    },
    RegisterTaskDefinition(Value),
    CreateService(Value),
    UpdateService(Value),
    DeleteService {
        cluster: String,
        service: String,
    },
    TagResource {
        arn: String,
        tags: BTreeMap<String, String>,
    },
}

/// What CreateRole takes.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "members are AWS's own names")]
pub struct NewRole {
    pub name: String,
    pub path: String,
    pub assume_role_policy_document: Value,
    pub description: Option<String>,
    pub max_session_duration: Option<i32>,
    pub permissions_boundary: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl Action {
    /// The permission that the call needs, which is also its name in metrics and logs.
    #[must_use]
    pub const fn permission(&self) -> &'static str {
        match self {
            Self::CreatePolicy { .. } => "iam:CreatePolicy",
            Self::CreatePolicyVersion { .. } => "iam:CreatePolicyVersion",
            Self::DeletePolicyVersion { .. } => "iam:DeletePolicyVersion",
            Self::DeletePolicy { .. } => "iam:DeletePolicy",
            Self::TagPolicy { .. } => "iam:TagPolicy",
            Self::CreateRole(_) => "iam:CreateRole",
            Self::UpdateRole { .. } => "iam:UpdateRole",
            Self::UpdateAssumeRolePolicy { .. } => "iam:UpdateAssumeRolePolicy",
            Self::PutRolePermissionsBoundary { .. } => "iam:PutRolePermissionsBoundary",
            Self::PutRolePolicy { .. } => "iam:PutRolePolicy",
            Self::DeleteRolePolicy { .. } => "iam:DeleteRolePolicy",
            Self::AttachRolePolicy { .. } => "iam:AttachRolePolicy",
            Self::DetachRolePolicy { .. } => "iam:DetachRolePolicy",
            Self::DeleteRole { .. } => "iam:DeleteRole",
            Self::TagRole { .. } => "iam:TagRole",
            Self::CreateInstanceProfile { .. } => "iam:CreateInstanceProfile",
            Self::AddRoleToInstanceProfile { .. } => "iam:AddRoleToInstanceProfile",
            Self::RemoveRoleFromInstanceProfile { .. } => "iam:RemoveRoleFromInstanceProfile",
            Self::DeleteInstanceProfile { .. } => "iam:DeleteInstanceProfile",
            Self::PutAccountSettingDefault { .. } => "ecs:PutAccountSettingDefault",
            Self::CreateCluster(_) => "ecs:CreateCluster",
            Self::UpdateCluster(_) => "ecs:UpdateCluster",
            Self::PutClusterCapacityProviders(_) => "ecs:PutClusterCapacityProviders",
            Self::DeleteCluster { .. } => "ecs:DeleteCluster",
            Self::CreateCapacityProvider(_) => "ecs:CreateCapacityProvider",
            Self::UpdateCapacityProvider(_) => "ecs:UpdateCapacityProvider",
            Self::DeleteCapacityProvider { .. } => "ecs:DeleteCapacityProvider",
            Self::RegisterTaskDefinition(_) => "ecs:RegisterTaskDefinition",
            Self::CreateService(_) => "ecs:CreateService",
            Self::UpdateService(_) => "ecs:UpdateService",
            Self::DeleteService { .. } => "ecs:DeleteService",
            Self::TagResource { .. } => "ecs:TagResource",
        }
    }

    /// Whether the call is to bring about a change at this path of its resource's spec.
    #[must_use]
    pub fn concerns(&self, path: &Path) -> bool {
        let Some(Segment::Key(member)) = path.0.first() else { return false };
        let below = |name: &str| matches!(path.0.get(1), Some(Segment::Key(key) | Segment::Named(key)) if key == name);
        match self {
            // A restart is of no spec: it is forced, and remembered in a tag.
            Self::UpdateService(input) if *path == restarted_at() => input.get("forceNewDeployment").is_some(),
            Self::TagResource { tags, .. } if *path == restarted_at() => tags.contains_key(RESTARTED_TAG),
            Self::TagPolicy { .. } | Self::TagRole { .. } | Self::TagResource { .. } => member == "tags",
            Self::CreatePolicyVersion { .. } => member == "policyDocument",
            Self::DeletePolicyVersion { version, .. } => member == "versions" && below(version),
            Self::UpdateRole { .. } => ["description", "maxSessionDuration"].contains(&member.as_str()),
            Self::UpdateAssumeRolePolicy { .. } => member == "assumeRolePolicyDocument",
            Self::PutRolePermissionsBoundary { .. } => member == "permissionsBoundary",
            Self::PutRolePolicy { policy, .. } | Self::DeleteRolePolicy { policy, .. } => {
                member == "inlinePolicies" && below(policy)
            }
            Self::AttachRolePolicy { arn, .. } | Self::DetachRolePolicy { arn, .. } => {
                member == "managedPolicyArns" && below(arn)
            }
            Self::CreateInstanceProfile { .. } | Self::AddRoleToInstanceProfile { .. } => member == "instanceProfile",
            Self::PutAccountSettingDefault { name, .. } => member == name,
            // What the request names; a registration is a whole.
            Self::UpdateCluster(input)
            | Self::PutClusterCapacityProviders(input)
            | Self::UpdateCapacityProvider(input)
            | Self::UpdateService(input) => input.get(member).is_some(),
            Self::RegisterTaskDefinition(_)
            | Self::CreatePolicy { .. }
            | Self::CreateRole(_)
            | Self::CreateCluster(_)
            | Self::CreateCapacityProvider(_)
            | Self::CreateService(_) => true,
            // Of no field: the resource is nobody's spec any more.
            Self::DeletePolicy { .. }
            | Self::DeleteRole { .. }
            | Self::RemoveRoleFromInstanceProfile { .. }
            | Self::DeleteInstanceProfile { .. }
            | Self::DeleteCluster { .. }
            | Self::DeleteCapacityProvider { .. }
            | Self::DeleteService { .. } => false,
        }
    }

    /// What the call is about, for people: never a value that could be a secret.
    #[must_use]
    pub fn target(&self) -> String {
        let member = |input: &Value, name: &str| input.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
        match self {
            Self::CreatePolicy { name, .. } => name.clone(),
            Self::CreatePolicyVersion { arn, .. }
            | Self::DeletePolicy { arn }
            | Self::TagPolicy { arn, .. }
            | Self::TagResource { arn, .. } => arn.clone(),
            Self::DeletePolicyVersion { arn, version } => format!("{arn} {version}"),
            Self::CreateRole(role) => role.name.clone(),
            Self::UpdateRole { role, .. }
            | Self::UpdateAssumeRolePolicy { role, .. }
            | Self::DeleteRole { role }
            | Self::TagRole { role, .. } => role.clone(),
            Self::PutRolePermissionsBoundary { role, arn }
            | Self::AttachRolePolicy { role, arn }
            | Self::DetachRolePolicy { role, arn } => format!("{role} {arn}"),
            Self::PutRolePolicy { role, policy, .. } | Self::DeleteRolePolicy { role, policy } => {
                format!("{role} {policy}")
            }
            Self::CreateInstanceProfile { profile, .. } | Self::DeleteInstanceProfile { profile } => profile.clone(),
            Self::AddRoleToInstanceProfile { profile, role }
            | Self::RemoveRoleFromInstanceProfile { profile, role } => {
                format!("{profile} {role}")
            }
            Self::PutAccountSettingDefault { name, value } => format!("{name}={value}"),
            Self::CreateCluster(input) => member(input, "clusterName"),
            Self::UpdateCluster(input) | Self::PutClusterCapacityProviders(input) => member(input, "cluster"),
            Self::DeleteCluster { cluster } => cluster.clone(),
            Self::CreateCapacityProvider(input) | Self::UpdateCapacityProvider(input) => member(input, "name"),
            Self::DeleteCapacityProvider { name } => name.clone(),
            Self::RegisterTaskDefinition(input) => member(input, "family"),
            Self::CreateService(input) => format!("{}/{}", member(input, "cluster"), member(input, "serviceName")),
            Self::UpdateService(input) => format!("{}/{}", member(input, "cluster"), member(input, "service")),
            Self::DeleteService { cluster, service } => format!("{cluster}/{service}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.permission(), self.target())
    }
}

/// What became of one action.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The resource that it was for.
    pub key: Key,
    /// The call.
    pub action: Action,
    /// Whether it had its effect.
    pub result: Result<(), Failure>,
    /// How long it took.
    pub took: Duration,
}
