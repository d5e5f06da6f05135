//! What is brought about while something befalls the calls: a start world, what somebody else does to
//! it, and manifests. To add a scene is to add an entry to [`all`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::plan::Rules;
use evenkeel::sandbox::propagation::Delays;

use crate::deletions;
use crate::scenario::{Lab, annotated, cluster, manifest, role, seconds, service};
use crate::trial::Start;

/// What somebody else does to the start world.
type Deed = fn(Arc<Lab>) -> Pin<Box<dyn Future<Output = ()>>>;

/// A scene.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    before: String,
    deed: Option<Deed>,
    delays: Delays,
    wanted: String,
    rules: Rules,
    prunes: bool,
    patience: usize,
}

impl Scene {
    /// From an account as these manifests left it to one as those declare it.
    pub(crate) fn new(name: &'static str, before: &[String], wanted: &[String]) -> Self {
        let rules = Rules { owner: "evenkeel".to_owned(), ..Rules::default() };
        let (before, wanted) = (before.concat(), wanted.concat());
        Self { name, before, deed: None, delays: Delays::default(), wanted, rules, prunes: false, patience: 0 }
    }

    /// What is declared no more is deleted.
    pub(crate) fn pruning(self) -> Self {
        Self { prunes: true, ..self }
    }

    /// After the manifests, and before those that are wanted, somebody else does this.
    pub(crate) fn after(self, deed: Deed) -> Self {
        Self { deed: Some(deed), ..self }
    }

    /// Roles take so long to reach ECS.
    fn with_delays(self, delays: Delays, patience: usize) -> Self {
        Self { delays, patience, ..self }
    }

    fn under(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Builds the start world. Nothing befalls anybody here.
    pub(crate) async fn build(&self) -> Start {
        let lab = Arc::new(Lab::new().await);
        if !self.before.is_empty() {
            lab.settle(&self.before).await;
        }
        if let Some(deed) = self.deed {
            deed(Arc::clone(&lab)).await;
        }
        seconds(120).await;
        lab.sandbox.state().propagation = self.delays;
        let resources = lab.declared(&self.wanted);
        let (rules, prunes) = (self.rules.clone(), self.prunes);
        Start { snapshot: lab.sandbox.snapshot(), resources, rules, prunes, patience: self.patience }
    }
}

const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
pub(crate) const SSM: &str = "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess";
const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn document(action: &str) -> String {
    format!("{{Version: \"2012-10-17\", Statement: {{Effect: Allow, Action: \"{action}\", Resource: \"*\"}}}}")
}

pub(crate) fn policy(name: &str, action: &str) -> String {
    manifest("Policy", name, &format!("policyDocument: {}", document(action)))
}

/// A role with everything that a role can have.
pub(crate) fn rich_role(name: &str, reads: &str, attached: &str, more: &str) -> String {
    let inline = format!("inlinePolicies: {{read: {}}}", document(reads));
    role(name, &format!("{inline}\nmanagedPolicyArns: [\"{attached}\"]\n{more}"))
}

/// The service `web` in `shop`, whose tasks have the role `task`.
fn web(image: &str, more: &str) -> String {
    service("web", image, "", more).replace("cpu: '256'\n", "cpu: '256'\n    taskRoleArn: {ref: task}\n")
}

pub(crate) fn shop(image: &str, more: &str) -> [String; 3] {
    [role("task", ""), cluster("shop"), web(image, more)]
}

fn definition(family: &str, image: &str) -> String {
    let spec = "requiresCompatibilities: [FARGATE]\nnetworkMode: awsvpc\ncpu: '256'\nmemory: '512'";
    manifest("TaskDefinition", family, &format!("{spec}\ncontainerDefinitions: [{{name: job, image: {image}}}]"))
}

/// A service that runs a task definition with a manifest of its own.
fn runs(name: &str, family: &str) -> String {
    let network = "networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
    let spec = format!("cluster: {{ref: shop}}\nlaunchType: FARGATE\n{network}\ntaskDefinition: {{ref: {family}}}");
    manifest("Service", name, &spec)
}

pub(crate) fn provider(name: &str, target: u32) -> String {
    let group = format!(
        "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:6c3b1f0a-52d4-4b7e-9a51-0f7d2c8e4b11:\
         autoScalingGroupName/{name}"
    );
    let scaling = format!("managedScaling: {{status: ENABLED, targetCapacity: {target}}}");
    let spec = format!(
        "autoScalingGroupProvider: {{autoScalingGroupArn: \"{group}\", {scaling}, managedTerminationProtection: \
         DISABLED}}"
    );
    manifest("CapacityProvider", name, &spec)
}

fn settings(insights: &str, trunking: &str) -> String {
    manifest("AccountSettings", "account", &format!("containerInsights: {insights}\nawsvpcTrunking: {trunking}"))
}

pub(crate) fn wide_cluster(name: &str, insights: &str, providers: &str) -> String {
    let settings = format!("settings: [{{name: containerInsights, value: {insights}}}]");
    manifest("Cluster", name, &format!("{settings}\ncapacityProviders: {providers}"))
}

fn tagged(manifest: &str, tags: &str) -> String {
    format!("{manifest}  tags: {{{tags}}}\n")
}

fn suspended(manifest: &str) -> String {
    annotated(manifest, "evenkeel/suspend: \"true\"")
}

fn adopted(manifest: &str) -> String {
    annotated(manifest, "evenkeel/adoption: adopt")
}

fn restarted(manifest: &str, at: &str) -> String {
    annotated(manifest, &format!("evenkeel/restarted-at: \"{at}\""))
}

const BREAKER: &str = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}\n";

/// Every scene.
pub(crate) fn all() -> Vec<Scene> {
    let iam = [of_roles(), of_policies(), of_less_first()];
    let ecs = [of_clusters(), of_services(), of_rollouts(), of_strangers()];
    iam.into_iter().chain(ecs).flatten().chain(deletions::all()).collect()
}

fn of_roles() -> Vec<Scene> {
    let bound = || policy("bound", "s3:*");
    let old = || rich_role("task", "s3:GetObject", SSM, "");
    let more = "description: new\nmaxSessionDuration: 7200\npermissionsBoundary: {ref: bound}\n";
    let other_trust = |manifest: String| manifest.replace("ecs-tasks.amazonaws.com", "ec2.amazonaws.com");
    let exclusive = "policyMode: exclusive\n";
    vec![
        Scene::new("create-role", &[], &[bound(), rich_role("task", "s3:GetObject", SSM, more)]),
        Scene::new(
            "update-role",
            &[bound(), old()],
            &[bound(), other_trust(rich_role("task", "s3:*", READ_ONLY, more))],
        ),
        Scene::new("exclusive-role", &[old()], &[rich_role("task", "s3:GetObject", READ_ONLY, exclusive)]).after(
            |lab| {
                Box::pin(async move {
                    let put = lab.iam().put_role_policy().role_name("task").policy_name("stranger");
                    let stranger =
                        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
                    put.policy_document(stranger).send().await.expect("put");
                    lab.iam().attach_role_policy().role_name("task").policy_arn(ADMIN).send().await.expect("attach");
                })
            },
        ),
        Scene::new("create-profile", &[], &[role("machine", "instanceProfile: true\n")]),
        Scene::new("profile-of-a-role", &[role("machine", "")], &[role("machine", "instanceProfile: machines\n")]),
    ]
}

fn of_policies() -> Vec<Scene> {
    let has = |action: &str| [policy("read", action), role("task", "managedPolicyArns: [{ref: read}]\n")];
    let tagged_policy = tagged(&policy("read", "s3:List*"), "team: shop");
    vec![
        Scene::new("create-policy", &[], &has("s3:Get*")),
        Scene::new(
            "update-policy",
            &has("s3:Get*"),
            &[tagged_policy, has("").into_iter().next_back().expect("the role")],
        ),
        Scene::new("sixth-version", &has("s3:Get1"), &has("s3:Get6")).after(|lab| {
            Box::pin(async move {
                for n in 2..=5 {
                    seconds(1).await;
                    lab.settle(&policy("read", &format!("s3:Get{n}"))).await;
                }
            })
        }),
    ]
}

/// What allows more waits for what takes away.
fn of_less_first() -> Vec<Scene> {
    let has =
        |name: &str, policies: &str| role(name, &format!("policyMode: exclusive\nmanagedPolicyArns: [{policies}]\n"));
    let ssm = format!("\"{SSM}\"");
    let reads = |more: &str| role("task", &format!("managedPolicyArns: [{{ref: read}}]\n{more}"));
    let bound = || policy("bound", "s3:*");
    vec![
        Scene::new(
            "let-go-of-a-policy",
            &[policy("read", "s3:Get*"), has("task", &format!("{{ref: read}}, {ssm}"))],
            &[policy("read", "s3:*"), has("task", &ssm)],
        ),
        Scene::new(
            "swap-policies",
            &[policy("a", "s3:Get*"), policy("b", "sqs:Get*"), has("one", "{ref: a}"), has("two", "{ref: b}")],
            &[policy("a", "s3:Put*"), policy("b", "sqs:Send*"), has("one", "{ref: b}"), has("two", "{ref: a}")],
        ),
        Scene::new(
            "bound-before-more",
            &[bound(), policy("read", "s3:Get*"), reads("")],
            &[bound(), policy("read", "s3:*"), reads("permissionsBoundary: {ref: bound}\n")],
        ),
        Scene::new(
            "trust-before-more",
            &[policy("read", "s3:Get*"), reads("")],
            &[policy("read", "s3:*"), reads("").replace("ecs-tasks.amazonaws.com", "ec2.amazonaws.com")],
        ),
        Scene::new(
            "less-and-more",
            &[policy("less", "s3:*"), policy("a-more", "sqs:Get*"), has("task", "{ref: less}, {ref: a-more}")],
            &[policy("less", "s3:Get*"), policy("a-more", "sqs:*"), has("task", "{ref: less}, {ref: a-more}")],
        ),
    ]
}

fn of_clusters() -> Vec<Scene> {
    let strategy = "\ndefaultCapacityProviderStrategy: [{capacityProvider: machines, weight: 1}]";
    let with_machines = |target| {
        let providers = format!("[FARGATE, {{ref: machines}}]{}", strategy.replace("machines", "{ref: machines}"));
        [provider("machines", target), wide_cluster("shop", "enabled", &providers)]
    };
    vec![
        Scene::new("create-cluster", &[], &[wide_cluster("shop", "enabled", "[FARGATE, FARGATE_SPOT]")]),
        Scene::new(
            "update-cluster",
            &[wide_cluster("shop", "disabled", "[FARGATE]")],
            &[tagged(&wide_cluster("shop", "enabled", "[FARGATE, FARGATE_SPOT]"), "team: shop")],
        ),
        Scene::new("create-capacity-provider", &[], &with_machines(100)),
        Scene::new("update-capacity-provider", &with_machines(100), &with_machines(80)),
        Scene::new("account-settings", &[settings("disabled", "disabled")], &[settings("enabled", "enabled")]),
    ]
}

fn of_services() -> Vec<Scene> {
    let count = |count: &str| format!("desiredCount: {count}\n");
    let delays = |delay| Delays { passable: Duration::from_secs(delay), assumable: Duration::from_secs(delay) };
    vec![
        Scene::new("create-task-definition", &[], &[definition("job", "shop/job:1")]),
        Scene::new("update-task-definition", &[definition("job", "shop/job:1")], &[definition("job", "shop/job:2")]),
        Scene::new("create-service", &[], &shop("shop/web:1", &count("2"))),
        Scene::new("role-and-service-in-one-commit", &[], &shop("shop/web:1", "")).with_delays(delays(15), 4),
        Scene::new("scale", &shop("shop/web:1", &count("2")), &shop("shop/web:1", &count("3"))),
        Scene::new(
            "network",
            &shop("shop/web:1", ""),
            &shop("shop/web:1", "").map(|one| one.replace("subnet-2", "subnet-3")),
        ),
        Scene::new(
            "tags",
            &shop("shop/web:1", ""),
            &shop("shop/web:1", "").map(|one| tagged(&one, "team: shop, cost-center: '7'")),
        ),
        Scene::new(
            "two-services-one-definition",
            &[cluster("shop"), definition("job", "shop/job:1"), runs("one", "job"), runs("two", "job")],
            &[cluster("shop"), definition("job", "shop/job:2"), runs("one", "job"), runs("two", "job")],
        ),
        Scene::new(
            "immutable",
            &[shop("shop/web:1", "").concat(), role("other", "")],
            &[
                shop("shop/web:1", "schedulingStrategy: DAEMON\n")
                    .concat()
                    .replace("launchType: FARGATE", "launchType: EC2"),
                role("other", "maxSessionDuration: 7200\n"),
            ],
        ),
    ]
}

fn of_rollouts() -> Vec<Scene> {
    let [task, shop_cluster, before] = shop("shop/web:1", "");
    let ignoring = |image: &str, more: &str| {
        let [task, shop_cluster, web] = shop(image, more);
        let annotation = "evenkeel/ignore-fields: \"taskDefinition.containerDefinitions.*.image\"";
        [task, shop_cluster, annotated(&web, annotation)]
    };
    vec![
        Scene::new("image", &shop("shop/web:1", ""), &shop("shop/web:2", "")),
        Scene::new(
            "image-and-scale",
            &shop("shop/web:1", "desiredCount: 1\n"),
            &shop("shop/web:2", "desiredCount: 3\n"),
        ),
        Scene::new("image-back", &shop("shop/web:1", ""), &shop("shop/web:1", "")).after(|lab| {
            Box::pin(async move {
                lab.settle(&shop("shop/web:2", "").concat()).await;
            })
        }),
        Scene::new(
            "restart",
            &[task.clone(), shop_cluster.clone(), before.clone()],
            &[task, shop_cluster, restarted(&before, "2026-11-20T09:00:00Z")],
        ),
        Scene::new("rolled-back", &shop("shop/web:1", BREAKER), &shop("shop/web:crash", BREAKER)),
        Scene::new("pipelines-image", &shop("shop/web:1", ""), &ignoring("shop/web:1", "desiredCount: 2\n")).after(
            |lab| {
                Box::pin(async move { lab.deploy(|container| container.image = Some("shop/web:9".to_owned())).await })
            },
        ),
    ]
}

fn of_strangers() -> Vec<Scene> {
    let two = |image: &str| [shop(image, "").concat(), service("api", "shop/api:1", "", "desiredCount: 2\n")];
    let adopting = Rules { owner: "evenkeel".to_owned(), adopt: true, ..Rules::default() };
    let everything = || {
        let machine = rich_role("machine", "s3:GetObject", SSM, "instanceProfile: true\n");
        [
            shop("shop/web:1", "desiredCount: 2\n").concat(),
            policy("read", "s3:Get*"),
            machine,
            settings("enabled", "enabled"),
        ]
    };
    let changed = || {
        let machine = rich_role("machine", "s3:*", READ_ONLY, "instanceProfile: true\n");
        let new =
            [definition("job", "shop/job:1"), role("new", ""), wide_cluster("other", "enabled", "[FARGATE]")].concat();
        [
            shop("shop/web:2", "desiredCount: 3\n").concat(),
            policy("read", "s3:*"),
            machine,
            settings("disabled", "enabled"),
            new,
        ]
    };
    vec![
        Scene::new("adopt", &shop("shop/web:1", ""), &shop("shop/web:2", "").map(|one| adopted(&one))).after(disown),
        Scene::new("adopt-all", &everything(), &everything()).after(disown).under(adopting),
        Scene::new("mixed", &everything(), &changed()),
        Scene::new("drift", &everything(), &everything()).after(drift),
        Scene::new("disappeared", &everything(), &everything()).after(disappear),
        Scene::new(
            "suspended-neighbour",
            &two("shop/web:1"),
            &[shop("shop/web:2", "").concat(), suspended(&service("api", "shop/api:2", "", "desiredCount: 5\n"))],
        ),
        Scene::new(
            "foreign-neighbour",
            &two("shop/web:1"),
            &two("shop/web:2").map(|one| one.replace("api:1", "api:2")),
        )
        .after(|lab| {
            Box::pin(async move {
                let api = lab.service("shop", "api").await;
                let tag = aws_sdk_ecs::types::Tag::builder().key("evenkeel:owner").value("somebody").build();
                let arn = api.service_arn().expect("arn");
                lab.ecs().tag_resource().resource_arn(arn).tags(tag).send().await.expect("tag");
            })
        }),
    ]
}

/// Takes every owner tag away.
fn disown(lab: Arc<Lab>) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let arns = ["cluster/shop", "service/shop/web", "task-definition/web:1"];
        for arn in arns.map(|arn| format!("arn:aws:ecs:us-east-1:123456789012:{arn}")) {
            let keys = ["evenkeel:owner", "evenkeel:task-definition"].map(str::to_owned);
            lab.ecs().untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec())).send().await.expect("untag");
        }
        for role in ["task", "machine"] {
            let _ = lab.iam().untag_role().role_name(role).tag_keys("evenkeel:owner").send().await;
        }
        let arn = "arn:aws:iam::123456789012:policy/read";
        let _ = lab.iam().untag_policy().policy_arn(arn).tag_keys("evenkeel:owner").send().await;
    })
}

/// Changes something of everything behind our back.
fn drift(lab: Arc<Lab>) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let (ecs, iam) = (lab.ecs(), lab.iam());
        ecs.update_service().cluster("shop").service("web").desired_count(7).send().await.expect("scale");
        let insights = aws_sdk_ecs::types::ClusterSetting::builder();
        let insights =
            insights.name(aws_sdk_ecs::types::ClusterSettingName::ContainerInsights).value("disabled").build();
        ecs.update_cluster().cluster("shop").settings(insights).send().await.expect("update");
        let arn = "arn:aws:ecs:us-east-1:123456789012:service/shop/web";
        ecs.untag_resource().resource_arn(arn).tag_keys("evenkeel:task-definition").send().await.expect("untag");
        let put = ecs.put_account_setting_default().name("awsvpcTrunking".into());
        put.value("disabled").send().await.expect("put");
        iam.detach_role_policy().role_name("machine").policy_arn(SSM).send().await.expect("detach");
        iam.delete_role_policy().role_name("machine").policy_name("read").send().await.expect("delete");
        let profile = iam.remove_role_from_instance_profile().instance_profile_name("machine");
        profile.role_name("machine").send().await.expect("remove");
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        let version = iam.create_policy_version().policy_arn("arn:aws:iam::123456789012:policy/read");
        version.policy_document(document).set_as_default(true).send().await.expect("version");
    })
}

/// Deletes what can be deleted.
fn disappear(lab: Arc<Lab>) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let (ecs, iam) = (lab.ecs(), lab.iam());
        ecs.delete_service().cluster("shop").service("web").force(true).send().await.expect("delete");
        let web = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1";
        ecs.deregister_task_definition().task_definition(web).send().await.expect("deregister");
        iam.delete_policy().policy_arn("arn:aws:iam::123456789012:policy/read").send().await.expect("delete");
        iam.detach_role_policy().role_name("machine").policy_arn(SSM).send().await.expect("detach");
        iam.delete_role_policy().role_name("machine").policy_name("read").send().await.expect("delete");
        let profile = iam.remove_role_from_instance_profile().instance_profile_name("machine");
        profile.role_name("machine").send().await.expect("remove");
        iam.delete_role().role_name("machine").send().await.expect("delete");
        seconds(60).await;
        ecs.delete_cluster().cluster("shop").send().await.expect("delete");
    })
}
