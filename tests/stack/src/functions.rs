//! Finds or builds the function binaries.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

/// The folder of this package, two levels below the workspace.
const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// How the functions are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The profile of tests.
    Dev,
    /// The profile of the deployed functions.
    Release,
}

impl Profile {
    /// The profile of the running program, so that shared dependencies are not compiled twice.
    pub fn of_this_program() -> Self {
        if cfg!(debug_assertions) { Self::Dev } else { Self::Release }
    }
}

/// The paths of the function binaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// `oneroster-import`.
    pub oneroster_import: PathBuf,
    /// `reconcile`.
    pub reconcile: PathBuf,
    /// `roster-api`.
    pub roster_api: PathBuf,
    /// `clever-webhook`.
    pub clever_webhook: PathBuf,
    /// `nightly-pull`.
    pub nightly_pull: PathBuf,
}

impl Binaries {
    /// The binaries in a folder, named like the functions.
    pub fn in_folder(folder: &Path) -> Result<Self, BuildError> {
        Self::found_by(|name| {
            let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            path.is_file().then_some(path)
        })
    }

    fn found_by(mut find: impl FnMut(&str) -> Option<PathBuf>) -> Result<Self, BuildError> {
        let mut found =
            |name: &str| find(name).ok_or_else(|| BuildError::NotBuilt(name.to_owned()));
        Ok(Self {
            oneroster_import: found("oneroster-import")?,
            reconcile: found("reconcile")?,
            roster_api: found("roster-api")?,
            clever_webhook: found("clever-webhook")?,
            nightly_pull: found("nightly-pull")?,
        })
    }

    /// The binaries in the target folder of the running test. `cargo test --workspace` has built
    /// them.
    ///
    /// # Errors
    /// If a binary is missing or older than its sources. Both happen when only one package is
    /// tested.
    pub fn of_this_test() -> Result<Self, BuildError> {
        let test = std::env::current_exe().map_err(BuildError::Output)?;
        let folder = test.parent().and_then(Path::parent).unwrap_or(&test);
        let found = Self::in_folder(folder)?;
        let workspace = Path::new(PACKAGE).join("../..");
        for (binary, packages) in [
            (&found.oneroster_import, &["functions/oneroster-import", "shared/sources"][..]),
            (&found.reconcile, &["functions/reconcile", "shared/rules"][..]),
            (&found.roster_api, &["functions/roster-api", "shared/rules"][..]),
            (&found.clever_webhook, &["functions/clever-webhook"][..]),
            (&found.nightly_pull, &["functions/nightly-pull", "shared/sources"][..]),
        ] {
            let newest = packages
                .iter()
                .chain(&["shared/roster", "shared/mirror"])
                .filter_map(|package| newest_source(&workspace.join(package).join("src")))
                .max();
            let built = std::fs::metadata(binary)
                .and_then(|about| about.modified())
                .map_err(BuildError::Output)?;
            if newest.is_some_and(|newest| newest > built) {
                return Err(BuildError::Outdated(binary.clone()));
            }
        }
        Ok(found)
    }
}

/// Why the binaries are not available.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo cannot be started.
    #[error(
        "cannot run cargo, which builds the functions; install a Rust toolchain (https://rustup.rs)"
    )]
    NoCargo(#[source] io::Error),
    /// The sources that this program was built from are missing.
    #[error(
        "the functions' sources are not at {0}; run from a checkout, or name a folder with built \
         binaries"
    )]
    NoSources(PathBuf),
    /// The build failed.
    #[error("cannot build the functions:\n{0}")]
    Failed(String),
    /// A binary is missing.
    #[error("there is no binary {0}")]
    NotBuilt(String),
    /// A binary is older than its sources.
    #[error(
        "{} is older than its sources; run `cargo test --workspace`, which also builds the \
         functions",
        .0.display()
    )]
    Outdated(PathBuf),
    /// Cargo's output cannot be read.
    #[error("cannot read cargo's output")]
    Output(#[source] io::Error),
}

/// The time of the last change to a Rust file below a folder.
fn newest_source(folder: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let newest = entries.filter_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return newest_source(&path);
        }
        let is_source = path.extension().is_some_and(|ending| ending == "rs");
        is_source.then(|| entry.metadata().and_then(|about| about.modified()).ok()).flatten()
    });
    newest.max()
}

/// Builds the functions with cargo. The first build takes minutes; an unchanged build a moment.
///
/// After each compiled package, `progress` gets the number of packages so far and the name.
/// `CARGO` and `CARGO_TARGET_DIR` are honored. The package `rollbook` is built too, so that cargo
/// selects the same features as for the command line, and reuses its compiled dependencies.
pub async fn build_functions(
    profile: Profile,
    mut progress: impl FnMut(u64, &str),
) -> Result<Binaries, BuildError> {
    let workspace = Path::new(PACKAGE).join("../..");
    if !workspace.join("Cargo.toml").is_file() {
        return Err(BuildError::NoSources(workspace));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--message-format", "json-render-diagnostics"]);
    for package in [
        "rollbook",
        "oneroster-import",
        "reconcile",
        "roster-api",
        "clever-webhook",
        "nightly-pull",
    ] {
        command.args(["-p", package]);
    }
    if profile == Profile::Release {
        command.arg("--release");
    }
    command
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(BuildError::NoCargo)?;
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(BuildError::Failed("cargo has no output".into()));
    };
    let errors = tokio::spawn(async move {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text).await;
        text
    });
    let mut executables: HashMap<String, PathBuf> = HashMap::new();
    let mut compiled = 0;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await.map_err(BuildError::Output)? {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        let name = message["target"]["name"].as_str().unwrap_or_default();
        if message["fresh"] == false {
            compiled += 1;
            progress(compiled, name);
        }
        if let Some(executable) = message["executable"].as_str() {
            executables.insert(name.to_owned(), executable.into());
        }
    }
    let status = child.wait().await.map_err(BuildError::Output)?;
    if !status.success() {
        return Err(BuildError::Failed(errors.await.unwrap_or_default()));
    }
    Binaries::found_by(|name| executables.remove(name))
}
