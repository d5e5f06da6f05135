//! What decides over manifests does not stand among them.

use std::fs;
use std::path::{Path, PathBuf};

use super::CommandError;

/// Refuses a file that is inside of the directory of manifests.
pub(super) fn keep(what: &str, file: &Path, directory: &Path) -> Result<(), CommandError> {
    if !is_inside(file, directory) {
        return Ok(());
    }
    Err(CommandError::Guardrails(format!(
        "the {what} file {} is inside of {}, where whoever commits a manifest could change it\n  \
         hint: keep it outside of the watched directory",
        file.display(),
        directory.display()
    )))
}

/// Whether a file is in a directory as both are written, or behind any link in either.
fn is_inside(file: &Path, directory: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).ok();
    let real = |path: &Path| fs::canonicalize(path).ok();
    let link = |path: &Path| Some(real(absolute(path)?.parent()?)?.join(path.file_name()?));
    let files: Vec<PathBuf> = [absolute(file), real(file), link(file)].into_iter().flatten().collect();
    // The directory may be a link that is yet to be made.
    let directories: Vec<PathBuf> =
        [absolute(directory), real(directory), link(directory)].into_iter().flatten().collect();
    files.iter().any(|file| directories.iter().any(|directory| file.starts_with(directory)))
}
