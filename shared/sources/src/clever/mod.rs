//! Clever's Data API, version 3: users with roles, sections with their people, courses, terms, schools.
//!
//! `pull` reads all lists page by page and keeps each page as it was sent, so that it can stop at any page and go on; `page` understands the envelope
//! and refuses a link that leads elsewhere or back; `asking` asks again where that helps, `pace` keeps to the rate limit; `tokens` reads who is connected. `objects` are Clever's records
//! as far as a roster needs them; `feed` puts those of staged pages into the one roster of all sources (`places`, `people`, `sections`).

mod asking;
mod feed;
pub mod memory;
mod objects;
mod pace;
mod page;
mod people;
mod places;
mod pull;
mod sections;
mod tokens;

pub use crate::intake::{ImportError, Refused, Staged};
pub use asking::Failing;
pub use feed::{Import, Job, StagedPages, import};
pub use pace::{Now, RealWait, Wait};
pub use page::{PageFault, without_demographics};
pub use pull::{
    Api, BadSetting, Client, DataMark, Frozen, Pages, Progress, PullError, PullState, Pulled, Resource, Seen, is_host,
};
pub use tokens::{Connected, TokenList, TokensError};
