//! The compared revisions, the machine, the changed functions, and the selection of benchmarks.

use super::page::{Page, bare_table};
use crate::model::{Environments, PerSide, Python, Report, Revision, SelectionRule, TargetFunction};
use crate::report::names::apart;
use crate::report::words::{core_of, place_of, replicates_of};
use crate::report::{machines, parts};
use crate::text::{plain, short_commit, shorten, width};

pub(super) const MOST_FUNCTIONS: usize = 15;

impl Page {
    pub(super) fn revisions(&mut self, report: &Report) {
        let core = match report.machine.pinned_core {
            _ if !report.parts.is_empty() => parts::merged_from(report),
            _ if !report.machines.is_empty() => None,
            None if report.comparisons.is_empty() => None,
            _ => Some(core_of(&report.machine)),
        };
        self.sides(&report.revisions);
        self.facts(report.python.as_ref(), [replicates_of(report), core]);
        if let Some(machines) = machines::summary(report) {
            self.prose("      ", &machines);
        }
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
    pub(super) fn machines(&mut self, report: &Report) {
        let verbose = self.style.verbose;
        let machines = parts::machines(report, |machine| {
            let place = place_of(machine);
            match verbose {
                true => format!("{place}, {}", core_of(machine)),
                false => place,
            }
        });
        for (parts, machine) in machines {
            self.prose(&format!("      {parts} on "), &machine);
        }
    }

    pub(super) fn sides(&mut self, revisions: &PerSide<Revision>) {
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
    pub(super) fn facts(&mut self, python: Option<&PerSide<Python>>, others: [Option<String>; 2]) {
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

    pub(super) fn environment(
        &mut self,
        python: Option<&PerSide<Python>>,
        environments: Environments,
        build: Option<&str>,
    ) {
        if environments == Environments::PerRef {
            let is_one = python.is_some_and(|python| python.base == python.head);
            self.line(match is_one {
                true => "      both sides in one environment with the dependencies that they declare",
                false => "      each side in an environment with the dependencies that it declares",
            });
        }
        if let Some(build) = build {
            self.prose("      both sides built by: ", &plain(build));
        }
    }

    pub(super) fn functions(&mut self, targets: &[TargetFunction]) {
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
        self.left_out("  ", targets.len().saturating_sub(most));
    }

    /// Limits names and places to their part of the line; the rest is for the change, in as many lines as it takes.
    pub(super) fn narrow_functions(&self, rows: &mut [[String; 3]]) {
        let widest = |rows: &[[String; 3]], column: usize| {
            let cells = rows.iter().map(|row| width(&row[column]));
            cells.max().unwrap_or(0)
        };
        // The indent, and two gaps.
        let all = self.style.width.saturating_sub(6);
        if (0..3).map(|column| widest(rows, column)).sum::<usize>() <= all {
            return;
        }
        // A third is for the change, if it needs it; of the rest, names get the room that places leave.
        let why = widest(rows, 2).min(all / 3);
        let place = widest(rows, 1).min((all - why) * 6 / 10);
        let name = widest(rows, 0).min(all - why - place);
        let place = widest(rows, 1).min(all - why - name);
        let why = (all - name - place).max(10);
        let names: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
        for (row, shown) in rows.iter_mut().zip(apart(&names, name)) {
            row[0] = shown;
            row[1] = shorten(&row[1], place);
            row[2] = textwrap::fill(&row[2], why);
        }
    }

    pub(super) fn selection(&mut self, report: &Report) {
        if report.selection.rule != SelectionRule::NothingChanged && !report.comparisons.is_empty() {
            let reason = plain(&report.selection.reason);
            self.text.push('\n');
            self.prose("Measured: ", reason.as_ref());
        }
    }

    pub(super) fn plan(&mut self, report: &Report) {
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
}
