//! An uploaded set of files: one zip, or the files of a folder.

use std::io::{self, Read};

use roster::finding::{Code, Finding, Place};

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagedFile {
    /// Its path within the set, for example `users.csv`.
    pub name: String,
    /// Its unpacked size in bytes, as declared. Not trusted; used for progress.
    pub size: u64,
}

/// A set of files that can be opened one at a time.
pub trait Package: Send {
    /// The files of the set.
    fn files(&self) -> &[PackagedFile];

    /// Opens the file at this index of [`Package::files`], at its start. May be called repeatedly
    /// for the same file.
    ///
    /// # Errors
    /// An error that carries a [`Refusal`] (see [`Refusal::into_io`]) means that the data is bad.
    /// Any other means that reading failed and may be retried. The same holds for errors of the
    /// returned reader.
    fn open(&mut self, index: usize) -> io::Result<Box<dyn Read + '_>>;
}

/// Why a set cannot be read: a finding that stops the import. It goes into the report and is not
/// retried (R-H3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Refusal(pub Box<Finding>);

impl Refusal {
    /// Creates a refusal with a text for the finding.
    pub fn new(code: &'static Code, found: impl AsRef<str>) -> Self {
        Self(Box::new(Finding::new(code).with(found)))
    }

    /// Adds the name of the file.
    #[must_use]
    pub fn in_file(mut self, name: &str) -> Self {
        self.0.place = Some(Place { file: name.to_owned().into(), line: None, column: None });
        self
    }

    /// Converts the refusal to an error of a reader.
    pub fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }

    /// Extracts the refusal from an error of a reader, or returns the error.
    pub fn out_of(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }
}
