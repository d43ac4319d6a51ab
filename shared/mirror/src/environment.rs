//! A function's configuration: environment variables, each required or with a default.

use std::time::Duration;

/// An error in the environment.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is not set.
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    /// A variable has an invalid value.
    #[error("the variable {0} has an invalid value")]
    Invalid(&'static str),
}

/// Environment variables. Tests pass their own. A blank variable counts as not set.
#[derive(Clone, Debug)]
pub struct Environment<G>(G);

impl<G: Fn(&str) -> Option<String>> Environment<G> {
    /// Reads variables with `get`.
    pub fn new(get: G) -> Self {
        Self(get)
    }

    /// Returns an optional variable.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// Returns a required variable.
    pub fn need(&self, name: &'static str) -> Result<String, ConfigError> {
        self.get(name).ok_or(ConfigError::Missing(name))
    }

    /// Returns a whole number above zero.
    pub fn number(&self, name: &'static str, default: u32) -> Result<u32, ConfigError> {
        let value = (self.0)(name).map_or(Ok(default), |text| text.parse());
        value.ok().filter(|value| *value > 0).ok_or(ConfigError::Invalid(name))
    }

    /// Returns a duration of at least one second.
    pub fn seconds(&self, name: &'static str, default: u32) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(self.number(name, default)?.into()))
    }

    /// Returns true if the bucket must be in the path, as for a custom S3 endpoint.
    pub fn path_style(&self) -> bool {
        (self.0)("AWS_ENDPOINT_URL_S3").is_some()
    }
}
