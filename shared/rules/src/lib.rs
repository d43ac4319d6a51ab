//! The sync rules of Rollbook, and nothing else.
//!
//! What a district's student information system said tonight (a *snapshot*) and what we hold of it
//! (the *mirror*) go in; a *plan* comes out: every change with its before, its after and the rule
//! that made it. The rule book's ids (`R-M1`, …) stand in the code that implements them and name
//! the tests that prove them.
//!
//! This crate is pure: no input or output, no async, no clock, no randomness, no logging. Dates and
//! ids are passed in, so a whole night can be replayed. Who adds a dependency on any of those
//! breaks the promise that makes the product safe to test.

mod danger;
pub mod district;
pub mod edit;
pub mod effective;
pub mod explain;
pub mod finding;
mod groups;
pub mod id;
pub mod model;
pub mod personal;
pub mod plan;
pub mod policy;
pub mod report;
pub mod review;
pub mod rule;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod snapshot;
pub mod undo;
