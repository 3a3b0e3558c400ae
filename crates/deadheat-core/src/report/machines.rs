//! The machines of a run on several, in words for every format.

use std::collections::BTreeMap;

use crate::judge::machine_words::{kind_names, of_kinds};
use crate::model::{Comparison, Report};
use crate::text::counted;

/// The largest number of kinds that a line names.
const MOST_KINDS: usize = 5;

/// Describes the machines: `3 machines of 2 kinds: 2 AMD EPYC 7B13, 1 Intel Xeon; 1 is an outlier, and does not count`.
pub(super) fn summary(report: &Report) -> Option<String> {
    let machines = &report.machines;
    if machines.is_empty() {
        return None;
    }
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for machine in machines {
        *counts.entry(machine.kind).or_default() += 1;
    }
    let names = kind_names(machines);
    let mut kinds: Vec<String> = counts
        .iter()
        .take(MOST_KINDS)
        .map(|(kind, count)| match counts.len() {
            1 => names[kind].clone(),
            _ => format!("{count} {}", names[kind]),
        })
        .collect();
    if counts.len() > MOST_KINDS {
        kinds.push(format!("and {}", counted(counts.len() - MOST_KINDS, "more kind")));
    }
    let of_kinds = match (machines.len(), counts.len()) {
        (1, _) => String::new(),
        (_, 1) => " of one kind".to_owned(),
        (_, count) => format!(" of {}", counted(count, "kind")),
    };
    let outliers = machines
        .iter()
        .filter(|machine| machine.outlier.is_some())
        .count();
    let outliers = match outliers {
        0 => String::new(),
        1 => "; 1 is an outlier, and does not count".to_owned(),
        count => format!("; {count} are outliers, and do not count"),
    };
    let is_local = report
        .settings
        .on
        .as_ref()
        .is_some_and(|place| place.starts_with("local:"));
    let machines = match is_local {
        true => counted(machines.len(), "core"),
        false => format!("{}{of_kinds}", counted(machines.len(), "machine")),
    };
    Some(format!("{machines}: {}{outliers}", kinds.join(", ")))
}

/// Describes the estimates of a row's kinds of machines; `None` if they agree.
pub(super) fn of_row(report: &Report, row: &Comparison) -> Option<String> {
    row.agreement.filter(|agreement| !agreement.agree)?;
    of_kinds(row, &kind_names(&report.machines))
}
