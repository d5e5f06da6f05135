//! Permissions that lead to every other one: who has them needs no more.

use std::collections::BTreeMap;

use super::statement::Body;
use crate::value::Path;

/// One way from some permissions to more.
#[derive(Debug)]
pub struct Way {
    /// How messages and the guardrails file call it.
    pub name: &'static str,
    /// The actions, in lower case, that have to be allowed on more than named resources.
    pub broad: &'static [&'static str],
    /// The actions that go with them, on whatever resource.
    pub with: &'static [&'static str],
    /// What it leads to.
    pub gains: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// parliament 1.6.4, community_auditors/privilege_escalation.py, after Bishop Fox, "5 Privesc Attack
/// Vectors in AWS", and Rhino Security Labs, "AWS IAM Privilege Escalation".
const PARLIAMENT: &str = "parliament";
/// As before, but that parliament asks for sts:AssumeRole as well: a role that may do it to itself
/// is assumed already, and a trust policy that names the caller's ARN needs no further permission
/// in the same account (IAM user guide, "Cross-account policy evaluation logic").
const PARLIAMENT_WITHOUT_ASSUMING: &str = "parliament, without sts:AssumeRole";
/// ECS API reference: RunTask and StartTask take `overrides` with taskRoleArn and a command, so an
/// existing task definition will do.
const OVERRIDES: &str = "ECS API reference, TaskOverride";
/// ECS API reference: the roles of a new revision are passed when it is registered or run.
const REVISION: &str = "ECS API reference, RegisterTaskDefinition";
/// ECS developer guide, "Task IAM role": containers on EC2 reach the credentials of their instance
/// unless that is blocked, and a task definition may ask for the host itself.
const INSTANCE: &str = "ECS developer guide, Task IAM role, considerations for EC2";
/// ECS developer guide, "ECS Exec": a shell in the container, with its environment and its credentials.
const EXEC: &str = "ECS developer guide, ECS Exec";
/// IAM user guide, "Permissions boundaries": who may change them is not bound by them.
const BOUNDARIES: &str = "IAM user guide, Delegating responsibility using permissions boundaries";
/// IAM user guide, "Granting permissions to assume a role": every role whose trust names the account.
const ASSUMING: &str = "IAM user guide, Granting a user permissions to switch roles";
/// EC2 API reference, AssociateIamInstanceProfile.
const PROFILES: &str = "EC2 API reference, AssociateIamInstanceProfile";

const PASS: &[&str] = &["iam:passrole"];

const fn way(
    name: &'static str,
    broad: &'static [&'static str],
    with: &'static [&'static str],
    gains: &'static str,
    source: &'static str,
) -> Way {
    Way { name, broad, with, gains, source }
}

/// Every way. Of parliament's, PassExistingRoleToNewLambdaThenTriggerWithNewDynamo is left out: it
/// needs all that ThenTriggerWithExistingDynamo needs, and more.
pub const WAYS: &[Way] = &[
    way("CreateAccessKey", &["iam:createaccesskey"], &[], "the keys of any user", PARLIAMENT),
    way("CreateLoginProfile", &["iam:createloginprofile"], &[], "a password for any user", PARLIAMENT),
    way("UpdateLoginProfile", &["iam:updateloginprofile"], &[], "the password of any user", PARLIAMENT),
    way("CreateNewPolicyVersion", &["iam:createpolicyversion"], &[], "any content in a policy it has", PARLIAMENT),
    way(
        "SetExistingDefaultPolicyVersion",
        &["iam:setdefaultpolicyversion"],
        &[],
        "an older, wider version of a policy it has",
        PARLIAMENT,
    ),
    way("AttachUserPolicy", &["iam:attachuserpolicy"], &[], "any policy on any user", PARLIAMENT),
    way("AttachGroupPolicy", &["iam:attachgrouppolicy"], &[], "any policy on any group", PARLIAMENT),
    way("AttachRolePolicy", &["iam:attachrolepolicy"], &[], "any policy on itself", PARLIAMENT_WITHOUT_ASSUMING),
    way("PutUserPolicy", &["iam:putuserpolicy"], &[], "any permission for any user", PARLIAMENT),
    way("PutGroupPolicy", &["iam:putgrouppolicy"], &[], "any permission for any group", PARLIAMENT),
    way("PutRolePolicy", &["iam:putrolepolicy"], &[], "any permission for itself", PARLIAMENT_WITHOUT_ASSUMING),
    way("AddUserToGroup", &["iam:addusertogroup"], &[], "the permissions of any group", PARLIAMENT),
    way(
        "UpdateRolePolicyToAssumeIt",
        &["iam:updateassumerolepolicy"],
        &[],
        "every role of the account",
        PARLIAMENT_WITHOUT_ASSUMING,
    ),
    way("CreateEC2WithExistingIP", PASS, &["ec2:runinstances"], "an instance with any role", PARLIAMENT),
    way(
        "PassExistingRoleToNewLambdaThenInvoke",
        PASS,
        &["lambda:createfunction", "lambda:invokefunction"],
        "code of its own with any role",
        PARLIAMENT,
    ),
    way(
        "PassExistingRoleToNewLambdaThenTriggerWithExistingDynamo",
        PASS,
        &["lambda:createfunction", "lambda:createeventsourcemapping"],
        "code of its own with any role",
        PARLIAMENT,
    ),
    way("PassExistingRoleToNewGlueDevEndpoint", PASS, &["glue:createdevendpoint"], "a shell with any role", PARLIAMENT),
    way("PassExistingRoleToCloudFormation", PASS, &["cloudformation:createstack"], "a stack with any role", PARLIAMENT),
    way(
        "PassExistingRoleToNewDataPipeline",
        PASS,
        &["datapipeline:createpipeline"],
        "a pipeline with any role",
        PARLIAMENT,
    ),
    way(
        "UpdateExistingGlueDevEndpoint",
        &["glue:updatedevendpoint"],
        &[],
        "a shell with the endpoint's role",
        PARLIAMENT,
    ),
    way(
        "EditExistingLambdaFunctionWithRole",
        &["lambda:updatefunctioncode"],
        &[],
        "code of its own with the role of any function",
        PARLIAMENT,
    ),
    way("PassRoleToRunTask", PASS, &["ecs:runtask"], "a task with any role", OVERRIDES),
    way("PassRoleToStartTask", PASS, &["ecs:starttask"], "a task with any role", OVERRIDES),
    way(
        "PassRoleToNewService",
        PASS,
        &["ecs:registertaskdefinition", "ecs:createservice"],
        "tasks with any role",
        REVISION,
    ),
    way(
        "PassRoleToExistingService",
        PASS,
        &["ecs:registertaskdefinition", "ecs:updateservice"],
        "tasks with any role",
        REVISION,
    ),
    way(
        "PassRoleToTaskSet",
        PASS,
        &["ecs:registertaskdefinition", "ecs:createtaskset"],
        "tasks with any role",
        REVISION,
    ),
    way("ExecuteCommand", &["ecs:executecommand"], &[], "a shell in any task, with the task's role", EXEC),
    way(
        "RunTaskOnInstance",
        &["ecs:runtask"],
        &["ecs:registertaskdefinition"],
        "code of its own beside every container of an instance",
        INSTANCE,
    ),
    way(
        "StartTaskOnInstance",
        &["ecs:starttask"],
        &["ecs:registertaskdefinition"],
        "code of its own beside every container of an instance",
        INSTANCE,
    ),
    way(
        "NewServiceOnInstance",
        &["ecs:createservice"],
        &["ecs:registertaskdefinition"],
        "code of its own beside every container of an instance",
        INSTANCE,
    ),
    way(
        "ReplaceTasksOfAnyService",
        &["ecs:updateservice"],
        &["ecs:registertaskdefinition"],
        "code of its own in place of any service's",
        INSTANCE,
    ),
    way("PassRoleToInstance", PASS, &["ec2:associateiaminstanceprofile"], "any role on a running instance", PROFILES),
    way(
        "PutRolePermissionsBoundary",
        &["iam:putrolepermissionsboundary"],
        &[],
        "a wider boundary for itself",
        BOUNDARIES,
    ),
    way(
        "DeleteRolePermissionsBoundary",
        &["iam:deleterolepermissionsboundary"],
        &[],
        "no boundary for itself",
        BOUNDARIES,
    ),
    way("AssumeAnyRole", &["sts:assumerole"], &[], "every role that trusts the account", ASSUMING),
];

impl Way {
    /// Every action that it takes.
    pub fn actions(&self) -> impl Iterator<Item = &'static str> {
        self.broad.iter().chain(self.with).copied()
    }

    /// Whether it takes all that another takes.
    pub(super) fn is_no_less(&self, other: &Self) -> bool {
        other.actions().all(|action| self.actions().any(|own| own == action))
    }

    /// Where the permissions that it takes stand, by the number of the body that gives them; `None`
    /// when one is missing. `own` are the ARNs of what holds them.
    pub(super) fn found(&self, bodies: &[(usize, &Body<'_>)], own: &[String]) -> Option<BTreeMap<usize, Path>> {
        let mut places = BTreeMap::new();
        for action in self.actions() {
            let broad = self.broad.contains(&action);
            let mut given = false;
            for (number, body) in bodies {
                let fits = body.grants(action, own).into_iter().find(|grant| grant.broad || !broad);
                if let Some(grant) = fits {
                    given = true;
                    places.entry(*number).or_insert(grant.path);
                }
            }
            if !given {
                return None;
            }
        }
        Some(places)
    }
}

/// An action as AWS's documentation spells it, as far as that can be told: for people.
pub(super) fn spelled(action: &str) -> &str {
    SPELLED.iter().copied().find(|spelled| spelled.eq_ignore_ascii_case(action)).unwrap_or(action)
}

const SPELLED: &[&str] = &[
    "cloudformation:CreateStack",
    "datapipeline:CreatePipeline",
    "ec2:AssociateIamInstanceProfile",
    "ec2:RunInstances",
    "ecs:CreateService",
    "ecs:CreateTaskSet",
    "ecs:ExecuteCommand",
    "ecs:RegisterTaskDefinition",
    "ecs:RunTask",
    "ecs:StartTask",
    "ecs:UpdateService",
    "glue:CreateDevEndpoint",
    "glue:UpdateDevEndpoint",
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PassRole",
    "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "lambda:CreateEventSourceMapping",
    "lambda:CreateFunction",
    "lambda:InvokeFunction",
    "lambda:UpdateFunctionCode",
    "sts:AssumeRole",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_way_has_a_name_and_actions_of_its_own() {
        let names: BTreeSet<&str> = WAYS.iter().map(|way| way.name).collect();
        let actions: BTreeSet<BTreeSet<&str>> = WAYS.iter().map(|way| way.actions().collect()).collect();
        assert_eq!(names.len(), WAYS.len());
        // The same actions may be two ways: broad in one of them here, in the other there.
        assert!(actions.len() >= WAYS.len() - 4, "{} sets of actions", actions.len());
        for action in WAYS.iter().flat_map(Way::actions) {
            assert!(spelled(action).contains(char::is_uppercase), "{action} is spelled nowhere");
            assert_eq!(action, action.to_ascii_lowercase());
        }
    }
}
