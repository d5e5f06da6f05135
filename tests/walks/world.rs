//! A small world of resources that hang together, and what stays of one when another follows.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

/// The manifests of a directory: specs by kind and name.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct World(BTreeMap<(&'static str, &'static str), Value>);

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.manifests())
    }
}

/// Choices one after the other; 0 is what is left out.
struct Draw<'a>(std::slice::Iter<'a, u8>);

impl Draw<'_> {
    fn of(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % count
    }

    /// Sets a member to one of some values, or leaves it out.
    fn maybe(&mut self, spec: &mut Value, member: &str, values: &[Value]) {
        if let Some(value) = self.of(values.len() + 1).checked_sub(1).and_then(|at| values.get(at)) {
            spec[member] = value.clone();
        }
    }

    fn one(&mut self, values: &[Value]) -> Value {
        values[self.of(values.len())].clone()
    }

    /// Some of the values, in their order.
    fn some(&mut self, values: &[Value]) -> Value {
        let chosen = self.of(1 << values.len());
        values.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1).map(|(_, value)| value.clone()).collect()
    }
}

fn document(action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
}

fn trust(services: &[&str]) -> Value {
    let principal = json!({ "Service": services });
    json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" } })
}

fn tags(draw: &mut Draw<'_>, spec: &mut Value) {
    draw.maybe(
        spec,
        "tags",
        &[json!({ "team": "shop" }), json!({ "team": "web", "cost": "1" }), json!({ "cost": "2" })],
    );
}

impl World {
    /// The world that some choices make.
    pub(crate) fn drawn(choices: &[u8]) -> Self {
        let mut draw = Draw(choices.iter());
        let draw = &mut draw;
        let mut world = Self::default();
        // What stands first is what the others can need.
        if draw.of(3) > 0 {
            world.put("AccountSettings", "account", settings(draw));
        }
        for name in ["read", "write"] {
            if draw.of(3) > 0 {
                world.put("Policy", name, policy(draw));
            }
        }
        for name in ["task", "execution"] {
            if draw.of(3) > 0 {
                let role = role(draw, &mut world);
                world.put("Role", name, role);
            }
        }
        if draw.of(3) > 0 {
            world.put("CapacityProvider", "fleet", capacity_provider(draw));
        }
        if draw.of(4) > 0 {
            let cluster = cluster(draw, &mut world);
            world.put("Cluster", "shop", cluster);
        }
        if draw.of(3) > 0 {
            let job = task_definition(draw, &mut world, "job");
            world.put("TaskDefinition", "job", job);
        }
        for name in ["web", "api"] {
            if draw.of(4) > 0 {
                let service = service(draw, &mut world, name);
                world.put("Service", name, service);
            }
        }
        world
    }

    fn put(&mut self, kind: &'static str, name: &'static str, spec: Value) {
        self.0.insert((kind, name), spec);
    }

    pub(crate) fn declares(&self, kind: &'static str, name: &str) -> bool {
        self.0.keys().any(|key| *key == (kind, name))
    }

    /// Whether a manifest names a member.
    pub(crate) fn names(&self, kind: &'static str, name: &'static str, member: &str) -> bool {
        self.0.get(&(kind, name)).is_some_and(|spec| spec.get(member).is_some())
    }

    /// Whether a service runs a task definition that has a manifest of its own.
    pub(crate) fn is_run(&self, family: &str) -> bool {
        self.0.values().any(|spec| spec["taskDefinition"]["ref"] == format!("TaskDefinition/{family}"))
    }

    /// A reference to something, which is there from now on.
    fn need(&mut self, kind: &'static str, name: &'static str) -> Value {
        self.0.entry((kind, name)).or_insert_with(|| least(kind));
        json!({ "ref": format!("{kind}/{name}") })
    }

    /// As one stream of documents.
    pub(crate) fn manifests(&self) -> String {
        let manifest = |((kind, name), spec): (&(&str, &str), &Value)| {
            json!({ "apiVersion": "evenkeel/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })
                .to_string()
        };
        self.0.iter().map(manifest).collect::<Vec<_>>().join("\n---\n")
    }

    /// What is to be found where this world was and `next` followed: what `next` declares, and of what
    /// it does not declare whatever was declared last. That is documented: no resource is deleted, a
    /// field that is left out keeps its value, and so does a tag; a role has policies added to it,
    /// unless its manifest says that the list is exclusive.
    pub(crate) fn then(&self, next: &Self) -> Self {
        let mut stays = self.clone();
        for ((kind, name), spec) in &next.0 {
            let before = stays.0.remove(&(*kind, *name));
            let mut merged = before.clone().map_or_else(|| spec.clone(), |before| followed(kind, before, spec));
            if *kind == "Service" {
                stays.leave_revision(name, before.as_ref(), &mut merged);
            }
            stays.0.insert((*kind, *name), merged);
        }
        stays
    }

    /// A service's own task definition is a resource: one that it no longer has stays in AWS.
    fn leave_revision(&mut self, service: &'static str, before: Option<&Value>, merged: &mut Value) {
        let own = |spec: &Value| spec["taskDefinition"].get("containerDefinitions").is_some();
        if own(merged) {
            self.0.remove(&("TaskDefinition", service));
        } else if let Some(before) = before.filter(|before| own(before)) {
            let mut left = before["taskDefinition"].clone();
            left["family"] = service.into();
            self.0.insert(("TaskDefinition", service), left);
        }
    }
}

/// The least that a kind's manifest can say.
fn least(kind: &str) -> Value {
    match kind {
        "Role" => json!({ "assumeRolePolicyDocument": trust(&["ecs-tasks.amazonaws.com"]) }),
        "Policy" => json!({ "policyDocument": document("s3:GetObject") }),
        "CapacityProvider" => json!({ "autoScalingGroupProvider": { "autoScalingGroupArn": GROUP } }),
        "TaskDefinition" => json!({
            "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "containerDefinitions": [{ "name": "web", "image": "shop/web:1" }],
        }),
        _ => json!({}),
    }
}

const GROUP: &str = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1a2b3c:autoScalingGroupName/fleet";

fn settings(draw: &mut Draw<'_>) -> Value {
    let mut spec = json!({ "containerInsights": draw.one(&["enabled".into(), "disabled".into()]) });
    draw.maybe(&mut spec, "awsvpcTrunking", &["enabled".into(), "disabled".into()]);
    draw.maybe(&mut spec, "defaultLogDriverMode", &["blocking".into(), "non-blocking".into()]);
    spec
}

fn policy(draw: &mut Draw<'_>) -> Value {
    let actions = ["s3:GetObject", "s3:PutObject", "sqs:*", "logs:CreateLogStream", "ssm:GetParameter", "kms:Decrypt"];
    let mut spec = json!({ "policyDocument": document(actions[draw.of(actions.len())]) });
    tags(draw, &mut spec);
    spec
}

fn role(draw: &mut Draw<'_>, world: &mut World) -> Value {
    let trusts = [trust(&["ecs-tasks.amazonaws.com"]), trust(&["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"])];
    let mut spec = json!({ "assumeRolePolicyDocument": draw.one(&trusts) });
    draw.maybe(&mut spec, "description", &["tasks".into(), "what runs".into()]);
    draw.maybe(&mut spec, "maxSessionDuration", &[3600.into(), 7200.into(), 43200.into()]);
    if draw.of(3) == 1 {
        spec["permissionsBoundary"] = world.need("Policy", "write");
    }
    if draw.of(2) == 1 {
        let own = [world.need("Policy", "read"), json!("arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess")];
        spec["managedPolicyArns"] = draw.some(&own);
    }
    if draw.of(2) == 1 {
        let (names, mut inline) = (["logs", "queue"], Map::new());
        for name in names {
            if draw.of(2) == 1 {
                inline.insert(name.to_owned(), document(["logs:PutLogEvents", "sqs:SendMessage"][draw.of(2)]));
            }
        }
        spec["inlinePolicies"] = inline.into();
    }
    draw.maybe(&mut spec, "policyMode", &["additive".into(), "exclusive".into()]);
    draw.maybe(&mut spec, "instanceProfile", &[true.into()]);
    tags(draw, &mut spec);
    spec
}

fn capacity_provider(draw: &mut Draw<'_>) -> Value {
    let mut group = json!({ "autoScalingGroupArn": GROUP });
    let scaling = |target: u64| json!({ "status": "ENABLED", "targetCapacity": target });
    draw.maybe(&mut group, "managedScaling", &[scaling(80), scaling(100)]);
    draw.maybe(&mut group, "managedDraining", &["ENABLED".into(), "DISABLED".into()]);
    let mut spec = json!({ "autoScalingGroupProvider": group });
    tags(draw, &mut spec);
    spec
}

fn cluster(draw: &mut Draw<'_>, world: &mut World) -> Value {
    let mut spec = json!({});
    let insights = |value: &str| json!([{ "name": "containerInsights", "value": value }]);
    draw.maybe(&mut spec, "settings", &[insights("enabled"), insights("disabled"), insights("enhanced")]);
    let strategy = |names: &[&str]| -> Value {
        names.iter().enumerate().map(|(at, name)| json!({ "capacityProvider": name, "weight": at + 1 })).collect()
    };
    // The two lists go together: one that names a provider which the other lacks is refused.
    let (providers, strategy) = match draw.of(5) {
        0 => (None, None),
        1 => (Some(json!(["FARGATE"])), Some(strategy(&["FARGATE"]))),
        2 => (Some(json!(["FARGATE", "FARGATE_SPOT"])), Some(strategy(&["FARGATE", "FARGATE_SPOT"]))),
        3 => (Some(json!(["FARGATE", "FARGATE_SPOT"])), Some(json!([]))),
        _ => (Some(json!(["FARGATE", world.need("CapacityProvider", "fleet")])), Some(json!([]))),
    };
    for (member, value) in [("capacityProviders", providers), ("defaultCapacityProviderStrategy", strategy)] {
        if let Some(value) = value {
            spec[member] = value;
        }
    }
    let execute = json!({ "executeCommandConfiguration": { "logging": "NONE" } });
    let storage = json!({ "managedStorageConfiguration": { "fargateEphemeralStorageKmsKeyId": "key" } });
    draw.maybe(&mut spec, "configuration", &[execute, storage]);
    tags(draw, &mut spec);
    spec
}

fn task_definition(draw: &mut Draw<'_>, world: &mut World, name: &str) -> Value {
    let mut spec = least("TaskDefinition");
    spec["containerDefinitions"][0]["image"] = format!("shop/{name}:{}", draw.of(4)).into();
    if draw.of(3) == 1 {
        (spec["cpu"], spec["memory"]) = ("512".into(), "1 GB".into());
    }
    if draw.of(3) == 1 {
        spec["taskRoleArn"] = world.need("Role", "task");
    }
    if draw.of(3) == 1 {
        spec["executionRoleArn"] = world.need("Role", "execution");
    }
    let container = &mut spec["containerDefinitions"][0];
    draw.maybe(
        container,
        "environment",
        &[json!([{ "name": "A", "value": "1" }]), json!([{ "name": "A", "value": "2" }, { "name": "B", "value": "" }])],
    );
    draw.maybe(container, "stopTimeout", &[45.into(), 60.into()]);
    draw.maybe(container, "portMappings", &[json!([{ "containerPort": 80, "name": "http" }])]);
    spec
}

fn service(draw: &mut Draw<'_>, world: &mut World, name: &'static str) -> Value {
    let subnets = [json!(["subnet-1", "subnet-2"]), json!(["subnet-2", "subnet-3"])];
    let mut vpc = json!({ "subnets": draw.one(&subnets) });
    draw.maybe(&mut vpc, "securityGroups", &[json!(["sg-1"]), json!(["sg-1", "sg-2"])]);
    draw.maybe(&mut vpc, "assignPublicIp", &["ENABLED".into(), "DISABLED".into()]);
    let mut spec = json!({
        "cluster": world.need("Cluster", "shop"),
        "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": vpc },
    });
    spec["taskDefinition"] = match draw.of(3) {
        0 => world.need("TaskDefinition", "job"),
        _ => task_definition(draw, world, name),
    };
    draw.maybe(&mut spec, "desiredCount", &[1.into(), 2.into(), 5.into()]);
    // With 100 and 150 a single task could never be replaced: ECS rounds the one up and the other down.
    let percent = |least: u64, most: u64| json!({ "minimumHealthyPercent": least, "maximumPercent": most });
    let breaker = json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } });
    draw.maybe(&mut spec, "deploymentConfiguration", &[percent(50, 200), percent(100, 300), breaker]);
    draw.maybe(&mut spec, "platformVersion", &["1.4.0".into(), "LATEST".into()]);
    draw.maybe(&mut spec, "enableExecuteCommand", &[true.into(), false.into()]);
    draw.maybe(&mut spec, "propagateTags", &["SERVICE".into(), "TASK_DEFINITION".into(), "NONE".into()]);
    draw.maybe(&mut spec, "enableECSManagedTags", &[true.into(), false.into()]);
    draw.maybe(&mut spec, "availabilityZoneRebalancing", &["ENABLED".into(), "DISABLED".into()]);
    tags(draw, &mut spec);
    spec
}

/// The spec of something that was declared before as well.
fn followed(kind: &str, before: Value, next: &Value) -> Value {
    // A revision is never changed: the next one has what its manifest says, and nothing else.
    if kind == "TaskDefinition" {
        return next.clone();
    }
    let mut merged = before.clone();
    for (member, value) in next.as_object().into_iter().flatten() {
        let (old, exclusive) = (merged.get(member), next.get("policyMode") == Some(&json!("exclusive")));
        let new = match (kind, member.as_str()) {
            ("Role", "managedPolicyArns" | "inlinePolicies") if !exclusive => added(old, value),
            ("Role", "managedPolicyArns" | "inlinePolicies" | "assumeRolePolicyDocument")
            | ("Policy", "policyDocument")
            | ("Service", "taskDefinition") => value.clone(),
            // LATEST is content with any version that is there.
            ("Service", "platformVersion") if value == "LATEST" => old.unwrap_or(value).clone(),
            _ => over(old, value),
        };
        merged[member.as_str()] = new;
    }
    // How a list is meant is not in AWS: a manifest that does not say it means additive.
    if kind == "Role" && next.get("policyMode").is_none() {
        merged["policyMode"] = "additive".into();
    }
    merged
}

/// Structures member by member, everything else whole.
fn over(before: Option<&Value>, next: &Value) -> Value {
    match (before, next) {
        (Some(Value::Object(before)), Value::Object(next)) => {
            let mut merged = before.clone();
            for (member, value) in next {
                merged.insert(member.clone(), over(before.get(member), value));
            }
            merged.into()
        }
        _ => next.clone(),
    }
}

fn added(before: Option<&Value>, next: &Value) -> Value {
    match (before, next) {
        (Some(Value::Array(before)), Value::Array(next)) => {
            before.iter().chain(next.iter().filter(|item| !before.contains(item))).cloned().collect()
        }
        _ => over(before, next),
    }
}
