//! Asking a source's server: one small trait. Its real form is there with the feature `client`; tests have others.

use std::future::Future;

#[cfg(feature = "client")]
mod client;

#[cfg(feature = "client")]
pub use client::HttpClient;
pub use rules::personal::Secret;

/// How a request says who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// `Authorization: Basic …`: user and password.
    Basic(String, Secret),
}

/// A request: always a GET, for a roster is read and never written. Not printed: an address may hold ids of people.
#[derive(Clone)]
pub struct Get {
    /// The whole address.
    pub url: String,
    /// Who asks.
    pub credential: Credential,
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
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Why there is no answer. No address and no text of the server stands in it: both may hold ids of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection, or it broke.
    #[error("the connection failed or broke off")]
    Connection,
    /// Nothing came in time.
    #[error("no answer came in time")]
    TimedOut,
    /// The answer is longer than any page can be.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The request cannot be made: a wrong address or header in the settings.
    #[error("the request cannot be made; look at the address in the settings")]
    Request,
}

/// Asks a server.
pub trait Http: Clone + Send + Sync + 'static {
    /// One request, no retry, no redirect followed: a token must not go to another host.
    fn get(&self, request: Get) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;
}
