//! `evenkeel sandbox`.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{CommandError, OK, connect, load_directory, print, refuse_problems, run};
use crate::aws::loader;
use crate::cli;
use crate::guard::Guardrails;
use crate::metrics::Metrics;
use crate::plan::Rules;
use crate::sandbox::{Sandbox, client, server};

pub(super) async fn sandbox(command: cli::Sandbox) -> Result<u8, CommandError> {
    let sandbox = if command.bare { Sandbox::new() } else { Sandbox::roomy() };
    let mut stop = run::stop_signal();
    if let Some(directory) = &command.manifests {
        let metrics = Arc::new(Metrics::new().map_err(CommandError::Metrics)?);
        let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
        // Nobody gains anything in a simulated account.
        let guardrails = Guardrails::none();
        let config = client::point(loader(), &sandbox).load().await;
        let (reconciler, _) = connect::reconciler(&config, rules, &metrics, &guardrails).await?;
        let desired = load_directory(directory, reconciler.aws().account(), &guardrails)?;
        refuse_problems(&desired)?;
        let all: BTreeSet<_> = desired.resources.keys().cloned().collect();
        reconciler.pass(&desired.resources, &all, &stop, &mut |_| {}).await;
    }
    let listener = TcpListener::bind(command.listen)
        .await
        .map_err(CommandError::io(format!("cannot listen on {}", command.listen)))?;
    let address = listener.local_addr().unwrap_or(command.listen);
    print(&format!("simulated AWS at http://{address}; point tools at it with AWS_ENDPOINT_URL=http://{address}\n"))?;
    tokio::select! {
        served = server::serve(sandbox, listener) => served.map_err(CommandError::io("the simulated AWS ended"))?,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    Ok(OK)
}
