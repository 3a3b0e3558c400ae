//! How it was measured, and the command that measures it again.

use super::comment::Section;
use super::escape::{block, code, prose};
use super::page::{Page, closing, opening};
use crate::model::{Environments, Report, Revision};
use crate::report::machines;
use crate::report::parts;
use crate::report::reproduce;
use crate::report::words::{core_of, place_of, replicates_of};
use crate::text::counted;

/// A line of the list: its term, and Markdown.
type Line = (&'static str, String);

impl Page<'_> {
    /// Renders how the benchmarks were measured.
    pub(super) fn conditions(&self) -> Section {
        let report = self.report;
        let mut lines = vec![
            ("base", full_revision(&report.revisions.base)),
            ("head", full_revision(&report.revisions.head)),
        ];
        lines.extend(places(report));
        lines.extend(prepared(report));
        if !report.comparisons.is_empty() {
            lines.extend(measured(report));
        }
        lines.push(("deadheat", prose(&report.tool_version)));
        let lines: String = lines
            .iter()
            .map(|(term, words)| format!("- {term}: {words}\n"))
            .collect();
        Section::fixed(format!("{}{lines}", opening("How it was measured")))
    }

    pub(super) fn command(&self) -> Section {
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

/// The machine, or those of the run, or of the parts that a report was merged from.
fn places(report: &Report) -> Vec<Line> {
    if let Some(machines) = machines::summary(report) {
        return vec![("machines", prose(&machines))];
    }
    let machine = &report.machine;
    if report.parts.is_empty() {
        let processor = machine.processor.as_deref().unwrap_or("unknown processor");
        let words = format!(
            "{}, {} {}, {}",
            prose(processor),
            prose(&machine.system),
            prose(&machine.architecture),
            counted(machine.cores, "core")
        );
        return vec![("machine", words)];
    }
    let machines = parts::machines(report, |machine| {
        format!("{}, {}", place_of(machine), core_of(machine))
    });
    machines
        .into_iter()
        .map(|(parts, place)| ("machine", format!("{parts} on {}", prose(&place))))
        .collect()
}

/// The interpreter, and the environments and builds of the sides.
fn prepared(report: &Report) -> Vec<Line> {
    let settings = &report.settings;
    let python = report.python.as_ref().map(|python| {
        let python = &python.head;
        let words = format!(
            "{} {}, pytest {}",
            python.implementation, python.version, python.pytest
        );
        ("Python", prose(&words))
    });
    let environments = match settings.environment {
        Environments::Shared => None,
        Environments::PerRef => Some(("environments", "each side's own".to_owned())),
    };
    let commands = [("build", &settings.build), ("command", &settings.script)];
    let commands = commands
        .into_iter()
        .filter_map(|(term, command)| Some((term, code(command.as_ref()?))));
    python.into_iter().chain(environments).chain(commands).collect()
}

/// The choice of benchmarks, and the rules of their verdicts.
fn measured(report: &Report) -> Vec<Line> {
    let settings = &report.settings;
    // In other reports, the machines include it.
    let is_of_one = report.parts.is_empty() && report.machines.is_empty();
    let core = is_of_one.then(|| core_of(&report.machine));
    let how: Vec<String> = replicates_of(report)
        .into_iter()
        .chain(core)
        .chain([
            format!("threshold {} %", settings.threshold_percent),
            format!("{:.0} % intervals", settings.confidence_level * 100.0),
        ])
        .collect();
    let mut lines = vec![
        ("selection", prose(&report.selection.reason)),
        ("measured", how.join(", ")),
    ];
    if !settings.thresholds.is_empty() {
        let thresholds = settings.thresholds.iter();
        let thresholds: Vec<String> = thresholds
            .map(|(glob, percent)| format!("{percent} % for {}", code(glob)))
            .collect();
        lines.push(("thresholds by glob", thresholds.join(", ")));
    }
    lines
}

fn full_revision(revision: &Revision) -> String {
    let dirty = if revision.dirty {
        ", with uncommitted changes"
    } else {
        ""
    };
    format!("{}, {}{dirty}", code(&revision.name), code(&revision.commit))
}
