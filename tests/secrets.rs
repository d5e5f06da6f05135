//! Values that nobody is to read appear nowhere but in AWS; those that are shown on purpose are listed.
//!
//! Each place of a manifest that could hold a secret holds a word of its own. The daemon and every
//! command run with everything logged, over HTTP, with credentials of the environment, and every byte
//! that they write is looked through.
#![cfg(all(unix, feature = "sandbox"))]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What is shown on purpose, and where: a plan is there to show what changes, a progress line and a
/// problem to name what it is about.
const SHOWN: &[(&str, &[&str])] = &[("plan", IN_PLANS), ("plan as JSON", IN_PLANS), ("plan as Markdown", IN_PLANS)];

const IN_PLANS: &[&str] = &[
    "command",
    "description",
    "docker-label",
    "entry-point",
    // The names of files and secrets, not what is in them.
    "environment-file",
    "health-check",
    "inline",
    "policy",
    "repository-credentials",
    "tag",
    "trust",
];

/// Every word that stands in the manifests.
const PLACES: &[&str] = &[
    "environment",
    "environment-file",
    "secret",
    "repository-credentials",
    "log-option",
    "log-secret",
    "firelens-option",
    "command",
    "entry-point",
    "health-check",
    "docker-label",
    "driver-option",
    "connect-log-option",
    "tag",
    "policy",
    "trust",
    "inline",
    "description",
];

/// What is in the environment of every process.
const CREDENTIALS: &[&str] = &["secret-key", "session-token"];

/// `canary-WORD-N`: another one in each version of the manifests.
fn manifests(version: u32) -> String {
    let text = r#"
apiVersion: evenkeel/v1alpha1
kind: Cluster
metadata: {name: main}
spec: {}
---
apiVersion: evenkeel/v1alpha1
kind: Policy
metadata: {name: read}
spec:
  policyDocument: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:Get*", Resource: "arn:aws:s3:::canary-policy-N/*"}}
---
apiVersion: evenkeel/v1alpha1
kind: Role
metadata: {name: task}
spec:
  description: canary-description-N
  assumeRolePolicyDocument:
    Version: "2012-10-17"
    Statement:
      Effect: Allow
      Principal: {Service: ecs-tasks.amazonaws.com}
      Action: "sts:AssumeRole"
      Condition: {StringEquals: {"sts:ExternalId": canary-trust-N, "aws:SourceAccount": "123456789012"}}
  inlinePolicies:
    read: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:Get*", Resource: "arn:aws:s3:::canary-inline-N/*"}}
---
apiVersion: evenkeel/v1alpha1
kind: Service
metadata: {name: web}
spec:
  cluster: {ref: main}
  desiredCount: 1
  tags: {word: canary-tag-N}
  serviceConnectConfiguration:
    enabled: true
    namespace: shop
    logConfiguration: {logDriver: splunk, options: {splunk-token: canary-connect-log-option-N}}
  taskDefinition:
    taskRoleArn: {ref: task}
    executionRoleArn: {ref: task}
    volumes:
      - name: data
        dockerVolumeConfiguration: {scope: shared, driver: local, driverOpts: {o: "password=canary-driver-option-N"}}
    containerDefinitions:
      - name: log
        image: fluentbit
        memory: 64
        firelensConfiguration: {type: fluentbit, options: {config-file-value: canary-firelens-option-N}}
      - name: web
        image: nginx
        memory: 128
        command: ["--password=canary-command-N"]
        entryPoint: ["/web", "canary-entry-point-N"]
        healthCheck: {command: [CMD-SHELL, "curl -u canary-health-check-N"]}
        dockerLabels: {label: canary-docker-label-N}
        environment: [{name: PASSWORD, value: canary-environment-N}]
        environmentFiles: [{type: s3, value: "arn:aws:s3:::bucket/canary-environment-file-N.env"}]
        secrets: [{name: TOKEN, valueFrom: "arn:aws:secretsmanager:us-east-1:123456789012:secret:canary-secret-N"}]
        repositoryCredentials: {credentialsParameter: "arn:aws:secretsmanager:us-east-1:123456789012:secret:canary-repository-credentials-N"}
        mountPoints: [{sourceVolume: data, containerPath: /data}]
        logConfiguration:
          logDriver: splunk
          options: {splunk-url: "https://example.com", splunk-token: canary-log-option-N}
          secretOptions: [{name: splunk-ca, valueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/canary-log-secret-N"}]
"#;
    text.trim_start().replace("-N", &format!("-{version}"))
}

/// The processes of one test, and all that they wrote, by where.
struct Witness {
    url: String,
    home: tempfile::TempDir,
    sandbox: Child,
    seen: BTreeMap<&'static str, String>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

impl Witness {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let mut sandbox = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(["sandbox", "--listen", "127.0.0.1:0"])
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        BufReader::new(sandbox.stdout.take().expect("output")).read_line(&mut line).expect("a line");
        let url =
            line.split_whitespace().find_map(|word| word.strip_suffix(';').filter(|word| word.starts_with("http")));
        Self { url: url.expect("an address").to_owned(), home, sandbox, seen: BTreeMap::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command.args(arguments).args(["--log-filter", "trace"]).env_clear().stdin(Stdio::null());
        command.envs([
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "canary-secret-key-0"),
            ("AWS_SESSION_TOKEN", "canary-session-token-0"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", &self.url),
        ]);
        command.env("HOME", self.home.path());
        command
    }

    fn note(&mut self, place: &'static str, text: &str) {
        self.seen.entry(place).or_default().push_str(text);
    }

    /// Runs a command to its end; returns its exit code.
    fn run(&mut self, place: &'static str, log: &'static str, arguments: &[&str]) -> Option<i32> {
        let output = self.command(arguments).output().expect("the binary runs");
        self.note(place, &String::from_utf8_lossy(&output.stdout));
        self.note(log, &String::from_utf8_lossy(&output.stderr));
        output.status.code()
    }
}

fn get(address: &str, page: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    write!(stream, "GET {page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn wait<T>(what: &str, log: &Mutex<String>, mut found: impl FnMut(&str) -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = found(&log.lock().expect("the log")) {
            return found;
        }
        if Instant::now() > end {
            let log = log.lock().expect("the log").clone();
            let lines: Vec<&str> =
                log.lines().filter(|line| !line.contains(" TRACE ") && !line.contains(" DEBUG ")).collect();
            panic!("{what} did not come:\n{}", lines.join("\n"));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The life of a daemon: it creates, it changes, and it meets manifests that are wrong.
fn daemon(witness: &mut Witness, directory: &Path) {
    let path = directory.to_str().expect("UTF-8");
    let arguments = ["run", path, "--listen", "127.0.0.1:0", "--debounce", "10ms"];
    let mut child = witness.command(&arguments).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let log = Arc::new(Mutex::new(String::new()));
    let (lines, written) = (BufReader::new(child.stderr.take().expect("a log")).lines(), Arc::clone(&log));
    let reader = thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            written.lock().expect("the log").push_str(&(line + "\n"));
        }
    });
    let address = wait("the address", &log, |log| {
        let (_, rest) = log.split_once("status=\"http://")?;
        Some(rest.split('/').next()?.to_owned())
    });
    let changed = |times: usize| {
        wait("the change", &log, |log| (log.matches("ecs:UpdateService main/web").count() >= times).then_some(()))
    };
    wait("the service", &log, |log| log.contains("ecs:CreateService main/web").then_some(()));
    fs::write(directory.join("all.yaml"), manifests(2)).expect("a file");
    changed(1);
    for wrong in wrong(3) {
        fs::write(directory.join("wrong.yaml"), wrong).expect("a file");
        wait("the problem", &log, |log| log.contains("wrong.yaml").then_some(()));
        for (place, page) in [("page", "/"), ("status", "/status"), ("metrics", "/metrics")] {
            witness.note(place, &get(&address, page));
        }
    }
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    assert_eq!(child.wait().expect("an end").code(), Some(0));
    reader.join().expect("the log");
    witness.note("log of the daemon", &log.lock().expect("the log"));
}

/// Manifests with a secret in a wrong place, or of a wrong kind.
fn wrong(version: u32) -> Vec<String> {
    let good = manifests(version).replace("name: main", "name: other").replace("{name: web}", "{name: wrong}");
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    vec![
        replaced("{name: PASSWORD, value: canary-environment-3}", "PASSWORD=canary-environment-3"),
        replaced("{name: PASSWORD, value: canary-environment-3}", "{name: PASSWORD, valu: canary-environment-3}"),
        replaced("{name: PASSWORD, value: canary-environment-3}", "{name: PASSWORD, value: [canary-environment-3]}"),
        replaced("options: {splunk-url", "options: canary-log-option-3\n          tmp: {splunk-url"),
        replaced("canary-log-option-3", "[canary-log-option-3]"),
        replaced("canary-firelens-option-3", "{a: canary-firelens-option-3}"),
        replaced(
            "driverOpts: {o: \"password=canary-driver-option-3\"}",
            "driverOpts: \"password=canary-driver-option-3\"",
        ),
        replaced(
            "driverOpts: {o: \"password=canary-driver-option-3\"}",
            "driverOpts: [\"password=canary-driver-option-3\"]",
        ),
        replaced("secrets: [{name: TOKEN, valueFrom: ", "secrets: [{name: TOKEN, value: "),
        replaced("value: canary-environment-3", "value: \"${AWS::canary-environment-3}\""),
        replaced("value: canary-environment-3}", "value: canary-environment-3"),
    ]
}

#[test]
fn what_nobody_is_to_read_is_nowhere_and_what_is_shown_is_listed() {
    let mut witness = Witness::new();
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("all.yaml"), manifests(1)).expect("a file");
    daemon(&mut witness, directory.path());

    fs::remove_file(directory.path().join("wrong.yaml")).expect("the file");
    fs::write(directory.path().join("all.yaml"), manifests(4)).expect("a file");
    let path = directory.path().to_str().expect("UTF-8");
    for (place, form) in [("plan", "human"), ("plan as JSON", "json"), ("plan as Markdown", "markdown")] {
        assert_eq!(witness.run(place, "log of a command", &["plan", path, "--output", form]), Some(2));
    }
    for (version, form) in [(5, "human"), (6, "json")] {
        fs::write(directory.path().join("all.yaml"), manifests(version)).expect("a file");
        assert_eq!(witness.run("apply", "log of apply", &["apply", path, "--output", form]), Some(0), "{form}");
    }
    for wrong in wrong(3) {
        fs::write(directory.path().join("wrong.yaml"), wrong).expect("a file");
        for form in ["human", "json", "github"] {
            assert_eq!(witness.run("validate", "log of a command", &["validate", path, "--output", form]), Some(1));
        }
    }
    // What it writes to standard output is what the account holds: that is what it is for.
    let output = witness.command(&["export"]).output().expect("the binary runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("canary-environment-6"));
    witness.note("log of export", &String::from_utf8_lossy(&output.stderr));

    let words: Vec<&str> = PLACES.iter().chain(CREDENTIALS).copied().collect();
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (place, text) in &witness.seen {
        assert!(!text.is_empty(), "{place} has nothing to look through");
        let words = words.iter().copied().filter(|word| (0..=6).any(|n| text.contains(&format!("canary-{word}-{n}"))));
        found.entry(place).or_default().extend(words);
    }
    found.retain(|_, words| !words.is_empty());
    let listed: BTreeMap<&str, BTreeSet<&str>> =
        SHOWN.iter().map(|(place, words)| (*place, words.iter().copied().collect())).collect();
    let example = |place: &str, word: &str| {
        witness.seen[place].lines().find(|line| line.contains(&format!("canary-{word}-"))).unwrap_or_default()
    };
    let unlisted: Vec<String> = found
        .iter()
        .flat_map(|(place, words)| words.iter().map(move |word| (*place, *word)))
        .filter(|(place, word)| !listed.get(place).is_some_and(|words| words.contains(word)))
        .map(|(place, word)| {
            format!("{word} in {place}: {}", example(place, word).chars().take(600).collect::<String>())
        })
        .collect();
    let bytes: usize = witness.seen.values().map(String::len).sum();
    println!("{} words looked for in {} places, {bytes} bytes", words.len(), witness.seen.len());
    assert!(unlisted.is_empty(), "shown, and not listed:\n{}", unlisted.join("\n"));
    assert_eq!(found, listed, "the list has more than is shown");
    assert!(witness.seen["log of the daemon"].contains("TRACE"), "nothing was traced");
}
