//! Managed policies and their versions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use super::document::{self, Kind};
use super::error::{already_exists, delete_conflict, invalid_input, limit_exceeded, no_such_entity};
use super::page::Page;
use super::query::{Query, encode};
use super::role_policy::name_of;
use super::tags::Tags;
use super::{Answer, State, aws_managed, check, key_of, xml};
use crate::sandbox::{ACCOUNT, ApiError, Context};

/// The quota of a managed policy's size.
pub(super) const SIZE_QUOTA: usize = 6144;
/// How many versions a managed policy can have.
pub(super) const VERSIONS_QUOTA: usize = 5;

/// A managed policy: the account's own or one of AWS's.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) created: Duration,
    pub(super) updated: Duration,
    pub(super) versions: Vec<Version>,
    pub(super) default: u32,
    /// Version numbers are never used again.
    pub(super) next: u32,
    pub(super) tags: Tags,
}

/// One version of a managed policy.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) number: u32,
    pub(super) text: String,
    pub(super) created: Duration,
}

/// What roles use a managed policy for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) attached: u32,
    pub(super) boundary: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    /// Just created: without description.
    Created,
    /// In a list: without description and tags (documented).
    Listed,
    /// On its own.
    Full,
}

impl Policy {
    fn xml(&self, usage: Usage, view: View) -> String {
        let mut out = self.core_xml(usage);
        if view == View::Full {
            out += &xml::optional("Description", self.description.as_deref());
        }
        if view != View::Listed && !self.tags.is_empty() {
            out += &self.tags.xml();
        }
        out
    }

    /// What every answer shows of a policy.
    pub(super) fn core_xml(&self, usage: Usage) -> String {
        xml::text("PolicyName", &self.name)
            + &xml::text("PolicyId", &self.id)
            + &xml::text("Arn", &self.arn)
            + &xml::text("Path", &self.path)
            + &xml::text("DefaultVersionId", format!("v{}", self.default))
            + &xml::text("AttachmentCount", usage.attached)
            + &xml::text("PermissionsBoundaryUsageCount", usage.boundary)
            + &xml::text("IsAttachable", true)
            + &xml::date("CreateDate", self.created)
            + &xml::date("UpdateDate", self.updated)
    }

    /// A version, with its document where the operation shows it.
    pub(super) fn version_xml(&self, version: &Version, with_document: bool) -> String {
        let document = with_document.then(|| encode(&version.text));
        xml::optional("Document", document)
            + &xml::text("VersionId", format!("v{}", version.number))
            + &xml::text("IsDefaultVersion", version.number == self.default)
            + &xml::date("CreateDate", version.created)
    }

    /// The document in force, if it is known.
    pub(super) fn document(&self) -> Option<&str> {
        self.versions.iter().find(|version| version.number == self.default).map(|version| version.text.as_str())
    }
}

impl State {
    /// The managed policy with an ARN.
    pub(super) fn policy(&self, arn: &str) -> Option<Cow<'_, Policy>> {
        let own = self.policies.get(&key_of(name_of(arn))).filter(|policy| policy.arn == arn);
        own.map(Cow::Borrowed).or_else(|| aws_managed::policy(arn))
    }

    /// How often roles use each managed policy.
    pub(super) fn usages(&self) -> HashMap<&str, Usage> {
        let mut usages: HashMap<&str, Usage> = HashMap::new();
        for role in self.roles.values() {
            for arn in &role.attached {
                usages.entry(arn).or_default().attached += 1;
            }
            if let Some(arn) = &role.boundary {
                usages.entry(arn).or_default().boundary += 1;
            }
        }
        usages
    }

    fn usage(&self, arn: &str) -> Usage {
        self.usages().get(arn).copied().unwrap_or_default()
    }

    /// The policy that a request names as a permissions boundary.
    pub(super) fn boundary_of(&self, query: &Query) -> Result<String, ApiError> {
        let arn = check::policy_arn(query, "PermissionsBoundary")?;
        match self.policy(arn) {
            Some(_) => Ok(arn.to_owned()),
            None => Err(no_such_entity(format!("Scope ARN: {arn} does not exist or is not attachable."))),
        }
    }

    fn named_policy(&self, query: &Query) -> Result<Cow<'_, Policy>, ApiError> {
        let arn = check::policy_arn(query, "PolicyArn")?;
        self.policy(arn).ok_or_else(|| not_found(arn))
    }

    fn policy_to_change(&mut self, query: &Query) -> Result<&mut Policy, ApiError> {
        let arn = check::policy_arn(query, "PolicyArn")?;
        if arn.starts_with(aws_managed::PREFIX) {
            // AWS refuses changes to its own policies (the code and the wording are from memory).
            return Err(ApiError::new("AccessDenied", format!("Policy {arn} is managed by AWS.")).with_status(403));
        }
        let policy = self.policies.get_mut(&key_of(name_of(arn))).filter(|policy| policy.arn == arn);
        policy.ok_or_else(|| not_found(arn))
    }
}

fn not_found(arn: &str) -> ApiError {
    no_such_entity(format!("Policy {arn} was not found."))
}

fn checked_document(query: &Query) -> Result<&str, ApiError> {
    let text = check::document(query, "PolicyDocument")?;
    document::check_identity(text, Kind::Managed)?;
    if document::size(text) > SIZE_QUOTA {
        return Err(limit_exceeded(format!("Cannot exceed quota for PolicySize: {SIZE_QUOTA}")));
    }
    Ok(text)
}

pub(super) fn create(state: &mut State, context: &Context, query: &Query) -> Answer {
    let name = check::name(query, "PolicyName", 128)?;
    let path = check::policy_path(query)?;
    let description = check::description(query)?;
    let tags = Tags::from_query(query)?;
    if state.policies.contains_key(&key_of(name)) {
        return Err(already_exists(format!("A policy called {name} already exists. Duplicate names are not allowed.")));
    }
    let text = checked_document(query)?.to_owned();
    let policy = Policy {
        name: name.to_owned(),
        path: path.to_owned(),
        id: state.new_id("ANPA"),
        arn: format!("arn:aws:iam::{ACCOUNT}:policy{path}{name}"),
        description,
        created: context.now,
        updated: context.now,
        versions: vec![Version { number: 1, text, created: context.now }],
        default: 1,
        next: 2,
        tags,
    };
    let answer = xml::nested("Policy", &policy.xml(Usage::default(), View::Created));
    state.policies.insert(key_of(name), policy);
    Ok(answer)
}

pub(super) fn get(state: &mut State, _: &Context, query: &Query) -> Answer {
    let policy = state.named_policy(query)?;
    Ok(xml::nested("Policy", &policy.xml(state.usage(&policy.arn), View::Full)))
}

/// Of AWS's policies, those that are known here or in use.
pub(super) fn list(state: &mut State, _: &Context, query: &Query) -> Answer {
    let scope = check::one_of(query, "Scope", &["All", "AWS", "Local"])?.unwrap_or("All");
    let purpose = check::one_of(query, "PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"])?;
    let prefix = check::path_prefix(query)?;
    let usages = state.usages();
    let usage = |arn: &str| usages.get(arn).copied().unwrap_or_default();
    let mut policies: Vec<Cow<'_, Policy>> = Vec::new();
    if scope != "AWS" {
        policies.extend(state.policies.values().map(Cow::Borrowed));
    }
    if scope != "Local" {
        policies.extend(aws_managed::known().map(Cow::Borrowed));
        let unknown = usages.keys().filter(|arn| !aws_managed::is_known(arn));
        policies.extend(unknown.filter_map(|arn| aws_managed::policy(arn)));
    }
    policies.retain(|policy| {
        let usage = usage(&policy.arn);
        let wanted = match purpose {
            Some("PermissionsBoundary") => usage.boundary > 0,
            Some(_) => usage.attached > 0,
            None => !check::flag(query, "OnlyAttached") || usage.attached > 0,
        };
        wanted && policy.path.starts_with(prefix)
    });
    let mut keyed: Vec<_> = policies.into_iter().map(|policy| (page_key(&policy), policy)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    let page = Page::cut(query, keyed)?;
    let items = page.items.iter().map(|policy| policy.xml(usage(&policy.arn), View::Listed));
    Ok(xml::list("Policies", items) + &page.trailer())
}

/// An account may have a policy with the name of one of AWS's.
pub(super) fn page_key(policy: &Policy) -> String {
    format!("{} {}", key_of(&policy.name), if policy.arn.starts_with(aws_managed::PREFIX) { "aws" } else { "own" })
}

pub(super) fn delete(state: &mut State, _: &Context, query: &Query) -> Answer {
    let policy = state.policy_to_change(query)?;
    let (key, arn, versions) = (key_of(&policy.name), policy.arn.clone(), policy.versions.len());
    let usage = state.usage(&arn);
    if usage.attached + usage.boundary > 0 {
        return Err(delete_conflict("Cannot delete a policy attached to entities."));
    }
    if versions > 1 {
        return Err(delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's \
             versions. The default version is deleted with the policy.",
        ));
    }
    state.policies.remove(&key);
    Ok(String::new())
}

pub(super) fn create_version(state: &mut State, context: &Context, query: &Query) -> Answer {
    let policy = state.policy_to_change(query)?;
    let text = checked_document(query)?.to_owned();
    if policy.versions.len() >= VERSIONS_QUOTA {
        return Err(limit_exceeded(format!(
            "A managed policy can have up to {VERSIONS_QUOTA} versions. Before you create a new version, you must \
             delete an existing version."
        )));
    }
    let version = Version { number: policy.next, text, created: context.now };
    policy.next += 1;
    policy.updated = context.now;
    if check::flag(query, "SetAsDefault") {
        policy.default = version.number;
    }
    let answer = xml::nested("PolicyVersion", &policy.version_xml(&version, false));
    policy.versions.push(version);
    Ok(answer)
}

fn version_number(query: &Query) -> Result<u32, ApiError> {
    let id = check::required(query, "VersionId")?;
    let number = id.strip_prefix('v').and_then(|number| number.parse().ok());
    // The wording is (from memory).
    number.ok_or_else(|| invalid_input(format!("Policy version {id} is not valid.")))
}

fn no_version(arn: &str, number: u32) -> ApiError {
    no_such_entity(format!("Policy {arn} version v{number} does not exist or is not attachable."))
}

pub(super) fn get_version(state: &mut State, _: &Context, query: &Query) -> Answer {
    let number = version_number(query)?;
    let policy = state.named_policy(query)?;
    let version = policy.versions.iter().find(|version| version.number == number);
    match version {
        Some(version) => Ok(xml::nested("PolicyVersion", &policy.version_xml(version, true))),
        None if number == policy.default => {
            Err(no_such_entity(format!("The sandbox does not hold the document of {} v{number}.", policy.arn)))
        }
        None => Err(no_version(&policy.arn, number)),
    }
}

/// Newest first (from memory).
pub(super) fn list_versions(state: &mut State, _: &Context, query: &Query) -> Answer {
    let policy = state.named_policy(query)?;
    let newest_first = policy.versions.iter().rev().map(|v| (format!("{:010}", u32::MAX - v.number), v));
    let page = Page::cut(query, newest_first)?;
    let versions = page.items.iter().map(|version| policy.version_xml(version, false));
    Ok(xml::list("Versions", versions) + &page.trailer())
}

pub(super) fn set_default_version(state: &mut State, _: &Context, query: &Query) -> Answer {
    let number = version_number(query)?;
    let policy = state.policy_to_change(query)?;
    if !policy.versions.iter().any(|version| version.number == number) {
        return Err(no_version(&policy.arn, number));
    }
    // The date of the last update is that of the newest version (documented): it stays.
    policy.default = number;
    Ok(String::new())
}

pub(super) fn delete_version(state: &mut State, _: &Context, query: &Query) -> Answer {
    let number = version_number(query)?;
    let policy = state.policy_to_change(query)?;
    if number == policy.default {
        return Err(delete_conflict("Cannot delete the default version of a policy."));
    }
    let before = policy.versions.len();
    policy.versions.retain(|version| version.number != number);
    if policy.versions.len() == before { Err(no_version(&policy.arn, number)) } else { Ok(String::new()) }
}

pub(super) fn tag(state: &mut State, _: &Context, query: &Query) -> Answer {
    let tags = Tags::from_query(query)?;
    state.policy_to_change(query)?.tags.merge(tags)?;
    Ok(String::new())
}

pub(super) fn untag(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.policy_to_change(query)?.tags.remove(query);
    Ok(String::new())
}

pub(super) fn list_tags(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.named_policy(query)?.tags.page(query)
}

/// Users and groups are not simulated: only roles can come up.
pub(super) fn list_entities(state: &mut State, _: &Context, query: &Query) -> Answer {
    let kinds = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];
    let kind = check::one_of(query, "EntityFilter", &kinds)?;
    let purpose = check::one_of(query, "PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"])?;
    let prefix = check::path_prefix(query)?;
    let arn = state.named_policy(query)?.arn.clone();
    let roles = state.roles.iter().filter(|(_, role)| {
        let attached = purpose != Some("PermissionsBoundary") && role.attached.contains(&arn);
        let boundary = purpose != Some("PermissionsPolicy") && role.boundary.as_ref() == Some(&arn);
        matches!(kind, None | Some("Role")) && (attached || boundary) && role.path.starts_with(prefix)
    });
    let page = Page::cut(query, roles.map(|(key, role)| (key.clone(), role)))?;
    let roles = page.items.iter().map(|role| xml::text("RoleName", &role.name) + &xml::text("RoleId", &role.id));
    Ok(xml::list("PolicyGroups", [])
        + &xml::list("PolicyUsers", [])
        + &xml::list("PolicyRoles", roles)
        + &page.trailer())
}
