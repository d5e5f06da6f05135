//! Texts with parts that are not yet written out: references, variables, values that nobody gave.
//!
//! They are set off by a control character that no template can hold, so that they pass through
//! `Fn::Join` and `Fn::Sub` like any other text.

/// Sets off a part. The strict reader of templates refuses it.
const MARK: char = '\u{1}';

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// What stands there.
    Text(&'a str),
    /// `AWS::AccountId`, `AWS::Region` or `AWS::Partition`.
    Variable(&'a str),
    /// A resource that is converted, and which of its attributes is meant; none for `Ref`.
    Resource(&'a str, &'a str),
    /// A value that is not known, in words.
    Missing(&'a str),
}

pub(super) fn variable(name: &str) -> String {
    format!("{MARK}={name}{MARK}")
}

pub(super) fn resource(logical: &str, attribute: &str) -> String {
    format!("{MARK}@{logical}.{attribute}{MARK}")
}

pub(super) fn missing(what: &str) -> String {
    format!("{MARK}?{}{MARK}", what.replace(MARK, ""))
}

/// Whether a text is only what stands there.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains(MARK)
}

pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let parts = text.split(MARK).enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(n, part)| {
            if n % 2 == 0 {
                return Piece::Text(part);
            }
            let body = part.get(1..).unwrap_or_default();
            match part.as_bytes().first() {
                Some(b'=') => Piece::Variable(body),
                Some(b'@') => {
                    body.split_once('.').map_or(Piece::Resource(body, ""), |(id, of)| Piece::Resource(id, of))
                }
                _ => Piece::Missing(body),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_survive_being_joined() {
        let text = format!("a/{}:{}/b", resource("Web", "Arn"), variable("AWS::Region"));
        let expected = [
            Piece::Text("a/"),
            Piece::Resource("Web", "Arn"),
            Piece::Text(":"),
            Piece::Variable("AWS::Region"),
            Piece::Text("/b"),
        ];
        assert_eq!(pieces(&text), expected);
        assert_eq!(pieces(&missing("it\u{1}")), [Piece::Missing("it")]);
        assert!(is_plain("a") && !is_plain(&text));
    }
}
