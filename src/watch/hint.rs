//! The operating system's word that something may have changed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch;

/// The system gives up on longer chains of links too.
const MAX_LINKS: usize = 40;

/// Bumps a counter when the directory may have changed.
///
/// A mere hint that saves waiting for the next periodic scan: it names no file, it may come for
/// nothing, and it may fail to come. Nothing is lost when the system refuses to watch (limits on
/// inotify, network file systems): that is logged, and the caller's scan finds every change.
pub struct Watcher {
    directory: PathBuf,
    hint: watch::Sender<u64>,
    plan: Plan,
    system: Option<RecommendedWatcher>,
    /// Whether the last attempt was refused, so that the log says so once and not at every scan.
    refused: bool,
}

impl Watcher {
    /// Starts watching. The directory need not exist yet.
    #[must_use]
    pub fn start(directory: &Path, hint: watch::Sender<u64>) -> Self {
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let plan = Plan::new(&directory);
        let mut watcher = Self { directory, hint, plan, system: None, refused: false };
        watcher.arm(true);
        watcher
    }

    /// Watches what the directory is now. To be called after every snapshot: the links on the way to
    /// it may have been swapped, or it may have been removed and made again, and the system goes on
    /// watching what was there before.
    pub fn rearm(&mut self) {
        let plan = Plan::new(&self.directory);
        let moved = plan != self.plan;
        self.plan = plan;
        self.arm(moved);
        if moved {
            // What changed in the new place before it was watched has been seen by nobody.
            bump(&self.hint);
        }
    }

    /// Whether the system watches all that it was asked to; otherwise only scans find changes.
    #[cfg(test)]
    pub(super) fn is_armed(&self) -> bool {
        !self.refused
    }

    /// Has the system watch all of the plan. A `fresh` watch knows nothing of the folders of an older
    /// plan, whose late events could end the watch on new ones in their place; without it, folders
    /// that got lost are added again, which takes nothing when none did.
    fn arm(&mut self, fresh: bool) {
        let before = self.system.take();
        // The old watch stays until the new one is in place.
        let (kept, _until_the_end) = if fresh { (None, before) } else { (before, None) };
        let failure = match kept.map_or_else(|| self.plan.system(self.hint.clone()), Ok) {
            Ok(mut system) => {
                let refusal = self.plan.watch(&mut system);
                self.system = Some(system);
                refusal
            }
            Err(error) => Some(error),
        };
        match (&failure, self.refused) {
            (Some(error), false) => tracing::warn!(
                directory = %self.directory.display(),
                %error,
                "cannot watch the manifest directory: changes are seen at the next scan only; on Linux, raise \
                 fs.inotify.max_user_watches and fs.inotify.max_user_instances"
            ),
            (None, true) => {
                tracing::info!(directory = %self.directory.display(), "the manifest directory is watched again")
            }
            _ => {}
        }
        self.refused = failure.is_some();
    }
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher")
            .field("directory", &self.directory)
            .field("plan", &self.plan)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

fn bump(hint: &watch::Sender<u64>) {
    hint.send_modify(|count| *count = count.wrapping_add(1));
}

/// What must be watched for a directory to be watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Plan {
    /// The folders that decide what the directory is: those that hold a link on the way, the one
    /// that holds the directory itself, or the last one that exists.
    folders: BTreeSet<PathBuf>,
    /// The entries in these folders that matter; all others are somebody else's.
    entries: BTreeSet<PathBuf>,
    /// The directory behind all links, if it exists.
    root: Option<PathBuf>,
    /// When it was made: tells it from another one in the same place.
    made: Option<SystemTime>,
}

impl Plan {
    fn new(directory: &Path) -> Self {
        let mut plan = Self::default();
        let mut at = PathBuf::from("/");
        let mut ahead = steps(directory);
        let mut links = 0;
        while let Some(step) = ahead.pop() {
            let Some(name) = step else {
                at.pop();
                continue;
            };
            let next = at.join(name);
            if let Ok(target) = fs::read_link(&next) {
                plan.add(&at, &next);
                links += 1;
                if links > MAX_LINKS {
                    return plan;
                }
                if target.has_root() {
                    at = PathBuf::from("/");
                }
                ahead.extend(steps(&target));
            } else if next.is_dir() {
                if ahead.is_empty() {
                    plan.add(&at, &next);
                }
                at = next;
            } else {
                plan.add(&at, &next);
                return plan;
            }
        }
        plan.made = fs::metadata(&at).and_then(|metadata| metadata.created()).ok();
        plan.root = Some(at);
        plan
    }

    fn add(&mut self, folder: &Path, entry: &Path) {
        self.folders.insert(folder.to_owned());
        self.entries.insert(entry.to_owned());
    }

    /// A watch on nothing yet, that gives a hint for what concerns this plan.
    fn system(&self, hint: watch::Sender<u64>) -> notify::Result<RecommendedWatcher> {
        let plan = self.clone();
        let handler = move |event: notify::Result<Event>| {
            // An error means that events may be missing, which is a reason to look.
            if event.is_err() || event.is_ok_and(|event| plan.concerns(&event)) {
                bump(&hint);
            }
        };
        // Links are not followed: one that leads out of the directory could make the system watch
        // everything there is. Links inside of it lead to what is watched anyway.
        RecommendedWatcher::new(handler, Config::default().with_follow_symlinks(false))
    }

    /// Has the system watch everything in this plan; hands back its first refusal.
    fn watch(&self, system: &mut RecommendedWatcher) -> Option<notify::Error> {
        let mut refusal = None;
        let folders = self.folders.iter().map(|folder| (folder, RecursiveMode::NonRecursive));
        // The directory last: it may be one of the folders too, and then must be watched in depth.
        for (path, mode) in folders.chain(self.root.iter().map(|root| (root, RecursiveMode::Recursive))) {
            match system.watch(path, mode) {
                // Gone since the plan was made: the next scan makes a new one.
                Ok(()) | Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => {}
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        refusal
    }

    fn concerns(&self, event: &Event) -> bool {
        // Reading the directory opens its files: taking that for a change would never end.
        if matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)) {
            return false;
        }
        event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(|path| self.concerns_path(path))
    }

    fn concerns_path(&self, path: &Path) -> bool {
        if self.entries.contains(path) || self.folders.contains(path) {
            return true;
        }
        let below = self.root.as_ref().and_then(|root| path.strip_prefix(root).ok());
        // `.git` and the swap files of editors are busy and hold no manifests; `..data` is a volume's.
        below.is_some_and(|below| {
            below.components().all(|part| {
                let name = part.as_os_str().as_encoded_bytes();
                !name.starts_with(b".") || name.starts_with(b"..")
            })
        })
    }
}

/// The names of a path, last one first; `None` is a step up.
fn steps(path: &Path) -> Vec<Option<OsString>> {
    let step = |component| match component {
        Component::Normal(name) => Some(Some(name.to_owned())),
        Component::ParentDir => Some(None),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_link_on_the_way_is_watched_where_it_stands() {
        let base = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(base.path()).unwrap();
        fs::create_dir_all(base.join("worktrees/one/manifests")).unwrap();
        fs::create_dir(base.join("links")).unwrap();
        symlink("worktrees/one", base.join("current")).unwrap();
        symlink(base.join("current"), base.join("links/other")).unwrap();
        let plan = Plan::new(&base.join("links/../links/other/manifests"));
        assert_eq!(plan.root, Some(base.join("worktrees/one/manifests")));
        assert_eq!(plan.folders, BTreeSet::from([base.join("links"), base.clone(), base.join("worktrees/one")]));
        assert_eq!(
            plan.entries,
            BTreeSet::from([base.join("links/other"), base.join("current"), base.join("worktrees/one/manifests")])
        );
    }

    #[test]
    fn a_directory_that_is_missing_is_awaited_where_its_path_ends() {
        let base = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(base.path()).unwrap();
        let plan = Plan::new(&base.join("not/yet"));
        assert_eq!(
            (plan.root, plan.folders, plan.entries),
            (None, BTreeSet::from([base.clone()]), BTreeSet::from([base.join("not")]))
        );
    }

    #[test]
    fn links_in_a_circle_end() {
        let base = tempfile::tempdir().unwrap();
        symlink("b", base.path().join("a")).unwrap();
        symlink("a", base.path().join("b")).unwrap();
        assert_eq!(Plan::new(&base.path().join("a")).root, None);
    }

    #[test]
    fn what_happens_beside_the_directory_or_to_hidden_files_concerns_nobody() {
        let plan = Plan {
            folders: BTreeSet::from(["/git".into()]),
            entries: BTreeSet::from(["/git/current".into()]),
            root: Some("/git/one".into()),
            made: None,
        };
        for (path, concerns) in [
            ("/git/current", true),
            ("/git/one/a.yaml", true),
            ("/git/one/sub/a.yaml", true),
            ("/git/one/..data", true),
            ("/git/one", true),
            ("/git", true),
            ("/git/other", false),
            ("/git/two/a.yaml", false),
            ("/git/one/.git/index", false),
            ("/git/one/sub/.a.yaml.swp", false),
        ] {
            assert_eq!(plan.concerns_path(Path::new(path)), concerns, "{path}");
        }
    }

    #[test]
    fn reading_is_not_a_change_and_a_lost_event_is() {
        let plan = Plan { root: Some("/git/one".into()), ..Plan::default() };
        let event = |kind| Event::new(kind).add_path("/git/one/a.yaml".into());
        assert!(!plan.concerns(&event(EventKind::Access(AccessKind::Open(AccessMode::Any)))));
        assert!(plan.concerns(&event(EventKind::Access(AccessKind::Close(AccessMode::Write)))));
        assert!(plan.concerns(&event(EventKind::Any)));
        assert!(plan.concerns(&Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)));
    }
}
