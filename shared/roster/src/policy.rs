//! A district's policy: every setting by which districts differ, and the presets they start from.

use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// When a student comes in (R-S1, R-S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdmitStudents {
    /// Every shared student.
    Shared,
    /// With an e-mail address.
    Email,
    /// With an e-mail address and an enrolment in an active class.
    EmailAndEnrolled,
}

/// When a guardian comes in (R-G1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdmitGuardians {
    /// Never.
    None,
    /// With an e-mail or phone that no other guardian of the district has.
    UniqueContact,
}

/// Whether demographics are kept (R-M7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepDemographics {
    /// As the source has them.
    Mirror,
    /// Stored nowhere, snapshots included.
    Ignore,
}

/// Whose contact data counts once a person has accepted the invitation (R-G5, R-G6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactUpdates {
    /// The source's, for everybody.
    Always,
    /// The source's until the account is active; from then on the person's own.
    UntilActive,
}

/// What becomes of a student added by hand to a synced class (R-S4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManualStudents {
    /// Goes with the next run.
    Remove,
    /// Stays, where the school's `school_rostering` is on.
    Keep,
}

/// What becomes of a co-teacher added by hand to a synced class (R-T3, R-T4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManualCoTeachers {
    /// Goes with the next run.
    Remove,
    /// Outsiders stay, in a class without a co-teacher from the source.
    OutsidersAlone,
    /// Outsiders stay.
    Outsiders,
    /// All stay, where the school's `school_rostering` is on.
    Keep,
}

/// Who may make manual classes (R-C2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManualRostering {
    /// Nobody.
    Off,
    /// Leaders.
    Leaders,
    /// Teachers and leaders.
    Teachers,
}

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Off.
    Off,
    /// On.
    On,
}

/// What a family that has left loses (R-A2, R-A3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbandonedFamilies {
    /// Active classes.
    Soft,
    /// The school and all classes.
    Extreme,
}

/// Whether who has left stays in manual classes (R-C2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbandonedInManualClasses {
    /// Stays.
    Stay,
    /// Leaves.
    Leave,
}

/// What becomes of a class that the source no longer has (R-A5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbandonedClasses {
    /// Archived, with its roster as of that day.
    Archive,
    /// Kept as a manual class.
    Disconnect,
}

/// Whose word counts where an enrolment's role is none of the person's roles (R-T7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleConflicts {
    /// The person's: the enrolment is left out.
    User,
    /// The enrolment's: the person gets that role in that class, and an account for it.
    Enrollment,
}

/// Every setting. Fields have the names and values of the rule book's table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// When a student comes in.
    pub admit_students: AdmitStudents,
    /// When a guardian comes in.
    pub admit_guardians: AdmitGuardians,
    /// Whether demographics are kept.
    pub demographics: KeepDemographics,
    /// Whose contact data counts.
    pub contact_updates: ContactUpdates,
    /// Students added by hand to synced classes.
    pub manual_students_in_synced_classes: ManualStudents,
    /// Co-teachers added by hand to synced classes.
    pub manual_co_teachers: ManualCoTeachers,
    /// Who may make manual classes.
    pub manual_rostering: ManualRostering,
    /// Teachers may make classes and edit rosters: what a school has that says nothing else.
    pub school_rostering: Switch,
    /// What a family that has left loses.
    pub abandoned_families: AbandonedFamilies,
    /// Whether who has left stays in manual classes.
    pub abandoned_in_manual_classes: AbandonedInManualClasses,
    /// What becomes of a class gone from the source.
    pub abandoned_classes: AbandonedClasses,
    /// How many co-teachers the source can name in a class (R-T5); none: any number.
    pub max_source_co_teachers: Option<u32>,
    /// Hours that a change needs to reach the source.
    pub propagation_hours: f64,
    /// Whose word counts about roles.
    pub role_conflicts: RoleConflicts,
    /// Whether a person under a new id is found again (R-I2).
    pub relink_identities: Switch,
    /// Percent of a kind that may go before a run is held (R-H1).
    pub hold_if_removed_percent: f64,
    /// Percent of a kind that may change before a run is held (R-H1).
    pub hold_if_changed_percent: f64,
    /// When: a local time `HH:MM`, or `on upload`. The time zone is the district's.
    pub schedule: String,
}

/// The presets' data: name and settings. A preset is a file in `presets/`, not code.
const PRESETS: [(&str, &str); 4] = [
    ("sis", include_str!("../presets/sis.json")),
    ("clever", include_str!("../presets/clever.json")),
    ("ats-stars", include_str!("../presets/ats-stars.json")),
    ("family-directory", include_str!("../presets/family-directory.json")),
];

/// Why settings were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No preset has that name.
    #[error("unknown preset `{0}`; the presets are sis, clever, ats-stars, family-directory")]
    UnknownPreset(String),
    /// A setting has an unknown name or a value that it cannot have.
    #[error("the policy cannot be read: {0}")]
    Setting(String),
}

impl Policy {
    /// Whether demographics are stored at all (R-M7).
    pub fn stores_demographics(&self) -> bool {
        match self.demographics {
            KeepDemographics::Mirror => true,
            KeepDemographics::Ignore => false,
        }
    }

    /// The local time of the nightly run; `None` for a district that is synced on upload.
    pub fn nightly_at(&self) -> Option<Time> {
        self.schedule.parse().ok()
    }

    /// The names of the presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// A preset, with single settings replaced by an operator's.
    pub fn from_preset(preset: &str, overrides: &Map<String, Value>) -> Result<Self, PolicyError> {
        let (_, text) = PRESETS
            .iter()
            .find(|(name, _)| *name == preset)
            .ok_or_else(|| PolicyError::UnknownPreset(preset.to_owned()))?;
        let mut settings: Map<String, Value> =
            serde_json::from_str(text).map_err(|e| PolicyError::Setting(e.to_string()))?;
        settings.extend(overrides.clone());
        let policy: Self = serde_json::from_value(Value::Object(settings))
            .map_err(|e| PolicyError::Setting(e.to_string()))?;
        policy.checked()
    }

    fn checked(self) -> Result<Self, PolicyError> {
        for (name, percent) in [
            ("hold_if_removed_percent", self.hold_if_removed_percent),
            ("hold_if_changed_percent", self.hold_if_changed_percent),
        ] {
            if !(0.0..=100.0).contains(&percent) {
                return Err(PolicyError::Setting(format!(
                    "{name} is {percent}; it must be between 0 and 100"
                )));
            }
        }
        if self.propagation_hours.is_nan() || self.propagation_hours < 0.0 {
            return Err(PolicyError::Setting("propagation_hours must not be negative".into()));
        }
        if self.schedule != "on upload" && self.nightly_at().is_none() {
            return Err(PolicyError::Setting(
                "schedule must be a local time `HH:MM` or `on upload`".into(),
            ));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_preset_reads_and_any_single_setting_can_be_replaced() {
        for name in Policy::preset_names() {
            Policy::from_preset(name, &Map::new()).unwrap();
        }
        let overrides = json!({ "admit_students": "email", "hold_if_removed_percent": 25 });
        let policy = Policy::from_preset("sis", overrides.as_object().unwrap()).unwrap();
        assert_eq!(policy.admit_students, AdmitStudents::Email);
        assert_eq!(policy.hold_if_removed_percent, 25.0);
        assert_eq!(policy.abandoned_classes, AbandonedClasses::Archive);
    }

    #[test]
    fn a_setting_that_does_not_exist_or_cannot_be_is_refused_by_name() {
        let refuse = |overrides: Value| {
            Policy::from_preset("sis", overrides.as_object().unwrap()).unwrap_err().to_string()
        };
        assert!(refuse(json!({ "admit_student": "email" })).contains("admit_student"));
        assert!(refuse(json!({ "admit_students": "everybody" })).contains("everybody"));
        assert!(
            refuse(json!({ "hold_if_removed_percent": 101 })).contains("hold_if_removed_percent")
        );
        assert!(refuse(json!({ "schedule": "at dawn" })).contains("schedule"));
        assert!(matches!(
            Policy::from_preset("nightly", &Map::new()),
            Err(PolicyError::UnknownPreset(_))
        ));
    }
}
