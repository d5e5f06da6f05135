//! Whether one document allows all that another does, as far as their texts show.
//!
//! Errs on the side of no: what cannot be told from the texts alone is taken for more. Each statement
//! is looked at by itself, so that two that only together allow what a third does are not seen to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{STATEMENT_ELEMENTS, canonical, glob, items};

/// What becomes of what a document allows when another takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Nothing is allowed that was not before.
    Less,
    /// Something is allowed that was not, and something no more; or it cannot be told.
    Other,
    /// Something is allowed that was not, and all that was.
    More,
}

/// What becomes of what a document allows when another takes its place.
#[must_use]
pub fn turn(old: &Value, new: &Value) -> Turn {
    match (covers(old, new), covers(new, old)) {
        (true, _) => Turn::Less,
        (false, true) => Turn::More,
        (false, false) => Turn::Other,
    }
}

/// Whether all that the second document allows is allowed by the first one.
#[must_use]
pub fn covers(wide: &Value, narrow: &Value) -> bool {
    let (wide, narrow) = (canonical(wide), canonical(narrow));
    if wide == narrow {
        return true;
    }
    let (Some(wides), Some(narrows)) = (statements(&wide), statements(&narrow)) else { return false };
    if !wides.is_empty() && !narrows.is_empty() && !agree(&wide, &narrow) {
        return false;
    }
    let those =
        |all: &[Statement], denies: bool| all.iter().filter(|one| one.denies() == denies).cloned().collect::<Vec<_>>();
    let covered = |these: &[Statement], by: &[Statement]| {
        let by: Vec<&Statement> = by.iter().collect();
        these.iter().all(|one| uncovered(one, &by).is_none())
    };
    // What the first one denies must be denied by the second one, too.
    covered(&those(&narrows, false), &those(&wides, false)) && covered(&those(&wides, true), &those(&narrows, true))
}

/// Whether two canonical documents are read alike: the version says whether `${` begins a variable.
fn agree(one: &Value, other: &Value) -> bool {
    let has_variables = |document: &Value| document.to_string().contains("${");
    one.get("Version") == other.get("Version") || !has_variables(one) || !has_variables(other)
}

/// Longest document that is compared statement by statement, in bytes. IAM takes none of more than
/// 10,240 characters (IAM quotas), and every pair of actions is looked at.
const COMPARED_MAX: usize = 32 * 1024;

/// A statement of a canonical document, of elements that are known.
#[derive(Clone)]
pub(super) struct Statement(Map<String, Value>);

/// The statements of a canonical document, if it is one of known elements and no longer than any that
/// IAM takes.
pub(super) fn statements(document: &Value) -> Option<Vec<Statement>> {
    if document.to_string().len() > COMPARED_MAX {
        return None;
    }
    let all = document.as_object()?.get("Statement").map(items).unwrap_or_default();
    let known = |members: &&Map<String, Value>| members.keys().all(|name| STATEMENT_ELEMENTS.contains(&name.as_str()));
    all.into_iter().map(|one| one.as_object().filter(known).cloned().map(Statement)).collect()
}

impl Statement {
    /// What is not told to deny, allows.
    pub(super) fn denies(&self) -> bool {
        self.0.get("Effect").is_some_and(|effect| effect == "Deny")
    }

    /// The same for those alone of whom something is known already; `None` if it names none of them.
    pub(super) fn only_for(&self, known: &BTreeSet<&str>) -> Option<Self> {
        let mut members = self.0.clone();
        let kinds = members.get_mut("Principal")?.as_object_mut()?;
        for who in kinds.values_mut() {
            let is_known = |one: &&Value| one.as_str().is_some_and(|one| known.contains(one));
            let left: Vec<Value> = items(who).into_iter().filter(is_known).cloned().collect();
            *who = left.into();
        }
        kinds.retain(|_, who| who.as_array().is_some_and(|who| !who.is_empty()));
        (!kinds.is_empty()).then_some(Self(members))
    }

    /// Whether a version makes a difference to it.
    pub(super) fn has_variables(&self) -> bool {
        self.0.values().any(|element| element.to_string().contains("${"))
    }

    /// Whom it names, of whatever kind.
    pub(super) fn principals(&self) -> BTreeSet<&str> {
        let kinds = self.0.get("Principal").and_then(Value::as_object).into_iter().flat_map(Map::values);
        kinds.flat_map(items).filter_map(Value::as_str).collect()
    }
}

/// What of a statement is not covered by others, whose resources, principals and conditions leave it
/// all that it has: its actions, as far as it names any; `None` if all of it is.
pub(super) fn uncovered<'s>(statement: &'s Statement, by: &[&Statement]) -> Option<Vec<&'s str>> {
    let statement = &statement.0;
    let fits = |other: &&Map<String, Value>| {
        element_covers(other, statement, "Resource", "NotResource")
            && principals_cover(other, statement)
            && conditions_cover(other, statement)
    };
    let fitting: Vec<&Map<String, Value>> = by.iter().map(|other| &other.0).filter(fits).collect();
    let Some(mut actions) = texts(statement, "Action") else {
        let covered = fitting.iter().any(|other| element_covers(other, statement, "Action", "NotAction"));
        return (!covered).then(Vec::new);
    };
    let known: Vec<&str> = fitting.iter().filter_map(|other| texts(other, "Action")).flatten().collect();
    actions.retain(|action| !known.iter().any(|known| text_covers(known, action)));
    (!actions.is_empty()).then_some(actions)
}

/// Whether an element, or the one that turns it round, means no less than that of another statement.
fn element_covers(wide: &Map<String, Value>, narrow: &Map<String, Value>, name: &str, not: &str) -> bool {
    if wide.get(name) == narrow.get(name) && wide.get(not) == narrow.get(not) {
        return true;
    }
    let Some(known) = texts(wide, name) else { return false };
    match texts(narrow, name) {
        Some(wanted) => wanted.iter().all(|wanted| known.iter().any(|known| text_covers(known, wanted))),
        None => narrow.contains_key(not) && known.contains(&"*"),
    }
}

fn texts<'d>(statement: &'d Map<String, Value>, name: &str) -> Option<Vec<&'d str>> {
    items(statement.get(name)?).into_iter().map(Value::as_str).collect()
}

/// Whether a pattern covers another. What a policy variable stands for is not known here: one in the
/// wider pattern covers itself only, one in the narrower may be any text.
fn text_covers(wide: &str, narrow: &str) -> bool {
    wide == narrow || !wide.contains("${") && glob::covers(wide, &without_variables(narrow))
}

fn without_variables(text: &str) -> String {
    let mut parts = text.split("${");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('*');
        plain.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    plain
}

fn principals_cover(wide: &Map<String, Value>, narrow: &Map<String, Value>) -> bool {
    if wide.get("NotPrincipal") != narrow.get("NotPrincipal") {
        return false;
    }
    match (wide.get("Principal"), narrow.get("Principal")) {
        (Some(Value::Object(wide)), Some(Value::Object(narrow))) => narrow.iter().all(|(kind, wanted)| {
            let known = wide.get(kind).map(items).unwrap_or_default();
            let everybody = kind == "AWS" && known.iter().any(|one| *one == "*");
            everybody || items(wanted).iter().all(|wanted| known.contains(wanted))
        }),
        (wide, narrow) => wide == narrow,
    }
}

/// Operators that hold where one of the values does (IAM reference, condition operators).
const ANY_OF: &[&str] =
    &["ArnEquals", "ArnLike", "IpAddress", "NumericEquals", "StringEquals", "StringEqualsIgnoreCase", "StringLike"];

/// Whether the narrower statement has every condition of the wider one, for as few values.
fn conditions_cover(wide: &Map<String, Value>, narrow: &Map<String, Value>) -> bool {
    let Some(wide) = wide.get("Condition") else { return true };
    let (Value::Object(wide), Some(Value::Object(narrow))) = (wide, narrow.get("Condition")) else { return false };
    wide.iter().all(|(operator, keys)| match (keys, narrow.get(operator)) {
        (Value::Object(keys), Some(Value::Object(others))) => {
            let fewer = |values: &Value, others: &Value| {
                ANY_OF.contains(&operator.as_str()) && items(others).iter().all(|one| items(values).contains(one))
            };
            keys.iter()
                .all(|(key, values)| others.get(key).is_some_and(|others| values == others || fewer(values, others)))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::added;
    use super::*;

    fn document(statements: &Value) -> Value {
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    fn allow(action: &Value, resource: &Value) -> Value {
        json!({ "Effect": "Allow", "Action": action, "Resource": resource })
    }

    fn with(mut statement: Value, member: &str, value: Value) -> Value {
        statement[member] = value;
        statement
    }

    fn get(resource: &str) -> Value {
        allow(&json!("s3:GetObject"), &json!(resource))
    }

    #[test]
    fn what_a_document_covers_for_certain() {
        let vpce = json!({ "StringEquals": { "aws:SourceVpce": "vpce-1" } });
        let deny = |action: &str| json!({ "Effect": "Deny", "Action": action, "Resource": "*" });
        let trust = |principal: Value| json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
        let less_to_more = [
            (json!([]), json!([get("a")])),
            (json!([get("a/b")]), json!([get("a/*")])),
            (json!(get("a/${aws:username}")), json!([get("a/*")])),
            (json!([get("a")]), json!([allow(&json!(["S3:Get*", "s3:Put*"]), &json!(["b", "a"]))])),
            (
                json!([allow(&json!(["s3:GetObject", "s3:PutObject"]), &json!("a"))]),
                json!([get("*"), allow(&json!("s3:PutObject"), &json!("a"))]),
            ),
            (json!([with(get("a"), "Condition", vpce.clone())]), json!([get("a")])),
            (
                json!([with(get("a"), "Condition", vpce.clone())]),
                json!([with(
                    get("a"),
                    "Condition",
                    json!({ "StringEquals": { "aws:SourceVpce": ["vpce-2", "vpce-1"] } })
                )]),
            ),
            (json!([get("a"), deny("s3:Get*")]), json!([get("a")])),
            (json!([get("a"), deny("s3:*")]), json!([get("a"), deny("s3:Get*")])),
            (
                json!([{ "Effect": "Allow", "NotAction": "iam:*", "Resource": "a" }]),
                json!([allow(&json!("*"), &json!("*"))]),
            ),
            (json!(trust(json!({ "AWS": "arn:aws:iam::1:role/a" }))), json!(trust(json!("*")))),
            (json!(trust(json!({ "Service": "a" }))), json!(trust(json!({ "Service": ["a", "b"] })))),
        ];
        for (less, more) in less_to_more {
            let (less, more) = (document(&less), document(&more));
            assert_eq!((turn(&less, &more), turn(&more, &less)), (Turn::More, Turn::Less), "{less} {more}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_neither_less_nor_more() {
        let condition = |key: &str| json!({ "StringEquals": { key: "x" } });
        let apart = [
            (json!([get("a")]), json!([get("b")])),
            (json!([get("a/${aws:username}")]), json!([get("a/${aws:userid}")])),
            (json!([get("a????????????????b")]), json!([get("a${aws:username}b")])),
            (
                json!([with(get("a"), "Condition", condition("a"))]),
                json!([with(get("a"), "Condition", condition("b"))]),
            ),
            (
                json!([{ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" }]),
                json!([{ "Effect": "Allow", "NotAction": "iam:Pass*", "Resource": "b" }]),
            ),
            (json!([with(get("a"), "Surprise", json!(1))]), json!([get("a")])),
        ];
        for (one, other) in apart {
            let (one, other) = (document(&one), document(&other));
            assert_eq!((turn(&one, &other), turn(&other, &one)), (Turn::Other, Turn::Other), "{one} {other}");
        }
        let old = |resource: &str| json!({ "Version": "2008-10-17", "Statement": [get(resource)] });
        assert_eq!(turn(&old("a${b}"), &document(&json!([get("a${b}")]))), Turn::Other);
        assert_eq!(turn(&old("a"), &document(&json!([get("a")]))), Turn::Less);
        let many: Vec<String> = (0..4000).map(|n| format!("s3:Get{n}")).collect();
        let many = document(&json!([allow(&json!(many), &json!("*"))]));
        assert_eq!(turn(&many, &document(&json!([get("a")]))), Turn::Other);
        assert_eq!(turn(&json!("no document"), &document(&json!([get("a")]))), Turn::Other);
    }

    fn statement() -> impl Strategy<Value = Value> {
        let some = || proptest::collection::vec("[a-z*?]{1,4}", 1..4);
        (any::<bool>(), proptest::collection::vec("[a-c]{1,2}:[A-Za-z*?]{1,4}", 1..4), some(), any::<bool>()).prop_map(
            |(allows, actions, resources, bound)| {
                let effect = if allows { "Allow" } else { "Deny" };
                let statement = json!({ "Effect": effect, "Action": actions, "Resource": resources });
                let condition = json!({ "Bool": { "aws:SecureTransport": true } });
                if bound { with(statement, "Condition", condition) } else { statement }
            },
        )
    }

    proptest! {
        #[test]
        fn a_document_covers_itself_and_a_new_action_is_always_found(
            statements in proptest::collection::vec(statement(), 0..5),
            action in "[x-z]{1,2}:[A-Za-z*]{1,4}",
        ) {
            let old = document(&json!(statements));
            let more = [statements, vec![allow(&json!(action), &json!("*"))]].concat();
            let new = document(&json!(more));
            prop_assert!(covers(&old, &old));
            prop_assert!(!covers(&old, &new));
            prop_assert!(covers(&new, &old));
            prop_assert_eq!(added(&[&old], &[&new], &[&new]).into_iter().collect::<Vec<_>>(), [action]);
            prop_assert_eq!(added(&[&new], &[&old], &[&old]), BTreeSet::new());
        }

        #[test]
        fn what_is_not_covered_has_a_name(
            old in proptest::collection::vec(statement(), 0..5),
            new in proptest::collection::vec(statement(), 0..5),
        ) {
            let (old, new) = (document(&json!(old)), document(&json!(new)));
            prop_assert_eq!(added(&[&old], &[&new], &[&new]).is_empty(), covers(&old, &new));
        }
    }
}
