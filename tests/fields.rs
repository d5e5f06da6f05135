//! The table of fields, tried both ways: what `tests/fields/*.yaml` calls equal must be no difference
//! and have the same digest, what it calls different must be reported, and where. And the table
//! itself, held against the API: no row that names nothing, no list without a row.
//!
//! An entry of those files stands under the structure that has the field (`spec` is the top, `answer`
//! what only AWS says) and has
//!
//! - `declared`: what the manifest says; `~`: nothing;
//! - `equal`: live values that are no difference; `~`: there is none;
//! - `different`: live values that are one. Reported is the field itself, unless the value stands in
//!   `{ live: …, reported: … }`: a path from the top or, with `[` or `.`, from the field on; `[]`:
//!   nothing that is declared is different, but the digest is;
//! - `where`, `beside`: what else the document, or the structure around the field, says.
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[cfg(feature = "sandbox")]
#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::operation::create_capacity_provider::CreateCapacityProviderInput;
use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
use aws_sdk_ecs::operation::create_service::CreateServiceInput;
use aws_sdk_ecs::operation::put_cluster_capacity_providers::PutClusterCapacityProvidersInput;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use aws_sdk_ecs::operation::update_capacity_provider::UpdateCapacityProviderInput;
use aws_sdk_ecs::operation::update_cluster::UpdateClusterInput;
use aws_sdk_ecs::operation::update_service::UpdateServiceInput;
use aws_sdk_ecs::types::{CapacityProvider, Cluster, Service, TaskDefinition};
use evenkeel::codec::decode;
use evenkeel::codec::shape::{Shape, shape};
use evenkeel::diff::diff;
use evenkeel::fields::{self, Absent, Form, below, canonical, cleared, digest, lookup, turned};
use evenkeel::model::{Effect, KINDS, Kind};
use evenkeel::value::{Map, Path, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

/// The files of examples, by kind.
const FILES: &[(Kind, &str)] = &[
    (Kind::AccountSettings, include_str!("fields/account_settings.yaml")),
    (Kind::Policy, include_str!("fields/policy.yaml")),
    (Kind::Role, include_str!("fields/role.yaml")),
    (Kind::Cluster, include_str!("fields/cluster.yaml")),
    (Kind::CapacityProvider, include_str!("fields/capacity_provider.yaml")),
    (Kind::TaskDefinition, include_str!("fields/task_definition.yaml")),
    (Kind::Service, include_str!("fields/service.yaml")),
];

/// One case of one field.
struct Example {
    kind: Kind,
    pattern: String,
    case: Value,
}

fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for (kind, text) in FILES {
        let file: Value = serde_yaml::from_str(text).expect("YAML");
        for (at, rows) in file.as_object().expect("a map of structures") {
            let at = if ["spec", "answer"].contains(&at.as_str()) { "" } else { at };
            for (name, entry) in rows.as_object().expect("a map of fields") {
                let cases = entry.as_array().cloned().unwrap_or_else(|| vec![entry.clone()]);
                let pattern = below(at, name);
                examples.extend(cases.into_iter().map(|case| Example { kind: *kind, pattern: pattern.clone(), case }));
            }
        }
    }
    examples
}

impl Example {
    fn list(&self, name: &str) -> &[Value] {
        self.case.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A document that says this of the field, and as little else as can be.
    fn document(&self, value: &Value) -> Value {
        let segments: Vec<&str> = self.pattern.split('.').collect();
        let mut document = self.inside("", &segments, value);
        extend(&mut document, self.case.get("where"));
        document
    }

    fn inside(&self, pattern: &str, segments: &[&str], value: &Value) -> Value {
        let [segment, rest @ ..] = segments else { return value.clone() };
        let child = self.inside(&below(pattern, segment), rest, value);
        match (*segment, fields::form(self.kind, pattern)) {
            ("*", Form::Keyed(keys)) => {
                let mut element = child;
                if let (false, Some(map)) = (rest.is_empty(), element.as_object_mut()) {
                    map.entry(keys[0]).or_insert_with(|| "it".into());
                }
                json!([element])
            }
            ("*", Form::Set | Form::Ordered) => json!([child]),
            (name, _) => {
                let name = if name == "*" { "it" } else { name };
                let mut map = Map::new();
                if !(rest.is_empty() && child.is_null()) {
                    map.insert(name.to_owned(), child);
                }
                let mut map = Value::Object(map);
                extend(&mut map, self.case.get("beside").filter(|_| rest.is_empty()));
                map
            }
        }
    }

    /// The field's own path in such a document. A set is reported whole.
    fn path(&self, document: &Value) -> Path {
        let (mut path, mut pattern, mut at) = (Path::default(), String::new(), document);
        for segment in self.pattern.split('.') {
            let form = fields::form(self.kind, &pattern);
            match (segment, form) {
                ("*", Form::Set) => return path,
                ("*", Form::Keyed(keys)) => path = path.named(fields::identity(self.kind, &pattern, keys, &at[0])),
                ("*", Form::Ordered) => path = path.index(0),
                ("*", _) => path = path.key("it"),
                (name, _) => path = path.key(name),
            }
            at = match (segment, at) {
                ("*", Value::Array(items)) => &items[0],
                ("*", _) => &at["it"],
                (name, _) => &at[name],
            };
            pattern = below(&pattern, segment);
        }
        path
    }

    /// The live value of an item of `different`, and the paths that are to be reported.
    fn expected(&self, item: &Value, declared: &Value) -> (Value, BTreeSet<String>) {
        let own = self.path(declared).to_string();
        let Some(live) = item.get("live") else { return (item.clone(), BTreeSet::from([own])) };
        let one = |path: &Value| {
            let path = path.as_str().expect("a path");
            if path.starts_with(['[', '.']) { format!("{own}{path}") } else { path.to_owned() }
        };
        let paths = match item.get("reported") {
            None => BTreeSet::from([own.clone()]),
            Some(Value::Array(paths)) => paths.iter().map(one).collect(),
            Some(path) => BTreeSet::from([one(path)]),
        };
        (live.clone(), paths)
    }

    fn check(&self) {
        let declared = cleared(self.kind, &self.document(&self.case["declared"]));
        let reported = |live: &Value| -> BTreeSet<String> {
            diff(self.kind, &turned(self.kind, &declared, live), live)
                .iter()
                .map(|change| change.path.to_string())
                .collect()
        };
        let same_digest = |live: &Value| digest(self.kind, &declared) == digest(self.kind, live);
        let in_digest = self.kind == Kind::TaskDefinition;
        let name = format!("{} {}", self.kind, self.pattern);
        for value in self.list("equal") {
            let live = self.document(value);
            assert_eq!(reported(&live), BTreeSet::new(), "{name}: {value} is equal\n{declared}\n{live}");
            assert!(!in_digest || same_digest(&live), "{name}: {value} has the same digest\n{declared}\n{live}");
        }
        for item in self.list("different") {
            let (value, paths) = self.expected(item, &declared);
            let live = self.document(&value);
            assert_eq!(reported(&live), paths, "{name}: {value} is different\n{declared}\n{live}");
            assert!(!in_digest || !same_digest(&live), "{name}: {value} has another digest\n{declared}\n{live}");
        }
    }
}

fn extend(document: &mut Value, more: Option<&Value>) {
    if let (Some(map), Some(more)) = (document.as_object_mut(), more.and_then(Value::as_object)) {
        map.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}

fn rows() -> BTreeMap<(Kind, String), &'static fields::Field> {
    let paths = |table: &'static fields::Table| table.paths().map(|(path, row)| ((table.kind, path), row));
    fields::tables().flat_map(paths).collect()
}

#[test]
fn every_row_has_examples_and_every_example_a_row() {
    let mut shown: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    for example in examples() {
        let key = (example.kind, example.pattern.clone());
        let name = format!("{} {}", key.0, key.1);
        assert!(lookup(key.0, &key.1).is_some(), "{name}: no row");
        let known = ["declared", "equal", "different", "where", "beside"];
        let unknown: Vec<&String> =
            example.case.as_object().expect("a map").keys().filter(|key| !known.contains(&key.as_str())).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
        assert!(example.case.get("declared").is_some(), "{name}: what is declared?");
        assert!(!example.list("equal").is_empty(), "{name}: what is equal?");
        *shown.entry(key).or_default() += example.list("different").len();
    }
    let mut wrong = Vec::new();
    for ((kind, path), row) in rows() {
        // Of what is not compared, nothing can be different.
        let compared = !matches!(row.form, Form::Echo | Form::Apart);
        match shown.get(&(kind, path.clone())) {
            None => wrong.push(format!("{kind} {path}: no example")),
            Some(different) if (*different > 0) != compared => wrong.push(format!("{kind} {path}: what is different?")),
            Some(_) => {}
        }
    }
    assert_none(&wrong, "every row is shown both ways");
}

#[test]
fn the_examples_are_so() {
    for example in examples() {
        example.check();
    }
}

/// The spec of a kind, what AWS answers, and what its updates take.
struct Shapes {
    spec: Shape,
    answer: Shape,
    updates: Vec<Shape>,
}

fn shapes(kind: Kind) -> Option<Shapes> {
    let (spec, answer, updates) = match kind {
        Kind::Cluster => (
            shape(CreateClusterInput::deserialize),
            shape(Cluster::deserialize),
            vec![shape(UpdateClusterInput::deserialize), shape(PutClusterCapacityProvidersInput::deserialize)],
        ),
        Kind::CapacityProvider => (
            shape(CreateCapacityProviderInput::deserialize),
            shape(CapacityProvider::deserialize),
            vec![shape(UpdateCapacityProviderInput::deserialize)],
        ),
        Kind::TaskDefinition => {
            (shape(RegisterTaskDefinitionInput::deserialize), shape(TaskDefinition::deserialize), vec![])
        }
        Kind::Service => (
            shape(CreateServiceInput::deserialize),
            shape(Service::deserialize),
            vec![shape(UpdateServiceInput::deserialize)],
        ),
        Kind::AccountSettings | Kind::Policy | Kind::Role => return None,
    };
    Some(Shapes { spec, answer, updates })
}

/// The kinds whose specs are the API's own.
fn of_ecs() -> impl Iterator<Item = (Kind, Shapes)> {
    KINDS.iter().filter_map(|row| Some((row.kind, shapes(row.kind)?)))
}

/// Everything in a shape, by pattern.
fn patterns(shape: &Shape) -> BTreeMap<String, Shape> {
    fn walk(shape: &Shape, at: &str, found: &mut BTreeMap<String, Shape>) {
        found.insert(at.to_owned(), shape.clone());
        match shape {
            Shape::Structure { members, .. } => {
                members.iter().for_each(|(name, shape, _)| walk(shape, &below(at, name), found));
            }
            Shape::List(inner) | Shape::Map(inner) => walk(inner, &below(at, "*"), found),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    walk(shape, "", &mut found);
    found
}

fn is_top_level(pattern: &str) -> bool {
    !pattern.is_empty() && !pattern.contains('.')
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn every_row_names_what_the_api_has_and_only_echoes_are_not_in_a_request() {
    let mut wrong = Vec::new();
    for (kind, shapes) in of_ecs() {
        let (spec, answer) = (patterns(&shapes.spec), patterns(&shapes.answer));
        for ((_, path), row) in rows().iter().filter(|((of, _), _)| *of == kind) {
            let there = match row.form {
                Form::Echo => answer.contains_key(path) && !spec.contains_key(path),
                _ => spec.contains_key(path),
            };
            if !there {
                wrong.push(format!("{kind} {path}"));
            }
        }
        for path in answer.keys().filter(|path| is_top_level(path) && !spec.contains_key(*path)) {
            if lookup(kind, path).is_none_or(|row| row.form != Form::Echo) {
                wrong.push(format!("{kind} {path} is only in answers"));
            }
        }
    }
    assert_none(&wrong, "the table and the API disagree");
}

#[test]
fn every_list_and_every_member_at_the_top_has_a_row() {
    let mut missing = Vec::new();
    for (kind, shapes) in of_ecs() {
        for (path, shape) in patterns(&shapes.spec) {
            let form = lookup(kind, &path).map(|row| row.form);
            let is_list = matches!(shape, Shape::List(_));
            let of_list = matches!(form, Some(Form::Ordered | Form::Set | Form::Keyed(_)));
            let fine = match form {
                Some(Form::Apart) => true,
                _ if is_list || of_list => is_list == of_list,
                _ => form.is_some() || !is_top_level(&path),
            };
            if !fine {
                missing.push(format!("{kind} {path}: {form:?}"));
            }
        }
    }
    assert_none(&missing, "what order means, or where a member is compared, is not said");
}

#[test]
fn elements_are_told_apart_by_members_that_they_have() {
    for (kind, shapes) in of_ecs() {
        let spec = patterns(&shapes.spec);
        for ((_, path), row) in rows().iter().filter(|((of, _), _)| *of == kind) {
            if let Form::Keyed(keys) = row.form {
                for key in keys {
                    assert!(spec.contains_key(&format!("{path}.*.{key}")), "{kind} {path}: {key}");
                }
            }
        }
    }
}

#[test]
fn what_no_update_takes_can_only_be_replaced() {
    let mut wrong = Vec::new();
    for (kind, shapes) in of_ecs().filter(|(_, shapes)| !shapes.updates.is_empty()) {
        let taken: BTreeSet<String> = shapes.updates.iter().flat_map(|shape| patterns(shape).into_keys()).collect();
        for path in patterns(&shapes.spec).into_keys().filter(|path| !path.is_empty() && !taken.contains(path)) {
            let top = path.split('.').next().unwrap_or_default();
            let apart = lookup(kind, top).is_some_and(|row| row.form == Form::Apart);
            if !apart && fields::effect(kind, &path) != Effect::Replaces {
                wrong.push(format!("{kind} {path}"));
            }
        }
    }
    assert_none(&wrong, "AWS has no call that changes these");
}

#[test]
fn what_is_taken_for_an_absent_field_is_a_value_that_it_may_have() {
    fn fits(absent: &Absent, path: &str, spec: &BTreeMap<String, Shape>) -> bool {
        match (absent, &spec[path]) {
            (Absent::Nothing | Absent::Text(_), Shape::Text(None))
            | (Absent::Nothing, _)
            | (Absent::Number(_), Shape::Integer | Shape::Number)
            | (Absent::Flag(_), Shape::Boolean) => true,
            (Absent::Text(text), Shape::Text(Some(known))) => known.contains(text),
            (Absent::Beside(member), shape) => {
                let around = path.rsplit_once('.').map_or("", |(around, _)| around);
                spec.get(&below(around, member)) == Some(shape)
            }
            (Absent::Off(off), _) => fits(off, path, spec),
            (Absent::Where { member, is, then, otherwise }, _) => {
                let Shape::Text(Some(known)) = &spec[*member] else { return false };
                is.iter().all(|value| known.contains(value)) && fits(then, path, spec) && fits(otherwise, path, spec)
            }
            _ => false,
        }
    }
    for (kind, shapes) in of_ecs() {
        let spec = patterns(&shapes.spec);
        for ((_, path), row) in rows().iter().filter(|((of, _), row)| *of == kind && row.form != Form::Echo) {
            assert!(fits(&row.absent, path, &spec), "{kind} {path}: {:?}", row.absent);
        }
    }
}

#[test]
fn what_clears_a_field_is_a_legal_update() {
    for ((kind, path), row) in rows().into_iter().filter(|(_, row)| !row.clear.is_empty()) {
        let mut request: Value = serde_json::from_str(row.clear).expect("JSON");
        for segment in path.rsplit('.') {
            request = json!({ segment: request });
        }
        let faults = match kind {
            Kind::Service => {
                request["service"] = "web".into();
                decode(&request, UpdateServiceInput::deserialize).err()
            }
            Kind::Cluster if path.starts_with("serviceConnect") => {
                request["cluster"] = "shop".into();
                decode(&request, UpdateClusterInput::deserialize).err()
            }
            Kind::Cluster => {
                let both = json!({ "cluster": "shop", "capacityProviders": [], "defaultCapacityProviderStrategy": [] });
                extend(&mut request, Some(&both));
                decode(&request, PutClusterCapacityProvidersInput::deserialize).err()
            }
            _ => None,
        };
        assert_eq!(faults, None, "{kind} {path}");
        // Once it is cleared, nothing is left to do.
        let declared = cleared(kind, &request);
        assert_eq!(diff(kind, &declared, &request), [], "{kind} {path}");
    }
}

/// A document of a kind, made of choices: texts and numbers from a few, so that lists have elements
/// twice, elements have the same identity, and values are what they would be if they were absent.
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
        let absent = lookup(self.kind, pattern).map_or(&Absent::Nothing, |row| &row.absent);
        match (shape, absent) {
            (Shape::Text(_), Absent::Text(text)) if self.choose(2) == 0 => (*text).into(),
            (Shape::Integer, Absent::Number(number)) if self.choose(2) == 0 => (*number).into(),
            (Shape::Structure { members, union }, _) => {
                let only = union.then(|| self.choose(members.len()));
                let mut map = Map::new();
                for (index, (name, shape, _)) in members.iter().enumerate() {
                    let there = only.map_or_else(|| self.choose(3) == 1, |only| only == index);
                    if there {
                        map.insert(name.clone(), self.value(shape, &below(pattern, name)));
                    }
                }
                map.into()
            }
            (Shape::List(inner), _) => (0..self.choose(4)).map(|_| self.value(inner, &below(pattern, "*"))).collect(),
            (Shape::Map(inner), _) => {
                let keys = ["one", "two"].into_iter().take(self.choose(3));
                keys.map(|key| (key.to_owned(), self.value(inner, &below(pattern, "*")))).collect::<Map<_, _>>().into()
            }
            (Shape::Text(Some(known)), _) => known[self.choose(known.len().min(3))].into(),
            (Shape::Text(None), _) => ["a", "b", "arn:x:y/a", "", "HOST", "1 GB", "1024"][self.choose(7)].into(),
            (Shape::Integer, _) => [0, 1, 80, 30][self.choose(4)].into(),
            (Shape::Number, _) => json!([0.5, 10.0, 5.0][self.choose(3)]),
            (Shape::Boolean, _) => (self.choose(2) == 0).into(),
            (Shape::Document, _) => json!({ "any": self.choose(2) }),
        }
    }
}

fn sample(kind: Kind, choices: Vec<u8>) -> Value {
    let shapes = shapes(kind).expect("a kind of ECS");
    Sampler { kind, choices, made: 0 }.value(&shapes.spec, "")
}

fn documents() -> impl Strategy<Value = (Kind, Value)> {
    let kinds: Vec<Kind> = of_ecs().map(|(kind, _)| kind).collect();
    (proptest::sample::select(kinds), vec(any::<u8>(), 0..600))
        .prop_map(|(kind, choices)| (kind, sample(kind, choices)))
}

/// The tree with every value changed by `change`, from the leaves up.
fn mapped(value: &Value, change: &impl Fn(Value) -> Value) -> Value {
    change(match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), mapped(value, change))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(|item| mapped(item, change)).collect(),
        other => other.clone(),
    })
}

/// The tree with its n-th value, counted from the root, replaced by what `change` makes of it.
fn changed(value: &Value, n: &mut usize, change: &impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    let here = *n == 0;
    *n = n.wrapping_sub(1);
    match value {
        _ if here => change(value),
        Value::Object(map) => {
            let members = map.iter().filter_map(|(key, value)| Some((key.clone(), changed(value, n, change)?)));
            Some(members.collect::<Map<_, _>>().into())
        }
        Value::Array(items) => Some(items.iter().filter_map(|item| changed(item, n, change)).collect()),
        other => Some(other.clone()),
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// The live document after an update that carries all that is declared.
fn overlaid(under: &Value, over: &Value) -> Value {
    let (Value::Object(under), Value::Object(over)) = (under, over) else { return over.clone() };
    let mut map = under.clone();
    for (key, value) in over {
        map.insert(key.clone(), overlaid(under.get(key).unwrap_or(&Value::Null), value));
    }
    map.into()
}

/// Small changes of a document, some of which matter: a list turned round, with its first element
/// twice, without it; a number or a text replaced; anything else taken out.
const TWISTS: &[fn(&Value) -> Option<Value>] = &[
    |value| value.as_array().map(|items| items.iter().rev().cloned().collect()),
    |value| value.as_array().map(|items| items.iter().chain(items.first()).cloned().collect()),
    |value| value.as_array().map(|items| items.iter().skip(1).cloned().collect()),
    |value| value.is_number().then(|| 30.into()),
    |value| value.is_string().then(|| "tcp".into()),
    |_| None,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn what_absence_would_say_as_well_is_no_difference((kind, document) in documents()) {
        let reduced = canonical(kind, &document);
        prop_assert_eq!(diff(kind, &document, &reduced), []);
        prop_assert_eq!(diff(kind, &reduced, &document), []);
        prop_assert_eq!(canonical(kind, &reduced), reduced);
    }

    #[test]
    fn a_live_field_that_nobody_declared_is_no_difference((kind, document) in documents()) {
        let grown = mapped(&document, &|mut value| {
            // The keys of a map of texts are the team's own.
            if value.as_object().is_some_and(|map| !map.contains_key("one")) {
                value["brandNew"] = json!({ "default": [1] });
            }
            value
        });
        prop_assert_eq!(diff(kind, &document, &grown), []);
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point((kind, document) in documents()) {
        let pointed = mapped(&document, &|value| value.as_i64().map_or(value, |n| json!(f64::from(i32::try_from(n).expect("small")))));
        prop_assert_eq!(diff(kind, &document, &pointed), []);
        prop_assert_eq!(diff(kind, &pointed, &document), []);
        prop_assert_eq!(digest(kind, &document), digest(kind, &pointed));
    }

    #[test]
    fn once_written_nothing_is_different((kind, document) in documents(), before in vec(any::<u8>(), 0..600)) {
        let declared = cleared(kind, &document);
        let live = overlaid(&sample(kind, before), &declared);
        prop_assert_eq!(diff(kind, &declared, &live), []);
        prop_assert_eq!(cleared(kind, &declared), declared);
    }

    #[test]
    fn the_digest_is_the_same_exactly_if_neither_is_different_from_the_other(
        choices in vec(any::<u8>(), 0..600), twist in proptest::sample::select(TWISTS), at in any::<prop::sample::Index>(),
    ) {
        let kind = Kind::TaskDefinition;
        let one = sample(kind, choices);
        let other = changed(&one, &mut at.index(count(&one)), &twist).unwrap_or_else(|| json!({}));
        let no_difference = diff(kind, &one, &other).is_empty() && diff(kind, &other, &one).is_empty();
        prop_assert_eq!(digest(kind, &one) == digest(kind, &other), no_difference, "{} {}", one, other);
    }
}

#[cfg(feature = "sandbox")]
mod in_the_sandbox {
    use super::scenario::Lab;

    const CLUSTER: &str = "
apiVersion: evenkeel/v1alpha1
kind: Cluster
metadata: { name: shop }
spec: { serviceConnectDefaults: CONNECT }
---
apiVersion: evenkeel/v1alpha1
kind: Service
metadata: { name: web }
spec:
  cluster: { ref: shop }
  desiredCount: 1
  launchType: FARGATE
  networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1] } }
  serviceConnectConfiguration: PROXY
  deploymentConfiguration: { deploymentCircuitBreaker: BREAKER, earlySuccessCriteria: EARLY }
  taskDefinition:
    cpu: .25 vCPU
    memory: 0.5 GB
    networkMode: awsvpc
    executionRoleArn: arn:aws:iam::123456789012:role/execution
    containerDefinitions: [{ name: web, image: web }]
";

    fn manifests(values: [&str; 4]) -> String {
        ["CONNECT", "PROXY", "BREAKER", "EARLY"]
            .iter()
            .zip(values)
            .fold(CLUSTER.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    #[tokio::test(start_paused = true)]
    async fn a_map_that_is_left_empty_is_cleared_in_aws_and_stays_so() {
        let lab = Lab::new().await;
        let on = manifests([
            "{ namespace: shop }",
            "{ enabled: true, namespace: shop }",
            "{ enable: true, rollback: true }",
            "{ enable: true, healthyPercent: 100, sourceServiceRevisionCleanup: DEFERRED }",
        ]);
        lab.settle(&on).await;
        let off = manifests(["{}"; 4]);
        lab.settle(&off).await;
        assert!(Lab::over(std::sync::Arc::clone(&lab.sandbox)).await.plan(&off).await.is_empty());
        let service = lab.service("shop", "web").await;
        let deployment = service.deployment_configuration().expect("a configuration");
        assert!(
            deployment.deployment_circuit_breaker().is_some_and(|breaker| !breaker.enable() && !breaker.rollback())
        );
        assert!(deployment.early_success_criteria().is_some_and(|criteria| !criteria.enable()));
        let proxy = service.deployments()[0].service_connect_configuration().expect("a configuration");
        assert!(!proxy.enabled());
        let clusters = lab.ecs().describe_clusters().clusters("shop").send().await.expect("describe");
        assert!(clusters.clusters()[0].service_connect_defaults().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_to_be_cleared_may_never_have_been_there() {
        let lab = Lab::new().await;
        let off = manifests(["{}"; 4]);
        lab.settle(&off).await;
        assert!(lab.plan(&off).await.is_empty());
    }
}
