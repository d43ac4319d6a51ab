//! Where Rollbook keeps things: the table with the mirror, the snapshots and plans in object
//! storage, leases, schedules.
//!
//! This is the only crate that speaks to AWS, and it knows no sync rule: it is told what to write
//! and gives back what it read. Each thing that a function can do here is a small trait in our
//! words, with three forms: the real one ([`dynamo`], [`s3`], [`scheduler`], [`secrets`],
//! [`operators`]), one in memory ([`memory`]), and one that fails on cue ([`failing`]). Types of
//! the SDK stay inside the real forms; an answer that is to be expected (the condition did not
//! hold, no such item) is a variant of the result and not an error.
//!
//! Nothing here logs but what tells [`operators`], and no error names a person or a source's id of
//! one.

pub mod answers;
pub mod apply;
mod beside;
pub mod blocks;
pub mod clock;
pub mod configured;
pub mod connect;
pub mod connected;
pub mod copy;
pub mod directory;
pub mod districts;
pub mod dynamo;
pub mod edits;
pub mod environment;
pub mod erase;
pub mod error;
pub mod failing;
pub mod importing;
pub mod item;
pub mod items;
pub mod keys;
pub mod later;
pub mod memory;
pub mod nightly;
pub mod notices;
pub mod objects;
pub mod operators;
pub mod packed;
pub mod plan_store;
pub mod pulls;
pub mod reports;
pub mod requests;
pub mod runs;
pub mod s3;
pub mod samples;
pub mod scan;
pub mod scheduler;
pub mod secrets;
pub mod snapshot;
pub mod spool;
mod streams;
pub mod transact;

pub use error::MirrorError;
