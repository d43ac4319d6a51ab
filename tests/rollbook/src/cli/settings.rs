//! `--set key=value`: settings of a district, by their names in SETTINGS.md.

use jiff::tz::TimeZone;
use roster::settings::Settings;
use serde_json::{Map, Value};

use super::Fault;

/// Applies `key=value` pairs in order. `time_zone`, `source.…` and `source.metadata.…` are settings
/// of the district, all others are settings of its policy.
pub(super) fn apply(settings: &Settings, pairs: &[String]) -> Result<Settings, Fault> {
    let mut settings = settings.clone();
    for pair in pairs {
        let Some((name, text)) = pair.split_once('=') else {
            return Err(Fault::Message(format!(
                "--set {pair} is not of the form name=value, as in --set role_conflicts=enrollment"
            )));
        };
        settings = set(&settings, name.trim(), text.trim())?;
    }
    settings.policy()?;
    Ok(settings)
}

fn set(settings: &Settings, name: &str, text: &str) -> Result<Settings, Fault> {
    let mut changed = settings.clone();
    if name == "time_zone" {
        if TimeZone::get(text).is_err() {
            return Err(Fault::Message(format!(
                "there is no time zone {text}; write an IANA name, for example America/Chicago"
            )));
        }
        changed.time_zone = text.into();
        return Ok(changed);
    }
    let Some(name) = name.strip_prefix("source.") else {
        changed.overrides.insert(name.into(), parse_value(text));
        changed.policy()?;
        return Ok(changed);
    };
    if let Some(field) = name.strip_prefix("metadata.") {
        changed.source.metadata.insert(field.into(), text.into());
        return Ok(changed);
    }
    // Try the text as a string, as a JSON value (a number, true, null) and as a list. The
    // setting's type accepts only one of them.
    let list = Value::from(text.split(',').map(str::trim).collect::<Vec<_>>());
    let mut first_error = String::new();
    for value in [Value::from(text), parse_value(text), list] {
        let mut source = as_map(&settings.source)?;
        source.insert(name.into(), value);
        match serde_json::from_value(Value::Object(source)) {
            Ok(source) => {
                changed.source = source;
                return Ok(changed);
            }
            Err(error) if first_error.is_empty() => first_error = error.to_string(),
            Err(_) => (),
        }
    }
    Err(Fault::Message(format!("--set source.{name}={text} is not a setting: {first_error}")))
}

fn as_map(source: &roster::settings::SourceSettings) -> Result<Map<String, Value>, Fault> {
    match serde_json::to_value(source) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(Fault::Message("the settings of the source cannot be read".into())),
    }
}

/// Parses a number, `true`, `false` or `null`. Returns any other text as a string.
fn parse_value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value,
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roster::settings::DateOrder;

    fn with(pairs: &[&str]) -> Result<Settings, String> {
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        apply(&Settings::of_preset("sis"), &pairs).map_err(|fault| fault.to_string())
    }

    #[test]
    fn every_kind_of_setting_can_be_changed() {
        let settings = with(&[
            "role_conflicts=enrollment",
            "hold_if_removed_percent=25",
            "max_source_co_teachers=null",
            "time_zone=America/Chicago",
            "source.date_order=dmy",
            "source.bulk_with_status=true",
            "source.fallback_encoding=windows-1252",
            "source.shared_schools=1, 2",
            "source.metadata.state_id=metadata.stateId",
        ])
        .unwrap();
        assert_eq!(settings.overrides["role_conflicts"], "enrollment");
        assert_eq!(settings.policy().unwrap().hold_if_removed_percent, 25.0);
        assert_eq!(settings.time_zone, "America/Chicago");
        assert_eq!(settings.source.date_order, Some(DateOrder::Dmy));
        assert!(settings.source.bulk_with_status);
        assert_eq!(settings.source.fallback_encoding.as_deref(), Some("windows-1252"));
        assert_eq!(settings.source.shared_schools, Some(vec!["1".into(), "2".into()]));
        assert_eq!(settings.source.metadata["state_id"], "metadata.stateId");
    }

    #[test]
    fn an_unknown_setting_or_value_is_named_in_the_error() {
        for (pair, expected) in [
            ("role_conflicts", "name=value"),
            ("role_conflict=user", "role_conflict"),
            ("role_conflicts=nobody", "nobody"),
            ("time_zone=Mars/Olympus", "Mars/Olympus"),
            ("source.date_order=ymd", "ymd"),
            ("source.colour=red", "colour"),
        ] {
            let error = with(&[pair]).unwrap_err();
            assert!(error.contains(expected), "{pair}: {error}");
        }
    }
}
