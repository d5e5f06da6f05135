//! Walks: from any state, by any way, what is declared is reached. Random sequences of manifests over
//! one small world; after each the plan is empty, also after a restart, and at the end the account is
//! the same as a fresh one that is brought there in one step.
//!
//! `EVENKEEL_WALKS=1500 EVENKEEL_WALK_LENGTH=10` walks more and farther, `EVENKEEL_WALKS_SEED=N`
//! begins with the N-th walk: a failure says which one that is.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;
#[path = "walks/world.rs"]
mod world;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;

use evenkeel::report::plan_text;
use evenkeel::sandbox::Sandbox;
use evenkeel::world::DIGEST_TAG;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;

use scenario::Lab;
use scenario::account::{account, differences};
use world::World;

/// How many choices make a world.
const CHOICES: usize = 80;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The worlds of one walk, made of choices; with choices of 0 they are empty.
fn steps(length: usize) -> impl Strategy<Value = Vec<World>> {
    let steps = vec(vec(any::<u8>(), CHOICES), 2..=length);
    steps.prop_map(|steps| steps.iter().map(|choices| World::drawn(choices)).collect())
}

fn fails(what: impl Into<String>) -> TestCaseError {
    TestCaseError::fail(what.into())
}

/// Brings the account to a world, and makes sure that nothing is left to do, also for a daemon that
/// remembers nothing.
async fn arrive(lab: &Lab, world: &World) -> Result<(), TestCaseError> {
    let manifests = world.manifests();
    lab.try_settle(&manifests).await.map_err(fails)?;
    let plan = lab.plan(&manifests).await;
    if !plan.is_empty() {
        return Err(fails(format!("not arrived:\n{}", plan_text(&plan, lab.reconciler.aws().account()))));
    }
    let restarted = Lab::over(Arc::clone(&lab.sandbox)).await;
    let writes = restarted.try_settle(&manifests).await.map_err(fails)?;
    if writes.is_empty() { Ok(()) } else { Err(fails(format!("after a restart: {writes:?}"))) }
}

/// The account without what is not declared and depends on the way.
async fn comparable(lab: &Lab, last: &World, stays: &World) -> BTreeMap<String, Value> {
    let mut found = account(&lab.sandbox).await;
    // A new cluster takes the account's word of that moment where no manifest has one.
    if let Some(cluster) = found.get_mut("cluster shop").filter(|_| !stays.names("Cluster", "shop", "settings")) {
        cluster["settings"] = Value::Null;
    }
    for (name, service) in found.iter_mut().filter(|(name, _)| name.starts_with("service ")) {
        // A memory of the revision that it was made with, which saves a read, is written once, and
        // counts for that revision alone.
        service["tags"].as_array_mut().expect("tags").retain(|tag| tag["key"] != DIGEST_TAG);
        // A service that is no longer declared is left as it is, also when what it ran gets a new revision.
        if !last.declares("Service", name.rsplit('/').next().unwrap_or_default()) {
            service["taskDefinition"] = Value::Null;
        }
    }
    // What a service runs is compared there. That another content was registered in between is no
    // reason for one revision more, so which one is the newest depends on the way.
    for (name, definition) in found.iter_mut().filter(|(name, _)| name.starts_with("task definition ")) {
        if last.is_run(name.trim_start_matches("task definition ")) {
            *definition = Value::Null;
        }
    }
    found
}

/// Walks through all the worlds and back to the first one.
async fn walk(steps: &[World]) -> Result<(), TestCaseError> {
    let lab = Lab::over(Sandbox::new()).await;
    let mut stays = World::default();
    let there_and_back = steps.iter().chain(steps.first());
    for (at, world) in there_and_back.enumerate() {
        let failed = |error: TestCaseError| fails(format!("step {at}: {error}"));
        arrive(&lab, world).await.map_err(failed)?;
        stays = stays.then(world);
        // To compare every state with a fresh account takes as long as to walk there.
        if at + 2 > steps.len() {
            let fresh = Lab::over(Sandbox::new()).await;
            arrive(&fresh, &stays).await.map_err(failed)?;
            let apart = differences(&comparable(&lab, world, &stays).await, &comparable(&fresh, world, &stays).await);
            if !apart.is_empty() {
                let found = apart.join("\n");
                return Err(fails(format!("step {at}: not as on the straight way:\n{found}\n{}", stays.manifests())));
            }
        }
    }
    Ok(())
}

#[test]
fn every_way_to_a_state_ends_where_the_straight_one_ends() {
    let (walks, length) = (number("EVENKEEL_WALKS", 10), number("EVENKEEL_WALK_LENGTH", 5));
    let first = number("EVENKEEL_WALKS_SEED", 0);
    let length = usize::try_from(length).expect("a length");
    let states = Cell::new(0);
    for seed in first..first + walks {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config =
            ProptestConfig { cases: 1, failure_persistence: None, max_shrink_iters: 100, ..Default::default() };
        let walked = TestRunner::new_with_rng(config, rng).run(&steps(length), |steps| {
            states.set(states.get() + steps.len() + 1);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
            runtime.expect("runtime").block_on(walk(&steps))
        });
        if let Err(error) = walked {
            panic!("EVENKEEL_WALKS_SEED={seed} EVENKEEL_WALKS=1 EVENKEEL_WALK_LENGTH={length}\n{error}");
        }
    }
    println!("{walks} walks over {} states", states.get());
}
