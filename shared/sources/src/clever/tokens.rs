//! The token list: the authority on the districts that have connected the application.

use serde::Deserialize;

use super::page::{Link, is_id, next_of};
use crate::http::pace::Window;
use crate::http::retry::{self, RequestError};
use crate::http::{Credential, Failing, Get, Http, Now, PaginationError, Secret, Wait};

/// A district that has connected the application. It may share no data yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The district's id at Clever.
    pub district: String,
    /// The district's current token.
    pub token: Secret,
}

/// Why the list could not be read. Says nothing about any district.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// Clever rejected the application's credentials.
    #[error(
        "Clever refused the application's client id and secret ({0}): \
         check the secret in Secrets Manager"
    )]
    Refused(u16),
    /// Clever failed repeatedly.
    #[error("the token list could not be read after {tries} tries ({last})")]
    Down {
        /// The number of tries.
        tries: u32,
        /// The last failure.
        last: Failing,
    },
    /// A page is not valid.
    #[error("a page of the token list is not valid")]
    Page,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    owner: Option<Owner>,
    #[serde(default)]
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    id: String,
}

/// The maximum number of pages. The real list was never seen to have more than one.
const MAX_PAGES: usize = 1000;

const PATH: &str = "/oauth/tokens?owner_type=district";

/// Reads the token list.
#[derive(Clone)]
pub struct TokenList<H, W> {
    /// The HTTP client.
    pub http: H,
    /// Pauses between requests.
    pub wait: W,
    /// The clock.
    pub now: Now,
    /// Scheme and host of the list, `https://clever.com`.
    pub host: String,
}

impl<H: Http, W: Wait> TokenList<H, W> {
    /// Returns the connected districts, sorted by id: all of them, or only `district`.
    ///
    /// # Errors
    /// If any page cannot be read: an incomplete list would make districts look disconnected.
    pub async fn connected(
        &self,
        client: &str,
        secret: &Secret,
        district: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Connected>, TokensError> {
        let mut path =
            district.map_or_else(|| PATH.to_owned(), |id| format!("{PATH}&district={id}"));
        let mut all = Vec::new();
        let mut seen = Vec::new();
        loop {
            let list = self.token_page(client, secret, &path, rng).await?;
            for entry in list.data {
                let (Some(owner), Some(token)) = (entry.owner, entry.access_token) else {
                    continue;
                };
                if owner.kind == "district" && is_id(&owner.id) && !token.is_empty() {
                    all.push(Connected { district: owner.id, token: Secret::new(token) });
                }
            }
            let Some(next) = next_of(list.links) else { break };
            seen.push(std::mem::replace(&mut path, next));
            if !path.starts_with("/oauth/tokens?")
                || seen.contains(&path)
                || seen.len() >= MAX_PAGES
            {
                return Err(TokensError::Page);
            }
        }
        all.sort_by(|a, b| a.district.cmp(&b.district));
        all.dedup_by(|a, b| a.district == b.district);
        Ok(all)
    }

    async fn token_page(
        &self,
        client: &str,
        secret: &Secret,
        path: &str,
        rng: &mut fastrand::Rng,
    ) -> Result<List, TokensError> {
        let request = Get {
            url: format!("{}{path}", self.host),
            credential: Credential::Basic(client.to_owned(), secret.clone()),
        };
        let read =
            |body: &[u8]| serde_json::from_slice(body).map_err(|_| PaginationError::NotAPage);
        let response = retry::send(
            (&self.http, &self.wait, &self.now),
            &Window::default(),
            &request,
            rng,
            read,
        )
        .await;
        response.map(|(_, list)| list).map_err(|error| match error {
            RequestError::Refused(status) => TokensError::Refused(status),
            RequestError::Page(_) => TokensError::Page,
            RequestError::Down { tries, last } => TokensError::Down { tries, last },
        })
    }
}
