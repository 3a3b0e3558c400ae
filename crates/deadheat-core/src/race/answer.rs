//! The answer of a race, in one sentence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::race::{Race, Standing};
use crate::text::{counted, plain};

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RaceVerdict {
    /// One candidate is faster than all others.
    Winner,
    /// The differences of several to the leader lie within the threshold, and they are faster than all others.
    Tied,
    /// Several may be the fastest.
    Inconclusive,
    NothingMeasured,
}

/// The answer of a race.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct RaceAnswer {
    pub verdict: RaceVerdict,
    /// The winner, or those that are tied or that may be the fastest; the one with the best estimate first.
    pub fastest: Vec<String>,
    /// The next best candidate, which the winner is faster than by at least `lead_percent`.
    pub next_best: Option<String>,
    pub lead_percent: Option<f64>,
    /// The largest difference, in percent, that those that are tied may have to the leader.
    pub tied_within_percent: Option<f64>,
    pub sentence: String,
}

/// Returns the answer of a race that is over. `names` are those of its candidates.
pub fn answer(race: &Race, names: &[String], threshold_percent: f64) -> RaceAnswer {
    let remaining = by_time(race, race.remaining());
    let answer = RaceAnswer {
        verdict: RaceVerdict::Inconclusive,
        fastest: remaining.iter().map(|&one| names[one].clone()).collect(),
        next_best: None,
        lead_percent: None,
        tied_within_percent: None,
        sentence: String::new(),
    };
    match remaining.as_slice() {
        [] => RaceAnswer {
            verdict: RaceVerdict::NothingMeasured,
            sentence: "no candidate could be measured".to_owned(),
            ..answer
        },
        [winner] => won(race, names, *winner, answer),
        _ if race.challengers().is_empty() => tied(race, names, threshold_percent, answer),
        _ => RaceAnswer {
            sentence: format!(
                "no answer after {}: {} may be the fastest",
                counted(race.times().replicates().len(), "replicate"),
                listed(&answer.fastest, "or")
            ),
            ..answer
        },
    }
}

fn won(race: &Race, names: &[String], winner: usize, answer: RaceAnswer) -> RaceAnswer {
    let slower = (0..names.len()).filter(|&one| matches!(race.standing(one), Standing::Dropped { .. }));
    let next = slower
        .map(|one| (one, race.lead(one)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let name = plain(&names[winner]);
    match next {
        None => RaceAnswer {
            verdict: RaceVerdict::NothingMeasured,
            sentence: format!("{name} is the only candidate that could be measured"),
            ..answer
        },
        Some((next, lead)) => {
            let percent = 100.0 * lead.exp_m1();
            // A bound is never rounded up.
            let shown = (percent * 10.0).floor() / 10.0;
            let next_name = plain(&names[next]);
            let lead = match shown {
                ..0.1 => format!("at least a little faster than {next_name}"),
                100.0.. => format!(
                    "at least {:.1} times as fast as {next_name}",
                    (lead.exp() * 10.0).floor() / 10.0
                ),
                _ => format!("at least {shown:.1} % faster than {next_name}"),
            };
            RaceAnswer {
                verdict: RaceVerdict::Winner,
                next_best: Some(names[next].clone()),
                lead_percent: Some(percent),
                sentence: format!("{name} is the fastest: {lead} (wrong in at most 1 of 100 races)"),
                ..answer
            }
        }
    }
}

fn tied(race: &Race, names: &[String], threshold_percent: f64, answer: RaceAnswer) -> RaceAnswer {
    let leader = race.leader();
    let others = race.remaining().into_iter().filter(|&one| one != leader);
    let reach = others
        .filter_map(|one| race.estimate(leader, one))
        .map(|estimate| estimate.center.abs() + estimate.half_width)
        .fold(0.0, f64::max);
    let percent = (reach.exp_m1() * 1000.0).ceil() / 10.0;
    let percent = percent.max(threshold_percent);
    let all = listed(&answer.fastest, "and");
    let within = match answer.fastest.len() {
        2 => format!("within {percent} %"),
        _ => format!("each within {percent} % of {}", plain(&names[leader])),
    };
    RaceAnswer {
        verdict: RaceVerdict::Tied,
        tied_within_percent: Some(percent),
        sentence: format!("{all} are tied: {within} (wrong in at most 1 of 100 races)"),
        ..answer
    }
}

/// Sorts candidates by their estimates, the fastest first.
pub(super) fn by_time(race: &Race, mut candidates: Vec<usize>) -> Vec<usize> {
    let behind = |one: usize| {
        race.estimate(race.leader(), one)
            .map_or(f64::INFINITY, |estimate| estimate.center)
    };
    candidates.sort_by(|&a, &b| behind(a).total_cmp(&behind(b)));
    candidates
}

/// Returns names as a list in a sentence.
fn listed(names: &[String], joint: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| plain(name)).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {joint} {last}", first.join(", ")),
    }
}
