//! `--profile`: every function of the project that takes a noticeable part of a benchmark, base against head, as the
//! standard library's profiler sees them.

use std::collections::BTreeMap;
use std::path::Path;

use deadheat_core::judge::profile::{ProfileReplicate, ProfileSample};
use deadheat_core::model::{PerSide, Side, TargetFunction};
use deadheat_core::protocol::{FunctionSample, SurveyedFunction};
use deadheat_core::source::{self, NamedLines};

use crate::passes::function_profile::{Recordings, SurveySample};

/// The functions that either side ran, numbered, and their samples by benchmark.
pub(crate) struct Survey {
    pub(crate) functions: Vec<TargetFunction>,
    pub(crate) replicates: BTreeMap<String, Vec<ProfileReplicate>>,
}

/// Replaces the files and lines that the profiler saw by the names that both sides share. `targets` are the functions
/// that changed.
pub(crate) fn name_functions(
    recorded: Recordings<SurveySample>,
    targets: &[TargetFunction],
    checkouts: PerSide<&Path>,
) -> Survey {
    let mut naming = Naming {
        checkouts,
        files: PerSide::default(),
        numbers: BTreeMap::new(),
        functions: Vec::new(),
    };
    let replicates = recorded
        .into_iter()
        .map(|(benchmark, replicates)| {
            let replicates = replicates
                .into_iter()
                .map(|samples| PerSide {
                    base: naming.samples(Side::Base, samples.base, targets),
                    head: naming.samples(Side::Head, samples.head, targets),
                })
                .collect();
            (benchmark, replicates)
        })
        .collect();
    Survey {
        functions: naming.functions,
        replicates,
    }
}

struct Naming<'a> {
    checkouts: PerSide<&'a Path>,
    /// The functions of each file.
    files: PerSide<BTreeMap<String, Vec<NamedLines>>>,
    numbers: BTreeMap<(String, String), usize>,
    functions: Vec<TargetFunction>,
}

impl Naming<'_> {
    fn samples(
        &mut self,
        side: Side,
        samples: Vec<SurveySample>,
        targets: &[TargetFunction],
    ) -> Vec<ProfileSample> {
        samples
            .into_iter()
            .map(|sample| {
                let mut rows: BTreeMap<usize, FunctionSample> = BTreeMap::new();
                for function in &sample.functions {
                    let number = self.number(side, function, targets);
                    let row = rows.entry(number).or_insert(FunctionSample {
                        function: number,
                        calls: 0,
                        total_ns: Some(0.0),
                        total_probe_ns: 0.0,
                        self_ns: Some(0.0),
                        self_probe_ns: 0.0,
                    });
                    row.calls += function.calls;
                    row.total_ns = row.total_ns.map(|time| time + function.total_ns as f64);
                    row.self_ns = row.self_ns.map(|time| time + function.self_ns as f64);
                }
                ProfileSample {
                    iterations: sample.iterations,
                    length_ns: sample.elapsed_ns as f64,
                    unbalanced: 0,
                    functions: rows.into_values().collect(),
                }
            })
            .collect()
    }

    fn number(&mut self, side: Side, seen: &SurveyedFunction, targets: &[TargetFunction]) -> usize {
        let qualname = self.qualname(side, seen);
        // A function that moved is one function, under head's name.
        let target = targets.iter().find(|target| {
            let place = target.places.get(side).as_ref();
            place.is_some_and(|place| place.path == seen.path && place.line == seen.line)
        });
        let (path, qualname) = match target {
            Some(target) => (target.path.clone(), target.qualname.clone()),
            None => (seen.path.clone(), qualname),
        };
        let count = self.numbers.len();
        let number = *self
            .numbers
            .entry((path.clone(), qualname.clone()))
            .or_insert(count);
        if number == self.functions.len() {
            self.functions.push(TargetFunction {
                path,
                qualname,
                change: target.and_then(|target| target.change),
                lines: target.map_or((seen.line, seen.line), |target| target.lines),
                detail: None,
                places: PerSide::default(),
                reached_by: Vec::new(),
            });
        }
        number
    }

    /// Returns a function's name; code without its own (a lambda, a comprehension) is named after the one around it.
    fn qualname(&mut self, side: Side, seen: &SurveyedFunction) -> String {
        let checkout = self.checkouts.get(side);
        let functions = self
            .files
            .get_mut(side)
            .entry(seen.path.clone())
            .or_insert_with(|| {
                let source = std::fs::read(checkout.join(&seen.path)).unwrap_or_default();
                source::functions_with_lines(&source).unwrap_or_default()
            });
        let around = functions
            .iter()
            .filter(|((first, last), _)| (*first..=*last).contains(&seen.line))
            .max_by_key(|((first, _), _)| *first);
        match around {
            Some(((first, _), qualname)) if *first == seen.line && !seen.name.starts_with('<') => {
                qualname.clone()
            }
            Some((_, qualname)) => format!("{qualname}.{}", seen.name),
            None => seen.name.clone(),
        }
    }
}
