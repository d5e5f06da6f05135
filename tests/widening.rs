//! Under the guardrail `widening` nothing that is there comes to allow more than it does in AWS, unless its
//! manifest or an exception names what.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::path::Path;

use evenkeel::guard::{self, Guardrails};
use evenkeel::model::Kind;
use evenkeel::sandbox::fault::FaultKind;
use evenkeel::status::State;

use scenario::{Lab, annotated, calls, conclusion, key, manifest, role};

fn rails(rules: &str) -> Guardrails {
    let text = format!("apiVersion: evenkeel/v1alpha1\nkind: Guardrails\n{rules}\n");
    guard::read(text.as_bytes(), Path::new("rails.yaml")).expect("rules")
}

/// The rule alone.
fn widening() -> Guardrails {
    let off = |rule| format!("{rule}: {{off: tests/guardrails has it}}");
    let off = ["wildcards", "escalation", "passRole", "confusedDeputy"].map(off).join(", ");
    rails(&format!("rules: {{widening: false, {off}}}"))
}

/// An account in which these manifests were applied, under the guardrail from now on.
async fn after(manifests: &str) -> Lab {
    let mut lab = Lab::new().await;
    lab.settle(manifests).await;
    lab.rails = widening();
    lab
}

fn document(statements: &[&str]) -> String {
    format!("{{Version: '2012-10-17', Statement: [{}]}}", statements.join(", "))
}

fn allow(action: &str) -> String {
    format!("{{Effect: Allow, Action: '{action}', Resource: '*'}}")
}

fn deny(action: &str) -> String {
    allow(action).replace("Allow", "Deny")
}

fn policy(name: &str, statements: &[&str]) -> String {
    manifest("Policy", name, &format!("policyDocument: {}", document(statements)))
}

/// A role that has these policies and no others.
fn has(policies: &str, inline: &str) -> String {
    role("task", &format!("policyMode: exclusive\nmanagedPolicyArns: [{policies}]\ninlinePolicies: {{{inline}}}\n"))
}

const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// What is asked for before the change from one state to another is made, which must be all that is
/// asked for. Without the annotation not one call is made, and with it all of them are.
async fn asked(before: &str, kind: Kind, name: &str, others: &str, changed: &str) -> Option<String> {
    let lab = after(&[others, before].concat()).await;
    let pass = lab.pass(&[others, changed].concat()).await;
    let said = conclusion(&pass, &key(kind, name));
    if said.reason != "Widens" {
        assert!(!calls(&pass.outcomes).is_empty(), "{said:?}");
        return None;
    }
    assert_eq!((calls(&pass.outcomes), said.state), (Vec::new(), State::Blocked));
    let annotation = said.message.split("evenkeel/allow-widening: \"").nth(1).and_then(|rest| rest.split('"').next());
    let annotation = annotation.expect("an annotation to paste").to_owned();
    let named = annotated(changed, &format!("evenkeel/allow-widening: \"{annotation}\""));
    assert_ne!(lab.settle(&[others, &named].concat()).await, [""; 0]);
    Some(annotation)
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_to_allow_more_waits_until_its_manifest_names_what() {
    let (get, put) = (allow("s3:GetObject"), allow("s3:PutObject"));
    let lab = after(&policy("shop", &[&get])).await;
    let wider = policy("shop", &[&get, &put]);
    let pass = lab.pass(&wider).await;
    let said = conclusion(&pass, &key(Kind::Policy, "shop"));
    assert_eq!((said.state, said.reason), (State::Blocked, "Widens"));
    assert_eq!(
        said.message,
        "the guardrail `widening`: it would allow more than it does in AWS: s3:PutObject; if that is meant, annotate it \
         (all.yaml:2) with evenkeel/allow-widening: \"s3:PutObject\", or undo the change"
    );
    let other = annotated(&wider, "evenkeel/allow-widening: \"s3:Get*, sqs:SendMessage\"");
    assert_eq!(calls(&lab.pass(&other).await.outcomes), [""; 0]);
    let named = annotated(&wider, "evenkeel/allow-widening: \"sqs:SendMessage , S3:putobject\"");
    assert_eq!(lab.settle(&named).await, ["CreatePolicyVersion"]);
    // What takes away, and what is there already, needs no name.
    assert_eq!(lab.settle(&wider).await, [""; 0]);
    assert_eq!(lab.settle(&policy("shop", &[&put])).await, ["CreatePolicyVersion"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_list_is_cut_short_but_for_the_annotation_to_paste() {
    let actions: Vec<String> = (0..12).map(|n| allow(&format!("s3:Get{n:02}"))).collect();
    let all: Vec<&str> = actions.iter().map(String::as_str).collect();
    let lab = after(&policy("shop", &all[..1])).await;
    let said = conclusion(&lab.pass(&policy("shop", &all)).await, &key(Kind::Policy, "shop")).message;
    assert!(
        said.contains("in AWS: s3:Get01, s3:Get02, s3:Get03, s3:Get04, s3:Get05, s3:Get06, s3:Get07, 4 more;"),
        "{said}"
    );
    assert!(said.contains("s3:Get10, s3:Get11\""), "{said}");
}

#[tokio::test(start_paused = true)]
async fn of_a_role_all_that_it_has_counts_together() {
    let (get, put, no_put) = (allow("s3:GetObject"), allow("s3:PutObject"), deny("s3:PutObject"));
    let (get, put, no_put) = (get.as_str(), put.as_str(), no_put.as_str());
    let others = [policy("get", &[get]), policy("put", &[put]), policy("no-put", &[no_put])].concat();
    let inline = |statements: &[&str]| format!("data: {}", document(statements));
    let asked = async |before: &str, changed: &str| asked(before, Kind::Role, "task", &others, changed).await;
    for (before, changed, wanted) in [
        // Another inline policy, or a statement in one.
        (has("", ""), has("", &inline(&[get])), Some("s3:GetObject")),
        (has("", &inline(&[get])), has("", &inline(&[get, put])), Some("s3:PutObject")),
        (has("", &inline(&[get, put])), has("", &inline(&[put])), None),
        // From one policy into another.
        (has("", &inline(&[get])), has("{ref: get}", ""), None),
        (has("{ref: get}", ""), has("", &inline(&[get])), None),
        (has("{ref: get}", ""), has("{ref: put}", ""), Some("s3:PutObject")),
        // What denies is no longer there.
        (has("", &inline(&[get, no_put])), has("", &inline(&[get])), Some("s3:PutObject")),
        (has("{ref: get}, {ref: no-put}", ""), has("{ref: get}", ""), Some("s3:PutObject")),
        // Nobody knows whether the one comes once the other is gone.
        (has("{ref: no-put}", ""), has("", &inline(&[no_put])), Some("s3:PutObject")),
        (has("{ref: no-put}", &inline(&[no_put])), has("", &inline(&[no_put, get])), Some("s3:GetObject")),
        (has("", ""), has("'arn:aws:iam::aws:policy/AWSDenyAll'", ""), Some("arn:aws:iam::aws:policy/AWSDenyAll")),
        // A policy of which no manifest tells what it allows.
        (has("", ""), has(&format!("'{READ_ONLY}'"), ""), Some(READ_ONLY)),
        (has(&format!("'{READ_ONLY}'"), ""), has("", ""), None),
    ] {
        assert_eq!(asked(&before, &changed).await.as_deref(), wanted, "{before}{changed}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_principal_and_another_boundary_are_named() {
    let others = [policy("a", &[&allow("s3:*")]), policy("b", &[&allow("*")])].concat();
    let asked = async |before: &str, changed: &str| asked(before, Kind::Role, "task", &others, changed).await;
    let (ecs, ec2) = ("ecs-tasks.amazonaws.com", "ec2.amazonaws.com");
    let plain = role("task", "");
    let both = format!("[{ecs}, {ec2}]");
    assert_eq!(asked(&plain, &plain.replace(ecs, &both)).await.as_deref(), Some("trust:ec2.amazonaws.com"));
    assert_eq!(asked(&plain.replace(ecs, &both), &plain).await, None);
    let bound = |name: &str| role("task", &format!("permissionsBoundary: {{ref: {name}}}\n"));
    assert_eq!(asked(&plain, &bound("a")).await, None);
    let b = "arn:aws:iam::123456789012:policy/b";
    assert_eq!(asked(&bound("a"), &bound("b")).await.as_deref(), Some(b));
}

#[tokio::test(start_paused = true)]
async fn what_is_new_is_made_and_what_was_taken_away_by_hand_is_given_back_only_by_name() {
    let (get, put) = (allow("s3:GetObject"), allow("s3:PutObject"));
    let lab = after("").await;
    let shop = [policy("shop", &[&get]), has("{ref: shop}", &format!("data: {}", document(&[&put])))].concat();
    assert_eq!(lab.settle(&shop).await, ["CreatePolicy", "CreateRole", "PutRolePolicy", "AttachRolePolicy"]);
    lab.calls();
    lab.iam().delete_role_policy().role_name("task").policy_name("data").send().await.unwrap();
    let said = conclusion(&lab.pass(&shop).await, &key(Kind::Role, "task"));
    assert_eq!((said.reason, lab.writes()), ("Widens", vec!["DeleteRolePolicy".to_owned()]), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn it_counts_where_the_file_says_and_for_whom_it_excepts_nobody() {
    let (get, put) = (allow("s3:GetObject"), allow("s3:PutObject"));
    let (before, wider) = (policy("shop", &[&get]), policy("shop", &[&get, &put]));
    let excepted =
        |more: &str| format!("exceptions: [{{manifest: Policy/shop, rules: [widening], {more} reason: known}}]");
    for (rules, free) in [
        ("directories: {shop: {widening: false}}".to_owned(), true),
        ("rules: {widening: true}".to_owned(), true),
        (format!("rules: {{widening: false}}\n{}", excepted("")), true),
        (format!("rules: {{widening: false}}\n{}", excepted("only: ['s3:PutObject'],")), true),
        (format!("rules: {{widening: false}}\n{}", excepted("only: ['s3:Put*'],")), false),
    ] {
        let mut lab = after(&before).await;
        lab.rails = rails(&rules);
        assert_eq!(calls(&lab.pass(&wider).await.outcomes).len(), usize::from(free), "{rules}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_role_that_may_not_change_says_so() {
    let lab = after(&[policy("read", &[&allow("s3:Get*")]), has("{ref: read}", "")].concat()).await;
    let (read, named) = (policy("read", &[&allow("s3:*")]), "evenkeel/allow-widening: \"s3:*, sqs:*\"");
    let wider = has("", &format!("queue: {}", document(&[&allow("sqs:*")])));
    let changed = [annotated(&read, named), wider.clone()].concat();
    let pass = lab.pass(&changed).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    let said = conclusion(&pass, &key(Kind::Policy, "read"));
    assert_eq!((said.state, said.reason), (State::Blocked, "LessFirst"));
    assert!(said.message.contains("Role/task is to lose permissions") && said.message.contains("sqs:*"), "{said:?}");
    let changed = [annotated(&read, named), annotated(&wider, named)].concat();
    assert_eq!(lab.settle(&changed).await, ["DetachRolePolicy", "PutRolePolicy", "CreatePolicyVersion"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_over_is_held_to_it_as_well() {
    let get = allow("s3:GetObject");
    let lab = after("").await;
    let text = format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}",
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/*"}"#
    );
    lab.iam().create_policy().policy_name("shop").policy_document(text).send().await.unwrap();
    let mut adopting = lab.adopting().await;
    adopting.rails = widening();
    let said = conclusion(&adopting.pass(&policy("shop", &[&get])).await, &key(Kind::Policy, "shop"));
    assert_eq!(said.reason, "Widens", "{said:?}");
    let narrower = policy("shop", &[&get.replace("'*'", "'arn:aws:s3:::a/*'")]);
    assert_eq!(adopting.settle(&narrower).await, ["TagPolicy"]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_somebody_else_counts_as_it_is_and_not_as_a_manifest_has_it() {
    let lab = after(&has("", "")).await;
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    lab.iam().create_policy().policy_name("theirs").policy_document(document).send().await.unwrap();
    lab.calls();
    let get = allow("s3:GetObject");
    let role = annotated(&has("{ref: theirs}", ""), "evenkeel/allow-widening: 's3:GetObject'");
    let pass = lab.pass(&[policy("theirs", &[&get]), role].concat()).await;
    let said = conclusion(&pass, &key(Kind::Role, "task"));
    assert!(said.reason == "Widens" && said.message.contains("in AWS: s3:*;"), "{said:?}");
    assert_eq!(lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_cannot_be_read_counts_by_its_arn() {
    let policies = [policy("get", &[&allow("s3:GetObject")]), policy("no-put", &[&deny("s3:PutObject")])].concat();
    for (before, after_) in [("", "{ref: get}"), ("{ref: no-put}", "")] {
        let lab = after(&[policies.as_str(), &has(before, "")].concat()).await;
        let denied = || FaultKind::Refuse { code: "AccessDenied", message: "no".to_owned(), status: 403 };
        lab.inject("GetPolicy", 9, denied());
        let pass = lab.pass(&[policies.as_str(), &has(after_, "")].concat()).await;
        let said = conclusion(&pass, &key(Kind::Role, "task"));
        assert!(said.reason == "Widens" && said.message.contains("arn:aws:iam::123456789012:policy/"), "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_whose_manifest_goes_along_is_a_denial_taken_back() {
    let (put, no_put) = (policy("put", &[&allow("s3:*")]), policy("no-put", &[&deny("s3:PutObject")]));
    let before = [put.as_str(), no_put.as_str(), &has("{ref: put}, {ref: no-put}", "")].concat();
    let moved = no_put.replacen("spec:\n", "spec:\n  path: /moved/\n", 1);
    let renamed = no_put.replacen("spec:\n", "spec:\n  policyName: no-put-2\n", 1);
    let mut wrong = Vec::new();
    for (what, policies) in [("gone", ""), ("moved", moved.as_str()), ("renamed", renamed.as_str())] {
        let lab = after(&before).await;
        let pass = lab.pass(&[put.as_str(), policies, &has("{ref: put}", "")].concat()).await;
        let said = conclusion(&pass, &key(Kind::Role, "task"));
        if said.reason != "Widens" {
            wrong.push(format!("{what}: {:?} {:?}", calls(&pass.outcomes), said));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_denial_that_was_attached_by_hand_is_taken_away_by_name_only() {
    let put = policy("put", &[&allow("s3:*")]);
    let additive = role("task", "managedPolicyArns: [{ref: put}]\n");
    let lab = after(&[put.as_str(), &additive].concat()).await;
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}]}"#;
    lab.iam().create_policy().policy_name("guard").policy_document(document).send().await.unwrap();
    lab.iam()
        .attach_role_policy()
        .role_name("task")
        .policy_arn("arn:aws:iam::123456789012:policy/guard")
        .send()
        .await
        .unwrap();
    let pass = lab.pass(&[put.as_str(), &has("{ref: put}", "")].concat()).await;
    let said = conclusion(&pass, &key(Kind::Role, "task"));
    assert_eq!(said.reason, "Widens", "{:?} {said:?}", calls(&pass.outcomes));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_does_not_hide_what_others_get() {
    let trust = |who: &str, actions: &str, more: &str| {
        manifest(
            "Role",
            "task",
            &format!(
                "assumeRolePolicyDocument: {{Version: '2012-10-17', Statement: {{Effect: Allow, Principal: {{Service: [{who}]}}, Action: [{actions}]{more}}}}}"
            ),
        )
    };
    let (a, b) = ("ecs-tasks.amazonaws.com", "ec2.amazonaws.com");
    let condition = ", Condition: {StringEquals: {'aws:SourceAccount': '123456789012'}}";
    let before = trust(a, "'sts:AssumeRole'", condition);
    let mut wrong = Vec::new();
    for (what, changed) in [
        ("condition gone", trust(&format!("{a}, {b}"), "'sts:AssumeRole'", "")),
        ("another action", trust(&format!("{a}, {b}"), "'sts:AssumeRole', 'sts:TagSession'", condition)),
    ] {
        let lab = after(&before).await;
        let named = annotated(&changed, "evenkeel/allow-widening: 'trust:ec2.amazonaws.com'");
        let pass = lab.pass(&named).await;
        if !calls(&pass.outcomes).is_empty() {
            wrong.push(format!("{what}: {:?}", calls(&pass.outcomes)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn where_only_the_role_is_due_its_policies_are_looked_at() {
    let get = policy("get", &[&allow("s3:GetObject")]);
    let inline = format!("data: {}", document(&[&allow("s3:GetObject")]));
    let mut wrong = Vec::new();
    for (what, before, changed) in [
        ("only detaches", has("{ref: get}", ""), has("", "")),
        ("moves into", has("", &inline), has("{ref: get}", "")),
        ("moves out of", has("{ref: get}", ""), has("", &inline)),
        ("named", has("", ""), annotated(&has("{ref: get}", ""), "evenkeel/allow-widening: 's3:GetObject'")),
    ] {
        let lab = after(&[get.as_str(), &before].concat()).await;
        let resources = lab.declared(&[get.as_str(), &changed].concat());
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let due = std::collections::BTreeSet::from([key(Kind::Role, "task")]);
        let pass = lab.reconciler.pass(&resources, &due, &stopped, &mut |_| {}).await;
        let said = conclusion(&pass, &key(Kind::Role, "task"));
        if said.reason == "Widens" {
            wrong.push(format!("{what}: {}", said.message));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_version_says_nothing_where_there_is_no_variable() {
    let now = role("task", "");
    let was = now.replace("2012-10-17", "2008-10-17");
    assert_ne!(now, was);
    assert_eq!(asked(&was, Kind::Role, "task", "", &now).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_condition_with_fewer_values_allows_no_more() {
    let of = |values: &str| {
        policy(
            "shop",
            &[&format!(
                "{{Effect: Allow, Action: 's3:GetObject', Resource: '*', Condition: {{StringEquals: {{'aws:SourceVpce': [{values}]}}}}}}"
            )],
        )
    };
    assert_eq!(asked(&of("a, b"), Kind::Policy, "shop", "", &of("a")).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_role_may_do_and_what_may_be_done_with_it_have_names_of_their_own() {
    // "may assume role b", and by the way everybody who runs a task anywhere may assume it.
    let with = |condition: &str, inline: &str| {
        let statement = "Action: \"sts:AssumeRole\"}";
        role("task", &format!("inlinePolicies: {{{inline}}}\n"))
            .replace(statement, &format!("Action: \"sts:AssumeRole\"{condition}}}"))
    };
    let condition = ", Condition: {StringEquals: {'aws:SourceAccount': '123456789012'}}";
    let lab = after(&with(condition, "")).await;
    let assume = allow("sts:AssumeRole").replace("'*'", "'arn:aws:iam::123456789012:role/b'");
    let changed =
        annotated(&with("", &format!("data: {}", document(&[&assume]))), "evenkeel/allow-widening: 'sts:AssumeRole'");
    let pass = lab.pass(&changed).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_denial_moves_only_by_name() {
    let (all, get) = (policy("all", &[&allow("s3:*")]), allow("s3:GetObject"));
    let no_put = deny("s3:PutObject");
    let no = policy("no", &[&no_put]);
    let p = policy("p", &[&get]);
    let base = [all.as_str(), &no].concat();
    let before = [base.as_str(), &p, &has("{ref: all}, {ref: no}", "")].concat();
    let suspended = |policy: &str| annotated(policy, "evenkeel/suspend: \"true\"");
    let huge: Vec<String> = (0..200)
        .map(|n| {
            deny("sqs:*").replace("'*'", &format!("'arn:aws:sqs:eu-west-1:123456789012:queue-of-a-long-name-{n}'"))
        })
        .collect();
    let huge: Vec<&str> = huge.iter().map(String::as_str).chain([no_put.as_str()]).collect();
    let bad = deny("s3:PutObject").replace("'*'", "['*', 'arn:aws:s3']");
    let mut wrong = Vec::new();
    for (what, policies, changed) in [
        ("inline, too large", p.clone(), has("{ref: all}", &format!("no: {}", document(&huge)))),
        ("inline, malformed", p.clone(), has("{ref: all}", &format!("no: {}", document(&[&bad])))),
        ("a suspended policy", suspended(&policy("p", &[&get, &no_put])), has("{ref: all}, {ref: p}", "")),
        (
            "a suspended policy that is not there",
            [p.clone(), suspended(&policy("q", &[&no_put]))].concat(),
            has("{ref: all}, 'arn:aws:iam::123456789012:policy/q'", ""),
        ),
        ("the same by ref", [p.clone(), suspended(&policy("q", &[&no_put]))].concat(), has("{ref: all}, {ref: q}", "")),
    ] {
        let lab = after(&before).await;
        let pass = lab.pass(&[base.as_str(), &policies, &changed].concat()).await;
        for _ in 0..3 {
            lab.pass(&[base.as_str(), &policies, &changed].concat()).await;
        }
        let attached = lab.iam().list_attached_role_policies().role_name("task").send().await.unwrap();
        let attached: Vec<String> =
            attached.attached_policies().iter().map(|p| p.policy_name().unwrap().to_owned()).collect();
        let inline = lab.iam().list_role_policies().role_name("task").send().await.unwrap().policy_names().to_vec();
        if !attached.contains(&"no".to_owned()) {
            wrong.push(format!(
                "{what}: {:?}; role has {attached:?} {inline:?}; {:?}",
                calls(&pass.outcomes),
                conclusion(&pass, &key(Kind::Role, "task")).message
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_daemon_takes_a_policy_away_without_a_word_of_more() {
    use evenkeel::plan::Rules;
    use scenario::{INTERVAL, Running, seconds};
    let get = policy("get", &[&allow("s3:GetObject")]);
    let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
    let running = Running::held(
        evenkeel::sandbox::Sandbox::new(),
        rules,
        (INTERVAL, false),
        &[("get.yaml", &get), ("role.yaml", &has("{ref: get}", ""))],
        widening(),
    )
    .await;
    running.settle().await;
    std::fs::write(running.directory.join("role.yaml"), has("", "")).unwrap();
    let mut seen = Vec::new();
    for second in 0..90 {
        seconds(1).await;
        let board = running.shared.board();
        if let Some(status) = board.statuses.get(&key(Kind::Role, "task")) {
            let now = format!("{:?} {} {}", status.state, status.reason, status.message);
            if seen.last().is_none_or(|(_, last)| *last != now) {
                seen.push((second, now));
            }
        }
    }
    assert!(seen.iter().all(|(_, said)| !said.contains("Widens")), "{seen:#?}");
}
