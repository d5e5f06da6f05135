use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A document of one statement that allows `s3:GetObject`, with some elements replaced.
fn document(changes: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            statement.as_object_mut().unwrap().remove(name);
        } else {
            statement[name] = value.clone();
        }
    }
    json!({"Version": VERSION, "Statement": [statement]})
}

#[track_caller]
fn same(a: Value, b: Value) {
    assert!(equal(&a, &b) && equal(&b, &a), "\n{}\n{}", canonical(&a), canonical(&b));
}

#[track_caller]
fn different(a: Value, b: Value) {
    assert!(!equal(&a, &b) && !equal(&b, &a), "both are {}", canonical(&a));
}

#[test]
fn spellings_of_one_statement_mean_the_same() {
    for (a, b) in [
        (json!({"Action": "s3:GetObject"}), json!({"Action": ["s3:GetObject"]})),
        (json!({"Action": ["a:B", "c:D"]}), json!({"Action": ["c:D", "a:B", "c:D"]})),
        (json!({"Action": "S3:getobject"}), json!({})),
        (json!({"NotAction": "A:B", "Action": null}), json!({"NotAction": ["a:b"], "Action": null})),
        (json!({"Resource": ["x", "y"]}), json!({"Resource": ["y", "x", "x"]})),
        (json!({"NotResource": "x", "Resource": null}), json!({"NotResource": ["x"], "Resource": null})),
        (json!({"Effect": "allow"}), json!({"Effect": "Allow"})),
        (json!({"effect": "Allow", "Effect": null}), json!({})),
        (json!({"ACTION": "s3:GetObject", "Action": null}), json!({})),
        (json!({"Principal": "*"}), json!({"Principal": {"AWS": "*"}})),
        (json!({"Principal": "*"}), json!({"Principal": {"AWS": ["*"]}})),
        (
            json!({"Principal": {"AWS": "123456789012"}}),
            json!({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}),
        ),
        (
            json!({"Principal": {"AWS": "123456789012"}}),
            json!({"Principal": {"AWS": ["arn:aws-cn:iam::123456789012:root"]}}),
        ),
        (
            json!({"NotPrincipal": {"AWS": "123456789012"}}),
            json!({"NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}}),
        ),
        (
            json!({"Principal": {"Service": ["a", "b"], "AWS": "*"}}),
            json!({"Principal": {"AWS": "*", "Service": ["b", "a"]}}),
        ),
        (
            json!({"Condition": {"Bool": {"aws:SecureTransport": true}}}),
            json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
        ),
        (json!({"Condition": {"NumericLessThan": {"k": [5]}}}), json!({"Condition": {"NumericLessThan": {"k": "5"}}})),
        (
            json!({"Condition": {"StringEquals": {"k": ["a", "b"]}}}),
            json!({"Condition": {"StringEquals": {"k": ["b", "a", "a"]}}}),
        ),
        (
            json!({"Condition": {"StringEquals": {"aws:ResourceTag/Team": "x"}}}),
            json!({"Condition": {"StringEquals": {"AWS:resourcetag/team": ["x"]}}}),
        ),
    ] {
        same(document(a), document(b));
    }
}

#[test]
fn statements_are_a_set_and_a_single_one_needs_no_list() {
    let (a, b) = (
        json!({"Effect": "Allow", "Action": "a:B", "Resource": "*"}),
        json!({"Effect": "Deny", "Action": "a:C", "Resource": "*"}),
    );
    same(json!({"Statement": [a, b]}), json!({"Statement": [b, a]}));
    same(json!({"Statement": [a, a]}), json!({"Statement": [a]}));
    same(json!({"Statement": a}), json!({"Statement": [a]}));
    different(json!({"Statement": [a, b]}), json!({"Statement": [a]}));
}

#[test]
fn a_missing_version_is_the_old_one_and_not_the_current_one() {
    let statement = document(json!({}))["Statement"].clone();
    same(json!({"Statement": statement}), json!({"Version": "2008-10-17", "Statement": statement}));
    different(json!({"Statement": statement}), json!({"Version": "2012-10-17", "Statement": statement}));
    same(json!({"version": VERSION, "statement": statement}), document(json!({})));
}

#[test]
fn an_absent_document_is_an_empty_one() {
    same(Value::Null, json!({}));
    different(Value::Null, document(json!({})));
}

#[test]
fn what_differs_in_meaning_is_never_equal() {
    for (a, b) in [
        (json!({"Action": "a:B"}), json!({"Action": null, "NotAction": "a:B"})),
        (json!({"Resource": "x"}), json!({"Resource": null, "NotResource": "x"})),
        (json!({"Principal": {"AWS": "x"}}), json!({"NotPrincipal": {"AWS": "x"}})),
        (json!({"Effect": "Allow"}), json!({"Effect": "Deny"})),
        (json!({"Resource": "arn:X"}), json!({"Resource": "arn:x"})),
        (json!({"Action": "*"}), json!({"Action": {"AWS": "*"}})),
        (json!({"Resource": "*"}), json!({"Resource": {"AWS": "*"}})),
        (json!({"NotPrincipal": "*"}), json!({"NotPrincipal": {"AWS": "*"}})),
        (json!({"Principal": {"Service": "*"}}), json!({"Principal": "*"})),
        (
            json!({"Principal": {"AWS": "arn:aws:iam::123456789012:role/root"}}),
            json!({"Principal": {"AWS": "123456789012"}}),
        ),
        (
            json!({"Principal": {"Federated": "arn:aws:iam::123456789012:root"}}),
            json!({"Principal": {"Federated": "123456789012"}}),
        ),
        (
            json!({"Principal": {"AWS": "AROAEXAMPLE1234567890"}}),
            json!({"Principal": {"AWS": "arn:aws:iam::123456789012:role/web"}}),
        ),
        (json!({"Sid": "A"}), json!({"Sid": "B"})),
        (json!({"Sid": "A"}), json!({})),
        (json!({"Condition": {"StringEquals": {"k": "v"}}}), json!({"Condition": {"StringLike": {"k": "v"}}})),
        (
            json!({"Condition": {"StringEquals": {"k": "v"}}}),
            json!({"Condition": {"StringEqualsIfExists": {"k": "v"}}}),
        ),
        (json!({"Condition": {"StringEquals": {"k": "v"}}}), json!({"Condition": {"StringEquals": {"k": "V"}}})),
        (json!({"Condition": {"StringEquals": {"k": "v"}}}), json!({"Condition": {"StringEquals": {"k2": "v"}}})),
        (json!({"Condition": {"StringEquals": {"k": "v"}}}), json!({})),
        (json!({"Condition": {"Bool": {"k": true}}}), json!({"Condition": {"Bool": {"k": "false"}}})),
        (
            json!({"Condition": {"StringEquals": {"K": "a", "k": "b"}}}),
            json!({"Condition": {"StringEquals": {"k": "b"}}}),
        ),
        (json!({"effect": "Deny"}), json!({})),
    ] {
        different(document(a), document(b));
    }
    let with_id = json!({"Version": VERSION, "Id": "x", "Statement": document(json!({}))["Statement"]});
    different(with_id, document(json!({})));
}

#[test]
fn a_document_is_read_from_json_and_from_the_form_in_which_iam_answers() {
    let expected = document(json!({"Resource": "arn:aws:s3:::b/100%+ü/${aws:username}"}));
    let text = to_text(&expected);
    assert_eq!(parse(&text), Ok(expected.clone()));
    let encoded: String = text
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    assert_eq!(parse(&encoded), Ok(expected.clone()));
    assert_eq!(parse(&format!("\n {} \n", encoded.to_lowercase().replace("%24%7baws", "${aws"))).map(|_| ()), Ok(()));
    // A plus sign is a plus sign: this is not a form.
    assert_eq!(parse("%7B%22Id%22:%22a+b%22%7D"), Ok(json!({"Id": "a+b"})));
}

#[test]
fn what_is_no_document_is_refused_with_the_reason() {
    for (text, message) in [
        ("", "the policy document is empty"),
        (" \n", "the policy document is empty"),
        (
            "%7",
            "the policy document is neither JSON nor percent-encoded JSON: `%` at byte 0 is not followed by two hexadecimal digits",
        ),
        (
            "%7B%+1",
            "the policy document is neither JSON nor percent-encoded JSON: `%` at byte 3 is not followed by two hexadecimal digits",
        ),
        (
            "%7B%é",
            "the policy document is neither JSON nor percent-encoded JSON: `%` at byte 3 is not followed by two hexadecimal digits",
        ),
        ("%ff%fe", "the policy document is not UTF-8 text once its percent-encoding is taken off"),
        ("[]", "the policy document is a list, and a policy document is a map"),
        ("Version: x", "the policy document is not valid JSON: expected value at line 1 column 1"),
        ("{} x", "the policy document is not valid JSON: trailing characters at line 1 column 4"),
        (
            r#"{"a": {"b": 1, "b": 2}}"#,
            "the policy document is not valid JSON: the key `b` is given twice at line 1 column 18",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message, "{text:?}");
    }
}

#[test]
fn a_document_is_sent_compactly_and_in_its_own_order() {
    assert_eq!(
        to_text(&json!({"Version": VERSION, "Statement": [], "Id": "x"})),
        r#"{"Version":"2012-10-17","Statement":[],"Id":"x"}"#
    );
}

#[test]
fn principals_that_were_deleted_are_told_apart_from_living_ones() {
    let trust = json!({"Statement": [
        {"Principal": {"AWS": ["AROAEXAMPLE1234567890", "arn:aws:iam::123456789012:role/web", "123456789012"]}},
        {"principal": {"AWS": "AIDAEXAMPLE1234567890"}, "Condition": {"StringLike": {"aws:userid": "AROAOTHER12345678901:*"}}},
        {"NotPrincipal": {"AWS": "AROAEXAMPLE1234567890", "Service": "AROASERVICE1234567890"}},
        {"Principal": "*"},
    ]});
    assert_eq!(orphaned_principals(&trust), ["AIDAEXAMPLE1234567890", "AROAEXAMPLE1234567890"]);
    assert_eq!(orphaned_principals(&json!({"Statement": {"Principal": {"AWS": "AROAEXAMPLE1234567890"}}})).len(), 1);
    for none in [json!({}), Value::Null, json!([1]), json!({"Statement": 5})] {
        assert_eq!(orphaned_principals(&none), Vec::<String>::new());
    }
}

#[test]
fn of_two_documents_the_statements_that_differ_are_told() {
    let read = json!({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"});
    let write = json!({"Effect": "Allow", "Action": "s3:Put*", "Resource": "*"});
    let delete = json!({"Effect": "Deny", "Action": ["s3:Delete*"], "Resource": ["*"]});
    let one = json!({"Version": "2012-10-17", "Statement": [read, write]});
    let other = json!({"Version": "2012-10-17", "Statement": [delete, {"Effect": "Allow", "Action": ["s3:get*"], "Resource": ["*"]}]});
    assert_eq!(statements_apart(&one, &other), Some((vec![&write], vec![&delete])));
    assert_eq!(statements_apart(&one, &one), None);
    assert_eq!(statements_apart(&one, &json!({"Statement": [read]})), None, "the version differs, too");
    assert_eq!(statements_apart(&json!("text"), &one), None);
}

/// Faults as `path: message (hint)`.
fn faults(document: &Value, kind: DocumentKind) -> Vec<String> {
    let line = |fault: &crate::value::Fault| {
        fault.hint.as_ref().map_or_else(|| fault.to_string(), |hint| format!("{fault} ({hint})"))
    };
    check(document, kind).iter().map(line).collect()
}

fn permission_faults(changes: Value) -> Vec<String> {
    faults(&document(changes), DocumentKind::Permissions)
}

fn trust_faults(changes: Value) -> Vec<String> {
    let mut document = document(
        json!({"Resource": null, "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}),
    );
    let statement = document["Statement"][0].as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            statement.remove(name);
        } else {
            statement.insert(name.clone(), value.clone());
        }
    }
    faults(&document, DocumentKind::Trust)
}

#[test]
fn documents_that_iam_takes_have_no_faults() {
    let none: [String; 0] = [];
    for changes in [
        json!({}),
        json!({"Action": "*"}),
        json!({"Action": ["s3:Get*", "ecs:*"], "Resource": ["arn:aws:s3:::b/*", "${AWS::Partition}", "*"]}),
        json!({"Resource": {"ref": "web"}}),
        json!({"Resource": [{"ref": "Role/web"}, "*"]}),
        json!({"Sid": "A1", "NotAction": "a:b", "Action": null, "NotResource": "*", "Resource": null}),
        json!({"Condition": {"ForAnyValue:StringLikeIfExists": {"k": ["a", 1, true]}, "Null": {"k": true}, "DateLessThan": {"k": "x"}}}),
    ] {
        assert_eq!(permission_faults(changes), none);
    }
    for changes in [
        json!({}),
        json!({"Principal": "*"}),
        json!({"Principal": {"AWS": ["123456789012", {"ref": "web"}], "Federated": "x"}}),
        json!({"Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": {"ArnLike": {"aws:SourceArn": ["arn:*", {"ref": "Service/web"}]}}}),
    ] {
        assert_eq!(trust_faults(changes), none);
    }
    assert_eq!(
        faults(&json!({"statement": {"effect": "Deny", "action": "*", "resource": "*"}}), DocumentKind::Permissions),
        none
    );
}

#[test]
fn the_frame_of_a_document_is_checked() {
    let permissions = |document: Value| faults(&document, DocumentKind::Permissions);
    assert_eq!(permissions(json!([])), ["a policy document is a map, and this is a list"]);
    assert_eq!(permissions(json!("{}")), ["a policy document is a map, and this is text"]);
    assert_eq!(permissions(json!({})), ["Statement: is missing: a policy document without a statement does nothing"]);
    assert_eq!(permissions(json!({"Statement": []})), ["Statement: has no statements"]);
    assert_eq!(permissions(json!({"Statement": "x"})), ["Statement: is a list of maps, and this is text"]);
    assert_eq!(permissions(json!({"Statement": [1]})), ["Statement[0]: a statement is a map, and this is a number"]);
    assert_eq!(
        permissions(
            json!({"Version": "2012-10-18", "Statements": [], "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
        ),
        [
            "Statements: is not an element of a policy document (did you mean `Statement`?)",
            "Version: \"2012-10-18\" is not a version of the policy language (write \"2012-10-17\": it is the language's own version, not yours)",
        ]
    );
}

#[test]
fn every_fault_of_a_statement_is_reported_at_once() {
    assert_eq!(
        permission_faults(
            json!({"Efect": "Allow", "Effect": null, "NotAction": "a:b", "Resource": null, "Sid": "a b"})
        ),
        [
            "Statement[0].Efect: is not an element of a statement (did you mean `Effect`?)",
            "Statement[0].Sid: `a b` holds more than the letters A-Z, a-z and digits that IAM allows (write `ab`)",
            "Statement[0].Effect: is missing (write `Allow` or `Deny`)",
            "Statement[0]: has both `Action` and `NotAction` (a statement takes one of the two: make two statements)",
            "Statement[0]: needs `Resource` or `NotResource`",
        ]
    );
}

#[test]
fn single_mistakes_in_a_statement_are_explained() {
    for (changes, expected) in [
        (
            json!({"Effect": "allow"}),
            "Statement[0].Effect: \"allow\" is neither \"Allow\" nor \"Deny\" (did you mean `Allow`?)",
        ),
        (
            json!({"Effect": true}),
            "Statement[0].Effect: true is neither \"Allow\" nor \"Deny\" (write `Allow` or `Deny`)",
        ),
        (
            json!({"effect": "Allow"}),
            "Statement[0].effect: is given twice: `Effect` and `effect` are the same to IAM (keep one of the two)",
        ),
        (json!({"Action": null}), "Statement[0]: needs `Action` or `NotAction`"),
        (json!({"Action": []}), "Statement[0].Action: is an empty list, which IAM refuses"),
        (
            json!({"Action": ["s3:GetObject", "GetObject"]}),
            "Statement[0].Action[1]: `GetObject` is not an action: those are written `service:Name`, such as `s3:GetObject`",
        ),
        (json!({"Action": {"ref": "x"}}), "Statement[0].Action: an action is text, and this is a map"),
        (json!({"Resource": "my-bucket"}), "Statement[0].Resource: `my-bucket` is neither an ARN nor `*`"),
        (
            json!({"Principal": "*"}),
            "Statement[0].Principal: does not belong here: a permissions policy belongs to its role, which is the principal (take it out)",
        ),
        (
            json!({"Colour": 1}),
            "Statement[0].Colour: is not an element of a statement (known are Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource, Condition)",
        ),
        (
            json!({"Condition": "x"}),
            "Statement[0].Condition: is a map from operators to condition keys, and this is text",
        ),
        (
            json!({"Condition": {"StringEqual": {"k": "v"}}}),
            "Statement[0].Condition.StringEqual: is not a condition operator (did you mean `StringEquals`?)",
        ),
        (
            json!({"Condition": {"ForAnyValue:stringlike": {"k": "v"}}}),
            "Statement[0].Condition.ForAnyValue:stringlike: is not a condition operator (did you mean `ForAnyValue:StringLike`?)",
        ),
        (
            json!({"Condition": {"NullIfExists": {"k": true}}}),
            "Statement[0].Condition.NullIfExists: is not a condition operator (did you mean `Null`?)",
        ),
        (
            json!({"Condition": {"Bool": "x"}}),
            "Statement[0].Condition.Bool: is a map from condition keys to values, and this is text",
        ),
        (
            json!({"Condition": {"Bool": {"k": {}}}}),
            "Statement[0].Condition.Bool.k: takes text, a number, a boolean, or a list of these",
        ),
    ] {
        assert_eq!(permission_faults(changes), [expected]);
    }
}

#[test]
fn trust_documents_need_a_principal_and_no_resource() {
    for (changes, expected) in [
        (json!({"Principal": null}), "Statement[0]: needs `Principal` or `NotPrincipal`"),
        (
            json!({"Resource": "*"}),
            "Statement[0].Resource: does not belong here: a trust policy belongs to its role, which is the resource (take it out)",
        ),
        (
            json!({"Principal": "ecs-tasks.amazonaws.com"}),
            "Statement[0].Principal: is a map from a kind of principal to names, or \"*\" (write `{Service: ecs-tasks.amazonaws.com}` or `{AWS: <ARN or account>}`)",
        ),
        (
            json!({"Principal": {"Services": "x"}}),
            "Statement[0].Principal.Services: is not a kind of principal (did you mean `Service`?)",
        ),
        (
            json!({"Principal": {"AWS": 123_456_789_012_u64}}),
            "Statement[0].Principal.AWS: a principal is text, and this is a number (quote it: \"123456789012\")",
        ),
    ] {
        assert_eq!(trust_faults(changes), [expected]);
    }
}

#[test]
fn two_statements_with_one_sid_are_refused() {
    let statement = document(json!({"Sid": "Read"}))["Statement"][0].clone();
    let found = faults(&json!({"Statement": [statement, statement]}), DocumentKind::Permissions);
    assert_eq!(
        found,
        ["Statement[1].Sid: `Read` is the Sid of two statements, and IAM wants them unique in a document"]
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        proptest::sample::select(vec![
            "Version",
            "Id",
            "Statement",
            "statement",
            "Sid",
            "Effect",
            "effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "Condition",
            "AWS",
            "Service",
            "StringEquals",
            "aws:x",
            "AWS:X",
            "*",
            "Allow",
            "allow",
            "s3:Get",
            "S3:get",
            "123456789012",
            "arn:aws:iam::123456789012:root",
            "2012-10-17",
            "AROAEXAMPLE1234567890",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z]{0,3}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        word.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Documents that come near the real shape, where the rules apply.
fn any_document() -> impl Strategy<Value = Value> {
    let texts = || {
        proptest::collection::vec(
            proptest::sample::select(vec!["a:B", "A:b", "*", "x", "123456789012", "arn:aws:iam::123456789012:root"]),
            0..4,
        )
    };
    let texts = move || prop_oneof![texts().prop_map(|list| json!(list)), texts().prop_map(|list| json!(list.first()))];
    let condition = (texts(), any::<bool>())
        .prop_map(|(values, b)| json!({"StringEquals": {"aws:X": values, "k": [b, "true"]}, "Bool": {"k": b}}));
    let statement = (any::<bool>(), texts(), texts(), texts(), condition).prop_map(|(allow, actions, resources, who, condition)| {
        json!({"Effect": if allow { "Allow" } else { "deny" }, "Action": actions, "Resource": resources, "Principal": {"AWS": who, "Service": "s"}, "Condition": condition})
    });
    proptest::collection::vec(statement, 0..4)
        .prop_map(|statements| json!({"Version": VERSION, "Statement": statements}))
}

/// Turns every list and map around: what a reordering by IAM may look like at worst.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().rev().map(reversed).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect())
        }
        other => other.clone(),
    }
}

/// Gives every item of a set twice and leaves no single value without its list.
fn doubled(document: &Value) -> Value {
    let mut document = document.clone();
    for statement in document["Statement"].as_array_mut().unwrap() {
        for name in ["Action", "Resource"] {
            let list: Vec<_> = items(&statement[name]).into_iter().cloned().collect();
            statement[name] = [list.clone(), list].concat().into();
        }
    }
    let statements = document["Statement"].as_array().unwrap().clone();
    document["Statement"] = [statements.clone(), statements].concat().into();
    document
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_canonical_form_is_its_own_canonical_form(document in prop_oneof![any_json(), any_document()]) {
        let once = canonical(&document);
        prop_assert_eq!(canonical(&once).to_string(), once.to_string());
    }

    #[test]
    fn order_and_duplicates_never_show(document in any_document()) {
        let expected = canonical(&document).to_string();
        prop_assert_eq!(canonical(&reversed(&document)).to_string(), &expected[..]);
        prop_assert_eq!(canonical(&doubled(&document)).to_string(), expected);
    }

    #[test]
    fn any_value_is_checked_without_a_panic(document in any_json()) {
        let _ = check(&document, DocumentKind::Trust);
        let _ = check(&document, DocumentKind::Permissions);
    }

    #[test]
    fn any_text_is_parsed_without_a_panic(text in "[%{}\"a0é: ]{0,20}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_document_survives_the_way_to_iam_and_back(document in any_document()) {
        let encoded: String = to_text(&document).bytes().map(|byte| format!("%{byte:02x}")).collect();
        prop_assert_eq!(parse(&encoded), Ok(document));
    }
}

/// Found by fuzzing.
#[test]
fn a_number_is_sent_as_it_was_read() {
    for number in ["0.30000000000000004", "1.1111111111111111", "9007199254740993", "18446744073709551615", "2.5e-9"] {
        let document = parse(&format!("{{\"Statement\":{number}}}")).unwrap();
        assert_eq!(parse(&to_text(&document)), Ok(document), "{number}");
    }
    for number in ["18446744073709551616", "111111111111111111111111111111111", "-1e400", "1e20"] {
        assert!(matches!(parse(&format!("{{\"Statement\":{number}}}")), Err(PolicyError::NotJson(_))), "{number}");
    }
}
