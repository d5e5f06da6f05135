//! What a directory may hold: kinds, names, paths, numbers.

use std::collections::BTreeSet;

use super::rules::Rule;
use super::statement::Text;
use super::{Finding, Guard, Setting, attached, glob};
use crate::model::{Key, Kind};
use crate::resource::Resource;
use crate::value::{Path, Value};

/// What is wrong with the kind, the name and the path of a resource.
pub(super) fn check(guard: &Guard<'_>, resource: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for setting in guard.settings(Rule::Kinds, resource) {
        let Setting::Kinds(kinds) = setting else { continue };
        // A task definition that stands in a service is part of that service.
        if resource.key == resource.manifest && !kinds.contains(&resource.key.kind) {
            let known: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            findings.push(Finding {
                why: format!("no {} may be declared here", resource.key.kind),
                fix: format!("allowed: {}", known.join(", ")),
                ..Finding::new(Rule::Kinds, Path::default().key("kind"), &resource.key.kind.to_string())
            });
        }
    }
    for setting in guard.settings(Rule::Names, resource) {
        let Setting::PerKind(kinds) = setting else { continue };
        let Some(patterns) = kinds.get(&resource.key.kind) else { continue };
        let profile = resource.spec.get("instanceProfile").and_then(Value::as_str);
        let profile = profile.map(|text| Text { path: resource.origin.key("instanceProfile"), text });
        for name in attached::name(resource).into_iter().chain(profile) {
            if !patterns.iter().any(|pattern| glob::matches(pattern, name.text)) {
                findings.push(Finding {
                    why: format!("`{}` is not a name that a {} may have here", name.text, resource.key.kind),
                    fix: format!("call it {}", patterns.join(" or ")),
                    ..Finding::new(Rule::Names, name.path, name.text)
                });
            }
        }
    }
    for setting in guard.settings(Rule::Paths, resource) {
        let Setting::Texts(paths) = setting else { continue };
        if !matches!(resource.key.kind, Kind::Role | Kind::Policy) {
            continue;
        }
        let path = resource.spec.get("path").and_then(Value::as_str).unwrap_or("/");
        if !paths.iter().any(|start| path.starts_with(start.as_str())) {
            findings.push(Finding {
                why: format!("the path `{path}` is not one that it may have here"),
                fix: format!("write path: {}", paths.join(" or ")),
                ..Finding::new(Rule::Paths, resource.origin.key("path"), path)
            });
        }
    }
    findings
}

/// The roles that are too many: those that were there stay.
pub(super) fn roles(guard: &Guard<'_>) -> Vec<(Key, Finding)> {
    let mut findings = Vec::new();
    let mut roles: Vec<&Resource> =
        guard.resources.values().filter(|resource| resource.key.kind == Kind::Role).collect();
    roles.sort_by_key(|role| (!guard.before.contains_key(&role.key), &role.source));
    let mut counted: BTreeSet<(&std::path::Path, u64)> = BTreeSet::new();
    for (folder, setting) in guard.all_settings(Rule::MaxRoles) {
        let Setting::Number(most) = setting else { continue };
        if !counted.insert((folder, *most)) {
            continue;
        }
        let here = roles.iter().filter(|role| role.source.file.starts_with(folder));
        let allowed = usize::try_from(*most).unwrap_or(usize::MAX);
        for (number, role) in here.enumerate().skip(allowed) {
            let finding = Finding {
                why: format!("it is role number {} where {most} are allowed", number + 1),
                fix: "take one away".to_owned(),
                ..Finding::new(Rule::MaxRoles, Path::default().key("metadata").key("name"), &role.key.name)
            };
            findings.push((role.key.clone(), finding));
        }
    }
    findings
}
