//! What AWS's errors mean, in one table: by operation, code and words, and by how lately the thing
//! was written that the call depends on.
//!
//! | class | what it means | what is done |
//! |---|---|---|
//! | [`Class::Throttled`], [`Class::Transient`] | AWS cannot answer now | tried again, later each time |
//! | [`Class::NotReady`] | what the call needs is on its way | tried again every few seconds |
//! | [`Class::Conflict`] | the world is not as it was planned for | looked at again, and planned again |
//! | [`Class::Met`] | the goal is reached already | a success, until the next look |
//! | [`Class::Rejected`] | this request is refused each time | blocked, and tried again slowly |
//! | [`Class::Denied`] | a permission or a quota is missing | blocked, and tried again slowly |
//! | [`Class::Barred`] | the account takes no call from us | the same, and the pass ends |
//!
//! Nothing is given up for good: the slowest try is ten minutes after the last one. The state on the
//! board and the next try of each are in [`crate::status`]; what waits too long in [`crate::patience`].

mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::model::{Key, Kind};
use crate::world::Failure;

pub use table::ROWS;

/// For how long after a write of ours AWS's other services may not know of it. Terraform waits two
/// to four minutes; the issues that it cites saw two seconds to a minute.
pub const WINDOW: Duration = Duration::from_secs(300);

/// What is to be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// AWS asks for patience.
    Throttled,
    /// No answer, a server error, or credentials that ran out. The call may have had its effect.
    Transient,
    /// What the call needs is on its way.
    NotReady,
    /// The world is not as the plan took it to be.
    Conflict,
    /// What the call was to bring about is so already.
    Met,
    /// AWS refuses the request as it stands.
    Rejected,
    /// A permission or a quota does not suffice.
    Denied,
    /// The account or the credentials are refused, whatever is asked for.
    Barred,
}

/// One row of the table of errors.
#[derive(Debug)]
pub struct Row {
    /// The error code.
    pub code: &'static str,
    /// The operations that it is about, as permissions spell them; none: every operation.
    pub operations: &'static [&'static str],
    /// Words of the message, in any case; `""`: whatever it says.
    pub words: &'static str,
    /// What it means.
    pub class: Class,
    /// If the call depends on a resource of one of these kinds that we wrote less than [`WINDOW`]
    /// ago, it means [`Class::NotReady`] instead.
    pub young: &'static [Kind],
    /// Who says so.
    pub source: &'static str,
}

impl Row {
    fn fits(&self, operation: &str, code: &str, message: &str) -> bool {
        self.code == code
            && (self.operations.is_empty() || self.operations.contains(&operation))
            && message.to_lowercase().contains(&self.words.to_lowercase())
    }
}

/// Why a call did not succeed, as it came from AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// AWS answered with an error.
    Error {
        /// Its code.
        code: String,
        /// Its message.
        message: String,
        /// HTTP status.
        status: u16,
    },
    /// No error of AWS: nothing was sent, nothing usable came back, or we ourselves say no.
    Other(Failure),
}

impl Refusal {
    /// AWS's words; `""` when there are none.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Error { message, .. } => message,
            Self::Other(_) => "",
        }
    }

    /// What it means for a call of `operation`, named by its permission, which depends on the
    /// resources in `young`: those that we wrote less than [`WINDOW`] ago. Nothing, if the call is a
    /// success for all that.
    #[must_use]
    pub fn judge(self, operation: &str, young: &BTreeSet<Key>) -> Option<Failure> {
        let (code, message, status) = match self {
            Self::Error { code, message, status } => (code, message, status),
            Self::Other(failure) => return Some(failure),
        };
        let kinds = young.iter().map(|key| key.kind).collect();
        let class = class(operation, &code, &message, status, &kinds);
        let said = if message.is_empty() { code.clone() } else { format!("{code}: {message}") };
        Some(match class {
            Class::Met => return None,
            Class::Throttled => Failure::Throttled,
            Class::Transient => Failure::Unreachable(said),
            Class::NotReady => {
                let row = row(operation, &code, &message).map_or(&[][..], |row| row.young);
                Failure::NotReady { what: names(young.iter().filter(|key| row.contains(&key.kind))), said }
            }
            Class::Conflict => Failure::Conflict(said),
            Class::Rejected => Failure::Rejected(said),
            Class::Denied => Failure::Denied(said),
            Class::Barred => Failure::Barred(said),
        })
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { code, message, .. } => write!(f, "{code}: {message}"),
            Self::Other(failure) => failure.fmt(f),
        }
    }
}

/// The class of an error; `young`: the kinds of what the call depends on and we wrote lately.
#[must_use]
pub fn class(operation: &str, code: &str, message: &str, status: u16, young: &BTreeSet<Kind>) -> Class {
    match row(operation, code, message) {
        Some(row) if row.young.iter().any(|kind| young.contains(kind)) => Class::NotReady,
        Some(row) => row.class,
        // What nobody has listed: a server's own fault passes, a refusal stays until something changes.
        None if status == 429 => Class::Throttled,
        None if status >= 500 => Class::Transient,
        None => Class::Rejected,
    }
}

fn row(operation: &str, code: &str, message: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.fits(operation, code, message))
}

fn names<'a>(keys: impl Iterator<Item = &'a Key>) -> String {
    let names: Vec<String> = keys.map(ToString::to_string).collect();
    if names.is_empty() { "what it needs".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_no_row_hides_behind_another() {
        assert!(ROWS.is_sorted_by_key(|row| row.code));
        for (at, row) in ROWS.iter().enumerate() {
            let operation = row.operations.first().copied().unwrap_or_default();
            let first = ROWS.iter().position(|before| before.fits(operation, row.code, row.words));
            assert_eq!(first, Some(at), "{} {:?}", row.code, row.words);
            assert!(!row.source.is_empty());
        }
    }

    #[test]
    fn what_it_waits_for_is_said_by_name() {
        let role = Key::new(Kind::Role, "task");
        let young = BTreeSet::from([role, Key::new(Kind::Cluster, "shop")]);
        let refusal = Refusal::Error {
            code: "AccessDeniedException".to_owned(),
            message: "not authorized to perform: iam:PassRole".to_owned(),
            status: 400,
        };
        let failure = refusal.clone().judge("ecs:RegisterTaskDefinition", &young).unwrap();
        assert!(failure.to_string().contains("Role/task to "), "{failure}");
        assert!(!failure.to_string().contains("shop"), "{failure}");
        let later = refusal.judge("ecs:RegisterTaskDefinition", &BTreeSet::new()).unwrap();
        assert_eq!(later.label(), "Denied");
    }
}
