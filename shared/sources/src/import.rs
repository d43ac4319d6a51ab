//! The outcome of an import, the same for every source.

use std::io;

use roster::report::FindingList;

/// Outcome of an import that read its data to the end.
#[derive(Debug)]
pub enum Import {
    /// The sink has all lines of the snapshot.
    Staged(Staged),
    /// The data cannot be trusted (R-H3). Discard whatever the sink received.
    Refused(Refused),
}

/// A staged snapshot.
#[derive(Debug)]
pub struct Staged {
    /// Number of enrollments in classes, teachers and students.
    pub enrollments: u64,
    /// All findings: listed up to the limit of a report, counted in full. The snapshot's own list
    /// holds up to 10,000 findings of a code.
    pub findings: FindingList,
}

/// A refused set.
#[derive(Debug)]
pub struct Refused {
    /// The reason, and all findings made before it.
    pub findings: FindingList,
}

/// Why an import did not finish. The data is not at fault.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Reading the data failed; a retry may succeed.
    #[error("the source's data could not be read")]
    Read(#[source] io::Error),
    /// Writing the snapshot failed.
    #[error("the snapshot could not be written")]
    Write(#[source] io::Error),
    /// The caller passed no package.
    #[error("an import needs at least one package")]
    NoPackage,
    /// The set is a delta and the caller did not pass the sets that it updates. Nothing was
    /// emitted. Import again with those sets.
    #[error("the set updates earlier sets, which are needed to import it")]
    NeedsBase,
}
