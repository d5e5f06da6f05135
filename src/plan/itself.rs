//! What Evenkeel runs on is not taken away by Evenkeel: whoever sawed off that branch could not be
//! brought back by the next commit.

use std::collections::BTreeSet;

use super::{Draft, Reason, Scene};
use crate::action::Action;
use crate::resource::{Identity, Resource};
use crate::value::Value;
use crate::world::{Live, Seen};

/// What this process runs as, as far as it could find out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Itself {
    /// The roles of its task, by name.
    pub roles: BTreeSet<String>,
    /// Its service.
    pub service: Option<Identity>,
    /// Its cluster.
    pub cluster: Option<Identity>,
}

impl Scene<'_> {
    /// The draft, but held as a whole if a step of it would disarm this very process.
    pub(super) fn sparing_itself(&self, resource: &Resource, live: &Live, draft: Draft) -> Draft {
        match self.disarms(resource, live, &draft.steps) {
            Some(what) => Draft { steps: Vec::new(), held: Some(Reason::Itself(what)), ..draft },
            None => draft,
        }
    }

    fn disarms(&self, resource: &Resource, live: &Live, steps: &[Action]) -> Option<&'static str> {
        let itself = &self.rules.itself;
        let identity = Some(&resource.identity);
        let any = |takes: fn(&Action) -> bool| steps.iter().any(takes);
        match &resource.identity {
            Identity::Role { name } if itself.roles.contains(name) && any(narrows_role) => {
                Some("it runs with this role, whose policies, boundary and trust it does not change")
            }
            Identity::Policy { arn } if self.is_attached_to_itself(arn) && any(narrows_policy) => {
                Some("it runs with a role that has this policy, whose document it does not change")
            }
            Identity::Service { .. } if itself.service.as_ref() == identity && any(stops_service) => {
                Some("it runs as this service, which it does not scale to 0")
            }
            Identity::Cluster { .. } if itself.cluster.as_ref() == identity && drops_providers(live, steps) => {
                Some("it runs in this cluster, from which it takes no capacity provider away")
            }
            _ => None,
        }
    }

    /// Whether one of its roles has the policy, as far as these roles were looked at.
    fn is_attached_to_itself(&self, arn: &str) -> bool {
        let own = self.resources.values().filter(
            |resource| matches!(&resource.identity, Identity::Role { name } if self.rules.itself.roles.contains(name)),
        );
        own.filter_map(|role| match self.world.seen.get(&role.key) {
            Some(Seen::Present(live)) => live.document.get("managedPolicyArns")?.as_array(),
            _ => None,
        })
        .flatten()
        .any(|attached| attached == arn)
    }
}

fn narrows_role(step: &Action) -> bool {
    matches!(
        step,
        Action::UpdateAssumeRolePolicy { .. }
            | Action::PutRolePermissionsBoundary { .. }
            | Action::PutRolePolicy { .. }
            | Action::DeleteRolePolicy { .. }
            | Action::DetachRolePolicy { .. }
    )
}

fn narrows_policy(step: &Action) -> bool {
    matches!(step, Action::CreatePolicyVersion { .. })
}

fn stops_service(step: &Action) -> bool {
    matches!(step, Action::UpdateService(input) if input.get("desiredCount").is_some_and(|count| *count == 0))
}

fn drops_providers(live: &Live, steps: &[Action]) -> bool {
    fn providers(document: &Value) -> BTreeSet<&str> {
        let list = document.get("capacityProviders").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }
    steps.iter().any(|step| match step {
        Action::PutClusterCapacityProviders(input) => !providers(&live.document).is_subset(&providers(input)),
        _ => false,
    })
}
