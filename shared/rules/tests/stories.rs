//! The rules as stories: last night's mirror, tonight's source, and what the plan does. One test a
//! rule and reading, named after it.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed the test")]

mod world;

#[path = "stories/classes.rs"]
mod classes;
#[path = "stories/edits.rs"]
mod edits;
#[path = "stories/effective.rs"]
mod effective;
#[path = "stories/gone.rs"]
mod gone;
#[path = "stories/guardians.rs"]
mod guardians;
#[path = "stories/holding.rs"]
mod holding;
#[path = "stories/identity.rs"]
mod identity;
#[path = "stories/mirror.rs"]
mod mirror;
#[path = "stories/people.rs"]
mod people;
#[path = "stories/review.rs"]
mod review;
