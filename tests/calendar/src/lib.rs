//! A simulated calendar: school years of many districts, night by night.
//!
//! Each district starts and ends terms, rolls over to the next year, closes a school now and then,
//! and has students, families and teachers who arrive, leave and change. Once a year its export has
//! each of the defects of [`districts::Defect`], and a defect in the rows of a single school; the
//! next night's export is good. The files are real, and so are the import ([`sources`]) and the
//! planner with its guards ([`rules`]). The mirror is in memory, so that years take minutes.
//!
//! | module | contents |
//! | --- | --- |
//! | `world` | the truth: who is enrolled where on each day |
//! | `export` | the truth as the tables of an export |
//! | `local` | bad exports of one school |
//! | `mirror` | mirror and snapshot in memory, and plans |
//! | `night` | a district's nights |
//! | `oracle` | compares what a night changed with the truth |
//! | `tally` | [`Tally`]: counts and prints |
//!
//! `cargo xtask bench calendar` runs it; `tests/BENCHMARKS.md` has the figures.

mod export;
mod local;
mod mirror;
mod night;
mod oracle;
mod random;
mod tally;
mod world;

use std::error::Error;

pub use tally::Tally;

/// The first simulated school year, by the year in which it ends.
const FIRST_YEAR: i16 = 2027;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// Another seed gives other districts.
    pub seed: u64,
    /// The number of school years.
    pub years: usize,
    /// A small calendar for a test: small districts, in each of which only every fourth kind of bad
    /// export occurs, without those that are very large.
    pub small: bool,
}

impl Calendar {
    /// Simulates one district. The same calendar and number give the same result.
    ///
    /// # Errors
    /// If an import or a plan fails for a reason that is not in the data, or if the import refuses
    /// a good export.
    pub fn district(&self, number: usize) -> Result<Tally, Box<dyn Error>> {
        night::Simulation::start(*self, number, FIRST_YEAR)?.run(self.years)
    }
}
