//! From the text of one file to manifests.

use std::collections::BTreeMap;

use super::{File, Raised, Unreadable, placed};
use crate::guard;
use crate::model::{
    ALLOW_WIDENING, ANNOTATIONS, API_VERSION, KINDS, Key, Kind, Manifest, Problem, RESTARTED_AT, Source,
};
use crate::plain;
use crate::value::{FAULTS_MAX, Map, Path, Segment, Value, as_text, describe, did_you_mean, suggestion};
use crate::yaml;

/// What a file says.
pub(super) struct Reading {
    /// The well-formed manifests.
    pub(super) manifests: Vec<Manifest>,
    /// Those with problems outside of their `spec`: only to look for further problems.
    pub(super) drafts: Vec<Manifest>,
    pub(super) problems: Vec<Problem>,
    /// Whether there may be manifests in the file that nothing is known of.
    pub(super) lost: bool,
    /// Whether every document of the file is among the manifests and drafts.
    pub(super) complete: bool,
}

pub(super) fn read(file: &File) -> Reading {
    let mut reading =
        Reading { manifests: Vec::new(), drafts: Vec::new(), problems: Vec::new(), lost: false, complete: true };
    let unnamed = |at, path: String, message: String, hint: Option<String>| {
        let (message, hint) = (plain::message(&message), hint.as_deref().map(plain::message));
        Problem { file: file.path.clone(), at, path: plain::message(&path), key: None, message, hint }
    };
    let bytes = match &file.content {
        Ok(bytes) => bytes,
        Err(Unreadable { message, hint }) => {
            reading.problems.push(unnamed(None, String::new(), message.clone(), hint.clone()));
            (reading.lost, reading.complete) = (true, false);
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
    reading.complete = !reading.lost;
    reading
        .problems
        .extend(parsed.faults.into_iter().map(|fault| unnamed(fault.at, fault.path, fault.message, fault.hint)));
    // All at once: to look for them one by one would read a file of many documents as many times.
    let starts = yaml::starts(bytes, parsed.documents.last().map_or(0, |last| last.index + 1));
    let mut raised = Vec::new();
    for document in parsed.documents {
        let line = starts.get(document.index).map_or(1, |at| at.line);
        let source = Source { file: file.path.clone(), document: document.index, line };
        let most = FAULTS_MAX.saturating_sub(raised.len()).max(1);
        let mut envelope = Envelope { source, problems: Vec::new(), most };
        let manifest = envelope.read(document.value);
        let list = if envelope.problems.is_empty() { &mut reading.manifests } else { &mut reading.drafts };
        reading.complete &= manifest.is_some();
        list.extend(manifest);
        raised.append(&mut envelope.problems);
    }
    reading.problems.extend(placed(file, raised));
    reading
}

/// The beginning of the names of annotations that mean something to us.
const OURS: &str = "evenkeel/";
const NO_MANIFEST_HINT: &str =
    "a manifest has `apiVersion`, `kind`, `metadata` and `spec`; keep other files out of this directory";

/// Longest name of a manifest, in characters: that of a name in Kubernetes.
const NAME_CHARS_MAX: usize = 253;

/// Whether a text can be told apart from others in logs, plans and references.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('/') && text.chars().count() <= NAME_CHARS_MAX && plain::is_line(text)
}

/// One document on its way to becoming a manifest.
struct Envelope {
    source: Source,
    problems: Vec<Raised>,
    /// How many problems are kept. The first always is: it makes the document a draft.
    most: usize,
}

impl Envelope {
    fn is_full(&self) -> bool {
        self.problems.len() >= self.most
    }

    fn problem(&mut self, path: &[&str], key: bool, message: impl Into<String>, hint: Option<String>) {
        if self.is_full() {
            return;
        }
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
        let (name, labels, annotations) = self.metadata(metadata, kind);
        let spec = document.shift_remove("spec");
        if spec.is_none() {
            self.problem(&[], false, "missing field `spec`", None);
        }
        for key in document.keys().take(self.most) {
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
        kind: Option<Kind>,
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
            Some(Value::String(name)) if is_name(&name) => Some(name),
            Some(other) => {
                let hint = match &other {
                    Value::Number(_) | Value::Bool(_) => as_text(&other),
                    _ => Some(format!(
                        "a name is text in one line, of at most {NAME_CHARS_MAX} characters that all show, without `/`"
                    )),
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
        self.check_annotations(&annotations, kind);
        for key in metadata.keys().take(self.most) {
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
                _ if self.is_full() => {}
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
    fn check_annotations(&mut self, annotations: &BTreeMap<String, String>, kind: Option<Kind>) {
        for (name, value) in annotations.iter().filter(|(name, _)| name.starts_with(OURS)) {
            if self.is_full() {
                break;
            }
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
                Some(row) if kind.is_some_and(|kind| !row.kinds.is_empty() && !row.kinds.contains(&kind)) => {
                    let kinds: Vec<String> = row.kinds.iter().map(ToString::to_string).collect();
                    let message = format!("`{name}` means nothing here");
                    let hint = format!("it is for: {}", kinds.join(", "));
                    self.problem(&["metadata", "annotations", name], true, message, Some(hint));
                }
                Some(row) if row.name == RESTARTED_AT => {
                    if let Some((message, hint)) = unfit_for_a_tag(value) {
                        self.problem(&["metadata", "annotations", name], false, message, Some(hint));
                    }
                }
                Some(row) if row.name == ALLOW_WIDENING && guard::names(value).is_empty() => {
                    let hint = "write what may be allowed on top, for example s3:PutObject".to_owned();
                    let message = "expected names with commas between them, found nothing";
                    self.problem(&["metadata", "annotations", name], false, message, Some(hint));
                }
                Some(row) if !row.values.is_empty() && !row.values.contains(&value.as_str()) => {
                    let (message, hint) = (format!("there is no value `{value}`"), suggestion(value, row.values));
                    self.problem(&["metadata", "annotations", name], false, message, Some(hint));
                }
                Some(_) => {}
            }
        }
    }
}

/// Longest value of a tag, in characters (ECS service model, Tag).
const TAG_VALUE_CHARS_MAX: usize = 256;

/// Why a text cannot be the value of a tag, and what to do about it (ECS service model, Tag).
fn unfit_for_a_tag(text: &str) -> Option<(String, String)> {
    let length = text.chars().count();
    let illegal = text.chars().find(|c| !c.is_alphanumeric() && !" +-=._:/@".contains(*c));
    if let Some(c) = illegal {
        let hint = "the value of a tag has letters, digits, spaces and + - = . _ : / @".to_owned();
        return Some((format!("{c:?} cannot be in the value of a tag"), hint));
    }
    if length > TAG_VALUE_CHARS_MAX {
        let message = format!("{length} characters are too many for the value of a tag");
        return Some((message, format!("it may have {TAG_VALUE_CHARS_MAX}")));
    }
    let hint = "write the time, for example 2026-11-20T09:00:00Z".to_owned();
    match text {
        "" => Some(("expected a time or another text, found nothing".to_owned(), hint)),
        _ if text.to_lowercase().starts_with("aws:") => {
            Some(("AWS keeps `aws:` at the beginning of a tag to itself".to_owned(), hint))
        }
        _ => None,
    }
}
