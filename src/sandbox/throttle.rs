//! AWS's request limits, for those who want to meet them: a token bucket per family of operations.

use std::time::Duration;

/// Operations that share a bucket, its size, and what comes back in a second (Amazon ECS API
/// reference, Request throttling for the Amazon ECS API). IAM's are not published: assumed.
const BUCKETS: &[(&[&str], f64, f64)] = &[
    (&["RegisterTaskDefinition", "DeregisterTaskDefinition"], 20.0, 1.0),
    (&["DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"], 50.0, 20.0),
    (&["CreateService", "UpdateService", "DeleteService"], 50.0, 5.0),
    (&["DescribeServices", "ListServices"], 100.0, 20.0),
    (&["ListServiceDeployments", "DescribeServiceDeployments"], 50.0, 20.0),
    (&["DescribeServiceRevisions"], 50.0, 20.0),
    (&["CreateCluster", "UpdateCluster", "DeleteCluster", "PutClusterCapacityProviders"], 20.0, 1.0),
    (&["DescribeClusters", "ListClusters"], 50.0, 20.0),
    (&["CreateCapacityProvider", "UpdateCapacityProvider", "DeleteCapacityProvider"], 10.0, 1.0),
    (&["DescribeCapacityProviders"], 50.0, 20.0),
    (&["TagResource", "UntagResource"], 20.0, 10.0),
    (
        &[
            "AttachRolePolicy",
            "CreatePolicy",
            "CreateRole",
            "PutRolePolicy",
            "TagPolicy",
            "TagRole",
            "UpdateAssumeRolePolicy",
        ],
        20.0,
        10.0,
    ),
    (&["GetAccountAuthorizationDetails", "ListRoles"], 10.0, 5.0),
    (&["GetPolicy", "GetRole"], 20.0, 15.0),
];

/// What is left of every limit.
#[derive(Debug)]
pub(super) struct Limits(Vec<(f64, Duration)>);

impl Limits {
    pub(super) fn new(now: Duration) -> Self {
        Self(BUCKETS.iter().map(|(_, burst, _)| (*burst, now)).collect())
    }

    /// Whether a call may be made now.
    pub(super) fn take(&mut self, operation: &str, now: Duration) -> bool {
        let Some(at) = BUCKETS.iter().position(|(operations, ..)| operations.contains(&operation)) else { return true };
        let ((_, burst, per_second), (tokens, since)) = (&BUCKETS[at], &mut self.0[at]);
        *tokens = (*tokens + now.saturating_sub(*since).as_secs_f64() * per_second).min(*burst);
        *since = now;
        let enough = *tokens >= 1.0;
        if enough {
            *tokens -= 1.0;
        }
        enough
    }
}
