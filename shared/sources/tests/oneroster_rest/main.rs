//! OneRoster over REST: pulls from a server that behaves and fails like real ones, and their
//! snapshots.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on stops where it is")]

mod changes;
mod ends;
mod people;
mod pull;
mod same;
mod sign_in;
mod support;
