//! A simulated account, the daemon's parts on top of it, and manifests to bring about in it.
#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of a test are test code")]

pub(crate) mod account;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ecs::types::{ContainerDefinition, TaskDefinition};
use evenkeel::action::Outcome;
use evenkeel::aws::{Aws, loader};
use evenkeel::daemon::{Daemon, Options};
use evenkeel::guard::Guardrails;
use evenkeel::load::{Desired, File, guarded};
use evenkeel::metrics::Metrics;
use evenkeel::model::{Key, Kind};
use evenkeel::plan::{Item, Plan, Rules};
use evenkeel::prune::{DELAY, Pruning, Situation, prune};
use evenkeel::reconcile::{Pass, Reconciler};
use evenkeel::resource::Resource;
use evenkeel::sandbox::fault::{Fault, FaultKind};
use evenkeel::sandbox::{Sandbox, client};
use evenkeel::serve::Shared;
use evenkeel::status::{Conclusion, conclude};
use evenkeel::world::Phase;
use tokio::sync::watch;

/// How long is waited for a rollout before it counts as stuck, in passes of five seconds.
const PASSES_MAX: usize = 20;

/// How often the daemon looks at everything.
pub(crate) const INTERVAL: Duration = Duration::from_secs(60);

/// An account and a reconciler that looks after it.
pub(crate) struct Lab {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) config: SdkConfig,
    pub(crate) reconciler: Reconciler,
    pub(crate) metrics: Arc<Metrics>,
    /// What the manifests are held to: nothing, unless set.
    pub(crate) rails: Guardrails,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::over(Sandbox::new()).await
    }

    /// A new reconciler, which remembers nothing, over an account that is there already.
    pub(crate) async fn over(sandbox: Arc<Sandbox>) -> Self {
        Self::owned(sandbox, "evenkeel").await
    }

    /// The same under the name of another owner.
    pub(crate) async fn owned(sandbox: Arc<Sandbox>, owner: &str) -> Self {
        Self::under(sandbox, Rules { owner: owner.to_owned(), ..Rules::default() }).await
    }

    /// The same under any rules.
    pub(crate) async fn under(sandbox: Arc<Sandbox>, rules: Rules) -> Self {
        let config = client::point(loader(), &sandbox).load().await;
        Self::connected(sandbox, config, rules).await
    }

    /// The same by another way to AWS.
    pub(crate) async fn connected(sandbox: Arc<Sandbox>, config: SdkConfig, rules: Rules) -> Self {
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let aws = Aws::connect(&config, &metrics).await.expect("connect");
        let reconciler = Reconciler::new(aws, rules, Arc::clone(&metrics));
        sandbox.state().log.clear();
        Self { sandbox, config, reconciler, metrics, rails: Guardrails::none() }
    }

    pub(crate) fn ecs(&self) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(&self.config)
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    /// What the manifests declare; they must be without problems.
    pub(crate) fn declared(&self, manifests: &str) -> BTreeMap<Key, Resource> {
        let file = File { path: PathBuf::from("all.yaml"), content: Ok(manifests.as_bytes().to_vec()) };
        let desired = guarded(&[file], self.reconciler.aws().account(), &self.rails, &Desired::default());
        let problems: Vec<String> = desired.problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        desired.resources
    }

    pub(crate) async fn plan(&self, manifests: &str) -> Plan {
        let resources = self.declared(manifests);
        self.reconciler.plan(&resources, &resources.keys().cloned().collect()).await
    }

    /// What would be deleted that these manifests do not declare, were it gone for long enough.
    pub(crate) async fn pruned(&self, manifests: &str) -> Pruning {
        let declared = self.declared(manifests);
        let estate = self.reconciler.estate(&declared).await.expect("estate");
        let ages = estate.orphans.iter().map(|orphan| (orphan.pin(), DELAY)).collect();
        let (rules, released) = (self.reconciler.rules(), BTreeSet::new());
        let situation = Situation { declared: &declared, rules, obstacle: None, ages: &ages, released: &released };
        prune(&estate, &situation)
    }

    /// One pass over everything.
    pub(crate) async fn pass(&self, manifests: &str) -> Pass {
        self.pass_over(&self.declared(manifests)).await
    }

    async fn pass_over(&self, resources: &BTreeMap<Key, Resource>) -> Pass {
        let due: BTreeSet<Key> = resources.keys().cloned().collect();
        let (_stop, stopped) = watch::channel(false);
        self.reconciler.pass(resources, &due, &stopped, &mut |_| {}).await
    }

    /// Passes until nothing is left to do and no rollout is under way. Hands back every write.
    pub(crate) async fn settle(&self, manifests: &str) -> Vec<String> {
        self.try_settle(manifests).await.unwrap_or_else(|unsettled| panic!("{unsettled}"))
    }

    /// The same, or what is left.
    pub(crate) async fn try_settle(&self, manifests: &str) -> Result<Vec<String>, String> {
        let resources = self.declared(manifests);
        let mut writes = Vec::new();
        for _ in 0..PASSES_MAX {
            let pass = self.pass_over(&resources).await;
            writes.extend(calls(&pass.outcomes));
            // A rollout that a hook has paused waits for a person.
            let rests = |item: &Item| matches!(item.phase, Phase::Steady | Phase::Paused(_));
            if pass.items.values().all(|item| item.verb == evenkeel::plan::Verb::Keep && rests(item)) {
                return Ok(writes);
            }
            seconds(5).await;
        }
        let pass = self.pass_over(&resources).await;
        let left: Vec<String> = pass.items.values().map(|item| describe(item, &pass)).collect();
        Err(format!("still not settled after {writes:?}:\n{}", left.join("\n")))
    }

    /// Every call that reached the account since the last look at the log.
    pub(crate) fn calls(&self) -> Vec<String> {
        take_log(&self.sandbox)
    }

    /// The same without those that only read.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut calls = self.calls();
        calls.retain(|call| is_write(call));
        calls
    }

    pub(crate) fn inject(&self, operation: &str, times: u32, kind: FaultKind) {
        self.sandbox.inject(Fault { operation: operation.to_owned(), times, kind });
    }

    /// AWS takes the next calls and does nothing: the SDK goes by the status alone.
    pub(crate) fn swallow(&self, operation: &str, times: u32) {
        self.inject(operation, times, FaultKind::Refuse { code: "", message: String::new(), status: 200 });
    }

    /// The same account under rules that take over what is nobody's.
    pub(crate) async fn adopting(&self) -> Self {
        let rules = Rules { owner: "evenkeel".to_owned(), adopt: true, ..Rules::default() };
        Self::under(Arc::clone(&self.sandbox), rules).await
    }

    /// The revision that the service `shop/web` runs.
    pub(crate) async fn running(&self) -> TaskDefinition {
        let web = self.service("shop", "web").await;
        let arn = web.task_definition().expect("arn");
        let answer = self.ecs().describe_task_definition().task_definition(arn).send().await.expect("describe");
        answer.task_definition.expect("a definition")
    }

    /// What a pipeline does: another revision, whose containers it has edited, which `shop/web` is told to run.
    pub(crate) async fn deploy(&self, edit: impl Fn(&mut ContainerDefinition)) {
        let old = self.running().await;
        let mut containers = old.container_definitions().to_vec();
        containers.iter_mut().for_each(edit);
        let register = self.ecs().register_task_definition().family(old.family().expect("family"));
        let register = register.set_container_definitions(Some(containers)).set_network_mode(old.network_mode.clone());
        let register = register.set_requires_compatibilities(old.requires_compatibilities.clone());
        let answer = register.set_cpu(old.cpu.clone()).set_memory(old.memory.clone()).send().await.expect("register");
        let arn = answer.task_definition.and_then(|definition| definition.task_definition_arn).expect("arn");
        self.ecs().update_service().cluster("shop").service("web").task_definition(arn).send().await.expect("update");
        seconds(600).await;
        self.calls();
    }

    pub(crate) async fn service(&self, cluster: &str, name: &str) -> aws_sdk_ecs::types::Service {
        let answer = self.ecs().describe_services().cluster(cluster).services(name).send().await;
        answer.expect("describe").services.and_then(|services| services.into_iter().next()).expect("a service")
    }

    /// The numbers of all revisions of a family, oldest first.
    pub(crate) async fn revisions(&self, family: &str) -> Vec<String> {
        let answer = self.ecs().list_task_definitions().family_prefix(family).send().await.expect("list");
        answer.task_definition_arns().iter().filter_map(|arn| arn.rsplit('/').next()).map(str::to_owned).collect()
    }
}

pub(crate) async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

pub(crate) fn key(kind: Kind, name: &str) -> Key {
    Key::new(kind, name)
}

/// The calls of a pass by name, failed ones with their failure.
pub(crate) fn calls(outcomes: &[Outcome]) -> Vec<String> {
    let name = |outcome: &Outcome| {
        let name = outcome.action.permission().split(':').next_back().unwrap_or_default();
        match &outcome.result {
            Ok(()) => name.to_owned(),
            Err(failure) => format!("{name} ({failure})"),
        }
    };
    outcomes.iter().map(name).collect()
}

/// What the board would say of a resource after a pass.
pub(crate) fn conclusion(pass: &Pass, key: &Key) -> Conclusion {
    let outcomes: Vec<&Outcome> = pass.outcomes.iter().filter(|outcome| outcome.key == *key).collect();
    conclude(&pass.items[key], &outcomes)
}

fn describe(item: &Item, pass: &Pass) -> String {
    let changes: Vec<String> =
        item.changes.iter().map(|change| format!("{}: {:?} → {:?}", change.path, change.from, change.to)).collect();
    format!("{} {:?} {:?} {changes:?} {:?}", item.key, item.verb, item.phase, conclusion(pass, &item.key))
}

/// A manifest; `spec` is indented by two.
pub(crate) fn manifest(kind: &str, name: &str, spec: &str) -> String {
    let spec = spec.lines().map(|line| format!("  {line}\n")).collect::<String>();
    format!("---\napiVersion: evenkeel/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n{spec}")
}

/// The same with an annotation.
pub(crate) fn annotated(manifest: &str, annotation: &str) -> String {
    manifest.replacen("\nspec:\n", &format!("\n  annotations: {{{annotation}}}\nspec:\n"), 1)
}

pub(crate) fn cluster(name: &str) -> String {
    manifest("Cluster", name, "settings: [{name: containerInsights, value: enabled}]\ncapacityProviders: [FARGATE]")
}

pub(crate) const TRUST: &str = r#"assumeRolePolicyDocument:
  Version: "2012-10-17"
  Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: "sts:AssumeRole"}
"#;

/// A role that ECS tasks may have; `more` is the rest of its spec.
pub(crate) fn role(name: &str, more: &str) -> String {
    manifest("Role", name, &format!("{TRUST}{more}"))
}

/// A Fargate service with one container in the cluster `shop`; `container` is the rest of the
/// container, `more` the rest of the service.
pub(crate) fn service(name: &str, image: &str, container: &str, more: &str) -> String {
    let spec = format!(
        "cluster: {{ref: shop}}
launchType: FARGATE
networkConfiguration: {{awsvpcConfiguration: {{subnets: [subnet-1, subnet-2]}}}}
taskDefinition:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: '256'
  memory: '512'
  containerDefinitions:
    - name: web
      image: {image}
      portMappings: [{{containerPort: 80, name: http}}]
{}{more}",
        container.lines().map(|line| format!("      {line}\n")).collect::<String>()
    );
    manifest("Service", name, &spec)
}

/// How every daemon of the tests runs.
pub(crate) fn options(directory: &Path, (interval, prune): (Duration, bool)) -> Options {
    Options {
        directory: directory.to_owned(),
        interval,
        quiet: Duration::from_millis(500),
        quiet_max: Duration::from_secs(2),
        prune,
        once: false,
        guardrails: Guardrails::none(),
    }
}

/// A daemon over a directory, in the background.
pub(crate) struct Running {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) directory: PathBuf,
    _folder: Option<tempfile::TempDir>,
    stop: watch::Sender<bool>,
    daemon: tokio::task::JoinHandle<bool>,
}

impl Running {
    /// Starts it over a directory with these files, and waits until it has settled.
    pub(crate) async fn start(files: &[(&str, &str)]) -> Self {
        Self::over(Sandbox::new(), files).await
    }

    /// The same over an account that is there already.
    pub(crate) async fn over(sandbox: Arc<Sandbox>, files: &[(&str, &str)]) -> Self {
        let running = Self::begin(sandbox, INTERVAL, files).await;
        running.settle().await;
        running
    }

    /// The same without waiting, and with another interval.
    pub(crate) async fn begin(sandbox: Arc<Sandbox>, interval: Duration, files: &[(&str, &str)]) -> Self {
        let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
        Self::under(sandbox, rules, (interval, false), files).await
    }

    /// One that prunes, and has settled.
    pub(crate) async fn pruning(sandbox: Arc<Sandbox>, files: &[(&str, &str)]) -> Self {
        let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
        let running = Self::under(sandbox, rules, (INTERVAL, true), files).await;
        running.settle().await;
        running
    }

    /// The same under any rules, and with or without pruning.
    pub(crate) async fn under(
        sandbox: Arc<Sandbox>,
        rules: Rules,
        rhythm: (Duration, bool),
        files: &[(&str, &str)],
    ) -> Self {
        Self::held(sandbox, rules, rhythm, files, Guardrails::none()).await
    }

    /// The same under guardrails.
    pub(crate) async fn held(
        sandbox: Arc<Sandbox>,
        rules: Rules,
        rhythm: (Duration, bool),
        files: &[(&str, &str)],
        rails: Guardrails,
    ) -> Self {
        Self::made(Lab::under(sandbox, rules).await, rhythm, files, rails)
    }

    /// The same with a reconciler that is there already.
    pub(crate) fn of(lab: Lab, rhythm: (Duration, bool), files: &[(&str, &str)]) -> Self {
        Self::made(lab, rhythm, files, Guardrails::none())
    }

    fn made(lab: Lab, rhythm: (Duration, bool), files: &[(&str, &str)], rails: Guardrails) -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        let directory = folder.path().join("manifests");
        std::fs::create_dir(&directory).expect("create");
        for (name, text) in files {
            let file = directory.join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("create");
            std::fs::write(file, text).expect("write");
        }
        Self { _folder: Some(folder), ..Self::railed(lab, rhythm, &directory, None, rails) }
    }

    /// The same over a directory that is somebody else's to keep; with `hints`, nobody but those says
    /// that the directory may have changed.
    pub(crate) async fn watching(
        sandbox: Arc<Sandbox>,
        rhythm: (Duration, bool),
        directory: &Path,
        hints: Option<watch::Receiver<u64>>,
    ) -> Self {
        Self::with(Lab::over(sandbox).await, rhythm, directory, hints)
    }

    /// The same with a reconciler that is there already.
    pub(crate) fn with(
        lab: Lab,
        rhythm: (Duration, bool),
        directory: &Path,
        hints: Option<watch::Receiver<u64>>,
    ) -> Self {
        Self::railed(lab, rhythm, directory, hints, Guardrails::none())
    }

    fn railed(
        lab: Lab,
        rhythm: (Duration, bool),
        directory: &Path,
        hints: Option<watch::Receiver<u64>>,
        rails: Guardrails,
    ) -> Self {
        let metrics = Arc::clone(&lab.metrics);
        let account = lab.reconciler.aws().account().clone();
        let mode = lab.reconciler.rules().modes.to_string();
        let shared = Shared::new(metrics, account, mode, 3 * rhythm.0);
        let options = Options { guardrails: rails, ..options(directory, rhythm) };
        let (stop, stopped) = watch::channel(false);
        let daemon = Daemon::new(options, lab.reconciler, Arc::clone(&shared));
        let daemon = match hints {
            None => tokio::spawn(daemon.run(stopped)),
            Some(hints) => tokio::spawn(daemon.run_hinted(None, hints, stopped)),
        };
        Self { sandbox: lab.sandbox, shared, directory: directory.to_owned(), _folder: None, stop, daemon }
    }

    /// Waits long enough for a scan of the directory, a rollout and a quiet pass, whether or not the
    /// system gave a hint that the directory had changed.
    pub(crate) async fn settle(&self) {
        seconds(3 * INTERVAL.as_secs()).await;
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).expect("write");
    }

    /// What the board says of every resource, as `Kind/name: state`.
    pub(crate) fn board(&self) -> Vec<String> {
        let board = self.shared.board();
        board.statuses.iter().map(|(key, status)| format!("{key}: {}", status.state)).collect()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.shared.board().problems.iter().map(ToString::to_string).collect()
    }

    /// Every write since the last look at the log.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut calls = take_log(&self.sandbox);
        calls.retain(|call| is_write(call));
        calls
    }

    /// Every call since the last look at the log.
    pub(crate) fn calls(&self) -> Vec<String> {
        take_log(&self.sandbox)
    }

    /// Stops it as a signal does, and waits for its end.
    pub(crate) async fn stop(self) -> bool {
        self.stop.send(true).expect("running");
        self.daemon.await.expect("no panic")
    }
}

fn take_log(sandbox: &Sandbox) -> Vec<String> {
    std::mem::take(&mut sandbox.state().log).into_iter().map(|line| line.operation).collect()
}

pub(crate) fn is_write(call: &str) -> bool {
    !["Describe", "List", "Get"].iter().any(|prefix| call.starts_with(prefix))
}
