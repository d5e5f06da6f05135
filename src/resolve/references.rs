//! References and variables written out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Before, Resolver, path_of};
use crate::fields;
use crate::model::{Key, Kind, Manifest};
use crate::plain;
use crate::resource::{Account, Identity};
use crate::value::{FAULTS_MAX, Map, Path, Segment, Value, did_you_mean};

/// How a reference is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Arn,
    Name,
    InstanceProfileArn,
}

/// The members whose value tells what a reference in it means. Elsewhere a reference must name its
/// kind, and becomes the ARN.
const REFERENCES: &[(&str, Kind, Form)] = &[
    ("capacityProvider", Kind::CapacityProvider, Form::Name),
    ("capacityProviders", Kind::CapacityProvider, Form::Name),
    ("cluster", Kind::Cluster, Form::Name),
    ("ec2InstanceProfileArn", Kind::Role, Form::InstanceProfileArn),
    ("managedPolicyArns", Kind::Policy, Form::Arn),
    ("permissionsBoundary", Kind::Policy, Form::Arn),
    ("role", Kind::Role, Form::Arn),
    ("taskDefinition", Kind::TaskDefinition, Form::Name),
];

/// No name and no path in AWS is longer, in characters, variables included.
const NAMED_CHARS_MAX: usize = 1024;

/// To compare two names takes as long as their lengths multiplied: of those of a usual length.
const USUAL_PRODUCT: usize = 400;

/// What starts the name of the variable that stands for a value which a person has yet to fill in.
const FILL_IN: &str = "FillIn ";

/// A text that stands for a value which a person has yet to fill in: no manifest that holds it is
/// taken, and the problem says `what` it is.
#[must_use]
pub fn placeholder(what: &str) -> String {
    format!("${{AWS::{FILL_IN}{}}}", what.replace(['$', '{', '}'], ""))
}

/// The kind of manifest that a reference in this place means, if the place tells.
#[must_use]
pub fn reference_kind(path: &Path) -> Option<Kind> {
    expected(path).map(|(kind, _)| kind)
}

fn expected(path: &Path) -> Option<(Kind, Form)> {
    let member = path.last_key().unwrap_or_default();
    let row = REFERENCES.iter().find(|(name, ..)| *name == member).map(|(_, kind, form)| (*kind, *form));
    row.or_else(|| member.ends_with("oleArn").then_some((Kind::Role, Form::Arn)))
}

/// The members below which a team chooses the keys: `ref` is one like any other there.
pub(crate) const FREE: &[&str] = &["tags", "dockerLabels", "options", "driverOpts", "labels"];

impl Resolver<'_> {
    /// Writes out the references and variables in a value: in place, and by one path for all, as a file
    /// can have very many values that are nested deeply.
    pub(super) fn expand(&mut self, path: &mut Path, value: &mut Value) {
        match value {
            Value::String(text) => {
                if text.contains("${AWS::") {
                    *text = self.substitute(path, text);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.expand_below(path, Segment::Index(index), item);
                }
            }
            Value::Object(map) if map.contains_key("ref") && may_refer(path) => {
                *value = self.reference(path, map).unwrap_or_else(|| {
                    self.unknown.insert(path.clone());
                    unresolved()
                });
            }
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    self.expand_below(path, Segment::Key(key.clone()), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn expand_below(&mut self, path: &mut Path, segment: Segment, value: &mut Value) {
        path.0.push(segment);
        self.expand(path, value);
        path.0.pop();
    }

    fn substitute(&mut self, path: &Path, text: &str) -> String {
        let expanded = expanded(text, self.account);
        for (at, _) in expanded.match_indices("${AWS::") {
            self.unknown.insert(path.clone());
            if self.is_full() {
                break;
            }
            let rest = &expanded[at + "${AWS::".len()..];
            // Without its end a variable is told by its letters: what follows may be a secret.
            let bare = match rest.split_once('}') {
                Some((bare, _)) => bare,
                None => rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default(),
            };
            if let Some(what) = bare.strip_prefix(FILL_IN) {
                self.fault(path, format!("{what} is yet to be filled in"), Some("write the value itself".to_owned()));
                continue;
            }
            let end = if rest[bare.len()..].starts_with('}') { "}" } else { "" };
            let hint = match did_you_mean(bare, ["AccountId", "Region", "Partition"]) {
                Some(bare) => format!("did you mean `${{AWS::{bare}}}`?"),
                None => "known: ${AWS::AccountId}, ${AWS::Region}, ${AWS::Partition}".to_owned(),
            };
            // It is a part of the value, and may be one that nobody is to read.
            let message = match fields::is_secret(path) {
                true => "there is no such variable as the one in here".to_owned(),
                false => format!("there is no variable ${{AWS::{bare}{end}"),
            };
            self.fault(path, message, Some(hint));
        }
        expanded
    }

    /// What a reference stands for; `None` once it is reported that it leads nowhere.
    fn reference(&mut self, path: &Path, map: &Map<String, Value>) -> Option<Value> {
        let (Some(Value::String(text)), 1) = (map.get("ref"), map.len()) else {
            let hint = Some("write {ref: NAME} or {ref: Kind/NAME}".to_owned());
            self.fault(path, "a reference has one member, `ref`, which is a string", hint);
            return None;
        };
        let member = path.last_key().unwrap_or_default();
        let expected = expected(path);
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => match kind.parse::<Kind>() {
                Ok(kind) => (kind, name),
                Err(hint) => {
                    self.fault(path, format!("there is no kind `{kind}`"), Some(hint));
                    return None;
                }
            },
            None => match expected {
                Some((kind, _)) => (kind, text.as_str()),
                None => {
                    let hint = Some(format!("write {{ref: Kind/{text}}}"));
                    self.fault(path, format!("the kind of `{text}` cannot be told from here"), hint);
                    return None;
                }
            },
        };
        if let Some((wanted, _)) = expected.filter(|(wanted, _)| *wanted != kind) {
            self.fault(path, format!("`{member}` takes a {wanted}, not a {kind}"), None);
            return None;
        }
        self.target(path, &Key::new(kind, name), expected.map_or(Form::Arn, |(_, form)| form))
    }

    fn target(&mut self, path: &Path, key: &Key, form: Form) -> Option<Value> {
        let Some(target) = self.manifests.get(key).copied() else {
            self.missing(path, key);
            return None;
        };
        if !is_permission_document(path) {
            self.needs.insert(key.clone());
        }
        let mut other = Resolver {
            manifests: self.manifests,
            account: self.account,
            before: self.before,
            beside: self.beside,
            done: self.done,
            families: self.families,
            guesses: self.guesses,
            manifest: target,
            needs: BTreeSet::new(),
            ignored: Vec::new(),
            unknown: BTreeSet::new(),
            faults: Vec::new(),
            most: FAULTS_MAX,
        };
        // Only the names are needed, and a name is never a reference itself: no cycle can start here.
        let members = key.kind.row().name_field.into_iter().chain(["path", "instanceProfile"]);
        let written = members.filter_map(|member| Some((member.to_owned(), start_of(target.spec.get(member)?)?)));
        let names: Map<String, Value> =
            written.map(|(member, text)| (member, other.substitute(path, text).into())).collect();
        let name = other.aws_name(&names);
        let text = match (form, key.kind) {
            (Form::Name, _) => name,
            (Form::InstanceProfileArn, _) => {
                let profile = names.get("instanceProfile").and_then(Value::as_str).unwrap_or(&name);
                self.account.iam_arn(&format!("instance-profile{}{profile}", path_of(&names)))
            }
            (Form::Arn, Kind::Role) => self.account.iam_arn(&format!("role{}{name}", path_of(&names))),
            (Form::Arn, Kind::Policy) => self.account.iam_arn(&format!("policy{}{name}", path_of(&names))),
            (Form::Arn, Kind::Cluster) => self.account.ecs_arn(&format!("cluster/{name}")),
            (Form::Arn, Kind::CapacityProvider) => self.account.ecs_arn(&format!("capacity-provider/{name}")),
            (Form::Arn, Kind::TaskDefinition) => self.account.ecs_arn(&format!("task-definition/{name}")),
            (Form::Arn, Kind::Service) => {
                let cluster = match target.spec.get("cluster") {
                    Some(Value::Object(reference)) if reference.contains_key("ref") => {
                        let mut cluster = Value::Object(reference.clone());
                        other.expand(&mut Path::default().key("cluster"), &mut cluster);
                        cluster
                    }
                    Some(other) => start_of(other).unwrap_or("default").into(),
                    None => "default".into(),
                };
                let cluster =
                    cluster.as_str().map_or("default", |text| text.rsplit('/').next().unwrap_or(text)).to_owned();
                self.account.ecs_arn(&format!("service/{cluster}/{name}"))
            }
            (Form::Arn, Kind::AccountSettings) => {
                self.fault(path, "account settings cannot be referred to", None);
                return None;
            }
        };
        Some(text.into())
    }

    /// A reference to something that is not there, or not well.
    fn missing(&mut self, path: &Path, key: &Key) {
        if self.is_full() {
            return;
        }
        let beside = self.beside;
        let known = if beside.contested.contains(key) {
            Some(("is declared more than once", "solve that; this one goes with it"))
        } else {
            let broken = ("has problems of its own", "solve those; this one goes with them");
            beside.broken.contains(key).then_some(broken)
        };
        if let Some((why, hint)) = known {
            return self.fault(path, format!("refers to {key}, which {why}"), Some(hint.to_owned()));
        }
        let hint = match (self.likely(key), beside.unread.first()) {
            (Some(name), _) => format!("did you mean `{name}`?"),
            (None, Some(file)) => format!("it may stand in {}, which cannot be read", plain::path(file)),
            (None, None) => "add the manifest, or write the name or ARN itself".to_owned(),
        };
        self.fault(path, format!("refers to {key}, and there is no such manifest"), Some(hint));
    }

    /// The manifest of that kind that was most likely meant.
    fn likely(&self, key: &Key) -> Option<&str> {
        let same_kind = self.manifests.range(Key::new(key.kind, "")..).take_while(|(other, _)| other.kind == key.kind);
        let mut left = self.guesses.get();
        // The iterator ends with the budget: thousands of faults times thousands of names are too many.
        let names = same_kind.map(|(other, _)| other.name.as_str()).take_while(|name| {
            left = left.saturating_sub(1 + key.name.len() * name.len() / USUAL_PRODUCT);
            left > 0
        });
        let likely = did_you_mean(&key.name, names);
        self.guesses.set(left);
        likely
    }
}

/// The text in a value, as far as a name or a path can be long. What is longer is a fault where it
/// stands, and would be repeated at each of tens of thousands of references.
fn start_of(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    Some(text.char_indices().nth(NAMED_CHARS_MAX).map_or(text, |(end, _)| &text[..end]))
}

/// Which task definition declares which family; of several the one that is in force.
pub(super) fn families(
    manifests: &BTreeMap<Key, &Manifest>,
    account: &Account,
    before: &Before<'_>,
) -> BTreeMap<String, Key> {
    let mut families = BTreeMap::new();
    for manifest in manifests.values().filter(|manifest| manifest.key.kind == Kind::TaskDefinition) {
        let written = manifest.spec.get("family").and_then(Value::as_str).unwrap_or(&manifest.key.name);
        let family = expanded(written, account);
        let held = before.resources.get(&manifest.key);
        match held.filter(|held| held.identity == Identity::TaskDefinition { family: family.clone() }) {
            // The key is that of a task definition inline in a service.
            Some(held) if held.manifest != manifest.key => {}
            Some(_) => {
                families.insert(family, manifest.key.clone());
            }
            None => {
                families.entry(family).or_insert_with(|| manifest.key.clone());
            }
        }
    }
    families
}

/// A text with its variables written out.
pub(crate) fn expanded(text: &str, account: &Account) -> String {
    text.replace("${AWS::AccountId}", &account.id)
        .replace("${AWS::Region}", &account.region)
        .replace("${AWS::Partition}", &account.partition)
}

/// Stands for a reference that leads nowhere, so that its place holds what the API wants there: the
/// reference has been reported, and one fault is enough.
fn unresolved() -> Value {
    "unresolved".into()
}

/// A permission may name what does not exist yet; a trust policy or an attachment may not.
pub(super) fn is_permission_document(path: &Path) -> bool {
    path.0
        .iter()
        .any(|segment| matches!(segment, Segment::Key(key) if key == "inlinePolicies" || key == "policyDocument"))
}

/// Whether a map with the key `ref` is a reference here.
#[must_use]
pub fn may_refer(path: &Path) -> bool {
    let keys = path.0.iter().filter_map(|segment| match segment {
        Segment::Key(key) => Some(key.as_str()),
        _ => None,
    });
    let above: Vec<&str> = keys.take_while(|key| *key != "inlinePolicies").collect();
    // A spec is never that of another. The names of inline policies are chosen, too, but not what is
    // below them.
    path.0.len() > 1 && path.last_key() != Some("inlinePolicies") && !above.iter().any(|key| FREE.contains(key))
}
