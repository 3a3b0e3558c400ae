//! The parts of a report that fit into a comment: the most important ones, whole.

use crate::text::counted;

/// GitHub cuts comments at 65,536 characters. Bytes are never fewer than characters, however these are counted, and the
/// program that posts the comment may add a line.
pub(super) const MOST_BYTES: usize = 64_000;
/// The room for the line that lists the omitted parts.
const RESERVE: usize = 1_000;

/// A part of the page. All of its blocks are between `opening` and `closing`; those that do not fit are left out from
/// the end.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// The priority: lower ranks stay longest, equal ones in page order.
    pub(super) rank: u8,
    pub(super) opening: String,
    pub(super) blocks: Vec<String>,
    pub(super) closing: String,
    /// The most bytes of its blocks, so that parts of a lower priority also have room.
    pub(super) most_bytes: Option<usize>,
    /// The name of one of its blocks.
    pub(super) called: &'static str,
}

impl Section {
    /// Makes a section of text that is always there.
    pub(super) fn fixed(text: String) -> Self {
        Section {
            blocks: vec![text],
            ..Section::default()
        }
    }
}

/// Renders as much of the page as a comment holds.
pub(super) fn fit(sections: &[Section]) -> String {
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|&index| sections[index].rank);
    let mut room = MOST_BYTES - RESERVE;
    let mut shown = vec![0; sections.len()];
    for index in order {
        let section = &sections[index];
        let around = section.opening.len() + section.closing.len();
        let Some(mut own) = room.checked_sub(around) else {
            continue;
        };
        own = own.min(section.most_bytes.unwrap_or(usize::MAX));
        for block in &section.blocks {
            let Some(left) = own.checked_sub(block.len()) else {
                break;
            };
            own = left;
            room -= block.len();
            shown[index] += 1;
        }
        if shown[index] > 0 {
            room -= around;
        }
    }
    let mut page = String::new();
    let mut left_out = Vec::new();
    for (section, &shown) in sections.iter().zip(&shown) {
        if shown > 0 {
            page.push_str(&section.opening);
            page.extend(section.blocks[..shown].iter().map(String::as_str));
            page.push_str(&section.closing);
        }
        let more = section.blocks.len() - shown;
        if more > 0 {
            left_out.push(counted(more, section.called));
        }
    }
    if !left_out.is_empty() {
        page.push_str(&format!(
            "\nLeft out because comments are limited in size: {}. The JSON report has everything.\n",
            left_out.join("; ")
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(rank: u8, blocks: usize, length: usize, called: &'static str) -> Section {
        Section {
            rank,
            opening: "<".to_owned(),
            blocks: vec!["x".repeat(length); blocks],
            closing: ">\n".to_owned(),
            most_bytes: None,
            called,
        }
    }

    #[test]
    fn what_matters_least_is_left_out_whole_and_said() {
        let sections = [
            section(2, 3, 20_000, "old row"),
            section(1, 2, 20_000, "row"),
            section(0, 1, 1_000, "head"),
        ];
        let page = fit(&sections);
        assert!(page.len() < MOST_BYTES);
        assert_eq!(page.matches("20").count(), 0);
        assert!(page.starts_with(&format!("<{}>\n<{}>\n", "x".repeat(20_000), "x".repeat(40_000))));
        assert!(page.ends_with("limited in size: 2 old rows. The JSON report has everything.\n"));
        let one = fit(&[section(0, 1, 100_000, "row")]);
        assert!(one.contains("1 row."), "{one}");
    }

    #[test]
    fn one_part_does_not_take_all_the_room() {
        let greedy = Section {
            most_bytes: Some(25_000),
            ..section(1, 9, 10_000, "row")
        };
        let page = fit(&[greedy, section(2, 3, 10_000, "old row")]);
        assert!(
            page.ends_with("limited in size: 7 rows. The JSON report has everything.\n"),
            "{page}"
        );
    }

    #[test]
    fn a_page_that_fits_is_whole() {
        let page = fit(&[section(1, 2, 10, "row")]);
        assert_eq!(page, format!("<{}>\n", "x".repeat(20)));
    }
}
