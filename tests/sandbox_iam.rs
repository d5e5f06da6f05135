//! The simulated IAM and STS, seen through the real SDK clients.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::{EntityType, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use evenkeel::sandbox::Sandbox;
use evenkeel::sandbox::connector::Connector;

const TASKS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}"#;
const READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/a+b %2F*"}]}"#;

fn credentials() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test")
}

fn iam(sandbox: &Arc<Sandbox>) -> aws_sdk_iam::Client {
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials())
        .http_client(Connector(Arc::clone(sandbox)));
    aws_sdk_iam::Client::from_conf(config.build())
}

fn sts(sandbox: &Arc<Sandbox>, credentials: Credentials) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials)
        .http_client(Connector(Arc::clone(sandbox)));
    aws_sdk_sts::Client::from_conf(config.build())
}

/// A trust policy for AWS principals.
fn trusting(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

/// Status, code and message of a refusal.
fn refusal<T: std::fmt::Debug, E>(result: Result<T, SdkError<E, HttpResponse>>) -> (u16, String, String)
where
    SdkError<E, HttpResponse>: ProvideErrorMetadata,
    E: std::fmt::Debug,
{
    let error = result.expect_err("the call should be refused");
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (status, text(error.code()), text(error.message()))
}

async fn create_role(iam: &aws_sdk_iam::Client, name: &str, trust: &str) -> String {
    let created = iam.create_role().role_name(name).assume_role_policy_document(trust).send().await;
    created.expect("create role").role.expect("role").arn
}

async fn trust_of(iam: &aws_sdk_iam::Client, name: &str) -> String {
    let role = iam.get_role().role_name(name).send().await.expect("get role").role.expect("role");
    let encoded = role.assume_role_policy_document.expect("trust policy");
    String::from_utf8(percent_decode(&encoded)).expect("UTF-8")
}

fn percent_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).expect("two digits"));
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

#[tokio::test]
async fn a_role_reads_back_as_it_was_written() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    let tag = Tag::builder().key("team").value("web").build().expect("tag");
    let created = iam
        .create_role()
        .role_name("app")
        .path("/team/")
        .description("runs the app")
        .max_session_duration(7200)
        .assume_role_policy_document(TASKS)
        .tags(tag)
        .send()
        .await
        .expect("create role")
        .role
        .expect("role");
    assert_eq!(created.description, None, "CreateRole does not answer with the description");

    let role = iam.get_role().role_name("app").send().await.expect("get role").role.expect("role");
    assert_eq!(role.arn, "arn:aws:iam::123456789012:role/team/app");
    assert_eq!(role.description.as_deref(), Some("runs the app"));
    assert_eq!(role.max_session_duration, Some(7200));
    assert_eq!(role.tags()[0].value(), "web");
    assert!(!trust_of(&iam, "app").await.contains('\n'), "trust policies come back compact");

    let listed = iam.list_roles().send().await.expect("list roles").roles;
    assert!(listed[0].tags().is_empty(), "ListRoles leaves tags out");

    let state = sandbox.state();
    let role = state.iam.role_by_arn("arn:aws:iam::123456789012:role/team/app").expect("role by ARN");
    assert!(role.trusts_service("ecs-tasks.amazonaws.com") && !role.trusts_service("ec2.amazonaws.com"));
    assert!(state.iam.role_by_arn("arn:aws:iam::123456789012:role/app").is_none(), "the path belongs to the ARN");
}

#[tokio::test]
async fn names_are_unique_whatever_their_case() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    create_role(&iam, "App", TASKS).await;
    let again = iam.create_role().role_name("app").assume_role_policy_document(TASKS).send().await;
    let (status, code, message) = refusal(again);
    assert_eq!((status, code.as_str()), (409, "EntityAlreadyExists"));
    assert_eq!(message, "Role with name app already exists.");
    let (status, code, message) = refusal(iam.get_role().role_name("gone").send().await);
    assert_eq!((status, code.as_str()), (404, "NoSuchEntity"));
    assert_eq!(message, "The role with name gone cannot be found.");
}

#[tokio::test]
async fn a_deleted_principal_shows_as_its_id_and_a_new_role_of_its_name_is_another() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    let trust = trusting("arn:aws:iam::123456789012:role/app");
    let early = iam.create_role().role_name("trusts-app").assume_role_policy_document(&trust).send().await;
    let (_, code, message) = refusal(early);
    assert_eq!(code, "MalformedPolicyDocument");
    assert_eq!(message, "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:role/app\"");

    create_role(&iam, "app", TASKS).await;
    let id = sandbox.state().iam.role("app").expect("role").id.clone();
    create_role(&iam, "trusts-app", &trust).await;
    assert_eq!(trust_of(&iam, "trusts-app").await, trust);

    iam.delete_role().role_name("app").send().await.expect("delete role");
    assert_eq!(trust_of(&iam, "trusts-app").await, trusting(&id));
    create_role(&iam, "app", TASKS).await;
    assert_eq!(trust_of(&iam, "trusts-app").await, trusting(&id));

    let put = iam.update_assume_role_policy().role_name("trusts-app").policy_document(&trust).send().await;
    put.expect("put the trust policy again");
    assert_eq!(trust_of(&iam, "trusts-app").await, trust);
}

#[tokio::test]
async fn quotas_count_no_white_space() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    create_role(&iam, "app", TASKS).await;
    let put = |name: &str, document: String| {
        iam.put_role_policy().role_name("app").policy_name(name).policy_document(document).send()
    };
    put("spacious", format!("{READ}{}", " ".repeat(20_000))).await.expect("white space is free");
    let actions: Vec<String> = (0..600).map(|n| format!("\"s3:Get{n:09}\"")).collect();
    let large = READ.replace("\"s3:GetObject\"", &format!("[{}]", actions.join(",")));
    let (status, code, message) = refusal(put("large", large).await);
    assert_eq!((status, code.as_str()), (409, "LimitExceeded"));
    assert_eq!(message, "Maximum policy size of 10240 bytes exceeded for role app");
}

#[tokio::test]
async fn authorization_details_page_through_roles_with_all_that_hangs_on_them() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    for n in 0..5 {
        create_role(&iam, &format!("role-{n}"), TASKS).await;
    }
    iam.put_role_policy().role_name("role-3").policy_name("read").policy_document(READ).send().await.expect("put");
    let execution = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    iam.attach_role_policy().role_name("role-3").policy_arn(execution).send().await.expect("attach");

    let mut roles = Vec::new();
    let mut marker = None;
    let mut pages = 0;
    loop {
        let call = iam.get_account_authorization_details().filter(EntityType::Role).max_items(2);
        let page = call.set_marker(marker).send().await.expect("details");
        roles.extend(page.role_detail_list.unwrap_or_default());
        pages += 1;
        marker = page.marker;
        if !page.is_truncated {
            break;
        }
        // A role that goes between two pages must not make another one slip through.
        if pages == 1 {
            iam.delete_role().role_name("role-0").send().await.expect("delete role");
        }
    }
    assert_eq!((pages, roles.len()), (3, 5));
    let role = &roles[3];
    let document = role.role_policy_list()[0].policy_document().expect("document");
    assert_eq!(percent_decode(document), READ.as_bytes());
    assert!(!document.contains(['+', ' ', '*']), "RFC 3986 encoding");
    assert_eq!(role.attached_managed_policies()[0].policy_name(), Some("AmazonECSTaskExecutionRolePolicy"));
}

#[tokio::test]
async fn what_hangs_on_a_role_keeps_it_from_being_deleted() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    create_role(&iam, "app", TASKS).await;
    let policy = iam.create_policy().policy_name("read").policy_document(READ).send().await.expect("create policy");
    let arn = policy.policy.and_then(|policy| policy.arn).expect("ARN");
    iam.put_role_permissions_boundary().role_name("app").permissions_boundary(&arn).send().await.expect("boundary");
    iam.attach_role_policy().role_name("app").policy_arn(&arn).send().await.expect("attach");
    let (status, code, message) = refusal(iam.delete_role().role_name("app").send().await);
    assert_eq!((status, code.as_str()), (409, "DeleteConflict"));
    assert_eq!(message, "Cannot delete entity, must detach all policies first.");

    iam.detach_role_policy().role_name("app").policy_arn(&arn).send().await.expect("detach");
    let (_, code, _) = refusal(iam.delete_policy().policy_arn(&arn).send().await);
    assert_eq!(code, "DeleteConflict", "a permissions boundary is a use as well");
    iam.delete_role().role_name("app").send().await.expect("delete role");
    iam.delete_policy().policy_arn(&arn).send().await.expect("delete policy");
}

#[tokio::test(start_paused = true)]
async fn dates_follow_the_clock_of_the_sandbox() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    create_role(&iam, "first", TASKS).await;
    tokio::time::advance(Duration::from_secs(90)).await;
    create_role(&iam, "second", TASKS).await;
    let state = sandbox.state();
    let created = |name| state.iam.role(name).expect("role").created;
    assert_eq!(created("second") - created("first"), Duration::from_secs(90));
}

#[tokio::test]
async fn a_session_is_who_its_role_is() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    let arn = create_role(&iam, "deployer", &trusting("123456789012")).await;
    create_role(&iam, "tasks", TASKS).await;
    let anybody = sts(&sandbox, credentials());
    let assume = |arn: &str| anybody.assume_role().role_arn(arn).role_session_name("ci").send();
    let (status, code, _) = refusal(assume("arn:aws:iam::123456789012:role/tasks").await);
    assert_eq!((status, code.as_str()), (403, "AccessDenied"), "only ECS may assume it");

    let session = assume(&arn).await.expect("assume role").credentials.expect("credentials");
    let credentials =
        Credentials::new(session.access_key_id, session.secret_access_key, Some(session.session_token), None, "test");
    let me = sts(&sandbox, credentials).get_caller_identity().send().await.expect("identity");
    assert_eq!(me.arn(), Some("arn:aws:sts::123456789012:assumed-role/deployer/ci"));
}
