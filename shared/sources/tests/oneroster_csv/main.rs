//! OneRoster CSV: a test for every check, every kind of bad input, and every rule that a source is
//! involved in. Sets are small, invented, and changed in one place. Expectations are next to them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod archive;
mod causes;
mod defects;
mod delta;
mod encoding;
mod enrollments;
mod header;
mod manifest;
mod people;
mod properties;
mod references;
mod rows;
mod support;
mod unreadable;
mod valid;
mod values;
