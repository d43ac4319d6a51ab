//! A set of files in a folder.

use std::io::{self, Read};

use super::package::{Package, PackagedFile};

/// Opens the files of a folder by name, for example objects of a bucket.
pub trait OpenNamed: Send {
    /// Opens a file at its start.
    fn open(&mut self, name: &str) -> io::Result<Box<dyn Read + '_>>;
}

/// The files of a folder.
#[derive(Debug)]
pub struct FolderPackage<O> {
    files: Vec<PackagedFile>,
    opener: O,
}

impl<O: OpenNamed> FolderPackage<O> {
    /// Creates a package. The names of `files` do not include the folder's name.
    pub fn new(files: Vec<PackagedFile>, opener: O) -> Self {
        Self { files, opener }
    }
}

impl<O: OpenNamed> Package for FolderPackage<O> {
    fn files(&self) -> &[PackagedFile] {
        &self.files
    }

    fn open(&mut self, index: usize) -> io::Result<Box<dyn Read + '_>> {
        let name = &self.files.get(index).ok_or(io::ErrorKind::NotFound)?.name;
        self.opener.open(name)
    }
}
