//! OneRoster over REST, 1.1 and 1.2: any student information system's server, and ClassLink's proxy
//! to those of its districts.
//!
//! `pull` reads all lists page by page and keeps each page, so that it can stop at any page and go
//! on; `page` understands the envelope; `access` says who asks (a token that does not change, OAuth
//! 2, OAuth 1.0a in `signature`). `rows` turns a server's objects into rows of the tables that
//! [`crate::oneroster_csv`] reads, and `feed` has them read there: one validation, one set of
//! findings. A finding names the list (`users`) where one of a file would name the file, and the
//! object's number in it where one of a file would name the line; columns have the names that they
//! have in files.

mod access;
mod api;
mod feed;
#[cfg(any(test, feature = "test-support"))]
pub mod memory;
mod page;
mod pull;
mod rows;
mod scrub;
mod signature;

pub use crate::http::Pulled;
pub use access::Access;
pub(crate) use api::may_be_hours;
pub use api::{Api, BadSetting};
pub use feed::{Base, Job, StagedPages, import};
pub use pull::{Client, Pages, Progress, PullError, PullState, Resource};
pub use scrub::Scrub;
