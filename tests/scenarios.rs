//! The daemon's parts through the real SDK against the simulated AWS, in virtual time: what is done,
//! in how many calls, and what is left alone.
#![cfg(feature = "sandbox")]

mod scenario;

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{DeploymentConfiguration, SettingName};
use evenkeel::model::Kind;
use evenkeel::plan::Verb;
use evenkeel::sandbox::fault::FaultKind;
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
        assert_eq!(failed.message, "ECS deployment circuit breaker: tasks failed to start.");
        scenario::seconds(60).await;
    }
    assert_eq!(lab.writes(), [""; 0]);
    assert_eq!(lab.settle(&of("shop/web:3")).await, ["RegisterTaskDefinition", "UpdateService"]);
}
