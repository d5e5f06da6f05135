//! Parameters of a request, checked against the constraints of the service model.

use super::error::{constraint, invalid_input, validation};
use super::query::Query;
use crate::sandbox::ApiError;

const MAX_DOCUMENT: usize = 131_072;
const MAX_DESCRIPTION: usize = 1000;

/// A parameter that must be there.
pub(super) fn required<'q>(query: &'q Query, parameter: &str) -> Result<&'q str, ApiError> {
    query.get(parameter).ok_or_else(|| constraint("null", &member(parameter), "not be null"))
}

/// A parameter with a length between `min` and `max` characters.
pub(super) fn sized<'q>(query: &'q Query, parameter: &str, min: usize, max: usize) -> Result<&'q str, ApiError> {
    let value = required(query, parameter)?;
    let length = value.chars().count();
    if length > max {
        let rule = format!("have length less than or equal to {max}");
        return Err(constraint(&quoted(value), &member(parameter), &rule));
    }
    if length < min {
        let rule = format!("have length greater than or equal to {min}");
        return Err(constraint(&quoted(value), &member(parameter), &rule));
    }
    Ok(value)
}

/// The name of a role, a policy or an instance profile.
pub(super) fn name<'q>(query: &'q Query, parameter: &str, max: usize) -> Result<&'q str, ApiError> {
    let value = sized(query, parameter, 1, max)?;
    if value.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
        return Ok(value);
    }
    Err(validation(format!(
        "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
        member(parameter)
    )))
}

/// `Path`: `/` when it is left out.
pub(super) fn path(query: &Query) -> Result<&str, ApiError> {
    if query.get("Path").is_none() {
        return Ok("/");
    }
    let value = sized(query, "Path", 1, 512)?;
    let inner = value.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    if value == "/" || inner.is_some_and(|inner| !inner.is_empty() && inner.chars().all(|c| c.is_ascii_graphic())) {
        return Ok(value);
    }
    Err(invalid_path())
}

/// `Path` of a managed policy, which may hold less than other paths.
pub(super) fn policy_path(query: &Query) -> Result<&str, ApiError> {
    let value = path(query)?;
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "/.,+@=_-".contains(c));
    if plain && !value.contains("//") { Ok(value) } else { Err(invalid_path()) }
}

fn invalid_path() -> ApiError {
    validation(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
         characters and/or / characters.",
    )
}

/// `PathPrefix`: everything when it is left out.
pub(super) fn path_prefix(query: &Query) -> Result<&str, ApiError> {
    let Some(value) = query.get("PathPrefix") else { return Ok("/") };
    if value.starts_with('/') && value.len() <= 512 {
        return Ok(value);
    }
    Err(validation("The specified value for pathPrefix is invalid. It must begin with /."))
}

/// `Description`, when it is given.
pub(super) fn description(query: &Query) -> Result<Option<String>, ApiError> {
    if query.get("Description").is_none() {
        return Ok(None);
    }
    let value = sized(query, "Description", 0, MAX_DESCRIPTION)?;
    if value.chars().all(printable) {
        return Ok(Some(value.to_owned()));
    }
    let rule = "satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*";
    Err(constraint(&quoted(value), "description", rule))
}

/// A whole number within bounds, when it is given.
pub(super) fn integer(query: &Query, parameter: &str, min: u32, max: u32) -> Result<Option<u32>, ApiError> {
    let Some(text) = query.get(parameter) else { return Ok(None) };
    let value: u32 =
        text.parse().map_err(|_| validation(format!("Value '{text}' at '{}' is not a number", member(parameter))))?;
    if value < min {
        let rule = format!("have value greater than or equal to {min}");
        return Err(constraint(&quoted(text), &member(parameter), &rule));
    }
    if value > max {
        let rule = format!("have value less than or equal to {max}");
        return Err(constraint(&quoted(text), &member(parameter), &rule));
    }
    Ok(Some(value))
}

/// `MaxSessionDuration`: one to twelve hours.
pub(super) fn session_duration(query: &Query) -> Result<Option<u32>, ApiError> {
    integer(query, "MaxSessionDuration", 3600, 43_200)
}

/// A flag; false when it is left out.
pub(super) fn flag(query: &Query, parameter: &str) -> bool {
    query.get(parameter) == Some("true")
}

/// A parameter that takes one of a few words, when it is given.
pub(super) fn one_of<'q>(query: &'q Query, parameter: &str, words: &[&str]) -> Result<Option<&'q str>, ApiError> {
    let Some(value) = query.get(parameter) else { return Ok(None) };
    if words.contains(&value) {
        return Ok(Some(value));
    }
    let rule = format!("satisfy enum value set: [{}]", words.join(", "));
    Err(constraint(&quoted(value), &member(parameter), &rule))
}

/// The ARN of a managed policy.
pub(super) fn policy_arn<'q>(query: &'q Query, parameter: &str) -> Result<&'q str, ApiError> {
    let value = sized(query, parameter, 20, 2048)?;
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let well_formed = matches!(parts[..], ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws") && !account.is_empty() && resource.starts_with("policy/"));
    if well_formed { Ok(value) } else { Err(invalid_input(format!("ARN {value} is not valid."))) }
}

/// A policy document as text: its grammar is another matter.
pub(super) fn document<'q>(query: &'q Query, parameter: &str) -> Result<&'q str, ApiError> {
    let value = sized(query, parameter, 1, MAX_DOCUMENT)?;
    if value.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')) {
        return Ok(value);
    }
    Err(validation(format!(
        "The specified value for {} is invalid. It must contain only printable ASCII characters.",
        member(parameter)
    )))
}

/// How errors spell a parameter: `RoleName` as `roleName`.
pub(super) fn member(parameter: &str) -> String {
    let mut chars = parameter.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

fn quoted(value: &str) -> String {
    format!("'{value}'")
}

fn printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}')
}
