//! Services: create, update, delete, describe, list. What moves by itself is in [`super::rollout`].
//! The wording of refusals that no documentation quotes is (from memory).

pub mod check;
pub mod defaults;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::capacity_provider::overlay;
use super::cluster::namespace_arn;
use super::deployment::Deployment;
use super::input::{Input, check_name, tail, text_of};
use super::page::{TEN_OF_HUNDRED, page};
use super::rollout::Event;
use super::tags::Tags;
use super::task::{Origin, Task};
use super::task_set::TaskSet;
use super::timing::INACTIVE_KEPT;
use super::{Context, Map, Outcome, Region, invalid, missing, service_not_found};
use crate::sandbox::ApiError;

/// A service with its deployments, tasks and events.
#[derive(Debug, Clone)]
pub struct Service {
    /// What is declared, with defaults; `status` and `desiredCount` among it.
    pub record: Map,
    /// Its tags.
    pub tags: Tags,
    /// Its tasks, oldest first, stopped ones among them for a while.
    pub tasks: Vec<Task>,
    /// Its task sets, when an external controller deploys it.
    pub task_sets: Vec<TaskSet>,
    /// Whether ECS has no service deployments of it, as of one that was last deployed before they came
    /// (October 25, 2024).
    pub untracked: bool,
    pub(super) client_token: Option<String>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) events: VecDeque<Event>,
    /// When the scheduler looks at it next, unless a task changes before.
    pub(super) wake_at: Option<Duration>,
    /// No task is started before this, because the last ones kept failing.
    pub(super) held_until: Duration,
    pub(super) gone_at: Option<Duration>,
    pub(super) created: Duration,
    pub(super) serial: u64,
}

/// Fields of UpdateService that "trigger a new service deployment" according to the model. A value
/// that is there already triggers none *(from memory)*; `forceNewDeployment` always does. The last two
/// the model says nothing of: they are in the service revision, which never changes, so that another
/// value takes another revision.
const ROLLING: [&str; 10] = [
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
    "gatewayConnectors",
];

/// Fields that a Service object does not have: they show on a deployment or a service revision.
const NOT_ON_SERVICE: [&str; 5] = [
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
    "gatewayConnectors",
];

/// Fields that UpdateService may change when CodeDeploy deploys the service ("only", says the model of
/// UpdateService), and which controller that is (ECS developer guide, migrating from CodeDeploy).
const WITH_CODE_DEPLOY: [&str; 10] = [
    "cluster",
    "service",
    "desiredCount",
    "deploymentConfiguration",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
    "deploymentController",
];

/// What ECS calls a field when it refuses to change it (boto/boto3 issue 1936, terraform-provider-aws
/// issue 13473). What it calls the others is not known.
const REFUSED_AS: [(&str, &str); 2] =
    [("taskDefinition", "task definition"), ("networkConfiguration", "network parameters")];

/// Most events that DescribeServices shows.
pub(super) const MOST_EVENTS: usize = 100;

impl Service {
    /// A member that is a string.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        self.record.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it is ACTIVE.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.text("status") == "ACTIVE"
    }

    /// Whether it is INACTIVE: deleted, and nothing of it runs any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.text("status") == "INACTIVE"
    }

    /// Whether it was deleted so long ago that ECS knows it no longer.
    #[must_use]
    pub fn is_forgotten(&self, now: Duration) -> bool {
        self.gone_at.is_some_and(|at| at + INACTIVE_KEPT <= now)
    }

    /// The launch type that it counts for.
    #[must_use]
    pub fn launch_type(&self) -> &str {
        defaults::launch_type(&self.record)
    }

    /// How many tasks it is to run.
    #[must_use]
    pub fn desired(&self) -> usize {
        let count = self.record.get("desiredCount").and_then(Value::as_u64).unwrap_or_default();
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// The capacity providers that its strategy names.
    pub fn providers(&self) -> Vec<&str> {
        let strategy = self.record.get("capacityProviderStrategy").and_then(Value::as_array);
        strategy.into_iter().flatten().filter_map(|item| text_of(item, "capacityProvider")).collect()
    }

    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    #[must_use]
    pub fn controller(&self) -> &str {
        self.record.get("deploymentController").and_then(|c| text_of(c, "type")).unwrap_or("ECS")
    }

    fn view(&self, with_tags: bool) -> Value {
        let mut view = self.record.clone();
        view.retain(|member, _| !NOT_ON_SERVICE.contains(&member.as_str()));
        let sets = |count: fn(&TaskSet) -> usize| self.task_sets.iter().map(count).sum::<usize>();
        let running = self.tasks.iter().filter(|task| task.is_running()).count() + sets(TaskSet::running);
        let live = self.tasks.iter().filter(|task| task.is_live()).count() + sets(TaskSet::live);
        view.insert("runningCount".into(), json!(running));
        view.insert("pendingCount".into(), json!(live - running));
        view.insert("deployments".into(), self.deployment_views());
        view.insert("events".into(), self.events.iter().map(Event::view).collect());
        if !self.task_sets.is_empty() {
            view.insert("taskSets".into(), self.task_sets.iter().map(|set| set.view(false)).collect());
        }
        // The newest one, whether it has ended or not (from memory).
        if let Some(deployment) = self.deployments.first().filter(|_| !self.untracked) {
            view.insert("currentServiceDeployment".into(), json!(deployment.arn));
        }
        let revisions = self.visible().map(|deployment| self.revision_summary(deployment, "arn")).collect();
        view.insert("currentServiceRevisions".into(), revisions);
        if with_tags {
            view.insert("tags".into(), self.tags.view());
        }
        Value::Object(view)
    }
}

/// CreateService.
pub(super) fn create(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let name = input.required("serviceName")?.to_owned();
    check_name("Service name", &name)?;
    check::check_request(input)?;
    let cluster = region.cluster_to_use(input.text("cluster"))?;
    let (cluster_name, cluster_arn) = (cluster.name().to_owned(), cluster.arn().to_owned());
    let token = input.text("clientToken");
    if let Some(live) = cluster.settled(&name, context.now).filter(|live| !live.is_gone()) {
        if !live.is_active() {
            return Err(invalid("Unable to Start a service that is still Draining."));
        }
        if token.is_some() && live.client_token.as_deref() == token {
            return Ok(json!({ "service": live.view(true) }));
        }
        return Err(invalid("Creation of service was not idempotent."));
    }
    let tags = Tags::of(input)?;
    let mut record = defaults::record(region, context, &cluster_name, input.members());
    record.insert("serviceName".into(), json!(name));
    record.insert("serviceArn".into(), json!(context.arn("ecs", &format!("service/{cluster_name}/{name}"))));
    record.insert("clusterArn".into(), json!(cluster_arn));
    let mut service = Service {
        record,
        tags,
        tasks: Vec::new(),
        task_sets: Vec::new(),
        untracked: false,
        client_token: token.map(str::to_owned),
        deployments: Vec::new(),
        events: VecDeque::new(),
        wake_at: None,
        held_until: Duration::ZERO,
        gone_at: None,
        created: context.now,
        serial: 0,
    };
    if service.controller() == "EXTERNAL" {
        check::check_new(input, None)?;
        // Task sets bring their own definition.
        service.record.shift_remove("taskDefinition");
    } else {
        let definition = region.task_definition_to_use(input.required("taskDefinition")?)?;
        check::check_new(input, Some(definition))?;
        check::check_record(region, &cluster_name, definition, &service.record)?;
        service.record.insert("taskDefinition".into(), json!(definition.arn()));
        let origin = Origin::new(&cluster_arn, definition, &service.record);
        service.begin_deployment(origin, context);
    }
    let view = service.view(true);
    region.cluster(Some(&cluster_name))?.services.insert(name, service);
    Ok(json!({ "service": view }))
}

/// UpdateService: what the request leaves out stays; an empty list takes away.
pub(super) fn update(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    check::check_request(input)?;
    let cluster = region.cluster(input.text("cluster"))?;
    let (cluster_name, cluster_arn) = (cluster.name().to_owned(), cluster.arn().to_owned());
    let name = tail(input.required("service")?).to_owned();
    let service = cluster.settled(&name, context.now).ok_or_else(service_not_found)?;
    if !service.is_active() {
        return Err(not_active());
    }
    check_controller(service, input)?;
    if service.text("schedulingStrategy") == "DAEMON" && input.get("desiredCount").is_some() {
        return Err(check::daemon_is_not_scaled());
    }
    let old = service.record.clone();
    let mut new = changed(&old, input);
    defaults::fill_placement(region, &cluster_name, &mut new);
    defaults::fill_nested(region, &cluster_name, &mut new);
    check::check_forced(&old, &new, input)?;
    let mut origin = None;
    if old.contains_key("taskDefinition") {
        // The present definition serves on when it has been deregistered; a new one must be ACTIVE.
        let definition = match input.text("taskDefinition") {
            Some(reference) => region.task_definition_to_use(reference)?,
            None => {
                let present = old.get("taskDefinition").and_then(Value::as_str).unwrap_or_default();
                region.task_definition(present).ok_or_else(|| invalid("TaskDefinition not found."))?
            }
        };
        check::check_record(region, &cluster_name, definition, &new)?;
        new.insert("taskDefinition".into(), json!(definition.arn()));
        let rolls = input.flag("forceNewDeployment") || ROLLING.iter().any(|field| old.get(*field) != new.get(*field));
        origin = rolls.then(|| Origin::new(&cluster_arn, definition, &new));
    }
    let service = region.cluster(Some(&cluster_name))?.services.get_mut(&name).ok_or_else(service_not_found)?;
    service.record = new;
    match origin {
        Some(origin) => service.begin_deployment(origin, context),
        None => service.wake(context.now),
    }
    Ok(json!({ "service": service.view(true) }))
}

/// The record after an update, before defaults. That an empty list takes away volume and VPC Lattice
/// configurations is not known; it does so here.
fn changed(old: &Map, input: &Input) -> Map {
    let mut new = old.clone();
    for (member, value) in input.members() {
        match member.as_str() {
            "cluster" | "service" | "forceNewDeployment" | "taskDefinition" => {}
            // Settings inside that the request leaves out stay as well (from memory).
            "deploymentConfiguration" => {
                let configuration = new.entry(member.clone()).or_insert_with(|| json!({}));
                overlay(configuration, value);
                leave_strategy(configuration, value);
            }
            "capacityProviderStrategy" if value == &json!([]) => {
                let back_to = defaults::launch_type(old).to_owned();
                new.shift_remove("capacityProviderStrategy");
                new.insert("launchType".into(), json!(back_to));
            }
            "capacityProviderStrategy" => {
                new.shift_remove("launchType");
                new.insert(member.clone(), value.clone());
            }
            _ => drop(new.insert(member.clone(), value.clone())),
        }
    }
    // A platform version belongs to Fargate; leaving Fargate leaves it behind.
    if defaults::launch_type(&new) != "FARGATE" && input.get("platformVersion").is_none() {
        new.shift_remove("platformVersion");
    }
    new
}

/// What belongs to a strategy that an update leaves goes with it, unless the update names it: then it is
/// refused. That it goes is (from memory).
fn leave_strategy(configuration: &mut Value, update: &Value) {
    let strategy = text_of(configuration, "strategy").unwrap_or("ROLLING").to_owned();
    for (member, of) in check::OF_ONE_STRATEGY {
        if let Some(configuration) =
            configuration.as_object_mut().filter(|_| strategy != of && update.get(member).is_none())
        {
            configuration.shift_remove(member);
        }
    }
}

fn check_controller(service: &Service, input: &Input) -> Result<(), ApiError> {
    let allowed = |member: &str| match service.controller() {
        "ECS" => true,
        "EXTERNAL" => WITH_CODE_DEPLOY.contains(&member) && member != "deploymentConfiguration",
        _ => WITH_CODE_DEPLOY.contains(&member),
    };
    let unforced = |member: &&String| *member != "forceNewDeployment" || input.flag("forceNewDeployment");
    let Some(member) = input.members().keys().filter(unforced).find(|member| !allowed(member)) else { return Ok(()) };
    let what = match REFUSED_AS.iter().find(|(field, _)| field == member) {
        // aws/aws-toolkit-vscode issue 4017.
        _ if member == "forceNewDeployment" => "Cannot force a new deployment".to_owned(),
        Some((_, name)) => format!("Unable to update {name}"),
        None => format!("Unable to update {member}"),
    };
    // What ECS advises for other controllers is not known.
    let advice = match service.controller() {
        "CODE_DEPLOY" => " Use AWS CodeDeploy to trigger a new deployment.",
        _ => "",
    };
    Err(invalid(format!("{what} on services with a {} deployment controller.{advice}", service.controller())))
}

fn not_active() -> ApiError {
    ApiError::new("ServiceNotActiveException", "Service was not ACTIVE.")
}

/// DeleteService. A service that is deleted already answers as it is: the model has no error for it.
pub(super) fn delete(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let force = input.flag("force");
    let cluster = region.cluster(input.text("cluster"))?;
    let service = cluster.settled(input.required("service")?, context.now).ok_or_else(service_not_found)?;
    if !service.is_active() {
        return Ok(json!({ "service": service.view(true) }));
    }
    if service.text("schedulingStrategy") != "DAEMON" && !force {
        if service.desired() > 0 {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        if service.visible().count() > 1 || !service.task_sets.is_empty() {
            return Err(invalid("The service cannot be stopped while deployments are active."));
        }
    }
    service.drain(context.now);
    Ok(json!({ "service": service.view(true) }))
}

/// DescribeServices: up to ten; what is not there is a failure inside the answer.
pub(super) fn describe(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let names = input.batch("services", 10)?;
    let cluster = region.cluster(input.text("cluster"))?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match cluster.settled(name, context.now) {
            Some(service) => found.push(service.view(input.includes("TAGS"))),
            None if name.starts_with("arn:") => failures.push(missing(name.to_owned())),
            None => failures.push(missing(context.arn("ecs", &format!("service/{}/{name}", cluster.name())))),
        }
    }
    Ok(json!({ "services": found, "failures": failures }))
}

/// ListServices: ACTIVE ones.
pub(super) fn list(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    check::check_request(input)?;
    let cluster = region.cluster(input.text("cluster"))?;
    let fits = |service: &&Service| {
        service.is_active()
            && input.text("launchType").is_none_or(|wanted| wanted == service.launch_type())
            && input.text("schedulingStrategy").is_none_or(|wanted| wanted == service.text("schedulingStrategy"))
    };
    let arns = cluster.services.values().filter(fits).map(|service| json!(service.text("serviceArn"))).collect();
    page(input, "serviceArns", arns, TEN_OF_HUNDRED)
}

/// ListServicesByNamespace: in every cluster of the Region.
pub(super) fn list_by_namespace(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let wanted = namespace_arn(context, input.required("namespace")?);
    let in_namespace = |service: &&Service| {
        let connect = service.record.get("serviceConnectConfiguration");
        let namespace = connect.and_then(|connect| text_of(connect, "namespace"));
        service.is_active() && namespace.is_some_and(|name| namespace_arn(context, name) == wanted)
    };
    let services = region.clusters.values().flat_map(|cluster| cluster.services.values());
    let arns = services.filter(in_namespace).map(|service| json!(service.text("serviceArn"))).collect();
    page(input, "serviceArns", arns, TEN_OF_HUNDRED)
}

/// The service that a request of the task-set family means.
pub(super) fn find<'a>(region: &'a mut Region, context: &Context, input: &Input) -> Result<&'a mut Service, ApiError> {
    let cluster = region.cluster(Some(input.required("cluster")?))?;
    let service = cluster.settled(input.required("service")?, context.now).ok_or_else(service_not_found)?;
    if service.is_active() { Ok(service) } else { Err(not_active()) }
}

impl Service {
    pub(super) fn task_tags(&self, origin: &Arc<Origin>) -> Tags {
        let mut tags = match self.text("propagateTags") {
            "SERVICE" => self.tags.clone(),
            "TASK_DEFINITION" => origin.definition_tags.clone(),
            _ => Tags::default(),
        };
        if self.record.get("enableECSManagedTags") == Some(&json!(true)) {
            tags.set("aws:ecs:clusterName", tail(self.text("clusterArn")));
            tags.set("aws:ecs:serviceName", self.text("serviceName"));
        }
        tags
    }
}
