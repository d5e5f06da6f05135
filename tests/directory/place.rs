//! The directory that disasters happen to, in the three ways in which directories come to a daemon.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::scenario::{cluster, manifest, role, service};

/// How the directory comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Files in folders.
    Plain,
    /// `current`, a link to a worktree that is replaced as a whole.
    GitSync,
    /// A volume: links to `..data/FILE`, and `..data` a link to a folder that is replaced as a whole.
    Kubernetes,
}

/// A folder of its own with the directory somewhere in it.
pub(crate) struct Place {
    layout: Layout,
    folder: tempfile::TempDir,
}

const POLICY: &str = "description: reads
policyDocument:
  Version: '2012-10-17'
  Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::shop/*'}]";

const JOB: &str = r#"{
  "apiVersion": "evenkeel/v1alpha1",
  "kind": "TaskDefinition",
  "metadata": {"name": "job"},
  "spec": {
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [{"name": "job", "image": "shop/job:1"}]
  }
}
"#;

/// What everything in the directory says, by its path.
fn contents() -> Vec<(&'static str, String)> {
    let task = role("task", "description: tasks\nmanagedPolicyArns: [{ref: Policy/read}]");
    let web = service("web", "shop/web:1", "", "desiredCount: 25\n");
    vec![
        ("iam/policy.yaml", manifest("Policy", "read", POLICY)),
        ("iam/role.yaml", task),
        ("job.json", JOB.to_owned()),
        ("shop/cluster.yaml", cluster("shop")),
        ("shop/web.yaml", web),
    ]
}

/// One file of a few documents, of which every part is to be cut off.
pub(crate) fn sample() -> String {
    let web = service("web", "shop/web:11", "", "desiredCount: 12\n");
    [role("task", "description: what tasks are\nmaxSessionDuration: 7200"), cluster("shop"), web].concat()
}

impl Place {
    pub(crate) fn new(layout: Layout) -> Self {
        let place = Self { layout, folder: tempfile::tempdir().expect("tempdir") };
        place.restore();
        place
    }

    /// The folder around it all.
    pub(crate) fn base(&self) -> &Path {
        self.folder.path()
    }

    /// What the daemon watches.
    pub(crate) fn directory(&self) -> PathBuf {
        match self.layout {
            Layout::Plain => self.base().join("manifests"),
            Layout::GitSync => self.base().join("current/manifests"),
            Layout::Kubernetes => self.base().join("volume"),
        }
    }

    /// Where a file of the directory is.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(name).parent().expect("a folder")).expect("create");
        fs::write(self.at(name), text).expect("write");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).expect("text")
    }

    /// The files as they were at first, by path.
    pub(crate) fn files(&self) -> Vec<(&'static str, String)> {
        let mut files = contents();
        if self.layout == Layout::Kubernetes {
            // The keys of a ConfigMap have no folders.
            files.iter_mut().for_each(|(name, _)| *name = name.rsplit('/').next().expect("a name"));
        }
        files
    }

    /// Everything from the beginning, in the place of whatever is there.
    pub(crate) fn restore(&self) {
        for entry in fs::read_dir(self.base()).expect("a folder") {
            remove(&entry.expect("an entry").path());
        }
        match self.layout {
            Layout::Plain => self.fill("manifests"),
            Layout::GitSync => {
                self.fill("worktrees/one/manifests");
                self.link("worktrees/one", "current");
            }
            Layout::Kubernetes => {
                self.fill("volume/..2026_1");
                self.link("..2026_1", "volume/..data");
                for (name, _) in self.files() {
                    self.link(format!("..data/{name}"), &format!("volume/{name}"));
                }
            }
        }
    }

    /// Puts the files of the beginning into a folder of the base.
    pub(crate) fn fill(&self, folder: &str) {
        for (name, text) in self.files() {
            let path = self.base().join(folder).join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("create");
            fs::write(path, text).expect("write");
        }
    }

    pub(crate) fn link(&self, target: impl AsRef<Path>, path: &str) {
        symlink(target, self.base().join(path)).expect("link");
    }

    /// Replaces a link in one step.
    pub(crate) fn swap(&self, target: &str, path: &str) {
        let new = format!("{path}.new");
        self.link(target, &new);
        fs::rename(self.base().join(new), self.base().join(path)).expect("rename");
    }
}

/// Removes whatever is there.
pub(crate) fn remove(path: &Path) {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    if is_folder {
        open_up(path);
        fs::remove_dir_all(path).expect("remove");
    } else {
        fs::remove_file(path).expect("remove");
    }
}

/// Takes back what was forbidden.
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("chmod");
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}
