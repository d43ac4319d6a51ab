//! Progress messages: a spinner on a terminal, plain lines elsewhere; never on standard output.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Prints progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    /// Starts a step, which ends when it is dropped.
    pub(super) fn step(&self, what: &str) -> Step {
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::new_spinner().with_message(what.to_owned());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Step { what: what.to_owned(), bar, since: Instant::now(), printed: Cell::new(None) }
    }

    /// Prints a line that stays on the terminal.
    pub(super) fn line(&self, text: &str) {
        eprintln!("{text}");
    }
}

/// A running step.
pub(super) struct Step {
    what: String,
    bar: Option<ProgressBar>,
    since: Instant,
    /// When the last line was printed; unused on a terminal.
    printed: Cell<Option<Instant>>,
}

impl Step {
    /// Updates the step's text. Without a terminal, at most every ten seconds, so that logs stay
    /// readable.
    pub(super) fn update(&self, more: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {more}", self.what));
            return;
        }
        let last = self.printed.get().unwrap_or(self.since);
        if last.elapsed() >= Duration::from_secs(10) {
            eprintln!("{}: {more} ({} s)", self.what, self.since.elapsed().as_secs());
            self.printed.set(Some(Instant::now()));
        }
    }

    /// Seconds since the step started.
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
