//! Role presets: the roles that ECS asks for, each a line of YAML. A preset fills only what the
//! manifest leaves out, and `evenkeel render` shows what it filled in.

use serde_json::json;

use crate::value::{Map, Value};

/// One row of the table of presets.
#[derive(Debug)]
pub struct Preset {
    /// What `spec.preset` says.
    pub name: &'static str,
    /// The service that assumes the role.
    pub principal: &'static str,
    /// AWS managed policies, below `arn:…:iam::aws:policy/`.
    pub policies: &'static [&'static str],
    /// Whether an instance profile of the role's name comes with it.
    pub instance_profile: bool,
    /// Whether the trust policy carries the confused-deputy conditions. ECS documents them for the
    /// roles of tasks; EC2 does not set `aws:SourceAccount` when an instance assumes its role.
    pub confused_deputy: bool,
    /// What the role is for.
    pub purpose: &'static str,
}

/// Every preset. Principals and policies as the ECS developer guide names them.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "task-execution",
        principal: "ecs-tasks.amazonaws.com",
        policies: &["service-role/AmazonECSTaskExecutionRolePolicy"],
        instance_profile: false,
        confused_deputy: true,
        purpose: "lets ECS pull images, write logs and read secrets to start a task",
    },
    Preset {
        name: "task",
        principal: "ecs-tasks.amazonaws.com",
        policies: &[],
        instance_profile: false,
        confused_deputy: true,
        purpose: "what the application in the containers may do",
    },
    Preset {
        name: "container-instance",
        principal: "ec2.amazonaws.com",
        policies: &["service-role/AmazonEC2ContainerServiceforEC2Role"],
        instance_profile: true,
        confused_deputy: false,
        purpose: "lets the agent on an EC2 instance register with its cluster",
    },
    Preset {
        name: "ecs-anywhere",
        principal: "ssm.amazonaws.com",
        policies: &["AmazonSSMManagedInstanceCore", "service-role/AmazonEC2ContainerServiceforEC2Role"],
        instance_profile: false,
        confused_deputy: false,
        purpose: "lets the agent on a machine outside AWS register with its cluster",
    },
    Preset {
        name: "service-elb",
        principal: "ecs.amazonaws.com",
        policies: &["service-role/AmazonEC2ContainerServiceRole"],
        instance_profile: false,
        confused_deputy: false,
        purpose: "lets ECS register tasks with a classic load balancer",
    },
    Preset {
        name: "infrastructure",
        principal: "ecs.amazonaws.com",
        policies: &["service-role/AmazonECSInfrastructureRolePolicyForVolumes"],
        instance_profile: false,
        confused_deputy: false,
        purpose: "lets ECS manage EBS volumes for tasks",
    },
];

/// The preset of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// `spec` with what it leaves out filled in from `preset`; the `preset` member itself is gone.
#[must_use]
pub fn fill(preset: &Preset, mut spec: Map<String, Value>) -> Map<String, Value> {
    spec.shift_remove("preset");
    spec.entry("assumeRolePolicyDocument").or_insert_with(|| trust(preset));
    if !preset.policies.is_empty() {
        spec.entry("managedPolicyArns").or_insert_with(|| {
            preset.policies.iter().map(|name| format!("arn:${{AWS::Partition}}:iam::aws:policy/{name}")).collect()
        });
    }
    if preset.instance_profile {
        spec.entry("instanceProfile").or_insert(Value::Bool(true));
    }
    spec
}

fn trust(preset: &Preset) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "Service": preset.principal },
        "Action": "sts:AssumeRole",
    });
    if preset.confused_deputy {
        statement["Condition"] = json!({
            "StringEquals": { "aws:SourceAccount": "${AWS::AccountId}" },
            "ArnLike": { "aws:SourceArn": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*" },
        });
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}
