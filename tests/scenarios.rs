//! The daemon's parts through the real SDK against the simulated AWS, in virtual time: what is done,
//! in how many calls, and what is left alone.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

mod scenario;

use evenkeel::model::Kind;
use evenkeel::plan::Verb;
use evenkeel::status::State;

use scenario::{Lab, annotated, calls, cluster, conclusion, key, manifest, role, service};

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
    // the new one.
    assert_eq!(
        lab.calls(),
        [
            "DescribeClusters",
            "DescribeServices",
            "DescribeTaskDefinition",
            "RegisterTaskDefinition",
            "DescribeServices",
            "DescribeTaskDefinition",
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
    let lab = Lab::over(std::sync::Arc::clone(&lab.sandbox)).await;
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
    let lab = Lab::over(std::sync::Arc::clone(&lab.sandbox)).await;
    let pass = lab.pass(&all).await;
    assert_eq!(pass.outcomes, []);
    assert_eq!(conclusion(&pass, &key(Kind::Service, "web")).reason, "NotOurs");
    let adopt =
        [cluster("shop"), annotated(&service("web", "shop/web:1", "", ""), "evenkeel/adoption: adopt")].concat();
    assert_eq!(lab.settle(&adopt).await, ["TagResource"]);
    assert_eq!(lab.service("shop", "web").await.deployments().len(), 1);
    assert_eq!(lab.settle(&adopt.replace("web:1", "web:2")).await, ["RegisterTaskDefinition", "UpdateService"]);
}
