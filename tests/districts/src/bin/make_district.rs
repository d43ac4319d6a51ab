//! Writes one night of a synthetic district as a zip or a folder.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use districts::{Defect, District, IdStyle, Size, Version};

/// Writes one night of an invented school district as OneRoster CSV. The same arguments always
/// write the same bytes.
#[derive(Parser)]
#[command(name = "make-district")]
struct Arguments {
    /// Number of students on the first night.
    #[arg(long, default_value_t = 5_000)]
    students: u64,
    /// Seed of the district: each seed is a different district.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of the night; 0 is the first.
    #[arg(long, default_value_t = 0)]
    night: u32,
    /// Version of OneRoster.
    #[arg(long = "version", value_enum, default_value = "1.1")]
    version: VersionName,
    /// Percentage of people and classes that change from night to night.
    #[arg(long, default_value_t = 1.0)]
    churn: f64,
    /// Write only the changes since the night before.
    #[arg(long)]
    delta: bool,
    /// Percentage of students to leave out, for a file whose run must be held.
    #[arg(long, default_value_t = 0.0)]
    without_students: f64,
    /// Leave out the guardians.
    #[arg(long)]
    no_guardians: bool,
    /// Add the district's own columns (`metadata.stateId`, `metadata.ell` and others).
    #[arg(long)]
    metadata: bool,
    /// Format of the ids: mixed, uuid or numbers.
    #[arg(long, default_value = "mixed")]
    ids: IdStyle,
    /// Quote every field, as many exporters do.
    #[arg(long)]
    quote_all: bool,
    /// Add a defect to the files. Can be repeated.
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<Defect>,
    /// List the defects and what they do, and write no files.
    #[arg(long)]
    list_defects: bool,
    /// Output: a path that ends in `.zip`, or a folder.
    #[arg(long, required_unless_present = "list_defects")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum VersionName {
    #[value(name = "1.1")]
    V1_1,
    #[value(name = "1.2")]
    V1_2,
}

fn main() -> ExitCode {
    match write(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make-district: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(arguments: &Arguments) -> io::Result<()> {
    let Some(out) = arguments.out.as_ref().filter(|_| !arguments.list_defects) else {
        let mut list = io::stdout().lock();
        for defect in Defect::ALL {
            let verdict = if defect.is_fatal() { "rejected" } else { "imports" };
            writeln!(list, "{:<28} {verdict}  {}", defect.name(), defect.explanation())?;
        }
        return Ok(());
    };
    let district = District::new(Size::students(arguments.students))
        .seed(arguments.seed)
        .churn(arguments.churn)
        .guardians(!arguments.no_guardians)
        .metadata(arguments.metadata)
        .version(match arguments.version {
            VersionName::V1_1 => Version::V1_1,
            VersionName::V1_2 => Version::V1_2,
        })
        .ids(arguments.ids)
        .quote_all(arguments.quote_all);
    let mut night = district.night(arguments.night);
    if arguments.without_students > 0.0 {
        night = night.without_students(arguments.without_students);
    }
    for defect in &arguments.defects {
        night = night.with(*defect);
    }
    if arguments.delta {
        night = night.delta();
    }
    if out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        night.write_zip_file(out)
    } else {
        night.write_folder(out)
    }
}
