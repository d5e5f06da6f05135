//! Differences that are seen and left as they are: ignored fields, what another decides, what is yet to
//! be adopted.
#![cfg(feature = "sandbox")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::sync::Arc;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, KeyValuePair, NetworkMode, ServiceConnectConfiguration, ServiceConnectService,
    Tag, TimeoutConfiguration,
};
use evenkeel::model::Kind;
use evenkeel::plan::{Item, Verb};
use evenkeel::report::plan_text;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::status::State;

use scenario::{Lab, annotated, calls, cluster, conclusion, key, manifest, service};

fn left(item: &Item) -> Vec<String> {
    item.left.iter().map(|left| format!("{} {}", left.change.path, left.why.label())).collect()
}

/// A service that leaves its image to a pipeline; `more` is the rest of the container.
fn shop_that_ignores_images(more: &str) -> String {
    let web = service("web", "shop/web:1", more, "");
    let ignoring = annotated(&web, "evenkeel/ignore-fields: taskDefinition.containerDefinitions.*.image");
    [cluster("shop"), ignoring].concat()
}

#[tokio::test(start_paused = true)]
async fn an_image_that_a_pipeline_deploys_is_neither_reverted_nor_lost_with_the_next_change() {
    let lab = Lab::new().await;
    lab.settle(&shop_that_ignores_images("")).await;
    lab.deploy(|container| container.image = Some("shop/web:9".to_owned())).await;
    for lab in [Lab::over(Arc::clone(&lab.sandbox)).await, lab] {
        let pass = lab.pass(&shop_that_ignores_images("")).await;
        assert_eq!(calls(&pass.outcomes), [""; 0]);
        let definition = &pass.items[&key(Kind::TaskDefinition, "web")];
        assert_eq!(
            (definition.verb, left(definition)),
            (Verb::Keep, vec!["containerDefinitions[web].image Ignored".into()])
        );
        assert_eq!(pass.items[&key(Kind::Service, "web")].verb, Verb::Keep);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_change_of_a_manifest_keeps_the_image_that_it_ignores() {
    let lab = Lab::new().await;
    lab.settle(&shop_that_ignores_images("")).await;
    lab.deploy(|container| container.image = Some("shop/web:9".to_owned())).await;
    // Somebody's experiment is the family's newest; what counts is what the service runs.
    let old = lab.service("shop", "web").await;
    lab.deploy(|container| container.image = Some("shop/web:experiment".to_owned())).await;
    let back = lab.ecs().update_service().cluster("shop").service("web");
    back.task_definition(old.task_definition().expect("arn")).send().await.expect("update");
    scenario::seconds(600).await;
    assert_eq!(
        lab.settle(&shop_that_ignores_images("stopTimeout: 60")).await,
        ["RegisterTaskDefinition", "UpdateService"]
    );
    assert_eq!(lab.running().await.container_definitions()[0].image().expect("image"), "shop/web:9");
    assert_eq!(lab.settle(&shop_that_ignores_images("stopTimeout: 60")).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn with_its_task_definition_ignored_a_service_runs_what_it_was_told_to() {
    let lab = Lab::new().await;
    let web = |image: &str| {
        let web = annotated(&service("web", image, "", ""), "evenkeel/ignore-fields: 'taskDefinition, desiredCount'");
        [cluster("shop"), web].concat()
    };
    lab.settle(&web("shop/web:1")).await;
    lab.deploy(|container| container.image = Some("shop/web:9".to_owned())).await;
    assert_eq!(lab.settle(&web("shop/web:2")).await, [""; 0]);
    assert_eq!(lab.running().await.container_definitions()[0].image().expect("image"), "shop/web:9");
}

#[tokio::test(start_paused = true)]
async fn a_number_of_tasks_that_the_autoscaler_owns_is_not_fought_over() {
    let lab = Lab::new().await;
    let all = |image: &str| [cluster("shop"), service("web", image, "", "desiredCount: 2\n")].concat();
    lab.settle(&all("shop/web:1")).await;
    let autoscaling = aws_sdk_applicationautoscaling::Client::new(&lab.config);
    let target = autoscaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let target = target.resource_id("service/shop/web").scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
    target.min_capacity(2).max_capacity(10).send().await.expect("register");
    lab.ecs().update_service().cluster("shop").service("web").desired_count(7).send().await.expect("scale out");
    scenario::seconds(600).await;
    let pass = lab.pass(&all("shop/web:1")).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    let said = conclusion(&pass, &key(Kind::Service, "web"));
    assert_eq!((said.state, said.reason), (State::InSync, "Autoscaled"));
    assert_eq!(
        said.message,
        "desiredCount is 7, declared 2; Application Auto Scaling keeps it between 2 and 10, so it is left alone: leave \
         it out of the manifest"
    );
    assert!(lab.plan(&all("shop/web:1")).await.is_empty());
    assert_eq!(lab.settle(&all("shop/web:2")).await, ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(lab.service("shop", "web").await.desired_count(), 7);
}

#[tokio::test(start_paused = true)]
async fn where_the_autoscaler_cannot_be_asked_only_the_number_of_tasks_is_left() {
    let lab = Lab::new().await;
    let all = |count: &str, more: &str| {
        [cluster("shop"), service("web", "shop/web:1", "", &format!("desiredCount: {count}\n{more}"))].concat()
    };
    lab.settle(&all("2", "")).await;
    let denied = FaultKind::Refuse { code: "AccessDeniedException", message: "not you".into(), status: 400 };
    lab.inject("DescribeScalableTargets", 1, denied);
    let pass = lab.pass(&all("3", "tags: {team: shop}")).await;
    assert_eq!(calls(&pass.outcomes), ["TagResource"]);
    lab.inject(
        "DescribeScalableTargets",
        1,
        FaultKind::Refuse { code: "AccessDeniedException", message: "not you".into(), status: 400 },
    );
    let said = conclusion(&lab.pass(&all("3", "tags: {team: shop}")).await, &key(Kind::Service, "web"));
    assert_eq!((said.state, said.reason), (State::Blocked, "CannotSee"));
    assert_eq!(lab.settle(&all("3", "tags: {team: shop}")).await, ["UpdateService"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_as_declared_and_nobodys_is_to_adopt_and_no_change() {
    let lab = Lab::new().await;
    lab.ecs().create_cluster().cluster_name("shop").send().await.expect("create");
    lab.ecs().create_cluster().cluster_name("other").send().await.expect("create");
    let bare = |name: &str| manifest("Cluster", name, "{}");
    let all = [bare("shop"), annotated(&bare("other"), "evenkeel/adoption: never")].concat();
    let plan = lab.plan(&all).await;
    assert!(plan.is_empty());
    let text = plan_text(&plan, lab.reconciler.aws().account());
    let text = anstream::adapter::strip_str(&text).to_string();
    assert!(text.contains("^ Cluster/shop  cluster shop (to adopt)"), "{text}");
    assert!(text.contains("Nothing to do: 2 resources are as declared, 1 of them to adopt."), "{text}");
    assert!(text.contains("^ Cluster/other  cluster other (not ours)"), "{text}");
    assert_eq!(lab.pass(&all).await.outcomes, []);
    let adopting = lab.adopting().await;
    assert!(!adopting.plan(&all).await.is_empty(), "a tag is a change");
    assert_eq!(calls(&adopting.pass(&all).await.outcomes), ["TagResource"], "not of the one that says never");
    let items = adopting.pass(&all).await.items;
    assert_eq!(items[&key(Kind::Cluster, "shop")].verb, Verb::Keep);
    assert_eq!(items[&key(Kind::Cluster, "other")].verb, Verb::Adopt);
}

#[tokio::test(start_paused = true)]
async fn the_owner_tag_is_never_ignored() {
    let lab = Lab::new().await;
    lab.ecs().create_cluster().cluster_name("shop").send().await.expect("create");
    let all = annotated(&manifest("Cluster", "shop", "tags: {team: shop}"), "evenkeel/ignore-fields: tags");
    let lab = lab.adopting().await;
    let plan = lab.plan(&all).await;
    let left: Vec<String> = plan.items[0].left.iter().map(|left| left.change.path.to_string()).collect();
    assert_eq!(left, ["tags.team"]);
    assert_eq!(lab.settle(&all).await, ["TagResource"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_ignored_and_not_declared_comes_along_with_the_next_revision() {
    let lab = Lab::new().await;
    let all = |more: &str| {
        let ignoring = "evenkeel/ignore-fields: taskDefinition.containerDefinitions.*.environment";
        [cluster("shop"), annotated(&service("web", "shop/web:1", more, ""), ignoring)].concat()
    };
    lab.settle(&all("")).await;
    lab.deploy(|container| {
        container.environment = Some(vec![KeyValuePair::builder().name("RELEASE").value("9").build()]);
    })
    .await;
    assert_eq!(lab.settle(&all("")).await, [""; 0]);
    assert_eq!(lab.settle(&all("stopTimeout: 60")).await, ["RegisterTaskDefinition", "UpdateService"]);
    let running = lab.running().await;
    let variables = running.container_definitions()[0].environment();
    assert_eq!(variables.iter().filter_map(|variable| variable.value()).collect::<Vec<_>>(), ["9"]);
}

#[tokio::test(start_paused = true)]
async fn of_what_is_ignored_and_not_live_nothing_is_sent() {
    let lab = Lab::new().await;
    let all = |more: &str| {
        let ignoring = "evenkeel/ignore-fields: taskDefinition.containerDefinitions.*.healthCheck";
        let check = format!("healthCheck: {{command: [CMD, /check], interval: 30}}\n{more}");
        [cluster("shop"), annotated(&service("web", "shop/web:1", &check, ""), ignoring)].concat()
    };
    lab.settle(&all("")).await;
    lab.deploy(|container| container.health_check = None).await;
    assert_eq!(lab.settle(&all("")).await, [""; 0]);
    assert_eq!(lab.settle(&all("stopTimeout: 60")).await, ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(lab.running().await.container_definitions()[0].health_check(), None);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_tag_keeps_its_live_value_in_the_next_revision() {
    let lab = Lab::new().await;
    let all = |cpu: &str| {
        let spec = format!(
            "tags: {{team: declared}}\nnetworkMode: awsvpc\nrequiresCompatibilities: [FARGATE]\ncpu: '{cpu}'\n\
             memory: '2048'\ncontainerDefinitions: [{{name: web, image: 'shop/web:1'}}]"
        );
        annotated(&manifest("TaskDefinition", "web", &spec), "evenkeel/ignore-fields: tags.team")
    };
    lab.settle(&all("256")).await;
    let tag =
        |arn: String| lab.ecs().tag_resource().resource_arn(arn).tags(Tag::builder().key("team").value("live").build());
    let answer = lab.ecs().describe_task_definition().task_definition("web").send().await.expect("describe");
    tag(answer.task_definition.and_then(|one| one.task_definition_arn).expect("arn")).send().await.expect("tag");
    assert_eq!(lab.settle(&all("512")).await, ["RegisterTaskDefinition"]);
    let call = lab.ecs().describe_task_definition().task_definition("web");
    let answer = call.include(aws_sdk_ecs::types::TaskDefinitionField::Tags).send().await.expect("describe");
    let team = answer.tags().iter().find(|tag| tag.key() == Some("team")).and_then(|tag| tag.value());
    assert_eq!(team, Some("live"));
}

#[tokio::test(start_paused = true)]
async fn a_number_of_tasks_that_became_the_autoscalers_is_no_write_that_does_not_show() {
    let lab = Lab::new().await;
    let all =
        |count: &str| [cluster("shop"), service("web", "shop/web:1", "", &format!("desiredCount: {count}\n"))].concat();
    lab.settle(&all("1")).await;
    lab.swallow("UpdateService", 1);
    lab.pass(&all("3")).await;
    let autoscaling = aws_sdk_applicationautoscaling::Client::new(&lab.config);
    let target = autoscaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let target = target.resource_id("service/shop/web").scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
    target.min_capacity(1).max_capacity(10).send().await.expect("register");
    let said = conclusion(&lab.pass(&all("3")).await, &key(Kind::Service, "web"));
    assert_eq!((said.state, said.reason), (State::InSync, "Autoscaled"));
}

#[tokio::test(start_paused = true)]
async fn a_pipelines_revision_is_taken_over_by_leaving_it_as_it_is() {
    let lab = Lab::new().await;
    let container = ContainerDefinition::builder().name("web").image("shop/web:9").build();
    let register = lab.ecs().register_task_definition().family("web").network_mode(NetworkMode::Awsvpc);
    let register = register.requires_compatibilities(Compatibility::Fargate).cpu("256").memory("512");
    register.container_definitions(container).send().await.expect("register");
    let spec = "networkMode: awsvpc\nrequiresCompatibilities: [FARGATE]\ncpu: '256'\nmemory: '512'\n\
                containerDefinitions: [{name: web, image: 'shop/web:1'}]";
    let all = annotated(
        &manifest("TaskDefinition", "web", spec),
        "evenkeel/ignore-fields: 'containerDefinitions.*.image', evenkeel/adoption: adopt",
    );
    let pass = lab.pass(&all).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    let said = conclusion(&pass, &key(Kind::TaskDefinition, "web"));
    assert_eq!((said.state, said.reason), (State::InSync, "InSync"), "{}", said.message);
}

#[tokio::test(start_paused = true)]
async fn what_a_manifest_ignores_below_a_field_that_it_changes_is_sent_as_it_is() {
    let lab = Lab::new().await;
    let all = |retries: &str| {
        let more = format!(
            "deploymentConfiguration: {{maximumPercent: {retries}}}\nserviceConnectConfiguration: \
             {{enabled: true, namespace: {namespace}, services: [{{portName: http}}]}}\n",
            namespace = if retries == "200" { "one" } else { "two" },
        );
        let ignoring = "evenkeel/ignore-fields: 'serviceConnectConfiguration.services.*.timeout'";
        [cluster("shop"), annotated(&service("web", "shop/web:1", "", &more), ignoring)].concat()
    };
    lab.settle(&all("200")).await;
    let timeout = TimeoutConfiguration::builder().idle_timeout_seconds(77).build();
    let port = ServiceConnectService::builder().port_name("http").timeout(timeout).build().expect("a service");
    let connect = ServiceConnectConfiguration::builder().enabled(true).namespace("one").services(port).build();
    let by_hand = lab.ecs().update_service().cluster("shop").service("web");
    by_hand.service_connect_configuration(connect).send().await.expect("update");
    scenario::seconds(600).await;
    assert_eq!(lab.settle(&all("200")).await, [""; 0]);
    assert_eq!(lab.settle(&all("300")).await, ["UpdateService"]);
    let web = lab.service("shop", "web").await;
    let connect = web.deployments()[0].service_connect_configuration().expect("connect");
    let idle = connect.services()[0].timeout().and_then(|timeout| timeout.idle_timeout_seconds());
    assert_eq!((connect.namespace(), idle), (Some("two"), Some(77)));
}

#[tokio::test(start_paused = true)]
async fn services_that_run_different_ignored_images_are_not_brought_to_one() {
    let lab = Lab::new().await;
    let all = |cpu: &str| {
        let spec = format!(
            "networkMode: awsvpc\nrequiresCompatibilities: [FARGATE]\ncpu: '{cpu}'\nmemory: '2048'\n\
             containerDefinitions: [{{name: web, image: 'shop/web:1'}}]"
        );
        let definition = manifest("TaskDefinition", "web", &spec);
        let definition = annotated(&definition, "evenkeel/ignore-fields: 'containerDefinitions.*.image'");
        let service = "cluster: {ref: shop}\nlaunchType: FARGATE\ntaskDefinition: {ref: web}\n\
                       networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
        [cluster("shop"), definition, manifest("Service", "api", service), manifest("Service", "web", service)].concat()
    };
    lab.settle(&all("256")).await;
    lab.deploy(|container| container.image = Some("shop/web:9".to_owned())).await;
    assert_eq!(lab.settle(&all("256")).await, [""; 0]);
    let pass = lab.pass(&all("512")).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    let said = conclusion(&pass, &key(Kind::TaskDefinition, "web"));
    assert_eq!((said.state, said.reason), (State::Blocked, "Disagreeing"));
    assert!(said.message.contains("containerDefinitions[web].image"), "{}", said.message);
    assert_eq!(lab.running().await.container_definitions()[0].image(), Some("shop/web:9"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ignores_its_task_definition_does_not_make_the_family_somebody_elses() {
    let lab = Lab::new().await;
    let spec = "networkMode: awsvpc\nrequiresCompatibilities: [FARGATE]\ncpu: '256'\nmemory: '2048'\n\
                containerDefinitions: [{name: web, image: 'shop/web:1'}]";
    let service = "cluster: {ref: shop}\nlaunchType: FARGATE\ntaskDefinition: {ref: web}\n\
                   networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
    let service = annotated(&manifest("Service", "web", service), "evenkeel/ignore-fields: taskDefinition");
    let all = [cluster("shop"), manifest("TaskDefinition", "web", spec), service].concat();
    lab.settle(&all).await;
    lab.deploy(|container| container.image = Some("shop/web:9".to_owned())).await;
    let pass = lab.pass(&all).await;
    assert_ne!(conclusion(&pass, &key(Kind::TaskDefinition, "web")).reason, "NotOurs");
    lab.settle(&all).await;
    assert_eq!(lab.running().await.container_definitions()[0].image(), Some("shop/web:9"));
}

#[tokio::test(start_paused = true)]
async fn beginning_to_ignore_a_field_restarts_nobody_whatever_aws_has_filled_in() {
    let lab = Lab::new().await;
    let plain = [cluster("shop"), service("web", "shop/web:1", "", "")].concat();
    lab.settle(&plain).await;
    // A default of which the table of fields knows nothing yet.
    for family in lab.sandbox.state().ecs.region("us-east-1").families.values_mut() {
        for revision in family.revisions.values_mut() {
            revision.record.insert("pidMode".to_owned(), "task".into());
        }
    }
    let lab = Lab::over(Arc::clone(&lab.sandbox)).await;
    assert_eq!(lab.settle(&shop_that_ignores_images("")).await, [""; 0]);
}
