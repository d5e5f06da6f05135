//! What people and scripts read: plans and problems as text, JSON and Markdown.

mod plan;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::model::Problem;
use crate::value::Value;
use crate::watch::RELEASE_FILE;

pub use plan::{left_json, plan_json, plan_markdown, plan_text};

/// In which form a command prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people; coloured on a terminal.
    #[default]
    Human,
    /// For scripts.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// `1 call`, `2 calls`.
#[must_use]
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// How to release deletions that are beyond the budget; nothing where none are.
#[must_use]
pub fn release_text<'a>(pins: impl IntoIterator<Item = &'a String>) -> String {
    let lines: String = pins.into_iter().fold(String::new(), |text, pin| text + pin + "\n");
    if lines.is_empty() {
        return lines;
    }
    format!(
        "\nIf all of it is meant, commit a file {RELEASE_FILE} with these lines at the top of the directory:\n\n{lines}"
    )
}

/// Problems for people: where, what, what to do.
#[must_use]
pub fn problems_text(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let _ = write!(text, "{BOLD}{}", problem.file.display());
        if let Some(at) = problem.at {
            let _ = write!(text, ":{at}");
        }
        let _ = write!(text, "{BOLD:#}: {RED}error{RED:#}: ");
        if !problem.path.is_empty() {
            let _ = write!(text, "{}: ", problem.path);
        }
        let _ = writeln!(text, "{}", problem.message);
        if let Some(hint) = &problem.hint {
            let _ = writeln!(text, "  {DIM}hint:{DIM:#} {hint}");
        }
    }
    text
}

/// Problems for scripts.
#[must_use]
pub fn problems_json(problems: &[Problem]) -> Value {
    let one = |problem: &Problem| {
        json!({
            "file": problem.file,
            "line": problem.at.map(|at| at.line),
            "column": problem.at.map(|at| at.column),
            "path": problem.path,
            "resource": problem.key.as_ref().map(ToString::to_string),
            "message": problem.message,
            "hint": problem.hint,
        })
    };
    json!({ "problems": problems.iter().map(one).collect::<Vec<_>>() })
}

/// Problems as annotations of a GitHub workflow.
#[must_use]
pub fn problems_github(problems: &[Problem]) -> String {
    // GitHub's own escapes in workflow commands.
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let mut text = String::new();
    for problem in problems {
        let (line, column) = problem.at.map_or((1, 1), |at| (at.line, at.column));
        let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
        let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        let message = escape(&format!("{path}{}{hint}", problem.message));
        let _ = writeln!(text, "::error file={},line={line},col={column}::{message}", problem.file.display());
    }
    text
}
