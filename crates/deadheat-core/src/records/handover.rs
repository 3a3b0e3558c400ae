//! The sections of `HANDOFF.md` for whoever continues the loop: what was kept, what was given up, and how to go on.

use super::foreign::StatusEffect;
use super::handoff::Baseline;
use super::history::{History, Source};
use super::markdown::{escaped, replace_section};
use super::row::Row;
use crate::text::short_commit;

const KEPT: &str = "Optimisations kept";
const DISCARDED: &str = "Experiments discarded";
const AGAIN: &str = "How to measure again";

/// Returns the text with these sections; all else in it stays.
pub fn write_handover(text: &str, history: &History<'_>, baseline: Option<&Baseline>) -> String {
    let text = replace_section(text, KEPT, &kept(history, baseline));
    let text = replace_section(&text, DISCARDED, &discarded(history));
    replace_section(&text, AGAIN, &again(history, baseline))
}

fn kept(history: &History<'_>, baseline: Option<&Baseline>) -> String {
    let mut lines: Vec<String> = history.once(StatusEffect::Kept).into_iter().map(line).collect();
    if lines.is_empty() {
        lines.push("None yet.".to_owned());
    }
    if let Some(cumulative) = history.cumulative() {
        let source = match cumulative.source {
            Source::Measured if baseline.is_none() => "measured",
            Source::Measured => "measured against the baseline",
            Source::ProductOfSteps if cumulative.has_gaps => {
                "the product of the steps, with gaps; `deadheat compare --baseline` measures it"
            }
            Source::ProductOfSteps => "the product of the steps; `deadheat compare --baseline` measures it",
        };
        lines.push(format!("\nTogether: {:.2}x ({source}).", cumulative.speedup));
    }
    lines.join("\n")
}

fn discarded(history: &History<'_>) -> String {
    let effects = [StatusEffect::Discarded, StatusEffect::Mixed, StatusEffect::Other];
    let discarded = effects.into_iter().flat_map(|effect| history.once(effect));
    let lines: Vec<String> = discarded.map(line).collect();
    match lines.as_slice() {
        [] => "None yet.".to_owned(),
        lines => lines.join("\n"),
    }
}

/// Renders one experiment: commit, speedup with its interval, verdict, description.
fn line(row: &Row) -> String {
    let commit = row
        .head
        .as_deref()
        .map_or_else(|| "unknown".to_owned(), short_commit);
    let speedup = row.speedup.map(|speedup| format!(" {speedup:.2}x"));
    let interval = match (row.ci_low, row.ci_high) {
        (Some(low), Some(high)) => format!(" ({low:.2} to {high:.2})"),
        _ => String::new(),
    };
    let verdict = row.verdict.as_deref().filter(|verdict| !verdict.is_empty());
    let status = row
        .status
        .as_deref()
        .filter(|status| StatusEffect::of(status) != StatusEffect::Kept);
    let notes: Vec<String> = verdict.into_iter().chain(status).map(escaped).collect();
    format!(
        "- {}{}{interval}{}: {}",
        escaped(&commit),
        speedup.unwrap_or_default(),
        if notes.is_empty() {
            String::new()
        } else {
            format!(", {}", notes.join(", "))
        },
        escaped(row.description.as_deref().unwrap_or("no description"))
    )
}

fn again(history: &History<'_>, baseline: Option<&Baseline>) -> String {
    let mut lines = vec!["```console".to_owned()];
    if let Some(kept) = history.last_kept() {
        lines.push(format!("$ git checkout {}", short_commit(kept)));
    }
    lines.push(
        "$ deadheat compare --record TEXT    # the next experiment, against the last kept one".to_owned(),
    );
    if baseline.is_some() {
        lines.push("$ deadheat compare --baseline      # everything since the baseline".to_owned());
    }
    lines.push("$ deadheat status                  # the records".to_owned());
    lines.push("```".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::TOTAL;

    fn row(head: &str, status: &str, description: &str, speedup: f64) -> Row {
        Row {
            benchmark: Some(TOTAL.to_owned()),
            base: Some("a".repeat(40)),
            head: Some(head.repeat(40)),
            status: Some(status.to_owned()),
            verdict: Some("improved".to_owned()),
            speedup: Some(speedup),
            ci_low: Some(speedup - 0.1),
            ci_high: Some(speedup + 0.1),
            description: Some(description.to_owned()),
            ..Row::default()
        }
    }

    #[test]
    fn whoever_goes_on_reads_what_was_tried() {
        let rows = [
            row("b", "keep", "one pass", 1.5),
            row("c", "discard", "a *cache*", 0.9),
            row("d", "crash", "x", 1.0),
        ];
        let baseline = Baseline {
            commit: "a".repeat(40),
            date: None,
            branch: None,
        };
        let history = History::new(&rows, Some(&baseline));
        let text = write_handover("# Mine\n\nwords\n", &history, Some(&baseline));
        assert!(text.starts_with("# Mine\n\nwords\n"), "{text}");
        assert!(
            text.contains("- bbbbbbbbbb 1.50x (1.40 to 1.60), improved: one pass\n"),
            "{text}"
        );
        assert!(
            text.contains("- cccccccccc 0.90x (0.80 to 1.00), improved, discard: a \\*cache\\*\n"),
            "{text}"
        );
        assert!(text.contains(", crash: x\n"), "{text}");
        assert!(
            text.contains("Together: 1.50x (measured against the baseline).\n"),
            "{text}"
        );
        assert!(text.contains("$ git checkout bbbbbbbbbb\n"), "{text}");
        assert_eq!(write_handover(&text, &history, Some(&baseline)), text);
    }

    #[test]
    fn a_loop_without_experiments_says_so() {
        let text = write_handover("", &History::new(&[], None), None);
        assert_eq!(text.matches("None yet.").count(), 2);
        assert!(!text.contains("--baseline"));
    }
}
