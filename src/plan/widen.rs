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
        let may_add = resource.may_add.as_ref()?;
        let added = match resource.key.kind {
            Kind::Policy => policy::added(&[document(&live.document)], &[document(&resource.spec)]),
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
        let (mut was, mut is) = inline_policies(spec, live);
        let mut names = self.attached_policies(spec, live, &mut was, &mut is);
        names.extend(policy::added(&was, &is));
        names.extend(another_boundary(spec, live).map(str::to_owned));
        if let Some(trust) = spec.value("assumeRolePolicyDocument") {
            names.extend(policy::added(&[live.get("assumeRolePolicyDocument").unwrap_or(&Value::Null)], &[trust]));
        }
        names
    }

    /// Adds the documents of the attached policies that manifests declare to those that a role has and is
    /// to have. The ARNs of those whose document is not known, and makes a difference.
    fn attached_policies<'v>(
        &'v self,
        spec: &Spec<'_>,
        live: &Value,
        was: &mut Vec<&'v Value>,
        is: &mut Vec<&'v Value>,
    ) -> BTreeSet<String> {
        let mut unknown = BTreeSet::new();
        let (attached, declared) = (managed_policies(live), spec.managed_policies());
        for arn in &attached {
            let stays = !spec.detaches() || declared.iter().any(|other| other == arn);
            let Some(policy) = self.policy(arn) else { continue };
            match self.world.seen.get(&policy.key) {
                // What becomes of the document of one that stays is its own matter.
                Some(Seen::Present(there)) => {
                    was.push(document(&there.document));
                    is.extend(stays.then_some(document(&there.document)));
                }
                // It may be what denies something.
                _ if !stays => {
                    unknown.insert((*arn).to_owned());
                }
                _ => {}
            }
        }
        for arn in declared.into_iter().filter(|arn| !attached.contains(arn.as_str())) {
            match self.policy(&arn).map(|policy| (policy, self.ours(policy), self.world.seen.get(&policy.key))) {
                // What ours is yet to lose, it loses first.
                Some((policy, Some(_), _) | (policy, None, Some(Seen::Absent))) => is.push(document(&policy.spec)),
                Some((_, None, Some(Seen::Present(other)))) => is.push(document(&other.document)),
                Some((_, None, Some(Seen::Unknown(_)) | None)) | None => {
                    unknown.insert(arn);
                }
            }
        }
        unknown
    }
}

/// The boundary that takes the place of another. The first one only takes away.
fn another_boundary<'s>(spec: &Spec<'s>, live: &Value) -> Option<&'s str> {
    let was = live.get("permissionsBoundary").and_then(Value::as_str)?;
    spec.text("permissionsBoundary").filter(|is| was != *is)
}

/// The inline policies that a role has, and those that it is to have.
fn inline_policies<'v>(spec: &Spec<'v>, live: &'v Value) -> (Vec<&'v Value>, Vec<&'v Value>) {
    let there = live.get("inlinePolicies").and_then(Value::as_object);
    let stays = |name: &str| !spec.deletes() && spec.inline_policies().all(|(other, _)| other != name);
    let kept = there.into_iter().flatten().filter(|(name, _)| stays(name)).map(|(_, document)| document);
    let declared = spec.inline_policies().map(|(_, document)| document);
    (there.into_iter().flat_map(|map| map.values()).collect(), declared.chain(kept).collect())
}

fn document(spec: &Value) -> &Value {
    spec.get("policyDocument").unwrap_or(&Value::Null)
}
