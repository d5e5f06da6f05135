//! What was observed in AWS, and how surely.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::model::Key;
use crate::value::{Path, Value};

/// The tag that says whose a resource is.
pub const OWNER_TAG: &str = "evenkeel:owner";

/// Where in a resource that tag stands.
#[must_use]
pub fn owner_tag() -> Path {
    Path::default().key("tags").key(OWNER_TAG)
}

/// The tag on a service that remembers the last restart that a manifest asked for: the value of
/// `evenkeel/restarted-at`.
pub const RESTARTED_TAG: &str = "evenkeel:restarted-at";

/// The tag on a service that remembers the deployment which that restart was to replace.
pub const RESTART_OF_TAG: &str = "evenkeel:restart-of";

/// The tag that remembers the manifest's `evenkeel/deletion-policy`: when it counts, the manifest is gone.
pub const DELETION_TAG: &str = "evenkeel:deletion-policy";

/// The tag on a role that is being deleted which remembers the instance profile of ours that it leaves:
/// once the role is out of it, IAM shows no way from the one to the other.
pub const LEAVES_PROFILE_TAG: &str = "evenkeel:leaves-instance-profile";

/// Where a restart stands among the changes of a service.
#[must_use]
pub fn restarted_at() -> Path {
    Path::default().key("restarted-at")
}

/// The tag on a task-definition revision that remembers the digest of what was declared, and on a
/// service which revision with which digest it was made to run: `web:3 v2:0123…`.
pub const DIGEST_TAG: &str = "evenkeel:task-definition";

/// One look at AWS.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// When it was looked at, since 1 January 1970.
    pub at: Duration,
    /// What became of every key that was asked for. A key that was not asked for is not here.
    pub seen: BTreeMap<Key, Seen>,
    /// Task-definition revisions by ARN: those that services use and whose content had to be read.
    pub revisions: BTreeMap<String, Live>,
    /// The newest ACTIVE revision of families that somebody else registers.
    pub latest: BTreeMap<String, String>,
    /// What became of the last rollout of services that are about to be rolled out anew.
    pub rollouts: BTreeMap<Key, Rollout>,
    /// Services whose number of tasks Application Auto Scaling may own, as far as it was asked.
    pub scaling: BTreeMap<Key, Scaling>,
    /// Clusters that services name and AWS does not know.
    pub missing_clusters: BTreeSet<String>,
}

/// What was seen of one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// It is there.
    Present(Live),
    /// AWS says that it is not there.
    Absent,
    /// Nobody knows: never a reason to create or to delete.
    Unknown(Failure),
}

/// What became of a service's last rollout.
#[derive(Debug, Clone, PartialEq)]
pub enum Rollout {
    /// It ended well, or is under way.
    Fine,
    /// ECS rolled it back, or somebody stopped it.
    Failed {
        /// The service revision that it was to bring about.
        revision: Value,
        /// ECS's reason.
        reason: String,
    },
    /// Nobody knows: no reason to try again what may just have failed.
    Unknown(Failure),
}

/// Whether Application Auto Scaling decides how many tasks a service has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scaling {
    /// No scalable target names the service: the number is the manifest's.
    Free,
    /// A scalable target keeps the number between these.
    Target {
        /// Fewest tasks.
        min: i32,
        /// Most tasks.
        max: i32,
    },
    /// Nobody knows.
    Unknown(Failure),
}

/// A resource as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Live {
    /// Its ARN; `""` for account settings, which have none.
    pub arn: String,
    /// Its state, in the same form as a manifest's spec.
    pub document: Value,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is at rest.
    pub phase: Phase,
}

/// Whether AWS is still busy with a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Phase {
    /// At rest.
    #[default]
    Steady,
    /// On its way: a rollout, for example. It may be written to.
    Moving(String),
    /// On its way, and stopped until a person says how to go on. It may be written to.
    Paused(String),
    /// On its way out, or locked: it may not be written to yet.
    Busy(String),
    /// At rest, and not as it should be: a rollout failed.
    Failed(String),
}

/// Whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// It carries our owner tag.
    Us,
    /// It carries none.
    Nobody,
    /// It carries another controller's.
    Other(String),
}

impl Live {
    /// Whose it is, by its tags, when we are `us`.
    #[must_use]
    pub fn owner(&self, us: &str) -> Owner {
        match self.tags.get(OWNER_TAG) {
            Some(owner) if owner == us => Owner::Us,
            Some(owner) => Owner::Other(owner.clone()),
            None => match self.tags.get("aws:cloudformation:stack-name") {
                Some(stack) => Owner::Other(format!("CloudFormation stack {stack}")),
                None => Owner::Nobody,
            },
        }
    }
}

/// Why a call had no effect, by what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// AWS asks for patience.
    #[error("throttled by AWS")]
    Throttled,
    /// No answer, or a server error. The call may have had its effect.
    #[error("no usable answer: {0}")]
    Unreachable(String),
    /// The daemon's own permissions or credentials do not suffice.
    #[error("access denied: {0}")]
    Denied(String),
    /// AWS takes no call from this account or with these credentials.
    #[error("AWS takes no call from this account or with these credentials: {0}")]
    Barred(String),
    /// What the call needs is on its way.
    #[error("it waits for {what} to take effect in AWS: {said}")]
    NotReady {
        /// What is waited for.
        what: String,
        /// AWS's words.
        said: String,
    },
    /// The world is not as the plan took it to be.
    #[error("conflict: {0}")]
    Conflict(String),
    /// AWS refuses the request as it stands.
    #[error("refused: {0}")]
    Rejected(String),
    /// Our own code broke off.
    #[error("a bug, please report it: {0}")]
    Panicked(String),
}

impl Failure {
    /// The class as one word, for conditions.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Throttled => "Throttled",
            Self::Unreachable(_) => "Unreachable",
            Self::Denied(_) => "Denied",
            Self::Barred(_) => "Barred",
            Self::NotReady { .. } => "NotReady",
            Self::Conflict(_) => "Conflict",
            Self::Rejected(_) => "Rejected",
            Self::Panicked(_) => "Panicked",
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Us => f.write_str("this controller"),
            Self::Nobody => f.write_str("nobody"),
            Self::Other(owner) => f.write_str(owner),
        }
    }
}
