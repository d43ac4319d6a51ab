//! Reports of runs: as JSON for programs, as an HTML page for people, and the findings as a CSV file
//! for those who correct them.

mod findings_csv;
mod page;

use jiff::tz::TimeZone;
use roster::finding::Finding;
use roster::id::{DistrictId, RunId};
use roster::report::{FindingList, Report, Seconds};
use roster::run::RunState;
use roster::snapshot::{Manifest, Origin, PartName};
use roster::verdict::Verdict;
use serde::Serialize;

use crate::MirrorError;
use crate::files::plan::StoredPlan;
use crate::files::snapshot::{LinesCopy, put_json, read_json};
use crate::keys;
use crate::ports::objects::{ReadObjects, WriteObjects};
use crate::ports::runs::RunRecord;

const WHAT: &str = "a run's report";

/// Assembles the report of a run from its stored files.
pub async fn assemble(
    objects: &impl ReadObjects,
    manifest: &Manifest,
    plan: Option<&StoredPlan>,
    record: &RunRecord,
) -> Result<Report, MirrorError> {
    let (district, run) = (&record.district, &record.run);
    let snapshot = &manifest.run;
    let mut copies = Vec::new();
    if let Some(part) = manifest.parts.get(PartName::Findings.name()) {
        copies.push(
            LinesCopy::fetch(
                objects,
                &keys::part(district, snapshot, PartName::Findings),
                part.clone(),
            )
            .await?,
        );
    }
    if let Some(plan) = plan {
        copies.push(
            LinesCopy::fetch(objects, &keys::plan_findings(district, run), plan.findings.clone())
                .await?,
        );
    }
    let list = tokio::task::spawn_blocking(move || {
        let mut list = FindingList::default();
        for copy in copies {
            for finding in copy.records::<Finding>() {
                list.push(finding?);
            }
        }
        Ok::<_, MirrorError>(list)
    });
    let list = list.await.map_err(|e| MirrorError::service("read findings", e))??;
    let outcome = plan.map(|plan| plan.outcome.clone()).unwrap_or_default();
    Ok(Report {
        district: district.clone(),
        run: run.clone(),
        state: record.state,
        taken_at: manifest.taken_at,
        today: manifest.today,
        origin: manifest.origin.clone(),
        counts: outcome.counts,
        effects: outcome.effects,
        left_out: outcome.review.left_out,
        still_named: outcome.review.still_named,
        holds: outcome.holds,
        waits: outcome.waits,
        remainder: record.remainder.clone(),
        plan: record.plan.as_ref().map(|plan| plan.hash.clone()),
        cause: record.cause.clone(),
        decided: record.decided.clone(),
        findings: list.findings,
        finding_totals: list.totals,
        item_writes: record.item_writes,
        edits_kept: record.edits_kept,
        read_units: record.read_units,
        write_units: record.write_units,
        seconds: Seconds {
            import: manifest.seconds,
            plan: record.plan_seconds,
            apply: record.apply_seconds,
        },
    })
}

/// Returns the report of a run without a plan. `import`: the duration of reading, in seconds.
pub fn without_plan(
    record: &RunRecord,
    state: RunState,
    origin: Origin,
    findings: FindingList,
    import: f64,
) -> Report {
    let today = record.today.unwrap_or_else(|| record.taken_at.to_zoned(TimeZone::UTC).date());
    let (district, run) = (record.district.clone(), record.run.clone());
    Report {
        cause: record.cause.clone(),
        findings: findings.findings,
        finding_totals: findings.totals,
        seconds: Seconds { import, ..Seconds::default() },
        ..Report::new(district, run, state, (record.taken_at, today), origin)
    }
}

/// Writes a report as data, as an HTML page, and its findings as a CSV file.
pub async fn put(objects: &impl WriteObjects, report: &Report) -> Result<(), MirrorError> {
    let (district, run) = (&report.district, &report.run);
    let html = page::of(report).into_bytes();
    objects.put(&keys::report_page(district, run), "text/html; charset=utf-8", html).await?;
    let csv = findings_csv::of(report).into_bytes();
    objects.put(&keys::findings_csv(district, run), "text/csv; charset=utf-8", csv).await?;
    let stored = StoredReport { report, verdict: Verdict::of(report) };
    put_json(objects, &keys::report(district, run), &stored, WHAT).await
}

/// The stored form of a report: with its verdict, for programs that read the object.
#[derive(Serialize)]
struct StoredReport<'a> {
    #[serde(flatten)]
    report: &'a Report,
    verdict: Verdict,
}

/// Writes the report of an upload for a district that does not exist.
pub async fn put_refused(objects: &impl WriteObjects, report: &Report) -> Result<(), MirrorError> {
    put_json(objects, &keys::refused(&report.district, &report.run), report, WHAT).await
}

/// Returns a run's report, or `None` if there is none yet.
pub async fn read(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
) -> Result<Option<Report>, MirrorError> {
    read_json(objects, &keys::report(district, run), WHAT).await
}

/// Returns a file of a run's report as stored, or `None` if there is none. `key`: one of
/// [`keys::report`], [`keys::report_page`] and [`keys::findings_csv`].
pub async fn read_file(
    objects: &impl ReadObjects,
    key: &str,
) -> Result<Option<String>, MirrorError> {
    let Some(body) = objects.get(key).await? else { return Ok(None) };
    String::from_utf8(body).map(Some).map_err(|_| MirrorError::corrupt(WHAT, "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use roster::finding::{Place, source};
    use roster::report::Total;

    use super::*;

    /// A report with two codes, of which one is a cause.
    pub(super) fn report() -> Report {
        let (district, run) = (DistrictId::new("oak"), RunId::new("01HZ"));
        let (at, day) = (jiff::Timestamp::UNIX_EPOCH, jiff::civil::date(2026, 10, 1));
        let origin = Origin::of("oneroster_csv");
        let mut report = Report::new(district, run, RunState::Applied, (at, day), origin);
        let findings =
            [(&source::REFERENCE_MISSING, Some(7), 456), (&source::PEOPLE_MISSING, None, 1)];
        for (code, line, count) in findings {
            let place = Place { file: "users.csv".into(), line, column: Some("email".into()) };
            for _ in 0..count.min(5) {
                report.findings.push(Finding::new(code).at(place.clone()));
            }
            let total = Total { severity: code.severity, count };
            report.finding_totals.insert(code.name.to_owned(), total);
        }
        report
    }
}
