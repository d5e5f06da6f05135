//! Task definitions: families of numbered revisions that never change.

mod check;
mod defaults;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::input::{Input, tail};
use super::page::{HUNDRED, page};
use super::tags::Tags;
use super::{Context, Map, Outcome, Region, client, invalid, principal};
use crate::sandbox::ApiError;

/// "Task definition size: 64 KB."
const MOST_BYTES: usize = 65_536;

/// All revisions of one name. Numbers are never used again, whatever becomes of a revision.
#[derive(Debug, Clone, Default)]
pub struct Family {
    latest: u32,
    /// By number.
    pub revisions: BTreeMap<u32, TaskDefinition>,
}

impl Family {
    fn has(&self, status: &str) -> bool {
        self.revisions.values().any(|revision| revision.status() == status)
    }
}

/// One revision.
#[derive(Debug, Clone)]
pub struct TaskDefinition {
    /// What was registered, with defaults.
    pub record: Map,
    /// Its tags.
    pub tags: Tags,
}

impl TaskDefinition {
    /// A member that is a string.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        self.record.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        self.text("taskDefinitionArn")
    }

    /// ACTIVE, INACTIVE or DELETE_IN_PROGRESS.
    #[must_use]
    pub fn status(&self) -> &str {
        self.text("status")
    }

    /// Its containers.
    #[must_use]
    pub fn containers(&self) -> &[Value] {
        self.record.get("containerDefinitions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether it can run on that launch type.
    #[must_use]
    pub fn runs_on(&self, launch_type: &str) -> bool {
        let list = self.record.get("compatibilities").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|kind| kind == launch_type))
    }
}

/// `family`, `family:7` or an ARN, taken apart.
fn parse(reference: &str) -> (&str, Option<u32>) {
    let name = if reference.starts_with("arn:") { tail(reference) } else { reference };
    match name.rsplit_once(':') {
        Some((family, revision)) => (family, Some(revision.parse().unwrap_or_default())),
        None => (name, None),
    }
}

impl Region {
    /// The revision that a reference means; a bare family means its newest ACTIVE revision.
    #[must_use]
    pub fn task_definition(&self, reference: &str) -> Option<&TaskDefinition> {
        let (family, revision) = parse(reference);
        let revisions = &self.families.get(family)?.revisions;
        match revision {
            Some(revision) => revisions.get(&revision),
            None => revisions.values().rev().find(|revision| revision.status() == "ACTIVE"),
        }
    }

    pub(super) fn task_definition_mut(&mut self, reference: &str) -> Option<&mut TaskDefinition> {
        let (family, revision) = parse(reference);
        self.families.get_mut(family)?.revisions.get_mut(&revision?)
    }

    /// The revision that new work is to run.
    ///
    /// # Errors
    /// `ClientException` when there is none or it is no longer ACTIVE *(from memory)*.
    pub fn task_definition_to_use(&self, reference: &str) -> Result<&TaskDefinition, ApiError> {
        let found = self.task_definition(reference).ok_or_else(|| client("TaskDefinition not found."))?;
        if found.status() == "ACTIVE" { Ok(found) } else { Err(client("TaskDefinition is inactive")) }
    }
}

/// RegisterTaskDefinition.
pub(super) fn register(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    if input.get("tags").is_some_and(|tags| tags == &json!([])) {
        return Err(client("Tags can not be empty."));
    }
    let tags = Tags::of(input)?;
    let mut record = input.members().clone();
    record.shift_remove("tags");
    check::check(input)?;
    let length = json!(record).to_string().len();
    if length > MOST_BYTES {
        return Err(client(format!("Actual length: '{length}'. Max allowed length is '{MOST_BYTES}' bytes.")));
    }
    defaults::fill(&mut record);
    check::check_sizes(&record)?;
    let name = input.required("family")?;
    let family = region.families.entry(name.to_owned()).or_default();
    family.latest += 1;
    let arn = context.arn("ecs", &format!("task-definition/{name}:{}", family.latest));
    record.insert("taskDefinitionArn".into(), json!(arn));
    record.insert("revision".into(), json!(family.latest));
    record.insert("status".into(), json!("ACTIVE"));
    record.insert("registeredAt".into(), json!(context.epoch_seconds()));
    record.insert("registeredBy".into(), json!(principal()));
    record.insert("requiresAttributes".into(), defaults::requires_attributes(&record));
    record.insert("compatibilities".into(), defaults::compatibilities(&record));
    let mut answer = json!({ "taskDefinition": record });
    if let (false, Some(answer)) = (tags.is_empty(), answer.as_object_mut()) {
        answer.insert("tags".into(), tags.view());
    }
    family.revisions.insert(family.latest, TaskDefinition { record, tags });
    Ok(answer)
}

/// DescribeTaskDefinition.
pub(super) fn describe(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let found = region.task_definition(input.required("taskDefinition")?);
    let found = found.ok_or_else(|| client("Unable to describe task definition."))?;
    let mut answer = json!({ "taskDefinition": found.record });
    if let (true, Some(answer)) = (input.includes("TAGS"), answer.as_object_mut()) {
        answer.insert("tags".into(), found.tags.view());
    }
    Ok(answer)
}

/// DeregisterTaskDefinition.
pub(super) fn deregister(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let gone = || {
        client("The specified task definition does not exist. Specify a valid account, family, revision and try again.")
    };
    let found = region.task_definition_mut(input.required("taskDefinition")?).ok_or_else(gone)?;
    if found.status() == "ACTIVE" {
        found.record.insert("status".into(), json!("INACTIVE"));
        found.record.insert("deregisteredAt".into(), json!(context.epoch_seconds()));
    }
    Ok(json!({ "taskDefinition": found.record }))
}

/// DeleteTaskDefinitions: up to ten, each deregistered before.
pub(super) fn delete(region: &mut Region, context: &Context, input: &Input) -> Outcome {
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for reference in input.batch("taskDefinitions", 10)? {
        let mut fail = |reason: &str| failures.push(json!({ "arn": reference, "reason": reason }));
        match region.task_definition_mut(reference) {
            None => {
                fail("The specified task definition was not found. Specify a valid task definition ARN and try again.")
            }
            Some(found) if found.status() == "ACTIVE" => {
                fail(
                    "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
                );
            }
            Some(found) => {
                found.record.insert("status".into(), json!("DELETE_IN_PROGRESS"));
                found.record.entry("deleteRequestedAt").or_insert_with(|| json!(context.epoch_seconds()));
                deleted.push(json!(found.record));
            }
        }
    }
    Ok(json!({ "taskDefinitions": deleted, "failures": failures }))
}

/// ListTaskDefinitions: by family and number, oldest first unless `sort` is DESC.
pub(super) fn list(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    input.check_enums(&[("status", &["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"]), ("sort", &["ASC", "DESC"])])?;
    let status = input.text("status").unwrap_or("ACTIVE");
    // Despite its name, `familyPrefix` has to be the whole family name here (from memory).
    let families = region.families.iter().filter(|(name, _)| input.text("familyPrefix").is_none_or(|f| f == *name));
    let revisions = families.flat_map(|(_, family)| family.revisions.values());
    let mut arns: Vec<Value> = revisions.filter(|r| r.status() == status).map(|r| json!(r.arn())).collect();
    if input.text("sort") == Some("DESC") {
        arns.reverse();
    }
    page(input, "taskDefinitionArns", arns, HUNDRED)
}

/// ListTaskDefinitionFamilies: all of them unless `status` narrows the list.
pub(super) fn list_families(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let prefix = input.text("familyPrefix").unwrap_or_default();
    let fits = |family: &Family| match input.text("status") {
        None | Some("ALL") => Ok(!family.revisions.is_empty()),
        Some("ACTIVE") => Ok(family.has("ACTIVE")),
        Some("INACTIVE") => Ok(!family.has("ACTIVE") && !family.revisions.is_empty()),
        Some(other) => Err(invalid(format!("Invalid status: {other}"))),
    };
    let mut names = Vec::new();
    for (name, family) in region.families.iter().filter(|(name, _)| name.starts_with(prefix)) {
        if fits(family)? {
            names.push(json!(name));
        }
    }
    page(input, "families", names, HUNDRED)
}
