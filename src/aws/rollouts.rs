//! Service deployments: what has become of rollouts. They are asked for where a service is not at
//! rest, and where a rollout of our own has ended: it may have ended where it began.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::ServiceDeploymentBrief;

use super::Aws;
use super::ecs::once;
use super::failure::classify;
use crate::codec::encode;
use crate::model::Key;
use crate::resource::{Identity, Resource};
use crate::rollout::{self, Verdict};
use crate::value::Value;
use crate::world::{Failure, Live, Phase, Rollout, Seen};

/// Service deployments in one DescribeServiceDeployments call (ECS API reference).
const DEPLOYMENTS_MAX: usize = 20;
/// Service deployments in one page (ECS API reference, ListServiceDeployments).
const PAGE_MAX: i32 = 100;

impl Aws {
    /// Says of services what has become of their rollouts, where they are not at rest or `followed`.
    pub async fn rollouts(&self, asked: &[&Resource], followed: &BTreeSet<Key>, seen: &mut BTreeMap<Key, Seen>) {
        let mut found: BTreeMap<&Key, Result<Option<Value>, Failure>> = BTreeMap::new();
        for service in asked {
            let Some(Seen::Present(live)) = seen.get(&service.key) else { continue };
            let open = match live.phase {
                Phase::Moving(_) | Phase::Failed(_) => true,
                Phase::Steady => followed.contains(&service.key),
                Phase::Paused(_) | Phase::Busy(_) => false,
            };
            if !matches!(service.identity, Identity::Service { .. }) || !open || !rollout::has_service_deployments(live)
            {
                continue;
            }
            let deployment = match rollout::current(live) {
                Some(arn) => Ok(Some(serde_json::json!({ "serviceDeploymentArn": arn }))),
                None => self.newest_deployment(service).await,
            };
            found.insert(&service.key, deployment);
        }
        let listed = found.values().filter_map(|deployment| deployment.as_ref().ok()?.as_ref());
        let open: Vec<String> = listed.filter(|one| rollout::verdict(one) == Verdict::UnderWay).map(arn).collect();
        let described = self.describe_deployments(&open).await;
        for (key, deployment) in found {
            let Some(Seen::Present(live)) = seen.get_mut(key) else { continue };
            live.phase = match deployment {
                Ok(None) => continue,
                Ok(Some(brief)) => match described.get(&arn(&brief)) {
                    Some(Ok(deployment)) => rollout::judged(live, deployment),
                    Some(Err(failure)) if brief.get("status").is_none() => unknown(live, failure),
                    _ => rollout::judged(live, &brief),
                },
                Err(failure) => unknown(live, &failure),
            };
        }
    }

    /// What became of the last rollout of a service that is to be rolled out anew.
    pub async fn last_rollout(&self, service: &Resource, live: &Live) -> Rollout {
        match self.failed_rollout(service, live).await {
            Ok(Some((revision, reason))) => Rollout::Failed { revision, reason },
            Ok(None) => Rollout::Fine,
            Err(failure) => Rollout::Unknown(failure),
        }
    }

    async fn failed_rollout(&self, service: &Resource, live: &Live) -> Result<Option<(Value, String)>, Failure> {
        let Some(last) = self.newest_deployment(service).await? else { return Ok(None) };
        if !matches!(rollout::verdict(&last), Verdict::Failed | Verdict::GoingBack) {
            // A moment ago the list said otherwise: one of the two answers is old.
            return match live.phase {
                Phase::Failed(_) => Err(Failure::Unreachable("ECS lists it as failed, and then not".to_owned())),
                _ => Ok(None),
            };
        }
        let target = last.get("targetServiceRevisionArn").and_then(Value::as_str).map(str::to_owned);
        let call = self.ecs.describe_service_revisions().set_service_revision_arns(target.map(|arn| vec![arn]));
        self.paced("ecs:DescribeServiceRevisions").await;
        let answer = call.customize().config_override(once()).send().await.map_err(classify)?;
        match answer.service_revisions().first() {
            Some(revision) => Ok(Some((encode(revision), rollout::explained(live, &last)))),
            None => Err(Failure::Unreachable("ECS does not describe the revision that failed".to_owned())),
        }
    }

    /// The service deployment that began last: in which order ECS lists them is not documented.
    async fn newest_deployment(&self, service: &Resource) -> Result<Option<Value>, Failure> {
        let Identity::Service { cluster, name } = &service.identity else { return Ok(None) };
        let call = self.ecs.list_service_deployments().cluster(cluster).service(name).max_results(PAGE_MAX);
        let (mut newest, mut token) = (None, None);
        loop {
            self.paced("ecs:ListServiceDeployments").await;
            let page = call.clone().set_next_token(token).send().await.map_err(classify)?;
            let listed = page.service_deployments().iter().cloned();
            newest = listed.chain(newest).max_by_key(age);
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(newest.map(|deployment| encode(&deployment)));
            }
        }
    }

    async fn describe_deployments(&self, arns: &[String]) -> BTreeMap<String, Result<Value, Failure>> {
        let mut described = BTreeMap::new();
        for chunk in arns.chunks(DEPLOYMENTS_MAX) {
            self.paced("ecs:DescribeServiceDeployments").await;
            let call = self.ecs.describe_service_deployments().set_service_deployment_arns(Some(chunk.to_vec()));
            let answer = call.send().await.map_err(classify);
            for arn in chunk {
                let deployment = answer.as_ref().map_err(Clone::clone).and_then(|answer| {
                    let mut all = answer.service_deployments().iter();
                    let found = all.find(|one| one.service_deployment_arn() == Some(arn));
                    let missing = || Failure::Unreachable("ECS does not describe its service deployment".to_owned());
                    found.map(|deployment| encode(deployment)).ok_or_else(missing)
                });
                described.insert(arn.clone(), deployment);
            }
        }
        described
    }
}

/// When a service deployment began. Of two at the same moment the later one stopped the other.
fn age(deployment: &ServiceDeploymentBrief) -> impl Ord + use<> {
    let finished = deployment.finished_at().copied();
    (deployment.created_at().copied(), finished.is_none(), finished)
}

fn arn(deployment: &Value) -> String {
    deployment.get("serviceDeploymentArn").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A service whose service deployment could not be read: as it says itself, but that all is well it
/// cannot know. It waits for that answer, not for ECS, and is blocked when none comes.
fn unknown(live: &Live, failure: &Failure) -> Phase {
    match &live.phase {
        Phase::Moving(why) => Phase::Moving(format!("{why}; its service deployment could not be read: {failure}")),
        Phase::Steady => Phase::Busy(format!(
            "ECS shows no rollout any more, but whether it ended well could not be read: {failure}"
        )),
        phase => phase.clone(),
    }
}
