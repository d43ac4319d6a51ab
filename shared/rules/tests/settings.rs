//! Every policy setting is read by exactly one function outside of tests, so that planner,
//! explainer and API cannot disagree about it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A policy setting, the type of its value (if it is an enum of its own), and the only function
/// that reads it.
struct Setting {
    name: &'static str,
    values: Option<&'static str>,
    function: &'static str,
}

const fn setting(
    name: &'static str,
    values: Option<&'static str>,
    function: &'static str,
) -> Setting {
    Setting { name, values, function }
}

const BOOK: &str = "shared/rules/src/book/";

const SETTINGS: [Setting; 21] = [
    setting("admit_students", Some("AdmitStudents"), "book/students.rs requirements"),
    setting("admit_guardians", Some("AdmitGuardians"), "book/guardians.rs admits_guardians"),
    setting("demographics", Some("KeepDemographics"), "roster/src/policy.rs stores_demographics"),
    setting("contact_updates", Some("ContactUpdates"), "book/guardians.rs data_owner"),
    setting("manual_students_in_synced_classes", Some("ManualStudents"), "book/edits.rs student"),
    setting("manual_co_teachers", Some("ManualCoTeachers"), "book/edits.rs co_teacher"),
    setting("manual_rostering", Some("ManualRostering"), "book/edits.rs may_create_class"),
    setting("school_rostering", None, "roster/src/settings.rs school_rostering"),
    setting(
        "abandoned_families",
        Some("AbandonedFamilies"),
        "book/absence.rs families_leave_school",
    ),
    setting(
        "abandoned_in_manual_classes",
        Some("AbandonedInManualClasses"),
        "book/absence.rs students_leave_manual_classes",
    ),
    setting("abandoned_classes", Some("AbandonedClasses"), "book/absence.rs abandoned_class"),
    setting("max_source_co_teachers", None, "book/teachers.rs too_many_co_teachers"),
    setting("propagation_hours", None, "explain/late.rs propagation_hours"),
    setting("role_conflicts", Some("RoleConflicts"), "book/teachers.rs ignores_role"),
    setting("relink_identities", None, "book/identity.rs relinks"),
    setting("hold_if_removed_percent", None, "book/holds.rs limits"),
    setting("hold_if_changed_percent", None, "book/holds.rs limits"),
    setting("hold_if_added_percent", None, "book/holds.rs limits"),
    setting("hold_if_unreadable_percent", None, "book/holds.rs limits"),
    setting("hold_scope", Some("HoldScope"), "book/holds.rs waits"),
    setting("schedule", None, "roster/src/policy.rs nightly_at"),
];

#[test]
fn each_setting_is_read_by_one_function() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut readers: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&root) {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(&file).unwrap();
        let product = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for setting in &SETTINGS {
            for function in reading_functions(product, setting) {
                // Validation reads every setting.
                if (name.as_str(), function) != ("shared/roster/src/policy.rs", "checked") {
                    readers.entry(setting.name).or_default().insert(format!("{name} {function}"));
                }
            }
        }
    }
    for Setting { name, function, .. } in &SETTINGS {
        let function = match function.strip_prefix("book/") {
            Some(function) => format!("{BOOK}{function}"),
            None if function.starts_with("roster/") => format!("shared/{function}"),
            None => format!("shared/rules/src/{function}"),
        };
        let readers = readers.remove(name).unwrap_or_default();
        assert_eq!(readers, BTreeSet::from([function]), "functions that read `{name}`");
    }
}

#[test]
fn the_list_has_every_setting() {
    let policy = include_str!("../../roster/src/policy.rs");
    let fields = policy.split("pub struct Policy {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields: Vec<&str> = fields
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next())
        .collect();
    assert_eq!(fields, SETTINGS.map(|setting| setting.name));
}

/// Returns all source files of the workspace's product crates.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = Vec::new();
    for members in ["shared", "functions"] {
        for member in fs::read_dir(root.join(members)).unwrap() {
            folders.push(member.unwrap().path().join("src"));
        }
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 100, "the sources were not found");
    found
}

/// Returns the functions that read a setting: those with `policy.<name>` or `self.<name>` without
/// parentheses, or with a value of its type.
fn reading_functions<'a>(text: &'a str, setting: &Setting) -> Vec<&'a str> {
    let mut function = "";
    let mut found = Vec::new();
    let field = format!(".{}", setting.name);
    let value = setting.values.map(|values| format!("{values}::"));
    let is_policy = text.contains("pub struct Policy {");
    let mut before = "";
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        if let Some(rest) = line.split("fn ").nth(1).filter(|_| !line.contains('"')) {
            function = rest.split(['(', '<']).next().unwrap_or_default();
        }
        // rustfmt may break a line before the dot.
        let joined = format!("{}{}", before.trim_end(), line.trim());
        let reads = [line, joined.as_str()].iter().any(|line| {
            line.match_indices(&field).any(|(at, _)| {
                let owner = &line[..at];
                let after = line[at + field.len()..].chars().next();
                let is_field =
                    !after.is_some_and(|next| next.is_alphanumeric() || next == '_' || next == '(');
                let of_policy = owner.ends_with("policy") || owner.ends_with("policy()?");
                is_field && (of_policy || (is_policy && owner.ends_with("self")))
            })
        });
        if reads || value.as_ref().is_some_and(|value| line.contains(value.as_str())) {
            found.push(function);
        }
        before = line;
    }
    found
}
