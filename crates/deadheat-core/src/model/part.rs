//! One part of a suite that several machines measure together.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The largest number of parts, far more than there are machines.
const MOST_PARTS: u32 = 10_000;

/// One part of a suite: its number, counted from 1, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Part {
    #[serde(rename = "shard")]
    pub number: u32,
    pub of: u32,
}

impl Part {
    pub fn is_sound(self) -> bool {
        (1..=MOST_PARTS).contains(&self.of) && (1..=self.of).contains(&self.number)
    }
}

/// The cut of a suite into parts: every id is in exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    of: u32,
    /// The parts' numbers that are not by hash.
    balanced: BTreeMap<&'a str, u32>,
}

impl<'a> Cut<'a> {
    /// Cuts by hash, but for the benchmarks of `suite` that `numbers`, in the same order, put into a part.
    pub fn new(of: u32, suite: &'a [String], numbers: &[u32]) -> Self {
        let numbered = suite.iter().map(String::as_str).zip(numbers.iter().copied());
        Cut {
            of,
            balanced: numbered.collect(),
        }
    }

    /// Returns the number of the part that has the benchmark.
    pub fn number(&self, benchmark: &str) -> u32 {
        let balanced = self.balanced.get(benchmark).copied();
        balanced.unwrap_or_else(|| part_of(benchmark, self.of))
    }

    pub fn has(&self, part: Part, benchmark: &str) -> bool {
        self.number(benchmark) == part.number
    }
}

/// Returns the part by hash, the same on every machine, in every run and every version, whatever other benchmarks there
/// are. Counted from 1: the first eight bytes of the SHA-256 of its id, as a big-endian
/// number, modulo the number of parts. Stored parts depend on it: it must never change.
pub fn part_of(benchmark: &str, of: u32) -> u32 {
    let digest = Sha256::digest(benchmark.as_bytes());
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    (number % u64::from(of.max(1))) as u32 + 1
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once('/')
            .map(|(number, of)| (number.parse(), of.parse()));
        let Some((Ok(number), Ok(of))) = numbers else {
            return Err(format!("`{text}` is not a part: write I/N, as in 1/4, or auto"));
        };
        let part = Part { number, of };
        if part.is_sound() {
            Ok(part)
        } else {
            Err(format!(
                "`{text}`: the parts of N are 1/N to N/N, and N is at most {MOST_PARTS}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_numbers_from_one() {
        assert_eq!("2/4".parse(), Ok(Part { number: 2, of: 4 }));
        assert_eq!(Part { number: 2, of: 4 }.to_string(), "2/4");
        for wrong in ["", "2", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2", "1/10001"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_benchmark_is_in_exactly_one_part() {
        for of in 1..=7 {
            let mut sizes = vec![0; of as usize];
            for number in 0..500 {
                let id = format!("benchmarks/test_é.py::test[{number}]");
                let number = Cut::new(of, &[], &[]).number(&id);
                assert!(Part { number, of }.is_sound(), "{id}");
                sizes[number as usize - 1] += 1;
            }
            assert!(sizes.iter().all(|&size| size > 500 / of / 2), "{sizes:?}");
        }
    }

    #[test]
    fn a_balanced_cut_leaves_other_ids_to_their_hash() {
        let suite = ["a", "b", "c"].map(str::to_owned);
        let cut = Cut::new(2, &suite, &[2, 1, 1]);
        assert_eq!(suite.each_ref().map(|id| cut.number(id)), [2, 1, 1]);
        assert_eq!(cut.number("d"), part_of("d", 2));
        assert!(cut.has(Part { number: 2, of: 2 }, "a"));
    }

    #[test]
    fn the_parts_are_the_same_for_ever() {
        // The first eight bytes of SHA-256, computed elsewhere (sha256sum).
        let parts = ["benchmarks/test_a.py::test_one", "größe::测试[1/2]", ""]
            .map(|id| [2, 3, 4, 1_000].map(|of| part_of(id, of)));
        assert_eq!(parts, [[1, 1, 1, 757], [1, 3, 1, 49], [1, 2, 1, 653]]);
    }
}
