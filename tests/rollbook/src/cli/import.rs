//! `import`: a set of one's own, the way that a district's uploads go.

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
use super::{End, Fault, Place, day, district_id, settings, words};

/// The preset of a district that is made without one.
const USUAL_PRESET: &str = "sis";

/// What to import, and how.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The zip as it was exported, or the folder with the unpacked files
    #[arg(value_name = "FILE.zip|FOLDER")]
    set: PathBuf,
    /// The district; one that is not known yet is made
    #[arg(long, value_name = "ID", value_parser = district_id)]
    district: DistrictId,
    /// What a new district starts from: sis, clever, ats-stars or family-directory [default: sis]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// The day for which terms and enrolments are read [default: today in the district's time zone]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    date: Option<Date>,
    /// A setting of the district, kept for later imports: role_conflicts=enrollment,
    /// time_zone=America/Chicago, source.date_order=dmy, source.bulk_with_status=true,
    /// source.metadata.state_id=metadata.stateId, … May be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Print one JSON object instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Import {
    pub(super) async fn run(self) -> Result<End, Fault> {
        let progress = Progress::new();
        // What can be wrong without the stack is said before anything is built or started.
        settings::apply(
            &Settings::of_preset(self.preset.as_deref().unwrap_or(USUAL_PRESET)),
            &self.settings,
        )?;
        if !self.set.exists() {
            return Err(Fault::Upload(stack::UploadError::NotThere(self.set)));
        }
        let (folder, named) = self.place.folder();
        if !named {
            progress.line(&format!(
                "keeping everything in {} (--data names another folder)",
                folder.display()
            ));
        }
        let stack = self.place.stack(folder, &progress).await?;
        let made = self.settle_district(&stack).await?;
        if let Some(made) = made {
            progress.line(&made);
        }
        let step = progress.step("uploading");
        let uploaded = stack.upload(&self.district, &self.set, self.date).await?;
        drop(step);
        let step = progress.step("importing");
        let outcome = Outcome::of(&stack, &uploaded, &step).await?;
        drop(step);
        print(&if self.json { outcome.json().to_string() } else { words::tell(&stack, &outcome) })?;
        Ok(outcome.end())
    }

    /// Makes the district, or gives it the settings that were named. Says what it did.
    async fn settle_district(&self, stack: &Stack) -> Result<Option<String>, Fault> {
        let (table, id) = (stack.table(), &self.district);
        let Some(known) = table.district(id).await? else {
            let preset = self.preset.as_deref().unwrap_or(USUAL_PRESET);
            let settings = settings::apply(&Settings::of_preset(preset), &self.settings)?;
            // Somebody else may have made it meanwhile only through another process, which the
            // folder's lock forbids.
            table.create(id, &settings, DistrictStatus::Live).await?;
            return Ok(Some(format!("made the district {id} with the preset {preset}")));
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
            Changed::Yes => Ok(Some(format!("changed the settings of {id}"))),
            Changed::No => Err(Fault::Said(format!(
                "the settings of {id} were changed by somebody else meanwhile; try again"
            ))),
        }
    }
}
