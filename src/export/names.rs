//! Names: what the manifests are called, and what a name or ARN in a document stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::Kind;
use crate::resource::{Account, Identity, path_of_aws};

/// How the names of AWS's own capacity providers start (ECS API reference, CreateCapacityProvider).
const PROVIDERS_OF_AWS: &[&str] = &["AWS", "ECS", "FARGATE"];

/// What a member's text stands for, as far as it can have a manifest here.
pub(super) fn target(
    member: &str,
    text: &str,
    account: &Account,
    profiles: &BTreeMap<String, Option<String>>,
) -> Option<Identity> {
    if let Some(profile) = profile(member, text) {
        return profiles.get(profile)?.clone().map(|name| Identity::Role { name });
    }
    let name = || tail(text).to_owned();
    match member {
        "cluster" => Some(Identity::Cluster { name: name() }),
        "capacityProvider" | "capacityProviders" => {
            let of_aws = PROVIDERS_OF_AWS.iter().any(|start| name().to_uppercase().starts_with(start));
            (!of_aws).then(|| Identity::CapacityProvider { name: name() })
        }
        "managedPolicyArns" | "permissionsBoundary" => {
            text.starts_with(&account.iam_arn("policy/")).then(|| Identity::Policy { arn: text.to_owned() })
        }
        "role" => role(text, account),
        member if member.ends_with("oleArn") => role(text, account),
        _ => None,
    }
}

/// The role of an ARN of this account or, as ECS takes it too, of a bare name.
fn role(text: &str, account: &Account) -> Option<Identity> {
    let path = text.strip_prefix(&account.iam_arn("role")).or_else(|| (!text.contains([':', '/'])).then_some(text))?;
    path_of_aws(path).is_none().then(|| Identity::Role { name: tail(path).to_owned() })
}

/// The name of the instance profile that a member's text is the ARN of.
pub(super) fn profile<'a>(member: &str, text: &'a str) -> Option<&'a str> {
    (member == "ec2InstanceProfileArn").then(|| tail(text))
}

/// `web` of an ARN, or the text itself.
pub(super) fn tail(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// What every manifest is called.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<Identity, String>);

impl Names {
    /// The name in AWS, where nobody else has it. Names that differ only in case count as one: they
    /// become names of files. `is_inline` tells services that have their task definition in them: that
    /// one has a name, too, and it is the service's.
    pub(super) fn give<'a>(
        identities: impl Iterator<Item = &'a Identity>,
        is_inline: impl Fn(&Identity) -> bool,
    ) -> Self {
        let mut by_kind: BTreeMap<Kind, Vec<&Identity>> = BTreeMap::new();
        for identity in identities {
            by_kind.entry(identity.kind()).or_default().push(identity);
        }
        let mut names = Self::default();
        let services = by_kind.remove(&Kind::Service).unwrap_or_default();
        names.give_kind(&services, BTreeSet::new());
        let inline = services.into_iter().filter(|service| is_inline(service));
        let inline: BTreeSet<String> = inline.filter_map(|service| Some(names.of(service)?.to_lowercase())).collect();
        for (kind, identities) in by_kind {
            let taken = if kind == Kind::TaskDefinition { inline.clone() } else { BTreeSet::new() };
            names.give_kind(&identities, taken);
        }
        names
    }

    fn give_kind(&mut self, identities: &[&Identity], mut taken: BTreeSet<String>) {
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        for identity in identities {
            *uses.entry(own_name(identity).to_lowercase()).or_default() += 1;
        }
        // Whoever is alone with its name keeps it, whatever others have to be called.
        let alone = |identity: &&Identity| uses.get(&own_name(identity).to_lowercase()) == Some(&1);
        let (alone, others): (Vec<&Identity>, Vec<&Identity>) = identities.iter().partition(|one| alone(one));
        for identity in alone.into_iter().chain(others) {
            let wanted = match identity {
                Identity::Service { cluster, name } if uses.get(&name.to_lowercase()) != Some(&1) => {
                    format!("{cluster}-{name}")
                }
                identity => own_name(identity).to_owned(),
            };
            let numbered = (2..).map(|n| format!("{wanted}-{n}"));
            let name = [wanted.clone()].into_iter().chain(numbered).find(|name| !taken.contains(&name.to_lowercase()));
            let name = name.unwrap_or_default();
            taken.insert(name.to_lowercase());
            self.0.insert(identity.clone(), name);
        }
    }

    pub(super) fn of(&self, identity: &Identity) -> Option<&str> {
        self.0.get(identity).map(String::as_str)
    }

    /// The file of a manifest: by kind, services in the folder of their cluster.
    pub(super) fn file(&self, identity: &Identity) -> Option<PathBuf> {
        let name = self.of(identity)?;
        Some(PathBuf::from(match identity {
            Identity::AccountSettings => "account-settings.yaml".to_owned(),
            Identity::Policy { .. } => format!("policies/{name}.yaml"),
            Identity::Role { .. } => format!("roles/{name}.yaml"),
            Identity::Cluster { .. } => format!("clusters/{name}.yaml"),
            Identity::CapacityProvider { .. } => format!("capacity-providers/{name}.yaml"),
            Identity::TaskDefinition { .. } => format!("task-definitions/{name}.yaml"),
            Identity::Service { cluster, .. } => {
                let folder = self.of(&Identity::Cluster { name: cluster.clone() }).unwrap_or(cluster);
                format!("clusters/{folder}/{name}.yaml")
            }
        }))
    }
}

/// The name in AWS.
fn own_name(identity: &Identity) -> &str {
    match identity {
        Identity::AccountSettings => "account",
        Identity::Policy { arn } => tail(arn),
        Identity::Role { name }
        | Identity::Cluster { name }
        | Identity::CapacityProvider { name }
        | Identity::TaskDefinition { family: name }
        | Identity::Service { name, .. } => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(cluster: &str, name: &str) -> Identity {
        Identity::Service { cluster: cluster.into(), name: name.into() }
    }

    fn family(family: &str) -> Identity {
        Identity::TaskDefinition { family: family.into() }
    }

    #[test]
    fn services_of_one_name_are_told_apart_by_their_cluster() {
        let all = [service("a", "web"), service("b", "Web"), service("a", "b-Web"), service("a", "api")];
        let names = Names::give(all.iter(), |_| true);
        let given: Vec<_> = all.iter().map(|one| names.of(one).unwrap()).collect();
        assert_eq!(given, ["a-web", "b-Web-2", "b-Web", "api"]);
    }

    #[test]
    fn a_task_definition_keeps_clear_of_the_one_inline_in_a_service() {
        let all = [service("a", "web"), family("web")];
        assert_eq!(Names::give(all.iter(), |_| true).of(&all[1]), Some("web-2"));
        assert_eq!(Names::give(all.iter(), |_| false).of(&all[1]), Some("web"));
    }

    #[test]
    fn only_what_can_have_a_manifest_is_a_target() {
        let account = Account::offline(None);
        let is = |member, text: &str| target(member, text, &account, &BTreeMap::new());
        let role = Some(Identity::Role { name: "web".into() });
        assert_eq!(is("taskRoleArn", "arn:aws:iam::123456789012:role/app/web"), role);
        assert_eq!(is("taskRoleArn", "web"), role);
        assert_eq!(is("roleArn", "arn:aws:iam::999999999999:role/web"), None);
        assert_eq!(is("role", "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/X"), None);
        assert_eq!(is("capacityProvider", "FARGATE_SPOT"), None);
        assert_eq!(is("managedPolicyArns", "arn:aws:iam::aws:policy/ReadOnlyAccess"), None);
        assert_eq!(is("image", "web"), None);
    }
}
