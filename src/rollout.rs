//! What a rollout has come to: by the status of its service deployment, never by counting tasks. As
//! many tasks as wanted run after a rollback, too.

use crate::value::Value;
use crate::world::{Live, Phase};

/// What the status of a service deployment means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has replaced what ran before.
    Succeeded,
    /// It has not ended.
    UnderWay,
    /// It has failed, and ECS is on the way back to what ran before.
    GoingBack,
    /// It has failed, or somebody stopped it.
    Failed,
}

/// Every status (ECS service model, ServiceDeploymentStatus).
const STATUSES: &[(&str, Verdict)] = &[
    ("PENDING", Verdict::UnderWay),
    ("IN_PROGRESS", Verdict::UnderWay),
    ("STOP_REQUESTED", Verdict::UnderWay),
    ("SUCCESSFUL", Verdict::Succeeded),
    ("ROLLBACK_REQUESTED", Verdict::GoingBack),
    ("ROLLBACK_IN_PROGRESS", Verdict::GoingBack),
    ("ROLLBACK_SUCCESSFUL", Verdict::Failed),
    ("ROLLBACK_FAILED", Verdict::Failed),
    ("STOPPED", Verdict::Failed),
];

/// How much later than its service deployment a service's own deployment may be created, in seconds.
/// One that is later still belongs to another rollout.
const AT_ONCE: f64 = 10.0;

/// How many different events are worth showing.
const EVENTS_MAX: usize = 3;

/// What has become of a service deployment. A status that is new to us is no success.
#[must_use]
pub fn verdict(deployment: &Value) -> Verdict {
    let status = text(deployment, "status");
    STATUSES.iter().find(|(name, _)| *name == status).map_or(Verdict::UnderWay, |(_, verdict)| *verdict)
}

/// Whether a rollout is under way or has failed, as far as the service itself says: by the rollout
/// state of its PRIMARY deployment, and never by counting tasks.
#[must_use]
pub fn phase(service: &Value) -> Phase {
    let Some(primary) = primary(service) else { return Phase::Steady };
    let events = events(service, seconds(primary, "createdAt"));
    match text(primary, "rolloutState") {
        "FAILED" => Phase::Failed(format!("{}{events}", sentence(text(primary, "rolloutStateReason")))),
        "IN_PROGRESS" => Phase::Moving(format!("{}{events}", progress(service, ""))),
        // Services with another deployment controller have no rollout state.
        _ if deployments(service).count() > 1 => Phase::Moving("an older deployment still has tasks".to_owned()),
        _ => Phase::Steady,
    }
}

/// The same by the service deployment, which knows better.
#[must_use]
pub fn judged(service: &Live, deployment: &Value) -> Phase {
    if is_of_another_rollout(service, deployment) {
        return service.phase.clone();
    }
    let progress = progress(&service.document, text(deployment, "lifecycleStage"));
    let events = events(&service.document, seconds(deployment, "createdAt"));
    match verdict(deployment) {
        Verdict::Succeeded => Phase::Steady,
        Verdict::Failed => Phase::Failed(format!("{}{events}", reason(deployment))),
        Verdict::GoingBack => Phase::Moving(format!("ECS takes it back: {}; {progress}{events}", reason(deployment))),
        Verdict::UnderWay => match paused(deployment) {
            Some(why) => Phase::Paused(format!("{why}{events}")),
            None => Phase::Moving(format!("{progress}{events}")),
        },
    }
}

/// Why a service deployment is as it is, in ECS's words, and what it said meanwhile.
#[must_use]
pub fn explained(service: &Live, deployment: &Value) -> String {
    format!("{}{}", reason(deployment), events(&service.document, seconds(deployment, "createdAt")))
}

/// Whether service deployments tell of this service at all: with other controllers there are none (from
/// memory).
#[must_use]
pub fn has_service_deployments(service: &Live) -> bool {
    let controller = service.document.pointer("/deploymentController/type").and_then(Value::as_str);
    controller.is_none_or(|controller| controller == "ECS")
}

/// The ARN of the service deployment that is under way, where the service names it.
#[must_use]
pub fn current(service: &Live) -> Option<&str> {
    match service.phase {
        // Which one it names once a rollout has ended is not documented.
        Phase::Moving(_) => service.document.get("currentServiceDeployment").and_then(Value::as_str),
        _ => None,
    }
}

/// The deployment that a service is on its way to, or at.
#[must_use]
pub fn primary(service: &Value) -> Option<&Value> {
    deployments(service).find(|deployment| text(deployment, "status") == "PRIMARY")
}

fn deployments(service: &Value) -> impl Iterator<Item = &Value> {
    array(service, "deployments")
}

/// Whether a service deployment had ended before the service's PRIMARY deployment began: another
/// rollout has, and it is not listed yet. A rollback begins a deployment before it ends.
fn is_of_another_rollout(service: &Live, deployment: &Value) -> bool {
    let Some(began) = primary(&service.document).and_then(|primary| seconds(primary, "createdAt")) else {
        return false;
    };
    let rolled_back = text(deployment, "status").starts_with("ROLLBACK_");
    let later = |than: Option<f64>| than.is_some_and(|than| began > than);
    later(seconds(deployment, "finishedAt"))
        || !rolled_back && later(seconds(deployment, "createdAt").map(|created| created + AT_ONCE))
}

fn reason(deployment: &Value) -> String {
    match text(deployment, "statusReason") {
        "" => format!("ECS gives no reason for {}", text(deployment, "status")),
        reason => sentence(reason).to_owned(),
    }
}

/// How far the PRIMARY deployment is.
fn progress(service: &Value, stage: &str) -> String {
    let count = |name: &str| primary(service).and_then(|primary| primary.get(name)?.as_i64()).unwrap_or_default();
    let mut progress = format!("{} of {} tasks run", count("runningCount"), count("desiredCount"));
    match count("failedTasks") {
        0 => {}
        failed => progress.push_str(&format!(", {failed} failed to start")),
    }
    if !stage.is_empty() {
        progress.push_str(&format!(", stage {stage}"));
    }
    progress
}

/// What a paused deployment waits for, and how it goes on (ECS developer guide, pause hooks).
fn paused(deployment: &Value) -> Option<String> {
    let hook = array(deployment, "lifecycleHookDetails").find(|hook| text(hook, "status") == "AWAITING_ACTION")?;
    let (arn, id) = (text(deployment, "serviceDeploymentArn"), text(hook, "hookId"));
    let mut paused = format!(
        "paused at {} by a lifecycle hook until somebody says how to go on: aws ecs continue-service-deployment \
         --service-deployment-arn {arn} --hook-id {id} --action CONTINUE, or ROLLBACK",
        text(deployment, "lifecycleStage")
    );
    match text(hook, "timeoutAction") {
        "" => {}
        action => paused.push_str(&format!("; when the hook times out, ECS takes {action}")),
    }
    Some(paused)
}

/// What ECS has said of the service since then: newest first, and the same once, with its number.
fn events(service: &Value, since: Option<f64>) -> String {
    let mut said: Vec<(String, usize)> = Vec::new();
    let since = since.unwrap_or_default();
    for event in array(service, "events").filter(|event| seconds(event, "createdAt").is_some_and(|at| at >= since)) {
        let message = without_ids(text(event, "message"));
        match said.iter_mut().find(|(before, _)| *before == message) {
            Some((_, times)) => *times += 1,
            None => said.push((message, 1)),
        }
    }
    let shown: Vec<String> = said.into_iter().take(EVENTS_MAX).map(times).collect();
    if shown.is_empty() { String::new() } else { format!("; last events: {}", shown.join("; ")) }
}

fn times((message, times): (String, usize)) -> String {
    if times == 1 { message } else { format!("{message} ({times} times)") }
}

/// An event without the name of its service and without what makes each one different: ids of tasks
/// and of deployments.
fn without_ids(message: &str) -> String {
    let message =
        message.strip_prefix("(service ").and_then(|rest| rest.split_once(") ")).map_or(message, |(_, it)| it);
    let words = message.split_whitespace().map(|word| {
        let id = word.trim_end_matches([')', '.', ',']);
        let is_id = id.starts_with("ecs-svc/")
            || id.len() >= 32 && id.chars().all(|digit| digit.is_ascii_hexdigit() || digit == '-');
        if is_id { word.replacen(id, "…", 1) } else { word.to_owned() }
    });
    let said = words.collect::<Vec<_>>().join(" ").replace("(task …)", "").replace("(deployment …)", "");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    sentence(&said).trim_end_matches([':', ' ']).to_owned()
}

fn sentence(text: &str) -> &str {
    text.trim_end_matches('.')
}

fn array<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn seconds(value: &Value, member: &str) -> Option<f64> {
    value.get(member).and_then(Value::as_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A service whose PRIMARY deployment was created at `began`.
    fn service(state: &str, began: f64) -> Live {
        let document = json!({
            "deployments": [{ "status": "PRIMARY", "rolloutState": state, "createdAt": began, "runningCount": 1,
                              "desiredCount": 2, "failedTasks": 3 }],
            "events": [],
        });
        Live { phase: phase(&document), document, ..Live::default() }
    }

    fn deployment(status: &str, created: f64, finished: f64) -> Value {
        json!({ "status": status, "statusReason": "because.", "createdAt": created, "finishedAt": finished })
    }

    fn failed() -> Phase {
        Phase::Failed("because".to_owned())
    }

    #[test]
    fn a_status_decides_whatever_the_counts_are() {
        let live = service("COMPLETED", 100.0);
        for (status, _) in STATUSES {
            let judged = judged(&live, &deployment(status, 100.0, 200.0));
            match *status {
                "SUCCESSFUL" => assert_eq!(judged, Phase::Steady),
                "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED" => assert_eq!(judged, failed(), "{status}"),
                _ => assert!(matches!(judged, Phase::Moving(_)), "{status}: {judged:?}"),
            }
        }
        let new = judged(&live, &deployment("ON_ITS_HEAD", 100.0, 200.0));
        assert!(matches!(new, Phase::Moving(_)), "a status that nobody knows is no success: {new:?}");
    }

    #[test]
    fn what_ended_before_the_rollout_began_says_nothing_of_it() {
        let moving = service("IN_PROGRESS", 200.0);
        for status in ["STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "SUCCESSFUL"] {
            assert_eq!(judged(&moving, &deployment(status, 100.0, 150.0)), moving.phase, "{status}");
        }
        // It was stopped by the rollout that is not listed yet.
        assert_eq!(judged(&moving, &deployment("STOPPED", 100.0, 201.0)), moving.phase);
        // A rollback's own deployment begins while the service deployment has yet to end.
        assert_eq!(judged(&service("COMPLETED", 200.0), &deployment("ROLLBACK_SUCCESSFUL", 100.0, 250.0)), failed());
        assert_eq!(judged(&service("COMPLETED", 101.0), &deployment("STOPPED", 100.0, 150.0)), failed());
    }

    #[test]
    fn events_of_this_rollout_are_counted_and_the_newest_three_are_said() {
        let task = |digit: &str| format!("(service web) has started 1 tasks: (task {}).", digit.repeat(32));
        let event = |at: f64, message: &str| json!({ "createdAt": at, "message": message });
        let mut live = service("IN_PROGRESS", 100.0);
        live.document["events"] = json!([
            event(104.0, "(service web) is unable to consistently start tasks successfully."),
            event(103.0, &task("a")),
            event(102.0, "(service web) (deployment ecs-svc/123) is odd."),
            event(102.0, &task("b")),
            event(101.0, "(service web) the fourth."),
            event(99.0, &task("c")),
        ]);
        assert_eq!(
            phase(&live.document),
            Phase::Moving(
                "1 of 2 tasks run, 3 failed to start; last events: is unable to consistently start tasks successfully; \
                 has started 1 tasks (2 times); is odd"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_paused_deployment_says_how_it_goes_on() {
        let mut paused = deployment("IN_PROGRESS", 100.0, 0.0);
        paused["finishedAt"] = Value::Null;
        paused["serviceDeploymentArn"] = "arn:d".into();
        paused["lifecycleStage"] = "PRE_SCALE_UP".into();
        let hook = |status: &str| json!([{ "hookId": "ecs-pause-1", "status": status, "timeoutAction": "ROLLBACK" }]);
        paused["lifecycleHookDetails"] = hook("AWAITING_ACTION");
        let live = service("IN_PROGRESS", 100.0);
        let Phase::Paused(why) = judged(&live, &paused) else { panic!("not paused") };
        for part in ["paused at PRE_SCALE_UP", "arn:d --hook-id ecs-pause-1 --action CONTINUE", "ECS takes ROLLBACK"] {
            assert!(why.contains(part), "{part}: {why}");
        }
        paused["lifecycleHookDetails"] = hook("SUCCEEDED");
        assert_eq!(
            judged(&live, &paused),
            Phase::Moving("1 of 2 tasks run, 3 failed to start, stage PRE_SCALE_UP".to_owned())
        );
    }

    #[test]
    fn only_the_services_own_word_while_it_moves_names_its_service_deployment() {
        for (state, named) in [("IN_PROGRESS", Some("arn:d")), ("COMPLETED", None), ("FAILED", None)] {
            let mut live = service(state, 100.0);
            live.document["currentServiceDeployment"] = "arn:d".into();
            assert_eq!(current(&live), named, "{state}");
        }
    }
}
