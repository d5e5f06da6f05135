//! Tags: declared ones and the owner's. Tags that nobody declared are left alone.

use std::collections::BTreeMap;

use super::Scene;
use crate::model::{Change, Effect};
use crate::resource::Resource;
use crate::value::{Path, Value};
use crate::world::{DELETION_TAG, Live, OWNER_TAG};

impl Scene<'_> {
    /// What a resource is to be tagged with.
    pub(super) fn desired_tags(&self, resource: &Resource) -> BTreeMap<String, String> {
        let mut tags = resource.tags.clone();
        tags.insert(OWNER_TAG.to_owned(), self.rules.owner.clone());
        tags.extend(resource.deletion.map(|policy| (DELETION_TAG.to_owned(), policy.label().to_owned())));
        tags
    }

    /// The tags that are missing or have another value.
    pub(super) fn missing_tags(&self, resource: &Resource, live: &Live) -> BTreeMap<String, String> {
        let mut tags = self.desired_tags(resource);
        let of_kind = resource.key.kind.row().deletion.filter(|_| live.tags.contains_key(DELETION_TAG));
        if let Some(policy) = of_kind {
            // What an earlier manifest said counts no longer.
            tags.entry(DELETION_TAG.to_owned()).or_insert_with(|| policy.label().to_owned());
        }
        tags.retain(|key, value| live.tags.get(key) != Some(value));
        tags
    }
}

/// Tags as changes.
pub(super) fn changes(missing: &BTreeMap<String, String>, live: &Live) -> Vec<Change> {
    let change = |(key, value): (&String, &String)| Change {
        path: Path::default().key("tags").key(key),
        from: live.tags.get(key).map(|value| Value::from(value.as_str())),
        to: Some(value.as_str().into()),
        effect: Effect::NoRestart,
    };
    missing.iter().map(change).collect()
}

/// Tags in the ECS API's list form.
pub(super) fn list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({ "key": key, "value": value })).collect()
}
