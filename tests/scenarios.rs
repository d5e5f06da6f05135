//! The daemon's parts through the real SDK against the simulated AWS, in virtual time: what is done,
//! in how many calls, and what is left alone.
#![cfg(feature = "sandbox")]

#[expect(dead_code, reason = "other tests use the rest")]
mod scenario;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_ecs::types::{DeploymentConfiguration, SettingName};
use evenkeel::model::Kind;
use evenkeel::plan::Verb;
use evenkeel::reconcile::Progress;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::status::State;

use tokio::sync::watch;

use scenario::{INTERVAL, Lab, Running, annotated, calls, cluster, conclusion, key, manifest, role, service};

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

/// The same with a change to everything that can be changed.
fn changed_shop() -> String {
    let changes = [
        ("web:1", "web:2"),
        ("migrate:1", "migrate:2"),
        ("s3:GetObject", "s3:Get*"),
        ("s3:*", "s3:Get*"),
        ("[FARGATE, {ref: shop-ec2}]", "[FARGATE]"),
        ("value: enabled", "value: enhanced"),
        ("What the shop may do", "Its rights"),
        ("ecs-tasks.", "ec2."),
        ("team: shop", "team: store"),
    ];
    changes.iter().fold(shop(), |manifests, (from, to)| manifests.replace(from, to))
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
    let restarted = Lab::over(Arc::clone(&lab.sandbox)).await;
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

#[tokio::test(start_paused = true)]
async fn a_new_image_is_one_revision_and_one_update_and_the_rollout_ends_in_sync() {
    let lab = Lab::new().await;
    let before = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    let after = before.replace("web:1", "web:2");
    lab.settle(&before).await;
    lab.calls();
    let pass = lab.pass(&after).await;
    assert_eq!(calls(&pass.outcomes), ["RegisterTaskDefinition", "UpdateService"]);
    // One look, with the family's newest revision for what changed; one more look for the number of
    // the new one, and whether it was tried before and rolled back.
    assert_eq!(
        lab.calls(),
        [
            "DescribeClusters",
            "DescribeServices",
            "DescribeTaskDefinition",
            "RegisterTaskDefinition",
            "DescribeServices",
            "DescribeTaskDefinition",
            "DescribeClusters",
            "ListServiceDeployments",
            "UpdateService",
        ]
    );
    let web = key(Kind::Service, "web");
    assert_eq!(conclusion(&pass, &web).reason, "Applied");
    scenario::seconds(2).await;
    let rolling = lab.pass(&after).await;
    assert_eq!((rolling.outcomes.len(), conclusion(&rolling, &web).reason), (0, "RollingOut"));
    assert_eq!(lab.settle(&after).await, [""; 0]);
    assert_eq!(conclusion(&lab.pass(&after).await, &web).state, State::InSync);
    assert!(lab.service("shop", "web").await.task_definition().is_some_and(|arn| arn.ends_with("web:2")));
}

#[tokio::test(start_paused = true)]
async fn a_restart_after_a_new_image_reads_the_running_revision_once() {
    let lab = Lab::new().await;
    let before = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    let after = before.replace("web:1", "web:2");
    lab.settle(&before).await;
    lab.settle(&after).await;
    let lab = Lab::over(Arc::clone(&lab.sandbox)).await;
    lab.pass(&after).await;
    assert_eq!(lab.calls(), ["DescribeClusters", "DescribeServices", "DescribeTaskDefinition"]);
    lab.pass(&after).await;
    assert_eq!(lab.calls(), ["DescribeClusters", "DescribeServices"]);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_tasks_is_the_autoscalers_unless_the_manifest_names_it() {
    let lab = Lab::new().await;
    let free = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    let fixed = [cluster("shop"), service("web", "shop/web:1", "", "desiredCount: 2")].concat();
    lab.settle(&free).await;
    lab.ecs().update_service().cluster("shop").service("web").desired_count(5).send().await.expect("scale");
    assert_eq!(lab.settle(&free).await, [""; 0]);
    assert_eq!(lab.service("shop", "web").await.desired_count(), 5);
    assert_eq!(lab.settle(&fixed).await, ["UpdateService"]);
    lab.ecs().update_service().cluster("shop").service("web").desired_count(7).send().await.expect("scale");
    assert_eq!(lab.settle(&fixed).await, ["UpdateService"]);
    assert_eq!(lab.service("shop", "web").await.desired_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_field_taken_out_of_a_task_definition_is_a_new_revision() {
    let lab = Lab::new().await;
    let with = [cluster("shop"), service("web", "shop/web:1", "user: \"1000\"", "")].concat();
    let without = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&with).await;
    assert_eq!(lab.settle(&without).await, ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(lab.revisions("web").await, ["web:1", "web:2"]);
}

#[tokio::test(start_paused = true)]
async fn another_spelling_of_the_same_task_definition_is_no_new_revision() {
    let lab = Lab::new().await;
    let of = |container: &str| [cluster("shop"), service("web", "shop/web:1", container, "")].concat();
    lab.settle(&of("environment: [{name: A, value: a}, {name: B, value: b}]\nuser: \"1000\"")).await;
    for same in [
        "user: \"1000\"\nenvironment: [{name: B, value: b}, {name: A, value: a}]",
        "essential: true\nenvironment: [{name: A, value: a}, {name: B, value: b}]\nuser: \"1000\"\nmountPoints: []",
    ] {
        assert_eq!(lab.settle(&of(same)).await, [""; 0], "{same}");
    }
    let units = of("environment: [{name: A, value: a}, {name: B, value: b}]\nuser: \"1000\"");
    let units = units.replace("'256'", "'.25 vCPU'").replace("'512'", "'0.5GB'");
    assert_eq!(lab.settle(&units).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_revision_made_by_hand_is_taken_back() {
    let lab = Lab::new().await;
    let all = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&all).await;
    // As the console does it: the same content with another image, without the tags.
    let by_hand = aws_sdk_ecs::types::ContainerDefinition::builder().name("web").image("shop/web:hotfix");
    let port = aws_sdk_ecs::types::PortMapping::builder().container_port(80).name("http").build();
    lab.ecs()
        .register_task_definition()
        .family("web")
        .requires_compatibilities(aws_sdk_ecs::types::Compatibility::Fargate)
        .network_mode(aws_sdk_ecs::types::NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .container_definitions(by_hand.port_mappings(port).build())
        .send()
        .await
        .expect("register");
    lab.ecs().update_service().cluster("shop").service("web").task_definition("web:2").send().await.expect("update");
    assert_eq!(lab.settle(&all).await, ["RegisterTaskDefinition", "UpdateService"]);
    assert!(lab.service("shop", "web").await.task_definition().is_some_and(|arn| arn.ends_with("web:3")));
}

#[tokio::test(start_paused = true)]
async fn a_family_that_somebody_else_registers_is_left_alone() {
    let lab = Lab::new().await;
    let container = aws_sdk_ecs::types::ContainerDefinition::builder().name("job").image("job:1").memory(64).build();
    lab.ecs().register_task_definition().family("job").container_definitions(container).send().await.expect("register");
    let ours = manifest("TaskDefinition", "job", "containerDefinitions: [{name: job, image: \"job:2\", memory: 64}]");
    let pass = lab.pass(&ours).await;
    assert_eq!(pass.outcomes, []);
    assert_eq!(conclusion(&pass, &key(Kind::TaskDefinition, "job")).reason, "NotOurs");
    let taken_over = annotated(&ours, "evenkeel/adoption: adopt");
    assert_eq!(lab.settle(&taken_over).await, ["RegisterTaskDefinition"]);
}

fn policy(action: &str) -> String {
    format!("{{Version: \"2012-10-17\", Statement: {{Effect: Allow, Action: \"{action}\", Resource: \"*\"}}}}")
}

#[tokio::test(start_paused = true)]
async fn a_role_changed_in_its_manifest_or_behind_our_back_is_one_call_per_difference() {
    let lab = Lab::new().await;
    let role = |read: &str, more: &str| role("task", &format!("inlinePolicies: {{read: {}}}\n{more}", policy(read)));
    lab.settle(&role("s3:GetObject", "")).await;
    assert_eq!(lab.settle(&role("s3:Get*", "")).await, ["PutRolePolicy"]);
    let trust = role("s3:Get*", "").replace("ecs-tasks.amazonaws.com", "[ecs-tasks.amazonaws.com, ec2.amazonaws.com]");
    assert_eq!(lab.settle(&trust).await, ["UpdateAssumeRolePolicy"]);
    assert_eq!(
        lab.settle(&role("s3:Get*", "maxSessionDuration: 7200")).await,
        ["UpdateAssumeRolePolicy", "UpdateRole"]
    );
    lab.iam().update_role().role_name("task").max_session_duration(3600).send().await.expect("update");
    lab.iam().untag_role().role_name("task").tag_keys("team").send().await.expect("untag");
    assert_eq!(
        lab.settle(&role("s3:Get*", "maxSessionDuration: 7200\ntags: {team: shop}")).await,
        ["UpdateRole", "TagRole"]
    );
    lab.iam().delete_role_policy().role_name("task").policy_name("read").send().await.expect("delete");
    assert_eq!(lab.settle(&role("s3:Get*", "maxSessionDuration: 7200")).await, ["PutRolePolicy"]);
}

#[tokio::test(start_paused = true)]
async fn only_an_exclusive_role_loses_what_strangers_gave_it() {
    let lab = Lab::new().await;
    let own = format!(
        "inlinePolicies: {{read: {}}}\nmanagedPolicyArns: [\"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess\"]",
        policy("s3:GetObject")
    );
    let additive = role("task", &own);
    let exclusive = role("task", &format!("{own}\npolicyMode: exclusive"));
    lab.settle(&additive).await;
    let stranger = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    lab.iam()
        .put_role_policy()
        .role_name("task")
        .policy_name("all")
        .policy_document(stranger)
        .send()
        .await
        .expect("put");
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    lab.iam().attach_role_policy().role_name("task").policy_arn(admin).send().await.expect("attach");
    assert_eq!(lab.settle(&additive).await, [""; 0]);
    assert_eq!(lab.settle(&exclusive).await, ["DetachRolePolicy", "DeleteRolePolicy"]);
    assert_eq!(lab.settle(&exclusive).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_sixth_version_of_a_policy_takes_the_place_of_the_oldest_that_is_not_in_force() {
    let lab = Lab::new().await;
    let of = |action: &str| manifest("Policy", "read", &format!("policyDocument: {}", policy(action)));
    let actions = ["s3:Get1", "s3:Get2", "s3:Get3", "s3:Get4", "s3:Get5"];
    lab.settle(&of(actions[0])).await;
    for action in &actions[1..] {
        assert_eq!(lab.settle(&of(action)).await, ["CreatePolicyVersion"]);
    }
    let arn = "arn:aws:iam::123456789012:policy/read";
    lab.iam().set_default_policy_version().policy_arn(arn).version_id("v1").send().await.expect("set default");
    assert_eq!(lab.settle(&of("s3:Get6")).await, ["DeletePolicyVersion", "CreatePolicyVersion"]);
    let versions = lab.iam().list_policy_versions().policy_arn(arn).send().await.expect("list");
    let mut left: Vec<(&str, bool)> =
        versions.versions().iter().filter_map(|v| Some((v.version_id()?, v.is_default_version()))).collect();
    left.sort_unstable();
    assert_eq!(left, [("v1", false), ("v3", false), ("v4", false), ("v5", false), ("v6", true)]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_deleted_by_hand_comes_back_once_it_has_drained() {
    let lab = Lab::new().await;
    let all = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&all).await;
    lab.ecs().delete_service().cluster("shop").service("web").force(true).send().await.expect("delete");
    let pass = lab.pass(&all).await;
    assert_eq!(pass.outcomes, []);
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "Busy");
    assert_eq!(lab.settle(&all).await, ["CreateService"]);
    assert_eq!(lab.revisions("web").await, ["web:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_deleted_by_hand_comes_back() {
    let lab = Lab::new().await;
    let role = role("task", "");
    lab.settle(&role).await;
    lab.iam().delete_role().role_name("task").send().await.expect("delete");
    assert_eq!(lab.settle(&role).await, ["CreateRole"]);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_deleted_by_hand_comes_back_with_its_services() {
    let lab = Lab::new().await;
    let all = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&all).await;
    lab.ecs().delete_service().cluster("shop").service("web").force(true).send().await.expect("delete");
    scenario::seconds(30).await;
    lab.ecs().delete_cluster().cluster("shop").send().await.expect("delete");
    assert_eq!(lab.settle(&all).await, ["CreateCluster", "CreateService"]);
}

#[tokio::test(start_paused = true)]
async fn what_carries_no_owner_tag_is_left_alone_until_its_manifest_says_adopt() {
    let lab = Lab::new().await;
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    lab.iam().create_role().role_name("task").assume_role_policy_document(trust).send().await.expect("create");
    lab.calls();
    let pass = lab.pass(&role("task", "")).await;
    assert_eq!(lab.writes(), [""; 0]);
    let held = conclusion(&pass, &key(Kind::Role, "task"));
    assert_eq!((held.state, held.reason), (State::Blocked, "NotOurs"));
    assert!(held.message.contains("evenkeel/adoption: adopt"), "{}", held.message);
    let adopted = annotated(&role("task", ""), "evenkeel/adoption: adopt");
    assert_eq!(lab.settle(&adopted).await, ["UpdateAssumeRolePolicy", "TagRole"]);
    assert_eq!(lab.settle(&role("task", "")).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_carries_the_tag_of_another_owner_is_never_touched() {
    let lab = Lab::new().await;
    let tag = aws_sdk_ecs::types::Tag::builder().key("evenkeel:owner").value("another").build();
    lab.ecs().create_cluster().cluster_name("shop").tags(tag).send().await.expect("create");
    let adopt = annotated(&cluster("shop"), "evenkeel/adoption: adopt");
    let pass = lab.pass(&adopt).await;
    assert_eq!(pass.outcomes, []);
    let held = conclusion(&pass, &key(Kind::Cluster, "shop"));
    assert_eq!((held.state, held.message.as_str()), (State::Blocked, "belongs to another; it is left alone"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_say_that_something_is_missing_makes_nothing() {
    let lab = Lab::new().await;
    let all = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&all).await;
    for operation in ["DescribeServices", "DescribeClusters"] {
        lab.swallow(operation, 1);
        let pass = lab.pass(&all).await;
        assert_eq!(pass.outcomes, [], "{operation}");
        assert!(pass.items.values().any(|item| item.verb == Verb::Unknown), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_is_taken_over_without_a_restart() {
    let lab = Lab::new().await;
    let all = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&all).await;
    let web = lab.service("shop", "web").await;
    let keys = ["evenkeel:owner", "evenkeel:task-definition"];
    for arn in [web.service_arn(), web.task_definition()] {
        let call = lab.ecs().untag_resource().resource_arn(arn.expect("arn"));
        call.set_tag_keys(Some(keys.map(str::to_owned).to_vec())).send().await.expect("untag");
    }
    // The revision was read with its tags: revisions never change, their tags do.
    let lab = Lab::over(Arc::clone(&lab.sandbox)).await;
    let pass = lab.pass(&all).await;
    assert_eq!(pass.outcomes, []);
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "NotOurs");
    let adopt =
        [cluster("shop"), annotated(&service("web", "shop/web:1", "", ""), "evenkeel/adoption: adopt")].concat();
    assert_eq!(lab.settle(&adopt).await, ["TagResource", "TagResource"], "the revision and the service");
    assert_eq!(lab.service("shop", "web").await.deployments().len(), 1);
    assert_eq!(lab.settle(&adopt.replace("web:1", "web:2")).await, ["RegisterTaskDefinition", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_leaves_one_of_everything() {
    for operation in [
        "CreateService",
        "RegisterTaskDefinition",
        "CreateRole",
        "CreateCluster",
        "CreatePolicy",
        "CreateCapacityProvider",
        "CreateInstanceProfile",
        "AddRoleToInstanceProfile",
        "PutRolePolicy",
    ] {
        for kind in [FaultKind::DropAfter, FaultKind::DropBefore, FaultKind::ServerError] {
            for times in [1, 2] {
                let lab = Lab::new().await;
                lab.inject(operation, times, kind.clone());
                lab.settle(&shop()).await;
                assert!(lab.plan(&shop()).await.is_empty());
                let registered = lab.revisions("web").await.len();
                let most = if operation == "RegisterTaskDefinition" { times as usize } else { 1 };
                assert!((1..=most).contains(&registered), "{operation} {kind:?} × {times}: {registered} revisions");
                let services = lab.ecs().list_services().cluster("shop").send().await.expect("list");
                assert_eq!(services.service_arns().len(), 1);
                assert_eq!(lab.service("shop", "web").await.deployments().len(), 1, "{operation} {kind:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_sdk_does_not_repeat_a_registration() {
    let lab = Lab::new().await;
    let all = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.inject("RegisterTaskDefinition", 1, FaultKind::DropAfter);
    let pass = lab.pass(&all).await;
    assert_eq!(lab.writes(), ["CreateCluster", "RegisterTaskDefinition"]);
    let state = conclusion(&pass, &key(Kind::TaskDefinition, "web"));
    assert_eq!((state.state, state.reason), (State::Waiting, "Unreachable"));
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).state, State::Waiting);
    assert_eq!(lab.settle(&all).await, ["CreateService"]);
    assert_eq!(lab.revisions("web").await, ["web:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_creation_was_not_answered_is_created_once() {
    let lab = Lab::new().await;
    let all = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.inject("CreateService", 2, FaultKind::DropAfter);
    let pass = lab.pass(&all).await;
    // The repeats carry the same token, and are answered with what the first one made.
    assert_eq!(
        lab.writes(),
        ["CreateCluster", "RegisterTaskDefinition", "CreateService", "CreateService", "CreateService"]
    );
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "Applied");
    assert_eq!(lab.settle(&all).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn throttling_of_every_write_is_sat_out() {
    let lab = Lab::new().await;
    let pass = lab.pass(&shop()).await;
    let operations: BTreeSet<String> = calls(&pass.outcomes).into_iter().collect();
    let lab = Lab::new().await;
    for operation in operations {
        lab.inject(&operation, 2, FaultKind::Throttled);
    }
    lab.settle(&shop()).await;
    assert!(lab.plan(&shop()).await.is_empty());
    assert_eq!((lab.revisions("web").await.len(), lab.revisions("migrate").await.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn throttled_reads_are_never_taken_for_absence() {
    let lab = Lab::new().await;
    lab.settle(&shop()).await;
    lab.calls();
    lab.inject("*", 1000, FaultKind::Throttled);
    let pass = lab.pass(&shop()).await;
    assert_eq!(lab.writes(), [""; 0]);
    assert!(pass.items.values().all(|item| item.verb == Verb::Unknown), "{:#?}", pass.items);
    assert!(pass.items.keys().all(|key| conclusion(&pass, key).reason == "CannotSee"));
}

#[tokio::test(start_paused = true)]
async fn a_denied_role_is_blocked_and_holds_up_nobody_else() {
    let lab = Lab::new().await;
    let before = [role("one", ""), role("two", ""), cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&before).await;
    let after = before.replace("Effect: Allow", "Sid: s, Effect: Allow").replace("web:1", "web:2");
    let message = "User: x is not authorized to perform: iam:UpdateAssumeRolePolicy on resource: role one".to_owned();
    lab.inject("UpdateAssumeRolePolicy", 1, FaultKind::Refuse { code: "AccessDenied", message, status: 403 });
    let pass = lab.pass(&after).await;
    let one = conclusion(&pass, &key(Kind::Role, "one"));
    assert_eq!((one.state, one.reason), (State::Blocked, "Denied"));
    assert!(one.message.contains("not authorized to perform: iam:UpdateAssumeRolePolicy"), "{}", one.message);
    assert_eq!(conclusion(&pass, &key(Kind::Role, "two")).reason, "Applied");
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "Applied");
    assert_eq!(lab.settle(&after).await, ["UpdateAssumeRolePolicy"]);
}

#[tokio::test(start_paused = true)]
async fn the_accounts_settings_are_repaired_one_by_one() {
    let lab = Lab::new().await;
    let settings = manifest("AccountSettings", "account", "awsvpcTrunking: enabled\ncontainerInsights: enhanced");
    assert_eq!(lab.settle(&settings).await, ["PutAccountSettingDefault", "PutAccountSettingDefault"]);
    let call = lab.ecs().put_account_setting_default().name(SettingName::ContainerInsights);
    call.value("disabled").send().await.expect("put");
    assert_eq!(lab.settle(&settings).await, ["PutAccountSettingDefault"]);
    let call = lab.ecs().put_account_setting_default().name(SettingName::TaskLongArnFormat);
    call.value("enabled").send().await.expect("put");
    assert_eq!(lab.settle(&settings).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn each_difference_of_a_cluster_has_its_own_call() {
    let lab = Lab::new().await;
    let group = |name: &str| {
        let arn =
            format!("arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:6c3b1f0a:autoScalingGroupName/{name}");
        manifest("CapacityProvider", name, &format!("autoScalingGroupProvider: {{autoScalingGroupArn: \"{arn}\"}}"))
    };
    let cluster = |insights: &str, more: &str| {
        let settings = format!("settings: [{{name: containerInsights, value: {insights}}}]\n{more}");
        [group("one"), group("two"), manifest("Cluster", "shop", &settings)].concat()
    };
    lab.settle(&cluster("enabled", "capacityProviders: [FARGATE]")).await;
    assert_eq!(lab.settle(&cluster("enhanced", "capacityProviders: [FARGATE]")).await, ["UpdateCluster"]);
    let two = cluster("enhanced", "capacityProviders: [{ref: one}, FARGATE, {ref: two}]");
    assert_eq!(lab.settle(&two).await, ["PutClusterCapacityProviders"]);
    let another_order = cluster("enhanced", "capacityProviders: [{ref: two}, {ref: one}, FARGATE]");
    assert_eq!(lab.settle(&another_order).await, [""; 0]);
    let strategy = cluster(
        "enhanced",
        "capacityProviders: [{ref: one}, FARGATE, {ref: two}]\n\
         defaultCapacityProviderStrategy: [{capacityProvider: FARGATE, weight: 1}]",
    );
    assert_eq!(lab.settle(&strategy).await, ["PutClusterCapacityProviders"]);
    lab.ecs()
        .put_cluster_capacity_providers()
        .cluster("shop")
        .capacity_providers("FARGATE")
        .set_default_capacity_provider_strategy(Some(Vec::new()))
        .send()
        .await
        .expect("put");
    assert_eq!(lab.settle(&strategy).await, ["PutClusterCapacityProviders"]);
    let configured = strategy.clone() + "\n  configuration: {executeCommandConfiguration: {logging: NONE}}\n";
    assert_eq!(lab.settle(&configured).await, ["UpdateCluster"]);
}

#[tokio::test(start_paused = true)]
async fn a_capacity_provider_is_updated_in_place_and_its_group_is_not_changed() {
    let lab = Lab::new().await;
    let of = |group: &str, target: u32| {
        let arn = format!(
            "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:6c3b1f0a:autoScalingGroupName/{group}"
        );
        let scaling = format!("managedScaling: {{status: ENABLED, targetCapacity: {target}}}");
        manifest(
            "CapacityProvider",
            "ec2",
            &format!("autoScalingGroupProvider: {{autoScalingGroupArn: \"{arn}\", {scaling}}}"),
        )
    };
    lab.settle(&of("a", 90)).await;
    assert_eq!(lab.settle(&of("a", 80)).await, ["UpdateCapacityProvider"]);
    let pass = lab.pass(&of("b", 80)).await;
    assert_eq!(pass.outcomes, []);
    let held = conclusion(&pass, &key(Kind::CapacityProvider, "ec2"));
    assert_eq!((held.state, held.reason), (State::Blocked, "Immutable"));
}

#[tokio::test(start_paused = true)]
async fn tags_are_set_where_they_are_missing_and_those_of_others_stay() {
    let lab = Lab::new().await;
    let group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:6c3b1f0a:autoScalingGroupName/a";
    let all = |tags: &str| {
        [
            manifest("Policy", "read", &format!("policyDocument: {}\ntags: {{{tags}}}", policy("s3:Get*"))),
            role("task", &format!("tags: {{{tags}}}")),
            manifest(
                "CapacityProvider",
                "ec2",
                &format!("autoScalingGroupProvider: {{autoScalingGroupArn: \"{group}\"}}\ntags: {{{tags}}}"),
            ),
            manifest("Cluster", "shop", &format!("capacityProviders: [FARGATE]\ntags: {{{tags}}}")),
            service("web", "shop/web:1", "", &format!("tags: {{{tags}}}")),
        ]
        .concat()
    };
    lab.settle(&all("team: shop")).await;
    let arn = lab.service("shop", "web").await.service_arn().expect("arn").to_owned();
    let other = aws_sdk_ecs::types::Tag::builder().key("cost").value("42").build();
    lab.ecs().tag_resource().resource_arn(&arn).tags(other).send().await.expect("tag");
    assert_eq!(lab.settle(&all("team: shop")).await, [""; 0]);
    let retagged = ["TagPolicy", "TagRole", "TagResource", "TagResource", "TagResource"];
    let mut writes = lab.settle(&all("team: store")).await;
    writes.sort();
    let mut expected = retagged;
    expected.sort_unstable();
    assert_eq!(writes, expected);
    lab.ecs().untag_resource().resource_arn(&arn).tag_keys("team").send().await.expect("untag");
    assert_eq!(lab.settle(&all("team: store")).await, ["TagResource"]);
    assert_eq!(lab.revisions("web").await, ["web:1"]);
}

#[tokio::test(start_paused = true)]
async fn settings_of_a_service_that_were_changed_by_hand_are_repaired() {
    let lab = Lab::new().await;
    let all = [
        cluster("shop"),
        service("web", "shop/web:1", "", "deploymentConfiguration: {maximumPercent: 150, deploymentCircuitBreaker: {enable: true, rollback: true}}\nenableExecuteCommand: true"),
    ]
    .concat();
    lab.settle(&all).await;
    let by_hand = DeploymentConfiguration::builder().maximum_percent(200).minimum_healthy_percent(50).build();
    lab.ecs()
        .update_service()
        .cluster("shop")
        .service("web")
        .deployment_configuration(by_hand)
        .enable_execute_command(false)
        .send()
        .await
        .expect("update");
    assert_eq!(lab.settle(&all).await, ["UpdateService"]);
    let configuration = lab.service("shop", "web").await.deployment_configuration.expect("configuration");
    // What is declared is back, and what is not is as the hand left it.
    assert_eq!((configuration.maximum_percent(), configuration.minimum_healthy_percent()), (Some(150), Some(50)));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_the_circuit_breaker_stopped_is_degraded_and_not_tried_again() {
    let lab = Lab::new().await;
    let of = |image: &str| {
        let breaker = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: false}}";
        [cluster("shop"), service("web", image, "", breaker)].concat()
    };
    let web = key(Kind::Service, "web");
    lab.settle(&of("shop/web:1")).await;
    lab.pass(&of("shop/web:crash")).await;
    scenario::seconds(2).await;
    assert_eq!(conclusion(&lab.pass(&of("shop/web:crash")).await, &web).reason, "RollingOut");
    scenario::seconds(600).await;
    lab.calls();
    for _ in 0..10 {
        let pass = lab.pass(&of("shop/web:crash")).await;
        let failed = conclusion(&pass, &web);
        assert_eq!((failed.state, failed.reason), (State::Degraded, "RolloutFailed"));
        let reason = "Service deployment failed because the circuit breaker threshold was exceeded; last events: ";
        assert!(failed.message.starts_with(reason), "{}", failed.message);
        scenario::seconds(60).await;
    }
    assert_eq!(lab.writes(), [""; 0]);
    assert_eq!(lab.settle(&of("shop/web:3")).await, ["RegisterTaskDefinition", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_was_rolled_back_is_held_until_the_manifest_changes() {
    let lab = Lab::new().await;
    let of = |image: &str, more: &str| {
        let breaker = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}";
        [cluster("shop"), service("web", image, "", &format!("{breaker}\n{more}"))].concat()
    };
    let web = key(Kind::Service, "web");
    lab.settle(&of("shop/web:1", "")).await;
    lab.pass(&of("shop/web:crash", "")).await;
    scenario::seconds(600).await;
    lab.calls();
    for _ in 0..3 {
        // A new reconciler remembers nothing: AWS itself says what became of the rollout.
        let lab = Lab::over(Arc::clone(&lab.sandbox)).await;
        let failed = conclusion(&lab.pass(&of("shop/web:crash", "")).await, &web);
        assert_eq!((failed.state, failed.reason), (State::Degraded, "RolledBack"));
        assert!(failed.message.contains("circuit breaker"), "{}", failed.message);
        assert_eq!(lab.writes(), [""; 0]);
        scenario::seconds(60).await;
    }
    // What restarts no task goes on, and so does what was not part of the failure.
    let scaled = of("shop/web:crash", "desiredCount: 2");
    assert_eq!(calls(&lab.pass(&scaled).await.outcomes), ["UpdateService"]);
    assert!(lab.service("shop", "web").await.task_definition().is_some_and(|arn| arn.ends_with("web:1")));
    let moved = of("shop/web:crash", "").replace("subnet-2", "subnet-3");
    assert_eq!(calls(&lab.pass(&moved).await.outcomes), ["UpdateService"]);
    assert_eq!(lab.settle(&moved.replace("crash", "3")).await, ["RegisterTaskDefinition", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_image_and_another_network_are_one_rollout() {
    let lab = Lab::new().await;
    let before = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&before).await;
    let after = before.replace("web:1", "web:2").replace("subnet-2", "subnet-3");
    assert_eq!(lab.settle(&after).await, ["RegisterTaskDefinition", "UpdateService"]);
}

fn web(image: &str) -> String {
    [cluster("shop"), service("web", image, "", "")].concat()
}

/// As somebody would by hand.
fn turn_off_insights(running: &Running) {
    let mut state = running.sandbox.state();
    let Some(shop) = state.ecs.region("us-east-1").clusters.get_mut("shop") else { panic!("there is no cluster shop") };
    shop.record["settings"] = serde_json::json!([{ "name": "containerInsights", "value": "disabled" }]);
}

const AS_DECLARED: [&str; 3] = ["Cluster/shop: in_sync", "TaskDefinition/web: in_sync", "Service/web: in_sync"];

#[tokio::test(start_paused = true)]
async fn the_daemon_applies_what_is_edited_and_what_is_added() {
    let running = Running::start(&[("web.yaml", &web("shop/web:1"))]).await;
    assert_eq!(running.writes(), ["CreateCluster", "RegisterTaskDefinition", "CreateService"]);
    assert_eq!(running.board(), AS_DECLARED);
    running.write("web.yaml", &web("shop/web:2"));
    running.settle().await;
    assert_eq!(running.writes(), ["RegisterTaskDefinition", "UpdateService"]);
    running.write("roles.yaml", &role("task", ""));
    running.settle().await;
    assert_eq!(running.writes(), ["CreateRole"]);
    running.settle().await;
    assert_eq!(running.writes(), [""; 0]);
    assert!(running.stop().await);
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_leaves_its_last_good_content_in_force_and_is_shown() {
    let running = Running::start(&[("web.yaml", &web("shop/web:1")), ("roles.yaml", &role("task", ""))]).await;
    running.writes();
    running.write("web.yaml", &web("shop/web:2").replace("image: ", "image: \"unclosed"));
    running.settle().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(running.board()[..3], ["Role/task: in_sync", AS_DECLARED[0], AS_DECLARED[1]]);
    assert_eq!(running.problems().len(), 1, "{:?}", running.problems());
    assert!(running.problems()[0].starts_with("web.yaml:"), "{:?}", running.problems());
    // What is in force is kept so, and the other files go on.
    turn_off_insights(&running);
    running.write("roles.yaml", &role("task", "maxSessionDuration: 7200"));
    running.settle().await;
    let mut writes = running.writes();
    writes.sort();
    assert_eq!(writes, ["UpdateCluster", "UpdateRole"]);
    running.write("web.yaml", &web("shop/web:2"));
    running.settle().await;
    assert_eq!(running.writes(), ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(running.problems(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_file_cut_off_anywhere_deletes_nothing() {
    let whole = web("shop/web:1");
    let running = Running::start(&[("web.yaml", &whole)]).await;
    running.writes();
    for end in (0..whole.len()).step_by(37) {
        running.write("web.yaml", &whole[..end]);
        running.settle().await;
        let writes = running.writes();
        assert!(writes.iter().all(|call| !call.starts_with("Delete") && !call.starts_with("Deregister")), "{writes:?}");
    }
    running.write("web.yaml", &whole);
    running.settle().await;
    assert_eq!(running.board(), AS_DECLARED);
    let services = running.sandbox.state().ecs.region("us-east-1").clusters["shop"].services.len();
    assert_eq!(services, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_declared_stays_in_aws_and_leaves_the_board() {
    let running = Running::start(&[("web.yaml", &web("shop/web:1")), ("roles.yaml", &role("task", ""))]).await;
    running.writes();
    std::fs::remove_file(running.directory.join("roles.yaml")).expect("remove");
    running.settle().await;
    assert_eq!(running.board(), AS_DECLARED);
    assert_eq!(running.writes(), [""; 0]);
    assert!(running.sandbox.state().iam.role("task").is_some());
}

#[tokio::test(start_paused = true)]
async fn without_its_directory_the_daemon_keeps_everything_and_says_so() {
    let running = Running::start(&[("web.yaml", &web("shop/web:1"))]).await;
    running.writes();
    std::fs::remove_dir_all(&running.directory).expect("remove");
    running.settle().await;
    assert_eq!(running.writes(), [""; 0]);
    assert_eq!(running.board(), AS_DECLARED);
    let unreadable = running.shared.board().unreadable.clone().unwrap_or_default();
    assert!(unreadable.contains("does not exist"), "{unreadable}");
    std::fs::create_dir(&running.directory).expect("create");
    running.write("web.yaml", &web("shop/web:2"));
    running.settle().await;
    assert_eq!(running.shared.board().unreadable, None);
    assert_eq!(running.writes(), ["RegisterTaskDefinition", "UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn an_emptied_directory_deletes_nothing() {
    let running = Running::start(&[("web.yaml", &web("shop/web:1"))]).await;
    running.writes();
    std::fs::remove_file(running.directory.join("web.yaml")).expect("remove");
    running.settle().await;
    assert_eq!((running.writes(), running.board()), (Vec::new(), Vec::new()));
    running.write("web.yaml", &web("shop/web:1"));
    running.settle().await;
    assert_eq!((running.writes(), running.board()), (Vec::new(), AS_DECLARED.map(str::to_owned).to_vec()));
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_no_further_call_is_made() {
    let running = Running::start(&[("web.yaml", &web("shop/web:1"))]).await;
    let sandbox = Arc::clone(&running.sandbox);
    running.write("web.yaml", &web("shop/web:2"));
    running.calls();
    assert!(running.stop().await);
    scenario::seconds(600).await;
    assert_eq!(sandbox.state().log, []);
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_pass_ends_it_after_the_call_in_flight() {
    let lab = Lab::new().await;
    let resources = lab.declared(&shop());
    let due = resources.keys().cloned().collect();
    let (stop, stopped) = watch::channel(false);
    let mut made = 0;
    let pass = lab
        .reconciler
        .pass(&resources, &due, &stopped, &mut |progress| {
            if matches!(progress, Progress::Acting(..)) {
                made += 1;
                if made == 3 {
                    stop.send(true).expect("running");
                }
            }
        })
        .await;
    assert!(pass.stopped);
    assert_eq!(lab.writes(), ["PutAccountSettingDefault", "CreatePolicy", "CreateRole"]);
    lab.settle(&shop()).await;
}

#[tokio::test(start_paused = true)]
async fn drift_is_found_within_an_interval_and_a_quiet_hour_only_reads() {
    let running = Running::start(&[("web.yaml", &web("shop/web:1"))]).await;
    running.writes();
    turn_off_insights(&running);
    scenario::seconds(INTERVAL.as_secs() + 1).await;
    assert_eq!(running.writes(), ["UpdateCluster"]);
    running.settle().await;
    running.calls();
    scenario::seconds(3600).await;
    let calls = running.calls();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    // A scan of the directory at the same moment comes first and takes half a second.
    assert!((58..=60).contains(&count("DescribeServices")), "{calls:?}");
    assert_eq!((count("DescribeClusters"), calls.len()), (count("DescribeServices"), 2 * count("DescribeServices")));
}

#[tokio::test(start_paused = true)]
async fn resources_that_settled_at_different_times_are_looked_at_together() {
    let services = (0..100).map(|n| service(&format!("web-{n:03}"), "shop/web:1", "", ""));
    let roles = (0..200).map(|n| role(&format!("task-{n:03}"), ""));
    let all: String = [cluster("shop")].into_iter().chain(services).chain(roles).collect();
    let running = Running::start(&[("all.yaml", &all)]).await;
    assert!(running.board().iter().all(|line| line.ends_with(": in_sync")), "{:?}", running.board());
    running.calls();
    scenario::seconds(10 * INTERVAL.as_secs()).await;
    let calls = running.calls();
    assert!(calls.len() <= 10 * 15, "{} calls in ten intervals", calls.len());
}

#[tokio::test(start_paused = true)]
async fn services_that_share_a_task_definition_are_rolled_out_from_one_revision() {
    let lab = Lab::new().await;
    let shared = |image: &str| {
        let definition = "requiresCompatibilities: [FARGATE]\nnetworkMode: awsvpc\ncpu: '256'\nmemory: '512'\n";
        let containers = format!("containerDefinitions: [{{name: web, image: \"{image}\"}}]");
        let service = "cluster: {ref: shop}\ndesiredCount: 1\ntaskDefinition: {ref: web}\n\
                       capacityProviderStrategy: [{capacityProvider: FARGATE, weight: 1}]\n\
                       networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
        let definition = manifest("TaskDefinition", "web", &format!("{definition}{containers}"));
        [cluster("shop"), definition, manifest("Service", "one", service), manifest("Service", "two", service)].concat()
    };
    assert_eq!(
        lab.settle(&shared("web:1")).await,
        ["CreateCluster", "RegisterTaskDefinition", "CreateService", "CreateService"]
    );
    assert_eq!(lab.settle(&shared("web:2")).await, ["RegisterTaskDefinition", "UpdateService", "UpdateService"]);
    let weight = shared("web:2").replace("weight: 1", "weight: 2");
    assert_eq!(lab.settle(&weight).await, ["UpdateService", "UpdateService"]);
    // One of the two falls behind by hand.
    lab.ecs().update_service().cluster("shop").service("one").task_definition("web:1").send().await.expect("update");
    assert_eq!(lab.settle(&weight).await, ["UpdateService"]);
    assert_eq!(lab.revisions("web").await, ["web:1", "web:2"]);
}

#[tokio::test(start_paused = true)]
async fn what_iam_does_not_show_to_ecs_yet_is_waited_for() {
    let lab = Lab::new().await;
    let with_role = service("web", "shop/web:1", "", "").replace("  cpu:", "  taskRoleArn: {ref: task}\n    cpu:");
    let all = [role("task", ""), cluster("shop"), with_role].concat();
    let message = "ECS was unable to assume the role that was provided for this service.".to_owned();
    lab.inject("CreateService", 3, FaultKind::Refuse { code: "InvalidParameterException", message, status: 400 });
    let pass = lab.pass(&all).await;
    let waiting = conclusion(&pass, &key(Kind::Service, "web"));
    assert_eq!((waiting.state, waiting.reason), (State::Waiting, "NotReady"));
    lab.settle(&all).await;
    assert_eq!(lab.revisions("web").await, ["web:1"]);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_never_start_are_said_to_while_ecs_goes_on_trying() {
    let lab = Lab::new().await;
    let of = |image: &str| [cluster("shop"), service("web", image, "", "")].concat();
    lab.settle(&of("shop/web:1")).await;
    lab.pass(&of("shop/web:crash")).await;
    scenario::seconds(3600).await;
    // Without a circuit breaker ECS never calls the rollout failed, and the old tasks stay.
    let trying = conclusion(&lab.pass(&of("shop/web:crash")).await, &key(Kind::Service, "web"));
    assert_eq!((trying.state, trying.reason), (State::Progressing, "RollingOut"));
    assert!(trying.message.contains("failed to start"), "{}", trying.message);
    assert_eq!(lab.service("shop", "web").await.running_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_suspended_is_watched_and_not_touched() {
    let lab = Lab::new().await;
    lab.settle(&role("task", "")).await;
    let changed = role("task", "maxSessionDuration: 7200");
    let suspended = annotated(&changed, "evenkeel/suspend: \"true\"");
    let pass = lab.pass(&suspended).await;
    assert_eq!((pass.outcomes.len(), conclusion(&pass, &key(Kind::Role, "task")).reason), (0, "Suspended"));
    assert_eq!(pass.items[&key(Kind::Role, "task")].changes.len(), 1);
    assert_eq!(lab.settle(&changed).await, ["UpdateRole"]);
}

#[tokio::test(start_paused = true)]
async fn the_shipped_policy_allows_every_call() {
    let policy = [
        include_str!("../deploy/evenkeel/policy.yaml"),
        include_str!("../deploy/options/prune.yaml"),
        include_str!("../deploy/options/instance-profiles.yaml"),
    ]
    .concat();
    let lab = Lab::new().await;
    for manifests in [shop(), changed_shop()] {
        lab.settle(&manifests).await;
    }
    let log = std::mem::take(&mut lab.sandbox.state().log);
    let called: BTreeSet<String> = log.iter().map(|line| format!("{}:{}", line.service, line.operation)).collect();
    let missing: Vec<&String> = called.iter().filter(|call| !policy.contains(&format!(" {call}\n"))).collect();
    assert!(called.len() > 25 && missing.is_empty(), "{missing:?} of {called:?}");
}

/// Whatever call a crash falls behind: with another process the end is the same.
#[tokio::test(start_paused = true)]
async fn a_crash_behind_any_call_is_made_good_by_the_next_process() {
    let whole = Lab::new().await;
    let all = whole.settle(&shop()).await.len();
    for crash in 1..=all {
        let lab = Lab::new().await;
        let resources = lab.declared(&shop());
        let due = resources.keys().cloned().collect();
        let (stop, stopped) = watch::channel(false);
        let mut made = 0;
        let mut count = |progress: Progress<'_>| {
            made += usize::from(matches!(progress, Progress::Acted(_)));
            if made == crash {
                stop.send_replace(true);
            }
        };
        lab.reconciler.pass(&resources, &due, &stopped, &mut count).await;
        let next = Lab::over(Arc::clone(&lab.sandbox)).await;
        let rest = next.settle(&shop()).await;
        assert!(next.plan(&shop()).await.is_empty());
        // An instance profile that is there but has no role is asked for once more.
        assert!((all - crash..=all - crash + 1).contains(&rest.len()), "after {crash} of {all}: {rest:?}");
        assert_eq!(next.revisions("web").await, ["web:1"], "after {crash}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_owners_each_leaves_everything_of_the_other_alone() {
    let other = Lab::owned(evenkeel::sandbox::Sandbox::new(), "another").await;
    other.settle(&shop()).await;
    let lab = Lab::over(Arc::clone(&other.sandbox)).await;
    let adopting: String =
        changed_shop().split_inclusive("---\n").map(|one| annotated(one, "evenkeel/adoption: adopt")).collect();
    for manifests in [changed_shop(), adopting] {
        let pass = lab.pass(&manifests).await;
        assert_eq!(lab.writes(), [""; 0]);
        for key in pass.items.keys().filter(|key| key.kind != Kind::AccountSettings) {
            assert_eq!(conclusion(&pass, key).message, "belongs to another; it is left alone", "{key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_holds_up_only_itself() {
    let lab = Lab::new().await;
    lab.settle(&shop()).await;
    lab.calls();
    for (operation, kinds) in [
        ("DescribeServices", &[Kind::Service][..]),
        ("DescribeClusters", &[Kind::Cluster]),
        ("ListAccountSettings", &[Kind::AccountSettings]),
        ("GetPolicy", &[Kind::Policy]),
        ("GetAccountAuthorizationDetails", &[Kind::Role, Kind::Policy]),
    ] {
        let code = if operation.starts_with("Get") { "AccessDenied" } else { "AccessDeniedException" };
        lab.inject(
            operation,
            1,
            FaultKind::Refuse { code, message: format!("not authorized: {operation}"), status: 400 },
        );
        let pass = lab.pass(&shop()).await;
        assert_eq!(lab.writes(), [""; 0]);
        for (key, item) in &pass.items {
            let expected = if kinds.contains(&key.kind) { Verb::Unknown } else { Verb::Keep };
            assert_eq!(item.verb, expected, "{key} without {operation}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_another_registers_is_followed_and_not_tried_again_after_a_rollback() {
    let lab = Lab::new().await;
    let ours = |image: &str| [cluster("shop"), service("web", image, "", "")].concat();
    lab.settle(&ours("web:1")).await;
    // The same service by name of its definition, which a pipeline registers.
    let breaker = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}";
    let by_name = |name: &str| {
        let text = service("web", "x", "", breaker);
        let (before, after) = text.split_once("  taskDefinition:").expect("a definition");
        let after = &after[after.find("  deploymentConfiguration").expect("the rest")..];
        [cluster("shop"), format!("{before}  taskDefinition: \"{name}\"\n{after}")].concat()
    };
    assert_eq!(lab.settle(&by_name("web")).await, ["UpdateService"]);
    for image in ["web:2", "web:crash"] {
        let definition = manifest("TaskDefinition", "web", "");
        let text = service("web", image, "", "");
        let body = &text[text.find("requiresCompatibilities").expect("a definition")..];
        let registers = definition.replace("spec:\n", &format!("spec:\n    {body}"));
        lab.settle(&registers).await;
        if image == "web:2" {
            assert_eq!(lab.settle(&by_name("web")).await, ["UpdateService"]);
        }
    }
    assert_eq!(calls(&lab.pass(&by_name("web")).await.outcomes), ["UpdateService"]);
    scenario::seconds(600).await;
    let pass = lab.pass(&by_name("web")).await;
    assert_eq!((pass.outcomes.len(), conclusion(&pass, &key(Kind::Service, "web")).reason), (0, "RolledBack"));
    assert_eq!(lab.settle(&by_name("web:2")).await, [""; 0]);
}
