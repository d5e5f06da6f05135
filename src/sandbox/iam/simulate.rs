//! The policy simulator: what a set of policies would decide.
//!
//! Not simulated: resource policies, service control policies, policy variables, and whether an
//! action or a resource exists.

use serde_json::Value;

use super::document::{self, Kind};
use super::error::{constraint, invalid_input, no_such_entity};
use super::evaluate::{self, Call, Decision, Keys};
use super::page::Page;
use super::query::Query;
use super::role::Role;
use super::role_policy::name_of;
use super::{Answer, State, check, xml};
use crate::sandbox::{ApiError, Context};

/// Policies under the ids by which the answer names them.
type Policies = Vec<(String, Value)>;

pub(super) fn custom(_: &mut State, _: &Context, query: &Query) -> Answer {
    let policies = given(query, "PolicyInputList")?;
    if policies.is_empty() {
        return Err(constraint("null", "policyInputList", "not be null"));
    }
    judge(query, &policies, &given(query, "PermissionsBoundaryPolicyInputList")?)
}

pub(super) fn principal(state: &mut State, _: &Context, query: &Query) -> Answer {
    let arn = check::sized(query, "PolicySourceArn", 20, 2048)?;
    let role = state.role_by_arn(arn).ok_or_else(|| no_such_entity(format!("Entity {arn} cannot be found.")))?;
    let mut policies = policies_of(state, role)?;
    policies.extend(given(query, "PolicyInputList")?);
    let mut boundary = given(query, "PermissionsBoundaryPolicyInputList")?;
    if let (Some(arn), true) = (&role.boundary, boundary.is_empty()) {
        boundary.push(managed(state, arn)?);
    }
    judge(query, &policies, &boundary)
}

fn policies_of(state: &State, role: &Role) -> Result<Policies, ApiError> {
    let inline = role.inline.iter().map(|(name, text)| Ok((format!("role_{}_{name}", role.name), parsed(text)?)));
    inline.chain(role.attached.iter().map(|arn| managed(state, arn))).collect()
}

fn managed(state: &State, arn: &str) -> Result<(String, Value), ApiError> {
    let policy = state.policy(arn);
    let text = policy.as_ref().and_then(|policy| policy.document()).ok_or_else(|| {
        let message = format!("The sandbox does not hold the document of {arn}.");
        ApiError::new("PolicyEvaluation", message).with_status(500)
    })?;
    Ok((name_of(arn).to_owned(), parsed(text)?))
}

fn parsed(text: &str) -> Result<Value, ApiError> {
    serde_json::from_str(text).map_err(|error| invalid_input(error.to_string()))
}

fn given(query: &Query, parameter: &str) -> Result<Policies, ApiError> {
    let texts = query.list(parameter);
    let policy = |(n, text): (usize, String)| {
        document::check_identity(&text, Kind::Inline).map_err(|error| invalid_input(error.message))?;
        Ok((format!("{parameter}.{}", n + 1), parsed(&text)?))
    };
    texts.into_iter().enumerate().map(policy).collect()
}

fn judge(query: &Query, policies: &Policies, boundary: &Policies) -> Answer {
    let actions = query.list("ActionNames");
    if actions.is_empty() {
        return Err(constraint("null", "actionNames", "not be null"));
    }
    let mut resources = query.list("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let keys = context_keys(query);
    let mut results = Vec::new();
    for action in &actions {
        if !action.contains(':') || action.contains('*') {
            // The wording is (from memory).
            return Err(invalid_input(format!("Invalid Action: {action}")));
        }
        for resource in &resources {
            let call = Call { action, resource, keys: &keys };
            results.push((format!("{:06}", results.len()), evaluation(&call, policies, boundary)?));
        }
    }
    let page = Page::cut(query, results)?;
    Ok(xml::list("EvaluationResults", page.items.iter().cloned()) + &page.trailer())
}

fn evaluation(call: &Call<'_>, policies: &Policies, boundary: &Policies) -> Result<String, ApiError> {
    let (mut decision, sources) = evaluate::decide(policies.iter().map(|(id, policy)| (id.as_str(), policy)), call)?;
    let (limit, _) = evaluate::decide(boundary.iter().map(|(id, policy)| (id.as_str(), policy)), call)?;
    let within = boundary.is_empty() || limit == Decision::Allowed;
    if decision == Decision::Allowed && !within {
        decision = if limit == Decision::ExplicitDeny { limit } else { Decision::ImplicitDeny };
    }
    let matched =
        sources.iter().map(|id| xml::text("SourcePolicyId", id) + &xml::text("SourcePolicyType", "IAM Policy"));
    let boundary_detail = (!boundary.is_empty()).then(|| xml::text("AllowedByPermissionsBoundary", within));
    Ok(xml::text("EvalActionName", call.action)
        + &xml::text("EvalResourceName", call.resource)
        + &xml::text("EvalDecision", decision.word())
        + &xml::list("MatchedStatements", matched)
        + &xml::list("MissingContextValues", [])
        + &boundary_detail.map(|inner| xml::nested("PermissionsBoundaryDecisionDetail", &inner)).unwrap_or_default())
}

fn context_keys(query: &Query) -> Keys {
    let entry = |n: usize| {
        let prefix = format!("ContextEntries.member.{n}");
        let key = query.get(&format!("{prefix}.ContextKeyName"))?;
        Some((key.to_lowercase(), query.list(&format!("{prefix}.ContextKeyValues"))))
    };
    (1..).map_while(entry).collect()
}
