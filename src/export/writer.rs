//! From what AWS answers to what one would have asked for: only members of the input's shape, without
//! defaults and empty values, in the order of the API.

use crate::codec::shape::Shape;
use crate::fields::{self, Form, below};
use crate::model::Kind;
use crate::value::{Map, Value, sorted};

/// A reference in place of a member's text, if there is to be one.
pub(super) type Refer<'a> = dyn Fn(&str, &str) -> Option<Value> + 'a;

/// Members whose absence means one thing to a new service and another in an answer (ECS API reference,
/// CreateService and UpdateService): they are always said.
const AMBIGUOUS: &[&str] = &["availabilityZoneRebalancing"];

struct Writer<'a> {
    kind: Kind,
    document: &'a Value,
    refer: &'a Refer<'a>,
}

/// The spec of a live document.
pub(super) fn write(kind: Kind, shape: &Shape, live: &Value, refer: &Refer<'_>) -> Map<String, Value> {
    match (Writer { kind, document: live, refer }).value(shape, "", "", live) {
        Value::Object(spec) => spec,
        _ => Map::new(),
    }
}

impl Writer<'_> {
    fn value(&self, shape: &Shape, pattern: &str, member: &str, live: &Value) -> Value {
        match (shape, live) {
            (Shape::Structure { members, .. }, Value::Object(_)) => self.structure(members, pattern, live),
            (Shape::List(inner), Value::Array(items)) => {
                let written = items.iter().map(|item| self.value(inner, &below(pattern, "*"), member, item));
                let mut items: Vec<Value> = written.collect();
                if fields::form(self.kind, pattern) == Form::Set {
                    // As they are written: sets in them have their order by now, whatever the live one was.
                    items.sort_by_key(ToString::to_string);
                }
                items.into()
            }
            // The SDK's maps have an order of their own each time.
            (Shape::Map(inner), Value::Object(live)) => {
                let mut map: Map<String, Value> = live
                    .iter()
                    .map(|(key, value)| (key.clone(), self.value(inner, &below(pattern, "*"), "", value)))
                    .collect();
                map.sort_keys();
                map.into()
            }
            (Shape::Document, live) if matches!(self.kind, Kind::Policy | Kind::Role) => live.clone(),
            (Shape::Document, live) => sorted(live),
            (Shape::Text(_), Value::String(text)) => (self.refer)(member, text).unwrap_or_else(|| live.clone()),
            (_, live) => live.clone(),
        }
    }

    fn structure(&self, members: &[(String, Shape, bool)], pattern: &str, around: &Value) -> Value {
        let written = |name: &str, shape: &Shape| {
            let live = around.get(name)?;
            let below = below(pattern, name);
            let value = self.value(shape, &below, name, live);
            let says_something = !fields::is_empty(&value) && !self.is_default(&below, live, around);
            match (says_something, fields::form(self.kind, &below) == Form::Telling) {
                (true, _) => Some(value),
                (false, true) if !fields::is_empty(live) => Some(live.clone()),
                (false, _) => None,
            }
        };
        let mut spec: Map<String, Value> =
            members.iter().filter_map(|(name, shape, _)| Some((name.clone(), written(name, shape)?))).collect();
        if spec.is_empty() {
            return spec.into();
        }
        // Whoever says one thing has to say what the API requires, default or not.
        let missing = |name: &str| !spec.contains_key(name) && around.get(name).is_some_and(|value| !value.is_null());
        let required: Vec<&String> =
            members.iter().filter(|(name, _, required)| *required && missing(name)).map(|(name, ..)| name).collect();
        if required.is_empty() {
            return spec.into();
        }
        members
            .iter()
            .filter_map(|(name, ..)| {
                let of_api = required.contains(&name).then(|| around.get(name).cloned()).flatten();
                Some((name.clone(), spec.shift_remove(name).or(of_api)?))
            })
            .collect::<Map<_, _>>()
            .into()
    }

    fn is_default(&self, pattern: &str, live: &Value, around: &Value) -> bool {
        if AMBIGUOUS.contains(&pattern) {
            return false;
        }
        let form = fields::form(self.kind, pattern);
        let absent = fields::absent(self.kind, pattern, self.document, around);
        absent.is_some_and(|absent| fields::scalar(form, &absent) == fields::scalar(form, live))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema;

    fn check(kind: Kind, live: &Value, expected: &Value) {
        let spec = write(kind, schema::shape_of(kind), live, &|_, _| None);
        assert_eq!(Value::Object(spec).to_string(), expected.to_string());
    }

    #[test]
    fn answers_defaults_and_empty_values_are_not_written() {
        check(
            Kind::TaskDefinition,
            &json!({
                "revision": 3, "status": "ACTIVE", "volumes": [], "networkMode": "bridge",
                "containerDefinitions": [{
                    "environment": [], "essential": true, "cpu": 0, "image": "web:1", "name": "web",
                    "healthCheck": { "retries": 3, "command": ["CMD", "true"], "interval": 10 },
                }],
                "family": "web",
            }),
            &json!({
                "family": "web",
                "containerDefinitions": [{
                    "name": "web", "image": "web:1", "healthCheck": { "command": ["CMD", "true"], "interval": 10 },
                }],
            }),
        );
    }

    #[test]
    fn what_the_api_requires_is_written_with_what_is_said() {
        let breaker = |enable: bool| {
            let breaker = json!({ "rollback": false, "enable": enable });
            json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": breaker, "maximumPercent": 200 } })
        };
        let written = json!({ "deploymentConfiguration": {
            "deploymentCircuitBreaker": { "enable": true, "rollback": false } } });
        check(Kind::Service, &breaker(true), &written);
        check(Kind::Service, &breaker(false), &json!({}));
    }

    #[test]
    fn what_has_no_default_of_its_own_is_written_whole_or_not_at_all() {
        let criteria = |enable: bool| {
            let criteria =
                json!({ "enable": enable, "healthyPercent": 100, "sourceServiceRevisionCleanup": "BLOCKING" });
            json!({ "deploymentConfiguration": { "earlySuccessCriteria": criteria } })
        };
        check(Kind::Service, &criteria(true), &criteria(true));
        check(Kind::Service, &criteria(false), &json!({}));
    }

    #[test]
    fn what_a_new_service_would_have_otherwise_is_written() {
        let off = json!({ "availabilityZoneRebalancing": "DISABLED" });
        check(Kind::Service, &off, &off);
    }

    #[test]
    fn a_volume_of_docker_stays_one() {
        let volume = json!({ "name": "data", "dockerVolumeConfiguration": { "scope": "task" } });
        check(Kind::TaskDefinition, &json!({ "volumes": [volume] }), &json!({ "volumes": [volume] }));
        let volume = json!({ "name": "data", "host": {} });
        check(Kind::TaskDefinition, &json!({ "volumes": [volume] }), &json!({ "volumes": [{ "name": "data" }] }));
    }
    #[test]
    fn a_set_of_sets_is_in_one_order_whatever_the_orders_inside_were() {
        let hooks = |first: [&str; 2], second: [&str; 2]| {
            let hook = |stages: [&str; 2]| json!({ "targetType": "PAUSE", "lifecycleStages": stages });
            json!({ "deploymentConfiguration": { "lifecycleHooks": [hook(first), hook(second)] } })
        };
        let (pre, reconcile) = (["POST_SCALE_UP", "PRE_SCALE_UP"], ["POST_SCALE_UP", "RECONCILE_SERVICE"]);
        check(Kind::Service, &hooks(["PRE_SCALE_UP", "POST_SCALE_UP"], reconcile), &hooks(pre, reconcile));
        check(Kind::Service, &hooks(reconcile, pre), &hooks(pre, reconcile));
    }
}
