//! Who is to have less has less before anything allows more: at no moment may a role do what neither
//! the old nor the new state lets it do.
//!
//! What takes away waits for nothing. A policy that is to allow more waits for what the roles that have
//! it are to lose, and among the policies of one role those that only take away come first, then those
//! that do both. A role gets a policy that has yet to lose something once it has. So nobody waits for
//! somebody who waits for him.

use super::role::has;
use super::{Plan, Reason, Scene, Verb};
use crate::action::Action;
use crate::model::{Key, Kind};
use crate::policy::{self, Turn, turn};
use crate::resource::{Identity, Resource};
use crate::value::Value;
use crate::world::{Live, Owner, Seen};

impl Scene<'_> {
    /// Why a policy must not get its new document yet.
    pub(super) fn too_early(&self, policy: &Resource, live: &Live) -> Option<Reason> {
        let turn = turn_of(policy, live);
        if turn == Turn::Less {
            return None;
        }
        self.unknown_role().or_else(|| self.first_less(policy, live, turn)).map(|first| self.wait(first))
    }

    /// Takes out of the steps what gives a role a policy that is yet to lose something, unless that is
    /// done earlier in this plan, and what may rest on it: on a boundary, or on a denial that takes another's
    /// place. Why, and the policies of manifests that the steps are about.
    pub(super) fn hold_what_is_yet_to_lose(
        &self,
        resource: &Resource,
        steps: &mut Vec<Action>,
        so_far: &Plan,
    ) -> (Option<Reason>, Vec<Key>) {
        let policies: Vec<Key> =
            steps.iter().filter_map(given).filter_map(|arn| Some(self.policy(arn)?.key.clone())).collect();
        let held = |step: &Action| self.yet_to_lose(given(step)?).filter(|policy| !is_written(policy, so_far));
        let reason = steps.iter().find_map(held).map(|policy| self.wait(policy));
        let rests = steps.iter().any(|step| held(step).is_some() && self.bears(step));
        steps.retain(|step| held(step).is_none() && (!rests || self.only_takes_away(resource, step)));
        (reason, policies)
    }

    /// Whether other steps may rest on this one: it bounds the role, or denies it something.
    pub(super) fn bears(&self, step: &Action) -> bool {
        matches!(step, Action::PutRolePermissionsBoundary { .. }) || given(step).is_some_and(|arn| self.denies(arn))
    }

    /// Whether a step takes away a policy that denies nothing.
    pub(super) fn only_takes_away(&self, role: &Resource, step: &Action) -> bool {
        match step {
            Action::DetachRolePolicy { arn, .. } => !self.denies(arn),
            Action::DeleteRolePolicy { policy, .. } => {
                let there = self.ours(role).and_then(|live| live.document.get("inlinePolicies")?.get(policy));
                there.is_some_and(|document| turn(document, &Value::Null) == Turn::Less)
            }
            _ => false,
        }
    }

    /// The policy of this ARN, if its document is to allow less than it does, or something else.
    pub(super) fn yet_to_lose(&self, arn: &str) -> Option<&Resource> {
        let loses = |policy: &Resource, live: &Live| changes(policy, live) && turn_of(policy, live) != Turn::More;
        self.policy(arn).filter(|policy| self.ours(policy).is_some_and(|live| loses(policy, live)))
    }

    /// Whether a policy denies something, or is to.
    fn denies(&self, arn: &str) -> bool {
        self.documents(arn).into_iter().any(|document| turn(document, &Value::Null) != Turn::Less)
    }

    pub(super) fn policy(&self, arn: &str) -> Option<&Resource> {
        let is = |one: &&Resource| matches!(&one.identity, Identity::Policy { arn: own } if own == arn);
        self.of_kind(Kind::Policy).find(is)
    }

    /// A role that could not be read may have any policy.
    fn unknown_role(&self) -> Option<&Resource> {
        let unknown = |role: &&Resource| matches!(self.world.seen.get(&role.key), Some(Seen::Unknown(_)));
        self.of_kind(Kind::Role).find(unknown)
    }

    /// What is to be brought about before a policy takes this turn: of the roles that have it, and of
    /// their other policies.
    fn first_less(&self, policy: &Resource, live: &Live, turn: Turn) -> Option<&Resource> {
        let roles = self.of_kind(Kind::Role).filter_map(|role| Some((role, self.ours(role)?)));
        let roles: Vec<(&Resource, &Live)> = roles.filter(|(_, there)| has(there, &live.arn)).collect();
        let had = |arn: &str| roles.iter().any(|(_, role)| has(role, arn));
        let earlier = |other: &&Resource| match (&other.identity, self.world.seen.get(&other.key)) {
            _ if other.key == policy.key => false,
            (Identity::Policy { arn }, Some(Seen::Unknown(_))) => had(arn),
            _ => self
                .ours(other)
                .is_some_and(|there| had(&there.arn) && changes(other, there) && turn_of(other, there) < turn),
        };
        let loses = roles.iter().find(|(role, there)| !self.has_lost_all(role, there));
        self.of_kind(Kind::Policy).find(earlier).or(loses.map(|(role, _)| *role))
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Resource> {
        self.resources.values().filter(move |resource| resource.key.kind == kind)
    }

    /// Waiting for what will not come by itself is worth a word.
    fn wait(&self, first: &Resource) -> Reason {
        let live = self.ours(first);
        let is_ours = live.is_some_and(|live| self.owner(first, live) == Owner::Us);
        let not_now = self.not_now(first, if is_ours { Verb::Update } else { Verb::Adopt });
        let why = match (not_now, live.and_then(|live| self.widens(first, live))) {
            _ if first.suspended => Reason::Suspended,
            (Some(not @ (Reason::NotApplied(_) | Reason::NotAllowed { .. })), _) => not,
            (_, Some(widens)) => widens,
            // That it is not yet time is no more than a reason to wait as well.
            (Some(closed), None) => return closed,
            (None, None) => return Reason::WaitsFor(first.key.clone()),
        };
        Reason::LessFirst { first: first.key.clone(), why: Box::new(why) }
    }
}

/// The policy that a step gives to a role, be it as its boundary.
pub(super) fn given(step: &Action) -> Option<&str> {
    match step {
        Action::AttachRolePolicy { arn, .. } | Action::PutRolePermissionsBoundary { arn, .. } => Some(arn),
        _ => None,
    }
}

/// Whether a plan gives a policy its new document.
fn is_written(policy: &Resource, plan: &Plan) -> bool {
    let writes = |step: &Action| matches!(step, Action::CreatePolicyVersion { .. });
    plan.items.iter().any(|item| item.key == policy.key && item.acts() && item.steps.iter().any(writes))
}

fn document(spec: &Value) -> &Value {
    spec.get("policyDocument").unwrap_or(&Value::Null)
}

fn changes(policy: &Resource, live: &Live) -> bool {
    !policy::equal(document(&live.document), document(&policy.spec))
}

fn turn_of(policy: &Resource, live: &Live) -> Turn {
    turn(document(&live.document), document(&policy.spec))
}
