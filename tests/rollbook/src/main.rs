//! `rollbook`: Rollbook on this machine, for trying it with invented districts and with files
//! of one's own.

mod cli;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run().await
}
