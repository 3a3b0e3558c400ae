//! `setup.md`: whether the benchmarks of the project can be compared.

use super::markdown::replace_section;
use super::tidy::tidy;

const END_TO_END: &str = "E2E Benchmarks";

/// Returns the text with the section about end-to-end benchmarks: where they are, or why there are none.
pub fn write_setup(text: &str, benchmarks_root: Result<&str, &str>) -> String {
    let body = match benchmarks_root {
        Ok(root) => format!("deadheat compare: available\nbenchmarks-root: {}", tidy(root)),
        Err(reason) => format!(
            "deadheat compare: not available (reason: {})\nfallback: ad-hoc micro-benchmarks + pytest durations",
            tidy(reason)
        ),
    };
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
}
