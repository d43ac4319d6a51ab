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
    /// Who pulls districts; none: nobody does.
    pub pulls: Option<Pulls>,
}

/// nightly-pull, which is asked by one-time schedules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulls {
    /// Its ARN.
    pub function_arn: String,
    /// The group of its schedules.
    pub schedule_group: String,
    /// The role by which a schedule may invoke it.
    pub schedule_role_arn: String,
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
    fn what_is_missing_is_named() {
        let needed = ["INBOX_BUCKET", "INTERNAL_BUCKET", "TABLE"];
        let full = |name: &str| needed.contains(&name).then(|| name.to_lowercase());
        let config = Config::from_lookup(full).unwrap();
        assert_eq!(
            (config.table.as_str(), config.path_style, config.pulls),
            ("table", false, None)
        );
        for gone in needed {
            let error =
                Config::from_lookup(|name| full(name).filter(|_| name != gone)).unwrap_err();
            assert!(error.to_string().contains(gone));
        }
    }

    #[test]
    fn who_asks_for_pulls_needs_all_that_it_takes() {
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
        for gone in &needed[1..] {
            let error =
                Config::from_lookup(|name| full(name).filter(|_| name != *gone)).unwrap_err();
            assert!(error.to_string().contains(gone));
        }
    }
}
