//! Measures the response time of the API in a large district on a warm function: from the request
//! to the last byte, through the local API Gateway, the real binary and the local DynamoDB.
//!
//! ```text
//! cargo bench -p e2e --bench api
//! ```
//!
//! Requests are sent one after the other, each for a different record. The bench reports the time
//! of the whole round trip and, in the last column, the time inside the function. It fails if a
//! median is above the promised limit: for each kind of record, for all reads together (including
//! pages of fifty lines) and for explanations.

#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod reads;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use districts::{District, Size};
use mirror::ports::districts::Districts;
use roster::id::DistrictId;
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use stack::{API, Binaries, Profile, Stack, StackConfig};

use reads::{Known, Limit, Read};

/// Id of the measured district.
const DISTRICT: &str = "large";
/// Warm-up requests of each kind, which are not measured.
const WARM: usize = 10;

/// Measures the response times of the API in a synthetic district.
#[derive(Parser)]
struct Arguments {
    /// Number of students in the district.
    #[arg(long, default_value_t = 100_000)]
    students: u64,
    /// Seed of the synthetic district.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of measured requests of each kind.
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// Preset of the district.
    #[arg(long, default_value = "family-directory")]
    preset: String,
    /// Folder with the built binaries of the functions. Without it they are built first.
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Cargo passes this argument to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("api: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure(&Arguments::parse())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("api: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let functions = match &arguments.functions {
        Some(folder) => Binaries::in_folder(folder)?,
        None => {
            stack::build_functions(Profile::Release, |count, name| {
                eprintln!("{count} compiled, {name}")
            })
            .await?
        }
    };
    let stack =
        Stack::start(StackConfig { functions: Some(functions), ..StackConfig::default() }).await?;
    let known = fill(&stack, arguments).await?;
    println!(
        "{:<44}{:>11}{:>11}{:>11}{:>11}",
        "milliseconds", "median", "95th pct", "slowest", "function"
    );
    let (mut is_quick, mut medians) = (true, Vec::new());
    for read in reads::all() {
        let median = time(&stack, &known, &read, arguments.requests).await?;
        is_quick &= read.limit.milliseconds().is_none_or(|at_most| median <= at_most);
        medians.extend((read.limit != Limit::Explanation).then_some(median));
    }
    medians.sort_by(f64::total_cmp);
    let median = medians[medians.len() / 2];
    println!("median over all kinds of reads: {median:.2} ms");
    is_quick &= median <= reads::READ;
    if let Some(bytes) = stack.peak_rss(API) {
        println!("peak resident memory of {API}: {} MB", bytes / 1_000_000);
    }
    Ok(is_quick)
}

/// Imports one night and collects the records to request afterwards.
async fn fill(stack: &Stack, arguments: &Arguments) -> Result<Known, Box<dyn Error>> {
    let work = tempfile::tempdir()?;
    let (zip, id) = (work.path().join("night.zip"), DistrictId::new(DISTRICT));
    let district = District::new(Size::students(arguments.students)).seed(arguments.seed);
    district.night(0).write_zip_file(&zip)?;
    stack
        .table()
        .create(&id, &Settings::of_preset(&arguments.preset), DistrictStatus::Live)
        .await?;
    let begun = Instant::now();
    let uploaded = stack.upload(&id, &zip, Some(district.first_night())).await?;
    let run = stack.finished(&uploaded, |_| ()).await?.ok_or("the upload started no run")?;
    if run.state != RunState::Applied {
        return Err(format!("the run ended as {:?}", run.state).into());
    }
    println!(
        "{} students, preset {}, imported in {:.0} s",
        arguments.students,
        arguments.preset,
        begun.elapsed().as_secs_f64()
    );
    Known::gather(stack, &id, &run.run, arguments.requests + WARM).await
}

/// Sends the requests of one kind and returns the median time in milliseconds.
async fn time(
    stack: &Stack,
    known: &Known,
    read: &Read,
    requests: usize,
) -> Result<f64, Box<dyn Error>> {
    let api = stack.api(&known.claims(read))?;
    let mut took = Vec::with_capacity(requests);
    for nth in 0..WARM + requests {
        let (method, path, body) = known.request(read, nth);
        let begun = Instant::now();
        let reply = api.call(method, &path, &[], body.as_ref()).await?;
        let elapsed = begun.elapsed();
        if !reply.is_ok() {
            return Err(format!("{}: {} {}", read.name, reply.status, reply.text()).into());
        }
        if nth >= WARM {
            took.push(elapsed);
        }
    }
    let all = stack.invocations(API);
    let mut inside: Vec<Duration> = all.iter().rev().take(requests).map(|one| one.took).collect();
    took.sort();
    inside.sort();
    let ms = |at: Duration| at.as_secs_f64() * 1000.0;
    let of = |list: &[Duration], percent: usize| {
        list.get((list.len() * percent / 100).min(list.len().saturating_sub(1))).copied()
    };
    let (median, late, slowest) = (of(&took, 50), of(&took, 95), took.last().copied());
    let [median, late, slowest, function] =
        [median, late, slowest, of(&inside, 50)].map(|at| ms(at.unwrap_or_default()));
    let too_slow = read.limit.milliseconds().filter(|at_most| median > *at_most);
    let verdict = too_slow.map(|at_most| format!("  above {at_most} ms")).unwrap_or_default();
    println!("{:<44}{median:>11.2}{late:>11.2}{slowest:>11.2}{function:>11.2}{verdict}", read.name);
    Ok(median)
}
