//! `--prune` of `plan` and `apply`: what is ours and declared nowhere, shown and deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch as channel;
use tokio::time::{Instant, sleep, timeout};

use super::CommandError;
use crate::action::Outcome;
use crate::fence::Hold;
use crate::guard::Guardrails;
use crate::load::Desired;
use crate::model::Key;
use crate::prune::{DELAY, Obstacle, Pruning, Situation, prune};
use crate::reconcile::{Progress, Reconciler};
use crate::watch::{self, Snapshot};
use crate::world::Failure;

/// Between looks at a deletion that is under way: somebody is watching.
const PAUSE: Duration = Duration::from_secs(2);
/// Two readings of a directory that is being written may only look alike within less.
const REREAD: Duration = Duration::from_secs(1);

/// What would be deleted. A person asks for it here and now: nothing has to have been gone for long.
///
/// # Errors
/// When something of what is ours could not be listed.
pub(super) async fn planned(
    reconciler: &Reconciler,
    desired: &Desired,
    released: &BTreeSet<String>,
    guardrails: &Guardrails,
) -> Result<Pruning, Failure> {
    let estate = reconciler.estate(&desired.resources).await?;
    let ages: BTreeMap<String, Duration> = estate.orphans.iter().map(|orphan| (orphan.pin(), DELAY)).collect();
    let situation = Situation {
        declared: &desired.resources,
        rules: reconciler.rules(),
        obstacle: match guardrails.keeps_from_deleting(reconciler.aws().now()) {
            _ if desired.resources.is_empty() => Some(Obstacle::Empty),
            why => why.map(Obstacle::from),
        },
        ages: &ages,
        released,
    };
    Ok(prune(&estate, &situation))
}

/// Deletes one after the other until nothing is left that can be, the time is up, or the user stops
/// it. Hands back every call, and what is left.
///
/// # Errors
/// When the directory has changed since it was read, or what is ours could not be listed.
pub(super) async fn carry_out(
    reconciler: &Reconciler,
    desired: &Desired,
    read: (&Path, &Snapshot),
    guardrails: &Guardrails,
    (stop, end): (&channel::Receiver<bool>, Instant),
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<(Vec<Outcome>, Pruning), CommandError> {
    let (directory, snapshot) = read;
    sleep(REREAD).await;
    let (mut outcomes, mut failed) = (Vec::new(), BTreeSet::<Key>::new());
    loop {
        let pruning = planned(reconciler, desired, &snapshot.releases, guardrails).await.map_err(CommandError::Aws)?;
        if watch::read(directory).map(|again| again.digest).ok().as_ref() != Some(&snapshot.digest) {
            let what = "the directory changed while it was applied; nothing more is deleted";
            return Err(CommandError::Manifests(what.to_owned()));
        }
        let next = pruning.items.iter().find(|item| item.acts() && !failed.contains(&item.key));
        let under_way = pruning.items.iter().any(|item| is_under_way(item.held.as_ref()));
        if *stop.borrow() || Instant::now() >= end || (next.is_none() && !under_way) {
            return Ok((outcomes, pruning));
        }
        if let Some(item) = next {
            let pass = reconciler.delete(item, &desired.resources, stop, progress).await;
            if pass.outcomes.iter().any(|outcome| outcome.result.is_err()) {
                failed.insert(item.key.clone());
            }
            outcomes.extend(pass.outcomes);
            match pass.held {
                None => {}
                Some(Hold::TakingOver { wait, .. }) => {
                    let _ = timeout(wait, stop.clone().wait_for(|stop| *stop)).await;
                }
                Some(_) => return Ok((outcomes, pruning)),
            }
        } else {
            // What failed may only have had to wait, as a service with a deployment does.
            failed.clear();
            sleep(PAUSE).await;
        }
    }
}

fn is_under_way(held: Option<&crate::plan::Reason>) -> bool {
    use crate::plan::Reason::{Busy, WaitsFor};
    matches!(held, Some(Busy(_) | WaitsFor(_)))
}
