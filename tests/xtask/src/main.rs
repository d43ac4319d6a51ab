//! The task runner: `cargo xtask --help`.
//!
//! Each task is one command that anyone can run by hand, and `.ci/run` calls the same pieces. Tools
//! that are not Rust are installed into the target folder.

mod bench;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use tools::{Failure, cargo, script};

/// Checks, generates documents, measures and test-deploys Rollbook.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs everything that must pass before a change lands (.ci/run). Takes about 30 minutes.
    Check,
    /// Writes the generated documents again and builds the API documentation of all crates.
    Docs,
    /// Measures, and fails above the limits where there are any.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Sends generated requests of every role to the API and compares the responses with
    /// openapi.yaml.
    ApiTest {
        /// Seconds for each of the eight roles.
        #[arg(default_value_t = 20)]
        seconds: u32,
    },
    /// Deploys template.yaml into an emulator of AWS that enforces its roles, and checks that an
    /// upload reaches the mirror.
    DeployTest {
        /// Only lints the template.
        #[arg(long)]
        lint: bool,
    },
}

/// The tests that write a document when `WRITE_DOCS` is set, as package and test.
const DOCUMENTS: [(&str, &str); 1] = [("roster", "documents")];

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Check => script(".ci/run", &[]),
        Task::Docs => docs(),
        Task::Bench(bench) => bench.run(),
        Task::ApiTest { seconds } => script("tests/deploy/api.sh", &[&seconds.to_string()]),
        Task::DeployTest { lint: true } => script("tests/deploy/deploy.sh", &["lint"]),
        Task::DeployTest { lint: false } => script("tests/deploy/deploy.sh", &[]),
    }
}

fn docs() -> Result<(), Failure> {
    for (package, test) in DOCUMENTS {
        tools::run(cargo(&["test", "--package", package, "--test", test]).env("WRITE_DOCS", "1"))?;
    }
    tools::run(&mut cargo(&["doc", "--workspace", "--no-deps"]))
}
