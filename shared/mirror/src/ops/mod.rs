//! Operations that combine several ports. Each is safe to repeat after a crash.

pub mod apply;
pub mod edits;
pub mod erase;
pub mod importing;
pub mod requests;
