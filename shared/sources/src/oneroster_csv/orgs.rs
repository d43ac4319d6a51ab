//! orgs.csv: schools and their parent orgs (checks 36 and 38).

use roster::finding::source as codes;
use roster::records::RecordKind;
use roster::rule::Rule;

use super::collected::{Collected, ImportOptions, Org, OrgKind, note_record};
use super::diagnostics::{Abort, Diagnostics, id_of, place, quoted};
use super::ids::{NONE, RecordStatus};
use super::layout::FileKind;
use super::missing::Naming;
use super::record_texts::OrgTexts;
use super::table::Table;
use super::take::{Taken, note_id_case, take};
use super::unreadable::missing_schools;

const TYPES: [&str; 6] = ["department", "school", "district", "local", "state", "national"];

pub(super) fn read(
    table: &mut Table,
    package: u16,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let [name, kind, identifier, parent] =
        ["name", "type", "identifier", "parentSourcedId"].map(|name| table.col(name));
    while table.advance(diagnostics)? {
        let row = table.row();
        let slot = match take(&mut roster.orgs, &row, package, diagnostics) {
            Taken::Record(slot) => slot,
            Taken::Unnamed => {
                roster.losses.kind(RecordKind::School);
                continue;
            }
            Taken::Bad(_) | Taken::Nothing => continue,
        };
        let (Some(name), Some(kind)) =
            (row.required(name, diagnostics), row.word(kind, &TYPES, true, true, diagnostics))
        else {
            roster.orgs.set(slot, RecordStatus::Dropped);
            continue;
        };
        let texts = OrgTexts { name, identifier: row.trimmed(identifier) };
        let texts = texts.write(&mut roster.texts);
        let parent = Some(row.get(parent))
            .filter(|id| !id.trim().is_empty())
            .map_or(NONE, |id| roster.orgs.slot(id));
        let kind = match kind {
            "school" => OrgKind::School,
            "district" | "local" => OrgKind::District,
            _ => OrgKind::Other,
        };
        *roster.orgs.record_mut(slot) =
            Org { texts, kind, parent, has_classes: false, wanted: false };
    }
    Ok(())
}

/// Runs the checks that need all orgs.
pub(super) fn finish(
    roster: &mut Collected,
    options: &ImportOptions<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let orgs = &mut roster.orgs;
    note_id_case(orgs, FileKind::Orgs, diagnostics);
    let present: Vec<u32> = orgs.present().collect();
    for &slot in &present {
        let parent = orgs.record(slot).parent;
        if parent != NONE && !orgs.resolves(parent) {
            orgs.record_mut(slot).parent = NONE;
            let seen = orgs.seen(slot);
            let naming = Naming {
                list: FileKind::Orgs.into(),
                line: seen.line,
                column: "parentSourcedId",
                code: &codes::OPTIONAL_REFERENCE_MISSING,
            };
            let is_of_earlier = seen.is_of_earlier_set();
            roster.missing.note(FileKind::Orgs, orgs.id(parent), naming, is_of_earlier);
        }
    }
    cut_cycles(roster, &present, diagnostics);
    let orgs = &roster.orgs;
    for &slot in &present {
        let org = orgs.record(slot);
        if org.kind == OrgKind::School
            && (org.parent == NONE
                || (orgs.is_present(org.parent)
                    && orgs.record(org.parent).kind != OrgKind::District))
        {
            note_record(
                orgs,
                slot,
                FileKind::Orgs,
                diagnostics,
                &codes::ORG_HIERARCHY,
                Some("parentSourcedId"),
                || {
                    if org.parent == NONE {
                        "the school has no district above it".into()
                    } else {
                        String::new()
                    }
                },
            );
        }
    }
    if let Some(schools) = &options.settings.shared_schools {
        let mut scope = Vec::new();
        for id in schools {
            match roster.orgs.ids.find(id) {
                Some(slot) if roster.orgs.resolves(slot) => scope.push(slot),
                _ => diagnostics.note(&codes::SHARED_SCHOOL_UNKNOWN, |f| {
                    let found = format!(
                        "the setting shared_schools names the school {}, which the source does not \
                         have",
                        quoted(id)
                    );
                    f.with(found).at(place(FileKind::Orgs.file(), 0, None)).about("org", &id_of(id))
                }),
            }
        }
        roster.scope = Some(scope);
    }
}

/// Reports schools that are referred to but were not sent (readings, R-A6).
pub(super) fn note_missing_schools(roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    for slot in missing_schools(roster) {
        diagnostics.note(&codes::SCHOOL_NOT_SENT, |f| {
            f.under(Rule::H3)
                .at(place(FileKind::Orgs.file(), 0, None))
                .about("org", &id_of(roster.orgs.id(slot)))
        });
    }
}

fn cut_cycles(roster: &mut Collected, present: &[u32], diagnostics: &mut Diagnostics<'_>) {
    let orgs = &mut roster.orgs;
    // The walk that last visited each org. A walk that meets itself is a cycle; one that meets an
    // earlier walk is not.
    let mut walked = vec![0_u32; orgs.len()];
    for (walk, &start) in (1..).zip(present) {
        let mut at = start;
        while at != NONE && walked[at as usize] == 0 {
            walked[at as usize] = walk;
            if !orgs.is_present(at) {
                break;
            }
            let parent = orgs.record(at).parent;
            if parent != NONE && walked[parent as usize] == walk {
                orgs.record_mut(at).parent = NONE;
                note_record(
                    orgs,
                    at,
                    FileKind::Orgs,
                    diagnostics,
                    &codes::ORG_CYCLE,
                    Some("parentSourcedId"),
                    String::new,
                );
                break;
            }
            at = parent;
        }
    }
}
