//! Capacity providers.

use super::{Draft, Scene, immutable, tags};
use crate::action::Action;
use crate::diff::diff;
use crate::model::{Effect, Kind};
use crate::resource::Resource;
use crate::value::{Map, Value};
use crate::world::Live;

impl Scene<'_> {
    pub(super) fn create_capacity_provider(&self, resource: &Resource) -> Draft {
        let mut input = resource.spec.clone();
        input["tags"] = tags::list(&self.desired_tags(resource));
        Draft { steps: vec![Action::CreateCapacityProvider(input)], ..Draft::default() }
    }

    pub(super) fn update_capacity_provider(&self, resource: &Resource, live: &Live) -> Draft {
        let mut changes = diff(Kind::CapacityProvider, &resource.spec, &live.document);
        let held = immutable(&changes);
        let mut steps = Vec::new();
        if changes.iter().any(|change| change.effect != Effect::Replaces) {
            steps.push(Action::UpdateCapacityProvider(update(&resource.spec)));
        }
        let missing = self.missing_tags(resource, live);
        if !missing.is_empty() {
            changes.extend(tags::changes(&missing, live));
            steps.push(Action::TagResource { arn: live.arn.clone(), tags: missing });
        }
        Draft { changes, steps, held, ..Draft::default() }
    }
}

/// The declared state as UpdateCapacityProvider takes it: without the group, which is fixed.
fn update(spec: &Value) -> Value {
    let mut input: Map<String, Value> = spec.as_object().cloned().unwrap_or_default();
    if let Some(Value::Object(group)) = input.get_mut("autoScalingGroupProvider") {
        group.shift_remove("autoScalingGroupArn");
    }
    input.into()
}
