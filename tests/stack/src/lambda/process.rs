//! An execution environment: one process of a function.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};

use super::FunctionConfig;
use super::runtime_api::{Invoke, Message, RuntimeApi};

/// Maximum time from the start of a process to its first poll for an event, as in AWS.
const LONGEST_START: Duration = Duration::from_secs(10);

/// How an invocation ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The answer, or the error in AWS's format.
    pub(super) payload: Value,
    pub(super) failed: bool,
    /// Whether the process can handle another event.
    pub(super) alive: bool,
    /// Peak memory of the process in bytes. `None` if the operating system does not report it.
    pub(super) peak_rss: Option<u64>,
}

/// A running process. Dropping it kills it.
pub(super) struct Environment {
    child: Child,
    api: RuntimeApi,
    /// The folder for temporary files, in place of Lambda's `/tmp`.
    _tmp: tempfile::TempDir,
}

impl Environment {
    pub(super) async fn start(
        config: &FunctionConfig,
        variables: &BTreeMap<String, String>,
        log: &Path,
        tmp: &Path,
    ) -> io::Result<Self> {
        let api = RuntimeApi::start().await?;
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        let tmp = tempfile::Builder::new().prefix("environment-").tempdir_in(tmp)?;
        let child = Command::new(&config.binary)
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("TMPDIR", tmp.path())
            .stdin(Stdio::null())
            .stdout(Stdio::from(output.try_clone()?))
            .stderr(Stdio::from(output))
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child, api, _tmp: tmp })
    }

    /// Whether the process is still running.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends an event to the process and waits for its answer. Kills the process after the time
    /// limit.
    pub(super) async fn invoke(&mut self, event: Invoke) -> Outcome {
        let (id, timeout) = (event.request_id.clone(), event.timeout);
        let mut ends = Instant::now() + LONGEST_START;
        let mut received = false;
        if self.api.events.send(event).await.is_err() {
            return self.lost("Runtime.ExitError", "the process has ended".into());
        }
        loop {
            tokio::select! {
                biased;
                message = self.api.messages.recv() => match message {
                    Some(Message::Received) => {
                        received = true;
                        ends = Instant::now() + timeout;
                    }
                    Some(Message::Answer(of, body)) if of == id => {
                        let payload = serde_json::from_slice(&body).unwrap_or(Value::Null);
                        return Outcome { payload, failed: false, alive: true, peak_rss: self.peak_rss() };
                    }
                    Some(Message::Error(of, error)) if of == id => {
                        return Outcome { payload: error, failed: true, alive: true, peak_rss: self.peak_rss() };
                    }
                    Some(Message::InitError(error)) => {
                        let peak_rss = self.peak_rss();
                        let _ = self.child.kill().await;
                        return Outcome { payload: error, failed: true, alive: false, peak_rss };
                    }
                    Some(Message::Answer(..) | Message::Error(..)) => (),
                    None => return self.lost("Runtime.ExitError", "the Runtime API has ended".into()),
                },
                status = self.child.wait() => {
                    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    return self.lost("Runtime.ExitError", format!("RequestId: {id} Error: Runtime exited with error: {how}"));
                }
                () = sleep_until(ends) => {
                    let peak_rss = self.peak_rss();
                    let _ = self.child.kill().await;
                    let allowed = if received { timeout } else { LONGEST_START };
                    let message = format!("RequestId: {id} Error: Task timed out after {:.2} seconds", allowed.as_secs_f64());
                    return Outcome { peak_rss, ..self.lost("Sandbox.Timedout", message) };
                }
            }
        }
    }

    fn lost(&self, kind: &str, message: String) -> Outcome {
        let payload = json!({ "errorType": kind, "errorMessage": message });
        Outcome { payload, failed: true, alive: false, peak_rss: None }
    }

    /// Peak memory of the process in bytes, from the kernel's counter.
    fn peak_rss(&self) -> Option<u64> {
        let status =
            std::fs::read_to_string(PathBuf::from(format!("/proc/{}/status", self.child.id()?)))
                .ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    }
}
