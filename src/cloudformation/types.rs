//! The resource types that are converted: what they are called in manifests, and their shapes.
//!
//! Types, properties and return values as in the CloudFormation template reference.

use aws_sdk_ecs::operation::create_capacity_provider::CreateCapacityProviderInput;
use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
use aws_sdk_ecs::operation::create_service::CreateServiceInput;
use aws_sdk_ecs::operation::put_cluster_capacity_providers::PutClusterCapacityProvidersInput;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;

use crate::codec::shape::{Shape, shape};
use crate::model::Kind;

/// What a resource type becomes.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: &'static str,
    /// The kind of its manifest, or of the manifest that it becomes a part of.
    pub(super) kind: Kind,
    /// Whether it is a manifest of its own.
    pub(super) own: bool,
    /// The property that is its name in AWS; empty when others cannot refer to it by one.
    pub(super) name_property: &'static str,
    /// Properties that are not part of the shape: they are read one by one.
    pub(super) apart: &'static [&'static str],
}

impl Type {
    /// Where its manifests belong, when every manifest is a file of its own.
    pub(super) fn folder(&self) -> &'static str {
        match self.kind {
            Kind::AccountSettings => "account-settings",
            Kind::Policy => "policies",
            Kind::Role => "roles",
            Kind::Cluster => "clusters",
            Kind::CapacityProvider => "capacity-providers",
            Kind::TaskDefinition => "task-definitions",
            Kind::Service => "services",
        }
    }
}

const fn own(name: &'static str, kind: Kind, name_property: &'static str, apart: &'static [&'static str]) -> Type {
    Type { name, kind, own: true, name_property, apart }
}

const fn part(name: &'static str, kind: Kind, name_property: &'static str, apart: &'static [&'static str]) -> Type {
    Type { name, kind, own: false, name_property, apart }
}

pub(super) const ROLE: &str = "AWS::IAM::Role";
pub(super) const MANAGED_POLICY: &str = "AWS::IAM::ManagedPolicy";
pub(super) const INSTANCE_PROFILE: &str = "AWS::IAM::InstanceProfile";
pub(super) const POLICY: &str = "AWS::IAM::Policy";
pub(super) const ROLE_POLICY: &str = "AWS::IAM::RolePolicy";
pub(super) const CLUSTER: &str = "AWS::ECS::Cluster";
pub(super) const CAPACITY_PROVIDER: &str = "AWS::ECS::CapacityProvider";
pub(super) const TASK_DEFINITION: &str = "AWS::ECS::TaskDefinition";
pub(super) const SERVICE: &str = "AWS::ECS::Service";
pub(super) const ASSOCIATIONS: &str = "AWS::ECS::ClusterCapacityProviderAssociations";

/// Every type that is converted.
pub(super) const TYPES: &[Type] = &[
    own(ROLE, Kind::Role, "RoleName", &["RoleName"]),
    own(MANAGED_POLICY, Kind::Policy, "ManagedPolicyName", &["ManagedPolicyName", "Roles", "Users", "Groups"]),
    part(INSTANCE_PROFILE, Kind::Role, "InstanceProfileName", &[]),
    part(POLICY, Kind::Role, "", &["Roles", "Users", "Groups"]),
    part(ROLE_POLICY, Kind::Role, "", &["RoleName"]),
    own(CLUSTER, Kind::Cluster, "ClusterName", &["ClusterName"]),
    own(CAPACITY_PROVIDER, Kind::CapacityProvider, "Name", &["Name"]),
    own(TASK_DEFINITION, Kind::TaskDefinition, "Family", &["Family"]),
    own(SERVICE, Kind::Service, "ServiceName", &["ServiceName", "ForceNewDeployment"]),
    part(ASSOCIATIONS, Kind::Cluster, "", &["Cluster"]),
];

pub(super) fn find(name: &str) -> Option<&'static Type> {
    TYPES.iter().find(|row| row.name == name)
}

/// The properties that are called otherwise in the API: type (any, if empty), property, member.
pub(super) const RENAMED: &[(&str, &str, &str)] = &[
    (CAPACITY_PROVIDER, "ClusterName", "cluster"),
    (CLUSTER, "ClusterSettings", "settings"),
    (SERVICE, "PlacementStrategies", "placementStrategy"),
    (TASK_DEFINITION, "ProxyConfigurationProperties", "properties"),
];

/// What `Ref` or an attribute of a converted resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Name,
    Arn,
    /// The ARN of one revision of a task definition.
    Revision,
}

/// Type, attribute (none for `Ref`), meaning.
const ATTRIBUTES: &[(&str, &str, Meaning)] = &[
    (ROLE, "", Meaning::Name),
    (ROLE, "Arn", Meaning::Arn),
    (MANAGED_POLICY, "", Meaning::Arn),
    (MANAGED_POLICY, "PolicyArn", Meaning::Arn),
    (INSTANCE_PROFILE, "", Meaning::Name),
    (INSTANCE_PROFILE, "Arn", Meaning::Arn),
    (CLUSTER, "", Meaning::Name),
    (CLUSTER, "Arn", Meaning::Arn),
    (CAPACITY_PROVIDER, "", Meaning::Name),
    (TASK_DEFINITION, "", Meaning::Revision),
    (TASK_DEFINITION, "TaskDefinitionArn", Meaning::Revision),
    (SERVICE, "", Meaning::Arn),
    (SERVICE, "ServiceArn", Meaning::Arn),
    (SERVICE, "Name", Meaning::Name),
];

pub(super) fn meaning(kind: &str, attribute: &str) -> Option<Meaning> {
    let row = ATTRIBUTES.iter().find(|(of, name, _)| *of == kind && *name == attribute);
    row.map(|(.., meaning)| *meaning)
}

/// Types that are not converted, but whose `Ref` is the name that the template gives them.
pub(super) const REF_IS_NAME: &[(&str, &str)] = &[
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::ECR::Repository", "RepositoryName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::S3::Bucket", "BucketName"),
];

fn structure(members: &[(&str, Shape)]) -> Shape {
    let members = members.iter().map(|(name, shape)| ((*name).to_owned(), shape.clone(), false)).collect();
    Shape::Structure { members, union: false }
}

fn list(inner: Shape) -> Shape {
    Shape::List(Box::new(inner))
}

/// The shape of a type's properties, by the names of the API.
pub(super) fn shape_of(name: &str) -> Shape {
    let text = || Shape::Text(None);
    let tags = || list(structure(&[("key", text()), ("value", text())]));
    let policy = || structure(&[("policyName", text()), ("policyDocument", Shape::Document)]);
    match name {
        CLUSTER => shape(CreateClusterInput::deserialize),
        CAPACITY_PROVIDER => shape(CreateCapacityProviderInput::deserialize),
        TASK_DEFINITION => shape(RegisterTaskDefinitionInput::deserialize),
        SERVICE => shape(CreateServiceInput::deserialize),
        ASSOCIATIONS => shape(PutClusterCapacityProvidersInput::deserialize),
        ROLE => structure(&[
            ("path", text()),
            ("description", text()),
            ("maxSessionDuration", Shape::Integer),
            ("permissionsBoundary", text()),
            ("assumeRolePolicyDocument", Shape::Document),
            ("managedPolicyArns", list(text())),
            ("policies", list(policy())),
            ("tags", tags()),
        ]),
        MANAGED_POLICY => structure(&[
            ("path", text()),
            ("description", text()),
            ("policyDocument", Shape::Document),
            ("tags", tags()),
        ]),
        _ => policy(),
    }
}
