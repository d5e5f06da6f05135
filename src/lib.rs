//! Evenkeel keeps Amazon ECS and its IAM roles in the state that a git directory declares.
//!
//! # Bird's eye
//!
//! ```text
//!  manifests ──watch──▶ load ──▶ resolve ──▶ resources ─┐
//!                                                       ├─▶ plan ──▶ actions ──▶ aws
//!  AWS ────────aws────▶ live ──▶ world ─────────────────┘      └──▶ status ──▶ serve, metrics
//! ```
//!
//! The directory is read as one snapshot ([`watch`]); its text becomes manifests with every problem
//! found at once ([`yaml`], [`load`]), and manifests become [`resource::Resource`]s with references,
//! variables and presets written out ([`resolve`]), unless one breaks a guardrail ([`guard`]). AWS is read in batches ([`aws`]) into a
//! [`world::World`], which also holds what could not be seen. [`plan::plan`] compares the two and is
//! a pure function; what it returns is a list of [`action::Action`]s, each of which is one AWS call.
//! Carrying them out is a `match`. [`status::conclude`] turns a plan and its outcomes into what
//! people see, and into when to look again ([`queue`]). [`daemon`] does this for ever. [`export`] goes
//! the other way, from what is live to manifests whose plan is empty.
//!
//! What stands between two looks: [`memory`] knows what was written and does not show yet, [`rollout`]
//! what a deployment has come to, [`failure`] what is to be done about an error, [`patience`] when
//! waiting has gone on for too long, and [`pace`] how many calls AWS takes. What is ours and declared
//! nowhere any more is left to [`prune`]. Between two copies of the process stands [`fence`]: which of
//! them writes.
//!
//! The specs of ECS kinds *are* the ECS API: [`codec`] drives the schemas that the SDK ships, so that
//! there is no list of fields. What AWS does to a value between write and read stands in one table,
//! [`fields::tables`].
//!
//! # Floors
//!
//! A module imports only from floors below its own; `tests/tidy.rs` checks it.
//!
//! | floor | modules | knows |
//! |---|---|---|
//! | 4 | [`daemon`], [`cli`], [`commands`] | everything |
//! | 3 | [`reconcile`] | one pass |
//! | 2 | [`aws`], [`watch`], [`serve`], [`metrics`], [`report`] | the outside world |
//! | 1 | [`codec`], [`schema`], [`load`], [`export`], [`cloudformation`] | the SDK's types, no client |
//! | 0 | the others | values: no async, no SDK, no clock, no file |
//!
//! The simulated AWS ([`sandbox`], a cargo feature) stands apart: only the commands reach for it, as
//! the HTTP client or the endpoint of the real SDK. There is no second path to AWS.
//!
//! # Invariants about absence
//!
//! - What a manifest does not name is never compared, so a default that AWS adds is no difference.
//! - A plan has no holes: what needs an id that AWS has yet to choose waits for it.
//! - What could not be seen ([`world::Seen::Unknown`]) is never created, changed or deleted.
//! - Nothing that belongs to somebody else is written to: no owner tag, no call.
//! - Two copies do not write at the same time ([`fence`]): no look at who is in charge, no call.
//! - No write that does not show is made a second time ([`memory`]): nothing that is wrong with the
//!   table of fields, with AWS or with somebody else's tool becomes a loop of restarts.
//! - No manifest is missing because it could not be read: a file that turns bad keeps its last good
//!   content, a directory that cannot be read changes nothing.
//! - Nothing that a manifest says relaxes a guardrail: the file is read once, from outside of the
//!   directory, and what breaks a rule is out of force before the first call.
//! - There is no state file. Ownership, the digest of task definitions and the last restart are in AWS
//!   tags, desired state is the directory, everything else is read again.
//! - Nothing is deleted unless asked for, and then nothing that is not ours, that something declared
//!   needs, or that is gone from the directory by what may be a mistake ([`prune`]).

pub mod action;
pub mod aws;
pub mod cli;
pub mod cloudformation;
pub mod codec;
pub mod commands;
pub mod daemon;
pub mod diff;
pub mod edit;
pub mod export;
pub mod failure;
pub mod fence;
pub mod fields;
pub mod guard;
pub mod live;
pub mod load;
pub mod memory;
pub mod metrics;
pub mod mode;
pub mod model;
pub mod pace;
pub mod patience;
pub mod pattern;
pub mod plain;
pub mod plan;
pub mod policy;
pub mod preset;
pub mod prune;
pub mod queue;
pub mod reconcile;
pub mod redact;
pub mod report;
pub mod resolve;
pub mod resource;
pub mod rollout;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod schema;
pub mod serve;
pub mod status;
pub mod value;
pub mod watch;
pub mod window;
pub mod world;
pub mod yaml;
