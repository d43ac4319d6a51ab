//! Simulators of the servers that rosters are pulled from: Clever ([`clever`]), and OneRoster REST
//! servers, ClassLink's among them ([`oneroster`]).
//!
//! They are built from the vendors' documentation, serve districts of the crate `districts`, and
//! have the vendors' quirks and faults on demand. [`Clock`](clock::Clock) is the time that tests can
//! move; [`client`] calls a server on this machine.

pub mod clever;
pub mod client;
pub mod clock;
pub mod listen;
pub mod oneroster;
