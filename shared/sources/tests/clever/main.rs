//! Clever: small invented districts, pulled from a Clever in memory and made into snapshots; and
//! everything that may go wrong on the way.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod people;
mod pull;
mod sections;
mod support;
mod tokens;
