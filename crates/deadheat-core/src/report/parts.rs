//! The part of a suite that a report is about, the machines of a merged report, and the number of functions of each
//! kind, in words for every format.

use crate::model::{Change, Machine, Report, TargetFunction};
use crate::text::counted;

/// Counts the functions whose own code changed, and those that only read changed values: `2, and 3 affected`.
pub(super) fn of_targets(targets: &[TargetFunction]) -> String {
    let is_affected = |target: &&TargetFunction| target.change == Some(Change::Affected);
    let affected = targets.iter().filter(is_affected).count();
    match (targets.len() - affected, affected) {
        (own, 0) => own.to_string(),
        (0, affected) => format!("{affected} affected"),
        (own, affected) => format!("{own}, and {affected} affected"),
    }
}

/// Describes the part: `part 1/3 of the suite: 5 of 20 benchmarks`.
pub(super) fn part_of_suite(report: &Report) -> Option<String> {
    let part = report.settings.part?;
    let cut = report.cut()?;
    let ours = report.suite.iter().filter(|benchmark| cut.has(part, benchmark));
    let all = counted(report.suite.len(), "benchmark");
    Some(format!("part {part} of the suite: {} of {all}", ours.count()))
}

/// Describes the parts: `merged from 3 of 4 parts: 2/4 is missing; 3/4 stopped early`.
pub(super) fn merged_from(report: &Report) -> Option<String> {
    let of = report.parts.first()?.part.of;
    let mut words = format!(
        "merged from {} of {}",
        report.parts.len(),
        counted(of as usize, "part")
    );
    let numbers = |numbers: &[u32]| {
        let numbers: Vec<String> = numbers.iter().map(|number| format!("{number}/{of}")).collect();
        numbers.join(", ")
    };
    let missing: Vec<u32> = (1..=of)
        .filter(|number| report.parts.iter().all(|merged| merged.part.number != *number))
        .collect();
    let stopped: Vec<u32> = report
        .parts
        .iter()
        .filter(|merged| merged.partial)
        .map(|merged| merged.part.number)
        .collect();
    let mut lacks = Vec::new();
    if !missing.is_empty() {
        let are = if missing.len() == 1 { "is" } else { "are" };
        lacks.push(format!("{} {are} missing", numbers(&missing)));
    }
    if !stopped.is_empty() {
        lacks.push(format!("{} stopped early", numbers(&stopped)));
    }
    if !lacks.is_empty() {
        words.push_str(&format!(": {}", lacks.join("; ")));
    }
    Some(words)
}

/// Returns the machines of a merged report, described by `describe`, after their parts: `parts 1, 3`.
pub(super) fn machines(report: &Report, describe: impl Fn(&Machine) -> String) -> Vec<(String, String)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for merged in &report.parts {
        let machine = describe(&merged.machine);
        let number = merged.part.number.to_string();
        match groups.iter_mut().find(|(other, _)| *other == machine) {
            Some((_, numbers)) => numbers.push(number),
            None => groups.push((machine, vec![number])),
        }
    }
    let groups = groups.into_iter().map(|(machine, numbers)| {
        let parts = if numbers.len() == 1 { "part" } else { "parts" };
        (format!("{parts} {}", numbers.join(", ")), machine)
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MergedPart, Part, part_of};
    use crate::testing;

    fn merged(parts: &[(u32, bool, usize)]) -> Report {
        let mut report = testing::report(&[]);
        let parts = parts.iter().map(|&(number, partial, cores)| MergedPart {
            part: Part { number, of: 4 },
            benchmarks: 1,
            partial,
            machine: Machine {
                cores,
                ..report.machine.clone()
            },
            python: None,
        });
        report.parts = parts.collect();
        report
    }

    #[test]
    fn a_merged_report_says_which_shards_it_lacks() {
        let said = |parts: &[(u32, bool, usize)]| merged_from(&merged(parts));
        assert_eq!(said(&[]), None);
        let all = [(1, false, 2), (2, false, 2), (3, false, 8), (4, false, 2)];
        assert_eq!(said(&all).unwrap(), "merged from 4 of 4 parts");
        assert_eq!(
            said(&[(1, false, 2), (3, true, 2), (4, false, 2)]).unwrap(),
            "merged from 3 of 4 parts: 2/4 is missing; 3/4 stopped early"
        );
        assert_eq!(
            said(&[(1, false, 2), (4, false, 2)]).unwrap(),
            "merged from 2 of 4 parts: 2/4, 3/4 are missing"
        );
        let machines = machines(&merged(&all), |machine| counted(machine.cores, "core"));
        let machines: Vec<(&str, &str)> = machines
            .iter()
            .map(|(parts, machine)| (parts.as_str(), machine.as_str()))
            .collect();
        assert_eq!(machines, [("parts 1, 2, 4", "2 cores"), ("part 3", "8 cores")]);
    }

    #[test]
    fn a_part_says_how_much_of_the_suite_it_has() {
        let mut report = merged(&[]);
        assert_eq!(part_of_suite(&report), None);
        let part = Part { number: 2, of: 3 };
        report.settings.part = Some(part);
        report.suite = (0..9).map(|index| format!("a.py::test_{index}")).collect();
        let ours = report.suite.iter().filter(|benchmark| part_of(benchmark, 3) == 2);
        let said = format!("part 2/3 of the suite: {} of 9 benchmarks", ours.count());
        assert_eq!(part_of_suite(&report), Some(said));
        report.suite_parts = vec![1, 2, 3, 3, 3, 3, 3, 3, 2];
        let said = part_of_suite(&report);
        assert_eq!(said.as_deref(), Some("part 2/3 of the suite: 2 of 9 benchmarks"));
    }
}
