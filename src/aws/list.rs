//! What is there, for `export`, beside what pruning looks for too. Only a person's credentials need
//! these calls.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::InstanceProfile;
use serde_json::json;

use super::Aws;
use super::failure::classify;
use crate::fence::epoch::FAMILY_PREFIX;
use crate::model::{Key, Kind, Source};
use crate::resource::{Adoption, Allowance, Identity, Resource, TaskDefinition};
use crate::value::Path;
use crate::world::{Failure, Live, Scaling, Seen};

/// What was read of some resources.
#[derive(Debug, Default)]
pub struct Reading {
    /// What became of each.
    pub seen: BTreeMap<Identity, Seen>,
    /// The revisions that services among them run, by ARN.
    pub revisions: BTreeMap<String, Live>,
    /// Whether Application Auto Scaling owns the number of tasks of the services among them.
    pub scaling: BTreeMap<Identity, Scaling>,
}

impl Aws {
    /// The families that have an ACTIVE revision, but for those whose revisions are claims: nobody declares
    /// these.
    ///
    /// # Errors
    /// The class of AWS's error.
    pub async fn list_families(&self) -> Result<BTreeSet<String>, Failure> {
        let call = self.ecs.list_task_definition_families().status("ACTIVE".into());
        self.paced("ecs:ListTaskDefinitionFamilies").await;
        let families: Result<Vec<String>, _> = call.into_paginator().items().send().collect().await;
        let mut families: BTreeSet<String> = families.map_err(classify)?.into_iter().collect();
        families.retain(|family| !family.starts_with(FAMILY_PREFIX));
        Ok(families)
    }

    /// The role in an instance profile; `None` also when there is no such profile.
    ///
    /// # Errors
    /// The class of AWS's error.
    pub async fn role_in_profile(&self, profile: &str) -> Result<Option<String>, Failure> {
        let profile = self.instance_profile(profile).await?;
        Ok(profile.and_then(|profile| Some(profile.roles().first()?.role_name().to_owned())))
    }

    /// An instance profile, if there is one of that name.
    pub(super) async fn instance_profile(&self, name: &str) -> Result<Option<InstanceProfile>, Failure> {
        self.paced("iam:GetInstanceProfile").await;
        match self.iam.get_instance_profile().instance_profile_name(name).send().await {
            Ok(answer) => Ok(answer.instance_profile),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_entity_exception()) => Ok(None),
            Err(error) => Err(classify(error)),
        }
    }

    /// Looks at resources by what they are called in AWS: the same look as for a plan.
    pub async fn read(&self, identities: &BTreeSet<Identity>) -> Reading {
        let probes: Vec<Resource> = identities.iter().cloned().map(probe).collect();
        let mut world = self.observe(&probes.iter().collect::<Vec<_>>()).await;
        let services: Vec<&Resource> = probes.iter().filter(|probe| probe.key.kind == Kind::Service).collect();
        let mut scaling = self.scaling(&services).await;
        let mut reading = Reading { revisions: world.revisions, ..Reading::default() };
        for probe in probes {
            let unseen = || Seen::Unknown(Failure::Unreachable("it was not looked at".to_owned()));
            let seen = world.seen.remove(&probe.key).unwrap_or_else(unseen);
            reading.scaling.extend(scaling.remove(&probe.key).map(|scaling| (probe.identity.clone(), scaling)));
            reading.seen.insert(probe.identity, seen);
        }
        reading
    }
}

/// A resource as far as reading needs one. A service's has a task definition that nothing matches, so
/// that the revision which it runs is read; and it names what only its service revisions tell.
fn probe(identity: Identity) -> Resource {
    let name = identity.to_string();
    let runs = TaskDefinition::Managed {
        key: Key::new(Kind::TaskDefinition, format!("of {name}")),
        family: String::new(),
        digest: String::new(),
    };
    let key = Key::new(identity.kind(), name);
    Resource {
        manifest: key.clone(),
        source: Source { file: "export".into(), document: 0, line: 1 },
        origin: Path::default(),
        needs: BTreeSet::new(),
        spec: json!({ "monitoring": null, "gatewayConnectors": null }),
        tags: BTreeMap::new(),
        adoption: Adoption::Unsaid,
        deletion: None,
        ignored: Vec::new(),
        allowance: Allowance::default(),
        suspended: false,
        restarted_at: None,
        task_definition: (key.kind == Kind::Service).then_some(runs),
        digest: None,
        whole_digest: None,
        identity,
        key,
    }
}
