//! Patterns of paths, as `evenkeel/ignore-fields` has them: `containerDefinitions.*.image`.

use std::fmt;
use std::str::FromStr;

use crate::value::{Path, Segment};

/// A pattern. It covers a path, and everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub Vec<Step>);

/// One step of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `*`: any member or element.
    Any,
    /// The member of this name, or the list element that is told apart by it.
    Named(String),
}

impl Pattern {
    /// Whether a change at `path` is within the pattern.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        path.0.len() >= self.0.len() && self.0.iter().zip(&path.0).all(|(step, segment)| step.matches(segment))
    }

    /// What the pattern means below the member `name`, if it leads there.
    #[must_use]
    pub fn below(&self, name: &str) -> Option<Self> {
        match self.0.split_first() {
            Some((Step::Named(first), rest)) if first == name => Some(Self(rest.to_vec())),
            _ => None,
        }
    }
}

impl Step {
    fn matches(&self, segment: &Segment) -> bool {
        match (self, segment) {
            (Self::Any, _) => true,
            (Self::Named(name), Segment::Key(key) | Segment::Named(key)) => name == key,
            (Self::Named(name), Segment::Index(index)) => *name == index.to_string(),
        }
    }
}

/// The patterns of a list with commas or line breaks between them, each with how it was written.
pub fn list(text: &str) -> impl Iterator<Item = (&str, Result<Pattern, String>)> {
    let written = text.split([',', '\n']).map(str::trim).filter(|pattern| !pattern.is_empty());
    written.map(|pattern| (pattern, pattern.parse()))
}

impl FromStr for Pattern {
    type Err = String;

    /// Members stand between dots; a name with dots in it, or a list element, may stand in brackets:
    /// `tags["team.io/name"]`, `containerDefinitions[web].image`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let name;
            if let Some(bracket) = rest.strip_prefix('[') {
                let Some((inside, after)) = bracket.split_once(']') else {
                    return Err(format!("`{text}` has a bracket that is not closed"));
                };
                (name, rest) = (inside.trim_matches(['"', '\'']), after);
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                (name, rest) = rest.split_at(end);
            }
            if name.is_empty() {
                return Err(format!("`{text}` has nothing between two dots"));
            }
            steps.push(if name == "*" { Step::Any } else { Step::Named(name.to_owned()) });
            match rest.strip_prefix('.') {
                Some("") => return Err(format!("`{text}` ends in a dot")),
                Some(after) => rest = after,
                None => {}
            }
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.iter().map(|step| match step {
            Step::Any => "*",
            Step::Named(name) => name,
        });
        f.write_str(&steps.collect::<Vec<_>>().join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image_of(container: &str) -> Path {
        Path::default().key("containerDefinitions").named(container).key("image")
    }

    #[test]
    fn a_star_stands_for_every_element() {
        let pattern: Pattern = "containerDefinitions.*.image".parse().unwrap();
        assert!(pattern.covers(&image_of("web")));
        assert!(!pattern.covers(&Path::default().key("containerDefinitions").named("web").key("cpu")));
        assert!(!pattern.covers(&Path::default().key("containerDefinitions").named("web")), "the container itself");
    }

    #[test]
    fn an_element_is_named_between_dots_or_in_brackets() {
        for text in ["containerDefinitions.web.image", "containerDefinitions[web].image", "containerDefinitions[web]"] {
            let pattern: Pattern = text.parse().unwrap();
            assert!(pattern.covers(&image_of("web")), "{text}");
            assert!(!pattern.covers(&image_of("log")), "{text}");
        }
        let dotted: Pattern = r#"tags["team.io/name"]"#.parse().unwrap();
        assert!(dotted.covers(&Path::default().key("tags").key("team.io/name")));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for text in ["a..b", ".a", "a.", "a[b", "a[]"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_stand_between_commas() {
        let patterns: Vec<_> = list("desiredCount, containerDefinitions.*.image,\n").collect();
        assert_eq!(
            patterns.iter().map(|(text, _)| *text).collect::<Vec<_>>(),
            ["desiredCount", "containerDefinitions.*.image"]
        );
    }
}
