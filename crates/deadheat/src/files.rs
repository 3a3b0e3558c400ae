//! Copies between checkouts: the uncommitted state, the benchmarks that both sides share, injected and generated files.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::failure::Failure;

/// Copies a file, a symlink (as a link) or a folder with all it holds; what was there before is replaced.
pub(crate) fn replace(from: &Path, to: &Path) -> anyhow::Result<()> {
    remove(to)?;
    if fs::symlink_metadata(from).is_err() {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    copy(from, to)
}

pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
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

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let context = || format!("cannot copy {} to {}", from.display(), to.display());
    let metadata = fs::symlink_metadata(from).with_context(context)?;
    if metadata.is_symlink() {
        let target = fs::read_link(from).with_context(context)?;
        std::os::unix::fs::symlink(target, to).with_context(context)?;
    } else if metadata.is_dir() {
        fs::create_dir_all(to).with_context(context)?;
        for entry in fs::read_dir(from).with_context(context)? {
            let name = entry.with_context(context)?.file_name();
            // Bytecode is made anew where it is used.
            if name != "__pycache__" {
                copy(&from.join(&name), &to.join(&name))?;
            }
        }
    } else if metadata.is_file() {
        fs::copy(from, to).with_context(context)?;
    }
    Ok(())
}

/// The bytes that these paths would bring, for a limit; the largest first.
pub(crate) fn sizes(folder: &Path, paths: &[String]) -> Vec<(u64, String)> {
    let mut sizes: Vec<(u64, String)> = paths
        .iter()
        .filter_map(|path| Some((fs::symlink_metadata(folder.join(path)).ok()?.len(), path.clone())))
        .collect();
    sizes.sort_by(|a, b| b.cmp(a));
    sizes
}

/// Writes a file whole or not at all.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        // A temporary file is private; a report is as readable as any file that the user makes.
        let mode = 0o666 & !current_umask();
        file.as_file()
            .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| {
        Failure::tool(format!("cannot write {}: {error}", path.display()))
            .hint("is the folder there, and may you write to it?")
            .into()
    })
}

fn current_umask() -> u32 {
    // It can only be read by setting it; nothing else in this process makes files meanwhile.
    let mask = rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o022));
    rustix::process::umask(mask);
    mask.bits()
}

/// Refuses a place for a report before the measurement, not after it.
pub(crate) fn check_writable(path: &Path) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let problem = if path.is_dir() {
        "it is a folder".to_owned()
    } else {
        match tempfile::tempfile_in(folder) {
            Ok(_) => return Ok(()),
            Err(error) => error.to_string(),
        }
    };
    Err(
        Failure::usage(format!("-o {}: cannot be written: {problem}", path.display()))
            .hint("name a file in a folder that exists"),
    )
}
