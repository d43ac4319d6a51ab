//! Checks the table of source sentences: it is complete and every test in it exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("../../seeds.md");

/// Number of sentences of each document that state a behavior.
const SENTENCES: [(char, u32); 5] = [('A', 13), ('B', 21), ('C', 8), ('D', 12), ('E', 25)];

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Returns the names of all tests of the workspace.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["functions", "shared", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).expect("a source is text");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
                names.insert(name.split('(').next().unwrap_or_default().to_owned());
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn every_sentence_has_tests_and_all_of_them_exist() {
    let tests = tests();
    let mut numbers: BTreeMap<char, Vec<u32>> = BTreeMap::new();
    let mut missing = Vec::new();
    for line in TABLE.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, says, proofs, _] = cells.as_slice() else { continue };
        let Some((document, Ok(number))) =
            number.chars().next().map(|first| (first, number[first.len_utf8()..].parse()))
        else {
            continue;
        };
        numbers.entry(document).or_default().push(number);
        assert!(
            says.len() > 10 && !proofs.is_empty(),
            "{document}{number} has no sentence or no test"
        );
        missing.extend(
            proofs
                .split(',')
                .map(str::trim)
                .filter(|name| !tests.contains(*name))
                .map(|name| format!("{document}{number}: {name}")),
        );
    }
    for (document, count) in SENTENCES {
        assert_eq!(numbers.get(&document), Some(&(1..=count).collect()), "document {document}");
    }
    assert!(missing.is_empty(), "no such tests:\n{}", missing.join("\n"));
}
