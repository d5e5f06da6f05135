//! What only all resources together show: one thing declared twice, references in a circle, order.
//!
//! Of manifests that cannot be in force together, those that were stay: a newcomer must not be able
//! to put anything else out of force.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use super::references::{is_permission_document, may_refer};
use super::{Before, Fault, Resolved};
use crate::model::{Key, Manifest};
use crate::resource::{Identity, Resource};
use crate::value::{Path, Value};

/// How many others a message names.
const LISTED_MAX: usize = 8;
/// The largest circle in which every member is told its own way round.
const WAYS_MAX: usize = 200;

/// One thing in AWS has one manifest: who held its name keeps it; when nobody did, nobody has it.
pub(super) fn refuse_same_identity(resolved: &mut Resolved, before: &Before<'_>) {
    let mut by_identity: BTreeMap<Identity, Vec<Key>> = BTreeMap::new();
    for resource in resolved.resources.values().filter(|resource| is_told(resource, resolved)) {
        by_identity.entry(resource.identity.folded()).or_default().push(resource.key.clone());
    }
    for keys in by_identity.into_values().filter(|keys| keys.len() > 1) {
        let same: Vec<&Resource> = keys.iter().map(|key| &resolved.resources[key]).collect();
        let mut holders = same.iter().filter(|resource| before.holds(resource));
        let keeper = holders.next().filter(|_| holders.next().is_none()).map(|keeper| keeper.key.clone());
        let exactly = same.iter().all(|resource| resource.identity == same[0].identity);
        let names: Vec<(Key, String)> = same.iter().map(|resource| (resource.key.clone(), called(resource))).collect();
        for key in keys.iter().filter(|key| Some(*key) != keeper.as_ref()) {
            let Some(resource) = resolved.resources.remove(key) else { continue };
            resolved.faults.push(Fault {
                path: name_path(&resource),
                on_key: false,
                message: format!("{} is described by {} too", resource.identity, others(key, &names)),
                hint: Some(hint(key, exactly)),
                key: resource.manifest,
            });
        }
    }
}

/// Whether the name in AWS could be told: otherwise it is none that two could share. A fault
/// elsewhere does not give a name away, though: whoever else claims it must not get it because of that.
fn is_told(resource: &Resource, resolved: &Resolved) -> bool {
    let unknown = resolved.unknown.get(&resource.manifest);
    [resource.key.kind.row().name_field.unwrap_or_default(), "cluster", "path"].iter().all(|field| {
        let stands_for_nothing = unknown.is_some_and(|unknown| unknown.contains(&resource.origin.key(*field)));
        !stands_for_nothing && resource.spec.get(*field).is_none_or(Value::is_string)
    })
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

/// How a manifest's author knows a resource.
fn called(resource: &Resource) -> String {
    if resource.key == resource.manifest {
        format!("{} ({})", resource.key, resource.source)
    } else {
        format!("the inline task definition of {} ({})", resource.manifest, resource.source)
    }
}

/// The names of all but one: not of all, where it is thousands.
fn others(key: &Key, names: &[(Key, String)]) -> String {
    let others = names.iter().filter(|(other, _)| other != key).map(|(_, name)| name.as_str());
    let listed = others.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(1 + LISTED_MAX) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

fn hint(key: &Key, exactly: bool) -> String {
    match (key.kind.row().name_field, exactly) {
        (Some(field), true) => format!("one thing in AWS has one manifest: take one away, or set another `{field}`"),
        (Some(field), false) => {
            format!("IAM takes names that differ only in case for the same: rename one, or set another `{field}`")
        }
        (None, _) => "one thing in AWS has one manifest: make one of them".to_owned(),
    }
}

/// What refers to itself in a circle can never be brought up. Only what is new or changed is at
/// fault, as long as the rest is no circle without it.
pub(super) fn refuse_cycles(resolved: &mut Resolved, manifests: &BTreeMap<Key, &Manifest>, before: &Before<'_>) {
    let keys: Vec<Key> = resolved.resources.keys().cloned().collect();
    let graph = needs(&resolved.resources, &keys);
    for circle in circles(&graph) {
        let unchanged = |at: &usize| {
            let manifest = manifests.get(&resolved.resources[&keys[*at]].manifest);
            manifest.is_some_and(|manifest| before.unchanged(manifest))
        };
        let mut innocent: BTreeSet<usize> = circle.iter().copied().filter(unchanged).collect();
        let rest: Vec<Key> = innocent.iter().map(|at| keys[*at].clone()).collect();
        if !circles(&needs(&resolved.resources, &rest)).is_empty() {
            innocent.clear();
        }
        let members: BTreeSet<usize> = circle.iter().copied().collect();
        for at in circle.into_iter().filter(|at| !innocent.contains(at)) {
            let way = way_back(&graph, at, &members);
            let names = way.iter().take(LISTED_MAX).map(|at| keys[*at].to_string()).collect::<Vec<_>>().join(" → ");
            let more = if way.len() > LISTED_MAX || way.last() != Some(&at) { " → …" } else { "" };
            let Some(resource) = resolved.resources.remove(&keys[at]) else { continue };
            let spec = manifests.get(&resource.manifest).map(|manifest| &manifest.spec);
            let root = Path::default().key("spec");
            let next = way.get(1).map(|next| &keys[*next]);
            let reference = spec.zip(next).and_then(|(spec, next)| find_reference(spec, &root, next));
            resolved.faults.push(Fault {
                key: resource.manifest,
                path: reference.unwrap_or(resource.origin),
                on_key: false,
                message: format!("refers to itself in a circle: {names}{more}"),
                hint: Some("write one of the names or ARNs out instead of referring".into()),
            });
        }
    }
}

/// Who needs whom among some resources, given in order, by their position.
fn needs(resources: &BTreeMap<Key, Resource>, keys: &[Key]) -> DiGraphMap<usize, ()> {
    let mut graph = DiGraphMap::new();
    for (from, key) in keys.iter().enumerate() {
        for to in resources[key].needs.iter().filter_map(|need| keys.binary_search(need).ok()) {
            graph.add_edge(from, to, ());
        }
    }
    graph
}

fn circles(graph: &DiGraphMap<usize, ()>) -> Vec<Vec<usize>> {
    let mut circles = tarjan_scc(graph);
    circles.retain(|circle| circle.len() > 1 || circle.iter().any(|at| graph.contains_edge(*at, *at)));
    circles
}

/// The shortest way from a member of a circle to itself, both ends included; of one in a circle that
/// is too large for that, its first step.
fn way_back(graph: &DiGraphMap<usize, ()>, start: usize, members: &BTreeSet<usize>) -> Vec<usize> {
    let next = |at: usize| graph.neighbors(at).filter(|next| members.contains(next));
    if members.len() > WAYS_MAX {
        return [start].into_iter().chain(next(start).next()).collect();
    }
    let mut came_from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in next(at).filter(|next| !came_from.contains_key(next)).collect::<Vec<_>>() {
            came_from.insert(next, at);
            queue.push_back(next);
        }
        if came_from.contains_key(&start) {
            break;
        }
    }
    let mut way = vec![start];
    let mut at = start;
    while let Some(from) = came_from.get(&at) {
        way.push(*from);
        at = *from;
        if at == start {
            break;
        }
    }
    way.reverse();
    way
}

/// Where a value refers to a manifest that it needs.
fn find_reference(value: &Value, path: &Path, key: &Key) -> Option<Path> {
    if is_permission_document(path) {
        return None;
    }
    match value {
        Value::Object(map) => match map.get("ref").and_then(Value::as_str).filter(|_| may_refer(path)) {
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
