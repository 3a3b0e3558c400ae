//! Submodules: found in the two trees, and written into the worktrees from repositories that are already on
//! this machine. git's own `submodule update` would write into the user's configuration and clone again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deadheat_core::model::Side;

use crate::error::{Failure, is_stopped};
use crate::git::Git;
use crate::git::queries::TreeEntry;
use crate::system::cache;
use crate::system::paths::{is_inside, join};

/// One submodule in the tree of one side.
#[derive(Clone, Debug)]
pub(crate) struct Submodule {
    /// The path relative to the repository, even where it lies in another submodule.
    pub(crate) path: String,
    pub(crate) commit: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// A git directory that has the commit.
    Local(PathBuf),
    /// The user has it checked out, at another commit.
    OtherCommits,
    Nowhere,
}

/// All files of a commit, including those of its submodules, and the submodules.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<TreeEntry>,
    pub(crate) submodules: Vec<Submodule>,
}

impl Tree {
    /// Reads the tree of a commit. With `fetch`, missing commits may be fetched into the cache.
    pub(crate) fn read(git: &Git, commit: &str, fetch: bool) -> anyhow::Result<Self> {
        let mut tree = Tree::default();
        let place = Place {
            git: git.clone(),
            modules: git.common_directory()?.join("modules"),
            prefix: String::new(),
            // Like git: without an origin, URLs are relative to the repository itself.
            origin: match git.line(["config", "--get", "remote.origin.url"])? {
                Some(url) => Some(url),
                None => Some(git.top().display().to_string()),
            },
        };
        tree.add(git, &place, commit, fetch)?;
        Ok(tree)
    }

    fn add(&mut self, user: &Git, place: &Place, commit: &str, fetch: bool) -> anyhow::Result<()> {
        let entries = place.git.tree(commit)?;
        let mut settings: Option<Settings> = None;
        for entry in entries {
            let path = join(&place.prefix, &entry.path);
            if !entry.is_submodule() {
                self.entries.push(TreeEntry { path, ..entry });
                continue;
            }
            let settings = match &settings {
                Some(settings) => settings,
                None => settings.insert(Settings::read(&place.git, commit)?),
            };
            let (name, url) = settings.of(&entry.path);
            let mut source = Source::Nowhere;
            let known = [
                name.map(|name| place.modules.join(name)),
                user.directory_of(&path)?,
            ];
            for directory in known.into_iter().flatten().filter(|directory| directory.is_dir()) {
                let module = Git::of_directory(&directory, user.top(), user);
                if module.has_commit(&entry.object)? {
                    source = Source::Local(directory);
                    break;
                }
                source = Source::OtherCommits;
            }
            if fetch
                && !matches!(source, Source::Local(_))
                && let Some(url) = url
            {
                let url = absolute_url(url, place.origin.as_deref());
                source = Source::Local(fetched(user, &url, &entry.object, &path)?);
            }
            if let Source::Local(directory) = &source {
                let module = Git::of_directory(directory, user.top(), user);
                let inner = Place {
                    modules: directory.join("modules"),
                    prefix: path.clone(),
                    origin: module.line(["config", "--get", "remote.origin.url"])?,
                    git: module,
                };
                // Its own path comes before those in it, so that it is written first.
                self.submodules.push(Submodule {
                    path,
                    commit: entry.object.clone(),
                    source: source.clone(),
                });
                self.add(user, &inner, &entry.object, fetch)?;
            } else {
                self.submodules.push(Submodule {
                    path,
                    commit: entry.object,
                    source,
                });
            }
        }
        Ok(())
    }

    /// Returns the paths inside submodules whose content differs from that of the other tree.
    pub(crate) fn differences_in_submodules<'a>(&'a self, other: &'a Tree) -> impl Iterator<Item = &'a str> {
        let objects = |tree: &'a Tree| -> BTreeMap<&'a str, (&'a str, &'a str)> {
            let of =
                |entry: &'a TreeEntry| (entry.path.as_str(), (entry.mode.as_str(), entry.object.as_str()));
            tree.entries.iter().map(of).collect()
        };
        let (ours, theirs) = (objects(self), objects(other));
        let roots: Vec<&str> = [self, other]
            .into_iter()
            .flat_map(|tree| tree.submodules.iter().map(|submodule| submodule.path.as_str()))
            .collect();
        let mut paths: Vec<&str> = ours.keys().chain(theirs.keys()).copied().collect();
        paths.sort_unstable();
        paths.dedup();
        paths.retain(|path| {
            ours.get(path) != theirs.get(path) && roots.iter().any(|root| is_inside(path, root))
        });
        paths.into_iter()
    }
}

/// The repository from which a tree with submodules is read.
struct Place {
    git: Git,
    /// The folder that holds the git directories of its submodules.
    modules: PathBuf,
    prefix: String,
    origin: Option<String>,
}

/// The content of a `.gitmodules`: name and URL by path.
struct Settings {
    by_path: BTreeMap<String, (String, Option<String>)>,
}

impl Settings {
    fn read(git: &Git, commit: &str) -> anyhow::Result<Self> {
        let mut by_name: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
        for (key, value) in git.submodule_settings(commit)? {
            let Some((name, what)) = key
                .strip_prefix("submodule.")
                .and_then(|rest| rest.rsplit_once('.'))
            else {
                continue;
            };
            // The name becomes a folder below git's own.
            if name.split('/').any(|part| part == "..") || name.starts_with('/') {
                continue;
            }
            let entry = by_name.entry(name.to_owned()).or_default();
            match what {
                "path" => entry.0 = Some(value),
                "url" => entry.1 = Some(value),
                _ => {}
            }
        }
        let by_path = by_name
            .into_iter()
            .filter_map(|(name, (path, url))| Some((path?, (name, url))));
        Ok(Settings {
            by_path: by_path.collect(),
        })
    }

    fn of(&self, path: &str) -> (Option<&str>, Option<&str>) {
        match self.by_path.get(path) {
            Some((name, url)) => (Some(name), url.as_deref()),
            None => (None, None),
        }
    }
}

/// Resolves a relative URL: `../other.git` is next to the place that the repository came from.
fn absolute_url(url: &str, origin: Option<&str>) -> String {
    let Some(origin) = origin.filter(|_| url.starts_with("./") || url.starts_with("../")) else {
        return url.to_owned();
    };
    let mut base = origin.trim_end_matches('/');
    let mut separator = "/";
    let mut rest = url;
    loop {
        if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("../") {
            rest = after;
            if let Some(end) = base.rfind(['/', ':']) {
                // `host:path` is also an address.
                separator = &base[end..=end];
                base = &base[..end];
            }
        } else {
            return format!("{base}{separator}{rest}");
        }
    }
}

/// Fetches a commit of a submodule into a repository of the cache, and returns that repository.
fn fetched(user: &Git, url: &str, commit: &str, path: &str) -> anyhow::Result<PathBuf> {
    let entry = cache::Entry::open(cache::Kind::Submodules, &cache::key([url.as_bytes()]))?;
    let directory = entry.folder().join("repository");
    if !directory.is_dir() {
        Git::at(entry.folder(), user).run([
            "init".as_ref(),
            "--quiet".as_ref(),
            "--bare".as_ref(),
            directory.as_os_str(),
        ])?;
    }
    let repository = Git::of_directory(&directory, entry.folder(), user);
    if !repository.has_commit(commit)? {
        // Not every server serves a commit by its name.
        let by_name = repository.run(["fetch", "--quiet", "--depth", "1", url, commit]);
        if let Err(error) = by_name {
            if is_stopped(&error) {
                return Err(error);
            }
            repository
                .run(["fetch", "--quiet", url, "+refs/*:refs/*"])
                .map_err(|error| {
                    if is_stopped(&error) {
                        return error;
                    }
                    Failure::nothing_measured(format!("--fetch: the submodule `{path}` cannot be fetched: {error}"))
                        .hint("is the network there? `git submodule update --init` in your checkout asks for a password")
                        .into()
                })?;
        }
        if !repository.has_commit(commit)? {
            return Err(Failure::nothing_measured(format!(
                "--fetch: {url}, the source of the submodule `{path}`, does not have its commit {commit}"
            ))
            .into());
        }
    }
    Ok(directory)
}

/// A submodule that is in a worktree.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    pub(crate) path: String,
    pub(crate) commit: String,
}

impl std::fmt::Display for Present {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} ", self.path, self.commit)
    }
}

/// A submodule that the worktree of one side lacks.
pub(crate) struct Absent<'a> {
    pub(crate) submodule: &'a Submodule,
    pub(crate) side: Side,
}

impl Absent<'_> {
    pub(crate) fn message(&self) -> String {
        let Submodule { path, commit, source } = self.submodule;
        let where_it_is = match source {
            Source::OtherCommits => "your checkout of it lacks that commit",
            _ => "it is not checked out here",
        };
        format!(
            "the submodule `{path}` is missing on {}: it is at commit {:.10}, and {where_it_is}",
            self.side, commit
        )
    }

    pub(crate) fn hint(&self) -> String {
        format!(
            "--fetch gets it into deadheat's cache; or get it yourself: git submodule update --init --recursive -- {path}, \
             git -C {path} fetch",
            path = self.submodule.path
        )
    }

    /// Whether the user's own checkout has it, so that the comparison would lack something.
    pub(crate) fn is_in_use(&self) -> bool {
        matches!(self.submodule.source, Source::OtherCommits)
    }
}

/// Writes the submodules that are available into one side's worktree, and returns these and the others.
pub(crate) fn populate<'a>(
    user: &Git,
    tree: &'a Tree,
    worktree: &Path,
    side: Side,
    scratch: &Path,
) -> anyhow::Result<(Vec<Present>, Vec<Absent<'a>>)> {
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    for submodule in &tree.submodules {
        let Source::Local(directory) = &submodule.source else {
            absent.push(Absent { submodule, side });
            continue;
        };
        let folder = worktree.join(&submodule.path);
        if std::fs::symlink_metadata(&folder).is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(Failure::tool(format!(
                "the submodule `{}` cannot be written on {side}: something else is in its place",
                submodule.path
            ))
            .into());
        }
        std::fs::create_dir_all(&folder)?;
        let index = scratch.join(format!("index-{side}"));
        Git::of_directory(directory, &folder, user).export(&submodule.commit, &index)?;
        std::fs::remove_file(&index)?;
        present.push(Present {
            path: submodule.path.clone(),
            commit: submodule.commit.clone(),
        });
    }
    Ok((present, absent))
}

#[cfg(test)]
mod tests {
    use super::absolute_url;

    #[test]
    fn relative_urls_are_beside_the_origin() {
        let origin = Some("https://host/me/project.git");
        assert_eq!(absolute_url("../lib.git", origin), "https://host/me/lib.git");
        assert_eq!(absolute_url("../../you/lib", origin), "https://host/you/lib");
        assert_eq!(
            absolute_url("./inner", origin),
            "https://host/me/project.git/inner"
        );
        assert_eq!(absolute_url("../lib", Some("git@host:project")), "git@host:lib");
        assert_eq!(absolute_url("https://x/y", origin), "https://x/y");
        assert_eq!(absolute_url("../x", None), "../x");
    }
}
