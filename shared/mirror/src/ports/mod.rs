//! The capabilities that functions need from storage, each as a small trait in our words.
//!
//! The real forms are in [`crate::dynamo`], [`crate::s3`], [`crate::scheduler`],
//! [`crate::secrets_manager`] and [`crate::eventbridge`]; the in-memory and failing forms in
//! `testing`. An expected answer (the condition did not hold, no such item) is a variant of the
//! result, not an error.

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
