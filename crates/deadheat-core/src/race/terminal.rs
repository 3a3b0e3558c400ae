//! The candidates as lines of text.

use super::report::{RaceCandidate, RaceStatus};
use crate::text::{counted, duration, is_too_wide, main_line, plain, shorten, speedup, width};

const LONGEST_NAME: usize = 40;

/// Returns a title and a line for each candidate. `reference` is the name of the first one.
pub fn lines(candidates: &[RaceCandidate], reference: &str) -> Vec<String> {
    let title = ["", "candidate", "time", "speedup [99 % interval]", "status"].map(str::to_owned);
    let rows = candidates.iter().map(|candidate| row(candidate, reference));
    let rows: Vec<[String; 5]> = std::iter::once(title).chain(rows).collect();
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(widest);
    let pad = |text: &str, column: usize| " ".repeat(widths[column].saturating_sub(width(text)));
    let line = |[place, name, time, speedup, status]: &[String; 5]| {
        let (place_pad, name_pad, time_pad) = (pad(place, 0), pad(name, 1), pad(time, 2));
        let speedup_pad = pad(speedup, 3);
        format!("{place_pad}{place}  {name}{name_pad}  {time_pad}{time}  {speedup}{speedup_pad}  {status}")
    };
    rows.iter().map(|row| line(row).trim_end().to_owned()).collect()
}

fn row(candidate: &RaceCandidate, reference: &str) -> [String; 5] {
    let absent = || "-".to_owned();
    let is_reference = candidate.name == reference && candidate.status != RaceStatus::Same;
    let speedup = match &candidate.estimate {
        _ if is_reference => "the reference".to_owned(),
        None => absent(),
        Some(estimate) => {
            let interval = &estimate.confidence_interval;
            let bounds = match is_too_wide(interval) {
                true => "[too wide]".to_owned(),
                false => {
                    let [low, high] = estimate.speedup_interval();
                    format!("[{low:.2}, {high:.2}]")
                }
            };
            format!("{} {bounds}", speedup(estimate.point_estimate))
        }
    };
    let after = format!("after {}", counted(candidate.replicates, "replicate"));
    let reason = candidate.reason.as_deref().map(|reason| plain(main_line(reason)));
    let reason = reason.unwrap_or_default();
    let status = match candidate.status {
        RaceStatus::Winner => format!("fastest {after}"),
        RaceStatus::Tied => format!("tied {after}"),
        RaceStatus::Open => format!("open {after}"),
        RaceStatus::Dropped => format!("dropped {after}"),
        RaceStatus::Failed => format!("failed: {reason}"),
        RaceStatus::Same => format!("same: {reason}"),
    };
    [
        candidate.place.map_or_else(absent, |place| place.to_string()),
        shorten(&plain(&candidate.name), LONGEST_NAME),
        candidate.median_ns.map_or_else(absent, duration),
        speedup,
        status,
    ]
}
