//! Paths of the repository as texts: relative to its top, with `/` between their parts.

use std::path::{Component, Path, PathBuf};

pub(crate) fn join(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "" | ".") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a path is the folder or lies below it.
pub(crate) fn is_inside(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns a path of the repository relative to one of its folders: with `../` where it lies elsewhere, and `.` for the
/// folder itself.
pub(crate) fn seen_from(folder: &str, path: &str) -> String {
    let parts = |path: &str| -> Vec<String> {
        let parts = path.split('/').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    let (folder, path) = (parts(folder), parts(path));
    let shared = folder.iter().zip(&path).take_while(|(one, other)| one == other);
    let shared = shared.count();
    let up = std::iter::repeat_n("..", folder.len() - shared);
    let seen: Vec<&str> = up.chain(path[shared..].iter().map(String::as_str)).collect();
    match seen.is_empty() {
        true => ".".to_owned(),
        false => seen.join("/"),
    }
}

pub(crate) fn relative<'a>(path: &'a str, folder: &str) -> &'a str {
    path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/')
}

/// Returns a path for people, in which the repository's top also has a name.
pub(crate) fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// Resolves `.` and `..` by the text alone; `None` if the path leaves the repository.
pub(crate) fn normalize(path: &str) -> Option<String> {
    let mut parts = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !parts.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::seen_from;

    #[test]
    fn paths_are_seen_from_any_folder() {
        for (folder, path, seen) in [
            ("", "a/b.py", "a/b.py"),
            ("a", "a/b.py", "b.py"),
            ("a", "a", "."),
            ("a/b", "a/c/d.py", "../c/d.py"),
            ("ab", "a/b", "../a/b"),
        ] {
            assert_eq!(seen_from(folder, path), seen);
        }
    }
}
