//! Evenkeel keeps Amazon ECS and its IAM roles in the state that a git directory declares.

pub mod policy;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod watch;
pub mod yaml;
