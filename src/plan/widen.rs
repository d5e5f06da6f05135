//! Under the guardrail `widening` nothing that is there comes to allow more than it does in AWS, unless
//! its manifest names what: whoever reviews a commit sees in it what it gives.
//!
//! What is yet to be created is judged by the other guardrails alone.

use std::collections::BTreeSet;

use super::role::{Spec, managed_policies};
use super::{Draft, Reason, Scene};
use crate::model::Kind;
use crate::policy;
use crate::resource::Resource;
use crate::value::Value;
use crate::world::{Live, Seen};

/// Most names that a message lists; the annotation that it asks for has them all.
const NAMES_MAX: usize = 8;

impl Scene<'_> {
    /// The draft, but held as a whole where it would allow what its manifest does not name.
    pub(super) fn naming_what_is_more(&self, resource: &Resource, live: &Live, draft: Draft) -> Draft {
        match self.widens(resource, live) {
            Some(reason) if !matches!(draft.held, Some(Reason::Immutable(_))) => {
                Draft { steps: Vec::new(), held: Some(reason), ..draft }
            }
            _ => draft,
        }
    }

    /// What a resource would allow on top of what it allows in AWS, and may not.
    pub(super) fn widens(&self, resource: &Resource, live: &Live) -> Option<Reason> {
        let may_add = resource.allowance.may_add.as_ref()?;
        let added = match resource.key.kind {
            Kind::Policy => added(document(&live.document), document(&resource.spec)),
            Kind::Role => self.added_to_role(&Spec::of(resource), &live.document),
            _ => return None,
        };
        let mut unnamed: Vec<String> =
            added.iter().filter(|name| !may_add.contains(&name.to_lowercase())).cloned().collect();
        if unnamed.is_empty() {
            return None;
        }
        if unnamed.len() > NAMES_MAX {
            let more = unnamed.split_off(NAMES_MAX - 1).len();
            unnamed.push(format!("{more} more"));
        }
        let annotation = added.into_iter().collect::<Vec<_>>().join(", ");
        Some(Reason::Widens { unnamed, annotation, source: resource.source.to_string() })
    }

    /// Who may assume it in addition, and what it may do in addition by all of its policies together.
    fn added_to_role(&self, spec: &Spec<'_>, live: &Value) -> BTreeSet<String> {
        let mut held = inline_policies(spec, live);
        let mut names = self.attached_policies(spec, live, &mut held);
        names.extend(policy::added(&held.was, &held.is, &held.denying));
        names.extend(another_boundary(spec, live).map(str::to_owned));
        if let Some(trust) = spec.value("assumeRolePolicyDocument") {
            let was = live.get("assumeRolePolicyDocument").unwrap_or(&Value::Null);
            // What the role may do is another matter than what others may do with it.
            names.extend(added(was, trust).into_iter().map(|name| format!("trust:{name}")));
        }
        names
    }

    /// Adds the documents of the attached policies that manifests declare to those that a role has and is
    /// to have. The ARNs of those whose document is not known, and makes a difference.
    fn attached_policies<'v>(&'v self, spec: &Spec<'_>, live: &Value, held: &mut Held<'v>) -> BTreeSet<String> {
        let mut unknown = BTreeSet::new();
        let (attached, declared) = (managed_policies(live), spec.managed_policies());
        for arn in &attached {
            let stays = !spec.detaches() || declared.iter().any(|other| other == arn);
            match self.policy(arn).and_then(|policy| self.world.seen.get(&policy.key)) {
                // What becomes of the document of one that stays is its own matter.
                Some(Seen::Present(there)) => {
                    held.was.push(document(&there.document));
                    if stays {
                        held.is.push(document(&there.document));
                        held.denying.push(document(&there.document));
                    }
                }
                // It may be what denies something.
                _ if !stays && may_deny(arn) => {
                    unknown.insert((*arn).to_owned());
                }
                _ => {}
            }
        }
        for arn in declared.into_iter().filter(|arn| !attached.contains(arn.as_str())) {
            match self.policy(&arn).map(|policy| (policy, self.ours(policy), self.world.seen.get(&policy.key))) {
                // What ours is yet to lose, it loses first.
                Some((policy, Some(_), _) | (policy, None, Some(Seen::Absent))) => {
                    held.is.push(document(&policy.spec));
                }
                Some((_, None, Some(Seen::Present(other)))) => held.is.push(document(&other.document)),
                Some((_, None, Some(Seen::Unknown(_)) | None)) | None => {
                    unknown.insert(arn);
                }
            }
        }
        unknown
    }
}

/// The policies of a role.
struct Held<'v> {
    was: Vec<&'v Value>,
    is: Vec<&'v Value>,
    /// Those of the ones to be whose denials are certain: they are in AWS already, or take the place of
    /// what is there in one call. What is yet to be attached or put may never come.
    denying: Vec<&'v Value>,
}

/// What one document allows that the other, whose place it takes in one call, does not.
fn added(was: &Value, is: &Value) -> BTreeSet<String> {
    policy::added(&[was], &[is], &[is])
}

/// The policies of AWS's that deny something, by the beginnings of their names (from memory).
const DENYING_OF_AWS: &[&str] = &["AWSDenyAll", "AWSCompromisedKeyQuarantine"];

/// Whether a policy whose document nobody knows may be there to deny something.
fn may_deny(arn: &str) -> bool {
    let of_aws = arn.split_once(":iam::aws:policy/").map(|(_, path)| path.rsplit('/').next().unwrap_or(path));
    of_aws.is_none_or(|name| DENYING_OF_AWS.iter().any(|denying| name.starts_with(denying)))
}

/// The boundary that takes the place of another. The first one only takes away.
fn another_boundary<'s>(spec: &Spec<'s>, live: &Value) -> Option<&'s str> {
    let was = live.get("permissionsBoundary").and_then(Value::as_str)?;
    spec.text("permissionsBoundary").filter(|is| was != *is)
}

/// The inline policies that a role has, and those that it is to have.
fn inline_policies<'v>(spec: &Spec<'v>, live: &'v Value) -> Held<'v> {
    let there = live.get("inlinePolicies").and_then(Value::as_object);
    let mut held = Held { was: Vec::new(), is: Vec::new(), denying: Vec::new() };
    for (name, document) in there.into_iter().flatten() {
        held.was.push(document);
        let declared = spec.inline_policies().find(|(other, _)| *other == name).map(|(_, document)| document);
        held.denying.extend(declared.or((!spec.deletes()).then_some(document)));
    }
    held.is.clone_from(&held.denying);
    let is_new = |name: &str| there.is_none_or(|there| !there.contains_key(name));
    held.is.extend(spec.inline_policies().filter(|(name, _)| is_new(name)).map(|(_, document)| document));
    held
}

fn document(spec: &Value) -> &Value {
    spec.get("policyDocument").unwrap_or(&Value::Null)
}
