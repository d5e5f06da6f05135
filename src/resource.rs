//! Resources: manifests with every reference, variable and preset resolved, and their names in AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::model::{DeletionPolicy, Key, Kind, Source};
use crate::pattern::Pattern;
use crate::value::{Path, Value};
use crate::window::{Window, next_opening};

/// The account and Region that a directory is applied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// For example `eu-central-1`.
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

impl Account {
    /// The account that documents are checked against when nobody has been asked yet: AWS's own
    /// documentation example.
    #[must_use]
    pub fn offline(region: Option<&str>) -> Self {
        let region = region.unwrap_or("us-east-1");
        Self { id: "123456789012".into(), region: region.into(), partition: partition_of(region).into() }
    }

    /// An IAM ARN, for example `iam_arn("role/app/web")`.
    #[must_use]
    pub fn iam_arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.id)
    }

    /// An ECS ARN, for example `ecs_arn("cluster/web")`.
    #[must_use]
    pub fn ecs_arn(&self, resource: &str) -> String {
        format!("arn:{}:ecs:{}:{}:{resource}", self.partition, self.region, self.id)
    }
}

/// The partition that a Region belongs to.
#[must_use]
pub fn partition_of(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// IAM paths of roles that AWS and its services keep for themselves.
const PATHS_OF_AWS: &[&str] = &["/aws-service-role/", "/aws-reserved/"];

/// The path of AWS's own that an IAM path begins with, if it does.
#[must_use]
pub fn path_of_aws(path: &str) -> Option<&'static str> {
    PATHS_OF_AWS.iter().copied().find(|of_aws| path.starts_with(of_aws))
}

/// What a resource is called in AWS: enough to read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// The account's settings in this Region.
    AccountSettings,
    /// Role names are unique in an account, whatever their path and case.
    Role {
        /// Without path.
        name: String,
    },
    /// A customer managed policy.
    Policy {
        /// The full ARN, which has the path.
        arn: String,
    },
    /// A cluster.
    Cluster {
        /// Name, not ARN.
        name: String,
    },
    /// A capacity provider.
    CapacityProvider {
        /// Name, not ARN.
        name: String,
    },
    /// A family of task definitions.
    TaskDefinition {
        /// The family.
        family: String,
    },
    /// A service in a cluster.
    Service {
        /// The cluster's name, not ARN.
        cluster: String,
        /// The service's name.
        name: String,
    },
}

impl Identity {
    /// The kind of manifest that describes it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::AccountSettings => Kind::AccountSettings,
            Self::Role { .. } => Kind::Role,
            Self::Policy { .. } => Kind::Policy,
            Self::Cluster { .. } => Kind::Cluster,
            Self::CapacityProvider { .. } => Kind::CapacityProvider,
            Self::TaskDefinition { .. } => Kind::TaskDefinition,
            Self::Service { .. } => Kind::Service,
        }
    }

    /// The same for two identities that AWS would take for one: IAM names ignore case.
    #[must_use]
    pub fn folded(&self) -> Self {
        match self {
            Self::Role { name } => Self::Role { name: name.to_lowercase() },
            Self::Policy { arn } => Self::Policy { arn: arn.rsplit('/').next().unwrap_or(arn).to_lowercase() },
            other => other.clone(),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountSettings => f.write_str("the account's settings"),
            Self::Role { name } => write!(f, "role {name}"),
            Self::Policy { arn } => write!(f, "policy {arn}"),
            Self::Cluster { name } => write!(f, "cluster {name}"),
            Self::CapacityProvider { name } => write!(f, "capacity provider {name}"),
            Self::TaskDefinition { family } => write!(f, "task definition {family}"),
            Self::Service { cluster, name } => write!(f, "service {cluster}/{name}"),
        }
    }
}

/// Which task definition a service is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskDefinition {
    /// One that a manifest describes, or that stands inline in the service.
    Managed {
        /// Its key.
        key: Key,
        /// Its family.
        family: String,
        /// [`crate::fields::digest`] of its content.
        digest: String,
    },
    /// One that somebody else registers: family, `family:revision` or ARN.
    Foreign(String),
}

/// What a manifest says of taking over a resource that exists without an owner tag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Adoption {
    /// Nothing: it is as the command says.
    #[default]
    Unsaid,
    /// It is to be taken over.
    Adopt,
    /// It is never to be taken over.
    Never,
}

/// What guardrails let be done to a resource that only AWS can judge, or the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Of a role or a policy under the guardrail `widening`: what it may allow on top of what AWS has, in lower
    /// case; `None`: anything.
    pub may_add: Option<BTreeSet<String>>,
    /// Under the guardrail `verbs`: what may be done to it, as [`crate::guard::VERBS`] has it; `None`: anything.
    pub verbs: Option<BTreeSet<&'static str>>,
    /// Under the guardrail `windows`: when, in one window of each list.
    pub windows: Vec<Vec<Window>>,
}

impl Allowance {
    /// The first list of windows none of which is open at a time since 1 January 1970.
    #[must_use]
    pub fn closed(&self, at: Duration) -> Option<&[Window]> {
        let is_closed = |windows: &&Vec<Window>| !windows.iter().any(|window| window.is_open(at));
        self.windows.iter().find(is_closed).map(Vec::as_slice)
    }

    /// When all lists have a window that is open: the wait from that time on, and how one writes it.
    /// `None`: never.
    #[must_use]
    pub fn next_opening(&self, at: Duration) -> Option<(Duration, String)> {
        next_opening(&self.windows, at)
    }
}

/// A manifest, ready to be compared with AWS.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Kind and name of the manifest. An inline task definition has its service's name.
    pub key: Key,
    /// The manifest that it comes from: its own key, but for an inline task definition.
    pub manifest: Key,
    /// Where that manifest stands.
    pub source: Source,
    /// Where in that manifest its spec stands.
    pub origin: Path,
    /// What it is called in AWS.
    pub identity: Identity,
    /// What must be there before it.
    pub needs: BTreeSet<Key>,
    /// The declared state, without tags.
    pub spec: Value,
    /// The declared tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it may be taken over when it exists without an owner tag.
    pub adoption: Adoption,
    /// The fields whose live values are left as they are.
    pub ignored: Vec<Pattern>,
    /// What is to become of it once its manifest is gone, where that says so.
    pub deletion: Option<DeletionPolicy>,
    /// What guardrails let be done to it, and when.
    pub allowance: Allowance,
    /// Whether it is only to be watched.
    pub suspended: bool,
    /// Of a service: the restart that its manifest asks for.
    pub restarted_at: Option<String>,
    /// Of a service: what it is to run.
    pub task_definition: Option<TaskDefinition>,
    /// Of a task definition: the digest of its content, without what is ignored.
    pub digest: Option<String>,
    /// The same with what is ignored: what a revision remembers from before the manifest ignored it.
    pub whole_digest: Option<String>,
}

impl Resource {
    /// Whether the manifest wants a difference at this path to be left as it is.
    #[must_use]
    pub fn ignores(&self, path: &Path) -> bool {
        self.ignored.iter().any(|pattern| pattern.covers(path))
    }
}
