//! Pulls, schedules and discovery polls, with sources and storage in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod discovery;
mod oneroster;
mod pull;
mod schedules;
mod servers;
mod world;
