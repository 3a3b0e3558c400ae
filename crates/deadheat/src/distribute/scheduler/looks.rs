//! Looks at what has come: which benchmarks have their verdicts, and which machines are outliers.

use deadheat_core::judge::machines::{self, Settled};
use deadheat_core::judge::sequential::{Sampling, may_settle};
use deadheat_core::model::{MeasuringMachine, kind_among};

use super::Scheduler;
use super::row::Row;
use crate::distribute::task::TaskResult;

/// The process pairs of each machine, on average, among which an outlier is looked for first: fewer would name none.
const PAIRS_ASKED: u32 = 7;

impl Scheduler {
    /// Decides which rows have their verdicts, and looks at further replicates of the others that have come already.
    pub(crate) fn settle(&mut self) {
        while std::mem::take(&mut self.has_looked) {
            if self.stopping.sampling != Sampling::UntilSettled {
                return;
            }
            let settled = self.settled();
            let kinds = self.kinds();
            for (index, is_settled) in settled.into_iter().enumerate() {
                let row = &mut self.rows[index];
                let was_waiting = std::mem::take(&mut row.awaits_verdict);
                if row.is_settled != is_settled || was_waiting {
                    row.is_settled = is_settled;
                    self.has_looked |= row.count(&self.stopping, &kinds);
                    self.put_back(index);
                }
            }
        }
    }

    /// Returns for each row whether it has its verdict, with a correction over all rows.
    pub(super) fn settled(&self) -> Vec<bool> {
        let estimates = self.rows.iter().map(|row| row.estimates.as_ref());
        let settled = machines::settle(estimates);
        let is_settled = |(row, settled): (&Row, Option<Settled>)| {
            let Some((settled, estimates)) = settled.zip(row.estimates.as_ref()) else {
                return false;
            };
            let threshold = self.stopping.thresholds.of(&row.benchmark);
            may_settle(&settled.estimate, row.set.looked_at)
                && estimates.is_settled(settled.agreement, threshold, settled.survives)
        };
        self.rows.iter().zip(settled).map(is_settled).collect()
    }

    pub(super) fn kinds(&self) -> Vec<u32> {
        self.machines.iter().map(|machine| machine.kind).collect()
    }

    /// Returns the number of the machine that a result comes from.
    pub(super) fn machine_of(&mut self, worker: &str, result: &TaskResult) -> u32 {
        let known = self.machines.iter().position(|machine| machine.name == worker);
        let index = known.unwrap_or_else(|| {
            let kind = kind_among(&self.machines, &result.machine, &result.python);
            self.machines.push(MeasuringMachine {
                name: worker.to_owned(),
                machine: result.machine.clone(),
                python: result.python.clone(),
                kind,
                replicates: 0,
                outlier: None,
            });
            self.machines.len() - 1
        });
        index as u32
    }

    /// Looks for machines whose results are unlike those of the others of their kind, whenever there are twice as many
    /// process pairs as the last time, and at the end. Their replicates do not count. Returns whether there is a new one.
    pub(crate) fn set_outliers_aside(&mut self, is_end: bool) -> bool {
        let (asked, pairs) = self.asked;
        let next = (2 * pairs).max(PAIRS_ASKED * self.machines.len() as u32);
        if self.pairs == pairs || (self.pairs < next && !is_end) {
            return false;
        }
        self.asked = (asked + 1, self.pairs);
        let kinds = self.kinds();
        let rows = self.rows.iter().map(|row| row.set.replicates.as_slice());
        let found = machines::outliers(rows, &kinds, asked + 1);
        for &(number, outlier) in &found {
            let machine = &mut self.machines[number as usize];
            machine.outlier = Some(outlier);
            if let Some(state) = self.workers.get_mut(&machine.name) {
                state.is_outlier = true;
            }
            for row in &mut self.rows {
                row.set_aside(number);
            }
        }
        if found.is_empty() {
            return false;
        }
        for index in 0..self.rows.len() {
            if self.rows[index].set.looks > 0 {
                self.rows[index].look(self.stopping.sampling, &kinds);
            }
            self.put_back(index);
        }
        self.has_looked = true;
        self.settle();
        true
    }
}
