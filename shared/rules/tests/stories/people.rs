//! R-S and R-T: students, teachers, co-teachers.

use insta::assert_snapshot;
use serde_json::json;

use crate::world::world;

#[test]
fn r_s1_a_student_without_email_waits() {
    let mut w = world("sis", json!({}));
    assert_snapshot!(w.night("
        class c1 teachers=t1* students=s1
        teacher t1
        student s1"), @r"
    + teacher t1 classes=c1 [R-T1 the source has this teacher]
    + class c1 title=c1 teachers=t1 [R-C1 the source has this class]
    ! student_waits_for_email student s1
    ");
    assert_snapshot!(w.night("
        class c1 teachers=t1* students=s1
        teacher t1
        student s1 email=a@x"), @r"
    + student s1 email=a@x schools=sch classes=c1 [R-S1 in the source with an e-mail address and an active class]
    ~ class c1 students=s1 [R-M1 students +1]
    ");
}

#[test]
fn r_s1_a_student_without_an_active_class_waits() {
    let mut w = world("sis", json!({}));
    assert_snapshot!(w.night("
        term old from=2026-01-01 to=2026-10-01
        class over teachers=t1* students=s1 terms=old
        class untaught students=s2
        class later teachers=t1* students=s3@2026-10-02..
        class left teachers=t1* students=s4@..2026-10-01
        class last_day teachers=t1* students=s5@2026-10-01..2026-10-02
        teacher t1
        student s1 email=1@x
        student s2 email=2@x
        student s3 email=3@x
        student s4 email=4@x
        student s5 email=5@x
        student s6"), @r"
    + term old [R-M1 the source has this term]
    + teacher t1 classes=last_day,later,left,over [R-T1 the source has this teacher]
    + student s5 email=5@x schools=sch classes=last_day [R-S1 in the source with an e-mail address and an active class]
    + class over title=over teachers=t1 inactive=TermOver [R-C1 the source has this class]
    + class left title=left teachers=t1 inactive=NoStudent [R-C1 the source has this class]
    + class last_day title=last day teachers=t1 students=s5 [R-C1 the source has this class]
    + class untaught title=untaught inactive=NoTeacher [R-C1 the source has this class]
    + class later title=later teachers=t1 inactive=NoStudent [R-C1 the source has this class]
    ! student_waits_for_class student s4
    ! student_waits_for_email student s6
    ! student_waits_for_class student s6
    ! student_waits_for_class student s1
    ! student_waits_for_class student s3
    ! student_waits_for_class student s2
    ! class_term_over class over
    ! class_no_student class left
    ! class_no_teacher class untaught
    ! class_no_student class later
    ");
}

#[test]
fn r_s1_an_admitted_student_who_loses_email_and_class_stays() {
    let mut w = world("sis", json!({})).after(
        "
        class c1 teachers=t1* students=s1
        teacher t1
        student s1 email=a@x",
    );
    assert_snapshot!(w.night("
        class c1 teachers=t1*
        teacher t1
        student s1"), @r"
    ~ student s1 email=- classes=- [R-M1 e-mail; R-M1 classes -1]
    ~ class c1 students=- inactive=NoStudent [R-M1 students -1; R-C4 inactive]
    ! student_lost_email student s1
    ! student_lost_class student s1
    ! class_no_student class c1
    ");
}

#[test]
fn r_s1_an_email_is_enough_with_the_setting_email() {
    let mut w = world("sis", json!({ "admit_students": "email" }));
    assert_snapshot!(w.night("student s1 email=a@x\nstudent s2"), @r"
    + student s1 email=a@x schools=sch [R-S1 in the source with an e-mail address]
    ! student_waits_for_email student s2
    ");
}

#[test]
fn r_s2_every_shared_student_is_admitted() {
    let mut w = world("clever", json!({}));
    assert_snapshot!(w.night("student s1\nstudent s2 email=b@x"), @r"
    + student s1 schools=sch [R-S2 the source shares this student]
    + student s2 email=b@x schools=sch [R-S2 the source shares this student]
    ! student_no_email student s1
    ");
}

#[test]
fn r_t1_every_shared_teacher_has_an_account() {
    let mut w = world("sis", json!({}));
    assert_snapshot!(w.night("teacher t1 name=Ann/Lee email=ann@x"), @"+ teacher t1 [R-T1 the source has this teacher]");
    assert_snapshot!(w.night("teacher t1 name=Ann/Poe email=poe@x"), @"~ teacher t1 [R-M1 family name, e-mail]");
}

#[test]
fn r_t2_the_primary_teacher_is_first_and_co_teachers_keep_their_order() {
    let mut w = world("sis", json!({}));
    assert_snapshot!(w.night("
        class c1 teachers=t3,t2,t1* students=s1
        class none teachers=t3,t1 students=s1
        class two teachers=t3,t2*,t1* students=s1
        teacher t1
        teacher t2
        teacher t3
        student s1 email=a@x"), @r"
    + teacher t3 classes=c1,none,two [R-T1 the source has this teacher]
    + teacher t1 classes=c1,none,two [R-T1 the source has this teacher]
    + teacher t2 classes=c1,two [R-T1 the source has this teacher]
    + student s1 email=a@x schools=sch classes=c1,none,two [R-S1 in the source with an e-mail address and an active class]
    + class none title=none teachers=t3,t1 students=s1 [R-C1 the source has this class]
    + class two title=two teachers=t2,t3,t1 students=s1 [R-C1 the source has this class]
    + class c1 title=c1 teachers=t1,t3,t2 students=s1 [R-C1 the source has this class]
    ! class_no_primary class none
    ! class_many_primaries class two
    ");
}

#[test]
fn r_t5_too_many_co_teachers_are_mirrored_with_a_finding() {
    let mut w = world("ats-stars", json!({}));
    let text = "
        class c1 teachers=t1*,t2,t3,t4 students=s1
        class c2 teachers=t1*,t2,t3 students=s1
        teacher t1
        teacher t2
        teacher t3
        teacher t4
        student s1 email=a@x";
    let planned = w.run(&crate::world::parse::snapshot(text));
    let messages: Vec<&str> =
        planned.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_snapshot!(messages.join("\n"), @"class c1 has 3 co-teachers in the source, which supports 2. Remove the extra co-teachers in the source (ATS/STARS: ask the DIIT office), then add them to the class here by hand.");
    assert_snapshot!(w.show(roster::records::RecordKind::Class, "c1"), @"title=c1 teachers=t1,t2,t3,t4 students=s1");
}

#[test]
fn r_t7_an_enrollment_does_not_turn_a_student_into_a_teacher() {
    let mut w = world("sis", json!({}));
    assert_snapshot!(w.night("
        class c1 teachers=t1*,s1 students=s1,t1
        class c2 teachers=s1* students=s2
        teacher t1
        teacher s1 by_enrollment
        student s1 email=a@x
        student s2 email=b@x
        student t1 email=t@x by_enrollment"), @r"
    + teacher t1 classes=c1 [R-T1 the source has this teacher]
    + student s1 email=a@x schools=sch classes=c1 [R-S1 in the source with an e-mail address and an active class]
    + class c2 title=c2 inactive=NoTeacher [R-C1 the source has this class]
    + class c1 title=c1 teachers=t1 students=s1 [R-C1 the source has this class]
    ! role_conflict teacher s1
    ! role_conflict student t1
    ! student_waits_for_class student s2
    ! class_no_teacher class c2
    ");
}

#[test]
fn r_t7_with_enrollment_the_person_gets_the_role_and_an_account() {
    let mut w = world("clever", json!({ "role_conflicts": "enrollment" }));
    assert_snapshot!(w.night("
        class c1 teachers=t1*,s1 students=s1
        teacher t1
        teacher s1 by_enrollment
        student s1"), @r"
    + teacher s1 classes=c1 [R-T1 the source has this teacher]
    + teacher t1 classes=c1 [R-T1 the source has this teacher]
    + student s1 schools=sch classes=c1 [R-S2 the source shares this student]
    + class c1 title=c1 teachers=t1,s1 students=s1 [R-C1 the source has this class]
    ! student_no_email student s1
    ");
}

#[test]
fn r_t7_a_role_from_an_enrollment_ends_when_the_policy_changes() {
    let text = "
        class c1 teachers=t1*,s1 students=s2
        teacher t1
        teacher s1 by_enrollment
        student s2";
    let mut w = world("clever", json!({ "role_conflicts": "enrollment" })).after(text);
    w.policy = world("clever", json!({})).policy;
    assert_snapshot!(w.night(text), @r"
    - teacher s1 status=archived classes=- [R-A5 no longer in the source; R-A5 classes -1]
    ~ class c1 teachers=t1 [R-T2 teachers -1]
    ! role_conflict teacher s1
    ! student_no_email student s2
    ");
}
