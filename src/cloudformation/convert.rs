//! From resources to manifests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::merge::Specs;
use super::template::{PROCESSED, scalar};
use super::types::{self, Type};
use super::{Converter, Node, names, path_to};
use crate::export::Document;
use crate::model::{API_VERSION, Key};
use crate::value::{Map, Path, Value, suggestion};

/// What a resource may say beside its type and properties (CloudFormation user guide, resource
/// attributes), and what its loss means; nothing, where Evenkeel has no need of it.
const ATTRIBUTES: &[(&str, Option<&str>)] = &[
    ("Condition", None),
    // What becomes the order of the work is in the references; see also `waits`.
    ("CreationPolicy", Some("nothing waits for signals")),
    // Evenkeel deletes nothing that a manifest can describe.
    ("DeletionPolicy", None),
    ("DependsOn", None),
    ("Metadata", None),
    ("Properties", None),
    ("Type", None),
    ("UpdatePolicy", Some("updates go as `deploymentConfiguration` says")),
    ("UpdateReplacePolicy", None),
];

impl<'t> Converter<'t> {
    /// The manifests, in the order of the template.
    pub(super) fn documents(&mut self) -> Vec<Document> {
        let included = self.included();
        self.say_first(&included);
        self.name_all(&included);
        self.find_profiles(&included);
        let mut specs = Specs::new();
        for (logical, row) in &included {
            self.attributes(logical);
            if row.own {
                let spec = self.spec(logical, row);
                specs.insert(logical, spec);
            }
        }
        self.merge(&included, &mut specs);
        self.say_last();
        let document = |(logical, row): &(&'t str, &Type)| {
            let spec = specs.remove(logical)?;
            let key = Key::new(row.kind, self.names.get(logical)?.key.clone());
            let manifest = json!({
                "apiVersion": API_VERSION,
                "kind": key.kind.to_string(),
                "metadata": { "name": key.name },
                "spec": spec,
            });
            let file = PathBuf::from(format!("{}/{}.yaml", row.folder(), key.name));
            Some(Document { key, file, remarks: Vec::new(), manifest })
        };
        included.iter().filter_map(document).collect()
    }

    /// The resources that can be converted and whose condition holds.
    fn included(&mut self) -> Vec<(&'t str, &'static Type)> {
        let template = self.template;
        let mut included = Vec::new();
        for (logical, resource) in template.in_order() {
            let Some(row) = types::find(resource.kind) else { continue };
            let path = path_to(&["Resources", logical]);
            let Some(condition) = resource.entry.get("Condition") else {
                included.push((logical, row));
                continue;
            };
            let name = condition.as_str().unwrap_or_default();
            match self.condition(name, &path.key("Condition")) {
                Some(true) => included.push((logical, row)),
                Some(false) => {
                    self.note(&path.key("Condition"), format!("left out: the condition `{name}` does not hold"), None);
                }
                None => {
                    let message = format!("left out: whether the condition `{name}` holds cannot be told");
                    let hint = "give the parameters that it depends on".to_owned();
                    self.note(&path.key("Condition"), message, Some(hint));
                }
            }
        }
        included
    }

    /// What a resource says beside its properties.
    fn attributes(&mut self, logical: &str) {
        let template = self.template;
        let Some(resource) = template.resources.get(logical) else { return };
        let path = path_to(&["Resources", logical]);
        for name in resource.entry.keys() {
            let path = path.key(name);
            match ATTRIBUTES.iter().find(|(known, _)| known == name) {
                Some((_, None)) => {}
                Some((_, Some(loss))) => self.note_on_key(&path, format!("`{name}` is left out: {loss}"), None),
                None => {
                    let known: Vec<&str> = ATTRIBUTES.iter().map(|(known, _)| *known).collect();
                    let message = format!("a resource has no `{name}`: left out");
                    self.note_on_key(&path, message, Some(suggestion(name, &known)));
                }
            }
        }
        if let Some(needed) = resource.entry.get("DependsOn") {
            self.waits(&path.key("DependsOn"), needed);
        }
    }

    /// References order the work among manifests. What is none must be there before.
    fn waits(&mut self, path: &Path, needed: &Value) {
        let names = Node::new(needed.clone(), path).items();
        let others: Vec<String> = names
            .iter()
            .filter_map(|name| scalar(&name.value))
            .filter_map(|name| Some((self.template.resources.get(name.as_str())?, name)))
            .filter(|(resource, _)| types::find(resource.kind).is_none())
            .map(|(resource, name)| format!("{name} ({})", resource.kind))
            .collect();
        if !others.is_empty() {
            let message = format!("nothing waits for {}, which must be there before", others.join(", "));
            self.note_on_key(path, message, None);
        }
    }

    /// The properties of a resource by the names of the API, but for those that are read one by one.
    pub(super) fn properties(&mut self, logical: &str, row: &Type) -> Map<String, Value> {
        let template = self.template;
        let path = path_to(&["Resources", logical, "Properties"]);
        let written = template.resources.get(logical).and_then(|resource| resource.entry.get("Properties"));
        let mut value = written.cloned().unwrap_or_else(|| json!({}));
        if let Value::Object(properties) = &mut value {
            properties.retain(|name, _| !row.apart.contains(&name.as_str()));
        }
        let root = Path::default().key("spec");
        match self.shaped(row.name, &types::shape_of(row.name), Node::new(value, &path), &root) {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        }
    }

    fn spec(&mut self, logical: &str, row: &Type) -> Map<String, Value> {
        let mut properties = self.properties(logical, row);
        if let Some(tags) = properties.get_mut("tags") {
            *tags = names::tags(tags.take());
        }
        let mut spec = Map::new();
        let named = self.names.get(logical).cloned().unwrap_or_default();
        let path = path_to(&["Resources", logical, "Properties", row.name_property]);
        let name = self.flat(&named.name, &path);
        if let Some(field) = row.kind.row().name_field.filter(|_| name != named.key) {
            spec.insert(field.to_owned(), name.into());
        }
        let policies = properties.shift_remove("policies");
        spec.append(&mut properties);
        if let Some(Value::Array(policies)) = policies {
            let path = path_to(&["Resources", logical, "Properties", "Policies"]);
            for (n, policy) in policies.into_iter().enumerate() {
                self.add_policy(&mut spec, policy, &path.index(n));
            }
        }
        if row.name == types::SERVICE {
            self.check_service(logical, &spec);
        }
        spec
    }

    fn check_service(&mut self, logical: &str, spec: &Map<String, Value>) {
        let path = path_to(&["Resources", logical, "Properties"]);
        if self.property(logical, "ForceNewDeployment").is_some() {
            let message = "`ForceNewDeployment` is left out: a manifest says what is to run, not when to start it";
            self.note_on_key(&path.key("ForceNewDeployment"), message, None);
        }
        let scaled = self.template.resources.values().any(|one| {
            one.kind == "AWS::ApplicationAutoScaling::ScalableTarget"
                && one.entry.get("Properties").and_then(|target| target.get("ServiceNamespace")) == Some(&json!("ecs"))
        });
        if scaled && spec.contains_key("desiredCount") {
            let message = "the template scales services by itself, and a number in the manifest works against that";
            let hint = "leave `desiredCount` out of the manifest of a service that is scaled";
            self.note_on_key(&path.key("DesiredCount"), message, Some(hint.to_owned()));
        }
    }

    fn say_first(&mut self, included: &[(&'t str, &'static Type)]) {
        let resources = path_to(&["Resources"]);
        if included.is_empty() {
            let message = "none of the resources can be converted";
            self.note_on_key(
                &resources,
                message,
                Some("Evenkeel knows those of ECS and IAM roles and policies".to_owned()),
            );
            return;
        }
        let message =
            "while a stack owns these resources (tag aws:cloudformation:stack-name), Evenkeel leaves them alone";
        let hint = "set `DeletionPolicy: Retain` on each of them and update the stack; delete the stack, or take \
                    them out of its template; then apply the manifests with --adopt";
        self.note_on_key(&resources, message, Some(hint.to_owned()));
    }

    fn say_last(&mut self) {
        if self.template.find(&["Transform"]).is_some() {
            let message = "the transforms of the template are not run";
            self.note_on_key(&path_to(&["Transform"]), message, Some(PROCESSED.to_owned()));
        }
        let mut others: BTreeMap<&str, usize> = BTreeMap::new();
        for resource in self.template.resources.values().filter(|resource| types::find(resource.kind).is_none()) {
            *others.entry(resource.kind).or_default() += 1;
        }
        if !others.is_empty() {
            let others: Vec<String> = others.into_iter().map(|(kind, count)| format!("{count} x {kind}")).collect();
            self.note_on_key(&path_to(&["Resources"]), format!("not converted: {}", others.join(", ")), None);
        }
    }
}
