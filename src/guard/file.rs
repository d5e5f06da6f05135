//! The guardrails file: strict, since what it does not say is allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};

use super::rules::{Form, RULES, Rule, RuleRow};
use super::{Exception, Guardrails, Setting, VERBS, WAYS, glob};
use crate::mode::relative;
use crate::model::{API_VERSION, KINDS, Key, Kind, Problem};
use crate::value::{Fault, Map, Path, Value, as_text, describe, suggestion};
use crate::window::Window;
use crate::yaml;

/// What `kind` says.
const KIND: &str = "Guardrails";
const MEMBERS: &[&str] = &["apiVersion", "kind", "rules", "directories", "exceptions"];
const EXCEPTION: &[&str] = &["manifest", "rules", "only", "reason"];

/// Reads a guardrails file. `path` is how problems call it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(bytes: &[u8], path: &FilePath) -> Result<Guardrails, Vec<Problem>> {
    let problem = |at, path_in: String, message, hint| Problem {
        file: path.to_owned(),
        at,
        path: path_in,
        key: None,
        message,
        hint,
    };
    let parsed = yaml::parse(bytes);
    if !parsed.faults.is_empty() {
        let faults = parsed.faults.into_iter();
        return Err(faults.map(|fault| problem(fault.at, fault.path, fault.message, fault.hint)).collect());
    }
    let mut reader = Reader { faults: Vec::new() };
    let mut documents = parsed.documents.into_iter();
    let first = documents.next();
    let index = first.as_ref().map_or(0, |document| document.index);
    let rails = reader.document(first.map_or(Value::Null, |document| document.value));
    if documents.next().is_some() {
        reader.fault(&Path::default(), "expected one document, found several", Some("make one of them".to_owned()));
    }
    if reader.faults.is_empty() {
        return Ok(rails);
    }
    let faults = reader.faults;
    let wanted: Vec<yaml::Wanted<'_>> =
        faults.iter().map(|fault| yaml::Wanted { document: index, path: &fault.path.0, key: fault.key }).collect();
    let places = yaml::locate_all(bytes, &wanted);
    let mut problems: Vec<Problem> = faults
        .iter()
        .zip(places)
        .map(|(fault, at)| problem(at, fault.path.to_string(), fault.message.clone(), fault.hint.clone()))
        .collect();
    problems.sort();
    Err(problems)
}

struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        self.faults.push(Fault { path: path.clone(), key: false, message: message.into(), hint });
    }

    fn unknown(&mut self, path: &Path, what: &str, name: &str, known: &[&str]) {
        self.faults.push(Fault {
            path: path.key(name),
            key: true,
            message: format!("unknown {what} `{name}`"),
            hint: Some(suggestion(name, known)),
        });
    }

    /// The members of a map, each of which must be known.
    fn map(&mut self, path: &Path, value: Value, known: Option<(&str, &[&str])>) -> Map<String, Value> {
        let Value::Object(map) = value else {
            self.fault(path, format!("expected a map, found {}", describe(&value)), None);
            return Map::new();
        };
        if let Some((what, known)) = known {
            for name in map.keys().filter(|name| !known.contains(&name.as_str())) {
                self.unknown(path, what, name, known);
            }
        }
        map
    }

    fn document(&mut self, document: Value) -> Guardrails {
        let root = Path::default();
        let mut rails = Guardrails::standard();
        let is_map = document.is_object();
        let mut map = self.map(&root, document, Some(("field", MEMBERS)));
        if !is_map {
            return rails;
        }
        for (name, wanted) in [("apiVersion", API_VERSION), ("kind", KIND)] {
            match map.get(name) {
                Some(found) if found == wanted => {}
                Some(found) => {
                    self.fault(&root.key(name), format!("expected {wanted}, found {}", describe(found)), None)
                }
                None => self.fault(&root, format!("missing field `{name}`"), Some(format!("write {name}: {wanted}"))),
            }
        }
        let rules = map.shift_remove("rules").unwrap_or_else(|| Map::new().into());
        let settings = self.rules(&root.key("rules"), rules, Some(&mut rails));
        rails.settings.push((PathBuf::new(), settings));
        let at = root.key("directories");
        let directories = map.shift_remove("directories").unwrap_or_else(|| Map::new().into());
        for (folder, rules) in self.map(&at, directories, None) {
            let at = at.key(&folder);
            let rules = self.rules(&at, rules, None);
            match relative(&folder) {
                Ok(folder) => rails.settings.push((folder, rules)),
                Err(_) => self.fault(
                    &at,
                    "expected a folder inside of the watched directory",
                    Some("write shop or shop/eu".into()),
                ),
            }
        }
        let at = root.key("exceptions");
        match map.shift_remove("exceptions") {
            None => {}
            Some(Value::Array(items)) => {
                for (index, item) in items.into_iter().enumerate() {
                    rails.exceptions.extend(self.exception(&at.index(index), item));
                }
            }
            Some(other) => self.fault(&at, format!("expected a list, found {}", describe(&other)), None),
        }
        rails
    }

    /// The rules of the whole directory or, without `rails`, those of a folder.
    fn rules(&mut self, path: &Path, value: Value, mut rails: Option<&mut Guardrails>) -> BTreeMap<Rule, Setting> {
        let mut settings = BTreeMap::new();
        let all: Vec<&str> = RULES.iter().map(|row| row.name).collect();
        for (name, value) in self.map(path, value, Some(("rule", &all))) {
            let Some(row) = RULES.iter().find(|row| row.name == name) else { continue };
            let at = path.key(&name);
            match (row.form, rails.as_deref_mut()) {
                (_, None) if !row.per_directory => {
                    let hint = "write it under `rules`, for the whole directory".to_owned();
                    self.fault(&at, format!("`{name}` is not for single folders"), Some(hint));
                }
                (Form::Default(_), Some(rails)) => self.default_rule(&at, row, value, rails),
                (_, Some(rails)) if row.rule == Rule::Accounts => rails.accounts = self.accounts(&at, &value),
                (_, Some(rails)) if row.rule == Rule::Regions => rails.regions = Some(self.texts(&at, &value)),
                _ => settings.extend(self.setting(&at, row, value).map(|setting| (row.rule, setting))),
            }
        }
        settings
    }

    /// `{allow: […]}` or `{off: reason}`.
    fn default_rule(&mut self, path: &Path, row: &RuleRow, value: Value, rails: &mut Guardrails) {
        let mut map = self.map(path, value, Some(("field", &["allow", "off"])));
        if let Some(reason) = map.shift_remove("off") {
            self.reason(&path.key("off"), &reason);
            rails.on.remove(&row.rule);
        }
        let Some(allowed) = map.shift_remove("allow") else { return };
        let at = path.key("allow");
        let allowed = self.texts(&at, &allowed);
        if row.rule == Rule::Trust {
            for account in allowed.iter().filter(|id| !is_account(id)) {
                self.fault(&at, format!("`{account}` is no account id"), Some("twelve digits, in quotes".to_owned()));
            }
        }
        self.subjects(&at, &[row.rule], &allowed);
        if let Some(known) = rails.on.get_mut(&row.rule) {
            known.extend(allowed);
        }
    }

    /// Patterns of what may be so: one for everything would be the rule switched off without a reason.
    fn subjects(&mut self, path: &Path, rules: &[Rule], patterns: &[String]) {
        for pattern in patterns {
            if pattern.contains('*') && glob::is_blank(pattern) {
                let hint = "to switch a rule off, write {off: reason}".to_owned();
                self.fault(path, format!("`{pattern}` lets everything pass"), Some(hint));
            }
            let known: Vec<&str> = WAYS.iter().map(|way| way.name).collect();
            if rules == [Rule::Escalation] && !known.iter().any(|name| glob::matches(pattern, name)) {
                self.fault(path, format!("there is no way called `{pattern}`"), Some(suggestion(pattern, &known)));
            }
        }
    }

    fn setting(&mut self, path: &Path, row: &RuleRow, value: Value) -> Option<Setting> {
        Some(match row.form {
            Form::Default(_) => return None,
            Form::Texts(_) => {
                let texts = self.texts(path, &value);
                if row.rule == Rule::Paths {
                    for text in texts.iter().filter(|text| !text.starts_with('/') || !text.ends_with('/')) {
                        let hint = format!("write /{}/", text.trim_matches('/'));
                        self.fault(path, format!("`{text}` is no path of IAM"), Some(hint));
                    }
                }
                Setting::Texts(texts)
            }
            Form::Kinds => {
                let kinds: Vec<Option<Kind>> =
                    self.texts(path, &value).iter().map(|text| self.kind(path, text, false)).collect();
                Setting::Kinds(kinds.into_iter().flatten().collect())
            }
            Form::PerKind => {
                let mut kinds = BTreeMap::new();
                for (name, patterns) in self.map(path, value, None) {
                    let patterns = self.texts(&path.key(&name), &patterns);
                    kinds.extend(self.kind(&path.key(&name), &name, true).map(|kind| (kind, patterns)));
                }
                Setting::PerKind(kinds)
            }
            Form::Number => match value.as_u64() {
                Some(number) => Setting::Number(number),
                None => {
                    self.fault(path, format!("expected a whole number, found {}", describe(&value)), None);
                    return None;
                }
            },
            Form::Verbs => Setting::Verbs(self.verbs(path, &value)),
            Form::Windows => Setting::Windows(self.windows(path, &value)),
            Form::False => match value {
                Value::Bool(false) => Setting::Refused,
                Value::Bool(true) => return None,
                other => {
                    let hint = Some("write false: it is not allowed".to_owned());
                    self.fault(path, format!("expected true or false, found {}", describe(&other)), hint);
                    return None;
                }
            },
        })
    }

    fn verbs(&mut self, path: &Path, value: &Value) -> BTreeSet<&'static str> {
        let mut verbs = BTreeSet::new();
        for text in self.texts(path, value) {
            match VERBS.into_iter().find(|verb| *verb == text) {
                Some(verb) => {
                    verbs.insert(verb);
                }
                None => self.fault(path, format!("there is no verb `{text}`"), Some(suggestion(&text, &VERBS))),
            }
        }
        verbs
    }

    fn windows(&mut self, path: &Path, value: &Value) -> Vec<Window> {
        let mut windows = Vec::new();
        for text in self.texts(path, value) {
            match text.parse() {
                Ok(window) => windows.push(window),
                Err(why) => self.fault(path, why, None),
            }
        }
        windows
    }

    fn kind(&mut self, path: &Path, text: &str, on_key: bool) -> Option<Kind> {
        let known: Vec<&str> = KINDS.iter().map(|row| row.name).collect();
        let kind = text.parse().ok();
        if kind.is_none() {
            self.faults.push(Fault {
                path: path.clone(),
                key: on_key,
                message: format!("there is no kind `{text}`"),
                hint: Some(suggestion(text, &known)),
            });
        }
        kind
    }

    fn accounts(&mut self, path: &Path, value: &Value) -> Option<Vec<String>> {
        let accounts = self.texts(path, value);
        for account in accounts.iter().filter(|id| !is_account(id)) {
            self.fault(path, format!("`{account}` is no account id"), Some("twelve digits, in quotes".to_owned()));
        }
        Some(accounts)
    }

    /// One text or a list of texts, none of them empty.
    fn texts(&mut self, path: &Path, value: &Value) -> Vec<String> {
        let items: Vec<(Path, &Value)> = match value {
            Value::Array(items) if items.is_empty() => {
                self.fault(path, "is an empty list", Some("leave the rule out, or name what is allowed".to_owned()));
                return Vec::new();
            }
            Value::Array(items) => items.iter().enumerate().map(|(index, item)| (path.index(index), item)).collect(),
            one => vec![(path.clone(), one)],
        };
        let mut texts = Vec::new();
        for (path, item) in items {
            match item.as_str() {
                Some(text) if !text.is_empty() => texts.push(text.to_owned()),
                _ => self.fault(&path, format!("expected a string, found {}", describe(item)), as_text(item)),
            }
        }
        texts
    }

    fn reason(&mut self, path: &Path, value: &Value) {
        if !value.as_str().is_some_and(|text| text.contains(char::is_alphanumeric)) {
            let hint = Some("say why, for whoever reads this next".to_owned());
            self.fault(path, format!("expected a reason, found {}", describe(value)), hint);
        }
    }

    fn exception(&mut self, path: &Path, value: Value) -> Option<Exception> {
        let is_map = value.is_object();
        let map = self.map(path, value, Some(("field", EXCEPTION)));
        if !is_map {
            return None;
        }
        for name in ["manifest", "rules", "reason"].iter().filter(|name| !map.contains_key(**name)) {
            self.fault(path, format!("missing field `{name}`"), None);
        }
        if let Some(reason) = map.get("reason") {
            self.reason(&path.key("reason"), reason);
        }
        let at = path.key("rules");
        let names = map.get("rules").map(|value| self.texts(&at, value)).unwrap_or_default();
        let known: Vec<&str> = RULES.iter().map(|row| row.name).collect();
        let mut rules = BTreeSet::new();
        for name in names {
            match RULES.iter().find(|row| row.name == name) {
                Some(row) if matches!(row.rule, Rule::Accounts | Rule::Regions) => {
                    self.fault(&at, format!("`{name}` knows no exceptions"), None);
                }
                Some(row) => {
                    rules.insert(row.rule);
                }
                None => self.fault(&at, format!("there is no rule `{name}`"), Some(suggestion(&name, &known))),
            }
        }
        let only = map.get("only").map(|value| self.texts(&path.key("only"), value)).unwrap_or_default();
        let list: Vec<Rule> = rules.iter().copied().collect();
        if rules.contains(&Rule::Windows) && !only.is_empty() {
            let hint = "leave `only` out, or make two exceptions".to_owned();
            self.fault(&path.key("only"), "an exception from `windows` is for any time", Some(hint));
        }
        if let (true, Some(value)) = (list == [Rule::Verbs], map.get("only"))
            && self.verbs(&path.key("only"), value).contains("delete")
        {
            let hint = "a manifest that is gone has no exception; put `delete` into `verbs`".to_owned();
            self.fault(&path.key("only"), "an exception cannot let anything be deleted", Some(hint));
        }
        if list == [Rule::Escalation] {
            self.subjects(&path.key("only"), &list, &only);
        }
        let at = path.key("manifest");
        let text = map.get("manifest")?.as_str();
        let key = text.and_then(|text| text.split_once('/')).filter(|(_, name)| !name.is_empty());
        let Some((kind, name)) = key else {
            self.fault(&at, "expected Kind/NAME of a manifest", Some("for example Role/web".to_owned()));
            return None;
        };
        let manifest = Key::new(self.kind(&at, kind, false)?, name);
        Some(Exception { manifest, rules, only })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
