//! The sandbox as a loopback HTTP server: for the AWS CLI, boto3 and benchmarks.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::connector::{access_key_of_signature, region_of_signature};
use super::{Request, Sandbox};

/// Serves the sandbox on `listener` until the future is dropped.
///
/// # Errors
/// When the listener can accept no more connections.
pub async fn serve(sandbox: Arc<Sandbox>, listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let sandbox = Arc::clone(&sandbox);
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(Arc::clone(&sandbox), request));
            if let Err(error) =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await
            {
                tracing::debug!(%error, "sandbox connection ended");
            }
        });
    }
}

async fn answer(sandbox: Arc<Sandbox>, request: hyper::Request<Incoming>) -> io::Result<hyper::Response<Full<Bytes>>> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let target = header("x-amz-target");
    let signature = header("authorization");
    let region = signature.as_deref().and_then(region_of_signature);
    let access_key = signature.as_deref().and_then(access_key_of_signature);
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) => {
            tracing::debug!(%error, "sandbox request broke off");
            Vec::new()
        }
    };
    let response = sandbox.handle(&Request { target, region, access_key, body });
    // An error here makes hyper close the connection without a word.
    let response = response.ok_or(io::ErrorKind::ConnectionReset)?;
    let mut http = hyper::Response::new(Full::new(Bytes::from(response.body)));
    *http.status_mut() =
        hyper::StatusCode::from_u16(response.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    http.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(response.content_type));
    Ok(http)
}
