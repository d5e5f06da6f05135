//! What single statements allow: wildcards, roles to pass on, denied actions.

use super::rules::Rule;
use super::statement::{Body, Statement, Text, is_everything, is_of, resource_part};
use super::{Finding, Guard, Setting, glob};
use crate::resource::Resource;
use crate::value::Value;

/// What is wrong with the statements of a body, seen from the resource that has them.
pub(super) fn check(guard: &Guard<'_>, body: &Body<'_>, holder: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in body.statements.iter().filter(|statement| statement.allows()) {
        all_but(statement, &mut findings);
        wildcards(statement, &mut findings);
        pass_role(statement, &mut findings);
        for setting in guard.settings(Rule::DeniedActions, holder) {
            if let Setting::Texts(denied) = setting {
                denied_actions(statement, denied, &mut findings);
            }
        }
    }
    findings
}

/// Allow with an element that turns it round: it allows what nobody has thought of yet.
pub(super) fn all_but(statement: &Statement<'_>, findings: &mut Vec<Finding>) {
    for (name, instead) in [("NotAction", "Action"), ("NotResource", "Resource"), ("NotPrincipal", "Principal")] {
        if let Some((path, _)) = statement.element(name) {
            findings.push(Finding {
                on_key: true,
                why: format!("Allow with {name} allows everything but what it names, also what AWS adds tomorrow"),
                fix: format!("write {instead} with what is needed"),
                ..Finding::new(Rule::Wildcards, path, name)
            });
        }
    }
}

fn wildcards(statement: &Statement<'_>, findings: &mut Vec<Finding>) {
    let Some(resource) = statement.resources().into_iter().find(|one| is_everything(one.text)) else { return };
    for action in statement.texts("Action").unwrap_or_default() {
        let (service, name) = action.text.split_once(':').unwrap_or((action.text, action.text));
        if !glob::is_blank(name) {
            continue;
        }
        let what = match glob::is_blank(service) || service.contains(['*', '?']) {
            true => "every action".to_owned(),
            false => format!("every action of {service}"),
        };
        findings.push(Finding {
            why: format!("it allows {what} on `{}`", resource.text),
            fix: "name the actions that are needed, or the resources".to_owned(),
            ..Finding::new(Rule::Wildcards, action.path, action.text)
        });
    }
}

/// How a condition that names the receiving service is written.
const PASSED_TO: &str = "iam:PassedToService";

fn pass_role(statement: &Statement<'_>, findings: &mut Vec<Finding>) {
    let Some(action) = statement.names_action("iam:passrole") else { return };
    let resources = statement.resources();
    let mut roles = resources.into_iter().filter(|resource| is_of("iam:passrole", resource.text)).peekable();
    if roles.peek().is_none() {
        return;
    }
    for resource in roles {
        if !is_one_role(&resource) {
            findings.push(Finding {
                why: format!("iam:PassRole on `{}` hands out more than a named role", resource.text),
                fix: "name the ARN of each role: {ref: Role/NAME}, or arn:${AWS::Partition}:iam::${AWS::AccountId}:role/NAME"
                    .to_owned(),
                ..Finding::new(Rule::PassRole, resource.path, resource.text)
            });
        }
    }
    let services = statement.condition(PASSED_TO);
    let open = |service: &&str| service.starts_with(['*', '?']);
    if services.is_empty() || services.iter().any(open) {
        findings.push(Finding {
            why: format!("iam:PassRole without a condition that names the service in {PASSED_TO}"),
            fix: format!("add Condition: {{StringEquals: {{{PASSED_TO}: ecs-tasks.amazonaws.com}}}}"),
            ..Finding::new(Rule::PassRole, action, PASSED_TO)
        });
    }
}

/// Whether a resource is the ARN of one role.
fn is_one_role(resource: &Text<'_>) -> bool {
    let text = resource.text;
    !text.contains(['*', '?', '$'])
        && text.starts_with("arn:")
        && resource_part(text).is_some_and(|part| part.starts_with("role/"))
}

fn denied_actions(statement: &Statement<'_>, denied: &[String], findings: &mut Vec<Finding>) {
    let finding = |path, subject: &str, why| Finding {
        why,
        fix: "take it out".to_owned(),
        ..Finding::new(Rule::DeniedActions, path, subject)
    };
    for action in statement.texts("Action").unwrap_or_default() {
        let pattern = action.text.to_ascii_lowercase();
        if let Some(wanted) = denied.iter().find(|denied| glob::overlap(&pattern, &denied.to_ascii_lowercase())) {
            findings.push(finding(
                action.path,
                action.text,
                format!("`{}` allows something of `{wanted}`, which nobody may", action.text),
            ));
        }
    }
    let (Some(excepted), Some((path, _))) = (statement.texts("NotAction"), statement.element("NotAction")) else {
        return;
    };
    let is_out = |denied: &&String| {
        let denied = denied.to_ascii_lowercase();
        excepted.iter().any(|text| glob::covers(&text.text.to_ascii_lowercase(), &denied))
    };
    if let Some(wanted) = denied.iter().find(|denied| !is_out(denied)) {
        findings.push(finding(
            path,
            "NotAction",
            format!("NotAction allows something of `{wanted}`, which nobody may"),
        ));
    }
}

/// Documents that are larger than they may be.
pub(super) fn too_large(guard: &Guard<'_>, body: &Body<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for setting in guard.settings(Rule::MaxPolicySize, body.resource) {
        let Setting::Number(most) = setting else { continue };
        for (path, document) in &body.documents {
            let size = size(document);
            if size > *most {
                findings.push(Finding {
                    why: format!("the document has {size} characters, and {most} are allowed"),
                    fix: "split the role, or allow less".to_owned(),
                    ..Finding::new(Rule::MaxPolicySize, path.clone(), path.last_key().unwrap_or_default())
                });
            }
        }
    }
    findings
}

/// As IAM counts: without white space between the elements (IAM quotas).
fn size(document: &Value) -> u64 {
    document.to_string().chars().filter(|c| !c.is_whitespace()).count() as u64
}
