//! Guardrails: what a manifest may not ask for, whoever commits it.
//!
//! They come from the command line, never from the watched directory, and nothing that a manifest
//! says relaxes one. A manifest that breaks one is a problem like any other: its file keeps what it
//! had, and nothing of it reaches AWS.
//!
//! A role is judged with the policies of other manifests that it attaches. Where only both together
//! are too much, the one that is new or has changed is at fault; on a first reading both are.

mod allowance;
mod attached;
mod escalation;
mod file;
mod limits;
mod permissions;
mod rules;
mod statement;
mod tasks;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};

use crate::model::{Key, Kind, Problem};
use crate::plain;
use crate::policy::glob;
use crate::resolve::{Fault, expanded};
use crate::resource::{Account, Resource};
use crate::value::Path;
use crate::window::Window;
use statement::{Body, arn};

pub(crate) use allowance::names;
pub use allowance::{Hindrance, VERBS, bind};
pub use escalation::{WAYS, Way};
pub use file::read;
pub use rules::{Form, RULES, Rule, RuleRow, help, markdown};

/// What manifests are held to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guardrails {
    /// The accounts that the command may work on; `None`: any.
    accounts: Option<Vec<String>>,
    /// The Regions that it may work in; `None`: any.
    regions: Option<Vec<String>>,
    /// The rules that are on without a file, with what each lets pass.
    on: BTreeMap<Rule, Vec<String>>,
    /// The other rules, for everything and for the files below a folder.
    settings: Vec<(PathBuf, BTreeMap<Rule, Setting>)>,
    exceptions: Vec<Exception>,
    /// Whether it is not known which account the manifests are for.
    offline: bool,
}

/// The value of a rule that is not on by default.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Setting {
    Texts(Vec<String>),
    Kinds(BTreeSet<Kind>),
    PerKind(BTreeMap<Kind, Vec<String>>),
    Number(u64),
    Refused,
    Verbs(BTreeSet<&'static str>),
    Windows(Vec<Window>),
}

/// A manifest that may break rules.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exception {
    manifest: Key,
    rules: BTreeSet<Rule>,
    /// What it may break them with, word for word; empty: anything.
    only: Vec<String>,
}

impl Guardrails {
    /// No rule at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The rules that count when there is no file.
    #[must_use]
    pub fn standard() -> Self {
        let on = RULES.iter().filter(|row| row.rule.is_default()).map(|row| (row.rule, Vec::new())).collect();
        Self { on, ..Self::default() }
    }

    /// The same where nobody has been asked which account it is: `account` is then that of the file, if
    /// the file names one, and otherwise no account counts as foreign.
    #[must_use]
    pub fn offline(self, account: Account) -> (Self, Account) {
        let one =
            |known: &Option<Vec<String>>| known.as_ref().filter(|known| known.len() == 1).map(|known| known[0].clone());
        let region = one(&self.regions);
        let account = region.map_or(account, |region| Account::offline(Some(&region)));
        match one(&self.accounts) {
            Some(id) => (self, Account { id, ..account }),
            None => (Self { offline: true, ..self }, account),
        }
    }

    /// Whether the command may work on an account and in a Region.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, account: &Account) -> Result<(), String> {
        let known =
            |list: &Option<Vec<String>>, one: &str| list.as_ref().is_none_or(|list| list.iter().any(|it| it == one));
        if !known(&self.accounts, &account.id) {
            let accounts = self.accounts.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
            return Err(format!(
                "the credentials are for account {}, and the guardrail `accounts` allows: {accounts}",
                account.id
            ));
        }
        if !known(&self.regions, &account.region) {
            let regions = self.regions.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
            return Err(format!("the Region is {}, and the guardrail `regions` allows: {regions}", account.region));
        }
        Ok(())
    }

    /// With the variables of manifests written out.
    fn for_account(&self, account: &Account) -> Self {
        let text = |text: &String| expanded(text, account);
        let texts = |list: &Vec<String>| list.iter().map(text).collect::<Vec<_>>();
        let setting = |setting: &Setting| match setting {
            Setting::Texts(list) => Setting::Texts(texts(list)),
            Setting::PerKind(kinds) => {
                Setting::PerKind(kinds.iter().map(|(kind, list)| (*kind, texts(list))).collect())
            }
            other => other.clone(),
        };
        let settings =
            |all: &BTreeMap<Rule, Setting>| all.iter().map(|(rule, value)| (*rule, setting(value))).collect();
        Self {
            on: self.on.iter().map(|(rule, allowed)| (*rule, texts(allowed))).collect(),
            settings: self.settings.iter().map(|(folder, all)| (folder.clone(), settings(all))).collect(),
            exceptions: self
                .exceptions
                .iter()
                .map(|exception| Exception { only: texts(&exception.only), ..exception.clone() })
                .collect(),
            ..self.clone()
        }
    }
}

/// One thing that a rule refuses.
#[derive(Debug, Clone)]
struct Finding {
    rule: Rule,
    /// Where in the manifest.
    path: Path,
    on_key: bool,
    /// What it is about, as `allow` and `only` may name it.
    subject: String,
    why: String,
    fix: String,
}

impl Finding {
    fn new(rule: Rule, path: Path, subject: &str) -> Self {
        Self { rule, path, on_key: false, subject: subject.to_owned(), why: String::new(), fix: String::new() }
    }
}

/// The rules at work on the resources of a directory.
struct Guard<'a> {
    rails: &'a Guardrails,
    account: &'a Account,
    resources: &'a BTreeMap<Key, Resource>,
    /// The resources so far.
    before: &'a BTreeMap<Key, Resource>,
}

/// Every fault of resources that break a rule. `before` are the resources so far.
#[must_use]
pub fn check(
    resources: &BTreeMap<Key, Resource>,
    rails: &Guardrails,
    account: &Account,
    before: &BTreeMap<Key, Resource>,
) -> Vec<Fault> {
    if rails.on.is_empty() && rails.settings.is_empty() {
        return Vec::new();
    }
    let rails = rails.for_account(account);
    let guard = Guard { rails: &rails, account, resources, before };
    let bodies = guard.bodies();
    let policies = guard.policies();
    let mut refused = Vec::new();
    let mut said: BTreeMap<&Key, BTreeSet<(Rule, String)>> = BTreeMap::new();
    // Policies come before the roles that attach them, in the order of kinds.
    for resource in resources.values() {
        let findings = guard.alone(resource, bodies.get(&resource.key));
        for finding in findings.into_iter().filter(|finding| !guard.passes(finding, &resource.manifest)) {
            said.entry(&resource.key).or_default().insert((finding.rule, finding.subject.clone()));
            refused.push(Refused { key: resource.manifest.clone(), holder: resource.manifest.clone(), finding });
        }
        if resource.key.kind == Kind::Role {
            refused.extend(guard.together(resource, &bodies, &policies, &said));
        }
    }
    let too_many = limits::roles(&guard).into_iter().filter(|(key, finding)| !guard.passes(finding, key));
    refused.extend(too_many.map(|(key, finding)| Refused { holder: key.clone(), key, finding }));
    faults(refused)
}

/// A finding that counts.
struct Refused {
    /// The manifest at fault.
    key: Key,
    /// Who an exception would have to be for.
    holder: Key,
    finding: Finding,
}

/// How many subjects an exception that is offered names; past that, it is for all of them.
const SUBJECTS_MAX: usize = 8;

/// How every refusal begins.
const REFUSED: &str = "refused by the guardrail ";

/// Whether a problem is that a manifest breaks a rule.
#[must_use]
pub fn is_refusal(problem: &Problem) -> bool {
    problem.message.starts_with(REFUSED)
}

/// What is refused as faults: one for all that one place of a manifest breaks of one rule.
fn faults(refused: Vec<Refused>) -> Vec<Fault> {
    let mut places: BTreeMap<(Key, Key, Rule, Path), Vec<Finding>> = BTreeMap::new();
    for Refused { key, holder, finding } in refused {
        places.entry((key, holder, finding.rule, finding.path.clone())).or_default().push(finding);
    }
    let mut faults = Vec::new();
    for ((key, holder, rule, path), findings) in places {
        let Some(first) = findings.first() else { continue };
        let others: BTreeSet<&str> = findings[1..].iter().map(|finding| finding.subject.as_str()).collect();
        let subjects: BTreeSet<&str> = findings.iter().map(|finding| finding.subject.as_str()).collect();
        let likewise = match others.len() {
            0 => String::new(),
            1..SUBJECTS_MAX => format!("; likewise {}", others.into_iter().collect::<Vec<_>>().join(", ")),
            more => format!("; likewise {more} others"),
        };
        let only = match subjects.len() {
            0..=SUBJECTS_MAX => {
                format!(" only: {},", plain::json(serde_json::json!(subjects).to_string()).replace("\",\"", "\", \""))
            }
            _ => String::new(),
        };
        let exception = format!("exceptions: [{{manifest: {holder}, rules: [{rule}],{only} reason: …}}]");
        faults.push(Fault {
            key,
            path,
            on_key: first.on_key,
            message: format!("{REFUSED}`{rule}`: {}{likewise}", first.why),
            hint: Some(format!(
                "{}; or, where it is meant so, write in the file of --guardrails {exception}",
                first.fix
            )),
        });
    }
    faults
}

impl<'a> Guard<'a> {
    /// The values of a rule for a resource: those for everything, and those of folders that it is in.
    fn settings(&self, rule: Rule, resource: &Resource) -> impl Iterator<Item = &'a Setting> {
        let file = resource.source.file.clone();
        self.all_settings(rule).filter(move |(folder, _)| file.starts_with(folder)).map(|(_, setting)| setting)
    }

    fn all_settings(&self, rule: Rule) -> impl Iterator<Item = (&'a FilePath, &'a Setting)> {
        self.rails.settings.iter().filter_map(move |(folder, all)| Some((folder.as_path(), all.get(&rule)?)))
    }

    fn refuses(&self, rule: Rule, resource: &Resource) -> bool {
        self.settings(rule, resource).any(|setting| *setting == Setting::Refused)
    }

    /// Whether a trust policy may name an account.
    fn trusts(&self, account: &str) -> bool {
        let listed = self.rails.on.get(&Rule::Trust).is_some_and(|allowed| allowed.iter().any(|one| one == account));
        self.rails.offline || listed || account == self.account.id
    }

    /// Whether something may be so, for everybody or for this manifest.
    fn passes(&self, finding: &Finding, holder: &Key) -> bool {
        if finding.rule.is_default() {
            let Some(allowed) = self.rails.on.get(&finding.rule) else { return true };
            if allowed.iter().any(|pattern| glob::covers(pattern, &finding.subject)) {
                return true;
            }
        }
        self.rails.exceptions.iter().any(|exception| {
            exception.manifest == *holder
                && exception.rules.contains(&finding.rule)
                && (exception.only.is_empty() || exception.only.contains(&finding.subject))
        })
    }

    fn bodies(&self) -> BTreeMap<&'a Key, Body<'a>> {
        let with_policies = |resource: &&Resource| matches!(resource.key.kind, Kind::Role | Kind::Policy);
        self.resources.values().filter(with_policies).map(|resource| (&resource.key, Body::new(resource))).collect()
    }

    /// The policies of manifests by their ARN in lower case: IAM takes no two that differ in case only.
    fn policies(&self) -> BTreeMap<String, &'a Key> {
        let policies = self.resources.values().filter(|resource| resource.key.kind == Kind::Policy);
        policies.filter_map(|policy| Some((arn(policy, self.account)?.to_ascii_lowercase(), &policy.key))).collect()
    }

    /// What is wrong with a resource whatever the others are.
    fn alone(&self, resource: &Resource, body: Option<&Body<'_>>) -> Vec<Finding> {
        let mut findings = limits::check(self, resource);
        if resource.key.kind == Kind::TaskDefinition {
            findings.extend(tasks::check(self, resource));
        }
        let Some(body) = body else {
            findings.extend(tasks::roles(self, resource));
            return findings;
        };
        findings.extend(attached::look_alikes(resource, body));
        findings.extend(attached::boundary(self, resource));
        if resource.key.kind == Kind::Role {
            findings.extend(trust::check(self, resource));
            findings.extend(attached::check(self, resource));
        }
        findings.extend(permissions::check(self, body, resource));
        findings.extend(permissions::too_large(self, body));
        if resource.key.kind == Kind::Policy {
            let own: Vec<String> = arn(resource, self.account).into_iter().collect();
            let ways = self.ways(|way| way.found(&[(0, body)], &own), &resource.manifest);
            findings.extend(ways.into_iter().map(|(way, places)| Finding {
                path: places.values().next().cloned().unwrap_or_default(),
                ..way_finding(way)
            }));
        }
        findings
    }

    /// The ways that are open, without those that only take more than another.
    fn ways(&self, found: impl Fn(&'static Way) -> Option<Places>, holder: &Key) -> Vec<(&'static Way, Places)> {
        let open = WAYS.iter().filter_map(|way| Some((way, found(way)?)));
        let open: Vec<_> = open.filter(|(way, _)| !self.passes(&way_finding(way), holder)).collect();
        let least = |way: &Way| !open.iter().any(|(other, _)| way.name != other.name && way.is_no_less(other));
        open.iter().filter(|(way, _)| least(way)).cloned().collect()
    }
}

/// Where permissions stand, by the number of the body that gives them.
type Places = BTreeMap<usize, Path>;

/// What a role has by the policies of other manifests that it attaches.
impl Guard<'_> {
    fn together(
        &self,
        role: &Resource,
        bodies: &BTreeMap<&Key, Body<'_>>,
        policies: &BTreeMap<String, &Key>,
        said: &BTreeMap<&Key, BTreeSet<(Rule, String)>>,
    ) -> Vec<Refused> {
        let Some(inline) = bodies.get(&role.key) else { return Vec::new() };
        let mut all = vec![inline];
        let mut places = vec![role.origin.clone()];
        for policy in attached::policies(role) {
            let declared = policies.get(&policy.text.to_ascii_lowercase()).and_then(|key| bodies.get(key));
            if let Some(body) = declared.filter(|body| !all.iter().any(|other| other.resource.key == body.resource.key))
            {
                all.push(body);
                places.push(policy.path.clone());
            }
        }
        let is_said = |body: &Body<'_>, finding: &Finding| {
            let of_body = said.get(&body.resource.key);
            of_body.is_some_and(|said| said.contains(&(finding.rule, finding.subject.clone())))
        };
        let mut refused = Vec::new();
        for (number, body) in all.iter().enumerate().skip(1) {
            for finding in permissions::check(self, body, role) {
                if !is_said(body, &finding) && !self.passes(&finding, &role.manifest) {
                    let contributors = BTreeMap::from([(number, finding.path.clone())]);
                    refused.extend(self.blamed(finding, role, &all, &places, &contributors));
                }
            }
        }
        let own: Vec<String> = all.iter().filter_map(|body| arn(body.resource, self.account)).collect();
        let found = |way: &'static Way| {
            // A policy that is refused by itself for this way, or for less, is out of force already.
            let is_out = |body: &Body<'_>| {
                let ways =
                    said.get(&body.resource.key).into_iter().flatten().filter(|(rule, _)| *rule == Rule::Escalation);
                ways.into_iter().any(|(_, name)| WAYS.iter().any(|other| other.name == name && way.is_no_less(other)))
            };
            let left = all.iter().copied().enumerate().filter(|(number, body)| *number == 0 || !is_out(body));
            let left: Vec<(usize, &Body<'_>)> = left.collect();
            way.found(&left[..1], &own).or_else(|| way.found(&left, &own))
        };
        for (way, contributors) in self.ways(found, &role.manifest) {
            refused.extend(self.blamed(way_finding(way), role, &all, &places, &contributors));
        }
        refused
    }

    /// What a role and its policies are refused for together: those that are new or have changed or,
    /// when none has, all. What stays in force must be what was allowed.
    fn blamed(
        &self,
        finding: Finding,
        role: &Resource,
        all: &[&Body<'_>],
        places: &[Path],
        contributors: &Places,
    ) -> Vec<Refused> {
        let part = |number: &usize| *number == 0 || contributors.contains_key(number);
        let parts: Vec<usize> = (0..all.len()).filter(part).collect();
        let changed = |number: &usize| {
            let resource = all[*number].resource;
            self.before.get(&resource.key).is_none_or(|before| before.spec != resource.spec)
        };
        let new: Vec<usize> = parts.iter().copied().filter(changed).collect();
        let blamed = if new.is_empty() { &parts } else { &new };
        let policies = contributors.keys().filter(|number| **number > 0);
        let policies: Vec<String> = policies.map(|number| all[*number].resource.manifest.to_string()).collect();
        let refused = |number: usize| {
            let why = match (number, policies.is_empty()) {
                (_, true) => finding.why.clone(),
                (0, false) => format!("with {}, {}", policies.join(" and "), finding.why),
                (_, false) => format!("attached to {}, {}", role.manifest, finding.why),
            };
            let first = contributors.keys().next().copied().unwrap_or_default();
            let path = contributors.get(&number).unwrap_or(&places[first]).clone();
            Refused {
                key: all[number].resource.manifest.clone(),
                holder: role.manifest.clone(),
                finding: Finding { path, why, ..finding.clone() },
            }
        };
        blamed.iter().map(|number| refused(*number)).collect()
    }
}

/// A way as a finding, without its place.
fn way_finding(way: &Way) -> Finding {
    let actions: Vec<&str> = way.actions().map(escalation::spelled).collect();
    let broad: Vec<&str> = way.broad.iter().map(|action| escalation::spelled(action)).collect();
    Finding {
        why: match &actions[..] {
            [one] => format!("{one} leads to {} ({})", way.gains, way.name),
            _ => format!("{} together lead to {} ({})", actions.join(" and "), way.gains, way.name),
        },
        fix: match way.with {
            [] => format!("take {} out, or name the resources that it is for", broad.join(" and ")),
            _ => format!("take one of them out, or name the resources that {} is for", broad.join(" and ")),
        },
        ..Finding::new(Rule::Escalation, Path::default(), way.name)
    }
}

#[cfg(test)]
mod tests;
