//! Rules that are judged when something is planned: only AWS knows what it allows already and what is to be
//! done about it, and only the clock when that is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;
use std::time::Duration;

use super::rules::Rule;
use super::{Guard, Guardrails, Setting};
use crate::model::{ALLOW_WIDENING, Key, Kind, Manifest};
use crate::resolve::expanded;
use crate::resource::{Account, Allowance, Resource};
use crate::window::{Window, next_opening};

/// What is done in AWS, as the guardrails file names it, and plans do.
pub const VERBS: [&str; 4] = ["create", "update", "adopt", "delete"];

/// Those of the rules that are judged here.
const RULES: [Rule; 3] = [Rule::Widening, Rule::Verbs, Rule::Windows];

/// Tells every resource what the rules let be done to it.
pub fn bind(
    resources: &mut BTreeMap<Key, Resource>,
    manifests: &BTreeMap<Key, &Manifest>,
    rails: &Guardrails,
    account: &Account,
) {
    if !rails.settings.iter().any(|(_, rules)| RULES.iter().any(|rule| rules.contains_key(rule))) {
        return;
    }
    let rails = rails.for_account(account);
    let none = BTreeMap::new();
    let guard = Guard { rails: &rails, account, resources: &none, before: &none };
    for resource in resources.values_mut() {
        let annotation =
            manifests.get(&resource.manifest).and_then(|manifest| manifest.annotations.get(ALLOW_WIDENING));
        let named = annotation.map(|text| names(&expanded(text, account))).unwrap_or_default();
        resource.allowance = Allowance {
            may_add: guard.may_add(resource, named),
            verbs: guard.verbs(resource),
            windows: guard.windows(resource),
        };
    }
}

impl Guardrails {
    /// What is in the way of every deletion at a time since 1 January 1970: no manifest tells which folder
    /// something was declared in, so that the rules of all of them count.
    #[must_use]
    pub fn keeps_from_deleting(&self, at: Duration) -> Option<Hindrance> {
        let settings = || self.settings.iter().flat_map(|(folder, rules)| rules.values().map(move |one| (folder, one)));
        let mut no_verb =
            settings().filter(|(_, one)| matches!(one, Setting::Verbs(verbs) if !verbs.contains("delete")));
        if let Some((folder, _)) = no_verb.next() {
            return Some(Hindrance::Never(format!("the guardrail `verbs`{} has no `delete`", of(folder))));
        }
        let lists: Vec<Vec<Window>> = settings()
            .filter_map(|(_, one)| match one {
                Setting::Windows(windows) => Some(windows.clone()),
                _ => None,
            })
            .collect();
        match next_opening(&lists, at) {
            Some((Duration::ZERO, _)) => None,
            Some((_, time)) => Some(Hindrance::Until(format!(
                "no window of the guardrail `windows` is open, in one folder or another; all of them are at {time} (UTC)"
            ))),
            None => {
                Some(Hindrance::Never("the windows of the guardrail `windows` are never all open at once".to_owned()))
            }
        }
    }
}

/// What is in the way of every deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// A rule that a person would have to change.
    Never(String),
    /// It passes with time.
    Until(String),
}

/// Whose rule it is, if not everybody's.
fn of(folder: &FilePath) -> String {
    if folder.as_os_str().is_empty() { String::new() } else { format!(" of {}", folder.display()) }
}

/// What the annotation names, in lower case.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_lowercase).collect()
}

impl<'a> Guard<'a> {
    /// What a role or a policy may add; everything else has nothing to add.
    fn may_add(&self, resource: &Resource, mut named: BTreeSet<String>) -> Option<BTreeSet<String>> {
        if !matches!(resource.key.kind, Kind::Role | Kind::Policy) || !self.refuses(Rule::Widening, resource) {
            return None;
        }
        for only in self.exceptions(Rule::Widening, resource) {
            if only.is_empty() {
                return None;
            }
            named.extend(only.iter().map(|name| name.to_lowercase()));
        }
        Some(named)
    }

    /// What every rule for it allows.
    fn verbs(&self, resource: &Resource) -> Option<BTreeSet<&'static str>> {
        let lists = self.settings(Rule::Verbs, resource).filter_map(|setting| match setting {
            Setting::Verbs(verbs) => Some(verbs.clone()),
            _ => None,
        });
        let mut verbs = lists.reduce(|one, other| one.intersection(&other).copied().collect())?;
        for only in self.exceptions(Rule::Verbs, resource) {
            if only.is_empty() {
                return None;
            }
            verbs.extend(VERBS.into_iter().filter(|verb| only.iter().any(|one| one == verb)));
        }
        Some(verbs)
    }

    fn windows(&self, resource: &Resource) -> Vec<Vec<Window>> {
        if self.exceptions(Rule::Windows, resource).next().is_some() {
            return Vec::new();
        }
        let lists = self.settings(Rule::Windows, resource).filter_map(|setting| match setting {
            Setting::Windows(windows) => Some(windows.clone()),
            _ => None,
        });
        lists.collect()
    }

    /// What each exception for the resource lets pass; empty: everything.
    fn exceptions(&self, rule: Rule, resource: &Resource) -> impl Iterator<Item = &'a [String]> {
        let manifest = resource.manifest.clone();
        let of_it =
            self.rails.exceptions.iter().filter(move |one| one.manifest == manifest && one.rules.contains(&rule));
        of_it.map(|exception| exception.only.as_slice())
    }
}
