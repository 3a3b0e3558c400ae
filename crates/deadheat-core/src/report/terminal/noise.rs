//! The screen of `deadheat noise`: whether this machine is quiet enough.

use comfy_table::Cell;

use super::page::Page;
use super::table::Column;
use crate::model::{Noise, Report};
use crate::report::names::common_prefix;
use crate::report::words::judgement;
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
