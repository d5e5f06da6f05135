//! What is exported declares exactly what is there: loaded again, it has no problems and plans no change.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use evenkeel::commands::export::gather;
use evenkeel::export::{Export, Scope, export, stream_text};
use evenkeel::model::Kind;
use evenkeel::plan::{Plan, Verb};
use evenkeel::report::plan_text;
use evenkeel::sandbox::Sandbox;
use evenkeel::watch;
use evenkeel::world::OWNER_TAG;

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
