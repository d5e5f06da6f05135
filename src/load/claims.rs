//! Which manifest has which key.

use std::collections::BTreeMap;

use super::{Desired, Files, Located};
use crate::model::{Key, Manifest};
use crate::resolve;
use crate::value::Path;

/// Who had which key to itself.
pub(super) fn holders(before: &Desired) -> BTreeMap<&Key, &Manifest> {
    let mut holders: BTreeMap<&Key, Option<&Manifest>> = BTreeMap::new();
    for manifest in before.manifests.values().flatten() {
        holders.entry(&manifest.key).and_modify(|holder| *holder = None).or_insert(Some(manifest));
    }
    holders.into_iter().filter_map(|(key, holder)| Some((key, holder?))).collect()
}

/// Who has which key.
pub(super) struct Claims<'a> {
    /// The manifests that have their key: the only claimant or, of several, the one that held it.
    pub(super) unique: BTreeMap<Key, &'a Manifest>,
    /// One claimant each of the keys that nobody has.
    pub(super) contested: BTreeMap<Key, &'a Manifest>,
    /// A fault for every claimant that does not have its key.
    pub(super) refused: Vec<Located>,
}

/// How many places a message names.
const PLACES_MAX: usize = 8;

/// A newcomer must not put out of force what another file declares, so the file that held a key keeps it.
pub(super) fn claims<'a>(files: &Files<'a>, holders: &BTreeMap<&Key, &Manifest>) -> Claims<'a> {
    let mut claimants: BTreeMap<&Key, Vec<&'a Manifest>> = BTreeMap::new();
    for manifest in files.values().flatten().copied() {
        claimants.entry(&manifest.key).or_default().push(manifest);
    }
    let mut claims = Claims { unique: BTreeMap::new(), contested: BTreeMap::new(), refused: Vec::new() };
    for (key, claimants) in claimants {
        let holder = holders.get(key).map(|holder| &holder.source.file);
        let holding: Vec<&'a Manifest> =
            claimants.iter().copied().filter(|manifest| Some(&manifest.source.file) == holder).collect();
        let keeper = match (&claimants[..], &holding[..]) {
            ([keeper], _) | (_, [keeper]) => Some(*keeper),
            _ => None,
        };
        let (map, manifest) = match keeper {
            Some(keeper) => (&mut claims.unique, keeper),
            None => (&mut claims.contested, claimants[0]),
        };
        map.insert(key.clone(), manifest);
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
