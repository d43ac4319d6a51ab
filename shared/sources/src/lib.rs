//! Sources: each reads one kind of upload or server and ends in the same snapshot lines
//! ([`roster::snapshot`]).
//!
//! A source parses at its border: only the canonical model leaves it, every row ends as a record, a
//! gap or a finding, and what cannot be trusted as a whole is refused before anything is emitted
//! (R-H3). A source calls no cloud service: bytes come in through small traits, lines go out
//! through [`roster::snapshot::SnapshotSink`].

pub mod classlink;
pub mod clever;
pub mod http;
mod import;
mod intake;
pub mod oneroster_csv;
pub mod oneroster_rest;

pub use import::{Import, ImportError, Refused, Staged};
