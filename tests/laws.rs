//! What must hold for every manifest: of the comparison alone, over everything that the API can
//! spell; and of whole directories, brought about in the simulated AWS, over everything that is legal.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

mod generate;
#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use evenkeel::diff::diff;
use evenkeel::fields::{self, Form, below, canonical, digest, tables};
use evenkeel::load::{self, Desired, File};
use evenkeel::model::{Effect, KINDS, Key, Kind};
use evenkeel::plan::Plan;
use evenkeel::report::plan_text;
use evenkeel::resource::Resource;
use evenkeel::sandbox::Sandbox;
use evenkeel::schema::json_schema;
use evenkeel::value::{Map, Path, Value};
use evenkeel::world::DIGEST_TAG;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use generate::leaf::{Changed, change, leaves, others, shows_at};
use generate::legal::{Then, documents, get, legal, put, split};
use generate::rules::RULES;
use generate::{Choices, directory, manifests, members, members_of, name_of, sample, shape_of};
use scenario::Lab;

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

/// The paths at which one document is not as the other.
fn differences(kind: Kind, wanted: &Value, there: &Value) -> BTreeSet<Path> {
    diff(kind, wanted, there).into_iter().map(|change| change.path).collect()
}

/// Whatever leaf is changed, the comparison names that leaf and no other.
#[test]
fn a_changed_leaf_is_the_only_difference() {
    let exercised = Cell::new(0);
    for_every(96, &(kinds(), vec(any::<u8>(), 0..400)), |(kind, choices)| {
        let mut before = sample(*kind, choices);
        before.as_object_mut().expect("an object").shift_remove("tags");
        let leaves = leaves(&json!({ kind.row().name: before }));
        for place in leaves.iter().step_by(leaves.len() / 16 + 1) {
            let (_, _, rest) = split(place);
            let old = get(&before, rest).expect("a leaf");
            let new = others(&shape_of(*kind), rest, old).into_iter().rfind(|value| value != old);
            let mut after = before.clone();
            put(&mut after, rest, new.or_else(|| Some(old.clone())));
            if let Some(expected) = shows_at(*kind, &before, &after, rest) {
                assert_eq!(differences(*kind, &after, &before), expected.into_iter().collect());
                exercised.set(exercised.get() + 1);
            }
        }
    });
    assert!(exercised.get() >= 500, "only {} leaves", exercised.get());
}

fn cases(cases: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    // A failure prints its input; it is to become a scenario, not a line in a file of seeds.
    ProptestConfig {
        cases: wanted.unwrap_or(cases),
        failure_persistence: None,
        max_shrink_iters: 20,
        ..ProptestConfig::default()
    }
}

/// Draws from a strategy, always the same in the same order, and more if asked to.
fn for_every<S: Strategy>(count: u32, strategy: &S, law: impl Fn(&S::Value)) {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let held = TestRunner::new_with_rng(cases(count), rng).run(strategy, |value| {
        law(&value);
        Ok(())
    });
    if let Err(error) = held {
        panic!("{error}");
    }
}

/// A legal directory, which a failure shows as manifests.
fn directories() -> impl Strategy<Value = Directory> {
    vec(vec(any::<u8>(), 0..400), KINDS.len() + 2).prop_map(|choices| Directory(directory(&choices)))
}

struct Directory(Value);

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&manifests(&self.0))
    }
}

fn in_virtual_time(law: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("runtime").block_on(law);
}

async fn assert_nothing_to_do(lab: &Lab, manifests: &str) {
    let plan = lab.plan(manifests).await;
    assert!(plan.is_empty(), "{}\n{manifests}", plan_text(&plan, lab.reconciler.aws().account()));
}

/// Takes the memory of what was registered out of AWS: then content is compared with content.
async fn forget_digests(lab: &Lab) {
    let ecs = lab.ecs();
    let mut arns = ecs.list_task_definitions().send().await.expect("list").task_definition_arns.unwrap_or_default();
    for cluster in ecs.list_clusters().send().await.expect("list").cluster_arns() {
        arns.extend(ecs.list_services().cluster(cluster).send().await.expect("list").service_arns.unwrap_or_default());
    }
    assert!(arns.len() >= 3, "{arns:?}");
    for arn in arns {
        ecs.untag_resource().resource_arn(arn).tag_keys(DIGEST_TAG).send().await.expect("untag");
    }
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

#[test]
fn the_shapes_of_iam_kinds_are_those_that_manifests_have() {
    let schema = json_schema();
    for kind in [Kind::Role, Kind::Policy] {
        let documents = schema["oneOf"].as_array().expect("documents").iter();
        let of = |document: &&Value| document["properties"]["kind"]["const"] == kind.row().name;
        let spec = &documents.clone().find(of).expect("a document")["properties"]["spec"]["properties"];
        let mut known: BTreeSet<&str> = spec.as_object().expect("members").keys().map(String::as_str).collect();
        // What a preset fills in is a member like any other.
        known.remove("preset");
        let members = members(kind);
        let drawn: BTreeSet<&str> = members.iter().filter(|member| !member.contains('.')).map(String::as_str).collect();
        assert_eq!(drawn, known);
    }
}

#[test]
fn what_is_legal_is_left_as_it_is() {
    for_every(64, &directories(), |Directory(directory)| {
        for choices in [&[][..], &[7; 400]] {
            assert_eq!(legal(directory, choices), *directory);
        }
    });
}

/// The members that no legal directory has: those that a rule drops wherever they are.
fn never() -> BTreeSet<String> {
    let anywhere = |at: &str| !at.split('.').any(|step| step.parse::<usize>().is_ok());
    let dropped =
        RULES.iter().filter(|rule| matches!(rule.then, Then::Drop) && rule.when.is_empty() && anywhere(rule.at));
    dropped.map(|rule| rule.at.to_owned()).collect()
}

#[test]
fn what_was_applied_leaves_nothing_to_do_whatever_it_was() {
    let drawn: RefCell<BTreeSet<String>> = RefCell::default();
    for_every(48, &directories(), |Directory(directory)| {
        let manifests = manifests(directory);
        in_virtual_time(async {
            let lab = Lab::over(Sandbox::roomy()).await;
            lab.settle(&manifests).await;
            assert_nothing_to_do(&lab, &manifests).await;
            let restarted = Lab::over(Arc::clone(&lab.sandbox)).await;
            assert_nothing_to_do(&restarted, &manifests).await;
            assert_nothing_to_do(&restarted, &rendered(&manifests)).await;
            forget_digests(&lab).await;
            assert_nothing_to_do(&Lab::over(Arc::clone(&lab.sandbox)).await, &manifests).await;
        });
        for (kind, document) in documents() {
            let members = members_of(kind, get(directory, &document).expect("a document"));
            drawn.borrow_mut().extend(members.into_iter().map(|member| format!("{}.{member}", kind.row().name)));
        }
    });
    let of = |kind: Kind| members(kind).into_iter().map(move |member| format!("{}.{member}", kind.row().name));
    let all: BTreeSet<String> = KINDS.iter().flat_map(|row| of(row.kind)).collect();
    let never = never();
    let below_never =
        |member: &String| never.iter().any(|never| member == never || member.starts_with(&format!("{never}.")));
    let drawn = drawn.into_inner();
    let missed: Vec<&String> = all.iter().filter(|member| !drawn.contains(*member) && !below_never(member)).collect();
    assert!(missed.is_empty(), "never drawn: {missed:#?}");
    assert!(drawn.iter().all(|member| !below_never(member)));
}

/// What manifests declare, unless something is wrong with them.
fn declared(lab: &Lab, manifests: &str) -> Option<BTreeMap<Key, Resource>> {
    let file = File { path: PathBuf::from("all.yaml"), content: Ok(manifests.as_bytes().to_vec()) };
    let desired = load::load(&[file], lab.reconciler.aws().account(), &Desired::default());
    desired.problems.is_empty().then_some(desired.resources)
}

/// The paths of a plan, by resource.
fn paths(plan: &Plan) -> BTreeMap<Key, BTreeSet<Path>> {
    let changed = plan.items.iter().filter(|item| !item.changes.is_empty());
    changed.map(|item| (item.key.clone(), item.changes.iter().map(|change| change.path.clone()).collect())).collect()
}

/// The same as it must be for a changed leaf: another task definition is another one for its service.
fn expected(changed: &Changed) -> BTreeMap<Key, BTreeSet<Path>> {
    let name = name_of(if changed.inline { Kind::Service } else { changed.kind });
    let mut expected = BTreeMap::from([(Key::new(changed.kind, name), changed.paths.iter().cloned().collect())]);
    if changed.inline {
        let path = Path::default().key("taskDefinition");
        expected.insert(Key::new(Kind::Service, name), BTreeSet::from([path]));
    }
    expected
}

/// How many leaves of each settled directory are changed.
const LEAVES: usize = 12;

#[test]
fn a_changed_leaf_is_all_that_the_plan_changes() {
    let exercised: RefCell<Vec<String>> = RefCell::default();
    for_every(24, &directories(), |Directory(directory)| {
        in_virtual_time(async {
            let lab = Lab::over(Sandbox::roomy()).await;
            lab.settle(&manifests(directory)).await;
            let leaves = leaves(directory);
            let mut choices = Choices::new(&[]);
            let step = leaves.len() / LEAVES + 1;
            let first = exercised.borrow().len() % step;
            for place in leaves.iter().skip(first).step_by(step) {
                let Some(changed) = change(directory, place, &mut choices) else { continue };
                // What a service remembers it runs is not read: its tags come along when it is.
                if changed.inline && changed.pattern.starts_with("tags") {
                    continue;
                }
                let Some(resources) = declared(&lab, &manifests(&changed.directory)) else { continue };
                let plan = lab.reconciler.plan(&resources, &resources.keys().cloned().collect()).await;
                assert_eq!(paths(&plan), expected(&changed), "{}.{}", changed.kind, changed.pattern);
                exercised.borrow_mut().push(format!("{}.{}", changed.kind, changed.pattern));
            }
        });
    });
    let exercised = exercised.into_inner();
    let different: BTreeSet<&String> = exercised.iter().collect();
    assert!(
        exercised.len() >= 150 && different.len() >= 80,
        "only {} leaves at {} paths",
        exercised.len(),
        different.len()
    );
}

/// What a directory that follows another has from it, beside the fields that AWS cannot change.
const KEPT: &[(&str, &str)] = &[
    ("Role.roleName", "an instance profile has one role, and stays with the old one"),
    ("Policy.policyName", "it is part of what a role has attached"),
    ("TaskDefinition.family", "another name is another resource"),
    ("Cluster.capacityProviders", "a provider that is in use cannot be taken away"),
    ("Cluster.defaultCapacityProviderStrategy", "it names those"),
    ("Service.launchType", "a service that names neither keeps what it has"),
    ("Service.capacityProviderStrategy", "a service that names neither keeps what it has"),
    ("Service.taskDefinition.networkMode", "the service's network hangs on it"),
    ("Service.taskDefinition.requiresCompatibilities", "where the service runs hangs on it"),
    ("Service.taskDefinition.volumes", "the service's volumes hang on them"),
    ("Service.taskDefinition.containerDefinitions.0.portMappings", "load balancers and connections hang on them"),
];

/// The second directory as it can follow the first; nothing if what it takes over is not legal in it.
fn following(first: &Value, second: &Value) -> Option<Value> {
    let rows = tables().flat_map(|table| table.paths().map(|(path, field)| (table.kind, path, field)));
    let replaced = rows.filter(|(.., field)| field.effect == Some(Effect::Replaces));
    let replaced = replaced.map(|(kind, path, _)| format!("{}.{path}", kind.row().name));
    let kept: Vec<String> = KEPT.iter().map(|(at, _)| (*at).to_owned()).chain(replaced).collect();
    let mut second = second.clone();
    let manages = |directory: &Value| directory["CapacityProvider"].get("managedInstancesProvider").is_some();
    if manages(first) != manages(&second) {
        second["CapacityProvider"] = first["CapacityProvider"].clone();
    }
    // What a manifest no longer declares stays in AWS, and must fit what it does.
    const NESTED: [&str; 2] = ["/Service", "/Service/deploymentConfiguration"];
    let members = |of: &str| first.pointer(of).and_then(Value::as_object).into_iter().flatten();
    for of in NESTED {
        for (member, value) in members(of) {
            let there = second.pointer_mut(of)?.as_object_mut()?;
            there.entry(member).or_insert_with(|| value.clone());
        }
    }
    let place = |at: &str| at.split('.').map(str::to_owned).collect::<Vec<_>>();
    for at in &kept {
        put(&mut second, &place(at), get(first, &place(at)).cloned());
    }
    let second = legal(&second, &[]);
    let same = |at: &String| get(first, &place(at)) == get(&second, &place(at));
    let stays =
        |of: &str| members(of).all(|(member, _)| second.pointer(of).is_some_and(|there| there.get(member).is_some()));
    (kept.iter().all(same) && NESTED.into_iter().all(stays)).then_some(second)
}

#[test]
fn every_directory_can_follow_every_other() {
    let followed = Cell::new(0);
    for_every(32, &(directories(), directories()), |(Directory(first), Directory(second))| {
        let Some(second) = following(first, second) else { return };
        in_virtual_time(async {
            let lab = Lab::over(Sandbox::roomy()).await;
            lab.settle(&manifests(first)).await;
            lab.settle(&manifests(&second)).await;
            assert_nothing_to_do(&lab, &manifests(&second)).await;
            assert_nothing_to_do(&Lab::over(Arc::clone(&lab.sandbox)).await, &manifests(&second)).await;
        });
        followed.set(followed.get() + 1);
    });
    assert!(followed.get() >= 10, "only {} directories followed another", followed.get());
}
