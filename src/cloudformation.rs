//! From a CloudFormation template to manifests, without AWS.
//!
//! A template is read whole (`template`), its functions are worked out where a value is needed
//! (`evaluate`, `conditions`), each resource is brought into the form of the ECS API by the shapes
//! that the SDK ships (`shaped`), and references become `{ref: …}` at the very end (`render`), when
//! it is known what the place takes.
//!
//! Nothing is guessed: what a template does not say leaves a text in the manifest that `validate`
//! refuses ([`crate::resolve::placeholder`]), and a [`Note`] that says where the value comes from.
//!
//! Pure: text in, values and notes out.

mod conditions;
mod convert;
mod evaluate;
mod intrinsic;
mod merge;
mod names;
mod render;
mod shaped;
mod template;
mod text;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::export::Document;
use crate::model::Position;
use crate::plain;
use crate::value::{Map, Path, Segment, Value, did_you_mean};
use crate::yaml;
use names::Named;
use template::Template;

/// What a template became.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// The manifests, in the order of the template.
    pub documents: Vec<Document>,
    /// What a person has to know or do.
    pub notes: Vec<Note>,
}

/// One thing to know about a template, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where in the file, when that can be told.
    pub at: Option<Position>,
    /// The path in the template.
    pub path: Path,
    /// Whether the key of the path's last member is meant, not its value.
    on_key: bool,
    /// What there is to know: a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        if self.path != Path::default() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&plain::line(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {}", plain::line(hint)),
            None => Ok(()),
        }
    }
}

/// Turns the IAM and ECS resources of a template into manifests.
///
/// `parameters` holds what the template alone does not say, under the name that the notes ask for:
/// the values of its parameters, `AWS::StackName`, and the real names of resources by logical id.
///
/// # Errors
/// Everything that keeps the text from being a template, with its place.
pub fn convert(text: &[u8], parameters: &BTreeMap<String, String>) -> Result<Conversion, Vec<Note>> {
    let parsed = yaml::parse_template(text);
    if !parsed.faults.is_empty() {
        let json = text.trim_ascii_start().starts_with(b"{");
        return Err(parsed.faults.into_iter().map(|fault| of_fault(fault, json)).collect());
    }
    let documents = parsed.documents.len();
    let Some(document) = parsed.documents.into_iter().next().filter(|_| documents == 1) else {
        let message = format!("a template is one document, and here are {documents}");
        return Err(vec![Note { at: None, path: Path::default(), on_key: false, message, hint: None }]);
    };
    let result = Template::read(&document.value).and_then(|template| {
        let mut converter = Converter::new(&template, parameters);
        converter.refuse_given_values()?;
        let documents = converter.documents();
        converter.refuse_idle_parameters()?;
        Ok((documents, converter.notes()))
    });
    match result {
        Ok((documents, notes)) => Ok(Conversion { documents, notes: placed(text, document.index, notes) }),
        Err(notes) => Err(placed(text, document.index, notes)),
    }
}

fn of_fault(mut fault: yaml::Fault, json: bool) -> Note {
    if json {
        fault.message = fault.message.replacen("not valid YAML", "not valid JSON", 1);
    }
    let message = if fault.path.is_empty() { fault.message } else { format!("{}: {}", fault.path, fault.message) };
    Note { at: fault.at, path: Path::default(), on_key: false, message, hint: fault.hint }
}

/// The notes with their places, in the order of the file; what concerns all of it comes first.
fn placed(text: &[u8], document: usize, mut notes: Vec<Note>) -> Vec<Note> {
    let wanted: Vec<yaml::Wanted<'_>> =
        notes.iter().map(|note| yaml::Wanted { document, path: &note.path.0, key: note.on_key }).collect();
    for (note, at) in yaml::locate_all(text, &wanted).into_iter().enumerate() {
        notes[note].at = at;
    }
    let of_all = path_to(&["Resources"]);
    notes.sort_by_key(|note| (note.path != of_all, note.at));
    notes
}

/// A value that nobody gave: what it is, and where it is needed first and after that.
struct Missing {
    what: String,
    first: Path,
    places: BTreeSet<Path>,
}

/// What the steps of a conversion share.
struct Converter<'t> {
    template: &'t Template<'t>,
    /// What was given beside the template, by name.
    given: &'t BTreeMap<String, String>,
    /// Those of the given names that something asked for.
    used: BTreeSet<String>,
    /// What nobody gave, by the name to give it under.
    missing: BTreeMap<String, Missing>,
    notes: Vec<Note>,
    /// The conditions that are being worked out.
    open: BTreeSet<String>,
    /// Those that have been, whether or not it could be told.
    decided: BTreeMap<String, Option<bool>>,
    /// The resources that become manifests or parts of one.
    names: BTreeMap<&'t str, Named>,
    /// The role that each instance profile holds.
    profiles: BTreeMap<&'t str, &'t str>,
}

impl<'t> Converter<'t> {
    fn new(template: &'t Template<'t>, given: &'t BTreeMap<String, String>) -> Self {
        Self {
            template,
            given,
            used: BTreeSet::new(),
            missing: BTreeMap::new(),
            notes: Vec::new(),
            open: BTreeSet::new(),
            decided: BTreeMap::new(),
            names: BTreeMap::new(),
            profiles: BTreeMap::new(),
        }
    }

    fn note(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        self.note_at(path, false, message.into(), hint);
    }

    fn note_on_key(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        self.note_at(path, true, message.into(), hint);
    }

    fn note_at(&mut self, path: &Path, on_key: bool, message: String, hint: Option<String>) {
        let note = Note { at: None, path: path.clone(), on_key, message, hint };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The value that was given under a name or, after a request for it, a text that stands for it.
    fn asked(&mut self, path: &Path, name: &str, what: &str) -> String {
        self.used.insert(name.to_owned());
        if let Some(given) = self.given.get(name) {
            return given.clone();
        }
        let new = || Missing { what: what.to_owned(), first: path.clone(), places: BTreeSet::new() };
        self.missing.entry(name.to_owned()).or_insert_with(new).places.insert(path.clone());
        text::missing(what)
    }

    /// Something that cannot be worked out: a note, and a text that stands for the value.
    fn unclear(&mut self, path: &Path, what: &str, message: impl Into<String>, hint: Option<&str>) -> String {
        self.note(path, message, hint.map(str::to_owned));
        text::missing(what)
    }

    fn notes(&mut self) -> Vec<Note> {
        for (name, Missing { what, first, places }) in std::mem::take(&mut self.missing) {
            let places = match places.len() {
                1 => String::new(),
                count => format!(", and {count} places need it"),
            };
            let hint = format!("give it by --parameter '{name}=VALUE', or write it into the manifests");
            self.note(&first, format!("{what} is not known{places}"), Some(hint));
        }
        std::mem::take(&mut self.notes)
    }

    /// What is wrong with a value that was given for a parameter.
    fn refuse_given_values(&self) -> Result<(), Vec<Note>> {
        let mut notes = Vec::new();
        for (name, value) in self.given {
            let allowed = self.template.parameters.get(name.as_str()).map(|parameter| &parameter.allowed);
            let message = match allowed.filter(|allowed| !allowed.is_empty() && !allowed.contains(value)) {
                Some(allowed) => format!("`{value}` is not among the allowed values: {}", allowed.join(", ")),
                None if value.contains(char::is_control) => "the value that was given holds a control character".into(),
                None => continue,
            };
            let path = path_to(&["Parameters", name]);
            notes.push(Note { at: None, path, on_key: true, message, hint: None });
        }
        if notes.is_empty() { Ok(()) } else { Err(notes) }
    }

    /// A parameter that nothing asks for is a slip of the pen.
    fn refuse_idle_parameters(&self) -> Result<(), Vec<Note>> {
        let known = || self.template.parameters.keys().chain(self.template.resources.keys()).copied();
        let idle = self.given.keys().filter(|name| !self.used.contains(*name) && !known().any(|known| known == *name));
        let notes: Vec<Note> = idle
            .map(|name| {
                let asked = self.used.iter().map(String::as_str);
                let hint = did_you_mean(name, known().chain(asked)).map(|name| format!("did you mean `{name}`?"));
                let message = format!("the template has no use for the parameter `{name}`");
                Note { at: None, path: Path::default(), on_key: false, message, hint }
            })
            .collect();
        if notes.is_empty() { Ok(()) } else { Err(notes) }
    }
}

/// A value of the template, or one that was worked out, and where it stands.
#[derive(Debug, Clone)]
struct Node {
    value: Value,
    path: Path,
}

impl Node {
    fn new(value: impl Into<Value>, path: &Path) -> Self {
        Self { value: value.into(), path: path.clone() }
    }

    /// The items of a list; of anything else, it alone.
    fn items(&self) -> Vec<Node> {
        match &self.value {
            Value::Array(items) => {
                items.iter().enumerate().map(|(n, item)| Self::new(item.clone(), &self.path.index(n))).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// The members of a map.
    fn members(map: &Map<String, Value>, path: &Path) -> Vec<(String, Node)> {
        map.iter().map(|(key, value)| (key.clone(), Self::new(value.clone(), &path.key(key)))).collect()
    }
}

/// A path below the root of a template.
fn path_to(keys: &[&str]) -> Path {
    keys.iter().map(|key| Segment::Key((*key).to_owned())).collect()
}
