//! Capacity providers, and the strategies that name them. Wording is (from memory).

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::input::{Input, check_name, tail, text_of};
use super::page::{TEN, page};
use super::tags::Tags;
use super::{Context, Map, Outcome, Region, invalid, missing, to_arn};
use crate::sandbox::ApiError;

/// The providers that every account has.
pub const BUILT_IN: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// A capacity provider that the account made.
#[derive(Debug, Clone)]
pub struct CapacityProvider {
    /// What was declared, with defaults.
    pub record: Map,
    /// Its tags.
    pub tags: Tags,
    /// The one cluster that may use it, for managed instances.
    pub cluster: Option<String>,
}

impl CapacityProvider {
    /// Whether it may be used.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.record.get("status").and_then(Value::as_str) == Some("ACTIVE")
    }

    fn view(&self, with_tags: bool) -> Value {
        let mut view = self.record.clone();
        if with_tags {
            view.insert("tags".into(), self.tags.view());
        }
        Value::Object(view)
    }
}

fn built_in(context: &Context, name: &str) -> Value {
    json!({
        "capacityProviderArn": context.arn("ecs", &format!("capacity-provider/{name}")),
        "name": name, "status": "ACTIVE", "type": name,
    })
}

/// CreateCapacityProvider.
pub(super) fn create(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let name = input.required("name")?.to_owned();
    check_name("Capacity provider name", &name)?;
    let lower = name.to_ascii_lowercase();
    if ["aws", "ecs", "fargate"].iter().any(|prefix| lower.starts_with(prefix)) {
        let message = "The specified capacity provider name is invalid. Up to 255 characters are allowed, including \
                       letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed \
                       with \"aws\", \"ecs\", or \"fargate\". Specify a valid name and try again.";
        return Err(invalid(message));
    }
    if region.capacity_providers.get(&name).is_some_and(CapacityProvider::is_active) {
        return Err(invalid(
            "The specified capacity provider already exists. To change the configuration of an existing \
             capacity provider, update the capacity provider.",
        ));
    }
    let tags = Tags::of(input)?;
    let (group, managed) = (input.get("autoScalingGroupProvider"), input.get("managedInstancesProvider"));
    let mut record = Map::new();
    record.insert("capacityProviderArn".into(), json!(context.arn("ecs", &format!("capacity-provider/{name}"))));
    record.insert("name".into(), json!(name));
    record.insert("status".into(), json!("ACTIVE"));
    let cluster = match (group, managed) {
        (Some(group), None) => {
            if text_of(group, "autoScalingGroupArn").is_none() {
                return Err(invalid("The Auto Scaling group ARN must be specified."));
            }
            record.insert("autoScalingGroupProvider".into(), group_defaults(group));
            record.insert("type".into(), json!("EC2_AUTOSCALING"));
            None
        }
        (None, Some(managed)) => {
            let cluster = region.cluster(Some(input.required("cluster")?))?;
            record.insert("cluster".into(), json!(cluster.arn()));
            // What ECS fills into it is not known.
            record.insert("managedInstancesProvider".into(), managed.clone());
            record.insert("type".into(), json!("MANAGED_INSTANCES"));
            Some(cluster.name().to_owned())
        }
        _ => {
            return Err(invalid(
                "Exactly one of autoScalingGroupProvider, managedInstancesProvider must be specified.",
            ));
        }
    };
    record.insert("updateStatus".into(), json!("CREATE_COMPLETE"));
    let provider = CapacityProvider { record, tags, cluster };
    let view = provider.view(true);
    region.capacity_providers.insert(name, provider);
    Ok(json!({ "capacityProvider": view }))
}

fn group_defaults(group: &Value) -> Value {
    let mut group = group.clone();
    if let Some(members) = group.as_object_mut() {
        members.entry("managedTerminationProtection").or_insert_with(|| json!("DISABLED"));
        members.entry("managedDraining").or_insert_with(|| json!("ENABLED"));
        let scaling = members.entry("managedScaling").or_insert_with(|| json!({}));
        if let Some(scaling) = scaling.as_object_mut() {
            let status = scaling.entry("status").or_insert_with(|| json!("DISABLED")).clone();
            // The numbers mean nothing, and are not echoed, while scaling is off.
            if status == "ENABLED" {
                for (name, value) in [
                    ("targetCapacity", 100),
                    ("minimumScalingStepSize", 1),
                    ("maximumScalingStepSize", 10_000),
                    ("instanceWarmupPeriod", 300),
                ] {
                    scaling.entry(name).or_insert_with(|| json!(value));
                }
            }
        }
    }
    group
}

/// DescribeCapacityProviders: all of them when none is named, ten to the page.
pub(super) fn describe(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let with_tags = input.includes("TAGS");
    let wanted = input.texts("capacityProviders");
    if wanted.len() > 100 {
        return Err(invalid("capacityProviders cannot have more than 100 elements."));
    }
    let own = |name: &str| region.capacity_providers.get(name).map(|provider| provider.view(with_tags));
    let find = |name: &str| if BUILT_IN.contains(&name) { Some(built_in(context, name)) } else { own(name) };
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    if wanted.is_empty() {
        let cluster = input.text("cluster").map(tail);
        let fits = |provider: &CapacityProvider| cluster.is_none() || provider.cluster.as_deref() == cluster;
        found.extend(BUILT_IN.iter().filter_map(|name| find(name)));
        found.extend(region.capacity_providers.values().filter(|p| fits(p)).map(|p| p.view(with_tags)));
    }
    for name in wanted {
        match find(tail(name)) {
            Some(provider) => found.push(provider),
            None => failures.push(missing(to_arn(context, "capacity-provider", name))),
        }
    }
    let mut answer = page(input, "capacityProviders", found, TEN)?;
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("failures".into(), Value::Array(failures));
    }
    Ok(answer)
}

fn find<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut CapacityProvider, ApiError> {
    let provider = region.capacity_providers.get_mut(tail(name)).filter(|provider| provider.is_active());
    provider.ok_or_else(|| {
        invalid("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")
    })
}

/// UpdateCapacityProvider: leaf by leaf; what the request leaves out stays.
pub(super) fn update(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let provider = find(region, input.required("name")?)?;
    for member in ["autoScalingGroupProvider", "managedInstancesProvider"] {
        match (input.get(member), provider.record.get_mut(member)) {
            (Some(change), Some(old)) => overlay(old, change),
            (Some(_), None) => return Err(invalid("The type of a capacity provider cannot be changed.")),
            _ => {}
        }
    }
    if let Some(group) = provider.record.get_mut("autoScalingGroupProvider") {
        *group = group_defaults(group);
    }
    provider.record.insert("updateStatus".into(), json!("UPDATE_COMPLETE"));
    Ok(json!({ "capacityProvider": provider.view(false) }))
}

/// Lays `change` over `old`: objects member by member, everything else whole.
pub(super) fn overlay(old: &mut Value, change: &Value) {
    match (old, change) {
        (Value::Object(old), Value::Object(change)) => {
            for (name, value) in change {
                match old.get_mut(name) {
                    Some(member) => overlay(member, value),
                    None => drop(old.insert(name.clone(), value.clone())),
                }
            }
        }
        (old, change) => *old = change.clone(),
    }
}

/// DeleteCapacityProvider: refused while a cluster has it.
pub(super) fn delete(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let name = tail(input.required("capacityProvider")?).to_owned();
    if BUILT_IN.contains(&name.as_str()) {
        return Err(invalid("The specified capacity provider is reserved and cannot be deleted."));
    }
    find(region, &name)?;
    if region.clusters.values().any(|cluster| cluster.is_active() && associated(cluster).any(|p| p == name)) {
        return Err(client_in_use());
    }
    let provider = find(region, &name)?;
    provider.record.insert("status".into(), json!("INACTIVE"));
    provider.record.insert("updateStatus".into(), json!("DELETE_COMPLETE"));
    let view = provider.view(false);
    region.capacity_providers.remove(&name);
    Ok(json!({ "capacityProvider": view }))
}

fn client_in_use() -> ApiError {
    super::client(
        "The capacity provider cannot be deleted because it is associated with a cluster. Remove the \
         capacity provider from the cluster and try again.",
    )
}

fn associated(cluster: &Cluster) -> impl Iterator<Item = &str> {
    let list = cluster.record.get("capacityProviders").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// Checks that every provider may be associated with a cluster.
pub(super) fn check_association(region: &Region, providers: &[&str]) -> Result<(), ApiError> {
    for provider in providers {
        let name = tail(provider);
        let own = region.capacity_providers.get(name).filter(|own| own.is_active());
        if !BUILT_IN.contains(&name) && own.is_none() {
            return Err(not_found(name));
        }
        if own.is_some_and(|own| own.cluster.is_some()) {
            return Err(invalid(format!(
                "{name} is a managed instances capacity provider, which belongs to its cluster."
            )));
        }
    }
    Ok(())
}

fn not_found(name: &str) -> ApiError {
    invalid(format!(
        "The specified capacity provider '{name}' was not found. Specify a valid capacity provider and try again."
    ))
}

/// Checks a cluster's default strategy against the providers that the cluster is to have.
pub(super) fn check_default_strategy(providers: &[&str], strategy: &[Value]) -> Result<(), ApiError> {
    check_shape(strategy)?;
    let known = |item: &Value| {
        let name = tail(text_of(item, "capacityProvider").unwrap_or_default());
        providers.iter().any(|provider| tail(provider) == name)
    };
    if strategy.iter().all(known) { Ok(()) } else { Err(not_associated()) }
}

/// Checks the strategy of a service or a task against the cluster that it is to run on.
pub(super) fn check_strategy(region: &Region, cluster: &str, strategy: &[Value]) -> Result<(), ApiError> {
    check_shape(strategy)?;
    for item in strategy {
        let name = tail(text_of(item, "capacityProvider").unwrap_or_default());
        let own = region.capacity_providers.get(name).filter(|own| own.is_active());
        if !BUILT_IN.contains(&name) && own.is_none() {
            return Err(not_found(name));
        }
        let scoped = own.is_some_and(|own| own.cluster.as_deref() == Some(cluster));
        let has = region.clusters.get(cluster).is_some_and(|cluster| associated(cluster).any(|p| p == name));
        if !scoped && !has {
            return Err(not_associated());
        }
    }
    Ok(())
}

fn not_associated() -> ApiError {
    invalid(
        "The specified capacity provider strategy cannot contain a capacity provider that is not associated with \
         the cluster. Associate the capacity provider with the cluster and try again.",
    )
}

fn check_shape(strategy: &[Value]) -> Result<(), ApiError> {
    let number = |item: &Value, name: &str| item.get(name).and_then(Value::as_i64).unwrap_or_default();
    if strategy.len() > 20 {
        return Err(invalid("A capacity provider strategy can contain a maximum of 20 capacity providers."));
    }
    for item in strategy {
        let (weight, base) = (number(item, "weight"), number(item, "base"));
        if !(0..=1000).contains(&weight) || !(0..=100_000).contains(&base) {
            return Err(invalid("weight must be between 0 and 1000, base between 0 and 100000."));
        }
    }
    if strategy.iter().filter(|item| number(item, "base") > 0).count() > 1 {
        return Err(invalid("Only one capacity provider in a capacity provider strategy can have a base defined."));
    }
    if strategy.len() > 1 && strategy.iter().all(|item| number(item, "weight") == 0) {
        return Err(invalid(
            "A capacity provider strategy needs at least one capacity provider with a weight above 0.",
        ));
    }
    let fargate = |item: &&Value| text_of(item, "capacityProvider").is_some_and(|name| BUILT_IN.contains(&tail(name)));
    let count = strategy.iter().filter(fargate).count();
    if count != 0 && count != strategy.len() {
        return Err(invalid(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling \
             groups and Fargate providers. Specify one or the other and try again.",
        ));
    }
    Ok(())
}

/// The strategy as it is answered: weight and base filled in.
pub(super) fn with_defaults(strategy: &[Value]) -> Value {
    let fill = |item: &Value| {
        let name = tail(text_of(item, "capacityProvider").unwrap_or_default());
        let number = |member: &str| item.get(member).cloned().unwrap_or_else(|| json!(0));
        json!({ "capacityProvider": name, "weight": number("weight"), "base": number("base") })
    };
    strategy.iter().map(fill).collect()
}
