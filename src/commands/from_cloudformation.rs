//! `export --from-cloudformation`: a template as manifests, without AWS.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use super::{CommandError, OK, export, print};
use crate::cli::Export;
use crate::cloudformation::{self, Note};
use crate::export::stream_text;

pub(super) fn convert(template: &Path, command: &Export) -> Result<u8, CommandError> {
    let file = template.display();
    let text = std::fs::read(template).map_err(CommandError::io(file.to_string()))?;
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
    match &command.to {
        None => print(&stream_text(&conversion.documents))?,
        Some(directory) => export::write(directory, &conversion.documents)?,
    }
    Ok(OK)
}
