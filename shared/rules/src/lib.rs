//! The sync rules of Rollbook, and nothing else.
//!
//! A *snapshot* (what a district's student information system shares tonight) and the *mirror* (our
//! copy of it) go in; a *plan* comes out: every change with its before, its after and the rule that
//! made it. The ids of the rule book (`R-M1`, …) appear in the code that implements them and name
//! the tests that prove them.
//!
//! This crate is pure: no input or output, no async, no clock, no randomness, no logging. Dates and
//! ids are passed in, so a whole night can be replayed. A dependency on any of those breaks the
//! promise that makes the product safe to test.

pub mod book;
pub mod effective;
pub mod engine;
pub mod explain;
mod groups;
mod review;
pub mod undo;
