//! The panel that opens under a benchmark: the grounds of its verdict, as far as the report has them.

use std::fmt::Write as _;

use super::markup::{lines, number, text};
use super::plots::{self, Plot, Quartiles};
use super::{change_text, functions, warning};
use crate::judge::stats::Threshold;
use crate::model::{Comparison, PerSide, Side, ToSettle};
use crate::output::OutputCheck;
use crate::report::breakdown::Section;
use crate::text::{duration, speedup};

pub(super) fn panel(row: &Comparison, index: usize, threshold: Threshold) -> String {
    let threshold = row.threshold_percent.map_or(threshold, Threshold::from_percent);
    let mut html = format!(
        "<p class=\"id\" tabindex=\"0\"><code>{}</code></p>\n<p>{}</p>\n",
        text(&row.benchmark),
        verdict(row)
    );
    for one in &row.warnings {
        html.push_str(&warning(one, false));
    }
    html.push_str(&output(row));
    html.push_str("<div class=\"figures\">\n");
    if let Some(plot) = plots::replicates(row, threshold) {
        figure(&mut html, "Change by replicate, in time order", &plot, "");
    }
    if let Some(plot) = plots::samples(&row.replicates) {
        figure(&mut html, "Samples of both sides", &plot, &quartiles(row));
    }
    html.push_str("</div>\n");
    let breakdown = functions::breakdown(&Section::of(row));
    if !breakdown.is_empty() {
        let _ = write!(html, "<h3>Changed functions that it runs</h3>\n{breakdown}");
    }
    if let Some(profile) = &row.profile {
        let _ = write!(html, "<h3>All functions</h3>\n{}", functions::survey(profile));
    }
    let _ = writeln!(
        html,
        "<p class=\"note\"><a href=\"#b{index}\">Link to this benchmark</a></p>"
    );
    html
}

/// Renders the numbers and the verdict as sentences.
fn verdict(row: &Comparison) -> String {
    let level = row.estimate.confidence_interval.confidence_level * 100.0;
    let mut words = format!(
        "<b>{}</b>: {} → {}, which is {} (interval at {level:.0} %, speedup {}), from {} replicates.",
        row.verdict,
        duration(row.base.median_ns),
        duration(row.head.median_ns),
        change_text(&row.estimate),
        speedup(row.estimate.point_estimate),
        row.replicates.len()
    );
    if let Some(reason) = row.reason {
        let _ = write!(words, " It is inconclusive because: {reason}.");
    }
    if let Some(percent) = row.threshold_percent {
        let _ = write!(words, " Its own threshold is {percent} %.");
    }
    if let Some(ToSettle { replicates, seconds }) = row.to_settle {
        let _ = write!(words, " About {replicates} more replicates");
        if seconds > 0.0 {
            let _ = write!(words, " ({})", duration(seconds * 1e9));
        }
        words.push_str(" would probably settle it.");
    }
    if let Some(confirmation) = &row.confirmation {
        let said = match confirmation.confirmed {
            true => "show it again",
            false => "do not show it again",
        };
        let _ = write!(
            words,
            " {} fresh replicates {said}: {}, p = {:.2}.",
            confirmation.replicates.len(),
            change_text(&confirmation.estimate),
            confirmation.p_value
        );
    }
    words
}

/// Renders whether both sides return the same, and where they differ.
fn output(row: &Comparison) -> String {
    match row.output {
        OutputCheck::Same => "<p>Both sides return the same.</p>\n".to_owned(),
        OutputCheck::NotComparable => {
            "<p>What it returns cannot be compared: it cannot be carried over, or changes by itself.</p>\n"
                .to_owned()
        }
        OutputCheck::NotChecked => String::new(),
        OutputCheck::Different => {
            let Some(difference) = &row.output_difference else {
                return "<p><b>The sides return different values.</b></p>\n".to_owned();
            };
            let place = match difference.place.as_str() {
                "" => String::new(),
                place => format!(" at <code>{}</code>", text(place)),
            };
            format!(
                "<div class=\"difference\"><p><b>The sides return different values</b>{place}:</p>\n\
                 <dl><dt>base</dt><dd><pre tabindex=\"0\">{}</pre></dd><dt>head</dt><dd><pre tabindex=\"0\">{}</pre></dd></dl></div>\n",
                lines(&difference.base),
                lines(&difference.head)
            )
        }
    }
}

fn figure(html: &mut String, title: &str, plot: &Plot, more: &str) {
    let _ = write!(
        html,
        "<figure><h3>{title}</h3>{}\n<figcaption>{}</figcaption>{more}</figure>\n",
        plot.svg, plot.caption
    );
}

/// Renders the numbers of the distributions.
fn quartiles(row: &Comparison) -> String {
    let PerSide { base, head } = plots::sorted_samples(&row.replicates);
    let mut html = "<table class=\"quartiles\"><thead><tr><th scope=\"col\">side</th><th scope=\"col\" class=\"n\">samples</th>\
                    <th scope=\"col\" class=\"n\">lowest</th><th scope=\"col\" class=\"n\">quarter</th>\
                    <th scope=\"col\" class=\"n\">median</th><th scope=\"col\" class=\"n\">quarter</th>\
                    <th scope=\"col\" class=\"n\">highest</th></tr></thead><tbody>"
        .to_owned();
    for (side, samples) in [(Side::Base, base), (Side::Head, head)] {
        let Some(quartiles) = Quartiles::of(&samples) else {
            continue;
        };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{side}</th><td class=\"n\">{}</td>",
            samples.len()
        );
        let Quartiles {
            lowest,
            lower,
            median,
            upper,
            highest,
        } = quartiles;
        for time in [lowest, lower, median, upper, highest] {
            let _ = write!(html, "<td class=\"n\">{}</td>", number(&duration(time)));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
    html
}
