//! The report for a terminal. Everything can be read without colour; the answer comes last.

mod functions;
mod noise;
mod table;
mod tests_run;

use std::fmt::Write as _;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use super::parts;
use super::warnings::grouped;
use crate::model::{
    Comparison, Controls, Environments, Estimate, Judged, Machine, Missing, MissingReason, PerSide, Python,
    Reason, Report, Revision, SelectionRule, Status, TargetFunction, ToSettle, Verdict, Warning,
};
use crate::output::OutputCheck;
use crate::text::{
    amount, bounds, change_percent, cut, duration, is_too_wide, main_line, plain, short_commit,
    short_percent, shorten, signed_percent, speedup, width,
};

pub(super) use functions::{
    Section, both, cells as function_cells, count, headings as function_headings, notes, reconciliation,
};
pub(super) use noise::judgement;
use table::Column;
pub use tests_run::render_tests;

/// The style of the text: colour only where it is wanted, lines no longer than the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    pub width: usize,
    /// Whether sentences are broken into lines of that width, for terminals. Elsewhere programs look for words in them.
    pub wraps: bool,
    /// Whether everything is shown in full, however long.
    pub verbose: bool,
}

const MOST_FUNCTIONS: usize = 15;
const MOST_MISSING: usize = 30;

pub fn render(report: &Report, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    page.revisions(report);
    page.functions(&report.target_functions);
    page.selection(report);
    page.plan(report);
    if let Some(noise) = &report.noise {
        page.noise(report, noise);
        page.missing(&report.missing);
        page.warnings(report);
        page.judge_machine(report, noise);
        return page.text;
    }
    page.comparisons(report);
    page.resources(report);
    page.breakdowns(report);
    page.surveys(report);
    page.missing(&report.missing);
    page.warnings(report);
    page.answer(report);
    page.recorded(report);
    page.text
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Writes a sentence: its first line begins with `first`, all others are indented as far.
    fn prose(&mut self, first: &str, text: &str) {
        if !self.style.wraps {
            return self.line(&format!("{first}{text}"));
        }
        let indent = " ".repeat(width(first));
        let options = textwrap::Options::new(self.style.width)
            .initial_indent(first)
            .subsequent_indent(&indent)
            // Paths and commands stay whole, to be copied.
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            self.line(&line);
        }
    }

    fn heading(&mut self, title: &str) {
        self.text.push('\n');
        let title = if self.style.color {
            let bold = anstyle::Style::new().bold();
            format!("{bold}{title}{bold:#}")
        } else {
            title.to_owned()
        };
        self.line(&title);
    }

    fn revisions(&mut self, report: &Report) {
        let core = match report.machine.pinned_core {
            _ if !report.shards.is_empty() => parts::merged_from(report),
            None if report.comparisons.is_empty() => None,
            _ => Some(core_of(&report.machine)),
        };
        self.sides(&report.revisions);
        self.facts(report.python.as_ref(), [replicates_of(report), core]);
        self.machines(report);
        let settings = &report.settings;
        if let Some(part) = parts::part_of_suite(report) {
            self.line(&format!("      {part}"));
        }
        if let Some(script) = &settings.script {
            self.prose("      both sides run: ", &plain(script));
        }
        self.environment(
            report.python.as_ref(),
            settings.environment,
            settings.build.as_deref(),
        );
    }

    /// Writes where the parts of a merged report were measured.
    fn machines(&mut self, report: &Report) {
        let verbose = self.style.verbose;
        let machines = parts::machines(report, |machine| {
            let place = place_of(machine);
            match verbose {
                true => format!("{place}, {}", core_of(machine)),
                false => place,
            }
        });
        for (shards, machine) in machines {
            self.prose(&format!("      {shards} on "), &machine);
        }
    }

    fn sides(&mut self, revisions: &PerSide<Revision>) {
        for (side, revision) in [("base", &revisions.base), ("head", &revisions.head)] {
            let short = short_commit(&revision.commit);
            let dirty = if revision.dirty {
                " with uncommitted changes"
            } else {
                ""
            };
            let name = if revision.commit.starts_with(&revision.name) && revision.name.len() >= 7 {
                String::new()
            } else {
                format!("  {}", plain(&revision.name))
            };
            self.line(&format!("{side}  {short}{name}{dirty}"));
        }
    }

    /// Writes the interpreter of both sides, and how they were measured.
    fn facts(&mut self, python: Option<&PerSide<Python>>, others: [Option<String>; 2]) {
        let python = python.map(|python| {
            let python = &python.head;
            plain(&format!(
                "{} {}, pytest {}",
                python.implementation, python.version, python.pytest
            ))
        });
        let facts: Vec<String> = python.into_iter().chain(others.into_iter().flatten()).collect();
        if !facts.is_empty() {
            self.prose("      ", &facts.join(", "));
        }
    }

    fn environment(
        &mut self,
        python: Option<&PerSide<Python>>,
        environments: Environments,
        build: Option<&str>,
    ) {
        if environments == Environments::PerRef {
            let is_one = python.is_some_and(|python| python.base == python.head);
            self.line(match is_one {
                true => "      both sides in an environment of what they declare",
                false => "      each side in an environment of what it declares",
            });
        }
        if let Some(build) = build {
            self.prose("      both sides built by: ", &plain(build));
        }
    }

    fn functions(&mut self, targets: &[TargetFunction]) {
        if targets.is_empty() {
            return;
        }
        self.heading(&format!("Changed functions ({})", parts::of_targets(targets)));
        let most = if self.style.verbose {
            usize::MAX
        } else {
            MOST_FUNCTIONS
        };
        let mut rows: Vec<[String; 3]> = targets
            .iter()
            .take(most)
            .map(|target| {
                let change = target.change.map(|change| change.to_string());
                let why: Vec<String> = change
                    .into_iter()
                    .chain(target.detail.as_deref().map(plain))
                    .collect();
                [
                    plain(&target.qualname),
                    format!("{}:{}-{}", plain(&target.path), target.lines.0, target.lines.1),
                    why.join(": "),
                ]
            })
            .collect();
        if self.style.wraps && !self.style.verbose {
            self.narrow_functions(&mut rows);
        }
        let mut table = bare_table();
        for [name, place, why] in rows {
            table.add_row([format!("  {name}"), place, why]);
        }
        self.table(table);
        if targets.len() > most {
            self.line(&format!("  … and {} more (-v shows all)", targets.len() - most));
        }
    }

    /// Limits names and places to their part of the line; the rest is for the change, in as many lines as it takes.
    fn narrow_functions(&self, rows: &mut [[String; 3]]) {
        let widest = |rows: &[[String; 3]], column: usize| {
            let cells = rows.iter().map(|row| width(&row[column]));
            cells.max().unwrap_or(0)
        };
        // The indent, and two gaps.
        let all = self.style.width.saturating_sub(6);
        if (0..3).map(|column| widest(rows, column)).sum::<usize>() <= all {
            return;
        }
        // A third is for the change, if it needs it; of the rest, names get what places leave them.
        let why = widest(rows, 2).min(all / 3);
        let place = widest(rows, 1).min((all - why) * 6 / 10);
        let name = widest(rows, 0).min(all - why - place);
        let place = widest(rows, 1).min(all - why - name);
        let why = (all - name - place).max(10);
        let names: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
        for (row, shown) in rows.iter_mut().zip(table::apart(&names, name)) {
            row[0] = shown;
            row[1] = shorten(&row[1], place);
            row[2] = textwrap::fill(&row[2], why);
        }
    }

    fn selection(&mut self, report: &Report) {
        if report.selection.rule != SelectionRule::NothingChanged && !report.comparisons.is_empty() {
            let reason = plain(&report.selection.reason);
            self.text.push('\n');
            self.prose("Measured: ", reason.as_ref());
        }
    }

    fn plan(&mut self, report: &Report) {
        let Some(plan) = &report.plan else { return };
        if report.selection.rule != SelectionRule::NothingChanged {
            self.text.push('\n');
            self.prose("To measure: ", plain(&report.selection.reason).as_ref());
        }
        self.heading(&format!("Would be measured ({})", plan.benchmarks.len()));
        for benchmark in &plan.benchmarks {
            self.line(&format!("  {}", plain(benchmark)));
        }
    }

    fn comparisons(&mut self, report: &Report) {
        if report.comparisons.is_empty() {
            return;
        }
        let names: Vec<&str> = report
            .comparisons
            .iter()
            .map(|row| row.benchmark.as_str())
            .collect();
        let prefix = prefix_of(report, &names);
        let level = report.comparisons[0]
            .estimate
            .confidence_interval
            .confidence_level;
        let level = format!("{:.0} %", level * 100.0);
        let is_one = report.comparisons.len() == 1;
        // A command may give a total that is not the sum of its rows.
        let total = report.summary.total.as_ref();
        let total = total.filter(|total| !is_one || differs(total, &report.comparisons[0].estimate));
        let mean = report.summary.geometric_mean.as_ref().filter(|_| !is_one);
        let sums: Vec<(&str, &Judged)> = [("total", total), ("geometric mean", mean)]
            .into_iter()
            .filter_map(|(name, judged)| Some((name, judged?)))
            .collect();
        let benchmarks = report.comparisons.iter();
        let mut names: Vec<String> = benchmarks
            .map(|row| plain(&row.benchmark[prefix.len()..]))
            .collect();
        // An empty line comes before the sums.
        let gap = usize::from(!sums.is_empty());
        names.extend(std::iter::repeat_n(String::new(), gap));
        names.extend(sums.iter().map(|(name, _)| (*name).to_owned()));

        let columns = |form: usize| {
            let of_rows = |cell: &dyn Fn(&Comparison) -> Cell, of_sum: &dyn Fn(&Judged) -> Cell| {
                let rows = report.comparisons.iter().map(cell);
                let gap = std::iter::repeat_n(Cell::new(""), gap);
                let sums = sums.iter().map(|(_, judged)| of_sum(judged));
                rows.chain(gap).chain(sums).collect::<Vec<Cell>>()
            };
            let time = |nanoseconds: f64| {
                let time = duration(nanoseconds);
                Cell::new(if form < 2 { time } else { time.replace(' ', "") })
            };
            let sum = |nanoseconds: Option<f64>| nanoseconds.map_or(Cell::new(""), time);
            let change = |estimate: &Estimate| Cell::new(change(estimate, form.saturating_sub(2)));
            let mut columns = vec![
                Column::of_numbers(
                    "base",
                    of_rows(&|row| time(row.base.median_ns), &|all| sum(all.base_ns)),
                ),
                Column::of_numbers(
                    "head",
                    of_rows(&|row| time(row.head.median_ns), &|all| sum(all.head_ns)),
                ),
                Column::of_numbers(
                    change_title(&level, form.saturating_sub(2)),
                    of_rows(&|row| change(&row.estimate), &|all| change(&all.estimate)),
                ),
            ];
            if form == 0 {
                let speedup = |estimate: &Estimate| Cell::new(speedup(estimate.point_estimate));
                columns.push(Column::of_numbers(
                    "speedup",
                    of_rows(&|row| speedup(&row.estimate), &|all| speedup(&all.estimate)),
                ));
            }
            // The verdicts are the benchmarks': scripts count the lines that end with one.
            columns.push(Column::of_words(
                "verdict",
                of_rows(&|row| self.judged_row(row, form), &|_| Cell::new("")),
            ));
            columns
        };
        let table = self.fitted("benchmark", &names, &[28, 24, 20, 12], columns);
        if !prefix.is_empty() {
            self.heading(&format!("Benchmarks in {}", plain(prefix.trim_end_matches(':'))));
        } else {
            self.heading("Benchmarks");
        }
        self.table(table);
    }

    /// Formats the verdict on a row, with its threshold and its output: below it where there is little room.
    fn judged_row(&self, row: &Comparison, form: usize) -> Cell {
        let verdict = self.judged(row.verdict, row.reason);
        let mut text = verdict.content();
        if let Some(percent) = row.threshold_percent {
            let gap = if form < 3 { ' ' } else { '\n' };
            text.push_str(&format!("{gap}(±{percent} %)"));
        }
        if row.output != OutputCheck::Different {
            return self.verdict_cell(&text, Some(row.verdict));
        }
        let gap = if form < 1 { ' ' } else { '\n' };
        let text = Cell::new(format!("{text},{gap}other output"));
        match self.style.color {
            true => text.fg(Color::Red),
            false => text,
        }
    }

    fn judged(&self, verdict: Verdict, reason: Option<Reason>) -> Cell {
        let text = match reason {
            Some(reason) if self.style.verbose => format!("{verdict}: {reason}"),
            _ => verdict.to_string(),
        };
        self.verdict_cell(&text, Some(verdict))
    }

    /// Writes the resources other than time that the benchmarks use.
    fn resources(&mut self, report: &Report) {
        let Some(first) = report.resources.first() else {
            return;
        };
        let level = first.estimate.confidence_interval.confidence_level;
        self.heading("Resources");
        let names: Vec<&str> = report
            .resources
            .iter()
            .map(|row| row.benchmark.as_str())
            .collect();
        let prefix = prefix_of(report, &names);
        let level = format!("{:.0} %", level * 100.0);
        // The rows of one benchmark are grouped under its name.
        let mut last = None;
        let names: Vec<String> = report
            .resources
            .iter()
            .map(|row| match last.replace(&row.benchmark) {
                Some(before) if *before == row.benchmark => String::new(),
                _ => plain(&row.benchmark[prefix.len()..]),
            })
            .collect();
        let rows = &report.resources;
        let columns = |form: usize| {
            let amount = |resource, value| {
                let amount = amount(resource, value);
                if form < 1 { amount } else { amount.replace(' ', "") }
            };
            let (narrower, cell) = (form.saturating_sub(1), Cell::new::<String>);
            let mut columns = vec![
                Column::of_words(
                    "resource",
                    rows.iter().map(|row| cell(row.resource.to_string())).collect(),
                ),
                Column::of_numbers(
                    "base",
                    rows.iter().map(|row| amount(row.resource, row.median.base)),
                ),
                Column::of_numbers(
                    "head",
                    rows.iter().map(|row| amount(row.resource, row.median.head)),
                ),
                Column::of_numbers(
                    change_title(&level, narrower),
                    rows.iter().map(|row| change(&row.estimate, narrower)),
                ),
                Column::of_words(
                    "verdict",
                    rows.iter()
                        .map(|row| self.judged(row.verdict, row.reason))
                        .collect(),
                ),
            ];
            if form > 3 {
                // The base amount follows from the others.
                columns.remove(1);
            }
            columns
        };
        let table = self.fitted("benchmark", &names, &[20, 16, 12, 12], columns);
        self.table(table);
    }

    fn title_cell(&self, title: &str) -> Cell {
        let cell = Cell::new(title);
        if self.style.color {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }

    fn verdict_cell(&self, text: &str, verdict: Option<Verdict>) -> Cell {
        let cell = Cell::new(text);
        match verdict {
            Some(Verdict::Improved) if self.style.color => {
                cell.fg(Color::Green).add_attribute(Attribute::Bold)
            }
            Some(Verdict::Regressed) if self.style.color => {
                cell.fg(Color::Red).add_attribute(Attribute::Bold)
            }
            Some(Verdict::Inconclusive) if self.style.color => cell.fg(Color::Yellow),
            _ => cell,
        }
    }

    fn missing(&mut self, missing: &[Missing]) {
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
                    "{count} benchmarks, which run no changed function (-v lists them, --all measures them)"
                ),
            ),
        }
        let most = if self.style.verbose {
            usize::MAX
        } else {
            MOST_MISSING
        };
        // Rows that report the same are grouped: the first of them, and the number of others.
        let mut groups: Vec<(&Missing, usize)> = Vec::new();
        for row in missing {
            let same = groups
                .iter_mut()
                .find(|(first, _)| !self.style.verbose && says_the_same(first, row));
            match same {
                Some((_, more)) => *more += 1,
                None => groups.push((row, 0)),
            }
        }
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
        if left > 0 {
            self.line(&format!("  … and {left} more (-v shows all)"));
        }
    }

    /// Writes a benchmark and a remark on one line; on a terminal, the name is shortened to fit.
    fn listed(&mut self, what: &str, benchmark: &str, more: &str) {
        let first = format!("  {what:<15} ");
        let name = plain(benchmark);
        let room = self.style.width.saturating_sub(width(&first) + width(more));
        let name = match self.style.wraps && !self.style.verbose {
            true => shorten(&name, room.max(24)),
            false => name,
        };
        self.line(&format!("{first}{name}{more}"));
    }

    fn warnings(&mut self, report: &Report) {
        let own = report
            .comparisons
            .iter()
            .flat_map(|comparison| &comparison.warnings);
        self.list_warnings(&report.warnings.iter().chain(own).collect::<Vec<_>>());
    }

    fn list_warnings(&mut self, warnings: &[&Warning]) {
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
                count => format!(" (and {count} more benchmarks; -v shows all)"),
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

    fn answer(&mut self, report: &Report) {
        let counts = report.summary.counts;
        self.text.push('\n');
        if let Some(plan) = &report.plan {
            self.line(&format!(
                "{} benchmarks: about {}",
                plan.benchmarks.len(),
                duration(plan.estimated_seconds * 1e9)
            ));
            return;
        }
        if report.comparisons.is_empty() {
            self.line("Nothing was measured.");
            return;
        }
        let mut answer = counts.to_string();
        if let Some(mean) = &report.summary.geometric_mean {
            let _ = write!(
                answer,
                "; geometric mean {}",
                speedup(mean.estimate.point_estimate)
            );
        }
        if report.partial {
            answer.push_str(" (stopped early: partial)");
        }
        self.prose("", &answer);
        if let Some(controls) = report.summary.controls {
            self.prose("", &of_controls(controls));
        }
        if counts.inconclusive > 0 {
            self.prose("", &what_would_settle(report));
        }
    }

    fn recorded(&mut self, report: &Report) {
        let Some(recorded) = &report.recorded else {
            return;
        };
        let (by_rule, file) = (recorded.by_rule(), plain(&recorded.file));
        self.prose("", &format!("recorded as {}{by_rule} in {file}", recorded.status));
        if recorded.status == Status::Discard {
            let short = short_commit(&report.revisions.base.commit);
            self.line(&format!("to go back to base: git reset --hard {short}"));
        }
    }

    fn table(&mut self, mut table: Table) {
        let last = table.column_count().saturating_sub(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            // After a colour, even spaces would count, and wrap the line.
            column.set_padding((0, if index < last { 2 } else { 0 }));
        }
        if self.style.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        for line in table.to_string().lines() {
            self.line(line);
        }
    }
}

pub(super) fn core_of(machine: &Machine) -> String {
    let Some(core) = machine.pinned_core else {
        return "not pinned".to_owned();
    };
    let later = machine.later_cores.iter();
    let later: String = later.map(|core| format!(", later {core}")).collect();
    format!("both sides on core {core}{later}")
}

/// Describes a machine: `AMD EPYC, 4 cores`.
pub(super) fn place_of(machine: &Machine) -> String {
    let processor = machine.processor.as_deref().unwrap_or(&machine.architecture);
    format!("{}, {} cores", plain(processor), machine.cores)
}

/// Describes the replicates: `5 to 14 replicates`; `None` where nothing was measured.
pub(super) fn replicates_of(report: &Report) -> Option<String> {
    let counts = || report.comparisons.iter().map(|row| row.replicates.len());
    match (counts().min()?, counts().max()?) {
        (fewest, most) if fewest < most => Some(format!("{fewest} to {most} replicates")),
        (count, _) => Some(format!("{count} replicates")),
    }
}

/// Describes how far the benchmarks moved that run nothing that changed.
pub(super) fn of_controls(controls: Controls) -> String {
    let farthest = change_percent(controls.farthest);
    match controls.benchmarks {
        1 => format!("1 control, which runs nothing that changed, moved by {farthest}"),
        count => format!("{count} controls, which run nothing that changed, moved by at most {farthest}"),
    }
}

/// Describes the needs of the inconclusive verdicts, in a line.
pub(super) fn what_would_settle(report: &Report) -> String {
    let open = || {
        let rows = report.comparisons.iter();
        rows.filter(|row| {
            let is_told_apart = matches!(row.reason, Some(Reason::NotConfirmed | Reason::FirstCallChanged));
            row.verdict == Verdict::Inconclusive && !is_told_apart
        })
    };
    let count = |reason| {
        let rows = report.comparisons.iter();
        rows.filter(|row| row.reason == Some(reason)).count()
    };
    let (unconfirmed, first_calls) = (count(Reason::NotConfirmed), count(Reason::FirstCallChanged));
    let needs: Vec<ToSettle> = open().filter_map(|row| row.to_settle).collect();
    let hopeless = open().count() - needs.len();
    let seconds: f64 = needs.iter().map(|needed| needed.seconds).sum();
    let more = needs.iter().map(|needed| needed.replicates).max();
    let settles = more.map(|replicates| {
        let time = if seconds > 0.0 {
            format!(" ({})", duration(seconds * 1e9))
        } else {
            String::new()
        };
        let what = if hopeless == 0 {
            "it".to_owned()
        } else {
            format!("{} of them", needs.len())
        };
        format!("about {replicates} more replicates{time} would settle {what}")
    });
    let first_calls =
        (first_calls > 0).then(|| format!("{first_calls} changed in the first call of a process only"));
    let unconfirmed =
        (unconfirmed > 0).then(|| format!("{unconfirmed} looked slower, and not again in fresh replicates"));
    let stays = (hopeless > 0).then(|| {
        format!(
            "{hopeless} too near to the threshold, or too noisy here, for any reasonable number of replicates"
        )
    });
    let parts: Vec<String> = settles
        .into_iter()
        .chain(stays)
        .chain(unconfirmed)
        .chain(first_calls)
        .collect();
    format!("inconclusive: too early to say; {}", parts.join("; "))
}

/// Formats a change: `-26.7 % [-27.6, -25.9]`; in narrower forms with shorter bounds, and then without them.
fn change(estimate: &Estimate, form: usize) -> String {
    let bound = match form {
        0 => signed_percent,
        1 => short_percent,
        // A number alone would say more than is known.
        _ if estimate.may_be_none() => return within(estimate),
        _ => return change_percent(estimate.point_estimate),
    };
    format!(
        "{} {}",
        change_percent(estimate.point_estimate),
        bounds(&estimate.confidence_interval, bound)
    )
}

/// Formats the limit of a change that may be none: `< 3.1 %`.
pub(super) fn within(estimate: &Estimate) -> String {
    let interval = estimate.confidence_interval;
    let farthest = interval.upper_bound.max(1.0 / interval.lower_bound);
    match is_too_wide(&interval) {
        true => "unknown".to_owned(),
        false => format!("< {} %", signed_percent(farthest).trim_start_matches('+')),
    }
}

/// Returns the heading of a column of changes.
fn change_title(level: &str, form: usize) -> String {
    match form {
        0 => format!("change [{level} interval]"),
        1 => format!("change [{level}]"),
        _ => "change".to_owned(),
    }
}

/// Whether a total differs from the only row.
pub(super) fn differs(total: &Judged, row: &Estimate) -> bool {
    (total.estimate.point_estimate / row.point_estimate - 1.0).abs() > 1e-9
}

/// Makes a table of columns with two spaces between them, and nothing else.
pub(crate) fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Returns the common prefix of the names of a report.
pub(super) fn prefix_of<'a>(report: &Report, names: &[&'a str]) -> &'a str {
    match &report.settings.script {
        // A command and the keys that it writes are not node ids.
        Some(_) => "",
        None => common_prefix(names),
    }
}

/// Returns the common prefix of node ids, up to a `::` or a `/`, without the last part of a single name.
pub(super) fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let Some(first) = names.first() else {
        return "";
    };
    let mut end = first.len();
    for name in names {
        end = first
            .bytes()
            .zip(name.bytes())
            .take(end)
            .take_while(|(a, b)| a == b)
            .count();
    }
    // A parameter may hold the separators too.
    let end = first[..floor_char_boundary(first, end)]
        .find('[')
        .unwrap_or(floor_char_boundary(first, end));
    let scope = first[..end].rfind("::").map_or(0, |index| index + 2);
    let folder = if scope > 0 {
        0
    } else {
        first[..end].rfind('/').map_or(0, |index| index + 1)
    };
    &first[..scope.max(folder)]
}

fn floor_char_boundary(text: &str, mut index: usize) -> usize {
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

pub(super) fn says_the_same(one: &Missing, other: &Missing) -> bool {
    one.reason == other.reason
        && one.side == other.side
        && main_line(&one.message) == main_line(&other.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_part_of_node_ids_ends_at_a_separator() {
        assert_eq!(common_prefix(&["a/b.py::test_x", "a/b.py::test_y"]), "a/b.py::");
        assert_eq!(common_prefix(&["a/b.py::test_x", "a/c.py::test_y"]), "a/");
        assert_eq!(
            common_prefix(&["a/b.py::test_x[1::2]", "a/b.py::test_x[1::3]"]),
            "a/b.py::"
        );
        assert_eq!(common_prefix(&["a.py::C::test_x"]), "a.py::C::");
        assert_eq!(common_prefix(&["a.py::test_é", "a.py::test_è"]), "a.py::");
    }
}
