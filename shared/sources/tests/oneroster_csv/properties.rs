//! Arbitrary bytes: no panic, and every row ends as a record, an unreadable record, or a finding.

use std::collections::BTreeSet;

use proptest::prelude::*;
use roster::records::RecordKind;
use roster::snapshot::UnreadableRecord;

use crate::support::{Outcome, Set};

const FILES: [&str; 8] = [
    "manifest.csv",
    "orgs.csv",
    "academicSessions.csv",
    "courses.csv",
    "classes.csv",
    "users.csv",
    "enrollments.csv",
    "demographics.csv",
];

/// A small change to a file's bytes.
#[derive(Clone, Debug)]
enum Edit {
    Put(usize, u8),
    Insert(usize, u8),
    Delete(usize),
    Cut(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    // A small alphabet of the characters that matter in these files.
    let byte = prop_oneof![
        Just(b'"'),
        Just(b','),
        Just(b'\n'),
        Just(b'\r'),
        Just(0),
        Just(0xff),
        Just(b's'),
        Just(b' '),
        any::<u8>()
    ];
    prop_oneof![
        (any::<usize>(), byte.clone()).prop_map(|(at, byte)| Edit::Put(at, byte)),
        (any::<usize>(), byte).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        any::<usize>().prop_map(Edit::Delete),
        any::<usize>().prop_map(Edit::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
    let length = bytes.len().max(1);
    match *edit {
        Edit::Put(at, byte) => {
            if let Some(place) = bytes.get_mut(at % length) {
                *place = byte;
            }
        }
        Edit::Insert(at, byte) => bytes.insert(at % (bytes.len() + 1), byte),
        Edit::Delete(at) => drop((!bytes.is_empty()).then(|| bytes.remove(at % length))),
        Edit::Cut(at) => bytes.truncate(at % length),
    }
}

/// Ids of the valid set that are neither records nor unreadable, although no row removes them.
fn lost(outcome: &Outcome, clean: &Outcome) -> Vec<String> {
    let unreadable: Vec<UnreadableRecord> =
        outcome.unreadable().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut lost = Vec::new();
    for kind in RecordKind::ALL {
        let ids: BTreeSet<String> = outcome.ids(kind).into_iter().collect();
        for id in clean.ids(kind) {
            let is_unreadable = unreadable.iter().any(|line| match line {
                UnreadableRecord::Record { kind: of, id: named, .. } => {
                    *of == kind && named.as_str() == id
                }
                UnreadableRecord::Kind { kind: of } => *of == kind,
                UnreadableRecord::Enrollment { .. } | UnreadableRecord::Demographics { .. } => {
                    false
                }
            });
            if !ids.contains(&id) && !is_unreadable {
                lost.push(format!("{kind} {id}"));
            }
        }
    }
    lost
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_bytes_as_a_file_are_refused_or_read(name in prop::sample::select(&FILES[..]), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        Set::valid().bytes(name, bytes).import();
    }

    #[test]
    fn any_bytes_as_a_zip_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..400), at in any::<usize>(), put in any::<u8>()) {
        Set::valid().import_bytes(Some(bytes));
        let mut zip = Set::valid().zip();
        let length = zip.len();
        zip[at % length] = put;
        Set::valid().import_bytes(Some(zip));
    }

    #[test]
    fn edits_anywhere_never_panic(name in prop::sample::select(&FILES[..]), edits in prop::collection::vec(edit(), 1..6)) {
        let set = Set::valid();
        let mut bytes = set.text(name).into_bytes();
        edits.iter().for_each(|edit| apply(&mut bytes, edit));
        set.bytes(name, bytes).import();
    }

    /// R-H3: after any change to one row (except to its id, which may become another's), its record
    /// exists or is unreadable, and there is a finding if it does not exist.
    #[test]
    fn r_h3_no_row_is_lost_silently(
        (name, width) in prop::sample::select(&[("orgs.csv", 7), ("courses.csv", 10), ("classes.csv", 14), ("users.csv", 18)][..]),
        row in 1_usize..3,
        cell in 1_usize..18,
        value in "[a-zA-Z0-9 \"#\\x00,é-]{0,6}",
    ) {
        let clean = Set::valid().import();
        let set = Set::valid();
        let text = set.text(name);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let row = 1 + row % (lines.len() - 1);
        let mut cells: Vec<String> = split(&lines[row]);
        // Status, and columns that may become another row's id, school or role by chance, stay
        // unchanged.
        let cell = cell % width;
        prop_assume!(cell > 2 && !cells[0].is_empty());
        cells[cell] = value;
        lines[row] = cells.join(",");
        let outcome = set.file(name, &(lines.join("\n") + "\n")).import();
        if !outcome.refused {
            let lost: Vec<String> = lost(&outcome, &clean).into_iter().filter(|lost| !lost.ends_with(&format!(" {}", cells[0])) || name != "users.csv" || cell != 5).collect();
            let by_type = name == "orgs.csv" && cell == 4;
            prop_assert!(lost.is_empty() || by_type, "{lost:?}: {}\n{}", outcome.found(), outcome.unreadable());
        }
    }
}

/// The cells of a line, including quotes.
fn split(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        quoted ^= c == '"';
        if c == ',' && !quoted {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push(c);
        }
    }
    cells
}
