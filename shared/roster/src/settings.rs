//! What an operator configures of a district: its policy, its time zone and the settings of its
//! source.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::SourceId;
use crate::policy::{Policy, PolicyError, Switch};

mod pulled;

pub use pulled::{ClassLink, Clever, OneRoster, OneRosterVersion, Pulled, PulledSource, SignIn};

/// Where a district stands between the first notice and the last run (R-O).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistrictStatus {
    /// It shares data; nobody has configured it.
    Notified,
    /// Configured; nothing pulled.
    Configured,
    /// The first plan waits for review.
    InReview,
    /// Synced.
    Live,
    /// Not synced for a while.
    Paused,
    /// Switched off for good; the mirror may be edited by hand.
    Off,
}

/// Everything configured of a district.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The preset that the policy starts from.
    pub preset: String,
    /// Single settings of the policy that differ from the preset.
    #[serde(default)]
    pub overrides: Map<String, Value>,
    /// IANA time zone: what "today" and the schedule mean.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Schools whose `school_rostering` is not the policy's, by their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub school_rostering: BTreeMap<String, Switch>,
    /// How the source's data is to be read.
    #[serde(default)]
    pub source: SourceSettings,
}

fn utc() -> String {
    "UTC".into()
}

impl Settings {
    /// A preset with nothing changed.
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

    /// Whether teachers of a school may make classes and edit rosters (`school_rostering`).
    pub fn school_rostering(&self, policy: &Policy, school: &SourceId) -> bool {
        self.school_rostering.get(school.as_str()).copied().unwrap_or(policy.school_rostering)
            == Switch::On
    }

    /// The policy that the settings amount to.
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

/// Settings of a district's source. None is guessed: where a file needs one that is not made, a
/// finding names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// The encoding of files that are neither UTF-8 nor marked as UTF-16, by its WHATWG name:
    /// `windows-1252`.
    pub fallback_encoding: Option<String>,
    /// The order of dates that are not `YYYY-MM-DD`.
    pub date_order: Option<DateOrder>,
    /// Which `metadata.*` column holds what: field (`state_id`, `student_number`, `ell`, `frl`,
    /// `iep`) to column name.
    pub metadata: BTreeMap<String, String>,
    /// ISO 3166 code of the country that phones without a country code belong to.
    pub phone_country: String,
    /// The ids of the schools to read; none: all (R-O3).
    pub shared_schools: Option<Vec<String>>,
    /// Files without a manifest are OneRoster 1.0.
    pub accept_1_0: bool,
    /// A file in which some rows have a status and others have none is read as the manifest says,
    /// not refused.
    pub tolerate_mixed_status: bool,
    /// Rows of a bulk file have a status all the same: the file is bulk, though the standard would
    /// read it as delta.
    pub bulk_with_status: bool,
    /// The roster is pulled from Clever. See [`SourceSettings::pulled`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clever: Option<Clever>,
    /// The roster is pulled from a OneRoster REST server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oneroster: Option<OneRoster>,
    /// The roster is pulled from ClassLink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classlink: Option<ClassLink>,
}

impl SourceSettings {
    /// Whether the roster is pulled from a server every night; else it is uploaded.
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
