//! The binary from outside: exit codes, output, the daemon's life, and what it never says.
#![cfg(all(unix, feature = "sandbox"))]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const CLUSTER: &str = "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {name: main}\nspec: {}\n";
const ROLE: &str = "apiVersion: evenkeel/v1alpha1\nkind: Role\nmetadata: {name: app}\nspec: {preset: task}\n";
const SERVICE: &str = "\
apiVersion: evenkeel/v1alpha1
kind: Service
metadata: {name: web}
spec:
  cluster: {ref: main}
  desiredCount: 1
  taskDefinition:
    containerDefinitions:
      - name: web
        image: nginx
        memory: 128
        environment:
          - {name: PASSWORD, value: canary-environment}
        logConfiguration:
          logDriver: splunk
          options: {splunk-url: \"https://example.com\", splunk-token: canary-option}
";

/// What one run of the binary left behind.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn evenkeel(arguments: &[&str]) -> Ended {
    let output = command(arguments).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().expect("an exit code");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!out.contains('\x1b') && !err.contains('\x1b'), "colours are for terminals: {out}{err}");
    Ended { code, out, err }
}

/// A directory of manifests.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

fn path(directory: &TempDir) -> &str {
    directory.path().to_str().expect("UTF-8")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A daemon on the simulated AWS, on ports that the system picked. Killed when dropped.
struct Daemon {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    fn start(directory: &TempDir, more: &[&str]) -> Self {
        let fixed = ["run", path(directory), "--sandbox", "--listen", "127.0.0.1:0"];
        let mut child = command(&[&fixed[..], &["--sandbox-listen", "127.0.0.1:0"], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = written.lock().expect("the log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log }
    }

    fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Waits for something, at most half a minute.
    fn wait<T>(&mut self, what: &str, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(Instant::now() < end, "{what} did not come: {}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The address that follows a text in the log.
    fn address(&mut self, before: &str) -> String {
        self.wait(before, |daemon| {
            let log = daemon.log();
            let (_, rest) = log.split_once(before)?;
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))?;
            Some(rest[..end].trim_end_matches(':').to_owned())
        })
    }

    fn listen(&mut self) -> String {
        self.address("status=\"http://")
    }

    fn sandbox(&mut self) -> String {
        self.address("the simulated AWS is at http://")
    }

    /// Sends SIGTERM and waits for the end. Returns the exit code.
    fn terminate(&mut self) -> Option<i32> {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status line and body of a page.
fn get(address: &str, page: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    write!(stream, "GET {page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[test]
fn validate_says_whether_there_are_problems() {
    let good = evenkeel(&["validate", path(&directory(&[("main.yaml", CLUSTER), ("app.yaml", ROLE)]))]);
    assert_eq!((good.code, good.out.as_str()), (0, "2 resources in 2 files, no problems.\n"), "{}", good.err);
    let bad = directory(&[("main.yaml", &CLUSTER.replace("Cluster", "Clster"))]);
    let human = evenkeel(&["validate", path(&bad)]);
    assert_eq!(human.code, 1);
    assert!(human.out.starts_with("main.yaml:2:7: error: kind: there is no kind `Clster`\n"), "{}", human.out);
    let listed = evenkeel(&["validate", path(&bad), "--output", "json"]);
    assert_eq!(listed.code, 1);
    let problem = &json(&listed.out)["problems"][0];
    assert_eq!((&problem["line"], &problem["column"], &problem["path"]), (&2.into(), &7.into(), &"kind".into()));
    let github = evenkeel(&["validate", path(&bad), "-o", "github"]);
    assert_eq!(github.code, 1);
    assert!(github.out.starts_with("::error file=main.yaml,line=2,col=7::kind: "), "{}", github.out);
}

#[test]
fn plan_says_whether_there_is_something_to_do() {
    let files = directory(&[("main.yaml", CLUSTER), ("app.yaml", ROLE)]);
    let human = evenkeel(&["plan", path(&files), "--sandbox"]);
    assert_eq!(human.code, 2, "{}", human.err);
    assert!(human.out.contains("2 to create, 0 to change"), "{}", human.out);
    let listed = evenkeel(&["plan", path(&files), "--sandbox", "--output", "json"]);
    assert_eq!(listed.code, 2);
    let plan = json(&listed.out);
    assert_eq!((&plan["empty"], &plan["items"][0]["verb"]), (&false.into(), &"create".into()));
    let markdown = evenkeel(&["plan", path(&files), "--sandbox", "-o", "markdown"]);
    assert!(markdown.out.contains("- Role/app: create (role app)"), "{}", markdown.out);
    let nothing = evenkeel(&["plan", path(&directory(&[])), "--sandbox"]);
    assert_eq!(nothing.code, 0, "{}{}", nothing.out, nothing.err);
}

#[test]
fn nothing_is_planned_or_applied_from_manifests_with_problems() {
    let files = directory(&[("main.yaml", CLUSTER), ("bad.yaml", "kind: Cluster\n")]);
    for verb in ["plan", "apply", "render"] {
        let sandbox: &[&str] = if verb == "render" { &[] } else { &["--sandbox"] };
        let refused = evenkeel(&[&[verb, path(&files)], sandbox].concat());
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{verb}");
        assert!(refused.err.contains("bad.yaml:1:1: error: missing field `apiVersion`"), "{}", refused.err);
        assert!(refused.err.contains("in the manifests; nothing was done"), "{}", refused.err);
    }
}

#[test]
fn apply_converges() {
    let files = directory(&[("main.yaml", CLUSTER), ("app.yaml", ROLE)]);
    let human = evenkeel(&["apply", path(&files), "--sandbox"]);
    assert_eq!(human.code, 0, "{}{}", human.out, human.err);
    assert_eq!(human.out, "2 of 2 resources as declared; 2 changes.\n");
    assert!(human.err.contains("✓ Cluster/main  ecs:CreateCluster main"), "{}", human.err);
    let listed = evenkeel(&["apply", path(&files), "--sandbox", "--output", "json"]);
    assert_eq!((listed.code, &json(&listed.out)["converged"]), (0, &true.into()));
    assert_eq!(listed.err, "");
}

#[test]
fn render_writes_presets_and_variables_out() {
    let files = directory(&[("app.yaml", ROLE)]);
    let rendered = evenkeel(&["render", path(&files), "--account", "210987654321"]);
    assert_eq!(rendered.code, 0, "{}", rendered.err);
    for text in ["kind: Role", "Service: ecs-tasks.amazonaws.com", "aws:SourceAccount: '210987654321'"] {
        assert!(rendered.out.contains(text), "{text}: {}", rendered.out);
    }
    let again = directory(&[("app.yaml", &rendered.out)]);
    assert_eq!(
        evenkeel(&["render", path(&again)]).out,
        rendered.out,
        "what is rendered is a manifest that says the same"
    );
}

#[test]
fn the_schema_knows_what_a_manifest_holds() {
    let printed = evenkeel(&["schema"]);
    assert_eq!(printed.code, 0);
    let schema = json(&printed.out);
    let kinds = schema["oneOf"].as_array().expect("kinds");
    assert_eq!(kinds.len(), 7);
    let service = kinds.iter().find(|kind| kind["properties"]["kind"]["const"] == "Service").expect("Service");
    // Every key of an example has its place in the schema.
    let example = [
        "/properties/metadata",
        "/properties/spec/properties/cluster",
        "/properties/spec/properties/desiredCount",
        "/properties/spec/properties/tags",
        "/properties/spec/properties/taskDefinition/anyOf/2/properties/containerDefinitions/items/properties/environment\
         /items/properties/value",
    ];
    for key in example {
        assert!(service.pointer(key).is_some(), "{key}");
    }
    assert_eq!(service["properties"]["spec"]["additionalProperties"], false);
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = evenkeel(&["completions", shell]);
        assert_eq!(script.code, 0);
        assert!(script.out.contains("validate"), "{shell}");
    }
}

#[test]
fn help_lists_every_command_and_mistakes_are_errors() {
    let help = evenkeel(&["--help"]);
    assert_eq!(help.code, 0);
    for verb in ["run", "plan", "apply", "validate", "render", "schema", "completions", "healthcheck", "sandbox"] {
        assert!(
            help.out.lines().any(|line| line.trim_start().starts_with(&format!("{verb} "))),
            "{verb}: {}",
            help.out
        );
        assert_eq!(evenkeel(&[verb, "--help"]).code, 0, "{verb}");
    }
    assert!(evenkeel(&["--version"]).out.starts_with("evenkeel "));
    for wrong in [&["plam"][..], &["plan"], &["run", "x", "--interval", "60"], &[]] {
        let refused = evenkeel(wrong);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{wrong:?}: {}", refused.err);
    }
}

#[test]
fn a_configuration_file_is_checked() {
    let files = directory(&[("main.yaml", CLUSTER)]);
    let config = directory(&[("good.yaml", "output: json\n"), ("bad.yaml", "outptu: json\n")]);
    let file = |name: &str| config.path().join(name).to_str().expect("UTF-8").to_owned();
    let good = evenkeel(&["--config", &file("good.yaml"), "validate", path(&files)]);
    assert_eq!((good.code, json(&good.out)["problems"].as_array().map(Vec::len)), (0, Some(0)));
    let bad = evenkeel(&["--config", &file("bad.yaml"), "validate", path(&files)]);
    assert_eq!(bad.code, 1);
    assert!(bad.err.contains("there is no flag `outptu`, did you mean `output`?"), "{}", bad.err);
    let missing = evenkeel(&["--config", &file("missing.yaml"), "validate", path(&files)]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("missing.yaml: "), "{}", missing.err);
}

#[test]
fn a_single_round_of_the_daemon_ends_well() {
    let files = directory(&[("main.yaml", CLUSTER), ("app.yaml", ROLE)]);
    let fixed = ["run", path(&files), "--sandbox", "--once", "--debounce", "10ms"];
    let ports = ["--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"];
    let once = evenkeel(&[&fixed[..], &ports].concat());
    assert_eq!((once.code, once.out.as_str()), (0, ""), "{}", once.err);
    fs::write(files.path().join("bad.yaml"), "kind: Cluster\n").expect("a file");
    let bad = evenkeel(&[&fixed[..], &ports].concat());
    assert_eq!(bad.code, 1, "{}", bad.err);
}

#[test]
fn the_daemon_lives_until_it_is_told_to_stop() {
    let files = directory(&[("main.yaml", CLUSTER)]);
    let mut daemon = Daemon::start(&files, &["--debounce", "10ms"]);
    let address = daemon.listen();
    daemon.wait("readiness", |_| get(&address, "/readyz").0.contains("200").then_some(()));
    let healthy = evenkeel(&["healthcheck", "--listen", &address]);
    assert_eq!((healthy.code, healthy.out.as_str()), (0, "ok\n"), "{}", healthy.err);
    let port = address.rsplit(':').next().expect("a port");
    assert_eq!(evenkeel(&["healthcheck", "--listen", &format!("0.0.0.0:{port}")]).code, 0);

    // A second manifest is taken up as it appears.
    fs::write(files.path().join("app.yaml"), ROLE).expect("a file");
    daemon.wait("the role", |_| {
        let status = json(&get(&address, "/status").1);
        let states = status["resources"].as_array()?.iter().map(|resource| resource["state"] == "in_sync");
        (states.filter(|in_sync| *in_sync).count() == 2).then_some(())
    });
    assert!(get(&address, "/metrics").1.contains("evenkeel_resources{kind=\"Role\",state=\"in_sync\"} 1"));
    assert!(get(&address, "/nowhere").0.contains("404"));

    assert_eq!(daemon.terminate(), Some(0), "{}", daemon.log());
    assert!(!daemon.log().contains('\x1b'), "colours are for terminals: {}", daemon.log());
    let gone = evenkeel(&["healthcheck", "--listen", &address]);
    assert_eq!((gone.code, gone.out.as_str()), (1, ""));
    assert!(gone.err.contains("no answer from"), "{}", gone.err);
}

#[test]
fn apply_does_not_get_in_the_way_of_a_daemon_that_is_in_charge() {
    let files = directory(&[("main.yaml", CLUSTER)]);
    let mut daemon = Daemon::start(&files, &[]);
    let (sandbox, listen) = (format!("--sandbox=http://{}", daemon.sandbox()), daemon.listen());
    daemon
        .wait("the cluster", |_| json(&get(&listen, "/status").1)["resources"][0]["state"].as_str().map(str::to_owned));
    let writer = json(&get(&listen, "/status").1)["writer"].clone();
    assert_eq!((&writer["writes"], &writer["epoch"]), (&true.into(), &1.into()), "{writer}");
    assert!(get(&listen, "/").1.contains("This copy: writes as epoch 1"));
    assert!(get(&listen, "/metrics").1.contains("\nevenkeel_writer 1\n"));
    let same = evenkeel(&["apply", path(&files), &sandbox]);
    assert_eq!(same.code, 0, "nothing is to be done, so it does not matter: {}", same.err);
    let more = directory(&[("main.yaml", CLUSTER), ("app.yaml", ROLE)]);
    let refused = evenkeel(&["apply", path(&more), &sandbox]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{}", refused.err);
    for text in
        ["error: nothing was changed: another copy with the owner `evenkeel` is in charge: process ", "--takeover"]
    {
        assert!(refused.err.contains(text), "{text}: {}", refused.err);
    }
    let planned = evenkeel(&["plan", path(&more), &sandbox]);
    assert_eq!(planned.code, 2, "a plan asks nobody: {}", planned.err);
    let other = evenkeel(&["apply", path(&more), &sandbox, "--owner", "somebody"]);
    assert!(other.err.contains("✓ Role/app  iam:CreateRole app"), "another owner's: {}", other.err);
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn what_keeps_copies_apart_is_one_of_three() {
    let files = directory(&[("main.yaml", CLUSTER)]);
    for wrong in ["dynamo", "dynamodb:", ""] {
        let refused = evenkeel(&["apply", path(&files), "--sandbox", "--lease", wrong]);
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains("expected epoch, dynamodb:TABLE or none"), "{}", refused.err);
    }
    assert_eq!(evenkeel(&["apply", path(&files), "--sandbox", "--lease", "none"]).code, 0);
    let lease = evenkeel(&["apply", path(&files), "--sandbox", "--lease", "dynamodb:evenkeel"]);
    assert_eq!(lease.code, 1);
    let says =
        if cfg!(feature = "lease") { "aws dynamodb create-table --table-name evenkeel" } else { "--features lease" };
    assert!(lease.out.contains(says) || lease.err.contains(says), "{}{}", lease.out, lease.err);
}

#[test]
fn a_daemon_that_cannot_listen_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let files = directory(&[("main.yaml", CLUSTER)]);
    let fixed = ["run", path(&files), "--sandbox", "--sandbox-listen", "127.0.0.1:0", "--listen", &address];
    let refused = evenkeel(&fixed);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains(&format!("error: cannot listen on {address}: ")), "{}", refused.err);
}

/// No form of any output holds the value of a secret, and all of them what it belongs to.
fn assert_no_canary(what: &str, text: &str) {
    for (n, line) in text.lines().enumerate() {
        assert!(!line.contains("canary"), "{what}, line {n}: {}", line.chars().take(2000).collect::<String>());
    }
}

#[test]
fn secrets_stay_out_of_every_output() {
    let files = directory(&[("main.yaml", CLUSTER), ("web.yaml", SERVICE)]);
    let mut daemon = Daemon::start(&files, &["--log-filter", "trace", "--debounce", "10ms"]);
    let (address, sandbox) = (daemon.listen(), daemon.sandbox());
    let url = format!("--sandbox=http://{sandbox}");
    daemon.wait("the service", |_| {
        let plan = evenkeel(&["plan", path(&files), &url, "-o", "json"]);
        (!plan.out.contains("\"create\"") && plan.code != 1).then_some(())
    });

    // As created, and as changed.
    for output in ["human", "json", "markdown"] {
        let plan = evenkeel(&["plan", path(&files), "--sandbox", "-o", output, "--log-filter", "trace"]);
        assert_eq!(plan.code, 2);
        assert_no_canary(output, &plan.out);
        assert_no_canary("the log of plan", &plan.err);
    }
    let changed = SERVICE.replace("canary-environment", "canary-2").replace("canary-option", "canary-3");
    let other = directory(&[("main.yaml", CLUSTER), ("web.yaml", &changed)]);
    for output in ["human", "json", "markdown"] {
        let plan = evenkeel(&["plan", path(&other), &url, "-o", output, "--log-filter", "trace"]);
        assert_eq!(plan.code, 2, "{}", plan.err);
        assert!(plan.out.contains("environment"), "{}", plan.out);
        assert_no_canary(output, &plan.out);
        assert_no_canary("the log of plan", &plan.err);
    }

    // A secret in the wrong place, or of the wrong kind.
    let wrong = [
        SERVICE.replace("{name: PASSWORD, value: canary-environment}", "PASSWORD=canary"),
        SERVICE.replace("options: {", "options: canary\n          tmp: {"),
        SERVICE.replace("canary-option", "[canary]"),
    ];
    for wrong in wrong {
        fs::write(files.path().join("web.yaml"), &wrong).expect("a file");
        let validated = evenkeel(&["validate", path(&files)]);
        assert_eq!(validated.code, 1, "{wrong}");
        assert_no_canary("validate", &validated.out);
    }
    daemon.wait("the problem", |_| {
        let status = json(&get(&address, "/status").1);
        (!status["problems"].as_array()?.is_empty()).then_some(())
    });
    for page in ["/status", "/metrics", "/"] {
        assert_no_canary(page, &get(&address, page).1);
    }
    assert_eq!(daemon.terminate(), Some(0));
    assert_no_canary("the log", &daemon.log());
}

#[test]
fn an_apply_whose_rollout_ecs_takes_back_fails_and_says_why() {
    let main = directory(&[("main.yaml", CLUSTER)]);
    let mut daemon = Daemon::start(&main, &["--debounce", "10ms", "--lease", "none"]);
    let url = format!("--sandbox=http://{}", daemon.sandbox());
    let breaker = "  deploymentConfiguration:
    deploymentCircuitBreaker: {enable: true, rollback: true, thresholdConfiguration: {type: COUNT, value: 1}}
  taskDefinition:
";
    let service = SERVICE.replace("cluster: {ref: main}", "cluster: main").replace("  taskDefinition:\n", breaker);
    let apply = |image: &str| {
        let files = directory(&[("web.yaml", &service.replace("image: nginx", &format!("image: {image}")))]);
        // Under the same owner it would be in the way of the daemon.
        evenkeel(&["apply", "--owner", "pipeline", path(&files), &url])
    };
    let good = apply("nginx");
    assert_eq!(good.code, 0, "{}{}", good.out, good.err);
    let bad = apply("nginx:crash");
    assert_eq!(bad.code, 1, "{}{}", bad.out, bad.err);
    let why = "degraded Service/web: this rollout failed: Service deployment rolled back because the circuit breaker \
               threshold was exceeded; last events: ";
    assert!(bad.out.contains(why), "{}", bad.out);
    assert_eq!(bad.err.matches("… Service/web  0 of 1 tasks run").count(), 1, "progress in a log: {}", bad.err);
    assert_eq!(apply("nginx:2").code, 0);
    assert_eq!(daemon.terminate(), Some(0));
}

const ADMIN: &str = "\
apiVersion: evenkeel/v1alpha1
kind: Role
metadata: {name: ops}
spec: {preset: task, managedPolicyArns: [\"arn:aws:iam::aws:policy/AdministratorAccess\"]}
";

fn rails(rules: &str) -> String {
    format!("apiVersion: evenkeel/v1alpha1\nkind: Guardrails\n{rules}")
}

#[test]
fn a_manifest_that_breaks_a_guardrail_is_refused_with_the_lines_that_allow_it() {
    let files = directory(&[("ops.yaml", ADMIN)]);
    let plan = evenkeel(&["plan", path(&files), "--sandbox"]);
    assert_eq!((plan.code, plan.out.as_str()), (1, ""), "{}", plan.err);
    assert!(
        plan.err
            .starts_with("ops.yaml:4:42: error: spec.managedPolicyArns[0]: refused by the guardrail `adminPolicies`: ")
    );
    let applied = evenkeel(&["apply", path(&files), "--sandbox"]);
    assert!(applied.code == 1 && applied.err.ends_with("error: 1 problem in the manifests; nothing was done\n"));
    let offered = plan.err.split_once("write in the file of --guardrails ").expect("the lines").1;
    let exception = offered.lines().next().expect("a line").replace('…', "people in an emergency");
    let beside = directory(&[("guardrails.yaml", &rails(&exception))]);
    let file = format!("{}/guardrails.yaml", path(&beside));
    for command in [&["plan", "--sandbox"][..], &["apply", "--sandbox"], &["validate"]] {
        let ended = evenkeel(&[command, &[path(&files), "--guardrails", &file]].concat());
        assert_eq!(ended.code, if command[0] == "plan" { 2 } else { 0 }, "{command:?}: {}{}", ended.out, ended.err);
    }
    let validated = command(&["validate", path(&files)]).env("EVENKEEL_GUARDRAILS", &file).output().expect("it runs");
    assert!(validated.status.success(), "by the environment");
}

#[test]
fn guardrails_that_cannot_be_used_stop_the_command() {
    let files = directory(&[("main.yaml", CLUSTER), ("guardrails.txt", &rails(""))]);
    let beside = directory(&[("bad.yaml", &rails("rules: {pasRole: {}}\n"))]);
    let bad = format!("{}/bad.yaml", path(&beside));
    let missing = format!("{}/missing.yaml", path(&beside));
    let inside = format!("{}/guardrails.txt", path(&files));
    let link = format!("{}/link.yaml", path(&beside));
    std::os::unix::fs::symlink(&inside, &link).expect("a link");
    let through = format!("{}/../{}/guardrails.txt", path(&files), files.path().file_name().expect("a name").display());
    let cases = [
        (
            &bad,
            format!(
                "{bad}:3:9: error: rules.pasRole: unknown rule `pasRole`\n  hint: did you mean `passRole`?\nerror: 1 problem in the guardrails; nothing was done\n"
            ),
        ),
        (&missing, format!("error: cannot read the guardrails in {missing}: ")),
        (&inside, format!("error: the guardrails file {inside} is inside of {}", path(&files))),
        (&link, format!("error: the guardrails file {link} is inside of ")),
        (&through, "error: the guardrails file ".to_owned()),
    ];
    for (file, said) in cases {
        for command in [
            &["run", "--once", "--sandbox", "--listen", "127.0.0.1:0"][..],
            &["plan", "--sandbox"],
            &["apply", "--sandbox"],
            &["validate"],
        ] {
            let ended = evenkeel(&[command, &[path(&files), "--guardrails", file]].concat());
            assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{command:?}");
            assert!(ended.err.starts_with(&said), "{command:?}: {}", ended.err);
        }
    }
}

#[test]
fn a_configuration_that_a_commit_could_change_stops_the_command() {
    let files = directory(&[("main.yaml", CLUSTER), ("config.txt", "log: json\n")]);
    let beside = directory(&[("config.yaml", "log: json\n")]);
    let inside = format!("{}/config.txt", path(&files));
    let outside = format!("{}/config.yaml", path(&beside));
    for command in [
        &["run", "--once", "--sandbox", "--listen", "127.0.0.1:0"][..],
        &["plan", "--sandbox"],
        &["apply", "--sandbox"],
        &["validate"],
        &["render"],
    ] {
        let ended = evenkeel(&[command, &[path(&files), "--config", &inside]].concat());
        let said = format!("error: the configuration file {inside} is inside of {}", path(&files));
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{command:?}");
        assert!(ended.err.starts_with(&said), "{command:?}: {}", ended.err);
        let ended = evenkeel(&[command, &[path(&files), "--config", &outside]].concat());
        assert_ne!(ended.code, 1, "{command:?}: {}", ended.err);
    }
}

#[test]
fn a_command_does_not_start_on_another_account_or_in_another_region() {
    let main = directory(&[("main.yaml", CLUSTER)]);
    let mut daemon = Daemon::start(&main, &["--debounce", "10ms"]);
    let url = format!("--sandbox=http://{}", daemon.sandbox());
    let files = directory(&[("other.yaml", &CLUSTER.replace("main", "other"))]);
    let cases = [
        (
            "rules: {accounts: '210987654321'}\n",
            "error: the credentials are for account 123456789012, and the guardrail `accounts` allows: 210987654321\n",
        ),
        (
            "rules: {regions: [eu-west-1, eu-west-3]}\n",
            "error: the Region is us-east-1, and the guardrail `regions` allows: eu-west-1, eu-west-3\n",
        ),
    ];
    for (rules, said) in cases {
        let beside = directory(&[("rails.yaml", &rails(rules))]);
        let file = format!("{}/rails.yaml", path(&beside));
        for command in [&["plan"][..], &["apply"], &["run", "--once", "--listen", "127.0.0.1:0"]] {
            let ended = evenkeel(&[command, &[path(&files), &url, "--guardrails", &file]].concat());
            assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{command:?}");
            assert!(ended.err.starts_with(said), "{command:?}: {}", ended.err);
        }
    }
    // Nothing was made, and with the right file it is.
    let beside = directory(&[("rails.yaml", &rails("rules: {accounts: '123456789012', regions: us-east-1}\n"))]);
    let plan = evenkeel(&["plan", path(&files), &url, "--guardrails", &format!("{}/rails.yaml", path(&beside))]);
    assert_eq!(plan.code, 2, "{}", plan.err);
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn apply_does_not_wait_for_what_a_guardrail_holds_nor_for_what_waits_for_that() {
    let files = directory(&[("main.yaml", CLUSTER), ("web.yaml", SERVICE)]);
    let beside = directory(&[("rails.yaml", &rails("rules: {verbs: update}\n"))]);
    let file = format!("{}/rails.yaml", path(&beside));
    let plan = evenkeel(&["plan", path(&files), "--sandbox", "--guardrails", &file]);
    assert_eq!(plan.code, 2, "{}", plan.err);
    assert!(plan.out.contains("held: the guardrail `verbs` allows no create here, only update;"), "{}", plan.out);
    let began = Instant::now();
    let apply = evenkeel(&["apply", path(&files), "--sandbox", "--guardrails", &file, "--timeout", "100s"]);
    assert_eq!(apply.code, 1, "{}", apply.err);
    assert!(began.elapsed() < Duration::from_secs(90), "it ends before its time is up");
    assert!(apply.out.contains("Service/web"), "{}", apply.out);
}

#[test]
fn without_an_account_no_account_is_foreign() {
    let trust = "{Version: '2012-10-17', Statement: {Effect: Allow, Principal: {AWS: '210987654321'}, Action: 'sts:AssumeRole'}}";
    let role = ROLE.replace("{preset: task}", &format!("{{assumeRolePolicyDocument: {trust}}}"));
    let files = directory(&[("role.yaml", &role)]);
    let validate = |rules: Option<&str>| {
        let beside = directory(&[("rails.yaml", &rails(rules.unwrap_or_default()))]);
        let file = format!("{}/rails.yaml", path(&beside));
        let more = if rules.is_some() { vec!["--guardrails", &file] } else { Vec::new() };
        evenkeel(&[&["validate", path(&files)], &more[..]].concat()).code
    };
    assert_eq!(validate(None), 0);
    assert_eq!(validate(Some("rules: {accounts: '210987654321'}\n")), 0);
    assert_eq!(validate(Some("rules: {accounts: '123456789012'}\n")), 1);
    assert_eq!(validate(Some("rules: {accounts: '123456789012', trust: {allow: ['210987654321']}}\n")), 0);
    assert_eq!(evenkeel(&["plan", path(&files), "--sandbox"]).code, 1, "the simulated account is another");
}

#[test]
fn what_an_account_holds_against_the_guardrails_is_counted_by_export_and_told_by_validate() {
    let running = SERVICE.replace("  taskDefinition:\n", "  taskDefinition:\n    taskRoleArn: {ref: ops}\n");
    let files = directory(&[("main.yaml", CLUSTER), ("ops.yaml", ADMIN), ("web.yaml", &running)]);
    let beside = directory(&[("rails.yaml", &rails("rules: {adminPolicies: {off: for this test}}\n"))]);
    let file = format!("{}/rails.yaml", path(&beside));
    let mut daemon = Daemon::start(&files, &["--debounce", "10ms", "--guardrails", &file]);
    let url = format!("--sandbox=http://{}", daemon.sandbox());
    let address = daemon.listen();
    daemon.wait("the service", |_| {
        let status = json(&get(&address, "/status").1);
        let all = status["resources"].as_array()?;
        let well = all.len() == 4 && all.iter().all(|one| one["state"] == "in_sync");
        well.then_some(())
    });
    let to = tempfile::tempdir().expect("a directory");
    let exported = evenkeel(&["export", &url, "--to", path(&to)]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    let note =
        "note: 1 manifest breaks guardrails, which plan and apply refuse; validate says what, and how to allow it\n";
    assert_eq!(exported.err, note);
    assert_eq!(evenkeel(&["plan", &url, path(&to)]).code, 1);
    let validated = evenkeel(&["validate", path(&to)]);
    let hint = "exceptions: [{manifest: Role/ops, rules: [adminPolicies], only: [\"arn:aws:iam::aws:policy/AdministratorAccess\"], reason: …}]";
    assert!(validated.out.contains(hint) && validated.out.ends_with("1 problem.\n"), "{}", validated.out);
    let file = directory(&[("rails.yaml", &rails(&hint.replace('…', "as it was")))]);
    let plan = evenkeel(&["plan", &url, path(&to), "--guardrails", &format!("{}/rails.yaml", path(&file))]);
    assert_eq!(plan.code, 0, "{}{}", plan.out, plan.err);
    assert_eq!(daemon.terminate(), Some(0));
}

/// A simulated AWS that other runs of the binary can be pointed at. Killed when dropped.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start() -> Self {
        let mut child = command(&["sandbox", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
        let url = lines.find_map(|line| {
            let line = line.expect("UTF-8");
            line.split([' ', ';']).find(|word| word.starts_with("http://127.0.0.1:")).map(str::to_owned)
        });
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, url: url.expect("an address") }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        evenkeel(&[arguments, &[&format!("--sandbox={}", self.url)]].concat())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Services `web-0` … in a cluster, a file each.
fn shop(services: usize) -> TempDir {
    let shop = directory(&[("main.yaml", CLUSTER)]);
    for n in 0..services {
        let file = shop.path().join(format!("web-{n}.yaml"));
        fs::write(file, SERVICE.replace("{name: web}", &format!("{{name: web-{n}}}"))).expect("a file");
    }
    shop
}

fn assert_applied(aws: &Served, directory: &TempDir) {
    let apply = aws.run(&["apply", path(directory)]);
    assert_eq!(apply.code, 0, "{}{}", apply.out, apply.err);
}

#[test]
fn prune_shows_and_deletes_what_no_manifest_declares_any_more() {
    let (aws, shop) = (Served::start(), shop(2));
    assert_applied(&aws, &shop);
    fs::remove_file(shop.path().join("web-1.yaml")).expect("remove");
    let kept = aws.run(&["plan", path(&shop)]);
    assert_eq!(kept.code, 0, "without the flag nothing is looked for: {}", kept.out);
    let plan = aws.run(&["plan", "--prune", path(&shop)]);
    assert_eq!(plan.code, 2, "{}", plan.out);
    assert!(plan.out.contains("- Service/main/web-1  service main/web-1 (delete)"), "{}", plan.out);
    let apply = aws.run(&["apply", "--prune", path(&shop)]);
    assert_eq!(apply.code, 0, "{}{}", apply.out, apply.err);
    assert!(apply.err.contains("ecs:DeleteService main/web-1"), "{}", apply.err);
    let again = aws.run(&["plan", "--prune", path(&shop)]);
    assert_eq!(again.code, 0, "{}", again.out);
}

#[test]
fn beyond_the_budget_nothing_is_deleted_before_a_person_has_named_it() {
    let (aws, shop) = (Served::start(), shop(4));
    assert_applied(&aws, &shop);
    for n in 0..3 {
        fs::remove_file(shop.path().join(format!("web-{n}.yaml"))).expect("remove");
    }
    let refused = aws.run(&["apply", "--prune", path(&shop)]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.out.contains("3 of 4 resources of kind Service would be deleted"), "{}", refused.out);
    let plan = aws.run(&["plan", "--prune", path(&shop)]);
    let lines: Vec<&str> = plan.out.lines().filter(|line| line.starts_with("arn:")).collect();
    assert_eq!(lines.len(), 3, "{}", plan.out);
    fs::write(shop.path().join("prune-release.txt"), lines.join("\n")).expect("a file");
    let apply = aws.run(&["apply", "--prune", path(&shop)]);
    assert_eq!(apply.code, 0, "{}{}", apply.out, apply.err);
    assert_eq!(apply.err.matches("ecs:DeleteService").count(), 3, "{}", apply.err);
}

#[test]
fn an_empty_directory_deletes_nothing() {
    let (aws, shop) = (Served::start(), shop(1));
    assert_applied(&aws, &shop);
    let empty = directory(&[]);
    let refused = aws.run(&["apply", "--prune", path(&empty)]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.out.contains("the directory declares nothing"), "{}", refused.out);
    assert_eq!(aws.run(&["plan", path(&shop)]).code, 0);
}
