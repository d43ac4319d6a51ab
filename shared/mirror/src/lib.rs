//! Where Rollbook stores things: the table with the mirror, the snapshots and plans in object
//! storage, leases, schedules, secrets and notifications.
//!
//! This is the only crate that calls AWS, and it contains no sync rule: it writes what it is given
//! and returns what it reads. Each capability is a small trait ([`ports`]) with three forms: the
//! real one ([`dynamo`], [`s3`], [`scheduler`], [`secrets_manager`], [`eventbridge`]), one in
//! memory and one that fails on cue (`testing`, behind the feature `test-support`). Types of the
//! SDK stay inside the real forms.
//!
//! Only [`eventbridge`] logs, and no error names a person or a person's source id.

pub mod clock;
pub mod connect;
pub mod dynamo;
pub mod environment;
pub mod error;
pub mod eventbridge;
pub mod files;
pub mod item;
pub mod keys;
pub mod ops;
pub mod ports;
pub mod s3;
pub mod scheduler;
pub mod secrets_manager;
#[cfg(any(test, feature = "test-support"))]
pub mod testing;

pub use error::MirrorError;
