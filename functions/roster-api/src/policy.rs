//! What a district's policy lets people do, and how long it lives.

use mirror::ports::district_settings::Configured;
use roster::id::SourceId;
use roster::policy::{ContactUpdates, ManualCoTeachers, ManualRostering, ManualStudents, Policy};
use roster::records::{Origin, RecordKind};
use roster::rule::Rule;
use roster::settings::{DistrictStatus, Settings};
use serde::Serialize;

use crate::access::Role;
use crate::input::refused;
use crate::problem::Problem;

/// How long an edit lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lives {
    /// Until a person takes it away.
    UntilTakenAway,
    /// Until the next run.
    UntilNextRun,
}

/// A district's policy, and whether its sync is on.
pub(crate) struct Terms {
    pub(crate) settings: Settings,
    pub(crate) status: DistrictStatus,
    pub(crate) policy: Policy,
}

impl Terms {
    pub(crate) fn of(configured: Configured) -> Result<Self, Problem> {
        let policy = configured
            .settings
            .policy()
            .map_err(|_| Problem::conflict("the district's settings are not a valid policy"))?;
        Ok(Self { settings: configured.settings, status: configured.status, policy })
    }

    /// Switched off: everything may be edited by hand (R-O5).
    pub(crate) fn is_off(&self) -> bool {
        self.status == DistrictStatus::Off
    }

    fn school_is_on(&self, school: &SourceId) -> bool {
        self.settings.school_rostering(&self.policy, school)
    }

    /// Whether a role may make manual classes in a school (R-C2).
    pub(crate) fn may_make_classes(&self, role: Role, school: &SourceId) -> Result<(), Problem> {
        let allowed = self.is_off()
            || self.school_is_on(school)
            || match self.policy.manual_rostering {
                ManualRostering::Off => false,
                ManualRostering::Leaders => role != Role::Teacher,
                ManualRostering::Teachers => true,
            };
        if allowed {
            Ok(())
        } else {
            Err(refused(Rule::C2, "manual classes are not enabled for this role in this school"))
        }
    }

    /// Whether somebody may be added to a class by hand, and how long that lives (R-S4, R-T3,
    /// R-T4).
    pub(crate) fn adding(
        &self,
        role: RecordKind,
        origin: Origin,
        school: &SourceId,
        is_outsider: bool,
        has_co_teacher: bool,
    ) -> Result<Lives, Problem> {
        if origin == Origin::Manual || self.is_off() {
            return Ok(Lives::UntilTakenAway);
        }
        let keeps = match role {
            RecordKind::Student => {
                self.policy.manual_students_in_synced_classes == ManualStudents::Keep
            }
            _ => self.policy.manual_co_teachers == ManualCoTeachers::Keep,
        };
        if keeps && !self.school_is_on(school) {
            return Err(refused(
                Rule::S4,
                "rostering is off for this school: change its synced classes in the source",
            ));
        }
        let lives = keeps
            || (role == RecordKind::Teacher
                && match self.policy.manual_co_teachers {
                    ManualCoTeachers::Outsiders => is_outsider,
                    ManualCoTeachers::OutsidersAlone => is_outsider && !has_co_teacher,
                    ManualCoTeachers::Remove | ManualCoTeachers::Keep => false,
                });
        Ok(if lives { Lives::UntilTakenAway } else { Lives::UntilNextRun })
    }

    /// How long a person's name or contacts, changed here, live (R-S6, R-G5, R-G6, R-I4).
    pub(crate) fn own_data(&self, origin: Origin, accepted: bool) -> Lives {
        let is_own = self.policy.contact_updates == ContactUpdates::UntilActive && accepted;
        if origin == Origin::Manual || self.is_off() || is_own {
            Lives::UntilTakenAway
        } else {
            Lives::UntilNextRun
        }
    }
}
