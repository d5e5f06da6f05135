//! Task definitions: immutable, so a difference is a new revision, and a false difference would be
//! a restart of every task. A revision remembers in a tag the digest of what was declared.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Reason, Scene, tags};
use crate::action::Action;
use crate::diff::diff;
use crate::edit;
use crate::fields::{self, DIGEST_VERSION};
use crate::model::{Change, Effect, Kind};
use crate::resource::{Resource, TaskDefinition};
use crate::world::{DIGEST_TAG, Live, OWNER_TAG, Seen};

impl Scene<'_> {
    pub(super) fn create_task_definition(&self, resource: &Resource) -> Draft {
        Draft { steps: vec![self.register(resource)], ..Draft::default() }
    }

    pub(super) fn update_task_definition(&self, resource: &Resource, newest: &Live) -> Draft {
        let live = self.compared(resource, newest);
        let mut changes = changes(resource, live);
        if self.is_run_by_a_service(resource) {
            changes.iter_mut().for_each(|change| change.effect = Effect::RollsAllTasks);
        }
        if !changes.is_empty() {
            let differ = self.disagreement(resource);
            let held = (!differ.is_empty()).then_some(Reason::Disagreeing(differ));
            let steps = if held.is_none() { vec![self.register(resource)] } else { Vec::new() };
            return Draft { changes, steps, held, ..Draft::default() };
        }
        // Tags can be changed without a new revision. Those of a revision that a service remembers
        // were not read; they come along when it is.
        let unread = live.document.is_null();
        // A pipeline's revision, which a manifest leaves room for, stays the pipeline's. So does one that
        // only stands in for a revision that does not show yet, as its missing digest says.
        let stands_in = !resource.ignored.is_empty() || resource.digest.is_none();
        let others = stands_in && !live.tags.contains_key(OWNER_TAG);
        let missing = if unread || others { BTreeMap::new() } else { self.missing_tags(resource, live) };
        if missing.is_empty() {
            return Draft::default();
        }
        let changes = tags::changes(&missing, live);
        let steps = vec![Action::TagResource { arn: live.arn.clone(), tags: missing }];
        Draft { changes, steps, ..Draft::default() }
    }

    /// The revision that a manifest is compared with: the newest if it will do, else the one that a
    /// service runs, so that what the plan shows is what becomes different there.
    pub(super) fn compared<'a>(&'a self, resource: &'a Resource, newest: &'a Live) -> &'a Live {
        if matches(resource, newest) {
            return newest;
        }
        self.running(resource).next().unwrap_or(newest)
    }

    /// The revisions of its family that services run which are to run the task definition, as far as
    /// they were read.
    fn running<'a>(&'a self, resource: &'a Resource) -> impl Iterator<Item = &'a Live> {
        let revisions = self.resources.values().filter_map(|service| {
            match (&service.task_definition, self.world.seen.get(&service.key)) {
                (Some(TaskDefinition::Managed { key, .. }), Some(Seen::Present(live))) if *key == resource.key => {
                    self.world.revisions.get(live.document.get("taskDefinition")?.as_str()?)
                }
                _ => None,
            }
        });
        revisions.filter(|revision| revision.document.get("family") == resource.spec.get("family"))
    }

    /// Where services run different values of what the manifest ignores: what a pipeline deployed to one
    /// of them must not go to the others, and not be lost either.
    fn disagreement(&self, resource: &Resource) -> Vec<String> {
        let kept =
            |revision: &Live| edit::keep(Kind::TaskDefinition, &resource.spec, &revision.document, &resource.ignored);
        let mut revisions = self.running(resource).map(kept);
        let Some(first) = revisions.next().filter(|_| !resource.ignored.is_empty()) else { return Vec::new() };
        let differences = revisions.flat_map(|other| diff(Kind::TaskDefinition, &first, &other));
        differences.map(|change| change.path.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn is_run_by_a_service(&self, resource: &Resource) -> bool {
        self.resources.values().any(
            |other| matches!(&other.task_definition, Some(TaskDefinition::Managed { key, .. }) if *key == resource.key),
        )
    }

    fn register(&self, resource: &Resource) -> Action {
        let mut tags = self.desired_tags(resource);
        tags.extend(resource.digest.clone().map(|digest| (DIGEST_TAG.to_owned(), digest)));
        let mut input = resource.spec.clone();
        input["tags"] = tags::list(&tags);
        Action::RegisterTaskDefinition(input)
    }
}

/// Whether a revision has the content that a manifest declares.
#[must_use]
pub fn matches(resource: &Resource, revision: &Live) -> bool {
    changes(resource, revision).iter().all(|change| resource.ignores(&change.path))
}

/// What of the manifest's content is not in a revision.
///
/// The remembered digest decides where there is one of this table's version: only it can tell that a
/// field was taken out of the manifest. Without one, what is declared is compared with what is there;
/// a field more in AWS is no reason for a new revision.
#[must_use]
pub fn changes(resource: &Resource, revision: &Live) -> Vec<Change> {
    let remembered = revision.tags.get(DIGEST_TAG).filter(|digest| digest.starts_with(&format!("{DIGEST_VERSION}:")));
    // To begin to ignore a field must not look like taking it out of the manifest.
    let known = [&resource.digest, &resource.whole_digest];
    if remembered.is_some_and(|remembered| known.into_iter().flatten().any(|digest| digest == remembered)) {
        return Vec::new();
    }
    let mut changes = diff(Kind::TaskDefinition, &resource.spec, &revision.document);
    // A new revision has nothing that is not declared, so what goes away with it is part of the change.
    if remembered.is_some() || changes.iter().any(|change| !resource.ignores(&change.path)) {
        let mut gone = removed(resource, revision);
        // The SDK has an empty text where a member that the API requires was not sent.
        let says_something = |change: &Change| change.from.as_ref().is_some_and(|live| live != "");
        gone.retain(|gone| says_something(gone) && changes.iter().all(|change| change.path != gone.path));
        changes.extend(gone);
    }
    changes
}

/// The fields that a revision has and the manifest no longer declares: the same comparison the
/// other way round, on documents from which AWS's own additions are gone.
fn removed(resource: &Resource, revision: &Live) -> Vec<Change> {
    let declared = fields::canonical(Kind::TaskDefinition, &resource.spec);
    let there = fields::canonical(Kind::TaskDefinition, &revision.document);
    diff(Kind::TaskDefinition, &there, &declared)
        .into_iter()
        .map(|change| Change { from: change.to, to: change.from, ..change })
        .collect()
}
