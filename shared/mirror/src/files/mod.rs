//! The formats of stored files, and the machinery that writes and reads them in bounded memory.
//!
//! | module | what it stores |
//! | --- | --- |
//! | [`snapshot`], [`pulls`] | what a source shares: the finished snapshot, the pages of a pull |
//! | [`plan`], [`report`] | what a run does and did |
//! | [`copy`] | a local copy of a district's mirror, for a plan that reads it several times |
//! | [`scan`], [`samples`] | a page of a plan or of findings, a few records of a snapshot |
//! | [`blocks`], [`packed`], [`spool`], `streams`, `worker` | what the others are built on |

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
