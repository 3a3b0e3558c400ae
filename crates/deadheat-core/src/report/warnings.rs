//! The reasons to doubt a report, each shown once, however many benchmarks have it.

use crate::model::Warning;

/// Groups the benchmarks' warnings by code: the first of each, and the number of other benchmarks that have it.
pub(super) fn grouped<'a>(warnings: impl IntoIterator<Item = &'a Warning>) -> Vec<(&'a Warning, usize)> {
    let mut groups: Vec<(&Warning, usize)> = Vec::new();
    for warning in warnings {
        let same = groups
            .iter_mut()
            .find(|(first, _)| first.benchmark.is_some() && first.code == warning.code);
        match same {
            Some((_, more)) => *more += 1,
            None => groups.push((warning, 0)),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WarningCode;

    #[test]
    fn a_doubt_about_many_benchmarks_is_one() {
        let of_run = |message| Warning::new(WarningCode::SyntaxError, message, None);
        let of_row = |code, benchmark| Warning::new(code, "words", None).of(benchmark);
        let warnings = [
            of_run("one file"),
            of_run("another file"),
            of_row(WarningCode::OutputDiffers, "a"),
            of_row(WarningCode::SetupChanged, "a"),
            of_row(WarningCode::OutputDiffers, "b"),
            of_row(WarningCode::OutputDiffers, "c"),
        ];
        let groups = grouped(&warnings);
        let counts: Vec<usize> = groups.iter().map(|(_, more)| *more).collect();
        assert_eq!(counts, [0, 0, 2, 0]);
        assert_eq!(groups[2].0.benchmark.as_deref(), Some("a"));
    }
}
