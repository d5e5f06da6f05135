//! Task-definition revisions: which ones services run, and which one is a family's newest. Read as
//! seldom as can be, since each is a call of its own.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::TaskDefinitionField;

use super::Aws;
use super::failure::classify;
use crate::codec::encode;
use crate::live;
use crate::plan::task_definition;
use crate::resource::{Identity, Resource, TaskDefinition};
use crate::value::Value;
use crate::world::{DIGEST_TAG, Failure, Live, OWNER_TAG, Seen, World};

impl Aws {
    /// Looks at task definitions after services: what a service runs often answers for them.
    pub(super) async fn task_definitions(&self, asked: &[&Resource], world: &mut World) {
        for service in asked {
            match &service.task_definition {
                Some(TaskDefinition::Foreign(name)) if !name.contains(':') => match self.newest(name).await {
                    Seen::Present(revision) => {
                        world.latest.insert(name.clone(), revision.arn);
                    }
                    // Without its answer, whatever is newest would look like a change.
                    Seen::Unknown(failure) => {
                        world.seen.insert(service.key.clone(), Seen::Unknown(failure));
                    }
                    Seen::Absent => {
                        let missing = Failure::Conflict(format!("there is no ACTIVE revision of the family {name}"));
                        world.seen.insert(service.key.clone(), Seen::Unknown(missing));
                    }
                },
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
        if definition.is_some_and(|definition| task_definition::matches(definition, &revision))
            && let active @ Seen::Present(_) = live::newest_revision(revision.clone())
        {
            world.seen.insert(key.clone(), active);
        }
        world.revisions.insert(arn, revision);
    }

    /// The names of the roles that a revision's tasks have; none if it cannot be read.
    pub async fn roles_of(&self, revision: &str) -> Vec<String> {
        let Ok(revision) = self.revision(revision).await else { return Vec::new() };
        let role = |member: &str| revision.document.get(member)?.as_str()?.rsplit('/').next().map(str::to_owned);
        ["taskRoleArn", "executionRoleArn"].into_iter().filter_map(role).collect()
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
        self.paced("ecs:DescribeTaskDefinition").await;
        let answer = call.send().await.map_err(classify)?;
        let definition = answer.task_definition().map(|definition| encode(definition)).unwrap_or_default();
        let revision = live::revision(definition, &answer.tags().iter().map(|tag| encode(tag)).collect());
        self.remember(&revision);
        Ok(revision)
    }
}

/// ECS's words for a family without an ACTIVE revision and for one that was deleted; its code,
/// ClientException, says nothing.
pub(super) fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(text) if text.contains("Unable to describe task definition"))
}
