//! What the environment says, read once.

use std::time::Duration;

use mirror::environment::{ConfigError, Environment};
use roster::settings::ClassLink;

/// Settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bucket of staged pages, snapshots and reports.
    pub internal_bucket: String,
    /// The table.
    pub table: String,
    /// The bus on which operators are told.
    pub operator_bus: String,
    /// The group of districts' schedules and of one-time ones.
    pub schedule_group: String,
    /// The role by which a schedule may invoke the function.
    pub schedule_role_arn: String,
    /// The ARN of the queue for what a district's schedule could not make this function take; none:
    /// it is dropped.
    pub pull_failures_arn: Option<String>,
    /// The name of the secret with the application's credentials at Clever: `{"client_id": …,
    /// "client_secret": …}`; none: there is no list of Clever's.
    pub clever_secret: Option<String>,
    /// Scheme and host of Clever's token list.
    pub clever_tokens: String,
    /// Scheme and host of Clever's data, for districts that are new; the settings of each district
    /// say its own.
    pub clever_api: String,
    /// The name of the secret with the partner key of ClassLink: `{"api_key": …}`; none: there is
    /// no list of ClassLink's.
    pub classlink_secret: Option<String>,
    /// ClassLink's proxy, for its list and for districts that are new; the settings of each
    /// district say its own.
    pub classlink_proxy: String,
    /// Buckets are the first part of the path: where S3 has an endpoint of one's own.
    pub path_style: bool,
    /// How long an invocation owns the pull that it has begun; longer than it can live.
    pub ownership: Duration,
    /// How long before its end an invocation stops reading, so that it can put its work away.
    pub stop_before: Duration,
    /// How long a secret that was read is used without being read again.
    pub keep_secrets: Duration,
}

impl Config {
    /// Reads the settings by name.
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment::new(get);
        let host = |name, default: &str| {
            let host = environment.get(name).unwrap_or_else(|| default.into());
            if sources::clever::is_host(&host) { Ok(host) } else { Err(ConfigError::Invalid(name)) }
        };
        Ok(Self {
            internal_bucket: environment.need("INTERNAL_BUCKET")?,
            table: environment.need("TABLE")?,
            operator_bus: environment.need("OPERATOR_BUS")?,
            schedule_group: environment.need("SCHEDULE_GROUP")?,
            schedule_role_arn: environment.need("SCHEDULE_ROLE_ARN")?,
            pull_failures_arn: environment.get("PULL_FAILURES_ARN"),
            clever_secret: environment.get("CLEVER_SECRET"),
            clever_tokens: host("CLEVER_TOKENS_URL", "https://clever.com")?,
            clever_api: host("CLEVER_API_URL", "https://api.clever.com")?,
            classlink_secret: environment.get("CLASSLINK_SECRET"),
            classlink_proxy: {
                let proxy = environment
                    .get("CLASSLINK_PROXY_URL")
                    .unwrap_or_else(|| ClassLink::of("0").proxy);
                let is_proxy = sources::classlink::check(&ClassLink {
                    proxy: proxy.clone(),
                    ..ClassLink::of("0")
                })
                .is_ok();
                if is_proxy {
                    proxy
                } else {
                    return Err(ConfigError::Invalid("CLASSLINK_PROXY_URL"));
                }
            },
            path_style: environment.path_style(),
            ownership: environment.seconds("OWNERSHIP_SECONDS", 960)?,
            stop_before: environment.seconds("STOP_BEFORE_SECONDS", 120)?,
            keep_secrets: environment.seconds("KEEP_SECRETS_SECONDS", 300)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let needed =
            ["INTERNAL_BUCKET", "TABLE", "OPERATOR_BUS", "SCHEDULE_GROUP", "SCHEDULE_ROLE_ARN"];
        let full = |name: &str| needed.contains(&name).then(|| name.to_lowercase());
        let config = Config::from_lookup(full).unwrap();
        assert_eq!(
            (
                config.ownership.as_secs(),
                config.stop_before.as_secs(),
                config.keep_secrets.as_secs()
            ),
            (960, 120, 300)
        );
        assert_eq!(
            (config.clever_tokens.as_str(), config.path_style),
            ("https://clever.com", false)
        );
        assert_eq!(
            (config.pull_failures_arn, config.clever_secret, config.classlink_secret),
            (None, None, None)
        );
        assert_eq!(config.classlink_proxy, "https://oneroster-proxy.classlink.io");
        for gone in needed {
            let error =
                Config::from_lookup(|name| full(name).filter(|_| name != gone)).unwrap_err();
            assert!(error.to_string().contains(gone));
        }
        let wrong = [
            ("OWNERSHIP_SECONDS", "long"),
            ("STOP_BEFORE_SECONDS", "-1"),
            ("KEEP_SECRETS_SECONDS", "0"),
            ("CLEVER_TOKENS_URL", "http://clever.com"),
            ("CLEVER_API_URL", "api.clever.com"),
            ("CLASSLINK_PROXY_URL", "http://proxy.example.org"),
        ];
        for (name, value) in wrong {
            let get = |asked: &str| if asked == name { Some(value.into()) } else { full(asked) };
            assert!(Config::from_lookup(get).unwrap_err().to_string().contains(name));
        }
    }
}
