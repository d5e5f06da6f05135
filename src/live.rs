//! What AWS's ECS answers mean: where the live value of a field is, and whether it is at rest.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::json;

use crate::model::Kind;
use crate::resource::Resource;
use crate::rollout;
use crate::value::Value;
use crate::world::{Failure, Live, Phase, Seen};

/// Members of a service that DescribeServices answers only inside its PRIMARY deployment (ECS
/// service model: the Service structure does not have them).
const IN_PRIMARY: &[&str] = &["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// Members of a service that neither it nor its deployments have, only its service revisions (ECS
/// service model; hashicorp/terraform-provider-aws pull request 48792 reads `monitoring` there, too).
const IN_REVISION: &[&str] = &["gatewayConnectors", "monitoring"];

/// As many events of a service as are kept: those of a rollout that goes wrong.
const EVENTS_KEPT: usize = 30;

/// One of the `services` of a DescribeServices answer.
#[must_use]
pub fn service(mut answer: Value) -> Seen {
    let phase = match text(&answer, "status") {
        "INACTIVE" => return Seen::Absent,
        "DRAINING" => Phase::Busy("it is draining, on its way to being deleted".to_owned()),
        _ => rollout::phase(&answer),
    };
    if let Some(primary) = rollout::primary(&answer).cloned() {
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
    let events = answer
        .get("events")
        .and_then(Value::as_array)
        .map(|events| events.iter().take(EVENTS_KEPT).cloned().collect::<Value>());
    if let Some(events) = events {
        answer["events"] = events;
    }
    Seen::Present(live(answer, "serviceArn", phase))
}

/// Whether it is a service that declares what only its service revisions tell.
#[must_use]
pub fn needs_revision(resource: &Resource) -> bool {
    resource.key.kind == Kind::Service && IN_REVISION.iter().any(|member| resource.spec.get(*member).is_some())
}

/// The ARNs of a service's present revisions: one at rest, more while one replaces another.
pub fn current_revisions(service: &Live) -> impl Iterator<Item = &str> {
    let revisions = service.document.get("currentServiceRevisions").and_then(Value::as_array);
    revisions.into_iter().flatten().map(|revision| text(revision, "arn")).filter(|arn| !arn.is_empty())
}

/// The service with what only its service revisions say, when these are the present ones.
///
/// Of several the newest counts, among those with the task definition of the PRIMARY deployment: a
/// rollback makes no revision, but goes back to an older one (ECS developer guide, service
/// revisions). One from before October 2024 cannot be described (ECS API reference); none of these
/// members existed then.
#[must_use]
pub fn with_revisions<'a>(mut service: Live, revisions: impl Iterator<Item = &'a Value>) -> Live {
    let rolled_out = rollout::primary(&service.document).map(|primary| text(primary, "taskDefinition"));
    let rank = |revision: &Value| {
        let created = revision.get("createdAt").and_then(Value::as_f64).unwrap_or_default();
        (Some(text(revision, "taskDefinition")) == rolled_out, created)
    };
    let order = |a: &&Value, b: &&Value| rank(a).partial_cmp(&rank(b)).unwrap_or(Ordering::Equal);
    if let Some(revision) = revisions.max_by(order) {
        for member in IN_REVISION {
            if let Some(value) = revision.get(*member) {
                service.document[*member] = value.clone();
            }
        }
    }
    service
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
    fn monitoring_is_read_from_the_newest_revision_with_the_primary_deployments_task_definition() {
        let revision = |task_definition: &str, created: f64, seconds: u32| {
            let monitoring = json!({ "metricConfigurations": [{ "resolutionSeconds": seconds }] });
            json!({ "taskDefinition": task_definition, "createdAt": created, "monitoring": monitoring })
        };
        let seconds = |revisions: &[Value]| {
            let primary = json!({ "status": "PRIMARY", "taskDefinition": "web:1" });
            let service = Live { document: json!({ "deployments": [primary] }), ..Live::default() };
            with_revisions(service, revisions.iter()).document.pointer("/monitoring/metricConfigurations/0").cloned()
        };
        let is = |seconds: u32| Some(json!({ "resolutionSeconds": seconds }));
        assert_eq!(seconds(&[]), None);
        assert_eq!(seconds(&[revision("web:1", 2.5, 20), revision("web:1", 1.5, 60)]), is(20));
        assert_eq!(seconds(&[revision("web:2", 2.5, 20), revision("web:1", 1.5, 60)]), is(60), "a rollback");
        assert_eq!(seconds(&[revision("web:3", 1.5, 60), revision("web:2", 2.5, 20)]), is(20), "neither is PRIMARY");
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
