//! Account settings. Names are the model's; untouched values and wording are (from memory).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::input::Input;
use super::page::{TEN, page};
use super::{ACCOUNT, Context, Outcome, Region, invalid, principal};
use crate::sandbox::ApiError;

/// Every setting with the value of an account that has touched none, and the values it may take.
const TABLE: [(&str, &str, &[&str]); 11] = [
    ("serviceLongArnFormat", "enabled", ON_OFF),
    ("taskLongArnFormat", "enabled", ON_OFF),
    ("containerInstanceLongArnFormat", "enabled", ON_OFF),
    ("awsvpcTrunking", "disabled", ON_OFF),
    ("containerInsights", "disabled", &["enabled", "disabled", "enhanced"]),
    ("fargateFIPSMode", "disabled", ON_OFF),
    ("tagResourceAuthorization", "on", &["on", "off"]),
    ("fargateTaskRetirementWaitPeriod", "7", &["0", "7", "14"]),
    ("guardDutyActivate", "off", &["on", "off"]),
    ("defaultLogDriverMode", "non-blocking", &["blocking", "non-blocking"]),
    ("fargateEventWindows", "disabled", ON_OFF),
];

const ON_OFF: &[&str] = &["enabled", "disabled"];

/// What somebody has set: one value for the account, others for single principals.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    set: BTreeMap<(String, String), String>,
}

impl Settings {
    /// The value that counts for the account.
    #[must_use]
    pub fn effective(&self, name: &str) -> &str {
        let untouched = TABLE.iter().find(|(known, ..)| *known == name).map_or("", |(_, value, _)| value);
        let own = |owner: String| self.set.get(&(name.to_owned(), owner)).map(String::as_str);
        own(principal()).or_else(|| own(root())).unwrap_or(untouched)
    }
}

/// The account's default counts as the root user's own setting.
fn root() -> String {
    format!("arn:aws:iam::{ACCOUNT}:root")
}

fn view(name: &str, value: &str, owner: &str) -> Value {
    // GuardDuty's switch is AWS's own to turn.
    let kind = if name == "guardDutyActivate" { "aws_managed" } else { "user" };
    json!({ "name": name, "value": value, "principalArn": owner, "type": kind })
}

fn check(name: &str, value: Option<&str>) -> Result<(), ApiError> {
    let Some((_, _, values)) = TABLE.iter().find(|(known, ..)| *known == name) else {
        return Err(invalid(format!("Invalid account setting name: {name}")));
    };
    if value.is_some_and(|value| !values.contains(&value)) {
        return Err(invalid(format!("Invalid value for account setting {name}. Valid values: {}", values.join(", "))));
    }
    Ok(())
}

/// PutAccountSetting: for one principal, the caller unless named.
pub(super) fn put(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let owner = input.text("principalArn").map_or_else(principal, str::to_owned);
    put_for(region, input, owner)
}

/// PutAccountSettingDefault: for all principals that have no setting of their own.
pub(super) fn put_default(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    put_for(region, input, root())
}

fn put_for(region: &mut Region, input: &Input, owner: String) -> Outcome {
    let (name, value) = (input.required("name")?, input.required("value")?);
    check(name, Some(value))?;
    let setting = view(name, value, &owner);
    region.settings.set.insert((name.to_owned(), owner), value.to_owned());
    Ok(json!({ "setting": setting }))
}

/// DeleteAccountSetting: back to the account's default.
pub(super) fn delete(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    let name = input.required("name")?;
    check(name, None)?;
    let owner = input.text("principalArn").map_or_else(principal, str::to_owned);
    region.settings.set.remove(&(name.to_owned(), owner.clone()));
    Ok(json!({ "setting": view(name, region.settings.effective(name), &owner) }))
}

/// ListAccountSettings: what was set, or with `effectiveSettings` what counts.
pub(super) fn list(region: &mut Region, _: &Context, input: &Input) -> Outcome {
    if let Some(name) = input.text("name") {
        check(name, None)?;
    }
    let fits = |name: &str, value: &str| {
        input.text("name").is_none_or(|wanted| wanted == name)
            && input.text("value").is_none_or(|wanted| wanted == value)
    };
    let settings = if input.flag("effectiveSettings") {
        let effective = TABLE.iter().map(|(name, ..)| (*name, region.settings.effective(name)));
        effective
            .filter(|(name, value)| fits(name, value))
            .map(|(name, value)| view(name, value, &principal()))
            .collect()
    } else {
        let owner = input.text("principalArn").map_or_else(principal, str::to_owned);
        let own = region.settings.set.iter().filter(|((name, who), value)| *who == owner && fits(name, value));
        own.map(|((name, who), value)| view(name, value, who)).collect()
    };
    page(input, "settings", settings, TEN)
}
