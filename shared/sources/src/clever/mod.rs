//! Clever's Data API, version 3: users with roles, sections with their people, courses, terms,
//! schools.
//!
//! `pull` reads all lists page by page and stores each page unchanged, so that it can stop after
//! any page and continue later. `page` parses the envelope and rejects links to other addresses or
//! to earlier pages. `tokens` reads the list of connected districts. `objects` are Clever's
//! records, reduced to the fields that a roster needs. `import` makes a snapshot of staged pages:
//! it passes each object to `places`, `people` or `sections`, which add it to the state in `feed`.

mod feed;
mod import;
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
pub use import::{Job, StagedPages, import};
pub use page::without_demographics;
pub use pull::{
    Api, BadSetting, Client, DataVersion, DistrictRecord, Frozen, Pages, Progress, PullError,
    PullState, Resource,
};
pub use tokens::{Connected, TokenList, TokensError};
