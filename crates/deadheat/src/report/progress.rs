//! Shows progress on stderr: a bar in a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use deadheat_core::text::{plain, plain_lines};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::cli::options::Verbosity;
use crate::passes::runner::Event;

/// The shortest interval between lines if stderr is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The same for a program, which shows only the last one.
const JSON_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct Progress {
    verbosity: Verbosity,
    bar: Option<ProgressBar>,
    started: Option<Instant>,
    last_line: Option<Instant>,
    end: Option<Instant>,
    replicate: Replicate,
    /// Reports steps that take long, if there is no bar to show them.
    watch: Option<Watch>,
    /// The number of all measured benchmarks, including those that have their verdicts and no longer take part.
    measured: usize,
}

/// The current replicate.
#[derive(Clone, Copy, Default)]
struct Replicate {
    index: usize,
    of: Option<usize>,
    benchmarks: usize,
}

/// The number of steps of the bar.
const BAR_LENGTH: u64 = 1_000;

impl Progress {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        let is_for_people = !matches!(verbosity, Verbosity::Quiet | Verbosity::Json);
        let bar = (is_for_people && std::io::stderr().is_terminal()).then(|| {
            // Redrawn rarely, because every write wakes up the terminal during the measurement.
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
            bar.set_style(plain_style());
            bar
        });
        Progress {
            verbosity,
            bar,
            started: None,
            last_line: None,
            end: None,
            replicate: Replicate::default(),
            watch: None,
            measured: 0,
        }
    }

    /// Shows that a step that takes a while has begun.
    pub(crate) fn step(&mut self, text: &str) {
        self.watch = None;
        match &self.bar {
            Some(bar) => {
                if bar.length().is_some() {
                    bar.unset_length();
                    bar.set_style(plain_style());
                }
                bar.set_message(plain_lines(text));
                bar.tick();
            }
            None => self.line(text),
        }
    }

    /// Prints a line that stays.
    pub(crate) fn note(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(plain_lines(text)),
            None => self.line(text),
        }
    }

    /// Prints a line that stays, with `-v` only.
    pub(crate) fn detail(&mut self, text: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.note(text);
        }
    }

    /// Sets the end of the measuring, if the number of replicates is not fixed.
    pub(crate) fn until(&mut self, end: Instant) {
        self.end = Some(end);
    }

    pub(crate) fn measuring(&mut self, event: Event<'_>) {
        self.watch = None;
        match event {
            Event::ReplicateStarted {
                index,
                of,
                benchmarks,
            } => {
                self.started.get_or_insert_with(Instant::now);
                self.replicate = Replicate {
                    index,
                    of,
                    benchmarks,
                };
                self.measured = self.measured.max(benchmarks);
                let text = match of {
                    Some(of) => format!("replicate {} of {of}", index + 1),
                    None => {
                        let all = self.measured;
                        format!("replicate {}, {} of {all} settled", index + 1, all - benchmarks)
                    }
                };
                match &self.bar {
                    Some(bar) => bar.set_prefix(plain_lines(&text)),
                    None if self
                        .last_line
                        .is_none_or(|last| last.elapsed() >= self.line_every()) =>
                    {
                        self.last_line = Some(Instant::now());
                        let left = self
                            .time_left(0)
                            .map_or(String::new(), |left| format!(", {left}"));
                        self.line(&format!("measuring: {text}{left}"));
                    }
                    None => {}
                }
            }
            Event::BenchmarkStarted { benchmark, position } => {
                let left = self
                    .time_left(position)
                    .map_or(String::new(), |left| format!("{left}, "));
                let done = self.done(position).unwrap_or_default();
                if let Some(bar) = &self.bar {
                    if bar.length() != Some(BAR_LENGTH) {
                        bar.set_length(BAR_LENGTH);
                        bar.set_style(bar_style());
                    }
                    bar.set_position((done * BAR_LENGTH as f64) as u64);
                    let name = short(benchmark);
                    bar.set_message(plain_lines(&format!("{left}{name}")));
                }
            }
        }
    }

    /// Shows an event of a pass other than the measurement.
    pub(crate) fn passing(&mut self, what: &str, event: Event<'_>) {
        match event {
            Event::ReplicateStarted {
                index,
                of,
                benchmarks,
            } => {
                self.replicate = Replicate {
                    index,
                    of,
                    benchmarks,
                };
            }
            Event::BenchmarkStarted { benchmark, position } => {
                let Replicate {
                    index,
                    of,
                    benchmarks,
                } = self.replicate;
                let (done, all) = (index * benchmarks + position, of.unwrap_or(1) * benchmarks);
                let text = |name: &str| format!("{what} {name} ({} of {all})", done + 1);
                match &self.bar {
                    Some(bar) => bar.set_message(plain_lines(&text(short(benchmark)))),
                    None if self.verbosity == Verbosity::Quiet => {}
                    None => {
                        let verbosity = self.verbosity;
                        let watch = self.watch.get_or_insert_with(|| {
                            Watch::start(LINE_EVERY, move |text| line(verbosity, text))
                        });
                        watch.begun(text(&plain(benchmark)));
                    }
                }
            }
        }
    }

    /// Returns the part of the measuring that is done, at the least.
    fn done(&self, position: usize) -> Option<f64> {
        let elapsed = self.started?.elapsed().as_secs_f64();
        let Replicate {
            index,
            of,
            benchmarks,
        } = self.replicate;
        match (of, self.end) {
            (Some(of), _) => Some((index * benchmarks + position) as f64 / (of * benchmarks).max(1) as f64),
            (None, Some(end)) => {
                let left = end.saturating_duration_since(Instant::now()).as_secs_f64();
                Some(elapsed / (elapsed + left).max(f64::MIN_POSITIVE))
            }
            (None, None) => None,
        }
    }

    fn time_left(&self, position: usize) -> Option<String> {
        if self.replicate.of.is_none() {
            let left = self.end?.saturating_duration_since(Instant::now());
            return Some(format!("at most {:.0} s left", left.as_secs_f64()));
        }
        let done = self.done(position).filter(|done| *done > 0.0)?;
        let elapsed = self.started?.elapsed().as_secs_f64();
        Some(format!("{:.0} s left", elapsed / done - elapsed))
    }

    pub(crate) fn finish(&mut self) {
        self.watch = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line_every(&self) -> Duration {
        match self.verbosity {
            Verbosity::Json => JSON_EVERY,
            _ => LINE_EVERY,
        }
    }

    fn line(&self, text: &str) {
        line(self.verbosity, text);
    }
}

fn line(verbosity: Verbosity, text: &str) {
    let line = match verbosity {
        Verbosity::Quiet => return,
        Verbosity::Json => json!({"progress": text}).to_string(),
        Verbosity::Normal | Verbosity::Verbose => plain_lines(text),
    };
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Reports steps that take long, once each, for as long as it is held.
struct Watch {
    begun: Sender<String>,
}

impl Watch {
    fn start(after: Duration, mut say: impl FnMut(&str) + Send + 'static) -> Self {
        let (begun, news) = mpsc::channel::<String>();
        // It wakes up whenever something begins, and otherwise once.
        thread::spawn(move || {
            let mut next = news.recv();
            while let Ok(what) = next {
                next = match news.recv_timeout(after) {
                    Err(RecvTimeoutError::Timeout) => {
                        say(&format!("{what}: takes longer than {} s", after.as_secs()));
                        news.recv()
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                    Ok(what) => Ok(what),
                };
            }
        });
        Watch { begun }
    }

    fn begun(&self, what: String) {
        // The thread lives as long as this end of the channel.
        let _ = self.begun.send(what);
    }
}

/// Returns a benchmark's name without its file.
fn short(benchmark: &str) -> &str {
    benchmark.rsplit("::").next().unwrap_or(benchmark)
}

fn plain_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg}").expect("the template is valid")
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {bar:24} {wide_msg}").expect("the template is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_named_once_and_what_does_not_is_not() {
        let (said, lines) = mpsc::channel();
        let watch = Watch::start(Duration::ZERO, move |line| said.send(line.to_owned()).unwrap());
        watch.begun("looking at a (1 of 2)".to_owned());
        assert_eq!(
            lines.recv().unwrap(),
            "looking at a (1 of 2): takes longer than 0 s"
        );
        watch.begun("looking at b (2 of 2)".to_owned());
        assert!(lines.recv().unwrap().starts_with("looking at b (2 of 2)"));
        drop(watch);
        assert!(lines.recv().is_err());

        let (said, lines) = mpsc::channel::<String>();
        let patient = Watch::start(Duration::MAX, move |line| said.send(line.to_owned()).unwrap());
        patient.begun("looking at c (1 of 2)".to_owned());
        patient.begun("looking at d (2 of 2)".to_owned());
        drop(patient);
        assert!(lines.recv().is_err());
    }
}
