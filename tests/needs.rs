//! What a resource needs is looked at before anything is made with it, due or not.
#![cfg(feature = "sandbox")]

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel::aws::{Aws, loader};
use evenkeel::load::{self, Desired};
use evenkeel::metrics::Metrics;
use evenkeel::model::{Key, Kind};
use evenkeel::plan::{Reason, Rules};
use evenkeel::reconcile::Reconciler;
use evenkeel::sandbox::{Sandbox, client};

const MANIFESTS: &str = r"
apiVersion: evenkeel/v1alpha1
kind: Cluster
metadata: {name: shop}
spec: {}
---
apiVersion: evenkeel/v1alpha1
kind: Service
metadata: {name: web}
spec:
  cluster: {ref: shop}
  desiredCount: 1
  launchType: EC2
  taskDefinition:
    containerDefinitions: [{name: web, image: web, memory: 128}]
";

#[tokio::test(start_paused = true)]
async fn no_service_is_made_while_its_cluster_is_not_there() {
    let sandbox = Sandbox::roomy();
    let metrics = Arc::new(Metrics::new().unwrap());
    let aws = Aws::connect(&client::point(loader(), &sandbox).load().await, &metrics).await.unwrap();
    let files = [load::File { path: "a.yaml".into(), content: Ok(MANIFESTS.into()) }];
    let desired = load::load(&files, aws.account(), &Desired::default());
    assert_eq!(desired.problems, []);
    let reconciler = Reconciler::new(aws, Rules { owner: "evenkeel".into(), ..Rules::default() }, metrics);
    let key = |kind, name: &str| Key { kind, name: name.into() };
    let cluster = key(Kind::Cluster, "shop");
    let (service, definition) = (key(Kind::Service, "web"), key(Kind::TaskDefinition, "web"));
    let (_stop, stopped) = tokio::sync::watch::channel(false);

    // The cluster waits for its own next look, as after a failed call.
    let due = BTreeSet::from([service, definition.clone()]);
    let pass = reconciler.pass(&desired.resources, &due, &stopped, &mut |_| {}).await;
    assert_eq!(pass.items[&definition].held, Some(Reason::WaitsFor(cluster.clone())));
    assert_eq!(pass.outcomes, []);

    let pass = reconciler.pass(&desired.resources, &BTreeSet::from([cluster]), &stopped, &mut |_| {}).await;
    assert!(pass.outcomes.iter().all(|outcome| outcome.result.is_ok()));
    let pass = reconciler.pass(&desired.resources, &due, &stopped, &mut |_| {}).await;
    let made: Vec<&str> = pass.outcomes.iter().map(|outcome| outcome.action.permission()).collect();
    assert_eq!(made, ["ecs:RegisterTaskDefinition", "ecs:CreateService"]);
}
