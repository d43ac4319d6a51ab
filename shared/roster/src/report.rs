//! The report of a run: what was found, planned, written or held. It is stored beside the plan and
//! shown to people.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::change::Counts;
use crate::finding::{Finding, Severity, cause, sync};
use crate::id::{DistrictId, RunId};
use crate::outcome::{Effects, Hold};
use crate::run::{Cause, Decided, RunState};
use crate::snapshot::Origin;

/// The most findings of one code in a report. The snapshot (up to 10,000 of a code) and the plan
/// have more; the totals count all.
pub const LISTED_PER_CODE: usize = 50;

/// The same for findings about local edits, which should be listed in full: erased edits (R-M2) and
/// pins (R-P1).
pub const LISTED_OF_EDITS: usize = 1000;

/// The total for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The highest severity.
    pub severity: Severity,
    /// The number of findings.
    pub count: u64,
}

/// The duration of each part of a run, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Seconds {
    /// From the upload's event to the written manifest.
    pub import: f64,
    /// From the manifest's event to the written plan.
    pub plan: f64,
    /// From the written plan to the last written item.
    pub apply: f64,
}

/// Everything that a run did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The district.
    pub district: DistrictId,
    /// The run.
    pub run: RunId,
    /// The state of the run.
    pub state: RunState,
    /// The time of the source's data.
    pub taken_at: Timestamp,
    /// The day for which dates were read.
    pub today: Date,
    /// The origin of the data.
    pub origin: Origin,
    /// Counts by kind, and `enrollment`. Empty if nothing was planned.
    #[serde(default)]
    pub counts: BTreeMap<String, Counts>,
    /// What people see of the plan. Zeros if nothing was planned.
    #[serde(default)]
    pub effects: Effects,
    /// See [`crate::review::Review::left_out`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, u64>,
    /// See [`crate::review::Review::still_named`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub still_named: BTreeMap<String, u64>,
    /// Why the run is held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// Why a part of what the source says was not applied with this run, but waits (R-H5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Hold>,
    /// The run of the part that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remainder: Option<RunId>,
    /// The plan that was shown: its hash. A decision names it (R-H2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The cause of the run.
    #[serde(default, skip_serializing_if = "Cause::is_source")]
    pub cause: Cause,
    /// The decision about the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// Findings, at most [`LISTED_PER_CODE`] of a code ([`LISTED_OF_EDITS`] about local edits).
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Totals by code.
    #[serde(default)]
    pub finding_totals: BTreeMap<String, Total>,
    /// The number of mirror items written, by all invocations of the run.
    #[serde(default)]
    pub item_writes: u64,
    /// The number of changes that were skipped because the local edit or the manual record was
    /// changed after the plan read it (invariant 12).
    #[serde(default)]
    pub edits_kept: u64,
    /// Read units consumed.
    #[serde(default)]
    pub read_units: f64,
    /// Write units consumed.
    #[serde(default)]
    pub write_units: f64,
    /// The duration of the run.
    #[serde(default)]
    pub seconds: Seconds,
}

impl Report {
    /// Returns the report of a run without a plan: the time of its data and the day for which dates
    /// were read, and nothing else.
    pub fn new(
        district: DistrictId,
        run: RunId,
        state: RunState,
        (taken_at, today): (Timestamp, Date),
        origin: Origin,
    ) -> Self {
        Self {
            district,
            run,
            state,
            taken_at,
            today,
            origin,
            counts: BTreeMap::new(),
            effects: Effects::default(),
            left_out: BTreeMap::new(),
            still_named: BTreeMap::new(),
            holds: Vec::new(),
            waits: Vec::new(),
            remainder: None,
            plan: None,
            cause: Cause::Source,
            decided: None,
            findings: Vec::new(),
            finding_totals: BTreeMap::new(),
            item_writes: 0,
            edits_kept: 0,
            read_units: 0.0,
            write_units: 0.0,
            seconds: Seconds::default(),
        }
    }

    /// Returns the codes of the findings with their totals: what stops the run first, then causes
    /// that explain other findings, then the most severe and the most frequent.
    pub fn ranked_totals(&self) -> Vec<(&str, Total)> {
        let mut totals: Vec<(&str, Total)> =
            self.finding_totals.iter().map(|(code, total)| (code.as_str(), *total)).collect();
        totals.sort_by_key(|(code, total)| {
            let is_cause = cause::is_cause(code);
            let stops = total.severity == Severity::Stop;
            (
                Reverse(stops),
                Reverse(is_cause),
                Reverse(total.severity),
                Reverse(total.count),
                *code,
            )
        });
        totals
    }
}

/// Collects findings for a report: counts all, and lists the first ones of each code.
#[derive(Clone, Debug, Default)]
pub struct FindingList {
    /// The listed findings.
    pub findings: Vec<Finding>,
    /// Totals by code.
    pub totals: BTreeMap<String, Total>,
}

impl FindingList {
    /// Counts a finding, and lists it if there are not yet enough of its code.
    pub fn push(&mut self, finding: Finding) {
        let total = self
            .totals
            .entry(finding.code.to_string())
            .or_insert(Total { severity: finding.severity, count: 0 });
        total.count += 1;
        total.severity = total.severity.max(finding.severity);
        let is_of_edits = [sync::EDIT_ERASED.name, sync::ACTIVE_PIN.name].contains(&&*finding.code);
        let listed = if is_of_edits { LISTED_OF_EDITS } else { LISTED_PER_CODE };
        if total.count <= listed as u64 {
            self.findings.push(finding);
        }
    }
}
