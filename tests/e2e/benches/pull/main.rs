//! Measures the pull of a district from each source and compares it with a minimal client that
//! reads the same pages from the same server in the same run.
//!
//! ```text
//! cargo bench -p e2e --bench pull
//! cargo bench -p e2e --bench pull -- --students 20000 --only clever --answer-ms 50
//! ```
//!
//! Our side runs the real function on the local stack: it requests every page, stages the pages in
//! the local S3 (the reading phase), and builds a snapshot with its manifest. The bare client
//! requests the same pages with the same concurrency and discards them. Simulator, S3 and client
//! share the machine. The bench fails if a pull takes more than `--most-times` the time of the bare
//! client or uses more memory than `--most-mb`.

#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod bare;
#[path = "../night/tell.rs"]
mod tell;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use clap::{Parser, ValueEnum};
use districts::{District, Size};
use mirror::ports::districts::Districts;
use mirror::ports::runs::Runs;
use roster::id::{DistrictId, RunId};
use roster::run::RunState;
use roster::settings::{ClassLink, Clever, DistrictStatus, OneRoster, Settings, SignIn};
use serde_json::json;
use simulators::clever::id;
use simulators::oneroster::Authentication;
use stack::{Binaries, INTERNAL, PULL, Profile, Stack, StackConfig};

use crate::bare::Bare;
use crate::tell::{Samples, megabytes};

/// Token of the OneRoster server, and the name of its secret.
const TOKEN: &str = "an-invented-token";
const SECRET: &str = "rollbook-token-bench";
/// Tenant id of the district at ClassLink.
const TENANT: u64 = 4711;

/// Source of the district's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    Clever,
    Oneroster,
    Classlink,
}

/// Measures pulls of a synthetic district.
#[derive(Parser)]
struct Arguments {
    /// Number of students in the district.
    #[arg(long, default_value_t = 100_000)]
    students: u64,
    /// Number of pulls from each source.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Records per page.
    #[arg(long, default_value_t = 1000)]
    page_size: u32,
    /// Delay of each response in milliseconds, in addition to the time to build it. Real services
    /// take tenths of a second (469 ms at the 95th percentile was measured at ClassLink).
    #[arg(long, default_value_t = 10)]
    answer_ms: u64,
    /// Pull from this source only.
    #[arg(long, value_enum)]
    only: Option<From>,
    /// Limit: duration of a pull as a multiple of the bare client.
    #[arg(long, default_value_t = 2.0)]
    most_times: f64,
    /// Limit: peak resident memory of the pull, in megabytes.
    #[arg(long, default_value_t = 300.0)]
    most_mb: f64,
    /// Folder with the built binaries of the functions. Without it they are built first.
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Cargo passes this argument to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let measured = tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure(&arguments)));
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pull: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let binaries = match &arguments.functions {
        Some(folder) => Binaries::in_folder(folder)?,
        None => {
            stack::build_functions(Profile::Release, |count, name| {
                eprintln!("{count} compiled, {name}")
            })
            .await?
        }
    };
    let mut within = true;
    for from in From::value_variants() {
        if arguments.only.is_none_or(|only| only == *from) {
            // Each source needs a new stack, because peak memory is measured per process.
            let stack = Stack::start(StackConfig {
                functions: Some(binaries.clone()),
                ..StackConfig::default()
            })
            .await?;
            within &= pulls(&stack, *from, arguments).await?;
        }
    }
    Ok(within)
}

async fn pulls(stack: &Stack, from: From, arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let (district, mut settings) = share(stack, from, arguments)?;
    let answer = Duration::from_millis(arguments.answer_ms);
    stack.clever().set_answer_time(answer);
    stack.oneroster().set_answer_time(answer);
    settings.overrides.insert("hold_if_removed_percent".into(), json!(100));
    stack.table().create(&district, &settings, DistrictStatus::Live).await?;
    let (mut ours, mut reading, mut bare) =
        (Samples::default(), Samples::default(), Samples::default());
    let mut read = bare::Read::default();
    for round in 0..arguments.rounds {
        let at = stack.clock().now() + Duration::from_secs(round.into());
        let requested = requested(stack, from).len();
        let (begin, began) = (Instant::now(), SystemTime::now());
        stack
            .invoke(PULL, json!({ "district": district, "at": at }))
            .await
            .ok_or("the function does not exist")?;
        let pull = begin.elapsed().as_secs_f64();
        stack.settled().await;
        let run = stack.table().newest(&district, 1).await?.pop().ok_or("the pull made no run")?;
        if !matches!(run.state, RunState::Applied | RunState::Unchanged) {
            return Err(format!("{from:?}: the run ended as {:?}", run.state).into());
        }
        let staged = staged(stack, &district, &run.run).await?.duration_since(began)?.as_secs_f64();
        let paths = self::requested(stack, from).split_off(requested);
        let begin = Instant::now();
        read = client(stack, from, &district)?.read(paths).await?;
        let alone = begin.elapsed().as_secs_f64();
        println!(
            "  {from:?}: pull {pull:.2} s, reading phase {staged:.2} s; bare client {alone:.2} s"
        );
        ours.add(pull);
        reading.add(staged);
        bare.add(alone);
    }
    let ratio = |samples: &Samples| {
        samples.median().zip(bare.median()).map_or(f64::NAN, |(ours, bare)| ours / bare)
    };
    let (times, whole) = (ratio(&reading), ratio(&ours));
    let memory = megabytes(stack.peak_rss(PULL).unwrap_or_default());
    println!(
        "{from:?}, {} students, {} pages, {:.0} MB: bare client {bare}; reading phase {reading}, ratio {times:.2}; pull {ours}, ratio {whole:.2}; {memory:.0} MB \
         resident",
        arguments.students,
        read.pages,
        megabytes(read.bytes),
    );
    let within = whole <= arguments.most_times && memory <= arguments.most_mb;
    if !within {
        println!(
            "  above the limit: {} times the bare client, or {} MB",
            arguments.most_times, arguments.most_mb
        );
    }
    Ok(within)
}

/// Adds a district to the simulator of a source. Returns the id and settings of the district.
fn share(
    stack: &Stack,
    from: From,
    arguments: &Arguments,
) -> Result<(DistrictId, Settings), Box<dyn Error>> {
    let night = District::new(Size::students(arguments.students)).night(0);
    let page_size = arguments.page_size;
    let mut settings = Settings::of_preset("sis");
    let district = match from {
        From::Clever => {
            let own = id("district", "bench");
            stack.clever().connect(&own, &night);
            // Only the bench uses this simulator; do not let the rate limit slow it down.
            stack.clever().set_rate_limit(1_000_000);
            settings.source.clever =
                Some(Clever { api: stack.clever().url(), page_size, ..Clever::of(&own) });
            own
        }
        From::Oneroster => {
            stack.oneroster().share("bench", &night, Authentication::Bearer(TOKEN.into()));
            stack.put_secret(SECRET, TOKEN);
            let at = OneRoster::at(stack.oneroster().address("bench"), SECRET);
            settings.source.oneroster =
                Some(OneRoster { sign_in: SignIn::Bearer, page_size, ..at });
            "bench".into()
        }
        From::Classlink => {
            stack.oneroster().add_application(TENANT, &night, true);
            let at = ClassLink::of(TENANT.to_string());
            settings.source.classlink =
                Some(ClassLink { proxy: stack.oneroster().url(), page_size, ..at });
            "bench".into()
        }
    };
    Ok((DistrictId::new(district), settings))
}

/// Returns the time when the last page of a run, or the progress of its list, was staged.
async fn staged(
    stack: &Stack,
    district: &DistrictId,
    run: &RunId,
) -> Result<SystemTime, Box<dyn Error>> {
    let prefix = format!("pulls/{district}/{run}/");
    let mut pages =
        stack.s3().list_objects_v2().bucket(INTERNAL).prefix(&prefix).into_paginator().send();
    let mut last = SystemTime::UNIX_EPOCH;
    while let Some(page) = pages.next().await {
        for key in page?.contents.unwrap_or_default().into_iter().filter_map(|object| object.key) {
            last = last.max(std::fs::metadata(stack.object_file(INTERNAL, &key))?.modified()?);
        }
    }
    Ok(last)
}

/// Returns the paths requested from the simulator so far.
fn requested(stack: &Stack, from: From) -> Vec<String> {
    match from {
        From::Clever => stack.clever().requests(),
        From::Oneroster | From::Classlink => stack.oneroster().requests(),
    }
}

fn client(stack: &Stack, from: From, district: &DistrictId) -> Result<Bare, Box<dyn Error>> {
    let clever =
        || stack.clever().token(district.as_str()).ok_or("Clever has no token for the district");
    Ok(match from {
        From::Clever => Bare { url: stack.clever().url(), token: clever()?, concurrent: true },
        From::Oneroster => {
            Bare { url: stack.oneroster().url(), token: TOKEN.into(), concurrent: false }
        }
        From::Classlink => {
            let token = stack
                .oneroster()
                .bearer_of(TENANT)
                .ok_or("ClassLink has no token for the district")?;
            Bare { url: stack.oneroster().url(), token, concurrent: false }
        }
    })
}
