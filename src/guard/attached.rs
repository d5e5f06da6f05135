//! Managed policies, boundaries, and the names that they and everything else of IAM have.

use super::rules::Rule;
use super::statement::{Body, Text, arn, statements, texts};
use super::{Finding, Guard, Setting, glob};
use crate::model::Kind;
use crate::resource::Resource;
use crate::value::{Path, Value};

/// Names of AWS's own policies that allow everything, everything but IAM, or everything of a service
/// (AWS managed policy reference).
const ADMIN_POLICIES: &[&str] = &["AdministratorAccess*", "PowerUserAccess", "*FullAccess*"];

/// The managed policies that a role is to have.
pub(super) fn policies(role: &Resource) -> Vec<Text<'_>> {
    let path = role.origin.key("managedPolicyArns");
    role.spec.get("managedPolicyArns").map(|arns| texts(&path, arns)).unwrap_or_default()
}

/// What is wrong with what is attached to a role.
pub(super) fn check(guard: &Guard<'_>, role: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for policy in policies(role) {
        if is_admin(policy.text) {
            findings.push(Finding {
                why: format!("{} allows more than a role needs", policy.text.rsplit('/').next().unwrap_or_default()),
                fix: "attach a policy with the permissions that are needed, for example a Policy of your own"
                    .to_owned(),
                ..Finding::new(Rule::AdminPolicies, policy.path.clone(), policy.text)
            });
        }
        for setting in guard.settings(Rule::ManagedPolicies, role) {
            let Setting::Texts(known) = setting else { continue };
            if !known.iter().any(|known| glob::matches(known, policy.text)) {
                findings.push(Finding {
                    why: format!("`{}` is not among the policies that may be attached", policy.text),
                    fix: format!("take one of: {}", known.join(", ")),
                    ..Finding::new(Rule::ManagedPolicies, policy.path.clone(), policy.text)
                });
            }
        }
    }
    findings
}

/// Whether it is one of AWS's policies that allow too much. The account of AWS's own is `aws`.
fn is_admin(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let name = arn.rsplit('/').next().unwrap_or_default().to_lowercase();
    parts.get(4).is_some_and(|account| account.eq_ignore_ascii_case("aws"))
        && ADMIN_POLICIES.iter().any(|pattern| glob::matches(&pattern.to_lowercase(), &name))
}

/// Whether a role has one of the boundaries that it must have, and nobody redefines one.
pub(super) fn boundary(guard: &Guard<'_>, resource: &Resource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for setting in guard.settings(Rule::PermissionsBoundary, resource) {
        let Setting::Texts(boundaries) = setting else { continue };
        let path = resource.origin.key("permissionsBoundary");
        let one_of = boundaries.join(" or ");
        let declared = resource.spec.get("permissionsBoundary").and_then(Value::as_str);
        let declared = declared.filter(|declared| !declared.is_empty());
        if resource.key.kind == Kind::Policy {
            if arn(resource, guard.account)
                .is_some_and(|own| boundaries.iter().any(|one| one.eq_ignore_ascii_case(&own)))
            {
                findings.push(Finding {
                    why: "it is the boundary of the roles, which no manifest may change".to_owned(),
                    fix: "keep the boundary outside of this directory".to_owned(),
                    ..Finding::new(Rule::PermissionsBoundary, resource.origin.clone(), &resource.key.name)
                });
            }
        } else if !declared.is_some_and(|declared| boundaries.iter().any(|one| one == declared)) {
            let why = match declared {
                Some(declared) => format!("`{declared}` is not a boundary that roles may have"),
                None => "the role has no permissions boundary".to_owned(),
            };
            findings.push(Finding {
                why,
                fix: format!("write permissionsBoundary: {one_of}"),
                ..Finding::new(Rule::PermissionsBoundary, path, declared.unwrap_or("none"))
            });
        } else if resource.ignores(&Path::default().key("permissionsBoundary")) {
            findings.push(Finding {
                why: "the manifest wants its boundary to be left as it is in AWS".to_owned(),
                fix: "take permissionsBoundary out of evenkeel/ignore-fields".to_owned(),
                ..Finding::new(Rule::PermissionsBoundary, path, "ignored")
            });
        }
    }
    findings
}

/// Texts of IAM that hold other letters than ASCII's. AWS refuses most of them; a reviewer does not
/// see them.
pub(super) fn look_alikes(resource: &Resource, body: &Body<'_>) -> Vec<Finding> {
    let found = names(resource).into_iter().chain(of_statements(resource, body));
    let finding = |text: Text<'_>| {
        let letter = text.text.chars().find(|letter| !letter.is_ascii())?;
        Some(Finding {
            why: format!(
                "`{}` holds U+{:04X}, which is not ASCII and may look as if it were",
                text.text,
                u32::from(letter)
            ),
            fix: "write it with the letters of ASCII".to_owned(),
            ..Finding::new(Rule::AsciiNames, text.path, text.text)
        })
    };
    found.filter_map(finding).collect()
}

fn names(resource: &Resource) -> Vec<Text<'_>> {
    let (spec, origin) = (&resource.spec, &resource.origin);
    let members = ["path", "instanceProfile", "permissionsBoundary"];
    let text = |member: &&'static str| Some(Text { path: origin.key(*member), text: spec.get(*member)?.as_str()? });
    let mut names: Vec<Text<'_>> = members.iter().filter_map(text).collect();
    names.extend(name(resource));
    names.extend(policies(resource));
    let inline = spec.get("inlinePolicies").and_then(Value::as_object).into_iter().flat_map(|all| all.keys());
    names.extend(inline.map(|name| Text { path: origin.key("inlinePolicies").key(name), text: name }));
    names
}

/// The name in AWS, and where it is written.
pub(super) fn name(resource: &Resource) -> Option<Text<'_>> {
    let field = resource.key.kind.row().name_field?;
    let text = resource.spec.get(field)?.as_str()?;
    let path = match (text == resource.key.name, resource.key == resource.manifest) {
        (true, true) => Path::default().key("metadata").key("name"),
        (true, false) => resource.origin.clone(),
        (false, _) => resource.origin.key(field),
    };
    Some(Text { path, text })
}

fn of_statements<'r>(resource: &'r Resource, body: &'r Body<'r>) -> Vec<Text<'r>> {
    let trust = "assumeRolePolicyDocument";
    let trust = resource.spec.get(trust).map(|document| statements(document, &resource.origin.key(trust)));
    let mut found = Vec::new();
    for statement in trust.iter().flatten().chain(&body.statements) {
        for name in ["Action", "NotAction"] {
            found.extend(statement.texts(name).unwrap_or_default());
        }
        // Elsewhere a resource may be called anything: an object in S3, say.
        for name in ["Resource", "NotResource"] {
            let resources = statement.texts(name).unwrap_or_default();
            found.extend(resources.into_iter().filter(|one| one.text.contains(":iam:")));
        }
        for name in ["Principal", "NotPrincipal"] {
            let kinds = statement.element(name).and_then(|(path, value)| Some((path, value.as_object()?)));
            if let Some((path, kinds)) = kinds {
                found.extend(kinds.iter().flat_map(|(kind, who)| texts(&path.key(kind), who)));
            }
        }
    }
    found
}
