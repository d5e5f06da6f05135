//! What becomes of CloudFormation templates, word for word.
//!
//! Each folder of `tests/cloudformation` is a template, what is given beside it (`parameters.txt`), and
//! what is expected: the manifests, the notes, and the problems that `validate` has with the
//! manifests. `UPDATE=1 cargo test --test cloudformation` writes down what comes out now.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use evenkeel::cloudformation::{self, Note};
use evenkeel::export::stream_text;
use evenkeel::load::{File, load};
use evenkeel::resource::Account;
use scenario::Lab;

/// What comes of a folder, by the name of the file that holds it.
type Outcome = BTreeMap<&'static str, String>;

fn cases() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloudformation");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(cases).expect("cases").map(|case| case.expect("a case").path()).collect();
    folders.sort();
    folders
}

fn name_of(case: &Path) -> String {
    case.file_name().unwrap_or_default().display().to_string()
}

fn template(case: &Path) -> PathBuf {
    let files = ["template.yaml", "template.json"].map(|name| case.join(name));
    files.into_iter().find(|file| file.exists()).expect("a template")
}

fn parameters(case: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(case.join("parameters.txt")).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn lines(notes: &[Note]) -> String {
    notes.iter().map(|note| format!("{note}\n")).collect()
}

fn problems(manifests: &str) -> Vec<String> {
    let file = File { path: PathBuf::from("manifests.yaml"), content: Ok(manifests.as_bytes().to_vec()) };
    let desired = load(&[file], &Account::offline(Some("eu-central-1")), &Default::default());
    desired.problems.iter().map(ToString::to_string).collect()
}

fn outcome(case: &Path) -> Outcome {
    let text = fs::read(template(case)).expect("a template");
    match cloudformation::convert(&text, &parameters(case)) {
        Ok(conversion) => {
            let manifests = stream_text(&conversion.documents);
            let problems: String = problems(&manifests).iter().map(|problem| format!("{problem}\n")).collect();
            let notes = lines(&conversion.notes);
            Outcome::from([("manifests.yaml", manifests), ("notes.txt", notes), ("problems.txt", problems)])
        }
        Err(faults) => Outcome::from([("faults.txt", lines(&faults))]),
    }
}

#[test]
fn every_template_becomes_what_is_expected() {
    let cases = cases();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let outcome = outcome(&case);
        for file in ["manifests.yaml", "notes.txt", "problems.txt", "faults.txt"] {
            let (path, now) = (case.join(file), outcome.get(file).filter(|text| !text.is_empty()));
            if std::env::var_os("UPDATE").is_some() {
                let _ = fs::remove_file(&path);
                if let Some(text) = now {
                    fs::write(&path, text).expect("an expectation");
                }
            } else if fs::read_to_string(&path).ok().as_ref() != now {
                wrong.push(format!("== {}/{file}\n{}", name_of(&case), now.map_or("", String::as_str)));
            }
        }
    }
    assert!(wrong.is_empty(), "this comes out now (UPDATE=1 accepts it):\n{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn what_is_complete_settles_in_an_account_and_stays() {
    let mut applied = 0;
    for case in cases() {
        let outcome = outcome(&case);
        let (Some(manifests), Some("")) =
            (outcome.get("manifests.yaml"), outcome.get("problems.txt").map(String::as_str))
        else {
            continue;
        };
        let lab = Lab::new().await;
        let writes = lab.settle(manifests).await;
        assert_eq!(writes.is_empty(), manifests.is_empty(), "{}: {writes:?}", name_of(&case));
        assert_eq!(lab.settle(manifests).await, Vec::<String>::new(), "{}", name_of(&case));
        applied += 1;
    }
    assert!(applied >= 10, "{applied} cases");
}

#[test]
fn what_is_not_complete_is_refused_for_what_is_missing() {
    for case in cases().into_iter().filter(|case| name_of(case) != "unclear") {
        let outcome = outcome(&case);
        for problem in outcome.get("problems.txt").map_or("", String::as_str).lines() {
            assert!(problem.contains(" is yet to be filled in; "), "{}: {problem}", name_of(&case));
        }
    }
}

#[test]
fn every_note_has_a_place() {
    for case in cases() {
        let text = fs::read(template(&case)).expect("a template");
        let (Ok(cloudformation::Conversion { notes, .. }) | Err(notes)) =
            cloudformation::convert(&text, &parameters(&case));
        for note in notes {
            assert!(note.at.is_some(), "{}: {note}", name_of(&case));
        }
    }
}

#[test]
fn a_line_less_is_never_a_panic() {
    for case in cases() {
        let text = fs::read_to_string(template(&case)).expect("a template");
        for left_out in 0..text.lines().count() {
            let lines = text.lines().enumerate().filter(|(n, _)| *n != left_out);
            let text: String = lines.map(|(_, line)| format!("{line}\n")).collect();
            let conversion = cloudformation::convert(text.as_bytes(), &parameters(&case));
            let told = conversion.map_or_else(|faults| faults.len(), |conversion| conversion.notes.len());
            assert!(told > 0, "{}, without line {}", name_of(&case), left_out + 1);
        }
    }
}

#[test]
fn conditions_that_double_end_in_time() {
    let pairs = (0..200).map(|n| format!("  C{n}: !And [!Condition C{0}, !Condition C{0}]\n", n + 1));
    let text = format!(
        "Conditions:\n{}  C200: !Equals [a, a]\nResources:\n  A:\n    Type: AWS::ECS::Cluster\n    Condition: C0\n",
        pairs.collect::<String>()
    );
    let conversion = cloudformation::convert(text.as_bytes(), &BTreeMap::new()).expect("a template");
    assert_eq!(conversion.documents.len(), 1);
}

#[test]
fn a_given_value_is_a_text_without_control_characters() {
    let given = BTreeMap::from([("A".to_owned(), "a\u{1}@A.Arn\u{1}".to_owned())]);
    let faults = cloudformation::convert(b"Resources: {A: {Type: 'AWS::ECS::Cluster'}}", &given).expect_err("refused");
    assert_eq!(faults[0].message, "the value that was given holds a control character");
}

/// Runs `evenkeel export`. Returns exit code, standard output and error.
fn export(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .arg("export")
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloudformation"))
        .env_clear()
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_manifests_and_says_the_rest_beside_them() {
    let region = "AWS::Region=us-east-1";
    let (code, out, err) = export(&["--from-cloudformation", "mappings/template.yaml", "--parameter", region]);
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloudformation/mappings");
    assert_eq!((code, out), (0, fs::read_to_string(case.join("manifests.yaml")).expect("manifests")));
    assert!(err.starts_with("mappings/template.yaml:10:1: Resources: while a stack owns"), "{err}");

    let (code, out, err) = export(&["--from-cloudformation", "broken-yaml/template.yaml"]);
    assert_eq!((code, out.as_str()), (1, ""));
    let expected = "error: the template cannot be read\nbroken-yaml/template.yaml:5:20: not valid YAML: ";
    assert!(err.starts_with(expected), "{err}");

    let (code, _, err) = export(&["--from-cloudformation", "none.yaml"]);
    assert_eq!(code, 1);
    assert!(err.starts_with("error: none.yaml: "), "{err}");

    let twice = ["--from-cloudformation", "mappings/template.yaml", "--parameter", region, "--parameter", region];
    assert_eq!(export(&twice).2, "error: the parameter AWS::Region is given twice\n");

    let folder = tempfile::tempdir().expect("a directory");
    let to = folder.path().to_str().expect("UTF-8");
    let (code, out, _) = export(&["--from-cloudformation", "seeds-roles/template.yaml", "--to", to]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(folder.path().join("roles/ecs-instance-role.yaml").exists());

    assert!(export(&["--parameter", region]).2.contains("--from-cloudformation <FILE>"));
}
