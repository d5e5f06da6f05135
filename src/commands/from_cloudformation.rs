//! `export --from-cloudformation`: a template as manifests, without AWS.

use std::collections::BTreeMap;
use std::io::Write as _;

use super::{CommandError, OK, print};
use crate::cli::Export;
use crate::cloudformation::{self, Note};

pub(super) fn convert(command: &Export) -> Result<u8, CommandError> {
    let file = command.from_cloudformation.display();
    let text = std::fs::read(&command.from_cloudformation).map_err(CommandError::io(file.to_string()))?;
    let mut parameters = BTreeMap::new();
    for (name, value) in &command.parameter {
        if parameters.insert(name.clone(), value.clone()).is_some() {
            return Err(CommandError::Manifests(format!("the parameter {name} is given twice")));
        }
    }
    let printed = |note: &Note| format!("{file}:{}{note}\n", if note.at.is_none() { " " } else { "" });
    let conversion = cloudformation::convert(&text, &parameters).map_err(|faults| {
        let faults: String = faults.iter().map(printed).collect();
        CommandError::Manifests(format!("the template cannot be read\n{}", faults.trim_end()))
    })?;
    let notes: String = conversion.notes.iter().map(printed).collect();
    anstream::stderr().write_all(notes.as_bytes()).map_err(CommandError::io("cannot write the notes"))?;
    let documents: Result<Vec<String>, _> = conversion.manifests.iter().map(serde_yaml::to_string).collect();
    print(&documents.map_err(|error| CommandError::Manifests(error.to_string()))?.join("---\n"))?;
    Ok(OK)
}
