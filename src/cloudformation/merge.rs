//! The resources that become a part of another's manifest: policies, instance profiles, and what ties
//! capacity providers to a cluster.

use std::collections::BTreeMap;

use serde_json::json;

use super::evaluate::VARIABLES;
use super::text::{self, Piece};
use super::types::{self, Type};
use super::{Converter, path_to};
use crate::resolve::placeholder;
use crate::value::{Map, Path, Value};

/// The specs of manifests, by logical id.
pub(super) type Specs<'t> = BTreeMap<&'t str, Map<String, Value>>;

impl<'t> Converter<'t> {
    /// Puts what is no manifest of its own where it belongs.
    pub(super) fn merge(&mut self, included: &[(&'t str, &'static Type)], specs: &mut Specs<'t>) {
        for (logical, row) in included {
            match row.name {
                types::POLICY => self.merge_policy(logical, row, "Roles", specs),
                types::ROLE_POLICY => self.merge_policy(logical, row, "RoleName", specs),
                types::MANAGED_POLICY => self.attach(logical, specs),
                types::INSTANCE_PROFILE => self.merge_profile(logical, specs),
                types::ASSOCIATIONS => self.merge_associations(logical, row, specs),
                _ => {}
            }
        }
    }

    fn merge_policy(&mut self, logical: &str, row: &Type, roles: &str, specs: &mut Specs<'t>) {
        let policy = Value::Object(self.properties(logical, row));
        let path = path_to(&["Resources", logical, "Properties"]);
        for role in self.roles(logical, roles) {
            if let Some(spec) = specs.get_mut(role) {
                self.add_policy(spec, policy.clone(), &path);
            }
        }
    }

    /// Puts a policy with a name and a document into the spec of a role. One that is not known is not
    /// left out: the manifest is to be refused until it is.
    pub(super) fn add_policy(&mut self, spec: &mut Map<String, Value>, policy: Value, path: &Path) {
        let (name, document) = match policy {
            Value::Object(mut policy) => (policy.shift_remove("policyName"), policy.shift_remove("policyDocument")),
            other => (Some("unknown".into()), Some(other)),
        };
        if name.is_none() || document.is_none() {
            self.note(path, "a policy of a role has a name and a document", None);
        }
        let name = match name {
            Some(Value::String(name)) => self.without_variables(name, path),
            _ => placeholder("the name of this policy"),
        };
        let document = document.unwrap_or_else(|| placeholder(&format!("the document of the policy {name}")).into());
        let policies = spec.entry("inlinePolicies").or_insert_with(|| json!({}));
        let Value::Object(policies) = policies else { return };
        if policies.insert(name.clone(), document).is_some() {
            self.note(path, format!("the role has two policies `{name}`: the last one counts"), None);
        }
    }

    /// A text that becomes a key. Variables are written out in values only.
    fn without_variables(&mut self, mut text: String, path: &Path) -> String {
        for name in VARIABLES {
            let variable = format!("${{{name}}}");
            if text.contains(&variable) {
                let value = self.asked(path, name, name);
                text = text.replace(&variable, &self.flat(&value, path));
            }
        }
        text
    }

    /// Attaches a managed policy to the roles that it names.
    fn attach(&mut self, logical: &str, specs: &mut Specs<'t>) {
        let Some(policy) = self.names.get(logical).map(|named| named.key.clone()) else { return };
        for role in self.roles(logical, "Roles") {
            let arns = specs.get_mut(role).map(|spec| spec.entry("managedPolicyArns").or_insert_with(|| json!([])));
            if let Some(Value::Array(arns)) = arns {
                let reference = json!({ "ref": policy });
                if !arns.contains(&reference) {
                    arns.push(reference);
                }
            }
        }
    }

    /// The roles of the template that a policy is attached to; notes for whoever else is.
    fn roles(&mut self, logical: &str, property: &str) -> Vec<&'t str> {
        let path = path_to(&["Resources", logical, "Properties"]);
        for others in ["Users", "Groups"] {
            if self.property(logical, others).is_some() {
                let message = format!("`{others}` is left out: Evenkeel manages roles");
                self.note_on_key(&path.key(others), message, None);
            }
        }
        let mut roles = Vec::new();
        for text in self.texts(logical, property) {
            match self.meant(types::ROLE, &text) {
                Some(role) => roles.push(role),
                None => {
                    let role = self.flat(&text, &path.key(property));
                    let message =
                        format!("the role {role} is not converted from this template, and goes without the policy");
                    let hint = "add the policy to the manifest of that role".to_owned();
                    self.note(&path.key(property), message, Some(hint));
                }
            }
        }
        roles
    }

    /// Finds the role of each instance profile: references to a profile lead to its role.
    pub(super) fn find_profiles(&mut self, included: &[(&'t str, &'static Type)]) {
        for (logical, _) in included.iter().filter(|(_, row)| row.name == types::INSTANCE_PROFILE) {
            let roles = self.texts(logical, "Roles");
            let role = roles.first().and_then(|role| self.meant(types::ROLE, role));
            if let Some(role) = role {
                self.profiles.insert(logical, role);
            }
        }
    }

    fn merge_profile(&mut self, logical: &str, specs: &mut Specs<'t>) {
        let path = path_to(&["Resources", logical]);
        let role = self.profiles.get(logical).copied();
        let named = |logical: &str| self.names.get(logical).cloned().unwrap_or_default();
        let (Some(role), profile) = (role, named(logical)) else {
            let message = "left out: the role of the instance profile is not converted from this template";
            self.note_on_key(&path, message, None);
            return;
        };
        let owner = named(role);
        if profile.path != owner.path {
            let message = "the instance profile has another path than its role, and a manifest has one for both";
            self.note_on_key(&path, message, None);
        }
        let value = if profile.name == owner.name { true.into() } else { self.flat(&profile.name, &path).into() };
        let Some(spec) = specs.get_mut(role) else { return };
        if spec.insert("instanceProfile".to_owned(), value).is_some() {
            let message = "the role has two instance profiles: the last one counts";
            self.note_on_key(&path, message, None);
        }
    }

    /// Capacity providers of a cluster that a resource of its own ties to it.
    fn merge_associations(&mut self, logical: &str, row: &Type, specs: &mut Specs<'t>) {
        let mut properties = self.properties(logical, row);
        let path = path_to(&["Resources", logical, "Properties", "Cluster"]);
        let clusters = self.texts(logical, "Cluster");
        let cluster = clusters.first().and_then(|cluster| self.meant(types::CLUSTER, cluster));
        match cluster.and_then(|cluster| specs.get_mut(cluster)) {
            Some(spec) => {
                for member in ["capacityProviders", "defaultCapacityProviderStrategy"] {
                    if let Some(value) = properties.shift_remove(member) {
                        spec.insert(member.to_owned(), value);
                    }
                }
            }
            None => {
                let which =
                    clusters.first().filter(|text| !matches!(text::pieces(text).as_slice(), [Piece::Missing(_)]));
                let which = which.map(|text| format!(" {}", self.flat(text, &path))).unwrap_or_default();
                let message = format!("left out: the cluster{which} is not converted from this template");
                let hint = "write `capacityProviders` into the manifest of that cluster".to_owned();
                self.note(&path, message, Some(hint));
            }
        }
    }
}
