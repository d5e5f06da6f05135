//! When the daemon prunes: after everything else is as declared, one deletion at a time, and each only
//! after another look.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use tokio::sync::watch as channel;
use tokio::time::Instant;

use super::Daemon;
use crate::fence::Standing;
use crate::plan::{Item, Reason, Verb};
use crate::prune::looks::{Looks, PAUSE, SWEEP};
use crate::prune::{OBSTACLES, Obstacle, Pruning, Situation, prune};
use crate::status::{Board, Orphaned, Pruned, State};
use crate::watch::RELEASE_FILE;

/// What the daemon remembers of what is declared nowhere.
#[derive(Debug)]
pub(super) struct Pruner {
    /// The pins that a person has released from the budget.
    pub(super) released: BTreeSet<String>,
    /// When to look next.
    pub(super) due: Instant,
    looks: Looks,
    /// What its time is counted from.
    began: Instant,
    /// What the log says of each already.
    said: BTreeMap<String, &'static str>,
    obstacle: Option<Obstacle>,
}

impl Pruner {
    pub(super) fn new() -> Self {
        Self {
            released: BTreeSet::new(),
            due: Instant::now(),
            looks: Looks::default(),
            began: Instant::now(),
            said: BTreeMap::new(),
            obstacle: None,
        }
    }
}

impl Daemon {
    /// One look at everything that is ours, and at most one deletion.
    pub(super) async fn prune(&mut self, stop: &channel::Receiver<bool>) {
        // Whoever is in charge sees to it.
        if matches!(self.reconciler.standing(), Standing::Held(_)) {
            self.prune_after(PAUSE);
            return;
        }
        let mut stopped = stop.clone();
        let estate = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            estate = self.reconciler.estate(&self.desired.resources) => estate,
        };
        // The listing may have taken its time: what counts is what the directory leaves out now.
        if !self.is_known(&self.snapshot().await) {
            self.prune_after(PAUSE);
            return;
        }
        let obstacle = self.obstacle();
        let Some(pruner) = &mut self.pruner else { return };
        let estate = match estate {
            Ok(estate) => estate,
            Err(failure) => {
                tracing::warn!(%failure, "what is ours could not be listed; nothing is deleted");
                pruner.due = Instant::now() + SWEEP;
                return;
            }
        };
        let ages = pruner.looks.ages(&estate, pruner.began.elapsed());
        pruner.said.retain(|pin, _| ages.contains_key(pin));
        let pruning = prune(
            &estate,
            &Situation {
                declared: &self.desired.resources,
                rules: self.reconciler.rules(),
                obstacle,
                ages: &ages,
                released: &pruner.released,
            },
        );
        let pins: BTreeMap<_, _> = estate.orphans.iter().map(|orphan| (orphan.key(), orphan.pin())).collect();
        let pin = |item: &Item| pins.get(&item.key).cloned().unwrap_or_default();
        let items: Vec<(String, &Item)> = pruning.items.iter().map(|item| (pin(item), item)).collect();
        let may_try = |pin: &str| pruner.looks.may_try(pin, pruner.began.elapsed());
        let chosen = items.iter().find(|(pin, item)| item.acts() && may_try(pin)).cloned();
        if let Some((pin, item)) = chosen {
            let pass = self.reconciler.delete(item, &self.desired.resources, stop, &mut |_| self.shared.beat()).await;
            let failure = pass.outcomes.iter().find_map(|outcome| outcome.result.as_ref().err());
            // One that was not begun is not one that was tried.
            if !pass.outcomes.is_empty() {
                pruner.looks.tried(pin, failure.map(ToString::to_string), pruner.began.elapsed());
            }
        }
        pruner.due = Instant::now() + pruner.looks.next(&items, pruner.began.elapsed());
        self.note_pruning(&pruning, &items, &ages);
    }

    fn prune_after(&mut self, pause: Duration) {
        if let Some(pruner) = &mut self.pruner {
            pruner.due = Instant::now() + pause;
        }
    }

    /// What is in the way of every deletion, as far as the directory and the board tell.
    fn obstacle(&self) -> Option<Obstacle> {
        let board = self.shared.board();
        if board.unreadable.is_some() {
            return Some(Obstacle::Unreadable);
        }
        if !board.problems.is_empty() {
            return Some(Obstacle::Problems(board.problems.len()));
        }
        if self.desired.resources.is_empty() {
            return Some(Obstacle::Empty);
        }
        let settled = |key| {
            let status = board.statuses.get(key);
            status.is_some_and(|status| status.state == State::InSync || status.reason == "Suspended")
        };
        if let Some(key) = self.desired.resources.keys().find(|key| !settled(key)) {
            return Some(Obstacle::Unsettled(key.clone()));
        }
        let now = self.reconciler.aws().now();
        self.options.guardrails.keeps_from_deleting(now).map(Obstacle::from)
    }

    /// Puts on the board, into the metrics and, where it is new, into the log what becomes of each.
    fn note_pruning(&mut self, pruning: &Pruning, items: &[(String, &Item)], ages: &BTreeMap<String, Duration>) {
        let Some(pruner) = &mut self.pruner else { return };
        let mut orphans = Vec::new();
        for (pin, item) in items {
            let (reason, message) = match (pruner.looks.failure(pin), &item.held) {
                (Some(failure), _) => ("Failed", format!("it could not be deleted: {failure}")),
                (None, Some(held)) => (held.label(), held.to_string()),
                (None, None) => ("Deleting", "it is deleted, one resource after the other".to_owned()),
            };
            let is_new = pruner.said.insert(pin.clone(), reason) != Some(reason);
            // What keeps all of them is said once.
            if is_new && !matches!(item.held, Some(Reason::Retained | Reason::NotPruned(_))) {
                tracing::warn!(resource = %item.key, aws = %item.identity, reason, "is ours and declared nowhere: {message}");
            }
            let since = SystemTime::now() - ages.get(pin).copied().unwrap_or_default();
            let retained = item.verb == Verb::Retain;
            let (key, aws, pin) = (item.key.clone(), item.identity.to_string(), pin.clone());
            orphans.push(Orphaned { key, aws, pin, retained, reason, message, since });
        }
        if pruner.obstacle != pruning.obstacle {
            pruner.obstacle.clone_from(&pruning.obstacle);
            log_obstacle(pruning);
        }
        let obstacle = pruning.obstacle.as_ref().map(|obstacle| (obstacle.label(), obstacle.to_string()));
        let blocked = OBSTACLES.iter().map(|label| (*label, obstacle.as_ref().is_some_and(|(now, _)| now == label)));
        self.shared.metrics.prune_blocked(blocked);
        let mut board = self.shared.board();
        let to_release = pruning.to_release.keys().cloned().collect();
        board.pruned = Some(Pruned { orphans, obstacle, to_release });
        self.shared.metrics.orphans(Board::orphans(&board));
    }
}

fn log_obstacle(pruning: &Pruning) {
    let Some(obstacle) = &pruning.obstacle else { return };
    if pruning.to_release.is_empty() {
        tracing::warn!(reason = obstacle.label(), "nothing is deleted: {obstacle}");
        return;
    }
    let lines: Vec<&str> = pruning.to_release.keys().map(String::as_str).collect();
    tracing::error!(
        reason = obstacle.label(),
        "nothing is deleted: {obstacle}; if all of it is meant, commit a file {RELEASE_FILE} with these lines at the \
         top of the directory: {}",
        lines.join(", ")
    );
}
