//! From the text of all files to resources: every document, every problem, never an error.
//!
//! # Guarantees
//! - A file with a problem keeps the manifests that it had when it was last good. Nothing is ever
//!   left out, and so taken for deleted, because it could not be read.
//! - A file that never was good contributes the manifests in it that are.

mod claims;
mod envelope;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::guard::{self, Guardrails};
use crate::model::{IGNORE_FIELDS, Key, Kind, Manifest, Position, Problem, Source};
use crate::plain;
use crate::resolve::{self, Before, Beside, resolve};
use crate::resource::{Account, Resource};
use crate::schema;
use crate::value::{FAULTS_MAX, Path, Value};
use crate::yaml;
use claims::{claims, holders};
use envelope::read;

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

/// Reads the files of a directory for an account, without any guardrail. `before` is what the
/// directory declared so far.
#[must_use]
pub fn load(files: &[File], account: &Account, before: &Desired) -> Desired {
    guarded(files, account, &Guardrails::none(), before)
}

/// The same, held to guardrails: what breaks one is a problem, and never in force.
#[must_use]
pub fn guarded(files: &[File], account: &Account, rails: &Guardrails, before: &Desired) -> Desired {
    let mut desired = Desired::default();
    let mut parsed: BTreeMap<PathBuf, Vec<Manifest>> = BTreeMap::new();
    let mut drafts: BTreeMap<PathBuf, Vec<Manifest>> = BTreeMap::new();
    let mut beside = Beside::default();
    let mut bad: BTreeSet<PathBuf> = BTreeSet::new();
    let mut complete: BTreeSet<&PathBuf> = BTreeSet::new();
    for file in files {
        let reading = read(file);
        if !reading.problems.is_empty() {
            bad.insert(file.path.clone());
            drafts.insert(file.path.clone(), reading.drafts);
        }
        if reading.complete {
            complete.insert(&file.path);
        }
        if reading.lost {
            beside.unread.insert(file.path.clone());
        }
        beside.broken.extend(reading.problems.iter().filter_map(|problem| problem.key.clone()));
        desired.problems.extend(reading.problems);
        parsed.insert(file.path.clone(), reading.manifests);
    }
    let scope = Before { manifests: holders(before), resources: &before.resources };
    let ground = Ground { account, rails, before: &scope };
    // What a draft leaves out is gone, unless it got lost: then it is still there to refer to.
    let mut others = in_force(&parsed, &bad, before);
    others.retain(|file, _| !complete.contains(file) || !drafts.contains_key(*file));
    let written = |(file, drafts)| (file, parsed[file].iter().chain(drafts).collect());
    let newest: Files<'_> = drafts.iter().map(written).collect();
    desired.problems.extend(further_problems(files, &others, newest, &ground, beside.unread.clone()));
    drop(drafts);
    // A file that turns out bad is replaced by its last good content, which may in turn be what
    // another file's fault came from: so until no further file turns bad.
    let losers = loop {
        let files_in_force = in_force(&parsed, &bad, before);
        let mut claims = claims(&files_in_force, &scope.manifests);
        // While a clash has yet to lead to what its files were before, nobody is to miss what it is about.
        let settled = claims.refused.iter().all(|refused| bad.contains(&refused.source.file));
        if !settled {
            claims.unique.append(&mut claims.contested);
        }
        beside.contested = claims.contested.into_keys().collect();
        let resolved = ground.resolve(&claims.unique, &beside);
        let mut located = claims.refused;
        located.extend(resolved.faults.into_iter().filter_map(|fault| Located::new(fault, &claims.unique)));
        let fresh = placed_by_file(files, &located, |file| !bad.contains(file));
        if fresh.is_empty() {
            let losers = located.iter().filter(|one| one.lost).map(|one| one.source.clone()).collect();
            desired.invalid = located.into_iter().map(|one| one.fault.key).collect();
            desired.resources = resolved.resources;
            break losers;
        }
        bad.extend(fresh.iter().map(|problem| problem.file.clone()));
        desired.problems.extend(fresh);
    };
    desired.manifests = without_losers(parsed, &bad, before, &losers);
    desired.invalid.extend(desired.problems.iter().filter_map(|problem| problem.key.clone()));
    desired.invalid.retain(|key| !desired.resources.contains_key(key));
    desired.stale = bad;
    desired.problems.sort();
    desired.problems.dedup();
    limit(&mut desired.problems);
    desired
}

/// Most problems that are listed of one file: nobody reads more, and all of them are kept and shown.
const PROBLEMS_MAX: usize = FAULTS_MAX - 1;

/// Leaves out what is more than can be listed of a file, and says so.
fn limit(problems: &mut Vec<Problem>) {
    let mut listed: BTreeMap<PathBuf, usize> = BTreeMap::new();
    problems.retain_mut(|problem| {
        let number = listed.entry(problem.file.clone()).or_default();
        *number += 1;
        if *number == PROBLEMS_MAX + 1 {
            problem.path.clear();
            problem.key = None;
            problem.message = format!("more than {PROBLEMS_MAX} problems in this file: the rest is not listed");
            problem.hint = Some("solve those above first".to_owned());
        }
        *number <= PROBLEMS_MAX + 1
    });
}

/// What manifests are read against.
struct Ground<'a> {
    account: &'a Account,
    rails: &'a Guardrails,
    before: &'a Before<'a>,
}

impl Ground<'_> {
    /// The resources of manifests that are fit for use, and everything that is wrong with the others.
    fn resolve(&self, manifests: &BTreeMap<Key, &Manifest>, beside: &Beside) -> resolve::Resolved {
        let mut resolved = resolve(manifests, self.account, self.before, beside);
        check(&mut resolved);
        let refused = guard::check(&resolved.resources, self.rails, self.account, self.before.resources);
        resolved.faults.extend(refused.into_iter().filter(|fault| {
            let unknown = resolved.unknown.get(&fault.key);
            !unknown.is_some_and(|unknown| is_below(&fault.path, unknown))
        }));
        let wrong: BTreeSet<&Key> = resolved.faults.iter().map(|fault| &fault.key).collect();
        resolved.resources.retain(|_, resource| !wrong.contains(&resource.manifest));
        guard::bind(&mut resolved.resources, manifests, self.rails, self.account);
        resolved
    }
}

/// What else is wrong with files that are bad already: what their documents would mean, were they
/// well formed. People fix what they are told, and want to be told all of it.
fn further_problems(
    files: &[File],
    others: &Files<'_>,
    drafts: Files<'_>,
    ground: &Ground<'_>,
    unread: BTreeSet<PathBuf>,
) -> Vec<Problem> {
    if drafts.is_empty() {
        return Vec::new();
    }
    let bad: BTreeSet<&PathBuf> = drafts.keys().copied().collect();
    let mut newest = others.clone();
    newest.extend(drafts);
    let before = ground.before;
    let mut claims = claims(&newest, &before.manifests);
    // What somebody had stays in force until the clash is over.
    let (held, contested) = claims.contested.into_iter().partition(|(key, _)| before.manifests.contains_key(key));
    claims.unique.extend::<BTreeMap<_, _>>(held);
    let contested: BTreeSet<Key> = BTreeMap::into_keys(contested).collect();
    let mut manifests: BTreeMap<Key, &Manifest> =
        others.values().flatten().map(|manifest| (manifest.key.clone(), *manifest)).collect();
    manifests.extend(claims.unique.clone());
    manifests.retain(|key, _| !contested.contains(key));
    let resolved = ground.resolve(&manifests, &Beside { broken: BTreeSet::new(), contested, unread });
    let mut located = claims.refused;
    located.extend(resolved.faults.into_iter().filter_map(|fault| Located::new(fault, &claims.unique)));
    placed_by_file(files, &located, |file| bad.contains(file))
}

/// A fault with the document that it is in: a key alone does not tell, where two claim it.
struct Located {
    source: Source,
    fault: resolve::Fault,
    /// Whether another document has the key.
    lost: bool,
}

impl Located {
    /// A fault of one of the manifests; `None` when it is another's.
    fn new(fault: resolve::Fault, manifests: &BTreeMap<Key, &Manifest>) -> Option<Self> {
        let source = manifests.get(&fault.key)?.source.clone();
        Some(Self { source, fault, lost: false })
    }
}

/// Manifests by file.
type Files<'a> = BTreeMap<&'a PathBuf, Vec<&'a Manifest>>;

/// The manifests that count: of a bad file the last good ones, if it ever was good.
fn in_force<'a>(
    parsed: &'a BTreeMap<PathBuf, Vec<Manifest>>,
    bad: &BTreeSet<PathBuf>,
    before: &'a Desired,
) -> Files<'a> {
    let last_good = |file: &PathBuf| before.manifests.get(file).filter(|_| bad.contains(file));
    parsed.iter().map(|(file, manifests)| (file, last_good(file).unwrap_or(manifests).iter().collect())).collect()
}

/// What is in force, without what another file has the key of: that was never in force here, and is
/// nothing to fall back on.
fn without_losers(
    mut parsed: BTreeMap<PathBuf, Vec<Manifest>>,
    bad: &BTreeSet<PathBuf>,
    before: &Desired,
    losers: &BTreeSet<Source>,
) -> BTreeMap<PathBuf, Vec<Manifest>> {
    for (file, manifests) in &mut parsed {
        if let Some(last_good) = before.manifests.get(file).filter(|_| bad.contains(file)) {
            manifests.clone_from(last_good);
        }
        manifests.retain(|manifest| !losers.contains(&manifest.source));
    }
    parsed
}

/// Checks every resource against its kind's schema.
fn check(resolved: &mut resolve::Resolved) {
    let mut told: BTreeMap<&PathBuf, usize> = BTreeMap::new();
    for resource in resolved.resources.values() {
        let unknown = resolved.unknown.get(&resource.manifest);
        let told = told.entry(&resource.source.file).or_default();
        let faults = schema::check(resource.key.kind, &resource.spec, FAULTS_MAX.saturating_sub(*told).max(1));
        *told += faults.len();
        for fault in faults {
            let path = fault.path.under(&resource.origin);
            // A field that nobody knows is a mistake of its own, whatever stands in it.
            if !fault.key && unknown.is_some_and(|unknown| is_below(&path, unknown)) {
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
        for pattern in resource.ignored.iter().filter(|_| resource.key == resource.manifest) {
            if let Err((message, hint)) = schema::check_pattern(resource.key.kind, pattern) {
                resolved.faults.push(resolve::Fault {
                    key: resource.manifest.clone(),
                    path: Path::default().key("metadata").key("annotations").key(IGNORE_FIELDS),
                    on_key: false,
                    message: format!("`{pattern}`: {message}"),
                    hint: Some(hint),
                });
            }
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
}

/// Whether a path leads to or through one of the places. By its beginnings, which are few, and not by
/// the places, of which a file may have tens of thousands.
fn is_below(path: &Path, places: &BTreeSet<Path>) -> bool {
    (0..=path.0.len()).any(|length| places.contains(&path.0[..length]))
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

/// The problems of some of the files, from what was found in all of them.
fn placed_by_file(files: &[File], located: &[Located], which: impl Fn(&PathBuf) -> bool) -> Vec<Problem> {
    let mut by_file: BTreeMap<&PathBuf, Vec<Raised>> = BTreeMap::new();
    let mut told: BTreeSet<&Source> = BTreeSet::new();
    for Located { source, fault, .. } in located.iter().filter(|one| which(&one.source.file)) {
        let raised = by_file.entry(&source.file).or_default();
        // What is more than is listed tells nothing but that a document is bad.
        if !told.insert(source) && raised.len() >= FAULTS_MAX {
            continue;
        }
        raised.push(Raised {
            document: source.document,
            path: fault.path.clone(),
            on_key: fault.on_key,
            key: Some(fault.key.clone()),
            message: fault.message.clone(),
            hint: fault.hint.clone(),
        });
    }
    files.iter().filter_map(|file| Some(placed(file, by_file.remove(&file.path)?))).flatten().collect()
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
        // All of them repeat what is written.
        path: plain::message(&one.path.to_string()),
        key: one.key,
        message: plain::message(&one.message),
        hint: one.hint.map(|hint| plain::message(&hint)),
    };
    raised.into_iter().zip(places).map(problem).collect()
}

#[cfg(test)]
mod tests;
