//! R-H3: every dropped row is an unreadable record, so that nothing is removed because it could not
//! be read.

use insta::assert_snapshot;
use roster::records::RecordKind;

use crate::support::Set;

#[test]
fn r_h3_a_bad_person_is_unreadable_and_keeps_the_enrollments() {
    let outcome = Set::valid().change("users.csv", "student,pmoss", "wizard,pmoss").import();
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"teacher","id":"st1"}
    {"gap":"record","kind":"student","id":"st1","classes":[{"id":"c1","begin":"2026-08-20"}]}
    {"gap":"record","kind":"guardian","id":"st1"}
    "#);
    assert_eq!(outcome.class("c1").students.len(), 1);
    // The role can be read, so other kinds are not affected.
    let outcome = Set::valid().change("users.csv", "student,pmoss", "student,").import();
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"record","kind":"student","id":"st1","classes":[{"id":"c1","begin":"2026-08-20"}]}"#);
}

#[test]
fn r_h3_the_people_of_a_bad_class_keep_its_enrollments() {
    let outcome = Set::valid().change("classes.csv", "RD-1,scheduled", "RD-1,").import();
    assert_snapshot!(outcome.found(), @r"
    drop value_missing classes.csv:2 classType [class c1]: classType is blank. Fill in the value.
    warn enrollments_of_dropped_classes enrollments.csv: 2 enrollments belong to classes that were skipped; they count only for classes that are here already. Correct the classes.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"record","kind":"class","id":"c1"}"#);
    let classes = |enrollments: Vec<roster::records::Membership>| -> Vec<String> {
        enrollments.iter().map(|one| one.id.as_str().to_owned()).collect()
    };
    assert_eq!(classes(outcome.teacher("te1").classes), ["c1", "c2"]);
    assert_eq!(classes(outcome.student("st1").classes), ["c1"]);
    assert_eq!(outcome.ids(RecordKind::Class), ["c2"]);
}

#[test]
fn r_h3_a_row_without_a_readable_id_stops_removals_of_its_kind() {
    let kinds = [
        ("orgs.csv", ",,,Hill,school,,"),
        ("academicSessions.csv", ",,,Spring,term,2027-01-15,2027-06-30,,2027"),
        ("courses.csv", ",,,,Maths,,,s1,,"),
        ("classes.csv", ",,,Art,,co1,,scheduled,,s1,t1,,,"),
        ("users.csv", ",,,true,s1,student,ahale,,Ada,Hale,,,,,,,,"),
        ("enrollments.csv", ",,,c1,s1,st2,student,,,"),
        ("demographics.csv", ",,,2018-02-03,female,,,,,,,,,,,"),
    ];
    let unreadable: Vec<String> = kinds
        .iter()
        .map(|(name, row)| {
            format!("{name}: {}", Set::valid().rows(name, row).import().unreadable())
        })
        .collect();
    assert_snapshot!(unreadable.join("\n"), @r#"
    orgs.csv: {"gap":"kind","kind":"school"}
    academicSessions.csv: {"gap":"kind","kind":"term"}
    courses.csv: {"gap":"kind","kind":"course"}
    classes.csv: {"gap":"kind","kind":"class"}
    users.csv: {"gap":"kind","kind":"teacher"}
    {"gap":"kind","kind":"student"}
    {"gap":"kind","kind":"guardian"}
    enrollments.csv: {"gap":"enrollment","class":"c1","person":"st2"}
    demographics.csv: {"gap":"demographics"}
    "#);
    assert_snapshot!(Set::valid_1_2().rows("roles.csv", ",,,st1,primary,student,,,s1,").import().unreadable(), @r#"
    {"gap":"kind","kind":"teacher"}
    {"gap":"kind","kind":"student"}
    {"gap":"kind","kind":"guardian"}
    "#);
}

#[test]
fn r_h3_the_known_ids_of_a_bad_enrollment_limit_its_effect() {
    let read = |row: &str| Set::valid().rows("enrollments.csv", row).import().unreadable();
    let all = [
        "e5,,,c1,s1,st2,pupil,,,",
        "e5,,,c1,s1,,student,,,",
        "e5,,,,s1,st2,student,,,",
        "e5,,,c1,s1,st2",
        "e5,,,c8,s1,st8",
        "e5,,,,s1,,student,,,",
    ];
    let unreadable: Vec<String> = all.iter().map(|row| format!("{row} -> {}", read(row))).collect();
    assert_snapshot!(unreadable.join("\n"), @r#"
    e5,,,c1,s1,st2,pupil,,, -> {"gap":"enrollment","class":"c1","person":"st2"}
    e5,,,c1,s1,,student,,, -> {"gap":"enrollment","class":"c1"}
    e5,,,,s1,st2,student,,, -> {"gap":"enrollment","person":"st2"}
    e5,,,c1,s1,st2 -> {"gap":"enrollment","class":"c1","person":"st2"}
    e5,,,c8,s1,st8 -> {"gap":"enrollment"}
    e5,,,,s1,,student,,, -> {"gap":"enrollment"}
    "#);
}

#[test]
fn r_h3_no_record_of_a_damaged_file_is_removed() {
    // Every row is bad, no record is removed.
    let outcome = Set::valid().change("users.csv", ",,,true,", ",,,perhaps,").import();
    assert_eq!(
        outcome.counts(),
        "school 2  term 2  course 1  teacher 0  student 0  guardian 0  class 2"
    );
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"teacher","id":"te1","classes":[{"id":"c1","primary":true},{"id":"c2","primary":true}]}
    {"gap":"record","kind":"student","id":"st2","classes":["c2"]}
    {"gap":"record","kind":"student","id":"st1","classes":[{"id":"c1","begin":"2026-08-20"}]}
    {"gap":"record","kind":"guardian","id":"gu1"}
    "#);
    assert_eq!(outcome.ids(RecordKind::Class), ["c1", "c2"]);
}
