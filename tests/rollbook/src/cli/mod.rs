//! The command line: arguments, and where each command goes.

mod decide;
mod demo;
mod import;
mod outcome;
mod progress;
mod serve;
mod settings;
mod show;
mod token;
mod words;

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

/// Rollbook on this machine: the real functions, with DynamoDB, S3, Lambda and the scheduler around
/// them. Nothing leaves the machine.
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
    /// Shows everything with invented districts: nights, a broken file, a dangerous one, what
    /// people do beside them, and a district at Clever.
    Demo(demo::Demo),
    /// Imports a OneRoster set of yours: uploads it, waits, and says what was found and done.
    Import(import::Import),
    /// Prints what the mirror holds, a JSON object a line.
    Show(show::Show),
    /// Decides about a run that is held.
    Decide(decide::Decide),
    /// Prints a token for the API, for any role; it works with this data folder alone.
    Token(token::Token),
    /// Keeps everything up until Ctrl-C: the API, and what the AWS CLI and tools of your own may
    /// want.
    Serve(serve::Serve),
}

/// Where things are kept and where the functions come from.
#[derive(Debug, Args)]
struct Place {
    /// Folder in which everything is kept between calls [default: target/rollbook, or rollbook in
    /// the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder with ready-made binaries of the functions, which are otherwise built with cargo
    #[arg(long, value_name = "DIR")]
    functions: Option<PathBuf>,
}

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The run did what it should.
    Done,
    /// It is held, for a person to decide.
    Held,
    /// The file could not be trusted.
    Refused,
    /// It ended otherwise.
    Fault,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Done => ExitCode::SUCCESS,
            End::Held => ExitCode::from(2),
            End::Refused => ExitCode::from(3),
            End::Fault => ExitCode::from(1),
        }
    }
}

/// Why a command could not do its work.
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
    Said(String),
}

/// Reads the arguments, does what they say, and says how it ended.
pub(crate) async fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Clap's own code for a wrong argument is the one that means "held" here.
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
        // The reader of our output has seen enough, as `head` has.
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
    /// The folder, and whether it was named.
    fn folder(&self) -> (PathBuf, bool) {
        match &self.data {
            Some(data) => (data.clone(), true),
            None if Path::new("target").is_dir() => (PathBuf::from("target/rollbook"), false),
            None => (std::env::temp_dir().join("rollbook"), false),
        }
    }

    /// The folder of a command that only reads; it must be there.
    fn existing(&self) -> Result<PathBuf, Fault> {
        let (folder, _) = self.folder();
        if folder.join("table.sqlite").is_file() {
            return Ok(folder);
        }
        Err(Fault::Said(format!(
            "nothing has been imported into {}; name the folder of the import with --data",
            folder.display()
        )))
    }

    /// The functions: ready-made, or built now.
    async fn binaries(&self, progress: &Progress) -> Result<Binaries, Fault> {
        if let Some(folder) = &self.functions {
            return Ok(Binaries::in_folder(folder)?);
        }
        let step = progress.step("building the functions");
        let built = build_functions(Profile::of_this_program(), |count, name| {
            step.tell(format!("{count} compiled, {name}"))
        })
        .await?;
        Ok(built)
    }

    /// The whole system on the folder.
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
    Err("a district's id has 1 to 64 letters, digits, `-`, `_` or `.`".into())
}

fn day(text: &str) -> Result<Date, String> {
    // Nothing but this form: other orders of day and month must not be guessed.
    let plain = text.len() == 10 && text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
    text.parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| "write the day as YYYY-MM-DD, for example 2026-10-15".into())
}

/// A district that must be there.
async fn known_district(stack: &Stack, id: &DistrictId) -> Result<District, Fault> {
    let district = stack.table().district(id).await?;
    let missing = || {
        Fault::Said(format!(
            "there is no district {id} in {}; it is made with its first import",
            stack.data().display()
        ))
    };
    district.ok_or_else(missing)
}
