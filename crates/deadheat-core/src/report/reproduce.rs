//! The command that measures the same again.

use crate::model::{BenchmarksFrom, Environments, Report, Settings};

/// Returns the command for a POSIX shell, in the project's folder of a checkout.
pub(super) fn command(report: &Report) -> String {
    joined(&words(report))
}

/// Joins the words of a command for a POSIX shell.
pub(super) fn joined(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    quoted.join(" ")
}

/// Returns the command's words.
pub(super) fn words(report: &Report) -> Vec<String> {
    let settings = &report.settings;
    let (base, head) = (&report.revisions.base, &report.revisions.head);
    let mut words = vec!["deadheat".to_owned()];
    let is_noise = report.noise.is_some();
    match (is_noise, head.dirty) {
        (true, _) => add(&mut words, &["noise", &head.commit]),
        (false, true) => add(&mut words, &["compare", &base.commit, "--working-tree"]),
        (false, false) => add(&mut words, &["compare", &base.commit, &head.commit]),
    }
    what_is_measured(settings, &mut words);
    if let Some(functions) = &settings.functions {
        add(&mut words, &["--functions", functions]);
    }
    let switches = [
        (settings.all && !is_noise, "--all"),
        (settings.memory, "--memory"),
        (settings.profile, "--profile"),
        (
            report.machine.pinned_core.is_none() && settings.on.is_none() && !report.comparisons.is_empty(),
            "--no-pin",
        ),
    ];
    for (is_on, switch) in switches {
        if is_on {
            add(&mut words, &[switch]);
        }
    }
    environment(settings, &mut words);
    effort(settings, &mut words);
    add(&mut words, &["--timeout", &settings.timeout_seconds.to_string()]);
    add(&mut words, &["--seed", &report.seed.to_string()]);
    words
}

fn add(words: &mut Vec<String>, parts: &[&str]) {
    words.extend(parts.iter().map(|&part| part.to_owned()));
}

/// Adds the benchmarks, or the command or tests that are measured instead.
fn what_is_measured(settings: &Settings, words: &mut Vec<String>) {
    if let Some(script) = &settings.script {
        add(words, &["--script", script]);
    }
    if let Some(file) = &settings.script_output {
        add(words, &["--script-output", file]);
    }
    for test in &settings.tests {
        add(words, &["--tests", test]);
    }
    // With tests, it is their folder.
    if let (Some(root), []) = (&settings.benchmarks_root, settings.tests.as_slice()) {
        add(
            words,
            &["--benchmarks-root", &from_folder(&settings.folder, root)],
        );
    }
    if let Some(keyword) = &settings.keyword {
        add(words, &["-k", keyword]);
    }
    for argument in &settings.pytest_args {
        add(words, &[&format!("--pytest-arg={argument}")]);
    }
    match settings.benchmarks_from {
        BenchmarksFrom::Head => {}
        BenchmarksFrom::Base => add(words, &["--benchmarks-from", "base"]),
        BenchmarksFrom::Own => add(words, &["--benchmarks-from", "own"]),
    }
}

/// Adds the options for the sides' environments.
fn environment(settings: &Settings, words: &mut Vec<String>) {
    for path in &settings.injected {
        add(words, &["--inject", &from_folder(&settings.folder, path)]);
    }
    if settings.environment == Environments::PerRef {
        add(words, &["--env", "per-ref"]);
    }
    for file in &settings.requirements {
        add(words, &["--requirements", file]);
    }
    if let Some(build) = &settings.build {
        add(words, &["--build", build]);
    }
    if let Some(mib) = settings.memory_limit_mib {
        add(words, &["--memory-limit", &mib.to_string()]);
    }
}

/// Adds the threshold, and how much is measured for it.
fn effort(settings: &Settings, words: &mut Vec<String>) {
    // On the command line it would also hold for the benchmarks of every glob. If there are globs, both are
    // from the configuration, which applies again.
    if settings.thresholds.is_empty() {
        add(words, &["--threshold", &settings.threshold_percent.to_string()]);
    }
    match (settings.replicates, settings.budget_seconds) {
        (Some(count), _) => add(words, &["--replicates", &count.to_string()]),
        (None, Some(seconds)) if seconds > 0.0 => add(words, &["--budget", &seconds.to_string()]),
        (None, _) => {}
    }
    if let Some(place) = &settings.on {
        add(words, &["--on", place]);
    }
    if let Some(part) = settings.part {
        add(words, &["--partition", &part.to_string()]);
        if let Some(balance) = &settings.balance {
            add(words, &["--balance", &balance.file]);
        }
    }
}

/// Returns a path of the repository as the project's folder sees it.
fn from_folder(folder: &str, path: &str) -> String {
    if folder.is_empty() {
        return path.to_owned();
    }
    match path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
        Some(inside) => inside.to_owned(),
        None => format!("{}{path}", "../".repeat(folder.split('/').count())),
    }
}

/// Quotes one word for a shell.
pub fn quoted(word: &str) -> String {
    // No shell can be given a NUL.
    let word = word.replace('\0', "");
    shlex::try_quote(&word).map_or_else(|_| word.clone(), |quoted| quoted.into_owned())
}

#[cfg(test)]
mod tests {
    use super::{from_folder, quoted};

    #[test]
    fn paths_are_relative_to_the_projects_folder() {
        for (folder, path, expected) in [
            ("", "bench", "bench"),
            ("sub", "sub/bench", "bench"),
            ("a/b", "a/b/bench/x.py", "bench/x.py"),
            ("a/b", "a/data", "../../a/data"),
            ("sub", "subway", "../subway"),
        ] {
            assert_eq!(from_folder(folder, path), expected);
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("a/b.py::f"), "a/b.py::f");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted(""), "''");
        for word in ["it's $x", "a\"b`c\\d!", "a\0b"] {
            assert_eq!(shlex::split(&quoted(word)).unwrap(), [word.replace('\0', "")]);
        }
    }
}
