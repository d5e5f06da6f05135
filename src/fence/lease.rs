//! The lease: one record for each owner, which its holder renews. See [`crate::fence`].
//!
//! Nobody compares clocks. The holder trusts a renewal for [`TRUST`] of its own clock, counted from when
//! it was sent; whoever waits for the lease takes it when the record has not changed for [`TERM`] of its
//! own clock, counted from when it was seen. The second is twice the first: so much faster may the one
//! clock run than the other. Every write is conditional on the record that was seen before.

use std::time::Duration;

use super::{ATTEMPT_MAX, Claim, Copy, Hold};

/// How long a record must not have changed before somebody else takes the lease.
pub const TERM: Duration = Duration::from_secs(60);
/// How long a holder trusts its last renewal.
pub const TRUST: Duration = Duration::from_secs(30);
/// How old a renewal is before the next.
pub const RENEW: Duration = Duration::from_secs(20);
/// How often the lease is tended, by its holder and by those who wait for it.
pub const TEND: Duration = Duration::from_secs(5);

/// What is to be done before a write, or to keep or get the lease.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It may write.
    Write,
    /// It may not.
    Hold(Hold),
    /// Read the record.
    Look,
    /// Write the record with this number, if it still is the one that was seen.
    Put {
        /// The number of the new record.
        version: u64,
        /// What must still be there.
        over: Option<Claim>,
    },
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Put {
    /// It was done.
    Done,
    /// Something else is there.
    Refused(Option<Claim>),
}

/// One copy's part.
#[derive(Debug, Clone)]
pub struct Lease {
    copy: Copy,
    /// The record as it was last seen or written, and when this one was first seen.
    seen: Option<(Option<Claim>, Duration)>,
    /// When the last look was answered.
    looked: Option<Duration>,
    /// The number under which the lease was taken, and when the last renewal was sent.
    held: Option<(u64, Duration)>,
    released: bool,
}

impl Lease {
    /// The part of a copy that has not looked yet.
    #[must_use]
    pub fn new(copy: Copy) -> Self {
        Self { copy, seen: None, looked: None, held: None, released: false }
    }

    /// Who it is.
    #[must_use]
    pub fn copy(&self) -> &Copy {
        &self.copy
    }

    /// What is to be done now. `writing`: it is about to make a call.
    #[must_use]
    pub fn next(&self, now: Duration, writing: bool) -> Step {
        if self.released {
            return Step::Hold(Hold::Released);
        }
        let seen = self.seen.as_ref().map(|(record, _)| record.clone());
        let put = |over: Option<Claim>| Step::Put { version: over.as_ref().map_or(1, |over| over.epoch + 1), over };
        match (self.held, seen) {
            (Some((_, sent)), Some(record)) => {
                let enough = if writing { now + ATTEMPT_MAX <= sent + TRUST } else { now < sent + RENEW };
                if enough { Step::Write } else { put(record) }
            }
            (_, None) => Step::Look,
            (None, Some(record)) if self.is_free(now) => put(record),
            (None, Some(Some(other))) if self.looked.is_some_and(|looked| now < looked + TEND) => {
                Step::Hold(Hold::Standby(other))
            }
            (None, Some(_)) => Step::Look,
        }
    }

    /// Whether the record is nobody's or its own, as far as can be told. What was renewed since it was seen,
    /// the write's condition finds out.
    fn is_free(&self, now: Duration) -> bool {
        let Some((record, since)) = &self.seen else { return false };
        let old = now.saturating_sub(*since) >= TERM;
        record.as_ref().is_none_or(|record| record.released || record.id == self.copy.id || old)
    }

    /// A look was answered at `now`.
    pub fn looked(&mut self, now: Duration, found: Option<Claim>) {
        self.looked = Some(now);
        let same = self.seen.as_ref().is_some_and(|(before, _)| *before == found);
        if !same {
            self.seen = Some((found, now));
        }
    }

    /// A write of `record`, sent at `sent`, was answered at `now`.
    pub fn put(&mut self, record: Claim, put: Put, sent: Duration, now: Duration) {
        self.looked = Some(now);
        let taken = self.held.map_or(record.epoch, |(taken, _)| taken);
        match put {
            Put::Done => {
                self.held = Some((taken, sent));
                self.seen = Some((Some(record), now));
            }
            Put::Refused(there) => {
                // An earlier write of its own, whose answer was lost, is still its own; but it is as old as it is.
                self.held = self.held.filter(|_| there.as_ref().is_some_and(|there| there.id == self.copy.id));
                self.seen = Some((there, now));
            }
        }
    }

    /// It gives up. The record to write over, if the lease is its own.
    pub fn release(&mut self) -> Option<Claim> {
        self.released = true;
        let own = self.held.take().is_some();
        self.seen.take().and_then(|(record, _)| record).filter(|_| own)
    }

    /// The number under which it writes, if it does.
    #[must_use]
    pub fn writes_as(&self) -> Option<u64> {
        self.held.map(|(taken, _)| taken)
    }
}
