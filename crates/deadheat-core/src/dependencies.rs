//! The dependencies that a project's files declare: requirements, lock files, metadata. Only names and the texts of
//! their versions are read; nothing is resolved.

mod declared;
mod poetry;
mod requirement;
mod said;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use toml::Table;

use crate::model::PerSide;
use said::Said;

pub use declared::{Declared, declared, declared_in_pipfile, declared_in_setup_cfg};
pub use requirement::normalize;
pub use tables::value_at;

/// A package that the two revisions declare differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyChange {
    /// The name, normalized per PEP 503.
    pub name: String,
    /// The requirement without its name; `None` if the package is not declared.
    pub said: PerSide<Option<String>>,
}

impl std::fmt::Display for DependencyChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = |said: &Option<String>| match said.as_deref() {
            None => "none".to_owned(),
            Some("") => "any".to_owned(),
            Some(said) => said.to_owned(),
        };
        write!(
            f,
            "{} {} → {}",
            self.name,
            words(&self.said.base),
            words(&self.said.head)
        )
    }
}

/// The kind of a file that declares dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declaration {
    Pyproject,
    SetupCfg,
    SetupPy,
    /// A `requirements.txt` or a similar file.
    Requirements,
    /// TOML with a list of packages: uv, poetry, pdm, PEP 751.
    TomlLock,
    PipfileLock,
    Pipfile,
}

impl Declaration {
    /// Returns the kind by the file's name; `None` for other files.
    pub fn of_file(name: &str) -> Option<Self> {
        let is_text = name.ends_with(".txt") || name.ends_with(".in");
        Some(match name {
            "pyproject.toml" => Declaration::Pyproject,
            "setup.cfg" => Declaration::SetupCfg,
            "setup.py" => Declaration::SetupPy,
            "uv.lock" | "poetry.lock" | "pdm.lock" => Declaration::TomlLock,
            "Pipfile" => Declaration::Pipfile,
            "Pipfile.lock" => Declaration::PipfileLock,
            _ if name.starts_with("pylock.") && name.ends_with(".toml") => Declaration::TomlLock,
            _ if is_text && (name.contains("requirements") || name.contains("constraints")) => {
                Declaration::Requirements
            }
            _ => return None,
        })
    }

    /// Reads the packages that a file of this kind declares; `None` if it cannot be read.
    fn read(self, text: &str) -> Option<Said> {
        match self {
            Declaration::Pyproject => Some(said::of_pyproject(&text.parse().ok()?)),
            Declaration::SetupCfg => Some(said::of_setup_cfg(text)),
            Declaration::SetupPy => said::of_setup_py(text),
            Declaration::Requirements => Some(said::said_in(text.lines())),
            Declaration::TomlLock => Some(said::of_lock(&text.parse().ok()?)),
            Declaration::Pipfile => {
                let table: Table = text.parse().ok()?;
                let mut said = Said::default();
                for key in ["packages", "dev-packages"] {
                    said::add_table(&mut said, table.get(key));
                }
                Some(said)
            }
            Declaration::PipfileLock => {
                let value: serde_json::Value = serde_json::from_str(text).ok()?;
                let mut said = Said::default();
                for key in ["default", "develop"] {
                    let packages = value.get(key).and_then(serde_json::Value::as_object);
                    for (name, package) in packages.into_iter().flatten() {
                        let version = package.get("version").and_then(serde_json::Value::as_str);
                        said.add(name, version.unwrap_or_default());
                    }
                }
                Some(said)
            }
        }
    }
}

/// Returns the differences between two versions of one file, by name; `None` if one of them cannot be read,
/// because anything may differ then.
pub fn differences(declaration: Declaration, texts: PerSide<Option<&str>>) -> Option<Vec<DependencyChange>> {
    let said = PerSide {
        base: declaration.read(texts.base.unwrap_or_default())?,
        head: declaration.read(texts.head.unwrap_or_default())?,
    };
    let names: BTreeSet<&String> = said.base.0.keys().chain(said.head.0.keys()).collect();
    let of = |said: &Said, name: &String| {
        let words = said.0.get(name)?;
        Some(words.iter().map(String::as_str).collect::<Vec<_>>().join(" or "))
    };
    let all = names.into_iter().map(|name| DependencyChange {
        name: name.clone(),
        said: PerSide::new(of(&said.base, name), of(&said.head, name)),
    });
    Some(
        all.filter(|change| change.said.base != change.said.head)
            .collect(),
    )
}

/// Returns the exact versions of all packages of a lock file that come from a package index, as a constraints file for
/// installers that do not read lock files. Packages with several versions (for several systems) are left open.
pub fn constraints(declaration: Declaration, text: &str) -> Option<String> {
    let said = declaration.read(text)?;
    let mut lines = String::new();
    for (name, versions) in &said.0 {
        let mut versions = versions.iter();
        if let (Some(version), None) = (versions.next(), versions.next()) {
            let version = version.trim_start_matches("==");
            if !version.is_empty() {
                lines.push_str(&format!("{name}=={version}\n"));
            }
        }
    }
    Some(lines)
}
