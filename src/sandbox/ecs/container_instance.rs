//! Container instances: registered by hand here, as the agent does it on AWS.

use serde_json::{Value, json};

use super::input::{Input, tail, text_of};
use super::page::{HUNDRED, page};
use super::tags::Tags;
use super::{Context, Map, Outcome, Region, client, id, invalid, missing};

/// A registered container instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// What was registered.
    pub record: Map,
    /// Its tags.
    pub tags: Tags,
}

impl Instance {
    /// Whether new tasks are placed on it.
    #[must_use]
    pub fn takes_tasks(&self) -> bool {
        self.status() == "ACTIVE"
    }

    fn status(&self) -> &str {
        self.record.get("status").and_then(Value::as_str).unwrap_or_default()
    }

    fn arn(&self) -> Value {
        self.record.get("containerInstanceArn").cloned().unwrap_or_default()
    }

    fn view(&self, with_tags: bool) -> Value {
        let mut view = self.record.clone();
        if with_tags {
            view.insert("tags".into(), self.tags.view());
        }
        Value::Object(view)
    }
}

/// RegisterContainerInstance.
pub(super) fn register(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let serial = region.next_serial();
    let tags = Tags::of(input)?;
    let cluster = region.cluster_to_use(input.text("cluster"))?;
    let document: Value = match input.text("instanceIdentityDocument").map(serde_json::from_str) {
        Some(Ok(document)) => document,
        None => json!({}),
        Some(Err(_)) => return Err(client("The instance identity document is not valid.")),
    };
    let id = id::hex(&(cluster.arn(), serial));
    let mut record = Map::new();
    let arn = context.arn("ecs", &format!("container-instance/{}/{id}", cluster.name()));
    record.insert("containerInstanceArn".into(), json!(arn));
    if let Some(instance) = text_of(&document, "instanceId") {
        record.insert("ec2InstanceId".into(), json!(instance));
    }
    let resources = json!(input.list("totalResources"));
    record.insert("remainingResources".into(), resources.clone());
    record.insert("registeredResources".into(), resources);
    record.insert("versionInfo".into(), input.get("versionInfo").cloned().unwrap_or_else(|| json!({})));
    record.insert("attributes".into(), json!(input.list("attributes")));
    record.insert("attachments".into(), json!([]));
    record.insert("status".into(), json!("ACTIVE"));
    record.insert("agentConnected".into(), json!(true));
    record.insert("registeredAt".into(), json!(context.epoch_seconds()));
    for (member, value) in [("version", 1), ("runningTasksCount", 0), ("pendingTasksCount", 0)] {
        record.insert(member.into(), json!(value));
    }
    let instance = Instance { record, tags };
    let view = instance.view(true);
    // Settled first: what could not be placed until now starts from this moment.
    cluster.settle(context.now);
    cluster.instances.insert(id, instance);
    wake(cluster, context);
    Ok(json!({ "containerInstance": view }))
}

fn wake(cluster: &mut super::cluster::Cluster, context: &Context) {
    cluster.services.values_mut().for_each(|service| service.wake(context.now));
}

/// DeregisterContainerInstance.
pub(super) fn deregister(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let cluster = region.cluster(input.text("cluster"))?;
    cluster.settle(context.now);
    let gone = || invalid("Referenced container instance not found.");
    let mut instance = cluster.instances.remove(tail(input.required("containerInstance")?)).ok_or_else(gone)?;
    instance.record.insert("status".into(), json!("INACTIVE"));
    wake(cluster, context);
    Ok(json!({ "containerInstance": instance.view(true) }))
}

/// DescribeContainerInstances: up to 100.
pub(super) fn describe(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let cluster = region.cluster(input.text("cluster"))?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in input.batch("containerInstances", 100)? {
        match cluster.instances.get(tail(name)) {
            Some(instance) => found.push(instance.view(input.includes("TAGS"))),
            None => failures.push(missing(instance_arn(cluster.arn(), name))),
        }
    }
    Ok(json!({ "containerInstances": found, "failures": failures }))
}

fn instance_arn(cluster: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    format!("{}/{name}", cluster.replace(":cluster/", ":container-instance/"))
}

/// ListContainerInstances.
pub(super) fn list(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let cluster = region.cluster(input.text("cluster"))?;
    let wanted = input.text("status");
    let fits = |instance: &&Instance| wanted.is_none_or(|status| instance.status() == status);
    let arns = cluster.instances.values().filter(fits).map(Instance::arn).collect();
    page(input, "containerInstanceArns", arns, HUNDRED)
}

/// UpdateContainerInstancesState: up to ten, ACTIVE or DRAINING.
pub(super) fn update_state(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let status = input.required("status")?;
    if !matches!(status, "ACTIVE" | "DRAINING") {
        return Err(invalid("Container instance status must be one of: [ACTIVE, DRAINING]"));
    }
    let cluster = region.cluster(input.text("cluster"))?;
    cluster.settle(context.now);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in input.batch("containerInstances", 10)? {
        let arn = instance_arn(cluster.arn(), name);
        match cluster.instances.get_mut(tail(name)) {
            Some(instance) => {
                instance.record.insert("status".into(), json!(status));
                found.push(instance.view(false));
            }
            None => failures.push(missing(arn)),
        }
    }
    wake(cluster, context);
    Ok(json!({ "containerInstances": found, "failures": failures }))
}
