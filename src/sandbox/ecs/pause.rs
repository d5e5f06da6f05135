//! Pause hooks: a deployment that has come to such a stage waits for ContinueServiceDeployment, or for
//! the hook to time out (ECS developer guide, pause hooks).
//!
//! Coarse as the scheduler is, a stage before SCALE_UP comes before the first task, and every later one
//! once all tasks run. The first deployment of a service never pauses (from memory).

use std::time::Duration;

use serde_json::{Value, json};

use super::deployment::{Role, owner};
use super::input::{Input, text_of};
use super::rollout::Cause;
use super::service::Service;
use super::{Context, Outcome, Region, id, invalid};
use crate::sandbox::ApiError;

/// The stages at which a hook may pause, in order, and whether they come before the first task.
const STAGES: [(&str, bool); 6] = [
    ("RECONCILE_SERVICE", true),
    ("PRE_SCALE_UP", true),
    ("POST_SCALE_UP", false),
    ("POST_TEST_TRAFFIC_SHIFT", false),
    ("PRE_PRODUCTION_TRAFFIC_SHIFT", false),
    ("POST_PRODUCTION_TRAFFIC_SHIFT", false),
];

/// *(from memory)*
const HOOK: Cause = Cause {
    by: "ECS deployment lifecycle hook",
    failure: "a pause hook was answered with ROLLBACK.",
    why: "a pause hook was answered with ROLLBACK",
};

/// A pause hook that a deployment has come to.
#[derive(Debug, Clone)]
pub struct Pause {
    id: String,
    /// Where it pauses.
    pub(super) stage: &'static str,
    status: &'static str,
    until: Duration,
    action: String,
}

impl Pause {
    /// The hook as DescribeServiceDeployments shows it.
    #[must_use]
    pub fn view(&self) -> Value {
        json!({
            "hookId": self.id,
            "targetType": "PAUSE",
            "status": self.status,
            "expiresAt": self.until.as_secs_f64(),
            "timeoutAction": self.action,
        })
    }

    fn waits(&self) -> bool {
        self.status == "AWAITING_ACTION"
    }
}

impl Service {
    /// Whether the PRIMARY deployment waits at a hook. It comes to one here, and a hook times out here.
    pub(super) fn pauses(&mut self, at: Duration) -> bool {
        self.come_to_a_hook(at);
        let primary = self.primary().filter(|primary| primary.status == "IN_PROGRESS");
        let Some(pause) = primary.and_then(|primary| primary.pauses.last()).filter(|pause| pause.waits()) else {
            return false;
        };
        let until = pause.until;
        if until > at {
            self.wake_at = Some(until);
            return true;
        }
        let action = pause.action.clone();
        self.answer(at, "TIMED_OUT", &action);
        true
    }

    fn come_to_a_hook(&mut self, at: Duration) {
        let first = self.deployments.iter().filter(|deployment| deployment.role != Role::Gone).count() < 2;
        let Some(primary) = self.primary().filter(|primary| primary.status == "IN_PROGRESS" && !first) else { return };
        let scaled = self.counts(&primary.id).0 == self.desired();
        let hooks = self.configured("lifecycleHooks").and_then(Value::as_array).into_iter().flatten();
        let hooks: Vec<&Value> = hooks.filter(|hook| text_of(hook, "targetType") == Some("PAUSE")).collect();
        let stops = |hook: &Value, stage: &str| {
            hook.get("lifecycleStages").and_then(Value::as_array).is_some_and(|stages| stages.contains(&json!(stage)))
        };
        let passed = |stage: &str| primary.pauses.iter().any(|pause| pause.stage == stage);
        let next = STAGES.iter().find_map(|(stage, before)| {
            let hook = hooks.iter().find(|hook| stops(hook, stage))?;
            (!passed(stage) && (*before || scaled)).then_some((*stage, *hook))
        });
        let Some((stage, hook)) = next.filter(|_| !primary.pauses.iter().any(Pause::waits)) else { return };
        let timeout = hook.get("timeoutConfiguration");
        let minutes = timeout.and_then(|timeout| timeout.get("timeoutInMinutes")?.as_u64()).unwrap_or(1440);
        let action = timeout.and_then(|timeout| text_of(timeout, "action")).unwrap_or("ROLLBACK").to_owned();
        let pause = Pause {
            id: format!("ecs-pause-{}", id::hex(&(&primary.id, stage))),
            stage,
            status: "AWAITING_ACTION",
            until: at + Duration::from_secs(60 * minutes),
            action,
        };
        if let Some(primary) = self.primary_mut() {
            primary.pauses.push(pause);
        }
    }

    fn answer(&mut self, at: Duration, status: &'static str, action: &str) {
        if let Some(pause) = self.primary_mut().and_then(|primary| primary.pauses.last_mut()) {
            pause.status = status;
        }
        if action == "ROLLBACK" {
            self.fail(at, &HOOK, true);
        }
        self.wake(at);
    }
}

/// ContinueServiceDeployment.
pub(super) fn go_on(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    input.check_enums(&[("action", &["CONTINUE", "ROLLBACK"])])?;
    let (arn, hook) = (input.required("serviceDeploymentArn")?, input.required("hookId")?);
    let gone =
        || ApiError::new("ServiceDeploymentNotFoundException", "The specified service deployment was not found.");
    let service = owner(region, context, "service-deployment", arn)?.ok_or_else(gone)?;
    let paused = service.primary().filter(|primary| primary.arn == arn && primary.status == "IN_PROGRESS");
    let pause = paused.and_then(|primary| primary.pauses.last());
    if !pause.is_some_and(|pause| pause.id == hook && pause.waits()) {
        // (from memory)
        return Err(invalid("The lifecycle hook does not await an action."));
    }
    service.answer(context.now, "SUCCEEDED", input.text("action").unwrap_or("CONTINUE"));
    Ok(json!({ "serviceDeploymentArn": arn }))
}
