//! The statements of a resource's policies, as the rules ask for them.

use super::glob;
use crate::model::Kind;
use crate::policy::{items, member};
use crate::resource::{Account, Identity, Resource};
use crate::value::{Path, Value};

/// A text with its place.
#[derive(Debug, Clone)]
pub(super) struct Text<'d> {
    pub(super) path: Path,
    pub(super) text: &'d str,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Statement<'d> {
    /// Where it stands in the manifest.
    pub(super) path: Path,
    value: &'d Value,
    actions: Option<Vec<Action>>,
    not_actions: Option<Vec<Action>>,
}

/// An action of a statement.
#[derive(Debug)]
struct Action {
    /// Its position, where it is one of a list.
    index: Option<usize>,
    /// In lower case.
    pattern: String,
}

/// A permission that a statement gives.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    /// The action, as it is written.
    pub(super) path: Path,
    /// Whether it is for more than what its resources name.
    pub(super) broad: bool,
}

impl<'d> Statement<'d> {
    fn new(path: Path, value: &'d Value) -> Self {
        let actions = |name| {
            let action = |index, item: &Value| Some(Action { index, pattern: item.as_str()?.to_ascii_lowercase() });
            Some(match member(value, name)? {
                Value::Array(items) => {
                    items.iter().enumerate().filter_map(|(index, item)| action(Some(index), item)).collect()
                }
                one => action(None, one).into_iter().collect(),
            })
        };
        Self { path, value, actions: actions("Action"), not_actions: actions("NotAction") }
    }

    /// What is not told to deny, allows.
    pub(super) fn allows(&self) -> bool {
        let effect = member(self.value, "Effect").and_then(Value::as_str);
        !effect.is_some_and(|effect| effect.eq_ignore_ascii_case("Deny"))
    }

    /// An element, under the name that is written.
    pub(super) fn element(&self, name: &str) -> Option<(Path, &'d Value)> {
        let members = self.value.as_object()?;
        let (key, value) = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some((self.path.key(key), value))
    }

    /// The texts of an element that is one or a list of them; `None` where it is not there.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<Text<'d>>> {
        let (path, value) = self.element(name)?;
        Some(texts(&path, value))
    }

    /// The place of what allows an action, given in lower case.
    pub(super) fn names_action(&self, action: &str) -> Option<Path> {
        let fits = |one: &&Action| glob::matches(&one.pattern, action);
        if let Some(actions) = &self.actions {
            let found = actions.iter().find(fits)?;
            let (path, _) = self.element("Action")?;
            return Some(found.index.map_or(path.clone(), |index| path.index(index)));
        }
        let excepted = self.not_actions.as_ref()?;
        if excepted.iter().any(|one| fits(&one)) { None } else { self.element("NotAction").map(|(path, _)| path) }
    }

    /// What it is about. All but something is taken for everything.
    pub(super) fn resources(&self) -> Vec<Text<'d>> {
        match self.texts("Resource") {
            Some(resources) if self.element("NotResource").is_none() => resources,
            _ => {
                let path = self.element("NotResource").map_or_else(|| self.path.clone(), |(path, _)| path);
                vec![Text { path, text: "*" }]
            }
        }
    }

    /// Whether it denies an action on all that a resource means, whatever else is so.
    fn denies(&self, action: &str, resource: &str) -> bool {
        !self.allows()
            && self.element("Condition").is_none()
            && self.names_action(action).is_some()
            && self.texts("Resource").is_some_and(|all| all.iter().any(|one| glob::covers(one.text, resource)))
    }

    /// The values of a condition on a key, from operators that hold only where the key is there and
    /// has one of them.
    pub(super) fn condition(&self, key: &str) -> Vec<&'d str> {
        let Some((_, Value::Object(operators))) = self.element("Condition") else { return Vec::new() };
        let positive = operators.iter().filter(|(operator, _)| {
            let plain = operator.strip_prefix("ForAnyValue:").unwrap_or(operator);
            ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"].contains(&plain)
        });
        let values = positive.filter_map(|(_, keys)| member(keys, key));
        values.flat_map(items).filter_map(Value::as_str).collect()
    }

    /// The keys that it has any condition on.
    pub(super) fn condition_keys(&self) -> Vec<&'d str> {
        let operators = self.element("Condition").and_then(|(_, value)| value.as_object());
        let keys = operators.into_iter().flat_map(|operators| operators.values().filter_map(Value::as_object));
        keys.flat_map(|keys| keys.keys().map(String::as_str)).collect()
    }
}

/// The texts of a value that is one or a list of them.
pub(super) fn texts<'d>(path: &Path, value: &'d Value) -> Vec<Text<'d>> {
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some(Text { path: path.index(index), text: item.as_str()? }))
            .collect(),
        other => other.as_str().map(|text| Text { path: path.clone(), text }).into_iter().collect(),
    }
}

/// The statements of a document that stands at `at`.
pub(super) fn statements<'d>(document: &'d Value, at: &Path) -> Vec<Statement<'d>> {
    let Some(members) = document.as_object() else { return Vec::new() };
    let Some((key, value)) = members.iter().find(|(key, _)| key.eq_ignore_ascii_case("Statement")) else {
        return Vec::new();
    };
    let path = at.key(key);
    match value {
        Value::Array(all) => {
            all.iter().enumerate().map(|(index, value)| Statement::new(path.index(index), value)).collect()
        }
        value => vec![Statement::new(path, value)],
    }
}

/// What a role's inline policies, or a policy's document, say.
#[derive(Debug)]
pub(super) struct Body<'r> {
    pub(super) resource: &'r Resource,
    pub(super) documents: Vec<(Path, &'r Value)>,
    pub(super) statements: Vec<Statement<'r>>,
}

impl<'r> Body<'r> {
    pub(super) fn new(resource: &'r Resource) -> Self {
        let (spec, origin) = (&resource.spec, &resource.origin);
        let documents: Vec<(Path, &Value)> = match resource.key.kind {
            Kind::Policy => spec
                .get("policyDocument")
                .map(|document| (origin.key("policyDocument"), document))
                .into_iter()
                .collect(),
            _ => {
                let policies = spec.get("inlinePolicies").and_then(Value::as_object);
                let at = |name: &String| origin.key("inlinePolicies").key(name);
                policies.into_iter().flatten().map(|(name, document)| (at(name), document)).collect()
            }
        };
        let statements = documents.iter().flat_map(|(path, document)| statements(document, path)).collect();
        Self { resource, documents, statements }
    }

    /// The permissions for an action, given in lower case, that its own denials leave. `own` are the
    /// ARNs of what holds them: to change itself is never narrow.
    pub(super) fn grants(&self, action: &str, own: &[String]) -> Vec<Grant> {
        let mut grants = Vec::new();
        for statement in self.statements.iter().filter(|statement| statement.allows()) {
            let Some(path) = statement.names_action(action) else { continue };
            let denied = |resource: &str| self.statements.iter().any(|other| other.denies(action, resource));
            let resources = statement.resources();
            let texts = resources.iter().map(|one| one.text);
            let left: Vec<&str> = texts.filter(|one| is_of(action, one) && !denied(one)).collect();
            if left.is_empty() {
                continue;
            }
            let own = own.iter().filter(|arn| !denied(arn));
            let broad = left.iter().any(|one| is_broad(action, one))
                || (changes_iam(action) && own.into_iter().any(|arn| left.iter().any(|one| glob::matches(one, arn))));
            grants.push(Grant { path, broad });
        }
        grants
    }
}

/// The ARN of a role or a policy.
pub(super) fn arn(resource: &Resource, account: &Account) -> Option<String> {
    match &resource.identity {
        Identity::Policy { arn } => Some(arn.clone()),
        Identity::Role { name } => {
            let path = resource.spec.get("path").and_then(Value::as_str).unwrap_or("/");
            Some(account.iam_arn(&format!("role{path}{name}")))
        }
        _ => None,
    }
}

/// The last part of an ARN; `None` of what has fewer parts, or starts before the end of them.
pub(super) fn resource_part(arn: &str) -> Option<&str> {
    arn.splitn(6, ':').nth(5)
}

/// Whether a resource is every resource, of all services or of one.
pub(super) fn is_everything(resource: &str) -> bool {
    match resource_part(resource) {
        Some(part) => glob::is_blank(part),
        None => resource.contains(['*', '?']),
    }
}

fn changes_iam(action: &str) -> bool {
    action.starts_with("iam:") && action != "iam:passrole"
}

/// Whether a resource leaves open what is meant. Of IAM's own resources any pattern does: what may
/// change roles below a path can make one there that may do everything. Elsewhere, and for the roles
/// that are passed on, the beginning of a name narrows.
fn is_broad(action: &str, resource: &str) -> bool {
    let Some(part) = resource_part(resource) else { return resource.contains(['*', '?']) };
    if changes_iam(action) {
        return without_variables(part).contains(['*', '?']);
    }
    match part.find(['/', ':']) {
        Some(end) => part[..end].contains(['*', '?']) || part[end + 1..].is_empty() || starts_open(&part[end + 1..]),
        None => part.contains(['*', '?']),
    }
}

fn starts_open(name: &str) -> bool {
    name.starts_with(['*', '?'])
}

/// Whether a resource can be one that an action is for. A role is IAM's, also for STS.
pub(super) fn is_of(action: &str, resource: &str) -> bool {
    let service = match action.split(':').next().unwrap_or_default() {
        "sts" => "iam",
        service => service,
    };
    let mut parts = resource.splitn(6, ':');
    match (parts.nth(2), parts.nth(2)) {
        (Some(of), Some(_)) => glob::matches(&of.to_ascii_lowercase(), service),
        _ => true,
    }
}

/// Without the policy variables that are one user each: `user/${aws:username}`. Others are whatever
/// somebody has in a tag.
fn without_variables(text: &str) -> String {
    text.replace("${aws:username}", "").replace("${aws:userid}", "").replace("${", "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_name_narrows_but_not_for_iam() {
        let function = "arn:aws:lambda:eu-central-1:123456789012:function:";
        for (name, broad) in [("*", true), ("?*", true), ("shop-*", false), ("shop", false), ("", true)] {
            assert_eq!(is_broad("lambda:updatefunctioncode", &format!("{function}{name}")), broad, "{name}");
        }
        let role = "arn:aws:iam::123456789012:role";
        for (name, broad) in
            [("/*", true), ("*", true), ("/shop/*", true), ("/shop", false), ("/${aws:username}", false)]
        {
            assert_eq!(is_broad("iam:putrolepolicy", &format!("{role}{name}")), broad, "{name}");
        }
        assert!(is_of("iam:passrole", "*") && is_of("sts:assumerole", role) && is_of("iam:passrole", "arn:aws:i*:::x"));
        assert!(!is_of("iam:passrole", "arn:aws:s3:::shop/*"));
        assert!(!is_broad("iam:passrole", &format!("{role}/shop-*")));
        for everything in ["*", "arn:*", "arn:aws:iam::*", "*:*", "arn:aws:iam::123456789012:*"] {
            assert!(is_broad("iam:passrole", everything) && is_everything(everything), "{everything}");
        }
    }
}
