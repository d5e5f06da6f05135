//! Amazon ECS: what is read how, and one call per action.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::operation::create_capacity_provider::CreateCapacityProviderInput;
use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
use aws_sdk_ecs::operation::create_service::CreateServiceInput;
use aws_sdk_ecs::operation::put_cluster_capacity_providers::PutClusterCapacityProvidersInput;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use aws_sdk_ecs::operation::update_capacity_provider::UpdateCapacityProviderInput;
use aws_sdk_ecs::operation::update_cluster::UpdateClusterInput;
use aws_sdk_ecs::operation::update_service::UpdateServiceInput;
use aws_sdk_ecs::types::{CapacityProviderField, ClusterField, ServiceField, Tag};

use super::Aws;
use super::failure::{classify, refusal};
use super::send::{WithInput, input};
use crate::action::Action;
use crate::codec::encode;
use crate::failure::Refusal;
use crate::live;
use crate::model::Key;
use crate::resource::{Identity, Resource};
use crate::value::Value;
use crate::world::{Failure, Seen, World};

/// Services in one DescribeServices call (ECS API reference).
pub(super) const SERVICES_MAX: usize = 10;
/// Clusters in one DescribeClusters call (ECS API reference).
pub(super) const CLUSTERS_MAX: usize = 100;
/// Capacity providers in one DescribeCapacityProviders call (ECS API reference).
const CAPACITY_PROVIDERS_MAX: usize = 10;

/// Sends an action's own input through an operation of the client.
macro_rules! send {
    ($client:expr, $operation:ident, $input:ty, $value:expr) => {{
        let input = input($value, <$input>::deserialize)?;
        $client.$operation().customize().interceptor(WithInput(input)).send().await.map(|_| ()).map_err(refusal)
    }};
}

impl Aws {
    pub(super) async fn apply_ecs(&self, action: &Action) -> Result<(), Refusal> {
        let ecs = &self.ecs;
        match action {
            Action::CreateCluster(value) => send!(ecs, create_cluster, CreateClusterInput, value),
            Action::UpdateCluster(value) => send!(ecs, update_cluster, UpdateClusterInput, value),
            Action::PutClusterCapacityProviders(value) => {
                send!(ecs, put_cluster_capacity_providers, PutClusterCapacityProvidersInput, value)
            }
            Action::CreateCapacityProvider(value) => {
                send!(ecs, create_capacity_provider, CreateCapacityProviderInput, value)
            }
            Action::UpdateCapacityProvider(value) => {
                send!(ecs, update_capacity_provider, UpdateCapacityProviderInput, value)
            }
            Action::RegisterTaskDefinition(value) => self.register(value).await,
            Action::CreateService(value) => send!(ecs, create_service, CreateServiceInput, value),
            Action::UpdateService(value) => self.update_service(value).await,
            Action::PutAccountSettingDefault { name, value } => {
                let call = ecs.put_account_setting_default().name(name.as_str().into()).value(value);
                call.send().await.map(|_| ()).map_err(refusal)
            }
            Action::TagResource { arn, tags } => {
                let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
                let call = ecs.tag_resource().resource_arn(arn).set_tags(Some(tags.collect()));
                // Of a task-definition revision only the tags ever change.
                self.forget(arn);
                call.send().await.map(|_| ()).map_err(refusal)
            }
            Action::DeleteService { cluster, service } => {
                // Never with `force`: what still runs tasks is scaled to 0 first, by a call of its own.
                ecs.delete_service().cluster(cluster).service(service).send().await.map(|_| ()).map_err(refusal)
            }
            Action::DeleteCapacityProvider { name } => {
                ecs.delete_capacity_provider().capacity_provider(name).send().await.map(|_| ()).map_err(refusal)
            }
            Action::DeleteCluster { cluster } => {
                ecs.delete_cluster().cluster(cluster).send().await.map(|_| ()).map_err(refusal)
            }
            other => Err(Failure::Rejected(format!("{other} is no ECS call")).into()),
        }
    }

    /// Registers a revision. The SDK may not repeat the call by itself: an answer that is lost after
    /// the effect would make a second revision.
    async fn register(&self, value: &Value) -> Result<(), Refusal> {
        let input = input(value, RegisterTaskDefinitionInput::deserialize)?;
        let call =
            self.ecs.register_task_definition().customize().config_override(once()).interceptor(WithInput(input));
        call.send().await.map(|_| ()).map_err(refusal)
    }

    /// Updates a service. The SDK may not repeat a forced deployment by itself: after an answer that is
    /// lost it would replace the tasks a second time. Whether it has begun is seen at the next look.
    async fn update_service(&self, value: &Value) -> Result<(), Refusal> {
        let input = input(value, UpdateServiceInput::deserialize)?;
        let forced = input.force_new_deployment() == Some(true);
        let mut call = self.ecs.update_service().customize().interceptor(WithInput(input));
        if forced {
            call = call.config_override(once());
        }
        call.send().await.map(|_| ()).map_err(refusal)
    }

    pub(super) async fn observe_ecs(&self, asked: &[&Resource]) -> World {
        let mut world = World::default();
        let (clusters, providers, settings, services) = tokio::join!(
            Box::pin(self.clusters(asked)),
            Box::pin(self.capacity_providers(asked)),
            Box::pin(self.account_settings(asked)),
            Box::pin(self.services(asked)),
        );
        let (services, missing_clusters) = services;
        world.missing_clusters = missing_clusters;
        world.seen.extend(clusters.into_iter().chain(providers).chain(settings).chain(services));
        Box::pin(self.service_revisions(asked, &mut world.seen)).await;
        Box::pin(self.task_definitions(asked, &mut world)).await;
        world
    }

    async fn clusters(&self, asked: &[&Resource]) -> Vec<(Key, Seen)> {
        let named = named(asked, |identity| match identity {
            Identity::Cluster { name } => Some(name.clone()),
            _ => None,
        });
        let mut seen = Vec::new();
        for chunk in named.chunks(CLUSTERS_MAX) {
            let include =
                [ClusterField::Attachments, ClusterField::Configurations, ClusterField::Settings, ClusterField::Tags];
            let names = chunk.iter().map(|(name, _)| name.clone()).collect();
            let call = self.ecs.describe_clusters().set_clusters(Some(names)).set_include(Some(include.to_vec()));
            self.paced("ecs:DescribeClusters").await;
            let answer = call.send().await.map_err(classify).map(|answer| Answer {
                found: answer.clusters().iter().map(|cluster| encode(cluster)).collect(),
                failures: answer.failures().iter().map(|failure| encode(failure)).collect(),
            });
            seen.extend(sort_out(chunk, answer, "clusterName", live::cluster));
        }
        seen
    }

    async fn capacity_providers(&self, asked: &[&Resource]) -> Vec<(Key, Seen)> {
        let named = named(asked, |identity| match identity {
            Identity::CapacityProvider { name } => Some(name.clone()),
            _ => None,
        });
        let mut seen = Vec::new();
        for chunk in named.chunks(CAPACITY_PROVIDERS_MAX) {
            let names = chunk.iter().map(|(name, _)| name.clone()).collect();
            let call = self.ecs.describe_capacity_providers().set_capacity_providers(Some(names));
            self.paced("ecs:DescribeCapacityProviders").await;
            let answer =
                call.include(CapacityProviderField::Tags).send().await.map_err(classify).map(|answer| Answer {
                    found: answer.capacity_providers().iter().map(|provider| encode(provider)).collect(),
                    failures: answer.failures().iter().map(|failure| encode(failure)).collect(),
                });
            seen.extend(sort_out(chunk, answer, "name", live::capacity_provider));
        }
        seen
    }

    async fn account_settings(&self, asked: &[&Resource]) -> Vec<(Key, Seen)> {
        let Some(resource) = asked.iter().find(|resource| resource.identity == Identity::AccountSettings) else {
            return Vec::new();
        };
        let pages = self.ecs.list_account_settings().effective_settings(true).into_paginator().items().send();
        let settings: Result<Vec<_>, _> = pages.collect().await;
        let seen = match settings {
            Ok(settings) => live::account_settings(&settings.iter().map(|setting| encode(setting)).collect()),
            Err(error) => Seen::Unknown(classify(error)),
        };
        vec![(resource.key.clone(), seen)]
    }

    /// Services, and the clusters of theirs that AWS does not know.
    async fn services(&self, asked: &[&Resource]) -> (Vec<(Key, Seen)>, BTreeSet<String>) {
        let mut by_cluster: BTreeMap<&str, Vec<(String, Key)>> = BTreeMap::new();
        for resource in asked {
            if let Identity::Service { cluster, name } = &resource.identity {
                by_cluster.entry(cluster).or_default().push((name.clone(), resource.key.clone()));
            }
        }
        let (mut seen, mut missing_clusters) = (Vec::new(), BTreeSet::new());
        for (cluster, named) in by_cluster {
            for chunk in named.chunks(SERVICES_MAX) {
                let names = chunk.iter().map(|(name, _)| name.clone()).collect();
                let call = self.ecs.describe_services().cluster(cluster).set_services(Some(names));
                self.paced("ecs:DescribeServices").await;
                match call.include(ServiceField::Tags).send().await {
                    Err(error)
                        if error.as_service_error().is_some_and(|error| error.is_cluster_not_found_exception()) =>
                    {
                        missing_clusters.insert(cluster.to_owned());
                        seen.extend(chunk.iter().map(|(_, key)| (key.clone(), Seen::Absent)));
                    }
                    answer => {
                        let answer = answer.map_err(classify).map(|answer| Answer {
                            found: answer.services().iter().map(|service| encode(service)).collect(),
                            failures: answer.failures().iter().map(|failure| encode(failure)).collect(),
                        });
                        seen.extend(sort_out(chunk, answer, "serviceName", live::service));
                    }
                }
            }
        }
        (seen, missing_clusters)
    }
}

/// For calls that the SDK may not repeat by itself.
pub(super) fn once() -> aws_sdk_ecs::config::Builder {
    aws_sdk_ecs::config::Builder::new().retry_config(aws_config::retry::RetryConfig::disabled())
}

/// The names of one kind's resources, with their keys.
fn named(asked: &[&Resource], name: impl Fn(&Identity) -> Option<String>) -> Vec<(String, Key)> {
    asked.iter().filter_map(|resource| Some((name(&resource.identity)?, resource.key.clone()))).collect()
}

/// What a describe call answered.
struct Answer {
    found: Vec<Value>,
    failures: Vec<Value>,
}

/// Every name that was asked for, with what the answer says of it.
fn sort_out(
    asked: &[(String, Key)],
    answer: Result<Answer, Failure>,
    name_member: &str,
    meaning: fn(Value) -> Seen,
) -> Vec<(Key, Seen)> {
    let of = |name: &str| match &answer {
        Err(failure) => Seen::Unknown(failure.clone()),
        Ok(answer) => match answer.found.iter().find(|found| found.get(name_member).is_some_and(|found| found == name))
        {
            Some(found) => meaning(found.clone()),
            None => live::unanswered(&answer.failures, name),
        },
    };
    asked.iter().map(|(name, key)| (key.clone(), of(name))).collect()
}
