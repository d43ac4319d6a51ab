//! Effective records: records of the mirror with their local edits applied.

use jiff::{Timestamp, civil::date};
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::id::{AccountId, RunId, SourceId};
use roster::personal::Personal;
use roster::records::{
    ClassDetails, ClassState, Mirrored, Origin, Person, RecordKind, Status, StudentState,
    TeacherState, kinds,
};
use rules::effective::{self, AccountScope, AccountState, Listed, PersonInMirror};

fn mirrored<K: roster::records::Kind>(key: &str, state: K::State) -> Mirrored<K> {
    Mirrored {
        key: key.into(),
        id: key.into(),
        account: None,
        status: Status::Active,
        origin: Origin::Source,
        state,
        first_seen: RunId::from("r1"),
        changed_by: RunId::from("r1"),
        archived_on: None,
    }
}

fn reading(teachers: &[&str], students: &[&str]) -> Mirrored<kinds::Classes> {
    let keys = |list: &[&str]| list.iter().map(|key| SourceId::from(*key)).collect();
    let details = ClassDetails {
        title: "Reading".into(),
        code: None,
        class_type: None,
        location: None,
        school: "sch".into(),
        course: None,
        terms: vec![],
        grades: vec![],
        subjects: vec![],
        subject_codes: vec![],
        periods: vec![],
    };
    let state = ClassState {
        details,
        teachers: keys(teachers),
        students: keys(students),
        inactive: vec![],
        ends: vec![],
    };
    mirrored("c1", state)
}

fn student(person: Person) -> Mirrored<kinds::Students> {
    let state = StudentState {
        person,
        demographics: Default::default(),
        guardians: vec![],
        classes: vec![],
        email_shared: false,
    };
    mirrored("s1", state)
}

fn edit(kind: RecordKind, key: &str, edit: Edit) -> LocalEdit {
    let (by, version) = (AccountId::from("a1"), EditVersion::new("1"));
    LocalEdit { kind, key: key.into(), edit, by, at: Timestamp::UNIX_EPOCH, version }
}

fn of_class(e: Edit) -> LocalEdit {
    edit(RecordKind::Class, "c1", e)
}

fn of_student(e: Edit) -> LocalEdit {
    edit(RecordKind::Student, "s1", e)
}

fn text(text: &str) -> Option<Personal> {
    Some(Personal::new(text))
}

fn shown(list: &[Listed]) -> Vec<(&str, Origin)> {
    list.iter().map(|listed| (listed.key.as_str(), listed.origin)).collect()
}

#[test]
fn r_m4_a_custom_name_is_shown_and_the_sources_name_stays_available() {
    let (item, edits) =
        (reading(&["t1"], &[]), [of_class(Edit::CustomName { name: Personal::new("Owls") })]);
    assert_eq!(effective::class(&item, &[]).name(), "Reading");
    let class = effective::class(&item, &edits);
    assert_eq!((class.name(), class.item.state.details.title.as_str()), ("Owls", "Reading"));
}

#[test]
fn r_t2_the_primary_teacher_is_first_and_co_teachers_by_hand_are_last() {
    let item = reading(&["t9", "t1"], &[]);
    let edits = [of_class(Edit::Member { role: RecordKind::Teacher, person: "t0".into() })];
    let class = effective::class(&item, &edits);
    assert_eq!(class.primary(), Some(&"t9".into()));
    assert_eq!(
        shown(&class.teachers),
        [("t9", Origin::Source), ("t1", Origin::Source), ("t0", Origin::Manual)]
    );
}

#[test]
fn r_s4_a_manual_student_whom_the_source_lists_has_origin_source() {
    let by_hand =
        |key: &str| of_class(Edit::Member { role: RecordKind::Student, person: key.into() });
    let (item, edits) = (reading(&["t1"], &["s1"]), [by_hand("s1"), by_hand("s2")]);
    let class = effective::class(&item, &edits);
    assert_eq!(shown(&class.students), [("s1", Origin::Source), ("s2", Origin::Manual)]);
}

#[test]
fn r_o5_a_student_removed_by_hand_is_not_in_the_class() {
    let item = reading(&["t1"], &["s1", "s2"]);
    let edits = [of_class(Edit::Left { role: RecordKind::Student, person: "s1".into() })];
    assert_eq!(shown(&effective::class(&item, &edits).students), [("s2", Origin::Source)]);
    let classes_of_student =
        effective::classes_of(RecordKind::Student, &["c1".into(), "c2".into()], &edits);
    assert_eq!(shown(&classes_of_student), [("c2", Origin::Source)]);
}

#[test]
fn r_c2_all_members_of_a_manual_class_have_origin_manual() {
    let mut item = reading(&["t1"], &[]);
    item.origin = Origin::Manual;
    let edits = [of_class(Edit::Member { role: RecordKind::Student, person: "s1".into() })];
    let class = effective::class(&item, &edits);
    assert!(
        class.teachers.iter().chain(&class.students).all(|listed| listed.origin == Origin::Manual)
    );
    assert!(
        class.is_active()
            && class.has(RecordKind::Student, &"s1".into())
            && !class.has(RecordKind::Teacher, &"s1".into())
    );
}

#[test]
fn r_g4_manual_relationships_are_listed_on_both_sides() {
    let item = reading(&["t1"], &[]);
    let joined = of_class(Edit::Member { role: RecordKind::Guardian, person: "g1".into() });
    assert_eq!(effective::class(&item, std::slice::from_ref(&joined)).guardians, ["g1".into()]);
    assert_eq!(
        shown(&effective::classes_of(RecordKind::Guardian, &[], &[joined])),
        [("c1", Origin::Manual)]
    );

    let child = edit(RecordKind::Guardian, "m-1", Edit::Child { student: "s1".into() });
    assert_eq!(
        shown(&effective::children_of(&["s2".into()], std::slice::from_ref(&child))),
        [("s2", Origin::Source), ("s1", Origin::Manual)]
    );
    assert_eq!(shown(&effective::guardians_of(&[], &[child])), [("m-1", Origin::Manual)]);
}

#[test]
fn r_t6_single_sign_on_is_ready_once_the_primary_teacher_has_signed_in() {
    let item = reading(&["t1", "t2"], &[]);
    let class = effective::class(&item, &[]);
    let signed_in = |key: &str| {
        [edit(RecordKind::Teacher, key, Edit::SignedIn { first: Timestamp::UNIX_EPOCH })]
    };
    assert!(!effective::sso_ready(&class, &[]));
    assert!(
        !effective::sso_ready(&class, &signed_in("t2")),
        "a co-teacher's sign-in does not count"
    );
    assert!(effective::sso_ready(&class, &signed_in("t1")));
    assert!(!effective::sso_ready(&effective::class(&reading(&[], &[]), &[]), &signed_in("t1")));
}

#[test]
fn r_g5_an_account_is_invited_until_it_is_accepted() {
    let item = student(Person { email: text("a@x"), ..Person::default() });
    let account = |edits: &[LocalEdit]| {
        effective::account(RecordKind::Student, PersonInMirror::from(&item), edits, &[])
    };
    let invited = account(&[]);
    assert_eq!((invited.state, invited.enabled), (AccountState::Invited, true));
    let accepted = Some(Timestamp::UNIX_EPOCH);
    assert_eq!(
        account(&[of_student(Edit::Account { accepted, enabled: true })]).state,
        AccountState::Active
    );
    assert_eq!(
        account(&[of_student(Edit::Account { accepted: None, enabled: true })]).state,
        AccountState::Invited
    );
}

#[test]
fn r_s6_a_school_leader_decides_whether_an_account_is_enabled() {
    let item = student(Person { disabled: true, ..Person::default() });
    let account = |edits: &[LocalEdit]| {
        effective::account(RecordKind::Student, PersonInMirror::from(&item), edits, &[])
    };
    assert!(!account(&[]).enabled, "without an edit, the source's value counts");
    let on = account(&[of_student(Edit::Account { accepted: None, enabled: true })]);
    assert!(on.enabled && on.reach.school);
    let off = account(&[of_student(Edit::Account { accepted: None, enabled: false })]);
    assert_eq!(off.reach, AccountScope { school: false, classes: false, announcements: false });
}

#[test]
fn r_s6_r_g5_edits_replace_the_sources_name_and_contacts() {
    let of_source = Person {
        given: text("Bo"),
        family: text("Larch"),
        preferred_given: text("Bobo"),
        email: text("b@x"),
        phone: text("+12025550100"),
        ..Person::default()
    };
    let item = student(of_source);
    let edits = [
        of_student(Edit::Name { given: text("Boris"), family: None }),
        of_student(Edit::Contact { email: text("boris@x"), phone: None, sms: None }),
    ];
    let person = effective::person(PersonInMirror::from(&item), &edits);
    assert_eq!(effective::full_name(&person), "Boris Larch");
    assert_eq!((person.email, person.phone), (text("boris@x"), text("+12025550100")));
    assert_eq!(item.state.person.email, text("b@x"), "the mirror is unchanged");
}

#[test]
fn r_i4_a_temporary_email_precedes_every_other() {
    let item = student(Person { email: text("a@x"), ..Person::default() });
    let email = |edits: &[LocalEdit]| {
        let address = effective::sign_in_address(PersonInMirror::from(&item), edits)?;
        (!address.is_shared).then(|| address.email.clone())
    };
    let own = of_student(Edit::Contact { email: text("own@x"), phone: None, sms: None });
    let today = of_student(Edit::SignIn { email: Personal::new("today@x") });
    assert_eq!(email(&[]), text("a@x"));
    assert_eq!(email(std::slice::from_ref(&own)), text("own@x"));
    assert_eq!(email(&[own, today]), text("today@x"));
}

#[test]
fn r_i5_a_shared_email_is_valid_for_no_sign_in() {
    let mut item = student(Person { email: text("a@x"), ..Person::default() });
    item.state.email_shared = true;
    let email = |edits: &[LocalEdit]| {
        let address = effective::sign_in_address(PersonInMirror::from(&item), edits)?;
        (!address.is_shared).then(|| address.email.clone())
    };
    assert_eq!(email(&[]), None);
    assert_eq!(
        email(&[of_student(Edit::SignIn { email: Personal::new("today@x") })]),
        text("today@x")
    );
}

#[test]
fn r_a2_an_archived_person_has_no_access_and_gets_no_announcements() {
    let state = TeacherState {
        person: Person::default(),
        classes: vec![],
        email_shared: false,
        administrator: false,
    };
    let mut item: Mirrored<kinds::Teachers> = mirrored("t1", state);
    let accepted = edit(
        RecordKind::Teacher,
        "t1",
        Edit::Account { accepted: Some(Timestamp::UNIX_EPOCH), enabled: true },
    );
    let account = |item: &Mirrored<kinds::Teachers>| {
        effective::account(
            RecordKind::Teacher,
            PersonInMirror::from(item),
            std::slice::from_ref(&accepted),
            &[],
        )
    };
    assert_eq!(
        account(&item).reach,
        AccountScope { school: true, classes: true, announcements: true }
    );
    item.status = Status::Archived;
    let gone = account(&item);
    assert_eq!(gone.state, AccountState::Archived);
    assert_eq!(gone.reach, AccountScope { school: false, classes: false, announcements: false });
}

#[test]
fn r_a2_a_manual_guardian_loses_access_with_the_last_child() {
    let person = Person::default();
    let reach = |origin, children: &[Status]| {
        let who =
            PersonInMirror { status: Status::Active, origin, person: &person, email_shared: false };
        effective::account(RecordKind::Guardian, who, &[], children).reach.school
    };
    assert!(reach(Origin::Manual, &[Status::Archived, Status::Active]));
    assert!(!reach(Origin::Manual, &[Status::Archived, Status::Archived]));
    assert!(reach(Origin::Manual, &[]), "a guardian who joined with a code and has no child here");
    assert!(
        reach(Origin::Source, &[Status::Archived]),
        "the source still has this guardian: the family is not abandoned"
    );
}

#[test]
fn r_s5_only_the_exact_name_matches() {
    let person = Person {
        given: text("Ana María"),
        family: text("Larch"),
        preferred_given: text("Ani"),
        ..Person::default()
    };
    for name in ["Ana María Larch", "  ana  maría LARCH ", "Ani Larch"] {
        assert!(effective::is_named(&person, name), "{name}");
    }
    for name in ["Ana Larch", "Ana Maria Larch", "Larch", "", "Larch Ani"] {
        assert!(!effective::is_named(&person, name), "{name}");
    }
}

#[test]
fn r_p1_a_pin_has_an_end_date() {
    let until = date(2026, 12, 1);
    let pin = of_student(Edit::Pin { until, reason: "transfer".into() });
    assert_eq!(effective::pinned_until(&[pin]), Some(until));
    assert_eq!(effective::pinned_until(&[]), None);
}
