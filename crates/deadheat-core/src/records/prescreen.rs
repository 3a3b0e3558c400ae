//! The result of `deadheat micro` for a function, before the authoritative measurement.

use crate::micro::{Decision, MicroRecord};
use crate::model::{Report, Status, TargetFunction, Verdict};

/// A record of a measured function.
#[derive(Clone, Debug, PartialEq)]
pub struct Prescreen {
    /// The full hash of the commit that was the base.
    pub base: String,
    pub path: String,
    pub function: String,
    /// The ratio base/head.
    pub speedup: f64,
    pub verdict: Verdict,
    /// The git blob of the measured file; unknown in foreign records.
    pub blob: Option<String>,
}

impl Prescreen {
    /// Converts a record; `None` for scripts and statements, and where nothing was measured.
    fn of(record: MicroRecord) -> Option<Self> {
        if record.decision == Some(Decision::NoAnswer) {
            return None;
        }
        Some(Prescreen {
            base: record.base?,
            path: record.path?,
            function: record.function?,
            speedup: record
                .speedup
                .filter(|speedup| *speedup > 0.0 && speedup.is_finite())?,
            verdict: record.verdict?,
            blob: record.blob,
        })
    }

    fn is_of(&self, target: &TargetFunction) -> bool {
        let is = |path: &str, qualname: &str| self.path == path && self.function == qualname;
        let places = [&target.places.base, &target.places.head];
        is(&target.path, &target.qualname)
            || places
                .into_iter()
                .flatten()
                .any(|place| is(&place.path, &place.qualname))
    }
}

/// Returns the newest record of a target function with the same base, and the benchmarks that run the function; else
/// one of another function in a file with a target, which perhaps calls it. The measured file must be head's: `blob_of`
/// returns head's git blob of a path. Lines that cannot be read, and those of scripts and statements, are skipped.
pub fn newest_for<'a>(
    lines: &str,
    report: &'a Report,
    blob_of: &dyn Fn(&str) -> Option<String>,
) -> Option<(Prescreen, &'a [String])> {
    let base = &report.revisions.base.commit;
    let of_base: Vec<Prescreen> = lines
        .lines()
        .rev()
        .filter_map(|line| Prescreen::of(serde_json::from_str(line).ok()?))
        .filter(|record| record.base == *base)
        .filter(|record| record.blob.is_none() || record.blob == blob_of(&record.path))
        .collect();
    let targets = &report.target_functions;
    let of_target = of_base.iter().find_map(|record| {
        let target = targets.iter().find(|target| record.is_of(target))?;
        Some((record.clone(), target.reached_by.as_slice()))
    });
    of_target.or_else(|| {
        let beside = |record: &&Prescreen| targets.iter().any(|target| target.path == record.path);
        Some((of_base.iter().find(beside)?.clone(), [].as_slice()))
    })
}

/// Describes a disagreement between the two in a sentence with both numbers; `None` if they agree.
pub fn disagreement(record: &Prescreen, status: Status, total_speedup: Option<f64>) -> Option<String> {
    let disagree = match record.verdict {
        Verdict::Improved => status != Status::Keep,
        Verdict::Regressed => status == Status::Keep,
        Verdict::Unchanged | Verdict::Inconclusive | Verdict::Unexplained => false,
    };
    if !disagree {
        return None;
    }
    let end_to_end = match total_speedup {
        Some(speedup) => format!("{speedup:.2}x over all benchmarks"),
        None => "nothing".to_owned(),
    };
    Some(format!(
        "micro found {:.2}x ({}) for `{}` of {}, and end to end it is {end_to_end}, by rule {status}: the end-to-end result \
         counts",
        record.speedup, record.verdict, record.function, record.path
    ))
}
