//! One run: a process, or one after another, brings a start world to what is declared while something
//! befalls its calls. Then the run is judged by the one that nothing befell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel::aws::{Aws, loader};
use evenkeel::metrics::Metrics;
use evenkeel::model::Key;
use evenkeel::plan::{Item, Reason, Rules, Verb, Why};
use evenkeel::prune::looks::{self, Looks};
use evenkeel::prune::{DELAY, Orphan, Situation, prune};
use evenkeel::reconcile::{Pass, Reconciler};
use evenkeel::resource::Resource;
use evenkeel::sandbox::{Snapshot, client};
use evenkeel::world::Phase;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::case::{Lag, Planned, Trouble};
use crate::end::{self, Moment};
use crate::fault::{Fault, Kind};
use crate::scenario::{is_write, seconds};
use crate::wire::{Call, Wire};

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(5);
/// After the last round with something to do, until the end is looked at.
const REST: u64 = 60;
/// More rounds than any run has.
const ROUNDS_MAX: usize = 60;
/// How many rounds after a fault may still write.
const ROUNDS_AFTER: usize = 2;
/// The longest that one attempt may take, and a call with all of them; and how long a request is on its way.
const ATTEMPT: Duration = Duration::from_millis(10_100);
const CALL: Duration = Duration::from_millis(30_100);

/// Where a scenario starts, and where it is to end.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) snapshot: Snapshot,
    pub(crate) resources: BTreeMap<Key, Resource>,
    pub(crate) rules: Rules,
    /// Whether what is declared nowhere goes.
    pub(crate) prunes: bool,
    /// How many rounds longer than usual a fault may hold things up: what waits for IAM waits longer.
    pub(crate) patience: usize,
}

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) calls: Vec<Call>,
    moments: Vec<Moment>,
    pub(crate) first: Moment,
    pub(crate) end: Vec<String>,
    pub(crate) last: Moment,
    /// Whether it came to rest.
    rests: bool,
    /// Writes of a process that begins after all is done.
    writes_after: Vec<String>,
    /// What is wrong with how long something took.
    late: Vec<String>,
}

/// The daemon's one pass after another, in a process that may be gone at any moment.
struct Process {
    reconciler: Reconciler,
    stopped: watch::Receiver<bool>,
    looks: Looks,
    began: Instant,
    /// Whether what its first look finds has been known to it for long.
    is_old: bool,
}

/// What became of a round.
struct Round {
    stopped: bool,
    rests: bool,
    pause: Duration,
}

impl Process {
    async fn begin(wire: &Wire, rules: &Rules) -> Self {
        wire.connect();
        let config = client::point(loader(), wire.sandbox()).http_client(wire.clone()).load().await;
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let aws = Aws::connect(&config, &metrics).await.expect("connect");
        let reconciler = Reconciler::new(aws, rules.clone(), metrics);
        Self { reconciler, stopped: wire.count(), looks: Looks::default(), began: Instant::now(), is_old: false }
    }

    /// One that has seen for long what is declared nowhere.
    async fn begun_long_ago(wire: &Wire, rules: &Rules) -> Self {
        Self { is_old: true, ..Self::begin(wire, rules).await }
    }

    /// A pass, and a deletion after one that leaves nothing to do.
    async fn round(&mut self, start: &Start) -> Round {
        let due: BTreeSet<Key> = start.resources.keys().cloned().collect();
        let pass = self.reconciler.pass(&start.resources, &due, &self.stopped, &mut |_| {}).await;
        let rests = is_at_rest(&pass);
        if pass.stopped || !rests || !start.prunes {
            return Round { stopped: pass.stopped, rests, pause: PAUSE };
        }
        self.prune(&start.resources).await
    }

    /// Far enough from the beginning for something to have been there before.
    fn now(&self) -> Duration {
        DELAY + self.began.elapsed()
    }

    /// One look at everything that is ours, and at most one deletion: what the daemon does, without
    /// the files.
    async fn prune(&mut self, declared: &BTreeMap<Key, Resource>) -> Round {
        let pause = looks::PAUSE;
        let mut stopped = self.stopped.clone();
        let estate = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return Round { stopped: true, rests: false, pause },
            estate = self.reconciler.estate(declared) => estate,
        };
        let Ok(estate) = estate else { return Round { stopped: false, rests: false, pause } };
        if std::mem::take(&mut self.is_old) {
            self.looks.ages(&estate, Duration::ZERO);
        }
        let ages = self.looks.ages(&estate, self.now());
        let (rules, released) = (self.reconciler.rules(), BTreeSet::new());
        let pruning = prune(&estate, &Situation { declared, rules, obstacle: None, ages: &ages, released: &released });
        let pin = |item: &Item| estate.orphans.iter().find(|orphan| orphan.key() == item.key).map(Orphan::pin);
        let items: Vec<(String, &Item)> =
            pruning.items.iter().map(|item| (pin(item).expect("its orphan"), item)).collect();
        let may_try = |pin: &str| self.looks.may_try(pin, self.now());
        let Some((pin, item)) = items.iter().find(|(pin, item)| item.acts() && may_try(pin)).cloned() else {
            let rests = pruning.items.iter().all(|item| matches!(item.held, Some(Reason::Retained)));
            return Round { stopped: false, rests, pause: self.looks.next(&items, self.now()) };
        };
        let pass = self.reconciler.delete(item, declared, &self.stopped, &mut |_| {}).await;
        let failure = pass.outcomes.iter().find_map(|outcome| outcome.result.as_ref().err());
        self.looks.tried(pin, failure.map(ToString::to_string), self.now());
        Round { stopped: pass.stopped, rests: false, pause: self.looks.next(&items, self.now()) }
    }
}

/// Brings a start world to what is declared.
pub(crate) async fn run(start: &Start, trouble: &Trouble) -> Trace {
    let sandbox = start.snapshot.clone().restore();
    let (faults, lag) = match trouble {
        Trouble::Faults(faults) => (faults.clone(), None),
        Trouble::Lag(lag) => (Vec::new(), Some(Lag { until: sandbox.now() + lag.until, ..lag.clone() })),
    };
    let wire = Wire::new(sandbox, faults, lag);
    let first = Moment::of(&mut wire.sandbox().state());
    let mut process = Process::begun_long_ago(&wire, &start.rules).await;
    let (mut rests, mut late) = (false, Vec::new());
    for _ in 0..ROUNDS_MAX {
        wire.next_round();
        let began = wire.sandbox().now();
        let round = tokio::select! {
            biased;
            () = wire.crashed() => None,
            round = process.round(start) => Some(round),
        };
        late.extend(too_late(&wire, began));
        let mut pause = PAUSE;
        match round {
            Some(round) if !round.stopped => {
                // What has yet to befall a call waits for one.
                rests = round.rests && !wire.lags();
                if rests {
                    break;
                }
                pause = round.pause;
            }
            _ => process = Process::begin(&wire, &start.rules).await,
        }
        tokio::time::sleep(pause).await;
    }
    seconds(REST).await;
    let (calls, moments) = wire.take();
    Process::begun_long_ago(&wire, &start.rules).await.round(start).await;
    let after = wire.take().0.into_iter().map(|call| call.operation).filter(|operation| is_write(operation));
    let last = Moment::of(&mut wire.sandbox().state());
    Trace { calls, moments, first, end: end::lines(wire.sandbox()), last, rests, writes_after: after.collect(), late }
}

/// Whether nothing is under way any more and nothing is left to do.
fn is_at_rest(pass: &Pass) -> bool {
    let waits = |item: &Item| {
        matches!(item.held, Some(Reason::WaitsFor(_) | Reason::Busy(_) | Reason::CannotSee(_) | Reason::NonConverging))
    };
    let uncertain = |item: &Item| {
        item.left.iter().any(|left| matches!(left.why, Why::NonConverging | Why::CannotSee(_)))
            || item.verb == Verb::Unknown
    };
    let moves = |item: &Item| matches!(item.phase, Phase::Moving(_) | Phase::Busy(_));
    pass.outcomes.is_empty() && pass.items.values().all(|item| !waits(item) && !uncertain(item) && !moves(item))
}

/// A pass of which one attempt had no answer ends with it, and so does a process that is to stop.
fn too_late(wire: &Wire, began: Duration) -> Option<String> {
    let now = wire.sandbox().now();
    let (since, most, what) = match wire.stopped_at() {
        Some(stopped) => (stopped, ATTEMPT, "after it was told to stop, it ran on"),
        None => (began, CALL * 3, "a pass took"),
    };
    let took = now.saturating_sub(since);
    (took > most).then(|| format!("{what} for {took:?}"))
}

impl Trace {
    /// The writes that had their effect.
    fn effects(&self) -> usize {
        self.calls.iter().filter(|call| call.effect).count()
    }

    /// All tries to write but those that AWS itself refused: these harm nobody.
    fn tries(&self) -> usize {
        self.calls.iter().filter(|call| call.traits.write && (call.effect || call.fault.is_some())).count()
    }

    fn refused(&self) -> usize {
        self.calls.iter().filter(|call| call.traits.write && !call.effect && call.fault.is_none()).count()
    }

    pub(crate) fn faults(&self) -> usize {
        self.calls.iter().filter(|call| call.fault.is_some()).count()
    }

    /// How many writes several faults may cost. A look at what was before as many writes as it is old is no
    /// other than drift to somebody who has seen these done: it is put right with as many.
    fn worth(&self) -> usize {
        let worth = |fault: Fault| match fault.kind {
            Kind::Stale(age) => age,
            _ => 1,
        };
        self.calls.iter().filter_map(|call| call.fault).map(worth).sum()
    }

    fn last_write(&self) -> usize {
        self.calls.iter().filter(|call| call.traits.write).map(|call| call.round).max().unwrap_or_default()
    }

    /// What the run without faults must be like for others to be judged by it.
    pub(crate) fn unfit(&self) -> Vec<String> {
        let mut unfit = self.wrong_with_itself();
        unfit.extend(self.moments.iter().flat_map(|moment| moment.complaints(&self.first, &self.last)));
        unfit
    }

    fn wrong_with_itself(&self) -> Vec<String> {
        let mut wrong = self.late.clone();
        if !self.rests {
            wrong.push(format!("no rest in {ROUNDS_MAX} rounds"));
        }
        if !self.writes_after.is_empty() {
            wrong.push(format!("a process that begins after the end writes {}", self.writes_after.join(", ")));
        }
        let begun = self.calls.iter().filter(|call| call.begun_after_stop);
        wrong.extend(begun.map(|call| format!("{} begins after the stop", call.operation)));
        wrong
    }

    /// Everything that is wrong with a run, by the one that nothing befell. `lag`: how many rounds the
    /// trouble goes on for by itself.
    pub(crate) fn complaints(&self, reference: &Self, start: &Start, trouble: &Trouble) -> Vec<String> {
        let mut wrong = self.wrong_with_itself();
        wrong.extend(end::difference(&reference.end, &self.end));
        let (allowed, lag_rounds) = match trouble {
            Trouble::Faults(faults) if faults.len() > 1 => (self.worth(), 0),
            Trouble::Faults(_) => (self.faults(), 0),
            Trouble::Lag(lag) => (1, usize::try_from(lag.until.as_secs() / PAUSE.as_secs()).unwrap_or_default()),
        };
        // What a stale look still shows is deleted call by call, and each finds nothing there.
        let gone = if start.prunes { reference.effects() } else { 0 };
        for (what, count, usual) in [
            ("effects", self.effects(), reference.effects()),
            ("tries", self.tries(), reference.tries()),
            ("refusals", self.refused(), reference.refused() + start.patience + gone),
        ] {
            if count > usual + allowed {
                wrong.push(format!("{count} {what} of writes instead of {usual}, after {allowed} faults"));
            }
        }
        let broken = self.moments.iter().flat_map(|moment| moment.complaints(&self.first, &reference.last));
        wrong.extend(broken);
        let fault = self.calls.iter().filter(|call| call.fault.is_some()).map(|call| call.round).max();
        let latest = reference.last_write().max(fault.unwrap_or_default()).max(lag_rounds) + ROUNDS_AFTER;
        // Whoever begins anew counts anew how long something has been declared nowhere.
        let anew = if start.prunes { allowed } else { 0 };
        let latest = latest + anew;
        if self.last_write() > latest + start.patience {
            wrong
                .push(format!("it still writes in round {}, and should have been done in {latest}", self.last_write()));
        }
        wrong.dedup();
        wrong
    }
}

/// A case's faults, as planned.
pub(crate) fn none() -> Trouble {
    Trouble::Faults(Vec::<Planned>::new())
}
