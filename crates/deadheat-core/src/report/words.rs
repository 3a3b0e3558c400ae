//! The sentences and phrases that several forms of a report share.

use super::machines;
use crate::model::{
    Comparison, Controls, Estimate, Judged, Machine, Missing, Noise, OpenReason, Report, ToSettle, Verdict,
};
use crate::text::{change_percent, counted, duration, is_too_wide, main_line, plain, signed_percent};

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
    format!("{}, {}", plain(processor), counted(machine.cores, "core"))
}

/// Describes the replicates: `5 to 14 replicates`; `None` if nothing was measured.
pub(super) fn replicates_of(report: &Report) -> Option<String> {
    let counts = || report.comparisons.iter().map(|row| row.replicates.len());
    match (counts().min()?, counts().max()?) {
        (fewest, most) if fewest < most => Some(format!("{fewest} to {most} replicates")),
        (count, _) => Some(counted(count, "replicate")),
    }
}

/// Describes how far the controls moved.
pub(super) fn of_controls(controls: Controls) -> String {
    let farthest = change_percent(controls.farthest);
    match controls.benchmarks {
        1 => format!("1 control, which runs nothing that changed, moved by {farthest}"),
        count => format!("{count} controls, which run nothing that changed, moved by at most {farthest}"),
    }
}

/// Describes in one line the effort that would settle the inconclusive verdicts.
pub(super) fn what_would_settle(report: &Report) -> String {
    let open = || {
        let rows = report.comparisons.iter();
        rows.filter(|row| {
            let is_told_apart = matches!(
                row.reason,
                Some(OpenReason::NotConfirmed | OpenReason::FirstCallChanged | OpenReason::MachinesDisagree)
            );
            row.verdict == Verdict::Inconclusive && !is_told_apart
        })
    };
    let count = |reason| {
        let rows = report.comparisons.iter();
        rows.filter(|row| row.reason == Some(reason)).count()
    };
    let (unconfirmed, first_calls, by_kind) = (
        count(OpenReason::NotConfirmed),
        count(OpenReason::FirstCallChanged),
        count(OpenReason::MachinesDisagree),
    );
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
        let more = counted(replicates, "more replicate");
        format!("about {more}{time} would settle {what}")
    });
    let first_calls =
        (first_calls > 0).then(|| format!("{first_calls} changed only in the first call of a process"));
    let by_kind =
        (by_kind > 0).then(|| format!("{by_kind} with a verdict that depends on the kind of machine"));
    let unconfirmed = (unconfirmed > 0)
        .then(|| format!("{unconfirmed} looked slower, which fresh replicates did not confirm"));
    let stays = (hopeless > 0).then(|| {
        format!(
            "{hopeless} too close to the threshold, or too noisy here, for any reasonable number of \
             replicates"
        )
    });
    let parts: Vec<String> = settles
        .into_iter()
        .chain(stays)
        .chain(unconfirmed)
        .chain(first_calls)
        .chain(by_kind)
        .collect();
    format!("inconclusive: too early to say; {}", parts.join("; "))
}

/// Says why a row has its verdict.
pub(super) fn why(report: &Report, row: &Comparison) -> String {
    let percent = row.threshold_percent.unwrap_or(report.settings.threshold_percent);
    let by_kind = machines::of_row(report, row).map_or(String::new(), |kinds| format!("; {kinds}"));
    let why = match (row.verdict, row.reason) {
        (Verdict::Improved | Verdict::Regressed, _) => {
            format!(
                "the interval excludes no change, and the change is at least the threshold of {percent} %"
            )
        }
        (Verdict::Unchanged, _) => format!("the whole interval lies within ±{percent} %"),
        (Verdict::Unexplained, _) => {
            "it runs nothing that changed while it is timed, and its time moved".to_owned()
        }
        (Verdict::Inconclusive, reason) => {
            let reason = reason.map_or_else(|| "too early to say".to_owned(), |reason| reason.to_string());
            match row.to_settle {
                Some(needed) => {
                    let more = counted(needed.replicates, "more replicate");
                    let seconds = duration(needed.seconds * 1e9);
                    format!("{reason}; about {more} ({seconds}) would settle it")
                }
                None => reason,
            }
        }
    };
    why + &by_kind
}

/// Judges in sentences whether this machine is quiet enough.
pub(super) fn judgement(report: &Report, noise: &[Noise]) -> Vec<String> {
    if noise.is_empty() {
        return vec!["Nothing was measured.".to_owned()];
    }
    let mut sentences = Vec::new();
    let false_alarms = report
        .comparisons
        .iter()
        .filter(|row| matches!(row.verdict, Verdict::Improved | Verdict::Regressed))
        .count();
    if false_alarms > 0 {
        sentences.push(format!(
            "{false_alarms} of {} were judged changed, although nothing changed: do not trust this machine in \
             its present state",
            noise.len()
        ));
    }
    // A little above the threshold is as good as the threshold.
    let good = report.settings.threshold_percent * 1.5;
    let is_good = |row: &&Noise| row.smallest_change_percent.is_some_and(|percent| percent <= good);
    let coarse = noise.len() - noise.iter().filter(is_good).count();
    let worst = noise
        .iter()
        .filter_map(|row| row.smallest_change_percent)
        .fold(0.0, f64::max);
    sentences.push(match coarse {
        0 => format!(
            "this machine is quiet enough: it detects changes of {worst:.1} % and more in every benchmark"
        ),
        _ => format!(
            "{coarse} of {} {} too noisy here to detect changes of {good:.1} % (1.5 times the threshold); the \
             noisiest detects {worst:.0} %. More --replicates help, and a quieter machine helps more",
            counted(noise.len(), "benchmark"),
            if coarse == 1 { "is" } else { "are" }
        ),
    });
    sentences
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

/// Whether a total differs from the only row.
pub(super) fn differs(total: &Judged, row: &Estimate) -> bool {
    (total.estimate.point_estimate / row.point_estimate - 1.0).abs() > 1e-9
}

/// Groups rows that report the same: the first of them, and the number of others.
pub(super) fn grouped_missing<'a>(rows: &[&'a Missing]) -> Vec<(&'a Missing, usize)> {
    let mut groups: Vec<(&Missing, usize)> = Vec::new();
    for &row in rows {
        match groups.iter_mut().find(|(first, _)| says_the_same(first, row)) {
            Some((_, more)) => *more += 1,
            None => groups.push((row, 0)),
        }
    }
    groups
}

fn says_the_same(one: &Missing, other: &Missing) -> bool {
    one.reason == other.reason
        && one.side == other.side
        && main_line(&one.message) == main_line(&other.message)
}
