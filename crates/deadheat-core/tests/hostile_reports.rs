//! Untrusted reports: whatever a report contains, it is refused or rendered, in every format.
//!
//! `PROPTEST_CASES=100000 cargo test --release --package deadheat-core --test hostile_reports` searches longer.

mod fixture;

use deadheat_core::judge::judge_again;
use deadheat_core::model::{Report, Side};
use deadheat_core::report::{
    Style, csv, explain, find, html, markdown, metrics, pytest_benchmark, render, render_explained,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use fixture::{report, report_on_machines};

/// Renders the report in all formats for people; the JSON for programs must complete, too.
fn rendered(report: &Report, width: usize, verbose: bool) -> String {
    let style = Style {
        color: false,
        width,
        wraps: verbose,
        verbose,
    };
    for side in Side::BOTH {
        pytest_benchmark(report, side, "2026-01-02T03:04:05Z");
    }
    let metrics = metrics(report);
    let is_metric = |line: &str| deadheat_core::script_output::metric::parse_line(line).is_some();
    assert!(metrics.lines().all(is_metric), "{metrics}");
    let rows = report.comparisons.iter().map(|row| &row.benchmark);
    let names = rows.chain(report.missing.iter().map(|row| &row.benchmark));
    let names = names.chain(report.target_functions.iter().map(|target| &target.qualname));
    let explained: String = names
        .filter_map(|name| find(report, name).ok())
        .map(|subject| {
            explain(report, &subject, None).unwrap();
            render_explained(report, &subject, 3, style)
        })
        .collect();
    render(report, style) + &explained + &markdown(report) + &html(report) + &csv(report) + &metrics
}

#[test]
fn a_commit_need_not_be_letters_and_digits() {
    let mut report = report();
    // The tenth byte is inside a letter.
    report.revisions = report.revisions.map(|mut revision| {
        revision.commit = "\u{1b}ääääääääääää".to_owned();
        revision
    });
    report.recorded.as_mut().unwrap().status = deadheat_core::model::Status::Discard;
    let text = rendered(&report, 100, false);
    assert!(text.contains("äääääääää"));
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_machine_may_call_itself_anything() {
    let text = rendered(&report_on_machines(), 100, true);
    assert!(text.contains("EPYC") && !text.contains('\u{1b}'));
    let page = html(&report_on_machines());
    assert!(page.contains("EPYC &lt;/b&gt;") && page.contains("tcp://a|`&lt;/td&gt;@user"));
    assert!(!page.contains("<i>") && !page.contains("</td>@") && !page.contains("</b>|"));
}

#[test]
fn an_interpreter_may_call_itself_anything() {
    let mut report = report();
    report.python = report.python.map(|python| {
        python.map(|mut python| {
            python.version = "\u{1b}[2J".to_owned();
            python.implementation = "\u{1b}]0;".to_owned();
            python.pytest = "\u{9b}1m\u{202e}".to_owned();
            python
        })
    });
    let text = rendered(&report, 100, true);
    let controls = ['\u{1b}', '\u{9b}', '\u{202e}'];
    assert!(
        !text.contains(controls),
        "text from elsewhere goes through text::plain"
    );
}

/// Collects the places of all values that hold no others.
fn leaves(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(inner, &format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                leaves(inner, &format!("{place}/{index}"), found);
            }
        }
        _ => found.push(place.to_owned()),
    }
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec![0.0, -1.0, 1e308, -1e308, 1e-308, 9.1e15]).prop_map(Value::from),
        (0..4_u64).prop_map(Value::from),
    ]
}

fn texts() -> impl Strategy<Value = Value> {
    prop_oneof![
        "\\PC{0,20}|(?s).{0,20}|[a-z]{2000}".prop_map(Value::from),
        select(vec!["\x1b[2J", "\u{202e}", "\n\n", "", "::", "宽宽宽宽宽"]).prop_map(Value::from),
    ]
}

/// Replaces values by others of the same kind, and now and then by null.
fn spoiled(mut report: Value, changes: Vec<(Index, Value, Value, u8)>) -> Value {
    let mut places = Vec::new();
    leaves(&report, "", &mut places);
    for (index, number, text, chance) in changes {
        let place: &String = index.get(&places);
        let value = report.pointer_mut(place).unwrap();
        *value = match value {
            _ if chance == 0 => Value::Null,
            Value::String(_) => text,
            Value::Bool(is) => (!*is).into(),
            _ => number,
        };
    }
    report
}

proptest! {
    #[test]
    fn what_is_read_is_refused_or_shown(
        changes in proptest::collection::vec((any::<Index>(), numbers(), texts(), 0..20_u8), 1..6),
        width in 0..200_usize,
        verbose: bool,
        on_machines: bool,
    ) {
        let report = if on_machines { report_on_machines() } else { report() };
        let value = spoiled(serde_json::to_value(report).unwrap(), changes);
        if let Ok(report) = serde_json::from_value::<Report>(value) {
            prop_assert!(!rendered(&report, width, verbose).contains('\x1b'));
            if let Ok(judged) = judge_again(report, None) {
                prop_assert!(!rendered(&judged, width, verbose).contains('\x1b'));
            }
        }
    }

    #[test]
    fn no_text_is_taken_for_a_report(text in "(?s).{0,200}") {
        prop_assert!(serde_json::from_str::<Report>(&text).is_err());
    }
}
