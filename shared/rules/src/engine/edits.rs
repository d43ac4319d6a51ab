//! Local edits in a plan: which of them a run lets live, and why the others go (R-M2).

use std::cmp::Ordering;
use std::iter::Peekable;

use super::facts::{ClassFate, Facts};
use super::gaps::Gaps;
use super::hashes::IdSet;
use super::output::Output;
use roster::contract::{PlanContext, PlanError, PlanInputs, PlanSink};
use roster::edit::{Edit, LocalEdit};
use roster::id::{SourceId, table_order};
use roster::policy::{AbandonedInManualClasses, ContactUpdates, ManualCoTeachers, ManualStudents};
use roster::records::RecordKind;
use roster::rule::Rule;

/// Keys of the people who own their names and contacts (R-G5), by kind.
pub(super) type Owners = [IdSet; RecordKind::ALL.len()];

/// Reads what edits mean for the records themselves: pins go to what is left as it is, and those
/// who own their data are given back.
pub(super) fn read<I: PlanInputs>(
    context: &PlanContext<'_>,
    inputs: &I,
    gaps: &mut Gaps,
) -> Result<Owners, PlanError> {
    let mut owners = Owners::default();
    for kind in [RecordKind::Teacher, RecordKind::Student, RecordKind::Guardian, RecordKind::Class]
    {
        for edit in inputs.edits(kind).map_err(PlanError::input)? {
            let LocalEdit { key, edit, .. } = edit.map_err(PlanError::input)?;
            match edit {
                Edit::Pin { until, .. } if context.today < until => gaps.pin(kind, key.hash64()),
                Edit::PinSeat { person, until, .. } if context.today < until => {
                    gaps.pin_seat(key.hash64(), person.hash64())
                }
                Edit::Account { accepted: Some(_), .. }
                    if context.policy.contact_updates == ContactUpdates::UntilActive =>
                {
                    owners[kind as usize].insert(key.hash64());
                }
                _ => {}
            }
        }
    }
    Ok(owners)
}

/// What a run does with an edit.
enum Verdict {
    /// Nothing.
    Lives,
    /// It goes.
    Goes(Rule, &'static str),
}

use Verdict::{Goes, Lives};

/// The edits beside the records of one kind, handed out record by record in the order of the table.
pub(super) struct EditsByRecord<'i> {
    kind: RecordKind,
    edits: Peekable<Box<dyn Iterator<Item = Result<LocalEdit, PlanError>> + 'i>>,
}

impl<'i> EditsByRecord<'i> {
    pub(super) fn of_kind<I: PlanInputs>(
        kind: RecordKind,
        inputs: &'i I,
    ) -> Result<Self, PlanError> {
        let edits: Box<dyn Iterator<Item = _> + 'i> = Box::new(
            inputs
                .edits(kind)
                .map_err(PlanError::input)?
                .map(|edit| edit.map_err(PlanError::input)),
        );
        Ok(Self { kind, edits: edits.peekable() })
    }

    /// The edits of one record. Records must be asked for in the order of the table; edits that
    /// stand beside no record are passed over.
    pub(super) fn of(&mut self, key: &SourceId) -> Result<Vec<LocalEdit>, PlanError> {
        let mut found = Vec::new();
        while let Some(next) = self.edits.peek() {
            let order = next
                .as_ref()
                .map_or(Ordering::Equal, |edit| table_order(edit.key.as_str(), key.as_str()));
            if order == Ordering::Greater {
                break;
            }
            match self.edits.next().transpose()? {
                Some(edit) if order == Ordering::Equal => found.push(edit),
                Some(_) => {}
                None => break,
            }
        }
        Ok(found)
    }

    /// All edits of the next record that has any.
    fn next(&mut self) -> Result<Option<Vec<LocalEdit>>, PlanError> {
        let Some(first) = self.edits.next().transpose()? else {
            return Ok(None);
        };
        let mut found = self.of(&first.key)?;
        if let Some(Ok(next)) = self.edits.peek()
            && table_order(next.key.as_str(), first.key.as_str()) != Ordering::Greater
        {
            return Err(PlanError::Order { kind: self.kind });
        }
        found.insert(0, first);
        Ok(Some(found))
    }
}

/// Pass B over the edits of a kind of person.
pub(super) fn of_people<I: PlanInputs, S: PlanSink>(
    kind: RecordKind,
    inputs: &I,
    facts: &Facts,
    gaps: &Gaps,
    output: &mut Output<'_, S>,
) -> Result<(), PlanError> {
    let Some(people) = facts.people(kind) else { return Ok(()) };
    let mut beside = EditsByRecord::of_kind::<I>(kind, inputs)?;
    while let Some(edits) = beside.next()? {
        let accepted =
            edits.iter().any(|edit| matches!(edit.edit, Edit::Account { accepted: Some(_), .. }));
        for edit in edits {
            let key = edit.key.hash64();
            // Only where the source speaks for somebody tonight does its data take the place of an
            // edit.
            let speaks = people.active.contains(&key) && !people.unread(key);
            let verdict = match &edit.edit {
                Edit::Name { .. } | Edit::Contact { .. } | Edit::SignIn { .. } if speaks => {
                    of_own_data(output.context, kind, &edit.edit, accepted)
                }
                Edit::Pin { until, .. } => of_pin(output, &edit, *until)?,
                _ => Lives,
            };
            settle(output, gaps, edit, verdict)?;
        }
    }
    Ok(())
}

/// Names and contacts changed here (R-S6, R-G5, R-G6, R-I4).
fn of_own_data(
    context: &PlanContext<'_>,
    kind: RecordKind,
    edit: &Edit,
    accepted: bool,
) -> Verdict {
    match (context.policy.contact_updates, edit) {
        (ContactUpdates::UntilActive, _) if accepted => Lives,
        (_, Edit::SignIn { .. }) => {
            Goes(Rule::I4, "the e-mail address in the source is used again")
        }
        (ContactUpdates::UntilActive, _) => Goes(Rule::G5, "an invited user follows the source"),
        (ContactUpdates::Always, Edit::Name { .. }) if kind == RecordKind::Student => {
            Goes(Rule::S6, "the name in the source is used again")
        }
        (ContactUpdates::Always, _) => Goes(Rule::G6, "the source's data wins"),
    }
}

/// A class as a run leaves it, for the edits beside it.
pub(super) struct Roster<'a> {
    /// What becomes of it.
    pub(super) fate: ClassFate,
    /// Keys of its teachers, the primary one first.
    pub(super) teachers: &'a [SourceId],
    /// Keys of its students, sorted.
    pub(super) students: &'a [SourceId],
}

/// Pass B over the edits of one class.
pub(super) fn of_class<S: PlanSink>(
    edits: Vec<LocalEdit>,
    roster: &Roster<'_>,
    facts: &Facts,
    gaps: &Gaps,
    output: &mut Output<'_, S>,
) -> Result<(), PlanError> {
    for edit in edits {
        let verdict = match &edit.edit {
            Edit::Member { role: RecordKind::Student, person } => {
                of_student(output.context, roster, facts, person)
            }
            Edit::Member { role: RecordKind::Teacher, person } => {
                of_co_teacher(output.context, roster, facts, person)
            }
            Edit::Left { .. } => match roster.fate {
                ClassFate::Present { .. } => {
                    Goes(Rule::M2, "the roster in the source is used again")
                }
                ClassFate::Kept { .. } | ClassFate::Archived | ClassFate::Manual { .. } => Lives,
            },
            Edit::Pin { until, .. } | Edit::PinSeat { until, .. } => of_pin(output, &edit, *until)?,
            // A custom name lives through every run (R-M4), and so does who joined with the code
            // (R-G4).
            _ => Lives,
        };
        settle(output, gaps, edit, verdict)?;
    }
    Ok(())
}

/// A student added by hand.
fn of_student(
    context: &PlanContext<'_>,
    roster: &Roster<'_>,
    facts: &Facts,
    person: &SourceId,
) -> Verdict {
    let key = person.hash64();
    let here = facts.students.people.active.contains(&key);
    match roster.fate {
        ClassFate::Present { .. } if roster.students.binary_search(person).is_ok() => {
            Goes(Rule::S4, "the source now lists the student in the class")
        }
        ClassFate::Present { .. } | ClassFate::Kept { .. } if !here => {
            Goes(Rule::A2, "the student is no longer in the source")
        }
        ClassFate::Present { .. } => match context.policy.manual_students_in_synced_classes {
            ManualStudents::Remove => {
                Goes(Rule::S4, "the source does not list the student in the class")
            }
            ManualStudents::Keep => Lives,
        },
        ClassFate::Kept { .. } => Lives,
        ClassFate::Manual { archived: false } => match context.policy.abandoned_in_manual_classes {
            AbandonedInManualClasses::Leave if !here => {
                Goes(Rule::A2, "the student is no longer in the source")
            }
            _ => Lives,
        },
        ClassFate::Archived | ClassFate::Manual { archived: true }
            if facts.students.people.abandoned.contains(&key) =>
        {
            Goes(Rule::A3, "the family is no longer in the source")
        }
        ClassFate::Archived | ClassFate::Manual { archived: true } => Lives,
    }
}

/// A co-teacher added by hand.
fn of_co_teacher(
    context: &PlanContext<'_>,
    roster: &Roster<'_>,
    facts: &Facts,
    person: &SourceId,
) -> Verdict {
    let key = person.hash64();
    let here = facts.teachers.people.active.contains(&key);
    let outsider = facts.teachers.people.by_hand.contains(&key);
    match roster.fate {
        ClassFate::Present { .. } if roster.teachers.contains(person) => {
            Goes(Rule::T3, "the source now lists the teacher in the class")
        }
        ClassFate::Present { .. } | ClassFate::Kept { .. } if !here => {
            Goes(Rule::A5, "the teacher is no longer in the source")
        }
        ClassFate::Present { .. } => match context.policy.manual_co_teachers {
            ManualCoTeachers::Keep => Lives,
            ManualCoTeachers::Remove => {
                Goes(Rule::T4, "only the source adds co-teachers to this class")
            }
            ManualCoTeachers::Outsiders | ManualCoTeachers::OutsidersAlone if !outsider => {
                Goes(Rule::T3, "the teacher is in the source: add the co-teacher there")
            }
            ManualCoTeachers::OutsidersAlone if roster.teachers.len() > 1 => {
                Goes(Rule::T3, "the class has a co-teacher from the source")
            }
            ManualCoTeachers::Outsiders | ManualCoTeachers::OutsidersAlone => Lives,
        },
        ClassFate::Kept { .. } | ClassFate::Archived | ClassFate::Manual { .. } => Lives,
    }
}

/// A pin: every report lists those at work (R-P1).
fn of_pin<S: PlanSink>(
    output: &mut Output<'_, S>,
    edit: &LocalEdit,
    until: jiff::civil::Date,
) -> Result<Verdict, PlanError> {
    if until <= output.context.today {
        return Ok(Goes(Rule::P1, "the pin has expired"));
    }
    output.pin(edit, until)?;
    Ok(Lives)
}

/// "Additions and changes only" takes no edit away either (R-H2).
fn settle<S: PlanSink>(
    output: &mut Output<'_, S>,
    gaps: &Gaps,
    edit: LocalEdit,
    verdict: Verdict,
) -> Result<(), PlanError> {
    match verdict {
        Goes(rule, what) if gaps.removals() => output.erase(edit, rule, what),
        Goes(..) | Lives => Ok(()),
    }
}
