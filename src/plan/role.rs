//! Roles: trust, policies, boundary, instance profile. What takes away comes before what gives.

use std::collections::{BTreeMap, BTreeSet};

use super::less::given;
use super::{Draft, Scene, immutable, tags, touches};
use crate::action::{Action, NewRole};
use crate::diff::diff;
use crate::model::{Change, Effect, Kind};
use crate::policy::{self, Turn, turn};
use crate::resource::Resource;
use crate::value::{Map, Path, Value};
use crate::world::{Live, Seen};

/// A role's spec, read out.
pub(super) struct Spec<'a>(&'a Map<String, Value>);

impl<'a> Spec<'a> {
    pub(super) fn of(resource: &'a Resource) -> Self {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        Self(resource.spec.as_object().unwrap_or(&EMPTY))
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.value(name).and_then(Value::as_str)
    }

    fn name(&self) -> String {
        self.text("roleName").unwrap_or_default().to_owned()
    }

    fn path(&self) -> String {
        self.text("path").unwrap_or("/").to_owned()
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// Whether only the attached policies that it declares are to stay.
    pub(super) fn detaches(&self) -> bool {
        self.excludes("managedPolicyArns")
    }

    /// Whether only the inline policies that it declares are to stay.
    pub(super) fn deletes(&self) -> bool {
        self.excludes("inlinePolicies")
    }

    /// Exclusive of what is declared: a list that the manifest does not name is not its business.
    fn excludes(&self, list: &str) -> bool {
        self.text("policyMode") == Some("exclusive") && self.0.contains_key(list)
    }

    pub(super) fn managed_policies(&self) -> Vec<String> {
        let list = self.0.get("managedPolicyArns").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn inline_policies(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.0.get("inlinePolicies").and_then(Value::as_object).into_iter().flatten()
    }

    /// The instance profile's name: `true` gives it the role's.
    fn instance_profile(&self) -> Option<String> {
        match self.0.get("instanceProfile") {
            Some(Value::Bool(true)) => Some(self.name()),
            Some(Value::String(name)) => Some(name.clone()),
            _ => None,
        }
    }

    fn max_session_duration(&self) -> Option<i32> {
        self.0.get("maxSessionDuration").and_then(Value::as_i64).and_then(|seconds| i32::try_from(seconds).ok())
    }
}

impl Scene<'_> {
    pub(super) fn create_role(&self, resource: &Resource) -> Draft {
        let spec = Spec::of(resource);
        let role = spec.name();
        let create = Action::CreateRole(Box::new(NewRole {
            name: role.clone(),
            path: spec.path(),
            assume_role_policy_document: spec.0.get("assumeRolePolicyDocument").cloned().unwrap_or_default(),
            description: spec.text("description").map(str::to_owned),
            max_session_duration: spec.max_session_duration(),
            permissions_boundary: spec.text("permissionsBoundary").map(str::to_owned),
            tags: self.desired_tags(resource),
        }));
        let mut steps = vec![create];
        steps.extend(self.policy_steps(&spec, &Value::Null).into_iter().map(|step| step.action));
        steps.extend(new_profile(&spec, self.desired_tags(resource)));
        Draft { steps, ..Draft::default() }
    }

    pub(super) fn update_role(&self, resource: &Resource, live: &Live) -> Draft {
        let spec = Spec::of(resource);
        let role = spec.name();
        let mut changes = own_changes(&spec, &live.document);
        let held = immutable(&changes);
        let mut notes = Vec::new();
        if touches(&changes, "assumeRolePolicyDocument") {
            notes.extend(gone_principals(&spec, &live.document));
        }
        let mut policies = self.policy_steps(&spec, &live.document);
        changes.extend(policies.iter().map(|step| step.change.clone()));
        let more = policies.split_off(policies.partition_point(|step| step.turn == Turn::Less));
        let mut steps: Vec<Action> = new_boundary(&spec, &changes).into_iter().collect();
        steps.extend(policies.into_iter().map(|step| step.action));
        steps.extend(new_trust(&spec, &changes));
        if touches(&changes, "description") || touches(&changes, "maxSessionDuration") {
            steps.push(update_role(&spec, &live.document));
        }
        steps.extend(more.into_iter().map(|step| step.action));
        if let Some(profile) = spec.instance_profile() {
            let bound = live.document.get("instanceProfiles").and_then(Value::as_array);
            if !bound.into_iter().flatten().any(|name| *name == profile) {
                changes.push(change("instanceProfile", None, Some(profile.into())));
                steps.extend(new_profile(&spec, self.desired_tags(resource)));
            }
        }
        let missing = self.missing_tags(resource, live);
        if !missing.is_empty() {
            changes.extend(tags::changes(&missing, live));
            steps.push(Action::TagRole { role, tags: missing });
        }
        Draft { changes, steps, held, notes }
    }
}

/// A change of a role's policies, and the call that makes it.
struct PolicyStep {
    change: Change,
    action: Action,
    turn: Turn,
}

impl Scene<'_> {
    /// Policies: additive by default, so that other owners may attach theirs. What takes away comes
    /// before what gives: at no moment may the role have more than the greater of old and new. A policy
    /// that denies takes away when it comes and gives when it goes.
    fn policy_steps(&self, spec: &Spec<'_>, live: &Value) -> Vec<PolicyStep> {
        let mut steps = Vec::new();
        let role = spec.name();
        let (attached, declared) = (managed_policies(live), spec.managed_policies());
        for arn in attached.iter().filter(|arn| spec.detaches() && !declared.iter().any(|other| other == *arn)) {
            let there = self.documents(arn).into_iter().next();
            steps.push(PolicyStep {
                change: attached_change(arn, Some((*arn).into()), None),
                action: Action::DetachRolePolicy { role: role.clone(), arn: (*arn).to_owned() },
                turn: there.map_or(Turn::Less, |document| turn(document, &Value::Null)),
            });
        }
        steps.extend(inline_steps(spec, live));
        for arn in declared.into_iter().filter(|arn| !attached.contains(arn.as_str())) {
            let turns = self.documents(&arn).into_iter().map(|document| turn(&Value::Null, document));
            steps.push(PolicyStep {
                change: attached_change(&arn, None, Some(arn.as_str().into())),
                turn: turns.max().unwrap_or(Turn::More),
                action: Action::AttachRolePolicy { role: role.clone(), arn },
            });
        }
        let comes = |action: &Action| matches!(action, Action::PutRolePolicy { .. } | Action::AttachRolePolicy { .. });
        steps.sort_by_key(|step| (step.turn, comes(&step.action)));
        steps
    }

    /// What a policy says in AWS, and what it is to say, as far as that is known.
    pub(super) fn documents(&self, arn: &str) -> Vec<&Value> {
        let Some(policy) = self.policy(arn) else { return Vec::new() };
        let there = match self.world.seen.get(&policy.key) {
            Some(Seen::Present(there)) => there.document.get("policyDocument"),
            _ => None,
        };
        there.into_iter().chain(policy.spec.get("policyDocument")).collect()
    }
}

fn inline_steps(spec: &Spec<'_>, live: &Value) -> Vec<PolicyStep> {
    let role = spec.name();
    let empty = Map::new();
    let inline = live.get("inlinePolicies").and_then(Value::as_object).unwrap_or(&empty);
    let mut steps = Vec::new();
    let goes = |name: &str| spec.deletes() && !spec.inline_policies().any(|(other, _)| other == name);
    for (name, document) in inline.iter().filter(|(name, _)| goes(name)) {
        steps.push(PolicyStep {
            change: inline_change(name, Some(document.clone()), None),
            action: Action::DeleteRolePolicy { role: role.clone(), policy: name.clone() },
            turn: turn(document, &Value::Null),
        });
    }
    for (name, document) in spec.inline_policies() {
        let there = inline.get(name);
        if there.is_none_or(|there| !policy::equal(there, document)) {
            steps.push(PolicyStep {
                change: inline_change(name, there.cloned(), Some(document.clone())),
                action: put_policy(&role, name, document),
                turn: turn(there.unwrap_or(&Value::Null), document),
            });
        }
    }
    steps
}

fn new_boundary(spec: &Spec<'_>, changes: &[Change]) -> Option<Action> {
    let arn = spec.text("permissionsBoundary").filter(|_| touches(changes, "permissionsBoundary"))?;
    Some(Action::PutRolePermissionsBoundary { role: spec.name(), arn: arn.to_owned() })
}

fn new_trust(spec: &Spec<'_>, changes: &[Change]) -> Option<Action> {
    let document = spec.0.get("assumeRolePolicyDocument").cloned().unwrap_or_default();
    let role = spec.name();
    touches(changes, "assumeRolePolicyDocument").then_some(Action::UpdateAssumeRolePolicy { role, document })
}

/// The policies that are attached to a role.
pub(super) fn managed_policies(live: &Value) -> BTreeSet<&str> {
    let list = live.get("managedPolicyArns").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a role has a policy, be it as its boundary.
pub(crate) fn has(role: &Live, arn: &str) -> bool {
    managed_policies(&role.document).contains(arn)
        || role.document.get("permissionsBoundary").is_some_and(|boundary| boundary == arn)
}

impl Scene<'_> {
    /// Whether there is nothing left that a role is to lose: a policy or a part of one, or somebody who
    /// may assume it. A boundary takes away whatever it is.
    pub(super) fn has_lost_all(&self, resource: &Resource, live: &Live) -> bool {
        let spec = Spec::of(resource);
        let changes = own_changes(&spec, &live.document);
        let trust =
            |document: &Value| turn(live.document.get("assumeRolePolicyDocument").unwrap_or(&Value::Null), document);
        let trust_loses = match new_trust(&spec, &changes) {
            Some(Action::UpdateAssumeRolePolicy { document, .. }) => trust(&document) != Turn::More,
            _ => false,
        };
        let policies = self.policy_steps(&spec, &live.document);
        let boundary = new_boundary(&spec, &changes);
        // Whoever waited for what is held would wait for what waits for him.
        let is_held = |action: &Action| given(action).is_some_and(|arn| self.yet_to_lose(arn).is_some());
        let rests = boundary
            .iter()
            .chain(policies.iter().map(|step| &step.action))
            .any(|step| self.bears(step) && is_held(step));
        let comes = |action: &Action| !is_held(action) && (!rests || self.only_takes_away(resource, action));
        let loses = policies.iter().any(|step| step.turn != Turn::More && comes(&step.action));
        !loses && (rests || !trust_loses && boundary.is_none())
    }
}

fn new_profile(spec: &Spec<'_>, tags: BTreeMap<String, String>) -> Vec<Action> {
    let Some(profile) = spec.instance_profile() else { return Vec::new() };
    vec![
        Action::CreateInstanceProfile { profile: profile.clone(), path: spec.path(), tags },
        Action::AddRoleToInstanceProfile { profile, role: spec.name() },
    ]
}

/// The members that the generic comparison answers for; policies and profile have their own rules.
fn own_changes(spec: &Spec<'_>, live: &Value) -> Vec<Change> {
    const OWN: &[&str] =
        &["path", "description", "maxSessionDuration", "assumeRolePolicyDocument", "permissionsBoundary"];
    let own: Map<String, Value> = spec
        .0
        .iter()
        .filter(|(name, _)| OWN.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    diff(Kind::Role, &Value::Object(own), live)
}

/// UpdateRole with both its members: what omitting one of them does is not documented alike for
/// both, so what is not declared is sent as it is.
fn update_role(spec: &Spec<'_>, live: &Value) -> Action {
    let there = |name: &str| live.get(name);
    let description =
        spec.text("description").or_else(|| there("description").and_then(Value::as_str)).unwrap_or_default();
    let seconds = spec.max_session_duration().or_else(|| {
        there("maxSessionDuration").and_then(Value::as_i64).and_then(|seconds| i32::try_from(seconds).ok())
    });
    Action::UpdateRole {
        role: spec.name(),
        description: description.to_owned(),
        // IAM's default, which a role without the member has.
        max_session_duration: seconds.unwrap_or(3600),
    }
}

fn put_policy(role: &str, name: &str, document: &Value) -> Action {
    Action::PutRolePolicy { role: role.to_owned(), policy: name.to_owned(), document: document.clone() }
}

fn change(member: &str, from: Option<Value>, to: Option<Value>) -> Change {
    Change { path: Path::default().key(member), from, to, effect: Effect::NoRestart }
}

fn attached_change(arn: &str, from: Option<Value>, to: Option<Value>) -> Change {
    Change { path: Path::default().key("managedPolicyArns").named(arn), from, to, effect: Effect::NoRestart }
}

fn inline_change(name: &str, from: Option<Value>, to: Option<Value>) -> Change {
    // The text of a policy that is taken out is nowhere else in AWS.
    let effect = if to.is_none() { Effect::Deletes } else { Effect::NoRestart };
    Change { path: Path::default().key("inlinePolicies").key(name), from, to, effect }
}

/// What a trust policy with the id of somebody who is gone means.
fn gone_principals(spec: &Spec<'_>, live: &Value) -> Option<String> {
    let ids = |document: Option<&Value>| document.map(policy::orphaned_principals).unwrap_or_default();
    let declared = ids(spec.0.get("assumeRolePolicyDocument"));
    let mut gone = ids(live.get("assumeRolePolicyDocument"));
    gone.retain(|id| !declared.contains(id));
    (!gone.is_empty()).then(|| {
        format!(
            "the trust policy names {}: the principal was deleted or recreated, and IAM put its old id in place of \
             its ARN; writing the policy again lets in the one that has the name now",
            gone.join(", ")
        )
    })
}
