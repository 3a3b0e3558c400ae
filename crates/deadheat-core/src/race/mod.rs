//! The result of a race between several candidates: the fastest, or those that are tied.

mod answer;
mod report;
mod terminal;

pub use answer::{RaceAnswer, RaceVerdict, answer};
pub use report::{RaceCandidate, RaceReport, RaceRow, RaceSettings, RaceStatus, raced, unraced};
pub use terminal::lines;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::race::Race;
    use crate::judge::stats::Threshold;

    /// Races between candidates whose times are slower than 1 by these percentages, give or take a ten-thousandth.
    fn race(slower: &[f64], most: usize) -> (Race, Vec<String>) {
        let times: Vec<f64> = slower.iter().map(|percent| (percent / 100.0).ln_1p()).collect();
        let mut race = Race::new(times.len(), Threshold::from_percent(2.0));
        for index in 0..most {
            let leader = times[race.leader()];
            let wiggle = 1e-4 * (index % 3) as f64;
            let challengers = race.challengers().into_iter();
            let ratios: Vec<(usize, f64)> = challengers
                .map(|one| (one, times[one] - leader + wiggle))
                .collect();
            if ratios.is_empty() {
                break;
            }
            race.add(&ratios);
        }
        race.finish();
        (
            race,
            (0..slower.len()).map(|number| format!("c{number}")).collect(),
        )
    }

    #[test]
    fn the_sentence_says_by_how_much_the_winner_is_ahead() {
        let said = |slower: &[f64], most: usize| {
            let (race, names) = race(slower, most);
            answer(&race, &names, 2.0)
        };
        let won = said(&[10.0, 0.0, 30.0], 50);
        assert_eq!(
            (won.verdict, won.fastest.as_slice()),
            (RaceVerdict::Winner, &["c1".to_owned()][..])
        );
        assert_eq!(won.next_best.as_deref(), Some("c0"));
        assert!(
            won.lead_percent
                .is_some_and(|percent| 9.0 < percent && percent < 10.0)
        );
        assert!(
            won.sentence.starts_with("c1 is the fastest: at least 9."),
            "{}",
            won.sentence
        );
        let far = said(&[0.0, 400.0], 50);
        assert!(
            far.sentence.contains(": at least 4.9 times as fast as c1 ("),
            "{}",
            far.sentence
        );
        let tied = said(&[0.0, 0.5, 90.0], 50);
        assert_eq!(
            tied.sentence,
            "c0 and c1 are tied: within 2 % (wrong in at most 1 of 100 races)"
        );
        let three = said(&[0.5, 0.0, 1.0], 50);
        assert_eq!(
            three.sentence,
            "c1, c0 and c2 are tied: each within 2 % of c1 (wrong in at most 1 of 100 races)"
        );
        let (mut none, names) = race(&[0.0, 1.0], 5);
        none.withdraw(0);
        none.withdraw(1);
        assert_eq!(answer(&none, &names, 2.0).verdict, RaceVerdict::NothingMeasured);
        let open = said(&[0.0, 10.0, 12.0], 2);
        assert_eq!(
            open.sentence,
            "no answer after 2 replicates: c0, c1 or c2 may be the fastest"
        );
    }

    #[test]
    fn a_table_has_a_line_for_each_candidate() {
        let (mut race, names) = race(&[10.0, 0.0, 30.0, 0.1], 50);
        race.withdraw(2);
        let mut candidates = raced(&race, &names, Some(1e6));
        candidates.last_mut().unwrap().reason = Some("ValueError: \u{1b}no".to_owned());
        candidates.push(unraced(
            "c4",
            None,
            RaceStatus::Same,
            Some("the commit of c1".to_owned()),
        ));
        let lines = lines(&candidates, "c0");
        let status = |line: &str| line.rsplit("  ").next().unwrap_or_default().to_owned();
        let statuses: Vec<String> = lines.iter().map(|line| status(line)).collect();
        assert_eq!(
            statuses,
            [
                "status",
                "tied after 5 replicates",
                "tied after 5 replicates",
                "dropped after 5 replicates",
                "failed: ValueError: \\x1bno",
                "same: the commit of c1",
            ]
        );
        assert!(lines[1].starts_with("1  c1"), "{}", lines[1]);
        assert!(lines[1].contains("909 µs  1.10x [1.10, 1.10]"), "{}", lines[1]);
        assert!(lines[3].contains("1.00 ms  the reference"), "{}", lines[3]);
    }
}
