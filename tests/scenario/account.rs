//! What an account holds, asked over the wire and without what is another each time: two accounts that
//! are the same to their users are equal here.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel::aws::loader;
use evenkeel::sandbox::{REGION, Request, Sandbox, client};
use serde_json::{Map, Value, json};

/// Members of ECS's answers that say when, by whom, under which number, or how far it has come.
const PASSING: &[&str] = &[
    "clusterArn",
    "createdAt",
    "createdBy",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "deployments",
    "events",
    "pendingCount",
    "pendingTasksCount",
    "registeredAt",
    "registeredBy",
    "registeredContainerInstancesCount",
    "revision",
    "runningCount",
    "runningTasksCount",
    "taskDefinitionArn",
    "taskSets",
    "updateStatus",
];

/// Everything in it, by what it is called.
pub(crate) async fn account(sandbox: &Arc<Sandbox>) -> BTreeMap<String, Value> {
    let log = std::mem::take(&mut sandbox.state().log);
    let mut found = ecs(sandbox);
    let config = client::point(loader(), sandbox).load().await;
    found.extend(iam(&aws_sdk_iam::Client::new(&config)).await);
    // To look is not to leave a trace.
    sandbox.state().log = log;
    found
}

fn ask(sandbox: &Sandbox, operation: &str, input: &Value) -> Value {
    let request = Request {
        target: Some(format!("AmazonEC2ContainerServiceV20141113.{operation}")),
        body: input.to_string().into_bytes(),
        ..Request::default()
    };
    let answer = sandbox.handle(&request).expect("an answer");
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "{operation} {input}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

fn ecs(sandbox: &Sandbox) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let (clusters, providers, families) = {
        let mut state = sandbox.state();
        let region = state.ecs.region(REGION);
        let services = |cluster: &str| region.clusters[cluster].services.keys().cloned().collect::<Vec<_>>();
        let clusters: Vec<_> = region.clusters.keys().map(|name| (name.clone(), services(name))).collect();
        let names = |keys: Vec<&String>| keys.into_iter().cloned().collect::<Vec<_>>();
        (clusters, names(region.capacity_providers.keys().collect()), names(region.families.keys().collect()))
    };
    for (cluster, services) in clusters {
        let include = json!(["SETTINGS", "CONFIGURATIONS", "TAGS"]);
        let answer = ask(sandbox, "DescribeClusters", &json!({ "clusters": [cluster], "include": include }));
        found.insert(format!("cluster {cluster}"), lasting(&answer["clusters"][0]));
        for service in services {
            let input = json!({ "cluster": cluster, "services": [service], "include": ["TAGS"] });
            let mut record = ask(sandbox, "DescribeServices", &input)["services"][0].take();
            let runs = json!({ "taskDefinition": record["taskDefinition"].take() });
            record["taskDefinition"] = ask(sandbox, "DescribeTaskDefinition", &runs)["taskDefinition"].take();
            found.insert(format!("service {cluster}/{service}"), lasting(&record));
        }
    }
    for family in families {
        let input = json!({ "taskDefinition": family, "include": ["TAGS"] });
        found.insert(format!("task definition {family}"), lasting(&ask(sandbox, "DescribeTaskDefinition", &input)));
    }
    for provider in providers {
        let answer =
            ask(sandbox, "DescribeCapacityProviders", &json!({ "capacityProviders": [provider], "include": ["TAGS"] }));
        found.insert(format!("capacity provider {provider}"), lasting(&answer["capacityProviders"][0]));
    }
    let settings = ask(sandbox, "ListAccountSettings", &json!({ "effectiveSettings": true }));
    found.insert("account settings".to_owned(), lasting(&settings["settings"]));
    found
}

/// Without what passes, and with every list of structures and every set of names in one order.
fn lasting(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(member, _)| !PASSING.contains(&member.as_str()))
            .map(|(member, value)| (member.clone(), lasting(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(lasting).collect();
            items.sort_by_cached_key(ToString::to_string);
            items.into()
        }
        other => other.clone(),
    }
}

async fn iam(iam: &aws_sdk_iam::Client) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let details = iam.get_account_authorization_details().max_items(1000).send().await.expect("details");
    for role in details.role_detail_list() {
        let name = role.role_name().expect("a name");
        let full = iam.get_role().role_name(name).send().await.expect("a role").role.expect("a role");
        let tags: BTreeMap<&str, &str> = role.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
        let attached = role.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn());
        let inline = role
            .role_policy_list()
            .iter()
            .map(|policy| (policy.policy_name().unwrap_or_default().to_owned(), document(policy.policy_document())));
        let profiles = role.instance_profile_list().iter().map(|profile| profile.instance_profile_name());
        let record = json!({
            "path": role.path(),
            "trust": document(role.assume_role_policy_document()),
            "description": full.description().unwrap_or_default(),
            "session": full.max_session_duration(),
            "boundary": full.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()),
            "attached": attached.collect::<std::collections::BTreeSet<_>>(),
            "inline": inline.collect::<BTreeMap<_, _>>(),
            "profiles": profiles.collect::<Vec<_>>(),
            "tags": tags,
        });
        found.insert(format!("role {name}"), record);
    }
    for policy in details.policies().iter().filter(|policy| !policy.arn().unwrap_or_default().contains("::aws:")) {
        let arn = policy.arn().expect("an ARN");
        let full = iam.get_policy().policy_arn(arn).send().await.expect("a policy").policy.expect("a policy");
        let tags: BTreeMap<&str, &str> = full.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
        let default = policy.policy_version_list().iter().find(|version| version.is_default_version());
        let record = json!({
            "description": full.description().unwrap_or_default(),
            "document": document(default.and_then(|version| version.document())),
            "tags": tags,
        });
        found.insert(format!("policy {arn}"), record);
    }
    found
}

/// A policy document as IAM answers it: JSON with every unusual letter as `%XX`.
fn document(text: Option<&str>) -> Value {
    let text = text.unwrap_or_default();
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| more.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    serde_json::from_slice(&bytes).expect("a document")
}

/// Where two accounts are not the same.
pub(crate) fn differences(one: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        match (one.get(name), other.get(name)) {
            (Some(a), Some(b)) => apart(name, a, b, &mut found),
            (a, _) => found.push(format!("{name}: only in the {}", if a.is_some() { "first" } else { "second" })),
        }
    }
    found
}

fn apart(at: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let members: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for member in members {
                let of = |map: &Map<String, Value>| map.get(member).cloned().unwrap_or_default();
                apart(&format!("{at}.{member}"), &of(a), &of(b), found);
            }
        }
        _ if one != other => found.push(format!("{at}: {one} and {other}")),
        _ => {}
    }
}
