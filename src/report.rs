//! What people and scripts read: plans and problems as text, JSON and Markdown.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::fields::{SECRET, is_secret};
use crate::model::{Change, Effect, Problem};
use crate::plan::{Item, Plan, Verb};
use crate::resource::Account;
use crate::value::{Map, Value};

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

/// Widest a value is printed before it is cut.
const VALUE_CHARS_MAX: usize = 60;

/// A plan for people. Values that could be secrets are shown as changed, never in full.
#[must_use]
pub fn plan_text(plan: &Plan, account: &Account) -> String {
    let mut text = format!("{BOLD}Plan for account {}, {}{BOLD:#}\n\n", account.id, account.region);
    for item in plan.items.iter().filter(|item| item.verb != Verb::Keep) {
        item_text(&mut text, item, waits_for_plan(plan, item));
    }
    if plan.is_empty() {
        let _ =
            writeln!(text, "Nothing to do: {} as declared.", count(plan.items.len(), "resource is", "resources are"));
    } else {
        let _ = writeln!(text, "\n{}", summary(plan));
    }
    text
}

fn item_text(text: &mut String, item: &Item, follows: bool) {
    let (sign, style, what) = match item.verb {
        Verb::Create => ("+", GREEN, "create".to_owned()),
        Verb::Update => ("~", YELLOW, effect(item).map_or("change".to_owned(), |effect| format!("change, {effect}"))),
        Verb::Unknown => ("?", RED, "unknown".to_owned()),
        Verb::Keep => (" ", DIM, "keep".to_owned()),
    };
    let _ = writeln!(text, "{style}{sign} {}{style:#}  {DIM}{} ({what}){DIM:#}", item.key, item.identity);
    for change in &item.changes {
        let (from, to) = shown(change);
        let _ = writeln!(text, "    {}: {from} → {to}  {DIM}{}{DIM:#}", change.path, change.effect);
    }
    if let Some(reason) = &item.held {
        let mark = if follows { String::new() } else { format!("{RED}held:{RED:#} ") };
        let _ = writeln!(text, "    {mark}{reason}");
    }
}

/// The gravest thing that the item's changes do.
fn effect(item: &Item) -> Option<Effect> {
    item.changes.iter().map(|change| change.effect).max()
}

fn summary(plan: &Plan) -> String {
    let of = |verb: Verb| plan.items.iter().filter(|item| item.verb == verb).count();
    let held = plan.items.iter().filter(|item| item.held.is_some() && !waits_for_plan(plan, item)).count();
    let mut text =
        format!("{} to create, {} to change, {} as declared", of(Verb::Create), of(Verb::Update), of(Verb::Keep));
    if of(Verb::Unknown) > 0 {
        let _ = write!(text, ", {} unknown", of(Verb::Unknown));
    }
    if held > 0 {
        let _ = write!(text, ", {held} held");
    }
    text.push('.');
    text
}

/// Whether an item only waits for another that the same plan brings about.
fn waits_for_plan(plan: &Plan, item: &Item) -> bool {
    match &item.held {
        Some(crate::plan::Reason::WaitsFor(key)) => {
            plan.items.iter().any(|other| other.key == *key && !other.steps.is_empty())
        }
        _ => false,
    }
}

/// `1 call`, `2 calls`.
#[must_use]
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Both sides of a change as they may be shown.
fn shown(change: &Change) -> (String, String) {
    if is_secret(&change.path) {
        let mark = |value: &Option<Value>| if value.is_some() { "(hidden)" } else { "(none)" }.to_owned();
        return (mark(&change.from), if change.to.is_some() { "(changed)".to_owned() } else { "(none)".to_owned() });
    }
    let show = |value: &Option<Value>| value.as_ref().map_or("(none)".to_owned(), |value| short(&redacted(value)));
    (show(&change.from), show(&change.to))
}

/// The value with everything inside it hidden that may not be shown; names stay.
#[must_use]
pub fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                (key.clone(), if SECRET.contains(&key.as_str()) { names(value) } else { redacted(value) })
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        other => other.clone(),
    }
}

fn names(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            items.iter().map(|item| item.get("name").cloned().unwrap_or_else(|| "(hidden)".into())).collect()
        }
        Value::Object(map) => map.keys().cloned().collect(),
        _ => "(hidden)".into(),
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text;
    }
    let cut: String = text.chars().take(VALUE_CHARS_MAX - 1).collect();
    format!("{cut}…")
}

/// A plan for scripts. The form is part of the interface.
#[must_use]
pub fn plan_json(plan: &Plan, account: &Account) -> Value {
    let items: Vec<Value> = plan.items.iter().map(item_json).collect();
    json!({
        "account": account.id,
        "region": account.region,
        "empty": plan.is_empty(),
        "items": items,
    })
}

fn item_json(item: &Item) -> Value {
    let verb = match item.verb {
        Verb::Keep => "keep",
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Unknown => "unknown",
    };
    let changes: Vec<Value> = item.changes.iter().map(change_json).collect();
    let actions: Vec<Value> =
        item.steps.iter().map(|step| json!({ "action": step.permission(), "target": step.target() })).collect();
    let held = item.held.as_ref().map(|reason| json!({ "reason": reason.label(), "message": reason.to_string() }));
    json!({
        "kind": item.key.kind.to_string(),
        "name": item.key.name,
        "aws": item.identity.to_string(),
        "verb": verb,
        "effect": effect(item).map(|effect| effect.to_string()),
        "changes": changes,
        "actions": actions,
        "held": held,
    })
}

fn change_json(change: &Change) -> Value {
    if is_secret(&change.path) {
        return json!({ "path": change.path.to_string(), "hidden": true, "effect": change.effect.to_string() });
    }
    json!({
        "path": change.path.to_string(),
        "from": change.from.as_ref().map(redacted),
        "to": change.to.as_ref().map(redacted),
        "effect": change.effect.to_string(),
    })
}

/// A plan as a comment on a pull request.
#[must_use]
pub fn plan_markdown(plan: &Plan, account: &Account) -> String {
    let mut text = format!("### Evenkeel plan for account {}, {}\n\n", account.id, account.region);
    if plan.is_empty() {
        let _ =
            writeln!(text, "Nothing to do: {} as declared.", count(plan.items.len(), "resource is", "resources are"));
        return text;
    }
    text.push_str("| resource | field | live | declared | effect |\n| --- | --- | --- | --- | --- |\n");
    let cell = |text: String| text.replace('|', "\\|").replace('\n', " ");
    for item in plan.items.iter().filter(|item| item.verb != Verb::Keep) {
        if item.changes.is_empty() {
            let what = if item.verb == Verb::Create { "create" } else { "" };
            let _ = writeln!(text, "| {} | | | {what} | |", item.key);
        }
        for change in &item.changes {
            let (from, to) = shown(change);
            let (path, from, to) = (cell(change.path.to_string()), cell(from), cell(to));
            let _ = writeln!(text, "| {} | `{path}` | `{from}` | `{to}` | {} |", item.key, change.effect);
        }
        if let Some(reason) = &item.held {
            let mark = if waits_for_plan(plan, item) { "" } else { "**held:** " };
            let _ = writeln!(text, "| {} | | | {mark}{} | |", item.key, cell(reason.to_string()));
        }
    }
    let _ = writeln!(text, "\n{}", summary(plan));
    text
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
