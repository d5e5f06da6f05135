//! What IAM does not show to ECS yet. A role takes a moment to reach the services that are to be
//! handed it or are to assume it; here it takes as long as a test says, by default no time at all.

use std::time::Duration;

use serde_json::Value;

use super::{ApiError, Context, State};

/// How long after its creation a role is known where.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delays {
    /// To whoever checks `iam:PassRole`: before that, RegisterTaskDefinition is denied.
    pub passable: Duration,
    /// To ECS as somebody who assumes it: before that, CreateService and UpdateService are refused.
    pub assumable: Duration,
}

/// The members that name a task definition's roles.
const ROLES: &[&str] = &["executionRoleArn", "taskRoleArn"];

/// Refuses a call that needs a role which IAM does not show to ECS yet.
pub(super) fn check(state: &mut State, context: &Context, operation: &str, input: &Value) -> Result<(), ApiError> {
    let delays = state.propagation;
    match operation {
        "RegisterTaskDefinition" => match hidden(state, context, roles(input), delays.passable) {
            Some(role) => Err(denied(operation, &role)),
            None => Ok(()),
        },
        "CreateService" | "UpdateService" => {
            let reference = input.get("taskDefinition").and_then(Value::as_str).unwrap_or_default();
            let region = state.ecs.region(&context.region);
            let definition = region.task_definition(reference).map(|found| Value::Object(found.record.clone()));
            match hidden(state, context, roles(&definition.unwrap_or_default()), delays.assumable) {
                Some(_) => Err(ApiError::new(
                    "InvalidParameterException",
                    "ECS was unable to assume the role that was provided for this service.",
                )),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn roles(definition: &Value) -> Vec<String> {
    ROLES.iter().filter_map(|member| definition.get(member)?.as_str()).map(str::to_owned).collect()
}

/// The first of these roles that is younger than the delay.
fn hidden(state: &State, context: &Context, roles: Vec<String>, delay: Duration) -> Option<String> {
    let young = |arn: &String| state.iam.role_by_arn(arn).is_some_and(|role| context.now < role.created + delay);
    roles.into_iter().find(young)
}

/// In the words of terraform-aws-ecs issue 414, as far as it quotes them.
fn denied(operation: &str, role: &str) -> ApiError {
    let caller = format!("arn:aws:sts::{}:assumed-role/sandbox/session", super::ACCOUNT);
    let message = format!(
        "User: {caller} is not authorized to perform: iam:PassRole on resource: {role} because no identity-based \
         policy allows the iam:PassRole action ({operation})"
    );
    ApiError::new("AccessDeniedException", message)
}
