//! Plans: for people, for scripts, for a pull request.

use std::fmt::Write as _;

use serde_json::json;

use super::{BOLD, DIM, GREEN, RED, YELLOW, count};
use crate::fields::is_secret;
use crate::model::{Change, Effect};
use crate::plain;
use crate::plan::{Item, Left, Plan, Reason, Verb};
use crate::policy;
use crate::redact::{Shown, redacted, shown};
use crate::resource::Account;
use crate::value::Value;
use crate::world::Owner;

/// Widest that both sides of a change may be together to stand on one line.
const LINE_CHARS_MAX: usize = 90;

/// A plan for people. Values that could be secrets are never shown.
#[must_use]
pub fn plan_text(plan: &Plan, account: &Account) -> String {
    let mut text = format!("{BOLD}Plan for account {}, {}{BOLD:#}\n\n", account.id, account.region);
    let before = text.len();
    for item in plan.items.iter().filter(|item| is_worth_words(item)) {
        item_text(&mut text, item, waits_for_plan(plan, item));
    }
    if text.len() > before {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", summary(plan));
    if let Some(advice) = advice(plan) {
        let _ = writeln!(text, "{advice}");
    }
    text
}

fn is_worth_words(item: &Item) -> bool {
    item.verb != Verb::Keep || !item.left.is_empty()
}

fn item_text(text: &mut String, item: &Item, follows: bool) {
    let (sign, style) = match item.verb {
        Verb::Create => ("+", GREEN),
        Verb::Update => ("~", YELLOW),
        Verb::Adopt => ("^", YELLOW),
        Verb::Unknown => ("?", RED),
        Verb::Keep | Verb::Retain => ("=", DIM),
        Verb::Delete => ("-", RED),
    };
    let _ = writeln!(
        text,
        "{style}{sign} {}{style:#}  {DIM}{} ({}){DIM:#}",
        item.key,
        plain::line(&item.identity.to_string()),
        what(item)
    );
    for change in &item.changes {
        change_text(text, change);
    }
    for left in &item.left {
        let _ = writeln!(text, "    {YELLOW}left:{YELLOW:#} {}", plain::line(&left.to_string()));
    }
    for note in &item.notes {
        let _ = writeln!(text, "    {DIM}note:{DIM:#} {}", plain::line(note));
    }
    if let Some(reason) = own_reason(item) {
        let mark = if follows || item.verb == Verb::Retain { String::new() } else { format!("{RED}held:{RED:#} ") };
        let _ = writeln!(text, "    {mark}{}", plain::line(&reason.to_string()));
    }
}

/// What becomes of the item, and the gravest thing that this does.
fn what(item: &Item) -> String {
    let what = match item.verb {
        Verb::Create => return "create".to_owned(),
        Verb::Unknown => return "unknown".to_owned(),
        Verb::Keep => return "as declared".to_owned(),
        Verb::Delete => return "delete".to_owned(),
        Verb::Retain => return "not declared, retained".to_owned(),
        Verb::Update => "change",
        Verb::Adopt if item.held == Some(Reason::NeverOurs) => "not ours",
        Verb::Adopt if item.held.is_some() => "to adopt",
        Verb::Adopt => "adopt",
    };
    effect(item).map_or(what.to_owned(), |effect| format!("{what}, {effect}"))
}

fn change_text(text: &mut String, change: &Change) {
    let (path, effect) = (&change.path, format!("{DIM}{}{DIM:#}", change.effect));
    match sides(change) {
        Sides::Line(line) => {
            let _ = writeln!(text, "    {path}: {line}  {effect}");
        }
        Sides::Block { gone, come } => {
            let _ = writeln!(text, "    {path}:  {effect}");
            for value in gone {
                let _ = writeln!(text, "      {RED}-{RED:#} {value}");
            }
            for value in come {
                let _ = writeln!(text, "      {GREEN}+{GREEN:#} {value}");
            }
        }
    }
}

/// Both sides of a change, as wide as they are.
enum Sides {
    Line(String),
    Block { gone: Vec<String>, come: Vec<String> },
}

fn sides(change: &Change) -> Sides {
    let documents = (change.from.as_ref(), change.to.as_ref());
    if let (Some(live), Some(declared)) = documents
        && let Some((gone, come)) = policy::statements_apart(live, declared)
    {
        let lines = |statements: Vec<&Value>| {
            statements.into_iter().map(|statement| plain::json(statement.to_string())).collect()
        };
        return Sides::Block { gone: lines(gone), come: lines(come) };
    }
    match shown(change) {
        Shown::Hidden(word) => Sides::Line(word.to_owned()),
        Shown::Values(from, to) if from.chars().count() + to.chars().count() <= LINE_CHARS_MAX => {
            Sides::Line(format!("{from} → {to}"))
        }
        Shown::Values(from, to) => {
            let lines = |text: String, value: &Option<Value>| value.iter().map(|_| text.clone()).collect();
            Sides::Block { gone: lines(from, &change.from), come: lines(to, &change.to) }
        }
    }
}

/// The gravest thing that the item's changes do.
fn effect(item: &Item) -> Option<Effect> {
    let whole = (item.verb == Verb::Delete).then_some(Effect::Deletes);
    item.changes.iter().map(|change| change.effect).chain(whole).max()
}

/// Whether an item only waits to be told that it may be adopted.
fn is_to_adopt(item: &Item) -> bool {
    matches!(item.held, Some(Reason::NotOurs(Owner::Nobody)))
}

fn summary(plan: &Plan) -> String {
    let of = |verb: Verb| plan.items.iter().filter(|item| item.verb == verb).count();
    let to_adopt = plan.items.iter().filter(|item| is_to_adopt(item)).count();
    if plan.is_empty() {
        let retained = of(Verb::Retain);
        let all = count(plan.items.len() - retained, "resource is", "resources are");
        let adopt = if to_adopt > 0 { format!(", {to_adopt} of them to adopt") } else { String::new() };
        let retained = if retained > 0 { format!("; {retained} no longer declared, retained") } else { String::new() };
        return format!("Nothing to do: {all} as declared{adopt}{retained}.");
    }
    let held = plan.items.iter().filter(|item| is_held(plan, item));
    let counts = [
        (of(Verb::Delete), "to delete"),
        (of(Verb::Retain), "no longer declared, retained"),
        (of(Verb::Adopt), "to adopt"),
        (of(Verb::Unknown), "unknown"),
        (held.count(), "held"),
    ];
    let mut text =
        format!("{} to create, {} to change, {} as declared", of(Verb::Create), of(Verb::Update), of(Verb::Keep));
    for (number, what) in counts.into_iter().filter(|(number, _)| *number > 0) {
        let _ = write!(text, ", {number} {what}");
    }
    text.push('.');
    text
}

/// Whether something keeps an item from what is to become of it.
fn is_held(plan: &Plan, item: &Item) -> bool {
    item.held.is_some() && item.verb != Verb::Retain && !is_to_adopt(item) && !waits_for_plan(plan, item)
}

/// What there is to say of many items, once for all of them: how to go on with what carries no owner
/// tag, and why nothing is deleted.
fn advice(plan: &Plan) -> Option<String> {
    let adopt = plan.items.iter().any(is_to_adopt).then(|| {
        "What is to adopt exists, carries no owner tag and is not touched: take it over with the annotation \
         evenkeel/adoption: adopt, or all of it with --adopt."
            .to_owned()
    });
    let not_pruned = plan.items.iter().find_map(|item| match &item.held {
        Some(Reason::NotPruned(why)) => Some(format!("Nothing is deleted: {why}.")),
        _ => None,
    });
    let said: Vec<String> = adopt.into_iter().chain(not_pruned).collect();
    (!said.is_empty()).then(|| said.join("\n"))
}

/// Why an item is held, where that is not said of all such items together.
fn own_reason(item: &Item) -> Option<&Reason> {
    let together = is_to_adopt(item) || matches!(item.held, Some(Reason::NotPruned(_)));
    item.held.as_ref().filter(|_| !together)
}

/// Whether an item only waits for another that the same plan brings about.
fn waits_for_plan(plan: &Plan, item: &Item) -> bool {
    match &item.held {
        Some(Reason::WaitsFor(key)) => plan.items.iter().any(|other| other.key == *key && other.acts()),
        _ => false,
    }
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
    let changes: Vec<Value> = item.changes.iter().map(change_json).collect();
    let left: Vec<Value> = item.left.iter().map(left_json).collect();
    let actions: Vec<Value> =
        item.steps.iter().map(|step| json!({ "action": step.permission(), "target": step.target() })).collect();
    let held = item.held.as_ref().map(|reason| json!({ "reason": reason.label(), "message": reason.to_string() }));
    json!({
        "kind": item.key.kind.to_string(),
        "name": item.key.name,
        "aws": item.identity.to_string(),
        "verb": item.verb.label(),
        "effect": effect(item).map(|effect| effect.to_string()),
        "changes": changes,
        "left": left,
        "notes": item.notes,
        "actions": actions,
        "held": held,
    })
}

fn change_json(change: &Change) -> Value {
    let mut json = json!({ "path": change.path.to_string(), "effect": change.effect.to_string() });
    if is_secret(&change.path) {
        json["hidden"] = true.into();
    } else {
        json["from"] = change.from.as_ref().map(redacted).into();
        json["to"] = change.to.as_ref().map(redacted).into();
    }
    json
}

/// A difference that is left as it is, for scripts.
#[must_use]
pub fn left_json(left: &Left) -> Value {
    let mut json = change_json(&left.change);
    json["reason"] = left.why.label().into();
    json["message"] = left.to_string().into();
    json
}

/// A plan as a comment on a pull request.
#[must_use]
pub fn plan_markdown(plan: &Plan, account: &Account) -> String {
    let mut text = format!("### Evenkeel plan for account {}, {}\n\n{}\n", account.id, account.region, summary(plan));
    let items = plan.items.iter().filter(|item| is_worth_words(item));
    let (short, long): (Vec<&Item>, Vec<&Item>) = items.partition(|item| is_short(plan, item));
    if !short.is_empty() {
        text.push('\n');
    }
    for item in short {
        let _ = writeln!(
            text,
            "- {}: {} ({})",
            prose(&item.key.to_string()),
            what(item),
            prose(&item.identity.to_string())
        );
    }
    for item in long {
        item_markdown(&mut text, item, waits_for_plan(plan, item));
    }
    if let Some(advice) = advice(plan) {
        let _ = writeln!(text, "\n{advice}");
    }
    text
}

/// Whether one line says it all.
fn is_short(plan: &Plan, item: &Item) -> bool {
    let waits = matches!(item.verb, Verb::Create | Verb::Delete) && waits_for_plan(plan, item);
    let held = own_reason(item).is_some() && !waits;
    item.changes.is_empty() && item.left.is_empty() && item.notes.is_empty() && !held
}

fn item_markdown(text: &mut String, item: &Item, follows: bool) {
    let (key, identity) = (prose(&item.key.to_string()), prose(&item.identity.to_string()));
    let _ = writeln!(text, "\n#### {key}: {}\n\n{identity}\n", what(item));
    if !item.changes.is_empty() {
        text.push_str("| field | live | declared | effect |\n| --- | --- | --- | --- |\n");
    }
    for change in &item.changes {
        let (live, declared) = match sides(change) {
            Sides::Line(_) => match shown(change) {
                Shown::Hidden(word) => (String::new(), word.to_owned()),
                Shown::Values(from, to) => (code(&from), code(&to)),
            },
            Sides::Block { gone, come } => (codes(&gone), codes(&come)),
        };
        let _ = writeln!(text, "| {} | {live} | {declared} | {} |", code(&change.path.to_string()), change.effect);
    }
    let left = item.left.iter().map(|left| format!("left: {}", prose(&left.to_string())));
    let notes = item.notes.iter().map(|note| format!("note: {}", prose(note)));
    let held = own_reason(item).into_iter().map(|reason| prose(&reason.to_string()));
    let quiet = follows || item.verb == Verb::Retain;
    let held = held.map(|reason| if quiet { reason } else { format!("**held:** {reason}") });
    let lines: Vec<String> = left.chain(notes).chain(held).collect();
    if !lines.is_empty() && !item.changes.is_empty() {
        text.push('\n');
    }
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
}

fn codes(values: &[String]) -> String {
    values.iter().map(|value| code(value)).collect::<Vec<_>>().join("<br>")
}

/// A value between backticks: as many as it takes, for the value may have some.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let (fence, space) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
    format!("{fence}{space}{}{space}{fence}", cell(text))
}

/// Text outside of backticks, where what stands in a policy or a command would be taken for markup.
fn prose(text: &str) -> String {
    let mut escaped = String::new();
    for c in cell(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '~') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Text that neither ends a cell of a table nor a line.
fn cell(text: &str) -> String {
    plain::line(text).replace('|', "\\|")
}
