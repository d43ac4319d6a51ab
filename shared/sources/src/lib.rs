//! Sources: each reads one kind of upload or server and writes the same snapshot lines
//! ([`roster::snapshot`]).
//!
//! A source validates its input at the border: only the canonical model leaves it. Every row ends as
//! a record, an unreadable record or a finding, and input that cannot be trusted as a whole is
//! refused before anything is written (R-H3). A source uses no cloud service: it reads bytes through
//! small traits, and writes lines through [`roster::snapshot::SnapshotSink`].

pub mod classlink;
pub mod clever;
pub mod http;
mod import;
mod intake;
pub mod oneroster_csv;
pub mod oneroster_rest;

pub use import::{Import, ImportError, Refused, Staged};
