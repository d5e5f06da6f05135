//! The conditions of a template: true, false, or not to be told.

use super::{Converter, Node, intrinsic, path_to};
use crate::value::{Path, Value, did_you_mean};

impl Converter<'_> {
    /// Whether a condition of the template holds.
    pub(super) fn condition(&mut self, name: &str, asked_at: &Path) -> Option<bool> {
        // Conditions build on each other, and each would be worked out as often as it is named.
        if let Some(decided) = self.decided.get(name) {
            return *decided;
        }
        let Some(value) = self.template.find(&["Conditions", name]) else {
            let known = self.template.find(&["Conditions"]).and_then(Value::as_object);
            let likely = did_you_mean(name, known.into_iter().flat_map(|known| known.keys().map(String::as_str)));
            let hint = likely.map(|name| format!("did you mean `{name}`?"));
            self.note(asked_at, format!("there is no condition `{name}`"), hint);
            return None;
        };
        let path = path_to(&["Conditions", name]);
        if !self.open.insert(name.to_owned()) {
            self.note(&path, "the condition depends on itself", None);
            return None;
        }
        let holds = self.holds(&Node::new(value.clone(), &path));
        self.open.remove(name);
        self.decided.insert(name.to_owned(), holds);
        holds
    }

    fn holds(&mut self, node: &Node) -> Option<bool> {
        let only = node.value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get("Condition"));
        if let Some(Value::String(name)) = only {
            return self.condition(name, &node.path);
        }
        let Some((name, argument)) = intrinsic::function(&node.value) else { return self.strange(&node.path) };
        let argument = Node::new(argument.clone(), &node.path.key(name));
        match name {
            "Fn::Equals" => {
                let Some([_, _]) = intrinsic::at_least::<2>(&argument.value) else { return self.strange(&node.path) };
                let mut sides =
                    argument.items().into_iter().map(|side| self.known(side)).collect::<Vec<_>>().into_iter();
                Some(sides.next()?? == sides.next()??)
            }
            "Fn::Not" => argument.items().first().and_then(|item| self.holds(item)).map(|holds| !holds),
            "Fn::And" => self.all_or_one(&argument, false),
            "Fn::Or" => self.all_or_one(&argument, true),
            _ => self.strange(&node.path),
        }
    }

    /// One item that is `by` decides; otherwise all must be known.
    fn all_or_one(&mut self, items: &Node, by: bool) -> Option<bool> {
        let results: Vec<Option<bool>> = items.items().iter().map(|item| self.holds(item)).collect();
        if results.contains(&Some(by)) {
            return Some(by);
        }
        if results.contains(&None) { None } else { Some(!by) }
    }

    fn strange(&mut self, path: &Path) -> Option<bool> {
        let message = "expected one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition";
        self.note(path, message, None);
        None
    }
}
