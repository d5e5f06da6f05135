//! Manifests as a team writes them: kinds, keys, where they stand, what is wrong with them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::plain;
use crate::value::{Path, Value, did_you_mean};

/// The `apiVersion` of every manifest.
pub const API_VERSION: &str = "evenkeel/v1alpha1";

/// What a manifest describes. Declaration order is the order in which independent resources are
/// brought up; references decide before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Account-wide ECS defaults.
    AccountSettings,
    /// An IAM customer managed policy.
    Policy,
    /// An IAM role, with its policies and its instance profile.
    Role,
    /// An ECS cluster.
    Cluster,
    /// An ECS capacity provider.
    CapacityProvider,
    /// A family of ECS task definitions.
    TaskDefinition,
    /// An ECS service.
    Service,
}

/// One row of the table of kinds.
#[derive(Debug)]
pub struct KindRow {
    /// The kind.
    pub kind: Kind,
    /// How manifests spell it.
    pub name: &'static str,
    /// The member of `spec` that overrides `metadata.name` as the name in AWS.
    pub name_field: Option<&'static str>,
    /// What `spec` is, for people.
    pub spec: &'static str,
    /// What pruning does with one that no manifest declares any more, unless its manifest said
    /// something else; `None`: nothing of this kind is ever deleted.
    pub deletion: Option<DeletionPolicy>,
}

/// What pruning does with a resource whose manifest is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// It is deleted.
    Delete,
    /// It stays in AWS.
    Retain,
}

impl DeletionPolicy {
    /// The policy as annotations and tags spell it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Retain => "retain",
        }
    }

    /// The policy that a text spells, if it does.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Delete, Self::Retain].into_iter().find(|policy| policy.label() == text)
    }
}

/// Every kind, in the order of [`Kind`].
pub const KINDS: &[KindRow] = &[
    KindRow {
        kind: Kind::AccountSettings,
        name: "AccountSettings",
        name_field: None,
        spec: "setting name → value, for PutAccountSettingDefault",
        deletion: None,
    },
    KindRow {
        kind: Kind::Policy,
        name: "Policy",
        name_field: Some("policyName"),
        spec: "an IAM customer managed policy",
        deletion: Some(DeletionPolicy::Retain),
    },
    KindRow {
        kind: Kind::Role,
        name: "Role",
        name_field: Some("roleName"),
        spec: "an IAM role, or `preset:`",
        deletion: Some(DeletionPolicy::Retain),
    },
    KindRow {
        kind: Kind::Cluster,
        name: "Cluster",
        name_field: Some("clusterName"),
        spec: "CreateCluster",
        deletion: Some(DeletionPolicy::Retain),
    },
    KindRow {
        kind: Kind::CapacityProvider,
        name: "CapacityProvider",
        name_field: Some("name"),
        spec: "CreateCapacityProvider",
        deletion: Some(DeletionPolicy::Delete),
    },
    KindRow {
        kind: Kind::TaskDefinition,
        name: "TaskDefinition",
        name_field: Some("family"),
        spec: "RegisterTaskDefinition",
        // A rollback needs the old revisions, and they cost nothing.
        deletion: None,
    },
    KindRow {
        kind: Kind::Service,
        name: "Service",
        name_field: Some("serviceName"),
        spec: "CreateService; `taskDefinition` may be a reference or inline",
        deletion: Some(DeletionPolicy::Delete),
    },
];

impl Kind {
    /// This kind's row in [`KINDS`].
    #[must_use]
    pub fn row(self) -> &'static KindRow {
        &KINDS[self as usize]
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        KINDS.iter().find(|row| row.name == text).map(|row| row.kind).ok_or_else(|| {
            let names = KINDS.iter().map(|row| row.name);
            match did_you_mean(text, names.clone()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known kinds: {}", names.collect::<Vec<_>>().join(", ")),
            }
        })
    }
}

/// The name of a manifest: unique in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind.
    pub kind: Kind,
    /// `metadata.name`.
    pub name: String,
}

impl Key {
    /// A key.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A place in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Which document of which file a manifest is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The file, relative to the watched directory.
    pub file: PathBuf,
    /// The document's index in the file, from 0.
    pub document: usize,
    /// Where the document starts.
    pub line: usize,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", plain::path(&self.file), self.line)
    }
}

/// One manifest, read and found to be well formed.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Kind and name.
    pub key: Key,
    /// Where it stands.
    pub source: Source,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec`, as written.
    pub spec: Value,
}

/// One row of the table of annotations.
#[derive(Debug)]
pub struct AnnotationRow {
    /// The annotation.
    pub name: &'static str,
    /// The values that it may have; empty: they are checked elsewhere.
    pub values: &'static [&'static str],
    /// The kinds that it is for; empty: every kind.
    pub kinds: &'static [Kind],
    /// What it does, for people.
    pub meaning: &'static str,
}

/// The annotations that Evenkeel obeys.
pub const ANNOTATIONS: &[AnnotationRow] = &[
    AnnotationRow {
        name: ADOPTION,
        values: &["adopt", "never"],
        kinds: &[],
        meaning: "`adopt`: take over the resource if it exists without an owner tag; `never`: not even under `--adopt`",
    },
    AnnotationRow {
        name: ALLOW_WIDENING,
        values: &[],
        kinds: &[Kind::Policy, Kind::Role],
        meaning: "under the guardrail `widening`: the actions, principals and policies, with commas between them, that \
                  may be allowed on top of what AWS has",
    },
    AnnotationRow {
        name: DELETION_POLICY,
        values: &["delete", "retain"],
        kinds: &[Kind::Policy, Kind::Role, Kind::Cluster, Kind::CapacityProvider, Kind::Service],
        meaning: "what `--prune` does once the manifest is gone; by default services and capacity providers are \
                  deleted, policies, roles and clusters retained",
    },
    AnnotationRow {
        name: IGNORE_FIELDS,
        values: &[],
        kinds: &[],
        meaning: "paths, with commas between them, whose live values are left as they are, for example \
                  `containerDefinitions.*.image`",
    },
    AnnotationRow {
        name: RESTARTED_AT,
        values: &[],
        kinds: &[Kind::Service],
        meaning: "a time, or any other text: with each new one every task is replaced once",
    },
    AnnotationRow {
        name: SUSPEND,
        values: &["true", "false"],
        kinds: &[],
        meaning: "`\"true\"`: leave the resource alone, but go on watching it",
    },
];
/// `adopt` or `never`.
pub const ADOPTION: &str = "evenkeel/adoption";
/// What may be allowed on top of what AWS has, word for word and with commas between.
pub const ALLOW_WIDENING: &str = "evenkeel/allow-widening";
/// `delete` or `retain`.
pub const DELETION_POLICY: &str = "evenkeel/deletion-policy";
/// Patterns of paths, see [`crate::pattern::Pattern`].
pub const IGNORE_FIELDS: &str = "evenkeel/ignore-fields";
/// Any text that a tag can hold: another one restarts the service.
pub const RESTARTED_AT: &str = "evenkeel/restarted-at";
/// `"true"`: hands off.
pub const SUSPEND: &str = "evenkeel/suspend";

/// One thing that is wrong with a directory of manifests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, relative to the directory.
    pub file: PathBuf,
    /// Where in the file, when that can be told.
    pub at: Option<Position>,
    /// The path inside the document, `""` for the document itself.
    pub path: String,
    /// The manifest concerned, when its kind and name could be read.
    pub key: Option<Key>,
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain::path(&self.file))?;
        if let Some(at) = self.at {
            write!(f, ":{at}")?;
        }
        write!(f, ": ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

/// One difference between what is declared and what is live.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where, inside the resource.
    pub path: Path,
    /// The live value; `None`: there is none.
    pub from: Option<Value>,
    /// The declared value; `None`: it is to be gone.
    pub to: Option<Value>,
    /// What making it so does to running tasks.
    pub effect: Effect,
}

/// What a change does to running tasks. Ordered from harmless to grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing is restarted.
    NoRestart,
    /// Tasks started from now on have it, running ones do not.
    NewTasksOnly,
    /// ECS starts a deployment that replaces every task of the service.
    RollsAllTasks,
    /// AWS cannot change this in place: the resource would have to be made anew.
    Replaces,
    /// Something in AWS is deleted.
    Deletes,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRestart => "no restart",
            Self::NewTasksOnly => "new tasks only",
            Self::RollsAllTasks => "rolls all tasks",
            Self::Replaces => "replaces",
            Self::Deletes => "deletes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_kinds_is_in_the_order_of_the_enum() {
        for (index, row) in KINDS.iter().enumerate() {
            assert_eq!(row.kind as usize, index);
            assert_eq!(row.name.parse(), Ok(row.kind));
        }
    }

    #[test]
    fn the_annotation_for_deletion_is_for_what_can_be_deleted() {
        let row = ANNOTATIONS.iter().find(|row| row.name == DELETION_POLICY).unwrap();
        let deletable = KINDS.iter().filter(|row| row.deletion.is_some()).map(|row| row.kind);
        assert_eq!(row.kinds, deletable.collect::<Vec<_>>());
        assert!(row.values.iter().all(|value| DeletionPolicy::parse(value).is_some()));
    }

    #[test]
    fn a_misspelt_kind_is_answered_with_the_likely_one() {
        assert_eq!("Servce".parse::<Kind>(), Err("did you mean `Service`?".to_owned()));
        assert!("Deployment".parse::<Kind>().unwrap_err().starts_with("known kinds: "));
    }
}
