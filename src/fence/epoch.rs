//! The epoch: the newest claim is in force. See [`crate::fence`].

use std::time::Duration;

use super::{Claim, Copy, HANDOVER, Hold, LOOK_VALID, Manner};

/// How the names of the families begin whose revisions are claims.
pub const FAMILY_PREFIX: &str = "evenkeel-writer-";
/// The longest name of a family (ECS API reference, RegisterTaskDefinition).
const FAMILY_MAX: usize = 255;

/// The family whose revisions are the claims of this owner's copies. What no name of a family may hold is
/// spelt by its number, so that no two owners share one.
#[must_use]
pub fn family(owner: &str) -> String {
    let mut family = FAMILY_PREFIX.to_owned();
    for letter in owner.chars() {
        if letter.is_ascii_alphanumeric() || letter == '-' {
            family.push(letter);
        } else {
            family.push_str(&format!("_{:x}_", u32::from(letter)));
        }
    }
    family.chars().take(FAMILY_MAX).collect()
}

/// What is to be done before a write, or to find out about one.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It may write.
    Write,
    /// It may not.
    Hold(Hold),
    /// Look which claim is in force.
    Look,
    /// Claim.
    Claim,
}

/// How a copy stands.
#[derive(Debug, Clone, PartialEq)]
enum Stand {
    /// It has not looked yet.
    Outside,
    /// It is to claim, after this epoch; `vacant` if whoever made that claim writes no more.
    Claiming { after: u64, vacant: bool },
    /// Its claim is made.
    TakingOver { epoch: u64, until: Duration },
    /// It writes.
    Writer { epoch: u64 },
    /// Another's claim is in force; this one was first seen at `since`.
    Standby { other: Claim, since: Duration },
    /// It has given up.
    Released,
}

/// One copy's part.
#[derive(Debug, Clone)]
pub struct Epoch {
    copy: Copy,
    stand: Stand,
    /// When the last look began.
    looked: Option<Duration>,
}

impl Epoch {
    /// The part of a copy that has not looked yet.
    #[must_use]
    pub fn new(copy: Copy) -> Self {
        Self { copy, stand: Stand::Outside, looked: None }
    }

    /// Who it is.
    #[must_use]
    pub fn copy(&self) -> &Copy {
        &self.copy
    }

    /// What is to be done now. `writing`: it is about to make a call.
    #[must_use]
    pub fn next(&self, now: Duration, writing: bool) -> Step {
        let fresh = self.looked.is_some_and(|looked| now.saturating_sub(looked) <= LOOK_VALID);
        match &self.stand {
            Stand::Outside => Step::Look,
            Stand::Claiming { .. } => Step::Claim,
            Stand::Writer { .. } if fresh || !writing => Step::Write,
            Stand::TakingOver { epoch, until } if now < *until => {
                Step::Hold(Hold::TakingOver { epoch: *epoch, wait: *until - now })
            }
            Stand::Standby { other, .. } if fresh => Step::Hold(Hold::Standby(other.clone())),
            Stand::Writer { .. } | Stand::TakingOver { .. } | Stand::Standby { .. } => Step::Look,
            Stand::Released => Step::Hold(Hold::Released),
        }
    }

    /// Whether it matters if the task of whoever makes this claim still runs.
    #[must_use]
    pub fn asks_for(&self, claim: &Claim) -> bool {
        claim.id != self.copy.id && !claim.released && matches!(self.stand, Stand::Outside | Stand::Standby { .. })
    }

    /// A look that began at `began` found this claim in force. `runs`: whether its task still runs, if that
    /// could be told.
    pub fn looked(&mut self, began: Duration, found: Option<Claim>, runs: Option<bool>) {
        self.looked = Some(began);
        let vacant = |after: u64| Stand::Claiming { after, vacant: true };
        self.stand = match found {
            None => vacant(0),
            Some(claim) if claim.released => vacant(claim.epoch),
            Some(claim) if claim.id == self.copy.id => self.with_own(claim.epoch, began),
            Some(claim) => self.with_other(claim, began, runs),
        };
    }

    /// Its own claim is in force.
    fn with_own(&self, epoch: u64, began: Duration) -> Stand {
        match self.stand {
            Stand::Writer { .. } => Stand::Writer { epoch },
            Stand::TakingOver { until, .. } if began >= until => Stand::Writer { epoch },
            Stand::TakingOver { until, .. } => Stand::TakingOver { epoch, until },
            // Its answer was lost, or the claim after it was taken away.
            _ => Stand::TakingOver { epoch, until: began + HANDOVER },
        }
    }

    /// Another's claim is in force.
    fn with_other(&self, other: Claim, began: Duration, runs: Option<bool>) -> Stand {
        let dead = runs == Some(false);
        let since = match &self.stand {
            Stand::Standby { other: before, since } if before.epoch == other.epoch => *since,
            _ => began,
        };
        let over = other.lasts.is_some_and(|lasts| began.saturating_sub(since) > lasts + HANDOVER);
        let starts = self.stand == Stand::Outside
            && matches!(self.copy.manner, Manner::Resident | Manner::Guest { takeover: true, .. });
        // Only who has not claimed yet, or has stood by, claims: who has just lost does not fight back.
        let may = matches!(self.stand, Stand::Outside | Stand::Standby { .. });
        if starts || may && (dead || over) {
            Stand::Claiming { after: other.epoch, vacant: dead }
        } else {
            Stand::Standby { other, since }
        }
    }

    /// Its claim, sent at `sent`, got this number.
    pub fn claimed(&mut self, epoch: u64, sent: Duration, now: Duration) {
        let Stand::Claiming { after, vacant } = self.stand else { return };
        // A number that was left out is somebody who came between, and may be writing.
        self.stand = if vacant && epoch == after + 1 {
            self.looked = Some(sent);
            Stand::Writer { epoch }
        } else {
            Stand::TakingOver { epoch, until: now + HANDOVER }
        };
    }

    /// Its claim failed: whether it was made is seen at the next look.
    pub fn not_claimed(&mut self) {
        self.stand = Stand::Outside;
    }

    /// It gives up. Whether it has a claim to give up.
    pub fn release(&mut self) -> Option<u64> {
        let epoch = match self.stand {
            Stand::Writer { epoch } | Stand::TakingOver { epoch, .. } => Some(epoch),
            _ => None,
        };
        self.stand = Stand::Released;
        epoch
    }

    /// The number under which it writes, if it does.
    #[must_use]
    pub fn writes_as(&self) -> Option<u64> {
        match self.stand {
            Stand::Writer { epoch } => Some(epoch),
            _ => None,
        }
    }
}
