//! What may be allowed on top of what AWS has: judged when it is planned, as only AWS knows what that is.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::Rule;
use super::{Guard, Guardrails};
use crate::model::{ALLOW_WIDENING, Key, Kind, Manifest};
use crate::resolve::expanded;
use crate::resource::{Account, Resource};

/// Tells every role and policy under the rule what it may add; all others may add anything.
pub fn bind(
    resources: &mut BTreeMap<Key, Resource>,
    manifests: &BTreeMap<Key, &Manifest>,
    rails: &Guardrails,
    account: &Account,
) {
    if rails.settings.iter().all(|(_, rules)| !rules.contains_key(&Rule::Widening)) {
        return;
    }
    let rails = rails.for_account(account);
    let none = BTreeMap::new();
    let guard = Guard { rails: &rails, account, resources: &none, before: &none };
    for resource in resources.values_mut().filter(|resource| matches!(resource.key.kind, Kind::Role | Kind::Policy)) {
        let annotation =
            manifests.get(&resource.manifest).and_then(|manifest| manifest.annotations.get(ALLOW_WIDENING));
        let named = annotation.map(|text| names(&expanded(text, account))).unwrap_or_default();
        resource.may_add = guard.may_add(resource, named);
    }
}

/// What the annotation names, in lower case.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_lowercase).collect()
}

impl Guard<'_> {
    fn may_add(&self, resource: &Resource, mut named: BTreeSet<String>) -> Option<BTreeSet<String>> {
        if !self.refuses(Rule::Widening, resource) {
            return None;
        }
        let of_it =
            |rule: &&super::Exception| rule.manifest == resource.manifest && rule.rules.contains(&Rule::Widening);
        for exception in self.rails.exceptions.iter().filter(of_it) {
            if exception.only.is_empty() {
                return None;
            }
            named.extend(exception.only.iter().map(|name| name.to_lowercase()));
        }
        Some(named)
    }
}
