//! How resources are called: in AWS, and as manifests.

use std::collections::BTreeSet;

use super::types::{self, Type};
use super::{Converter, Node, path_to, text};
use crate::model::Kind;
use crate::value::Value;

/// A resource that others can refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// `metadata.name`.
    pub(super) key: String,
    /// The name in AWS, perhaps with parts that are not written out yet.
    pub(super) name: String,
    /// Whether CloudFormation chose the name, so that it cannot be told here.
    pub(super) made_up: bool,
    /// The path of what belongs to IAM.
    pub(super) path: String,
    /// The cluster of a service.
    pub(super) cluster: Option<String>,
}

impl<'t> Converter<'t> {
    /// Names everything that others may refer to.
    pub(super) fn name_all(&mut self, included: &[(&'t str, &'static Type)]) {
        let named: Vec<_> = included.iter().filter(|(_, row)| !row.name_property.is_empty()).collect();
        // All of them first: the name of one may be part of another's.
        self.names.extend(named.iter().map(|(logical, _)| (*logical, Named::default())));
        let mut taken = BTreeSet::new();
        for (logical, row) in named {
            let one = self.named_one(logical, row, &mut taken);
            self.names.insert(logical, one);
        }
    }

    fn named_one(&mut self, logical: &str, row: &Type, taken: &mut BTreeSet<(Kind, String)>) -> Named {
        let written = self.property(logical, row.name_property).and_then(|node| self.text(node));
        let real = self.given.get(logical).map(|id| name_in_id(row, id));
        let made_up = written.is_none() && real.is_none();
        let short = kebab(logical);
        let name = real.or(written).unwrap_or_else(|| short.clone());
        let fit = text::is_plain(&name) && !name.is_empty() && !name.contains(['/', '$']);
        let wished = if fit { &name } else { &short };
        let key = if row.own { free(row.kind, wished, &short, taken) } else { String::new() };
        if made_up {
            let message = format!("the template gives this {} no name, and CloudFormation made one up", row.name);
            let hint = format!(
                "`{name}` stands for it: give the real one by --parameter {logical}=NAME \
                 (aws cloudformation describe-stack-resources lists it)"
            );
            self.note_on_key(&path_to(&["Resources", logical]), message, Some(hint));
        }
        let path = self.property(logical, "Path").and_then(|node| self.text(node)).unwrap_or_else(|| "/".to_owned());
        let cluster = self.property(logical, "Cluster").filter(|_| row.kind == Kind::Service);
        let cluster = cluster.and_then(|node| self.text(node));
        Named { key, name, made_up, path, cluster }
    }

    /// The resource of the template that a text means, by reference or by its name.
    pub(super) fn meant(&self, wanted: &str, text: &str) -> Option<&'t str> {
        let of_type = |logical: &&str| self.template.resources.get(*logical).is_some_and(|one| one.kind == wanted);
        match text::pieces(text).as_slice() {
            [text::Piece::Resource(logical, _)] => {
                self.names.keys().copied().find(|known| known == logical && of_type(known))
            }
            [text::Piece::Text(_)] => {
                let name = text.rsplit('/').next().unwrap_or(text);
                self.names.iter().find(|(known, named)| named.name == name && of_type(known)).map(|(known, _)| *known)
            }
            _ => None,
        }
    }

    /// The texts of a property that is a list.
    pub(super) fn texts(&mut self, logical: &str, property: &str) -> Vec<String> {
        let Some(node) = self.property(logical, property) else { return Vec::new() };
        let items: Vec<Node> = self.list(node);
        items.into_iter().filter_map(|item| self.text(item)).collect()
    }
}

/// A name that no other manifest of the kind has.
fn free(kind: Kind, wished: &str, short: &str, taken: &mut BTreeSet<(Kind, String)>) -> String {
    let numbered = (2_usize..).map(|n| format!("{short}-{n}"));
    let mut names = [wished.to_owned(), short.to_owned()].into_iter().chain(numbered);
    let name = names.find(|name| taken.insert((kind, name.clone())));
    name.unwrap_or_default()
}

/// The name in what CloudFormation calls the physical id: a name or, for some types, an ARN.
fn name_in_id(row: &Type, id: &str) -> String {
    let name = id.rsplit('/').next().unwrap_or(id);
    let name = if row.name == types::TASK_DEFINITION { name.split(':').next().unwrap_or(name) } else { name };
    name.to_owned()
}

/// A logical id in lower case with hyphens: `ECSTaskRole` as `ecs-task-role`.
fn kebab(logical: &str) -> String {
    let letters: Vec<char> = logical.chars().collect();
    let mut out = String::new();
    for (n, c) in letters.iter().enumerate() {
        let after_lower = n > 0 && !letters[n - 1].is_ascii_uppercase();
        let before_lower = letters.get(n + 1).is_some_and(char::is_ascii_lowercase);
        if n > 0 && c.is_ascii_uppercase() && (after_lower || before_lower) {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The members of a list of keys and values as a map; anything else as it is. So is a list with a
/// variable in a key, as those of a map are not written out, and one with a key that is given twice:
/// `validate` says which.
pub(super) fn tags(list: Value) -> Value {
    let Value::Array(items) = &list else { return list };
    let entry = |item: &Value| Some((item.get("key")?.as_str()?.to_owned(), item.get("value")?.clone()));
    let entries: Option<Vec<(String, Value)>> = items.iter().map(entry).collect();
    let Some(entries) = entries else { return list };
    let keys: BTreeSet<&String> = entries.iter().map(|(key, _)| key).collect();
    if keys.len() < entries.len() || keys.iter().any(|key| key.contains("${")) {
        return list;
    }
    Value::Object(entries.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn logical_ids_become_names_with_hyphens() {
        for (logical, name) in [
            ("ECSTaskExecutionRole", "ecs-task-execution-role"),
            ("WebService", "web-service"),
            ("Role2", "role2"),
            ("web", "web"),
            ("EC2Role", "ec2-role"),
        ] {
            assert_eq!(kebab(logical), name);
        }
    }

    #[test]
    fn a_name_that_is_taken_gives_way_to_the_logical_id() {
        let mut taken = BTreeSet::new();
        let mut next = |wished: &str| free(Kind::Service, wished, "web-service", &mut taken);
        assert_eq!([next("web"), next("web"), next("web")], ["web", "web-service", "web-service-2"]);
    }

    #[test]
    fn tags_become_a_map_unless_one_is_given_twice() {
        assert_eq!(tags(json!([{"key": "a", "value": "b"}])), json!({"a": "b"}));
        let twice = json!([{"key": "a", "value": "b"}, {"key": "a", "value": "c"}]);
        assert_eq!(tags(twice.clone()), twice);
    }
}
