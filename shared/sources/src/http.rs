//! Asking a source's server: one small trait. Its real form is there with the feature `client`;
//! tests have others.
//!
//! `asking` asks again where that helps, `pace` keeps to the rate limits that answers tell.

use std::future::Future;

pub(crate) mod asking;
#[cfg(feature = "client")]
mod client;
pub(crate) mod pace;

pub use asking::{Failing, PaginationError};

#[cfg(feature = "client")]
pub use client::HttpClient;
pub use pace::{Now, RealWait, Wait};
pub use roster::personal::Secret;

/// How a request says who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// `Authorization: Basic …`: user and password.
    Basic(String, Secret),
    /// `Authorization:` with this value: a signature, which is good for one request.
    Header(Secret),
}

/// A request for data: always a GET, for a roster is read and never written. Not printed: an
/// address may hold ids of people.
#[derive(Clone)]
pub struct Get {
    /// The whole address.
    pub url: String,
    /// Who asks.
    pub credential: Credential,
}

/// A form that asks for a token: the one thing that is posted.
#[derive(Clone)]
pub struct Form {
    /// The whole address.
    pub url: String,
    /// Who asks; none: the form says it.
    pub credential: Option<Credential>,
    /// The form, encoded.
    pub body: String,
}

/// An answer with a status, whatever that is. Not printed: its body is about people.
#[derive(Clone, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// How many requests are left in this window (`x-ratelimit-remaining`).
    pub remaining: Option<u64>,
    /// When the window ends, in Unix seconds (`x-ratelimit-reset`).
    pub reset: Option<i64>,
    /// Seconds to wait before asking again (`retry-after`).
    pub retry_after: Option<u64>,
    /// How many records the list has (`x-total-count`).
    pub total: Option<u64>,
    /// Where the next page is (`link`), as it was sent.
    pub link: Option<String>,
    /// What state of its data the server speaks of (`x-perm-rev`).
    pub revision: Option<String>,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Why there is no answer. No address and no text of the server stands in it: both may hold ids of
/// people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection, or it broke.
    #[error("the connection failed or was closed")]
    Connection,
    /// Nothing came in time.
    #[error("the request timed out")]
    TimedOut,
    /// The answer is longer than any page can be.
    #[error("the response is longer than {0} bytes")]
    TooLong(usize),
    /// The request cannot be made: a wrong address or header in the settings.
    #[error("the request cannot be sent; check the address in the settings")]
    Request,
}

/// Asks a server.
pub trait Http: Clone + Send + Sync + 'static {
    /// One request, no retry, no redirect followed: a token must not go to another host.
    fn get(&self, request: Get) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;
    /// Posts a form that asks for a token, likewise.
    fn post(&self, form: Form) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;
}

/// How a pull stands after some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// All pages are kept, and the data did not change while they were read, as far as the server
    /// lets anybody see.
    Whole,
    /// It is time to stop; the state says where to go on.
    Paused,
    /// The data changed meanwhile: the pages are of two states and must not be used together.
    Changed,
}

/// Whether a text is scheme and host of a server that may be given a token.
pub fn is_host(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://").filter(|host| is_here(host)));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']))
}

fn is_here(host: &str) -> bool {
    matches!(host.split(':').next(), Some("127.0.0.1" | "localhost"))
}
