//! Restarts: with each new value of `evenkeel/restarted-at` every task of a service is replaced once.
//!
//! UpdateService carries no tags (ECS service model), so the restart and the memory of it are two
//! calls, and the process may end between them. The memory is written first, and with it which
//! deployment is to be replaced: the restart has begun once that is not PRIMARY any more, which is
//! what the most recent one is called (ECS service model, Deployment). So a crash between the two
//! calls is made good by the next look, and an answer that is lost restarts nothing again. Written
//! last, a tag that is refused would restart the tasks at every look; written first and without the
//! deployment, a restart that is refused would be forgotten.

use std::collections::BTreeMap;

use crate::model::{Change, Effect};
use crate::resource::Resource;
use crate::rollout::primary;
use crate::value::Value;
use crate::world::{Live, RESTART_OF_TAG, RESTARTED_TAG, restarted_at};

/// A restart that has yet to begin.
#[derive(Debug, PartialEq)]
pub(super) struct Restart {
    /// How it looks in a plan.
    pub(super) change: Change,
    /// What the service has yet to remember before it begins.
    pub(super) tags: BTreeMap<String, String>,
}

/// The restart that a manifest asks for, if it has not begun.
pub(super) fn restart(service: &Resource, live: &Live) -> Option<Restart> {
    let wanted = service.restarted_at.as_ref()?;
    let deployment = primary(&live.document).and_then(|primary| primary.get("id")).and_then(Value::as_str);
    let is_replaced = |of: &String| deployment != Some(of);
    let remembered = live.tags.get(RESTARTED_TAG).filter(|remembered| *remembered != wanted);
    if live.tags.get(RESTARTED_TAG) == Some(wanted) && live.tags.get(RESTART_OF_TAG).is_none_or(is_replaced) {
        return None;
    }
    let mut tags = BTreeMap::from([(RESTARTED_TAG.to_owned(), wanted.clone())]);
    tags.extend(deployment.map(|id| (RESTART_OF_TAG.to_owned(), id.to_owned())));
    tags.retain(|tag, value| live.tags.get(tag) != Some(value));
    let change = Change {
        path: restarted_at(),
        from: remembered.map(|remembered| remembered.as_str().into()),
        to: Some(wanted.as_str().into()),
        effect: Effect::RollsAllTasks,
    };
    Some(Restart { change, tags })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::model::{Key, Kind, Source};
    use crate::resource::{Adoption, Allowance, Identity};

    fn asking(value: Option<&str>) -> Resource {
        let key = Key::new(Kind::Service, "web");
        Resource {
            key: key.clone(),
            manifest: key,
            source: Source { file: "web.yaml".into(), document: 0, line: 1 },
            origin: restarted_at(),
            identity: Identity::Service { cluster: "shop".into(), name: "web".into() },
            needs: BTreeSet::new(),
            spec: json!({}),
            tags: BTreeMap::new(),
            adoption: Adoption::Unsaid,
            deletion: None,
            ignored: Vec::new(),
            allowance: Allowance::default(),
            suspended: false,
            restarted_at: value.map(str::to_owned),
            task_definition: None,
            digest: None,
            whole_digest: None,
        }
    }

    /// A service with this PRIMARY deployment and these tags.
    fn service(primary: &str, tags: &[(&str, &str)]) -> Live {
        let deployments = json!([{ "id": primary, "status": "PRIMARY" }, { "id": "old", "status": "ACTIVE" }]);
        let tags = tags.iter().map(|(tag, value)| ((*tag).to_owned(), (*value).to_owned())).collect();
        Live { document: json!({ "deployments": deployments }), tags, ..Live::default() }
    }

    /// What is to be remembered for the value `two`; nothing: there is no restart.
    fn remembers(live: &Live) -> Option<Vec<(String, String)>> {
        restart(&asking(Some("two")), live).map(|restart| restart.tags.into_iter().collect())
    }

    fn pair(tag: &str, value: &str) -> (String, String) {
        (tag.to_owned(), value.to_owned())
    }

    #[test]
    fn a_value_that_is_not_remembered_is_a_restart_of_the_present_deployment() {
        let both = vec![pair(RESTART_OF_TAG, "a"), pair(RESTARTED_TAG, "two")];
        assert_eq!(remembers(&service("a", &[])), Some(both.clone()));
        let older = service("a", &[(RESTARTED_TAG, "one"), (RESTART_OF_TAG, "old")]);
        assert_eq!(remembers(&older), Some(both));
    }

    #[test]
    fn a_value_that_is_remembered_is_none_once_another_deployment_has_taken_over() {
        assert_eq!(remembers(&service("a", &[(RESTARTED_TAG, "two")])), None, "it was made with it");
        assert_eq!(remembers(&service("b", &[(RESTARTED_TAG, "two"), (RESTART_OF_TAG, "a")])), None);
    }

    #[test]
    fn a_restart_that_is_remembered_and_did_not_begin_is_begun() {
        let remembered = service("a", &[(RESTARTED_TAG, "two"), (RESTART_OF_TAG, "a")]);
        assert_eq!(remembers(&remembered), Some(Vec::new()));
    }

    #[test]
    fn a_manifest_that_does_not_ask_restarts_nothing() {
        assert_eq!(restart(&asking(None), &service("a", &[(RESTARTED_TAG, "two")])), None);
    }
}
