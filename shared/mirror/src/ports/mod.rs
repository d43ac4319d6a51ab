//! The capabilities that functions need from storage, each as a small trait without SDK types.
//!
//! The real implementations are in [`crate::dynamo`], [`crate::s3`], [`crate::scheduler`],
//! [`crate::secrets_manager`] and [`crate::eventbridge`]; the in-memory and failing implementations
//! are in `testing`. An expected outcome (a condition that is not met, a missing item) is a variant
//! of the result, not an error.

pub mod connected_districts;
pub mod directory;
pub mod district_settings;
pub mod districts;
pub mod erase;
pub mod idempotency;
pub mod items;
pub mod objects;
pub mod one_time;
pub mod pull_schedules;
pub mod runs;
pub mod secrets;
pub mod transact;
pub mod webhook_events;
