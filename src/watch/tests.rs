use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Instant;

use tokio::sync::watch;

use super::*;

/// A directory for one test, itself behind no link.
struct Base {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Base {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(dir.path()).unwrap();
        Self { _dir: dir, path }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    fn link(&self, target: &str, path: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        symlink(target, self.at(path)).unwrap();
    }

    /// Replaces a link in one step, as git-sync and the kubelet do.
    fn swap(&self, target: &str, path: &str) {
        let new = format!("{path}_tmp");
        self.link(target, &new);
        fs::rename(self.at(&new), self.at(path)).unwrap();
    }
}

/// The files of a snapshot as `path=content`, or `path: fault`.
fn seen(directory: &Path) -> Vec<String> {
    let line = |file: &File| match &file.content {
        Ok(content) => format!("{}={}", file.path.display(), String::from_utf8_lossy(content)),
        Err(fault) => format!("{}: {fault}", file.path.display()),
    };
    read(directory).unwrap().files.iter().map(line).collect()
}

/// The caller's part: waits for hints, takes a snapshot after each, re-arms, until the content is there.
fn wait_until(watcher: &mut Watcher, hints: &mut watch::Receiver<u64>, directory: &Path, expected: &[&str]) {
    let started = Instant::now();
    loop {
        while !hints.has_changed().unwrap() {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "no hint; the directory holds {:?}",
                read(directory).map(|_| seen(directory))
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        hints.mark_unchanged();
        let found = read(directory);
        watcher.rearm();
        if found.is_ok() && seen(directory) == expected {
            return;
        }
    }
}

/// Forgets the hints that are under way.
fn settle(watcher: &mut Watcher, hints: &mut watch::Receiver<u64>) {
    watcher.rearm();
    std::thread::sleep(Duration::from_millis(100));
    hints.mark_unchanged();
}

fn start(directory: &Path) -> (Watcher, watch::Receiver<u64>) {
    let (sender, hints) = watch::channel(0);
    let watcher = Watcher::start(directory, sender);
    assert!(watcher.is_armed());
    (watcher, hints)
}

#[test]
fn manifests_of_all_folders_are_read_in_the_order_of_their_paths() {
    let base = Base::new();
    base.write("b/c.yml", "1");
    base.write("b.yaml", "2");
    base.write("a.JSON", "3");
    base.write("b/kustomization.yaml", "4");
    base.write("README.md", "no");
    let snapshot = read(&base.path).unwrap();
    assert_eq!(seen(&base.path), ["a.JSON=3", "b/c.yml=1", "b/kustomization.yaml=4", "b.yaml=2"]);
    assert_eq!(snapshot.root, base.path);
    assert_eq!(snapshot.digest.len(), 64);
}

#[test]
fn hidden_files_and_what_editors_leave_behind_are_passed_over() {
    let base = Base::new();
    for name in [
        ".a.yaml",
        ".git/a.yaml",
        "a.yaml~",
        ".a.yaml.swp",
        "#a.yaml#",
        ".#a.yaml",
        "4913",
        "a.yaml.tmp",
        "yaml",
        "..2026/a.yaml",
    ] {
        base.write(name, "x");
    }
    assert_eq!(seen(&base.path), Vec::<String>::new());
}

#[test]
fn the_digest_changes_exactly_with_names_and_contents() {
    let base = Base::new();
    base.write("a.yaml", "1");
    let first = read(&base.path).unwrap().digest;
    base.write("notes.txt", "x");
    base.write("a.yaml", "1");
    assert_eq!(read(&base.path).unwrap().digest, first);
    base.write("a.yaml", "2");
    let second = read(&base.path).unwrap().digest;
    fs::rename(base.at("a.yaml"), base.at("b.yaml")).unwrap();
    let third = read(&base.path).unwrap().digest;
    assert!(first != second && second != third && first != third);
    // The border between a name and a content, and between two files, counts.
    let file = |path: &str, content: &str| File { path: path.into(), content: Ok(content.into()) };
    assert_ne!(digest(&[file("a", "bc")]), digest(&[file("ab", "c")]));
    assert_ne!(digest(&[file("a", "b"), file("c", "d")]), digest(&[file("a", "bcd")]));
}

#[test]
fn an_empty_directory_is_a_snapshot_and_a_missing_one_is_an_error() {
    let base = Base::new();
    assert_eq!(read(&base.path).unwrap().files, []);
    let error = read(&base.at("none")).unwrap_err();
    assert_eq!(error.to_string(), format!("the manifest directory {} does not exist", base.at("none").display()));
    assert!(error.hint().contains("mounted"));
    base.link("gone", "current");
    assert!(matches!(read(&base.at("current")), Err(ReadError::Missing(_))));
    base.write("file", "");
    assert!(matches!(read(&base.at("file")), Err(ReadError::NotADirectory(_))));
}

#[test]
fn links_that_leave_the_directory_are_refused() {
    let base = Base::new();
    base.write("secret.yaml", "s");
    base.write("dir/ok.yaml", "1");
    base.write("outside/x.yaml", "s");
    base.link("../secret.yaml", "dir/a.yaml");
    base.link("../outside", "dir/folder");
    base.link("/etc/passwd", "dir/p.json");
    base.link("/etc/passwd", "dir/not-a-manifest");
    let prefix = base.path.display();
    assert_eq!(
        seen(&base.at("dir")),
        [
            format!("a.yaml: is a link to {prefix}/secret.yaml, outside of the manifest directory"),
            format!("folder: is a link to {prefix}/outside, outside of the manifest directory"),
            "ok.yaml=1".to_owned(),
            "p.json: is a link to /etc/passwd, outside of the manifest directory".to_owned(),
        ]
    );
}

#[test]
fn a_directory_whose_name_only_starts_like_the_root_is_outside() {
    let base = Base::new();
    base.write("dir2/x.yaml", "s");
    base.link("../dir2/x.yaml", "dir/a.yaml");
    assert!(seen(&base.at("dir"))[0].contains("outside of the manifest directory"));
}

#[test]
fn links_inside_the_directory_are_followed_and_circles_are_refused() {
    let base = Base::new();
    base.write("real/x.yaml", "1");
    base.link("real", "alias");
    base.link("real/x.yaml", "y.yaml");
    base.link("..", "real/up");
    base.write("a/f.yaml", "2");
    base.link("../b", "a/to-b");
    base.write("b/g.yaml", "3");
    base.link("../a", "b/to-a");
    base.link("nowhere", "z.yaml");
    base.link("nowhere", "team");
    base.link("nowhere", ".hidden");
    let prefix = base.path.display();
    assert_eq!(
        seen(&base.path),
        [
            "a/f.yaml=2".to_owned(),
            "a/to-b/g.yaml=3".to_owned(),
            format!("a/to-b/to-a: is a link to {prefix}/a, a folder that the link itself is in"),
            format!("alias/up: is a link to {prefix}, a folder that the link itself is in"),
            "alias/x.yaml=1".to_owned(),
            "b/g.yaml=3".to_owned(),
            "b/to-a/f.yaml=2".to_owned(),
            format!("b/to-a/to-b: is a link to {prefix}/b, a folder that the link itself is in"),
            format!("real/up: is a link to {prefix}, a folder that the link itself is in"),
            "real/x.yaml=1".to_owned(),
            "team: is a link that leads nowhere".to_owned(),
            "y.yaml=1".to_owned(),
            "z.yaml: is a link that leads nowhere".to_owned(),
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_a_deleted_one() {
    let base = Base::new();
    base.write("large.yaml", &"#".repeat(MAX_FILE_BYTES + 1));
    base.write("full.yaml", &"#".repeat(MAX_FILE_BYTES));
    let _socket = std::os::unix::net::UnixListener::bind(base.at("socket.json")).unwrap();
    base.write("locked.yaml", "x");
    fs::set_permissions(base.at("locked.yaml"), fs::Permissions::from_mode(0o000)).unwrap();
    let snapshot = read(&base.path).unwrap();
    let faults: Vec<_> =
        snapshot.files.iter().map(|file| (file.path.to_str().unwrap(), file.content.as_ref().err())).collect();
    assert_eq!(faults[0], ("full.yaml", None));
    assert_eq!(faults[1], ("large.yaml", Some(&FileFault::TooLarge)));
    assert_eq!(faults[2].0, "locked.yaml");
    // Whoever runs the tests as root can read it all the same.
    assert!(matches!(faults[2].1, None | Some(FileFault::Unreadable(_))));
    assert_eq!(faults[3], ("socket.json", Some(&FileFault::NotAFile)));
}

#[test]
fn a_directory_beyond_the_limits_is_refused_as_a_whole() {
    let base = Base::new();
    let full = "#".repeat(MAX_FILE_BYTES);
    for n in 0..=MAX_TOTAL_BYTES / MAX_FILE_BYTES {
        base.write(&format!("{n}.yaml"), &full);
    }
    let error = read(&base.path).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge(_)), "{error}");
    assert!(error.hint().contains("name the folder of the manifests alone"));
}

#[test]
fn links_that_multiply_are_stopped() {
    let base = Base::new();
    for n in 0..25 {
        base.write(&format!("{n}/x"), "");
        for side in ["l", "r"] {
            base.link(&format!("../{}", n + 1), &format!("{n}/{side}"));
        }
    }
    base.write("25/x.txt", "1");
    assert!(matches!(read(&base.path), Err(ReadError::TooManyEntries(_))));
}

#[test]
fn a_directory_that_is_replaced_all_the_time_is_never_mixed() {
    let base = Base::new();
    for revision in ["one", "two"] {
        for n in 0..20 {
            base.write(&format!("{revision}/{n:02}.yaml"), revision);
        }
    }
    base.link("one", "current");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0_usize.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                base.swap(["two", "one"][n % 2], "current");
            }
        });
        for _ in 0..50 {
            match read(&base.at("current")) {
                Ok(snapshot) => {
                    let revision = snapshot.root.file_name().unwrap().to_str().unwrap().as_bytes();
                    assert_eq!(snapshot.files.len(), 20);
                    assert!(snapshot.files.iter().all(|file| file.content.as_deref() == Ok(revision)));
                }
                Err(error) => assert!(matches!(error, ReadError::KeepsChanging(_)), "{error}"),
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn the_swap_of_a_git_sync_link_is_seen_and_so_are_edits_behind_it() {
    let base = Base::new();
    base.write("worktrees/one/m/a.yaml", "1");
    base.write("worktrees/two/m/a.yaml", "2");
    base.link("worktrees/one", "current");
    let directory = base.at("current/m");
    let (mut watcher, mut hints) = start(&directory);
    settle(&mut watcher, &mut hints);
    base.swap("worktrees/two", "current");
    wait_until(&mut watcher, &mut hints, &directory, &["a.yaml=2"]);
    settle(&mut watcher, &mut hints);
    base.write("worktrees/two/m/a.yaml", "3");
    wait_until(&mut watcher, &mut hints, &directory, &["a.yaml=3"]);
    settle(&mut watcher, &mut hints);
    // The old revision is cleaned up later, which takes nothing away.
    fs::remove_dir_all(base.at("worktrees/one")).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(seen(&directory), ["a.yaml=3"]);
}

#[test]
fn the_swap_of_a_kubernetes_volume_is_seen() {
    let base = Base::new();
    base.write("v/..2026_1/a.yaml", "1");
    base.link("..2026_1", "v/..data");
    base.link("..data/a.yaml", "v/a.yaml");
    let directory = base.at("v");
    assert_eq!(seen(&directory), ["a.yaml=1"]);
    let (mut watcher, mut hints) = start(&directory);
    for (n, content) in [(2, "2"), (3, "3")] {
        settle(&mut watcher, &mut hints);
        base.write(&format!("v/..2026_{n}/a.yaml"), content);
        base.swap(&format!("..2026_{n}"), "v/..data");
        fs::remove_dir_all(base.at(&format!("v/..2026_{}", n - 1))).unwrap();
        wait_until(&mut watcher, &mut hints, &directory, &[&format!("a.yaml={content}")]);
    }
}

#[test]
fn a_directory_that_is_removed_and_made_again_is_seen_each_time() {
    let base = Base::new();
    base.write("d/a.yaml", "1");
    let directory = base.at("d");
    let (mut watcher, mut hints) = start(&directory);
    for content in ["2", "3"] {
        settle(&mut watcher, &mut hints);
        fs::remove_dir_all(&directory).unwrap();
        assert!(matches!(read(&directory), Err(ReadError::Missing(_))));
        watcher.rearm();
        base.write("d/a.yaml", content);
        wait_until(&mut watcher, &mut hints, &directory, &[&format!("a.yaml={content}")]);
    }
}

#[test]
fn a_directory_that_does_not_exist_yet_is_seen_when_it_does() {
    let base = Base::new();
    let directory = base.at("x/y");
    let (mut watcher, mut hints) = start(&directory);
    base.write("x/y/z/a.yaml", "1");
    wait_until(&mut watcher, &mut hints, &directory, &["z/a.yaml=1"]);
}

#[test]
fn a_file_that_an_editor_replaces_by_renaming_is_seen() {
    let base = Base::new();
    base.write("a.yaml", "1");
    let (mut watcher, mut hints) = start(&base.path);
    settle(&mut watcher, &mut hints);
    fs::rename(base.at("a.yaml"), base.at("a.yaml~")).unwrap();
    base.write("4913", "");
    fs::remove_file(base.at("4913")).unwrap();
    base.write("a.yaml", "2");
    fs::remove_file(base.at("a.yaml~")).unwrap();
    wait_until(&mut watcher, &mut hints, &base.path, &["a.yaml=2"]);
}

#[test]
fn reading_and_rearming_give_no_hint() {
    let base = Base::new();
    base.write("sub/a.yaml", "1");
    let (mut watcher, mut hints) = start(&base.path);
    settle(&mut watcher, &mut hints);
    for _ in 0..5 {
        read(&base.path).unwrap();
        watcher.rearm();
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(!hints.has_changed().unwrap());
}

#[test]
fn rearming_for_ever_does_not_use_up_what_the_system_grants() {
    let base = Base::new();
    let (mut watcher, _hints) = start(&base.path);
    // The usual limit is 128 watchers a user.
    for _ in 0..300 {
        watcher.rearm();
        assert!(watcher.is_armed());
    }
}

#[tokio::test]
async fn polling_every_half_second_finds_changes_without_the_system() {
    let base = Base::new();
    base.write("a.yaml", "1");
    let first = read(&base.path).unwrap().digest;
    let path = base.at("a.yaml");
    let change = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fs::write(path, "2").unwrap();
    });
    let mut scans = tokio::time::interval(Duration::from_millis(500));
    for _ in 0..20 {
        scans.tick().await;
        if read(&base.path).unwrap().digest != first {
            change.await.unwrap();
            return;
        }
    }
    panic!("no scan found the change");
}

#[test]
fn a_release_is_read_beside_the_manifests_and_counts_as_a_change() {
    let base = Base::new();
    base.write("a.yaml", "a");
    let before = read(&base.path).unwrap();
    base.write(RELEASE_FILE, "# the old shop\narn:aws:one 2026  \n\narn:aws:two # and its neighbour\r\n");
    base.write(&format!("below/{RELEASE_FILE}"), "arn:aws:three");
    let after = read(&base.path).unwrap();
    assert_eq!(after.releases, BTreeSet::from(["arn:aws:one 2026".to_owned(), "arn:aws:two".to_owned()]));
    assert_eq!(seen(&base.path), ["a.yaml=a"]);
    assert_ne!(before.digest, after.digest);
    fs::remove_file(base.at(RELEASE_FILE)).unwrap();
    fs::create_dir(base.at("pipes")).unwrap();
    symlink("nowhere", base.at(RELEASE_FILE)).unwrap();
    assert_eq!(read(&base.path).unwrap().releases, BTreeSet::new());
    assert!(seen(&base.path).iter().any(|line| line.starts_with(RELEASE_FILE)), "what cannot be read is said");
}
