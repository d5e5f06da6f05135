//! Patterns with `*` and `?`, as IAM has them in actions and resources. Compared byte by byte: what
//! they are for is ASCII.

/// Whether a pattern matches a text.
#[must_use]
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    walk(pattern, text, |wanted, _| wanted == b'?')
}

/// Whether everything that the other pattern matches is matched by this one, too. Errs on the side
/// of no.
#[must_use]
pub(crate) fn covers(pattern: &str, other: &str) -> bool {
    walk(pattern, other, |wanted, found| wanted == b'?' && found != b'*')
}

/// Goes back to the last star only, so that no pattern takes more than its length times the text's.
fn walk(pattern: &str, text: &str, any: impl Fn(u8, u8) -> bool) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    if pattern.iter().filter(|byte| **byte != b'*').count() > text.len() {
        return false;
    }
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|wanted| *wanted == text[t] || any(*wanted, text[t])) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == b'*')
}

/// Whether there is a text that both patterns match.
#[must_use]
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    // From the ends: whether what is left of the one and what is left of the other have a text in common.
    let mut below = vec![false; other.len() + 1];
    for i in (0..=one.len()).rev() {
        let mut row = vec![false; other.len() + 1];
        for j in (0..=other.len()).rev() {
            row[j] = match (one.get(i), other.get(j)) {
                (None, None) => true,
                (Some(b'*'), right) => below[j] || (right.is_some() && row[j + 1]),
                (left, Some(b'*')) => row[j + 1] || (left.is_some() && below[j]),
                (Some(left), Some(right)) => (left == right || *left == b'?' || *right == b'?') && below[j + 1],
                _ => false,
            };
        }
        below = row;
    }
    below[0]
}

/// Whether a pattern says nothing: only stars, question marks and what stands between names.
#[must_use]
pub(crate) fn is_blank(pattern: &str) -> bool {
    pattern.chars().all(|c| "*?/:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_as_in_iam() {
        for (pattern, text) in [("*", ""), ("*", "a"), ("a*c", "abbc"), ("a?c", "abc"), ("*:*", "a:b"), ("a**b", "ab")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a?", "a"), ("a*c", "acb"), ("*a", "ab"), ("?", "")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_covers_another_only_for_certain() {
        assert!(covers("*", "a*") && covers("a*", "a*b") && covers("a?", "a?") && covers("a*", "a?"));
        assert!(!covers("a?", "a*") && !covers("ab", "a?") && !covers("a*b", "a*"));
    }

    #[test]
    fn patterns_overlap_when_one_text_is_both() {
        for (one, other) in [("iam:*", "i?m:PassRole"), ("*", "*"), ("a*", "*b"), ("iam:*Role", "iam:Pass*"), ("*", "")]
        {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [("iam:*", "s3:*"), ("a", ""), ("a*", "b*"), ("a?", "a"), ("*a", "*b")] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }

    #[test]
    fn a_pattern_made_to_take_long_does_not() {
        let stars = "*a".repeat(2000);
        let text = "a".repeat(4000) + "b";
        assert!(!matches(&stars, &text));
        assert!(overlap(&stars, "*"));
    }
}
