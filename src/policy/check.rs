//! What is wrong with a document that somebody wrote, before IAM says so in one terse line.

use std::collections::BTreeSet;

use crate::value::{FAULTS_MAX, Fault, Map, Path, Value};

use super::{DOCUMENT_ELEMENTS, STATEMENT_ELEMENTS, VERSION, VERSION_WHEN_MISSING, member, what};

const PRINCIPAL_KINDS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

/// Without the prefixes `ForAllValues:` and `ForAnyValue:` and the suffix `IfExists`.
const OPERATORS: [&str; 27] = [
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
];

/// What a document is for; IAM asks for different elements in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// Who may assume a role: needs a principal, has no resource.
    Trust,
    /// What a role may do (inline or managed): needs a resource, has no principal.
    Permissions,
}

/// The structural faults of a hand-written document, in the order of the document: all of them, unless
/// there are more than anybody reads.
///
/// References (`{ref: NAME}`) may stand for a resource, a principal and a condition's value. Whether
/// the named actions, resources and principals exist is not looked at.
#[must_use]
pub fn check(document: &Value, kind: DocumentKind) -> Vec<Fault> {
    let mut check = Check { kind, faults: Vec::new(), sids: BTreeSet::new() };
    check.document(document);
    check.faults
}

struct Check<'d> {
    kind: DocumentKind,
    faults: Vec<Fault>,
    sids: BTreeSet<&'d str>,
}

impl<'d> Check<'d> {
    /// Whether there is no need to look any further.
    fn is_over(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }

    fn fault(&mut self, path: &Path, message: impl Into<String>) {
        self.faults.push(Fault { path: path.clone(), key: false, message: message.into(), hint: None });
    }

    fn fault_with_hint(&mut self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Fault { path: path.clone(), key: false, message: message.into(), hint: Some(hint.into()) });
    }

    fn fault_in_name(&mut self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Fault { path: path.clone(), key: true, message: message.into(), hint: Some(hint.into()) });
    }

    fn document(&mut self, document: &'d Value) {
        let Value::Object(members) = document else {
            return self.fault(&Path::default(), format!("a policy document is a map, and this is {}", what(document)));
        };
        self.names(&Path::default(), members, &DOCUMENT_ELEMENTS, "an element of a policy document");
        match member(document, "Version") {
            None => {}
            Some(Value::String(version)) if [VERSION, VERSION_WHEN_MISSING].contains(&version.as_str()) => {}
            Some(other) => self.fault_with_hint(
                &at("Version"),
                format!("{other} is not a version of the policy language"),
                format!("write \"{VERSION}\": it is the language's own version, not yours"),
            ),
        }
        match member(document, "Statement") {
            None => self.fault(&at("Statement"), "is missing: a policy document without a statement does nothing"),
            Some(Value::Array(statements)) if statements.is_empty() => {
                self.fault(&at("Statement"), "has no statements")
            }
            Some(Value::Array(statements)) => {
                for (index, statement) in statements.iter().enumerate() {
                    if self.is_over() {
                        break;
                    }
                    self.statement(&at("Statement").index(index), statement);
                }
            }
            Some(statement @ Value::Object(_)) => self.statement(&at("Statement"), statement),
            Some(other) => self.fault(&at("Statement"), format!("is a list of maps, and this is {}", what(other))),
        }
    }

    /// Unknown names, and known ones that are given twice in different spellings.
    fn names(&mut self, path: &Path, members: &Map<String, Value>, known: &[&str], kind: &str) {
        let mut seen: Vec<&str> = Vec::new();
        for name in members.keys() {
            if self.is_over() {
                break;
            }
            let path = path.key(name);
            if !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                let hint = nearest(name, known).map_or_else(|| format!("known are {}", known.join(", ")), did_you_mean);
                self.fault_in_name(&path, format!("is not {kind}"), hint);
            } else if let Some(other) = seen.iter().find(|other| other.eq_ignore_ascii_case(name)) {
                self.fault_in_name(
                    &path,
                    format!("is given twice: `{other}` and `{name}` are the same to IAM"),
                    "keep one of the two",
                );
            } else {
                seen.push(name);
            }
        }
    }

    fn statement(&mut self, path: &Path, statement: &'d Value) {
        let Value::Object(members) = statement else {
            return self.fault(path, format!("a statement is a map, and this is {}", what(statement)));
        };
        self.names(path, members, &STATEMENT_ELEMENTS, "an element of a statement");
        self.sid(path, statement);
        self.effect(path, statement);
        self.principal(path, statement);
        if let Some((path, actions)) = self.one_of(path, statement, "Action", "NotAction") {
            self.each_text(&path, actions, "an action", false, |text| {
                let name = text.split_once(':');
                let fits = text == "*" || name.is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
                (!fits).then(|| {
                    format!("`{text}` is not an action: those are written `service:Name`, such as `s3:GetObject`")
                })
            });
        }
        self.resource(path, statement);
        if let Some(condition) = member(statement, "Condition") {
            self.condition(&path.key("Condition"), condition);
        }
    }

    fn sid(&mut self, path: &Path, statement: &'d Value) {
        let Some(sid) = member(statement, "Sid") else { return };
        let path = path.key("Sid");
        match sid.as_str() {
            None => self.fault(&path, format!("is text, and this is {}", what(sid))),
            Some(text) if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                let hint = format!("write `{}`", text.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
                self.fault_with_hint(
                    &path,
                    format!("`{text}` holds more than the letters A-Z, a-z and digits that IAM allows"),
                    hint,
                );
            }
            Some(text) if !text.is_empty() && !self.sids.insert(text) => {
                self.fault(
                    &path,
                    format!("`{text}` is the Sid of two statements, and IAM wants them unique in a document"),
                );
            }
            Some(_) => {}
        }
    }

    fn effect(&mut self, path: &Path, statement: &Value) {
        let path = path.key("Effect");
        match member(statement, "Effect") {
            None => self.fault_with_hint(&path, "is missing", "write `Allow` or `Deny`"),
            Some(Value::String(effect)) if effect == "Allow" || effect == "Deny" => {}
            Some(other) => {
                let text = other.as_str().unwrap_or_default();
                let hint =
                    nearest(text, &["Allow", "Deny"]).map_or_else(|| "write `Allow` or `Deny`".into(), did_you_mean);
                self.fault_with_hint(&path, format!("{other} is neither \"Allow\" nor \"Deny\""), hint);
            }
        }
    }

    /// The path and value of that one of two exclusive elements that is there.
    fn one_of(&mut self, path: &Path, statement: &'d Value, name: &str, not_name: &str) -> Option<(Path, &'d Value)> {
        match (member(statement, name), member(statement, not_name)) {
            (Some(value), None) => Some((path.key(name), value)),
            (None, Some(value)) => Some((path.key(not_name), value)),
            (None, None) => {
                // One fault is enough for `Actoin`.
                let meant = |key: &String| nearest(key, &STATEMENT_ELEMENTS).is_some_and(|near| near == name);
                if !statement.as_object().is_some_and(|members| members.keys().take(FAULTS_MAX).any(meant)) {
                    self.fault(path, format!("needs `{name}` or `{not_name}`"));
                }
                None
            }
            (Some(_), Some(_)) => {
                self.fault_with_hint(
                    path,
                    format!("has both `{name}` and `{not_name}`"),
                    "a statement takes one of the two: make two statements",
                );
                None
            }
        }
    }

    fn principal(&mut self, path: &Path, statement: &'d Value) {
        if self.kind == DocumentKind::Permissions {
            return self.forbid(
                path,
                statement,
                ["Principal", "NotPrincipal"],
                "a permissions policy belongs to its role, which is the principal",
            );
        }
        let Some((path, principal)) = self.one_of(path, statement, "Principal", "NotPrincipal") else { return };
        match principal {
            Value::String(everybody) if everybody == "*" => {}
            Value::Object(kinds) if !kinds.is_empty() => {
                for (kind, who) in kinds {
                    if self.is_over() {
                        break;
                    }
                    let path = path.key(kind);
                    if !PRINCIPAL_KINDS.contains(&kind.as_str()) {
                        let hint = nearest(kind, &PRINCIPAL_KINDS)
                            .map_or_else(|| format!("known are {}", PRINCIPAL_KINDS.join(", ")), did_you_mean);
                        self.fault_in_name(&path, "is not a kind of principal", hint);
                    }
                    self.each_text(&path, who, "a principal", true, |_| None);
                }
            }
            _ => self.fault_with_hint(
                &path,
                "is a map from a kind of principal to names, or \"*\"",
                "write `{Service: ecs-tasks.amazonaws.com}` or `{AWS: <ARN or account>}`",
            ),
        }
    }

    fn resource(&mut self, path: &Path, statement: &'d Value) {
        if self.kind == DocumentKind::Trust {
            return self.forbid(
                path,
                statement,
                ["Resource", "NotResource"],
                "a trust policy belongs to its role, which is the resource",
            );
        }
        let Some((path, resources)) = self.one_of(path, statement, "Resource", "NotResource") else { return };
        self.each_text(&path, resources, "a resource", true, |text| {
            // A text that starts with an expansion is known only later.
            let fits = text == "*" || text.starts_with("arn:") || text.starts_with("*:") || text.starts_with("${");
            (!fits).then(|| format!("`{text}` is neither an ARN nor `*`"))
        });
    }

    fn forbid(&mut self, path: &Path, statement: &Value, names: [&str; 2], why: &str) {
        for name in names {
            if member(statement, name).is_some() {
                self.fault_in_name(&path.key(name), format!("does not belong here: {why}"), "take it out");
            }
        }
    }

    /// Checks a text or a list of texts, each with `complaint`.
    fn each_text(
        &mut self,
        path: &Path,
        value: &Value,
        one: &str,
        references: bool,
        complaint: impl Fn(&str) -> Option<String>,
    ) {
        let (items, is_list) = match value {
            Value::Array(items) if items.is_empty() => return self.fault(path, "is an empty list, which IAM refuses"),
            Value::Array(items) => (&items[..], true),
            single => (std::slice::from_ref(single), false),
        };
        for (index, item) in items.iter().enumerate() {
            if self.is_over() {
                break;
            }
            // Most are in order, and a place costs more than the look.
            let place = || if is_list { path.index(index) } else { path.clone() };
            match item {
                Value::String(text) => {
                    if let Some(message) = complaint(text) {
                        self.fault(&place(), message);
                    }
                }
                reference if references && is_reference(reference) => {}
                Value::Number(number) => {
                    self.fault_with_hint(
                        &place(),
                        format!("{one} is text, and this is a number"),
                        format!("quote it: \"{number}\""),
                    );
                }
                other => self.fault(&place(), format!("{one} is text, and this is {}", what(other))),
            }
        }
    }

    fn condition(&mut self, path: &Path, condition: &Value) {
        let Value::Object(operators) = condition else {
            return self
                .fault(path, format!("is a map from operators to condition keys, and this is {}", what(condition)));
        };
        for (operator, keys) in operators {
            if self.is_over() {
                break;
            }
            let path = path.key(operator);
            self.operator(&path, operator);
            let Value::Object(keys) = keys else {
                self.fault(&path, format!("is a map from condition keys to values, and this is {}", what(keys)));
                continue;
            };
            for (key, values) in keys {
                let plain = |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
                let single = |value: &Value| plain(value) || is_reference(value);
                let fits = single(values) || values.as_array().is_some_and(|values| values.iter().all(single));
                if !fits && !self.is_over() {
                    self.fault(&path.key(key), "takes text, a number, a boolean, or a list of these");
                }
            }
        }
    }

    fn operator(&mut self, path: &Path, operator: &str) {
        let (prefix, rest) = match operator.split_once(':') {
            Some((prefix @ ("ForAllValues" | "ForAnyValue"), rest)) => (Some(prefix), rest),
            _ => (None, operator),
        };
        let base = rest.strip_suffix("IfExists").unwrap_or(rest);
        if OPERATORS.contains(&base) && !(base == "Null" && base != rest) {
            return;
        }
        let suggestion = nearest(base, &OPERATORS).map(|base| {
            let suffix = if rest.ends_with("IfExists") && base != "Null" { "IfExists" } else { "" };
            prefix.map_or_else(|| format!("{base}{suffix}"), |prefix| format!("{prefix}:{base}{suffix}"))
        });
        let hint = suggestion.map_or_else(
            || "the usual ones are StringEquals, StringLike, ArnLike and Bool".into(),
            |name| did_you_mean(&name),
        );
        self.fault_in_name(path, "is not a condition operator", hint);
    }
}

fn is_reference(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.len() == 1 && members.contains_key("ref"))
}

fn at(element: &str) -> Path {
    Path::default().key(element)
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// The known name that is spelled most like this one, if any is close.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.len() > 64 {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let distance = |known: &str| strsim::osa_distance(&name, &known.to_ascii_lowercase());
    known.iter().copied().min_by_key(|known| distance(known)).filter(|known| distance(known) <= 1 + known.len() / 4)
}
