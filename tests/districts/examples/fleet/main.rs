//! All school districts of the United States in one night, and at which quota of an AWS account
//! that would break.
//!
//! ```text
//! cargo run --release -p district --example fleet
//! ```
//!
//! Nothing is started or called: it is arithmetic over districts, seconds and units that were
//! measured (tests/BENCHMARKS.md), against the quotas of `quotas.rs`. What was not
//! measured but assumed, such as the speed of a source's server, is an argument.

#![expect(clippy::print_stdout, reason = "the tables are the output")]

mod districts;
mod night;
mod quotas;

use clap::Parser;

use crate::districts::{District, fleet};
use crate::night::{LISTS, Limits, Night, Peaks, Work, play};

/// Plays a night of all school districts of the United States against the quotas of an AWS account.
#[derive(Parser)]
struct Arguments {
    /// How many such countries.
    #[arg(long, default_value_t = 1)]
    times: u32,
    /// The local hour that districts wish for; where clocks change, 1 and 2 become 3.
    #[arg(long, default_value_t = 2.0)]
    hour: f64,
    /// Minutes within which a schedule may invoke; nightly-pull asks for 30. May be given several
    /// times.
    #[arg(long, default_values_t = [0.0, 5.0, 15.0, 30.0, 60.0, 120.0])]
    window: Vec<f64>,
    /// Seconds of a pull whatever the size: token, district, counters. Assumed.
    #[arg(long, default_value_t = 3.0)]
    pull_base: f64,
    /// Seconds in which the source answers with a page. Assumed.
    #[arg(long, default_value_t = 1.0)]
    page_seconds: f64,
    /// Records of a page.
    #[arg(long, default_value_t = 1_000.0)]
    page: f64,
    /// Seconds of staging for each student. Measured: half of a night of 5,000.
    #[arg(long, default_value_t = 0.000_12)]
    stage: f64,
    /// Seconds of planning for each student. Measured: the other half.
    #[arg(long, default_value_t = 0.000_12)]
    plan: f64,
    /// Read units of a mirror for each student. Measured: 2,851 for 5,000.
    #[arg(long, default_value_t = 0.5702)]
    reads: f64,
    /// Write units of an ordinary night for each student. Measured: 1,001 for 5,000, of which 1 %
    /// had changed.
    #[arg(long, default_value_t = 0.2002)]
    writes: f64,
    /// Write units of a first night for each student. Measured: 40,231 for 5,000.
    #[arg(long, default_value_t = 8.0462)]
    first_writes: f64,
    /// Milliseconds of a call of the table or of the scheduler. Assumed.
    #[arg(long, default_value_t = 20.0)]
    call_ms: f64,
}

fn main() {
    let arguments = Arguments::parse();
    let fleet = fleet(arguments.times);
    let students: f64 = fleet.iter().map(|district| district.students).sum();
    println!(
        "{} districts with {:.1} million students; half of them have fewer than {:.0}, the largest has {:.0}",
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
        "\nAn ordinary night, by the window of the schedules: the most that it would ask for at a time, and how it ends with the quotas as they are"
    );
    table(&fleet, &work, &arguments);
    println!("\nThe first night of all of them at once");
    table(&fleet, &Work { reads: 0.0, writes: arguments.first_writes, ..work }, &arguments);
    new_table(&fleet, &work, &arguments);
    schedules(&fleet, &arguments);
    println!(
        "\nAt Clever: {:.0} requests a minute at most with a district's token, of {:.0}; no district uses up what is another's",
        LISTS * 60.0 / arguments.page_seconds,
        quotas::REQUESTS_OF_A_TOKEN
    );
}

/// What is asked for, what there is, and by what name. Not the table's writes: a run writes as fast
/// as the table takes it and no faster, so that quota is never broken, but makes the night longer.
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
        "| window | invocations/s | Lambdas | new Lambdas/10 s | read units/s | write units/s | puts/s | nearest quota | longest wait | last one done |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- |");
    for window in &arguments.window {
        let wanted = play(fleet, work, arguments.hour, *window, &Limits::NONE);
        let had = play(fleet, work, arguments.hour, *window, &Limits::DEFAULT);
        println!("{}", row(*window, &wanted, &had));
    }
}

/// A line of the table: what would be asked for, and what comes of it with the quotas as they are.
fn row(window: f64, wanted: &Night, had: &Night) -> String {
    let Peaks { invocations, concurrency, environments, reads, writes, puts } = wanted.peaks;
    let all = quotas(&wanted.peaks);
    let (name, peak, quota) =
        all.into_iter().max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2))).unwrap_or(all[0]);
    let verdict = if peak > quota { "**broken**" } else { "of" };
    format!(
        "| {window:.0} min | {invocations:.0} | {concurrency:.0} | {environments:.0} | {reads:.0} | {writes:.0} | {puts:.0} | \
         {name}: {:.0} % {verdict} {quota:.0} | {} | {} after, {:.0} students |",
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

/// An ordinary night and the first one on a table that has never had traffic, if it did not grow.
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
        "\nOn a table as new ({:.0} reads, {:.0} writes a second), if it did not grow, with a window of {window:.0} minutes: an ordinary night is done {} \
         after its time, the first one of all {} after",
        limits.reads,
        limits.writes,
        span(ordinary.longest),
        span(first.longest)
    );
}

/// Making the schedules, and keeping them.
fn schedules(fleet: &[District], arguments: &Arguments) {
    #[expect(clippy::cast_precision_loss, reason = "there are thousands of districts")]
    let count = fleet.len() as f64;
    // The look asks the table for a district and the scheduler for its schedule, one district after
    // the other, and makes what is not there.
    let (look, make) = (2.0 * arguments.call_ms / 1_000.0, 3.0 * arguments.call_ms / 1_000.0);
    println!(
        "\nSchedules: {count:.0} of {:.0} that an account may have. Making all of them is {:.0} a second of {:.0} allowed, for the look makes one after the \
         other, and takes {}; each further look compares them in {}. A look has {}: enough for {:.0} districts, and to make {:.0}",
        quotas::SCHEDULES,
        1.0 / make,
        quotas::CREATE_SCHEDULE,
        span(count * make),
        span(count * look),
        span(quotas::LIFE),
        quotas::LIFE / look,
        quotas::LIFE / make
    );
}
