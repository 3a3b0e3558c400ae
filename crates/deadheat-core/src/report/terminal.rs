//! The report as a person reads it in a terminal. Everything can be read without colour; the answer stands last.

mod functions;
mod noise;
mod tests_run;

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use super::parts;
use super::units::{amount, signed_percent};
use super::{Environments, Judged, Machine, Python, Report, SelectionRule, duration, main_line, speedup};
use crate::model::{
    Estimate, Missing, MissingReason, PerSide, Reason, Revision, TargetFunction, ToSettle, Verdict, Warning,
};
use crate::output::OutputCheck;
use crate::records::Status;

pub(super) use functions::{
    Section, both, cells as function_cells, count, headings as function_headings, notes, reconciliation,
};
pub(super) use noise::judgement;
pub use tests_run::render_tests;

/// How to write: colour only where it is wanted, lines no longer than the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    pub width: usize,
    /// Sentences are broken into lines of that width: for terminals. Elsewhere programs look for words in them.
    pub wraps: bool,
    /// Everything in full, however long.
    pub verbose: bool,
}

const MOST_FUNCTIONS: usize = 15;
const MOST_MISSING: usize = 30;
const SHORTEST_NAME: usize = 14;

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

    /// A sentence: its first line begins with `first`, all others are indented as far.
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
            self.line(&format!("      both sides run: {}", plain(script)));
        }
        self.environment(
            report.python.as_ref(),
            settings.environment,
            settings.build.as_deref(),
        );
    }

    /// Where the parts of a merged report were measured.
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

    /// What both sides run in, and how it was measured.
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
            self.line(&format!("      {}", facts.join(", ")));
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
            self.line(&format!("      both sides built by: {}", plain(build)));
        }
    }

    fn functions(&mut self, targets: &[TargetFunction]) {
        if targets.is_empty() {
            return;
        }
        self.heading(&format!("Changed functions ({})", targets.len()));
        let most = if self.style.verbose {
            usize::MAX
        } else {
            MOST_FUNCTIONS
        };
        let mut table = bare_table();
        for target in targets.iter().take(most) {
            let change = target.change.map(|change| change.to_string());
            let why: Vec<String> = change
                .into_iter()
                .chain(target.detail.as_deref().map(plain))
                .collect();
            let why = why.join(": ");
            table.add_row([
                format!("  {}", plain(&target.qualname)),
                format!("{}:{}-{}", plain(&target.path), target.lines.0, target.lines.1),
                why,
            ]);
        }
        self.table(table);
        if targets.len() > most {
            self.line(&format!("  … and {} more (-v shows all)", targets.len() - most));
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
        let mut table = bare_table();
        let headings = [
            "benchmark".to_owned(),
            "base".to_owned(),
            "head".to_owned(),
            format!("change [{:.0} % interval]", level * 100.0),
            "speedup".to_owned(),
            "verdict".to_owned(),
        ];
        table.set_header(headings.iter().map(|heading| self.title_cell(heading)));
        let mut rows: Vec<(String, Vec<Cell>)> = Vec::new();
        for comparison in &report.comparisons {
            let reason = comparison.reason.map(|reason| reason.to_string());
            let times = Some((comparison.base.median_ns, comparison.head.median_ns));
            let mut cells = self.cells(times, &comparison.estimate, comparison.verdict, reason);
            if let Some(percent) = comparison.threshold_percent
                && let Some(cell) = cells.last_mut()
            {
                let verdict = format!("{} (±{percent} %)", cell.content());
                *cell = self.verdict_cell(&verdict, Some(comparison.verdict));
            }
            if comparison.output == OutputCheck::Different
                && let Some(cell) = cells.last_mut()
            {
                let text = Cell::new(format!("{}, other output", cell.content()));
                *cell = if self.style.color {
                    text.fg(Color::Red)
                } else {
                    text
                };
            }
            rows.push((plain(&comparison.benchmark[prefix.len()..]), cells));
        }
        let is_one = report.comparisons.len() == 1;
        // A command may give a total that is not the sum of its rows.
        let total = report.summary.total.as_ref();
        let total = total.filter(|total| !is_one || differs(total, &report.comparisons[0].estimate));
        let mean = report.summary.geometric_mean.as_ref().filter(|_| !is_one);
        let summary = [("total", total), ("geometric mean", mean)];
        for (name, judged) in summary {
            let Some(judged) = judged else { continue };
            let times = judged.base_ns.zip(judged.head_ns);
            let reason = judged.reason.map(|reason| reason.to_string());
            let cells = self.cells(times, &judged.estimate, judged.verdict, reason);
            rows.push((name.to_owned(), cells));
        }
        let summary_rows = rows.len() - report.comparisons.len();
        // What the other columns need, with the gaps between them; the names share the rest.
        let others: usize = (0..5)
            .map(|column| {
                let widest = rows
                    .iter()
                    .map(|(_, cells)| width(&cells[column].content()))
                    .max();
                widest.unwrap_or(0).max([4, 4, 19, 7, 7][column]) + 2
            })
            .sum();
        let room = if self.style.verbose {
            usize::MAX
        } else {
            self.style.width.saturating_sub(others).max(SHORTEST_NAME)
        };
        if !prefix.is_empty() {
            self.heading(&format!("Benchmarks in {}", plain(prefix.trim_end_matches(':'))));
        } else {
            self.heading("Benchmarks");
        }
        let measured = report.comparisons.len();
        for (index, (name, cells)) in rows.into_iter().enumerate() {
            if index == measured && summary_rows > 0 {
                table.add_row(vec![Cell::new(""); 6]);
            }
            let mut row = vec![Cell::new(shorten(&name, room))];
            row.extend(cells);
            table.add_row(row);
        }
        for column in 1..5 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.table(table);
    }

    /// What the benchmarks use beside time.
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
        let mut rows: Vec<(String, Vec<Cell>)> = Vec::new();
        let mut last = None;
        for row in &report.resources {
            let amount = |value| amount(row.resource, value);
            let reason = row.reason.map(|reason| reason.to_string());
            let mut cells = vec![
                Cell::new(row.resource.to_string()),
                Cell::new(amount(row.median.base)),
                Cell::new(amount(row.median.head)),
            ];
            let [.., change, _, verdict] = &self.cells(None, &row.estimate, row.verdict, reason)[..] else {
                continue;
            };
            cells.extend([change.clone(), verdict.clone()]);
            // The rows of one benchmark stand together under its name.
            let is_another = last.replace(&row.benchmark) != Some(&row.benchmark);
            let name = if is_another {
                plain(&row.benchmark[prefix.len()..])
            } else {
                String::new()
            };
            rows.push((name, cells));
        }
        let others: usize = (0..5)
            .map(|column| {
                let widest = rows.iter().map(|(_, cells)| width(&cells[column].content()));
                widest.max().unwrap_or(0).max([8, 4, 4, 19, 7][column]) + 2
            })
            .sum();
        let room = if self.style.verbose {
            usize::MAX
        } else {
            self.style.width.saturating_sub(others).max(SHORTEST_NAME)
        };
        let mut table = bare_table();
        let headings = [
            "benchmark".to_owned(),
            "resource".to_owned(),
            "base".to_owned(),
            "head".to_owned(),
            format!("change [{:.0} % interval]", level * 100.0),
            "verdict".to_owned(),
        ];
        table.set_header(headings.iter().map(|heading| self.title_cell(heading)));
        for (name, cells) in rows {
            let mut row = vec![Cell::new(shorten(&name, room))];
            row.extend(cells);
            table.add_row(row);
        }
        for column in 2..5 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
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

    fn cells(
        &self,
        times: Option<(f64, f64)>,
        estimate: &Estimate,
        verdict: Verdict,
        reason: Option<String>,
    ) -> Vec<Cell> {
        let interval = estimate.confidence_interval;
        let change = format!(
            "{} % [{}, {}]",
            signed_percent(estimate.point_estimate),
            signed_percent(interval.lower_bound),
            signed_percent(interval.upper_bound)
        );
        let verdict_text = match reason {
            Some(reason) if self.style.verbose => format!("{verdict}: {reason}"),
            _ => verdict.to_string(),
        };
        let cell = self.verdict_cell(&verdict_text, Some(verdict));
        vec![
            Cell::new(times.map_or(String::new(), |(base, _)| duration(base))),
            Cell::new(times.map_or(String::new(), |(_, head)| duration(head))),
            Cell::new(change),
            Cell::new(speedup(estimate.point_estimate)),
            cell,
        ]
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
        // They are many, and nothing is wrong with them.
        let (not_reached, missing): (Vec<&Missing>, Vec<&Missing>) = missing
            .iter()
            .partition(|row| row.reason == MissingReason::NotReached && !self.style.verbose);
        match not_reached.len() {
            0 => {}
            1 => self.line(&format!("  not reached     {}", plain(&not_reached[0].benchmark))),
            count => self.line(&format!(
                "  not reached     {count} benchmarks, which run no changed function (-v lists them, --all measures them)"
            )),
        }
        let most = if self.style.verbose {
            usize::MAX
        } else {
            MOST_MISSING
        };
        // Rows that say the same stand together: the first of them, and how many more there are.
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
            self.line(&format!("  {reason:<15} {}{others}", plain(&row.benchmark)));
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
        for (index, warning) in warnings.iter().enumerate() {
            // The same doubt about many benchmarks is said once.
            let same = |other: &&&Warning| warning.benchmark.is_some() && other.code == warning.code;
            if !self.style.verbose && warnings[..index].iter().any(|other| same(&other)) {
                continue;
            }
            let more = match warnings[index + 1..].iter().filter(same).count() {
                count if count > 0 && !self.style.verbose => {
                    format!(" (and {count} more benchmarks; -v shows all)")
                }
                _ => String::new(),
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
        self.line(&answer);
        if counts.inconclusive > 0 {
            self.prose("", &what_would_settle(report));
        }
    }

    fn recorded(&mut self, report: &Report) {
        let Some(recorded) = &report.recorded else {
            return;
        };
        let (by_rule, file) = (recorded.by_rule(), plain(&recorded.file));
        self.line(&format!("recorded as {}{by_rule} in {file}", recorded.status));
        if recorded.status == Status::Discard {
            let short = short_commit(&report.revisions.base.commit);
            self.line(&format!("to go back to base: git reset --hard {short}"));
        }
    }

    fn table(&mut self, mut table: Table) {
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
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

/// `AMD EPYC, 4 cores`.
pub(super) fn place_of(machine: &Machine) -> String {
    let processor = machine.processor.as_deref().unwrap_or(&machine.architecture);
    format!("{}, {} cores", plain(processor), machine.cores)
}

/// `5 to 14 replicates`; nothing where nothing was measured.
pub(super) fn replicates_of(report: &Report) -> Option<String> {
    let counts = || report.comparisons.iter().map(|row| row.replicates.len());
    match (counts().min()?, counts().max()?) {
        (fewest, most) if fewest < most => Some(format!("{fewest} to {most} replicates")),
        (count, _) => Some(format!("{count} replicates")),
    }
}

/// What the open verdicts need, in a line.
pub(super) fn what_would_settle(report: &Report) -> String {
    let open = || {
        let rows = report.comparisons.iter();
        rows.filter(|row| row.verdict == Verdict::Inconclusive && row.reason != Some(Reason::NotConfirmed))
    };
    let unconfirmed = report.comparisons.iter();
    let unconfirmed = unconfirmed
        .filter(|row| row.reason == Some(Reason::NotConfirmed))
        .count();
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
    let unconfirmed =
        (unconfirmed > 0).then(|| format!("{unconfirmed} looked slower, and not again in fresh replicates"));
    let stays = (hopeless > 0).then(|| {
        format!(
            "{hopeless} too near to the threshold, or too noisy here, for any reasonable number of replicates"
        )
    });
    let parts: Vec<String> = settles.into_iter().chain(stays).chain(unconfirmed).collect();
    format!("inconclusive: too early to say; {}", parts.join("; "))
}

/// Whether a total says something else than the only row.
pub(super) fn differs(total: &Judged, row: &Estimate) -> bool {
    (total.estimate.point_estimate / row.point_estimate - 1.0).abs() > 1e-9
}

/// Columns with two spaces between them, and nothing else.
pub(crate) fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A commit as people know it. A stored report may name anything as one.
pub fn short_commit(commit: &str) -> String {
    plain(&commit.chars().take(10).collect::<String>())
}

/// Text from elsewhere without what would steer a terminal.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                character.escape_default().to_string()
            } else {
                character.to_string()
            }
        })
        .collect()
}

/// In columns of the terminal.
fn width(text: &str) -> usize {
    text.width()
}

/// Keeps both ends of a name that is too long: the file says where, the end says which.
pub(super) fn shorten(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let head = room.saturating_sub(1) / 3;
    let tail = room.saturating_sub(1) - head;
    let start = fitting(text.chars(), head);
    let end: Vec<char> = fitting(text.chars().rev(), tail).chars().collect();
    format!("{start}…{}", end.into_iter().rev().collect::<String>())
}

/// The beginning of a text that is too long.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    format!("{}…", fitting(text.chars(), room.saturating_sub(1)))
}

/// As many characters as have room.
fn fitting(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= room
        })
        .collect()
}

/// What all names of a report begin with.
pub(super) fn prefix_of<'a>(report: &Report, names: &[&'a str]) -> &'a str {
    match &report.settings.script {
        // A command and the keys that it writes are no node ids.
        Some(_) => "",
        None => common_prefix(names),
    }
}

/// What all node ids begin with, up to a `::` or a `/`; nothing for a single name's own last part.
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
    fn names_keep_both_ends() {
        assert_eq!(shorten("test_short", 20), "test_short");
        assert_eq!(shorten("abcdefghijklmnopqrstuvwxyz", 10), "abc…uvwxyz");
    }

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

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(plain("a\x1b[31mb\tc"), "a\\u{1b}[31mb\\tc");
    }
}
