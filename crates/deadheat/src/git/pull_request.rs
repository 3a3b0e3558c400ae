//! `--pr N`: finds the two commits of a pull request on GitHub with GitHub's own `gh`, which knows the user.

use std::io;
use std::process::{Command, Stdio};

use deadheat_core::model::{PerSide, Revision};
use deadheat_core::text::counted;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Failure, is_stopped};
use crate::events::Events;
use crate::git::Git;
use crate::system::command::{self, Deadline};

/// The variables that give `gh` its rights; the code of a pull request is not trusted and must not see them.
pub(crate) const TOKENS: [&str; 4] = [
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
];

#[derive(Debug, Deserialize)]
struct PullRequest {
    head: Head,
    base: Base,
}

#[derive(Debug, Deserialize)]
struct Head {
    sha: String,
}

#[derive(Debug, Deserialize)]
struct Base {
    sha: String,
    #[serde(rename = "ref")]
    branch: String,
    repo: Repository,
}

#[derive(Debug, Deserialize)]
struct Repository {
    full_name: String,
    clone_url: String,
}

#[derive(Debug, Deserialize)]
struct Comparison {
    merge_base_commit: MergeBase,
}

#[derive(Debug, Deserialize)]
struct MergeBase {
    sha: String,
}

/// Returns the head of a pull request and the commit at which it left its target, and fetches their missing objects.
pub(crate) fn resolve(
    git: &Git,
    number: u64,
    limits: &Deadline,
    events: &dyn Events,
) -> anyhow::Result<PerSide<Revision>> {
    let PullRequest { head, base } = asked_for(git, number, limits)?;
    let merge_base = merge_base(git, number, limits, &head, &base)?;
    let mut lacking = Vec::new();
    for commit in [merge_base.as_str(), head.sha.as_str()] {
        if !git.has_commit(commit)? {
            lacking.push(commit);
        }
    }
    if !lacking.is_empty() {
        let url = git.url_of(&base.repo.full_name)?.unwrap_or(base.repo.clone_url);
        let commits = counted(lacking.len(), "commit");
        events.note(&format!(
            "fetching {commits} of pull request {number} from {url}: objects only, no refs"
        ));
        git.fetch_commits(&url, &lacking)
            .map_err(|error| not_fetched(number, error))?;
    }
    let revision = |name: String, commit: String| Revision {
        name,
        commit,
        dirty: false,
    };
    Ok(PerSide::new(
        revision(
            format!("merge base of {} and pull request {number}", base.branch),
            merge_base,
        ),
        revision(format!("pull request {number}"), head.sha),
    ))
}

/// Returns the pull request, whose hashes and names are safe in a command line.
fn asked_for(git: &Git, number: u64, limits: &Deadline) -> anyhow::Result<PullRequest> {
    let path = format!("repos/{{owner}}/{{repo}}/pulls/{number}");
    let request: PullRequest = ask(git, limits, number, &path)?;
    let PullRequest { head, base } = &request;
    if !(is_hash(&head.sha) && is_hash(&base.sha) && is_name(&base.repo.full_name)) {
        return Err(not_understood(number).into());
    }
    Ok(request)
}

/// Returns the commit at which a pull request left its target. GitHub knows it, however little history there is here.
fn merge_base(git: &Git, number: u64, limits: &Deadline, head: &Head, base: &Base) -> anyhow::Result<String> {
    let range = format!("{}...{}", base.sha, head.sha);
    let path = format!("repos/{}/compare/{range}?per_page=1", base.repo.full_name);
    let comparison: Comparison = ask(git, limits, number, &path)?;
    let merge_base = comparison.merge_base_commit.sha;
    if !is_hash(&merge_base) {
        return Err(not_understood(number).into());
    }
    Ok(merge_base)
}

fn ask<T: DeserializeOwned>(git: &Git, limits: &Deadline, number: u64, path: &str) -> anyhow::Result<T> {
    let mut command = Command::new("gh");
    command
        .args(["api", path])
        .current_dir(git.top())
        .env("GH_PROMPT_DISABLED", "1")
        .stdin(Stdio::null());
    let is_missing = |error: &anyhow::Error| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let answer = match command::output(&mut command, limits) {
        Err(error) if is_missing(&error) => {
            return Err(Failure::usage(format!(
                "--pr {number} asks GitHub's command `gh`, which is not on the PATH"
            ))
            .hint(format!(
                "https://cli.github.com has it; without it: git fetch origin pull/{number}/head, then deadheat compare \
                 origin/main...FETCH_HEAD with the branch that it goes to"
            ))
            .into());
        }
        answer => answer?,
    };
    if !answer.status.success() {
        let words = String::from_utf8_lossy(&answer.stderr);
        return Err(Failure::usage(format!(
            "--pr {number}: gh could not look it up: {}",
            words.trim()
        ))
        .hint("`gh auth status` shows whether you are logged in, `gh pr list` lists the open pull requests")
        .into());
    }
    serde_json::from_slice(&answer.stdout).map_err(|_| not_understood(number).into())
}

fn not_understood(number: u64) -> Failure {
    Failure::tool(format!("--pr {number}: the answer of gh cannot be understood"))
        .hint("does `gh --version` say 2 or later?")
}

fn not_fetched(number: u64, error: anyhow::Error) -> anyhow::Error {
    if is_stopped(&error) {
        return error;
    }
    Failure::tool(format!(
        "the commits of pull request {number} cannot be fetched: {error}"
    ))
    .hint("may this machine read the repository? `gh auth setup-git` lets git use the login of gh")
    .into()
}

fn is_name(text: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
    text.chars().all(is_plain) && !text.contains("..")
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.chars().all(|character| character.is_ascii_hexdigit())
}
