//! The policies of a role: inline ones, and managed ones attached to it.

use super::document::{self, Kind};
use super::error::{limit_exceeded, no_such_entity};
use super::page::Page;
use super::query::{Query, encode};
use super::role::SERVICE_PATH;
use super::{Answer, State, check, xml};
use crate::sandbox::{ApiError, Context};

/// The quota of all inline policies of a role together.
pub(super) const INLINE_QUOTA: usize = 10_240;
/// The default quota of managed policies on one role.
pub(super) const ATTACHED_QUOTA: usize = 10;

pub(super) fn put(state: &mut State, _: &Context, query: &Query) -> Answer {
    let name = check::name(query, "PolicyName", 128)?;
    let text = check::document(query, "PolicyDocument")?;
    let role = state.role_to_change(query)?;
    document::check_identity(text, Kind::Inline)?;
    let others = role.inline.iter().filter(|(other, _)| *other != name);
    if others.map(|(_, text)| document::size(text)).sum::<usize>() + document::size(text) > INLINE_QUOTA {
        return Err(limit_exceeded(format!(
            "Maximum policy size of {INLINE_QUOTA} bytes exceeded for role {}",
            role.name
        )));
    }
    role.inline.insert(name.to_owned(), text.to_owned());
    Ok(String::new())
}

pub(super) fn get(state: &mut State, _: &Context, query: &Query) -> Answer {
    let name = check::name(query, "PolicyName", 128)?;
    let role = state.named_role(query)?;
    let text = role.inline.get(name).ok_or_else(|| not_found(name))?;
    Ok(xml::text("RoleName", &role.name) + &xml::text("PolicyName", name) + &xml::text("PolicyDocument", encode(text)))
}

pub(super) fn list(state: &mut State, _: &Context, query: &Query) -> Answer {
    let role = state.named_role(query)?;
    let page = Page::cut(query, role.inline.keys().map(|name| (name.clone(), name)))?;
    Ok(xml::list("PolicyNames", page.items.iter().map(|name| xml::escape(name))) + &page.trailer())
}

pub(super) fn delete(state: &mut State, _: &Context, query: &Query) -> Answer {
    let name = check::name(query, "PolicyName", 128)?;
    match state.role_to_change(query)?.inline.remove(name) {
        Some(_) => Ok(String::new()),
        None => Err(not_found(name)),
    }
}

fn not_found(name: &str) -> ApiError {
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}

/// Attaching twice is no error.
pub(super) fn attach(state: &mut State, _: &Context, query: &Query) -> Answer {
    let arn = check::policy_arn(query, "PolicyArn")?;
    state.role_to_change(query)?;
    let policy = state.policy(arn);
    let policy = policy.ok_or_else(|| no_such_entity(format!("Policy {arn} does not exist or is not attachable.")))?;
    if policy.path.starts_with(SERVICE_PATH) {
        let message = "Cannot attach a Service Role Policy to a Customer Role.";
        return Err(ApiError::new("PolicyNotAttachable", message));
    }
    let role = state.role_to_change(query)?;
    if role.attached.len() >= ATTACHED_QUOTA && !role.attached.contains(arn) {
        return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED_QUOTA}")));
    }
    role.attached.insert(arn.to_owned());
    Ok(String::new())
}

pub(super) fn detach(state: &mut State, _: &Context, query: &Query) -> Answer {
    let arn = check::policy_arn(query, "PolicyArn")?;
    if state.role_to_change(query)?.attached.remove(arn) {
        return Ok(String::new());
    }
    Err(no_such_entity(format!("Policy {arn} was not found.")))
}

pub(super) fn list_attached(state: &mut State, _: &Context, query: &Query) -> Answer {
    let prefix = check::path_prefix(query)?;
    let role = state.named_role(query)?;
    let policies = role.attached.iter().filter(|arn| path_of(arn).starts_with(prefix));
    // By name, as nobody looks for an account number; the rest of the key only keeps it unique.
    let mut policies: Vec<_> = policies.map(|arn| (format!("{} {}", name_of(arn), owner_of(arn)), arn)).collect();
    policies.sort();
    let page = Page::cut(query, policies)?;
    Ok(xml::list("AttachedPolicies", page.items.iter().map(|arn| attached(arn))) + &page.trailer())
}

/// One attached policy, as every list of them shows it.
pub(super) fn attached(arn: &str) -> String {
    xml::text("PolicyName", name_of(arn)) + &xml::text("PolicyArn", arn)
}

/// The last part of an ARN that ends in a path and a name.
pub(super) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn owner_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// The path in an ARN such as `arn:aws:iam::aws:policy/service-role/Name`.
fn path_of(arn: &str) -> &str {
    let resource = &arn[arn.find('/').unwrap_or(0)..];
    &resource[..resource.rfind('/').map_or(0, |at| at + 1)]
}
