//! What a service does by itself: tasks start, crash and stop, deployments complete, fail and roll
//! back, a deleted service drains.
//!
//! Nothing runs in the background. [`Service::settle`] goes through everything that was due since
//! the last time, in order and at the moment at which it was due, so a service looks the same
//! however often somebody looked before.
//!
//! The scheduler is coarse: no placement, no health checks, no bake time, and every deployment
//! strategy rolls, with no other stages than the pauses of [`super::pause`]. Events are in ECS's form (from memory). It does keep `minimumHealthyPercent` and `maximumPercent`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::deployment::{Deployment, REVISION, Role, Rollback};
use super::input::text_of;
use super::service::{MOST_EVENTS, Service, check};
use super::task::{Origin, Task, scheduler_reason};
use super::timing::{ATTEMPTS, SCHEDULING, THROTTLED};
use super::{Context, id};

/// One line of a service's event list.
#[derive(Debug, Clone)]
pub struct Event {
    id: String,
    at: Duration,
    message: String,
}

impl Event {
    /// The event as DescribeServices shows it.
    #[must_use]
    pub fn view(&self) -> Value {
        json!({ "id": self.id, "createdAt": self.at.as_secs_f64(), "message": self.message })
    }
}

/// Why a deployment fails, in the words of the deployment and of the service deployment.
pub(super) struct Cause {
    pub(super) by: &'static str,
    pub(super) failure: &'static str,
    pub(super) why: &'static str,
}

const BREAKER: Cause = Cause {
    by: "ECS deployment circuit breaker",
    failure: "tasks failed to start.",
    why: "the circuit breaker threshold was exceeded",
};

/// *(from memory)*
const STOP: Cause =
    Cause { by: "ECS deployment stop", failure: "stopped on request.", why: "StopServiceDeployment was called" };

impl Service {
    /// Brings the service up to date.
    pub fn settle(&mut self, now: Duration, capacity: usize) {
        while let Some(at) = self.next_change().filter(|at| *at <= now) {
            let mut failed = Vec::new();
            for task in &mut self.tasks {
                if task.advance(at) {
                    failed.push(task.origin.deployment.clone());
                }
            }
            for deployment in failed {
                self.count_failure(&deployment, at);
            }
            self.tasks.retain(|task| !task.is_forgotten(at));
            self.schedule(at, capacity);
        }
    }

    fn next_change(&self) -> Option<Duration> {
        self.tasks.iter().filter_map(Task::next_change).chain(self.wake_at).min()
    }

    /// Makes the scheduler look at the service soon.
    pub fn wake(&mut self, now: Duration) {
        let soon = now + SCHEDULING;
        self.wake_at = Some(self.wake_at.map_or(soon, |at| at.min(soon)));
    }

    fn next_id(&mut self) -> (String, Duration, u64) {
        self.serial += 1;
        (self.text("serviceArn").to_owned(), self.created, self.serial)
    }

    fn say(&mut self, at: Duration, what: &str) {
        let message = format!("(service {}) {what}", self.text("serviceName"));
        // ECS says it again and again; once is enough to read.
        if self.events.front().is_some_and(|event| event.message == message) {
            return;
        }
        let id = id::uuid(&self.next_id());
        self.events.push_front(Event { id, at, message });
        self.events.truncate(MOST_EVENTS);
    }

    /// Starts to roll out the record as it is now; whatever was on its way stops.
    pub(super) fn begin_deployment(&mut self, mut origin: Origin, context: &Context) {
        let now = context.now;
        let digits = id::digits(&self.next_id());
        let long = id::hex(&self.next_id());
        let path = self.text("serviceArn").rsplit_once(":service/").map_or("", |(_, path)| path).to_owned();
        let deployment_id = format!("ecs-svc/{digits}");
        origin.deployment.clone_from(&deployment_id);
        origin.record.insert("startedBy".into(), json!(deployment_id));
        origin.record.insert("group".into(), json!(format!("service:{}", self.text("serviceName"))));
        let mut sources = Vec::new();
        for older in &mut self.deployments {
            if older.role != Role::Gone {
                sources.push(older.revision_arn.clone());
                older.role = Role::Active;
            }
            if older.is_moving() {
                older.finish("STOPPED", now);
                older.status_reason =
                    Some("Service deployment was stopped because a newer one has started.".to_owned());
            }
        }
        let fixed = self.record.iter().filter(|(member, _)| REVISION.contains(&member.as_str()));
        let deployment = Deployment {
            arn: context.arn("ecs", &format!("service-deployment/{path}/{}", long.get(..22).unwrap_or(&long))),
            revision_arn: context.arn("ecs", &format!("service-revision/{path}/{digits}")),
            revision: fixed.map(|(member, value)| (member.clone(), value.clone())).collect(),
            origin: Arc::new(origin),
            role: Role::Primary,
            rollout: "IN_PROGRESS",
            rollout_reason: format!("ECS deployment {deployment_id} in progress."),
            id: deployment_id,
            status: "PENDING",
            status_reason: None,
            proven: false,
            failed: 0,
            sources,
            created: now,
            updated: now,
            started: None,
            finished: None,
            rollback: None,
            pauses: Vec::new(),
        };
        self.deployments.insert(0, deployment);
        self.held_until = Duration::ZERO;
        self.wake(now);
    }

    pub(super) fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.role == Role::Primary)
    }

    pub(super) fn primary_mut(&mut self) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|deployment| deployment.role == Role::Primary)
    }

    pub(super) fn configured(&self, member: &str) -> Option<&Value> {
        self.record.get("deploymentConfiguration")?.get(member)
    }

    fn percent(&self, member: &str, default: u64) -> u64 {
        self.configured(member).and_then(Value::as_u64).unwrap_or(default)
    }

    /// How many failed tasks make a deployment fail; none without a circuit breaker.
    pub(super) fn breaker_threshold(&self) -> Option<u64> {
        let breaker = self.configured("deploymentCircuitBreaker")?;
        if breaker.get("enable") != Some(&json!(true)) {
            return None;
        }
        let limit = breaker.get("thresholdConfiguration");
        let value = limit.and_then(|limit| limit.get("value")?.as_u64()).unwrap_or(50);
        let share = (self.desired() as u64).saturating_mul(value).div_ceil(100);
        Some(match limit.and_then(|limit| text_of(limit, "type")) {
            Some("COUNT") => value,
            Some("UNBOUNDED_PERCENT") => share,
            _ => share.clamp(3, 200),
        })
    }

    fn count_failure(&mut self, deployment: &str, at: Duration) {
        let threshold = self.breaker_threshold();
        let Some(failing) = self.deployments.iter_mut().find(|other| other.id == deployment) else { return };
        // A deployment that the breaker has stopped counts no more.
        if failing.rollout == "FAILED" {
            return;
        }
        failing.failed += 1;
        failing.updated = at;
        let (failed, watched) = (failing.failed, failing.role == Role::Primary && failing.rollout == "IN_PROGRESS");
        match threshold {
            Some(limit) if watched && failed >= limit => self.trip(at),
            Some(_) if watched => {}
            _ if failed >= ATTEMPTS => {
                self.held_until = at + THROTTLED;
                self.say(at, "is unable to consistently start tasks successfully.");
            }
            _ => {}
        }
    }

    /// The circuit breaker: the rollout has failed.
    fn trip(&mut self, at: Duration) {
        let rollback = self.configured("deploymentCircuitBreaker").and_then(|b| b.get("rollback")?.as_bool());
        let Some(failing) = self.primary_mut() else { return };
        let message = format!("(deployment {}) deployment failed: tasks failed to start.", failing.id);
        self.say(at, &message);
        self.fail(at, &BREAKER, rollback == Some(true));
    }

    /// StopServiceDeployment on the deployment that is under way.
    pub(super) fn stop_deployment(&mut self, now: Duration, rollback: bool) {
        self.fail(now, &STOP, rollback);
        self.wake(now);
    }

    /// Ends the PRIMARY deployment as FAILED and, if asked to, goes back to the last one that
    /// completed.
    pub(super) fn fail(&mut self, at: Duration, cause: &Cause, rollback: bool) {
        let target =
            self.deployments.iter().position(|deployment| deployment.proven && deployment.role != Role::Primary);
        let Some(failing) = self.primary_mut() else { return };
        failing.rollout = "FAILED";
        failing.rollout_reason = format!("{}: {}", cause.by, cause.failure);
        failing.updated = at;
        match (rollback, target) {
            (false, _) => {
                failing.finish("STOPPED", at);
                failing.status_reason = Some(format!("Service deployment failed because {}.", cause.why));
            }
            (true, None) => {
                failing.finish("ROLLBACK_FAILED", at);
                failing.status_reason = Some("No rollback candidate was found to run the rollback.".to_owned());
            }
            (true, Some(target)) => self.roll_back(at, cause, target),
        }
    }

    fn roll_back(&mut self, at: Duration, cause: &Cause, target: usize) {
        // The circuit breaker begins by itself; a person is asked to wait for the next look.
        let asked = cause.by != BREAKER.by;
        let Some(back) = self.deployments.get_mut(target) else { return };
        let (back_id, back_revision, revision) = (back.id.clone(), back.revision_arn.clone(), back.revision.clone());
        if let Some(failing) = self.primary_mut() {
            failing.role = Role::Active;
            failing.status = if asked { "ROLLBACK_REQUESTED" } else { "ROLLBACK_IN_PROGRESS" };
            let reason = format!("Service deployment rolled back because {}.", cause.why);
            failing.status_reason = Some(reason.clone());
            failing.rollback = Some(Rollback { reason, at, revision_arn: back_revision });
        }
        if let Some(back) = self.deployments.get_mut(target) {
            back.role = Role::Primary;
            back.rollout = "IN_PROGRESS";
            back.rollout_reason = format!("{}: rolling back to deploymentId {back_id}.", cause.by);
            back.failed = 0;
            back.updated = at;
        }
        for member in REVISION {
            self.record.shift_remove(member);
        }
        self.record.extend(revision);
        self.say(at, &format!("rolling back to deployment {back_id}."));
    }

    /// DeleteService: everything stops; the record stays until the last task has.
    pub(super) fn drain(&mut self, now: Duration) {
        self.record.insert("status".into(), json!("DRAINING"));
        self.record.insert("desiredCount".into(), json!(0));
        for deployment in &mut self.deployments {
            if deployment.is_moving() {
                deployment.finish("STOPPED", now);
                deployment.status_reason =
                    Some("Service deployment was stopped because the service was deleted.".into());
            }
        }
        self.task_sets.clear();
        let all = (0..self.tasks.len()).collect();
        self.stop_tasks(all, now);
        // Looked at now, not soon: without tasks it is INACTIVE at once.
        self.wake_at = Some(now);
    }

    /// One look of the scheduler at the service.
    fn schedule(&mut self, at: Duration, capacity: usize) {
        self.wake_at = None;
        if !self.is_active() {
            if !self.is_gone() && self.tasks.iter().all(Task::is_stopped) {
                self.record.insert("status".into(), json!("INACTIVE"));
                self.gone_at = Some(at);
            }
            return;
        }
        if self.text("schedulingStrategy") == "DAEMON" {
            self.record.insert("desiredCount".into(), json!(capacity));
        }
        let Some(primary) = self.primary_mut() else { return };
        if primary.status == "PENDING" {
            primary.status = "IN_PROGRESS";
            primary.started = Some(at);
        }
        for asked in self.deployments.iter_mut().filter(|deployment| deployment.status == "ROLLBACK_REQUESTED") {
            asked.status = "ROLLBACK_IN_PROGRESS";
        }
        if self.pauses(at) {
            return;
        }
        self.stop_surplus(at);
        self.start_missing(at, capacity);
        self.conclude(at);
    }

    fn stop_surplus(&mut self, at: Duration) {
        let Some(primary) = self.primary() else { return };
        let (primary_id, stuck) = (primary.id.clone(), primary.rollout == "FAILED");
        let desired = self.desired();
        let failed: Vec<&str> =
            self.deployments.iter().filter(|d| d.rollout == "FAILED").map(|d| d.id.as_str()).collect();
        let healthy = (desired as u64).saturating_mul(self.percent("minimumHealthyPercent", 100)).div_ceil(100);
        let running = self.tasks.iter().filter(|task| task.is_running()).count();
        // How many tasks of older deployments may go without too few being left.
        let mut spare = running.saturating_sub(usize::try_from(healthy).unwrap_or(usize::MAX));
        let mut surplus = self.counts(&primary_id).1.saturating_sub(desired);
        let mut stop = Vec::new();
        for (index, task) in self.tasks.iter().enumerate().filter(|(_, task)| task.is_live()) {
            let of = task.origin.deployment.as_str();
            if failed.contains(&of) || (of != primary_id && !stuck && !task.is_running()) {
                stop.push(index);
            } else if of != primary_id && !stuck && spare > 0 {
                spare -= 1;
                stop.push(index);
            }
        }
        // Of its own tasks it stops those that have not started, then the newest.
        for starting in [true, false] {
            let own =
                |task: &Task| task.is_live() && task.origin.deployment == primary_id && task.is_running() != starting;
            for (index, _) in self.tasks.iter().enumerate().rev().filter(|(_, task)| own(task)) {
                if surplus > 0 && !stop.contains(&index) {
                    surplus -= 1;
                    stop.push(index);
                }
            }
        }
        self.stop_tasks(stop, at);
    }

    fn stop_tasks(&mut self, indices: Vec<usize>, at: Duration) {
        let mut names = Vec::new();
        for index in indices {
            let Some(task) = self.tasks.get_mut(index).filter(|task| task.is_live()) else { continue };
            if task.is_running() {
                names.push(format!("(task {})", task.id));
            }
            let reason = scheduler_reason(&task.origin.deployment);
            task.stop(at, "ServiceSchedulerInitiated", reason);
        }
        if !names.is_empty() {
            self.say(at, &format!("has stopped {} running tasks: {}.", names.len(), names.join(" ")));
        }
    }

    fn start_missing(&mut self, at: Duration, capacity: usize) {
        let Some(primary) = self.primary().filter(|primary| primary.rollout != "FAILED") else { return };
        let origin = Arc::clone(&primary.origin);
        let desired = self.desired();
        let most = (desired as u64).saturating_mul(self.percent("maximumPercent", 200)) / 100;
        let live = self.tasks.iter().filter(|task| task.is_live()).count();
        let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(live);
        let count = desired.saturating_sub(self.counts(&origin.deployment).1).min(room);
        if count == 0 {
            return;
        }
        if at < self.held_until {
            self.wake_at = Some(self.held_until);
            return;
        }
        if capacity == 0 && check::needs_instances(&self.record) {
            self.say(
                at,
                "was unable to place a task because no container instance met all of its requirements. \
                 Reason: No Container Instances were found in your cluster.",
            );
            return;
        }
        let tags = self.task_tags(&origin);
        let mut names = Vec::new();
        for _ in 0..count {
            let id = id::hex(&self.next_id());
            names.push(format!("(task {id})"));
            self.tasks.push(Task::new(id, &origin, tags.clone(), at));
        }
        self.say(at, &format!("has started {count} tasks: {}.", names.join(" ")));
    }

    /// Completes the PRIMARY deployment once all its tasks run and nobody else's do.
    fn conclude(&mut self, at: Duration) {
        let Some(primary) = self.primary().filter(|primary| primary.rollout != "FAILED") else { return };
        let (id, revision) = (primary.id.clone(), primary.revision_arn.clone());
        let live = self.tasks.iter().filter(|task| task.is_live()).count();
        let (running, own) = self.counts(&id);
        if running != self.desired() || live != running || own != running {
            return;
        }
        let mut completed = false;
        for deployment in &mut self.deployments {
            if deployment.role == Role::Primary {
                completed = deployment.rollout == "IN_PROGRESS";
                deployment.proven = true;
                if completed {
                    deployment.rollout = "COMPLETED";
                    deployment.rollout_reason = format!("ECS deployment {id} completed.");
                    deployment.updated = at;
                }
                if deployment.is_moving() {
                    deployment.finish("SUCCESSFUL", at);
                }
                continue;
            }
            deployment.role = Role::Gone;
            let back_to = deployment.rollback.as_ref().map(|rollback| rollback.revision_arn.as_str());
            if deployment.status == "ROLLBACK_IN_PROGRESS" && back_to == Some(revision.as_str()) {
                deployment.finish("ROLLBACK_SUCCESSFUL", at);
            }
        }
        if completed {
            self.say(at, &format!("(deployment {id}) deployment completed."));
        }
        self.say(at, "has reached a steady state.");
    }
}

impl Deployment {
    fn finish(&mut self, status: &'static str, at: Duration) {
        self.status = status;
        self.updated = at;
        self.finished = Some(at);
    }
}
