//! The results of a race so far, and the report that is made from them.

use deadheat_core::judge::stats::{self, CONFIDENCE_LEVEL};
use deadheat_core::model::{Python, Revision, SCHEMA_VERSION, Side, Warning, WarningCode};
use deadheat_core::output::{self, Difference, OutputCheck};
use deadheat_core::race::{
    RaceAnswer, RaceCandidate, RaceReport, RaceRow, RaceSettings, RaceStatus, RaceVerdict, answer, raced,
    unraced,
};
use deadheat_core::text::main_line;

use crate::commands::common::conclude::on_several_cores;
use crate::commands::common::row_warnings::warnings_of_row;
use crate::commands::race::contest::Contest;
use crate::config::settings::CompareSettings;
use crate::error::{ExitCode, Failure};
use crate::git::Git;
use crate::passes::measure::ReplicateSet;
use crate::system::machine::machine;

pub(super) struct Found {
    revisions: Vec<Revision>,
    seed: u64,
    pub(super) python: Option<Python>,
    pub(super) budget_seconds: Option<f64>,
    pub(super) pinned_core: Option<usize>,
    pub(super) later_cores: Vec<usize>,
    pub(super) is_partial: bool,
    answer: Option<RaceAnswer>,
    candidates: Vec<RaceCandidate>,
    benchmarks: Vec<String>,
    pairs: usize,
    replicates: Vec<Vec<Option<f64>>>,
    raced: Vec<String>,
    /// Each with the candidates that it came with; none: with the race as a whole.
    warnings: Vec<(Vec<usize>, Warning)>,
    /// Those that were not raced.
    aside: Vec<(usize, RaceStatus, String)>,
}

impl Found {
    pub(super) fn new(revisions: Vec<Revision>, seed: u64) -> Self {
        Found {
            seed,
            python: None,
            budget_seconds: None,
            pinned_core: None,
            later_cores: Vec::new(),
            is_partial: false,
            answer: None,
            candidates: Vec::new(),
            benchmarks: Vec::new(),
            pairs: 0,
            replicates: Vec::new(),
            raced: vec![revisions[0].name.clone()],
            warnings: Vec::new(),
            aside: Vec::new(),
            revisions,
        }
    }

    pub(super) fn name(&self, candidate: usize) -> &str {
        &self.revisions[candidate].name
    }

    /// Returns whether an earlier candidate has the same commit, or the same files, and which.
    pub(super) fn same_as(&self, candidate: usize, git: &Git) -> Option<String> {
        let own = &self.revisions[candidate].commit;
        let tree = |commit: &str| {
            git.line(["rev-parse", &format!("{commit}^{{tree}}")])
                .ok()
                .flatten()
        };
        let own_tree = tree(own);
        self.revisions[..candidate].iter().find_map(|earlier| {
            let what = match () {
                () if earlier.commit == *own => "the commit of",
                () if own_tree.is_some() && tree(&earlier.commit) == own_tree => "the files of",
                () => return None,
            };
            Some(format!("{what} {}", earlier.name))
        })
    }

    /// Adds a candidate that is not raced.
    pub(super) fn set_aside(&mut self, candidate: usize, status: RaceStatus, reason: String) {
        self.aside.push((candidate, status, reason));
    }

    /// Adds warnings, each once, whichever candidates it came with.
    pub(super) fn warn_all(&mut self, candidate: Option<usize>, warnings: Vec<Warning>) {
        // The candidate's status says this.
        let is_said = |code| {
            matches!(
                code,
                WarningCode::NothingChanged | WarningCode::NoBenchmarkReaches
            )
        };
        for warning in warnings.into_iter().filter(|warning| !is_said(warning.code)) {
            match self.warnings.iter_mut().find(|(_, known)| *known == warning) {
                Some((candidates, _)) => candidates.extend(candidate),
                None => self.warnings.push((candidate.into_iter().collect(), warning)),
            }
        }
    }

    /// Concludes that there are not two candidates to race.
    pub(super) fn nothing_to_race(&mut self) -> anyhow::Result<ExitCode> {
        let failed = self
            .aside
            .iter()
            .find(|(_, status, _)| *status == RaceStatus::Failed);
        let Some((candidate, _, reason)) = failed else {
            let names: Vec<String> = self
                .revisions
                .iter()
                .map(|revision| revision.name.clone())
                .collect();
            self.answer = Some(RaceAnswer {
                verdict: RaceVerdict::Tied,
                fastest: names,
                next_best: None,
                lead_percent: None,
                tied_within_percent: Some(0.0),
                sentence: "all candidates have the same code, as far as the benchmarks run it".to_owned(),
            });
            return Ok(ExitCode::Done);
        };
        let name = &self.revisions[*candidate].name;
        Err(Failure::nothing_measured(format!("no candidate can be measured. {name}: {reason}")).into())
    }

    /// Notes the error that ended the command, for a report without an answer.
    pub(super) fn end(&mut self, error: &anyhow::Error) {
        let (message, hint) = match error.downcast_ref::<Failure>() {
            Some(failure) => (failure.message.clone(), failure.hint.clone()),
            None => (error.to_string(), None),
        };
        let warning = Warning::new(WarningCode::NothingMeasured, &message, hint.as_deref());
        self.warn_all(None, vec![warning]);
        self.answer.get_or_insert_with(|| nothing(main_line(&message)));
    }

    pub(super) fn has_answer(&self) -> bool {
        let verdict = self.answer.as_ref().map(|answer| answer.verdict);
        verdict.is_some_and(|verdict| verdict != RaceVerdict::NothingMeasured)
    }

    /// Takes over the results of the race.
    pub(super) fn conclude(&mut self, contest: &Contest<'_>, threshold_percent: f64) {
        let (race, names) = (&contest.race, &contest.names);
        self.answer = Some(answer(race, names, threshold_percent));
        self.benchmarks.clone_from(&contest.benchmarks);
        self.pairs = contest.pairs;
        self.replicates = race.times().replicates().to_vec();
        self.raced.clone_from(names);
        let reference_ns = contest
            .benchmarks
            .iter()
            .map(|benchmark| reference_ns(contest, benchmark));
        self.candidates = raced(race, names, reference_ns.sum());
        for (number, name) in names.iter().enumerate() {
            let candidate = contest.candidate(number);
            let rows: Vec<RaceRow> = contest
                .benchmarks
                .iter()
                .map(|benchmark| self.row(contest, number, candidate, benchmark))
                .collect();
            let commit = self.revisions[candidate].commit.clone();
            if let Some(shown) = self.candidates.iter_mut().find(|one| one.name == *name) {
                shown.commit = Some(commit);
                shown.reason = contest.failed.get(&number).cloned();
                shown.output = output_of(&rows);
                shown.rows = rows;
            }
        }
        let parallel = contest.benchmarks.iter();
        for benchmark in parallel.filter(|benchmark| contest.is_on_several_cores(benchmark)) {
            self.warn_all(None, vec![on_several_cores().of(benchmark)]);
        }
        for failure in &contest.left_out {
            let message = format!(
                "it fails on {}, and was left out: {}",
                names[0],
                failure.main_line()
            );
            let warning = Warning::new(WarningCode::FailedLater, message, None);
            self.warn_all(None, vec![warning.of(&failure.benchmark)]);
        }
    }

    /// Returns the row of one benchmark, and warns of it.
    fn row(&mut self, contest: &Contest<'_>, number: usize, candidate: usize, benchmark: &str) -> RaceRow {
        let base_ns = reference_ns(contest, benchmark);
        let part = &contest.parts[benchmark];
        let estimate = (number > 0)
            .then(|| contest.race.estimate_of(part, 0, number))
            .flatten();
        let ratio = match number {
            0 => Some(1.0),
            _ => estimate.map(|estimate| estimate.center.exp()),
        };
        let set = set_of(contest, number, benchmark);
        let (check, difference) = set.map_or((OutputCheck::NotChecked, None), |set| {
            output::check(&set.outputs.base, &set.outputs.head)
        });
        if let Some(set) = set {
            self.warn_all(Some(candidate), warnings_of_row(benchmark, set, None, None, None));
            let differs = difference.map(|difference| self.differs(candidate, benchmark, &difference));
            self.warn_all(None, differs.into_iter().collect());
        }
        RaceRow {
            benchmark: benchmark.to_owned(),
            median_ns: base_ns.zip(ratio).map(|(base, ratio)| base * ratio),
            estimate: estimate.map(|estimate| estimate.to_estimate()),
            output: if number == 0 { OutputCheck::Same } else { check },
        }
    }

    fn differs(&self, candidate: usize, benchmark: &str, difference: &Difference) -> Warning {
        let at = match difference.place.as_str() {
            "" => String::new(),
            place => format!(" at {place}"),
        };
        Warning::new(
            WarningCode::OutputDiffers,
            format!(
                "{}: {benchmark} returns {}{at}, and {} on {}",
                self.name(candidate),
                difference.head,
                difference.base,
                self.name(0)
            ),
            Some("is it still correct? its time is that of other work"),
        )
    }

    pub(super) fn into_report(mut self, settings: &CompareSettings) -> RaceReport {
        self.aside.sort_by_key(|(candidate, ..)| *candidate);
        let aside = std::mem::take(&mut self.aside);
        if self.candidates.is_empty() {
            let status = if self.has_answer() {
                RaceStatus::Tied
            } else {
                RaceStatus::Open
            };
            let is_aside = |candidate: usize| aside.iter().any(|(other, ..)| *other == candidate);
            let unmeasured = self.revisions.iter().enumerate();
            let unmeasured = unmeasured.filter(|(candidate, _)| !is_aside(*candidate));
            self.candidates = unmeasured
                .map(|(_, revision)| unraced(&revision.name, Some(&revision.commit), status, None))
                .collect();
        }
        for (candidate, status, reason) in aside {
            let Revision { name, commit, .. } = &self.revisions[candidate];
            self.candidates
                .push(unraced(name, Some(commit), status, Some(reason)));
        }
        let entered = self.revisions.len() - 1;
        let names = |candidates: &[usize]| {
            let names: Vec<&str> = candidates.iter().map(|&one| self.name(one)).collect();
            names.join(", ")
        };
        let warnings = self
            .warnings
            .iter()
            .map(|(candidates, warning)| match candidates.len() {
                0 => warning.clone(),
                count if count == entered && entered > 1 => warning.clone(),
                _ => Warning {
                    message: format!("{}: {}", names(candidates), warning.message),
                    ..warning.clone()
                },
            });
        let warnings = warnings.collect();
        RaceReport {
            schema_version: SCHEMA_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            partial: self.is_partial,
            answer: self
                .answer
                .unwrap_or_else(|| nothing("the race was stopped before anything was measured")),
            candidates: self.candidates,
            benchmarks: self.benchmarks,
            settings: RaceSettings {
                threshold_percent: settings.threshold_percent,
                confidence_level: CONFIDENCE_LEVEL,
                budget_seconds: self.budget_seconds,
                timeout_seconds: settings.sides.timeout.as_secs_f64(),
                keyword: settings.keyword.clone(),
                tests: settings.tests.clone(),
                all: settings.all,
            },
            seed: self.seed,
            machine: machine(self.pinned_core, self.later_cores),
            python: self.python,
            pairs: self.pairs,
            replicates: self.replicates,
            raced: self.raced,
            warnings,
            next: Vec::new(),
        }
    }
}

fn nothing(sentence: &str) -> RaceAnswer {
    RaceAnswer {
        verdict: RaceVerdict::NothingMeasured,
        fastest: Vec::new(),
        next_best: None,
        lead_percent: None,
        tied_within_percent: None,
        sentence: sentence.to_owned(),
    }
}

/// Returns the measurements of a benchmark on the reference and this candidate.
fn set_of<'a>(contest: &'a Contest<'_>, number: usize, benchmark: &str) -> Option<&'a ReplicateSet> {
    contest.measured.get(&(0, number))?.get(benchmark)
}

/// Returns the time of a benchmark on the reference.
fn reference_ns(contest: &Contest<'_>, benchmark: &str) -> Option<f64> {
    let numbers = 1..contest.names.len();
    let sets = numbers.filter_map(|number| set_of(contest, number, benchmark));
    stats::median(sets.map(|set| set.median_ns(Side::Base)))
}

/// Returns whether a candidate returns the same in all benchmarks.
fn output_of(rows: &[RaceRow]) -> OutputCheck {
    let checks = || rows.iter().map(|row| row.output);
    let not_same = checks().find(|check| *check != OutputCheck::Same);
    match checks().find(|check| *check == OutputCheck::Different) {
        Some(different) => different,
        None => not_same.unwrap_or(OutputCheck::Same),
    }
}
