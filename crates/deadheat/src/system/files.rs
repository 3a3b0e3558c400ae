//! Copies between checkouts: the uncommitted state, the benchmarks that both sides share, injected and generated files.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use rustix::io::Errno;

use crate::error::Failure;

/// Copies `path` (a file, a symlink as a link, or a folder with its content) from one folder into another,
/// one of our checkouts. What was there before is replaced, or removed if the source lacks it.
///
/// Nothing outside the checkout is touched, wherever symlinks in the path point to.
pub(crate) fn replace(source: &Path, checkout: &Path, path: &str) -> anyhow::Result<()> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let Some((name, folders)) = parts.split_last() else {
        bail!("the whole of a checkout cannot be replaced");
    };
    if parts.iter().any(|part| matches!(*part, ".git" | "..")) {
        bail!("`{path}` cannot be replaced in a checkout");
    }
    let from = source.join(path);
    let mut folder = checkout.to_owned();
    for part in folders {
        folder.push(part);
        // A symlink in a folder's place would lead the copy out of the checkout.
        if fs::symlink_metadata(&folder).is_ok_and(|metadata| !metadata.is_dir()) {
            remove(&folder)?;
        }
    }
    let to = folder.join(name);
    remove(&to)?;
    // Bytecode of the old file may look as if it belonged to the new one.
    remove(&folder.join("__pycache__"))?;
    if fs::symlink_metadata(&from).is_err() {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    copy(&from, &to)
}

/// Removes a file, and the folders that are then empty: a search for packages takes an empty folder for one.
pub(crate) fn remove_with_empty_folders(checkout: &Path, path: &str) {
    let _ = fs::remove_file(checkout.join(path));
    let mut folder = crate::system::paths::parent(path);
    while !folder.is_empty() && fs::remove_dir(checkout.join(folder)).is_ok() {
        folder = crate::system::paths::parent(folder);
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let removed = if metadata.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// Copies a file, a symlink as a link, or a folder with its content.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let context = || format!("cannot copy {} to {}", from.display(), to.display());
    let metadata = fs::symlink_metadata(from).with_context(context)?;
    if metadata.is_symlink() {
        let target = fs::read_link(from).with_context(context)?;
        std::os::unix::fs::symlink(target, to).with_context(context)?;
    } else if metadata.is_dir() {
        fs::create_dir_all(to).with_context(context)?;
        for entry in fs::read_dir(from).with_context(context)? {
            let name = entry.with_context(context)?.file_name();
            // Bytecode is made again where it is used.
            if name != "__pycache__" && name != ".git" {
                copy(&from.join(&name), &to.join(&name))?;
            }
        }
    } else if metadata.is_file() {
        fs::copy(from, to).with_context(context)?;
    }
    Ok(())
}

/// Returns the sizes of these files in bytes, the largest first, to be compared with a limit.
pub(crate) fn sizes(folder: &Path, paths: &[String]) -> Vec<(u64, String)> {
    let mut sizes: Vec<(u64, String)> = paths
        .iter()
        .filter_map(|path| Some((fs::symlink_metadata(folder.join(path)).ok()?.len(), path.clone())))
        .collect();
    sizes.sort_by(|a, b| b.cmp(a));
    sizes
}

/// Removes a folder with its content, however deep it is: descending level by level would take a descriptor for each,
/// and a path longer than the system accepts.
pub(crate) fn remove_tree(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => flatten_away(folder),
        other => other,
    }
}

/// Removes a folder by making every folder in it a child of the outermost before that one is emptied.
fn flatten_away(folder: &Path) -> io::Result<()> {
    let mut waiting = vec![folder.to_owned()];
    let mut emptied = Vec::new();
    let mut number = 0_u64;
    while let Some(inner) = waiting.pop() {
        // Project code may have dropped its permission to remove what it made.
        let _ = fs::set_permissions(&inner, std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let entries: Vec<fs::DirEntry> = fs::read_dir(&inner)?.collect::<io::Result<_>>()?;
        for entry in entries {
            let path = entry.path();
            if !entry.file_type()?.is_dir() {
                fs::remove_file(&path)?;
            } else if inner == folder {
                waiting.push(path);
            } else {
                let place = loop {
                    number += 1;
                    let place = folder.join(format!("removed-{number}"));
                    if fs::symlink_metadata(&place).is_err() {
                        break place;
                    }
                };
                fs::rename(&path, &place)?;
                waiting.push(place);
            }
        }
        emptied.push(inner);
    }
    // The outermost was emptied first.
    emptied.iter().rev().try_for_each(fs::remove_dir)
}

/// Returns the path that is written to: a symlink stays one, and its target is written, whether it exists or not.
fn destination(path: &Path) -> io::Result<PathBuf> {
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            let folder = fs::canonicalize(folder_of(&path))?;
            return Ok(match path.file_name() {
                Some(name) => folder.join(name),
                None => folder,
            });
        };
        path = folder_of(&path).join(target);
    }
    Err(Errno::LOOP.into())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether a resolved path is in a git directory, whatever that is called.
fn is_gits_own(path: &Path) -> bool {
    let is_named = |part: Component<'_>| part.as_os_str().eq_ignore_ascii_case(".git");
    let is_one = |folder: &Path| {
        folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
    };
    path.components().any(is_named) || path.ancestors().skip(1).any(is_one)
}

/// Reads a file; `None` if there is none. Any other failure is an error, so that it does not pass for
/// absence.
pub(crate) fn read_if_any(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes a file completely or not at all.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    let resolved = destination(path);
    let path = resolved.as_deref().unwrap_or(path);
    if is_special(path) {
        return fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()));
    }
    let folder = folder_of(path);
    let write = || -> std::io::Result<()> {
        // A temporary file is private; a report is as readable as the user's umask lets any file be.
        let mut file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| {
        Failure::tool(format!("cannot write {}: {error}", path.display()))
            .hint("is the folder there, and may you write to it?")
            .into()
    })
}

/// Whether a path is a device or a pipe, which is written to and never replaced.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Refuses an unusable place for a report before the measurement, not after it.
pub(crate) fn check_writable(path: &Path) -> Result<(), Failure> {
    if is_special(path) {
        return Ok(());
    }
    let refused =
        |problem: String| Failure::usage(format!("-o {}: cannot be written: {problem}", path.display()));
    let is_there = "name a file in a folder that exists";
    let resolved = destination(path).map_err(|error| refused(error.to_string()).hint(is_there))?;
    if is_gits_own(&resolved) {
        return Err(
            refused("git keeps its own files there".to_owned()).hint("name a file outside of git's folder")
        );
    }
    if resolved.is_dir() {
        return Err(refused("it is a folder".to_owned()).hint(is_there));
    }
    match tempfile::tempfile_in(folder_of(&resolved)) {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(error.to_string()).hint(is_there)),
    }
}

/// Whether a path is a file that begins with these bytes.
pub(crate) fn begins_with(path: &Path, bytes: &[u8]) -> bool {
    use std::io::Read;
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut first = vec![0; bytes.len()];
    is_file
        && fs::File::open(path)
            .and_then(|mut file| file.read_exact(&mut first))
            .is_ok()
        && first == bytes
}

/// Whether the disk that holds this file is full.
pub(crate) fn is_on_full_disk(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_bavail == 0)
}

/// Whether a file is larger than this; pipes and terminals have no size.
pub(crate) fn is_larger_than(path: &Path, bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > bytes)
}

/// Returns the last lines of a log, reading only its end.
pub(crate) fn tail_of(log: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    const MOST: u64 = 16 << 10;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_symlink_on_the_way_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [outside, source, checkout] =
            ["outside", "source", "checkout"].map(|name| folder.path().join(name));
        fs::create_dir_all(outside.join("inner")).unwrap();
        fs::write(outside.join("inner/mine"), "mine").unwrap();
        fs::create_dir_all(source.join("link/inner")).unwrap();
        fs::write(source.join("link/inner/new"), "new").unwrap();
        fs::create_dir_all(&checkout).unwrap();
        symlink(&outside, checkout.join("link")).unwrap();
        replace(&source, &checkout, "link/inner").unwrap();
        assert_eq!(fs::read_to_string(outside.join("inner/mine")).unwrap(), "mine");
        assert_eq!(
            fs::read_to_string(checkout.join("link/inner/new")).unwrap(),
            "new"
        );
        assert!(!checkout.join("link/inner/mine").exists());
    }

    #[test]
    fn a_file_reached_through_a_tracked_symlink_is_copied_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let [outside, source, checkout] =
            ["outside", "source", "checkout"].map(|name| folder.path().join(name));
        for place in [&outside, &source, &checkout] {
            fs::create_dir_all(place).unwrap();
        }
        fs::write(outside.join("model"), "weights").unwrap();
        symlink(&outside, source.join("data")).unwrap();
        symlink(&outside, checkout.join("data")).unwrap();
        replace(&source, &checkout, "data/model").unwrap();
        assert_eq!(fs::read_to_string(outside.join("model")).unwrap(), "weights");
        assert_eq!(
            fs::read_to_string(checkout.join("data/model")).unwrap(),
            "weights"
        );
    }

    #[test]
    fn a_tree_that_is_deeper_than_any_path_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir(&tree).unwrap();
        symlink(folder.path(), tree.join("out")).unwrap();
        // Made from the inside out, so that no path is ever long.
        for _ in 0..3000 {
            let outer = folder.path().join("outer");
            fs::create_dir(&outer).unwrap();
            fs::write(outer.join("file"), "").unwrap();
            fs::rename(&tree, outer.join("tree")).unwrap();
            fs::rename(&outer, &tree).unwrap();
        }
        fs::write(folder.path().join("mine"), "mine").unwrap();
        flatten_away(&tree).unwrap();
        assert!(!tree.exists());
        assert_eq!(fs::read_to_string(folder.path().join("mine")).unwrap(), "mine");
    }

    #[test]
    fn a_report_is_never_written_into_gits_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        let bare = folder.path().join("bare");
        for name in [".git", "bare/objects", "bare/refs", "bare/info"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        fs::write(bare.join("HEAD"), "").unwrap();
        symlink(bare.join("HEAD"), folder.path().join("link")).unwrap();
        for name in [".git/HEAD", ".git/new", "bare/HEAD", "bare/info/new", "link"] {
            assert!(check_writable(&folder.path().join(name)).is_err(), "{name}");
        }
        check_writable(&folder.path().join("new")).unwrap();
    }

    #[test]
    fn a_symlink_stays_one_also_where_it_leads_to_nothing_yet() {
        let folder = tempfile::tempdir().unwrap();
        let [link, target] = ["link", "target"].map(|name| folder.path().join(name));
        symlink("target", &link).unwrap();
        for text in ["new", "again"] {
            write_atomically(&link, text.as_bytes()).unwrap();
            assert!(link.is_symlink());
            assert_eq!(fs::read_to_string(&target).unwrap(), text);
        }
        symlink("round", folder.path().join("round")).unwrap();
        assert!(check_writable(&folder.path().join("round")).is_err());
    }

    #[test]
    fn what_makes_a_checkout_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["", ".git", "a/.git/hooks", "../x"] {
            assert!(replace(folder.path(), folder.path(), path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "text").unwrap();
        symlink("loop", path("loop")).unwrap();
        assert_eq!(read_if_any(&path("a")).unwrap().unwrap(), b"text");
        assert_eq!(read_if_any(&path("b")).unwrap(), None);
        assert_eq!(read_if_any(&path("a/b")).unwrap(), None);
        assert_eq!(read_if_any(folder.path()).unwrap(), None);
        assert!(
            read_if_any(&path("loop"))
                .unwrap_err()
                .to_string()
                .contains("cannot read")
        );
    }
}
