//! AWS's errors by what is to be done about them.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::world::Failure;

type Class = fn(String) -> Failure;

const THROTTLED: Class = |_| Failure::Throttled;
const UNREACHABLE: Class = Failure::Unreachable;
const DENIED: Class = Failure::Denied;
const CONFLICT: Class = Failure::Conflict;

/// Error codes with one meaning. What is in neither table is a refusal of the request.
const CODES: &[(&str, Class)] = &[
    ("AccessDenied", DENIED),
    ("AccessDeniedException", DENIED),
    ("BlockedException", DENIED),
    ("ClusterNotFoundException", CONFLICT),
    ("ConcurrentModification", CONFLICT),
    ("ConcurrentUpdateException", CONFLICT),
    ("ConflictException", CONFLICT),
    ("DeleteConflict", CONFLICT),
    ("EntityAlreadyExists", CONFLICT),
    ("EntityTemporarilyUnmodifiable", CONFLICT),
    ("ExpiredToken", DENIED),
    ("ExpiredTokenException", DENIED),
    ("IncompleteSignature", DENIED),
    ("InternalFailure", UNREACHABLE),
    ("InternalServiceException", UNREACHABLE),
    ("InvalidClientTokenId", DENIED),
    ("InvalidSignatureException", DENIED),
    ("NoSuchEntity", CONFLICT),
    ("RequestExpired", DENIED),
    ("RequestLimitExceeded", THROTTLED),
    ("ResourceInUseException", CONFLICT),
    ("ServerException", UNREACHABLE),
    ("ServiceFailure", UNREACHABLE),
    ("ServiceNotActiveException", CONFLICT),
    ("ServiceNotFoundException", CONFLICT),
    ("ServiceUnavailable", UNREACHABLE),
    ("SignatureDoesNotMatch", DENIED),
    ("Throttling", THROTTLED),
    ("ThrottlingException", THROTTLED),
    ("TooManyRequestsException", THROTTLED),
    ("UnrecognizedClientException", DENIED),
    ("UpdateInProgressException", CONFLICT),
];

/// Codes that mean many things: told apart by AWS's words, as terraform-provider-aws knows them.
const MESSAGES: &[(&str, &str)] = &[
    // A role that was made a moment ago cannot be passed yet (terraform-aws-ecs issue 414).
    ("AccessDeniedException", "iam:PassRole"),
    ("InvalidParameterException", "Creation of service was not idempotent"),
    ("InvalidParameterException", "Unable to assume"),
    ("InvalidParameterException", "unable to assume"),
    ("InvalidParameterException", "verify that the ECS service role being passed has the proper permissions"),
    ("InvalidParameterException", "does not have an associated load balancer"),
    ("InvalidParameterException", "Draining"),
    ("ClientException", "Cluster was not ACTIVE"),
    ("ClientException", "Too many concurrent attempts"),
    ("MalformedPolicyDocument", "Invalid principal in policy"),
    ("InvalidParameterValue", "Invalid IAM Instance Profile name"),
];

/// The class of an SDK error.
pub(super) fn classify<E>(error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(service) => {
            let (code, message) = (service.err().code(), service.err().message().unwrap_or_default());
            by_code(code, message, service.raw().status().as_u16())
        }
        SdkError::ConstructionFailure(_) => Failure::Rejected(chain(&error)),
        _ => Failure::Unreachable(chain(&error)),
    }
}

fn by_code(code: Option<&str>, message: &str, status: u16) -> Failure {
    let Some(code) = code else {
        return Failure::Unreachable(format!("HTTP status {status} without an error code"));
    };
    let text = if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") };
    if MESSAGES.iter().any(|(known, words)| *known == code && message.contains(words)) {
        return Failure::Conflict(text);
    }
    match CODES.iter().find(|(known, _)| *known == code) {
        Some((_, class)) => class(text),
        None if status >= 500 => Failure::Unreachable(text),
        None => Failure::Rejected(text),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_with_many_meanings_is_told_apart_by_its_message() {
        let refused = by_code(Some("InvalidParameterException"), "Invalid cpu", 400);
        assert!(matches!(refused, Failure::Rejected(_)));
        let waits = by_code(Some("InvalidParameterException"), "Unable to assume the service linked role.", 400);
        assert!(matches!(waits, Failure::Conflict(_)));
    }

    #[test]
    fn a_server_error_is_no_refusal_whatever_its_status() {
        assert!(matches!(by_code(Some("ServerException"), "", 400), Failure::Unreachable(_)));
        assert!(matches!(by_code(Some("Whatever"), "", 503), Failure::Unreachable(_)));
        assert!(matches!(by_code(None, "", 502), Failure::Unreachable(_)));
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(CODES.is_sorted_by_key(|(code, _)| code));
    }
}
