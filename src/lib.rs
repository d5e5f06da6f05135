//! Evenkeel keeps Amazon ECS and its IAM roles in the state that a git directory declares.

pub mod action;
pub mod aws;
pub mod codec;
pub mod diff;
pub mod fields;
pub mod live;
pub mod load;
pub mod metrics;
pub mod model;
pub mod plan;
pub mod policy;
pub mod preset;
pub mod resolve;
pub mod resource;
pub mod schema;
pub mod value;
pub mod world;
pub mod yaml;

#[cfg(feature = "sandbox")]
pub mod sandbox;
