//! Simulates one night of all school districts of the United States, and compares it with the
//! quotas of an AWS account.
//!
//! ```text
//! cargo run --release -p districts --example fleet
//! ```
//!
//! It calls no service. It calculates with measured seconds and units per student
//! (tests/BENCHMARKS.md) and the quotas in `quotas.rs`. Assumed values, such as the speed of a
//! source's server, are arguments.

#![expect(clippy::print_stdout, reason = "the tables are the output")]

mod districts;
mod night;
mod quotas;

use clap::Parser;

use crate::districts::{District, fleet};
use crate::night::{LISTS, Limits, Night, Peaks, Work, play};

/// Simulates a night of all school districts of the United States within the quotas of an AWS
/// account.
#[derive(Parser)]
struct Arguments {
    /// Multiplies the number of districts.
    #[arg(long, default_value_t = 1)]
    times: u32,
    /// Local hour of the nights. With daylight saving time, 1 and 2 become 3.
    #[arg(long, default_value_t = 2.0)]
    hour: f64,
    /// Flexible window of the schedules in minutes; nightly-pull uses 30. Can be repeated.
    #[arg(long, default_values_t = [0.0, 5.0, 15.0, 30.0, 60.0, 120.0])]
    window: Vec<f64>,
    /// Seconds of a pull that do not depend on the size: token, district, counters. Assumed.
    #[arg(long, default_value_t = 3.0)]
    pull_base: f64,
    /// Seconds until the source returns a page. Assumed.
    #[arg(long, default_value_t = 1.0)]
    page_seconds: f64,
    /// Records per page.
    #[arg(long, default_value_t = 1_000.0)]
    page: f64,
    /// Seconds of staging per student. Measured: half of a night of 5,000 students.
    #[arg(long, default_value_t = 0.000_12)]
    stage: f64,
    /// Seconds of planning per student. Measured: the other half.
    #[arg(long, default_value_t = 0.000_12)]
    plan: f64,
    /// Read units of the mirror per student. Measured: 2,851 for 5,000 students.
    #[arg(long, default_value_t = 0.5702)]
    reads: f64,
    /// Write units of an ordinary night per student. Measured: 1,001 for 5,000 students with 1 %
    /// changes.
    #[arg(long, default_value_t = 0.2002)]
    writes: f64,
    /// Write units of a first night per student. Measured: 40,231 for 5,000 students.
    #[arg(long, default_value_t = 8.0462)]
    first_writes: f64,
    /// Milliseconds of a call to the table or the scheduler. Assumed.
    #[arg(long, default_value_t = 20.0)]
    call_ms: f64,
}

fn main() {
    let arguments = Arguments::parse();
    let fleet = fleet(arguments.times);
    let students: f64 = fleet.iter().map(|district| district.students).sum();
    println!(
        "{} districts with {:.1} million students. Half of the districts have fewer than {:.0} \
         students, the largest has {:.0}.",
        fleet.len(),
        students / 1e6,
        fleet[fleet.len() / 2].students,
        fleet[0].students
    );
    let work = Work {
        pull_base: arguments.pull_base,
        page_seconds: arguments.page_seconds,
        page: arguments.page,
        stage: arguments.stage,
        plan: arguments.plan,
        reads: arguments.reads,
        writes: arguments.writes,
    };
    println!(
        "\nAn ordinary night, by the window of the schedules: its peaks without quotas, and its \
         duration with the default quotas"
    );
    table(&fleet, &work, &arguments);
    println!("\nThe first night of all districts at once");
    table(&fleet, &Work { reads: 0.0, writes: arguments.first_writes, ..work }, &arguments);
    new_table(&fleet, &work, &arguments);
    schedules(&fleet, &arguments);
    println!(
        "\nClever: at most {:.0} of {:.0} requests per minute and token. Each district has its own \
         token.",
        LISTS * 60.0 / arguments.page_seconds,
        quotas::REQUESTS_OF_A_TOKEN
    );
}

/// The name, peak and quota of each resource. Without the table's writes: a run adapts to the
/// table's speed, so that quota makes the night longer but is never exceeded.
fn quotas(peaks: &Peaks) -> [(&'static str, f64, f64); 5] {
    [
        ("invocations", peaks.invocations, quotas::INVOCATIONS),
        ("concurrency", peaks.concurrency, quotas::CONCURRENCY),
        ("environments", peaks.environments, quotas::ENVIRONMENTS),
        ("reads", peaks.reads, quotas::TABLE_READS),
        ("puts", peaks.puts, quotas::PUTS),
    ]
}

fn table(fleet: &[District], work: &Work, arguments: &Arguments) {
    println!(
        "| window | invocations/s | Lambdas | new Lambdas/10 s | read units/s | write units/s \
         | puts/s | nearest quota | longest wait | last district done |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- |");
    for window in &arguments.window {
        let wanted = play(fleet, work, arguments.hour, *window, &Limits::NONE);
        let had = play(fleet, work, arguments.hour, *window, &Limits::DEFAULT);
        println!("{}", row(*window, &wanted, &had));
    }
}

/// A row of the table: the peaks without quotas, and the outcome with the default quotas.
fn row(window: f64, wanted: &Night, had: &Night) -> String {
    let Peaks { invocations, concurrency, environments, reads, writes, puts } = wanted.peaks;
    let all = quotas(&wanted.peaks);
    let (name, peak, quota) =
        all.into_iter().max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2))).unwrap_or(all[0]);
    let verdict = if peak > quota { "**exceeds**" } else { "of" };
    format!(
        "| {window:.0} min | {invocations:.0} | {concurrency:.0} | {environments:.0} \
         | {reads:.0} | {writes:.0} | {puts:.0} | {name}: {:.0} % {verdict} {quota:.0} | {} \
         | {} after, {:.0} students |",
        peak / quota * 100.0,
        span(had.longest_wait),
        span(had.longest),
        had.of
    )
}

fn span(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 100.0 => format!("{seconds:.0} s"),
        seconds if seconds < 6_000.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3_600.0),
    }
}

/// An ordinary night and a first night on a new table that does not scale up.
fn new_table(fleet: &[District], work: &Work, arguments: &Arguments) {
    let limits = Limits {
        reads: quotas::NEW_TABLE_READS,
        writes: quotas::NEW_TABLE_WRITES,
        ..Limits::DEFAULT
    };
    let window = 30.0;
    let first = Work { reads: 0.0, writes: arguments.first_writes, ..*work };
    let (ordinary, first) = (
        play(fleet, work, arguments.hour, window, &limits),
        play(fleet, &first, arguments.hour, window, &limits),
    );
    println!(
        "\nOn a new table that does not scale up ({:.0} reads and {:.0} writes per second), with a \
         window of {window:.0} minutes, an ordinary night takes {}, and the first night of all \
         districts {}.",
        limits.reads,
        limits.writes,
        span(ordinary.longest),
        span(first.longest)
    );
}

/// The creation and the hourly comparison of the schedules.
fn schedules(fleet: &[District], arguments: &Arguments) {
    #[expect(clippy::cast_precision_loss, reason = "there are thousands of districts")]
    let count = fleet.len() as f64;
    // The hourly discovery reads each district from the table and its schedule from the scheduler,
    // one after the other, and creates missing schedules.
    let (compare, create) = (2.0 * arguments.call_ms / 1_000.0, 3.0 * arguments.call_ms / 1_000.0);
    println!(
        "\nSchedules: {count:.0} of {:.0} allowed per account. Discovery creates them one after \
         another, {:.0} of {:.0} allowed per second, and takes {}. Each later discovery compares \
         them in {}. A discovery may take {}: enough to compare {:.0} districts, or to create \
         {:.0}.",
        quotas::SCHEDULES,
        1.0 / create,
        quotas::CREATE_SCHEDULE,
        span(count * create),
        span(count * compare),
        span(quotas::LIFE),
        quotas::LIFE / compare,
        quotas::LIFE / create
    );
}
