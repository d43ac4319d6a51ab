//! R-A: records that are gone from the source, and that return.

use insta::assert_snapshot;
use roster::records::RecordKind;
use serde_json::json;

use crate::world::{World, world};

const FAMILY: &str = "
    class c1 teachers=t1* students=s1,s2
    teacher t1
    student s1 email=s1@x guardians=g1
    student s2 email=s2@x guardians=g1,g2
    guardian g1 name=Ann email=a@x
    guardian g2 name=Bob email=b@x";

fn family(overrides: serde_json::Value) -> World {
    world("family-directory", overrides).after(FAMILY)
}

#[test]
fn r_a1_a_student_is_archived_while_a_guardian_stays_for_a_sibling() {
    let mut w = family(json!({}));
    assert_snapshot!(w.night("
        class c1 teachers=t1* students=s2
        teacher t1
        student s2 email=s2@x guardians=g1,g2
        guardian g1 name=Ann email=a@x
        guardian g2 name=Bob email=b@x"), @r"
    - student s1 status=archived classes=- [R-A1 no longer in the source; R-A2 classes -1]
    ~ class c1 students=s2 [R-M1 students -1]
    ");
}

#[test]
fn r_a1_a_guardian_who_is_gone_is_archived_and_unlinked_from_the_child() {
    let mut w = family(json!({}));
    assert_snapshot!(w.night("
        class c1 teachers=t1* students=s1,s2
        teacher t1
        student s1 email=s1@x guardians=g1
        student s2 email=s2@x guardians=g1
        guardian g1 name=Ann email=a@x"), @r"
    ~ student s2 guardians=g1 [R-G3 guardians -1]
    - guardian g2 status=archived children=- [R-A1 no longer in the source; R-G3 children -1]
    ");
}

#[test]
fn r_a2_soft_a_family_leaves_active_classes_and_stays_in_archived_ones() {
    let mut w = family(json!({}));
    w.night(
        "
        class c2 teachers=t1* students=s1,s2
        teacher t1
        student s1 email=s1@x guardians=g1
        student s2 email=s2@x guardians=g1,g2
        guardian g1 name=Ann email=a@x
        guardian g2 name=Bob email=b@x",
    );
    assert_snapshot!(w.night("class c2 teachers=t1*\nteacher t1"), @r"
    - student s1 status=archived classes=c1 [R-A1 no longer in the source; R-A2 classes -1]
    - student s2 status=archived classes=c1 [R-A1 no longer in the source; R-A2 classes -1]
    - guardian g2 status=archived [R-A1 no longer in the source]
    - guardian g1 status=archived [R-A1 no longer in the source]
    ~ class c2 students=- inactive=NoStudent [R-M1 students -2; R-C4 inactive]
    ! class_no_student class c2
    ");
    assert_snapshot!(w.show(RecordKind::Student, "s1"), @"status=archived email=s1@x schools=sch classes=c1 guardians=g1");
    assert_snapshot!(w.show(RecordKind::Class, "c1"), @"status=archived title=c1 teachers=t1 students=s1,s2");
}

#[test]
fn r_a3_extreme_a_family_leaves_archived_classes_and_the_school() {
    let mut w = family(json!({ "abandoned_families": "extreme" }));
    w.night("teacher t1\nstudent s1 email=s1@x guardians=g1\nstudent s2 email=s2@x guardians=g1,g2\nguardian g1 name=Ann email=a@x\nguardian g2 name=Bob email=b@x");
    // s1 is gone, but the guardian stays with s2: the family is not abandoned.
    assert_snapshot!(w.night("teacher t1\nstudent s2 email=s2@x guardians=g1,g2\nguardian g1 name=Ann email=a@x\nguardian g2 name=Bob email=b@x"), @"- student s1 status=archived [R-A1 no longer in the source]");
    // Now the whole family is gone.
    assert_snapshot!(w.night("teacher t1"), @r"
    ~ student s1 schools=- classes=- [R-A3 classes -1; R-A3 schools]
    - student s2 status=archived schools=- classes=- [R-A1 no longer in the source; R-A3 classes -1; R-A3 schools]
    - guardian g2 status=archived schools=- [R-A1 no longer in the source; R-A3 schools]
    - guardian g1 status=archived schools=- [R-A1 no longer in the source; R-A3 schools]
    ~ class c1 students=- [R-A3 students -2]
    ");
    assert_snapshot!(w.night("teacher t1"), @"nothing");
}

#[test]
fn r_a3_a_student_without_guardians_is_a_family_of_one() {
    let mut w = world("clever", json!({ "abandoned_families": "extreme" })).after(
        "
        class c1 teachers=t1* students=s1
        teacher t1
        student s1",
    );
    assert_snapshot!(w.night("teacher t1"), @r"
    - student s1 status=archived schools=- classes=- [R-A1 no longer in the source; R-A3 classes -1; R-A3 schools]
    - class c1 status=archived students=- [R-A5 no longer in the source: archived with its roster; R-A3 students -1]
    ");
}

#[test]
fn r_a3_extreme_manual_classes_follow_their_own_setting() {
    for (setting, keeps) in [("stay", true), ("leave", false)] {
        let overrides = json!({ "abandoned_families": "extreme", "abandoned_classes": "disconnect", "abandoned_in_manual_classes": setting });
        let mut w = world("clever", overrides)
            .after("class c1 teachers=t1* students=s1\nteacher t1\nstudent s1");
        w.night("teacher t1\nstudent s1");
        w.night("teacher t1");
        assert_eq!(w.show(RecordKind::Class, "c1").contains("s1"), keeps, "{setting}");
        assert_eq!(w.show(RecordKind::Student, "s1").contains("c1"), keeps, "{setting}");
    }
}

#[test]
fn r_a4_a_person_who_returns_gets_the_same_account() {
    let mut w = family(json!({}));
    let account = |w: &World| w.mirror.of::<roster::records::kinds::Students>()[0].account.clone();
    let before = account(&w);
    w.night("teacher t1");
    assert_snapshot!(w.night(FAMILY), @r"
    ^ student s1 status=- [R-A4 the source has this student again]
    ^ student s2 status=- [R-A4 the source has this student again]
    ^ guardian g2 status=- [R-A4 the source has this guardian again]
    ^ guardian g1 status=- [R-A4 the source has this guardian again]
    ^ class c1 status=- [R-A4 the source has this class again]
    ");
    assert_eq!(account(&w), before);
}

#[test]
fn r_a4_a_person_who_returns_must_meet_the_conditions_again() {
    let full = "class c1 teachers=t1* students=s1\nteacher t1\nstudent s1 email=a@x";
    let mut w = world("sis", json!({})).after(full);
    w.night("class c1 teachers=t1*\nteacher t1");
    assert_snapshot!(w.night("class c1 teachers=t1* students=s1\nteacher t1\nstudent s1"), @r"
    ~ class c1 inactive=- [R-C4 active]
    ! student_waits_for_email student s1
    ");
    assert_snapshot!(w.night(full), @r"
    ^ student s1 status=- classes=c1 [R-A4 the source has this student again; R-M1 classes +1]
    ~ class c1 students=s1 [R-M1 students +1]
    ");
}

#[test]
fn r_a5_an_archived_class_keeps_its_roster() {
    let mut w = family(json!({}));
    assert_snapshot!(w.night("
        teacher t1
        student s2 email=s2@x guardians=g1
        guardian g1 name=Ann email=a@x"), @r"
    - student s1 status=archived [R-A1 no longer in the source]
    ~ student s2 guardians=g1 [R-G3 guardians -1]
    - guardian g2 status=archived children=- [R-A1 no longer in the source; R-G3 children -1]
    - class c1 status=archived [R-A5 no longer in the source: archived with its roster]
    ");
    w.night("teacher t2");
    assert_snapshot!(w.show(RecordKind::Class, "c1"), @"status=archived title=c1 teachers=t1 students=s1,s2");
    assert_snapshot!(w.show(RecordKind::Teacher, "t1"), @"status=archived classes=c1");
}

#[test]
fn r_a5_a_disconnected_class_becomes_a_manual_class() {
    let text = "class c1 teachers=t1* students=s1\nteacher t1\nstudent s1";
    let mut w = world("clever", json!({ "abandoned_classes": "disconnect" })).after(text);
    assert_snapshot!(w.night("teacher t1\nstudent s1"), @r"
    - class c1 origin=manual [R-A5 no longer in the source: kept as a manual class]
    ! student_no_email student s1
    ");
    assert_snapshot!(w.night(text), @r"
    ! student_no_email student s1
    ! class_made_manual class c1
    ");
}

#[test]
fn r_a5_a_teacher_who_is_gone_leaves_synced_classes_and_is_archived() {
    let mut w = world("clever", json!({})).after(
        "
        class c1 teachers=t1*,t2 students=s1
        teacher t1
        teacher t2
        student s1",
    );
    assert_snapshot!(w.night("
        class c1 teachers=t2 students=s1
        teacher t2
        student s1"), @r"
    - teacher t1 status=archived classes=- [R-A5 no longer in the source; R-A5 classes -1]
    ~ class c1 teachers=t2 [R-T2 teachers -1]
    ! student_no_email student s1
    ! class_no_primary class c1
    ");
}

#[test]
fn r_a6_a_school_no_longer_shared_is_archived_with_its_classes() {
    let w = world("clever", json!({})).after(
        "
        school north
        class c1 school=north teachers=t1* students=s1
        class c2 teachers=t1* students=s2
        teacher t1 schools=sch,north
        student s1 schools=north
        student s2",
    );
    let planned = w.plan(&crate::world::parse::snapshot(
        "class c2 teachers=t1* students=s2\nteacher t1\nstudent s2",
    ));
    assert_snapshot!(crate::world::print::plan(&planned), @r"
    - school north status=archived [R-A6 no longer in the source]
    ~ teacher t1 [R-M1 schools]
    - student s1 status=archived [R-A1 no longer in the source]
    - class c1 status=archived [R-A5 no longer in the source: archived with its roster; R-A6 its school is no longer in the source, or has no classes and people there]
    ! student_no_email student s2
    ");
    assert_snapshot!(crate::world::print::holds(&planned), @r"
    school: 1 of 2 schools is missing from the source: north
    teacher: 1 of 1 teachers of the district would be changed; the limit for fewer than 20 is 75 %, at least 5, or all
    student north: 1 of 1 students of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    teacher north: 1 of 1 teachers of the school would be changed; the limit for fewer than 20 is 75 %, at least 5, or all
    class north: 1 of 1 classes of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    student_enrollment north: 1 of 1 enrollments of students of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    teacher_enrollment north: 1 of 1 enrollments of teachers of the school would be removed; the limit for fewer than 20 is half of them, at least 5, or all
    teacher sch: 1 of 1 teachers of the school would be changed; the limit for fewer than 20 is 75 %, at least 5, or all
    ");
}

#[test]
fn r_a6_a_missing_school_that_classes_refer_to_is_kept() {
    let mut w = world("clever", json!({})).after(
        "
        school north
        class c1 school=north teachers=t1* students=s1
        teacher t1
        student s1",
    );
    assert_snapshot!(w.night("
        unreadable class c1
        teacher t1
        student s1"), @r"
    ! school_dangling school north
    ! student_no_email student s1
    ");
}
