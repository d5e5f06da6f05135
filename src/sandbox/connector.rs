//! The sandbox as the HTTP client of the real SDK: no socket, tokio's clock.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::{Request, Response, Sandbox};

/// Hands every SDK request to a [`Sandbox`].
#[derive(Debug, Clone)]
pub struct Connector(pub Arc<Sandbox>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move { from_sandbox(sandbox.handle(&to_sandbox(&request))) })
    }
}

/// The SDK's request as the sandbox takes it.
#[must_use]
pub fn to_sandbox(request: &HttpRequest) -> Request {
    let header = |name| request.headers().get(name);
    Request {
        target: header("x-amz-target").map(str::to_owned),
        region: header("authorization").and_then(region_of_signature),
        access_key: header("authorization").and_then(access_key_of_signature),
        body: request.body().bytes().unwrap_or_default().to_vec(),
    }
}

/// The sandbox's answer as the SDK takes it.
///
/// # Errors
/// Without an answer, a connection that was reset.
pub fn from_sandbox(response: Option<Response>) -> Result<HttpResponse, ConnectorError> {
    let Some(response) = response else {
        return Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()));
    };
    let status = StatusCode::try_from(response.status).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut http = HttpResponse::new(status, SdkBody::from(response.body));
    http.headers_mut().insert("content-type", response.content_type);
    Ok(http)
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// `us-east-1` out of `… Credential=AKIA…/20261121/us-east-1/ecs/aws4_request, …`.
#[must_use]
pub fn region_of_signature(authorization: &str) -> Option<String> {
    let scope = authorization.split("Credential=").nth(1)?;
    scope.split('/').nth(2).map(str::to_owned)
}

/// `AKIA…` out of `… Credential=AKIA…/20261121/us-east-1/ecs/aws4_request, …`.
#[must_use]
pub fn access_key_of_signature(authorization: &str) -> Option<String> {
    let scope = authorization.split("Credential=").nth(1)?;
    scope.split('/').next().map(str::to_owned)
}
