//! Address and options of a server, validated.

use jiff::Timestamp;
use roster::settings::{OneRoster, OneRosterVersion, SignIn};

use crate::http::is_host;

/// Address and options of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The base address of the lists, without a slash at the end.
    pub(super) base: String,
    pub(super) version: OneRosterVersion,
    /// Records per page.
    pub(super) limit: u32,
    /// If set, only records that have changed since then are requested.
    pub(super) since: Option<Timestamp>,
}

/// A setting with which no request can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {0} has an invalid value")]
pub struct BadSetting(pub &'static str);

impl Api {
    /// Reads the settings. Requests use TLS, except to the local machine.
    ///
    /// # Errors
    /// If a setting has an invalid value.
    pub fn of(settings: &OneRoster) -> Result<Self, BadSetting> {
        if settings.secret.is_empty() {
            Err(BadSetting("source.oneroster.secret"))
        } else if settings.sign_in == SignIn::Oauth2
            && !settings.token_url.as_deref().is_some_and(is_address)
        {
            Err(BadSetting("source.oneroster.token_url"))
        } else if !(1..=10_000).contains(&settings.page_size) {
            Err(BadSetting("source.oneroster.page_size"))
        } else if !is_valid_interval(settings.changes_every_hours) {
            Err(BadSetting("source.oneroster.changes_every_hours"))
        } else {
            let limit = settings.page_size;
            Self::at(&settings.url, settings.version, limit)
                .ok_or(BadSetting("source.oneroster.url"))
        }
    }

    /// Returns a server at an address, or `None` if no credentials may be sent to the address.
    pub fn at(url: &str, version: OneRosterVersion, limit: u32) -> Option<Self> {
        is_address(url).then(|| Self {
            base: url.trim_end_matches('/').to_owned(),
            version,
            limit,
            since: None,
        })
    }

    /// Limits requests to records that have changed since then, by the server's clock.
    #[must_use]
    pub fn since(self, then: Option<Timestamp>) -> Self {
        Self { since: then, ..self }
    }

    /// Returns the server's OneRoster version.
    pub fn version(&self) -> OneRosterVersion {
        self.version
    }
}

/// Whether a number of hours between incremental pulls is valid: useful, and long enough that a
/// pull does not overlap the one before.
pub(crate) fn is_valid_interval(hours: Option<u8>) -> bool {
    hours.is_none_or(|hours| (1..=12).contains(&hours))
}

/// Whether a text is an address without a query, to which credentials may be sent.
pub(crate) fn is_address(text: &str) -> bool {
    let path_at = text.match_indices('/').nth(2).map_or(text.len(), |(at, _)| at);
    let (host, path) = text.split_at(path_at);
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"/-._~%:@!$&'()*+,;=".contains(&c);
    is_host(host) && path.bytes().all(is_plain)
}
