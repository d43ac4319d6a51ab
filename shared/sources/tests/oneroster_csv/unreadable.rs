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
    {"gap":"record","kind":"guardian","id":"st1","contacts":["pmoss@lantern.example"]}
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
    warn enrollments_of_dropped_classes enrollments.csv: 2 enrollments belong to classes that were skipped. They are used only for classes that are already in the mirror. Correct the classes.
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
    {"gap":"record","kind":"guardian","id":"gu1","contacts":["runa@mail.example","+13125550142"]}
    "#);
    assert_eq!(outcome.ids(RecordKind::Class), ["c1", "c2"]);
}

#[test]
fn r_h1_people_who_are_missing_but_still_referred_to_stay() {
    // users.csv lacks the student st1 and the guardian of both students. The enrollment, the
    // demographics and the relationship of st2 are still there.
    let student = Set::valid().text("users.csv").lines().nth(2).unwrap().to_owned() + "\n";
    let guardian = Set::valid().text("users.csv").lines().nth(4).unwrap().to_owned() + "\n";
    let outcome =
        Set::valid().change("users.csv", &student, "").change("users.csv", &guardian, "").import();
    assert!(!outcome.refused);
    assert_snapshot!(outcome.found(), @r"
    drop reference_missing demographics.csv:2 sourcedId [user st1]: `st1` is named by 1 row of demographics and 1 enrollment and is not in users.csv. Export the missing record, or correct the reference.
    warn agent_missing users.csv:3 agentSourcedIds [user gu1]: `gu1` is named by 1 user and is not in users.csv. Export the user, or remove the id.
    ");
    // Each is a record that is not gone, with the reason. The classes are those of the enrollments.
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"student","id":"st1","classes":[{"id":"c1","begin":"2026-08-20"}],"reason":"referenced"}
    {"gap":"record","kind":"guardian","id":"gu1","reason":"referenced"}
    "#);
    // The roster of the class and the relationship name them, as for an unreadable record.
    assert_eq!(outcome.class("c1").students.len(), 1);
    assert_eq!(outcome.student("st2").guardians.len(), 1);
}

#[test]
fn r_h1_many_missing_people_are_one_cause_with_their_number() {
    let (mut users, mut enrollments) = (String::new(), String::new());
    for n in 10..18 {
        users += &format!("st{n},,,true,s1,student,u{n},,Ada,Hale,,,,,,,,\n");
        enrollments += &format!("e{n},,,c1,s1,st{n},student,,,\nf{n},,,c2,s2,st{n},student,,,\n");
    }
    let set = |users: &str| {
        Set::valid().rows("users.csv", users).rows("enrollments.csv", enrollments.trim_end())
    };
    assert_eq!(set(users.trim_end()).import().found_of("people_missing"), "");
    let half: String = users.lines().take(2).map(|line| format!("{line}\n")).collect();
    let outcome = set(half.trim_end()).import();
    assert_snapshot!(outcome.found_of("people_missing"), @"warn people_missing users.csv: 6 students are missing from users.csv, but 12 enrollments name them. Check the filters of the export and whether users.csv is complete, and export again.");
    assert_eq!(outcome.findings.totals["reference_missing"].count, 6);
    let referenced = |outcome: &crate::support::Outcome| {
        outcome
            .unreadable()
            .lines()
            .filter(|line| line.contains("\"reason\":\"referenced\""))
            .count()
    };
    assert_eq!(referenced(&outcome), 6);
    // People of a school that is not shared are not the district's loss (R-O3).
    let shared = |school: &str| {
        set(half.trim_end()).setting(|settings| settings.shared_schools = Some(vec![school.into()]))
    };
    assert_eq!(referenced(&shared("s1").import()), 6);
    let only_c2 = shared("s1").change("enrollments.csv", ",c1,s1,st1", ",c2,s2,st1").import();
    assert_eq!(referenced(&only_c2), 0, "{}", only_c2.unreadable());
}

#[test]
fn r_h1_a_person_who_was_removed_in_a_delta_is_gone_although_rows_still_name_them() {
    let delta = Set::delta(&[(
        "users.csv",
        "st1,tobedeleted,2026-09-01T00:00:00.000Z,true,s1,student,pmoss,,Perrin,Moss,,,,,,,,\n",
    )]);
    let outcome = delta.after(vec![Set::valid()]).import();
    assert_snapshot!(outcome.unreadable(), @"");
}

#[test]
fn r_a6_a_lost_term_or_course_that_is_still_referred_to_stays() {
    let outcome = Set::valid()
        .change("academicSessions.csv", "t1,,,Fall,term,2026-08-01,2027-01-15,y27,2027\n", "")
        .import();
    assert_snapshot!(outcome.found(), @"warn optional_reference_missing classes.csv:2 termSourcedIds [academicSession t1]: `t1` is named by 2 classes and is not in academicSessions.csv. Export the missing record, or correct the reference.");
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"record","kind":"term","id":"t1","reason":"referenced"}"#);
    assert_eq!(outcome.class("c1").details.terms.len(), 1);
    let outcome =
        Set::valid().change("courses.csv", "co1,,,y27,Reading", "co7,,,y27,Reading").import();
    assert_snapshot!(outcome.found(), @r"
    info course_without_class courses.csv: 1 courses have no class. Check whether classes are missing from the export.
    warn enrollments_of_dropped_classes enrollments.csv: 4 enrollments belong to classes that were skipped. They are used only for classes that are already in the mirror. Correct the classes.
    drop reference_missing classes.csv:2 courseSourcedId [course co1]: `co1` is named by 2 classes and is not in courses.csv. Export the missing record, or correct the reference.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"course","id":"co1","reason":"referenced"}
    {"gap":"record","kind":"class","id":"c2"}
    {"gap":"record","kind":"class","id":"c1"}
    "#);
}

#[test]
fn r_g1_the_contacts_of_a_guardian_with_a_bad_row_are_in_the_snapshot() {
    // The row lacks the family name, or has a role that does not exist, or is there twice.
    let nameless = Set::valid().change("users.csv", "Runa,Moss", "Runa,").import();
    assert_snapshot!(nameless.unreadable(), @r#"{"gap":"record","kind":"guardian","id":"gu1","contacts":["runa@mail.example","+13125550142"]}"#);
    let bad = Set::valid().change("users.csv", "gu1,,,true", "gu1,gone,,true").import();
    assert_eq!(bad.unreadable(), nameless.unreadable());
    let twice = Set::valid()
        .rows("users.csv", "gu1,,,true,s1,parent,rmoss,,Rina,Moss,,,other@mail.example,,,,,")
        .import();
    assert!(twice.unreadable().contains("runa@mail.example"), "{}", twice.unreadable());
    // Cells that are not in their columns are not trusted, and only guardians' contacts count.
    let cut = Set::valid().change("users.csv", ",,\"st1,st2\",,", "").import();
    assert!(!cut.unreadable().contains('@'), "{}", cut.unreadable());
    let student = Set::valid().change("users.csv", "Perrin,Moss", "Perrin,").import();
    assert!(!student.unreadable().contains('@'), "{}", student.unreadable());
}
