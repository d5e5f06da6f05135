//! `/metrics`, `/healthz`, `/readyz`, `/status`, and a page for people at `/`.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::fence::Standing;
use crate::metrics::Metrics;
use crate::report;
use crate::resource::Account;
use crate::status::{Board, Orphaned, Pruned, State};
use crate::watch::RELEASE_FILE;

/// Longest that a client may take to send its request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the daemon shares with its HTTP server.
#[derive(Debug)]
pub struct Shared {
    /// What is known of every resource.
    board: Mutex<Board>,
    /// When the loop last turned.
    heartbeat: Mutex<Instant>,
    /// How old the heartbeat may be before the process counts as stuck.
    heartbeat_max: Duration,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    account: Account,
    mode: String,
}

impl Shared {
    /// An empty board whose heart beats now.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, account: Account, mode: String, heartbeat_max: Duration) -> Arc<Self> {
        let heartbeat = Mutex::new(Instant::now());
        Arc::new(Self { board: Mutex::default(), heartbeat, heartbeat_max, metrics, account, mode })
    }

    /// The board, to read or to write on.
    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop turned.
    pub fn beat(&self) {
        *self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_alive(&self) -> bool {
        self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner).elapsed() <= self.heartbeat_max
    }
}

/// Between tries to accept a connection when the process has, for example, no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the future is dropped.
pub async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let answer = answer(&shared, &request);
                async { Ok::<_, Infallible>(answer) }
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
            if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return page(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".to_owned());
    }
    match request.uri().path() {
        "/metrics" => match shared.metrics.text() {
            Ok(text) => page(StatusCode::OK, "text/plain; version=0.0.4", text),
            Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", format!("{error}\n")),
        },
        "/healthz" if shared.is_alive() => page(StatusCode::OK, "text/plain", "ok\n".to_owned()),
        "/healthz" => page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the reconcile loop is stuck\n".to_owned()),
        "/readyz" if shared.board().ready => page(StatusCode::OK, "text/plain", ready(shared)),
        "/readyz" => {
            let text = "not every resource has been looked at yet\n".to_owned();
            page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", text)
        }
        "/status" => page(StatusCode::OK, "application/json", status(shared).to_string()),
        "/" => page(StatusCode::OK, "text/html; charset=utf-8", html(shared)),
        _ => {
            page(StatusCode::NOT_FOUND, "text/plain", "there are /, /status, /metrics, /healthz, /readyz\n".to_owned())
        }
    }
}

/// A copy that stands by is ready: it could take over at once, and the deployment that replaces the one in
/// charge waits for exactly this.
fn ready(shared: &Shared) -> String {
    match &shared.board().standing {
        Some(Standing::Held(hold)) => format!("ok, and writes nothing: {hold}\n"),
        _ => "ok\n".to_owned(),
    }
}

fn page(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn status(shared: &Shared) -> serde_json::Value {
    let board = shared.board();
    let resources: Vec<_> = board
        .statuses
        .iter()
        .map(|(key, status)| {
            json!({
                "kind": key.kind.to_string(),
                "name": key.name,
                "aws": status.aws,
                "state": status.state.label(),
                "reason": status.reason,
                "message": status.message,
                "since": seconds(status.since),
                "left": status.left.iter().map(report::left_json).collect::<Vec<_>>(),
                "manifest": status.source,
            })
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "account": shared.account.id,
        "region": shared.account.region,
        "mode": shared.mode,
        "ready": board.ready,
        "writer": board.standing.as_ref().map(|standing| json!({
            "writes": standing.writes(),
            "state": standing.label(),
            "epoch": standing.epoch(),
            "message": standing.to_string(),
        })),
        "last_pass": board.last_pass.map(seconds),
        "directory": board.unreadable,
        "problems": report::problems_json(&board.problems)["problems"],
        "resources": resources,
        "pruned": board.pruned.as_ref().map(pruned),
    })
}

fn pruned(pruned: &Pruned) -> serde_json::Value {
    let orphan = |orphan: &Orphaned| {
        json!({
            "kind": orphan.key.kind.to_string(),
            "name": orphan.key.name,
            "aws": orphan.aws,
            "pin": orphan.pin,
            "retained": orphan.retained,
            "reason": orphan.reason,
            "message": orphan.message,
            "since": seconds(orphan.since),
        })
    };
    let obstacle = pruned.obstacle.as_ref().map(|(reason, message)| json!({ "reason": reason, "message": message }));
    json!({
        "blocked": obstacle,
        "to_release": pruned.to_release,
        "resources": pruned.orphans.iter().map(orphan).collect::<Vec<_>>(),
    })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--good:#18794e;--warn:#ad5700;--bad:#ce2c31}\
@media(prefers-color-scheme:dark){:root{--good:#3dd68c;--warn:#ffa057;--bad:#ff9592}}\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}\
h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.2rem 0;opacity:.75}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
th{font-weight:600}.in_sync{color:var(--good)}.progressing,.waiting,.drifted{color:var(--warn)}.blocked,.degraded,.invalid{color:var(--bad)}\
pre{font:13px ui-monospace,monospace;overflow-x:auto}code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}td[class],td[class]+td,td[class]~td code{white-space:nowrap}";

fn html(shared: &Shared) -> String {
    let (board, now) = (shared.board(), SystemTime::now());
    let mut text = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <meta http-equiv=refresh content=10><title>Evenkeel</title><style>{STYLE}</style><h1>Evenkeel</h1>\
         <p>Account {}, {}; mode {}; version {}; <a href=/status>status</a>, <a href=/metrics>metrics</a></p>",
        escape(&shared.account.id),
        escape(&shared.account.region),
        escape(&shared.mode),
        env!("CARGO_PKG_VERSION"),
    );
    let in_sync = board.statuses.values().filter(|status| status.state == State::InSync).count();
    let _ = write!(
        text,
        "<p>{in_sync} of {} as declared</p>",
        report::count(board.statuses.len(), "resource", "resources")
    );
    if let Some(standing) = board.standing.as_ref().filter(|standing| **standing != Standing::LooksOn) {
        let class = if standing.writes() { "" } else { " class=waiting" };
        let _ = write!(text, "<p{class}>This copy: {}</p>", escape(&standing.to_string()));
    }
    if let Some(why) = &board.unreadable {
        let _ = write!(text, "<h2 class=blocked>The directory cannot be read</h2><p>{}</p>", escape(why));
    }
    if !board.problems.is_empty() {
        text.push_str("<h2>Problems</h2><table><tr><th>Where<th>What");
        for problem in &board.problems {
            let at = problem.at.map_or(String::new(), |at| format!(":{at}"));
            let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!("<p>{}</p>", escape(hint)));
            let _ = write!(
                text,
                "<tr><td><code>{}{at}</code><td><code>{}</code> {}{hint}",
                escape(&problem.file.display().to_string()),
                escape(&problem.path),
                escape(&problem.message),
            );
        }
        text.push_str("</table>");
    }
    // What a person is to decide comes first.
    let (before, after) = match &board.pruned {
        Some(pruned) if pruned.obstacle.is_some() => (orphans_html(pruned, now), String::new()),
        Some(pruned) => (String::new(), orphans_html(pruned, now)),
        None => Default::default(),
    };
    text.push_str(&before);
    text.push_str("<h2>Resources</h2><table><tr><th>State<th>For<th>Resource<th>In AWS<th>Manifest<th>Why");
    let mut rows: Vec<_> = board.statuses.iter().collect();
    // What needs attention first.
    rows.sort_by_key(|(key, status)| (std::cmp::Reverse(status.state), *key));
    for (key, status) in rows {
        let _ = write!(
            text,
            "<tr><td class={}>{}<td>{}<td>{}<td>{}<td><code>{}</code><td>{}",
            status.state.label(),
            status.state.label().replace('_', " "),
            roughly(now.duration_since(status.since).unwrap_or_default()),
            escape(&key.to_string()),
            escape(&status.aws),
            escape(&status.source),
            escape(&status.message),
        );
    }
    text.push_str("</table>");
    text + &after
}

/// What is declared nowhere, and what becomes of it.
fn orphans_html(pruned: &Pruned, now: SystemTime) -> String {
    if pruned.orphans.is_empty() {
        return String::new();
    }
    let mut text = "<h2>No longer declared</h2>".to_owned();
    if let Some((_, why)) = &pruned.obstacle {
        let _ = write!(text, "<p class=blocked>Nothing is deleted: {}.</p>", escape(why));
    }
    if !pruned.to_release.is_empty() {
        let _ = write!(text, "<p>If all of it is meant, commit a file {RELEASE_FILE} with these lines:</p><pre>");
        pruned.to_release.iter().for_each(|line| {
            let _ = writeln!(text, "{}", escape(line));
        });
        text.push_str("</pre>");
    }
    text.push_str("<table><tr><th>State<th>For<th>Resource<th>In AWS<th>Why");
    for orphan in &pruned.orphans {
        let (class, state) = if orphan.retained { ("retained", "retained") } else { ("waiting", "to delete") };
        let _ = write!(
            text,
            "<tr><td class={class}>{state}<td>{}<td>{}<td>{}<td>{}",
            roughly(now.duration_since(orphan.since).unwrap_or_default()),
            escape(&orphan.key.to_string()),
            escape(&orphan.aws),
            // What keeps all of them stands above.
            if orphan.reason == "NotPruned" { String::new() } else { escape(&orphan.message) },
        );
    }
    text.push_str("</table>");
    text
}

/// How long something has been so, in its largest unit.
fn roughly(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_something_has_been_so_is_said_in_its_largest_unit() {
        let said = [0, 59, 60, 3599, 7200, 172_800].map(|seconds| roughly(Duration::from_secs(seconds)));
        assert_eq!(said, ["0 s", "59 s", "1 min", "59 min", "2 h", "2 days"]);
    }
}
