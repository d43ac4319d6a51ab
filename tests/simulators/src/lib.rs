//! Simulators of the servers that Rollbook pulls rosters from.
//!
//! They follow the vendors' documentation and recordings, serve synthetic districts of the crate
//! [`districts`], and reproduce the vendors' quirks. Tests switch faults on.
//!
//! | module | contents |
//! | --- | --- |
//! | [`clever`] | Clever's Data API, Events API and token list |
//! | [`oneroster`] | OneRoster REST servers 1.1 and 1.2, and ClassLink's proxy |
//! | [`client`] | a small HTTP client for servers on this machine |
//! | [`clock`] | real time plus an offset that tests can advance |
//! | [`listen`] | HTTP servers on 127.0.0.1 that stop when they are dropped |
//!
//! ```
//! use districts::{District, Size};
//! use simulators::clever::{CleverSimulator, Fault};
//! use simulators::clock::Clock;
//!
//! # async fn example() -> std::io::Result<()> {
//! let clever = CleverSimulator::start("client", "secret", Clock::new()).await?;
//! let district = District::new(Size::students(200));
//! clever.connect("oak", &district.night(0));
//! clever.fault("/users", 1, 1, Fault::Status(500)); // the second request for users fails
//! println!("Clever runs at {}", clever.url());
//! # Ok(())
//! # }
//! ```

pub mod clever;
pub mod client;
pub mod clock;
pub mod listen;
pub mod oneroster;
