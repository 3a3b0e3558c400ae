//! The rows of a command: the command itself, or the keys of the file that it writes.

use deadheat_core::model::{Missing, MissingReason, PerSide, Side};
use deadheat_core::script_output::TOTAL;

use crate::cli::options::Script;
use crate::commands::script::executor::Usage;
use crate::error::Failure;

/// One run of the command that ended well.
pub(super) struct CommandRun {
    pub(super) usage: Usage,
    /// The nanoseconds of each row, in the command's order.
    pub(super) times: Vec<(String, u64)>,
}

/// The compared rows: the command itself, or the keys of the file that it writes.
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
        let Some(file) = &script.output else {
            return Ok(Rows {
                all: vec![script.command.clone()],
                total: None,
            });
        };
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
                        message: format!("`{file}` on {} has no such key", side.other()),
                    });
                } else if side == Side::Head {
                    let time = |side: Side| tried.get(side).times.iter().find(|(other, _)| other == key);
                    let zero = Side::BOTH
                        .into_iter()
                        .find(|&side| time(side).is_some_and(|&(_, elapsed_ns)| elapsed_ns == 0));
                    match zero {
                        Some(zero) => missing.push(without_time(key, zero)),
                        None => all.push(key.clone()),
                    }
                }
            }
        }
        if all.is_empty() {
            return Err(nothing_in_common(file, tried, missing));
        }
        // A total without other keys is compared itself.
        let position = all.iter().position(|key| key == TOTAL).filter(|_| all.len() > 1);
        let total = position.map(|position| all.remove(position));
        all.extend(total.clone());
        Ok(Rows { all, total })
    }

    /// Returns those that are rows of the report.
    pub(super) fn listed(&self) -> &[String] {
        &self.all[..self.all.len() - usize::from(self.total.is_some())]
    }
}

fn nothing_in_common(file: &str, tried: &PerSide<CommandRun>, missing: &[Missing]) -> Failure {
    if let Some(first) = missing.iter().find(|row| row.reason == MissingReason::Failed) {
        return Failure::nothing_measured(format!(
            "--script-output {file}: no key has a time on both sides: `{}` {}",
            &first.benchmark, first.message
        ))
        .hint("it must contain the time of each part, in seconds");
    }
    let keys = |side: Side| {
        let names = tried.get(side).times.iter().map(|(key, _)| format!("`{key}`"));
        names.collect::<Vec<_>>().join(", ")
    };
    Failure::nothing_measured(format!(
        "--script-output {file}: the sides have no key in common; base: {}; head: {}",
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
