//! Differences that are seen and left as they are. What is declared gives way to what is live, so
//! that the rest is planned, and sent, as if the manifest had said so.

use std::collections::BTreeMap;
use std::fmt;

use super::{Item, Plan, Reason, Scene, Verb, Written};
use crate::action::Action;
use crate::edit;
use crate::fields::{self, Controller};
use crate::model::{Change, Effect, Key, Kind};
use crate::redact::{Shown, shown};
use crate::resource::{Resource, TaskDefinition};
use crate::value::{Path, Segment};
use crate::world::{Failure, Live, OWNER_TAG, Scaling, Seen, World, owner_tag, restarted_at};

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
    /// Another deployment controller than ECS rolls the service out, so UpdateService refuses it.
    Controller(&'static Controller),
    /// It was written, and does not show.
    NonConverging,
    /// Whose the field is could not be found out.
    CannotSee(Failure),
}

/// Every word of [`Why::label`], for metrics that must say 0.
pub const WHYS: &[&str] = &["Ignored", "Autoscaled", "Controller", "NonConverging", "CannotSee"];

impl Why {
    /// The reason as one word, for conditions and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Ignored => "Ignored",
            Self::Autoscaled { .. } => "Autoscaled",
            Self::Controller(_) => "Controller",
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
        let unwritten = self.why != Why::NonConverging;
        match shown(&self.change) {
            Shown::Values(live, declared) if unwritten => write!(f, "{path} is {live}, declared {declared}; ")?,
            Shown::Values(live, declared) => write!(f, "{path} was written as {declared}, and AWS shows {live}; ")?,
            Shown::Hidden(_) if unwritten => write!(f, "{path} is not as declared (values are hidden); ")?,
            Shown::Hidden(_) => write!(f, "{path} was written, and AWS does not show it so (values are hidden); ")?,
        }
        match &self.why {
            Why::Ignored => f.write_str("ignored (evenkeel/ignore-fields)"),
            Why::NonConverging => f.write_str("it is not written again until the manifest changes"),
            Why::Autoscaled { min, max } => write!(
                f,
                "Application Auto Scaling keeps it between {min} and {max}, so it is left alone: leave it out of the \
                 manifest"
            ),
            Why::Controller(Controller { name, deployment, .. }) if self.is_deployed() => {
                write!(f, "{name} rolls this service out, so that takes {deployment}, and is not sent")
            }
            Why::Controller(Controller { name, deployment, .. }) => write!(
                f,
                "{name} rolls this service out, so ECS does not change that, nor does {deployment}: undo the change, \
                 or make the service anew"
            ),
            Why::CannotSee(failure) => {
                write!(f, "whether Application Auto Scaling owns it could not be found out: {failure}")
            }
        }
    }
}

impl Left {
    /// Whether the deployment controller of the service has a way of its own to bring it about. Every
    /// deployment replaces the tasks, as a restart does.
    fn is_deployed(&self) -> bool {
        let deploys = |controller: &Controller| {
            self.change.path == restarted_at()
                || member(&self.change).is_some_and(|name| controller.deploys.contains(&name))
        };
        matches!(self.why, Why::Controller(controller) if deploys(controller))
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
        let mut left: Vec<Left> = item
            .changes
            .iter()
            .filter(|change| ignores(resource, change) || !undone(change))
            .filter_map(|change| Some(Left { why: why(resource, change, world, written)?, change: change.clone() }))
            .collect();
        let registers = item.steps.iter().any(|step| matches!(step, Action::RegisterTaskDefinition(_)));
        if registers && left.len() < item.changes.len() {
            // A revision is registered as a whole: with one field more it is another than the one that
            // does not show, and with a field of an older one it is what nobody declared.
            left.retain(|left| left.why != Why::NonConverging);
        }
        if !left.is_empty() {
            all.insert(item.key.clone(), left);
        }
    }
    all
}

/// Adds to what is left what was written and does not show, of a plan in which the rest has given way.
/// Whether there is any.
pub(super) fn add_hidden(left: &mut BTreeMap<Key, Vec<Left>>, hidden: BTreeMap<Key, Vec<Left>>) -> bool {
    let mut any = false;
    for (key, hidden) in hidden {
        let left = left.entry(key).or_default();
        for one in hidden.into_iter().filter(|one| one.why == Why::NonConverging) {
            if left.iter().all(|other| other.change.path != one.change.path) {
                left.push(one);
                any = true;
            }
        }
    }
    left.retain(|_, left| !left.is_empty());
    any
}

fn why(resource: &Resource, change: &Change, world: &World, written: &Written) -> Option<Why> {
    let repeats = |before: &Change| before.path == change.path && before.to == change.to;
    if ignores(resource, change) {
        return Some(Why::Ignored);
    }
    if let Some(why) = autoscaled(resource, change, world) {
        return Some(why);
    }
    if let Some(controller) = refused(resource, change, world) {
        return Some(Why::Controller(controller));
    }
    written.get(&resource.key).is_some_and(|changes| changes.iter().any(repeats)).then_some(Why::NonConverging)
}

/// Whether the manifest wants a difference to be left. Whose a resource is cannot be left open.
fn ignores(resource: &Resource, change: &Change) -> bool {
    change.path != owner_tag() && resource.ignores(&change.path)
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

/// The deployment controller for the sake of which UpdateService would refuse a change. What it is in
/// AWS counts, and it may itself be changed. What ECS can change on no service is no matter of this.
fn refused(resource: &Resource, change: &Change, world: &World) -> Option<&'static Controller> {
    let Some(Seen::Present(live)) = world.seen.get(&resource.key).filter(|_| resource.key.kind == Kind::Service) else {
        return None;
    };
    let (controller, member) = (fields::controller(&live.document)?, member(change)?);
    let takes = member == "tags" || member == "deploymentController" || controller.updates.contains(&member);
    let replaces = change.effect == Effect::Replaces && !controller.deploys.contains(&member);
    (!takes && !replaces).then_some(controller)
}

/// The top-level member that a change is in.
fn member(change: &Change) -> Option<&str> {
    match change.path.0.first()? {
        Segment::Key(member) => Some(member),
        _ => None,
    }
}

impl Scene<'_> {
    /// The resources as they would be declared if what is left was what was wanted.
    pub(super) fn give_way(&self, left: &BTreeMap<Key, Vec<Left>>) -> BTreeMap<Key, Resource> {
        let mut resources = self.resources.clone();
        for (key, resource) in &mut resources {
            let left = left.get(key).map_or(&[][..], Vec::as_slice);
            if left.is_empty() && resource.ignored.is_empty() {
                continue;
            }
            if let Some(live) = self.live(&self.resources[key]) {
                // The paths of changes name target groups as they are live.
                resource.spec = fields::turned(key.kind, &resource.spec, &live.document);
                ignore(resource, live);
            }
            for left in left {
                leave(resource, left);
            }
        }
        resources
    }

    /// What a resource is compared with.
    fn live<'a>(&'a self, resource: &'a Resource) -> Option<&'a Live> {
        match self.world.seen.get(&resource.key)? {
            Seen::Present(live) if resource.key.kind == Kind::TaskDefinition => Some(self.compared(resource, live)),
            Seen::Present(live) => Some(live),
            Seen::Absent | Seen::Unknown(_) => None,
        }
    }
}

/// Puts what is live in the place of what the manifest ignores, be it declared or not: calls that
/// carry a whole would take it away otherwise.
fn ignore(resource: &mut Resource, live: &Live) {
    let ignored = |tag: &String| resource.ignored.iter().any(|pattern| pattern.covers(&tag_path(tag)));
    let mut tags = resource.tags.clone();
    tags.retain(|tag, _| !ignored(tag));
    let theirs = live.tags.iter().filter(|(tag, _)| !tag.starts_with("aws:") && !tag.starts_with("evenkeel:"));
    tags.extend(theirs.filter(|(tag, _)| ignored(tag)).map(|(tag, value)| (tag.clone(), value.clone())));
    resource.tags = tags;
    if !live.document.is_null() {
        resource.spec = edit::keep(resource.key.kind, &resource.spec, &live.document, &resource.ignored);
    }
}

fn leave(resource: &mut Resource, Left { change, why }: &Left) {
    let kind = resource.key.kind;
    if !why.is_wanted() {
        // It is the digest of something that is not there.
        (resource.digest, resource.whole_digest) = (None, None);
    }
    match change.path.0.as_slice() {
        [Segment::Key(member), Segment::Key(tag)] if member == "tags" && *why != Why::Ignored => {
            resource.tags.remove(tag);
        }
        [Segment::Key(member)] if kind == Kind::Service && member == "taskDefinition" => {
            if let (Why::Controller(_), Some(TaskDefinition::Managed { key, .. })) = (why, &resource.task_definition) {
                // Who deploys the service may want the revision; the service itself waits for none.
                resource.needs.remove(key);
            }
            resource.task_definition = None;
        }
        _ if change.path == restarted_at() => resource.restarted_at = None,
        // Versions of a policy are no part of what is declared.
        [Segment::Key(member), ..] if kind == Kind::Policy && member == "versions" => {}
        _ if *why == Why::Ignored => {}
        _ => edit::put(kind, &mut resource.spec, &change.path, change.from.as_ref()),
    }
}

fn tag_path(tag: &str) -> Path {
    Path::default().key("tags").key(tag)
}

/// Says in the plan what was left, and why.
pub(super) fn note(plan: &mut Plan, mut left: BTreeMap<Key, Vec<Left>>) {
    for item in &mut plan.items {
        item.left = left.remove(&item.key).unwrap_or_default();
        if item.verb == Verb::Keep && item.left.iter().any(|left| !left.why.is_wanted()) {
            item.verb = Verb::Update;
        }
        if item.left.iter().any(|left| left.change.path == owner_tag()) {
            leave_owner_tag(item);
        }
    }
}

/// The owner tag is of no manifest, so nothing that is declared can give way to its being missing.
fn leave_owner_tag(item: &mut Item) {
    item.changes.retain(|change| change.path != owner_tag());
    item.steps.retain_mut(|step| match step {
        Action::TagPolicy { tags, .. } | Action::TagRole { tags, .. } | Action::TagResource { tags, .. } => {
            tags.remove(OWNER_TAG);
            !tags.is_empty()
        }
        _ => true,
    });
}
