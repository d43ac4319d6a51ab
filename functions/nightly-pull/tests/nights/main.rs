//! Nights at a Clever in memory, on storage in memory: pulls, their schedules, and looks at who has
//! connected.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod look;
mod oneroster;
mod pull;
mod schedules;
mod servers;
mod world;
