//! Sources: each reads one kind of upload or server and writes the lines of a snapshot
//! ([`roster::snapshot`]).
//!
//! ```text
//!  uploaded files                    servers
//!        │                              │  pages, staged by the caller
//!        ▼                   ┌──────────┴───────────┐
//!  oneroster_csv ◀── rows ── oneroster_rest       clever      readers: parse and validate
//!        │                   (and classlink)        │
//!        └──────────────────┬───────────────────────┘
//!                           ▼
//!                        intake                               one roster in memory, joined
//!                           │  records, unreadable records, findings: one JSON line each
//!                           ▼
//!             roster::snapshot::SnapshotSink                  the caller stores the lines
//! ```
//!
//! - A source parses at its boundary: only the records of the crate `roster` leave it.
//! - Every row or object ends as a record, an unreadable record, or a finding.
//! - Data that cannot be trusted as a whole is refused before the first record is written (R-H3).
//! - A source calls no cloud service. Bytes come in through small traits, and lines go out through
//!   [`roster::snapshot::SnapshotSink`].
//!
//! | module | what it reads |
//! | --- | --- |
//! | [`oneroster_csv`] | OneRoster CSV 1.0 to 1.2: a zip or a folder, bulk or delta |
//! | [`oneroster_rest`] | OneRoster servers, 1.1 and 1.2, and ClassLink's proxy to them |
//! | [`classlink`] | the districts that share their data through ClassLink |
//! | [`clever`] | Clever's Data API 3 |
//! | [`http`] | HTTP with retries and rate limits, for the servers above |
//!
//! `CHECKS.md` lists all checks by number.

pub mod classlink;
pub mod clever;
pub mod http;
mod import;
mod intake;
pub mod oneroster_csv;
pub mod oneroster_rest;

pub use import::{Import, ImportError, Refused, Staged};
