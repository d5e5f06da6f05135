//! What `evenkeel validate` says of bad manifests, word for word.
//!
//! Each folder of `tests/problems` is a directory of manifests and the `expected.txt` that is
//! printed for it. `UPDATE=1 cargo test --test problems` writes down what is printed now.
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `evenkeel validate` without the caller's settings. Returns exit code, standard output and error.
fn validate(directory: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .arg("validate")
        .arg(directory)
        .env_clear()
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// Validates a directory that the test makes, because git would not keep it as it is.
fn of_made(make: impl FnOnce(&Path)) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    make(directory.path());
    let (code, out, err) = validate(directory.path());
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    let real = directory.path().canonicalize().expect("a path");
    out.replace(real.to_str().expect("UTF-8"), "DIR")
}

fn write(path: PathBuf, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, content).expect("a file");
}

const CLUSTER: &str = "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata:\n  name: main\nspec: {}\n";

#[test]
fn every_case_prints_what_is_expected() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(cases).expect("cases").map(|case| case.expect("a case").path()).collect();
    folders.sort();
    assert!(folders.len() >= 25, "{} cases", folders.len());
    let mut wrong = Vec::new();
    for case in folders {
        let (code, out, err) = validate(&case);
        let expected = case.join("expected.txt");
        let name = case.file_name().unwrap_or_default().display().to_string();
        assert_eq!((code, err.as_str()), (1, ""), "{name}");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(expected, out).expect("expected.txt");
        } else if fs::read_to_string(expected).unwrap_or_default() != out {
            wrong.push(format!("== {name}\n{out}"));
        }
    }
    assert!(wrong.is_empty(), "these print something else now (UPDATE=1 accepts it):\n{}", wrong.join("\n"));
}

#[test]
fn a_file_that_is_too_large() {
    let out = of_made(|directory| {
        write(directory.join("good.yaml"), CLUSTER);
        write(directory.join("large.yaml"), format!("{CLUSTER}#{}\n", "x".repeat(1024 * 1024)));
    });
    assert_eq!(
        out,
        "large.yaml: error: is larger than the 1048576 bytes that are read of a file\n  hint: split the file\n\n1 problem.\n"
    );
}

#[test]
fn a_file_that_is_not_utf_8() {
    let out = of_made(|directory| {
        write(directory.join("latin-1.yaml"), b"apiVersion: evenkeel/v1alpha1\nkind: Cluster\n# B\xfcro\n");
    });
    assert_eq!(
        out,
        "latin-1.yaml:3:4: error: the file is not UTF-8 text: byte 0xfc at offset 47\n  hint: save the file as UTF-8\n\n1 problem.\n"
    );
}

#[test]
fn brackets_without_end() {
    let out = of_made(|directory| write(directory.join("deep.yaml"), format!("{CLUSTER}  a: {}", "[".repeat(5000))));
    assert_eq!(
        out,
        "deep.yaml:6:68: error: nested more than 64 levels deep\n  \
         hint: no manifest needs this: look for brackets or dashes that are not meant\n\n1 problem.\n"
    );
}

#[cfg(unix)]
#[test]
fn links_that_lead_elsewhere() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().expect("a directory");
    write(outside.path().join("secret.yaml"), CLUSTER);
    let out = of_made(|directory| {
        write(directory.join("shop/good.yaml"), CLUSTER);
        symlink(outside.path().join("secret.yaml"), directory.join("shop/outside.yaml")).expect("a link");
        symlink("nowhere.yaml", directory.join("shop/dangling.yaml")).expect("a link");
        symlink("..", directory.join("shop/loop")).expect("a link");
    });
    let outside = outside.path().canonicalize().expect("a path").join("secret.yaml").display().to_string();
    assert_eq!(
        out.replace(&outside, "OUTSIDE"),
        "shop/dangling.yaml: error: is a link that leads nowhere\n  \
         hint: remove the link or correct its target\n\
         shop/loop: error: is a link to DIR, a folder that the link itself is in\n  \
         hint: remove the link or correct its target\n\
         shop/outside.yaml: error: is a link to OUTSIDE, outside of the manifest directory\n  \
         hint: put the file itself into the directory: links may only point inside of it\n\n3 problems.\n"
    );
}

#[test]
fn a_directory_that_is_not_there() {
    let (code, out, err) = validate(Path::new("no/such/directory"));
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        "error: the manifest directory no/such/directory does not exist\n  \
         hint: check the path, and that the volume is mounted and its first checkout is done\n"
    );
}
