//! `--record`: writes an experiment into `results.tsv` and `HANDOFF.md`.

use deadheat_core::model::{
    Action, GuardOutcome, NextStep, PerSide, Recorded, Report, Revision, Status, Verdict, Warning,
    WarningCode,
};
use deadheat_core::records::{
    self, Experiment, Row, StatusEffect, disagreement, has_any, newest_for, status_by_rule,
    write_measurements,
};

use crate::cli::options::RecordRequest;
use crate::error::{ErrorKind, Failure};
use crate::experiments::store::ExperimentStore;
use crate::git::Git;
use crate::system::clock;

/// Checks, before anything is measured, that there will be something to record, and a place for it.
pub(crate) fn check(state: &ExperimentStore, revisions: &PerSide<Revision>) -> anyhow::Result<()> {
    check_commits(revisions)?;
    let PerSide { base, head } = revisions;
    if base.commit == head.commit {
        return Err(Failure::usage(format!(
            "{} and {} are the same commit: there is no experiment to record",
            base.name, head.name
        ))
        .named("same_commit")
        .hint("make a change and commit it: git commit --all && deadheat compare --record TEXT")
        .next(NextStep::edit(
            Action::NextExperiment,
            "HEAD is measured: edit the code and commit it",
        ))
        .into());
    }
    let _lock = state.lock()?;
    state.results()?;
    state.handoff()?;
    Ok(())
}

/// Refuses uncommitted code, because a row names commits.
fn check_commits(revisions: &PerSide<Revision>) -> Result<(), Failure> {
    if revisions.base.dirty || revisions.head.dirty {
        return Err(
            Failure::usage("uncommitted code is not recorded: a row names commits")
                .named("uncommitted")
                .hint("commit it first: git commit --all && deadheat compare --record TEXT"),
        );
    }
    Ok(())
}

/// Adds the report's rows to `results.tsv` and replaces the last verdicts in `HANDOFF.md`. Returns the
/// report's entry about it, with its warnings.
pub(crate) fn add(
    report: &Report,
    state: &ExperimentStore,
    git: Option<&Git>,
    asked: &RecordRequest,
) -> anyhow::Result<(Recorded, Vec<Warning>)> {
    check_report(report, asked)?;
    let is_tracked = match git {
        Some(git) => state.is_tracked(git)?,
        None => false,
    };
    // Both files are read and parsed before either is written, so that a record is in both.
    let lock = state.lock()?;
    let mut results = state.results()?;
    let handoff = state.handoff()?;
    let lines = state.micro()?;
    let head = report.revisions.head.commit.clone();
    let blob_of = |path: &str| git?.blob(&head, path).ok().flatten();
    let found = newest_for(&lines, report, &blob_of);
    let by_rule = match status_by_rule(report) {
        // It was kept before, and is measured again.
        Status::Discard if is_kept(&results.rows, &head) && !has_any(report, Verdict::Regressed) => {
            Status::Keep
        }
        by_rule => by_rule,
    };
    let status = match (by_rule, asked.status) {
        (Status::ChecksFailed, _) | (_, None) => by_rule,
        (_, Some(status)) => status,
    };
    let experiment = Experiment {
        time: &clock::now(),
        description: &asked.description,
        status,
        prescreen: found.as_ref().map(|(record, reached_by)| (record, *reached_by)),
    };
    let rows = experiment.rows(report);
    results.append(&rows);
    let path = state.write_results(&lock, &results)?;
    state.write_handoff(&lock, &write_measurements(&handoff, &rows))?;
    let total = rows.last().and_then(|row| row.speedup);
    // The guard says nothing about the speed.
    let of_speed = found.filter(|_| by_rule != Status::ChecksFailed);
    let disagreement = of_speed.and_then(|(record, _)| disagreement(&record, by_rule, total));
    let disagrees = disagreement.map(|words| Warning::new(WarningCode::MicroDisagrees, words, None));
    let warnings = disagrees.into_iter().chain(is_tracked.then(|| of_tracked(state)));
    let recorded = Recorded {
        status,
        status_by_rule: by_rule,
        description: asked.description.clone(),
        file: path.display().to_string(),
    };
    Ok((recorded, warnings.collect()))
}

/// Refuses a report with nothing to record.
fn check_report(report: &Report, asked: &RecordRequest) -> Result<(), Failure> {
    if report.partial && !asked.allow_partial {
        let failure = Failure {
            kind: ErrorKind::Stopped,
            ..Failure::usage("the report is partial: nothing was recorded")
        };
        let hint = "give it more time (--timeout), or record the partial result: --allow-partial";
        return Err(failure.hint(hint));
    }
    if report
        .guard
        .as_ref()
        .is_some_and(|guard| guard.outcome == GuardOutcome::Unfinished)
    {
        let failure = Failure {
            kind: ErrorKind::Stopped,
            ..Failure::usage("the guard has not run to its end: nothing was recorded")
        };
        return Err(failure.hint("give it more time (--timeout)"));
    }
    check_commits(&report.revisions)?;
    if report.comparisons.is_empty() {
        return Err(
            Failure::nothing_measured("nothing was measured, so nothing was recorded")
                .hint("--all also measures benchmarks that run no change"),
        );
    }
    Ok(())
}

/// Returns the warning about records that git would take back together with the code.
fn of_tracked(state: &ExperimentStore) -> Warning {
    Warning::new(
        WarningCode::RecordsTracked,
        "git tracks the loop's records: `git reset --hard` takes them back with the code",
        Some(&format!(
            "git rm -r --cached '{0}', and a line for it in .gitignore",
            state.folder().display()
        )),
    )
}

fn is_kept(rows: &[Row], commit: &str) -> bool {
    let experiments = rows.iter().filter(|row| row.is_experiment());
    let of_commit = experiments.filter(|row| records::is_commit(row.head.as_deref(), commit));
    let mut standings = of_commit.map(Row::effect);
    let decided = [StatusEffect::Kept, StatusEffect::Discarded, StatusEffect::Mixed];
    standings.rfind(|effect| decided.contains(effect)) == Some(StatusEffect::Kept)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::experiments::store::tests::state;

    pub(crate) fn report(head: &str, verdict: &str) -> Report {
        let ratio = if verdict == "improved" { 0.5 } else { 2.0 };
        let estimate = json!({
            "point_estimate": ratio, "standard_error": 0.01,
            "confidence_interval": {"lower_bound": ratio * 0.9, "upper_bound": ratio * 1.1, "confidence_level": 0.99},
        });
        let revision = |name: &str| json!({"name": name, "commit": name, "dirty": false});
        let target = json!({
            "path": "a.py", "qualname": "f", "change": "modified", "lines": [1, 2], "detail": null,
            "places": {"base": null, "head": null}, "reached_by": [],
        });
        let report = json!({
            "schema_version": 1, "tool_version": "0", "partial": false,
            "revisions": {"base": revision("base"), "head": revision(head)},
            "settings": {
                "threshold_percent": 2.0, "confidence_level": 0.99, "replicates": null, "budget_seconds": null,
                "timeout_seconds": 600.0, "benchmarks_root": null, "benchmarks_from": "head", "keyword": null, "all": false,
                "profile": false, "module_roots": [], "tests_root": null, "injected": [],
            },
            "seed": 1,
            "machine": {"system": "linux", "architecture": "x86_64", "processor": null, "cores": 2, "pinned_core": null},
            "python": null, "target_functions": [target],
            "selection": {"rule": "all", "reason": ""},
            "summary": {
                "counts": {
                    "improved": 0, "regressed": 0, "unchanged": 0, "inconclusive": 0, "failed": 0, "not_reached": 0
                },
                "total": {"estimate": estimate, "verdict": verdict, "reason": null, "base_ns": 1.0, "head_ns": 1.0},
                "geometric_mean": null, "functions": [], "unexplained_ns": null,
            },
            "comparisons": [{
                "benchmark": "b.py::test|x", "base": {"median_ns": 1000.0}, "head": {"median_ns": 1000.0 * ratio},
                "estimate": estimate, "verdict": verdict, "reason": null, "looks": 1, "to_settle": null, "replicates": [],
                "functions": [], "unexplained_ns": null, "warnings": [],
            }],
            "missing": [], "warnings": [],
        });
        serde_json::from_value(report).unwrap()
    }

    fn add_to(state: &ExperimentStore, report: Report, asked: &RecordRequest) -> (Recorded, Vec<Warning>) {
        add(&report, state, None, asked).unwrap()
    }

    fn asked(description: &str) -> RecordRequest {
        RecordRequest {
            description: description.to_owned(),
            status: None,
            guard: None,
            allow_partial: false,
        }
    }

    #[test]
    fn an_experiment_is_in_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path(), None).unwrap();
        state
            .append_micro(
                r#"{"base":"base","path":"a.py","function":"f","speedup":3.0,"verdict":"improved"}"#,
            )
            .unwrap();
        let (recorded, warnings) = add_to(&state, report("one", "improved"), &asked("first\tof\nall"));
        assert_eq!(recorded.status, Status::Keep);
        assert_eq!(warnings, []);
        assert_eq!(
            recorded.file,
            state.folder().join("results.tsv").display().to_string()
        );
        let (recorded, warnings) = add_to(&state, report("two", "regressed"), &asked("second"));
        assert_eq!(recorded.status, Status::Discard);
        assert_eq!(warnings[0].code, WarningCode::MicroDisagrees);
        assert!(warnings[0].message.contains("3.00x"));
        let forced = RecordRequest {
            status: Some(Status::Mixed),
            ..asked("third")
        };
        let (recorded, _) = add_to(&state, report("three", "regressed"), &forced);
        assert_eq!(
            (recorded.status, recorded.status_by_rule),
            (Status::Mixed, Status::Discard)
        );
        let rows = state.results().unwrap().rows;
        let known: Vec<_> = rows
            .iter()
            .filter(|row| row.is_experiment())
            .map(|row| {
                (
                    row.head.as_deref(),
                    row.status.as_deref(),
                    row.description.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            known,
            [
                (Some("one"), Some("keep"), Some("first of all")),
                (Some("two"), Some("discard"), Some("second")),
                (Some("three"), Some("mixed"), Some("third")),
            ]
        );
        assert!(rows.last().unwrap().micro_speedup == Some(3.0));
        let handoff = state.handoff().unwrap();
        assert_eq!(handoff.matches("## Measurements").count(), 1);
        assert!(handoff.contains("head: three") && !handoff.contains("head: two"));
        assert!(handoff.contains("| b.py::test\\|x |"));
    }

    #[test]
    fn a_commit_that_was_kept_stays_kept_until_it_regresses() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path(), None).unwrap();
        add_to(&state, report("one", "improved"), &asked("first"));
        let (recorded, _) = add_to(&state, report("one", "inconclusive"), &asked("once more"));
        assert_eq!(recorded.status, Status::Keep);
        let (recorded, _) = add_to(&state, report("two", "inconclusive"), &asked("another"));
        assert_eq!(recorded.status, Status::Discard);
        let (recorded, _) = add_to(&state, report("one", "regressed"), &asked("once more"));
        assert_eq!(recorded.status, Status::Discard);
    }

    #[test]
    fn what_is_no_result_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path(), None).unwrap();
        let mut partial = report("one", "improved");
        partial.partial = true;
        let refused = add(&partial, &state, None, &asked("x")).unwrap_err();
        assert_eq!(
            refused.downcast_ref::<Failure>().unwrap().kind,
            ErrorKind::Stopped
        );
        let mut dirty = report("one", "improved");
        dirty.revisions.head.dirty = true;
        assert!(add(&dirty, &state, None, &asked("x")).is_err());
        assert!(!state.folder().exists());
        let mut empty = report("one", "improved");
        empty.comparisons.clear();
        let refused = add(&empty, &state, None, &asked("x")).unwrap_err();
        assert!(refused.to_string().contains("nothing was measured"));
        let allowed = RecordRequest {
            allow_partial: true,
            ..asked("x")
        };
        assert!(add(&partial, &state, None, &allowed).is_ok());
    }

    #[test]
    fn what_cannot_be_recorded_is_said_before_anything_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path(), None).unwrap();
        let revisions = report("one", "improved").revisions;
        check(&state, &revisions).unwrap();
        let same = PerSide::same(revisions.base.clone());
        assert!(
            check(&state, &same)
                .unwrap_err()
                .to_string()
                .contains("same commit")
        );
        std::fs::write(state.folder().join("results.tsv"), "no header\n").unwrap();
        assert!(check(&state, &revisions).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_understood_leaves_both_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path(), None).unwrap();
        std::fs::create_dir_all(state.folder()).unwrap();
        std::fs::write(state.folder().join("HANDOFF.md"), b"\xff").unwrap();
        assert!(add(&report("one", "improved"), &state, None, &asked("x")).is_err());
        assert!(!state.folder().join("results.tsv").exists());
    }

    #[test]
    fn many_writers_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path(), None).unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let state = &state;
                scope.spawn(move || {
                    for _ in 0..5 {
                        let asked = asked(&format!("writer {writer}"));
                        add(&report("one", "improved"), state, None, &asked).unwrap();
                    }
                });
            }
        });
        let rows = state.results().unwrap().rows;
        assert_eq!(rows.iter().filter(|row| row.is_experiment()).count(), 20);
        assert_eq!(rows.len(), 40);
    }
}
