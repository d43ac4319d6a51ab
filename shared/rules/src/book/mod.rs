//! The rule book as code: one file per chapter of RULES.md.
//!
//! Each function takes a few facts and returns the decision with its rule and its reason. Engine,
//! undo, explanations and API call the same functions, so that they cannot disagree.

pub mod edits;
pub(crate) mod holds;
