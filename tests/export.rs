//! What is exported declares exactly what is there: loaded again, it has no problems and plans no change.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the laws use the rest")]
mod generate;
#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, KeyValuePair, LaunchType, NetworkConfiguration,
    NetworkMode, PortMapping,
};
use evenkeel::commands::export::gather;
use evenkeel::export::{Export, Scope, export, stream_text};
use evenkeel::model::Kind;
use evenkeel::plan::{Plan, Verb};
use evenkeel::report::plan_text;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::sandbox::{Request, Sandbox, server};
use evenkeel::value::{Map, Value};
use evenkeel::watch;
use evenkeel::world::OWNER_TAG;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::json;

use scenario::{Lab, manifest, role, seconds};

fn everything() -> Scope {
    Scope::default()
}

fn cluster(name: &str) -> Scope {
    Scope { clusters: BTreeSet::from([name.to_owned()]), ..Scope::default() }
}

fn service(cluster: &str, name: &str) -> Scope {
    Scope { services: BTreeSet::from([(cluster.to_owned(), name.to_owned())]), ..Scope::default() }
}

async fn exported(lab: &Lab, scope: &Scope) -> Export {
    let aws = lab.reconciler.aws();
    export(&gather(aws, scope).await, scope, aws.account())
}

/// Everything in scope as text; nothing may be left out.
async fn text(lab: &Lab, scope: &Scope) -> String {
    let export = exported(lab, scope).await;
    assert_eq!(export.left_out, []);
    stream_text(&export.documents)
}

/// The keys of the documents.
fn keys(export: &Export) -> Vec<String> {
    export.documents.iter().map(|document| document.key.to_string()).collect()
}

/// What a plan would change, beside the mark of the owner.
fn changes(plan: &Plan) -> Vec<String> {
    let mut changes = Vec::new();
    for item in &plan.items {
        if matches!(item.verb, Verb::Create | Verb::Unknown) {
            changes.push(format!("{}: {:?} {:?}", item.key, item.verb, item.held));
        }
        let of_owner = format!("tags.{OWNER_TAG}");
        for change in item.changes.iter().filter(|change| change.path.to_string() != of_owner) {
            changes.push(format!("{} {}: {:?} → {:?}", item.key, change.path, change.from, change.to));
        }
    }
    changes
}

/// The text loads, and plans no change for anybody.
async fn assert_declares_what_is_there(lab: &Lab, text: &str) {
    for owner in ["evenkeel", "somebody-else"] {
        let lab = Lab::owned(Arc::clone(&lab.sandbox), owner).await;
        let plan = lab.plan(text).await;
        assert_eq!(changes(&plan), [""; 0], "as {owner}:\n{text}");
    }
}

/// The same in every scope there is.
async fn assert_every_scope(lab: &Lab) {
    let all = exported(lab, &everything()).await;
    let stream = text(lab, &everything()).await;
    assert_declares_what_is_there(lab, &stream).await;
    for resource in lab.declared(&stream).values() {
        let scope = match &resource.identity {
            evenkeel::resource::Identity::Cluster { name } => cluster(name),
            evenkeel::resource::Identity::Service { cluster, name } => service(cluster, name),
            _ => continue,
        };
        let part = text(lab, &scope).await;
        assert!(!part.is_empty(), "{scope:?}");
        assert_declares_what_is_there(lab, &part).await;
    }
    assert_eq!(exported(lab, &everything()).await, all, "the same account gives the same manifests");
    assert_eq!(text(lab, &everything()).await, stream);
}

/// Nothing is missing in what was exported: an account made of it alone is exported as the same.
async fn account_made_of(text: &str) -> Lab {
    let lab = Lab::over(Sandbox::roomy()).await;
    lab.settle(text).await;
    let again = self::text(&lab, &everything()).await;
    if let Some((at, (one, other))) = text.lines().zip(again.lines()).enumerate().find(|(_, (one, other))| one != other)
    {
        let around = text.lines().skip(at.saturating_sub(8)).take(16).collect::<Vec<_>>().join("\n");
        panic!("line {at} was {one:?} and is {other:?}:\n{around}");
    }
    assert_eq!(again.len(), text.len());
    lab
}

/// Nor is it different to the manifests that the first account was made of.
async fn assert_makes_the_same_account(manifests: &str, text: &str) {
    let lab = account_made_of(text).await;
    let there = lab.declared(text);
    let mut plan = lab.plan(manifests).await;
    plan.items.retain(|item| there.values().any(|other| other.identity == item.identity));
    assert_eq!(changes(&plan), [""; 0], "{manifests}\n=====\n{text}");
}

fn directory(folder: &str) -> String {
    let snapshot = watch::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("the folder is there");
    let text = |content| String::from_utf8(content).expect("UTF-8");
    let files = snapshot.files.into_iter().map(evenkeel::load::File::from);
    files.filter_map(|file| file.content.ok()).map(text).collect::<Vec<_>>().join("\n---\n")
}

#[tokio::test(start_paused = true)]
async fn the_manifests_that_we_ship_come_back_as_manifests_that_change_nothing() {
    let lab = Lab::over(Sandbox::roomy()).await;
    let manifests = format!("{}\n---\n{}", directory("manifests"), directory("deploy/evenkeel"));
    lab.settle(&manifests).await;
    let export = exported(&lab, &everything()).await;
    assert_eq!(export.left_out, []);
    assert_every_scope(&lab).await;

    let text = stream_text(&export.documents);
    let plan = lab.plan(&text).await;
    assert!(plan.is_empty(), "{}", plan_text(&plan, lab.reconciler.aws().account()));
    assert_makes_the_same_account(&manifests, &text).await;
    let again = lab.declared(&text);
    for (key, resource) in lab.declared(&manifests) {
        let found = again.values().any(|other| other.identity == resource.identity);
        // Nothing in ECS names these roles: instances and people have them.
        let unnamed = ["ecsInstanceRole", "ecsInstanceRole-trunking", "ecsAnywhereRole", "ecs-operators"];
        let unnamed_policies = ["cwlogspolicy", "ecs-cluster-admin", "shop-operate"];
        let expected = !unnamed.contains(&key.name.as_str()) && !unnamed_policies.contains(&key.name.as_str());
        assert_eq!(found, expected, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_reads_like_a_manifest() {
    let lab = Lab::over(Sandbox::roomy()).await;
    let spec = "cluster: {ref: shop}
desiredCount: 2
launchType: EC2
tags: {team: shop}
taskDefinition:
  taskRoleArn: {ref: app}
  containerDefinitions:
    - {name: web, image: 'web:1', memory: 128, portMappings: [{containerPort: 80}], dockerLabels: {ref: main}}";
    let policy =
        "policyDocument: {Version: '2012-10-17', Statement: {Effect: Allow, Action: 's3:Get*', Resource: '*'}}";
    let manifests = [
        manifest("Cluster", "shop", "{}"),
        manifest("Policy", "read", policy),
        role("app", "path: /team/\nmanagedPolicyArns: [{ref: read}]\ninstanceProfile: true"),
        manifest("Service", "web", spec),
    ];
    lab.settle(&manifests.concat()).await;
    let expected = r#"apiVersion: evenkeel/v1alpha1
kind: Policy
metadata:
  name: read
spec:
  policyDocument:
    Version: "2012-10-17"
    Statement:
      Effect: Allow
      Action: s3:Get*
      Resource: "*"
---
apiVersion: evenkeel/v1alpha1
kind: Role
metadata:
  name: app
spec:
  path: /team/
  assumeRolePolicyDocument:
    Version: "2012-10-17"
    Statement:
      Effect: Allow
      Principal:
        Service: ecs-tasks.amazonaws.com
      Action: sts:AssumeRole
  managedPolicyArns:
    - {ref: read}
  instanceProfile: true
---
apiVersion: evenkeel/v1alpha1
kind: Cluster
metadata:
  name: shop
spec:
  settings:
    - name: containerInsights
      value: disabled
---
apiVersion: evenkeel/v1alpha1
kind: Service
metadata:
  name: web
spec:
  cluster: {ref: shop}
  taskDefinition:
    taskRoleArn: {ref: app}
    containerDefinitions:
      - name: web
        image: web:1
        memory: 128
        portMappings:
          - containerPort: 80
        dockerLabels: {ref: main}
  availabilityZoneRebalancing: ENABLED
  desiredCount: 2
  launchType: EC2
  tags:
    team: shop
"#;
    let text = text(&lab, &everything()).await;
    assert_eq!(text, expected);
}

/// Sends a request as any other client would.
fn by_hand(lab: &Lab, operation: &str, body: &Value) {
    let target = Some(format!("AmazonEC2ContainerServiceV20141113.{operation}"));
    let body = body.to_string().into_bytes();
    let answer = lab.sandbox.handle(&Request { target, body, ..Request::default() }).expect("an answer");
    assert_eq!(answer.status, 200, "{operation}: {}", String::from_utf8_lossy(&answer.body));
}

const TASKS: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"},"Version":"2012-10-17"}"#;
const READ: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"S3:Get*","Resource":"*","Sid":"Read"}}"#;

/// A role with everything, a policy in another path, and a service of the family only.
async fn made_by_hand(lab: &Lab) {
    let (ecs, iam) = (lab.ecs(), lab.iam());
    let policy = iam.create_policy().policy_name("read").path("/team/").policy_document(READ).send().await;
    let arn = policy.expect("a policy").policy.and_then(|policy| policy.arn).expect("an ARN");
    let second = iam.create_policy_version().policy_arn(&arn).policy_document(READ.replace("S3:Get*", "s3:List*"));
    second.set_as_default(true).send().await.expect("a version");
    let bound = iam.create_role().role_name("Task").assume_role_policy_document(TASKS).permissions_boundary(&arn);
    bound.send().await.expect("a role");
    iam.attach_role_policy().role_name("Task").policy_arn(&arn).send().await.expect("attached");
    let of_aws = "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess";
    iam.attach_role_policy().role_name("Task").policy_arn(of_aws).send().await.expect("attached");
    let put = iam.put_role_policy().role_name("Task").policy_name("own").policy_document(READ);
    put.send().await.expect("a policy");
    iam.create_role().role_name("unused").assume_role_policy_document(TASKS).send().await.expect("a role");
    ecs.create_cluster().send().await.expect("a cluster");
    let container = ContainerDefinition::builder()
        .name("web")
        .image("web")
        .environment(KeyValuePair::builder().name("PASSWORD").value("line one\nline: two # \"on\"\n").build());
    let port = |port| PortMapping::builder().container_port(port).build();
    let container = container.port_mappings(port(443)).port_mappings(port(80)).build();
    let definition = ecs.register_task_definition().family("web").cpu("1 vCPU").memory("2 GB");
    let definition = definition.network_mode(NetworkMode::Awsvpc).requires_compatibilities(Compatibility::Fargate);
    let definition = definition.task_role_arn("arn:aws:iam::123456789012:role/Task").container_definitions(container);
    definition.send().await.expect("a revision");
    let vpc = AwsVpcConfiguration::builder().subnets("subnet-2").subnets("subnet-1").build().expect("a network");
    let service = ecs.create_service().service_name("web").task_definition("web").desired_count(1);
    let service = service.network_configuration(NetworkConfiguration::builder().awsvpc_configuration(vpc).build());
    service.launch_type(LaunchType::Fargate).send().await.expect("a service");
    seconds(60).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_made_by_hand_with_everything_left_at_its_default_is_declared_as_it_is() {
    let lab = Lab::over(Sandbox::roomy()).await;
    made_by_hand(&lab).await;
    assert_every_scope(&lab).await;
    let export = exported(&lab, &everything()).await;
    assert_eq!(keys(&export), ["Policy/read", "Role/Task", "Cluster/default", "Service/web"]);
    let written = stream_text(&export.documents);
    assert!(written.contains("cpu: \"1024\"") && written.contains("line one"), "{written}");
    let part = exported(&lab, &service("default", "web")).await;
    assert_eq!(keys(&part), ["Policy/read", "Role/Task", "Service/web"]);
    assert!(stream_text(&part.documents).contains("cluster: default\n"), "its cluster is called by its name");
}

/// Manifests that take over what they describe.
fn adopting(text: &str) -> String {
    text.replace("\nspec:\n", "\n  annotations: {evenkeel/adoption: adopt}\nspec:\n")
}

#[tokio::test(start_paused = true)]
async fn adoption_writes_tags_and_nothing_else() {
    let lab = Lab::over(Sandbox::roomy()).await;
    made_by_hand(&lab).await;
    let text = adopting(&text(&lab, &everything()).await);
    let writes = lab.settle(&text).await;
    assert!(!writes.is_empty());
    assert!(writes.iter().all(|write| write.starts_with("Tag")), "{writes:?}");
    assert!(lab.plan(&text).await.is_empty());
    assert_every_scope(&lab).await;
}

fn container(image: &str) -> Value {
    json!([{ "name": "web", "image": image, "memory": 64, "portMappings": [{ "containerPort": 80 }] }])
}

fn register(lab: &Lab, family: &str, image: &str) {
    by_hand(lab, "RegisterTaskDefinition", &json!({ "family": family, "containerDefinitions": container(image) }));
}

fn create(lab: &Lab, cluster: &str, name: &str, revision: &str) {
    let service = json!({ "cluster": cluster, "serviceName": name, "taskDefinition": revision, "desiredCount": 0 });
    by_hand(lab, "CreateService", &service);
}

#[tokio::test(start_paused = true)]
async fn services_that_share_a_name_or_a_family_are_told_apart() {
    let lab = Lab::over(Sandbox::roomy()).await;
    for cluster in ["blue", "green"] {
        by_hand(&lab, "CreateCluster", &json!({ "clusterName": cluster }));
    }
    for image in ["web:1", "web:2", "web:3", "web:4"] {
        register(&lab, "web", image);
    }
    register(&lab, "api", "api:1");
    register(&lab, "jobs", "jobs:1");
    register(&lab, "gone", "gone:1");
    by_hand(&lab, "DeregisterTaskDefinition", &json!({ "taskDefinition": "web:2" }));
    for (cluster, name, revision) in [
        ("blue", "web", "web:3"),
        ("green", "web", "web:3"),
        ("green", "old", "web:1"),
        ("green", "api", "api:1"),
        ("green", "last", "gone:1"),
    ] {
        create(&lab, cluster, name, revision);
    }
    by_hand(&lab, "DeregisterTaskDefinition", &json!({ "taskDefinition": "gone:1" }));
    assert_every_scope(&lab).await;
    let export = exported(&lab, &everything()).await;
    assert_eq!(
        keys(&export),
        [
            "TaskDefinition/web",
            "Cluster/blue",
            "Service/blue-web",
            "Cluster/green",
            "Service/api",
            "Service/green-web",
            "Service/last",
            "Service/old",
            "TaskDefinition/jobs"
        ]
    );
    let definitions: Vec<String> = export
        .documents
        .iter()
        .filter(|document| document.key.kind == Kind::Service)
        .map(|document| format!("{} {:?}", document.manifest["spec"]["taskDefinition"], document.remarks))
        .collect();
    assert_eq!(
        definitions,
        [
            r#"{"ref":"web"} []"#,
            r#"{"containerDefinitions":[{"name":"web","image":"api:1","memory":64,"portMappings":[{"containerPort":80}]}]} []"#,
            r#"{"ref":"web"} []"#,
            r#""gone:1" ["The revision that it runs is deregistered: it can be named, not described."]"#,
            r#""web:1" ["It runs an older revision than other services of the family web."]"#,
        ]
    );
    let files: Vec<String> = export.documents.iter().map(|document| document.file.display().to_string()).collect();
    assert_eq!(files[..3], ["task-definitions/web.yaml", "clusters/blue.yaml", "clusters/blue/blue-web.yaml"]);
}

#[tokio::test(start_paused = true)]
async fn services_that_others_deploy_say_so_at_their_head() {
    let lab = Lab::over(Sandbox::roomy()).await;
    by_hand(&lab, "CreateCluster", &json!({ "clusterName": "shop" }));
    register(&lab, "web", "web:1");
    let service = |name: &str, more: Value| {
        let mut service = json!({ "cluster": "shop", "serviceName": name, "desiredCount": 1 });
        service.as_object_mut().expect("a map").extend(more.as_object().cloned().expect("a map"));
        by_hand(&lab, "CreateService", &service);
    };
    service("outside", json!({ "deploymentController": { "type": "EXTERNAL" } }));
    service(
        "deployed",
        json!({ "deploymentController": { "type": "CODE_DEPLOY" }, "taskDefinition": "web:1",
        "loadBalancers": [{ "containerName": "web", "containerPort": 80, "loadBalancerName": "classic" }] }),
    );
    assert_every_scope(&lab).await;
    let text = text(&lab, &everything()).await;
    let starts: Vec<&str> = text.split("---\n").map(|document| document.lines().next().unwrap_or_default()).collect();
    assert!(starts[1].starts_with("# AWS CodeDeploy rolls this service out"), "{text}");
    assert!(starts[2].starts_with("# Another system rolls this service out"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn capacity_providers_come_with_their_roles_and_instance_profiles() {
    let lab = Lab::over(Sandbox::roomy()).await;
    let iam = lab.iam();
    for name in ["infra", "instances"] {
        let path = if name == "infra" { "/ecs/" } else { "/" };
        let role = iam.create_role().role_name(name).path(path).assume_role_policy_document(TASKS);
        role.send().await.expect("a role");
    }
    for profile in ["another", "machines"] {
        iam.create_instance_profile().instance_profile_name(profile).send().await.expect("a profile");
        let call = iam.add_role_to_instance_profile().instance_profile_name(profile).role_name("instances");
        call.send().await.expect("in it");
    }
    by_hand(&lab, "CreateCluster", &json!({ "clusterName": "shop" }));
    by_hand(&lab, "CreateCluster", &json!({ "clusterName": "else" }));
    let managed = json!({ "name": "managed", "cluster": "shop", "managedInstancesProvider": {
        "infrastructureRoleArn": "arn:aws:iam::123456789012:role/ecs/infra",
        "instanceLaunchTemplate": {
            "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/another",
            "networkConfiguration": { "subnets": ["subnet-1"] },
        },
    } });
    by_hand(&lab, "CreateCapacityProvider", &managed);
    let group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/g";
    let group = json!({ "name": "group", "autoScalingGroupProvider": { "autoScalingGroupArn": group } });
    by_hand(&lab, "CreateCapacityProvider", &group);
    let associate = json!({ "cluster": "shop", "capacityProviders": ["group", "FARGATE"],
        "defaultCapacityProviderStrategy": [{ "capacityProvider": "group", "weight": 1 }] });
    by_hand(&lab, "PutClusterCapacityProviders", &associate);
    assert_every_scope(&lab).await;
    let export = exported(&lab, &cluster("shop")).await;
    assert_eq!(
        keys(&export),
        ["Role/infra", "Role/instances", "CapacityProvider/group", "CapacityProvider/managed", "Cluster/shop"]
    );
    assert_eq!(keys(&exported(&lab, &cluster("else")).await), ["Cluster/else"]);
    let text = stream_text(&export.documents);
    for part in [
        "infrastructureRoleArn: {ref: infra}",
        "ec2InstanceProfileArn: {ref: instances}",
        "cluster: {ref: shop}",
        "this role is in several: another, machines.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn daemons_settings_and_tags_are_written_as_far_as_they_are_anybodys_choice() {
    let lab = Lab::over(Sandbox::roomy()).await;
    by_hand(&lab, "CreateCluster", &json!({ "clusterName": "shop" }));
    register(&lab, "agent", "agent:1");
    let agent = json!({ "cluster": "shop", "serviceName": "agent", "taskDefinition": "agent", "schedulingStrategy": "DAEMON",
        "enableECSManagedTags": true,
        "tags": [{ "key": "team", "value": "on" }, { "key": "evenkeel:owner", "value": "evenkeel" }] });
    by_hand(&lab, "CreateService", &agent);
    by_hand(&lab, "PutAccountSettingDefault", &json!({ "name": "containerInsights", "value": "enhanced" }));
    assert_every_scope(&lab).await;
    let text = text(&lab, &everything()).await;
    let (settings, rest) = text.split_once("---\n").expect("two documents");
    assert!(settings.ends_with("spec:\n  containerInsights: enhanced\n"), "{settings}");
    assert!(rest.ends_with("  tags:\n    team: \"on\"\n"), "{rest}");
    for absent in ["desiredCount", "deploymentConfiguration", "evenkeel:owner", "aws-service-role"] {
        assert!(!rest.contains(absent), "{absent}: {rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_manifest_cannot_say_is_left_out_and_named() {
    let lab = Lab::over(Sandbox::roomy()).await;
    let trust = TASKS.replace(r#"{"Service":"ecs-tasks.amazonaws.com"}"#, r#"{"AWS":"*"}"#);
    let trust = trust.replace(
        r#"sts:AssumeRole""#,
        r#"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalTag/a":"${AWS::AccountId}"}}"#,
    );
    lab.iam().create_role().role_name("odd").assume_role_policy_document(trust).send().await.expect("a role");
    by_hand(&lab, "CreateCluster", &json!({ "clusterName": "shop" }));
    register(&lab, "template", "${AWS::Region}/web");
    let body = json!({ "family": "web", "containerDefinitions": container("web:1"), "taskRoleArn": "odd",
        "executionRoleArn": "arn:aws:iam::123456789012:role/deleted" });
    by_hand(&lab, "RegisterTaskDefinition", &body);
    create(&lab, "shop", "web", "web");
    create(&lab, "shop", "template", "template");
    let export = exported(&lab, &everything()).await;
    let left_out: Vec<String> = export.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        [
            "role odd: `aws:PrincipalTag/a` holds the text ${AWS::, which a manifest would take for a variable",
            "task definition template: `image` holds the text ${AWS::, which a manifest would take for a variable",
            "task definition template:1: `image` holds the text ${AWS::, which a manifest would take for a variable",
        ]
    );
    let text = stream_text(&export.documents);
    assert!(text.contains("taskRoleArn: odd\n") && text.contains("# The role deleted does not exist.\n"), "{text}");
    assert!(text.contains("taskDefinition: template:1\n"), "{text}");
    assert_declares_what_is_there(&lab, &text).await;
}

fn denied() -> FaultKind {
    FaultKind::Refuse { code: "AccessDeniedException", message: "not yours".to_owned(), status: 400 }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_named_and_the_rest_is_exported() {
    let lab = Lab::over(Sandbox::roomy()).await;
    made_by_hand(&lab).await;
    lab.inject("GetAccountAuthorizationDetails", 1, denied());
    let export = exported(&lab, &everything()).await;
    let left_out: Vec<String> = export.left_out.iter().map(|one| one.what.clone()).collect();
    assert_eq!(
        (keys(&export), left_out),
        (vec!["Cluster/default".into(), "Service/web".into()], vec!["role Task".into()])
    );
    assert_declares_what_is_there(&lab, &stream_text(&export.documents)).await;
    lab.inject("ListServices", 1, denied());
    let export = exported(&lab, &everything()).await;
    assert!(export.left_out[0].to_string().starts_with("services of cluster default: access denied"));
    assert_eq!(keys(&export), ["Policy/read", "Role/Task", "Cluster/default", "TaskDefinition/web"]);
    for scope in [cluster("gone"), service("default", "gone"), service("gone", "web")] {
        let export = exported(&lab, &scope).await;
        assert_eq!(keys(&export), [""; 0]);
        let why: Vec<&str> = export.left_out.iter().map(|one| one.why.as_str()).collect();
        assert_eq!(why, ["does not exist"], "{scope:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_on_its_way_out_is_exported() {
    let lab = Lab::over(Sandbox::roomy()).await;
    made_by_hand(&lab).await;
    lab.ecs().delete_service().service("web").cluster("default").force(true).send().await.expect("deleted");
    let scope = service("default", "web");
    let left_out = exported(&lab, &scope).await.left_out;
    assert!(left_out[0].why.starts_with("is being deleted"), "{left_out:?}");
    assert_eq!(
        keys(&exported(&lab, &everything()).await),
        ["Policy/read", "Role/Task", "Cluster/default", "TaskDefinition/web"]
    );
    seconds(600).await;
    lab.ecs().delete_cluster().cluster("default").send().await.expect("deleted");
    assert_eq!(keys(&exported(&lab, &everything()).await), ["Policy/read", "Role/Task", "TaskDefinition/web"]);
}

/// One of some values, as JSON, or nothing.
fn maybe(values: &'static [&'static str]) -> impl Strategy<Value = Option<Value>> {
    option::of(select(values).prop_map(|text| serde_json::from_str(text).expect("JSON")))
}

/// A map with each member there or not.
fn some_of(members: &'static [(&'static str, &'static [&'static str])]) -> impl Strategy<Value = Value> {
    let members: Vec<_> =
        members.iter().map(|(name, values)| maybe(values).prop_map(move |value| Some((*name, value?)))).collect();
    members.prop_map(|members| {
        members.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
    })
}

fn with(mut fixed: Value, more: Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        fixed[name] = value.clone();
    }
    fixed
}

const OF_CONTAINER: &[(&str, &[&str])] = &[
    ("cpu", &["0", "64"]),
    ("command", &["[]", r#"["sh","-c","set -e\necho a: b\n"]"#]),
    ("dockerLabels", &["{}", r#"{"ref":"main","b":"on","a":"2024-01-01"}"#]),
    ("healthCheck", &[r#"{"command":["CMD","true"]}"#, r#"{"command":["CMD","true"],"interval":10,"startPeriod":0}"#]),
    ("linuxParameters", &[r#"{"initProcessEnabled":true}"#, r#"{"capabilities":{"drop":["ALL"]}}"#]),
    ("logConfiguration", &[r#"{"logDriver":"awslogs","options":{"awslogs-group":"g","awslogs-region":"us-east-1"}}"#]),
    (
        "mountPoints",
        &[r#"[{"sourceVolume":"v","containerPath":"/v"},{"sourceVolume":"w","containerPath":"/a","readOnly":false}]"#],
    ),
    (
        "portMappings",
        &[
            r#"[{"containerPort":443,"protocol":"tcp"},{"containerPort":80}]"#,
            r#"[{"containerPort":53,"protocol":"udp"}]"#,
        ],
    ),
    ("secrets", &[r#"[{"name":"Z","valueFrom":"/z"},{"name":"A","valueFrom":"/a"}]"#]),
    ("stopTimeout", &["30", "60"]),
    ("ulimits", &[r#"[{"name":"nofile","softLimit":1,"hardLimit":2}]"#]),
    ("user", &["\"\"", "\"0:0\""]),
];

const OF_SERVICE: &[(&str, &[&str])] = &[
    (
        "deploymentConfiguration",
        &[
            r#"{"maximumPercent":200}"#,
            r#"{"deploymentCircuitBreaker":{"enable":true,"rollback":false}}"#,
            r#"{"minimumHealthyPercent":0,"alarms":{"alarmNames":["b","a"],"enable":true,"rollback":false}}"#,
        ],
    ),
    ("enableECSManagedTags", &["true", "false"]),
    ("enableExecuteCommand", &["true", "false"]),
    ("propagateTags", &["\"SERVICE\"", "\"NONE\""]),
    ("tags", &["{}", r#"{"team":"shop","tier":"1"}"#]),
];

const OF_ROLE: &[(&str, &[&str])] = &[
    ("description", &["\"\"", "\"what: it is for\""]),
    ("instanceProfile", &["true", "\"machines\""]),
    (
        "inlinePolicies",
        &[
            r#"{"z":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}"}}}"#,
        ],
    ),
    ("managedPolicyArns", &[r#"[{"ref":"Policy/read"},"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"]"#]),
    ("maxSessionDuration", &["3600", "7200"]),
    ("permissionsBoundary", &[r#"{"ref":"read"}"#]),
    ("tags", &[r#"{"a":"b"}"#]),
];

/// Any text that AWS would take.
fn any_text() -> impl Strategy<Value = String> {
    "\\PC{0,12}|[\\PC\n\t]{0,24}|[ \na:#-]{0,8}|[0-9:.eExo_+-]{1,8}"
        .prop_filter("no variable of ours", |text: &String| !text.contains("${AWS::"))
}

/// A task definition for EC2 or, sized as people write it, for Fargate.
fn task_definition(fargate: bool) -> impl Strategy<Value = Value> {
    (some_of(OF_CONTAINER), any_text(), option::of(any::<bool>())).prop_map(move |(more, text, roles)| {
        let environment = json!([{ "name": "TEXT", "value": text }, { "name": "EMPTY", "value": "" }]);
        let fixed = json!({ "name": "web", "image": "web:1", "memory": 64, "environment": environment });
        let mut definition = json!({ "containerDefinitions": [with(fixed, more)], "volumes": [{ "name": "w" }, { "name": "v" }] });
        if fargate {
            let size = json!({ "networkMode": "awsvpc", "cpu": ".5 vCPU", "memory": "1GB", "requiresCompatibilities": ["FARGATE"] });
            definition = with(definition, size);
        }
        definition["executionRoleArn"] = if roles == Some(false) { json!("task") } else { json!({ "ref": "task" }) };
        if roles.is_some() {
            definition["taskRoleArn"] = json!({ "ref": "task" });
        }
        definition
    })
}

/// A service of this name in AWS, whatever its manifest is called.
fn service_spec(cluster: &'static str, definition: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    (some_of(OF_SERVICE), definition, 0..3u8, 0..2u8).prop_map(move |(more, definition, on, count)| {
        let fixed = json!({ "cluster": { "ref": cluster }, "serviceName": "web", "taskDefinition": definition });
        let spec = with(fixed, more);
        let fargate = definition.get("networkMode").is_some();
        let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-2", "subnet-1"] } });
        match (fargate, on) {
            (true, 0) => {
                let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }, { "capacityProvider": "FARGATE" }]);
                with(spec, json!({ "capacityProviderStrategy": strategy, "networkConfiguration": network, "desiredCount": count }))
            }
            (true, _) => with(spec, json!({ "launchType": "FARGATE", "networkConfiguration": network, "desiredCount": count })),
            (false, 0) => with(spec, json!({ "schedulingStrategy": "DAEMON", "deploymentConfiguration": { "minimumHealthyPercent": 50 } })),
            (false, 1) => with(spec, json!({ "placementStrategy": [{ "type": "spread", "field": "host" }], "desiredCount": count })),
            (false, _) => with(spec, json!({ "capacityProviderStrategy": [{ "capacityProvider": { "ref": "group" } }], "desiredCount": count })),
        }
    })
}

/// An account of two clusters that have a service of the same name each, and share what they can.
fn account() -> impl Strategy<Value = String> {
    let paths = select(vec!["/", "/team/app/"]);
    let parts = (
        some_of(OF_ROLE),
        (paths.clone(), paths),
        service_spec("shop", task_definition(true)),
        service_spec("edge", task_definition(false)),
        task_definition(false),
        any::<bool>(),
    );
    parts.prop_map(|(role, (of_role, of_policy), fargate, mut ec2, shared, share)| {
        let trust: Value = serde_json::from_str(TASKS).expect("JSON");
        let document: Value = serde_json::from_str(READ).expect("JSON");
        let group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/g";
        let group = json!({ "autoScalingGroupArn": group, "managedScaling": { "status": "ENABLED" } });
        let strategy = json!({ "cluster": { "ref": "edge" }, "desiredCount": 1, "taskDefinition": { "ref": "shared" } });
        if share && ec2.get("schedulingStrategy").is_none() {
            ec2["taskDefinition"] = json!({ "ref": "shared" });
        }
        let all = [
            ("AccountSettings", "account", json!({ "containerInsights": "enhanced" })),
            ("Policy", "read", json!({ "path": of_policy, "policyDocument": document })),
            ("Role", "task", with(json!({ "path": of_role, "assumeRolePolicyDocument": trust }), role)),
            ("CapacityProvider", "group", json!({ "autoScalingGroupProvider": group, "tags": { "a": "b" } })),
            ("Cluster", "shop", json!({ "capacityProviders": ["FARGATE_SPOT", "FARGATE"] })),
            ("Cluster", "edge", json!({ "capacityProviders": [{ "ref": "group" }], "settings": [{ "name": "containerInsights", "value": "enabled" }] })),
            ("TaskDefinition", "shared", shared),
            ("Service", "shop-web", fargate),
            ("Service", "edge-web", ec2),
            ("Service", "other", strategy),
        ];
        let manifest = |(kind, name, spec): &(&str, &str, Value)| {
            json!({ "apiVersion": "evenkeel/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec }).to_string()
        };
        all.iter().map(manifest).collect::<Vec<_>>().join("\n---\n")
    })
}

fn in_virtual_time(law: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("runtime").block_on(law);
}

proptest! {
    // A failure prints its input; it is to become a test, not a line in a file of seeds.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_applied_is_exported_as_it_is(manifests in account()) {
        in_virtual_time(async {
            let lab = Lab::over(Sandbox::roomy()).await;
            lab.settle(&manifests).await;
            assert_every_scope(&lab).await;
            let text = text(&lab, &everything()).await;
            assert_makes_the_same_account(&manifests, &text).await;
            let (there, again) = (lab.declared(&manifests), lab.declared(&text));
            let missed = there.values().filter(|one| !again.values().any(|other| other.identity == one.identity));
            // A policy that no role has is nothing to ECS.
            let missed: Vec<&str> = missed.map(|one| one.key.name.as_str()).filter(|name| *name != "read").collect();
            assert_eq!(missed, [""; 0]);
        });
    }
}

/// Serves an account for the binary. Its log and its answers go on while the binary runs.
async fn served(sandbox: Arc<Sandbox>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(server::serve(sandbox, listener));
    url
}

/// What a run of the binary said, with its exit code.
async fn evenkeel(url: &str, arguments: &[&str]) -> (i32, String, String) {
    let sandbox = format!("--sandbox={url}");
    let arguments: Vec<String> = arguments.iter().copied().chain([sandbox.as_str()]).map(str::to_owned).collect();
    let run = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_evenkeel")).args(arguments).env_clear().output().expect("the binary runs")
    });
    let output = run.await.expect("no panic");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_prints_a_stream_or_writes_files_and_overwrites_none() {
    let lab = Lab::over(Sandbox::roomy()).await;
    by_hand(&lab, "CreateCluster", &json!({ "clusterName": "shop" }));
    register(&lab, "web", "web:1");
    create(&lab, "shop", "web", "web:1");
    let url = served(Arc::clone(&lab.sandbox)).await;
    let (code, out, err) = evenkeel(&url, &["export"]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (0, text(&lab, &everything()).await.as_str(), ""));
    let (code, out, _) = evenkeel(&url, &["export", "--service", "shop/web"]).await;
    assert_eq!((code, out.as_str()), (0, text(&lab, &service("shop", "web")).await.as_str()));

    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("new");
    let to = directory.to_str().expect("UTF-8");
    let (code, out, err) = evenkeel(&url, &["export", "--to", to]).await;
    assert_eq!((code, out, err.as_str()), (0, format!("2 manifests in {to}.\n"), ""));
    let (code, out, err) = evenkeel(&url, &["plan", to]).await;
    assert_ne!(code, 1, "the files are manifests: {out}{err}");
    std::fs::remove_file(directory.join("clusters/shop.yaml")).expect("it was there");
    let (code, _, err) = evenkeel(&url, &["export", "--to", to]).await;
    assert_eq!(code, 1);
    assert!(err.contains("nothing was written") && err.contains("clusters/shop/web.yaml"), "{err}");
    assert!(!directory.join("clusters/shop.yaml").exists());

    register(&lab, "template", "${AWS::Region}/web");
    let (code, out, err) = evenkeel(&url, &["export"]).await;
    assert_eq!((code, out.contains("kind: Service")), (1, true));
    assert!(err.starts_with("task definition template: `image` holds"), "{err}");
    let (code, _, err) = evenkeel(&url, &["export", "--service", "web"]).await;
    assert!(code != 0 && err.contains("expected CLUSTER/NAME"), "{err}");
}

#[tokio::test(start_paused = true)]
async fn a_number_of_tasks_that_is_scaled_is_not_written() {
    let lab = Lab::over(Sandbox::roomy()).await;
    by_hand(&lab, "CreateCluster", &json!({ "clusterName": "shop" }));
    register(&lab, "web", "web:1");
    create(&lab, "shop", "web", "web:1");
    create(&lab, "shop", "free", "web:1");
    let scaling = aws_sdk_applicationautoscaling::Client::new(&lab.config);
    let target = scaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let target = target.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).resource_id("service/shop/web");
    target.min_capacity(2).max_capacity(5).send().await.expect("a target");
    assert_every_scope(&lab).await;
    let export = exported(&lab, &everything()).await;
    let counts: Vec<String> = export
        .documents
        .iter()
        .filter(|document| document.key.kind == Kind::Service)
        .map(|document| format!("{}: {:?}", document.key.name, document.manifest["spec"].get("desiredCount")))
        .collect();
    assert_eq!(counts, ["free: Some(Number(0))", "web: None"]);
    lab.inject("DescribeScalableTargets", 1, denied());
    let export = exported(&lab, &everything()).await;
    assert!(export.left_out[0].to_string().starts_with("the scalable target of service shop/free: access denied"));
}

#[tokio::test(start_paused = true)]
async fn what_only_a_service_revision_tells_is_written() {
    let lab = Lab::over(Sandbox::roomy()).await;
    by_hand(&lab, "CreateCluster", &json!({ "clusterName": "shop" }));
    register(&lab, "web", "web:1");
    let monitoring =
        json!({ "metricConfigurations": [{ "metricNames": ["CPUUtilization"], "resolutionSeconds": 20 }] });
    let service = json!({ "cluster": "shop", "serviceName": "web", "taskDefinition": "web", "desiredCount": 1,
        "monitoring": monitoring });
    by_hand(&lab, "CreateService", &service);
    assert_every_scope(&lab).await;
    let export = exported(&lab, &everything()).await;
    let service = export.documents.iter().find(|document| document.key.kind == Kind::Service).expect("the service");
    assert_eq!(service.manifest["spec"]["monitoring"], monitoring);
}

/// Everything that the API can spell, as the laws draw it.
#[test]
fn the_full_surface_is_exported_as_it_is() {
    let choices = vec(vec(any::<u8>(), 0..400), 9);
    let config = ProptestConfig { cases: 32, failure_persistence: None, max_shrink_iters: 40, ..Default::default() };
    let result = TestRunner::new(config).run(&choices, |choices| {
        in_virtual_time(async {
            let lab = Lab::over(Sandbox::roomy()).await;
            let mut directory = generate::directory(&choices);
            let cluster = directory["Cluster"].as_object_mut().expect("a map");
            if cluster.get("settings") == Some(&json!([])) {
                // A cluster without any setting is none that leaves them to the account: not to be said otherwise.
                cluster.shift_remove("settings");
            }
            let manifests = generate::manifests(&directory);
            lab.settle(&manifests).await;
            assert_every_scope(&lab).await;
            account_made_of(&text(&lab, &everything()).await).await;
        });
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
