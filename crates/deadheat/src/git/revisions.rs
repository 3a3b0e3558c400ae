//! Resolves the refs as typed to two commits.

use deadheat_core::model::{PerSide, Revision};

use crate::cli::options::{RecordedBase, RefArgs};
use crate::error::Failure;
use crate::git::Git;

pub(crate) fn resolve(git: &Git, asked: &RefArgs) -> anyhow::Result<PerSide<Revision>> {
    if asked.working_tree {
        return resolve_working_tree(git, asked);
    }
    match asked.names.as_slice() {
        [] => resolve_default(git),
        [one] => {
            if let Some((base, head)) = one.split_once("...") {
                let (base, head) = (or_head(base), or_head(head));
                return Ok(PerSide::new(merge_base(git, base, head)?, revision(git, head)?));
            }
            if let Some((base, head)) = one.split_once("..") {
                return Ok(PerSide::new(
                    revision(git, or_head(base))?,
                    revision(git, or_head(head))?,
                ));
            }
            Ok(PerSide::new(revision(git, one)?, revision(git, "HEAD")?))
        }
        [base, head] => Ok(PerSide::new(revision(git, base)?, revision(git, head)?)),
        _ => Err(Failure::usage("more than two refs were given").into()),
    }
}

/// Resolves refs one by one.
pub(crate) fn resolve_each(git: &Git, names: &[String]) -> anyhow::Result<Vec<Revision>> {
    names.iter().map(|name| revision(git, name)).collect()
}

fn or_head(name: &str) -> &str {
    if name.is_empty() { "HEAD" } else { name }
}

fn resolve_working_tree(git: &Git, asked: &RefArgs) -> anyhow::Result<PerSide<Revision>> {
    let base = match asked.names.as_slice() {
        [] => revision(git, "HEAD")?,
        [base] => revision(git, base)?,
        _ => {
            return Err(
                Failure::usage("--working-tree is head, so only a base can be given with it")
                    .hint("deadheat compare --working-tree BASE")
                    .into(),
            );
        }
    };
    let mut head = revision(git, "HEAD")?;
    head.name = "working tree".to_owned();
    head.dirty = true;
    Ok(PerSide::new(base, head))
}

/// Resolves refs whose base is recorded. `commit` is the full hash that the records name for `recorded`.
pub(crate) fn resolve_recorded(
    git: &Git,
    asked: &RefArgs,
    recorded: RecordedBase,
    commit: String,
) -> anyhow::Result<PerSide<Revision>> {
    let (name, option) = match recorded {
        RecordedBase::Baseline => ("baseline", "--baseline"),
        RecordedBase::LastKept => ("last kept", "--last-kept"),
    };
    let base = Revision {
        name: name.to_owned(),
        commit,
        dirty: false,
    };
    let head = match asked.names.as_slice() {
        [] if asked.working_tree => resolve_working_tree(git, asked)?.head,
        [] => revision(git, "HEAD")?,
        [head] if !asked.working_tree && !head.contains("..") => revision(git, head)?,
        _ => {
            return Err(
                Failure::usage(format!("{option} is base, so only a head can be given with it"))
                    .hint(format!(
                        "deadheat compare {option} [HEAD]; deadheat compare {option} --working-tree"
                    ))
                    .into(),
            );
        }
    };
    Ok(PerSide::new(base, head))
}

/// Returns the merge base of HEAD with the default branch, or on that branch itself the commit before, and HEAD.
fn resolve_default(git: &Git) -> anyhow::Result<PerSide<Revision>> {
    let head = revision(git, "HEAD")?;
    let Some(default) = default_branch(git)? else {
        return Err(
            Failure::usage("no refs were given, and the default branch cannot be determined")
                .hint("name what to compare: deadheat compare BASE HEAD")
                .into(),
        );
    };
    let base = merge_base(git, &default, "HEAD")?;
    if base.commit != head.commit {
        return Ok(PerSide::new(base, head));
    }
    let Some(before) = git.commit("HEAD^")? else {
        let failure = Failure::usage("HEAD has no commit before it to compare with");
        let hint = if git.is_shallow()? {
            DEEPEN
        } else {
            "commit a change and compare again, or measure it as it is: deadheat compare --working-tree"
        };
        return Err(failure.hint(hint).into());
    };
    Ok(PerSide::new(
        Revision {
            name: "HEAD^".to_owned(),
            commit: before,
            dirty: false,
        },
        head,
    ))
}

fn default_branch(git: &Git) -> anyhow::Result<Option<String>> {
    if let Some(name) = git.line(["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"])? {
        return Ok(Some(name));
    }
    for name in ["main", "master"] {
        for name in [
            format!("refs/heads/{name}"),
            format!("refs/remotes/origin/{name}"),
        ] {
            if git.commit(&name)?.is_some() {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

fn merge_base(git: &Git, base: &str, head: &str) -> anyhow::Result<Revision> {
    let (from, to) = (revision(git, base)?, revision(git, head)?);
    let commit = git.line(["merge-base", &from.commit, &to.commit])?.ok_or_else(|| {
        Failure::usage(format!("`{base}` and `{head}` have no commit in common"))
            .hint("compare them directly: deadheat compare BASE HEAD; in a shallow clone: git fetch --unshallow")
    })?;
    Ok(Revision {
        name: format!("merge base of {} and {}", short_name(base), short_name(head)),
        commit,
        dirty: false,
    })
}

fn short_name(name: &str) -> &str {
    name.strip_prefix("refs/heads/")
        .or_else(|| name.strip_prefix("refs/remotes/"))
        .unwrap_or(name)
}

/// The hint if history was cut off.
const DEEPEN: &str = "this is a shallow clone, which lacks older commits: `git fetch --unshallow` brings them (in a CI job, \
                      let its checkout have the whole history)";

fn revision(git: &Git, name: &str) -> anyhow::Result<Revision> {
    if name.starts_with('-') {
        return Err(
            Failure::usage(format!("`{name}` is not a ref: a ref cannot start with `-`"))
                .hint("options come before `--`; see `deadheat compare --help`")
                .into(),
        );
    }
    if let Some(commit) = git.commit(name)? {
        return Ok(Revision {
            name: name.to_owned(),
            commit,
            dirty: false,
        });
    }
    if git.commit("HEAD")?.is_none() {
        return Err(Failure::usage("this repository has no commits yet")
            .hint("deadheat compares two commits; commit something first")
            .into());
    }
    let is_shallow = git.is_shallow()?;
    let known = git.ref_names()?;
    let failure = Failure::usage(format!(
        "there is no commit, branch or tag `{name}` in {}",
        git.top().display()
    ))
    .named("no_such_ref")
    .hint(if is_shallow {
        DEEPEN
    } else {
        "`git fetch` gets the commits of the server"
    });
    // Relative to the repository or to the folder that deadheat was started in; pytest's node ids begin with the file.
    let file = name.split("::").next().unwrap_or(name);
    if git.top().join(file).exists() || std::path::Path::new(file).exists() {
        return Err(failure
            .hint(format!(
                "`{file}` is a path: for deadheat profile, pytest's arguments follow `--` (deadheat profile \
                 -- {name}); deadheat compare --tests {name} times ordinary tests"
            ))
            .into());
    }
    if is_shallow {
        return Err(failure.into());
    }
    Err(failure.near(name, known.iter().map(String::as_str)).into())
}
