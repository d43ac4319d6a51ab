//! Credentials of requests: a fixed token, a token from a token endpoint, or a signature.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use roster::settings::{OneRoster, OneRosterVersion, SignIn};
use serde::Deserialize;

use super::signature::{Consumer, escape};
use crate::http::pace::{self, TRIES};
use crate::http::{Credential, Failing, Form, Http, NoAnswer, Now, PaginationError, Secret, Wait};

/// The scopes of OneRoster 1.2 for reading rosters, with and without demographics (OneRoster 1.2
/// rostering, security).
const SCOPES: [&str; 2] = [
    "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly \
     https://purl.imsglobal.org/spec/or/v1p2/scope/roster-demographics.readonly",
    "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly",
];

/// A token is replaced this long before it expires.
const SPARE: Duration = Duration::from_secs(60);

/// The lifetime in seconds of a token whose response has none.
const LIFE: i64 = 3600;

/// Credentials of a server. Not printable.
#[derive(Clone)]
pub struct Access(Kind);

#[derive(Clone)]
enum Kind {
    Bearer(Secret),
    Oauth1(Consumer),
    Oauth2(Grant),
}

/// Credentials for a token endpoint (OAuth 2).
#[derive(Clone)]
struct Grant {
    url: String,
    client: String,
    secret: Secret,
    /// The scopes to request, until one is granted.
    scopes: Vec<String>,
    /// The token, and when it is replaced.
    token: Arc<Mutex<Option<(Secret, Timestamp)>>>,
}

#[derive(Deserialize)]
struct Credentials {
    client_id: String,
    client_secret: String,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    #[serde(default)]
    expires_in: Option<i64>,
}

/// Why there is no token.
pub(super) enum TokenError {
    /// The endpoint rejected the credentials.
    Refused,
    /// The endpoint failed.
    Down { tries: u32, last: Failing },
}

impl Access {
    /// Returns credentials with a fixed token.
    pub fn bearer(token: Secret) -> Self {
        Self(Kind::Bearer(token))
    }

    /// Reads the settings and the secret that they name. Returns `None` if the secret does not have
    /// the required form.
    pub fn of(settings: &OneRoster, secret: &Secret) -> Option<Self> {
        if settings.sign_in == SignIn::Bearer {
            let token = secret.reveal().trim();
            let is_token = !token.is_empty() && token.bytes().all(|c| c.is_ascii_graphic());
            return is_token.then(|| Self::bearer(Secret::new(token)));
        }
        // The error of serde could quote the secret, so it is not reported.
        let Credentials { client_id, client_secret } =
            serde_json::from_str(secret.reveal()).ok()?;
        let client_secret = Secret::new(client_secret);
        let consumer =
            |sha1| Consumer { key: client_id.clone(), secret: client_secret.clone(), sha1 };
        Some(Self(match settings.sign_in {
            SignIn::Oauth1Sha256 => Kind::Oauth1(consumer(false)),
            SignIn::Oauth1Sha1 => Kind::Oauth1(consumer(true)),
            SignIn::Bearer | SignIn::Oauth2 => {
                let scopes = match (&settings.scope, settings.version) {
                    (Some(scope), _) => vec![scope.clone()],
                    (None, OneRosterVersion::V1p2) => SCOPES.map(str::to_owned).to_vec(),
                    // OneRoster 1.1 defines no scopes; each server documents its own.
                    (None, OneRosterVersion::V1p1) => vec![String::new()],
                };
                let url = settings.token_url.clone()?;
                Kind::Oauth2(Grant {
                    url,
                    client: client_id,
                    secret: client_secret,
                    scopes,
                    token: Arc::default(),
                })
            }
        }))
    }

    /// Fetches a token, if one is needed and none is valid.
    pub(super) async fn prepare(
        &self,
        (http, wait, now): (&impl Http, &impl Wait, &Now),
        rng: &mut fastrand::Rng,
    ) -> Result<(), TokenError> {
        let Kind::Oauth2(grant) = &self.0 else { return Ok(()) };
        if grant.current(now()).is_some() {
            return Ok(());
        }
        let response = grant.fetch(http, wait, rng).await?;
        let lifetime =
            response.expires_in.filter(|seconds| *seconds > 0).unwrap_or(LIFE).min(24 * 3600);
        let spare = SPARE.min(Duration::from_secs(lifetime.unsigned_abs() / 2));
        let until = now() + Duration::from_secs(lifetime.unsigned_abs()) - spare;
        *grant.lock() = Some((Secret::new(response.access_token), until));
        Ok(())
    }

    /// Discards the current token after the server rejected it. Returns false if there is no other.
    pub(super) fn forget(&self) -> bool {
        match &self.0 {
            Kind::Oauth2(grant) => grant.lock().take().is_some(),
            Kind::Bearer(_) | Kind::Oauth1(_) => false,
        }
    }

    /// Returns the credentials of a request for a URL at this time.
    pub(super) fn credential(&self, url: &str, now: Timestamp, nonce: u128) -> Credential {
        match &self.0 {
            Kind::Bearer(token) => Credential::Bearer(token.clone()),
            Kind::Oauth1(consumer) => {
                Credential::Header(consumer.header(url, now.as_second(), &format!("{nonce:032x}")))
            }
            Kind::Oauth2(grant) => {
                let token = grant.lock().as_ref().map(|(token, _)| token.clone());
                Credential::Bearer(token.unwrap_or_else(|| Secret::new("")))
            }
        }
    }
}

impl Grant {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Secret, Timestamp)>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self, now: Timestamp) -> Option<Secret> {
        self.lock().as_ref().filter(|(_, until)| now < *until).map(|(token, _)| token.clone())
    }

    /// Fetches a token: with HTTP Basic as in the standard, or with the credentials in the form as
    /// some servers require.
    async fn fetch(
        &self,
        http: &impl Http,
        wait: &impl Wait,
        rng: &mut fastrand::Rng,
    ) -> Result<TokenResponse, TokenError> {
        for scope in &self.scopes {
            let mut body = String::from("grant_type=client_credentials");
            if !scope.is_empty() {
                body.push_str(&format!("&scope={}", escape(scope)));
            }
            let with_credentials = format!(
                "{body}&client_id={}&client_secret={}",
                escape(&self.client),
                escape(self.secret.reveal())
            );
            let basic = Credential::Basic(self.client.clone(), self.secret.clone());
            for (credential, body) in [(Some(basic), body), (None, with_credentials)] {
                let form = Form { url: self.url.clone(), credential, body };
                if let Some(given) = post(http, wait, &form, rng).await? {
                    return Ok(given);
                }
            }
        }
        Err(TokenError::Refused)
    }
}

/// Posts a token request. Returns `None` if it is refused.
async fn post(
    http: &impl Http,
    wait: &impl Wait,
    form: &Form,
    rng: &mut fastrand::Rng,
) -> Result<Option<TokenResponse>, TokenError> {
    let mut last = Failing::Status(0);
    for tries in 0..TRIES {
        match http.post(form.clone()).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                match serde_json::from_slice::<TokenResponse>(&answer.body) {
                    Ok(given) if !given.access_token.is_empty() => return Ok(Some(given)),
                    // The error of serde could quote a token, so it is not reported.
                    _ => last = Failing::Page(PaginationError::NotAPage),
                }
            }
            Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                last = Failing::Status(answer.status)
            }
            Ok(_) => return Ok(None),
            Err(NoAnswer::Request) => {
                return Err(TokenError::Down { tries: tries + 1, last: NoAnswer::Request.into() });
            }
            Err(error) => last = error.into(),
        }
        if tries + 1 < TRIES {
            wait.wait(pace::back_off(tries, rng)).await;
        }
    }
    Err(TokenError::Down { tries: TRIES, last })
}
