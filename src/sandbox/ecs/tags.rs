//! Tags: TagResource, UntagResource, ListTagsForResource, and the tags of every other request. The
//! limits are documented, the wording is (from memory).

use serde_json::{Value, json};

use super::input::{Input, text_of};
use super::{Context, Outcome, Region, cluster_not_found, invalid};
use crate::sandbox::ApiError;

/// "Maximum number of tags per resource - 50".
const MOST: usize = 50;

/// The tags of one resource, in the order in which they were set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// The `tags` member of a request.
    ///
    /// # Errors
    /// When a tag breaks a rule of ECS.
    pub fn of(input: &Input) -> Result<Self, ApiError> {
        let mut tags = Self::default();
        tags.merge(input.list("tags"))?;
        Ok(tags)
    }

    /// Adds tags; a key that is there takes the new value.
    ///
    /// # Errors
    /// When a tag breaks a rule of ECS; then none is added.
    pub fn merge(&mut self, list: &[Value]) -> Result<(), ApiError> {
        let mut merged = self.clone();
        for tag in list {
            let (key, value) = (text_of(tag, "key").unwrap_or_default(), text_of(tag, "value").unwrap_or_default());
            check(key, value)?;
            merged.set(key, value);
        }
        if merged.0.len() > MOST {
            return Err(invalid("Tags can not have more than 50 elements."));
        }
        *self = merged;
        Ok(())
    }

    /// Sets one tag without checking it: ECS itself sets `aws:` keys.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((key.to_owned(), value.to_owned())),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tags as requests and answers carry them.
    #[must_use]
    pub fn view(&self) -> Value {
        self.0.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
    }
}

fn check(key: &str, value: &str) -> Result<(), ApiError> {
    if key.is_empty() || key.chars().count() > 128 {
        return Err(invalid("Tag keys must be between 1 and 128 characters long."));
    }
    if value.chars().count() > 256 {
        return Err(invalid("Tag values must be at most 256 characters long."));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(invalid("Tag keys can not start with the reserved prefix aws:."));
    }
    let legal = |c: char| c.is_alphanumeric() || c.is_whitespace() || "+-=._:/@".contains(c);
    if !key.chars().all(legal) || !value.chars().all(legal) {
        return Err(invalid("Tag keys and values can contain letters, numbers, spaces and + - = . _ : / @ only."));
    }
    Ok(())
}

/// TagResource.
pub(super) fn tag(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    locate(region, input.required("resourceArn")?)?.merge(input.list("tags"))?;
    Ok(json!({}))
}

/// UntagResource; keys that are not there are not an error.
pub(super) fn untag(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let keys = input.texts("tagKeys");
    locate(region, input.required("resourceArn")?)?.0.retain(|(key, _)| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

/// ListTagsForResource.
pub(super) fn list(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let tags = locate(region, input.required("resourceArn")?)?;
    Ok(json!({ "tags": tags.view() }))
}

/// The tags of what an ARN names, as answers carry them; nothing when there is no such thing.
pub(super) fn of(region: &mut Region, arn: &str) -> Option<Value> {
    locate(region, arn).ok().map(|tags| tags.view())
}

/// The tags behind an ARN. Resources that are gone have none to give.
fn locate<'a>(region: &'a mut Region, arn: &str) -> Result<&'a mut Tags, ApiError> {
    let wrong = || invalid("The specified resource ARN is not valid. Specify a valid ARN and try again.");
    let resource = arn.splitn(6, ':').nth(5).filter(|_| arn.starts_with("arn:")).ok_or_else(wrong)?;
    let parts: Vec<&str> = resource.split('/').collect();
    match parts.as_slice() {
        ["cluster", name] => Ok(&mut region.cluster(Some(name))?.tags),
        ["service", cluster, name] => {
            let service = region.cluster(Some(cluster))?.services.get_mut(*name).filter(|service| service.is_active());
            Ok(&mut service.ok_or_else(gone)?.tags)
        }
        ["task-definition", reference] => Ok(&mut region.task_definition_mut(reference).ok_or_else(gone)?.tags),
        ["capacity-provider", name] => Ok(&mut region.capacity_providers.get_mut(*name).ok_or_else(gone)?.tags),
        ["task", cluster, id] => {
            let cluster = region.clusters.get_mut(*cluster).ok_or_else(cluster_not_found)?;
            Ok(&mut cluster.task_mut(id).ok_or_else(gone)?.tags)
        }
        ["container-instance", cluster, id] => {
            let cluster = region.clusters.get_mut(*cluster).ok_or_else(cluster_not_found)?;
            Ok(&mut cluster.instances.get_mut(*id).ok_or_else(gone)?.tags)
        }
        ["task-set", cluster, service, "ecs-svc", id] => {
            let service = region.cluster(Some(cluster))?.services.get_mut(*service).ok_or_else(gone)?;
            let set = service.task_sets.iter_mut().find(|set| set.id == *id).ok_or_else(gone)?;
            Ok(&mut set.tags)
        }
        _ => Err(wrong()),
    }
}

fn gone() -> ApiError {
    invalid("The specified resource is no longer available or does not exist.")
}
