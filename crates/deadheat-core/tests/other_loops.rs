//! Experiments that other tools recorded in `results.tsv`.

use deadheat_core::records::{
    Baseline, History, Results, Row, Source, StatusEffect, TOTAL, baseline_of, write_handover,
};

/// In the form of codeflash's plugin, as an agent fills it in.
const PLUGIN: &str = "\
experiment\tstatus\tpattern\ttarget\tbefore\tafter\timprovement\ttimestamp\tcommit
base-a\tbaseline\t-\tparse()\t4.000ms±0.079ms\t-\t-\t2026-04-21T00:00:00\t-
exp001\tdiscard\tcaching\tnormalize\t4.000ms\t4.100ms\t-2.5% REGRESSION\t2026-04-21T00:10:00\t-
exp002\tkeep\tpinned\tparse\t4.000ms\t3,2ms\t+20.0% (single)\t2026-04-21T00:20:00\ta09fdff65
exp003\tkeep\tstrided\tscale\t-\t-\t(keypoint-only)\t2026-04-21T00:30:00\te02b83526
exp004\tdiscard\tfused\t(x/s-m)/s\t-\t-\t1-ULP regression broke 26 tests\t2026-04-21T00:40:00\t-
exp005\tkeep\tcache\tparse\t-\t-\t+50%\t2026-04-21T00:50:00\t6c45a8265
";
const MEASURED: &str = "\
final\tmeasurement\t-\tparse()\t4.000ms±0.1ms (from a09fdff65)\t1.6 ms median\t+60.0%\t2026-04-21T01:00:00\t6c45a8265
final-b8\tmeasurement\t-\tbatch=8\t16.0ms (median 15)\t8.4ms\t+47.5% batch\t2026-04-21T01:00:00\t6c45a8265
";

/// In the form of autoresearch.
const RESEARCH: &str = "\
commit\tval_bpb\tmemory_gb\tstatus\tdescription
a1b2c3d\t0.997900\t44.0\tkeep\tbaseline
b2c3d4e\t0.993200\t44.2\tkeep\tincrease LR to 0.04
c3d4e5f\t1.005000\t44.0\tdiscard\tswitch to GeLU
d4e5f60\t0.000000\t0.0\tcrash\tdouble model width (OOM)
e5f6071\t0.990000\t44.0\tchecks_failed\tdrop the mask
";

fn parse(text: &str) -> Results {
    let results = Results::parse(text.as_bytes()).unwrap();
    assert_eq!(results.problems, Vec::<String>::new());
    results
}

/// Returns what a cumulative speedup is made of, rounded.
fn cumulative(results: &Results, baseline: Option<&Baseline>) -> Option<(f64, Source, usize, bool)> {
    let found = History::new(&results.rows, baseline).cumulative()?;
    let speedup = (found.speedup * 1e4).round() / 1e4;
    Some((speedup, found.source, found.steps, found.has_gaps))
}

fn standings(results: &Results) -> Vec<StatusEffect> {
    let history = History::new(&results.rows, None);
    history.experiments.iter().map(|row| row.effect()).collect()
}

fn ours(head: &str) -> Vec<Row> {
    let total = Row {
        time: Some("2026-05-01T10:00:00Z".to_owned()),
        base: Some(format!("6c45a8265{}", "0".repeat(31))),
        head: Some(head.repeat(40)),
        benchmark: Some(TOTAL.to_owned()),
        base_ns: Some(1_600_000.0),
        head_ns: Some(800_000.0),
        speedup: Some(2.0),
        status: Some("keep".to_owned()),
        description: Some("one pass".to_owned()),
        ..Row::default()
    };
    let benchmark = Row {
        benchmark: Some("b.py::test".to_owned()),
        ..total.clone()
    };
    vec![benchmark, total]
}

#[test]
fn every_row_of_the_plugin_is_understood() {
    use StatusEffect::{Baseline, Discarded, Kept};
    let results = parse(PLUGIN);
    assert_eq!(
        standings(&results),
        [Baseline, Discarded, Kept, Kept, Discarded, Kept]
    );
    let speedups: Vec<_> = results.rows.iter().map(|row| row.speedup).collect();
    assert_eq!(
        speedups,
        [None, Some(4.0 / 4.1), Some(1.25), None, None, Some(2.0)]
    );
    let descriptions: Vec<_> = results
        .rows
        .iter()
        .map(|row| row.description.as_deref().unwrap())
        .collect();
    assert_eq!(
        descriptions,
        [
            "base-a: parse()",
            "exp001: caching, normalize (REGRESSION)",
            "exp002: pinned, parse (single)",
            "exp003: strided, scale (keypoint-only)",
            "exp004: fused, (x/s-m)/s (1-ULP regression broke 26 tests)",
            "exp005: cache, parse",
        ]
    );
    let kept = &results.rows[2];
    assert_eq!((kept.base_ns, kept.head_ns), (Some(4e6), Some(3.2e6)));
    assert_eq!(kept.head.as_deref(), Some("a09fdff65"));
    assert_eq!(kept.time.as_deref(), Some("2026-04-21T00:20:00"));
    assert_eq!((&kept.benchmark, &kept.base), (&None, &None));
    assert_eq!(History::new(&results.rows, None).last_kept(), Some("6c45a8265"));
    // It names no commit.
    assert_eq!(baseline_of(&results.rows), None);
}

#[test]
fn its_cumulative_speedup_is_the_product_until_a_total_is_measured() {
    let results = parse(PLUGIN);
    assert_eq!(
        cumulative(&results, None),
        Some((2.5, Source::ProductOfSteps, 2, true))
    );
    assert_eq!(History::new(&results.rows, None).kept_without_number(), 1);
    // 4 + 16 ms became 1.6 + 8.4 ms.
    let results = parse(&format!("{PLUGIN}{MEASURED}"));
    assert_eq!(
        cumulative(&results, None),
        Some((2.0, Source::Measured, 2, false))
    );
    // A total that is measured again counts once, by its last row.
    let again = MEASURED.lines().next().unwrap().replace("1.6 ms", "11.6ms");
    let results = parse(&format!("{PLUGIN}{MEASURED}{again}\n"));
    assert_eq!(
        cumulative(&results, None),
        Some((1.0, Source::Measured, 2, false))
    );
    let handover = write_handover("", &History::new(&results.rows, None), None);
    assert!(handover.contains("\nTogether: 1.00x (measured).\n"), "{handover}");
    assert!(
        !handover.contains("final"),
        "a total is neither kept nor discarded: {handover}"
    );
    // One of an earlier state does not count.
    let earlier = MEASURED.replace("\t6c45a8265", "\ta09fdff65");
    let results = parse(&format!("{PLUGIN}{earlier}"));
    assert_eq!(cumulative(&results, None).unwrap().1, Source::ProductOfSteps);
}

#[test]
fn a_time_without_a_zone_counts_from_the_baseline_on() {
    let baseline = Baseline {
        commit: "a09fdff65".to_owned(),
        date: Some("2026-04-21T00:25:00Z".to_owned()),
        branch: None,
    };
    let results = parse(PLUGIN);
    let history = History::new(&results.rows, Some(&baseline));
    let times: Vec<_> = history
        .experiments
        .iter()
        .map(|row| row.time.as_deref().unwrap())
        .collect();
    assert_eq!(
        times,
        [
            "2026-04-21T00:30:00",
            "2026-04-21T00:40:00",
            "2026-04-21T00:50:00"
        ]
    );
}

#[test]
fn rows_that_people_edited_are_still_understood() {
    let header = PLUGIN.lines().next().unwrap();
    let rows = [
        // Cells are missing, and there are more than columns.
        "a\tkeep\tp\tt\t3ms\t2ms",
        "b\tkeep\tp\tt\t3ms\t2ms\t+33.3%\t2026-04-21\tbbbbbbbbb\tmine\tmore",
        // Twice the same, and another target of the same commit.
        "c\tkeep\tp\tt\t30 ms\t20ms\t\t2026-04-21\tccccccccc",
        "c\tkeep\tp\tt\t20 ms\t10ms\t\t2026-04-21\tccccccccc",
        "c\tkeep\tp\tu\t40 ms\t5ms\t\t2026-04-21\tccccccccc",
        "",
        "d\tKeep \tp\tt\tquick\tquicker\t+10%\tlater\tddddddddd",
    ];
    let text = format!("\u{feff}{header}\r\n{}", rows.join("\r\n"));
    let results = parse(&text);
    assert_eq!(results.rows.len(), 6);
    assert_eq!(results.rows[1].time.as_deref(), Some("2026-04-21"));
    // 1.5 of each of the first two, and 20 + 40 ms that became 10 + 5.
    assert_eq!(
        cumulative(&results, None),
        Some((9.0, Source::ProductOfSteps, 3, true))
    );
    let mut after = results.clone();
    after.append(&ours("f"));
    let (old, new) = (text.split_once("\r\n").unwrap().1, after.bytes());
    let new = std::str::from_utf8(new).unwrap();
    assert!(
        new.split_once("\r\n")
            .unwrap()
            .1
            .starts_with(&format!("{old}\r\n")),
        "{new}"
    );
    assert!(new.ends_with("one pass\r\n"));
}

#[test]
fn rows_of_benchmarks_of_another_tool_are_not_experiments() {
    let text = "\
        benchmark\tcommit\tstatus\tbefore\tafter\ttimestamp\n\
        test_a\taaaaaaaaa\tkeep\t3ms\t1ms\t2026-04-21T00:00:00\n\
        \taaaaaaaaa\tkeep\t3ms\t2ms\t2026-04-21T00:00:00\n";
    let results = parse(text);
    assert_eq!(standings(&results), [StatusEffect::Kept]);
    // They are the benchmarks of the experiment.
    assert_eq!(results.rows[0].speedup, Some(3.0));
    assert_eq!(
        cumulative(&results, None),
        Some((1.5, Source::ProductOfSteps, 1, true))
    );
}

#[test]
fn a_number_whose_meaning_is_unknown_is_no_speedup() {
    use StatusEffect::{Baseline, Discarded, Kept};
    let results = parse(RESEARCH);
    assert_eq!(
        standings(&results),
        [Baseline, Kept, Discarded, Discarded, Discarded]
    );
    assert!(
        results
            .rows
            .iter()
            .all(|row| row.speedup.is_none() && row.head_ns.is_none())
    );
    let baseline = baseline_of(&results.rows).unwrap();
    assert_eq!(baseline.commit, "a1b2c3d");
    let history = History::new(&results.rows, Some(&baseline));
    assert_eq!(history.last_kept(), Some("b2c3d4e"));
    assert_eq!(cumulative(&results, Some(&baseline)), None);
    // One of ours after it has a number, and the step before it has none.
    let mut results = results;
    let mut rows = ours("f");
    rows[1].base = Some("b2c3d4e".to_owned());
    results.append(&rows[1..]);
    let expected = Some((2.0, Source::ProductOfSteps, 1, true));
    assert_eq!(cumulative(&results, Some(&baseline)), expected);
}

#[test]
fn times_of_autoresearch_are_compared_with_those_of_the_kept_commit() {
    let text = "\
        commit\ttotal_ms\tmemory_gb\tstatus\tdescription\n\
        a1b2c3d\t120\t1\tkeep\tBaseline\n\
        b2c3d4e\t100,0\t1\tkeep\tone\n\
        c3d4e5f\t125\t1\tdiscard\ttwo\n\
        d4e5f60\t0\t0\tcrash\tthree\n\
        e5f6071\t50\t1\tkeep\tfour\n";
    let mut results = parse(text);
    let speedups: Vec<_> = results.rows.iter().map(|row| row.speedup).collect();
    assert_eq!(speedups, [None, Some(1.2), Some(0.8), None, Some(2.0)]);
    assert_eq!(results.rows[4].base.as_deref(), Some("b2c3d4e"));
    let baseline = baseline_of(&results.rows).unwrap();
    let expected = Some((2.4, Source::ProductOfSteps, 2, false));
    assert_eq!(cumulative(&results, Some(&baseline)), expected);
    // A time of deadheat is not of their script, so nothing is compared across it.
    let mut rows = ours("f");
    rows[1].base = Some("e5f6071".to_owned());
    results.append(&rows);
    let text = String::from_utf8(results.bytes().to_vec()).unwrap();
    let results = parse(&format!("{text}0718293\t40\t1\tkeep\tfive\n"));
    assert_eq!(results.rows.last().unwrap().speedup, None);
    assert_eq!(
        cumulative(&results, Some(&baseline)),
        Some((4.8, Source::ProductOfSteps, 3, true))
    );
}

#[test]
fn an_experiment_of_ours_is_readable_for_them() {
    let mut results = parse(PLUGIN);
    results.append(&ours("f"));
    let text = std::str::from_utf8(results.bytes()).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    assert!(header.starts_with(&format!("{}\ttime\tbase\t", PLUGIN.lines().next().unwrap())));
    assert!(rows.starts_with(PLUGIN.split_once('\n').unwrap().1));
    let added: Vec<&str> = text.lines().rev().take(2).collect();
    let theirs = "1.600ms\t800.000us\t+50.0%\t2026-05-01T10:00:00\tfffffffff\t2026-05-01T10:00:00Z\t";
    assert!(
        added[1].starts_with(&format!("one pass\tkeep\t-\tb.py::test\t{theirs}")),
        "{text}"
    );
    assert!(
        added[0].starts_with(&format!("one pass\tkeep\t-\t-\t{theirs}")),
        "{text}"
    );
    // Read again, they are what they were.
    let again = parse(text);
    assert_eq!(again.rows.last(), results.rows.last());
    assert_eq!(
        again.rows.last().unwrap().description.as_deref(),
        Some("one pass")
    );
    let numbered = "experiment\tstatus\tcommit\n1\tkeep\taaaaaaaaa\n7\tdiscard\t-\n";
    let mut results = parse(numbered);
    results.append(&ours("f"));
    let text = std::str::from_utf8(results.bytes()).unwrap();
    assert!(
        text.lines()
            .skip(3)
            .all(|line| line.starts_with("8\tkeep\tfffffffff\t")),
        "{text}"
    );
}
