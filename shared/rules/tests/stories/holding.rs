//! R-H: holds of dangerous runs, and unreadable records.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use roster::records::RecordKind;
use roster::run::{RunState, Step};
use roster::withheld::Withheld;
use serde_json::json;

use crate::world::{World, parse, print, world};

/// Two schools with the given numbers of students, a teacher and a class each.
fn district(north: usize, south: usize) -> String {
    let mut text = String::from("school n\nschool s\nteacher tn schools=n\nteacher ts schools=s\n");
    for (school, count) in [("n", north), ("s", south)] {
        let ids: Vec<String> = (0..count).map(|n| format!("{school}{n:03}")).collect();
        for id in &ids {
            text.push_str(&format!("student {id} schools={school}\n"));
        }
        text.push_str(&format!(
            "class c{school} school={school} teachers=t{school}* students={}\n",
            ids.join(",")
        ));
    }
    text
}

fn held(w: &World, text: &str) -> String {
    print::holds(&w.plan(&parse::snapshot(text)))
}

#[test]
fn r_h1_a_run_holds_above_ten_percent_removed() {
    let w = world("clever", json!({})).after(&district(100, 100));
    assert_snapshot!(held(&w, &district(90, 100)), @"may go");
    assert_snapshot!(held(&w, &district(89, 100)), @r"
    student n: 11 of 100 students of the school would be removed; the limit is 10 %
    student_enrollment n: 11 of 100 enrollments of students of the school would be removed; the limit is 10 %
    ");
    assert_snapshot!(held(&w, &district(89, 91)), @r"
    student n: 11 of 100 students of the school would be removed; the limit is 10 %
    student_enrollment n: 11 of 100 enrollments of students of the school would be removed; the limit is 10 %
    ");
}

#[test]
fn r_h1_with_few_records_a_run_holds_only_if_all_are_removed() {
    let w = world("clever", json!({})).after(&district(19, 100));
    assert_snapshot!(held(&w, &district(9, 100)), @r"
    student n: 10 of 19 students of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    student_enrollment n: 10 of 19 enrollments of students of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    ");
    let none = district(19, 100).replace("teacher tn schools=n\n", "").replace("teachers=tn* ", "");
    assert_snapshot!(held(&w, &none), @r"
    student: 19 of 119 students of the district would lose their last active class; the limit is 10 %
    class n: 1 of 1 classes of the school would lose their teachers; the limit for fewer than 20 is half of them, at least 5, or all
    class n: 1 of 1 active classes of the school would become inactive; the limit for fewer than 20 is half of them, at least 5, or all
    student n: 19 of 19 students of the school would lose their last active class; the limit for fewer than 20 is half of them, at least 5, or all
    teacher n: 1 of 1 teachers of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    teacher_enrollment n: 1 of 1 enrollments of teachers of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    ");
}

#[test]
fn r_h1_a_run_holds_if_the_source_lacks_a_kind() {
    let w = world("family-directory", json!({}))
        .after("student s1 guardians=g1\nteacher t1\nguardian g1 email=a@x");
    assert_snapshot!(held(&w, "student s1\nteacher t1"), @r"
    guardian: the source has no guardians; the mirror has 1
    guardian: 1 of 1 guardians of the district would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    relationship: 1 of 1 links between guardians and students of the district would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    guardian sch: 1 of 1 guardians of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    relationship sch: 1 of 1 links between guardians and students of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    ");
}

#[test]
fn r_h1_changed_fields_count_and_dates_do_not() {
    let text = district(30, 30);
    let renamed = text.replace("schools=n", "schools=n name=New");
    let w = world("clever", json!({})).after(&text);
    assert_snapshot!(held(&w, &renamed), @r"
    student n: 30 of 30 students of the school would be changed; the limit is 75 %
    teacher n: 1 of 1 teachers of the school would be changed; the limit for fewer than 20 is 75 %, at least 5, or all
    ");
    // A move to another school is a change.
    assert_snapshot!(held(&w, &text.replace("schools=n", "schools=s")), @r"
    student n: 30 of 30 students of the school would be changed; the limit is 75 %
    teacher n: 1 of 1 teachers of the school would be changed; the limit for fewer than 20 is 75 %, at least 5, or all
    ");
    // A term that ends, and enrollments that end with it, do not count.
    let dated = text.replace("class cn", "term t to=2026-10-05\nclass cn terms=t");
    let w = world("clever", json!({})).after(&dated).on("2026-10-05");
    assert_snapshot!(held(&w, &dated), @"may go");
}

#[test]
fn r_h1_rosters_count_as_enrollments() {
    let w = world("clever", json!({})).after(&district(40, 100));
    let mut text = district(40, 100);
    for n in 0..5 {
        text = text.replace(&format!("students=n00{n},"), "students=");
    }
    assert_snapshot!(held(&w, &text), @r"
    student n: 5 of 40 students of the school would lose their last active class; the limit is 10 %
    student_enrollment n: 5 of 40 enrollments of students of the school would be removed; the limit is 10 %
    ");
    let planned = w.plan(&parse::snapshot(&text));
    assert_snapshot!(format!("{:?}", planned.outcome.counts["enrollment"]), @"Counts { in_source: 137, in_mirror: 142, added: 0, changed: 0, removed: 5, unchanged: 137, ended: 0, not_admitted: 0 }");
}

#[test]
fn r_h1_the_counts_match_the_plan() {
    let w = world("clever", json!({})).after("student s1\nstudent s2\nstudent s3 name=A");
    let planned = w.plan(&parse::snapshot("student s1\nstudent s3 name=B\nstudent s4\nstudent s5"));
    assert_snapshot!(format!("{:?}", planned.outcome.counts["student"]), @"Counts { in_source: 4, in_mirror: 3, added: 2, changed: 1, removed: 1, unchanged: 1, ended: 0, not_admitted: 0 }");
    assert_eq!(planned.outcome.changes, planned.changes.len() as u64);
}

#[test]
fn r_h2_a_held_run_waits_for_a_person_or_a_newer_snapshot() {
    let held = RunState::Planning.after(Step::Hold).unwrap();
    for step in [Step::Plan, Step::Apply, Step::Stage, Step::Finish, Step::FindNothing] {
        assert!(held.after(step).is_err(), "{step:?}");
    }
    assert_eq!(held.after(Step::Approve), Ok(RunState::Planning));
    assert_eq!(held.after(Step::Reject), Ok(RunState::Rejected));
    assert_eq!(held.after(Step::Replace), Ok(RunState::Replaced));
    assert!(RunState::Rejected.is_final() && RunState::Rejected.after(Step::Approve).is_err());
}

#[test]
fn r_h2_additions_and_changes_only_removes_nothing() {
    let mut w = world("clever", json!({}))
        .after("class c1 teachers=t1* students=s1,s2\nteacher t1\nstudent s1\nstudent s2");
    w.withheld = Withheld::all_removals();
    let tonight = "class c1 title=New teachers=t2* students=s3\nteacher t2\nstudent s1\nstudent s3";
    assert_snapshot!(held(&w, tonight), @r"
    class: 1 of 1 classes of the district would be changed; the limit for fewer than 20 is 75 %, at least 5, or all
    class sch: 1 of 1 classes of the school would be changed; the limit for fewer than 20 is 75 %, at least 5, or all
    ");
    assert_snapshot!(w.night(tonight), @r"
    + teacher t2 classes=c1 [R-T1 the source has this teacher]
    + student s3 schools=sch classes=c1 [R-S2 the source shares this student]
    ~ class c1 title=New teachers=t2,t1 students=s1,s2,s3 [R-M1 title; R-T2 teachers +1; R-M1 students +1]
    ! student_no_email student s1
    ! student_no_email student s3
    ");
}

#[test]
fn r_h3_an_unreadable_record_stays_and_its_enrollments_follow_the_source() {
    let mut w = world("clever", json!({})).after(
        "
        class c1 teachers=t1* students=s1,s2
        class c2 teachers=t1* students=s2
        teacher t1
        student s1
        student s2",
    );
    assert_snapshot!(w.night("
        class c1 teachers=t1* students=s2
        class c2 teachers=t1* students=s1,s2
        unreadable teacher t1
        unreadable student s1
        student s2"), @r"
    ~ student s1 classes=c2 [R-M1 classes +1 -1]
    ~ class c2 students=s1,s2 [R-M1 students +1]
    ~ class c1 students=s2 [R-M1 students -1]
    ! student_no_email student s2
    ");
}

#[test]
fn r_h3_an_unreadable_class_keeps_its_roster_except_for_people_who_left() {
    let mut w = world("clever", json!({})).after(
        "
        class c1 teachers=t1* students=s1,s2
        teacher t1
        student s1
        student s2",
    );
    assert_snapshot!(w.night("
        unreadable class c1
        teacher t1
        student s1
        student s3"), @r"
    + student s3 schools=sch [R-S2 the source shares this student]
    - student s2 status=archived classes=- [R-A1 no longer in the source; R-A2 classes -1]
    ~ class c1 students=s1 [R-A1 students -1]
    ! student_no_email student s1
    ! student_no_email student s3
    ");
}

#[test]
fn r_h3_new_enrollments_of_an_unreadable_class_are_added() {
    let text = "
        class c1 teachers=t1* students=s1,s2
        teacher t1
        student s1 email=a@x
        student s2 email=b@x";
    let mut w = world("sis", json!({})).after(text);
    // s2 moved to another class; the class keeps its roster. s3 is new, in this class alone.
    let tonight = "
        unreadable class c1 teachers=t2*,t1 students=s1,s3,s4@2026-11-01..
        class c2 teachers=t2* students=s2
        teacher t1
        teacher t2
        student s1 email=a@x
        student s2 email=b@x
        student s3 email=c@x
        student s4 email=d@x";
    assert_snapshot!(w.night(tonight), @r"
    + teacher t2 classes=c1,c2 [R-T1 the source has this teacher]
    + student s3 email=c@x schools=sch classes=c1 [R-S1 in the source with an e-mail address and an active class]
    ~ student s2 classes=c1,c2 [R-M1 classes +1]
    + class c2 title=c2 teachers=t2 students=s2 [R-C1 the source has this class]
    ~ class c1 teachers=t1,t2 students=s1,s2,s3 [R-M1 teachers +1; R-M1 students +1]
    ! student_waits_for_class student s4
    ");
    assert_snapshot!(w.night(tonight), @"! student_waits_for_class student s4");
    // Nor is a class made that is not here.
    assert_snapshot!(w.night("
        unreadable class c9 teachers=t2* students=s5
        unreadable class c1
        class c2 teachers=t2* students=s2
        teacher t1
        teacher t2
        student s1 email=a@x
        student s2 email=b@x
        student s3 email=c@x
        student s5 email=e@x"), @"! student_waits_for_class student s5");
}

#[test]
fn r_h3_with_an_unreadable_id_no_record_of_the_kind_is_removed() {
    let mut w = world("clever", json!({}))
        .after("class c1 teachers=t1* students=s1\nteacher t1\nstudent s1\nstudent s2");
    assert_snapshot!(w.night("class c1 teachers=t1*\nteacher t1\nstudent s2\nunreadable student"), @"! student_no_email student s2");
    assert_snapshot!(w.show(RecordKind::Class, "c1"), @"title=c1 teachers=t1 students=s1");
}

#[test]
fn r_h3_an_unreadable_enrollment_stays_unless_its_class_or_person_is_gone() {
    let text = "
        class c1 teachers=t1* students=s1,s2
        class c2 teachers=t1* students=s1
        teacher t1
        student s1
        student s2";
    let mut w = world("clever", json!({})).after(text);
    assert_snapshot!(w.night("
        class c1 teachers=t1*
        class c2
        teacher t1
        student s1
        unreadable enrollment class=c1
        unreadable enrollment person=t1"), @r"
    ~ student s1 classes=c1 [R-M1 classes -1]
    - student s2 status=archived classes=- [R-A1 no longer in the source; R-A2 classes -1]
    ~ class c2 students=- inactive=NoStudent [R-M1 students -1; R-C4 inactive]
    ~ class c1 students=s1 [R-M1 students -1]
    ! student_no_email student s1
    ! class_no_student class c2
    ");
}

#[test]
fn r_h3_an_unreadable_record_that_is_not_in_the_mirror_adds_nothing() {
    let mut w = world("clever", json!({}));
    assert_snapshot!(w.night("class c1 teachers=t1* students=s1\nunreadable student s1\nteacher t1"), @r"
    + teacher t1 classes=c1 [R-T1 the source has this teacher]
    + class c1 title=c1 teachers=t1 [R-C1 the source has this class]
    ");
}

#[test]
fn r_h3_new_relationships_of_an_unreadable_student_or_guardian_are_added() {
    let text = "
        student s1 name=Ann
        student s2 name=Bob
        guardian g1 name=Gus email=g1@x children=s1
        guardian g2 name=Gil email=g2@x children=s2";
    let mut w = world("family-directory", json!({})).after(text);
    // The rows of g1 and s2 are unreadable. s2 is listed by g3 now, and g1 by s3.
    let tonight = "
        student s1 name=Ann guardians=g1
        unreadable student s2
        student s3 name=Cy guardians=g1
        unreadable guardian g1
        guardian g2 name=Gil email=g2@x
        guardian g3 name=Ida email=g3@x children=s2";
    assert_snapshot!(w.night(tonight), @r"
    + student s3 schools=sch guardians=g1 [R-S2 the source shares this student]
    ~ student s2 guardians=g2,g3 [R-G3 guardians +1]
    + guardian g3 email=g3@x schools=sch children=s2 [R-G1 in the source with a unique contact]
    ~ guardian g1 children=s1,s3 [R-G3 children +1]
    ! student_no_email student s1
    ! student_no_email student s3
    ");
    assert_snapshot!(w.night(tonight), @r"
    ! student_no_email student s1
    ! student_no_email student s3
    ");
    // An unreadable record that is not here gets no relationship.
    assert_snapshot!(w.night("
        student s1 name=Ann guardians=g1,g9
        student s2 name=Bob
        student s3 name=Cy guardians=g1
        guardian g1 name=Gus email=g1@x
        unreadable guardian g9
        guardian g2 name=Gil email=g2@x children=s9
        unreadable student s9
        guardian g3 name=Ida email=g3@x children=s2"), @r"
    ~ student s2 guardians=g3 [R-G3 guardians -1]
    ~ guardian g2 children=- [R-G3 children -1]
    ! student_no_email student s1
    ! student_no_email student s3
    ! student_no_email student s2
    ");
}

#[test]
fn r_h3_an_unreadable_row_with_another_role_removes_nobody() {
    let text = "
        student s1
        student s2
        guardian g1 email=g1@x children=s1";
    let mut w = world("family-directory", json!({})).after(text);
    // The rows of s2 and g1 cannot be used, and name the wrong role.
    assert_snapshot!(w.night("
        student s1 guardians=g1
        unreadable teacher s2
        unreadable teacher g1"), @"! student_no_email student s1");
}

#[test]
fn r_h3_an_unreadable_row_of_demographics_leaves_only_the_demographics() {
    let text = "
        student s1 name=Ann number=7 grade=4 race=asian gender=female
        student s2 name=Bob grade=4 race=white";
    let mut w = world("clever", json!({})).after(text);
    let of = |w: &crate::world::World, place: usize| {
        let students = w.mirror.of::<roster::records::kinds::Students>();
        serde_json::to_string(&students[place].state.demographics).unwrap()
    };
    // The row of s1 is unreadable: name and grade follow the source, a new student is admitted.
    let night = w.night(
        "
        unreadable demographics s1
        unreadable demographics s3
        student s1 name=Anna grade=5
        student s2 name=Bob grade=4
        student s3 name=Cy grade=5",
    );
    assert_snapshot!(night, @r"
    ~ student s1 [R-M1 given name; R-M1 demographics]
    + student s3 schools=sch demographics=yes [R-S2 the source shares this student]
    ~ student s2 [R-M1 demographics]
    ! student_no_email student s1
    ! student_no_email student s3
    ! student_no_email student s2
    ");
    assert_snapshot!(of(&w, 0), @r#"{"grades":["5"],"races":["asian"],"gender":"female"}"#);
    assert_snapshot!(of(&w, 1), @r#"{"grades":["5"]}"#);
    // One of an unknown student: those without demographics keep theirs.
    let night = w.night(
        "
        unreadable demographics
        student s1 name=Anna grade=5
        student s2 name=Bob grade=4 race=black
        student s3 name=Cy grade=5",
    );
    assert_snapshot!(night, @r"
    ~ student s2 [R-M1 demographics]
    ! student_no_email student s1
    ! student_no_email student s3
    ! student_no_email student s2
    ");
    assert_snapshot!(of(&w, 0), @r#"{"grades":["5"],"races":["asian"],"gender":"female"}"#);
}

#[test]
fn r_x3_each_row_that_cannot_be_used_is_counted_once() {
    let w = world("clever", json!({}))
        .after("class c1 teachers=t1* students=s1\nteacher t1\nstudent s1\nstudent s2");
    // The role of `u` could not be read, so `u` may be of any kind.
    let planned = w.plan(&parse::snapshot(
        "class c1 teachers=t1* students=s1
        teacher t1
        student s1
        unreadable student u
        unreadable teacher u
        unreadable guardian u
        unreadable student s2 referenced
        unreadable enrollment class=c1 person=s2
        unreadable demographics s1",
    ));
    let counts = |of: &BTreeMap<String, u64>| format!("{of:?}");
    assert_snapshot!(counts(&planned.outcome.review.left_out), @r#"{"demographics": 1, "enrollment": 1, "person": 1}"#);
    assert_snapshot!(counts(&planned.outcome.review.still_named), @r#"{"student": 1}"#);
}
