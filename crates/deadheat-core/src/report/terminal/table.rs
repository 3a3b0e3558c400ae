//! Tables that fit into the terminal: if there is no room, columns become shorter or are dropped, one after
//! the other, and then the names of the rows are shortened so that they stay different.

use comfy_table::{Cell, CellAlignment, Table};

use super::page::{Page, bare_table};
use crate::report::names::apart;
use crate::text::width;

/// The space between two columns.
const GAP: usize = 2;
/// The shortest length that names are cut to, whatever the width.
const SHORTEST_NAME: usize = 8;

/// A column other than the names of the rows.
pub(super) struct Column {
    title: String,
    is_of_numbers: bool,
    cells: Vec<Cell>,
}

impl Column {
    pub(super) fn of_words(title: impl Into<String>, cells: Vec<Cell>) -> Self {
        Column {
            title: title.into(),
            is_of_numbers: false,
            cells,
        }
    }

    pub(super) fn of_numbers(
        title: impl Into<String>,
        cells: impl IntoIterator<Item = impl Into<Cell>>,
    ) -> Self {
        Column {
            title: title.into(),
            is_of_numbers: true,
            cells: cells.into_iter().map(Into::into).collect(),
        }
    }

    fn width(&self) -> usize {
        let cells = self.cells.iter().map(Cell::content);
        let lines = cells.map(|cell| cell.lines().map(width).max().unwrap_or(0));
        lines.max().unwrap_or(0).max(width(&self.title))
    }
}

impl Page {
    /// Makes the widest table that fits. `columns` returns the columns of each form, from the whole table to
    /// the narrowest. `least` is the room that each form but the last must leave to the names, if these are
    /// that long. With `-v`, the table is whole.
    pub(super) fn fitted(
        &self,
        title: &str,
        names: &[String],
        least: &[usize],
        columns: impl Fn(usize) -> Vec<Column>,
    ) -> Table {
        let longest = names.iter().map(|name| width(name)).max().unwrap_or(0);
        let longest = longest.max(width(title));
        let taken = |columns: &[Column]| -> usize { columns.iter().map(|column| column.width() + GAP).sum() };
        let mut form = 0;
        let mut chosen = columns(form);
        while !self.style.verbose
            && let Some(&least) = least.get(form)
            && longest.min(least) + taken(&chosen) > self.style.width
        {
            form += 1;
            chosen = columns(form);
        }
        let names = match self.style.verbose {
            true => names.to_vec(),
            false => {
                let room = self.style.width.saturating_sub(taken(&chosen));
                apart(names, room.max(SHORTEST_NAME))
            }
        };
        let mut table = bare_table();
        let titles = std::iter::once(title).chain(chosen.iter().map(|column| column.title.as_str()));
        table.set_header(titles.map(|title| self.title_cell(title)));
        for (row, name) in names.into_iter().enumerate() {
            let cells = chosen.iter().map(|column| column.cells[row].clone());
            table.add_row(std::iter::once(Cell::new(name)).chain(cells));
        }
        for (index, column) in chosen.iter().enumerate() {
            if let Some(shown) = table.column_mut(index + 1)
                && column.is_of_numbers
            {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}
