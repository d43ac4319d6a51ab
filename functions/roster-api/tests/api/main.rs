//! The API as its callers use it: the rules, tenant isolation, conflicts.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod addresses;
mod classes;
mod description;
mod districts;
mod explain;
mod explain_search;
mod isolation;
mod nights;
mod people;
mod review;
mod runs;
mod syncing;
mod world;
