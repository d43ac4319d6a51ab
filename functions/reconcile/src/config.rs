//! The settings of the function, read from the environment once at the start.

use std::time::Duration;

use mirror::environment::{ConfigError, Environment};
use mirror::ops::apply::Pace;

/// Settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bucket of snapshots, plans and reports.
    pub internal_bucket: String,
    /// The table.
    pub table: String,
    /// The bus for notifications.
    pub operator_bus: String,
    /// The group of one-time schedules.
    pub schedule_group: String,
    /// The role with which a schedule invokes the function.
    pub schedule_role_arn: String,
    /// Buckets are addressed by path, as an S3 endpoint other than AWS requires.
    pub path_style: bool,
    /// How long a district's lease lasts. Must exceed the time limit of an invocation, so that no
    /// invocation writes under an expired lease.
    pub lease: Duration,
    /// How long before its time limit an invocation stops writing, so that it can save its
    /// position.
    pub stop_before: Duration,
    /// How fast changes are written to the mirror.
    pub pace: Pace,
}

impl Config {
    /// Reads the settings by name.
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment::new(get);
        Ok(Self {
            internal_bucket: environment.need("INTERNAL_BUCKET")?,
            table: environment.need("TABLE")?,
            operator_bus: environment.need("OPERATOR_BUS")?,
            schedule_group: environment.need("SCHEDULE_GROUP")?,
            schedule_role_arn: environment.need("SCHEDULE_ROLE_ARN")?,
            path_style: environment.path_style(),
            lease: environment.seconds("LEASE_SECONDS", 960)?,
            stop_before: environment.seconds("STOP_BEFORE_SECONDS", 60)?,
            pace: Pace { most: environment.number("MOST_BATCHES", 64)?.into(), ..Pace::default() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_missing_or_invalid_variable() {
        let needed =
            ["INTERNAL_BUCKET", "TABLE", "OPERATOR_BUS", "SCHEDULE_GROUP", "SCHEDULE_ROLE_ARN"];
        let full = |name: &str| needed.contains(&name).then(|| name.to_lowercase());
        let config = Config::from_lookup(full).unwrap();
        assert_eq!(
            (config.lease.as_secs(), config.stop_before.as_secs(), config.path_style),
            (960, 60, false)
        );
        for gone in needed {
            let error =
                Config::from_lookup(|name| full(name).filter(|_| name != gone)).unwrap_err();
            assert!(error.to_string().contains(gone));
        }
        for (name, value) in
            [("LEASE_SECONDS", "long"), ("STOP_BEFORE_SECONDS", "-1"), ("MOST_BATCHES", "0")]
        {
            let get = |wanted: &str| if wanted == name { Some(value.into()) } else { full(wanted) };
            assert!(Config::from_lookup(get).unwrap_err().to_string().contains(name));
        }
    }
}
