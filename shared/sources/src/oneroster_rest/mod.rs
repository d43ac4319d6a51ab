//! OneRoster over REST, 1.1 and 1.2: servers of student information systems, and ClassLink's proxy.
//!
//! `pull` reads all lists page by page and stores each page, so that it can stop after any page and
//! continue later; `progress` records how far it got. `page` parses the envelope. `access` adds the
//! credentials (a fixed token, OAuth 2, or OAuth 1.0a in `signature`). `rows` converts a server's
//! objects to rows of the tables that [`crate::oneroster_csv`] reads, and `feed` passes them there:
//! both kinds of sources have the same validation and the same findings. A finding has the list
//! (`users`) in place of the file, and the object's number in place of the line. Columns have the
//! same names as in files.

mod access;
mod api;
mod feed;
#[cfg(any(test, feature = "test-support"))]
pub mod memory;
mod page;
mod progress;
mod pull;
mod resource;
mod rows;
mod scrub;
mod signature;

pub use crate::http::Pulled;
pub use access::Access;
pub(crate) use api::is_valid_interval;
pub use api::{Api, BadSetting};
pub use feed::{Base, Job, StagedPages, import};
pub use progress::{Progress, PullState};
pub use pull::{Client, Pages, PullError};
pub use resource::Resource;
pub use scrub::Scrub;
