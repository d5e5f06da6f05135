//! At no moment may a role do what neither the old nor the new state lets it do: what takes away comes
//! before what allows more, also where these are different resources.
#![cfg(feature = "sandbox")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use evenkeel::guard;
use evenkeel::mode::{Mode, Modes};
use evenkeel::model::Kind;
use evenkeel::plan::{Reason, Rules};
use evenkeel::status::State;
use tokio::sync::watch;

use scenario::{Lab, annotated, calls, conclusion, key, manifest, role};

fn policy(name: &str, action: &str) -> String {
    let document =
        format!("{{Version: '2012-10-17', Statement: {{Effect: Allow, Action: '{action}', Resource: '*'}}}}");
    manifest("Policy", name, &format!("policyDocument: {document}"))
}

/// A role that has these policies and no others.
fn has(name: &str, policies: &str) -> String {
    role(name, &format!("policyMode: exclusive\nmanagedPolicyArns: [{policies}]\n"))
}

const SSM: &str = "'arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess'";

/// What one pass from one state to another does, call by call.
async fn one_pass(before: &str, after: &str) -> Vec<String> {
    let lab = Lab::new().await;
    lab.settle(before).await;
    let pass = lab.pass(after).await;
    let made = calls(&pass.outcomes);
    assert_eq!(lab.settle(after).await, [""; 0], "the pass has done it all");
    made
}

#[tokio::test(start_paused = true)]
async fn a_role_that_lets_go_of_a_policy_never_has_the_wider_one() {
    let before = [policy("read", "s3:Get*"), has("task", &format!("{{ref: read}}, {SSM}"))].concat();
    for action in ["s3:*", "s3:Put*"] {
        let made = one_pass(&before, &[policy("read", action), has("task", SSM)].concat()).await;
        assert_eq!(made, ["DetachRolePolicy", "CreatePolicyVersion"], "{action}");
    }
    // What only takes away waits for nobody.
    let made = one_pass(&before, &[policy("read", "s3:GetObject"), has("task", SSM)].concat()).await;
    assert_eq!(made, ["CreatePolicyVersion", "DetachRolePolicy"]);
}

#[tokio::test(start_paused = true)]
async fn roles_that_swap_their_policies_have_neither_for_a_moment() {
    let before = [policy("a", "s3:Get*"), policy("b", "sqs:Get*"), has("one", "{ref: a}"), has("two", "{ref: b}")];
    let after = [policy("a", "s3:Put*"), policy("b", "sqs:Send*"), has("one", "{ref: b}"), has("two", "{ref: a}")];
    let (detach, version, attach) = ("DetachRolePolicy", "CreatePolicyVersion", "AttachRolePolicy");
    assert_eq!(one_pass(&before.concat(), &after.concat()).await, [detach, detach, version, version, attach, attach]);
}

#[tokio::test(start_paused = true)]
async fn a_boundary_and_another_trust_come_before_a_policy_that_allows_more() {
    let of = |trust: &str, more: &str| {
        role("task", &format!("managedPolicyArns: [{{ref: read}}]\n{more}")).replace("ecs-tasks.amazonaws.com", trust)
    };
    let bound = policy("bound", "s3:*");
    let before = [bound.clone(), policy("read", "s3:Get*"), of("ecs-tasks.amazonaws.com", "")].concat();
    let role = of("ec2.amazonaws.com", "permissionsBoundary: {ref: bound}\n");
    let after = [bound, policy("read", "s3:*"), role].concat();
    let wanted = ["PutRolePermissionsBoundary", "UpdateAssumeRolePolicy", "CreatePolicyVersion"];
    assert_eq!(one_pass(&before, &after).await, wanted);
}

#[tokio::test(start_paused = true)]
async fn within_a_role_what_takes_away_comes_first() {
    let document = |action: &str| {
        format!("{{Version: '2012-10-17', Statement: {{Effect: Allow, Action: '{action}', Resource: '*'}}}}")
    };
    let of = |trust: &str, policies: &str, a: &str, b: &str| {
        let inline = format!("inlinePolicies: {{a: {}, b: {}}}\n", document(a), document(b));
        has("task", policies)
            .replace("policyMode", &format!("{inline}  policyMode"))
            .replace("ecs-tasks.amazonaws.com", trust)
    };
    let read = "'arn:aws:iam::aws:policy/ReadOnlyAccess'";
    let before = of("ecs-tasks.amazonaws.com", SSM, "s3:Get*", "sqs:*");
    let after = of("ec2.amazonaws.com", read, "s3:*", "sqs:Get*");
    let wanted = ["DetachRolePolicy", "PutRolePolicy", "UpdateAssumeRolePolicy", "PutRolePolicy", "AttachRolePolicy"];
    assert_eq!(one_pass(&before, &after).await, wanted);
}

#[tokio::test(start_paused = true)]
async fn among_the_policies_of_a_role_those_that_take_away_come_first() {
    let of = |more: &str, less: &str| {
        [policy("a-more", more), policy("less", less), has("task", "{ref: a-more}, {ref: less}")].concat()
    };
    let lab = Lab::new().await;
    lab.settle(&of("s3:Get*", "sqs:*")).await;
    let pass = lab.pass(&of("s3:*", "sqs:Get*")).await;
    let order: Vec<String> = pass.outcomes.iter().map(|outcome| outcome.key.to_string()).collect();
    assert_eq!(order, ["Policy/less", "Policy/a-more"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_role_that_is_left_alone_says_so_and_holds_nobody_up() {
    let lab = Lab::new().await;
    let other = |action: &str| policy("other", action);
    let before = [policy("read", "s3:Get*"), other("s3:Get*"), has("task", &format!("{{ref: read}}, {SSM}"))].concat();
    lab.settle(&before).await;
    let suspended = annotated(&has("task", SSM), "evenkeel/suspend: \"true\"");
    let pass = lab.pass(&[policy("read", "s3:*"), other("s3:*"), suspended].concat()).await;
    assert_eq!(calls(&pass.outcomes), ["CreatePolicyVersion"]);
    let said = conclusion(&pass, &key(Kind::Policy, "read"));
    assert_eq!((said.state, said.reason), (State::Blocked, "LessFirst"));
    assert_eq!(
        said.message,
        "Role/task is to lose permissions before this may allow more, and that is not done (suspended by its manifest \
         (evenkeel/suspend)); have Role/task changed, or undo one of the two changes"
    );
    let after = [policy("read", "s3:*"), other("s3:*"), has("task", SSM)].concat();
    assert_eq!(lab.settle(&after).await, ["DetachRolePolicy", "CreatePolicyVersion"]);
}

#[tokio::test(start_paused = true)]
async fn roles_are_looked_at_also_where_only_the_policy_is_due() {
    let lab = Lab::new().await;
    lab.settle(&[policy("read", "s3:Get*"), has("task", &format!("{{ref: read}}, {SSM}"))].concat()).await;
    let resources = lab.declared(&[policy("read", "s3:*"), has("task", SSM)].concat());
    let (policy, role) = (key(Kind::Policy, "read"), key(Kind::Role, "task"));
    let (_stop, stopped) = watch::channel(false);
    let due = BTreeSet::from([policy.clone()]);
    let pass = lab.reconciler.pass(&resources, &due, &stopped, &mut |_| {}).await;
    assert_eq!((calls(&pass.outcomes), &pass.items[&policy].held), (Vec::new(), &Some(Reason::WaitsFor(role))));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_applied_the_mode_is_what_is_said() {
    let lab = Lab::new().await;
    let before = [policy("read", "s3:Get*"), has("task", &format!("{{ref: read}}, {SSM}"))].concat();
    lab.settle(&before).await;
    let modes = Modes { default: Mode::Plan, ..Modes::default() };
    let rules = Rules { owner: "evenkeel".to_owned(), modes, ..Rules::default() };
    let watching = Lab::under(Arc::clone(&lab.sandbox), rules).await;
    let pass = watching.pass(&[policy("read", "s3:*"), has("task", SSM)].concat()).await;
    assert_eq!(pass.items[&key(Kind::Policy, "read")].held, Some(Reason::NotApplied(Mode::Plan)));
    assert_eq!(calls(&pass.outcomes), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_role_that_no_verb_lets_change_says_so() {
    let mut lab = Lab::new().await;
    let before = [policy("read", "s3:Get*"), has("task", &format!("{{ref: read}}, {SSM}"))].concat();
    lab.settle(&before).await;
    let exceptions = "exceptions: [{manifest: Policy/read, rules: [verbs], reason: the role is what is tested}]";
    let rules = format!(
        "rules: {{confusedDeputy: {{off: in tests}}, wildcards: {{off: in tests}}, verbs: create}}\n{exceptions}"
    );
    let text = format!("apiVersion: evenkeel/v1alpha1\nkind: Guardrails\n{rules}\n");
    lab.rails = guard::read(text.as_bytes(), Path::new("rails.yaml")).unwrap();
    let pass = lab.pass(&[policy("read", "s3:*"), has("task", SSM)].concat()).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    assert_eq!(conclusion(&pass, &key(Kind::Role, "task")).reason, "NotAllowed");
    let said = conclusion(&pass, &key(Kind::Policy, "read"));
    assert_eq!((said.state, said.reason), (State::Blocked, "LessFirst"));
    assert!(said.message.contains("(the guardrail `verbs` allows no update here, only create; "), "{}", said.message);
}

/// Neither is what may be done of it at other times, nor is something else of it that is not held.
#[tokio::test(start_paused = true)]
async fn what_waits_for_another_and_is_not_allowed_either_makes_no_call() {
    let mut lab = Lab::new().await;
    let before = [policy("read", "s3:*"), has("task", SSM)].concat();
    lab.settle(&before).await;
    let text = "apiVersion: evenkeel/v1alpha1\nkind: Guardrails\n\
                rules: {confusedDeputy: {off: in tests}, wildcards: {off: in tests}, verbs: create}\n";
    lab.rails = guard::read(text.as_bytes(), Path::new("rails.yaml")).unwrap();
    let role = has("task", &format!("{{ref: read}}, {SSM}")) + "  description: Another\n";
    let pass = lab.pass(&[policy("read", "s3:Get*"), role].concat()).await;
    assert_eq!(conclusion(&pass, &key(Kind::Role, "task")).reason, "LessFirst");
    assert_eq!(calls(&pass.outcomes), [""; 0]);
}

fn statements(list: &str) -> String {
    format!("{{Version: '2012-10-17', Statement: [{list}]}}")
}

const ALL: &str = "{Effect: Allow, Action: 's3:*', Resource: '*'}";
const GET: &str = "{Effect: Allow, Action: 's3:Get*', Resource: '*'}";
const NO_PUT: &str = "{Effect: Deny, Action: 's3:Put*', Resource: '*'}";

/// A role with these attached and these inline policies alone.
fn with(policies: &str, inline: &str) -> String {
    role("task", &format!("policyMode: exclusive\nmanagedPolicyArns: [{policies}]\ninlinePolicies: {{{inline}}}\n"))
}

fn denies(name: &str) -> String {
    manifest("Policy", name, &format!("policyDocument: {}", statements(NO_PUT)))
}

/// What is done, call by call, with what it is about.
async fn in_order(before: &str, after: &str) -> Vec<String> {
    let lab = Lab::new().await;
    lab.settle(before).await;
    let pass = lab.pass(after).await;
    let said = |text: String| {
        let text = text.replace("arn:aws:iam::123456789012:policy/", "").replace("task ", "");
        text.trim_start_matches("iam:").to_owned()
    };
    let made = pass.outcomes.iter().map(|outcome| said(outcome.action.to_string())).collect();
    assert_eq!(lab.settle(after).await, [""; 0], "the pass has done it all");
    made
}

#[tokio::test(start_paused = true)]
async fn what_denies_comes_before_what_it_bears_on_and_goes_after() {
    let base = [denies("no"), denies("no2"), policy("z-all", "s3:*")].concat();
    let of = |policies: &str, inline: &str| [base.as_str(), &with(policies, inline)].concat();
    let (all, get, no) = (statements(ALL), statements(GET), statements(NO_PUT));
    let (all, get, no) = (all.as_str(), get.as_str(), no.as_str());
    let inline = |name: &str, document: &str| format!("{name}: {document}");
    let a_and_b = format!("a: {all}, b: {no}");
    for (before, after, wanted) in [
        (
            of("{ref: z-all}, {ref: no}", ""),
            of("{ref: z-all}", &inline("no", no)),
            vec!["PutRolePolicy no", "DetachRolePolicy no"],
        ),
        (
            of("{ref: z-all}, {ref: no}", ""),
            of("{ref: z-all}, {ref: no2}", ""),
            vec!["AttachRolePolicy no2", "DetachRolePolicy no"],
        ),
        (of("", &inline("no", no)), of("", &inline("no2", no)), vec!["PutRolePolicy no2", "DeleteRolePolicy no"]),
        (of("{ref: no}, {ref: z-all}", ""), of("", ""), vec!["DetachRolePolicy z-all", "DetachRolePolicy no"]),
        (of("", ""), of("{ref: no}", &inline("data", all)), vec!["AttachRolePolicy no", "PutRolePolicy data"]),
        (of("", ""), of("", &a_and_b), vec!["PutRolePolicy b", "PutRolePolicy a"]),
        (
            of("{ref: no}", &inline("data", all)),
            of("", &inline("data", get)),
            vec!["PutRolePolicy data", "DetachRolePolicy no"],
        ),
        (
            base.clone(),
            of("{ref: no}", &inline("data", all)),
            vec!["CreateRole task", "AttachRolePolicy no", "PutRolePolicy data"],
        ),
    ] {
        assert_eq!(in_order(&before, &after).await, wanted, "{before}{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_allows_more_waits_for_the_denial_that_comes_with_it() {
    let before = [denies("no"), policy("data", "s3:Get*"), with("{ref: data}", "")].concat();
    let after = [denies("no"), policy("data", "s3:*"), with("{ref: data}, {ref: no}", "")].concat();
    assert_eq!(one_pass(&before, &after).await, ["AttachRolePolicy", "CreatePolicyVersion"]);
}

#[tokio::test(start_paused = true)]
async fn what_rests_on_a_boundary_or_a_denial_that_does_not_come_waits_with_it() {
    let suspended = |policy: &str| annotated(policy, "evenkeel/suspend: \"true\"");
    let (all, get) = (statements(ALL), statements(GET));
    let lab = Lab::new().await;
    lab.settle(&[policy("bound", "s3:*"), with("", &format!("data: {get}"))].concat()).await;
    let bound =
        with("", &format!("data: {all}")).replace("policyMode", "permissionsBoundary: {ref: bound}\n  policyMode");
    let pass = lab.pass(&[suspended(&policy("bound", "s3:Get*")), bound].concat()).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    assert_eq!(conclusion(&pass, &key(Kind::Role, "task")).reason, "LessFirst");
    let lab = Lab::new().await;
    let base = [denies("no"), policy("z-all", "s3:*")].concat();
    lab.settle(&[&base, &policy("p", "s3:Get*"), &with("{ref: z-all}, {ref: no}", "")].map(String::as_str).concat())
        .await;
    let p = manifest("Policy", "p", &format!("policyDocument: {}", statements(&format!("{GET}, {NO_PUT}"))));
    let pass = lab.pass(&[base.as_str(), &suspended(&p), &with("{ref: z-all}, {ref: p}", "")].concat()).await;
    assert_eq!(calls(&pass.outcomes), [""; 0]);
    assert_eq!(conclusion(&pass, &key(Kind::Role, "task")).reason, "LessFirst");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_becomes_the_boundary_of_a_role_that_has_it_waits_for_nobody_who_waits_for_it() {
    let before = [policy("read", "s3:Get*"), with("{ref: read}", "")].concat();
    for action in ["s3:Put*", "s3:GetObject", "s3:*"] {
        let bound = with("{ref: read}", "").replace("policyMode", "permissionsBoundary: {ref: read}\n  policyMode");
        let mut made = one_pass(&before, &[policy("read", action), bound].concat()).await;
        made.sort();
        assert_eq!(made, ["CreatePolicyVersion", "PutRolePermissionsBoundary"], "{action}");
    }
}
