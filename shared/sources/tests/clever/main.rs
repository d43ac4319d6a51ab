//! Clever: small synthetic districts, pulled from Clever in memory and imported, and everything
//! that can fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod people;
mod pull;
mod sections;
mod support;
mod tokens;
