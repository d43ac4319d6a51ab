//! Local edits: which of them a run keeps, and which it erases.

use insta::assert_snapshot;
use roster::edit::Edit;
use roster::personal::Personal;
use roster::records::RecordKind;
use roster::withheld::Withheld;
use serde_json::{Value, json};

use crate::world::{World, world};

const NIGHT: &str = "
    class c1 teachers=t1* students=s1
    class c2 teachers=t1*,t2 students=s2
    teacher t1
    teacher t2
    teacher t3
    student s1 email=s1@x
    student s2 email=s2@x
    student s3 email=s3@x guardians=g3
    guardian g3 name=Ann email=ann@x";

/// A district after a run. `out` is a co-teacher who is unknown to the source, `practice` a manual
/// class.
fn district(preset: &str, overrides: Value) -> World {
    world(preset, overrides)
        .after(NIGHT)
        .with_manual("class practice teachers=t1*\nteacher out email=out@x")
}

fn student(key: &str) -> Edit {
    Edit::Member { role: RecordKind::Student, person: key.into() }
}

fn co_teacher(key: &str) -> Edit {
    Edit::Member { role: RecordKind::Teacher, person: key.into() }
}

fn name(given: &str) -> Edit {
    Edit::Name { given: Some(Personal::new(given)), family: None }
}

fn contact(email: &str) -> Edit {
    Edit::Contact { email: Some(Personal::new(email)), phone: None, sms: None }
}

fn accepted() -> Edit {
    Edit::Account { accepted: Some(jiff::Timestamp::UNIX_EPOCH), enabled: true }
}

fn custom_name(text: &str) -> Edit {
    Edit::CustomName { name: Personal::new(text) }
}

/// The plan's lines about edits and pins.
fn edits(plan: &str) -> String {
    let lines: Vec<&str> = plan
        .lines()
        .filter(|line| {
            line.contains(" edit ") || line.contains("edit_erased") || line.contains("pin_at_work")
        })
        .collect();
    if lines.is_empty() { "nothing".into() } else { lines.join("\n") }
}

#[test]
fn r_m2_a_run_erases_local_edits_of_synced_data_and_reports_them() {
    let mut w = district("sis", json!({}));
    w.edit(RecordKind::Class, "c1", student("s2"));
    w.edit(RecordKind::Class, "c1", Edit::Left { role: RecordKind::Student, person: "s1".into() });
    w.edit(RecordKind::Student, "s1", name("Zoe"));
    assert_snapshot!(w.night(NIGHT), @r"
    - edit student s1 NAME [R-S6 the name in the source is used again]
    - edit class c1 IN#student#s2 [R-S4 the source does not list the student in the class]
    - edit class c1 OUT#student#s1 [R-M2 the roster in the source is used again]
    ! student_waits_for_class student s3
    ! edit_erased student s1
    ! edit_erased class c1
    ! edit_erased class c1
    ");
    // The next run has nothing to erase.
    assert_snapshot!(edits(&w.night(NIGHT)), @"nothing");
}

#[test]
fn r_m4_a_custom_name_is_kept_and_the_sources_name_is_mirrored() {
    let mut w =
        district("sis", json!({})).with_edit(RecordKind::Class, "c1", custom_name("Room 7"));
    let renamed = NIGHT.replace("class c1", "class c1 title=Algebra_2");
    assert_snapshot!(w.night(&renamed), @r"
    ~ class c1 title=Algebra 2 [R-M1 title]
    ! student_waits_for_class student s3
    ");
    // The class is archived and returns: it still has its custom name.
    w.night("teacher t1");
    assert_snapshot!(edits(&w.night(NIGHT)), @"nothing");
    assert_eq!(w.mirror.edits.len(), 1);
}

#[test]
fn r_s4_a_student_added_by_hand_stays_until_the_next_run() {
    let mut w = district("clever", json!({})).with_edit(RecordKind::Class, "c1", student("s2"));
    assert_snapshot!(edits(&w.night(NIGHT)), @r"
    - edit class c1 IN#student#s2 [R-S4 the source does not list the student in the class]
    ! edit_erased class c1
    ");
}

#[test]
fn r_s4_a_student_whom_the_source_now_lists_stays_without_interruption() {
    let mut w = district("clever", json!({})).with_edit(RecordKind::Class, "c1", student("s2"));
    let listed =
        NIGHT.replace("class c1 teachers=t1* students=s1", "class c1 teachers=t1* students=s1,s2");
    assert_snapshot!(w.night(&listed), @r"
    ~ student s2 classes=c1,c2 [R-M1 classes +1]
    - edit class c1 IN#student#s2 [R-S4 the source now lists the student in the class]
    ~ class c1 students=s1,s2 [R-M1 students +1]
    ! edit_erased class c1
    ");
}

#[test]
fn r_s4_with_keep_a_student_stays_until_removed_or_gone_from_the_source() {
    let mut w =
        district("family-directory", json!({})).with_edit(RecordKind::Class, "c1", student("s2"));
    assert_snapshot!(edits(&w.night(NIGHT)), @"nothing");
    let without = NIGHT.replace("student s2 email=s2@x", "").replace("students=s2", "");
    assert_snapshot!(edits(&w.night(&without)), @r"
    - edit class c1 IN#student#s2 [R-A2 the student is no longer in the source]
    ! edit_erased class c1
    ");
}

#[test]
fn r_s6_a_run_erases_a_changed_student_name_under_always() {
    let mut w = district("sis", json!({})).with_edit(RecordKind::Student, "s1", name("Zoe"));
    assert_snapshot!(edits(&w.night(NIGHT)), @r"
    - edit student s1 NAME [R-S6 the name in the source is used again]
    ! edit_erased student s1
    ");
}

#[test]
fn r_s6_until_active_keeps_the_changed_name_of_an_active_account() {
    let mut w = district("family-directory", json!({}))
        .with_edit(RecordKind::Student, "s1", name("Zoe"))
        .with_edit(RecordKind::Student, "s1", accepted())
        .with_edit(RecordKind::Student, "s2", name("Yan"));
    assert_snapshot!(edits(&w.night(NIGHT)), @r"
    - edit student s2 NAME [R-G5 an invited user follows the source]
    ! edit_erased student s2
    ");
}

#[test]
fn r_t3_outsiders_stay_and_teachers_of_the_source_are_removed() {
    let mut w = district("ats-stars", json!({}))
        .with_edit(RecordKind::Class, "c1", co_teacher("out"))
        .with_edit(RecordKind::Class, "c1", co_teacher("t3"))
        .with_edit(RecordKind::Class, "c2", co_teacher("out"));
    assert_snapshot!(edits(&w.night(NIGHT)), @r"
    - edit class c1 IN#teacher#t3 [R-T3 the teacher is in the source: add the co-teacher there]
    ! edit_erased class c1
    ");
}

#[test]
fn r_t3_outsiders_alone_stay_only_in_classes_without_a_source_co_teacher() {
    let mut w = district("clever", json!({}))
        .with_edit(RecordKind::Class, "c1", co_teacher("out"))
        .with_edit(RecordKind::Class, "c2", co_teacher("out"))
        .with_edit(RecordKind::Class, "c2", co_teacher("t3"));
    assert_snapshot!(edits(&w.night(NIGHT)), @r"
    - edit class c2 IN#teacher#out [R-T3 the class has a co-teacher from the source]
    - edit class c2 IN#teacher#t3 [R-T3 the teacher is in the source: add the co-teacher there]
    ! edit_erased class c2
    ! edit_erased class c2
    ");
}

#[test]
fn r_t3_a_co_teacher_whom_the_source_now_lists_stays_without_interruption() {
    let mut w = district("clever", json!({})).with_edit(RecordKind::Class, "c1", co_teacher("t3"));
    let listed = NIGHT.replace("class c1 teachers=t1*", "class c1 teachers=t1*,t3");
    assert_snapshot!(w.night(&listed), @r"
    ~ teacher t3 classes=c1 [R-M1 classes +1]
    - edit class c1 IN#teacher#t3 [R-T3 the source now lists the teacher in the class]
    ~ class c1 teachers=t1,t3 [R-T2 teachers +1]
    ! edit_erased class c1
    ");
}

#[test]
fn r_t3_an_outsider_who_appears_in_the_source_keeps_the_account() {
    let mut w = district("clever", json!({})).with_edit(RecordKind::Class, "c1", co_teacher("out"));
    let listed = format!(
        "{}\nteacher t9 name=out email=out@x",
        NIGHT.replace("class c1 teachers=t1*", "class c1 teachers=t1*,t9")
    );
    assert_snapshot!(w.night(&listed), @r"
    + link teacher t9 key=out [R-I2 this source id belongs to this account]
    ~ teacher out id=t9 origin=- classes=c1 [R-I2 source id; R-M1 classes +1]
    - edit class c1 IN#teacher#out [R-T3 the source now lists the teacher in the class]
    ~ class c1 teachers=t1,out [R-T2 teachers +1]
    ! identity_relinked teacher t9
    ! edit_erased class c1
    ");
    assert_snapshot!(edits(&w.night(&listed)), @"nothing");
}

#[test]
fn r_t4_remove_erases_every_manual_co_teacher_and_keep_keeps_all() {
    for (preset, left) in [("sis", 0), ("family-directory", 2)] {
        let mut w = district(preset, json!({}))
            .with_edit(RecordKind::Class, "c1", co_teacher("out"))
            .with_edit(RecordKind::Class, "c1", co_teacher("t3"));
        w.night(NIGHT);
        assert_eq!(w.mirror.edits.len(), left, "{preset}");
    }
}

#[test]
fn r_t5_a_co_teacher_removed_from_ats_stars_and_added_here_stays() {
    let four =
        "class c1 teachers=t1*,t2,t3,t4\nteacher t1\nteacher t2\nteacher t3\nteacher t4 email=t4@x";
    let three = "class c1 teachers=t1*,t2,t3\nteacher t1\nteacher t2\nteacher t3";
    let mut w = world("ats-stars", json!({}));
    assert!(w.night(four).contains("! class_too_many_co_teachers class c1"));
    w = w.with_manual("teacher m4 email=m4@x").with_edit(RecordKind::Class, "c1", co_teacher("m4"));
    let night = w.night(three);
    assert!(!night.contains("class_too_many_co_teachers"), "{night}");
    assert_snapshot!(edits(&night), @"nothing");
}

#[test]
fn r_c2_a_manual_class_and_its_students_stay() {
    let mut w = district("sis", json!({}))
        .with_edit(RecordKind::Class, "practice", student("s1"))
        .with_edit(RecordKind::Class, "practice", co_teacher("t3"));
    assert_snapshot!(edits(&w.night(NIGHT)), @"nothing");
    // A student who leaves the district stays in the class as long as the account exists.
    assert_snapshot!(edits(&w.night(&NIGHT.replace("student s1 email=s1@x", ""))), @"nothing");
}

#[test]
fn r_c2_with_leave_an_abandoned_student_leaves_manual_classes_too() {
    let mut w = district("sis", json!({ "abandoned_in_manual_classes": "leave" })).with_edit(
        RecordKind::Class,
        "practice",
        student("s1"),
    );
    assert_snapshot!(edits(&w.night(NIGHT)), @"nothing");
    assert_snapshot!(edits(&w.night(&NIGHT.replace("student s1 email=s1@x", ""))), @r"
    - edit class practice IN#student#s1 [R-A2 the student is no longer in the source]
    ! edit_erased class practice
    ");
}

#[test]
fn r_g4_runs_keep_guardians_added_by_hand_or_joined_with_the_code() {
    let mut w = district("family-directory", json!({}))
        .with_manual("guardian aunt name=Eve email=eve@x")
        .with_edit(RecordKind::Guardian, "aunt", Edit::Child { student: "s1".into() })
        .with_edit(RecordKind::Guardian, "aunt", contact("other@x"))
        .with_edit(
            RecordKind::Class,
            "c1",
            Edit::Member { role: RecordKind::Guardian, person: "g3".into() },
        );
    assert_snapshot!(edits(&w.night(NIGHT)), @"nothing");
    assert_snapshot!(edits(&w.night("teacher t1")), @"nothing");
}

#[test]
fn r_g5_an_invited_guardian_follows_the_source_despite_an_edit() {
    let mut w = district("family-directory", json!({})).with_edit(
        RecordKind::Guardian,
        "g3",
        contact("typed@x"),
    );
    assert_snapshot!(w.night(&NIGHT.replace("ann@x", "new@x")), @r"
    ~ guardian g3 email=new@x [R-M1 e-mail]
    - edit guardian g3 CONTACT [R-G5 an invited user follows the source]
    ! edit_erased guardian g3
    ");
}

#[test]
fn r_g5_runs_update_an_active_users_rosters_but_not_name_and_contacts() {
    let mut w = district("family-directory", json!({}))
        .with_edit(RecordKind::Guardian, "g3", accepted())
        .with_edit(RecordKind::Guardian, "g3", contact("mine@x"));
    let night = NIGHT
        .replace("name=Ann email=ann@x", "name=Anna email=new@x")
        .replace("student s2 email=s2@x", "student s2 email=s2@x guardians=g3");
    assert_snapshot!(w.night(&night), @r"
    ~ student s2 guardians=g3 [R-G3 guardians +1]
    ~ guardian g3 children=s2,s3 [R-G3 children +1]
    ");
    assert_snapshot!(w.show(RecordKind::Guardian, "g3"), @"email=ann@x schools=sch children=s2,s3");
}

#[test]
fn r_g6_under_always_the_sources_data_wins_for_everyone() {
    let mut w = district("family-directory", json!({ "contact_updates": "always" }))
        .with_edit(RecordKind::Guardian, "g3", accepted())
        .with_edit(RecordKind::Guardian, "g3", contact("mine@x"))
        .with_edit(RecordKind::Teacher, "t1", name("Max"));
    assert_snapshot!(w.night(&NIGHT.replace("ann@x", "new@x")), @r"
    - edit teacher t1 NAME [R-G6 the source's data wins]
    ~ guardian g3 email=new@x [R-M1 e-mail]
    - edit guardian g3 CONTACT [R-G6 the source's data wins]
    ! edit_erased teacher t1
    ! edit_erased guardian g3
    ");
}

#[test]
fn r_i4_a_temporary_sign_in_e_mail_lasts_until_the_next_run() {
    let edit = Edit::SignIn { email: Personal::new("today@x") };
    let mut w = district("clever", json!({})).with_edit(RecordKind::Student, "s1", edit);
    assert_snapshot!(edits(&w.night(NIGHT)), @r"
    - edit student s1 SIGNIN [R-I4 the e-mail address in the source is used again]
    ! edit_erased student s1
    ");
}

fn pin(until: &str) -> Edit {
    Edit::Pin { until: until.parse().unwrap(), reason: "moves house".into() }
}

#[test]
fn r_p1_a_pinned_person_stays_in_the_rosters_until_the_date() {
    let mut w = district("clever", json!({ "hold_if_removed_percent": 100 })).with_edit(
        RecordKind::Student,
        "s1",
        pin("2026-10-03"),
    );
    let without = NIGHT.replace("student s1 email=s1@x", "").replace("students=s1", "");
    assert_snapshot!(w.night(&without), @"! pin_at_work student s1");
    w = w.on("2026-10-03");
    assert_snapshot!(w.night(&without), @r"
    - student s1 status=archived classes=- [R-A1 no longer in the source; R-A2 classes -1]
    - edit student s1 PIN [R-P1 the pin has expired]
    ~ class c1 students=- inactive=NoStudent [R-M1 students -1; R-C4 inactive]
    ! edit_erased student s1
    ! class_no_student class c1
    ");
}

#[test]
fn r_p1_a_pinned_enrollment_and_a_pinned_class_stay() {
    let seat = Edit::PinEnrollment {
        role: RecordKind::Student,
        person: "s2".into(),
        until: "2026-11-01".parse().unwrap(),
        reason: "the office is late".into(),
    };
    let mut w = district("clever", json!({})).with_edit(RecordKind::Class, "c2", seat).with_edit(
        RecordKind::Class,
        "c1",
        pin("2026-11-01"),
    );
    let less = NIGHT
        .replace("class c1 teachers=t1* students=s1", "")
        .replace("students=s2", "students=s3");
    assert_snapshot!(w.night(&less), @r"
    ~ student s3 classes=c2 [R-M1 classes +1]
    ~ class c2 students=s2,s3 [R-M1 students +1]
    ! pin_at_work class c2
    ! pin_at_work class c1
    ");
}

#[test]
fn r_h2_additions_and_changes_only_erases_no_edit() {
    let mut w = district("sis", json!({}))
        .with_edit(RecordKind::Class, "c1", student("s2"))
        .with_edit(RecordKind::Student, "s1", name("Zoe"));
    w.withheld = Withheld::all_removals();
    assert_snapshot!(edits(&w.night(NIGHT)), @"nothing");
}

#[test]
fn r_a2_an_abandoned_family_stays_in_archived_classes_and_leaves_active_ones() {
    let mut w = district("family-directory", json!({}))
        .with_edit(RecordKind::Class, "c1", student("s3"))
        .with_edit(RecordKind::Class, "c2", student("s3"))
        .with_edit(RecordKind::Class, "practice", student("s3"));
    w.night(&NIGHT.replace("class c2 teachers=t1*,t2 students=s2", ""));
    let left = NIGHT
        .replace("class c2 teachers=t1*,t2 students=s2", "")
        .replace("student s3 email=s3@x guardians=g3", "")
        .replace("guardian g3 name=Ann email=ann@x", "");
    assert_snapshot!(edits(&w.night(&left)), @r"
    - edit class practice IN#student#s3 [R-A2 the student is no longer in the source]
    - edit class c1 IN#student#s3 [R-A2 the student is no longer in the source]
    ! edit_erased class practice
    ! edit_erased class c1
    ");
}

#[test]
fn r_h3_an_unreadable_record_keeps_its_edits() {
    let mut w = district("sis", json!({}))
        .with_edit(RecordKind::Class, "c1", student("s2"))
        .with_edit(RecordKind::Student, "s1", name("Zoe"));
    let unread = NIGHT
        .replace("class c1 teachers=t1* students=s1", "unreadable class c1")
        .replace("student s1 email=s1@x", "unreadable student s1");
    assert_snapshot!(edits(&w.night(&unread)), @"nothing");
}
