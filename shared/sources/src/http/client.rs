//! The client for real servers, based on reqwest.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

use super::{Answer, Credential, Form, Get, Http, NoAnswer};

/// The maximum length of a response in bytes. Clever's largest page (10,000 records) is about 12
/// MB.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The client for real servers.
#[derive(Clone, Debug)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    /// Returns a client that allows 10 seconds for a connection and 60 seconds without data.
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
        answer(with(self.0.get(&request.url), &request.credential)).await
    }

    async fn post(&self, form: Form) -> Result<Answer, NoAnswer> {
        let post = self
            .0
            .post(&form.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.body);
        answer(match &form.credential {
            Some(credential) => with(post, credential),
            None => post,
        })
        .await
    }
}

fn with(request: reqwest::RequestBuilder, credential: &Credential) -> reqwest::RequestBuilder {
    match credential {
        Credential::Bearer(token) => request.bearer_auth(token.reveal()),
        Credential::Basic(user, password) => request.basic_auth(user, Some(password.reveal())),
        Credential::Header(value) => request.header(AUTHORIZATION, value.reveal()),
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, NoAnswer> {
    let mut response = request.send().await.map_err(|error| no_answer(&error))?;
    let text = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.trim().to_owned());
    let header = |name: &str| text(name)?.parse::<i64>().ok();
    let count = |name: &str| header(name).and_then(|value| u64::try_from(value).ok());
    let mut answer = Answer {
        status: response.status().as_u16(),
        remaining: count("x-ratelimit-remaining"),
        reset: header("x-ratelimit-reset"),
        retry_after: count("retry-after"),
        total: count("x-total-count"),
        link: text("link"),
        revision: text("x-perm-rev"),
        body: Vec::new(),
    };
    while let Some(bytes) = response.chunk().await.map_err(|error| no_answer(&error))? {
        if answer.body.len() + bytes.len() > MAX_BODY {
            return Err(NoAnswer::TooLong(MAX_BODY));
        }
        answer.body.extend_from_slice(&bytes);
    }
    Ok(answer)
}
