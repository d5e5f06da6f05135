//! Tasks, those of services and those of RunTask.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::input::{Input, tail, text_of};
use super::page::{HUNDRED, page};
use super::service::{check, defaults};
use super::tags::Tags;
use super::task_definition::TaskDefinition;
use super::timing::{PROVISIONING, STARTING, STOPPED_KEPT, STOPPING};
use super::{Context, Map, Outcome, Region, client, id, invalid, missing, service_not_found};

/// One task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// What it has in common with the tasks that were started like it.
    pub origin: Arc<Origin>,
    /// Its tags.
    pub tags: Tags,
    phase: Phase,
    created: Duration,
    started: Option<Duration>,
    stop: Option<Stop>,
}

/// What tasks of one deployment, or of one RunTask call, share.
#[derive(Debug, Default)]
pub struct Origin {
    /// Members of the answer that are the same for all of them.
    pub record: Map,
    /// Their containers: name, image and sizes.
    pub containers: Vec<Value>,
    /// Whether they exit instead of starting.
    pub crashes: bool,
    /// The deployment that they belong to.
    pub deployment: String,
    /// The token of the RunTask call.
    pub client_token: Option<String>,
    /// The task definition's tags, which a service may pass on.
    pub definition_tags: Tags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting { until: Duration },
    Running,
    Stopping { until: Duration },
    Stopped { at: Duration },
}

#[derive(Debug, Clone)]
struct Stop {
    at: Duration,
    code: &'static str,
    reason: String,
    exit_code: i64,
}

impl Origin {
    /// Tasks of `definition` that run as `settings` (of a service or of RunTask) say.
    #[must_use]
    pub fn new(cluster: &str, definition: &TaskDefinition, settings: &Map) -> Self {
        let mut record = Map::new();
        record.insert("clusterArn".into(), json!(cluster));
        record.insert("taskDefinitionArn".into(), json!(definition.arn()));
        for member in ["launchType", "platformVersion", "platformFamily", "enableExecuteCommand"] {
            if let Some(value) = settings.get(member) {
                record.insert(member.into(), value.clone());
            }
        }
        // A task runs on what LATEST means today.
        if record.get("platformVersion") == Some(&json!("LATEST")) {
            record.insert("platformVersion".into(), json!("1.4.0"));
        }
        if let Some(provider) =
            settings.get("capacityProviderStrategy").and_then(|list| text_of(list.get(0)?, "capacityProvider"))
        {
            record.insert("capacityProviderName".into(), json!(provider));
            record.insert("launchType".into(), json!(defaults::launch_type(settings)));
        }
        for member in ["cpu", "memory", "ephemeralStorage"] {
            if let Some(value) = definition.record.get(member) {
                record.insert(member.into(), value.clone());
            }
        }
        let container = |container: &Value| {
            let size = container.get("cpu").map_or_else(String::new, Value::to_string);
            let checked = container.get("healthCheck").is_some();
            json!({ "name": container.get("name"), "image": container.get("image"), "cpu": size, "checked": checked })
        };
        let crash = |container: &Value| text_of(container, "image").is_some_and(|image| image.ends_with(":crash"));
        Self {
            record,
            containers: definition.containers().iter().map(container).collect(),
            crashes: definition.containers().iter().any(crash),
            definition_tags: definition.tags.clone(),
            ..Self::default()
        }
    }
}

impl Task {
    /// A task that begins to start now.
    #[must_use]
    pub fn new(id: String, origin: &Arc<Origin>, tags: Tags, now: Duration) -> Self {
        let phase = Phase::Starting { until: now + STARTING };
        Self { id, origin: Arc::clone(origin), tags, phase, created: now, started: None, stop: None }
    }

    /// Whether it runs or is to run.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. } | Phase::Running)
    }

    /// Whether it has started and is not being stopped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Whether nothing of it runs any more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped { .. })
    }

    /// Whether it was stopped so long ago that ECS knows it no longer.
    #[must_use]
    pub fn is_forgotten(&self, now: Duration) -> bool {
        matches!(self.phase, Phase::Stopped { at } if at + STOPPED_KEPT <= now)
    }

    /// The launch type that it counts for.
    #[must_use]
    pub fn launch_type(&self) -> &str {
        self.text("launchType")
    }

    fn text(&self, member: &str) -> &str {
        self.origin.record.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// When it changes next by itself.
    #[must_use]
    pub fn next_change(&self) -> Option<Duration> {
        match self.phase {
            Phase::Starting { until } | Phase::Stopping { until } => Some(until),
            Phase::Running | Phase::Stopped { .. } => None,
        }
    }

    /// Makes the change that is due at `at`; answers whether the task has just crashed.
    pub fn advance(&mut self, at: Duration) -> bool {
        match self.phase {
            Phase::Starting { until } if until <= at && self.origin.crashes => {
                let reason = "Essential container in task exited".to_owned();
                self.stop = Some(Stop { at: until, code: "EssentialContainerExited", reason, exit_code: 1 });
                self.phase = Phase::Stopped { at: until };
                return true;
            }
            Phase::Starting { until } if until <= at => {
                self.started = Some(until);
                self.phase = Phase::Running;
            }
            Phase::Stopping { until } if until <= at => self.phase = Phase::Stopped { at: until },
            _ => {}
        }
        false
    }

    /// Brings a task that no service owns up to date.
    pub fn settle(&mut self, now: Duration) {
        self.advance(now);
    }

    /// Begins to stop it, unless that has happened before.
    pub fn stop(&mut self, now: Duration, code: &'static str, reason: String) {
        if self.is_live() {
            self.phase = Phase::Stopping { until: now + STOPPING };
            self.stop = Some(Stop { at: now, code, reason, exit_code: 0 });
        }
    }

    fn desired_status(&self) -> &'static str {
        if self.is_live() { "RUNNING" } else { "STOPPED" }
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("{}/{}", self.text("clusterArn").replacen(":cluster/", ":task/", 1), self.id)
    }

    fn view(&self, now: Duration, with_tags: bool) -> Value {
        let mut view = self.origin.record.clone();
        let status = match self.phase {
            Phase::Starting { .. } if now < self.created + PROVISIONING => "PROVISIONING",
            Phase::Starting { .. } => "PENDING",
            Phase::Running => "RUNNING",
            Phase::Stopping { .. } => "STOPPING",
            Phase::Stopped { .. } => "STOPPED",
        };
        let checked = self.origin.containers.iter().any(|container| container.get("checked") == Some(&json!(true)));
        let health = if checked && self.is_running() { "HEALTHY" } else { "UNKNOWN" };
        view.insert("taskArn".into(), json!(self.arn()));
        view.insert("lastStatus".into(), json!(status));
        view.insert("desiredStatus".into(), json!(self.desired_status()));
        view.insert("healthStatus".into(), json!(health));
        view.insert("createdAt".into(), json!(self.created.as_secs_f64()));
        view.insert("version".into(), json!(1));
        view.insert("containers".into(), self.containers(status, health));
        view.entry("overrides")
            .or_insert_with(|| json!({ "containerOverrides": [], "inferenceAcceleratorOverrides": [] }));
        view.insert("attachments".into(), json!([]));
        if let Some(started) = self.started {
            view.insert("startedAt".into(), json!(started.as_secs_f64()));
            view.insert("connectivity".into(), json!("CONNECTED"));
        }
        if let Some(stop) = &self.stop {
            view.insert("stoppingAt".into(), json!(stop.at.as_secs_f64()));
            view.insert("stopCode".into(), json!(stop.code));
            view.insert("stoppedReason".into(), json!(stop.reason));
        }
        if let Phase::Stopped { at } = self.phase {
            view.insert("stoppedAt".into(), json!(at.as_secs_f64()));
        }
        view.insert("tags".into(), if with_tags { self.tags.view() } else { json!([]) });
        Value::Object(view)
    }

    fn containers(&self, status: &str, health: &str) -> Value {
        let arn = self.arn();
        let view = |(number, container): (usize, &Value)| {
            let mut view = container.as_object().cloned().unwrap_or_default();
            view.shift_remove("checked");
            let id = id::uuid(&(&self.id, number));
            view.insert("containerArn".into(), json!(format!("{}/{id}", arn.replacen(":task/", ":container/", 1))));
            view.insert("taskArn".into(), json!(arn));
            view.insert("lastStatus".into(), json!(if status == "PROVISIONING" { "PENDING" } else { status }));
            view.insert("healthStatus".into(), json!(health));
            view.insert("networkInterfaces".into(), json!([]));
            if let (Some(stop), true) = (&self.stop, self.is_stopped()) {
                view.insert("exitCode".into(), json!(stop.exit_code));
            }
            Value::Object(view)
        };
        self.origin.containers.iter().enumerate().map(view).collect()
    }
}

/// RunTask: up to ten tasks that no service looks after.
pub(super) fn run(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let count = usize::try_from(input.integer("count").unwrap_or(1)).unwrap_or_default();
    if !(1..=10).contains(&count) {
        return Err(invalid("count must be between 1 and 10."));
    }
    let cluster = region.cluster_to_use(input.text("cluster"))?;
    cluster.settle(context.now);
    let (name, arn) = (cluster.name().to_owned(), cluster.arn().to_owned());
    let capacity = cluster.capacity();
    let token = input.text("clientToken");
    let earlier = |task: &&Task| token.is_some() && task.origin.client_token.as_deref() == token;
    let earlier: Vec<Value> = cluster.tasks.values().filter(earlier).map(|task| task.view(context.now, true)).collect();
    if !earlier.is_empty() {
        return Ok(json!({ "tasks": earlier, "failures": [] }));
    }
    let mut tags = Tags::of(input)?;
    let mut settings = input.members().clone();
    defaults::fill_placement(region, &name, &mut settings);
    let definition = region.task_definition_to_use(input.required("taskDefinition")?)?;
    check::check_placement(region, &name, definition, &settings)?;
    if check::needs_instances(&settings) && capacity == 0 {
        return Err(invalid("No Container Instances were found in your cluster."));
    }
    let mut origin = Origin::new(&arn, definition, &settings);
    let group = format!("family:{}", definition.text("family"));
    origin.record.insert("group".into(), json!(input.text("group").unwrap_or(&group)));
    for member in ["startedBy", "overrides"] {
        if let Some(value) = input.get(member) {
            origin.record.insert(member.into(), value.clone());
        }
    }
    origin.client_token = token.map(str::to_owned);
    if input.flag("enableECSManagedTags") {
        tags.set("aws:ecs:clusterName", &name);
    }
    let origin = Arc::new(origin);
    let mut started = Vec::new();
    for _ in 0..count {
        let id = id::hex(&(&arn, region.next_serial()));
        let task = Task::new(id, &origin, tags.clone(), context.now);
        started.push(task.view(context.now, true));
        region.cluster(Some(&name))?.tasks.insert(task.id.clone(), task);
    }
    Ok(json!({ "tasks": started, "failures": [] }))
}

/// StopTask. A service replaces the task.
pub(super) fn stop(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let cluster = region.cluster(input.text("cluster"))?;
    cluster.settle(context.now);
    let id = tail(input.required("task")?);
    let task = cluster.task_mut(id).ok_or_else(|| invalid("The referenced task was not found."))?;
    task.stop(context.now, "UserInitiated", input.text("reason").unwrap_or("Task stopped by user").to_owned());
    let view = task.view(context.now, true);
    let owner = cluster.services.values_mut().find(|service| service.tasks.iter().any(|task| task.id == id));
    if let Some(owner) = owner {
        owner.wake(context.now);
    }
    Ok(json!({ "task": view }))
}

/// DescribeTasks: up to 100.
pub(super) fn describe(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let cluster = region.cluster(input.text("cluster"))?;
    cluster.settle(context.now);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    let wanted = input.batch("tasks", 100)?;
    // One walk through the cluster, however many are asked for.
    let known: std::collections::BTreeMap<&str, &Task> =
        cluster.all_tasks().map(|task| (task.id.as_str(), task)).collect();
    for name in wanted {
        match known.get(tail(name)) {
            Some(task) => found.push(task.view(context.now, input.includes("TAGS"))),
            None if name.starts_with("arn:") => failures.push(missing(name.to_owned())),
            None => failures.push(missing(format!("{}/{name}", cluster.arn().replacen(":cluster/", ":task/", 1)))),
        }
    }
    Ok(json!({ "tasks": found, "failures": failures }))
}

/// ListTasks: those that run or are to run, unless `desiredStatus` is STOPPED.
pub(super) fn list(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    input.check_enums(&[("desiredStatus", &["RUNNING", "PENDING", "STOPPED"])])?;
    let cluster = region.cluster(input.text("cluster"))?;
    let status = input.text("desiredStatus").unwrap_or("RUNNING");
    let tasks: Vec<&Task> = match input.text("serviceName") {
        Some(name) => cluster.settled(name, context.now).ok_or_else(service_not_found)?.tasks.iter().collect(),
        None => {
            cluster.settle(context.now);
            cluster.all_tasks().collect()
        }
    };
    if input.text("startedBy").is_some_and(|by| by.len() > 128) {
        return Err(client("startedBy must be at most 128 characters long."));
    }
    let same = |member: &str, value: &str| input.text(member).is_none_or(|wanted| wanted == value);
    let family = |task: &Task| tail(task.text("taskDefinitionArn")).split(':').next().unwrap_or_default().to_owned();
    let fits = |task: &&&Task| {
        task.desired_status() == status
            && same("startedBy", task.text("startedBy"))
            && same("launchType", task.launch_type())
            && same("family", &family(task))
            // Tasks are not bound to an instance here, so none is on the one asked for.
            && input.text("containerInstance").is_none()
    };
    page(input, "taskArns", tasks.iter().filter(fits).map(|task| json!(task.arn())).collect(), HUNDRED)
}

/// Why the scheduler stops a task, in ECS's words.
#[must_use]
pub fn scheduler_reason(deployment: &str) -> String {
    format!("Scaling activity initiated by (deployment {deployment})")
}
