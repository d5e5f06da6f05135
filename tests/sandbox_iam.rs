//! The simulated IAM and STS, seen through the real SDK clients.
#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "the helpers of a test are test code")]

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::{EntityType, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use evenkeel::sandbox::connector::Connector;
use evenkeel::sandbox::{Request, Sandbox};

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
    assert_eq!(role.tags.get("Team"), Some("web"), "case in tag keys does not matter");
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
async fn a_list_of_roles_leaves_out_what_details_show_and_details_what_the_list_shows() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    let boundary = "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess";
    let tag = Tag::builder().key("team").value("web").build().expect("tag");
    let create =
        iam.create_role().role_name("app").assume_role_policy_document(TASKS).description("what for").tags(tag);
    create.permissions_boundary(boundary).send().await.expect("create role");

    let listed = iam.list_roles().send().await.expect("list").roles.swap_remove(0);
    assert_eq!((listed.description(), listed.max_session_duration()), (Some("what for"), Some(3600)));
    assert!(listed.permissions_boundary().is_none() && listed.tags().is_empty());

    let details = iam.get_account_authorization_details().filter(EntityType::Role).send().await.expect("details");
    let role = &details.role_detail_list()[0];
    let arn = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    assert_eq!((arn, role.tags()[0].value()), (Some(boundary), "web"));
    // The SDK has no member for what is not documented to come; the wire must not have it either.
    let body = b"Action=GetAccountAuthorizationDetails&Version=2010-05-08".to_vec();
    let answer = sandbox.handle(&Request { body, ..Request::default() }).expect("answered");
    let text = String::from_utf8(answer.body).expect("UTF-8");
    assert!(text.contains("<RoleName>app</RoleName>"), "{text}");
    assert!(!text.contains("Description>") && !text.contains("MaxSessionDuration"), "{text}");
}

#[tokio::test]
async fn documents_come_back_url_encoded_wherever_they_are_read() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    create_role(&iam, "app", TASKS).await;
    iam.put_role_policy().role_name("app").policy_name("read").policy_document(READ).send().await.expect("put");
    let policy = iam.create_policy().policy_name("read").policy_document(READ).send().await.expect("create policy");
    let arn = policy.policy.and_then(|policy| policy.arn).expect("ARN");
    let inline = iam.get_role_policy().role_name("app").policy_name("read").send().await.expect("get");
    let version = iam.get_policy_version().policy_arn(&arn).version_id("v1").send().await.expect("get");
    let version = version.policy_version.and_then(|version| version.document).expect("document");
    for document in [inline.policy_document, version] {
        assert!(document.contains("%7B%22Version%22%3A") && document.contains("%2Bb%20%252F%2A"), "{document}");
        assert_eq!(percent_decode(&document), READ.as_bytes());
    }
}

#[tokio::test]
async fn a_trust_policy_cannot_be_changed_to_name_a_role_that_is_not_there() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    create_role(&iam, "app", TASKS).await;
    let nobody = trusting("arn:aws:iam::123456789012:role/nobody");
    let update = iam.update_assume_role_policy().role_name("app").policy_document(nobody).send().await;
    let (_, code, message) = refusal(update);
    assert_eq!(code, "MalformedPolicyDocument");
    assert!(message.starts_with("Invalid principal in policy"), "{message}");
    assert_eq!(trust_of(&iam, "app").await, TASKS.split_whitespace().collect::<String>(), "the old one stays");
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

#[tokio::test]
async fn malformed_documents_are_refused_in_the_words_of_aws() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    let statement = |inner: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{inner}}}]}}"#);
    let cases = [
        ("{".to_owned(), "Syntax errors in policy."),
        (r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned(), "Syntax errors in policy."),
        (READ.replace("Allow", "Permit"), "Syntax errors in policy."),
        (READ.replace("2012", "2008"), "Policy document must be version 2012-10-17 or greater."),
        (
            READ.replace("s3:GetObject", "GetObject"),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (statement(r#""Action":"s3:*""#), "Policy statement must contain resources."),
        (statement(r#""Resource":"*""#), "Policy statement must contain actions."),
        (statement(r#""Action":"s3:*","Resource":"bucket""#), "Resource bucket must be in ARN format or \"*\"."),
        (statement(r#""Action":"s3:*","Resource":"*","Condition":{"Equals":{"a:b":"c"}}"#), "Syntax errors in policy."),
        (
            statement(r#""Action":"s3:*","Resource":"*","Principal":"*""#),
            "Policy document should not specify a principal.",
        ),
    ];
    for (document, expected) in cases {
        let (status, code, message) =
            refusal(iam.create_policy().policy_name("p").policy_document(&document).send().await);
        assert_eq!((status, code.as_str()), (400, "MalformedPolicyDocument"), "{document}");
        assert_eq!(message, expected, "{document}");
    }
    let trusts = [
        (READ.to_owned(), "Has prohibited field Resource"),
        (statement(r#""Action":"sts:AssumeRole""#), "Missing required field Principal"),
        (trusting("nobody"), "Invalid principal in policy: \"AWS\":\"nobody\""),
        (
            trusting("*").replace("sts:AssumeRole", "s3:Get"),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
    ];
    for (document, expected) in trusts {
        let call = iam.create_role().role_name("r").assume_role_policy_document(&document);
        let (_, code, message) = refusal(call.send().await);
        assert_eq!((code.as_str(), message.as_str()), ("MalformedPolicyDocument", expected), "{document}");
    }
}

#[tokio::test]
async fn policy_versions_are_five_and_their_numbers_never_come_again() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    let policy = iam.create_policy().policy_name("read").policy_document(READ).send().await.expect("create policy");
    let arn = policy.policy.and_then(|policy| policy.arn).expect("ARN");
    let add = || iam.create_policy_version().policy_arn(&arn).policy_document(READ).send();
    for _ in 0..4 {
        add().await.expect("create version");
    }
    let (status, code, _) = refusal(add().await);
    assert_eq!((status, code.as_str()), (409, "LimitExceeded"));
    iam.delete_policy_version().policy_arn(&arn).version_id("v5").send().await.expect("delete version");
    let version = add().await.expect("create version").policy_version.expect("version");
    assert_eq!((version.version_id(), version.is_default_version), (Some("v6"), false));
    iam.set_default_policy_version().policy_arn(&arn).version_id("v6").send().await.expect("set default");
    let (_, code, _) = refusal(iam.delete_policy_version().policy_arn(&arn).version_id("v6").send().await);
    assert_eq!(code, "DeleteConflict");
}

#[tokio::test]
async fn the_policy_simulator_minds_conditions_and_boundaries() {
    let sandbox = Sandbox::new();
    let iam = iam(&sandbox);
    let pass = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:PassRole","ecs:*"],"Resource":"*",
        "Condition":{"StringEqualsIfExists":{"iam:PassedToService":["ecs-tasks.amazonaws.com"]}}}]}"#;
    let boundary = READ.replace("s3:GetObject", "iam:Pass*").replace("arn:aws:s3:::b/a+b %2F*", "*");
    for (service, boundaries, pass_role, update) in [
        ("ecs-tasks.amazonaws.com", None, "allowed", "allowed"),
        ("ec2.amazonaws.com", None, "implicitDeny", "implicitDeny"),
        ("ecs-tasks.amazonaws.com", Some(vec![boundary.clone()]), "allowed", "implicitDeny"),
    ] {
        let entry = aws_sdk_iam::types::ContextEntry::builder()
            .context_key_name("iam:PassedToService")
            .context_key_values(service)
            .context_key_type(aws_sdk_iam::types::ContextKeyTypeEnum::String)
            .build();
        let call = iam.simulate_custom_policy().policy_input_list(pass).context_entries(entry);
        let call = call.action_names("iam:PassRole").action_names("ecs:UpdateService");
        let answer = call.set_permissions_boundary_policy_input_list(boundaries).send().await.expect("simulate");
        let decisions: Vec<_> = answer.evaluation_results().iter().map(|r| r.eval_decision.as_str()).collect();
        assert_eq!(decisions, [pass_role, update], "{service}");
    }
}
