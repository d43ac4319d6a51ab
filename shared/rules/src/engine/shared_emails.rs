//! One e-mail address, two people (R-I5).

use super::hashes;
use super::output::Output;
use roster::contract::{PlanError, PlanSink};
use roster::finding::{Finding, sync};
use roster::id::SourceId;
use roster::records::{Person, RecordKind};
use roster::rule::Rule;

/// The people who share an e-mail address, as they come.
#[derive(Default)]
pub(super) struct SharedEmails(Vec<(u64, RecordKind, SourceId)>);

impl SharedEmails {
    /// Remembers somebody whose address is somebody else's, too.
    pub(super) fn note(&mut self, shared: bool, tag: RecordKind, id: &SourceId, person: &Person) {
        if shared && let Some(email) = hashes::email(person) {
            self.0.push((email, tag, id.clone()));
        }
    }

    /// One finding for each of them, naming the others.
    pub(super) fn report<S: PlanSink>(
        mut self,
        output: &mut Output<'_, S>,
    ) -> Result<(), PlanError> {
        self.0.sort_unstable();
        for same in self.0.chunk_by(|a, b| a.0 == b.0) {
            for (place, (_, tag, id)) in same.iter().enumerate() {
                let mut others: Vec<String> = same
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != place)
                    .take(3)
                    .map(|(_, (_, tag, id))| format!("{tag} {}", id.as_str()))
                    .collect();
                match same.len() - 1 {
                    0 => others.push("an administrator".to_owned()),
                    more if more > others.len() => {
                        others.push(format!("{} more", more - others.len()))
                    }
                    _ => {}
                }
                let what = format!(
                    "{tag} {} has the same e-mail address as {}",
                    id.as_str(),
                    others.join(", ")
                );
                let finding = Finding::new(&sync::EMAIL_SHARED).with(what);
                output.finding(finding.under(Rule::I5).about(tag.name(), id))?;
            }
        }
        Ok(())
    }
}
