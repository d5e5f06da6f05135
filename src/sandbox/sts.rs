//! The simulated AWS STS: who am I, and becoming a role.

use std::time::Duration;

use super::iam::query::Query;
use super::iam::{Keys, Role, unique_id, xml};
use super::{ACCOUNT, ApiError, Context, State};

/// The role as which every call to the sandbox is taken to be made: credentials are not told apart.
const CALLER: &str = "sandbox";
const CALLER_ID: &str = "AROASANDBOX";

/// Answers one STS operation with the XML inside its `…Result` element.
///
/// # Errors
/// As the STS API documents them.
pub fn handle(state: &State, context: &Context, operation: &str, query: &Query) -> Result<String, ApiError> {
    match operation {
        "GetCallerIdentity" => Ok(xml::text("Arn", session_arn(CALLER, CALLER))
            + &xml::text("UserId", format!("{CALLER_ID}:{CALLER}"))
            + &xml::text("Account", ACCOUNT)),
        "AssumeRole" => assume_role(state, context, query),
        _ => Err(ApiError::new("InvalidAction", format!("{operation} is not simulated"))),
    }
}

fn session_arn(role: &str, session: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}")
}

fn assume_role(state: &State, context: &Context, query: &Query) -> Result<String, ApiError> {
    let arn = query.get("RoleArn").unwrap_or_default();
    let session = query.get("RoleSessionName").unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&session.len()) || !session.chars().all(allowed) {
        return Err(invalid(session, "roleSessionName", "satisfy regular expression pattern: [\\w+=,.@-]{2,64}"));
    }
    let role = state.iam.role_by_arn(arn).filter(|role| may_assume(role, query));
    let role = role.ok_or_else(|| {
        // Whether the role does not exist or does not trust the caller is not told.
        let caller = session_arn(CALLER, CALLER);
        let message = format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}");
        ApiError::new("AccessDenied", message).with_status(403)
    })?;
    let seconds = duration(role, query)?;
    let expires = context.now + Duration::from_secs(u64::from(seconds));
    let seed = context.now.as_nanos() as u64;
    let credentials = xml::text("AccessKeyId", &unique_id("ASIA", seed)[..20])
        + &xml::text("SecretAccessKey", unique_id(&unique_id("", seed ^ 1), seed ^ 2))
        + &xml::text("SessionToken", unique_id(&unique_id("", seed ^ 3), seed ^ 4))
        + &xml::date("Expiration", expires);
    let user = xml::text("AssumedRoleId", format!("{}:{session}", role.id))
        + &xml::text("Arn", session_arn(&role.name, session));
    Ok(xml::nested("Credentials", &credentials) + &xml::nested("AssumedRoleUser", &user))
}

fn may_assume(role: &Role, query: &Query) -> bool {
    let mut keys = Keys::from([("aws:principalaccount".to_owned(), vec![ACCOUNT.to_owned()])]);
    keys.extend(query.get("ExternalId").map(|id| ("sts:externalid".to_owned(), vec![id.to_owned()])));
    let callers = [
        session_arn(CALLER, CALLER),
        format!("arn:aws:iam::{ACCOUNT}:role/{CALLER}"),
        format!("arn:aws:iam::{ACCOUNT}:root"),
    ];
    role.trusts(&callers, &keys)
}

/// One hour, or what is asked for within the role's limit.
fn duration(role: &Role, query: &Query) -> Result<u32, ApiError> {
    let Some(text) = query.get("DurationSeconds") else { return Ok(3600) };
    match text.parse() {
        Ok(seconds) if (900..=43_200).contains(&seconds) && seconds <= role.max_session() => Ok(seconds),
        Ok(900..=43_200) => Err(ApiError::new(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )),
        _ => Err(invalid(text, "durationSeconds", "have value between 900 and 43200")),
    }
}

fn invalid(value: &str, member: &str, rule: &str) -> ApiError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
    );
    ApiError::new("ValidationError", message)
}
