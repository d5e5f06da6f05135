//! Waits before a call until AWS's limits leave room for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep};

use crate::pace::Pace;

/// The limits of one account and Region, shared by everybody who calls.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: Mutex<Pace>,
    started: Instant,
}

impl Pacer {
    pub(super) fn new() -> Self {
        Self { pace: Mutex::default(), started: Instant::now() }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the call, named by its permission, may be made.
    pub(super) async fn wait(&self, call: &str) {
        let wait = self.pace().reserve(call, self.started.elapsed());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    /// AWS throttled an attempt all the same.
    pub(super) fn throttled(&self, call: &str) {
        self.pace().throttled(call, self.started.elapsed());
    }
}
