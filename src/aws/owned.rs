//! What carries our owner tag and is declared nowhere. All of it or an error: what is not known to
//! be there must not look as if it was gone, nor what is in use as if it was not.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{ClusterField, Failure as EcsFailure, ServiceField};
use aws_sdk_iam::types::{InstanceProfile, ManagedPolicyDetail, RoleDetail};
use serde_json::json;

use super::Aws;
use super::ecs::{CLUSTERS_MAX, SERVICES_MAX};
use super::failure::classify;
use super::iam::{live_role, tags};
use crate::codec::encode;
use crate::live;
use crate::prune::{Estate, LEFT_PROFILES, OWN_PROFILES, Orphan};
use crate::resource::{Identity, path_of_aws};
use crate::value::Value;
use crate::world::{Failure, LEAVES_PROFILE_TAG, Live, Owner, Seen};

/// What an account's clusters tell of themselves.
#[derive(Default)]
struct Clusters {
    lives: BTreeMap<String, Live>,
    draining: BTreeSet<String>,
    providers: BTreeMap<String, BTreeSet<String>>,
}

impl Aws {
    /// Everything of ours, when we are `us`, that is not among `declared`.
    ///
    /// # Errors
    /// The class of AWS's error, as soon as one call fails.
    pub async fn estate(&self, us: &str, declared: &BTreeSet<Identity>) -> Result<Estate, Failure> {
        let declared: BTreeSet<Identity> = declared.iter().map(Identity::folded).collect();
        let clusters = Box::pin(self.described_clusters()).await?;
        let mut found = Vec::new();
        for cluster in clusters.lives.keys() {
            found.extend(Box::pin(self.undeclared_services(cluster, &declared)).await?);
        }
        found.extend(Box::pin(self.undeclared_providers(&clusters, &declared)).await?);
        found.extend(
            clusters.lives.iter().map(|(name, live)| orphan(Identity::Cluster { name: name.clone() }, live, "")),
        );
        found.extend(Box::pin(self.undeclared_iam(us, &declared)).await?);
        found.retain(|orphan| orphan.live.owner(us) == Owner::Us && !declared.contains(&orphan.identity.folded()));
        Ok(Estate { orphans: found, draining: clusters.draining, providers: clusters.providers })
    }

    async fn described_clusters(&self) -> Result<Clusters, Failure> {
        let names: Vec<String> = self.list_clusters().await?.into_iter().filter_map(name_of_cluster).collect();
        let mut clusters = Clusters::default();
        for chunk in names.chunks(CLUSTERS_MAX) {
            let call = self.ecs.describe_clusters().set_clusters(Some(chunk.to_vec()));
            self.paced("ecs:DescribeClusters").await;
            let call = call.include(ClusterField::Statistics).include(ClusterField::Tags);
            let answer = call.send().await.map_err(classify)?;
            let answered = answer.clusters().iter().filter_map(|cluster| cluster.cluster_name());
            complete(chunk, &answered.collect(), answer.failures())?;
            for cluster in answer.clusters() {
                let document: Value = encode(cluster);
                let Seen::Present(live) = live::cluster(document.clone()) else { continue };
                let name = cluster.cluster_name().unwrap_or_default().to_owned();
                let counts = cluster.statistics().iter().filter(|one| is_draining(one.name().unwrap_or_default()));
                if counts.filter_map(|one| one.value()).any(|count| count != "0") {
                    clusters.draining.insert(name.clone());
                }
                clusters.providers.insert(name.clone(), cluster.capacity_providers().iter().cloned().collect());
                clusters.lives.insert(name, live);
            }
        }
        Ok(clusters)
    }

    async fn undeclared_services(&self, cluster: &str, declared: &BTreeSet<Identity>) -> Result<Vec<Orphan>, Failure> {
        let listed = self.list_services(cluster).await?;
        let names = listed.into_iter().filter(|service| !declared.contains(service)).filter_map(name_of_service);
        let names: Vec<String> = names.collect();
        let mut found = Vec::new();
        for chunk in names.chunks(SERVICES_MAX) {
            let call = self.ecs.describe_services().cluster(cluster).set_services(Some(chunk.to_vec()));
            self.paced("ecs:DescribeServices").await;
            let answer = call.include(ServiceField::Tags).send().await.map_err(classify)?;
            let answered = answer.services().iter().filter_map(|service| service.service_name());
            complete(chunk, &answered.collect(), answer.failures())?;
            for service in answer.services() {
                let Seen::Present(live) = live::service(encode(service)) else { continue };
                let name = service.service_name().unwrap_or_default().to_owned();
                let created = service.created_at().map(ToString::to_string).unwrap_or_default();
                found.push(orphan(Identity::Service { cluster: cluster.to_owned(), name }, &live, &created));
            }
        }
        Ok(found)
    }

    /// Capacity providers of the account, and those that are of one cluster alone.
    async fn undeclared_providers(
        &self,
        clusters: &Clusters,
        declared: &BTreeSet<Identity>,
    ) -> Result<Vec<Orphan>, Failure> {
        let mut names = self.list_capacity_providers(None).await?;
        // Only a cluster that names one can have one of its own.
        for (cluster, _) in clusters.providers.iter().filter(|(_, providers)| !providers.is_empty()) {
            names.extend(self.list_capacity_providers(Some(cluster)).await?);
        }
        let probes = names.difference(declared).cloned().collect();
        let mut found = Vec::new();
        for (identity, seen) in self.read(&probes).await.seen {
            match seen {
                Seen::Present(live) => found.push(orphan(identity, &live, "")),
                Seen::Absent => {}
                Seen::Unknown(failure) => return Err(failure),
            }
        }
        Ok(found)
    }

    async fn undeclared_iam(&self, us: &str, declared: &BTreeSet<Identity>) -> Result<Vec<Orphan>, Failure> {
        let details = self.details(true, true).await?;
        let mut found = Vec::new();
        for role in details.roles.values().filter(|role| path_of_aws(role.path().unwrap_or_default()).is_none()) {
            let identity = Identity::Role { name: role.role_name().unwrap_or_default().to_owned() };
            let mut live = live_role(role, None);
            if declared.contains(&identity.folded()) || live.owner(us) != Owner::Us {
                continue;
            }
            let (own, left) = self.own_profiles(role, &live, us).await?;
            (live.document[OWN_PROFILES], live.document[LEFT_PROFILES]) = (own, left);
            found.push(orphan(identity, &live, role.role_id().unwrap_or_default()));
        }
        for policy in details.policies.values() {
            let identity = Identity::Policy { arn: policy.arn().unwrap_or_default().to_owned() };
            if declared.contains(&identity.folded()) {
                continue;
            }
            match self.live_policy(policy).await {
                Seen::Present(live) => found.push(orphan(identity, &counted(live, policy), policy_id(policy))),
                Seen::Absent => {}
                Seen::Unknown(failure) => return Err(failure),
            }
        }
        Ok(found)
    }

    /// The instance profiles of ours that a role is in, and the one that a deletion which broke off has
    /// taken it out of.
    async fn own_profiles(&self, role: &RoleDetail, live: &Live, us: &str) -> Result<(Value, Value), Failure> {
        let mut own = Vec::new();
        for profile in role.instance_profile_list() {
            let name = profile.instance_profile_name();
            if self.own_profile(name, us).await?.is_some() {
                own.push(name.to_owned());
            }
        }
        let Some(left) = live.tags.get(LEAVES_PROFILE_TAG) else { return Ok((own.into(), json!([]))) };
        let profile = self.own_profile(left, us).await?;
        // Before the role is taken out of it, and once another role is in it, it is in use.
        let is_left = profile.is_some_and(|profile| profile.roles().is_empty());
        Ok((own.into(), if is_left { json!([left]) } else { json!([]) }))
    }

    /// An instance profile with our owner tag. A role's own answer may leave the tags out *(not known)*.
    async fn own_profile(&self, name: &str, us: &str) -> Result<Option<InstanceProfile>, Failure> {
        let profile = self.instance_profile(name).await?;
        let is_own = |profile: &InstanceProfile| {
            let live = Live { tags: tags(profile.tags()), ..Live::default() };
            live.owner(us) == Owner::Us
        };
        Ok(profile.filter(is_own))
    }
}

/// An error unless each of the names is answered, or is gone meanwhile.
fn complete(asked: &[String], answered: &BTreeSet<&str>, failures: &[EcsFailure]) -> Result<(), Failure> {
    let failures: Vec<Value> = failures.iter().map(|failure| encode(failure)).collect();
    let missing = asked.iter().filter(|name| !answered.contains(name.as_str()));
    for name in missing {
        if let Seen::Unknown(failure) = live::unanswered(&failures, name) {
            return Err(failure);
        }
    }
    Ok(())
}

fn orphan(identity: Identity, live: &Live, created: &str) -> Orphan {
    Orphan { identity, live: live.clone(), created: created.to_owned() }
}

/// What uses a policy.
fn counted(mut live: Live, policy: &ManagedPolicyDetail) -> Live {
    live.document["attachmentCount"] = json!(policy.attachment_count());
    live.document["permissionsBoundaryUsageCount"] = json!(policy.permissions_boundary_usage_count());
    live
}

fn policy_id(policy: &ManagedPolicyDetail) -> &str {
    policy.policy_id().unwrap_or_default()
}

/// `drainingEC2ServiceCount`, `drainingFargateServiceCount` (ECS API reference, Cluster, statistics).
fn is_draining(statistic: &str) -> bool {
    statistic.starts_with("draining") && statistic.ends_with("ServiceCount")
}

fn name_of_cluster(identity: Identity) -> Option<String> {
    match identity {
        Identity::Cluster { name } => Some(name),
        _ => None,
    }
}

fn name_of_service(identity: Identity) -> Option<String> {
    match identity {
        Identity::Service { name, .. } => Some(name),
        _ => None,
    }
}
