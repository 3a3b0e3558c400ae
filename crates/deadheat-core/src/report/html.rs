//! The report as one HTML file: no network, no framework, the answer first. Everything is drawn here; the script only
//! sorts, filters, searches and opens, so that the file can be read without it.
//!
//! The page is made of `Markup`, and whatever else gets into it is escaped by `html!`. `PreEscaped` is for our own style
//! and script only.

mod answer;
mod axis;
mod benchmarks;
mod functions;
mod lists;
mod markup;
mod notices;
mod panel;
mod plots;
mod setup;
mod words;
use axis::Axis;
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};
use sha2::{Digest, Sha256};

use crate::model::{Estimate, Report, Revision};
use crate::report::reproduce;
use crate::text::{plain, shorten};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");
/// The style that takes the place of the script.
const STYLE_WITHOUT_SCRIPT: &str = ".panel[hidden]{display:table-row}.theme,.chevron{display:none}";

pub fn html(report: &Report) -> String {
    let estimates: Vec<&Estimate> = report.comparisons.iter().map(|row| &row.estimate).collect();
    let axis = Axis::shared(&estimates, report.settings.threshold());
    let title = format!(
        "{} → {}",
        typed(&report.revisions.base),
        typed(&report.revisions.head)
    );
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            (head(report, axis, &title))
            body {
                (plots::marks())
                header {
                    span.brand { "deadheat" }
                    button.theme type="button" id="theme" { "Theme: auto" }
                }
                main {
                    (answer::answer(report, &title))
                    (notices::notices(report))
                    (lists::plan(report))
                    (benchmarks::benchmarks(report, axis))
                    (lists::noise(report))
                    (lists::breakdowns(report))
                    (lists::resources(report))
                    (lists::missing(&report.missing))
                    (lists::targets(&report.target_functions))
                    (how(report))
                }
                footer { "deadheat " (plain(&report.tool_version)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

fn head(report: &Report, axis: Axis, title: &str) -> Markup {
    let background = plots::interval_background(axis, report.settings.threshold());
    let style = format!("{STYLE}{background}");
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}' '{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(&style),
        hash(STYLE_WITHOUT_SCRIPT)
    );
    markup! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { "deadheat: " (title) }
            style { (PreEscaped(style)) }
            noscript { style { (PreEscaped(STYLE_WITHOUT_SCRIPT)) } }
        }
    }
}

/// Renders how the report came about, and the command that would do it again.
fn how(report: &Report) -> Markup {
    markup! {
        section aria-labelledby="how" {
            h2 id="how" { "How it was measured" }
            p { "To measure it again:" }
            pre.command tabindex="0" { (plain(&reproduce::command(report))) }
            @if report.revisions.head.dirty {
                p.note { "Head has uncommitted changes: this works only while they are in the working tree." }
            }
            (setup::facts(report))
            (lists::machines(report))
        }
    }
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
        "" => plain(&revision.commit),
        name => plain(&shorten(name, 60)),
    }
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
