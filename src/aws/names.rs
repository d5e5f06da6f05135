//! The names of what is there, which no manifest has given: for `export`, and for what is to be pruned.

use std::collections::BTreeSet;

use super::Aws;
use super::failure::classify;
use crate::resource::Identity;
use crate::world::Failure;

/// Services in one page (ECS API reference, ListServices).
const SERVICES_MAX: i32 = 100;
/// How the names of AWS's own capacity providers start: nobody else's may (ECS API reference).
const PROVIDERS_OF_AWS: &str = "FARGATE";

impl Aws {
    /// The clusters.
    ///
    /// # Errors
    /// The class of AWS's error.
    pub async fn list_clusters(&self) -> Result<BTreeSet<Identity>, Failure> {
        self.paced("ecs:ListClusters").await;
        let arns: Result<Vec<String>, _> = self.ecs.list_clusters().into_paginator().items().send().collect().await;
        let arns = arns.map_err(classify)?;
        Ok(arns.iter().map(|arn| Identity::Cluster { name: tail(arn) }).collect())
    }

    /// The services of a cluster; none where there is no such cluster.
    ///
    /// # Errors
    /// The class of AWS's error.
    pub async fn list_services(&self, cluster: &str) -> Result<BTreeSet<Identity>, Failure> {
        let call = self.ecs.list_services().cluster(cluster).max_results(SERVICES_MAX);
        self.paced("ecs:ListServices").await;
        let arns: Result<Vec<String>, _> = call.into_paginator().items().send().collect().await;
        let service = |arn: &String| Identity::Service { cluster: cluster.to_owned(), name: tail(arn) };
        match arns {
            Err(error) if error.as_service_error().is_some_and(|error| error.is_cluster_not_found_exception()) => {
                Ok(BTreeSet::new())
            }
            arns => Ok(arns.map_err(classify)?.iter().map(service).collect()),
        }
    }

    /// The capacity providers that the account has made; of a cluster those that are only its own.
    ///
    /// # Errors
    /// The class of AWS's error.
    pub async fn list_capacity_providers(&self, cluster: Option<&str>) -> Result<BTreeSet<Identity>, Failure> {
        let mut providers = BTreeSet::new();
        let mut token = None;
        loop {
            let call = self.ecs.describe_capacity_providers().set_cluster(cluster.map(str::to_owned));
            self.paced("ecs:DescribeCapacityProviders").await;
            let page = match call.set_next_token(token).send().await {
                Err(error) if error.as_service_error().is_some_and(|error| error.is_cluster_not_found_exception()) => {
                    return Ok(providers);
                }
                page => page.map_err(classify)?,
            };
            let own = page.capacity_providers().iter().filter(|one| cluster.is_none() || one.cluster().is_some());
            let names = own.filter_map(|one| one.name()).filter(|name| !name.starts_with(PROVIDERS_OF_AWS));
            providers.extend(names.map(|name| Identity::CapacityProvider { name: name.to_owned() }));
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(providers);
            }
        }
    }
}

fn tail(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}
