//! A request's members, read with as little ceremony as possible.

use serde_json::Value;

use super::{Map, client, invalid};
use crate::sandbox::ApiError;

/// The members of one request. `null` counts as absent everywhere, as it does in awsJson.
#[derive(Debug, Clone, Default)]
pub struct Input(Map);

impl Input {
    /// Takes a request's JSON apart.
    ///
    /// # Errors
    /// When the request is not a JSON object.
    pub fn new(mut request: Value) -> Result<Self, ApiError> {
        drop_nulls(&mut request);
        match request {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(ApiError::new("SerializationException", "Start of structure or map found where not expected.")),
        }
    }

    /// All members.
    #[must_use]
    pub fn members(&self) -> &Map {
        &self.0
    }

    /// One member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A string member.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A string member that the operation cannot do without.
    ///
    /// # Errors
    /// When it is absent or empty.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        let capital = name.get(..1).unwrap_or_default().to_uppercase() + name.get(1..).unwrap_or_default();
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| invalid(format!("{capital} can not be blank.")))
    }

    /// A whole number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }

    /// A boolean; absent is false.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A list; absent is empty. Use [`Input::get`] where the two differ.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A list of strings.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.list(name).iter().filter_map(Value::as_str).collect()
    }

    /// Whether the `include` list asks for `part`.
    #[must_use]
    pub fn includes(&self, part: &str) -> bool {
        self.texts("include").contains(&part)
    }

    /// A list of names or ARNs that must hold between one and `most` entries.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn batch(&self, name: &str, most: usize) -> Result<Vec<&str>, ApiError> {
        let entries = self.texts(name);
        match entries.len() {
            0 => Err(invalid(format!("{name} cannot be empty."))),
            n if n > most => Err(invalid(format!("{name} cannot have more than {most} elements."))),
            _ => Ok(entries),
        }
    }

    /// Checks string members that are enumerations: `(name, allowed values)`.
    ///
    /// # Errors
    /// When one holds a value that is not allowed.
    pub fn check_enums(&self, table: &[(&str, &[&str])]) -> Result<(), ApiError> {
        for (name, allowed) in table {
            if let Some(value) = self.text(name).filter(|value| !allowed.contains(value)) {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: \
                     Member must satisfy enum value set: [{}]",
                    allowed.join(", ")
                )));
            }
        }
        Ok(())
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

/// The last part of an ARN, or the name itself: ECS takes either nearly everywhere.
#[must_use]
pub fn tail(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}

/// Checks "up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens".
///
/// # Errors
/// When `name` is anything else. `what` begins the message.
pub fn check_name(what: &str, name: &str) -> Result<(), ApiError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 255 {
        return Err(invalid(format!("{what} must be between 1 and 255 characters long.")));
    }
    if !name.chars().all(legal) {
        return Err(invalid(format!("{what} contains invalid characters.")));
    }
    Ok(())
}

/// The same check with the error code that RegisterTaskDefinition answers.
///
/// # Errors
/// As [`check_name`].
pub fn check_client_name(what: &str, name: &str) -> Result<(), ApiError> {
    check_name(what, name).map_err(|error| client(error.message))
}

/// A string inside a JSON object.
#[must_use]
pub fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}
