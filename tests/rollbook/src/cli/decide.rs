//! `decide`: records a person's decision about a held run (R-H2).

use clap::{Args, ValueEnum};
use mirror::ports::runs::Runs;
use roster::id::{DistrictId, RunId};
use roster::run::{Decided, Decision, RunState};
use serde_json::json;

use stack::Uploaded;

use super::outcome::{Outcome, doing, print};
use super::progress::Progress;
use super::{End, Fault, Place, district_id, known_district, words};

/// The run, the decision, the name and the reason.
#[derive(Debug, Args)]
pub(super) struct Decide {
    /// The decision
    #[arg(value_enum)]
    word: Word,
    /// The district
    #[arg(long, value_name = "ID", value_parser = district_id)]
    district: DistrictId,
    /// The run id that `import` printed [default: the held run]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Name of the person who decides; stored with the run
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Reason; stored with the run
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Word {
    /// Write the whole plan
    Approve,
    /// Write additions and changes, remove no record
    ApproveAdditions,
    /// Write nothing
    Reject,
}

impl From<Word> for Decision {
    fn from(word: Word) -> Self {
        match word {
            Word::Approve => Decision::Approve,
            Word::ApproveAdditions => Decision::ApproveAdditions,
            Word::Reject => Decision::Reject,
        }
    }
}

impl Decide {
    pub(super) async fn run(self) -> Result<End, Fault> {
        let progress = Progress::new();
        let stack = self.place.stack(self.place.existing()?, &progress).await?;
        let district = known_district(&stack, &self.district).await?;
        let named = self.run.as_deref().map(RunId::from);
        let Some(run) = named.clone().or(district.open) else {
            return Err(none_is_held(&self.district));
        };
        let record = stack.table().run(&self.district, &run).await?;
        let record = match record {
            Some(record) if record.state == RunState::Held => record,
            // A district refers to its open run until the next run starts, so this one may have
            // ended.
            _ if named.is_none() => return Err(none_is_held(&self.district)),
            None => {
                return Err(Fault::Said(format!(
                    "{} has no run {run}; `show … run` lists its runs",
                    self.district
                )));
            }
            Some(record) => {
                let state = json!(record.state);
                return Err(Fault::Said(format!(
                    "run {run} is not held: it is {}",
                    state.as_str().unwrap_or("?")
                )));
            }
        };
        let decision = Decision::from(self.word);
        let step = progress.step("deciding");
        let decided = Decided { decision, by: self.by.clone(), reason: self.reason.clone() };
        stack.decide(&self.district, &run, decided).await?;
        let upload = record.upload.as_ref();
        let uploaded = Uploaded {
            district: self.district.clone(),
            key: upload.map(|upload| upload.key.clone()).unwrap_or_default(),
            version: upload.and_then(|upload| upload.version.clone()).unwrap_or_default(),
            bytes: 0,
        };
        stack.finished(&uploaded, |state| step.tell(doing(state).into())).await?;
        let after = stack.table().run(&self.district, &run).await?;
        drop(step);
        let outcome = Outcome::gather(&stack, after).await?;
        print(&if self.json { outcome.json().to_string() } else { words::tell(&stack, &outcome) })?;
        Ok(match (decision, outcome.run.state) {
            (Decision::Reject, RunState::Rejected) => End::Done,
            _ => outcome.end(),
        })
    }
}

fn none_is_held(district: &DistrictId) -> Fault {
    Fault::Said(format!("no run of {district} is held"))
}
