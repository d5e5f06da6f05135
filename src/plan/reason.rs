//! Why something is not done now, in words.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::mode::Mode;
use crate::model::{ALLOW_WIDENING, Key};
use crate::window::Window;
use crate::world::{Failure, Owner};

/// [`Reason::label`] of what waits for nothing but the time.
pub const WINDOW_CLOSED: &str = "WindowClosed";

/// Why something is not done now.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Another resource must be there first.
    WaitsFor(Key),
    /// Another resource must lose something first, and is not changed: for a moment, there would be more
    /// than before and after.
    LessFirst {
        /// The other one.
        first: Key,
        /// Why it is not changed.
        why: Box<Reason>,
    },
    /// It would allow more than it does in AWS, and its manifest does not say so.
    Widens {
        /// What it would allow on top and may not.
        unnamed: Vec<String>,
        /// The value of the annotation that would have it so.
        annotation: String,
        /// Where its manifest stands.
        source: String,
    },
    /// It exists, and it is not ours.
    NotOurs(Owner),
    /// It exists, is nobody's, and is to stay so.
    NeverOurs,
    /// Services run revisions that differ where the manifest leaves it to them, at these paths.
    Disagreeing(Vec<String>),
    /// This process runs on it, and would take it away from itself.
    Itself(&'static str),
    /// AWS is busy with it.
    Busy(String),
    /// It could not be read.
    CannotSee(Failure),
    /// AWS cannot change these fields in place.
    Immutable(Vec<String>),
    /// The manifest says hands off.
    Suspended,
    /// In its directory nothing is changed in this mode: its steps are those that there would be.
    NotApplied(Mode),
    /// The guardrail `verbs` does not let this be done to it: its steps are those that there would be.
    NotAllowed {
        /// What would be done.
        verb: &'static str,
        /// What may be.
        verbs: BTreeSet<&'static str>,
    },
    /// No window of the guardrail `windows` is open: its steps are those that there would be.
    Closed {
        /// When they are open.
        windows: Vec<Window>,
        /// The wait for the next time at which it may be changed, and how one writes that; `None`: never.
        next: Option<(Duration, String)>,
    },
    /// ECS gave up on this very rollout, for this reason: begun again, it would fail again.
    RolledBack(String),
    /// It was made, and does not show.
    NonConverging,
    /// Something that no manifest describes is not there.
    Missing(String),
    /// No manifest declares it any more, and what the last one said, or its kind, keeps it.
    Retained,
    /// Nothing at all is deleted, for this reason.
    NotPruned(String),
    /// It would be deleted, but something uses it.
    InUse(String),
    /// It was declared until lately; it will be deleted after this long.
    Young(Duration),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitsFor(key) => write!(f, "waits for {key}"),
            Self::LessFirst { first, why } => write!(
                f,
                "{first} is to lose permissions before this may allow more, and that is not done ({why}); have {first} \
                 changed, or undo one of the two changes"
            ),
            Self::Widens { unnamed, annotation, source } => write!(
                f,
                "the guardrail `widening`: it would allow more than it does in AWS: {}; if that is meant, annotate it \
                 ({source}) with {ALLOW_WIDENING}: \"{annotation}\", or undo the change",
                unnamed.join(", ")
            ),
            Self::NotOurs(Owner::Other(owner)) => write!(f, "belongs to {owner}; it is left alone"),
            Self::NotOurs(_) => f.write_str(
                "exists and carries no owner tag; to take it over, set the annotation evenkeel/adoption: adopt, or \
                 give --adopt",
            ),
            Self::NeverOurs => f.write_str(
                "carries no owner tag, and its manifest says never to take it over (evenkeel/adoption: never)",
            ),
            Self::Disagreeing(paths) => write!(
                f,
                "its services run different values of {}, which the manifest ignores: one new revision cannot keep \
                 them all; bring the services to one value, or give each a task definition of its own",
                paths.join(", ")
            ),
            Self::Itself(what) => write!(f, "Evenkeel does not disarm itself: {what}; change it by other means"),
            Self::Busy(why) => write!(f, "AWS is busy with it: {why}"),
            Self::CannotSee(failure) => write!(f, "could not be read: {failure}"),
            Self::Immutable(paths) => {
                write!(f, "AWS cannot change {} in place; delete it in AWS, or undo the change", paths.join(", "))
            }
            Self::Suspended => f.write_str("suspended by its manifest (evenkeel/suspend)"),
            Self::NotApplied(mode) => write!(f, "the mode is {mode}: nothing is changed"),
            Self::NotAllowed { verb, verbs } => f.write_str(&not_allowed(verb, verbs)),
            Self::Closed { windows, next } => f.write_str(&closed(windows, next.as_ref())),
            Self::RolledBack(why) => {
                write!(f, "this rollout failed: {why}; it is not begun again until the manifest changes")
            }
            Self::NonConverging => {
                f.write_str("made, and AWS does not show it yet; it is looked for, and not made again for now")
            }
            Self::Missing(what) => write!(f, "{what} does not exist; declare it, or correct the name"),
            Self::Retained => f.write_str(
                "no manifest declares it any more; it is retained (evenkeel/deletion-policy, or the default of its kind)",
            ),
            Self::NotPruned(why) => write!(f, "nothing is deleted: {why}"),
            Self::InUse(what) => write!(f, "it is not deleted while it is in use: {what}"),
            Self::Young(left) => write!(f, "no manifest declares it any more; it is deleted in {}", roughly(*left)),
        }
    }
}

impl Reason {
    /// Whether the steps beside it are those that there would be, and none of them is made.
    #[must_use]
    pub fn shows_steps(&self) -> bool {
        matches!(self, Self::NotApplied(_) | Self::NotAllowed { .. } | Self::Closed { .. })
    }

    /// The reason as one word, for conditions and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::WaitsFor(_) => "WaitsFor",
            Self::LessFirst { .. } => "LessFirst",
            Self::Widens { .. } => "Widens",
            Self::NotOurs(_) => "NotOurs",
            Self::NeverOurs => "NeverOurs",
            Self::Disagreeing(_) => "Disagreeing",
            Self::Itself(_) => "Itself",
            Self::Busy(_) => "Busy",
            Self::CannotSee(_) => "CannotSee",
            Self::Immutable(_) => "Immutable",
            Self::Suspended => "Suspended",
            Self::NotApplied(_) => "NotApplied",
            Self::NotAllowed { .. } => "NotAllowed",
            Self::Closed { next: Some(_), .. } => WINDOW_CLOSED,
            Self::Closed { next: None, .. } => "NeverOpen",
            Self::RolledBack(_) => "RolledBack",
            Self::NonConverging => "NonConverging",
            Self::Missing(_) => "Missing",
            Self::Retained => "Retained",
            Self::NotPruned(_) => "NotPruned",
            Self::InUse(_) => "InUse",
            Self::Young(_) => "Young",
        }
    }
}

fn not_allowed(verb: &str, verbs: &BTreeSet<&str>) -> String {
    let verbs: Vec<&str> = verbs.iter().copied().collect();
    let others = if verbs.is_empty() { "nor anything else".to_owned() } else { format!("only {}", verbs.join(", ")) };
    format!(
        "the guardrail `verbs` allows no {verb} here, {others}; undo the change, or have the file of --guardrails changed"
    )
}

fn closed(windows: &[Window], next: Option<&(Duration, String)>) -> String {
    let windows: Vec<String> = windows.iter().map(ToString::to_string).collect();
    let next = match next {
        Some((_, time)) => format!("it opens at {time}"),
        None => "that is never while the windows of all folders around it are open, too".to_owned(),
    };
    format!("the guardrail `windows` allows changes only within {} (UTC); {next}", windows.join(", "))
}

/// A time in the unit in which a person would say it.
fn roughly(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{} s", seconds.max(1)),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}
