//! How long things take. AWS takes longer; nobody wants to wait for a simulation.

use std::time::Duration;

/// From a change of a service to the scheduler acting on it; its deployment is PENDING until then.
pub const SCHEDULING: Duration = Duration::from_secs(1);
/// How much of [`STARTING`] a task is PROVISIONING; the rest of it is PENDING.
pub const PROVISIONING: Duration = Duration::from_secs(1);
/// From a task's creation to RUNNING, or to its crash.
pub const STARTING: Duration = Duration::from_secs(3);
/// From the decision to stop a task to STOPPED: how long a service with tasks is DRAINING.
pub const STOPPING: Duration = Duration::from_secs(10);
/// How long a stopped task can still be described.
pub const STOPPED_KEPT: Duration = Duration::from_secs(3600);
/// How long a deleted service can still be described.
pub const INACTIVE_KEPT: Duration = Duration::from_secs(3600);
/// A service whose tasks keep failing without a circuit breaker gets this many attempts at once…
pub const ATTEMPTS: u64 = 10;
/// … and then one round of them each time this has passed.
pub const THROTTLED: Duration = Duration::from_secs(60);
