//! One report from the parts of a suite that several machines measured: as if one machine had measured them all, except
//! for the reasons to doubt a row, which are each machine's own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::breakdown::NOTICEABLE_SHARE;
use super::profile;
use super::stored::{check, judge_again};
use super::summary::{controls, count};
use crate::model::{
    Comparison, Missing, MissingReason, Partition, PerSide, Python, Report, SCHEMA_VERSION, Selection,
    SelectionRule, Settings, Shard, TargetFunction, Warning, WarningCode, shard_of,
};
use crate::text::plain;

/// The largest number of names in a warning.
const MOST_NAMES: usize = 5;

/// The report of one machine.
#[derive(Clone, Debug)]
pub struct Part {
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

/// Merges the parts, in any order, into one report. Missing parts make it partial.
///
/// Estimates equal those of the same samples in one report, to the last digit; verdicts are corrected for the suite.
pub fn merge(parts: Vec<Part>, tool_version: &str) -> Result<Report, Refusal> {
    for part in &parts {
        check_alone(part, tool_version)?;
    }
    let mut parts: Vec<(Partition, Part)> = parts
        .into_iter()
        .filter_map(|part| Some((part.report.settings.partition?, part)))
        .collect();
    parts.sort_by_key(|(partition, _)| *partition);
    let Some((first, others)) = parts.split_first() else {
        return refuse(
            "there is nothing to merge".to_owned(),
            "name the reports of the parts",
        );
    };
    for pair in parts.windows(2) {
        if let [(one, part), (other, again)] = pair
            && one == other
        {
            return refuse(
                format!("{} and {} are both part {one}", part.name, again.name),
                "name each part once: the newer of the two",
            );
        }
    }
    for other in others {
        check_together(first, other)?;
    }
    let suite = suite(&parts)?;
    check_rows(&parts)?;
    put_together(parts, &suite)
}

/// Whether a merged report says that nothing could be measured, rather than that there was nothing to measure.
pub fn is_nothing_measured(report: &Report) -> bool {
    let lacks = |row: &Missing| matches!(row.reason, MissingReason::Failed | MissingReason::Unfinished);
    report.comparisons.is_empty()
        && (report.missing.iter().any(lacks)
            || report
                .warnings
                .iter()
                .any(|warning| warning.code == WarningCode::NothingMeasured))
}

fn refuse<T>(message: String, hint: &'static str) -> Result<T, Refusal> {
    Err(Refusal { message, hint })
}

/// Checks a part by itself.
fn check_alone(part: &Part, tool_version: &str) -> Result<(), Refusal> {
    let Part { name, report } = part;
    let again = "measure all parts again with one version of deadheat";
    if report.schema_version != SCHEMA_VERSION || report.tool_version != tool_version {
        let theirs = plain(&report.tool_version);
        return refuse(
            format!("{name} was written by deadheat {theirs}, and this is {tool_version}"),
            again,
        );
    }
    if !report.shards.is_empty() {
        return refuse(
            format!("{name} is merged already"),
            "name the reports of its parts instead, and those of the others",
        );
    }
    let Some(partition) = report.settings.partition else {
        return refuse(
            format!("{name} is not a part of a suite: it was measured without --partition"),
            "`deadheat compare --partition I/N` measures a part",
        );
    };
    if !partition.is_sound() {
        return refuse(format!("{name} is damaged: there is no part {partition}"), again);
    }
    if report.plan.is_some() || report.noise.is_some() {
        return refuse(
            format!("{name} is not a comparison: nothing was measured in it"),
            "measure the part without --dry-run",
        );
    }
    if report.revisions.head.dirty {
        return refuse(
            format!("{name} compares uncommitted code, and nothing says that it was the same for every part"),
            "commit it, and compare the commits",
        );
    }
    if check(report).is_err() {
        return refuse(
            format!("{name} is damaged: it contains impossible measurements"),
            "measure this part again",
        );
    }
    Ok(())
}

/// Checks that two parts belong together.
fn check_together(one: &(Partition, Part), other: &(Partition, Part)) -> Result<(), Refusal> {
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
        return differ("compare other commits", same_again);
    }
    if let Some(key) = differing_setting(&reports.0.settings, &reports.1.settings) {
        return differ(&format!("were measured with another `{key}`"), same_again);
    }
    if reports.0.seed != reports.1.seed {
        return differ(
            "were measured with another --seed",
            "leave --seed out, and the parts have the same one; or give all of them the same",
        );
    }
    if let (Some(python), Some(others)) = (&reports.0.python, &reports.1.python) {
        let release = |python: &PerSide<Python>| {
            python.as_ref().map(|python| {
                let version = python
                    .version
                    .splitn(3, '.')
                    .take(2)
                    .collect::<Vec<_>>()
                    .join(".");
                (python.implementation.clone(), version)
            })
        };
        if release(python) != release(others) {
            return differ("were measured with another Python", same_again);
        }
    }
    Ok(())
}

/// Returns the first setting that differs, of those that say what is measured and how.
fn differing_setting(one: &Settings, other: &Settings) -> Option<String> {
    let comparable = |settings: &Settings| {
        let settings = Settings {
            // These are each machine's own.
            partition: None,
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

/// Returns the whole suite, which every part must have collected alike; parts that ended before that are ignored.
fn suite(parts: &[(Partition, Part)]) -> Result<Vec<String>, Refusal> {
    let mut known = parts.iter().filter(|(_, part)| !part.report.suite.is_empty());
    let Some((_, first)) = known.next() else {
        return Ok(Vec::new());
    };
    for (_, other) in known {
        if other.report.suite != first.report.suite {
            let (one, another) = (&first.report.suite, &other.report.suite);
            let only = |suite: &[String], other: &[String]| {
                suite.iter().find(|id| !other.contains(id)).map(|id| plain(id))
            };
            let what = match only(one, another).or_else(|| only(another, one)) {
                Some(id) => format!("only one of them has {id}"),
                None => "they have it in another order".to_owned(),
            };
            return refuse(
                format!(
                    "{} and {} collected another suite: {what}",
                    first.name, other.name
                ),
                "the ids of benchmarks have to be the same on all machines, in the same order",
            );
        }
    }
    Ok(first.report.suite.clone())
}

/// Checks that every row belongs to the part that reports it, and is there only once.
fn check_rows(parts: &[(Partition, Part)]) -> Result<(), Refusal> {
    for (partition, Part { name, report }) in parts {
        let mut seen = BTreeSet::new();
        for row in &report.comparisons {
            let benchmark = &row.benchmark;
            if !partition.has(benchmark) {
                return refuse(
                    format!(
                        "{name}, part {partition}, holds {}, which is of part {}/{}",
                        plain(benchmark),
                        shard_of(benchmark, partition.of),
                        partition.of
                    ),
                    "the report was changed by something else than deadheat: measure this part again",
                );
            }
            if !seen.insert(benchmark) {
                return refuse(
                    format!("{name} holds {} twice", plain(benchmark)),
                    "the report was changed by something else than deadheat: measure this part again",
                );
            }
        }
    }
    Ok(())
}

fn put_together(parts: Vec<(Partition, Part)>, suite: &[String]) -> Result<Report, Refusal> {
    let of = parts[0].0.of;
    let positions: BTreeMap<&str, usize> = suite
        .iter()
        .enumerate()
        .map(|(position, id)| (id.as_str(), position))
        .collect();
    let position = |benchmark: &str| positions.get(benchmark).copied().unwrap_or(usize::MAX);
    let reports = || parts.iter().map(|(_, part)| &part.report);

    let mut report = parts[0].1.report.clone();
    report.shards = parts
        .iter()
        .map(|(partition, part)| shard(*partition, &part.report))
        .collect();
    report.selection = selection(&parts);
    report.warnings = warnings(&parts);
    for target in &mut report.target_functions {
        target.reached_by = reached_by(target, &parts);
        target.reached_by.sort_by_key(|benchmark| position(benchmark));
    }
    report.warnings.extend(functions_not_reached(&report, &parts));

    report.comparisons = parts
        .iter()
        .flat_map(|(partition, part)| {
            part.report.comparisons.iter().map(|row| Comparison {
                shard: Some(partition.shard),
                ..row.clone()
            })
        })
        .collect();
    report.comparisons.sort_by_key(|row| position(&row.benchmark));
    report.resources = reports()
        .flat_map(|other| other.resources.iter().cloned())
        .collect();
    report.resources.sort_by_key(|row| position(&row.benchmark));
    report.missing = Vec::new();
    for row in reports().flat_map(|other| &other.missing) {
        // Parts that could measure nothing all report the same.
        if !report.missing.contains(row) {
            report.missing.push(row.clone());
        }
    }
    let present: BTreeSet<u32> = parts.iter().map(|(partition, _)| partition.shard).collect();
    let unfinished = unfinished(&report, suite, of, &present);
    let absent: Vec<u32> = (1..=of).filter(|shard| !present.contains(shard)).collect();
    report.partial = reports().any(|other| other.partial) || !absent.is_empty() || !unfinished.is_empty();
    report.missing.extend(unfinished);
    report.missing.sort_by_key(|row| position(&row.benchmark));
    if !absent.is_empty() {
        report.warnings.push(missing_shards(&absent, of, suite));
    }

    report.settings.partition = None;
    report.settings.budget_seconds = None;
    report.suite = Vec::new();
    judge(report)
}

/// Returns the benchmarks that run a function in any part.
fn reached_by(target: &TargetFunction, parts: &[(Partition, Part)]) -> Vec<String> {
    let others = parts.iter().flat_map(|(_, part)| &part.report.target_functions);
    let same = others.filter(|other| {
        (&other.path, &other.qualname, &other.places) == (&target.path, &target.qualname, &target.places)
    });
    let reached: BTreeSet<&String> = same.flat_map(|other| &other.reached_by).collect();
    reached.into_iter().cloned().collect()
}

/// Returns rows for the benchmarks of the suite that no part says anything about; `present` has the shards that are
/// there, of `of`.
fn unfinished(report: &Report, suite: &[String], of: u32, present: &BTreeSet<u32>) -> Vec<Missing> {
    let measured = report.comparisons.iter().map(|row| &row.benchmark);
    let known: BTreeSet<&String> = measured
        .chain(report.missing.iter().map(|row| &row.benchmark))
        .collect();
    suite
        .iter()
        .filter(|benchmark| !known.contains(benchmark))
        .map(|benchmark| {
            let shard = shard_of(benchmark, of);
            let why = match present.contains(&shard) {
                true => "ended before it was measured",
                false => "is not among the merged reports",
            };
            Missing {
                benchmark: benchmark.clone(),
                side: None,
                reason: MissingReason::Unfinished,
                message: format!("part {shard}/{of} {why}"),
            }
        })
        .collect()
}

fn shard(partition: Partition, report: &Report) -> Shard {
    Shard {
        partition,
        benchmarks: report.comparisons.len(),
        partial: report.partial,
        machine: report.machine.clone(),
        python: report.python.clone(),
    }
}

/// Computes the verdicts and sums of the report's rows, with the functions of a live run.
fn judge(report: Report) -> Result<Report, Refusal> {
    let mut report = judge_again(report, None).map_err(|unsound| Refusal {
        message: format!("the parts cannot be judged together: {unsound}"),
        hint: "measure that part again",
    })?;
    let rows = &report.comparisons;
    let summary = &mut report.summary;
    summary.counts = count(rows, &report.missing);
    summary.controls = controls(rows);
    let lengths = |row: &Comparison| {
        let base = row.base.median_ns;
        PerSide::new(base, base * row.estimate.point_estimate)
    };
    let explained = || rows.iter().filter(|row| row.unexplained_ns.is_some());
    let functions: Vec<_> = explained()
        .map(|row| (row.functions.as_slice(), lengths(row)))
        .collect();
    summary.functions = profile::combine(&functions);
    summary.unexplained_ns = explained()
        .filter_map(|row| row.unexplained_ns)
        .reduce(|sum, unexplained| sum + unexplained);
    let surveyed: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.profile.as_deref()?, lengths(row))))
        .collect();
    let has_survey = !surveyed.is_empty();
    summary.profile = has_survey.then(|| profile::weighty(profile::combine(&surveyed), NOTICEABLE_SHARE));
    Ok(report)
}

/// Returns the parts that had something to measure.
fn busy(parts: &[(Partition, Part)]) -> Vec<&(Partition, Part)> {
    let is_empty = |report: &Report| {
        let mut warnings = report.warnings.iter();
        warnings.any(|warning| warning.code == WarningCode::EmptyPartition)
    };
    parts.iter().filter(|(_, part)| !is_empty(&part.report)).collect()
}

fn selection(parts: &[(Partition, Part)]) -> Selection {
    let busy = busy(parts);
    let selections = || busy.iter().map(|(_, part)| &part.report.selection);
    let Some(first) = selections().next() else {
        return parts[0].1.report.selection.clone();
    };
    if selections().all(|selection| selection == first) {
        return first.clone();
    }
    let all = selections().find(|selection| selection.rule == SelectionRule::All);
    all.cloned().unwrap_or(Selection {
        rule: SelectionRule::Reached,
        reason: "the benchmarks that may run what changed, by part".to_owned(),
    })
}

/// Collects the parts' warnings, with the part's number where not all parts report the same.
fn warnings(parts: &[(Partition, Part)]) -> Vec<Warning> {
    let busy = busy(parts);
    let mut said: Vec<(&Warning, Vec<String>)> = Vec::new();
    for (partition, part) in parts {
        for warning in &part.report.warnings {
            match said.iter_mut().find(|(other, _)| *other == warning) {
                Some((_, by)) => by.push(partition.to_string()),
                None => said.push((warning, vec![partition.to_string()])),
            }
        }
    }
    let kept = said.into_iter().filter_map(|(warning, by)| {
        let is_of_all = by.len() >= busy.len();
        match warning.code {
            // These are about single parts.
            WarningCode::EmptyPartition | WarningCode::FunctionNotReached => None,
            WarningCode::NoBenchmarkReaches => is_of_all.then(|| Warning {
                message: "no benchmark runs anything that changed".to_owned(),
                ..warning.clone()
            }),
            _ if is_of_all || warning.benchmark.is_some() => Some(warning.clone()),
            _ => Some(Warning {
                message: format!("part {}: {}", by.join(", "), warning.message),
                ..warning.clone()
            }),
        }
    });
    kept.collect()
}

/// Warns of functions that no benchmark of any part runs, where every part has looked.
fn functions_not_reached(report: &Report, parts: &[(Partition, Part)]) -> Option<Warning> {
    let lacks_some = |(_, part): &&(Partition, Part)| {
        let mut warnings = part.report.warnings.iter();
        warnings.any(|warning| warning.code == WarningCode::FunctionNotReached)
    };
    if !busy(parts).iter().all(lacks_some) {
        return None;
    }
    let missed: Vec<String> = report
        .target_functions
        .iter()
        .filter(|target| target.reached_by.is_empty())
        .map(|target| format!("`{}` ({})", target.qualname, target.path))
        .collect();
    let more = match missed.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        count => format!(", and {count} more"),
    };
    let names = missed[..missed.len().min(MOST_NAMES)].join(", ");
    (!missed.is_empty()).then(|| {
        Warning::new(
            WarningCode::FunctionNotReached,
            format!("no benchmark is seen to run {names}{more}"),
            Some("the numbers say nothing about these functions"),
        )
    })
}

fn missing_shards(absent: &[u32], of: u32, suite: &[String]) -> Warning {
    let count = suite
        .iter()
        .filter(|benchmark| absent.contains(&shard_of(benchmark, of)))
        .count();
    let named: Vec<String> = absent
        .iter()
        .take(MOST_NAMES)
        .map(|shard| format!("{shard}/{of}"))
        .collect();
    let more = match absent.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (parts, are) = if absent.len() == 1 {
        ("part", "is")
    } else {
        ("parts", "are")
    };
    Warning::new(
        WarningCode::MissingShards,
        format!(
            "{parts} {}{more} {are} missing: {count} of {} benchmarks are not in this report",
            named.join(", "),
            suite.len()
        ),
        Some(
            "the verdicts are corrected for the benchmarks that are here; merge again when all parts are there",
        ),
    )
}

#[cfg(test)]
mod tests;
