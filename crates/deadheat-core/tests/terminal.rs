//! The report for people: the fixed report in a terminal, as snapshots.

mod fixture;

use deadheat_core::model::Report;
use deadheat_core::report::{Style, find, render, render_explained};

use fixture::report;

fn rendered(width: usize, color: bool, verbose: bool) -> String {
    render(
        &report(),
        Style {
            color,
            width,
            wraps: true,
            verbose,
        },
    )
}

#[test]
fn in_a_wide_terminal() {
    insta::assert_snapshot!(rendered(120, false, false));
}

#[test]
fn in_eighty_columns() {
    insta::assert_snapshot!(rendered(80, false, false));
}

#[test]
fn in_sixty_columns() {
    insta::assert_snapshot!(rendered(60, false, false));
}

#[test]
fn one_benchmark_and_one_function_explained() {
    let report = report();
    let style = Style {
        color: false,
        width: 80,
        wraps: true,
        verbose: false,
    };
    let names = [
        "test_faster",
        "test_noisy",
        "test_more.py::test_2",
        "Parser.parse",
        "inner",
    ];
    let explained = names.map(|name| {
        let subject = find(&report, name).unwrap();
        render_explained(&report, &subject, 2, style)
    });
    insta::assert_snapshot!(explained.join("\n"));
}

/// Tables end at the edge; a word that is longer than the line is the user's, and stays whole.
#[test]
fn no_table_is_wider_than_the_terminal() {
    let mut report = report();
    report.resources[0].benchmark.push_str(&"x".repeat(200));
    report.comparisons[0].benchmark.push_str(&"y".repeat(200));
    report.summary.profile = Some(report.summary.functions.clone());
    for (width, color) in (60..=200).flat_map(|width| [(width, false), (width, true)]) {
        let style = Style {
            color,
            width,
            wraps: true,
            verbose: false,
        };
        for line in stripped(&render(&report, style)).lines() {
            let is_narrow = line.chars().count() <= width;
            let is_word = !line.trim_start().contains(' ');
            assert!(is_narrow || is_word, "{width}: {line}");
        }
    }
}

#[test]
fn with_everything_shown() {
    insta::assert_snapshot!(rendered(120, false, true));
}

/// Removes the colours.
fn stripped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

#[test]
fn colour_changes_no_word() {
    let colored = rendered(120, true, false);
    assert!(colored.contains('\x1b'));
    let lines = |text: &str| -> Vec<String> { text.lines().map(|line| line.trim_end().to_owned()).collect() };
    assert_eq!(lines(&stripped(&colored)), lines(&rendered(120, false, false)));
}

#[test]
fn a_report_is_read_back_as_it_was_written() {
    let report = report();
    let json = serde_json::to_string(&report).unwrap();
    // Not `assert_eq`, whose message would print all the samples twice.
    assert!(serde_json::from_str::<Report>(&json).unwrap() == report);
}
