//! From what was read of an account to manifests that declare exactly that: adoption with proof.
//!
//! # Guarantees
//! - What is written is no change: a plan of the manifests against what they were written from is empty.
//! - The same account gives the same text, byte for byte.
//! - Nothing is left out in silence: what cannot be said is among [`Export::left_out`], or stands as a
//!   remark at the head of its document.
//!
//! Account ids and Regions stay as they are in ARNs. The files describe one account: subnets, target
//! groups and certificates name it anyway, and a reader may look for an ARN as the console shows it.
//! `${AWS::AccountId}` is for the manifests that somebody makes of them for several accounts.

mod names;
mod revisions;
mod settings;
mod spec;
mod text;
mod writer;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde_json::json;

use crate::model::{API_VERSION, DELETION_POLICY, DeletionPolicy, Key, Kind};
use crate::resource::{Account, Identity, path_of_aws};
use crate::value::{Map, Value};
use crate::world::{DELETION_TAG, Failure, Live, Scaling, Seen};
use names::{Names, target};
use revisions::{Revisions, Runs};

pub use text::{file_text, stream_text};

/// What is to be exported; nothing chosen is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Clusters, with all that is in them.
    pub clusters: BTreeSet<String>,
    /// Single services, by cluster and name.
    pub services: BTreeSet<(String, String)>,
}

/// What was read so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// What became of everything that was asked for.
    pub seen: BTreeMap<Identity, Seen>,
    /// The revisions that services run, by ARN.
    pub revisions: BTreeMap<String, Live>,
    /// Whether Application Auto Scaling owns the number of tasks of services.
    pub scaling: BTreeMap<Identity, Scaling>,
    /// The role in each instance profile that a capacity provider names, by the profile's name.
    pub profiles: BTreeMap<String, Option<String>>,
    /// The families that have an ACTIVE revision, where all are wanted.
    pub families: BTreeSet<String>,
    /// What could not be listed or read at all.
    pub failures: Vec<LeftOut>,
}

/// What is yet to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needed {
    /// Resources.
    pub resources: BTreeSet<Identity>,
    /// Instance profiles, by name.
    pub profiles: BTreeSet<String>,
}

/// Something that is not in the manifests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// What it is, for people.
    pub what: String,
    /// Why it is left out.
    pub why: String,
}

/// One manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Kind and name.
    pub key: Key,
    /// Where it belongs, when every manifest is a file of its own.
    pub file: PathBuf,
    /// What a reader has to know, for the head of the document.
    pub remarks: Vec<String>,
    /// The manifest.
    pub manifest: Value,
}

/// Everything that could be exported, and what could not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Export {
    /// The manifests, in the order in which a person would write them.
    pub documents: Vec<Document>,
    /// The rest.
    pub left_out: Vec<LeftOut>,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl LeftOut {
    /// Something that could not be read.
    #[must_use]
    pub fn unread(what: impl Into<String>, failure: &Failure) -> Self {
        Self { what: what.into(), why: failure.to_string() }
    }
}

impl Scope {
    /// Whether nothing was chosen.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.clusters.is_empty() && self.services.is_empty()
    }

    fn has_cluster(&self, name: &str) -> bool {
        self.is_everything() || self.clusters.contains(name)
    }

    /// Whether somebody asked for exactly this.
    fn names(&self, identity: &Identity) -> bool {
        match identity {
            Identity::Cluster { name } => self.clusters.contains(name),
            Identity::Service { cluster, name } => self.services.contains(&(cluster.clone(), name.clone())),
            _ => false,
        }
    }

    /// Whether what `from` names is exported with it: roles and policies always, capacity providers
    /// with their clusters. A cluster is exported because it was chosen, never because it is named.
    fn follows(&self, from: &Identity, to: &Identity) -> bool {
        match (from, to) {
            (_, Identity::Role { .. } | Identity::Policy { .. }) => true,
            (Identity::Cluster { .. }, Identity::CapacityProvider { .. }) => true,
            (Identity::Service { cluster, .. }, Identity::CapacityProvider { .. }) => self.has_cluster(cluster),
            _ => false,
        }
    }
}

/// What else must be read, by what was read so far.
#[must_use]
pub fn needed(found: &Found, scope: &Scope, account: &Account) -> Needed {
    let needed = RefCell::new(Needed::default());
    let revisions = Revisions::of(found);
    let visit = |from: &Identity, kind: Kind, document: &Value| {
        let refer = |member: &str, text: &str| {
            if let Some(profile) = names::profile(member, text) {
                needed.borrow_mut().profiles.insert(profile.to_owned());
            }
            if let Some(to) = target(member, text, account, &found.profiles).filter(|to| scope.follows(from, to)) {
                needed.borrow_mut().resources.insert(to);
            }
            None
        };
        spec::of(kind, document, &refer);
    };
    for (identity, live) in found.present() {
        visit(identity, identity.kind(), &live.document);
        if let Some(revision) = revisions.of_service(identity, found) {
            visit(identity, Kind::TaskDefinition, &revision.document);
        }
    }
    let mut needed = needed.into_inner();
    let families = found.families.iter().filter(|family| !revisions.declares(family));
    needed.resources.extend(families.map(|family| Identity::TaskDefinition { family: family.clone() }));
    needed.resources.retain(|identity| !found.seen.contains_key(identity));
    needed.profiles.retain(|profile| !found.profiles.contains_key(profile));
    needed
}

impl Found {
    /// What gets a manifest.
    fn present(&self) -> impl Iterator<Item = (&Identity, &Live)> {
        self.seen.iter().filter_map(|(identity, seen)| match seen {
            Seen::Present(live) if !is_of_aws(live) && obstacle(identity, live).is_none() => Some((identity, live)),
            _ => None,
        })
    }
}

/// Why something that is there gets no manifest.
fn obstacle(identity: &Identity, live: &Live) -> Option<String> {
    match leaving(live) {
        Some(status) => Some(format!("is being deleted ({status})")),
        None => spec::unwritable(identity.kind(), &live.document, &live.tags),
    }
}

/// Roles that AWS and its services keep for themselves.
fn is_of_aws(live: &Live) -> bool {
    let path = live.document.get("path").and_then(Value::as_str).unwrap_or_default();
    path_of_aws(path).is_some()
}

/// What says that a resource is being deleted (ECS service model: the statuses of services, clusters
/// and capacity providers).
fn leaving(live: &Live) -> Option<&str> {
    let text = |member: &str| live.document.get(member).and_then(Value::as_str).unwrap_or_default();
    let status = ["DRAINING", "DEPROVISIONING"].into_iter().find(|status| text("status") == *status);
    status.or_else(|| (text("updateStatus") == "DELETE_IN_PROGRESS").then_some("DELETE_IN_PROGRESS"))
}

/// The manifests of everything that was read.
#[must_use]
pub fn export(found: &Found, scope: &Scope, account: &Account) -> Export {
    let mut export = Export { documents: Vec::new(), left_out: found.failures.clone() };
    let missed = found.seen.iter().filter_map(|(identity, seen)| {
        Some(LeftOut { what: identity.to_string(), why: why_not(identity, seen, scope)? })
    });
    export.left_out.extend(missed);
    let unscaled = found.scaling.iter().filter_map(|(service, scaling)| match scaling {
        Scaling::Unknown(failure) => Some(LeftOut::unread(format!("the scalable target of {service}"), failure)),
        _ => None,
    });
    export.left_out.extend(unscaled);
    let mut chosen: BTreeMap<Identity, &Live> =
        found.present().map(|(identity, live)| (identity.clone(), live)).collect();
    let revisions = Revisions::of(found);
    export.left_out.extend(revisions.left_out.clone());
    for (family, arn) in &revisions.shared {
        chosen.extend(found.revisions.get(arn).map(|live| (Identity::TaskDefinition { family: family.clone() }, live)));
    }
    let names = Names::give(chosen.keys(), |service| matches!(revisions.runs(service), Some(Runs::Inline(_))));
    let scene = Scene { found, account, names: &names, chosen: &chosen, revisions: &revisions };
    export.documents = scene.in_order().into_iter().filter_map(|identity| scene.document(identity)).collect();
    export.left_out.sort();
    export.left_out.dedup();
    export
}

/// Why something that was asked for gets no manifest; `None` also for what nobody would miss.
fn why_not(identity: &Identity, seen: &Seen, scope: &Scope) -> Option<String> {
    match seen {
        Seen::Unknown(failure) => Some(format!("could not be read: {failure}")),
        Seen::Absent => scope.names(identity).then(|| "does not exist".to_owned()),
        Seen::Present(live) if is_of_aws(live) => None,
        Seen::Present(live) => obstacle(identity, live),
    }
}

/// What the documents are made from.
struct Scene<'a> {
    found: &'a Found,
    account: &'a Account,
    names: &'a Names,
    chosen: &'a BTreeMap<Identity, &'a Live>,
    revisions: &'a Revisions,
}

impl Scene<'_> {
    /// The account and what is shared first, then every cluster with its services, then the rest.
    fn in_order(&self) -> Vec<&Identity> {
        let cluster = |identity: &Identity| match identity {
            Identity::Cluster { name } | Identity::Service { cluster: name, .. } => Some(name.clone()),
            _ => None,
        };
        let place = |identity: &Identity| match identity {
            Identity::AccountSettings => 0,
            Identity::Policy { .. } => 1,
            Identity::Role { .. } => 2,
            Identity::CapacityProvider { .. } => 3,
            Identity::TaskDefinition { family } if self.revisions.shared.contains_key(family) => 4,
            Identity::Cluster { .. } | Identity::Service { .. } => 5,
            Identity::TaskDefinition { .. } => 6,
        };
        let mut order: Vec<&Identity> = self.chosen.keys().collect();
        order.sort_by_key(|identity| {
            (place(identity), cluster(identity), identity.kind(), self.names.of(identity).unwrap_or_default())
        });
        order
    }

    fn document(&self, identity: &Identity) -> Option<Document> {
        let live = self.chosen.get(identity)?;
        let kind = identity.kind();
        let name = self.names.of(identity)?;
        let mut remarks = spec::remarks(kind, &live.document);
        let mut spec = self.spec(identity, kind, name, live, &mut remarks);
        if kind == Kind::AccountSettings && spec.is_empty() {
            return None;
        }
        if kind == Kind::Service {
            if !spec::counts_tasks(&live.document, self.found.scaling.get(identity)) {
                spec.shift_remove("desiredCount");
            }
            self.task_definition(identity, name, &mut spec, &mut remarks);
        }
        let key = Key::new(kind, name);
        let mut metadata = json!({ "name": name });
        if let Some(policy) = live.tags.get(DELETION_TAG).filter(|text| DeletionPolicy::parse(text).is_some()) {
            metadata["annotations"] = json!({ DELETION_POLICY: policy });
        }
        let manifest = json!({
            "apiVersion": API_VERSION,
            "kind": kind.to_string(),
            "metadata": metadata,
            "spec": spec,
        });
        Some(Document { file: self.names.file(identity)?, key, remarks, manifest })
    }

    /// A spec with its references and tags, without the name that the manifest has already.
    fn spec(
        &self,
        from: &Identity,
        kind: Kind,
        name: &str,
        live: &Live,
        remarks: &mut Vec<String>,
    ) -> Map<String, Value> {
        let missing = RefCell::new(BTreeSet::new());
        let refer = |member: &str, text: &str| {
            let to = target(member, text, self.account, &self.found.profiles)?;
            if let (Identity::Role { name }, Some(Seen::Absent)) = (&to, self.found.seen.get(&to)) {
                missing.borrow_mut().insert(format!("The role {name} does not exist."));
            }
            self.reference(from, &to, member, text)
        };
        let mut spec = spec::of(kind, &live.document, &refer);
        let field = kind.row().name_field.unwrap_or_default();
        if spec.get(field).is_some_and(|own| own == name) {
            spec.shift_remove(field);
        }
        let tags = spec::tags(&live.tags);
        if !tags.is_empty() {
            spec.insert("tags".to_owned(), json!(tags));
        }
        remarks.extend(missing.into_inner());
        spec
    }

    /// The reference that stands for a name or ARN, if it would be written out as exactly that.
    fn reference(&self, from: &Identity, to: &Identity, member: &str, text: &str) -> Option<Value> {
        let name = self.names.of(to)?;
        let live = self.chosen.get(to)?;
        let same = match (from, to) {
            // A provider of managed instances is made after its cluster: the two would refer to each other.
            (Identity::Cluster { .. }, Identity::CapacityProvider { .. }) => live.document.get("cluster").is_none(),
            (_, Identity::Role { .. }) if names::profile(member, text).is_some() => {
                spec::profile_arn(&live.document, self.account).is_some_and(|arn| arn == text)
            }
            (_, Identity::Role { name }) => live.arn == text || name == text,
            _ => true,
        };
        same.then(|| json!({ "ref": name }))
    }

    /// What a service runs: the definition itself, a manifest of its own, or a revision by name.
    fn task_definition(
        &self,
        service: &Identity,
        name: &str,
        spec: &mut Map<String, Value>,
        remarks: &mut Vec<String>,
    ) {
        let definition = match self.revisions.runs(service) {
            None => return,
            Some(Runs::Inline(arn)) => match self.found.revisions.get(arn) {
                Some(live) => self.spec(service, Kind::TaskDefinition, name, live, remarks).into(),
                None => return,
            },
            Some(Runs::Shared(family)) => {
                let family = Identity::TaskDefinition { family: family.clone() };
                json!({ "ref": self.names.of(&family).unwrap_or_default() })
            }
            Some(Runs::Pinned(revision, why)) => {
                remarks.push(why.clone());
                json!(revision)
            }
        };
        spec.insert("taskDefinition".to_owned(), definition);
    }
}
