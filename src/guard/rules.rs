//! The table of rules: what the guardrails file, its messages, the help and the README know them by.

use std::fmt;
use std::fmt::Write as _;

use super::VERBS;

/// A rule that manifests are held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// AWS's own policies that allow everything, or everything of a service.
    AdminPolicies,
    /// Statements that allow everything of a service, or everything but something.
    Wildcards,
    /// Permissions that together lead to every other one.
    Escalation,
    /// Which roles may be handed to which service.
    PassRole,
    /// Who may assume a role.
    Trust,
    /// Whether a task's role can be assumed on behalf of another account's tasks.
    ConfusedDeputy,
    /// Letters that look like others.
    AsciiNames,
    /// Accounts that the command may work on.
    Accounts,
    /// Regions that the command may work in.
    Regions,
    /// Boundaries that every role must have.
    PermissionsBoundary,
    /// Managed policies that may be attached.
    ManagedPolicies,
    /// Names in AWS.
    Names,
    /// Paths of roles and policies.
    Paths,
    /// Kinds of manifests.
    Kinds,
    /// The number of roles.
    MaxRoles,
    /// The size of a policy document.
    MaxPolicySize,
    /// Actions that nobody may be allowed.
    DeniedActions,
    /// Where images come from.
    ImageRegistries,
    /// Roles that tasks, services and capacity providers may have.
    PassedRoles,
    /// Containers that own their host.
    Privileged,
    /// Tasks in the network of their host.
    HostNetwork,
    /// Folders of the host.
    HostVolumes,
    /// What may be allowed on top of what AWS has.
    Widening,
    /// What may be done in AWS.
    Verbs,
    /// When something may be done in AWS.
    Windows,
}

/// What a rule's value is in the guardrails file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// On without a file. `{allow: [what it lets pass]}` or `{off: reason}`; what stands in `allow`.
    Default(&'static str),
    /// One text or a list of texts; what they are.
    Texts(&'static str),
    /// A list of kinds.
    Kinds,
    /// From kinds to one pattern or a list of patterns.
    PerKind,
    /// A whole number.
    Number,
    /// `false`: it is not allowed. `true` is the same as nothing.
    False,
    /// One of [`super::VERBS`] or a list of them.
    Verbs,
    /// One window or a list of them.
    Windows,
}

/// One row of the table of rules.
#[derive(Debug)]
pub struct RuleRow {
    /// The rule.
    pub rule: Rule,
    /// How the file and the messages spell it.
    pub name: &'static str,
    /// What its value is.
    pub form: Form,
    /// Whether it may stand below `directories`, too.
    pub per_directory: bool,
    /// What it refuses, for people.
    pub refuses: &'static str,
}

const fn row(rule: Rule, name: &'static str, form: Form, per_directory: bool, refuses: &'static str) -> RuleRow {
    RuleRow { rule, name, form, per_directory, refuses }
}

/// Every rule, in the order of [`Rule`]; the first of them are on without a file.
pub const RULES: &[RuleRow] = &[
    row(
        Rule::AdminPolicies,
        "adminPolicies",
        Form::Default("ARNs of policies"),
        false,
        "attaching AWS's AdministratorAccess, PowerUserAccess or any *FullAccess policy",
    ),
    row(
        Rule::Wildcards,
        "wildcards",
        Form::Default("actions, such as `logs:*`"),
        false,
        "allowing `*` or `service:*` on every resource; Allow with NotAction, NotResource or NotPrincipal",
    ),
    row(
        Rule::Escalation,
        "escalation",
        Form::Default("names of ways, as the message says them"),
        false,
        "permissions by which a role can give itself any other, also from several policies together",
    ),
    row(
        Rule::PassRole,
        "passRole",
        Form::Default("ARNs of roles, such as `arn:aws:iam::*:role/shop-*`"),
        false,
        "iam:PassRole without the ARN of a role, or without a condition on iam:PassedToService",
    ),
    row(
        Rule::Trust,
        "trust",
        Form::Default("account ids"),
        false,
        "a trust policy that lets in everybody, another account, or everybody of an identity provider",
    ),
    row(
        Rule::ConfusedDeputy,
        "confusedDeputy",
        Form::Default("service principals"),
        false,
        "trust in ecs-tasks.amazonaws.com without a condition on aws:SourceAccount or aws:SourceArn",
    ),
    row(
        Rule::AsciiNames,
        "asciiNames",
        Form::Default("texts"),
        false,
        "names, actions, principals and ARNs of IAM with other letters than ASCII's, which look alike",
    ),
    row(Rule::Accounts, "accounts", Form::Texts("account ids"), false, "to start on any other account"),
    row(Rule::Regions, "regions", Form::Texts("Regions"), false, "to start in any other Region"),
    row(
        Rule::PermissionsBoundary,
        "permissionsBoundary",
        Form::Texts("ARNs of policies"),
        true,
        "a role without one of these boundaries, and a manifest of the boundary itself",
    ),
    row(
        Rule::ManagedPolicies,
        "managedPolicies",
        Form::Texts("ARNs of policies"),
        true,
        "attaching any other managed policy",
    ),
    row(Rule::Names, "names", Form::PerKind, true, "a resource of that kind with any other name in AWS"),
    row(
        Rule::Paths,
        "paths",
        Form::Texts("paths, such as `/shop/`"),
        true,
        "a role or a policy outside of these paths",
    ),
    row(Rule::Kinds, "kinds", Form::Kinds, true, "a manifest of any other kind"),
    row(Rule::MaxRoles, "maxRoles", Form::Number, true, "more roles than this"),
    row(
        Rule::MaxPolicySize,
        "maxPolicySize",
        Form::Number,
        true,
        "a policy document of more characters, white space not counted",
    ),
    row(Rule::DeniedActions, "deniedActions", Form::Texts("actions"), true, "allowing one of these actions"),
    row(
        Rule::ImageRegistries,
        "imageRegistries",
        Form::Texts("registries or repositories"),
        true,
        "a container image from elsewhere",
    ),
    row(
        Rule::PassedRoles,
        "passedRoles",
        Form::Texts("ARNs of roles"),
        true,
        "any other role for a task, a service, a cluster or a capacity provider",
    ),
    row(Rule::Privileged, "privileged", Form::False, true, "privileged containers, SYS_ADMIN and ALL capabilities"),
    row(Rule::HostNetwork, "hostNetwork", Form::False, true, "`host` as network, pid or ipc mode"),
    row(Rule::HostVolumes, "hostVolumes", Form::False, true, "volumes that are folders of the host"),
    row(
        Rule::Widening,
        "widening",
        Form::False,
        true,
        "a role or policy that is there allowing more than it does in AWS, but for what `evenkeel/allow-widening` names",
    ),
    row(Rule::Verbs, "verbs", Form::Verbs, true, "doing anything else in AWS"),
    row(Rule::Windows, "windows", Form::Windows, true, "doing anything in AWS at any other time"),
];

impl Rule {
    /// This rule's row in [`RULES`].
    #[must_use]
    pub fn row(self) -> &'static RuleRow {
        &RULES[self as usize]
    }

    /// Whether it is on without a file.
    #[must_use]
    pub fn is_default(self) -> bool {
        matches!(self.row().form, Form::Default(_))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl Form {
    /// How the file writes it.
    #[must_use]
    pub fn written(self) -> String {
        match self {
            Self::Default(what) => format!("`{{allow: […]}}` ({what}) or `{{off: reason}}`"),
            Self::Texts(what) => what.to_owned(),
            Self::Kinds => "kinds".to_owned(),
            Self::PerKind => "kind → patterns".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::False => "`false`".to_owned(),
            Self::Verbs => format!("of {}", VERBS.map(|verb| format!("`{verb}`")).join(", ")),
            Self::Windows => "times in UTC: `Mon:22:00-Tue:04:00`, or `22:00-04:00` for every day".to_owned(),
        }
    }
}

/// The table as the README has it.
#[must_use]
pub fn markdown() -> String {
    let mut text = "| rule | refuses | value in the file |\n|---|---|---|\n".to_owned();
    for row in RULES {
        let _ = writeln!(text, "| `{}` | {} | {} |", row.name, row.refuses, row.form.written());
    }
    text
}

/// The table as the help has it.
#[must_use]
pub fn help() -> String {
    let mut text =
        "Hold manifests to the rules of this YAML file, which stands outside of DIR and is read at the start. \
                    Without it, the rules that are on by default count.\n\nOn by default:\n"
            .to_owned();
    for row in RULES {
        if row.rule == Rule::Accounts {
            text.push_str("\nWith a file:\n");
        }
        let _ = writeln!(text, "  {}: refuses {}", row.name, row.refuses);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_rules_is_in_the_order_of_the_enum() {
        for (index, row) in RULES.iter().enumerate() {
            assert_eq!(row.rule as usize, index);
        }
        let defaults = RULES.iter().take_while(|row| row.rule.is_default()).count();
        assert!(RULES[defaults..].iter().all(|row| !row.rule.is_default()), "those on by default come first");
    }
}
