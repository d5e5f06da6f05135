//! Clusters, and which capacity providers they use.

use serde_json::json;

use super::{Draft, Scene, immutable, tags, touches};
use crate::action::Action;
use crate::diff::diff;
use crate::edit;
use crate::model::Kind;
use crate::resource::Resource;
use crate::value::Map;
use crate::world::Live;

/// What UpdateCluster takes; capacity providers have a call of their own.
const UPDATABLE: &[&str] = &["settings", "configuration", "serviceConnectDefaults"];

impl Scene<'_> {
    pub(super) fn create_cluster(&self, resource: &Resource) -> Draft {
        let mut input = resource.spec.clone();
        input["tags"] = tags::list(&self.desired_tags(resource));
        Draft { steps: vec![Action::CreateCluster(input)], ..Draft::default() }
    }

    pub(super) fn update_cluster(&self, resource: &Resource, live: &Live) -> Draft {
        let mut changes = diff(Kind::Cluster, &resource.spec, &live.document);
        let held = immutable(&changes);
        let cluster = resource.spec["clusterName"].clone();
        let mut steps = Vec::new();
        let mut update = Map::new();
        for member in UPDATABLE.iter().filter(|member| touches(&changes, member)) {
            // The call replaces it whole, as far as is known: what is live goes along.
            let under = live.document.get(*member).filter(|_| *member == "configuration");
            update.insert((*member).to_owned(), edit::overlay(under, &resource.spec[*member]));
        }
        if !update.is_empty() {
            update.insert("cluster".to_owned(), cluster.clone());
            steps.push(Action::UpdateCluster(update.into()));
        }
        if touches(&changes, "capacityProviders") || touches(&changes, "defaultCapacityProviderStrategy") {
            // The call replaces both lists: what is not declared is sent as it is.
            let list = |name: &str| {
                resource.spec.get(name).or_else(|| live.document.get(name)).cloned().unwrap_or_else(|| json!([]))
            };
            steps.push(Action::PutClusterCapacityProviders(json!({
                "cluster": cluster,
                "capacityProviders": list("capacityProviders"),
                "defaultCapacityProviderStrategy": list("defaultCapacityProviderStrategy"),
            })));
        }
        let missing = self.missing_tags(resource, live);
        if !missing.is_empty() {
            changes.extend(tags::changes(&missing, live));
            steps.push(Action::TagResource { arn: live.arn.clone(), tags: missing });
        }
        Draft { changes, steps, held, ..Draft::default() }
    }
}
