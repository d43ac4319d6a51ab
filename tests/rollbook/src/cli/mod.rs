//! The command line: arguments, and the dispatch to each command.

mod decide;
mod demo;
mod describe;
mod import;
mod outcome;
mod progress;
mod serve;
mod settings;
mod show;
mod token;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;
use mirror::MirrorError;
use mirror::ports::districts::{District, Districts};
use roster::id::DistrictId;
use roster::policy::PolicyError;
use stack::{
    ApiError, Binaries, BuildError, IssuerError, Profile, Stack, StackConfig, StackError,
    UploadError, build_functions,
};

use progress::Progress;

/// Runs Rollbook on your machine: the real functions, with stand-ins for the AWS services. No data
/// leaves the machine.
#[derive(Debug, Parser)]
#[command(
    name = "rollbook",
    version,
    after_help = "Exit codes: 0 applied or unchanged, 2 held, 3 refused, 1 anything else."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the whole system with synthetic districts: ordinary nights, a broken file, a dangerous
    /// file, local edits, and districts at Clever and ClassLink.
    Demo(demo::Demo),
    /// Imports a OneRoster file set: uploads it, waits until the run ends, and prints the findings
    /// and the changes.
    Import(import::Import),
    /// Prints records of the mirror, one JSON object per line.
    Show(show::Show),
    /// Approves or rejects a held run.
    Decide(decide::Decide),
    /// Prints an API token for any role. It is valid only for this data folder.
    Token(token::Token),
    /// Runs the API and the stand-ins until Ctrl-C, for the AWS CLI and your own programs.
    Serve(serve::Serve),
}

/// The data folder and the folder of the function binaries.
#[derive(Debug, Args)]
struct Place {
    /// Folder for all data [default: target/rollbook, or rollbook in the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder with built function binaries [default: they are built with cargo]
    #[arg(long, value_name = "DIR")]
    functions: Option<PathBuf>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The run was applied, or nothing had changed.
    Done,
    /// The run was applied, but the mirror does not equal the file: records were left out, or
    /// removals were not approved.
    LeftOut,
    /// The run is held until a person approves or rejects it.
    Held,
    /// The file was refused.
    Refused,
    /// Anything else.
    Fault,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Done => ExitCode::SUCCESS,
            End::Held => ExitCode::from(2),
            End::Refused => ExitCode::from(3),
            End::LeftOut => ExitCode::from(4),
            End::Fault => ExitCode::from(1),
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("the output cannot be written")]
    Output(#[from] std::io::Error),
    #[error("{0}")]
    Message(String),
}

/// Parses the arguments, runs the command and returns its exit code.
pub(crate) async fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Clap exits with 2 for a wrong argument, but here 2 means "held".
            return if error.use_stderr() { End::Fault.into() } else { ExitCode::SUCCESS };
        }
    };
    let done = match cli.command {
        Command::Demo(demo) => demo.run().await,
        Command::Import(import) => import.run().await,
        Command::Show(show) => show.run().await,
        Command::Decide(decide) => decide.run().await,
        Command::Token(token) => token.run(),
        Command::Serve(serve) => serve.run().await,
    };
    match done {
        Ok(end) => end.into(),
        // The reader closed the pipe, for example `head`.
        Err(Fault::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("rollbook: {}", mirror::error::chain(&fault));
            End::Fault.into()
        }
    }
}

impl Place {
    /// The data folder, and whether it was given with `--data`.
    fn folder(&self) -> (PathBuf, bool) {
        match &self.data {
            Some(data) => (data.clone(), true),
            None if Path::new("target").is_dir() => (PathBuf::from("target/rollbook"), false),
            None => (std::env::temp_dir().join("rollbook"), false),
        }
    }

    /// The data folder for a command that only reads. It must exist.
    fn existing(&self) -> Result<PathBuf, Fault> {
        let (folder, _) = self.folder();
        if folder.join("table.sqlite").is_file() {
            return Ok(folder);
        }
        Err(Fault::Message(format!(
            "{} has no imported data; name the data folder of your import with --data",
            folder.display()
        )))
    }

    /// Returns the given function binaries, or builds them.
    async fn binaries(&self, progress: &Progress) -> Result<Binaries, Fault> {
        if let Some(folder) = &self.functions {
            return Ok(Binaries::in_folder(folder)?);
        }
        let step = progress.step("building the functions");
        let built = build_functions(Profile::of_this_program(), |count, name| {
            step.update(format!("{count} compiled, {name}"))
        })
        .await?;
        Ok(built)
    }

    /// Starts the whole system on the data folder.
    async fn stack(&self, folder: PathBuf, progress: &Progress) -> Result<Stack, Fault> {
        let functions = Some(self.binaries(progress).await?);
        Ok(Stack::start(StackConfig { data: Some(folder), functions, ..Default::default() })
            .await?)
    }
}

fn district_id(text: &str) -> Result<DistrictId, String> {
    if DistrictId::is_valid(text) {
        return Ok(DistrictId::new(text));
    }
    Err("a district id consists of 1 to 64 letters, digits, `-`, `_` or `.`".into())
}

fn day(text: &str) -> Result<Date, String> {
    // Only this format, because the order of day and month must not be guessed.
    let plain = text.len() == 10 && text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
    text.parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| "write the date as YYYY-MM-DD, for example 2026-10-15".into())
}

/// Reads a district. Returns an error if it does not exist.
async fn known_district(stack: &Stack, id: &DistrictId) -> Result<District, Fault> {
    let district = stack.table().district(id).await?;
    let missing = || {
        Fault::Message(format!(
            "there is no district {id} in {}; the first import creates it",
            stack.data().display()
        ))
    };
    district.ok_or_else(missing)
}
