//! `demo`: shows two ordinary nights, a broken file and a dangerous one; local edits; a district at
//! Clever from its webhook event to its nights; and a district at ClassLink.

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
use super::{End, Fault, Place, describe};
use roster::run::RunState;

/// The demo's district.
const DISTRICT: &str = "spruce-valley";
/// Percentage of students that are missing from the dangerous file.
const MISSING: f64 = 30.0;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Number of students in the district
    #[arg(
        long,
        default_value_t = 5_000,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u64).range(100..=1_000_000)
    )]
    students: u64,
    /// Shows only one part: the districts that upload files, the one at Clever, or the one at
    /// ClassLink
    #[arg(long, value_enum)]
    only: Option<Part>,
    #[command(flatten)]
    place: Place,
}

/// A part of the demo, by the source of its districts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
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
    expected: RunState,
}

impl Demo {
    pub(super) async fn run(self) -> Result<End, Fault> {
        let begun = Instant::now();
        let progress = Progress::new();
        let folder = match &self.place.data {
            Some(data) => data.clone(),
            None => without_old_data(&self.place.folder().0.join("demo"))?,
        };
        let stack = self.place.stack(folder, &progress).await?;
        print(&format!(
            "Rollbook runs on this machine: the real functions, with stand-ins for the AWS \
             services. All data is in {}. Started in {:.1} s.\n",
            stack.data().display(),
            begun.elapsed().as_secs_f64(),
        ))?;
        let mut as_expected = true;
        let is_shown = |part: Part| self.only.is_none_or(|only| only == part);
        if is_shown(Part::Upload) {
            as_expected &= self.uploads(&stack, &progress).await?;
            if !people::play(&stack, &progress).await? {
                progress
                    .line("Unexpected result: a local edit was not handled as the rules require.");
                as_expected = false;
            }
        }
        let unexpected = |at: &str| {
            progress.line(&format!(
                "Unexpected result: a step of the district at {at} did not end as the rules \
                 require."
            ));
            false
        };
        if is_shown(Part::Clever) && !clever::play(&stack, &progress).await? {
            as_expected = unexpected("Clever");
        }
        if is_shown(Part::Classlink) && !classlink::play(&stack, &progress).await? {
            as_expected = unexpected("ClassLink");
        }
        let data = stack.data().display();
        print(&format!(
            "\n== What to try next ==\nUploads, snapshots, plans and reports are files below {}.\n\
             To see the records of the mirror:\n  \
             rollbook show --data {data} --district {} student\n\
             To use the API, the table and the buckets:\n  \
             rollbook serve --data {data}\n\nThe demo took {:.1} s. {}\n",
            stack.data().join("s3/objects").display(),
            match self.only {
                Some(Part::Clever) => simulators::clever::id("district", clever::NAME),
                Some(Part::Classlink) => classlink::DISTRICT.to_owned(),
                Some(Part::Upload) | None => DISTRICT.to_owned(),
            },
            begun.elapsed().as_secs_f64(),
            if as_expected {
                "All steps ended as the rules require."
            } else {
                "At least one step did not end as the rules require."
            },
        ))?;
        Ok(if as_expected { End::Done } else { End::Fault })
    }

    /// Plays the acts of a district that uploads files. Returns false if one ended unexpectedly.
    async fn uploads(&self, stack: &Stack, progress: &Progress) -> Result<bool, Fault> {
        print(&format!(
            "\nThe invented district {DISTRICT} has {} students, with their teachers, classes and \
             guardians. It uploads OneRoster files.\n",
            describe::thousands(self.students),
        ))?;
        let id = DistrictId::new(DISTRICT);
        stack.table().create(&id, &Settings::of_preset("sis"), DistrictStatus::Live).await?;
        let mut as_expected = true;
        for act in acts(self.students) {
            let ended = play(stack, &id, &act, progress).await?;
            if ended != act.expected {
                progress.line(&format!(
                    "Unexpected result: the run ended as {ended:?} instead of {:?}.",
                    act.expected
                ));
                as_expected = false;
            }
        }
        Ok(as_expected)
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
            expected: RunState::Applied,
        },
        Act {
            title: "Night 2: an ordinary night",
            story: "One percent of the people and classes changed: some are new, some left, some \
                    moved.",
            file: "night-2.zip",
            night: district.night(1),
            expected: RunState::Applied,
        },
        Act {
            title: "A broken file",
            story: "The upload was interrupted: the last third of the zip file is missing.",
            file: "broken.zip",
            night: district.night(2).with(Defect::TruncatedZip),
            expected: RunState::Refused,
        },
        Act {
            title: "A dangerous file",
            story: "The file can be read, but 30 percent of the students are missing from it. What is \
                    safe is applied, and the removals wait for a decision.",
            file: "dangerous.zip",
            night: district.night(2).without_students(MISSING),
            expected: RunState::Applied,
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
    let step = progress.step("generating the district's file");
    act.night.write_zip_file(&file)?;
    let generated = step.seconds();
    drop(step);
    let step = progress.step(act.title);
    let printed = stack.notifications().len();
    let uploaded = stack.upload(id, &file, Some(act.night.date())).await?;
    let outcome = Outcome::of(stack, &uploaded, &step).await?;
    let took = step.seconds();
    drop(step);
    print(&format!(
        "\n== {} ==\n{} The file has {} KB and was generated in {generated:.1} s. From upload to \
         the end of the run: {took:.1} s.\n\n{}",
        act.title,
        act.story,
        describe::thousands(uploaded.bytes / 1000),
        describe::outcome(stack, &outcome),
    ))?;
    print_notifications(stack, printed)?;
    Ok(outcome.run.state)
}

/// Prints the operators' notifications after the first `printed`, and returns their new total.
fn print_notifications(stack: &Stack, printed: usize) -> Result<usize, Fault> {
    let notifications = stack.notifications();
    for one in &notifications[printed..] {
        print(&describe::notification(one))?;
    }
    Ok(notifications.len())
}

/// The calendar year in which the current school year ends.
fn school_year(stack: &Stack) -> i16 {
    let today = stack.clock().now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.year() + i16::from(today.month() >= 7)
}

/// Deletes the data of an earlier demo from a folder, and returns the folder.
fn without_old_data(folder: &Path) -> Result<std::path::PathBuf, Fault> {
    if folder.join("table.sqlite").is_file() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(folder.to_owned())
}
