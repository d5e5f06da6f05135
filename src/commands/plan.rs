//! `evenkeel plan`.

use std::collections::{BTreeMap, BTreeSet};

use super::{CHANGES, CommandError, ERROR, OK, connect, load_snapshot, print, prune, read_directory, refuse_problems};
use crate::cli::Plan;
use crate::mode::Modes;
use crate::plain;
use crate::plan::Verb;
use crate::report::{self, Output};

pub(super) async fn plan(command: Plan) -> Result<u8, CommandError> {
    let connection = connect::connect(&command.target, Modes::default()).await?;
    let account = connection.reconciler.aws().account().clone();
    let snapshot = read_directory(&command.target.directory)?;
    let desired = load_snapshot(&snapshot, &account, &connection.guardrails);
    refuse_problems(&desired)?;
    let all: BTreeSet<_> = desired.resources.keys().cloned().collect();
    let mut plan = connection.reconciler.plan(&desired.resources, &all).await;
    let mut to_release = BTreeMap::new();
    if command.target.prune {
        let pruning =
            prune::planned(&connection.reconciler, &desired, &snapshot.releases, &connection.guardrails).await;
        let pruning = pruning.map_err(CommandError::Aws)?;
        plan.items.extend(pruning.items);
        to_release = pruning.to_release;
    }
    let release = report::release_text(to_release.keys());
    print(&match command.output {
        Output::Human => report::plan_text(&plan, &account) + &release,
        Output::Json => plain::json(format!("{:#}\n", report::plan_json(&plan, &account))),
        Output::Markdown => report::plan_markdown(&plan, &account) + &release,
    })?;
    Ok(if plan.items.iter().any(|item| item.verb == Verb::Unknown) {
        ERROR
    } else if plan.is_empty() {
        OK
    } else {
        CHANGES
    })
}
