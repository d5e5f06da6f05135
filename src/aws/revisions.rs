//! Task-definition revisions: which ones services run, which one is a family's newest, and which
//! ones ECS could not roll out. Read as seldom as can be, since each is a call of its own.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{ServiceDeploymentStatus, TaskDefinitionField};

use super::Aws;
use super::failure::classify;
use crate::codec::encode;
use crate::live;
use crate::plan::task_definition;
use crate::resource::{Identity, Resource, TaskDefinition};
use crate::value::Value;
use crate::world::{DIGEST_TAG, Failure, Live, OWNER_TAG, Seen, World};

/// Service deployments that are looked at; as many revisions fit into one DescribeServiceRevisions
/// call (ECS API reference).
const DEPLOYMENTS_MAX: i32 = 20;
/// What becomes of a rollout that did not succeed.
const FAILED: &[ServiceDeploymentStatus] = &[
    ServiceDeploymentStatus::RollbackFailed,
    ServiceDeploymentStatus::RollbackInProgress,
    ServiceDeploymentStatus::RollbackRequested,
    ServiceDeploymentStatus::RollbackSuccessful,
    ServiceDeploymentStatus::Stopped,
];

impl Aws {
    /// Looks at task definitions after services: what a service runs often answers for them.
    pub(super) async fn task_definitions(&self, asked: &[&Resource], world: &mut World) {
        for service in asked {
            match &service.task_definition {
                Some(TaskDefinition::Foreign(name)) if !name.contains(':') => {
                    if let Seen::Present(revision) = self.newest(name).await {
                        world.latest.insert(name.clone(), revision.arn);
                    }
                }
                Some(TaskDefinition::Managed { .. }) => self.running(asked, service, world).await,
                _ => {}
            }
        }
        for resource in asked {
            if let Identity::TaskDefinition { family } = &resource.identity
                && !world.seen.contains_key(&resource.key)
            {
                let seen = self.newest(family).await;
                world.seen.insert(resource.key.clone(), seen);
            }
        }
        for service in asked {
            if is_about_to_roll(service, asked, world) {
                let failed = self.failed_revisions(service).await;
                world.failed.insert(service.key.clone(), failed);
            }
        }
    }

    /// Looks at the revision that a service runs. If it has the declared content, the task definition
    /// has been seen, too.
    async fn running(&self, asked: &[&Resource], service: &Resource, world: &mut World) {
        let Some(TaskDefinition::Managed { key, digest, .. }) = &service.task_definition else { return };
        let Some(Seen::Present(live)) = world.seen.get(&service.key) else { return };
        let Some(arn) = live.document.get("taskDefinition").and_then(Value::as_str).map(str::to_owned) else { return };
        let tail = arn.rsplit('/').next().unwrap_or(&arn);
        if live.tags.get(DIGEST_TAG) == Some(&format!("{tail} {digest}")) {
            // The service was made to run exactly this content: nothing needs to be read.
            let mut tags = BTreeMap::from([(DIGEST_TAG.to_owned(), digest.clone())]);
            tags.extend(live.tags.get(OWNER_TAG).map(|owner| (OWNER_TAG.to_owned(), owner.clone())));
            world.seen.insert(key.clone(), Seen::Present(Live { arn, tags, ..Live::default() }));
            return;
        }
        // A revision that was deregistered goes on running; only its content counts.
        let revision = match self.revision(&arn).await {
            Ok(revision) => revision,
            Err(failure) if is_missing(&failure) => return,
            Err(failure) => {
                world.seen.insert(service.key.clone(), Seen::Unknown(failure));
                return;
            }
        };
        let definition = asked.iter().find(|other| other.key == *key);
        if definition.is_some_and(|definition| task_definition::matches(definition, &revision)) {
            world.seen.insert(key.clone(), Seen::Present(revision.clone()));
        }
        world.revisions.insert(arn, revision);
    }

    /// The newest ACTIVE revision of a family.
    async fn newest(&self, family: &str) -> Seen {
        match self.revision(family).await {
            Ok(revision) => live::newest_revision(revision),
            Err(failure) if is_missing(&failure) => Seen::Absent,
            Err(failure) => Seen::Unknown(failure),
        }
    }

    /// A revision: by ARN, and then read only once, or a family's newest.
    async fn revision(&self, name: &str) -> Result<Live, Failure> {
        if let Some(revision) = self.remembered(name) {
            return Ok(revision);
        }
        let call = self.ecs.describe_task_definition().task_definition(name).include(TaskDefinitionField::Tags);
        let answer = call.send().await.map_err(classify)?;
        let definition = answer.task_definition().map(|definition| encode(definition)).unwrap_or_default();
        let revision = live::revision(definition, &answer.tags().iter().map(|tag| encode(tag)).collect());
        self.remember(&revision);
        Ok(revision)
    }

    /// The revisions whose last rollout in a service ECS rolled back or stopped, with the reason. Only
    /// asked of a service that does not run what is declared. Where the question is not answered
    /// (a stand-in for AWS, a missing permission) nothing is known to have failed.
    async fn failed_revisions(&self, service: &Resource) -> BTreeMap<String, String> {
        let Identity::Service { cluster, name } = &service.identity else { return BTreeMap::new() };
        let call = self.ecs.list_service_deployments().cluster(cluster).service(name).max_results(DEPLOYMENTS_MAX);
        let deployments = match call.send().await {
            Ok(answer) => answer.service_deployments.unwrap_or_default(),
            Err(error) => {
                tracing::debug!(service = name, failure = %classify(error), "the history of rollouts is not known");
                return BTreeMap::new();
            }
        };
        let arns: Vec<String> = deployments.iter().filter_map(|one| one.target_service_revision_arn.clone()).collect();
        if !deployments.iter().any(|one| one.status().is_some_and(|status| FAILED.contains(status))) {
            return BTreeMap::new();
        }
        let call = self.ecs.describe_service_revisions().set_service_revision_arns(Some(arns));
        let revisions =
            call.send().await.map(|answer| answer.service_revisions.unwrap_or_default()).unwrap_or_default();
        // Newest first: the last rollout of a task definition decides.
        let mut last: BTreeMap<String, Option<String>> = BTreeMap::new();
        for deployment in deployments {
            let target = deployment.target_service_revision_arn();
            let revision = revisions.iter().find(|revision| revision.service_revision_arn() == target);
            let Some(task_definition) = revision.and_then(|revision| revision.task_definition()) else { continue };
            let failed = deployment.status().is_some_and(|status| FAILED.contains(status));
            let reason = deployment.status_reason().unwrap_or("ECS gives no reason").to_owned();
            last.entry(task_definition.to_owned()).or_insert_with(|| failed.then_some(reason));
        }
        last.into_iter().filter_map(|(task_definition, reason)| Some((task_definition, reason?))).collect()
    }
}

/// ECS's words for a family without an ACTIVE revision and for one that was deleted; its code,
/// ClientException, says nothing.
fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(text) if text.contains("Unable to describe task definition"))
}

/// Whether the plan will be to roll a registered revision out that the service does not run.
fn is_about_to_roll(service: &Resource, asked: &[&Resource], world: &World) -> bool {
    let Some(TaskDefinition::Managed { key, .. }) = &service.task_definition else { return false };
    let (Some(Seen::Present(live)), Some(Seen::Present(revision))) =
        (world.seen.get(&service.key), world.seen.get(key))
    else {
        return false;
    };
    let matches = asked.iter().any(|other| other.key == *key && task_definition::matches(other, revision));
    matches && live.document.get("taskDefinition").is_some_and(|running| *running != revision.arn)
}
