//! The grammar of policy documents.
//!
//! AWS answers with one of a few fixed sentences and does not say where the fault is; so does this.
//! The sentences are (from memory) unless a comment says otherwise. Not checked, because it would
//! take AWS's catalogue: whether an action, a condition key or a service exists.

use serde_json::{Map, Value};

use super::error::malformed;
use crate::sandbox::ApiError;

const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];
const TOP: [&str; 3] = ["Version", "Id", "Statement"];
const ELEMENTS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const OPERATORS: [&str; 27] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

const SYNTAX: &str = "Syntax errors in policy.";

/// Where an identity policy is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Inside a role.
    Inline,
    /// As a policy of its own.
    Managed,
}

/// The size that counts against quotas: characters that are not white space (documented).
pub(super) fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// A document's statements, whether there is one or a list of them.
pub(super) fn statements(document: &Value) -> Vec<&Map<String, Value>> {
    match document.get("Statement") {
        Some(Value::Object(statement)) => vec![statement],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

/// The strings of an element that may hold one or a list of them.
pub(super) fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// `StringEquals` out of `ForAnyValue:StringEqualsIfExists`.
pub(super) fn base_operator(operator: &str) -> &str {
    let bare = operator.strip_prefix("ForAnyValue:").or_else(|| operator.strip_prefix("ForAllValues:"));
    let bare = bare.unwrap_or(operator);
    bare.strip_suffix("IfExists").unwrap_or(bare)
}

/// Checks a policy that grants or denies permissions to the identity it hangs on.
pub(super) fn check_identity(text: &str, kind: Kind) -> Result<(), ApiError> {
    let document: Value = serde_json::from_str(text).map_err(|_| malformed(SYNTAX))?;
    if !well_formed(&document) {
        return Err(malformed(SYNTAX));
    }
    let statements = statements(&document);
    if statements.iter().any(|s| s.contains_key("Principal") || s.contains_key("NotPrincipal")) {
        // As reported in hashicorp/terraform#13449.
        return Err(malformed("Policy document should not specify a principal."));
    }
    // Inline policies may still be of the old version, or name none.
    if kind == Kind::Managed && document.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
        return Err(malformed("Policy document must be version 2012-10-17 or greater."));
    }
    check_sids(&statements)?;
    for statement in &statements {
        let actions = strings(statement.get("Action").or_else(|| statement.get("NotAction")));
        if actions.is_empty() {
            return Err(malformed("Policy statement must contain actions."));
        }
        actions.into_iter().try_for_each(check_action)?;
        let resources = strings(statement.get("Resource").or_else(|| statement.get("NotResource")));
        if resources.is_empty() {
            return Err(malformed("Policy statement must contain resources."));
        }
        resources.into_iter().try_for_each(check_resource)?;
    }
    Ok(())
}

/// The shape that every policy document has: known elements, each holding what it may hold.
pub(super) fn well_formed(document: &Value) -> bool {
    let Some(top) = document.as_object() else { return false };
    let statements = match top.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    top.keys().all(|key| TOP.contains(&key.as_str()))
        && top.get("Version").is_none_or(|v| v.as_str().is_some_and(|v| VERSIONS.contains(&v)))
        && top.get("Id").is_none_or(Value::is_string)
        && !statements.is_empty()
        && statements.into_iter().all(|s| s.as_object().is_some_and(well_formed_statement))
}

fn well_formed_statement(statement: &Map<String, Value>) -> bool {
    let either = |a: &str, b: &str| !(statement.contains_key(a) && statement.contains_key(b));
    let listed = |key: &str| statement.get(key).is_none_or(string_or_strings);
    statement.keys().all(|key| ELEMENTS.contains(&key.as_str()))
        && statement.get("Effect").and_then(Value::as_str).is_some_and(|e| ["Allow", "Deny"].contains(&e))
        && statement.get("Sid").is_none_or(Value::is_string)
        && either("Action", "NotAction")
        && either("Resource", "NotResource")
        && either("Principal", "NotPrincipal")
        && ["Action", "NotAction", "Resource", "NotResource"].into_iter().all(listed)
        && statement.get("Condition").is_none_or(well_formed_condition)
}

fn well_formed_condition(condition: &Value) -> bool {
    let Some(operators) = condition.as_object() else { return false };
    operators.iter().all(|(operator, keys)| {
        let known = OPERATORS.contains(&base_operator(operator));
        known && keys.as_object().is_some_and(|keys| keys.values().all(condition_value))
    })
}

/// Booleans and numbers stand for their strings here.
fn condition_value(value: &Value) -> bool {
    match value {
        Value::String(_) | Value::Bool(_) | Value::Number(_) => true,
        Value::Array(list) => list.iter().all(|v| !v.is_array() && condition_value(v)),
        _ => false,
    }
}

fn string_or_strings(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(list) => list.iter().all(Value::is_string),
        _ => false,
    }
}

fn check_sids(statements: &[&Map<String, Value>]) -> Result<(), ApiError> {
    let mut sids: Vec<&str> = statements.iter().filter_map(|s| s.get("Sid")?.as_str()).collect();
    sids.retain(|sid| !sid.is_empty());
    if !sids.iter().all(|sid| sid.chars().all(|c| c.is_ascii_alphanumeric())) {
        return Err(malformed(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ));
    }
    sids.sort_unstable();
    if sids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
    }
    Ok(())
}

/// `*`, or a service and an action with one colon between them.
pub(super) fn check_action(action: &str) -> Result<(), ApiError> {
    if action == "*" {
        return Ok(());
    }
    let parts: Vec<&str> = action.split(':').collect();
    match parts[..] {
        [_] => Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")),
        [vendor, _] if vendor.is_empty() || !vendor.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)) => {
            Err(malformed(format!("Vendor {vendor} is not valid")))
        }
        [_, _] => Ok(()),
        _ => Err(malformed("Actions/Condition can contain only one colon.")),
    }
}

fn check_resource(resource: &str) -> Result<(), ApiError> {
    if resource == "*" {
        return Ok(());
    }
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, ..] if partition != "*" && !partition.starts_with("aws") => {
            let rest: Vec<&str> = (2..6).map(|n| parts.get(n).copied().unwrap_or("*")).collect();
            Err(malformed(format!(
                "Partition \"{partition}\" is not valid for resource \"arn:{partition}:{}\".",
                rest.join(":")
            )))
        }
        ["arn", _, vendor, region, ..] if vendor == "iam" && !region.is_empty() && region != "*" => {
            Err(malformed(format!("IAM resource {resource} cannot contain region information.")))
        }
        ["arn", _, "", ..] | ["arn"] | ["arn", _] => {
            Err(malformed("Resource vendor must be fully qualified and cannot contain regexes."))
        }
        ["arn", _, _, ..] if parts.len() == 6 || resource.contains('*') => Ok(()),
        ["arn", ..] => Err(malformed("The policy failed legacy parsing")),
        _ => Err(malformed(format!("Resource {resource} must be in ARN format or \"*\"."))),
    }
}
