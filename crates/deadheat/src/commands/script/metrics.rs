//! The `METRIC` lines that a command prints: times become rows, and other numbers are compared beside them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;
use deadheat_core::judge::resource::MeasuredResource;
use deadheat_core::model::{PerSide, Resource, Sample, Side};
use deadheat_core::script_output::metric;

use crate::commands::script::rows::CommandRun;

/// The longest line that can be a metric.
const LONGEST_LINE: u64 = 4096;

/// The numbers that one run printed: the last of each name, in the order of their first lines.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) times: Vec<(String, Sample)>,
    /// Those without a unit of time.
    pub(super) numbers: Vec<(String, f64)>,
}

impl Metrics {
    pub(super) fn read(log: &Path) -> anyhow::Result<Self> {
        let file = File::open(log).with_context(|| format!("cannot read {}", log.display()))?;
        let mut reader = BufReader::new(file);
        let mut metrics = Metrics::default();
        let mut line = Vec::new();
        let mut begins = true;
        loop {
            line.clear();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(metrics);
            }
            let is_whole = begins && (read as u64) < LONGEST_LINE;
            if let Some((name, value)) = std::str::from_utf8(&line)
                .ok()
                .filter(|_| is_whole)
                .and_then(metric::parse_line)
            {
                metrics.add(name, value);
            }
            begins = line.ends_with(b"\n");
        }
    }

    fn add(&mut self, name: &str, value: f64) {
        match metric::seconds(name, value) {
            Some(seconds) => put(&mut self.times, name, sample(seconds)),
            None => put(&mut self.numbers, name, value),
        }
    }
}

fn put<T>(known: &mut Vec<(String, T)>, name: &str, value: T) {
    match known.iter_mut().find(|(other, _)| other == name) {
        Some((_, old)) => *old = value,
        None => known.push((name.to_owned(), value)),
    }
}

/// Returns a time of as many iterations as keep its digits. Less than a nanosecond counts as nothing.
fn sample(seconds: f64) -> Sample {
    let iterations = if seconds < 1.0 { 1000 } else { 1 };
    let elapsed_ns = match seconds < 1e-9 {
        true => 0,
        false => (seconds * 1e9 * iterations as f64).round() as u64,
    };
    Sample {
        elapsed_ns,
        iterations,
    }
}

/// Returns the numbers that every run printed, and that have a ratio.
pub(super) fn resources(
    tried: &PerSide<CommandRun>,
    runs: &[PerSide<Vec<(String, f64)>>],
    looks: u32,
) -> Vec<MeasuredResource> {
    let number_of = |numbers: &[(String, f64)], name: &str| {
        let (_, value) = numbers.iter().find(|(known, _)| known == name)?;
        (*value > 0.0).then_some(*value)
    };
    let rows = tried.get(Side::Head).numbers.iter().filter_map(|(name, _)| {
        let pair = |run: &PerSide<Vec<(String, f64)>>| {
            Some(PerSide::new(
                number_of(&run.base, name)?,
                number_of(&run.head, name)?,
            ))
        };
        Some(MeasuredResource {
            benchmark: name.clone(),
            resource: Resource::Metric,
            replicates: runs.iter().map(pair).collect::<Option<_>>()?,
            looks,
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Metrics {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Metrics::read(file.path()).unwrap()
    }

    fn ns(metrics: &Metrics) -> Vec<(&str, f64)> {
        let times = metrics.times.iter();
        times
            .map(|(name, sample)| (name.as_str(), sample.elapsed_ns as f64 / sample.iterations as f64))
            .collect()
    }

    #[test]
    fn times_and_other_numbers_are_told_apart() {
        let metrics = read(
            "hello\nMETRIC b_ms=3\nMETRIC a_ns=12.345\r\nMETRIC loss=0.5\nMETRIC b_ms=2\nMETRIC x=\n  METRIC c_s=1\n\
             METRIC ops_per_s=4\nMETRIC d_s=1e-10\nMETRIC z_s=0",
        );
        let expected = [
            ("b_ms", 2e6),
            ("a_ns", 12.345),
            ("ops_per_s", 2.5e8),
            ("d_s", 0.0),
            ("z_s", 0.0),
        ];
        assert_eq!(ns(&metrics), expected);
        assert_eq!(metrics.numbers, [("loss".to_owned(), 0.5)]);
    }

    #[test]
    fn what_is_not_a_line_of_its_own_is_none() {
        let long = "x".repeat(LONGEST_LINE as usize);
        let metrics = read(&format!("{long}METRIC a=1\nMETRIC {long}=1\nMETRIC b=2"));
        assert_eq!(metrics.numbers, [("b".to_owned(), 2.0)]);
    }
}
