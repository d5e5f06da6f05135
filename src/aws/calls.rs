//! Watches every attempt of every AWS call, and tells the pacer of those that AWS throttled.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::credentials::Renewable;
use super::pacer::Pacer;
use crate::metrics::Metrics;

/// Watches the SDK's attempts.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    pub(super) metrics: Arc<Metrics>,
    pub(super) pacer: Arc<Pacer>,
    pub(super) credentials: Renewable,
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "EvenkeelCallCounter"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(call) = config.load::<Metadata>() else { return Ok(()) };
        let ok = matches!(context.output_or_error(), Some(Ok(_)));
        let says = |word: &str| {
            let body = context.response().and_then(|response| response.body().bytes()).unwrap_or_default();
            !ok && body.windows(word.len()).any(|window| window == word.as_bytes())
        };
        let throttled = says("Throttling");
        let service = call.service().to_lowercase().replace(' ', "-");
        self.metrics.aws_call(&service, call.name(), ok, throttled);
        if throttled {
            self.pacer.throttled(&format!("{service}:{}", call.name()));
        }
        if says("ExpiredToken") || says("RequestExpired") {
            self.credentials.renew();
        }
        Ok(())
    }
}
