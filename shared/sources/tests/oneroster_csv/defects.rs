//! All defects of the synthetic districts: they refuse a set, or no record is lost silently.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Cursor;

use crate::support::{Outcome, Set};
use districts::{Defect, District, Size, Version};
use insta::assert_snapshot;
use roster::records::RecordKind;

fn import(version: Version, defect: Option<Defect>) -> Outcome {
    let night = District::new(Size::students(60)).version(version).night(0);
    let night = if let Some(defect) = defect { night.with(defect) } else { night };
    let mut bytes = Cursor::new(Vec::new());
    night.write_zip(&mut bytes).unwrap();
    let mut set = Set::of(&[]);
    set.today = night.date();
    set.import_bytes(Some(bytes.into_inner()))
}

fn all_ids(outcome: &Outcome) -> BTreeSet<String> {
    RecordKind::ALL
        .into_iter()
        .flat_map(|kind| outcome.ids(kind).into_iter().map(move |id| format!("{kind} {id}")))
        .collect()
}

#[test]
fn only_stop_findings_refuse_a_set() {
    let mut seen = String::new();
    let (clean_1_1, clean_1_2) = (import(Version::V1_1, None), import(Version::V1_2, None));
    for &defect in Defect::ALL {
        let only_1_2 =
            matches!(defect, Defect::ResourceColumn | Defect::NoRole | Defect::TwoPrimaryRoles);
        let version = if only_1_2 { Version::V1_2 } else { Version::V1_1 };
        let clean = if only_1_2 { &clean_1_2 } else { &clean_1_1 };
        let outcome = import(version, Some(defect));
        assert_eq!(outcome.refused, defect.is_fatal(), "{}: {}", defect.name(), outcome.found());
        // R-H3: each id of the clean set is a record, an unreadable record, or of a kind with an
        // unreadable id.
        let has_other_ids = matches!(defect, Defect::OddIds | Defect::LongIds);
        if !outcome.refused && !has_other_ids {
            let unreadable = outcome.unreadable();
            for id in all_ids(clean).difference(&all_ids(&outcome)) {
                let (kind, id) = id.split_once(' ').unwrap();
                let named = unreadable.contains(&format!("\"kind\":\"{kind}\",\"id\":\"{id}\""));
                let of_kind =
                    unreadable.contains(&format!("{{\"gap\":\"kind\",\"kind\":\"{kind}\"}}"));
                if !named && !of_kind {
                    let _ = writeln!(seen, "LOST {} {kind} {id}", defect.name());
                }
            }
        }
        let before: BTreeSet<&str> = clean.codes().into_iter().collect();
        let new: Vec<&str> =
            outcome.codes().into_iter().filter(|code| !before.contains(code)).collect();
        let _ = writeln!(seen, "{}: {}", defect.name(), new.join(" "));
    }
    assert_snapshot!(seen, @r"
    bom: byte_order_mark
    utf-16le: utf16
    utf-16be: utf16
    utf-16-unmarked: manifest_header not_utf8
    windows-1252: not_utf8
    invalid-utf-8: not_utf8
    nul-bytes: nul_byte
    header-case: header_case
    old-header-names: header_case header_old_name
    trailing-empty-headers: header_empty
    column-order: column_order
    own-column-first: extension_column
    required-column-missing: column_missing
    optional-column-missing: optional_column_missing
    header-misspelt: column_missing
    email-column-renamed: column_renamed
    semicolons: separator
    header-duplicate: column_twice optional_column_missing
    resource-column: 
    short-rows: cells_short
    cut-row: cell_count
    long-row: cell_count
    trailing-cells: cells_extra
    no-last-line-end: 
    blank-lines: 
    line-break-in-field: line_break
    unclosed-quote: quote_unclosed
    file-cut-off: file_cut_off
    file-cut-off-in-quote: file_cut_off
    stray-quote: quote_stray quote_unclosed
    us-dates: date_order_found
    day-first-dates: date_order_found
    upper-case-booleans: boolean_case
    yes-no: boolean_word
    mixed-case-status: 
    inactive-status: 
    status-in-bulk: status_in_bulk
    status-in-some-rows: status_mixed
    date-for-date-time: 
    loose-date-time: 
    one-digit-grades: grade_unknown
    required-blank: value_missing
    username-blank: value_missing
    emails-missing: 
    email-malformed: email_malformed
    email-shared: 
    user-ids-malformed: user_ids
    passwords: password_filled
    role-unknown: value_unknown
    enrollment-role-unknown: value_unknown
    class-type-unknown: course_without_class enrollments_of_dropped_classes value_unknown
    class-type-case: value_case
    subject-codes: subject_codes
    duplicate-equal: duplicate_row
    duplicate-different: duplicate_id
    ids-differ-in-case: agent_one_way id_case students_without_class
    odd-ids: id_characters
    long-ids: id_characters
    user-row-missing: reference_missing
    dangling-user: reference_missing
    dangling-class: reference_missing
    dangling-school: course_without_class enrollments_of_dropped_classes reference_missing school_not_sent
    dangling-course: course_without_class enrollments_of_dropped_classes reference_missing
    dangling-term: optional_reference_missing
    dangling-parent: optional_reference_missing org_hierarchy
    dangling-school-year: optional_reference_missing
    dangling-agent: agent_missing agent_one_way
    dangling-org: reference_missing school_not_sent
    dangling-demographics: demographics_without_user
    schools-as-departments: org_not_school
    school-under-school: org_hierarchy
    org-cycle: org_cycle org_hierarchy
    school-year-below-term: session_dates
    sessions-without-parent: 
    session-start-after-end: session_dates
    no-terms: class_without_term
    enrollment-dates-outside-term: enrollment_dates
    enrollment-school-differs: enrollment_school
    teachers-as-agents: agent_role
    one-way-agents: agent_one_way
    reverse-agents: agent_one_way
    same-user-twice: enrollment_merged
    role-conflict: enrollment_role
    several-primaries: 
    no-primary: 
    no-role: user_without_role
    two-primary-roles: roles_primary
    student-without-classes: students_without_class
    huge-class: 
    folder-in-zip: files_in_folder
    two-folders: files_in_several_folders
    mac-extras: file_unknown
    unknown-file: file_unknown
    file-name-case: file_name_case
    manifest-misspelt: file_not_listed manifest_property
    manifest-missing: manifest_missing
    manifest-header: manifest_header
    manifest-mode-blank: manifest_mode manifest_property
    manifest-version: manifest_version
    users-missing: file_missing
    users-header-only: no_rows
    enrollments-missing: file_missing
    enrollments-header-only: no_rows
    listed-but-missing: file_listed_missing
    present-but-absent: file_not_listed
    sds-format: sds_files
    not-a-zip: zip_unreadable
    gzip: zip_unreadable
    zip-in-zip: container_nested file_unknown
    truncated-zip: zip_unreadable
    corrupt-zip: file_cut_off
    zip-bomb: zip_too_large
    lying-sizes: zip_unreadable
    member-cut-off: file_cut_off
    too-many-members: zip_too_large
    path-traversal: zip_path
    encrypted: zip_encrypted
    empty-zip: zip_empty
    duplicate-members: zip_duplicate_member
    ");
}
