//! The vocabulary of Rollbook: the types that sources, sync rules, storage and functions share.
//!
//! ```text
//!        settings, policy            edit: changes that people make here
//!               │                                  │
//!   source ─► records + finding ─► snapshot ──► change ──► mirror ─► effective roster
//!                                     │        (a plan)
//!                                     └─ contract: what the planner reads and writes
//!
//!   district: notified ─► configured ─► in_review ─► live ◄─► paused
//!   run:      importing ─► staged ─► planning ─► applying ─► applied
//!                                        └─► held ─► planning (approved), rejected, replaced
//! ```
//!
//! | module | what it defines |
//! | --- | --- |
//! | [`id`], [`personal`] | ids, and personal data in types that cannot be printed |
//! | [`contact`] | validity and normalized form of e-mail addresses and phone numbers |
//! | [`records`] | the records of a source and of the mirror, by kind |
//! | [`snapshot`] | the files and the manifest of everything that a source shares at one moment |
//! | [`edit`] | local edits: changes that people make here, stored beside the mirror |
//! | [`change`], [`outcome`], [`withheld`], [`contract`] | the content of a plan, what it leaves out, and the interfaces of the planner |
//! | [`settings`], [`policy`], [`schedule`] | a district's settings, with presets; see `SETTINGS.md` |
//! | [`finding`], [`report`], [`verdict`], [`review`] | what a run reports to people; see `FINDINGS.md` |
//! | [`rule`] | the ids of the rule book |
//! | [`district`], [`run`] | statuses and states, and the steps between them |
//!
//! This crate does not decide what a run does: that is the crate `rules`. It has no logic beyond
//! validation, and no I/O, async, clock, randomness or logging. Dates and ids are passed in.

pub mod change;
pub mod contact;
pub mod contract;
pub mod district;
pub mod edit;
pub mod finding;
pub mod id;
pub mod outcome;
pub mod personal;
pub mod policy;
pub mod records;
pub mod report;
pub mod review;
pub mod rule;
pub mod run;
pub mod schedule;
pub mod setting;
pub mod settings;
pub mod snapshot;
pub mod ulid;
pub mod verdict;
pub mod withheld;
