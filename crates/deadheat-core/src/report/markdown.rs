//! The report as Markdown for a comment on a pull request: the answer in the first line, then what changed; everything
//! else is folded.

mod comment;
mod escape;

use std::cmp::Reverse;

use comment::{MOST_BYTES, Section, fit};
use escape::{block, code, html_code, prose};

use super::breakdown::{
    Section as Breakdown, cells as function_cells, headings as function_headings, notes, reconciliation,
};
use super::names::prefix_of;
use super::warnings::grouped as grouped_warnings;
use super::words::{change, core_of, of_controls, place_of, replicates_of, says_the_same, what_would_settle};
use super::{parts, reproduce};
use crate::judge::gate;
use crate::model::{
    Comparison, Environments, Estimate, FunctionComparison, Judged, Missing, MissingReason, Report,
    ResourceComparison, Revision, Verdict, WarningCode,
};
use crate::output::OutputCheck;
use crate::text::{amount, change_percent, duration, main_line, sentence, short_commit, speedup};

pub fn markdown(report: &Report) -> String {
    let page = Page {
        report,
        prefix: prefix(report),
    };
    let sections: Vec<Section> = [
        Some(page.head()),
        page.plan(),
        page.noise(),
        page.changed(),
        page.failed(),
        page.changed_resources(),
        page.warnings(),
        page.inconclusive(),
        page.unexplained(),
        page.unchanged(),
        page.other_resources(),
        page.functions(),
        page.functions_by_benchmark(),
        page.survey(),
        page.missing(),
        Some(page.conditions()),
        Some(page.command()),
    ]
    .into_iter()
    .flatten()
    .filter(|section| !section.blocks.is_empty())
    .collect();
    fit(&sections)
}

struct Page<'a> {
    report: &'a Report,
    /// The common beginning of all benchmark names, which is shown once.
    prefix: &'a str,
}

fn prefix(report: &Report) -> &str {
    let names: Vec<&str> = report
        .comparisons
        .iter()
        .map(|row| row.benchmark.as_str())
        .collect();
    prefix_of(report, &names)
}

impl Page<'_> {
    fn name(&self, benchmark: &str) -> String {
        code(benchmark.strip_prefix(self.prefix).unwrap_or(benchmark))
    }

    /// Renders the answer, and what was compared.
    fn head(&self) -> Section {
        let report = self.report;
        let mut text = format!("### {}\n\n", self.answer());
        let (base, head) = (&report.revisions.base, &report.revisions.head);
        text.push_str(&match report.noise {
            Some(_) => format!("deadheat compared {} with itself", revision(base)),
            None => format!("deadheat compared {} with {}", revision(base), revision(head)),
        });
        // The origin of the numbers, where it is not one machine's whole suite.
        let of_parts = parts::merged_from(report).or_else(|| parts::part_of_suite(report));
        let of_parts = of_parts.map_or(String::new(), |words| format!("\n**{}.**\n", sentence(&words)));
        if report.comparisons.is_empty() {
            text.push_str(&format!(".\n{of_parts}"));
            let why = report
                .warnings
                .iter()
                .find(|warning| warning.code == WarningCode::NothingMeasured);
            let why = why.map_or(&report.selection.reason, |warning| &warning.message);
            if report.plan.is_none() {
                text.push_str(&format!("\n{}\n", prose(why)));
            }
            return Section::fixed(text + &self.gate());
        }
        match self.prefix.trim_end_matches(':') {
            "" => text.push_str(".\n"),
            prefix => text.push_str(&format!(", benchmarks in {}.\n", code(prefix))),
        }
        text.push_str(&of_parts);
        let summary = &report.summary;
        let is_one = report.comparisons.len() == 1;
        let both = [
            ("total", &summary.total),
            ("geometric mean", &summary.geometric_mean),
        ];
        let judged: Vec<String> = both
            .into_iter()
            .filter(|_| !is_one && report.noise.is_none())
            .filter_map(|(name, judged)| Some(together(name, judged.as_ref()?)))
            .collect();
        if !judged.is_empty() {
            text.push_str(&format!("\n{}\n", judged.join("; ")));
        }
        Section::fixed(text + &self.gate())
    }

    /// Explains why the run ends with exit code 1.
    fn gate(&self) -> String {
        gate::failure(self.report).map_or(String::new(), |line| {
            format!("\n🔴 **A gate is failed:** {}\n", prose(&line))
        })
    }

    fn answer(&self) -> String {
        let report = self.report;
        if let Some(plan) = &report.plan {
            let time = duration(plan.estimated_seconds * 1e9);
            return format!("{} would take about {time}", benchmarks(plan.benchmarks.len()));
        }
        if report.comparisons.is_empty() {
            return match report.missing.len() {
                0 => "Nothing was measured".to_owned(),
                count => format!("Nothing was measured: {} could not be", benchmarks(count)),
            };
        }
        let mut answer = report.summary.counts.to_string();
        if report.noise.is_some() {
            answer = format!("The same code on both sides: {answer}");
        }
        if let Some(mean) = &report.summary.geometric_mean {
            let mean = speedup(mean.estimate.point_estimate);
            answer.push_str(&format!("; geometric mean {mean}"));
        }
        if report.partial {
            answer.push_str(" (stopped early: partial)");
        }
        if let Some(controls) = report.summary.controls {
            answer.push_str(&format!("; {}", of_controls(controls)));
        }
        answer
    }

    fn plan(&self) -> Option<Section> {
        let plan = self.report.plan.as_ref()?;
        Some(Section {
            rank: 1,
            opening: opening("Would be measured"),
            blocks: plan
                .benchmarks
                .iter()
                .map(|name| format!("- {}\n", code(name)))
                .collect(),
            closing: closing(),
            most_bytes: None,
            called: ("benchmark", "benchmarks"),
        })
    }

    /// Renders the results of `deadheat noise`.
    fn noise(&self) -> Option<Section> {
        let noise = self.report.noise.as_ref()?;
        let rows = noise.iter().zip(&self.report.comparisons);
        let rows = rows.map(|(row, comparison)| {
            let smallest = row.smallest_change_percent;
            line(&[
                self.name(&row.benchmark),
                unbroken(&duration(comparison.base.median_ns)),
                comparison.verdict.to_string(),
                unbroken(&format!("{:.2} %", row.spread_percent)),
                smallest.map_or("none".to_owned(), |percent| unbroken(&format!("{percent:.1} %"))),
            ])
        });
        Some(Section {
            rank: 1,
            opening: format!(
                "\n{}",
                table(&["benchmark", "time ", "found", "spread ", "smallest change found "])
            ),
            blocks: rows.collect(),
            closing: String::new(),
            most_bytes: None,
            called: ("benchmark", "benchmarks"),
        })
    }

    /// Renders what the pull request changed: slower rows first, then faster ones, the largest change first; then those
    /// that return something else.
    fn changed(&self) -> Option<Section> {
        let is_changed = |row: &&Comparison| {
            matches!(row.verdict, Verdict::Improved | Verdict::Regressed)
                || row.output == OutputCheck::Different
        };
        let mut rows: Vec<&Comparison> = self.rows().filter(is_changed).collect();
        rows.sort_by(|a, b| {
            let size = |row: &Comparison| row.estimate.point_estimate.ln().abs();
            let kind = |row: &Comparison| match row.verdict {
                Verdict::Regressed => 0,
                Verdict::Improved => 1,
                Verdict::Unchanged | Verdict::Inconclusive | Verdict::Unexplained => 2,
            };
            kind(a).cmp(&kind(b)).then(size(b).total_cmp(&size(a)))
        });
        Some(Section {
            rank: 1,
            opening: format!("\n{}", self.table_of_times(&rows)?),
            blocks: rows.iter().map(|row| self.row(row)).collect(),
            closing: String::new(),
            most_bytes: Some(MOST_BYTES / 2),
            called: ("changed benchmark", "changed benchmarks"),
        })
    }

    fn inconclusive(&self) -> Option<Section> {
        let rows: Vec<&Comparison> = self
            .plain_rows()
            .filter(|row| row.verdict == Verdict::Inconclusive)
            .collect();
        let title = format!("{} inconclusive: too early to say", rows.len());
        Some(Section {
            rank: 4,
            opening: opening(&title) + &self.table_of_times(&rows)?,
            blocks: rows.iter().map(|row| self.row(row)).collect(),
            closing: format!("\n{}\n{}", prose(&what_would_settle(self.report)), closing()),
            most_bytes: Some(MOST_BYTES / 4),
            called: ("inconclusive benchmark", "inconclusive benchmarks"),
        })
    }

    fn unexplained(&self) -> Option<Section> {
        let rows: Vec<&Comparison> = self
            .plain_rows()
            .filter(|row| row.verdict == Verdict::Unexplained)
            .collect();
        let title = format!("{} unexplained: nothing that they run has changed", rows.len());
        Some(Section {
            rank: 4,
            opening: opening(&title) + &self.table_of_times(&rows)?,
            blocks: rows.iter().map(|row| self.row(row)).collect(),
            closing: closing(),
            most_bytes: Some(MOST_BYTES / 4),
            called: ("unexplained benchmark", "unexplained benchmarks"),
        })
    }

    fn unchanged(&self) -> Option<Section> {
        let rows: Vec<&Comparison> = self
            .plain_rows()
            .filter(|row| row.verdict == Verdict::Unchanged)
            .collect();
        let percent = self.report.settings.threshold_percent;
        let own = match rows.iter().any(|row| row.threshold_percent.is_some()) {
            true => ", or a threshold of their own",
            false => "",
        };
        let title = format!("{} unchanged: within {percent} %{own}", rows.len());
        Some(Section {
            rank: 8,
            opening: opening(&title) + &self.table_of_times(&rows)?,
            blocks: rows.iter().map(|row| self.row(row)).collect(),
            closing: closing(),
            most_bytes: None,
            called: ("unchanged benchmark", "unchanged benchmarks"),
        })
    }

    /// Returns the rows of a comparison; none for `noise`, where they have another meaning.
    fn rows(&self) -> impl Iterator<Item = &Comparison> {
        let rows = self.report.comparisons.iter();
        rows.filter(|_| self.report.noise.is_none())
    }

    /// Returns the rows that are not listed as changed for their output.
    fn plain_rows(&self) -> impl Iterator<Item = &Comparison> {
        self.rows().filter(|row| row.output != OutputCheck::Different)
    }

    fn table_of_times(&self, rows: &[&Comparison]) -> Option<String> {
        let change = change_heading(&rows.first()?.estimate);
        Some(table(&[
            "benchmark",
            "base ",
            "head ",
            &change,
            "speedup ",
            "verdict",
        ]))
    }

    fn row(&self, row: &Comparison) -> String {
        let mut verdict = verdict_in_words(row.verdict);
        if let Some(reason) = row.reason {
            verdict.push_str(&format!(": {reason}"));
        }
        if let Some(percent) = row.threshold_percent {
            verdict.push_str(&format!(" (±{})", unbroken(&format!("{percent} %"))));
        }
        if row.output == OutputCheck::Different {
            verdict.push_str(", **other output**");
        }
        line(&[
            self.name(&row.benchmark),
            unbroken(&duration(row.base.median_ns)),
            unbroken(&duration(row.head.median_ns)),
            unbroken(&change(&row.estimate)),
            speedup(row.estimate.point_estimate),
            verdict,
        ])
    }

    /// Renders the benchmarks that broke, which a reviewer must not overlook.
    fn failed(&self) -> Option<Section> {
        let missing = self.report.missing.iter();
        let rows: Vec<&Missing> = missing
            .filter(|row| row.reason == MissingReason::Failed)
            .collect();
        (!rows.is_empty()).then(|| Section {
            rank: 2,
            opening: format!("\n**{} failed:**\n\n", rows.len()),
            blocks: grouped(&rows)
                .iter()
                .map(|(row, more)| {
                    let side = row.side.map_or(String::new(), |side| format!(" on {side}"));
                    let more = and_more(*more);
                    let message = prose(main_line(&row.message));
                    format!("- {}{more} failed{side}: {message}\n", self.name(&row.benchmark))
                })
                .collect(),
            closing: String::new(),
            most_bytes: Some(MOST_BYTES / 4),
            called: ("failed benchmark", "failed benchmarks"),
        })
    }

    fn changed_resources(&self) -> Option<Section> {
        let resources = self.report.resources.iter();
        let rows: Vec<&ResourceComparison> = resources
            .filter(|row| matches!(row.verdict, Verdict::Improved | Verdict::Regressed))
            .collect();
        let opening = format!("\n**Beside time:**\n\n{}", self.table_of_resources(&rows)?);
        Some(Section {
            rank: 2,
            opening,
            blocks: rows.iter().map(|row| self.resource(row)).collect(),
            closing: String::new(),
            most_bytes: Some(MOST_BYTES / 4),
            called: ("changed amount", "changed amounts"),
        })
    }

    fn other_resources(&self) -> Option<Section> {
        let resources = self.report.resources.iter();
        let rows: Vec<&ResourceComparison> = resources
            .filter(|row| {
                matches!(
                    row.verdict,
                    Verdict::Unchanged | Verdict::Inconclusive | Verdict::Unexplained
                )
            })
            .collect();
        let of = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
        let counts = [
            (of(Verdict::Unchanged), "unchanged"),
            (of(Verdict::Inconclusive), "inconclusive"),
        ];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let title = format!("Beside time: {}", counts.join(", "));
        Some(Section {
            rank: 7,
            opening: opening(&title) + &self.table_of_resources(&rows)?,
            blocks: rows.iter().map(|row| self.resource(row)).collect(),
            closing: closing(),
            most_bytes: None,
            called: ("amount beside time", "amounts beside time"),
        })
    }

    fn table_of_resources(&self, rows: &[&ResourceComparison]) -> Option<String> {
        let change = change_heading(&rows.first()?.estimate);
        Some(table(&[
            "benchmark",
            "resource",
            "base ",
            "head ",
            &change,
            "verdict",
        ]))
    }

    fn resource(&self, row: &ResourceComparison) -> String {
        let reason = row.reason.map_or(String::new(), |reason| format!(": {reason}"));
        line(&[
            self.name(&row.benchmark),
            row.resource.to_string(),
            unbroken(&amount(row.resource, row.median.base)),
            unbroken(&amount(row.resource, row.median.head)),
            unbroken(&change(&row.estimate)),
            verdict_in_words(row.verdict) + &reason,
        ])
    }

    /// Renders the warnings; the same doubt about many benchmarks only once.
    fn warnings(&self) -> Option<Section> {
        let own = self.report.comparisons.iter().flat_map(|row| &row.warnings);
        // The first lines have this one already.
        let all = self.report.warnings.iter().chain(own);
        let groups = grouped_warnings(all.filter(|warning| warning.code != WarningCode::NothingMeasured));
        let title = match groups.len() {
            0 => return None,
            1 => "1 warning".to_owned(),
            count => format!("{count} warnings"),
        };
        let blocks = groups.iter().map(|(warning, more)| {
            let benchmark = warning.benchmark.as_ref();
            let benchmark = benchmark.map_or(String::new(), |name| {
                format!("{}{}: ", self.name(name), and_more(*more))
            });
            let mut lines = warning.message.lines();
            let message = prose(lines.next().unwrap_or_default());
            let lines: String = lines.map(|line| format!("<br>{}", prose(line.trim()))).collect();
            let hint = warning.hint.as_ref();
            let hint = hint.map_or(String::new(), |hint| format!("<br>_{}_", prose(hint)));
            format!("- {benchmark}{message}{lines}{hint}\n")
        });
        Some(Section {
            rank: 3,
            opening: opening(&format!("⚠️ {title}")),
            blocks: blocks.collect(),
            closing: closing(),
            most_bytes: None,
            called: ("warning", "warnings"),
        })
    }

    /// Renders the times of the changed functions, over all benchmarks.
    fn functions(&self) -> Option<Section> {
        let all = Breakdown::of_all(self.report);
        let count = all.functions.len();
        (count > 0).then(|| Section {
            rank: 5,
            opening: opening(&format!("Changed functions over all benchmarks: {count}")),
            blocks: vec![breakdown(&all)],
            closing: closing(),
            most_bytes: None,
            called: (
                "table of the changed functions",
                "tables of the changed functions",
            ),
        })
    }

    /// Renders the changed functions of each benchmark, changed benchmarks first.
    fn functions_by_benchmark(&self) -> Option<Section> {
        let mut rows: Vec<&Comparison> = self.rows().filter(|row| !row.functions.is_empty()).collect();
        rows.sort_by_key(|row| Reverse(matches!(row.verdict, Verdict::Improved | Verdict::Regressed)));
        // A single benchmark has the same table as all together.
        (rows.len() > 1 || self.report.summary.functions.is_empty()).then(|| Section {
            rank: 9,
            opening: opening("Changed functions, benchmark by benchmark"),
            blocks: rows
                .iter()
                .map(|row| {
                    let name = row.benchmark.strip_prefix(self.prefix).unwrap_or(&row.benchmark);
                    let title = format!(
                        "{} {}: {}",
                        html_code(name),
                        change_percent(row.estimate.point_estimate),
                        row.verdict
                    );
                    opening(&title) + &breakdown(&Breakdown::of(row)) + &closing()
                })
                .collect(),
            closing: closing(),
            most_bytes: None,
            called: (
                "benchmark's table of functions",
                "benchmarks' tables of functions",
            ),
        })
    }

    /// Renders where the time goes, with `--profile`.
    fn survey(&self) -> Option<Section> {
        let functions = self.report.summary.profile.as_ref()?;
        let time = |time: Option<f64>| time.map_or("-".to_owned(), |time| unbroken(&duration(time)));
        let rows = functions.iter().map(|function| {
            let (base, head) = (function.base.as_ref(), function.head.as_ref());
            line(&[
                code(&function.name),
                function.change.map_or(String::new(), |change| change.to_string()),
                time(base.and_then(|profile| profile.total_ns)),
                time(head.and_then(|profile| profile.total_ns)),
                time(base.and_then(|profile| profile.self_ns)),
                time(head.and_then(|profile| profile.self_ns)),
            ])
        });
        let headings = ["function", "changed", "base ", "head ", "own base ", "own head "];
        Some(Section {
            rank: 10,
            opening: opening("All functions, as cProfile sees them") + &table(&headings),
            blocks: rows.collect(),
            closing: closing(),
            most_bytes: None,
            called: ("profiled function", "profiled functions"),
        })
    }

    /// Renders the benchmarks that were not measured, except those that failed.
    fn missing(&self) -> Option<Section> {
        let missing = self.report.missing.iter();
        let mut rows: Vec<&Missing> = missing
            .filter(|row| row.reason != MissingReason::Failed)
            .collect();
        // Unreached ones come last: they are many, and nothing is wrong with them.
        rows.sort_by_key(|row| row.reason == MissingReason::NotReached);
        let not_reached = rows
            .iter()
            .filter(|row| row.reason == MissingReason::NotReached)
            .count();
        let title = match not_reached {
            0 => format!("{} not measured", rows.len()),
            count => format!(
                "{} not measured, {count} as running no changed function",
                rows.len()
            ),
        };
        let blocks = rows.iter().map(|row| {
            line(&[
                self.name(&row.benchmark),
                row.reason.to_string(),
                row.side.map_or(String::new(), |side| side.to_string()),
                prose(main_line(&row.message)),
            ])
        });
        (!rows.is_empty()).then(|| Section {
            rank: 6,
            opening: opening(&title) + &table(&["benchmark", "why", "side", "message"]),
            blocks: blocks.collect(),
            closing: closing(),
            most_bytes: None,
            called: (
                "benchmark that was not measured",
                "benchmarks that were not measured",
            ),
        })
    }

    /// Renders how the benchmarks were measured.
    fn conditions(&self) -> Section {
        let report = self.report;
        let settings = &report.settings;
        let machine = &report.machine;
        let mut lines = vec![
            ("base", full_revision(&report.revisions.base)),
            ("head", full_revision(&report.revisions.head)),
        ];
        if report.shards.is_empty() {
            let processor = machine.processor.as_deref().unwrap_or("unknown processor");
            let words = format!(
                "{}, {} {}, {} cores",
                prose(processor),
                prose(&machine.system),
                prose(&machine.architecture),
                machine.cores
            );
            lines.push(("machine", words));
        }
        for (shards, place) in parts::machines(report, |machine| {
            format!("{}, {}", place_of(machine), core_of(machine))
        }) {
            lines.push(("machine", format!("{shards} on {}", prose(&place))));
        }
        if let Some(python) = &report.python {
            let python = &python.head;
            let words = format!(
                "{} {}, pytest {}",
                python.implementation, python.version, python.pytest
            );
            lines.push(("Python", prose(&words)));
        }
        let environment = match settings.environment {
            Environments::Shared => None,
            Environments::PerRef => Some(("environments", "each side's own".to_owned())),
        };
        lines.extend(environment);
        for (what, command) in [("build", &settings.build), ("command", &settings.script)] {
            lines.extend(command.as_ref().map(|command| (what, code(command))));
        }
        if !report.comparisons.is_empty() {
            lines.push(("selection", prose(&report.selection.reason)));
            // In a merged report, the machines above include it.
            let core = report.shards.is_empty().then(|| core_of(machine));
            let how: Vec<String> = replicates_of(report)
                .into_iter()
                .chain(core)
                .chain([
                    format!("threshold {} %", settings.threshold_percent),
                    format!("{:.0} % intervals", settings.confidence_level * 100.0),
                ])
                .collect();
            lines.push(("measured", how.join(", ")));
            let thresholds = settings.thresholds.iter();
            let thresholds: Vec<String> = thresholds
                .map(|(glob, percent)| format!("{percent} % for {}", code(glob)))
                .collect();
            if !thresholds.is_empty() {
                lines.push(("thresholds by glob", thresholds.join(", ")));
            }
        }
        lines.push(("deadheat", prose(&report.tool_version)));
        let lines: String = lines
            .iter()
            .map(|(what, words)| format!("- {what}: {words}\n"))
            .collect();
        Section::fixed(format!("{}{lines}", opening("How it was measured")))
    }

    fn command(&self) -> Section {
        let kept = match self.report.revisions.head.dirty {
            true => "With the same uncommitted changes in the working tree:\n\n",
            false => "",
        };
        let command = reproduce::command(self.report);
        // A longer command is not for reading.
        let text = match command.len() {
            ..=8_000 => format!("\n{kept}{}\n{}", block(&command), closing()),
            _ => closing(),
        };
        Section::fixed(text)
    }
}

fn benchmarks(count: usize) -> String {
    match count {
        1 => "1 benchmark".to_owned(),
        count => format!("{count} benchmarks"),
    }
}

fn revision(revision: &Revision) -> String {
    let short = &short_commit(&revision.commit);
    let is_named = !(revision.commit.starts_with(&revision.name) && revision.name.len() >= 7);
    match (is_named, revision.dirty) {
        (true, true) => format!(
            "{} (uncommitted changes on {})",
            code(&revision.name),
            code(short)
        ),
        (false, true) => format!("uncommitted changes on {}", code(short)),
        (true, false) => format!("{} ({})", code(&revision.name), code(short)),
        (false, false) => code(short),
    }
}

fn full_revision(revision: &Revision) -> String {
    let dirty = if revision.dirty {
        ", with uncommitted changes"
    } else {
        ""
    };
    format!("{}, {}{dirty}", code(&revision.name), code(&revision.commit))
}

/// Formats a sum or mean: `total 2.10 s → 1.90 s, -9.9 % [-12.0, -7.1], improved`.
fn together(name: &str, judged: &Judged) -> String {
    let times = judged.base_ns.zip(judged.head_ns);
    let times = times.map_or(String::new(), |(base, head)| {
        format!(" {} → {},", duration(base), duration(head))
    });
    format!("{name}{times} {}, {}", change(&judged.estimate), judged.verdict)
}

fn change_heading(estimate: &Estimate) -> String {
    let level = estimate.confidence_interval.confidence_level * 100.0;
    format!("change [{level:.0} % interval] ")
}

/// Keeps a number with its unit, however narrow the table.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

fn verdict_in_words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Improved => "🟢 improved".to_owned(),
        Verdict::Regressed => "🔴 regressed".to_owned(),
        Verdict::Unchanged | Verdict::Inconclusive | Verdict::Unexplained => verdict.to_string(),
    }
}

/// Renders a table of functions, with its reconciliation and notes below.
fn breakdown(section: &Breakdown<'_>) -> String {
    let functions: Vec<&FunctionComparison> = section.functions.iter().collect();
    let headings = function_headings(&functions);
    let headings: Vec<String> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| match column {
            0 | 1 => heading.clone(),
            _ => format!("{heading} "),
        })
        .collect();
    let mut text = table(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for function in &functions {
        let mut cells = function_cells(function, true);
        for cell in &mut cells[1..] {
            *cell = unbroken(cell);
        }
        cells[0] = code(&function.name);
        text.push_str(&line(&cells));
    }
    let below: Vec<String> = reconciliation(section)
        .into_iter()
        .chain(notes(&functions))
        .collect();
    if !below.is_empty() {
        text.push_str(&format!("\n{}\n", below.join("<br>")));
    }
    text
}

/// Groups rows that report the same: the first of them, and the number of others.
fn grouped<'a>(rows: &[&'a Missing]) -> Vec<(&'a Missing, usize)> {
    let mut groups: Vec<(&Missing, usize)> = Vec::new();
    for &row in rows {
        match groups.iter_mut().find(|(first, _)| says_the_same(first, row)) {
            Some((_, more)) => *more += 1,
            None => groups.push((row, 0)),
        }
    }
    groups
}

fn and_more(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    }
}

/// Begins a table; a heading that ends with a space is that of numbers.
fn table(headings: &[&str]) -> String {
    let names: Vec<String> = headings
        .iter()
        .map(|heading| heading.trim_end().to_owned())
        .collect();
    let rules: Vec<String> = headings
        .iter()
        .map(|heading| {
            if heading.ends_with(' ') {
                "--:".to_owned()
            } else {
                ":--".to_owned()
            }
        })
        .collect();
    line(&names) + &line(&rules)
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// Opens a folded part; Markdown in it needs the empty line before it.
fn opening(title: &str) -> String {
    format!("\n<details><summary>{title}</summary>\n\n")
}

fn closing() -> String {
    "\n</details>\n".to_owned()
}
