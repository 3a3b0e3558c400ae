//! The panel that opens under a benchmark: the grounds of its verdict, as far as the report has them.
use maud::{Markup, html};

use super::functions;
use super::markup::{lines, number};
use super::notices::warning;
use super::plots::{self, Plot, Quartiles};
use super::words::change_text;
use crate::judge::stats::Threshold;
use crate::model::{Comparison, PerSide, Side, ToSettle};
use crate::output::OutputCheck;
use crate::report::breakdown::ShownBreakdown;
use crate::text::{counted, duration, plain, speedup};

pub(super) fn panel(row: &Comparison, index: usize, threshold: Threshold) -> Markup {
    let threshold = row.threshold_percent.map_or(threshold, Threshold::from_percent);
    html! {
        p.id tabindex="0" { code { (plain(&row.benchmark)) } }
        p { (verdict(row)) }
        @for one in &row.warnings { (warning(one, false)) }
        (output(row))
        div.figures {
            @if let Some(plot) = plots::replicates(row, threshold) {
                (figure("Change by replicate, in time order", &plot, None))
            }
            @if let Some(plot) = plots::samples(&row.replicates) {
                (figure("Samples of both sides", &plot, Some(&quartiles(row))))
            }
        }
        @if let Some(breakdown) = functions::breakdown(&ShownBreakdown::of(row)) {
            h3 { "Changed functions that it runs" }
            (breakdown)
        }
        @if let Some(profile) = &row.profile {
            h3 { "All functions" }
            (functions::survey(profile))
        }
        p.note { a href={ "#b" (index) } { "Link to this benchmark" } }
    }
}

/// Renders the numbers and the verdict as sentences.
fn verdict(row: &Comparison) -> Markup {
    let level = row.estimate.confidence_interval.confidence_level * 100.0;
    html! {
        b { (row.verdict) }
        ": " (duration(row.base.median_ns)) " → " (duration(row.head.median_ns))
        ", which is " (change_text(&row.estimate))
        " (interval at " (format!("{level:.0}")) " %, speedup " (speedup(row.estimate.point_estimate))
        "), from " (counted(row.replicates.len(), "replicate")) "."
        @if let Some(reason) = row.reason { " It is inconclusive because: " (reason) "." }
        @if let Some(percent) = row.threshold_percent { " Its own threshold is " (percent) " %." }
        @if let Some(ToSettle { replicates, seconds }) = row.to_settle {
            " About " (counted(replicates, "more replicate"))
            @if seconds > 0.0 { " (" (duration(seconds * 1e9)) ")" }
            " would probably settle it."
        }
        @if let Some(confirmation) = &row.confirmation {
            " " (counted(confirmation.replicates.len(), "fresh replicate"))
            @if confirmation.confirmed { " confirm it" } @else { " do not confirm it" }
            ": " (change_text(&confirmation.estimate))
            ", p = " (format!("{:.2}", confirmation.p_value)) "."
        }
    }
}

/// Renders whether both sides return the same, and where they differ.
fn output(row: &Comparison) -> Markup {
    match (row.output, &row.output_difference) {
        (OutputCheck::Same, _) => html! { p { "Both sides return the same value." } },
        (OutputCheck::NotComparable, _) => html! {
            p { "The returned values cannot be compared: they cannot be serialised, or differ from process to \
                 process." }
        },
        (OutputCheck::NotChecked, _) => html! {},
        (OutputCheck::Different, None) => html! { p { b { "The sides return different values." } } },
        (OutputCheck::Different, Some(difference)) => html! {
            div.difference {
                p {
                    b { "The sides return different values" }
                    @if !difference.place.is_empty() { " at " code { (plain(&difference.place)) } }
                    ":"
                }
                dl {
                    dt { "base" } dd { pre tabindex="0" { (lines(&difference.base)) } }
                    dt { "head" } dd { pre tabindex="0" { (lines(&difference.head)) } }
                }
            }
        },
    }
}

fn figure(title: &str, plot: &Plot, more: Option<&Markup>) -> Markup {
    html! {
        figure {
            h3 { (title) }
            (plot.svg)
            figcaption { (plot.caption) }
            @if let Some(more) = more { (more) }
        }
    }
}

/// Renders the numbers of the distributions.
fn quartiles(row: &Comparison) -> Markup {
    let PerSide { base, head } = plots::sorted_samples(&row.replicates);
    html! {
        table.quartiles {
            thead {
                tr {
                    th scope="col" { "side" }
                    @for title in ["samples", "lowest", "25 %", "median", "75 %", "highest"] {
                        th.n scope="col" { (title) }
                    }
                }
            }
            tbody {
                @for (side, samples) in [(Side::Base, base), (Side::Head, head)] {
                    @if let Some(quartiles) = Quartiles::of(&samples) {
                        tr {
                            th scope="row" { (side) }
                            td.n { (samples.len()) }
                            @for time in quartiles.in_order() { td.n { (number(&duration(time))) } }
                        }
                    }
                }
            }
        }
    }
}
