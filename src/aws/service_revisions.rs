//! Service revisions: the only place where some members of a service can be read. They are asked for
//! where a service declares one of these, and each is read once: it never changes (ECS developer
//! guide, service revisions).

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::Aws;
use super::failure::classify;
use crate::codec::encode;
use crate::live;
use crate::model::Key;
use crate::resource::Resource;
use crate::value::Value;
use crate::world::{Failure, Seen};

/// Service revisions in one DescribeServiceRevisions call (ECS API reference).
const REVISIONS_MAX: usize = 20;

/// What ECS says of service revisions by ARN; of one that is missing, nothing.
type Answers = BTreeMap<String, Result<Option<Value>, Failure>>;

impl Aws {
    /// Completes what was seen of services. One whose revision cannot be read has not been seen: what it
    /// declares there would look like a change.
    pub(super) async fn service_revisions(&self, asked: &[&Resource], seen: &mut BTreeMap<Key, Seen>) {
        let mut services: Vec<(&Key, Vec<String>)> = Vec::new();
        for service in asked.iter().filter(|service| live::needs_revision(service)) {
            if let Some(Seen::Present(live)) = seen.get(&service.key) {
                services.push((&service.key, live::current_revisions(live).map(str::to_owned).collect()));
            }
        }
        let mut answers: Answers = services.iter().flat_map(|(key, _)| self.known_service_revisions(key)).collect();
        let arns = services.iter().flat_map(|(_, arns)| arns);
        let unread: Vec<String> = arns.filter(|arn| !answers.contains_key(*arn)).cloned().collect();
        answers.extend(self.describe_service_revisions(&unread).await);
        for (key, arns) in services {
            let Some(Seen::Present(live)) = seen.remove(key) else { continue };
            let of_service = arns.into_iter().filter_map(|arn| Some((answers.remove(&arn)?, arn)));
            let described: Result<Vec<_>, Failure> = of_service.map(|(answer, arn)| Ok((arn, answer?))).collect();
            let complete = match described {
                Ok(revisions) => {
                    let complete = live::with_revisions(live, revisions.iter().filter_map(|(_, one)| one.as_ref()));
                    self.remember_service_revisions(key, revisions);
                    Seen::Present(complete)
                }
                Err(failure) => Seen::Unknown(failure),
            };
            seen.insert(key.clone(), complete);
        }
    }

    async fn describe_service_revisions(&self, arns: &[String]) -> Answers {
        let mut answers = Answers::new();
        for chunk in arns.chunks(REVISIONS_MAX) {
            let call = self.ecs.describe_service_revisions().set_service_revision_arns(Some(chunk.to_vec()));
            self.paced("ecs:DescribeServiceRevisions").await;
            let answer = call.send().await.map_err(classify);
            for arn in chunk {
                let revision = answer.as_ref().map_err(Clone::clone).and_then(|answer| {
                    let found = answer.service_revisions().iter().find(|one| one.service_revision_arn() == Some(arn));
                    let failures: Vec<Value> = answer.failures().iter().map(|failure| encode(failure)).collect();
                    match found.map(|revision| encode(revision)) {
                        Some(revision) => Ok(Some(revision)),
                        None => match live::unanswered(&failures, arn) {
                            Seen::Unknown(failure) => Err(failure),
                            _ => Ok(None),
                        },
                    }
                });
                answers.insert(arn.clone(), revision);
            }
        }
        answers
    }

    fn known_service_revisions(&self, service: &Key) -> Answers {
        let known = self.service_revisions.lock().unwrap_or_else(PoisonError::into_inner);
        let revisions = known.get(service).into_iter().flatten();
        revisions.map(|(arn, revision)| (arn.clone(), Ok(Some(revision.clone())))).collect()
    }

    /// Remembers a service's present revisions, and forgets its former ones.
    fn remember_service_revisions(&self, service: &Key, revisions: Vec<(String, Option<Value>)>) {
        let described = revisions.into_iter().filter_map(|(arn, revision)| Some((arn, revision?))).collect();
        self.service_revisions.lock().unwrap_or_else(PoisonError::into_inner).insert(service.clone(), described);
    }
}
