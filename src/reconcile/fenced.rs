//! Asks the fence before every write: carries out the steps that [`crate::fence`] decides on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, timeout};

use crate::aws::Aws;
use crate::fence::epoch::{Epoch, Step};
#[cfg(feature = "lease")]
use crate::fence::lease::{self, Lease};
use crate::fence::{ATTEMPT_MAX, Copy, Hold, Standing};
use crate::metrics::Metrics;

/// Steps that one question may take: a look, a claim, and the look after a wait.
const STEPS_MAX: usize = 4;

/// What keeps copies from writing at the same time.
#[derive(Debug)]
pub enum Fence {
    /// A claim in AWS's ECS.
    Epoch(AsyncMutex<Epoch>),
    /// A record in a DynamoDB table of this name.
    #[cfg(feature = "lease")]
    Lease(String, AsyncMutex<Lease>),
}

impl Fence {
    /// The epoch's, for a copy that has not looked yet.
    #[must_use]
    pub fn epoch(copy: Copy) -> Self {
        Self::Epoch(AsyncMutex::new(Epoch::new(copy)))
    }

    /// The lease's, for a copy that has not looked yet.
    #[cfg(feature = "lease")]
    #[must_use]
    pub fn lease(table: String, copy: Copy) -> Self {
        Self::Lease(table, AsyncMutex::new(Lease::new(copy)))
    }
}

/// A copy's side of the fence.
#[derive(Debug)]
pub(super) struct Fenced {
    fence: Option<Fence>,
    owner: String,
    begun: Instant,
    standing: Mutex<Standing>,
    metrics: Arc<Metrics>,
}

impl Fenced {
    pub(super) fn new(fence: Option<Fence>, owner: &str, metrics: &Arc<Metrics>) -> Self {
        let standing = if fence.is_none() { Standing::Alone } else { Standing::LooksOn };
        metrics.writer(fence.is_none());
        Self {
            fence,
            owner: owner.to_owned(),
            begun: Instant::now(),
            standing: Mutex::new(standing),
            metrics: Arc::clone(metrics),
        }
    }

    /// How this copy stands, as far as is known.
    pub(super) fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn tended_every(&self) -> Option<Duration> {
        match &self.fence {
            #[cfg(feature = "lease")]
            Some(Fence::Lease(..)) => Some(lease::TEND),
            _ => None,
        }
    }

    /// Whether it may write: `writing`, at this moment; else, whether it is in charge.
    pub(super) async fn ask(&self, aws: &Aws, writing: bool) -> Result<(), Hold> {
        let (answer, epoch) = match &self.fence {
            None => return Ok(()),
            Some(Fence::Epoch(epoch)) => {
                let mut epoch = epoch.lock().await;
                (self.ask_epoch(aws, &mut epoch, writing).await, epoch.writes_as())
            }
            #[cfg(feature = "lease")]
            Some(Fence::Lease(table, lease)) => {
                let mut lease = lease.lock().await;
                (self.ask_lease(aws, table, &mut lease, writing).await, lease.writes_as())
            }
        };
        self.say(match &answer {
            Ok(()) => Standing::Writer(epoch.unwrap_or_default()),
            Err(hold) => Standing::Held(hold.clone()),
        });
        answer
    }

    async fn ask_epoch(&self, aws: &Aws, epoch: &mut Epoch, writing: bool) -> Result<(), Hold> {
        for _ in 0..STEPS_MAX {
            let now = self.begun.elapsed();
            match epoch.next(now, writing) {
                Step::Write => return Ok(()),
                Step::Hold(hold) => return Err(hold),
                Step::Look => {
                    let found = aws.claim_in_force(&self.owner).await.map_err(Hold::Unclear)?;
                    let task = found.as_ref().filter(|claim| epoch.asks_for(claim)).and_then(|claim| claim.task());
                    let runs = match task {
                        Some(task) => aws.task_runs(task).await,
                        None => None,
                    };
                    epoch.looked(now, found, runs);
                }
                Step::Claim => match aws.claim(&self.owner, epoch.copy()).await {
                    Ok(number) => epoch.claimed(number, now, self.begun.elapsed()),
                    Err(failure) => {
                        epoch.not_claimed();
                        return Err(Hold::Unclear(failure));
                    }
                },
            }
        }
        Err(unsettled())
    }

    #[cfg(feature = "lease")]
    async fn ask_lease(&self, aws: &Aws, table: &str, lease: &mut Lease, writing: bool) -> Result<(), Hold> {
        for _ in 0..STEPS_MAX {
            let now = self.begun.elapsed();
            match lease.next(now, writing) {
                lease::Step::Write => return Ok(()),
                lease::Step::Hold(hold) => return Err(hold),
                lease::Step::Look => {
                    let found = aws.lease(table, &self.owner).await.map_err(Hold::Unclear)?;
                    lease.looked(self.begun.elapsed(), found);
                }
                lease::Step::Put { version, over } => {
                    let record = crate::aws::lease::record(lease.copy(), version, false);
                    let put = aws.put_lease(table, &self.owner, &record, over.as_ref()).await;
                    let put = put.map_err(Hold::Unclear)?;
                    lease.put(record, put, now, self.begun.elapsed());
                }
            }
        }
        Err(unsettled())
    }

    /// Gives up what it holds, so that the next copy need not wait. It is not waited for longer than for
    /// one attempt of a call: the process is stopping.
    pub(super) async fn release(&self, aws: &Aws) {
        let given = match &self.fence {
            None => return,
            Some(Fence::Epoch(epoch)) => match epoch.lock().await.release() {
                Some(number) => timeout(ATTEMPT_MAX, aws.give_up(&self.owner, number)).await,
                None => return,
            },
            #[cfg(feature = "lease")]
            Some(Fence::Lease(table, lease)) => {
                let mut lease = lease.lock().await;
                let Some(over) = lease.release() else { return };
                let record = crate::aws::lease::record(lease.copy(), over.epoch + 1, true);
                let put = async { aws.put_lease(table, &self.owner, &record, Some(&over)).await.map(|_| ()) };
                timeout(ATTEMPT_MAX, put).await
            }
        };
        match given {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::warn!(%failure, "could not give up its place: the next copy waits for it"),
            Err(_) => tracing::warn!("could not give up its place in time: the next copy waits for it"),
        }
        self.say(Standing::Held(Hold::Released));
    }

    /// Notes how it stands, and logs what is new of it.
    fn say(&self, now: Standing) {
        let mut before = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        self.metrics.writer(now.writes());
        if before.label() != now.label() || before.epoch() != now.epoch() {
            match &now {
                Standing::Held(Hold::Standby(other)) => {
                    tracing::warn!(other = other.what, epoch = other.epoch, since = other.since, "stands by: {now}");
                }
                Standing::Held(Hold::Unclear(_)) => tracing::error!("writes nothing: {now}"),
                now => tracing::info!(epoch = now.epoch(), "{now}"),
            }
        }
        *before = now;
    }
}

/// Copies that claim against each other, faster than one can look.
fn unsettled() -> Hold {
    Hold::Unclear(crate::world::Failure::Conflict("copies are claiming at the same time".to_owned()))
}
