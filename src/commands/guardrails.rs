//! `--guardrails FILE`: read once, at the start, from where no manifest can stand.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use super::{CommandError, outside};
use crate::guard::{self, Guardrails};
use crate::report;
use crate::yaml::MAX_FILE_BYTES;

/// The guardrails of a file or, without one, those that are on by default.
pub(super) fn read(file: Option<&Path>, directory: &Path) -> Result<Guardrails, CommandError> {
    let Some(file) = file else { return Ok(Guardrails::standard()) };
    let text = content(file).map_err(CommandError::io(format!("cannot read the guardrails in {}", file.display())))?;
    outside::keep("guardrails", file, directory)?;
    guard::read(&text, file).map_err(|problems| {
        let _ = anstream::stderr().write_all(report::problems_text(&problems).as_bytes());
        let count = report::count(problems.len(), "problem", "problems");
        CommandError::Guardrails(format!("{count} in the guardrails; nothing was done"))
    })
}

/// One byte more than the parser takes tells it that there is more.
fn content(file: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(file)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}
