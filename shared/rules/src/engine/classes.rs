//! Classes: their fate (pass A), and their next state with the roster (pass B).

use hashbrown::hash_map::Entry;

use super::edits::{self, EditsByRecord, Roster};
use super::facts::{ClassFate, Facts, has_seat_today};
use super::gaps::Gaps;
use super::guard::Became;
use super::hashes::{IdMap, IdSet, pair};
use super::lists;
use super::merge::{Reading, projections};
use super::output::{Output, Why};
use roster::contract::{PlanContext, PlanError, PlanInputs, PlanSink};
use roster::edit::LocalEdit;
use roster::finding::sync;
use roster::id::{SourceId, hash64};
use roster::policy::{AbandonedClasses, AbandonedInManualClasses};
use roster::records::{
    Class, ClassDetails, ClassState, Inactive, Membership, Mirrored, MirroredBox, Origin,
    RecordKind, Status, kinds,
};
use roster::rule::Rule;

type Item = MirroredBox<kinds::Classes>;

/// Pass A: what becomes of each class.
pub(super) fn survey<I: PlanInputs>(
    context: &PlanContext<'_>,
    from: &Reading<'_, I>,
    gaps: &Gaps,
    facts: &mut Facts,
    schools: &mut IdSet,
) -> Result<(), PlanError> {
    projections::<kinds::Classes, I>(from, |at, _| {
        let (source, item) = at.parts();
        if let Some(source) = &source {
            schools.insert(source.details.school.hash64());
        }
        let Some(id) =
            source.as_ref().map(|source| &source.id).or(item.as_ref().map(|item| &item.key))
        else {
            return Ok(());
        };
        let key = id.hash64();
        let fate = match (&source, &item) {
            (_, Some(item)) if item.origin == Origin::Manual => {
                ClassFate::Manual { archived: item.status == Status::Archived }
            }
            (Some(source), item) => {
                let before = item.as_ref().filter(|item| item.status == Status::Active);
                let has_teacher = lists_somebody(context, gaps, facts, source, RecordKind::Teacher)
                    || before.is_some_and(|item| {
                        item.state.teachers.iter().map(SourceId::hash64).any(|teacher| {
                            facts.teachers.active.contains(&teacher)
                                && facts.seat_stays(
                                    &facts.teachers,
                                    &facts.kept_teachers,
                                    key,
                                    teacher,
                                )
                        })
                    });
                let admits = has_teacher && facts.terms_over(&source.details.terms) != Some(true);
                ClassFate::Present { was_active: before.is_some(), admits }
            }
            (None, Some(item)) if item.status == Status::Archived => ClassFate::Archived,
            (None, Some(item)) => {
                if gaps.keeps_all(RecordKind::Class)
                    || gaps.has(RecordKind::Class, item.id.hash64())
                    || gaps.pins(RecordKind::Class, key)
                {
                    schools.insert(item.state.details.school.hash64());
                    ClassFate::Kept { admits: item.state.inactive.is_empty() }
                } else {
                    match context.policy.abandoned_classes {
                        AbandonedClasses::Archive => ClassFate::Archived,
                        AbandonedClasses::Disconnect => ClassFate::Manual { archived: false },
                    }
                }
            }
            (None, None) => return Ok(()),
        };
        facts.classes.insert(key, fate);
        Ok(())
    })
}

/// Whether the source lists anybody of a kind in the class today, admitted or not (readings, R-C4).
fn lists_somebody(
    context: &PlanContext<'_>,
    gaps: &Gaps,
    facts: &Facts,
    class: &Class,
    tag: RecordKind,
) -> bool {
    let (seats, people) = match tag {
        RecordKind::Teacher => (&class.teachers, &facts.teachers),
        _ => (&class.students, &facts.students),
    };
    has_seat_today(seats, &people.left_out, context.today)
        || gaps.seats_of_class(tag, class.id.hash64()).iter().any(|seat| seat.is_on(context.today))
}

/// Pass B over classes.
pub(super) struct Classes<'f> {
    facts: &'f Facts,
    gaps: &'f Gaps,
    edits: EditsByRecord<'f>,
    /// Teacher and title of the classes so far, with the first class of each (R-M3).
    titles: IdMap<SourceId>,
}

impl<'f> Classes<'f> {
    pub(super) fn new(facts: &'f Facts, gaps: &'f Gaps, edits: EditsByRecord<'f>) -> Self {
        Self { facts, gaps, edits, titles: IdMap::default() }
    }

    /// The next state of one class.
    pub(super) fn visit<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        source: Option<Box<Class>>,
        item: Option<Item>,
    ) -> Result<(), PlanError> {
        if let Some(source) = &source {
            let school = &source.details.school;
            output.tally.in_source(RecordKind::Class, std::slice::from_ref(school));
            output.tally.seats_in_source(school, source.teachers.len() + source.students.len());
        }
        let Some(key) =
            item.as_ref().map(|item| &item.key).or(source.as_ref().map(|source| &source.id))
        else {
            return Ok(());
        };
        let edits = self.edits.of(key)?;
        match (source, item) {
            (Some(source), Some(item)) if item.origin == Origin::Manual => {
                output.find::<kinds::Classes>(
                    &sync::CLASS_MADE_MANUAL,
                    Rule::A5,
                    &source.id,
                    format!(
                        "class {} was disconnected from the source and is a manual class here",
                        source.id.as_str()
                    ),
                )?;
                self.absent(output, item, edits)
            }
            (Some(source), item) => self.present(output, *source, item, edits),
            (None, Some(item)) => self.absent(output, item, edits),
            (None, None) => Ok(()),
        }
    }

    fn present<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        source: Class,
        item: Option<Item>,
        edits: Vec<LocalEdit>,
    ) -> Result<(), PlanError> {
        let before =
            item.as_ref().filter(|item| item.status == Status::Active).map(|item| &item.state);
        let lists_teacher =
            lists_somebody(output.context, self.gaps, self.facts, &source, RecordKind::Teacher);
        let lists_student =
            lists_somebody(output.context, self.gaps, self.facts, &source, RecordKind::Student);
        let off: IdSet = self.seats_off_today(output.context, &source);
        let Class { id, details, teachers, students } = source;
        let key = id.hash64();
        let students = self.students(output.context, key, students, before);
        let (teachers, primaries) = self.teachers(output.context, key, teachers, before);

        let mut inactive = Vec::new();
        if !lists_teacher && teachers.is_empty() {
            inactive.push(Inactive::NoTeacher);
        }
        if !lists_student && students.is_empty() {
            inactive.push(Inactive::NoStudent);
        }
        let over = self.facts.terms_over(&details.terms);
        if over == Some(true) {
            inactive.push(Inactive::TermOver);
        }
        self.findings(output, &id, &details, &teachers, primaries, &inactive, over)?;

        let fate = ClassFate::Present { was_active: before.is_some(), admits: true };
        let roster = Roster { fate, teachers: &teachers, students: &students };
        edits::of_class(edits, &roster, self.facts, self.gaps, output)?;

        let state = ClassState { details, teachers, students, inactive };
        let Some(item) = item else {
            output
                .tally
                .seats_added(&state.details.school, state.teachers.len() + state.students.len());
            let mut why = Why::default();
            why.add(Rule::C1, "the source has this class");
            let run = output.context.run.clone();
            return output.add::<kinds::Classes>(
                Mirrored {
                    key: id.clone(),
                    id,
                    account: None,
                    status: Status::Active,
                    origin: Origin::Source,
                    state,
                    first_seen: run.clone(),
                    changed_by: run,
                    archived_on: None,
                },
                why,
            );
        };
        let mut why = Why::default();
        if item.status == Status::Archived {
            why.add(Rule::A4, "the source has this class again");
            output
                .tally
                .seats_added(&state.details.school, state.teachers.len() + state.students.len());
        } else {
            let became =
                if item.state.details == state.details { Became::Same } else { Became::Changed };
            output.tally.was_active(
                RecordKind::Class,
                std::slice::from_ref(&item.state.details.school),
                became,
            );
            let now = lists::hashes(&state.teachers);
            let out = |seats: &[SourceId], stays: &dyn Fn(&SourceId) -> bool| {
                seats.iter().filter(|key| !stays(key) && !off.contains(&key.hash64())).count()
            };
            let removed = out(&item.state.teachers, &|key| now.contains(&key.hash64()))
                + out(&item.state.students, &|key| state.students.binary_search(key).is_ok());
            let of = item.state.teachers.len() + item.state.students.len();
            output.tally.seats(&item.state.details.school, of, removed);
            let old = lists::hashes(&item.state.teachers);
            let added = state.teachers.iter().filter(|key| !old.contains(&key.hash64())).count();
            output.tally.seats_added(
                &state.details.school,
                added + lists::missing(&state.students, &item.state.students),
            );
        }
        explain(&mut why, &item.state, &state);
        let after = Mirrored {
            key: item.key.clone(),
            id,
            account: None,
            status: Status::Active,
            origin: Origin::Source,
            state,
            first_seen: item.first_seen.clone(),
            changed_by: item.changed_by.clone(),
            archived_on: None,
        };
        output.settle(item, after, why)?;
        Ok(())
    }

    /// A class that the source does not have, or that is not its to change.
    fn absent<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        item: Item,
        edits: Vec<LocalEdit>,
    ) -> Result<(), PlanError> {
        let students = &self.facts.students;
        let was_active = item.status == Status::Active && item.origin == Origin::Source;
        let fate = self.facts.class(&item.key).unwrap_or(ClassFate::Archived);
        let roster =
            Roster { fate, teachers: &item.state.teachers, students: &item.state.students };
        edits::of_class(edits, &roster, self.facts, self.gaps, output)?;
        let leave =
            output.context.policy.abandoned_in_manual_classes == AbandonedInManualClasses::Leave;
        let mut why = Why::default();
        let (teachers, roster) = match fate {
            ClassFate::Present { .. } | ClassFate::Kept { .. } => (
                lists::without(&item.state.teachers, |key| {
                    self.facts.teachers.active.contains(&key)
                }),
                lists::without(&item.state.students, |key| students.active.contains(&key)),
            ),
            ClassFate::Manual { archived: false } if leave => {
                (None, lists::without(&item.state.students, |key| students.active.contains(&key)))
            }
            ClassFate::Manual { archived: false } => (None, None),
            ClassFate::Archived | ClassFate::Manual { archived: true } => (
                None,
                lists::without(&item.state.students, |key| !students.abandoned.contains(&key)),
            ),
        };
        if was_active {
            let of = item.state.teachers.len() + item.state.students.len();
            let kept = matches!(fate, ClassFate::Kept { .. });
            let left = teachers.as_ref().unwrap_or(&item.state.teachers).len()
                + roster.as_ref().unwrap_or(&item.state.students).len();
            output.tally.seats(&item.state.details.school, of, if kept { of - left } else { of });
            let became = if kept { Became::Same } else { Became::Removed };
            output.tally.was_active(
                RecordKind::Class,
                std::slice::from_ref(&item.state.details.school),
                became,
            );
        }
        let archives = was_active && fate == ClassFate::Archived;
        let disconnects = was_active && matches!(fate, ClassFate::Manual { .. });
        if teachers.is_none() && roster.is_none() && !archives && !disconnects {
            return Ok(());
        }
        if archives {
            why.add(Rule::A5, "no longer in the source: archived with its roster");
        }
        if disconnects {
            why.add(Rule::A5, "no longer in the source: kept as a manual class");
        }
        if (archives || disconnects)
            && !self.facts.schools.contains(&item.state.details.school.hash64())
        {
            why.add(
                Rule::A6,
                "its school is no longer in the source, or has no classes and people there",
            );
        }
        if let Some(teachers) = &teachers {
            why.add(Rule::A5, lists::difference("teachers", &item.state.teachers, teachers));
        }
        if let Some(roster) = &roster {
            let rule = match fate {
                ClassFate::Archived | ClassFate::Manual { archived: true } => Rule::A3,
                ClassFate::Manual { .. } => Rule::A2,
                _ => Rule::A1,
            };
            why.add(rule, lists::difference("students", &item.state.students, roster));
        }
        let mut after = item.clone();
        if let Some(teachers) = teachers {
            after.state.teachers = teachers;
        }
        if let Some(roster) = roster {
            after.state.students = roster;
        }
        if archives {
            after.status = Status::Archived;
            after.archived_on = Some(output.context.today);
        }
        if disconnects {
            after.origin = Origin::Manual;
        }
        output.settle(item, *after, why)?;
        Ok(())
    }

    /// Keys of the people whose seat the source lists, though not for today: they come and go by
    /// date alone.
    fn seats_off_today(&self, context: &PlanContext<'_>, class: &Class) -> IdSet {
        let off = |seats: &[Membership], people: &super::survey::People, into: &mut IdSet| {
            into.extend(
                seats
                    .iter()
                    .filter(|seat| !seat.is_on(context.today))
                    .map(|seat| people.aliases.key_hash(&seat.id)),
            );
        };
        let mut keys = IdSet::default();
        off(&class.teachers, &self.facts.teachers, &mut keys);
        off(&class.students, &self.facts.students, &mut keys);
        keys
    }

    fn students(
        &self,
        context: &PlanContext<'_>,
        class: u64,
        seats: Vec<Membership>,
        before: Option<&ClassState>,
    ) -> Vec<SourceId> {
        let people = &self.facts.students;
        let counts = |seat: &Membership| {
            seat.is_on(context.today)
                && (people.left_out.is_empty() || !people.left_out.contains(&seat.id.hash64()))
        };
        let mut keys: Vec<SourceId> = seats
            .into_iter()
            .filter(counts)
            .filter_map(|seat| people.aliases.key(seat.id))
            .collect();
        // In a loop that does nothing else, the sets' far places are waited for all at once.
        keys.retain(|key| {
            let hash = key.hash64();
            people.active.contains(&hash) && !people.unread(hash)
        });
        for seat in self.gaps.seats_of_class(RecordKind::Student, class) {
            let Some(key) = people.aliases.key(seat.id.clone()) else { continue };
            if seat.is_on(context.today) && people.gapped.contains(&key.hash64()) {
                keys.push(key);
            }
        }
        if let Some(before) = before {
            lists::add_those(&mut keys, &before.students, |key| {
                people.active.contains(&key)
                    && self.facts.seat_stays(people, &self.facts.kept_students, class, key)
            });
        }
        lists::sorted(keys)
    }

    /// The teachers, the primary one first (R-T2), and how many the source marks as primary.
    fn teachers(
        &self,
        context: &PlanContext<'_>,
        class: u64,
        seats: Vec<Membership>,
        before: Option<&ClassState>,
    ) -> (Vec<SourceId>, usize) {
        let people = &self.facts.teachers;
        let mut keys: Vec<SourceId> = Vec::with_capacity(seats.len());
        let mut primary: Option<usize> = None;
        let mut primaries = 0;
        let mut take = |id: SourceId,
                        is_primary: bool,
                        allowed: &dyn Fn(u64) -> bool,
                        keys: &mut Vec<SourceId>| {
            let Some(key) = people.aliases.key(id) else { return };
            if allowed(key.hash64()) && !keys.contains(&key) {
                if is_primary {
                    primary = primary.or(Some(keys.len()));
                    primaries += 1;
                }
                keys.push(key);
            }
        };
        for seat in seats {
            if seat.is_on(context.today) && !people.left_out.contains(&seat.id.hash64()) {
                let tonight = |key: u64| {
                    people.active.contains(&key)
                        && (!people.unread(key) || self.sits(context, class, key, &seat.id))
                };
                take(seat.id.clone(), seat.primary, &tonight, &mut keys);
            }
        }
        for seat in self.gaps.seats_of_class(RecordKind::Teacher, class) {
            if seat.is_on(context.today) {
                take(seat.id.clone(), seat.primary, &|key| people.gapped.contains(&key), &mut keys);
            }
        }
        if let Some(before) = before {
            for (place, key) in before.teachers.iter().enumerate() {
                let hash = key.hash64();
                if people.active.contains(&hash)
                    && self.facts.seat_stays(people, &self.facts.kept_teachers, class, hash)
                    && !keys.contains(key)
                {
                    if place == 0 && primary.is_none() {
                        primary = Some(keys.len());
                        primaries = 1;
                    }
                    keys.push(key.clone());
                }
            }
        }
        if let Some(place) = primary {
            keys[..=place].rotate_right(1);
        }
        (keys, primaries)
    }

    /// Whether a person whose own row is bad is enrolled here tonight all the same.
    fn sits(&self, context: &PlanContext<'_>, class: u64, key: u64, id: &SourceId) -> bool {
        self.facts.teachers.gapped.contains(&key)
            && self
                .gaps
                .seats_of_class(RecordKind::Teacher, class)
                .iter()
                .any(|seat| seat.id == *id && seat.is_on(context.today))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "all of it is one class, in parts that are about to be moved into its state"
    )]
    fn findings<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        id: &SourceId,
        details: &ClassDetails,
        teachers: &[SourceId],
        primaries: usize,
        inactive: &[Inactive],
        over: Option<bool>,
    ) -> Result<(), PlanError> {
        let name = id.as_str();
        for reason in inactive {
            let (code, what) = match reason {
                Inactive::NoTeacher => {
                    (&sync::CLASS_NO_TEACHER, format!("class {name} has no teacher today"))
                }
                Inactive::NoStudent => {
                    (&sync::CLASS_NO_STUDENT, format!("class {name} has no student today"))
                }
                Inactive::TermOver => {
                    (&sync::CLASS_TERM_OVER, format!("all terms of class {name} are over"))
                }
            };
            output.find::<kinds::Classes>(code, Rule::C4, id, what)?;
        }
        if over.is_none() {
            let what = if details.terms.is_empty() {
                "has no term"
            } else {
                "has a term that is not in the data"
            };
            output.find::<kinds::Classes>(
                &sync::CLASS_NO_TERM,
                Rule::C4,
                id,
                format!("class {name} {what}"),
            )?;
        }
        if primaries == 0 && !teachers.is_empty() {
            let what = format!(
                "class {name} has {} teachers, none of them marked as primary",
                teachers.len()
            );
            output.find::<kinds::Classes>(&sync::CLASS_NO_PRIMARY, Rule::T2, id, what)?;
        }
        if primaries > 1 {
            let what = format!(
                "class {name} has {primaries} primary teachers; the first one listed was used"
            );
            output.find::<kinds::Classes>(&sync::CLASS_MANY_PRIMARIES, Rule::T2, id, what)?;
        }
        let co_teachers = teachers.len().saturating_sub(1);
        if let Some(most) =
            output.context.policy.max_source_co_teachers.filter(|most| co_teachers > *most as usize)
        {
            let what = format!(
                "class {name} has {co_teachers} co-teachers in the source, which supports {most}"
            );
            output.find::<kinds::Classes>(&sync::CLASS_TOO_MANY_CO_TEACHERS, Rule::T5, id, what)?;
        }
        if !inactive.contains(&Inactive::TermOver) {
            let title = hash64(&details.title);
            let mut told = false;
            for teacher in teachers {
                match self.titles.entry(pair(teacher.hash64(), title)) {
                    Entry::Vacant(first) => {
                        first.insert(id.clone());
                    }
                    Entry::Occupied(first) if !told => {
                        told = true;
                        let what = format!(
                            "class {name} has the same name as class {}; teacher {} teaches both",
                            first.get().as_str(),
                            teacher.as_str()
                        );
                        output.find::<kinds::Classes>(
                            &sync::CLASS_SAME_NAME,
                            Rule::M3,
                            id,
                            what,
                        )?;
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
        Ok(())
    }
}

fn explain(why: &mut Why, before: &ClassState, after: &ClassState) {
    let fields = detail_fields(&before.details, &after.details);
    if !fields.is_empty() {
        why.add(Rule::M1, fields.join(", "));
    }
    if before.teachers != after.teachers {
        why.add(Rule::T2, lists::difference("teachers", &before.teachers, &after.teachers));
    }
    if before.students != after.students {
        why.add(Rule::M1, lists::difference("students", &before.students, &after.students));
    }
    if before.inactive != after.inactive {
        why.add(Rule::C4, if after.inactive.is_empty() { "active" } else { "inactive" });
    }
}

fn detail_fields(before: &ClassDetails, after: &ClassDetails) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut compare = |name, same: bool| {
        if !same {
            fields.push(name);
        }
    };
    compare("title", before.title == after.title);
    compare("code", before.code == after.code);
    compare("type", before.class_type == after.class_type);
    compare("location", before.location == after.location);
    compare("school", before.school == after.school);
    compare("course", before.course == after.course);
    compare("terms", before.terms == after.terms);
    compare("grades", before.grades == after.grades);
    compare(
        "subjects",
        before.subjects == after.subjects && before.subject_codes == after.subject_codes,
    );
    compare("periods", before.periods == after.periods);
    fields
}
