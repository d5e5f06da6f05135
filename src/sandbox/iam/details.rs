//! The account as a whole: authorization details and the summary.

use std::borrow::Cow;
use std::collections::HashMap;

use super::instance_profile::InstanceProfile;
use super::page::Page;
use super::policy::{Policy, SIZE_QUOTA, Usage, VERSIONS_QUOTA, page_key};
use super::query::{Query, encode};
use super::role::{Role, TRUST_QUOTA, View};
use super::role_policy::{ATTACHED_QUOTA, INLINE_QUOTA, attached};
use super::{Answer, State, aws_managed, xml};
use crate::sandbox::Context;

const KINDS: [&str; 5] = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];

enum Entity<'s> {
    Role(&'s Role),
    Policy(Cow<'s, Policy>),
}

/// Everything in a few large pages; roles come without description and session duration.
pub(super) fn authorization(state: &mut State, _: &Context, query: &Query) -> Answer {
    let filter = query.list("Filter");
    if let Some(kind) = filter.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        let rule = format!("satisfy constraint: [Member must satisfy enum value set: [{}]]", KINDS.join(", "));
        return Err(super::error::constraint(&format!("'[{kind}]'"), "filter", &rule));
    }
    let wanted = |kind: &str| filter.is_empty() || filter.iter().any(|wanted| wanted == kind);
    let state = &*state;
    let usages = state.usages();
    let page = Page::cut(query, entities(state, &usages, wanted))?;
    let mut profiles: HashMap<&str, Vec<&InstanceProfile>> = HashMap::new();
    for profile in state.profiles.values() {
        profiles.entry(profile.role.as_deref().unwrap_or_default()).or_default().push(profile);
    }
    let (mut roles, mut policies) = (Vec::new(), Vec::new());
    for entity in &page.items {
        match entity {
            Entity::Role(role) => {
                let profiles = profiles.get(role.name.as_str()).map_or(&[][..], Vec::as_slice);
                roles.push(role_detail(state, role, profiles));
            }
            Entity::Policy(policy) => {
                let usage = usages.get(policy.arn.as_str()).copied().unwrap_or_default();
                policies.push(policy_detail(policy, usage));
            }
        }
    }
    Ok(xml::list("UserDetailList", [])
        + &xml::list("GroupDetailList", [])
        + &xml::list("RoleDetailList", roles)
        + &xml::list("Policies", policies)
        + &page.trailer())
}

fn entities<'s>(
    state: &'s State,
    usages: &HashMap<&'s str, Usage>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<(String, Entity<'s>)> {
    let mut entities = Vec::new();
    if wanted("Role") {
        entities.extend(state.roles.iter().map(|(key, role)| (format!("1 {key}"), Entity::Role(role))));
    }
    if wanted("LocalManagedPolicy") {
        let policies = state.policies.values();
        entities.extend(policies.map(|p| (format!("2 {}", page_key(p)), Entity::Policy(Cow::Borrowed(p)))));
    }
    if wanted("AWSManagedPolicy") {
        // Only those in use (from memory).
        let policies = usages.keys().filter_map(|arn| aws_managed::policy(arn));
        entities.extend(policies.map(|p| (format!("3 {}", page_key(&p)), Entity::Policy(p))));
    }
    entities.sort_by(|a, b| a.0.cmp(&b.0));
    entities
}

fn role_detail(state: &State, role: &Role, profiles: &[&InstanceProfile]) -> String {
    let inline = role
        .inline
        .iter()
        .map(|(name, text)| xml::text("PolicyName", name) + &xml::text("PolicyDocument", encode(text)));
    role.xml(state, View::Core)
        + &xml::list("InstanceProfileList", profiles.iter().map(|profile| profile.xml(state)))
        + &xml::list("RolePolicyList", inline)
        + &xml::list("AttachedManagedPolicies", role.attached.iter().map(|arn| attached(arn)))
        + &role.boundary_xml()
        + &role.tags.xml()
        + &xml::nested("RoleLastUsed", "")
}

fn policy_detail(policy: &Policy, usage: Usage) -> String {
    let versions = policy.versions.iter().rev().map(|version| policy.version_xml(version, true));
    policy.core_xml(usage) + &xml::list("PolicyVersionList", versions)
}

/// Counts and quotas. The quotas that nothing here enforces are AWS's defaults (from memory).
pub(super) fn summary(state: &mut State, _: &Context, _: &Query) -> Answer {
    let count = |n: usize| n.to_string();
    let versions = state.policies.values().map(|policy| policy.versions.len()).sum();
    let entries = [
        ("Users", count(0)),
        ("UsersQuota", count(5000)),
        ("Groups", count(0)),
        ("GroupsQuota", count(300)),
        ("Roles", count(state.roles.len())),
        ("RolesQuota", count(1000)),
        ("Policies", count(state.policies.len())),
        ("PoliciesQuota", count(1500)),
        ("PolicyVersionsInUse", count(versions)),
        ("PolicyVersionsInUseQuota", count(10_000)),
        ("InstanceProfiles", count(state.profiles.len())),
        ("InstanceProfilesQuota", count(1000)),
        ("Providers", count(0)),
        ("AttachedPoliciesPerRoleQuota", count(ATTACHED_QUOTA)),
        ("AttachedPoliciesPerUserQuota", count(10)),
        ("AttachedPoliciesPerGroupQuota", count(10)),
        ("AssumeRolePolicySizeQuota", count(TRUST_QUOTA)),
        ("RolePolicySizeQuota", count(INLINE_QUOTA)),
        ("PolicySizeQuota", count(SIZE_QUOTA)),
        ("VersionsPerPolicyQuota", count(VERSIONS_QUOTA)),
        ("AccountMFAEnabled", count(1)),
        ("AccountAccessKeysPresent", count(0)),
    ];
    let entries: String = entries
        .iter()
        .map(|(key, value)| xml::nested("entry", &(xml::text("key", key) + &xml::text("value", value))))
        .collect();
    Ok(xml::nested("SummaryMap", &entries))
}
