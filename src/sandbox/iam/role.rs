//! Roles.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::{already_exists, delete_conflict, invalid_input, limit_exceeded, no_such_entity};
use super::evaluate::Keys;
use super::page::Page;
use super::query::{Query, encode};
use super::tags::Tags;
use super::trust::Trust;
use super::{Answer, State, check, document, key_of, xml};
use crate::sandbox::{ACCOUNT, ApiError, Context};

/// How long a session lasts when nothing is said about it.
const DEFAULT_SESSION: u32 = 3600;
/// The default quota of a trust policy's size.
pub(super) const TRUST_QUOTA: usize = 2048;
/// Below this path are the roles that only AWS changes.
pub(super) const SERVICE_PATH: &str = "/aws-service-role/";

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name, as it was written when it was created.
    pub name: String,
    /// Its path, `/` or `/…/`.
    pub path: String,
    /// Its unique id, `AROA…`: never used again.
    pub id: String,
    /// Its ARN, path included.
    pub arn: String,
    /// When it was created, since the Unix epoch.
    pub created: Duration,
    /// Its tags.
    pub tags: Tags,
    pub(super) description: Option<String>,
    pub(super) max_session: u32,
    pub(super) trust: Trust,
    pub(super) inline: BTreeMap<String, String>,
    pub(super) attached: BTreeSet<String>,
    pub(super) boundary: Option<String>,
}

/// How much of a role an answer shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Inside an instance profile, and all that authorization details share with it.
    Core,
    /// Just created: without description and session duration (the latter from memory).
    Created,
    /// In a list: without boundary, tags and last use (documented).
    Listed,
    /// On its own.
    Full,
}

impl Role {
    /// Whether the trust policy lets an AWS service, say `ecs-tasks.amazonaws.com`, assume the role.
    #[must_use]
    pub fn trusts_service(&self, service: &str) -> bool {
        self.trust.allows_service(service)
    }

    /// Whether a caller, given by all the names that mean it, may assume the role. A condition that
    /// cannot be evaluated is one that is not met.
    pub(in crate::sandbox) fn trusts(&self, callers: &[String], keys: &Keys) -> bool {
        self.trust.allows(callers, "sts:AssumeRole", keys).unwrap_or(false)
    }

    /// How long a session may last, in seconds.
    pub(in crate::sandbox) fn max_session(&self) -> u32 {
        self.max_session
    }

    pub(super) fn is_service_linked(&self) -> bool {
        self.path.starts_with(SERVICE_PATH)
    }

    pub(super) fn xml(&self, state: &State, view: View) -> String {
        let mut out = xml::text("Path", &self.path)
            + &xml::text("RoleName", &self.name)
            + &xml::text("RoleId", &self.id)
            + &xml::text("Arn", &self.arn)
            + &xml::date("CreateDate", self.created)
            + &xml::text("AssumeRolePolicyDocument", encode(&self.trust.read(state)));
        if matches!(view, View::Listed | View::Full) {
            out += &xml::optional("Description", self.description.as_deref());
            out += &xml::text("MaxSessionDuration", self.max_session);
        }
        if matches!(view, View::Created | View::Full) {
            out += &self.boundary_xml();
            if !self.tags.is_empty() {
                out += &self.tags.xml();
            }
        }
        if view == View::Full {
            // Nothing that could use a role is simulated: every role looks unused.
            out += &xml::nested("RoleLastUsed", "");
        }
        out
    }

    pub(super) fn boundary_xml(&self) -> String {
        let Some(arn) = &self.boundary else { return String::new() };
        let inner = xml::text("PermissionsBoundaryType", "PermissionsBoundaryPolicy")
            + &xml::text("PermissionsBoundaryArn", arn);
        xml::nested("PermissionsBoundary", &inner)
    }
}

impl State {
    /// The role that a request names.
    pub(super) fn named_role(&self, query: &Query) -> Result<&Role, ApiError> {
        let name = check::name(query, "RoleName", 64)?;
        self.role(name).ok_or_else(|| not_found(name))
    }

    /// The role that a request names, to be changed. Roles of AWS's own can be tagged, not changed.
    pub(super) fn role_to_change(&mut self, query: &Query) -> Result<&mut Role, ApiError> {
        let role = self.role_to_tag(query)?;
        if role.is_service_linked() {
            return Err(ApiError::new(
                "UnmodifiableEntity",
                format!(
                    "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
                    role.name
                ),
            ));
        }
        Ok(role)
    }

    fn role_to_tag(&mut self, query: &Query) -> Result<&mut Role, ApiError> {
        let name = check::name(query, "RoleName", 64)?;
        let role = self.roles.get_mut(&key_of(name)).filter(|role| role.name == name);
        role.ok_or_else(|| not_found(name))
    }

    /// Adds a role, its name checked and its trust policy resolved.
    pub(super) fn add_role(&mut self, context: &Context, name: &str, path: &str, trust: Trust) -> &mut Role {
        let id = self.new_id("AROA");
        let role = Role {
            name: name.to_owned(),
            path: path.to_owned(),
            id,
            arn: format!("arn:aws:iam::{ACCOUNT}:role{path}{name}"),
            created: context.now,
            tags: Tags::default(),
            description: None,
            max_session: DEFAULT_SESSION,
            trust,
            inline: BTreeMap::new(),
            attached: BTreeSet::new(),
            boundary: None,
        };
        self.roles.entry(key_of(name)).insert_entry(role).into_mut()
    }
}

fn not_found(name: &str) -> ApiError {
    no_such_entity(format!("The role with name {name} cannot be found."))
}

fn trust_of(state: &State, query: &Query, parameter: &str) -> Result<Trust, ApiError> {
    let text = check::document(query, parameter)?;
    let trust = Trust::parse(state, text)?;
    if document::size(text) > TRUST_QUOTA {
        return Err(limit_exceeded(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_QUOTA}")));
    }
    Ok(trust)
}

pub(super) fn create(state: &mut State, context: &Context, query: &Query) -> Answer {
    let name = check::name(query, "RoleName", 64)?;
    let path = check::path(query)?;
    let description = check::description(query)?;
    let max_session = check::session_duration(query)?;
    let tags = Tags::from_query(query)?;
    if path.starts_with(SERVICE_PATH) {
        // The wording is (from memory).
        return Err(invalid_input(format!("Path {SERVICE_PATH} is reserved for service-linked roles.")));
    }
    if state.roles.contains_key(&key_of(name)) {
        return Err(already_exists(format!("Role with name {name} already exists.")));
    }
    let trust = trust_of(state, query, "AssumeRolePolicyDocument")?;
    let boundary = match query.get("PermissionsBoundary") {
        Some(_) => Some(state.boundary_of(query)?),
        None => None,
    };
    let role = state.add_role(context, name, path, trust);
    role.description = description;
    role.max_session = max_session.unwrap_or(DEFAULT_SESSION);
    role.tags = tags;
    role.boundary = boundary;
    let role = role.clone();
    Ok(xml::nested("Role", &role.xml(state, View::Created)))
}

pub(super) fn get(state: &mut State, _: &Context, query: &Query) -> Answer {
    Ok(xml::nested("Role", &state.named_role(query)?.xml(state, View::Full)))
}

pub(super) fn list(state: &mut State, _: &Context, query: &Query) -> Answer {
    let prefix = check::path_prefix(query)?;
    let roles = state.roles.iter().filter(|(_, role)| role.path.starts_with(prefix));
    let page = Page::cut(query, roles.map(|(key, role)| (key.clone(), role)))?;
    Ok(xml::list("Roles", page.items.iter().map(|role| role.xml(state, View::Listed))) + &page.trailer())
}

/// Without `MaxSessionDuration` the default applies again (documented); without `Description` the
/// description stays (from memory).
pub(super) fn update(state: &mut State, _: &Context, query: &Query) -> Answer {
    let description = check::description(query)?;
    let max_session = check::session_duration(query)?;
    let role = state.role_to_change(query)?;
    role.max_session = max_session.unwrap_or(DEFAULT_SESSION);
    if let Some(description) = description {
        role.description = Some(description);
    }
    Ok(String::new())
}

/// The older call for the description alone.
pub(super) fn update_description(state: &mut State, context: &Context, query: &Query) -> Answer {
    check::required(query, "Description")?;
    let description = check::description(query)?;
    // The description is the one thing about a service-linked role that its account may change.
    state.role_to_tag(query)?.description = description;
    get(state, context, query)
}

pub(super) fn update_trust(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.role_to_change(query)?;
    let trust = trust_of(state, query, "PolicyDocument")?;
    state.role_to_change(query)?.trust = trust;
    Ok(String::new())
}

pub(super) fn delete(state: &mut State, _: &Context, query: &Query) -> Answer {
    let role = state.role_to_change(query)?.clone();
    let obstacle = if state.profiles.values().any(|profile| profile.role.as_ref() == Some(&role.name)) {
        "must remove roles from instance profile first."
    } else if !role.attached.is_empty() {
        "must detach all policies first."
    } else if !role.inline.is_empty() {
        "must delete policies first."
    } else {
        state.roles.remove(&key_of(&role.name));
        return Ok(String::new());
    };
    Err(delete_conflict(format!("Cannot delete entity, {obstacle}")))
}

pub(super) fn put_boundary(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.role_to_change(query)?;
    let boundary = state.boundary_of(query)?;
    state.role_to_change(query)?.boundary = Some(boundary);
    Ok(String::new())
}

pub(super) fn delete_boundary(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.role_to_change(query)?.boundary = None;
    Ok(String::new())
}

pub(super) fn tag(state: &mut State, _: &Context, query: &Query) -> Answer {
    let tags = Tags::from_query(query)?;
    state.role_to_tag(query)?.tags.merge(tags)?;
    Ok(String::new())
}

pub(super) fn untag(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.role_to_tag(query)?.tags.remove(query);
    Ok(String::new())
}

pub(super) fn list_tags(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.named_role(query)?.tags.page(query)
}
