//! Who may assume a role.

use super::rules::Rule;
use super::statement::{Statement, Text, resource_part, statements, texts};
use super::{Finding, Guard, permissions};
use crate::resource::Resource;

/// The service that assumes the roles of tasks.
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// Providers that hand tokens to everybody with an account there, and the key that names the
/// application (IAM user guide, "Available keys for AWS web identity federation").
const PUBLIC_PROVIDERS: &[(&str, &str)] = &[
    ("accounts.google.com", "aud"),
    ("cognito-identity.amazonaws.com", "aud"),
    ("graph.facebook.com", "app_id"),
    ("www.amazon.com", "app_id"),
];
/// GitHub's tokens name the repository in `sub`; everybody on GitHub gets them.
const GITHUB: &str = "token.actions.githubusercontent.com";

/// What is wrong with the trust policy of a role.
pub(super) fn check(guard: &Guard<'_>, role: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(document) = role.spec.get("assumeRolePolicyDocument") else { return findings };
    for statement in statements(document, &role.origin.key("assumeRolePolicyDocument")) {
        if !statement.allows() {
            continue;
        }
        permissions::all_but(&statement, &mut findings);
        let Some((path, principal)) = statement.element("Principal") else { continue };
        let Some(kinds) = principal.as_object() else {
            // Any other text is no principal at all.
            findings.extend(texts(&path, principal).iter().filter(|text| is_open(text)).map(everybody));
            continue;
        };
        for (kind, who) in kinds {
            for text in texts(&path.key(kind), who) {
                match kind.as_str() {
                    _ if is_open(&text) => findings.push(everybody(&text)),
                    "Service" if text.text.eq_ignore_ascii_case(TASKS) => {
                        findings.extend(confused_deputy(guard, &statement, &text));
                    }
                    "Service" => {}
                    "AWS" => findings.extend(account(guard, &text)),
                    "Federated" => findings.extend(federated(guard, &statement, &text)),
                    _ => findings.push(nobody_known(&text)),
                }
            }
        }
    }
    findings
}

fn is_open(text: &Text<'_>) -> bool {
    text.text.contains(['*', '?'])
}

fn everybody(text: &Text<'_>) -> Finding {
    Finding {
        why: format!("`{}` lets in everybody that it matches", text.text),
        fix: "name who may assume the role: a service, or the ARN of a role".to_owned(),
        ..Finding::new(Rule::Trust, text.path.clone(), text.text)
    }
}

fn nobody_known(text: &Text<'_>) -> Finding {
    Finding {
        why: format!("the account of `{}` cannot be told", text.text),
        fix: "write the ARN of a role, or an account id".to_owned(),
        ..Finding::new(Rule::Trust, text.path.clone(), text.text)
    }
}

/// The account of a principal: itself, or the fifth part of its ARN.
fn account_of(principal: &str) -> Option<&str> {
    let is_id = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let part = principal.starts_with("arn:").then(|| principal.split(':').nth(4)).flatten();
    Some(principal).filter(is_id).or(part.filter(is_id))
}

fn account(guard: &Guard<'_>, text: &Text<'_>) -> Option<Finding> {
    let Some(account) = account_of(text.text) else { return Some(nobody_known(text)) };
    (!guard.trusts(account)).then(|| Finding {
        why: format!("it trusts account {account}, which is not this one"),
        fix: "trust a role of this account, or list the account: trust: {allow: […]}".to_owned(),
        ..Finding::new(Rule::Trust, text.path.clone(), account)
    })
}

fn federated(guard: &Guard<'_>, statement: &Statement<'_>, text: &Text<'_>) -> Option<Finding> {
    if text.text.starts_with("arn:") {
        if let Some(finding) = account(guard, text) {
            return Some(finding);
        }
        if resource_part(text.text).is_some_and(|part| part.starts_with("saml-provider/")) {
            return None;
        }
    }
    let host = text.text.split_once(":oidc-provider/").map_or(text.text, |(_, host)| host);
    let public = PUBLIC_PROVIDERS.iter().find(|(provider, _)| *provider == host);
    let claims = ["sub"].into_iter().chain(public.map(|(_, claim)| *claim));
    let named = claims.map(|claim| statement.condition(&format!("{host}:{claim}")));
    let closed = |values: Vec<&str>| !values.is_empty() && values.iter().all(|value| is_closed(host, value));
    if named.into_iter().any(closed) {
        return None;
    }
    let claim = public.map_or("sub", |(_, claim)| claim);
    Some(Finding {
        why: format!("it lets in everybody who has a token of {host}"),
        fix: format!("add a condition on {host}:{claim} that begins with whom it means"),
        ..Finding::new(Rule::Trust, text.path.clone(), text.text)
    })
}

/// Whether the value of a claim begins with somebody's name. `repo:*` does not, and GitHub's names
/// end with a slash: `repo:shop*` is also `repo:shop-of-somebody-else/…`.
fn is_closed(host: &str, value: &str) -> bool {
    let Some(open) = value.find(['*', '?']) else { return !value.is_empty() };
    let begin = &value[..open];
    match host == GITHUB || host.starts_with(&format!("{GITHUB}/")) {
        true => begin.strip_prefix("repo:").is_some_and(|name| name.find('/').is_some_and(|end| end > 0)),
        false => begin.rsplit(':').next().is_some_and(|name| !name.is_empty()) || begin.matches(':').count() > 1,
    }
}

/// A service that acts for many accounts must act for this one (ECS developer guide, "Task IAM role",
/// confused deputy).
fn confused_deputy(guard: &Guard<'_>, statement: &Statement<'_>, text: &Text<'_>) -> Option<Finding> {
    let ours = |account: Option<&str>| account.and_then(account_of).is_some_and(|account| guard.trusts(account));
    let all = |values: Vec<&str>, fits: &dyn Fn(&str) -> bool| !values.is_empty() && values.into_iter().all(fits);
    let of_account = all(statement.condition("aws:SourceAccount"), &|id| !id.starts_with("arn:") && ours(Some(id)));
    let of_arn = all(statement.condition("aws:SourceArn"), &|arn| arn.starts_with("arn:") && ours(Some(arn)));
    if of_account || of_arn {
        return None;
    }
    let tried = statement.condition_keys().into_iter().any(|key| key.to_ascii_lowercase().starts_with("aws:source"));
    let why = match tried {
        true => "the condition does not say that the tasks are this account's",
        false => "without a condition, ECS may be made to assume the role for another account's tasks",
    };
    Some(Finding {
        why: why.to_owned(),
        fix: "write `preset: task` or `preset: task-execution` in place of the document, or add \
              Condition: {StringEquals: {aws:SourceAccount: \"${AWS::AccountId}\"}}"
            .to_owned(),
        ..Finding::new(Rule::ConfusedDeputy, text.path.clone(), text.text)
    })
}
