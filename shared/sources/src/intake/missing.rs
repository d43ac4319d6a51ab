//! Records to which others refer although they were not sent (checks 36, 54 and 55). Each is
//! reported once, with the number of records that name it (R-X4).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use roster::finding::{Code, source as codes};

use super::collected::{Collected, List, person};
use super::diagnostics::{Diagnostics, id_of, place, quoted};
use super::ids::RecordStatus;

/// Minimum number of missing people that are reported together.
const MANY_PEOPLE: u64 = 5;

/// Where a missing record is named.
#[derive(Clone, Copy)]
pub(crate) struct Naming {
    /// The list of the record that names it.
    pub(crate) list: List,
    pub(crate) line: u32,
    pub(crate) column: &'static str,
    /// What the reference leads to, see [`RANKS`].
    pub(crate) code: &'static Code,
}

/// The codes of missing references. Of several for one record, the last in this order is reported.
static RANKS: [&Code; 4] = [
    &codes::OPTIONAL_REFERENCE_MISSING,
    &codes::AGENT_MISSING,
    &codes::DEMOGRAPHICS_WITHOUT_USER,
    &codes::REFERENCE_MISSING,
];

fn rank(code: &Code) -> usize {
    RANKS.iter().position(|known| known.name == code.name).unwrap_or_default()
}

/// A record that was not sent.
struct MissingRecord {
    list: List,
    first: Naming,
    code: &'static Code,
    /// Whether only earlier packages name it.
    earlier: bool,
    /// The number of records of each list that name it.
    by: Vec<(List, u64)>,
}

impl MissingRecord {
    fn count(&self) -> u64 {
        self.by.iter().map(|(_, count)| count).sum()
    }

    /// The records that name it: `70 classes`, `8 enrollments and 1 row of demographics`.
    fn named_by(&self) -> String {
        joined(&self.by.iter().map(of_list).collect::<Vec<_>>())
    }
}

/// The records that were not sent, by list and id.
#[derive(Default)]
pub(crate) struct Missing(BTreeMap<(&'static str, String), MissingRecord>);

impl Missing {
    /// Counts a reference to a record of `list` that was not sent. `earlier`: the reference is in
    /// an earlier package.
    pub(crate) fn note(&mut self, list: impl Into<List>, id: &str, naming: Naming, earlier: bool) {
        let list = list.into();
        let record = self.0.entry((list.name, id.to_owned())).or_insert_with(|| MissingRecord {
            list,
            first: naming,
            code: naming.code,
            earlier,
            by: Vec::new(),
        });
        record.earlier &= earlier;
        if rank(naming.code) > rank(record.code) {
            record.code = naming.code;
        }
        match record.by.iter_mut().find(|(list, _)| list.name == naming.list.name) {
            Some((_, count)) => *count += 1,
            None => record.by.push((naming.list, 1)),
        }
    }

    /// The ids of records of a list that records of another list name.
    pub(crate) fn named_by<'m>(
        &'m self,
        list: &'m str,
        by: &'m str,
    ) -> impl Iterator<Item = &'m str> {
        self.0
            .iter()
            .filter(move |((of, _), record)| {
                *of == list && record.by.iter().any(|(other, _)| other.name == by)
            })
            .map(|((_, id), _)| id.as_str())
    }

    /// Reports each record, those named most often first.
    pub(super) fn report(self, roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
        note_people(&self, roster, diagnostics);
        let mut records: Vec<_> = self.0.into_iter().collect();
        records.sort_by_key(|(_, record)| std::cmp::Reverse(record.count()));
        for ((_, id), record) in records {
            let before = std::mem::replace(&mut diagnostics.earlier, record.earlier);
            let file = diagnostics.list_name(record.list.name);
            // Some exports name people by their addresses, which a finding must not contain.
            let is_address = id.contains('@');
            let shown = if is_address { "an e-mail address".to_owned() } else { quoted(&id) };
            diagnostics.note(record.code, |f| {
                let found =
                    format!("{shown} is named by {} and is not in {file}", record.named_by());
                let (list, line, column) =
                    (record.first.list, record.first.line, record.first.column);
                let f = f.with(found).at(place(list.name, line, Some(column)));
                if is_address { f } else { f.about(record.list.entity, &id_of(&id)) }
            });
            diagnostics.earlier = before;
        }
    }
}

/// Reports how many people are missing, if they are many: the cause of the findings about each.
fn note_people(missing: &Missing, roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    let kinds = |slot: u32| {
        let user = roster.users.record(slot);
        if roster.users.status(slot) == RecordStatus::Absent { user.enrolled } else { 0 }
    };
    let of_kind = |kind: u8| {
        (0..roster.users.len() as u32).filter(|&slot| kinds(slot) & kind != 0).count() as u64
    };
    let counts = [
        (of_kind(person::STUDENT), "student"),
        (of_kind(person::TEACHER), "teacher"),
        (of_kind(person::GUARDIAN), "guardian"),
    ];
    let people: u64 = counts.iter().map(|(count, _)| count).sum();
    if people < MANY_PEOPLE {
        return;
    }
    let users = roster.words.users;
    let mut by: Vec<(List, u64)> = Vec::new();
    for record in missing.0.values().filter(|record| record.list.name == users.name) {
        for &(list, count) in &record.by {
            match by.iter_mut().find(|(known, _)| known.name == list.name) {
                Some((_, sum)) => *sum += count,
                None => by.push((list, count)),
            }
        }
    }
    let missing_people: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|&(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect();
    let file = diagnostics.list_name(users.name);
    diagnostics.note(&codes::PEOPLE_MISSING, |f| {
        let found = format!(
            "{} are missing from {file}, but {} name them",
            joined(&missing_people),
            joined(&by.iter().map(of_list).collect::<Vec<_>>())
        );
        f.with(found).at(place(users.name, 0, None))
    });
}

fn of_list(&(list, count): &(List, u64)) -> String {
    let (one, many) = match list.entity {
        "class" => ("class", "classes"),
        "academicSession" => ("academic session", "academic sessions"),
        "demographics" => ("row of demographics", "rows of demographics"),
        entity => return format!("{count} {entity}{}", if count == 1 { "" } else { "s" }),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

fn joined(parts: &[String]) -> String {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        let before = match at {
            0 => "",
            _ if at + 1 == parts.len() => " and ",
            _ => ", ",
        };
        let _ = write!(text, "{before}{part}");
    }
    text
}
