//! The report of a run: what was found, planned, written or held, as data. It is stored beside the
//! plan, and is what people are shown.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::change::{Counts, Hold};
use crate::finding::{Finding, Severity, sync};
use crate::id::{DistrictId, RunId};
use crate::run::{Cause, Decided, RunState};
use crate::snapshot::Origin;

/// How many findings of one code a report lists: so that it can be read at once. More are in the
/// snapshot (up to 10,000 of a code) and the plan; the totals count all.
pub const LISTED_PER_CODE: usize = 50;

/// The same for what became of people's own work, which is to be seen whole: erased edits (R-M2),
/// pins (R-P1).
pub const LISTED_OF_EDITS: usize = 1000;

/// How often a code was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The heaviest weight it had.
    pub severity: Severity,
    /// How often.
    pub count: u64,
}

/// Seconds that each part of a run took.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Seconds {
    /// From the upload's event to the manifest written.
    pub import: f64,
    /// From the manifest's event to the plan written.
    pub plan: f64,
    /// From the plan written to the last item written.
    pub apply: f64,
}

/// Everything that a run did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The district.
    pub district: DistrictId,
    /// The run.
    pub run: RunId,
    /// How it ended, or where it waits.
    pub state: RunState,
    /// When the source said what it said.
    pub taken_at: Timestamp,
    /// The day for which dates were read.
    pub today: Date,
    /// What was read.
    pub origin: Origin,
    /// Counts by kind, and `enrollment`; empty where nothing was planned.
    #[serde(default)]
    pub counts: BTreeMap<String, Counts>,
    /// Why it is held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// What made it.
    #[serde(default, skip_serializing_if = "Cause::is_source")]
    pub cause: Cause,
    /// What a person decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// Findings, at most [`LISTED_PER_CODE`] of a code ([`LISTED_OF_EDITS`]).
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// How often each code was found.
    #[serde(default)]
    pub finding_totals: BTreeMap<String, Total>,
    /// Mirror items written, over all invocations of the run.
    #[serde(default)]
    pub item_writes: u64,
    /// Changes that were left out, since somebody had changed the local edit or the manual record
    /// after the plan saw it (invariant 12).
    #[serde(default)]
    pub edits_kept: u64,
    /// Read units consumed.
    #[serde(default)]
    pub read_units: f64,
    /// Write units consumed.
    #[serde(default)]
    pub write_units: f64,
    /// How long it took.
    #[serde(default)]
    pub seconds: Seconds,
}

/// Collects findings for a report: counts all, lists the first of each code.
#[derive(Clone, Debug, Default)]
pub struct FindingList {
    /// Listed findings.
    pub findings: Vec<Finding>,
    /// Totals by code.
    pub totals: BTreeMap<String, Total>,
}

impl FindingList {
    /// Counts a finding, and lists it unless there are enough of its code.
    pub fn push(&mut self, finding: Finding) {
        let total = self
            .totals
            .entry(finding.code.to_string())
            .or_insert(Total { severity: finding.severity, count: 0 });
        total.count += 1;
        total.severity = total.severity.max(finding.severity);
        let is_of_edits =
            [sync::EDIT_ERASED.name, sync::PIN_AT_WORK.name].contains(&&*finding.code);
        let listed = if is_of_edits { LISTED_OF_EDITS } else { LISTED_PER_CODE };
        if total.count <= listed as u64 {
            self.findings.push(finding);
        }
    }
}
