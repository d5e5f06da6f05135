//! What others wrote never moves a terminal, forges a line of a log, or becomes a part of the page or of
//! the metrics.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

#[expect(dead_code, reason = "what the files come to is tests/hostile's business")]
#[path = "hostile/corpus.rs"]
mod corpus;
#[expect(dead_code, reason = "the scenarios use the rest")]
mod scenario;

use std::fs;
use std::path::Path;
use std::process::Command;

use corpus::NASTY;
use evenkeel::plain;
use scenario::{Running, cluster, manifest};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// File names that mean something to a terminal, a log, a page or a workflow of GitHub's.
const FILES: &[&str] = &[
    "\u{1b}[2J\u{1b}[31mred.yaml",
    "a\n::error file=b.yaml,line=1::forged.yaml",
    "a\r2026-11-26T00:00:00Z  INFO forged.yaml",
    "a\u{202e}lmay.yaml",
    "<script>alert(1)<.yaml",
    "a,line=9::b:c%0A.yaml",
    "\u{9b}31m.yaml",
];

/// One manifest for every nasty text, in every place that is repeated to people.
fn nasty() -> String {
    let manifests = NASTY.iter().map(|text| {
        format!(
            "apiVersion: evenkeel/v1alpha1\nkind: \"K{text}\"\nmetadata: {{name: \"{text}\", labels: {{\"{text}\": 1}}, \
             annotations: {{\"evenkeel/{text}\": \"{text}\"}}}}\nspec: {{\"{text}\": {{ref: \"{text}\"}}}}\n---\n\
             apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {{name: \"{text}\"}}\nspec: {{\"{text}\": \"{text}\"}}\n"
        )
    });
    manifests.collect::<Vec<_>>().join("---\n")
}

fn directory() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("all.yaml"), nasty()).expect("a file");
    for name in FILES {
        fs::write(directory.path().join(name), "kind: Cluster\n").expect("a file");
    }
    directory
}

fn evenkeel(arguments: &[&str], directory: &Path) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    let output = command.args(arguments).arg(directory).env_clear().output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}

/// Every line of a text shows, whole.
fn assert_plain(what: &str, text: &str) {
    let hidden = text.lines().find(|line| !plain::is_line(line));
    assert_eq!(hidden, None, "{what}");
}

#[test]
fn no_form_of_the_problems_holds_what_does_not_show() {
    let directory = directory();
    for form in ["human", "json", "github"] {
        let (out, err) = evenkeel(&["validate", "--output", form], directory.path());
        assert!(out.lines().count() > FILES.len() && err.is_empty(), "{form}: {err}");
        assert_plain(form, &out);
    }
    let (out, err) = evenkeel(&["plan", "--sandbox"], directory.path());
    assert_eq!(out, "");
    assert_plain("plan", &err);
}

#[test]
fn a_workflow_of_github_takes_each_line_for_one_annotation() {
    let directory = directory();
    let (out, _) = evenkeel(&["validate", "--output", "github"], directory.path());
    for line in out.lines() {
        let properties =
            line.strip_prefix("::error file=").and_then(|rest| rest.split_once("::")).expect("a command").0;
        let members: Vec<&str> = properties.split(',').collect();
        assert!(members.len() == 3 && members[1].starts_with("line=") && members[2].starts_with("col="), "{line}");
    }
}

#[test]
fn each_event_of_the_log_is_one_line_whatever_it_repeats() {
    let directory = directory();
    for form in ["text", "json"] {
        let arguments =
            ["run", "--sandbox", "--once", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--log", form];
        let (_, err) = evenkeel(&arguments, directory.path());
        assert!(err.lines().count() > 2 * NASTY.len().min(50), "{err}");
        assert_plain(form, &err);
        for line in err.lines() {
            let whole = match form {
                "json" => serde_json::from_str::<serde_json::Value>(line).is_ok(),
                _ => {
                    line.starts_with("20")
                        && [" INFO ", " WARN ", " ERROR "].iter().any(|level| line[..40].contains(level))
                }
            };
            assert!(whole, "{form}: {line:?}");
        }
    }
}

async fn get(running: &Running, path: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(evenkeel::serve::serve(std::sync::Arc::clone(&running.shared), listener));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    server.abort();
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

/// Names that only the metrics and the page have to mind: AWS has a name of its own for each.
fn odd_names() -> String {
    let names = ["<b>web</b>", "web\\\"} 1 evenkeel_up 2", "a\\\\b", "&lt;i&gt;", "`x` | _y_ @z", "${x}"];
    let manifests = names.iter().enumerate().map(|(n, name)| {
        let spec = format!("clusterName: odd-{n}\nconfiguration: {{executeCommandConfiguration: {{logging: NONE}}}}");
        manifest("Cluster", &format!("\"{name}\""), &spec)
    });
    manifests.collect()
}

#[tokio::test]
async fn the_page_has_no_element_that_a_name_brings_along() {
    tokio::time::pause();
    let files: Vec<(&str, &str)> = FILES.iter().map(|name| (*name, "kind: Cluster\n")).collect();
    let (nasty, odd, good) = (nasty(), odd_names(), cluster("shop"));
    let all = [&files[..], &[("all.yaml", &nasty), ("odd.yaml", &odd), ("good.yaml", &good)]].concat();
    let running = Running::start(&all).await;
    tokio::time::resume();
    let page = get(&running, "/").await;
    assert!(page.contains("&lt;script&gt;") && page.contains("&lt;b&gt;web&lt;/b&gt;"), "{page}");
    assert_plain("the page", &page);
    let known = [
        "!doctype", "html", "meta", "title", "/title", "style", "/style", "h1", "/h1", "h2", "/h2", "p", "/p", "a",
        "/a", "table", "/table", "tr", "th", "td", "code", "/code",
    ];
    let element = |rest: &str| rest.split(['>', ' ']).next().unwrap_or_default().to_owned();
    let strange: Vec<String> =
        page.split('<').skip(1).map(element).filter(|name| !known.contains(&name.as_str())).collect();
    assert_eq!(strange, [""; 0]);

    let status = get(&running, "/status").await;
    assert_plain("the status", &status);
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert!(status["problems"].as_array().is_some_and(|problems| problems.len() > FILES.len()));

    let metrics = get(&running, "/metrics").await;
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        assert!(is_sample(line), "{line:?}");
    }
    assert!(
        metrics.contains(r#"name="web\",state=\"in_sync""#) && metrics.contains(r#"name="C:\\Windows"#),
        "{metrics}"
    );
    assert!(!metrics.lines().any(|line| line.starts_with("evenkeel_up")));
}

/// `name{label="value",…} number`, quotes and backslashes escaped (Prometheus exposition format).
fn is_sample(line: &str) -> bool {
    let name_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(line.len());
    let mut rest = &line[name_end..];
    if let Some(labels) = rest.strip_prefix('{') {
        let (mut quoted, mut escaped, mut end) = (false, false, None);
        for (at, c) in labels.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '}' if !quoted => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else { return false };
        rest = &labels[end + 1..];
    }
    name_end > 0 && rest.strip_prefix(' ').is_some_and(|number| number.parse::<f64>().is_ok())
}
