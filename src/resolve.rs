//! From manifests to resources: references, variables, presets, names in AWS, order.

mod names;
mod references;
mod whole;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::edit;
use crate::fields;
use crate::model::{
    ADOPTION, DELETION_POLICY, DeletionPolicy, IGNORE_FIELDS, Key, Kind, Manifest, RESTARTED_AT, SUSPEND,
};
use crate::pattern::{self, Pattern};
use crate::policy;
use crate::preset;
use crate::resource::{Account, Adoption, Allowance, Identity, Resource, TaskDefinition};
use crate::value::{FAULTS_MAX, Map, Path, Value, as_text, describe, suggestion};

pub(crate) use references::{FREE, expanded};
pub use references::{may_refer, placeholder, reference_kind};
pub use whole::order;

/// How many names of a usual length are compared, in all, to guess what dangling references meant.
const GUESSES_MAX: usize = 50_000;

/// What is wrong with a manifest, at a path below its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The manifest.
    pub key: Key,
    /// Where in its document.
    pub path: Path,
    /// Whether the fault is in the key of the last segment, not in its value.
    pub on_key: bool,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The resources of a directory, and what kept others from becoming one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    /// A resource for every manifest, and one for every task definition that stands inline in a
    /// service. Those of manifests with faults are there for the sake of finding further faults.
    pub resources: BTreeMap<Key, Resource>,
    /// What is wrong: at least one fault of each manifest that is not fit for use, and more than are
    /// listed of a file only for that.
    pub faults: Vec<Fault>,
    /// The places of references and variables that stand for nothing, by manifest, each of which has
    /// a fault; whatever else is wrong there comes of that.
    pub unknown: BTreeMap<Key, BTreeSet<Path>>,
}

/// What decides between manifests that cannot all be in force.
#[derive(Debug)]
pub struct Before<'a> {
    /// The manifests so far, but for those that shared their key with another.
    pub manifests: BTreeMap<&'a Key, &'a Manifest>,
    /// The resources so far: who holds a name keeps it, whoever else claims it now.
    pub resources: &'a BTreeMap<Key, Resource>,
}

/// What is known of the directory beside its manifests, so that a reference to something that is
/// there, only not well, is not answered with "there is no such manifest".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// Manifests that have problems and cannot be referred to.
    pub broken: BTreeSet<Key>,
    /// The keys that several manifests claim now and none of them held: nobody has them.
    pub contested: BTreeSet<Key>,
    /// Files in which there may be more.
    pub unread: BTreeSet<PathBuf>,
}

impl Before<'_> {
    /// Whether the resource had its name in AWS before this load.
    fn holds(&self, resource: &Resource) -> bool {
        let held = self.resources.get(&resource.key);
        held.is_some_and(|before| before.identity.folded() == resource.identity.folded())
    }

    /// Whether a manifest was in force and says what it said.
    fn unchanged(&self, manifest: &Manifest) -> bool {
        let same = |before: &&Manifest| before.spec == manifest.spec && before.annotations == manifest.annotations;
        self.resources.contains_key(&manifest.key) && self.manifests.get(&manifest.key).is_some_and(same)
    }

    /// Whether a service had a task definition inline.
    fn had_inline(&self, service: &Key) -> bool {
        let inline = self.resources.get(&inline_key(service));
        inline.is_some_and(|definition| definition.manifest == *service)
    }
}

/// Resolves every manifest for an account.
#[must_use]
pub fn resolve(
    manifests: &BTreeMap<Key, &Manifest>,
    account: &Account,
    before: &Before<'_>,
    beside: &Beside,
) -> Resolved {
    let mut resolved = Resolved::default();
    let families = references::families(manifests, account, before);
    let guesses = Cell::new(GUESSES_MAX);
    let mut told: BTreeMap<&PathBuf, usize> = BTreeMap::new();
    // In the order of kinds: a service finds the task definitions resolved.
    for manifest in manifests.values().copied() {
        let told = told.entry(&manifest.source.file).or_default();
        let mut resolver = Resolver {
            manifests,
            account,
            before,
            beside,
            done: &resolved.resources,
            families: &families,
            guesses: &guesses,
            manifest,
            needs: BTreeSet::new(),
            ignored: Vec::new(),
            unknown: BTreeSet::new(),
            faults: Vec::new(),
            most: FAULTS_MAX.saturating_sub(*told).max(1),
        };
        let resources = resolver.resources();
        *told += resolver.faults.len();
        resolved.faults.append(&mut resolver.faults);
        if !resolver.unknown.is_empty() {
            resolved.unknown.insert(manifest.key.clone(), resolver.unknown);
        }
        resolved.resources.extend(resources.into_iter().map(|resource| (resource.key.clone(), resource)));
    }
    whole::refuse_same_identity(&mut resolved, before);
    whole::refuse_cycles(&mut resolved, manifests, before);
    resolved
}

struct Resolver<'a> {
    manifests: &'a BTreeMap<Key, &'a Manifest>,
    account: &'a Account,
    before: &'a Before<'a>,
    beside: &'a Beside,
    /// What the manifests before this one came to.
    done: &'a BTreeMap<Key, Resource>,
    /// Which task definition declares which family.
    families: &'a BTreeMap<String, Key>,
    /// How many names may still be compared to guess what was meant.
    guesses: &'a Cell<usize>,
    manifest: &'a Manifest,
    needs: BTreeSet<Key>,
    /// What the manifest wants to be left as it is.
    ignored: Vec<Pattern>,
    /// The places of references and variables that stand for nothing.
    unknown: BTreeSet<Path>,
    faults: Vec<Fault>,
    /// How many faults are kept. The first always is: it keeps the manifest from being used.
    most: usize,
}

impl Resolver<'_> {
    fn is_full(&self) -> bool {
        self.faults.len() >= self.most
    }

    fn fault(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        if self.is_full() {
            return;
        }
        self.faults.push(Fault {
            key: self.manifest.key.clone(),
            path: path.clone(),
            on_key: false,
            message: message.into(),
            hint,
        });
    }

    fn resources(&mut self) -> Vec<Resource> {
        let root = Path::default().key("spec");
        let Value::Object(spec) = &self.manifest.spec else {
            let hint = self.manifest.spec.is_null().then(|| "write {} when there is nothing to say".to_owned());
            self.fault(&root, format!("expected a map, found {}", describe(&self.manifest.spec)), hint);
            return Vec::new();
        };
        self.read_ignored();
        let mut spec = Value::Object(self.fill_preset(&root, spec.clone()));
        self.expand(&mut root.clone(), &mut spec);
        let Value::Object(mut spec) = spec else { return Vec::new() };
        let tags = spec.shift_remove("tags").map_or_else(BTreeMap::new, |tags| self.tags(&root.key("tags"), &tags));
        self.read_documents(&root, &mut spec);
        let key = self.manifest.key.clone();
        let name = self.aws_name(&spec);
        self.check_names(&root, &spec, &name);
        match key.kind {
            Kind::Service => self.service(spec, tags, name),
            Kind::TaskDefinition => {
                if self.taken_by_inline() {
                    return Vec::new();
                }
                spec.entry("family").or_insert_with(|| name.clone().into());
                vec![self.task_definition(key, root, spec, tags, name)]
            }
            kind => {
                if let Some(field) = kind.row().name_field {
                    // Only where it is missing: what is no text there is a fault, and not to be hidden.
                    spec.entry(field).or_insert_with(|| name.clone().into());
                }
                let identity = self.identity(kind, &spec, &name);
                vec![self.resource(key, root, identity, spec.into(), tags)]
            }
        }
    }

    fn read_ignored(&mut self) {
        let text = self.manifest.annotations.get(IGNORE_FIELDS).map_or("", String::as_str);
        for (written, pattern) in pattern::list(text) {
            match pattern {
                Ok(pattern) => self.ignored.push(pattern),
                Err(message) => {
                    let path = Path::default().key("metadata").key("annotations").key(IGNORE_FIELDS);
                    let hint = format!("write paths such as `containerDefinitions.*.image` in place of `{written}`");
                    self.fault(&path, message, Some(hint));
                }
            }
        }
    }

    /// Policy documents may stand in a text, as other tools write them.
    fn read_documents(&mut self, root: &Path, spec: &mut Map<String, Value>) {
        let member = match self.manifest.key.kind {
            Kind::Policy => "policyDocument",
            Kind::Role => "assumeRolePolicyDocument",
            _ => return,
        };
        if let Some(document) = spec.get_mut(member) {
            self.read_document(&root.key(member), document);
        }
        if let Some(Value::Object(policies)) = spec.get_mut("inlinePolicies") {
            for (name, document) in policies {
                self.read_document(&root.key("inlinePolicies").key(name), document);
            }
        }
    }

    fn read_document(&mut self, path: &Path, document: &mut Value) {
        let Value::String(text) = document else { return };
        if self.unknown.contains(path) {
            return;
        }
        match policy::parse(text) {
            Ok(parsed) => *document = parsed,
            Err(error) => {
                self.fault(path, error.to_string(), Some("write the document as YAML, or as JSON in one text".into()));
                self.unknown.insert(path.clone());
            }
        }
    }

    fn resource(
        &self,
        key: Key,
        origin: Path,
        identity: Identity,
        spec: Value,
        tags: BTreeMap<String, String>,
    ) -> Resource {
        let spec = fields::cleared(key.kind, &spec);
        let restarted_at = self.manifest.annotations.get(RESTARTED_AT).filter(|_| key.kind == Kind::Service);
        let deletion = self.manifest.annotations.get(DELETION_POLICY).and_then(|text| DeletionPolicy::parse(text));
        Resource {
            manifest: self.manifest.key.clone(),
            source: self.manifest.source.clone(),
            origin,
            identity,
            needs: self.needs.clone(),
            spec,
            tags,
            adoption: match self.manifest.annotations.get(ADOPTION).map(String::as_str) {
                Some("adopt") => Adoption::Adopt,
                Some("never") => Adoption::Never,
                _ => Adoption::Unsaid,
            },
            deletion: deletion.filter(|_| key.kind.row().deletion.is_some()),
            ignored: self.ignored.clone(),
            allowance: Allowance::default(),
            suspended: self.manifest.annotations.get(SUSPEND).is_some_and(|value| value == "true"),
            restarted_at: restarted_at.cloned(),
            task_definition: None,
            digest: None,
            whole_digest: None,
            key,
        }
    }

    fn aws_name(&self, spec: &Map<String, Value>) -> String {
        let own = self.manifest.key.kind.row().name_field.and_then(|field| spec.get(field)).and_then(Value::as_str);
        own.unwrap_or(&self.manifest.key.name).to_owned()
    }

    fn identity(&self, kind: Kind, spec: &Map<String, Value>, name: &str) -> Identity {
        let name = name.to_owned();
        match kind {
            Kind::AccountSettings => Identity::AccountSettings,
            Kind::Policy => Identity::Policy { arn: self.account.iam_arn(&format!("policy{}{name}", path_of(spec))) },
            Kind::Role => Identity::Role { name },
            Kind::Cluster => Identity::Cluster { name },
            Kind::CapacityProvider => Identity::CapacityProvider { name },
            Kind::TaskDefinition => Identity::TaskDefinition { family: name },
            Kind::Service => Identity::Service { cluster: cluster_of(spec), name },
        }
    }

    fn task_definition(
        &self,
        key: Key,
        origin: Path,
        spec: Map<String, Value>,
        tags: BTreeMap<String, String>,
        family: String,
    ) -> Resource {
        let mut resource = self.resource(key, origin, Identity::TaskDefinition { family }, spec.into(), tags);
        if resource.key != resource.manifest {
            // Inline in a service, whose paths lead through `taskDefinition`.
            resource.ignored = self.ignored.iter().filter_map(|pattern| pattern.below("taskDefinition")).collect();
        }
        let whole = fields::digest(Kind::TaskDefinition, &resource.spec);
        let own = || edit::without(Kind::TaskDefinition, &resource.spec, &resource.ignored);
        resource.digest = Some(match resource.ignored.is_empty() {
            true => whole.clone(),
            false => fields::digest(Kind::TaskDefinition, &own()),
        });
        resource.whole_digest = Some(whole);
        resource
    }

    fn service(&mut self, mut spec: Map<String, Value>, tags: BTreeMap<String, String>, name: String) -> Vec<Resource> {
        let root = Path::default().key("spec");
        spec.entry("serviceName").or_insert_with(|| name.clone().into());
        let cluster = cluster_of(&spec);
        spec.entry("cluster").or_insert_with(|| cluster.clone().into());
        let written = self.manifest.spec.get("taskDefinition");
        let mut resources = Vec::new();
        let task_definition = match (written, spec.get("taskDefinition")) {
            (Some(Value::Object(reference)), Some(Value::String(_))) if reference.contains_key("ref") => {
                let name = reference.get("ref").and_then(Value::as_str).unwrap_or_default();
                let name = name.rsplit('/').next().unwrap_or(name);
                let managed = self.managed(&Key::new(Kind::TaskDefinition, name));
                managed.or_else(|| Some(TaskDefinition::Foreign("unresolved".to_owned())))
            }
            (_, Some(Value::Object(inline))) => {
                let resource = self.inline(&root.key("taskDefinition"), inline.clone());
                let managed = managed_by(&resource);
                self.needs.insert(resource.key.clone());
                // With a clash its key belongs to the other manifest.
                if !self.inline_clashes() {
                    resources.push(resource);
                }
                managed
            }
            // The family of a manifest means that manifest, also without `ref`: its next revision is
            // the one that the service is to run.
            (_, Some(Value::String(text))) => match self.families.get(text) {
                Some(key) => {
                    self.needs.insert(key.clone());
                    self.managed(key)
                }
                None => Some(TaskDefinition::Foreign(text.clone())),
            },
            (_, Some(other)) => {
                let message = format!("expected a name, a reference or a task definition, found {}", describe(other));
                self.fault(&root.key("taskDefinition"), message, None);
                Some(TaskDefinition::Foreign("unresolved".to_owned()))
            }
            (_, None) => None,
        };
        spec.shift_remove("taskDefinition");
        let identity = Identity::Service { cluster, name };
        let mut service = self.resource(self.manifest.key.clone(), root, identity, spec.into(), tags);
        service.task_definition = task_definition;
        resources.push(service);
        resources
    }

    /// A task definition that stands inline in a service: a resource of its own. Its family is named as
    /// the manifest, for services in two clusters may share their name in AWS.
    fn inline(&mut self, path: &Path, mut spec: Map<String, Value>) -> Resource {
        let tags = spec.shift_remove("tags").map_or_else(BTreeMap::new, |tags| self.tags(&path.key("tags"), &tags));
        let family = spec.get("family").and_then(Value::as_str).unwrap_or(&self.manifest.key.name).to_owned();
        self.check_family(path, &spec, &family);
        spec.entry("family").or_insert_with(|| family.clone().into());
        let key = inline_key(&self.manifest.key);
        if self.inline_clashes() {
            let message = format!("the inline task definition is called {key}, and so is another manifest");
            self.fault(path, message, Some("rename one of the two, or refer to the other by {ref: …}".into()));
        }
        self.task_definition(key, path.clone(), spec, tags, family)
    }

    /// Whether the key of the inline task definition is another manifest's.
    fn inline_clashes(&self) -> bool {
        let key = inline_key(&self.manifest.key);
        self.manifests.contains_key(&key) && !self.before.had_inline(&self.manifest.key)
    }

    /// Whether a service that is in force has this task definition's key for the one inline in it.
    fn taken_by_inline(&mut self) -> bool {
        let service = Key::new(Kind::Service, self.manifest.key.name.clone());
        let definition = self.manifests.get(&service).and_then(|service| service.spec.get("taskDefinition"));
        let inline = definition.and_then(Value::as_object).is_some_and(|map| !map.contains_key("ref"));
        if !inline || !self.before.had_inline(&service) {
            return false;
        }
        let message = format!("the inline task definition of {service} is called {} too", self.manifest.key);
        self.fault(&Path::default().key("metadata").key("name"), message, Some("rename one of the two".into()));
        true
    }

    /// The task definition of a manifest. One that came to nothing is not in force, whatever is said
    /// of it here, and a service waits for what it needs: one mistake, one fault.
    fn managed(&self, key: &Key) -> Option<TaskDefinition> {
        let manifest = self.manifests.get(key)?;
        let nothing =
            || TaskDefinition::Managed { key: key.clone(), family: manifest.key.name.clone(), digest: String::new() };
        Some(self.done.get(key).and_then(managed_by).unwrap_or_else(nothing))
    }

    fn fill_preset(&mut self, root: &Path, spec: Map<String, Value>) -> Map<String, Value> {
        let Some(name) = spec.get("preset").filter(|_| self.manifest.key.kind == Kind::Role) else { return spec };
        match name.as_str().and_then(preset::find) {
            Some(preset) => preset::fill(preset, spec),
            None => {
                let known: Vec<&str> = preset::PRESETS.iter().map(|preset| preset.name).collect();
                let (message, hint) = match name.as_str() {
                    Some(name) => (format!("there is no preset `{name}`"), suggestion(name, &known)),
                    None => (
                        format!("expected the name of a preset, found {}", describe(name)),
                        format!("known: {}", known.join(", ")),
                    ),
                };
                self.fault(&root.key("preset"), message, Some(hint));
                // One fault is enough: any preset stands for the one that was meant.
                preset::fill(&preset::PRESETS[0], spec)
            }
        }
    }

    /// Tags as a map: manifests may write the API's list of keys and values too.
    fn tags(&mut self, path: &Path, tags: &Value) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let entries: Vec<(Path, Option<&str>, &Value)> = match tags {
            Value::Object(tags) => tags.iter().map(|(key, value)| (path.key(key), Some(key.as_str()), value)).collect(),
            Value::Array(tags) => tags
                .iter()
                .enumerate()
                .map(|(index, tag)| {
                    (
                        path.index(index),
                        tag.get("key").and_then(Value::as_str),
                        tag.get("value").unwrap_or(&Value::Null),
                    )
                })
                .collect(),
            other => {
                self.fault(path, format!("expected a map of tags, found {}", describe(other)), None);
                return map;
            }
        };
        for (path, key, value) in entries {
            match (key, value) {
                (Some(key), Value::String(_)) if key.starts_with("aws:") || key.starts_with("evenkeel:") => {
                    let hint = Some("AWS keeps `aws:` to itself, Evenkeel `evenkeel:`".to_owned());
                    self.fault(&path, format!("the tag `{key}` cannot be set by a manifest"), hint);
                }
                (Some(key), Value::String(value)) => {
                    if map.insert(key.to_owned(), value.clone()).is_some() {
                        self.fault(&path, format!("the tag `{key}` is given twice"), None);
                    }
                }
                (Some(_), other) => {
                    let hint = match other {
                        Value::Object(map) if map.contains_key("ref") => {
                            Some("tags hold no references: write the text itself".to_owned())
                        }
                        other => as_text(other),
                    };
                    self.fault(&path, format!("expected a string, found {}", describe(other)), hint);
                }
                (None, _) => self.fault(&path, "a tag in list form has a `key` and a `value`", None),
            }
        }
        map
    }
}

/// The key of the task definition that stands inline in a service.
fn inline_key(service: &Key) -> Key {
    Key::new(Kind::TaskDefinition, service.name.clone())
}

fn managed_by(resource: &Resource) -> Option<TaskDefinition> {
    let Identity::TaskDefinition { family } = &resource.identity else { return None };
    Some(TaskDefinition::Managed {
        key: resource.key.clone(),
        family: family.clone(),
        digest: resource.digest.clone()?,
    })
}

fn path_of(spec: &Map<String, Value>) -> String {
    spec.get("path").and_then(Value::as_str).unwrap_or("/").to_owned()
}

/// The name of the cluster of a service: AWS's `default` when none is given.
fn cluster_of(spec: &Map<String, Value>) -> String {
    let cluster = spec.get("cluster").and_then(Value::as_str).unwrap_or("default");
    cluster.rsplit('/').next().unwrap_or(cluster).to_owned()
}
