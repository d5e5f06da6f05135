//! Identifiers: made from what they identify, so that the same calls give the same ids.

use std::hash::{DefaultHasher, Hash, Hasher as _};

fn hash(seed: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    hasher.finish()
}

/// 19 digits: deployments (`ecs-svc/…`), service revisions.
#[must_use]
pub fn digits(seed: &impl Hash) -> String {
    format!("{:019}", hash(seed) % 10_000_000_000_000_000_000)
}

/// 32 hexadecimal digits: tasks, container instances.
#[must_use]
pub fn hex(seed: &impl Hash) -> String {
    format!("{:016x}{:016x}", hash(seed), hash(&(seed, 1_u8)))
}

/// A UUID: events, attachments, containers.
#[must_use]
pub fn uuid(seed: &impl Hash) -> String {
    let hex = hex(seed);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
