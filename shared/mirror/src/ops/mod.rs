//! Operations that combine several ports. Each is safe to repeat after a crash.

mod addresses;
pub mod apply;
pub mod edits;
pub mod erase;
pub mod importing;
pub mod requests;
