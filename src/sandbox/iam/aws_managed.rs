//! The policies that AWS manages.
//!
//! The table holds those that users of ECS attach, with the documents that AWS publishes. AWS has
//! some 1,500 of them and adds more every month, so an ARN of the right form outside the table is
//! taken to exist as well: its document is not known, and a misspelt name is not noticed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;

use super::policy::{Policy, Version};
use super::role_policy::name_of;
use super::tags::Tags;
use super::unique_id;

/// What the ARNs of AWS's own policies begin with.
pub(super) const PREFIX: &str = "arn:aws:iam::aws:policy/";

static TABLE: LazyLock<BTreeMap<String, Policy>> = LazyLock::new(|| {
    let rows: Vec<Value> = serde_json::from_str(include_str!("aws_managed.json")).unwrap_or_default();
    rows.iter().map(row).map(|policy| (policy.arn.clone(), policy)).collect()
});

/// The policies in the table.
pub(super) fn known<'a>() -> impl Iterator<Item = &'a Policy> {
    TABLE.values()
}

/// Whether a policy is in the table.
pub(super) fn is_known(arn: &str) -> bool {
    TABLE.contains_key(arn)
}

/// One of AWS's policies by its ARN.
pub(super) fn policy(arn: &str) -> Option<Cow<'static, Policy>> {
    if let Some(policy) = TABLE.get(arn) {
        return Some(Cow::Borrowed(policy));
    }
    let rest = arn.strip_prefix(PREFIX)?;
    let well_formed = rest
        .split('/')
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)));
    let name = name_of(arn);
    let path = format!("/{}", &rest[..rest.len() - name.len()]);
    well_formed.then(|| Cow::Owned(outside_the_table(name, &path)))
}

fn outside_the_table(name: &str, path: &str) -> Policy {
    // Somewhere in the past: the day on which AWS introduced managed policies.
    let created = moment("2015-02-06T00:00:00Z");
    Policy {
        name: name.to_owned(),
        path: path.to_owned(),
        id: unique_id("ANPA", name.bytes().fold(1, |seed, byte| seed * 31 % 0xffff_fffb + u64::from(byte))),
        arn: format!("{}{path}{name}", PREFIX.trim_end_matches('/')),
        description: None,
        created,
        updated: created,
        versions: Vec::new(),
        default: 1,
        next: 2,
        tags: Tags::default(),
    }
}

fn row(row: &Value) -> Policy {
    let text = |key: &str| row[key].as_str().unwrap_or_default();
    let number = row["version"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    let updated = moment(text("updated"));
    let document = row.get("document").map(Value::to_string);
    Policy {
        created: moment(text("created")),
        updated,
        versions: document.map(|text| Version { number, text, created: updated }).into_iter().collect(),
        default: number,
        next: number + 1,
        ..outside_the_table(text("name"), text("path"))
    }
}

fn moment(text: &str) -> Duration {
    let seconds = DateTime::from_str(text, Format::DateTime).map(|moment| moment.secs()).unwrap_or_default();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
