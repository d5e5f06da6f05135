//! Claims: revisions of a task definition that no task runs, in a family of their own.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_ecs::types::{ContainerDefinition, Tag, TaskDefinitionField};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::Aws;
use super::ecs::once;
use super::failure::classify;
use super::revisions::is_missing;
use crate::fence::{Claim, Copy, Manner, epoch};
use crate::world::{Failure, OWNER_TAG};

const ID_TAG: &str = "evenkeel:writer-id";
const WHAT_TAG: &str = "evenkeel:writer";
const SINCE_TAG: &str = "evenkeel:writer-since";
const SECONDS_TAG: &str = "evenkeel:writer-seconds";
const RELEASED_TAG: &str = "evenkeel:writer-released";
/// The longest value of a tag (ECS API reference, Tag).
const VALUE_MAX: usize = 256;

impl Aws {
    /// The claim in force among the copies of an owner.
    ///
    /// # Errors
    /// The class of AWS's error.
    pub async fn claim_in_force(&self, owner: &str) -> Result<Option<Claim>, Failure> {
        let call = self.ecs.describe_task_definition().task_definition(epoch::family(owner));
        self.paced("ecs:DescribeTaskDefinition").await;
        let answer = match call.include(TaskDefinitionField::Tags).send().await.map_err(classify) {
            Ok(answer) => answer,
            Err(failure) if is_missing(&failure) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let revision = answer.task_definition().map(|definition| definition.revision()).unwrap_or_default();
        let tags: BTreeMap<&str, &str> =
            answer.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))).collect();
        let text = |tag: &str| tags.get(tag).map_or("?", |value| value).to_owned();
        let seconds = tags.get(SECONDS_TAG).and_then(|seconds| seconds.parse().ok());
        Ok(Some(Claim {
            epoch: revision.try_into().unwrap_or_default(),
            id: text(ID_TAG),
            what: text(WHAT_TAG),
            since: text(SINCE_TAG),
            lasts: seconds.map(Duration::from_secs),
            released: tags.contains_key(RELEASED_TAG),
        }))
    }

    /// Claims for a copy of an owner. Returns the number that AWS gave the claim.
    ///
    /// # Errors
    /// The class of AWS's error; without an answer the claim may have been made.
    pub async fn claim(&self, owner: &str, copy: &Copy) -> Result<u64, Failure> {
        let tag = |key: &str, value: &str| {
            Tag::builder().key(key).value(value.chars().take(VALUE_MAX).collect::<String>()).build()
        };
        let mut tags =
            vec![tag(OWNER_TAG, owner), tag(ID_TAG, &copy.id), tag(WHAT_TAG, &copy.what), tag(SINCE_TAG, &now())];
        if let Manner::Guest { lasts, .. } = copy.manner {
            tags.push(tag(SECONDS_TAG, &lasts.as_secs().to_string()));
        }
        // The least that ECS takes.
        let container = ContainerDefinition::builder().name("never-run").image("scratch").memory(128).build();
        let call = self.ecs.register_task_definition().family(epoch::family(owner)).container_definitions(container);
        self.paced("ecs:RegisterTaskDefinition").await;
        let call = call.set_tags(Some(tags)).customize().config_override(once());
        let answer = call.send().await.map_err(classify)?;
        let revision = answer.task_definition().map(|definition| definition.revision()).unwrap_or_default();
        u64::try_from(revision).map_err(|error| Failure::Unreachable(format!("a revision's number: {error}")))
    }

    /// Marks a claim as given up.
    ///
    /// # Errors
    /// The class of AWS's error.
    pub async fn give_up(&self, owner: &str, epoch: u64) -> Result<(), Failure> {
        let arn = self.account.ecs_arn(&format!("task-definition/{}:{epoch}", epoch::family(owner)));
        let tag = Tag::builder().key(RELEASED_TAG).value(now()).build();
        self.ecs.tag_resource().resource_arn(arn).tags(tag).send().await.map(|_| ()).map_err(classify)
    }

    /// Whether a task still runs, or is still stopping. Nothing, if that cannot be told.
    pub async fn task_runs(&self, arn: &str) -> Option<bool> {
        let name = arn.strip_prefix(&self.account.ecs_arn("task/"))?;
        let call = self.ecs.describe_tasks().cluster(name.split_once('/')?.0).tasks(arn);
        match call.send().await {
            // ECS forgets tasks an hour or more after they have stopped.
            Ok(answer) => {
                let stopped = answer.tasks().iter().all(|task| task.last_status() == Some("STOPPED"));
                Some(!stopped)
            }
            Err(error) if error.as_service_error().is_some_and(|error| error.is_cluster_not_found_exception()) => {
                Some(false)
            }
            Err(error) => {
                tracing::debug!(error = %classify(error), task = arn, "could not find out whether the task runs");
                None
            }
        }
    }
}

/// This moment, for people.
pub(super) fn now() -> String {
    DateTime::from(SystemTime::now()).fmt(Format::DateTime).unwrap_or_default()
}
