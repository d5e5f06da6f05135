//! What roles may do at a moment, for those who watch over every moment: a role that has too much for
//! an instant had too much.

use std::collections::BTreeMap;

use super::{State, key_of};

/// What a role may do, and who may become it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Its trust policy.
    pub trust: String,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Its policies: documents by name, of those that stand inline, and by ARN, of managed ones.
    pub policies: BTreeMap<String, String>,
}

impl State {
    /// The rights of every role, by its name.
    #[must_use]
    pub fn rights(&self) -> BTreeMap<String, Rights> {
        let of = |role: &super::Role| {
            let mut policies = role.inline.clone();
            policies.extend(role.attached.iter().map(|arn| (arn.clone(), self.document_of(arn))));
            Rights { trust: role.trust.read(self), boundary: role.boundary.clone(), policies }
        };
        self.roles.values().map(|role| (role.name.clone(), of(role))).collect()
    }

    /// The document of a managed policy's default version; AWS's own do not change.
    fn document_of(&self, arn: &str) -> String {
        let own = self.policies.get(&key_of(arn.rsplit('/').next().unwrap_or(arn))).filter(|policy| policy.arn == arn);
        let default = own.and_then(|policy| policy.versions.iter().find(|version| version.number == policy.default));
        default.map(|version| version.text.clone()).unwrap_or_default()
    }

    /// The ARNs of every role, managed policy and instance profile of the account, with the value of a tag.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> BTreeMap<String, Option<String>> {
        let roles = self.roles.values().map(|role| (&role.arn, &role.tags));
        let policies = self.policies.values().map(|policy| (&policy.arn, &policy.tags));
        let profiles = self.profiles.values().map(|profile| (&profile.arn, &profile.tags));
        let all = roles.chain(policies).chain(profiles);
        all.map(|(arn, tags)| (arn.clone(), tags.get(tag).map(str::to_owned))).collect()
    }
}
