//! The HTML report: the fixed report as a snapshot, that nothing of it is left out, and what no name in it must do.

mod fixture;

use deadheat_core::judge::count;
use deadheat_core::judge::gate::failure;
use deadheat_core::model::{
    Comparison, Confirmation, Gate, MissingReason, Noise, Plan, Report, Verdict, Warning, WarningCode,
};
use deadheat_core::output::{Difference, OutputCheck};
use deadheat_core::report::html;

use fixture::report;

/// Everything that a browser, a terminal or a reader could misinterpret.
const HOSTILE: &str =
    "test_x[</script><script>alert(1)</script><!--\"onload='x'&amp;\x1b[31m\u{202e}gnp\u{2028}\0-中文]";

#[test]
fn the_fixed_report() {
    // The style and the script are separate files.
    let page = html(&report());
    let (before, rest) = page.split_once("<style>").unwrap();
    let (style, rest) = rest.split_once("</style>").unwrap();
    let (body, rest) = rest.split_once("<script>").unwrap();
    let (script, after) = rest.split_once("</script>").unwrap();
    let ours = style.lines().last().unwrap();
    assert!(style.len() > 5_000 && script.len() > 2_000);
    // The hashes are those of these files: they change with every edit.
    let policy = before.split_once("content=\"default-src").unwrap().1;
    let policy = policy.split_once('"').unwrap().0;
    let before = before.replace(policy, " …");
    let shortened = format!("{before}<style>…\n{ours}\n</style>{body}<script>…</script>{after}");
    insta::assert_snapshot!(in_lines(shortened));
}

/// Breaks the page behind its larger elements, so that a difference of snapshots can be read.
fn in_lines(page: String) -> String {
    let ends = [
        "html>",
        "meta>",
        "head>",
        "header>",
        "title>",
        "section>",
        "h1>",
        "h2>",
        "h3>",
        "p>",
        "div>",
        "li>",
        "button>",
        "tr>",
        "thead>",
        "tbody>",
        "table>",
        "figure>",
        "figcaption>",
        "summary>",
        "details>",
    ];
    ends.iter().fold(page, |page, end| {
        page.replace(&format!("</{end}"), &format!("</{end}\n"))
    })
}

#[test]
fn nothing_of_the_report_is_left_out() {
    let report = report();
    let page = html(&report);
    for row in &report.comparisons {
        let name = row.benchmark.replace('<', "&lt;").replace('>', "&gt;");
        let name = name.replace('\n', "\\n").replace('\u{1b}', "\\x1b");
        assert!(page.contains(&format!("<code>{name}</code>")), "{name}");
        assert!(page.contains(&format!("data-verdict=\"{}\"", row.verdict)));
    }
    for verdict in [
        Verdict::Improved,
        Verdict::Regressed,
        Verdict::Unchanged,
        Verdict::Inconclusive,
    ] {
        assert!(page.contains(&format!("data-only=\"{verdict}\"")), "{verdict}");
    }
    for reason in [
        MissingReason::NotReached,
        MissingReason::OnlyBase,
        MissingReason::OnlyHead,
        MissingReason::Failed,
        MissingReason::Skipped,
        MissingReason::Unfinished,
    ] {
        assert!(report.missing.iter().any(|row| row.reason == reason));
        let word = reason.to_string();
        let title = format!("{}{} <b>", word[..1].to_uppercase(), &word[1..]);
        assert!(page.contains(&title), "{title}");
    }
    for row in &report.missing {
        assert!(
            page.contains(&format!("<bdi>{}</bdi>", row.benchmark)),
            "{}",
            row.benchmark
        );
    }
    for row in &report.resources {
        assert!(page.contains(&format!("<td>{}</td>", row.resource)));
    }
    for target in &report.target_functions {
        assert!(page.contains(&target.qualname.replace('<', "&lt;").replace('>', "&gt;")));
    }
    // Code between backticks is marked as such.
    let texts = page.replace("<code>", "").replace("</code>", "").replace('`', "");
    let own = report.comparisons.iter().flat_map(|row| &row.warnings);
    for warning in report.warnings.iter().chain(own) {
        for line in warning.message.lines() {
            let line = line.replace('<', "&lt;").replace('>', "&gt;").replace('`', "");
            assert!(texts.contains(&line), "{line}");
        }
    }
    for side in [&report.revisions.base, &report.revisions.head] {
        assert!(page.contains(&side.commit) && page.contains(&side.name));
    }
    assert!(page.contains("both sides on core 1") && page.contains("/project/.codeflash/results.tsv"));
    assert!(page.contains("deadheat compare 1111111111222222222233333333334444444444 --working-tree"));
}

/// Adds `HOSTILE` to every text of a report.
fn hostile(mut report: Report) -> Report {
    let texts: Vec<&mut String> = vec![
        &mut report.tool_version,
        &mut report.revisions.base.name,
        &mut report.revisions.head.name,
        &mut report.revisions.head.commit,
        &mut report.selection.reason,
        &mut report.machine.system,
        &mut report.machine.architecture,
    ];
    for text in texts {
        text.push_str(HOSTILE);
    }
    report.machine.processor = Some(HOSTILE.to_owned());
    let python = report.python.as_mut().unwrap();
    python.base.path = HOSTILE.to_owned();
    python.head.version = HOSTILE.to_owned();
    let settings = &mut report.settings;
    settings.build = Some(HOSTILE.to_owned());
    settings.keyword = Some(HOSTILE.to_owned());
    settings.functions = Some(HOSTILE.to_owned());
    settings.tests = vec![HOSTILE.to_owned()];
    settings.injected = vec![HOSTILE.to_owned()];
    settings.fail_on = vec![Gate::OutputChange];
    let warning = Warning {
        code: WarningCode::SyntaxError,
        message: HOSTILE.to_owned(),
        hint: Some(HOSTILE.to_owned()),
        benchmark: Some(HOSTILE.to_owned()),
    };
    report.warnings.push(warning.clone());
    for row in &mut report.comparisons {
        spoil(row, &warning);
    }
    for row in &mut report.resources {
        row.benchmark.push_str(HOSTILE);
    }
    for row in &mut report.missing {
        row.benchmark.push_str(HOSTILE);
        row.message.push_str(HOSTILE);
    }
    for target in &mut report.target_functions {
        target.qualname.push_str(HOSTILE);
        target.path.push_str(HOSTILE);
        target.detail = Some(HOSTILE.to_owned());
    }
    report.recorded.as_mut().unwrap().file = HOSTILE.to_owned();
    report
}

fn spoil(row: &mut Comparison, warning: &Warning) {
    row.benchmark.push_str(HOSTILE);
    row.output = OutputCheck::Different;
    row.output_difference = Some(Difference {
        place: HOSTILE.to_owned(),
        base: HOSTILE.to_owned(),
        head: HOSTILE.to_owned(),
    });
    row.confirmation = Some(Confirmation {
        estimate: row.estimate,
        p_value: 0.5,
        confirmed: false,
        replicates: row.replicates.clone(),
    });
    row.profile = Some(row.functions.clone());
    row.warnings.push(warning.clone());
    for function in &mut row.functions {
        function.name.push_str(HOSTILE);
    }
}

#[test]
fn no_text_leaves_its_place() {
    let plain = html(&report());
    let page = html(&hostile(report()));
    // Hostile names add no kind of tag that a report with ordinary names does not have.
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert_eq!(page.matches("<!").count(), plain.matches("<!").count());
    for (index, _) in page.match_indices("alert(1)") {
        assert!(page[..index].ends_with("&lt;script&gt;"));
    }
    // All attributes are in double quotes.
    assert!(!page.contains("\"onload") && page.contains("&quot;onload"));
    let is_shown = |character: char| !character.is_control() || character == '\n';
    assert!(page.chars().all(is_shown));
    assert!(!page.contains(['\u{202e}', '\u{2028}', '\0']));
    assert!(page.contains("中文"));
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;!--&quot;onload='x'&amp;amp;\\x1b[31m\\u202egnp\\u2028\\x00-中文]"));
}

#[test]
fn a_name_of_a_mebibyte_stands_there_in_full_once() {
    let mut report = report();
    let name = format!("{}[{}]", report.comparisons[0].benchmark, "<x>".repeat(350_000));
    report.comparisons[0].benchmark.clone_from(&name);
    report.missing[0].benchmark = name.clone();
    report.missing[0].message = name;
    let page = html(&report);
    assert_eq!(page.matches(&"&lt;x&gt;".repeat(349_000)).count(), 1);
    assert!(page.len() < 5_000_000, "{}", page.len());
}

#[test]
fn a_thousand_benchmarks_make_a_file_that_can_be_opened() {
    let mut report = report();
    let rows = report.comparisons.clone();
    report.comparisons = (0..1_000)
        .map(|index| {
            let mut row = rows[index % rows.len()].clone();
            row.benchmark = format!("{}-{index}", row.benchmark);
            let one = row.replicates[0].clone();
            row.replicates = vec![one; 30];
            for (number, replicate) in row.replicates.iter_mut().enumerate() {
                let mut round = replicate.rounds[0];
                replicate.rounds = (0..20)
                    .map(|index| {
                        round.head.elapsed_ns += (number * 7919 + index * 104_729) as u64 % 1_000;
                        round
                    })
                    .collect();
            }
            row
        })
        .collect();
    let page = html(&report);
    assert_eq!(page.matches("<tbody id=").count(), 1_000);
    assert!(page.len() < 10_000_000, "{}", page.len());
}

#[test]
fn reports_without_numbers_say_so() {
    let mut empty = report();
    empty.comparisons.clear();
    empty.resources.clear();
    assert!(
        html(&empty).contains(
            "<h1 id=\"answer\">Nothing was measured, <span class=\"regressed\">3 failed</span></h1>"
        )
    );

    let mut planned = empty.clone();
    planned.plan = Some(Plan {
        benchmarks: vec!["bench/test_a.py::test_b".to_owned()],
        estimated_seconds: 75.0,
    });
    let page = html(&planned);
    assert!(page.contains("1 benchmark would be measured, in about 75.0 s"));
    assert!(page.contains("<bdi>bench/test_a.py::test_b</bdi>"));

    let mut noise = report();
    noise.noise = Some(vec![Noise {
        benchmark: "bench/test_a.py::test_b".to_owned(),
        spread_percent: 0.5,
        smallest_change_percent: None,
        replicates: 20,
    }]);
    let page = html(&noise);
    assert!(page.contains("do not trust this machine in its present state"));
    assert!(page.contains("<td class=\"n\">0.50 %</td><td class=\"n\">none</td>"));

    let mut partial = report();
    partial.partial = true;
    assert!(html(&partial).contains("<b>Stopped early.</b>"));
}

#[test]
fn a_failed_gate_is_said_with_what_failed_it() {
    let mut report = report();
    report.settings.fail_on = vec![
        Gate::Regression { percent: Some(30.0) },
        Gate::Regression { percent: None },
    ];
    // The same words as in the last line on stderr.
    let said = |report: &Report| -> String {
        let page = html(report);
        let (_, rest) = page.split_once("<b>Gate failed:</b> ").unwrap();
        rest.split_once("</p>").unwrap().0.to_owned()
    };
    assert_eq!(Some(said(&report)), failure(&report));
    assert!(said(&report).ends_with(", and 1 more"));
    report.settings.fail_on.truncate(1);
    assert_eq!(
        said(&report),
        "--fail-on regression:30: bench/test_more.py::test_2 ran on base and fails on head"
    );
    report.missing.clear();
    assert!(!html(&report).contains("Gate failed"));
}

#[test]
fn the_headline_says_what_failed() {
    let headline = |report: &Report| -> String {
        let page = html(report);
        let (_, rest) = page.split_once("<h1 id=\"answer\">").unwrap();
        rest.split_once("</h1>").unwrap().0.to_owned()
    };
    let mut report = report();
    assert!(headline(&report).ends_with(", <span class=\"regressed\">3 failed</span>"));
    assert!(html(&report).contains(">9 not measured, 3 of them failed</a>"));
    report.comparisons.truncate(3);
    report.comparisons.drain(..2);
    report.missing.truncate(3);
    report.missing.drain(..2);
    report.summary.counts = count(&report.comparisons, &report.missing);
    assert_eq!(
        headline(&report),
        "Unchanged, <span class=\"regressed\">1 failed</span>"
    );
    // The one failed benchmark is mentioned once.
    let page = html(&report);
    assert!(page.contains(">1 failed</a>") && !page.contains("1 not measured"));
    report.missing.clear();
    report.summary.counts = count(&report.comparisons, &report.missing);
    assert_eq!(headline(&report), "Unchanged");
}
