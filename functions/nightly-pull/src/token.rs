//! The district's token: from a secret of its own, or from Clever's list with the application's credentials. It is looked up for every pull, since a
//! district's token changes whenever the district connects anew.

use std::sync::Arc;

use mirror::MirrorError;
use mirror::secrets::Secrets;
use rules::personal::Secret;
use rules::settings::Clever;
use serde::Deserialize;
use sources::clever::{Connected, TokenList, TokensError, Wait};
use sources::http::Http;

use crate::{Config, Storage};

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum NoToken {
    /// There is none, in words for an operator.
    None(String),
    /// The list cannot be read now.
    Down(TokensError),
    /// Storage failed.
    Storage(MirrorError),
}

impl From<MirrorError> for NoToken {
    fn from(error: MirrorError) -> Self {
        NoToken::Storage(error)
    }
}

#[derive(Deserialize)]
struct Credentials {
    client_id: String,
    client_secret: String,
}

pub(crate) async fn token<T, O, L, S: Secrets, H: Http, W: Wait>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    clever: &Clever,
    rng: &mut fastrand::Rng,
) -> Result<Secret, NoToken> {
    if let Some(name) = &clever.token_secret {
        let secret = storage.secrets.secret(name).await?;
        return secret
            .ok_or_else(|| NoToken::None("the secret that the settings name as the district's token is not there".into()));
    }
    let district = clever.district.as_str();
    let token = tokens(config, storage, Some(district), rng).await?.into_iter().find(|one| one.district == district);
    token.map(|one| one.token).ok_or_else(|| NoToken::None("Clever's token list does not have the district".into()))
}

/// The districts that have connected the application, all or the one that is asked for, with their tokens.
pub(crate) async fn tokens<T, O, L, S: Secrets, H: Http, W: Wait>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    district: Option<&str>,
    rng: &mut fastrand::Rng,
) -> Result<Vec<Connected>, NoToken> {
    let secret = storage.secrets.secret(&config.clever_secret).await?;
    let secret = secret.ok_or_else(|| NoToken::None("the secret with the application's credentials is not there".into()))?;
    // What serde says of it may quote it.
    let Ok(own) = serde_json::from_str::<Credentials>(secret.reveal()) else {
        return Err(NoToken::None("the secret with the application's credentials has no client_id and client_secret".into()));
    };
    let clock = storage.clock.clone();
    let list = TokenList {
        http: storage.http.clone(),
        wait: storage.wait.clone(),
        now: Arc::new(move || clock.now()),
        host: config.clever_tokens.clone(),
    };
    match list.connected(&own.client_id, &Secret::new(own.client_secret), district, rng).await {
        Ok(all) => Ok(all),
        Err(error @ TokensError::Refused(_)) => Err(NoToken::None(error.to_string())),
        Err(error) => Err(NoToken::Down(error)),
    }
}
