//! The answer: the result in a line, then in a few numbers.
use maud::{Markup, html};

use super::markup::number;
use super::plots;
use super::words::{VERDICTS, count_with, verdict_words};
use crate::model::{Counts, Estimate, Report, Verdict};
use crate::report::words::{differs, judgement, of_controls, what_would_settle};
use crate::text::{
    bounds, change_percent, count_of, counted, duration, plain, sentence, signed_percent, speedup,
};

pub(super) fn answer(report: &Report, title: &str) -> Markup {
    let short = |commit: &str| plain(&commit.chars().take(10).collect::<String>());
    let revisions = &report.revisions;
    html! {
        section.answer aria-labelledby="answer" {
            p.sides {
                (title) " "
                span.commits {
                    (short(&revisions.base.commit)) " → " (short(&revisions.head.commit))
                    @if revisions.head.dirty { " with uncommitted changes" }
                }
            }
            h1 id="answer" { (headline(report)) }
            @if !report.comparisons.is_empty() && report.noise.is_none() {
                @if report.summary.counts.inconclusive > 0 {
                    p.lead { (plain(&sentence(&what_would_settle(report)))) "." }
                }
                @if let Some(controls) = report.summary.controls {
                    p.lead { (plain(&sentence(&of_controls(controls)))) "." }
                }
                div.cards { (judged(report)) (counts(report)) }
            }
        }
    }
}

/// Renders the change of the only benchmark, or those of all together.
fn judged(report: &Report) -> Markup {
    let only = match &report.comparisons[..] {
        [row] => Some(row),
        _ => None,
    };
    let total = report.summary.total.as_ref();
    let total = total.filter(|total| only.is_none_or(|row| differs(total, &row.estimate)));
    html! {
        @if let Some(row) = only {
            (card("Change", &row.estimate, row.verdict, Some((row.base.median_ns, row.head.median_ns))))
        } @else if let Some(mean) = &report.summary.geometric_mean {
            (card("Geometric mean", &mean.estimate, mean.verdict, None))
        }
        @if let Some(total) = total {
            (card("Total time", &total.estimate, total.verdict, total.base_ns.zip(total.head_ns)))
        }
    }
}

fn card(title: &str, estimate: &Estimate, verdict: Verdict, times: Option<(f64, f64)>) -> Markup {
    let interval = estimate.confidence_interval;
    let bounds = format!(
        "{:.0} % interval {}",
        interval.confidence_level * 100.0,
        bounds(&interval, signed_percent)
    );
    html! {
        div.card {
            h2 { (title) }
            p.big { (number(&change_percent(estimate.point_estimate))) }
            p {
                @if let Some((base, head)) = times { (duration(base)) " → " (duration(head)) ", " }
                "speedup " (speedup(estimate.point_estimate))
            }
            p.muted { (number(&bounds)) }
            p { (verdict_words(verdict)) }
        }
    }
}

/// Renders how many benchmarks have which verdict, and how many have none.
fn counts(report: &Report) -> Markup {
    let counts = report.summary.counts;
    let verdicts = VERDICTS.map(|verdict| (verdict, count_with(report, verdict)));
    html! {
        div.card {
            h2 { (counted(report.comparisons.len(), "benchmark")) " measured" }
            (plots::shares(counts))
            ul {
                @for (verdict, count) in verdicts.into_iter().filter(|(_, count)| *count > 0) {
                    li { b { (count_of(count as f64)) } " " (verdict_words(verdict)) }
                }
            }
            @if !report.missing.is_empty() {
                p { a href="#missing" { (absent(report.missing.len(), counts.failed)) } }
            }
        }
    }
}

fn absent(absent: usize, failed: usize) -> String {
    match failed {
        0 => format!("{} not measured", count_of(absent as f64)),
        failed if failed == absent => format!("{} failed", count_of(failed as f64)),
        failed => format!(
            "{} not measured, {failed} of them failed",
            count_of(absent as f64)
        ),
    }
}

fn headline(report: &Report) -> Markup {
    if let Some(plan) = &report.plan {
        return html! {
            (counted(plan.benchmarks.len(), "benchmark")) " would be measured, in about "
            (duration(plan.estimated_seconds * 1e9))
        };
    }
    if let Some(noise) = &report.noise {
        return html! { (plain(&sentence(&judgement(report, noise).join("; ")))) };
    }
    let counts = report.summary.counts;
    html! {
        @if report.comparisons.is_empty() { "Nothing was measured" } @else { (verdicts_in_words(counts)) }
        @if counts.failed > 0 { ", " span.regressed { (count_of(counts.failed as f64)) " failed" } }
    }
}

/// Describes the verdicts of at least one row.
fn verdicts_in_words(counts: Counts) -> Markup {
    let changed = [
        (Verdict::Regressed, counts.regressed),
        (Verdict::Improved, counts.improved),
    ];
    let changed = || changed.into_iter().filter(|(_, count)| *count > 0);
    if changed().next().is_some() {
        return html! {
            @for (index, (verdict, count)) in changed().enumerate() {
                @if index > 0 { ", " }
                span class=(verdict) { (count_of(count as f64)) " " (verdict) }
            }
        };
    }
    let some = [
        (counts.unchanged, "unchanged"),
        (counts.unexplained, "unexplained"),
        (counts.inconclusive, "inconclusive"),
    ];
    let some: Vec<(usize, &str)> = some.into_iter().filter(|(count, _)| *count > 0).collect();
    match some[..] {
        [(1, "unchanged")] => html! { "Unchanged" },
        [(count, "unchanged")] if counts.failed == 0 => {
            html! { "All " (count_of(count as f64)) " unchanged" }
        }
        [(_, "inconclusive")] => html! { "Too early to say" },
        _ => html! {
            @for (index, (count, word)) in some.iter().enumerate() {
                @if index > 0 { ", " }
                (count_of(*count as f64)) " " (word)
            }
        },
    }
}
