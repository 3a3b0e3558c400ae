//! A page of text for a terminal, and how its lines, sentences and cells look.

use std::collections::BTreeMap;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Row, Table, presets};

use crate::model::{OpenReason, Verdict};
use crate::text::{plain, shorten, width};

/// The style of the text: colour only if it is wanted, lines no longer than the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    pub width: usize,
    /// Whether sentences are broken into lines of that width, for terminals. Elsewhere programs look for words in them.
    pub wraps: bool,
    /// Whether everything is shown in full, however long.
    pub verbose: bool,
}

pub(super) struct Page {
    pub(super) text: String,
    pub(super) style: Style,
}

impl Page {
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Writes a sentence: its first line begins with `first`, all others are indented as far.
    pub(super) fn prose(&mut self, first: &str, text: &str) {
        if !self.style.wraps {
            return self.line(&format!("{first}{text}"));
        }
        let indent = " ".repeat(width(first));
        let options = textwrap::Options::new(self.style.width)
            .initial_indent(first)
            .subsequent_indent(&indent)
            // Paths and commands stay whole, to be copied.
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            self.line(&line);
        }
    }

    pub(super) fn heading(&mut self, title: &str) {
        self.text.push('\n');
        let title = if self.style.color {
            let bold = anstyle::Style::new().bold();
            format!("{bold}{title}{bold:#}")
        } else {
            title.to_owned()
        };
        self.line(&title);
    }

    /// Writes a benchmark and a remark on one line; on a terminal, the name is shortened to fit.
    pub(super) fn listed(&mut self, what: &str, benchmark: &str, more: &str) {
        let first = format!("  {what:<15} ");
        let name = plain(benchmark);
        let room = self.style.width.saturating_sub(width(&first) + width(more));
        let name = match self.style.wraps && !self.style.verbose {
            true => shorten(&name, room.max(24)),
            false => name,
        };
        self.line(&format!("{first}{name}{more}"));
    }

    /// Says how many rows are left out, if any are.
    pub(super) fn left_out(&mut self, indent: &str, rows: usize) {
        if rows > 0 {
            self.line(&format!("{indent}… and {rows} more (-v shows all)"));
        }
    }

    pub(super) fn table(&mut self, table: Table) {
        self.table_with(table, &BTreeMap::new());
    }

    /// Writes a table with notes under some of its rows.
    pub(super) fn table_with(&mut self, mut table: Table, notes: &BTreeMap<usize, String>) {
        let last = table.column_count().saturating_sub(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            // After a colour, even spaces would count, and wrap the line.
            column.set_padding((0, if index < last { 2 } else { 0 }));
        }
        if self.style.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let height = |row: &Row| {
            let cells = row.cell_iter().map(|cell| cell.content().lines().count());
            cells.max().unwrap_or(0).max(1)
        };
        let heights: Vec<usize> = table.row_iter().map(height).collect();
        let text = table.to_string();
        let mut lines = text.lines();
        let of_rows: usize = heights.iter().sum();
        for line in lines.by_ref().take(text.lines().count().saturating_sub(of_rows)) {
            self.line(line);
        }
        for (index, height) in heights.into_iter().enumerate() {
            for line in lines.by_ref().take(height) {
                self.line(line);
            }
            if let Some(note) = notes.get(&index) {
                self.prose("    ", note);
            }
        }
    }

    pub(super) fn title_cell(&self, title: &str) -> Cell {
        let cell = Cell::new(title);
        if self.style.color {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }

    pub(super) fn verdict_cell(&self, text: &str, verdict: Option<Verdict>) -> Cell {
        let cell = Cell::new(text);
        match verdict {
            Some(Verdict::Improved) if self.style.color => {
                cell.fg(Color::Green).add_attribute(Attribute::Bold)
            }
            Some(Verdict::Regressed) if self.style.color => {
                cell.fg(Color::Red).add_attribute(Attribute::Bold)
            }
            Some(Verdict::Inconclusive) if self.style.color => cell.fg(Color::Yellow),
            _ => cell,
        }
    }

    pub(super) fn judged(&self, verdict: Verdict, reason: Option<OpenReason>) -> Cell {
        let text = match reason {
            Some(reason) if self.style.verbose => format!("{verdict}: {reason}"),
            _ => verdict.to_string(),
        };
        self.verdict_cell(&text, Some(verdict))
    }
}

/// Makes a table of columns with two spaces between them, and nothing else.
pub(crate) fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}
