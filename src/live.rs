//! What AWS's ECS answers mean: where the live value of a field is, and whether it is at rest.

use std::collections::BTreeMap;

use serde_json::json;

use crate::value::Value;
use crate::world::{Failure, Live, Phase, Seen};

/// Members of a service that DescribeServices answers only inside its PRIMARY deployment (ECS
/// service model: the Service structure does not have them).
const IN_PRIMARY: &[&str] = &["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// One of the `services` of a DescribeServices answer.
#[must_use]
pub fn service(mut answer: Value) -> Seen {
    let phase = match text(&answer, "status") {
        "INACTIVE" => return Seen::Absent,
        "DRAINING" => Phase::Busy("it is draining, on its way to being deleted".to_owned()),
        _ => rollout(&answer),
    };
    if let Some(primary) = primary(&answer).cloned() {
        for member in IN_PRIMARY {
            if let Some(value) = primary.get(*member) {
                answer[*member] = value.clone();
            }
        }
    }
    // A service with the service-linked role answers its ARN, which no manifest names.
    if let Some(arn) = answer.get("roleArn").cloned() {
        answer["role"] = arn;
    }
    if let Some(arn) = answer.get("clusterArn").cloned() {
        answer["cluster"] = arn;
    }
    // Up to 100 events come along, and nothing turns them off.
    let events =
        answer.get("events").and_then(Value::as_array).map(|events| events.iter().take(5).cloned().collect::<Value>());
    if let Some(events) = events {
        answer["events"] = events;
    }
    Seen::Present(live(answer, "serviceArn", phase))
}

fn primary(service: &Value) -> Option<&Value> {
    deployments(service).find(|deployment| deployment.get("status").is_some_and(|status| status == "PRIMARY"))
}

fn deployments(service: &Value) -> impl Iterator<Item = &Value> {
    service.get("deployments").and_then(Value::as_array).into_iter().flatten()
}

/// Whether a rollout is under way, by what ECS says of the deployments and never by counting tasks
/// of a finished one.
fn rollout(service: &Value) -> Phase {
    let Some(primary) = primary(service) else { return Phase::Steady };
    let count = |name: &str| primary.get(name).and_then(Value::as_i64).unwrap_or_default();
    let progress = format!("{} of {} tasks run", count("runningCount"), count("desiredCount"));
    match text(primary, "rolloutState") {
        "FAILED" => Phase::Failed(text(primary, "rolloutStateReason").to_owned()),
        "IN_PROGRESS" => Phase::Moving(match count("failedTasks") {
            0 => progress,
            failed => format!("{progress}, {failed} failed to start"),
        }),
        // Services with another deployment controller have no rollout state.
        _ if deployments(service).count() > 1 => Phase::Moving("an older deployment still has tasks".to_owned()),
        _ => Phase::Steady,
    }
}

/// One of the `clusters` of a DescribeClusters answer.
#[must_use]
pub fn cluster(answer: Value) -> Seen {
    let phase = match text(&answer, "status") {
        "INACTIVE" => return Seen::Absent,
        "ACTIVE" => match text(&answer, "attachmentsStatus") {
            "UPDATE_IN_PROGRESS" => Phase::Busy("its capacity providers are being changed".to_owned()),
            _ => Phase::Steady,
        },
        "FAILED" => Phase::Failed("ECS could not create its resources".to_owned()),
        other => Phase::Busy(format!("its status is {other}")),
    };
    Seen::Present(live(answer, "clusterArn", phase))
}

/// One of the `capacityProviders` of a DescribeCapacityProviders answer.
#[must_use]
pub fn capacity_provider(answer: Value) -> Seen {
    let phase = match (text(&answer, "status"), text(&answer, "updateStatus")) {
        ("INACTIVE", _) | (_, "DELETE_COMPLETE") => return Seen::Absent,
        (_, status) if status.ends_with("_IN_PROGRESS") => Phase::Busy(format!("its update status is {status}")),
        (_, status) if status.ends_with("_FAILED") => Phase::Failed(text(&answer, "updateStatusReason").to_owned()),
        ("ACTIVE", _) => Phase::Steady,
        (status, _) => Phase::Busy(format!("its status is {status}")),
    };
    Seen::Present(live(answer, "capacityProviderArn", phase))
}

/// The `taskDefinition` of a DescribeTaskDefinition answer, and the tags beside it.
#[must_use]
pub fn revision(answer: Value, tags: &Value) -> Live {
    let mut revision = live(answer, "taskDefinitionArn", Phase::Steady);
    revision.tags = tag_map(tags);
    revision
}

/// What a family's newest revision says of the family: without an ACTIVE one it is as if it was not
/// there, and a revision may be registered.
#[must_use]
pub fn newest_revision(revision: Live) -> Seen {
    match text(&revision.document, "status") {
        "INACTIVE" | "DELETE_IN_PROGRESS" => Seen::Absent,
        _ => Seen::Present(revision),
    }
}

/// The `settings` of a ListAccountSettings answer.
#[must_use]
pub fn account_settings(settings: &Value) -> Seen {
    let pairs = settings.as_array().into_iter().flatten();
    let document: serde_json::Map<String, Value> =
        pairs.map(|setting| (text(setting, "name").to_owned(), json!(text(setting, "value")))).collect();
    Seen::Present(Live { document: document.into(), ..Live::default() })
}

/// What a describe call with a list of failures says of a name that it did not answer: only MISSING
/// means that it is not there.
#[must_use]
pub fn unanswered(failures: &[Value], name: &str) -> Seen {
    let failure = failures.iter().find(|failure| {
        let arn = text(failure, "arn");
        arn == name || arn.rsplit('/').next() == Some(name)
    });
    match failure.map(|failure| text(failure, "reason")) {
        Some("MISSING") => Seen::Absent,
        Some(reason) => Seen::Unknown(Failure::Unreachable(format!("AWS answered {reason} for {name}"))),
        None => Seen::Unknown(Failure::Unreachable(format!("AWS answered neither {name} nor that it is missing"))),
    }
}

fn live(answer: Value, arn: &str, phase: Phase) -> Live {
    let tags = answer.get("tags").map(tag_map).unwrap_or_default();
    Live { arn: text(&answer, arn).to_owned(), document: answer, tags, phase }
}

fn tag_map(tags: &Value) -> BTreeMap<String, String> {
    let pairs = tags.as_array().into_iter().flatten();
    pairs.map(|tag| (text(tag, "key").to_owned(), text(tag, "value").to_owned())).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inactive_service_is_gone_and_a_draining_one_is_busy() {
        assert_eq!(service(json!({ "status": "INACTIVE" })), Seen::Absent);
        let Seen::Present(live) = service(json!({ "status": "DRAINING" })) else { panic!("gone") };
        assert!(matches!(live.phase, Phase::Busy(_)));
    }

    #[test]
    fn service_connect_is_read_from_the_primary_deployment() {
        let Seen::Present(live) = service(json!({
            "status": "ACTIVE",
            "deployments": [
                { "status": "ACTIVE", "serviceConnectConfiguration": { "enabled": false } },
                { "status": "PRIMARY", "rolloutState": "COMPLETED", "serviceConnectConfiguration": { "enabled": true } },
            ],
        })) else {
            panic!("gone")
        };
        assert_eq!(live.document["serviceConnectConfiguration"], json!({ "enabled": true }));
    }

    #[test]
    fn only_missing_means_that_something_is_not_there() {
        let failures = [
            json!({ "arn": "arn:aws:ecs:us-east-1:123456789012:service/shop/web", "reason": "MISSING" }),
            json!({ "arn": "arn:aws:ecs:us-east-1:123456789012:service/shop/api", "reason": "ACCESS_DENIED" }),
        ];
        assert_eq!(unanswered(&failures, "web"), Seen::Absent);
        assert!(matches!(unanswered(&failures, "api"), Seen::Unknown(_)));
        assert!(matches!(unanswered(&failures, "worker"), Seen::Unknown(_)));
    }
}
