//! What is remembered from one look to the next of what is declared nowhere, and what follows from it:
//! how old each is, which may be tried, when to look again. Time is an argument, counted from any
//! beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Estate, Orphan};
use crate::plan::{Item, Reason};

/// How often everything that is ours is listed.
pub const SWEEP: Duration = Duration::from_secs(300);
/// Between two deletions, and between looks at one that is under way.
pub const PAUSE: Duration = Duration::from_secs(10);

/// The memory, by [`Orphan::pin`].
#[derive(Debug, Default)]
pub struct Looks {
    /// Since when each has been declared nowhere.
    found: BTreeMap<String, Duration>,
    /// The deletions that were tried: when, and how they failed.
    tried: BTreeMap<String, (Duration, Option<String>)>,
}

impl Looks {
    /// Takes note of a look. Returns for how long each has been declared nowhere.
    pub fn ages(&mut self, estate: &Estate, now: Duration) -> BTreeMap<String, Duration> {
        let pins: BTreeSet<String> = estate.orphans.iter().map(Orphan::pin).collect();
        self.found.retain(|pin, _| pins.contains(pin));
        // What AWS may show again for a while is not forgotten as soon as it is gone.
        self.tried.retain(|pin, (then, _)| pins.contains(pin) || now < *then + SWEEP);
        let ages = pins.into_iter().map(|pin| {
            let since = *self.found.entry(pin.clone()).or_insert(now);
            (pin, now.saturating_sub(since))
        });
        ages.collect()
    }

    /// Takes note of a deletion, and of how it failed.
    pub fn tried(&mut self, pin: String, failure: Option<String>, now: Duration) {
        self.tried.insert(pin, (now, failure));
    }

    /// How the last deletion failed.
    #[must_use]
    pub fn failure(&self, pin: &str) -> Option<&str> {
        self.tried.get(pin).and_then(|(_, failure)| failure.as_deref())
    }

    /// A deletion that failed lets the others go first, and one that was done shows in AWS's answers
    /// only after a while.
    #[must_use]
    pub fn may_try(&self, pin: &str, now: Duration) -> bool {
        self.tried.get(pin).is_none_or(|(then, _)| now >= *then + SWEEP)
    }

    /// When to look again: soon while deletions follow each other, else when the next is due. What waits
    /// for another waits as long as that one does.
    #[must_use]
    pub fn next(&self, items: &[(String, &Item)], now: Duration) -> Duration {
        let waits = items.iter().map(|(pin, item)| match &item.held {
            None => match self.tried.get(pin) {
                Some((then, Some(_))) => (*then + SWEEP).saturating_sub(now),
                _ => PAUSE,
            },
            Some(Reason::Busy(_)) => PAUSE,
            Some(Reason::Young(left)) => *left,
            _ => SWEEP,
        });
        waits.min().unwrap_or(SWEEP).clamp(PAUSE, SWEEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Identity;
    use crate::world::Live;

    fn estate(names: &[&str]) -> Estate {
        let orphan = |name: &&str| Orphan {
            identity: Identity::Role { name: (*name).to_owned() },
            live: Live { arn: (*name).to_owned(), ..Live::default() },
            created: String::new(),
        };
        Estate { orphans: names.iter().map(orphan).collect(), ..Estate::default() }
    }

    #[test]
    fn what_was_not_there_for_one_look_begins_anew() {
        let (mut looks, start) = (Looks::default(), SWEEP);
        let age = |looks: &mut Looks, names: &[&str], at| looks.ages(&estate(names), start + at).get("a").copied();
        assert_eq!(age(&mut looks, &["a"], Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(age(&mut looks, &["a", "b"], PAUSE), Some(PAUSE));
        assert_eq!(age(&mut looks, &["b"], PAUSE), None);
        assert_eq!(age(&mut looks, &["a"], SWEEP), Some(Duration::ZERO));
    }

    #[test]
    fn what_was_tried_is_left_for_a_while_also_if_it_was_gone_in_between() {
        let (mut looks, start) = (Looks::default(), SWEEP);
        assert!(looks.may_try("a", start));
        looks.tried("a".to_owned(), None, start);
        looks.tried("b".to_owned(), Some("denied".to_owned()), start);
        looks.ages(&estate(&[]), start + PAUSE);
        assert!(!looks.may_try("a", start + PAUSE));
        assert_eq!((looks.failure("a"), looks.failure("b")), (None, Some("denied")));
        assert!(looks.may_try("a", start + SWEEP) && looks.may_try("b", start + SWEEP));
        looks.ages(&estate(&[]), start + SWEEP);
        assert_eq!(looks.failure("b"), None);
    }
}
