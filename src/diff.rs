//! What of a declared document is not so in the live one, path by path.
//!
//! Only what is declared is looked at: a member that the manifest does not name is never a
//! difference. A declared list is declared whole.

use std::collections::BTreeSet;

use crate::fields::{self, Form, below};
use crate::model::{Change, Kind};
use crate::value::{Path, Value};

/// The differences, in the order in which the manifest names the fields.
#[must_use]
pub fn diff(kind: Kind, desired: &Value, live: &Value) -> Vec<Change> {
    let mut differ = Differ { kind, live, changes: Vec::new() };
    differ.compare(&Path::default(), "", desired, Some(live));
    differ.changes
}

struct Differ<'a> {
    kind: Kind,
    /// The whole live document: what an absent field is taken for may depend on it.
    live: &'a Value,
    changes: Vec<Change>,
}

impl Differ<'_> {
    fn compare(&mut self, path: &Path, pattern: &str, desired: &Value, live: Option<&Value>) {
        let form = fields::form(self.kind, pattern);
        // An empty list is an absent one.
        let nothing = fields::is_empty(desired) && live.is_none_or(fields::is_empty);
        match (form, desired, live) {
            (Form::Echo | Form::Apart, ..) | (_, Value::Null, _) => {}
            (Form::Telling, Value::Object(_), None) => self.change(path, pattern, live, Some(desired)),
            (Form::Policy, ..) if !nothing => self.scalar(path, pattern, form, desired, live),
            (_, Value::Object(_), Some(Value::Object(_)) | None) => self.members(path, pattern, desired, live),
            _ if nothing => {}
            (Form::Keyed(keys), Value::Array(desired), _) => self.keyed(path, pattern, keys, desired, list(live)),
            (Form::Set, Value::Array(wanted), _) => {
                let there = list(live);
                let missing = wanted.iter().any(|item| !there.iter().any(|live| self.same(pattern, item, live)));
                let extra = there.iter().any(|live| !wanted.iter().any(|item| self.same(pattern, item, live)));
                if missing || extra {
                    self.change(path, pattern, live, Some(desired));
                }
            }
            (_, Value::Array(wanted), _) => {
                let there = list(live);
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

    /// The members that are declared, each with what is there in its place.
    fn members(&mut self, path: &Path, pattern: &str, desired: &Value, live: Option<&Value>) {
        let around = live.unwrap_or(&Value::Null);
        for (key, desired) in desired.as_object().into_iter().flatten() {
            let pattern = fields::member(self.kind, pattern, key);
            let absent = fields::absent(self.kind, &pattern, self.live, around);
            let there = around.get(key).filter(|value| !value.is_null()).or(absent.as_ref());
            self.compare(&path.key(key), &pattern, desired, there);
        }
    }

    fn scalar(&mut self, path: &Path, pattern: &str, form: Form, desired: &Value, live: Option<&Value>) {
        let wanted = fields::scalar(form, desired);
        let there = live.map(|live| fields::scalar(form, live));
        let is_arn = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("arn:"));
        let any = match form {
            Form::Latest => wanted == "LATEST",
            Form::Resolved => wanted != "" && !is_arn(&wanted) && there.as_ref().is_some_and(is_arn),
            _ => false,
        };
        if !any && there.as_ref() != Some(&wanted) {
            self.change(path, pattern, live, Some(desired));
        }
    }

    /// Elements of one identity are told apart by the rest of what they say: each declared one is
    /// paired with the live one that is most like it.
    fn keyed(&mut self, path: &Path, pattern: &str, keys: &[&str], desired: &[Value], live: &[Value]) {
        let named = |element: &Value| fields::identity(self.kind, pattern, keys, element);
        let wanted: Vec<(String, &Value)> = desired.iter().map(|element| (named(element), element)).collect();
        let mut left: Vec<(String, &Value)> = live.iter().map(|element| (named(element), element)).collect();
        let mut pairs: Vec<Option<&Value>> = vec![None; wanted.len()];
        let unique = all_differ(&wanted) && all_differ(&left);
        for least in if unique { Likeness::ANY } else { Likeness::ALL } {
            for ((name, element), pair) in wanted.iter().zip(&mut pairs).filter(|(_, pair)| pair.is_none()) {
                let like = |live| *least == Likeness::None || self.likeness(pattern, element, live) >= *least;
                let at = left.iter().position(|(other, live)| other == name && like(live));
                *pair = at.map(|at| left.remove(at).1);
            }
        }
        for ((name, element), pair) in wanted.into_iter().zip(pairs) {
            let path = path.named(&name);
            match pair {
                Some(live) => self.compare(&path, &below(pattern, "*"), element, Some(live)),
                None => self.change(&path, pattern, None, Some(element)),
            }
        }
        for (name, element) in left {
            self.change(&path.named(name), pattern, Some(element), None);
        }
    }

    fn likeness(&self, pattern: &str, desired: &Value, live: &Value) -> Likeness {
        match (self.same(pattern, desired, live), self.same(pattern, live, desired)) {
            (true, true) => Likeness::Equal,
            (true, false) => Likeness::AsDeclared,
            (false, _) => Likeness::None,
        }
    }

    /// Whether everything that an element declares is so in another one.
    fn same(&self, pattern: &str, desired: &Value, live: &Value) -> bool {
        let mut differ = Differ { kind: self.kind, live: self.live, changes: Vec::new() };
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

/// How much of what an element declares another one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    None,
    AsDeclared,
    Equal,
}

impl Likeness {
    const ALL: &[Self] = &[Self::Equal, Self::AsDeclared, Self::None];
    const ANY: &[Self] = &[Self::None];
}

fn all_differ(named: &[(String, &Value)]) -> bool {
    named.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len() == named.len()
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
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
