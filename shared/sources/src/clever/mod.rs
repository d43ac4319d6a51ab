//! Clever's Data API, version 3: users with roles, sections with their people, courses, terms, schools.
//!
//! `pull` reads all lists page by page and keeps each page as it was sent, so that it can stop at any page and go on; `page` understands the envelope
//! and refuses a link that leads elsewhere or back; `pace` keeps to the rate limit; `tokens` reads who is connected; `objects` are Clever's
//! records as far as a roster needs them.

mod objects;
mod pace;
mod page;
mod pull;
mod tokens;

pub use pace::{Now, RealWait, Wait};
pub use page::{Item, Page, PageFault, is_id};
pub use pull::{Api, Client, DataMark, Failing, Pages, Progress, PullError, PullState, Pulled, Resource, Seen};
pub use tokens::{Connected, TokensError};
