//! What guardrails refuse, word for word, and what they let pass.
//!
//! Every manifest of `tests/guardrails/bad/RULE.yaml` is refused by RULE, and what is said of it
//! stands in `RULE.txt`; every manifest of `tests/guardrails/good` passes. Beside a file may stand
//! its `NAME.guardrails.yaml`; without one, what is on by default counts. `UPDATE=1 cargo test --test
//! guardrails` writes down what is said now.
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use evenkeel::guard::{self, Guardrails, RULES, Rule, WAYS};
use evenkeel::load::{self, Desired, File};
use evenkeel::model::{ANNOTATIONS, Key, Kind, Problem};
use evenkeel::resource::Account;
use evenkeel::watch;
use evenkeel::yaml;
use proptest::prelude::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder of examples, with the guardrails of each.
fn examples(folder: &str) -> Vec<(PathBuf, Guardrails)> {
    let entries = fs::read_dir(root().join("tests/guardrails").join(folder)).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".yaml"));
    files.retain(|file| !file.to_string_lossy().ends_with(".guardrails.yaml"));
    files.sort();
    let with_rails = |file: PathBuf| {
        let rails = file.with_extension("guardrails.yaml");
        let rails = if rails.exists() { of_file(&rails) } else { Guardrails::standard() };
        (file, rails)
    };
    files.into_iter().map(with_rails).collect()
}

/// Compares what is said with the file beside it, or writes it down.
fn compare(said: String, expected: &Path, wrong: &mut Vec<String>) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(expected, said).expect("the expected text");
    } else if fs::read_to_string(expected).unwrap_or_default() != said {
        wrong.push(format!("== {}\n{said}", expected.display()));
    }
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "these say something else now (UPDATE=1 accepts it):\n{}", wrong.join("\n"));
}

fn of_file(file: &Path) -> Guardrails {
    guard::read(&fs::read(file).expect("a file"), file).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn text(rules: &str) -> Guardrails {
    let text = format!("apiVersion: evenkeel/v1alpha1\nkind: Guardrails\n{rules}");
    guard::read(text.as_bytes(), Path::new("rails.yaml")).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn load(files: &[(&str, &str)], rails: &Guardrails, before: &Desired) -> Desired {
    let file = |(path, text): &(&str, &str)| File { path: path.into(), content: Ok(text.as_bytes().to_vec()) };
    let files: Vec<File> = files.iter().map(file).collect();
    load::guarded(&files, &Account::offline(None), rails, before)
}

fn first(files: &[(&str, &str)], rails: &Guardrails) -> Desired {
    load(files, rails, &Desired::default())
}

/// The manifests of a file, and whether each is only there for the others.
fn manifests(text: &str) -> BTreeMap<Key, bool> {
    let documents = yaml::parse(text.as_bytes()).documents.into_iter();
    let manifest = |document: yaml::Document| {
        let name = document.value["metadata"]["name"].as_str().expect("a name").to_owned();
        let kind: Kind = document.value["kind"].as_str().expect("a kind").parse().expect("a kind");
        (Key::new(kind, name), document.value["metadata"]["labels"]["guardrails"] == "pass")
    };
    documents.map(manifest).collect()
}

fn is_of(problem: &Problem, rule: &str) -> bool {
    problem.message.starts_with(&format!("refused by the guardrail `{rule}`: "))
}

#[test]
fn every_bad_manifest_is_refused_by_the_rule_that_it_breaks() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for (file, rails) in examples("bad") {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let rule = name.split('.').next().expect("a rule");
        let text = fs::read_to_string(&file).expect("text");
        let desired = first(&[(&name, &text)], &rails);
        for (key, passes) in manifests(&text) {
            let refused =
                desired.problems.iter().any(|problem| problem.key.as_ref() == Some(&key) && is_of(problem, rule));
            assert_eq!(refused, !passes, "{name}: {key}");
            assert_eq!(desired.resources.contains_key(&key), passes, "{name}: {key}");
            count += usize::from(!passes);
        }
        let said: String = desired.problems.iter().map(|problem| format!("{problem}\n")).collect();
        compare(said, &file.with_extension("txt"), &mut wrong);
    }
    assert_none(&wrong);
    println!("{count} bad manifests, all refused by the rule that they break");
    assert!(count >= 60, "{count} bad manifests");
}

#[test]
fn every_good_manifest_passes() {
    let mut count = 0;
    for (file, rails) in examples("good") {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("text");
        let desired = first(&[(&name, &text)], &rails);
        let said: Vec<String> = desired.problems.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{name}:\n{}", said.join("\n"));
        count += manifests(&text).len();
    }
    println!("{count} good manifests, none refused");
    assert!(count >= 60, "{count} good manifests");
}

#[test]
fn every_rule_has_a_bad_manifest_and_every_way_one_of_its_name() {
    let files: BTreeSet<String> = examples("bad")
        .into_iter()
        .map(|(file, _)| {
            file.file_name().expect("a name").to_string_lossy().split('.').next().expect("a rule").to_owned()
        })
        .collect();
    // Two are about the command (tests/cli.rs), one is about what AWS has (tests/widening.rs).
    let others = [Rule::Accounts, Rule::Regions, Rule::Widening, Rule::Verbs, Rule::Windows];
    let of_manifests = RULES.iter().filter(|row| !others.contains(&row.rule));
    assert_eq!(files, of_manifests.map(|row| row.name.to_owned()).collect());
    let text = fs::read_to_string(root().join("tests/guardrails/bad/escalation.ways.yaml")).expect("text");
    let desired = first(&[("ways.yaml", &text)], &Guardrails::standard());
    for way in WAYS {
        let key = Key::new(Kind::Policy, way.name);
        let said = desired.problems.iter().filter(|problem| problem.key.as_ref() == Some(&key));
        let ways: Vec<&str> = said.filter(|one| is_of(one, "escalation")).map(|one| one.message.as_str()).collect();
        assert!(ways.len() == 1 && ways[0].ends_with(&format!("({})", way.name)), "{}: {ways:?}", way.name);
    }
}

fn of_folder(folder: &str, rails: &Guardrails) -> Vec<String> {
    let snapshot = watch::read(&root().join(folder)).expect("the folder is there");
    let files: Vec<File> = snapshot.files.into_iter().map(File::from).collect();
    let desired = load::guarded(&files, &Account::offline(None), rails, &Desired::default());
    desired.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_readme_has_the_table_of_rules() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(readme.contains(&guard::markdown()), "the README's table of guardrails is to be:\n{}", guard::markdown());
}

#[test]
fn what_we_ship_passes() {
    let bootstrap = of_file(&root().join("deploy/bootstrap-guardrails.yaml"));
    assert_eq!(of_folder("manifests", &Guardrails::standard()), Vec::<String>::new());
    assert_eq!(of_folder("deploy/evenkeel", &bootstrap), Vec::<String>::new());
    assert_eq!(of_folder("deploy/options", &bootstrap), Vec::<String>::new());
    // By its nature the daemon's own policy is what guardrails are for.
    let refused = of_folder("deploy/evenkeel", &Guardrails::standard());
    assert!(refused.len() > 5 && refused.iter().all(|one| one.starts_with("policy.yaml:")), "{refused:?}");
    assert_ne!(of_file(&root().join("deploy/guardrails.yaml")), Guardrails::standard());
}

#[test]
fn every_bad_guardrails_file_prints_what_is_expected() {
    let mut wrong = Vec::new();
    let entries = fs::read_dir(root().join("tests/guardrails/files")).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() >= 12, "{} files", files.len());
    for file in files {
        let name = Path::new(file.file_name().expect("a name"));
        let problems = guard::read(&fs::read(&file).expect("a file"), name).expect_err("it is bad");
        let said: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
        compare(said, &file.with_extension("txt"), &mut wrong);
    }
    assert_none(&wrong);
}

const API: &str = "apiVersion: evenkeel/v1alpha1\n";

fn manifest(kind: &str, name: &str, spec: &str) -> String {
    format!("{API}kind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn policy(name: &str, action: &str) -> String {
    let statement = format!("{{Effect: Allow, Action: '{action}', Resource: '*'}}");
    manifest("Policy", name, &format!("{{policyDocument: {{Version: '2012-10-17', Statement: {statement}}}}}"))
}

fn role(name: &str, policies: &str) -> String {
    manifest("Role", name, &format!("{{preset: task, managedPolicyArns: [{policies}]}}"))
}

fn said(desired: &Desired) -> Vec<String> {
    desired.problems.iter().map(|problem| format!("{} {}", problem.file.display(), problem.message)).collect()
}

fn stale(desired: &Desired) -> Vec<String> {
    desired.stale.iter().map(|file| file.display().to_string()).collect()
}

#[test]
fn a_file_that_breaks_a_guardrail_keeps_its_last_good_manifests() {
    let rails = Guardrails::standard();
    let both = |action| [policy("a", action), policy("b", "s3:GetObject")].join("---\n");
    let before = first(&[("a.yaml", &both("s3:GetObject"))], &rails);
    assert_eq!(said(&before), Vec::<String>::new());
    let after = load(&[("a.yaml", &both("s3:*"))], &rails, &before);
    assert_eq!(after.resources, before.resources);
    assert_eq!((stale(&after), after.problems.len()), (vec!["a.yaml".to_owned()], 1));
    // One that never was good is not applied; what else is in its file is.
    let fresh = first(&[("a.yaml", &both("s3:*"))], &rails);
    assert_eq!(fresh.resources.keys().map(ToString::to_string).collect::<Vec<_>>(), ["Policy/b"]);
    assert_eq!(fresh.invalid.len(), 1);
}

#[test]
fn of_a_role_and_its_policies_the_one_that_changed_is_at_fault() {
    let rails = Guardrails::standard();
    let deployer = role("deployer", "{ref: register}, {ref: update}");
    let (register, update) = (policy("register", "ecs:RegisterTaskDefinition"), policy("update", "ecs:UpdateService"));
    let harmless = policy("update", "ecs:DescribeServices");
    // The policy changes: the role must not be put out of force, and the policy must not come into it.
    let before = first(&[("p.yaml", &harmless), ("q.yaml", &register), ("r.yaml", &deployer)], &rails);
    assert_eq!(said(&before), Vec::<String>::new());
    let after = load(&[("p.yaml", &update), ("q.yaml", &register), ("r.yaml", &deployer)], &rails, &before);
    assert_eq!((stale(&after), &after.resources), (vec!["p.yaml".to_owned()], &before.resources));
    assert!(said(&after)[0].contains("attached to Role/deployer, ecs:UpdateService and"), "{:?}", said(&after));
    // The role changes.
    let before =
        first(&[("p.yaml", &update), ("q.yaml", &register), ("r.yaml", &role("deployer", "{ref: register}"))], &rails);
    assert_eq!(said(&before), Vec::<String>::new());
    let after = load(&[("p.yaml", &update), ("q.yaml", &register), ("r.yaml", &deployer)], &rails, &before);
    assert_eq!((stale(&after), &after.resources), (vec!["r.yaml".to_owned()], &before.resources));
    // Nothing is known of before, as after a restart: any of them may be what is new.
    let fresh = first(&[("p.yaml", &update), ("q.yaml", &register), ("r.yaml", &deployer)], &rails);
    assert_eq!((fresh.resources.len(), fresh.problems.len()), (0, 3));
}

#[test]
fn a_policy_that_is_refused_hides_nothing_of_its_role() {
    let files = [
        ("p.yaml", &*policy("refused", "ecs:*")),
        ("q.yaml", &*policy("register", "ecs:RegisterTaskDefinition")),
        ("r.yaml", &*policy("update", "ecs:UpdateService")),
        ("s.yaml", &*role("deployer", "{ref: refused}, {ref: register}, {ref: update}")),
    ];
    let desired = first(&files, &Guardrails::standard());
    assert_eq!(desired.resources.len(), 0, "{:?}", said(&desired));
}

const EXCEPTION: &str =
    "exceptions: [{manifest: Policy/daemon, rules: [wildcards, escalation], reason: it manages ECS}";

#[test]
fn an_exception_is_for_its_manifest_and_not_for_a_role_that_attaches_it() {
    let rails = text(&format!("{EXCEPTION}]\n"));
    let daemon = policy("daemon", "ecs:*");
    assert_eq!(said(&first(&[("p.yaml", &daemon)], &rails)), Vec::<String>::new());
    assert_eq!(first(&[("p.yaml", &policy("other", "ecs:*"))], &rails).resources.len(), 0);
    // Whoever commits a role that attaches it would have what the exception was for.
    let before = first(&[("p.yaml", &daemon)], &rails);
    let after = load(&[("p.yaml", &daemon), ("r.yaml", &role("mine", "{ref: daemon}"))], &rails, &before);
    assert_eq!((stale(&after), &after.resources), (vec!["r.yaml".to_owned()], &before.resources));
    let hints: Vec<&str> = after.problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
    assert!(hints.iter().all(|hint| hint.contains("{manifest: Role/mine, rules: [")), "{hints:?}");
    let rails =
        text(&format!("{EXCEPTION}, {{manifest: Role/mine, rules: [wildcards, escalation], reason: so it is}}]\n"));
    let both = first(&[("p.yaml", &daemon), ("r.yaml", &role("mine", "{ref: daemon}"))], &rails);
    assert_eq!(said(&both), Vec::<String>::new());
}

#[test]
fn an_exception_that_names_something_is_for_nothing_else() {
    let only = |what: &str| {
        text(&format!("exceptions: [{{manifest: Role/a, rules: [adminPolicies], only: ['{what}'], reason: why}}]\n"))
    };
    let file = role("a", "'arn:aws:iam::aws:policy/AmazonS3FullAccess'");
    assert_eq!(
        said(&first(&[("a.yaml", &file)], &only("arn:aws:iam::aws:policy/AmazonS3FullAccess"))),
        Vec::<String>::new()
    );
    for other in ["arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/*", "*"] {
        assert_eq!(first(&[("a.yaml", &file)], &only(other)).problems.len(), 1, "{other}");
    }
}

#[test]
fn the_exception_that_a_message_offers_is_what_it_takes() {
    for (file, rails) in examples("bad") {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let beside = fs::read_to_string(file.with_extension("guardrails.yaml"));
        let text = fs::read_to_string(&file).expect("text");
        let desired = first(&[(&name, &text)], &rails);
        let offered = desired.problems.iter().filter_map(|problem| {
            let exception = problem.hint.as_deref()?.split_once("exceptions: [")?.1.strip_suffix(']')?;
            Some(format!("  - {}\n", exception.replace('…', "\"as it was\"")))
        });
        let beside = beside.unwrap_or_else(|_| format!("{API}kind: Guardrails\n"));
        let all = format!("{beside}exceptions:\n{}", offered.collect::<String>());
        let rails = guard::read(all.as_bytes(), &file).unwrap_or_else(|problems| panic!("{problems:?}\n{all}"));
        let left = said(&first(&[(&name, &text)], &rails));
        assert!(left.iter().all(|one| !one.contains("refused by the guardrail")), "{name}: {left:?}");
    }
}

#[test]
fn nothing_that_a_manifest_says_relaxes_a_rule() {
    let admin = "spec: {preset: task, managedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'], policyMode: additive, \
                 permissionsBoundary: 'arn:aws:iam::123456789012:policy/b', tags: {guardrails: 'off'}}";
    let mut says = vec!["labels: {guardrails: 'off', evenkeel: allow}".to_owned()];
    for row in ANNOTATIONS.iter().filter(|row| row.kinds.is_empty()) {
        let values = if row.values.is_empty() { &["managedPolicyArns"] } else { row.values };
        says.extend(values.iter().map(|value| format!("annotations: {{{}: '{value}'}}", row.name)));
    }
    for says in says {
        let role = format!("{API}kind: Role\nmetadata: {{name: app, {says}}}\n{admin}\n");
        let desired = first(&[("a.yaml", &role)], &Guardrails::standard());
        assert!(desired.resources.is_empty(), "{says}");
        assert_eq!(desired.problems.len(), 1, "{says}: {:?}", said(&desired));
    }
    // A file that looks like guardrails is no manifest, and changes nothing.
    let rails = format!("{API}kind: Guardrails\nrules: {{adminPolicies: {{off: please}}}}\n");
    let role = format!("{API}kind: Role\nmetadata: {{name: app}}\n{admin}\n");
    let desired = first(&[("a.yaml", &role), ("guardrails.yaml", &rails)], &Guardrails::standard());
    assert!(desired.resources.is_empty() && said(&desired).iter().any(|one| one.starts_with("a.yaml refused")));
}

#[test]
fn the_rules_of_a_folder_are_for_what_is_below_it() {
    let rails = text("directories:\n  shop: {names: {Role: shop-*}, maxRoles: 1}\n  shop/eu: {kinds: Role}\n");
    let web = role("web", "");
    for (file, fine) in
        [("web.yaml", true), ("shopping/web.yaml", true), ("shop/web.yaml", false), ("shop/eu/x.yaml", false)]
    {
        assert_eq!(first(&[(file, &web)], &rails).problems.is_empty(), fine, "{file}");
    }
    let cluster = manifest("Cluster", "c", "{}");
    assert!(first(&[("shop/c.yaml", &cluster)], &rails).problems.is_empty());
    assert_eq!(first(&[("shop/eu/c.yaml", &cluster)], &rails).problems.len(), 1);
    let before = first(&[("shop/b.yaml", &role("shop-b", ""))], &rails);
    let both = [("shop/a.yaml", &*role("shop-a", "")), ("shop/b.yaml", &*role("shop-b", ""))];
    let after = load(&both, &rails, &before);
    assert_eq!((stale(&after), &after.resources), (vec!["shop/a.yaml".to_owned()], &before.resources));
}

#[test]
fn a_rule_that_is_switched_off_is_off_and_no_other() {
    let text = |off: &str| text(&format!("rules: {{{off}: {{off: for a test}}}}\n"));
    let admin = role("a", "'arn:aws:iam::aws:policy/AdministratorAccess'");
    for row in RULES.iter().filter(|row| row.rule.is_default()) {
        let passes = first(&[("a.yaml", &admin)], &text(row.name)).problems.is_empty();
        assert_eq!(passes, row.rule == Rule::AdminPolicies, "{}", row.name);
    }
}

#[test]
fn what_breaks_the_schema_and_a_guardrail_is_told_both() {
    let file =
        role("a", "'arn:aws:iam::aws:policy/AdministratorAccess'").replace("preset: task,", "preset: task, pth: /,");
    let desired = first(&[("a.yaml", &file)], &Guardrails::standard());
    assert_eq!(desired.problems.len(), 2, "{:?}", said(&desired));
}

/// Generous: in a debug build on a busy machine. What grows with the square takes minutes.
const SECONDS_MAX: u64 = 40;

fn in_time(files: &[(String, String)]) -> Desired {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let start = std::time::Instant::now();
    let desired = first(&files, &Guardrails::standard());
    let seconds = start.elapsed().as_secs();
    assert!(seconds <= SECONDS_MAX, "{seconds} s");
    desired
}

#[test]
fn thousands_of_roles_and_policies_are_judged_in_seconds() {
    let file = |n: usize| {
        let role = role(&format!("r{n}"), &format!("{{ref: p{n}}}, {{ref: p{}}}", (n + 1) % 2000));
        (format!("{n}.yaml"), [policy(&format!("p{n}"), "s3:GetObject"), role].join("---\n"))
    };
    let desired = in_time(&(0..2000).map(file).collect::<Vec<_>>());
    assert_eq!((desired.resources.len(), desired.problems.len()), (4000, 0));
}

#[test]
fn a_policy_made_to_take_long_does_not() {
    for action in
        ["s3:GetObject", "*a*a*a*a*a*a*a*a*a*a*a*:*e*e*e*e*e*e*e*e*z", "i*m:?????????????????????????*?????????"]
    {
        let actions = vec![format!("'{action}'"); 20_000].join(", ");
        let text = policy("p", "x:Y").replace("'x:Y'", &format!("[{actions}]"));
        assert!(text.len() < yaml::MAX_FILE_BYTES, "{} bytes", text.len());
        in_time(&[("p.yaml".to_owned(), text)]);
    }
}

proptest! {
    /// However a permission that leads to all others is written, it is refused.
    #[test]
    fn no_spelling_of_an_escalation_passes(
        way in 0..WAYS.len(),
        holes in proptest::collection::vec((0..64_usize, 0..3_usize, any::<bool>()), 0..6),
        list in any::<bool>(),
        text in any::<bool>(),
    ) {
        let actions: Vec<String> = WAYS[way].actions().map(|action| {
            let mut spelled: Vec<String> = action.chars().map(String::from).collect();
            for (at, hole, upper) in &holes {
                let at = at % spelled.len();
                match (hole, spelled[at].as_str()) {
                    (_, ":") => {}
                    (0, _) => spelled[at] = "?".to_owned(),
                    (1, _) => spelled[at] = "*".to_owned(),
                    (_, letter) if *upper => spelled[at] = letter.to_uppercase(),
                    (_, letter) => spelled[at] = format!("{letter}*"),
                }
            }
            spelled.concat()
        }).collect();
        let statement = |actions: serde_json::Value| serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
        let statements: Vec<serde_json::Value> = if list {
            vec![statement(serde_json::json!(actions))]
        } else {
            actions.iter().map(|action| statement(serde_json::json!(action))).collect()
        };
        let document = serde_json::json!({"Version": "2012-10-17", "Statement": statements});
        let document = if text { serde_json::json!(document.to_string()) } else { document };
        let file = manifest("Policy", "p", &serde_json::json!({"policyDocument": document}).to_string());
        let desired = first(&[("p.yaml", &file)], &Guardrails::standard());
        prop_assert!(desired.resources.is_empty(), "{file}");
        prop_assert!(desired.problems.iter().any(|problem| is_of(problem, "escalation")), "{:?}", said(&desired));
    }

    /// To allow more never makes a policy pass that did not.
    #[test]
    fn a_further_statement_that_allows_never_helps(
        first_action in prop_oneof![Just("s3:*"), Just("iam:Put*"), Just("ecs:RegisterTaskDefinition"), Just("iam:PassRole")],
        second in prop_oneof![Just("ecs:Run*"), Just("s3:GetObject"), Just("ec2:RunInstances"), Just("*")],
        resource in prop_oneof![Just("*"), Just("arn:aws:iam::123456789012:role/x"), Just("arn:aws:s3:::shop/*")],
    ) {
        let one = format!("{{Effect: Allow, Action: '{first_action}', Resource: '*'}}");
        let more = format!("{{Effect: Allow, Action: '{second}', Resource: '{resource}'}}");
        let refused = |statements: &str| {
            let spec = format!("{{policyDocument: {{Version: '2012-10-17', Statement: [{statements}]}}}}");
            first(&[("p.yaml", &manifest("Policy", "p", &spec))], &Guardrails::standard()).resources.is_empty()
        };
        let both = refused(&format!("{one}, {more}"));
        prop_assert!(both || !refused(&one));
        prop_assert!(both || !refused(&more));
    }
}
