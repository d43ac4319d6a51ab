//! OneRoster CSV 1.1 and 1.2 (and 1.0 where the district allows it), as one zip or as the files of a folder, bulk and delta.

mod folder;
mod import;
mod package;
mod zip_package;

pub use folder::{FolderPackage, OpenNamed};
pub use import::{Described, Import, ImportError, Job, Progress, Refused, Staged, describe, import};
pub use package::{Package, PackagedFile, Refusal};
pub use zip_package::{Limits, OpenError, ZipPackage};
