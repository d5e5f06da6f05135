//! When each resource is to be looked at next. Time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use crate::model::Key;

/// How long to wait between tries that do not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second try.
    pub first: Duration,
    /// At most: nothing is ever given up.
    pub max: Duration,
}

/// What became of a look at a resource, as far as the next look is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// All is well: look again at the next tick, together with everything else that is well.
    Tick,
    /// It is under way: look again after this long.
    After(Duration),
    /// What it needs is on its way: look again, a little later each time.
    Soon,
    /// Only a person can change it, or something that will ask for a look: look again at the next
    /// tick, if that is not too far away.
    Slowly,
    /// It was just changed: look again whether it shows.
    Verify,
    /// It did not succeed: look again, later each time.
    Backoff,
}

#[derive(Debug, Clone, Copy)]
struct Entry<T> {
    due: T,
    /// When the last look ended.
    looked: Option<T>,
    /// What became of the last tries, and of how many of them.
    last: Next,
    tries: u32,
}

/// Due times by resource. `T` is a clock's moment, so that tests bring their own.
///
/// AWS answers for many resources in one call, so due times are kept together: what is well is
/// looked at at common ticks, and what is due within a moment is due now.
#[derive(Debug)]
pub struct WorkQueue<T> {
    backoff: Backoff,
    interval: Duration,
    tick: T,
    entries: BTreeMap<Key, Entry<T>>,
}

/// How far ahead a resource may be due to be looked at together with one that is due now. What was
/// due within it has been looked at, so that two looks are at least this far apart.
const MOMENT: Duration = Duration::from_secs(1);
/// The longest wait for what is on its way: what AWS shows is found within a few seconds.
const SOON_MAX: Duration = Duration::from_secs(5);

impl<T: Copy + Ord + std::ops::Add<Duration, Output = T>> WorkQueue<T> {
    /// An empty queue whose ticks are counted from `now`.
    #[must_use]
    pub fn new(backoff: Backoff, interval: Duration, now: T) -> Self {
        Self { backoff, interval, tick: now + interval, entries: BTreeMap::new() }
    }

    /// Asks for a look at `at`, or earlier if one is due earlier already. Forgets failed tries: a
    /// changed manifest starts afresh. But no resource is looked at twice in a moment.
    pub fn request(&mut self, key: Key, at: T) {
        let entry = self.entries.entry(key).or_insert(Entry { due: at, looked: None, last: Next::Tick, tries: 0 });
        let at = entry.looked.map_or(at, |looked| at.max(looked + MOMENT));
        entry.due = entry.due.min(at);
        entry.tries = 0;
    }

    /// The resources whose time has come, or will have in a moment.
    #[must_use]
    pub fn due(&self, now: T) -> BTreeSet<Key> {
        self.entries.iter().filter(|(_, entry)| entry.due < now + MOMENT).map(|(key, _)| key.clone()).collect()
    }

    /// Sets the next look after one that ended at `now`.
    pub fn settle(&mut self, key: &Key, next: Next, now: T) {
        while self.tick < now + MOMENT {
            self.tick = self.tick + self.interval;
        }
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.tries = if next == entry.last { entry.tries.saturating_add(1) } else { 1 };
        entry.last = next;
        entry.looked = Some(now);
        let soon = Backoff { max: self.backoff.max.min(SOON_MAX), ..self.backoff };
        entry.due = match next {
            Next::Tick => self.tick,
            Next::Slowly => self.tick.min(now + self.backoff.max),
            Next::After(wait) => now + wait,
            Next::Verify => now + self.backoff.first,
            Next::Soon => now + delay(soon, key, entry.tries),
            Next::Backoff => now + delay(self.backoff, key, entry.tries),
        };
    }

    /// When the next resource is due.
    #[must_use]
    pub fn next_due(&self) -> Option<T> {
        self.entries.values().map(|entry| entry.due).min()
    }

    /// Forgets every resource that is not in `keys`.
    pub fn keep(&mut self, keys: impl Fn(&Key) -> bool) {
        self.entries.retain(|key, _| keys(key));
    }
}

/// Doubles from try to try up to the maximum; between half and the whole of it, so that resources
/// that failed together are not tried together, but never much less than the first wait. Drawn from
/// key and try: the same run waits the same.
fn delay(backoff: Backoff, key: &Key, tries: u32) -> Duration {
    let whole = backoff.first.saturating_mul(1 << tries.saturating_sub(1).min(20)).min(backoff.max);
    let mut hasher = DefaultHasher::new();
    (key, tries).hash(&mut hasher);
    #[expect(clippy::cast_precision_loss, reason = "a random number needs no precision")]
    let fraction = (hasher.finish() % 1000) as f64 / 1000.0;
    whole.mul_f64(0.5 + fraction / 2.0).max(backoff.first.mul_f64(0.75))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(600) };

    fn web() -> Key {
        Key::new(Kind::Service, "web")
    }

    fn queue() -> WorkQueue<Duration> {
        WorkQueue::new(BACKOFF, Duration::from_secs(60), Duration::ZERO)
    }

    #[test]
    fn the_earlier_of_two_requests_wins() {
        let mut queue = queue();
        queue.request(web(), Duration::from_secs(10));
        queue.request(web(), Duration::from_secs(5));
        queue.request(web(), Duration::from_secs(20));
        assert_eq!(queue.next_due(), Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_request_right_after_a_look_waits_a_moment() {
        let mut queue = queue();
        queue.request(web(), Duration::ZERO);
        queue.settle(&web(), Next::Tick, Duration::from_secs(5));
        queue.request(web(), Duration::from_secs(5));
        assert_eq!(queue.next_due(), Some(Duration::from_secs(5) + MOMENT));
    }

    #[test]
    fn failures_wait_longer_each_time_and_never_longer_than_the_maximum() {
        let mut queue = queue();
        queue.request(web(), Duration::ZERO);
        let mut before = Duration::ZERO;
        for tries in 1..40 {
            queue.settle(&web(), Next::Backoff, Duration::ZERO);
            let wait = queue.next_due().unwrap();
            assert!(wait <= BACKOFF.max && wait >= BACKOFF.first.mul_f64(0.75), "try {tries} waits {wait:?}");
            assert!(wait >= before / 2, "try {tries} waits {wait:?} after {before:?}");
            before = wait;
        }
        assert!(before >= BACKOFF.max / 2);
    }

    #[test]
    fn what_is_on_its_way_is_looked_for_every_few_seconds_and_what_failed_after_it_starts_afresh() {
        let mut queue = queue();
        queue.request(web(), Duration::ZERO);
        for _ in 0..40 {
            queue.settle(&web(), Next::Soon, Duration::ZERO);
            assert!(queue.next_due().unwrap() <= SOON_MAX);
        }
        queue.settle(&web(), Next::Backoff, Duration::ZERO);
        assert!(queue.next_due().unwrap() <= BACKOFF.first);
    }

    #[test]
    fn what_needs_a_person_is_looked_at_within_the_longest_wait_however_long_the_interval_is() {
        let mut queue = WorkQueue::new(BACKOFF, Duration::from_secs(86_400), Duration::ZERO);
        queue.request(web(), Duration::ZERO);
        queue.settle(&web(), Next::Slowly, Duration::ZERO);
        assert_eq!(queue.next_due(), Some(BACKOFF.max));
        queue.settle(&web(), Next::Tick, Duration::ZERO);
        assert_eq!(queue.next_due(), Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn what_is_well_is_looked_at_at_common_ticks() {
        let mut queue = queue();
        let api = Key::new(Kind::Service, "api");
        queue.request(web(), Duration::ZERO);
        queue.request(api.clone(), Duration::ZERO);
        queue.settle(&web(), Next::Tick, Duration::from_secs(1));
        queue.settle(&api, Next::Tick, Duration::from_secs(42));
        assert_eq!(queue.due(Duration::from_secs(59)).len(), 0);
        assert_eq!(queue.due(Duration::from_secs(60)), BTreeSet::from([web(), api]));
        queue.settle(&web(), Next::Tick, Duration::from_secs(60));
        assert_eq!(queue.due(Duration::from_secs(119)).len(), 1, "the next tick is a whole interval away");
    }

    #[test]
    fn success_forgets_the_failures_before_it() {
        let mut queue = queue();
        queue.request(web(), Duration::ZERO);
        for _ in 0..9 {
            queue.settle(&web(), Next::Backoff, Duration::ZERO);
        }
        queue.settle(&web(), Next::Tick, Duration::ZERO);
        assert_eq!(queue.next_due(), Some(Duration::from_secs(60)));
        queue.settle(&web(), Next::Backoff, Duration::ZERO);
        assert!(queue.next_due().unwrap() <= Duration::from_secs(1));
    }

    #[test]
    fn a_change_is_verified_at_once_however_often_it_was_tried() {
        let mut queue = queue();
        queue.request(web(), Duration::ZERO);
        for _ in 0..9 {
            queue.settle(&web(), Next::Backoff, Duration::ZERO);
        }
        queue.settle(&web(), Next::Verify, Duration::ZERO);
        assert_eq!(queue.next_due(), Some(BACKOFF.first));
    }
}
