//! Where what is left alone, what was written and what is planned meet: several steps of which one
//! fails, rollouts in between, owner tags, fields that a manifest ignores and does not name.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::sync::Arc;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, KeyValuePair, NetworkMode, ServiceConnectConfiguration, ServiceConnectService,
    Tag, TaskDefinition, TimeoutConfiguration,
};
use evenkeel::aws::{Aws, loader};
use evenkeel::metrics::Metrics;
use evenkeel::model::Kind;
use evenkeel::plan::{Rules, Written, plan};
use evenkeel::reconcile::Reconciler;
use evenkeel::report::{plan_markdown, plan_text};
use evenkeel::sandbox::client;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::status::State;

use scenario::{Lab, annotated, calls, cluster, conclusion, key, manifest, role, service};

/// AWS takes the next calls and does nothing: the SDK goes by the status alone.
fn swallow(lab: &Lab, operation: &str, times: u32) {
    lab.inject(operation, times, FaultKind::Refuse { code: "", message: String::new(), status: 200 });
}

/// The same account under rules that take over what is nobody's.
async fn adopting(lab: &Lab) -> Lab {
    let config = client::point(loader(), &lab.sandbox).load().await;
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let aws = Aws::connect(&config, &metrics).await.expect("connect");
    let rules = Rules { owner: "evenkeel".to_owned(), adopt: true };
    Lab {
        sandbox: Arc::clone(&lab.sandbox),
        config,
        reconciler: Reconciler::new(aws, rules, Arc::clone(&metrics)),
        metrics,
    }
}

async fn running(lab: &Lab) -> TaskDefinition {
    let web = lab.service("shop", "web").await;
    let arn = web.task_definition().expect("arn");
    let answer = lab.ecs().describe_task_definition().task_definition(arn).send().await.expect("describe");
    answer.task_definition.expect("a definition")
}

/// What a pipeline does: another revision, whose container it has edited, which the service is told to run.
async fn deploy(lab: &Lab, edit: impl Fn(&mut ContainerDefinition)) {
    let old = running(lab).await;
    let mut containers = old.container_definitions().to_vec();
    containers.iter_mut().for_each(edit);
    let register = lab.ecs().register_task_definition().family(old.family().expect("family"));
    let register = register.set_container_definitions(Some(containers)).set_network_mode(old.network_mode.clone());
    let register = register.set_requires_compatibilities(old.requires_compatibilities.clone());
    let answer = register.set_cpu(old.cpu.clone()).set_memory(old.memory.clone()).send().await.expect("register");
    let arn = answer.task_definition.and_then(|definition| definition.task_definition_arn).expect("arn");
    lab.ecs().update_service().cluster("shop").service("web").task_definition(arn).send().await.expect("update");
    scenario::seconds(600).await;
    lab.calls();
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_was_made_and_not_bound_is_bound_with_the_next_try() {
    let lab = Lab::new().await;
    lab.settle(&role("web", "")).await;
    let message = "The role with name web cannot be found.".to_owned();
    lab.inject("AddRoleToInstanceProfile", 1, FaultKind::Refuse { code: "NoSuchEntity", message, status: 404 });
    let all = role("web", "instanceProfile: true");
    assert_eq!(lab.pass(&all).await.outcomes.len(), 2);
    let again = calls(&lab.pass(&all).await.outcomes);
    assert!(again.contains(&"AddRoleToInstanceProfile".to_owned()), "{again:?}");
    assert_eq!(lab.settle(&all).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_tag_that_does_not_show_is_written_once() {
    let lab = Lab::new().await;
    lab.ecs().create_cluster().cluster_name("shop").send().await.expect("create");
    let all = manifest("Cluster", "shop", "{}");
    let lab = adopting(&lab).await;
    swallow(&lab, "TagResource", 5);
    let mut writes = Vec::new();
    for _ in 0..5 {
        writes.extend(calls(&lab.pass(&all).await.outcomes));
    }
    assert_eq!(writes, ["TagResource"]);
    let pass = lab.pass(&all).await;
    assert_eq!(conclusion(&pass, &key(Kind::Cluster, "shop")).reason, "NonConverging");
}

#[tokio::test(start_paused = true)]
async fn the_owner_tag_is_never_ignored() {
    let lab = Lab::new().await;
    lab.ecs().create_cluster().cluster_name("shop").send().await.expect("create");
    let all = annotated(&manifest("Cluster", "shop", "tags: {team: shop}"), "evenkeel/ignore-fields: tags");
    let lab = adopting(&lab).await;
    let plan = lab.plan(&all).await;
    let left: Vec<String> = plan.items[0].left.iter().map(|left| left.change.path.to_string()).collect();
    assert_eq!(left, ["tags.team"]);
    assert_eq!(lab.settle(&all).await, ["TagResource"]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_new_revision_names_what_goes_away_too() {
    let lab = Lab::new().await;
    let all = |image: &str, more: &str| [cluster("shop"), service("web", image, more, "")].concat();
    lab.settle(&all("shop/web:1", "stopTimeout: 60")).await;
    let plan = lab.plan(&all("shop/web:2", "")).await;
    let item = plan.items.iter().find(|item| item.key == key(Kind::TaskDefinition, "web")).expect("planned");
    let paths: Vec<String> = item.changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, ["containerDefinitions[web].image", "containerDefinitions[web].stopTimeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_revision_with_a_field_less_that_does_not_show_is_not_registered_again() {
    let lab = Lab::new().await;
    let all = |image: &str, more: &str| [cluster("shop"), service("web", image, more, "")].concat();
    lab.settle(&all("shop/web:1", "stopTimeout: 60")).await;
    swallow(&lab, "RegisterTaskDefinition", 1);
    assert_eq!(calls(&lab.pass(&all("shop/web:2", "")).await.outcomes), ["RegisterTaskDefinition"]);
    assert_eq!(calls(&lab.pass(&all("shop/web:2", "")).await.outcomes), [""; 0]);
    assert_eq!(running(&lab).await.revision(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_ignored_and_not_declared_comes_along_with_the_next_revision() {
    let lab = Lab::new().await;
    let all = |more: &str| {
        let ignoring = "evenkeel/ignore-fields: taskDefinition.containerDefinitions.*.environment";
        [cluster("shop"), annotated(&service("web", "shop/web:1", more, ""), ignoring)].concat()
    };
    lab.settle(&all("")).await;
    deploy(&lab, |container| {
        container.environment = Some(vec![KeyValuePair::builder().name("RELEASE").value("9").build()]);
    })
    .await;
    assert_eq!(lab.settle(&all("")).await, [""; 0]);
    assert_eq!(lab.settle(&all("stopTimeout: 60")).await, ["RegisterTaskDefinition", "UpdateService"]);
    let running = running(&lab).await;
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
    deploy(&lab, |container| container.health_check = None).await;
    assert_eq!(lab.settle(&all("")).await, [""; 0]);
    assert_eq!(lab.settle(&all("stopTimeout: 60")).await, ["RegisterTaskDefinition", "UpdateService"]);
    assert_eq!(running(&lab).await.container_definitions()[0].health_check(), None);
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
async fn a_new_service_waits_for_a_revision_that_does_not_show() {
    let lab = Lab::new().await;
    let definition = |image: &str| {
        let spec = format!(
            "networkMode: awsvpc\nrequiresCompatibilities: [FARGATE]\ncpu: '256'\nmemory: '512'\n\
             containerDefinitions: [{{name: web, image: '{image}'}}]"
        );
        manifest("TaskDefinition", "web", &spec)
    };
    let web = "cluster: {ref: shop}\nlaunchType: FARGATE\ntaskDefinition: {ref: web}\n\
               networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
    lab.settle(&[cluster("shop"), definition("shop/web:1")].concat()).await;
    swallow(&lab, "RegisterTaskDefinition", 1);
    let all = [cluster("shop"), definition("shop/web:2"), manifest("Service", "web", web)].concat();
    let mut writes = Vec::new();
    for _ in 0..3 {
        writes.extend(calls(&lab.pass(&all).await.outcomes));
    }
    assert_eq!(writes, ["RegisterTaskDefinition"]);
}

#[tokio::test(start_paused = true)]
async fn a_number_of_tasks_that_became_the_autoscalers_is_no_write_that_does_not_show() {
    let lab = Lab::new().await;
    let all =
        |count: &str| [cluster("shop"), service("web", "shop/web:1", "", &format!("desiredCount: {count}\n"))].concat();
    lab.settle(&all("1")).await;
    swallow(&lab, "UpdateService", 1);
    lab.pass(&all("3")).await;
    let autoscaling = aws_sdk_applicationautoscaling::Client::new(&lab.config);
    let target = autoscaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let target = target.resource_id("service/shop/web").scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
    target.min_capacity(1).max_capacity(10).send().await.expect("register");
    let said = conclusion(&lab.pass(&all("3")).await, &key(Kind::Service, "web"));
    assert_eq!((said.state, said.reason), (State::InSync, "Autoscaled"));
}

#[tokio::test(start_paused = true)]
async fn what_was_written_for_a_manifest_that_is_gone_is_forgotten() {
    let lab = Lab::new().await;
    let all =
        |count: &str| [cluster("shop"), service("web", "shop/web:1", "", &format!("desiredCount: {count}\n"))].concat();
    lab.settle(&all("1")).await;
    swallow(&lab, "UpdateService", 1);
    assert_eq!(calls(&lab.pass(&all("3")).await.outcomes), ["UpdateService"]);
    lab.pass(&cluster("shop")).await;
    assert_eq!(calls(&lab.pass(&all("3")).await.outcomes), ["UpdateService"]);
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
async fn a_version_that_was_dropped_and_still_shows_is_no_change_of_the_document() {
    let lab = Lab::new().await;
    let all = |n: usize| {
        let document = format!(
            "policyDocument: {{Version: '2012-10-17', Statement: [{{Effect: Allow, Action: 's3:Get{n}', Resource: '*'}}]}}"
        );
        manifest("Policy", "web", &document)
    };
    for n in 0..5 {
        lab.settle(&all(n)).await;
    }
    let resources = lab.declared(&all(5));
    let due = resources.keys().cloned().collect();
    let world = lab.reconciler.aws().observe(&resources.values().collect::<Vec<_>>()).await;
    let rules = Rules { owner: "evenkeel".to_owned(), adopt: false };
    let first = plan(&resources, &world, &due, &rules, &Written::default());
    assert_eq!(first.items[0].steps.len(), 2);
    // Both calls were made, and the next look is at what was there before them.
    let written = Written::from([(first.items[0].key.clone(), first.items[0].changes.clone())]);
    let second = plan(&resources, &world, &due, &rules, &written);
    assert_eq!((second.items[0].steps.as_slice(), second.items[0].changes.as_slice()), (&[][..], &[][..]));
    assert_eq!(second.items[0].left.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_new_revision_names_the_tags_that_come_with_it() {
    let lab = Lab::new().await;
    let all = |image: &str, more: &str| [cluster("shop"), service("web", image, "", more)].concat();
    lab.settle(&all("shop/web:1", "")).await;
    let plan = lab.plan(&all("shop/web:2", "tags: {team: shop}")).await;
    let item = plan.items.iter().find(|item| item.key == key(Kind::Service, "web")).expect("planned");
    let paths: Vec<String> = item.changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, ["taskDefinition", "tags.team"]);
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
async fn markup_in_what_is_left_is_no_markup_in_a_comment() {
    let lab = Lab::new().await;
    let all = |description: &str| {
        annotated(&role("web", &format!("description: '{description}'")), "evenkeel/ignore-fields: description")
    };
    lab.settle(&all("any * one *")).await;
    let plan = lab.plan(&all("<!-- `x`")).await;
    let text = plan_markdown(&plan, lab.reconciler.aws().account());
    assert!(text.contains(r"left: description is any \* one \*, declared \<!-- \`x\`; ignored"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_value_does_not_write_lines_of_its_own_into_a_plan() {
    let lab = Lab::new().await;
    lab.settle(&role("web", "description: before")).await;
    let plan = lab.plan(&role("web", r#"description: "x\n+ Role/forged\u0009y""#)).await;
    let text = anstream::adapter::strip_str(&plan_text(&plan, lab.reconciler.aws().account())).to_string();
    assert!(!text.contains("\n+ Role/forged"), "{text}");
}
