//! Clever's Data API, version 3: users with roles, sections with their people, courses, terms,
//! schools.
//!
//! `pull` reads all lists page by page and keeps each page as it was sent, so that it can stop at
//! any page and go on; `page` understands the envelope and refuses a link that leads elsewhere or
//! back; `tokens` reads who is connected. `objects` are Clever's records as far as a roster needs
//! them; `feed` puts those of staged pages into the one roster of all sources (`places`, `people`,
//! `sections`).

mod feed;
#[cfg(any(test, feature = "test-support"))]
pub mod memory;
mod objects;
mod page;
mod people;
mod places;
mod pull;
mod sections;
mod tokens;

pub use crate::http::{Failing, Now, PaginationError, Pulled, RealWait, Wait, is_host};
pub use feed::{Job, StagedPages, import};
pub use page::without_demographics;
pub use pull::{
    Api, BadSetting, Client, DataMark, Frozen, Pages, Progress, PullError, PullState, Resource,
    Seen,
};
pub use tokens::{Connected, TokenList, TokensError};
