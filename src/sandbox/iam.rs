//! The simulated AWS IAM.

pub mod query;
pub mod xml;

use super::{ApiError, Context};
use query::Query;

/// What the account holds of IAM.
#[derive(Debug, Default)]
pub struct State {}

/// Answers one IAM operation with the XML inside its `…Result` element.
///
/// # Errors
/// As the IAM API documents them.
pub fn handle(state: &mut super::State, context: &Context, operation: &str, query: &Query) -> Result<String, ApiError> {
    let _ = (state, context, query);
    Err(ApiError::new("InvalidAction", format!("{operation} is not simulated")))
}
