//! The one roster that every source fills, and the way from it to the lines of a snapshot.
//!
//! A source reads its own format and puts what it finds into the `roster`: ids (`ids`) are kept
//! once and numbered, texts lie in one arena (`texts`), an enrollment takes 24 bytes. `relationships`,
//! `seats` and `assemble` bring together what belongs together; `emit` and `gaps` write the lines,
//! `diagnostics` the findings. Whatever can refuse a source's data is found before the first record is
//! written.

use std::io;

use roster::report::FindingList;

pub(crate) mod assemble;
pub(crate) mod collected;
pub(crate) mod demographics;
pub(crate) mod diagnostics;
mod emit;
pub(crate) mod gaps;
pub(crate) mod ids;
mod index;
mod json;
pub(crate) mod phone;
mod relationships;
mod seats;
mod texts;
pub(crate) mod values;

/// A staged snapshot.
#[derive(Debug)]
pub struct Staged {
    /// Seats in classes, teachers' and students'.
    pub enrollments: u64,
    /// All findings, listed up to the limit of a report and counted in full. The snapshot's
    /// findings list up to 10,000 of a code.
    pub findings: FindingList,
}

/// How an import of staged pages ended.
#[derive(Debug)]
pub enum Import {
    /// The snapshot's lines are with the sink.
    Staged(Staged),
    /// No roster can be made of what was read (R-H3); what the sink may have got is void.
    Refused(Refused),
}

/// A refused set.
#[derive(Debug)]
pub struct Refused {
    /// Why, and whatever else was found until then.
    pub findings: FindingList,
}

/// Why an import broke off: not the data's fault.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It could not be read; it may be tried again.
    #[error("the source's data could not be read")]
    Read(#[source] io::Error),
    /// The snapshot could not be written.
    #[error("the snapshot could not be written")]
    Write(#[source] io::Error),
    /// No package was given.
    #[error("an import needs at least one package")]
    NoPackage,
}
