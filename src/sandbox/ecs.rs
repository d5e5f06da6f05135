//! The simulated Amazon ECS.
//!
//! A request that passes its checks *is* the record: whatever it declares comes back as it was
//! sent, and the code here holds only checks, defaults and what moves with time. Time moves a
//! record when it is read ([`rollout`]), never in the background.
//!
//! Where the real service looks at things that do not exist here, a name decides:
//!
//! - A container image whose tag is `crash` (`shop/web:crash`) exits instead of starting, each
//!   time: the way to see failed tasks, the circuit breaker and a rollback.
//! - A target group exists, unless its id is all zeros (`targetgroup/none/0000000000000000`).
//! - Subnets, security groups, alarms, registries, secrets and log groups exist.
//! - Fargate and capacity providers always have room. Tasks of launch type EC2 or EXTERNAL need a
//!   registered container instance, whose size is not looked at; for trying things out, a Region can
//!   be [`Region::roomy`].
//!
//! Messages are AWS's own where they are known; `(from memory)` marks what is remembered about the
//! service rather than written in its model.

pub mod capacity_provider;
pub mod cluster;
pub mod container_instance;
pub mod deployment;
pub mod id;
pub mod input;
pub mod page;
pub mod pause;
pub mod rollout;
pub mod service;
pub mod settings;
pub mod tags;
pub mod task;
pub mod task_definition;
pub mod task_set;
#[cfg(test)]
mod tests;
pub mod timing;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ACCOUNT, ApiError, Context};
use input::{Input, tail};

/// A JSON object.
pub type Map = serde_json::Map<String, Value>;
/// What an operation answers.
pub type Outcome = Result<Value, ApiError>;

/// What the account holds of ECS: Regions know nothing of each other.
#[derive(Debug, Clone, Default)]
pub struct State {
    regions: BTreeMap<String, Region>,
}

impl State {
    /// What one Region holds.
    pub fn region(&mut self, name: &str) -> &mut Region {
        self.regions.entry(name.to_owned()).or_default()
    }
}

/// ECS in one Region.
#[derive(Debug, Clone, Default)]
pub struct Region {
    /// Clusters by name, INACTIVE ones among them.
    pub clusters: BTreeMap<String, cluster::Cluster>,
    /// Task definition families by name.
    pub families: BTreeMap<String, task_definition::Family>,
    /// The account's own capacity providers by name.
    pub capacity_providers: BTreeMap<String, capacity_provider::CapacityProvider>,
    /// Account settings that somebody has set.
    pub settings: settings::Settings,
    /// Whether new clusters have room for tasks of launch type EC2 and EXTERNAL.
    pub roomy: bool,
    /// Counts what is given an id.
    serial: u64,
}

impl Region {
    /// The ACTIVE cluster of that name or ARN; `default` when none is named.
    ///
    /// # Errors
    /// `ClusterNotFoundException`.
    pub fn cluster(&mut self, name_or_arn: Option<&str>) -> Result<&mut cluster::Cluster, ApiError> {
        let name = tail(name_or_arn.unwrap_or("default"));
        self.clusters.get_mut(name).filter(|cluster| cluster.is_active()).ok_or_else(cluster_not_found)
    }

    /// The cluster that new work is to run on.
    ///
    /// # Errors
    /// As [`Region::cluster`], and `ClientException` when the cluster was deleted *(from memory)*.
    pub fn cluster_to_use(&mut self, name_or_arn: Option<&str>) -> Result<&mut cluster::Cluster, ApiError> {
        let name = tail(name_or_arn.unwrap_or("default"));
        match self.clusters.get_mut(name) {
            None => Err(cluster_not_found()),
            Some(cluster) if !cluster.is_active() => Err(client("The referenced cluster was inactive.")),
            Some(cluster) => Ok(cluster),
        }
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

/// Answers one ECS operation.
///
/// # Errors
/// As the ECS API documents them.
pub fn handle(state: &mut super::State, context: &Context, operation: &str, input: Value) -> Outcome {
    let run = find(operation)
        .ok_or_else(|| ApiError::new("UnknownOperationException", format!("{operation} is not simulated")))?;
    run(state.ecs.region(&context.region), context, &Input::new(input)?)
}

type Operation = fn(&mut Region, &Context, &Input) -> Outcome;

fn find(operation: &str) -> Option<Operation> {
    Some(match operation {
        "ContinueServiceDeployment" => pause::go_on,
        "CreateCapacityProvider" => capacity_provider::create,
        "CreateCluster" => cluster::create,
        "CreateService" => service::create,
        "CreateTaskSet" => task_set::create,
        "DeleteAccountSetting" => settings::delete,
        "DeleteCapacityProvider" => capacity_provider::delete,
        "DeleteCluster" => cluster::delete,
        "DeleteService" => service::delete,
        "DeleteTaskDefinitions" => task_definition::delete,
        "DeleteTaskSet" => task_set::delete,
        "DeregisterContainerInstance" => container_instance::deregister,
        "DeregisterTaskDefinition" => task_definition::deregister,
        "DescribeCapacityProviders" => capacity_provider::describe,
        "DescribeClusters" => cluster::describe,
        "DescribeContainerInstances" => container_instance::describe,
        "DescribeServiceDeployments" => deployment::describe,
        "DescribeServiceRevisions" => deployment::describe_revisions,
        "DescribeServices" => service::describe,
        "DescribeTaskDefinition" => task_definition::describe,
        "DescribeTaskSets" => task_set::describe,
        "DescribeTasks" => task::describe,
        "ListAccountSettings" => settings::list,
        "ListClusters" => cluster::list,
        "ListContainerInstances" => container_instance::list,
        "ListServiceDeployments" => deployment::list,
        "ListServices" => service::list,
        "ListServicesByNamespace" => service::list_by_namespace,
        "ListTagsForResource" => tags::list,
        "ListTaskDefinitionFamilies" => task_definition::list_families,
        "ListTaskDefinitions" => task_definition::list,
        "ListTasks" => task::list,
        "PutAccountSetting" => settings::put,
        "PutAccountSettingDefault" => settings::put_default,
        "PutClusterCapacityProviders" => cluster::put_capacity_providers,
        "RegisterContainerInstance" => container_instance::register,
        "RegisterTaskDefinition" => task_definition::register,
        "RunTask" => task::run,
        "StopServiceDeployment" => deployment::stop,
        "StopTask" => task::stop,
        "TagResource" => tags::tag,
        "UntagResource" => tags::untag,
        "UpdateCapacityProvider" => capacity_provider::update,
        "UpdateCluster" => cluster::update,
        "UpdateClusterSettings" => cluster::update_settings,
        "UpdateContainerInstancesState" => container_instance::update_state,
        "UpdateService" => service::update,
        "UpdateServicePrimaryTaskSet" => task_set::make_primary,
        "UpdateTaskSet" => task_set::update,
        _ => return None,
    })
}

/// The account's principal, as ECS notes it on what it creates.
fn principal() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/sandbox")
}

/// `InvalidParameterException`.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// `ClientException`.
fn client(message: impl Into<String>) -> ApiError {
    ApiError::new("ClientException", message)
}

fn cluster_not_found() -> ApiError {
    ApiError::new("ClusterNotFoundException", "Cluster not found.")
}

fn service_not_found() -> ApiError {
    ApiError::new("ServiceNotFoundException", "Service not found.")
}

/// A `failures` entry of an answer that is otherwise a success.
fn missing(arn: String) -> Value {
    serde_json::json!({ "arn": arn, "reason": "MISSING" })
}

/// `name` as the ARN of this account, unless it is one already.
fn to_arn(context: &Context, kind: &str, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { context.arn("ecs", &format!("{kind}/{name}")) }
}
