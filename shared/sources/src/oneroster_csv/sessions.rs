//! academicSessions.csv (checks 28, 36 and 46).

use roster::finding::source as codes;
use roster::records::RecordKind;

use super::collected::{Collected, Session, note_record};
use super::diagnostics::{Abort, Diagnostics, quoted};
use super::ids::{NONE, RecordStatus};
use super::layout::FileKind;
use super::missing::Naming;
use super::record_texts::SessionTexts;
use super::table::Table;
use super::take::{Taken, note_id_case, take};
use super::values::{NO_DAY, to_date, to_day};

const TYPES: [&str; 4] = ["gradingPeriod", "semester", "schoolYear", "term"];

pub(super) fn read(
    table: &mut Table,
    package: u16,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let [title, kind, start, end, parent, year] =
        ["title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear"]
            .map(|name| table.col(name));
    while table.advance(diagnostics)? {
        let row = table.row();
        let slot = match take(&mut roster.sessions, &row, package, diagnostics) {
            Taken::Record(slot) => slot,
            Taken::Unnamed => {
                roster.losses.kind(RecordKind::Term);
                continue;
            }
            Taken::Bad(_) | Taken::Nothing => continue,
        };
        let title = row.required(title, diagnostics);
        let kind = row.word(kind, &TYPES, true, true, diagnostics);
        let (start, start_ordered) = row.date(start, true, false, diagnostics);
        let (end, end_ordered) = row.date(end, true, false, diagnostics);
        let year_text = if year.is_there() { row.required(year, diagnostics) } else { Some("") };
        let (Some(title), Some(kind), Some(start), Some(end), Some(year_text)) =
            (title, kind, start, end, year_text)
        else {
            roster.sessions.set(slot, RecordStatus::Dropped);
            table.note_date_order(start_ordered || end_ordered, diagnostics);
            continue;
        };
        let is_year = year_text.len() == 4 && year_text.bytes().all(|c| c.is_ascii_digit());
        if !is_year && !year_text.is_empty() {
            row.note(diagnostics, &codes::YEAR_FORMAT, Some(year), || {
                format!("schoolYear is {}, not a year", quoted(year_text))
            });
        }
        let school_year = if is_year { year_text } else { "" };
        let texts = SessionTexts { title, school_year }.write(&mut roster.texts);
        let parent = Some(row.get(parent))
            .filter(|id| !id.trim().is_empty())
            .map_or(NONE, |id| roster.sessions.slot(id));
        let kind = TYPES.iter().find(|word| **word == kind).copied().unwrap_or("other");
        if end <= start {
            row.note(diagnostics, &codes::SESSION_DATES, Some(table.col("endDate")), || {
                "the session ends before it begins, or on the same day (endDate is the day after the last day)".into()
            });
            // One of the two dates is wrong. With either of them, classes could end too early.
            roster.sessions.set(slot, RecordStatus::Dropped);
            table.note_date_order(start_ordered || end_ordered, diagnostics);
            continue;
        }
        *roster.sessions.record_mut(slot) =
            Session { texts, kind, start: to_day(start), end: to_day(end), parent };
        table.note_date_order(start_ordered || end_ordered, diagnostics);
    }
    Ok(())
}

/// Runs the checks that need all sessions.
pub(super) fn finish(roster: &mut Collected, diagnostics: &mut Diagnostics<'_>) {
    note_id_case(&roster.sessions, FileKind::AcademicSessions, diagnostics);
    let present: Vec<u32> = roster.sessions.present().collect();
    for slot in present {
        let session = *roster.sessions.record(slot);
        if session.parent != NONE && !roster.sessions.resolves(session.parent) {
            roster.sessions.record_mut(slot).parent = NONE;
            let seen = roster.sessions.seen(slot);
            let naming = Naming {
                list: FileKind::AcademicSessions.into(),
                line: seen.line,
                column: "parentSourcedId",
                code: &codes::OPTIONAL_REFERENCE_MISSING,
            };
            let (id, is_of_earlier) =
                (roster.sessions.id(session.parent), seen.is_of_earlier_set());
            roster.missing.note(FileKind::AcademicSessions, id, naming, is_of_earlier);
        } else if session.parent != NONE && roster.sessions.is_present(session.parent) {
            let parent = roster.sessions.record(session.parent);
            if session.start < parent.start || session.end > parent.end {
                note(
                    roster,
                    slot,
                    diagnostics,
                    &codes::SESSION_DATES,
                    "parentSourcedId",
                    || "the session is outside the dates of its parent",
                );
            }
        }
        let texts = SessionTexts::read(&roster.texts, session.texts);
        if let Ok(year) = texts.school_year.parse::<i32>()
            && session.end != NO_DAY
        {
            // The end of a school year is exclusive and may be New Year's Day. A fall term ends in
            // the calendar year before.
            let (ends, _, _) = to_date(session.end - 1);
            let fits = if session.kind == "schoolYear" {
                ends == year
            } else {
                ends == year || ends + 1 == year
            };
            if !fits {
                note(
                    roster,
                    slot,
                    diagnostics,
                    &codes::SESSION_DATES,
                    "schoolYear",
                    || "schoolYear is not the year in which the school year ends",
                );
            }
        }
    }
}

fn note(
    roster: &Collected,
    slot: u32,
    diagnostics: &mut Diagnostics<'_>,
    code: &'static roster::finding::Code,
    column: &'static str,
    found: impl FnOnce() -> &'static str,
) {
    note_record(
        &roster.sessions,
        slot,
        FileKind::AcademicSessions,
        diagnostics,
        code,
        Some(column),
        || found().into(),
    );
}
