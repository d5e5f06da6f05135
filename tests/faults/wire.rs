//! The wire between the SDK and the simulated AWS: it counts the calls, and something befalls some.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use evenkeel::sandbox::connector::{from_sandbox, to_sandbox};
use evenkeel::sandbox::fault::{self, FaultKind};
use evenkeel::sandbox::{Request, Response, Sandbox, Snapshot, State};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::case::{Lag, Planned};
use crate::end::Moment;
use crate::fault::{Fault, Kind, Traits};
use crate::scenario::is_write;

/// How long a request is on its way. What is asked for at the same time is answered at the same time.
const LATENCY: Duration = Duration::from_millis(10);

/// One attempt of a call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) traits: Traits,
    /// The same for all attempts of one call.
    invocation: String,
    /// When it was made, on the sandbox's clock.
    pub(crate) at: Duration,
    pub(crate) round: usize,
    /// Whether it was a write and had its effect.
    pub(crate) effect: bool,
    pub(crate) fault: Option<Fault>,
    /// Whether it is the first attempt, made after the process was told to stop.
    pub(crate) begun_after_stop: bool,
}

/// The wire.
#[derive(Debug, Clone)]
pub(crate) struct Wire(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sandbox: Arc<Sandbox>,
    script: Mutex<Script>,
    crashed: Notify,
}

#[derive(Debug, Default)]
struct Script {
    /// Whether calls are counted.
    counting: bool,
    dead: bool,
    round: usize,
    faults: Vec<Planned>,
    lag: Option<Lag>,
    /// Calls all attempts of which are befallen.
    haunted: BTreeMap<String, Fault>,
    stop: Option<watch::Sender<bool>>,
    stopped_at: Option<Duration>,
    calls: Vec<Call>,
    moments: Vec<Moment>,
    /// The account before each write, if somebody is to see it again.
    before: Vec<State>,
    keeps_before: bool,
}

impl Wire {
    pub(crate) fn new(sandbox: Arc<Sandbox>, faults: Vec<Planned>, lag: Option<Lag>) -> Self {
        let keeps_before = lag.is_some() || faults.iter().any(|planned| matches!(planned.fault.kind, Kind::Stale(_)));
        let script = Script { faults, lag, keeps_before, ..Script::default() };
        Self(Arc::new(Inner { sandbox, script: Mutex::new(script), crashed: Notify::new() }))
    }

    pub(crate) fn sandbox(&self) -> &Arc<Sandbox> {
        &self.0.sandbox
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.script.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A new process begins; its calls are not counted yet.
    pub(crate) fn connect(&self) {
        let mut script = self.script();
        (script.counting, script.dead, script.stop, script.stopped_at) = (false, false, None, None);
    }

    /// From now on calls are counted. The process listens to what comes back.
    pub(crate) fn count(&self) -> watch::Receiver<bool> {
        let (stop, stopped) = watch::channel(false);
        let mut script = self.script();
        (script.counting, script.stop) = (true, Some(stop));
        stopped
    }

    pub(crate) fn next_round(&self) {
        self.script().round += 1;
    }

    /// When the process was told to stop.
    pub(crate) fn stopped_at(&self) -> Option<Duration> {
        self.script().stopped_at
    }

    /// Returns when the process is to be gone.
    pub(crate) async fn crashed(&self) {
        self.0.crashed.notified().await;
    }

    /// Whether reads lag behind.
    pub(crate) fn lags(&self) -> bool {
        let now = self.sandbox().now();
        self.script().lag.as_ref().is_some_and(|lag| now < lag.until)
    }

    /// Every call so far, and what the account was like after each write.
    pub(crate) fn take(&self) -> (Vec<Call>, Vec<Moment>) {
        let mut script = self.script();
        (std::mem::take(&mut script.calls), std::mem::take(&mut script.moments))
    }

    async fn carry(&self, mut request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let invocation = request.headers().get("amz-sdk-invocation-id").unwrap_or_default().to_owned();
        let sent = to_sandbox(&request);
        // A peer that is silent has read the request all the same. One that did not would not be waited
        // for until the attempt's timeout: the SDK takes it for an upload that has stalled.
        drop(request.take_body().collect().await);
        let request = sent;
        if !self.script().counting {
            return from_sandbox(self.sandbox().handle(&request));
        }
        if self.script().dead {
            return pending().await;
        }
        let at = self.begin(&request, invocation);
        tokio::time::sleep(LATENCY).await;
        let fault = self.script().calls[at].fault.map(|fault| fault.kind);
        self.befall(&request, at, fault).await
    }

    async fn befall(&self, request: &Request, at: usize, fault: Option<Kind>) -> Result<HttpResponse, ConnectorError> {
        let answer = match fault {
            None => Some(self.answer(request, at)),
            Some(Kind::Stale(age)) => Some(self.stale(request, age)),
            Some(Kind::Failure(name)) => Some(without(self.answer(request, at), name, Some("INTERNAL"))),
            Some(Kind::Unnamed(name)) => Some(without(self.answer(request, at), name, None)),
            Some(kind) if kind.after() => Some(self.answer(request, at)),
            Some(_) => None,
        };
        match fault {
            Some(Kind::Crash | Kind::CrashAfter) => {
                self.script().dead = true;
                self.0.crashed.notify_one();
                pending().await
            }
            Some(Kind::BlackHole | Kind::BlackHoleAfter | Kind::StopBlackHole | Kind::StopBlackHoleAfter) => {
                pending().await
            }
            Some(Kind::ResetAfter) => from_sandbox(None),
            Some(Kind::ErrorAfter) => from_sandbox(self.refused(request, FaultKind::ServerError)),
            #[expect(clippy::panic, reason = "what was asked for")]
            Some(Kind::PanicAfter) => panic!("a panic was injected"),
            Some(kind) if answer.is_none() => from_sandbox(self.refused(request, refusal(request, kind))),
            _ => from_sandbox(answer),
        }
    }

    /// Notes a call. What befalls it is known from the beginning.
    fn begin(&self, request: &Request, invocation: String) -> usize {
        let operation = fault::operation(request);
        let now = self.sandbox().now();
        let mut script = self.script();
        let write = is_write(&operation);
        let writes_before = script.calls.iter().filter(|call| call.effect).count();
        let traits = Traits { write, names: names(&operation, &request.body), writes_before };
        let index = script.calls.len();
        let haunted = script.haunted.get(&invocation).copied();
        let due = script.faults.iter().position(|one| one.index <= index && one.fault.kind.fits(traits));
        let lag = script.lag.clone().filter(|lag| lag.concerns(&operation, now) && writes_before > 0 && !write);
        let lag = lag.map(|lag| Fault { kind: Kind::Stale(lag.age.min(writes_before)), throughout: false });
        let fault = haunted.or_else(|| due.map(|at| script.faults.remove(at).fault)).or(lag);
        if let Some(fault) = fault.filter(|fault| fault.throughout) {
            script.haunted.insert(invocation.clone(), fault);
        }
        let is_first = script.calls.iter().all(|call| call.invocation != invocation);
        // What was begun in the same moment does not know of the stop yet.
        let begun_after_stop = is_first && script.stopped_at.is_some_and(|at| write || at < now);
        let round = script.round;
        script.calls.push(Call {
            operation,
            traits,
            invocation,
            at: now,
            round,
            effect: false,
            fault,
            begun_after_stop,
        });
        if fault.is_some_and(|fault| fault.kind.stops())
            && let Some(stop) = &script.stop
        {
            let _ = stop.send(true);
            script.stopped_at = Some(now);
        }
        index
    }

    /// The sandbox's answer. Of a write, what the account is like after it is noted.
    fn answer(&self, request: &Request, at: usize) -> Response {
        let (write, keeps) = {
            let script = self.script();
            (script.calls[at].traits.write, script.keeps_before)
        };
        let before = (write && keeps).then(|| self.sandbox().snapshot().state);
        let response = self.sandbox().handle(request).unwrap_or_else(no_answer);
        if write && response.status == 200 {
            let moment = Moment::of(&mut self.sandbox().state());
            let mut script = self.script();
            script.calls[at].effect = true;
            script.moments.push(moment);
            script.before.extend(before);
        }
        response
    }

    fn stale(&self, request: &Request, age: usize) -> Response {
        let now = self.sandbox().now();
        let state = {
            let script = self.script();
            script.before[script.before.len().saturating_sub(age)].clone()
        };
        Snapshot { state, now }.restore().handle(request).unwrap_or_else(no_answer)
    }

    /// What the sandbox answers to a call that it refuses.
    fn refused(&self, request: &Request, kind: FaultKind) -> Option<Response> {
        self.sandbox().inject(fault::Fault { operation: "*".to_owned(), times: 1, kind });
        self.sandbox().handle(request)
    }
}

fn no_answer() -> Response {
    Response { status: 599, content_type: "text/plain", body: Vec::new() }
}

/// The sandbox's own fault for a kind that has no effect.
fn refusal(request: &Request, kind: Kind) -> FaultKind {
    let json = request.target.is_some();
    let refuse =
        |code: &'static str, message: &str| FaultKind::Refuse { code, message: message.to_owned(), status: 400 };
    match kind {
        Kind::Reset => FaultKind::DropBefore,
        Kind::Error => FaultKind::ServerError,
        Kind::Throttle => FaultKind::Throttled,
        Kind::ServerException if json => refuse("ServerException", "Service Unavailable."),
        Kind::ServerException => refuse("ServiceFailure", "The request processing has failed."),
        Kind::ExpiredToken if json => refuse("ExpiredTokenException", "The security token is expired"),
        Kind::ExpiredToken => refuse("ExpiredToken", "The security token is expired"),
        Kind::Denied if json => refuse("AccessDeniedException", "not authorized to perform this"),
        Kind::Denied => refuse("AccessDenied", "not authorized to perform this"),
        _ => FaultKind::Panic,
    }
}

/// Where describe calls answer what they found: operation, member of the request, member of the answer, and its ARN.
const DESCRIBED: &[(&str, &str, &str, &str)] = &[
    ("DescribeCapacityProviders", "capacityProviders", "capacityProviders", "capacityProviderArn"),
    ("DescribeClusters", "clusters", "clusters", "clusterArn"),
    ("DescribeServiceDeployments", "serviceDeploymentArns", "serviceDeployments", "serviceDeploymentArn"),
    ("DescribeServiceRevisions", "serviceRevisionArns", "serviceRevisions", "serviceRevisionArn"),
    ("DescribeServices", "services", "services", "serviceArn"),
];

fn names(operation: &str, body: &[u8]) -> usize {
    let Some((_, asked, ..)) = DESCRIBED.iter().find(|(name, ..)| *name == operation) else { return 0 };
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body[asked].as_array().map_or(0, Vec::len)
}

/// The answer without one of the names that it has; with a failure in its place, if there is a reason.
fn without(mut response: Response, name: usize, reason: Option<&str>) -> Response {
    let mut answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    for (_, _, found, arn) in DESCRIBED {
        let Some(there) = answer.get(found).and_then(Value::as_array).cloned() else { continue };
        let failures = answer.get("failures").and_then(Value::as_array).cloned().unwrap_or_default();
        let (mut there, mut failures) = (there, failures);
        let gone = if name < there.len() {
            there.remove(name).get(arn).cloned()
        } else if name - there.len() < failures.len() {
            failures.remove(name - there.len()).get("arn").cloned()
        } else {
            None
        };
        failures.extend(reason.map(|reason| json!({ "arn": gone, "reason": reason })));
        (answer[found], answer["failures"]) = (there.into(), failures.into());
    }
    response.body = answer.to_string().into_bytes();
    response
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.carry(request).await })
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
