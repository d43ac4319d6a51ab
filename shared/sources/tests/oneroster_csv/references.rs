//! Checks 25 to 27, 36, 38 and 39: ids and references.

use insta::assert_snapshot;
use roster::records::RecordKind;

use crate::support::Set;

#[test]
fn check_25_ids_with_any_characters_are_kept() {
    let long = "x".repeat(400);
    for id in ["a#b", "with space", "a/b", long.as_str(), "ü", "%41"] {
        let outcome = Set::valid()
            .change("users.csv", "st1", id)
            .change("enrollments.csv", "st1", id)
            .change("demographics.csv", "st1", id)
            .import();
        let warned = outcome.found_of("id_characters").lines().count();
        assert_eq!(warned, usize::from(id != "a/b"), "{id}");
        assert!(outcome.ids(RecordKind::Student).contains(&id.to_owned()));
        assert_eq!(outcome.class("c1").students[0].id.as_str(), id);
    }
}

#[test]
fn check_26_equal_rows_count_once_and_different_rows_are_dropped() {
    let set = Set::valid();
    let row = |name: &str, line: usize| set.text(name).lines().nth(line).unwrap().to_owned();
    let (user, enrollment, class) =
        (row("users.csv", 2), row("enrollments.csv", 2), row("classes.csv", 2));
    let twice = Set::valid()
        .rows("users.csv", &user)
        .rows("enrollments.csv", &enrollment)
        .rows("classes.csv", &class)
        .import();
    assert_snapshot!(twice.found(), @r"
    warn duplicate_row classes.csv:4 sourcedId [class c2]: the row is the same as the one on line 3. Export every record once.
    warn duplicate_row users.csv:6 sourcedId [user st1]: the row is the same as the one on line 3. Export every record once.
    warn duplicate_row enrollments.csv:6 sourcedId: the row is the same as the one on line 3. Export every record once.
    ");
    assert_eq!(twice.records(RecordKind::Class), Set::valid().import().records(RecordKind::Class));
    let differing = Set::valid()
        .rows("users.csv", &user.replace("Perrin", "Pia"))
        .rows("enrollments.csv", &enrollment.replace("student", "teacher"))
        .rows("classes.csv", &class.replace("Reading B", "Reading Z"))
        .rows("demographics.csv", "st1,,,2018-02-04,female,,,,,,,,,,,")
        .import();
    assert_snapshot!(differing.found(), @r"
    drop duplicate_id classes.csv:4 sourcedId [class c2]: line 3 has the same sourcedId with other values; these rows were skipped. Give every record its own sourcedId.
    drop duplicate_id users.csv:6 sourcedId [user st1]: line 3 has the same sourcedId with other values; these rows were skipped. Give every record its own sourcedId.
    drop duplicate_id demographics.csv:3 sourcedId [demographics st1]: line 2 has the same sourcedId with other values; these rows were skipped. Give every record its own sourcedId.
    drop duplicate_id enrollments.csv:6 sourcedId: line 3 has the same sourcedId with other values; these rows were skipped. Give every record its own sourcedId.
    warn enrollments_of_dropped_classes enrollments.csv: 2 enrollments belong to classes that were skipped. They are used only for classes that are already in the mirror. Correct the classes.
    ");
    assert_snapshot!(differing.unreadable(), @r#"
    {"gap":"record","kind":"teacher","id":"st1"}
    {"gap":"record","kind":"student","id":"st1"}
    {"gap":"record","kind":"class","id":"c2"}
    {"gap":"enrollment","class":"c1","person":"st1"}
    "#);
    assert_eq!(differing.ids(RecordKind::Student), ["st2"]);
}

#[test]
fn check_27_ids_that_differ_only_in_case_are_two_records() {
    let outcome =
        Set::valid().rows("users.csv", "ST1,,,true,s1,student,ahale,,Ada,Hale,,,,,,,,").import();
    assert_snapshot!(outcome.found(), @r"
    warn id_case users.csv:6 sourcedId [user ST1]: the sourcedId differs only in capitalization from the one on line 3. Check whether they are the same record.
    warn students_without_class enrollments.csv: 1 students have no enrollment. Check whether these students are enrolled.
    ");
    assert_eq!(outcome.ids(RecordKind::Student), ["ST1", "st1", "st2"]);
}

#[test]
fn check_36_references_to_missing_records() {
    let outcome = Set::valid()
        .change("orgs.csv", "NC-1,d1", "NC-1,d9")
        .change("academicSessions.csv", "y27,2027\n", "y99,2027\n")
        .rows("courses.csv", "co2,,,y99,Maths,,,s1,,")
        .rows("courses.csv", "co3,,,,Art,,,s9,,")
        .rows("classes.csv", "c3,,,Art,,co9,,scheduled,,s1,t1,,,")
        .rows("classes.csv", "c4,,,Art,,co1,,scheduled,,s8,t1,,,")
        .rows("classes.csv", "c5,,,Art,,co3,,scheduled,,s1,t1,,,")
        .rows("enrollments.csv", "e5,,,c9,s1,st1,student,,,")
        .rows("enrollments.csv", "e6,,,c1,s1,st9,student,,,")
        .rows("enrollments.csv", "e7,,,c3,s1,st1,student,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    info org_hierarchy orgs.csv:3 parentSourcedId [org s1]: the school has no district above it. Nothing to do.
    info course_without_class courses.csv: 1 courses have no class. Check whether classes are missing from the export.
    warn enrollments_of_dropped_classes enrollments.csv: 1 enrollments belong to classes that were skipped. They are used only for classes that are already in the mirror. Correct the classes.
    warn school_not_sent orgs.csv [org s8]: classes or people refer to a school that is not in orgs.csv; the school stays unchanged. Export the school, or remove the references to it.
    warn optional_reference_missing academicSessions.csv:3 parentSourcedId [academicSession y99]: `y99` is named by 1 academic session and 1 course and is not in academicSessions.csv. Export the missing record, or correct the reference.
    drop reference_missing enrollments.csv:6 classSourcedId [class c9]: `c9` is named by 1 enrollment and is not in classes.csv. Export the missing record, or correct the reference.
    drop reference_missing classes.csv:4 courseSourcedId [course co9]: `co9` is named by 1 class and is not in courses.csv. Export the missing record, or correct the reference.
    warn optional_reference_missing orgs.csv:3 parentSourcedId [org d9]: `d9` is named by 1 org and is not in orgs.csv. Export the missing record, or correct the reference.
    drop reference_missing classes.csv:5 schoolSourcedId [org s8]: `s8` is named by 1 class and is not in orgs.csv. Export the missing record, or correct the reference.
    drop reference_missing courses.csv:4 orgSourcedId [org s9]: `s9` is named by 1 course and is not in orgs.csv. Export the missing record, or correct the reference.
    drop reference_missing enrollments.csv:7 userSourcedId [user st9]: `st9` is named by 1 enrollment and is not in users.csv. Export the missing record, or correct the reference.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"school","id":"s8","reason":"referenced"}
    {"gap":"record","kind":"term","id":"y99","reason":"referenced"}
    {"gap":"record","kind":"course","id":"co9","reason":"referenced"}
    {"gap":"record","kind":"course","id":"co3"}
    {"gap":"record","kind":"student","id":"st9","classes":["c1"],"reason":"referenced"}
    {"gap":"record","kind":"class","id":"c3"}
    {"gap":"record","kind":"class","id":"c4"}
    {"gap":"enrollment","class":"c9","person":"st1"}
    "#);
    // The course of c5 is unreadable, so the class keeps its reference to it.
    assert_eq!(outcome.ids(RecordKind::Class), ["c1", "c2", "c5"]);
}

#[test]
fn r_a6_a_school_that_is_referred_to_but_not_sent_is_unreadable() {
    let outcome =
        Set::valid().change("orgs.csv", "s2,,,Meadow School,school,NC-2,d1\n", "").import();
    assert_snapshot!(outcome.found(), @r"
    warn enrollments_of_dropped_classes enrollments.csv: 2 enrollments belong to classes that were skipped. They are used only for classes that are already in the mirror. Correct the classes.
    warn school_not_sent orgs.csv [org s2]: classes or people refer to a school that is not in orgs.csv; the school stays unchanged. Export the school, or remove the references to it.
    drop reference_missing classes.csv:3 schoolSourcedId [org s2]: `s2` is named by 1 class and 2 users and is not in orgs.csv. Export the missing record, or correct the reference.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"school","id":"s2","reason":"referenced"}
    {"gap":"record","kind":"student","id":"st2","classes":["c2"]}
    {"gap":"record","kind":"class","id":"c2"}
    "#);
    // A person with several schools keeps the known ones.
    let schools: Vec<String> =
        outcome.teacher("te1").person.schools.iter().map(|id| id.as_str().to_owned()).collect();
    assert_eq!(schools, ["s1"]);
}

#[test]
fn check_38_org_hierarchy() {
    let outcome = Set::valid()
        .rows("orgs.csv", "x1,,,Ring,department,,x2")
        .rows("orgs.csv", "x2,,,Ring,department,,x3")
        .rows("orgs.csv", "x3,,,Ring,department,,x1")
        .rows("orgs.csv", "s3,,,Self,school,,s3")
        .rows("orgs.csv", "s4,,,Below,school,,s1")
        .rows("orgs.csv", "s5,,,Alone,school,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn org_cycle orgs.csv:7 parentSourcedId [org x3]: an org is its own parent, directly or through other orgs; its parent was treated as blank. Correct parentSourcedId.
    warn org_cycle orgs.csv:8 parentSourcedId [org s3]: an org is its own parent, directly or through other orgs; its parent was treated as blank. Correct parentSourcedId.
    info org_hierarchy orgs.csv:8 parentSourcedId [org s3]: the school has no district above it. Nothing to do.
    info org_hierarchy orgs.csv:9 parentSourcedId [org s4]: the parent of a school is not a district. Nothing to do.
    info org_hierarchy orgs.csv:10 parentSourcedId [org s5]: the school has no district above it. Nothing to do.
    ");
    assert_eq!(outcome.ids(RecordKind::School), ["s1", "s2", "s3", "s4", "s5"]);
}

#[test]
fn check_39_an_org_of_another_type_as_school() {
    let outcome = Set::valid()
        .change("orgs.csv", "Meadow School,school", "Meadow School,department")
        .import();
    assert_snapshot!(outcome.found(), @"warn org_not_school classes.csv:3 schoolSourcedId [class c2]: a class belongs to an org that is not a school; the org was read as a school. Set the type of the org to school.");
    assert_eq!(outcome.ids(RecordKind::School), ["s1", "s2"]);
    assert_eq!(outcome.student("st2").person.schools.len(), 1);
}
