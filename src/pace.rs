//! AWS's request limits, kept before AWS has to: one token bucket per family of calls.
//!
//! The limits are an account's and a Region's, shared with consoles, pipelines and autoscalers, and
//! AWS does not say what the others use up. So a family that is throttled all the same goes slower for
//! a while, and picks up again.

use std::time::Duration;

/// Calls that share a limit.
#[derive(Debug)]
pub struct Family {
    /// What AWS calls it.
    pub name: &'static str,
    /// The calls, by permission.
    pub calls: &'static [&'static str],
    /// How many may be made at once.
    pub burst: f64,
    /// How many come back in a second.
    pub per_second: f64,
    /// Where the figures come from.
    pub source: &'static str,
}

const ECS: &str = "Amazon ECS API reference, Request throttling for the Amazon ECS API";
const ASSUMED: &str = "assumed: AWS publishes no figures";

/// Every family. A call that is in none is not slowed down.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    Family { name: "task definition modify", calls: &["ecs:RegisterTaskDefinition"], burst: 20.0, per_second: 1.0, source: ECS },
    Family { name: "task definition read", calls: &["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitionFamilies"], burst: 50.0, per_second: 20.0, source: ECS },
    Family { name: "service modify", calls: &["ecs:CreateService", "ecs:DeleteService", "ecs:UpdateService"], burst: 50.0, per_second: 5.0, source: ECS },
    Family { name: "service read", calls: &["ecs:DescribeServices", "ecs:ListServices"], burst: 100.0, per_second: 20.0, source: ECS },
    Family { name: "service deployments", calls: &["ecs:ListServiceDeployments"], burst: 50.0, per_second: 20.0, source: ECS },
    Family { name: "service deployment details", calls: &["ecs:DescribeServiceDeployments"], burst: 50.0, per_second: 20.0, source: ASSUMED },
    Family { name: "service revisions", calls: &["ecs:DescribeServiceRevisions"], burst: 50.0, per_second: 20.0, source: ECS },
    Family { name: "cluster modify", calls: &["ecs:CreateCluster", "ecs:DeleteCluster", "ecs:UpdateCluster", "ecs:PutClusterCapacityProviders"], burst: 20.0, per_second: 1.0, source: ECS },
    Family { name: "cluster read", calls: &["ecs:DescribeClusters", "ecs:ListClusters"], burst: 50.0, per_second: 20.0, source: ECS },
    Family { name: "capacity provider modify", calls: &["ecs:CreateCapacityProvider", "ecs:DeleteCapacityProvider", "ecs:UpdateCapacityProvider"], burst: 10.0, per_second: 1.0, source: ECS },
    Family { name: "capacity provider read", calls: &["ecs:DescribeCapacityProviders"], burst: 50.0, per_second: 20.0, source: ECS },
    Family { name: "tags modify", calls: &["ecs:TagResource"], burst: 20.0, per_second: 10.0, source: ECS },
    Family { name: "IAM writes", calls: &["iam:write"], burst: 20.0, per_second: 10.0, source: ASSUMED },
    Family { name: "IAM lists", calls: &["iam:GetAccountAuthorizationDetails", "iam:ListRoles"], burst: 10.0, per_second: 5.0, source: ASSUMED },
    Family { name: "IAM reads", calls: &["iam:GetInstanceProfile", "iam:GetPolicy", "iam:GetRole"], burst: 20.0, per_second: 15.0, source: ASSUMED },
];

/// The slowest that a throttled family gets, as a share of its rate.
const SLOWEST: f64 = 1.0 / 16.0;
/// How much of its rate a family that was slowed down regains in a second.
const REGAINED: f64 = 0.02;

/// How much of each limit is left. Time is an argument, counted from any beginning.
#[derive(Debug, Clone)]
pub struct Pace {
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Below nothing, calls have been promised that are yet to be made.
    tokens: f64,
    /// The share of the rate that is used.
    share: f64,
    /// As of when.
    at: Duration,
}

impl Default for Pace {
    /// Nothing has been used up.
    fn default() -> Self {
        let full = |family: &Family| Bucket { tokens: family.burst, share: 1.0, at: Duration::ZERO };
        Self { buckets: FAMILIES.iter().map(full).collect() }
    }
}

impl Pace {
    /// Takes a token for a call. Returns how long to wait before it is made.
    #[must_use]
    pub fn reserve(&mut self, call: &str, now: Duration) -> Duration {
        let Some((family, bucket)) = self.refilled(call, now) else { return Duration::ZERO };
        bucket.tokens -= 1.0;
        if bucket.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-bucket.tokens / (family.per_second * bucket.share))
    }

    /// AWS throttled a call: nothing is left for now, and the family goes half as fast.
    pub fn throttled(&mut self, call: &str, now: Duration) {
        let Some((_, bucket)) = self.refilled(call, now) else { return };
        bucket.tokens = bucket.tokens.min(0.0);
        bucket.share = (bucket.share / 2.0).max(SLOWEST);
    }

    fn refilled(&mut self, call: &str, now: Duration) -> Option<(&'static Family, &mut Bucket)> {
        let at = FAMILIES.iter().position(|family| family.calls.contains(&family_name(call)))?;
        let (family, bucket) = (&FAMILIES[at], &mut self.buckets[at]);
        let seconds = now.saturating_sub(bucket.at).as_secs_f64();
        let share = (bucket.share + seconds * REGAINED).min(1.0);
        let rate = family.per_second * f64::midpoint(bucket.share, share);
        bucket.tokens = (bucket.tokens + seconds * rate).min(family.burst);
        bucket.share = share;
        bucket.at = bucket.at.max(now);
        Some((family, bucket))
    }
}

/// The name under which a call stands in the table: IAM's writes stand there as one.
fn family_name(call: &str) -> &str {
    let reads = ["iam:Get", "iam:List", "iam:Simulate"];
    if call.starts_with("iam:") && !reads.iter().any(|read| call.starts_with(read)) { "iam:write" } else { call }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const REGISTER: &str = "ecs:RegisterTaskDefinition";

    fn waits(pace: &mut Pace, call: &str, calls: usize, now: Duration) -> Vec<u64> {
        (0..calls).map(|_| pace.reserve(call, now).as_secs()).collect()
    }

    #[test]
    fn a_burst_is_free_and_then_the_rate_counts() {
        let mut pace = Pace::default();
        assert_eq!(waits(&mut pace, REGISTER, 23, Duration::ZERO)[18..], [0, 0, 1, 2, 3]);
        let later = Duration::from_secs(10);
        assert_eq!(waits(&mut pace, REGISTER, 9, later)[5..], [0, 0, 1, 2], "seven of ten were left");
    }

    #[test]
    fn families_do_not_wait_for_each_other() {
        let mut pace = Pace::default();
        let _ = waits(&mut pace, REGISTER, 100, Duration::ZERO);
        assert_eq!(pace.reserve("ecs:UpdateService", Duration::ZERO), Duration::ZERO);
        assert_eq!(pace.reserve("sts:GetCallerIdentity", Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn the_writes_of_iam_share_one_limit() {
        let mut pace = Pace::default();
        let _ = waits(&mut pace, "iam:CreateRole", 20, Duration::ZERO);
        assert_eq!(pace.reserve("iam:PutRolePolicy", Duration::ZERO), Duration::from_millis(100));
        assert_eq!(pace.reserve("iam:ListRoles", Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn what_is_throttled_goes_slower_and_picks_up_again() {
        let mut pace = Pace::default();
        pace.throttled(REGISTER, Duration::ZERO);
        assert_eq!(pace.reserve(REGISTER, Duration::ZERO), Duration::from_secs(2));
        for _ in 0..10 {
            pace.throttled(REGISTER, Duration::ZERO);
        }
        assert!(pace.reserve(REGISTER, Duration::ZERO) <= Duration::from_secs(64), "it never stops");
        let later = Duration::from_secs(200);
        assert_eq!(waits(&mut pace, REGISTER, 22, later).iter().filter(|wait| **wait == 0).count(), 20);
    }

    #[test]
    fn no_call_is_in_two_families() {
        let mut seen = BTreeSet::new();
        assert!(FAMILIES.iter().flat_map(|family| family.calls).all(|call| seen.insert(call)));
    }
}
