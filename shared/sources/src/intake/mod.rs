//! The roster that every source fills, and the writer of snapshot lines.
//!
//! | module | what it does |
//! | --- | --- |
//! | `collected` | defines the roster: records, roles, enrollments, and what was lost |
//! | `ids`, `texts`, `record_texts` | store each id once, and all texts in one arena |
//! | `values`, `phone`, `demographics` | parse the values of cells and fields |
//! | `assemble` | joins and sorts: `memberships` (enrollments), `relationships`, `index` |
//! | `emit`, `json`, `prefetch` | write the lines of records |
//! | `missing` | reports records to which others refer although they were not sent |
//! | `unreadable` | writes the lines of unreadable records |
//! | `diagnostics` | collects findings and writes their lines |
//!
//! Every check that can refuse a source's data runs before the first record is written (R-H3).

pub(crate) mod assemble;
pub(crate) mod collected;
pub(crate) mod demographics;
pub(crate) mod diagnostics;
mod emit;
pub(crate) mod ids;
mod index;
mod json;
mod memberships;
pub(crate) mod missing;
pub(crate) mod phone;
mod prefetch;
pub(crate) mod record_texts;
mod relationships;
mod texts;
pub(crate) mod unreadable;
pub(crate) mod values;
