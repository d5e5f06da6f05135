//! What is ours in AWS and declared nowhere any more: what becomes of it, and why not yet. A pure
//! function; whoever carries it out makes one deletion at a time, and looks again before the next.
//!
//! # Guarantees
//! - Nothing is deleted that does not carry our owner tag, at this very look, nor what this process
//!   runs on, nor what something declared still names.
//! - Nothing at all is deleted while the directory is empty or has problems, while something declared
//!   is not as declared yet, or beyond the budget of a kind, unless a person has named the very
//!   resources ([`Orphan::pin`]).
//! - What goes first is what needs the others: services, and only when the last of them is gone
//!   capacity providers, clusters, roles and policies. Each deletion is a sequence that begins with
//!   whatever is left of it, so that it may be broken off anywhere.
//!
//! # Caveats
//! - Clusters and capacity providers have no creation time in ECS's answers: their ARN alone is their
//!   pin, and one that is deleted and made again under its name within one delay counts as the same.
//! - Whether a role is used by a service that is not ours cannot be seen: roles are retained unless
//!   their manifest said otherwise.

mod deletion;
pub mod looks;

pub use deletion::{LEFT_PROFILES, OWN_PROFILES};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::guard::Hindrance;
use crate::mode::Mode;
use crate::model::{DeletionPolicy, KINDS, Key, Kind};
use crate::plan::{Item, Reason, Rules, Verb};
use crate::resource::{Identity, Resource};
use crate::world::{DELETION_TAG, Live, Phase};

/// How long something must have been declared nowhere before it is deleted: a manifest that moves
/// between two checkouts, or a commit that is taken back, deletes nothing.
pub const DELAY: Duration = Duration::from_secs(300);
/// As many deletions of a kind are always allowed …
const ALWAYS: usize = 2;
/// … and as many percent of what is ours of that kind.
const PERCENT: usize = 30;

/// Something that carries our owner tag, and that no manifest declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Orphan {
    /// What it is called in AWS.
    pub identity: Identity,
    /// As AWS describes it.
    pub live: Live,
    /// What tells it from another of the same name: when it was created, or the id that IAM gave it;
    /// `""` where AWS does not say.
    pub created: String,
}

impl Orphan {
    /// The name under which it is shown. A service's has its cluster in it, as no manifest's can.
    #[must_use]
    pub fn key(&self) -> Key {
        let name = match &self.identity {
            Identity::Service { cluster, name } => format!("{cluster}/{name}"),
            Identity::Policy { arn } => tail(arn).to_owned(),
            Identity::Role { name } | Identity::Cluster { name } | Identity::CapacityProvider { name } => name.clone(),
            Identity::TaskDefinition { family } => family.clone(),
            Identity::AccountSettings => String::new(),
        };
        Key::new(self.identity.kind(), name)
    }

    /// This very resource, and no other that is called like it: a line of a release.
    #[must_use]
    pub fn pin(&self) -> String {
        format!("{} {}", self.live.arn, self.created).trim_end().to_owned()
    }

    /// What its last manifest said, or else what its kind says. A word that nobody knows keeps it.
    #[must_use]
    pub fn deletion(&self) -> DeletionPolicy {
        let of_kind = self.identity.kind().row().deletion;
        match self.live.tags.get(DELETION_TAG) {
            Some(text) => DeletionPolicy::parse(text).filter(|_| of_kind.is_some()).unwrap_or(DeletionPolicy::Retain),
            None => of_kind.unwrap_or(DeletionPolicy::Retain),
        }
    }
}

/// One look at everything that is ours and declared nowhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estate {
    /// All of it.
    pub orphans: Vec<Orphan>,
    /// Clusters, ours or not, in which a service is on its way out. ECS lists such services no more.
    pub draining: BTreeSet<String>,
    /// The capacity providers of every cluster, ours or not.
    pub providers: BTreeMap<String, BTreeSet<String>>,
}

/// Why nothing at all is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The directory declares nothing.
    Empty,
    /// Some of what the directory says is not in force.
    Problems(usize),
    /// The directory cannot be read.
    Unreadable,
    /// Something that is declared is not as declared yet.
    Unsettled(Key),
    /// Some directory is not in the mode `apply`, and what was declared in it cannot be told apart.
    Mode(Mode),
    /// A guardrail does not let anything be deleted, for this reason.
    Guardrail(String),
    /// The windows of a guardrail are closed now.
    Window(String),
    /// More than the budget of a kind would go.
    Budget {
        /// The kind.
        kind: Kind,
        /// How many would be deleted, without those that a person has named.
        deletions: usize,
        /// How many are ours, declared or not.
        owned: usize,
        /// How many may go at once.
        budget: usize,
    },
}

/// Every word of [`Obstacle::label`], for metrics that must say 0.
pub const OBSTACLES: &[&str] =
    &["Empty", "Problems", "Unreadable", "Unsettled", "Mode", "Guardrail", "Window", "Budget"];

impl From<Hindrance> for Obstacle {
    fn from(hindrance: Hindrance) -> Self {
        match hindrance {
            Hindrance::Never(why) => Self::Guardrail(why),
            Hindrance::Until(why) => Self::Window(why),
        }
    }
}

impl Obstacle {
    /// The reason as one word, for metrics and scripts.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Problems(_) => "Problems",
            Self::Unreadable => "Unreadable",
            Self::Unsettled(_) => "Unsettled",
            Self::Mode(_) => "Mode",
            Self::Guardrail(_) => "Guardrail",
            Self::Window(_) => "Window",
            Self::Budget { .. } => "Budget",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the directory declares nothing, which is taken for a mistake"),
            Self::Problems(1) => f.write_str("the manifests have a problem"),
            Self::Problems(count) => write!(f, "the manifests have {count} problems"),
            Self::Unreadable => f.write_str("the directory cannot be read"),
            Self::Unsettled(key) => write!(f, "{key} is not as declared yet, and deletions come last"),
            Self::Guardrail(why) | Self::Window(why) => f.write_str(why),
            Self::Mode(mode) => write!(f, "a directory is in mode {mode}, and this may have been declared in it"),
            Self::Budget { kind, deletions, owned, budget } => write!(
                f,
                "{deletions} of {owned} resources of kind {kind} would be deleted, and more than {budget} at once are \
                 taken for a mistake"
            ),
        }
    }
}

/// What pruning is told beside what it sees.
#[derive(Debug)]
pub struct Situation<'a> {
    /// Everything that is declared.
    pub declared: &'a BTreeMap<Key, Resource>,
    /// The owner, and what this process runs as.
    pub rules: &'a Rules,
    /// What is in the way of every deletion, as far as whoever asks knows.
    pub obstacle: Option<Obstacle>,
    /// For how long each has been declared nowhere, by pin; what is not here has just been found.
    pub ages: &'a BTreeMap<String, Duration>,
    /// The pins that a person has released from the budget.
    pub released: &'a BTreeSet<String>,
}

/// What becomes of everything that is ours and declared nowhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pruning {
    /// An item for each, in the order in which they go.
    pub items: Vec<Item>,
    /// Why nothing at all is deleted.
    pub obstacle: Option<Obstacle>,
    /// What a person has to release so that the budget is kept, by pin.
    pub to_release: BTreeMap<String, Key>,
}

/// Plans the deletions.
#[must_use]
pub fn prune(estate: &Estate, situation: &Situation<'_>) -> Pruning {
    let mut orphans: Vec<&Orphan> = estate.orphans.iter().collect();
    orphans.sort_by_key(|orphan| (std::cmp::Reverse(orphan.identity.kind()), orphan.key()));
    let going = |orphan: &&&Orphan| orphan.deletion() == DeletionPolicy::Delete;
    let beyond = beyond_budget(&orphans, situation);
    let obstacle = situation.obstacle.clone().or_else(|| other_mode(situation.rules)).or(beyond);
    // Nothing to be deleted: nothing is in its way.
    let obstacle = obstacle.filter(|_| orphans.iter().any(|orphan| going(&orphan)));
    let mut to_release = BTreeMap::new();
    if let Some(Obstacle::Budget { kind, .. }) = &obstacle {
        let named = orphans.iter().filter(going).filter(|orphan| orphan.identity.kind() == *kind);
        to_release.extend(named.map(|orphan| (orphan.pin(), orphan.key())));
    }
    let view = View { estate, situation, obstacle: obstacle.as_ref() };
    let items = orphans.iter().map(|orphan| view.item(orphan)).collect();
    Pruning { items, obstacle, to_release }
}

fn other_mode(rules: &Rules) -> Option<Obstacle> {
    let modes = rules.modes.directories.values().chain([&rules.modes.default]);
    modes.filter(|mode| **mode != Mode::Apply).min().map(|mode| Obstacle::Mode(*mode))
}

/// The first kind of which more would go than may.
fn beyond_budget(orphans: &[&Orphan], situation: &Situation<'_>) -> Option<Obstacle> {
    KINDS.iter().find_map(|row| {
        let of_kind = || orphans.iter().filter(|orphan| orphan.identity.kind() == row.kind);
        let declared = situation.declared.keys().filter(|key| key.kind == row.kind).count();
        let owned = of_kind().count() + declared;
        let going = of_kind().filter(|orphan| orphan.deletion() == DeletionPolicy::Delete);
        let deletions = going.filter(|orphan| !situation.released.contains(&orphan.pin())).count();
        let budget = ALWAYS.max(owned * PERCENT / 100);
        (deletions > budget).then_some(Obstacle::Budget { kind: row.kind, deletions, owned, budget })
    })
}

/// What the fate of one orphan depends on.
struct View<'a> {
    estate: &'a Estate,
    situation: &'a Situation<'a>,
    obstacle: Option<&'a Obstacle>,
}

impl View<'_> {
    fn item(&self, orphan: &Orphan) -> Item {
        let (verb, held) = match orphan.deletion() {
            DeletionPolicy::Retain => (Verb::Retain, Some(Reason::Retained)),
            DeletionPolicy::Delete => (Verb::Delete, self.held(orphan)),
        };
        // The steps are those that there would be; what is held makes none.
        let steps = if held.is_none() { deletion::steps(orphan) } else { Vec::new() };
        Item {
            key: orphan.key(),
            identity: orphan.identity.clone(),
            verb,
            changes: Vec::new(),
            left: Vec::new(),
            notes: Vec::new(),
            steps,
            held,
            phase: orphan.live.phase.clone(),
            needs: BTreeSet::new(),
        }
    }

    /// Why it is not deleted now: what a person must decide before what time brings.
    fn held(&self, orphan: &Orphan) -> Option<Reason> {
        let key = orphan.key();
        if let Some(what) = self.is_itself(&orphan.identity) {
            return Some(Reason::Itself(what));
        }
        if let Some(obstacle) = self.obstacle {
            return Some(Reason::NotPruned(obstacle.to_string()));
        }
        if let Some(by) = self.named_by(orphan) {
            return Some(Reason::InUse(format!("{by} names it")));
        }
        let age = self.situation.ages.get(&orphan.pin()).copied().unwrap_or_default();
        if let Some(left) = DELAY.checked_sub(age).filter(|left| !left.is_zero()) {
            return Some(Reason::Young(left));
        }
        if key.kind != Kind::Service
            && let Some(reason) = self.services_first(orphan)
        {
            return Some(reason);
        }
        if let Phase::Busy(why) = &orphan.live.phase {
            return Some(Reason::Busy(why.clone()));
        }
        deletion::in_use(orphan, self.estate)
    }

    fn is_itself(&self, identity: &Identity) -> Option<&'static str> {
        let itself = &self.situation.rules.itself;
        let is = |own: &Option<Identity>| own.as_ref() == Some(identity);
        match identity {
            Identity::Role { name } if itself.roles.contains(name) => Some("it runs with this role"),
            Identity::Service { .. } if is(&itself.service) => Some("it runs as this service"),
            Identity::Cluster { .. } if is(&itself.cluster) => Some("it runs in this cluster"),
            _ => None,
        }
    }

    /// Something declared that spells out its ARN, or its name where only such a name can stand.
    fn named_by(&self, orphan: &Orphan) -> Option<&Key> {
        let names = |resource: &&Resource| deletion::names(resource, &orphan.identity, &orphan.live.arn);
        self.situation.declared.values().find(names).map(|resource| &resource.key)
    }

    /// A service may run with any role, in any cluster of its own: as long as one is there, these stay.
    fn services_first(&self, orphan: &Orphan) -> Option<Reason> {
        let concerns = |service: &&Orphan| match (&service.identity, &orphan.identity) {
            (Identity::Service { cluster, .. }, Identity::Cluster { name }) => cluster == name,
            (Identity::Service { .. }, _) => true,
            _ => false,
        };
        if let Some(service) = self.estate.orphans.iter().find(concerns) {
            return Some(match service.deletion() {
                DeletionPolicy::Delete => Reason::WaitsFor(service.key()),
                DeletionPolicy::Retain => Reason::InUse(format!("{} is retained, and may use it", service.key())),
            });
        }
        let draining = |cluster: &&String| match &orphan.identity {
            Identity::Cluster { name } => *cluster == name,
            _ => true,
        };
        let cluster = self.estate.draining.iter().find(draining)?;
        Some(Reason::Busy(format!("a service in the cluster {cluster} is on its way out, and may use it")))
    }
}

fn tail(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests;
