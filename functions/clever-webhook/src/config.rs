//! What the environment says, read once.

use std::time::Duration;

use mirror::environment::{ConfigError, Environment};

/// Settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The secret with the keys that notices are signed with: its name or ARN.
    pub keys: String,
    /// The table.
    pub table: String,
    /// The function that looks at what a notice is about.
    pub pull_function_arn: String,
    /// The group of one-time schedules.
    pub schedule_group: String,
    /// The role by which a schedule may invoke that function.
    pub schedule_role_arn: String,
    /// How long after a notice it is invoked: notices of one district that come meanwhile are one.
    pub delay: Duration,
    /// How many notices are taken in a minute.
    pub most_per_minute: u64,
    /// How a notice is signed.
    pub signing: Signing,
}

/// How a sender signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// The header with the signature.
    pub header: String,
    /// Where the time stands.
    pub time: Time,
    /// How the signature is written.
    pub encoding: Encoding,
    /// What stands before it: `sha256=`.
    pub prefix: String,
    /// By how much the time may differ from ours, either way.
    pub tolerance: Duration,
}

/// Where the time stands at which a notice was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Time {
    /// In a header of its own.
    Header(String),
    /// Beside the signature: `t=…,v1=…`.
    Combined,
    /// Nowhere, for senders that sign the body alone. A notice is then remembered for long, so that
    /// it is not taken twice.
    Nowhere,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 64 hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

impl Config {
    /// Reads the settings by name.
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
            Some("none") => Time::Nowhere,
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
        Config::from_lookup(|name| match more.iter().find(|(asked, _)| *asked == name) {
            Some((_, value)) => Some((*value).to_owned()),
            None => NEEDED.contains(&name).then(|| name.to_lowercase()),
        })
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for gone in NEEDED {
            assert!(config(&[(gone, "")]).unwrap_err().to_string().contains(gone));
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
    fn a_sender_of_another_kind_is_a_setting() {
        let usual = config(&[]).unwrap();
        assert_eq!(
            (usual.delay.as_secs(), usual.most_per_minute, usual.signing.tolerance.as_secs()),
            (60, 60, 300)
        );
        assert_eq!(usual.signing.time, Time::Header("x-rollbook-timestamp".into()));
        let other = [
            ("SIGNATURE_HEADER", "X-Other"),
            ("TIMESTAMP_FORM", "none"),
            ("SIGNATURE_PREFIX", "sha256="),
        ];
        let other = config(&other).unwrap().signing;
        assert_eq!(
            (other.header.as_str(), other.time, other.prefix.as_str()),
            ("x-other", Time::Nowhere, "sha256=")
        );
        assert_eq!(config(&[("TIMESTAMP_FORM", "combined")]).unwrap().signing.time, Time::Combined);
        assert_eq!(
            config(&[("SIGNATURE_ENCODING", "base64")]).unwrap().signing.encoding,
            Encoding::Base64
        );
    }
}
