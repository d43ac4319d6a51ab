//! Reports of runs: as JSON for programs, and as an HTML page for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use roster::finding::{Finding, Severity};
use roster::id::{DistrictId, RunId};
use roster::report::{FindingList, Report, Seconds};
use roster::run::{Cause, Command, RunState};
use roster::snapshot::{Manifest, Origin, PartName};

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
    let mut copies = Vec::new();
    if let Some(part) = manifest.parts.get(PartName::Findings.name()) {
        copies.push(
            LinesCopy::fetch(objects, &keys::part(district, run, PartName::Findings), part.clone())
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
        left_out: outcome.review.unreadable,
        holds: outcome.holds,
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

/// Writes a report as data and as an HTML page.
pub async fn put(objects: &impl WriteObjects, report: &Report) -> Result<(), MirrorError> {
    let page = keys::report_page(&report.district, &report.run);
    objects.put(&page, "text/html; charset=utf-8", page_of(report).into_bytes()).await?;
    put_json(objects, &keys::report(&report.district, &report.run), report, WHAT).await
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

/// Returns a run's report as stored: JSON, which is long if there are many findings.
pub async fn read_text(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
) -> Result<Option<String>, MirrorError> {
    let Some(body) = objects.get(&keys::report(district, run)).await? else { return Ok(None) };
    String::from_utf8(body).map(Some).map_err(|_| MirrorError::corrupt(WHAT, "it is not UTF-8"))
}

/// Returns the meaning of a state, as a sentence for the page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page_of(report: &Report) -> String {
    let mut page = String::with_capacity(4096);
    // Writing into a String cannot fail.
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &Report) -> std::fmt::Result {
    let (district, run) = (escaped(report.district.as_str()), escaped(report.run.as_str()));
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Rollbook: {district}, {run}</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
         table{{border-collapse:collapse}}td,th{{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}}\
         td:first-child,th:first-child{{text-align:left}}</style>\
         <h1>District {district}</h1><p><strong>{}</strong></p>\
         <p>Run {run}. Time of the data: {}. Dates are evaluated for {}.</p>",
        escaped(&report.verdict().text),
        report.taken_at,
        report.today
    )?;
    if report.origin.changes_over.is_some() {
        write!(
            page,
            "<p>Only records that changed since the last full pull were read. \
             Nothing is removed before the next full pull.</p>"
        )?;
    }
    let cause = match &report.cause {
        Cause::Source => None,
        Cause::Undo(command) => Some(("Undoes", command)),
        Cause::Restore(command) => Some(("Restores the snapshot of", command)),
    };
    if let Some((what, Command { of, by, reason })) = cause {
        let (of, by, reason) = (escaped(of.as_str()), escaped(by), escaped(reason));
        write!(page, "<p>{what} run {of}, requested by {by}. Reason: {reason}</p>")?;
    }
    if let Some(decided) = &report.decided {
        let (by, reason) = (escaped(&decided.by), escaped(&decided.reason));
        write!(page, "<p>Decided by {by}: {:?}. Reason: {reason}</p>", decided.decision)?;
    }
    if !report.holds.is_empty() {
        page.push_str("<h2>Why the run is held</h2><ul>");
        for hold in &report.holds {
            write!(page, "<li>{}</li>", escaped(&hold.what))?;
        }
        page.push_str("</ul>");
    }
    if !report.counts.is_empty() {
        page.push_str(
            "<h2>Records</h2><table><tr><th>Kind<th>In the source<th>Added<th>Changed<th>Removed\
             <th>Unchanged</tr>",
        );
        for (kind, c) in &report.counts {
            let kind = escaped(kind);
            write!(
                page,
                "<tr><td>{kind}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
                c.in_source, c.added, c.changed, c.removed, c.unchanged
            )?;
        }
        page.push_str("</table>");
    }
    if report.edits_kept > 0 {
        write!(
            page,
            "<p>{} changes were skipped because their records were edited during the run.</p>",
            report.edits_kept
        )?;
    }
    if !report.finding_totals.is_empty() {
        page.push_str("<h2>Findings</h2>");
        let mut totals: Vec<_> = report.finding_totals.iter().collect();
        totals.sort_by_key(|(code, total)| (std::cmp::Reverse(total.severity), code.as_str()));
        for (code, total) in totals {
            write!(
                page,
                "<h3>{} ({}, {} times)</h3><ul>",
                escaped(code),
                weight(total.severity),
                total.count
            )?;
            for finding in report.findings.iter().filter(|f| f.code == *code) {
                page.push_str("<li>");
                if let Some(place) = &finding.place {
                    page.push_str(&escaped(&place.file));
                    if let Some(line) = place.line {
                        write!(page, ", line {line}")?;
                    }
                    page.push_str(": ");
                }
                write!(page, "{}</li>", escaped(&finding.message))?;
            }
            page.push_str("</ul>");
        }
    }
    page.push_str("</html>\n");
    Ok(())
}

fn weight(severity: Severity) -> &'static str {
    match severity {
        Severity::Stop => "refused",
        Severity::Drop => "skipped",
        Severity::Warn => "warning",
        Severity::Info => "for information",
    }
}
