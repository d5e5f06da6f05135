//! What AWS's errors make of a resource: every row of the table, and, in virtual time, that nothing
//! is forgotten, nothing spins, and what comes to be well is found without anybody's help.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::sync::Arc;
use std::time::Duration;

use evenkeel::failure::Class::{self, Barred, Conflict, Denied, Met, NotReady, Rejected, Throttled, Transient};
use evenkeel::failure::{ROWS, class};
use evenkeel::model::Kind;
use evenkeel::sandbox::Sandbox;
use evenkeel::sandbox::fault::{Fault, FaultKind};
use evenkeel::sandbox::propagation::Delays;
use evenkeel::status::{State, Status};

use scenario::{INTERVAL, Lab, Running, calls, cluster, conclusion, key, role, service};

/// Operation, code and words; what it means; and what it means if a role, a policy and a cluster that
/// the call depends on were written a moment ago.
#[rustfmt::skip]
const CATALOGUE: &[(&str, &str, &str, Class, Class)] = &[
    ("ecs:CreateCluster", "ThrottlingException", "Rate exceeded", Throttled, Throttled),
    ("ecs:CreateService", "ServerException", "", Transient, Transient),
    ("ecs:UpdateService", "ClientException", "Unable to describe task definition.", Rejected, Rejected),
    ("ecs:RegisterTaskDefinition", "ClientException", "Too many concurrent attempts to create a new revision of the specified family.", Conflict, Conflict),
    ("ecs:PutClusterCapacityProviders", "ClientException", "Cluster was not ACTIVE", NotReady, NotReady),
    ("ecs:CreateService", "ClientException", "The referenced cluster was inactive.", Conflict, NotReady),
    ("ecs:CreateService", "InvalidParameterException", "Unable to assume the service linked role. Please verify that the ECS service linked role exists.", NotReady, NotReady),
    ("ecs:CreateService", "InvalidParameterException", "Unable to assume role and validate the listeners configured on your load balancer. Please verify that the ECS service role being passed has the proper permissions.", Rejected, NotReady),
    ("ecs:CreateService", "InvalidParameterException", "ECS was unable to assume the configured ECS Infrastructure Role", Rejected, NotReady),
    ("ecs:CreateService", "InvalidParameterException", "The target group with targetGroupArn arn does not have an associated load balancer.", NotReady, NotReady),
    ("ecs:CreateService", "InvalidParameterException", "Creation of service was not idempotent.", Conflict, Conflict),
    ("ecs:CreateService", "InvalidParameterException", "Unable to Start a service that is still Draining.", NotReady, NotReady),
    ("ecs:DeleteService", "InvalidParameterException", "The service cannot be stopped while deployments are active.", NotReady, NotReady),
    ("ecs:DeleteService", "InvalidParameterException", "The service cannot be stopped while it is scaled above 0.", NotReady, NotReady),
    ("ecs:RegisterTaskDefinition", "InvalidParameterException", "Invalid CPU or memory value specified", Rejected, Rejected),
    ("ecs:UpdateService", "ServiceNotFoundException", "Service not found.", Conflict, Conflict),
    ("ecs:UpdateService", "ServiceNotActiveException", "Service was not ACTIVE.", Conflict, Conflict),
    ("ecs:CreateService", "ClusterNotFoundException", "Cluster not found.", Conflict, NotReady),
    ("ecs:DeleteCluster", "ClusterContainsServicesException", "", NotReady, NotReady),
    ("ecs:DeleteCluster", "ClusterContainsTasksException", "", NotReady, NotReady),
    ("ecs:DeleteCluster", "ClusterContainsContainerInstancesException", "", NotReady, NotReady),
    ("ecs:DeleteCluster", "ClusterContainsCapacityProviderException", "", NotReady, NotReady),
    ("ecs:PutClusterCapacityProviders", "UpdateInProgressException", "", NotReady, NotReady),
    ("ecs:PutClusterCapacityProviders", "ResourceInUseException", "", NotReady, NotReady),
    ("ecs:StopServiceDeployment", "ConflictException", "", Conflict, Conflict),
    ("ecs:RegisterTaskDefinition", "AccessDeniedException", "User is not authorized to perform: iam:PassRole on resource: arn", Denied, NotReady),
    ("ecs:RegisterTaskDefinition", "AccessDeniedException", "User is not authorized to perform: ecs:RegisterTaskDefinition", Denied, Denied),
    ("ecs:CreateService", "BlockedException", "Your account was blocked.", Barred, Barred),
    ("ecs:CreateService", "PlatformUnknownException", "", Rejected, Rejected),
    ("ecs:CreateService", "PlatformTaskDefinitionIncompatibilityException", "", Rejected, Rejected),
    ("ecs:CreateService", "UnsupportedFeatureException", "", Rejected, Rejected),
    ("ecs:CreateService", "LimitExceededException", "", Denied, Denied),
    ("ecs:CreateService", "NamespaceNotFoundException", "", NotReady, NotReady),
    ("ecs:TagResource", "ResourceNotFoundException", "", NotReady, NotReady),
    ("iam:CreateRole", "Throttling", "Rate exceeded", Throttled, Throttled),
    ("iam:CreateRole", "ServiceFailure", "", Transient, Transient),
    ("iam:DetachRolePolicy", "NoSuchEntity", "", Met, Met),
    ("iam:DeleteRolePolicy", "NoSuchEntity", "", Met, Met),
    ("iam:DeletePolicyVersion", "NoSuchEntity", "", Met, Met),
    ("iam:AttachRolePolicy", "NoSuchEntity", "Policy does not exist or is not attachable.", Rejected, NotReady),
    ("iam:PutRolePermissionsBoundary", "NoSuchEntity", "", Rejected, NotReady),
    ("iam:UpdateRole", "NoSuchEntity", "", Conflict, NotReady),
    ("iam:CreateRole", "EntityAlreadyExists", "", Conflict, Conflict),
    ("iam:DeleteRole", "DeleteConflict", "", NotReady, NotReady),
    ("iam:CreateRole", "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"arn\"", Rejected, NotReady),
    ("iam:CreateRole", "MalformedPolicyDocument", "Syntax errors in policy.", Rejected, Rejected),
    ("iam:CreateRole", "InvalidInput", "", Rejected, Rejected),
    ("iam:AttachRolePolicy", "PolicyNotAttachable", "", Rejected, Rejected),
    ("iam:PutRolePolicy", "ConcurrentModification", "", Conflict, Conflict),
    ("iam:UpdateRole", "EntityTemporarilyUnmodifiable", "", NotReady, NotReady),
    ("iam:CreatePolicyVersion", "LimitExceeded", "", Conflict, Conflict),
    ("iam:AttachRolePolicy", "LimitExceeded", "", Denied, Denied),
    ("iam:UpdateRole", "UnmodifiableEntity", "", Rejected, Rejected),
    ("iam:CreateRole", "AccessDenied", "", Denied, Denied),
    ("iam:AddRoleToInstanceProfile", "InvalidParameterValue", "Invalid IAM Instance Profile name", Rejected, NotReady),
    ("iam:CreateRole", "ExpiredToken", "", Transient, Transient),
    ("ecs:CreateService", "ExpiredTokenException", "", Transient, Transient),
    ("iam:CreateRole", "RequestExpired", "", Transient, Transient),
    ("iam:CreateRole", "InvalidClientTokenId", "", Barred, Barred),
    ("ecs:CreateService", "UnrecognizedClientException", "", Barred, Barred),
    ("iam:CreateRole", "SignatureDoesNotMatch", "", Barred, Barred),
    ("ecs:CreateService", "InvalidSignatureException", "", Barred, Barred),
    ("iam:CreateRole", "IncompleteSignature", "", Barred, Barred),
    ("ecs:CreateService", "NobodyKnowsThisException", "", Rejected, Rejected),
];

#[test]
fn every_error_of_the_catalogue_has_its_class_young_and_old() {
    for (operation, code, words, old, young) in CATALOGUE {
        assert_eq!(class(operation, code, words, 400, &[].into()), *old, "{operation} {code} {words}");
        let kinds = [Kind::Role, Kind::Policy, Kind::Cluster].into();
        assert_eq!(class(operation, code, words, 400, &kinds), *young, "{operation} {code} {words}, young");
    }
    let untested: Vec<_> = ROWS.iter().filter(|row| !row.young.is_empty() || !row.words.is_empty()).collect();
    for row in untested {
        let is_tested = |(_, code, words, ..): &(&str, &str, &str, Class, Class)| {
            *code == row.code && words.to_lowercase().contains(&row.words.to_lowercase())
        };
        assert!(CATALOGUE.iter().any(is_tested), "{} {:?}", row.code, row.words);
    }
}

#[test]
fn an_error_that_nobody_has_listed_goes_by_its_status() {
    let of = |status| class("ecs:CreateService", "Whatever", "", status, &[].into());
    assert_eq!((of(400), of(403), of(429), of(500), of(503)), (Rejected, Rejected, Throttled, Transient, Transient));
}

/// The service `web` with a task role.
fn web(role: &str) -> String {
    service("web", "shop/web:1", "", "").replace("  cpu:", &format!("  taskRoleArn: {{ref: {role}}}\n    cpu:"))
}

fn shop() -> String {
    [role("task", ""), cluster("shop"), web("task")].concat()
}

fn status(running: &Running, kind: Kind, name: &str) -> Option<Status> {
    running.shared.board().statuses.get(&key(kind, name)).cloned()
}

fn is_in_sync(running: &Running) -> bool {
    let board = running.shared.board();
    !board.statuses.is_empty() && board.statuses.values().all(|status| status.state == State::InSync)
}

/// Waits until everything is in sync, and says how long that took.
async fn until_in_sync(running: &Running, most: Duration) -> Duration {
    let begun = tokio::time::Instant::now();
    while !is_in_sync(running) {
        assert!(begun.elapsed() <= most, "still {:?}", running.shared.board().statuses);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    begun.elapsed()
}

fn refuse(code: &'static str, message: &str) -> FaultKind {
    FaultKind::Refuse { code, message: message.to_owned(), status: 400 }
}

fn inject(running: &Running, operation: &str, kind: FaultKind) {
    running.sandbox.inject(Fault { operation: operation.to_owned(), times: u32::MAX, kind });
}

fn counted(running: &Running, start: &str) -> u64 {
    let text = running.shared.metrics.text().expect("metrics");
    let lines = text.lines().filter(|line| line.starts_with(start));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_role_that_ecs_cannot_assume_is_waited_for_by_name_and_blocked_when_it_is_old() {
    let sandbox = Sandbox::new();
    sandbox.state().propagation = Delays { assumable: Duration::from_secs(3600), ..Delays::default() };
    let running = Running::begin(sandbox, INTERVAL, &[("all.yaml", &shop())]).await;
    scenario::seconds(60).await;
    let waits = status(&running, Kind::Service, "web").expect("looked at");
    assert_eq!((waits.state, waits.reason), (State::Waiting, "NotReady"));
    assert!(waits.message.contains("waits for Role/task to take effect"), "{}", waits.message);
    scenario::seconds(300).await;
    let blocked = status(&running, Kind::Service, "web").expect("looked at");
    assert_eq!((blocked.state, blocked.reason), (State::Blocked, "Rejected"));
    running.sandbox.state().propagation = Delays::default();
    until_in_sync(&running, Duration::from_secs(610)).await;
}

#[tokio::test(start_paused = true)]
async fn a_denied_pass_role_without_a_young_role_is_blocked_at_once() {
    let lab = Lab::new().await;
    let all = [role("task", ""), cluster("shop")].concat();
    lab.settle(&all).await;
    scenario::seconds(301).await;
    let message = "User is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/task";
    lab.inject("RegisterTaskDefinition", 1, refuse("AccessDeniedException", message));
    let pass = lab.pass(&shop()).await;
    let blocked = conclusion(&pass, &key(Kind::TaskDefinition, "web"));
    assert_eq!((blocked.state, blocked.reason), (State::Blocked, "Denied"));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_more_than_five_minutes_is_blocked_since_it_began_and_recovers_by_itself() {
    let running = Running::start(&[("all.yaml", &[role("task", ""), cluster("shop")].concat())]).await;
    let words = "The target group with targetGroupArn arn does not have an associated load balancer.";
    inject(&running, "CreateService", refuse("InvalidParameterException", words));
    running.write("all.yaml", &shop());
    scenario::seconds(60).await;
    let waits = status(&running, Kind::Service, "web").expect("looked at");
    assert_eq!((waits.state, waits.reason), (State::Waiting, "NotReady"));
    scenario::seconds(330).await;
    let blocked = status(&running, Kind::Service, "web").expect("looked at");
    assert_eq!((blocked.state, blocked.reason, blocked.since), (State::Blocked, "NotReady", waits.since));
    assert!(blocked.message.starts_with("for more than 5 minutes: ecs:CreateService: it waits"), "{}", blocked.message);
    running.sandbox.heal();
    until_in_sync(&running, Duration::from_secs(610)).await;
}

/// One error of each class, and some that nobody has listed.
fn faults() -> Vec<FaultKind> {
    let mut faults: Vec<FaultKind> = [
        ("ExpiredTokenException", ""),
        ("InvalidParameterException", "Unable to assume the service linked role."),
        ("InvalidParameterException", "ECS was unable to assume the role"),
        ("ConflictException", ""),
        ("InvalidParameterException", "Invalid cpu"),
        ("AccessDeniedException", "not authorized to perform: iam:PassRole on resource: role/task"),
        ("AccessDeniedException", "not authorized"),
        ("LimitExceededException", ""),
        ("InvalidClientTokenId", ""),
        ("BlockedException", ""),
        ("NobodyKnowsThisException", "of which nobody has heard"),
    ]
    .into_iter()
    .map(|(code, message)| refuse(code, message))
    .collect();
    let status = |status| FaultKind::Refuse { code: "NobodyKnowsThisException", message: String::new(), status };
    faults.extend([FaultKind::Throttled, FaultKind::ServerError, FaultKind::DropBefore, FaultKind::Panic]);
    faults.extend([status(429), status(503)]);
    faults
}

/// Watches a counter for an hour: never two more in a second, never ten minutes without one.
async fn watch_for_an_hour(running: &Running, counter: &str, of: &str) {
    const LOOK: Duration = Duration::from_millis(250);
    // The longest that a call takes with all of the SDK's own tries.
    const CALL: Duration = Duration::from_secs(31);
    let begun = tokio::time::Instant::now();
    let (mut before, mut last, mut seen, mut called) = (counted(running, counter), None, 0, CALL);
    while begun.elapsed() < Duration::from_secs(3600) {
        tokio::time::sleep(LOOK).await;
        let at = begun.elapsed();
        called = if running.calls().is_empty() { called } else { at };
        // What never reaches the account is looked for now and then.
        let now =
            if at <= called + CALL || at.as_secs().is_multiple_of(20) { counted(running, counter) } else { before };
        assert!(now <= before + 1, "{of}: {} tries at {at:?}", now - before);
        let quiet = at.saturating_sub(last.unwrap_or_default());
        if now > before {
            let soonest = if last.is_some() { Duration::from_secs(1) } else { Duration::ZERO };
            assert!(quiet + LOOK >= soonest, "{of}: tried at {last:?} and at {at:?}");
            (seen, last) = (seen + 1, Some(at));
        }
        assert!(quiet <= Duration::from_secs(600), "{of}: not tried for {quiet:?} at {at:?}, after {seen} tries");
        before = now;
    }
    assert!(seen >= 6, "{of}: {seen} tries");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_tried_at_most_once_a_second_and_at_least_once_in_ten_minutes() {
    let often = faults().into_iter().step_by(5).map(|fault| (60, fault));
    for (interval, fault) in faults().into_iter().map(|fault| (86_400, fault)).chain(often) {
        let of = format!("{fault:?} every {interval} s");
        let interval = Duration::from_secs(interval);
        let running = Running::begin(Sandbox::new(), interval, &[]).await;
        inject(&running, "CreateService", fault);
        running.write("all.yaml", &shop());
        let counter = "evenkeel_actions_total{action=\"ecs:CreateService\",result=\"error\"}";
        watch_for_an_hour(&running, counter, &of).await;
        let status = status(&running, Kind::Service, "web").expect("looked at");
        assert!([State::Waiting, State::Blocked].contains(&status.state), "{of}: {}", status.state);
        assert!(status.message.contains("ecs:CreateService"), "{of}: {}", status.message);
        running.sandbox.heal();
        until_in_sync(&running, Duration::from_secs(630)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_is_tried_at_most_once_a_second_and_at_least_once_in_ten_minutes() {
    for fault in faults() {
        let of = format!("{fault:?}");
        let running = Running::begin(Sandbox::new(), Duration::from_secs(86_400), &[]).await;
        inject(&running, "DescribeServices", fault);
        running.write("all.yaml", &shop());
        scenario::seconds(60).await;
        watch_for_an_hour(&running, "evenkeel_passes_total", &of).await;
        let status = status(&running, Kind::Service, "web").expect("looked at");
        assert_eq!((status.state, status.reason), (State::Blocked, "CannotSee"), "{of}");
        running.sandbox.heal();
        until_in_sync(&running, Duration::from_secs(630)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_for_a_person_is_looked_at_within_ten_minutes_however_long_the_interval_is() {
    let lab = Lab::owned(Sandbox::new(), "another").await;
    lab.settle(&shop()).await;
    let day = Duration::from_secs(86_400);
    let running = Running::begin(Arc::clone(&lab.sandbox), day, &[("all.yaml", &cluster("shop"))]).await;
    scenario::seconds(60).await;
    assert_eq!(running.board(), ["Cluster/shop: blocked"]);
    running.sandbox.state().ecs.region("us-east-1").clusters.clear();
    until_in_sync(&running, Duration::from_secs(610)).await;
}

#[tokio::test(start_paused = true)]
async fn one_denied_role_does_not_stall_the_others() {
    let lab = Lab::new().await;
    let all = [role("another", ""), shop()].concat();
    lab.inject("CreateRole", 1, refuse("AccessDenied", "not authorized to perform: iam:CreateRole"));
    let pass = lab.pass(&all).await;
    let denied = conclusion(&pass, &key(Kind::Role, "another"));
    assert_eq!((denied.state, denied.reason), (State::Blocked, "Denied"));
    assert_eq!(calls(&pass.outcomes)[1..], ["CreateRole", "CreateCluster", "RegisterTaskDefinition", "CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_deleted_behind_our_back_comes_back_when_it_has_drained() {
    let running = Running::start(&[("all.yaml", &shop())]).await;
    let lab = Lab::over(Arc::clone(&running.sandbox)).await;
    lab.ecs().delete_service().cluster("shop").service("web").force(true).send().await.expect("deleted");
    scenario::seconds(1).await;
    scenario::seconds(INTERVAL.as_secs()).await;
    until_in_sync(&running, Duration::from_secs(60)).await;
    assert_eq!(lab.service("shop", "web").await.running_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_deleted_with_its_services_comes_back_with_them() {
    let running = Running::start(&[("all.yaml", &shop())]).await;
    running.writes();
    running.sandbox.state().ecs.region("us-east-1").clusters.remove("shop");
    scenario::seconds(INTERVAL.as_secs() + 30).await;
    until_in_sync(&running, Duration::from_secs(30)).await;
    assert_eq!(running.writes(), ["CreateCluster", "CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_detached_already_is_no_failure() {
    let lab = Lab::new().await;
    let attached = role("task", "managedPolicyArns: [\"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess\"]");
    lab.settle(&attached).await;
    let other = attached.replace("AmazonSSMReadOnlyAccess", "ReadOnlyAccess");
    lab.inject("DetachRolePolicy", 1, refuse("NoSuchEntity", "not attached"));
    let pass = lab.pass(&other).await;
    assert!(pass.outcomes.iter().all(|outcome| outcome.result.is_ok()), "{:?}", calls(&pass.outcomes));
}

#[tokio::test(start_paused = true)]
async fn with_refused_credentials_no_further_call_is_made_in_a_pass() {
    let lab = Lab::new().await;
    let roles: String = (0..5).map(|n| role(&format!("task-{n}"), "")).collect();
    lab.inject("CreateRole", u32::MAX, refuse("InvalidClientTokenId", "The security token is invalid."));
    let pass = lab.pass(&[roles, cluster("shop")].concat()).await;
    assert_eq!(lab.writes(), ["CreateRole"]);
    let barred = conclusion(&pass, &key(Kind::Role, "task-0"));
    assert_eq!((barred.state, barred.reason), (State::Blocked, "Barred"));
}

#[tokio::test(start_paused = true)]
async fn with_refused_credentials_the_daemon_writes_nothing_lives_on_and_says_so() {
    for code in ["InvalidClientTokenId", "SignatureDoesNotMatch"] {
        let running = Running::start(&[("all.yaml", &shop())]).await;
        running.writes();
        inject(&running, "*", refuse(code, "no"));
        running.write("all.yaml", &shop().replace("shop/web:1", "shop/web:2"));
        scenario::seconds(1800).await;
        assert_eq!(running.writes(), [""; 0]);
        let barred = status(&running, Kind::Service, "web").expect("looked at");
        assert_eq!((barred.state, barred.reason), (State::Blocked, "CannotSee"));
        assert!(barred.message.contains(code), "{}", barred.message);
        running.sandbox.heal();
        until_in_sync(&running, Duration::from_secs(630)).await;
        assert!(running.stop().await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_fails_one_try_and_not_the_next() {
    let lab = Lab::new().await;
    let words = "The security token included in the request is expired";
    lab.inject("CreateCluster", 1, refuse("ExpiredTokenException", words));
    let pass = lab.pass(&cluster("shop")).await;
    let waits = conclusion(&pass, &key(Kind::Cluster, "shop"));
    assert_eq!((waits.state, waits.reason), (State::Waiting, "Unreachable"));
    assert_eq!(calls(&lab.pass(&cluster("shop")).await.outcomes), ["CreateCluster"]);
}

#[tokio::test(start_paused = true)]
async fn a_bug_that_a_call_meets_is_counted_and_stops_nothing_else() {
    let running = Running::begin(Sandbox::new(), INTERVAL, &[]).await;
    inject(&running, "CreateService", FaultKind::Panic);
    running.write("all.yaml", &[shop(), role("another", "")].concat());
    running.settle().await;
    let board = running.board();
    let ends = ["Role/another: in_sync", "Role/task: in_sync", "Cluster/shop: in_sync"];
    assert!(ends.iter().all(|line| board.contains(&(*line).to_owned())), "{board:?}");
    let broken = status(&running, Kind::Service, "web").expect("looked at");
    assert_eq!((broken.state, broken.reason), (State::Blocked, "Panicked"));
    assert!(counted(&running, "evenkeel_panics_total") > 0);
    running.sandbox.heal();
    until_in_sync(&running, Duration::from_secs(630)).await;
}

#[tokio::test(start_paused = true)]
async fn a_bug_that_a_look_meets_is_counted_and_stops_nothing_else() {
    let running = Running::start(&[("all.yaml", &[shop(), role("another", "")].concat())]).await;
    running.writes();
    inject(&running, "DescribeServices", FaultKind::Panic);
    let changed = [shop(), role("another", "maxSessionDuration: 7200")].concat();
    running.write("all.yaml", &changed.replace("shop/web:1", "shop/web:2"));
    running.settle().await;
    assert_eq!(running.writes(), ["UpdateRole"]);
    let broken = status(&running, Kind::Service, "web").expect("looked at");
    assert_eq!((broken.state, broken.reason), (State::Blocked, "CannotSee"));
    assert!(broken.message.contains("a bug"), "{}", broken.message);
    assert!(counted(&running, "evenkeel_panics_total") > 0);
    running.sandbox.heal();
    until_in_sync(&running, Duration::from_secs(630)).await;
}
