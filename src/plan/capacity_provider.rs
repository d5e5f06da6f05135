//! Capacity providers.

use super::{Draft, Scene, immutable, tags};
use crate::action::Action;
use crate::diff::diff;
use crate::edit;
use crate::fields;
use crate::model::{Effect, Kind};
use crate::pattern::Pattern;
use crate::resource::Resource;
use crate::value::Value;
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

/// The declared state as UpdateCapacityProvider takes it: without what is fixed inside of it.
fn update(spec: &Value) -> Value {
    let rows = fields::tables().filter(|table| table.kind == Kind::CapacityProvider).flat_map(fields::Table::paths);
    let fixed = rows.filter(|(path, row)| row.effect == Some(Effect::Replaces) && path.contains('.'));
    let fixed: Vec<Pattern> = fixed.filter_map(|(path, _)| path.parse().ok()).collect();
    edit::without(Kind::CapacityProvider, spec, &fixed)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::update_capacity_provider::UpdateCapacityProviderInput;
    use serde_json::json;

    use super::*;
    use crate::codec::decode;

    #[test]
    fn what_is_fixed_is_not_sent() {
        let group = json!({ "name": "group", "autoScalingGroupProvider": {
            "autoScalingGroupArn": "arn", "managedDraining": "ENABLED" } });
        let sent = json!({ "name": "group", "autoScalingGroupProvider": { "managedDraining": "ENABLED" } });
        assert_eq!(update(&group), sent);
        let managed = json!({ "name": "managed", "cluster": "shop", "managedInstancesProvider": {
            "infrastructureRoleArn": "role",
            "instanceLaunchTemplate": {
                "ec2InstanceProfileArn": "profile", "capacityOptionType": "SPOT", "fipsEnabled": true,
                "networkConfiguration": { "subnets": ["subnet-1"] } } } });
        decode(&update(&managed), UpdateCapacityProviderInput::deserialize).expect("a legal request");
    }
}
