//! Unmeasured benchmarks and warnings.

use super::page::Page;
use crate::model::{Missing, MissingReason, Report, Warning};
use crate::report::warnings::grouped;
use crate::report::words::grouped_missing;
use crate::text::{counted, cut, main_line, plain};

const MOST_MISSING: usize = 30;

impl Page {
    pub(super) fn missing(&mut self, missing: &[Missing]) {
        if missing.is_empty() {
            return;
        }
        self.heading("Not measured");
        // Unreached benchmarks are many, and nothing is wrong with them.
        let (not_reached, missing): (Vec<&Missing>, Vec<&Missing>) = missing
            .iter()
            .partition(|row| row.reason == MissingReason::NotReached && !self.style.verbose);
        match not_reached.len() {
            0 => {}
            1 => self.listed("not reached", &not_reached[0].benchmark, ""),
            count => self.prose(
                "  not reached     ",
                &format!(
                    "{}, which run no changed function (-v lists them, --all measures them)",
                    counted(count, "benchmark")
                ),
            ),
        }
        let most = if self.style.verbose {
            usize::MAX
        } else {
            MOST_MISSING
        };
        let groups: Vec<(&Missing, usize)> = match self.style.verbose {
            true => missing.iter().map(|row| (*row, 0)).collect(),
            false => grouped_missing(&missing),
        };
        for &(row, more) in groups.iter().take(most) {
            let side = match (row.reason, row.side) {
                (MissingReason::Failed | MissingReason::Skipped, Some(side)) => format!(" on {side}"),
                _ => String::new(),
            };
            let reason = format!("{}{side}", row.reason);
            let others = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            self.listed(&reason, &row.benchmark, &others);
            if self.style.verbose {
                for line in row.message.lines() {
                    self.line(&format!("      {}", plain(line)));
                }
            } else if !row.message.is_empty() {
                let line = main_line(&row.message);
                let room = self.style.width.saturating_sub(18).max(40);
                self.line(&format!("                  {}", cut(&plain(line), room)));
            }
        }
        let left: usize = groups.iter().skip(most).map(|(_, more)| 1 + more).sum();
        self.left_out("  ", left);
    }

    pub(super) fn warnings(&mut self, report: &Report) {
        let own = report
            .comparisons
            .iter()
            .flat_map(|comparison| &comparison.warnings);
        self.list_warnings(&report.warnings.iter().chain(own).collect::<Vec<_>>());
    }

    pub(super) fn list_warnings(&mut self, warnings: &[&Warning]) {
        if warnings.is_empty() {
            return;
        }
        self.heading("Warnings");
        let groups = match self.style.verbose {
            true => warnings.iter().map(|warning| (*warning, 0)).collect(),
            false => grouped(warnings.iter().copied()),
        };
        for (warning, more) in groups {
            let more = match more {
                0 => String::new(),
                count => format!(" (and {}; -v shows all)", counted(count, "more benchmark")),
            };
            let benchmark = match &warning.benchmark {
                Some(benchmark) => format!("{}: ", plain(benchmark)),
                None => String::new(),
            };
            let mut lines = warning.message.lines();
            let first = lines.next().unwrap_or_default();
            self.prose("  ! ", &format!("{benchmark}{}{more}", plain(first)));
            for line in lines {
                self.prose("    ", &plain(line));
            }
            if let Some(hint) = &warning.hint {
                self.prose("    ", &plain(hint));
            }
        }
    }
}
