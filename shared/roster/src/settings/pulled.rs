//! Settings of the sources from which rosters are pulled.
//!
//! To add a source, write its settings type with [`PulledSource`], add a field to
//! [`SourceSettings`], and add one line to the table `pulled_sources!` below.

use serde::{Deserialize, Serialize};

use super::{Setting, SourceSettings, Values};
use crate::rule::Rule;

/// What the settings of every pulled source have in common.
pub trait PulledSource {
    /// The source's name: in the table, in requests for a discovery poll, in manifests.
    const SOURCE: &'static str;

    /// Returns the district's id at the source.
    fn id(&self) -> &str;

    /// Returns the hours between two incremental pulls, or `None` if there are none.
    fn changes_every_hours(&self) -> Option<u8> {
        None
    }
}

/// Defines [`Pulled`] from a table with one line for each source: its settings type and its field
/// in [`SourceSettings`].
macro_rules! pulled_sources {
    ($($(#[$doc:meta])* $source:ident in $field:ident),* $(,)?) => {
        /// The settings of the source from which a district's roster is pulled.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Pulled<'a> {
            $($(#[$doc])* $source(&'a $source),)*
        }

        impl<'a> Pulled<'a> {
            /// The names of all pulled sources.
            pub const NAMES: &'static [&'static str] = &[$($source::SOURCE),*];

            /// Returns the source's name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Pulled::$source(_) => $source::SOURCE,)*
                }
            }

            /// Returns the district's id at the source.
            pub fn id(self) -> &'a str {
                match self {
                    $(Pulled::$source(own) => own.id(),)*
                }
            }

            /// Returns the hours between two incremental pulls, or `None` if there are none.
            pub fn changes_every_hours(self) -> Option<u8> {
                match self {
                    $(Pulled::$source(own) => PulledSource::changes_every_hours(own),)*
                }
            }
        }

        impl SourceSettings {
            /// Returns the source from which the roster is pulled, or `None` if it is uploaded. A
            /// district has one source; if several are configured, the first of the table counts.
            pub fn pulled(&self) -> Option<Pulled<'_>> {
                None$(.or_else(|| self.$field.as_ref().map(Pulled::$source)))*
            }
        }
    };
}

pulled_sources! {
    /// Clever's Data API.
    Clever in clever,
    /// A OneRoster REST server.
    OneRoster in oneroster,
    /// ClassLink's Roster Server.
    ClassLink in classlink,
}

impl PulledSource for Clever {
    const SOURCE: &'static str = "clever";

    fn id(&self) -> &str {
        &self.district
    }
}

impl PulledSource for OneRoster {
    const SOURCE: &'static str = "oneroster";

    /// A server belongs to one district, so its address identifies the district.
    fn id(&self) -> &str {
        &self.url
    }

    fn changes_every_hours(&self) -> Option<u8> {
        self.changes_every_hours
    }
}

impl PulledSource for ClassLink {
    const SOURCE: &'static str = "classlink";

    fn id(&self) -> &str {
        &self.tenant
    }

    fn changes_every_hours(&self) -> Option<u8> {
        self.changes_every_hours
    }
}

/// A district at Clever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clever {
    /// The district's id at Clever.
    pub district: String,
    /// The name of the secret with the district's token. `None`: the token is read from Clever's
    /// token list with the application's credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret: Option<String>,
    /// Scheme and host of the data.
    #[serde(default = "Clever::default_api")]
    pub api: String,
    /// The API version: `v3.0`, `v3.1`.
    #[serde(default = "Clever::default_version")]
    pub version: String,
    /// Records per page, at most 10,000. A thousand sections are a little more than a megabyte.
    #[serde(default = "Clever::default_page_size")]
    pub page_size: u32,
}

impl Clever {
    /// Returns the settings of a district, with the default for every other field.
    pub fn of(district: impl Into<String>) -> Self {
        Self {
            district: district.into(),
            token_secret: None,
            api: Self::default_api(),
            version: Self::default_version(),
            page_size: Self::default_page_size(),
        }
    }

    fn default_api() -> String {
        "https://api.clever.com".into()
    }

    fn default_version() -> String {
        "v3.1".into()
    }

    fn default_page_size() -> u32 {
        1000
    }
}

/// The OneRoster version of a server.
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

/// How requests to a OneRoster server are authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// A fixed bearer token. The secret is the token itself.
    Bearer,
    /// OAuth 2 client credentials. The secret is `{"client_id": …, "client_secret": …}`, here and
    /// for both kinds of OAuth 1.
    #[default]
    Oauth2,
    /// OAuth 1.0a, two-legged, HMAC-SHA256.
    Oauth1Sha256,
    /// OAuth 1.0a, two-legged, HMAC-SHA1, for servers that support nothing newer.
    Oauth1Sha1,
}

/// A district with a OneRoster REST server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneRoster {
    /// The base address of the lists: `https://sis.example.org/ims/oneroster/v1p1`,
    /// `https://sis.example.org/ims/oneroster/rostering/v1p2`.
    pub url: String,
    /// The server's OneRoster version.
    #[serde(default)]
    pub version: OneRosterVersion,
    /// How requests are authenticated.
    #[serde(default)]
    pub sign_in: SignIn,
    /// The name of the secret with the credentials for `sign_in`.
    pub secret: String,
    /// The token endpoint (OAuth 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// The requested OAuth 2 scope. `None`: the version's scopes for reading rosters and
    /// demographics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Records per page, at most 10,000.
    #[serde(default = "OneRoster::default_page_size")]
    pub page_size: u32,
    /// Hours between two incremental pulls during the day, from 1 to 12, for servers that filter
    /// by `dateLastModified`. `None`: no incremental pulls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_every_hours: Option<u8>,
}

impl OneRoster {
    /// Returns the settings of a server, with the default for every other field.
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

/// A district at ClassLink. Its token is in ClassLink's list of applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassLink {
    /// The district's id at ClassLink: `tenant_id`.
    pub tenant: String,
    /// The proxy: scheme, host and, for older proxies, the path before the application's id.
    #[serde(default = "ClassLink::default_proxy")]
    pub proxy: String,
    /// Records per page, at most 10,000.
    #[serde(default = "OneRoster::default_page_size")]
    pub page_size: u32,
    /// See [`OneRoster::changes_every_hours`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_every_hours: Option<u8>,
}

impl ClassLink {
    /// Returns the settings of a district, with the default for every other field.
    pub fn of(tenant: impl Into<String>) -> Self {
        let (proxy, page_size) = (Self::default_proxy(), OneRoster::default_page_size());
        Self { tenant: tenant.into(), proxy, page_size, changes_every_hours: None }
    }

    fn default_proxy() -> String {
        "https://oneroster-proxy.classlink.io".into()
    }
}

const PAGE_SIZE: Setting = Setting {
    name: "page_size",
    values: Values::Described("1 to 10,000"),
    effect: "Records per page.",
    rules: &[],
};

const CHANGES_EVERY_HOURS: Setting = Setting {
    name: "changes_every_hours",
    values: Values::Described("1 to 12"),
    effect: "Read changes this many hours apart between the nightly pulls. The server must filter \
             by `dateLastModified`. Without it, there are only nightly pulls.",
    rules: &[Rule::O4],
};

/// Describes every field of [`Clever`], in the same order.
pub const CLEVER: &[Setting] = &[
    Setting {
        name: "district",
        values: Values::Described("text"),
        effect: "The district's id at Clever.",
        rules: &[Rule::O1],
    },
    Setting {
        name: "token_secret",
        values: Values::Described("the name of a secret"),
        effect: "The secret that holds the district's token. Without it, the token is requested \
                 with the application's credentials.",
        rules: &[],
    },
    Setting {
        name: "api",
        values: Values::Described("a URL"),
        effect: "Scheme and host of Clever's Data API.",
        rules: &[],
    },
    Setting {
        name: "version",
        values: Values::Described("`v3.0` or `v3.1`"),
        effect: "The version of the Data API.",
        rules: &[],
    },
    PAGE_SIZE,
];

/// Describes every field of [`OneRoster`], in the same order.
pub const ONEROSTER: &[Setting] = &[
    Setting {
        name: "url",
        values: Values::Described("a URL"),
        effect: "The address below which the lists are: `…/ims/oneroster/v1p1` or \
                 `…/ims/oneroster/rostering/v1p2`.",
        rules: &[],
    },
    Setting {
        name: "version",
        values: Values::OneOf(&[
            ("1.1", "A user has one role."),
            ("1.2", "A user has roles in organizations."),
        ]),
        effect: "The OneRoster version of the server.",
        rules: &[],
    },
    Setting {
        name: "sign_in",
        values: Values::OneOf(&[
            ("bearer", "A token that does not change. The secret is the token itself."),
            ("oauth2", "OAuth 2 client credentials."),
            ("oauth1_sha256", "OAuth 1.0a, two-legged, HMAC-SHA256."),
            ("oauth1_sha1", "OAuth 1.0a, two-legged, HMAC-SHA1, for servers without SHA-256."),
        ]),
        effect: "How requests are authenticated. Except for `bearer`, the secret is \
                 `{\"client_id\": \"…\", \"client_secret\": \"…\"}`.",
        rules: &[],
    },
    Setting {
        name: "secret",
        values: Values::Described("the name of a secret"),
        effect: "The secret that holds the credentials.",
        rules: &[],
    },
    Setting {
        name: "token_url",
        values: Values::Described("a URL"),
        effect: "Where `oauth2` requests tokens. Required for `oauth2`.",
        rules: &[],
    },
    Setting {
        name: "scope",
        values: Values::Described("text"),
        effect: "The scope that `oauth2` requests. Without it, the scopes that OneRoster defines \
                 for reading rosters and demographics.",
        rules: &[],
    },
    PAGE_SIZE,
    CHANGES_EVERY_HOURS,
];

/// Describes every field of [`ClassLink`], in the same order.
pub const CLASSLINK: &[Setting] = &[
    Setting {
        name: "tenant",
        values: Values::Described("text"),
        effect: "The district's `tenant_id` at ClassLink.",
        rules: &[Rule::O1],
    },
    Setting {
        name: "proxy",
        values: Values::Described("a URL"),
        effect: "Scheme and host of ClassLink's proxy and, for older proxies, the path before the \
                 application's id.",
        rules: &[],
    },
    PAGE_SIZE,
    CHANGES_EVERY_HOURS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_the_source_and_survive_a_round_trip() {
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
