//! What is done about differences, directory by directory, in virtual time.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "other tests use the rest")]
mod scenario;

use evenkeel::mode::Modes;
use evenkeel::plan::Rules;
use evenkeel::sandbox::Sandbox;

use scenario::{INTERVAL, Running, cluster, role, service};

async fn running(modes: &str, files: &[(&str, &str)]) -> Running {
    let modes: Modes = modes.parse().expect("modes");
    let rules = Rules { owner: "evenkeel".to_owned(), modes, ..Rules::default() };
    let running = Running::under(Sandbox::new(), rules, (INTERVAL, false), files).await;
    running.settle().await;
    running
}

fn why(running: &Running, name: &str) -> String {
    let board = running.shared.board();
    let status = board.statuses.iter().find(|(key, _)| key.to_string() == name).expect("a status").1;
    format!("{} {}: {}", status.state, status.reason, status.message)
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_is_only_observed_is_seen_and_not_written_to_while_its_neighbour_is() {
    let (ours, theirs) = (role("ours", ""), role("theirs", ""));
    let running = running("apply,legacy=observe", &[("a.yaml", &ours), ("legacy/b.yaml", &theirs)]).await;
    assert_eq!(running.board(), ["Role/ours: in_sync", "Role/theirs: drifted"]);
    assert_eq!(running.writes(), ["CreateRole"]);
    assert_eq!(why(&running, "Role/theirs"), "drifted NotApplied: the mode is observe: nothing is changed");
}

#[tokio::test(start_paused = true)]
async fn what_needs_something_that_is_only_planned_waits_for_it() {
    let web = service("web", "shop/web:1", "", "");
    let running = running("legacy=plan", &[("legacy/shop.yaml", &cluster("shop")), ("web.yaml", &web)]).await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(why(&running, "TaskDefinition/web"), "waiting WaitsFor: waits for Cluster/shop");
}

#[tokio::test(start_paused = true)]
async fn what_needs_something_that_is_there_goes_on_although_that_is_only_planned() {
    let web = service("web", "shop/web:1", "", "");
    let first = running("apply", &[("legacy/shop.yaml", &cluster("shop"))]).await;
    let modes: Modes = "apply,legacy=plan".parse().expect("modes");
    let rules = Rules { owner: "evenkeel".to_owned(), modes, ..Rules::default() };
    let drifted = cluster("shop").replace("enabled", "disabled");
    let files = [("legacy/shop.yaml", drifted.as_str()), ("web.yaml", &web)];
    let running = Running::under(first.sandbox.clone(), rules, (INTERVAL, false), &files).await;
    running.settle().await;
    assert_eq!(running.board(), ["Cluster/shop: drifted", "TaskDefinition/web: in_sync", "Service/web: in_sync"]);
    assert_eq!(running.writes(), ["RegisterTaskDefinition", "CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn in_a_mode_that_changes_nothing_everything_is_drifted_and_nothing_is_written() {
    let all = [cluster("shop"), role("task", ""), service("web", "shop/web:1", "", "")].concat();
    for mode in ["observe", "plan"] {
        let running = running(mode, &[("all.yaml", &all)]).await;
        assert!(running.board().iter().all(|line| line.ends_with(": drifted")), "{:?}", running.board());
        assert_eq!(running.writes(), [""; 0]);
    }
}
