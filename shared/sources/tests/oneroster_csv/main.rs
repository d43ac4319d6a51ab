//! OneRoster CSV: one test for every check of the project's diagnostics, every bad input and every rule
//! that a source has a part in. Sets are small, invented, and changed in one place; what is
//! expected stands beside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod archive;
mod defects;
mod delta;
mod encoding;
mod enrollments;
mod gaps;
mod header;
mod manifest;
mod people;
mod properties;
mod references;
mod rows;
mod support;
mod valid;
mod values;
