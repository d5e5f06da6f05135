//! Which service, cluster and roles this very process runs as: so that it never takes them from itself.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::aws::Aws;
use crate::plan::Itself;
use crate::resource::Identity;
use crate::value::Value;

/// Where ECS tells a task about itself (ECS developer guide, task metadata endpoint version 4).
const ENDPOINT: &str = "ECS_CONTAINER_METADATA_URI_V4";
/// Longest that the endpoint, which is on the same host, may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What can be found out, and what to call this process: the ARN of its task, or words. What cannot is
/// said in the log; it is then protected by the daemon's own IAM policy alone.
pub(super) async fn find(aws: &Aws) -> (Itself, String) {
    let mut itself = Itself { roles: aws.role().map(str::to_owned).into_iter().collect(), ..Itself::default() };
    let mut what = process();
    let Ok(endpoint) = std::env::var(ENDPOINT) else { return (itself, what) };
    match timeout(ANSWER_TIMEOUT, task(&endpoint)).await {
        Ok(Ok(task)) => {
            let text = |member: &str| task.get(member).and_then(Value::as_str);
            let cluster = text("Cluster").map(|cluster| cluster.rsplit('/').next().unwrap_or(cluster).to_owned());
            itself.cluster = cluster.clone().map(|name| Identity::Cluster { name });
            itself.service = cluster
                .zip(text("ServiceName"))
                .map(|(cluster, name)| Identity::Service { cluster, name: name.to_owned() });
            if let Some((family, revision)) = text("Family").zip(text("Revision")) {
                itself.roles.extend(aws.roles_of(&format!("{family}:{revision}")).await);
            }
            what = text("TaskARN").map_or(what, str::to_owned);
            tracing::info!(?itself, "runs as an ECS task; what it runs on is not taken away");
        }
        Ok(Err(error)) => tracing::warn!(%error, endpoint, "could not find out which service this is"),
        Err(_) => tracing::warn!(endpoint, "could not find out which service this is: no answer"),
    }
    (itself, what)
}

/// What to call a process that is no ECS task.
fn process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).collect();
    let host = if host.is_empty() { "this machine".to_owned() } else { host };
    format!("process {} on {host}", std::process::id())
}

/// The endpoint's answer about the task. It is asked by hand: one plain request needs no client.
async fn task(endpoint: &str) -> std::io::Result<Value> {
    let wrong = |what: &str| std::io::Error::other(what.to_owned());
    let rest = endpoint.strip_prefix("http://").ok_or_else(|| wrong("not an http address"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(address).await?;
    // Version 1.0, so that the answer is whole and ends with the connection.
    let request = format!("GET /{path}/task HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| wrong("the answer has no body"))?;
    if !head.starts_with("HTTP/1.1 200") && !head.starts_with("HTTP/1.0 200") {
        return Err(wrong(head.lines().next().unwrap_or_default()));
    }
    Ok(serde_json::from_str(body)?)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn answering(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /v4/abc/task HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        format!("http://{address}/v4/abc")
    }

    #[tokio::test]
    async fn the_endpoint_tells_of_the_task() {
        let endpoint =
            answering("HTTP/1.0 200 OK\r\n\r\n{\"Cluster\":\"evenkeel\",\"ServiceName\":\"evenkeel\"}").await;
        assert_eq!(task(&endpoint).await.unwrap()["ServiceName"], "evenkeel");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        let endpoint = answering("HTTP/1.0 404 Not Found\r\n\r\nno such task").await;
        assert!(task(&endpoint).await.unwrap_err().to_string().contains("404"));
        let endpoint = answering("HTTP/1.0 200 OK\r\n\r\nnot JSON").await;
        assert!(task(&endpoint).await.is_err());
        assert!(task("unix:///nowhere").await.is_err());
    }
}
