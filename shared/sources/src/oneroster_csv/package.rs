//! A set of files as it was uploaded: one zip, or the files of a folder.

use std::io::{self, Read};

use roster::finding::{Code, Finding, Place};

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagedFile {
    /// Its path inside the set, `users.csv`.
    pub name: String,
    /// Its size in bytes as declared, unpacked; for progress, never trusted.
    pub size: u64,
}

/// A set of files that can be opened one after the other.
pub trait Package: Send {
    /// What is in it.
    fn files(&self) -> &[PackagedFile];

    /// Opens the file at this place of [`Package::files`], from its start. May be called again for
    /// the same file.
    ///
    /// An error that carries a [`Refusal`] (see [`Refusal::into_io`]) means that the data is bad,
    /// any other that reading failed and may be tried again. The same holds for errors of the
    /// reader that is returned.
    fn open(&mut self, index: usize) -> io::Result<Box<dyn Read + '_>>;
}

/// Why a set cannot be read at all: a finding that stops the import. It is a result for the report,
/// not a fault (R-H3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Refusal(pub Box<Finding>);

impl Refusal {
    /// A refusal for a reason, in words.
    pub fn new(code: &'static Code, found: impl AsRef<str>) -> Self {
        Self(Box::new(Finding::new(code).with(found)))
    }

    /// Names the file.
    #[must_use]
    pub fn in_file(mut self, name: &str) -> Self {
        self.0.place = Some(Place { file: name.to_owned().into(), line: None, column: None });
        self
    }

    /// As an error of a reader.
    pub fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }

    /// The refusal that an error of a reader carries, or the error itself.
    pub fn out_of(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }
}
