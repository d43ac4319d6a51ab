//! Measures a night on the local stack.

use std::error::Error;
use std::fmt;
use std::path::Path;

use jiff::civil::Date;
use mirror::ports::districts::Districts;
use roster::id::DistrictId;
use roster::report::{Report, Seconds};
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use stack::Stack;

/// Uploads files to a stack.
pub(crate) struct Bench<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) preset: &'a str,
    /// Date with which all files are imported.
    pub(crate) today: Date,
}

/// Cost of a night.
pub(crate) struct Night {
    state: RunState,
    pub(crate) seconds: Seconds,
    pub(crate) item_writes: u64,
    read_units: f64,
    write_units: f64,
}

impl Night {
    /// Returns the seconds from the upload event to the written plan.
    pub(crate) fn import_and_plan(&self) -> f64 {
        self.seconds.import + self.seconds.plan
    }
}

impl fmt::Display for Night {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seconds { import, plan, apply } = self.seconds;
        write!(
            f,
            "{:?}, import {import:.2} s, plan {plan:.2} s, apply {apply:.2} s, {} item writes, ",
            self.state, self.item_writes
        )?;
        write!(f, "{:.0} read units, {:.0} write units", self.read_units, self.write_units)
    }
}

impl Bench<'_> {
    /// Imports a zip into a district and creates the district if it does not exist.
    pub(crate) async fn night(&self, district: &str, zip: &Path) -> Result<Night, Box<dyn Error>> {
        let id = DistrictId::new(district);
        self.stack
            .table()
            .create(&id, &Settings::of_preset(self.preset), DistrictStatus::Live)
            .await?;
        let uploaded = self.stack.upload(&id, zip, Some(self.today)).await?;
        let run = self.stack.finished(&uploaded, |_| ()).await?;
        let run = run.ok_or("the upload started no run")?;
        if !matches!(run.state, RunState::Applied | RunState::Unchanged) {
            return Err(format!("the run ended as {:?}", run.state).into());
        }
        let report: Report =
            self.stack.report(&id, &run.run).await?.ok_or("the run has no report")?;
        Ok(Night {
            state: run.state,
            seconds: report.seconds,
            item_writes: report.item_writes,
            read_units: report.read_units,
            write_units: report.write_units,
        })
    }
}
