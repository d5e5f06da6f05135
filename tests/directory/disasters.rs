//! The disasters: what happens, what is to be said of it, and the calls that follow.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

use crate::place::{Place, remove};

/// One disaster.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) happens: fn(&Place),
    /// What must be said: each of these, or nothing at all of any problem.
    pub(crate) says: &'static [&'static str],
    /// The calls that change something: the same ones again when all is put back.
    pub(crate) writes: &'static [&'static str],
}

const fn case(name: &'static str, says: &'static [&'static str], happens: fn(&Place)) -> Case {
    Case { name, happens, says, writes: &[] }
}

/// A way in which programs write a file: the change is made, once.
const fn change(name: &'static str, happens: fn(&Place)) -> Case {
    Case { name, happens, says: &[], writes: &["UpdateRole"] }
}

const GONE: &[&str] = &["is no longer declared"];
const MISSING: &[&str] = &["does not exist"];
const NOTHING: &[&str] = &[];
const ROLE: &str = "iam/role.yaml";
const WEB: &str = "shop/web.yaml";

fn moved(place: &Place, from: &str, to: &str) {
    fs::create_dir_all(place.at(to).parent().expect("a folder")).expect("create");
    fs::rename(place.at(from), place.at(to)).expect("rename");
}

/// Every file under another name.
fn rename_all(place: &Place, name: impl Fn(&str) -> String) {
    for (file, _) in place.files() {
        moved(place, file, &name(file));
    }
}

/// Every file with other bytes.
fn rewrite_all(place: &Place, text: impl Fn(&str) -> Vec<u8>) {
    for (file, content) in place.files() {
        place.write(file, text(&content));
    }
}

fn set_mode(place: &Place, name: &str, mode: u32) {
    fs::set_permissions(place.at(name), fs::Permissions::from_mode(mode)).expect("chmod");
}

fn make_fifo(place: &Place, name: &str) {
    let made = Command::new("mkfifo").arg(place.directory().join(name).components().collect::<PathBuf>()).status();
    assert!(made.expect("mkfifo").success());
}

/// The role's file with another description.
fn changed(place: &Place) -> String {
    let name = if place.at(ROLE).exists() { ROLE } else { "role.yaml" };
    place.read(name).replace("description: tasks", "description: changed")
}

/// A file that a merge left with two sides.
fn with_conflict(text: &str, ours: &str, base: &str, theirs: &str) -> String {
    let sides = format!("<<<<<<< HEAD\n{ours}\n{base}=======\n{theirs}\n>>>>>>> feature\n");
    text.replace(&format!("{ours}\n"), &sides)
}

#[rustfmt::skip]
pub(crate) const PLAIN: &[Case] = &[
    // The directory as a whole.
    case("it is emptied", GONE, |p| p.files().iter().for_each(|(file, _)| remove(&p.at(file)))),
    case("it is removed", MISSING, |p| remove(&p.directory())),
    case("it is removed and made again, empty", GONE, |p| { remove(&p.directory()); fs::create_dir(p.directory()).expect("create"); }),
    case("it is removed and made again, as it was", NOTHING, |p| { remove(&p.directory()); p.fill("manifests"); }),
    case("it is moved away", MISSING, |p| fs::rename(p.directory(), p.base().join("elsewhere")).expect("rename")),
    case("it is moved away and linked", NOTHING, |p| {
        fs::rename(p.directory(), p.base().join("elsewhere")).expect("rename");
        p.link("elsewhere", "manifests");
    }),
    case("a file takes its place", &["is not a directory"], |p| { remove(&p.directory()); fs::write(p.directory(), "x").expect("write"); }),
    case("a pipe takes its place", &["is not a directory"], |p| { remove(&p.directory()); make_fifo(p, ""); }),
    case("a link to nothing takes its place", MISSING, |p| { remove(&p.directory()); p.link("nowhere", "manifests"); }),
    case("a link to itself takes its place", &["cannot list the folder"], |p| { remove(&p.directory()); p.link("manifests", "manifests"); }),
    case("a link to an empty folder takes its place", GONE, |p| {
        remove(&p.directory());
        fs::create_dir(p.base().join("elsewhere")).expect("create");
        p.link("elsewhere", "manifests");
    }),
    case("the volume behind it is not mounted yet", GONE, |p| {
        fs::rename(p.directory(), p.base().join("elsewhere")).expect("rename");
        fs::create_dir(p.directory()).expect("create");
        fs::create_dir(p.directory().join("lost+found")).expect("create");
    }),

    // Folders and names.
    case("a folder is removed", GONE, |p| remove(&p.at("shop"))),
    case("a folder is renamed", NOTHING, |p| moved(p, "shop", "store")),
    case("everything is renamed", NOTHING, |p| rename_all(p, |file| format!("{file}.new.yaml"))),
    case("everything is moved into one folder", NOTHING, |p| rename_all(p, |file| format!("all/{}", file.replace('/', "-")))),
    case("two files change places", NOTHING, |p| { moved(p, ROLE, "t"); moved(p, WEB, ROLE); moved(p, "t", WEB); }),
    case("everything is written in capitals", NOTHING, |p| rename_all(p, str::to_uppercase)),
    case("everything gets another ending", GONE, |p| rename_all(p, |file| format!("{file}.txt"))),
    case("everything is hidden", GONE, |p| rename_all(p, |file| format!(".trash/{file}"))),
    case("everything lies very deep", NOTHING, |p| rename_all(p, |file| format!("{}{file}", "d/".repeat(200)))),
    case("names are as long as they can be", NOTHING, |p| moved(p, WEB, &format!("shop/{}.yaml", "w".repeat(250)))),
    case("a name is no text", NOTHING, |p| fs::rename(p.at(WEB), p.directory().join(OsStr::from_bytes(b"\xff\xfe.yaml"))).expect("rename")),
    case("a name has a line break in it", NOTHING, |p| moved(p, WEB, "shop/a\nb.yaml")),
    case("a file becomes a folder", GONE, |p| { remove(&p.at(WEB)); fs::create_dir(p.at(WEB)).expect("create"); }),
    case("a file moves into a folder of its name", NOTHING, |p| { moved(p, WEB, "t"); moved(p, "t", "shop/web.yaml/web.yaml"); }),
    case("a folder becomes a file", GONE, |p| { remove(&p.at("shop")); p.write("shop", "x"); }),
    case("a file is there twice", &["Cluster/shop"], |p| { fs::copy(p.at("shop/cluster.yaml"), p.at("shop/cluster copy.yaml")).expect("copy"); }),
    case("a file is there twice by a hard link", &["Cluster/shop"], |p| fs::hard_link(p.at("shop/cluster.yaml"), p.at("shop/c.yaml")).expect("link")),

    // Links.
    case("a file becomes a link to nothing", &["is a link that leads nowhere"], |p| { remove(&p.at(WEB)); p.link("nowhere", "manifests/shop/web.yaml"); }),
    case("a folder becomes a link to nothing", &["is a link that leads nowhere"], |p| { remove(&p.at("shop")); p.link("nowhere", "manifests/shop"); }),
    case("a file becomes a link to itself", &["web.yaml"], |p| { remove(&p.at(WEB)); p.link("web.yaml", "manifests/shop/web.yaml"); }),
    case("two links lead to each other", &["a.yaml", "b.yaml"], |p| { p.link("b.yaml", "manifests/a.yaml"); p.link("a.yaml", "manifests/b.yaml"); }),
    case("a folder links to the one that it is in", &["a folder that the link itself is in"], |p| p.link("..", "manifests/shop/up")),
    case("a file moves out and is linked", &["outside of the manifest directory"], |p| {
        fs::rename(p.at(WEB), p.base().join("web.yaml")).expect("rename");
        p.link("../../web.yaml", "manifests/shop/web.yaml");
    }),
    case("a folder moves out and is linked", &["outside of the manifest directory"], |p| {
        fs::rename(p.at("shop"), p.base().join("shop")).expect("rename");
        p.link("../shop", "manifests/shop");
    }),
    case("a file becomes a link to an endless device", &["outside of the manifest directory"], |p| { remove(&p.at(WEB)); p.link("/dev/zero", "manifests/shop/web.yaml"); }),
    case("a file becomes a link to a secret", &["outside of the manifest directory"], |p| { remove(&p.at(WEB)); p.link("/etc/passwd", "manifests/shop/web.yaml"); }),
    case("a file moves to a hidden place and is linked", NOTHING, |p| { moved(p, WEB, ".store/web.yaml"); p.link("../.store/web.yaml", "manifests/shop/web.yaml"); }),

    // What is no file.
    case("a pipe is put beside the files", &["is not a regular file"], |p| make_fifo(p, "pipe.yaml")),
    case("a file becomes a pipe", &["is not a regular file"], |p| { remove(&p.at(WEB)); make_fifo(p, WEB); }),
    case("a file becomes a socket", &["is not a regular file"], |p| { remove(&p.at(WEB)); drop(UnixListener::bind(p.at(WEB)).expect("bind")); }),

    // What is in the files.
    case("a file is cut off to nothing", GONE, |p| p.write(WEB, "")),
    case("every file is cut off to nothing", GONE, |p| rewrite_all(p, |_| Vec::new())),
    case("a file has nothing but comments", GONE, |p| p.write(WEB, "# later\n")),
    case("a file has nothing but marks", GONE, |p| p.write(WEB, "---\n---\n")),
    case("a crash leaves zeros", &["web.yaml"], |p| p.write(WEB, vec![0; p.read(WEB).len()])),
    case("a crash leaves zeros at the end", &["web.yaml"], |p| p.write(WEB, [p.read(WEB).as_bytes(), &[0; 512]].concat())),
    case("a file is noise", &["web.yaml"], |p| p.write(WEB, (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>())),
    case("the marks of a merge are in a file", &["web.yaml"], |p| p.write(WEB, with_conflict(&p.read(WEB), "  desiredCount: 25", "", "  desiredCount: 3"))),
    case("the marks of a merge with its base are in a file", &["role.yaml"], |p| {
        p.write(ROLE, with_conflict(&p.read(ROLE), "  description: tasks", "||||||| 1a2b3c4\n  description: old\n", "  description: new"));
    }),
    case("the marks of a merge are in JSON", &["job.json"], |p| p.write("job.json", with_conflict(&p.read("job.json"), "    \"cpu\": \"256\",", "", "    \"cpu\": \"512\","))),
    case("the marks of a merge are in every file", &["web.yaml", "role.yaml", "job.json"], |p| {
        rewrite_all(p, |text| format!("<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> feature\n").into_bytes());
    }),
    case("files begin with a byte order mark", NOTHING, |p| rewrite_all(p, |text| [b"\xef\xbb\xbf", text.as_bytes()].concat())),
    case("lines end as on Windows", NOTHING, |p| rewrite_all(p, |text| text.replace('\n', "\r\n").into_bytes())),
    case("both", NOTHING, |p| rewrite_all(p, |text| [b"\xef\xbb\xbf", text.replace('\n', "\r\n").as_bytes()].concat())),
    case("files are UTF-16", &["web.yaml", "role.yaml"], |p| {
        rewrite_all(p, |text| [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect());
    }),
    case("a comment is Latin-1", &["web.yaml"], |p| p.write(WEB, [b"# caf\xe9\n", p.read(WEB).as_bytes()].concat())),
    case("lines are indented with tabs", &["web.yaml"], |p| p.write(WEB, p.read(WEB).replace("\n  ", "\n\t"))),
    case("somebody else's YAML lies beside them", &["values.yaml"], |p| p.write("values.yaml", "replicas: 3\n")),
    case("a kind is none of ours", &["more.yaml"], |p| p.write("more.yaml", p.read(ROLE).replace("Role", "Rule").replace("task", "other"))),
    case("everything is of another version", &["evenkeel/v2"], |p| rewrite_all(p, |text| text.replace("evenkeel/v1alpha1", "evenkeel/v2").into_bytes())),
    case("the first of two documents is broken", &["web.yaml"], |p| p.write(WEB, format!("---\na: [\n{}", p.read(WEB)))),
    case("an error page of a proxy was saved", &["web.yaml"], |p| p.write(WEB, "<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n")),
    case("a pointer of Git LFS was checked out", &["web.yaml"], |p| p.write(WEB, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")),

    // Too much.
    case("a file is huge", &["is larger than"], |p| fs::File::create(p.at(WEB)).and_then(|file| file.set_len(10 << 30)).expect("a file with holes")),
    case("a file is as large as it may be", NOTHING, |p| {
        let text = p.read(WEB);
        p.write(WEB, format!("{}\n{text}", "#".repeat((1 << 20) - text.len() - 1)));
    }),
    case("the files are larger than what is read in all", &["bytes together"], |p| (0..33).for_each(|n| p.write(&format!("bulk/{n}.yaml"), "#".repeat(1 << 20)))),

    // How programs write.
    change("vi keeps a copy, writes anew and removes the copy", |p| {
        let text = changed(p);
        p.write("iam/4913", "");
        remove(&p.at("iam/4913"));
        moved(p, ROLE, "iam/role.yaml~");
        p.write(ROLE, text);
        remove(&p.at("iam/role.yaml~"));
    }),
    change("vi has a swap file open", |p| { p.write("iam/.role.yaml.swp", b"b0VIM 9.1\0\xff"); p.write(ROLE, changed(p)); }),
    change("emacs has a lock and a copy", |p| {
        p.link("me@host.1234:1", "manifests/iam/.#role.yaml");
        fs::copy(p.at(ROLE), p.at("iam/role.yaml~")).expect("copy");
        p.write("iam/#role.yaml#", "half");
        p.write(ROLE, changed(p));
    }),
    change("another file is renamed over it", |p| { p.write("iam/role.yaml.tmp", changed(p)); moved(p, "iam/role.yaml.tmp", ROLE); }),
    change("sed edits it in place", |p| { p.write("iam/sedX1b2C3", changed(p)); moved(p, "iam/sedX1b2C3", ROLE); }),
    change("an IDE writes safely", |p| {
        p.write("iam/role.yaml___jb_tmp___", changed(p));
        moved(p, ROLE, "iam/role.yaml___jb_old___");
        moved(p, "iam/role.yaml___jb_tmp___", ROLE);
        remove(&p.at("iam/role.yaml___jb_old___"));
    }),
    change("it is overwritten byte by byte", |p| {
        use std::io::Write as _;
        let text = changed(p);
        let mut file = fs::File::create(p.at(ROLE)).expect("create");
        text.as_bytes().iter().for_each(|byte| file.write_all(&[*byte]).expect("write"));
    }),
    change("git checks it out", |p| {
        let text = changed(p);
        p.write(".git/index.lock", "");
        p.write(".git/broken.yaml", "a: [");
        remove(&p.at(ROLE));
        p.write(ROLE, text);
        remove(&p.at(".git/index.lock"));
    }),
    change("everything is touched", |p| { let text = changed(p); rewrite_all(p, |text| text.as_bytes().to_vec()); p.write(ROLE, text); }),
    change("one good file among broken ones", |p| p.write(ROLE, changed(p))),
];

#[rustfmt::skip]
pub(crate) const GIT_SYNC: &[Case] = &[
    case("the next worktree is the same", NOTHING, |p| { p.fill("worktrees/two/manifests"); p.swap("worktrees/two", "current"); }),
    case("the old worktree is removed after the swap", NOTHING, |p| {
        p.fill("worktrees/two/manifests");
        p.swap("worktrees/two", "current");
        remove(&p.base().join("worktrees/one"));
    }),
    case("the old worktree is removed before the swap", MISSING, |p| { p.fill("worktrees/two/manifests"); remove(&p.base().join("worktrees/one")); }),
    case("the next worktree is empty", GONE, |p| { fs::create_dir_all(p.base().join("worktrees/two/manifests")).expect("create"); p.swap("worktrees/two", "current"); }),
    case("the next worktree has no such folder", MISSING, |p| { fs::create_dir(p.base().join("worktrees/two")).expect("create"); p.swap("worktrees/two", "current"); }),
    case("the next worktree has a folder less", GONE, |p| {
        p.fill("worktrees/two/manifests");
        remove(&p.base().join("worktrees/two/manifests/shop"));
        p.swap("worktrees/two", "current");
    }),
    case("the next worktree is not there", MISSING, |p| p.swap("worktrees/two", "current")),
    case("the link is removed", MISSING, |p| remove(&p.base().join("current"))),
    case("the link becomes a folder", NOTHING, |p| { remove(&p.base().join("current")); p.fill("current/manifests"); }),
    case("the link becomes a file", &["manifests"], |p| { remove(&p.base().join("current")); fs::write(p.base().join("current"), "x").expect("write"); }),
    case("the link is swapped to and fro", NOTHING, |p| {
        p.fill("worktrees/two/manifests");
        (0..50).for_each(|n| p.swap(["worktrees/two", "worktrees/one"][n % 2], "current"));
    }),
    case("the next worktree has a broken file", &["web.yaml"], |p| {
        p.fill("worktrees/two/manifests");
        fs::write(p.base().join("worktrees/two/manifests/shop/web.yaml"), "a: [").expect("write");
        p.swap("worktrees/two", "current");
    }),
    change("the next worktree has a change", |p| {
        p.fill("worktrees/two/manifests");
        let text = changed(p);
        fs::write(p.base().join("worktrees/two/manifests/iam/role.yaml"), text).expect("write");
        p.swap("worktrees/two", "current");
        remove(&p.base().join("worktrees/one"));
    }),
    change("a worktree is edited after the swap", |p| {
        p.fill("worktrees/two/manifests");
        p.swap("worktrees/two", "current");
        p.write(ROLE, changed(p));
    }),
];

#[rustfmt::skip]
pub(crate) const KUBERNETES: &[Case] = &[
    case("the next version is the same", NOTHING, |p| { p.fill("volume/..2026_2"); p.swap("..2026_2", "volume/..data"); remove(&p.at("..2026_1")); }),
    case("the data is gone", &["is a link that leads nowhere"], |p| remove(&p.at("..2026_1"))),
    case("the link to the data is gone", &["is a link that leads nowhere"], |p| remove(&p.at("..data"))),
    case("the next version is empty and the links stay", &["is a link that leads nowhere"], |p| {
        fs::create_dir(p.at("..2026_2")).expect("create");
        p.swap("..2026_2", "volume/..data");
    }),
    case("a key is taken out", GONE, |p| { remove(&p.at("web.yaml")); remove(&p.at("..data/web.yaml")); }),
    case("a key is taken out and its link is not gone yet", &["is a link that leads nowhere"], |p| remove(&p.at("..data/web.yaml"))),
    case("every key is taken out", GONE, |p| p.files().iter().for_each(|(file, _)| remove(&p.at(file)))),
    case("a key is broken", &["web.yaml"], |p| {
        p.fill("volume/..2026_2");
        p.write("..2026_2/web.yaml", "a: [");
        p.swap("..2026_2", "volume/..data");
    }),
    change("the next version has a change", |p| {
        p.fill("volume/..2026_2");
        p.write("..2026_2/role.yaml", changed(p));
        p.swap("..2026_2", "volume/..data");
        remove(&p.at("..2026_1"));
    }),
];

/// What root may do all the same.
#[rustfmt::skip]
pub(crate) const FORBIDDEN: &[Case] = &[
    case("it may not be entered", &["cannot list the folder"], |p| set_mode(p, "", 0o000)),
    case("it may be listed and not entered", &["role.yaml", "cannot be read"], |p| set_mode(p, "iam", 0o400)),
    case("a folder may not be listed", &["cannot list the folder"], |p| set_mode(p, "shop", 0o000)),
    case("a folder may be entered and not listed", &["cannot list the folder"], |p| set_mode(p, "shop", 0o100)),
    case("a file may not be read", &["web.yaml", "cannot be read"], |p| set_mode(p, WEB, 0o000)),
    case("no file may be read", &["web.yaml", "role.yaml", "job.json"], |p| p.files().iter().for_each(|(file, _)| set_mode(p, file, 0o200))),
    case("files may be written by nobody", NOTHING, |p| p.files().iter().for_each(|(file, _)| set_mode(p, file, 0o444))),
];
