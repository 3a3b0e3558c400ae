//! What happens, while it happens, on stderr: a bar in a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::options::Verbosity;
use crate::walk::Event;

/// Elsewhere than in a terminal a line is written at most this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct Progress {
    verbosity: Verbosity,
    bar: Option<ProgressBar>,
    started: Option<Instant>,
    last_line: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        let bar = (verbosity != Verbosity::Quiet && std::io::stderr().is_terminal()).then(|| {
            // Redrawn seldom: every write wakes the terminal up beside the measurement.
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
            bar.set_style(plain_style());
            bar
        });
        Progress {
            verbosity,
            bar,
            started: None,
            last_line: None,
        }
    }

    /// A step that takes a while has begun.
    pub(crate) fn step(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(text.to_owned());
                bar.tick();
            }
            None => self.line(text),
        }
    }

    /// Something that stays worth knowing.
    pub(crate) fn note(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.line(text),
        }
    }

    /// The same, with `-v` only.
    pub(crate) fn detail(&mut self, text: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.note(text);
        }
    }

    pub(crate) fn measuring(&mut self, event: Event<'_>) {
        match event {
            Event::ReplicateStarted { index, of } => {
                self.started.get_or_insert_with(Instant::now);
                match &self.bar {
                    Some(bar) => bar.set_prefix(format!("replicate {} of {of}", index + 1)),
                    None if self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) => {
                        self.last_line = Some(Instant::now());
                        let left = self
                            .time_left(index, of)
                            .map_or(String::new(), |left| format!(", {left} left"));
                        self.line(&format!("measuring: replicate {} of {of}{left}", index + 1));
                    }
                    None => {}
                }
            }
            Event::BenchmarkStarted { benchmark, done, of } => {
                let left = self.time_left(done, of).unwrap_or_default();
                if let Some(bar) = &self.bar {
                    if bar.length() != Some(of as u64) {
                        bar.set_length(of as u64);
                        bar.set_style(bar_style());
                    }
                    bar.set_position(done as u64);
                    let name = benchmark.rsplit("::").next().unwrap_or(benchmark);
                    let separator = if left.is_empty() { "" } else { " left, " };
                    bar.set_message(format!("{left}{separator}{name}"));
                }
            }
        }
    }

    /// A pass beside the measurement has come to a benchmark.
    pub(crate) fn passing(&mut self, what: &str, event: Event<'_>) {
        if let (Some(bar), Event::BenchmarkStarted { benchmark, done, of }) = (&self.bar, event) {
            let name = benchmark.rsplit("::").next().unwrap_or(benchmark);
            bar.set_message(format!("{what} {name} ({} of {of})", done + 1));
        }
    }

    fn time_left(&self, done: usize, of: usize) -> Option<String> {
        let elapsed = self.started?.elapsed();
        if done == 0 {
            return None;
        }
        let left = elapsed.as_secs_f64() * (of - done) as f64 / done as f64;
        Some(format!("{left:.0} s"))
    }

    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }
}

fn plain_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg}").expect("the template is valid")
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {bar:24} {wide_msg}").expect("the template is valid")
}
