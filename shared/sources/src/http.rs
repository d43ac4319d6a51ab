//! Asking a source's server: one small trait, with the real form here and others in tests.

use std::fmt;
use std::future::Future;
use std::time::Duration;

/// A secret that goes into a request's header and nowhere else: it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the header.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

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

/// The most bytes of one answer: Clever's largest page (10,000 records) is about 12 MB.
const LONGEST: usize = 64 * 1024 * 1024;

/// The real form.
#[derive(Clone, Debug)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    /// A client that gives a connection 10 seconds and an answer that stalls for 60 seconds up.
    ///
    /// # Errors
    /// If the machine has no usable TLS.
    pub fn new() -> Result<Self, NoAnswer> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rollbook/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|_| NoAnswer::Request)
    }
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        NoAnswer::TimedOut
    } else if error.is_builder() {
        NoAnswer::Request
    } else {
        NoAnswer::Connection
    }
}

impl Http for HttpClient {
    async fn get(&self, request: Get) -> Result<Answer, NoAnswer> {
        let get = self.0.get(&request.url);
        let get = match &request.credential {
            Credential::Bearer(token) => get.bearer_auth(token.reveal()),
            Credential::Basic(user, password) => get.basic_auth(user, Some(password.reveal())),
        };
        let mut response = get.send().await.map_err(|error| no_answer(&error))?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let count = |name: &str| header(name).and_then(|value| u64::try_from(value).ok());
        let mut answer = Answer {
            status: response.status().as_u16(),
            remaining: count("x-ratelimit-remaining"),
            reset: header("x-ratelimit-reset"),
            retry_after: count("retry-after"),
            body: Vec::new(),
        };
        while let Some(bytes) = response.chunk().await.map_err(|error| no_answer(&error))? {
            if answer.body.len() + bytes.len() > LONGEST {
                return Err(NoAnswer::TooLong(LONGEST));
            }
            answer.body.extend_from_slice(&bytes);
        }
        Ok(answer)
    }
}
