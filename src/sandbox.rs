//! A simulated AWS: ECS, IAM, STS, Application Auto Scaling and as much of DynamoDB as a lease needs, over
//! their real wire protocols.
//!
//! One state machine, reached in two ways: in process as the HTTP client of the real SDK
//! ([`connector`]: tests, virtual time, `--sandbox`), and as a loopback server ([`server`]: the AWS
//! CLI, boto3). The daemon knows nothing of it; it only ever sees SDK clients.
//!
//! Time is tokio's clock, so that a test with paused time decides when a task has started.
//! Nothing here runs in the background: what a record looks like is computed from the record and
//! the moment at which it is read.

pub mod client;
pub mod connector;
pub mod dynamodb;
pub mod ecs;
pub mod fault;
pub mod iam;
pub mod propagation;
pub mod scaling;
pub mod server;
pub mod sts;
mod throttle;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The account that the simulated AWS is: AWS's own documentation example.
pub const ACCOUNT: &str = "123456789012";
/// The Region that the simulated AWS answers for when a request names none.
pub const REGION: &str = "us-east-1";

/// One request as it came over the wire, its transport taken off.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The `X-Amz-Target` header: set on awsJson requests (ECS, Application Auto Scaling, DynamoDB),
    /// absent on awsQuery ones (IAM, STS).
    pub target: Option<String>,
    /// The Region named in the request's signature, if it was signed.
    pub region: Option<String>,
    /// The access key with which the request was signed.
    pub access_key: Option<String>,
    /// The request body.
    pub body: Vec<u8>,
}

/// What goes back over the wire.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: &'static str,
    /// The response body.
    pub body: Vec<u8>,
}

/// When and where a call is made; every handler gets it instead of reading a clock.
#[derive(Debug, Clone)]
pub struct Context {
    /// Time since the Unix epoch, on the sandbox's clock.
    pub now: Duration,
    /// Region of the call.
    pub region: String,
}

impl Context {
    /// Seconds since the Unix epoch: the form in which awsJson carries timestamps.
    #[must_use]
    pub fn epoch_seconds(&self) -> f64 {
        self.now.as_secs_f64()
    }

    /// An ARN of this call's account and Region, for example `arn(“ecs”, “cluster/web”)`.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.region)
    }
}

/// An error as AWS answers it: a code that clients match on and a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status: 400 for nearly everything in ECS; IAM uses 404, 409 as well.
    pub status: u16,
    /// The error code, as the service model spells it on the wire.
    pub code: &'static str,
    /// The message, in AWS's words where they are known.
    pub message: String,
    /// What is there instead: DynamoDB says it of a condition that does not hold.
    pub item: Option<Value>,
}

impl ApiError {
    /// An error with status 400.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), item: None }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// Everything that the simulated account holds.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Clusters, services, task definitions, tasks.
    pub ecs: ecs::State,
    /// Roles, policies, instance profiles.
    pub iam: iam::State,
    /// Sessions of roles.
    pub sts: sts::State,
    /// Scalable targets.
    pub scaling: scaling::State,
    /// Tables.
    pub dynamodb: dynamodb::State,
    /// How long a role takes to be known to ECS.
    pub propagation: propagation::Delays,
    /// Every call that reached a handler, oldest first.
    pub log: Vec<LogLine>,
}

/// One line of the request log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `ecs`, `iam`, `sts`, `application-autoscaling` or `dynamodb`, as permissions begin.
    pub service: &'static str,
    /// The operation, for example `CreateService`.
    pub operation: String,
    /// The error code, when the call was refused.
    pub error: Option<&'static str>,
}

/// A simulated account at one moment, to go back to.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What the account holds; its log is empty.
    pub state: State,
    /// The moment, since the Unix epoch.
    pub now: Duration,
}

impl Snapshot {
    /// An account of its own that goes on from that moment, also in another tokio runtime. It has no
    /// faults and no limits.
    #[must_use]
    pub fn restore(self) -> Arc<Sandbox> {
        Arc::new(Sandbox::of(self.state, self.now))
    }
}

/// The simulated AWS.
#[derive(Debug)]
pub struct Sandbox {
    state: Mutex<State>,
    faults: Mutex<Vec<fault::Fault>>,
    limits: Mutex<Option<throttle::Limits>>,
    started: tokio::time::Instant,
    epoch: Duration,
}

impl Sandbox {
    /// An empty account whose clock starts now.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Arc::new(Self::of(State::default(), epoch))
    }

    fn of(state: State, epoch: Duration) -> Self {
        Self {
            state: Mutex::new(state),
            faults: Mutex::default(),
            limits: Mutex::default(),
            started: tokio::time::Instant::now(),
            epoch,
        }
    }

    /// The account as it is now, without its log.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.state().clone();
        state.log.clear();
        Snapshot { state, now: self.now() }
    }

    /// An account for trying things out: every cluster has room for tasks on instances, which nobody
    /// will register.
    #[must_use]
    pub fn roomy() -> Arc<Self> {
        let sandbox = Self::new();
        sandbox.state().ecs.region(REGION).roomy = true;
        sandbox
    }

    /// From now on, calls beyond AWS's request limits are throttled.
    pub fn throttle(&self) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = Some(throttle::Limits::new(self.now()));
    }

    /// Time since the Unix epoch on tokio's clock: paused and advanced together with it.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.epoch + self.started.elapsed()
    }

    /// The account's state, to look into or to change behind the daemon's back.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request that meets no fault.
    fn answer(&self, request: &Request) -> Response {
        let context = Context { now: self.now(), region: request.region.clone().unwrap_or_else(|| REGION.to_owned()) };
        match &request.target {
            Some(target) => self.handle_json(&context, target, &request.body),
            None => self.handle_query(&context, request.access_key.as_deref(), &request.body),
        }
    }

    fn handle_json(&self, context: &Context, target: &str, body: &[u8]) -> Response {
        let operation = target.rsplit('.').next().unwrap_or(target);
        let service = json_service(target);
        let mut state = self.state();
        let result = match serde_json::from_slice::<Value>(body) {
            Ok(input) if service == scaling::SERVICE => scaling::handle(&mut state, context, operation, &input),
            Ok(input) if service == dynamodb::SERVICE => {
                dynamodb::handle(&mut state.dynamodb, context, operation, &input)
            }
            Ok(input) => propagation::check(&mut state, context, operation, &input)
                .and_then(|()| ecs::handle(&mut state, context, operation, input)),
            Err(error) => Err(ApiError::new("SerializationException", error.to_string())),
        };
        state.record(service, operation, result.as_ref().err());
        let (status, body) = match result {
            Ok(output) => (200, output),
            Err(error) => {
                let mut body = json!({ "__type": error.code, "message": error.message });
                if let Some(item) = error.item {
                    body["Item"] = item;
                }
                (error.status, body)
            }
        };
        Response { status, content_type: "application/x-amz-json-1.1", body: body.to_string().into_bytes() }
    }

    fn handle_query(&self, context: &Context, access_key: Option<&str>, body: &[u8]) -> Response {
        let query = iam::query::Query::parse(body);
        let operation = query.get("Action").unwrap_or_default().to_owned();
        let mut state = self.state();
        let (service, namespace) = match query.get("Version") {
            Some("2011-06-15") => ("sts", "https://sts.amazonaws.com/doc/2011-06-15/"),
            _ => ("iam", "https://iam.amazonaws.com/doc/2010-05-08/"),
        };
        let result = match service {
            "sts" => sts::handle(&mut state, context, access_key, &operation, &query),
            _ => iam::handle(&mut state, context, &operation, &query),
        };
        state.record(service, &operation, result.as_ref().err());
        let (status, body) = match result {
            Ok(xml) => (200, iam::xml::response(namespace, &operation, &xml)),
            Err(error) => (error.status, iam::xml::error(namespace, &error)),
        };
        Response { status, content_type: "text/xml", body: body.into_bytes() }
    }
}

/// Whose operation an `X-Amz-Target` names.
fn json_service(target: &str) -> &'static str {
    match target {
        target if target.starts_with(scaling::TARGET) => scaling::SERVICE,
        target if target.starts_with(dynamodb::TARGET) => dynamodb::SERVICE,
        _ => "ecs",
    }
}

impl State {
    fn record(&mut self, service: &'static str, operation: &str, error: Option<&ApiError>) {
        self.log.push(LogLine { service, operation: operation.to_owned(), error: error.map(|e| e.code) });
    }
}
