//! Waiting has an end: what waits for too long is said to be blocked, and is tried again more slowly.
//! Time is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::failure::WINDOW;
use crate::model::Key;
use crate::queue::Next;
use crate::status::{Conclusion, State};

/// Since when which resources wait. `T` is a clock's moment, so that tests bring their own.
#[derive(Debug)]
pub struct Patience<T> {
    since: BTreeMap<Key, T>,
}

impl<T> Default for Patience<T> {
    fn default() -> Self {
        Self { since: BTreeMap::new() }
    }
}

impl<T: Copy + Ord + std::ops::Add<Duration, Output = T>> Patience<T> {
    /// The conclusion as it is to be shown and acted on, of a look at `now`.
    #[must_use]
    pub fn judge(&mut self, key: &Key, conclusion: Conclusion, now: T) -> Conclusion {
        match conclusion.state {
            // What is blocked now may have waited before, and may wait again.
            State::Blocked => return conclusion,
            // A paused rollout waits for a person, for as long as that person likes.
            State::Waiting if conclusion.reason != "Paused" => {}
            _ => {
                self.since.remove(key);
                return conclusion;
            }
        }
        let since = *self.since.entry(key.clone()).or_insert(now);
        if now < since + WINDOW {
            return conclusion;
        }
        let next = match conclusion.next {
            Next::Soon | Next::After(_) => Next::Backoff,
            next => next,
        };
        let message = format!("for more than {} minutes: {}", WINDOW.as_secs() / 60, conclusion.message);
        Conclusion { state: State::Blocked, message, next, ..conclusion }
    }

    /// Forgets every resource that is not in `keys`.
    pub fn keep(&mut self, keys: impl Fn(&Key) -> bool) {
        self.since.retain(|key, _| keys(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    fn judge(patience: &mut Patience<Duration>, state: State, next: Next, now: u64) -> Conclusion {
        let conclusion = Conclusion { state, reason: "NotReady", message: "why".to_owned(), next, left: Vec::new() };
        patience.judge(&Key::new(Kind::Service, "web"), conclusion, Duration::from_secs(now))
    }

    #[test]
    fn what_waits_for_too_long_is_blocked_and_looked_at_more_slowly() {
        let mut patience = Patience::default();
        assert_eq!(judge(&mut patience, State::Waiting, Next::Soon, 10).state, State::Waiting);
        assert_eq!(judge(&mut patience, State::Waiting, Next::Soon, 309).state, State::Waiting);
        let overdue = judge(&mut patience, State::Waiting, Next::Soon, 310);
        assert_eq!((overdue.state, overdue.next), (State::Blocked, Next::Backoff));
        assert_eq!((overdue.reason, &*overdue.message), ("NotReady", "for more than 5 minutes: why"));
    }

    #[test]
    fn what_was_well_in_between_has_not_waited() {
        let mut patience = Patience::default();
        judge(&mut patience, State::Waiting, Next::Soon, 0);
        judge(&mut patience, State::InSync, Next::Tick, 200);
        assert_eq!(judge(&mut patience, State::Waiting, Next::Soon, 400).state, State::Waiting);
    }

    #[test]
    fn what_was_blocked_in_between_has_waited_all_the_same() {
        let mut patience = Patience::default();
        judge(&mut patience, State::Waiting, Next::Soon, 0);
        judge(&mut patience, State::Blocked, Next::Backoff, 200);
        assert_eq!(judge(&mut patience, State::Waiting, Next::Soon, 400).state, State::Blocked);
    }
}
