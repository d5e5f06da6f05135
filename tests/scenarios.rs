//! The daemon's parts through the real SDK against the simulated AWS, in virtual time: what is done,
//! in how many calls, and what is left alone.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

mod scenario;

use evenkeel::model::Kind;
use evenkeel::plan::Verb;
use evenkeel::status::State;

use scenario::{Lab, calls, cluster, conclusion, key, manifest, role, service};

/// One of everything, each referring to the others.
fn shop() -> String {
    let boundary =
        r#"policyDocument: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:*", Resource: "*"}}"#;
    let group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:6c3b1f0a-52d4-4b7e-9a51-0f7d2c8e4b11:autoScalingGroupName/shop";
    [
        manifest("AccountSettings", "account", "awsvpcTrunking: enabled"),
        manifest("Policy", "shop-boundary", boundary),
        role(
            "shop-task",
            "permissionsBoundary: {ref: shop-boundary}\ndescription: What the shop may do\ninstanceProfile: true\n\
             managedPolicyArns: [\"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess\"]\n\
             inlinePolicies: {read: {Version: \"2012-10-17\", Statement: {Effect: Allow, Action: \"s3:GetObject\", Resource: \"*\"}}}",
        ),
        manifest("CapacityProvider", "shop-ec2", &format!("autoScalingGroupProvider: {{autoScalingGroupArn: \"{group}\"}}")),
        manifest(
            "Cluster",
            "shop",
            "settings: [{name: containerInsights, value: enabled}]\ncapacityProviders: [FARGATE, {ref: shop-ec2}]",
        ),
        manifest(
            "TaskDefinition",
            "migrate",
            "taskRoleArn: {ref: shop-task}\ncontainerDefinitions: [{name: migrate, image: \"shop/migrate:1\", memory: 64}]",
        ),
        service("web", "shop/web:1", "environment: [{name: B, value: b}, {name: A, value: a}]", "tags: {team: shop}"),
    ]
    .concat()
}

#[tokio::test(start_paused = true)]
async fn after_applying_to_an_empty_account_the_plan_is_empty_and_nothing_is_written_any_more() {
    let lab = Lab::new().await;
    let writes = lab.settle(&shop()).await;
    assert_eq!(
        writes,
        [
            "PutAccountSettingDefault",
            "CreatePolicy",
            "CreateRole",
            "PutRolePolicy",
            "AttachRolePolicy",
            "CreateInstanceProfile",
            "AddRoleToInstanceProfile",
            "CreateCapacityProvider",
            "CreateCluster",
            "RegisterTaskDefinition",
            "RegisterTaskDefinition",
            "CreateService",
        ]
    );
    let plan = lab.plan(&shop()).await;
    assert!(plan.is_empty(), "{plan:#?}");
    lab.calls();
    let pass = lab.pass(&shop()).await;
    assert_eq!(pass.outcomes, []);
    assert_eq!(lab.writes(), [""; 0]);
    assert!(pass.items.keys().all(|key| conclusion(&pass, key).state == State::InSync));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_the_manifests_do_not_have_is_made_of_their_references() {
    let lab = Lab::new().await;
    let pass = lab.pass(&shop()).await;
    assert_eq!(pass.items[&key(Kind::Service, "web")].verb, Verb::Create);
    assert_eq!(calls(&pass.outcomes).last().map(String::as_str), Some("CreateService"));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_pass_over_100_services_and_200_roles_is_13_reads_and_so_is_the_first_after_a_restart() {
    let lab = Lab::new().await;
    let services = (0..100).map(|n| service(&format!("web-{n:03}"), "shop/web:1", "", ""));
    let roles = (0..200).map(|n| role(&format!("task-{n:03}"), ""));
    let all: String = [cluster("shop")].into_iter().chain(services).chain(roles).collect();
    lab.settle(&all).await;
    let restarted = Lab::over(std::sync::Arc::clone(&lab.sandbox)).await;
    for lab in [lab, restarted] {
        lab.calls();
        let pass = lab.pass(&all).await;
        assert!(pass.items.values().all(|item| item.verb == Verb::Keep));
        let calls = lab.calls();
        let count = |name: &str| calls.iter().filter(|call| *call == name).count();
        assert_eq!(
            (
                count("DescribeServices"),
                count("DescribeClusters"),
                count("GetAccountAuthorizationDetails"),
                count("ListRoles")
            ),
            (10, 1, 1, 1),
            "{calls:?}"
        );
        assert_eq!(calls.len(), 13, "{calls:?}");
    }
}
