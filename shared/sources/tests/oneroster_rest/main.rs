//! OneRoster over REST: pulls from a server that behaves and misbehaves as real ones do, and
//! snapshots of what it sent.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on stops where it is")]

mod changes;
mod ends;
mod people;
mod pull;
mod same;
mod sign_in;
mod support;
