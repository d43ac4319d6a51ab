//! Bulk and delta sets (check 22): which files are complete, and how sets update one another.

use std::io::Cursor;

use insta::assert_snapshot;
use roster::records::RecordKind;
use sources::oneroster_csv::{Limits, ZipPackage, describe};

use crate::support::Set;

const NOW: &str = "2026-09-30T12:00:00.000Z";

fn delta(files: &[(&str, &str)]) -> Set {
    let rows: Vec<(&str, String)> =
        files.iter().map(|(name, rows)| (*name, rows.replace("NOW", NOW))).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(name, rows)| (*name, rows.as_str())).collect();
    Set::delta(&rows)
}

fn needs_base(set: &Set) -> bool {
    let mut package = ZipPackage::open(Cursor::new(set.zip()), &Limits::default()).unwrap();
    describe(&mut package).unwrap().needs_base
}

#[test]
fn the_manifest_decides_whether_earlier_sets_are_needed() {
    assert!(!needs_base(&Set::valid()));
    assert!(!needs_base(&Set::valid_1_2()));
    assert!(needs_base(&Set::delta(&[])));
    assert!(needs_base(&Set::delta(&[("users.csv", "")])));
    assert!(needs_base(&Set::valid().change("manifest.csv", "users,bulk", "users,delta")));
    assert!(!needs_base(&Set::valid().without("manifest.csv")));
}

#[test]
fn a_delta_changes_adds_and_removes_records_and_keeps_the_rest() {
    let newest = delta(&[
        (
            "users.csv",
            "st1,active,NOW,true,s1,student,pmoss,,Perrin,Moss-Reed,J,1001,pmoss@lantern.example,,,gu1,04,\nst2,tobedeleted,NOW,true,s2,student,dfenn,,Dita,Fenn,,1002,,,,,,\nst3,active,NOW,true,s2,student,ahale,,Ada,Hale,,1003,,,,,03,\n",
        ),
        ("enrollments.csv", "e5,active,NOW,c2,s2,st3,student,,,\n"),
    ]);
    let outcome = newest.after(vec![Set::valid()]).with_base().import();
    assert_snapshot!(outcome.found(), @"");
    assert_snapshot!(outcome.unreadable(), @"");
    assert_eq!(outcome.ids(RecordKind::Student), ["st1", "st3"]);
    assert_eq!(
        outcome.student("st1").person.family.as_ref().map(roster::personal::Personal::reveal),
        Some("Moss-Reed")
    );
    assert_eq!(
        outcome.student("st1").demographics.races.len(),
        2,
        "demographics.csv is absent and stays as it was"
    );
    // A removed person's enrollments are removed too.
    assert_eq!(
        outcome
            .class("c2")
            .students
            .iter()
            .map(|membership| membership.id.as_str().to_owned())
            .collect::<Vec<_>>(),
        ["st3"]
    );
    assert_eq!(outcome.ids(RecordKind::Guardian), ["gu1"]);
    assert_eq!(outcome.ids(RecordKind::School), ["s1", "s2"]);
}

#[test]
fn deltas_apply_in_order_and_a_bulk_file_replaces_earlier_ones() {
    let first = delta(&[(
        "enrollments.csv",
        "e4,tobedeleted,NOW,c2,s2,st2,student,,,\ne5,active,NOW,c1,s1,st2,student,,,\ne6,active,NOW,c1,s1,te1,teacher,,,\n",
    )]);
    let second = delta(&[(
        "enrollments.csv",
        "e4,active,NOW,c2,s2,st2,student,,2026-09-01,\ne5,tobedeleted,NOW,c1,s1,st2,student,,,\n",
    )]);
    let outcome = second.after(vec![Set::valid(), first]).with_base().import();
    assert_snapshot!(outcome.records(RecordKind::Class), @r#"
    {"id":"c2","details":{"title":"Reading B","code":"RD-2","class_type":"scheduled","school":"s2","course":"co1","terms":["t1"],"grades":["03"],"subjects":["English"],"subject_codes":["01001"],"periods":["1"]},"teachers":[{"id":"te1","primary":true}],"students":[{"id":"st2","begin":"2026-09-01"}]}
    {"id":"c1","details":{"title":"Reading A","code":"RD-1","class_type":"scheduled","location":"Room 4","school":"s1","course":"co1","terms":["t1"],"grades":["03"],"subjects":["English"],"subject_codes":["01001"],"periods":["1","3"]},"teachers":[{"id":"te1","primary":true}],"students":[{"id":"st1","begin":"2026-08-20"}]}
    "#);
    // A bulk file among the deltas: earlier rows no longer count.
    let bulk = Set::valid()
        .rows("users.csv", "st4,,,true,s1,student,bhale,,Bo,Hale,,,,,,,,")
        .change("users.csv", "st2,,,true,s2,student,dfenn", "st5,,,true,s2,student,dfenn");
    let newest =
        delta(&[("users.csv", "st4,tobedeleted,NOW,true,s1,student,bhale,,Bo,Hale,,,,,,,,\n")]);
    let outcome = newest.after(vec![Set::valid(), bulk]).with_base().import();
    assert_eq!(outcome.ids(RecordKind::Student), ["st1", "st5"]);
}

#[test]
fn a_set_with_only_a_manifest_changes_nothing() {
    let outcome = Set::delta(&[]).after(vec![Set::valid()]).with_base().import();
    assert_eq!(outcome.lines, Set::valid().import().lines);
    assert!(Set::delta(&[]).with_base().import().needs_base);
    assert!(Set::delta(&[]).import().refused);
}

#[test]
fn a_delta_needs_its_earlier_sets_unless_it_is_the_first() {
    assert!(
        delta(&[("users.csv", "st1,active,NOW,true,s1,student,pmoss,,Perrin,Moss,,,,,,,,\n")])
            .with_base()
            .import()
            .needs_base
    );
    assert_snapshot!(delta(&[("users.csv", "st1,active,NOW,true,s1,student,pmoss,,Perrin,Moss,,,,,,,,\n")]).import().found(), @r"
    stop file_missing orgs.csv: orgs.csv is missing. Export again and include this file.
    stop file_missing academicSessions.csv: academicSessions.csv is missing. Export again and include this file.
    stop file_missing courses.csv: courses.csv is missing. Export again and include this file.
    stop file_missing classes.csv: classes.csv is missing. Export again and include this file.
    stop file_missing enrollments.csv: enrollments.csv is missing. Export again and include this file.
    ");
    let outcome = with_status(Set::valid().change("manifest.csv", ",bulk", ",delta")).import();
    assert_eq!(outcome.counts(), Set::valid().import().counts());
    assert_snapshot!(outcome.found(), @"");
}

/// Fills status and dateLastModified in every row.
fn with_status(mut set: Set) -> Set {
    for (name, bytes) in &mut set.files {
        let text = String::from_utf8(bytes.clone()).unwrap();
        if name == "manifest.csv" {
            continue;
        }
        let lines = text.lines().enumerate().map(|(i, line)| {
            if i == 0 { line.to_owned() } else { line.replacen(",,", &format!(",active,{NOW}"), 1) }
        });
        *bytes = lines.map(|line| line + "\n").collect::<String>().into_bytes();
    }
    set
}

#[test]
fn check_22_a_bulk_file_with_status_is_read_as_a_delta() {
    // No record is removed: the set is read over the previous one, or is the first.
    let smaller = || {
        with_status(Set::valid().change(
            "users.csv",
            "st2,,,true,s2,student,dfenn,,Dita,Fenn,,1002,dfenn@lantern.example,,,gu1,03,\n",
            "",
        ))
    };
    assert!(smaller().with_base().import().needs_base);
    let outcome = smaller().after(vec![Set::valid()]).with_base().import();
    assert_eq!(outcome.ids(RecordKind::Student), ["st1", "st2"]);
    assert_snapshot!(outcome.found_of("status_in_bulk"), @r"
    warn status_in_bulk orgs.csv status: the manifest says bulk, but every row has a status; the file was read as delta, so missing records are not removed. Leave status blank in bulk files, or set bulk_with_status.
    warn status_in_bulk academicSessions.csv status: the manifest says bulk, but every row has a status; the file was read as delta, so missing records are not removed. Leave status blank in bulk files, or set bulk_with_status.
    warn status_in_bulk courses.csv status: the manifest says bulk, but every row has a status; the file was read as delta, so missing records are not removed. Leave status blank in bulk files, or set bulk_with_status.
    warn status_in_bulk classes.csv status: the manifest says bulk, but every row has a status; the file was read as delta, so missing records are not removed. Leave status blank in bulk files, or set bulk_with_status.
    warn status_in_bulk users.csv status: the manifest says bulk, but every row has a status; the file was read as delta, so missing records are not removed. Leave status blank in bulk files, or set bulk_with_status.
    warn status_in_bulk demographics.csv status: the manifest says bulk, but every row has a status; the file was read as delta, so missing records are not removed. Leave status blank in bulk files, or set bulk_with_status.
    warn status_in_bulk enrollments.csv status: the manifest says bulk, but every row has a status; the file was read as delta, so missing records are not removed. Leave status blank in bulk files, or set bulk_with_status.
    ");
    let outcome =
        smaller().with_base().setting(|settings| settings.bulk_with_status = true).import();
    assert_eq!(outcome.ids(RecordKind::Student), ["st1"]);
    assert_eq!(outcome.found_of("status_in_bulk"), "");
    assert_eq!(with_status(Set::valid()).import().counts(), Set::valid().import().counts());
}

#[test]
fn check_22_blank_status_in_a_delta() {
    let newest =
        Set::delta(&[("users.csv", "st3,,,true,s2,student,ahale,,Ada,Hale,,1003,,,,,03,\n")]);
    let outcome = newest.after(vec![Set::valid()]).with_base().import();
    assert_eq!(outcome.ids(RecordKind::Student), ["st1", "st2", "st3"]);
    assert_snapshot!(outcome.found(), @r"
    warn status_blank_in_delta users.csv status: the manifest says delta, but rows have no status; these rows were read as active, and missing records are not removed (1 of 1 rows). Fill in status in delta files, or mark the file as bulk.
    warn students_without_class enrollments.csv: 1 students have no enrollment. Check whether these students are enrolled.
    ");
}

#[test]
fn check_22_mixed_in_one_file() {
    let mixed = || {
        Set::valid().rows(
            "users.csv",
            &format!("st3,tobedeleted,{NOW},true,s1,student,ahale,,Ada,Hale,,,,,,,,"),
        )
    };
    assert_snapshot!(mixed().import().found(), @"stop status_mixed users.csv status: some rows have a status and some do not (1 of 5 rows). Export the file as bulk (no row has a status) or as delta (every row has one), or set tolerate_mixed_status.");
    let outcome = mixed().setting(|settings| settings.tolerate_mixed_status = true).import();
    assert_snapshot!(outcome.found(), @"warn status_mixed_tolerated users.csv status: some rows have a status and some do not; the file was read as the manifest says (1 of 5 rows). Export the file as bulk (no row has a status) or as delta (every row has one).");
    assert_eq!(outcome.ids(RecordKind::Student), ["st1", "st2"]);
}

#[test]
fn a_bad_row_of_a_delta_is_unreadable_and_hides_earlier_rows() {
    let newest = delta(&[(
        "users.csv",
        "st1,active,NOW,true,s1,student,,,Perrin,Moss,,,,,,,,\nst2,removed,NOW,true,s2,student,dfenn,,Dita,Fenn,,,,,,,,\n",
    )]);
    let outcome = newest.after(vec![Set::valid()]).with_base().import();
    assert_snapshot!(outcome.found(), @r"
    drop value_missing users.csv:2 username [user st1]: username is blank. Fill in the value.
    drop value_unknown users.csv:3 status [user st2]: the status `removed` is neither active nor tobedeleted. Correct the value.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"student","id":"st2","classes":["c2"]}
    {"gap":"record","kind":"student","id":"st1","classes":[{"id":"c1","begin":"2026-08-20"}]}
    "#);
    assert_eq!(outcome.ids(RecordKind::Student), Vec::<String>::new());
}

#[test]
fn warnings_of_earlier_sets_are_not_repeated_but_dropped_rows_are() {
    let before = Set::valid()
        .change("users.csv", "pmoss@lantern.example", "nowhere")
        .rows("users.csv", "st3,,,true,s1,wizard,ahale,,Ada,Hale,,,,,,,,");
    let newest = delta(&[("enrollments.csv", "e9,active,NOW,c1,s1,st2,student,,,\n")]);
    assert_snapshot!(newest.after(vec![before]).with_base().import().found(), @"drop value_unknown users.csv:6 role [user st3]: role is `wizard`, which is not one of administrator, aide, guardian, parent, proctor, relative, student, teacher. Correct the value. (In an earlier upload, which this one updates.)");
}

#[test]
fn a_delta_of_another_version_than_its_base_is_refused() {
    let newest =
        delta(&[("users.csv", "st1,active,NOW,true,s1,student,pmoss,,Perrin,Moss,,,,,,,,\n")]);
    assert_snapshot!(newest.after(vec![Set::valid_1_2()]).with_base().import().found(), @"stop layout_changed users.csv:1: the delta export has a different OneRoster version than the export that it updates. Send a bulk export. (In an earlier upload, which this one updates.)");
}

#[test]
fn roles_and_demographics_of_deltas_apply_like_other_tables() {
    let mut newest = delta(&[
        (
            "roles.csv",
            "r4,tobedeleted,NOW,st2,primary,student,,,s2,\nr6,active,NOW,st2,primary,teacher,,,s2,\n",
        ),
        ("demographics.csv", "st1,active,NOW,2018-02-04,male,,,,,,,,,,,\n"),
    ]);
    let manifest =
        newest.text("manifest.csv").replace("version,1.1", "version,1.2") + "file.roles,delta\n";
    newest = newest.file("manifest.csv", &manifest);
    let outcome = newest.after(vec![Set::valid_1_2()]).with_base().import();
    assert_eq!(outcome.ids(RecordKind::Teacher), ["st2", "te1"]);
    assert!(outcome.student("st2").by_enrollment);
    let demographics = outcome.student("st1").demographics;
    assert_eq!(demographics.gender.as_ref().map(roster::personal::Personal::reveal), Some("male"));
    assert!(demographics.races.is_empty());
}
