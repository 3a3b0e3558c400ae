//! Tables that fit into the terminal: where there is no room, columns become shorter or are dropped, one after the
//! other, and then the names of the rows are shortened so that they stay different.

use comfy_table::{Cell, CellAlignment, Table};

use super::{Page, bare_table};
use crate::text::{fitting, shorten, width};

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
    /// Makes the widest table that fits. `columns` returns the columns of each form, from the whole table to the
    /// narrowest. `least` is the room that each form but the last must leave to the names, where these are that long.
    /// With `-v`, the table is whole.
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

/// Shortens names that are too long, so that different ones stay different.
pub(super) fn apart(names: &[String], room: usize) -> Vec<String> {
    let mut shown: Vec<String> = names.iter().map(|name| shorten(name, room)).collect();
    for index in 0..names.len() {
        let alike: Vec<usize> = (index..names.len())
            .filter(|&other| shown[other] == shown[index] && !names[other].is_empty())
            .collect();
        let is_clash = alike.iter().any(|&other| names[other] != names[index]);
        if !is_clash {
            continue;
        }
        let group: Vec<&str> = alike.iter().map(|&other| names[other].as_str()).collect();
        let others: Vec<&String> = (0..names.len())
            .filter(|other| !alike.contains(other))
            .map(|other| &shown[other])
            .collect();
        let start = common_start(&group);
        let cuts: [&dyn Fn(&str) -> String; 3] = [
            &|name| from_difference(name, start, room),
            &|name| format!("…{}", last(name, room.saturating_sub(1))),
            &|name| format!("{}…", fitting(name.chars(), room.saturating_sub(1))),
        ];
        let differ = |cut: &Vec<String>| {
            cut.iter().enumerate().all(|(position, name)| {
                let is_other =
                    |(before, earlier): (usize, &String)| earlier != name || group[before] == group[position];
                cut[..position].iter().enumerate().all(is_other) && !others.contains(&name)
            })
        };
        let mut cuts = cuts
            .iter()
            .map(|cut| group.iter().map(|name| cut(name)).collect());
        let cut: Vec<String> = cuts.find(differ).unwrap_or_else(|| numbered(&group, room));
        for (position, name) in alike.into_iter().zip(cut) {
            shown[position] = name;
        }
    }
    shown
}

/// Returns the number of characters that all of them begin with.
fn common_start(names: &[&str]) -> usize {
    let Some((first, others)) = names.split_first() else {
        return 0;
    };
    let common = |other: &&str| {
        let pairs = first.chars().zip(other.chars());
        pairs.take_while(|(one, other)| one == other).count()
    };
    others.iter().map(common).min().unwrap_or(0)
}

/// Cuts a name to a little of its beginning, and the part after the characters that all have.
fn from_difference(name: &str, start: usize, room: usize) -> String {
    let head = fitting(name.chars(), room / 4);
    let rest: String = name.chars().skip(start.max(head.chars().count())).collect();
    let left = room.saturating_sub(width(&head) + 1);
    match width(&rest) <= left {
        // There is room for some of what they have in common.
        true => format!("{head}…{}", last(name, left)),
        false => format!("{head}…{}…", fitting(rest.chars(), left.saturating_sub(1))),
    }
}

fn last(name: &str, room: usize) -> String {
    let end: Vec<char> = fitting(name.chars().rev(), room).chars().collect();
    end.into_iter().rev().collect()
}

/// Numbers names that differ in too many places.
fn numbered(names: &[&str], room: usize) -> Vec<String> {
    let number = |name: &str| names.iter().position(|other| *other == name).unwrap_or(0) + 1;
    let numbered = names.iter().map(|name| {
        let number = format!("…#{}", number(name));
        let head = fitting(name.chars(), room.saturating_sub(width(&number)));
        format!("{head}{number}")
    });
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str], room: usize) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let shown = apart(&names, room);
        assert!(shown.iter().all(|name| width(name) <= room), "{shown:?}");
        shown
    }

    #[test]
    fn names_that_would_look_alike_are_cut_elsewhere() {
        assert_eq!(shown(&["test_a", "test_b"], 10), ["test_a", "test_b"]);
        // The difference is in the middle.
        assert_eq!(
            shown(
                &[
                    "test_parse[a-long-first-one-json-with-the-end]",
                    "test_parse[a-long-first-one-yaml-with-the-end]",
                    "test_other"
                ],
                20
            ),
            ["test_…json-with-the…", "test_…yaml-with-the…", "test_other"]
        );
        // The cut leaves out the rest of the common beginning.
        assert_eq!(
            shown(
                &["abcdefghijXklmnopqrstuvwxyz", "abcdefghijYklmnopqrstuvwxyz"],
                12
            ),
            ["abc…Xklmnop…", "abc…Yklmnop…"]
        );
    }

    #[test]
    fn names_that_differ_in_many_places_get_numbers() {
        let name = |places: [char; 3]| {
            let long = "x".repeat(30);
            format!("{long}{}{long}{}{long}{}{long}", places[0], places[1], places[2])
        };
        let names = [
            name(['a', 'b', 'b']),
            name(['b', 'a', 'b']),
            name(['b', 'b', 'a']),
            name(['b', 'b', 'b']),
        ];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let shown = shown(&names, 16);
        for (index, name) in shown.iter().enumerate() {
            assert!(!shown[..index].contains(name), "{shown:?}");
        }
        // The same name twice is not a clash.
        let same = ["y".repeat(30), "y".repeat(30)];
        assert_eq!(apart(&same, 10)[0], apart(&same, 10)[1]);
    }
}
