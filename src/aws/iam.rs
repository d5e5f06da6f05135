//! AWS IAM: every role and policy of the account in a few pages, and one call per action.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail, Tag};
use serde_json::json;

use super::Aws;
use super::failure::{classify, refusal};
use crate::action::{Action, NewRole};
use crate::failure::Refusal;
use crate::model::Key;
use crate::policy;
use crate::resource::{Identity, Resource};
use crate::value::{Map, Value};
use crate::world::{Failure, Live, OWNER_TAG, Phase, Seen};

/// Items in one page (IAM API reference; AWS may answer fewer).
const ITEMS_MAX: i32 = 1000;

/// The two members of a role that GetAccountAuthorizationDetails does not answer, by role name.
type Extras = BTreeMap<String, (String, i32)>;

impl Aws {
    pub(super) async fn observe_iam(&self, asked: &[&Resource]) -> Vec<(Key, Seen)> {
        let of_iam: Vec<&&Resource> = asked
            .iter()
            .filter(|resource| matches!(resource.identity, Identity::Role { .. } | Identity::Policy { .. }))
            .collect();
        let roles = of_iam.iter().any(|resource| matches!(resource.identity, Identity::Role { .. }));
        let policies = of_iam.iter().any(|resource| matches!(resource.identity, Identity::Policy { .. }));
        if !roles && !policies {
            return Vec::new();
        }
        let unknown = |failure: Failure| {
            of_iam.iter().map(|resource| (resource.key.clone(), Seen::Unknown(failure.clone()))).collect()
        };
        let details = match self.details(roles, policies).await {
            Ok(details) => details,
            Err(failure) => return unknown(failure),
        };
        let extras = match if roles { self.extras().await } else { Ok(Extras::new()) } {
            Ok(extras) => extras,
            Err(failure) => return unknown(failure),
        };
        let mut seen = Vec::new();
        for resource in of_iam {
            let one = match &resource.identity {
                Identity::Role { name } => details.roles.get(&name.to_lowercase()).map_or(Seen::Absent, |role| {
                    Seen::Present(live_role(role, extras.get(role.role_name().unwrap_or_default())))
                }),
                Identity::Policy { arn } => match details.policies.get(&name_of(arn)) {
                    Some(policy) => self.live_policy(policy).await,
                    None => Seen::Absent,
                },
                _ => continue,
            };
            seen.push((resource.key.clone(), one));
        }
        seen
    }

    pub(super) async fn details(&self, roles: bool, policies: bool) -> Result<Details, Failure> {
        let filter = [(roles, EntityType::Role), (policies, EntityType::LocalManagedPolicy)];
        let filter = filter.into_iter().filter(|(wanted, _)| *wanted).map(|(_, kind)| kind).collect();
        let call = self.iam.get_account_authorization_details().set_filter(Some(filter)).max_items(ITEMS_MAX);
        self.paced("iam:GetAccountAuthorizationDetails").await;
        let mut pages = call.into_paginator().send();
        let mut details = Details::default();
        while let Some(page) = pages.next().await {
            let page = page.map_err(classify)?;
            for role in page.role_detail_list.unwrap_or_default() {
                details.roles.insert(role.role_name().unwrap_or_default().to_lowercase(), role);
            }
            for policy in page.policies.unwrap_or_default() {
                details.policies.insert(name_of(policy.arn().unwrap_or_default()), policy);
            }
        }
        Ok(details)
    }

    async fn extras(&self) -> Result<Extras, Failure> {
        self.paced("iam:ListRoles").await;
        let mut pages = self.iam.list_roles().max_items(ITEMS_MAX).into_paginator().items().send();
        let mut extras = Extras::new();
        while let Some(role) = pages.next().await {
            let role = role.map_err(classify)?;
            let description = role.description().unwrap_or_default().to_owned();
            // IAM's default, for an answer that leaves it out.
            extras.insert(role.role_name().to_owned(), (description, role.max_session_duration().unwrap_or(3600)));
        }
        Ok(extras)
    }

    /// A policy's document and versions come in bulk; its tags and description only one by one.
    pub(super) async fn live_policy(&self, detail: &ManagedPolicyDetail) -> Seen {
        let arn = detail.arn().unwrap_or_default();
        self.paced("iam:GetPolicy").await;
        let answer = match self.iam.get_policy().policy_arn(arn).send().await.map_err(classify) {
            Ok(answer) => answer,
            Err(failure) => return Seen::Unknown(failure),
        };
        let Some(policy) = answer.policy() else {
            return Seen::Unknown(Failure::Unreachable("GetPolicy answered no policy".to_owned()));
        };
        let default = detail.policy_version_list().iter().find(|version| version.is_default_version());
        let versions: Value = detail
            .policy_version_list()
            .iter()
            .map(|version| json!({ "versionId": version.version_id(), "isDefaultVersion": version.is_default_version() }))
            .collect();
        let document = json!({
            "policyName": policy.policy_name(),
            "path": policy.path(),
            "description": policy.description().unwrap_or_default(),
            "policyDocument": default.and_then(|version| version.document()).map(document),
            "versions": versions,
        });
        Seen::Present(Live { arn: arn.to_owned(), document, tags: tags(policy.tags()), phase: Phase::Steady })
    }

    pub(super) async fn apply_iam(&self, action: &Action) -> Result<(), Refusal> {
        let iam = &self.iam;
        match action {
            Action::CreateRole(role) => self.create_role(role).await,
            Action::UpdateRole { role, description, max_session_duration } => {
                let call = iam.update_role().role_name(role).description(description);
                call.max_session_duration(*max_session_duration).send().await.map(|_| ()).map_err(refusal)
            }
            Action::UpdateAssumeRolePolicy { role, document } => {
                let call = iam.update_assume_role_policy().role_name(role).policy_document(policy::to_text(document));
                call.send().await.map(|_| ()).map_err(refusal)
            }
            Action::PutRolePermissionsBoundary { role, arn } => {
                let call = iam.put_role_permissions_boundary().role_name(role).permissions_boundary(arn);
                call.send().await.map(|_| ()).map_err(refusal)
            }
            Action::PutRolePolicy { role, policy, document } => {
                let call = iam.put_role_policy().role_name(role).policy_name(policy);
                call.policy_document(policy::to_text(document)).send().await.map(|_| ()).map_err(refusal)
            }
            Action::DeleteRolePolicy { role, policy } => {
                iam.delete_role_policy().role_name(role).policy_name(policy).send().await.map(|_| ()).map_err(refusal)
            }
            Action::AttachRolePolicy { role, arn } => {
                iam.attach_role_policy().role_name(role).policy_arn(arn).send().await.map(|_| ()).map_err(refusal)
            }
            Action::DetachRolePolicy { role, arn } => {
                iam.detach_role_policy().role_name(role).policy_arn(arn).send().await.map(|_| ()).map_err(refusal)
            }
            Action::TagRole { role, tags } => {
                iam.tag_role().role_name(role).set_tags(Some(tag_list(tags)?)).send().await.map(|_| ()).map_err(refusal)
            }
            Action::CreateInstanceProfile { profile, path, tags } => self.create_profile(profile, path, tags).await,
            Action::AddRoleToInstanceProfile { profile, role } => {
                let call = iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(role);
                call.send().await.map(|_| ()).map_err(refusal)
            }
            other => Box::pin(self.apply_deletion(other)).await,
        }
    }

    async fn create_role(&self, role: &NewRole) -> Result<(), Refusal> {
        let call = self
            .iam
            .create_role()
            .role_name(&role.name)
            .path(&role.path)
            .assume_role_policy_document(policy::to_text(&role.assume_role_policy_document))
            .set_description(role.description.clone())
            .set_max_session_duration(role.max_session_duration)
            .set_permissions_boundary(role.permissions_boundary.clone())
            .set_tags(Some(tag_list(&role.tags)?));
        call.send().await.map(|_| ()).map_err(refusal)
    }

    /// Creates an instance profile. One that is there already is taken for what a pass that broke off
    /// left behind, but only if it carries our owner tag.
    async fn create_profile(&self, profile: &str, path: &str, tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
        let call = self.iam.create_instance_profile().instance_profile_name(profile).path(path);
        let error = match call.set_tags(Some(tag_list(tags)?)).send().await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if !error.as_service_error().is_some_and(|error| error.is_entity_already_exists_exception()) {
            return Err(refusal(error));
        }
        let call = self.iam.get_instance_profile().instance_profile_name(profile);
        let there = call.send().await.map_err(refusal)?;
        let there = there.instance_profile().map(|there| self::tags(there.tags())).unwrap_or_default();
        match there.get(OWNER_TAG) {
            Some(owner) if tags.get(OWNER_TAG) == Some(owner) => Ok(()),
            Some(owner) => Err(Failure::Rejected(format!("the instance profile {profile} belongs to {owner}")).into()),
            None => Err(Failure::Rejected(format!(
                "the instance profile {profile} exists and carries no owner tag; bind the role to it by hand, or give \
                 instanceProfile another name"
            ))
            .into()),
        }
    }

    async fn apply_deletion(&self, action: &Action) -> Result<(), Refusal> {
        let iam = &self.iam;
        match action {
            Action::RemoveRoleFromInstanceProfile { profile, role } => {
                let call = iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role);
                call.send().await.map(|_| ()).map_err(refusal)
            }
            Action::DeleteInstanceProfile { profile } => {
                iam.delete_instance_profile().instance_profile_name(profile).send().await.map(|_| ()).map_err(refusal)
            }
            Action::DeleteRole { role } => iam.delete_role().role_name(role).send().await.map(|_| ()).map_err(refusal),
            Action::DeletePolicy { arn } => {
                iam.delete_policy().policy_arn(arn).send().await.map(|_| ()).map_err(refusal)
            }
            other => self.apply_policy(other).await,
        }
    }

    async fn apply_policy(&self, action: &Action) -> Result<(), Refusal> {
        let iam = &self.iam;
        match action {
            Action::CreatePolicy { name, path, description, document, tags } => {
                let call = iam.create_policy().policy_name(name).path(path).set_description(description.clone());
                let call = call.policy_document(policy::to_text(document)).set_tags(Some(tag_list(tags)?));
                call.send().await.map(|_| ()).map_err(refusal)
            }
            Action::CreatePolicyVersion { arn, document } => {
                let call = iam.create_policy_version().policy_arn(arn).policy_document(policy::to_text(document));
                call.set_as_default(true).send().await.map(|_| ()).map_err(refusal)
            }
            Action::DeletePolicyVersion { arn, version } => {
                let call = iam.delete_policy_version().policy_arn(arn).version_id(version);
                call.send().await.map(|_| ()).map_err(refusal)
            }
            Action::TagPolicy { arn, tags } => iam
                .tag_policy()
                .policy_arn(arn)
                .set_tags(Some(tag_list(tags)?))
                .send()
                .await
                .map(|_| ())
                .map_err(refusal),
            other => Err(Failure::Rejected(format!("{other} is no IAM call")).into()),
        }
    }
}

/// The name in an ARN, in lower case: IAM's names are unique whatever their path and case.
fn name_of(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_lowercase()
}

/// What GetAccountAuthorizationDetails answered: roles and policies by lower-case name.
#[derive(Default)]
pub(super) struct Details {
    pub(super) roles: BTreeMap<String, RoleDetail>,
    pub(super) policies: BTreeMap<String, ManagedPolicyDetail>,
}

pub(super) fn live_role(role: &RoleDetail, extras: Option<&(String, i32)>) -> Live {
    let inline: Map<String, Value> = role
        .role_policy_list()
        .iter()
        .map(|policy| {
            let text = policy.policy_document().unwrap_or_default();
            (policy.policy_name().unwrap_or_default().to_owned(), document(text))
        })
        .collect();
    let attached: Value = role.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn()).collect();
    let profiles: Value = role.instance_profile_list().iter().map(|profile| profile.instance_profile_name()).collect();
    let mut spec = json!({
        "roleName": role.role_name(),
        "path": role.path(),
        "assumeRolePolicyDocument": role.assume_role_policy_document().map(document),
        "inlinePolicies": inline,
        "managedPolicyArns": attached,
        "instanceProfiles": profiles,
        "permissionsBoundary": role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()),
    });
    if let Some((description, seconds)) = extras {
        spec["description"] = description.as_str().into();
        spec["maxSessionDuration"] = (*seconds).into();
    }
    Live {
        arn: role.arn().unwrap_or_default().to_owned(),
        document: spec,
        tags: tags(role.tags()),
        phase: Phase::Steady,
    }
}

/// A policy document as IAM answers it. One that cannot be read is kept as text, and so differs
/// from whatever is declared.
fn document(text: &str) -> Value {
    policy::parse(text).unwrap_or_else(|_| text.into())
}

pub(super) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

fn tag_list(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, Failure> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| Failure::Rejected(error.to_string()))
}
