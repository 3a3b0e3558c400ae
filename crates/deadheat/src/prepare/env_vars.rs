//! The environment variables that a worker gets: the user's, the same on both sides, without those that would disturb a
//! measurement. `docs/reference.md` has the list.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The variables that change Python's start, trace or profile it, or add options to pytest.
const DROPPED: [&str; 20] = [
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
    "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
    "PYTHONDEBUG",
    "PYTHONDEVMODE",
    "PYTHONVERBOSE",
    "PYTHONINSPECT",
    "PYTHONSTARTUP",
    "PYTHONTRACEMALLOC",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONMALLOCSTATS",
    "PYTHONFAULTHANDLER",
    "PYTHONASYNCIODEBUG",
    "PYTHONPERFSUPPORT",
    "PYTEST_ADDOPTS",
    "PYTEST_CURRENT_TEST",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
    "COV_CORE_SOURCE",
];

/// Returns the folders of `PATH`.
pub(crate) fn search_path(variables: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let path = variables
        .get(&OsString::from("PATH"))
        .cloned()
        .unwrap_or_default();
    std::env::split_paths(&path).collect()
}

/// Returns the variables for workers. `passed` are names that the user wants to keep; `local_to_git` are those that git
/// sets for hooks and aliases.
pub(crate) fn for_workers(
    user: impl IntoIterator<Item = (OsString, OsString)>,
    passed: &[String],
    local_to_git: &[String],
) -> BTreeMap<OsString, OsString> {
    user.into_iter()
        .filter(|(name, _)| {
            let is = |other: &str| name == other;
            passed.iter().any(|other| is(other))
                || !(DROPPED.into_iter().any(is) || local_to_git.iter().any(|other| is(other)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_disturbs_is_dropped_unless_it_is_passed() {
        let user =
            ["PATH", "PYTEST_ADDOPTS", "PYTHONOPTIMIZE", "GIT_DIR"].map(|name| (name.into(), "1".into()));
        let kept = for_workers(user, &["PYTHONOPTIMIZE".to_owned()], &["GIT_DIR".to_owned()]);
        let names: Vec<_> = kept
            .keys()
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["PATH", "PYTHONOPTIMIZE"]);
    }
}
