//! Deployments: the short records under a service, service deployments and service revisions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::input::{Input, tail, text_of};
use super::page::{Limits, page};
use super::pause::Pause;
use super::service::Service;
use super::task::{Origin, Task};
use super::{Context, Map, Outcome, Region, invalid, missing, service_not_found};
use crate::sandbox::ApiError;

/// One rollout of a service. ECS shows it twice: as a deployment inside the service (`ecs-svc/…`)
/// while tasks of it may run, and as a service deployment with a target revision for good.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// `ecs-svc/…`
    pub(super) id: String,
    /// ARN of the service deployment.
    pub(super) arn: String,
    /// ARN of the service revision that it rolls out.
    pub(super) revision_arn: String,
    /// The revision: fields of the service as they were when it began.
    pub(super) revision: Map,
    pub(super) origin: Arc<Origin>,
    pub(super) role: Role,
    pub(super) rollout: &'static str,
    pub(super) rollout_reason: String,
    /// Status of the service deployment.
    pub(super) status: &'static str,
    pub(super) status_reason: Option<String>,
    /// Whether it has ever COMPLETED: what a rollback goes back to.
    pub(super) proven: bool,
    pub(super) failed: u64,
    pub(super) sources: Vec<String>,
    pub(super) created: Duration,
    pub(super) updated: Duration,
    pub(super) started: Option<Duration>,
    pub(super) finished: Option<Duration>,
    pub(super) rollback: Option<Rollback>,
    /// Its pause hooks, as far as it has reached them: the last one may still wait.
    pub(super) pauses: Vec<Pause>,
}

/// The place of a deployment in its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Primary,
    Active,
    Gone,
}

/// A rollback under way, or done.
#[derive(Debug, Clone)]
pub(super) struct Rollback {
    pub(super) reason: String,
    pub(super) at: Duration,
    pub(super) revision_arn: String,
}

/// Fields of the service that a revision fixes.
pub(super) const REVISION: [&str; 13] = [
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "platformFamily",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
    "gatewayConnectors",
];

/// Fields of a revision that the deployment inside a service does not show.
const NOT_ON_DEPLOYMENT: [&str; 4] = ["loadBalancers", "serviceRegistries", "monitoring", "gatewayConnectors"];

/// ListServiceDeployments: twenty unless asked.
const TWENTY_OF_HUNDRED: Limits = Limits { default: 20, most: 100 };

/// "You can specify a maximum of 20 ARNs."
const MOST_ARNS: usize = 20;

impl Deployment {
    /// Whether its service deployment has not ended.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        matches!(
            self.status,
            "PENDING" | "IN_PROGRESS" | "STOP_REQUESTED" | "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS"
        )
    }

    fn brief(&self, service: &Service) -> Value {
        let mut view = Map::new();
        view.insert("serviceDeploymentArn".into(), json!(self.arn));
        view.insert("serviceArn".into(), json!(service.text("serviceArn")));
        view.insert("clusterArn".into(), json!(service.text("clusterArn")));
        view.insert("targetServiceRevisionArn".into(), json!(self.revision_arn));
        view.insert("status".into(), json!(self.status));
        view.insert("createdAt".into(), json!(self.created.as_secs_f64()));
        for (member, time) in [("startedAt", self.started), ("finishedAt", self.finished)] {
            if let Some(time) = time {
                view.insert(member.into(), json!(time.as_secs_f64()));
            }
        }
        if let Some(reason) = &self.status_reason {
            view.insert("statusReason".into(), json!(reason));
        }
        Value::Object(view)
    }

    fn full(&self, service: &Service) -> Value {
        let mut view = self.brief(service);
        let Some(members) = view.as_object_mut() else { return view };
        members.shift_remove("targetServiceRevisionArn");
        members.insert("updatedAt".into(), json!(self.updated.as_secs_f64()));
        members.insert("targetServiceRevision".into(), service.revision_summary(self, "arn"));
        let source = |arn: &String| service.deployments.iter().find(|deployment| deployment.revision_arn == *arn);
        let sources = self.sources.iter().filter_map(source);
        let sources = sources.map(|deployment| service.revision_summary(deployment, "arn")).collect();
        members.insert("sourceServiceRevisions".into(), sources);
        let configuration = service.record.get("deploymentConfiguration").cloned().unwrap_or_default();
        members.insert("deploymentConfiguration".into(), configuration);
        let threshold = service.breaker_threshold();
        let breaker = match (threshold, self.rollout) {
            (None, _) => "DISABLED",
            (Some(limit), _) if self.failed >= limit => "TRIGGERED",
            (_, "IN_PROGRESS") => "MONITORING",
            _ => "MONITORING_COMPLETE",
        };
        members.insert(
            "deploymentCircuitBreaker".into(),
            json!({ "status": breaker, "failureCount": self.failed, "threshold": threshold.unwrap_or_default() }),
        );
        if let Some(pause) = self.pauses.last() {
            members.insert("lifecycleStage".into(), json!(pause.stage));
            members.insert("lifecycleHookDetails".into(), self.pauses.iter().map(Pause::view).collect());
        }
        if self.status == "STOPPED" {
            members.insert("stoppedAt".into(), json!(self.updated.as_secs_f64()));
        }
        if let Some(rollback) = &self.rollback {
            members.insert(
                "rollback".into(),
                json!({
                    "reason": rollback.reason,
                    "startedAt": rollback.at.as_secs_f64(),
                    "serviceRevisionArn": rollback.revision_arn,
                }),
            );
        }
        view
    }

    fn revision_view(&self, service: &Service) -> Value {
        let mut view = self.revision.clone();
        view.insert("serviceRevisionArn".into(), json!(self.revision_arn));
        view.insert("serviceArn".into(), json!(service.text("serviceArn")));
        view.insert("clusterArn".into(), json!(service.text("clusterArn")));
        view.insert("createdAt".into(), json!(self.created.as_secs_f64()));
        view.insert("guardDutyEnabled".into(), json!(false));
        let image = |container: &Value| {
            let (name, image) = (text_of(container, "name"), text_of(container, "image"));
            let digest = super::id::hex(&image).repeat(2);
            json!({ "containerName": name, "image": image, "imageDigest": format!("sha256:{digest}") })
        };
        view.insert("containerImages".into(), self.origin.containers.iter().map(image).collect());
        Value::Object(view)
    }
}

impl Service {
    /// Deployments that DescribeServices shows: PRIMARY, then what it replaces.
    pub(super) fn visible(&self) -> impl Iterator<Item = &Deployment> {
        let of = |role: Role| self.deployments.iter().filter(move |deployment| deployment.role == role);
        let shown = if self.is_gone() { 0 } else { usize::MAX };
        of(Role::Primary).chain(of(Role::Active)).take(shown)
    }

    /// Running and live tasks of a deployment.
    pub(super) fn counts(&self, deployment: &str) -> (usize, usize) {
        let of = |test: fn(&Task) -> bool| {
            self.tasks.iter().filter(|task| task.origin.deployment == deployment && test(task)).count()
        };
        (of(Task::is_running), of(Task::is_live))
    }

    pub(super) fn revision_summary(&self, deployment: &Deployment, name: &str) -> Value {
        let (running, live) = self.counts(&deployment.id);
        let requested = if deployment.role == Role::Primary { self.desired() } else { live };
        json!({
            name: deployment.revision_arn,
            "requestedTaskCount": requested,
            "runningTaskCount": running,
            "pendingTaskCount": live - running,
        })
    }

    pub(super) fn deployment_views(&self) -> Value {
        let view = |deployment: &Deployment| {
            let (running, live) = self.counts(&deployment.id);
            let primary = deployment.role == Role::Primary;
            let mut view = deployment.revision.clone();
            view.retain(|member, _| !NOT_ON_DEPLOYMENT.contains(&member.as_str()));
            view.insert("id".into(), json!(deployment.id));
            view.insert("status".into(), json!(if primary { "PRIMARY" } else { "ACTIVE" }));
            view.insert("desiredCount".into(), json!(if primary { self.desired() } else { live }));
            view.insert("runningCount".into(), json!(running));
            view.insert("pendingCount".into(), json!(live - running));
            view.insert("failedTasks".into(), json!(deployment.failed));
            view.insert("createdAt".into(), json!(deployment.created.as_secs_f64()));
            view.insert("updatedAt".into(), json!(deployment.updated.as_secs_f64()));
            view.insert("rolloutState".into(), json!(deployment.rollout));
            view.insert("rolloutStateReason".into(), json!(deployment.rollout_reason));
            Value::Object(view)
        };
        self.visible().map(view).collect()
    }
}

/// The service that an ARN `…:service-deployment/cluster/service/id` or `…:service-revision/…` names.
pub(super) fn owner<'a>(
    region: &'a mut Region,
    context: &Context,
    kind: &str,
    arn: &str,
) -> Result<Option<&'a mut Service>, ApiError> {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let parts: Vec<&str> = resource.split('/').collect();
    let [found, cluster, service, _] = parts.as_slice() else {
        return Err(invalid(format!("Invalid {kind} ARN: {arn}")));
    };
    if *found != kind {
        return Err(invalid(format!("Invalid {kind} ARN: {arn}")));
    }
    Ok(region.clusters.get_mut(*cluster).and_then(|cluster| cluster.settled(service, context.now)))
}

/// ListServiceDeployments: newest first.
pub(super) fn list(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let name = input.required("service")?;
    let cluster = region.cluster(input.text("cluster"))?;
    let service = cluster.settled(tail(name), context.now).ok_or_else(service_not_found)?;
    let statuses = input.texts("status");
    let bound = |side: &str| input.get("createdAt").and_then(|range| range.get(side)?.as_f64());
    let (after, before) = (bound("after"), bound("before"));
    let fits = |deployment: &&Deployment| {
        let created = deployment.created.as_secs_f64();
        (statuses.is_empty() || statuses.contains(&deployment.status))
            && after.is_none_or(|after| created >= after)
            && before.is_none_or(|before| created <= before)
    };
    let found = service.deployments.iter().filter(|_| !service.untracked).filter(fits);
    let found = found.map(|deployment| deployment.brief(service)).collect();
    page(input, "serviceDeployments", found, TWENTY_OF_HUNDRED)
}

/// DescribeServiceDeployments: up to twenty.
pub(super) fn describe(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in input.batch("serviceDeploymentArns", MOST_ARNS)? {
        let service = owner(region, context, "service-deployment", arn)?;
        let view = service.and_then(|service| Some(service.deployments.iter().find(|d| d.arn == arn)?.full(service)));
        match view {
            Some(view) => found.push(view),
            None => failures.push(missing(arn.to_owned())),
        }
    }
    Ok(json!({ "serviceDeployments": found, "failures": failures }))
}

/// DescribeServiceRevisions: up to twenty.
pub(super) fn describe_revisions(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in input.batch("serviceRevisionArns", MOST_ARNS)? {
        let service = owner(region, context, "service-revision", arn)?;
        let view = service.and_then(|service| {
            let deployment = service.deployments.iter().find(|deployment| deployment.revision_arn == arn)?;
            Some(deployment.revision_view(service))
        });
        match view {
            Some(view) => found.push(view),
            None => failures.push(missing(arn.to_owned())),
        }
    }
    Ok(json!({ "serviceRevisions": found, "failures": failures }))
}

/// StopServiceDeployment: rolls back, or with ABORT leaves things where they are. One that is stopping
/// or going back already goes on with that (ECS developer guide, stopping service deployments).
pub(super) fn stop(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    input.check_enums(&[("stopType", &["ABORT", "ROLLBACK"])])?;
    let arn = input.required("serviceDeploymentArn")?;
    let gone =
        || ApiError::new("ServiceDeploymentNotFoundException", "The specified service deployment was not found.");
    let service = owner(region, context, "service-deployment", arn)?.ok_or_else(gone)?;
    let deployment = service.deployments.iter().find(|deployment| deployment.arn == arn).ok_or_else(gone)?;
    if !deployment.is_moving() {
        return Err(ApiError::new(
            "ConflictException",
            format!("The service deployment cannot be stopped because its status is {}.", deployment.status),
        ));
    }
    if matches!(deployment.status, "PENDING" | "IN_PROGRESS") {
        service.stop_deployment(context.now, input.text("stopType") != Some("ABORT"));
    }
    Ok(json!({ "serviceDeploymentArn": arn }))
}
