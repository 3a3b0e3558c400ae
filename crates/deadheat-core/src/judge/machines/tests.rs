use super::*;
use crate::model::{Clock, Order, Round, Sample};

/// A generator of normally distributed numbers.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn replicate(machine: usize, seed: u32, log_ratio: f64) -> Replicate {
    let sample = |elapsed_ns: f64| Sample {
        elapsed_ns: elapsed_ns as u64,
        iterations: 1,
    };
    Replicate {
        seed,
        clock: Clock::Wall,
        machine: Some(machine as u32),
        rounds: vec![Round {
            order: Order::BaseHead,
            base: sample(1e9),
            head: sample(1e9 * log_ratio.exp()),
        }],
    }
}

/// A run of 24 benchmarks: for each machine, its process pairs, their spread, and its bias.
fn run(random: &mut Random, machines: &[(u32, f64, f64)], is_whole: bool) -> Vec<Vec<Replicate>> {
    let mut benchmarks = vec![Vec::new(); 24];
    for (machine, &(pairs, spread, bias)) in machines.iter().enumerate() {
        for pair in 0..pairs {
            // Half of the variance is of the process pair.
            let of_pair = random.normal();
            for (index, replicates) in benchmarks.iter_mut().enumerate() {
                // Some benchmarks are settled sooner than others.
                if is_whole || pair < pairs.min(3 + index as u32) {
                    let noise = spread * (of_pair + random.normal()) / 2_f64.sqrt();
                    let seed = 1_000 * machine as u32 + pair;
                    replicates.push(replicate(machine, seed, 0.1 * index as f64 - 1.0 + bias + noise));
                }
            }
        }
    }
    benchmarks
}

fn named(benchmarks: &[Vec<Replicate>], kinds: &[u32], look: u32) -> Vec<u32> {
    let found = outliers(benchmarks.iter().map(Vec::as_slice), kinds, look);
    found.into_iter().map(|(machine, _)| machine).collect()
}

#[test]
fn a_biased_machine_is_named_and_no_sound_one() {
    let bias = 0.05_f64.ln_1p();
    for (machines, pairs, spread) in [(3, 10, 0.01), (5, 10, 0.01), (3, 50, 0.03), (5, 40, 0.03)] {
        let mut random = Random(1);
        for biased in 0..machines {
            for sign in [-1.0, 1.0] {
                let of = |machine| (pairs, spread, if machine == biased { sign * bias } else { 0.0 });
                let all: Vec<_> = (0..machines).map(of).collect();
                let benchmarks = run(&mut random, &all, true);
                let kinds = vec![0; machines];
                assert_eq!(
                    named(&benchmarks, &kinds, 3),
                    [biased as u32],
                    "{machines} at {spread}"
                );
                let found = outliers(benchmarks.iter().map(Vec::as_slice), &kinds, 3);
                let outlier = found[0].1;
                assert!(outlier.lower < outlier.ratio && outlier.ratio < outlier.upper);
                assert!(outlier.lower < (sign * bias).exp() && (sign * bias).exp() < outlier.upper);
                assert_eq!(outlier.replicates, pairs as usize);
            }
        }
    }
}
