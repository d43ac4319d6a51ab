//! A district's policy: every setting by which districts differ, and the presets they start from.
//!
//! [`SETTINGS`] describes the settings. `shared/roster/SETTINGS.md` is generated from it, and its
//! test compares it with the fields and values that serde accepts.

use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rule::Rule;
use crate::schedule::Schedule;
use crate::setting::{Setting, Values};

/// Which students are admitted (R-S1, R-S2). Students who are already in the mirror stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdmitStudents {
    /// Every shared student.
    Shared,
    /// Students with an e-mail address.
    Email,
    /// Students with an e-mail address and an enrollment in an active class.
    EmailAndEnrolled,
}

/// Which guardians are admitted (R-G1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdmitGuardians {
    /// No guardians.
    None,
    /// Guardians with an e-mail address or phone number that no other guardian of the district has.
    UniqueContact,
}

/// Whether demographics are stored (R-M7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepDemographics {
    /// Stored as the source has them.
    Mirror,
    /// Stored nowhere, not even in snapshots.
    Ignore,
}

/// Whether runs overwrite the names and contact data of active users (R-G5, R-G6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactUpdates {
    /// Runs overwrite them with the source's data, for every user.
    Always,
    /// Runs overwrite them until the user accepts the invitation; then they belong to the user.
    UntilActive,
}

/// Whether a run removes students added by hand to a synced class (R-S4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManualStudents {
    /// The next run removes them.
    Remove,
    /// They stay. They can be added only where the school's `school_rostering` is on.
    Keep,
}

/// Whether a run removes co-teachers added by hand to a synced class (R-T3, R-T4). An *outsider* is
/// a co-teacher whom the source does not have in this district.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManualCoTeachers {
    /// The next run removes them.
    Remove,
    /// Outsiders stay in a class that has no co-teacher from the source.
    OutsidersAlone,
    /// Outsiders stay.
    Outsiders,
    /// All stay. They can be added only where the school's `school_rostering` is on.
    Keep,
}

/// Which roles may create manual classes (R-C2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManualRostering {
    /// None, except in schools where `school_rostering` is on.
    Off,
    /// Leaders.
    Leaders,
    /// Teachers and leaders.
    Teachers,
}

/// A setting that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Off.
    Off,
    /// On.
    On,
}

/// What an abandoned family leaves (R-A1 to R-A3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbandonedFamilies {
    /// Its active synced classes. It stays in archived ones.
    Soft,
    /// The school and all classes, archived ones too.
    Extreme,
}

/// Whether abandoned students remain in manual classes (R-C2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbandonedInManualClasses {
    /// They remain.
    Stay,
    /// They are removed from active manual classes.
    Leave,
}

/// What a run does with a class that is gone from the source (R-A5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbandonedClasses {
    /// Archives it with its roster as of that day.
    Archive,
    /// Keeps it as a manual class.
    Disconnect,
}

/// How a run handles an enrollment whose role is not one of the person's roles (R-T7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleConflicts {
    /// Skips the enrollment, with a finding.
    User,
    /// Gives the person that role in that class, and an account for it.
    Enrollment,
}

/// What waits for a decision if a guard trips (R-H5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldScope {
    /// Only the school, class or district in which the guard tripped.
    Narrow,
    /// The whole run.
    District,
}

/// The settings of the rule book's table, by its names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Which students are admitted.
    pub admit_students: AdmitStudents,
    /// Which guardians are admitted.
    pub admit_guardians: AdmitGuardians,
    /// Whether demographics are stored.
    pub demographics: KeepDemographics,
    /// Whether runs overwrite the names and contact data of active users.
    pub contact_updates: ContactUpdates,
    /// Whether a run removes students added by hand to synced classes.
    pub manual_students_in_synced_classes: ManualStudents,
    /// Whether a run removes co-teachers added by hand to synced classes.
    pub manual_co_teachers: ManualCoTeachers,
    /// Which roles may create manual classes.
    pub manual_rostering: ManualRostering,
    /// Whether teachers may create classes and edit rosters, in schools without a value of their
    /// own ([`crate::settings::Settings::school_rostering`]).
    pub school_rostering: Switch,
    /// What an abandoned family leaves.
    pub abandoned_families: AbandonedFamilies,
    /// Whether abandoned students remain in manual classes.
    pub abandoned_in_manual_classes: AbandonedInManualClasses,
    /// What a run does with a class that is gone from the source.
    pub abandoned_classes: AbandonedClasses,
    /// The most co-teachers of a class that the source supports (R-T5). `None`: no limit.
    pub max_source_co_teachers: Option<u32>,
    /// Hours until a change reaches the source.
    pub propagation_hours: f64,
    /// How a run handles an enrollment whose role is not one of the person's roles.
    pub role_conflicts: RoleConflicts,
    /// Whether a person with a new id in the source keeps the account (R-I2).
    pub relink_identities: Switch,
    /// A run that would remove more than this percentage of a kind is held (R-H1).
    pub hold_if_removed_percent: f64,
    /// A run that would change more than this percentage of a kind is held (R-H1).
    pub hold_if_changed_percent: f64,
    /// A run that would add more than this percentage of a kind is held (R-H1).
    pub hold_if_added_percent: f64,
    /// A run whose source has more than this percentage of unreadable records of a kind, or of
    /// missing people to whom it still refers, is held (R-H1).
    pub hold_if_unreadable_percent: f64,
    /// What waits for a decision if a guard trips (R-H5).
    pub hold_scope: HoldScope,
    /// When the district is pulled. The time zone is the district's.
    pub schedule: Schedule,
}

const SWITCH: Values = Values::OneOf(&[("off", "Off."), ("on", "On.")]);

/// Describes every field of [`Policy`], in the same order.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "admit_students",
        values: Values::OneOf(&[
            ("shared", "Every shared student gets an account."),
            ("email", "A student needs an e-mail address."),
            (
                "email_and_enrolled",
                "A student needs an e-mail address and an enrollment in an active class.",
            ),
        ]),
        effect: "Which students are added. A student who was added stays after losing the e-mail \
                 address or the last class.",
        rules: &[Rule::S1, Rule::S2],
    },
    Setting {
        name: "admit_guardians",
        values: Values::OneOf(&[
            ("none", "No guardians are added."),
            (
                "unique_contact",
                "A guardian needs an e-mail address or phone number that no other guardian of \
                 the district has.",
            ),
        ]),
        effect: "Which guardians are added.",
        rules: &[Rule::G1],
    },
    Setting {
        name: "demographics",
        values: Values::OneOf(&[
            ("mirror", "They are stored as the source has them."),
            ("ignore", "They are stored nowhere, not even in snapshots."),
        ]),
        effect: "Whether race, ethnicity, gender, birth date, grade, and ELL, FRL and IEP status \
                 are stored.",
        rules: &[Rule::M7, Rule::M8],
    },
    Setting {
        name: "contact_updates",
        values: Values::OneOf(&[
            ("always", "Each run overwrites them with the source's data, for every user."),
            (
                "until_active",
                "Each run overwrites them until the user accepts the invitation. After that they \
                 belong to the user.",
            ),
        ]),
        effect: "Whether runs overwrite users' names, e-mail addresses and phone numbers.",
        rules: &[Rule::G5, Rule::G6, Rule::S6],
    },
    Setting {
        name: "manual_students_in_synced_classes",
        values: Values::OneOf(&[
            ("remove", "The next run removes them, unless the source lists them too."),
            (
                "keep",
                "They stay until a person removes them. They can be added only in schools where \
                 `school_rostering` is on.",
            ),
        ]),
        effect: "Whether students who were added by hand stay in a synced class.",
        rules: &[Rule::S4],
    },
    Setting {
        name: "manual_co_teachers",
        values: Values::OneOf(&[
            ("remove", "The next run removes them."),
            (
                "outsiders_alone",
                "Co-teachers whom the source does not have in this district stay, but only in a \
                 class without a co-teacher from the source.",
            ),
            (
                "outsiders",
                "Co-teachers whom the source does not have in this district stay. The next run \
                 removes the others.",
            ),
            ("keep", "All stay. They can be added only in schools where `school_rostering` is on."),
        ]),
        effect: "Whether co-teachers who were added by hand stay in a synced class.",
        rules: &[Rule::T3, Rule::T4, Rule::S4],
    },
    Setting {
        name: "manual_rostering",
        values: Values::OneOf(&[
            ("off", "No role."),
            ("leaders", "Leaders."),
            ("teachers", "Teachers and leaders."),
        ]),
        effect: "Which roles may create manual classes. In a school where `school_rostering` is \
                 on, teachers and leaders may.",
        rules: &[Rule::C2],
    },
    Setting {
        name: "school_rostering",
        values: SWITCH,
        effect: "Whether teachers may create classes and edit rosters. The district setting \
                 `school_rostering` overrides it for single schools.",
        rules: &[Rule::C2, Rule::S4],
    },
    Setting {
        name: "abandoned_families",
        values: Values::OneOf(&[
            ("soft", "Its active synced classes. It stays in archived classes."),
            ("extreme", "The school and all classes, archived classes too."),
        ]),
        effect: "What a family leaves when neither the student nor any guardian is in the source. \
                 The accounts are archived, never deleted.",
        rules: &[Rule::A1, Rule::A2, Rule::A3],
    },
    Setting {
        name: "abandoned_in_manual_classes",
        values: Values::OneOf(&[
            ("stay", "The student stays in them."),
            ("leave", "The student leaves the active ones."),
        ]),
        effect: "Whether a student who is gone from the source stays in manual classes.",
        rules: &[Rule::C2, Rule::A2],
    },
    Setting {
        name: "abandoned_classes",
        values: Values::OneOf(&[
            ("archive", "It is archived with its roster as of that day."),
            ("disconnect", "It is kept as a manual class."),
        ]),
        effect: "What happens to a class that is gone from the source.",
        rules: &[Rule::A5],
    },
    Setting {
        name: "max_source_co_teachers",
        values: Values::Described("a whole number, or null for no limit"),
        effect: "The most co-teachers of a class that the source supports. If a class has more, \
                 all are added and a finding is reported.",
        rules: &[Rule::T5],
    },
    Setting {
        name: "propagation_hours",
        values: Values::Described("a number of hours, 0 or more"),
        effect: "How long a change takes to reach the source. Explanations use it to say when a \
                 change will show.",
        rules: &[Rule::X1],
    },
    Setting {
        name: "role_conflicts",
        values: Values::OneOf(&[
            ("user", "The enrollment is skipped, with a finding."),
            ("enrollment", "The person gets that role in that class, and an account for it."),
        ]),
        effect: "What happens to an enrollment whose role is not one of the person's roles.",
        rules: &[Rule::T7],
    },
    Setting {
        name: "relink_identities",
        values: SWITCH,
        effect: "Whether a person who has a new id in the source keeps the account. People are \
                 matched by student number or state id, or else by e-mail address and full name.",
        rules: &[Rule::I2],
    },
    Setting {
        name: "hold_if_removed_percent",
        values: Values::Described("a percentage from 0 to 100"),
        effect: "A run is held if it would remove more than this percentage of a kind of record, \
                 in the district or in a school.",
        rules: &[Rule::H1],
    },
    Setting {
        name: "hold_if_changed_percent",
        values: Values::Described("a percentage from 0 to 100"),
        effect: "A run is held if it would change more than this percentage of a kind of record, \
                 in the district or in a school.",
        rules: &[Rule::H1],
    },
    Setting {
        name: "hold_if_added_percent",
        values: Values::Described("a percentage, 0 or more"),
        effect: "A run is held if it would add more than this percentage of a kind of record, in \
                 the district or in a school that already has at least 100 of them.",
        rules: &[Rule::H1],
    },
    Setting {
        name: "hold_if_unreadable_percent",
        values: Values::Described("a percentage from 0 to 100"),
        effect: "A run is held if more than this percentage of a kind of record in the source \
                 cannot be read, or is missing although the source still refers to it.",
        rules: &[Rule::H1, Rule::H3],
    },
    Setting {
        name: "hold_scope",
        values: Values::OneOf(&[
            (
                "narrow",
                "The removals of the school or class in which a guard tripped wait, and its \
                 changes if the guard against changes tripped. Everything else is applied.",
            ),
            ("district", "The whole run waits."),
        ]),
        effect: "What waits for a decision if a guard trips. A run of which the whole district is \
                 suspicious always waits as a whole.",
        rules: &[Rule::H5],
    },
    Setting {
        name: "schedule",
        values: Values::Described("a local time `HH:MM`, or `on upload`"),
        effect: "When the district is pulled, in its time zone. A time that a clock change skips \
                 or repeats is moved to the next quarter of an hour that it does not. An upload is \
                 imported when it arrives, whatever the schedule. A district that is pulled from a \
                 server and has `on upload` is pulled at 02:00.",
        rules: &[Rule::O4],
    },
];

/// Name and settings of each preset. A preset is a file in `presets/`, not code.
const PRESETS: [(&str, &str); 4] = [
    ("sis", include_str!("../presets/sis.json")),
    ("clever", include_str!("../presets/clever.json")),
    ("ats-stars", include_str!("../presets/ats-stars.json")),
    ("family-directory", include_str!("../presets/family-directory.json")),
];

/// Why settings are not a valid policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// There is no preset with this name.
    #[error("unknown preset `{0}`; the presets are {names}", names = PRESETS.map(|(name, _)| name).join(", "))]
    UnknownPreset(String),
    /// A setting has an unknown name or an invalid value.
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
        self.schedule.time()
    }

    /// The names of the presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// Returns the policy of a preset, with single settings replaced by `overrides`.
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

    /// Checks the limits that the types do not express.
    fn checked(self) -> Result<Self, PolicyError> {
        for (name, percent) in [
            ("hold_if_removed_percent", self.hold_if_removed_percent),
            ("hold_if_changed_percent", self.hold_if_changed_percent),
            ("hold_if_unreadable_percent", self.hold_if_unreadable_percent),
        ] {
            if !(0.0..=100.0).contains(&percent) {
                return Err(PolicyError::Setting(format!(
                    "{name} is {percent}; it must be between 0 and 100"
                )));
            }
        }
        for (name, number) in [
            ("hold_if_added_percent", self.hold_if_added_percent),
            ("propagation_hours", self.propagation_hours),
        ] {
            if number.is_nan() || number < 0.0 {
                return Err(PolicyError::Setting(format!("{name} must not be negative")));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_preset_is_valid_and_an_override_replaces_one_setting() {
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
    fn an_error_names_the_unknown_or_invalid_setting() {
        let error = |overrides: Value| {
            Policy::from_preset("sis", overrides.as_object().unwrap()).unwrap_err().to_string()
        };
        assert!(error(json!({ "admit_student": "email" })).contains("admit_student"));
        assert!(error(json!({ "admit_students": "everybody" })).contains("everybody"));
        assert!(
            error(json!({ "hold_if_removed_percent": 101 })).contains("hold_if_removed_percent")
        );
        assert!(error(json!({ "schedule": "at dawn" })).contains("schedule"));
        let unknown = Policy::from_preset("nightly", &Map::new()).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "unknown preset `nightly`; the presets are sis, clever, ats-stars, family-directory"
        );
    }
}
