//! The rules as stories: the mirror before, the snapshot, and the plan. Each rule and each reading
//! has a test that is named after it. The module `world` explains the text format.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

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
#[path = "stories/guards.rs"]
mod guards;
#[path = "stories/holding.rs"]
mod holding;
#[path = "stories/identity.rs"]
mod identity;
#[path = "stories/mirror.rs"]
mod mirror;
#[path = "stories/narrow.rs"]
mod narrow;
#[path = "stories/people.rs"]
mod people;
#[path = "stories/review.rs"]
mod review;
#[path = "stories/years.rs"]
mod years;
