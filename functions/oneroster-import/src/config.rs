//! Settings from environment variables.

use std::time::Duration;

use mirror::environment::{ConfigError, Environment};

/// Settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bucket of uploads.
    pub inbox_bucket: String,
    /// The bucket of snapshots, plans and reports.
    pub internal_bucket: String,
    /// The table.
    pub table: String,
    /// The event bus for notifications to operators.
    pub operator_bus: String,
    /// Whether buckets are addressed by path, as endpoints other than AWS require.
    pub path_style: bool,
    /// How long an invocation owns an import that it started. Must exceed the function's timeout.
    pub ownership: Duration,
    /// How many days an upload's as-of date may be before the day of the upload.
    pub as_of_days_back: u32,
    /// How many days it may be after that day.
    pub as_of_days_ahead: u32,
}

impl Config {
    /// Reads the settings by name.
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment::new(get);
        Ok(Self {
            inbox_bucket: environment.need("INBOX_BUCKET")?,
            internal_bucket: environment.need("INTERNAL_BUCKET")?,
            table: environment.need("TABLE")?,
            operator_bus: environment.need("OPERATOR_BUS")?,
            path_style: environment.path_style(),
            ownership: environment.seconds("OWNERSHIP_SECONDS", 960)?,
            as_of_days_back: environment.number("AS_OF_DAYS_BACK", 400)?,
            as_of_days_ahead: environment.number("AS_OF_DAYS_AHEAD", 7)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_missing_or_invalid_variable() {
        let full = |name: &str| match name {
            "OWNERSHIP_SECONDS"
            | "AWS_ENDPOINT_URL_S3"
            | "AS_OF_DAYS_BACK"
            | "AS_OF_DAYS_AHEAD" => None,
            other => Some(other.to_lowercase()),
        };
        let config = Config::from_lookup(full).unwrap();
        assert_eq!(
            (config.table.as_str(), config.path_style, config.ownership.as_secs()),
            ("table", false, 960)
        );
        let missing =
            Config::from_lookup(|name| full(name).filter(|_| name != "TABLE")).unwrap_err();
        assert!(missing.to_string().contains("TABLE"));
        let wrong =
            |name: &str| if name == "OWNERSHIP_SECONDS" { Some("soon".into()) } else { full(name) };
        assert!(Config::from_lookup(wrong).unwrap_err().to_string().contains("OWNERSHIP_SECONDS"));
    }
}
