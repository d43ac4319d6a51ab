//! demographics.csv (check 55). If demographics are not kept, only the ids that a district puts
//! into this file are read (R-M7).

use roster::finding::source as codes;

use super::collected::{Collected, Demographic, ImportOptions, person};
use super::diagnostics::{Abort, Diagnostics};
use super::ids::RecordStatus;
use super::layout::FileKind;
use super::record_texts::DemographicTexts;
use super::repeats::Claims;
use super::row::Row;
use super::table::Table;
use super::users::own_column;
use super::values::{NO_DAY, to_day};
use crate::intake::demographics::RACES;

const SEXES: [&str; 4] = ["male", "female", "unspecified", "other"];

/// Whether the file contains anything that is kept.
pub(super) fn is_wanted(options: &ImportOptions<'_>) -> bool {
    options.demographics
        || options.metadata("state_id").is_some()
        || options.metadata("student_number").is_some()
}

pub(super) fn read(
    table: &mut Table,
    package: u16,
    claims: &mut Claims,
    seen: &mut Vec<Seen>,
    roster: &mut Collected,
    options: &ImportOptions<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let keep = options.demographics;
    let own = ["state_id", "student_number", "ell", "frl", "iep"]
        .map(|field| own_column(table, options, field));
    roster.mapped.extend(own.iter().filter(|col| col.is_there()).map(|col| col.name));
    let races = RACES.map(|name| table.col(name));
    let [birth, sex, hispanic] =
        ["birthDate", "sex", "hispanicOrLatinoEthnicity"].map(|name| table.col(name));
    roster.demographics.resize(roster.users.len(), Demographic::default());
    seen.resize(roster.users.len(), Seen::default());
    while table.advance(diagnostics)? {
        let row = table.row();
        let Some(id) = row.own_id() else {
            if !row.is_bad() {
                row.required(row.id_col(), diagnostics);
            }
            roster.losses.any_demographics = true;
            continue;
        };
        if claims.take(id).is_none() {
            continue;
        }
        let user = match roster.users.ids.find(id) {
            Some(user) if roster.users.status(user) != RecordStatus::Absent => user,
            _ => {
                if !row.is_bad() && !row.is_removal() {
                    // A person who is still referred to is not gone (R-H1).
                    let user = roster.users.slot(id);
                    roster.users.record_mut(user).enrolled |= person::STUDENT;
                    let how = (row.id_col(), &codes::DEMOGRAPHICS_WITHOUT_USER);
                    row.note_missing(&mut roster.missing, FileKind::Users, id, how, diagnostics);
                }
                continue;
            }
        };
        if !is_first(&row, &mut seen[user as usize], package, diagnostics) {
            if row.is_bad() || seen[user as usize].conflict {
                roster.losses.students.push(user);
            }
            continue;
        }
        if row.is_bad() {
            roster.losses.students.push(user);
            continue;
        }
        if row.is_removal() {
            continue;
        }
        let mut record = Demographic { known: true, ..Demographic::default() };
        let mut ordered = false;
        let mut sex_word = "";
        if keep {
            for (bit, &col) in races.iter().enumerate() {
                record.races |=
                    u8::from(row.boolean(col, false, true, diagnostics) == Some(true)) << bit;
            }
            record.hispanic =
                row.boolean(hispanic, false, true, diagnostics).map_or(0, |yes| 1 + u8::from(yes));
            let date;
            (date, ordered) = row.date(birth, false, true, diagnostics);
            record.birth = date.map_or(NO_DAY, to_day);
            sex_word = read_sex(&row, sex, diagnostics);
        }
        let [state_id, number, ell, frl, iep] = own.map(|col| row.trimmed(col));
        let texts = DemographicTexts { sex: sex_word, state_id, number, ell, frl, iep };
        record.texts = texts.write(&mut roster.texts);
        roster.demographics[user as usize] = record;
        table.note_date_order(ordered, diagnostics);
    }
    Ok(())
}

/// The rows seen of a user.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    line: u32,
    row: u64,
    package: u16,
    conflict: bool,
}

/// Whether the row is the first of its user (check 26).
fn is_first(
    row: &Row<'_>,
    seen: &mut Seen,
    package: u16,
    diagnostics: &mut Diagnostics<'_>,
) -> bool {
    let content = row.fingerprint();
    if seen.line == 0 || seen.package != package {
        *seen = Seen { line: row.line, row: content, package, conflict: false };
        return true;
    }
    let first = seen.line;
    if seen.row == content {
        row.note(diagnostics, &codes::DUPLICATE_ROW, Some(row.id_col()), || {
            format!("the row is the same as the one on line {first}")
        });
    } else {
        seen.conflict = true;
        row.note(diagnostics, &codes::DUPLICATE_ID, Some(row.id_col()), || {
            format!(
                "line {first} has the same sourcedId with other values; these rows were skipped"
            )
        });
    }
    false
}

/// Reads the sex. Findings do not quote the value, because it is personal data.
fn read_sex<'t>(
    row: &Row<'t>,
    col: super::header::Col,
    diagnostics: &mut Diagnostics<'_>,
) -> &'t str {
    let text = row.trimmed(col);
    if text.is_empty() || SEXES.contains(&text) || text.starts_with("ext:") {
        return text;
    }
    if let Some(word) = SEXES.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        row.note(diagnostics, &codes::VALUE_CASE, Some(col), String::new);
        return word;
    }
    row.note(diagnostics, &codes::OPTIONAL_VALUE_UNKNOWN, Some(col), || {
        format!("{} is not one of {}", col.name, SEXES.join(", "))
    });
    ""
}
