//! Finds the record of a row, and checks ids (checks 24 to 27).

use roster::finding::source as codes;

use super::collected::note_record;
use super::diagnostics::{Diagnostics, Sign};
use super::ids::{Claim, RecordStatus, Registry};
use super::layout::FileKind;
use super::row::Row;
use super::values::is_regular_id;

/// Outcome of a row's claim to its record.
pub(super) enum Taken {
    /// The row defines the record.
    Record(u32),
    /// The row is bad, or conflicts with another. The mirror's record is left unchanged.
    Bad(u32),
    /// The row removes its record, or repeats another row.
    Nothing,
    /// The row's record is unknown.
    Unnamed,
}

/// Finds the record of a row and runs the checks that do not depend on the table (checks 24 to 26).
pub(super) fn take<T: Default + Clone>(
    registry: &mut Registry<T>,
    row: &Row<'_>,
    package: u16,
    diagnostics: &mut Diagnostics<'_>,
) -> Taken {
    let Some(id) = row.own_id() else {
        if !row.is_bad() {
            row.required(row.id_col(), diagnostics);
        }
        return Taken::Unnamed;
    };
    match registry.claim(id, package, row.line, row.fingerprint()) {
        Claim::Outdated => Taken::Nothing,
        Claim::Again(first) => {
            if registry
                .ids
                .find(id)
                .is_some_and(|slot| registry.status(slot) != RecordStatus::Dropped)
            {
                row.note(diagnostics, &codes::DUPLICATE_ROW, Some(row.id_col()), || {
                    format!("the row is the same as the one on line {first}")
                });
            }
            Taken::Nothing
        }
        Claim::Conflict(slot, first) => {
            if !row.is_bad() {
                row.note(diagnostics, &codes::DUPLICATE_ID, Some(row.id_col()), || {
                    format!("line {first} has the same sourcedId with other values; these rows were skipped")
                });
            }
            registry.set(slot, RecordStatus::Dropped);
            Taken::Bad(slot)
        }
        Claim::First(slot) if row.is_bad() => {
            registry.set(slot, RecordStatus::Dropped);
            Taken::Bad(slot)
        }
        Claim::First(slot) => {
            if !is_regular_id(id) {
                row.note(diagnostics, &codes::ID_CHARACTERS, Some(row.id_col()), String::new);
                if is_exponent(id) {
                    diagnostics.sign(Sign::Exponents);
                }
            }
            if row.is_removal() {
                registry.set(slot, RecordStatus::Removed);
                return Taken::Nothing;
            }
            Taken::Record(slot)
        }
    }
}

/// Whether an id is a number as spreadsheet programs write long ones: `1.2E+15`.
fn is_exponent(id: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    id.split_once("E+").is_some_and(|(number, exponent)| {
        is_digits(&number.replacen('.', "", 1)) && is_digits(exponent)
    })
}

/// Reports ids that differ only in case (check 27).
pub(super) fn note_id_case<T: Default + Clone>(
    registry: &Registry<T>,
    kind: FileKind,
    diagnostics: &mut Diagnostics<'_>,
) {
    for (a, b) in registry.ids.differing_in_case(registry.present()) {
        note_record(registry, b, kind, diagnostics, &codes::ID_CASE, Some("sourcedId"), || {
            format!(
                "the sourcedId differs only in capitalization from the one on line {}",
                registry.seen(a).line
            )
        });
    }
}
