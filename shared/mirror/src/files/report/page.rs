//! The report of a run as one self-contained HTML page: the verdict, why the run is held, the causes
//! with a few examples each and what to do, and the counts.
//!
//! The page has no script and loads nothing, so that it can be sent as a file.

use std::fmt::Write as _;

use roster::finding;
use roster::outcome::{Effect, Effects, Hold};
use roster::report::{Report, Total};
use roster::run::{Cause, Command, Remainder, RunState};
use roster::verdict::Verdict;

/// How many findings of a code the page shows.
const EXAMPLES: usize = 3;

/// How many reasons for a hold the page shows.
const HOLDS: usize = 20;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem}table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;\
    border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}\
    .verdict{font-size:1.25rem;font-weight:bold}.do{background:#f3f3f3;padding:.4rem .8rem}";

/// Returns the page.
pub(super) fn of(report: &Report) -> String {
    let mut page = String::with_capacity(4096);
    // Writing into a String cannot fail.
    let _ = write(&mut page, report);
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

fn write(page: &mut String, report: &Report) -> std::fmt::Result {
    let (district, run) = (escaped(report.district.as_str()), escaped(report.run.as_str()));
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Rollbook: {district}, {run}</title><style>{STYLE}</style>\
         <h1>District {district}</h1><p class=\"verdict\">{}</p>\
         <p>Run {run}. Time of the data: {}. Dates are evaluated for {}.</p>",
        escaped(&Verdict::of(report).text),
        report.taken_at,
        report.today
    )?;
    origin(page, report)?;
    holds(page, report)?;
    findings(page, report)?;
    counts(page, report)?;
    page.push_str("</html>\n");
    Ok(())
}

/// Where the run comes from, and who decided about it.
fn origin(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.origin.changes_over.is_some() {
        page.push_str(
            "<p>Only records that changed since the last full pull were read. Nothing is removed \
             before the next full pull.</p>",
        );
    }
    let cause = match &report.cause {
        Cause::Source => None,
        Cause::Undo(command) => Some(("Undoes", command)),
        Cause::Restore(command) => Some(("Restores the snapshot of", command)),
        Cause::Remainder(_) => None,
    };
    if let Cause::Remainder(Remainder { of }) = &report.cause {
        let of = escaped(of.as_str());
        write!(page, "<p>This is the part of run {of} that waited for a decision.</p>")?;
    }
    if let Some((what, Command { of, by, reason })) = cause {
        let (of, by, reason) = (escaped(of.as_str()), escaped(by), escaped(reason));
        write!(page, "<p>{what} run {of}, requested by {by}. Reason: {reason}</p>")?;
    }
    if let Some(decided) = &report.decided {
        let (by, reason) = (escaped(&decided.by), escaped(&decided.reason));
        write!(page, "<p>Decided by {by}: {:?}. Reason: {reason}</p>", decided.decision)?;
    }
    if report.edits_kept > 0 {
        write!(
            page,
            "<p>{} changes were skipped because their records were edited during the run.</p>",
            report.edits_kept
        )?;
    }
    Ok(())
}

fn holds(page: &mut String, report: &Report) -> std::fmt::Result {
    let is_held = report.state == RunState::Held;
    let title = if is_held { "Why the run is held" } else { "Why the run was held" };
    reasons(page, title, &report.holds)?;
    reasons(page, "Why a part of the changes was not applied with this run", &report.waits)
}

fn reasons(page: &mut String, title: &str, holds: &[Hold]) -> std::fmt::Result {
    if holds.is_empty() {
        return Ok(());
    }
    write!(page, "<h2>{title}</h2><ul>")?;
    for hold in holds.iter().take(HOLDS) {
        match &hold.school {
            Some(school) => {
                write!(
                    page,
                    "<li>School {}: {}</li>",
                    escaped(school.as_str()),
                    escaped(&hold.what)
                )?;
            }
            None => write!(page, "<li>{}</li>", escaped(&hold.what))?,
        }
    }
    if holds.len() > HOLDS {
        write!(page, "<li>… and {} more reasons</li>", holds.len() - HOLDS)?;
    }
    page.push_str("</ul>");
    Ok(())
}

fn findings(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.finding_totals.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>What to correct</h2>");
    for (code, total) in report.ranked_totals() {
        finding_section(page, report, code, total)?;
    }
    Ok(())
}

fn finding_section(
    page: &mut String,
    report: &Report,
    code: &str,
    total: Total,
) -> std::fmt::Result {
    let known = finding::code(code);
    let meaning = known.map_or(code, |code| code.meaning);
    let times = if total.count == 1 { "once".to_owned() } else { format!("{} times", total.count) };
    write!(page, "<h3>{times}: {}</h3>", escaped(meaning))?;
    write!(page, "<p>{} <small>({})</small></p>", total.severity.consequence(), escaped(code))?;
    if let Some(advice) = known.map(|code| code.advice).filter(|advice| !advice.is_empty()) {
        write!(page, "<p class=\"do\"><b>What to do:</b> {}</p>", escaped(advice))?;
    }
    page.push_str("<ul>");
    let listed = report.findings.iter().filter(|finding| finding.code == code);
    for finding in listed.take(EXAMPLES) {
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
    if total.count > EXAMPLES as u64 {
        write!(page, "<li>… and {} more; see findings.csv</li>", total.count - EXAMPLES as u64)?;
    }
    page.push_str("</ul>");
    Ok(())
}

fn counts(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.counts.is_empty() {
        return Ok(());
    }
    page.push_str(
        "<h2>Records</h2><table><tr><th>Kind<th>In the source<th>Not admitted<th>Left out<th>Added\
         <th>Changed<th>Removed<th>Ended by date<th>Unchanged</tr>",
    );
    for (kind, c) in &report.counts {
        let left_out = report.left_out.get(kind).copied().unwrap_or_default();
        write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{left_out}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            escaped(&kind.replace('_', " ")),
            c.in_source,
            c.not_admitted,
            c.added,
            c.changed,
            c.removed,
            c.ended,
            c.unchanged
        )?;
    }
    page.push_str("</table>");
    let effects = &report.effects;
    if *effects == Effects::default() {
        // An undo counts none.
        return Ok(());
    }
    page.push_str("<h2>What people see</h2><table><tr><th><th>Before<th>After</tr>");
    for (what, Effect { before, after }) in [
        ("Active classes", effects.active_classes),
        ("Classes with a teacher", effects.classes_with_teacher),
        ("Students in an active class", effects.students_with_class),
    ] {
        write!(page, "<tr><td>{what}<td>{before}<td>{after}</tr>")?;
    }
    page.push_str("</table>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::report::tests::report;

    #[test]
    fn r_x3_the_page_begins_with_the_verdict_and_names_causes_before_symptoms() {
        let page = of(&report());
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
        assert!(at("class=\"verdict\"") < at("What to correct"), "{page}");
        assert!(at("(people_missing)") < at("(reference_missing)"), "{page}");
        assert!(page.contains("… and 453 more; see findings.csv"), "{page}");
        assert!(page.contains("What to do:"), "{page}");
    }

    #[test]
    fn text_of_the_source_is_never_markup() {
        let mut report = report();
        report.findings[0].message = "<script>alert('x')</script>\"".into();
        let page = of(&report);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;"), "{page}");
    }
}
