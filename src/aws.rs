//! AWS through its SDK: reads in batches, one call per action, errors by class. Decides nothing.

mod calls;
mod credentials;
mod ecs;
mod epoch;
mod failure;
mod iam;
#[cfg(feature = "lease")]
pub mod lease;
mod list;
mod names;
mod owned;
mod pacer;
mod revisions;
mod rollouts;
mod scaling;
mod send;
mod service_revisions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_ecs::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_async::time::SharedTimeSource;

use crate::action::Action;
use crate::failure::Refusal;
use crate::fence::{ATTEMPT_MAX, CALL_MAX};
use crate::metrics::Metrics;
use crate::model::Key;
use crate::resource::{Account, Resource, partition_of};
use crate::value::Value;
use crate::world::{Failure, Live, World};

/// How many revisions of a family are remembered: those that services run now are among the newest.
const REVISIONS_MAX: usize = 16;
/// Attempts for one call, the first one counted.
const ATTEMPTS_MAX: u32 = 5;

/// The account that the daemon looks after.
#[derive(Debug)]
pub struct Aws {
    ecs: aws_sdk_ecs::Client,
    iam: aws_sdk_iam::Client,
    scaling: aws_sdk_applicationautoscaling::Client,
    #[cfg(feature = "lease")]
    dynamodb: aws_sdk_dynamodb::Client,
    account: Account,
    pacer: Arc<pacer::Pacer>,
    clock: SharedTimeSource,
    /// The role whose credentials these are.
    role: Option<String>,
    /// The content of task-definition revisions never changes: each is read once.
    revisions: Mutex<BTreeMap<String, Live>>,
    /// Tags that revisions were given and have not been seen with: until then they are read again.
    tagged: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    /// Nor does that of service revisions: those that services have now, by service and ARN.
    service_revisions: Mutex<BTreeMap<Key, BTreeMap<String, Value>>>,
}

/// The SDK's configuration as every AWS tool has it: environment, profile, container or instance
/// role; with timeouts and retries that a reconciler needs.
#[must_use]
pub fn loader() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        // A peer that reads a request and never answers would otherwise hold it for ever.
        .operation_attempt_timeout(ATTEMPT_MAX)
        .operation_timeout(CALL_MAX)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
}

/// How many tries the SDK may make by itself: as many as it allows anyway, but not shared with the
/// other clients of the process, so that the trouble of one is not the trouble of all.
fn quota() -> RetryPartition {
    let tokens = TokenBucket::builder().retry_cost(14).throttling_retry_cost(5).timeout_retry_cost(14).build();
    RetryPartition::custom("evenkeel").token_bucket(tokens).build()
}

impl Aws {
    /// Finds out whose credentials these are, and is ready to look after that account.
    ///
    /// # Errors
    /// When no Region is configured, or AWS does not say who the caller is.
    pub async fn connect(config: &SdkConfig, metrics: &Arc<Metrics>) -> Result<Self, Failure> {
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(Failure::Rejected(
                "no AWS Region is configured: set AWS_REGION, or one in the profile".to_owned(),
            ));
        };
        let pacer = Arc::new(pacer::Pacer::new());
        let credentials = credentials::Renewable::default();
        let config = &config.to_builder().identity_cache(credentials.clone()).build();
        let counter = calls::Counter { metrics: Arc::clone(metrics), pacer: Arc::clone(&pacer), credentials };
        let sts = aws_sdk_sts::Client::from_conf(
            aws_sdk_sts::config::Builder::from(config).interceptor(counter.clone()).retry_partition(quota()).build(),
        );
        let caller = sts.get_caller_identity().send().await.map_err(failure::classify)?;
        let id = caller.account().unwrap_or_default().to_owned();
        let role = caller.arn().and_then(assumed_role).map(str::to_owned);
        let partition = caller.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or(partition_of(&region)).to_owned();
        Ok(Self {
            ecs: aws_sdk_ecs::Client::from_conf(
                aws_sdk_ecs::config::Builder::from(config)
                    .interceptor(counter.clone())
                    .retry_partition(quota())
                    .build(),
            ),
            iam: aws_sdk_iam::Client::from_conf(
                aws_sdk_iam::config::Builder::from(config)
                    .interceptor(counter.clone())
                    .retry_partition(quota())
                    .build(),
            ),
            scaling: aws_sdk_applicationautoscaling::Client::from_conf(
                aws_sdk_applicationautoscaling::config::Builder::from(config)
                    .interceptor(counter.clone())
                    .retry_partition(quota())
                    .build(),
            ),
            #[cfg(feature = "lease")]
            dynamodb: aws_sdk_dynamodb::Client::from_conf(
                aws_sdk_dynamodb::config::Builder::from(config).interceptor(counter).retry_partition(quota()).build(),
            ),
            pacer,
            clock: config.time_source().unwrap_or_default(),
            role,
            account: Account { id, region, partition },
            revisions: Mutex::default(),
            tagged: Mutex::default(),
            service_revisions: Mutex::default(),
        })
    }

    /// The account and Region that calls go to.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The time since 1 January 1970, by the clock that signs requests.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// Looks at resources, in as few calls as AWS allows. Never fails as a whole: what cannot be
    /// read is [`crate::world::Seen::Unknown`].
    pub async fn observe(&self, asked: &[&Resource]) -> World {
        let mut world = World { at: self.now(), ..World::default() };
        let (ecs, iam) = tokio::join!(Box::pin(self.observe_ecs(asked)), Box::pin(self.observe_iam(asked)));
        world.seen.extend(iam);
        world.seen.extend(ecs.seen);
        world.revisions = ecs.revisions;
        world.latest = ecs.latest;
        world.missing_clusters = ecs.missing_clusters;
        world
    }

    /// The name of the role whose credentials these are, if they are a role's.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// Returns when AWS's limits leave room for a call, named by its permission.
    pub async fn paced(&self, call: &str) {
        self.pacer.wait(call).await;
    }

    /// Makes one call. Whoever makes many asks [`Self::paced`] before each.
    ///
    /// # Errors
    /// What AWS said. Without an answer the call may have had its effect.
    pub async fn apply(&self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::PutAccountSettingDefault { .. }
            | Action::CreateCluster(_)
            | Action::UpdateCluster(_)
            | Action::PutClusterCapacityProviders(_)
            | Action::DeleteCluster { .. }
            | Action::CreateCapacityProvider(_)
            | Action::UpdateCapacityProvider(_)
            | Action::DeleteCapacityProvider { .. }
            | Action::RegisterTaskDefinition(_)
            | Action::CreateService(_)
            | Action::UpdateService(_)
            | Action::DeleteService { .. }
            | Action::TagResource { .. } => Box::pin(self.apply_ecs(action)).await,
            _ => Box::pin(self.apply_iam(action)).await,
        }
    }

    fn remembered(&self, arn: &str) -> Option<Live> {
        self.revisions.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    fn remember(&self, revision: &Live) {
        let mut tagged = self.tagged.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |(tag, value): (&String, &String)| revision.tags.get(tag) == Some(value);
        if tagged.get(&revision.arn).is_some_and(|tags| !tags.iter().all(has)) {
            return;
        }
        tagged.remove(&revision.arn);
        let mut revisions = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        revisions.insert(revision.arn.clone(), revision.clone());
        let Some((family, _)) = revision.arn.rsplit_once(':') else { return };
        // `;` is what comes after `:`.
        let of_family: Vec<String> =
            revisions.range(format!("{family}:")..format!("{family};")).map(|(arn, _)| arn.clone()).collect();
        if of_family.len() > REVISIONS_MAX {
            let number = |arn: &&String| arn.rsplit_once(':').and_then(|(_, number)| number.parse::<u64>().ok());
            of_family.iter().min_by_key(number).map(|oldest| revisions.remove(oldest));
        }
    }

    /// Of a revision only the tags ever change: with these it is another than the one that was read.
    fn retagged(&self, arn: &str, tags: &BTreeMap<String, String>) {
        if arn.contains(":task-definition/") {
            self.revisions.lock().unwrap_or_else(PoisonError::into_inner).remove(arn);
            let mut tagged = self.tagged.lock().unwrap_or_else(PoisonError::into_inner);
            tagged.entry(arn.to_owned()).or_default().extend(tags.clone());
        }
    }
}

/// The role of a session: `arn:aws:sts::123456789012:assumed-role/NAME/SESSION`.
fn assumed_role(caller: &str) -> Option<&str> {
    caller.split_once(":assumed-role/")?.1.split('/').next()
}
