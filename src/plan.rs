//! From what is declared and what was seen to what is to be done: a pure function.
//!
//! # Guarantees
//! - The same input gives the same plan, in the same order.
//! - Nothing is planned for a resource that could not be seen, is not ours, or is busy.
//! - What needs an id that AWS has yet to choose (a new task-definition revision) waits for it; a
//!   plan has no holes.

mod account_settings;
mod capacity_provider;
mod cluster;
mod itself;
mod leave;
mod less;
mod policy;
mod reason;
mod restart;
mod role;
mod service;
mod tags;
pub mod task_definition;
mod widen;

use std::collections::{BTreeMap, BTreeSet};

use crate::action::Action;
use crate::mode::{Mode, Modes};
use crate::model::{Change, Effect, Key, Kind};
use crate::resolve;
use crate::resource::{Adoption, Identity, Resource, path_of_aws};
use crate::value::{Segment, Value};
use crate::world::{Failure, Live, Owner, Phase, Seen, World, owner_tag};

pub use itself::Itself;
pub use leave::{Left, WHYS, Why};
pub use reason::{Reason, WINDOW_CLOSED};
pub(crate) use role::has;

/// What the planner is told beside the manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// The value of the owner tag that makes a resource ours.
    pub owner: String,
    /// Whether what exists without an owner tag is taken over, unless its manifest says never.
    pub adopt: bool,
    /// What is done about differences, directory by directory.
    pub modes: Modes,
    /// What this process runs as.
    pub itself: Itself,
}

/// Changes that were written, resource by resource, and have not been seen as declared since.
pub type Written = BTreeMap<Key, Vec<Change>>;

/// What is to be done, resource by resource, in the order in which it is to be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// One item for every resource that is due.
    pub items: Vec<Item>,
}

/// What is to be done about one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The resource.
    pub key: Key,
    /// What it is called in AWS.
    pub identity: Identity,
    /// What becomes of it.
    pub verb: Verb,
    /// What of it is not as declared, and is to be.
    pub changes: Vec<Change>,
    /// What of it is not as declared, and is left as it is.
    pub left: Vec<Left>,
    /// What else there is to know, in sentences.
    pub notes: Vec<String>,
    /// The calls that can be made now, in order.
    pub steps: Vec<Action>,
    /// Why there are fewer steps than changes.
    pub held: Option<Reason>,
    /// Whether AWS is still busy with it.
    pub phase: Phase,
    /// What must be there before it, of the resources in this plan.
    pub needs: BTreeSet<Key>,
}

impl Item {
    /// Of a resource that could not be looked at: nothing is to be done.
    #[must_use]
    pub fn unseen(resource: &Resource, failure: Failure) -> Self {
        let (verb, phase, draft) = unseen(failure);
        Self {
            key: resource.key.clone(),
            identity: resource.identity.clone(),
            verb,
            changes: draft.changes,
            left: Vec::new(),
            notes: draft.notes,
            steps: draft.steps,
            held: draft.held,
            phase,
            needs: resource.needs.clone(),
        }
    }

    /// Whether it is to make calls.
    #[must_use]
    pub fn acts(&self) -> bool {
        !self.steps.is_empty() && !self.held.as_ref().is_some_and(Reason::shows_steps)
    }

    /// Whether its calls replace the tasks of a service, or were to and it does not show.
    #[must_use]
    pub fn rolls(&self) -> bool {
        let rolls = |change: &Change| change.effect == Effect::RollsAllTasks;
        let begins = self.steps.iter().any(|step| matches!(step, Action::UpdateService(_)));
        self.key.kind == Kind::Service
            && (begins && self.changes.iter().any(rolls)
                || self.left.iter().any(|left| left.why == Why::NonConverging && rolls(&left.change)))
    }
}

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// It is as declared.
    Keep,
    /// It is not there yet.
    Create,
    /// It is there, and not as declared.
    Update,
    /// It is there and carries no owner tag: taken over only when told to.
    Adopt,
    /// It cannot be told.
    Unknown,
    /// It is ours, no manifest declares it any more, and it is to be deleted.
    Delete,
    /// It is ours, no manifest declares it any more, and it stays.
    Retain,
}

impl Verb {
    /// The verb as scripts and guardrails know it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Update => "update",
            Self::Adopt => "adopt",
            Self::Unknown => "unknown",
            Self::Delete => "delete",
            Self::Retain => "retain",
        }
    }
}

impl Plan {
    /// Whether everything is as declared, be it ours or yet to be adopted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.iter().all(|item| match item.verb {
            Verb::Keep | Verb::Retain => true,
            Verb::Adopt => item.changes.is_empty() && item.steps.is_empty(),
            Verb::Create | Verb::Update | Verb::Unknown | Verb::Delete => false,
        })
    }
}

/// What a kind's own planner finds out about a resource.
#[derive(Debug, Default)]
struct Draft {
    changes: Vec<Change>,
    steps: Vec<Action>,
    held: Option<Reason>,
    notes: Vec<String>,
}

/// What the planners of the kinds look at.
struct Scene<'a> {
    /// As the manifests have them.
    declared: &'a BTreeMap<Key, Resource>,
    /// The same, or what is left of them where what is declared gives way.
    resources: &'a BTreeMap<Key, Resource>,
    world: &'a World,
    rules: &'a Rules,
}

/// Plans the due resources. What they need is looked for among them, and else in what was seen of
/// the world; a need that nobody looked at is taken to be there. Differences that are to be left
/// alone give way to what is live, and the rest is planned without them.
#[must_use]
pub fn plan(
    resources: &BTreeMap<Key, Resource>,
    world: &World,
    due: &BTreeSet<Key>,
    rules: &Rules,
    written: &Written,
) -> Plan {
    let scene = Scene { declared: resources, resources, world, rules };
    let first = scene.plan(due);
    let mut left = leave::left(&first, resources, world, written);
    if left.is_empty() && resources.values().all(|resource| resource.ignored.is_empty()) {
        return first;
    }
    let yielded = |left: &BTreeMap<Key, Vec<Left>>| {
        let yielding = scene.give_way(left);
        Scene { declared: resources, resources: &yielding, world, rules }.plan(due)
    };
    let mut plan = yielded(&left);
    // What gives way may bring to light what was written as well and does not show either: the tags of a
    // revision that was to be replaced.
    if leave::add_hidden(&mut left, leave::left(&plan, resources, world, written)) {
        plan = yielded(&left);
    }
    leave::note(&mut plan, left);
    plan
}

impl Scene<'_> {
    fn plan(&self, due: &BTreeSet<Key>) -> Plan {
        let mut plan = Plan::default();
        for key in resolve::order(self.resources).into_iter().filter(|key| due.contains(key)) {
            let item = self.item(&self.resources[&key], &plan);
            plan.items.push(item);
        }
        plan
    }

    fn item(&self, resource: &Resource, so_far: &Plan) -> Item {
        let (mut verb, phase, draft) = match self.world.seen.get(&resource.key) {
            None => unseen(Failure::Unreachable("it was not looked at".into())),
            Some(Seen::Unknown(failure)) => unseen(failure.clone()),
            Some(Seen::Absent) => (Verb::Create, Phase::Steady, self.create(resource)),
            Some(Seen::Present(live)) => self.present(resource, live),
        };
        let Draft { changes, mut steps, mut held, notes } = draft;
        if verb == Verb::Keep && (!changes.is_empty() || !steps.is_empty() || held.is_some()) {
            verb = Verb::Update;
        }
        if matches!(held, Some(Reason::Immutable(_))) {
            // Half of a manifest is not what anybody asked for.
            steps.clear();
        }
        let (early, policies) = self.hold_what_is_yet_to_lose(resource, &mut steps, so_far);
        held = held.or(early);
        if resource.suspended && !matches!(verb, Verb::Keep | Verb::Unknown) {
            steps.clear();
            held = Some(Reason::Suspended);
        }
        if let Some(key) = self.blocked_need(resource, so_far).filter(|_| !steps.is_empty()) {
            steps.clear();
            held = Some(Reason::WaitsFor(key));
        }
        if let Some(Reason::WaitsFor(key)) = &held
            && let Some(closed) = self.window_of(key, so_far)
        {
            held = Some(closed);
        }
        if let Some(reason) = self.not_now(resource, verb) {
            held = gated(reason, held, &mut steps);
        }
        let (key, identity) = (resource.key.clone(), resource.identity.clone());
        let needs = resource.needs.iter().cloned().chain(policies).collect();
        Item { key, identity, verb, changes, left: Vec::new(), notes, steps, held, phase, needs }
    }

    /// The window that something which is yet to come waits for.
    fn window_of(&self, key: &Key, so_far: &Plan) -> Option<Reason> {
        let held = match so_far.items.iter().find(|item| item.key == *key) {
            Some(item) => item.held.clone(),
            None => self.resources.get(key).and_then(|need| self.not_now(need, Verb::Create)),
        };
        held.filter(|held| matches!(held, Reason::Closed { .. }))
    }

    /// Why nothing at all is done about a resource, whatever that would be: by its directory's mode, or a
    /// guardrail that is judged here.
    fn not_now(&self, resource: &Resource, verb: Verb) -> Option<Reason> {
        let mode = self.rules.modes.of(&resource.source.file);
        if mode != Mode::Apply {
            return Some(Reason::NotApplied(mode));
        }
        let verb = verb.label();
        if let Some(verbs) = resource.allowance.verbs.as_ref().filter(|verbs| !verbs.contains(verb)) {
            return Some(Reason::NotAllowed { verb, verbs: verbs.clone() });
        }
        let at = self.world.at;
        let next = || resource.allowance.next_opening(at);
        resource.allowance.closed(at).map(|windows| Reason::Closed { windows: windows.to_vec(), next: next() })
    }

    /// What is to become of a resource that is there: nothing, as long as it is not ours.
    fn present(&self, resource: &Resource, live: &Live) -> (Verb, Phase, Draft) {
        let mut draft = self.naming_what_is_more(resource, live, self.update(resource, live));
        draft = self.sparing_itself(resource, live, draft);
        let owner = if has_owner(resource.key.kind) { self.owner(resource, live) } else { Owner::Us };
        let welcome = self.welcomes(resource);
        // A pipeline's revision is not even tagged: there is nothing to take over.
        let nothing = welcome && draft.changes.is_empty() && draft.steps.is_empty() && draft.held.is_none();
        let verb = if owner == Owner::Nobody && !nothing { Verb::Adopt } else { Verb::Keep };
        if owner != Owner::Us && !(owner == Owner::Nobody && welcome) {
            draft.changes.retain(|change| change.path != owner_tag());
            draft.steps.clear();
            draft.held = Some(match resource.adoption {
                Adoption::Never if owner == Owner::Nobody => Reason::NeverOurs,
                _ => Reason::NotOurs(owner),
            });
        }
        if let Phase::Busy(why) = &live.phase {
            draft.steps.clear();
            draft.held = Some(Reason::Busy(why.clone()));
        }
        (verb, live.phase.clone(), draft)
    }

    /// Whether a resource that is nobody's is taken over.
    fn welcomes(&self, resource: &Resource) -> bool {
        match resource.adoption {
            Adoption::Adopt => true,
            Adoption::Never => false,
            Adoption::Unsaid => self.rules.adopt,
        }
    }

    /// What is there of a resource that is ours, or about to be.
    fn ours(&self, resource: &Resource) -> Option<&Live> {
        let Some(Seen::Present(live)) = self.world.seen.get(&resource.key) else { return None };
        match self.owner(resource, live) {
            Owner::Us => Some(live),
            Owner::Nobody => self.welcomes(resource).then_some(live),
            Owner::Other(_) => None,
        }
    }

    /// Whose a resource is. A revision carries the tags of whoever registered it: one that was made by
    /// hand in a family that our service runs does not make the family somebody else's.
    fn owner(&self, resource: &Resource, live: &Live) -> Owner {
        let us = &self.rules.owner;
        let path = live.document.get("path").and_then(Value::as_str).unwrap_or_default();
        if path_of_aws(path).is_some() {
            return Owner::Other("AWS".to_owned());
        }
        let Identity::TaskDefinition { family } = &resource.identity else { return live.owner(us) };
        let runs_it = |service: &Resource| match self.world.seen.get(&service.key) {
            Some(Seen::Present(live)) if service.key.kind == Kind::Service && service.needs.contains(&resource.key) => {
                live.owner(us) == Owner::Us && service::running_family(live) == Some(family)
            }
            _ => false,
        };
        match live.owner(us) {
            Owner::Nobody if self.declared.values().any(runs_it) => Owner::Us,
            owner => owner,
        }
    }

    /// A need that is not there and that this plan does not bring about: nothing that refers to it
    /// may be done.
    fn blocked_need(&self, resource: &Resource, so_far: &Plan) -> Option<Key> {
        let blocked = |key: &&Key| match so_far.items.iter().find(|item| item.key == **key) {
            Some(item) => matches!(item.verb, Verb::Create | Verb::Unknown) && !item.acts(),
            None => matches!(self.world.seen.get(*key), Some(Seen::Absent | Seen::Unknown(_))),
        };
        let dangling = |key: &&Key| !self.resources.contains_key(*key);
        resource.needs.iter().find(|key| blocked(key) || dangling(key)).cloned()
    }

    fn create(&self, resource: &Resource) -> Draft {
        match resource.key.kind {
            Kind::AccountSettings => self.update_account_settings(resource, &Value::Null),
            Kind::Policy => self.create_policy(resource),
            Kind::Role => self.create_role(resource),
            Kind::Cluster => self.create_cluster(resource),
            Kind::CapacityProvider => self.create_capacity_provider(resource),
            Kind::TaskDefinition => self.create_task_definition(resource),
            Kind::Service => self.create_service(resource),
        }
    }

    fn update(&self, resource: &Resource, live: &Live) -> Draft {
        match resource.key.kind {
            Kind::AccountSettings => self.update_account_settings(resource, &live.document),
            Kind::Policy => self.update_policy(resource, live),
            Kind::Role => self.update_role(resource, live),
            Kind::Cluster => self.update_cluster(resource, live),
            Kind::CapacityProvider => self.update_capacity_provider(resource, live),
            Kind::TaskDefinition => self.update_task_definition(resource, live),
            Kind::Service => self.update_service(resource, live),
        }
    }
}

/// Why nothing is done of what would be, and what of it is worth showing. What a person is to be told is
/// told at any time, also where a guardrail leaves nothing to be done now.
fn gated(gate: Reason, held: Option<Reason>, steps: &mut Vec<Action>) -> Option<Reason> {
    let is_mode = matches!(gate, Reason::NotApplied(_));
    match held {
        None if steps.is_empty() => None,
        None | Some(Reason::WaitsFor(_)) => Some(gate),
        Some(Reason::LessFirst { .. } | Reason::Widens { .. }) if is_mode => Some(gate),
        Some(_) if is_mode && !steps.is_empty() => Some(gate),
        held => {
            steps.clear();
            held
        }
    }
}

fn unseen(failure: Failure) -> (Verb, Phase, Draft) {
    (Verb::Unknown, Phase::Steady, Draft { held: Some(Reason::CannotSee(failure)), ..Draft::default() })
}

/// Account settings belong to the account: they carry no tags.
fn has_owner(kind: Kind) -> bool {
    kind != Kind::AccountSettings
}

/// The changes that AWS cannot make in place, as a reason to hold.
fn immutable(changes: &[Change]) -> Option<Reason> {
    let paths: Vec<String> = changes
        .iter()
        .filter(|change| change.effect == Effect::Replaces)
        .map(|change| change.path.to_string())
        .collect();
    (!paths.is_empty()).then_some(Reason::Immutable(paths))
}

/// Whether any change is in the top-level member `member`.
fn touches(changes: &[Change], member: &str) -> bool {
    changes.iter().any(|change| matches!(change.path.0.first(), Some(Segment::Key(key)) if key == member))
}
