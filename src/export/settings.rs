//! Account settings that somebody has touched.

use crate::value::{Map, Value};

/// What an account has that has touched nothing. That of `defaultLogDriverMode` is in the ECS API
/// reference (PutAccountSettingDefault), the others are (from memory).
const UNTOUCHED: &[(&str, &str)] = &[
    ("awsvpcTrunking", "disabled"),
    ("containerInsights", "disabled"),
    ("containerInstanceLongArnFormat", "enabled"),
    ("defaultLogDriverMode", "non-blocking"),
    ("fargateEventWindows", "disabled"),
    ("fargateFIPSMode", "disabled"),
    ("fargateTaskRetirementWaitPeriod", "7"),
    ("serviceLongArnFormat", "enabled"),
    ("tagResourceAuthorization", "on"),
    ("taskLongArnFormat", "enabled"),
];

/// Settings that only AWS turns (ECS API reference, Setting: the one that is `aws_managed`).
const OF_AWS: &[&str] = &["guardDutyActivate"];

/// The settings that are not as in an account that has touched nothing, by name.
pub(super) fn touched(settings: &Value, known: &[&str]) -> Map<String, Value> {
    let settings = settings.as_object().into_iter().flatten();
    let mut touched: Map<String, Value> = settings
        .filter(|(name, value)| {
            let untouched = UNTOUCHED.iter().any(|(other, default)| other == name && value == default);
            !untouched && !OF_AWS.contains(&name.as_str()) && known.contains(&name.as_str())
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    touched.sort_keys();
    touched
}
