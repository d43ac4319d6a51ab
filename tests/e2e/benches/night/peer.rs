//! The script to compare with.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Interval at which the memory of the peer is sampled.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);

/// A script and its interpreter.
pub(crate) struct Peer<'a> {
    pub(crate) python: &'a Path,
    pub(crate) script: &'a Path,
    /// Folder for the output of the script.
    pub(crate) work: &'a Path,
}

/// Cost of one run of the script.
pub(crate) struct Done {
    /// Seconds as the script reports them, without the start of the interpreter.
    pub(crate) seconds: f64,
    /// Peak resident memory, in bytes.
    pub(crate) peak_rss: u64,
    steps: String,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s {}", self.seconds, self.steps)
    }
}

impl Peer<'_> {
    /// Runs the script on a zip and, if given, the output of an earlier run to compare with.
    pub(crate) fn run(
        &self,
        zip: &Path,
        output: &str,
        previous: Option<&str>,
    ) -> Result<Done, Box<dyn Error>> {
        let mut command = Command::new(self.python);
        command
            .arg(self.script)
            .arg(zip)
            .arg(self.work.join(output))
            .args(previous.map(|name| self.work.join(name)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut stdout = child.stdout.take().ok_or("the peer has no output")?;
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).map(|_| text)
        });
        let mut peak_rss = 0;
        let status = loop {
            peak_rss = peak_rss.max(high_water(child.id()));
            if let Some(status) = child.try_wait()? {
                break status;
            }
            thread::sleep(SAMPLE_INTERVAL);
        };
        let text = reader.join().map_err(|_| "the peer's output cannot be read")??;
        if !status.success() {
            return Err(format!("the peer ended with {status}").into());
        }
        let printed: Value = serde_json::from_str(text.trim())?;
        let seconds = printed["total"].as_f64().ok_or("the peer printed no total")?;
        Ok(Done { seconds, peak_rss, steps: printed["seconds"].to_string() })
    }
}

/// Returns the peak resident memory of a process in bytes as the kernel reports it, or 0 if the
/// system does not report it.
fn high_water(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
