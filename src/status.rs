//! What is known of every resource: one state, one reason, one sentence.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::action::Outcome;
use crate::fence::{Hold, Standing};
use crate::model::{Key, Kind, Problem};
use crate::plain;
use crate::plan::{Item, Left, Reason, Verb, WHYS, WINDOW_CLOSED, Why};
use crate::queue::Next;
use crate::world::{Failure, Phase};

/// How long to wait before a look at something that AWS is busy with.
const SOON: Duration = Duration::from_secs(5);
/// How long to wait before a look at something that another copy is to change.
const STANDBY: Duration = Duration::from_secs(10);
/// How long to wait before a look at something that a person is to decide.
const PAUSED: Duration = Duration::from_secs(30);

/// How a resource is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As declared.
    InSync,
    /// Changed, or being rolled out.
    Progressing,
    /// Not as declared, and the mode, another copy or a closed window is why it is not changed.
    Drifted,
    /// Waits for something that is likely to come: it is tried again.
    Waiting,
    /// Needs a person: it is tried again, slowly.
    Blocked,
    /// Not healthy: its rollout failed, or ECS took it back.
    Degraded,
    /// Its manifest has problems, and none is in force.
    Invalid,
}

/// Every state, for metrics that must say 0.
pub const STATES: &[State] = &[
    State::InSync,
    State::Progressing,
    State::Drifted,
    State::Waiting,
    State::Blocked,
    State::Degraded,
    State::Invalid,
];

impl State {
    /// The state as metrics and JSON spell it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Progressing => "progressing",
            Self::Drifted => "drifted",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Degraded => "degraded",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What a look at a resource comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// How it is doing.
    pub state: State,
    /// Why, as one word.
    pub reason: &'static str,
    /// Why, as a sentence; `""` when there is nothing to say.
    pub message: String,
    /// When to look again.
    pub next: Next,
    /// The differences that are left as they are.
    pub left: Vec<Left>,
}

impl Conclusion {
    /// The same of a pass that made no more calls: what it says of calls that were not made is why.
    #[must_use]
    pub fn held_by(self, hold: &Hold) -> Self {
        // What waits for something that is to be made waits for the other copy, too.
        let waits = self.reason == "WaitsFor" && matches!(hold, Hold::Standby(_));
        if self.reason != "NotReached" && !waits {
            return self;
        }
        let (state, next) = match hold {
            // The other will see to it, or give up its place.
            Hold::Standby(_) | Hold::Released => (State::Drifted, Next::After(STANDBY)),
            Hold::TakingOver { wait, .. } => (State::Waiting, Next::After(*wait)),
            Hold::Unclear(failure) => reaction(failure),
        };
        Self { state, reason: hold.label(), message: hold.to_string(), next, ..self }
    }

    /// Whether what is live is what is declared, healthy or not.
    fn is_as_declared(&self) -> bool {
        match self.state {
            State::InSync => true,
            // What ECS took back is not there.
            State::Degraded => self.reason == "RolloutFailed",
            _ => false,
        }
    }
}

/// What is known of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// How it is doing.
    pub state: State,
    /// Why, as one word.
    pub reason: &'static str,
    /// Why, as a sentence.
    pub message: String,
    /// Since when it has been in this state for this reason.
    pub since: SystemTime,
    /// Since when it has not been in sync and could have been: not while it waits for its window.
    pub drifted_since: Option<SystemTime>,
    /// The differences that are left as they are.
    pub left: Vec<Left>,
    /// What it is called in AWS.
    pub aws: String,
    /// The manifest that declares it.
    pub source: String,
}

/// What the daemon shows to the world.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// Every declared resource.
    pub statuses: BTreeMap<Key, Status>,
    /// Everything that is wrong with the directory.
    pub problems: Vec<Problem>,
    /// Why the directory cannot be read at all, if so.
    pub unreadable: Option<String>,
    /// Whether every resource has been looked at once.
    pub ready: bool,
    /// When the last pass ended.
    pub last_pass: Option<SystemTime>,
    /// Whether this copy writes; nothing until it has been found out.
    pub standing: Option<Standing>,
    /// What is ours and declared nowhere, at the last look; `None`: nobody looks for it.
    pub pruned: Option<Pruned>,
}

/// What became of pruning at the last look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// What is ours and declared nowhere, in the order in which it goes.
    pub orphans: Vec<Orphaned>,
    /// Why nothing at all is deleted: as one word, and as a sentence.
    pub obstacle: Option<(&'static str, String)>,
    /// The lines that would release it all the same.
    pub to_release: Vec<String>,
}

/// Something of ours that no manifest declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphaned {
    /// Its kind and name.
    pub key: Key,
    /// What it is called in AWS.
    pub aws: String,
    /// This very resource: its ARN, and when it was created.
    pub pin: String,
    /// Whether it stays.
    pub retained: bool,
    /// What becomes of it, as one word.
    pub reason: &'static str,
    /// What becomes of it, as a sentence.
    pub message: String,
    /// Since when it has been declared nowhere, as far as this process knows.
    pub since: SystemTime,
}

/// Folds a plan's item and what became of its calls into a conclusion.
#[must_use]
pub fn conclude(item: &Item, outcomes: &[&Outcome]) -> Conclusion {
    let conclusion = |state, reason, message: String, next| {
        // Some of it is AWS's, or what others had AWS keep.
        let message = plain::message(&message);
        Conclusion { state, reason, message, next, left: item.left.clone() }
    };
    if let Some((outcome, failure)) =
        outcomes.iter().find_map(|outcome| Some((outcome, outcome.result.as_ref().err()?)))
    {
        let (state, next) = reaction(failure);
        return conclusion(state, failure.label(), format!("{}: {failure}", outcome.action.permission()), next);
    }
    match &item.held {
        Some(reason @ Reason::NotApplied(_)) => {
            return conclusion(State::Drifted, reason.label(), reason.to_string(), Next::Tick);
        }
        Some(reason @ Reason::Closed { next: Some((wait, _)), .. }) => {
            // A short window must not fall between two looks.
            let next = if *wait <= NEAR { Next::After(*wait) } else { Next::Tick };
            return conclusion(State::Drifted, reason.label(), reason.to_string(), next);
        }
        Some(reason @ Reason::CannotSee(failure)) => {
            let (state, next) = reaction(failure);
            return conclusion(state, reason.label(), reason.to_string(), next);
        }
        // Each try of a task definition looks at its services too.
        Some(reason @ Reason::WaitsFor(key)) if key.kind == Kind::TaskDefinition => {
            return conclusion(State::Waiting, reason.label(), reason.to_string(), Next::Slowly);
        }
        Some(reason @ (Reason::WaitsFor(_) | Reason::NonConverging)) => {
            return conclusion(State::Waiting, reason.label(), reason.to_string(), Next::Backoff);
        }
        Some(reason @ Reason::Busy(_)) => {
            return conclusion(State::Waiting, reason.label(), reason.to_string(), Next::After(SOON));
        }
        Some(reason @ Reason::RolledBack(_)) => {
            let (state, reason, message, next) = taken_back(reason, &item.phase);
            return conclusion(state, reason, message, next);
        }
        Some(reason) => return conclusion(State::Blocked, reason.label(), reason.to_string(), Next::Slowly),
        None => {}
    }
    if outcomes.is_empty()
        && item.steps.is_empty()
        && let Some(left) = item.left.iter().find(|left| !left.why.is_wanted())
    {
        let (state, next) = unwanted(&left.why);
        return conclusion(state, left.why.label(), said(item), next);
    }
    match (item.verb, &item.phase) {
        (Verb::Keep, Phase::Steady) => {
            let left = item.left.iter().find(|left| left.why != Why::Ignored);
            conclusion(State::InSync, left.map_or("InSync", |left| left.why.label()), said(item), Next::Tick)
        }
        (Verb::Keep, Phase::Moving(why)) => {
            conclusion(State::Progressing, "RollingOut", why.clone(), Next::After(SOON))
        }
        (Verb::Keep, Phase::Paused(why)) => conclusion(State::Waiting, "Paused", why.clone(), Next::After(PAUSED)),
        (Verb::Keep, Phase::Busy(why)) => conclusion(State::Waiting, "Busy", why.clone(), Next::After(SOON)),
        (Verb::Keep, Phase::Failed(why)) => conclusion(State::Degraded, "RolloutFailed", why.clone(), Next::Slowly),
        (_, _) if outcomes.is_empty() => conclusion(
            State::Waiting,
            "NotReached",
            "something before it failed, or the daemon is stopping".to_owned(),
            Next::Backoff,
        ),
        // Believed when the next look finds it so.
        (_, _) => conclusion(State::Progressing, "Applied", "changed; to be verified".to_owned(), Next::Verify),
    }
}

/// A window that opens within this is waited for to the second.
const NEAR: Duration = Duration::from_secs(3600);

/// What a failure makes of a resource, and when it is tried again.
fn reaction(failure: &Failure) -> (State, Next) {
    match failure {
        Failure::Throttled | Failure::Unreachable(_) | Failure::Conflict(_) => (State::Waiting, Next::Backoff),
        Failure::NotReady { .. } => (State::Waiting, Next::Soon),
        Failure::Denied(_) | Failure::Barred(_) | Failure::Rejected(_) | Failure::Panicked(_) => {
            (State::Blocked, Next::Backoff)
        }
    }
}

/// What there is to say of a rollout that ECS takes back, or took back.
fn taken_back(reason: &Reason, phase: &Phase) -> (State, &'static str, String, Next) {
    match phase {
        Phase::Moving(why) => (State::Progressing, "RollingBack", why.clone(), Next::After(SOON)),
        _ => (State::Degraded, reason.label(), reason.to_string(), Next::Slowly),
    }
}

/// How a resource is doing of which nothing is to be done but what is left, and when to look again.
fn unwanted(why: &Why) -> (State, Next) {
    match why {
        // Somebody else has to deploy it, or to undo the change.
        Why::Controller(_) => (State::Blocked, Next::Slowly),
        Why::CannotSee(failure) => reaction(failure),
        _ => (State::Waiting, Next::Backoff),
    }
}

/// What there is to say of the differences that are left as they are. Those that the manifest itself
/// wants to be ignored are worth no words.
fn said(item: &Item) -> String {
    let worth = item.left.iter().filter(|left| left.why != Why::Ignored);
    worth.map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Board {
    /// Notes a conclusion. Returns whether state or reason is new, which is worth a line in the log.
    pub fn note(&mut self, key: &Key, conclusion: &Conclusion, aws: String, source: String, now: SystemTime) -> bool {
        let before = self.statuses.get(key);
        let same = before.is_some_and(|before| before.state == conclusion.state && before.reason == conclusion.reason);
        let drifted_since = before.and_then(|before| before.drifted_since).unwrap_or(now);
        // What waits too long has waited since it began to.
        let overdue = before.filter(|before| before.reason == conclusion.reason && before.state == State::Waiting);
        let overdue = overdue.filter(|_| conclusion.state == State::Blocked);
        let status = Status {
            state: conclusion.state,
            reason: conclusion.reason,
            message: conclusion.message.clone(),
            since: before.filter(|_| same).or(overdue).map_or(now, |before| before.since),
            left: conclusion.left.clone(),
            drifted_since: (!conclusion.is_as_declared() && conclusion.reason != WINDOW_CLOSED)
                .then_some(drifted_since),
            aws,
            source,
        };
        self.statuses.insert(key.clone(), status);
        !same
    }

    /// How many fields are left as they are, by why.
    #[must_use]
    pub fn left(&self) -> Vec<(&'static str, usize)> {
        let all = || self.statuses.values().flat_map(|status| &status.left);
        WHYS.iter().map(|why| (*why, all().filter(|left| left.why.label() == *why).count())).collect()
    }

    /// How many resources of ours are declared nowhere, by kind and by whether they stay.
    #[must_use]
    pub fn orphans(&self) -> Vec<(&'static str, &'static str, usize)> {
        let orphans = || self.pruned.iter().flat_map(|pruned| &pruned.orphans);
        let deletable = crate::model::KINDS.iter().filter(|row| row.deletion.is_some());
        deletable
            .flat_map(|row| [(row, "retained", true), (row, "to_delete", false)])
            .map(|(row, state, retained)| {
                let count = orphans().filter(|orphan| orphan.key.kind == row.kind && orphan.retained == retained);
                (row.name, state, count.count())
            })
            .collect()
    }

    /// How many resources of each kind are in each state.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, &'static str, usize)> {
        let kinds = crate::model::KINDS.iter();
        kinds
            .flat_map(|row| STATES.iter().map(move |state| (row, *state)))
            .map(|(row, state)| {
                let count = self.statuses.iter().filter(|(key, status)| key.kind == row.kind && status.state == state);
                (row.name, state.label(), count.count())
            })
            .collect()
    }
}
