//! R-M: the mirror.

use insta::assert_snapshot;
use roster::records::RecordKind;
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

#[test]
fn r_m5_a_teacher_with_an_administrators_email_shares_the_account() {
    let mut w = world("sis", json!({})).with_administrator("boss@x", "boss-account");
    assert_snapshot!(w.night("teacher t1 email=boss@x"), @r"
    + teacher t1 administrator=yes [R-T1 the source has this teacher; R-M5 the account is the administrator's]
    ! teacher_is_administrator teacher t1
    ");
    let account = |w: &crate::world::World| {
        w.mirror.of::<roster::records::kinds::Teachers>()[0]
            .account
            .as_ref()
            .unwrap()
            .as_str()
            .to_owned()
    };
    assert_eq!(account(&w), "boss-account");
    // The account stays the same when the source changes the address (R-I1).
    assert_snapshot!(w.night("teacher t1 email=other@x"), @r"
    ~ teacher t1 [R-M1 e-mail]
    ! teacher_is_administrator teacher t1
    ");
    assert_eq!(account(&w), "boss-account");
}

#[test]
fn r_m5_archiving_a_teacher_does_not_change_the_administrator() {
    let mut w = world("sis", json!({}))
        .with_administrator("boss@x", "boss-account")
        .after("teacher t1 email=boss@x");
    assert_snapshot!(w.night("teacher t2"), @r"
    - teacher t1 status=archived [R-A5 no longer in the source]
    + teacher t2 [R-T1 the source has this teacher]
    ");
    assert_eq!(w.administrators.len(), 1);
}

#[test]
fn r_m5_two_teachers_with_an_administrators_email_have_their_own_accounts() {
    let mut w = world("sis", json!({})).with_administrator("boss@x", "boss-account");
    assert_snapshot!(w.night("
        teacher t1 email=boss@x
        teacher t2 email=boss@x"), @r"
    + teacher t1 shared=yes [R-T1 the source has this teacher]
    + teacher t2 shared=yes [R-T1 the source has this teacher]
    ! email_shared teacher t1
    ! email_shared teacher t2
    ");
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
