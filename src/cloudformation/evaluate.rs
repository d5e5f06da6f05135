//! CloudFormation's functions, worked out one at a time where their value is needed.

use super::intrinsic::{self, Part};
use super::template::scalar;
use super::{Converter, Node, text, types};
use crate::value::{Path, Value, describe, did_you_mean};

/// The pseudo parameters that manifests understand.
pub(super) const VARIABLES: &[&str] = &["AWS::AccountId", "AWS::Partition", "AWS::Region"];
/// Those that only the stack knows.
const OF_THE_STACK: &[&str] = &["AWS::NotificationARNs", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"];

impl Converter<'_> {
    /// The node with the functions at its top worked out; nothing for `AWS::NoValue`.
    pub(super) fn settle(&mut self, mut node: Node) -> Option<Node> {
        loop {
            let Some((name, argument)) = intrinsic::function(&node.value) else { return Some(node) };
            let below = node.path.key(name);
            match name {
                "Ref" if argument == "AWS::NoValue" => return None,
                "Fn::If" => node = self.branch(&node.path, argument, &below)?,
                _ => {
                    let value = self.call(name, argument, &node.path, &below);
                    return Some(Node { value, path: node.path });
                }
            }
        }
    }

    /// The branch of `Fn::If` that holds.
    fn branch(&mut self, path: &Path, argument: &Value, below: &Path) -> Option<Node> {
        let Some([Value::String(name), holds, fails]) = intrinsic::at_least::<3>(argument) else {
            let what = "the value of this Fn::If";
            let message = "Fn::If takes a condition and two values";
            return Some(Node::new(self.unclear(path, what, message, None), path));
        };
        match self.condition(name, path) {
            Some(true) => Some(Node::new(holds.clone(), &below.index(1))),
            Some(false) => Some(Node::new(fails.clone(), &below.index(2))),
            None => {
                let what = format!("the value that depends on the condition {name}");
                if self.template.find(&["Conditions", name]).is_none() {
                    return Some(Node::new(text::missing(&what), path));
                }
                let message = format!("whether the condition `{name}` holds cannot be told");
                let hint = "give the parameters that it depends on";
                Some(Node::new(self.unclear(path, &what, message, Some(hint)), path))
            }
        }
    }

    fn call(&mut self, name: &str, argument: &Value, path: &Path, below: &Path) -> Value {
        match name {
            "Ref" => match argument {
                Value::String(name) => self.reference(path, name),
                other => self.misused(path, "Ref", "a name", other),
            },
            "Fn::GetAtt" => match intrinsic::attribute(argument) {
                Some((logical, attribute)) => self.attribute(path, logical, attribute).into(),
                None => self.misused(path, name, "a resource and an attribute", argument),
            },
            "Fn::Sub" => self.substitute(argument, path, below),
            "Fn::Join" => self.join(argument, path, below),
            "Fn::Select" => self.select(argument, path, below),
            "Fn::Split" => self.split(argument, path, below),
            "Fn::FindInMap" => self.find_in_map(argument, path, below),
            "Fn::ImportValue" => {
                let export = self.text(Node::new(argument.clone(), below));
                let export = export.filter(|export| text::is_plain(export));
                match export {
                    Some(export) => self.asked(path, &export, &format!("the exported value {export}")).into(),
                    None => {
                        let message = "the name of the exported value is not known";
                        self.unclear(path, "the value of an export", message, None).into()
                    }
                }
            }
            other => {
                let message = format!("the function {other} is not worked out here");
                self.unclear(path, &format!("the value of {other}"), message, None).into()
            }
        }
    }

    fn misused(&mut self, path: &Path, name: &str, takes: &str, found: &Value) -> Value {
        let message = format!("{name} takes {takes}, and this is {}", describe(found));
        self.unclear(path, &format!("the value of this {name}"), message, None).into()
    }

    /// What `Ref` gives: the value of a parameter, or the id of a resource.
    fn reference(&mut self, path: &Path, name: &str) -> Value {
        if VARIABLES.contains(&name) {
            return text::variable(name).into();
        }
        if OF_THE_STACK.contains(&name) {
            return self.asked(path, name, name).into();
        }
        if self.template.parameters.contains_key(name) {
            return self.parameter(path, name);
        }
        let Some(resource) = self.template.resources.get(name) else {
            let known = self.template.parameters.keys().chain(self.template.resources.keys());
            let likely = did_you_mean(name, known.copied().chain(VARIABLES.iter().copied()));
            let hint = likely.map(|name| format!("did you mean `{name}`?"));
            let message = format!("there is no parameter or resource `{name}`");
            return self.unclear(path, &format!("the meaning of {name}"), message, hint.as_deref()).into();
        };
        if self.names.contains_key(name) && types::meaning(resource.kind, "").is_some() {
            return text::resource(name, "").into();
        }
        let own_name = types::REF_IS_NAME.iter().find(|(kind, _)| *kind == resource.kind);
        let own_name = own_name.and_then(|(_, property)| self.property(name, property));
        match own_name.filter(|_| !self.given.contains_key(name)).and_then(|name| self.text(name)) {
            Some(text) => text.into(),
            None => self.asked(path, name, &format!("the id of {name} ({})", resource.kind)).into(),
        }
    }

    fn attribute(&mut self, path: &Path, logical: &str, attribute: &str) -> String {
        let Some(resource) = self.template.resources.get(logical) else {
            let likely = did_you_mean(logical, self.template.resources.keys().copied());
            let hint = likely.map(|name| format!("did you mean `{name}`?"));
            let message = format!("there is no resource `{logical}`");
            return self.unclear(path, &format!("the meaning of {logical}"), message, hint.as_deref());
        };
        if self.names.contains_key(logical) && types::meaning(resource.kind, attribute).is_some() {
            return text::resource(logical, attribute);
        }
        self.asked(path, &format!("{logical}.{attribute}"), &format!("{attribute} of {logical} ({})", resource.kind))
    }

    fn parameter(&mut self, path: &Path, name: &str) -> Value {
        let Some(parameter) = self.template.parameters.get(name) else { return Value::Null };
        let trusted = !parameter.no_echo && !parameter.is_stored_elsewhere();
        let default = parameter.default.clone().filter(|_| trusted && !self.given.contains_key(name));
        let text = default.unwrap_or_else(|| {
            let why = match parameter {
                _ if parameter.is_stored_elsewhere() => " (the value itself, not its name in Systems Manager)",
                _ if parameter.no_echo => " (NoEcho: a secret does not belong in a manifest)",
                _ => "",
            };
            self.asked(path, name, &format!("the value of the parameter {name}{why}"))
        });
        match parameter.is_list() {
            true if text::is_plain(&text) => text.split(',').map(str::trim).collect(),
            true => Value::Array(vec![text.into()]),
            false => text.into(),
        }
    }

    fn substitute(&mut self, argument: &Value, path: &Path, below: &Path) -> Value {
        let (written, map) = match argument {
            Value::String(text) => (text.as_str(), None),
            Value::Array(items) => match items.as_slice() {
                [Value::String(text), map] => (text.as_str(), Some(map)),
                _ => return self.misused(path, "Fn::Sub", "a text and a map", argument),
            },
            other => return self.misused(path, "Fn::Sub", "a text", other),
        };
        let map = intrinsic::map_of(map);
        let mut out = String::new();
        for part in intrinsic::parts(written) {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Literal(name) => out.push_str(&format!("${{{name}}}")),
                Part::Variable(name) => out.push_str(&match map.get(name) {
                    Some(value) => {
                        let value = Node::new(value.clone(), &below.index(1).key(name));
                        self.text(value).unwrap_or_default()
                    }
                    None => self.named(path, name),
                }),
            }
        }
        out.into()
    }

    /// What a name in the text of `Fn::Sub` stands for.
    fn named(&mut self, path: &Path, name: &str) -> String {
        if !intrinsic::is_variable(name) {
            let message = format!("`${{{name}}}` is no variable of Fn::Sub");
            let hint = format!("write `${{!{name}}}` if it is to stay as it is");
            return self.unclear(path, &format!("the meaning of {name}"), message, Some(&hint));
        }
        if let Some((logical, attribute)) = name.split_once('.') {
            return self.attribute(path, logical, attribute);
        }
        match self.reference(path, name) {
            Value::String(text) => text,
            other => self.misused_in_text(path, &other),
        }
    }

    fn misused_in_text(&mut self, path: &Path, found: &Value) -> String {
        let message = format!("expected a single value, found {}", describe(found));
        self.unclear(path, "a part of this text", message, None)
    }

    fn join(&mut self, argument: &Value, path: &Path, below: &Path) -> Value {
        let Some([Value::String(between), list]) = intrinsic::at_least::<2>(argument) else {
            return self.misused(path, "Fn::Join", "a delimiter and a list", argument);
        };
        let items = self.list(Node::new(list.clone(), &below.index(1)));
        let texts: Vec<String> = items.into_iter().filter_map(|item| self.text(item)).collect();
        texts.join(between).into()
    }

    fn select(&mut self, argument: &Value, path: &Path, below: &Path) -> Value {
        let Some([index, list]) = intrinsic::at_least::<2>(argument) else {
            return self.misused(path, "Fn::Select", "a number and a list", argument);
        };
        let index = self.text(Node::new(index.clone(), &below.index(0)));
        let items = self.list(Node::new(list.clone(), &below.index(1)));
        let what = "the selected item of a list";
        if let Some(unknown) = items.iter().find(|item| matches!(&item.value, Value::String(text) if is_missing(text)))
        {
            // The list itself is not known, or may have more items than it shows.
            return unknown.value.clone();
        }
        let Some(index) = index.and_then(|index| index.parse::<usize>().ok()) else {
            return self.unclear(path, what, "Fn::Select takes a number and a list", None).into();
        };
        match items.into_iter().nth(index) {
            Some(item) => item.value,
            None => self.unclear(path, what, format!("the list has no item {index}"), None).into(),
        }
    }

    fn split(&mut self, argument: &Value, path: &Path, below: &Path) -> Value {
        let Some([Value::String(at), whole]) = intrinsic::at_least::<2>(argument) else {
            return self.misused(path, "Fn::Split", "a delimiter and a text", argument);
        };
        let whole = self.text(Node::new(whole.clone(), &below.index(1))).unwrap_or_default();
        if is_missing(&whole) {
            return Value::Array(vec![whole.into()]);
        }
        if at.is_empty() || !text::is_plain(&whole) {
            let message = "a text of which parts are not known cannot be split";
            return Value::Array(vec![self.unclear(path, "a part of a text", message, None).into()]);
        }
        whole.split(at.as_str()).collect()
    }

    fn find_in_map(&mut self, argument: &Value, path: &Path, below: &Path) -> Value {
        let Some([map, top, second]) = intrinsic::at_least::<3>(argument) else {
            return self.misused(path, "Fn::FindInMap", "a mapping and two keys", argument);
        };
        let keys = [map, top, second].into_iter().enumerate();
        let keys: Vec<Option<String>> =
            keys.map(|(n, key)| self.known(Node::new(key.clone(), &below.index(n)))).collect();
        let [Some(map), Some(top), Some(second)] = keys.as_slice() else {
            let message = "the keys of Fn::FindInMap are not all known";
            return self.unclear(path, "a value of a mapping", message, None).into();
        };
        let default = argument.get(3).and_then(|options| options.get("DefaultValue"));
        let found = self.template.find(&["Mappings", map, top, second]).or(default);
        match found {
            Some(value) => value.clone(),
            None => {
                let message = format!("the mapping {map} has no value at {top}, {second}");
                self.unclear(path, &format!("a value of the mapping {map}"), message, None).into()
            }
        }
    }

    /// The items of a list, each with its functions worked out.
    pub(super) fn list(&mut self, node: Node) -> Vec<Node> {
        let Some(node) = self.settle(node) else { return Vec::new() };
        node.items().into_iter().filter_map(|item| self.settle(item)).collect()
    }

    /// A single value as a text; nothing for `AWS::NoValue`.
    pub(super) fn text(&mut self, node: Node) -> Option<String> {
        let node = self.settle(node)?;
        Some(match scalar(&node.value) {
            Some(text) => text,
            None => self.misused_in_text(&node.path, &node.value),
        })
    }

    /// A text all of which is known. The account and the region have no value in manifests, but may
    /// be given for the sake of conditions and mappings.
    pub(super) fn known(&mut self, node: Node) -> Option<String> {
        let path = node.path.clone();
        let text = self.text(node)?;
        let mut out = String::new();
        for piece in text::pieces(&text) {
            match piece {
                text::Piece::Text(text) => out.push_str(text),
                text::Piece::Variable(name) => out.push_str(&self.asked(&path, name, name)),
                text::Piece::Resource(..) | text::Piece::Missing(_) => return None,
            }
        }
        text::is_plain(&out).then_some(out)
    }

    /// A property of a resource.
    pub(super) fn property(&self, logical: &str, name: &str) -> Option<Node> {
        let value = self.template.resources.get(logical)?.entry.get("Properties")?.get(name)?;
        Some(Node::new(value.clone(), &super::path_to(&["Resources", logical, "Properties", name])))
    }
}

/// Whether a text is nothing but a value that nobody gave.
fn is_missing(text: &str) -> bool {
    matches!(text::pieces(text).as_slice(), [text::Piece::Missing(_)])
}
