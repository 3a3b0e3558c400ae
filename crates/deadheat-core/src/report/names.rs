//! Names of benchmarks and functions for narrow places: the prefix that they share, and cuts after which
//! different names stay different.

use crate::model::Report;
use crate::text::{fitting, shorten, width};

/// Returns the common prefix of the names of a report.
pub(super) fn prefix_of<'a>(report: &Report, names: &[&'a str]) -> &'a str {
    match &report.settings.script {
        // A command and the keys that it writes are not node ids.
        Some(_) => "",
        None => common_prefix(names),
    }
}

/// Returns the common prefix of node ids, up to a `::` or a `/`, without the last part of a single name.
pub(super) fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let Some(first) = names.first() else {
        return "";
    };
    let mut end = first.len();
    for name in names {
        end = first
            .bytes()
            .zip(name.bytes())
            .take(end)
            .take_while(|(a, b)| a == b)
            .count();
    }
    // A parameter may hold the separators too.
    let end = first[..floor_char_boundary(first, end)]
        .find('[')
        .unwrap_or(floor_char_boundary(first, end));
    let scope = first[..end].rfind("::").map_or(0, |index| index + 2);
    let folder = if scope > 0 {
        0
    } else {
        first[..end].rfind('/').map_or(0, |index| index + 1)
    };
    &first[..scope.max(folder)]
}

fn floor_char_boundary(text: &str, mut index: usize) -> usize {
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
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

    #[test]
    fn the_common_part_of_node_ids_ends_at_a_separator() {
        assert_eq!(common_prefix(&["a/b.py::test_x", "a/b.py::test_y"]), "a/b.py::");
        assert_eq!(common_prefix(&["a/b.py::test_x", "a/c.py::test_y"]), "a/");
        assert_eq!(
            common_prefix(&["a/b.py::test_x[1::2]", "a/b.py::test_x[1::3]"]),
            "a/b.py::"
        );
        assert_eq!(common_prefix(&["a.py::C::test_x"]), "a.py::C::");
        assert_eq!(common_prefix(&["a.py::test_é", "a.py::test_è"]), "a.py::");
    }

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
