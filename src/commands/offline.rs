//! What needs no AWS: `validate`, `render`, `schema`, `completions`.

use std::io;

use clap::CommandFactory as _;
use serde_json::json;

use super::{CommandError, ERROR, OK, guardrails, load_directory, print, refuse_problems};
use crate::cli::{Cli, Completions, ProblemOutput, Render, RenderOutput, Validate};
use crate::guard::Guardrails;
use crate::model::API_VERSION;
use crate::plain;
use crate::report;
use crate::resource::{Account, Resource, TaskDefinition};
use crate::schema::json_schema;
use crate::value::Value;

/// The Region that `${AWS::Region}` stands for while nobody is asked.
fn account() -> Account {
    Account::offline(std::env::var("AWS_REGION").ok().as_deref())
}

pub(super) fn validate(command: &Validate) -> Result<u8, CommandError> {
    let guardrails = guardrails::read(command.guardrails.as_deref(), &command.directory)?;
    let (guardrails, account) = guardrails.offline(account());
    let desired = load_directory(&command.directory, &account, &guardrails)?;
    let problems = &desired.problems;
    print(&match command.output {
        ProblemOutput::Json => plain::json(format!("{:#}\n", report::problems_json(problems))),
        ProblemOutput::Github => report::problems_github(problems),
        ProblemOutput::Human if problems.is_empty() => {
            let files = report::count(desired.manifests.len(), "file", "files");
            format!("{} in {files}, no problems.\n", report::count(desired.resources.len(), "resource", "resources"))
        }
        ProblemOutput::Human => {
            let count = report::count(problems.len(), "problem", "problems");
            format!("{}\n{count}.\n", report::problems_text(problems))
        }
    })?;
    Ok(if problems.is_empty() { OK } else { ERROR })
}

pub(super) fn render(command: &Render) -> Result<u8, CommandError> {
    let account = Account { id: command.account.clone(), ..account() };
    let desired = load_directory(&command.directory, &account, &Guardrails::none())?;
    refuse_problems(&desired)?;
    let resources: Vec<Value> = desired.resources.values().map(manifest).collect();
    print(&match command.output {
        RenderOutput::Json => plain::json(format!("{:#}\n", Value::Array(resources))),
        RenderOutput::Yaml => {
            let documents: Result<Vec<String>, _> = resources.iter().map(serde_yaml::to_string).collect();
            let documents = documents.map_err(|error| CommandError::Manifests(error.to_string()))?;
            documents.join("---\n")
        }
    })?;
    Ok(OK)
}

/// A resource in the form of a manifest, everything written out.
fn manifest(resource: &Resource) -> Value {
    let mut spec = resource.spec.clone();
    if !resource.tags.is_empty() {
        spec["tags"] = json!(resource.tags);
    }
    match &resource.task_definition {
        Some(TaskDefinition::Managed { key, .. }) => spec["taskDefinition"] = json!({ "ref": key.name }),
        Some(TaskDefinition::Foreign(name)) => spec["taskDefinition"] = json!(name),
        None => {}
    }
    json!({
        "apiVersion": API_VERSION,
        "kind": resource.key.kind.to_string(),
        "metadata": { "name": resource.key.name },
        "spec": spec,
    })
}

pub(super) fn schema() -> Result<u8, CommandError> {
    print(&format!("{:#}\n", json_schema()))?;
    Ok(OK)
}

pub(super) fn completions(command: &Completions) -> Result<u8, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "evenkeel", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| CommandError::io("completions")(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    print(&script)?;
    Ok(OK)
}
