//! The simulated AWS STS: who am I, and becoming a role.

use std::collections::BTreeMap;
use std::time::Duration;

use super::iam::query::Query;
use super::iam::{Keys, Role, unique_id, xml};
use super::{ACCOUNT, ApiError, Context};

/// What STS remembers: the sessions of roles, by their access keys.
#[derive(Debug, Clone, Default)]
pub struct State {
    sessions: BTreeMap<String, Session>,
}

/// Somebody acting as a role.
#[derive(Debug, Clone)]
struct Session {
    role: String,
    role_arn: String,
    role_id: String,
    name: String,
}

impl Session {
    /// Who a request is from when its access key is not a session's: a role that
    /// IAM does not list.
    fn of_anybody() -> Self {
        Self {
            role: "sandbox".to_owned(),
            role_arn: format!("arn:aws:iam::{ACCOUNT}:role/sandbox"),
            role_id: "AROASANDBOX".to_owned(),
            name: "sandbox".to_owned(),
        }
    }

    fn arn(&self) -> String {
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/{}/{}", self.role, self.name)
    }

    fn user_id(&self) -> String {
        format!("{}:{}", self.role_id, self.name)
    }
}

/// Answers one STS operation with the XML inside its `…Result` element.
///
/// # Errors
/// As the STS API documents them.
pub fn handle(
    state: &mut super::State,
    context: &Context,
    access_key: Option<&str>,
    operation: &str,
    query: &Query,
) -> Result<String, ApiError> {
    let session = access_key.and_then(|key| state.sts.sessions.get(key)).cloned();
    let caller = session.unwrap_or_else(Session::of_anybody);
    match operation {
        "GetCallerIdentity" => {
            Ok(xml::text("Arn", caller.arn()) + &xml::text("UserId", caller.user_id()) + &xml::text("Account", ACCOUNT))
        }
        "AssumeRole" => assume_role(state, context, &caller, query),
        _ => Err(ApiError::new("InvalidAction", format!("{operation} is not simulated"))),
    }
}

fn assume_role(
    state: &mut super::State,
    context: &Context,
    caller: &Session,
    query: &Query,
) -> Result<String, ApiError> {
    let arn = query.get("RoleArn").unwrap_or_default();
    let name = query.get("RoleSessionName").unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(invalid(name, "roleSessionName", "satisfy regular expression pattern: [\\w+=,.@-]{2,64}"));
    }
    let role = state.iam.role_by_arn(arn).filter(|role| may_assume(role, caller, query));
    let role = role.ok_or_else(|| {
        // Whether the role does not exist or does not trust the caller is not told.
        let caller = caller.arn();
        let message = format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}");
        ApiError::new("AccessDenied", message).with_status(403)
    })?;
    let expires = context.now + Duration::from_secs(u64::from(duration(role, query)?));
    let session = Session {
        role: role.name.clone(),
        role_arn: role.arn.clone(),
        role_id: role.id.clone(),
        name: name.to_owned(),
    };
    let number = state.sts.sessions.len() as u64;
    let mut access_key = unique_id("ASIA", number);
    // One letter shorter than the ids of roles.
    access_key.pop();
    let credentials = xml::text("AccessKeyId", &access_key)
        + &xml::text("SecretAccessKey", unique_id("simulated", number))
        + &xml::text("SessionToken", unique_id("simulated-session-", number))
        + &xml::date("Expiration", expires);
    let user = xml::text("AssumedRoleId", session.user_id()) + &xml::text("Arn", session.arn());
    state.sts.sessions.insert(access_key, session);
    Ok(xml::nested("Credentials", &credentials) + &xml::nested("AssumedRoleUser", &user))
}

fn may_assume(role: &Role, caller: &Session, query: &Query) -> bool {
    let mut keys = Keys::from([
        ("aws:principalaccount".to_owned(), vec![ACCOUNT.to_owned()]),
        ("aws:principalarn".to_owned(), vec![caller.role_arn.clone()]),
        ("sts:rolesessionname".to_owned(), query.get("RoleSessionName").map(str::to_owned).into_iter().collect()),
    ]);
    keys.extend(query.get("ExternalId").map(|id| ("sts:externalid".to_owned(), vec![id.to_owned()])));
    // That the account is trusted is enough: the caller's own policies are not asked.
    let names = [caller.arn(), caller.role_arn.clone(), format!("arn:aws:iam::{ACCOUNT}:root")];
    role.trusts(&names, &keys)
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
