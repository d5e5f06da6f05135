//! What is done about differences, directory by directory. The daemon is told so where it is started:
//! no manifest can make it do more.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// What is done about differences. Ordered from least to most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Only count them: states and metrics.
    Observe,
    /// Say in the log what would be changed.
    Plan,
    /// Change AWS.
    #[default]
    Apply,
}

/// Every mode.
const MODES: &[Mode] = &[Mode::Observe, Mode::Plan, Mode::Apply];

impl Mode {
    /// The mode as flags spell it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        MODES.iter().copied().find(|mode| mode.label() == text).ok_or_else(|| {
            let known: Vec<&str> = MODES.iter().map(|mode| mode.label()).collect();
            format!("there is no mode `{text}`; known: {}", known.join(", "))
        })
    }
}

/// The mode of every directory: `apply,legacy=observe`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modes {
    /// Where no directory says otherwise.
    pub default: Mode,
    /// By directory, relative to the watched one.
    pub directories: BTreeMap<PathBuf, Mode>,
}

impl Modes {
    /// Whether anything at all may be changed.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.directories.values().chain([&self.default]).any(|mode| *mode == Mode::Apply)
    }

    /// The mode of a file, which is relative to the watched directory: that of the nearest directory
    /// around it that has one.
    #[must_use]
    pub fn of(&self, file: &Path) -> Mode {
        let around = file.ancestors().skip(1);
        around.filter_map(|directory| self.directories.get(directory)).next().copied().unwrap_or(self.default)
    }
}

impl fmt::Display for Modes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.default)?;
        self.directories.iter().try_for_each(|(directory, mode)| write!(f, ",{}={mode}", directory.display()))
    }
}

impl FromStr for Modes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut default, mut directories) = (None, BTreeMap::new());
        for part in text.split(',').map(str::trim) {
            let twice = match part.split_once('=') {
                Some((directory, mode)) => directories.insert(relative(directory)?, mode.parse()?).is_some(),
                None => default.replace(part.parse()?).is_some(),
            };
            if twice {
                return Err(format!("`{part}` says again what something before it says"));
            }
        }
        Ok(Self { default: default.unwrap_or_default(), directories })
    }
}

/// A directory as files of the watched one name it.
///
/// # Errors
/// When it is none below that one.
pub fn relative(directory: &str) -> Result<PathBuf, String> {
    let mut path = PathBuf::new();
    for part in Path::new(directory).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => return Err(format!("`{directory}` is no directory below the watched one")),
        }
    }
    if path.as_os_str().is_empty() {
        return Err("name a directory below the watched one, such as legacy".to_owned());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_directory_around_a_file_has_its_mode() {
        let modes: Modes = "plan,legacy=observe,legacy/shop/=apply".parse().unwrap();
        let of = |file: &str| modes.of(Path::new(file)).label();
        assert_eq!(of("web.yaml"), "plan");
        assert_eq!(of("legacy/web.yaml"), "observe");
        assert_eq!(of("legacy/team/deep/web.yaml"), "observe");
        assert_eq!(of("legacy/shop/web.yaml"), "apply");
        assert_eq!(of("legacy-too/web.yaml"), "plan", "a name that begins alike is another directory");
        assert_eq!(modes.to_string(), "plan,legacy=observe,legacy/shop=apply");
    }

    #[test]
    fn without_a_word_for_the_rest_the_rest_is_applied() {
        assert_eq!("legacy=plan".parse::<Modes>().unwrap().default, Mode::Apply);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let refused = |text: &str| text.parse::<Modes>().unwrap_err();
        assert_eq!(refused("aply"), "there is no mode `aply`; known: observe, plan, apply");
        assert_eq!(refused("legacy=on"), "there is no mode `on`; known: observe, plan, apply");
        assert_eq!(refused("../other=plan"), "`../other` is no directory below the watched one");
        assert_eq!(refused("/etc=plan"), "`/etc` is no directory below the watched one");
        assert_eq!(refused("apply,plan"), "`plan` says again what something before it says");
        assert_eq!(refused("a=plan,./a=apply"), "`./a=apply` says again what something before it says");
        assert_eq!(refused("=plan"), "name a directory below the watched one, such as legacy");
    }
}
