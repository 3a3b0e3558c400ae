//! How it was measured, and the command that measures it again.

use super::comment::Section;
use super::escape::{block, code, prose};
use super::page::{Page, closing, opening};
use crate::model::{Environments, Revision};
use crate::report::parts;
use crate::report::reproduce;
use crate::report::words::{core_of, place_of, replicates_of};

impl Page<'_> {
    /// Renders how the benchmarks were measured.
    pub(super) fn conditions(&self) -> Section {
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

fn full_revision(revision: &Revision) -> String {
    let dirty = if revision.dirty {
        ", with uncommitted changes"
    } else {
        ""
    };
    format!("{}, {}{dirty}", code(&revision.name), code(&revision.commit))
}
