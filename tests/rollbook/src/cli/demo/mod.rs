//! `demo`: two ordinary nights, a broken file and a dangerous one; local edits; a district at
//! Clever from its webhook event to its nights; and one at ClassLink.

mod classlink;
mod clever;
mod explained;
mod people;
mod pulled;
mod reviewed;

use std::path::Path;
use std::time::Instant;

use clap::{Args, ValueEnum};
use districts::{Defect, District, Night, Size};
use mirror::ports::districts::Districts;
use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};
use stack::Stack;

use super::outcome::{Outcome, print};
use super::progress::Progress;
use super::{End, Fault, Place, words};
use roster::run::RunState;

/// The demo's district.
const DISTRICT: &str = "spruce-valley";
/// Percentage of students that the dangerous file leaves out.
const GONE: f64 = 30.0;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Number of students in the district
    #[arg(long, default_value_t = 5_000, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    students: u64,
    /// Shows only one part: districts that upload files, one at Clever, or one at ClassLink
    #[arg(long, value_enum)]
    only: Option<Way>,
    #[command(flatten)]
    place: Place,
}

/// How a district's data arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    Upload,
    Clever,
    Classlink,
}

/// One upload of the demo.
struct Act {
    title: &'static str,
    story: &'static str,
    file: &'static str,
    night: Night,
    /// The expected outcome.
    due: RunState,
}

impl Demo {
    pub(super) async fn run(self) -> Result<End, Fault> {
        let begun = Instant::now();
        let progress = Progress::new();
        let folder = match &self.place.data {
            Some(data) => data.clone(),
            None => fresh(&self.place.folder().0.join("demo"))?,
        };
        let stack = self.place.stack(folder, &progress).await?;
        print(&format!(
            "Rollbook on this machine, in {}: the real functions with stand-ins for DynamoDB, S3 and the scheduler. Ready after {:.1} s.\n",
            stack.data().display(),
            begun.elapsed().as_secs_f64(),
        ))?;
        let mut as_it_should = true;
        let plays = |way: Way| self.only.is_none_or(|only| only == way);
        if plays(Way::Upload) {
            as_it_should &= self.uploads(&stack, &progress).await?;
            if !people::play(&stack, &progress).await? {
                progress.line("this should not have happened: the night did not treat an edit as the rules require");
                as_it_should = false;
            }
        }
        let wrong = |at: &str| {
            progress.line(&format!(
                "this should not have happened: a step of the district at {at} did not end as the rules require"
            ));
            false
        };
        if plays(Way::Clever) && !clever::play(&stack, &progress).await? {
            as_it_should = wrong("Clever");
        }
        if plays(Way::Classlink) && !classlink::play(&stack, &progress).await? {
            as_it_should = wrong("ClassLink");
        }
        let (at, data) = (stack.endpoints(), stack.data().display());
        print(&format!(
            "\nWhere to look: uploads, snapshots, plans and reports are plain files below {}; what the mirror holds is shown by\n  \
             rollbook show --data {data} --district {} student\nand `rollbook serve --data …` keeps the table and the buckets up for \
             the AWS CLI (just now: DynamoDB {}, S3 {}).\n\nAll of it took {:.1} s. {}\n",
            stack.data().join("s3/objects").display(),
            match self.only {
                Some(Way::Clever) => simulators::clever::id("district", clever::NAME),
                Some(Way::Classlink) => classlink::DISTRICT.to_owned(),
                Some(Way::Upload) | None => DISTRICT.to_owned(),
            },
            at.dynamodb,
            at.s3,
            begun.elapsed().as_secs_f64(),
            if as_it_should {
                "Everything ended as the rules require."
            } else {
                "Not everything ended as the rules require."
            },
        ))?;
        Ok(if as_it_should { End::Done } else { End::Fault })
    }

    /// Plays the acts of a district that uploads files. Returns false if one ended unexpectedly.
    async fn uploads(&self, stack: &Stack, progress: &Progress) -> Result<bool, Fault> {
        print(&format!(
            "\nA synthetic district, {DISTRICT}, with {} students and their teachers, classes and guardians, uploads its OneRoster files.\n",
            words::thousands(self.students),
        ))?;
        let id = DistrictId::new(DISTRICT);
        stack.table().create(&id, &Settings::of_preset("sis"), DistrictStatus::Live).await?;
        let mut as_it_should = true;
        for act in acts(self.students) {
            let ended = play(stack, &id, &act, progress).await?;
            if ended != act.due {
                progress.line(&format!(
                    "this should not have happened: {ended:?} instead of {:?}",
                    act.due
                ));
                as_it_should = false;
            }
        }
        Ok(as_it_should)
    }
}

fn acts(students: u64) -> [Act; 4] {
    let district = District::new(Size::students(students)).seed(2027);
    [
        Act {
            title: "Night 1: the first file",
            story: "Everything is new.",
            file: "night-1.zip",
            night: district.night(0),
            due: RunState::Applied,
        },
        Act {
            title: "Night 2: an ordinary night",
            story: "One percent of the people and classes have changed: some are new, some have left, some moved.",
            file: "night-2.zip",
            night: district.night(1),
            due: RunState::Applied,
        },
        Act {
            title: "A broken file",
            story: "The upload was cut off: the last third of the zip is missing.",
            file: "broken.zip",
            night: district.night(2).with(Defect::TruncatedZip),
            due: RunState::Refused,
        },
        Act {
            title: "A dangerous file",
            story: "The file can be read, but 30 percent of the students are missing from it.",
            file: "dangerous.zip",
            night: district.night(2).without_students(GONE),
            due: RunState::Held,
        },
    ]
}

async fn play(
    stack: &Stack,
    id: &DistrictId,
    act: &Act,
    progress: &Progress,
) -> Result<RunState, Fault> {
    let files = stack.data().join("files");
    std::fs::create_dir_all(&files)?;
    let file = files.join(act.file);
    let step = progress.step("making the district's file");
    act.night.write_zip_file(&file)?;
    let made = step.seconds();
    drop(step);
    let step = progress.step(act.title);
    let heard = stack.notifications().len();
    let uploaded = stack.upload(id, &file, Some(act.night.date())).await?;
    let outcome = Outcome::of(stack, &uploaded, &step).await?;
    let took = step.seconds();
    drop(step);
    print(&format!(
        "\n== {} ==\n{} {} KB, made in {made:.1} s; from upload to the end of the run {took:.1} s.\n\n{}",
        act.title,
        act.story,
        words::thousands(uploaded.bytes / 1000),
        words::tell(stack, &outcome),
    ))?;
    tell_operators(stack, heard)?;
    Ok(outcome.run.state)
}

/// Prints the operators' notifications after the first `after`, and returns the new number of them.
fn tell_operators(stack: &Stack, heard: usize) -> Result<usize, Fault> {
    let told = stack.notifications();
    for one in &told[heard..] {
        print(&words::told(one))?;
    }
    Ok(told.len())
}

/// The calendar year in which the current school year ends.
fn school_year(stack: &Stack) -> i16 {
    let today = stack.clock().now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.year() + i16::from(today.month() >= 7)
}

/// Creates an empty folder. Deletes the data of an earlier demo, and nothing else.
fn fresh(folder: &Path) -> Result<std::path::PathBuf, Fault> {
    if folder.join("table.sqlite").is_file() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(folder.to_owned())
}
