//! The loop: told that the directory may have changed, or that a resource is due, it reads, plans
//! and acts; and it goes on until it is told to stop.

mod prune;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::watch as channel;
use tokio::time::{Instant, sleep, sleep_until};

use crate::fence::Standing;
use crate::guard::Guardrails;
use crate::load::{self, Desired};
use crate::mode::Mode;
use crate::model::{Key, Problem};
use crate::patience::Patience;
use crate::plan::{Item, Reason};
use crate::queue::{Backoff, WorkQueue};
use crate::reconcile::{Pass, Reconciler, with_partners};
use crate::serve::Shared;
use crate::status::{Conclusion, State, conclude};
use crate::watch::{self, Snapshot, Watcher};
use prune::Pruner;

/// How often the directory is read whatever the system says of changes: a watch can go deaf.
const SCAN_INTERVAL: Duration = Duration::from_secs(30);
/// Waits between tries that fail: never more than one in a second, never less than one in ten minutes.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(2), max: Duration::from_secs(590) };

/// How the loop is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The watched directory.
    pub directory: PathBuf,
    /// How often every resource is compared with AWS.
    pub interval: Duration,
    /// How long the directory must have been quiet before it is read.
    pub quiet: Duration,
    /// How long it is waited for quiet at most.
    pub quiet_max: Duration,
    /// Whether what is ours and declared nowhere is deleted.
    pub prune: bool,
    /// Whether to end after the first full pass.
    pub once: bool,
    /// What manifests are held to.
    pub guardrails: Guardrails,
}

/// The daemon.
#[derive(Debug)]
pub struct Daemon {
    options: Options,
    reconciler: Arc<Reconciler>,
    shared: Arc<Shared>,
    desired: Desired,
    digest: Option<String>,
    queue: WorkQueue<Instant>,
    patience: Patience<Instant>,
    /// `None`: nothing is ever deleted.
    pruner: Option<Pruner>,
}

/// What wakes the loop.
enum Event {
    Changed,
    Due,
    Prune,
    Stop,
}

impl Daemon {
    /// A daemon that has not looked at anything yet.
    #[must_use]
    pub fn new(options: Options, reconciler: Reconciler, shared: Arc<Shared>) -> Self {
        let queue = WorkQueue::new(BACKOFF, options.interval, Instant::now());
        let pruner = options.prune.then(Pruner::new);
        if !reconciler.rules().modes.writes() {
            shared.metrics.writer(false);
            shared.board().standing = Some(Standing::LooksOn);
        }
        Self {
            options,
            reconciler: Arc::new(reconciler),
            shared,
            desired: Desired::default(),
            digest: None,
            queue,
            patience: Patience::default(),
            pruner,
        }
    }

    /// Runs until `stop` is true or, with `once`, until every resource has been looked at. Returns
    /// whether all was well at the end.
    pub async fn run(self, stop: channel::Receiver<bool>) -> bool {
        let (hint, hinted) = channel::channel(0_u64);
        let watcher = Watcher::start(&self.options.directory, hint);
        self.run_hinted(Some(watcher), hinted, stop).await
    }

    /// The same with hints that come from anywhere, or from nowhere. Nothing depends on them: they
    /// only save the wait for the next scan.
    pub async fn run_hinted(
        mut self,
        watcher: Option<Watcher>,
        hinted: channel::Receiver<u64>,
        stop: channel::Receiver<bool>,
    ) -> bool {
        let writes = self.reconciler.rules().modes.writes();
        let tending = writes.then(|| tokio::spawn(keep(Arc::downgrade(&self.reconciler))));
        let well = self.turn(watcher, hinted, stop).await;
        tending.iter().for_each(tokio::task::JoinHandle::abort);
        self.reconciler.release().await;
        well
    }

    async fn turn(
        &mut self,
        mut watcher: Option<Watcher>,
        mut hinted: channel::Receiver<u64>,
        mut stop: channel::Receiver<bool>,
    ) -> bool {
        let mut scan = Instant::now();
        loop {
            self.shared.beat();
            match self.next(&mut hinted, &mut stop, scan).await {
                Event::Stop => {
                    tracing::info!("stopping: no call is in flight");
                    return true;
                }
                Event::Changed => {
                    let snapshot = tokio::select! {
                        snapshot = self.settled(&mut hinted) => snapshot,
                        _ = stop.wait_for(|stop| *stop) => continue,
                    };
                    self.read(snapshot).await;
                    if let Some(watcher) = &mut watcher {
                        watcher.rearm();
                    }
                    scan = Instant::now() + SCAN_INTERVAL;
                    if self.options.once && self.desired.resources.is_empty() {
                        return self.shared.board().unreadable.is_none() && self.desired.problems.is_empty();
                    }
                }
                Event::Prune => self.prune(&stop).await,
                Event::Due => {
                    let well = self.pass(&stop).await;
                    if self.options.once {
                        return well && self.desired.problems.is_empty();
                    }
                }
            }
        }
    }

    async fn next(
        &self,
        hinted: &mut channel::Receiver<u64>,
        stop: &mut channel::Receiver<bool>,
        scan: Instant,
    ) -> Event {
        // A heart that beats only with work would look stuck in a quiet hour.
        let beat = Instant::now() + self.options.interval;
        let due = self.queue.next_due();
        let ready = self.shared.board().ready;
        let prune = self.pruner.as_ref().map(|pruner| pruner.due).filter(|_| ready);
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Event::Stop,
            // Before the hints: a file that is rewritten all the time must not keep AWS from being
            // looked at.
            () = sleep_until(due.unwrap_or(beat)), if due.is_some() => Event::Due,
            () = sleep_until(scan) => Event::Changed,
            Ok(()) = hinted.changed() => Event::Changed,
            () = sleep_until(prune.unwrap_or(beat)), if prune.is_some() => Event::Prune,
            () = sleep_until(beat) => Event::Changed,
        }
    }

    /// What is in the directory once it has been quiet for a moment: editors and checkouts change it in
    /// bursts. Not every file system says so, and half a file may be as valid as the whole: so what was
    /// there before the moment must be there after it as well.
    async fn settled(&self, hinted: &mut channel::Receiver<u64>) -> Result<Snapshot, String> {
        let end = Instant::now() + self.options.quiet_max;
        let mut before = self.snapshot().await;
        while Instant::now() < end {
            if self.is_known(&before) {
                return before;
            }
            tokio::select! {
                () = sleep(self.options.quiet) => {
                    let now = self.snapshot().await;
                    if now == before {
                        return now;
                    }
                    before = now;
                }
                Ok(()) = hinted.changed() => before = self.snapshot().await,
            }
        }
        // It never rests, and is not waited for any longer.
        self.snapshot().await
    }

    /// Whether a reading says what the last one that was taken has said.
    fn is_known(&self, reading: &Result<Snapshot, String>) -> bool {
        let unreadable = &self.shared.board().unreadable;
        match reading {
            Ok(snapshot) => unreadable.is_none() && self.digest.as_ref() == Some(&snapshot.digest),
            Err(why) => unreadable.as_ref() == Some(why),
        }
    }

    /// Reads the directory.
    async fn snapshot(&self) -> Result<Snapshot, String> {
        let directory = self.options.directory.clone();
        // A slow disk must not hold up the server that answers health checks.
        let snapshot = tokio::task::spawn_blocking(move || {
            watch::read(&directory).map_err(|error| format!("{error}; {}", error.hint()))
        });
        snapshot.await.unwrap_or_else(|panic| Err(panic.to_string()))
    }

    /// Takes what was read, and asks for a look at everything that changed.
    async fn read(&mut self, snapshot: Result<Snapshot, String>) {
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(why) => {
                let mut board = self.shared.board();
                if board.unreadable.as_ref() != Some(&why) {
                    tracing::error!("{why}; everything stays as it is");
                }
                board.unreadable = Some(why);
                self.shared.metrics.directory(false, board.problems.len());
                return;
            }
        };
        self.shared.board().unreadable = None;
        self.shared.metrics.directory(true, self.desired.problems.len());
        if self.digest.as_ref() == Some(&snapshot.digest) {
            return;
        }
        self.digest = Some(snapshot.digest);
        if let Some(pruner) = &mut self.pruner {
            pruner.released = snapshot.releases;
            // What the change took away is to be said at once.
            pruner.due = Instant::now();
        }
        let files: Vec<load::File> = snapshot.files.into_iter().map(load::File::from).collect();
        let (account, before) = (self.reconciler.aws().account().clone(), self.desired.clone());
        let rails = self.options.guardrails.clone();
        let loaded = tokio::task::spawn_blocking(move || load::guarded(&files, &account, &rails, &before)).await;
        let desired = match loaded {
            Ok(desired) => desired,
            Err(panic) => {
                tracing::error!(%panic, "the manifests could not be loaded; everything stays as it is");
                return;
            }
        };
        self.report_problems(&desired.problems);
        self.take(desired);
    }

    fn report_problems(&self, problems: &[Problem]) {
        for problem in problems.iter().filter(|problem| !self.desired.problems.contains(problem)) {
            tracing::error!("{problem}");
        }
        if problems.is_empty() && !self.desired.problems.is_empty() {
            tracing::info!("every problem of the manifests is solved");
        }
        self.shared.metrics.directory(true, problems.len());
        self.shared.board().problems = problems.to_vec();
    }

    /// Makes `desired` what is to be so.
    fn take(&mut self, desired: Desired) {
        let now = Instant::now();
        let changed: BTreeSet<Key> = desired
            .resources
            .iter()
            .filter(|(key, resource)| self.desired.resources.get(*key).is_none_or(|before| !same(before, resource)))
            .map(|(key, _)| key.clone())
            .collect();
        for file in
            desired.stale.iter().filter(|file| desired.manifests.get(*file).is_some_and(|last| !last.is_empty()))
        {
            if self.desired.manifests.get(file) == desired.manifests.get(file) {
                tracing::warn!(file = %file.display(), "has problems: its last good manifests stay in force");
            }
        }
        for key in self.desired.resources.keys().filter(|key| !desired.resources.contains_key(*key)) {
            let manifest = self.desired.resources.get(key).map(|resource| &resource.manifest);
            if desired.invalid.contains(key) || manifest.is_some_and(|manifest| desired.invalid.contains(manifest)) {
                continue;
            }
            // An inline task definition goes without a word: its service's line says it.
            if manifest != Some(key) {
                self.shared.board().statuses.remove(key);
                continue;
            }
            if self.pruner.is_some() {
                tracing::warn!(resource = %key, "is no longer declared");
            } else {
                tracing::warn!(resource = %key, "is no longer declared; it stays in AWS as it is, for --prune is not given");
            }
            self.shared.board().statuses.remove(key);
        }
        for (key, resource) in &desired.resources {
            if let Some(before) = self.desired.resources.get(key).filter(|before| before.identity != resource.identity)
            {
                tracing::warn!(resource = %key, "now describes {}; {} stays in AWS as it is", resource.identity, before.identity);
            }
        }
        for key in with_partners(&desired.resources, changed) {
            self.queue.request(key, now);
        }
        self.queue.keep(|key| desired.resources.contains_key(key));
        self.patience.keep(|key| desired.resources.contains_key(key));
        self.note_invalid(&desired);
        if desired.resources.is_empty() {
            self.shared.board().ready = true;
        }
        self.desired = desired;
    }

    fn note_invalid(&self, desired: &Desired) {
        let mut board = self.shared.board();
        for key in &desired.invalid {
            let problem = desired.problems.iter().find(|problem| problem.key.as_ref() == Some(key));
            let message = problem.map_or_else(|| "its manifest has problems".to_owned(), ToString::to_string);
            let conclusion = Conclusion {
                state: State::Invalid,
                reason: "Invalid",
                message,
                next: crate::queue::Next::Tick,
                left: Vec::new(),
            };
            board.note(key, &conclusion, String::new(), String::new(), SystemTime::now());
        }
        board.statuses.retain(|key, _| desired.resources.contains_key(key) || desired.invalid.contains(key));
    }

    /// One pass over everything that is due. Returns whether all of it is as declared.
    async fn pass(&mut self, stop: &channel::Receiver<bool>) -> bool {
        let started = Instant::now();
        let due = with_partners(&self.desired.resources, self.queue.due(started));
        if self.reconciler.rules().modes.writes() {
            // Before the look at AWS: what is planned on it is done only by whoever is in charge.
            let mut stopped = stop.clone();
            let standing = tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => return true,
                standing = self.reconciler.tend() => standing,
            };
            self.shared.board().standing = Some(standing);
        }
        let pass = self.reconciler.pass(&self.desired.resources, &due, stop, &mut |_| self.shared.beat()).await;
        log_drift(&pass, &self.shared);
        self.conclude(&pass, started)
    }

    fn conclude(&mut self, pass: &Pass, started: Instant) -> bool {
        // A try is as long as its calls: the wait for the next begins at its end.
        let (now, ended) = (SystemTime::now(), Instant::now());
        let mut board = self.shared.board();
        let mut well = true;
        board.standing = board.standing.as_ref().map(|_| self.reconciler.standing());
        for (key, item) in &pass.items {
            let outcomes: Vec<_> = pass.outcomes.iter().filter(|outcome| outcome.key == *key).collect();
            let conclusion = conclude(item, &outcomes);
            let conclusion = match &pass.held {
                Some(hold) => conclusion.held_by(hold),
                None => conclusion,
            };
            let conclusion = self.patience.judge(key, conclusion, ended);
            self.queue.settle(key, conclusion.next, ended);
            well &= matches!(conclusion.state, State::InSync | State::Progressing);
            let source = self.desired.resources.get(key).map_or(String::new(), |resource| resource.source.to_string());
            if board.note(key, &conclusion, item.identity.to_string(), source, now) {
                log_state(key, &conclusion);
                if conclusion.state == State::InSync {
                    // What waited for it need not wait any longer.
                    for other in self.desired.resources.values().filter(|other| other.needs.contains(key)) {
                        if board.statuses.get(&other.key).is_some_and(|status| status.state != State::InSync) {
                            self.queue.request(other.key.clone(), ended);
                        }
                    }
                }
            }
        }
        board.last_pass = Some(now);
        board.ready |= self.desired.resources.keys().all(|key| board.statuses.contains_key(key));
        let seen = !pass.items.values().any(|item| matches!(item.held, Some(Reason::CannotSee(_))));
        let ok = pass.outcomes.iter().all(|outcome| outcome.result.is_ok()) && seen;
        let metrics = &self.shared.metrics;
        metrics.pass(started.elapsed(), seen, ok, now);
        let drifted = board
            .statuses
            .iter()
            .filter_map(|(key, status)| Some((key.kind.row().name, key.name.as_str(), status.drifted_since?)));
        metrics.resources(board.counts(), drifted);
        metrics.left(board.left());
        well
    }
}

/// Renews a lease, or waits for one, also while a pass takes its time.
async fn keep(reconciler: Weak<Reconciler>) {
    while let Some(wait) = reconciler.upgrade().and_then(|reconciler| reconciler.tended_every()) {
        tokio::time::sleep(wait).await;
        if let Some(reconciler) = reconciler.upgrade() {
            reconciler.tend().await;
        }
    }
}

/// Whether two readings of a manifest mean the same; where it stands does not matter.
fn same(before: &crate::resource::Resource, now: &crate::resource::Resource) -> bool {
    let mut moved = now.clone();
    moved.source = before.source.clone();
    *before == moved
}

fn log_state(key: &Key, conclusion: &Conclusion) {
    let (resource, state, reason, why) =
        (key.to_string(), conclusion.state.label(), conclusion.reason, &conclusion.message);
    match conclusion.state {
        State::InSync if why.is_empty() => tracing::info!(resource, state, "as declared"),
        State::InSync => tracing::warn!(resource, state, reason, "{why}"),
        State::Progressing | State::Drifted => tracing::info!(resource, state, reason, "{why}"),
        State::Waiting => tracing::warn!(resource, state, reason, "{why}"),
        State::Blocked | State::Degraded | State::Invalid => tracing::error!(resource, state, reason, "{why}"),
    }
}

/// In the mode `plan`, what would be changed is worth a line each time it is new.
fn log_drift(pass: &Pass, shared: &Shared) {
    let planned = |item: &&Item| item.held == Some(Reason::NotApplied(Mode::Plan)) && !item.steps.is_empty();
    for item in pass.items.values().filter(planned) {
        let known = shared.board().statuses.get(&item.key).is_some_and(|status| status.state == State::Drifted);
        if !known {
            let paths: Vec<String> = item.changes.iter().map(|change| change.path.to_string()).collect();
            let calls: Vec<&str> = item.steps.iter().map(|step| step.permission()).collect();
            tracing::info!(resource = %item.key, paths = paths.join(", "), calls = calls.join(", "), "would be changed");
        }
    }
}
