//! Test doubles of every port: in memory, and failing on cue (feature `test-support`).

pub mod failing;
pub mod memory;
