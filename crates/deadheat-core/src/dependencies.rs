//! The dependencies that a project's files declare: requirements, lock files, metadata. Only names and the texts of
//! their versions are read; nothing is resolved.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::model::PerSide;

/// A package that the two revisions declare differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyChange {
    /// The name, normalized per PEP 503.
    pub name: String,
    /// The requirement without its name; `None` where the package is not declared.
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

    /// Reads the packages that a file of this kind declares; `None` where it cannot be read.
    fn read(self, text: &str) -> Option<Said> {
        match self {
            Declaration::Pyproject => Some(of_pyproject(&text.parse().ok()?)),
            Declaration::SetupCfg => Some(of_setup_cfg(text)),
            Declaration::SetupPy => Some(of_setup_py(text)),
            Declaration::Requirements => Some(said_in(text.lines())),
            Declaration::TomlLock => Some(of_lock(&text.parse().ok()?)),
            Declaration::Pipfile => {
                let table: Table = text.parse().ok()?;
                let mut said = Said::default();
                for key in ["packages", "dev-packages"] {
                    add_table(&mut said, table.get(key));
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

/// Returns the differences between two versions of one file, by name; `None` where one of them cannot be read, because
/// anything may differ then.
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

/// Returns the value at a path of keys.
pub fn value_at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter()
        .try_fold(table.get(*first)?, |value, key| value.get(*key))
}

/// The declared texts of each package.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said(BTreeMap<String, BTreeSet<String>>);

impl Said {
    fn add(&mut self, name: &str, said: &str) {
        self.0
            .entry(normalize(name))
            .or_default()
            .insert(said.trim().to_owned());
    }

    /// Adds a PEP 508 requirement, whatever follows it on its line.
    fn add_requirement(&mut self, text: &str) {
        if let Some((name, said)) = requirement(text) {
            self.add(name, &reformatted(said));
        }
    }

    fn add_requirements(&mut self, list: Option<&Value>) {
        for text in list
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            self.add_requirement(text);
        }
    }
}

/// Normalizes a name as PEP 503 does for comparisons.
pub fn normalize(name: &str) -> String {
    let parts = name.trim().split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Splits a requirement into its name and the rest, without comments and hashes.
fn requirement(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text
        .find(|character: char| !(character.is_ascii_alphanumeric() || "-_.".contains(character)))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric());
    let rest = rest.split(" #").next().unwrap_or_default();
    let rest = rest.split(" --").next().unwrap_or_default();
    let rest = rest.trim().trim_end_matches('\\').trim();
    let continues = rest.is_empty() || rest.starts_with(['=', '<', '>', '~', '!', '[', ';', '@', '(']);
    (is_name && continues).then_some((name, rest))
}

/// Formats what follows the name of a requirement (extras, specifiers or an address, a marker) the same way for all
/// spellings with the same meaning.
fn reformatted(said: &str) -> String {
    let mut rest = said.trim();
    let mut formatted = String::new();
    if let Some((extras, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        let names: BTreeSet<String> = extras.split(',').map(normalize).collect();
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        if !names.is_empty() {
            formatted.push_str(&format!("[{}]", names.join(",")));
        }
        rest = after.trim();
    }
    let marker = if let Some(address) = rest.strip_prefix('@') {
        // A `;` without a blank before it is part of the address.
        let end = address.find(" ;").unwrap_or(address.len());
        formatted.push_str(&format!("@ {}", address[..end].trim()));
        address[end..].trim().strip_prefix(';')
    } else {
        let (versions, marker) = match rest.split_once(';') {
            Some((versions, marker)) => (versions.trim(), Some(marker)),
            None => (rest, None),
        };
        let inner = versions
            .strip_prefix('(')
            .and_then(|inner| inner.strip_suffix(')'));
        formatted.push_str(&specifiers(inner.unwrap_or(versions)));
        marker
    };
    if let Some(marker) = marker.map(str::trim).filter(|marker| !marker.is_empty()) {
        formatted.push_str(&format!(" ; {}", reformatted_marker(marker)));
    }
    formatted
}

/// Formats version specifiers without blanks, lower bounds first.
fn specifiers(text: &str) -> String {
    let each = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let formatted: BTreeSet<String> = each
        .map(|part| {
            let version = part.trim_start_matches(['=', '<', '>', '!', '~', '^']);
            let operator = &part[..part.len() - version.len()];
            format!("{operator}{}", version.trim())
        })
        .collect();
    formatted.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// Formats a marker with one blank between its parts and one kind of quotes, where its strings allow that.
fn reformatted_marker(marker: &str) -> String {
    const OPERATORS: [char; 5] = ['=', '<', '>', '!', '~'];
    let mut parts: Vec<String> = Vec::new();
    let mut rest = marker.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => match rest[1..].find(first) {
                Some(length) => length + 2,
                None => return marker.to_owned(),
            },
            '(' | ')' => 1,
            _ if OPERATORS.contains(&first) => rest
                .find(|character| !OPERATORS.contains(&character))
                .unwrap_or(rest.len()),
            _ => rest
                .find(|character: char| {
                    character.is_whitespace() || OPERATORS.contains(&character) || "()\"'".contains(character)
                })
                .unwrap_or(rest.len()),
        };
        let (part, after) = rest.split_at(end);
        parts.push(
            match part.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(text) if !text.contains('\'') => format!("'{text}'"),
                _ => part.to_owned(),
            },
        );
        rest = after.trim_start();
    }
    parts.join(" ")
}

fn said_in<'a>(lines: impl Iterator<Item = &'a str>) -> Said {
    let mut said = Said::default();
    for line in lines {
        said.add_requirement(line);
    }
    said
}

fn of_pyproject(table: &Table) -> Said {
    let mut said = Said::default();
    let get = |keys: &[&str]| value_at(table, keys);
    let lists_of = |said: &mut Said, keys: &[&str]| {
        for (_, list) in get(keys).and_then(Value::as_table).into_iter().flatten() {
            said.add_requirements(Some(list));
        }
    };
    said.add_requirements(get(&["project", "dependencies"]));
    lists_of(&mut said, &["project", "optional-dependencies"]);
    lists_of(&mut said, &["dependency-groups"]);
    lists_of(&mut said, &["tool", "pdm", "dev-dependencies"]);
    said.add_requirements(get(&["tool", "uv", "dev-dependencies"]));
    for (_, environment) in get(&["tool", "hatch", "envs"])
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        for key in ["dependencies", "extra-dependencies"] {
            said.add_requirements(environment.get(key));
        }
    }
    for key in ["dependencies", "dev-dependencies"] {
        add_table(&mut said, get(&["tool", "poetry", key]));
    }
    for (_, group) in get(&["tool", "poetry", "group"])
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        add_table(&mut said, group.get("dependencies"));
    }
    said
}

/// Adds entries such as `name = "version"` or `name = { version = "…", … }`.
fn add_table(said: &mut Said, table: Option<&Value>) {
    for (name, value) in table.and_then(Value::as_table).into_iter().flatten() {
        match value {
            Value::String(version) => said.add(name, &alternatives(version)),
            Value::Table(about) => {
                let mut about = about.clone();
                for (key, reformat) in [
                    ("version", alternatives as fn(&str) -> String),
                    ("markers", reformatted_marker),
                ] {
                    if let Some(Value::String(text)) = about.get_mut(key) {
                        *text = reformat(text);
                    }
                }
                match about.get("version") {
                    Some(Value::String(version)) if about.len() == 1 => said.add(name, version),
                    _ => said.add(name, &Value::Table(about).to_string()),
                }
            }
            other => said.add(name, &other.to_string()),
        }
    }
}

/// Formats Poetry's alternative versions, any of which may match.
fn alternatives(text: &str) -> String {
    let each: BTreeSet<String> = text
        .split('|')
        .map(specifiers)
        .filter(|one| !one.is_empty())
        .collect();
    each.into_iter().collect::<Vec<_>>().join(" || ")
}

fn of_lock(table: &Table) -> Said {
    let mut said = Said::default();
    let packages = table.get("package").or_else(|| table.get("packages"));
    for package in packages.and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        // A package without a version is the project itself, or is in its repository.
        if let (Some(name), Some(version)) = (text("name"), text("version")) {
            said.add(name, version);
        }
    }
    said
}

fn of_setup_cfg(text: &str) -> Said {
    let mut said = Said::default();
    let (mut section, mut is_list) = ("", false);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (section, is_list) = (name, false);
        } else if line.starts_with(char::is_whitespace) {
            if is_list {
                said.add_requirement(trimmed);
            }
        } else if let Some((key, value)) = trimmed.split_once('=') {
            is_list = match section {
                "options" => key.trim().ends_with("_requires") || key.trim() == "install_requires",
                "options.extras_require" => true,
                _ => false,
            };
            if is_list {
                said.add_requirement(value);
            }
        }
    }
    said
}

/// Reads the string literals in the lists called `…_require` or `…_requires`, the arguments of `setup()`.
fn of_setup_py(text: &str) -> Said {
    let mut said = Said::default();
    let mut rest = text;
    while let Some(at) = rest.find("_require") {
        rest = &rest[at + "_require".len()..];
        let Some(open) = rest.find(['[', '{', '(', '\n']) else {
            break;
        };
        let mut depth = 0;
        let mut quoted: Option<(char, usize)> = None;
        for (place, character) in rest[open..].char_indices() {
            match (quoted, character) {
                (Some((quote, from)), _) if character == quote => {
                    said.add_requirement(&rest[open + from..open + place]);
                    quoted = None;
                }
                (Some(_), _) => {}
                (None, '"' | '\'') => quoted = Some((character, place + 1)),
                (None, '[' | '{' | '(') => depth += 1,
                (None, ']' | '}' | ')') => depth -= 1,
                _ => {}
            }
            if depth <= 0 && quoted.is_none() {
                break;
            }
        }
    }
    said
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

/// The packages to install for working on a project: its dependencies, and the groups and extras with the usual names
/// of such groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The PEP 508 requirements.
    pub requirements: Vec<String>,
    /// Whether they include everything that the project needs to run; otherwise only its build back end knows.
    pub is_static: bool,
    /// The groups and extras that they come from, as the file names them.
    pub groups: Vec<String>,
    pub extras: Vec<String>,
}

/// The names of groups and extras that hold what benchmarks need.
const WORKING_GROUPS: [&str; 12] = [
    "dev",
    "test",
    "tests",
    "testing",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "benchmarking",
    "codspeed",
    "perf",
    "performance",
];

fn is_working_group(name: &str) -> bool {
    WORKING_GROUPS.contains(&normalize(name).as_str())
}

/// Returns the dependencies that a `pyproject.toml` declares; none for an empty table.
pub fn declared(pyproject: &Table) -> Declared {
    let mut declared = Declared::default();
    let project = pyproject.get("project");
    let texts = |list: Option<&Value>| -> Vec<String> {
        let items = list.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let is_dynamic = |key: &str| {
        let dynamic = texts(project.and_then(|project| project.get("dynamic")));
        dynamic.iter().any(|item| item == key)
    };
    if let Some(project) = project {
        declared.requirements = texts(project.get("dependencies"));
        declared.is_static = !is_dynamic("dependencies");
        let extras = project.get("optional-dependencies");
        for (name, list) in table_of(extras) {
            if is_working_group(name) {
                declared.requirements.extend(texts(Some(list)));
                declared.extras.push(name.clone());
            }
        }
        // `dev = ["me[test]"]` means the extra of this revision, not of a release.
        if let Some(own) = project.get("name").and_then(Value::as_str).map(normalize) {
            let mut seen = BTreeSet::new();
            while let Some(place) = declared
                .requirements
                .iter()
                .position(|text| requirement(text).is_some_and(|(name, _)| normalize(name) == own))
            {
                let text = declared.requirements.remove(place);
                let named = text.split_once('[').and_then(|(_, rest)| rest.split(']').next());
                for extra in named.unwrap_or_default().split(',').map(normalize) {
                    if seen.insert(extra.clone()) {
                        let lists = table_of(extras).filter(|(name, _)| normalize(name) == extra);
                        let inner: Vec<String> = lists.flat_map(|(_, list)| texts(Some(list))).collect();
                        declared.requirements.extend(inner);
                    }
                }
            }
        }
    }
    let groups = pyproject.get("dependency-groups");
    for (name, _) in table_of(groups) {
        if is_working_group(name) {
            add_group(groups, name, &mut declared.requirements, &mut BTreeSet::new());
            declared.groups.push(name.clone());
        }
    }
    let tool = |name: &str| pyproject.get("tool").and_then(|tool| tool.get(name));
    for (_, list) in table_of(tool("pdm").and_then(|pdm| pdm.get("dev-dependencies"))) {
        declared.requirements.extend(texts(Some(list)));
    }
    declared
        .requirements
        .extend(texts(tool("uv").and_then(|uv| uv.get("dev-dependencies"))));
    if let Some(poetry) = tool("poetry") {
        // Only where `[project]` does not list the dependencies.
        if project.is_none_or(|project| project.get("dependencies").is_none()) {
            declared.is_static = true;
            declared
                .requirements
                .extend(of_poetry(poetry.get("dependencies")));
        }
        declared
            .requirements
            .extend(of_poetry(poetry.get("dev-dependencies")));
        for (name, group) in table_of(poetry.get("group")) {
            if is_working_group(name) {
                declared.requirements.extend(of_poetry(group.get("dependencies")));
            }
        }
    }
    declared.requirements.sort();
    declared.requirements.dedup();
    declared
}

/// Returns the requirements in the setup.cfg of a project without other metadata.
pub fn declared_in_setup_cfg(text: &str) -> Vec<String> {
    requirements_of(of_setup_cfg(text))
}

/// Returns the requirements in a Pipfile.
pub fn declared_in_pipfile(text: &str) -> Vec<String> {
    let table: Table = text.parse().unwrap_or_default();
    ["packages", "dev-packages"]
        .into_iter()
        .flat_map(|key| of_poetry(table.get(key)))
        .collect()
}

fn requirements_of(said: Said) -> Vec<String> {
    let each = |(name, words): (String, BTreeSet<String>)| {
        words.into_iter().map(move |said| format!("{name}{said}"))
    };
    said.0.into_iter().flat_map(each).collect()
}

fn table_of(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_table).into_iter().flatten()
}

/// Adds a PEP 735 group and the groups that it includes.
fn add_group(groups: Option<&Value>, name: &str, into: &mut Vec<String>, seen: &mut BTreeSet<String>) {
    if !seen.insert(normalize(name)) {
        return;
    }
    let found = table_of(groups).find(|(group, _)| normalize(group) == normalize(name));
    for item in found.and_then(|(_, list)| list.as_array()).into_iter().flatten() {
        match item {
            Value::String(text) => into.push(text.clone()),
            other => {
                if let Some(included) = other.get("include-group").and_then(Value::as_str) {
                    add_group(groups, included, into, seen);
                }
            }
        }
    }
}

/// Converts Poetry's dependencies to PEP 508. `^1.2` and `~1.2` become ranges; path dependencies are left out.
fn of_poetry(table: Option<&Value>) -> Vec<String> {
    let mut requirements = Vec::new();
    for (name, value) in table_of(table) {
        if name == "python" {
            continue;
        }
        // Of several entries for several systems, the first is used for all.
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let is_optional = value.get("optional").and_then(Value::as_bool) == Some(true);
        if is_optional || text("path").is_some() {
            continue;
        }
        let extras: Vec<&str> = value
            .get("extras")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let extras = match extras.is_empty() {
            true => String::new(),
            false => format!("[{}]", extras.join(",")),
        };
        if let Some(url) = text("git") {
            let revision = text("rev").or_else(|| text("tag")).or_else(|| text("branch"));
            let revision = revision
                .map(|revision| format!("@{revision}"))
                .unwrap_or_default();
            requirements.push(format!("{name}{extras} @ git+{url}{revision}"));
            continue;
        }
        let version = value.as_str().or_else(|| text("version")).unwrap_or("*");
        let range = poetry_ranges(version);
        let marker = text("markers")
            .map(|marker| format!(" ; {marker}"))
            .unwrap_or_default();
        requirements.push(format!("{name}{extras}{range}{marker}"));
    }
    requirements
}

/// Converts the parts of a constraint, all of which must hold. PEP 508 has no alternatives: they become an empty range.
fn poetry_ranges(text: &str) -> String {
    if text.contains('|') {
        return String::new();
    }
    let ranges = text
        .split(',')
        .map(poetry_range)
        .filter(|range| !range.is_empty());
    ranges.collect::<Vec<_>>().join(",")
}

/// Converts one part: `^1.2.3` allows versions that keep the first number that is not zero, `~1.2` the second number.
fn poetry_range(text: &str) -> String {
    let text = text.trim();
    let above = |version: &str, at: usize| {
        let numbers: Vec<u64> = version.split('.').map_while(|part| part.parse().ok()).collect();
        let mut upper: Vec<u64> = numbers.iter().copied().take(at + 1).collect();
        if let Some(last) = upper.last_mut() {
            *last += 1;
        }
        let upper: Vec<String> = upper.iter().map(u64::to_string).collect();
        format!(">={version},<{}", upper.join("."))
    };
    if let Some(version) = text.strip_prefix('^') {
        let parts = version.split('.').count();
        let first = version.split('.').position(|part| part != "0");
        above(version, first.unwrap_or(parts - 1))
    } else if let Some(version) = text.strip_prefix('~').filter(|rest| !rest.starts_with('=')) {
        above(version, usize::from(version.contains('.')))
    } else if text == "*" {
        String::new()
    } else if text.starts_with(|first: char| first.is_ascii_digit()) {
        format!("=={text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(name: &str, base: &str, head: &str) -> Vec<String> {
        let declaration = Declaration::of_file(name).unwrap();
        let found = differences(declaration, PerSide::new(Some(base), Some(head))).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn files_that_declare_dependencies_are_known_by_their_names() {
        for name in [
            "requirements-dev.txt",
            "test_requirements.txt",
            "requirements.in",
            "pylock.toml",
            "pylock.dev.toml",
        ] {
            assert!(Declaration::of_file(name).is_some(), "{name}");
        }
        for name in ["README.txt", "tox.ini", "requirements.md", "lock.toml"] {
            assert_eq!(Declaration::of_file(name), None, "{name}");
        }
    }

    #[test]
    fn requirements_are_compared_by_name() {
        let base = "# all\nNumPy==1.26.4 \\\n    --hash=sha256:abc\nattrs>=20 ; python_version < '3.12'\n-r more.txt\nsix\n";
        let head = "numpy==2.0\nattrs>=20 ; python_version < '3.12'  # why\nrich[all]>=13\n-e .\n";
        assert_eq!(
            changes("requirements.txt", base, head),
            [
                "numpy ==1.26.4 → ==2.0",
                "rich none → [all]>=13",
                "six any → none"
            ]
        );
    }

    #[test]
    fn a_pyproject_that_only_formats_itself_declares_the_same() {
        let base = "[project]\nname='a'\nversion='1'\ndependencies=['attrs>=1']\n[tool.poetry.dependencies]\npython='^3.9'\n";
        let head = "[project]\nversion='2'\nname = 'a'\ndependencies = [\n 'attrs>=1',\n]\n[tool.poetry.dependencies]\npython='^3.9'\n";
        assert_eq!(changes("pyproject.toml", base, head), Vec::<String>::new());
        let head = "[project]\ndependencies=['attrs>=2']\n[dependency-groups]\ntest=['pytest', {include-group='x'}]\n\
                    [tool.poetry.group.dev.dependencies]\nmypy={version='^1', optional=true}\n";
        let found = changes("pyproject.toml", base, head);
        assert_eq!(found[0], "attrs >=1 → >=2");
        assert!(found[1].starts_with("mypy none → {"));
        assert_eq!(found[2..], ["pytest none → any", "python ^3.9 → none"]);
    }

    #[test]
    fn a_requirement_that_is_only_reformatted_is_the_same() {
        for (base, head) in [
            ("attrs>=1", "attrs >= 1"),
            ("attrs>=1", "Attrs (>=1)"),
            ("attrs>=1,<2,!=1.5", "attrs != 1.5, <2 ,>=1,"),
            ("attrs[b,a-x]>=1", "attrs [A_x, b] >=1"),
            ("attrs[]", "attrs"),
            (
                "attrs ; python_version<\"3.12\"",
                "attrs;python_version  <  '3.12'",
            ),
            (
                "attrs>=1 ; (os_name=='nt' and extra in \"a b\") or python_version >= '3.9'",
                "attrs >=1; ( os_name == \"nt\" and extra in 'a b' )or python_version>=\"3.9\"",
            ),
            ("attrs @ https://host/a.zip", "attrs@https://host/a.zip"),
            (
                "attrs@https://host/a;b.zip ; os_name=='nt'",
                "attrs @  https://host/a;b.zip  ;os_name == \"nt\"",
            ),
            ("attrs===1.0-x", "attrs === 1.0-x"),
        ] {
            assert_eq!(changes("requirements.txt", base, head), Vec::<String>::new());
            let project = |text: &str| {
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                format!("[project]\ndependencies = [\"{text}\"]\n")
            };
            assert_eq!(
                changes("pyproject.toml", &project(base), &project(head)),
                Vec::<String>::new()
            );
        }
        let poetry = |said: &str| format!("[tool.poetry.dependencies]\na = {said}\n");
        for (base, head) in [
            ("'>=1,<2'", "'<2, >= 1'"),
            ("'^1 || ^2'", "'^2||^1'"),
            ("'^1'", "{version = '^1'}"),
            (
                "{version='>=1,<2', markers=\"os_name=='nt'\"}",
                "{markers='os_name == \"nt\"', version='<2,>=1'}",
            ),
        ] {
            assert_eq!(
                changes("pyproject.toml", &poetry(base), &poetry(head)),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn a_requirement_that_means_something_else_is_another_one() {
        for (base, head) in [
            ("attrs>=1", "attrs>1"),
            ("attrs>=1", "attrs>=1.1"),
            ("attrs>=1", "attrs"),
            ("attrs>=1", "attrs>=1,<2"),
            ("attrs==1.0", "attrs===1.0"),
            ("attrs~=1.4", "attrs~=1.4.0"),
            ("attrs[a]", "attrs[b]"),
            ("attrs[a]", "attrs"),
            ("attrs ; os_name == 'nt'", "attrs"),
            ("attrs ; os_name == 'nt'", "attrs ; os_name != 'nt'"),
            ("attrs ; os_name == 'a b'", "attrs ; os_name == 'ab'"),
            (
                "attrs ; (os_name == 'a' or os_name == 'b') and extra == 'c'",
                "attrs ; os_name == 'a' or (os_name == 'b' and extra == 'c')",
            ),
            (
                "attrs ; platform_version == 'not in'",
                "attrs ; platform_version not in ''",
            ),
            ("attrs @ https://host/a.zip", "attrs @ https://host/b.zip"),
            ("attrs @ https://host/a;x", "attrs @ https://host/a;y"),
        ] {
            assert_eq!(changes("requirements.txt", base, head).len(), 1, "{base} {head}");
        }
        let poetry = |said: &str| format!("[tool.poetry.dependencies]\na = {said}\n");
        for (base, head) in [
            ("'^1'", "'~1'"),
            ("'>=1,<2'", "'>=1 || <2'"),
            ("'^1 || ^2'", "'^1 || ^3'"),
            ("'^1'", "{version='^1', optional=true}"),
        ] {
            assert_eq!(
                changes("pyproject.toml", &poetry(base), &poetry(head)).len(),
                1,
                "{base} {head}"
            );
        }
    }

    #[test]
    fn what_is_reformatted_can_still_be_installed() {
        let cfg = "[options]\ninstall_requires =\n    Attrs [ b,a ] ( <2, >= 1 ) ; python_version<\"3.12\"\n    six @ https://host/a;b\n";
        assert_eq!(
            declared_in_setup_cfg(cfg),
            [
                "attrs[a,b]>=1,<2 ; python_version < '3.12'",
                "six@ https://host/a;b"
            ]
        );
    }

    #[test]
    fn poetrys_alternatives_are_no_single_range() {
        for (said, range) in [
            (">=1,<2 || >=3,<4", ""),
            ("^1 | ^2", ""),
            (">=1,<2", ">=1,<2"),
            ("^1.2, !=1.3.0", ">=1.2,<2,!=1.3.0"),
            ("*", ""),
        ] {
            assert_eq!(poetry_ranges(said), range, "{said}");
        }
    }

    #[test]
    fn lock_files_are_compared_by_version() {
        let lock = |version: &str| {
            format!(
                "version = 1\n[[package]]\nname = 'me'\nsource = {{ editable = '.' }}\n[[package]]\nname = 'attrs'\nversion = '{version}'\n"
            )
        };
        assert_eq!(
            changes("uv.lock", &lock("23.1"), &lock("24.2")),
            ["attrs 23.1 → 24.2"]
        );
        let pipfile =
            |version: &str| format!("{{\"default\": {{\"attrs\": {{\"version\": \"=={version}\"}}}}}}");
        assert_eq!(
            changes("Pipfile.lock", &pipfile("23.1"), &pipfile("24.2")),
            ["attrs ==23.1 → ==24.2"]
        );
        assert_eq!(
            differences(Declaration::TomlLock, PerSide::new(Some("= broken"), Some(""))),
            None
        );
        assert_eq!(
            constraints(Declaration::TomlLock, &lock("23.1")).unwrap(),
            "attrs==23.1\n"
        );
        assert_eq!(
            constraints(Declaration::PipfileLock, &pipfile("23.1")).unwrap(),
            "attrs==23.1\n"
        );
    }

    #[test]
    fn setup_files_are_read_where_they_are_written_out() {
        let cfg = |pin: &str| {
            format!(
                "[metadata]\nname = a==1\n[options]\ninstall_requires =\n    attrs{pin}\n    # six\n[options.extras_require]\ntest = pytest\n"
            )
        };
        assert_eq!(
            changes("setup.cfg", &cfg(">=1"), &cfg(">=2")),
            ["attrs >=1 → >=2"]
        );
        let py = |pin: &str| {
            format!(
                "from setuptools import setup\nextras_require = {{'test': [\"pytest\"]}}\nsetup(name='x==1', install_requires=['attrs{pin}', 'six'],\n    python_requires='>=3', version='{pin}')\n"
            )
        };
        assert_eq!(changes("setup.py", &py(">=1"), &py(">=2")), ["attrs >=1 → >=2"]);
    }

    #[test]
    fn what_working_on_a_project_takes() {
        let table: Table = "[project]\ndependencies=['attrs']\n[project.optional-dependencies]\ntest=['pytest']\ndocs=['sphinx']\n\
            [dependency-groups]\nbench=['rich', {include-group='common'}]\ncommon=['six']\n"
            .parse()
            .unwrap();
        let found = declared(&table);
        assert_eq!(found.requirements, ["attrs", "pytest", "rich", "six"]);
        assert!(found.is_static);
        assert_eq!(
            (found.extras, found.groups),
            (vec!["test".to_owned()], vec!["bench".to_owned()])
        );
        let own: Table = "[project]\nname='Me.x'\n[project.optional-dependencies]\ndev=['me-x[test, fast]']\ntest=['pytest']\n\
            fast=['me_x[dev]', 'numpy']\n"
            .parse()
            .unwrap();
        assert_eq!(declared(&own).requirements, ["numpy", "pytest"]);
        assert_eq!(
            declared_in_pipfile("[packages]\nattrs='==23.1'\nsix='*'\n[requires]\npython_version='3'\n"),
            ["attrs==23.1", "six"]
        );
        assert_eq!(
            declared_in_setup_cfg("[options]\ninstall_requires =\n    attrs>=1\n"),
            ["attrs>=1"]
        );
        let dynamic: Table = "[project]\ndynamic=['dependencies']\n".parse().unwrap();
        assert!(!declared(&dynamic).is_static);
        assert!(!declared(&Table::new()).is_static);
    }

    #[test]
    fn poetrys_own_dependencies_count_beside_the_standards_table() {
        let table: Table = "[project]\nname='a'\n[tool.poetry.dependencies]\npython='^3.9'\nbleak='>=3'\n"
            .parse()
            .unwrap();
        let found = declared(&table);
        assert_eq!(
            (found.requirements, found.is_static),
            (vec!["bleak>=3".to_owned()], true)
        );
    }

    #[test]
    fn poetrys_ranges_become_those_of_pep_508() {
        let table: Table = "[tool.poetry.dependencies]\npython='^3.9'\na='^1.2.3'\nb='^0.2.3'\nc='~1.4'\nd='*'\ne='1.0'\n\
            f={version='>=2,<3', extras=['x'], markers=\"sys_platform == 'linux'\"}\ng={git='https://host/g', tag='v1'}\n\
            h={path='../h'}\ni={version='1', optional=true}\n[tool.poetry.group.test.dependencies]\npytest='^8'\n"
            .parse()
            .unwrap();
        assert_eq!(
            declared(&table).requirements,
            [
                "a>=1.2.3,<2",
                "b>=0.2.3,<0.3",
                "c>=1.4,<1.5",
                "d",
                "e==1.0",
                "f[x]>=2,<3 ; sys_platform == 'linux'",
                "g @ git+https://host/g@v1",
                "pytest>=8,<9"
            ]
        );
    }
}
