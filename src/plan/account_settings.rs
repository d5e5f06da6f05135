//! AccountSettings: name → value, one call each.

use super::{Draft, Scene};
use crate::action::Action;
use crate::diff::diff;
use crate::model::Kind;
use crate::resource::Resource;
use crate::value::{Segment, Value};

impl Scene<'_> {
    pub(super) fn update_account_settings(&self, resource: &Resource, live: &Value) -> Draft {
        let changes = diff(Kind::AccountSettings, &resource.spec, live);
        let steps = changes
            .iter()
            .filter_map(|change| match (change.path.0.as_slice(), &change.to) {
                ([Segment::Key(name)], Some(Value::String(value))) => {
                    Some(Action::PutAccountSettingDefault { name: name.clone(), value: value.clone() })
                }
                _ => None,
            })
            .collect();
        Draft { changes, steps, ..Draft::default() }
    }
}
