//! OneRoster CSV 1.1 and 1.2 (and 1.0 where the district allows it), as one zip or as the files of
//! a folder, bulk and delta.
//!
//! | step | modules |
//! | --- | --- |
//! | open the files of a set | [`Package`]: `zip_package`, `folder` |
//! | sort the files, read what the manifest says of each | `set`, `manifest`, `layout` |
//! | unpack a file and split it into rows, on one thread | `feed`, `rows`, `ahead` |
//! | check all headers before the first row | `preview`, `header` |
//! | validate rows and cells, on another thread | `header`, `table`, `row` |
//! | put the rows of each table into the roster | `take`, `repeats`; `orgs`, `sessions`, `classes`, `users`, `roles`, `demographics`, `enrollments` |
//! | recognize causes of many findings | `containers`, `header_names`, `causes` |
//! | write the snapshot | `crate::intake` |
//!
//! No cell has an allocation of its own on the way.
//!
//! A server's lists are the same tables ([`crate::oneroster_rest`]). `reader` and the modules after
//! it do not depend on where rows come from.
//!
//! Delta sets: the newest set is read first, then earlier ones as far back as needed. The first row
//! of an id counts. A file is complete, and ends the search in earlier sets, if the manifest marks
//! it as bulk and its rows do not contradict that.
//!
//! # Where the checks are
//!
//! The numbers are those of `CHECKS.md`; the tests are named after them.
//!
//! | checks | where |
//! | --- | --- |
//! | 1 | `zip_package`, `set` |
//! | 2, 8 to 11 | `set` |
//! | 3 to 7 | `manifest`, `set`; a version that contradicts the files: `import` |
//! | 12, 13, 19 to 21 | `feed`, `rows`, `table` |
//! | 14 to 18 | `header` |
//! | 22, 23, 29 | `table`, `row` |
//! | 24 to 27 | `take`, `repeats` |
//! | 28, 30 to 32 | `row`, `values` |
//! | 33 to 36, 38, 39 | the table's module |
//! | 37 | resolved by design: all sets are read before references are looked up |
//! | 40, 41, 44, 45, 47 | `enrollments`, `classes` |
//! | 46 | `sessions` |
//! | 49 | `memberships` |
//! | 42, 52, 55 | `roles`, `users`, `demographics` |
//! | 51, 53 | `roster::contact`, `phone`; addresses that two people share: the plan (R-I5) |
//! | 54 | `relationships` |
//! | 59 | `table`: it only counts filled cells |
//! | 43, 48, 50 | the plan: they depend on the day and on the policy (R-C4, R-T2, R-S1) |
//! | 56, 57, 58 | the plan: they compare with the mirror (R-H1) |

mod ahead;
mod causes;
mod classes;
mod containers;
mod demographics;
mod enrollments;
mod feed;
mod folder;
mod header;
mod header_names;
mod import;
mod layout;
mod manifest;
mod orgs;
mod package;
mod preview;
mod progress;
mod reader;
mod repeats;
mod roles;
mod row;
mod rows;
mod sessions;
mod set;
mod table;
mod take;
mod users;
mod zip_package;

use crate::intake::{
    assemble, collected, diagnostics, ids, missing, phone, record_texts, unreadable, values,
};

pub(crate) use ahead::{RowBuilder, with_made};
pub(crate) use import::check_settings;
pub(crate) use layout::{FileKind, Version, layout};
pub(crate) use reader::{Reader, Tables, Work};
pub(crate) use set::Nature;
pub(crate) use table::Mode;

pub use folder::{FolderPackage, OpenNamed};
pub use import::{Described, Job, describe, import};
pub use package::{Package, PackagedFile, Refusal};
pub use progress::Progress;
pub use zip_package::{Limits, OpenError, ZipPackage};
