//! Writes a night of a synthetic district as a zip or as a folder.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use districts::{Defect, District, IdStyle, Size, Version};

/// Writes one night of an invented school district as OneRoster CSV; the same arguments give the
/// same bytes.
#[derive(Parser)]
#[command(name = "make-district")]
struct Arguments {
    /// Students on the first night.
    #[arg(long, default_value_t = 5_000)]
    students: u64,
    /// Which district.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which night; 0 is the first.
    #[arg(long, default_value_t = 0)]
    night: u32,
    /// Version of OneRoster.
    #[arg(long = "version", value_enum, default_value = "1.1")]
    version: VersionName,
    /// Percent of the people and classes that change from night to night.
    #[arg(long, default_value_t = 1.0)]
    churn: f64,
    /// Only what changed since the night before.
    #[arg(long)]
    delta: bool,
    /// Percent of the students to leave out: a file that must be held.
    #[arg(long, default_value_t = 0.0)]
    without_students: f64,
    /// No guardians.
    #[arg(long)]
    no_guardians: bool,
    /// With the district's own columns (`metadata.stateId`, `metadata.ell` and others).
    #[arg(long)]
    metadata: bool,
    /// What ids look like: mixed, uuid or numbers.
    #[arg(long, default_value = "mixed")]
    ids: IdStyle,
    /// Every field in quotes, as many exporters write them.
    #[arg(long)]
    quote_all: bool,
    /// Something wrong with the files; may be given several times.
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<Defect>,
    /// Lists the defects and what they do, and writes nothing.
    #[arg(long)]
    list_defects: bool,
    /// Where to: a name ending in `.zip`, or a folder.
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
            let verdict = if defect.is_fatal() { "refused" } else { "imports" };
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
