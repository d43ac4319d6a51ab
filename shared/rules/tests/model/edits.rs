//! A naive second implementation of the lifetime of local edits. It reads the mirror after the run.

use roster::edit::{Edit, LocalEdit};
use roster::id::SourceId;
use roster::policy::{AbandonedInManualClasses, ContactUpdates, ManualCoTeachers, ManualStudents};
use roster::records::{Kind, Mirrored, Origin, RecordKind, Status, kinds};
use roster::snapshot::UnreadableRecord;

use crate::world::{Snapshot, World, typed};

fn item<'w, K: Kind>(world: &'w World, key: &SourceId) -> Option<&'w Mirrored<K>> {
    world.mirror.records.get(&(K::KIND, key.clone())).and_then(typed::<K>)
}

/// Whether a run keeps an edit. Returns `None` if the model does not decide, because it does not
/// know which families are abandoned.
pub(crate) fn is_kept(after: &World, night: &Snapshot, edit: &LocalEdit) -> Option<bool> {
    if let Edit::Pin { until, .. } | Edit::PinEnrollment { until, .. } = &edit.edit {
        return Some(after.today < *until);
    }
    Some(match (edit.kind, &edit.edit) {
        (
            RecordKind::Class,
            Edit::Member { role: RecordKind::Guardian, .. } | Edit::CustomName { .. },
        ) => true,
        (RecordKind::Class, _) => return class_edit(after, night, edit),
        (_, Edit::Name { .. } | Edit::Contact { .. } | Edit::SignIn { .. }) => {
            let account = after.mirror.edits.values().any(|other| {
                other.kind == edit.kind
                    && other.key == edit.key
                    && matches!(other.edit, Edit::Account { accepted: Some(_), .. })
            });
            let owns = after.policy.contact_updates == ContactUpdates::UntilActive && account;
            owns || !is_synced(after, night, edit.kind, &edit.key)
        }
        _ => true,
    })
}

fn class_edit(after: &World, night: &Snapshot, edit: &LocalEdit) -> Option<bool> {
    let class = item::<kinds::Classes>(after, &edit.key)?;
    let manual = class.origin == Origin::Manual;
    let archived = class.status == Status::Archived;
    let present = !manual && night.classes.iter().any(|other| other.id == edit.key);
    let policy = &after.policy;
    Some(match &edit.edit {
        Edit::Left { .. } => !present,
        Edit::Member { role: RecordKind::Student, person } => {
            let student = item::<kinds::Students>(after, person);
            let here = student.is_some_and(|student| {
                student.status == Status::Active || student.origin == Origin::Manual
            });
            match (archived, manual) {
                (true, _)
                    if policy.abandoned_families == roster::policy::AbandonedFamilies::Extreme =>
                {
                    return None;
                }
                (true, _) => true,
                (false, true) => {
                    here || policy.abandoned_in_manual_classes == AbandonedInManualClasses::Stay
                }
                (false, false) if present => {
                    here && !class.state.students.contains(person)
                        && policy.manual_students_in_synced_classes == ManualStudents::Keep
                }
                (false, false) => here,
            }
        }
        Edit::Member { person, .. } => {
            let teacher = item::<kinds::Teachers>(after, person);
            let outsider = teacher.is_some_and(|teacher| teacher.origin == Origin::Manual);
            let here = outsider || teacher.is_some_and(|teacher| teacher.status == Status::Active);
            if archived || manual {
                true
            } else if !present {
                here
            } else {
                let alone = class.state.teachers.len() <= 1;
                here && !class.state.teachers.contains(person)
                    && match policy.manual_co_teachers {
                        ManualCoTeachers::Keep => true,
                        ManualCoTeachers::Remove => false,
                        ManualCoTeachers::Outsiders => outsider,
                        ManualCoTeachers::OutsidersAlone => outsider && alone,
                    }
            }
        }
        _ => true,
    })
}

/// Whether the source has a readable record of the person tonight.
fn is_synced(after: &World, night: &Snapshot, kind: RecordKind, key: &SourceId) -> bool {
    let unread = night.unreadable.iter().any(|record| match record {
        UnreadableRecord::Record { kind: other, id, .. } => *other == kind && id == key,
        _ => false,
    });
    let counts = |by_enrollment: bool| {
        !by_enrollment || after.policy.role_conflicts == roster::policy::RoleConflicts::Enrollment
    };
    let (active, listed) = match kind {
        RecordKind::Student => (
            item::<kinds::Students>(after, key)
                .is_some_and(|i| i.status == Status::Active && i.origin == Origin::Source),
            night.students.iter().any(|s| s.id == *key && counts(s.by_enrollment)),
        ),
        RecordKind::Teacher => (
            item::<kinds::Teachers>(after, key)
                .is_some_and(|i| i.status == Status::Active && i.origin == Origin::Source),
            night.teachers.iter().any(|t| t.id == *key && counts(t.by_enrollment)),
        ),
        _ => (
            item::<kinds::Guardians>(after, key)
                .is_some_and(|i| i.status == Status::Active && i.origin == Origin::Source),
            night.guardians.iter().any(|g| g.id == *key),
        ),
    };
    active && listed && !unread
}
