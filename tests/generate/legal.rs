//! Makes a directory legal: applies [`RULES`](super::rules::RULES) in their order.

use evenkeel::model::{KINDS, Kind};
use evenkeel::value::Value;
use serde_json::json;

use super::Choices;
use super::rules::RULES;

/// One constraint of AWS on what a directory may declare.
pub(crate) struct Rule {
    /// Where: kind, members, positions; `*` is every element, and as a kind every document. What is
    /// said of `TaskDefinition` holds for the one inside a service as well.
    pub(crate) at: &'static str,
    /// When it applies: all of these.
    pub(crate) when: &'static [When],
    /// What must be so.
    pub(crate) then: Then,
    /// Who says so, or why.
    #[expect(dead_code, reason = "for people")]
    pub(crate) why: &'static str,
}

/// A condition. Values are compared as text; `null` is what is not there.
#[derive(Clone, Copy)]
pub(crate) enum When {
    /// What stands there is one of these.
    Is(&'static str, &'static [&'static str]),
    /// It is none of these.
    Not(&'static str, &'static [&'static str]),
    /// The same from the place's own surroundings on.
    Beside(&'static str, &'static [&'static str]),
    /// It is none of these.
    NotBeside(&'static str, &'static [&'static str]),
    /// The list there holds this.
    Has(&'static str, &'static str),
    /// It does not.
    Lacks(&'static str, &'static str),
}

/// What must be so. Values are JSON, or text where they are none.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// It is not there.
    Drop,
    /// If it is there, it is one of these.
    OneOf(&'static [&'static str]),
    /// It is there, and one of these.
    Need(&'static [&'static str]),
    /// It is there; if it was not, it is one of these.
    Present(&'static [&'static str]),
    /// It is a list with something in it; if it was not, one of these.
    Filled(&'static [&'static str]),
    /// If it is there, it is a number between these.
    Within(i64, i64),
    /// It has at most so many elements.
    AtMost(usize),
    /// It has at most one of these members.
    Only(&'static [&'static str]),
    /// If it is there, it is the same as this member beside it.
    Same(&'static str),
}

use Then::{AtMost, Drop, Filled, Need, OneOf, Only, Present, Same, Within};
use When::{Beside, Has, Is, Lacks, Not, NotBeside};

/// Members and positions from the directory on.
pub(crate) type Place = Vec<String>;

/// The place of every document in a directory.
pub(crate) fn documents() -> Vec<(Kind, Place)> {
    let mut documents: Vec<(Kind, Place)> = KINDS.iter().map(|row| (row.kind, vec![row.name.to_owned()])).collect();
    documents.push((Kind::TaskDefinition, vec!["Service".to_owned(), "taskDefinition".to_owned()]));
    documents
}

/// The document that a place is in, and the way from there.
pub(crate) fn split(place: &[String]) -> (Kind, &[String], &[String]) {
    let of = documents().into_iter().filter(|(_, document)| place.starts_with(document));
    let (kind, length) =
        of.map(|(kind, document)| (kind, document.len())).max_by_key(|(_, length)| *length).expect("a document");
    (kind, &place[..length], &place[length..])
}

pub(crate) fn get<'a>(root: &'a Value, place: &[String]) -> Option<&'a Value> {
    place.iter().try_fold(root, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

fn get_mut<'a>(root: &'a mut Value, place: &[String]) -> Option<&'a mut Value> {
    place.iter().try_fold(root, |value, step| match value {
        Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        other => other.get_mut(step),
    })
}

/// Puts a value into its place, if what is around it is there.
pub(crate) fn set(root: &mut Value, place: &[String], value: Value) {
    let Some((last, around)) = place.split_last() else { return };
    match get_mut(root, around) {
        Some(Value::Object(map)) => drop(map.insert(last.clone(), value)),
        Some(Value::Array(items)) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                *item = value;
            }
        }
        _ => {}
    }
}

/// The same, or takes away what is there.
pub(crate) fn put(root: &mut Value, place: &[String], value: Option<Value>) {
    let Some((last, around)) = place.split_last() else { return };
    match value {
        Some(value) => set(root, place, value),
        None => {
            if let Some(map) = get_mut(root, around).and_then(Value::as_object_mut) {
                map.shift_remove(last);
            }
        }
    }
}

/// Makes a directory legal. What is legal already stays as it is, whatever the choices.
pub(crate) fn legal(directory: &Value, choices: &[u8]) -> Value {
    let mut directory = directory.clone();
    directory["Case"] = json!({});
    let mut choices = Choices::new(choices);
    for rule in RULES {
        for (place, document) in targets(&directory, rule.at) {
            if holds(&directory, rule, &place, &document) {
                apply(&mut directory, rule.then, &place, &mut choices);
            }
        }
    }
    directory
}

/// The values that the rules allow in a place, when they name them.
pub(crate) fn allowed(directory: &Value, place: &[String]) -> Vec<Value> {
    let here = |rule: &&Rule| {
        targets(directory, rule.at)
            .iter()
            .any(|(target, document)| target == place && holds(directory, rule, target, document))
    };
    let values = |rule: &Rule| match rule.then {
        OneOf(values) | Need(values) => values.iter().map(|text| json(text)).collect(),
        Within(least, most) => {
            let now = get(directory, place).and_then(Value::as_i64).unwrap_or(least);
            [now + 1, now - 1].into_iter().filter(|n| (least..=most).contains(n)).map(Value::from).collect()
        }
        _ => Vec::new(),
    };
    // Looking at the length first spares looking through the directory.
    let (_, _, rest) = split(place);
    let steps =
        |rule: &&Rule| rule.at.split('.').count() == rest.len() + 1 || rule.at.split('.').count() == place.len();
    RULES.iter().filter(steps).filter(here).flat_map(values).collect()
}

/// The places that a rule speaks of, each with its document. The last step need not be there.
fn targets(root: &Value, at: &str) -> Vec<(Place, Place)> {
    let mut steps = at.split('.');
    let head = steps.next().unwrap_or_default();
    let steps: Vec<&str> = steps.collect();
    let mut found = Vec::new();
    for (_, document) in documents().into_iter().filter(|(kind, _)| head == "*" || kind.row().name == head) {
        let mut places = vec![document.clone()];
        for (n, step) in steps.iter().enumerate() {
            let last = n + 1 == steps.len();
            places = places.into_iter().flat_map(|place| further(root, &place, step, last)).collect();
        }
        found.extend(places.into_iter().map(|place| (place, document.clone())));
    }
    if head == "Case" {
        found.push((at.split('.').map(str::to_owned).collect(), vec![head.to_owned()]));
    }
    found
}

fn further(root: &Value, place: &Place, step: &str, last: bool) -> Vec<Place> {
    let with = |step: String| [place.as_slice(), &[step]].concat();
    match (step, get(root, place)) {
        (_, None) => Vec::new(),
        ("*", Some(Value::Array(items))) => (0..items.len()).map(|at| with(at.to_string())).collect(),
        ("*", Some(Value::Object(map))) => map.keys().cloned().map(with).collect(),
        ("*", Some(_)) => Vec::new(),
        (step, Some(Value::Object(_))) if last => vec![with(step.to_owned())],
        (step, Some(_)) => {
            let place = with(step.to_owned());
            if get(root, &place).is_some() { vec![place] } else { Vec::new() }
        }
    }
}

fn holds(root: &Value, rule: &Rule, place: &[String], document: &[String]) -> bool {
    let text = |value: Option<&Value>| match value {
        None => "null".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let there = |path: &str| {
        let own = rule.at.split('.').next() == path.split('.').next();
        let steps = path.split('.').map(str::to_owned);
        let place: Place = if own { document.iter().cloned().chain(steps.skip(1)).collect() } else { steps.collect() };
        get(root, &place)
    };
    let beside = |path: &str| {
        let around = &place[..place.len() - 1];
        get(root, &around.iter().cloned().chain(path.split('.').map(str::to_owned)).collect::<Place>())
    };
    let has = |path: &str, wanted: &str| {
        there(path).and_then(Value::as_array).into_iter().flatten().any(|item| text(Some(item)) == wanted)
    };
    rule.when.iter().all(|when| match when {
        Is(path, values) => values.contains(&text(there(path)).as_str()),
        Not(path, values) => !values.contains(&text(there(path)).as_str()),
        Beside(path, values) => values.contains(&text(beside(path)).as_str()),
        NotBeside(path, values) => !values.contains(&text(beside(path)).as_str()),
        Has(path, wanted) => has(path, wanted),
        Lacks(path, wanted) => !has(path, wanted),
    })
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn apply(root: &mut Value, then: Then, place: &[String], choices: &mut Choices) {
    let now = get(root, place).cloned();
    let mut pick = |values: &[&str]| Some(json(values[choices.choose(values.len())]));
    let fits = |values: &[&str]| values.iter().any(|value| Some(json(value)) == now);
    let new = match then {
        Drop => None,
        OneOf(values) if now.is_some() && !fits(values) => pick(values),
        Need(values) if !fits(values) => pick(values),
        Present(values) if now.is_none() => pick(values),
        Filled(values) if now.as_ref().and_then(Value::as_array).is_none_or(Vec::is_empty) => pick(values),
        Within(least, most)
            if now.as_ref().is_some_and(|now| !now.as_i64().is_some_and(|n| (least..=most).contains(&n))) =>
        {
            let width = usize::try_from(most - least + 1).expect("a range");
            i64::try_from(choices.choose(width)).ok().map(|more| Value::from(least + more))
        }
        Same(member) => {
            let around = &place[..place.len() - 1];
            now.and_then(|_| get(root, around)?.get(member).cloned())
        }
        AtMost(most) => now.map(|list| list.as_array().into_iter().flatten().take(most).cloned().collect()),
        Only(names) => now.map(|map| only(map, names, choices)),
        _ => now,
    };
    put(root, place, new);
}

/// Keeps one of the members that exclude each other.
fn only(mut map: Value, names: &[&str], choices: &mut Choices) -> Value {
    let there: Vec<&str> = names.iter().copied().filter(|name| map.get(name).is_some()).collect();
    if there.len() > 1
        && let Some(map) = map.as_object_mut()
    {
        let kept = there[choices.choose(there.len())];
        map.retain(|name, _| name == kept || !names.contains(&name.as_str()));
    }
    map
}
