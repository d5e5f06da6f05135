//! Task sets: what an external deployment controller runs instead of deployments. Wording is (from
//! memory).

use std::time::Duration;

use serde_json::{Value, json};

use super::input::{Input, tail};
use super::service::{Service, check, defaults, find};
use super::tags::Tags;
use super::task::Origin;
use super::timing::STARTING;
use super::{Context, Map, Outcome, Region, id, invalid, missing, service_not_found};
use crate::sandbox::ApiError;

/// One task set. Its tasks are counted, not kept one by one.
#[derive(Debug, Clone)]
pub struct TaskSet {
    /// `ecs-svc/…` without the prefix.
    pub id: String,
    /// Its tags.
    pub tags: Tags,
    record: Map,
    service_desired: usize,
    /// When the tasks that its present scale calls for run.
    steady_at: Duration,
    settled: Duration,
    crashes: bool,
}

impl TaskSet {
    /// How many of its tasks run or start.
    #[must_use]
    pub fn live(&self) -> usize {
        self.computed()
    }

    /// How many of its tasks run.
    #[must_use]
    pub fn running(&self) -> usize {
        if self.is_steady() { self.computed() } else { 0 }
    }

    fn is_steady(&self) -> bool {
        self.settled >= self.steady_at && !self.crashes
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a task count"
    )]
    fn computed(&self) -> usize {
        let percent = self.record.get("scale").and_then(|scale| scale.get("value")?.as_f64()).unwrap_or(100.0);
        (self.service_desired as f64 * percent / 100.0).ceil() as usize
    }

    /// The task set as ECS shows it.
    #[must_use]
    pub fn view(&self, with_tags: bool) -> Value {
        let mut view = self.record.clone();
        let running = self.running();
        view.insert("computedDesiredCount".into(), json!(self.computed()));
        view.insert("runningCount".into(), json!(running));
        view.insert("pendingCount".into(), json!(self.live() - running));
        view.insert("stabilityStatus".into(), json!(if self.is_steady() { "STEADY_STATE" } else { "STABILIZING" }));
        view.insert("stabilityStatusAt".into(), json!(self.steady_at.min(self.settled).as_secs_f64()));
        if with_tags {
            view.insert("tags".into(), self.tags.view());
        }
        Value::Object(view)
    }

    fn touch(&mut self, service_desired: usize, now: Duration) {
        self.settled = now;
        if self.service_desired != service_desired {
            self.service_desired = service_desired;
            self.steady_at = now + STARTING;
        }
    }
}

fn not_found() -> ApiError {
    ApiError::new("TaskSetNotFoundException", "The specified task set does not exist.")
}

/// The service, its task sets brought up to date.
fn settled<'a>(region: &'a mut Region, context: &Context, input: &Input) -> Result<&'a mut Service, ApiError> {
    let service = find(region, context, input)?;
    let desired = service.desired();
    service.task_sets.iter_mut().for_each(|set| set.touch(desired, context.now));
    Ok(service)
}

fn check_scale(input: &Input) -> Result<(), ApiError> {
    let value = input.get("scale").and_then(|scale| scale.get("value")?.as_f64()).unwrap_or(100.0);
    if (0.0..=100.0).contains(&value) { Ok(()) } else { Err(invalid("scale must be between 0 and 100 PERCENT.")) }
}

/// CreateTaskSet.
pub(super) fn create(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    check_scale(input)?;
    let tags = Tags::of(input)?;
    let cluster = tail(input.required("cluster")?).to_owned();
    let service = settled(region, context, input)?;
    if service.controller() != "EXTERNAL" {
        return Err(invalid("CreateTaskSet is only supported for services with an EXTERNAL deployment controller."));
    }
    let (service_name, service_arn) = (service.text("serviceName").to_owned(), service.text("serviceArn").to_owned());
    let cluster_arn = service.text("clusterArn").to_owned();
    let desired = service.desired();
    let mut record = input.members().clone();
    for member in ["cluster", "service", "clientToken", "tags"] {
        record.shift_remove(member);
    }
    defaults::fill_placement(region, &cluster, &mut record);
    let definition = region.task_definition_to_use(input.required("taskDefinition")?)?;
    check::check_placement(region, &cluster, definition, &record)?;
    let crashes = Origin::new(&cluster_arn, definition, &record).crashes;
    record.insert("taskDefinition".into(), json!(definition.arn()));
    let id = id::digits(&(&service_arn, region.next_serial()));
    let arn = context.arn("ecs", &format!("task-set/{cluster}/{service_name}/ecs-svc/{id}"));
    let members = [
        ("id", json!(format!("ecs-svc/{id}"))),
        ("taskSetArn", json!(arn)),
        ("serviceArn", json!(service_arn)),
        ("clusterArn", json!(cluster_arn)),
        ("status", json!("ACTIVE")),
        ("createdAt", json!(context.epoch_seconds())),
        ("updatedAt", json!(context.epoch_seconds())),
    ];
    for (member, value) in members {
        record.insert(member.into(), value);
    }
    record.entry("scale").or_insert_with(|| json!({ "value": 100.0, "unit": "PERCENT" }));
    let steady_at = context.now + STARTING;
    let set = TaskSet { id, tags, record, service_desired: desired, steady_at, settled: context.now, crashes };
    let view = set.view(true);
    let cluster = region.cluster(Some(&cluster))?;
    cluster.services.get_mut(&service_name).ok_or_else(service_not_found)?.task_sets.push(set);
    Ok(json!({ "taskSet": view }))
}

/// DescribeTaskSets: all of the service when none is named.
pub(super) fn describe(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let service = settled(region, context, input)?;
    let with_tags = input.includes("TAGS");
    let wanted = input.texts("taskSets");
    if wanted.is_empty() {
        let all: Value = service.task_sets.iter().map(|set| set.view(with_tags)).collect();
        return Ok(json!({ "taskSets": all, "failures": [] }));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in wanted {
        match service.task_sets.iter().find(|set| set.id == tail(name)) {
            Some(set) => found.push(set.view(with_tags)),
            None => failures.push(missing(name.to_owned())),
        }
    }
    Ok(json!({ "taskSets": found, "failures": failures }))
}

/// UpdateTaskSet: its scale.
pub(super) fn update(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    check_scale(input)?;
    let scale = input.get("scale").cloned().ok_or_else(|| invalid("scale can not be blank."))?;
    let set = named(settled(region, context, input)?, input.required("taskSet")?)?;
    set.record.insert("scale".into(), scale);
    set.record.insert("updatedAt".into(), json!(context.epoch_seconds()));
    set.steady_at = context.now + STARTING;
    Ok(json!({ "taskSet": set.view(true) }))
}

/// UpdateServicePrimaryTaskSet: the others become ACTIVE.
pub(super) fn make_primary(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let service = settled(region, context, input)?;
    let wanted = input.required("primaryTaskSet")?;
    named(service, wanted)?;
    for set in &mut service.task_sets {
        let status = if set.id == tail(wanted) { "PRIMARY" } else { "ACTIVE" };
        set.record.insert("status".into(), json!(status));
    }
    Ok(json!({ "taskSet": named(service, wanted)?.view(true) }))
}

/// DeleteTaskSet: without `force` only when it is scaled to nothing.
pub(super) fn delete(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let service = settled(region, context, input)?;
    let wanted = input.required("taskSet")?;
    let set = named(service, wanted)?;
    if !input.flag("force") && set.live() > 0 {
        return Err(invalid("The task set cannot be deleted while it is scaled above 0."));
    }
    set.record.insert("status".into(), json!("DRAINING"));
    let view = set.view(true);
    service.task_sets.retain(|set| set.id != tail(wanted));
    Ok(json!({ "taskSet": view }))
}

fn named<'a>(service: &'a mut Service, name: &str) -> Result<&'a mut TaskSet, ApiError> {
    service.task_sets.iter_mut().find(|set| set.id == tail(name)).ok_or_else(not_found)
}
