//! From the text of all files to resources: every document, every problem, never an error.
//!
//! # Guarantees
//! - A file with a problem keeps the manifests that it had when it was last good. Nothing is ever
//!   left out, and so taken for deleted, because it could not be read.
//! - A file that never was good contributes the manifests in it that are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::{ANNOTATIONS, API_VERSION, KINDS, Key, Kind, Manifest, Position, Problem, Source};
use crate::resolve::{self, Beside, resolve};
use crate::resource::{Account, Resource};
use crate::schema;
use crate::value::{Map, Path, Segment, Value, as_text, describe, did_you_mean, suggestion};
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
    let mut drafts: BTreeMap<PathBuf, Vec<Manifest>> = BTreeMap::new();
    let mut beside = Beside::default();
    let mut bad: BTreeSet<PathBuf> = BTreeSet::new();
    for file in files {
        let reading = read(file);
        if !reading.problems.is_empty() {
            bad.insert(file.path.clone());
            drafts.insert(file.path.clone(), reading.manifests.iter().cloned().chain(reading.drafts).collect());
        }
        if reading.lost {
            beside.unread.insert(file.path.clone());
        }
        beside.broken.extend(reading.problems.iter().filter_map(|problem| problem.key.clone()));
        desired.problems.extend(reading.problems);
        parsed.insert(file.path.clone(), reading.manifests);
    }
    desired.problems.extend(further_problems(
        files,
        &in_force(&parsed, &bad, before),
        &drafts,
        account,
        &beside.unread,
    ));
    // A file that turns out bad is replaced by its last good content, which may in turn be what
    // another file's fault came from: so until no further file turns bad.
    loop {
        desired.manifests = in_force(&parsed, &bad, before);
        let (unique, twice) = unique(&desired.manifests);
        beside.broken.extend(twice.iter().map(|fault| fault.key.clone()));
        let mut resolved = resolve(&unique, account, &beside);
        check(&mut resolved);
        let mut faults = resolved.faults;
        faults.extend(twice);
        let fresh = |fault: &resolve::Fault, file: &PathBuf| !bad.contains(file) && concerns(&parsed[file], fault);
        let newly_bad: BTreeSet<PathBuf> =
            parsed.keys().filter(|file| faults.iter().any(|fault| fresh(fault, file))).cloned().collect();
        for file in files.iter().filter(|file| newly_bad.contains(&file.path)) {
            let concerned = faults.iter().filter(|fault| concerns(&parsed[&file.path], fault));
            desired.problems.extend(concerned.map(|fault| problem(file, &parsed[&file.path], fault)));
        }
        if newly_bad.is_empty() {
            desired.invalid = faults.into_iter().map(|fault| fault.key).collect();
            desired.resources = resolved.resources;
            break;
        }
        bad.extend(newly_bad);
    }
    desired.invalid.extend(desired.problems.iter().filter_map(|problem| problem.key.clone()));
    desired.invalid.retain(|key| !desired.resources.contains_key(key));
    desired.stale = bad;
    desired.problems.sort();
    desired.problems.dedup();
    desired
}

/// What else is wrong with files that are bad already: what their documents would mean, were they
/// well formed. People fix what they are told, and want to be told all of it.
fn further_problems(
    files: &[File],
    in_force: &BTreeMap<PathBuf, Vec<Manifest>>,
    drafts: &BTreeMap<PathBuf, Vec<Manifest>>,
    account: &Account,
    unread: &BTreeSet<PathBuf>,
) -> Vec<Problem> {
    if drafts.is_empty() {
        return Vec::new();
    }
    // A document that got lost may still be in force: it is there for others to refer to.
    let mut manifests: BTreeMap<Key, Manifest> =
        in_force.values().flatten().map(|manifest| (manifest.key.clone(), manifest.clone())).collect();
    let mut newest = in_force.clone();
    newest.extend(drafts.clone());
    let (unique, twice) = unique(&newest);
    manifests.extend(unique);
    let beside = Beside { broken: twice.iter().map(|fault| fault.key.clone()).collect(), unread: unread.clone() };
    manifests.retain(|key, _| !beside.broken.contains(key));
    let mut resolved = resolve(&manifests, account, &beside);
    check(&mut resolved);
    resolved.faults.extend(twice);
    let of_file = |file: &File| {
        let manifests = drafts.get(&file.path)?;
        let faults = resolved.faults.iter().filter(|fault| concerns(manifests, fault));
        Some(faults.map(|fault| problem(file, manifests, fault)).collect::<Vec<_>>())
    };
    files.iter().filter_map(of_file).flatten().collect()
}

fn concerns(manifests: &[Manifest], fault: &resolve::Fault) -> bool {
    manifests.iter().any(|manifest| manifest.key == fault.key)
}

/// The manifests that count: of a bad file the last good ones, if it ever was good.
fn in_force(
    parsed: &BTreeMap<PathBuf, Vec<Manifest>>,
    bad: &BTreeSet<PathBuf>,
    before: &Desired,
) -> BTreeMap<PathBuf, Vec<Manifest>> {
    parsed
        .iter()
        .map(|(file, manifests)| match before.manifests.get(file).filter(|_| bad.contains(file)) {
            Some(last_good) => (file.clone(), last_good.clone()),
            None => (file.clone(), manifests.clone()),
        })
        .collect()
}

/// Manifests by key, and a fault for each that shares its key with another.
fn unique(files: &BTreeMap<PathBuf, Vec<Manifest>>) -> (BTreeMap<Key, Manifest>, Vec<resolve::Fault>) {
    let mut unique: BTreeMap<Key, Manifest> = BTreeMap::new();
    let mut twice: BTreeMap<Key, Vec<&Source>> = BTreeMap::new();
    for manifest in files.values().flatten() {
        twice.entry(manifest.key.clone()).or_default().push(&manifest.source);
        unique.insert(manifest.key.clone(), manifest.clone());
    }
    twice.retain(|_, sources| sources.len() > 1);
    let faults = twice.iter().map(|(key, sources)| {
        let places = sources.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        resolve::Fault {
            key: key.clone(),
            path: Path::default().key("metadata").key("name"),
            on_key: false,
            message: format!("{key} is declared more than once: {places}"),
            hint: Some("rename one, or take one away".to_owned()),
        }
    });
    let faults = faults.collect();
    for key in twice.keys() {
        unique.remove(key);
    }
    (unique, faults)
}

/// Checks every resource against its kind's schema; those of manifests with faults are taken out.
fn check(resolved: &mut resolve::Resolved) {
    for resource in resolved.resources.values() {
        for fault in schema::check(resource.key.kind, &resource.spec) {
            resolved.faults.push(resolve::Fault {
                key: resource.manifest.clone(),
                path: fault.path.under(&resource.origin),
                on_key: fault.key,
                message: fault.message,
                hint: fault.hint,
            });
        }
        // One that is there and wrong has been reported.
        let missing = resource.origin.key("taskDefinition");
        if resource.key.kind == Kind::Service
            && resource.task_definition.is_none()
            && needs_task_definition(&resource.spec)
            && !resolved.faults.iter().any(|fault| fault.key == resource.manifest && fault.path == missing)
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

/// Only a service whose tasks another system starts has none of its own (ECS service model).
fn needs_task_definition(spec: &Value) -> bool {
    spec.pointer("/deploymentController/type").is_none_or(|kind| kind != "EXTERNAL")
}

/// A fault with its place in the file.
fn problem(file: &File, manifests: &[Manifest], fault: &resolve::Fault) -> Problem {
    let manifest = manifests.iter().find(|manifest| manifest.key == fault.key);
    let at = match (&file.content, manifest) {
        (Ok(bytes), Some(manifest)) => nearest(bytes, manifest.source.document, &fault.path, fault.on_key),
        _ => None,
    };
    Problem {
        file: file.path.clone(),
        at,
        path: fault.path.to_string(),
        key: Some(fault.key.clone()),
        message: fault.message.clone(),
        hint: fault.hint.clone(),
    }
}

/// The place of a path or, where it leads to something that a preset or a name filled in, of the
/// nearest value around it that is written.
fn nearest(bytes: &[u8], document: usize, path: &Path, on_key: bool) -> Option<Position> {
    let segments = &path.0;
    yaml::locate(bytes, document, segments, on_key)
        .or_else(|| (0..segments.len()).rev().find_map(|n| yaml::locate(bytes, document, &segments[..n], false)))
}

/// What a file says.
struct Reading {
    /// The well-formed manifests.
    manifests: Vec<Manifest>,
    /// Those with problems outside of their `spec`: only to look for further problems.
    drafts: Vec<Manifest>,
    problems: Vec<Problem>,
    /// Whether there may be manifests in the file that nothing is known of.
    lost: bool,
}

fn read(file: &File) -> Reading {
    let mut reading = Reading { manifests: Vec::new(), drafts: Vec::new(), problems: Vec::new(), lost: false };
    let unnamed = |at, path, message, hint| Problem { file: file.path.clone(), at, path, key: None, message, hint };
    let bytes = match &file.content {
        Ok(bytes) => bytes,
        Err(Unreadable { message, hint }) => {
            reading.problems.push(unnamed(None, String::new(), message.clone(), hint.clone()));
            reading.lost = true;
            return reading;
        }
    };
    let mut parsed = yaml::parse(bytes);
    if file.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        for fault in &mut parsed.faults {
            fault.message = fault.message.replacen("not valid YAML", "not valid JSON", 1);
        }
    }
    reading.lost = !parsed.faults.is_empty();
    reading
        .problems
        .extend(parsed.faults.into_iter().map(|fault| unnamed(fault.at, fault.path, fault.message, fault.hint)));
    // All at once: to look for them one by one would read a file of many documents as many times.
    let starts = yaml::starts(bytes);
    for document in parsed.documents {
        let line = starts.get(document.index).map_or(1, |at| at.line);
        let source = Source { file: file.path.clone(), document: document.index, line };
        let mut envelope = Envelope { bytes, source, problems: Vec::new() };
        let manifest = envelope.read(document.value);
        let list = if envelope.problems.is_empty() { &mut reading.manifests } else { &mut reading.drafts };
        list.extend(manifest);
        reading.problems.append(&mut envelope.problems);
    }
    reading
}

/// The beginning of the names of annotations that mean something to us.
const OURS: &str = "evenkeel/";
const NO_MANIFEST_HINT: &str =
    "a manifest has `apiVersion`, `kind`, `metadata` and `spec`; keep other files out of this directory";

/// One document on its way to becoming a manifest.
struct Envelope<'a> {
    bytes: &'a [u8],
    source: Source,
    problems: Vec<Problem>,
}

impl Envelope<'_> {
    fn problem(&mut self, path: &[&str], key: bool, message: impl Into<String>, hint: Option<String>) {
        let path: Path = path.iter().map(|name| Segment::Key((*name).to_owned())).collect();
        self.problems.push(Problem {
            file: self.source.file.clone(),
            at: nearest(self.bytes, self.source.document, &path, key),
            path: path.to_string(),
            key: None,
            message: message.into(),
            hint,
        });
    }

    /// The manifest; one of a document with problems is but a draft.
    fn read(&mut self, document: Value) -> Option<Manifest> {
        let Value::Object(mut document) = document else {
            let hint = match &document {
                Value::Array(_) => "separate manifests by lines of `---` instead of listing them".to_owned(),
                _ => NO_MANIFEST_HINT.to_owned(),
            };
            self.problem(&[], false, format!("expected a manifest, found {}", describe(&document)), Some(hint));
            return None;
        };
        if !document.contains_key("apiVersion") && !document.contains_key("kind") {
            let hint = if document.contains_key("containerDefinitions") {
                "put all of it under `spec` of a manifest with `kind: TaskDefinition`"
            } else {
                NO_MANIFEST_HINT
            };
            let message = "not a manifest: it has neither `apiVersion` nor `kind`";
            self.problem(&[], false, message, Some(hint.to_owned()));
            return None;
        }
        let ours = self.api_version(document.shift_remove("apiVersion"));
        if !ours {
            return None;
        }
        let kind = self.kind(document.shift_remove("kind"));
        let metadata = document.shift_remove("metadata");
        let (name, labels, annotations) = self.metadata(metadata);
        let spec = document.shift_remove("spec");
        if spec.is_none() {
            self.problem(&[], false, "missing field `spec`", None);
        }
        for key in document.keys() {
            let known = ["apiVersion", "kind", "metadata", "spec"];
            self.problem(&[key], true, format!("unknown field `{key}`"), Some(suggestion(key, &known)));
        }
        let key = Key::new(kind?, name?);
        // With a name the problem can be shown at the resource, too.
        for problem in &mut self.problems {
            problem.key = Some(key.clone());
        }
        Some(Manifest { key, source: self.source.clone(), labels, annotations, spec: spec? })
    }

    /// Whether the document is for us.
    fn api_version(&mut self, version: Option<Value>) -> bool {
        let hint = format!("write apiVersion: {API_VERSION}");
        match version {
            Some(Value::String(version)) if version == API_VERSION => true,
            Some(other) => {
                let ours = other.as_str().is_some_and(|version| version.starts_with("evenkeel"));
                let hint = if ours { hint } else { format!("{hint}, or keep the file out of this directory") };
                let message = format!("expected {API_VERSION}, found {}", describe(&other));
                self.problem(&["apiVersion"], false, message, Some(hint));
                ours
            }
            None => {
                self.problem(&[], false, "missing field `apiVersion`", Some(hint));
                true
            }
        }
    }

    fn kind(&mut self, kind: Option<Value>) -> Option<Kind> {
        match kind {
            Some(Value::String(kind)) => match kind.parse::<Kind>() {
                Ok(kind) => return Some(kind),
                Err(hint) => self.problem(&["kind"], false, format!("there is no kind `{kind}`"), Some(hint)),
            },
            Some(other) => {
                self.problem(&["kind"], false, format!("expected a string, found {}", describe(&other)), None);
            }
            None => {
                let kinds: Vec<&str> = KINDS.iter().map(|row| row.name).collect();
                self.problem(&[], false, "missing field `kind`", Some(format!("known: {}", kinds.join(", "))));
            }
        }
        None
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
                    Value::Number(_) | Value::Bool(_) => as_text(&other),
                    _ => Some("a name is text without `/`, and not empty".to_owned()),
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
            let hint = suggestion(key, &["name", "labels", "annotations"]);
            self.problem(&["metadata", key], true, format!("unknown field `{key}`"), Some(hint));
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
                    let hint = as_text(&other);
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
        for (name, value) in annotations.iter().filter(|(name, _)| name.starts_with(OURS)) {
            match ANNOTATIONS.iter().find(|row| row.name == name) {
                None => {
                    // Without what all have in common, which would make everything look alike.
                    let bare = |name: &'static str| name.strip_prefix(OURS).unwrap_or(name);
                    let known: Vec<&str> = ANNOTATIONS.iter().map(|row| bare(row.name)).collect();
                    let hint = match did_you_mean(name.strip_prefix(OURS).unwrap_or(name), known) {
                        Some(name) => format!("did you mean `{OURS}{name}`?"),
                        None => {
                            let known: Vec<&str> = ANNOTATIONS.iter().map(|row| row.name).collect();
                            format!("known: {}", known.join(", "))
                        }
                    };
                    let message = format!("unknown annotation `{name}`");
                    self.problem(&["metadata", "annotations", name], true, message, Some(hint));
                }
                Some(row) if !row.values.contains(&value.as_str()) => {
                    let (message, hint) = (format!("there is no value `{value}`"), suggestion(value, row.values));
                    self.problem(&["metadata", "annotations", name], false, message, Some(hint));
                }
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
