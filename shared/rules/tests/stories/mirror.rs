//! R-M: the mirror.

use insta::assert_snapshot;
use roster::records::{AnyMirrored, RecordKind, kinds};
use roster::run::{RunState, Step};
use serde_json::json;

use crate::world::{parse, world};

const CLASS: &str = "
    class c1 teachers=t1* students=s1
    teacher t1
    student s1 email=a@x";

#[test]
fn r_m1_records_are_added_changed_and_archived_like_in_the_source() {
    let mut w = world("sis", json!({}));
    assert_snapshot!(w.night(CLASS), @r"
    + teacher t1 classes=c1 [R-T1 the source has this teacher]
    + student s1 email=a@x schools=sch classes=c1 [R-S1 in the source with an e-mail address and an active class]
    + class c1 title=c1 teachers=t1 students=s1 [R-C1 the source has this class]
    ");
    assert_snapshot!(w.night("
        class c1 title=Reading teachers=t1* students=s2
        teacher t1 name=Ann
        student s2 email=b@x"), @r"
    ~ teacher t1 [R-M1 given name]
    - student s1 status=archived classes=- [R-A1 no longer in the source; R-A2 classes -1]
    + student s2 email=b@x schools=sch classes=c1 [R-S1 in the source with an e-mail address and an active class]
    ~ class c1 title=Reading students=s2 [R-M1 title; R-M1 students +1 -1]
    ");
}

#[test]
fn r_m1_the_same_snapshot_again_changes_nothing() {
    let mut w = world("sis", json!({})).after(CLASS);
    assert_snapshot!(w.night(CLASS), @"nothing");
}

#[test]
fn r_m1_plans_do_not_depend_on_file_order_and_are_deterministic() {
    let w = world("sis", json!({})).after(CLASS);
    let tonight = parse::snapshot(
        "
        student s9 email=z@x
        class c1 teachers=t1*,t2 students=s9
        teacher t2
        teacher t1",
    );
    let (a, b) = (w.plan(&tonight), w.plan(&tonight));
    assert_eq!(
        serde_json::to_string(&a.changes).unwrap(),
        serde_json::to_string(&b.changes).unwrap()
    );
    assert_eq!(a.findings, b.findings);
}

#[test]
fn r_m3_four_classes_called_reading_stay_four_classes_called_reading() {
    let mut w = world("clever", json!({}));
    assert_snapshot!(w.night("
        class c1 title=Reading teachers=t1* students=s1
        class c2 title=Reading teachers=t1* students=s1
        class c3 title=Reading teachers=t1* students=s1
        class c4 title=Reading teachers=t2* students=s1
        teacher t1
        teacher t2
        student s1 email=a@x"), @r"
    + teacher t1 classes=c1,c2,c3 [R-T1 the source has this teacher]
    + teacher t2 classes=c4 [R-T1 the source has this teacher]
    + student s1 email=a@x schools=sch classes=c1,c2,c3,c4 [R-S2 the source shares this student]
    + class c3 title=Reading teachers=t1 students=s1 [R-C1 the source has this class]
    + class c2 title=Reading teachers=t1 students=s1 [R-C1 the source has this class]
    + class c4 title=Reading teachers=t2 students=s1 [R-C1 the source has this class]
    + class c1 title=Reading teachers=t1 students=s1 [R-C1 the source has this class]
    ! class_same_name class c2
    ! class_same_name class c1
    ");
}

const BOSS: &str = "boss-account";

#[test]
fn r_m5_a_teacher_with_an_administrators_email_has_an_account_of_their_own() {
    let mut w = world("sis", json!({})).with_administrator("boss@x", BOSS);
    assert_snapshot!(w.night("teacher t1 email=boss@x"), @r"
    + teacher t1 shared=yes [R-T1 the source has this teacher]
    ! administrator_email teacher t1
    ");
    assert_eq!(w.teachers_with(BOSS), [""; 0]);
    // One night with the administrator's address, and back: the attack of a clerk.
    assert_snapshot!(w.night("teacher t1 email=other@x"), @"~ teacher t1 shared=- [R-M1 e-mail; R-I5 shared e-mail]");
    assert_snapshot!(w.night("teacher t1 email=boss@x"), @r"
    ~ teacher t1 shared=yes [R-M1 e-mail; R-I5 shared e-mail]
    ! administrator_email teacher t1
    ");
    assert_eq!(w.teachers_with(BOSS), [""; 0]);
}

#[test]
fn r_m5_two_teachers_with_an_administrators_email_have_their_own_accounts() {
    let mut w = world("sis", json!({})).with_administrator("boss@x", BOSS);
    assert_snapshot!(w.night("
        teacher t1 email=boss@x
        teacher t2 email=boss@x"), @r"
    + teacher t1 shared=yes [R-T1 the source has this teacher]
    + teacher t2 shared=yes [R-T1 the source has this teacher]
    ! administrator_email teacher t1
    ! administrator_email teacher t2
    ! email_shared teacher t1
    ! email_shared teacher t2
    ");
}

#[test]
fn r_m5_support_links_a_teacher_to_an_administrator_and_undoes_it() {
    let teacher = "teacher t1 name=Kim/Boss email=boss@x";
    let mut w = world("sis", json!({})).with_administrator("boss@x", BOSS).after(teacher);
    w = w.with_administrator_link("t1", "t1", BOSS);
    assert_snapshot!(w.night(teacher), @r"
    ~ teacher t1 shared=- administrator=yes [R-I5 shared e-mail; R-M5 support linked the teacher to an administrator]
    ! teacher_is_administrator teacher t1
    ");
    assert_eq!(w.teachers_with(BOSS), ["t1"]);
    assert_snapshot!(w.night(teacher), @"! teacher_is_administrator teacher t1");
    // A new address in the source does not change the account, nor does an unreadable row.
    assert_snapshot!(w.night("teacher t1 name=Kim/Boss email=new@x"), @r"
    ~ teacher t1 [R-M1 e-mail]
    ! teacher_is_administrator teacher t1
    ");
    assert_snapshot!(w.night("unreadable teacher t1"), @"! teacher_is_administrator teacher t1");
    // A new id with the same name and address does not get the account (R-I2).
    w.run(&parse::snapshot(teacher));
    assert_snapshot!(w.night("teacher t9 name=Kim/Boss email=boss@x"), @r"
    + teacher t9 shared=yes [R-T1 the source has this teacher]
    - teacher t1 status=archived [R-A5 no longer in the source]
    ! administrator_email teacher t9
    ");
    assert_eq!(w.teachers_with(BOSS), ["t1"]);
    // Without the link, the teacher has the former account again.
    w.mirror.links.clear();
    assert_snapshot!(w.night(teacher), @r"
    - teacher t9 status=archived shared=- [R-A5 no longer in the source]
    ^ teacher t1 status=- shared=yes administrator=- [R-A4 the source has this teacher again; R-I5 shared e-mail; R-M5 no link by support to an administrator]
    ! administrator_separated teacher t1
    ! administrator_email teacher t1
    ");
    assert_eq!(w.teachers_with(BOSS), [""; 0]);
    assert_snapshot!(w.night(teacher), @"! administrator_email teacher t1");
}

#[test]
fn r_m5_a_teacher_who_had_an_administrators_account_without_a_link_gets_one_of_their_own() {
    // Earlier runs gave such a teacher the administrator's account.
    let taken_over = |text: &str| {
        let w = world("sis", json!({})).with_administrator("boss@x", BOSS);
        let mut w = w.after("teacher t1 email=boss@x").after(text);
        for record in w.mirror.records.values_mut() {
            if let AnyMirrored::Teacher(item) = record {
                (item.account, item.state.administrator) = (Some(BOSS.into()), true);
            }
        }
        w
    };
    let mut active = taken_over("teacher t1 email=boss@x");
    let mut unreadable = active.clone();
    assert_snapshot!(active.night("teacher t1 email=other@x"), @r"
    ~ teacher t1 shared=- administrator=- [R-M1 e-mail; R-I5 shared e-mail; R-M5 no link by support to an administrator]
    ! administrator_separated teacher t1
    ");
    assert_snapshot!(unreadable.night("unreadable teacher t1"), @r"
    ~ teacher t1 administrator=- [R-M5 no link by support to an administrator]
    ! administrator_separated teacher t1
    ! administrator_email teacher t1
    ");
    let mut archived = taken_over("school s2");
    assert_snapshot!(archived.night("school s2"), @r"
    ~ teacher t1 administrator=- [R-M5 no link by support to an administrator]
    ! administrator_separated teacher t1
    ");
    for w in [active, unreadable, archived] {
        assert_eq!(w.teachers_with(BOSS), [""; 0]);
    }
    // A link that support made before lets the teacher keep it.
    let mut linked =
        taken_over("teacher t1 email=boss@x").with_administrator_link("t1", "t1", BOSS);
    assert_snapshot!(linked.night("teacher t1 email=boss@x"), @r"
    ~ teacher t1 shared=- [R-I5 shared e-mail]
    ! teacher_is_administrator teacher t1
    ");
}

#[test]
fn r_m5_archiving_a_teacher_does_not_change_the_administrator() {
    let mut w = world("sis", json!({}))
        .with_administrator("boss@x", BOSS)
        .with_administrator_link("t1", "t1", BOSS)
        .after("teacher t1 email=boss@x");
    assert_snapshot!(w.night("teacher t2"), @r"
    - teacher t1 status=archived [R-A5 no longer in the source]
    + teacher t2 [R-T1 the source has this teacher]
    ");
    assert_eq!(w.administrators.len(), 1);
    assert_eq!(w.teachers_with(BOSS), ["t1"]);
}

#[test]
fn r_m5_an_administrators_account_has_one_teacher_and_none_by_an_unknown_account() {
    let mut w = world("sis", json!({}))
        .with_administrator("boss@x", BOSS)
        .with_administrator_link("t2", "t2", BOSS)
        .with_administrator_link("t1", "t1", BOSS)
        .with_administrator_link("t3", "t3", "nobody");
    w.night("teacher t1\nteacher t2\nteacher t3");
    assert_eq!(w.teachers_with(BOSS), ["t1"]);
    assert_eq!(w.teachers_with("nobody"), [""; 0]);
    // An administrator was created with the account that was derived for a teacher.
    let own = w.mirror.of::<kinds::Teachers>()[0].account.clone().unwrap();
    let mut w = w.with_administrator("head@x", own.as_str());
    w.night("teacher t1\nteacher t2\nteacher t3");
    assert_eq!(w.teachers_with(own.as_str()), [""; 0]);
}

#[test]
fn r_m6_a_newer_snapshot_replaces_a_run_only_before_it_writes() {
    for state in [RunState::Importing, RunState::Staged, RunState::Planning, RunState::Held] {
        assert_eq!(state.after(Step::Replace), Ok(RunState::Replaced));
    }
    assert!(RunState::Applying.after(Step::Replace).is_err());
    assert!(RunState::Replaced.after(Step::Plan).is_err());
}

#[test]
fn r_m7_demographics_are_not_stored_under_ignore() {
    let text = "student s1 email=a@x grade=5 race=white birth=2016-01-01";
    let mut w = world("clever", json!({})).after(text);
    assert_snapshot!(w.show(RecordKind::Student, "s1"), @"email=a@x schools=sch demographics=yes");
    // After the change of the policy all demographics are removed, also of archived students and
    // of those with an unreadable record.
    w.run(&parse::snapshot("student s2 grade=6\nstudent s3 grade=6\nteacher t1"));
    w.policy = world("family-directory", json!({})).policy;
    assert_snapshot!(w.night("student s2 grade=6\nunreadable student s3\nteacher t1"), @r"
    ~ student s1 demographics=- [R-M7 demographics]
    ~ student s3 demographics=- [R-M7 demographics]
    ~ student s2 demographics=- [R-M7 demographics]
    ! student_no_email student s2
    ");
    assert_snapshot!(w.night("student s2 grade=6\nunreadable student s3\nteacher t1"), @"! student_no_email student s2");
}

#[test]
fn r_m8_groups_hold_the_active_students_of_each_value() {
    let mut w = world("clever", json!({}))
        .after("student s1 grade=5 race=white,asian ell=Y\nstudent s2 grade=5 hispanic=true\nstudent s3 grade=5");
    let planned = w.run(&parse::snapshot(
        "student s1 grade=5 race=white,asian ell=Y gender=female frl=free iep=N\nstudent s2 grade=6 birth=2015-02-03",
    ));
    let mut members: Vec<String> = planned
        .members
        .iter()
        .map(|(field, value, who)| format!("{field}={value}: {who}"))
        .collect();
    members.sort();
    assert_snapshot!(members.join("\n"), @r"
    birth_date=2015-02-03: s2
    ell=Y: s1
    frl=free: s1
    gender=female: s1
    grade=5: s1
    grade=6: s2
    iep=N: s1
    race=asian: s1
    race=white: s1
    ");
    w.policy = world("family-directory", json!({})).policy;
    assert!(w.run(&parse::snapshot("student s1 grade=5")).members.is_empty());
}
