//! A row of `results.tsv`.

use schemars::JsonSchema;
use serde::Serialize;

use super::cells::{field, number, read_number};
use super::foreign::{ForeignCells, StatusEffect};

/// The `benchmark` of the row of the whole run.
pub const TOTAL: &str = "__total__";

/// One row; empty or unreadable cells are unknown. Speedups are base/head, and so is their interval.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
pub struct Row {
    pub time: Option<String>,
    /// Full commit hashes; other tools shorten them.
    pub base: Option<String>,
    pub head: Option<String>,
    pub benchmark: Option<String>,
    pub base_ns: Option<f64>,
    pub head_ns: Option<f64>,
    pub speedup: Option<f64>,
    pub ci_low: Option<f64>,
    pub ci_high: Option<f64>,
    pub verdict: Option<String>,
    pub micro_speedup: Option<f64>,
    pub status: Option<String>,
    pub description: Option<String>,
    /// The target that another tool optimised or measured.
    #[serde(skip)]
    pub target: Option<String>,
}

impl Row {
    /// Whether this is the row of a whole run. Other tools have no rows of benchmarks, and name none.
    pub fn is_experiment(&self) -> bool {
        match &self.benchmark {
            Some(benchmark) => benchmark == TOTAL,
            None => self.status.is_some(),
        }
    }

    pub fn effect(&self) -> StatusEffect {
        let effect = StatusEffect::of(self.status.as_deref().unwrap_or_default());
        let words = self
            .description
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let is_start = self.benchmark.is_none() && self.base.is_none() && self.speedup.is_none();
        match effect {
            // autoresearch keeps its first run, which is of the unchanged code.
            StatusEffect::Kept if is_start && words.starts_with("baseline") => StatusEffect::Baseline,
            effect => effect,
        }
    }

    /// Reads a row; a text in the place of a number is unknown, and is passed to `object`.
    pub(super) fn read(
        cell: impl Fn(&str) -> Option<String>,
        foreign: ForeignCells,
        mut object: impl FnMut(&str, &str),
    ) -> Self {
        let mut number = |name: &str| -> Option<f64> {
            let text = cell(name)?;
            let number = read_number(&text);
            if number.is_none() {
                object(name, &text);
            }
            number
        };
        Row {
            time: cell("time").or(foreign.time),
            base: cell("base"),
            head: cell("head").or(foreign.head),
            benchmark: cell("benchmark"),
            base_ns: number("base_ns").or(foreign.base_ns),
            head_ns: number("head_ns").or(foreign.head_ns),
            speedup: number("speedup").or(foreign.speedup),
            ci_low: number("ci_low"),
            ci_high: number("ci_high"),
            verdict: cell("verdict"),
            micro_speedup: number("micro_speedup"),
            status: cell("status"),
            description: cell("description").or(foreign.description),
            target: foreign.target,
        }
    }

    /// Returns the row for the columns of other tools; `number` is the experiment's, if theirs have numbers.
    pub(super) fn for_others(&self, number: Option<u64>) -> ForeignCells {
        ForeignCells {
            time: self.time.clone(),
            head: self.head.clone(),
            base_ns: self.base_ns,
            head_ns: self.head_ns,
            speedup: self.speedup,
            description: number
                .map(|number| number.to_string())
                .or(self.description.clone()),
            target: self.benchmark.clone().filter(|_| !self.is_experiment()),
        }
    }

    /// Returns the cell of a column; empty if it is unknown, and in foreign columns.
    pub(super) fn cell(&self, column: &str) -> String {
        let text = |text: &Option<String>| field(text.as_deref().unwrap_or_default());
        match column {
            "time" => text(&self.time),
            "base" => text(&self.base),
            "head" => text(&self.head),
            "benchmark" => text(&self.benchmark),
            "base_ns" => number(self.base_ns),
            "head_ns" => number(self.head_ns),
            "speedup" => number(self.speedup),
            "ci_low" => number(self.ci_low),
            "ci_high" => number(self.ci_high),
            "verdict" => text(&self.verdict),
            "micro_speedup" => number(self.micro_speedup),
            "status" => text(&self.status),
            "description" => text(&self.description),
            _ => String::new(),
        }
    }
}

/// Fills in what a time of autoresearch is compared with. A discarded commit is taken back there, so each experiment
/// starts from the kept one before it.
pub(super) fn link(rows: &mut [Row]) {
    let mut last: Option<(Option<String>, Option<f64>)> = None;
    for row in rows.iter_mut().filter(|row| row.is_experiment()) {
        let is_alone = row.benchmark.is_none() && row.base_ns.is_none() && row.speedup.is_none();
        if let (true, Some(head_ns), Some((head, Some(base_ns)))) = (is_alone, row.head_ns, &last) {
            row.base_ns = Some(*base_ns);
            row.speedup = Some(base_ns / head_ns);
            row.base = row.base.take().or_else(|| head.clone());
        }
        if matches!(row.effect(), StatusEffect::Kept | StatusEffect::Baseline) {
            // Times of other origin are not of the same benchmark.
            let time = row.head_ns.filter(|_| is_alone);
            last = Some((row.head.clone(), time));
        }
    }
}
