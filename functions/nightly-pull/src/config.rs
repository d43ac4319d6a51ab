//! The configuration, read from environment variables.

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
    /// The event bus for operator notifications.
    pub operator_bus: String,
    /// The schedule group of the districts' schedules and of the one-time schedules.
    pub schedule_group: String,
    /// The role with which a schedule invokes the function.
    pub schedule_role_arn: String,
    /// The ARN of the queue for orders that a district's schedule could not deliver. `None`: they
    /// are dropped.
    pub pull_failures_arn: Option<String>,
    /// The name of the secret with the application's credentials at Clever, `{"client_id": …,
    /// "client_secret": …}`. `None`: Clever's list is not polled.
    pub clever_secret: Option<String>,
    /// Scheme and host of Clever's token list.
    pub clever_tokens: String,
    /// Scheme and host of Clever's data for new districts. Each district's settings have their own.
    pub clever_api: String,
    /// The name of the secret with the partner key at ClassLink, `{"api_key": …}`. `None`:
    /// ClassLink's list is not polled.
    pub classlink_secret: Option<String>,
    /// ClassLink's proxy, for its list and for new districts. Each district's settings have their
    /// own.
    pub classlink_proxy: String,
    /// Whether buckets are addressed by path, as a custom S3 endpoint requires.
    pub path_style: bool,
    /// How long an invocation owns a pull. Must exceed Lambda's time limit.
    pub ownership: Duration,
    /// How long before its time limit an invocation stops reading, to store its progress.
    pub stop_before: Duration,
    /// How long a secret is cached.
    pub keep_secrets: Duration,
}

impl Config {
    /// Reads the configuration with `get`, which returns a variable's value.
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
            classlink_proxy: classlink_proxy(&environment)?,
            path_style: environment.path_style(),
            ownership: environment.seconds("OWNERSHIP_SECONDS", 960)?,
            stop_before: environment.seconds("STOP_BEFORE_SECONDS", 120)?,
            keep_secrets: environment.seconds("KEEP_SECRETS_SECONDS", 300)?,
        })
    }
}

/// Reads and validates the address of ClassLink's proxy.
fn classlink_proxy(
    environment: &Environment<impl Fn(&str) -> Option<String>>,
) -> Result<String, ConfigError> {
    let name = "CLASSLINK_PROXY_URL";
    let mut settings = ClassLink::of("0");
    if let Some(proxy) = environment.get(name) {
        settings.proxy = proxy;
    }
    match sources::classlink::check(&settings) {
        Ok(()) => Ok(settings.proxy),
        Err(_) => Err(ConfigError::Invalid(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_missing_or_invalid_variable() {
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
        for missing in needed {
            let error =
                Config::from_lookup(|name| full(name).filter(|_| name != missing)).unwrap_err();
            assert!(error.to_string().contains(missing));
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
            let get = |wanted: &str| if wanted == name { Some(value.into()) } else { full(wanted) };
            assert!(Config::from_lookup(get).unwrap_err().to_string().contains(name));
        }
    }
}
