//! The plan: what a run will change, computed before anything is written.
//!
//! Pass A (`facts`) reads each sequence once and keeps what crosses records, as hashes of ids: who
//! is one and the same (`survey`, `identity`, `relink`; guardians: `contacts`, `guardian_keys`),
//! who is in, which classes admit. Pass B merges snapshot and mirror kind by kind and makes each
//! record's next state from its own record, its own past and the facts (`places`, `people`,
//! `guardians`, `classes`), and tells which local edits live (`edits`). The guards (`guard`) look
//! at what comes out. Nothing here keeps records: a million students fit into small memory.

mod classes;
mod contacts;
mod edits;
mod facts;
mod gaps;
mod groups;
mod guard;
mod guardian_keys;
mod guardians;
mod hashes;
mod identity;
mod lists;
mod merge;
mod output;
mod people;
mod places;
mod relink;
mod shared_emails;
mod survey;

use serde::{Deserialize, Serialize};

use crate::edit::LocalEdit;
use crate::id::{DistrictId, RunId, SourceId};
use crate::model::{AnyMirrored, Kind, Link, MirroredBox, SourceBox, Student, Tag, Teacher, kinds};
use crate::personal::Personal;
use crate::policy::{KeepDemographics, Policy};
use crate::review::{Fields, Review};
use crate::rule::Rule;
use crate::snapshot::Gap;
use jiff::civil::Date;

/// What a plan is made for.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The district.
    pub district: &'a DistrictId,
    /// The run.
    pub run: &'a RunId,
    /// The day for which dates are read.
    pub today: Date,
    /// The district's policy.
    pub policy: &'a Policy,
    /// False for "additions and changes only" (R-H2): nothing counts as gone.
    pub removals: bool,
}

/// What a plan is made from. Every sequence can be read again from its start, and is in the order
/// of [`crate::id::table_order`] (the snapshot's by source id, the mirror's and the edits by key).
/// Records come in boxes: a record is up to a kilobyte, and goes through several hands.
pub trait Inputs {
    /// What can go wrong while reading.
    type Error;
    /// The records of one kind that the source has.
    fn snapshot<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Self::Error>>, Self::Error>;
    /// The same, of which only what an [outline](Kind::Outline) has needs to be there.
    fn snapshot_outline<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Self::Error>>, Self::Error> {
        self.snapshot::<K>()
    }
    /// What the source sent and could not be read.
    fn gaps(&self) -> Result<impl Iterator<Item = Result<Gap, Self::Error>>, Self::Error>;
    /// The records of one kind that the mirror has, archived ones too.
    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Self::Error>>, Self::Error>;
    /// The same, of which only what an [outline](Kind::StateOutline) has needs to be there.
    fn mirror_outline<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Self::Error>>, Self::Error> {
        self.mirror::<K>()
    }
    /// What people did to the records of one kind; the edits of a record stand together.
    fn edits(
        &self,
        kind: Tag,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Self::Error>>, Self::Error>;
    /// Identity links.
    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Self::Error>>, Self::Error>;
    /// Whether the source's ids are those of the student information system, as in OneRoster.
    /// Clever has ids of its own.
    fn sis_ids(&self) -> bool {
        true
    }
    /// Administrators of the district: e-mail (lower case) and account (R-M5).
    fn administrators(&self) -> Result<Vec<Administrator>, Self::Error>;
}

/// An administrator's account, made here by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// E-mail, lower case.
    pub email: Personal,
    /// The account.
    pub account: crate::id::AccountId,
}

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A record that was not there.
    Add,
    /// An archived record that is there again (R-A4).
    Return,
    /// Another content.
    Update,
    /// Archived, or disconnected: no longer in the source.
    Remove,
}

/// Why a change is made: a rule, and what it did, in words without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// What it did: names of fields, counts.
    pub what: std::borrow::Cow<'static, str>,
}

/// One change of one mirror item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What it does.
    pub action: Action,
    /// The item's key.
    pub key: SourceId,
    /// Why; never empty (invariant 22).
    pub reasons: Vec<Reason>,
    /// The item as the plan saw it; none for an addition.
    pub before: Option<AnyMirrored>,
    /// The item as it will be; none where the item goes altogether (only links and local edits do,
    /// and what an undo takes back).
    pub after: Option<AnyMirrored>,
}

/// Takes what a plan produces, in this order: for each kind of [`Tag::ALL`] its additions and
/// changes, and, whenever they come up, removals, which the receiver keeps apart and applies last
/// (invariant 21).
pub trait Sink {
    /// What can go wrong while writing.
    type Error;
    /// One change.
    fn change(&mut self, change: Change) -> Result<(), Self::Error>;
    /// One finding.
    fn finding(&mut self, finding: crate::finding::Finding) -> Result<(), Self::Error>;
    /// An active student who belongs to a group (R-M8).
    fn member(
        &mut self,
        field: &'static str,
        value: &Personal,
        student: &SourceId,
    ) -> Result<(), Self::Error>;
}

/// How many records of a kind, and what becomes of them. For enrollments: seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// In the snapshot.
    pub in_source: u64,
    /// Active in the mirror before the run.
    pub in_mirror: u64,
    /// Added or returned.
    pub added: u64,
    /// Changed by the source (what follows from dates alone does not count).
    pub changed: u64,
    /// Archived or taken out.
    pub removed: u64,
    /// As they were.
    pub unchanged: u64,
}

/// One reason for which a run is held (R-H1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The kind: `student`, …, `enrollment`.
    pub kind: String,
    /// The school; none for the whole district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school: Option<SourceId>,
    /// What would happen to how many, and the limit, in words.
    pub what: String,
    /// How many would be removed or changed.
    pub count: u64,
    /// Of how many.
    pub of: u64,
}

/// What a plan amounts to.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Counts by kind, and `enrollment`.
    pub counts: std::collections::BTreeMap<String, Counts>,
    /// Changes of items, links and local edits included.
    pub changes: u64,
    /// Local edits that no rule lets live (R-M2).
    #[serde(default)]
    pub erased: u64,
    /// Why the run must be held; empty: it may go.
    pub holds: Vec<Hold>,
    /// What a reviewer is shown of the data as a whole (R-O2); empty for an undo, which has none.
    #[serde(default)]
    pub review: Review,
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError<I, S> {
    /// The snapshot or the mirror could not be read.
    #[error("could not read what to plan from")]
    Input(#[source] I),
    /// A change or a finding could not be written.
    #[error("could not write the plan")]
    Sink(#[source] S),
    /// A sequence is not in the order of the table: a merge of it would take present records for
    /// gone ones.
    #[error("the records of kind {kind} are not in the order of the table")]
    Order {
        /// The kind.
        kind: Tag,
    },
}

/// Makes the plan that brings the mirror to the snapshot, as the policy says.
///
/// Pure and deterministic: the same inputs give the same changes and findings, in the same order.
/// Changes of a kind come in no order that means anything.
///
/// # Errors
/// What inputs and sink report, and sequences out of order. Nothing is decided then; what the sink
/// has got so far is to be thrown away.
pub fn plan<I: Inputs, S: Sink>(
    context: &Context<'_>,
    inputs: &I,
    sink: &mut S,
) -> Result<Outcome, PlanError<I::Error, S::Error>> {
    let mut gaps = gaps::Gaps::read::<I, S>(context.removals, inputs)?;
    let owners = edits::read::<I, S>(context, inputs, &mut gaps)?;
    let from = &merge::Reading { inputs, owners: &owners };
    let links = identity::Links::read::<I, S>(inputs)?;
    let mut facts = facts::Facts::gather::<I, S>(context, from, &gaps, &links)?;
    drop(links);
    let changed_links = std::mem::take(&mut facts.links);
    let mut output = output::Output::new(context, sink, Fields::new(inputs.sis_ids()));
    for finding in std::mem::take(&mut facts.findings) {
        output.finding(finding)?;
    }
    let mut shared = shared_emails::SharedEmails::default();
    for (tag, changed) in Tag::ALL.into_iter().zip(changed_links) {
        for (before, after) in changed {
            output.link(before, after)?;
        }
        match tag {
            Tag::School => places::<kinds::Schools, I, S>(from, &facts, &gaps, &mut output)?,
            Tag::Term => places::<kinds::Terms, I, S>(from, &facts, &gaps, &mut output)?,
            Tag::Course => places::<kinds::Courses, I, S>(from, &facts, &gaps, &mut output)?,
            Tag::Teacher => {
                let mut teachers =
                    people::Teachers { facts: &facts, gaps: &gaps, shared: &mut shared };
                let left_out = |source: &Teacher| survey::leaves_out(context, source.by_enrollment);
                merge::by_key::<kinds::Teachers, I, S>(
                    from,
                    &facts.teachers.aliases,
                    left_out,
                    |entry| teachers.visit(&mut output, entry),
                )?;
            }
            Tag::Student => {
                let mut students =
                    people::Students { facts: &facts, gaps: &gaps, shared: &mut shared };
                let left_out = |source: &Student| survey::leaves_out(context, source.by_enrollment);
                merge::by_key::<kinds::Students, I, S>(
                    from,
                    &facts.students.aliases,
                    left_out,
                    |entry| students.visit(&mut output, entry),
                )?;
            }
            Tag::Guardian => {
                let owners = &owners[Tag::Guardian as usize];
                let mut guardians = guardians::Guardians {
                    facts: &facts,
                    gaps: &gaps,
                    shared: &mut shared,
                    owners,
                };
                merge::by_key::<kinds::Guardians, I, S>(
                    from,
                    &facts.guardians.aliases,
                    |_| false,
                    |entry| guardians.visit(&mut output, entry),
                )?;
            }
            Tag::Class => {
                let beside = edits::Beside::of_kind::<I, S>(Tag::Class, inputs)?;
                let mut classes = classes::Classes::new(&facts, &gaps, beside);
                merge::side_by_side::<kinds::Classes, I, S>(from, |at| {
                    let (source, item) = at.parts();
                    classes.visit(&mut output, source, item)
                })?;
            }
        }
        edits::of_people(tag, inputs, &facts, &gaps, &mut output)?;
    }
    shared.report(&mut output)?;
    let (changes, erased) = (output.changes, output.erased);
    let fields = output.fields.shares(context.policy.demographics == KeepDemographics::Ignore);
    let (counts, holds, schools) = output.tally.close(context.policy, &gaps);
    let unreadable = Tag::ALL.into_iter().map(|tag| (count_name(tag).to_owned(), gaps.count(tag)));
    let unreadable = unreadable.filter(|(_, count)| *count > 0).collect();
    let review = Review { fields, schools, unreadable };
    Ok(Outcome { counts, changes, erased, holds, review })
}

fn places<K, I: Inputs, S: Sink>(
    from: &merge::Reading<'_, I>,
    facts: &facts::Facts,
    gaps: &gaps::Gaps,
    output: &mut output::Output<'_, S>,
) -> Result<(), PlanError<I::Error, S::Error>>
where
    K: Kind<State = <K as Kind>::Source>,
{
    merge::side_by_side::<K, I, S>(from, |at| {
        let (source, item) = at.parts();
        places::visit::<K, S, I::Error>(facts, gaps, output, source, item)
    })
}

impl Change {
    /// The change that takes this one back (R-H4): after it the item is what it was, to the letter.
    #[must_use]
    pub fn inverse(self) -> Self {
        let action = match self.action {
            Action::Add | Action::Return => Action::Remove,
            Action::Update => Action::Update,
            Action::Remove if self.after.is_none() => Action::Add,
            Action::Remove => Action::Return,
        };
        Self { action, before: self.after, after: self.before, ..self }
    }
}

/// Marks which tags a kind name stands for in [`Outcome::counts`]; enrollments have no records of
/// their own.
pub const ENROLLMENT: &str = "enrollment";

/// The name under which a kind is counted.
pub fn count_name(tag: Tag) -> &'static str {
    tag.name()
}
