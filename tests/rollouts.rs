//! What becomes of rollouts: good, bad, taken back, paused, and never a success that was none.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_ecs::types::{ServiceDeployment, StopServiceDeploymentStopType};
use evenkeel::model::Kind;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::status::{Conclusion, State};
use evenkeel::world::{Phase, Seen};

use scenario::{Lab, Running, annotated, calls, cluster, conclusion, key, seconds, service};

const BREAKER: &str = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}";

/// A service `web` with a circuit breaker that rolls back.
fn shop(image: &str) -> String {
    with(image, BREAKER)
}

fn with(image: &str, more: &str) -> String {
    [cluster("shop"), service("web", image, "", more)].concat()
}

/// A pause hook before the first task of a rollout.
fn hooked(image: &str) -> String {
    let hook = "{targetType: PAUSE, lifecycleStages: [PRE_SCALE_UP], \
                timeoutConfiguration: {timeoutInMinutes: 30, action: ROLLBACK}}";
    with(image, &format!("deploymentConfiguration: {{lifecycleHooks: [{hook}]}}"))
}

/// What a pass over the manifests says of the service.
async fn look(lab: &Lab, manifests: &str) -> Conclusion {
    conclusion(&lab.pass(manifests).await, &key(Kind::Service, "web"))
}

fn assert_says(conclusion: &Conclusion, state: State, reason: &str, parts: &[&str]) {
    assert_eq!((conclusion.state, conclusion.reason), (state, reason), "{}", conclusion.message);
    for part in parts {
        assert!(conclusion.message.contains(part), "{part}: {}", conclusion.message);
    }
}

/// The newest service deployment.
async fn newest(lab: &Lab) -> ServiceDeployment {
    let listed = lab.ecs().list_service_deployments().cluster("shop").service("web").send().await.expect("list");
    let last = listed.service_deployments().iter().max_by_key(|one| one.created_at().copied()).expect("one");
    let arn = last.service_deployment_arn().expect("ARN");
    let described = lab.ecs().describe_service_deployments().service_deployment_arns(arn).send().await;
    described.expect("describe").service_deployments.unwrap_or_default().remove(0)
}

async fn stop(lab: &Lab, how: StopServiceDeploymentStopType) {
    let arn = newest(lab).await.service_deployment_arn.expect("ARN");
    lab.ecs().stop_service_deployment().service_deployment_arn(arn).stop_type(how).send().await.expect("stop");
}

fn status(running: &Running) -> (State, &'static str, String) {
    let board = running.shared.board();
    let status = &board.statuses[&key(Kind::Service, "web")];
    (status.state, status.reason, status.message.clone())
}

#[tokio::test(start_paused = true)]
async fn a_bad_image_is_taken_back_held_over_a_restart_and_a_fixed_manifest_is_healthy() {
    let running = Running::start(&[("web.yaml", &shop("shop/web:1"))]).await;
    running.writes();
    running.write("web.yaml", &shop("shop/web:crash"));
    running.settle().await;
    assert_eq!(running.writes(), ["RegisterTaskDefinition", "UpdateService"]);
    let (state, reason, message) = status(&running);
    assert_eq!((state, reason), (State::Degraded, "RolledBack"), "{message}");
    for part in ["circuit breaker threshold was exceeded", "rolling back to deployment …", "until the manifest changes"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    let drifted = running.shared.board().statuses[&key(Kind::Service, "web")].drifted_since;
    assert!(drifted.is_some(), "what ECS took back is not as declared");
    let sandbox = Arc::clone(&running.sandbox);
    assert!(running.stop().await);

    let restarted = Running::over(sandbox, &[("web.yaml", &shop("shop/web:crash"))]).await;
    assert_eq!((restarted.writes(), status(&restarted).1), (Vec::new(), "RolledBack"));
    restarted.write("web.yaml", &shop("shop/web:3"));
    restarted.settle().await;
    assert_eq!(restarted.writes(), ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(status(&restarted), (State::InSync, "InSync", String::new()));
    assert!(restarted.stop().await);
}

#[tokio::test(start_paused = true)]
async fn while_ecs_takes_a_rollout_back_it_is_under_way_and_then_it_has_failed() {
    let lab = Lab::new().await;
    // Two tasks and no surplus: what was stopped for the new ones has to be started again.
    let of = |image: &str| {
        let limits = "maximumPercent: 100, minimumHealthyPercent: 0";
        with(image, &format!("desiredCount: 2\n{}", BREAKER.replace("{deployment", &format!("{{{limits}, deployment"))))
    };
    lab.settle(&of("shop/web:1")).await;
    lab.pass(&of("shop/web:crash")).await;
    let mut told = Vec::new();
    for _ in 0..120 {
        seconds(1).await;
        let now = look(&lab, &of("shop/web:crash")).await;
        if now.reason == "RollingBack" {
            assert_says(&now, State::Progressing, "RollingBack", &["ECS takes it back", "circuit breaker"]);
        }
        if told.last() != Some(&now.reason) {
            told.push(now.reason);
        }
    }
    assert_eq!(told, ["RollingOut", "RollingBack", "RolledBack"]);
    assert_eq!(lab.settle(&of("shop/web:3")).await, ["RegisterTaskDefinition", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_circuit_breaker_a_rollout_that_never_gets_healthy_goes_on_and_says_what_happens() {
    let running = Running::start(&[("web.yaml", &with("shop/web:1", ""))]).await;
    running.write("web.yaml", &with("shop/web:crash", ""));
    for _ in 0..20 {
        running.settle().await;
        let (state, reason, message) = status(&running);
        assert_eq!((state, reason), (State::Progressing, "RollingOut"), "{message}");
        for part in ["failed to start", "last events: ", "unable to consistently start tasks successfully", " times)"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_somebody_stopped_has_failed() {
    for how in [StopServiceDeploymentStopType::Rollback, StopServiceDeploymentStopType::Abort] {
        let lab = Lab::new().await;
        let next = with("shop/web:2", "");
        lab.settle(&with("shop/web:1", "")).await;
        lab.pass(&next).await;
        stop(&lab, how.clone()).await;
        seconds(60).await;
        let reason = if how == StopServiceDeploymentStopType::Abort { "RolloutFailed" } else { "RolledBack" };
        lab.calls();
        for _ in 0..3 {
            assert_says(&look(&lab, &next).await, State::Degraded, reason, &["StopServiceDeployment was called"]);
        }
        assert_eq!(lab.writes(), [""; 0]);
        assert_eq!(lab.settle(&with("shop/web:3", "")).await, ["RegisterTaskDefinition", "UpdateService"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_without_service_deployments_is_judged_by_its_rollout_state() {
    let lab = Lab::new().await;
    let of = |image: &str| with(image, "");
    lab.settle(&of("shop/web:1")).await;
    let forget = || {
        let mut state = lab.sandbox.state();
        let services = state.ecs.region("us-east-1").clusters.get_mut("shop").map(|shop| &mut shop.services);
        services.and_then(|services| services.get_mut("web")).expect("a service").untracked = true;
    };
    forget();
    assert_eq!(calls(&lab.pass(&of("shop/web:2")).await.outcomes), ["RegisterTaskDefinition", "UpdateService"]);
    assert_says(&look(&lab, &of("shop/web:2")).await, State::Progressing, "RollingOut", &["tasks run"]);
    lab.settle(&of("shop/web:2")).await;
    assert_eq!(look(&lab, &of("shop/web:2")).await.state, State::InSync);
}

#[tokio::test(start_paused = true)]
async fn a_paused_hook_waits_for_a_person_and_says_how_to_go_on() {
    let lab = Lab::new().await;
    lab.settle(&hooked("shop/web:1")).await;
    lab.pass(&hooked("shop/web:2")).await;
    seconds(600).await;
    let paused = look(&lab, &hooked("shop/web:2")).await;
    let deployment = newest(&lab).await;
    let (arn, hook) = (deployment.service_deployment_arn().expect("ARN"), &deployment.lifecycle_hook_details()[0]);
    let hook = hook.hook_id().expect("an id");
    let how = format!("--service-deployment-arn {arn} --hook-id {hook} --action CONTINUE");
    assert_says(&paused, State::Waiting, "Paused", &["paused at PRE_SCALE_UP", &how, "ECS takes ROLLBACK"]);
    lab.ecs().continue_service_deployment().service_deployment_arn(arn).hook_id(hook).send().await.expect("continue");
    lab.settle(&hooked("shop/web:2")).await;
    assert_eq!(look(&lab, &hooked("shop/web:2")).await.state, State::InSync);

    // Nobody comes, and the hook times out.
    lab.pass(&hooked("shop/web:3")).await;
    seconds(1700).await;
    assert_eq!(look(&lab, &hooked("shop/web:3")).await.reason, "Paused");
    seconds(200).await;
    assert_says(&look(&lab, &hooked("shop/web:3")).await, State::Degraded, "RolledBack", &["pause hook"]);
    // A new manifest need not wait for the hook of an old one.
    lab.pass(&hooked("shop/web:4")).await;
    seconds(60).await;
    assert_eq!(look(&lab, &hooked("shop/web:4")).await.reason, "Paused");
    assert_eq!(calls(&lab.pass(&with("shop/web:5", "")).await.outcomes), ["RegisterTaskDefinition", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_was_taken_back_between_two_looks_has_failed() {
    let lab = Lab::new().await;
    lab.settle(&shop("shop/web:1")).await;
    lab.pass(&shop("shop/web:crash")).await;
    seconds(600).await;
    let service = lab.service("shop", "web").await;
    assert_eq!((service.deployments().len(), service.running_count()), (1, 1), "ECS shows it at rest again");
    let taken_back = look(&lab, &shop("shop/web:crash")).await;
    assert_says(&taken_back, State::Degraded, "RolledBack", &["circuit breaker threshold was exceeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_of_ours_that_was_taken_back_is_no_success_though_the_service_is_as_declared() {
    let lab = Lab::new().await;
    lab.settle(&with("shop/web:1", "")).await;
    lab.ecs().update_service().cluster("shop").service("web").force_new_deployment(true).send().await.expect("force");
    stop(&lab, StopServiceDeploymentStopType::Rollback).await;
    seconds(60).await;
    let resources = lab.declared(&with("shop/web:1", ""));
    let web = key(Kind::Service, "web");
    let asked = [&resources[&web]];
    let phase = async |followed: BTreeSet<_>| {
        let mut seen = lab.reconciler.aws().observe(&asked).await.seen;
        lab.reconciler.aws().rollouts(&asked, &followed, &mut seen).await;
        match seen.remove(&web) {
            Some(Seen::Present(live)) => live.phase,
            other => panic!("{other:?}"),
        }
    };
    lab.calls();
    assert_eq!(phase(BTreeSet::new()).await, Phase::Steady, "it is somebody else's, and over");
    assert_eq!(lab.calls(), ["DescribeServices"], "a service at rest costs nothing more");
    let Phase::Failed(why) = phase(BTreeSet::from([web.clone()])).await else { panic!("a success") };
    assert!(why.contains("StopServiceDeployment was called"), "{why}");
    // Nobody can tell: that is no success either.
    lab.inject(
        "ListServiceDeployments",
        1,
        FaultKind::Refuse { code: "AccessDeniedException", message: "no".to_owned(), status: 400 },
    );
    let Phase::Busy(why) = phase(BTreeSet::from([web.clone()])).await else { panic!("a success") };
    assert!(why.contains("access denied"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_ecs_took_back_has_failed_and_is_not_begun_again() {
    let lab = Lab::new().await;
    lab.settle(&with("shop/web:1", "")).await;
    let at = "evenkeel/restarted-at: \"2026-11-22T04:00:00Z\"";
    let restarted = [cluster("shop"), annotated(&service("web", "shop/web:1", "", ""), at)].concat();
    assert_eq!(calls(&lab.pass(&restarted).await.outcomes), ["TagResource", "UpdateService"]);
    stop(&lab, StopServiceDeploymentStopType::Rollback).await;
    seconds(60).await;
    for _ in 0..3 {
        let taken_back = look(&lab, &restarted).await;
        assert_says(&taken_back, State::Degraded, "RolledBack", &["StopServiceDeployment was called"]);
    }
    assert_eq!(look(&lab, &with("shop/web:2", "")).await.state, State::Progressing);
    lab.settle(&with("shop/web:2", "")).await;
}

#[tokio::test(start_paused = true)]
async fn an_earlier_failed_rollout_does_not_make_a_later_good_one_fail() {
    let lab = Lab::new().await;
    lab.settle(&shop("shop/web:1")).await;
    for round in 0..3 {
        lab.pass(&shop("shop/web:crash")).await;
        seconds(600).await;
        assert_eq!(look(&lab, &shop("shop/web:crash")).await.reason, "RolledBack");
        let good = shop(&format!("shop/web:good-{round}"));
        lab.pass(&good).await;
        for _ in 0..30 {
            let now = look(&lab, &good).await;
            assert!(matches!(now.state, State::Progressing | State::InSync), "{now:?}");
            seconds(1).await;
        }
        assert_eq!(look(&lab, &good).await.state, State::InSync);
    }
    // Back to what ran before the failure: nothing is to be rolled out, and nothing is wrong.
    lab.pass(&shop("shop/web:crash")).await;
    seconds(600).await;
    lab.pass(&shop("shop/web:crash")).await;
    assert_eq!(lab.settle(&shop("shop/web:good-2")).await, [""; 0]);
    assert_eq!(look(&lab, &shop("shop/web:good-2")).await.state, State::InSync);
}

#[tokio::test(start_paused = true)]
async fn fifty_rollouts_at_once_are_three_calls_more_than_fifty_services_at_rest() {
    let lab = Lab::new().await;
    let all = |image: &str| {
        let services = (0..50).map(|n| service(&format!("web-{n:02}"), image, "", ""));
        [cluster("shop")].into_iter().chain(services).collect::<String>()
    };
    lab.settle(&all("shop/web:1")).await;
    lab.calls();
    lab.pass(&all("shop/web:1")).await;
    let at_rest = lab.calls().len();
    lab.pass(&all("shop/web:2")).await;
    lab.calls();
    let pass = lab.pass(&all("shop/web:2")).await;
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web-00")).reason, "RollingOut");
    let calls = lab.calls();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert_eq!((count("DescribeServiceDeployments"), count("ListServiceDeployments")), (3, 0));
    assert_eq!(calls.len(), at_rest + 3, "{calls:?}");
}
