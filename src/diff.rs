//! What of a declared document is not so in the live one, path by path.
//!
//! Only what is declared is looked at: a member that the manifest does not name is never a
//! difference. A declared list is declared whole.

use crate::fields::{self, Form, below};
use crate::model::{Change, Kind};
use crate::value::{Path, Value};

/// The differences, in the order in which the manifest names the fields.
#[must_use]
pub fn diff(kind: Kind, desired: &Value, live: &Value) -> Vec<Change> {
    let mut differ = Differ { kind, changes: Vec::new() };
    differ.compare(&Path::default(), "", desired, Some(live));
    differ.changes
}

struct Differ {
    kind: Kind,
    changes: Vec<Change>,
}

impl Differ {
    fn compare(&mut self, path: &Path, pattern: &str, desired: &Value, live: Option<&Value>) {
        let form = fields::form(self.kind, pattern);
        let default = fields::default(self.kind, pattern);
        let live = live.filter(|value| !value.is_null()).or(default.as_ref());
        match (form, desired, live) {
            (_, desired, None) if fields::is_empty(desired) => {}
            (Form::Policy, ..) => self.scalar(path, pattern, form, desired, live),
            (_, Value::Object(map), Some(Value::Object(_)) | None) => {
                for (key, value) in map {
                    let below = fields::member(self.kind, pattern, key);
                    let live = live.and_then(|live| live.get(key));
                    self.compare(&path.key(key), &below, value, live);
                }
            }
            (Form::Keyed(keys), Value::Array(desired), live) => {
                let live = live.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                self.keyed(path, pattern, keys, desired, live);
            }
            (Form::Set, Value::Array(wanted), _) => {
                let there = live.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let missing = wanted.iter().any(|item| !self.contains(pattern, there, item));
                let extra = there.iter().any(|item| !wanted.iter().any(|wanted| self.same(pattern, wanted, item)));
                if missing || extra {
                    self.change(path, pattern, live, Some(desired));
                }
            }
            (_, Value::Array(wanted), _) => {
                let there = live.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                if wanted.len() != there.len() {
                    self.change(path, pattern, live, Some(desired));
                } else {
                    for (index, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                        self.compare(&path.index(index), &below(pattern, "*"), wanted, Some(there));
                    }
                }
            }
            _ => self.scalar(path, pattern, form, desired, live),
        }
    }

    fn scalar(&mut self, path: &Path, pattern: &str, form: Form, desired: &Value, live: Option<&Value>) {
        let wanted = fields::scalar(form, desired);
        let there = live.map(|live| fields::scalar(form, live));
        let is_arn = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("arn:"));
        let any = match form {
            Form::Latest => wanted == "LATEST",
            Form::Resolved => !is_arn(&wanted) && there.as_ref().is_some_and(is_arn),
            _ => false,
        };
        if !any && there.as_ref() != Some(&wanted) {
            self.change(path, pattern, live, Some(desired));
        }
    }

    fn keyed(&mut self, path: &Path, pattern: &str, keys: &[&str], desired: &[Value], live: &[Value]) {
        let id = |element: &Value| fields::identity(self.kind, pattern, keys, element);
        let mut left: Vec<(String, &Value)> = live.iter().map(|element| (id(element), element)).collect();
        let wanted: Vec<(String, &Value)> = desired.iter().map(|element| (id(element), element)).collect();
        for (name, element) in wanted {
            let path = path.named(&name);
            match left.iter().position(|(other, _)| *other == name) {
                Some(at) => {
                    let (_, live) = left.remove(at);
                    self.compare(&path, &below(pattern, "*"), element, Some(live));
                }
                None => self.change(&path, pattern, None, Some(element)),
            }
        }
        for (name, element) in left {
            self.change(&path.named(name), pattern, Some(element), None);
        }
    }

    /// Whether the list has an element in which everything that `item` declares is so.
    fn contains(&self, pattern: &str, list: &[Value], item: &Value) -> bool {
        list.iter().any(|live| self.same(pattern, item, live))
    }

    fn same(&self, pattern: &str, desired: &Value, live: &Value) -> bool {
        let mut differ = Differ { kind: self.kind, changes: Vec::new() };
        differ.compare(&Path::default(), &below(pattern, "*"), desired, Some(live));
        differ.changes.is_empty()
    }

    fn change(&mut self, path: &Path, pattern: &str, from: Option<&Value>, to: Option<&Value>) {
        self.changes.push(Change {
            path: path.clone(),
            from: from.cloned(),
            to: to.cloned(),
            effect: fields::effect(self.kind, pattern),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: Kind, desired: &Value, live: &Value, expected: &[&str]) {
        let changes: Vec<String> = diff(kind, desired, live)
            .iter()
            .map(|change| {
                let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
                format!("{}: {} → {} ({})", change.path, text(&change.from), text(&change.to), change.effect)
            })
            .collect();
        assert_eq!(changes, expected);
    }

    #[test]
    fn what_is_not_declared_is_no_difference() {
        check(Kind::Service, &json!({}), &json!({ "desiredCount": 3, "brandNewField": { "a": [1] } }), &[]);
    }

    #[test]
    fn an_empty_declared_list_is_an_absent_live_one() {
        check(Kind::Service, &json!({ "loadBalancers": [] }), &json!({}), &[]);
        check(
            Kind::Service,
            &json!({ "loadBalancers": [] }),
            &json!({ "loadBalancers": [{ "targetGroupArn": "tg", "containerName": "web", "containerPort": 80 }] }),
            &[
                r#"loadBalancers[tg/web/80]: {"targetGroupArn":"tg","containerName":"web","containerPort":80} → - (rolls all tasks)"#,
            ],
        );
    }

    #[test]
    fn subnets_are_a_set_and_placement_strategy_is_not() {
        let network =
            |subnets: Value| json!({ "networkConfiguration": { "awsvpcConfiguration": { "subnets": subnets } } });
        check(Kind::Service, &network(json!(["a", "b"])), &network(json!(["b", "a"])), &[]);
        check(
            Kind::Service,
            &network(json!(["a", "c"])),
            &network(json!(["b", "a"])),
            &[r#"networkConfiguration.awsvpcConfiguration.subnets: ["b","a"] → ["a","c"] (rolls all tasks)"#],
        );
        let spread = json!({ "type": "spread", "field": "host" });
        let pack = json!({ "type": "binpack", "field": "memory" });
        check(
            Kind::Service,
            &json!({ "placementStrategy": [spread, pack] }),
            &json!({ "placementStrategy": [{ "type": "spread", "field": "instanceId" }, { "type": "binpack", "field": "MEMORY" }] }),
            &[],
        );
        assert_eq!(
            diff(
                Kind::Service,
                &json!({ "placementStrategy": [pack, spread] }),
                &json!({ "placementStrategy": [spread, pack] })
            )
            .len(),
            4
        );
    }

    #[test]
    fn a_default_that_aws_does_not_echo_is_no_difference() {
        check(
            Kind::Service,
            &json!({ "propagateTags": "NONE", "deploymentController": { "type": "ECS" } }),
            &json!({}),
            &[],
        );
        check(
            Kind::Service,
            &json!({ "propagateTags": "SERVICE" }),
            &json!({}),
            &[r#"propagateTags: "NONE" → "SERVICE" (new tasks only)"#],
        );
    }

    #[test]
    fn policy_documents_are_equal_by_meaning() {
        let one = json!({ "inlinePolicies": { "s3": { "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" } } } });
        let two = json!({ "inlinePolicies": { "s3": { "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": ["s3:getobject"], "Resource": ["*"] }] } } });
        check(Kind::Role, &one, &two, &[]);
    }

    #[test]
    fn a_container_is_matched_by_name() {
        check(
            Kind::TaskDefinition,
            &json!({ "containerDefinitions": [{ "name": "web", "image": "web:2" }] }),
            &json!({ "containerDefinitions": [{ "name": "log", "image": "log:1" }, { "name": "web", "image": "web:1" }] }),
            &[
                r#"containerDefinitions[web].image: "web:1" → "web:2" (no restart)"#,
                r#"containerDefinitions[log]: {"name":"log","image":"log:1"} → - (no restart)"#,
            ],
        );
    }
}
