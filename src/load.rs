//! From the text of all files to resources: every document, every problem, never an error.
//!
//! # Guarantees
//! - A file with a problem keeps the manifests that it had when it was last good. Nothing is ever
//!   left out, and so taken for deleted, because it could not be read.
//! - A file that never was good contributes the manifests in it that are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::{ANNOTATIONS, API_VERSION, Key, Kind, Manifest, Position, Problem, Source};
use crate::resolve::{self, Before, resolve};
use crate::resource::{Account, Resource};
use crate::schema;
use crate::value::{Map, Path, Segment, Value, describe, did_you_mean};
use crate::yaml;

/// A file of the directory.
#[derive(Debug, Clone)]
pub struct File {
    /// Relative to the directory.
    pub path: PathBuf,
    /// What it holds, or why that could not be read.
    pub content: Result<Vec<u8>, Unreadable>,
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a directory declares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// Everything that is to be so.
    pub resources: BTreeMap<Key, Resource>,
    /// Everything that is wrong, in the order of files and lines.
    pub problems: Vec<Problem>,
    /// The manifests in force, by file: what a file that turns bad falls back on.
    pub manifests: BTreeMap<PathBuf, Vec<Manifest>>,
    /// The files whose newest content is not in force.
    pub stale: BTreeSet<PathBuf>,
    /// The manifests that have problems and no resource in force.
    pub invalid: BTreeSet<Key>,
}

/// Reads the files of a directory for an account. `before` is what the directory declared so far.
#[must_use]
pub fn load(files: &[File], account: &Account, before: &Desired) -> Desired {
    let mut desired = Desired::default();
    let mut parsed: BTreeMap<PathBuf, Vec<Manifest>> = BTreeMap::new();
    let mut bad: BTreeSet<PathBuf> = BTreeSet::new();
    for file in files {
        let (manifests, problems) = read(file);
        if !problems.is_empty() {
            bad.insert(file.path.clone());
        }
        desired.problems.extend(problems);
        parsed.insert(file.path.clone(), manifests);
    }
    let mut scope = Before { manifests: holders(before), resources: &before.resources, contested: BTreeSet::new() };
    // A file that turns out bad is replaced by its last good content, which may in turn be what
    // another file's fault came from: so until no further file turns bad.
    loop {
        let files_in_force = in_force(&parsed, &bad, before);
        let mut claims = claims(&files_in_force, &scope.manifests);
        // While a clash has yet to lead to what its files were before, nobody is to miss what it is about.
        let settled = claims.refused.iter().all(|refused| bad.contains(&refused.source.file));
        if !settled {
            claims.unique.append(&mut claims.contested);
        }
        scope.contested = claims.contested.into_keys().collect();
        let mut resolved = resolve(&claims.unique, account, &scope);
        check(&mut resolved);
        let mut located = claims.refused;
        located.extend(resolved.faults.into_iter().filter_map(|fault| {
            let source = claims.unique.get(&fault.key)?.source.clone();
            Some(Located { source, fault, lost: false })
        }));
        let mut fresh: BTreeMap<&PathBuf, Vec<&Located>> = BTreeMap::new();
        for one in located.iter().filter(|one| !bad.contains(&one.source.file)) {
            fresh.entry(&one.source.file).or_default().push(one);
        }
        for file in files {
            let raised = fresh.get(&file.path).into_iter().flatten().map(|one| Raised {
                document: one.source.document,
                path: one.fault.path.clone(),
                on_key: one.fault.on_key,
                key: Some(one.fault.key.clone()),
                message: one.fault.message.clone(),
                hint: one.fault.hint.clone(),
            });
            desired.problems.extend(placed(file, raised.collect()));
        }
        if fresh.is_empty() {
            desired.manifests = without_losers(&files_in_force, &located);
            desired.invalid = located.into_iter().map(|one| one.fault.key).collect();
            desired.resources = resolved.resources;
            break;
        }
        bad.extend(fresh.into_keys().cloned().collect::<Vec<_>>());
    }
    desired.invalid.extend(desired.problems.iter().filter_map(|problem| problem.key.clone()));
    desired.invalid.retain(|key| !desired.resources.contains_key(key));
    desired.stale = bad;
    desired.problems.sort();
    desired.problems.dedup();
    desired
}

/// A fault with the document that it is in: a key alone does not tell, where two claim it.
struct Located {
    source: Source,
    fault: resolve::Fault,
    /// Whether another document has the key.
    lost: bool,
}

/// The manifests that count: of a bad file the last good ones, if it ever was good.
fn in_force<'a>(
    parsed: &'a BTreeMap<PathBuf, Vec<Manifest>>,
    bad: &BTreeSet<PathBuf>,
    before: &'a Desired,
) -> BTreeMap<&'a PathBuf, &'a Vec<Manifest>> {
    let last_good = |file: &PathBuf| before.manifests.get(file).filter(|_| bad.contains(file));
    parsed.iter().map(|(file, manifests)| (file, last_good(file).unwrap_or(manifests))).collect()
}

/// Who had which key to itself.
fn holders(before: &Desired) -> BTreeMap<&Key, &Manifest> {
    let mut holders: BTreeMap<&Key, Option<&Manifest>> = BTreeMap::new();
    for manifest in before.manifests.values().flatten() {
        holders.entry(&manifest.key).and_modify(|holder| *holder = None).or_insert(Some(manifest));
    }
    holders.into_iter().filter_map(|(key, holder)| Some((key, holder?))).collect()
}

/// Who has which key.
struct Claims {
    /// The manifests that have their key: the only claimant or, of several, the one that held it.
    unique: BTreeMap<Key, Manifest>,
    /// One claimant each of the keys that nobody has.
    contested: BTreeMap<Key, Manifest>,
    /// A fault for every claimant that does not have its key.
    refused: Vec<Located>,
}

/// How many places a message names.
const PLACES_MAX: usize = 8;

/// A newcomer must not put out of force what another file declares, so the file that held a key keeps it.
fn claims(files: &BTreeMap<&PathBuf, &Vec<Manifest>>, holders: &BTreeMap<&Key, &Manifest>) -> Claims {
    let mut claimants: BTreeMap<&Key, Vec<&Manifest>> = BTreeMap::new();
    for manifest in files.values().copied().flatten() {
        claimants.entry(&manifest.key).or_default().push(manifest);
    }
    let mut claims = Claims { unique: BTreeMap::new(), contested: BTreeMap::new(), refused: Vec::new() };
    for (key, claimants) in claimants {
        let holder = holders.get(key).map(|holder| &holder.source.file);
        let holding: Vec<&Manifest> =
            claimants.iter().copied().filter(|manifest| Some(&manifest.source.file) == holder).collect();
        let keeper = match (&claimants[..], &holding[..]) {
            ([keeper], _) | (_, [keeper]) => Some(*keeper),
            _ => None,
        };
        let (map, manifest) = match keeper {
            Some(keeper) => (&mut claims.unique, keeper),
            None => (&mut claims.contested, claimants[0]),
        };
        map.insert(key.clone(), manifest.clone());
        let places = claimants.iter().take(PLACES_MAX).map(|manifest| manifest.source.to_string());
        let mut places = places.collect::<Vec<_>>().join(" and ");
        if claimants.len() > PLACES_MAX {
            places.push_str(" and more");
        }
        let lost = |manifest: &&&Manifest| keeper.is_none_or(|keeper| keeper.source != manifest.source);
        for manifest in claimants.iter().filter(lost) {
            let hint = match keeper {
                Some(keeper) => format!("{} stays in force: rename this one, or take one away", keeper.source),
                None => "rename one, or take one away".to_owned(),
            };
            let fault = resolve::Fault {
                key: key.clone(),
                path: Path::default().key("metadata").key("name"),
                on_key: false,
                message: format!("{key} is declared more than once: {places}"),
                hint: Some(hint),
            };
            claims.refused.push(Located { source: manifest.source.clone(), fault, lost: keeper.is_some() });
        }
    }
    claims
}

/// What is in force, without what another file has the key of: that was never in force here, and is
/// nothing to fall back on.
fn without_losers(files: &BTreeMap<&PathBuf, &Vec<Manifest>>, located: &[Located]) -> BTreeMap<PathBuf, Vec<Manifest>> {
    let losers: BTreeSet<&Source> = located.iter().filter(|one| one.lost).map(|one| &one.source).collect();
    let keep = |manifests: &Vec<Manifest>| {
        manifests.iter().filter(|manifest| !losers.contains(&manifest.source)).cloned().collect()
    };
    files.iter().map(|(file, manifests)| ((*file).clone(), keep(manifests))).collect()
}

/// Checks every resource against its kind's schema; those of manifests with faults are taken out.
fn check(resolved: &mut resolve::Resolved) {
    for resource in resolved.resources.values() {
        let unknown = resolved.unknown.get(&resource.manifest);
        for fault in schema::check(resource.key.kind, &resource.spec) {
            let path = fault.path.under(&resource.origin);
            if unknown.is_some_and(|unknown| is_below(&path, unknown)) {
                continue;
            }
            resolved.faults.push(resolve::Fault {
                key: resource.manifest.clone(),
                path,
                on_key: fault.key,
                message: fault.message,
                hint: fault.hint,
            });
        }
        if resource.key.kind == Kind::Service
            && resource.task_definition.is_none()
            && needs_task_definition(&resource.spec)
        {
            resolved.faults.push(resolve::Fault {
                key: resource.manifest.clone(),
                path: resource.origin.clone(),
                on_key: false,
                message: "missing field `taskDefinition`".to_owned(),
                hint: Some("a name, {ref: NAME}, or the definition itself".to_owned()),
            });
        }
    }
    let wrong: BTreeSet<&Key> = resolved.faults.iter().map(|fault| &fault.key).collect();
    resolved.resources.retain(|_, resource| !wrong.contains(&resource.manifest));
}

/// Whether a path leads to or through one of the places.
fn is_below(path: &Path, places: &BTreeSet<Path>) -> bool {
    places.iter().any(|place| path.0.starts_with(&place.0))
}

/// Only a service whose tasks another system starts has none of its own (ECS service model).
fn needs_task_definition(spec: &Value) -> bool {
    spec.pointer("/deploymentController/type").is_none_or(|kind| kind != "EXTERNAL")
}

/// A problem whose place is yet to be looked for.
struct Raised {
    document: usize,
    path: Path,
    on_key: bool,
    key: Option<Key>,
    message: String,
    hint: Option<String>,
}

/// The problems of a file with their places: where a path leads to something that a preset or a
/// name filled in, that of the nearest value around it that is written. All at once, as each look
/// reads the file.
fn placed(file: &File, raised: Vec<Raised>) -> Vec<Problem> {
    let wanted: Vec<yaml::Wanted<'_>> =
        raised.iter().map(|one| yaml::Wanted { document: one.document, path: &one.path.0, key: one.on_key }).collect();
    let places = match &file.content {
        Ok(bytes) if !wanted.is_empty() => yaml::locate_all(bytes, &wanted),
        _ => vec![None; raised.len()],
    };
    let problem = |(one, at): (Raised, Option<Position>)| Problem {
        file: file.path.clone(),
        at,
        path: one.path.to_string(),
        key: one.key,
        message: one.message,
        hint: one.hint,
    };
    raised.into_iter().zip(places).map(problem).collect()
}

fn read(file: &File) -> (Vec<Manifest>, Vec<Problem>) {
    let bytes = match &file.content {
        Ok(bytes) => bytes,
        Err(unreadable) => {
            let problem = Problem {
                file: file.path.clone(),
                at: None,
                path: String::new(),
                key: None,
                message: unreadable.message.clone(),
                hint: unreadable.hint.clone(),
            };
            return (Vec::new(), vec![problem]);
        }
    };
    let parsed = yaml::parse(bytes);
    let mut problems: Vec<Problem> = parsed
        .faults
        .into_iter()
        .map(|fault| Problem {
            file: file.path.clone(),
            at: fault.at,
            path: fault.path,
            key: None,
            message: fault.message,
            hint: fault.hint,
        })
        .collect();
    let mut manifests = Vec::new();
    let mut raised = Vec::new();
    // All at once: to look for them one by one would read a file of many documents as many times.
    let starts = yaml::starts(bytes);
    for document in parsed.documents {
        let line = starts.get(document.index).map_or(1, |at| at.line);
        let source = Source { file: file.path.clone(), document: document.index, line };
        let mut envelope = Envelope { source, problems: Vec::new() };
        let manifest = envelope.read(document.value);
        raised.append(&mut envelope.problems);
        manifests.extend(manifest);
    }
    problems.extend(placed(file, raised));
    (manifests, problems)
}

/// One document on its way to becoming a manifest.
struct Envelope {
    source: Source,
    problems: Vec<Raised>,
}

impl Envelope {
    fn problem(&mut self, path: &[&str], key: bool, message: impl Into<String>, hint: Option<String>) {
        let path: Path = path.iter().map(|name| Segment::Key((*name).to_owned())).collect();
        self.problems.push(Raised {
            document: self.source.document,
            path,
            on_key: key,
            key: None,
            message: message.into(),
            hint,
        });
    }

    fn read(&mut self, document: Value) -> Option<Manifest> {
        let Value::Object(mut document) = document else {
            self.problem(&[], false, format!("expected a manifest, found {}", describe(&document)), None);
            return None;
        };
        match document.shift_remove("apiVersion") {
            Some(Value::String(version)) if version == API_VERSION => {}
            Some(other) => {
                let hint = Some(format!("write apiVersion: {API_VERSION}"));
                self.problem(
                    &["apiVersion"],
                    false,
                    format!("expected {API_VERSION}, found {}", describe(&other)),
                    hint,
                );
            }
            None => {
                self.problem(&[], false, "missing field `apiVersion`", Some(format!("add apiVersion: {API_VERSION}")))
            }
        }
        let kind = match document.shift_remove("kind") {
            Some(Value::String(kind)) => match kind.parse::<Kind>() {
                Ok(kind) => Some(kind),
                Err(hint) => {
                    self.problem(&["kind"], false, format!("there is no kind `{kind}`"), Some(hint));
                    None
                }
            },
            Some(other) => {
                self.problem(&["kind"], false, format!("expected a string, found {}", describe(&other)), None);
                None
            }
            None => {
                self.problem(&[], false, "missing field `kind`", None);
                None
            }
        };
        let metadata = document.shift_remove("metadata");
        let (name, labels, annotations) = self.metadata(metadata);
        let spec = document.shift_remove("spec");
        if spec.is_none() {
            self.problem(&[], false, "missing field `spec`", None);
        }
        for key in document.keys() {
            let hint = did_you_mean(key, ["apiVersion", "kind", "metadata", "spec"])
                .map(|name| format!("did you mean `{name}`?"));
            self.problem(&[key], true, format!("unknown field `{key}`"), hint);
        }
        if !self.problems.is_empty() {
            // With a name the problem can be shown at the resource, too.
            if let (Some(kind), Some(name)) = (kind, &name) {
                for problem in &mut self.problems {
                    problem.key = Some(Key::new(kind, name.clone()));
                }
            }
            return None;
        }
        Some(Manifest { key: Key::new(kind?, name?), source: self.source.clone(), labels, annotations, spec: spec? })
    }

    fn metadata(
        &mut self,
        metadata: Option<Value>,
    ) -> (Option<String>, BTreeMap<String, String>, BTreeMap<String, String>) {
        let Some(Value::Object(mut metadata)) = metadata else {
            match metadata {
                Some(other) => {
                    self.problem(&["metadata"], false, format!("expected a map, found {}", describe(&other)), None)
                }
                None => self.problem(&[], false, "missing field `metadata`", None),
            }
            return Default::default();
        };
        let name = match metadata.shift_remove("name") {
            Some(Value::String(name)) if !name.is_empty() && !name.contains('/') => Some(name),
            Some(other) => {
                let hint = match &other {
                    Value::Number(number) => Some(format!("write \"{number}\"")),
                    _ => Some("a name is text without `/`".to_owned()),
                };
                self.problem(
                    &["metadata", "name"],
                    false,
                    format!("expected a name, found {}", describe(&other)),
                    hint,
                );
                None
            }
            None => {
                self.problem(&["metadata"], false, "missing field `name`", None);
                None
            }
        };
        let labels = self.text_map("labels", metadata.shift_remove("labels"));
        let annotations = self.text_map("annotations", metadata.shift_remove("annotations"));
        self.check_annotations(&annotations);
        for key in metadata.keys() {
            let hint =
                did_you_mean(key, ["name", "labels", "annotations"]).map(|name| format!("did you mean `{name}`?"));
            self.problem(&["metadata", key], true, format!("unknown field `{key}`"), hint);
        }
        (name, labels, annotations)
    }

    fn text_map(&mut self, member: &str, value: Option<Value>) -> BTreeMap<String, String> {
        let map: Map<String, Value> = match value {
            None | Some(Value::Null) => return BTreeMap::new(),
            Some(Value::Object(map)) => map,
            Some(other) => {
                self.problem(&["metadata", member], false, format!("expected a map, found {}", describe(&other)), None);
                return BTreeMap::new();
            }
        };
        let mut texts = BTreeMap::new();
        for (key, value) in map {
            match value {
                Value::String(text) => {
                    texts.insert(key, text);
                }
                other => {
                    let hint = (!other.is_array() && !other.is_object()).then(|| format!("write \"{other}\""));
                    self.problem(
                        &["metadata", member, &key],
                        false,
                        format!("expected a string, found {}", describe(&other)),
                        hint,
                    );
                }
            }
        }
        texts
    }

    /// An annotation of ours that means nothing would be a promise that is not kept.
    fn check_annotations(&mut self, annotations: &BTreeMap<String, String>) {
        for (name, value) in annotations.iter().filter(|(name, _)| name.starts_with("evenkeel/")) {
            match ANNOTATIONS.iter().find(|row| row.name == name) {
                None => {
                    let known = ANNOTATIONS.iter().map(|row| row.name);
                    let hint = match did_you_mean(name, known.clone()) {
                        Some(name) => format!("did you mean `{name}`?"),
                        None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
                    };
                    self.problem(
                        &["metadata", "annotations", name],
                        true,
                        format!("unknown annotation `{name}`"),
                        Some(hint),
                    );
                }
                Some(row) if !row.values.contains(&value.as_str()) => {
                    let hint = format!("known: {}", row.values.join(", "));
                    self.problem(
                        &["metadata", "annotations", name],
                        false,
                        format!("there is no value `{value}`"),
                        Some(hint),
                    );
                }
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
