//! `import`: uploads a file set of yours as a district would.

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;
use mirror::ports::district_settings::SettingsStore;
use mirror::ports::districts::{Changed, Districts};
use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};
use stack::Stack;

use super::outcome::{Outcome, print};
use super::progress::Progress;
use super::{End, Fault, Place, day, describe, district_id, settings};

/// The preset of a new district if `--preset` is not given.
const DEFAULT_PRESET: &str = "sis";

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The exported zip, or a folder with the unpacked CSV files
    #[arg(value_name = "FILE.zip|FOLDER")]
    set: PathBuf,
    /// The district; created if it does not exist
    #[arg(long, value_name = "ID", value_parser = district_id)]
    district: DistrictId,
    /// Preset of a new district: sis, clever, ats-stars or family-directory [default: sis]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// The day for which terms and enrollments are read [default: today in the district's time
    /// zone]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    date: Option<Date>,
    /// Changes a setting of the district, for this and all later imports. Can be repeated.
    /// Examples: role_conflicts=enrollment, time_zone=America/Chicago, source.date_order=dmy,
    /// source.bulk_with_status=true, source.metadata.state_id=metadata.stateId
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Import {
    pub(super) async fn run(self) -> Result<End, Fault> {
        let progress = Progress::new();
        // Report errors that need no stack before anything is built or started.
        settings::apply(
            &Settings::of_preset(self.preset.as_deref().unwrap_or(DEFAULT_PRESET)),
            &self.settings,
        )?;
        if !self.set.exists() {
            return Err(Fault::Upload(stack::UploadError::NotThere(self.set)));
        }
        let (folder, given) = self.place.folder();
        if !given {
            progress.line(&format!(
                "All data is stored in {}. To use another folder, add --data FOLDER.",
                folder.display()
            ));
        }
        let stack = self.place.stack(folder, &progress).await?;
        let change = self.create_or_configure(&stack).await?;
        if let Some(change) = change {
            progress.line(&change);
        }
        let step = progress.step("uploading");
        let uploaded = stack.upload(&self.district, &self.set, self.date).await?;
        drop(step);
        let step = progress.step("importing");
        let outcome = Outcome::of(&stack, &uploaded, &step).await?;
        drop(step);
        print(&if self.json {
            outcome.json().to_string()
        } else {
            describe::outcome(&stack, &outcome)
        })?;
        Ok(outcome.end())
    }

    /// Creates the district, or changes its settings if the arguments differ from them. Returns a
    /// description of the change, or `None` if nothing changed.
    async fn create_or_configure(&self, stack: &Stack) -> Result<Option<String>, Fault> {
        let (table, id) = (stack.table(), &self.district);
        let Some(known) = table.district(id).await? else {
            let preset = self.preset.as_deref().unwrap_or(DEFAULT_PRESET);
            let settings = settings::apply(&Settings::of_preset(preset), &self.settings)?;
            // Only another process could have created it in the meantime, and the folder's lock
            // prevents that.
            table.create(id, &settings, DistrictStatus::Live).await?;
            return Ok(Some(format!("Created the district {id} with the preset {preset}.")));
        };
        let mut settings = known.settings.clone();
        if let Some(preset) = &self.preset {
            settings.preset.clone_from(preset);
        }
        let settings = settings::apply(&settings, &self.settings)?;
        if settings == known.settings {
            return Ok(None);
        }
        let changed = match table.configured(id).await? {
            Some(seen) => table.reconfigure(id, &seen, &settings, known.status).await?,
            None => Changed::No,
        };
        match changed {
            Changed::Yes => Ok(Some(format!("Changed the settings of {id}."))),
            Changed::No => Err(Fault::Message(format!(
                "another process changed the settings of {id} at the same time; try again"
            ))),
        }
    }
}
