//! E-mail addresses of more than one person (R-I5).

use crate::engine::hashes;
use crate::engine::output::Output;
use roster::contract::{PlanError, PlanSink};
use roster::finding::{Finding, sync};
use roster::id::SourceId;
use roster::records::{Person, RecordKind};
use roster::rule::Rule;

/// The people who share an e-mail address, in the order in which they are decided.
#[derive(Default)]
pub(in crate::engine) struct SharedEmails(Vec<(u64, RecordKind, SourceId)>);

impl SharedEmails {
    /// Adds a person, if another person has the same address.
    pub(in crate::engine) fn add(
        &mut self,
        shared: bool,
        kind: RecordKind,
        id: &SourceId,
        person: &Person,
    ) {
        if shared && let Some(email) = hashes::email(person) {
            self.0.push((email, kind, id.clone()));
        }
    }

    /// Sends one finding per person, which names the others.
    pub(in crate::engine) fn report<S: PlanSink>(
        mut self,
        output: &mut Output<'_, S>,
    ) -> Result<(), PlanError> {
        self.0.sort_unstable();
        for same in self.0.chunk_by(|a, b| a.0 == b.0) {
            for (place, (_, kind, id)) in same.iter().enumerate() {
                let mut others: Vec<String> = same
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != place)
                    .take(3)
                    .map(|(_, (_, kind, id))| format!("{kind} {}", id.as_str()))
                    .collect();
                match same.len() - 1 {
                    0 => others.push("an administrator".to_owned()),
                    more if more > others.len() => {
                        others.push(format!("{} more", more - others.len()))
                    }
                    _ => {}
                }
                let what = format!(
                    "{kind} {} has the same e-mail address as {}",
                    id.as_str(),
                    others.join(", ")
                );
                let finding = Finding::new(&sync::EMAIL_SHARED).with(what);
                output.finding(finding.under(Rule::I5).about(kind.name(), id))?;
            }
        }
        Ok(())
    }
}
