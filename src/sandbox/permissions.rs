//! What the caller may do: each call is judged by its policies before it is looked at any closer.
//!
//! Nobody is restricted unless a test says so. Which permissions a call asks for, on which resource and
//! with which condition keys, is in [`super::ecs::permission`] and [`super::iam::permission`].
//!
//! Not simulated: resource policies, service control policies, boundaries of the caller, and policy
//! variables.

use std::collections::BTreeSet;

use serde_json::Value;

use super::iam::query::Query;
use super::iam::{self, Decision, Keys};
use super::{ACCOUNT, ApiError, Context, REGION, Request, Sandbox, ecs, json_service, scaling};

/// One permission that a call asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) action: String,
    /// Its ARN, or `*` where the action knows no resource.
    pub(super) resource: String,
    pub(super) keys: Keys,
    /// Whether the call does without, if it must.
    pub(super) optional: bool,
}

/// What the caller may do, and what it has asked for.
#[derive(Debug, Default, Clone)]
pub struct Restriction {
    policies: Vec<Value>,
    asked: BTreeSet<String>,
}

impl Sandbox {
    /// From now on the caller may do what these policies allow, and nothing else.
    pub fn restrict(&self, policies: Vec<Value>) {
        self.state().restriction = Some(Restriction { policies, ..Restriction::default() });
    }

    /// The permissions that were asked for since the caller was restricted.
    #[must_use]
    pub fn asked(&self) -> BTreeSet<String> {
        self.state().restriction.as_ref().map(|restriction| restriction.asked.clone()).unwrap_or_default()
    }

    /// The refusal of a call that asks for more than its caller may do.
    pub(super) fn denied(&self, request: &Request, operation: &str) -> Option<ApiError> {
        let mut state = self.state();
        state.restriction.as_ref()?;
        let context = Context { now: self.now(), region: request.region.clone().unwrap_or_else(|| REGION.to_owned()) };
        let all = asked(&mut state, &context, request, operation);
        let json = request.target.is_some();
        let restriction = state.restriction.as_mut()?;
        restriction.asked.extend(all.iter().map(|asked| asked.action.clone()));
        all.iter().filter(|asked| !asked.optional).find_map(|asked| refusal(&restriction.policies, asked, json))
    }
}

fn asked(state: &mut super::State, context: &Context, request: &Request, operation: &str) -> Vec<Asked> {
    let query = Query::parse(&request.body);
    match &request.target {
        Some(target) if json_service(target) == scaling::SERVICE => {
            let action = format!("{}:{operation}", scaling::SERVICE);
            vec![Asked { action, resource: "*".to_owned(), ..Asked::default() }]
        }
        Some(_) => {
            let input = serde_json::from_slice(&request.body).unwrap_or_default();
            let first = operation == "CreateCluster" && state.iam.role("AWSServiceRoleForECS").is_none();
            let mut all = ecs::permission::asked(state.ecs.region(&context.region), context, operation, &input);
            all.extend(first.then(service_linked_role));
            all
        }
        // Nobody needs a permission to ask who they are (STS API reference, GetCallerIdentity).
        None if query.get("Version") == Some("2011-06-15") => Vec::new(),
        None => iam::permission::asked(&state.iam, operation, &query),
    }
}

/// ECS makes its own role with an account's first cluster and, where it may not, the cluster alone
/// (ECS developer guide, service-linked roles).
fn service_linked_role() -> Asked {
    Asked {
        action: "iam:CreateServiceLinkedRole".to_owned(),
        resource: format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"),
        keys: Keys::from([("iam:awsservicename".to_owned(), vec!["ecs.amazonaws.com".to_owned()])]),
        optional: true,
    }
}

/// In the words of IAM's user guide (access denied error messages).
fn refusal(policies: &[Value], asked: &Asked, json: bool) -> Option<ApiError> {
    let why = match iam::decide(policies, &asked.action, &asked.resource, &asked.keys) {
        Ok(Decision::Allowed) => return None,
        Ok(Decision::ExplicitDeny) => "with an explicit deny in an identity-based policy".to_owned(),
        Ok(Decision::ImplicitDeny) => format!("because no identity-based policy allows the {} action", asked.action),
        Err(error) => return Some(error),
    };
    let message = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/sandbox/session is not authorized to perform: {} on resource: {} {why}",
        asked.action, asked.resource
    );
    let (code, status) = if json { ("AccessDeniedException", 400) } else { ("AccessDenied", 403) };
    Some(ApiError::new(code, message).with_status(status))
}
