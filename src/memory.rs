//! What was done and has not been seen to the end: writes, and rollouts.
//!
//! The convergence guard: what was written is not written again while it does not show.
//! If a field is still not as declared after a write that AWS took, then either AWS does not show it
//! yet, or it shows it in another form than the manifest has, or somebody else writes it too. To
//! write it again would help in no case, and could restart every task of a service each time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::action::Action;
use crate::failure::WINDOW;
use crate::fields;
use crate::model::{Change, Effect, Key, Kind};
use crate::plan::{Item, Plan, Reason, Verb, Written};
use crate::resource::{Identity, Resource, TaskDefinition};
use crate::value::{Segment, Value};
use crate::world::Phase;

/// What was done and has not been seen since.
#[derive(Debug, Default)]
pub struct Memory {
    written: Written,
    made: BTreeMap<Key, Made>,
    /// When a call for a resource last had its effect.
    touched: BTreeMap<Key, Duration>,
    /// Services with a rollout of ours, and what it was to bring about.
    rollouts: BTreeMap<Key, (Value, Option<TaskDefinition>)>,
}

/// What was made and has not been seen yet.
#[derive(Debug, Default)]
struct Made {
    calls: Vec<Action>,
    looks: u32,
}

/// How often something that was made is looked for before it is taken to be gone again: with the pauses
/// between looks that fail, about a quarter of an hour.
const LOOKS_MAX: u32 = 10;

impl Memory {
    /// The changes that were written and have not been seen as declared since.
    #[must_use]
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// A call of the item was made with success.
    pub fn applied(&mut self, item: &Item, action: &Action) {
        if item.verb == Verb::Delete {
            return;
        }
        if item.verb == Verb::Create {
            self.made.entry(item.key.clone()).or_default().calls.push(action.clone());
            return;
        }
        // What takes several calls is not written before the last of them: an instance profile is made
        // and then bound.
        let completes = |change: &&Change| {
            item.steps.iter().rfind(|step| step.concerns(&change.path)).is_some_and(|last| last == action)
        };
        let written = self.written.entry(item.key.clone()).or_default();
        for change in item.changes.iter().filter(completes) {
            written.retain(|before| before.path != change.path);
            written.push(change.clone());
        }
    }

    /// A call for the resource had its effect at `now`, on the reconciler's clock.
    pub fn touched(&mut self, key: &Key, now: Duration) {
        self.touched.insert(key.clone(), now);
    }

    /// Of what a resource depends on, and of itself, what was written less than [`WINDOW`] ago. What
    /// AWS's words name counts as well: a manifest may spell out an ARN.
    #[must_use]
    pub fn young(&self, of: &Key, resources: &BTreeMap<Key, Resource>, words: &str, now: Duration) -> BTreeSet<Key> {
        let mut depends = BTreeSet::new();
        let mut open = vec![of];
        while let Some(key) = open.pop() {
            if depends.insert(key) {
                open.extend(resources.get(key).iter().flat_map(|resource| &resource.needs));
            }
        }
        let named = |key: &Key| resources.get(key).is_some_and(|resource| names(words, &resource.identity));
        let young = self.touched.iter().filter(|(_, then)| now.saturating_sub(**then) < WINDOW).map(|(key, _)| key);
        young.filter(|key| depends.contains(key) || named(key)).cloned().collect()
    }

    /// A call for the resource was made with success: if it began a rollout, that is followed to its end.
    /// A service that looks as before may be one that ECS took back.
    pub fn began(&mut self, resource: &Resource, action: &Action) {
        if rolls(action) {
            let aim = (resource.spec.clone(), resource.task_definition.clone());
            self.rollouts.insert(resource.key.clone(), aim);
        }
    }

    /// The services whose rollout is ours and has not ended well, and is still what the manifest asks for.
    #[must_use]
    pub fn followed(&self, resources: &BTreeMap<Key, Resource>) -> BTreeSet<Key> {
        let same = |key: &Key, (spec, task_definition): &(Value, Option<TaskDefinition>)| {
            resources.get(key).is_some_and(|now| now.spec == *spec && now.task_definition == *task_definition)
        };
        self.rollouts.iter().filter(|(key, aim)| same(key, aim)).map(|(key, _)| key.clone()).collect()
    }

    /// Forgets everything about other resources than these: a manifest that comes back starts afresh.
    pub fn keep(&mut self, keys: impl Fn(&Key) -> bool) {
        self.written.retain(|key, _| keys(key));
        self.made.retain(|key, _| keys(key));
        self.touched.retain(|key, _| keys(key));
        self.rollouts.retain(|key, _| keys(key));
    }

    /// The plan without making again what was made. Forgets what has come to show.
    #[must_use]
    pub fn settle(&mut self, mut plan: Plan) -> Plan {
        for item in &mut plan.items {
            if matches!(item.verb, Verb::Keep | Verb::Update | Verb::Adopt) {
                // That it was taken back, AWS remembers by itself while the service is not as declared.
                let taken_back = matches!(item.held, Some(Reason::RolledBack(_)));
                if taken_back || item.verb == Verb::Keep && item.phase == Phase::Steady {
                    self.rollouts.remove(&item.key);
                }
                let left = item.left.iter().map(|left| &left.change);
                let differs =
                    |before: &Change| item.changes.iter().chain(left.clone()).any(|now| now.path == before.path);
                if let Some(written) = self.written.get_mut(&item.key) {
                    written.retain(|before| differs(before) || !is_compared(item, before));
                }
            }
            self.hold_what_was_made(item);
        }
        self.written.retain(|_, written| !written.is_empty());
        plan
    }

    /// Takes out of an item the calls that made it, as long as they do not show. What was made in several
    /// calls, a role with its policies, may show call by call.
    fn hold_what_was_made(&mut self, item: &mut Item) {
        // Nothing of it is done, whatever shows.
        if item.held.as_ref().is_some_and(Reason::shows_steps) {
            return;
        }
        let Some(made) = self.made.get_mut(&item.key) else { return };
        let again = match item.verb {
            Verb::Unknown | Verb::Delete | Verb::Retain => return,
            // Whatever comes after the first call needs it.
            Verb::Create => item.steps.first().is_some_and(|step| made.calls.contains(step)),
            Verb::Keep | Verb::Update | Verb::Adopt => item.steps.iter().any(|step| made.calls.contains(step)),
        };
        if !again {
            if item.verb != Verb::Create {
                self.made.remove(&item.key);
            }
            return;
        }
        made.looks += 1;
        // A second call is no second resource, but for revisions: those have no name of their own.
        if made.looks > LOOKS_MAX && item.key.kind != Kind::TaskDefinition {
            self.made.remove(&item.key);
            return;
        }
        item.steps.retain(|step| item.verb != Verb::Create && !made.calls.contains(step));
        item.held = Some(Reason::NonConverging);
    }
}

/// Whether a text has the name of a role or a policy in it, as a whole word.
fn names(words: &str, identity: &Identity) -> bool {
    let name = match identity {
        Identity::Role { name } => name,
        Identity::Policy { arn } => arn.rsplit('/').next().unwrap_or(arn),
        _ => return false,
    };
    // What IAM's names are made of.
    let of_name = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@_-".contains(letter);
    words.split(|letter| !of_name(letter)).any(|word| word.trim_end_matches(['.', ',']) == name)
}

/// Whether a call begins a rollout.
fn rolls(action: &Action) -> bool {
    match action {
        Action::CreateService(_) => true,
        Action::UpdateService(input) => input.as_object().into_iter().flatten().any(|(member, _)| {
            member == "forceNewDeployment" || fields::effect(Kind::Service, member) == Effect::RollsAllTasks
        }),
        _ => false,
    }
}

/// Whether the plan can tell that a change shows: load balancers are not compared while ECS may be
/// moving traffic between their target groups.
fn is_compared(item: &Item, change: &Change) -> bool {
    let member = change.path.0.first();
    !matches!(item.phase, Phase::Moving(_) | Phase::Paused(_))
        || !matches!(member, Some(Segment::Key(key)) if key == "loadBalancers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Effect, Kind};
    use crate::value::Path;

    fn item(verb: Verb, fields: &[(&str, &str)]) -> Item {
        let change = |(name, value): &(&str, &str)| Change {
            path: Path::default().key(*name),
            from: None,
            to: Some((*value).into()),
            effect: Effect::NoRestart,
        };
        let step = |(name, value): &(&str, &str)| Action::PutAccountSettingDefault {
            name: (*name).into(),
            value: (*value).into(),
        };
        Item {
            key: Key::new(Kind::AccountSettings, "account"),
            identity: Identity::AccountSettings,
            verb,
            changes: fields.iter().map(change).collect(),
            left: Vec::new(),
            notes: Vec::new(),
            steps: fields.iter().map(step).collect(),
            held: None,
            phase: Phase::Steady,
            needs: BTreeSet::new(),
        }
    }

    #[test]
    fn a_name_is_found_in_aws_words_only_as_a_whole() {
        let role = Identity::Role { name: "web.task".to_owned() };
        assert!(names("to perform: iam:PassRole on resource: arn:aws:iam::1:role/app/web.task.", &role));
        assert!(!names("to perform: iam:PassRole on resource: arn:aws:iam::1:role/web.task-2", &role));
    }

    fn settle(memory: &mut Memory, item: &Item) -> Item {
        memory.settle(Plan { items: vec![item.clone()] }).items.remove(0)
    }

    fn remembered(memory: &Memory) -> Vec<String> {
        memory.written().values().flatten().map(|change| change.path.to_string()).collect()
    }

    #[test]
    fn only_the_fields_that_a_call_was_made_for_are_remembered() {
        let mut memory = Memory::default();
        let both = item(Verb::Update, &[("awsvpcTrunking", "enabled"), ("containerInsights", "enabled")]);
        memory.applied(&both, &both.steps[1]);
        assert_eq!(remembered(&memory), ["containerInsights"]);
    }

    #[test]
    fn what_has_shown_is_forgotten_field_by_field() {
        let mut memory = Memory::default();
        let both = item(Verb::Update, &[("awsvpcTrunking", "enabled"), ("containerInsights", "enabled")]);
        both.steps.iter().for_each(|step| memory.applied(&both, step));
        let one = item(Verb::Update, &[("awsvpcTrunking", "enabled")]);
        settle(&mut memory, &one);
        assert_eq!(remembered(&memory), ["awsvpcTrunking"]);
        settle(&mut memory, &item(Verb::Keep, &[]));
        assert_eq!(remembered(&memory), [""; 0]);
    }

    #[test]
    fn what_could_not_be_looked_at_is_not_forgotten() {
        let mut memory = Memory::default();
        let change = item(Verb::Update, &[("awsvpcTrunking", "enabled")]);
        memory.applied(&change, &change.steps[0]);
        settle(&mut memory, &item(Verb::Unknown, &[]));
        assert_eq!(remembered(&memory), ["awsvpcTrunking"]);
    }

    #[test]
    fn load_balancers_that_are_not_compared_during_a_rollout_are_not_forgotten() {
        let mut memory = Memory::default();
        let key = Key::new(Kind::Service, "web");
        let request = Action::UpdateService(serde_json::json!({ "loadBalancers": [], "desiredCount": 2 }));
        let fields = item(Verb::Update, &[("loadBalancers", "one"), ("desiredCount", "2")]);
        let change = Item { key: key.clone(), steps: vec![request.clone()], ..fields };
        memory.applied(&change, &request);
        let moving = Phase::Moving("1 of 2 tasks run".to_owned());
        settle(&mut memory, &Item { key: key.clone(), phase: moving, ..item(Verb::Keep, &[]) });
        assert_eq!(remembered(&memory), ["loadBalancers"]);
        settle(&mut memory, &Item { key, ..item(Verb::Keep, &[]) });
        assert_eq!(remembered(&memory), [""; 0]);
    }

    #[test]
    fn a_rollout_is_followed_until_it_ends_well_or_something_else_is_asked_for() {
        use crate::model::Source;
        use crate::resource::{Adoption, Allowance};
        let web = Resource {
            key: Key::new(Kind::Service, "web"),
            manifest: Key::new(Kind::Service, "web"),
            source: Source { file: "web.yaml".into(), document: 0, line: 1 },
            origin: Path::default(),
            identity: Identity::Service { cluster: "shop".into(), name: "web".into() },
            needs: BTreeSet::new(),
            spec: serde_json::json!({ "platformVersion": "1.4.0" }),
            tags: BTreeMap::new(),
            adoption: Adoption::Unsaid,
            deletion: None,
            ignored: Vec::new(),
            allowance: Allowance::default(),
            suspended: false,
            task_definition: None,
            digest: None,
            whole_digest: None,
            restarted_at: None,
        };
        let mut memory = Memory::default();
        let declared = |resource: &Resource| BTreeMap::from([(web.key.clone(), resource.clone())]);
        let update = |input: Value| Action::UpdateService(input);
        memory.began(&web, &update(serde_json::json!({ "desiredCount": 2 })));
        assert!(memory.followed(&declared(&web)).is_empty(), "more tasks are no rollout");
        memory.began(&web, &update(serde_json::json!({ "forceNewDeployment": true })));
        let look = |memory: &mut Memory, phase: Phase| {
            settle(memory, &Item { key: web.key.clone(), phase, ..item(Verb::Keep, &[]) });
            memory.followed(&declared(&web)).len()
        };
        assert_eq!(look(&mut memory, Phase::Moving(String::new())), 1);
        assert_eq!(look(&mut memory, Phase::Failed(String::new())), 1, "it stays a failure");
        let other = Resource { spec: serde_json::json!({ "platformVersion": "1.3.0" }), ..web.clone() };
        assert!(memory.followed(&declared(&other)).is_empty(), "another manifest");
        assert_eq!(look(&mut memory, Phase::Steady), 0, "it ended well");
    }

    #[test]
    fn what_was_made_is_not_made_again_until_it_has_shown() {
        let mut memory = Memory::default();
        let create = item(Verb::Create, &[("awsvpcTrunking", "enabled")]);
        memory.applied(&create, &create.steps[0]);
        let held = settle(&mut memory, &create);
        assert_eq!((held.steps.len(), held.held), (0, Some(Reason::NonConverging)));
        for _ in 1..LOOKS_MAX {
            assert_eq!(settle(&mut memory, &create).steps.len(), 0);
        }
        assert_eq!(settle(&mut memory, &create).steps.len(), 1, "it is gone again");
        memory.applied(&create, &create.steps[0]);
        let other = item(Verb::Create, &[("awsvpcTrunking", "disabled")]);
        assert_eq!(settle(&mut memory, &other).steps.len(), 1, "another manifest");
        settle(&mut memory, &item(Verb::Keep, &[]));
        assert_eq!(settle(&mut memory, &create).steps.len(), 1, "it had shown, and was deleted since");
    }

    #[test]
    fn what_was_made_in_several_calls_may_show_call_by_call() {
        let mut memory = Memory::default();
        let create = item(Verb::Create, &[("first", "a"), ("second", "b")]);
        create.steps.iter().for_each(|step| memory.applied(&create, step));
        let first_shows = item(Verb::Update, &[("second", "b")]);
        let held = settle(&mut memory, &first_shows);
        assert_eq!((held.steps.len(), held.held), (0, Some(Reason::NonConverging)));
        let and_another = item(Verb::Update, &[("second", "b"), ("third", "c")]);
        assert_eq!(settle(&mut memory, &and_another).steps, and_another.steps[1..]);
        for _ in 2..LOOKS_MAX {
            assert_eq!(settle(&mut memory, &first_shows).steps.len(), 0);
        }
        assert_eq!(settle(&mut memory, &first_shows).steps.len(), 1, "somebody took it away");
        create.steps.iter().for_each(|step| memory.applied(&create, step));
        settle(&mut memory, &item(Verb::Update, &[("third", "c")]));
        assert_eq!(settle(&mut memory, &first_shows).steps.len(), 1, "it had shown, and was undone since");
    }
}
