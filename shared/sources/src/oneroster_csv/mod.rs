//! OneRoster CSV 1.1 and 1.2 (and 1.0 where the district allows it), as one zip or as the files of
//! a folder, bulk and delta.
//!
//! The way of a set: [`Package`] opens its files; `set` and `manifest` sort them and learn what
//! each claims to be; `feed` unpacks a file and `rows` splits it in one thread (`ahead`), while
//! `header` and `table` check it in another; one module a table (`orgs`, `sessions`, `classes`,
//! `users`, `roles`, `demographics`, `enrollments`) takes its rows into the one roster of all
//! sources ([`crate::intake`]), which writes the lines. There is no text of its own for any cell.
//!
//! A server's lists are the same tables ([`crate::oneroster_rest`]): from `reader` on nobody knows
//! where rows come from.
//!
//! Folding: tonight's set is read first and those before it after, as far back as needed; the first
//! row of an id that is met counts. A file is the whole truth, and ends the way back, if the
//! manifest calls it bulk and its rows do not say otherwise.
//!
//! # Where the checks are
//!
//! The numbers are those of the project's diagnostics on what validators check; the tests are named after
//! them.
//!
//! | checks | where |
//! | --- | --- |
//! | 1 | `zip_package`, `set` |
//! | 2, 8 to 11 | `set` |
//! | 3 to 7 | `manifest`, `set`; a version that contradicts the files: `import` |
//! | 12, 13, 19 to 21 | `feed`, `rows`, `table` |
//! | 14 to 18 | `header` |
//! | 22, 23, 29 | `table` |
//! | 24 to 27 | `take`, `repeats` |
//! | 28, 30 to 32 | `table`, `values` |
//! | 33 to 36, 38, 39 | the table's module |
//! | 37 | what an earlier set defined resolves, for sets are folded before references are looked up |
//! | 40, 41, 44, 45, 47 | `enrollments`, `classes` |
//! | 46 | `sessions` |
//! | 49 | `seats` |
//! | 42, 52, 55 | `roles`, `users`, `demographics` |
//! | 51, 53 | `values`, `phone`; addresses that two people share: the plan (R-I5) |
//! | 54 | `relationships` |
//! | 59 | `table`: it counts filled cells and looks no further |
//! | 43, 48, 50 | the plan: they depend on the day and on the policy (R-C4, R-T2, R-S1) |
//! | 56, 57, 58 | the plan: they compare with the mirror (R-H1) |

mod ahead;
mod classes;
mod demographics;
mod enrollments;
mod feed;
mod folder;
mod header;
mod import;
mod layout;
mod manifest;
mod orgs;
mod package;
mod reader;
mod repeats;
mod roles;
mod rows;
mod sessions;
mod set;
mod table;
mod take;
mod users;
mod zip_package;

use crate::intake::{
    assemble, collected, diagnostics, ids, phone, record_texts, unreadable, values,
};

pub(crate) use ahead::{RowBuilder, with_made};
pub(crate) use import::check_settings;
pub(crate) use layout::{FileKind, Version, layout};
pub(crate) use reader::{Reader, Tables, Work};
pub(crate) use set::Nature;
pub(crate) use table::Mode;

pub use folder::{FolderPackage, OpenNamed};
pub use import::{Described, Job, Progress, describe, import};
pub use package::{Package, PackagedFile, Refusal};
pub use zip_package::{Limits, OpenError, ZipPackage};
