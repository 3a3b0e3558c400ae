//! `results.tsv`: a header, then a row for each benchmark of each experiment, and one for the whole run.
//!
//! Columns are found by name, in any order; foreign columns and rows stay byte for byte as they are. Rows of other tools
//! are read by `foreign`.

use super::cells::{COLUMNS, field};
use super::foreign::{self, ForeignCells};
use super::row::{self, Row};
use super::tidy::tidy;

/// The error for a file whose first line names none of our columns: it is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its first line has none of the columns {}", COLUMNS.join(", "))]
pub struct NotResults;

/// The whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    bytes: Vec<u8>,
    header: Vec<String>,
    pub rows: Vec<Row>,
    /// A sentence for each cell that should hold a number but does not.
    pub problems: Vec<String>,
}

impl Results {
    /// Parses a file's content; blank content is that of a file that does not exist yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotResults> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let Some(first) = lines.next().filter(|_| !text.trim().is_empty()) else {
            return Ok(Results {
                bytes: format!("{}\n", COLUMNS.join("\t")).into_bytes(),
                header: COLUMNS.map(str::to_owned).to_vec(),
                rows: Vec::new(),
                problems: Vec::new(),
            });
        };
        let header: Vec<String> = cells(first.trim_start_matches('\u{feff}'))
            .map(str::to_owned)
            .collect();
        if !header.iter().any(|name| COLUMNS.contains(&name.as_str())) {
            return Err(NotResults);
        }
        let mut problems = Vec::new();
        let numbered = lines.enumerate().filter(|(_, line)| !line.trim().is_empty());
        let mut rows: Vec<Row> = Vec::new();
        for (index, line) in numbered {
            let line: Vec<&str> = cells(line).collect();
            let cell = |name: &str| {
                let column = header.iter().position(|other| other == name)?;
                let cell = *line.get(column)?;
                (!cell.is_empty()).then(|| cell.to_owned())
            };
            // The header is line 1.
            rows.push(Row::read(
                cell,
                ForeignCells::read(&header, cell),
                |column, text| {
                    let text = tidy(text);
                    problems.push(format!(
                        "line {}: `{text}` in the column {column} is not a valid number",
                        index + 2
                    ));
                },
            ));
        }
        row::link(&mut rows);
        Ok(Results {
            rows,
            problems,
            bytes: bytes.to_vec(),
            header,
        })
    }

    /// Adds rows at the end, and those of our columns that the header lacks.
    pub fn append(&mut self, rows: &[Row]) {
        self.complete_header();
        let number = foreign::next_number(self.column("experiment").iter().map(String::as_str));
        let line_end = line_end_of(&self.bytes);
        if !self.bytes.ends_with(b"\n") {
            self.bytes.extend_from_slice(line_end);
        }
        for row in rows {
            let foreign = row.for_others(number);
            let cell = |column: &String| match foreign.cell(column) {
                Some(text) => field(&text),
                None => row.cell(column),
            };
            let line: Vec<String> = self.header.iter().map(cell).collect();
            self.bytes.extend_from_slice(line.join("\t").as_bytes());
            self.bytes.extend_from_slice(line_end);
            let cell = |name: &str| Some(row.cell(name).trim().to_owned()).filter(|cell| !cell.is_empty());
            self.rows
                .push(Row::read(cell, ForeignCells::default(), |_, _| {}));
        }
    }

    /// Returns the cells of a column, as far as rows have one.
    fn column(&self, name: &str) -> Vec<String> {
        let Some(index) = self.header.iter().position(|column| column == name) else {
            return Vec::new();
        };
        let text = String::from_utf8_lossy(&self.bytes);
        let cells = text.lines().skip(1).filter_map(|line| cells(line).nth(index));
        cells.map(str::to_owned).collect()
    }

    fn complete_header(&mut self) {
        let missing: Vec<String> = COLUMNS
            .iter()
            .filter(|column| !self.header.iter().any(|name| name == *column))
            .map(|column| (*column).to_owned())
            .collect();
        if missing.is_empty() {
            return;
        }
        // Cells beyond the header have no column; they must not get one of ours.
        let text = String::from_utf8_lossy(&self.bytes);
        let longest = text.lines().map(|line| cells(line).count()).max().unwrap_or(0);
        let nameless = vec![String::new(); longest.saturating_sub(self.header.len())];
        drop(text);
        let added: Vec<String> = nameless.into_iter().chain(missing).collect();
        let end = self
            .bytes
            .iter()
            .position(|&byte| byte == b'\n')
            .unwrap_or(self.bytes.len());
        let end = end - usize::from(self.bytes[..end].ends_with(b"\r"));
        let insertion = format!("\t{}", added.join("\t"));
        self.bytes.splice(end..end, insertion.into_bytes());
        self.header.extend(added);
    }

    /// Returns the file's new content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split('\t').map(str::trim)
}

/// Returns the line end of the first line.
fn line_end_of(bytes: &[u8]) -> &'static [u8] {
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) if bytes[..end].ends_with(b"\r") => b"\r\n",
        _ => b"\n",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::row::TOTAL;
    use super::*;

    fn row(benchmark: &str, description: &str) -> Row {
        Row {
            time: Some("2026-01-02T03:04:05Z".to_owned()),
            benchmark: Some(benchmark.to_owned()),
            base_ns: Some(1_234_567.8),
            speedup: Some(4.0 / 3.0),
            description: Some(description.to_owned()),
            ..Row::default()
        }
    }

    fn text_after(bytes: &[u8], rows: &[Row]) -> String {
        let mut results = Results::parse(bytes).unwrap();
        results.append(rows);
        String::from_utf8(results.bytes().to_vec()).unwrap()
    }

    #[test]
    fn numbers_that_spreadsheets_and_people_wrote() {
        let text = "benchmark\tspeedup\tbase_ns\na\t1,73041\t1\n\nb\t-3\t2\nc\t1e308\tsoon\nd\t\t\n";
        let results = Results::parse(text.as_bytes()).unwrap();
        let speedups: Vec<_> = results.rows.iter().map(|row| row.speedup).collect();
        assert_eq!(speedups, [Some(1.73041), None, None, None]);
        let lines: Vec<_> = results.problems.iter().map(|problem| &problem[..6]).collect();
        assert_eq!(lines, ["line 4", "line 5", "line 5"]);
        assert!(results.problems[1].contains("soon"));
    }

    #[test]
    fn a_new_file_has_a_header() {
        assert_eq!(
            text_after(b"", &[row(TOTAL, "first")]),
            "time\tbase\thead\tbenchmark\tbase_ns\thead_ns\tspeedup\tci_low\tci_high\tverdict\tmicro_speedup\tstatus\t\
             description\n2026-01-02T03:04:05Z\t\t\t__total__\t1234568\t\t1.33333\t\t\t\t\t\tfirst\n"
        );
    }

    #[test]
    fn columns_of_others_in_any_order_stay() {
        let before = "mine\tdescription\tspeedup\r\n42\told\t1.5\textra\r\nshort";
        let after = text_after(before.as_bytes(), &[row("b", "new")]);
        let lines: Vec<&str> = after.split("\r\n").collect();
        assert!(lines[0].starts_with("mine\tdescription\tspeedup\t\ttime\tbase\t"));
        assert_eq!(lines[1], "42\told\t1.5\textra");
        assert_eq!(lines[2], "short");
        assert!(lines[3].starts_with("\tnew\t1.33333\t\t2026-01-02T03:04:05Z\t"));
        assert_eq!(&lines[4..], [""]);
        let rows = Results::parse(after.as_bytes()).unwrap().rows;
        assert_eq!(rows[0].description.as_deref(), Some("old"));
        assert_eq!(rows[0].speedup, Some(1.5));
        assert_eq!(rows[0].time, None);
        assert_eq!(rows[2].benchmark.as_deref(), Some("b"));
    }

    #[test]
    fn a_header_that_is_complete_stays_as_it_is() {
        let complete = format!("{}\tmine\n", COLUMNS.join("\t"));
        let after = text_after(complete.as_bytes(), &[row("b", "new")]);
        assert!(after.starts_with(&complete));
        assert!(after.ends_with("\tnew\t\n"));
    }

    #[test]
    fn bytes_that_are_no_text_stay() {
        let mut results = Results::parse(b"benchmark\tmine\nb\t\xff\xfe\n").unwrap();
        results.append(&[row("c", "d")]);
        let bytes = results.bytes();
        assert!(bytes.windows(6).any(|window| window == b"b\t\xff\xfe\nc"));
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        assert_eq!(Results::parse(b"name,score\n1,2\n"), Err(NotResults));
        assert!(Results::parse("\u{feff}Time\tbenchmark\n".as_bytes()).is_ok());
    }

    #[test]
    fn numbers_that_are_none_are_unknown() {
        let rows = Results::parse(b"benchmark\tspeedup\nb\tfast\nc\tinf\nd\t\n\n")
            .unwrap()
            .rows;
        assert_eq!(rows.iter().map(|row| row.speedup).collect::<Vec<_>>(), [None; 3]);
    }

    proptest! {
        #[test]
        fn rows_of_any_text_survive(texts in proptest::collection::vec(("\\PC*|(?s).*", "(?s).*"), 1..5), line_end in "\r?\n") {
            let before = format!("mine\tbenchmark\ttime{line_end}1\tb\tc");
            let rows: Vec<Row> = texts.iter().map(|(benchmark, description)| row(benchmark, description)).collect();
            let after = text_after(before.as_bytes(), &rows);
            let read = Results::parse(after.as_bytes()).unwrap().rows;
            prop_assert_eq!(read.len(), rows.len() + 1);
            prop_assert!(after.contains("1\tb\tc"));
            for (read, (benchmark, description)) in read[1..].iter().zip(&texts) {
                let known = |text: &str| Some(tidy(text)).filter(|text| !text.is_empty());
                prop_assert_eq!(&read.benchmark, &known(benchmark));
                prop_assert_eq!(&read.description, &known(description));
                prop_assert_eq!(read.speedup, Some(1.33333));
            }
        }

        #[test]
        fn what_was_there_stays(lines in proptest::collection::vec("[a-z\t\"é ]*", 0..6)) {
            let before = format!("benchmark\tmine\n{}", lines.join("\n"));
            let after = text_after(before.as_bytes(), &[row("b", "c")]);
            let (_, old) = before.split_once('\n').unwrap();
            let (_, new) = after.split_once('\n').unwrap();
            prop_assert!(new.starts_with(old));
        }
    }
}
