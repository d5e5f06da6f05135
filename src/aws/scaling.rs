//! Application Auto Scaling: whether it decides how many tasks a service has.

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget, ServiceNamespace};

use super::Aws;
use super::failure::classify;
use crate::model::Key;
use crate::resource::{Identity, Resource};
use crate::world::{Failure, Scaling};

/// Resource ids in one DescribeScalableTargets call (Application Auto Scaling service model).
const RESOURCE_IDS_MAX: usize = 50;

impl Aws {
    /// Whether scalable targets name these services. Every service is in the answer.
    pub async fn scaling(&self, services: &[&Resource]) -> BTreeMap<Key, Scaling> {
        let ids: Vec<(&Key, String)> =
            services.iter().filter_map(|service| Some((&service.key, resource_id(&service.identity)?))).collect();
        let mut scaling = BTreeMap::new();
        for chunk in ids.chunks(RESOURCE_IDS_MAX) {
            let targets = self.scalable_targets(chunk.iter().map(|(_, id)| id.clone()).collect()).await;
            for (key, id) in chunk {
                scaling.insert((*key).clone(), of(id, &targets));
            }
        }
        scaling
    }

    async fn scalable_targets(&self, ids: Vec<String>) -> Result<Vec<ScalableTarget>, Failure> {
        let call = self.scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
        let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).set_resource_ids(Some(ids));
        call.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(classify)
    }
}

/// `service/CLUSTER/NAME`.
fn resource_id(identity: &Identity) -> Option<String> {
    match identity {
        Identity::Service { cluster, name } => Some(format!("service/{cluster}/{name}")),
        _ => None,
    }
}

fn of(id: &str, targets: &Result<Vec<ScalableTarget>, Failure>) -> Scaling {
    match targets {
        Err(failure) => Scaling::Unknown(failure.clone()),
        Ok(targets) => match targets.iter().find(|target| target.resource_id() == id) {
            Some(target) => Scaling::Target { min: target.min_capacity(), max: target.max_capacity() },
            None => Scaling::Free,
        },
    }
}
