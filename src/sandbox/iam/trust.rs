//! Trust policies: who may assume a role.
//!
//! AWS resolves every role that a trust policy names to that role's unique id when it is written,
//! and back to the ARN when it is read. Once the named role is deleted the id shows through, and a
//! new role of the same name is not the one that was meant (documented).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::malformed;
use super::evaluate::{self, Keys};
use super::{State, document};
use crate::sandbox::{ACCOUNT, ApiError};

/// The endings of the names of AWS services. AWS knows its services by name; a misspelt one passes here.
const SERVICE_DOMAINS: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal"];

/// A trust policy as IAM keeps it.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    document: Value,
    text: String,
    /// The unique ids behind the role ARNs that the document names.
    pins: BTreeMap<String, String>,
}

impl Trust {
    /// Checks a document and resolves its principals.
    pub(super) fn parse(state: &State, text: &str) -> Result<Self, ApiError> {
        let mut document: Value =
            serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
        check(&document)?;
        let mut pins = BTreeMap::new();
        each_principal(&mut document, &mut |kind, principal| {
            let resolved = resolve(state, kind, principal).ok_or_else(|| {
                malformed(format!("Invalid principal in policy: \"{}\":\"{principal}\"", kind.to_uppercase()))
            })?;
            if let Some(role) = state.role_by_arn(&resolved) {
                pins.insert(resolved.clone(), role.id.clone());
            }
            Ok(resolved)
        })?;
        // Compact, whatever the white space it was written with (from memory).
        Ok(Self { text: document.to_string(), document, pins })
    }

    /// The document as it reads now.
    pub(super) fn read(&self, state: &State) -> String {
        let lost = |arn: &str| match self.pins.get(arn) {
            Some(id) if state.role_by_arn(arn).is_none_or(|role| role.id != *id) => Some(id.clone()),
            _ => None,
        };
        if !self.pins.keys().any(|arn| lost(arn).is_some()) {
            return self.text.clone();
        }
        let mut document = self.document.clone();
        let rewrite = &mut |_: &str, arn: &str| Ok(lost(arn).unwrap_or_else(|| arn.to_owned()));
        match each_principal(&mut document, rewrite) {
            Ok(()) => document.to_string(),
            Err(_) => self.text.clone(),
        }
    }

    /// Whether an AWS service may assume the role. Conditions are taken as met: they speak of the
    /// caller's account and task, which are ours.
    pub(super) fn allows_service(&self, service: &str) -> bool {
        let applies = |statement: &Map<String, Value>| {
            evaluate::matches_action(statement, "sts:AssumeRole")
                && document::strings(statement.get("Principal").and_then(|p| p.get("Service"))).contains(&service)
        };
        document::statements(&self.document).into_iter().any(|s| evaluate::allows(s) && applies(s))
    }

    /// Whether one of the principals `callers`, all names of the same caller, may do `action`.
    pub(super) fn allows(&self, callers: &[String], action: &str, keys: &Keys) -> Result<bool, ApiError> {
        let mut allowed = false;
        for statement in document::statements(&self.document) {
            let named = match (statement.get("Principal"), statement.get("NotPrincipal")) {
                (Some(principal), _) => names_one(principal, callers),
                (None, Some(principal)) => !names_one(principal, callers),
                (None, None) => false,
            };
            if named && evaluate::matches_action(statement, action) && evaluate::matches_conditions(statement, keys)? {
                if !evaluate::allows(statement) {
                    return Ok(false);
                }
                allowed = true;
            }
        }
        Ok(allowed)
    }
}

fn names_one(principal: &Value, callers: &[String]) -> bool {
    let named = |name: &&str| *name == "*" || callers.iter().any(|caller| caller == name);
    principal == "*" || document::strings(principal.get("AWS")).iter().any(named)
}

/// Wordings as reported in public issue threads, where there are any; the others are (from memory).
fn check(document: &Value) -> Result<(), ApiError> {
    let statements = document::statements(document);
    if statements.is_empty() {
        return Err(malformed("Missing required field Statement"));
    }
    for statement in &statements {
        let effect = statement.get("Effect").ok_or_else(|| malformed("Missing required field Effect"))?;
        if !matches!(effect.as_str(), Some("Allow" | "Deny")) {
            return Err(malformed(format!("Invalid effect: {}", effect.as_str().unwrap_or_default())));
        }
        if let Some(field) = ["Resource", "NotResource"].into_iter().find(|field| statement.contains_key(*field)) {
            return Err(malformed(format!("Has prohibited field {field}")));
        }
        let principal = statement.get("Principal").or_else(|| statement.get("NotPrincipal"));
        match principal {
            None => return Err(malformed("Missing required field Principal")),
            Some(Value::Object(kinds)) if kinds.values().all(|names| document::strings(Some(names)).is_empty()) => {
                return Err(malformed(
                    "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: The passed in \
                     policy has a statement with no principals!",
                ));
            }
            Some(Value::Object(_)) => {}
            Some(Value::String(all)) if all == "*" => {}
            Some(other) => return Err(malformed(format!("Invalid principal in policy: {other}"))),
        }
        let actions = document::strings(statement.get("Action").or_else(|| statement.get("NotAction")));
        if actions.is_empty() {
            return Err(malformed("Missing required field Action"));
        }
        for action in actions {
            document::check_action(action)?;
            if !action.to_lowercase().starts_with("sts:") {
                return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
            }
        }
    }
    if document::well_formed(document) { Ok(()) } else { Err(malformed("The policy failed legacy parsing")) }
}

/// What a principal is kept as; nothing if there is no such principal.
fn resolve(state: &State, kind: &str, principal: &str) -> Option<String> {
    let known = match kind {
        "AWS" => return resolve_aws(state, principal),
        "Service" => SERVICE_DOMAINS.iter().any(|domain| principal.ends_with(domain)),
        // Identity providers are not simulated: any is taken to exist.
        "Federated" => principal.starts_with("arn:aws") || principal.contains('.'),
        _ => false,
    };
    known.then(|| principal.to_owned())
}

fn resolve_aws(state: &State, principal: &str) -> Option<String> {
    let account_id = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if principal == "*" {
        return Some(principal.to_owned());
    }
    if account_id(principal) {
        // An account written as its number reads back as the ARN of its root (from memory).
        return Some(format!("arn:aws:iam::{principal}:root"));
    }
    if principal.starts_with("AROA") {
        return state.roles.values().find(|role| role.id == principal).map(|role| role.arn.clone());
    }
    let parts: Vec<&str> = principal.splitn(6, ':').collect();
    let known = match parts[..] {
        ["arn", partition, "iam" | "sts", "", account, resource]
            if partition.starts_with("aws") && account_id(account) =>
        {
            match resource.split_once('/') {
                None => resource == "root",
                // What other accounts hold cannot be known here.
                Some(("role" | "user" | "assumed-role" | "federated-user", _)) if account != ACCOUNT => true,
                Some(("role", _)) => state.role_by_arn(principal).is_some(),
                Some(("assumed-role", session)) => {
                    session.split_once('/').is_some_and(|(role, _)| state.role(role).is_some())
                }
                // There are no users in the simulated account.
                Some(_) => false,
            }
        }
        _ => false,
    };
    known.then(|| principal.to_owned())
}

/// Replaces every principal of a document by what `change` makes of it.
fn each_principal(
    document: &mut Value,
    change: &mut dyn FnMut(&str, &str) -> Result<String, ApiError>,
) -> Result<(), ApiError> {
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(list)) => list.iter_mut().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            match statement.get_mut(element) {
                // `*` stands for everybody and needs no kind.
                Some(Value::String(all)) => *all = change("AWS", all)?,
                Some(Value::Object(kinds)) => {
                    for (kind, names) in kinds {
                        match names {
                            Value::String(name) => *name = change(kind, name)?,
                            Value::Array(list) => {
                                for name in list {
                                    *name = Value::String(change(kind, name.as_str().unwrap_or_default())?);
                                }
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}
