//! The command line: every flag is also an environment variable and a key of `--config FILE`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::mode::Modes;
use crate::report::Output;
use crate::value::did_you_mean;

/// Keeps Amazon ECS and its IAM roles in the state that a git directory declares.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, max_term_width = 100)]
pub struct Cli {
    /// Read flags from a YAML file: flag name → value.
    #[arg(long, global = true, env = "EVENKEEL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The form of log lines.
    #[arg(long, global = true, env = "EVENKEEL_LOG", value_name = "FORM", default_value = "text")]
    pub log: Log,
    /// What to log, in tracing's filter syntax [default: info for run, error for the others].
    #[arg(long, global = true, env = "EVENKEEL_LOG_FILTER", value_name = "FILTER")]
    pub log_filter: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// What to log. Commands other than `run` report by themselves what they do.
    #[must_use]
    pub fn log_filter(&self) -> &str {
        let quiet = !matches!(self.command, Command::Run(_));
        self.log_filter.as_deref().unwrap_or(if quiet { "error" } else { "info" })
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Log {
    /// One line of text each.
    Text,
    /// One JSON object each.
    Json,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a directory and keep AWS as it declares; serve metrics and status.
    Run(Run),
    /// Show what would be changed, per field. Exit code 0: nothing; 2: something; 1: an error.
    Plan(Plan),
    /// Converge once, with live progress, and wait for rollouts. Exit code 0: converged; 1: not.
    Apply(Apply),
    /// Write manifests of what is in AWS, for adoption: their plan is empty. Exit code 0: all of it; 1: not.
    #[command(after_long_help = EXPORT_HELP)]
    Export(Export),
    /// Check manifests offline: every problem at once. Exit code 0: none; 1: some.
    Validate(Validate),
    /// Print manifests with every reference, variable and preset written out.
    Render(Render),
    /// Print the JSON Schema of manifests, for editors.
    Schema,
    /// Print a shell's completion script.
    Completions(Completions),
    /// Ask a running daemon whether it is alive. For container health checks.
    Healthcheck(Healthcheck),
    /// Serve the simulated AWS on a loopback port, for the AWS CLI and boto3.
    #[cfg(feature = "sandbox")]
    Sandbox(Sandbox),
}

impl Command {
    /// The directory of manifests that it reads.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Run(Run { target, .. }) | Self::Plan(Plan { target, .. }) | Self::Apply(Apply { target, .. }) => {
                Some(&target.directory)
            }
            Self::Validate(Validate { directory, .. }) | Self::Render(Render { directory, .. }) => Some(directory),
            _ => None,
        }
    }
}

/// What run, plan and apply share.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The directory of manifests.
    #[arg(value_name = "DIR", env = "EVENKEEL_DIR")]
    pub directory: PathBuf,
    /// Who owns what is made: the value of the tag evenkeel:owner.
    #[arg(long, env = "EVENKEEL_OWNER", value_name = "ID", default_value = "evenkeel")]
    pub owner: String,
    /// Take over what exists without an owner tag, unless its manifest says evenkeel/adoption: never.
    #[arg(long, env = "EVENKEEL_ADOPT")]
    pub adopt: bool,
    /// Hold manifests to the rules of this YAML file, which stands outside of DIR.
    #[arg(long, env = "EVENKEEL_GUARDRAILS", value_name = "FILE", long_help = crate::guard::help())]
    pub guardrails: Option<PathBuf>,
    /// What keeps two copies with the same owner from writing at the same time: epoch, the numbered
    /// revisions of a task definition; dynamodb:TABLE, a lease; or none. The same for all of them; plan
    /// writes nothing and needs none.
    #[arg(long, env = "EVENKEEL_LEASE", value_name = "FENCE", default_value = "epoch", value_parser = lease)]
    pub lease: Lease,
    /// Delete what carries our owner tag and is declared nowhere: services and capacity providers, and
    /// what its manifest said `evenkeel/deletion-policy: delete` of. DIR is then all that this owner declares
    /// in the account, in every Region: whatever else carries its tag counts as no longer declared.
    #[arg(long, env = "EVENKEEL_PRUNE")]
    pub prune: bool,
    /// Work on a simulated AWS: a new one, or the one that serves at URL.
    #[cfg(feature = "sandbox")]
    #[arg(long, env = "EVENKEEL_SANDBOX", value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub sandbox: Option<String>,
}

/// `evenkeel run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Shared flags.
    #[command(flatten)]
    pub target: Target,
    /// How often everything is compared with AWS.
    #[arg(long, env = "EVENKEEL_INTERVAL", value_name = "TIME", default_value = "60s", value_parser = interval)]
    pub interval: Duration,
    /// How long the directory must be quiet before it is read, and how long at most: 50ms..2s.
    #[arg(long, env = "EVENKEEL_DEBOUNCE", value_name = "RANGE", default_value = "500ms..2s", value_parser = range)]
    pub debounce: (Duration, Duration),
    /// Where metrics and status are served.
    #[arg(long, env = "EVENKEEL_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub listen: SocketAddr,
    /// Look at everything once and end. Exit code 0: all as declared; 1: not.
    #[arg(long, env = "EVENKEEL_ONCE")]
    pub once: bool,
    /// What to do about differences: observe (count them), plan (say in the log what would be changed)
    /// or apply; for a directory below DIR as in apply,legacy=observe.
    #[arg(long, env = "EVENKEEL_MODE", value_name = "MODE[,DIR=MODE…]", default_value = "apply")]
    pub mode: Modes,
    /// Where a new simulated AWS is served as well, while the daemon runs.
    #[cfg(feature = "sandbox")]
    #[arg(long, env = "EVENKEEL_SANDBOX_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    pub sandbox_listen: SocketAddr,
}

/// What keeps two copies from writing at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// The newest claim is in force.
    Epoch,
    /// A lease in this DynamoDB table.
    #[cfg(feature = "lease")]
    Table(String),
    /// Nothing: there is only one.
    None,
}

/// `evenkeel plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Shared flags.
    #[command(flatten)]
    pub target: Target,
    /// The form of the output.
    #[arg(long, short, env = "EVENKEEL_OUTPUT", value_name = "FORM", default_value = "human")]
    pub output: Output,
}

/// `evenkeel apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// Shared flags.
    #[command(flatten)]
    pub target: Target,
    /// The form of the output.
    #[arg(long, short, env = "EVENKEEL_OUTPUT", value_name = "FORM", default_value = "human")]
    pub output: Output,
    /// How long to wait for everything to be as declared and every rollout to end.
    #[arg(long, env = "EVENKEEL_TIMEOUT", value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
    /// Go on although a daemon with the same owner is in charge: it stands by until apply ends.
    #[arg(long, env = "EVENKEEL_TAKEOVER")]
    pub takeover: bool,
}

/// `evenkeel export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Only this cluster, with its services and capacity providers.
    #[arg(long, env = "EVENKEEL_CLUSTER", value_name = "NAME", value_delimiter = ',')]
    pub cluster: Vec<String>,
    /// Only this service; its cluster is called by its name.
    #[arg(long, env = "EVENKEEL_SERVICE", value_name = "CLUSTER/NAME", value_delimiter = ',', value_parser = service)]
    pub service: Vec<(String, String)>,
    /// Write one file per manifest below this directory instead of a stream to standard output. No
    /// file is overwritten.
    #[arg(long, env = "EVENKEEL_TO", value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Convert this CloudFormation template, without AWS. What is to be known beside the manifests
    /// goes to standard error.
    #[arg(long, env = "EVENKEEL_FROM_CLOUDFORMATION", value_name = "FILE", conflicts_with_all = ["cluster", "service"])]
    pub from_cloudformation: Option<PathBuf>,
    /// What the template alone does not say: the value of a parameter, or the real name of a
    /// resource by its logical id.
    #[arg(long, env = "EVENKEEL_PARAMETER", value_name = "NAME=VALUE", value_parser = assignment, requires = "from_cloudformation")]
    pub parameter: Vec<(String, String)>,
    /// Read a simulated AWS: a new one, or the one that serves at URL.
    #[cfg(feature = "sandbox")]
    #[arg(long, env = "EVENKEEL_SANDBOX", value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub sandbox: Option<String>,
}

/// What a person should know before an export.
const EXPORT_HELP: &str = "\
What is exported: clusters with their services, task definitions and capacity providers, the roles
that they name, and the customer managed policies of these roles. Without --cluster and --service
the whole account in this Region, with its account settings and the task definitions that no
service runs. Roles that only EC2 knows, such as those of Auto Scaling groups, are not seen from
ECS. What cannot be written is named on standard error.

SECRETS: the output holds what the account holds, values of environment variables in plain text
included. Look through it before it is committed.

Permissions: those of the statement `Read` in deploy/evenkeel/policy.yaml, and
ecs:ListTaskDefinitionFamilies; where there are instance profiles, iam:GetInstanceProfile.";

/// `evenkeel validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// The directory of manifests.
    #[arg(value_name = "DIR", env = "EVENKEEL_DIR")]
    pub directory: PathBuf,
    /// Hold manifests to the rules of this YAML file, which stands outside of DIR.
    #[arg(long, env = "EVENKEEL_GUARDRAILS", value_name = "FILE", long_help = crate::guard::help())]
    pub guardrails: Option<PathBuf>,
    /// The form of the output.
    #[arg(long, short, env = "EVENKEEL_OUTPUT", value_name = "FORM", default_value = "human")]
    pub output: ProblemOutput,
}

/// In which form problems are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProblemOutput {
    /// For people; coloured on a terminal.
    Human,
    /// For scripts.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
}

/// `evenkeel render`.
#[derive(Debug, Args)]
pub struct Render {
    /// The directory of manifests.
    #[arg(value_name = "DIR", env = "EVENKEEL_DIR")]
    pub directory: PathBuf,
    /// The account that `${AWS::AccountId}` stands for.
    #[arg(long, env = "EVENKEEL_ACCOUNT", value_name = "ID", default_value = "123456789012")]
    pub account: String,
    /// The form of the output.
    #[arg(long, short, env = "EVENKEEL_OUTPUT", value_name = "FORM", default_value = "yaml")]
    pub output: RenderOutput,
}

/// `NAME=VALUE`.
fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "expected NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// In which form resources are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RenderOutput {
    /// A stream of YAML documents.
    Yaml,
    /// A list.
    Json,
}

/// `evenkeel completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// `evenkeel healthcheck`.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// Where the daemon listens.
    #[arg(long, env = "EVENKEEL_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub listen: SocketAddr,
}

/// `evenkeel sandbox`.
#[cfg(feature = "sandbox")]
#[derive(Debug, Args)]
pub struct Sandbox {
    /// Where to serve it.
    #[arg(long, env = "EVENKEEL_SANDBOX_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    pub listen: SocketAddr,
    /// Apply these manifests before serving.
    #[arg(long, env = "EVENKEEL_DIR", value_name = "DIR")]
    pub manifests: Option<PathBuf>,
    /// As strict as a new account: EC2 tasks have nowhere to run until an instance is registered.
    #[arg(long, env = "EVENKEEL_SANDBOX_BARE")]
    pub bare: bool,
}

/// Reads the command line, the environment and the configuration file, in this order of precedence.
///
/// # Errors
/// As clap words them, for the user; help and version are errors, too.
pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Cli, clap::Error> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let mut command = Cli::command();
    let configured = command.clone().ignore_errors(true).try_get_matches_from(&arguments).ok();
    let file = configured.and_then(|matches| matches.get_one::<PathBuf>("config").cloned());
    if let Some(file) = file {
        command = with_file(command, &file)?;
    }
    let matches = command.try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// The command with the file's values as defaults.
fn with_file(mut command: clap::Command, file: &std::path::Path) -> Result<clap::Command, clap::Error> {
    let complain = |text: String| {
        clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{}: {text}\n", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|error| complain(error.to_string()))?;
    let parsed = crate::yaml::parse(text.as_bytes());
    if let Some(fault) = parsed.faults.first() {
        return Err(complain(fault.to_string()));
    }
    let Some(document) = parsed.documents.into_iter().next() else { return Ok(command) };
    let serde_json::Value::Object(map) = document.value else { return Err(complain("expected a map".to_owned())) };
    for (key, value) in map {
        let text = match value {
            serde_json::Value::String(text) => text,
            value @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => value.to_string(),
            _ => return Err(complain(format!("{key}: expected one value"))),
        };
        let id = key.replace('-', "_");
        let has = |command: &clap::Command| command.get_arguments().any(|argument| argument.get_id() == id.as_str());
        let known: Vec<String> = command
            .get_subcommands()
            .chain([&command])
            .flat_map(clap::Command::get_arguments)
            .filter_map(|argument| argument.get_long().map(str::to_owned))
            .collect();
        let mut found = false;
        if has(&command) {
            found = true;
            command = command.mut_arg(&id, |argument| argument.default_value(text.clone()));
        }
        let names: Vec<String> =
            command.get_subcommands().filter(|sub| has(sub)).map(|sub| sub.get_name().to_owned()).collect();
        for name in names {
            found = true;
            let text = text.clone();
            let id = id.clone();
            command = command.mut_subcommand(name, move |sub| sub.mut_arg(id, |argument| argument.default_value(text)));
        }
        if !found {
            let hint = did_you_mean(&key, known.iter().map(String::as_str));
            let hint = hint.map_or(String::new(), |name| format!(", did you mean `{name}`?"));
            return Err(complain(format!("there is no flag `{key}`{hint}")));
        }
    }
    Ok(command)
}

/// `shop/web`.
fn service(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((cluster, name)) if !cluster.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((cluster.to_owned(), name.to_owned()))
        }
        _ => Err("expected CLUSTER/NAME, such as shop/web".to_owned()),
    }
}

/// `epoch`, `dynamodb:TABLE` or `none`.
fn lease(text: &str) -> Result<Lease, String> {
    match (text, text.strip_prefix("dynamodb:")) {
        ("epoch", _) => Ok(Lease::Epoch),
        ("none", _) => Ok(Lease::None),
        (_, Some(table)) if !table.is_empty() => lease_in(table),
        _ => Err("expected epoch, dynamodb:TABLE or none".to_owned()),
    }
}

#[cfg(feature = "lease")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it is an error")]
fn lease_in(table: &str) -> Result<Lease, String> {
    Ok(Lease::Table(table.to_owned()))
}

#[cfg(not(feature = "lease"))]
fn lease_in(_: &str) -> Result<Lease, String> {
    Err("this evenkeel was built without leases: build it with `cargo build --release --features lease`, or leave \
         --lease out, the epoch needs no table"
        .to_owned())
}

/// The longest of all durations. Points in time are computed from them, and the clock has an end.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// The shortest interval between two looks at everything.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// `250ms`, `30s`, `5m`, `2h`, up to a day.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 =
        digits.parse().map_err(|_| "expected a number and a unit, such as 250ms, 30s, 5m or 2h".to_owned())?;
    let wait = match &text[digits.len()..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        "h" => Duration::from_secs(number.saturating_mul(3600)),
        unit => return Err(format!("there is no unit `{unit}`; known: ms, s, m, h")),
    };
    match wait {
        Duration::ZERO => Err("must be more than nothing".to_owned()),
        wait if wait > DURATION_MAX => Err(format!("{text} is longer than a day: at most 24h")),
        wait => Ok(wait),
    }
}

/// A duration that leaves AWS the time to answer.
fn interval(text: &str) -> Result<Duration, String> {
    let wait = duration(text)?;
    if wait < INTERVAL_MIN { Err(format!("{text} is too often for AWS: at least 1s")) } else { Ok(wait) }
}

/// `50ms..2s`, or one time for both.
fn range(text: &str) -> Result<(Duration, Duration), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most { Err(format!("{text} ends before it starts")) } else { Ok((least, most)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_is_an_environment_variable() {
        for sub in Cli::command().get_subcommands().filter(|sub| sub.get_name() != "completions") {
            for argument in
                sub.get_arguments().filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
            {
                let name = argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                assert!(name.starts_with("EVENKEEL_"), "{} {}", sub.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert!(duration("60").unwrap_err().contains("no unit"));
        assert!(duration("0s").is_err());
        assert_eq!(range("50ms..2s"), Ok((Duration::from_millis(50), Duration::from_secs(2))));
        assert!(range("2s..1s").is_err());
    }

    #[test]
    fn times_have_bounds() {
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86400)));
        for text in ["25h", "86401s", "18446744073709551615h", "18446744073709551615ms"] {
            assert_eq!(duration(text), Err(format!("{text} is longer than a day: at most 24h")));
        }
        assert!(duration("18446744073709551616s").is_err());
        assert!(range("1s..25h").is_err());
        assert_eq!(interval("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(interval("999ms"), Err("999ms is too often for AWS: at least 1s".to_owned()));
        assert!(interval("48h").is_err());
    }

    #[test]
    fn an_absurd_interval_is_refused_by_the_command_line() {
        let arguments = ["evenkeel", "run", "manifests", "--interval", "18446744073709551615s"];
        let error = super::parse(arguments.map(Into::into)).unwrap_err().to_string();
        assert!(error.contains("at most 24h"), "{error}");
    }

    #[test]
    fn a_configuration_file_gives_defaults_that_flags_override() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("evenkeel.yaml");
        std::fs::write(&file, "interval: 5m\nowner: team-a\n").unwrap();
        let parse = |rest: &[&str]| {
            let start = ["evenkeel", "--config", file.to_str().unwrap()];
            super::parse(start.iter().chain(rest).map(Into::into).collect::<Vec<_>>())
        };
        let Command::Run(run) = parse(&["run", "manifests", "--owner", "team-b"]).unwrap().command else { panic!() };
        assert_eq!((run.interval, run.target.owner.as_str()), (Duration::from_secs(300), "team-b"));
        std::fs::write(&file, "intervall: 5m\n").unwrap();
        let error = parse(&["run", "manifests"]).unwrap_err().to_string();
        assert!(error.contains("did you mean `interval`?"), "{error}");
    }
}
