//! Whether a policy statement applies to a call.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document;
use crate::sandbox::ApiError;

/// The context of a call: condition keys in lower case, each with its values.
pub(in crate::sandbox) type Keys = BTreeMap<String, Vec<String>>;

/// What a set of policies says about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Decision {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
}

impl Decision {
    /// The word for it in the answers of the policy simulator.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ExplicitDeny => "explicitDeny",
            Self::ImplicitDeny => "implicitDeny",
        }
    }
}

/// A call to be judged.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    pub(super) keys: &'a Keys,
}

/// Judges a call by all `policies` together, and says which of them made the decision.
pub(super) fn decide<'p>(
    policies: impl IntoIterator<Item = (&'p str, &'p Value)>,
    call: &Call<'_>,
) -> Result<(Decision, Vec<&'p str>), ApiError> {
    let (mut allowing, mut denying) = (Vec::new(), Vec::new());
    for (id, policy) in policies {
        for statement in document::statements(policy) {
            if matches_action(statement, call.action)
                && matches_resource(statement, call.resource)
                && matches_conditions(statement, call.keys)?
            {
                if allows(statement) { &mut allowing } else { &mut denying }.push(id);
            }
        }
    }
    Ok(if !denying.is_empty() {
        (Decision::ExplicitDeny, denying)
    } else if !allowing.is_empty() {
        (Decision::Allowed, allowing)
    } else {
        (Decision::ImplicitDeny, Vec::new())
    })
}

/// Whether the statement's effect is `Allow`.
pub(super) fn allows(statement: &Map<String, Value>) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some("Allow")
}

/// Whether the statement speaks of `action`; case does not matter.
pub(super) fn matches_action(statement: &Map<String, Value>, action: &str) -> bool {
    let action = action.to_lowercase();
    let any = |list: Vec<&str>| list.iter().any(|pattern| glob(&pattern.to_lowercase(), &action));
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(listed), _) => any(document::strings(Some(listed))),
        (None, Some(excluded)) => !any(document::strings(Some(excluded))),
        (None, None) => false,
    }
}

fn matches_resource(statement: &Map<String, Value>, resource: &str) -> bool {
    let any = |list: Vec<&str>| list.iter().any(|pattern| glob(pattern, resource));
    match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(listed), _) => any(document::strings(Some(listed))),
        (None, Some(excluded)) => !any(document::strings(Some(excluded))),
        (None, None) => false,
    }
}

/// Whether every condition of the statement holds.
///
/// # Errors
/// For the operators on dates, IP addresses and binary values, which are not simulated: a guess
/// would pass for a decision.
pub(super) fn matches_conditions(statement: &Map<String, Value>, keys: &Keys) -> Result<bool, ApiError> {
    let Some(Value::Object(operators)) = statement.get("Condition") else { return Ok(true) };
    for (operator, tests) in operators {
        for (key, wanted) in tests.as_object().into_iter().flatten() {
            if !holds(operator, keys.get(&key.to_lowercase()), &texts(wanted))? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn holds(operator: &str, present: Option<&Vec<String>>, wanted: &[String]) -> Result<bool, ApiError> {
    let base = document::base_operator(operator);
    if base == "Null" {
        return Ok(wanted.iter().any(|w| (w == "true") == present.is_none()));
    }
    let (test, negated) = test_of(base).ok_or_else(|| {
        let message = format!("The sandbox does not evaluate the condition operator {operator}");
        ApiError::new("PolicyEvaluation", message).with_status(500)
    })?;
    let Some(values) = present else {
        // An absent key fails a condition, except a negated one, `…IfExists` and `ForAllValues:`.
        return Ok(negated || operator.ends_with("IfExists") || operator.starts_with("ForAllValues:"));
    };
    let one = |value: &String| wanted.iter().any(|w| test(value, w)) != negated;
    Ok(if operator.starts_with("ForAllValues:") { values.iter().all(one) } else { values.iter().any(one) })
}

type Test = fn(&str, &str) -> bool;

fn test_of(base: &str) -> Option<(Test, bool)> {
    Some(match base {
        "StringEquals" => (|value, wanted| value == wanted, false),
        "StringNotEquals" => (|value, wanted| value == wanted, true),
        "StringEqualsIgnoreCase" | "Bool" => (|value, wanted| value.eq_ignore_ascii_case(wanted), false),
        "StringNotEqualsIgnoreCase" => (|value, wanted| value.eq_ignore_ascii_case(wanted), true),
        "StringLike" | "ArnLike" | "ArnEquals" => (|value, wanted| glob(wanted, value), false),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (|value, wanted| glob(wanted, value), true),
        "NumericEquals" => (|value, wanted| number(value) == number(wanted), false),
        "NumericNotEquals" => (|value, wanted| number(value) == number(wanted), true),
        "NumericLessThan" => (|value, wanted| number(value) < number(wanted), false),
        "NumericLessThanEquals" => (|value, wanted| number(value) <= number(wanted), false),
        "NumericGreaterThan" => (|value, wanted| number(value) > number(wanted), false),
        "NumericGreaterThanEquals" => (|value, wanted| number(value) >= number(wanted), false),
        _ => return None,
    })
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

/// Matches `text` against a pattern in which `*` stands for anything and `?` for one character.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    p = star + 1;
                    t = from + 1;
                    retry = Some((star, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
