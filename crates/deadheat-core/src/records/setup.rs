//! `setup.md`: whether the benchmarks of the project can be compared.

use super::markdown::{read_section, replace_section};
use super::tidy::tidy;

const END_TO_END: &str = "E2E Benchmarks";
/// The line in the same section in which codeflash's plugin says whether its own comparison can be used.
const OF_CODEFLASH: &str = "codeflash compare:";

/// Returns the text with the section about end-to-end benchmarks: where they are, or why there are none.
pub fn write_setup(text: &str, benchmarks_root: Result<&str, &str>) -> String {
    let mut body = match benchmarks_root {
        Ok(root) => format!("deadheat compare: available\nbenchmarks-root: {}", tidy(root)),
        Err(reason) => format!(
            "deadheat compare: not available (reason: {})\nfallback: ad-hoc micro-benchmarks + pytest durations",
            tidy(reason)
        ),
    };
    let old = read_section(text, END_TO_END).unwrap_or_default();
    for line in old.lines().filter(|line| line.contains(OF_CODEFLASH)) {
        body.push('\n');
        body.push_str(line);
    }
    replace_section(text, END_TO_END, &body)
}

#[cfg(test)]
mod tests {
    use super::write_setup;

    #[test]
    fn both_forms() {
        let available = write_setup("", Ok("benchmarks"));
        assert_eq!(
            available,
            "## E2E Benchmarks\n\ndeadheat compare: available\nbenchmarks-root: benchmarks\n"
        );
        assert_eq!(
            write_setup(&available, Err("no benchmarks-root")),
            "## E2E Benchmarks\n\ndeadheat compare: not available (reason: no benchmarks-root)\n\
             fallback: ad-hoc micro-benchmarks + pytest durations\n"
        );
    }

    #[test]
    fn the_line_of_codeflash_stays_beside_ours() {
        let line = "- **codeflash compare: available**  ";
        let text = format!("# Setup\n\n## E2E Benchmarks\n{line}\nbenchmarks-root: old\n\n## Notes\n");
        let ours = "deadheat compare: available\nbenchmarks-root: benchmarks";
        let expected = format!("# Setup\n\n## E2E Benchmarks\n\n{ours}\n{line}\n\n## Notes\n");
        assert_eq!(write_setup(&text, Ok("benchmarks")), expected);
        assert_eq!(write_setup(&expected, Ok("benchmarks")), expected);
        assert!(write_setup(&expected, Err("x")).contains(&format!("durations\n{line}\n")));
        // In another section, nothing is touched at all.
        let elsewhere = format!("## Compare\n{line}\n");
        assert!(write_setup(&elsewhere, Ok("b")).starts_with(&elsewhere));
    }
}
