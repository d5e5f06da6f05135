//! One pass: look, plan, act. What a revision's registration makes possible follows in the same pass.

mod caught;
mod fenced;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use caught::caught;
use fenced::Fenced;

use crate::action::{Action, Outcome};
use crate::aws::Aws;
use crate::fence::{Hold, Standing};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::model::{Change, Key, Kind};
use crate::plan::{self, Item, Plan, Reason, Rules, Verb, Why, plan};
use crate::prune::Estate;
use crate::resolve;
use crate::resource::{Identity, Resource};
use crate::value::Path;
use crate::world::{Failure, Seen, World};

pub use fenced::Fence;

/// How often a pass may plan again for what waited in it: an inline task definition needs two.
const ROUNDS_MAX: usize = 4;

/// How long a stop waits for the answer to a call: ten seconds after the signal all is over.
const STOP_PATIENCE: Duration = Duration::from_secs(9);

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pass {
    /// What was last planned for each resource.
    pub items: BTreeMap<Key, Item>,
    /// Every call that was made, in order.
    pub outcomes: Vec<Outcome>,
    /// Whether the pass was broken off by a stop.
    pub stopped: bool,
    /// Why it made no more calls, if another copy may be in charge.
    pub held: Option<Hold>,
    /// Whether this copy was in charge when it looked.
    pub in_charge: bool,
}

/// What a pass reports while it runs.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A call is about to be made.
    Acting(&'a Key, &'a Action),
    /// A call was answered.
    Acted(&'a Outcome),
}

/// Looks after one account.
#[derive(Debug)]
pub struct Reconciler {
    aws: Aws,
    rules: Rules,
    metrics: Arc<Metrics>,
    memory: Mutex<Memory>,
    begun: Instant,
    fenced: Fenced,
}

impl Reconciler {
    /// A reconciler of resources that carry the owner tag of `rules`.
    #[must_use]
    pub fn new(aws: Aws, rules: Rules, metrics: Arc<Metrics>) -> Self {
        let fenced = Fenced::new(None, &rules.owner, &metrics);
        Self { aws, rules, metrics, memory: Mutex::default(), begun: Instant::now(), fenced }
    }

    /// The same as one of several copies, which do not write at the same time.
    #[must_use]
    pub fn behind(self, fence: Fence) -> Self {
        let fenced = Fenced::new(Some(fence), &self.rules.owner, &self.metrics);
        Self { fenced, ..self }
    }

    /// Finds out whether this copy is in charge, and takes over if it is to. Reads nothing where it was in
    /// charge before: whether it still is matters before a write.
    pub async fn tend(&self) -> Standing {
        let _ = Box::pin(self.fenced.ask(&self.aws, false)).await;
        self.standing()
    }

    /// How often [`Self::tend`] is to be called also while a pass goes on, if at all.
    #[must_use]
    pub fn tended_every(&self) -> Option<Duration> {
        self.fenced.tended_every()
    }

    /// How this copy stands, as far as is known.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.fenced.standing()
    }

    /// Writes nothing more, and lets the next copy know.
    pub async fn release(&self) {
        Box::pin(self.fenced.release(&self.aws)).await;
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The AWS that it works on.
    #[must_use]
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Looks at the due resources and plans, without doing anything. What our own code breaks off at
    /// is planned for in ever smaller parts, so that it keeps nothing else from being looked at.
    pub async fn plan(&self, resources: &BTreeMap<Key, Resource>, due: &BTreeSet<Key>) -> Plan {
        let mut plan = Plan::default();
        let mut open = vec![due.clone()];
        while let Some(due) = open.pop() {
            let panic = match caught(self.plan_together(resources, &due)).await {
                Ok(planned) => {
                    plan.items.extend(planned.items);
                    continue;
                }
                Err(panic) => panic,
            };
            match halves(resources, &due) {
                Some(halves) => open.extend(halves),
                None => plan.items.extend(due.iter().filter_map(|key| Some(self.broken(resources.get(key)?, &panic)))),
            }
        }
        // Parts know nothing of each other's order.
        let order: BTreeMap<Key, usize> =
            resolve::order(resources).into_iter().enumerate().map(|(at, key)| (key, at)).collect();
        plan.items.sort_by_key(|item| order.get(&item.key).copied());
        plan
    }

    /// What is planned for a resource that our own code breaks off at: nothing.
    fn broken(&self, resource: &Resource, panic: &str) -> Item {
        self.metrics.panicked();
        tracing::error!(resource = %resource.key, panic, "our own code broke off; nothing is done about it");
        Item::unseen(resource, Failure::Panicked(panic.to_owned()))
    }

    /// Looks at the due resources together. Where calls are to be made, what
    /// they need is looked at too, due or not: no service is made with a role that is not there, and no
    /// policy allows more while a role that has it is to lose something. Where
    /// tasks are to be replaced, so is what became of the last time: what failed is not tried again.
    /// Where their number differs, so is whether it is Application Auto Scaling's.
    async fn plan_together(&self, resources: &BTreeMap<Key, Resource>, due: &BTreeSet<Key>) -> Plan {
        let mut world = self.observe(resources, due).await;
        let written = self.memory().written().clone();
        let first = plan(resources, &world, due, &self.rules, &written);
        let acting = first.items.iter().filter(|item| item.acts());
        let needs = acting.flat_map(|item| &item.needs).chain(to_see_first(&first, resources, &world));
        let needs: BTreeSet<Key> = needs.filter(|need| !due.contains(*need)).cloned().collect();
        let rolling: Vec<&Resource> =
            first.items.iter().filter(|item| item.rolls()).filter_map(|item| resources.get(&item.key)).collect();
        let scaled: Vec<&Resource> = first
            .items
            .iter()
            .filter(|item| has_another_count(item))
            .filter_map(|item| resources.get(&item.key))
            .collect();
        if needs.is_empty() && rolling.is_empty() && scaled.is_empty() {
            return first;
        }
        world.seen.extend(self.observe(resources, &needs).await.seen);
        world.scaling = Box::pin(self.aws.scaling(&scaled)).await;
        for service in rolling {
            let Some(Seen::Present(live)) = world.seen.get(&service.key) else { continue };
            let rollout = Box::pin(self.aws.last_rollout(service, live)).await;
            world.rollouts.insert(service.key.clone(), rollout);
        }
        plan(resources, &world, due, &self.rules, &written)
    }

    /// Brings the due resources closer to what is declared. Starts no call once `stop` is true, and
    /// finishes the one that is in flight, unless its answer takes too long.
    pub async fn pass(
        &self,
        resources: &BTreeMap<Key, Resource>,
        due: &BTreeSet<Key>,
        stop: &watch::Receiver<bool>,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Pass {
        let mut pass = Pass::default();
        self.memory().keep(|key| resources.contains_key(key));
        let mut due = due.clone();
        for _ in 0..ROUNDS_MAX {
            pass.in_charge = self.standing().writes();
            let mut stopped = stop.clone();
            let plan = tokio::select! {
                biased;
                // A read that is broken off has changed nothing.
                _ = stopped.wait_for(|stop| *stop) => {
                    pass.stopped = true;
                    break;
                }
                plan = self.plan(resources, &due) => plan,
            };
            let plan = self.memory().settle(plan);
            let failed = self.act(&plan, resources, stop, progress, &mut pass).await;
            due = freed(&plan, &failed);
            pass.items.extend(plan.items.into_iter().map(|item| (item.key.clone(), item)));
            if due.is_empty() || pass.stopped {
                break;
            }
        }
        pass
    }

    /// What it goes by.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Everything of ours in AWS that none of the resources declares.
    ///
    /// # Errors
    /// As soon as something could not be listed: what is not seen is not gone.
    pub async fn estate(&self, resources: &BTreeMap<Key, Resource>) -> Result<Estate, Failure> {
        let declared = resources.values().map(|resource| resource.identity.clone()).collect();
        match caught(Box::pin(self.aws.estate(&self.rules.owner, &declared))).await {
            Ok(estate) => estate,
            Err(panic) => {
                self.metrics.panicked();
                Err(Failure::Panicked(panic))
            }
        }
    }

    /// Makes the calls of one deletion.
    pub async fn delete(
        &self,
        item: &Item,
        resources: &BTreeMap<Key, Resource>,
        stop: &watch::Receiver<bool>,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Pass {
        let mut pass = Pass { in_charge: self.standing().writes(), ..Pass::default() };
        self.act(&Plan { items: vec![item.clone()] }, resources, stop, progress, &mut pass).await;
        pass
    }

    /// Makes the plan's calls. A call that fails keeps later ones of its resource, and those of
    /// resources that need it, from being made. Returns the resources that something failed for.
    async fn act(
        &self,
        plan: &Plan,
        resources: &BTreeMap<Key, Resource>,
        stop: &watch::Receiver<bool>,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
        pass: &mut Pass,
    ) -> BTreeSet<Key> {
        let mut failed = BTreeSet::new();
        for item in &plan.items {
            let closed = |resource: &Resource| resource.allowance.closed(self.aws.now()).is_some();
            // A long pass may begin in a window and outlast it.
            let too_late = item.acts() && resources.get(&item.key).is_some_and(closed);
            if too_late || item.needs.iter().any(|need| failed.contains(need)) {
                failed.insert(item.key.clone());
                continue;
            }
            for action in item.steps.iter().filter(|_| item.acts()) {
                if let Err(hold) = self.may_call(action, stop, pass.in_charge).await {
                    pass.stopped = hold.is_none();
                    pass.held = hold;
                    // Every other call would be held as well.
                    return plan.items.iter().map(|item| item.key.clone()).collect();
                }
                progress(Progress::Acting(&item.key, action));
                let started = Instant::now();
                let answer = tokio::select! {
                    biased;
                    answer = self.call(resources, item, action) => Some(answer),
                    () = out_of_patience(stop) => None,
                };
                let Some(result) = answer else {
                    tracing::warn!(resource = %item.key, "stopping without the answer to {action}");
                    pass.stopped = true;
                    return failed;
                };
                let outcome =
                    Outcome { key: item.key.clone(), action: action.clone(), result, took: started.elapsed() };
                self.record(item, &outcome);
                progress(Progress::Acted(&outcome));
                let barred = matches!(outcome.result, Err(Failure::Barred(_)));
                let broke = outcome.result.is_err();
                // Without an answer it may have had its effect.
                let began = matches!(outcome.result, Ok(()) | Err(Failure::Unreachable(_)));
                pass.outcomes.push(outcome);
                if let Some(resource) = resources.get(&item.key).filter(|_| began) {
                    self.memory().began(resource, action);
                }
                if !broke {
                    self.memory().applied(item, action);
                } else if barred {
                    // Every other call would be refused as well.
                    return plan.items.iter().map(|item| item.key.clone()).collect();
                } else {
                    failed.insert(item.key.clone());
                    // One account setting has nothing to do with the next.
                    if item.key.kind != Kind::AccountSettings {
                        break;
                    }
                }
            }
        }
        failed
    }

    /// Makes a call, and says what became of it.
    async fn call(&self, resources: &BTreeMap<Key, Resource>, item: &Item, action: &Action) -> Result<(), Failure> {
        let refusal = match caught(self.aws.apply(action)).await {
            Ok(Ok(())) => {
                self.memory().touched(&item.key, self.begun.elapsed());
                return Ok(());
            }
            Ok(Err(refusal)) => refusal,
            Err(panic) => {
                self.metrics.panicked();
                return Err(Failure::Panicked(panic));
            }
        };
        let now = self.begun.elapsed();
        let young = self.memory().young(&item.key, resources, refusal.message(), now);
        let Some(failure) = refusal.judge(action.permission(), &young) else { return Ok(()) };
        // The answer that was lost, or that the SDK's own second try hides, may have been a success.
        if matches!((&failure, item.verb), (Failure::Unreachable(_), _) | (Failure::Conflict(_), Verb::Create)) {
            self.memory().touched(&item.key, now);
        }
        Err(failure)
    }

    /// Waits until AWS's limits leave room for a call, and then asks whether this copy is in charge. An
    /// error without a reason: a stop came first. Who was not in charge when it looked, looks again first.
    async fn may_call(
        &self,
        action: &Action,
        stop: &watch::Receiver<bool>,
        in_charge: bool,
    ) -> Result<(), Option<Hold>> {
        let mut stopped = stop.clone();
        let room = async {
            self.aws.paced(action.permission()).await;
            self.fenced.ask(&self.aws, true).await?;
            match self.standing().epoch().filter(|_| !in_charge) {
                Some(epoch) => Err(Hold::TakingOver { epoch, wait: Duration::ZERO }),
                None => Ok(()),
            }
        };
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => Err(None),
            room = Box::pin(room) => room.map_err(Some),
        }
    }

    /// One line per call: what was called on what, for which resource, and because of which fields.
    fn record(&self, item: &Item, outcome: &Outcome) {
        let (resource, action) = (outcome.key.to_string(), outcome.action.permission());
        let took_ms = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX);
        let concerned = item.changes.iter().filter(|change| outcome.action.concerns(&change.path));
        let paths: Vec<String> = concerned.map(|change| change.path.to_string()).collect();
        let because = match item.verb {
            Verb::Delete => "no manifest declares it".to_owned(),
            _ if paths.is_empty() => "it is not there".to_owned(),
            _ => paths.join(", "),
        };
        self.metrics.action(action, outcome.result.is_ok());
        match &outcome.result {
            Ok(()) => tracing::info!(resource, action, because, took_ms, "{}", outcome.action),
            Err(failure) => {
                tracing::warn!(resource, action, because, took_ms, %failure, "{} failed", outcome.action);
            }
        }
    }

    async fn observe(&self, resources: &BTreeMap<Key, Resource>, due: &BTreeSet<Key>) -> World {
        let asked: Vec<&Resource> = due.iter().filter_map(|key| resources.get(key)).collect();
        let mut world = Box::pin(self.aws.observe(&asked)).await;
        let followed = self.memory().followed(resources);
        Box::pin(self.aws.rollouts(&asked, &followed, &mut world.seen)).await;
        world
    }
}

/// Returns when a stop has been waiting for an answer for long enough. Whether the call had its effect is
/// for the next process to see.
async fn out_of_patience(stop: &watch::Receiver<bool>) {
    let mut stopped = stop.clone();
    let _ = stopped.wait_for(|stop| *stop).await;
    tokio::time::sleep(STOP_PATIENCE).await;
}

/// Where a policy is to get a new document, all roles, since any may have it and IAM answers all of them
/// at once, and the other policies of those that are to have it. Where a role gets or loses a policy, or
/// seems to allow more, its policies: by what they say it is told what comes first, and what is more.
fn to_see_first<'a>(plan: &Plan, resources: &'a BTreeMap<Key, Resource>, world: &World) -> BTreeSet<&'a Key> {
    let is_new = |action: &Action| matches!(action, Action::CreatePolicyVersion { .. });
    let new = plan.items.iter().filter(|item| item.steps.iter().any(is_new));
    let new: BTreeSet<&Key> = new.map(|item| &item.key).collect();
    let roles = || resources.values().filter(|role| !new.is_empty() && role.key.kind == Kind::Role);
    let having = roles().filter(|role| role.needs.iter().any(|need| new.contains(need)));
    let policies = having.flat_map(|role| &role.needs).filter(|need| need.kind == Kind::Policy);
    let of_changed = plan.items.iter().filter(|item| has_other_policies(item)).flat_map(|item| {
        let there = world.seen.get(&item.key);
        let has = move |arn: &str| matches!(there, Some(Seen::Present(role)) if plan::has(role, arn));
        let policies =
            resources.values().filter(move |one| matches!(&one.identity, Identity::Policy { arn } if has(arn)));
        policies.map(|policy| &policy.key).chain(resources.get(&item.key).into_iter().flat_map(|role| &role.needs))
    });
    let of_changed = of_changed.filter(|key| key.kind == Kind::Policy);
    roles().map(|role| &role.key).chain(policies).chain(of_changed).collect()
}

/// Whether a role that is there is to get or to lose a policy, or is held since it would allow more.
fn has_other_policies(item: &Item) -> bool {
    let policies = Path::default().key("managedPolicyArns");
    let is = |change: &Change| change.path.0.first() == policies.0.first();
    item.key.kind == Kind::Role && (item.changes.iter().any(is) || matches!(item.held, Some(Reason::Widens { .. })))
}

/// Whether a service is there with another number of tasks than the manifest says.
fn has_another_count(item: &Item) -> bool {
    let count = Path::default().key("desiredCount");
    // One that was written and does not show may have become the autoscaler's since.
    let left = item.left.iter().filter(|left| left.why == Why::NonConverging).map(|left| &left.change);
    item.key.kind == Kind::Service && item.changes.iter().chain(left).any(|change| change.path == count)
}

/// The resources that waited for something which this plan has now brought about, together with what
/// they waited for.
fn freed(plan: &Plan, failed: &BTreeSet<Key>) -> BTreeSet<Key> {
    let acted = |key: &Key| plan.items.iter().any(|item| item.key == *key && item.acts());
    plan.items
        .iter()
        .filter_map(|item| match &item.held {
            Some(Reason::WaitsFor(key)) if acted(key) && !failed.contains(key) && !failed.contains(&item.key) => {
                Some([item.key.clone(), key.clone()])
            }
            _ => None,
        })
        .flatten()
        .collect()
}

/// Two parts of the resources, or nothing if they cannot be told apart: what is one rollout stays
/// together.
fn halves(resources: &BTreeMap<Key, Resource>, due: &BTreeSet<Key>) -> Option<[BTreeSet<Key>; 2]> {
    let mut groups: Vec<BTreeSet<Key>> = Vec::new();
    for key in due {
        if !groups.iter().any(|group| group.contains(key)) {
            let group = whole_rollout(resources, BTreeSet::from([key.clone()]));
            groups.push(group.intersection(due).cloned().collect());
        }
    }
    let (one, other) = groups.split_at(groups.len() / 2);
    (!one.is_empty()).then(|| [other, one].map(|half| half.iter().flatten().cloned().collect()))
}

/// The keys with their partners, and with the partners of those.
fn whole_rollout(resources: &BTreeMap<Key, Resource>, keys: BTreeSet<Key>) -> BTreeSet<Key> {
    let all = with_partners(resources, keys.clone());
    if all == keys { all } else { whole_rollout(resources, all) }
}

/// The keys together with those that must be looked at with them: a service and its task definition
/// are one rollout.
#[must_use]
pub fn with_partners(resources: &BTreeMap<Key, Resource>, keys: BTreeSet<Key>) -> BTreeSet<Key> {
    use crate::resource::TaskDefinition::Managed;
    let mut all = keys.clone();
    for resource in resources.values() {
        if let Some(Managed { key, .. }) = &resource.task_definition
            && (keys.contains(key) || keys.contains(&resource.key))
        {
            all.insert(resource.key.clone());
            all.insert(key.clone());
        }
    }
    all
}
