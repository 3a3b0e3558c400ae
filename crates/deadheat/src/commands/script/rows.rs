//! The rows of a command: the command itself, the keys of the file that it writes, or the times that it prints.

use deadheat_core::model::{Missing, MissingReason, PerSide, Sample, Side};
use deadheat_core::script_output::{TOTAL, metric};

use crate::cli::options::Script;
use crate::commands::script::executor::Usage;
use crate::error::Failure;

/// One run of the command that ended well.
pub(super) struct CommandRun {
    pub(super) usage: Usage,
    /// The time of each row, in the command's order.
    pub(super) times: Vec<(String, Sample)>,
    /// The other numbers that it printed.
    pub(super) numbers: Vec<(String, f64)>,
}

/// The compared rows: the command itself, the keys of the file that it writes, or the times that it prints.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    /// In the order of the report; the total, if the command gives one, comes last.
    pub(super) all: Vec<String>,
    /// The one of them that is not a row of the report, but its total.
    pub(super) total: Option<String>,
}

impl Rows {
    /// Finds the rows; adds the keys that only one side has to `missing`.
    pub(super) fn of(
        script: &Script,
        tried: &PerSide<CommandRun>,
        missing: &mut Vec<Missing>,
    ) -> Result<Self, Failure> {
        let is_itself = |side: Side| {
            let times = tried.get(side).times.as_slice();
            matches!(times, [(name, _)] if *name == script.command)
        };
        if script.output.is_none() && Side::BOTH.into_iter().all(is_itself) {
            return Ok(Rows {
                all: vec![script.command.clone()],
                total: None,
            });
        }
        let has = |side: Side, key: &str| tried.get(side).times.iter().any(|(other, _)| other == key);
        let mut all = Vec::new();
        for side in [Side::Head, Side::Base] {
            let reason = match side {
                Side::Base => MissingReason::OnlyBase,
                Side::Head => MissingReason::OnlyHead,
            };
            for (key, _) in &tried.get(side).times {
                if !has(side.other(), key) {
                    missing.push(Missing {
                        benchmark: key.clone(),
                        side: Some(side),
                        reason,
                        message: match &script.output {
                            Some(file) => format!("`{file}` on {} has no such key", side.other()),
                            None => format!("the command prints no such METRIC line on {}", side.other()),
                        },
                    });
                } else if side == Side::Head {
                    let time = |side: Side| tried.get(side).times.iter().find(|(other, _)| other == key);
                    let zero = Side::BOTH
                        .into_iter()
                        .find(|&side| time(side).is_some_and(|(_, sample)| sample.elapsed_ns == 0));
                    match zero {
                        Some(zero) => missing.push(without_time(key, zero)),
                        None => all.push(key.clone()),
                    }
                }
            }
        }
        if all.is_empty() {
            return Err(nothing_in_common(script, tried, missing));
        }
        // A total without other keys is compared itself.
        let is_total = |key: &String| match &script.output {
            Some(_) => key == TOTAL,
            None => metric::is_total(key),
        };
        let position = all.iter().position(is_total).filter(|_| all.len() > 1);
        let total = position.map(|position| all.remove(position));
        all.extend(total.clone());
        Ok(Rows { all, total })
    }

    /// Returns those that are rows of the report.
    pub(super) fn listed(&self) -> &[String] {
        &self.all[..self.all.len() - usize::from(self.total.is_some())]
    }
}

fn nothing_in_common(script: &Script, tried: &PerSide<CommandRun>, missing: &[Missing]) -> Failure {
    let (place, key) = match &script.output {
        Some(file) => (format!("--script-output {file}"), "key"),
        None => ("--script".to_owned(), "METRIC line"),
    };
    if let Some(first) = missing.iter().find(|row| row.reason == MissingReason::Failed) {
        return Failure::nothing_measured(format!(
            "{place}: no {key} has a time on both sides: `{}` {}",
            &first.benchmark, first.message
        ))
        .hint("it must give the time of each part");
    }
    let keys = |side: Side| {
        let names = tried.get(side).times.iter().map(|(key, _)| key);
        let printed = names.filter(|key| **key != script.command);
        let names: Vec<String> = printed.map(|key| format!("`{key}`")).collect();
        match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        }
    };
    Failure::nothing_measured(format!(
        "{place}: the sides have no {key} in common; base: {}; head: {}",
        keys(Side::Base),
        keys(Side::Head)
    ))
    .hint("give each part the same name on both sides")
}

/// Returns the missing row for a key for which a side reports no time.
pub(super) fn without_time(key: &str, side: Side) -> Missing {
    Missing {
        benchmark: key.to_owned(),
        side: Some(side),
        reason: MissingReason::Failed,
        message: format!("is 0 s on {side} (less than a nanosecond): nothing to compare"),
    }
}
