//! The vocabulary of Rollbook: the types that sources, sync rules, storage and functions share.
//!
//! | module | what it defines |
//! | --- | --- |
//! | [`id`], [`personal`] | ids, and personal data in types that cannot be printed |
//! | [`contact`] | validity and normalized form of e-mail addresses and phone numbers |
//! | [`records`] | what a source says and what the mirror holds, kind by kind |
//! | [`snapshot`] | the normalized form of everything a source shares at one moment |
//! | [`edit`] | changes that people make in the application, stored beside the mirror |
//! | [`change`], [`contract`] | what a plan consists of, and what a planner reads and writes |
//! | [`settings`], [`policy`] | a district's settings, presets included |
//! | [`finding`], [`report`], [`review`] | what a run tells people |
//! | [`rule`] | the ids of the rule book |
//! | [`district`], [`run`], [`schedule`] | states, their transitions, and the nightly schedule |
//!
//! Nothing here decides what a run does: that is the crate `rules`. This crate has no logic beyond
//! validation, and no I/O, async, clock, randomness or logging. Dates and ids are passed in.

pub mod change;
pub mod contact;
pub mod contract;
pub mod district;
pub mod edit;
pub mod finding;
pub mod id;
pub mod personal;
pub mod policy;
pub mod records;
pub mod report;
pub mod review;
pub mod rule;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod snapshot;
pub mod ulid;
