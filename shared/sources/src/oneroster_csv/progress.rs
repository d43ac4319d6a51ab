//! Progress of an import.

/// How far an import has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Unpacked bytes read.
    pub read: u64,
    /// Unpacked bytes in total, as declared by the package.
    pub of: u64,
    /// Lines emitted.
    pub lines: u64,
}
