//! The smallest changes that matter: one for all benchmarks, and others for those that match globs.

use std::collections::BTreeMap;

use super::stats::Threshold;

/// The values of `threshold` and `[tool.deadheat.thresholds]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    general: Threshold,
    /// Percent by glob.
    named: BTreeMap<String, f64>,
}

impl From<Threshold> for Thresholds {
    /// Uses the same threshold for every benchmark.
    fn from(general: Threshold) -> Self {
        Thresholds {
            general,
            named: BTreeMap::new(),
        }
    }
}

impl Thresholds {
    pub fn new(general: Threshold, named: BTreeMap<String, f64>) -> Self {
        Thresholds { general, named }
    }

    /// Returns the threshold for results over more than one benchmark.
    pub fn general(&self) -> Threshold {
        self.general
    }

    pub fn of(&self, benchmark: &str) -> Threshold {
        self.own_percent(benchmark)
            .map_or(self.general, Threshold::from_percent)
    }

    /// Returns the percentage of a glob, if it is not the general one.
    ///
    /// Of several globs the most specific one decides: that with the most characters that are not wildcards, then that
    /// with the fewest wildcards, then the smallest threshold. The order in a TOML table means nothing.
    pub fn own_percent(&self, benchmark: &str) -> Option<f64> {
        let matching = self.named.iter().filter(|(glob, _)| matches(glob, benchmark));
        let (_, &percent) = matching.min_by(|(one, percent), (other, others)| {
            specificity(other)
                .cmp(&specificity(one))
                .then(wildcards(one).cmp(&wildcards(other)))
                .then(percent.total_cmp(others))
        })?;
        (Threshold::from_percent(percent) != self.general).then_some(percent)
    }

    /// Returns the globs that match none of these benchmarks.
    pub fn unused<'a>(&self, benchmarks: impl Iterator<Item = &'a str> + Clone) -> Vec<&str> {
        let names_none = |glob: &&String| !benchmarks.clone().any(|benchmark| matches(glob, benchmark));
        self.named.keys().filter(names_none).map(String::as_str).collect()
    }
}

fn wildcards(glob: &str) -> usize {
    glob.chars()
        .filter(|character| matches!(character, '*' | '?'))
        .count()
}

fn specificity(glob: &str) -> usize {
    glob.chars().count() - wildcards(glob)
}

/// Matches a glob: `*` is any text, `?` any character; brackets are themselves, because parameters have them.
fn matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut seen) = (0, 0);
    // The position of the last `*`, and how far into the text it reaches.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&character) if character == '?' || character == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((before, reach)) = star else { return false };
                star = Some((before, reach + 1));
                (at, seen) = (before + 1, reach + 1);
            }
        }
    }
    glob[at..].iter().all(|&character| character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds(named: &[(&str, f64)]) -> Thresholds {
        let named = named.iter().map(|&(glob, percent)| (glob.to_owned(), percent));
        Thresholds::new(Threshold::from_percent(2.0), named.collect())
    }

    #[test]
    fn a_star_is_any_text_and_brackets_are_themselves() {
        assert!(matches("bench/*::test_a*", "bench/deep/test_x.py::test_a[1-b]"));
        assert!(matches("*[1]", "a.py::f[1]"));
        assert!(!matches("*[12]", "a.py::f[1]"));
        assert!(matches("a?c*", "añc"));
        assert!(!matches("a?c", "ac"));
        assert!(matches("*a*b*", "xxaxbabx"));
        assert!(!matches("a.py::f", "a.py::f[1]"));
        assert!(matches("", "") && matches("**", "") && !matches("", "a"));
    }

    #[test]
    fn the_most_specific_glob_decides() {
        let all = thresholds(&[
            ("*", 10.0),
            ("a.py::*", 5.0),
            ("*::slow*", 20.0),
            ("a.py::slow", 7.0),
            ("a.py::slow*", 8.0),
        ]);
        assert_eq!(all.own_percent("b.py::x"), Some(10.0));
        assert_eq!(all.own_percent("b.py::slow"), Some(20.0));
        assert_eq!(all.own_percent("a.py::x"), Some(5.0));
        assert_eq!(all.own_percent("a.py::slow"), Some(7.0));
        assert_eq!(all.own_percent("a.py::slower"), Some(8.0));
        let alike = thresholds(&[("a*", 9.0), ("*a", 3.0)]);
        assert_eq!(alike.own_percent("a"), Some(3.0));
    }

    #[test]
    fn what_no_glob_names_has_the_general_one() {
        let some = thresholds(&[("a*", 5.0), ("b*", 2.0)]);
        assert_eq!(some.of("c"), Threshold::from_percent(2.0));
        assert_eq!(some.of("a"), Threshold::from_percent(5.0));
        // As large as the general one, so it is not the benchmark's own.
        assert_eq!(some.own_percent("b"), None);
        assert_eq!(some.unused(["a", "c"].into_iter()), ["b*"]);
    }
}
