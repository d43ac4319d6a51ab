//! Simulates school years of many districts, and fails above the limits of wrong removals and false
//! holds.
#![expect(clippy::print_stdout, reason = "it is a command")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use calendar::{Calendar, Tally};
use clap::Parser;

/// Simulates school years of many districts with one bad export of each kind a year.
#[derive(Debug, Parser)]
struct Arguments {
    /// Another seed gives other districts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of districts.
    #[arg(long, default_value_t = 200)]
    districts: usize,
    /// The number of the first district, to share the work between processes.
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// The number of school years.
    #[arg(long, default_value_t = 3)]
    years: usize,
    /// Only this district, to repeat one of the printed nights.
    #[arg(long)]
    district: Option<usize>,
    /// Most removals of people, classes and enrollments that are in the truth of the day.
    #[arg(long, default_value_t = 0)]
    most_wrong: usize,
    /// Most holds on nights whose export was right.
    #[arg(long, default_value_t = 2)]
    most_false_holds: usize,
    /// Least percentage of the other schools' changes that are applied the same night.
    #[arg(long, default_value_t = 99.0)]
    least_others: f64,
    /// Cargo passes this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let begin = Instant::now();
    let numbers = match arguments.district {
        Some(number) => number..number + 1,
        None => arguments.first..arguments.first + arguments.districts,
    };
    let calendar = Calendar { seed: arguments.seed, years: arguments.years, small: false };
    let mut all = Tally::default();
    for number in numbers {
        let tally =
            calendar.district(number).map_err(|error| format!("district {number}: {error}"))?;
        print!("{}", tally.details());
        all.add(tally);
        if number % 20 == 19 {
            // The figures so far, in case that nobody waits for the end.
            println!("\n{all}{} districts, {} s\n", number + 1, begin.elapsed().as_secs());
        }
    }
    println!("\n{all}seed {}, {:.0} s", arguments.seed, begin.elapsed().as_secs_f64());
    let is_good = all.wrong() <= arguments.most_wrong
        && all.false_holds() <= arguments.most_false_holds
        && all.others_percent().is_none_or(|percent| percent >= arguments.least_others);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
