//! The model: an independent implementation of the rules that computes the mirror after a run.
//!
//! It keeps everything in memory, and loops over sets instead of merging streams. It decides in
//! this order: active teachers, classes that admit students, active students, active guardians,
//! abandoned families, rosters of classes, relationships, and then the people, whose lists follow
//! from the rosters. It shares no code with the planner, so that an error in one of them makes them
//! differ.
//!
//! It does not cover identity (relinking, guardians with several ids), which has its own
//! properties.

pub(crate) mod edits;
mod night;
mod records;

use std::collections::{BTreeMap, BTreeSet};

use roster::id::{AccountId, DistrictId, RunId, SourceId};
use roster::policy::{
    AbandonedClasses, AbandonedFamilies, AbandonedInManualClasses, AdmitGuardians, AdmitStudents,
    KeepDemographics,
};
use roster::records::{
    AnyMirrored, Class, ClassState, Demographics, Guardian, GuardianState, Inactive, Membership,
    Mirrored, Origin, Person, RecordKind, Status, Student, StudentState, TeacherState, kinds,
};

use roster::snapshot::UnreadableRecord;

use self::night::Night;
use self::records::{gone, here};
use crate::world::{Snapshot, World};

type Ids = BTreeSet<SourceId>;
type Pairs = BTreeSet<(SourceId, SourceId)>;

/// Computes the mirror after a run.
pub(crate) fn after(
    world: &World,
    snapshot: &Snapshot,
) -> BTreeMap<(RecordKind, SourceId), AnyMirrored> {
    let n = Night { world, night: snapshot, policy: &world.policy };
    let today = world.today;
    let run = RunId::new(format!("r{}", world.nights + 1));

    // Teachers, classes that admit students, students, guardians.
    let teacher_ids = n
        .keys(RecordKind::Teacher)
        .into_iter()
        .chain(snapshot.teachers.iter().map(|t| t.id.clone()));
    let teachers = n.active::<kinds::Teachers>(teacher_ids, |id| n.teacher(id).map(|_| true));
    let is_manual = |id: &SourceId| {
        n.past::<kinds::Classes>(id).is_some_and(|item| item.origin == Origin::Manual)
    };
    let prior = |id: &SourceId| {
        n.past::<kinds::Classes>(id)
            .filter(|item| item.status == Status::Active && item.origin == Origin::Source)
    };
    let teacher_listed = |class: &Class| {
        class.teachers.iter().any(|enrollment| {
            enrollment.is_on(today)
                && (n.teacher(&enrollment.id).is_some()
                    || n.unreadable(RecordKind::Teacher, &enrollment.id))
        })
    };
    let teacher_stays = |class: &Class| {
        prior(&class.id).is_some_and(|item| {
            item.state.teachers.iter().any(|t| {
                teachers.contains(t)
                    && n.stays(RecordKind::Teacher, &class.id, t, n.teacher(t).is_some())
            })
        })
    };
    let admits = |class: &Class| {
        !is_manual(&class.id) && (teacher_listed(class) || teacher_stays(class)) && !n.over(class)
    };
    let meets = |student: &Student| {
        let email = student.person.email.is_some();
        let lists = |class: &Class| {
            let mut students = class.students.iter();
            students.any(|enrollment| enrollment.id == student.id && enrollment.is_on(today))
        };
        let is_kept_and_active =
            |class: &Class| prior(&class.id).is_some_and(|item| item.state.inactive.is_empty());
        let enrolled = snapshot.classes.iter().any(|class| admits(class) && lists(class))
            || snapshot
                .unreadable_classes
                .iter()
                .any(|class| is_kept_and_active(class) && lists(class));
        match n.policy.admit_students {
            AdmitStudents::Shared => true,
            AdmitStudents::Email => email,
            AdmitStudents::EmailAndEnrolled => email && enrolled,
        }
    };
    let student_ids = n
        .keys(RecordKind::Student)
        .into_iter()
        .chain(snapshot.students.iter().map(|s| s.id.clone()));
    let students = n.active::<kinds::Students>(student_ids, |id| n.student(id).map(&meets));
    let contacts = |person: &Person| -> BTreeSet<String> {
        [&person.email, &person.phone, &person.sms]
            .into_iter()
            .flatten()
            .map(|contact| contact.reveal().to_owned())
            .collect()
    };
    let kept_guardian = |id: &SourceId| {
        n.guardian(id).is_none()
            && (n.unreadable(RecordKind::Guardian, id) || n.blind(RecordKind::Guardian))
    };
    let mut all_contacts: Vec<(SourceId, BTreeSet<String>)> =
        snapshot.guardians.iter().map(|g| (g.id.clone(), contacts(&g.person))).collect();
    for key in n.keys(RecordKind::Guardian) {
        let item = n.past::<kinds::Guardians>(&key).unwrap();
        if kept_guardian(&key) && item.status == Status::Active {
            all_contacts.push((key.clone(), contacts(&item.state.person)));
        }
    }
    let unique = |guardian: &Guardian| {
        contacts(&guardian.person).iter().any(|contact| {
            all_contacts.iter().all(|(id, theirs)| *id == guardian.id || !theirs.contains(contact))
        })
    };
    let admits_guardians = n.policy.admit_guardians == AdmitGuardians::UniqueContact;
    let guardian_ids = n
        .keys(RecordKind::Guardian)
        .into_iter()
        .chain(snapshot.guardians.iter().map(|g| g.id.clone()));
    let guardians = n.active::<kinds::Guardians>(guardian_ids, |id| {
        n.guardian(id).map(|guardian| admits_guardians && unique(guardian))
    });

    // Families with no member in the source (R-A1), if the policy needs them (R-A3).
    let extreme = n.policy.abandoned_families == AbandonedFamilies::Extreme;
    let guardian_here = |id: &SourceId| {
        n.guardian(id).is_some()
            || n.past::<kinds::Guardians>(id)
                .is_some_and(|item| item.status == Status::Active && kept_guardian(id))
    };
    let abandoned: Ids = n
        .keys(RecordKind::Student)
        .into_iter()
        .filter(|id| {
            let item = n.past::<kinds::Students>(id).unwrap();
            extreme
                && !students.contains(id)
                && n.student(id).is_none()
                && !n.unreadable(RecordKind::Student, id)
                && !item.state.guardians.iter().any(guardian_here)
                && !snapshot.guardians.iter().any(|guardian| guardian.children.contains(id))
        })
        .collect();

    // Classes, with their rosters.
    let mut classes: BTreeMap<SourceId, Mirrored<kinds::Classes>> = BTreeMap::new();
    for id in n
        .keys(RecordKind::Class)
        .into_iter()
        .chain(snapshot.classes.iter().map(|c| c.id.clone()))
        .collect::<Ids>()
    {
        let past = n.past::<kinds::Classes>(&id).cloned();
        let roster =
            |enrollments: &[Membership], kind: RecordKind, active: &Ids| -> Vec<SourceId> {
                let in_source = |person: &SourceId| {
                    if kind == RecordKind::Teacher {
                        n.teacher(person).is_some()
                    } else {
                        n.student(person).is_some()
                    }
                };
                let mut list: Vec<SourceId> = enrollments
                    .iter()
                    .filter(|enrollment| {
                        enrollment.is_on(today)
                            && active.contains(&enrollment.id)
                            && (in_source(&enrollment.id) || n.unreadable(kind, &enrollment.id))
                    })
                    .map(|enrollment| enrollment.id.clone())
                    .collect();
                if let Some(item) = prior(&id) {
                    let before = if kind == RecordKind::Teacher {
                        &item.state.teachers
                    } else {
                        &item.state.students
                    };
                    for person in before {
                        if active.contains(person)
                            && n.stays(kind, &id, person, in_source(person))
                            && !list.contains(person)
                        {
                            list.push(person.clone());
                        }
                    }
                }
                list
            };
        let item = match (n.class(&id), past) {
            (Some(class), past) if !is_manual(&id) => {
                let mut list = roster(&class.teachers, RecordKind::Teacher, &teachers);
                let primary = |person: &SourceId| {
                    class.teachers.iter().any(|enrollment| {
                        enrollment.id == *person && enrollment.primary && enrollment.is_on(today)
                    })
                };
                let first = list.iter().position(primary).or_else(|| {
                    let head = prior(&id).and_then(|item| item.state.teachers.first())?;
                    let read = n.teacher(head).is_some() || n.unreadable(RecordKind::Teacher, head);
                    let listed = read
                        && class
                            .teachers
                            .iter()
                            .any(|enrollment| enrollment.id == *head && enrollment.is_on(today));
                    list.iter().position(|person| person == head && !listed)
                });
                if let Some(place) = first {
                    let primary = list.remove(place);
                    list.insert(0, primary);
                }
                let mut members = roster(&class.students, RecordKind::Student, &students);
                members.sort();
                let listed = |enrollments: &[Membership], counts: &dyn Fn(&SourceId) -> bool| {
                    enrollments
                        .iter()
                        .any(|enrollment| enrollment.is_on(today) && counts(&enrollment.id))
                };
                let mut inactive = vec![];
                if list.is_empty()
                    && !listed(&class.teachers, &|t| {
                        n.teacher(t).is_some() || n.unreadable(RecordKind::Teacher, t)
                    })
                {
                    inactive.push(Inactive::NoTeacher);
                }
                if members.is_empty()
                    && !listed(&class.students, &|s| {
                        n.student(s).is_some() || n.unreadable(RecordKind::Student, s)
                    })
                {
                    inactive.push(Inactive::NoStudent);
                }
                if n.over(class) {
                    inactive.push(Inactive::TermOver);
                }
                let state = ClassState {
                    details: class.details.clone(),
                    teachers: list,
                    students: members,
                    inactive,
                    ends: n.ends(class),
                };
                here::<kinds::Classes>(&id, past, None, state, &run)
            }
            (_, Some(mut item)) => {
                let was_source = item.status == Status::Active && item.origin == Origin::Source;
                if was_source
                    && (n.unreadable(RecordKind::Class, &id) || n.blind(RecordKind::Class))
                {
                    item.state.teachers.retain(|person| teachers.contains(person));
                    item.state.students.retain(|person| students.contains(person));
                    let class = snapshot.unreadable_classes.iter().find(|class| class.id == id);
                    let mut new: Vec<SourceId> = class
                        .iter()
                        .flat_map(|class| &class.teachers)
                        .filter(|enrollment| enrollment.is_on(today))
                        .map(|enrollment| enrollment.id.clone())
                        .filter(|person| {
                            let is_listed = n.teacher(person).is_some()
                                || n.unreadable(RecordKind::Teacher, person);
                            is_listed
                                && teachers.contains(person)
                                && !item.state.teachers.contains(person)
                        })
                        .collect();
                    new.sort();
                    item.state.teachers.extend(new);
                    for enrollment in class.iter().flat_map(|class| &class.students) {
                        let person = &enrollment.id;
                        let counts = n.student(person).is_some()
                            || n.unreadable(RecordKind::Student, person);
                        if enrollment.is_on(today) && counts && students.contains(person) {
                            item.state.students.push(person.clone());
                        }
                    }
                    item.state.students.sort();
                    item.state.students.dedup();
                } else {
                    if was_source && n.policy.abandoned_classes == AbandonedClasses::Archive {
                        item.status = Status::Archived;
                        item.archived_on = Some(today);
                    } else if was_source {
                        item.origin = Origin::Manual;
                    }
                    let leave =
                        n.policy.abandoned_in_manual_classes == AbandonedInManualClasses::Leave;
                    match item.status {
                        Status::Archived => {
                            item.state.students.retain(|person| !abandoned.contains(person))
                        }
                        Status::Active if leave => {
                            item.state.students.retain(|person| students.contains(person))
                        }
                        Status::Active => {}
                    }
                }
                item
            }
            (_, None) => continue,
        };
        classes.insert(id, item);
    }

    // Relationships (R-G3).
    let mut before: Pairs = Pairs::new();
    for key in n.keys(RecordKind::Student) {
        let item = n.past::<kinds::Students>(&key).unwrap();
        before.extend(item.state.guardians.iter().map(|guardian| (key.clone(), guardian.clone())));
    }
    let mut links: Pairs = before
        .iter()
        .filter(|(student, guardian)| {
            let unread = n.student(student).is_none() || n.guardian(guardian).is_none();
            !students.contains(student) || (guardians.contains(guardian) && unread)
        })
        .cloned()
        .collect();
    let listed = snapshot.students.iter().flat_map(|student| {
        student.guardians.iter().map(|guardian| (student.id.clone(), guardian.clone()))
    });
    let listed = listed.chain(snapshot.guardians.iter().flat_map(|guardian| {
        guardian.children.iter().map(|child| (child.clone(), guardian.id.clone()))
    }));
    for (student, guardian) in listed {
        let (here, there) = (n.student(&student).is_some(), n.guardian(&guardian).is_some());
        let counts = match (here, there) {
            (true, true) => true,
            (true, false) => n.unreadable(RecordKind::Guardian, &guardian),
            (false, true) => n.unreadable(RecordKind::Student, &student),
            (false, false) => false,
        };
        if counts && students.contains(&student) && guardians.contains(&guardian) {
            links.insert((student, guardian));
        }
    }

    // People, with their lists.
    let classes_of = |person: &SourceId, kind: RecordKind| -> Vec<SourceId> {
        let lists = |item: &Mirrored<kinds::Classes>| {
            if kind == RecordKind::Teacher {
                item.state.teachers.contains(person)
            } else {
                item.state.students.contains(person)
            }
        };
        classes.iter().filter(|(_, item)| lists(item)).map(|(id, _)| id.clone()).collect()
    };
    let mut emails: BTreeMap<String, u32> = BTreeMap::new();
    let person_of = |kind: RecordKind, id: &SourceId| -> Person {
        match kind {
            RecordKind::Teacher => n
                .teacher(id)
                .map(|t| &t.person)
                .or(n.past::<kinds::Teachers>(id).map(|i| &i.state.person)),
            RecordKind::Student => n
                .student(id)
                .map(|s| &s.person)
                .or(n.past::<kinds::Students>(id).map(|i| &i.state.person)),
            _ => n
                .guardian(id)
                .map(|g| &g.person)
                .or(n.past::<kinds::Guardians>(id).map(|i| &i.state.person)),
        }
        .unwrap()
        .clone()
    };
    for (kind, ids) in [
        (RecordKind::Teacher, &teachers),
        (RecordKind::Student, &students),
        (RecordKind::Guardian, &guardians),
    ] {
        for id in ids {
            if let Some(email) = person_of(kind, id).email {
                *emails.entry(email.reveal().to_owned()).or_default() += 1;
            }
        }
    }
    let shared = |person: &Person| {
        person.email.as_ref().is_some_and(|email| {
            emails.get(email.reveal()).is_some_and(|count| *count > 1)
                || world.administrators.iter().any(|administrator| administrator.email == *email)
        })
    };
    let ignore = n.policy.demographics == KeepDemographics::Ignore;
    let district = DistrictId::new("d");
    let mut all: BTreeMap<(RecordKind, SourceId), AnyMirrored> = BTreeMap::new();

    for id in
        n.keys(RecordKind::Teacher).into_iter().chain(teachers.iter().cloned()).collect::<Ids>()
    {
        let past = n.past::<kinds::Teachers>(&id).cloned();
        let person = if teachers.contains(&id) {
            person_of(RecordKind::Teacher, &id)
        } else {
            past.as_ref().unwrap().state.person.clone()
        };
        let account = AccountId::derive(&district, "teacher", &id);
        let state = TeacherState {
            email_shared: teachers.contains(&id) && shared(&person),
            administrator: false,
            person,
            classes: classes_of(&id, RecordKind::Teacher),
        };
        let item = if teachers.contains(&id) {
            here(&id, past, Some(account), state, &run)
        } else {
            gone(past, state, today)
        };
        all.insert((RecordKind::Teacher, id), AnyMirrored::Teacher(item));
    }
    for id in
        n.keys(RecordKind::Student).into_iter().chain(students.iter().cloned()).collect::<Ids>()
    {
        let past = n.past::<kinds::Students>(&id).cloned();
        let source = n.student(&id).filter(|_| students.contains(&id));
        let known = past.as_ref().map(|item| &item.state);
        let mut person =
            source.map_or_else(|| known.unwrap().person.clone(), |student| student.person.clone());
        let mut demographics = source.map_or_else(
            || known.unwrap().demographics.clone(),
            |student| student.demographics.clone(),
        );
        let is_lost = |record: &UnreadableRecord| match record {
            UnreadableRecord::Demographics { student: Some(lost) } => *lost == id,
            UnreadableRecord::Demographics { student: None } => {
                let named = serde_json::to_value(&demographics).unwrap();
                named.as_object().unwrap().keys().all(|field| field == "grades")
            }
            _ => false,
        };
        if let Some(known) =
            known.filter(|_| source.is_some() && n.night.unreadable.iter().any(is_lost))
        {
            let grades = demographics.grades;
            demographics = Demographics { grades, ..known.demographics.clone() };
            person.number = person.number.or(known.person.number.clone());
            person.state_id = person.state_id.or(known.person.state_id.clone());
        }
        if ignore {
            demographics = Demographics::default();
        }
        if abandoned.contains(&id) {
            person.schools.clear();
        }
        let state = StudentState {
            email_shared: students.contains(&id) && shared(&person),
            person,
            demographics,
            guardians: links
                .iter()
                .filter(|(student, _)| *student == id)
                .map(|(_, guardian)| guardian.clone())
                .collect(),
            classes: classes_of(&id, RecordKind::Student),
        };
        let account = Some(AccountId::derive(&district, "student", &id));
        let item = if students.contains(&id) {
            here(&id, past, account, state, &run)
        } else {
            gone(past, state, today)
        };
        all.insert((RecordKind::Student, id), AnyMirrored::Student(item));
    }
    for id in
        n.keys(RecordKind::Guardian).into_iter().chain(guardians.iter().cloned()).collect::<Ids>()
    {
        let past = n.past::<kinds::Guardians>(&id).cloned();
        let source = n.guardian(&id).filter(|_| guardians.contains(&id));
        let known = past.as_ref().map(|item| &item.state);
        let mut person = source
            .map_or_else(|| known.unwrap().person.clone(), |guardian| guardian.person.clone());
        let children: Vec<SourceId> = links
            .iter()
            .filter(|(_, guardian)| *guardian == id)
            .map(|(child, _)| child.clone())
            .collect();
        if !guardians.contains(&id)
            && !children.is_empty()
            && children.iter().all(|child| abandoned.contains(child))
        {
            person.schools.clear();
        }
        let state = GuardianState {
            email_shared: guardians.contains(&id) && shared(&person),
            person,
            role: source.map_or_else(|| known.unwrap().role, |guardian| guardian.role),
            children,
            also: vec![],
        };
        let account = Some(AccountId::derive(&district, "guardian", &id));
        let item = if guardians.contains(&id) {
            here(&id, past, account, state, &run)
        } else {
            gone(past, state, today)
        };
        all.insert((RecordKind::Guardian, id), AnyMirrored::Guardian(item));
    }
    all.extend(
        classes.into_iter().map(|(id, item)| ((RecordKind::Class, id), AnyMirrored::Class(item))),
    );
    all
}
