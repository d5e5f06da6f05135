//! What Evenkeel runs on is not taken away by Evenkeel.
#![cfg(feature = "sandbox")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::sync::Arc;

use evenkeel::model::Kind;
use evenkeel::plan::{Itself, Rules};
use evenkeel::resource::Identity;
use evenkeel::status::State;

use scenario::{Lab, calls, cluster, conclusion, key, manifest, role, service};

/// An account in which these manifests are so, looked after by a daemon that runs as `shop/web` with
/// the role `web`.
async fn running_as_web(manifests: &str) -> Lab {
    let lab = Lab::new().await;
    lab.settle(manifests).await;
    let itself = Itself {
        roles: ["web".to_owned()].into(),
        service: Some(Identity::Service { cluster: "shop".to_owned(), name: "web".to_owned() }),
        cluster: Some(Identity::Cluster { name: "shop".to_owned() }),
    };
    Lab::under(Arc::clone(&lab.sandbox), Rules { owner: "evenkeel".to_owned(), itself, ..Rules::default() }).await
}

async fn assert_refused(lab: &Lab, manifests: &str, kind: Kind, name: &str) {
    let pass = lab.pass(manifests).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    let said = conclusion(&pass, &key(kind, name));
    assert_eq!((said.state, said.reason), (State::Blocked, "Itself"));
    assert!(said.message.contains("does not disarm itself"), "{}", said.message);
}

const POLICY: &str = r#"inlinePolicies:
  all: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "ecs:*", Resource: "*"}}
"#;

#[tokio::test(start_paused = true)]
async fn it_does_not_scale_its_own_service_to_nothing_but_rolls_it_out() {
    let all = |image: &str, count: u32| {
        [cluster("shop"), service("web", image, "", &format!("desiredCount: {count}\n"))].concat()
    };
    let lab = running_as_web(&all("evenkeel:1", 1)).await;
    assert_refused(&lab, &all("evenkeel:1", 0), Kind::Service, "web").await;
    assert_eq!(lab.settle(&all("evenkeel:2", 1)).await, ["RegisterTaskDefinition", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn it_changes_neither_the_policies_nor_the_trust_of_its_own_role() {
    let mine = |policies: &str| role("web", policies);
    let lab = running_as_web(&mine(&format!("policyMode: exclusive\n{POLICY}"))).await;
    assert_refused(&lab, &mine("policyMode: exclusive\ninlinePolicies: {}\n"), Kind::Role, "web").await;
    let narrower = POLICY.replace("ecs:*", "ecs:Describe*");
    assert_refused(&lab, &mine(&format!("policyMode: exclusive\n{narrower}")), Kind::Role, "web").await;
    let nobody = mine(&format!("policyMode: exclusive\n{POLICY}")).replace("ecs-tasks", "ec2");
    assert_refused(&lab, &nobody, Kind::Role, "web").await;
    let described = mine(&format!("policyMode: exclusive\n{POLICY}description: Evenkeel's\n"));
    assert_eq!(lab.settle(&described).await, ["UpdateRole"], "what disarms nobody is done");
}

#[tokio::test(start_paused = true)]
async fn it_does_not_change_a_policy_that_its_own_role_has() {
    let policy = |action: &str| {
        let document = format!(
            "policyDocument: {{Version: \"2012-10-17\", Statement: {{Effect: Allow, Action: \"{action}\", Resource: \"*\"}}}}"
        );
        [manifest("Policy", "all", &document), role("web", "managedPolicyArns: [{ref: Policy/all}]\n")].concat()
    };
    let lab = running_as_web(&policy("ecs:*")).await;
    assert_refused(&lab, &policy("ecs:Describe*"), Kind::Policy, "all").await;
}

#[tokio::test(start_paused = true)]
async fn it_takes_no_capacity_provider_away_from_its_own_cluster() {
    let with = |providers: &str| manifest("Cluster", "shop", &format!("capacityProviders: [{providers}]"));
    let lab = running_as_web(&with("FARGATE")).await;
    assert_refused(&lab, &with("FARGATE_SPOT"), Kind::Cluster, "shop").await;
    assert_eq!(lab.settle(&with("FARGATE, FARGATE_SPOT")).await, ["PutClusterCapacityProviders"]);
}
