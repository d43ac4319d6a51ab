//! What the environment says, read once.

use mirror::environment::{ConfigError, Environment};

/// Settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bucket of uploads: only erasing a district looks into it.
    pub inbox_bucket: String,
    /// The bucket of snapshots, plans, reports and requests.
    pub internal_bucket: String,
    /// The table.
    pub table: String,
    /// Buckets are the first part of the path: where S3 has an endpoint of one's own.
    pub path_style: bool,
}

impl Config {
    /// Reads the settings by name.
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment::new(get);
        Ok(Self {
            inbox_bucket: environment.need("INBOX_BUCKET")?,
            internal_bucket: environment.need("INTERNAL_BUCKET")?,
            table: environment.need("TABLE")?,
            path_style: environment.path_style(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let needed = ["INBOX_BUCKET", "INTERNAL_BUCKET", "TABLE"];
        let full = |name: &str| needed.contains(&name).then(|| name.to_lowercase());
        let config = Config::from_lookup(full).unwrap();
        assert_eq!((config.table.as_str(), config.path_style), ("table", false));
        for gone in needed {
            let error = Config::from_lookup(|name| full(name).filter(|_| name != gone)).unwrap_err();
            assert!(error.to_string().contains(gone));
        }
    }
}
