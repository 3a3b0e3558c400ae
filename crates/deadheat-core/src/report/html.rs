//! The report as one HTML file: no network, no framework, the answer first. Everything is drawn here; the script only
//! sorts, filters, searches and opens, so that the file can be read without it.

mod axis;
mod functions;
mod markup;
mod panel;
mod plots;
mod setup;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::breakdown::Section;
use super::names::prefix_of;
use super::warnings::grouped;
use super::words::{differs, judgement, of_controls, what_would_settle};
use super::{parts, reproduce};
use crate::judge::gate;
use crate::model::{
    Comparison, Counts, Estimate, Judged, Missing, MissingReason, Report, Revision, TargetFunction, Verdict,
    Warning,
};
use crate::output::OutputCheck;
use crate::text::{
    amount, bounds, change_percent, count_of, cut, duration, main_line, sentence, shorten, signed_percent,
    speedup,
};

use axis::Axis;
use markup::{lines, name, number, sentences, text};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");
/// The style that takes the place of the script.
const STYLE_WITHOUT_SCRIPT: &str = ".panel[hidden]{display:table-row}.theme,.chevron{display:none}";

/// The longest list that is open from the start.
const SHORT_LIST: usize = 5;
/// Verdicts, the most urgent first.
const VERDICTS: [Verdict; 5] = [
    Verdict::Regressed,
    Verdict::Improved,
    Verdict::Inconclusive,
    Verdict::Unexplained,
    Verdict::Unchanged,
];

pub fn html(report: &Report) -> String {
    let estimates: Vec<&Estimate> = report.comparisons.iter().map(|row| &row.estimate).collect();
    let axis = Axis::shared(&estimates, report.settings.threshold());
    let style = format!(
        "{STYLE}{}",
        plots::interval_background(axis, report.settings.threshold())
    );
    let title = format!(
        "{} → {}",
        typed(&report.revisions.base),
        typed(&report.revisions.head)
    );
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{}'; \
         style-src '{}' '{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>deadheat: {title}</title>\n\
         <style>{style}</style>\n<noscript><style>{STYLE_WITHOUT_SCRIPT}</style></noscript>\n</head>\n<body>\n{}",
        hash(SCRIPT),
        hash(&style),
        hash(STYLE_WITHOUT_SCRIPT),
        plots::MARKS
    );
    page.push_str(
        "<header><span class=\"brand\">deadheat</span>\
         <button type=\"button\" class=\"theme\" id=\"theme\">Theme: auto</button></header>\n<main>\n",
    );
    answer(&mut page, report, &title);
    notices(&mut page, report);
    plan(&mut page, report);
    benchmarks(&mut page, report, axis);
    noise(&mut page, report);
    breakdowns(&mut page, report);
    resources(&mut page, report);
    missing(&mut page, &report.missing);
    targets(&mut page, &report.target_functions);
    let _ = write!(
        page,
        "<section aria-labelledby=\"how\"><h2 id=\"how\">How it was measured</h2>\n<p>To measure it again:</p>\n\
         <pre class=\"command\" tabindex=\"0\">{}</pre>\n",
        text(&reproduce::command(report))
    );
    if report.revisions.head.dirty {
        page.push_str(
            "<p class=\"note\">Head has uncommitted changes: this works as long as they are there.</p>\n",
        );
    }
    let _ = write!(
        page,
        "{}</section>\n</main>\n<footer>deadheat {}</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        setup::facts(report),
        text(&report.tool_version)
    );
    page
}

/// Returns the hash of an inline text for a Content-Security-Policy.
fn hash(inline: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut source = "sha256-".to_owned();
    for group in Sha256::digest(inline).chunks(3) {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for digit in 0..4 {
            source.push(match digit <= group.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]),
                false => '=',
            });
        }
    }
    source
}

/// Formats a revision as typed, or else its commit.
fn typed(revision: &Revision) -> String {
    match revision.name.as_str() {
        "" => text(&revision.commit),
        name => text(&shorten(name, 60)),
    }
}

/// Formats a change: `−27.0 % [−27.6, −26.4]`.
fn change_text(estimate: &Estimate) -> String {
    number(&format!(
        "{} {}",
        change_percent(estimate.point_estimate),
        bounds(&estimate.confidence_interval, signed_percent)
    ))
}

/// Formats a change for a column.
fn change_cell(estimate: &Estimate) -> String {
    number(&format!(
        "<b>{}</b> <span class=\"bounds\">{}</span>",
        change_percent(estimate.point_estimate),
        bounds(&estimate.confidence_interval, signed_percent)
    ))
}

fn verdict_words(verdict: Verdict) -> String {
    format!(
        "<span class=\"verdict {verdict}\">{}{verdict}</span>",
        plots::mark(verdict)
    )
}

fn plural(count: usize, word: &str) -> String {
    format!(
        "{} {word}{}",
        count_of(count as f64),
        if count == 1 { "" } else { "s" }
    )
}

fn count_with(report: &Report, verdict: Verdict) -> usize {
    let counts = report.summary.counts;
    match verdict {
        Verdict::Improved => counts.improved,
        Verdict::Regressed => counts.regressed,
        Verdict::Unchanged => counts.unchanged,
        Verdict::Inconclusive => counts.inconclusive,
        Verdict::Unexplained => counts.unexplained,
    }
}

/// Writes the result in a line, then in a few numbers.
fn answer(page: &mut String, report: &Report, title: &str) {
    let short = |commit: &str| text(&commit.chars().take(10).collect::<String>());
    let _ = write!(
        page,
        "<section class=\"answer\" aria-labelledby=\"answer\">\n<p class=\"sides\">{title} <span class=\"commits\">{} → {}{}</span></p>\n\
         <h1 id=\"answer\">{}</h1>\n",
        short(&report.revisions.base.commit),
        short(&report.revisions.head.commit),
        if report.revisions.head.dirty {
            " with uncommitted changes"
        } else {
            ""
        },
        headline(report)
    );
    let counts = report.summary.counts;
    if report.comparisons.is_empty() || report.noise.is_some() {
        page.push_str("</section>\n");
        return;
    }
    if counts.inconclusive > 0 {
        let _ = writeln!(
            page,
            "<p class=\"lead\">{}.</p>",
            sentence(&text(&what_would_settle(report)))
        );
    }
    if let Some(controls) = report.summary.controls {
        let _ = writeln!(
            page,
            "<p class=\"lead\">{}.</p>",
            sentence(&text(&of_controls(controls)))
        );
    }
    page.push_str("<div class=\"cards\">\n");
    let is_one = report.comparisons.len() == 1;
    let total = report.summary.total.as_ref();
    let total = total.filter(|total| !is_one || differs(total, &report.comparisons[0].estimate));
    if is_one {
        let row = &report.comparisons[0];
        card(
            page,
            "Change",
            &row.estimate,
            row.verdict,
            Some((row.base.median_ns, row.head.median_ns)),
        );
    } else if let Some(mean) = &report.summary.geometric_mean {
        card(page, "Geometric mean", &mean.estimate, mean.verdict, None);
    }
    if let Some(total) = total {
        card(
            page,
            "Total time",
            &total.estimate,
            total.verdict,
            total.base_ns.zip(total.head_ns),
        );
    }
    let _ = write!(
        page,
        "<div class=\"card\"><h2>{} measured</h2>{}<ul>",
        plural(report.comparisons.len(), "benchmark"),
        plots::shares(counts)
    );
    for verdict in VERDICTS {
        let count = count_with(report, verdict);
        if count > 0 {
            let _ = write!(
                page,
                "<li><b>{}</b> {}</li>",
                count_of(count as f64),
                verdict_words(verdict)
            );
        }
    }
    page.push_str("</ul>");
    if !report.missing.is_empty() {
        let absent = report.missing.len();
        let words = match counts.failed {
            0 => format!("{} not measured", count_of(absent as f64)),
            failed if failed == absent => format!("{} failed", count_of(failed as f64)),
            failed => format!(
                "{} not measured, {failed} of them failed",
                count_of(absent as f64)
            ),
        };
        let _ = write!(page, "<p><a href=\"#missing\">{words}</a></p>");
    }
    page.push_str("</div>\n</div>\n</section>\n");
}

fn headline(report: &Report) -> String {
    if let Some(plan) = &report.plan {
        let time = duration(plan.estimated_seconds * 1e9);
        return format!(
            "{} would be measured, in about {time}",
            plural(plan.benchmarks.len(), "benchmark")
        );
    }
    if let Some(noise) = &report.noise {
        return sentence(&text(&judgement(report, noise).join("; ")));
    }
    let counts = report.summary.counts;
    let failed = match counts.failed {
        0 => String::new(),
        count => format!(
            ", <span class=\"regressed\">{} failed</span>",
            count_of(count as f64)
        ),
    };
    let measured = match report.comparisons.is_empty() {
        true => "Nothing was measured".to_owned(),
        false => verdicts_in_words(counts),
    };
    measured + &failed
}

/// Describes the verdicts of at least one row.
fn verdicts_in_words(counts: Counts) -> String {
    let changed: Vec<String> = [
        (Verdict::Regressed, counts.regressed),
        (Verdict::Improved, counts.improved),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(verdict, count)| {
        format!(
            "<span class=\"{verdict}\">{} {verdict}</span>",
            count_of(count as f64)
        )
    })
    .collect();
    match (changed.is_empty(), counts.inconclusive) {
        (false, _) => changed.join(", "),
        (true, 0) if counts.unchanged == 1 => "Unchanged".to_owned(),
        (true, 0) if counts.failed > 0 => format!("{} unchanged", count_of(counts.unchanged as f64)),
        (true, 0) => format!("All {} unchanged", count_of(counts.unchanged as f64)),
        (true, _) if counts.unchanged == 0 => "Too early to say".to_owned(),
        (true, open) => format!(
            "{} unchanged, {} inconclusive",
            counts.unchanged,
            count_of(open as f64)
        ),
    }
}

fn card(page: &mut String, title: &str, estimate: &Estimate, verdict: Verdict, times: Option<(f64, f64)>) {
    let interval = estimate.confidence_interval;
    let bounds = format!(
        "{:.0} % interval {}",
        interval.confidence_level * 100.0,
        bounds(&interval, signed_percent)
    );
    let times = times.map_or(String::new(), |(base, head)| {
        format!("{} → {}, ", duration(base), duration(head))
    });
    let _ = writeln!(
        page,
        "<div class=\"card\"><h2>{title}</h2><p class=\"big\">{}</p><p>{times}speedup {}</p><p class=\"muted\">{}</p><p>{}</p></div>",
        number(&change_percent(estimate.point_estimate)),
        speedup(estimate.point_estimate),
        number(&bounds),
        verdict_words(verdict)
    );
}

/// Writes the notices to read before believing the numbers.
fn notices(page: &mut String, report: &Report) {
    if let Some(line) = gate::failure(report) {
        let _ = writeln!(
            page,
            "<p class=\"notice bad\"><b>A gate is failed:</b> {}</p>",
            text(&line)
        );
    }
    if report.partial {
        page.push_str(
            "<p class=\"notice\"><b>Stopped early.</b> The report has what was finished by then.</p>\n",
        );
    }
    if let Some(words) = parts::merged_from(report).or_else(|| parts::part_of_suite(report)) {
        let _ = writeln!(
            page,
            "<p class=\"notice\"><b>{}.</b></p>",
            text(&sentence(&words))
        );
    }
    if let Some(recorded) = &report.recorded {
        let (status, by_rule, file) = (recorded.status, recorded.by_rule(), text(&recorded.file));
        let _ = writeln!(
            page,
            "<p class=\"notice\">Recorded as <b>{status}</b>{by_rule} in <code>{file}</code></p>"
        );
    }
    let own = report.comparisons.iter().flat_map(|row| &row.warnings);
    let groups = grouped(report.warnings.iter().chain(own));
    if groups.is_empty() {
        return;
    }
    let open = if groups.len() <= SHORT_LIST { " open" } else { "" };
    let _ = writeln!(
        page,
        "<details class=\"warnings\"{open}><summary>{}</summary>",
        plural(groups.len(), "warning")
    );
    // The panel of each benchmark has its warnings in full.
    for (one, more) in groups {
        page.push_str(&warning(one, true));
        if more > 0 {
            let _ = writeln!(
                page,
                "<p class=\"note\">The same of {}.</p>",
                plural(more, "more benchmark")
            );
        }
    }
    page.push_str("</details>\n");
}

fn warning(warning: &Warning, with_benchmark: bool) -> String {
    let benchmark = match &warning.benchmark {
        Some(benchmark) if with_benchmark => format!("<code>{}</code>: ", name(benchmark)),
        _ => String::new(),
    };
    let hint = match &warning.hint {
        Some(hint) => format!("<span class=\"hint\">{}</span>", sentences(hint)),
        None => String::new(),
    };
    format!(
        "<div class=\"warning\"><b>Warning</b> <span class=\"message\">{benchmark}{}</span>{hint}</div>\n",
        sentences(&warning.message)
    )
}

/// Writes the plan of `--dry-run`.
fn plan(page: &mut String, report: &Report) {
    let Some(plan) = &report.plan else { return };
    page.push_str(
        "<section aria-labelledby=\"plan\"><h2 id=\"plan\">Would be measured</h2>\n<ul class=\"names\">\n",
    );
    for benchmark in &plan.benchmarks {
        let _ = writeln!(page, "<li><code>{}</code></li>", name(benchmark));
    }
    page.push_str("</ul></section>\n");
}

/// Writes every benchmark on one axis, with the panel that opens under it.
fn benchmarks(page: &mut String, report: &Report, axis: Axis) {
    if report.comparisons.is_empty() {
        return;
    }
    let names: Vec<&str> = report
        .comparisons
        .iter()
        .map(|row| row.benchmark.as_str())
        .collect();
    let prefix = prefix_of(report, &names);
    let place = match prefix.trim_end_matches(':') {
        "" => String::new(),
        place => format!(" <span class=\"place\">in <code>{}</code></span>", name(place)),
    };
    let level = report.comparisons[0]
        .estimate
        .confidence_interval
        .confidence_level
        * 100.0;
    let own = match report
        .comparisons
        .iter()
        .any(|row| row.threshold_percent.is_some())
    {
        true => "; a row that says a threshold has its own",
        false => "",
    };
    let _ = write!(
        page,
        "<section aria-labelledby=\"benchmarks-title\"><h2 id=\"benchmarks-title\">Benchmarks{place}</h2>\n\
         <p class=\"note\" id=\"legend\">Time of head against base, on a logarithmic axis: a mark is the estimate, the line its \
         {level:.0} % interval. Within the grey band (±{} %) a change is too small to matter{own}.</p>\n",
        report.settings.threshold_percent
    );
    toolbar(page, report);
    let _ = writeln!(
        page,
        "<table id=\"benchmarks\" class=\"benchmarks\" aria-describedby=\"legend\"><thead><tr>\
         {}{}<th scope=\"col\" class=\"plot\"><span class=\"ends\"><span>← faster</span><span>slower →</span></span>{}</th>{}{}\
         <th scope=\"col\" class=\"n speedup\">speedup</th>{}</tr></thead>",
        sortable("benchmark", "name", "name"),
        sortable("change [interval]", "change", "n change"),
        plots::interval_labels(axis),
        sortable("base", "base", "n base"),
        sortable("head", "head", "n head"),
        sortable("verdict", "verdict", "")
    );
    let mut rows: Vec<(usize, &Comparison)> = report.comparisons.iter().enumerate().collect();
    let ratio = |row: &Comparison| row.estimate.point_estimate;
    rows.sort_by(|(_, a), (_, b)| ratio(b).total_cmp(&ratio(a)));
    for (index, row) in rows {
        benchmark(page, report, axis, index, row, prefix);
    }
    if report.comparisons.len() > 1 {
        page.push_str("<tfoot>\n");
        let sums = [
            ("total", &report.summary.total),
            ("geometric mean", &report.summary.geometric_mean),
        ];
        for (title, judged) in sums {
            if let Some(judged) = judged {
                sum(page, axis, title, judged);
            }
        }
        page.push_str("</tfoot>");
    }
    page.push_str("</table>\n<p class=\"none\" id=\"none\" hidden>No measured benchmark is like that.</p>\n</section>\n");
}

fn sortable(title: &str, key: &str, class: &str) -> String {
    let sort = if key == "change" {
        " aria-sort=\"descending\""
    } else {
        ""
    };
    format!(
        "<th scope=\"col\" class=\"{class}\"{sort}><button type=\"button\" class=\"sort\" data-key=\"{key}\">{title}</button></th>"
    )
}

/// Writes the controls that narrow the table down; the script shows them.
fn toolbar(page: &mut String, report: &Report) {
    page.push_str(
        "<div class=\"toolbar\" id=\"toolbar\" hidden>\n\
         <input type=\"search\" id=\"search\" placeholder=\"Search by name\" aria-label=\"Search benchmarks by name\" autocomplete=\"off\" spellcheck=\"false\">\n\
         <div class=\"chips\" role=\"group\" aria-label=\"Show only\">\n",
    );
    for verdict in VERDICTS {
        let count = count_with(report, verdict);
        if count > 0 {
            let _ = writeln!(
                page,
                "<button type=\"button\" class=\"chip\" data-only=\"{verdict}\" aria-pressed=\"false\">{} <b>{}</b></button>",
                verdict_words(verdict),
                count_of(count as f64)
            );
        }
    }
    let different = report
        .comparisons
        .iter()
        .filter(|row| row.output == OutputCheck::Different)
        .count();
    if different > 0 {
        let _ = writeln!(
            page,
            "<button type=\"button\" class=\"chip\" data-only=\"other-output\" aria-pressed=\"false\">other output <b>{different}</b></button>"
        );
    }
    page.push_str(
        "</div>\n<label class=\"order\">Sort by <select id=\"order\"><option value=\"change\">change</option>\
         <option value=\"name\">name</option><option value=\"base\">base</option><option value=\"head\">head</option>\
         <option value=\"verdict\">verdict</option><option value=\"index\">as in the suite</option></select></label>\n\
         <span class=\"shown\" id=\"shown\" role=\"status\"></span>\n</div>\n",
    );
}

fn benchmark(page: &mut String, report: &Report, axis: Axis, index: usize, row: &Comparison, prefix: &str) {
    let verdict = row.verdict;
    let other = match row.output {
        OutputCheck::Different => "<span class=\"flag\">other output</span>",
        _ => "",
    };
    let doubts = match row.warnings.len() {
        0 => String::new(),
        count => format!("<span class=\"flag\">{}</span>", plural(count, "warning")),
    };
    // On its own line below the verdict.
    let own = row.threshold_percent.map_or(String::new(), |percent| {
        format!("<small>threshold {percent} %</small>")
    });
    let _ = write!(
        page,
        "<tbody id=\"b{index}\" data-verdict=\"{verdict}\" data-index=\"{index}\" data-change=\"{:e}\" data-base=\"{:e}\" data-head=\"{:e}\"{}>\
         <tr class=\"row\"><th scope=\"row\" class=\"name\"><button type=\"button\" class=\"open\" aria-expanded=\"false\" aria-controls=\"p{index}\">\
         <span class=\"chevron\" aria-hidden=\"true\"></span><span>{}</span></button>{other}{doubts}</th>\
         <td class=\"n change\">{}</td><td class=\"plot\">{}</td><td class=\"n base\">{}</td><td class=\"n head\">{}</td>\
         <td class=\"n speedup\">{}</td><td class=\"said\">{}</td></tr>\n\
         <tr class=\"panel\" id=\"p{index}\" hidden><td colspan=\"7\">\n{}</td></tr></tbody>\n",
        row.estimate.point_estimate,
        row.base.median_ns,
        row.head.median_ns,
        if row.output == OutputCheck::Different {
            " data-other-output"
        } else {
            ""
        },
        name(&row.benchmark[prefix.len()..]),
        change_cell(&row.estimate),
        plots::interval(axis, &row.estimate, verdict),
        duration(row.base.median_ns),
        duration(row.head.median_ns),
        speedup(row.estimate.point_estimate),
        verdict_words(verdict) + &own,
        panel::panel(row, index, report.settings.threshold())
    );
}

fn sum(page: &mut String, axis: Axis, title: &str, judged: &Judged) {
    let time = |time: Option<f64>| time.map_or(String::new(), duration);
    let _ = writeln!(
        page,
        "<tr class=\"row\"><th scope=\"row\" class=\"name\">{title}</th><td class=\"n change\">{}</td><td class=\"plot\">{}</td>\
         <td class=\"n base\">{}</td><td class=\"n head\">{}</td><td class=\"n speedup\">{}</td><td class=\"said\">{}</td></tr>",
        change_cell(&judged.estimate),
        plots::interval(axis, &judged.estimate, judged.verdict),
        time(judged.base_ns),
        time(judged.head_ns),
        speedup(judged.estimate.point_estimate),
        verdict_words(judged.verdict)
    );
}

/// Writes the results of `deadheat noise`.
fn noise(page: &mut String, report: &Report) {
    let Some(noise) = report.noise.as_ref().filter(|noise| !noise.is_empty()) else {
        return;
    };
    page.push_str(
        "<section aria-labelledby=\"noise\"><h2 id=\"noise\">The same code on both sides</h2>\n<div class=\"scroll\"><table>\
         <thead><tr><th scope=\"col\">benchmark</th><th scope=\"col\" class=\"n\">spread</th>\
         <th scope=\"col\" class=\"n\">smallest change found</th></tr></thead><tbody>\n",
    );
    for row in noise {
        let smallest = row.smallest_change_percent;
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"n\">{:.2} %</td><td class=\"n\">{}</td></tr>",
            name(&row.benchmark),
            row.spread_percent,
            smallest.map_or("none".to_owned(), |percent| format!("{percent:.1} %"))
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}

/// Writes the breakdowns over all measured benchmarks together.
fn breakdowns(page: &mut String, report: &Report) {
    let section = Section::of_all(report);
    let breakdown = functions::breakdown(&section);
    if !breakdown.is_empty() {
        let _ = write!(
            page,
            "<section aria-labelledby=\"breakdown\"><h2 id=\"breakdown\">{}</h2>\n{breakdown}</section>\n",
            section.title
        );
    }
    if let Some(profile) = &report.summary.profile {
        let _ = write!(
            page,
            "<section aria-labelledby=\"profile\"><h2 id=\"profile\">All functions, over all measured benchmarks</h2>\n{}</section>\n",
            functions::survey(profile)
        );
    }
}

/// Writes the resources other than time that the benchmarks use.
fn resources(page: &mut String, report: &Report) {
    if report.resources.is_empty() {
        return;
    }
    let names: Vec<&str> = report
        .resources
        .iter()
        .map(|row| row.benchmark.as_str())
        .collect();
    let prefix = prefix_of(report, &names);
    page.push_str(
        "<section aria-labelledby=\"resources\"><h2 id=\"resources\">Resources</h2>\n<div class=\"scroll\"><table>\
         <thead><tr><th scope=\"col\">benchmark</th><th scope=\"col\">resource</th><th scope=\"col\" class=\"n\">base</th>\
         <th scope=\"col\" class=\"n\">head</th><th scope=\"col\" class=\"n\">change [interval]</th>\
         <th scope=\"col\">verdict</th></tr></thead><tbody>\n",
    );
    for row in &report.resources {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td>{}</td></tr>",
            name(&row.benchmark[prefix.len()..]),
            row.resource,
            amount(row.resource, row.median.base),
            amount(row.resource, row.median.head),
            change_cell(&row.estimate),
            verdict_words(row.verdict)
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}

/// Writes the benchmarks without numbers, by reason, failures first.
fn missing(page: &mut String, missing: &[Missing]) {
    if missing.is_empty() {
        return;
    }
    page.push_str("<section aria-labelledby=\"missing\"><h2 id=\"missing\">Not measured</h2>\n");
    for reason in [
        MissingReason::Failed,
        MissingReason::Unfinished,
        MissingReason::Skipped,
        MissingReason::OnlyBase,
        MissingReason::OnlyHead,
        MissingReason::NotReached,
    ] {
        let rows: Vec<&Missing> = missing.iter().filter(|row| row.reason == reason).collect();
        if rows.is_empty() {
            continue;
        }
        let open = if rows.len() <= SHORT_LIST { " open" } else { "" };
        let _ = writeln!(
            page,
            "<details class=\"missing\"{open}><summary>{} <b>{}</b></summary>",
            sentence(&reason.to_string()),
            count_of(rows.len() as f64)
        );
        // Rows with the same message are grouped.
        let mut groups: Vec<Vec<&Missing>> = Vec::new();
        for row in rows {
            let same =
                |group: &&mut Vec<&Missing>| group[0].message == row.message && group[0].side == row.side;
            match groups.iter_mut().find(same) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        for group in groups {
            page.push_str("<ul class=\"names\">");
            for row in &group {
                let _ = write!(page, "<li><code>{}</code></li>", name(&row.benchmark));
            }
            page.push_str("</ul>\n");
            let side = match (reason, group[0].side) {
                (MissingReason::Failed | MissingReason::Skipped, Some(side)) => format!("on {side}: "),
                _ => String::new(),
            };
            let message = &group[0].message;
            let line = main_line(message);
            let _ = writeln!(page, "<p class=\"message\">{side}{}</p>", text(&cut(line, 500)));
            if message.trim() != line {
                let _ = writeln!(
                    page,
                    "<details><summary>Whole message</summary><pre tabindex=\"0\">{}</pre></details>",
                    lines(message)
                );
            }
        }
        page.push_str("</details>\n");
    }
    page.push_str("</section>\n");
}

/// Writes the functions that the difference between the revisions touches.
fn targets(page: &mut String, targets: &[TargetFunction]) {
    if targets.is_empty() {
        return;
    }
    let open = if targets.len() <= 4 * SHORT_LIST {
        " open"
    } else {
        ""
    };
    let _ = write!(
        page,
        "<section aria-labelledby=\"targets\"><h2 id=\"targets\">Changed functions</h2>\n\
         <details{open}><summary>{}</summary>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">function</th>\
         <th scope=\"col\">where</th><th scope=\"col\">change</th><th scope=\"col\" class=\"n\">run by</th></tr></thead><tbody>\n",
        parts::of_targets(targets)
    );
    for target in targets {
        let change = target
            .change
            .map_or("named by --functions".to_owned(), |change| change.to_string());
        let detail = target
            .detail
            .as_deref()
            .map_or(String::new(), |detail| format!(": {}", text(detail)));
        let reached = match target.reached_by.len() {
            0 => "–".to_owned(),
            count => plural(count, "benchmark"),
        };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\"><code>{}</code></th><td><code>{}:{}–{}</code></td><td>{change}{detail}</td><td class=\"n\">{reached}</td></tr>",
            name(&target.qualname),
            name(&target.path),
            target.lines.0,
            target.lines.1
        );
    }
    page.push_str("</tbody></table></div></details></section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_what_browsers_compute() {
        // From the Content Security Policy specification.
        assert_eq!(
            hash("alert('Hello, world.');"),
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }

    #[test]
    fn style_and_script_cannot_end_early() {
        assert!(!STYLE.contains("</") && !STYLE.contains('\r'));
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--") && !SCRIPT.contains('\r'));
    }
}
