//! R-C: classes.

use insta::assert_snapshot;
use roster::records::RecordKind;
use serde_json::json;

use crate::world::world;

#[test]
fn r_c1_a_class_is_created_with_all_details_of_the_source() {
    let mut w = world("sis", json!({}));
    assert_snapshot!(w.night("
        course math
        class c1 title=Math_1 course=math period=1-2 subject=algebra teachers=t1* students=s1
        teacher t1
        student s1 email=a@x"), @r"
    + course math [R-M1 the source has this course]
    + teacher t1 classes=c1 [R-T1 the source has this teacher]
    + student s1 email=a@x schools=sch classes=c1 [R-S1 in the source with an e-mail address and an active class]
    + class c1 title=Math 1 teachers=t1 students=s1 [R-C1 the source has this class]
    ");
    assert_snapshot!(w.night("
        course math
        class c1 title=Math_1 course=math period=3 subject=algebra terms=none teachers=t1* students=s1
        teacher t1
        student s1 email=a@x"), @r"
    ~ class c1 [R-M1 terms, periods]
    ! class_no_term class c1
    ");
}

#[test]
fn r_c2_a_manual_class_is_never_changed_and_keeps_its_members() {
    let mut w = world("clever", json!({ "abandoned_classes": "disconnect" })).after(
        "
        class c1 teachers=t1* students=s1,s2
        teacher t1
        student s1
        student s2",
    );
    w.run(&crate::world::parse::snapshot("teacher t1\nstudent s1\nstudent s2"));
    assert_snapshot!(w.night("teacher t9\nstudent s1"), @r"
    + teacher t9 [R-T1 the source has this teacher]
    - teacher t1 status=archived [R-A5 no longer in the source]
    - student s2 status=archived [R-A1 no longer in the source]
    ! student_no_email student s1
    ");
    assert_snapshot!(w.show(RecordKind::Class, "c1"), @"origin=manual title=c1 teachers=t1 students=s1,s2");
}

#[test]
fn r_c3_custom_data_in_the_source_is_source_data() {
    let mut w = world("clever", json!({}));
    assert_snapshot!(w.night("
        class custom-1 teachers=t1* students=custom-student
        teacher t1
        student custom-student"), @r"
    + teacher t1 classes=custom-1 [R-T1 the source has this teacher]
    + student custom-student schools=sch classes=custom-1 [R-S2 the source shares this student]
    + class custom-1 title=custom-1 teachers=t1 students=custom-student [R-C1 the source has this class]
    ! student_no_email student custom-student
    ");
}

#[test]
fn r_c4_inactive_classes_are_mirrored_with_a_finding() {
    let mut w = world("clever", json!({}));
    assert_snapshot!(w.night("
        term old from=2026-01-01 to=2026-10-01
        class untaught students=s1
        class empty teachers=t1*
        class over teachers=t1* students=s1 terms=old
        class half teachers=t1* students=s1 terms=old,year
        class timeless teachers=t1* students=s1 terms=none
        class lost teachers=t1* students=s1 terms=old,nowhere
        teacher t1
        student s1"), @r"
    + term old [R-M1 the source has this term]
    + teacher t1 classes=empty,half,lost,over,timeless [R-T1 the source has this teacher]
    + student s1 schools=sch classes=half,lost,over,timeless,untaught [R-S2 the source shares this student]
    + class over title=over teachers=t1 students=s1 inactive=TermOver [R-C1 the source has this class]
    + class untaught title=untaught students=s1 inactive=NoTeacher [R-C1 the source has this class]
    + class empty title=empty teachers=t1 inactive=NoStudent [R-C1 the source has this class]
    + class half title=half teachers=t1 students=s1 [R-C1 the source has this class]
    + class lost title=lost teachers=t1 students=s1 [R-C1 the source has this class]
    + class timeless title=timeless teachers=t1 students=s1 [R-C1 the source has this class]
    ! student_no_email student s1
    ! class_term_over class over
    ! class_no_teacher class untaught
    ! class_no_student class empty
    ! class_no_term class lost
    ! class_no_term class timeless
    ");
}

#[test]
fn r_c4_a_student_who_is_listed_but_not_admitted_makes_a_class_active() {
    let mut w = world("sis", json!({}));
    assert_snapshot!(w.night("
        class c1 teachers=t1* students=s1
        teacher t1
        student s1"), @r"
    + teacher t1 classes=c1 [R-T1 the source has this teacher]
    + class c1 title=c1 teachers=t1 [R-C1 the source has this class]
    ! student_waits_for_email student s1
    ");
}

#[test]
fn r_c4_enrollments_and_terms_end_by_date() {
    let text = "
        term fall from=2026-08-01 to=2026-12-20
        class c1 terms=fall teachers=t1* students=s1,s2@..2026-10-02
        teacher t1
        student s1
        student s2";
    let mut w = world("clever", json!({})).after(text).on("2026-10-02");
    assert_snapshot!(w.night(text), @r"
    ~ student s2 classes=- [R-M1 classes -1]
    ~ class c1 students=s1 [R-M1 students -1; R-M1 last days of enrollments]
    ! student_no_email student s1
    ! student_no_email student s2
    ");
    w.today = "2026-12-20".parse().unwrap();
    assert_snapshot!(w.night(text), @r"
    ~ class c1 inactive=TermOver [R-C4 inactive]
    ! student_no_email student s1
    ! student_no_email student s2
    ! class_term_over class c1
    ");
}
