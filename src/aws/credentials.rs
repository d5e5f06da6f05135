//! Credentials that AWS calls expired are not used again, however long they said that they were good.
//!
//! The SDK keeps credentials until shortly before their end. When they end earlier, or the clock is
//! off, every call would fail until then. The call that found out fails once; the next try, a moment
//! later, is made with new ones.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// The SDK's cache of credentials, which can be thrown away.
#[derive(Debug, Clone)]
pub(super) struct Renewable(Arc<Mutex<SharedIdentityCache>>);

impl Default for Renewable {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(empty())))
    }
}

impl Renewable {
    /// The next call asks for credentials anew.
    pub(super) fn renew(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = empty();
    }
}

impl ResolveCachedIdentity for Renewable {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        IdentityFuture::new(async move { cache.resolve_cached_identity(resolver, components, config).await })
    }
}

fn empty() -> SharedIdentityCache {
    IdentityCache::lazy().build()
}
