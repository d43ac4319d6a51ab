//! The stored results of reconcile after a night: snapshots, plans, reports, groups, run records.

use std::collections::BTreeMap;

use mirror::files::plan::{PlanWriter, put_plan};
use mirror::files::report;
use mirror::files::snapshot::{SnapshotWriter, put_manifest};
use mirror::ports::districts::{Applied, Districts, Latest, Leases, TakeLease};
use mirror::ports::runs::{PlanRef, RunRecord, Runs};
use roster::change::Change;
use roster::contract::PlanSink;
use roster::finding::Finding;
use roster::id::RunId;
use roster::outcome::Outcome;
use roster::personal::Personal;
use roster::records::RecordKind;
use roster::report::{FindingList, Report};
use roster::run::RunState;
use roster::snapshot::{Manifest, Origin, PartName, SnapshotSink, UnreadableRecord};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::world::{World, oak};

pub(crate) const FIRST: &str = "01HZ0000000000000000000001";
pub(crate) const SECOND: &str = "01HZ0000000000000000000002";
pub(crate) const THIRD: &str = "01HZ0000000000000000000003";
/// The hash of the plan of every night.
pub(crate) const PLAN: &str = "0123456789abcdef";

/// One line of a snapshot.
pub(crate) fn line(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap()
}

/// Builds the stored results of a night.
pub(crate) struct Night {
    run: RunId,
    source: &'static str,
    records: BTreeMap<PartName, Vec<String>>,
    changes: Vec<Change>,
    members: Vec<(&'static str, &'static str, &'static str)>,
    findings: Vec<Finding>,
    outcome: Outcome,
}

impl Night {
    pub(crate) fn new(run: &str) -> Self {
        let (records, changes) = (BTreeMap::new(), Vec::new());
        Self {
            run: RunId::from(run),
            source: "oneroster_csv",
            records,
            changes,
            members: vec![],
            findings: vec![],
            outcome: Outcome::default(),
        }
    }

    pub(crate) fn of(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }

    /// Adds a record to the source. Records of a kind must be in the order of the table.
    pub(crate) fn has(mut self, kind: RecordKind, record: &impl Serialize) -> Self {
        self.records.entry(PartName::Records(kind)).or_default().push(line(record));
        self
    }

    /// Adds an unreadable record.
    pub(crate) fn gap(mut self, gap: &UnreadableRecord) -> Self {
        self.records.entry(PartName::Unreadable).or_default().push(line(gap));
        self
    }

    pub(crate) fn changes(mut self, changes: Vec<Change>) -> Self {
        self.changes = changes;
        self
    }

    pub(crate) fn amounts_to(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    pub(crate) fn member(
        mut self,
        field: &'static str,
        value: &'static str,
        student: &'static str,
    ) -> Self {
        self.members.push((field, value, student));
        self
    }

    pub(crate) fn finds(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// Adds a finding of the import.
    pub(crate) fn found_in_source(mut self, finding: &Finding) -> Self {
        self.records.entry(PartName::Findings).or_default().push(line(finding));
        self
    }

    /// Writes the record and the report of a run whose upload was refused.
    pub(crate) async fn refused(self, w: &World) {
        let taken_at = w.now();
        let mut record = RunRecord::importing(oak(), self.run.clone(), taken_at);
        record.state = RunState::Refused;
        w.table.begin(&record).await.unwrap();
        let report = serde_json::json!({
            "district": "oak", "run": self.run, "state": "refused", "taken_at": taken_at, "today": "2026-09-01",
            "origin": { "source": self.source }, "findings": self.findings,
        });
        let report: Report = serde_json::from_value(report).unwrap();
        report::put(&w.internal, &report).await.unwrap();
    }

    /// Writes the stored results of a run in this state. An applied run becomes the district's last
    /// applied one.
    pub(crate) async fn ends(self, w: &World, state: RunState) {
        let taken_at = w.now();
        let (handle, internal, run) = (Handle::current(), w.internal.clone(), self.run.clone());
        let (records, changes, members, findings) =
            (self.records, self.changes.clone(), self.members, self.findings.clone());
        let outcome = self.outcome;
        let written = tokio::task::spawn_blocking(move || {
            let mut snapshot = SnapshotWriter::new(handle.clone(), internal.clone(), &oak(), &run);
            for (part, lines) in records {
                for line in lines {
                    snapshot.line(part, line.as_bytes()).unwrap();
                }
            }
            let mut plan = PlanWriter::new(handle, internal, &oak(), &run);
            for change in changes {
                plan.change(change).unwrap();
            }
            for (field, value, student) in members {
                plan.member(field, &Personal::new(value), &student.into()).unwrap();
            }
            for finding in findings {
                plan.finding(finding).unwrap();
            }
            (snapshot.finish().unwrap(), plan.finish(outcome).unwrap())
        });
        let (parts, plan) = written.await.unwrap();
        let origin = Origin::of(self.source);
        let today = jiff::civil::date(2026, 9, 1);
        let (district, findings) = (oak(), BTreeMap::new());
        let run = self.run.clone();
        let manifest = Manifest {
            district,
            run,
            taken_at,
            today,
            origin: origin.clone(),
            parts,
            enrollments: 0,
            findings,
            seconds: 0.1,
        };
        put_manifest(&w.internal, &manifest).await.unwrap();
        put_plan(&w.internal, &oak(), &self.run, &plan).await.unwrap();

        let before = w.table.district(&oak()).await.unwrap().unwrap();
        let version = before.applied.as_ref().map_or(0, |applied| applied.version);
        let mut record = RunRecord::importing(oak(), self.run.clone(), taken_at);
        record.state = state;
        record.plan = Some(PlanRef {
            changes: self.changes.len() as u64,
            against: version,
            hash: PLAN.into(),
        });
        w.table.begin(&record).await.unwrap();
        let seen = before.latest.map(|latest| latest.run);
        let _ = w
            .table
            .accept(&oak(), &Latest { run: self.run.clone(), taken_at }, seen.as_ref())
            .await
            .unwrap();
        if state == RunState::Applied {
            let TakeLease::Taken(district) =
                w.table.take(&oak(), "night", taken_at, taken_at).await.unwrap()
            else {
                panic!()
            };
            let token = district.lease.unwrap().token;
            let applied = Applied { run: self.run.clone(), taken_at, version: version + 1 };
            let _ = w.table.set_applied(&oak(), token, &applied).await.unwrap();
            w.table.release(&oak(), token, Some(&self.run)).await.unwrap();
        }
        let mut found = FindingList::default();
        self.findings.into_iter().for_each(|finding| found.push(finding));
        let report = serde_json::json!({
            "district": "oak", "run": self.run, "state": state, "taken_at": taken_at, "today": today, "origin": origin,
            "findings": found.findings, "finding_totals": found.totals,
        });
        let report: Report = serde_json::from_value(report).unwrap();
        report::put(&w.internal, &report).await.unwrap();
    }
}
