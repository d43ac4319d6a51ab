//! Holds: when a plan is too dangerous to apply without a person's decision (R-H1).
//!
//! Engine and undo count the effects of a plan; the functions here decide, one per guard. A hold
//! says in one sentence what would happen to how many.

use std::collections::BTreeMap;

use roster::change::Counts;
use roster::id::SourceId;
use roster::outcome::{
    Effect, Effects, Guard, Hold, RELATIONSHIP, STUDENT_ENROLLMENT, TEACHER_ENROLLMENT, plural,
};
use roster::policy::{HoldScope, Policy};
use roster::records::RecordKind;
use roster::withheld::{Extent, Withheld};

/// With fewer records than this in its scope, a guard trips at half of them, if these are at least
/// [`FEW_LOST`], or at all of them.
const FEW: u64 = 20;

/// See [`FEW`].
const FEW_LOST: u64 = 5;

/// The limit in small scopes, in percent. See [`FEW`].
const HALF: f64 = 50.0;

/// The guard against additions watches scopes with at least so many records.
const MANY: u64 = 100;

/// A class of so many students must not lose more than half of them.
const CLASS_SIZE: usize = 5;

/// What the guards watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watched {
    School,
    Student,
    Teacher,
    Class,
    Guardian,
    StudentEnrollment,
    TeacherEnrollment,
    Relationship,
}

impl Watched {
    pub(crate) const ALL: [Watched; 8] = [
        Watched::School,
        Watched::Student,
        Watched::Teacher,
        Watched::Class,
        Watched::Guardian,
        Watched::StudentEnrollment,
        Watched::TeacherEnrollment,
        Watched::Relationship,
    ];

    /// Returns what is watched for a kind of record, if the guards watch it.
    pub(crate) fn of(kind: RecordKind) -> Option<Self> {
        match kind {
            RecordKind::School => Some(Watched::School),
            RecordKind::Student => Some(Watched::Student),
            RecordKind::Teacher => Some(Watched::Teacher),
            RecordKind::Class => Some(Watched::Class),
            RecordKind::Guardian => Some(Watched::Guardian),
            RecordKind::Term | RecordKind::Course => None,
        }
    }

    /// The key in [`roster::outcome::Outcome::counts`].
    pub(crate) fn name(self) -> &'static str {
        match self {
            Watched::School => RecordKind::School.name(),
            Watched::Student => RecordKind::Student.name(),
            Watched::Teacher => RecordKind::Teacher.name(),
            Watched::Class => RecordKind::Class.name(),
            Watched::Guardian => RecordKind::Guardian.name(),
            Watched::StudentEnrollment => STUDENT_ENROLLMENT,
            Watched::TeacherEnrollment => TEACHER_ENROLLMENT,
            Watched::Relationship => RELATIONSHIP,
        }
    }
}

/// Where a guard looks: a kind of record in a school, or in the whole district.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// The kind, as [`Watched::name`] returns it.
    pub(crate) kind: &'a str,
    /// The school; `None` for the district.
    pub(crate) school: Option<&'a SourceId>,
}

impl Scope<'_> {
    fn place(self) -> &'static str {
        if self.school.is_some() { "of the school" } else { "of the district" }
    }

    fn hold(self, guard: Guard, (count, of): (u64, u64), what: String) -> Hold {
        let (kind, school) = (self.kind.to_owned(), self.school.cloned());
        Hold { guard, kind, school, class: None, what, count, of }
    }
}

/// The counts of a kind in a scope, as the guards see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    /// The counts that reports show.
    pub(crate) counts: Counts,
    /// How many of [`Counts::in_mirror`] end by a date that the last run knew. Their removal and
    /// their change are expected.
    pub(crate) expected: u64,
    /// How many of [`Counts::changed`] are students whose grade alone changes.
    pub(crate) promoted: u64,
    /// How many of the removed enrollments are those of people who leave the district or change
    /// schools.
    pub(crate) left: u64,
}

impl Watch {
    /// The number of records with which removals and changes are compared.
    fn of(&self) -> u64 {
        self.counts.in_mirror.saturating_sub(self.expected)
    }
}

/// The percentages above which the guards trip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    removed: f64,
    changed: f64,
    added: f64,
    unreadable: f64,
}

/// Returns the limits of a policy.
pub(crate) fn limits(policy: &Policy) -> Limits {
    Limits {
        removed: policy.hold_if_removed_percent,
        changed: policy.hold_if_changed_percent,
        added: policy.hold_if_added_percent,
        unreadable: policy.hold_if_unreadable_percent,
    }
}

/// Returns the highest of several grades as a number: 0 is kindergarten. `None` if none is known, or
/// none says how many years are left until graduation.
pub(crate) fn highest_grade<'a>(grades: impl Iterator<Item = &'a str>) -> Option<u8> {
    let number = |grade: &str| match grade {
        "KG" => Some(0),
        grade => grade.parse().ok().filter(|grade| (1..=13).contains(grade)),
    };
    grades.filter_map(number).max()
}

/// Returns whether a student who leaves after all classes are over is expected to: the student was
/// in the highest grade of the school, and not all `students` of the school are `leaving`.
pub(crate) fn may_graduate(
    grade: Option<u8>,
    highest: Option<u8>,
    leaving: u64,
    students: u64,
) -> bool {
    grade.is_some() && grade == highest && leaving < students
}

/// What of a plan waits for a decision (R-H5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Nothing: no guard tripped.
    Nothing,
    /// The whole run.
    Everything,
    /// What these scopes leave out. A plan without it may trip the guards of the district again:
    /// then the answer for that plan is added.
    Scopes(Withheld),
}

/// Decides what of a plan waits for a decision (R-H5). `already`: what the plan has left out.
pub fn waits(policy: &Policy, holds: &[Hold], already: &Withheld) -> Waits {
    let is_narrow = match policy.hold_scope {
        HoldScope::Narrow => true,
        HoldScope::District => false,
    };
    if holds.is_empty() {
        return Waits::Nothing;
    }
    let everything = |hold: &Hold| concerns_everything(hold) && !is_of_few_schools(hold, holds);
    if !is_narrow || holds.iter().any(everything) {
        return Waits::Everything;
    }
    let mut withheld = already.clone();
    for hold in holds {
        match (&hold.class, &hold.school) {
            (Some(class), _) => drop(withheld.classes.insert(class.clone())),
            (None, Some(school)) => withheld.add_school(school, extent(hold.guard)),
            (None, None) => {}
        }
    }
    // The guards of the district may have tripped only because of schools that tripped themselves.
    if withheld == *already {
        for hold in holds {
            withheld.add_district(extent(hold.guard));
        }
    }
    if withheld == *already { Waits::Everything } else { Waits::Scopes(withheld) }
}

/// Whether a hold makes the data of the whole district suspicious.
fn concerns_everything(hold: &Hold) -> bool {
    let is_districts = hold.school.is_none() && hold.class.is_none();
    match hold.guard {
        Guard::Review | Guard::Outdated => true,
        Guard::Missing | Guard::Emptied | Guard::Unreadable | Guard::Referenced | Guard::Added => {
            is_districts
        }
        Guard::Removed => is_districts && hold.count * 2 > hold.of,
        Guard::Changed | Guard::Cumulative | Guard::Halved => false,
    }
}

/// Whether a guard of the district may have tripped only because of schools in which it tripped too,
/// with less than half of the district's records of the kind. The plan without them tells: if the
/// guard trips there again, the whole run waits.
fn is_of_few_schools(hold: &Hold, holds: &[Hold]) -> bool {
    // One guard can have several holds of a kind in a school.
    let mut schools: BTreeMap<&SourceId, u64> = BTreeMap::new();
    let same = |other: &&Hold| {
        (other.guard, &other.kind) == (hold.guard, &hold.kind) && other.class.is_none()
    };
    for other in holds.iter().filter(same) {
        if let Some(school) = &other.school {
            let of = schools.entry(school).or_default();
            *of = (*of).max(other.of);
        }
    }
    let of: u64 = schools.values().sum();
    match hold.guard {
        Guard::Emptied | Guard::Unreadable | Guard::Added => of > 0 && of * 2 < hold.of,
        Guard::Removed
        | Guard::Changed
        | Guard::Missing
        | Guard::Referenced
        | Guard::Cumulative
        | Guard::Halved
        | Guard::Outdated
        | Guard::Review => false,
    }
}

/// What a guard that tripped in a school leaves out there. Classes that become inactive do so by
/// changes of their terms, too.
fn extent(guard: Guard) -> Extent {
    match guard {
        Guard::Changed | Guard::Emptied => Extent::RemovalsAndChanges,
        Guard::Removed
        | Guard::Missing
        | Guard::Unreadable
        | Guard::Referenced
        | Guard::Added
        | Guard::Cumulative
        | Guard::Halved
        | Guard::Outdated
        | Guard::Review => Extent::Removals,
    }
}

fn is_above(count: u64, of: u64, percent: f64) -> bool {
    if of < FEW {
        // A limit of more than half, as that of changes, applies to small scopes too.
        let is_half = count as f64 * 100.0 >= of as f64 * percent.max(HALF);
        count > 0 && (count >= of || (count >= FEW_LOST && is_half))
    } else {
        count as f64 * 100.0 > of as f64 * percent
    }
}

/// Says the limit that was exceeded.
fn limit(of: u64, percent: f64) -> String {
    if of < FEW && percent > HALF {
        format!("the limit for fewer than {FEW} is {percent} %, at least {FEW_LOST}, or all")
    } else if of < FEW {
        format!("the limit for fewer than {FEW} is half of them, at least {FEW_LOST}, or all")
    } else {
        format!("the limit is {percent} %")
    }
}

/// Returns the holds of the guards against too many removals and too many changes (guard 1).
pub(crate) fn too_many(limits: &Limits, scope: Scope<'_>, watch: &Watch) -> Vec<Hold> {
    let Watch { counts, promoted, .. } = *watch;
    let changed = counts.changed.saturating_sub(promoted);
    let of = watch.of();
    [
        (Guard::Removed, "removed", counts.removed, limits.removed),
        (Guard::Changed, "changed", changed, limits.changed),
    ]
    .into_iter()
    .filter(|(_, _, count, percent)| is_above(*count, of, *percent))
    .map(|(guard, effect, count, percent)| {
        let (kinds, place, limit) = (plural(scope.kind), scope.place(), limit(of, percent));
        let what = format!("{count} of {of} {kinds} {place} would be {effect}; {limit}");
        scope.hold(guard, (count, of), what)
    })
    .collect()
}

/// Returns the counts of a kind for guards 1 and 7. The enrollments of people who leave are removed
/// with them, and the guard over people watches that. Only if it has tripped do they count as well,
/// so that the reviewer sees all effects. `holds`: those of the people of the same scope.
pub(crate) fn beyond_people(
    watched: Watched,
    watch: &Watch,
    holds: &[Hold],
    school: Option<&SourceId>,
) -> Watch {
    let mut watch = *watch;
    let people = match watched {
        Watched::StudentEnrollment => Watched::Student,
        Watched::TeacherEnrollment => Watched::Teacher,
        _ => return watch,
    };
    let has_tripped = |hold: &Hold| {
        hold.kind == people.name() && hold.guard == Guard::Removed && hold.school.as_ref() == school
    };
    if !holds.iter().any(has_tripped) {
        watch.counts.removed = watch.counts.removed.saturating_sub(watch.left);
    }
    watch
}

/// Returns the hold of the guard against a snapshot that lacks a kind that the mirror has (guard
/// 2). `has_unreadable`: the snapshot has records of the kind that could not be read.
pub(crate) fn missing_kind(kind: &str, watch: &Watch, has_unreadable: bool) -> Option<Hold> {
    let of = watch.of();
    if watch.counts.in_source > 0 || of == 0 || has_unreadable {
        return None;
    }
    let what = format!("the source has no {}; the mirror has {of}", plural(kind));
    Some(Scope { kind, school: None }.hold(Guard::Missing, (of, of), what))
}

/// How many ids a sentence names.
const NAMED: usize = 5;

/// Returns the hold of the guard against a snapshot that lacks schools that the mirror has (guard
/// 2). `missing`: their ids.
pub(crate) fn missing_schools(missing: &[SourceId], of: u64) -> Option<Hold> {
    if missing.is_empty() {
        return None;
    }
    let count = missing.len() as u64;
    let mut names: Vec<&str> = missing.iter().take(NAMED).map(SourceId::as_str).collect();
    if missing.len() > NAMED {
        names.push("…");
    }
    let are = if count == 1 { "is" } else { "are" };
    let schools = if of == 1 { "school" } else { "schools" };
    let what =
        format!("{count} of {of} {schools} {are} missing from the source: {}", names.join(", "));
    Some(Scope { kind: Watched::School.name(), school: None }.hold(
        Guard::Missing,
        (count, of),
        what,
    ))
}

/// Returns the holds of the guards against effects that people see: classes that become inactive or
/// lose their teachers, students who lose their last active class (guard 3). `removed`: how many
/// classes and students the plan removes; a guard that sees nothing else leaves it to guard 1.
pub(crate) fn emptied(
    limits: &Limits,
    school: Option<&SourceId>,
    effects: &Effects,
    removed: (u64, u64),
) -> Vec<Hold> {
    let fall = |effect: Effect| (effect.before.saturating_sub(effect.after), effect.before);
    let students = (effects.students_without_class, effects.students_with_class.before);
    let (class, student) = (Watched::Class.name(), Watched::Student.name());
    let place = Scope { kind: class, school }.place();
    [
        (class, removed.0, fall(effects.classes_with_teacher), "classes", "lose their teachers"),
        (class, removed.0, fall(effects.active_classes), "active classes", "become inactive"),
        (student, removed.1, students, "students", "lose their last active class"),
    ]
    .into_iter()
    .filter(|(_, removed, (count, of), ..)| {
        count > removed && is_above(*count, *of, limits.removed)
    })
    .map(|(kind, _, (count, of), things, would)| {
        let limit = limit(of, limits.removed);
        let what = format!("{count} of {of} {things} {place} would {would}; {limit}");
        Scope { kind, school }.hold(Guard::Emptied, (count, of), what)
    })
    .collect()
}

/// Returns the hold of the guard against unreadable records (guard 4). `of`: all records of the
/// kind in the snapshot, with the unreadable ones.
pub(crate) fn unreadable(limits: &Limits, scope: Scope<'_>, count: u64, of: u64) -> Option<Hold> {
    if !is_above(count, of, limits.unreadable) {
        return None;
    }
    let (kinds, limit) = (plural(scope.kind), limit(of, limits.unreadable));
    let what = format!(
        "{count} of {of} {kinds} in the source cannot be read and would stay as they are; {limit}"
    );
    Some(scope.hold(Guard::Unreadable, (count, of), what))
}

/// Returns the hold of the guard against people who are missing although the source still refers to
/// them (guard 5). `enrollments`: how many enrollments they have in the source.
pub(crate) fn referenced(
    limits: &Limits,
    kind: &str,
    (count, enrollments): (u64, u64),
    of: u64,
) -> Option<Hold> {
    if !is_above(count, of, limits.unreadable) {
        return None;
    }
    let (kinds, limit) = (plural(kind), limit(of, limits.unreadable));
    let still = match enrollments {
        0 => "still refers to them".to_owned(),
        count => format!("still has {count} enrollments of them"),
    };
    let what =
        format!("{count} of {of} {kinds} are missing from the source, which {still}; {limit}");
    Some(Scope { kind, school: None }.hold(Guard::Referenced, (count, of), what))
}

/// Returns the hold of the guard against too many additions (guard 6). Records that replace others
/// whose end was known do not count, as new classes at the beginning of a school year. If all
/// enrollments of students have ended, a school year begins, and those of the last year say little:
/// its graduates may have left before. The students themselves are still watched.
pub(crate) fn too_many_added(limits: &Limits, scope: Scope<'_>, watch: &Watch) -> Option<Hold> {
    let of = watch.counts.in_mirror;
    let count = watch.counts.added.saturating_sub(watch.expected);
    let begins = scope.kind == STUDENT_ENROLLMENT && watch.expected >= of;
    if of < MANY || begins || count as f64 * 100.0 <= of as f64 * limits.added {
        return None;
    }
    let (kinds, place) = (plural(scope.kind), scope.place());
    let what =
        format!("{count} {kinds} would be added to {of} {place}; the limit is {} %", limits.added);
    Some(scope.hold(Guard::Added, (count, of), what))
}

/// Returns the hold of the guard against removals that add up over several days (guard 7).
/// `recent`: how many of the kind the runs of the last 7 days have removed, without this one.
pub(crate) fn too_many_lately(
    limits: &Limits,
    scope: Scope<'_>,
    watch: &Watch,
    recent: u64,
) -> Option<Hold> {
    let removed = watch.counts.removed;
    let (count, of, percent) = (removed + recent, watch.of() + recent, limits.removed * 2.0);
    if removed == 0 || recent == 0 || !is_above(count, of, percent) {
        return None;
    }
    let (kinds, place, limit) = (plural(scope.kind), scope.place(), limit(of, percent));
    let what = format!(
        "{count} of {of} {kinds} {place} would be removed within 7 days, {removed} of them by this \
         run; {limit}"
    );
    Some(scope.hold(Guard::Cumulative, (count, of), what))
}

/// Whether a class that stays loses too many of its students (guard 8).
pub(crate) fn is_halved(lost: usize, of: usize) -> bool {
    of >= CLASS_SIZE && lost * 2 > of
}

/// Returns the hold of a class for which [`is_halved`] is true.
pub(crate) fn halved(class: &SourceId, school: &SourceId, lost: usize, of: usize) -> Hold {
    let what = format!("class {} would lose {lost} of its {of} students but stays", class.as_str());
    let scope = Scope { kind: STUDENT_ENROLLMENT, school: Some(school) };
    Hold { class: Some(class.clone()), ..scope.hold(Guard::Halved, (lost as u64, of as u64), what) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    const STUDENTS: Scope<'_> = Scope { kind: "student", school: None };

    fn sis() -> Limits {
        limits(&Policy::from_preset("sis", &Map::new()).unwrap())
    }

    fn watch(removed: u64, changed: u64, in_mirror: u64) -> Watch {
        let counts = Counts { removed, changed, in_mirror, ..Counts::default() };
        Watch { counts, ..Watch::default() }
    }

    fn holds(removed: u64, changed: u64, of: u64) -> usize {
        too_many(&sis(), STUDENTS, &watch(removed, changed, of)).len()
    }

    #[test]
    fn r_h1_a_guard_trips_above_its_percentage() {
        assert_eq!((holds(10, 75, 100), holds(11, 75, 100), holds(11, 76, 100)), (0, 1, 2));
    }

    #[test]
    fn r_h1_with_fewer_than_twenty_records_a_guard_trips_at_five_and_a_half_or_at_all() {
        assert_eq!((holds(9, 0, 19), holds(10, 0, 19), holds(19, 0, 19)), (0, 1, 1));
        assert_eq!((holds(4, 0, 8), holds(4, 0, 5), holds(5, 0, 10)), (0, 0, 1));
        assert_eq!((holds(1, 0, 1), holds(0, 0, 0), holds(2, 0, 3)), (1, 0, 0));
        assert_eq!(holds(3, 0, 20), 1);
    }

    #[test]
    fn r_h1_records_that_end_as_expected_are_not_part_of_the_comparison() {
        let half_over = Watch { expected: 50, ..watch(6, 0, 100) };
        assert_eq!(too_many(&sis(), STUDENTS, &half_over).len(), 1, "6 of 50");
        let all_over = Watch { expected: 100, ..watch(0, 0, 100) };
        assert_eq!(missing_kind("class", &all_over, false), None);
    }

    #[test]
    fn r_h1_additions_count_above_half_of_at_least_a_hundred() {
        let added = |added, in_mirror, expected| {
            let counts = Counts { added, in_mirror, ..Counts::default() };
            let watch = Watch { counts, expected, ..Watch::default() };
            too_many_added(&sis(), STUDENTS, &watch).is_some()
        };
        assert_eq!((added(50, 100, 0), added(51, 100, 0), added(99, 99, 0)), (false, true, false));
        assert_eq!((added(150, 100, 100), added(151, 100, 100)), (false, true));
    }

    #[test]
    fn r_h1_removals_of_seven_days_add_up() {
        let lately = |removed, recent, of| {
            too_many_lately(&sis(), STUDENTS, &watch(removed, 0, of), recent).is_some()
        };
        // Of 1,000 students a week ago, 196 are gone and 4 more would be: exactly 20 %.
        assert_eq!(
            (lately(4, 196, 804), lately(5, 196, 804), lately(0, 300, 700)),
            (false, true, false)
        );
        assert!(!lately(150, 0, 1000), "guard 1 alone watches a single run");
    }

    #[test]
    fn r_h1_a_class_of_five_must_not_lose_more_than_half_of_its_students() {
        assert_eq!((is_halved(2, 5), is_halved(3, 5), is_halved(4, 4)), (false, true, false));
        assert_eq!((is_halved(10, 20), is_halved(11, 20)), (false, true));
    }
}
