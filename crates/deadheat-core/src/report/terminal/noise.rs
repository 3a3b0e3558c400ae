//! The screen of `deadheat noise`: whether this machine will do.

use comfy_table::Cell;

use super::{Column, Page, common_prefix};
use crate::model::{Noise, Report, Verdict};
use crate::text::{duration, plain};

impl Page {
    pub(super) fn noise(&mut self, report: &Report, noise: &[Noise]) {
        if noise.is_empty() {
            return;
        }
        let names: Vec<&str> = noise.iter().map(|row| row.benchmark.as_str()).collect();
        let prefix = common_prefix(&names);
        self.heading("The same code on both sides");
        let rows = || noise.iter().zip(&report.comparisons);
        let names: Vec<String> = noise
            .iter()
            .map(|row| plain(&row.benchmark[prefix.len()..]))
            .collect();
        let columns = |form: usize| {
            let smallest = |row: &Noise| {
                let smallest = row.smallest_change_percent;
                smallest.map_or("none".to_owned(), |percent| format!("{percent:.1} %"))
            };
            let title = if form < 1 {
                "smallest change found"
            } else {
                "finds from"
            };
            vec![
                Column::of_numbers("time", rows().map(|(_, row)| duration(row.base.median_ns))),
                Column::of_words("found", rows().map(|(_, row)| Cell::new(row.verdict)).collect()),
                Column::of_numbers(
                    "spread",
                    noise.iter().map(|row| format!("{:.2} %", row.spread_percent)),
                ),
                Column::of_numbers(title, noise.iter().map(smallest)),
            ]
        };
        let table = self.fitted("benchmark", &names, &[20], columns);
        self.table(table);
    }

    pub(super) fn judge_machine(&mut self, report: &Report, noise: &[Noise]) {
        self.text.push('\n');
        for line in judgement(report, noise) {
            self.prose("", &line);
        }
    }
}

/// Judges whether this machine will do, in sentences.
pub(in crate::report) fn judgement(report: &Report, noise: &[Noise]) -> Vec<String> {
    if noise.is_empty() {
        return vec!["Nothing was measured.".to_owned()];
    }
    let mut sentences = Vec::new();
    let false_alarms = report
        .comparisons
        .iter()
        .filter(|row| matches!(row.verdict, Verdict::Improved | Verdict::Regressed))
        .count();
    if false_alarms > 0 {
        sentences.push(format!(
            "{false_alarms} of {} were called changed, and nothing is: do not trust this machine as it is now",
            noise.len()
        ));
    }
    // A little above the threshold is as good as the threshold.
    let good = report.settings.threshold_percent * 1.5;
    let is_good = |row: &&Noise| row.smallest_change_percent.is_some_and(|percent| percent <= good);
    let coarse = noise.len() - noise.iter().filter(is_good).count();
    let worst = noise
        .iter()
        .filter_map(|row| row.smallest_change_percent)
        .fold(0.0, f64::max);
    sentences.push(match coarse {
        0 => format!("this machine will do: changes of {worst:.1} % and more are found in every benchmark"),
        _ => format!(
            "{coarse} of {} benchmarks are too noisy here for changes of {good:.1} %; the coarsest finds {worst:.0} %. \
             A longer --budget helps, a quieter machine more",
            noise.len()
        ),
    });
    sentences
}
