//! Requests to a source's server, through the trait [`Http`]. The feature `client` adds the
//! implementation for real servers; tests have their own.
//!
//! `retry` repeats requests that may succeed later, `pace` keeps to the servers' rate limits.

use std::future::Future;

#[cfg(feature = "client")]
mod client;
pub(crate) mod pace;
pub(crate) mod retry;

#[cfg(feature = "client")]
pub use client::HttpClient;
pub use pace::{Now, RealWait, Wait};
pub use retry::{Failing, PaginationError};
pub use roster::personal::Secret;

/// The credentials of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// `Authorization: Basic …`: user and password.
    Basic(String, Secret),
    /// `Authorization:` with this value: a signature, which is valid for one request.
    Header(Secret),
}

/// A request for data: always a GET, because a roster is never written to a source. Not printable:
/// a URL may contain ids of people.
#[derive(Clone)]
pub struct Get {
    /// The URL.
    pub url: String,
    /// The credentials.
    pub credential: Credential,
}

/// A token request: the only form that is posted.
#[derive(Clone)]
pub struct Form {
    /// The URL.
    pub url: String,
    /// The credentials. `None`: they are in the form.
    pub credential: Option<Credential>,
    /// The form, encoded.
    pub body: String,
}

/// A response with any status. Not printable: its body is about people.
#[derive(Clone, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The number of requests left in this rate limit window (`x-ratelimit-remaining`).
    pub remaining: Option<u64>,
    /// When the window ends, in Unix seconds (`x-ratelimit-reset`).
    pub reset: Option<i64>,
    /// Seconds to wait before the next try (`retry-after`).
    pub retry_after: Option<u64>,
    /// The number of records in the list (`x-total-count`).
    pub total: Option<u64>,
    /// The link to the next page (`link`), unchanged.
    pub link: Option<String>,
    /// The revision of the server's data (`x-perm-rev`).
    pub revision: Option<String>,
    /// The complete body.
    pub body: Vec<u8>,
}

/// Why there is no response. Contains neither the URL nor the server's text, because both may
/// include ids of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The connection failed or was closed.
    #[error("the connection failed or was closed")]
    Connection,
    /// The request timed out.
    #[error("the request timed out")]
    TimedOut,
    /// The response is longer than any page can be.
    #[error("the response is longer than {0} bytes")]
    TooLong(usize),
    /// The request cannot be sent: an address or header in the settings is invalid.
    #[error("the request cannot be sent; check the address in the settings")]
    Request,
}

/// Sends requests.
pub trait Http: Clone + Send + Sync + 'static {
    /// Sends one request, without retries. Redirects are not followed: a token must not be sent to
    /// another host.
    fn get(&self, request: Get) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;
    /// Sends one token request, in the same way.
    fn post(&self, form: Form) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;
}

/// How far a pull got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// All pages are stored, and no change of the data was detected while they were read.
    Whole,
    /// Time was up; the state records where to continue.
    Paused,
    /// The data changed meanwhile: the pages are of two versions and must not be used together.
    Changed,
}

/// Whether a text is scheme and host of a server to which a token may be sent.
pub fn is_host(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://").filter(|host| is_local(host)));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']))
}

fn is_local(host: &str) -> bool {
    matches!(host.split(':').next(), Some("127.0.0.1" | "localhost"))
}
