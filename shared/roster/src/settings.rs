//! What an operator configures for a district: its policy, its time zone and the settings of its
//! source.
//!
//! [`DISTRICT`], [`SOURCE`] and the tables in [`pulled`] describe the settings. `SETTINGS.md` is
//! generated from them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::SourceId;
use crate::policy::{Policy, PolicyError, Switch};
use crate::rule::Rule;
use crate::setting::{Setting, Values};

pub mod pulled;

pub use pulled::{ClassLink, Clever, OneRoster, OneRosterVersion, Pulled, PulledSource, SignIn};

/// The status of a district: how far it is from its first notification to regular runs (R-O).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistrictStatus {
    /// A source shares its data; it is not configured.
    Notified,
    /// Configured; nothing pulled.
    Configured,
    /// The sync is on, and the first run must be reviewed.
    InReview,
    /// Synced.
    Live,
    /// Temporarily not synced.
    Paused,
    /// Switched off; the mirror may be edited by hand.
    Off,
}

/// The values of [`DistrictStatus`], with what each means.
pub const STATUSES: &[(&str, &str)] = &[
    ("notified", "A source shares data of this district. It has no settings yet."),
    ("configured", "It has settings. Its sync was never switched on."),
    ("in_review", "The sync is on. The next run is held for review, whatever it would do."),
    ("live", "It is synced."),
    ("paused", "It is temporarily not synced. The mirror stays unchanged."),
    ("off", "The sync is off. The mirror stays, and all of it can be edited by hand."),
];

/// The settings of a district.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The preset that the policy starts from.
    pub preset: String,
    /// Policy settings that differ from the preset.
    #[serde(default)]
    pub overrides: Map<String, Value>,
    /// The IANA time zone of the schedule and of "today".
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Schools whose `school_rostering` differs from the policy's, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub school_rostering: BTreeMap<String, Switch>,
    /// The source, and how its data is read.
    #[serde(default)]
    pub source: SourceSettings,
}

/// Describes every field of [`Settings`], in the same order.
pub const DISTRICT: &[Setting] = &[
    Setting {
        name: "preset",
        values: Values::Described("the name of a preset"),
        effect: "The policy that the district starts from. Any source works with any preset.",
        rules: &[],
    },
    Setting {
        name: "overrides",
        values: Values::Described("an object of policy settings"),
        effect: "Policy settings that differ from the preset.",
        rules: &[],
    },
    Setting {
        name: "time_zone",
        values: Values::Described("an IANA time zone such as `America/Chicago`"),
        effect: "The time zone of the schedule, and of the day for which terms and enrollments \
                 are read.",
        rules: &[Rule::O4, Rule::C4],
    },
    Setting {
        name: "school_rostering",
        values: Values::Described("an object: school key to `on` or `off`"),
        effect: "Schools whose `school_rostering` differs from the policy's.",
        rules: &[Rule::C2, Rule::S4],
    },
    Setting {
        name: "source",
        values: Values::Described("an object of source settings"),
        effect: "The source, and how its data is read.",
        rules: &[],
    },
];

fn utc() -> String {
    "UTC".into()
}

impl Settings {
    /// Returns the settings of a preset, without overrides.
    pub fn of_preset(preset: &str) -> Self {
        let (overrides, school_rostering) = (Map::new(), BTreeMap::new());
        Self {
            preset: preset.into(),
            overrides,
            time_zone: utc(),
            school_rostering,
            source: SourceSettings::default(),
        }
    }

    /// Whether teachers of a school may create classes and edit rosters (`school_rostering`).
    pub fn school_rostering(&self, policy: &Policy, school: &SourceId) -> bool {
        self.school_rostering.get(school.as_str()).copied().unwrap_or(policy.school_rostering)
            == Switch::On
    }

    /// Returns the policy: the preset with its overrides.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        Policy::from_preset(&self.preset, &self.overrides)
    }
}

/// The order of day and month in dates that are not ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// `12/31/2026`.
    Mdy,
    /// `31/12/2026`.
    Dmy,
}

/// The settings of a district's source. Formats are never guessed: if a file needs a setting that
/// is missing, a finding names the setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// The WHATWG name of the encoding of files that are neither UTF-8 nor marked as UTF-16, for
    /// example `windows-1252`.
    pub fallback_encoding: Option<String>,
    /// The order of day and month in dates that are not `YYYY-MM-DD`.
    pub date_order: Option<DateOrder>,
    /// Fields (`state_id`, `student_number`, `ell`, `frl`, `iep`) and the `metadata.*` columns that
    /// hold them.
    pub metadata: BTreeMap<String, String>,
    /// The ISO 3166 code of the country of phone numbers without a country code.
    pub phone_country: String,
    /// The ids of the schools to read. `None`: all (R-O3).
    pub shared_schools: Option<Vec<String>>,
    /// Whether files without a manifest are accepted, as OneRoster 1.0.
    pub accept_1_0: bool,
    /// Whether a file in which only some rows have a status is accepted. It is then read in the
    /// mode that the manifest names.
    pub tolerate_mixed_status: bool,
    /// Whether a bulk file may have a status in every row. Without this setting such a file is read
    /// as a delta, as the standard says.
    pub bulk_with_status: bool,
    /// Set if the roster is pulled from Clever. See [`SourceSettings::pulled`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clever: Option<Clever>,
    /// Set if the roster is pulled from a OneRoster REST server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oneroster: Option<OneRoster>,
    /// Set if the roster is pulled from ClassLink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classlink: Option<ClassLink>,
}

/// Describes every field of [`SourceSettings`], in the same order.
pub const SOURCE: &[Setting] = &[
    Setting {
        name: "fallback_encoding",
        values: Values::Described("a WHATWG encoding name such as `windows-1252`, or null"),
        effect: "The encoding of files that are neither UTF-8 nor marked as UTF-16.",
        rules: &[Rule::H3],
    },
    Setting {
        name: "date_order",
        values: Values::OneOf(&[
            ("mdy", "Month, day, year: `12/31/2026`."),
            ("dmy", "Day, month, year: `31/12/2026`."),
        ]),
        effect: "The order of day and month in dates that are not `YYYY-MM-DD`.",
        rules: &[Rule::H3],
    },
    Setting {
        name: "metadata",
        values: Values::Described("an object: field to column name"),
        effect: "Which `metadata.*` columns hold the fields `state_id`, `student_number`, `ell`, \
                 `frl` and `iep`.",
        rules: &[],
    },
    Setting {
        name: "phone_country",
        values: Values::Described("an ISO 3166 country code"),
        effect: "The country of phone numbers that have no country code.",
        rules: &[Rule::G1],
    },
    Setting {
        name: "shared_schools",
        values: Values::Described("a list of school ids, or null for all schools"),
        effect: "The schools to read. Data of other schools is not read.",
        rules: &[Rule::O3],
    },
    Setting {
        name: "accept_1_0",
        values: Values::Described("true or false"),
        effect: "Whether files without a manifest are accepted, as OneRoster 1.0.",
        rules: &[],
    },
    Setting {
        name: "tolerate_mixed_status",
        values: Values::Described("true or false"),
        effect: "Whether a file in which only some rows have a status is accepted. It is then \
                 read in the mode that the manifest names.",
        rules: &[Rule::H3],
    },
    Setting {
        name: "bulk_with_status",
        values: Values::Described("true or false"),
        effect: "Whether a bulk file may have a status in every row. Without this setting such a \
                 file is read as a delta.",
        rules: &[],
    },
    Setting {
        name: "clever",
        values: Values::Described("an object, see below"),
        effect: "The roster is pulled from Clever.",
        rules: &[],
    },
    Setting {
        name: "oneroster",
        values: Values::Described("an object, see below"),
        effect: "The roster is pulled from a OneRoster REST server.",
        rules: &[],
    },
    Setting {
        name: "classlink",
        values: Values::Described("an object, see below"),
        effect: "The roster is pulled from ClassLink.",
        rules: &[],
    },
];

impl SourceSettings {
    /// Whether the roster is pulled from a server. Otherwise it is uploaded.
    pub fn is_pulled(&self) -> bool {
        self.pulled().is_some()
    }
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            fallback_encoding: None,
            date_order: None,
            metadata: BTreeMap::new(),
            phone_country: "US".into(),
            shared_schools: None,
            accept_1_0: false,
            tolerate_mixed_status: false,
            bulk_with_status: false,
            clever: None,
            oneroster: None,
            classlink: None,
        }
    }
}
