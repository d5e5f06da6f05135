//! What the binary is made of: where each crate comes from, under which licence, and how many there are.
//!
//! `deny.toml` says the same to cargo-deny, which also knows the published advisories.
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Most crates that are linked into the binary of the image.
const CRATES_MAX: usize = 175;
/// The only source.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Licences that go with ours, as `deny.toml` lists them.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];
/// Other TLS stacks, and crates with an open advisory that nothing else needs.
const BANNED: &[&str] = &["native-tls", "openssl", "openssl-sys", "protobuf", "serde_yml"];
/// Of these there is one version at most: an older one is where the advisories are.
const ONCE: &[&str] = &["aws-lc-sys", "h2", "hyper", "rustls", "rustls-webpki", "tokio"];

/// Cargo's own account of every package that a Linux build with these features needs, by its id, and what each
/// of them needs.
fn packages(features: &str) -> (BTreeMap<String, Value>, Value) {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-musl",
            features,
        ])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let resolve = metadata["resolve"].take();
    let id = |package: &Value| package["id"].as_str().expect("an id").to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    (packages.map(|package| (id(package), package.clone())).collect(), resolve)
}

/// The packages that end up in the binary of the image: without those of build scripts, macros and tests.
fn shipped() -> Vec<Value> {
    let (packages, resolve) = packages("--no-default-features");
    let nodes: BTreeMap<&str, &Value> = resolve["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| (node["id"].as_str().expect("an id"), node))
        .collect();
    let root = resolve["root"].as_str().expect("a root");
    let (mut open, mut found) = (vec![root], BTreeSet::new());
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().expect("dependencies") {
            let normal =
                dependency["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|one| one["kind"].is_null()));
            let id = dependency["pkg"].as_str().expect("an id");
            if normal && !is_macro(&packages[id]) && found.insert(id) {
                open.push(id);
            }
        }
    }
    found.into_iter().map(|id| packages[id].clone()).collect()
}

fn is_macro(package: &Value) -> bool {
    let kinds = package["targets"].as_array().into_iter().flatten().map(|target| &target["kind"]);
    kinds.flat_map(|kind| kind.as_array().into_iter().flatten()).any(|kind| kind == "proc-macro")
}

fn name(package: &Value) -> String {
    format!("{} {}", package["name"].as_str().unwrap_or_default(), package["version"].as_str().unwrap_or_default())
}

/// Whether an SPDX expression leaves a choice that is allowed. Old ones have a slash for `OR`.
fn is_allowed(expression: &str) -> bool {
    let expression =
        expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "\u{0}WITH\u{0}");
    let tokens: Vec<String> = expression.split_whitespace().map(|token| token.replace('\u{0}', " ")).collect();
    let (allowed, rest) = either(&tokens);
    allowed && rest.is_empty()
}

fn either(tokens: &[String]) -> (bool, &[String]) {
    let (mut allowed, mut rest) = both(tokens);
    while rest.first().is_some_and(|token| token == "OR") {
        let (next, after) = both(&rest[1..]);
        (allowed, rest) = (allowed | next, after);
    }
    (allowed, rest)
}

fn both(tokens: &[String]) -> (bool, &[String]) {
    let (mut allowed, mut rest) = one(tokens);
    while rest.first().is_some_and(|token| token == "AND") {
        let (next, after) = one(&rest[1..]);
        (allowed, rest) = (allowed & next, after);
    }
    (allowed, rest)
}

fn one(tokens: &[String]) -> (bool, &[String]) {
    match tokens.split_first() {
        Some((open, rest)) if open == "(" => {
            let (allowed, rest) = either(rest);
            (allowed, rest.get(1..).unwrap_or_default())
        }
        Some((licence, rest)) => (LICENCES.contains(&licence.as_str()), rest),
        None => (false, tokens),
    }
}

#[test]
fn every_crate_is_from_crates_io_under_a_licence_that_goes_with_ours() {
    let (packages, _) = packages("--features=default");
    let others = packages.values().filter(|package| !package["source"].is_null());
    let foreign: Vec<String> = others.clone().filter(|package| package["source"] != CRATES_IO).map(name).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let licence = |package: &Value| package["license"].as_str().unwrap_or("none").to_owned();
    let wrong: Vec<String> = others
        .filter(|package| !is_allowed(&licence(package)))
        .map(|package| format!("{}: {}", name(package), licence(package)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_is_one_stack_for_tls_and_one_version_of_it() {
    let (packages, _) = packages("--features=default");
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in packages.values() {
        versions.entry(package["name"].as_str().expect("a name")).or_default().push(name(package));
    }
    let banned: Vec<_> = BANNED.iter().filter(|name| versions.contains_key(*name)).collect();
    assert!(banned.is_empty(), "{banned:?}");
    let several: Vec<_> = ONCE.iter().filter_map(|name| versions.get(name)).filter(|all| all.len() > 1).collect();
    assert!(several.is_empty(), "{several:?}");
}

#[test]
fn the_binary_is_made_of_few_crates() {
    let shipped = shipped();
    println!("{} crates", shipped.len());
    assert!(
        (50..=CRATES_MAX).contains(&shipped.len()),
        "{} crates: {:?}",
        shipped.len(),
        shipped.iter().map(name).collect::<Vec<_>>()
    );
}

#[test]
fn cargo_deny_is_told_the_same() {
    let deny = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).expect("deny.toml");
    for text in LICENCES.iter().filter(|licence| !licence.contains(" WITH ")).chain(BANNED) {
        assert!(deny.contains(&format!("\"{text}\"")), "{text}");
    }
}

#[test]
fn licences_are_read_as_spdx_says() {
    for (expression, allowed) in [
        ("MIT OR Apache-2.0", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("ISC AND (Apache-2.0 OR GPL-3.0) AND MIT", true),
        ("ISC AND (GPL-3.0 OR AGPL-3.0)", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("none", false),
    ] {
        assert_eq!(is_allowed(expression), allowed, "{expression}");
    }
}
