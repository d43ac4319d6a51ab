//! The formats of stored files, and the machinery that writes and reads them in bounded memory.
//!
//! | module | content |
//! | --- | --- |
//! | [`snapshot`], [`pulls`] | the source's data: snapshots, and the pages of a pull |
//! | [`plan`], [`report`] | the planned changes and the report of a run |
//! | [`copy`] | a local copy of a district's mirror, for a plan that reads it several times |
//! | [`scan`], [`samples`] | a page of a plan or of findings, a few records of a snapshot |
//! | [`blocks`], [`packed`], [`spool`], `streams`, `worker` | building blocks of the others |

pub mod blocks;
pub mod copy;
pub mod packed;
pub mod plan;
pub mod pulls;
pub mod report;
pub mod samples;
pub mod scan;
pub mod snapshot;
pub mod spool;
mod streams;
mod worker;
