//! Times the import of a zip, and discards the lines: `cargo run --release -p sources --example
//! time_import -- FILE.zip [PRESET]`.
#![expect(clippy::print_stdout, reason = "it is a command")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader};
use std::time::Instant;

use jiff::civil::Date;
use roster::policy::Policy;
use roster::settings::SourceSettings;
use roster::snapshot::{PartName, SnapshotSink};
use sources::oneroster_csv::{Job, Limits, ZipPackage, import};
use sources::{Import, ImportError};

/// Counts lines and bytes.
#[derive(Default)]
struct Counting(BTreeMap<PartName, (u64, u64)>);

impl SnapshotSink for Counting {
    fn line(&mut self, part: PartName, json: &[u8]) -> io::Result<()> {
        let count = self.0.entry(part).or_default();
        count.0 += 1;
        count.1 += json.len() as u64 + 1;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: time_import FILE.zip [PRESET]")?;
    let policy = Policy::from_preset(
        &arguments.next().unwrap_or_else(|| "sis".into()),
        &serde_json::Map::new(),
    )?;
    let settings = SourceSettings::default();
    let begin = Instant::now();
    let package =
        ZipPackage::open(BufReader::with_capacity(1 << 20, File::open(path)?), &Limits::default())?;
    let mut sink = Counting::default();
    let mut first_line = None;
    let mut report = |progress: sources::oneroster_csv::Progress| {
        if progress.lines > 0 {
            first_line.get_or_insert_with(|| begin.elapsed());
        } else {
            println!("{:>8.3} s  {} MB read", begin.elapsed().as_secs_f64(), progress.read >> 20);
        }
    };
    let job = Job {
        packages: vec![Box::new(package)],
        has_base: false,
        settings: &settings,
        policy: &policy,
        today: Date::constant(2026, 10, 1),
        progress: Some(&mut report),
    };
    let ended = import(job, &mut sink);
    let seconds = begin.elapsed().as_secs_f64();
    match ended {
        Ok(Import::Staged(staged)) => {
            println!(
                "staged {} enrollments in {seconds:.3} s, first lines at {:.3} s",
                staged.enrollments,
                first_line.unwrap_or_default().as_secs_f64()
            );
            println!("{:?}", staged.findings.totals);
        }
        Ok(Import::Refused(refused)) => println!("refused: {:?}", refused.findings.findings),
        Err(ImportError::NeedsBase) => println!("the set updates earlier sets"),
        Err(error) => return Err(error.into()),
    }
    for (part, (lines, bytes)) in sink.0 {
        println!("{:>10} {lines:>9} lines {:>6} MB", part.name(), bytes >> 20);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}
