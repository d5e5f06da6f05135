//! What must hold for every manifest: of the comparison alone, over everything that the API can
//! spell; and of whole directories, brought about in the simulated AWS.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::process::Command;
use std::sync::Arc;

use aws_sdk_ecs::operation::create_capacity_provider::CreateCapacityProviderInput;
use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
use aws_sdk_ecs::operation::create_service::CreateServiceInput;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use evenkeel::codec::shape::{Shape, shape};
use evenkeel::diff::diff;
use evenkeel::fields::{self, Form, below, canonical, digest};
use evenkeel::model::{KINDS, Kind};
use evenkeel::report::plan_text;
use evenkeel::sandbox::Sandbox;
use evenkeel::value::{Map, Value};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use scenario::Lab;

/// The whole of what a kind's spec can be.
fn shape_of(kind: Kind) -> Shape {
    match kind {
        Kind::Cluster => shape(CreateClusterInput::deserialize),
        Kind::CapacityProvider => shape(CreateCapacityProviderInput::deserialize),
        Kind::TaskDefinition => shape(RegisterTaskDefinitionInput::deserialize),
        Kind::Service => shape(CreateServiceInput::deserialize),
        Kind::AccountSettings => Shape::Map(Box::new(Shape::Text(None))),
        Kind::Policy => structure(&["path", "description"], &["policyDocument"]),
        Kind::Role => structure(
            &["path", "description", "permissionsBoundary", "policyMode"],
            &["assumeRolePolicyDocument", "inlinePolicies.read"],
        ),
    }
}

fn structure(texts: &[&str], documents: &[&str]) -> Shape {
    let texts = texts.iter().map(|name| ((*name).to_owned(), Shape::Text(None), false));
    let documents = documents.iter().map(|name| ((*name).to_owned(), Shape::Document, false));
    Shape::Structure { members: texts.chain(documents).collect(), union: false }
}

/// A document made of choices: with each of them 0 the one that has everything.
struct Sampler {
    kind: Kind,
    choices: Vec<u8>,
    made: usize,
}

impl Sampler {
    fn choose(&mut self, of: usize) -> usize {
        let choice = self.choices.get(self.made).copied().unwrap_or_default();
        self.made += 1;
        usize::from(choice) % of.max(1)
    }

    fn value(&mut self, shape: &Shape, pattern: &str) -> Value {
        match shape {
            Shape::Structure { members, union: true } => {
                let (name, shape, _) = &members[self.choose(members.len())];
                let value = self.value(shape, &below(pattern, name));
                Map::from_iter([(name.clone(), value)]).into()
            }
            Shape::Structure { members, .. } => {
                let mut map = Map::new();
                for (name, shape, required) in members {
                    if *required || self.choose(3) < 2 {
                        map.insert(name.clone(), self.value(shape, &below(pattern, name)));
                    }
                }
                map.into()
            }
            Shape::List(inner) => self.list(inner, pattern),
            Shape::Map(inner) => {
                let keys = ["one", "two"].map(str::to_owned);
                keys.map(|key| (key, self.value(inner, &below(pattern, "*")))).into_iter().collect::<Map<_, _>>().into()
            }
            Shape::Text(Some(known)) => known[self.choose(known.len())].into(),
            Shape::Text(None) => {
                self.made += 1;
                format!("text-{}", self.made).into()
            }
            Shape::Integer => self.choose(200).into(),
            Shape::Number => json!(0.5),
            Shape::Boolean => (self.choose(2) == 0).into(),
            Shape::Document => {
                json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:Get*", "Resource": "*" }] })
            }
        }
    }

    /// Elements that a list cannot hold twice are not there twice.
    fn list(&mut self, inner: &Shape, pattern: &str) -> Value {
        let mut items: Vec<Value> = Vec::new();
        for _ in 0..3 - self.choose(4).min(3) {
            let item = self.value(inner, &below(pattern, "*"));
            let id = |item: &Value| match fields::form(self.kind, pattern) {
                Form::Keyed(keys) => fields::identity(self.kind, pattern, keys, item),
                _ => canonical(self.kind, &json!([item])).to_string(),
            };
            if !items.iter().any(|other| id(other) == id(&item)) {
                items.push(item);
            }
        }
        items.into()
    }
}

fn sample(kind: Kind, choices: &[u8]) -> Value {
    let mut sampler = Sampler { kind, choices: choices.to_vec(), made: 0 };
    sampler.value(&shape_of(kind), "")
}

fn kinds() -> impl Strategy<Value = Kind> {
    select(KINDS.iter().map(|row| row.kind).collect::<Vec<_>>())
}

/// Turns every list around whose order means nothing.
fn shuffled(kind: Kind, pattern: &str, value: &Value, by: usize) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let own = below(pattern, key);
                let any = below(pattern, "*");
                let known = fields::lookup(kind, &own).is_some() || fields::lookup(kind, &any).is_none();
                (key.clone(), shuffled(kind, if known { &own } else { &any }, value, by))
            })
            .rev()
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => {
            let mut items: Vec<Value> =
                items.iter().map(|item| shuffled(kind, &below(pattern, "*"), item, by)).collect();
            if matches!(fields::form(kind, pattern), Form::Set | Form::Keyed(_)) && !items.is_empty() {
                let by = by % items.len();
                items.rotate_left(by);
            }
            items.into()
        }
        other => other.clone(),
    }
}

/// The document without its n-th leaf.
fn without_leaf(value: &Value, n: &mut usize) -> Option<Value> {
    match value {
        Value::Object(map) => Some(
            map.iter()
                .filter_map(|(key, value)| Some((key.clone(), without_leaf(value, n)?)))
                .collect::<Map<_, _>>()
                .into(),
        ),
        Value::Array(items) => Some(items.iter().filter_map(|item| without_leaf(item, n)).collect()),
        leaf => {
            let here = *n == 0;
            *n = n.wrapping_sub(1);
            (!here).then(|| leaf.clone())
        }
    }
}

#[test]
fn the_greatest_document_of_every_kind_is_no_different_from_itself() {
    for row in KINDS {
        let document = sample(row.kind, &[]);
        assert_eq!(diff(row.kind, &document, &document), [], "{}", row.name);
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn no_document_is_different_from_itself(kind in kinds(), choices in vec(any::<u8>(), 0..400)) {
        let document = sample(kind, &choices);
        prop_assert_eq!(diff(kind, &document, &document), []);
    }

    #[test]
    fn the_order_of_a_set_means_nothing(kind in kinds(), choices in vec(any::<u8>(), 0..400), by in 0..4usize) {
        let document = sample(kind, &choices);
        let turned = shuffled(kind, "", &document, by);
        prop_assert_eq!(diff(kind, &document, &turned), []);
        prop_assert_eq!(digest(kind, &document), digest(kind, &turned));
    }

    #[test]
    fn a_reduced_document_cannot_be_reduced_further(kind in kinds(), choices in vec(any::<u8>(), 0..400)) {
        let once = canonical(kind, &sample(kind, &choices));
        prop_assert_eq!(canonical(kind, &once), once);
    }

    /// The digest and the comparison agree: what the one calls a new revision the other can show.
    #[test]
    fn another_digest_is_a_difference_in_one_direction_at_least(choices in vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>()) {
        let kind = Kind::TaskDefinition;
        let before = sample(kind, &choices);
        let mut n = at.index(before.to_string().matches(':').count().max(1));
        let after = without_leaf(&before, &mut n).unwrap_or_default();
        let differ = !diff(kind, &before, &after).is_empty() || !diff(kind, &after, &before).is_empty();
        prop_assert_eq!(digest(kind, &before) != digest(kind, &after), differ, "{} {}", before, after);
    }
}

type Any = BoxedStrategy<Value>;

fn one_of(values: &[&str]) -> Any {
    let values: Vec<Value> = values.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    select(values).boxed()
}

/// A map with each member there or not.
fn some_of(members: Vec<(&'static str, Any)>) -> Any {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| option::of(value).prop_map(move |value| Some((name, value?))))
        .collect();
    members
        .prop_map(|members| {
            members.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
        })
        .boxed()
}

/// The same with members that are always there.
fn with(fixed: Value, members: Vec<(&'static str, Any)>) -> Any {
    some_of(members)
        .prop_map(move |some| {
            let mut all = fixed.clone();
            for (name, value) in some.as_object().into_iter().flatten() {
                all[name] = value.clone();
            }
            all
        })
        .boxed()
}

fn list_of(values: &'static [&'static str], least: usize) -> Any {
    let some = subsequence(values.to_vec(), least..=values.len()).prop_shuffle();
    some.prop_map(|texts| texts.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON")).collect()).boxed()
}

fn container(network: &'static str) -> Any {
    let ports: &[&str] = match network {
        "awsvpc" => &[
            r#"{"containerPort":80}"#,
            r#"{"containerPort":443,"hostPort":443,"protocol":"tcp","name":"tls"}"#,
            r#"{"containerPort":53,"protocol":"udp"}"#,
        ],
        _ => &[
            r#"{"containerPort":80}"#,
            r#"{"containerPort":443,"hostPort":443,"protocol":"tcp"}"#,
            r#"{"containerPort":53,"hostPort":0,"protocol":"udp"}"#,
        ],
    };
    with(
        json!({ "name": "web", "memory": 128 }),
        vec![
            ("cpu", one_of(&["0", "64"])),
            ("essential", one_of(&["true"])),
            ("user", one_of(&["\"1000\"", "\"\""])),
            ("command", one_of(&["[]", r#"["a","b"]"#])),
            ("portMappings", list_of(ports, 0)),
            (
                "environment",
                list_of(
                    &[r#"{"name":"A","value":"1"}"#, r#"{"name":"B","value":""}"#, r#"{"name":"C","value":"3"}"#],
                    0,
                ),
            ),
            ("secrets", list_of(&[r#"{"name":"D","valueFrom":"/d"}"#, r#"{"name":"E","valueFrom":"/e"}"#], 0)),
            (
                "mountPoints",
                list_of(
                    &[
                        r#"{"sourceVolume":"v","containerPath":"/v"}"#,
                        r#"{"sourceVolume":"w","containerPath":"/w","readOnly":false}"#,
                    ],
                    0,
                ),
            ),
            (
                "ulimits",
                list_of(
                    &[
                        r#"{"name":"nofile","softLimit":1,"hardLimit":2}"#,
                        r#"{"name":"core","softLimit":0,"hardLimit":0}"#,
                    ],
                    0,
                ),
            ),
            (
                "healthCheck",
                with(
                    json!({ "command": ["CMD", "true"] }),
                    vec![
                        ("interval", one_of(&["30", "10"])),
                        ("retries", one_of(&["3", "5"])),
                        ("startPeriod", one_of(&["0", "60"])),
                    ],
                ),
            ),
            (
                "logConfiguration",
                one_of(&[
                    r#"{"logDriver":"awslogs","options":{"awslogs-group":"g","awslogs-region":"us-east-1","awslogs-stream-prefix":"p"}}"#,
                ]),
            ),
            ("stopTimeout", one_of(&["30", "60"])),
            ("readonlyRootFilesystem", one_of(&["true", "false"])),
            ("dockerLabels", one_of(&["{}", r#"{"a":"b"}"#])),
            ("linuxParameters", one_of(&[r#"{"initProcessEnabled":true}"#, r#"{"capabilities":{"drop":["ALL"]}}"#])),
        ],
    )
}

fn task_definition(network: &'static str) -> Any {
    let fixed = match network {
        "awsvpc" => {
            json!({ "networkMode": network, "requiresCompatibilities": ["FARGATE"], "executionRoleArn": { "ref": "task" }, "cpu": ".5 vCPU", "memory": "1 GB" })
        }
        _ => json!({ "networkMode": network, "executionRoleArn": { "ref": "task" } }),
    };
    let images = select(vec!["shop/web:1", "shop/web:2"]);
    let members = vec![
        ("volumes", one_of(&[r#"[{"name":"v"},{"name":"w"}]"#, r#"[{"name":"w","host":{}},{"name":"v"}]"#])),
        ("runtimePlatform", one_of(&[r#"{"cpuArchitecture":"X86_64"}"#, r#"{"operatingSystemFamily":"LINUX"}"#])),
        ("tags", one_of(&["{}", r#"{"team":"shop"}"#])),
    ];
    (with(fixed, members), container(network), images)
        .prop_map(|(mut definition, mut container, image)| {
            if definition.get("volumes").is_none() && container.get("mountPoints").is_some() {
                definition["volumes"] = json!([{ "name": "v" }, { "name": "w" }]);
            }
            container["image"] = image.into();
            definition["containerDefinitions"] = json!([container]);
            definition
        })
        .boxed()
}

fn service(launch: &'static str) -> Any {
    let (network, fixed) = match launch {
        "FARGATE" => ("awsvpc", json!({ "cluster": { "ref": "shop" }, "launchType": launch })),
        _ => ("bridge", json!({ "cluster": { "ref": "shop" }, "launchType": launch })),
    };
    let members = vec![
        ("desiredCount", one_of(&["0", "1", "3"])),
        (
            "deploymentConfiguration",
            some_of(vec![
                ("maximumPercent", one_of(&["200", "300"])),
                ("minimumHealthyPercent", one_of(&["100", "50"])),
                (
                    "deploymentCircuitBreaker",
                    one_of(&[r#"{"enable":true,"rollback":true}"#, r#"{"enable":false,"rollback":false}"#]),
                ),
            ]),
        ),
        ("enableExecuteCommand", one_of(&["true", "false"])),
        ("enableECSManagedTags", one_of(&["true", "false"])),
        ("propagateTags", one_of(&["\"SERVICE\"", "\"TASK_DEFINITION\"", "\"NONE\""])),
        ("schedulingStrategy", one_of(&["\"REPLICA\""])),
        ("deploymentController", one_of(&[r#"{"type":"ECS"}"#])),
        ("loadBalancers", one_of(&["[]"])),
        ("tags", one_of(&[r#"{"team":"shop","tier":"1"}"#, r#"[{"key":"team","value":"store"}]"#])),
    ];
    let vpc = (
        list_of(&["\"subnet-1\"", "\"subnet-2\"", "\"subnet-3\""], 1),
        option::of(list_of(&["\"sg-1\"", "\"sg-2\""], 0)),
    );
    let placement =
        option::of(one_of(&[r#"[{"type":"spread","field":"host"},{"type":"binpack","field":"MEMORY"}]"#, "[]"]));
    (with(fixed, members), task_definition(network), vpc, placement)
        .prop_map(move |(mut service, definition, (subnets, groups), placement)| {
            service["taskDefinition"] = definition;
            if network == "awsvpc" {
                let vpc = &mut service["networkConfiguration"]["awsvpcConfiguration"];
                vpc["subnets"] = subnets;
                if let Some(groups) = groups {
                    vpc["securityGroups"] = groups;
                }
            } else if let Some(placement) = placement {
                service["placementStrategy"] = placement;
            }
            service
        })
        .boxed()
}

fn permissions() -> Any {
    one_of(&[
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::b/*"],"Condition":{"Bool":{"aws:SecureTransport":true}}}]}"#,
    ])
}

fn role() -> Any {
    let trust = one_of(&[
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","ecs-tasks.amazonaws.com"],"AWS":"123456789012"},"Action":["sts:AssumeRole"]}]}"#,
    ]);
    let members = vec![
        ("path", one_of(&["\"/\""])),
        ("description", one_of(&["\"\"", "\"what it is for\""])),
        ("maxSessionDuration", one_of(&["3600", "7200"])),
        ("inlinePolicies", some_of(vec![("one", permissions()), ("two", permissions())])),
        (
            "managedPolicyArns",
            list_of(&["\"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess\"", r#"{"ref":"Policy/read"}"#], 0),
        ),
        ("instanceProfile", one_of(&["true", "false"])),
        ("policyMode", one_of(&["\"additive\"", "\"exclusive\""])),
        ("permissionsBoundary", one_of(&[r#"{"ref":"Policy/read"}"#])),
        ("tags", one_of(&["{}", r#"{"team":"shop"}"#])),
    ];
    (some_of(members), trust)
        .prop_map(|(mut role, trust)| {
            role["assumeRolePolicyDocument"] = trust;
            role
        })
        .boxed()
}

fn cluster() -> Any {
    some_of(vec![
        ("settings", one_of(&[r#"[{"name":"containerInsights","value":"enabled"}]"#, "[]"])),
        ("capacityProviders", list_of(&["\"FARGATE\"", "\"FARGATE_SPOT\""], 0)),
        (
            "configuration",
            one_of(&[r#"{"executeCommandConfiguration":{}}"#, r#"{"executeCommandConfiguration":{"logging":"NONE"}}"#]),
        ),
        ("tags", one_of(&["{}", r#"{"team":"shop"}"#])),
    ])
}

/// A directory as one stream of documents. Names decide what cannot be changed later.
fn directory() -> impl Strategy<Value = String> {
    (cluster(), role(), permissions(), service("FARGATE"), service("EC2"), task_definition("awsvpc")).prop_map(
        |(cluster, role, policy, fargate, ec2, job)| {
            let all = [
                ("Cluster", "shop", cluster),
                ("Policy", "read", json!({ "policyDocument": policy })),
                ("Role", "task", role),
                ("Service", "fargate", fargate),
                ("Service", "ec2", ec2),
                ("TaskDefinition", "job", job),
            ];
            let manifest = |(kind, name, spec): &(&str, &str, Value)| {
                json!({ "apiVersion": "evenkeel/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })
                    .to_string()
            };
            all.iter().map(manifest).collect::<Vec<_>>().join("\n---\n")
        },
    )
}

fn cases(cases: u32) -> ProptestConfig {
    // A failure prints its input; it is to become a scenario, not a line in a file of seeds.
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() }
}

fn in_virtual_time(law: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("runtime").block_on(law);
}

async fn assert_nothing_to_do(lab: &Lab, manifests: &str) {
    let plan = lab.plan(manifests).await;
    assert!(plan.is_empty(), "{}", plan_text(&plan, lab.reconciler.aws().account()));
}

/// What `evenkeel render` prints, as one stream of documents.
fn rendered(manifests: &str) -> String {
    let folder = tempfile::tempdir().expect("tempdir");
    std::fs::write(folder.path().join("all.yaml"), manifests).expect("write");
    let mut render = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    let output = render.arg("render").arg(folder.path()).env("AWS_REGION", "us-east-1").output().expect("render");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn what_was_applied_leaves_nothing_to_do(manifests in directory()) {
        in_virtual_time(async {
            let lab = Lab::over(Sandbox::roomy()).await;
            lab.settle(&manifests).await;
            assert_nothing_to_do(&lab, &manifests).await;
            let restarted = Lab::over(Arc::clone(&lab.sandbox)).await;
            assert_nothing_to_do(&restarted, &manifests).await;
            assert_nothing_to_do(&restarted, &rendered(&manifests)).await;
        });
    }

    #[test]
    fn every_directory_can_follow_every_other(first in directory(), second in directory()) {
        in_virtual_time(async {
            let lab = Lab::over(Sandbox::roomy()).await;
            lab.settle(&first).await;
            lab.settle(&second).await;
            assert_nothing_to_do(&lab, &second).await;
            assert_nothing_to_do(&Lab::over(Arc::clone(&lab.sandbox)).await, &second).await;
        });
    }
}
