//! awsQuery answers: XML envelopes.

use crate::sandbox::ApiError;

const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The envelope of a successful answer around the members of its result.
#[must_use]
pub fn response(namespace: &str, operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// The envelope of an error.
#[must_use]
pub fn error(namespace: &str, error: &ApiError) -> String {
    let fault = if error.status >= 500 { "Receiver" } else { "Sender" };
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>",
        error.code,
        escape(&error.message)
    )
}

/// Text made safe to stand inside an element.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
