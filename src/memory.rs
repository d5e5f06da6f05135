//! The convergence guard: what was done is not done again while it does not show.
//!
//! If the plan asks for the very calls that were just made with success, then either AWS does not
//! show their effect yet, or it shows it in another form than the manifest has. To make them again
//! would help in neither case, and could restart every task of a service each time.

use std::collections::BTreeMap;

use crate::action::Action;
use crate::model::Key;
use crate::plan::{Item, Plan, Reason, Verb};

/// What was last done for each resource that has not been seen as declared since.
#[derive(Debug, Default)]
pub struct Memory {
    applied: BTreeMap<Key, Vec<Action>>,
}

impl Memory {
    /// All calls of the item were made with success.
    pub fn applied(&mut self, item: &Item) {
        self.applied.insert(item.key.clone(), item.steps.clone());
    }

    /// The plan without calls that would only repeat what was done. Forgets what has come to show.
    #[must_use]
    pub fn without_repeats(&mut self, mut plan: Plan) -> Plan {
        for item in &mut plan.items {
            if item.verb == Verb::Keep {
                self.applied.remove(&item.key);
            } else if self
                .applied
                .get(&item.key)
                .is_some_and(|applied| !item.steps.is_empty() && *applied == item.steps)
            {
                item.steps.clear();
                let paths = item.changes.iter().map(|change| change.path.to_string()).collect();
                item.held = Some(Reason::NonConverging(paths));
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::Kind;
    use crate::resource::Identity;
    use crate::world::Phase;

    fn plan_of(verb: Verb, value: &str) -> Plan {
        let steps = match verb {
            Verb::Keep => Vec::new(),
            _ => vec![Action::PutAccountSettingDefault { name: "awsvpcTrunking".into(), value: value.into() }],
        };
        let item = Item {
            key: Key::new(Kind::AccountSettings, "account"),
            identity: Identity::AccountSettings,
            verb,
            changes: Vec::new(),
            steps,
            held: None,
            phase: Phase::Steady,
            needs: BTreeSet::new(),
        };
        Plan { items: vec![item] }
    }

    fn calls(plan: &Plan) -> usize {
        plan.items[0].steps.len()
    }

    #[test]
    fn what_was_done_is_not_done_again_until_it_has_shown() {
        let mut memory = Memory::default();
        let change = plan_of(Verb::Update, "enabled");
        memory.applied(&change.items[0]);
        let held = memory.without_repeats(change.clone());
        assert_eq!((calls(&held), held.items[0].held.as_ref().map(Reason::label)), (0, Some("NonConverging")));
        let _ = memory.without_repeats(plan_of(Verb::Keep, ""));
        assert_eq!(calls(&memory.without_repeats(change)), 1, "it had shown; this is a new difference");
    }

    #[test]
    fn another_change_is_made_at_once() {
        let mut memory = Memory::default();
        memory.applied(&plan_of(Verb::Update, "enabled").items[0]);
        assert_eq!(calls(&memory.without_repeats(plan_of(Verb::Update, "disabled"))), 1);
    }
}
