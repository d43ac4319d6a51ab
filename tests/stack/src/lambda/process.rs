//! One execution environment: a process of a function, from its start to its end.

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
use super::runtime_api::{Invoke, RuntimeApi, Said};

/// How long a process may take until it asks for its first event, as in AWS.
const LONGEST_START: Duration = Duration::from_secs(10);

/// How an invocation ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The answer, or the error as AWS words it.
    pub(super) payload: Value,
    pub(super) failed: bool,
    /// The process can take another event.
    pub(super) alive: bool,
    /// Most memory that the process has ever held, in bytes; none where the system does not tell.
    pub(super) peak_rss: Option<u64>,
}

/// A running process. Dropping it kills it.
pub(super) struct Environment {
    child: Child,
    api: RuntimeApi,
    /// Where it keeps temporary files, as `/tmp` of a Lambda; removed with it.
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

    /// Whether the process is still there.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Hands over an event and waits for what comes of it. A process that takes too long is killed.
    pub(super) async fn invoke(&mut self, event: Invoke) -> Outcome {
        let (id, timeout) = (event.request_id.clone(), event.timeout);
        let mut ends = Instant::now() + LONGEST_START;
        let mut took = false;
        if self.api.events.send(event).await.is_err() {
            return self.lost("Runtime.ExitError", "the process has ended".into());
        }
        loop {
            tokio::select! {
                biased;
                said = self.api.said.recv() => match said {
                    Some(Said::Took) => {
                        took = true;
                        ends = Instant::now() + timeout;
                    }
                    Some(Said::Answer(of, body)) if of == id => {
                        let payload = serde_json::from_slice(&body).unwrap_or(Value::Null);
                        return Outcome { payload, failed: false, alive: true, peak_rss: self.peak_rss() };
                    }
                    Some(Said::Error(of, error)) if of == id => {
                        return Outcome { payload: error, failed: true, alive: true, peak_rss: self.peak_rss() };
                    }
                    Some(Said::InitError(error)) => {
                        let peak_rss = self.peak_rss();
                        let _ = self.child.kill().await;
                        return Outcome { payload: error, failed: true, alive: false, peak_rss };
                    }
                    Some(Said::Answer(..) | Said::Error(..)) => (),
                    None => return self.lost("Runtime.ExitError", "the Runtime API has ended".into()),
                },
                status = self.child.wait() => {
                    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    return self.lost("Runtime.ExitError", format!("RequestId: {id} Error: Runtime exited with error: {how}"));
                }
                () = sleep_until(ends) => {
                    let peak_rss = self.peak_rss();
                    let _ = self.child.kill().await;
                    let allowed = if took { timeout } else { LONGEST_START };
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

    /// The kernel's own mark of the most memory that the process has held.
    fn peak_rss(&self) -> Option<u64> {
        let status =
            std::fs::read_to_string(PathBuf::from(format!("/proc/{}/status", self.child.id()?)))
                .ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    }
}
