//! Who asks: a token that does not change, one that is asked for, or a signature.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use roster::settings::{OneRoster, OneRosterVersion, SignIn};
use serde::Deserialize;

use super::signature::{Consumer, escape};
use crate::http::pace::{self, TRIES};
use crate::http::{Credential, Failing, Form, Http, NoAnswer, Now, PaginationError, Secret, Wait};

/// What 1.2 has for reading rosters, and demographics with them (OneRoster 1.2 rostering,
/// security).
const SCOPES: [&str; 2] = [
    "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly \
     https://purl.imsglobal.org/spec/or/v1p2/scope/roster-demographics.readonly",
    "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly",
];

/// A token is not used any longer when it has so long to live.
const SPARE: Duration = Duration::from_secs(60);

/// How long a token lives whose answer does not say.
const LIFE: i64 = 3600;

/// How requests say who asks. Not printed.
#[derive(Clone)]
pub struct Access(Kind);

#[derive(Clone)]
enum Kind {
    Bearer(Secret),
    Oauth1(Consumer),
    Oauth2(Grant),
}

/// Credentials for which a server gives tokens.
#[derive(Clone)]
struct Grant {
    url: String,
    client: String,
    secret: Secret,
    /// What may be asked for, the first that is granted.
    scopes: Vec<String>,
    /// The token, and until when it is used.
    token: Arc<Mutex<Option<(Secret, Timestamp)>>>,
}

#[derive(Deserialize)]
struct Credentials {
    client_id: String,
    client_secret: String,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: Option<i64>,
}

/// Why there is no token.
pub(super) enum NoToken {
    /// The credentials are not taken.
    Refused,
    /// The server fails.
    Down { tries: u32, last: Failing },
}

impl Access {
    /// A token that does not change.
    pub fn bearer(token: Secret) -> Self {
        Self(Kind::Bearer(token))
    }

    /// What the settings say, with the secret that they name. None: the secret is not what it must
    /// be.
    pub fn of(settings: &OneRoster, secret: &Secret) -> Option<Self> {
        if settings.sign_in == SignIn::Bearer {
            let token = secret.reveal().trim();
            let is_token = !token.is_empty() && token.bytes().all(|c| c.is_ascii_graphic());
            return is_token.then(|| Self::bearer(Secret::new(token)));
        }
        // What serde says of it may quote it.
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
                    // 1.1 has no scopes: what a server wants, only its own documentation says.
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

    /// Sees to it that there is a token, if one is needed.
    pub(super) async fn ready(
        &self,
        (http, wait, now): (&impl Http, &impl Wait, &Now),
        rng: &mut fastrand::Rng,
    ) -> Result<(), NoToken> {
        let Kind::Oauth2(grant) = &self.0 else { return Ok(()) };
        if grant.present(now()).is_some() {
            return Ok(());
        }
        let given = grant.ask(http, wait, rng).await?;
        let life = given.expires_in.filter(|seconds| *seconds > 0).unwrap_or(LIFE).min(24 * 3600);
        let spare = SPARE.min(Duration::from_secs(life.unsigned_abs() / 2));
        let until = now() + Duration::from_secs(life.unsigned_abs()) - spare;
        *grant.lock() = Some((Secret::new(given.access_token), until));
        Ok(())
    }

    /// The present token was not taken. False: there is no other.
    pub(super) fn forget(&self) -> bool {
        match &self.0 {
            Kind::Oauth2(grant) => grant.lock().take().is_some(),
            Kind::Bearer(_) | Kind::Oauth1(_) => false,
        }
    }

    /// How a request for this address is authorised, now.
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

    fn present(&self, now: Timestamp) -> Option<Secret> {
        self.lock().as_ref().filter(|(_, until)| now < *until).map(|(token, _)| token.clone())
    }

    /// Asks for a token: as the standard has it, with HTTP Basic; or with the credentials in the
    /// form, as some servers want it.
    async fn ask(
        &self,
        http: &impl Http,
        wait: &impl Wait,
        rng: &mut fastrand::Rng,
    ) -> Result<Given, NoToken> {
        for scope in &self.scopes {
            let mut body = String::from("grant_type=client_credentials");
            if !scope.is_empty() {
                body.push_str(&format!("&scope={}", escape(scope)));
            }
            let own = format!(
                "{body}&client_id={}&client_secret={}",
                escape(&self.client),
                escape(self.secret.reveal())
            );
            let basic = Credential::Basic(self.client.clone(), self.secret.clone());
            for (credential, body) in [(Some(basic), body), (None, own)] {
                let form = Form { url: self.url.clone(), credential, body };
                if let Some(given) = post(http, wait, &form, rng).await? {
                    return Ok(given);
                }
            }
        }
        Err(NoToken::Refused)
    }
}

/// One form. None: it is refused.
async fn post(
    http: &impl Http,
    wait: &impl Wait,
    form: &Form,
    rng: &mut fastrand::Rng,
) -> Result<Option<Given>, NoToken> {
    let mut last = Failing::Status(0);
    for tries in 0..TRIES {
        match http.post(form.clone()).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                match serde_json::from_slice::<Given>(&answer.body) {
                    Ok(given) if !given.access_token.is_empty() => return Ok(Some(given)),
                    // It may quote a token.
                    _ => last = Failing::Page(PaginationError::NotAPage),
                }
            }
            Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                last = Failing::Status(answer.status)
            }
            Ok(_) => return Ok(None),
            Err(NoAnswer::Request) => {
                return Err(NoToken::Down { tries: tries + 1, last: NoAnswer::Request.into() });
            }
            Err(error) => last = error.into(),
        }
        if tries + 1 < TRIES {
            wait.wait(pace::back_off(tries, rng)).await;
        }
    }
    Err(NoToken::Down { tries: TRIES, last })
}
