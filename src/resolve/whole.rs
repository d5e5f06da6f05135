//! What only all resources together show: one thing declared twice, references in a circle, order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use super::{Fault, Resolved};
use crate::model::{Key, Manifest};
use crate::resource::{Identity, Resource};
use crate::value::{Path, Value};

pub(super) fn refuse_same_identity(resolved: &mut Resolved) {
    // What has faults may not be named as it will be.
    let faulty: BTreeSet<Key> = resolved.faults.iter().map(|fault| fault.key.clone()).collect();
    let mut by_identity: BTreeMap<Identity, Vec<Key>> = BTreeMap::new();
    for resource in resolved.resources.values().filter(|resource| !faulty.contains(&resource.manifest)) {
        by_identity.entry(resource.identity.folded()).or_default().push(resource.key.clone());
    }
    for keys in by_identity.into_values().filter(|keys| keys.len() > 1) {
        let same: Vec<Resource> = keys.iter().filter_map(|key| resolved.resources.remove(key)).collect();
        for resource in &same {
            let others: Vec<&Resource> = same.iter().filter(|other| other.key != resource.key).collect();
            let places: Vec<String> = others.iter().map(|other| format!("{} ({})", other.key, other.source)).collect();
            let hint = if others.iter().all(|other| other.identity == resource.identity) {
                "one thing in AWS has one manifest: take one away, or give it another name"
            } else {
                "IAM takes names that differ only in case for the same: rename one"
            };
            resolved.faults.push(Fault {
                key: resource.manifest.clone(),
                path: name_path(resource),
                on_key: false,
                message: format!("{} is described by {} too", resource.identity, places.join(" and ")),
                hint: Some(hint.into()),
            });
        }
    }
}

/// Where a resource gets its name in AWS.
fn name_path(resource: &Resource) -> Path {
    let field = resource.key.kind.row().name_field.unwrap_or_default();
    let named = resource.spec.get(field).is_some_and(|name| *name != resource.key.name);
    match named {
        true => resource.origin.key(field),
        false if resource.key == resource.manifest => Path::default().key("metadata").key("name"),
        false => resource.origin.clone(),
    }
}

pub(super) fn refuse_cycles(resolved: &mut Resolved, manifests: &BTreeMap<Key, Manifest>) {
    let keys: Vec<Key> = resolved.resources.keys().cloned().collect();
    let index = |key: &Key| keys.binary_search(key).ok();
    let mut graph = DiGraphMap::<usize, ()>::new();
    for (from, key) in keys.iter().enumerate() {
        for to in resolved.resources[key].needs.iter().filter_map(index) {
            graph.add_edge(from, to, ());
        }
    }
    for cycle in tarjan_scc(&graph) {
        if cycle.len() == 1 && !graph.contains_edge(cycle[0], cycle[0]) {
            continue;
        }
        for at in cycle {
            let way = way_back(&graph, at);
            let names = way.iter().map(|at| keys[*at].to_string()).collect::<Vec<_>>().join(" → ");
            let Some(resource) = resolved.resources.remove(&keys[at]) else { continue };
            let spec = manifests.get(&resource.manifest).map(|manifest| &manifest.spec);
            let root = Path::default().key("spec");
            let next = way.get(1).map(|next| &keys[*next]);
            let reference = spec.zip(next).and_then(|(spec, next)| find_reference(spec, &root, next));
            resolved.faults.push(Fault {
                key: resource.manifest,
                path: reference.unwrap_or(resource.origin),
                on_key: false,
                message: format!("refers to itself in a circle: {names}"),
                hint: Some("write one of the names or ARNs out instead of referring".into()),
            });
        }
    }
}

/// The shortest way from a node of a circle to itself, both ends included.
fn way_back(graph: &DiGraphMap<usize, ()>, start: usize) -> Vec<usize> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in way.last().into_iter().flat_map(|last| graph.neighbors(*last)) {
            let longer = way.iter().copied().chain([next]).collect();
            if next == start {
                return longer;
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    vec![start]
}

/// Where a value refers to a manifest.
fn find_reference(value: &Value, path: &Path, key: &Key) -> Option<Path> {
    match value {
        Value::Object(map) => match map.get("ref").and_then(Value::as_str) {
            Some(text) => (*text == key.name || *text == key.to_string()).then(|| path.clone()),
            None => map.iter().find_map(|(name, value)| find_reference(value, &path.key(name), key)),
        },
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| find_reference(item, &path.index(index), key))
        }
        _ => None,
    }
}

/// The keys in an order in which everything comes after what it needs; among equals, by kind and name.
#[must_use]
pub fn order(resources: &BTreeMap<Key, Resource>) -> Vec<Key> {
    fn visit(key: &Key, resources: &BTreeMap<Key, Resource>, done: &mut BTreeSet<Key>, order: &mut Vec<Key>) {
        let Some(resource) = resources.get(key) else { return };
        if !done.insert(key.clone()) {
            return;
        }
        for need in &resource.needs {
            visit(need, resources, done, order);
        }
        order.push(key.clone());
    }
    let mut order = Vec::with_capacity(resources.len());
    let mut done = BTreeSet::new();
    for key in resources.keys() {
        visit(key, resources, &mut done, &mut order);
    }
    order
}
