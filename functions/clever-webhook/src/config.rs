//! The configuration, read from environment variables.

use std::time::Duration;

use mirror::environment::{ConfigError, Environment};

/// The configuration of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name or ARN of the secret with the signing keys.
    pub keys: String,
    /// The table.
    pub table: String,
    /// The ARN of nightly-pull, which polls Clever's list.
    pub pull_function_arn: String,
    /// The group of one-time schedules.
    pub schedule_group: String,
    /// The role with which a schedule invokes that function.
    pub schedule_role_arn: String,
    /// How long after an event the function is invoked. Further events about the district in that
    /// time have no effect.
    pub delay: Duration,
    /// The number of events that are accepted per minute.
    pub most_per_minute: u64,
    /// How events are signed.
    pub signing: Signing,
}

/// The form of a sender's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// The header with the signature.
    pub header: String,
    /// The place of the time.
    pub time: Time,
    /// The encoding of the signature.
    pub encoding: Encoding,
    /// The prefix of the signature, for example `sha256=`.
    pub prefix: String,
    /// How far the time may be in the past or in the future.
    pub tolerance: Duration,
}

/// The place of the time at which an event was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Time {
    /// In a header of its own.
    Header(String),
    /// In the signature's header: `t=…,v1=…`.
    Combined,
    /// There is none: the sender signs only the body. The event is then remembered for a long time
    /// to prevent its replay.
    Unsigned,
}

/// The encoding of a signature's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 64 hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

impl Config {
    /// Reads the configuration with `get`, which returns a variable's value.
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment::new(get);
        Ok(Self {
            keys: environment.need("NOTICE_KEYS")?,
            table: environment.need("TABLE")?,
            pull_function_arn: environment.need("PULL_FUNCTION_ARN")?,
            schedule_group: environment.need("SCHEDULE_GROUP")?,
            schedule_role_arn: environment.need("SCHEDULE_ROLE_ARN")?,
            delay: environment.seconds("DELAY_SECONDS", 60)?,
            most_per_minute: environment.number("MOST_PER_MINUTE", 60)?.into(),
            signing: Signing::from_environment(&environment)?,
        })
    }
}

impl Signing {
    fn from_environment(
        environment: &Environment<impl Fn(&str) -> Option<String>>,
    ) -> Result<Self, ConfigError> {
        let header = |name, default: &str| {
            let value =
                environment.get(name).unwrap_or_else(|| default.into()).to_ascii_lowercase();
            let is_name =
                !value.is_empty() && value.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
            is_name.then_some(value).ok_or(ConfigError::Invalid(name))
        };
        let time = match environment.get("TIMESTAMP_FORM").as_deref() {
            None | Some("header") => {
                Time::Header(header("TIMESTAMP_HEADER", "x-rollbook-timestamp")?)
            }
            Some("combined") => Time::Combined,
            Some("none") => Time::Unsigned,
            Some(_) => return Err(ConfigError::Invalid("TIMESTAMP_FORM")),
        };
        let encoding = match environment.get("SIGNATURE_ENCODING").as_deref() {
            None | Some("hex") => Encoding::Hex,
            Some("base64") => Encoding::Base64,
            Some(_) => return Err(ConfigError::Invalid("SIGNATURE_ENCODING")),
        };
        let signature = header("SIGNATURE_HEADER", "x-rollbook-signature")?;
        if time == Time::Header(signature.clone()) {
            return Err(ConfigError::Invalid("TIMESTAMP_HEADER"));
        }
        let prefix = environment.get("SIGNATURE_PREFIX").unwrap_or_default();
        Ok(Self {
            header: signature,
            time,
            encoding,
            prefix,
            tolerance: environment.seconds("TOLERANCE_SECONDS", 300)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 5] =
        ["NOTICE_KEYS", "TABLE", "PULL_FUNCTION_ARN", "SCHEDULE_GROUP", "SCHEDULE_ROLE_ARN"];

    fn config(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_lookup(|name| match more.iter().find(|(set, _)| *set == name) {
            Some((_, value)) => Some((*value).to_owned()),
            None => NEEDED.contains(&name).then(|| name.to_lowercase()),
        })
    }

    #[test]
    fn errors_name_the_missing_or_invalid_variable() {
        for missing in NEEDED {
            assert!(config(&[(missing, "")]).unwrap_err().to_string().contains(missing));
        }
        for (name, value) in [
            ("DELAY_SECONDS", "soon"),
            ("MOST_PER_MINUTE", "0"),
            ("TOLERANCE_SECONDS", "-1"),
            ("TIMESTAMP_FORM", "sundial"),
            ("SIGNATURE_ENCODING", "rot13"),
            ("SIGNATURE_HEADER", "two words"),
            ("TIMESTAMP_HEADER", "x-rollbook-signature"),
        ] {
            assert!(config(&[(name, value)]).unwrap_err().to_string().contains(name), "{name}");
        }
    }

    #[test]
    fn other_signature_forms_are_configurable() {
        let default = config(&[]).unwrap();
        assert_eq!(
            (default.delay.as_secs(), default.most_per_minute, default.signing.tolerance.as_secs()),
            (60, 60, 300)
        );
        assert_eq!(default.signing.time, Time::Header("x-rollbook-timestamp".into()));
        let other = [
            ("SIGNATURE_HEADER", "X-Other"),
            ("TIMESTAMP_FORM", "none"),
            ("SIGNATURE_PREFIX", "sha256="),
        ];
        let other = config(&other).unwrap().signing;
        assert_eq!(
            (other.header.as_str(), other.time, other.prefix.as_str()),
            ("x-other", Time::Unsigned, "sha256=")
        );
        assert_eq!(config(&[("TIMESTAMP_FORM", "combined")]).unwrap().signing.time, Time::Combined);
        assert_eq!(
            config(&[("SIGNATURE_ENCODING", "base64")]).unwrap().signing.encoding,
            Encoding::Base64
        );
    }
}
