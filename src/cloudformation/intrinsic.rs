//! Which maps are functions, and the parsing of their arguments.

use crate::value::{Map, Value};

/// The function that a map is, and its argument.
pub(super) fn function(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, argument) = map.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

/// The logical id and the attribute of `Fn::GetAtt`: a list of two, or both in one text.
pub(super) fn attribute(argument: &Value) -> Option<(&str, &str)> {
    match argument {
        Value::String(text) => text.split_once('.'),
        Value::Array(items) => match items.as_slice() {
            [Value::String(logical), Value::String(attribute)] => Some((logical, attribute)),
            _ => None,
        },
        _ => None,
    }
}

/// The first `COUNT` items of a list that has at least as many.
pub(super) fn at_least<const COUNT: usize>(argument: &Value) -> Option<&[Value; COUNT]> {
    argument.as_array()?.first_chunk()
}

/// A part of the text of `Fn::Sub`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    /// `${!Name}`, which becomes `${Name}`.
    Literal(&'a str),
    Variable(&'a str),
}

/// The parts of the text of `Fn::Sub`.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        parts.push(Part::Text(before));
        parts.push(name.strip_prefix('!').map_or(Part::Variable(name.trim()), Part::Literal));
        rest = behind;
    }
    parts.push(Part::Text(rest));
    parts
}

/// Whether `Fn::Sub` takes a name (CloudFormation user guide, Fn::Sub).
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_'))
}

/// The members of a map that a function may be given, none when it is not there.
pub(super) fn map_of(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_function_is_a_map_with_one_member() {
        assert_eq!(function(&json!({"Ref": "A"})), Some(("Ref", &json!("A"))));
        assert_eq!(function(&json!({"Ref": "A", "b": 1})), None);
        assert_eq!(function(&json!({"Condition": "A"})), None);
    }

    #[test]
    fn the_text_of_sub_falls_into_parts() {
        use Part::{Literal, Text, Variable};
        let expected = [Text("a"), Variable("B.C"), Text(""), Literal("aws:username"), Text("-${")];
        assert_eq!(parts("a${B.C}${!aws:username}-${"), expected);
    }
}
