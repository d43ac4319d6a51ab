//! Benchmarks: nights, pulls, the API, cold starts, and the calendar.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Subcommand;

use crate::tools::{Failure, cargo, run, target};

/// The functions that are deployed.
const FUNCTIONS: [&str; 5] =
    ["clever-webhook", "nightly-pull", "oneroster-import", "reconcile", "roster-api"];

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Nights of a synthetic district on the local stack, from upload to plan.
    Night {
        /// A script that does the same another way, to compare with.
        #[arg(long)]
        peer: Option<PathBuf>,
        /// Arguments for the benchmark; `-- --help` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Pulls from every source, next to a bare client that reads the same pages.
    Pull {
        /// Arguments for the benchmark; `-- --help` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Responses of the API in a large district.
    Api {
        /// Arguments for the benchmark; `-- --help` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// School years of many districts with bad exports: wrong removals and false holds. Not a
    /// measurement of time.
    Calendar {
        /// Arguments for the simulation; `-- --help` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// The time from process start to first poll, with TLS, and the zipped size of each function.
    /// Makes no network calls.
    Cold {
        /// Folder with the binaries, as NAME or NAME/bootstrap. Without it, builds the release
        /// binaries as they are deployed.
        #[arg(long)]
        functions: Option<PathBuf>,
        /// Most milliseconds from start to first poll.
        #[arg(long, default_value_t = 30)]
        most_ms: u32,
        /// Most megabytes of the zipped binary.
        #[arg(long, default_value_t = 8)]
        most_mb: u32,
        /// How often each function is started.
        #[arg(long, default_value_t = 11)]
        rounds: u32,
        /// The functions to measure; all of them if none is named.
        #[arg(value_parser = FUNCTIONS)]
        names: Vec<String>,
    },
}

impl Bench {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Bench::Night { peer: None, arguments } => benchmark("night", &arguments),
            Bench::Night { peer: Some(script), mut arguments } => {
                // cargo runs the benchmark in another folder.
                let script = existing(&script)?;
                let python = peer_python()?;
                arguments.extend(["--peer".into(), text(&script)]);
                arguments.extend(["--peer-python".into(), text(&python)]);
                benchmark("night", &arguments)
            }
            Bench::Pull { arguments } => benchmark("pull", &arguments),
            Bench::Api { arguments } => benchmark("api", &arguments),
            Bench::Calendar { arguments } => bench_of("calendar", "calendar", &arguments),
            Bench::Cold { functions, most_ms, most_mb, rounds, names } => {
                let folder = match functions {
                    Some(folder) => existing(&folder)?,
                    None => build_release(&names)?,
                };
                run(Command::new("python3")
                    .arg("tests/deploy/cold.py")
                    .args(["--most-ms", &most_ms.to_string(), "--most-mb", &most_mb.to_string()])
                    .args(["--rounds", &rounds.to_string()])
                    .arg(folder)
                    .args(names))
            }
        }
    }
}

/// Runs one benchmark of the package `e2e`.
fn benchmark(name: &str, arguments: &[String]) -> Result<(), Failure> {
    bench_of("e2e", name, arguments)
}

/// Runs one benchmark of a package, each a program of its own.
fn bench_of(package: &str, name: &str, arguments: &[String]) -> Result<(), Failure> {
    run(cargo(&["bench", "--quiet", "--package", package, "--bench", name, "--"]).args(arguments))
}

/// Builds functions as they are deployed, and returns their folder.
fn build_release(names: &[String]) -> Result<PathBuf, Failure> {
    let mut build = cargo(&["build", "--release", "--locked"]);
    let all = FUNCTIONS.map(String::from);
    for name in if names.is_empty() { &all[..] } else { names } {
        build.args(["--package", name]);
    }
    run(&mut build)?;
    Ok(target().join("release"))
}

/// A Python with the peer's packages, installed into the target folder. Binary wheels only, so that
/// the peer is as fast as its users get it.
fn peer_python() -> Result<PathBuf, Failure> {
    let environment = target().join("peer");
    if !environment.join("bin/python").is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    run(Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(["--only-binary", ":all:", "duckdb"]))?;
    existing(&environment.join("bin")).map(|bin| bin.join("python"))
}

/// The absolute path of something that must exist.
fn existing(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| Failure::Path(path.to_owned(), error))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::root;

    #[test]
    fn every_function_of_the_workspace_is_measured() {
        let mut folders: Vec<_> = std::fs::read_dir(root().join("functions"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        folders.sort();
        assert_eq!(folders, FUNCTIONS);
    }

    #[test]
    fn a_path_that_does_not_exist_is_reported_by_name() {
        let failure = existing(Path::new("no-such-script.py")).unwrap_err();
        assert!(failure.to_string().starts_with("no-such-script.py: "), "{failure}");
    }
}
