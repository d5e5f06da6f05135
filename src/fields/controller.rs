//! Services that ECS itself does not roll out: what is left to UpdateService, and what takes a
//! deployment by somebody else.

use crate::value::Value;

/// A deployment controller other than ECS.
#[derive(Debug, PartialEq, Eq)]
pub struct Controller {
    /// `deploymentController.type`.
    pub name: &'static str,
    /// The members of a service that UpdateService changes. It refuses the others.
    pub updates: &'static [&'static str],
    /// The members that a deployment by the controller changes.
    pub deploys: &'static [&'static str],
    /// What such a deployment is, for people.
    pub deployment: &'static str,
    /// The members that such a deployment changes of its own accord: they are not compared.
    pub moves: &'static [&'static str],
}

/// Every one of them. What UpdateService takes is in its description in the ECS service model. What
/// CodeDeploy changes is in the user guide of CodeDeploy ("resources" of an AppSpec file), and what a
/// task set has in CreateTaskSet of the ECS service model.
pub const CONTROLLERS: &[Controller] = &[
    Controller {
        name: "CODE_DEPLOY",
        updates: &[
            "desiredCount",
            "deploymentConfiguration",
            "healthCheckGracePeriodSeconds",
            "placementConstraints",
            "placementStrategy",
            "enableECSManagedTags",
            "propagateTags",
        ],
        deploys: &["capacityProviderStrategy", "networkConfiguration", "platformVersion", "taskDefinition"],
        deployment: "a CodeDeploy deployment",
        // Each deployment ends at the other one of two target groups.
        moves: &["loadBalancers"],
    },
    Controller {
        name: "EXTERNAL",
        updates: &[
            "desiredCount",
            "healthCheckGracePeriodSeconds",
            "placementConstraints",
            "placementStrategy",
            "enableECSManagedTags",
            "propagateTags",
        ],
        deploys: &[
            "capacityProviderStrategy",
            "launchType",
            "loadBalancers",
            "networkConfiguration",
            "platformVersion",
            "serviceRegistries",
            "taskDefinition",
        ],
        deployment: "a new task set",
        moves: &[],
    },
];

/// The controller that rolls a live service out, if that is not ECS.
#[must_use]
pub fn controller(service: &Value) -> Option<&'static Controller> {
    let name = service.pointer("/deploymentController/type").and_then(Value::as_str)?;
    CONTROLLERS.iter().find(|controller| controller.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fields;
    use crate::model::{Effect, Kind};

    #[test]
    fn a_service_without_a_word_of_its_controller_is_rolled_out_by_ecs() {
        assert_eq!(controller(&json!({})), None);
        assert_eq!(controller(&json!({ "deploymentController": { "type": "ECS" } })), None);
        let external = json!({ "deploymentController": { "type": "EXTERNAL" } });
        assert_eq!(controller(&external).map(|controller| controller.name), Some("EXTERNAL"));
    }

    #[test]
    fn every_member_has_a_row_and_is_changed_in_one_way() {
        for controller in CONTROLLERS {
            let all: Vec<_> = [controller.updates, controller.deploys, controller.moves].concat();
            for member in &all {
                assert!(fields::lookup(Kind::Service, member).is_some(), "{member}");
                assert_eq!(all.iter().filter(|other| *other == member).count(), 1, "{member}");
            }
            for member in controller.updates {
                let effect = fields::effect(Kind::Service, member);
                assert!(effect < Effect::RollsAllTasks, "{member} replaces tasks, and that is not ECS's to do");
            }
        }
    }
}
