//! Differences that are seen and left as they are. What is declared gives way to what is live, so
//! that the rest is planned, and sent, as if the manifest had said so.

use std::collections::BTreeMap;
use std::fmt;

use super::{Plan, Reason, Verb, Written};
use crate::edit;
use crate::fields;
use crate::model::{Change, Effect, Key, Kind};
use crate::redact::{Shown, shown};
use crate::resource::Resource;
use crate::value::{Path, Segment};
use crate::world::{Failure, Scaling, Seen, World};

/// A difference that is left as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// What it would take to do away with it.
    pub change: Change,
    /// Why it is left.
    pub why: Why,
}

/// Why a difference is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The manifest says so.
    Ignored,
    /// The number of tasks belongs to Application Auto Scaling.
    Autoscaled {
        /// Fewest tasks.
        min: i32,
        /// Most tasks.
        max: i32,
    },
    /// It was written, and does not show.
    NonConverging,
    /// Whose the field is could not be found out.
    CannotSee(Failure),
}

/// Every word of [`Why::label`], for metrics that must say 0.
pub const WHYS: &[&str] = &["Ignored", "Autoscaled", "NonConverging", "CannotSee"];

impl Why {
    /// The reason as one word, for conditions and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Ignored => "Ignored",
            Self::Autoscaled { .. } => "Autoscaled",
            Self::NonConverging => "NonConverging",
            Self::CannotSee(_) => "CannotSee",
        }
    }

    /// Whether somebody decided it: then the resource is as it should be all the same.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        matches!(self, Self::Ignored | Self::Autoscaled { .. })
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.change.path;
        let (live, declared) = match shown(&self.change) {
            Shown::Values(live, declared) => (live, declared),
            Shown::Hidden(_) => ("another value".to_owned(), "(hidden)".to_owned()),
        };
        if self.why == Why::NonConverging {
            return write!(
                f,
                "{path} was written as {declared}, and AWS shows {live}; it is not written again until the manifest \
                 changes"
            );
        }
        write!(f, "{path} is {live}, declared {declared}; ")?;
        match &self.why {
            Why::Ignored | Why::NonConverging => f.write_str("ignored (evenkeel/ignore-fields)"),
            Why::Autoscaled { min, max } => write!(
                f,
                "Application Auto Scaling keeps it between {min} and {max}, so it is left alone: leave it out of the \
                 manifest"
            ),
            Why::CannotSee(failure) => {
                write!(f, "whether Application Auto Scaling owns it could not be found out: {failure}")
            }
        }
    }
}

/// The differences of a plan that are to be left as they are.
pub(super) fn left(
    plan: &Plan,
    resources: &BTreeMap<Key, Resource>,
    world: &World,
    written: &Written,
) -> BTreeMap<Key, Vec<Left>> {
    let mut all = BTreeMap::new();
    for item in plan.items.iter().filter(|item| matches!(item.verb, Verb::Update | Verb::Adopt)) {
        let resource = &resources[&item.key];
        // That a rollout does not show because ECS undid it is better to know than that it does not show.
        let undone = |change: &Change| {
            change.effect == Effect::RollsAllTasks && matches!(item.held, Some(Reason::RolledBack(_)))
        };
        let left: Vec<Left> = item
            .changes
            .iter()
            .filter(|change| resource.ignores(&change.path) || !undone(change))
            .filter_map(|change| Some(Left { why: why(resource, change, world, written)?, change: change.clone() }))
            .collect();
        if !left.is_empty() {
            all.insert(item.key.clone(), left);
        }
    }
    all
}

fn why(resource: &Resource, change: &Change, world: &World, written: &Written) -> Option<Why> {
    let repeats = |before: &Change| before.path == change.path && before.to == change.to;
    if resource.ignores(&change.path) {
        return Some(Why::Ignored);
    }
    if let Some(why) = autoscaled(resource, change, world) {
        return Some(why);
    }
    written.get(&resource.key).is_some_and(|changes| changes.iter().any(repeats)).then_some(Why::NonConverging)
}

/// Whether the number of tasks is somebody else's.
fn autoscaled(resource: &Resource, change: &Change, world: &World) -> Option<Why> {
    if resource.key.kind != Kind::Service || change.path != Path::default().key("desiredCount") {
        return None;
    }
    match world.scaling.get(&resource.key)? {
        Scaling::Free => None,
        Scaling::Target { min, max } => Some(Why::Autoscaled { min: *min, max: *max }),
        Scaling::Unknown(failure) => Some(Why::CannotSee(failure.clone())),
    }
}

/// The resources as they would be declared if what is left was what was wanted.
pub(super) fn give_way(
    resources: &BTreeMap<Key, Resource>,
    left: &BTreeMap<Key, Vec<Left>>,
    world: &World,
) -> BTreeMap<Key, Resource> {
    let mut resources = resources.clone();
    for (key, left) in left {
        let Some(resource) = resources.get_mut(key) else { continue };
        if let Some(Seen::Present(live)) = world.seen.get(key) {
            // The paths of changes name target groups as they are live.
            resource.spec = fields::turned(key.kind, &resource.spec, &live.document);
        }
        for Left { change, why } in left {
            if !why.is_wanted() {
                // It is the digest of something that is not there.
                resource.digest = None;
            }
            match change.path.0.as_slice() {
                [Segment::Key(member), Segment::Key(tag)] if member == "tags" => drop(resource.tags.remove(tag)),
                [Segment::Key(member)] if key.kind == Kind::Service && member == "taskDefinition" => {
                    resource.task_definition = None;
                }
                _ => edit::put(key.kind, &mut resource.spec, &change.path, change.from.as_ref()),
            }
        }
    }
    resources
}

/// Says in the plan what was left, and why.
pub(super) fn note(plan: &mut Plan, mut left: BTreeMap<Key, Vec<Left>>) {
    for item in &mut plan.items {
        item.left = left.remove(&item.key).unwrap_or_default();
        if item.verb == Verb::Keep && item.left.iter().any(|left| !left.why.is_wanted()) {
            item.verb = Verb::Update;
        }
    }
}
