//! The sync rules of Rollbook, and nothing else.
//!
//! A *snapshot* (what a district's student information system shares tonight) and the *mirror* (our
//! copy of it) go in; a *plan* comes out: every change with its before, its after, and the rule
//! that requires it.
//!
//! ```text
//!  snapshot ─┐
//!  mirror ───┼─> index pass ──> facts ──> decide pass ──> guards ──> plan
//!  edits ────┘   (engine/index)           (engine/decide) (R-H1)     changes, findings,
//!                     │                        │                     counts, holds
//!                     └──── book/: the rules ──┘
//! ```
//!
//! The engine reads each sequence twice and keeps no records in memory. The index pass gathers the
//! facts that cross records: which account a record is, who is active, which classes are active.
//! The decide pass decides each record's next state from its own record, its own past and these
//! facts. Both call the functions in [`book`], which decide what a rule says about one record.
//!
//! | chapter of `RULES.md` | file |
//! | --- | --- |
//! | R-M7, R-M8 demographics and groups | [`book::groups`] |
//! | R-S students | [`book::students`] |
//! | R-T teachers and co-teachers | [`book::teachers`] |
//! | R-C classes | [`book::classes`] |
//! | R-G guardians | [`book::guardians`] |
//! | R-A absence | [`book::absence`] |
//! | R-I identity | [`book::identity`] |
//! | R-P pins | [`book::pins`] |
//! | R-M2, R-S4, R-T3, R-T4 local edits | [`book::edits`] |
//! | R-H holds | [`book::holds`] |
//! | R-X explaining | [`explain`](mod@explain) |
//!
//! [`engine::plan`] makes a plan, [`undo`] makes the plan that takes a run back, [`effective`]
//! combines the mirror with the local edits, and [`explain`](mod@explain) explains why a record is
//! not in the roster. `examples/plan_a_night.rs` makes a plan in memory.
//!
//! This crate is pure: no input or output, no async, no clock, no randomness, no logging. Dates and
//! ids are arguments, so that any run can be repeated exactly.

pub mod book;
pub mod effective;
pub mod engine;
pub mod explain;
mod review;
pub mod undo;
