//! Simulates runs on several machines, and prints how often a machine is named, and how often kinds of machines are said
//! to disagree: `cargo run --release --package deadheat-core --example machines`.
//!
//! `-- 1000` makes that many runs of each kind instead. Standard input may hold recorded replicates as a JSON list of
//! lists of log ratios, of the same code on both sides: `bench/lab/machines.py` passes those of the bank.

#![expect(clippy::disallowed_methods, reason = "a program, which the core is not")]
#![expect(clippy::print_stdout, reason = "likewise")]

use std::io::{IsTerminal, Read};

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use simulated::machines::{Kinds, Machines, disagreeing, named, of_kinds};
use simulated::{Noise, Random};

fn main() {
    let runs = std::env::args()
        .nth(1)
        .map_or(2_000, |count| count.parse().expect("a number of runs"));
    let mut noises = vec![
        ("1 %", vec![Noise::Normal(0.01)]),
        ("3 %", vec![Noise::Normal(0.03)]),
        ("1.5 %, 3 in 100 eightfold", vec![Noise::HeavyTails(0.015, 0.03)]),
    ];
    let recorded = recorded();
    if !recorded.is_empty() {
        noises.push(("recorded", recorded.into_iter().map(Noise::Recorded).collect()));
    }
    println!(
        "| machines | spread of a replicate | runs that name a sound one | a biased one | its process pairs |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for (name, each, uneven) in kinds_of_runs() {
        for (noise_name, noises) in &noises {
            println!("| {name} | {noise_name} | {} |", row(&each, uneven, noises, runs));
        }
    }
    println!();
    println!("| kinds: replicates, and how far they spread | one benchmark | a run of 24 |");
    println!("| --- | --- | --- |");
    for (name, kinds) in KINDS {
        let mut random = Random(1);
        let single = (0..100 * runs)
            .filter(|_| of_kinds(kinds, &mut random).difference_p <= 0.01)
            .count();
        let together = (0..runs).filter(|_| disagreeing(kinds, &mut random) > 0).count();
        println!(
            "| {name} | {} | {} |",
            share(single, 100 * runs),
            share(together, runs)
        );
    }
}

/// A kind of run: its name, the bias of each machine with its relative spread, and whether they have unlike numbers of
/// replicates.
type Run = (&'static str, Vec<(f64, f64)>, bool);

fn kinds_of_runs() -> Vec<Run> {
    let biased = 0.05_f64.ln_1p();
    let (sound, noisy, odd) = ((0.0, 1.0), (0.0, 5.0), (biased, 1.0));
    vec![
        ("3 equal", vec![sound; 3], false),
        ("10 equal", vec![sound; 10], false),
        ("5, with unlike numbers of replicates", vec![sound; 5], true),
        (
            "5, one with five times the spread",
            vec![sound, sound, noisy, sound, sound],
            false,
        ),
        ("3, one 5 % off", vec![sound, odd, sound], false),
        ("5, one 5 % off", vec![sound, sound, sound, odd, sound], false),
        ("5, two 5 % off", vec![sound, odd, sound, odd, sound], false),
        (
            "5, one 5 % off, with unlike numbers of replicates",
            vec![sound, odd, sound, sound, sound],
            true,
        ),
        (
            "3, one 5 % off, another one with five times the spread",
            vec![sound, odd, noisy],
            false,
        ),
    ]
}

const KINDS: &[(&str, &Kinds)] = &[
    ("3 of 2 %, 3 of 2 %", &[(3, 0.02, 0.0), (3, 0.02, 0.0)]),
    ("3 of 4 %, 10 of 0.5 %", &[(3, 0.04, 0.0), (10, 0.005, 0.0)]),
    ("10 of 4 %, 3 of 0.5 %", &[(10, 0.04, 0.0), (3, 0.005, 0.0)]),
    ("10 of 2 %, 10 of 2 %", &[(10, 0.02, 0.0), (10, 0.02, 0.0)]),
    (
        "five kinds: 3 of 4 %, 4 of 2 %, 5 of 1 %, 8 of 1 %, 10 of 0.5 %",
        &[
            (3, 0.04, 0.0),
            (4, 0.02, 0.0),
            (5, 0.01, 0.0),
            (8, 0.01, 0.0),
            (10, 0.005, 0.0),
        ],
    ),
    (
        "1.31x and 1.12x: 5 of 1 %, 5 of 1 %",
        &[(5, 0.01, -0.27), (5, 0.01, -0.113)],
    ),
    (
        "1.31x and 1.12x: 10 of 3 %, 10 of 3 %",
        &[(10, 0.03, -0.27), (10, 0.03, -0.113)],
    ),
];

/// Simulates `runs` runs; each of the noises has its turn.
fn row(each: &[(f64, f64)], uneven: bool, noises: &[Noise], runs: usize) -> String {
    let mut random = Random(1);
    let (mut wrong, mut right) = (0, 0);
    let mut pairs = Vec::new();
    for run in 0..runs {
        let machines = Machines {
            noise: noises[run % noises.len()].clone(),
            each: each.to_vec(),
            shared: 0.5,
            uneven,
        };
        let biased = machines.biased();
        let found = named(&machines, &mut random);
        wrong += usize::from(found.iter().any(|(machine, ..)| !biased.contains(machine)));
        let all = found.iter().filter(|(machine, ..)| biased.contains(machine));
        right += usize::from(!biased.is_empty() && all.clone().count() == biased.len());
        pairs.extend(all.map(|(_, pairs, _)| *pairs));
    }
    pairs.sort_unstable();
    let median = pairs
        .get(pairs.len() / 2)
        .map_or_else(String::new, ToString::to_string);
    let right = if median.is_empty() {
        String::new()
    } else {
        share(right, runs)
    };
    format!("{} | {right} | {median}", share(wrong, runs))
}

fn share(count: usize, of: usize) -> String {
    format!("{:.2} %", 100.0 * count as f64 / of as f64)
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
