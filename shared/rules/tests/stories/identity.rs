//! R-I: identity.

use insta::assert_snapshot;
use roster::records::{RecordKind, kinds};
use serde_json::json;

use crate::world::{World, world};

fn district() -> World {
    world("clever", json!({}))
}

#[test]
fn r_i1_an_account_never_changes_and_its_key_is_never_reused() {
    let mut w = district().after("student s1 number=7");
    let account = w.mirror.of::<kinds::Students>()[0].account.clone();
    assert_snapshot!(w.night("student s2 number=7"), @r"
    + link student s2 key=s1 [R-I2 this source id belongs to this account]
    ~ student s1 id=s2 [R-I2 source id; R-M1 given name]
    ! identity_relinked student s2
    ! student_no_email student s2
    ");
    assert_eq!(w.mirror.of::<kinds::Students>()[0].account, account);
    // The source gives the old id to another person.
    assert_snapshot!(w.night("
        class c1 students=s1,s2
        student s2 number=7
        student s1 number=9"), @r"
    + link student s1 key=s1~r3 [R-I1 this source id belongs to this account]
    + student s1~r3 id=s1 schools=sch classes=c1 [R-S2 the source shares this student]
    ~ student s1 classes=c1 [R-M1 classes +1]
    + class c1 title=c1 students=s1,s1~r3 inactive=NoTeacher [R-C1 the source has this class]
    ! student_no_email student s1
    ! student_no_email student s2
    ! class_no_teacher class c1
    ");
    let accounts: std::collections::BTreeSet<_> =
        w.mirror.of::<kinds::Students>().into_iter().map(|s| s.account).collect();
    assert_eq!(accounts.len(), 2);
    assert_snapshot!(w.night("
        class c1 students=s1,s2
        student s2 number=7
        student s1 number=9"), @r"
    ! student_no_email student s1
    ! student_no_email student s2
    ! class_no_teacher class c1
    ");
}

#[test]
fn r_i2_a_student_with_a_new_id_and_the_same_number_keeps_the_account() {
    let mut w = district()
        .after("class c1 teachers=t1* students=old\nteacher t1\nstudent old number=7 email=a@x");
    assert_snapshot!(w.night("class c1 teachers=t1* students=new\nteacher t1\nstudent new number=7 email=b@x"), @r"
    + link student new key=old [R-I2 this source id belongs to this account]
    ~ student old id=new email=b@x [R-I2 source id; R-M1 given name, e-mail]
    ! identity_relinked student new
    ");
}

#[test]
fn r_i2_without_numbers_the_same_email_and_name_are_the_same_person() {
    let mut w = district()
        .after("teacher old name=Ann/Lee email=a@x\nstudent s-old name=Bo email=b@x number=1");
    assert_snapshot!(w.night("teacher new name=ANN/_lee email=a@x\nstudent s-new name=bo email=b@x"), @r"
    + link teacher new key=old [R-I2 this source id belongs to this account]
    ~ teacher old id=new [R-I2 source id; R-M1 given name, family name]
    + link student s-new key=s-old [R-I2 this source id belongs to this account]
    ~ student s-old id=s-new [R-I2 source id; R-M1 given name, number]
    ! identity_relinked teacher new
    ! identity_relinked student s-new
    ");
}

#[test]
fn r_i2_different_numbers_forbid_a_link_by_email_and_name() {
    let mut w = district()
        .after("student s1 name=Bo email=b@x number=1\nstudent s2 name=Cy email=c@x state=1");
    assert_snapshot!(w.night("student s3 name=Bo email=b@x number=2\nstudent s4 name=Cy email=c@x state=2"), @r"
    + student s4 email=c@x schools=sch [R-S2 the source shares this student]
    - student s1 status=archived [R-A1 no longer in the source]
    + student s3 email=b@x schools=sch [R-S2 the source shares this student]
    - student s2 status=archived [R-A1 no longer in the source]
    ");
}

#[test]
fn r_i2_two_people_in_the_source_are_never_linked() {
    let mut w = district().after("student s1 number=7 name=Bo email=b@x");
    assert_snapshot!(w.night("student s1 number=7 name=Bo email=b@x\nstudent s2 number=7 name=Bo email=b@x"), @r"
    ~ student s1 shared=yes [R-I5 shared e-mail]
    + student s2 email=b@x schools=sch shared=yes [R-S2 the source shares this student]
    ! email_shared student s1
    ! email_shared student s2
    ");
}

#[test]
fn r_i2_ambiguous_matches_are_not_linked() {
    let mut w = district().after("student s1 number=7\nstudent s2 number=7");
    assert_snapshot!(w.night("student s3 number=7"), @r"
    - student s1 status=archived [R-A1 no longer in the source]
    + student s3 schools=sch [R-S2 the source shares this student]
    - student s2 status=archived [R-A1 no longer in the source]
    ! identity_ambiguous student s3
    ! student_no_email student s3
    ");
    let mut w = district().after("student s1 number=7");
    assert_snapshot!(w.night("student s2 number=7\nstudent s3 number=7"), @r"
    - student s1 status=archived [R-A1 no longer in the source]
    + student s3 schools=sch [R-S2 the source shares this student]
    + student s2 schools=sch [R-S2 the source shares this student]
    ! identity_ambiguous student s2
    ! identity_ambiguous student s3
    ! student_no_email student s3
    ! student_no_email student s2
    ");
}

#[test]
fn r_i2_a_person_archived_earlier_is_relinked() {
    let mut w = district().after("student s1 number=7\nstudent s9");
    w.night("student s9");
    assert_snapshot!(w.night("student s2 number=7\nstudent s9"), @r"
    + link student s2 key=s1 [R-I2 this source id belongs to this account]
    ^ student s1 id=s2 status=- [R-A4 the source has this student again; R-I2 source id; R-M1 given name]
    ! identity_relinked student s2
    ! student_no_email student s2
    ! student_no_email student s9
    ");
}

#[test]
fn r_i2_an_unreadable_record_does_not_count_as_gone() {
    let mut w = district().after("student s1 number=7");
    assert_snapshot!(w.night("unreadable student s1\nstudent s2 number=7"), @r"
    + student s2 schools=sch [R-S2 the source shares this student]
    ! student_no_email student s2
    ");
}

#[test]
fn r_i2_no_record_is_linked_with_the_setting_off() {
    let mut w = world("clever", json!({ "relink_identities": "off" })).after("student s1 number=7");
    assert_snapshot!(w.night("student s2 number=7"), @r"
    - student s1 status=archived [R-A1 no longer in the source]
    + student s2 schools=sch [R-S2 the source shares this student]
    ! student_no_email student s2
    ");
}

#[test]
fn r_i3_a_link_made_by_support_holds() {
    let mut w = district().after("student s1 name=Bo").with_link(RecordKind::Student, "s2", "s1");
    assert_snapshot!(w.night("student s2 name=Cy"), @r"
    ~ student s1 id=s2 [R-I2 source id; R-M1 given name]
    ! student_no_email student s2
    ");
}

#[test]
fn r_i5_an_email_of_two_people_is_marked_as_shared() {
    let mut w = world("family-directory", json!({})).with_administrator("boss@x", "boss");
    assert_snapshot!(w.night("
        student s1 email=a@x guardians=g1
        student s2 email=boss@x
        teacher t1 email=a@x
        guardian g1 name=Ann email=a@x phone=+15550001"), @r"
    + teacher t1 shared=yes [R-T1 the source has this teacher]
    + student s1 email=a@x schools=sch guardians=g1 shared=yes [R-S2 the source shares this student]
    + student s2 email=boss@x schools=sch shared=yes [R-S2 the source shares this student]
    + guardian g1 email=a@x phone=+15550001 schools=sch children=s1 shared=yes [R-G1 in the source with a unique contact]
    ! email_shared teacher t1
    ! email_shared student s1
    ! email_shared guardian g1
    ! email_shared student s2
    ");
    assert_snapshot!(w.night("
        student s1 email=new@x guardians=g1
        student s2 email=boss@x
        teacher t1 email=t@x
        guardian g1 name=Ann email=a@x phone=+15550001"), @r"
    ~ teacher t1 shared=- [R-M1 e-mail; R-I5 shared e-mail]
    ~ student s1 email=new@x shared=- [R-M1 e-mail; R-I5 shared e-mail]
    ~ guardian g1 shared=- [R-I5 shared e-mail]
    ! email_shared student s2
    ");
}

#[test]
fn r_i5_a_person_who_is_student_and_teacher_has_both_accounts() {
    let mut w = world("clever", json!({}));
    assert_snapshot!(w.night("student p1 email=p@x\nteacher p1 email=p@x"), @r"
    + teacher p1 shared=yes [R-T1 the source has this teacher]
    + student p1 email=p@x schools=sch shared=yes [R-S2 the source shares this student]
    ! email_shared teacher p1
    ! email_shared student p1
    ");
    assert_ne!(
        w.mirror.of::<kinds::Students>()[0].account,
        w.mirror.of::<kinds::Teachers>()[0].account
    );
}
