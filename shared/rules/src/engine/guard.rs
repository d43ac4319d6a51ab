//! Tally of a plan's effects, by kind and school. [`holds`] decides from it whether the plan is
//! held (R-H1).

use std::collections::{BTreeMap, BTreeSet};

use super::graduates::Graduates;
use super::hashes::{IdMap, IdSet};
use super::protected::Protected;
use crate::book::holds::{self, Limits, Scope, Watch, Watched};
use roster::change::Counts;
use roster::contract::PlanContext;
use roster::id::SourceId;
use roster::outcome::{
    ENROLLMENT, Effect, Effects, Guard, Hold, RecentRemovals, STUDENT_ENROLLMENT,
    TEACHER_ENROLLMENT, count_name,
};
use roster::records::RecordKind;
use roster::review::SchoolCounts;

/// Most classes that are named in holds. More of them are a matter of the school or the district.
const MOST_CLASSES: usize = 1000;

/// The counts of a school or of the district that the guards watch.
#[derive(Default)]
struct Watches {
    by_kind: [Watch; Watched::ALL.len()],
    effects: Effects,
    unreadable: [u64; Watched::ALL.len()],
}

impl Watches {
    fn of(&mut self, watched: Watched) -> &mut Watch {
        &mut self.by_kind[watched as usize]
    }
}

struct OfSchool {
    id: SourceId,
    watches: Watches,
}

/// Counts by kind, and by kind and school.
#[derive(Default)]
pub(super) struct Tally {
    /// Kinds that the guards do not watch: terms and courses.
    others: [Watch; RecordKind::ALL.len()],
    district: Watches,
    schools: IdMap<OfSchool>,
    missing_schools: Vec<SourceId>,
    /// Records that are missing although the source refers to them, and their enrollments.
    referenced: [(u64, u64); Watched::ALL.len()],
    halved: Vec<Hold>,
    /// The students who are expected to leave.
    pub(super) graduates: Graduates,
    /// Students who have other classes than before, as many, in the same schools; hashed.
    moved: IdSet,
    /// Students who leave the district or change schools; hashed.
    left: IdSet,
}

/// The effect of the plan on a record of the mirror that was active before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// Unchanged, except for fields derived from other records and from dates.
    Same,
    /// A student whose grade alone changes, as every student's does once a year.
    Promoted,
    /// One of its own fields changes.
    Changed,
    /// Archived or disconnected.
    Removed,
}

/// What the run does to the enrollments of one role in a class of the mirror.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RosterChange {
    /// Before the run.
    pub(super) before: usize,
    /// No longer in the roster, because the source removed them.
    pub(super) removed: usize,
    /// No longer in the roster, by a date that the last run knew.
    pub(super) ended: usize,
    /// Of the removed ones, those of students who have other classes of the school instead.
    pub(super) moved: usize,
    /// Of the removed ones, those of people who leave the district or change schools.
    pub(super) left: usize,
    /// New in the roster.
    pub(super) added: usize,
}

/// What people see of a class: whether it is active, and whether it has a teacher.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) active: bool,
    pub(super) has_teacher: bool,
}

impl Tally {
    /// Counts a record of the snapshot.
    pub(super) fn in_source(&mut self, kind: RecordKind, schools: &[SourceId]) {
        self.count(kind, schools, |watch| watch.counts.in_source += 1);
    }

    /// Counts a record of the snapshot that does not meet the conditions for admission.
    pub(super) fn not_admitted(&mut self, kind: RecordKind, schools: &[SourceId]) {
        self.count(kind, schools, |watch| watch.counts.not_admitted += 1);
    }

    /// Counts a record that is admitted, or returns.
    pub(super) fn added(&mut self, kind: RecordKind, schools: &[SourceId]) {
        self.count(kind, schools, |watch| watch.counts.added += 1);
    }

    /// Counts a synced record of the mirror that was active before the run. `expected`: it is over
    /// by a date that the last run knew.
    pub(super) fn was_active(
        &mut self,
        kind: RecordKind,
        schools: &[SourceId],
        became: Became,
        expected: bool,
    ) {
        self.count(kind, schools, |watch| {
            watch.counts.in_mirror += 1;
            watch.expected += u64::from(expected);
            match became {
                Became::Same => {}
                Became::Promoted => {
                    watch.counts.changed += 1;
                    watch.promoted += 1;
                }
                Became::Changed => {
                    watch.counts.changed += 1;
                    watch.promoted += u64::from(expected);
                }
                Became::Removed if expected => watch.counts.ended += 1,
                Became::Removed => watch.counts.removed += 1,
            }
        });
    }

    /// Counts a record of the mirror that stays because it cannot be read in the source, or because
    /// the source still refers to it.
    pub(super) fn unread(
        &mut self,
        protected: &Protected,
        kind: RecordKind,
        id: &SourceId,
        schools: &[SourceId],
    ) {
        let Some(watched) = Watched::of(kind) else { return };
        if protected.is_referenced(kind, id.hash64()) {
            let (people, enrollments) = &mut self.referenced[watched as usize];
            *people += 1;
            *enrollments += protected.enrollments_of_person(kind, id.hash64()).len() as u64;
            return;
        }
        for school in schools {
            self.school(school).unreadable[watched as usize] += 1;
        }
    }

    /// Adds a school of the mirror that the source does not have.
    pub(super) fn missing_school(&mut self, id: &SourceId) {
        self.missing_schools.push(id.clone());
    }

    /// Counts the enrollments of a class in the snapshot.
    pub(super) fn enrollments_in_source(
        &mut self,
        school: &SourceId,
        teachers: usize,
        students: usize,
    ) {
        self.enrollment(Watched::TeacherEnrollment, school, |watch| {
            watch.counts.in_source += teachers as u64;
        });
        self.enrollment(Watched::StudentEnrollment, school, |watch| {
            watch.counts.in_source += students as u64;
        });
    }

    /// Counts what happens to the enrollments of one role in a class. `expected`: the class is over
    /// by a date that the last run knew.
    pub(super) fn enrollments(
        &mut self,
        role: RecordKind,
        school: &SourceId,
        change: RosterChange,
        expected: bool,
    ) {
        let RosterChange { before, removed, ended, moved, left, added } = change;
        let (removed, ended) = if expected { (0, removed + ended) } else { (removed, ended) };
        // A teacher who takes over from another changes the class and removes nothing from it.
        let (watched, replaced) = if role == RecordKind::Teacher {
            (Watched::TeacherEnrollment, removed.min(added))
        } else {
            // The additions are in other classes; see `settle_moves`.
            (Watched::StudentEnrollment, moved.min(removed))
        };
        let removed = removed - replaced;
        let added = if role == RecordKind::Teacher { added - replaced } else { added };
        self.enrollment(watched, school, |watch| {
            watch.counts.in_mirror += before as u64;
            watch.counts.removed += removed as u64;
            watch.counts.ended += ended as u64;
            watch.counts.added += added as u64;
            watch.counts.changed += replaced as u64;
            watch.left += left.min(removed) as u64;
            watch.expected += if expected { before } else { ended } as u64;
        });
    }

    /// Counts the relationships of a student before and after the run.
    pub(super) fn relationships(
        &mut self,
        schools: &[SourceId],
        (before, removed, added): (usize, usize, usize),
    ) {
        self.watched(Watched::Relationship, schools, |watch| {
            watch.counts.in_source += (before - removed + added) as u64;
            watch.counts.in_mirror += before as u64;
            watch.counts.removed += removed as u64;
            watch.counts.added += added as u64;
        });
    }

    /// Counts what people see of a class before and after the run.
    pub(super) fn class_seen(&mut self, school: &SourceId, before: Seen, after: Seen) {
        let count = |effects: &mut Effects| {
            let add = |effect: &mut Effect, before: bool, after: bool| {
                effect.before += u64::from(before);
                effect.after += u64::from(after);
            };
            add(&mut effects.active_classes, before.active, after.active);
            add(&mut effects.classes_with_teacher, before.has_teacher, after.has_teacher);
        };
        count(&mut self.district.effects);
        count(&mut self.school(school).effects);
    }

    /// Counts whether a student is in an active class before and after the run.
    pub(super) fn student_seen(&mut self, schools: &[SourceId], before: bool, after: bool) {
        let count = |effects: &mut Effects| {
            effects.students_with_class.before += u64::from(before);
            effects.students_with_class.after += u64::from(after);
            effects.students_without_class += u64::from(before && !after);
        };
        count(&mut self.district.effects);
        for school in schools {
            count(&mut self.school(school).effects);
        }
    }

    /// Adds a student who has other classes than before, as many, in the same schools.
    pub(super) fn student_moved(&mut self, key: &SourceId) {
        self.moved.insert(key.hash64());
    }

    /// Adds a student who leaves the district or changes schools.
    pub(super) fn student_left(&mut self, key: &SourceId) {
        self.left.insert(key.hash64());
    }

    /// Whether a student leaves the district or changes schools. Final after the decide pass over
    /// students.
    pub(super) fn has_left(&self, key: &SourceId) -> bool {
        self.left.contains(&key.hash64())
    }

    /// Whether a student has other classes than before instead of fewer. Final after the decide
    /// pass over students.
    pub(super) fn has_moved(&self, key: &SourceId) -> bool {
        self.moved.contains(&key.hash64())
    }

    /// Checks a class that stays for guard 8.
    pub(super) fn check_class(
        &mut self,
        class: &SourceId,
        school: &SourceId,
        lost: usize,
        of: usize,
    ) {
        if holds::is_halved(lost, of) && self.halved.len() < MOST_CLASSES {
            self.halved.push(holds::halved(class, school, lost, of));
        }
    }

    fn count(&mut self, kind: RecordKind, schools: &[SourceId], count: impl Fn(&mut Watch)) {
        match Watched::of(kind) {
            Some(watched) => self.watched(watched, schools, count),
            None => count(&mut self.others[kind as usize]),
        }
    }

    fn watched(&mut self, watched: Watched, schools: &[SourceId], count: impl Fn(&mut Watch)) {
        count(self.district.of(watched));
        for school in schools {
            count(self.school(school).of(watched));
        }
    }

    fn enrollment(&mut self, watched: Watched, school: &SourceId, count: impl Fn(&mut Watch)) {
        self.watched(watched, std::slice::from_ref(school), count);
    }

    fn school(&mut self, id: &SourceId) -> &mut Watches {
        &mut self
            .schools
            .entry(id.hash64())
            .or_insert_with(|| OfSchool { id: id.clone(), watches: Watches::default() })
            .watches
    }

    /// Returns the result of the tally.
    pub(super) fn close(mut self, context: &PlanContext<'_>, protected: &Protected) -> Closed {
        let limits = holds::limits(context.policy);
        self.expect_graduates();
        self.settle_moves();
        let mut schools: Vec<OfSchool> = std::mem::take(&mut self.schools).into_values().collect();
        schools.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        self.missing_schools.sort_unstable();
        let mut holds = Vec::new();
        if !protected.withheld().keep_all() {
            self.missing(protected, &mut holds);
        }
        self.unreadable(&limits, protected, &mut holds);
        let whole = std::iter::once((None, &self.district));
        let scopes = whole.chain(schools.iter().map(|of| (Some(&of.id), &of.watches)));
        for (school, watches) in scopes {
            watch_scope(&limits, context.recent, (school, watches), &mut holds);
        }
        self.add_halved(&mut holds);
        let schools = schools.into_iter().map(of_school);
        Closed {
            counts: self.counts(),
            effects: self.district.effects,
            holds,
            schools: schools.filter(|school| !school.counts.is_empty()).collect(),
            still_named: Watched::ALL
                .into_iter()
                .map(|watched| (watched.name().to_owned(), self.referenced[watched as usize].0))
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }

    /// Counts the graduates and their relationships as ended, not as removed.
    fn expect_graduates(&mut self) {
        let graduates = std::mem::take(&mut self.graduates);
        let expect = |watch: &mut Watch, count: u64| {
            let count = count.min(watch.counts.removed);
            watch.counts.removed -= count;
            watch.counts.ended += count;
            watch.expected += count;
        };
        for student in graduates.all() {
            let related = student.relationships;
            self.watched(Watched::Student, &student.schools, |watch| expect(watch, 1));
            self.watched(Watched::Relationship, &student.schools, |watch| expect(watch, related));
        }
    }

    /// An enrollment that a student has instead of another one is not added: the other one has
    /// changed.
    fn settle_moves(&mut self) {
        let schools = self.schools.values_mut().map(|school| &mut school.watches);
        for watches in schools.chain([&mut self.district]) {
            let counts = &mut watches.of(Watched::StudentEnrollment).counts;
            counts.added = counts.added.saturating_sub(counts.changed);
        }
    }

    /// Guard 8. The classes of a school in which too many enrollments would be removed anyway are
    /// not named one by one.
    fn add_halved(&mut self, holds: &mut Vec<Hold>) {
        let named: BTreeSet<SourceId> = holds
            .iter()
            .filter(|hold| hold.kind == STUDENT_ENROLLMENT && hold.guard == Guard::Removed)
            .filter_map(|hold| hold.school.clone())
            .collect();
        self.halved.retain(|hold| !hold.school.as_ref().is_some_and(|of| named.contains(of)));
        self.halved.sort_unstable_by(|a, b| (&a.school, &a.class).cmp(&(&b.school, &b.class)));
        holds.append(&mut self.halved);
    }

    /// Guard 2.
    fn missing(&self, protected: &Protected, holds: &mut Vec<Hold>) {
        let schools = self.district.by_kind[Watched::School as usize].counts.in_mirror;
        holds.extend(holds::missing_schools(&self.missing_schools, schools));
        for kind in RecordKind::ALL {
            let has_unreadable = protected.any_unreadable(kind);
            holds.extend(holds::missing_kind(count_name(kind), self.of(kind), has_unreadable));
        }
        let has_unreadable = protected.any_unreadable(RecordKind::Class);
        for watched in [Watched::StudentEnrollment, Watched::TeacherEnrollment] {
            let watch = &self.district.by_kind[watched as usize];
            holds.extend(holds::missing_kind(watched.name(), watch, has_unreadable));
        }
    }

    /// Guards 4 and 5, for the whole district.
    fn unreadable(&self, limits: &Limits, protected: &Protected, holds: &mut Vec<Hold>) {
        for kind in RecordKind::ALL {
            let in_source = self.of(kind).counts.in_source;
            let unreadable = protected.count(kind);
            let scope = Scope { kind: count_name(kind), school: None };
            holds.extend(holds::unreadable(limits, scope, unreadable, in_source + unreadable));
        }
        for watched in [Watched::Student, Watched::Teacher, Watched::Guardian] {
            let of = self.district.by_kind[watched as usize].counts.in_mirror;
            let referenced = self.referenced[watched as usize];
            holds.extend(holds::referenced(limits, watched.name(), referenced, of));
        }
    }

    /// Returns the counts of a kind in the district.
    fn of(&self, kind: RecordKind) -> &Watch {
        match Watched::of(kind) {
            Some(watched) => &self.district.by_kind[watched as usize],
            None => &self.others[kind as usize],
        }
    }

    fn counts(&self) -> BTreeMap<String, Counts> {
        let mut counts = by_name(&self.district);
        for kind in RecordKind::ALL {
            counts.insert(count_name(kind).to_owned(), self.of(kind).counts.with_unchanged());
        }
        for name in [ENROLLMENT, STUDENT_ENROLLMENT, TEACHER_ENROLLMENT] {
            counts.entry(name.to_owned()).or_default();
        }
        counts
    }
}

/// Returns the counts by name, without kinds that have none.
fn by_name(watches: &Watches) -> BTreeMap<String, Counts> {
    let of = |watched: Watched| watches.by_kind[watched as usize].counts;
    let all = of(Watched::StudentEnrollment) + of(Watched::TeacherEnrollment);
    let kinds = Watched::ALL.into_iter().map(|watched| (watched.name(), of(watched)));
    kinds
        .chain([(ENROLLMENT, all)])
        .filter(|(_, counts)| *counts != Counts::default())
        .map(|(name, counts)| (name.to_owned(), counts.with_unchanged()))
        .collect()
}

/// The result of a tally.
pub(super) struct Closed {
    pub(super) counts: BTreeMap<String, Counts>,
    pub(super) effects: Effects,
    pub(super) holds: Vec<Hold>,
    pub(super) schools: Vec<SchoolCounts>,
    /// See [`roster::review::Review::still_named`].
    pub(super) still_named: BTreeMap<String, u64>,
}

/// Guards 1, 3, 6 and 7 in a school or in the district, and guard 4 in a school.
fn watch_scope(
    limits: &Limits,
    recent: &RecentRemovals,
    (school, watches): (Option<&SourceId>, &Watches),
    holds: &mut Vec<Hold>,
) {
    let removed = |watched: Watched| watches.by_kind[watched as usize].counts.removed;
    let removed = (removed(Watched::Class), removed(Watched::Student));
    holds.extend(holds::emptied(limits, school, &watches.effects, removed));
    for watched in Watched::ALL {
        let scope = Scope { kind: watched.name(), school };
        let watch =
            &holds::beyond_people(watched, &watches.by_kind[watched as usize], holds, school);
        let too_many = holds::too_many(limits, scope, watch);
        if !too_many.iter().any(|hold| hold.guard == Guard::Removed) {
            // The removals of this run alone are reason enough; those before need no mention.
            let removed = recent.of(school, watched.name());
            holds.extend(holds::too_many_lately(limits, scope, watch, removed));
        }
        holds.extend(too_many);
        holds.extend(holds::too_many_added(limits, scope, watch));
        let unreadable = watches.unreadable[watched as usize];
        if unreadable > 0 {
            let of = watch.counts.in_source + unreadable;
            holds.extend(holds::unreadable(limits, scope, unreadable, of));
        }
    }
}

fn of_school(school: OfSchool) -> SchoolCounts {
    SchoolCounts { school: school.id, counts: by_name(&school.watches) }
}
