//! Checks 40, 41 and 44 to 49, and R-T7: classes and enrollments.

use insta::assert_snapshot;
use roster::records::RecordKind;

use crate::support::Set;

#[test]
fn check_40_the_school_of_the_class_is_used() {
    let outcome = Set::valid().change("enrollments.csv", "c1,s1,st1", "c1,s2,st1").import();
    assert_snapshot!(outcome.found(), @"warn enrollment_school enrollments.csv:3 schoolSourcedId [enrollment e2]: an enrollment names a different school than its class; the school of the class was used. Correct schoolSourcedId of the enrollment.");
    assert_eq!(outcome.class("c1").students.len(), 1);
}

#[test]
fn r_t7_an_enrollment_with_another_role_is_kept_for_the_policy_to_decide() {
    let outcome = Set::valid()
        .rows("enrollments.csv", "e5,,,c1,s1,st2,teacher,,,")
        .rows("enrollments.csv", "e6,,,c2,s2,gu1,student,,,")
        .rows("users.csv", "ai1,,,true,s1,aide,ahale,,Ada,Hale,,,,,,,,")
        .rows("enrollments.csv", "e7,,,c1,s1,ai1,teacher,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn enrollment_role enrollments.csv:6 role [enrollment e5]: the enrollment lists the user as a teacher, but the user is not a teacher. Correct the role of the enrollment or of the user.
    warn enrollment_role enrollments.csv:7 role [enrollment e6]: the enrollment lists the user as a student, but the user is not a student. Correct the role of the enrollment or of the user.
    warn enrollment_role enrollments.csv:8 role [enrollment e7]: the enrollment lists the user as a teacher, but the user is not a teacher. Correct the role of the enrollment or of the user.
    info role_not_rostered users.csv role: 1 users with the role `aide` get no account or enrollment here. Correct the role if one of them is a student, a teacher or a guardian. Others are added here by hand.
    ");
    assert_eq!(outcome.ids(RecordKind::Teacher), ["ai1", "st2", "te1"]);
    assert!(
        outcome.teacher("st2").by_enrollment
            && outcome.teacher("ai1").by_enrollment
            && !outcome.teacher("te1").by_enrollment
    );
    assert!(outcome.student("gu1").by_enrollment && !outcome.student("st2").by_enrollment);
    let teachers: Vec<String> = outcome
        .class("c1")
        .teachers
        .iter()
        .map(|membership| membership.id.as_str().to_owned())
        .collect();
    assert_eq!(teachers, ["te1", "st2", "ai1"], "in the order of the source");
    assert_eq!(outcome.ids(RecordKind::Guardian), ["gu1"]);
}

#[test]
fn roles_without_account_or_enrollment_are_counted() {
    let outcome = Set::valid()
        .rows("users.csv", "ai1,,,true,s1,aide,ahale,,Ada,Hale,,,,,,,,")
        .rows("users.csv", "ad1,,,true,s1,administrator,bhale,,Bo,Hale,,,,,,,,")
        .rows("users.csv", "ad2,,,true,s1,administrator,chale,,Cy,Hale,,,,,,,,")
        .rows("enrollments.csv", "e5,,,c1,s1,ad1,administrator,,,")
        .rows("enrollments.csv", "e6,,,c1,s1,ai1,proctor,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    info role_not_rostered users.csv role: 2 users with the role `administrator` get no account or enrollment here. Correct the role if one of them is a student, a teacher or a guardian. Others are added here by hand.
    info role_not_rostered users.csv role: 1 users with the role `aide` get no account or enrollment here. Correct the role if one of them is a student, a teacher or a guardian. Others are added here by hand.
    info role_not_rostered enrollments.csv role: 1 enrollments with the role `administrator` get no account or enrollment here. Correct the role if one of them is a student, a teacher or a guardian. Others are added here by hand.
    info role_not_rostered enrollments.csv role: 1 enrollments with the role `proctor` get no account or enrollment here. Correct the role if one of them is a student, a teacher or a guardian. Others are added here by hand.
    ");
    assert_eq!(outcome.enrollments, Some(4));
    assert_eq!(outcome.ids(RecordKind::Teacher), ["te1"]);
}

#[test]
fn check_44_courses_students_and_teachers_without_references() {
    let outcome = Set::valid()
        .rows("courses.csv", "co2,,,,Maths,,,s1,,")
        .rows("users.csv", "st3,,,true,s1,student,ahale,,Ada,Hale,,,,,,,,")
        .rows("users.csv", "te3,,,true,s1,teacher,bhale,,Bo,Hale,,,,,,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    info course_without_class courses.csv: 1 courses have no class. Check whether classes are missing from the export.
    warn students_without_class enrollments.csv: 1 students have no enrollment. Check whether these students are enrolled.
    info teachers_without_class enrollments.csv: 1 teachers have no enrollment. If these teachers teach here, enroll them in their classes.
    ");
}

#[test]
fn check_45_classes_without_term_or_course() {
    let outcome = Set::valid()
        .change("classes.csv", "s1,t1,English", "s1,,English")
        .change("classes.csv", "s2,t1,English", "s2,\"t9, t1\",English")
        .rows("classes.csv", "c3,,,Homeroom 4,,,,homeroom,,s1,t1,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn class_without_term classes.csv:2 termSourcedIds [class c1]: the class names no academic session. Fill in termSourcedIds.
    warn course_missing classes.csv:4 courseSourcedId [class c3]: a class has no course. Fill in courseSourcedId.
    warn optional_reference_missing classes.csv:3 termSourcedIds [academicSession t9]: `t9` is named by 1 class and is not in academicSessions.csv. Export the missing record, or correct the reference.
    ");
    let terms: Vec<String> =
        outcome.class("c2").details.terms.iter().map(|id| id.as_str().to_owned()).collect();
    assert_eq!(terms, ["t9", "t1"], "the unknown one too, for a class that has one is not over");
    assert!(outcome.class("c3").details.course.is_none());
}

#[test]
fn check_46_dates_of_sessions() {
    let outcome = Set::valid()
        .rows("academicSessions.csv", "t2,,,Backwards,term,2027-03-01,2027-02-01,,2027")
        .rows("academicSessions.csv", "t3,,,Outside,term,2027-06-01,2027-08-15,y27,2027")
        .rows("academicSessions.csv", "y30,,,Wrong year,schoolYear,2026-08-01,2027-07-01,,2030")
        .rows("academicSessions.csv", "t4,,,No year,term,2026-08-01,2027-07-01,y27,26-27")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn session_dates academicSessions.csv:4 endDate [academicSession t2]: the session ends before it begins, or on the same day (endDate is the day after the last day). Correct the dates and the schoolYear of the session.
    warn year_format academicSessions.csv:7 schoolYear [academicSession t4]: schoolYear is `26-27`, not a year. Write the year in which the school year ends, for example 2027.
    warn session_dates academicSessions.csv:5 parentSourcedId [academicSession t3]: the session is outside the dates of its parent. Correct the dates and the schoolYear of the session.
    warn session_dates academicSessions.csv:6 schoolYear [academicSession y30]: schoolYear is not the year in which the school year ends. Correct the dates and the schoolYear of the session.
    ");
    // The mirror keeps the dates that it has: classes of t2 must not end because of it (R-H3).
    assert_eq!(outcome.ids(RecordKind::Term).len(), 5);
    let kept = r#"{"gap":"record","kind":"term","id":"t2"}"#;
    assert_eq!(outcome.unreadable(), kept);
}

#[test]
fn check_47_dates_of_enrollments() {
    let outcome = Set::valid()
        .change(
            "enrollments.csv",
            "e2,,,c1,s1,st1,student,false,2026-08-20,",
            "e2,,,c1,s1,st1,student,false,2026-07-20,",
        )
        .change(
            "enrollments.csv",
            "e4,,,c2,s2,st2,student,,,",
            "e4,,,c2,s2,st2,student,,2026-10-01,2026-09-01",
        )
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn enrollment_dates enrollments.csv:3 beginDate [enrollment e2]: the enrollment is outside the dates of its class's sessions. Correct the dates of the enrollment.
    warn enrollment_dates enrollments.csv:5 endDate [enrollment e4]: the enrollment ends before it begins. Correct the dates of the enrollment.
    ");
    assert_eq!(outcome.class("c2").students.len(), 1, "the enrollment stays, with its dates");
}

#[test]
fn check_49_the_current_enrollment_is_used() {
    let outcome = Set::valid()
        .change("enrollments.csv", "e2,,,c1,s1,st1,student,false,2026-08-20,", "e2,,,c1,s1,st1,student,,2026-08-02,2026-09-01\ne2b,,,c1,s1,st1,student,,2026-09-15,\ne2c,,,c1,s1,st1,student,,2026-12-01,")
        .rows("enrollments.csv", "e5,,,c1,s1,te1,teacher,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn enrollment_merged enrollments.csv:4 [class c1]: the person has 3 enrollments with the same role in the class; this one was used. End the other enrollments, or leave them out.
    warn enrollment_merged enrollments.csv:2 [class c1]: the person has 2 enrollments with the same role in the class; this one was used. End the other enrollments, or leave them out.
    ");
    let class = outcome.class("c1");
    assert_eq!(class.students.len(), 1);
    assert_eq!(class.students[0].begin, Some(jiff::civil::date(2026, 9, 15)));
    assert!(class.teachers.len() == 1 && class.teachers[0].primary);
    assert_eq!(outcome.student("st1").classes.len(), 1);
}

#[test]
fn check_49_enrollments_that_do_not_overlap_are_no_fault() {
    let two = |first: &str, second: &str| {
        Set::valid()
            .change(
                "enrollments.csv",
                "e4,,,c2,s2,st2,student,,,",
                &format!("e4,,,c2,s2,st2,student,,{first}"),
            )
            .rows("enrollments.csv", &format!("e5,,,c2,s2,st2,student,,{second}"))
            .import()
    };
    // Two half-years, the second from the day on which the first ends.
    let outcome = two("2026-08-02,2026-11-01", "2026-11-01,2027-01-15");
    assert_eq!((outcome.found().as_str(), outcome.class("c2").students.len()), ("", 1));
    assert_eq!(outcome.class("c2").students[0].end, Some(jiff::civil::date(2026, 11, 1)));
    for (first, second) in [
        ("2026-08-02,2026-11-02", "2026-11-01,"),
        (",", "2026-11-01,"),
        (",2026-11-02", ",2026-10-01"),
    ] {
        assert_eq!(two(first, second).codes(), ["enrollment_merged"], "{first} {second}");
    }
}

#[test]
fn a_class_can_have_thirty_thousand_students() {
    let mut set = Set::valid();
    let (mut users, mut rows) = (String::new(), String::new());
    for n in 0..30_000 {
        users += &format!("m{n},,,true,s1,student,m{n},,Given{n},Family{n},,,,,,,,\n");
        rows += &format!("em{n},,,c1,s1,m{n},student,,,\n");
    }
    set = set.rows("users.csv", users.trim_end()).rows("enrollments.csv", rows.trim_end());
    let outcome = set.import();
    assert_eq!(outcome.found(), "");
    let class = outcome.class("c1");
    assert_eq!(class.students.len(), 30_001);
    assert!(class.students.is_sorted_by(|a, b| a.id < b.id));
}
