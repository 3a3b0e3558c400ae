//! The records rendered for a terminal. The answer comes last.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Table};
use unicode_width::UnicodeWidthStr as _;

use super::foreign::StatusEffect;
use super::handoff::Baseline;
use super::history::{Cumulative, History, Source};
use super::results::Results;
use super::row::Row;
use crate::report::{Style, bare_table};
use crate::text::{counted, cut, plain, short_commit, speedup};

const SHORTEST_TEXT: usize = 20;
/// The widths of `checks_failed`, the longest status that is shown in full, and of `unknown`.
const STATUS: usize = 13;
const OUR_STATUS: usize = 8;
/// The width from which there is room for intervals and the time of day.
const WIDE: usize = 110;

/// Lists the experiments, with the cumulative speedup of the kept ones; with `-v` every benchmark's row.
pub fn log(results: &Results, baseline: Option<&Baseline>, style: Style) -> String {
    let mut text = String::new();
    let mut table = bare_table();
    let is_wide = style.width >= WIDE || style.verbose;
    let mut names = vec!["time", "status", "speedup", "micro", "verdict", "so far"];
    if is_wide {
        names.push("interval");
    }
    if style.verbose {
        names.push("benchmark");
    }
    names.push("description");
    table.set_header(names);
    let history = History::new(&results.rows, baseline);
    let shown = results.rows.iter().enumerate();
    let shown: Vec<(usize, &Row)> = shown
        .filter(|(_, row)| style.verbose || row.is_experiment())
        .collect();
    let (time_room, others) = if is_wide { (20, 86) } else { (10, 59) };
    // Statuses of other tools are longer than ours.
    let statuses = shown
        .iter()
        .map(|(_, row)| cut(&shown_or(&row.status, "unknown"), STATUS).width());
    let longer = statuses.max().unwrap_or(0).saturating_sub(OUR_STATUS);
    let room = style.width.saturating_sub(others + longer).max(SHORTEST_TEXT);
    for (index, row) in &shown {
        let so_far = history.so_far(*index);
        let mut cells = vec![
            shown_or(&row.time, "unknown").chars().take(time_room).collect(),
            cut(&shown_or(&row.status, "unknown"), STATUS),
            match row.speedup {
                None if row.is_experiment() && row.effect() != StatusEffect::Baseline => "unknown".to_owned(),
                speedup => times(speedup),
            },
            times(row.micro_speedup),
            cut(&shown_or(&row.verdict, ""), 12),
            times(so_far.map(|total| total.speedup)),
        ];
        if is_wide {
            cells.push(interval(row));
        }
        if style.verbose {
            cells.push(shown_or(&row.benchmark, ""));
        }
        let description = shown_or(&row.description, "");
        cells.push(if style.verbose {
            description
        } else {
            cut(&description, room)
        });
        table.add_row(cells.into_iter().map(Cell::new));
    }
    if shown.is_empty() {
        text.push_str("no experiments are recorded yet: deadheat compare --record TEXT\n");
    } else {
        align_right(&mut table, &[2, 3, 5]);
        write(&mut text, table);
    }
    text.push('\n');
    text.push_str(&sum(&history, baseline));
    text
}

/// Renders the baseline, the experiments since by status, and their cumulative speedup.
pub fn status(results: &Results, baseline: Option<&Baseline>, style: Style) -> String {
    let mut text = String::new();
    match baseline {
        Some(baseline) => {
            let short = short_commit(&baseline.commit);
            let branch = baseline.branch.as_deref().map(plain);
            let branch = branch.map(|branch| format!("  {branch}")).unwrap_or_default();
            let date = baseline.date.as_deref().map(plain);
            let date = date.map(|date| format!("  since {date}")).unwrap_or_default();
            let _ = writeln!(text, "baseline  {short}{branch}{date}");
        }
        None => text.push_str("no baseline: deadheat start\n"),
    }
    let history = History::new(&results.rows, baseline);
    let groups = [
        ("kept", Some(StatusEffect::Kept)),
        ("mixed", Some(StatusEffect::Mixed)),
        ("discarded", Some(StatusEffect::Discarded)),
        ("measured", Some(StatusEffect::Measured)),
        ("with another status", None),
    ];
    for (name, effect) in groups {
        let rows: Vec<&Row> = match effect {
            Some(StatusEffect::Kept) => history.kept().collect(),
            Some(effect) => history.with_effect(effect).collect(),
            None => history.others().collect(),
        };
        // Other tools have these.
        if rows.is_empty() && matches!(effect, None | Some(StatusEffect::Measured)) {
            continue;
        }
        let _ = writeln!(text, "\n{name}: {}", rows.len());
        let mut table = bare_table();
        let room = style.width.saturating_sub(52).max(SHORTEST_TEXT);
        for row in &rows {
            let description = shown_or(&row.description, "");
            table.add_row([
                format!("  {}", shown_or(&row.time, "unknown")),
                short_commit(row.head.as_deref().unwrap_or("unknown")),
                times(row.speedup),
                if style.verbose {
                    description
                } else {
                    cut(&description, room)
                },
            ]);
        }
        align_right(&mut table, &[2]);
        if !rows.is_empty() {
            write(&mut text, table);
        }
    }
    text.push('\n');
    text.push_str(&sum(&history, baseline));
    text
}

/// Renders the last line.
fn sum(history: &History<'_>, baseline: Option<&Baseline>) -> String {
    let since = match baseline {
        Some(baseline) => format!("since the baseline {}", short_commit(&baseline.commit)),
        None => "over all experiments, because there is no baseline".to_owned(),
    };
    match history.cumulative() {
        None if history.is_at_baseline() => {
            format!("cumulative speedup {since}: none, the last kept state is the baseline itself\n")
        }
        None => format!("cumulative speedup {since}: unknown, no kept experiment has a number\n"),
        Some(Cumulative {
            speedup: total,
            source,
            steps,
            has_gaps,
        }) => {
            let gaps = match (has_gaps, history.kept_without_number()) {
                (false, _) => String::new(),
                (true, 0) => "; changes between them are not included".to_owned(),
                (true, count) => format!(
                    "; changes between them are not included, nor {} without a number",
                    counted(count, "kept experiment")
                ),
            };
            let how = match source {
                Source::Measured => "measured".to_owned(),
                Source::ProductOfSteps => format!("the product of {}", counted(steps, "kept step")),
            };
            format!(
                "cumulative speedup {since}: {} ({how}{gaps})\n",
                speedup(1.0 / total)
            )
        }
    }
}

fn times(ratio: Option<f64>) -> String {
    ratio.map(|ratio| speedup(1.0 / ratio)).unwrap_or_default()
}

fn interval(row: &Row) -> String {
    match (row.ci_low, row.ci_high) {
        (Some(low), Some(high)) => format!("{} to {}", times(Some(low)), times(Some(high))),
        _ => String::new(),
    }
}

fn shown_or(text: &Option<String>, unknown: &str) -> String {
    plain(text.as_deref().unwrap_or(unknown))
}

fn align_right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn write(text: &mut String, mut table: Table) {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.force_no_tty();
    for line in table.to_string().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style {
        color: false,
        width: 120,
        wraps: false,
        verbose: false,
    };

    fn results() -> Results {
        Results::parse(
            "time\thead\tbase\tbenchmark\tspeedup\tci_low\tci_high\tverdict\tmicro_speedup\tstatus\tdescription\n\
             2026-01-02T00:00:00Z\tbbbbbbb\taaaaaaa\tb.py::test\t1.5\t1.4\t1.6\timproved\t2\tkeep\tcached\n\
             2026-01-02T00:00:00Z\tbbbbbbb\taaaaaaa\t__total__\t1.5\t1.4\t1.6\timproved\t2\tkeep\tcached\n\
             2026-01-03T00:00:00Z\tccccccc\tbbbbbbb\t__total__\t0.9\t0.8\t1\tregressed\t\tdiscard\tslots \u{1b}[31m\n\
             2026-01-04T00:00:00Z\tddddddd\tbbbbbbb\t__total__\t2\t1.9\t2.1\timproved\t\tkeep\t缓存 of everything that is long enough to be cut off at the end of the line\n\
             2026-01-05T00:00:00Z\teeeeeee\tddddddd\t__total__\t\t\t\t\t\tcrash\t\n"
                .as_bytes(),
        )
        .unwrap()
    }

    fn baseline() -> Baseline {
        Baseline {
            commit: "aaaaaaa0123456789".to_owned(),
            date: Some("2026-01-01T00:00:00Z".to_owned()),
            branch: Some("main".to_owned()),
        }
    }

    #[test]
    fn the_log() {
        let text = log(&results(), Some(&baseline()), STYLE);
        insta::assert_snapshot!(text);
        let narrow = Style { width: 80, ..STYLE };
        let text = log(&results(), Some(&baseline()), narrow);
        insta::assert_snapshot!("the_log_in_a_narrow_terminal", text);
        let table = || text.lines().take_while(|line| !line.is_empty());
        assert!(table().all(|line| line.width() <= 80), "{text}");
        let verbose = Style {
            verbose: true,
            ..STYLE
        };
        assert!(log(&results(), Some(&baseline()), verbose).contains("b.py::test"));
    }

    #[test]
    fn the_status() {
        insta::assert_snapshot!(status(&results(), Some(&baseline()), STYLE));
    }

    #[test]
    fn a_kept_state_that_is_the_baseline_itself_has_no_speedup_over_it() {
        let results = Results::parse(
            b"time\thead\tbase\tbenchmark\tspeedup\tverdict\tstatus\n\
              2026-01-02T00:00:00Z\taaaaaaa\t0000000\t__total__\t1.5\timproved\tkeep\n",
        )
        .unwrap();
        let text = status(&results, Some(&baseline()), STYLE);
        assert!(
            text.ends_with("aaaaaaa012: none, the last kept state is the baseline itself\n"),
            "{text}"
        );
    }

    #[test]
    fn nothing_is_there_yet() {
        let results = Results::parse(b"").unwrap();
        insta::assert_snapshot!(format!(
            "{}\n{}",
            log(&results, None, STYLE),
            status(&results, None, STYLE)
        ));
    }
}
