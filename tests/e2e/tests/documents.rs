//! Checks the documents against the repository: relative links are valid, the README is short, and
//! the checks, invariants and rules that the code cites are defined in a document.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The largest README in bytes. Further content belongs in documents next to the code.
const README_BYTES: u64 = 12 * 1024;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Collects the files below a folder that have one of these extensions, without build output and
/// version control.
fn files(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            let is_skipped = |name: &std::ffi::OsStr| name == "target" || name == ".git";
            if !path.file_name().is_some_and(is_skipped) {
                files(&path, extensions, found);
            }
        } else if path.extension().is_some_and(|own| extensions.iter().any(|one| own == *one)) {
            found.push(path);
        }
    }
}

/// Reads all files with one of these extensions, by their paths relative to the repository.
fn texts(extensions: &[&str]) -> BTreeMap<PathBuf, String> {
    let root = root();
    let mut found = Vec::new();
    files(&root, extensions, &mut found);
    let read = |path: PathBuf| {
        let text = fs::read(&path).expect("the file can be read");
        let name = path.strip_prefix(&root).expect("a path below the root").to_owned();
        (name, String::from_utf8_lossy(&text).into_owned())
    };
    found.into_iter().map(read).collect()
}

fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

// ---- Markdown -----------------------------------------------------------------------------------

/// Returns the lines of a document outside of fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fence: Option<&str> = None;
    text.lines().filter(move |line| {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return true,
            _ => {}
        }
        false
    })
}

/// Returns the lines below a heading of the second level, up to the next one.
fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let is_heading = |line: &&str| line.strip_prefix("## ").is_some_and(|own| own == heading);
    let below = text.lines().skip_while(|line| !is_heading(line)).skip(1);
    let lines: Vec<&str> = below.take_while(|line| !line.starts_with("## ")).collect();
    assert!(!lines.is_empty(), "there is no section `{heading}`");
    lines
}

/// Replaces the code spans of a line by blanks, because a link in a code span is only text.
fn without_code(line: &str) -> String {
    let mut is_code = false;
    let blank = |c: char| {
        is_code ^= c == '`';
        if is_code && c != '`' { ' ' } else { c }
    };
    // With an odd number of backticks, the last one opens no code span; keep the line.
    if line.matches('`').count() % 2 == 1 {
        line.to_owned()
    } else {
        line.chars().map(blank).collect()
    }
}

/// Returns the code spans of a line.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the targets of the links and images of a document.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text).map(without_code) {
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split(')').next().unwrap_or_default();
            found.extend(target.split_whitespace().next().map(str::to_owned));
        }
        // `[name]: target`
        if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            found.extend(target.split_whitespace().next().map(str::to_owned));
        }
    }
    let bare = |target: String| target.trim_start_matches('<').trim_end_matches('>').to_owned();
    found.into_iter().map(bare).collect()
}

/// Returns the anchors of a document's headings, in the form that GitHub generates.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for line in prose(text) {
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        let Some(heading) = line[marks..].strip_prefix(' ').filter(|_| (1..=6).contains(&marks))
        else {
            continue;
        };
        // A link is replaced by its text.
        let mut shown = String::new();
        let mut rest = heading.trim();
        while let Some((before, link)) = rest.split_once("](") {
            shown.push_str(before);
            rest = link.split_once(')').map_or("", |(_, after)| after);
        }
        shown.push_str(rest);
        let is_slug = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let slug =
            shown.to_lowercase().chars().filter(is_slug).collect::<String>().replace(' ', "-");
        let count = counts.entry(slug.clone()).or_default();
        found.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    // Explicit anchors.
    for part in text.split("<a ").skip(1) {
        for name in ["id=\"", "name=\""] {
            found.extend(
                part.split_once(name)
                    .and_then(|(_, rest)| rest.split('"').next())
                    .map(str::to_owned),
            );
        }
    }
    found
}

/// Resolves `.` and `..` in a path. Returns `None` if the path leaves the repository.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !plain.pop() {
                    return None;
                }
            }
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// Returns why a link of a document is broken, or `None` if it is valid.
fn broken(documents: &BTreeMap<PathBuf, String>, from: &Path, target: &str) -> Option<String> {
    let (file, anchor) =
        target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let folder = from.parent().unwrap_or(Path::new(""));
    let path = match file {
        "" => from.to_owned(),
        _ => match normalized(&folder.join(file.replace("%20", " "))) {
            Some(path) => path,
            None => return Some("it leaves the repository".into()),
        },
    };
    if !root().join(&path).exists() {
        return Some(format!("there is no {}", path.display()));
    }
    let text = documents.get(&path)?;
    let anchor = anchor.filter(|anchor| !anchors(text).contains(*anchor))?;
    Some(format!("{} has no heading `{anchor}`", path.display()))
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let documents = texts(&["md"]);
    let mut failures = Vec::new();
    for (from, text) in &documents {
        for target in targets(text) {
            let is_absolute =
                target.contains("://") || target.starts_with("mailto:") || target.starts_with('/');
            if !is_absolute && let Some(why) = broken(&documents, from, &target) {
                failures.push(format!("{}: ({target}): {why}", from.display()));
            }
        }
    }
    assert!(documents.len() > 5, "the documents were not found");
    assert!(failures.is_empty(), "broken links:\n{}", failures.join("\n"));
}

#[test]
fn the_readme_has_at_most_12_kb() {
    let size = fs::metadata(root().join("README.md")).expect("README.md exists").len();
    assert!(size <= README_BYTES, "README.md has {size} bytes, more than {README_BYTES}");
}

// ---- Citations ----------------------------------------------------------------------------------

/// Joins the lines of a source text, without comment markers, so that a citation may span lines.
fn joined(text: &str) -> String {
    let content = |line: &str| {
        let line = line.trim();
        let mark = ["///", "//!", "//"].into_iter().find_map(|mark| line.strip_prefix(mark));
        mark.unwrap_or(line).trim().to_owned()
    };
    text.lines().map(content).collect::<Vec<_>>().join(" ")
}

/// Splits off the number at the beginning of a text.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Returns the numbers that are cited after a word: `check 26`, `checks 1, 2 and 9 to 11`.
fn cited(text: &str, word: &str) -> BTreeSet<u32> {
    let text = joined(text).to_lowercase();
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(word) {
        let rest = &text[at + word.len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        let Some(rest) = rest.strip_prefix([' ', '_']) else { continue };
        let Some((mut last, mut rest)) = number(rest) else { continue };
        found.insert(last);
        while let Some((is_range, (next, after))) = [", ", " and ", " to "]
            .into_iter()
            .find_map(|between| Some((between == " to ", number(rest.strip_prefix(between)?)?)))
        {
            found.extend(if is_range { last..=next } else { next..=next });
            (last, rest) = (next, after);
        }
    }
    found
}

/// Returns the numbers in the first column of a table.
fn rows(lines: &[&str]) -> BTreeSet<u32> {
    let first = |line: &&str| line.strip_prefix('|')?.split('|').next()?.trim().parse().ok();
    lines.iter().filter_map(first).collect()
}

/// Fails for each number that the code cites and a document does not define.
fn assert_defined(word: &str, defined: &BTreeSet<u32>, document: &str) {
    let mut failures = Vec::new();
    let mut count = 0;
    for (path, text) in texts(&["rs"]) {
        let numbers = cited(&text, word);
        count += numbers.len();
        let unknown = numbers
            .difference(defined)
            .map(|number| format!("{}: {word} {number}", path.display()));
        failures.extend(unknown);
    }
    assert!(count > 5, "no {word} is cited: the citations were not found");
    assert!(failures.is_empty(), "cited, but not in {document}:\n{}", failures.join("\n"));
}

#[test]
fn every_check_that_the_code_cites_is_listed() {
    let path = "shared/sources/CHECKS.md";
    let listed = rows(&section(&document(path), "The checks"));
    assert_eq!(listed, (1..=listed.len() as u32).collect(), "the numbers have gaps");
    assert_defined("check", &listed, path);
}

#[test]
fn every_invariant_that_the_code_cites_is_listed() {
    let path = "shared/ARCHITECTURE.md";
    let listed = rows(&section(&document(path), "Invariants"));
    let rules = document("shared/rules/RULES.md");
    let is_number = |line: &&str| line.split_once(". ").and_then(|(number, _)| number.parse().ok());
    let stated: BTreeSet<u32> =
        section(&rules, "Invariants").iter().filter_map(is_number).collect();
    assert_eq!(listed, stated, "the rule book and the architecture list different invariants");
    assert_defined("invariant", &listed, path);
}

/// Returns the ids of rules in a text: `R-`, a capital letter, a number.
fn rule_ids(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("R-") {
        let is_word = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let mut rest = text[at + 2..].chars();
        let Some(chapter) = rest.next().filter(|c| c.is_ascii_uppercase() && !is_word) else {
            continue;
        };
        if let Some((number, _)) = number(rest.as_str()) {
            found.insert(format!("R-{chapter}{number}"));
        }
    }
    found
}

#[test]
fn every_rule_that_is_cited_is_in_the_rule_book() {
    let rules = document("shared/rules/RULES.md");
    let heads = rules.lines().filter_map(|line| line.strip_prefix("- ")?.split(' ').next());
    let defined: BTreeSet<String> = heads.flat_map(rule_ids).collect();
    assert!(defined.len() > 50, "the rules were not found");
    let mut failures = Vec::new();
    for (path, text) in texts(&["rs", "yaml", "md"]) {
        let unknown = rule_ids(&text)
            .difference(&defined)
            .map(|id| format!("{}: {id}", path.display()))
            .collect::<Vec<_>>();
        failures.extend(unknown);
    }
    assert!(failures.is_empty(), "cited, but not in the rule book:\n{}", failures.join("\n"));
}

// ---- The architecture ---------------------------------------------------------------------------

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Returns the names of all functions of the workspace, including tests.
fn functions() -> BTreeSet<String> {
    let name = |part: &str| {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
        part[..end].to_owned()
    };
    let texts = texts(&["rs"]);
    texts.values().flat_map(|text| text.split("fn ").skip(1).map(name)).collect()
}

#[test]
fn every_function_and_test_that_the_architecture_names_exists() {
    let text = document("shared/ARCHITECTURE.md");
    // `name()` and `Type::name()` anywhere; names of tests in the section of the invariants.
    let calls = prose(&text).flat_map(code_spans).filter_map(|span| span.strip_suffix("()"));
    let calls = calls.map(|call| call.rsplit("::").next().unwrap_or(call));
    let proofs = section(&text, "Invariants");
    let tests = proofs
        .iter()
        .flat_map(|line| code_spans(line))
        .filter(|span| span.matches('_').count() >= 2);
    let named: BTreeSet<&str> = calls.chain(tests).filter(|name| is_name(name)).collect();
    assert!(named.len() > 50, "the names were not found");
    let known = functions();
    let missing: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(missing.is_empty(), "named in ARCHITECTURE.md, but not in the code: {missing:#?}");
}

// ---- The helpers --------------------------------------------------------------------------------

#[test]
fn citations_are_read_with_lists_ranges_and_line_breaks() {
    let text =
        "//! (checks 1, 2 and 9 to\n//! 11); check 39's base.\nlet check = 7; // no check (7)";
    assert_eq!(cited(text, "check"), [1, 2, 9, 10, 11, 39].into());
    assert_eq!(cited("fn invariant_20_holds() {}", "invariant"), [20].into());
    assert_eq!(
        rule_ids("R-S1, `R-H4`; FOR-A1, R-X"),
        ["R-H4".to_owned(), "R-S1".to_owned()].into()
    );
}

#[test]
fn links_and_headings_are_read_as_they_are_shown() {
    let text =
        "# A `b`: [c](d)\n## Twice\n## Twice\n```\n# e [f](g)\n```\n`[h](i)` ![j](k \"l\")\n[m]: n";
    assert_eq!(anchors(text).into_iter().collect::<Vec<_>>(), ["a-b-c", "twice", "twice-1"]);
    assert_eq!(targets(text), ["d", "k", "n"]);
    let documents = BTreeMap::from([(PathBuf::from("Cargo.toml"), "# One".to_owned())]);
    let broken = |target| broken(&documents, Path::new("tests/x.md"), target).is_some();
    assert!(!broken("../Cargo.toml#one") && broken("../Cargo.toml#two"));
    assert!(broken("../none.md") && broken("../../x.md"));
}
