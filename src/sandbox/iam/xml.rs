//! awsQuery answers: XML envelopes and the elements inside them.

use std::fmt::Display;
use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

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

/// Text made safe to stand inside an element. A bare carriage return would be read back as a newline.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\r', "&#xD;")
}

/// An element that holds text.
#[must_use]
pub fn text(name: &str, value: impl Display) -> String {
    format!("<{name}>{}</{name}>", escape(&value.to_string()))
}

/// An element that holds text, or nothing at all.
#[must_use]
pub fn optional(name: &str, value: Option<impl Display>) -> String {
    value.map(|value| text(name, value)).unwrap_or_default()
}

/// An element that holds elements.
#[must_use]
pub fn nested(name: &str, inner: &str) -> String {
    format!("<{name}>{inner}</{name}>")
}

/// A list: every item, already XML, becomes a `member`.
#[must_use]
pub fn list(name: &str, items: impl IntoIterator<Item = String>) -> String {
    let members: String = items.into_iter().map(|item| nested("member", &item)).collect();
    nested(name, &members)
}

/// A moment, in the whole seconds that IAM keeps.
#[must_use]
pub fn date(name: &str, since_epoch: Duration) -> String {
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    optional(name, DateTime::from_secs(seconds).fmt(Format::DateTime).ok())
}
