//! The simulated Amazon ECS.

use serde_json::Value;

use super::{ApiError, Context};

/// What the account holds of ECS.
#[derive(Debug, Default)]
pub struct State {}

/// Answers one ECS operation.
///
/// # Errors
/// As the ECS API documents them.
pub fn handle(state: &mut super::State, context: &Context, operation: &str, input: Value) -> Result<Value, ApiError> {
    let _ = (state, context, input);
    Err(ApiError::new("UnknownOperationException", format!("{operation} is not simulated")))
}
