//! Sources from which a district's roster is pulled: what each needs to be told. This is the one
//! table of them: a source that is added is a variant of [`Pulled`], a field of [`SourceSettings`]
//! and a line in [`SourceSettings::pulled`].

use serde::{Deserialize, Serialize};

use super::{Clever, SourceSettings};

/// Where a district's roster is pulled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled<'a> {
    /// Clever's Data API.
    Clever(&'a Clever),
    /// A OneRoster REST server.
    OneRoster(&'a OneRoster),
    /// ClassLink's Roster Server.
    ClassLink(&'a ClassLink),
}

impl Pulled<'_> {
    /// The names of all of them.
    pub const NAMES: [&'static str; 3] = [Clever::SOURCE, OneRoster::SOURCE, ClassLink::SOURCE];

    /// The source's name: in the table, in orders of looks, in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Pulled::Clever(_) => Clever::SOURCE,
            Pulled::OneRoster(_) => OneRoster::SOURCE,
            Pulled::ClassLink(_) => ClassLink::SOURCE,
        }
    }
}

impl SourceSettings {
    /// Where the roster is pulled from; none: it is uploaded. Of several sources the first counts:
    /// a district has one.
    pub fn pulled(&self) -> Option<Pulled<'_>> {
        let clever = self.clever.as_ref().map(Pulled::Clever);
        let oneroster = || self.oneroster.as_ref().map(Pulled::OneRoster);
        let classlink = || self.classlink.as_ref().map(Pulled::ClassLink);
        clever.or_else(oneroster).or_else(classlink)
    }
}

/// The version of OneRoster that a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OneRosterVersion {
    /// 1.1: a user has one role.
    #[default]
    #[serde(rename = "1.1")]
    V1p1,
    /// 1.2: a user has roles in orgs.
    #[serde(rename = "1.2")]
    V1p2,
}

/// How requests to a OneRoster server say who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// A token that does not change. The secret is the token itself.
    Bearer,
    /// OAuth 2 client credentials. The secret is `{"client_id": …, "client_secret": …}`, as with
    /// all that follow.
    #[default]
    Oauth2,
    /// OAuth 1.0a, two-legged, HMAC-SHA256.
    Oauth1Sha256,
    /// OAuth 1.0a, two-legged, HMAC-SHA1: for servers that know no other.
    Oauth1Sha1,
}

/// A district with a OneRoster REST server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneRoster {
    /// The address under which the lists are: `https://sis.example.org/ims/oneroster/v1p1`,
    /// `https://sis.example.org/ims/oneroster/rostering/v1p2`.
    pub url: String,
    /// The version that is spoken there.
    #[serde(default)]
    pub version: OneRosterVersion,
    /// How requests are signed.
    #[serde(default)]
    pub sign_in: SignIn,
    /// The name of the secret with what that needs.
    pub secret: String,
    /// Where tokens are given (OAuth 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// What is asked for there; none: what the version has for reading rosters and demographics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Records a page, 10,000 at most.
    #[serde(default = "OneRoster::default_page_size")]
    pub page_size: u32,
    /// Between the nights, what has changed is read this many hours apart, from 1 to 12, for
    /// servers that filter by `dateLastModified`; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_every_hours: Option<u8>,
}

impl OneRoster {
    /// The source's name.
    pub const SOURCE: &'static str = "oneroster";

    /// A server with nothing changed.
    pub fn at(url: impl Into<String>, secret: impl Into<String>) -> Self {
        let (version, sign_in) = (OneRosterVersion::default(), SignIn::default());
        let (page_size, changes_every_hours) = (Self::default_page_size(), None);
        Self {
            url: url.into(),
            version,
            sign_in,
            secret: secret.into(),
            token_url: None,
            scope: None,
            page_size,
            changes_every_hours,
        }
    }

    fn default_page_size() -> u32 {
        1000
    }
}

/// A district at ClassLink. Its token comes from ClassLink's list of applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassLink {
    /// Its id there: `tenant_id`.
    pub tenant: String,
    /// Scheme, host and, for older ones, path before the application's id, of the proxy.
    #[serde(default = "ClassLink::default_proxy")]
    pub proxy: String,
    /// Records a page, 10,000 at most.
    #[serde(default = "OneRoster::default_page_size")]
    pub page_size: u32,
    /// As at [`OneRoster::changes_every_hours`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_every_hours: Option<u8>,
}

impl ClassLink {
    /// The source's name.
    pub const SOURCE: &'static str = "classlink";

    /// A district with nothing changed.
    pub fn of(tenant: impl Into<String>) -> Self {
        let (proxy, page_size) = (Self::default_proxy(), OneRoster::default_page_size());
        Self { tenant: tenant.into(), proxy, page_size, changes_every_hours: None }
    }

    fn default_proxy() -> String {
        "https://oneroster-proxy.classlink.io".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_what_the_settings_name_and_its_settings_come_back_as_they_were() {
        assert_eq!(SourceSettings::default().pulled(), None);
        for (text, name) in [
            (r#"{"clever": {"district": "58da8a43cc70ab00017a1a87"}}"#, "clever"),
            (
                r#"{"oneroster": {"url": "https://sis.example.org/ims/oneroster/v1p1", "secret": "s"}}"#,
                "oneroster",
            ),
            (
                r#"{"oneroster": {"url": "https://x", "secret": "s", "version": "1.2", "sign_in": "oauth1_sha1"}}"#,
                "oneroster",
            ),
            (r#"{"classlink": {"tenant": "4711"}}"#, "classlink"),
            (r#"{"classlink": {"tenant": "4711", "changes_every_hours": 4}}"#, "classlink"),
        ] {
            let settings: SourceSettings = serde_json::from_str(text).unwrap();
            assert_eq!(settings.pulled().map(Pulled::name), Some(name));
            assert!(Pulled::NAMES.contains(&name));
            let again = serde_json::from_str(&serde_json::to_string(&settings).unwrap()).unwrap();
            assert_eq!(settings, again);
        }
        let unknown = r#"{"oneroster": {"url": "https://x", "secret": "s", "version": "1.3"}}"#;
        assert!(serde_json::from_str::<SourceSettings>(unknown).is_err());
    }
}
