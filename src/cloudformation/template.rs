//! The sections of a template, and what keeps a text from being one.

use std::collections::BTreeMap;

use super::{Note, path_to};
use crate::value::{Map, Path, Value, describe, did_you_mean, suggestion};

/// The sections that a template may have (CloudFormation user guide, template anatomy; `Hooks` stands
/// for CodeDeploy's blue/green deployments).
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// Where a template without transforms is to be had.
pub(super) const PROCESSED: &str =
    "convert what they make of it: aws cloudformation get-template --template-stage Processed";

/// One entry of `Resources`.
pub(super) struct Resource<'t> {
    pub(super) kind: &'t str,
    /// Everything that it says, `Type` and `Properties` among it.
    pub(super) entry: &'t Map<String, Value>,
    /// Its place in the template, from 0.
    pub(super) place: usize,
}

/// One entry of `Parameters`.
pub(super) struct Parameter {
    pub(super) kind: String,
    pub(super) default: Option<String>,
    pub(super) allowed: Vec<String>,
    /// Whether it is kept from logs, so that its default is no value to write down either.
    pub(super) no_echo: bool,
}

impl Parameter {
    pub(super) fn is_list(&self) -> bool {
        self.kind == "CommaDelimitedList" || self.kind.contains("List<")
    }

    /// Whether what is given is the name of a parameter of Systems Manager, not the value.
    pub(super) fn is_stored_elsewhere(&self) -> bool {
        self.kind.starts_with("AWS::SSM::Parameter::Value")
    }
}

/// A template whose sections have the right form.
pub(super) struct Template<'t> {
    sections: &'t Map<String, Value>,
    pub(super) parameters: BTreeMap<&'t str, Parameter>,
    pub(super) resources: BTreeMap<&'t str, Resource<'t>>,
}

impl<'t> Template<'t> {
    pub(super) fn read(document: &'t Value) -> Result<Self, Vec<Note>> {
        let mut faults = Vec::new();
        let Value::Object(sections) = document else {
            faults.push(fault(&Path::default(), format!("expected a template, found {}", describe(document)), None));
            return Err(faults);
        };
        if !sections.contains_key("Resources") {
            let likely = did_you_mean("Resources", sections.keys().map(String::as_str));
            let hint = likely.map(|name| format!("is `{name}` meant to be it?"));
            faults.push(fault(&Path::default(), "not a CloudFormation template: it has no `Resources`", hint));
            return Err(faults);
        }
        for name in sections.keys().filter(|name| !SECTIONS.contains(&name.as_str())) {
            let hint = Some(suggestion(name, SECTIONS));
            faults.push(on_key(&path_to(&[name]), format!("unknown section `{name}`"), hint));
        }
        let mut template = Self { sections, parameters: BTreeMap::new(), resources: BTreeMap::new() };
        for (name, entry) in entries(sections, "Parameters", &mut faults) {
            template.parameters.insert(name, parameter(entry));
        }
        for section in ["Mappings", "Conditions"] {
            if let Some(other) = sections.get(section).filter(|section| !section.is_object()) {
                let message = format!("expected a map, found {}", describe(other));
                faults.push(fault(&path_to(&[section]), message, None));
            }
        }
        for (place, (name, entry)) in entries(sections, "Resources", &mut faults).into_iter().enumerate() {
            match entry.get("Type") {
                Some(Value::String(kind)) => {
                    template.resources.insert(name, Resource { kind, entry, place });
                }
                Some(other) => {
                    let path = path_to(&["Resources", name, "Type"]);
                    faults.push(fault(&path, format!("expected a type, found {}", describe(other)), None));
                }
                None => {
                    let hint = suggestion_for_type(entry);
                    faults.push(on_key(&path_to(&["Resources", name]), "the resource has no `Type`", hint));
                }
            }
        }
        if faults.is_empty() { Ok(template) } else { Err(faults) }
    }

    /// What a map of maps says: `Mappings` and `Conditions`.
    pub(super) fn find(&self, path: &[&str]) -> Option<&'t Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.sections.get(*first)?, |value, key| value.get(*key))
    }

    /// The resources in the order of the template.
    pub(super) fn in_order(&self) -> Vec<(&'t str, &Resource<'t>)> {
        let mut resources: Vec<_> = self.resources.iter().map(|(name, resource)| (*name, resource)).collect();
        resources.sort_by_key(|(_, resource)| resource.place);
        resources
    }
}

fn suggestion_for_type(entry: &Map<String, Value>) -> Option<String> {
    let likely = did_you_mean("Type", entry.keys().map(String::as_str));
    likely.map(|name| format!("is `{name}` meant to be it?"))
}

fn fault(path: &Path, message: impl Into<String>, hint: Option<String>) -> Note {
    Note { at: None, path: path.clone(), on_key: false, message: message.into(), hint }
}

fn on_key(path: &Path, message: impl Into<String>, hint: Option<String>) -> Note {
    Note { on_key: true, ..fault(path, message, hint) }
}

/// The entries of a section, each of which is a map.
fn entries<'t>(
    sections: &'t Map<String, Value>,
    section: &str,
    faults: &mut Vec<Note>,
) -> Vec<(&'t str, &'t Map<String, Value>)> {
    let all = match sections.get(section) {
        None => return Vec::new(),
        Some(Value::Object(all)) => all,
        Some(other) => {
            faults.push(fault(&path_to(&[section]), format!("expected a map, found {}", describe(other)), None));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for (name, entry) in all {
        match entry {
            Value::Object(entry) => entries.push((name.as_str(), entry)),
            _ if name.starts_with("Fn::") => {
                let message = format!("the function {name} is not worked out here");
                faults.push(on_key(&path_to(&[section, name]), message, Some(PROCESSED.to_owned())));
            }
            other => {
                let (path, found) = (path_to(&[section, name]), describe(other));
                faults.push(fault(&path, format!("expected a map, found {found}"), None));
            }
        }
    }
    entries
}

fn parameter(entry: &Map<String, Value>) -> Parameter {
    let allowed = entry.get("AllowedValues").and_then(Value::as_array);
    Parameter {
        kind: entry.get("Type").and_then(Value::as_str).unwrap_or("String").to_owned(),
        default: entry.get("Default").and_then(scalar),
        allowed: allowed.into_iter().flatten().filter_map(scalar).collect(),
        no_echo: entry.get("NoEcho").is_some_and(|flag| scalar(flag).is_some_and(|flag| flag == "true")),
    }
}

/// A single value as CloudFormation passes it on: all parameters are texts.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
