//! Service-linked roles: those that an AWS service keeps for itself.

use serde_json::json;

use super::error::{invalid_input, no_such_entity};
use super::query::Query;
use super::role::{SERVICE_PATH, View};
use super::trust::Trust;
use super::{Answer, State, check, xml};
use crate::sandbox::Context;

/// A service that has such a role.
struct Service {
    name: &'static str,
    role: &'static str,
    policy: &'static str,
    suffix: bool,
}

/// The services around ECS; names of roles and policies as in the services' user guides.
const SERVICES: [Service; 6] = [
    Service {
        name: "ecs.amazonaws.com",
        role: "AWSServiceRoleForECS",
        policy: "AmazonECSServiceRolePolicy",
        suffix: false,
    },
    Service {
        name: "ecs-compute.amazonaws.com",
        role: "AWSServiceRoleForECSCompute",
        policy: "AmazonECSComputeServiceRolePolicy",
        suffix: false,
    },
    Service {
        name: "ecs.application-autoscaling.amazonaws.com",
        role: "AWSServiceRoleForApplicationAutoScaling_ECSService",
        policy: "AWSApplicationAutoscalingECSServicePolicy",
        suffix: false,
    },
    Service {
        name: "autoscaling.amazonaws.com",
        role: "AWSServiceRoleForAutoScaling",
        policy: "AutoScalingServiceRolePolicy",
        suffix: true,
    },
    Service {
        name: "elasticloadbalancing.amazonaws.com",
        role: "AWSServiceRoleForElasticLoadBalancing",
        policy: "AWSElasticLoadBalancingServiceRolePolicy",
        suffix: false,
    },
    Service {
        name: "spot.amazonaws.com",
        role: "AWSServiceRoleForEC2Spot",
        policy: "AWSEC2SpotServiceRolePolicy",
        suffix: false,
    },
];

pub(super) fn create(state: &mut State, context: &Context, query: &Query) -> Answer {
    let name = check::sized(query, "AWSServiceName", 1, 128)?;
    let description = check::description(query)?;
    let service = SERVICES.iter().find(|service| service.name == name).ok_or_else(|| {
        // The wording is (from memory).
        no_such_entity(format!("Service name {name} is not known to have a service-linked role."))
    })?;
    let role_name = match query.get("CustomSuffix") {
        Some(_) if !service.suffix => {
            return Err(invalid_input(format!("Custom suffix is not allowed for {name}")));
        }
        Some(_) => format!("{}_{}", service.role, check::name(query, "CustomSuffix", 64)?),
        None => service.role.to_owned(),
    };
    if state.role(&role_name).is_some() {
        // As reported in many public issue threads.
        return Err(invalid_input(format!(
            "Service role name {role_name} has been taken in this account, please try a different suffix."
        )));
    }
    let statement = json!({ "Effect": "Allow", "Principal": { "Service": name }, "Action": "sts:AssumeRole" });
    let trust = Trust::parse(state, &json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string())?;
    let role = state.add_role(context, &role_name, &format!("{SERVICE_PATH}{name}/"), trust);
    role.description = description;
    role.attached.insert(format!("arn:aws:iam::aws:policy{SERVICE_PATH}{}", service.policy));
    let role = role.clone();
    Ok(xml::nested("Role", &role.xml(state, View::Created)))
}
