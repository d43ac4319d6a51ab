//! What a function is told by its environment: variables by name, each needed, or with a default.

use std::time::Duration;

/// What is wrong with the environment.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is not set.
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    /// A variable has a value that it cannot have.
    #[error("the variable {0} has an invalid value")]
    Invalid(&'static str),
}

/// Variables; tests have their own. A blank one counts as not set.
#[derive(Clone, Debug)]
pub struct Environment<G>(G);

impl<G: Fn(&str) -> Option<String>> Environment<G> {
    /// Variables as `get` tells them.
    pub fn new(get: G) -> Self {
        Self(get)
    }

    /// A variable that may be missing.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// A variable that must be there.
    pub fn need(&self, name: &'static str) -> Result<String, ConfigError> {
        self.get(name).ok_or(ConfigError::Missing(name))
    }

    /// A whole number above zero.
    pub fn number(&self, name: &'static str, default: u32) -> Result<u32, ConfigError> {
        let value = (self.0)(name).map_or(Ok(default), |text| text.parse());
        value.ok().filter(|value| *value > 0).ok_or(ConfigError::Invalid(name))
    }

    /// Seconds, one at least.
    pub fn seconds(&self, name: &'static str, default: u32) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(self.number(name, default)?.into()))
    }

    /// Whether buckets are the first part of the path: where S3 has an endpoint of one's own.
    pub fn path_style(&self) -> bool {
        (self.0)("AWS_ENDPOINT_URL_S3").is_some()
    }
}
