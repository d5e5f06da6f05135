//! Sends an ECS request that a manifest spells out: the operation's input is replaced as a whole,
//! so that no list of fields stands between the two.

use std::fmt::Debug;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{BeforeSerializationInterceptorContextMut, Input};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::codec::{self, Deserialize};
use crate::value::Value;
use crate::world::Failure;

/// Puts its own input in the place of the (empty) one that the call was built with.
#[derive(Debug)]
pub(super) struct WithInput<T>(pub(super) T);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl<T: Debug + Clone + Send + Sync + 'static> Intercept for WithInput<T> {
    fn name(&self) -> &'static str {
        "EvenkeelWithInput"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *context.input_mut() = Input::erase(self.0.clone());
        Ok(())
    }
}

/// The request's typed form.
pub(super) fn input<T>(value: &Value, deserialize: Deserialize<T>) -> Result<T, Failure> {
    codec::decode(value, deserialize).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect();
        Failure::Rejected(format!("the request would not be well formed: {}", faults.join("; ")))
    })
}
