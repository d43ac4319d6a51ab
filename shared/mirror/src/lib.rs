//! The storage of Rollbook: the table with the mirror, snapshots and plans in object storage,
//! leases, schedules, secrets and notifications.
//!
//! This is the only crate that calls AWS. It contains no sync rule.
//!
//! ```text
//!  functions    reconcile, roster-api, nightly-pull, oneroster-import, clever-webhook
//!      |
//!  ops          operations of several ports: apply a plan, edits, requests, erase
//!  files        snapshots, plans, reports and pages of a pull as objects and local files
//!      |
//!  ports        one small trait per capability, without SDK types
//!      |
//!      +-- real:    dynamo   s3   scheduler   secrets_manager   eventbridge
//!      +-- testing: memory (in memory), failing (fails at a chosen call); feature test-support
//! ```
//!
//! [`keys`] defines the keys of all items and objects, [`item`] the content of an item of the
//! mirror. STORAGE.md describes both for readers of the stored data.
//!
//! Only [`eventbridge`] logs. No error contains the name or the source id of a person.

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
