//! Plans one night in memory, with the crates `rules` and `roster` alone, and prints the changes.
//!
//! `cargo run -p rules --example plan_a_night`

use std::{any::Any, convert::Infallible, error::Error, iter};

use roster::change::Change;
use roster::contract::{Administrator, PlanContext, PlanInputs, PlanSink};
use roster::edit::LocalEdit;
use roster::finding::Finding;
use roster::id::{DistrictId, RunId, SourceId};
use roster::outcome::RecentRemovals;
use roster::personal::Personal;
use roster::policy::Policy;
use roster::records::{Kind, Link, MirroredBox, Person, RecordKind, SourceBox, Teacher};
use roster::snapshot::UnreadableRecord;
use roster::withheld::Withheld;

type Records<T> =
    Result<iter::Map<std::vec::IntoIter<T>, fn(T) -> Result<T, Infallible>>, Infallible>;

fn records<T>(records: Vec<T>) -> Records<T> {
    Ok(records.into_iter().map(Ok))
}

/// A source with a few teachers, and an empty mirror.
struct FirstNight {
    teachers: Vec<Teacher>,
}

impl PlanInputs for FirstNight {
    type Error = Infallible;

    fn snapshot<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Infallible>>, Infallible> {
        let teachers: &dyn Any = &self.teachers;
        let of_kind = teachers.downcast_ref::<Vec<K::Source>>().cloned().unwrap_or_default();
        records(of_kind.into_iter().map(Box::new).collect())
    }
    fn unreadable(
        &self,
    ) -> Result<impl Iterator<Item = Result<UnreadableRecord, Infallible>>, Infallible> {
        records(Vec::new())
    }
    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Infallible>>, Infallible> {
        records(Vec::new())
    }
    fn edits(
        &self,
        _: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Infallible>>, Infallible> {
        records(Vec::new())
    }
    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Infallible>>, Infallible> {
        records(Vec::new())
    }
    fn administrators(&self) -> Result<Vec<Administrator>, Infallible> {
        Ok(Vec::new())
    }
}

/// Prints the plan.
struct Print;

#[allow(clippy::print_stdout, reason = "the output is the purpose of the example")]
impl PlanSink for Print {
    type Error = Infallible;

    fn change(&mut self, change: Change) -> Result<(), Infallible> {
        let reason = &change.reasons[0];
        println!(
            "{:?} {} [{} {}]",
            change.action,
            change.key.as_str(),
            reason.rule.id(),
            reason.what
        );
        Ok(())
    }
    fn finding(&mut self, finding: Finding) -> Result<(), Infallible> {
        println!("! {}", finding.code);
        Ok(())
    }
    fn member(&mut self, _: &'static str, _: &Personal, _: &SourceId) -> Result<(), Infallible> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let email = Some(Personal::new("ada@school.example"));
    let person = Person { email, ..Person::default() };
    let ada = Teacher { id: "t1".into(), person, classes: Vec::new(), by_enrollment: false };
    let context = PlanContext {
        district: &DistrictId::new("springfield"),
        run: &RunId::new("run-1"),
        today: "2026-10-01".parse()?,
        policy: &Policy::from_preset("sis", &serde_json::Map::new())?,
        withheld: &Withheld::default(),
        made_on: "2026-10-01".parse()?,
        recent: &RecentRemovals::default(),
    };
    rules::engine::plan(&context, &FirstNight { teachers: vec![ada] }, &mut Print)?;
    Ok(())
}
