//! What each command does. Standard output carries the result, standard error the log.

mod apply;
mod connect;
pub mod export;
mod from_cloudformation;
mod guardrails;
mod itself;
mod offline;
mod outside;
mod plan;
mod prune;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::guard::Guardrails;
use crate::load::{self, Desired};
use crate::report;
use crate::resource::Account;
use crate::watch::{self, Snapshot};
use crate::world::Failure;

/// Everything is as it should be.
pub const OK: u8 = 0;
/// Something failed.
pub const ERROR: u8 = 1;
/// `plan`: there is something to do.
pub const CHANGES: u8 = 2;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The manifests cannot be used.
    #[error("{0}")]
    Manifests(String),
    /// It may not write.
    #[error("{0}")]
    NotInCharge(String),
    /// AWS cannot be reached, or does not accept the credentials.
    #[error("cannot start on AWS: {0}")]
    Aws(Failure),
    /// The guardrails cannot be used, or do not allow the command to start.
    #[error("{0}")]
    Guardrails(String),
    /// A port, a pipe or a file failed.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// A bug in the table of metrics.
    #[error("metrics: {0}")]
    Metrics(prometheus::Error),
}

impl CommandError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}

/// Does what the command line says.
pub async fn execute(cli: Cli) -> ExitCode {
    // It says which guardrails count.
    let config = cli.config.as_deref().zip(cli.command.directory());
    let result = match config.map_or(Ok(()), |(file, directory)| outside::keep("configuration", file, directory)) {
        Ok(()) => result(cli.command).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        // Whoever reads our output has read enough.
        Err(CommandError::Io { error, .. }) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(OK),
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "error: {error}");
            ExitCode::from(ERROR)
        }
    }
}

async fn result(command: Command) -> Result<u8, CommandError> {
    match command {
        Command::Run(run) => run::run(run).await,
        Command::Plan(plan) => plan::plan(plan).await,
        Command::Apply(apply) => apply::apply(apply).await,
        Command::Export(export) => match &export.from_cloudformation {
            Some(template) => from_cloudformation::convert(template, &export),
            None => export::export(export).await,
        },
        Command::Validate(validate) => offline::validate(&validate),
        Command::Render(render) => offline::render(&render),
        Command::Schema => offline::schema(),
        Command::Completions(completions) => offline::completions(&completions),
        Command::Healthcheck(healthcheck) => run::healthcheck(&healthcheck).await,
        #[cfg(feature = "sandbox")]
        Command::Sandbox(sandbox) => sandbox::sandbox(sandbox).await,
    }
}

/// Writes to standard output; colour only on a terminal.
fn print(text: &str) -> Result<(), CommandError> {
    anstream::stdout().write_all(text.as_bytes()).map_err(CommandError::io("cannot write the output"))
}

/// Reads a directory once.
fn read_directory(directory: &Path) -> Result<Snapshot, CommandError> {
    watch::read(directory).map_err(|error| CommandError::Manifests(format!("{error}\n  hint: {}", error.hint())))
}

/// What a directory declares.
fn load_snapshot(snapshot: &Snapshot, account: &Account, rails: &Guardrails) -> Desired {
    let files: Vec<load::File> = snapshot.files.iter().cloned().map(load::File::from).collect();
    load::guarded(&files, account, rails, &Desired::default())
}

/// Reads and loads a directory once.
fn load_directory(directory: &Path, account: &Account, rails: &Guardrails) -> Result<Desired, CommandError> {
    Ok(load_snapshot(&read_directory(directory)?, account, rails))
}

/// Refuses to go on with manifests that have problems.
fn refuse_problems(desired: &Desired) -> Result<(), CommandError> {
    if desired.problems.is_empty() {
        return Ok(());
    }
    let _ = anstream::stderr().write_all(report::problems_text(&desired.problems).as_bytes());
    let problems = report::count(desired.problems.len(), "problem", "problems");
    Err(CommandError::Manifests(format!("{problems} in the manifests; nothing was done")))
}
