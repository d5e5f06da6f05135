//! Customer managed policies: a changed document is a new version.

use super::{Draft, Scene, immutable, tags};
use crate::action::Action;
use crate::diff::diff;
use crate::model::{Change, Effect, Kind};
use crate::resource::Resource;
use crate::value::{Path, Value};
use crate::world::Live;

/// IAM keeps at most five versions of a policy (IAM quotas).
const VERSIONS_MAX: usize = 5;

impl Scene<'_> {
    pub(super) fn create_policy(&self, resource: &Resource) -> Draft {
        let text = |name: &str| resource.spec.get(name).and_then(Value::as_str).map(str::to_owned);
        let create = Action::CreatePolicy {
            name: text("policyName").unwrap_or_default(),
            path: text("path").unwrap_or_else(|| "/".to_owned()),
            description: text("description"),
            document: resource.spec["policyDocument"].clone(),
            tags: self.desired_tags(resource),
        };
        Draft { steps: vec![create], ..Draft::default() }
    }

    pub(super) fn update_policy(&self, resource: &Resource, live: &Live) -> Draft {
        let arn = &live.arn;
        let mut changes = diff(Kind::Policy, &resource.spec, &live.document);
        let changes_document = super::touches(&changes, "policyDocument");
        let early = if changes_document { self.too_early(resource, live) } else { None };
        let held = immutable(&changes);
        let mut steps = Vec::new();
        if changes_document && early.is_none() {
            if let Some(version) = oldest_version_to_drop(&live.document) {
                changes.push(Change {
                    path: Path::default().key("versions").key(&version),
                    from: Some(version.as_str().into()),
                    to: None,
                    effect: Effect::Deletes,
                });
                steps.push(Action::DeletePolicyVersion { arn: arn.clone(), version });
            }
            steps.push(Action::CreatePolicyVersion {
                arn: arn.clone(),
                document: resource.spec["policyDocument"].clone(),
            });
        }
        let missing = self.missing_tags(resource, live);
        if !missing.is_empty() {
            changes.extend(tags::changes(&missing, live));
            steps.push(Action::TagPolicy { arn: arn.clone(), tags: missing });
        }
        Draft { changes, steps, held: held.or(early), ..Draft::default() }
    }
}

/// The oldest version that is not the default, when there is no room for another. Version ids count
/// up and are never used twice.
fn oldest_version_to_drop(document: &Value) -> Option<String> {
    let versions = document.get("versions")?.as_array()?;
    if versions.len() < VERSIONS_MAX {
        return None;
    }
    let number = |id: &str| id.trim_start_matches('v').parse::<u64>().unwrap_or(u64::MAX);
    versions
        .iter()
        .filter(|version| version.get("isDefaultVersion") != Some(&Value::Bool(true)))
        .filter_map(|version| version.get("versionId")?.as_str())
        .min_by_key(|id| number(id))
        .map(str::to_owned)
}
