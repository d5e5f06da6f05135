//! `evenkeel apply`: passes until everything is as declared and every rollout has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::connect::{self, Connection};
use super::{CommandError, ERROR, OK, load_snapshot, print, prune, read_directory, refuse_problems};
use crate::action::Outcome;
use crate::cli::{Apply, Lease, Target};
use crate::fence::{Claim, Hold, Manner, Standing};
use crate::guard::Guardrails;
use crate::load::Desired;
use crate::mode::Modes;
use crate::model::Key;
use crate::plain;
use crate::plan::{Item, Reason, Verb};
use crate::queue::{Backoff, Next, WorkQueue};
use crate::reconcile::{Progress, Reconciler, with_partners};
use crate::report::{self, Output};
use crate::status::{Conclusion, State, conclude};
use crate::watch::Snapshot;

const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();

/// Between looks at what is under way: somebody is watching.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(15) };
/// Between looks at a rollout.
const ROLLOUT: Duration = Duration::from_secs(2);

pub(super) async fn apply(command: Apply) -> Result<u8, CommandError> {
    let (target, takeover) = (&command.target, command.takeover);
    if takeover && target.lease != Lease::Epoch {
        return Err(CommandError::NotInCharge(
            "--takeover goes with --lease epoch: a lease ends when its holder does".to_owned(),
        ));
    }
    let Connection { reconciler, guardrails, what, .. } = connect::connect(target, Modes::default()).await?;
    let manner = Manner::Guest { takeover, lasts: command.timeout };
    let reconciler = connect::fenced(reconciler, what, &target.lease, manner);
    let account = reconciler.aws().account().clone();
    let snapshot = read_directory(&command.target.directory)?;
    let desired = load_snapshot(&snapshot, &account, &guardrails);
    refuse_problems(&desired)?;
    let stop = super::run::stop_signal();
    let mut screen = Screen {
        human: command.output != Output::Json,
        terminal: std::io::stderr().is_terminal(),
        ..Screen::default()
    };
    let end = Instant::now() + command.timeout;
    let read = (target.directory.as_path(), &snapshot);
    let work =
        bring_about(&reconciler, &desired, read, (target.prune.then_some(&guardrails), end), &stop, &mut screen).await;
    let standing = reconciler.standing();
    reconciler.release().await;
    screen.clear();
    let (conclusions, outcomes) = work?;
    if let (Standing::Held(Hold::Standby(other)), []) = (&standing, &outcomes[..]) {
        return Err(CommandError::NotInCharge(in_charge(target, other)));
    }
    let well = conclusions.values().all(|conclusion| conclusion.state == State::InSync);
    print(&match command.output {
        Output::Json => plain::json(format!("{:#}\n", json(&desired, &conclusions, &outcomes, well))),
        Output::Human | Output::Markdown => text(&conclusions, &outcomes),
    })?;
    Ok(if well { OK } else { ERROR })
}

/// Why nothing was done, and how to go on.
fn in_charge(target: &Target, other: &Claim) -> String {
    let takeover = match target.lease {
        Lease::Epoch => {
            "; with --takeover it stands by until this apply ends, and then makes its own directory so again"
        }
        _ => "",
    };
    format!(
        "nothing was changed: another copy with the owner `{}` is in charge: {other}\n  hint: change the directory that \
         it watches, or stop it{takeover}",
        target.owner
    )
}

/// Makes everything as it is declared and then, if that is well and wanted, deletes what is declared nowhere.
async fn bring_about(
    reconciler: &Reconciler,
    desired: &Desired,
    read: (&Path, &Snapshot),
    (pruning, end): (Option<&Guardrails>, Instant),
    stop: &watch::Receiver<bool>,
    screen: &mut Screen,
) -> Result<(BTreeMap<Key, Conclusion>, Vec<Outcome>), CommandError> {
    let (mut conclusions, mut outcomes) = converge(reconciler, desired, stop, end, screen).await;
    screen.clear();
    if let Some(guardrails) = pruning
        && conclusions.values().all(|conclusion| conclusion.state == State::InSync)
    {
        let show = &mut |progress: Progress<'_>| screen.show(&progress);
        let (deletions, left) = prune::carry_out(reconciler, desired, read, guardrails, (stop, end), show).await?;
        outcomes.extend(deletions);
        let left = left.items.into_iter().filter(|item| item.verb == Verb::Delete);
        conclusions.extend(left.map(|item| (item.key.clone(), not_deleted(&item))));
    }
    Ok((conclusions, outcomes))
}

/// What there is to say of something that was to be deleted and is still there.
fn not_deleted(item: &Item) -> Conclusion {
    let (reason, message) = match &item.held {
        Some(reason) => (reason.label(), reason.to_string()),
        None => ("NotDeleted", "no manifest declares it, and it could not be deleted".to_owned()),
    };
    Conclusion { state: State::Blocked, reason, message, next: Next::Tick, left: Vec::new() }
}

/// Passes until nothing is under way any more, the time is up, or the user stops it.
async fn converge(
    reconciler: &Reconciler,
    desired: &Desired,
    stop: &watch::Receiver<bool>,
    end: Instant,
    screen: &mut Screen,
) -> (BTreeMap<Key, Conclusion>, Vec<Outcome>) {
    let mut queue = WorkQueue::new(BACKOFF, Duration::from_secs(u32::MAX.into()), Instant::now());
    for key in desired.resources.keys() {
        queue.request(key.clone(), Instant::now());
    }
    let mut conclusions: BTreeMap<Key, Conclusion> = BTreeMap::new();
    let mut outcomes = Vec::new();
    let mut looks: BTreeMap<Key, u32> = BTreeMap::new();
    // What is not waited for any longer, nor what waits for that.
    let mut over: BTreeSet<Key> = BTreeSet::new();
    while let Some(due) = queue.next_due().filter(|due| *due <= end) {
        let mut stopped = stop.clone();
        tokio::select! {
            () = sleep_until(due) => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        let started = Instant::now();
        let keys = with_partners(&desired.resources, queue.due(started));
        let pass = reconciler.pass(&desired.resources, &keys, stop, &mut |progress| screen.show(&progress)).await;
        for (key, item) in &pass.items {
            let of_key: Vec<&Outcome> = pass.outcomes.iter().filter(|outcome| outcome.key == *key).collect();
            let conclusion = conclude(item, &of_key);
            let conclusion = match &pass.held {
                Some(hold) => conclusion.held_by(hold),
                None => conclusion,
            };
            let next = match (conclusion.state, conclusion.next) {
                (_, next) if conclusion.reason == "TakingOver" => next,
                // What needs a person is not waited for; it would be found again and again.
                (State::Blocked | State::Degraded, _) => Next::Tick,
                (State::Waiting, _) if matches!(&item.held, Some(Reason::WaitsFor(key)) if over.contains(key)) => {
                    Next::Tick
                }
                (State::Waiting, _) if conclusion.reason == "NonConverging" && given_up(&mut looks, key) => Next::Tick,
                (_, Next::After(_)) => Next::After(ROLLOUT),
                (_, next) => next,
            };
            queue.settle(key, next, started);
            over.remove(key);
            if next == Next::Tick && conclusion.state != State::InSync {
                over.insert(key.clone());
            }
            conclusions.insert(key.clone(), conclusion);
        }
        outcomes.extend(pass.outcomes);
        screen.waiting(&conclusions);
        if pass.stopped || matches!(pass.held, Some(Hold::Standby(_))) {
            break;
        }
    }
    (conclusions, outcomes)
}

/// How often something that was done and does not show is looked for: about half a minute.
const LOOKS_MAX: u32 = 6;

fn given_up(looks: &mut BTreeMap<Key, u32>, key: &Key) -> bool {
    let looks = looks.entry(key.clone()).or_default();
    *looks += 1;
    *looks >= LOOKS_MAX
}

/// Live progress on standard error: a line per call, and below it what is waited for. Where lines
/// cannot be taken back, what is waited for is said once for each reason.
#[derive(Default)]
struct Screen {
    human: bool,
    terminal: bool,
    lines: usize,
    said: BTreeMap<Key, &'static str>,
}

impl Screen {
    fn show(&mut self, progress: &Progress<'_>) {
        let Progress::Acted(outcome) = progress else { return };
        if !self.human {
            return;
        }
        self.clear();
        let took = format!("{DIM}{} ms{DIM:#}", outcome.took.as_millis());
        let line = match &outcome.result {
            Ok(()) => format!("{GREEN}✓{GREEN:#} {}  {} {took}", outcome.key, said(&outcome.action)),
            Err(failure) => {
                format!("{RED}✗{RED:#} {}  {}: {} {took}", outcome.key, said(&outcome.action), said(failure))
            }
        };
        let _ = writeln!(anstream::stderr(), "{line}");
    }

    fn waiting(&mut self, conclusions: &BTreeMap<Key, Conclusion>) {
        if !self.human {
            return;
        }
        self.clear();
        let under_way = |conclusion: &Conclusion| matches!(conclusion.state, State::Progressing | State::Waiting);
        let waiting: Vec<_> = conclusions.iter().filter(|(_, conclusion)| under_way(conclusion)).collect();
        if !self.terminal {
            for (key, conclusion) in waiting.iter().filter(|(_, conclusion)| conclusion.reason != "Applied") {
                if self.said.insert((*key).clone(), conclusion.reason) != Some(conclusion.reason) {
                    let _ = writeln!(anstream::stderr(), "… {key}  {}", conclusion.message);
                }
            }
            return;
        }
        let mut text = String::new();
        for (key, conclusion) in waiting.iter().take(8) {
            let _ = writeln!(text, "{YELLOW}…{YELLOW:#} {key}  {DIM}{}{DIM:#}", conclusion.message);
        }
        if waiting.len() > 8 {
            let _ = writeln!(text, "{DIM}  and {} more{DIM:#}", waiting.len() - 8);
        }
        self.lines = text.lines().count();
        let _ = anstream::stderr().write_all(text.as_bytes());
    }

    /// Takes the lines of what is waited for off the terminal again.
    fn clear(&mut self) {
        for _ in 0..std::mem::take(&mut self.lines) {
            let _ = write!(anstream::stderr(), "\x1b[1A\x1b[2K");
        }
    }
}

/// What AWS or a manifest says, in one line.
fn said(text: &impl ToString) -> String {
    plain::line(&text.to_string()).into_owned()
}

fn text(conclusions: &BTreeMap<Key, Conclusion>, outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for (key, conclusion) in conclusions.iter().filter(|(_, conclusion)| !conclusion.message.is_empty()) {
        let style = if conclusion.state == State::InSync { YELLOW } else { RED };
        let _ = writeln!(text, "{style}{}{style:#} {key}: {}", conclusion.state, conclusion.message);
    }
    let made = outcomes.iter().filter(|outcome| outcome.result.is_ok()).count();
    let failed = outcomes.len() - made;
    let in_sync = conclusions.values().filter(|conclusion| conclusion.state == State::InSync).count();
    let all = report::count(conclusions.len(), "resource", "resources");
    let _ = write!(text, "{in_sync} of {all} as declared; {}", report::count(made, "change", "changes"));
    if failed > 0 {
        let _ = write!(text, ", {}", report::count(failed, "failed call", "failed calls"));
    }
    text.push_str(".\n");
    text
}

fn json(
    desired: &Desired,
    conclusions: &BTreeMap<Key, Conclusion>,
    outcomes: &[Outcome],
    well: bool,
) -> serde_json::Value {
    let resources: Vec<_> = conclusions
        .iter()
        .map(|(key, conclusion)| {
            json!({
                "kind": key.kind.to_string(),
                "name": key.name,
                "aws": desired.resources.get(key).map(|resource| resource.identity.to_string()),
                "state": conclusion.state.label(),
                "reason": conclusion.reason,
                "message": conclusion.message,
            })
        })
        .collect();
    let actions: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "resource": outcome.key.to_string(),
                "action": outcome.action.permission(),
                "target": outcome.action.target(),
                "took_ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
                "error": outcome.result.as_ref().err().map(ToString::to_string),
            })
        })
        .collect();
    json!({ "converged": well, "resources": resources, "actions": actions })
}
