//! Copies of the daemon over one account: whose call was which, in which order they come, and what it is
//! to be stopped and resumed.
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use evenkeel::aws::{Aws, loader};
use evenkeel::fence::{Copy, Manner};
use evenkeel::metrics::Metrics;
use evenkeel::model::Key;
use evenkeel::plan::Rules;
use evenkeel::reconcile::{Fence, Pass, Reconciler};
use evenkeel::resource::Resource;
use evenkeel::sandbox::connector::Connector;
use evenkeel::sandbox::{Sandbox, client};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::scenario::{Lab, is_write};

/// Between the end of a pass and the next.
const PAUSE: Duration = Duration::from_secs(15);
/// How long it is waited for the copy whose turn it is, before the other may go on.
const TURN: Duration = Duration::from_millis(100);

/// One call that reached the account.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) who: &'static str,
    pub(crate) operation: String,
    /// Whether it is about who is in charge.
    pub(crate) of_fence: bool,
    pub(crate) at: Instant,
}

impl Call {
    /// Whether it changes what manifests declare.
    pub(crate) fn writes(&self) -> bool {
        is_write(&self.operation) && !self.of_fence
    }
}

/// Every call of all copies, in the order of a schedule as far as there is one.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    schedule: Mutex<Vec<&'static str>>,
    next: Notify,
    log: Mutex<Vec<Call>>,
}

impl Turns {
    pub(crate) fn new(schedule: Vec<&'static str>) -> Arc<Self> {
        Arc::new(Self { schedule: Mutex::new(schedule.into_iter().rev().collect()), ..Self::default() })
    }

    pub(crate) fn log(&self) -> Vec<Call> {
        self.log.lock().expect("the log").clone()
    }

    pub(crate) fn writes(&self) -> Vec<Call> {
        self.log().into_iter().filter(Call::writes).collect()
    }

    /// Forgets the calls so far.
    pub(crate) fn clear(&self) {
        self.log.lock().expect("the log").clear();
    }

    fn left(&self) -> usize {
        self.schedule.lock().expect("the schedule").len()
    }

    async fn wait(&self, who: &str) {
        loop {
            let next = self.next.notified();
            let left = self.left();
            {
                let mut schedule = self.schedule.lock().expect("the schedule");
                match schedule.last() {
                    Some(turn) if *turn != who => {}
                    _ => {
                        schedule.pop();
                        self.next.notify_waiters();
                        return;
                    }
                }
            }
            let waited = tokio::time::timeout(TURN, next).await;
            // Whoever it is has no call to make now.
            if waited.is_err() && self.left() == left {
                self.schedule.lock().expect("the schedule").pop();
                self.next.notify_waiters();
            }
        }
    }
}

/// A process that can be stopped and resumed, as SIGSTOP and SIGCONT do: its clock goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Freezer {
    frozen: Arc<AtomicBool>,
    /// The first write of this kind freezes it, before it leaves the process.
    at: Option<&'static str>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Freezer {
    pub(crate) fn before(operation: &'static str) -> Self {
        Self { at: Some(operation), ..Self::default() }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::SeqCst)
    }

    pub(crate) fn thaw(&self) {
        self.frozen.store(false, Ordering::SeqCst);
        if let Some(waker) = self.waker.lock().expect("the waker").take() {
            waker.wake();
        }
    }

    pub(crate) async fn hold<F: Future>(&self, process: F) -> F::Output {
        let mut process = Box::pin(process);
        poll_fn(|context| {
            if !self.is_frozen()
                && let Poll::Ready(output) = process.as_mut().poll(context)
            {
                return Poll::Ready(output);
            }
            // It may have frozen itself just now.
            if self.is_frozen() {
                *self.waker.lock().expect("the waker") = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

/// The way from one copy to the account.
#[derive(Debug, Clone)]
struct Wire {
    who: &'static str,
    turns: Arc<Turns>,
    freezer: Freezer,
    sandbox: Connector,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            let (operation, of_fence) = about(&request);
            wire.turns.wait(wire.who).await;
            if wire.freezer.at == Some(operation.as_str()) && !of_fence && !wire.freezer.is_frozen() {
                let same = |call: &Call| call.who == wire.who && call.operation == operation && !call.of_fence;
                let once = !wire.turns.log().iter().any(same);
                wire.freezer.frozen.store(once, Ordering::SeqCst);
                // What is frozen is not polled again before it is thawed.
                tokio::task::yield_now().await;
            }
            let call = Call { who: wire.who, operation, of_fence, at: Instant::now() };
            wire.turns.log.lock().expect("the log").push(call);
            wire.sandbox.call(request).await
        })
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn about(request: &HttpRequest) -> (String, bool) {
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let query = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next()).unwrap_or_default();
    let operation = target.rsplit('.').next().filter(|name| !name.is_empty()).unwrap_or(query).to_owned();
    let of_fence = body.contains("evenkeel-writer-") || target.starts_with("DynamoDB") || operation == "DescribeTasks";
    (operation, of_fence)
}

/// What keeps the copies of a test apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Epoch,
    #[cfg(feature = "lease")]
    Lease,
}

/// The table of the tests with leases.
#[cfg(feature = "lease")]
pub(crate) const TABLE: &str = "evenkeel-lease";

/// One copy: a reconciler with its own way to the account.
pub(crate) struct Process {
    pub(crate) who: &'static str,
    pub(crate) reconciler: Reconciler,
    pub(crate) resources: BTreeMap<Key, Resource>,
    pub(crate) freezer: Freezer,
    /// When it found itself in charge before a pass.
    pub(crate) in_charge: Mutex<Vec<Instant>>,
}

impl Process {
    /// A copy with these manifests; `what` is what it says that it is.
    pub(crate) async fn start(
        lab: &Lab,
        turns: &Arc<Turns>,
        (who, what): (&'static str, &str),
        manifests: &str,
        (kind, manner): (&Kind, Manner),
        freezer: Freezer,
    ) -> Arc<Self> {
        let sandbox = Connector(Arc::clone(&lab.sandbox));
        let wire = Wire { who, turns: Arc::clone(turns), freezer: freezer.clone(), sandbox };
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        // Who it is, it asks before the test begins.
        let schedule = std::mem::take(&mut *turns.schedule.lock().expect("the schedule"));
        let config = client::point(loader(), &lab.sandbox).http_client(wire).load().await;
        let aws = Aws::connect(&config, &metrics).await.expect("connect");
        *turns.schedule.lock().expect("the schedule") = schedule;
        turns.log.lock().expect("the log").retain(|call| call.operation != "GetCallerIdentity");
        let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
        let copy = Copy { id: who.to_owned(), what: what.to_owned(), manner };
        let fence = match kind {
            Kind::Epoch => Fence::epoch(copy),
            #[cfg(feature = "lease")]
            Kind::Lease => Fence::lease(TABLE.to_owned(), copy),
        };
        let reconciler = Reconciler::new(aws, rules, metrics).behind(fence);
        let resources = lab.declared(manifests);
        Arc::new(Self { who, reconciler, resources, freezer, in_charge: Mutex::default() })
    }

    pub(crate) async fn pass(&self, stop: &watch::Receiver<bool>) -> Pass {
        let due: BTreeSet<Key> = self.resources.keys().cloned().collect();
        self.reconciler.pass(&self.resources, &due, stop, &mut |_| {}).await
    }

    /// What the daemon's loop does, until it is stopped.
    pub(crate) async fn live(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let freezer = self.freezer.clone();
        let life = async {
            while !*stop.borrow() {
                if self.reconciler.tend().await.writes() {
                    self.in_charge.lock().expect("the moments").push(Instant::now());
                }
                self.pass(&stop).await;
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            }
            self.reconciler.release().await;
        };
        freezer.hold(life).await;
    }

    /// The first moment at which it found itself in charge before a pass.
    pub(crate) fn took_over(&self) -> Option<Instant> {
        self.in_charge.lock().expect("the moments").first().copied()
    }
}

/// An ECS task of the account, to be the copy's own: its ARN.
pub(crate) async fn task(lab: &Lab) -> String {
    use aws_sdk_ecs::types::{ContainerDefinition, LaunchType, NetworkMode};
    let ecs = lab.ecs();
    ecs.create_cluster().cluster_name("ops").send().await.expect("a cluster");
    let container = ContainerDefinition::builder().name("evenkeel").image("evenkeel:1").build();
    let register = ecs.register_task_definition().family("evenkeel").cpu("256").memory("512");
    let register = register.network_mode(NetworkMode::Awsvpc).requires_compatibilities("FARGATE".into());
    register.container_definitions(container).send().await.expect("a revision");
    let vpc = aws_sdk_ecs::types::AwsVpcConfiguration::builder().subnets("subnet-1").build().expect("subnets");
    let network = aws_sdk_ecs::types::NetworkConfiguration::builder().awsvpc_configuration(vpc).build();
    let run = ecs.run_task().cluster("ops").task_definition("evenkeel").launch_type(LaunchType::Fargate);
    let answer = run.network_configuration(network).send().await.expect("a task");
    let arn = answer.tasks().first().and_then(|task| task.task_arn()).expect("an ARN").to_owned();
    crate::scenario::seconds(60).await;
    lab.calls();
    arn
}

/// What a crash is to ECS: the task stops.
pub(crate) async fn stop_task(lab: &Lab, arn: &str) {
    lab.ecs().stop_task().cluster("ops").task(arn).send().await.expect("stop");
}

/// A table for leases.
#[cfg(feature = "lease")]
pub(crate) async fn table(sandbox: &Arc<Sandbox>) {
    use aws_sdk_dynamodb::types::{AttributeDefinition, KeySchemaElement, KeyType, ScalarAttributeType};
    let config = client::point(loader(), sandbox).load().await;
    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let create = aws_sdk_dynamodb::Client::new(&config).create_table().table_name(TABLE);
    let create = create.attribute_definitions(attribute.build().expect("an attribute"));
    create.key_schema(key.build().expect("a key")).send().await.expect("a table");
}

#[cfg(not(feature = "lease"))]
pub(crate) async fn table(_: &Arc<Sandbox>) {}
