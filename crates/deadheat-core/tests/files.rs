//! Reports in files: the fixed report in each format, as snapshots, and what no name in it must do.

mod fixture;

use std::collections::BTreeSet;
use std::path::Path;

use deadheat_core::answers::schemas;
use deadheat_core::model::{
    Gate, Machine, MeasuringMachine, MergedPart, OpenReason, Part, Report, Side, WarningCode,
};
use deadheat_core::report::{
    BRIEF_BYTES, Style, brief, csv, find, html, markdown, metrics, pytest_benchmark, render, render_explained,
};

use fixture::{HOSTILE, report, report_on_machines};

#[test]
fn as_markdown() {
    insta::assert_snapshot!(markdown(&report()));
}

#[test]
fn as_csv() {
    insta::assert_snapshot!(csv(&report()));
}

#[test]
fn as_metrics() {
    insta::assert_snapshot!(metrics(&report()));
}

#[test]
fn as_a_run_of_pytest_benchmark() {
    let file = pytest_benchmark(&report(), Side::Head, "2026-01-02T03:04:05Z");
    insta::assert_snapshot!(format!("{file:#}"));
}

#[test]
fn the_command_to_measure_again_asks_for_the_same() {
    let command = |report: &Report| {
        let text = markdown(report);
        let (_, rest) = text.split_once("```sh\n").unwrap();
        rest.split_once('\n').unwrap().0.to_owned()
    };
    let mut report = report();
    // A threshold on the command line would apply to every benchmark.
    let by_glob = command(&report);
    assert!(!by_glob.contains("--threshold"), "{by_glob}");
    assert!(
        by_glob.ends_with(" --budget 25 --timeout 600 --seed 1"),
        "{by_glob}"
    );
    report.settings.thresholds.clear();
    report.settings.memory_limit_mib = Some(2048);
    report.settings.part = Some("2/3".parse().unwrap());
    let of_part = command(&report);
    let asked = " --memory-limit 2048 --threshold 2 --budget 25 --partition 2/3 ";
    assert!(of_part.contains(asked), "{of_part}");
    report.settings.replicates = Some(12);
    let exactly = command(&report);
    assert!(
        exactly.contains(" --replicates 12 ") && !exactly.contains("--budget"),
        "{exactly}"
    );
}

#[test]
fn a_merged_report_and_a_part_say_what_they_are() {
    let mut report = report();
    report.settings.part = Some("1/3".parse().unwrap());
    report.suite = vec!["bench/test_parse.py::test_faster".to_owned()];
    for text in [markdown(&report), html(&report)] {
        assert!(text.contains("<b>Part 1/3 of the suite: ") || text.contains("\n**Part 1/3 of the suite: "));
    }
    report.settings.part = None;
    let part = |number, partial, cores| MergedPart {
        part: Part { number, of: 3 },
        benchmarks: 3,
        partial,
        machine: Machine {
            cores,
            processor: Some("Some <b> | `CPU`".to_owned()),
            ..report.machine.clone()
        },
        python: None,
    };
    report.parts = vec![part(1, false, 4), part(3, true, 64)];
    let said = "Merged from 2 of 3 parts: 2/3 is missing; 3/3 stopped early.";
    let text = markdown(&report);
    assert!(text.contains(&format!("\n**{said}**\n")), "{text}");
    for (number, cores) in [(1, 4), (3, 64)] {
        let line = format!("- machine: part {number} on Some ");
        let line = text.lines().find(|other| other.starts_with(&line)).unwrap();
        assert!(
            line.ends_with(&format!(", {cores} cores, both sides on core 1")),
            "{line}"
        );
    }
    assert_eq!(text.matches("both sides on core").count(), 2);
    let page = html(&report);
    assert!(page.contains(&format!("<b>{said}</b>")));
    assert!(
        page.contains("<dt>Machine of part 1</dt>") && page.contains(", 64 cores, both sides on core 1</dd>")
    );
    assert!(!page.contains("<dt>Machine</dt>"));
}

#[test]
fn the_machines_of_a_run_and_their_disagreement_are_said_everywhere() {
    let report = report_on_machines();
    let style = Style {
        color: false,
        width: 80,
        wraps: true,
        verbose: false,
    };
    let text = render(&report, style);
    let start = text.find("      4 machines of 2 kinds: 1 EPYC").unwrap();
    assert!(
        text[start..]
            .replace("\n      ", " ")
            .contains("; 1 is an outlier, and does not count")
    );
    // Under its row.
    let below = |row: &str| {
        let mut lines = text.lines().skip_while(|line| !line.starts_with(row));
        lines.nth(1).unwrap().to_owned()
    };
    assert!(
        below("test_faster").starts_with("    1.37x (1.3"),
        "{}",
        below("test_faster")
    );
    assert!(
        below("test_slower").starts_with("    1.08x (1.0"),
        "{}",
        below("test_slower")
    );
    assert!(!below("test_same").starts_with("    "));
    assert_eq!(report.comparisons[1].reason, Some(OpenReason::MachinesDisagree));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("1 with a verdict that depends on the kind of machine"),
        "{words}"
    );

    let row = &report.comparisons[1];
    let subject = find(&report, &row.benchmark).unwrap();
    assert!(render_explained(&report, &subject, 3, style).contains("the kinds of machines disagree; 1.08x"));

    let comment = markdown(&report);
    let row = comment
        .lines()
        .find(|line| line.starts_with("| `test_slower`") && line.contains("machines"))
        .unwrap();
    assert!(row.contains("the kinds of machines disagree<br>1.08x ("), "{row}");
    assert_eq!(row.matches(" | ").count(), 5, "{row}");
    assert!(comment.contains("- machines: 4 machines of 2 kinds: "));
    assert!(!comment.contains("- machine: ") && !comment.contains("on core"));

    let page = html(&report);
    assert!(page.contains("<dt>Machines</dt>") && page.contains("<h3>Machines</h3>"));
    assert!(page.contains("<small>1.08x ("));
    assert!(page.contains("+5.0 % from the others: 12 replicates set aside"));
    assert!(brief(&report, None).unwrap().len() <= BRIEF_BYTES);
    let codes: Vec<WarningCode> = report.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(
        codes[2..],
        [
            WarningCode::MachineOutlier,
            WarningCode::MachinesDisagree,
            WarningCode::MachinesDisagree
        ]
    );

    // A thousand machines are still a few lines.
    let mut many = report;
    let some = many.machines.clone();
    many.machines = (0..1_000)
        .map(|index| MeasuringMachine {
            kind: index / 10,
            ..some[index as usize % 3].clone()
        })
        .collect();
    let text = render(&many, Style { width: 200, ..style });
    let line = text
        .lines()
        .find(|line| line.contains("1,000 machines of 100 kinds: "))
        .unwrap();
    assert!(text.contains("and 95 more kinds"), "{line}");
    assert!(html(&many).contains("And 900 more machines, which the JSON report has."));
    assert!(text.lines().count() < 120);
}

#[test]
fn a_doubt_about_many_benchmarks_is_counted_once() {
    let mut report = report();
    let doubt = report.comparisons[3].warnings[0].clone();
    for row in &mut report.comparisons {
        row.warnings = vec![doubt.clone().of(&row.benchmark)];
    }
    assert!(markdown(&report).contains("<summary>⚠️ 3 warnings</summary>"));
    let page = html(&report);
    assert!(page.contains("<summary>3 warnings</summary>"));
    assert!(page.contains("The same of 5 more benchmarks."));
}

#[test]
fn a_large_report_fits_into_a_comment() {
    let mut report = report();
    let rows = report.comparisons.clone();
    for number in 0..300 {
        for row in &rows {
            let mut row = row.clone();
            row.benchmark = format!("{}-{number}", row.benchmark);
            report.comparisons.push(row);
        }
    }
    let text = markdown(&report);
    assert!(text.len() < 65_536, "{}", text.len());
    // The answer and the command stay, whatever is left out.
    assert!(text.starts_with("### "));
    assert!(text.contains("deadheat compare 1111111111222222222233333333334444444444 --working-tree"));
    let left_out = text.lines().last().unwrap();
    assert!(
        left_out.starts_with("Left out because comments are limited in size: "),
        "{left_out}"
    );
    assert!(left_out.contains("unchanged benchmarks"), "{left_out}");
    let lines_with = |beginning: &str| text.lines().filter(|line| line.starts_with(beginning)).count();
    assert_eq!(lines_with("<details>"), lines_with("</details>"));
}

#[test]
fn a_failed_gate_stands_at_the_top() {
    let mut report = report();
    assert!(!markdown(&report).contains("Gate failed"));
    report.settings.fail_on = vec![Gate::Failed];
    let line = "🔴 **Gate failed:** `--fail-on` failed: `bench/test_more.py::test_2` ran on base and fails on \
                head";
    let has_line = |text: &str| {
        let (summary, _) = text.split_once("\n| ").unwrap_or((text, ""));
        summary.lines().any(|other| other == line)
    };
    let text = markdown(&report);
    assert!(has_line(&text), "{text}");
    report.comparisons.clear();
    let text = markdown(&report);
    assert!(has_line(&text), "{text}");
}

#[test]
fn no_name_or_message_leaves_its_place_in_markdown() {
    let text = markdown(&report());
    for line in text.lines().filter(|line| line.contains("hostile")) {
        assert!(line.starts_with(['|', '<']), "{line}");
    }
    // All raw HTML is ours; inside code it is text.
    let outside_code = |text: &str| -> String {
        let mut parts = text.split('`');
        let mut outside = String::new();
        while let Some(part) = parts.next() {
            outside.push_str(part);
            parts.next();
        }
        outside
    };
    let outside = outside_code(&text);
    assert!(!outside.contains("<script") && !outside.contains("<img") && !outside.contains('@'));
    assert!(!outside.contains("https://") && !outside.contains(" #1"));
}

#[test]
fn a_row_of_csv_is_a_line() {
    let report = report();
    let text = csv(&report);
    let rows = report.comparisons.len() + report.resources.len() + report.missing.len();
    assert_eq!(text.lines().count(), 1 + rows);
    assert!(HOSTILE.contains('\n'));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test, which may read the pages")]
fn the_schemas_in_the_documentation_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    let mut expected = BTreeSet::new();
    for (name, schema) in schemas() {
        let file = format!("{name}.schema.json");
        let documented = std::fs::read_to_string(folder.join(&file)).unwrap_or_default();
        assert!(
            documented.trim_end() == format!("{schema:#}"),
            "write {file} again: cargo run --package deadheat-core --example schemas"
        );
        expected.insert(file);
    }
    let files = std::fs::read_dir(&folder).unwrap();
    let found: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected);
}
