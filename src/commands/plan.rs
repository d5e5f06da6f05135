//! `evenkeel plan`.

use std::collections::BTreeSet;

use super::{CHANGES, CommandError, ERROR, OK, connect, load_directory, print, refuse_problems};
use crate::cli::Plan;
use crate::plan::Verb;
use crate::report::{self, Output};

pub(super) async fn plan(command: Plan) -> Result<u8, CommandError> {
    let connection = connect::connect(&command.target).await?;
    let account = connection.reconciler.aws().account().clone();
    let desired = load_directory(&command.target.directory, &account, &connection.guardrails)?;
    refuse_problems(&desired)?;
    let all: BTreeSet<_> = desired.resources.keys().cloned().collect();
    let plan = connection.reconciler.plan(&desired.resources, &all).await;
    print(&match command.output {
        Output::Human => report::plan_text(&plan, &account),
        Output::Json => format!("{:#}\n", report::plan_json(&plan, &account)),
        Output::Markdown => report::plan_markdown(&plan, &account),
    })?;
    Ok(if plan.items.iter().any(|item| item.verb == Verb::Unknown) {
        ERROR
    } else if plan.is_empty() {
        OK
    } else {
        CHANGES
    })
}
