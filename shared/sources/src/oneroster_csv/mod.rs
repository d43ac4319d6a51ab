//! OneRoster CSV 1.1 and 1.2 (and 1.0 where the district allows it), as one zip or as the files of a folder, bulk and delta.

mod assemble;
mod classes;
mod demographics;
mod emit;
mod enrollments;
mod feed;
mod folder;
mod gaps;
mod header;
mod ids;
mod import;
mod index;
mod json;
mod kin;
mod layout;
mod manifest;
mod notes;
mod orgs;
mod package;
mod phone;
mod repeats;
mod roles;
mod roster;
mod rows;
mod seats;
mod sessions;
mod set;
mod table;
mod texts;
mod users;
mod values;
mod zip_package;

pub use folder::{FolderPackage, OpenNamed};
pub use import::{Described, Import, ImportError, Job, Progress, Refused, Staged, describe, import};
pub use package::{Package, PackagedFile, Refusal};
pub use zip_package::{Limits, OpenError, ZipPackage};
