//! Which of several copies of the daemon writes. Time is an argument: the copy's own clock, counted
//! from any beginning. No copy ever compares its clock with another's.
//!
//! # The epoch
//!
//! Every copy that wants to write says so by registering a revision of a task definition of its own, in a
//! family with the owner's name ([`epoch::family`]). No task ever runs it: AWS numbers the revisions, one
//! after the other, and this number is the copy's epoch. **The newest claim that is there is in force.**
//! The tags of the revision say who makes the claim, and, at its end, that it was given up.
//!
//! A tag with a start time on something that the directory declares would be simpler, and worse: two
//! commits may declare nothing in common, directories may be empty, two writes of one tag may cross, and
//! a new task whose clock is slow would stand by for ever. A family of its own needs no permission that
//! the daemon does not have, and no two copies can get the same number.
//!
//! - A copy that starts claims, and waits for [`HANDOVER`] before its first write. Until then whoever
//!   wrote before it has noticed, and its last call has ended. It does not wait if the claim before it was
//!   given up or its task has stopped, and the numbers show that nobody came between.
//! - A copy that writes has looked, not more than [`LOOK_VALID`] ago, whether its claim is in force. So a
//!   pass that writes reads once more, or once every few seconds if it is long; a quiet one never does.
//! - A copy whose claim is not in force stands by: it looks on, and claims again when the other gave up,
//!   when ECS says that the other's task has stopped, or when a claim that was made for a limited time
//!   (`evenkeel apply`) has been seen for longer than that.
//!
//! What follows, if a look shows what was registered [`LOOK_VALID`] before, and clocks do not run more
//! than twice as fast as each other: no two copies write at the same time. What may be broken by less:
//! a process that is stopped between its look and its call, and resumed, makes that one call. Not seen:
//! copies with another owner, in another Region (IAM is global), or with another kind of fence. A copy
//! that ran outside ECS and was killed leaves a claim of which nobody can say whether it is alive: copies
//! that stand by stay so, one that is started takes over.
//!
//! # The lease
//!
//! A record in a DynamoDB table ([`lease`]), for those who want the first copy to stay in charge for as long
//! as it lives, and another to take over when it dies, on ECS or not. AWS's APIs take no token that would
//! fence off a late call, so a lease bounds the overlap as well as the epoch does, and no better.

pub mod epoch;
pub mod lease;

use std::fmt;
use std::time::Duration;

use crate::world::Failure;

/// For how long a copy believes a look that showed its own claim.
pub const LOOK_VALID: Duration = Duration::from_secs(5);
/// The longest that one call may take, attempts and pauses together.
pub const CALL_MAX: Duration = Duration::from_secs(30);
/// The longest that one attempt of a call may take.
pub const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// How long a new writer waits for the one before it: for an old look and the call that it allowed, twice,
/// because its own clock may be the faster one, and a little for AWS to show the claim.
pub const HANDOVER: Duration = Duration::from_secs(75);

/// What a copy says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Drawn at random when the process starts.
    pub id: String,
    /// What it is: the ARN of its ECS task, or words.
    pub what: String,
    /// Whether it is to be there for ever.
    pub manner: Manner,
}

/// How a copy comes to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A daemon: whoever starts last writes.
    Resident,
    /// A command that a person runs: it does not get in a daemon's way unless it is told to.
    Guest {
        /// Whether it was told to.
        takeover: bool,
        /// The longest that it stays.
        lasts: Duration,
    },
}

/// Somebody's word that it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The number that it has: later claims have higher ones.
    pub epoch: u64,
    /// The [`Copy::id`] of whoever makes it.
    pub id: String,
    /// The [`Copy::what`] of whoever makes it.
    pub what: String,
    /// When it was made, by that copy's clock: for people.
    pub since: String,
    /// How long it is made for, if not for ever.
    pub lasts: Option<Duration>,
    /// Whether it was given up.
    pub released: bool,
}

impl Claim {
    /// The ECS task that makes it, if one does.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        Some(self.what.as_str()).filter(|what| what.starts_with("arn:") && what.contains(":task/"))
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, epoch {}, since {}", self.what, self.epoch, self.since)
    }
}

/// Why a copy does not write now.
#[derive(Debug, Clone, PartialEq)]
pub enum Hold {
    /// Another copy is in charge.
    Standby(Claim),
    /// It is in charge, once whoever wrote before it has noticed.
    TakingOver {
        /// Its own number.
        epoch: u64,
        /// How long that takes at most.
        wait: Duration,
    },
    /// It could not find out who is in charge.
    Unclear(Failure),
    /// It gave up its claim: it is stopping.
    Released,
}

impl Hold {
    /// The reason as one word.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Standby(_) => "Standby",
            Self::TakingOver { .. } => "TakingOver",
            Self::Unclear(_) => "Unclear",
            Self::Released => "Released",
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standby(claim) => write!(f, "another copy is in charge: {claim}"),
            Self::TakingOver { epoch, .. } => {
                write!(f, "takes over as epoch {epoch}: whoever wrote before it may not have noticed yet")
            }
            Self::Unclear(failure) => write!(f, "could not find out which copy is in charge: {failure}"),
            Self::Released => f.write_str("it is stopping"),
        }
    }
}

/// Whether this copy writes, for people.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// It does not want to: the mode is not to change anything.
    LooksOn,
    /// It does, and looks for no other copy.
    Alone,
    /// It does, as this epoch.
    Writer(u64),
    /// It does not.
    Held(Hold),
}

impl Standing {
    /// Whether it may write.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self, Self::Alone | Self::Writer(_))
    }

    /// Its own number, if it has one.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        match self {
            Self::Writer(epoch) | Self::Held(Hold::TakingOver { epoch, .. }) => Some(*epoch),
            _ => None,
        }
    }

    /// As one word.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::LooksOn => "LooksOn",
            Self::Alone | Self::Writer(_) => "Writer",
            Self::Held(hold) => hold.label(),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LooksOn => f.write_str("the mode is not to change anything"),
            Self::Alone => f.write_str("writes, and looks for no other copy"),
            Self::Writer(epoch) => write!(f, "writes as epoch {epoch}"),
            Self::Held(hold) => hold.fmt(f),
        }
    }
}
