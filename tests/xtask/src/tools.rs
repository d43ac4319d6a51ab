//! Starting other programs in the workspace's folder.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder for everything that is built or installed.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Why a task failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The program could not be started.
    Start(OsString, std::io::Error),
    /// The program ended with an error, which it has printed itself.
    Ended(OsString, ExitStatus),
    /// A path that the caller named does not exist.
    Path(PathBuf, std::io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Start(program, error) => write!(f, "could not start {program:?}: {error}"),
            Failure::Ended(program, status) => write!(f, "{program:?} failed: {status}"),
            Failure::Path(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

/// Runs a command to its end.
///
/// # Errors
/// If it cannot be started, or ends with another code than 0.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().to_owned();
    let status = command
        .current_dir(root())
        .status()
        .map_err(|error| Failure::Start(program.clone(), error))?;
    if status.success() { Ok(()) } else { Err(Failure::Ended(program, status)) }
}

/// The cargo that started this program, with arguments.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Runs a Bash script of the repository.
///
/// # Errors
/// As [`run`].
pub(crate) fn script(path: &str, arguments: &[&str]) -> Result<(), Failure> {
    run(Command::new("bash").arg(path).args(arguments))
}
