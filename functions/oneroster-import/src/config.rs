//! What the environment says, read once.

use std::time::Duration;

/// Settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bucket of uploads.
    pub inbox_bucket: String,
    /// The bucket of snapshots, plans and reports.
    pub internal_bucket: String,
    /// The table.
    pub table: String,
    /// Buckets are the first part of the path: where S3 has an endpoint of one's own.
    pub path_style: bool,
    /// How long an invocation owns the import that it has begun; longer than it can live.
    pub ownership: Duration,
}

/// What is wrong with the environment.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is not set.
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    /// A variable has a value that it cannot have.
    #[error("the variable {0} has a value that it cannot have")]
    Invalid(&'static str),
}

impl Config {
    /// Reads the settings by name.
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let need = |name| get(name).filter(|value| !value.is_empty()).ok_or(ConfigError::Missing(name));
        let seconds = get("OWNERSHIP_SECONDS").map_or(Ok(960), |text| text.parse());
        Ok(Self {
            inbox_bucket: need("INBOX_BUCKET")?,
            internal_bucket: need("INTERNAL_BUCKET")?,
            table: need("TABLE")?,
            path_style: get("AWS_ENDPOINT_URL_S3").is_some(),
            ownership: Duration::from_secs(seconds.map_err(|_| ConfigError::Invalid("OWNERSHIP_SECONDS"))?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let full = |name: &str| match name {
            "OWNERSHIP_SECONDS" | "AWS_ENDPOINT_URL_S3" => None,
            other => Some(other.to_lowercase()),
        };
        let config = Config::from_lookup(full).unwrap();
        assert_eq!((config.table.as_str(), config.path_style, config.ownership.as_secs()), ("table", false, 960));
        let missing = Config::from_lookup(|name| full(name).filter(|_| name != "TABLE")).unwrap_err();
        assert!(missing.to_string().contains("TABLE"));
        let wrong = |name: &str| if name == "OWNERSHIP_SECONDS" { Some("soon".into()) } else { full(name) };
        assert!(Config::from_lookup(wrong).unwrap_err().to_string().contains("OWNERSHIP_SECONDS"));
    }
}
