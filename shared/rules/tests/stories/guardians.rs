//! R-G: guardians.

use insta::assert_snapshot;
use serde_json::json;

use crate::world::world;

#[test]
fn r_g1_a_guardian_is_admitted_with_a_unique_contact() {
    let mut w = world("family-directory", json!({}));
    assert_snapshot!(w.night("
        student s1 guardians=g1,g2,g3,g4
        guardian g1 name=Ann email=home@x phone=+15550001
        guardian g2 name=Bob email=home@x
        guardian g3 name=Cleo
        guardian g4 name=Dan phone=+15550001 email=dan@x"), @r"
    + student s1 schools=sch guardians=g4 [R-S2 the source shares this student]
    + guardian g4 email=dan@x phone=+15550001 schools=sch children=s1 [R-G1 in the source with a unique contact]
    ! student_no_email student s1
    ! guardian_waits_for_contact guardian g2
    ! guardian_waits_for_contact guardian g3
    ! guardian_waits_for_contact guardian g1
    ");
    assert_snapshot!(w.night("
        student s1 guardians=g1,g2,g3,g4
        guardian g1 name=Ann email=home@x phone=+15550009
        guardian g2 name=Bob email=bob@x
        guardian g3 name=Cleo sms=+15550003
        guardian g4 name=Dan phone=+15550001 email=dan@x"), @r"
    ~ student s1 guardians=g1,g2,g3,g4 [R-G3 guardians +3]
    + guardian g2 email=bob@x schools=sch children=s1 [R-G1 in the source with a unique contact]
    + guardian g3 schools=sch children=s1 [R-G1 in the source with a unique contact]
    + guardian g1 email=home@x phone=+15550009 schools=sch children=s1 [R-G1 in the source with a unique contact]
    ! student_no_email student s1
    ");
}

#[test]
fn r_g1_an_admitted_guardian_who_loses_the_contact_stays() {
    let mut w = world("family-directory", json!({}))
        .after("student s1 guardians=g1\nguardian g1 name=Ann email=a@x");
    assert_snapshot!(w.night("
        student s1 guardians=g1,g2
        guardian g1 name=Ann email=a@x
        guardian g2 name=Bob email=a@x"), @r"
    ! student_no_email student s1
    ! guardian_waits_for_contact guardian g2
    ! guardian_lost_contact guardian g1
    ");
}

#[test]
fn r_g1_contacts_of_unreadable_guardians_still_count_as_taken() {
    let mut w = world("family-directory", json!({}))
        .after("student s1 guardians=g1\nguardian g1 name=Ann email=a@x");
    assert_snapshot!(w.night("
        student s1 guardians=g2
        unreadable guardian g1
        guardian g2 name=Bob email=a@x"), @r"
    ! student_no_email student s1
    ! guardian_waits_for_contact guardian g2
    ");
}

#[test]
fn r_g1_no_guardian_is_admitted_with_the_setting_none() {
    let mut w = world("sis", json!({ "admit_students": "shared" }));
    assert_snapshot!(w.night("student s1 email=s@x guardians=g1\nguardian g1 email=a@x"), @"+ student s1 email=s@x schools=sch [R-S2 the source shares this student]");
}

#[test]
fn r_g2_the_same_name_and_contact_under_several_ids_is_one_guardian() {
    let mut w = world("family-directory", json!({}));
    assert_snapshot!(w.night("
        student s1 guardians=g1
        student s2 guardians=g2
        student s3 guardians=g3
        guardian g2 name=ann_LEE phone=+15550002 email=ann@x
        guardian g1 name=Ann__Lee email=ann@x
        guardian g3 name=Ann_Lee phone=+15550002"), @r"
    + student s1 schools=sch guardians=g1 [R-S2 the source shares this student]
    + student s3 schools=sch guardians=g1 [R-S2 the source shares this student]
    + student s2 schools=sch guardians=g1 [R-S2 the source shares this student]
    + link guardian g2 key=g1 [R-G2 this source id belongs to this account]
    + link guardian g3 key=g1 [R-G2 this source id belongs to this account]
    + guardian g1 email=ann@x phone=+15550002 schools=sch children=s1,s2,s3 also=g2,g3 [R-G1 in the source with a unique contact; R-G2 one guardian with 3 ids]
    ! student_no_email student s1
    ! student_no_email student s3
    ! student_no_email student s2
    ! guardians_merged guardian g1
    ");
}

#[test]
fn r_g2_two_guardians_are_merged_and_separated_again() {
    let two = "
        student s1 guardians=g1
        student s2 guardians=g2
        guardian g1 name=Ann email=1@x
        guardian g2 name=Ann email=2@x";
    let mut w = world("family-directory", json!({})).after(two);
    assert_snapshot!(w.night("
        student s1 guardians=g1
        student s2 guardians=g2
        guardian g1 name=Ann email=1@x
        guardian g2 name=Ann email=1@x"), @r"
    ~ student s2 guardians=g1 [R-G3 guardians +1 -1]
    + link guardian g2 key=g1 [R-G2 this source id belongs to this account]
    - guardian g2 status=archived children=- [R-G2 the same guardian with another id; R-G3 children -1]
    ~ guardian g1 children=s1,s2 also=g2 [R-G3 children +1; R-G2 additional ids +1]
    ! student_no_email student s1
    ! student_no_email student s2
    ! guardians_merged guardian g1
    ");
    assert_snapshot!(w.night(two), @r"
    ~ student s2 guardians=g2 [R-G3 guardians +1 -1]
    - link guardian g2 [R-G2 this source id has its own account again]
    ^ guardian g2 status=- children=s2 [R-A4 the source has this guardian again; R-G3 children +1]
    ~ guardian g1 children=s1 also=- [R-G3 children -1; R-G2 additional ids -1]
    ! student_no_email student s1
    ! student_no_email student s2
    ");
}

#[test]
fn r_g2_the_account_stays_when_its_original_id_is_gone() {
    let mut w = world("family-directory", json!({})).after(
        "
        student s1 guardians=g1
        student s2 guardians=g2
        guardian g1 name=Ann email=a@x
        guardian g2 name=Ann email=a@x",
    );
    assert_snapshot!(w.night("
        student s1
        student s2 guardians=g2
        guardian g2 name=Ann email=a@x"), @r"
    ~ student s1 guardians=- [R-G3 guardians -1]
    ~ guardian g1 id=g2 children=s2 also=- [R-I2 source id; R-G3 children -1; R-G2 additional ids -1]
    ! student_no_email student s1
    ! student_no_email student s2
    ");
}

#[test]
fn r_g3_a_relationship_waits_for_both_people() {
    let mut w = world("family-directory", json!({ "admit_students": "email" }));
    assert_snapshot!(w.night("
        student s1 guardians=g1
        student s2 email=s2@x guardians=g1,g2
        guardian g1 name=Ann email=a@x
        guardian g2 name=Bob"), @r"
    + student s2 email=s2@x schools=sch guardians=g1 [R-S1 in the source with an e-mail address]
    + guardian g1 email=a@x schools=sch children=s2 [R-G1 in the source with a unique contact]
    ! student_waits_for_email student s1
    ! guardian_waits_for_contact guardian g2
    ");
    assert_snapshot!(w.night("
        student s1 email=s1@x guardians=g1
        student s2 email=s2@x guardians=g1,g2
        guardian g1 name=Ann email=a@x
        guardian g2 name=Bob email=b@x"), @r"
    + student s1 email=s1@x schools=sch guardians=g1 [R-S1 in the source with an e-mail address]
    ~ student s2 guardians=g1,g2 [R-G3 guardians +1]
    + guardian g2 email=b@x schools=sch children=s2 [R-G1 in the source with a unique contact]
    ~ guardian g1 children=s1,s2 [R-G3 children +1]
    ");
}

#[test]
fn r_g1_the_contact_of_a_guardian_whose_row_is_unreadable_counts_as_taken() {
    let mut w = world("family-directory", json!({}));
    assert_snapshot!(w.night("
        student s1 email=s1@x
        guardian g1 email=a@x children=s1
        unreadable guardian g2 contacts=a@x"), @r"
    + student s1 email=s1@x schools=sch [R-S2 the source shares this student]
    ! guardian_waits_for_contact guardian g1
    ");
}
