//! Which service has which task definition: inline, shared with others, or only named.

use std::collections::BTreeMap;

use super::names::tail;
use super::{Found, LeftOut, spec};
use crate::model::Kind;
use crate::resource::Identity;
use crate::value::Value;
use crate::world::Live;

/// What a service's manifest says of its task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Runs {
    /// The content of this revision, inline.
    Inline(String),
    /// The manifest of a family that several services run.
    Shared(String),
    /// A revision by its name, and why.
    Pinned(String, String),
}

/// What every service runs.
#[derive(Debug, Default)]
pub(super) struct Revisions {
    by_service: BTreeMap<Identity, Runs>,
    /// The families that several services run, with the revision that their manifest describes.
    pub(super) shared: BTreeMap<String, String>,
    inline: BTreeMap<String, Identity>,
    pub(super) left_out: Vec<LeftOut>,
}

impl Revisions {
    /// One family has one manifest: it is inline where one service runs it, and of its own where
    /// several do. Who runs an older revision than the others names it.
    pub(super) fn of(found: &Found) -> Self {
        let mut all = Self::default();
        let mut by_family: BTreeMap<String, Vec<(u64, String, Identity)>> = BTreeMap::new();
        for (identity, arn) in services(found) {
            match why_pinned(found.revisions.get(arn)) {
                Some(why) => {
                    if let Some(problem) = why.problem {
                        all.left_out.push(LeftOut { what: format!("task definition {}", tail(arn)), why: problem });
                    }
                    all.by_service.insert(identity.clone(), Runs::Pinned(tail(arn).to_owned(), why.remark));
                }
                None => {
                    let (family, revision) = tail(arn).rsplit_once(':').unwrap_or((tail(arn), "0"));
                    let number = revision.parse().unwrap_or_default();
                    by_family.entry(family.to_owned()).or_default().push((number, arn.to_owned(), identity.clone()));
                }
            }
        }
        for (family, services) in by_family {
            all.share_out(family, services);
        }
        all
    }

    fn share_out(&mut self, family: String, services: Vec<(u64, String, Identity)>) {
        if let [(_, arn, service)] = &services[..] {
            self.by_service.insert(service.clone(), Runs::Inline(arn.clone()));
            self.inline.insert(family, service.clone());
            return;
        }
        let Some((newest, arn, _)) = services.iter().max_by_key(|(number, ..)| *number).cloned() else { return };
        for (number, arn, service) in services {
            let runs = if number == newest {
                Runs::Shared(family.clone())
            } else {
                let why = format!("It runs an older revision than other services of the family {family}.");
                Runs::Pinned(tail(&arn).to_owned(), why)
            };
            self.by_service.insert(service, runs);
        }
        self.shared.insert(family, arn);
    }

    pub(super) fn runs(&self, service: &Identity) -> Option<&Runs> {
        self.by_service.get(service)
    }

    /// Whether the family is described with the services that run it.
    pub(super) fn declares(&self, family: &str) -> bool {
        self.shared.contains_key(family) || self.inline.contains_key(family)
    }

    /// The revision that a service runs, where a manifest describes it.
    pub(super) fn of_service<'a>(&self, service: &Identity, found: &'a Found) -> Option<&'a Live> {
        let arn = match self.runs(service)? {
            Runs::Inline(arn) => arn,
            Runs::Shared(family) => self.shared.get(family)?,
            Runs::Pinned(..) => return None,
        };
        found.revisions.get(arn)
    }
}

/// Services with the ARN of the revision that they run: those that another system deploys have none.
fn services(found: &Found) -> impl Iterator<Item = (&Identity, &str)> {
    found.present().filter_map(|(identity, live)| match identity {
        Identity::Service { .. } => Some((identity, live.document.get("taskDefinition").and_then(Value::as_str)?)),
        _ => None,
    })
}

/// Why a revision can only be named.
struct Why {
    remark: String,
    /// What is to be reported, when it is more than a remark.
    problem: Option<String>,
}

fn why_pinned(revision: Option<&Live>) -> Option<Why> {
    let Some(revision) = revision else {
        let remark = "ECS does not describe the revision that it runs any more.".to_owned();
        return Some(Why { remark, problem: None });
    };
    if revision.document.get("status").is_some_and(|status| status != "ACTIVE") {
        // Described, it would be registered anew: a family without it has no such content.
        let remark = "The revision that it runs is deregistered: it can be named, not described.".to_owned();
        return Some(Why { remark, problem: None });
    }
    let problem = spec::unwritable(Kind::TaskDefinition, &revision.document, &revision.tags)?;
    let remark = format!("The revision that it runs can only be named: {problem}.");
    Some(Why { remark, problem: Some(problem) })
}
