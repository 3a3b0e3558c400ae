//! The cumulative result of the experiments since the baseline.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use schemars::JsonSchema;
use serde::Serialize;

use super::foreign::StatusEffect;
use super::handoff::Baseline;
use super::row::Row;

/// The experiments of a file, in file order.
#[derive(Clone, Debug)]
pub struct History<'a> {
    /// The rows of whole runs: one experiment each.
    pub experiments: Vec<&'a Row>,
    rows: &'a [Row],
    /// The rows of benchmarks, by experiment, so that a file with many of them is not searched for each.
    benchmarks: Rc<BTreeMap<Run<'a>, Vec<&'a Row>>>,
    baseline: Option<&'a Baseline>,
}

/// The fields that the rows of one experiment share: its time, base and head.
type Run<'a> = [Option<&'a str>; 3];

fn run_of(row: &Row) -> Run<'_> {
    [&row.time, &row.base, &row.head].map(|text| text.as_deref())
}

/// The speedup of the last kept state over the baseline, as a ratio baseline/kept.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize)]
pub struct Cumulative {
    pub speedup: f64,
    pub source: Source,
    /// The number of experiments behind the speedup.
    pub steps: usize,
    /// Whether a step does not start where the one before it ended, or has no number: some changes are not in the
    /// speedup.
    pub has_gaps: bool,
}

/// The source of a cumulative speedup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Baseline and last kept state were compared with each other.
    Measured,
    ProductOfSteps,
}

impl<'a> History<'a> {
    /// Collects the experiments since the baseline; all of them if there is none.
    pub fn new(rows: &'a [Row], baseline: Option<&'a Baseline>) -> Self {
        let mut benchmarks: BTreeMap<Run<'a>, Vec<&'a Row>> = BTreeMap::new();
        for row in rows.iter().filter(|row| !row.is_experiment()) {
            benchmarks.entry(run_of(row)).or_default().push(row);
        }
        History {
            experiments: experiments_of(rows, baseline),
            rows,
            benchmarks: Rc::new(benchmarks),
            baseline,
        }
    }

    pub fn with_effect(&self, effect: StatusEffect) -> impl Iterator<Item = &'a Row> {
        let rows = self.experiments.iter().copied();
        rows.filter(move |row| row.effect() == effect)
    }

    /// Returns the kept experiments: of a commit that was measured several times, the newest status counts.
    pub fn kept(&self) -> impl Iterator<Item = &'a Row> {
        let mut newest: BTreeMap<&str, StatusEffect> = BTreeMap::new();
        for row in &self.experiments {
            if let Some(head) = row.head.as_deref()
                && matches!(
                    row.effect(),
                    StatusEffect::Kept | StatusEffect::Discarded | StatusEffect::Mixed
                )
            {
                newest.insert(head, row.effect());
            }
        }
        self.with_effect(StatusEffect::Kept).filter(move |row| {
            let head = row.head.as_deref();
            head.is_none_or(|head| newest.get(head) == Some(&StatusEffect::Kept))
        })
    }

    /// Returns the first of each commit's experiments with an effect: a commit may be measured several times.
    pub fn once(&self, effect: StatusEffect) -> Vec<&'a Row> {
        let kept: BTreeSet<&str> = self.kept().filter_map(|row| row.head.as_deref()).collect();
        let rows: Vec<&'a Row> = match effect {
            StatusEffect::Kept => self.kept().collect(),
            effect => self.with_effect(effect).collect(),
        };
        let mut seen: BTreeSet<&'a str> = BTreeSet::new();
        let mut once = Vec::new();
        for row in rows {
            let is_new = row.head.as_deref().is_none_or(|head| {
                (effect == StatusEffect::Kept || !kept.contains(head)) && seen.insert(head)
            });
            if is_new {
                once.push(row);
            }
        }
        once
    }

    /// Returns the experiments that are neither kept nor given up, undecided or measured: those without a status that
    /// is known, and states that another tool calls a baseline.
    pub fn others(&self) -> impl Iterator<Item = &'a Row> {
        let rows = self.experiments.iter().copied();
        rows.filter(|row| matches!(row.effect(), StatusEffect::Baseline | StatusEffect::Other))
    }

    /// Returns the cumulative speedup at one of the file's rows; `None` at rows of benchmarks, and before the baseline.
    pub fn so_far(&self, index: usize) -> Option<Cumulative> {
        let row = self.rows.get(index).filter(|row| row.is_experiment())?;
        if self.baseline.is_some_and(|baseline| !is_since(row, baseline)) {
            return None;
        }
        let until = History {
            experiments: experiments_of(&self.rows[..=index], self.baseline),
            ..self.clone()
        };
        until.cumulative()
    }

    /// Returns the head of the last kept experiment.
    pub fn last_kept(&self) -> Option<&'a str> {
        self.kept().filter_map(|row| row.head.as_deref()).last()
    }

    /// Whether the last kept experiment ended in the baseline itself.
    pub fn is_at_baseline(&self) -> bool {
        let baseline = self.baseline.map(|baseline| baseline.commit.as_str());
        baseline.is_some_and(|baseline| is_commit(self.last_kept(), baseline))
    }

    /// Returns the number of kept experiments without a number.
    pub fn kept_without_number(&self) -> usize {
        self.kept().filter(|row| speedup_of(row).is_none()).count()
    }

    pub fn cumulative(&self) -> Option<Cumulative> {
        let head = self.last_kept()?;
        let baseline = self.baseline.map(|baseline| baseline.commit.as_str());
        let kept: Vec<&Row> = self.kept().filter(|row| speedup_of(row).is_some()).collect();
        let linked = baseline.and_then(|baseline| self.chain(&kept, baseline, head));
        let has_gaps = linked.is_none()
            && (baseline.is_some()
                || self.kept_without_number() > 0
                || kept.iter().any(|row| row.base.is_none()));
        let steps = linked.unwrap_or_else(|| distinct(&kept));
        let measured = |speedup, steps| Cumulative {
            speedup,
            source: Source::Measured,
            steps,
            has_gaps: false,
        };
        if let Some(speedup) = baseline.and_then(|baseline| self.compared(baseline, head, &kept)) {
            return Some(measured(speedup, 1));
        }
        let totals = self.measured_at(head);
        if let Some(speedup) = together(&totals) {
            return Some(measured(speedup, totals.len()));
        }
        (!steps.is_empty()).then(|| Cumulative {
            speedup: self.product(&steps),
            source: Source::ProductOfSteps,
            steps: steps.len(),
            has_gaps,
        })
    }

    /// Returns the speedup of the last comparison of the two commits with each other that left no benchmark out.
    fn compared(&self, baseline: &str, head: &str, kept: &[&'a Row]) -> Option<f64> {
        let covered = self.names_of(kept);
        let is_measured = |row: &&&Row| {
            is_commit(row.base.as_deref(), baseline)
                && is_commit(row.head.as_deref(), head)
                && row.verdict.as_deref() != Some("inconclusive")
                && self.names_of(&[row]).is_superset(&covered)
        };
        // Whatever its status: an experiment may be discarded because of one benchmark, and its total is still right.
        let mut measured = self.experiments.iter().rev().filter(is_measured);
        measured.find_map(|row| speedup_of(row))
    }

    /// Returns the totals that another tool measured at a commit, the last of each of its targets.
    fn measured_at(&self, head: &str) -> Vec<&'a Row> {
        let measured = self.with_effect(StatusEffect::Measured);
        let totals = measured
            .filter(|row| row.base.is_none() && is_commit(row.head.as_deref(), head))
            .filter(|row| speedup_of(row).is_some());
        last_of_each_target(totals)
    }

    /// Returns the speedup of the steps over all benchmarks that any of them measured. An experiment measures only what
    /// its change reaches, so totals cover different benchmarks and cannot be multiplied.
    fn product(&self, steps: &[Vec<&'a Row>]) -> f64 {
        let mut times: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for step in steps {
            let mut has_benchmarks = false;
            for row in step.iter().flat_map(|row| self.benchmarks_of(row)) {
                let (Some(name), Some(base), Some(speedup)) =
                    (row.benchmark.as_deref(), row.base_ns, speedup_of(row))
                else {
                    continue;
                };
                has_benchmarks = true;
                let (_, now) = times.entry(name).or_insert((base, base));
                *now /= speedup;
            }
            if !has_benchmarks || steps.len() == 1 {
                // Written by hand, or by a program that knows only totals.
                return steps.iter().filter_map(|step| together(step)).product();
            }
        }
        let sum = |time: fn(&(f64, f64)) -> f64| times.values().map(time).sum::<f64>();
        sum(|(baseline, _)| *baseline) / sum(|(_, now)| *now)
    }

    /// Returns the kept steps that lead from the baseline to the head, in order, each starting where the one
    /// before it ended. `None` if there is a gap.
    fn chain(&self, kept: &[&'a Row], baseline: &str, head: &str) -> Option<Vec<Vec<&'a Row>>> {
        let mut steps = Vec::new();
        let mut at = head;
        let mut before = kept.len();
        while !is_commit(Some(at), baseline) {
            let leads_here =
                |index: &usize| is_commit(kept[*index].head.as_deref(), at) && kept[*index].base.is_some();
            let candidates: Vec<usize> = (0..before).filter(leads_here).collect();
            let index = match candidates.as_slice() {
                [one] => *one,
                several => {
                    // A state that was measured twice, or over several steps at once, counts once: by the last
                    // measurement, if that left no benchmark out; else by the first one.
                    let rows: Vec<&'a Row> = several.iter().map(|&index| kept[index]).collect();
                    let all = self.names_of(&rows);
                    let is_whole = |index: &&usize| self.names_of(&[kept[**index]]).is_superset(&all);
                    *several.iter().rev().find(is_whole).or(several.first())?
                }
            };
            steps.push(vec![kept[index]]);
            at = kept[index].base.as_deref()?;
            before = index;
        }
        steps.reverse();
        Some(steps)
    }

    /// Returns the benchmarks that any of these experiments measured.
    fn names_of(&self, totals: &[&'a Row]) -> BTreeSet<&'a str> {
        let rows = totals.iter().flat_map(|total| self.benchmarks_of(total));
        rows.filter_map(|row| row.benchmark.as_deref()).collect()
    }

    /// Returns the rows of an experiment's benchmarks.
    fn benchmarks_of(&self, total: &'a Row) -> &[&'a Row] {
        self.benchmarks
            .get(&run_of(total))
            .map_or(&[], |rows| rows.as_slice())
    }
}

fn experiments_of<'a>(rows: &'a [Row], baseline: Option<&Baseline>) -> Vec<&'a Row> {
    let totals = rows.iter().filter(|row| row.is_experiment());
    totals
        .filter(|row| baseline.is_none_or(|baseline| is_since(row, baseline)))
        .collect()
}

fn speedup_of(row: &Row) -> Option<f64> {
    row.speedup.filter(|speedup| *speedup > 0.0)
}

/// Returns the state that another tool started from, where it names a commit: the first, because later ones may be of
/// other targets.
pub fn baseline_of(rows: &[Row]) -> Option<Baseline> {
    let experiments = rows.iter().filter(|row| row.is_experiment());
    let mut baselines = experiments.filter(|row| row.effect() == StatusEffect::Baseline);
    baselines.find_map(|row| {
        Some(Baseline {
            commit: row.head.clone()?,
            date: row.time.clone(),
            branch: None,
        })
    })
}

/// Whether two hashes are of one commit; people and other tools shorten those in a file.
pub fn is_commit(one: Option<&str>, other: &str) -> bool {
    one.is_some_and(|one| {
        one.len().min(other.len()) >= 7 && (one.starts_with(other) || other.starts_with(one)) || one == other
    })
}

/// Returns all steps; of those that were measured again, only the last. Rows of another tool with the same commit are
/// one step with several targets.
fn distinct<'a>(kept: &[&'a Row]) -> Vec<Vec<&'a Row>> {
    let mut steps: Vec<Vec<&Row>> = Vec::new();
    for &row in kept {
        let is_same =
            |step: &Vec<&Row>| step[0].base == row.base && row.head.is_some() && step[0].head == row.head;
        match steps.iter().position(is_same) {
            // The place of the last one, because it may be measured from another state.
            Some(index) if row.base.is_some() => {
                steps.remove(index);
                steps.push(vec![row]);
            }
            Some(index) => steps[index].push(row),
            None => steps.push(vec![row]),
        }
    }
    let rows = steps.into_iter().map(Vec::into_iter);
    rows.map(last_of_each_target).collect()
}

fn last_of_each_target<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<&'a Row> {
    let mut last: Vec<&Row> = Vec::new();
    for row in rows {
        last.retain(|other| other.target != row.target);
        last.push(row);
    }
    last
}

/// Returns the speedup of all rows together: of the sum of their times, or the geometric mean where a time is unknown.
fn together(rows: &[&Row]) -> Option<f64> {
    if let [row] = rows {
        return speedup_of(row);
    }
    let sum = |time: fn(&Row) -> Option<f64>| rows.iter().map(|row| time(row)).sum::<Option<f64>>();
    if let (Some(base), Some(head), false) = (sum(|row| row.base_ns), sum(|row| row.head_ns), rows.is_empty())
    {
        return Some(base / head);
    }
    let logs: Vec<f64> = rows
        .iter()
        .filter_map(|row| Some(speedup_of(row)?.ln()))
        .collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

/// Whether an experiment belongs to the baseline. Times are ISO 8601 in UTC and are ordered as texts; dates in another
/// form leave nothing out.
fn is_since(row: &Row, baseline: &Baseline) -> bool {
    let (Some(time), Some(date)) = (&row.time, &baseline.date) else {
        return true;
    };
    if ![time, date].into_iter().all(|text| begins_with_date(text)) {
        return true;
    }
    let [time, date] = [time, date].map(|time| time.trim_end_matches('Z'));
    // No comparison ends in the second in which its baseline was set; one of that second ended in the new baseline.
    time > date || time == date && !is_commit(row.head.as_deref(), &baseline.commit)
}

fn begins_with_date(text: &str) -> bool {
    let digits = |part: Option<&str>, count: usize| {
        part.is_some_and(|part| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(text.get(..4), 4)
        && text.get(4..5) == Some("-")
        && digits(text.get(5..7), 2)
        && text.get(7..8) == Some("-")
        && digits(text.get(8..10), 2)
}

#[cfg(test)]
mod tests;
