//! Instance profiles: what gives an EC2 instance its role.

use std::time::Duration;

use super::error::{already_exists, delete_conflict, limit_exceeded, no_such_entity};
use super::page::Page;
use super::query::Query;
use super::role::View;
use super::tags::Tags;
use super::{Answer, State, check, key_of, xml};
use crate::sandbox::{ACCOUNT, ApiError, Context};

const PARAMETER: &str = "InstanceProfileName";

/// An instance profile. It holds at most one role.
#[derive(Debug, Clone)]
pub(super) struct InstanceProfile {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) created: Duration,
    pub(super) role: Option<String>,
    pub(super) tags: Tags,
}

impl InstanceProfile {
    /// What lists show: everything but the tags (documented).
    pub(super) fn xml(&self, state: &State) -> String {
        let role = self.role.as_deref().and_then(|name| state.role(name));
        xml::text("Path", &self.path)
            + &xml::text("InstanceProfileName", &self.name)
            + &xml::text("InstanceProfileId", &self.id)
            + &xml::text("Arn", &self.arn)
            + &xml::date("CreateDate", self.created)
            + &xml::list("Roles", role.map(|role| role.xml(state, View::Core)))
    }

    fn xml_with_tags(&self, state: &State) -> String {
        let inner = if self.tags.is_empty() { self.xml(state) } else { self.xml(state) + &self.tags.xml() };
        xml::nested("InstanceProfile", &inner)
    }
}

fn not_found(name: &str) -> ApiError {
    no_such_entity(format!("Instance Profile {name} cannot be found."))
}

impl State {
    fn named_profile(&self, query: &Query) -> Result<&InstanceProfile, ApiError> {
        let name = check::name(query, PARAMETER, 128)?;
        let profile = self.profiles.get(&key_of(name)).filter(|profile| profile.name == name);
        profile.ok_or_else(|| not_found(name))
    }

    fn profile_to_change(&mut self, query: &Query) -> Result<&mut InstanceProfile, ApiError> {
        let name = check::name(query, PARAMETER, 128)?;
        let profile = self.profiles.get_mut(&key_of(name)).filter(|profile| profile.name == name);
        profile.ok_or_else(|| not_found(name))
    }
}

pub(super) fn create(state: &mut State, context: &Context, query: &Query) -> Answer {
    let name = check::name(query, PARAMETER, 128)?;
    let path = check::path(query)?;
    let tags = Tags::from_query(query)?;
    if state.profiles.contains_key(&key_of(name)) {
        return Err(already_exists(format!("Instance Profile {name} already exists.")));
    }
    let profile = InstanceProfile {
        name: name.to_owned(),
        path: path.to_owned(),
        id: state.new_id("AIPA"),
        arn: format!("arn:aws:iam::{ACCOUNT}:instance-profile{path}{name}"),
        created: context.now,
        role: None,
        tags,
    };
    let answer = profile.xml_with_tags(state);
    state.profiles.insert(key_of(name), profile);
    Ok(answer)
}

pub(super) fn get(state: &mut State, _: &Context, query: &Query) -> Answer {
    Ok(state.named_profile(query)?.xml_with_tags(state))
}

pub(super) fn delete(state: &mut State, _: &Context, query: &Query) -> Answer {
    let profile = state.named_profile(query)?;
    if profile.role.is_some() {
        return Err(delete_conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    let key = key_of(&profile.name);
    state.profiles.remove(&key);
    Ok(String::new())
}

pub(super) fn add_role(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.named_profile(query)?;
    let role = state.role_to_change(query)?.name.clone();
    let profile = state.profile_to_change(query)?;
    if profile.role.is_some() {
        return Err(limit_exceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"));
    }
    profile.role = Some(role);
    Ok(String::new())
}

pub(super) fn remove_role(state: &mut State, _: &Context, query: &Query) -> Answer {
    let name = check::name(query, "RoleName", 64)?;
    let profile = state.profile_to_change(query)?;
    if profile.role.as_deref() == Some(name) {
        profile.role = None;
        return Ok(String::new());
    }
    // The wording is (from memory).
    Err(no_such_entity(format!("The role with name {name} cannot be found in instance profile {}.", profile.name)))
}

pub(super) fn list(state: &mut State, _: &Context, query: &Query) -> Answer {
    let prefix = check::path_prefix(query)?;
    page(state, query, |profile| profile.path.starts_with(prefix))
}

pub(super) fn list_for_role(state: &mut State, _: &Context, query: &Query) -> Answer {
    let role = &state.named_role(query)?.name;
    page(state, query, |profile| profile.role.as_ref() == Some(role))
}

fn page(state: &State, query: &Query, wanted: impl Fn(&InstanceProfile) -> bool) -> Answer {
    let profiles = state.profiles.iter().filter(|(_, profile)| wanted(profile));
    let page = Page::cut(query, profiles.map(|(key, profile)| (key.clone(), profile)))?;
    Ok(xml::list("InstanceProfiles", page.items.iter().map(|profile| profile.xml(state))) + &page.trailer())
}

pub(super) fn tag(state: &mut State, _: &Context, query: &Query) -> Answer {
    let tags = Tags::from_query(query)?;
    state.profile_to_change(query)?.tags.merge(tags)?;
    Ok(String::new())
}

pub(super) fn untag(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.profile_to_change(query)?.tags.remove(query);
    Ok(String::new())
}

pub(super) fn list_tags(state: &mut State, _: &Context, query: &Query) -> Answer {
    state.named_profile(query)?.tags.page(query)
}
