//! The configuration, read from environment variables at start.

use mirror::environment::{ConfigError, Environment};

/// Settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bucket of uploads. Only the erasure of a district uses it.
    pub inbox_bucket: String,
    /// The bucket of snapshots, plans, reports and requests.
    pub internal_bucket: String,
    /// The table.
    pub table: String,
    /// Whether S3 requests name the bucket in the path. Needed for custom endpoints.
    pub path_style: bool,
    /// How pulls are requested. `None`: they cannot be requested.
    pub pulls: Option<Pulls>,
}

/// The function nightly-pull, which is invoked by one-time schedules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulls {
    /// The ARN of the function.
    pub function_arn: String,
    /// The group of the schedules.
    pub schedule_group: String,
    /// The role with which a schedule invokes the function.
    pub schedule_role_arn: String,
}

impl Config {
    /// Reads the configuration. `get` returns the value of an environment variable.
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment::new(get);
        Ok(Self {
            inbox_bucket: environment.need("INBOX_BUCKET")?,
            internal_bucket: environment.need("INTERNAL_BUCKET")?,
            table: environment.need("TABLE")?,
            path_style: environment.path_style(),
            pulls: match environment.get("PULL_FUNCTION_ARN") {
                Some(function_arn) => Some(Pulls {
                    function_arn,
                    schedule_group: environment.need("SCHEDULE_GROUP")?,
                    schedule_role_arn: environment.need("SCHEDULE_ROLE_ARN")?,
                }),
                None => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_missing_variable() {
        let needed = ["INBOX_BUCKET", "INTERNAL_BUCKET", "TABLE"];
        let full = |name: &str| needed.contains(&name).then(|| name.to_lowercase());
        let config = Config::from_lookup(full).unwrap();
        assert_eq!(
            (config.table.as_str(), config.path_style, config.pulls),
            ("table", false, None)
        );
        for missing in needed {
            let error =
                Config::from_lookup(|name| full(name).filter(|_| name != missing)).unwrap_err();
            assert!(error.to_string().contains(missing));
        }
    }

    #[test]
    fn pulls_need_all_of_their_variables() {
        let needed = ["PULL_FUNCTION_ARN", "SCHEDULE_GROUP", "SCHEDULE_ROLE_ARN"];
        let always = ["INBOX_BUCKET", "INTERNAL_BUCKET", "TABLE"];
        let full = |name: &str| {
            (always.contains(&name) || needed.contains(&name)).then(|| name.to_lowercase())
        };
        let pulls = Config::from_lookup(full).unwrap().pulls.unwrap();
        assert_eq!(
            (pulls.function_arn.as_str(), pulls.schedule_group.as_str()),
            ("pull_function_arn", "schedule_group")
        );
        for missing in &needed[1..] {
            let error =
                Config::from_lookup(|name| full(name).filter(|_| name != *missing)).unwrap_err();
            assert!(error.to_string().contains(missing));
        }
    }
}
