//! Simulates races, and prints how often they are right: `cargo run --release --package deadheat-core --example race`.
//!
//! `-- 1000` makes that many races of each kind instead. Standard input may hold recorded replicates as a JSON list of
//! lists of log ratios, of the same code on both sides: `bench/lab/races.py` passes those of the bank.

#![expect(clippy::disallowed_methods, reason = "a program, which the core is not")]
#![expect(clippy::print_stdout, reason = "likewise")]

use std::io::{IsTerminal, Read};

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use simulated::{End, Noise, Outcome, Random, all_pairwise, race, slower_by};

/// The answers that are right for a kind of race, with the candidates in their order.
struct Kind {
    name: &'static str,
    slower: &'static [f64],
    is_right: fn(&End) -> bool,
    is_wrong: fn(&End) -> bool,
}

const KINDS: [Kind; 6] = [
    Kind {
        name: "eight equal",
        slower: &[0.0; 8],
        is_right: |end| matches!(end, End::Tied(all) if all.len() == 8),
        is_wrong: |end| matches!(end, End::Winner(_)),
    },
    Kind {
        name: "the best 3 % ahead of seven equal ones",
        slower: &[3.0, 3.0, 3.0, 3.0, 3.0, 0.0, 3.0, 3.0],
        is_right: |end| *end == End::Winner(5),
        is_wrong: |end| !matches!(end, End::Winner(5) | End::Inconclusive),
    },
    Kind {
        name: "the best 3 % ahead, the others 3 to 60 % behind",
        slower: &[8.0, 3.0, 12.0, 5.0, 20.0, 0.0, 4.0, 60.0],
        is_right: |end| *end == End::Winner(5),
        is_wrong: |end| !matches!(end, End::Winner(5) | End::Inconclusive),
    },
    Kind {
        name: "eight, in steps of 1 %",
        slower: &[4.0, 7.0, 2.0, 0.0, 5.0, 1.0, 6.0, 3.0],
        is_right: |end| *end == End::Winner(3) || matches!(end, End::Tied(all) if all.contains(&3)),
        is_wrong: |end| match end {
            End::Winner(winner) => *winner != 3,
            End::Tied(all) => !all.contains(&3),
            End::Inconclusive => false,
        },
    },
    Kind {
        name: "two equal ones 4 % ahead of six",
        slower: &[4.0, 4.0, 0.0, 4.0, 4.0, 4.0, 0.0, 4.0],
        is_right: |end| *end == End::Tied(vec![2, 6]),
        is_wrong: |end| !matches!(end, End::Inconclusive) && *end != End::Tied(vec![2, 6]),
    },
    Kind {
        name: "twenty, the best 3 % ahead",
        slower: &[
            9.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 0.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0, 6.0, 7.0,
            7.0,
        ],
        is_right: |end| *end == End::Winner(9),
        is_wrong: |end| !matches!(end, End::Winner(9) | End::Inconclusive),
    },
];

fn main() {
    let races = std::env::args()
        .nth(1)
        .map_or(2_000, |count| count.parse().expect("a number of races"));
    let mut noises = vec![
        ("1 %", vec![Noise::Normal(0.01)]),
        ("2 %", vec![Noise::Normal(0.02)]),
        ("1.5 %, 3 in 100 eightfold", vec![Noise::HeavyTails(0.015, 0.03)]),
        ("1.5 %, half of it shared", vec![Noise::Shared(0.015)]),
    ];
    let recorded = recorded();
    if !recorded.is_empty() {
        noises.push(("recorded", recorded.into_iter().map(Noise::Recorded).collect()));
    }
    println!(
        "| race | spread of a replicate | right | wrong | open | an interval misses | pairs | of all pairwise |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for kind in &KINDS {
        for (name, noise) in &noises {
            println!("| {} | {name} | {} |", kind.name, row(kind, noise, races));
        }
    }
}

/// Races `races` times; each of the noises has its turn.
fn row(kind: &Kind, noises: &[Noise], races: usize) -> String {
    let times = slower_by(kind.slower);
    let mut random = Random(1);
    let outcomes: Vec<Outcome> = (0..races)
        .map(|index| race(&times, &noises[index % noises.len()], &mut random))
        .collect();
    let share = |count: usize| format!("{:.2} %", 100.0 * count as f64 / races as f64);
    let count = |is: &dyn Fn(&Outcome) -> bool| share(outcomes.iter().filter(|outcome| is(outcome)).count());
    let mean = |sum: usize, count: usize| sum as f64 / count as f64;
    let pairs = mean(outcomes.iter().map(|outcome| outcome.pairs).sum(), races);
    // Their mean is known well enough with fewer.
    let compared = (races / 10).max(noises.len());
    let of_all = (0..compared).map(|index| all_pairwise(&times, &noises[index % noises.len()], &mut random));
    let of_all = mean(of_all.sum(), compared);
    format!(
        "{} | {} | {} | {} | {pairs:.0} | {:.0} % of {of_all:.0}",
        count(&|outcome| (kind.is_right)(&outcome.end)),
        count(&|outcome| (kind.is_wrong)(&outcome.end)),
        count(&|outcome| outcome.end == End::Inconclusive),
        count(&|outcome| !outcome.covers),
        100.0 * pairs / of_all,
    )
}

/// Reads recorded replicates from standard input, if it is not a terminal.
fn recorded() -> Vec<Vec<f64>> {
    let mut text = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin()
            .read_to_string(&mut text)
            .expect("standard input is text");
    }
    if text.trim().is_empty() {
        return Vec::new();
    }
    serde_json::from_str(&text).expect("a list of lists of numbers")
}
