//! The SDK's errors as what AWS said.

use std::collections::BTreeSet;
use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::failure::Refusal;
use crate::world::Failure;

/// What AWS said to a call that writes: what it means depends on what was written before.
pub(super) fn refusal<E>(error: SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(service) => {
            let (error, status) = (service.err(), service.raw().status().as_u16());
            let Some(code) = error.code().map(str::to_owned) else {
                let why = format!("HTTP status {status} without an error code");
                return Refusal::Other(Failure::Unreachable(why));
            };
            Refusal::Error { code, message: error.message().unwrap_or_default().to_owned(), status }
        }
        SdkError::ConstructionFailure(_) => Refusal::Other(Failure::Rejected(chain(&error))),
        _ => Refusal::Other(Failure::Unreachable(chain(&error))),
    }
}

/// The class of the error of a call that reads.
pub(super) fn classify<E>(error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let refusal = refusal(error);
    let said = refusal.to_string();
    // No read is a success without an answer.
    refusal.judge("", &BTreeSet::new()).unwrap_or(Failure::Conflict(said))
}

/// An error and all its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
