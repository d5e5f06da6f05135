//! The rules of the code, and of the files beside it, as tests.
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use evenkeel::action::{Action, NewRole};
use evenkeel::load::{self, Desired};
use evenkeel::model::Kind;
use evenkeel::resource::Account;
use evenkeel::value::Value;
use evenkeel::watch;

/// Every module with its floor, in the order in which they may build on each other: a module uses
/// only what stands above it.
///
/// Floor 0 decides and does nothing else. Floor 1 knows the SDK's types, but no client. Floor 2
/// touches the world: AWS, files, sockets, the terminal. Floor 3 is one pass, floor 4 the process.
const MODULES: &[(&str, u8)] = &[
    ("plain", 0),
    ("value", 0),
    ("pattern", 0),
    ("window", 0),
    ("model", 0),
    ("mode", 0),
    ("yaml", 0),
    ("policy", 0),
    ("preset", 0),
    ("fields", 0),
    ("resource", 0),
    ("diff", 0),
    ("edit", 0),
    ("redact", 0),
    ("world", 0),
    ("rollout", 0),
    ("live", 0),
    ("failure", 0),
    ("fence", 0),
    ("action", 0),
    ("resolve", 0),
    ("guard", 0),
    ("plan", 0),
    ("prune", 0),
    ("memory", 0),
    ("queue", 0),
    ("pace", 0),
    ("status", 0),
    ("patience", 0),
    ("codec", 1),
    ("schema", 1),
    ("load", 1),
    ("export", 1),
    ("cloudformation", 1),
    ("metrics", 2),
    ("watch", 2),
    ("report", 2),
    ("aws", 2),
    ("serve", 2),
    ("reconcile", 3),
    ("cli", 4),
    ("daemon", 4),
    ("commands", 4),
];

/// The simulated AWS stands apart: only the commands start it, and it shares nothing with what it tests.
const SANDBOX: &str = "sandbox";

/// What makes a decision depend on more than its arguments.
const IMPURE: &[&str] = &[
    "async ",
    ".await",
    "tokio",
    "aws_sdk",
    "aws_config",
    "aws_smithy",
    "hyper",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "SystemTime::now",
    "Instant::now",
];

/// The crates that the code may name, beside `std`: those that `Cargo.toml` lists, each for a reason.
const CRATES: &[&str] = &[
    "anstream",
    "anstyle",
    "aws-config",
    "aws-sdk-applicationautoscaling",
    "aws-sdk-dynamodb",
    "aws-sdk-ecs",
    "aws-sdk-iam",
    "aws-sdk-sts",
    "aws-smithy-async",
    "aws-smithy-runtime-api",
    "aws-smithy-schema",
    "aws-smithy-types",
    "clap",
    "clap_complete",
    "http-body-util",
    "hyper",
    "hyper-util",
    "notify",
    "petgraph",
    "prometheus",
    "serde",
    "serde_json",
    "serde_yaml",
    "sha2",
    "strsim",
    "thiserror",
    "tokio",
    "tracing",
    "tracing-subscriber",
];

/// For tests only.
const DEV_CRATES: &[&str] = &["proptest", "tempfile", "tokio"];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;

/// A source file without what is only there for tests.
struct Source {
    /// Relative to `src`.
    path: PathBuf,
    /// The code, line by line as it stands, comments and the insides of texts blanked out.
    code: String,
}

impl Source {
    /// The module at the root of the crate that the file belongs to; empty for `lib` and `main`.
    fn module(&self) -> &str {
        let first = self.path.iter().next().and_then(|first| first.to_str()).unwrap_or_default();
        match first.strip_suffix(".rs").unwrap_or(first) {
            "lib" | "main" => "",
            module => module,
        }
    }

    /// Lines that hold a text, as `file:line`.
    fn places(&self, text: &str) -> Vec<String> {
        let lines = self.code.lines().enumerate().filter(|(_, line)| line.contains(text));
        lines.map(|(n, _)| format!("src/{}:{}: {text}", self.path.display(), n + 1)).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    list(&root().join("src"), &mut files);
    let source = |file: PathBuf| {
        let path = file.strip_prefix(root().join("src")).expect("a file of src").to_owned();
        Source { path, code: without_tests(&blanked(&fs::read_to_string(&file).expect("text"))) }
    };
    files.sort();
    files.into_iter().filter(|file| !file.ends_with("tests.rs")).map(source).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code with spaces in place of comments, texts and characters, so that only code is left to find.
fn blanked(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let length = opaque(rest, out.ends_with(|before: char| before.is_alphanumeric() || before == '_'));
        if length == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// How long the comment, text or character is that starts here; 0 when none does.
fn opaque(rest: &str, in_word: bool) -> usize {
    let until = |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    let raw = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r').filter(|_| !in_word);
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let start = rest.len() - raw.len() + hashes + 1;
            return until(start, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    let quoted = |quote: char| {
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let end = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            end
        });
        end.map_or(rest.len(), |(at, _)| at + 1)
    };
    if rest.starts_with('"') {
        return quoted('"');
    }
    // A lifetime has no second quote behind its first character.
    let mut after = rest.chars().skip(1);
    match (rest.starts_with('\''), after.next(), after.next()) {
        (true, Some('\\'), _) | (true, Some(_), Some('\'')) => quoted('\''),
        _ => 0,
    }
}

/// The code without `#[cfg(test)]` modules, which stand at the end of their files.
fn without_tests(code: &str) -> String {
    let end = code.find("#[cfg(test)]\nmod ").unwrap_or(code.len());
    code[..end].to_owned()
}

/// The modules of this crate that a piece of code names: `crate::x` and `use crate::{x, y::z}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        let word = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            None => {
                named.insert(word(rest));
            }
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                named.extend(group.split(',').map(|name| word(name.trim())));
            }
        }
    }
    named.remove("");
    named
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn the_table_of_modules_is_complete() {
    let floors: Vec<u8> = MODULES.iter().map(|(_, floor)| *floor).collect();
    assert!(floors.is_sorted(), "the table is in the order of the floors");
    let listed: BTreeSet<&str> = MODULES.iter().map(|(name, _)| *name).chain([SANDBOX]).collect();
    let sources = sources();
    let there: BTreeSet<&str> = sources.iter().map(Source::module).filter(|name| !name.is_empty()).collect();
    assert_eq!(there, listed);
}

#[test]
fn modules_use_only_what_stands_above_them() {
    let place = |name: &str| MODULES.iter().position(|(module, _)| *module == name);
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        for used in named(&source.code).into_iter().filter(|used| used != module) {
            let fine = match (module, used.as_str()) {
                ("", _) | ("commands", SANDBOX) => true,
                (SANDBOX, _) | (_, SANDBOX) => false,
                (module, used) => place(used) < place(module) && place(used).is_some(),
            };
            if !fine {
                wrong.push(format!("src/{}: crate::{used}", source.path.display()));
            }
        }
    }
    assert_none(&wrong, "these look upward (see MODULES in tests/tidy.rs)");
}

#[test]
fn decisions_depend_on_nothing_but_their_arguments() {
    let pure: BTreeSet<&str> = MODULES.iter().filter(|(_, floor)| *floor == 0).map(|(name, _)| *name).collect();
    let sources = sources();
    let of_floor = sources.iter().filter(|source| pure.contains(source.module()));
    let found: Vec<String> = of_floor.flat_map(|source| IMPURE.iter().flat_map(|text| source.places(text))).collect();
    assert_none(&found, "floor 0 is pure");
}

#[test]
fn the_clock_and_the_clients_stay_out_of_floor_1() {
    let floor: BTreeSet<&str> = MODULES.iter().filter(|(_, floor)| *floor == 1).map(|(name, _)| *name).collect();
    let sources = sources();
    let banned = ["async ", "tokio", "Client", "std::fs", "SystemTime::now", "Instant::now"];
    let of_floor = sources.iter().filter(|source| floor.contains(source.module()));
    let found: Vec<String> = of_floor.flat_map(|source| banned.iter().flat_map(|text| source.places(text))).collect();
    assert_none(&found, "floor 1 does no I/O");
}

#[test]
fn the_young_api_of_schemas_is_used_in_one_place() {
    let sources = sources();
    let others = sources.iter().filter(|source| source.module() != "codec");
    let found: Vec<String> = others.flat_map(|source| source.places("aws_smithy_schema")).collect();
    assert_none(&found, "only src/codec names aws_smithy_schema");
}

#[test]
fn only_main_prints_and_nothing_is_unsafe() {
    let mut found = Vec::new();
    for source in sources() {
        found.extend(source.places("unsafe"));
        if source.path != Path::new("main.rs") {
            found.extend(["print!", "println!", "dbg!"].iter().flat_map(|text| source.places(text)));
        }
    }
    assert_none(&found, "commands write through one function each; unsafe code has no place here");
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for source in sources() {
        for (name, line, lines) in functions(&source.code) {
            if lines > FUNCTION_LINES_MAX {
                long.push(format!("src/{}:{line}: {name} has {lines} lines", source.path.display()));
            }
        }
    }
    assert_none(&long, &format!("a function has at most {FUNCTION_LINES_MAX} lines"));
}

/// Name, first line and number of lines of every function with a body.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let name: String = code[at + 3..].chars().take_while(|c| word(*c)).collect();
        if name.is_empty() || code[..at].ends_with(word) {
            continue;
        }
        let mut depth = 0_usize;
        let mut end = None;
        for (offset, c) in code[at..].char_indices() {
            match c {
                ';' if depth == 0 => break,
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if c == '}' && depth == 0 {
                end = Some(at + offset);
                break;
            }
        }
        if let Some(end) = end {
            let line = code[..at].matches('\n').count() + 1;
            functions.push((name, line, code[at..end].matches('\n').count() + 1));
        }
    }
    functions
}

#[test]
fn files_are_short() {
    let sources = sources();
    let lines = |source: &Source| source.code.lines().count();
    let long = sources.iter().filter(|source| lines(source) > FILE_LINES_MAX);
    let long: Vec<String> = long.map(|source| format!("src/{}: {}", source.path.display(), lines(source))).collect();
    assert_none(&long, &format!("a file has at most {FILE_LINES_MAX} lines, tests not counted"));
}

#[test]
fn every_crate_is_agreed_on() {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut table = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut table);
        } else if let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            tables.entry(table.clone()).or_default().insert(name.trim().to_owned());
        }
    }
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(tables.get("dependencies"), Some(&names(CRATES)));
    assert_eq!(tables.get("dev-dependencies"), Some(&names(DEV_CRATES)));
    let more: Vec<&String> =
        tables.keys().filter(|table| table.contains("dependencies") && !table.starts_with("d")).collect();
    assert!(more.is_empty(), "{more:?}: list these tables here, too");
}

fn load(folder: &str) -> Desired {
    let snapshot = watch::read(&root().join(folder)).expect("the folder is there");
    let files: Vec<load::File> = snapshot.files.into_iter().map(load::File::from).collect();
    load::load(&files, &Account::offline(None), &Desired::default())
}

#[test]
fn the_manifests_that_we_ship_have_no_problems() {
    for folder in ["manifests", "deploy/evenkeel"] {
        let desired = load(folder);
        let problems: Vec<String> = desired.problems.iter().map(ToString::to_string).collect();
        assert_none(&problems, folder);
        assert!(!desired.resources.is_empty(), "{folder} declares something");
    }
}

/// One of each. A new kind of action does not compile here until it is in the list.
fn actions() -> Vec<Action> {
    let (text, none, some) = (String::new, || Value::Null, BTreeMap::new);
    let role = NewRole {
        name: text(),
        path: text(),
        assume_role_policy_document: none(),
        description: None,
        max_session_duration: None,
        permissions_boundary: None,
        tags: some(),
    };
    let all = vec![
        Action::CreatePolicy { name: text(), path: text(), description: None, document: none(), tags: some() },
        Action::CreatePolicyVersion { arn: text(), document: none() },
        Action::DeletePolicyVersion { arn: text(), version: text() },
        Action::TagPolicy { arn: text(), tags: some() },
        Action::CreateRole(Box::new(role)),
        Action::UpdateRole { role: text(), description: text(), max_session_duration: 3600 },
        Action::UpdateAssumeRolePolicy { role: text(), document: none() },
        Action::PutRolePermissionsBoundary { role: text(), arn: text() },
        Action::PutRolePolicy { role: text(), policy: text(), document: none() },
        Action::DeleteRolePolicy { role: text(), policy: text() },
        Action::AttachRolePolicy { role: text(), arn: text() },
        Action::DetachRolePolicy { role: text(), arn: text() },
        Action::TagRole { role: text(), tags: some() },
        Action::CreateInstanceProfile { profile: text(), path: text(), tags: BTreeMap::new() },
        Action::AddRoleToInstanceProfile { profile: text(), role: text() },
        Action::PutAccountSettingDefault { name: text(), value: text() },
        Action::CreateCluster(none()),
        Action::UpdateCluster(none()),
        Action::PutClusterCapacityProviders(none()),
        Action::CreateCapacityProvider(none()),
        Action::UpdateCapacityProvider(none()),
        Action::RegisterTaskDefinition(none()),
        Action::CreateService(none()),
        Action::UpdateService(none()),
        Action::TagResource { arn: text(), tags: some() },
        Action::DeletePolicy { arn: text() },
        Action::DeleteRole { role: text() },
        Action::RemoveRoleFromInstanceProfile { profile: text(), role: text() },
        Action::DeleteInstanceProfile { profile: text() },
        Action::DeleteCluster { cluster: text() },
        Action::DeleteCapacityProvider { name: text() },
        Action::DeleteService { cluster: text(), service: text() },
    ];
    let position = |action: &Action| match action {
        Action::CreatePolicy { .. } => 0,
        Action::CreatePolicyVersion { .. } => 1,
        Action::DeletePolicyVersion { .. } => 2,
        Action::TagPolicy { .. } => 3,
        Action::CreateRole(_) => 4,
        Action::UpdateRole { .. } => 5,
        Action::UpdateAssumeRolePolicy { .. } => 6,
        Action::PutRolePermissionsBoundary { .. } => 7,
        Action::PutRolePolicy { .. } => 8,
        Action::DeleteRolePolicy { .. } => 9,
        Action::AttachRolePolicy { .. } => 10,
        Action::DetachRolePolicy { .. } => 11,
        Action::TagRole { .. } => 12,
        Action::CreateInstanceProfile { .. } => 13,
        Action::AddRoleToInstanceProfile { .. } => 14,
        Action::PutAccountSettingDefault { .. } => 15,
        Action::CreateCluster(_) => 16,
        Action::UpdateCluster(_) => 17,
        Action::PutClusterCapacityProviders(_) => 18,
        Action::CreateCapacityProvider(_) => 19,
        Action::UpdateCapacityProvider(_) => 20,
        Action::RegisterTaskDefinition(_) => 21,
        Action::CreateService(_) => 22,
        Action::UpdateService(_) => 23,
        Action::TagResource { .. } => 24,
        Action::DeletePolicy { .. } => 25,
        Action::DeleteRole { .. } => 26,
        Action::RemoveRoleFromInstanceProfile { .. } => 27,
        Action::DeleteInstanceProfile { .. } => 28,
        Action::DeleteCluster { .. } => 29,
        Action::DeleteCapacityProvider { .. } => 30,
        Action::DeleteService { .. } => 31,
    };
    assert_eq!(all.iter().map(position).collect::<Vec<_>>(), (0..32).collect::<Vec<_>>());
    all
}

/// How src/aws begins a call, and how permissions for it begin.
const CLIENTS: [(&str, &str); 5] = [
    ("ecs.", "ecs"),
    ("iam.", "iam"),
    ("scaling.", "application-autoscaling"),
    ("dynamodb.", "dynamodb"),
    ("send!(ecs,", "ecs"),
];

/// What the daemon calls with `--lease dynamodb:TABLE`; its permissions are in deploy/README.md.
const OF_LEASE: &str = "aws/lease.rs";

/// What only `export` calls: a person runs it, with a person's credentials.
const OF_EXPORT: &str = "aws/list.rs";

/// The operations that src/aws calls on the clients for the daemon, as permissions.
fn calls() -> BTreeSet<String> {
    calls_in(|path| path != Path::new(OF_EXPORT) && path != Path::new(OF_LEASE))
}

/// The operations that some files of src/aws call on the clients. Whatever starts like an operation
/// and is called on a client is one.
fn calls_in(wanted: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let verbs = [
        "add", "attach", "create", "delete", "describe", "detach", "get", "list", "put", "register", "remove", "tag",
        "untag", "update",
    ];
    let mut calls = BTreeSet::new();
    for source in sources().into_iter().filter(|source| source.module() == "aws" && wanted(&source.path)) {
        let tight: String = source.code.split_whitespace().collect();
        for (client, service) in CLIENTS {
            for (at, _) in tight.match_indices(client) {
                let operation: String =
                    tight[at + client.len()..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let verb = operation.split('_').next().unwrap_or_default();
                if verbs.contains(&verb) && operation.contains('_') {
                    let camel = operation.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
                    calls.insert(format!("{service}:{}", camel.collect::<String>()));
                }
            }
        }
    }
    calls
}

#[test]
fn every_action_is_one_call_of_the_client() {
    let calls = calls();
    let missing: Vec<&str> =
        actions().iter().map(Action::permission).filter(|permission| !calls.contains(*permission)).collect();
    assert!(missing.is_empty(), "src/aws never calls {missing:?}");
}

/// The statements of the policies in a folder: the daemon's own, or those for what not everybody wants.
fn policy_statements(folder: &str) -> Vec<Value> {
    let policies = load(folder).resources.into_values().filter(|resource| resource.key.kind == Kind::Policy);
    policies
        .flat_map(|policy| policy.spec["policyDocument"]["Statement"].as_array().cloned().expect("a list"))
        .collect()
}

/// The daemon may do what it does, and nothing else.
#[test]
fn the_policy_allows_exactly_the_calls_that_are_made() {
    let allowed: BTreeSet<String> = [policy_statements("deploy/evenkeel"), policy_statements("deploy/options")]
        .concat()
        .iter()
        .filter(|statement| statement["Effect"] == "Allow")
        .flat_map(|statement| match &statement["Action"] {
            Value::Array(actions) => actions.clone(),
            action => vec![action.clone()],
        })
        .map(|action| action.as_str().expect("text").to_owned())
        .collect();
    let mut made = calls();
    made.extend(actions().iter().map(|action| action.permission().to_owned()));
    // What AWS asks for beside the call itself: to hand a role to a task, an instance or a service, to
    // tag what is created, and to make ECS's own role with an account's first cluster.
    made.extend(["iam:PassRole", "iam:TagInstanceProfile", "iam:CreateServiceLinkedRole"].map(str::to_owned));
    let idle: Vec<&String> = allowed.difference(&made).collect();
    let denied: Vec<&String> = made.difference(&allowed).collect();
    assert!(idle.is_empty(), "the policies in deploy/ allow what nothing calls: {idle:?}");
    assert!(denied.is_empty(), "the policies in deploy/ do not allow {denied:?}");
}

/// Whoever wants a lease is told what it takes.
#[test]
fn the_statement_for_leases_allows_exactly_the_calls_that_are_made() {
    let text = fs::read_to_string(root().join("deploy/README.md")).expect("text");
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'));
    let named: BTreeSet<String> = words.filter(|word| word.starts_with("dynamodb:")).map(str::to_owned).collect();
    let named: BTreeSet<String> = named.into_iter().filter(|word| word != "dynamodb:").collect();
    let mut made = calls_in(|path| path == Path::new(OF_LEASE));
    // The flag's value looks like a permission.
    made.insert("dynamodb:evenkeel".to_owned());
    assert_eq!(named, made);
}

/// Whoever exports is told what it takes beside the daemon's own reads.
#[test]
fn the_help_of_export_names_every_permission_that_the_daemon_does_not_have() {
    let allowed = Value::from(policy_statements("deploy/evenkeel")).to_string();
    let more: BTreeSet<String> = calls_in(|path| path == Path::new(OF_EXPORT))
        .into_iter()
        .filter(|permission| !allowed.contains(&format!("\"{permission}\"")))
        .collect();
    let mut command = <evenkeel::cli::Cli as clap::CommandFactory>::command();
    let export = command.find_subcommand_mut("export").expect("the command");
    let help = export.render_long_help().to_string();
    let words = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'));
    let named: BTreeSet<String> =
        words.filter(|word| ["ecs:", "iam:"].iter().any(|of| word.starts_with(of))).map(str::to_owned).collect();
    assert_eq!(named, more);
}

mod of_these_rules {
    use super::*;

    #[test]
    fn comments_and_texts_are_no_code() {
        let code = "let a = \"fn x { \\\" {\"; // fn y {\nlet b = r#\"{\"{\"#; let c = '{'; let d: &'a str; /* { */ e";
        let blank = blanked(code);
        assert_eq!(blank.matches('{').count(), 0, "{blank}");
        assert_eq!(blank.lines().count(), 2);
        assert!(blank.contains("&'a str") && blank.ends_with(" e"), "{blank}");
    }

    #[test]
    fn functions_end_with_their_brace() {
        let code = "trait T { fn a(&self) -> [u8; 2]; }\nfn b() -> [u8; 2] {\n  x(|| { 1 });\n}\nfn c() {}\n";
        assert_eq!(functions(code), [("b".to_owned(), 2, 3), ("c".to_owned(), 5, 1)]);
    }

    #[test]
    fn imports_are_found_in_every_form() {
        let code = "use crate::aws::{Aws, calls};\nuse crate::{model::Key, plan};\nlet x = crate::world::Seen::Absent;";
        assert_eq!(named(code).into_iter().collect::<Vec<_>>(), ["aws", "model", "plan", "world"]);
    }
}
