//! The generated documents FINDINGS.md and SETTINGS.md match the code.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use roster::finding::{Code, Severity, pull, request, source, sync, upload};
use roster::policy::{self, Policy};
use roster::setting::{Setting, Values};
use roster::settings::pulled::{CLASSLINK, CLEVER, ONEROSTER};
use roster::settings::{
    ClassLink, Clever, DISTRICT, DistrictStatus, OneRoster, SOURCE, STATUSES, Settings,
    SourceSettings,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The tables of codes, in the order of the document.
const GROUPS: [(&str, &[&Code]); 5] = [
    ("Before an upload is read", upload::ALL),
    ("OneRoster files and records", source::ALL),
    ("Pulls from a source's server", pull::ALL),
    ("Sync rules", sync::ALL),
    ("Undo and restore", request::ALL),
];

const FINDINGS_HEAD: &str = "\
# Findings

<!-- Generated. To write this file: cargo xtask docs -->

A finding reports something that is wrong or notable in a district's data, or in a run. It names
the record and, for a file, the file, line and column. Findings are in the report of each run and in
the answers of the API; `rollbook import` prints them.

Each finding has a code that never changes its meaning. The severity says what happened:

- **stop**: the data cannot be trusted. No plan is made, and nothing is changed.
- **drop**: the record was skipped. It stays unchanged in the mirror.
- **warn**: the data was used, but something in it should be corrected.
- **info**: for information. Usually there is nothing to do.

\"Export\" means the OneRoster files that a student information system writes, \"source\" the system
that Rollbook reads a district from: those files, a OneRoster server, Clever or ClassLink.
";

const SETTINGS_HEAD: &str = "\
# Settings

<!-- Generated. To write this file: cargo xtask docs -->

Every setting of a district, with its values, its default and the
[rules](../rules/RULES.md) that depend on it. Settings are one JSON object; `PUT …/settings` of the
[API](../../functions/roster-api/README.md) replaces it:

```json
{
  \"preset\": \"sis\",
  \"overrides\": {\"admit_students\": \"shared\", \"hold_if_removed_percent\": 5},
  \"time_zone\": \"America/Chicago\",
  \"source\": {\"date_order\": \"mdy\"}
}
```

A setting with an unknown name or an invalid value is rejected.
";

const POLICY_HEAD: &str = "
## Policy

A preset gives every policy setting a value; `overrides` replaces single ones. Presets are data
files in [presets](presets), not code. Any source works with any preset.

";

const SOURCE_HEAD: &str = "
## Source

The fields of `source`. A district without `clever`, `oneroster` or `classlink` uploads files.

";

/// Settings of the rule book that do not exist yet.
const PLANNED: [(&str, &str); 3] = [
    ("deadline_hours", "Hours after which a district without a good run is reported as late."),
    ("calendar", "Pauses, and the first and last day of school."),
    ("retention", "Days after which archived people, uploads, snapshots and plans are deleted."),
];

/// Compares a generated document with the file. Writes the file if `WRITE_DOCS` is set.
fn check_document(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let found = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    if found == expected {
        return;
    }
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("the document can be written");
        return;
    }
    panic!(
        "shared/roster/{name} does not match the code.\n\
         To write it: cargo xtask docs\n\
         Expected:\n\n{expected}"
    );
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn findings() -> String {
    let mut text = FINDINGS_HEAD.to_owned();
    for (title, codes) in GROUPS {
        let _ = write!(text, "\n## {title}\n\n");
        text.push_str(
            "| code | severity | what it means | what to do |\n| --- | --- | --- | --- |\n",
        );
        for code in codes {
            let severity = match code.severity {
                Severity::Stop => "stop",
                Severity::Drop => "drop",
                Severity::Warn => "warn",
                Severity::Info => "info",
            };
            let (meaning, advice) = (cell(code.meaning), cell(code.advice));
            let _ = writeln!(text, "| `{}` | {severity} | {meaning} | {advice} |", code.name);
        }
    }
    text
}

#[test]
fn findings_md_lists_every_code() {
    assert_eq!(
        GROUPS.iter().map(|(_, codes)| codes.len()).sum::<usize>(),
        roster::finding::all_codes().count(),
        "a table of codes is missing from the document"
    );
    check_document("FINDINGS.md", &findings());
}

/// A JSON value as a reader of the document types it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        // 10.0 is shown as 10.
        Value::Number(number) => match number.as_f64() {
            Some(number) => format!("{number}"),
            None => number.to_string(),
        },
        Value::Object(map) if map.is_empty() => "none".to_owned(),
        other => other.to_string(),
    }
}

fn rules(setting: &Setting) -> String {
    setting.rules.iter().map(|rule| rule.id()).collect::<Vec<_>>().join(", ")
}

/// The values of a setting in one table cell.
fn values_cell(setting: &Setting) -> String {
    match &setting.values {
        Values::Described(text) => (*text).to_owned(),
        Values::OneOf(values) => {
            let values: Vec<String> =
                values.iter().map(|(value, effect)| format!("`{value}`: {effect}")).collect();
            values.join("<br>")
        }
    }
}

/// Writes settings as a table. `default` gives the text of the column "default".
fn table(text: &mut String, settings: &[Setting], default: impl Fn(&str) -> String) {
    text.push_str(
        "| setting | values | default | effect | rules |\n| --- | --- | --- | --- | --- |\n",
    );
    for setting in settings {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            setting.name,
            cell(&values_cell(setting)),
            default(setting.name),
            cell(setting.effect),
            rules(setting)
        );
    }
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value).unwrap() {
        Value::Object(map) => map,
        other => panic!("settings are an object, not {other}"),
    }
}

/// The default of a field of `T`: "required" if `T` cannot be read without it, otherwise the value
/// that serde fills in. `full` has a value in every field.
fn default_of<T: DeserializeOwned + Serialize>(full: &T, name: &str) -> String {
    let mut fields = object(full);
    fields.remove(name);
    match serde_json::from_value::<T>(Value::Object(fields)) {
        Ok(read) => shown(object(&read).get(name).unwrap_or(&Value::Null)),
        Err(_) => "required".to_owned(),
    }
}

// Each of these has a value in every field, so that every field is serialized. A new field does not
// compile until it is added here.

fn full_clever() -> Clever {
    Clever {
        district: "d".into(),
        token_secret: Some("secret".into()),
        api: "https://api.example.org".into(),
        version: "v3.0".into(),
        page_size: 1,
    }
}

fn full_oneroster() -> OneRoster {
    OneRoster {
        url: "https://sis.example.org".into(),
        version: Default::default(),
        sign_in: Default::default(),
        secret: "secret".into(),
        token_url: Some("https://sis.example.org/token".into()),
        scope: Some("scope".into()),
        page_size: 1,
        changes_every_hours: Some(1),
    }
}

fn full_classlink() -> ClassLink {
    ClassLink {
        tenant: "1".into(),
        proxy: "https://proxy.example.org".into(),
        page_size: 1,
        changes_every_hours: Some(1),
    }
}

fn full_source() -> SourceSettings {
    SourceSettings {
        fallback_encoding: Some("windows-1252".into()),
        date_order: Some(roster::settings::DateOrder::Mdy),
        metadata: Default::default(),
        phone_country: "US".into(),
        shared_schools: Some(Vec::new()),
        accept_1_0: false,
        tolerate_mixed_status: false,
        bulk_with_status: false,
        clever: Some(full_clever()),
        oneroster: Some(full_oneroster()),
        classlink: Some(full_classlink()),
    }
}

fn full_settings() -> Settings {
    Settings {
        preset: "sis".into(),
        overrides: Map::new(),
        time_zone: "America/Chicago".into(),
        school_rostering: [("s1".to_owned(), policy::Switch::On)].into(),
        source: full_source(),
    }
}

fn presets() -> Vec<(&'static str, Map<String, Value>)> {
    Policy::preset_names()
        .map(|name| (name, object(&Policy::from_preset(name, &Map::new()).unwrap())))
        .collect()
}

fn settings() -> String {
    let mut text = SETTINGS_HEAD.to_owned();
    text.push_str("\n## District\n\n");
    table(&mut text, DISTRICT, |name| default_of(&full_settings(), name));
    text.push_str(
        "\n### Status\n\nThe status is not a setting: it changes by steps of the API.\n\n",
    );
    text.push_str("| status | meaning |\n| --- | --- |\n");
    for (status, meaning) in STATUSES {
        let _ = writeln!(text, "| `{status}` | {meaning} |");
    }
    text.push_str(POLICY_HEAD);
    let presets = presets();
    text.push_str("| setting |");
    for (name, _) in &presets {
        let _ = write!(text, " `{name}` |");
    }
    let _ = writeln!(text, " rules |\n| --- |{} --- |", " --- |".repeat(presets.len()));
    for setting in policy::SETTINGS {
        let _ = write!(text, "| [{0}](#{0}) |", setting.name);
        for (_, values) in &presets {
            let _ = write!(text, " {} |", shown(&values[setting.name]));
        }
        let _ = writeln!(text, " {} |", rules(setting));
    }
    for setting in policy::SETTINGS {
        let _ = write!(text, "\n### {}\n\n{}\n\n", setting.name, setting.effect);
        match &setting.values {
            Values::Described(values) => {
                let _ = writeln!(text, "Value: {values}.");
            }
            Values::OneOf(values) => {
                for (value, effect) in *values {
                    let _ = writeln!(text, "- `{value}`: {effect}");
                }
            }
        }
    }
    text.push_str(SOURCE_HEAD);
    table(&mut text, SOURCE, |name| default_of(&full_source(), name));
    text.push_str("\n### Clever\n\nThe fields of `source.clever`.\n\n");
    table(&mut text, CLEVER, |name| default_of(&full_clever(), name));
    text.push_str("\n### OneRoster\n\nThe fields of `source.oneroster`.\n\n");
    table(&mut text, ONEROSTER, |name| default_of(&full_oneroster(), name));
    text.push_str("\n### ClassLink\n\nThe fields of `source.classlink`.\n\n");
    table(&mut text, CLASSLINK, |name| default_of(&full_classlink(), name));
    text.push_str(
        "\n## Planned\n\nThese settings of the rule book do not exist yet and are rejected.\n\n",
    );
    for (name, effect) in PLANNED {
        let _ = writeln!(text, "- `{name}`: {effect}");
    }
    text
}

#[test]
fn settings_md_lists_every_setting() {
    check_document("SETTINGS.md", &settings());
}

/// The names between backticks after "expected": serde's list of the values that it accepts.
fn accepted(error: &str) -> BTreeSet<String> {
    let (_, list) = error.split_once("expected").expect("serde lists the accepted values");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn names(values: &[(&str, &str)]) -> BTreeSet<String> {
    values.iter().map(|(value, _)| (*value).to_owned()).collect()
}

/// Checks a table against the type: the same fields, and for settings with a list of values the
/// values that serde accepts.
fn check_table<T: DeserializeOwned + Serialize>(full: &T, table: &[Setting]) {
    let fields = object(full);
    let described: BTreeSet<&str> = table.iter().map(|setting| setting.name).collect();
    assert_eq!(described.len(), table.len(), "a setting is described twice");
    assert_eq!(described, fields.keys().map(String::as_str).collect(), "fields and table differ");
    for setting in table {
        assert!(setting.effect.ends_with('.'), "{}", setting.name);
        let with = |value: &str| {
            let mut fields = fields.clone();
            fields.insert(setting.name.to_owned(), value.into());
            serde_json::from_value::<T>(Value::Object(fields))
        };
        let error = with("no such value").err().map(|error| error.to_string());
        match &setting.values {
            Values::OneOf(values) => {
                assert_eq!(names(values), accepted(&error.unwrap()), "{}", setting.name);
            }
            Values::Described(text) => {
                assert!(!text.ends_with('.'), "{}", setting.name);
                let is_enum = error.is_some_and(|error| error.contains("unknown variant"));
                assert!(!is_enum, "the values of {} are not listed", setting.name);
            }
        }
    }
}

#[test]
fn every_field_is_described_with_the_values_that_serde_accepts() {
    check_table(&Policy::from_preset("sis", &Map::new()).unwrap(), policy::SETTINGS);
    check_table(&full_settings(), DISTRICT);
    check_table(&full_source(), SOURCE);
    check_table(&full_clever(), CLEVER);
    check_table(&full_oneroster(), ONEROSTER);
    check_table(&full_classlink(), CLASSLINK);
    let error = serde_json::from_value::<DistrictStatus>(json!("no such value")).unwrap_err();
    assert_eq!(names(STATUSES), accepted(&error.to_string()));
}

#[test]
fn planned_settings_do_not_exist_yet() {
    let fields = object(&Policy::from_preset("sis", &Map::new()).unwrap());
    for (name, _) in PLANNED {
        assert!(!fields.contains_key(name), "{name} exists: describe it in policy::SETTINGS");
    }
}
