//! `decide`: records a person's decision about a held run (R-H2).

use clap::{Args, ValueEnum};
use mirror::ports::runs::Runs;
use roster::id::{DistrictId, RunId};
use roster::run::{Decided, Decision, RunState};
use serde_json::json;

use stack::Uploaded;

use super::outcome::{Outcome, activity, print};
use super::progress::Progress;
use super::{End, Fault, Place, describe, district_id, known_district};

/// The run, the decision, the name and the reason.
#[derive(Debug, Args)]
pub(super) struct Decide {
    /// The decision
    #[arg(value_enum)]
    decision: Choice,
    /// The district
    #[arg(long, value_name = "ID", value_parser = district_id)]
    district: DistrictId,
    /// The run id that `import` printed [default: the held run]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Plan that you have seen, as `import` printed it [default: the present plan of the run]
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
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
enum Choice {
    /// Write the whole plan
    Approve,
    /// Write additions and changes, but remove no record
    ApproveAdditions,
    /// Write nothing
    Reject,
}

impl From<Choice> for Decision {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Approve => Decision::Approve,
            Choice::ApproveAdditions => Decision::ApproveAdditions,
            Choice::Reject => Decision::Reject,
        }
    }
}

impl Decide {
    pub(super) async fn run(self) -> Result<End, Fault> {
        let progress = Progress::new();
        let stack = self.place.stack(self.place.existing()?, &progress).await?;
        let district = known_district(&stack, &self.district).await?;
        let requested = self.run.as_deref().map(RunId::from);
        let Some(run) = requested.clone().or(district.open) else {
            return Err(no_held_run(&self.district));
        };
        let record = stack.table().run(&self.district, &run).await?;
        let record = match record {
            Some(record) if record.state == RunState::Held => record,
            // A district refers to its open run until the next run starts, so this one may have
            // ended.
            _ if requested.is_none() => return Err(no_held_run(&self.district)),
            None => {
                return Err(Fault::Message(format!(
                    "{} has no run {run}; `rollbook show … run` lists its runs",
                    self.district
                )));
            }
            Some(record) => {
                let state = json!(record.state);
                return Err(Fault::Message(format!(
                    "run {run} is not held; its state is {}",
                    state.as_str().unwrap_or("?")
                )));
            }
        };
        let decision = Decision::from(self.decision);
        let step = progress.step("sending the decision");
        let decided = Decided { decision, by: self.by.clone(), reason: self.reason.clone() };
        let present = record.plan.as_ref().map(|plan| plan.hash.clone()).unwrap_or_default();
        if self.plan.as_ref().is_some_and(|plan| *plan != present) {
            return Err(Fault::Message(format!(
                "run {run} has another plan now: {present}; look at it, then decide about that plan"
            )));
        }
        stack.decide(&self.district, (&run, &present), decided).await?;
        let upload = record.upload.as_ref();
        let uploaded = Uploaded {
            district: self.district.clone(),
            key: upload.map(|upload| upload.key.clone()).unwrap_or_default(),
            version: upload.and_then(|upload| upload.version.clone()).unwrap_or_default(),
            bytes: 0,
        };
        stack.finished(&uploaded, |state| step.update(activity(state).into())).await?;
        let after = stack.table().run(&self.district, &run).await?;
        drop(step);
        let outcome = Outcome::gather(&stack, after).await?;
        print(&if self.json {
            outcome.json().to_string()
        } else {
            describe::outcome(&stack, &outcome)
        })?;
        Ok(match (decision, outcome.run.state) {
            (Decision::Reject, RunState::Rejected) => End::Done,
            _ => outcome.end(),
        })
    }
}

fn no_held_run(district: &DistrictId) -> Fault {
    Fault::Message(format!("no run of {district} is held"))
}
