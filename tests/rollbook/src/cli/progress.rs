//! What is told while it works: a spinner on a terminal, plain lines elsewhere; never on standard
//! output.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Whoever tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    /// Begins a step; it ends when it is dropped.
    pub(super) fn step(&self, what: &str) -> Step {
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::new_spinner().with_message(what.to_owned());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Step { what: what.to_owned(), bar, since: Instant::now(), told: std::cell::Cell::new(None) }
    }

    /// A line that stays.
    pub(super) fn line(&self, text: &str) {
        eprintln!("{text}");
    }
}

/// A step under way.
pub(super) struct Step {
    what: String,
    bar: Option<ProgressBar>,
    since: Instant,
    told: std::cell::Cell<Option<Instant>>,
}

impl Step {
    /// Says more about it. Without a terminal only every ten seconds, so that logs stay readable.
    pub(super) fn tell(&self, more: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {more}", self.what));
            return;
        }
        let last = self.told.get().unwrap_or(self.since);
        if last.elapsed() >= Duration::from_secs(10) {
            eprintln!("{}: {more} ({} s)", self.what, self.since.elapsed().as_secs());
            self.told.set(Some(Instant::now()));
        }
    }

    /// Seconds since it began.
    pub(super) fn seconds(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
