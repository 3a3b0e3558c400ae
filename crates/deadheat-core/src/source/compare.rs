use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use super::parallel::in_parallel;
use super::parse::{FunctionCode, ModuleCode, NamedLines};
use super::syntax_error::SyntaxError;
use crate::model::{Change, FunctionPlace, PerSide, Side, TargetFunction};

/// A Python file that differs between the revisions, with the content on each side.
#[derive(Clone, Debug)]
pub struct ChangedFile {
    /// The path relative to the repository.
    pub path: String,
    pub base: Option<Vec<u8>>,
    pub head: Option<Vec<u8>>,
}

/// A change whose consequences are unknown: it may affect any benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unattributed {
    pub path: String,
    pub what: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSyntaxError {
    pub path: String,
    pub side: Side,
    pub error: SyntaxError,
}

/// The result of [`compare`].
#[derive(Debug, Default)]
pub struct Differences {
    /// Functions whose own code differs, sorted by path and line.
    pub targets: Vec<TargetFunction>,
    pub unattributed: Vec<Unattributed>,
    pub syntax_errors: Vec<FileSyntaxError>,
    /// Files whose code differs outside functions, or that only one side has.
    pub outside: BTreeSet<String>,
    /// The first line on base of the functions of these files that are the same on both sides, by head's place.
    pub unchanged: BTreeMap<FunctionPlace, u32>,
    /// The qualified names that several undecorated functions of these files share, by path: which of the functions is
    /// there is decided at run time.
    pub ambiguous: BTreeMap<String, BTreeSet<String>>,
}

/// Returns every function of a file by its qualified name; the last one if several have the same.
pub fn functions_of(source: &[u8]) -> Result<BTreeMap<String, (u32, u32)>, SyntaxError> {
    let functions = functions_with_lines(source)?.into_iter();
    Ok(functions.map(|(lines, qualname)| (qualname, lines)).collect())
}

/// Returns every function of a file.
pub fn functions_with_lines(source: &[u8]) -> Result<Vec<NamedLines>, SyntaxError> {
    let functions = ModuleCode::parse(source)?.functions.into_iter();
    Ok(functions
        .map(|function| (function.lines, function.qualname))
        .collect())
}

/// Compares the two versions of every changed file, on that many threads.
///
/// Files are taken one by one, so that not all of them are in memory at once.
pub fn compare(files: impl IntoIterator<Item = ChangedFile, IntoIter: Send>, threads: usize) -> Differences {
    let mut differences = Differences::default();
    let mut removed = Vec::new();
    let mut added = Vec::new();
    for of_file in in_parallel(files.into_iter(), threads, compare_file) {
        differences.add(of_file.differences);
        removed.extend(of_file.removed);
        added.extend(of_file.added);
    }
    match_moved(&removed, &added, &mut differences.targets);
    sort(&mut differences.targets);
    differences
}

/// The findings from one file.
#[derive(Default)]
struct FileChanges {
    differences: Differences,
    /// Functions that are only on one side: they may have moved to another file.
    removed: Vec<Found>,
    added: Vec<Found>,
}

fn compare_file(file: ChangedFile) -> FileChanges {
    let mut found = FileChanges::default();
    let ChangedFile { path, base, head } = file;
    let is_on_one_side = base.is_none() || head.is_none();
    let mut parse = |side, source: Option<&[u8]>| match source.map(ModuleCode::parse) {
        None => Some(ModuleCode::default()),
        Some(Ok(module)) => Some(module),
        Some(Err(error)) => {
            found.differences.syntax_errors.push(FileSyntaxError {
                path: path.clone(),
                side,
                error,
            });
            None
        }
    };
    let modules = (
        parse(Side::Base, base.as_deref()),
        parse(Side::Head, head.as_deref()),
    );
    let (base, head) = match modules {
        (Some(base), Some(head)) => (base, head),
        (base, head) => {
            let on = match (base, head) {
                (Some(_), None) => "head",
                (None, Some(_)) => "base",
                _ => "either side",
            };
            found.differences.unattributed.push(Unattributed {
                path,
                what: format!("cannot be parsed on {on}"),
            });
            return found;
        }
    };
    compare_functions(&path, &base, &head, &mut found);
    if is_on_one_side || base.outside != head.outside {
        found.differences.outside.insert(path);
    }
    found
}

impl Differences {
    fn add(&mut self, other: Differences) {
        self.targets.extend(other.targets);
        self.unattributed.extend(other.unattributed);
        self.syntax_errors.extend(other.syntax_errors);
        self.outside.extend(other.outside);
        self.unchanged.extend(other.unchanged);
        self.ambiguous.extend(other.ambiguous);
    }
}

struct Found {
    path: String,
    function: FunctionCode,
}

fn place(path: &str, function: &FunctionCode) -> FunctionPlace {
    FunctionPlace {
        path: path.to_owned(),
        qualname: function.qualname.clone(),
        line: function.lines.0,
    }
}

fn target(
    path: &str,
    function: &FunctionCode,
    change: Change,
    detail: Option<String>,
    places: PerSide<Option<FunctionPlace>>,
) -> TargetFunction {
    TargetFunction {
        path: path.to_owned(),
        qualname: function.qualname.clone(),
        change: Some(change),
        lines: function.lines,
        detail,
        places,
        reached_by: Vec::new(),
    }
}

fn sort(targets: &mut [TargetFunction]) {
    targets.sort_by(|a, b| (&a.path, a.lines, &a.qualname).cmp(&(&b.path, b.lines, &b.qualname)));
}

fn compare_functions(path: &str, base: &ModuleCode, head: &ModuleCode, file: &mut FileChanges) {
    let found = |function: &FunctionCode| Found {
        path: path.to_owned(),
        function: function.clone(),
    };
    // A name may be defined more than once in a scope: a property's getter and setter, overloads, branches of an `if`.
    let by_name = by_name(&base.functions, &head.functions, |function| &function.qualname);
    for (name, (before, after)) in by_name {
        let is_ambiguous = [&before, &after]
            .into_iter()
            .any(|all| all.iter().filter(|function| !function.is_decorated).count() > 1);
        if is_ambiguous {
            let names = file.differences.ambiguous.entry(path.to_owned()).or_default();
            names.insert(name.to_owned());
        }
        let [before, after] = [before, after].map(|all| all.into_iter().enumerate().collect::<Vec<_>>());
        let (mut pairs, before, after) = pair_up(&before, &after, |(_, function)| function.code);
        let both = before.len().min(after.len());
        pairs.extend(before.iter().copied().zip(after.iter().copied()));
        pairs.sort_by_key(|((place, _), _)| *place);
        let places: Vec<usize> = pairs.iter().map(|(_, (place, _))| *place).collect();
        let mut modified = Vec::new();
        for (((_, on_base), (_, on_head)), crosses) in pairs.into_iter().zip(crossing(&places)) {
            if crosses || on_base.code != on_head.code {
                modified.push((on_base, on_head));
            } else {
                file.differences
                    .unchanged
                    .insert(place(path, on_head), on_base.lines.0);
            }
        }
        for (old, new) in modified {
            let places = PerSide::new(Some(place(path, old)), Some(place(path, new)));
            let modified = target(path, new, Change::Modified, None, places);
            file.differences.targets.push(modified);
        }
        file.removed
            .extend(before[both..].iter().map(|(_, function)| found(function)));
        file.added
            .extend(after[both..].iter().map(|(_, function)| found(function)));
    }
}

/// Groups the definitions of both sides by name, in their order.
fn by_name<'a, T>(
    base: &'a [T],
    head: &'a [T],
    name: impl Fn(&T) -> &String,
) -> BTreeMap<&'a str, (Vec<&'a T>, Vec<&'a T>)> {
    let mut found: BTreeMap<&str, (Vec<&T>, Vec<&T>)> = BTreeMap::new();
    for item in base {
        found.entry(name(item)).or_default().0.push(item);
    }
    for item in head {
        found.entry(name(item)).or_default().1.push(item);
    }
    found
}

/// Returns which of the pairs cross another one. A pair is given by its place on one side, in the order of the other.
fn crossing(places: &[usize]) -> Vec<bool> {
    let mut crosses = vec![false; places.len()];
    let mut highest = 0;
    for (&place, crosses) in places.iter().zip(&mut crosses) {
        *crosses |= place < highest;
        highest = highest.max(place);
    }
    let mut lowest = usize::MAX;
    for (&place, crosses) in places.iter().zip(&mut crosses).rev() {
        *crosses |= place > lowest;
        lowest = lowest.min(place);
    }
    crosses
}

/// Pairs items with the same key, one to one, in the order of both; returns the pairs, and the rest of each side.
fn pair_up<T: Copy, K: Hash + Eq>(
    before: &[T],
    after: &[T],
    key: impl Fn(T) -> K,
) -> (Vec<(T, T)>, Vec<T>, Vec<T>) {
    let mut places: HashMap<K, VecDeque<usize>> = HashMap::new();
    for (index, &item) in after.iter().enumerate() {
        places.entry(key(item)).or_default().push_back(index);
    }
    let mut is_taken = vec![false; after.len()];
    let mut pairs = Vec::new();
    let mut lost = Vec::new();
    for &item in before {
        match places.get_mut(&key(item)).and_then(VecDeque::pop_front) {
            Some(index) => {
                is_taken[index] = true;
                pairs.push((item, after[index]));
            }
            None => lost.push(item),
        }
    }
    let left = after.iter().zip(is_taken).filter(|(_, is_taken)| !is_taken);
    let gained = left.map(|(&item, _)| item).collect();
    (pairs, lost, gained)
}

/// Pairs functions that one side lost with those that the other gained, one to one, the most similar first.
fn match_moved(removed: &[Found], added: &[Found], targets: &mut Vec<TargetFunction>) {
    fn leaf(found: &Found) -> &str {
        found.function.qualname.rsplit('.').next().unwrap_or_default()
    }
    /// The file and the name that must be the same in addition to the code.
    type Alike = for<'a> fn(&'a Found) -> (Option<&'a str>, Option<&'a str>);
    let degrees: [Alike; 4] = [
        |found| (None, Some(&found.function.qualname)),
        |found| (Some(&found.path), Some(leaf(found))),
        |found| (None, Some(leaf(found))),
        |_| (None, None),
    ];
    let mut removed: Vec<&Found> = removed.iter().collect();
    let mut added: Vec<&Found> = added.iter().collect();
    for alike in degrees {
        let moved;
        (moved, removed, added) = pair_up(&removed, &added, |found| (found.function.code, alike(found)));
        for (old, new) in moved {
            let from = if new.path == old.path {
                old.function.qualname.clone()
            } else {
                format!("{}::{}", old.path, old.function.qualname)
            };
            targets.push(target(
                &new.path,
                &new.function,
                Change::Moved,
                Some(format!("was {from}")),
                PerSide::new(
                    Some(place(&old.path, &old.function)),
                    Some(place(&new.path, &new.function)),
                ),
            ));
        }
    }
    for old in removed {
        let places = PerSide::new(Some(place(&old.path, &old.function)), None);
        targets.push(target(&old.path, &old.function, Change::Removed, None, places));
    }
    for new in added {
        let places = PerSide::new(None, Some(place(&new.path, &new.function)));
        targets.push(target(&new.path, &new.function, Change::Added, None, places));
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
