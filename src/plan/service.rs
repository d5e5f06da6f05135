//! Services.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::restart::{Restart, restart};
use super::{Draft, Reason, Scene, immutable, tags, task_definition};
use crate::action::Action;
use crate::diff::diff;
use crate::edit;
use crate::fields;
use crate::model::{Change, Effect, Key, Kind};
use crate::resource::{Identity, Resource, TaskDefinition};
use crate::value::{Map, Path, Segment, Value};
use crate::world::{DIGEST_TAG, Failure, Live, Phase, RESTARTED_TAG, Rollout, Seen};

/// What a service is to run, as far as it is known.
enum Target {
    /// This revision, or whatever a foreign name means.
    Known(String),
    /// The revision that the service runs is right.
    AsIs,
    /// A revision that is yet to be registered.
    Pending(Key),
}

impl Scene<'_> {
    pub(super) fn create_service(&self, resource: &Resource) -> Draft {
        let cluster = match &resource.identity {
            Identity::Service { cluster, .. } => cluster,
            _ => return Draft::default(),
        };
        let declared = |other: &Resource| matches!(&other.identity, Identity::Cluster { name } if name == cluster);
        if self.world.missing_clusters.contains(cluster) && !self.resources.values().any(declared) {
            return Draft { held: Some(Reason::Missing(format!("the cluster {cluster}"))), ..Draft::default() };
        }
        let mut input = resource.spec.clone();
        let mut tags = self.desired_tags(resource);
        match self.target(resource, None) {
            Target::Pending(key) => {
                return Draft { held: Some(Reason::WaitsFor(key)), ..Draft::default() };
            }
            Target::Known(revision) => {
                if let Some(TaskDefinition::Managed { digest, .. }) = &resource.task_definition {
                    tags.insert(DIGEST_TAG.to_owned(), format!("{} {digest}", tail(&revision)));
                }
                input["taskDefinition"] = revision.into();
            }
            Target::AsIs => {}
        }
        let replica = input.get("schedulingStrategy").is_none_or(|strategy| strategy == "REPLICA");
        if replica && input.get("desiredCount").is_none() {
            // ECS wants a number to start with; from then on it is the autoscaler's.
            input["desiredCount"] = 1.into();
        }
        // Its tasks are new.
        tags.extend(resource.restarted_at.clone().map(|value| (RESTARTED_TAG.to_owned(), value)));
        input["tags"] = tags::list(&tags);
        input["clientToken"] = client_token(&input).into();
        Draft { steps: vec![Action::CreateService(input)], ..Draft::default() }
    }

    pub(super) fn update_service(&self, resource: &Resource, live: &Live) -> Draft {
        let declared = compared(&resource.spec, live);
        let mut changes = diff(Kind::Service, &declared, &live.document);
        let mut held = immutable(&changes);
        let mut update = Map::new();
        for member in members(&changes) {
            update.insert(member.clone(), merged(&member, &declared, &live.document));
        }
        let mut restart = restart(resource, live);
        changes.extend(restart.iter().map(|restart| restart.change.clone()));
        let running = live.document.get("taskDefinition").and_then(Value::as_str);
        let target = self.target(resource, running);
        match &target {
            Target::AsIs => {}
            Target::Known(revision) => {
                changes.insert(0, revision_change(running, tail(revision)));
                update.insert("taskDefinition".to_owned(), revision.as_str().into());
            }
            Target::Pending(key) => {
                changes.insert(0, revision_change(running, "a new revision"));
                // One rollout, not two: everything else goes along with the new revision.
                changes.extend(tags::changes(&self.missing_tags(resource, live), live));
                let held = held.or(Some(Reason::WaitsFor(key.clone())));
                return Draft { changes, held, notes: strategy_note(&update), ..Draft::default() };
            }
        }
        let rolls = |member: &String| fields::effect(Kind::Service, member) == Effect::RollsAllTasks;
        if restart.is_some() || update.keys().any(rolls) {
            let revision = match &target {
                Target::Known(revision) => Some(revision.as_str()),
                _ => running,
            };
            if let Some(reason) = self.no_rollout(resource, revision) {
                // What replaces no task may still help: more tasks, a longer grace period.
                update.retain(|member, _| !rolls(member));
                restart = None;
                held = held.or(Some(reason));
            }
        }
        let notes = strategy_note(&update);
        let missing = self.missing_tags(resource, live);
        changes.extend(tags::changes(&missing, live));
        let steps = steps(&resource.identity, update, live, missing, restart);
        Draft { changes, steps, held, notes }
    }

    /// Why the tasks may not be replaced: the last rollout was the same as this one would be, and it
    /// failed; or nobody knows what became of it.
    fn no_rollout(&self, resource: &Resource, task_definition: Option<&str>) -> Option<Reason> {
        match self.world.rollouts.get(&resource.key)? {
            Rollout::Fine => None,
            Rollout::Unknown(failure @ (Failure::Denied(_) | Failure::Barred(_))) => {
                Some(Reason::CannotSee(failure.clone()))
            }
            Rollout::Unknown(failure) => {
                let what = format!("what became of the last rollout is not known ({failure})");
                Some(Reason::CannotSee(Failure::Unreachable(what)))
            }
            Rollout::Failed { revision, reason } => {
                let same_tasks = revision.get("taskDefinition").and_then(Value::as_str) == task_definition;
                let declared: Map<String, Value> = resource
                    .spec
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(member, _)| IN_REVISION.contains(&member.as_str()))
                    .map(|(member, value)| (member.clone(), value.clone()))
                    .collect();
                let declared = fields::turned(Kind::Service, &declared.into(), revision);
                let same = same_tasks && diff(Kind::Service, &declared, revision).is_empty();
                same.then(|| Reason::RolledBack(reason.clone()))
            }
        }
    }

    fn target(&self, resource: &Resource, running: Option<&str>) -> Target {
        match &resource.task_definition {
            None => Target::AsIs,
            Some(TaskDefinition::Foreign(name)) => {
                // A bare family means its newest ACTIVE revision.
                let wanted = self.world.latest.get(name).cloned().unwrap_or_else(|| name.clone());
                match running {
                    Some(running) if tail(running) == tail(&wanted) => Target::AsIs,
                    _ => Target::Known(wanted),
                }
            }
            Some(TaskDefinition::Managed { key, digest, .. }) => {
                let Some(definition) = self.resources.get(key) else { return Target::Pending(key.clone()) };
                if running.is_some_and(|running| self.runs(resource, definition, digest, running)) {
                    return Target::AsIs;
                }
                match self.world.seen.get(key) {
                    // Without a digest it is not what is declared, but what had to be left: nobody who
                    // runs something else is to be made to run that.
                    Some(Seen::Present(revision))
                        if definition.digest.is_some() && task_definition::matches(definition, revision) =>
                    {
                        Target::Known(revision.arn.clone())
                    }
                    _ => Target::Pending(key.clone()),
                }
            }
        }
    }

    /// Whether the running revision has the declared content: by the service's own memory of it, or
    /// by the revision itself.
    fn runs(&self, service: &Resource, definition: &Resource, digest: &str, running: &str) -> bool {
        let remembered = match self.world.seen.get(&service.key) {
            Some(Seen::Present(live)) => live.tags.get(DIGEST_TAG),
            _ => None,
        };
        remembered.is_some_and(|memory| *memory == format!("{} {digest}", tail(running)))
            || self.world.revisions.get(running).is_some_and(|revision| task_definition::matches(definition, revision))
    }
}

/// The calls that bring a service closer to what is declared.
fn steps(
    identity: &Identity,
    mut update: Map<String, Value>,
    live: &Live,
    mut tags: BTreeMap<String, String>,
    restart: Option<Restart>,
) -> Vec<Action> {
    let Identity::Service { cluster, name } = identity else { return Vec::new() };
    let (restarts, mut steps) = (restart.is_some(), Vec::new());
    if restarts || update.contains_key("capacityProviderStrategy") {
        // AWS refuses a new strategy without it.
        update.insert("forceNewDeployment".to_owned(), true.into());
    }
    if !update.is_empty() {
        update.insert("cluster".to_owned(), cluster.as_str().into());
        update.insert("service".to_owned(), name.as_str().into());
        steps.push(Action::UpdateService(update.into()));
    }
    tags.extend(restart.into_iter().flat_map(|restart| restart.tags));
    if !tags.is_empty() {
        // A restart is remembered before it begins.
        let at = if restarts { 0 } else { steps.len() };
        steps.insert(at, Action::TagResource { arn: live.arn.clone(), tags });
    }
    steps
}

/// The declared state as it is compared: with `desiredCount` only where it is the manifest's, and with
/// load balancers only while nobody moves traffic between their target groups.
fn compared(spec: &Value, live: &Live) -> Value {
    let mut spec = fields::turned(Kind::Service, spec, &live.document);
    if let Some(map) = spec.as_object_mut() {
        // A DAEMON service has as many tasks as instances: the number only mirrors them.
        let daemon = |value: &Value| value.get("schedulingStrategy").is_some_and(|strategy| strategy == "DAEMON");
        if daemon(&live.document) {
            map.shift_remove("desiredCount");
        }
        if shifts_traffic(live) {
            map.shift_remove("loadBalancers");
        }
        for member in fields::controller(&live.document).map_or(&[][..], |controller| controller.moves) {
            map.shift_remove(*member);
        }
    }
    spec
}

/// Deployment strategies with two target groups for each load balancer (ECS service model).
const TWO_TARGET_GROUPS: &[&str] = &["BLUE_GREEN", "CANARY", "LINEAR"];

/// Whether a deployment with two target groups is under way.
fn shifts_traffic(live: &Live) -> bool {
    let strategy = live.document.pointer("/deploymentConfiguration/strategy").and_then(Value::as_str);
    matches!(live.phase, Phase::Moving(_) | Phase::Paused(_))
        && strategy.is_some_and(|strategy| TWO_TARGET_GROUPS.contains(&strategy))
}

/// Members of a service that its service revisions have, too (ECS service model, ServiceRevision).
const IN_REVISION: &[&str] = &[
    "capacityProviderStrategy",
    "gatewayConnectors",
    "loadBalancers",
    "monitoring",
    "networkConfiguration",
    "platformVersion",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// The top-level members that UpdateService is to carry.
fn members(changes: &[Change]) -> Vec<String> {
    let mut members = Vec::new();
    for change in changes.iter().filter(|change| change.effect != Effect::Replaces) {
        if let Some(Segment::Key(member)) = change.path.0.first()
            && !members.contains(member)
        {
            members.push(member.clone());
        }
    }
    members
}

/// These are sent with what is live filled in around what is declared, so that declaring one leaf
/// does not reset its neighbours. Their form is the same in the request and in the answer.
const MERGED: &[&str] = &["deploymentConfiguration", "networkConfiguration", "serviceConnectConfiguration"];

/// Of a merged member: what an update keeps when it leaves it out, and what AWS refuses when it comes
/// along unasked with a switch to BLUE_GREEN (kayac/ecspresso#1082).
const KEPT: &[&str] = &["earlySuccessCriteria"];

/// What is legal with one strategy alone (ECS service model), and would come along to the next.
const STEPS: &[(&str, &str)] = &[("linearConfiguration", "LINEAR"), ("canaryConfiguration", "CANARY")];

fn merged(member: &str, spec: &Value, live: &Value) -> Value {
    let declared = spec.get(member).cloned().unwrap_or_default();
    let clears = fields::cleared(Kind::Service, &json!({ member: {} }))[member] == declared;
    if clears || !MERGED.contains(&member) {
        return declared;
    }
    let mut merged = edit::overlay(live.get(member), &declared);
    if let Some(merged) = merged.as_object_mut() {
        let strategy = merged.get("strategy").cloned().unwrap_or_default();
        let fits = |name: &str| STEPS.iter().all(|(steps, of)| *steps != name || strategy == *of);
        merged.retain(|name, _| declared.get(name).is_some() || !KEPT.contains(&name.as_str()) && fits(name));
    }
    merged
}

fn strategy_note(update: &Map<String, Value>) -> Vec<String> {
    let note = "AWS takes another capacityProviderStrategy only with forceNewDeployment: every task is replaced";
    update.contains_key("capacityProviderStrategy").then(|| note.to_owned()).into_iter().collect()
}

fn revision_change(running: Option<&str>, to: &str) -> Change {
    Change {
        path: Path::default().key("taskDefinition"),
        from: running.map(|arn| tail(arn).into()),
        to: Some(to.into()),
        effect: Effect::RollsAllTasks,
    }
}

/// The family of the revision that a service runs.
pub(super) fn running_family(service: &Live) -> Option<&str> {
    let running = service.document.get("taskDefinition").and_then(Value::as_str)?;
    tail(running).split(':').next()
}

/// `web:3` of an ARN, or the text itself.
fn tail(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The same for the same request, so that a repeat after a lost answer is no second service. ECS
/// takes up to 36 characters.
fn client_token(input: &Value) -> String {
    let hash = Sha256::digest(json!(input).to_string().as_bytes());
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> Value {
        json!({
            "deploymentConfiguration": {
                "maximumPercent": 200,
                "deploymentCircuitBreaker": { "enable": true, "rollback": true, "resetOnHealthyTask": true },
                "earlySuccessCriteria": { "enable": true, "healthyPercent": 80 },
            },
            "serviceConnectConfiguration": { "enabled": true, "namespace": "shop" },
        })
    }

    /// What UpdateService carries for a declared member.
    fn carried(member: &str, declared: Value) -> Value {
        let spec = fields::cleared(Kind::Service, &json!({ member: declared }));
        assert!(!diff(Kind::Service, &spec, &live()).is_empty(), "it is a difference");
        merged(member, &spec, &live())
    }

    #[test]
    fn what_is_not_declared_keeps_its_live_value_and_early_success_does_so_by_being_left_out() {
        assert_eq!(
            carried("deploymentConfiguration", json!({ "maximumPercent": 150 })),
            json!({
                "maximumPercent": 150,
                "deploymentCircuitBreaker": { "enable": true, "rollback": true, "resetOnHealthyTask": true },
            })
        );
    }

    #[test]
    fn a_map_that_is_left_empty_is_sent_as_what_clears_it() {
        assert_eq!(carried("serviceConnectConfiguration", json!({})), json!({ "enabled": false }));
        let update =
            carried("deploymentConfiguration", json!({ "deploymentCircuitBreaker": {}, "earlySuccessCriteria": {} }));
        assert_eq!(update["deploymentCircuitBreaker"]["enable"], false);
        assert_eq!(update["deploymentCircuitBreaker"]["rollback"], false);
        assert_eq!(update["earlySuccessCriteria"]["enable"], false);
        assert_eq!(update["maximumPercent"], 200);
    }

    #[test]
    fn one_member_of_service_connect_does_not_reset_the_others() {
        assert_eq!(
            carried("serviceConnectConfiguration", json!({ "enabled": true, "services": [{ "portName": "web" }] })),
            json!({ "enabled": true, "namespace": "shop", "services": [{ "portName": "web" }] })
        );
    }

    #[test]
    fn what_was_cleared_is_no_difference_any_more() {
        let spec = fields::cleared(
            Kind::Service,
            &json!({ "serviceConnectConfiguration": {}, "deploymentConfiguration": { "earlySuccessCriteria": {} } }),
        );
        assert_eq!(diff(Kind::Service, &spec, &json!({})), []);
    }

    fn balancer(blue: &str, green: &str, port: u16) -> Value {
        let advanced = json!({ "alternateTargetGroupArn": green, "roleArn": "arn:aws:iam::123456789012:role/ecs" });
        json!({ "targetGroupArn": blue, "containerName": "web", "containerPort": port, "advancedConfiguration": advanced })
    }

    fn service(balancer: &Value, strategy: &str, phase: Phase) -> Live {
        let strategy = json!({ "strategy": strategy });
        let document = json!({ "loadBalancers": [balancer], "deploymentConfiguration": strategy });
        Live { document, phase, ..Live::default() }
    }

    fn moving() -> Phase {
        Phase::Moving("1 of 2 tasks run".to_owned())
    }

    #[test]
    fn a_pair_of_target_groups_has_no_order_and_one_without_the_other_is_no_pair() {
        let spec = |blue: &str, green: &str| json!({ "loadBalancers": [balancer(blue, green, 80)] });
        let live = service(&balancer("green", "blue", 80), "BLUE_GREEN", Phase::Steady);
        let differs = |spec: &Value| !diff(Kind::Service, &compared(spec, &live), &live.document).is_empty();
        assert!(!differs(&spec("blue", "green")));
        assert!(!differs(&spec("green", "blue")));
        assert!(differs(&spec("blue", "teal")));
        assert!(differs(&spec("green", "green")));
        let mut other_role = spec("blue", "green");
        other_role["loadBalancers"][0]["advancedConfiguration"]["roleArn"] = "arn:aws:iam::123456789012:role/b".into();
        assert!(differs(&other_role));
    }

    #[test]
    fn a_change_beside_a_turned_pair_leaves_the_pair_as_it_is_live() {
        let live = service(&balancer("green", "blue", 80), "BLUE_GREEN", Phase::Steady);
        let spec = json!({ "loadBalancers": [balancer("blue", "green", 8080)] });
        let sent = merged("loadBalancers", &compared(&spec, &live), &live.document);
        assert_eq!(sent, json!([balancer("green", "blue", 8080)]));
    }

    #[test]
    fn load_balancers_are_not_compared_while_ecs_shifts_traffic_between_their_target_groups() {
        let spec = json!({ "loadBalancers": [balancer("blue", "teal", 80)] });
        let compared = |strategy: &str, phase: Phase| {
            compared(&spec, &service(&balancer("green", "blue", 80), strategy, phase)).get("loadBalancers").is_some()
        };
        for strategy in TWO_TARGET_GROUPS {
            assert!(!compared(strategy, moving()), "{strategy}");
            assert!(compared(strategy, Phase::Steady), "{strategy}");
        }
        assert!(compared("ROLLING", moving()));
    }
}
