//! Where a server is, and what the settings may say of it.

use jiff::Timestamp;
use roster::settings::{OneRoster, OneRosterVersion, SignIn};

use crate::http::is_host;

/// How to reach a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The address under which the lists are, without a slash at its end.
    pub(super) base: String,
    pub(super) version: OneRosterVersion,
    /// Records a page.
    pub(super) limit: u32,
    /// Only what has changed since then; none: everything.
    pub(super) since: Option<Timestamp>,
}

/// Settings by which a server cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {0} has an invalid value")]
pub struct BadSetting(pub &'static str);

impl Api {
    /// What the settings say. Credentials go over TLS alone, but for an address of this machine.
    ///
    /// # Errors
    /// If no request could be made with them, or none should be.
    pub fn of(settings: &OneRoster) -> Result<Self, BadSetting> {
        if settings.secret.is_empty() {
            Err(BadSetting("source.oneroster.secret"))
        } else if settings.sign_in == SignIn::Oauth2
            && !settings.token_url.as_deref().is_some_and(is_address)
        {
            Err(BadSetting("source.oneroster.token_url"))
        } else if !(1..=10_000).contains(&settings.page_size) {
            Err(BadSetting("source.oneroster.page_size"))
        } else if !may_be_hours(settings.changes_every_hours) {
            Err(BadSetting("source.oneroster.changes_every_hours"))
        } else {
            let limit = settings.page_size;
            Self::at(&settings.url, settings.version, limit)
                .ok_or(BadSetting("source.oneroster.url"))
        }
    }

    /// A server at an address. None: it is none to which credentials may go.
    pub fn at(url: &str, version: OneRosterVersion, limit: u32) -> Option<Self> {
        is_address(url).then(|| Self {
            base: url.trim_end_matches('/').to_owned(),
            version,
            limit,
            since: None,
        })
    }

    /// The same server, asked for what has changed since then alone, by its own dates.
    #[must_use]
    pub fn since(self, then: Option<Timestamp>) -> Self {
        Self { since: then, ..self }
    }

    /// The version that is spoken there.
    pub fn version(&self) -> OneRosterVersion {
        self.version
    }
}

/// Whether what has changed can be asked for so many hours apart: often enough to be of use, and
/// not so often that a pull meets the one before.
pub(crate) fn may_be_hours(hours: Option<u8>) -> bool {
    hours.is_none_or(|hours| (1..=12).contains(&hours))
}

/// Whether a text is an address, without a query, on a host that may be given credentials.
pub(crate) fn is_address(text: &str) -> bool {
    let path_at = text.match_indices('/').nth(2).map_or(text.len(), |(at, _)| at);
    let (host, path) = text.split_at(path_at);
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"/-._~%:@!$&'()*+,;=".contains(&c);
    is_host(host) && path.bytes().all(is_plain)
}
