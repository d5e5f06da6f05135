//! The simulated AWS STS: who am I.

use super::iam::query::Query;
use super::{ACCOUNT, ApiError, Context};

/// Answers one STS operation with the XML inside its `…Result` element.
///
/// # Errors
/// As the STS API documents them.
pub fn handle(_context: &Context, operation: &str, _query: &Query) -> Result<String, ApiError> {
    match operation {
        "GetCallerIdentity" => Ok(format!(
            "<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/sandbox/sandbox</Arn><UserId>AROASANDBOX:sandbox</UserId><Account>{ACCOUNT}</Account>"
        )),
        _ => Err(ApiError::new("InvalidAction", format!("{operation} is not simulated"))),
    }
}
