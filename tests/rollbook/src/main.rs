//! `rollbook`: runs Rollbook on your machine, for synthetic districts and for files of your own.

mod cli;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run().await
}
