//! What documents allow that others do not, by name.
//!
//! Errs on the side of more, for the reasons of [`super::cover`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cover::{Statement, statements, uncovered};
use super::{canonical, items, member};

/// Stands for what no name says.
const ANYTHING: &str = "*";

/// What the new documents together allow and the old ones together do not: actions as they are
/// written and, of trust policies, principals. Wider resources and weaker conditions are the action
/// again, and so is a denial that is taken back. `denying` are those of the new documents that deny
/// something for certain.
#[must_use]
pub fn added(old: &[&Value], new: &[&Value], denying: &[&Value]) -> BTreeSet<String> {
    let (was, is, stays) = (Side::of(old), Side::of(new), Side::of(denying));
    let mut names: BTreeSet<String> = is.allows.iter().flat_map(|one| one.beyond(&was.allows)).collect();
    names.extend(was.denies.iter().flat_map(|one| one.beyond(&stays.denies)));
    // Of what cannot be read, only that it is the same can be told.
    let among = |these: &[Value], those: &[Value]| these.iter().all(|one| those.contains(one));
    if !among(&is.unread, &was.unread) || !among(&was.unread, &stays.unread) {
        names.insert(ANYTHING.to_owned());
    }
    let spellings: BTreeMap<String, &str> = old.iter().chain(new).flat_map(|document| spellings(document)).collect();
    names.into_iter().map(|name| spellings.get(&name).map_or(name.clone(), |written| (*written).to_owned())).collect()
}

/// What documents allow and deny together.
#[derive(Default)]
struct Side {
    allows: Vec<Versioned>,
    denies: Vec<Versioned>,
    /// The documents that have elements which nobody knows.
    unread: Vec<Value>,
}

/// A statement with the version that says whether `${` begins a variable in it.
struct Versioned {
    version: Option<Value>,
    statement: Statement,
}

impl Side {
    fn of(documents: &[&Value]) -> Self {
        let mut side = Self::default();
        for document in documents.iter().map(|document| canonical(document)) {
            let version = document.get("Version").cloned();
            let Some(statements) = statements(&document) else {
                side.unread.push(document);
                continue;
            };
            for statement in statements {
                let list = if statement.denies() { &mut side.denies } else { &mut side.allows };
                list.push(Versioned { version: version.clone(), statement });
            }
        }
        side
    }
}

impl Versioned {
    /// The names of what this statement says and none of the others do.
    fn beyond(&self, others: &[Self]) -> Vec<String> {
        let alike = |other: &&Self| {
            other.version == self.version || !self.statement.has_variables() || !other.statement.has_variables()
        };
        let others: Vec<&Statement> = others.iter().filter(alike).map(|other| &other.statement).collect();
        let Some(actions) = uncovered(&self.statement, &others) else { return Vec::new() };
        let known: BTreeSet<&str> = others.iter().flat_map(|other| other.principals()).collect();
        let strangers: Vec<&str> = self.statement.principals().difference(&known).copied().collect();
        // Besides letting in somebody, it may give more to those who were let in before.
        let rest = if strangers.is_empty() { None } else { self.statement.only_for(&known) };
        let more = match &rest {
            Some(rest) => uncovered(rest, &others).unwrap_or_default(),
            None if strangers.is_empty() => actions,
            None => Vec::new(),
        };
        let names: Vec<String> = strangers.into_iter().chain(more).map(str::to_owned).collect();
        if names.is_empty() { vec![ANYTHING.to_owned()] } else { names }
    }
}

/// The actions of a document as they are written, by their common form.
fn spellings(document: &Value) -> Vec<(String, &str)> {
    let statements = member(document, "Statement").map(items).unwrap_or_default();
    let actions = statements.into_iter().filter_map(|statement| member(statement, "Action")).flat_map(items);
    actions.filter_map(Value::as_str).map(|text| (text.to_ascii_lowercase(), text)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(old: &Value, new: &Value) -> Vec<String> {
        let document = |statements: &Value| json!({ "Version": "2012-10-17", "Statement": statements });
        added(&[&document(old)], &[&document(new)], &[&document(new)]).into_iter().collect()
    }

    fn allow(actions: &[&str], resource: &str) -> Value {
        json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
    }

    #[test]
    fn every_action_that_is_more_is_named_as_it_is_written() {
        let get = allow(&["s3:GetObject"], "a");
        let bound = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "a",
            "Condition": { "StringEquals": { "aws:SourceVpce": "vpce-1" } } });
        let deny = json!({ "Effect": "Deny", "Action": ["s3:Put*", "s3:GetObject"], "Resource": "*" });
        let but = json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" });
        for (old, new, wanted) in [
            (json!([]), json!([]), vec![]),
            (json!([get]), json!([get]), vec![]),
            (json!([get]), json!([]), vec![]),
            (json!([]), json!([allow(&["s3:PutObject", "S3:getobject"], "a")]), vec!["S3:getobject", "s3:PutObject"]),
            (json!([get]), json!([allow(&["s3:PutObject", "s3:GetObject"], "a")]), vec!["s3:PutObject"]),
            (json!([get]), json!([allow(&["s3:GetObject"], "*")]), vec!["s3:GetObject"]),
            (json!([bound]), json!([get]), vec!["s3:GetObject"]),
            (json!([get]), json!([bound]), vec![]),
            (json!([get, deny]), json!([get]), vec!["s3:GetObject", "s3:Put*"]),
            (json!([get]), json!([but]), vec!["*"]),
            (json!([{ "Effect": "Allow", "Surprise": 1 }]), json!([get]), vec!["*", "s3:GetObject"]),
        ] {
            assert_eq!(names(&old, &new), wanted, "{old} {new}");
        }
    }

    #[test]
    fn of_a_trust_policy_the_strangers_are_named() {
        let trust = |who: Value| json!({ "Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole" });
        let (ecs, ec2) = ("ecs-tasks.amazonaws.com", "ec2.amazonaws.com");
        let mut bound = trust(json!({ "Service": ecs }));
        bound["Condition"] = json!({ "StringEquals": { "aws:SourceAccount": "123456789012" } });
        for (old, new, wanted) in [
            (trust(json!({ "Service": ecs })), trust(json!({ "Service": [ecs, ec2] })), vec![ec2]),
            (trust(json!({ "Service": ecs })), trust(json!({ "AWS": "*" })), vec!["*"]),
            (bound.clone(), trust(json!({ "Service": ecs })), vec!["sts:AssumeRole"]),
            (bound, trust(json!({ "Service": [ecs, ec2] })), vec![ec2, "sts:AssumeRole"]),
        ] {
            assert_eq!(names(&old, &new), wanted, "{old} {new}");
        }
    }

    #[test]
    fn documents_count_together_and_variables_by_their_version() {
        let document = |version: &str, statements: Value| json!({ "Version": version, "Statement": statements });
        let (get, put) = (allow(&["s3:GetObject"], "a"), allow(&["s3:PutObject"], "a"));
        let (one, other) = (document("2012-10-17", json!([get])), document("2012-10-17", json!([put])));
        let both = document("2012-10-17", json!([get, put]));
        let names = |old: &[&Value], new: &[&Value]| added(old, new, new).into_iter().collect::<Vec<_>>();
        assert_eq!(names(&[&one, &other], &[&both]), [""; 0]);
        assert_eq!(names(&[&both], &[&one, &other]), [""; 0]);
        assert_eq!(names(&[&document("2008-10-17", json!([get]))], &[&one]), [""; 0]);
        let variable = json!([allow(&["s3:GetObject"], "a${b}")]);
        let (old, new) = (document("2008-10-17", variable.clone()), document("2012-10-17", variable));
        assert_eq!(names(&[&old], &[&new]), ["s3:GetObject"]);
        assert_eq!(names(&[&json!(null)], &[&json!("no document")]), ["*"]);
    }

    #[test]
    fn a_denial_counts_only_where_it_is_certain() {
        let document = |statements: Value| json!({ "Version": "2012-10-17", "Statement": statements });
        let no = document(json!([{ "Effect": "Deny", "Action": "s3:*", "Resource": "*" }]));
        assert_eq!(added(&[&no], &[&no], &[&no]), BTreeSet::new());
        assert_eq!(added(&[&no], &[&no], &[]).into_iter().collect::<Vec<_>>(), ["s3:*"]);
    }
}
