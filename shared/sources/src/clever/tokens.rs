//! The token list: who has connected the application, by the only list that says so.

use serde::Deserialize;

use super::page::{Link, is_id, next_of};
use crate::http::asking::{self, Unanswered};
use crate::http::pace::Window;
use crate::http::{Credential, Failing, Get, Http, Now, PaginationError, Secret, Wait};

/// A district that has connected the application. That it shares data is not said by this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The district's id at Clever.
    pub district: String,
    /// Its token of today.
    pub token: Secret,
}

/// Why the list could not be read. Nothing follows from it about any district.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// The application's own credentials are wrong.
    #[error(
        "Clever refused the application's client id and secret ({0}): check the secret in Secrets Manager"
    )]
    Refused(u16),
    /// Clever fails.
    #[error("the token list could not be read after {tries} tries ({last})")]
    Down {
        /// How often it was tried.
        tries: u32,
        /// How it failed last.
        last: Failing,
    },
    /// A page of it leads nowhere.
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

/// Pages of the list that are followed at most; it was never seen to have more than one.
const PAGES: usize = 1000;

const PATH: &str = "/oauth/tokens?owner_type=district";

/// Reads the token list.
#[derive(Clone)]
pub struct TokenList<H, W> {
    /// Requests.
    pub http: H,
    /// Waiting.
    pub wait: W,
    /// The time.
    pub now: Now,
    /// Scheme and host of the list, `https://clever.com`.
    pub host: String,
}

impl<H: Http, W: Wait> TokenList<H, W> {
    /// The districts that are connected, all or the one that is asked for, in the order of their
    /// ids.
    ///
    /// # Errors
    /// If any page is missing: half a list would say of districts that they are gone.
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
            if !path.starts_with("/oauth/tokens?") || seen.contains(&path) || seen.len() >= PAGES {
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
        let asked = asking::ask(
            (&self.http, &self.wait, &self.now),
            &Window::default(),
            &request,
            rng,
            read,
        )
        .await;
        asked.map(|(_, list)| list).map_err(|unanswered| match unanswered {
            Unanswered::Refused(status) => TokensError::Refused(status),
            Unanswered::Page(_) => TokensError::Page,
            Unanswered::Down { tries, last } => TokensError::Down { tries, last },
        })
    }
}
