//! Several machines in words: the names of their kinds, and the warnings about them.

use std::collections::BTreeMap;

use super::machines::{FEWEST_MACHINES, Odds, at_odds};
use crate::model::{Comparison, KindEstimate, MeasuringMachine, Outlier, PerSide, Warning, WarningCode};
use crate::text::{plain, shorten, speedup};

/// The longest name of a kind of machine.
const LONGEST_NAME: usize = 60;

/// Returns what to call each kind of machine, by its number: its processor, with the interpreter where several kinds
/// have the same one. The names may be printed as they are.
pub fn kind_names(machines: &[MeasuringMachine]) -> BTreeMap<u32, String> {
    let mut firsts: BTreeMap<u32, &MeasuringMachine> = BTreeMap::new();
    for machine in machines {
        firsts.entry(machine.kind).or_insert(machine);
    }
    let processor = |machine: &MeasuringMachine| {
        let machine = &machine.machine;
        machine
            .processor
            .clone()
            .unwrap_or_else(|| machine.architecture.clone())
    };
    let name = |(&kind, machine): (&u32, &&MeasuringMachine)| {
        let name = processor(machine);
        let is_shared = firsts
            .iter()
            .any(|(other, machine)| *other != kind && processor(machine) == name);
        let PerSide { base, head } = machine.python.as_ref().map(|python| python.version.as_str());
        let name = match is_shared {
            true if base == head => format!("{name} with Python {head}"),
            true => format!("{name} with Python {base} and {head}"),
            false => name,
        };
        (kind, shorten(&plain(&name), LONGEST_NAME))
    };
    firsts.iter().map(name).collect()
}

/// Describes the estimates of a row's kinds, the one with the largest speedup first; `None` if they agree:
/// `1.31x (1.28 to 1.34) on AMD EPYC 7B13, 1.12x (1.08 to 1.16) on Intel Xeon`.
pub fn of_kinds(row: &Comparison, names: &BTreeMap<u32, String>) -> Option<String> {
    if row.agreement.is_none_or(|agreement| agreement.agree) {
        return None;
    }
    let mut kinds: Vec<&KindEstimate> = row.by_kind.iter().collect();
    kinds.sort_by(|one, other| {
        one.estimate
            .point_estimate
            .total_cmp(&other.estimate.point_estimate)
    });
    let words = |kind: &&KindEstimate| {
        let interval = kind.estimate.confidence_interval;
        format!(
            "{} ({} to {}) on {}",
            speedup(kind.estimate.point_estimate),
            speedup(interval.upper_bound).trim_end_matches('x'),
            speedup(interval.lower_bound).trim_end_matches('x'),
            names.get(&kind.kind).map_or("an unknown kind", String::as_str)
        )
    };
    let mut all: Vec<String> = kinds.iter().take(MOST_KINDS).map(words).collect();
    if let Some(more) = kinds.len().checked_sub(MOST_KINDS).filter(|more| *more > 0) {
        all.push(format!("and {more} more kinds"));
    }
    Some(all.join(", "))
}

/// The largest number of kinds that a line about a row names.
const MOST_KINDS: usize = 4;

/// Returns the warnings about the machines of a run.
pub fn warnings(machines: &[MeasuringMachine], comparisons: &[Comparison]) -> Vec<Warning> {
    let kinds: Vec<u32> = machines.iter().map(|machine| machine.kind).collect();
    let replicates = comparisons.iter().map(|row| row.replicates.as_slice());
    let odds = at_odds(replicates, &kinds);
    let odds = odds.iter().map(|odds| warning_of_odds(machines, odds));
    let mut warnings = warnings_of_outliers(machines);
    warnings.extend(odds);
    warnings.extend(warnings_of_rows(machines, comparisons));
    warnings
}

/// Returns a warning for each row about which the kinds of machines disagree.
pub(super) fn warnings_of_rows(machines: &[MeasuringMachine], comparisons: &[Comparison]) -> Vec<Warning> {
    let names = kind_names(machines);
    let rows = comparisons.iter().filter_map(|row| {
        let words = of_kinds(row, &names)?;
        let warning = Warning::new(
            WarningCode::MachinesDisagree,
            format!("the kinds of machines disagree: {words}"),
            Some(
                "its estimate covers all kinds instead of averaging them; to know one kind, measure on machines of that kind \
                 alone",
            ),
        );
        Some(warning.of(&row.benchmark))
    });
    rows.collect()
}

fn warning_of_outlier(machine: &MeasuringMachine, outlier: Outlier) -> Warning {
    let Outlier {
        ratio,
        lower,
        upper,
        replicates,
    } = outlier;
    Warning::new(
        WarningCode::MachineOutlier,
        format!(
            "`{}` is unlike the other machines of its kind: its head/base is {ratio:.3} times theirs ({lower:.3} to \
             {upper:.3}), so its {} not count",
            plain(&machine.name),
            match replicates {
                1 => "replicate does".to_owned(),
                count => format!("{count} replicates do"),
            },
        ),
        Some(LOOK_AT_IT),
    )
}

/// The advice about an outlier.
const LOOK_AT_IT: &str =
    "something on it treats base and head differently: look at it, or leave it out of --on";
/// The largest number of outliers that have warnings of their own.
const MOST_OUTLIERS: usize = 5;

fn warnings_of_outliers(machines: &[MeasuringMachine]) -> Vec<Warning> {
    let outliers = machines
        .iter()
        .filter_map(|machine| Some((machine, machine.outlier?)));
    let mut warnings: Vec<Warning> = outliers
        .clone()
        .take(MOST_OUTLIERS)
        .map(|(machine, outlier)| warning_of_outlier(machine, outlier))
        .collect();
    if let Some(more @ 1..) = outliers.count().checked_sub(MOST_OUTLIERS) {
        let message = format!(
            "{} unlike the others of {}, and not counted: see `machines` in the JSON report",
            match more {
                1 => "1 more machine is".to_owned(),
                more => format!("{more} more machines are"),
            },
            if more == 1 { "its kind" } else { "their kinds" },
        );
        warnings.push(Warning::new(
            WarningCode::MachineOutlier,
            message,
            Some(LOOK_AT_IT),
        ));
    }
    warnings
}

fn warning_of_odds(machines: &[MeasuringMachine], odds: &Odds) -> Warning {
    let name = |index: u32| {
        machines
            .get(index as usize)
            .map_or("", |machine| machine.name.as_str())
    };
    let (one, other) = odds.machines;
    Warning::new(
        WarningCode::MachinesDisagree,
        format!(
            "`{}` and `{}` are machines of one kind, and the head/base of the first is {:.3} times that of the second: \
             neither can be named the odd one",
            plain(name(one)),
            plain(name(other)),
            odds.ratio
        ),
        Some(
            match machines
                .iter()
                .filter(|machine| machine.kind == odds.kind)
                .count()
            {
                ..FEWEST_MACHINES => {
                    "measure on a third machine of that kind: then the odd one is named, and does not count"
                }
                _ => {
                    "measure longer, or on more machines of that kind: then the odd one is named, and does not count"
                }
            },
        ),
    )
}
