//! Points the real SDK at a sandbox.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::{ConfigLoader, Region};
use aws_sdk_sts::config::Credentials;
use aws_smithy_async::time::TimeSource;

use super::connector::Connector;
use super::{REGION, Sandbox};

/// Clients whose requests a sandbox in this process answers.
#[must_use]
pub fn point(loader: ConfigLoader, sandbox: &Arc<Sandbox>) -> ConfigLoader {
    known(loader).http_client(Connector(Arc::clone(sandbox))).time_source(Clock(Arc::clone(sandbox)))
}

/// The sandbox's time. The SDK sleeps by tokio's clock, which a test may pause, and would otherwise
/// measure by the system's.
struct Clock(Arc<Sandbox>);

/// The account behind it is no part of it.
impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0.now()
    }
}

/// Clients of a sandbox that serves at `url`.
#[must_use]
pub fn point_at(loader: ConfigLoader, url: &str) -> ConfigLoader {
    known(loader).endpoint_url(url)
}

/// The sandbox takes any credentials: those of AWS's own documentation example.
fn known(loader: ConfigLoader) -> ConfigLoader {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "sandbox", None, None, "sandbox");
    loader.region(Region::new(REGION)).credentials_provider(credentials)
}
