//! Bounds: of every call, of a long pass over a slow account, of what the process remembers.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use evenkeel::aws::{Aws, loader};
use evenkeel::metrics::Metrics;
use evenkeel::model::{KINDS, Key, Kind};
use evenkeel::plan::Rules;
use evenkeel::sandbox::connector::Connector;
use evenkeel::sandbox::fault::{Fault, FaultKind};
use evenkeel::sandbox::{Sandbox, client};
use evenkeel::status::State;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use scenario::{INTERVAL, Lab, Running, cluster, key, manifest, role, seconds, service};

/// Longest that a call may take, all its attempts together.
const CALL: Duration = Duration::from_secs(30);

/// A line to the sandbox that can go dead, or let only so many calls through.
#[derive(Clone)]
struct Line(Arc<Inner>);

/// The account at its other end is no part of it.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

struct Inner {
    sandbox: Arc<Sandbox>,
    is_dead: AtomicBool,
    attempts: AtomicUsize,
    /// Calls in a second, what is left of them, and since when.
    limit: Mutex<Option<(f64, f64, Instant)>>,
}

impl Line {
    fn to(sandbox: &Arc<Sandbox>) -> Self {
        let (is_dead, attempts, limit) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(None));
        Self(Arc::new(Inner { sandbox: Arc::clone(sandbox), is_dead, attempts, limit }))
    }

    fn cut(&self, is_dead: bool) {
        self.0.is_dead.store(is_dead, Ordering::Relaxed);
    }

    fn limit(&self, per_second: f64) {
        *self.0.limit.lock().expect("no panic") = Some((per_second, per_second, Instant::now()));
    }

    fn attempts(&self) -> usize {
        self.0.attempts.swap(0, Ordering::Relaxed)
    }

    /// Whether the limit leaves room for a call.
    fn takes(&self) -> bool {
        let mut limit = self.0.limit.lock().expect("no panic");
        let Some((per_second, left, since)) = limit.as_mut() else { return true };
        *left = (*left + since.elapsed().as_secs_f64() * *per_second).min(*per_second);
        *since = Instant::now();
        let takes = *left >= 1.0;
        *left -= f64::from(u8::from(takes));
        takes
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let line = self.clone();
        HttpConnectorFuture::new(async move {
            line.0.attempts.fetch_add(1, Ordering::Relaxed);
            if line.0.is_dead.load(Ordering::Relaxed) {
                // Whoever never takes the request is given up by the SDK before the time is up.
                let _ = request.into_body().collect().await;
                return std::future::pending().await;
            }
            if !line.takes() {
                line.0.sandbox.inject(Fault { operation: "*".to_owned(), times: 1, kind: FaultKind::Throttled });
            }
            Connector(Arc::clone(&line.0.sandbox)).call(request).await
        })
    }
}

impl HttpClient for Line {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

async fn lab(line: &Line) -> Lab {
    let config = client::point(loader(), &line.0.sandbox).http_client(line.clone()).load().await;
    let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
    Lab::connected(Arc::clone(&line.0.sandbox), config, rules).await
}

/// A resource of every kind, by kind.
fn one_of(kind: Kind) -> String {
    let policy =
        "policyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}";
    let group = "autoScalingGroupProvider: {autoScalingGroupArn: 'arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/fleet'}";
    let job = "requiresCompatibilities: [FARGATE]\nnetworkMode: awsvpc\ncpu: '256'\nmemory: '512'\n\
               containerDefinitions: [{name: job, image: 'shop/job:1'}]";
    match kind {
        Kind::AccountSettings => manifest("AccountSettings", "account", "containerInsights: enabled"),
        Kind::Policy => manifest("Policy", "one", policy),
        Kind::Role => role("one", ""),
        Kind::Cluster => cluster("one"),
        Kind::CapacityProvider => manifest("CapacityProvider", "one", group),
        Kind::TaskDefinition => manifest("TaskDefinition", "one", job),
        Kind::Service => {
            let spec = "cluster: somebodys\nlaunchType: FARGATE\ntaskDefinition: theirs:1\n\
                        networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
            manifest("Service", "one", spec)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_waits_for_ever_for_somebody_who_never_answers() {
    let line = Line::to(&Sandbox::new());
    let lab = lab(&line).await;
    for row in KINDS {
        line.cut(true);
        line.attempts();
        let begun = Instant::now();
        let plan = lab.plan(&one_of(row.kind)).await;
        let (took, attempts) = (begun.elapsed(), line.attempts());
        // A look at one resource takes at most two calls, one after the other.
        assert!(took <= 2 * CALL && took >= Duration::from_secs(10), "{}: a look took {took:?}", row.name);
        assert!(attempts >= 2, "{}: {attempts} attempts", row.name);
        assert!(plan.items.iter().all(|item| item.steps.is_empty() && item.held.is_some()), "{}", row.name);
    }
    line.cut(true);
    for action in writes(&lab, &line).await {
        line.cut(true);
        line.attempts();
        let begun = Instant::now();
        lab.reconciler.aws().apply(&action).await.expect_err("no answer");
        let (took, attempts) = (begun.elapsed(), line.attempts());
        assert!(took <= CALL, "{}: {took:?}", action.permission());
        // What must not be made twice is tried once.
        let once = ["ecs:RegisterTaskDefinition", "ecs:UpdateService", "iam:CreatePolicyVersion"];
        let most = if once.contains(&action.permission()) { 1 } else { 3 };
        assert!((1..=most).contains(&attempts), "{}: {attempts} attempts", action.permission());
    }
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let begun = Instant::now();
    assert!(Aws::connect(&lab.config, &metrics).await.is_err());
    assert!(begun.elapsed() <= CALL, "{:?}", begun.elapsed());
}

/// The writes that make a resource of every kind.
async fn writes(lab: &Lab, line: &Line) -> Vec<evenkeel::action::Action> {
    line.cut(false);
    let mut writes = Vec::new();
    for row in KINDS.iter().filter(|row| row.kind != Kind::Service) {
        writes.extend(lab.plan(&one_of(row.kind)).await.items.into_iter().flat_map(|item| item.steps));
    }
    assert!(writes.len() >= 6, "{writes:?}");
    writes
}

/// A directory of its own with one file.
fn directory(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("tempdir");
    std::fs::write(folder.path().join("all.yaml"), text).expect("write");
    folder
}

/// Looks every second whether the process counts as alive.
async fn stays_alive(running: &Running, count: u64, what: &str) {
    for second in 0..count {
        assert!(running.shared.is_alive(), "{what}: stuck after {second} s");
        seconds(1).await;
    }
}

/// 1,000 resources: 100 policies, 100 roles that need them, 300 others, 20 clusters, and 240 services
/// with a task definition of their own.
fn thousand() -> String {
    let document =
        "policyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}";
    let mut all = String::new();
    for n in 0..100 {
        all += &manifest("Policy", &format!("denied-{n:03}"), document);
        all += &role(&format!("a-{n:03}"), &format!("managedPolicyArns: [{{ref: Policy/denied-{n:03}}}]"));
    }
    (0..300).for_each(|n| all += &role(&format!("role-{n:03}"), ""));
    (0..20).for_each(|n| all += &manifest("Cluster", &format!("cluster-{n:02}"), "{}"));
    for n in 0..240 {
        let web = service(&format!("web-{n:03}"), "shop/web:1", "", "");
        all += &web.replace("{ref: shop}", &format!("{{ref: cluster-{:02}}}", n % 20));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_thousand_resources_at_five_calls_a_second_converge_without_those_that_are_denied() {
    let sandbox = Sandbox::new();
    let denied = "not authorized to perform: iam:CreatePolicy with an explicit deny in a service control policy";
    let kind = FaultKind::Refuse { code: "AccessDenied", message: denied.to_owned(), status: 403 };
    sandbox.inject(Fault { operation: "CreatePolicy".to_owned(), times: u32::MAX, kind });
    let line = Line::to(&sandbox);
    let folder = directory(&thousand());
    let lab = lab(&line).await;
    line.limit(5.0);
    let running = Running::with(lab, (INTERVAL, false), folder.path(), None);
    let begun = Instant::now();
    let others = |running: &Running| {
        let board = running.shared.board();
        let stays = |key: &Key| key.name.starts_with("denied-") || key.name.starts_with("a-");
        board.statuses.iter().filter(|(key, status)| !stays(key) && status.state == State::InSync).count()
    };
    while others(&running) < 800 {
        assert!(running.shared.is_alive(), "stuck after {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(3600), "{} after an hour", others(&running));
        seconds(5).await;
    }
    let took = begun.elapsed();
    let log = std::mem::take(&mut sandbox.state().log);
    let of = |operation: &str, error: Option<&str>| {
        log.iter().filter(|line| line.operation == operation && line.error == error).count()
    };
    let throttled = log.iter().filter(|line| line.error.is_some_and(|error| error.starts_with("Throttling"))).count();
    let refused = of("CreatePolicy", Some("AccessDenied"));
    println!("{took:?}: {} calls, {throttled} throttled, {refused} denied", log.len());
    assert_eq!((of("CreateRole", None), of("CreateCluster", None)), (300, 20));
    assert_eq!((of("RegisterTaskDefinition", None), of("CreateService", None)), (240, 240));
    // Nobody is served a second time at the cost of those who wait for their first.
    let first_done = log.iter().rposition(|line| line.operation == "CreateService" && line.error.is_none());
    let before = log[..first_done.expect("made")].iter();
    let tries = before.filter(|line| line.operation == "CreatePolicy" && line.error == Some("AccessDenied")).count();
    assert!(tries <= 6 * 100, "{tries} tries of what is denied before the last of the others was made");
    assert!(refused * 4 <= log.len(), "{refused} of {} calls", log.len());
    assert!(log.len() <= 4 * 1000, "{} calls", log.len());
    // Without throttling every look succeeds, and what is left is what is denied.
    line.limit(1000.0);
    seconds(900).await;
    let board = running.shared.board();
    let of_denied = |name: &str, kind| board.statuses[&key(kind, name)].clone();
    assert_eq!(of_denied("denied-000", Kind::Policy).reason, "Denied");
    // It has waited for more than five minutes.
    assert_eq!(of_denied("a-000", Kind::Role).state, State::Blocked);
}

#[tokio::test(start_paused = true)]
async fn the_heart_beats_through_a_look_at_a_large_account_that_does_not_answer() {
    let line = Line::to(&Sandbox::new());
    let lab = lab(&line).await;
    let folder = directory(&thousand());
    line.cut(true);
    let running = Running::with(lab, (INTERVAL, false), folder.path(), None);
    stays_alive(&running, 3600, "a dead line").await;
    line.cut(false);
    stays_alive(&running, 1800, "a line that is back").await;
    let board = running.shared.board();
    let unsettled: Vec<_> = board.statuses.iter().filter(|(_, status)| status.state != State::InSync).collect();
    assert!(board.statuses.len() >= 1000 && unsettled.is_empty(), "{unsettled:?}");
}

/// Everything that the reconciler holds, its SDK clients included, written out: what grows shows.
fn size(lab: &Lab) -> usize {
    format!("{:?}", lab.reconciler).len()
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_does_not_grow_with_the_number_of_rollouts() {
    let lab = lab(&Line::to(&Sandbox::new())).await;
    let all = |n: usize| {
        let document = format!(
            "policyDocument: {{Version: '2012-10-17', Statement: [{{Effect: Allow, Action: 's3:Get{n}', Resource: '*'}}]}}"
        );
        [cluster("shop"), manifest("Policy", "read", &document), service("web", &format!("shop/web:{n}"), "", "")]
            .concat()
    };
    let mut after = Vec::new();
    for n in 0..120 {
        lab.settle(&all(n)).await;
        after.push(size(&lab));
    }
    assert!(after[119] <= after[39] + after[39] / 50, "{} after 40 rollouts, {} after 120", after[39], after[119]);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_does_not_grow_with_the_number_of_names_that_came_and_went() {
    let folder = directory("");
    let (hints, hinted) = tokio::sync::watch::channel(0_u64);
    let running = Running::watching(Sandbox::new(), (INTERVAL, false), folder.path(), Some(hinted)).await;
    let lab = lab(&Line::to(&running.sandbox)).await;
    let mut sizes = Vec::new();
    for n in 0..150 {
        let names: BTreeSet<String> = (0..5).map(|more| format!("role-{:04}", n + more)).collect();
        let text: String = names.iter().map(|name| role(name, "")).collect();
        std::fs::write(folder.path().join("all.yaml"), &text).expect("write");
        hints.send_modify(|count| *count += 1);
        seconds(10).await;
        lab.pass(&text).await;
        assert_eq!(running.shared.board().statuses.len(), 5);
        sizes.push((running.shared.metrics.text().expect("metrics").len(), size(&lab)));
    }
    let ((text, held), (text_after, held_after)) = (sizes[29], sizes[149]);
    // Numbers become longer.
    assert!(text_after <= text + 200, "metrics of {text} and {text_after} bytes");
    assert!(held_after <= held + held / 50, "{held} and {held_after}");
}
