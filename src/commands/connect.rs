//! Which AWS a command works on: the real one, or a simulated one. From here on they are the same.

use std::sync::Arc;

use aws_config::SdkConfig;

use super::CommandError;
use crate::aws::{Aws, loader};
use crate::cli::Target;
use crate::metrics::Metrics;
use crate::plan::Rules;
use crate::reconcile::Reconciler;
#[cfg(feature = "sandbox")]
use crate::sandbox::{Sandbox, client};

/// A connection, and the simulated AWS behind it if this process made one.
pub(super) struct Connection {
    pub(super) reconciler: Reconciler,
    pub(super) metrics: Arc<Metrics>,
    #[cfg(feature = "sandbox")]
    pub(super) sandbox: Option<Arc<Sandbox>>,
}

pub(super) async fn connect(target: &Target) -> Result<Connection, CommandError> {
    let metrics = Arc::new(Metrics::new().map_err(CommandError::Metrics)?);
    let loader = loader();
    #[cfg(feature = "sandbox")]
    let (loader, sandbox) = match target.sandbox.as_deref() {
        None => (loader, None),
        Some("") => {
            let sandbox = Sandbox::roomy();
            (client::point(loader, &sandbox), Some(sandbox))
        }
        Some(url) => (client::point_at(loader, url), None),
    };
    let config = loader.load().await;
    Ok(Connection {
        reconciler: reconciler(&config, Rules { owner: target.owner.clone(), adopt: target.adopt }, &metrics).await?,
        metrics,
        #[cfg(feature = "sandbox")]
        sandbox,
    })
}

pub(super) async fn reconciler(
    config: &SdkConfig,
    rules: Rules,
    metrics: &Arc<Metrics>,
) -> Result<Reconciler, CommandError> {
    let aws = Aws::connect(config, metrics).await.map_err(CommandError::Aws)?;
    Ok(Reconciler::new(aws, rules, Arc::clone(metrics)))
}
