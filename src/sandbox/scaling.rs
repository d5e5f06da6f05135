//! The simulated Application Auto Scaling: scalable targets of ECS services.
//!
//! It has no scaling policies, and moves a service by itself only where registering a target does:
//! into the target's range. Whoever plays a policy calls UpdateService, as the real service does.
//! Wording is (from memory) throughout.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ecs::id;
use super::ecs::input::{Input, tail, text_of};
use super::{ACCOUNT, ApiError, Context, ecs};

/// The service as permissions call it.
pub const SERVICE: &str = "application-autoscaling";
/// How the `X-Amz-Target` of its operations begins.
pub const TARGET: &str = "AnyScaleFrontendService.";

/// The only dimension of an ECS service.
const DIMENSION: &str = "ecs:service:DesiredCount";
/// Most entries of a page, and most resource ids of a request (Application Auto Scaling service model).
const MOST: usize = 50;

/// Scalable targets by Region and resource id, `service/CLUSTER/NAME`.
#[derive(Debug, Clone, Default)]
pub struct State {
    regions: BTreeMap<String, BTreeMap<String, Target>>,
}

impl State {
    fn region(&mut self, context: &Context) -> &mut BTreeMap<String, Target> {
        self.regions.entry(context.region.clone()).or_default()
    }
}

/// The range within which a service is scaled.
#[derive(Debug, Clone, Default)]
struct Target {
    min: i64,
    max: i64,
    suspended: Option<Value>,
    created: f64,
}

/// Answers one operation.
///
/// # Errors
/// As the Application Auto Scaling API documents them.
pub fn handle(state: &mut super::State, context: &Context, operation: &str, input: &Value) -> ecs::Outcome {
    let input = Input::new(input.clone())?;
    match operation {
        "DeregisterScalableTarget" => deregister(state, context, &input),
        "DescribeScalableTargets" => describe(state, context, &input),
        "RegisterScalableTarget" => register(state, context, &input),
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not simulated"))),
    }
}

fn register(state: &mut super::State, context: &Context, input: &Input) -> ecs::Outcome {
    let id = target_id(input)?;
    let Some(count) = desired_count(state, context, &id) else {
        return Err(invalid(format!("ECS service doesn't exist: {id}")));
    };
    let old = state.scaling.region(context).get(&id).cloned();
    let bound = |member: &str, old: Option<i64>| {
        input.integer(member).or(old).ok_or_else(|| invalid(format!("{member} is required to register a target")))
    };
    let target = Target {
        min: bound("MinCapacity", old.as_ref().map(|old| old.min))?,
        max: bound("MaxCapacity", old.as_ref().map(|old| old.max))?,
        suspended: input.get("SuspendedState").cloned().or(old.as_ref().and_then(|old| old.suspended.clone())),
        created: old.map_or(context.epoch_seconds(), |old| old.created),
    };
    if target.min < 0 || target.max < target.min {
        return Err(invalid("Maximum capacity cannot be less than minimum capacity, nor either less than 0"));
    }
    let within = count.clamp(target.min, target.max);
    if within != count {
        let (cluster, service) = names(&id);
        let update = json!({ "cluster": cluster, "service": service, "desiredCount": within });
        ecs::handle(state, context, "UpdateService", update)?;
    }
    state.scaling.region(context).insert(id.clone(), target);
    Ok(json!({ "ScalableTargetARN": arn(context, &id) }))
}

fn describe(state: &mut super::State, context: &Context, input: &Input) -> ecs::Outcome {
    check_kind(input)?;
    let ids = input.texts("ResourceIds");
    if ids.len() > MOST {
        return Err(invalid(format!("ResourceIds must have length less than or equal to {MOST}")));
    }
    if ids.is_empty() && input.get("ScalableDimension").is_some() {
        return Err(invalid("A resource ID is required with a scalable dimension"));
    }
    let size = match input.integer("MaxResults") {
        None => MOST,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=MOST).contains(size))
            .ok_or_else(|| invalid(format!("MaxResults must be between 1 and {MOST}")))?,
    };
    forget_gone(state, context);
    let targets = state.scaling.region(context);
    // A token is the id of the last entry of the page before.
    let last = input.text("NextToken");
    if last.is_some_and(|last| !last.starts_with("service/")) {
        return Err(ApiError::new("InvalidNextTokenException", "The next token supplied was invalid"));
    }
    let fits = |id: &str| (ids.is_empty() || ids.contains(&id)) && last.is_none_or(|last| id > last);
    let found: Vec<(&String, &Target)> = targets.iter().filter(|(id, _)| fits(id)).collect();
    let page: Vec<Value> = found.iter().take(size).map(|(id, target)| view(context, id, target)).collect();
    let mut answer = json!({ "ScalableTargets": page });
    if let Some((id, _)) = found.get(size.wrapping_sub(1)).filter(|_| found.len() > size) {
        answer["NextToken"] = json!(id);
    }
    Ok(answer)
}

fn deregister(state: &mut super::State, context: &Context, input: &Input) -> ecs::Outcome {
    let id = target_id(input)?;
    forget_gone(state, context);
    match state.scaling.region(context).remove(&id) {
        Some(_) => Ok(json!({})),
        None => Err(ApiError::new(
            "ObjectNotFoundException",
            format!(
                "No scalable target found for service namespace: ecs, resource ID: {id}, scalable dimension: {DIMENSION}"
            ),
        )),
    }
}

/// A service takes its target along when it is deleted (eagletmt/hako pull request 69).
fn forget_gone(state: &mut super::State, context: &Context) {
    let ids: Vec<String> = state.scaling.region(context).keys().cloned().collect();
    for id in ids {
        if desired_count(state, context, &id).is_none() {
            state.scaling.region(context).remove(&id);
        }
    }
}

/// How many tasks an ACTIVE service is to run.
fn desired_count(state: &mut super::State, context: &Context, id: &str) -> Option<i64> {
    let (cluster, service) = names(id);
    let input = json!({ "cluster": cluster, "services": [service] });
    let answer = ecs::handle(state, context, "DescribeServices", input).ok()?;
    let service = answer.pointer("/services/0").filter(|service| text_of(service, "status") == Some("ACTIVE"))?;
    service.get("desiredCount")?.as_i64()
}

fn view(context: &Context, id: &str, target: &Target) -> Value {
    let role = "ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService";
    let awake = json!({
        "DynamicScalingInSuspended": false,
        "DynamicScalingOutSuspended": false,
        "ScheduledScalingSuspended": false,
    });
    json!({
        "ServiceNamespace": "ecs",
        "ResourceId": id,
        "ScalableDimension": DIMENSION,
        "MinCapacity": target.min,
        "MaxCapacity": target.max,
        "RoleARN": format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/{role}"),
        "CreationTime": target.created,
        "SuspendedState": target.suspended.clone().unwrap_or(awake),
        "ScalableTargetARN": arn(context, id),
    })
}

fn arn(context: &Context, id: &str) -> String {
    context.arn(SERVICE, &format!("scalable-target/0ec5{}", id::hex(&id)))
}

/// The `service/CLUSTER/NAME` of a request, its namespace and dimension checked.
fn target_id(input: &Input) -> Result<String, ApiError> {
    check_kind(input)?;
    let id = input.text("ResourceId").unwrap_or_default();
    match id.split('/').collect::<Vec<_>>()[..] {
        ["service", cluster, name] if !cluster.is_empty() && !name.is_empty() => Ok(id.to_owned()),
        _ => Err(invalid(format!("Unsupported resource ID: {id}"))),
    }
}

fn check_kind(input: &Input) -> Result<(), ApiError> {
    let dimension = input.text("ScalableDimension");
    if input.text("ServiceNamespace") != Some("ecs") || dimension.is_some_and(|dimension| dimension != DIMENSION) {
        return Err(invalid("Unsupported service namespace or scalable dimension"));
    }
    Ok(())
}

fn names(id: &str) -> (&str, &str) {
    (id.split('/').nth(1).unwrap_or_default(), tail(id))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}
