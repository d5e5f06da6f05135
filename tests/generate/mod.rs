//! Documents of every kind, made of choices: whatever the API can spell, and of that what is legal.

pub(crate) mod leaf;
pub(crate) mod legal;
pub(crate) mod rules;

use std::collections::BTreeSet;

use aws_sdk_ecs::operation::create_capacity_provider::CreateCapacityProviderInput;
use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
use aws_sdk_ecs::operation::create_service::CreateServiceInput;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use aws_sdk_ecs::types::SettingName;
use evenkeel::codec::shape::{Shape, shape};
use evenkeel::fields::{self, Form, below, canonical};
use evenkeel::model::{KINDS, Kind};
use evenkeel::value::{Map, Value};
use serde_json::json;

/// The whole of what a kind's spec can be.
pub(crate) fn shape_of(kind: Kind) -> Shape {
    match kind {
        Kind::Cluster => shape(CreateClusterInput::deserialize),
        Kind::CapacityProvider => shape(CreateCapacityProviderInput::deserialize),
        Kind::TaskDefinition => shape(RegisterTaskDefinitionInput::deserialize),
        Kind::Service => shape(CreateServiceInput::deserialize),
        Kind::AccountSettings => structure(SettingName::values().iter().map(|name| (*name, Shape::Text(None)))),
        Kind::Policy => structure([
            ("policyName", Shape::Text(None)),
            ("path", Shape::Text(None)),
            ("description", Shape::Text(None)),
            ("policyDocument", Shape::Document),
            ("tags", tags()),
        ]),
        Kind::Role => structure([
            ("roleName", Shape::Text(None)),
            ("path", Shape::Text(None)),
            ("description", Shape::Text(None)),
            ("maxSessionDuration", Shape::Integer),
            ("permissionsBoundary", Shape::Text(None)),
            ("assumeRolePolicyDocument", Shape::Document),
            ("managedPolicyArns", Shape::List(Box::new(Shape::Text(None)))),
            ("inlinePolicies", Shape::Map(Box::new(Shape::Document))),
            ("instanceProfile", Shape::Document),
            ("policyMode", Shape::Text(Some(&["additive", "exclusive"]))),
            ("tags", tags()),
        ]),
    }
}

fn structure(members: impl IntoIterator<Item = (&'static str, Shape)>) -> Shape {
    let required = |name: &str| name.ends_with("olicyDocument");
    let members = members.into_iter().map(|(name, shape)| (name.to_owned(), shape, required(name)));
    Shape::Structure { members: members.collect(), union: false }
}

fn tags() -> Shape {
    Shape::List(Box::new(structure([("key", Shape::Text(None)), ("value", Shape::Text(None))])))
}

/// Every member that a kind's spec can have, as `portMappings.*.name`.
pub(crate) fn members(kind: Kind) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit(&shape_of(kind), None, "", &mut found);
    found
}

/// The members that a document has.
pub(crate) fn members_of(kind: Kind, document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit(&shape_of(kind), Some(document), "", &mut found);
    found
}

/// Notes every member of a shape; with a value, those that the value has.
fn visit(shape: &Shape, value: Option<&Value>, pattern: &str, found: &mut BTreeSet<String>) {
    match shape {
        Shape::Structure { members, .. } => {
            for (name, shape, _) in members {
                let inner = value.map(|value| value.get(name));
                if inner != Some(None) {
                    let pattern = below(pattern, name);
                    found.insert(pattern.clone());
                    visit(shape, inner.flatten(), &pattern, found);
                }
            }
        }
        Shape::List(inner) | Shape::Map(inner) => match value {
            None => visit(inner, None, &below(pattern, "*"), found),
            Some(Value::Object(map)) => {
                map.values().for_each(|item| visit(inner, Some(item), &below(pattern, "*"), found));
            }
            Some(items) => {
                let items = items.as_array().into_iter().flatten();
                items.for_each(|item| visit(inner, Some(item), &below(pattern, "*"), found));
            }
        },
        _ => {}
    }
}

/// Choices one after the other; when they are used up, the first of everything.
pub(crate) struct Choices {
    bytes: Vec<u8>,
    made: usize,
}

impl Choices {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), made: 0 }
    }

    pub(crate) fn choose(&mut self, of: usize) -> usize {
        let choice = self.bytes.get(self.made).copied().unwrap_or_default();
        self.made += 1;
        usize::from(choice) % of.max(1)
    }
}

/// A document made of choices: with each of them 0 the one that has everything.
struct Sampler {
    kind: Kind,
    choices: Choices,
}

impl Sampler {
    fn value(&mut self, shape: &Shape, pattern: &str) -> Value {
        match shape {
            Shape::Structure { members, union: true } => {
                let (name, shape, _) = &members[self.choices.choose(members.len())];
                let value = self.value(shape, &below(pattern, name));
                Map::from_iter([(name.clone(), value)]).into()
            }
            Shape::Structure { members, .. } => {
                let mut map = Map::new();
                for (name, shape, required) in members {
                    if *required || self.choices.choose(3) < 2 {
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
            Shape::Text(Some(known)) => known[self.choices.choose(known.len())].into(),
            Shape::Text(None) => {
                self.choices.made += 1;
                format!("text-{}", self.choices.made).into()
            }
            Shape::Integer => self.choices.choose(200).into(),
            Shape::Number => json!(0.5),
            Shape::Boolean => (self.choices.choose(2) == 0).into(),
            Shape::Document => {
                json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:Get*", "Resource": "*" }] })
            }
        }
    }

    /// Elements that a list cannot hold twice are not there twice.
    fn list(&mut self, inner: &Shape, pattern: &str) -> Value {
        let mut items: Vec<Value> = Vec::new();
        for _ in 0..3 - self.choices.choose(4).min(3) {
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

/// Anything that a kind's spec can be.
pub(crate) fn sample(kind: Kind, choices: &[u8]) -> Value {
    let mut sampler = Sampler { kind, choices: Choices::new(choices) };
    sampler.value(&shape_of(kind), "")
}

/// A directory with one manifest of every kind, by kind; the service's task definition is inline.
/// `choices` are those of the kinds in the order of [`KINDS`], of the inline task definition, and of
/// what makes it all legal.
pub(crate) fn directory(choices: &[Vec<u8>]) -> Value {
    let of = |at: usize| choices.get(at).map_or(&[][..], Vec::as_slice);
    let documents = KINDS.iter().enumerate().map(|(at, row)| (row.name.to_owned(), sample(row.kind, of(at))));
    let mut directory: Value = documents.collect::<Map<_, _>>().into();
    directory["Service"]["taskDefinition"] = sample(Kind::TaskDefinition, of(KINDS.len()));
    legal::legal(&directory, of(KINDS.len() + 1))
}

/// What the manifest of a kind is called.
pub(crate) fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::AccountSettings => "account",
        Kind::Policy => "read",
        Kind::Role => "task",
        Kind::Cluster => "shop",
        Kind::CapacityProvider => "provider",
        Kind::TaskDefinition => "job",
        Kind::Service => "web",
    }
}

/// A directory as one stream of documents.
pub(crate) fn manifests(directory: &Value) -> String {
    let manifest = |kind: Kind, name: &str, spec: &Value| {
        json!({ "apiVersion": "evenkeel/v1alpha1", "kind": name, "metadata": { "name": name_of(kind) }, "spec": spec })
            .to_string()
    };
    KINDS.iter().map(|row| manifest(row.kind, row.name, &directory[row.name])).collect::<Vec<_>>().join("\n---\n")
}
