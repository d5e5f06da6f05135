//! Manifests that cannot be in force together. Where some of them were, those stay: a newcomer must
//! not be able to put anything else out of force.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use super::{Before, Fault, Resolved};
use crate::model::{Key, Kind, Manifest};
use crate::resource::{Identity, Resource};

/// How many others a message names.
const LISTED_MAX: usize = 8;

/// One thing in AWS has one manifest: who held its name keeps it; when nobody did, nobody has it.
pub(super) fn same_identity(resolved: &mut Resolved, before: &Before<'_>) {
    let mut by_identity: BTreeMap<Identity, Vec<Key>> = BTreeMap::new();
    // A name that could not be told is no name that two could share. A fault elsewhere does not
    // give a name away, though: whoever else claims it must not get it because of that.
    let told = |resource: &&Resource| {
        let unknown = resolved.unknown.get(&resource.manifest);
        let fields = [resource.key.kind.row().name_field.unwrap_or_default(), "cluster", "path"];
        !unknown.is_some_and(|unknown| fields.iter().any(|field| unknown.contains(&resource.origin.key(*field))))
    };
    for resource in resolved.resources.values().filter(told) {
        by_identity.entry(resource.identity.folded()).or_default().push(resource.key.clone());
    }
    for keys in by_identity.into_values().filter(|keys| keys.len() > 1) {
        let holders: Vec<&Key> = keys.iter().filter(|key| before.holds(&resolved.resources[*key])).collect();
        let keeper = if let [keeper] = holders[..] { Some(keeper) } else { None };
        let names: Vec<(&Key, String)> = keys.iter().map(|key| (key, called(&resolved.resources[key]))).collect();
        for key in keys.iter().filter(|key| Some(*key) != keeper) {
            let Some(resource) = resolved.resources.remove(key) else { continue };
            resolved.faults.push(Fault {
                key: resource.manifest,
                path: resource.origin,
                on_key: false,
                message: format!("{} is described by {} too", resource.identity, others(key, &names)),
                hint: Some(hint(key.kind)),
            });
        }
    }
}

/// How a manifest's author knows a resource.
fn called(resource: &Resource) -> String {
    if resource.key == resource.manifest {
        resource.key.to_string()
    } else {
        format!("the inline task definition of {}", resource.manifest)
    }
}

/// The names of all but one: not of all, where it is thousands.
fn others(key: &Key, names: &[(&Key, String)]) -> String {
    let others = names.iter().filter(|(other, _)| *other != key).map(|(_, name)| name.as_str());
    let listed = others.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(1 + LISTED_MAX) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

fn hint(kind: Kind) -> String {
    match (kind, kind.row().name_field) {
        (Kind::Role | Kind::Policy, Some(field)) => format!(
            "one thing in AWS has one manifest: set another `{field}`; IAM takes names that differ only in case for the same"
        ),
        (_, Some(field)) => format!("one thing in AWS has one manifest: set another `{field}`"),
        (_, None) => "one thing in AWS has one manifest: make one of them".to_owned(),
    }
}

/// What refers to itself in a circle can never be brought up. Only what is new or changed is at
/// fault, as long as the rest is no circle without it.
pub(super) fn cycles(resolved: &mut Resolved, manifests: &BTreeMap<Key, Manifest>, before: &Before<'_>) {
    let all: Vec<Key> = resolved.resources.keys().cloned().collect();
    for circle in circles(&resolved.resources, &all) {
        let unchanged = |key: &&Key| {
            let manifest = manifests.get(&resolved.resources[*key].manifest);
            manifest.is_some_and(|manifest| before.unchanged(manifest))
        };
        let rest: BTreeSet<Key> = circle.iter().filter(unchanged).cloned().collect();
        let innocent = if circles(&resolved.resources, &rest.iter().cloned().collect::<Vec<_>>()).is_empty() {
            rest
        } else {
            BTreeSet::new()
        };
        let names = circle.iter().take(LISTED_MAX).map(Key::to_string).collect::<Vec<_>>().join(" → ");
        let more = if circle.len() > LISTED_MAX { " → …" } else { "" };
        for key in circle.iter().filter(|key| !innocent.contains(key)) {
            let Some(resource) = resolved.resources.remove(key) else { continue };
            resolved.faults.push(Fault {
                key: resource.manifest,
                path: resource.origin,
                on_key: false,
                message: format!("refers to itself in a circle: {names}{more}"),
                hint: Some("write one of the names or ARNs out instead of referring".into()),
            });
        }
    }
}

/// The circles among some resources, given in order.
fn circles(resources: &BTreeMap<Key, Resource>, keys: &[Key]) -> Vec<Vec<Key>> {
    let mut graph = DiGraphMap::<usize, ()>::new();
    for (from, key) in keys.iter().enumerate() {
        for to in resources[key].needs.iter().filter_map(|need| keys.binary_search(need).ok()) {
            graph.add_edge(from, to, ());
        }
    }
    let mut circles = tarjan_scc(&graph);
    circles.retain(|circle| circle.len() > 1 || circle.iter().any(|at| graph.contains_edge(*at, *at)));
    circles.into_iter().map(|circle| circle.into_iter().map(|at| keys[at].clone()).collect()).collect()
}
