//! Clusters. The wording of refusals is (from memory).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::capacity_provider::{check_association, check_default_strategy, with_defaults};
use super::container_instance::Instance;
use super::input::{Input, check_name, tail, text_of};
use super::page::{HUNDRED, page};
use super::service::Service;
use super::tags::Tags;
use super::task::Task;
use super::{Context, Map, Outcome, Region, cluster_not_found, id, invalid, missing, to_arn};
use crate::sandbox::ApiError;

/// A cluster and what runs in it.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// What was declared, with defaults.
    pub record: Map,
    /// Its tags.
    pub tags: Tags,
    /// Services by name; deleted ones stay for a while.
    pub services: BTreeMap<String, Service>,
    /// Tasks that no service owns, by id.
    pub tasks: BTreeMap<String, Task>,
    /// Container instances by id.
    pub instances: BTreeMap<String, Instance>,
    /// Whether tasks find room although no container instance is registered.
    pub roomy: bool,
}

/// Members of the answer that stay empty unless `include` asks for them.
const ON_REQUEST: [(&str, &str); 4] = [
    ("SETTINGS", "settings"),
    ("CONFIGURATIONS", "configuration"),
    ("ATTACHMENTS", "attachments"),
    ("STATISTICS", "statistics"),
];

impl Cluster {
    /// Whether it is neither deleted nor on its way there.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.record.get("status").and_then(Value::as_str) == Some("ACTIVE")
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.record.get("clusterName").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        self.record.get("clusterArn").and_then(Value::as_str).unwrap_or_default()
    }

    /// How many container instances take new tasks.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let registered = self.instances.values().filter(|instance| instance.takes_tasks()).count();
        registered.max(usize::from(self.roomy))
    }

    /// Brings everything in the cluster up to date.
    pub fn settle(&mut self, now: Duration) {
        let capacity = self.capacity();
        self.services.retain(|_, service| {
            service.settle(now, capacity);
            !service.is_forgotten(now)
        });
        self.tasks.retain(|_, task| {
            task.settle(now);
            !task.is_forgotten(now)
        });
    }

    /// Brings one service up to date and answers it, unless nothing is left of it.
    pub fn settled(&mut self, name: &str, now: Duration) -> Option<&mut Service> {
        let capacity = self.capacity();
        let service = self.services.get_mut(tail(name))?;
        service.settle(now, capacity);
        if service.is_forgotten(now) {
            self.services.remove(tail(name));
            return None;
        }
        self.services.get_mut(tail(name))
    }

    /// A task by id, whoever owns it.
    pub fn task_mut(&mut self, id: &str) -> Option<&mut Task> {
        let owned = self.services.values_mut().flat_map(|service| service.tasks.iter_mut());
        match self.tasks.get_mut(id) {
            Some(task) => Some(task),
            None => owned.into_iter().find(|task| task.id == id),
        }
    }

    /// Every task of the cluster.
    pub fn all_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().chain(self.services.values().flat_map(|service| service.tasks.iter()))
    }

    fn view(&self, input: &Input) -> Value {
        let mut view = self.record.clone();
        for (part, member) in ON_REQUEST {
            if !input.includes(part) {
                view.remove(member);
            }
        }
        let tasks =
            |running: bool| self.all_tasks().filter(|task| task.is_live() && task.is_running() == running).count();
        let services =
            |active: bool| self.services.values().filter(|s| s.is_active() == active && !s.is_gone()).count();
        view.insert("registeredContainerInstancesCount".into(), json!(self.instances.len()));
        view.insert("runningTasksCount".into(), json!(tasks(true)));
        view.insert("pendingTasksCount".into(), json!(tasks(false)));
        view.insert("activeServicesCount".into(), json!(services(true)));
        if input.includes("STATISTICS") {
            view.insert("statistics".into(), self.statistics());
        }
        if input.includes("TAGS") {
            view.insert("tags".into(), self.tags.view());
        }
        for member in ["statistics", "tags", "settings"] {
            view.entry(member).or_insert_with(|| json!([]));
        }
        Value::Object(view)
    }

    fn statistics(&self) -> Value {
        let tasks = |kind: &str, running: bool| {
            let counted = |task: &&Task| task.is_live() && task.is_running() == running && task.launch_type() == kind;
            self.all_tasks().filter(counted).count()
        };
        let services = |kind: &str, active: bool| {
            let counted = |s: &&Service| s.is_active() == active && !s.is_gone() && s.launch_type() == kind;
            self.services.values().filter(counted).count()
        };
        let mut list = Vec::new();
        for (kind, label) in [("EC2", "EC2"), ("FARGATE", "Fargate")] {
            list.push((format!("running{label}TasksCount"), tasks(kind, true)));
            list.push((format!("pending{label}TasksCount"), tasks(kind, false)));
            list.push((format!("active{label}ServiceCount"), services(kind, true)));
            list.push((format!("draining{label}ServiceCount"), services(kind, false)));
        }
        list.into_iter().map(|(name, count)| json!({ "name": name, "value": count.to_string() })).collect()
    }

    fn full_view(&self) -> Value {
        let include = json!({ "include": ["TAGS", "SETTINGS", "CONFIGURATIONS", "ATTACHMENTS"] });
        Input::new(include).map_or(Value::Null, |input| self.view(&input))
    }
}

/// CreateCluster: a name that is ACTIVE answers the cluster that is there, untouched.
pub(super) fn create(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let name = input.text("clusterName").unwrap_or("default");
    check_name("Cluster name", name)?;
    let tags = Tags::of(input)?;
    check_settings(input.list("settings"))?;
    let providers = input.texts("capacityProviders");
    check_association(region, &providers)?;
    check_default_strategy(&providers, input.list("defaultCapacityProviderStrategy"))?;
    if let Ok(cluster) = region.cluster(Some(name)) {
        cluster.settle(context.now);
        return Ok(json!({ "cluster": cluster.full_view() }));
    }
    let mut record = Map::new();
    record.insert("clusterArn".into(), json!(context.arn("ecs", &format!("cluster/{name}"))));
    record.insert("clusterName".into(), json!(name));
    record.insert("status".into(), json!("ACTIVE"));
    let insights = json!([{ "name": "containerInsights", "value": region.settings.effective("containerInsights") }]);
    record.insert("settings".into(), input.get("settings").cloned().unwrap_or(insights));
    record.insert("capacityProviders".into(), sorted(&providers));
    let strategy = with_defaults(input.list("defaultCapacityProviderStrategy"));
    record.insert("defaultCapacityProviderStrategy".into(), strategy);
    apply(context, &mut record, input);
    let roomy = region.roomy;
    let cluster =
        Cluster { record, tags, services: BTreeMap::new(), tasks: BTreeMap::new(), instances: BTreeMap::new(), roomy };
    let view = cluster.full_view();
    region.clusters.insert(name.to_owned(), cluster);
    Ok(json!({ "cluster": view }))
}

/// `configuration` and `serviceConnectDefaults`, which create and update share.
fn apply(context: &Context, record: &mut Map, input: &Input) {
    if let Some(configuration) = input.get("configuration") {
        let mut configuration = configuration.clone();
        if let Some(exec) = configuration.get_mut("executeCommandConfiguration").and_then(Value::as_object_mut) {
            exec.entry("logging").or_insert_with(|| json!("DEFAULT"));
        }
        record.insert("configuration".into(), configuration);
    }
    if let Some(namespace) = input.get("serviceConnectDefaults").and_then(|d| text_of(d, "namespace")) {
        // An empty name takes the namespace away; otherwise the answer names it by ARN.
        if namespace.is_empty() {
            record.remove("serviceConnectDefaults");
        } else {
            let arn = namespace_arn(context, namespace);
            record.insert("serviceConnectDefaults".into(), json!({ "namespace": arn }));
        }
    }
}

/// The ARN of a Cloud Map namespace.
#[must_use]
pub fn namespace_arn(context: &Context, namespace: &str) -> String {
    if namespace.starts_with("arn:") {
        return namespace.to_owned();
    }
    let id = id::hex(&namespace);
    context.arn("servicediscovery", &format!("namespace/ns-{}", id.get(..16).unwrap_or(&id)))
}

fn check_settings(settings: &[Value]) -> Result<(), ApiError> {
    for setting in settings {
        let (name, value) = (text_of(setting, "name").unwrap_or_default(), text_of(setting, "value"));
        if name != "containerInsights" {
            return Err(invalid(format!("Setting name {name} is not valid.")));
        }
        if !matches!(value, Some("enabled" | "disabled" | "enhanced")) {
            return Err(invalid("containerInsights setting value must be one of: enabled, disabled, enhanced"));
        }
    }
    Ok(())
}

fn sorted(providers: &[&str]) -> Value {
    // A set on AWS's side: the answer is sorted, whatever the order of the request.
    let mut providers: Vec<&str> = providers.iter().map(|name| tail(name)).collect();
    providers.sort_unstable();
    providers.dedup();
    json!(providers)
}

/// DescribeClusters: up to 100, `default` when none is named.
pub(super) fn describe(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let names = match input.get("clusters") {
        None => vec!["default"],
        Some(_) => input.batch("clusters", 100)?,
    };
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match region.clusters.get_mut(tail(name)) {
            Some(cluster) => {
                cluster.settle(context.now);
                clusters.push(cluster.view(input));
            }
            None => failures.push(missing(to_arn(context, "cluster", name))),
        }
    }
    Ok(json!({ "clusters": clusters, "failures": failures }))
}

/// ListClusters.
pub(super) fn list(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let active = region.clusters.values().filter(|cluster| cluster.is_active());
    page(input, "clusterArns", active.map(|cluster| json!(cluster.arn())).collect(), HUNDRED)
}

/// UpdateCluster: what the request leaves out stays.
pub(super) fn update(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    check_settings(input.list("settings"))?;
    let cluster = region.cluster(Some(input.required("cluster")?))?;
    if let Some(settings) = input.get("settings") {
        cluster.record.insert("settings".into(), settings.clone());
    }
    apply(context, &mut cluster.record, input);
    cluster.settle(context.now);
    Ok(json!({ "cluster": cluster.full_view() }))
}

/// UpdateClusterSettings.
pub(super) fn update_settings(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    check_settings(input.list("settings"))?;
    if input.list("settings").is_empty() {
        return Err(invalid("settings cannot be empty."));
    }
    update(region, context, input)
}

/// PutClusterCapacityProviders: replaces both lists.
pub(super) fn put_capacity_providers(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let (Some(_), Some(strategy)) = (input.get("capacityProviders"), input.get("defaultCapacityProviderStrategy"))
    else {
        return Err(invalid("capacityProviders and defaultCapacityProviderStrategy must both be specified."));
    };
    let providers = input.texts("capacityProviders");
    region.cluster(Some(input.required("cluster")?))?;
    check_association(region, &providers)?;
    let strategy = strategy.as_array().map_or(&[][..], Vec::as_slice);
    check_default_strategy(&providers, strategy)?;
    let cluster = region.cluster(Some(input.required("cluster")?))?;
    cluster.settle(context.now);
    let kept: Vec<&str> = providers.iter().map(|name| tail(name)).collect();
    let in_use = cluster.services.values().filter(|s| s.is_active()).flat_map(|s| s.providers());
    let associated = cluster.record.get("capacityProviders").cloned().unwrap_or_default();
    let removed = |name: &str| !kept.contains(&name) && associated.as_array().is_some_and(|a| a.contains(&json!(name)));
    if in_use.into_iter().any(removed) {
        return Err(ApiError::new(
            "ResourceInUseException",
            "The specified capacity provider is in use and cannot be removed.",
        ));
    }
    cluster.record.insert("capacityProviders".into(), sorted(&providers));
    cluster.record.insert("defaultCapacityProviderStrategy".into(), with_defaults(strategy));
    Ok(json!({ "cluster": cluster.full_view() }))
}

/// DeleteCluster: refused while anything is in it; the record stays, INACTIVE.
pub(super) fn delete(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let name = tail(input.required("cluster")?).to_owned();
    let of_cluster = |owner: &Option<String>| owner.as_deref() == Some(name.as_str());
    let provider = region.capacity_providers.values().any(|p| p.is_active() && of_cluster(&p.cluster));
    let cluster = region.clusters.get_mut(&name).ok_or_else(cluster_not_found)?;
    cluster.settle(context.now);
    let refuse =
        |code, what| Err(ApiError::new(code, format!("The Cluster cannot be deleted while {what} are active.")));
    if !cluster.instances.is_empty() {
        return refuse("ClusterContainsContainerInstancesException", "Container Instances");
    }
    if cluster.services.values().any(|service| !service.is_gone()) {
        return refuse("ClusterContainsServicesException", "Services");
    }
    if cluster.all_tasks().any(Task::is_live) {
        return refuse("ClusterContainsTasksException", "Tasks");
    }
    if provider {
        return refuse("ClusterContainsCapacityProviderException", "Capacity Providers");
    }
    cluster.record.insert("status".into(), json!("INACTIVE"));
    Ok(json!({ "cluster": cluster.full_view() }))
}
