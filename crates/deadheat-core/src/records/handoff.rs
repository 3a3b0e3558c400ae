//! `HANDOFF.md`: the loop's baseline and last measurements, for those who continue it.

use schemars::JsonSchema;
use serde::Serialize;

use super::markdown::{cell_of, escaped, line_end_of, read_section, replace_section};
use super::row::Row;
use super::tidy::tidy;

const BASELINE: &str = "Baseline";
const MEASUREMENTS: &str = "Measurements";
const KEYS: [&str; 3] = ["commit", "date", "branch"];

/// The starting point of the loop.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Baseline {
    pub commit: String,
    /// ISO 8601 in UTC.
    pub date: Option<String>,
    /// `None` if no branch was checked out.
    pub branch: Option<String>,
}

/// Reads the baseline, also if people wrote it as a list or with markup around it.
pub fn read_baseline(text: &str) -> Option<Baseline> {
    let section = read_section(text, BASELINE)?;
    let value = |key: &str| {
        let values = section.lines().filter_map(|line| value_of(line, key));
        values.into_iter().find(|value| !value.is_empty())
    };
    Some(Baseline {
        commit: value("commit")?.to_owned(),
        date: value("date").map(str::to_owned),
        branch: value("branch").map(str::to_owned),
    })
}

fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    const MARKS: [char; 4] = ['*', '`', '_', ' '];
    let line = line.trim().trim_start_matches(['-', '*', '+', ' ', '`', '_']);
    let (name, value) = line.split_once(':')?;
    let is_key = name.trim_matches(MARKS).eq_ignore_ascii_case(key);
    is_key.then(|| value.trim().trim_matches(['*', '`', ' ']))
}

/// Returns the text with this baseline in it; text that people wrote below an older one stays.
pub fn write_baseline(text: &str, baseline: &Baseline) -> String {
    let line = |key: &str, value: &str| format!("{key}: {}", tidy(value)).trim_end().to_owned();
    let ours = [
        line("commit", &baseline.commit),
        line("date", baseline.date.as_deref().unwrap_or_default()),
        line("branch", baseline.branch.as_deref().unwrap_or_default()),
    ];
    let old = read_section(text, BASELINE).unwrap_or_default();
    let is_ours = |line: &&str| KEYS.iter().any(|key| value_of(line, key).is_some());
    let others: Vec<&str> = old.lines().filter(|line| !is_ours(line)).collect();
    let others = others.join(line_end_of(text));
    let others = others.trim_matches(['\r', '\n']);
    let mut body = ours.join("\n");
    if !others.is_empty() {
        body.push_str("\n\n");
        body.push_str(others);
    }
    replace_section(text, BASELINE, &body)
}

/// Returns the text with the verdicts of these rows, which are of one experiment.
pub fn write_measurements(text: &str, rows: &[Row]) -> String {
    let mut body = String::new();
    if let Some(row) = rows.last() {
        let known = |value: &Option<String>| value.as_deref().unwrap_or("unknown").to_owned();
        body = format!(
            "time: {}\nbase: {}\nhead: {}\nstatus: {}\ndescription: {}\n\n",
            known(&row.time),
            known(&row.base),
            known(&row.head),
            known(&row.status),
            escaped(row.description.as_deref().unwrap_or_default()),
        );
    }
    body.push_str("| benchmark | base ns | head ns | speedup | interval | verdict | micro |\n");
    body.push_str("| --- | ---: | ---: | ---: | --- | --- | ---: |\n");
    for row in rows {
        let nanoseconds = |value: Option<f64>| value.map(|value| format!("{value:.0}")).unwrap_or_default();
        let times = |value: Option<f64>| value.map(|value| format!("{value:.3}x")).unwrap_or_default();
        let interval = match (row.ci_low, row.ci_high) {
            (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
            _ => String::new(),
        };
        let cells = [
            cell_of(row.benchmark.as_deref().unwrap_or_default()),
            nanoseconds(row.base_ns),
            nanoseconds(row.head_ns),
            times(row.speedup),
            interval,
            row.verdict.clone().unwrap_or_default(),
            times(row.micro_speedup),
        ];
        body.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    replace_section(text, MEASUREMENTS, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        Baseline {
            commit: "abc".to_owned(),
            date: Some("2026-01-02T03:04:05Z".to_owned()),
            branch: Some("main".to_owned()),
        }
    }

    const WRITTEN: &str = "## Baseline\n\ncommit: abc\ndate: 2026-01-02T03:04:05Z\nbranch: main\n";

    #[test]
    fn a_baseline_is_written_and_read() {
        assert_eq!(write_baseline("", &baseline()), WRITTEN);
        assert_eq!(read_baseline(WRITTEN), Some(baseline()));
        assert_eq!(write_baseline(WRITTEN, &baseline()), WRITTEN);
    }

    #[test]
    fn people_write_it_in_other_forms() {
        let text = "## Baseline\n- **Commit:** `abc`\n* date: 2026-01-02T03:04:05Z\n- branch: main\n";
        assert_eq!(read_baseline(text), Some(baseline()));
        assert_eq!(read_baseline("## Baseline\n\nnot yet\n"), None);
        assert_eq!(read_baseline("commit: abc\n"), None);
    }

    #[test]
    fn what_people_wrote_below_it_stays() {
        let text = "# H\n\n## Baseline\n\ncommit: old\nbranch: x\n\nMachine: quiet\n\n## Next\n";
        assert_eq!(
            write_baseline(text, &baseline()),
            format!("# H\n\n{WRITTEN}\nMachine: quiet\n\n## Next\n")
        );
    }

    #[test]
    fn the_last_verdicts_are_a_table() {
        let row = Row {
            benchmark: Some("a.py::test[a|b]".to_owned()),
            speedup: Some(1.5),
            ci_low: Some(1.4),
            ci_high: Some(1.6),
            base_ns: Some(1500.0),
            head_ns: Some(1000.0),
            verdict: Some("improved".to_owned()),
            head: Some("abc".to_owned()),
            description: Some("## <b>\n| x".to_owned()),
            ..Row::default()
        };
        let text = write_measurements(WRITTEN, &[row]);
        assert_eq!(
            text,
            format!(
                "{WRITTEN}\n## Measurements\n\ntime: unknown\nbase: unknown\nhead: abc\nstatus: unknown\n\
                 description: \\#\\# \\<b\\> \\| x\n\n\
                 | benchmark | base ns | head ns | speedup | interval | verdict | micro |\n\
                 | --- | ---: | ---: | ---: | --- | --- | ---: |\n\
                 | a.py::test\\[a\\|b\\] | 1500 | 1000 | 1.500x | 1.400 to 1.600 | improved |  |\n"
            )
        );
        assert_eq!(
            write_measurements(&text, &[]).matches("## Measurements").count(),
            1
        );
    }
}
