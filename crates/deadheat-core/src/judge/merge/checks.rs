//! Whether reports are parts of one whole: each by itself, then together.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::stored;
use crate::model::{Balance, Cut, Part, PerSide, Python, Report, SCHEMA_VERSION, Settings};
use crate::text::plain;

/// The report of one machine.
#[derive(Clone, Debug)]
pub struct PartReport {
    /// The report's name, for errors.
    pub name: String,
    pub report: Report,
}

/// The reason why the parts cannot be merged, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub message: String,
    pub hint: &'static str,
}

/// Reports that belong together.
pub(super) struct Parts {
    /// At least one, in order.
    pub(super) reports: Vec<(Part, Report)>,
    /// The ids of all benchmarks, in the order of collection.
    pub(super) suite: Vec<String>,
    /// The numbers of their parts, if the suite was not cut by hash.
    pub(super) numbers: Vec<u32>,
}

/// Checks that each of the reports is a part, and that they are parts of one whole.
pub(super) fn parts_of_one_whole(reports: Vec<PartReport>, tool_version: &str) -> Result<Parts, Refusal> {
    let mut parts: Vec<(Part, PartReport)> = Vec::new();
    for report in reports {
        parts.push((check_alone(&report, tool_version)?, report));
    }
    parts.sort_by_key(|(part, _)| *part);
    let Some((first, others)) = parts.split_first() else {
        return refuse(
            "there is nothing to merge".to_owned(),
            "name the reports of the parts",
        );
    };
    for neighbours in parts.windows(2) {
        if let [(one, report), (other, again)] = neighbours
            && one == other
        {
            return refuse(
                format!("{} and {} are both part {one}", report.name, again.name),
                "name each part once: the newer of the two",
            );
        }
    }
    for other in others {
        check_together(first, other)?;
    }
    let (suite, numbers) = suite(&parts)?;
    let cut = Cut::new(parts[0].0.of, &suite, &numbers);
    for (part, report) in &parts {
        check_rows(*part, &cut, report)?;
    }
    let reports = parts.into_iter().map(|(part, named)| (part, named.report));
    Ok(Parts {
        reports: reports.collect(),
        suite,
        numbers,
    })
}

fn refuse<T>(message: String, hint: &'static str) -> Result<T, Refusal> {
    Err(Refusal { message, hint })
}

/// Checks a report by itself, and returns the part that it belongs to.
fn check_alone(part: &PartReport, tool_version: &str) -> Result<Part, Refusal> {
    let PartReport { name, report } = part;
    let again = "measure all parts again with one version of deadheat";
    if report.schema_version != SCHEMA_VERSION || report.tool_version != tool_version {
        let theirs = plain(&report.tool_version);
        return refuse(
            format!("{name} was written by deadheat {theirs}, and this is {tool_version}"),
            again,
        );
    }
    if !report.parts.is_empty() {
        return refuse(
            format!("{name} is already a merged report"),
            "name the reports of its parts instead, together with the others",
        );
    }
    let Some(part) = report.settings.part else {
        return refuse(
            format!("{name} is not a part of a suite: it was measured without --partition"),
            "`deadheat compare --partition I/N` measures a part",
        );
    };
    if !part.is_sound() {
        return refuse(format!("{name} is damaged: there is no part {part}"), again);
    }
    let numbers = &report.suite_parts;
    let is_sound = |number: &u32| (1..=part.of).contains(number);
    if !(numbers.is_empty() || numbers.len() == report.suite.len() && numbers.iter().all(is_sound)) {
        return refuse(
            format!("{name} is damaged: not every benchmark is in a part"),
            again,
        );
    }
    if report.plan.is_some() || report.noise.is_some() {
        return refuse(
            format!("{name} is not a comparison: nothing was measured in it"),
            "measure the part without --dry-run",
        );
    }
    if report.revisions.head.dirty {
        return refuse(
            format!("{name} compares uncommitted code, which may have differed between the parts"),
            "commit it, and compare the commits",
        );
    }
    if stored::check(report).is_err() {
        return refuse(
            format!("{name} is damaged: it contains impossible measurements"),
            "measure this part again",
        );
    }
    Ok(part)
}

/// Checks that two parts belong together.
fn check_together(one: &(Part, PartReport), other: &(Part, PartReport)) -> Result<(), Refusal> {
    let ((part, one), (other_part, other)) = (one, other);
    let (names, reports) = ((&one.name, &other.name), (&one.report, &other.report));
    let differ = |what: &str, hint| {
        let message = format!(
            "{} and {} {what}: they are not parts of one report",
            names.0, names.1
        );
        refuse(message, hint)
    };
    let same_again = "measure all parts of the same commits, with the same options and configuration";
    if part.of != other_part.of {
        return differ(&format!("are parts {part} and {other_part}"), same_again);
    }
    let commits = |report: &Report| report.revisions.as_ref().map(|revision| revision.commit.clone());
    if commits(reports.0) != commits(reports.1) {
        return differ("compare different commits", same_again);
    }
    if let Some(key) = differing_setting(&reports.0.settings, &reports.1.settings) {
        return differ(
            &format!("were measured with different values of `{key}`"),
            same_again,
        );
    }
    if reports.0.seed != reports.1.seed {
        return differ(
            "were measured with different seeds (--seed)",
            "leave --seed out (the parts then share one), or give every part the same seed",
        );
    }
    let releases = reports.0.python.as_ref().zip(reports.1.python.as_ref());
    if releases.is_some_and(|(python, others)| release(python) != release(others)) {
        return differ("were measured with different versions of Python", same_again);
    }
    Ok(())
}

/// Returns each side's implementation of Python, and its version without the last number.
fn release(python: &PerSide<Python>) -> PerSide<(String, String)> {
    python.as_ref().map(|python| {
        let numbers: Vec<&str> = python.version.splitn(3, '.').take(2).collect();
        (python.implementation.clone(), numbers.join("."))
    })
}

/// Returns the first differing setting, of those that determine the measurement.
fn differing_setting(one: &Settings, other: &Settings) -> Option<String> {
    let comparable = |settings: &Settings| {
        let settings = Settings {
            // These are each machine's own.
            part: None,
            balance: settings.balance.as_ref().map(|balance| Balance {
                file: String::new(),
                ..balance.clone()
            }),
            budget_seconds: None,
            timeout_seconds: 0.0,
            ..settings.clone()
        };
        match serde_json::to_value(settings) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        }
    };
    let (one, other) = (comparable(one), comparable(other));
    let mut fields = one.iter();
    fields
        .find(|(key, value)| other.get(*key) != Some(*value))
        .map(|(key, _)| key.clone())
}

/// Returns the whole suite and its cut, which every part must have collected and cut alike; parts that ended before that
/// are ignored.
fn suite(parts: &[(Part, PartReport)]) -> Result<(Vec<String>, Vec<u32>), Refusal> {
    let mut known = parts
        .iter()
        .map(|(_, part)| part)
        .filter(|part| !part.report.suite.is_empty());
    let Some(first) = known.next() else {
        return Ok((Vec::new(), Vec::new()));
    };
    for other in known {
        if other.report.suite != first.report.suite {
            let (one, another) = (&first.report.suite, &other.report.suite);
            let only = |suite: &[String], other: &[String]| {
                suite.iter().find(|id| !other.contains(id)).map(|id| plain(id))
            };
            let what = match only(one, another).or_else(|| only(another, one)) {
                Some(id) => format!("only one of them has {id}"),
                None => "the order differs".to_owned(),
            };
            return refuse(
                format!(
                    "{} and {} collected different suites: {what}",
                    first.name, other.name
                ),
                "the ids of the benchmarks must be the same on all machines, in the same order",
            );
        }
        if other.report.suite_parts != first.report.suite_parts {
            return refuse(
                format!(
                    "{} and {} were cut differently: they are not parts of one report",
                    first.name, other.name
                ),
                "measure all parts again, with --balance and the same file, or all without it",
            );
        }
    }
    Ok((first.report.suite.clone(), first.report.suite_parts.clone()))
}

/// Checks that every row belongs to the part that reports it, and is there only once.
fn check_rows(part: Part, cut: &Cut<'_>, PartReport { name, report }: &PartReport) -> Result<(), Refusal> {
    let changed = "the report was not written by deadheat alone: measure this part again";
    let mut seen = BTreeSet::new();
    for row in &report.comparisons {
        let benchmark = plain(&row.benchmark);
        let (number, of) = (cut.number(&row.benchmark), part.of);
        if number != part.number {
            let message =
                format!("{name}, part {part}, contains {benchmark}, which belongs to part {number}/{of}");
            return refuse(message, changed);
        }
        if !seen.insert(&row.benchmark) {
            return refuse(format!("{name} contains {benchmark} twice"), changed);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
