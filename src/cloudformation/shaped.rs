//! Properties in the form of the API: the names of members and the types of values by the shape,
//! whatever way the template writes them. Keys that a team chooses stay as they are.

use super::types::RENAMED;
use super::{Converter, Node, text};
use crate::codec::shape::Shape;
use crate::value::{Map, Path, Value, describe, did_you_mean};

impl Converter<'_> {
    /// The value at `target` in the manifest; nothing for `AWS::NoValue`. `kind` is the resource type.
    pub(super) fn shaped(&mut self, kind: &str, shape: &Shape, node: Node, target: &Path) -> Option<Value> {
        let node = self.settle(node)?;
        match (shape, &node.value) {
            (_, Value::Null) => {
                self.note(&node.path, "CloudFormation takes no empty values", None);
                None
            }
            (Shape::Structure { members, .. }, Value::Object(map)) => {
                Some(self.structure(kind, members, Node::members(map, &node.path), target).into())
            }
            (Shape::List(inner), Value::Array(_)) => {
                let items = node.items().into_iter();
                let items = items.filter_map(|item| self.settle(item)).collect::<Vec<_>>().into_iter().enumerate();
                Some(items.filter_map(|(n, item)| self.shaped(kind, inner, item, &target.index(n))).collect())
            }
            // The value of a list that nobody gave.
            (Shape::List(inner), Value::String(text)) if !text::is_plain(text) => {
                Some(Value::Array(vec![self.shaped(kind, inner, node, &target.index(0))?]))
            }
            (Shape::Map(inner), Value::Object(map)) => {
                let entries = Node::members(map, &node.path).into_iter();
                let entries = entries
                    .filter_map(|(key, value)| Some((key.clone(), self.shaped(kind, inner, value, &target.key(key))?)));
                Some(Value::Object(entries.collect()))
            }
            (Shape::Document, _) => self.document(node, target),
            (_, Value::String(text)) if !text::is_plain(text) => Some(self.rendered(text, &node.path, target)),
            _ => self.scalar(shape, node, target),
        }
    }

    fn structure(
        &mut self,
        kind: &str,
        members: &[(String, Shape, bool)],
        properties: Vec<(String, Node)>,
        target: &Path,
    ) -> Map<String, Value> {
        let mut out = Map::new();
        for (property, node) in properties {
            let renamed = RENAMED.iter().find(|(of, name, member)| {
                *of == kind && *name == property && members.iter().any(|(known, ..)| known == member)
            });
            let wanted = renamed.map_or(property.as_str(), |(.., member)| *member);
            let Some((member, shape, _)) = members.iter().find(|(name, ..)| name.eq_ignore_ascii_case(wanted)) else {
                let likely = did_you_mean(&property, members.iter().map(|(name, ..)| name.as_str()));
                let hint = likely.map(|name| format!("did you mean `{name}`, by its name in the API?"));
                self.note_on_key(&node.path, format!("the API knows no `{property}` here: left out"), hint);
                continue;
            };
            let path = node.path.clone();
            if let Some(value) = self.shaped(kind, shape, node, &target.key(member))
                && out.insert(member.clone(), value).is_some()
            {
                self.note_on_key(&path, format!("`{property}` is given twice"), None);
            }
        }
        out
    }

    /// A tree whose keys and types are its own, such as a policy document.
    fn document(&mut self, node: Node, target: &Path) -> Option<Value> {
        let node = self.settle(node)?;
        Some(match &node.value {
            Value::String(text) => self.rendered(text, &node.path, target),
            Value::Array(_) => {
                let items = node.items().into_iter().enumerate();
                items.filter_map(|(n, item)| self.document(item, &target.index(n))).collect()
            }
            Value::Object(map) => {
                let entries = Node::members(map, &node.path).into_iter();
                let entries =
                    entries.filter_map(|(key, value)| Some((key.clone(), self.document(value, &target.key(key))?)));
                Value::Object(entries.collect())
            }
            other => other.clone(),
        })
    }

    fn scalar(&mut self, shape: &Shape, node: Node, target: &Path) -> Option<Value> {
        let found = match (shape, &node.value) {
            (Shape::Text(_), Value::String(text)) => return Some(self.rendered(text, &node.path, target)),
            (Shape::Text(_), Value::Number(number)) if number.is_f64() => {
                let message = format!("the number {number} is to be a text, and what is written may differ from it");
                self.note(&node.path, message, Some("compare, and put it in quotes".to_owned()));
                return Some(number.to_string().into());
            }
            (Shape::Text(_), Value::Bool(_) | Value::Number(_)) => return Some(node.value.to_string().into()),
            (Shape::Integer, Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
            (Shape::Number, Value::String(text)) => text.trim().parse::<f64>().ok().map(Value::from),
            (Shape::Boolean, Value::String(text)) => text.to_ascii_lowercase().parse::<bool>().ok().map(Value::from),
            (Shape::Integer, Value::Number(number)) if number.is_i64() => Some(node.value.clone()),
            (Shape::Number, Value::Number(_)) | (Shape::Boolean, Value::Bool(_)) => Some(node.value.clone()),
            _ => None,
        };
        if found.is_none() {
            let wanted = match shape {
                Shape::Structure { .. } | Shape::Map(_) => "a map",
                Shape::List(_) => "a list",
                Shape::Integer => "a whole number",
                Shape::Number => "a number",
                Shape::Boolean => "true or false",
                Shape::Text(_) | Shape::Document => "a text",
            };
            self.note(&node.path, format!("expected {wanted}, found {}", describe(&node.value)), None);
        }
        // What does not fit is kept, so that the manifest is refused for it, too.
        found.or_else(|| self.document(node, target))
    }
}
