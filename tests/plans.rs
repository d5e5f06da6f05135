//! What `evenkeel plan` prints. In every folder of `tests/plans`, `before.yaml` has been applied and
//! `after.yaml` is planned, with `--prune` if there is a file of that name: for people, for scripts, for a pull request. `UPDATE=1` accepts what is
//! printed now.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::fs;
use std::path::{Path, PathBuf};

use evenkeel::plan::Plan;
use evenkeel::report::{plan_json, plan_markdown, plan_text};
use evenkeel::resource::Account;

use scenario::Lab;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("cases").map(|entry| entry.expect("entry").path()).collect();
    cases.sort();
    cases
}

fn name(case: &Path) -> String {
    case.file_name().expect("a name").to_string_lossy().into_owned()
}

async fn planned(case: &Path) -> (Plan, Account) {
    let read = |name: &str| fs::read_to_string(case.join(name)).expect(name);
    let lab = Lab::new().await;
    lab.settle(&read("before.yaml")).await;
    let after = read("after.yaml");
    let mut plan = lab.plan(&after).await;
    if case.join("prune").exists() {
        plan.items.extend(lab.pruned(&after).await.items);
    }
    (plan, lab.reconciler.aws().account().clone())
}

fn forms(plan: &Plan, account: &Account) -> [(&'static str, String); 3] {
    [
        ("plan.txt", anstream::adapter::strip_str(&plan_text(plan, account)).to_string()),
        ("plan.json", format!("{:#}\n", plan_json(plan, account))),
        ("plan.md", plan_markdown(plan, account)),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_case_prints_what_is_expected() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let (plan, account) = planned(&case).await;
        for (file, text) in forms(&plan, &account) {
            let path = case.join(file);
            if update {
                fs::write(&path, &text).expect("write");
            } else if fs::read_to_string(&path).unwrap_or_default() != text {
                wrong.push(format!("== {}/{file}\n{text}", name(&case)));
            }
        }
    }
    assert!(wrong.is_empty(), "these print something else now (UPDATE=1 accepts it):\n{}", wrong.join("\n"));
}

/// What is printed for people and for a pull request says nothing of a secret, and neither does what
/// is printed for scripts.
#[tokio::test(start_paused = true)]
async fn no_value_of_an_environment_is_printed() {
    let case = cases().into_iter().find(|case| name(case) == "environment-change").expect("the case");
    let (plan, account) = planned(&case).await;
    for (file, text) in forms(&plan, &account) {
        assert!(text.contains("LOG_LEVEL") && text.contains("TOKEN"), "{file}: {text}");
        for value in ["debug", "info", "/shop/token"] {
            assert!(!text.contains(value), "{file}: {text}");
        }
    }
}
