//! Which AWS a command works on: the real one, or a simulated one. From here on they are the same.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

#[cfg(feature = "sandbox")]
use aws_config::ConfigLoader;
use aws_config::SdkConfig;

use super::{CommandError, guardrails, itself};
use crate::aws::{Aws, loader};
use crate::cli::{Lease, Target};
use crate::fence::{Copy, Manner};
use crate::guard::Guardrails;
use crate::metrics::Metrics;
use crate::mode::Modes;
use crate::plan::Rules;
use crate::reconcile::{Fence, Reconciler};
#[cfg(feature = "sandbox")]
use crate::sandbox::{Sandbox, client};

/// A connection, and the simulated AWS behind it if this process made one.
pub(super) struct Connection {
    pub(super) reconciler: Reconciler,
    pub(super) metrics: Arc<Metrics>,
    pub(super) guardrails: Guardrails,
    /// What to call this process.
    pub(super) what: String,
    #[cfg(feature = "sandbox")]
    pub(super) sandbox: Option<Arc<Sandbox>>,
}

pub(super) async fn connect(target: &Target, modes: Modes) -> Result<Connection, CommandError> {
    let guardrails = guardrails::read(target.guardrails.as_deref(), &target.directory)?;
    let metrics = Arc::new(Metrics::new().map_err(CommandError::Metrics)?);
    #[cfg(feature = "sandbox")]
    let (loader, sandbox) = pointed(target.sandbox.as_deref());
    #[cfg(not(feature = "sandbox"))]
    let loader = loader();
    let config = loader.load().await;
    let rules = Rules { owner: target.owner.clone(), adopt: target.adopt, modes, ..Rules::default() };
    let (reconciler, what) = reconciler(&config, rules, &metrics, &guardrails).await?;
    Ok(Connection {
        reconciler,
        metrics,
        guardrails,
        what,
        #[cfg(feature = "sandbox")]
        sandbox,
    })
}

/// The reconciler as one of several copies.
pub(super) fn fenced(reconciler: Reconciler, what: String, lease: &Lease, manner: Manner) -> Reconciler {
    let random = || RandomState::new().build_hasher().finish();
    let copy = Copy { id: format!("{:016x}{:016x}", random(), random()), what, manner };
    match lease {
        Lease::Epoch => reconciler.behind(Fence::epoch(copy)),
        #[cfg(feature = "lease")]
        Lease::Table(table) => reconciler.behind(Fence::lease(table.clone(), copy)),
        Lease::None => reconciler,
    }
}

/// A connection that is only to be read from, without an owner.
pub(super) async fn reader(#[cfg(feature = "sandbox")] sandbox: Option<&str>) -> Result<Aws, CommandError> {
    let metrics = Arc::new(Metrics::new().map_err(CommandError::Metrics)?);
    #[cfg(feature = "sandbox")]
    let loader = pointed(sandbox).0;
    #[cfg(not(feature = "sandbox"))]
    let loader = loader();
    Aws::connect(&loader.load().await, &metrics).await.map_err(CommandError::Aws)
}

/// The loader of the AWS that is meant: the real one, a new simulated one, or one that is served.
#[cfg(feature = "sandbox")]
fn pointed(sandbox: Option<&str>) -> (ConfigLoader, Option<Arc<Sandbox>>) {
    match sandbox {
        None => (loader(), None),
        Some("") => {
            let sandbox = Sandbox::roomy();
            (client::point(loader(), &sandbox), Some(sandbox))
        }
        Some(url) => (client::point_at(loader(), url), None),
    }
}

pub(super) async fn reconciler(
    config: &SdkConfig,
    rules: Rules,
    metrics: &Arc<Metrics>,
    guardrails: &Guardrails,
) -> Result<(Reconciler, String), CommandError> {
    let aws = Aws::connect(config, metrics).await.map_err(CommandError::Aws)?;
    let admitted = guardrails.admit(aws.account());
    admitted.map_err(|why| {
        CommandError::Guardrails(format!(
            "{why}\n  hint: nothing was read or changed; check AWS_PROFILE and AWS_REGION"
        ))
    })?;
    let (itself, what) = itself::find(&aws).await;
    Ok((Reconciler::new(aws, Rules { itself, ..rules }, Arc::clone(metrics)), what))
}
