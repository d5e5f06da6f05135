//! Faults on demand: throttling, server errors and lost replies, per operation and count.

use std::sync::PoisonError;

use serde_json::json;

use super::iam::query::Query;
use super::{ApiError, Request, Response, Sandbox, iam, json_service};

/// A fault that the next calls of an operation meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The operation, for example `CreateService`; `*` is every operation.
    pub operation: String,
    /// How many calls it meets.
    pub times: u32,
    /// What happens to them.
    pub kind: FaultKind,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// "Rate exceeded", in the words of the service that is called.
    Throttled,
    /// HTTP 500.
    ServerError,
    /// The connection is reset before the call takes effect.
    DropBefore,
    /// The call takes effect, but its reply is lost.
    DropAfter,
    /// The code that makes the call panics: not AWS's fault, but ours.
    Panic,
    /// Any other error.
    Refuse {
        /// The error code.
        code: &'static str,
        /// The message.
        message: String,
        /// HTTP status.
        status: u16,
    },
}

impl Sandbox {
    /// Makes the next calls of an operation meet a fault. Faults of one operation are met in the
    /// order in which they were injected.
    pub fn inject(&self, fault: Fault) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// From now on no call meets a fault.
    pub fn heal(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Answers one request; nothing when an injected fault loses the call or its reply.
    pub fn handle(&self, request: &Request) -> Option<Response> {
        let operation = operation(request);
        let fault = self.take_fault(&operation).or_else(|| self.limit(&operation));
        match fault {
            None => Some(self.answer(request)),
            Some(FaultKind::DropBefore) => None,
            #[expect(clippy::panic, reason = "what was asked for")]
            Some(FaultKind::Panic) => panic!("a panic was injected"),
            Some(FaultKind::DropAfter) => {
                self.answer(request);
                None
            }
            Some(FaultKind::Throttled) => {
                let code = if request.target.is_some() { "ThrottlingException" } else { "Throttling" };
                Some(self.refuse(request, &operation, &ApiError::new(code, "Rate exceeded")))
            }
            Some(FaultKind::ServerError) => {
                let code = if request.target.is_some() { "ServerException" } else { "ServiceFailure" };
                let error = ApiError::new(code, "Service Unavailable. Please try again later.").with_status(500);
                Some(self.refuse(request, &operation, &error))
            }
            Some(FaultKind::Refuse { code, message, status }) => {
                Some(self.refuse(request, &operation, &ApiError::new(code, message).with_status(status)))
            }
        }
    }

    fn limit(&self, operation: &str) -> Option<FaultKind> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let within = limits.as_mut().is_none_or(|limits| limits.take(operation, self.now()));
        (!within).then_some(FaultKind::Throttled)
    }

    fn take_fault(&self, operation: &str) -> Option<FaultKind> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |fault: &&mut Fault| fault.times > 0 && (fault.operation == operation || fault.operation == "*");
        let fault = faults.iter_mut().find(fits)?;
        fault.times -= 1;
        let kind = fault.kind.clone();
        faults.retain(|fault| fault.times > 0);
        Some(kind)
    }

    fn refuse(&self, request: &Request, operation: &str, error: &ApiError) -> Response {
        let (service, content_type, body) = if let Some(target) = &request.target {
            let body = json!({ "__type": error.code, "message": error.message }).to_string();
            (json_service(target), "application/x-amz-json-1.1", body)
        } else {
            let service = match Query::parse(&request.body).get("Version") {
                Some("2011-06-15") => "sts",
                _ => "iam",
            };
            (service, "text/xml", iam::xml::error("https://iam.amazonaws.com/doc/2010-05-08/", error))
        };
        self.state().record(service, operation, Some(error));
        Response { status: error.status, content_type, body: body.into_bytes() }
    }
}

/// The operation that a request is of.
#[must_use]
pub fn operation(request: &Request) -> String {
    match &request.target {
        Some(target) => target.rsplit('.').next().unwrap_or(target).to_owned(),
        None => Query::parse(&request.body).get("Action").unwrap_or_default().to_owned(),
    }
}
