//! The simulated AWS IAM: roles, managed policies, instance profiles.
//!
//! Behaviour follows the service model and the user guide; what is only remembered says so. What
//! differs on purpose: changes are visible at once, and the number of roles, policies and instance
//! profiles has no quota.

pub mod query;
pub mod xml;

mod aws_managed;
mod check;
mod details;
mod document;
mod error;
mod evaluate;
mod instance_profile;
mod page;
mod policy;
mod rights;
mod role;
mod role_policy;
mod service_linked;
mod simulate;
mod tags;
mod trust;

use std::collections::BTreeMap;

use super::{ApiError, Context};
use instance_profile::InstanceProfile;
use policy::Policy;
use query::Query;

pub(super) use evaluate::Keys;
pub use rights::Rights;
pub use role::Role;
pub use tags::Tags;

/// What the account holds of IAM, each kind by its name in lower case: names are unique whatever
/// their case.
#[derive(Debug, Clone, Default)]
pub struct State {
    roles: BTreeMap<String, Role>,
    policies: BTreeMap<String, Policy>,
    profiles: BTreeMap<String, InstanceProfile>,
    issued: u64,
}

impl State {
    /// A role by its name, in the case in which it was created (from memory).
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(&key_of(name)).filter(|role| role.name == name)
    }

    /// A role by its ARN, path included.
    #[must_use]
    pub fn role_by_arn(&self, arn: &str) -> Option<&Role> {
        let name = arn.rsplit('/').next()?;
        self.role(name).filter(|role| role.arn == arn)
    }

    fn new_id(&mut self, prefix: &str) -> String {
        self.issued += 1;
        unique_id(prefix, self.issued)
    }
}

fn key_of(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// An id as IAM makes them, `AROA` and 17 capitals and digits; the same for the same seed.
pub(super) fn unique_id(prefix: &str, seed: u64) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut state = seed;
    let mut letters = String::from(prefix);
    for _ in 0..17 {
        // SplitMix64: neighbouring seeds give ids that do not look alike.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        letters.push(char::from(ALPHABET[usize::from((mixed >> 59) as u8)]));
    }
    letters
}

type Answer = Result<String, ApiError>;
type Handler = fn(&mut State, &Context, &Query) -> Answer;

/// Every operation that is simulated.
const OPERATIONS: &[(&str, Handler)] = &[
    ("AddRoleToInstanceProfile", instance_profile::add_role),
    ("AttachRolePolicy", role_policy::attach),
    ("CreateInstanceProfile", instance_profile::create),
    ("CreatePolicy", policy::create),
    ("CreatePolicyVersion", policy::create_version),
    ("CreateRole", role::create),
    ("CreateServiceLinkedRole", service_linked::create),
    ("DeleteInstanceProfile", instance_profile::delete),
    ("DeletePolicy", policy::delete),
    ("DeletePolicyVersion", policy::delete_version),
    ("DeleteRole", role::delete),
    ("DeleteRolePermissionsBoundary", role::delete_boundary),
    ("DeleteRolePolicy", role_policy::delete),
    ("DetachRolePolicy", role_policy::detach),
    ("GetAccountAuthorizationDetails", details::authorization),
    ("GetAccountSummary", details::summary),
    ("GetInstanceProfile", instance_profile::get),
    ("GetPolicy", policy::get),
    ("GetPolicyVersion", policy::get_version),
    ("GetRole", role::get),
    ("GetRolePolicy", role_policy::get),
    ("ListAttachedRolePolicies", role_policy::list_attached),
    ("ListEntitiesForPolicy", policy::list_entities),
    ("ListInstanceProfileTags", instance_profile::list_tags),
    ("ListInstanceProfiles", instance_profile::list),
    ("ListInstanceProfilesForRole", instance_profile::list_for_role),
    ("ListPolicies", policy::list),
    ("ListPolicyTags", policy::list_tags),
    ("ListPolicyVersions", policy::list_versions),
    ("ListRolePolicies", role_policy::list),
    ("ListRoleTags", role::list_tags),
    ("ListRoles", role::list),
    ("PutRolePermissionsBoundary", role::put_boundary),
    ("PutRolePolicy", role_policy::put),
    ("RemoveRoleFromInstanceProfile", instance_profile::remove_role),
    ("SetDefaultPolicyVersion", policy::set_default_version),
    ("SimulateCustomPolicy", simulate::custom),
    ("SimulatePrincipalPolicy", simulate::principal),
    ("TagInstanceProfile", instance_profile::tag),
    ("TagPolicy", policy::tag),
    ("TagRole", role::tag),
    ("UntagInstanceProfile", instance_profile::untag),
    ("UntagPolicy", policy::untag),
    ("UntagRole", role::untag),
    ("UpdateAssumeRolePolicy", role::update_trust),
    ("UpdateRole", role::update),
    ("UpdateRoleDescription", role::update_description),
];

/// Answers one IAM operation with the XML inside its `…Result` element.
///
/// # Errors
/// As the IAM API documents them.
pub fn handle(state: &mut super::State, context: &Context, operation: &str, query: &Query) -> Result<String, ApiError> {
    match OPERATIONS.iter().find(|(name, _)| *name == operation) {
        Some((_, handler)) => handler(&mut state.iam, context, query),
        None => Err(ApiError::new("InvalidAction", format!("{operation} is not simulated"))),
    }
}
