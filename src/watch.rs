//! Reading the manifest directory, and being told that it may have changed.
//!
//! A change is never taken from an event: events come late, twice, under the wrong name, or not at
//! all, and report files as removed that are still there. [`Watcher`] therefore only says "look
//! again", and [`read`] takes everything from one resolved directory and makes sure that it was
//! still the same one at the end.

mod hint;

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use hint::Watcher;

use crate::load;
use crate::yaml::MAX_FILE_BYTES;

/// At the top of the directory: the resources that may be deleted beyond the budget, one per line.
pub const RELEASE_FILE: &str = "prune-release.txt";
/// Most manifest files in a directory.
pub const MAX_FILES: usize = 20_000;
/// Most bytes in all manifest files together.
pub const MAX_TOTAL_BYTES: usize = 32 * 1024 * 1024;
/// Most files and folders of any kind; links to folders could otherwise multiply without end.
pub const MAX_ENTRIES: usize = 200_000;

/// How often the directory is read before its changing is an error.
const ATTEMPTS: usize = 3;
/// Long enough for a rename that is under way.
const PAUSE: Duration = Duration::from_millis(20);

/// One file of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path relative to the directory.
    pub path: PathBuf,
    /// What is in it, or why that is not known. Also stands for a folder that could not be entered.
    pub content: Result<Vec<u8>, FileFault>,
}

impl From<File> for load::File {
    fn from(file: File) -> Self {
        let content = file
            .content
            .map_err(|fault| load::Unreadable { message: fault.to_string(), hint: Some(fault.hint().to_owned()) });
        Self { path: file.path, content }
    }
}

/// Why a single file or linked folder is not read. The message continues its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Larger than [`MAX_FILE_BYTES`].
    #[error("is larger than the {MAX_FILE_BYTES} bytes that are read of a file")]
    TooLarge,
    /// A link to a place outside of the directory.
    #[error("is a link to {}, outside of the manifest directory", .0.display())]
    Outside(PathBuf),
    /// A link to a folder that holds the link.
    #[error("is a link to {}, a folder that the link itself is in", .0.display())]
    Loop(PathBuf),
    /// A link to nothing.
    #[error("is a link that leads nowhere")]
    Dangling,
    /// A pipe, a socket or a device.
    #[error("is not a regular file")]
    NotAFile,
    /// It was listed, and gone when it was to be read, several times in a row.
    #[error("vanished while it was read")]
    Vanished,
    /// The system refused.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl FileFault {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge => "split the file",
            Self::Outside(_) => "put the file itself into the directory: links may only point inside of it",
            Self::Loop(_) | Self::Dangling => "remove the link or correct its target",
            Self::NotAFile => "rename it so that it does not end in .yaml, .yml or .json",
            Self::Vanished => "look for a program that keeps rewriting it",
            Self::Unreadable(_) => "give the user that runs evenkeel read access to it",
        }
    }
}

/// Why the directory as a whole is not read. Nothing may be concluded from it about what should exist.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such directory.
    #[error("the manifest directory {} does not exist", .0.display())]
    Missing(PathBuf),
    /// There is something else of that name.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// It, or a folder in it, cannot be listed: manifests may be hidden from view.
    #[error("cannot list the folder {}: {source}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It was replaced during each of several attempts to read it.
    #[error("the manifest directory {} was replaced every time while it was read", .0.display())]
    KeepsChanging(PathBuf),
    /// More than [`MAX_FILES`] manifests.
    #[error("the manifest directory {} holds more than {MAX_FILES} manifest files", .0.display())]
    TooManyFiles(PathBuf),
    /// More than [`MAX_ENTRIES`] of anything.
    #[error("the manifest directory {} holds more than {MAX_ENTRIES} files and folders, linked ones included", .0.display())]
    TooManyEntries(PathBuf),
    /// More than [`MAX_TOTAL_BYTES`].
    #[error("the manifest files in {} hold more than {MAX_TOTAL_BYTES} bytes together", .0.display())]
    TooLarge(PathBuf),
}

impl ReadError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => "check the path, and that the volume is mounted and its first checkout is done",
            Self::NotADirectory(_) => "name the directory that the manifests are in",
            Self::Unreadable { .. } => "give the user that runs evenkeel access to the folder",
            Self::KeepsChanging(_) => "look for a program that keeps replacing it; the next attempt follows by itself",
            Self::TooManyFiles(_) | Self::TooManyEntries(_) | Self::TooLarge(_) => {
                "name the folder of the manifests alone, or run one evenkeel per part of it"
            }
        }
    }
}

/// All manifest files of a directory at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The directory behind all links.
    pub root: PathBuf,
    /// The files, sorted by path.
    pub files: Vec<File>,
    /// The lines of [`RELEASE_FILE`]: the deletions that a person has released.
    pub releases: BTreeSet<String>,
    /// SHA-256 over all paths and contents, in hexadecimal: equal exactly when nothing changed.
    pub digest: String,
}

/// Reads every `*.yaml`, `*.yml` and `*.json` file below a directory.
///
/// Hidden files and folders (a leading dot) are passed over, except as the targets of visible links:
/// that is how Kubernetes lays out a volume. What editors leave behind does not match the names.
/// Links may point anywhere inside the directory. A file that cannot be read is in the snapshot with
/// its reason, so that it is not taken for a deleted one.
///
/// Blocks on the file system, and for a moment when the directory changes under it.
///
/// # Errors
/// When the directory is missing, cannot be listed in full, breaks a limit, or is replaced while it
/// is read, three times in a row. Never an empty snapshot in place of these.
pub fn read(directory: &Path) -> Result<Snapshot, ReadError> {
    for attempt in 1..=ATTEMPTS {
        let root = resolve(directory)?;
        let mut walk = Walk::new(root);
        walk.run()?;
        let same = resolve(directory)? == walk.root
            && walk.links.iter().all(|(link, target)| fs::canonicalize(link).is_ok_and(|now| now == *target));
        // A file that is gone for a moment is in the middle of being replaced.
        if same && (!walk.vanished || attempt == ATTEMPTS) {
            return Ok(walk.into_snapshot());
        }
        std::thread::sleep(PAUSE);
    }
    Err(ReadError::KeepsChanging(directory.to_owned()))
}

fn resolve(directory: &Path) -> Result<PathBuf, ReadError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ReadError::Missing(directory.to_owned()),
        _ => ReadError::Unreadable { path: directory.to_owned(), source },
    };
    let root = fs::canonicalize(directory).map_err(failed)?;
    if fs::metadata(&root).map_err(failed)?.is_dir() {
        Ok(root)
    } else {
        Err(ReadError::NotADirectory(directory.to_owned()))
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

fn is_read(path: &Path) -> bool {
    is_manifest(path) || path == Path::new(RELEASE_FILE)
}

/// The lines of a release, without comments.
fn released(file: &File) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(file.content.as_deref().unwrap_or_default()).into_owned();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A folder that is still to be listed.
struct Folder {
    /// Where it really is.
    real: PathBuf,
    /// As what it is seen from the root.
    relative: PathBuf,
    /// The real folders from which links led here.
    route: Rc<Vec<PathBuf>>,
}

/// One attempt to read the directory.
struct Walk {
    root: PathBuf,
    files: Vec<File>,
    /// Every link that was followed, with its target then: all must still hold at the end, or the
    /// files come from two states.
    links: HashSet<(PathBuf, PathBuf)>,
    bytes: usize,
    entries: usize,
    vanished: bool,
    folders: Vec<Folder>,
}

impl Walk {
    fn new(root: PathBuf) -> Self {
        let start = Folder { real: root.clone(), relative: PathBuf::new(), route: Rc::default() };
        Self {
            root,
            files: Vec::new(),
            links: HashSet::new(),
            bytes: 0,
            entries: 0,
            vanished: false,
            folders: vec![start],
        }
    }

    fn run(&mut self) -> Result<(), ReadError> {
        while let Some(folder) = self.folders.pop() {
            let unreadable = |source| ReadError::Unreadable { path: folder.real.clone(), source };
            let entries = match fs::read_dir(&folder.real) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.refuse(folder.relative, FileFault::Vanished);
                    continue;
                }
                Err(error) => return Err(unreadable(error)),
            };
            for entry in entries {
                let entry = entry.map_err(unreadable)?;
                self.entries += 1;
                if self.entries > MAX_ENTRIES {
                    return Err(ReadError::TooManyEntries(self.root.clone()));
                }
                if entry.file_name().as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                self.entry(&folder, &entry)?;
                if self.files.len() > MAX_FILES {
                    return Err(ReadError::TooManyFiles(self.root.clone()));
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, path: PathBuf, fault: FileFault) {
        self.vanished |= matches!(fault, FileFault::Vanished | FileFault::Dangling);
        self.files.push(File { path, content: Err(fault) });
    }

    fn entry(&mut self, folder: &Folder, entry: &fs::DirEntry) -> Result<(), ReadError> {
        let relative = folder.relative.join(entry.file_name());
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => return self.link(folder, &entry.path(), relative),
            Ok(kind) => kind,
            Err(error) => {
                self.refuse(relative, fault_of(&error));
                return Ok(());
            }
        };
        if kind.is_dir() {
            self.folders.push(Folder { real: entry.path(), relative, route: Rc::clone(&folder.route) });
            Ok(())
        } else if is_read(&relative) {
            self.file(&entry.path(), kind.is_file(), relative)
        } else {
            Ok(())
        }
    }

    fn link(&mut self, folder: &Folder, link: &Path, relative: PathBuf) -> Result<(), ReadError> {
        let target = fs::canonicalize(link).and_then(|target| fs::metadata(&target).map(|metadata| (target, metadata)));
        let (target, metadata) = match target {
            Ok(found) => found,
            // Also without the name of a manifest: it may be a folder of them that is gone for a moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.refuse(relative, FileFault::Dangling);
                return Ok(());
            }
            Err(error) => {
                self.refuse(relative, fault_of(&error));
                return Ok(());
            }
        };
        if !metadata.is_dir() && !is_read(&relative) {
            return Ok(());
        }
        self.links.insert((link.to_owned(), target.clone()));
        if !target.starts_with(&self.root) {
            self.refuse(relative, FileFault::Outside(target));
        } else if !metadata.is_dir() {
            return self.file(&target, metadata.is_file(), relative);
        } else if folder.real.starts_with(&target) || folder.route.iter().any(|passed| passed.starts_with(&target)) {
            self.refuse(relative, FileFault::Loop(target));
        } else {
            let mut route = folder.route.to_vec();
            route.push(folder.real.clone());
            self.folders.push(Folder { real: target, relative, route: Rc::new(route) });
        }
        Ok(())
    }

    /// Reads a file. Nothing but a regular file is opened: a pipe would block for ever.
    fn file(&mut self, real: &Path, regular: bool, path: PathBuf) -> Result<(), ReadError> {
        if !regular {
            self.refuse(path, FileFault::NotAFile);
            return Ok(());
        }
        let mut content = Vec::new();
        let limit = MAX_FILE_BYTES as u64 + 1;
        match fs::File::open(real).and_then(|file| file.take(limit).read_to_end(&mut content)) {
            Err(error) => self.refuse(path, fault_of(&error)),
            Ok(_) if content.len() > MAX_FILE_BYTES => self.refuse(path, FileFault::TooLarge),
            Ok(_) => {
                self.bytes += content.len();
                if self.bytes > MAX_TOTAL_BYTES {
                    return Err(ReadError::TooLarge(self.root.clone()));
                }
                self.files.push(File { path, content: Ok(content) });
            }
        }
        Ok(())
    }

    fn into_snapshot(self) -> Snapshot {
        let Self { root, mut files, .. } = self;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let digest = digest(&files);
        // One that could not be read stays among the files, so that it is said.
        let release = files.iter().position(|file| file.path == Path::new(RELEASE_FILE) && file.content.is_ok());
        let releases = release.map(|at| files.remove(at)).map(|file| released(&file)).unwrap_or_default();
        Snapshot { root, files, releases, digest }
    }
}

fn fault_of(error: &io::Error) -> FileFault {
    if error.kind() == io::ErrorKind::NotFound { FileFault::Vanished } else { FileFault::Unreadable(error.to_string()) }
}

/// Every part goes in with its length before it, so that no two lists of files look the same.
fn digest(files: &[File]) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    for file in files {
        add(file.path.as_os_str().as_encoded_bytes());
        match &file.content {
            Ok(content) => {
                add(b"content");
                add(content);
            }
            Err(fault) => {
                add(b"fault");
                add(fault.to_string().as_bytes());
            }
        }
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
