//! `evenkeel run` and `evenkeel healthcheck`.

#[cfg(feature = "sandbox")]
use std::net::SocketAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::connect::{self, Connection};
use super::{CommandError, ERROR, OK};
use crate::cli::{Healthcheck, Run};
use crate::daemon::{Daemon, Options};
use crate::fence::Manner;
use crate::serve::{Shared, serve};

/// How many intervals the loop may be silent before the process counts as stuck, and at least how
/// long: a pass over a large account takes its time.
const HEARTBEAT_INTERVALS: u32 = 3;
const HEARTBEAT_MIN: Duration = Duration::from_secs(300);
/// Longest that a health check waits for an answer.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn run(command: Run) -> Result<u8, CommandError> {
    let connection = connect::connect(&command.target, command.mode.clone()).await?;
    #[cfg(feature = "sandbox")]
    serve_sandbox(&connection, command.sandbox_listen).await;
    let Connection { mut reconciler, metrics, guardrails, what, .. } = connection;
    if command.mode.writes() {
        reconciler = connect::fenced(reconciler, what, &command.target.lease, Manner::Resident);
    }
    let account = reconciler.aws().account().clone();
    let listener = TcpListener::bind(command.listen)
        .await
        .map_err(CommandError::io(format!("cannot listen on {}", command.listen)))?;
    let address = listener.local_addr().unwrap_or(command.listen);
    let heartbeat_max = (command.interval * HEARTBEAT_INTERVALS).max(HEARTBEAT_MIN);
    let shared = Shared::new(metrics, account.clone(), command.mode.to_string(), heartbeat_max);
    tokio::spawn(serve(Arc::clone(&shared), listener));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        account = account.id,
        region = account.region,
        directory = %command.target.directory.display(),
        mode = %command.mode,
        guardrails = %command.target.guardrails.as_deref().map_or_else(|| "default".into(), Path::to_string_lossy),
        status = format!("http://{address}/"),
        "started"
    );
    let (quiet, quiet_max) = command.debounce;
    let options = Options {
        directory: command.target.directory,
        interval: command.interval,
        quiet,
        quiet_max,
        prune: command.target.prune,
        once: command.once,
        guardrails,
    };
    let well = Daemon::new(options, reconciler, shared).run(stop_signal()).await;
    Ok(if well { OK } else { ERROR })
}

/// Serves the simulated AWS beside the daemon, so that other tools can look at what it made.
#[cfg(feature = "sandbox")]
async fn serve_sandbox(connection: &Connection, address: SocketAddr) {
    let Some(sandbox) = connection.sandbox.clone() else { return };
    match TcpListener::bind(address).await {
        Ok(listener) => {
            let address = listener.local_addr().unwrap_or(address);
            tracing::info!("the simulated AWS is at http://{address}: try AWS_ENDPOINT_URL=http://{address}");
            tokio::spawn(crate::sandbox::server::serve(sandbox, listener));
        }
        Err(error) => tracing::warn!(%address, %error, "the simulated AWS is not served to other tools"),
    }
}

/// Becomes true at SIGTERM or SIGINT.
pub(super) fn stop_signal() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            tracing::error!("the system refuses signal handlers: only SIGKILL will stop this process");
            return;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        let _ = stop.send(true);
        // Nobody may be left to receive a second signal: it ends the process at once.
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::warn!("stopped at once by a second signal");
        std::process::exit(130);
    });
    stopped
}

/// Asks `/healthz` by hand: the image has neither a shell nor a client.
pub(super) async fn healthcheck(command: &Healthcheck) -> Result<u8, CommandError> {
    let mut address = command.listen;
    // A daemon that listens everywhere is asked on loopback.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(HEALTHCHECK_TIMEOUT, ask)
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(CommandError::io(format!("no answer from {address}")))?;
    let ok = answer.starts_with("HTTP/1.1 200");
    super::print(&format!("{}\n", answer.lines().last().unwrap_or_default()))?;
    Ok(if ok { OK } else { ERROR })
}
